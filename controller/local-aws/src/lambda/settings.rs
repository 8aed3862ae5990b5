//! Functions' settings, and what an account may run at a time.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        service: "lambda",
        name: "GetAccountSettings",
        action: "lambda:GetAccountSettings",
        does: "Tells how many executions the account may have at a time, and how many no function has reserved.",
        source: "Lambda API Reference, GetAccountSettings",
    },
    Operation {
        service: "lambda",
        name: "GetFunctionConfiguration",
        action: "lambda:GetFunctionConfiguration",
        does: "Tells a function's settings; functions are made with the world.",
        source: "Lambda API Reference, GetFunctionConfiguration",
    },
    Operation {
        service: "lambda",
        name: "GetFunctionConcurrency",
        action: "lambda:GetFunctionConcurrency",
        does: "Tells how many executions a function has reserved; nothing when none.",
        source: "Lambda API Reference, GetFunctionConcurrency",
    },
];

/// Functions of every account.
#[derive(Debug, Clone)]
pub struct State {
    /// By account, Region and name.
    pub functions: BTreeMap<(String, String, String), Function>,
    /// Executions that an account may have at a time in a Region.
    pub concurrency: u32,
}

impl Default for State {
    fn default() -> Self {
        Self {
            functions: BTreeMap::new(),
            concurrency: 1000,
        }
    }
}

/// A function's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// What it says about itself.
    pub description: String,
    /// Seconds after which an execution ends.
    pub timeout: u32,
    /// Executions that are reserved for it; 0 stops it, none reserves nothing.
    pub reserved: Option<u32>,
    /// Its environment.
    pub environment: BTreeMap<String, String>,
}

/// The operation that a request's method and path name.
pub fn route(call: &Call) -> Option<&'static str> {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["2016-08-19", "account-settings"]) => Some("GetAccountSettings"),
        ("GET", ["2015-03-31", "functions", _, "configuration"]) => {
            Some("GetFunctionConfiguration")
        }
        ("GET", ["2019-09-30", "functions", _, "concurrency"]) => Some("GetFunctionConcurrency"),
        _ => None,
    }
}

/// Carries out an operation.
pub fn perform(world: &World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    Ok(Reply::json(match operation {
        "GetAccountSettings" => account(world, call),
        "GetFunctionConfiguration" => {
            let (name, function) = find(world, call)?;
            configuration(call, name, function)
        }
        _ => match find(world, call)?.1.reserved {
            Some(reserved) => json!({ "ReservedConcurrentExecutions": reserved }),
            None => json!({}),
        },
    }))
}

fn account(world: &World, call: &Call) -> Value {
    let State {
        functions,
        concurrency,
    } = &world.functions;
    let own = functions.iter().filter(|((account, region, _), _)| {
        *account == call.caller.account && *region == call.region
    });
    let reserved: u32 = own
        .clone()
        .filter_map(|(_, function)| function.reserved)
        .sum();
    json!({
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_u64,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": concurrency,
            "UnreservedConcurrentExecutions": concurrency.saturating_sub(reserved),
        },
        "AccountUsage": { "TotalCodeSize": 0, "FunctionCount": own.count() },
    })
}

fn find<'w>(world: &'w World, call: &Call) -> Result<(&'w str, &'w Function), ApiError> {
    let asked = call.segments.get(2).map(String::as_str).unwrap_or_default();
    let (account, region) = (call.caller.account.as_str(), call.region.as_str());
    let key = [account, region, asked].map(str::to_owned).into();
    let found = world.functions.functions.get_key_value(&key);
    found
        .map(|((.., name), function)| (name.as_str(), function))
        .ok_or_else(|| {
            let arn = arn(call, asked);
            ApiError::new(
                "ResourceNotFoundException",
                404,
                format!("Function not found: {arn}"),
            )
        })
}

fn arn(call: &Call, name: &str) -> String {
    let (account, region) = (&call.caller.account, &call.region);
    format!("arn:aws:lambda:{region}:{account}:function:{name}")
}

fn configuration(call: &Call, name: &str, function: &Function) -> Value {
    json!({
        "FunctionName": name,
        "FunctionArn": arn(call, name),
        "Runtime": "provided.al2023",
        "Role": format!("arn:aws:iam::{}:role/{name}", call.caller.account),
        "Handler": "bootstrap",
        "Description": function.description,
        "Timeout": function.timeout,
        "Environment": { "Variables": function.environment },
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Version": "$LATEST",
    })
}
