//! The pass over everything, on queues of its own so that events never wait behind it. Nothing here
//! writes to Macie: what is not in order goes to the controller's queue.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use controller_core::{
    event::{settings_message, sweep_message},
    id::{AccountId, Region, Scope, UnitId},
    observed::{ErrorClass, Job, Member, Trouble},
    policy::Policy,
    sweep::{Pass, Seen, resync_message, triage},
};
use futures::{StreamExt, TryStreamExt, future, stream};
use tokio::sync::OnceCell;

use crate::{
    aws::{Aws, trouble},
    config::Runtime,
    observe::{jobs_of_region, members},
    survey::{Listed, accounts, below_units},
};

/// SQS takes 10 messages a call (SQS API Reference, SendMessageBatch).
const BATCH: usize = 10;
/// What a message may carry of what was seen, so that a batch stays below SQS's 256 KiB; an account
/// with more is read anew.
const SEEN: usize = 20_000;
/// Calls at the same time.
const CONCURRENCY: usize = 16;
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

/// The passes of an invocation. A sweep's passes over Regions come in one batch, as a rule, and
/// share what has no Region: the longest lists are read once for all of them.
pub struct Passes<'a> {
    pub(crate) runtime: &'a Runtime,
    policy: OnceCell<Arc<Policy>>,
    organization: OnceCell<Result<Organization, Trouble>>,
}

impl<'a> Passes<'a> {
    /// None yet.
    pub fn of(runtime: &'a Runtime) -> Self {
        Self {
            runtime,
            policy: OnceCell::new(),
            organization: OnceCell::new(),
        }
    }

    /// Makes a pass: over everything it is one pass per governed Region, over a Region it is one
    /// resync per account that can need work.
    pub async fn make(&self, pass: &Pass) -> Result<(), SweepError> {
        let queues = Queues::of(self.runtime)?;
        match &pass.region {
            None => Ok(self.spread(&queues, pass).await?),
            Some(region) => Ok(self.over(&queues, pass, region).await?),
        }
    }

    /// The line `sweep` in the log is what the alarm on missing sweeps counts.
    async fn spread(&self, queues: &Queues<'_>, pass: &Pass) -> Result<(), Trouble> {
        let regions = &self.policy().await.regions;
        let passes = regions.iter().map(|region| {
            let region = Some(region.clone());
            Pass {
                region,
                ..pass.clone()
            }
            .message()
        });
        send(self.runtime, queues.sweep, passes.collect()).await?;
        if pass.only_pending {
            tracing::info!(regions = regions.len(), "pass over what is pending");
            return Ok(());
        }
        let settings = regions.iter().map(settings_message).collect();
        send(self.runtime, queues.controller, settings).await?;
        tracing::info!(regions = regions.len(), "sweep");
        Ok(())
    }

    /// One listing of members and jobs, however many accounts there are.
    async fn over(&self, queues: &Queues<'_>, pass: &Pass, region: &Region) -> Result<(), Trouble> {
        let (policy, known) = (self.policy().await, self.known(pass, region).await?);
        let now = self.runtime.controller.clock.now();
        let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
        let (accounts, mut messages) = (known.len(), Vec::new());
        for (account, known) in known {
            let region = region.clone();
            let scope = Scope { account, region };
            match triage(policy, pass, &scope, known.is_active, &known.seen, now) {
                Ok(()) => messages.push(message(&scope, &known.seen)),
                Err(skip) => *skipped.entry(skip.name()).or_default() += 1,
            }
        }
        let resyncs = messages.len();
        send(self.runtime, queues.sweep, messages).await?;
        tracing::info!(%region, accounts, resyncs, ?skipped, "pass over a Region");
        Ok(())
    }

    /// What the lists say, by account. A member that the organization does not list is none of
    /// ours; where only members are looked at, each counts as active.
    async fn known(
        &self,
        pass: &Pass,
        region: &Region,
    ) -> Result<BTreeMap<AccountId, Known>, Trouble> {
        let aws = &self.runtime.controller.aws;
        let lists = future::try_join(members(aws, region), jobs_of_region(aws, region));
        if pass.only_pending {
            let (members, mut jobs) = lists.await?;
            let members = members.into_iter().map(|(account, member)| {
                let jobs = jobs.remove(&account).unwrap_or_default();
                (account, Known::new(true, Some(member), jobs, None))
            });
            return Ok(members.collect());
        }
        // Both are awaited to their end: the other Regions need the organization though the lists of
        // this one fail.
        let (lists, organization) = future::join(lists, self.organization()).await;
        let ((members, jobs), Organization { accounts, units }) = (lists?, organization?);
        let accounts = accounts.iter().map(|Listed { id, is_active, .. }| {
            let jobs = jobs.get(id).cloned().unwrap_or_default();
            // Whoever is below none of the units is known to be below none.
            let units = units.as_ref();
            let units = units.map(|units| units.get(id).cloned().unwrap_or_default());
            let known = Known::new(*is_active, members.get(id).cloned(), jobs, units);
            (id.clone(), known)
        });
        Ok(accounts.collect())
    }

    /// One for all of them, since units that one policy does not name say nothing under another.
    async fn policy(&self) -> &Policy {
        let policy = &self.runtime.policy;
        self.policy.get_or_init(|| policy.current()).await
    }

    async fn organization(&self) -> Result<&Organization, Trouble> {
        let (aws, policy) = (&self.runtime.controller.aws, self.policy().await);
        let read = || Organization::read(aws, policy);
        let organization = self.organization.get_or_init(read).await;
        organization.as_ref().map_err(Trouble::clone)
    }
}

/// What is the same in all Regions.
struct Organization {
    accounts: Vec<Listed>,
    /// Those of the units that the policy names, by account; none if it names none.
    units: Option<BTreeMap<AccountId, Vec<UnitId>>>,
}

impl Organization {
    async fn read(aws: &Aws, policy: &Policy) -> Result<Self, Trouble> {
        let lists = future::try_join(accounts(aws), below_units(aws, policy.units()));
        let (accounts, units) = lists.await?;
        let units = policy.has_unit_rules().then_some(units);
        Ok(Self { accounts, units })
    }
}

/// What the lists say of an account.
struct Known {
    is_active: bool,
    seen: Seen,
}

impl Known {
    fn new(
        is_active: bool,
        member: Option<Member>,
        jobs: Vec<Job>,
        units: Option<Vec<UnitId>>,
    ) -> Self {
        let seen = Seen {
            member,
            jobs,
            units,
        };
        Self { is_active, seen }
    }
}

fn message(scope: &Scope, seen: &Seen) -> String {
    let message = resync_message(scope, Some(seen));
    match message.len() > SEEN {
        true => resync_message(scope, None),
        false => message,
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
