//! Enrol, resume, keep, suspend.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    breaker::{self, Demand},
    gaps,
    jobs::JobsView,
};
use crate::{
    observed::{
        AccountState, Census, ENROLLED_AT, Evidence, Member, Membership, OPTED_OUT_SINCE, Observed,
        Relationship, SUSPENSION_RELEASED, Standing, UNSCANNED,
    },
    plan::{Action, Blocked, Plan, Waiting, Why},
    policy::{Mode, Policy},
};

/// Whether Macie works for the account, so that jobs make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolment {
    /// It does, and this plan does not end it.
    Served,
    /// It does not.
    NotServed,
}

/// The account's mode; none while its units are needed and not known.
pub fn mode(policy: &Policy, observed: &Observed) -> Option<Mode> {
    if !policy.has_unit_rules() {
        return Some(policy.mode(&observed.scope.account, &[]));
    }
    observed
        .units
        .known()
        .map(|units| policy.mode(&observed.scope.account, units))
}

/// Whether the account was without an opted-in bucket, and that is not settled yet.
pub fn is_returning(member: &Member) -> bool {
    member.tags.contains_key(OPTED_OUT_SINCE) || member.tags.contains_key(UNSCANNED)
}

/// Since when the account has had no opted-in bucket. A time that cannot be read or has not come
/// yet is none: the grace period then begins anew.
pub fn left_at(member: &Member, now: Timestamp) -> Option<Timestamp> {
    member.time(OPTED_OUT_SINCE).filter(|since| *since <= now)
}

/// Whether the grace period has passed.
pub fn grace_is_over(policy: &Policy, member: &Member, now: Timestamp) -> bool {
    grace_ends_at(policy, member, now).is_some_and(|end| end <= now)
}

/// When the grace period of an account without an opted-in bucket ends. It is longer for an account
/// that was enrolled lately: one whose tag comes and goes must not come and go with it.
pub fn grace_ends_at(policy: &Policy, member: &Member, now: Timestamp) -> Option<Timestamp> {
    let after = |from: Timestamp, time| from.saturating_add(time).unwrap_or(Timestamp::MAX);
    let end = after(grace_from(member, now)?, policy.grace_period);
    let enrolled = member.updated_at.or_else(|| member.time(ENROLLED_AT));
    let least = enrolled.map(|at| after(at, policy.minimum_enrolled_time));
    Some(least.map_or(end, |least| least.max(end)))
}

/// When the grace period begins. A member that was resumed gets a whole one, however long ago its
/// account was opted out.
fn grace_from(member: &Member, now: Timestamp) -> Option<Timestamp> {
    let since = left_at(member, now)?;
    Some(member.updated_at.map_or(since, |at| at.max(since)))
}

pub(super) fn decide(
    policy: &Policy,
    mode: Mode,
    observed: &Observed,
    now: Timestamp,
    plan: &mut Plan,
) -> Enrolment {
    if observed.is_administrator() {
        return Enrolment::Served;
    }
    let membership = match (observed.member.known(), observed.member.trouble()) {
        (Some(membership), _) => membership,
        (None, trouble) => {
            trouble
                .into_iter()
                .for_each(|trouble| plan.unreadable(trouble));
            return Enrolment::NotServed;
        }
    };
    let account = Account {
        policy,
        mode,
        observed,
        now,
        evidence: observed.evidence(),
    };
    match membership {
        Membership::Stranger => account.admit(plan),
        Membership::Member(member) => return account.member(member, plan),
    }
    Enrolment::NotServed
}

struct Account<'a> {
    policy: &'a Policy,
    mode: Mode,
    observed: &'a Observed,
    now: Timestamp,
    evidence: Evidence,
}

