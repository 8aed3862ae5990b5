//! The operations that read.

use serde_json::{Value, json};

use super::{Account, State, Unit, account_id, invalid, no_account, required};
use crate::{error::ApiError, request::Call};

/// Carries out a reading operation.
pub fn perform(state: &State, call: &Call, operation: &str) -> Result<Value, ApiError> {
    match operation {
        "DescribeOrganization" => Ok(describe_organization(state)),
        "ListAccounts" => accounts(state, call, |_| true),
        "DescribeAccount" => describe_account(state, call),
        "ListRoots" => roots(state, call),
        "ListParents" => parents(state, call),
        "ListOrganizationalUnitsForParent" => units(state, call),
        "ListAccountsForParent" => {
            let parent = parent(state, call)?;
            accounts(state, call, |account| account.parent == parent.id)
        }
        "ListDelegatedAdministrators" => delegated(state, call),
        "ListAWSServiceAccessForOrganization" => trusted(state, call),
        "ListTagsForResource" => tags(state, call),
        "DescribeCreateAccountStatus" => request_status(state, call),
        _ => Err(ApiError::new("UnknownOperationException", 404, operation)),
    }
}

fn describe_organization(state: &State) -> Value {
    let (id, management) = (&state.id, &state.management);
    let email = state.accounts.get(management).map(|a| a.email.as_str());
    json!({ "Organization": {
        "Id": id,
        "Arn": format!("arn:aws:organizations::{management}:organization/{id}"),
        "FeatureSet": "ALL",
        "MasterAccountArn": account_arn(state, management),
        "MasterAccountId": management,
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": [],
    } })
}

fn describe_account(state: &State, call: &Call) -> Result<Value, ApiError> {
    let id = account_id(call, "AccountId")?;
    let account = state.accounts.get(id).ok_or_else(|| no_account(id))?;
    Ok(json!({ "Account": account_document(state, account) }))
}

fn tags(state: &State, call: &Call) -> Result<Value, ApiError> {
    let id = required(call, "ResourceId")?;
    let account = state.accounts.get(id).ok_or_else(|| {
        let message = format!("We can't find a target with the TargetId `{id}`");
        ApiError::new("TargetNotFoundException", 400, message)
    })?;
    let tags = account.tags.iter();
    let tags = tags.map(|(key, value)| json!({ "Key": key, "Value": value }));
    page(call, "Tags", tags.collect())
}

fn accounts(
    state: &State,
    call: &Call,
    wanted: impl Fn(&Account) -> bool,
) -> Result<Value, ApiError> {
    let accounts = state.accounts.values();
    let found = accounts.filter(|account| wanted(account)).collect();
    // Only what is on the page is written out: an organization has thousands of accounts.
    page_of(call, "Accounts", found, |account| {
        account_document(state, account)
    })
}

fn roots(state: &State, call: &Call) -> Result<Value, ApiError> {
    let found = state
        .units
        .values()
        .filter(|unit| unit.parent.is_none())
        .map(|root| {
            json!({
                "Id": root.id,
                "Arn": arn(state, "root", &root.id),
                "Name": root.name,
                "PolicyTypes": [],
            })
        })
        .collect();
    page(call, "Roots", found)
}

fn parents(state: &State, call: &Call) -> Result<Value, ApiError> {
    let child = required(call, "ChildId")?;
    let account = state.accounts.get(child).map(|account| &account.parent);
    let unit = state.units.get(child).and_then(|unit| unit.parent.as_ref());
    let parent = account.or(unit).ok_or_else(|| {
        ApiError::new(
            "ChildNotFoundException",
            400,
            format!(
                "We can't find an organizational unit (OU) or account with the ChildId `{child}`"
            ),
        )
    })?;
    let kind = match state.units.get(parent).map(|unit| &unit.parent) {
        Some(None) => "ROOT",
        _ => "ORGANIZATIONAL_UNIT",
    };
    page(call, "Parents", vec![json!({ "Id": parent, "Type": kind })])
}

fn units(state: &State, call: &Call) -> Result<Value, ApiError> {
    let parent = parent(state, call)?;
    let found = state
        .units
        .values()
        .filter(|unit| unit.parent.as_deref() == Some(&parent.id))
        .map(|unit| unit_document(state, unit))
        .collect();
    page(call, "OrganizationalUnits", found)
}

