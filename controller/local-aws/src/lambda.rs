//! Lambda: what functions are asked to do. Nothing runs here.

pub mod invoke;
pub mod settings;

pub use self::invoke::Invocation;
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Lambda in every account and Region.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Asynchronous invocations that were accepted, oldest first. Whoever runs the function takes
    /// them from here.
    pub invocations: Vec<Invocation>,
}

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    match operation {
        "Invoke" => invoke::perform(world, call),
        _ => settings::perform(world, call, operation),
    }
}

/// The operation that a request's method and path name.
pub fn route(call: &Call) -> Option<&'static str> {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("POST", ["2015-03-31", "functions", _, "invocations"]) => Some("Invoke"),
        _ => settings::route(call),
    }
}
