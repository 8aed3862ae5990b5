//! Create and cancel jobs.

use jiff::{SignedDuration, Timestamp};

use super::{Checker, Invariant, unless};
use crate::{
    id::{BucketName, JobId},
    job_name,
    observed::{BucketReading, ENROLLED_AT, Fact, Job, JobKind, JobStatus, Relationship},
    plan::{Action, JobSpec, Plan, Step},
    policy::Mode,
};

/// How far Macie's clock may be ahead of the controller's.
const SKEW: SignedDuration = SignedDuration::from_mins(15);

impl Checker<'_> {
    fn served(&self) -> bool {
        let administrator = self.observed.scope.account == self.observed.administrator;
        administrator || self.status() == Some(&Relationship::Enabled)
    }

    pub(super) fn create_job(&self, job: &JobSpec) -> Option<Invariant> {
        let scope = &self.observed.scope;
        let in_place = job.account == scope.account
            && self.served()
            && self.mode().is_some_and(|mode| mode != Mode::Excluded);
        let named = job_name::kind(&scope.account, &job.name).as_ref() == Some(&job.kind);
        let made = match &job.kind {
            JobKind::Daily { spec } => *spec == job_name::daily_spec(self.policy),
            JobKind::Baseline { spec } => *spec == job_name::buckets_spec(&job.buckets),
            // The time is Macie's, which may be a little ahead of ours.
            JobKind::CatchUp { since } => since.duration_since(self.now) <= SKEW,
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
            .or_else(|| self.within_budget(job))
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
        let enabled_at = self.member().and_then(|member| member.updated_at);
        let enrolled_at = self.time_tag(ENROLLED_AT).unwrap_or(Timestamp::MIN);
        let enrolled_at =
            job_name::whole_second(enabled_at.map_or(enrolled_at, |at| at.min(enrolled_at)));
        let day = SignedDuration::from_hours(24);
        let recent = |other: &&Job| self.now.duration_since(other.created_at) <= day;
        let repeated = jobs
            .iter()
            .filter(|other| other.name == job.name)
            .filter(recent)
            .count();
        let collides = |other: &Job| match (&job.kind, &other.kind) {
            (JobKind::Daily { .. }, JobKind::Daily { spec }) => {
                let same = JobKind::Daily { spec: spec.clone() } == job.kind;
                let paused = match other.status {
                    JobStatus::UserPaused => !self.own_pause(other),
                    JobStatus::Unknown(_) => true,
                    _ => false,
                };
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
        unless(
            !jobs.iter().any(collides) && repeated < 3,
            Invariant::JobUnique,
        )
    }

    pub(super) fn cancel_job(&self, id: &JobId) -> Option<Invariant> {
        let Fact::Known(jobs) = &self.observed.jobs else {
            return Some(Invariant::CancelOwnLiveJob);
        };
        let excluded = self.mode() == Some(Mode::Excluded);
        let legal = jobs
            .iter()
            .find(|job| job.id == *id)
            .is_some_and(|job| match job.status {
                JobStatus::Running | JobStatus::Idle | JobStatus::Paused => true,
                JobStatus::UserPaused => excluded || self.own_pause(job),
                JobStatus::Cancelled | JobStatus::Complete | JobStatus::Unknown(_) => false,
            });
        unless(legal, Invariant::CancelOwnLiveJob)
    }

    /// What a cancelled job does must be done by another one that stays, or not be wanted any more.
    pub(super) fn missed(&self, plan: &Plan, step: &Step) -> Option<Invariant> {
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
