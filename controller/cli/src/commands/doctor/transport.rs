//! The bus, its rule, the queues and the dead-letter queue.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName;
use controller::aws::trouble;
use controller_core::observed::{ErrorClass, Trouble};
use serde_json::{Map, Value};

use super::{Line, REPAIR, Site, line::check, organization::Organization};

/// The bus, its rule and the controller's queue have the same name.
pub const NAME: &str = "macie-self-service";
/// The sweep's queue.
pub const SWEEP_QUEUE: &str = "macie-self-service-sweep";
/// What the functions could not handle.
pub const DEAD_LETTERS: &str = "macie-self-service-dead-letters";
/// The bus's resource policy, with placeholders.
const BUS_POLICY: &str = include_str!("../../../../../policies/event-bus.json");

type Attributes = HashMap<QueueAttributeName, String>;

/// What was read; each part by itself may have failed.
pub struct Transport {
    /// The bus's policy; none when it has none.
    bus: Result<Option<String>, Trouble>,
    /// Whether the rule from the bus to the queue is on.
    rule: Result<bool, Trouble>,
    queue: Result<Attributes, Trouble>,
    sweep_queue: Result<Attributes, Trouble>,
    dead_letters: Result<Attributes, Trouble>,
}

impl Transport {
    /// For how many seconds a queue hides a message that is being handled.
    pub fn visibility(&self, queue: &str) -> Option<i32> {
        let queue = match queue {
            SWEEP_QUEUE => &self.sweep_queue,
            _ => &self.queue,
        };
        let queue = queue.as_ref().ok()?;
        let seconds = queue.get(&QueueAttributeName::VisibilityTimeout)?;
        seconds.parse().ok()
    }
}

pub async fn read(site: &Site<'_>) -> Transport {
    let home = site.aws.in_region(&site.policy.home_region);
    let sqs = aws_sdk_sqs::Client::new(&home);
    let (bus, rule, queue, sweep_queue, dead_letters) = futures::join!(
        bus(site),
        rule(site),
        attributes(&sqs, NAME),
        attributes(&sqs, SWEEP_QUEUE),
        attributes(&sqs, DEAD_LETTERS)
    );
    Transport {
        bus,
        rule,
        queue,
        sweep_queue,
        dead_letters,
    }
}

async fn bus(site: &Site<'_>) -> Result<Option<String>, Trouble> {
    let reply = site.aws.events.describe_event_bus().name(NAME).send().await;
    let reply = reply.map_err(|error| trouble("events:DescribeEventBus", &error))?;
    Ok(reply.policy)
}

async fn rule(site: &Site<'_>) -> Result<bool, Trouble> {
    let request = site.aws.events.describe_rule().name(NAME);
    let reply = request.event_bus_name(NAME).send().await;
    let reply = reply.map_err(|error| trouble("events:DescribeRule", &error))?;
    Ok(reply
        .state
        .is_some_and(|state| state.as_str() != "DISABLED"))
}

async fn attributes(sqs: &aws_sdk_sqs::Client, name: &str) -> Result<Attributes, Trouble> {
    let found = sqs.get_queue_url().queue_name(name).send().await;
    let found = found.map_err(|error| trouble("sqs:GetQueueUrl", &error))?;
    let request = sqs.get_queue_attributes().set_queue_url(found.queue_url);
    let reply = request
        .attribute_names(QueueAttributeName::All)
        .send()
        .await;
    let reply = reply.map_err(|error| trouble("sqs:GetQueueAttributes", &error))?;
    Ok(reply.attributes.unwrap_or_default())
}

pub fn judge(site: &Site<'_>, organization: &Organization, read: &Transport) -> Vec<Line> {
    vec![
        bus_policy(site, organization, &read.bus),
        bus_rule(site, &read.rule),
        queue(NAME, &read.queue),
        queue(SWEEP_QUEUE, &read.sweep_queue),
        dead_letters(site, &read.dead_letters),
    ]
}

fn bus_policy(
    site: &Site<'_>,
    organization: &Organization,
    bus: &Result<Option<String>, Trouble>,
) -> Line {
    let check = check("bus-policy", &site.policy.home_region);
    let found = match bus {
        Ok(Some(found)) => found,
        Ok(None) => return check.fail("the bus has no policy: no event gets in", REPAIR),
        Err(trouble) if trouble.class == ErrorClass::NotFound => {
            return check.fail(format!("there is no bus `{NAME}`"), REPAIR);
        }
        Err(trouble) => return check.unknown(trouble),
    };
    let id = match &organization.identity {
        Ok((id, _)) => id,
        Err(trouble) => return check.unknown(trouble),
    };
    match statements(found) == statements(&expected_policy(site, id)) {
        true => check.pass("exactly policies/event-bus.json: only forwarders of the organization"),
        false => check.fail(
            "it is not policies/event-bus.json: others may put events, or forwarders may not",
            format!("compare: aws events describe-event-bus --name {NAME}; repair: {REPAIR}"),
        ),
    }
}

