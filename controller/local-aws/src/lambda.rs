//! Lambda.

pub mod settings;

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = settings::OPERATIONS;

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    settings::perform(world, call, operation)
}

/// The operation that a request's method and path name.
pub fn route(call: &Call) -> Option<&'static str> {
    settings::route(call)
}
