//! `maciectl`: the controller for people, and the local AWS with the controller attached.

pub mod args;
pub mod commands;
pub mod exit;
pub mod output;
pub mod sandbox;
