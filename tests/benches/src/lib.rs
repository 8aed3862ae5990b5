//! Measures the controller beside two Python programs that do the same, on the local AWS with a
//! set latency, and puts the figures into `docs/benchmarks.md`.
//!
//! The programs run as Lambda runs them: a process that asks a Runtime API for work. Everything is
//! taken in turn (A B C A B C ...), so that noise of the machine hits all alike.

pub mod burst;
pub mod chain;
pub mod clock;
pub mod cold;
pub mod collection;
pub mod cost;
pub mod decision;
pub mod events;
pub mod function;
pub mod kinds;
pub mod load;
pub mod machine;
pub mod plan;
pub mod programs;
pub mod report;
pub mod results;
pub mod run;
pub mod source;
pub mod stage;
pub mod stats;
pub mod sweep;
pub mod template;
pub mod world;
