//! One run of everything, in order.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, Result};
use jiff::Zoned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    burst, cold, collection, decision, events, load,
    machine::Machine,
    plan::{LATENCY, OTHERS, Part, Plan},
    programs::Programs,
    results::Results,
    stats::{Spread, milliseconds},
    sweep,
    template::Template,
    world::{organization, set_latency},
};

/// Bare calls by which the latency is looked at.
const BARE_CALLS: usize = 30;

/// Measures the parts of a plan.
pub async fn run(programs: &Programs, plan: &Plan, parts: &[Part]) -> Result<Results> {
    let began = Instant::now();
    let mut results = begin(plan)?;
    for latency in [LATENCY].into_iter().chain(OTHERS) {
        results.bare_call.insert(latency, bare_call(latency).await?);
    }
    for part in parts {
        measure(programs, plan, *part, &mut results)
            .await
            .with_context(|| format!("{part:?}"))?;
    }
    results.seconds = began.elapsed().as_secs_f64();
    Ok(results)
}

fn begin(plan: &Plan) -> Result<Results> {
    Ok(Results {
        schema: 1,
        taken: Zoned::now().date().to_string(),
        quick: plan.quick,
        seconds: 0.0,
        machine: Machine::here(),
        bare_call: BTreeMap::new(),
        function_memory: Template::read()?.memory,
        cold: Vec::new(),
        events: Vec::new(),
        bursts: Vec::new(),
        sweeps: Vec::new(),
        collections: Vec::new(),
        load: None,
        decisions: Vec::new(),
    })
}

async fn measure(
    programs: &Programs,
    plan: &Plan,
    part: Part,
    results: &mut Results,
) -> Result<()> {
    let began = Instant::now();
    eprintln!("== {part:?}");
    match part {
        Part::Cold => results.cold = cold::measure(programs, plan.starts, plan.work).await?,
        Part::Events => {
            for case in &plan.events {
                let figures = events::measure(programs, case).await?;
                for figure in &figures {
                    tell(&format!(
                        "{}, {} ms, {} buckets, {} accounts: {} {:.1} ms, {} waves",
                        figure.kind.name(),
                        figure.latency,
                        figure.buckets,
                        figure.accounts,
                        figure.subject.name(),
                        figure.milliseconds.median,
                        figure.waves
                    ));
                }
                results.events.extend(figures);
            }
        }
        Part::Burst => {
            for (subject, events) in &plan.bursts {
                let burst = burst::measure(programs, *subject, LATENCY, *events).await?;
                tell(&format!(
                    "{}: {events} events in {:.1} s",
                    subject.name(),
                    burst.seconds
                ));
                results.bursts.push(burst);
            }
        }
        Part::Sweep => {
            for case in &plan.sweeps {
                let swept = sweep::measure(programs, *case).await?;
                tell(&format!(
                    "{}: {} accounts, {} Regions in {:.1} s, {} calls, {:.1} MiB",
                    case.subject.name(),
                    case.accounts,
                    case.regions,
                    swept.seconds,
                    swept.calls.values().sum::<usize>(),
                    swept.memory
                ));
                results.sweeps.push(swept);
            }
        }
        Part::Collection => {
            for case in &plan.collections {
                let collected = collection::measure(programs, *case).await?;
                tell(&format!(
                    "collection: {} accounts in {:.1} s, {:.1} MiB",
                    case.accounts, collected.seconds, collected.memory
                ));
                results.collections.push(collected);
            }
        }
        Part::Load => results.load = Some(load::run(programs, plan.load).await?),
        Part::Decision => results.decisions = decision::measure()?,
    }
    tell(&format!(
        "{part:?} took {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn tell(line: &str) {
    eprintln!("   {line}");
}

/// What a call takes that nobody's SDK makes: one kept connection, plain HTTP.
async fn bare_call(latency: u64) -> Result<Spread> {
    let mut world = organization(0, &[crate::world::HOME])?;
    set_latency(&mut world, latency);
    let local = local_aws::LocalAws::start(world, 0).await?;
    let address = local.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let request = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/x-www-form-urlencoded\r\nauthorization: AWS4-HMAC-SHA256 Credential=AKIA0000222222222222/20260101/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=0\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut took = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..=BARE_CALLS {
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        let read = stream.read(&mut buffer).await?;
        let reply = String::from_utf8_lossy(buffer.get(..read).unwrap_or_default()).into_owned();
        anyhow::ensure!(reply.starts_with("HTTP/1.1 200"), "{reply}");
        took.push(milliseconds(began.elapsed()));
    }
    // The first one opens the connection.
    Ok(Spread::of(took.into_iter().skip(1)))
}