fn expected_policy(site: &Site<'_>, organization: &str) -> String {
    let identity = &site.aws.identity;
    BUS_POLICY
        .replace("${AWS::Partition}", &identity.partition)
        .replace("${AWS::Region}", site.policy.home_region.as_str())
        .replace("${AWS::AccountId}", identity.account.as_str())
        .replace("${OrganizationId}", organization)
}

/// The statements in one spelling, for AWS stores a list of one as its item, and the principal
/// `*` in either form; none for what is no policy.
fn statements(policy: &str) -> Option<Value> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    policy.get("Statement").cloned().map(spelled)
}

fn spelled(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(spelled).collect();
            items.sort_by_key(Value::to_string);
            match <[Value; 1]>::try_from(items) {
                Ok([only]) => only,
                Err(items) => Value::Array(items),
            }
        }
        Value::Object(members) => {
            let members: Map<String, Value> = members
                .into_iter()
                .map(|(key, value)| (key, spelled(value)))
                .collect();
            match members.get("AWS") {
                Some(everyone) if members.len() == 1 && everyone == "*" => everyone.clone(),
                _ => Value::Object(members),
            }
        }
        other => other,
    }
}

fn bus_rule(site: &Site<'_>, rule: &Result<bool, Trouble>) -> Line {
    let home = &site.policy.home_region;
    let check = check("bus-rule", home);
    match rule {
        Ok(true) => check.pass("events of the bus go to the queue"),
        Ok(false) => check.fail(
            "the rule from the bus to the queue is off: only the sweep sees changes",
            format!("aws events enable-rule --event-bus-name {NAME} --name {NAME} --region {home}"),
        ),
        Err(trouble) if trouble.class == ErrorClass::NotFound => {
            check.fail(format!("there is no rule `{NAME}` on the bus"), REPAIR)
        }
        Err(trouble) => check.unknown(trouble),
    }
}

fn queue(name: &str, queue: &Result<Attributes, Trouble>) -> Line {
    let check = check("queue", name);
    let attributes = match queue {
        Ok(attributes) => attributes,
        Err(trouble) if trouble.class == ErrorClass::NotFound => {
            return check.fail("there is no such queue", REPAIR);
        }
        Err(trouble) => return check.unknown(trouble),
    };
    let redrive = attributes.get(&QueueAttributeName::RedrivePolicy);
    match redrive.is_some_and(|text| text.contains(&format!(":{DEAD_LETTERS}\""))) {
        true => check.pass(format!("what fails goes to {DEAD_LETTERS}")),
        false => check.fail(
            format!("it does not redrive to {DEAD_LETTERS}: what fails is repeated for days"),
            REPAIR,
        ),
    }
}

fn dead_letters(site: &Site<'_>, queue: &Result<Attributes, Trouble>) -> Line {
    let home = &site.policy.home_region;
    let check = check("dead-letters", home);
    let attributes = match queue {
        Ok(attributes) => attributes,
        Err(trouble) if trouble.class == ErrorClass::NotFound => {
            return check.fail(format!("there is no queue `{DEAD_LETTERS}`"), REPAIR);
        }
        Err(trouble) => return check.unknown(trouble),
    };
    let visible = attributes.get(&QueueAttributeName::ApproximateNumberOfMessages);
    match visible.map(String::as_str) {
        Some("0") => check.pass("empty"),
        Some(count) => check.warn(
            format!("{count} messages could not be handled"),
            "see which and why: maciectl dlq list; after the repair: maciectl dlq redrive --apply",
        ),
        None => check.warn(
            "SQS does not tell how many messages it has",
            "run maciectl doctor again",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_compared_by_what_they_say() {
        let ours = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["a","b"]}]}"#;
        let same = [
            r#"{"Statement":{"Action":["b","a"],"Principal":{"AWS":"*"},"Effect":"Allow"}}"#,
            r#"{"Statement":[{"Action":["b","a"],"Principal":{"AWS":["*"]},"Effect":["Allow"]}]}"#,
        ];
        for policy in same {
            assert_eq!(statements(policy), statements(ours), "{policy}");
        }
        let different = [
            "",
            "{}",
            r#"{"Statement":[]}"#,
            r#"{"Statement":{"Action":"a","Principal":"*","Effect":"Allow"}}"#,
            r#"{"Statement":{"Action":["a","b"],"Principal":{"Service":"*"},"Effect":"Allow"}}"#,
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":["a","b"]},{"Effect":"Allow","Principal":"*","Action":"c"}]}"#,
        ];
        for policy in different {
            assert_ne!(statements(policy), statements(ours), "{policy}");
        }
    }
}
