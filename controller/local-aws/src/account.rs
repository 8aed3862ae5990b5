//! Account Management: which Regions an account may use.

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[Operation {
    service: "account",
    name: "ListRegions",
    action: "account:ListRegions",
    does: "Lists the Regions with their status for the caller's account, or for a member if the management account asks; at most 50 a page.",
    source: "Account Management API Reference, ListRegions",
}];

/// Regions that every account has (Account Management Reference Guide, manage-acct-regions).
const BY_DEFAULT: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// Regions that an account opts in to; here every account has, unless its Region is disabled.
const OPT_IN: [&str; 14] = [
    "af-south-1",
    "ap-east-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
];

/// The largest page, and the one that callers get who ask for none.
const PAGE: usize = 50;

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, _operation: &str) -> Result<Reply, ApiError> {
    let account = meant(world, call)?;
    let (size, start) = (page_size(call)?, token(call)?);
    let filter = call
        .input
        .get("RegionOptStatusContains")
        .and_then(Value::as_array);
    let regions: Vec<Value> = regions(world, account)
        .into_iter()
        .filter(|(_, status)| filter.is_none_or(|wanted| wanted.contains(&json!(status))))
        .map(|(name, status)| json!({ "RegionName": name, "RegionOptStatus": status }))
        .collect();
    let page: Vec<&Value> = regions.iter().skip(start).take(size).collect();
    let mut document = json!({ "Regions": page });
    if let (true, Some(members)) = (start + size < regions.len(), document.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!((start + size).to_string()));
    }
    Ok(Reply::json(document))
}

/// Every Region that an account can have.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BY_DEFAULT.iter().chain(&OPT_IN).copied()
}

/// The operation that a request's method and path name.
pub fn route(call: &Call) -> Option<&'static str> {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("POST", ["listRegions"]) => Some("ListRegions"),
        _ => None,
    }
}

/// The account that is asked about: one's own, or any for the management account.
fn meant<'c>(world: &World, call: &'c Call) -> Result<&'c str, ApiError> {
    let own = call.caller.account.as_str();
    match call.text("AccountId") {
        Some(other) if !world.organizations.accounts.contains_key(other) => Err(invalid(format!(
            "`AccountId` is `{other}`: expected an account of the organization"
        ))),
        Some(other) if other != own && own != world.organizations.management => Err(ApiError::new(
            "AccessDeniedException",
            403,
            "only the management account can ask about another account",
        )),
        other => Ok(other.unwrap_or(own)),
    }
}

fn regions(world: &World, account: &str) -> Vec<(&'static str, &'static str)> {
    let disabled = |region: &str| {
        let account = world.organizations.accounts.get(account);
        account.is_some_and(|account| account.disabled_regions.iter().any(|name| name == region))
    };
    let named = |names: &'static [&'static str], status: &'static str| {
        names.iter().map(move |name| (*name, status))
    };
    let mut all: Vec<_> = named(&BY_DEFAULT, "ENABLED_BY_DEFAULT")
        .chain(named(&OPT_IN, "ENABLED"))
        .map(|(name, status)| (name, if disabled(name) { "DISABLED" } else { status }))
        .collect();
    all.sort_unstable();
    all
}

fn page_size(call: &Call) -> Result<usize, ApiError> {
    let Some(given) = call.input.get("MaxResults") else {
        return Ok(PAGE);
    };
    let size = given.as_u64().and_then(|size| usize::try_from(size).ok());
    size.filter(|size| (1..=PAGE).contains(size))
        .ok_or_else(|| invalid(format!("`MaxResults` is {given}: expected 1 to {PAGE}")))
}

fn token(call: &Call) -> Result<usize, ApiError> {
    let given = call.text("NextToken").unwrap_or("0");
    given.parse().map_err(|_| {
        invalid(format!(
            "`NextToken` is `{given}`: expected a token of a page"
        ))
    })
}

fn invalid(message: String) -> ApiError {
    ApiError::new("ValidationException", 400, message)
}
