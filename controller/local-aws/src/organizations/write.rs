//! The operations that change the organization.

use serde_json::{Value, json};

use super::{
    Account, AccountRequest, State, Unit, account_id, invalid, no_account, read, required,
};
use crate::{error::ApiError, iam::Role, request::Call, world::World};

/// Gives a service trusted access; again is no error.
pub fn enable_service_access(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let principal = required(call, "ServicePrincipal")?;
    if !principal.ends_with(".amazonaws.com") {
        return Err(invalid(
            "UNRECOGNIZED_SERVICE_PRINCIPAL",
            format!("You specified an unrecognized service principal: `{principal}`"),
        ));
    }
    let now = world.now();
    let state = &mut world.organizations;
    if !state
        .trusted_services
        .iter()
        .any(|known| known == principal)
    {
        state.trusted_services.push(principal.to_owned());
        state.trusted_since.insert(principal.to_owned(), now);
    }
    Ok(json!({}))
}

/// Makes a member the delegated administrator of a service.
pub fn register_delegated_administrator(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = account_id(call, "AccountId")?;
    let principal = required(call, "ServicePrincipal")?;
    let state = &mut world.organizations;
    let account = state.accounts.get(id).ok_or_else(|| no_account(id))?;
    if id == state.management {
        return Err(constraint(
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register the management account of an organization as a delegated administrator.",
        ));
    }
    if account.state != "ACTIVE" {
        return Err(constraint(
            "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register a suspended account as a delegated administrator.",
        ));
    }
    if !state
        .trusted_services
        .iter()
        .any(|known| known == principal)
    {
        return Err(constraint(
            "SERVICE_ACCESS_NOT_ENABLED",
            "You must enable service access before you register a delegated administrator.",
        ));
    }
    let entry = (principal.to_owned(), id.to_owned());
    if state.delegated.contains(&entry) {
        return Err(ApiError::new(
            "AccountAlreadyRegisteredException",
            400,
            "The account is already a delegated administrator of this service.",
        ));
    }
    state.delegated.push(entry);
    Ok(json!({}))
}

/// Ends the delegation of a service to a member.
pub fn deregister_delegated_administrator(
    world: &mut World,
    call: &Call,
) -> Result<Value, ApiError> {
    let id = account_id(call, "AccountId")?;
    let principal = required(call, "ServicePrincipal")?;
    let state = &mut world.organizations;
    if !state.accounts.contains_key(id) {
        return Err(no_account(id));
    }
    let entry = (principal.to_owned(), id.to_owned());
    if !state.delegated.contains(&entry) {
        return Err(ApiError::new(
            "AccountNotRegisteredException",
            400,
            "The account is not a delegated administrator of this service.",
        ));
    }
    state.delegated.retain(|known| *known != entry);
    Ok(json!({}))
}

/// Creates an account in the root, unless the address is taken.
pub fn create_account(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let email = email(required(call, "Email")?)?;
    let name = required(call, "AccountName")?;
    let role = call
        .text("RoleName")
        .unwrap_or("OrganizationAccountAccessRole");
    let state = &world.organizations;
    let taken = state.accounts.values().any(|known| known.email == email);
    let outcome = if taken {
        Err("EMAIL_ALREADY_EXISTS")
    } else {
        Ok(add_account(world, call, email, name, role)?)
    };
    let request = AccountRequest {
        id: format!("car-{:08}", world.serial()),
        name: name.to_owned(),
        requested_at: world.now(),
        outcome,
    };
    let document = request.document("IN_PROGRESS");
    world
        .organizations
        .requests
        .insert(request.id.clone(), request);
    Ok(json!({ "CreateAccountStatus": document }))
}

fn add_account(
    world: &mut World,
    call: &Call,
    email: &str,
    name: &str,
    role: &str,
) -> Result<String, ApiError> {
    let given = call.input.get("Tags").and_then(Value::as_array);
    let tags = given.into_iter().flatten().filter_map(|tag| {
        let text = |name| tag.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("Key")?, text("Value")?))
    });
    let tags = tags.collect();
    let state = &mut world.organizations;
    let id = next_id(state).ok_or_else(|| {
        constraint(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts in your organization.",
        )
    })?;
    let account = Account {
        id: id.clone(),
        name: name.to_owned(),
        email: email.to_owned(),
        state: "ACTIVE".to_owned(),
        parent: root(state),
        disabled_regions: Vec::new(),
        tags,
    };
    state.accounts.insert(id.clone(), account);
    let made = Role {
        trusts: vec![state.management.clone()],
        allows: vec!["*".to_owned()],
        ..Role::default()
    };
    world.iam.put_role(&id, role, made);
    Ok(id)
}

