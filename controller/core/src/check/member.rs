//! Enrol, resume, suspend, tag.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Checker, Invariant, unless};
use crate::{
    observed::{
        AccountState, BucketReading, ENROLLED_AT, ErrorClass, Fact, Interval, Member, Membership,
        OPTED_OUT_SINCE, Relationship, SUSPENSION_RELEASED, Standing, UNSCANNED, of_paused_key,
    },
    policy::Mode,
};

impl Checker<'_> {
    fn not_administrator(&self) -> Option<Invariant> {
        unless(
            self.observed.scope.account != self.observed.administrator,
            Invariant::MemberNotAdministrator,
        )
    }

    pub(super) fn owned(&self) -> Option<Invariant> {
        let ownership = &self.policy.ownership;
        let owned = self
            .member()
            .is_some_and(|member| member.tags.get(&ownership.key) == Some(&ownership.value));
        unless(owned, Invariant::MemberOwned)
    }

    fn asked(&self) -> Option<Invariant> {
        let asked = match self.mode() {
            Some(Mode::Mandatory) => true,
            Some(Mode::OptIn) => self.reads_opted_in(),
            Some(Mode::Excluded) | None => false,
        };
        unless(asked, Invariant::EnrolAsked)
    }

    pub(super) fn enrol(&self, email: &str, tags: &BTreeMap<String, String>) -> Option<Invariant> {
        let outside = matches!(&self.observed.member, Fact::Known(Membership::Stranger))
            || self.status() == Some(&Relationship::Removed);
        let account = &self.observed.scope.account;
        let active = matches!(
            &self.observed.account,
            Fact::Known(Standing::Inside { state: AccountState::Active, email: known }) if known == email && !email.is_empty()
        );
        let workload =
            matches!(&self.observed.management, Fact::Known(management) if management != account);
        let ownership = &self.policy.ownership;
        let marked = tags.get(&ownership.key) == Some(&ownership.value)
            && tags
                .keys()
                .all(|key| *key == ownership.key || key == ENROLLED_AT);
        self.not_administrator()
            .or_else(|| unless(outside, Invariant::MemberStateLegal))
            .or_else(|| self.asked())
            .or_else(|| unless(active && workload && marked, Invariant::EnrolAdmissible))
    }

    pub(super) fn resume(&self) -> Option<Invariant> {
        self.not_administrator()
            .or_else(|| {
                unless(
                    self.status() == Some(&Relationship::Paused),
                    Invariant::MemberStateLegal,
                )
            })
            .or_else(|| self.owned())
            .or_else(|| self.asked())
            .or_else(|| {
                let since = self.time_tag(OPTED_OUT_SINCE);
                unless(
                    since.is_some_and(|since| since <= self.now),
                    Invariant::ResumeOnRecord,
                )
            })
    }

    pub(super) fn suspend(&self) -> Option<Invariant> {
        self.not_administrator()
            .or_else(|| {
                unless(
                    self.status() == Some(&Relationship::Enabled),
                    Invariant::MemberStateLegal,
                )
            })
            .or_else(|| self.owned())
            .or_else(|| {
                unless(
                    matches!(self.mode(), Some(Mode::OptIn | Mode::Excluded)),
                    Invariant::SuspendProven,
                )
            })
            .or_else(|| self.nothing_opted_in())
            .or_else(|| self.grace_over())
            .or_else(|| self.breaker_closed())
    }

    /// Every bucket of a complete listing was read and is not opted in; so was every other bucket
    /// that an event or the index named, unless it could not be read and is not the account's.
    fn nothing_opted_in(&self) -> Option<Invariant> {
        let (Fact::Known(listing), Fact::Known(index)) =
            (&self.observed.listing, &self.observed.index)
        else {
            return Some(Invariant::SuspendProven);
        };
        let foreign = |name| !listing.contains(name) && !index.contains(name);
        let negative = |name| match self.observed.buckets.get(name) {
            Some(Fact::Known(BucketReading::NotOptedIn | BucketReading::Gone)) => true,
            Some(Fact::Known(BucketReading::NearMiss { .. })) => true,
            Some(Fact::Known(BucketReading::Elsewhere)) => !listing.contains(name),
            Some(Fact::Unknown(trouble)) => trouble.class == ErrorClass::Denied && foreign(name),
            Some(Fact::Known(BucketReading::OptedIn) | Fact::Unread) | None => false,
        };
        let named = listing
            .iter()
            .chain(index)
            .chain(&self.observed.hints)
            .chain(self.observed.buckets.keys());
        unless(named.into_iter().all(negative), Invariant::SuspendProven)
    }

    fn grace_over(&self) -> Option<Invariant> {
        let passed = |since: Timestamp| {
            since <= self.now && self.now.duration_since(since) >= self.policy.grace_period
        };
        let enabled_at = self.member().and_then(|member| member.updated_at);
        let stayed =
            |since: Timestamp| self.now.duration_since(since) >= self.policy.minimum_enrolled_time;
        let over = self.time_tag(OPTED_OUT_SINCE).is_some_and(passed)
            && enabled_at.is_none_or(passed)
            && enabled_at
                .or_else(|| self.time_tag(ENROLLED_AT))
                .is_none_or(stayed);
        unless(over, Invariant::SuspendAfterGrace)
    }

    /// Counts again, by its own rules: who is suspended too lately, or about to be.
    fn breaker_closed(&self) -> Option<Invariant> {
        let Fact::Known(census) = &self.observed.census else {
            return Some(Invariant::SuspendWithinBreaker);
        };
        let mark = |member: &Member| member.tags.get(OPTED_OUT_SINCE).cloned();
        let listed = census.leaving.get(&self.observed.scope.account);
        let own = self.member().and_then(mark);
        let on_list = own.is_some() && listed.and_then(mark) == own;
        let released = |member: &Member| {
            let release = member.tags.get(SUSPENSION_RELEASED);
            release.is_some_and(|release| mark(member).as_ref() == Some(release))
        };
        let others = census.leaving.values().filter(|member| !released(member));
        let demand = others.filter(|member| self.is_leaving_now(member)).count();
        let breaker = &self.policy.circuit_breaker;
        let within_number = u32::try_from(demand).is_ok_and(|n| n <= breaker.max_suspensions);
        let within_share =
            demand <= census.members.saturating_mul(breaker.max_percent.into()) / 100;
        let lets_go = self.member().is_some_and(released) || within_number || within_share;
        unless(on_list && lets_go, Invariant::SuspendWithinBreaker)
    }

    /// Whether a member's suspension is less than a window away, in the past or to come.
    fn is_leaving_now(&self, member: &Member) -> bool {
        let window = self.policy.circuit_breaker.window;
        let owned =
            member.tags.get(&self.policy.ownership.key) == Some(&self.policy.ownership.value);
        let mark = member.tags.get(OPTED_OUT_SINCE);
        let since: Option<Timestamp> = mark.and_then(|mark| mark.parse().ok());
        match member.status {
            Relationship::Paused => member
                .updated_at
                .is_none_or(|at| self.now.duration_since(at) < window),
            Relationship::Enabled if owned => since.is_some_and(|since| {
                let begin = member.updated_at.map_or(since, |at| since.max(at));
                let soon = |begin: Timestamp, time: SignedDuration| {
                    self.now.duration_since(begin).saturating_add(window) >= time
                };
                let tag = member.tags.get(ENROLLED_AT).and_then(|at| at.parse().ok());
                let stayed = member.updated_at.or(tag);
                since <= self.now
                    && soon(begin, self.policy.grace_period)
                    && stayed.is_none_or(|at| soon(at, self.policy.minimum_enrolled_time))
            }),
            _ => false,
        }
    }

    pub(super) fn tag(&self, tags: &BTreeMap<String, String>) -> Option<Invariant> {
        let adopts = tags.contains_key(&self.policy.ownership.key);
        let adopted = self
            .policy
            .accounts
            .adopted
            .contains(&self.observed.scope.account);
        let readable = |key: &str, value: &str| match key {
            OPTED_OUT_SINCE => value
                .parse()
                .is_ok_and(|since: Timestamp| since <= self.now),
            UNSCANNED => Interval::parse(value).is_some_and(|interval| interval.end <= self.now),
            key if of_paused_key(key).is_some() => true,
            key => key == self.policy.ownership.key && value == self.policy.ownership.value,
        };
        let own = tags.iter().all(|(key, value)| readable(key, value));
        let known = matches!(
            self.status(),
            Some(Relationship::Enabled | Relationship::Paused)
        );
        self.not_administrator()
            .or_else(|| unless(own && !tags.is_empty(), Invariant::TagsOwnKeys))
            .or_else(|| unless(known, Invariant::MemberStateLegal))
            .or_else(|| {
                if adopts {
                    unless(adopted, Invariant::MemberOwned)
                } else {
                    self.owned()
                }
            })
            .or_else(|| self.mark_left(tags))
            .or_else(|| self.marks(tags))
    }

    /// The grace period of an enabled member begins only when nothing is opted in, and never in
    /// the past; that of a suspended one is not a matter of grace.
    fn mark_left(&self, tags: &BTreeMap<String, String>) -> Option<Invariant> {
        let enabled = self.status() == Some(&Relationship::Enabled);
        let since = tags.get(OPTED_OUT_SINCE).filter(|_| enabled)?;
        unless(
            since.parse::<Timestamp>().ok() == Some(self.now),
            Invariant::SuspendAfterGrace,
        )
        .or_else(|| self.nothing_opted_in())
    }

    pub(super) fn untag(&self, keys: &BTreeSet<String>) -> Option<Invariant> {
        self.not_administrator()
            .or_else(|| {
                unless(
                    keys.iter().all(|key| {
                        [OPTED_OUT_SINCE, UNSCANNED, SUSPENSION_RELEASED].contains(&key.as_str())
                            || of_paused_key(key).is_some()
                    }) && !keys.is_empty(),
                    Invariant::TagsOwnKeys,
                )
            })
            .or_else(|| {
                unless(
                    self.status() == Some(&Relationship::Enabled),
                    Invariant::MemberStateLegal,
                )
            })
            .or_else(|| self.owned())
            .or_else(|| self.unmarks(keys))
    }
}
