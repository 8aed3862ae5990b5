//! Systems Manager: parameters.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[Operation {
    service: "ssm",
    name: "GetParameter",
    action: "ssm:GetParameter",
    does: "Tells the text of a parameter of the caller's account and Region; parameters are made with the world.",
    source: "Systems Manager API Reference, GetParameter",
}];

/// Parameters of every account.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By account, Region and name.
    pub parameters: BTreeMap<(String, String, String), Parameter>,
}

/// A parameter of type `String`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its text.
    pub value: String,
    /// When it was written.
    pub modified: Timestamp,
}

/// Writes a parameter.
pub fn put_parameter(world: &mut World, account: &str, region: &str, name: &str, value: &str) {
    let key = [account, region, name].map(str::to_owned).into();
    let parameter = Parameter {
        value: value.to_owned(),
        modified: world.now(),
    };
    world.ssm.parameters.insert(key, parameter);
}

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, _operation: &str) -> Result<Reply, ApiError> {
    let name = call.text("Name").unwrap_or_default();
    let (account, region) = (call.caller.account.as_str(), call.region.as_str());
    let key = [account, region, name].map(str::to_owned).into();
    let Some(parameter) = world.ssm.parameters.get(&key) else {
        return Err(ApiError::new(
            "ParameterNotFound",
            400,
            format!("Parameter {name} not found."),
        ));
    };
    let slash = if name.starts_with('/') { "" } else { "/" };
    Ok(Reply::json(json!({ "Parameter": {
        "Name": name,
        "Type": "String",
        "Value": parameter.value,
        "Version": 1,
        "LastModifiedDate": parameter.modified.as_second(),
        "ARN": format!("arn:aws:ssm:{region}:{account}:parameter{slash}{name}"),
        "DataType": "text",
    }})))
}