/// The number after the greatest account id.
fn next_id(state: &State) -> Option<String> {
    let last = state.accounts.keys().next_back()?;
    let next = last.parse::<u64>().ok()? + 1;
    (next < 1_000_000_000_000).then(|| format!("{next:012}"))
}

fn root(state: &State) -> String {
    state
        .units
        .values()
        .find(|unit| unit.parent.is_none())
        .map(|unit| unit.id.clone())
        .unwrap_or_default()
}

fn email(text: &str) -> Result<&str, ApiError> {
    let domain = text.split_once('@').map(|(_, domain)| domain);
    let plausible = domain.is_some_and(|domain| domain.contains('.') && !domain.contains('@'))
        && !text.contains(char::is_whitespace)
        && (6..=64).contains(&text.len());
    if plausible {
        return Ok(text);
    }
    Err(invalid(
        "INVALID_PATTERN",
        format!("Email: expected an address of 6 to 64 characters, found `{text}`"),
    ))
}

/// Closes a member account.
pub fn close_account(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = account_id(call, "AccountId")?;
    let state = &mut world.organizations;
    if id == state.management {
        return Err(constraint(
            "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
            "You can't close the management account of an organization.",
        ));
    }
    let account = state.accounts.get_mut(id).ok_or_else(|| no_account(id))?;
    if matches!(account.state.as_str(), "CLOSED" | "PENDING_CLOSURE") {
        return Err(ApiError::new(
            "AccountAlreadyClosedException",
            400,
            "You attempted to close an account that is already closed.",
        ));
    }
    account.state = "CLOSED".to_owned();
    Ok(json!({}))
}

/// Moves an account between units.
pub fn move_account(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let id = account_id(call, "AccountId")?;
    let source = required(call, "SourceParentId")?;
    let destination = required(call, "DestinationParentId")?;
    let state = &mut world.organizations;
    let account = state.accounts.get_mut(id).ok_or_else(|| no_account(id))?;
    if !state.units.contains_key(destination) {
        return Err(ApiError::new(
            "DestinationParentNotFoundException",
            400,
            format!("We can't find the destination container: `{destination}`"),
        ));
    }
    if account.parent == destination {
        return Err(ApiError::new(
            "DuplicateAccountException",
            400,
            "That account is already present in the specified destination.",
        ));
    }
    if account.parent != source {
        return Err(ApiError::new(
            "SourceParentNotFoundException",
            400,
            format!("We can't find the account in the source container: `{source}`"),
        ));
    }
    account.parent = destination.to_owned();
    Ok(json!({}))
}

/// Creates a unit.
pub fn create_unit(world: &mut World, call: &Call) -> Result<Value, ApiError> {
    let name = required(call, "Name")?;
    let serial = world.serial();
    let state = &mut world.organizations;
    let parent = read::parent(state, call)?.id.clone();
    let sibling = |unit: &Unit| unit.parent.as_deref() == Some(&parent) && unit.name == name;
    if state.units.values().any(sibling) {
        return Err(ApiError::new(
            "DuplicateOrganizationalUnitException",
            400,
            format!("An OU with the same name already exists: `{name}`"),
        ));
    }
    let root = root(state);
    let unit = Unit {
        id: format!("ou-{}-{serial:08x}", root.trim_start_matches("r-")),
        name: name.to_owned(),
        parent: Some(parent),
    };
    let document = read::unit_document(state, &unit);
    state.units.insert(unit.id.clone(), unit);
    Ok(json!({ "OrganizationalUnit": document }))
}

fn constraint(reason: &str, message: &str) -> ApiError {
    ApiError::new("ConstraintViolationException", 400, message).detail("Reason", reason)
}
