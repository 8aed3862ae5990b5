//! CloudTrail.

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
