//! From a bus to the targets of the rules that match.

use serde_json::{Value, json};

use super::{BusId, Destination, REMEMBERED, Seen, Target, Undelivered, access, buses};
use crate::{
    recording::{self, Need},
    sqs,
    world::World,
};

/// How an event came to a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// From a service or a caller of the bus's own account.
    Direct,
    /// From another account or another bus: it is not forwarded to a further bus.
    Forwarded,
}

/// Puts a service's event on the default bus of an account and Region: fills `version`, `id`,
/// `time`, `account`, `region`, and lets the rules decide.
pub fn emit(
    world: &mut World,
    account: &str,
    region: &str,
    source: &str,
    detail_type: &str,
    resources: Vec<String>,
    detail: Value,
) {
    buses::ensure_default(world, account, region);
    let event = json!({
        "version": "0",
        "id": world.uuid(),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": time(world.now()),
        "region": region,
        "resources": resources,
        "detail": detail,
    });
    let bus = BusId::new(account, region, "default");
    publish(world, &bus, event, Arrival::Direct);
}

/// Seconds precision, UTC, as envelopes carry it.
pub(super) fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Remembers an event on a bus and sends it to every target of every rule that matches.
pub(super) fn publish(world: &mut World, bus: &BusId, event: Value, arrival: Arrival) {
    remember(world, bus, &event);
    for (rule, target) in matching(world, bus, &event) {
        if let Err(reason) = deliver(world, bus, &rule, &target, &event, arrival) {
            fail(world, bus, rule, &target, event.clone(), reason);
        }
    }
}

fn remember(world: &mut World, bus: &BusId, event: &Value) {
    let seen = &mut world.events.seen;
    if seen.len() == REMEMBERED {
        seen.pop_front();
    }
    seen.push_back(Seen {
        bus: bus.clone(),
        event: event.clone(),
    });
}

fn matching(world: &World, bus: &BusId, event: &Value) -> Vec<(String, Target)> {
    let Some(bus) = world.events.buses.get(bus) else {
        return Vec::new();
    };
    bus.rules
        .iter()
        .filter(|(_, rule)| rule.state != "DISABLED" && rule.pattern.matches(event))
        .flat_map(|(name, rule)| {
            rule.targets
                .values()
                .map(|target| (name.clone(), target.clone()))
        })
        .collect()
}

fn deliver(
    world: &mut World,
    bus: &BusId,
    rule: &str,
    target: &Target,
    event: &Value,
    arrival: Arrival,
) -> Result<(), String> {
    match &target.destination {
        Destination::Queue(queue) => {
            let need = Need::new("sqs:SendMessage", queue.arn(), &queue.account)
                .with("aws:SourceArn", bus.rule_arn(rule))
                .with("aws:SourceAccount", bus.account.as_str());
            recording::note(access::SERVICE, &need, true);
            sqs::send(world, queue, event.to_string()).map_err(|error| error.to_string())?;
        }
        Destination::Bus(to) => {
            let role = target.role_arn.as_deref();
            let hop = check_hop(world, bus, to, role, event, arrival);
            if let Some(role) = role {
                let text = |name: &str| event.get(name).cloned().unwrap_or_default();
                let need = Need::new("events:PutEvents", to.arn(), &to.account)
                    .with("events:source", text("source"))
                    .with("events:detail-type", text("detail-type"));
                recording::note(role, &need, hop.is_ok());
            }
            hop?;
            publish(world, to, event.clone(), Arrival::Forwarded);
        }
    }
    Ok(())
}

/// Why an event cannot go from one bus to another, if it cannot.
fn check_hop(
    world: &World,
    bus: &BusId,
    to: &BusId,
    role: Option<&str>,
    event: &Value,
    arrival: Arrival,
) -> Result<(), String> {
    if arrival == Arrival::Forwarded {
        return Err("an event that came from another bus is not forwarded again".to_owned());
    }
    if !world.events.buses.contains_key(to) {
        return Err(format!("event bus {} does not exist", to.arn()));
    }
    if let Some(role) = role {
        access::check_role(world, &bus.account, role)?;
    }
    let principal = role.unwrap_or("events.amazonaws.com");
    check_policy(world, to, &bus.account, principal, event)
}

/// Whether another account may put an event on a bus; its own account always may.
pub(super) fn check_policy(
    world: &World,
    to: &BusId,
    account: &str,
    principal: &str,
    event: &Value,
) -> Result<(), String> {
    if account == to.account {
        return Ok(());
    }
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let organizations = &world.organizations;
    let organization = if organizations.accounts.contains_key(account) {
        organizations.id.as_str()
    } else {
        ""
    };
    let wish = access::Wish {
        bus: to.arn(),
        account,
        principal: principal.to_owned(),
        organization,
        source: text("source"),
        detail_type: text("detail-type"),
    };
    let policy = world
        .events
        .buses
        .get(to)
        .and_then(|bus| bus.policy.as_ref());
    if wish.is_granted(policy) {
        return Ok(());
    }
    Err(format!(
        "{principal} of account {account} is not authorized to perform: events:PutEvents on resource: {} because no resource-based policy allows the events:PutEvents action",
        to.arn()
    ))
}

/// Keeps a failed delivery, in the target's dead-letter queue as well if it has one.
fn fail(
    world: &mut World,
    bus: &BusId,
    rule: String,
    target: &Target,
    event: Value,
    reason: String,
) {
    let letter = target
        .dead_letter
        .as_ref()
        .map(|queue| sqs::send(world, queue, event.to_string()));
    let reason = match letter {
        Some(Err(error)) => format!("{reason}; nor to the dead-letter queue: {error}"),
        _ => reason,
    };
    let undelivered = Undelivered {
        at: world.now(),
        bus: bus.clone(),
        rule,
        target: target.destination.arn(),
        event,
        reason,
    };
    world.events.undelivered.push(undelivered);
}
