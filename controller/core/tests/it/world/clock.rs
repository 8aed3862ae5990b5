//! Time: members become enabled, objects are written, jobs run.

use controller_core::{
    id::BucketName,
    observed::{JobKind, JobStatus, Relationship},
};
use jiff::{SignedDuration, Timestamp};

use super::World;

const DAY: SignedDuration = SignedDuration::from_hours(24);

impl World {
    /// Turns the clock, an hour at most at a time. Every step writes an object to each bucket and
    /// runs what is due.
    pub fn advance(&mut self, time: SignedDuration) {
        let end = self.now + time;
        while self.now < end {
            self.now = end.min(self.now + SignedDuration::from_hours(1));
            self.enable();
            let now = self.now;
            for bucket in self.buckets.values_mut() {
                bucket.objects.push((now, 0));
            }
            self.run_dailies();
            self.run_once();
        }
    }

    /// Turns the clock and sweeps every few hours.
    pub fn live_for(&mut self, time: SignedDuration) {
        let end = self.now + time;
        while self.now < end {
            let outcome = self.sweep();
            assert_eq!(outcome.violation, None);
            self.advance(SignedDuration::from_hours(1).min(end.duration_since(self.now)));
        }
    }

    fn enable(&mut self) {
        let due = self.enabled_at.is_some_and(|at| at <= self.now);
        if due && let Some(member) = &mut self.member {
            if member.status == Relationship::Created {
                member.status = Relationship::Enabled;
                member.updated_at = Some(self.now);
            }
            self.enabled_at = None;
        }
    }

    /// A daily job runs a day after it was made, then every day, in the buckets that match then.
    fn run_dailies(&mut self) {
        let matching = self.visible();
        for n in 0..self.jobs.len() {
            let job = &self.jobs[n];
            let from = job.last_run.unwrap_or(job.job.created_at);
            let due = matches!(job.job.kind, JobKind::Daily { .. })
                && matches!(job.job.status, JobStatus::Idle | JobStatus::Running)
                && self.now.duration_since(from) >= DAY;
            if due {
                for name in &matching {
                    self.scan(name, from);
                }
                self.jobs[n].last_run = Some(self.now);
            }
        }
    }

    /// A one-time job scans its buckets when its time is over; a suspended account is skipped.
    fn run_once(&mut self) {
        let served = self.served();
        for n in 0..self.jobs.len() {
            let job = self.jobs[n].job.clone();
            let from = match job.kind {
                JobKind::Daily { .. } => continue,
                JobKind::Baseline { .. } => Timestamp::MIN,
                JobKind::CatchUp { since } => since,
            };
            let due = job.status == JobStatus::Running
                && self.now.duration_since(job.created_at) >= self.run_time;
            if !due {
                continue;
            }
            for name in job.buckets.iter().filter(|_| served) {
                self.scan(name, from);
            }
            self.jobs[n].job.status = JobStatus::Complete;
            self.jobs[n].last_run = Some(self.now);
        }
    }

    fn scan(&mut self, name: &BucketName, from: Timestamp) {
        let Some(bucket) = self.buckets.get_mut(name) else {
            return;
        };
        let objects = bucket.objects.iter_mut();
        let mut cost = 0;
        for (_, scans) in objects.filter(|(written, _)| *written >= from) {
            *scans += 1;
            cost += 1;
        }
        *self.spent.entry(self.month()).or_default() += cost;
    }

    /// Objects of a bucket, older than a time, that nobody scanned.
    pub fn unscanned(&self, name: &str, before: Timestamp) -> Vec<Timestamp> {
        let objects = self.buckets[&super::bucket(name)].objects.iter();
        objects
            .filter(|(written, scans)| *written < before && *scans == 0)
            .map(|(written, _)| *written)
            .collect()
    }
}
