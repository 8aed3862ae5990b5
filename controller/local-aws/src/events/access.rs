//! Who may put events on a bus: the forwarding role in the sender's account, and the resource
//! policy of the receiving bus.

use serde_json::Value;

use crate::{
    iam::{arn_like, like},
    world::World,
};

/// The action that forwarding and publishing need.
const ACTION: &str = "events:PutEvents";
/// The principal that assumes forwarding roles.
pub(super) const SERVICE: &str = "events.amazonaws.com";

/// Why the role of a rule in `account` cannot forward, if it cannot.
pub(super) fn check_role(world: &World, account: &str, arn: &str) -> Result<(), String> {
    let name = arn
        .strip_prefix(&format!("arn:aws:iam::{account}:role/"))
        .and_then(|path| path.rsplit('/').next())
        .ok_or_else(|| format!("role {arn} is not a role of account {account}"))?;
    let key = (account.to_owned(), name.to_owned());
    let Some(role) = world.iam.roles.get(&key) else {
        return Err(format!("role {arn} does not exist"));
    };
    if !role.trusts.iter().any(|principal| principal == SERVICE) {
        return Err(format!("role {arn} does not trust {SERVICE}"));
    }
    if !role.allows(ACTION) {
        return Err(format!("role {arn} does not allow {ACTION}"));
    }
    Ok(())
}

/// A wish to put one event on a bus of another account.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    /// The ARN of the bus.
    pub(super) bus: String,
    /// The sender.
    pub(super) account: &'a str,
    /// The role or user that puts the event.
    pub(super) principal: String,
    /// The organization of the sender, empty if none.
    pub(super) organization: &'a str,
    /// The event's `source`.
    pub(super) source: &'a str,
    /// The event's `detail-type`.
    pub(super) detail_type: &'a str,
}

impl Wish<'_> {
    /// Whether a resource policy grants the wish: some statement allows it and none denies it.
    /// What the local AWS does not know (operators, keys) grants nothing and denies always.
    pub(super) fn is_granted(&self, policy: Option<&Value>) -> bool {
        let statements = policy
            .and_then(|policy| policy.get("Statement"))
            .map(many)
            .unwrap_or_default();
        let effective = |effect: &str| {
            statements
                .iter()
                .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some(effect))
                .any(|statement| self.meets(statement, effect == "Deny"))
        };
        effective("Allow") && !effective("Deny")
    }

    fn meets(&self, statement: &Value, unknown: bool) -> bool {
        let member = |name: &str| statement.get(name).map(many).unwrap_or_default();
        let names = |name: &str, wanted: &str| {
            member(name)
                .iter()
                .filter_map(Value::as_str)
                .any(|pattern| like(pattern, wanted))
        };
        self.is_named(statement.get("Principal"))
            && names("Action", ACTION)
            && names("Resource", &self.bus)
            && self.conditions_hold(statement.get("Condition"), unknown)
    }

    fn is_named(&self, principal: Option<&Value>) -> bool {
        let principals = match principal {
            Some(Value::Object(kinds)) => kinds.get("AWS").map(many).unwrap_or_default(),
            Some(Value::String(all)) if all == "*" => return true,
            _ => return false,
        };
        let root = format!("arn:aws:iam::{}:root", self.account);
        principals.iter().filter_map(Value::as_str).any(|name| {
            name == "*" || name == self.account || name == root || name == self.principal
        })
    }

    fn conditions_hold(&self, conditions: Option<&Value>, unknown: bool) -> bool {
        let Some(Value::Object(operators)) = conditions else {
            return conditions.is_none();
        };
        operators.iter().all(|(operator, keys)| {
            keys.as_object().is_some_and(|keys| {
                keys.iter()
                    .all(|(key, values)| self.holds(operator, key, values).unwrap_or(unknown))
            })
        })
    }

    /// Whether a condition holds; none if its operator or key is not known here.
    fn holds(&self, operator: &str, key: &str, values: &Value) -> Option<bool> {
        let actual = self.value_of(key)?;
        let test: fn(&str, &str) -> bool = match operator {
            "StringEquals" | "ForAllValues:StringEquals" => |expected, actual| expected == actual,
            // The keys that are known here always have a value.
            "Null" => |expected, _| expected == "false",
            "StringLike" => like,
            "ArnLike" | "ArnEquals" => arn_like,
            _ => return None,
        };
        let values = many(values);
        let mut texts = values.iter().filter_map(Value::as_str);
        Some(texts.any(|expected| test(expected, actual)))
    }

    /// The value of a condition key; the names of keys are not case-sensitive.
    fn value_of(&self, key: &str) -> Option<&str> {
        match key.to_ascii_lowercase().as_str() {
            "aws:principalorgid" => Some(self.organization),
            "aws:principalaccount" => Some(self.account),
            "aws:principalarn" => Some(&self.principal),
            "events:source" => Some(self.source),
            "events:detail-type" => Some(self.detail_type),
            _ => None,
        }
    }
}

