//! The live check: asks AWS itself, in a sandbox organization that its owner names, what AWS's
//! documents leave open, and says what to change where the answer is not what we assume.
//!
//! It is run by hand and costs money. The feature `live` is needed to talk to AWS; without it, and
//! in its own test, it talks to the local AWS. See `docs/live-check.md`.

pub mod args;
pub mod run;

pub mod answer;
pub mod catalogue;
pub mod questions;

pub mod aws;
pub mod budget;
pub mod clean;
pub mod guard;
pub mod s3control;
pub mod state;
pub mod waiter;
