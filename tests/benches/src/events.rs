//! The time and the calls of single events.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use jiff::SignedDuration;
use local_aws::{World, world::CallRecord};

use crate::{
    kinds::Kind,
    programs::{Programs, Subject},
    results::EventFigure,
    stage::{Invoked, Stage},
    stats::{Spread, milliseconds},
    world::organization,
};

/// What is measured.
#[derive(Debug, Clone)]
pub struct Case {
    /// The kind of event.
    pub kind: Kind,
    /// The latency of a call, in milliseconds.
    pub latency: u64,
    /// Buckets of each account.
    pub buckets: usize,
    /// Workload accounts of the organization, at least.
    pub accounts: usize,
    /// Whose.
    pub subjects: Vec<Subject>,
    /// Measured repetitions, each with an account of its own.
    pub repetitions: usize,
}

/// Longer than the first run of a job takes in the local AWS.
pub const RUNS_END: SignedDuration = SignedDuration::from_mins(2);
/// Buckets of the account by which the programs are warmed up.
const FEW: usize = 2;

/// Measures a case: all programs in turn, each in its own copy of the world.
pub async fn measure(programs: &Programs, case: &Case) -> Result<Vec<EventFigure>> {
    let accounts = case.accounts.max(case.repetitions + 1);
    let mut world = organization(accounts, &[crate::world::HOME])?;
    let mut before = Vec::new();
    for account in 1..=case.repetitions + 1 {
        let buckets = if account == 1 { FEW } else { case.buckets };
        before.extend(case.kind.prepare(&mut world, account, buckets)?);
    }
    let stages = open(programs, case, &world, &before).await?;
    let mut measured: BTreeMap<Subject, Vec<Invoked>> = BTreeMap::new();
    for repetition in 0..=case.repetitions {
        for turn in 0..stages.len() {
            let stage = stages.get((repetition + turn) % stages.len());
            let stage = stage.context("a stage")?;
            let invoked = one(stage, case, repetition + 1).await?;
            // The first one warms up.
            if repetition > 0 {
                measured.entry(stage.subject).or_default().push(invoked);
            }
        }
    }
    let measured = measured.into_iter();
    Ok(measured
        .map(|(subject, invoked)| figure(case, accounts, subject, invoked))
        .collect())
}

/// Every program in its copy of the world, after it has handled what came before.
async fn open(
    programs: &Programs,
    case: &Case,
    world: &World,
    before: &[String],
) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    for subject in &case.subjects {
        let stage = Stage::start(programs, *subject, world.clone()).await?;
        for event in before {
            stage.event(event).await?;
        }
        // What was begun has ended: no first scan is going on any more.
        stage.world(|world| world.advance(RUNS_END));
        stage.set_latency(case.latency);
        stages.push(stage);
    }
    Ok(stages)
}

async fn one(stage: &Stage, case: &Case, account: usize) -> Result<Invoked> {
    let event = stage.world(|world| case.kind.happen(world, account))?;
    let invoked = stage.event(&event).await?;
    stage.world(|world| case.kind.check(world, account, stage.subject))?;
    Ok(invoked)
}

fn figure(
    case: &Case,
    accounts: usize,
    subject: Subject,
    mut invoked: Vec<Invoked>,
) -> EventFigure {
    invoked.sort_by_key(|invoked| invoked.took);
    let middle = invoked.get(invoked.len() / 2);
    let calls = middle.map(|invoked| invoked.calls.as_slice());
    let calls = calls.unwrap_or_default();
    EventFigure {
        subject,
        kind: case.kind,
        latency: case.latency,
        buckets: case.buckets,
        accounts,
        milliseconds: Spread::of(invoked.iter().map(|invoked| milliseconds(invoked.took))),
        calls: counted(calls),
        waves: waves(calls, case.latency),
    }
}

fn counted(calls: &[CallRecord]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        let name = format!("{}:{}", call.service, call.operation);
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// How many times calls waited for the answers of others: a call that arrives before the answer of
/// the first of a group belongs to the group. It is the chain as it was, beside the chain as it
/// must be.
fn waves(calls: &[CallRecord], latency: u64) -> usize {
    let latency = SignedDuration::from_millis(i64::try_from(latency).unwrap_or(0));
    let mut began = None;
    let mut waves = 0;
    for call in calls {
        if began.is_none_or(|began| call.at.duration_since(began) >= latency) {
            began = Some(call.at);
            waves += 1;
        }
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_wait_for_others_are_another_wave() {
        let call = |at: i64| CallRecord {
            at: jiff::Timestamp::from_millisecond(at).unwrap(),
            service: "s3",
            operation: "GetBucketTagging".to_owned(),
            region: String::new(),
            account: String::new(),
            role: None,
            target: None,
            error: None,
        };
        let calls = [call(0), call(2), call(21), call(25), call(43)];
        assert_eq!(waves(&calls, 20), 3);
        assert_eq!(waves(&[], 20), 0);
    }
}
