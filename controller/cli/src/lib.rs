//! `maciectl`: the controller for people, and the local AWS with the controller attached.

pub mod sandbox;
