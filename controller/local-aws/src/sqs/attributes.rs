//! Attributes of queues: their limits, defaults and the redrive policy.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Queue, QueueId, Redrive, invalid, refused};
use crate::error::ApiError;

/// Attributes that are numbers: name, least, most, default.
const NUMBERS: [(&str, i64, i64, i64); 5] = [
    ("DelaySeconds", 0, 900, 0),
    ("MaximumMessageSize", 1024, 1_048_576, 1_048_576),
    ("MessageRetentionPeriod", 60, 1_209_600, 345_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, 0),
    ("VisibilityTimeout", 0, 43_200, 30),
];

/// Attributes that are kept and told, without effect.
const KEPT: [&str; 5] = [
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "SqsManagedSseEnabled",
];

/// Attributes that cannot be set.
const COMPUTED: [&str; 6] = [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

/// Checks the value of an attribute that somebody wants to set.
pub(super) fn check(name: &str, value: &str) -> Result<(), ApiError> {
    if let Some((_, least, most, _)) = NUMBERS.iter().find(|(known, ..)| *known == name) {
        let fits = value
            .parse()
            .is_ok_and(|number: i64| (*least..=*most).contains(&number));
        return if fits {
            Ok(())
        } else {
            Err(refused(
                "InvalidAttributeValue",
                "InvalidAttributeValue",
                format!("Invalid value `{value}` for the parameter {name}: {least} to {most}"),
            ))
        };
    }
    if name == "RedrivePolicy" || KEPT.contains(&name) {
        return Ok(());
    }
    let reason = if name == "FifoQueue" {
        "the local AWS has standard queues only"
    } else {
        "it cannot be set"
    };
    Err(refused(
        "InvalidAttributeName",
        "InvalidAttributeName",
        format!("Unknown Attribute {name}: {reason}."),
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: Value,
}

/// Reads a redrive policy; empty text is none.
pub(super) fn redrive(text: &str) -> Result<Option<Redrive>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |reason: String| {
        invalid(format!(
            "Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}."
        ))
    };
    let policy: RedrivePolicy =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let target = QueueId::from_arn(&policy.dead_letter_target_arn)
        .ok_or_else(|| wrong("deadLetterTargetArn is not the ARN of a queue".to_owned()))?;
    let count = match &policy.max_receive_count {
        Value::String(digits) => digits.parse().ok(),
        other => other.as_u64(),
    };
    match count {
        Some(count @ 1..=1000) => Ok(Some(Redrive {
            target,
            max_receive_count: count as u32,
        })),
        _ => Err(wrong("maxReceiveCount must be 1 to 1000".to_owned())),
    }
}

impl Queue {
    /// An attribute that is a number, 0 if there is none of that name.
    pub(super) fn number(&self, name: &str) -> i64 {
        let set = self.attributes.get(name).and_then(|text| text.parse().ok());
        let default = || {
            NUMBERS
                .iter()
                .find(|(known, ..)| *known == name)
                .map_or(0, |(.., default)| *default)
        };
        set.unwrap_or_else(default)
    }

    /// Forgets messages that are older than the retention period.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let retention = SignedDuration::from_secs(self.number("MessageRetentionPeriod"));
        self.messages
            .retain(|message| now.duration_since(message.sent) < retention);
    }

    /// The named attributes (`All` for every one) as text.
    pub(super) fn describe(
        &self,
        id: &QueueId,
        names: &[String],
        now: Timestamp,
    ) -> Result<BTreeMap<String, Value>, ApiError> {
        let known = |name: &str| {
            name == "All"
                || name == "RedrivePolicy"
                || COMPUTED.contains(&name)
                || KEPT.contains(&name)
                || NUMBERS.iter().any(|(number, ..)| *number == name)
        };
        if let Some(name) = names.iter().find(|name| !known(name)) {
            return Err(refused(
                "InvalidAttributeName",
                "InvalidAttributeName",
                format!("Unknown Attribute {name}."),
            ));
        }
        let asked = |name: &str| names.iter().any(|wanted| wanted == "All" || wanted == name);
        let mut all = self.computed(id, now);
        all.extend(
            NUMBERS.map(|(name, ..)| (name.to_owned(), json!(self.number(name).to_string()))),
        );
        let set = self.attributes.iter();
        all.extend(set.map(|(name, value)| (name.clone(), json!(value))));
        all.retain(|name, _| asked(name));
        Ok(all)
    }

    fn computed(&self, id: &QueueId, now: Timestamp) -> BTreeMap<String, Value> {
        let (visible, hidden): (Vec<_>, Vec<_>) = self
            .messages
            .iter()
            .partition(|message| message.visible_at <= now);
        let delayed = hidden
            .iter()
            .filter(|message| message.receives == 0)
            .count();
        let values = [
            visible.len().to_string(),
            delayed.to_string(),
            (hidden.len() - delayed).to_string(),
            self.created.as_second().to_string(),
            self.modified.as_second().to_string(),
            id.arn(),
        ];
        COMPUTED
            .into_iter()
            .zip(values)
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect()
    }
}
