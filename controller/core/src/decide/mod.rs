//! `(policy, observed, now) -> Plan`: cannot fail, cannot reach the world.

pub mod breaker;
pub mod budget;
pub mod gaps;
pub mod jobs;
pub mod member;

use jiff::Timestamp;

use crate::{
    observed::{BucketReading, Fact, Observed},
    plan::{Blocked, Note, Plan},
    policy::Policy,
};

/// What to do about one account in one Region.
pub fn decide(policy: &Policy, observed: &Observed, now: Timestamp) -> Plan {
    let mut plan = Plan::new(observed.scope.clone());
    if !policy.governs(&observed.scope.region) {
        plan.blocked(Blocked::RegionNotGoverned);
        return plan;
    }
    near_misses(policy, observed, &mut plan);
    // Whatever else is decided: a bucket that may be opted in and cannot be read is told.
    for trouble in observed.troubles() {
        plan.unreadable(&trouble);
    }
    let Some(mode) = member::mode(policy, observed) else {
        if let Some(trouble) = observed.units.trouble() {
            plan.unreadable(trouble);
        }
        return plan;
    };
    if member::decide(policy, mode, observed, now, &mut plan) == member::Enrolment::Served {
        jobs::decide(policy, mode, observed, now, &mut plan);
    }
    plan
}

fn near_misses(policy: &Policy, observed: &Observed, plan: &mut Plan) {
    let value = policy.tag.values.iter().next().map_or("", String::as_str);
    for (bucket, reading) in &observed.buckets {
        if let Fact::Known(BucketReading::NearMiss { found }) = reading {
            plan.note(Note::NearMiss {
                bucket: bucket.clone(),
                found: found.clone(),
                expected: format!("{}={value}", policy.tag.key),
            });
        }
    }
}
