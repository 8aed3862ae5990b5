//! `Invoke`, without waiting for the answer.

use serde_json::Value;

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[Operation {
    service: "lambda",
    name: "Invoke",
    action: "lambda:InvokeFunction",
    does: "Accepts an asynchronous invocation (`InvocationType` Event) and keeps it for whoever runs the function; other types are refused.",
    source: "Lambda API Reference, Invoke",
}];

/// An invocation that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The account of the function, which is the caller's.
    pub account: String,
    /// The Region of the function.
    pub region: String,
    /// The function as it was named: a name or an ARN.
    pub function: String,
    /// What it is given.
    pub payload: Value,
}

pub(super) fn perform(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let kind = call
        .header("x-amz-invocation-type")
        .unwrap_or("RequestResponse");
    if kind != "Event" {
        return Err(ApiError::new(
            "InvalidParameterValueException",
            400,
            format!("`InvocationType` is `{kind}`: the local AWS runs no functions, give `Event`"),
        ));
    }
    let function = call.segments.get(2).cloned().unwrap_or_default();
    world.lambda.invocations.push(Invocation {
        account: call.caller.account.clone(),
        region: call.region.clone(),
        function,
        payload: call.input.clone(),
    });
    Ok(Reply::empty(202))
}
