//! What the scenario tests share: an organization on the local AWS with the controller attached,
//! verbs as a team speaks them, questions about where things ended, and a safety monitor that
//! knows nothing of the controller and reads every scenario's whole history when it ends.

pub mod ask;
pub mod bill;
pub mod custom_resource;
pub mod function;
pub mod monitor;
pub mod report;
pub mod scenario;
pub mod seeds;
pub mod setup;
pub mod simulation;
pub mod state;

pub use scenario::{EU, Scenario, US};
pub use setup::Setup;
