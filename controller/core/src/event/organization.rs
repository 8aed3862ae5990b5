//! Events of AWS Organizations: an account came, went, was moved or closed.
//!
//! The one exception to the rule that nothing in `detail` names a target: these events are the
//! management account's, about others. So the request says who told it, and counts only if that is
//! the management account.

use serde_json::Value;

use super::{Refusal, Request, account_of, fail_on_error_code, short};
use crate::id::AccountId;

/// The source that EventBridge writes; nobody can put custom events under `aws.`.
pub(super) const SOURCE: &str = "aws.organizations";

/// What CloudTrail reports to the management account: calls, and what came of asynchronous ones.
/// An account that leaves by itself is only told of by `AccountDepartedOrganization`.
const NAMES: [&str; 6] = [
    "MoveAccount",
    "RemoveAccountFromOrganization",
    "CreateAccountResult",
    "CloseAccountResult",
    "AccountJoinedOrganization",
    "AccountDepartedOrganization",
];

/// How EventBridge calls them.
const KINDS: [&str; 2] = [
    "AWS API Call via CloudTrail",
    "AWS Service Event via CloudTrail",
];

pub(super) fn read(event: &Value) -> Result<Request, Refusal> {
    let detail = event.get("detail").unwrap_or(&Value::Null);
    let kind = event.get("detail-type").and_then(Value::as_str);
    let text = |name: &str| detail.get(name).and_then(Value::as_str);
    let name = text("eventName")
        .ok_or_else(|| Refusal::unreadable("a CloudTrail event without `detail.eventName`"))?;
    let ours = kind.is_some_and(|kind| KINDS.contains(&kind))
        && text("eventSource") == Some("organizations.amazonaws.com")
        && NAMES.contains(&name);
    if !ours {
        return Err(Refusal::NotOurs {
            what: format!("{} of {SOURCE}", short(name)),
        });
    }
    fail_on_error_code(detail)?;
    // A creation that failed names none. The sweep finds what cannot be read here.
    let account = named(detail).ok_or_else(|| Refusal::NotOurs {
        what: format!("{} that names no account", short(name)),
    })?;
    let told_by = account_of(event)?;
    Ok(Request::Account { account, told_by })
}

/// The account that it is about: of a call in its parameters, of a service's event in its details
/// or in the status that they hold.
fn named(detail: &Value) -> Option<AccountId> {
    let details = detail.get("serviceEventDetails");
    let held = details.and_then(Value::as_object).into_iter().flatten();
    let places = detail
        .get("requestParameters")
        .into_iter()
        .chain(details)
        .chain(held.map(|(_, status)| status));
    let mut ids = places.filter_map(|place| place.get("accountId")?.as_str()?.parse().ok());
    ids.next()
}
