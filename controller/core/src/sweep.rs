//! The pass over everything, in three steps of messages. A pass becomes one pass per Region; that
//! lists members and jobs once, and becomes one resync per account that can need work; a resync
//! compares the account's tagging index with what the pass has seen. Whatever is not in order is
//! handed over to be reconciled, with everything read anew: what a pass has seen can end a look at
//! an account, and never begin a write.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    decide::{
        decide,
        jobs::JobsView,
        member::{grace_is_over, is_returning},
    },
    event::Refusal,
    id::{Region, Scope, UnitId},
    observed::{Fact, Job, Member, Membership, OPTED_OUT_SINCE, Observed, Relationship},
    plan::Note,
    policy::Policy,
    wants::{Read, wants},
};

/// Which accounts a pass looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pass {
    /// Where; none: in every governed Region.
    pub region: Option<Region>,
    /// Only members with something pending, which costs no call per account.
    pub only_pending: bool,
}

impl Pass {
    /// Every account in every governed Region: what the schedule asks for.
    pub const EVERYTHING: Self = Self {
        region: None,
        only_pending: false,
    };
    /// Members with something pending: what the schedule asks for in between.
    pub const PENDING: Self = Self {
        region: None,
        only_pending: true,
    };

    /// The message that asks for it.
    pub fn message(&self) -> String {
        let kind = match self.region {
            Some(_) => "pass",
            None => "sweep",
        };
        let mut message = json!({ "macieSelfService": kind, "version": 1 });
        if let Some(message) = message.as_object_mut() {
            if self.only_pending {
                message.insert("only".to_owned(), json!("pending"));
            }
            if let Some(region) = &self.region {
                message.insert("region".to_owned(), json!(region));
            }
        }
        message.to_string()
    }

    pub(crate) fn read(message: &Value) -> Result<Self, Refusal> {
        let only_pending = match message.get("only").map(Value::as_str) {
            None => false,
            Some(Some("pending")) => true,
            Some(_) => return Err(Refusal::unreadable("`only` is not `pending`")),
        };
        let region = message.get("region").cloned();
        let region = region.map(serde_json::from_value).transpose();
        Ok(Self {
            region: region.map_err(|error| Refusal::unreadable(format!("`region`: {error}")))?,
            only_pending,
        })
    }
}

/// What a pass over a Region has seen of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seen {
    /// The member; none for a stranger.
    pub member: Option<Member>,
    /// The controller's jobs for the account.
    pub jobs: Vec<Job>,
    /// Those above the account of the units that the policy names; none if nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<Vec<UnitId>>,
}

impl Seen {
    /// Fills in what was seen.
    pub fn fill(self, observed: &mut Observed) {
        let member = self.member.map_or(Membership::Stranger, Membership::Member);
        observed.member = Fact::Known(member);
        observed.jobs = Fact::Known(self.jobs);
        observed.units = self.units.map_or(Fact::Unread, Fact::Known);
    }
}

/// The message that asks whether an account in a Region is in order.
pub fn resync_message(scope: &Scope, seen: Option<&Seen>) -> String {
    json!({
        "macieSelfService": "resync",
        "version": 1,
        "account": scope.account,
        "region": scope.region,
        "seen": seen,
    })
    .to_string()
}

pub(crate) fn read_resync(message: &Value) -> Result<(Scope, Option<Seen>), Refusal> {
    let field = |name: &str| message.get(name).cloned().unwrap_or(Value::Null);
    let broken = |error| Refusal::unreadable(format!("a resync: {error}"));
    let account = serde_json::from_value(field("account")).map_err(broken)?;
    let region = serde_json::from_value(field("region")).map_err(broken)?;
    let seen = serde_json::from_value(field("seen")).map_err(broken)?;
    Ok((Scope { account, region }, seen))
}

/// Why a pass leaves an account out: nothing can be done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Skip {
    /// The account is suspended or being closed.
    NotActive,
    /// The account has the Region disabled.
    RegionDisabled,
    /// The policy names the account as excluded, and nothing of it is left.
    Excluded,
    /// Nothing is pending, and only that was asked for.
    NothingPending,
}

impl Skip {
    /// The reason in a word, for the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotActive => "not-active",
            Self::RegionDisabled => "region-disabled",
            Self::Excluded => "excluded",
            Self::NothingPending => "nothing-pending",
        }
    }
}

/// Whether an account in a Region must be looked at, by what a pass has seen.
pub fn triage(
    policy: &Policy,
    pass: &Pass,
    scope: &Scope,
    is_active: bool,
    seen: &Seen,
    now: Timestamp,
) -> Result<(), Skip> {
    let status = seen.member.as_ref().map(|member| &member.status);
    if !is_active || status == Some(&Relationship::AccountSuspended) {
        return Err(Skip::NotActive);
    }
    if status == Some(&Relationship::RegionDisabled) {
        return Err(Skip::RegionDisabled);
    }
    let live = seen.jobs.iter().any(|job| job.status.is_live());
    let gone = status != Some(&Relationship::Enabled) && !live;
    if policy.accounts.excluded.contains(&scope.account) && gone {
        return Err(Skip::Excluded);
    }
    if pass.only_pending && !is_pending(policy, scope, seen, now) {
        return Err(Skip::NothingPending);
    }
    Ok(())
}

/// Whether nothing has to be done about an account, by what a pass has seen of it and by its
/// tagging index alone. That the index may still show a bucket that has left is the next pass's:
/// it keeps an account enrolled that is enrolled, and nothing else.
pub fn is_in_order(policy: &Policy, observed: &Observed, now: Timestamp) -> bool {
    let plan = decide(policy, observed, now);
    let waits = |note: &Note| matches!(note, Note::Waiting(on) if on.look_again_in(now).is_some());
    if !plan.steps.is_empty() || plan.notes.iter().any(waits) || observed.index.known().is_none() {
        return false;
    }
    let missing = wants(policy, observed, now);
    let enabled = matches!(
        observed.member.known(),
        Some(Membership::Member(member)) if member.status == Relationship::Enabled
    );
    let confirms =
        |read: &Read| matches!(read, Read::Bucket(name) if observed.indexed().contains(name));
    missing.is_empty() || (enabled && missing.len() == 1 && missing.iter().all(confirms))
}

/// Whether a member waits for something that time brings: for Macie to enable it, for the end of
/// its grace period, for a job, or to be caught up.
fn is_pending(policy: &Policy, scope: &Scope, seen: &Seen, now: Timestamp) -> bool {
    let Some(member) = &seen.member else {
        return false;
    };
    let view = JobsView::new(policy, scope, &seen.jobs, Some(member));
    match member.status {
        Relationship::Created => true,
        Relationship::Enabled if grace_is_over(policy, member, now) => true,
        Relationship::Enabled if member.time(OPTED_OUT_SINCE).is_some() => false,
        Relationship::Enabled => {
            let waits_for_job = member.is_owned(&policy.ownership) && !view.has_daily();
            waits_for_job || is_returning(member) || !view.drifted().is_empty()
        }
        _ => false,
    }
}
