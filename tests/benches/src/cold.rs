//! Cold starts and memory.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::{
    kinds::Kind,
    programs::{Programs, Subject},
    results::Cold,
    stage::Stage,
    stats::{Spread, milliseconds},
    world::organization,
};

/// Buckets of the accounts whose events are handled before memory is looked at again.
const BUCKETS: usize = 2;

#[derive(Debug, Default)]
struct Measured {
    milliseconds: Vec<f64>,
    memory: Vec<f64>,
    after: Vec<f64>,
}

/// Starts every program so many times in turn; the files are in the page cache from the first.
pub async fn measure(programs: &Programs, starts: usize, events: usize) -> Result<Vec<Cold>> {
    let world = organization(events, &[crate::world::HOME])?;
    let mut measured: BTreeMap<Subject, Measured> = BTreeMap::new();
    for round in 0..=starts {
        for subject in Subject::ALL {
            let stage = Stage::start(programs, subject, world.clone()).await?;
            let took = milliseconds(stage.function.cold_start().await?);
            let memory = stage.function.peak_memory()?;
            // The first one warms up; the later ones need not all do work.
            if round == 0 {
                continue;
            }
            let measured = measured.entry(subject).or_default();
            measured.milliseconds.push(took);
            measured.memory.push(memory);
            if round <= 3 {
                measured.after.push(work(&stage, events).await?);
            }
        }
    }
    let measured = measured.into_iter();
    Ok(measured
        .map(|(subject, measured)| Cold {
            subject,
            milliseconds: Spread::of(measured.milliseconds),
            memory: Spread::of(measured.memory),
            memory_after_events: Spread::of(measured.after),
        })
        .collect())
}

/// Opts an account in for each event; the memory afterwards.
async fn work(stage: &Stage, events: usize) -> Result<f64> {
    for account in 1..=events {
        let kind = Kind::FirstOptIn;
        stage.world(|world| kind.prepare(world, account, BUCKETS))?;
        let event = stage.world(|world| kind.happen(world, account))?;
        stage.event(&event).await?;
        stage.world(|world| kind.check(world, account, stage.subject))?;
    }
    stage.function.peak_memory()
}
