//! Organizations: accounts, units, delegated administrators.

mod read;
pub mod trail;
mod write;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    error::ApiError,
    operation::Operation,
    organization::admin,
    request::{Body, Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        service: "organizations",
        name: "DescribeOrganization",
        action: "organizations:DescribeOrganization",
        does: "Describes the organization; open to every member.",
        source: "Organizations API Reference, DescribeOrganization",
    },
    Operation {
        service: "organizations",
        name: "ListAccounts",
        action: "organizations:ListAccounts",
        does: "Lists every account, closed ones included, at most 20 a page.",
        source: "Organizations API Reference, ListAccounts",
    },
    Operation {
        service: "organizations",
        name: "DescribeAccount",
        action: "organizations:DescribeAccount",
        does: "Describes an account with its State and the retired Status.",
        source: "Organizations API Reference, DescribeAccount",
    },
    Operation {
        service: "organizations",
        name: "ListRoots",
        action: "organizations:ListRoots",
        does: "Lists the one root.",
        source: "Organizations API Reference, ListRoots",
    },
    Operation {
        service: "organizations",
        name: "ListParents",
        action: "organizations:ListParents",
        does: "Names the unit or root that holds an account or unit.",
        source: "Organizations API Reference, ListParents",
    },
    Operation {
        service: "organizations",
        name: "ListOrganizationalUnitsForParent",
        action: "organizations:ListOrganizationalUnitsForParent",
        does: "Lists the units directly in a unit or root.",
        source: "Organizations API Reference, ListOrganizationalUnitsForParent",
    },
    Operation {
        service: "organizations",
        name: "ListAccountsForParent",
        action: "organizations:ListAccountsForParent",
        does: "Lists the accounts directly in a unit or root.",
        source: "Organizations API Reference, ListAccountsForParent",
    },
    Operation {
        service: "organizations",
        name: "ListDelegatedAdministrators",
        action: "organizations:ListDelegatedAdministrators",
        does: "Lists the delegated administrators, of one service if a principal is given.",
        source: "Organizations API Reference, ListDelegatedAdministrators",
    },
    Operation {
        service: "organizations",
        name: "ListAWSServiceAccessForOrganization",
        action: "organizations:ListAWSServiceAccessForOrganization",
        does: "Lists the services with trusted access.",
        source: "Organizations API Reference, ListAWSServiceAccessForOrganization",
    },
    Operation {
        service: "organizations",
        name: "ListTagsForResource",
        action: "organizations:ListTagsForResource",
        does: "Lists the tags of an account, on one page; units and policies have none here.",
        source: "Organizations API Reference, ListTagsForResource",
    },
    Operation {
        service: "organizations",
        name: "EnableAWSServiceAccess",
        action: "organizations:EnableAWSServiceAccess",
        does: "Gives a service trusted access; management account only.",
        source: "Organizations API Reference, EnableAWSServiceAccess",
    },
    Operation {
        service: "organizations",
        name: "RegisterDelegatedAdministrator",
        action: "organizations:RegisterDelegatedAdministrator",
        does: "Makes a member the delegated administrator of a trusted service; management account only.",
        source: "Organizations API Reference, RegisterDelegatedAdministrator",
    },
    Operation {
        service: "organizations",
        name: "DeregisterDelegatedAdministrator",
        action: "organizations:DeregisterDelegatedAdministrator",
        does: "Ends the delegation of a service to a member; what the service itself knows stays as it is; management account only.",
        source: "Organizations API Reference, DeregisterDelegatedAdministrator",
    },
    Operation {
        service: "organizations",
        name: "CreateAccount",
        action: "organizations:CreateAccount",
        does: "Creates an account in the root, with its tags and a role that trusts the management account; it is there at once, and the status follows from DescribeCreateAccountStatus. As every change of the organization, it is an event on the management account's default bus in us-east-1; so is its result.",
        source: "Organizations API Reference, CreateAccount",
    },
    Operation {
        service: "organizations",
        name: "DescribeCreateAccountStatus",
        action: "organizations:DescribeCreateAccountStatus",
        does: "Tells how a request to create an account ended: SUCCEEDED, or FAILED when the address is taken.",
        source: "Organizations API Reference, DescribeCreateAccountStatus",
    },
    Operation {
        service: "organizations",
        name: "CloseAccount",
        action: "organizations:CloseAccount",
        does: "Closes a member account at once (AWS passes through PENDING_CLOSURE); management account only. The call and its result are events.",
        source: "Organizations API Reference, CloseAccount",
    },
    Operation {
        service: "organizations",
        name: "MoveAccount",
        action: "organizations:MoveAccount",
        does: "Moves an account from its parent to another; management account only. The call is an event.",
        source: "Organizations API Reference, MoveAccount",
    },
    Operation {
        service: "organizations",
        name: "CreateOrganizationalUnit",
        action: "organizations:CreateOrganizationalUnit",
        does: "Creates a unit; names are unique in their parent; management account only.",
        source: "Organizations API Reference, CreateOrganizationalUnit",
    },
];

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    guard(&world.organizations, &call.caller.account, operation)?;
    if is_read(operation) {
        return read::perform(&world.organizations, call, operation).map(Reply::json);
    }
    let outcome = match operation {
        "EnableAWSServiceAccess" => write::enable_service_access(world, call),
        "RegisterDelegatedAdministrator" => write::register_delegated_administrator(world, call),
        "DeregisterDelegatedAdministrator" => {
            write::deregister_delegated_administrator(world, call)
        }
        "CreateAccount" => write::create_account(world, call),
        "CloseAccount" => write::close_account(world, call),
        "MoveAccount" => write::move_account(world, call),
        _ => write::create_unit(world, call),
    };
    trail::record(world, call, operation, &outcome);
    outcome.map(Reply::json)
}

