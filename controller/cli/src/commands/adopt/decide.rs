//! Whether an account can be adopted, and what that changes, decided without AWS.

use controller_core::{
    decide::member,
    observed::{Fact, Membership, Observed, Relationship, Standing},
    policy::{Mode, Policy},
};
use serde::Serialize;

/// What adopting means for an account in a Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
pub enum Verdict {
    /// The ownership tag is written on the member; what follows from that.
    Adopt(String),
    /// The controller owns it already.
    Owned,
    /// Macie knows no relationship here: nothing to adopt.
    NotHere,
    /// It must not be adopted.
    Refused(String),
}

/// The verdict for an account in a Region.
pub fn decide(policy: &Policy, observed: &Observed) -> Verdict {
    if observed.is_administrator() {
        let why = "it is the Macie administrator, which is never a member";
        return Verdict::Refused(why.to_owned());
    }
    if let Some(why) = not_governed(policy, observed) {
        return Verdict::Refused(why);
    }
    let member = match &observed.member {
        Fact::Known(Membership::Member(member)) => member,
        Fact::Known(Membership::Stranger) => return Verdict::NotHere,
        unread => return Verdict::Refused(unknown("whether it is a member", unread)),
    };
    match &member.status {
        _ if member.is_owned(&policy.ownership) => Verdict::Owned,
        Relationship::Enabled => Verdict::Adopt(consequence(policy, observed)),
        Relationship::Paused => {
            let follows = "it is suspended; it is resumed when a bucket is opted in";
            Verdict::Adopt(follows.to_owned())
        }
        Relationship::Removed => Verdict::NotHere,
        other => Verdict::Refused(format!(
            "the member is {other:?}, expected Enabled or Paused"
        )),
    }
}

/// Why the controller has no say over the account.
fn not_governed(policy: &Policy, observed: &Observed) -> Option<String> {
    match &observed.account {
        Fact::Known(Standing::Inside { .. }) => {}
        Fact::Known(Standing::Outside) => return Some("it is not in the organization".to_owned()),
        unread => return Some(unknown("whether it is in the organization", unread)),
    }
    match member::mode(policy, observed) {
        Some(Mode::Excluded) => Some(
            "the policy excludes it: remove it from `excluded` before it is adopted".to_owned(),
        ),
        Some(Mode::OptIn | Mode::Mandatory) => None,
        None => Some(unknown(
            "its units, which the policy goes by",
            &observed.units,
        )),
    }
}

/// What happens to a member that is on. The tagging index is enough to tell a person; the
/// controller itself suspends on nothing less than a listing of every bucket.
fn consequence(policy: &Policy, observed: &Observed) -> String {
    if member::mode(policy, observed) == Some(Mode::Mandatory) {
        return "it stays enabled: the policy makes it mandatory".to_owned();
    }
    let Some(index) = observed.index.known() else {
        let why = unknown("its tagged buckets", &observed.index);
        return format!("{why}; without one it is suspended after the grace period");
    };
    let key = &policy.tag.key;
    match index.len() {
        0 => format!(
            "no bucket is tagged `{key}` now: it is suspended after the grace period of {:#}",
            policy.grace_period
        ),
        count => format!("{count} buckets are tagged `{key}` now: it stays enabled while one is"),
    }
}

fn unknown<T>(what: &str, fact: &Fact<T>) -> String {
    match fact.trouble() {
        Some(trouble) => format!("cannot tell {what}: {trouble}"),
        None => format!("cannot tell {what}"),
    }
}
