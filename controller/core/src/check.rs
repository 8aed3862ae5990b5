//! The second opinion. It knows nothing of how plans are made: it looks at a plan and at what was
//! observed, and refuses the plan when one of its steps could do harm. A [`CheckedPlan`] cannot be
//! had in any other way, and the shell carries out nothing else.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    id::BucketName,
    job_name,
    observed::{
        AccountState, BucketReading, ENROLLED_AT, Fact, Interval, Job, JobKind, JobStatus, Member,
        Membership, OPTED_OUT_SINCE, Observed, Relationship, Standing, UNSCANNED,
    },
    plan::{Action, JobSpec, Note, Plan, Step},
    policy::{Mode, Policy},
};

/// A plan that breaks no invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPlan(Plan);

impl CheckedPlan {
    /// The steps, each independent of the others.
    pub fn steps(&self) -> &[Step] {
        &self.0.steps
    }

    /// What is told besides.
    pub fn notes(&self) -> &[Note] {
        &self.0.notes
    }

    /// The plan itself.
    pub fn into_plan(self) -> Plan {
        self.0
    }
}

/// An invariant that a plan breaks: a defect of the controller, and nothing of the plan is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("the plan breaks an invariant ({invariant}): {step}")]
pub struct Violation {
    /// Which invariant.
    pub invariant: Invariant,
    /// The step, in a few words.
    pub step: String,
}

/// What no plan may break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "Display says what each means")]
pub enum Invariant {
    PlaceGoverned,
    PlaceObserved,
    OncePerPlan,
    MemberNotAdministrator,
    MemberStateLegal,
    MemberOwned,
    EnrolAsked,
    EnrolAdmissible,
    ResumeOnRecord,
    SuspendProven,
    SuspendAfterGrace,
    SuspendWithinBreaker,
    TagsOwnKeys,
    JobInPlace,
    JobOnlyOptedIn,
    JobUnique,
    JobAsPolicy,
    CancelOwnLiveJob,
    CancelNotMissed,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::PlaceGoverned,
        Self::PlaceObserved,
        Self::OncePerPlan,
        Self::MemberNotAdministrator,
        Self::MemberStateLegal,
        Self::MemberOwned,
        Self::EnrolAsked,
        Self::EnrolAdmissible,
        Self::ResumeOnRecord,
        Self::SuspendProven,
        Self::SuspendAfterGrace,
        Self::SuspendWithinBreaker,
        Self::TagsOwnKeys,
        Self::JobInPlace,
        Self::JobOnlyOptedIn,
        Self::JobUnique,
        Self::JobAsPolicy,
        Self::CancelOwnLiveJob,
        Self::CancelNotMissed,
    ];
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlaceGoverned => "only governed Regions are touched",
            Self::PlaceObserved => "a plan is about the account and Region that were observed",
            Self::OncePerPlan => "no step twice in one plan",
            Self::MemberNotAdministrator => "the administrator is never its own member",
            Self::MemberStateLegal => "the step is legal from the member's state",
            Self::MemberOwned => "only members that the controller owns are suspended, resumed or marked",
            Self::EnrolAsked => "only accounts that ask, and are not excluded, are enrolled",
            Self::EnrolAdmissible => "only active accounts of the organization are enrolled, and marked as owned",
            Self::ResumeOnRecord => "a member is resumed when it is on record since when it was not scanned",
            Self::SuspendProven => "a suspension needs a complete listing without an opted-in bucket and without an unknown",
            Self::SuspendAfterGrace => "a suspension comes after a whole grace period, which begins when nothing is opted in",
            Self::SuspendWithinBreaker => "the circuit breaker is closed",
            Self::TagsOwnKeys => "only the controller's own tags are written, with values that it can read again",
            Self::JobInPlace => "a job is for the observed account, which Macie serves",
            Self::JobOnlyOptedIn => "a job names only buckets that were read and are opted in",
            Self::JobUnique => "no second live daily job, and no bucket is paid for twice",
            Self::JobAsPolicy => "a job is made as the policy says",
            Self::CancelOwnLiveJob => "only live jobs of the controller are cancelled, and none that a person paused unless the account is excluded",
            Self::CancelNotMissed => "a cancelled job leaves no opted-in bucket without a job that does the same",
        })
    }
}

