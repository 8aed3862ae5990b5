//! People: they pause, resume and cancel jobs, and suspend, resume and enrol members by hand.

use std::collections::BTreeMap;

use axum::http::{Request, request::Parts};
use local_aws::{
    iam,
    macie::{self, JobStatus, Relationship, Status},
    organization::{ADMINISTRATOR, workload},
};

use super::Actors;
use crate::{EU, US};

/// Since when a member is opted out.
const LEFT: &str = "macie-self-service:opted-out-since";
/// Which absence a person has released from the circuit breaker.
const RELEASED: &str = "macie-self-service:suspension-released";

#[derive(Debug, Clone, Copy)]
enum Act {
    Pause,
    ResumeJob,
    Cancel,
    Suspend,
    Resume,
    Enrol,
    Disassociate,
    Release,
    AutoEnable,
}

const ACTS: [(u32, Act); 9] = [
    (4, Act::Pause),
    (3, Act::ResumeJob),
    (4, Act::Cancel),
    (4, Act::Suspend),
    (3, Act::Resume),
    (4, Act::Enrol),
    (2, Act::Disassociate),
    (3, Act::Release),
    (1, Act::AutoEnable),
];

impl Actors {
    pub(super) fn person(&mut self) {
        let act = self.dice.weighted(&ACTS);
        match act {
            Act::Pause => self.some_job("USER_PAUSED", |status| {
                matches!(status, JobStatus::Running | JobStatus::Idle)
            }),
            Act::ResumeJob => self.some_job("RUNNING", |status| status == JobStatus::UserPaused),
            Act::Cancel => self.some_job("CANCELLED", |status| {
                !matches!(status, JobStatus::Cancelled | JobStatus::Complete)
            }),
            Act::Release => self.release(),
            Act::AutoEnable => self.auto_enable(),
            Act::Suspend | Act::Resume | Act::Enrol | Act::Disassociate => self.member(act),
        }
    }

    fn some_job(&mut self, status: &str, fits: impl Fn(JobStatus) -> bool) {
        let jobs: Vec<(String, String)> = self.sim.world(|world| {
            let jobs = world.macie.jobs.iter().filter(|job| fits(job.status));
            jobs.map(|job| (job.scope.region.clone(), job.id.clone()))
                .collect()
        });
        if let Some((region, job)) = self.dice.maybe(&jobs) {
            self.set_job(&region, &job, status);
        }
    }

    /// A call that a person makes in the console.
    fn set_job(&self, region: &str, job: &str, status: &str) {
        let parts = request(region, &format!("/jobs/{job}"));
        let body = format!(r#"{{"jobStatus":"{status}"}}"#).into_bytes();
        let _reply = self.sim.shared().answer(&parts, body);
        let call = self.sim.world(|world| world.calls.pop());
        let error = call.and_then(|call| call.error);
        self.sim.note(
            "person",
            format_args!("makes the job {job} {status}: {error:?}"),
        );
        if error.is_none() {
            let now = (status == "USER_PAUSED").then(|| self.sim.now());
            self.sim.monitor().job_changes(job, now);
            self.sim.count("jobs that people changed");
        }
    }

    /// Every job that people paused goes on.
    pub fn resume_jobs(&self) {
        let paused: Vec<(String, String)> = self.sim.world(|world| {
            let jobs = world.macie.jobs.iter();
            let paused = jobs.filter(|job| job.status == JobStatus::UserPaused);
            paused
                .map(|job| (job.scope.region.clone(), job.id.clone()))
                .collect()
        });
        for (region, job) in paused {
            self.set_job(&region, &job, "RUNNING");
        }
    }

    /// A person lets every account go that the circuit breaker may be holding.
    pub fn release(&self) {
        self.sim.world(|world| {
            for administration in world.macie.administrations.values_mut() {
                for (account, member) in &mut administration.members {
                    let Some(since) = member.tags.get(LEFT).cloned() else {
                        continue;
                    };
                    if member.tags.get(RELEASED) != Some(&since) {
                        member.tags.insert(RELEASED.to_owned(), since);
                        self.sim.count("suspensions that people released");
                        self.sim.note("person", format_args!("releases {account}"));
                    }
                }
            }
        });
    }

    /// A person lets new accounts become members by themselves.
    fn auto_enable(&mut self) {
        let region = self.dice.pick(&[EU, US]);
        self.sim.world(|world| {
            let administration = world.macie.administrations.get_mut(region).unwrap();
            administration.auto_enable = true;
        });
        self.sim
            .note("person", format_args!("autoEnable in {region}"));
    }

    fn member(&mut self, act: Act) {
        let account = workload(1 + self.dice.below(self.sim.setting.workloads));
        let region = self.dice.pick(&[EU, EU, US]);
        let done = self.sim.world(|world| {
            let status = Relationship::of(world, region, &account);
            match (act, status) {
                (Act::Suspend, Some(Relationship::Enabled)) => {
                    macie::update_member_session(world, region, &account, Status::Paused)
                }
                (Act::Resume, Some(Relationship::Paused)) => {
                    macie::update_member_session(world, region, &account, Status::Enabled)
                }
                (Act::Enrol, None | Some(Relationship::Removed)) => {
                    macie::create_member(world, region, &account, BTreeMap::new()).map(drop)
                }
                (Act::Disassociate, Some(Relationship::Enabled)) => {
                    macie::disassociate_member(world, region, &account)
                }
                _ => return None,
            }
            .ok()
        });
        if done.is_some() {
            self.sim
                .note("person", format_args!("{act:?} {account} in {region}"));
            self.sim.count("members that people changed");
        }
    }
}

fn request(region: &str, path: &str) -> Parts {
    let key = iam::access_key(ADMINISTRATOR);
    let signature =
        format!("AWS4-HMAC-SHA256 Credential={key}/20260302/{region}/macie2/aws4_request");
    let request = Request::builder().method("PATCH").uri(path);
    let request = request.header("authorization", signature).body(());
    request.unwrap().into_parts().0
}
