//! The circuit breaker: a bad deployment, an expired role or an empty page must not suspend an
//! organization. It counts what was suspended within the past window and what falls due within the
//! next one, all in the members' own list; beyond the limit it holds every suspension of the Region
//! until the demand is small again, or a person releases accounts one by one.
//!
//! That needs neither a lock nor a memory of its own, however many controllers there are. Whoever
//! is suspended was on the list as due before, for as long as its grace period lasts: so two
//! controllers that look at the same time count each other's accounts, and a list that is a little
//! old counts an account as due that is suspended by now, once in either case.

use jiff::Timestamp;

use super::member::grace_ends_at;
use crate::{
    id::AccountId,
    observed::{Census, Member, OPTED_OUT_SINCE, Relationship},
    policy::Policy,
};

/// What the circuit breaker counts in one Region. Accounts that a person has released are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Members that were suspended within the past window, by whomever.
    pub suspended: usize,
    /// Members of the controller whose grace period is over, or will be within the next window.
    pub due: usize,
    /// How many of both there may be: the larger of the fixed number and the percentage of all.
    pub limit: usize,
}

impl Demand {
    /// Counts.
    pub fn of(policy: &Policy, census: &Census, now: Timestamp) -> Self {
        let counted = || census.leaving.values().filter(|m| !m.is_released());
        Self {
            suspended: counted()
                .filter(|m| is_just_suspended(policy, m, now))
                .count(),
            due: counted().filter(|m| is_due_soon(policy, m, now)).count(),
            limit: limit(policy, census),
        }
    }

    /// Whether suspensions are held.
    pub fn is_held(&self) -> bool {
        self.suspended.saturating_add(self.due) > self.limit
    }
}

/// Whether the list shows the absence that an account's own reading shows. An older list would
/// not count the account.
pub fn counts(census: &Census, account: &AccountId, member: &Member) -> bool {
    census
        .leaving
        .get(account)
        .is_some_and(|seen| seen.tags.get(OPTED_OUT_SINCE) == member.tags.get(OPTED_OUT_SINCE))
}

/// A suspension at an unknown time may have been just now.
fn is_just_suspended(policy: &Policy, member: &Member, now: Timestamp) -> bool {
    let begin = now
        .saturating_sub(policy.circuit_breaker.window)
        .unwrap_or(Timestamp::MIN);
    let paused = member.status == Relationship::Paused;
    paused && member.updated_at.is_none_or(|at| at > begin)
}

fn is_due_soon(policy: &Policy, member: &Member, now: Timestamp) -> bool {
    let end = now
        .saturating_add(policy.circuit_breaker.window)
        .unwrap_or(Timestamp::MAX);
    member.status == Relationship::Enabled
        && member.is_owned(&policy.ownership)
        && grace_ends_at(policy, member, now).is_some_and(|due| due <= end)
}

fn limit(policy: &Policy, census: &Census) -> usize {
    let breaker = &policy.circuit_breaker;
    let share = census
        .members
        .saturating_mul(usize::from(breaker.max_percent))
        / 100;
    share.max(usize::try_from(breaker.max_suspensions).unwrap_or(usize::MAX))
}
