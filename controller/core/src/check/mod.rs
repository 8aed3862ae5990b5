//! The second opinion. It knows nothing of how plans are made: it looks at a plan and at what was
//! observed, and refuses the plan when one of its steps could do harm. A [`CheckedPlan`] cannot be
//! had in any other way, and the shell carries out nothing else.

mod budget;
mod invariant;
mod jobs;
mod member;

use jiff::Timestamp;
use serde::Serialize;

pub use self::invariant::Invariant;
use crate::{
    observed::{BucketReading, Fact, JobKind, Member, Membership, Observed, Relationship},
    plan::{Action, Note, Plan, Step},
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

    /// Whether the plan suspends the account.
    pub fn suspends(&self) -> bool {
        let mut steps = self.0.steps.iter();
        steps.any(|step| step.action == Action::SuspendMember)
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
        (
            Action::CancelJob { job: one, .. }
            | Action::PauseJob { job: one, .. }
            | Action::ResumeJob { job: one, .. },
            Action::CancelJob { job: other, .. }
            | Action::PauseJob { job: other, .. }
            | Action::ResumeJob { job: other, .. },
        ) => one == other,
        (Action::TagMember { tags: one }, Action::TagMember { tags: other }) => {
            one.keys().any(|key| other.contains_key(key))
        }
        (Action::UntagMember { keys: one }, Action::UntagMember { keys: other }) => {
            !one.is_disjoint(other)
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
        Action::PauseJob { job, .. } => format!("pause job {job}"),
        Action::ResumeJob { job, .. } => format!("resume job {job}"),
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
            Action::PauseJob { job, .. } => self.pause_job(job),
            Action::ResumeJob { job, .. } => self.resume_job(job),
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

    fn reads_opted_in(&self) -> bool {
        self.observed
            .buckets
            .values()
            .any(|reading| *reading == Fact::Known(BucketReading::OptedIn))
    }

    fn time_tag(&self, key: &str) -> Option<Timestamp> {
        self.member()?.tags.get(key)?.parse().ok()
    }
}
