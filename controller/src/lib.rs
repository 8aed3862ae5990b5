//! The shell of the Macie self-service controller: everything that reaches the world.
//!
//! [`reconcile`] is the whole path on one screen. Around it: [`config`] is the only reader of the
//! environment, [`aws`] holds the clients and turns AWS's errors into classes, [`observe`] reads,
//! [`act`] writes, [`pace`] is the line for new jobs, [`publish`] tells, [`lambda`] is what the
//! function does with an event, [`again`] is how it comes back to what waits, [`sweep`] is how it
//! looks at everything, [`collect`] keeps what it costs.

pub mod act;
pub mod again;
pub mod aws;
pub mod clock;
pub mod collect;
pub mod config;
pub mod debounce;
mod errands;
pub mod lambda;
pub mod log;
pub mod metrics;
pub mod observe;
pub mod pace;
pub mod publish;
pub mod reconcile;
mod settings;
pub mod snapshots;
pub mod survey;
pub mod sweep;