fn delegated(state: &State, call: &Call) -> Result<Value, ApiError> {
    let service = call.text("ServicePrincipal");
    let mut ids: Vec<&String> = state
        .delegated
        .iter()
        .filter(|(principal, _)| service.is_none_or(|service| service == principal))
        .map(|(_, account)| account)
        .collect();
    ids.sort();
    ids.dedup();
    let found = ids
        .into_iter()
        .filter_map(|id| state.accounts.get(id))
        .map(|account| account_document(state, account))
        .collect();
    page(call, "DelegatedAdministrators", found)
}

fn trusted(state: &State, call: &Call) -> Result<Value, ApiError> {
    let found = state
        .trusted_services
        .iter()
        .map(|principal| json!({ "ServicePrincipal": principal }))
        .collect();
    page(call, "EnabledServicePrincipals", found)
}

fn request_status(state: &State, call: &Call) -> Result<Value, ApiError> {
    let id = required(call, "CreateAccountRequestId")?;
    let request = state.requests.get(id).ok_or_else(|| {
        ApiError::new(
            "CreateAccountStatusNotFoundException",
            400,
            format!(
                "We can't find an create account request with the CreateAccountRequestId `{id}`"
            ),
        )
    })?;
    let ended = if request.outcome.is_ok() {
        "SUCCEEDED"
    } else {
        "FAILED"
    };
    Ok(json!({ "CreateAccountStatus": request.document(ended) }))
}

/// The unit or root that the call names as its parent.
pub fn parent<'a>(state: &'a State, call: &Call) -> Result<&'a Unit, ApiError> {
    let id = required(call, "ParentId")?;
    state.units.get(id).ok_or_else(|| {
        ApiError::new(
            "ParentNotFoundException",
            400,
            format!("We can't find a root or OU with the ParentId `{id}`"),
        )
    })
}

/// A unit as AWS shows it.
pub fn unit_document(state: &State, unit: &Unit) -> Value {
    json!({ "Id": unit.id, "Arn": arn(state, "ou", &unit.id), "Name": unit.name })
}

fn account_document(state: &State, account: &Account) -> Value {
    json!({
        "Id": account.id,
        "Arn": account_arn(state, &account.id),
        "Email": account.email,
        "Name": account.name,
        "State": account.state,
        "Status": retired_status(&account.state),
        "JoinedMethod": "CREATED",
    })
}

/// The three values of the member that `State` replaced.
fn retired_status(state: &str) -> &str {
    match state {
        "ACTIVE" | "PENDING_CLOSURE" => state,
        _ => "SUSPENDED",
    }
}

fn account_arn(state: &State, account: &str) -> String {
    arn(state, "account", account)
}

fn arn(state: &State, kind: &str, id: &str) -> String {
    format!(
        "arn:aws:organizations::{}:{kind}/{}/{id}",
        state.management, state.id
    )
}

/// One page of a listing: at most 20 items, and a token when there are more.
fn page(call: &Call, member: &str, items: Vec<Value>) -> Result<Value, ApiError> {
    page_of(call, member, items, |item| item)
}

fn page_of<T>(
    call: &Call,
    member: &str,
    items: Vec<T>,
    document: impl Fn(T) -> Value,
) -> Result<Value, ApiError> {
    let size = page_size(call)?;
    let start = match call.text("NextToken") {
        Some(token) => token
            .parse::<usize>()
            .ok()
            .filter(|start| *start < items.len())
            .ok_or_else(|| invalid("INVALID_NEXT_TOKEN", format!("NextToken: `{token}`")))?,
        None => 0,
    };
    let more = items.len() > start + size;
    let shown = items.into_iter().skip(start).take(size);
    let listed: Vec<Value> = shown.map(document).collect();
    let mut document = json!({ member: listed });
    if let (true, Some(members)) = (more, document.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!((start + size).to_string()));
    }
    Ok(document)
}

fn page_size(call: &Call) -> Result<usize, ApiError> {
    let Some(size) = call.input.get("MaxResults").filter(|v| !v.is_null()) else {
        return Ok(20);
    };
    match size.as_u64() {
        Some(size @ 1..=20) => Ok(usize::try_from(size).unwrap_or(20)),
        Some(1..) => Err(invalid(
            "MAX_VALUE_EXCEEDED",
            format!("MaxResults: expected 1 to 20, found `{size}`"),
        )),
        _ => Err(invalid(
            "MIN_VALUE_EXCEEDED",
            format!("MaxResults: expected 1 to 20, found `{size}`"),
        )),
    }
}
