//! Buses and their resource policies.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bus, BusId, Paging, check_name, input, not_found, page, validation};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// The longest policy in characters.
const LONGEST_POLICY: usize = 10_240;

/// Creates a bus.
pub fn create_bus(
    world: &mut World,
    account: &str,
    region: &str,
    name: &str,
) -> Result<BusId, ApiError> {
    check_name("name", name, 256)?;
    ensure_default(world, account, region);
    let id = BusId::new(account, region, name);
    if world.events.buses.contains_key(&id) {
        return Err(ApiError::new(
            "ResourceAlreadyExistsException",
            400,
            format!("Event bus {name} already exists."),
        ));
    }
    let bus = new_bus(world);
    world.events.buses.insert(id.clone(), bus);
    Ok(id)
}

/// Replaces a bus's resource policy.
pub fn put_policy(world: &mut World, bus: &BusId, policy: Value) -> Result<(), ApiError> {
    if policy.to_string().len() > LONGEST_POLICY {
        return Err(ApiError::new(
            "PolicyLengthExceededException",
            400,
            format!("The event bus policy is longer than {LONGEST_POLICY} characters"),
        ));
    }
    if !matches!(
        policy.get("Statement"),
        Some(Value::Array(_) | Value::Object(_))
    ) {
        return Err(validation("the policy has no `Statement`"));
    }
    find_mut(world, bus)?.policy = Some(policy);
    Ok(())
}

/// Every account and Region has a bus named `default`.
pub(super) fn ensure_default(world: &mut World, account: &str, region: &str) {
    let id = BusId::new(account, region, "default");
    if !world.events.buses.contains_key(&id) {
        let bus = new_bus(world);
        world.events.buses.insert(id, bus);
    }
}

fn new_bus(world: &World) -> Bus {
    Bus {
        policy: None,
        rules: BTreeMap::new(),
        created: world.now(),
        description: None,
    }
}

/// The caller's own bus by name or ARN; none is `default`.
pub(super) fn own(call: &Call, name: Option<&str>) -> Result<BusId, ApiError> {
    let id = named(call, name);
    if id.account == call.caller.account && id.region == call.region {
        return Ok(id);
    }
    Err(validation(format!(
        "event bus {} is not in the caller's account {} and Region {}",
        id.arn(),
        call.caller.account,
        call.region
    )))
}

/// Any bus by name or ARN.
pub(super) fn named(call: &Call, name: Option<&str>) -> BusId {
    let name = name.unwrap_or("default");
    BusId::from_arn(name).unwrap_or_else(|| BusId::new(&call.caller.account, &call.region, name))
}

pub(super) fn find<'w>(world: &'w World, id: &BusId) -> Result<&'w Bus, ApiError> {
    world.events.buses.get(id).ok_or_else(|| missing(id))
}

pub(super) fn find_mut<'w>(world: &'w mut World, id: &BusId) -> Result<&'w mut Bus, ApiError> {
    world.events.buses.get_mut(id).ok_or_else(|| missing(id))
}

fn missing(id: &BusId) -> ApiError {
    not_found(format!("Event bus {} does not exist.", id.name))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    name: String,
    description: Option<String>,
}

pub(super) fn create(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let Create { name, description } = input(call)?;
    let id = create_bus(world, &call.caller.account, &call.region, &name)?;
    let mut reply = json!({ "EventBusArn": id.arn() });
    if let (Some(text), Some(members)) = (&description, reply.as_object_mut()) {
        members.insert("Description".to_owned(), json!(text));
    }
    find_mut(world, &id)?.description = description;
    Ok(Reply::json(reply))
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let id = own(call, call.text("Name"))?;
    Ok(Reply::json(document(&id, find(world, &id)?)))
}

pub(super) fn list(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let paging: Paging = input(call)?;
    let own = world
        .events
        .buses
        .iter()
        .filter(|(id, _)| id.account == call.caller.account && id.region == call.region)
        .map(|(id, bus)| (id.name.as_str(), document(id, bus)));
    page("EventBuses", own, &paging)
}

fn document(id: &BusId, bus: &Bus) -> Value {
    let mut document = json!({
        "Name": id.name,
        "Arn": id.arn(),
        "CreationTime": bus.created.as_second(),
        "LastModifiedTime": bus.created.as_second(),
    });
    if let Some(members) = document.as_object_mut() {
        if let Some(policy) = &bus.policy {
            members.insert("Policy".to_owned(), json!(policy.to_string()));
        }
        if let Some(description) = &bus.description {
            members.insert("Description".to_owned(), json!(description));
        }
    }
    document
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Permission {
    event_bus_name: Option<String>,
    policy: Option<String>,
    action: Option<String>,
    principal: Option<String>,
    statement_id: Option<String>,
    condition: Option<Condition>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Condition {
    #[serde(rename = "Type")]
    operator: String,
    key: String,
    value: String,
}

pub(super) fn put_permission(world: &mut World, call: &Call) -> Result<Reply, ApiError> {
    let permission: Permission = input(call)?;
    let id = own(call, permission.event_bus_name.as_deref())?;
    let policy = match &permission.policy {
        Some(text) => serde_json::from_str(text)
            .map_err(|error| validation(format!("the policy is not JSON: {error}")))?,
        None => {
            let statement = statement(&id, &permission)?;
            with_statement(find(world, &id)?.policy.clone(), statement)
        }
    };
    put_policy(world, &id, policy)?;
    Ok(Reply::empty(200))
}

/// The statement of the older form: one account, or everyone with a condition.
fn statement(id: &BusId, permission: &Permission) -> Result<Value, ApiError> {
    let given = |member: &Option<String>, name: &str| {
        member
            .clone()
            .ok_or_else(|| validation(format!("`{name}` is required where `Policy` is not given")))
    };
    let principal = given(&permission.principal, "Principal")?;
    let principal = match principal.as_str() {
        "*" => json!("*"),
        digits if digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_digit()) => {
            json!({ "AWS": format!("arn:aws:iam::{digits}:root") })
        }
        other => {
            return Err(validation(format!(
                "Value '{other}' at 'principal' failed to satisfy constraint: 12 digits or *"
            )));
        }
    };
    let mut statement = json!({
        "Sid": given(&permission.statement_id, "StatementId")?,
        "Effect": "Allow",
        "Principal": principal,
        "Action": given(&permission.action, "Action")?,
        "Resource": id.arn(),
    });
    if let (Some(condition), Some(members)) = (&permission.condition, statement.as_object_mut()) {
        let Condition {
            operator,
            key,
            value,
        } = condition;
        members.insert("Condition".to_owned(), json!({ operator: { key: value } }));
    }
    Ok(statement)
}

/// The policy with a statement added, or replaced where the `Sid` is known.
fn with_statement(policy: Option<Value>, statement: Value) -> Value {
    let mut statements = match policy.as_ref().and_then(|policy| policy.get("Statement")) {
        Some(Value::Array(statements)) => statements.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    statements.retain(|known| known.get("Sid") != statement.get("Sid"));
    statements.push(statement);
    json!({ "Version": "2012-10-17", "Statement": statements })
}
