//! Macie.

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[];

/// Carries out an operation.
pub fn perform(_world: &mut World, _call: &Call, operation: &str) -> Result<Reply, ApiError> {
    Err(ApiError::new("UnknownOperationException", 404, operation))
}

/// Macie per account and Region.
#[derive(Debug, Default)]
pub struct State {}

/// The operation of a REST request, by method and path.
pub fn route(_call: &Call) -> Option<&'static str> {
    None
}

/// Lets everything happen that has fallen due: members become enabled, jobs run.
pub fn settle(_world: &mut World) {}
