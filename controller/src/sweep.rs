//! The pass over everything, on queues of its own so that events never wait behind it. Nothing here
//! writes to Macie: what is not in order goes to the controller's queue.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use controller_core::{
    event::{settings_message, sweep_message},
    id::{AccountId, Region, Scope, UnitId},
    observed::{ErrorClass, Job, Member, Trouble},
    sweep::{Pass, Seen, Skip, resync_message, triage},
};
use futures::{StreamExt, TryStreamExt, future::try_join4, stream};

use crate::{
    aws::trouble,
    config::Runtime,
    observe::{jobs_of_region, members},
    survey::{accounts, below_units},
};

/// SQS takes 10 messages a call (SQS API Reference, SendMessageBatch).
const BATCH: usize = 10;
/// What a message may carry of what was seen, so that a batch stays below SQS's 256 KiB; an account
/// with more is read anew.
const SEEN: usize = 20_000;
/// Calls at the same time.
const CONCURRENCY: usize = 8;
/// The id of the messages, for logs.
const ID: &str = "sweep";

/// The pass could not be made; what was sent is sent, and another pass does no harm.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// Nobody said where the queues are.
    #[error(
        "no queue to spread the sweep over: set MACIECTL_SWEEP_QUEUE_URL and MACIECTL_QUEUE_URL"
    )]
    NoQueue,
    /// AWS refused.
    #[error("{0}")]
    Aws(#[from] Trouble),
}

/// Where a sweep sends its messages.
struct Queues<'a> {
    sweep: &'a str,
    controller: &'a str,
}

impl<'a> Queues<'a> {
    fn of(runtime: &'a Runtime) -> Result<Self, SweepError> {
        match (&runtime.sweep_queue_url, &runtime.queue_url) {
            (Some(sweep), Some(controller)) => Ok(Self { sweep, controller }),
            _ => Err(SweepError::NoQueue),
        }
    }
}

/// Makes a pass: over everything it is one pass per governed Region, over a Region it is one resync
/// per account that can need work.
pub async fn pass(runtime: &Runtime, pass: &Pass) -> Result<(), SweepError> {
    let queues = Queues::of(runtime)?;
    match &pass.region {
        None => Ok(spread(runtime, &queues, pass).await?),
        Some(region) => Ok(over(runtime, &queues, pass, region).await?),
    }
}

/// The line `sweep` in the log is what the alarm on missing sweeps counts.
async fn spread(runtime: &Runtime, queues: &Queues<'_>, pass: &Pass) -> Result<(), Trouble> {
    let policy = runtime.policy.current().await;
    let regions = policy.regions.iter();
    let passes = regions.clone().map(|region| {
        let region = Some(region.clone());
        Pass {
            region,
            ..pass.clone()
        }
        .message()
    });
    send(runtime, queues.sweep, passes.collect()).await?;
    if pass.only_pending {
        tracing::info!(regions = policy.regions.len(), "pass over what is pending");
        return Ok(());
    }
    let settings = regions.map(settings_message).collect();
    send(runtime, queues.controller, settings).await?;
    tracing::info!(regions = policy.regions.len(), "sweep");
    Ok(())
}

/// One listing of accounts, members and jobs, however many accounts there are.
async fn over(
    runtime: &Runtime,
    queues: &Queues<'_>,
    pass: &Pass,
    region: &Region,
) -> Result<(), Trouble> {
    let policy = runtime.policy.current().await;
    let aws = &runtime.controller.aws;
    let (mut seen, now) = (Accounts::default(), aws.now());
    if pass.only_pending {
        let (members, jobs) =
            futures::future::try_join(members(aws, region), jobs_of_region(aws, region)).await?;
        seen.add(members, jobs);
    } else {
        let lists = try_join4(
            accounts(aws),
            members(aws, region),
            jobs_of_region(aws, region),
            below_units(aws, policy.units()),
        );
        let (accounts, members, jobs, units) = lists.await?;
        seen.list(accounts);
        seen.add(members, jobs);
        if policy.has_unit_rules() {
            seen.place(units);
        }
    }
    let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
    let mut messages = Vec::new();
    let all = seen.0.len();
    for (account, known) in seen.0 {
        let scope = Scope {
            account,
            region: region.clone(),
        };
        match triage(&policy, pass, &scope, known.is_active, &known.seen, now) {
            Ok(()) => messages.push(message(&scope, &known.seen)),
            Err(skip) => *skipped.entry(Skip::name(skip)).or_default() += 1,
        }
    }
    let resyncs = messages.len();
    send(runtime, queues.sweep, messages).await?;
    tracing::info!(%region, accounts = all, resyncs, ?skipped, "pass over a Region");
    Ok(())
}