/// An administrator of the management account changes the organization.
pub fn change(world: &mut World, operation: &str, input: Value) -> Result<Value, ApiError> {
    let call = Call {
        service: "organizations",
        region: trail::REGION.to_owned(),
        caller: admin(&world.organizations.management),
        method: "POST".to_owned(),
        segments: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        input,
    };
    match perform(world, &call, operation)?.body {
        Body::Json(document) => Ok(document),
        _ => Ok(Value::Null),
    }
}

fn is_read(operation: &str) -> bool {
    operation.starts_with("Describe") || operation.starts_with("List")
}

/// Reading is for the management account and delegated administrators, writing for the
/// management account, and every member may describe its organization.
fn guard(state: &State, account: &str, operation: &str) -> Result<(), ApiError> {
    if state.id.is_empty() || !state.accounts.contains_key(account) {
        return Err(ApiError::new(
            "AWSOrganizationsNotInUseException",
            400,
            "Your account is not a member of an organization.",
        ));
    }
    let reads = is_read(operation);
    let delegated = state.delegated.iter().any(|(_, id)| id == account);
    let allowed =
        account == state.management || operation == "DescribeOrganization" || (reads && delegated);
    if allowed {
        return Ok(());
    }
    Err(ApiError::new(
        "AccessDeniedException",
        400,
        "You don't have permissions to access this resource.",
    ))
}

/// A required string member.
fn required<'a>(call: &'a Call, name: &str) -> Result<&'a str, ApiError> {
    call.text(name)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| invalid("INPUT_REQUIRED", format!("{name}: a value is required")))
}

fn invalid(reason: &str, message: String) -> ApiError {
    ApiError::new("InvalidInputException", 400, message).detail("Reason", reason)
}

fn no_account(id: &str) -> ApiError {
    ApiError::new(
        "AccountNotFoundException",
        400,
        format!("You specified an account that doesn't exist: {id}"),
    )
}

/// A required account id that has the form of one.
fn account_id<'a>(call: &'a Call, name: &str) -> Result<&'a str, ApiError> {
    let id = required(call, name)?;
    if id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(id);
    }
    Err(invalid(
        "INVALID_PATTERN",
        format!("{name}: expected 12 digits, found `{id}`"),
    ))
}

/// The organization.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// `o-` and 10 characters.
    pub id: String,
    /// The management account.
    pub management: String,
    /// Every account by id, closed ones included.
    pub accounts: BTreeMap<String, Account>,
    /// Units by id; the root is `r-` and 4 characters.
    pub units: BTreeMap<String, Unit>,
    /// Delegated administrators: service principal, then account.
    pub delegated: Vec<(String, String)>,
    /// Service principals with trusted access.
    pub trusted_services: Vec<String>,
    /// When services were given trusted access, of those that were since the world began.
    pub trusted_since: BTreeMap<String, Timestamp>,
    /// Requests to create an account, by request id.
    pub requests: BTreeMap<String, AccountRequest>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// 12 digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its root user's address.
    pub email: String,
    /// `PENDING_ACTIVATION`, `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, `CLOSED`.
    pub state: String,
    /// The unit or root that holds it.
    pub parent: String,
    /// Regions that are disabled for the account.
    pub disabled_regions: Vec<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// A unit or the root.
#[derive(Debug, Clone)]
pub struct Unit {
    /// `ou-...` or `r-...`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The unit above; none for the root.
    pub parent: Option<String>,
}

/// A request to create an account.
#[derive(Debug, Clone)]
pub struct AccountRequest {
    /// `car-` and at least 8 characters.
    pub id: String,
    /// The name of the account.
    pub name: String,
    /// When it was asked for; it ended at the same moment.
    pub requested_at: Timestamp,
    /// The new account, or why there is none (`EMAIL_ALREADY_EXISTS`).
    pub outcome: Result<String, &'static str>,
}

impl AccountRequest {
    /// The status document; a request shows itself as in progress to the one who makes it.
    fn document(&self, state: &str) -> Value {
        let mut document = json!({
            "Id": self.id,
            "AccountName": self.name,
            "State": state,
            "RequestedTimestamp": self.requested_at.as_second(),
        });
        if state == "IN_PROGRESS" {
            return document;
        }
        if let Some(members) = document.as_object_mut() {
            let (name, value) = match &self.outcome {
                Ok(account) => ("AccountId", account.as_str()),
                Err(reason) => ("FailureReason", *reason),
            };
            members.insert(name.to_owned(), json!(value));
            let ended = json!(self.requested_at.as_second());
            members.insert("CompletedTimestamp".to_owned(), ended);
        }
        document
    }
}

#[cfg(test)]
mod tests;