fn many(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(values) => values.clone(),
        one => vec![one.clone()],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FORWARDER: &str = "arn:aws:iam::300000000001:role/forwarder";

    fn granted(statements: Value) -> bool {
        let wish = Wish {
            bus: "arn:aws:events:eu-west-1:222222222222:event-bus/hub".to_owned(),
            account: "300000000001",
            principal: FORWARDER.to_owned(),
            organization: "o-exampleorg1",
            source: "aws.s3",
            detail_type: "AWS API Call via CloudTrail",
        };
        wish.is_granted(Some(&json!({ "Statement": statements })))
    }

    fn statement(principal: Value, condition: Value) -> Value {
        json!({
            "Effect": "Allow",
            "Principal": principal,
            "Action": "events:PutEvents",
            "Resource": "arn:aws:events:eu-west-1:222222222222:event-bus/hub",
            "Condition": condition,
        })
    }

    #[test]
    fn principals_are_accounts_roots_roles_or_everyone() {
        for (principal, expected) in [
            (json!("*"), true),
            (json!({"AWS": "*"}), true),
            (json!({"AWS": ["300000000001"]}), true),
            (json!({"AWS": "arn:aws:iam::300000000001:root"}), true),
            (json!({"AWS": FORWARDER}), true),
            (json!({"AWS": "300000000002"}), false),
            (json!({"Service": "events.amazonaws.com"}), false),
        ] {
            let found = granted(statement(principal.clone(), json!({})));
            assert_eq!(found, expected, "{principal}");
        }
    }

    #[test]
    fn every_condition_must_hold_and_unknown_ones_do_not() {
        for (condition, expected) in [
            (
                json!({"StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}),
                true,
            ),
            (
                json!({"StringEquals": {"AWS:principalorgid": "o-exampleorg1"}}),
                true,
            ),
            (
                json!({"StringEquals": {"aws:PrincipalOrgID": "o-other"}}),
                false,
            ),
            (
                json!({"StringEquals": {"events:source": ["aws.s3", "aws.tag"]}}),
                true,
            ),
            (
                json!({"StringLike": {"events:detail-type": "AWS API*"}}),
                true,
            ),
            (
                json!({"StringEquals": {"events:detail-type": "AWS API*"}}),
                false,
            ),
            (
                json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/forwarder"}}),
                true,
            ),
            (
                json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}}),
                false,
            ),
            (json!({"StringEquals": {"aws:SourceIp": "1"}}), false),
            (
                json!({"ForAllValues:StringEquals": {"events:source": ["aws.s3"]}}),
                true,
            ),
            (
                json!({"ForAllValues:StringEquals": {"events:source": "aws.tag"}}),
                false,
            ),
            (json!({"Null": {"events:source": "false"}}), true),
            (json!({"Null": {"events:source": "true"}}), false),
            (json!({"Bool": {"events:source": "aws.s3"}}), false),
            (
                json!({"StringEquals": {"events:source": "aws.s3", "aws:PrincipalOrgID": "x"}}),
                false,
            ),
        ] {
            let found = granted(statement(json!("*"), condition.clone()));
            assert_eq!(found, expected, "{condition}");
        }
    }

    #[test]
    fn a_deny_wins_and_other_actions_and_buses_grant_nothing() {
        let allow = statement(json!("*"), json!({}));
        let mut deny = allow.clone();
        deny["Effect"] = json!("Deny");
        deny["Condition"] = json!({"StringEquals": {"some:UnknownKey": "x"}});
        assert!(granted(allow.clone()));
        assert!(!granted(json!([allow.clone(), deny])));
        for (member, value) in [
            ("Action", "events:PutRule"),
            ("Resource", "arn:aws:events:*:*:event-bus/b"),
        ] {
            let mut other = allow.clone();
            other[member] = json!(value);
            assert!(!granted(other), "{member}");
        }
    }
}