impl Account<'_> {
    fn member(&self, member: &Member, plan: &mut Plan) -> Enrolment {
        match &member.status {
            Relationship::Enabled => return self.keep_or_suspend(member, plan),
            Relationship::Removed => self.admit(plan),
            Relationship::Paused => self.resume(member, plan),
            Relationship::Created => plan.waiting(Waiting::MemberEnabling),
            status => self.hopeless(status, plan),
        }
        Enrolment::NotServed
    }

    /// A relationship that the controller cannot change; told to those who ask for more.
    fn hopeless(&self, status: &Relationship, plan: &mut Plan) {
        let blocked = match status {
            Relationship::RegionDisabled => Blocked::RegionDisabled,
            Relationship::AccountSuspended => Blocked::AccountSuspended,
            Relationship::Unknown(status) => Blocked::UnknownStatus {
                what: "member",
                status: status.clone(),
            },
            status => Blocked::ForeignRelationship {
                status: format!("{status:?}"),
            },
        };
        if self.asks() || matches!(status, Relationship::Unknown(_)) {
            plan.blocked(blocked);
        }
    }

    /// Whether somebody wants the account enrolled.
    fn asks(&self) -> bool {
        self.mode == Mode::Mandatory
            || matches!(self.evidence, Evidence::OptedIn | Evidence::Indexed)
    }

    /// Whether that is certain enough to spend money on, and why; says what is in the way if not.
    fn wish(&self, plan: &mut Plan) -> Option<Why> {
        match (&self.evidence, self.mode) {
            (Evidence::OptedIn | Evidence::Indexed, Mode::Excluded) => {
                plan.blocked(Blocked::Excluded)
            }
            (_, Mode::Excluded) => {}
            (Evidence::OptedIn, _) => {
                let buckets = self.observed.confirmed().into_iter().take(5).collect();
                return Some(Why::OptedIn { buckets });
            }
            (_, Mode::Mandatory) => return Some(Why::Mandatory),
            // Not certain: what could not be read is told already.
            (
                Evidence::Indexed | Evidence::Unknown(_) | Evidence::NoneLeft | Evidence::Unproven,
                _,
            ) => {}
        }
        None
    }

    /// `CreateMember` for an account that is not associated, or not any more.
    fn admit(&self, plan: &mut Plan) {
        let Some(why) = self.wish(plan) else { return };
        match self.admission() {
            Ok(email) => {
                let ownership = &self.policy.ownership;
                let tags = BTreeMap::from([
                    (ownership.key.clone(), ownership.value.clone()),
                    (ENROLLED_AT.to_owned(), self.now.to_string()),
                ]);
                plan.step(Action::CreateMember { email, tags }, why);
            }
            Err(None) => {}
            Err(Some(blocked)) => match blocked {
                Blocked::Unreadable { trouble } => plan.unreadable(&trouble),
                blocked => plan.blocked(blocked),
            },
        }
    }

    /// The address to enrol with, or what forbids it.
    fn admission(&self) -> Result<String, Option<Blocked>> {
        let unreadable = |trouble: Option<&_>| {
            trouble
                .cloned()
                .map(|trouble| Blocked::Unreadable { trouble })
        };
        let management = self.observed.management.known();
        let management =
            management.ok_or_else(|| unreadable(self.observed.management.trouble()))?;
        if *management == self.observed.scope.account {
            return Err(Some(Blocked::ManagementAccount));
        }
        let standing = self.observed.account.known();
        match standing.ok_or_else(|| unreadable(self.observed.account.trouble()))? {
            Standing::Outside => Err(Some(Blocked::NotInOrganization)),
            Standing::Inside {
                state: AccountState::Other(state),
                ..
            } => Err(Some(Blocked::AccountNotActive {
                state: state.clone(),
            })),
            Standing::Inside { email, .. } if email.is_empty() => Err(Some(Blocked::NoEmail)),
            Standing::Inside { email, .. } => Ok(email.clone()),
        }
    }

    /// `UpdateMemberSession` ENABLED, once it is on record since when the account went unscanned.
    fn resume(&self, member: &Member, plan: &mut Plan) {
        let Some(why) = self.wish(plan) else { return };
        if !member.is_owned(&self.policy.ownership) {
            return self.adopt(plan);
        }
        if left_at(member, self.now).is_none() {
            let paused_at = member.updated_at.filter(|at| *at <= self.now);
            let since = paused_at.unwrap_or(self.now);
            return plan.step(mark_left(since), Why::RememberGap);
        }
        plan.step(Action::ResumeMember, why);
    }

    fn adopt(&self, plan: &mut Plan) {
        let ownership = &self.policy.ownership;
        match self
            .policy
            .accounts
            .adopted
            .contains(&self.observed.scope.account)
        {
            true => {
                let tags = BTreeMap::from([(ownership.key.clone(), ownership.value.clone())]);
                plan.step(Action::TagMember { tags }, Why::Adopted);
            }
            false => plan.blocked(Blocked::NotOwned),
        }
    }

    fn keep_or_suspend(&self, member: &Member, plan: &mut Plan) -> Enrolment {
        let adopted = self
            .policy
            .accounts
            .adopted
            .contains(&self.observed.scope.account);
        if adopted && !member.is_owned(&self.policy.ownership) {
            self.adopt(plan);
        }
        match &self.evidence {
            Evidence::OptedIn | Evidence::Indexed => self.keep(member, plan),
            _ if self.mode == Mode::Mandatory => self.keep(member, plan),
            Evidence::Unknown(_) => {}
            Evidence::Unproven => self.tell_grace(member, plan),
            Evidence::NoneLeft => return self.leave(member, plan),
        }
        Enrolment::Served
    }

    /// Ends an absence, once it is on record what it left unscanned, and the record, once it is
    /// caught up with. Both wait for a bucket: a mandatory account without one has nothing to scan.
    fn keep(&self, member: &Member, plan: &mut Plan) {
        if self.mode == Mode::Excluded {
            return plan.blocked(Blocked::Excluded);
        }
        let certain = self.evidence == Evidence::OptedIn;
        let Some(jobs) = self.observed.jobs.known() else {
            return;
        };
        if !certain || !member.is_owned(&self.policy.ownership) {
            return;
        }
        let view = JobsView::new(self.policy, &self.observed.scope, jobs, Some(member));
        if member.tags.contains_key(OPTED_OUT_SINCE) {
            self.end_absence(&view, member, plan);
        } else if member.tags.contains_key(UNSCANNED) {
            self.end_record(&view, member, plan);
        }
    }

    fn end_absence(&self, view: &JobsView<'_>, member: &Member, plan: &mut Plan) {
        let resumed = left_at(member, self.now)
            .zip(member.updated_at)
            .is_some_and(|(since, resumed)| resumed > since);
        let why = if resumed {
            Why::RememberGap
        } else {
            Why::BackInTime
        };
        match gaps::of_absence(view, member, self.observed, self.now) {
            gaps::Absence::Unnoticed | gaps::Absence::Recorded => {
                let released = member.tags.contains_key(SUSPENSION_RELEASED);
                let release = released.then(|| SUSPENSION_RELEASED.to_owned());
                let keys = release.into_iter().chain([OPTED_OUT_SINCE.to_owned()]);
                let keys = keys.collect();
                plan.step(Action::UntagMember { keys }, why);
            }
            gaps::Absence::Unrecorded(interval) => {
                plan.step(tag(UNSCANNED, interval.to_string()), Why::RememberGap);
            }
        }
    }

    /// Without the index it is not known which other buckets wait to be caught up.
    fn end_record(&self, view: &JobsView<'_>, member: &Member, plan: &mut Plan) {
        let gap = gaps::recorded(view, member, self.observed);
        let over = gap.is_none_or(|gap| gap.buckets.is_empty());
        if over && self.observed.index.known().is_some() {
            plan.step(untag(UNSCANNED), Why::CaughtUp);
        }
    }

    fn tell_grace(&self, member: &Member, plan: &mut Plan) {
        let owned = member.is_owned(&self.policy.ownership);
        let marked = left_at(member, self.now).is_some();
        let until = self.observed.debounced_until;
        if let Some(until) = until.filter(|until| owned && !marked && self.now < *until) {
            return plan.waiting(Waiting::Debounce { until });
        }
        if let Some(until) = grace_ends_at(self.policy, member, self.now).filter(|_| owned) {
            plan.waiting(Waiting::Grace { until });
        }
    }

    /// Nothing is opted in, and that is proven: first the grace period, then the suspension.
    fn leave(&self, member: &Member, plan: &mut Plan) -> Enrolment {
        if !member.is_owned(&self.policy.ownership) {
            plan.blocked(Blocked::NotOwned);
            return Enrolment::Served;
        }
        let Some(since) = left_at(member, self.now) else {
            plan.step(mark_left(self.now), Why::NoneLeft);
            return Enrolment::Served;
        };
        if !grace_is_over(self.policy, member, self.now) {
            self.tell_grace(member, plan);
            return Enrolment::Served;
        }
        match (self.observed.census.known(), self.observed.census.trouble()) {
            (Some(census), _) => self.suspend(member, census, since, plan),
            (None, trouble) => trouble
                .into_iter()
                .for_each(|trouble| plan.unreadable(trouble)),
        }
        Enrolment::NotServed
    }

    fn suspend(&self, member: &Member, census: &Census, since: Timestamp, plan: &mut Plan) {
        if !breaker::counts(census, &self.observed.scope.account, member) {
            return plan.waiting(Waiting::Census);
        }
        let demand = Demand::of(self.policy, census, self.now);
        if member.is_released() || !demand.is_held() {
            return plan.step(Action::SuspendMember, Why::GraceOver { since });
        }
        plan.blocked(Blocked::CircuitBreaker {
            suspended: demand.suspended,
            due: demand.due,
            limit: demand.limit,
            window: self.policy.circuit_breaker.window.to_string(),
        });
    }
}

fn mark_left(since: Timestamp) -> Action {
    tag(OPTED_OUT_SINCE, since.to_string())
}

fn tag(key: &str, value: String) -> Action {
    Action::TagMember {
        tags: BTreeMap::from([(key.to_owned(), value)]),
    }
}

fn untag(key: &str) -> Action {
    Action::UntagMember {
        keys: BTreeSet::from([key.to_owned()]),
    }
}