fn message(scope: &Scope, seen: &Seen) -> String {
    let message = resync_message(scope, Some(seen));
    match message.len() > SEEN {
        true => resync_message(scope, None),
        false => message,
    }
}

struct Known {
    is_active: bool,
    seen: Seen,
}

/// What the lists say, by account. A member that the organization does not list is none of ours.
#[derive(Default)]
struct Accounts(BTreeMap<AccountId, Known>);

impl Accounts {
    fn list(&mut self, accounts: Vec<crate::survey::Listed>) {
        let accounts = accounts.into_iter().map(|account| {
            let known = Known {
                is_active: account.is_active,
                seen: Seen::default(),
            };
            (account.id, known)
        });
        self.0.extend(accounts);
    }

    fn add(&mut self, members: BTreeMap<AccountId, Member>, jobs: BTreeMap<AccountId, Vec<Job>>) {
        let listed = !self.0.is_empty();
        let active = || Known {
            is_active: true,
            seen: Seen::default(),
        };
        for (account, member) in members {
            if listed && !self.0.contains_key(&account) {
                continue;
            }
            self.0.entry(account).or_insert_with(active).seen.member = Some(member);
        }
        for (account, jobs) in jobs {
            if let Some(known) = self.0.get_mut(&account) {
                known.seen.jobs = jobs;
            }
        }
    }

    /// Whoever is below none of the units is known to be below none.
    fn place(&mut self, mut units: BTreeMap<AccountId, Vec<UnitId>>) {
        for (account, known) in &mut self.0 {
            known.seen.units = Some(units.remove(account).unwrap_or_default());
        }
    }
}

/// What is not in order is reconciled, with everything read anew.
pub async fn hand_over(runtime: &Runtime, scopes: &[Scope]) -> Result<(), SweepError> {
    let queue = runtime.queue_url.as_deref().ok_or(SweepError::NoQueue)?;
    let messages = scopes.iter().map(|scope| sweep_message(scope, ID));
    Ok(send(runtime, queue, messages.collect()).await?)
}

async fn send(runtime: &Runtime, queue: &str, messages: Vec<String>) -> Result<(), Trouble> {
    stream::iter(messages.chunks(BATCH))
        .map(|batch| Ok::<_, Trouble>(send_batch(runtime, queue, batch)))
        .try_buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
}

async fn send_batch(runtime: &Runtime, queue: &str, batch: &[String]) -> Result<(), Trouble> {
    let operation = "sqs:SendMessageBatch";
    let entries: Result<Vec<_>, _> = batch.iter().enumerate().map(entry).collect();
    let entries = entries.map_err(|error| unsent(operation, error.to_string()))?;
    let sqs = &runtime.controller.aws.sqs;
    let call = sqs.send_message_batch().queue_url(queue);
    let reply = call.set_entries(Some(entries)).send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    // A batch succeeds with HTTP 200 though entries of it may have failed.
    match reply.failed().first() {
        None => Ok(()),
        Some(entry) => {
            let why = entry.message().unwrap_or("no reason given");
            Err(unsent(operation, format!("{}: {why}", entry.code())))
        }
    }
}

fn entry(
    (number, body): (usize, &String),
) -> Result<SendMessageBatchRequestEntry, aws_sdk_sqs::error::BuildError> {
    SendMessageBatchRequestEntry::builder()
        .id(number.to_string())
        .message_body(body)
        .build()
}

fn unsent(operation: &'static str, message: String) -> Trouble {
    Trouble {
        operation,
        class: ErrorClass::Other,
        message,
    }
}