/// Lets a plan pass, or names the first invariant that it breaks.
pub fn check(
    policy: &Policy,
    observed: &Observed,
    now: Timestamp,
    plan: Plan,
) -> Result<CheckedPlan, Violation> {
    let checker = Checker {
        policy,
        observed,
        now,
    };
    for (n, step) in plan.steps.iter().enumerate() {
        let broken = checker
            .place(&plan)
            .or_else(|| checker.step(step))
            .or_else(|| checker.missed(&plan, step))
            .or_else(|| {
                let earlier = plan.steps.iter().take(n);
                earlier
                    .into_iter()
                    .any(|other| same(other, step))
                    .then_some(Invariant::OncePerPlan)
            });
        if let Some(invariant) = broken {
            return Err(Violation {
                invariant,
                step: describe(&step.action),
            });
        }
    }
    Ok(CheckedPlan(plan))
}

/// Two steps that would write the same thing, whatever their reasons.
fn same(one: &Step, other: &Step) -> bool {
    match (&one.action, &other.action) {
        (Action::CreateJob(one), Action::CreateJob(other)) => {
            one.name == other.name
                || one.client_token == other.client_token
                || (same_kind(&one.kind, &other.kind) && !one.buckets.is_disjoint(&other.buckets))
        }
        (Action::CancelJob { job: one, .. }, Action::CancelJob { job: other, .. }) => one == other,
        (Action::TagMember { tags: one }, Action::TagMember { tags: other }) => {
            one.keys().any(|key| other.contains_key(key))
        }
        (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

fn same_kind(one: &JobKind, other: &JobKind) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

fn describe(action: &Action) -> String {
    match action {
        Action::CreateMember { .. } => "create member".to_owned(),
        Action::ResumeMember => "resume member".to_owned(),
        Action::SuspendMember => "suspend member".to_owned(),
        Action::TagMember { tags } => format!("tag member {:?}", tags.keys().collect::<Vec<_>>()),
        Action::UntagMember { keys } => format!("untag member {keys:?}"),
        Action::CreateJob(job) => format!("create job {}", job.name),
        Action::CancelJob { job, .. } => format!("cancel job {job}"),
    }
}

struct Checker<'a> {
    policy: &'a Policy,
    observed: &'a Observed,
    now: Timestamp,
}

/// `None` when the invariant holds.
fn unless(holds: bool, invariant: Invariant) -> Option<Invariant> {
    (!holds).then_some(invariant)
}

impl Checker<'_> {
    fn place(&self, plan: &Plan) -> Option<Invariant> {
        unless(
            self.policy.regions.contains(&self.observed.scope.region),
            Invariant::PlaceGoverned,
        )
        .or_else(|| unless(plan.scope == self.observed.scope, Invariant::PlaceObserved))
    }

    fn step(&self, step: &Step) -> Option<Invariant> {
        match &step.action {
            Action::CreateMember { email, tags } => self.enrol(email, tags),
            Action::ResumeMember => self.resume(),
            Action::SuspendMember => self.suspend(),
            Action::TagMember { tags } => self.tag(tags),
            Action::UntagMember { keys } => self.untag(keys),
            Action::CreateJob(job) => self.create_job(job),
            Action::CancelJob { job, .. } => self.cancel_job(job),
        }
    }

    fn member(&self) -> Option<&Member> {
        match &self.observed.member {
            Fact::Known(Membership::Member(member)) => Some(member),
            _ => None,
        }
    }

    fn status(&self) -> Option<&Relationship> {
        self.member().map(|member| &member.status)
    }

    fn mode(&self) -> Option<Mode> {
        let units: &[_] = match (&self.observed.units, self.policy.has_unit_rules()) {
            (Fact::Known(units), _) => units,
            (_, false) => &[],
            (_, true) => return None,
        };
        Some(self.policy.mode(&self.observed.scope.account, units))
    }

    fn not_administrator(&self) -> Option<Invariant> {
        unless(
            self.observed.scope.account != self.observed.administrator,
            Invariant::MemberNotAdministrator,
        )
    }

    fn owned(&self) -> Option<Invariant> {
        let ownership = &self.policy.ownership;
        let owned = self
            .member()
            .is_some_and(|member| member.tags.get(&ownership.key) == Some(&ownership.value));
        unless(owned, Invariant::MemberOwned)
    }

    fn reads_opted_in(&self) -> bool {
        self.observed
            .buckets
            .values()
            .any(|reading| *reading == Fact::Known(BucketReading::OptedIn))
    }

    fn asked(&self) -> Option<Invariant> {
        let asked = match self.mode() {
            Some(Mode::Mandatory) => true,
            Some(Mode::OptIn) => self.reads_opted_in(),
            Some(Mode::Excluded) | None => false,
        };
        unless(asked, Invariant::EnrolAsked)
    }

    fn enrol(
        &self,
        email: &str,
        tags: &std::collections::BTreeMap<String, String>,
    ) -> Option<Invariant> {
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

    fn resume(&self) -> Option<Invariant> {
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

    fn time_tag(&self, key: &str) -> Option<Timestamp> {
        self.member()?.tags.get(key)?.parse().ok()
    }

    fn suspend(&self) -> Option<Invariant> {
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
        let negative = |name| match self.observed.buckets.get(name) {
            Some(Fact::Known(BucketReading::OptedIn)) => false,
            Some(Fact::Known(_)) => true,
            Some(Fact::Unknown(_)) => !listing.contains(name),
            Some(Fact::Unread) | None => false,
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
        let over =
            self.time_tag(OPTED_OUT_SINCE).is_some_and(passed) && enabled_at.is_none_or(passed);
        unless(over, Invariant::SuspendAfterGrace)
    }

    fn breaker_closed(&self) -> Option<Invariant> {
        let Fact::Known(census) = &self.observed.census else {
            return Some(Invariant::SuspendWithinBreaker);
        };
        let breaker = &self.policy.circuit_breaker;
        let recent = census
            .suspended_at
            .iter()
            .filter(|at| self.now.duration_since(**at) < breaker.window)
            .count();
        let within_number = recent < usize::try_from(breaker.max_suspensions).unwrap_or(usize::MAX);
        let within_share = recent < census.members.saturating_mul(breaker.max_percent.into()) / 100;
        unless(
            within_number || within_share,
            Invariant::SuspendWithinBreaker,
        )
    }

    fn tag(&self, tags: &std::collections::BTreeMap<String, String>) -> Option<Invariant> {
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
    }

    /// The grace period of an enabled member begins only when nothing is opted in, and never in
    /// the past; that of a suspended one is not a matter of grace.
    fn mark_left(&self, tags: &std::collections::BTreeMap<String, String>) -> Option<Invariant> {
        let enabled = self.status() == Some(&Relationship::Enabled);
        let since = tags.get(OPTED_OUT_SINCE).filter(|_| enabled)?;
        unless(
            since.parse::<Timestamp>().ok() == Some(self.now),
            Invariant::SuspendAfterGrace,
        )
        .or_else(|| self.nothing_opted_in())
    }

    fn untag(&self, keys: &BTreeSet<String>) -> Option<Invariant> {
        self.not_administrator()
            .or_else(|| {
                unless(
                    keys.iter()
                        .all(|key| key == OPTED_OUT_SINCE || key == UNSCANNED)
                        && !keys.is_empty(),
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
    }

    fn served(&self) -> bool {
        let administrator = self.observed.scope.account == self.observed.administrator;
        administrator || self.status() == Some(&Relationship::Enabled)
    }

    fn create_job(&self, job: &JobSpec) -> Option<Invariant> {
        let scope = &self.observed.scope;
        let in_place = job.account == scope.account
            && self.served()
            && self.mode().is_some_and(|mode| mode != Mode::Excluded);
        let named = job_name::kind(&scope.account, &job.name).as_ref() == Some(&job.kind);
        let made = match &job.kind {
            JobKind::Daily { spec } => *spec == job_name::daily_spec(self.policy),
            JobKind::Baseline { spec } => *spec == job_name::buckets_spec(&job.buckets),
            JobKind::CatchUp { since } => *since <= self.now,
        };
        let as_policy = job.tag == self.policy.tag
            && job.settings == self.policy.jobs
            && named
            && made
            && !job.client_token.is_empty();
        unless(in_place, Invariant::JobInPlace)
            .or_else(|| unless(as_policy, Invariant::JobAsPolicy))
            .or_else(|| self.only_opted_in(job))
            .or_else(|| self.unique(job))
    }

    fn only_opted_in(&self, job: &JobSpec) -> Option<Invariant> {
        let opted_in =
            |name| self.observed.buckets.get(name) == Some(&Fact::Known(BucketReading::OptedIn));
        let holds = match job.kind {
            JobKind::Daily { .. } => job.buckets.is_empty() && self.reads_opted_in(),
            JobKind::Baseline { .. } | JobKind::CatchUp { .. } => {
                (1..=1_000).contains(&job.buckets.len()) && job.buckets.iter().all(opted_in)
            }
        };
        unless(holds, Invariant::JobOnlyOptedIn)
    }

    fn unique(&self, job: &JobSpec) -> Option<Invariant> {
        let Fact::Known(jobs) = &self.observed.jobs else {
            return Some(Invariant::JobUnique);
        };
        let enrolled_at = self.time_tag(ENROLLED_AT).unwrap_or(Timestamp::MIN);
        let enrolled_at = job_name::whole_second(enrolled_at);
        let collides = |other: &Job| match (&job.kind, &other.kind) {
            (JobKind::Daily { .. }, JobKind::Daily { spec }) => {
                let same = JobKind::Daily { spec: spec.clone() } == job.kind;
                let paused = matches!(other.status, JobStatus::UserPaused | JobStatus::Unknown(_));
                other.status.is_live() && (same || paused)
            }
            (JobKind::Baseline { .. }, JobKind::Baseline { .. }) => {
                other.status != JobStatus::Cancelled
                    && other.created_at >= enrolled_at
                    && !other.buckets.is_disjoint(&job.buckets)
            }
            (JobKind::CatchUp { since }, JobKind::CatchUp { since: from }) => {
                other.status.is_live() && from == since && !other.buckets.is_disjoint(&job.buckets)
            }
            _ => false,
        };
        unless(!jobs.iter().any(collides), Invariant::JobUnique)
    }

    fn cancel_job(&self, id: &crate::id::JobId) -> Option<Invariant> {
        let Fact::Known(jobs) = &self.observed.jobs else {
            return Some(Invariant::CancelOwnLiveJob);
        };
        let excluded = self.mode() == Some(Mode::Excluded);
        let legal = jobs
            .iter()
            .find(|job| job.id == *id)
            .is_some_and(|job| match job.status {
                JobStatus::Running | JobStatus::Idle | JobStatus::Paused => true,
                JobStatus::UserPaused => excluded,
                JobStatus::Cancelled | JobStatus::Complete | JobStatus::Unknown(_) => false,
            });
        unless(legal, Invariant::CancelOwnLiveJob)
    }

    /// What a cancelled job does must be done by another one that stays, or not be wanted any more.
    fn missed(&self, plan: &Plan, step: &Step) -> Option<Invariant> {
        let (Action::CancelJob { job: id, .. }, Fact::Known(jobs)) =
            (&step.action, &self.observed.jobs)
        else {
            return None;
        };
        if self.mode() == Some(Mode::Excluded) {
            return None;
        }
        let job = jobs.iter().find(|job| job.id == *id)?;
        let missed = match job.kind {
            JobKind::Daily { .. } => !self.keeps_daily(plan, jobs),
            JobKind::Baseline { .. } | JobKind::CatchUp { .. } => {
                !job.buckets.iter().any(|name| self.reads_opted_out(name))
            }
        };
        unless(!missed, Invariant::CancelNotMissed)
    }

    /// Whether a live daily job that the policy wants is left when the plan is carried out.
    fn keeps_daily(&self, plan: &Plan, jobs: &[Job]) -> bool {
        let wanted = JobKind::Daily {
            spec: job_name::daily_spec(self.policy),
        };
        let cancelled = |job: &Job| {
            plan.steps.iter().any(
                |step| matches!(&step.action, Action::CancelJob { job: id, .. } if *id == job.id),
            )
        };
        let sure = |job: &Job| job.status.is_live() && !matches!(job.status, JobStatus::Unknown(_));
        jobs.iter()
            .any(|job| job.kind == wanted && sure(job) && !cancelled(job))
    }

    fn reads_opted_out(&self, name: &BucketName) -> bool {
        matches!(
            self.observed.buckets.get(name),
            Some(Fact::Known(reading)) if *reading != BucketReading::OptedIn
        )
    }
}
