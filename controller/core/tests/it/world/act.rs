//! What actions do to the world, and the loop that the shell runs.

use std::collections::BTreeSet;

use controller_core::{
    check::check,
    decide::decide,
    id::{BucketName, JobId},
    observed::{Job, JobKind, JobStatus, Member, Relationship},
    plan::{Action, JobSpec},
};
use jiff::SignedDuration;

use super::{Outcome, SimJob, World};

/// As the shell's.
const ROUNDS: usize = 6;
const PACE: SignedDuration = SignedDuration::from_secs(10);

impl World {
    /// Makes one write; false when the rate limit refuses it.
    pub fn apply(&mut self, action: &Action) -> bool {
        let accepted = match action {
            Action::CreateMember { tags, .. } => self.create_member(tags.clone()),
            Action::ResumeMember => self.session(Relationship::Paused, Relationship::Enabled),
            Action::SuspendMember => self.session(Relationship::Enabled, Relationship::Paused),
            Action::TagMember { tags } => {
                self.member_mut().tags.extend(tags.clone());
                true
            }
            Action::UntagMember { keys } => {
                self.member_mut().tags.retain(|key, _| !keys.contains(key));
                true
            }
            Action::CreateJob(spec) => self.create_job(spec),
            Action::CancelJob { job, .. } => {
                let job = &mut self.job(job).job;
                assert!(job.status.is_live(), "cancels {job:?}");
                job.status = JobStatus::Cancelled;
                true
            }
            Action::PauseJob { job, .. } => {
                self.pause(job);
                true
            }
            Action::ResumeJob { job, .. } => {
                let job = &mut self.job(job).job;
                assert_eq!(job.status, JobStatus::UserPaused);
                job.paused_at = None;
                job.status = match job.kind {
                    JobKind::Daily { .. } => JobStatus::Idle,
                    JobKind::Baseline { .. } | JobKind::CatchUp { .. } => JobStatus::Running,
                };
                true
            }
        };
        if accepted {
            self.log.push((self.now, action.clone()));
        }
        accepted
    }

    fn create_member(&mut self, tags: std::collections::BTreeMap<String, String>) -> bool {
        let status = self.status();
        assert!(
            matches!(status, None | Some(Relationship::Removed)),
            "{status:?}"
        );
        self.enabled_at = Some(self.now + SignedDuration::from_secs(20));
        self.member = Some(Member {
            status: Relationship::Created,
            tags,
            updated_at: Some(self.now),
        });
        true
    }

    fn session(&mut self, from: Relationship, to: Relationship) -> bool {
        let now = self.now;
        let member = self.member_mut();
        assert_eq!(member.status, from);
        member.status = to;
        member.updated_at = Some(now);
        true
    }

    fn create_job(&mut self, spec: &JobSpec) -> bool {
        assert!(self.served());
        let too_soon = self
            .created_job_at
            .is_some_and(|last| self.now.duration_since(last) < PACE);
        if self.paced && too_soon {
            return false;
        }
        if self.jobs.iter().any(|job| job.token == spec.client_token) {
            return true;
        }
        self.created_job_at = Some(self.now);
        let status = match spec.kind {
            JobKind::Daily { .. } => JobStatus::Idle,
            JobKind::Baseline { .. } | JobKind::CatchUp { .. } => JobStatus::Running,
        };
        self.jobs.push(SimJob {
            job: Job {
                id: format!("job-{}", self.jobs.len()).parse().unwrap(),
                name: spec.name.clone(),
                kind: controller_core::job_name::kind(&self.scope.account, &spec.name).unwrap(),
                status,
                created_at: self.now,
                paused_at: None,
                buckets: spec.buckets.clone(),
            },
            token: spec.client_token.clone(),
            last_run: None,
        });
        true
    }

    /// What the controller and a person do alike.
    pub fn pause(&mut self, id: &JobId) {
        let now = self.now;
        let job = &mut self.job(id).job;
        assert!(job.status.is_live(), "pauses {job:?}");
        // Macie tells of a pause only when the job was running.
        job.paused_at = (job.status == JobStatus::Running).then_some(now);
        job.status = JobStatus::UserPaused;
    }

    /// The shell's reconcile, for a sweep.
    pub fn sweep(&mut self) -> Outcome {
        self.reconcile(&[], usize::MAX)
    }

    /// The shell's reconcile, for an event on a bucket.
    pub fn event(&mut self, hint: &str) -> Outcome {
        self.reconcile(&[hint], usize::MAX)
    }

    /// The shell's reconcile; it crashes when so many actions are done.
    pub fn reconcile(&mut self, hints: &[&str], crash_after: usize) -> Outcome {
        let hints: BTreeSet<BucketName> = hints.iter().map(|name| super::bucket(name)).collect();
        let mut outcome = Outcome::default();
        for round in 1..=ROUNDS {
            let observed = self.observe(&hints);
            let plan = decide(&self.policy, &observed, self.now);
            outcome.notes.clone_from(&plan.notes);
            let plan = match check(&self.policy, &observed, self.now, plan) {
                Ok(plan) => plan,
                Err(violation) => {
                    outcome.violation = Some(violation);
                    return outcome;
                }
            };
            for step in plan.steps() {
                if outcome.actions.len() >= crash_after {
                    return outcome;
                }
                match self.apply(&step.action) {
                    true => outcome.actions.push(step.action.clone()),
                    false => outcome.paced = true,
                }
            }
            if plan.steps().is_empty() || outcome.paced {
                return outcome;
            }
            outcome.unsettled = round == ROUNDS;
        }
        outcome
    }

    /// Sweeps every minute until a sweep writes nothing and nothing is left to wait for soon.
    pub fn settle(&mut self) {
        for _ in 0..40 {
            let outcome = self.sweep();
            assert_eq!(outcome.violation, None);
            assert!(!outcome.unsettled, "{:?}", outcome.actions);
            let moving = self.status() == Some(&Relationship::Created);
            if outcome.actions.is_empty() && !outcome.paced && !moving {
                return;
            }
            self.advance(SignedDuration::from_mins(1));
        }
        panic!("does not come to rest: {:?}", self.log);
    }
}
