//! EventBridge: buses, rules, patterns and delivery.
//!
//! An event on a bus goes to every enabled rule whose pattern matches, and from there to other
//! buses (of any account and Region) and to SQS queues of the same account and Region. Every
//! account and Region has a `default` bus. What could not be delivered is kept with the reason.

mod access;
mod buses;
mod delivery;
mod matching;
mod operations;
pub mod pattern;
mod publish;
mod rules;
mod targets;
#[cfg(test)]
mod tests;
mod wildcard;

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub use buses::{create_bus, put_policy};
pub use delivery::emit;
pub use operations::OPERATIONS;
pub use rules::put_rule;
pub use targets::put_target;

use crate::{
    error::ApiError,
    request::{Call, Reply},
    sqs::QueueId,
    world::World,
};

/// How many events on buses are remembered.
const REMEMBERED: usize = 10_000;

/// Buses, rules and what was delivered.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Every bus; a `default` bus appears when its account and Region first use EventBridge.
    pub buses: BTreeMap<BusId, Bus>,
    /// Every event that reached a bus, the oldest first; the last 10,000.
    pub seen: VecDeque<Seen>,
    /// Every delivery to a target that failed.
    pub undelivered: Vec<Undelivered>,
}

/// Which bus.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BusId {
    /// The account that owns it.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// Its name.
    pub name: String,
}

/// A bus.
#[derive(Debug, Clone)]
pub struct Bus {
    /// Its resource policy, if it has one.
    pub policy: Option<Value>,
    /// Its rules by name.
    pub rules: BTreeMap<String, Rule>,
    /// When it was created.
    pub created: Timestamp,
    /// Its description.
    pub description: Option<String>,
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The pattern as it was given.
    pub text: String,
    /// The pattern, compiled.
    pub pattern: pattern::Pattern,
    /// `ENABLED`, `DISABLED` or `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
    pub state: String,
    /// Its description.
    pub description: Option<String>,
    /// Its targets by id.
    pub targets: BTreeMap<String, Target>,
}

/// Where a rule sends what it matches.
#[derive(Debug, Clone)]
pub struct Target {
    /// The id within its rule.
    pub id: String,
    /// Where to.
    pub destination: Destination,
    /// The role that EventBridge assumes to put events on another bus.
    pub role_arn: Option<String>,
    /// The queue, of the same account and Region, for what could not be delivered.
    pub dead_letter: Option<QueueId>,
}

/// What a target's ARN names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A bus.
    Bus(BusId),
    /// An SQS queue.
    Queue(QueueId),
}

/// An event that reached a bus.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The bus.
    pub bus: BusId,
    /// The event with its envelope.
    pub event: Value,
}

/// A delivery that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Undelivered {
    /// When.
    pub at: Timestamp,
    /// The bus of the rule.
    pub bus: BusId,
    /// The rule's name.
    pub rule: String,
    /// The target's ARN.
    pub target: String,
    /// The event.
    pub event: Value,
    /// Why it was not delivered.
    pub reason: String,
}

impl BusId {
    /// A bus by its parts.
    pub fn new(account: &str, region: &str, name: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
        }
    }

    /// `arn:aws:events:<region>:<account>:event-bus/<name>`.
    pub fn arn(&self) -> String {
        let Self {
            account,
            region,
            name,
        } = self;
        format!("arn:aws:events:{region}:{account}:event-bus/{name}")
    }

    /// The ARN of a rule on this bus.
    pub fn rule_arn(&self, rule: &str) -> String {
        let Self {
            account,
            region,
            name,
        } = self;
        match name.as_str() {
            "default" => format!("arn:aws:events:{region}:{account}:rule/{rule}"),
            _ => format!("arn:aws:events:{region}:{account}:rule/{name}/{rule}"),
        }
    }

    /// The bus that an ARN names.
    pub fn from_arn(arn: &str) -> Option<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", _, "events", region, account, resource] => {
                let name = resource.strip_prefix("event-bus/")?;
                Some(Self::new(account, region, name))
            }
            _ => None,
        }
    }
}

impl Destination {
    /// The target's ARN.
    pub fn arn(&self) -> String {
        match self {
            Self::Bus(bus) => bus.arn(),
            Self::Queue(queue) => queue.arn(),
        }
    }
}

impl Target {
    /// A target without a role or a dead-letter queue.
    pub fn new(id: &str, destination: Destination) -> Self {
        Self {
            id: id.to_owned(),
            destination,
            role_arn: None,
            dead_letter: None,
        }
    }

    /// The same target with a role.
    #[must_use]
    pub fn role(mut self, arn: &str) -> Self {
        self.role_arn = Some(arn.to_owned());
        self
    }
}

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    buses::ensure_default(world, &call.caller.account, &call.region);
    match operation {
        "CreateEventBus" => buses::create(world, call),
        "DescribeEventBus" => buses::describe(world, call),
        "ListEventBuses" => buses::list(world, call),
        "PutPermission" => buses::put_permission(world, call),
        "PutRule" => rules::put(world, call),
        "DescribeRule" => rules::describe(world, call),
        "ListRules" => rules::list(world, call),
        "DeleteRule" => rules::delete(world, call),
        "EnableRule" => rules::set_state(world, call, "ENABLED"),
        "DisableRule" => rules::set_state(world, call, "DISABLED"),
        "TestEventPattern" => rules::test_pattern(call),
        "PutTargets" => targets::put(world, call),
        "RemoveTargets" => targets::remove(world, call),
        "ListTargetsByRule" => targets::list(world, call),
        "PutEvents" => publish::put_events(world, call),
        _ => Err(ApiError::new("UnknownOperationException", 404, operation)),
    }
}

fn validation(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", 400, message)
}

fn not_found(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", 400, message)
}

/// The input as the operation's shape; what is missing or of the wrong type is named.
fn input<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    let input = match &call.input {
        Value::Null => json!({}),
        input => input.clone(),
    };
    serde_json::from_value(input)
        .map_err(|error| validation(format!("1 validation error detected: {error}")))
}

/// Names of buses, rules and targets.
fn check_name(what: &str, name: &str, longest: usize) -> Result<(), ApiError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if !name.is_empty() && name.len() <= longest && name.chars().all(allowed) {
        return Ok(());
    }
    Err(validation(format!(
        "Value '{name}' at '{what}' failed to satisfy constraint: 1 to {longest} characters of [.\\-_A-Za-z0-9]"
    )))
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    name_prefix: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
    event_bus_name: Option<String>,
}

/// One page of named entries as the member `list`; the token is the name to go on with.
fn page<'a>(
    list: &str,
    entries: impl Iterator<Item = (&'a str, Value)>,
    paging: &Paging,
) -> Result<Reply, ApiError> {
    let limit = paging.limit.unwrap_or(100);
    if !(1..=100).contains(&limit) {
        return Err(validation(format!(
            "Value '{limit}' at 'limit' failed to satisfy constraint: 1 to 100"
        )));
    }
    let prefix = paging.name_prefix.as_deref().unwrap_or_default();
    let from = paging.next_token.as_deref().unwrap_or_default();
    let mut rest = entries
        .filter(|(name, _)| name.starts_with(prefix) && *name >= from)
        .peekable();
    let shown: Vec<Value> = rest.by_ref().take(limit).map(|(_, entry)| entry).collect();
    let mut document = json!({ list: shown });
    if let (Some((next, _)), Some(members)) = (rest.peek(), document.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!(next));
    }
    Ok(Reply::json(document))
}
