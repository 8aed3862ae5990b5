//! EventBridge: buses, rules, delivery.

mod matching;
pub mod pattern;
mod wildcard;

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

use serde_json::Value;

/// Buses, rules and what was delivered.
#[derive(Debug, Default)]
pub struct State {}

/// Puts a service's event on the default bus of an account and Region: fills `version`, `id`,
/// `time`, `account`, `region`, and lets the rules decide.
pub fn emit(
    _world: &mut World,
    _account: &str,
    _region: &str,
    _source: &str,
    _detail_type: &str,
    _resources: Vec<String>,
    _detail: Value,
) {
}
