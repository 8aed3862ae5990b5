//! What the function does with an invocation: a batch of SQS records, one EventBridge event or one
//! sweep message becomes one reconcile per account and Region.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use controller_core::{
    event::{Incoming, Request, parse_many},
    id::{BucketName, Scope},
    plan::Waiting,
    report::{Failure, Outcome, Report},
};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, error::Elapsed, timeout_at};

use crate::{
    again::{come_again, looks},
    config::Runtime,
    errands::{Errand, Errands, Unfinished},
    pace::Turn,
};

/// Accounts and Regions that are reconciled at the same time: a whole batch (`BatchSize` in the
/// templates), so that none waits for the first of the others to end.
const CONCURRENCY: usize = 10;
/// A reconcile is not begun with less time than this left: it goes back to the queue instead.
pub(crate) const RESERVE: Duration = Duration::from_secs(20);
/// A reconcile that has begun is cut off this long before the end, so that the others of its batch
/// can still be answered for. It can be cut off anywhere: the next one goes on from there.
const MARGIN: Duration = Duration::from_secs(2);

/// What became of an invocation.
#[derive(Debug, Default)]
pub struct Handled {
    /// One per account and Region.
    pub reports: Vec<Report>,
    /// Messages that must come again, or go to the dead-letter queue when they never succeed.
    pub failed: BTreeSet<String>,
    /// Events that were refused: message id, if any, and the refusal in one line.
    pub refused: Vec<(Option<String>, String)>,
    /// What cannot be served and has no message id to be handed back by.
    pub poison: Vec<String>,
    /// Scopes that could not begin in time.
    pub handed_back: BTreeSet<Scope>,
}

impl Handled {
    /// The answer to SQS: only what failed comes again (`ReportBatchItemFailures`).
    pub fn response(&self) -> Value {
        let failures: Vec<Value> = self
            .failed
            .iter()
            .map(|id| json!({ "itemIdentifier": id }))
            .collect();
        json!({ "batchItemFailures": failures })
    }
}

#[derive(Debug, Default)]
struct Work {
    hints: BTreeSet<BucketName>,
    messages: BTreeSet<String>,
    /// How often the scope was looked at because it was waiting; 0 with the first fresh event.
    looks: Option<u32>,
    /// The slot in the line for new jobs, if a message came back for it.
    slot: Option<Timestamp>,
    /// Whether there is more to look at than whether it is the scope's turn.
    beyond_line: bool,
}

/// Handles a payload. After the deadline nothing new is begun.
pub async fn handle(runtime: &Runtime, payload: &str, deadline: Option<Instant>) -> Handled {
    let mut handled = Handled::default();
    let (scopes, errands) = coalesce(parse_many(payload), &mut handled);
    for Unfinished { messages, why } in errands.run(runtime, deadline).await {
        if messages.is_empty() {
            handled.poison.push(why);
        }
        handled.failed.extend(messages);
    }
    let results: Vec<(Scope, Work, Option<Report>)> = stream::iter(scopes)
        .map(|(scope, work)| serve(runtime, scope, work, deadline))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    for (scope, work, report) in results {
        let failed = report
            .as_ref()
            .is_none_or(|report| report.outcome() == Outcome::Failed);
        if failed {
            handled.failed.extend(work.messages);
        }
        match report {
            Some(report) => handled.reports.push(report),
            None => drop(handled.handed_back.insert(scope)),
        }
    }
    handled.reports.sort_by(|a, b| a.scope.cmp(&b.scope));
    handled
}

/// One piece of work per account and Region, and the errands; a message that cannot be understood
/// stands alone.
fn coalesce(incoming: Vec<Incoming>, handled: &mut Handled) -> (BTreeMap<Scope, Work>, Errands) {
    let mut scopes: BTreeMap<Scope, Work> = BTreeMap::new();
    let mut errands = Errands::default();
    for Incoming { id, result } in incoming {
        match result {
            Ok(Request::Sweep(pass)) => errands.add(Errand::Pass(pass), None, id),
            Ok(Request::Resync { scope, seen }) => errands.add(Errand::Resync(scope), seen, id),
            Ok(Request::Collect) => errands.add(Errand::Collect, None, id),
            Ok(Request::Settings(region)) => errands.add(Errand::Settings(region), None, id),
            Ok(Request::Account { account, told_by }) => {
                errands.add(Errand::Account { account, told_by }, None, id);
            }
            Ok(Request::Look(trigger)) => {
                tracing::debug!(event = trigger.event_id, cause = %trigger.cause, "trigger");
                let work = scopes.entry(trigger.scope).or_default();
                work.hints.extend(trigger.bucket);
                let looks = looks(&trigger.event_id);
                work.looks = Some(work.looks.map_or(looks, |least| least.min(looks)));
                work.beyond_line |= trigger.slot.is_none();
                work.slot = work.slot.into_iter().chain(trigger.slot).min();
                work.messages.extend(id);
            }
            Err(refusal) => {
                tracing::warn!(message = id, refusal = refusal.name(), "{refusal}");
                match (refusal.is_poison(), &id) {
                    (true, Some(id)) => drop(handled.failed.insert(id.clone())),
                    (true, None) => handled.poison.push(refusal.to_string()),
                    (false, _) => {}
                }
                handled
                    .refused
                    .push((id, format!("{}: {refusal}", refusal.name())));
            }
        }
    }
    (scopes, errands)
}

async fn serve(
    runtime: &Runtime,
    scope: Scope,
    work: Work,
    deadline: Option<Instant>,
) -> (Scope, Work, Option<Report>) {
    if deadline.is_some_and(|deadline| deadline.saturating_duration_since(Instant::now()) < RESERVE)
    {
        tracing::warn!(%scope, "no time left: handed back");
        return (scope, work, None);
    }
    let started = Instant::now();
    let Ok(mut report) = until(deadline, look(runtime, &scope, &work)).await else {
        tracing::error!(%scope, "cut off by the end of the invocation: handed back");
        return (scope, work, None);
    };
    // Whoever got on waits from the beginning.
    let looks = match report.changes.is_empty() {
        true => work.looks.unwrap_or(0),
        false => 0,
    };
    if let Err(trouble) = come_again(runtime, &report, looks).await {
        report.failures.push(Failure {
            summary: "put the scope back on the queue".to_owned(),
            trouble,
        });
    }
    log(&report, work.messages.len(), started.elapsed());
    (scope, work, Some(report))
}

/// Reconciles the scope, unless it only came for its slot in the line for new jobs, and too early:
/// then AWS is not asked anything.
async fn look(runtime: &Runtime, scope: &Scope, work: &Work) -> Report {
    let controller = &runtime.controller;
    let now = controller.clock.now();
    let turn = work
        .slot
        .map(|slot| controller.pace.arrive(scope, slot, now));
    if let (Some(Turn::At(until)), false) = (turn, work.beyond_line) {
        let mut report = Report::new(scope.clone(), now);
        report.wait(Waiting::JobRate { until });
        return report;
    }
    let policy = runtime.policy.current().await;
    controller.reconcile(&policy, scope, &work.hints).await
}

pub(crate) async fn until<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = T>,
) -> Result<T, Elapsed> {
    match deadline.and_then(|deadline| deadline.checked_sub(MARGIN)) {
        Some(end) => timeout_at(end, work).await,
        None => Ok(work.await),
    }
}

/// One line a reconcile: ids, counts and the outcome; no payload, no tag value.
fn log(report: &Report, messages: usize, took: Duration) {
    let line = |items: Vec<String>| items.join("; ");
    tracing::info!(
        account = %report.scope.account,
        region = %report.scope.region,
        outcome = %report.outcome(),
        messages,
        changes = report.changes.len(),
        did = line(report.changes.iter().map(|change| change.kind.to_string()).collect()),
        waiting = line(report.waiting().map(ToString::to_string).collect()),
        blocked = line(report.blocked().map(ToString::to_string).collect()),
        warned = line(report.warnings().collect()),
        failed = line(report.failures.iter().map(|failure| failure.trouble.to_string()).collect()),
        circuit_breaker = report.is_held_by_circuit_breaker(),
        violation = report.violation.as_ref().map(ToString::to_string),
        unsettled = report.unsettled,
        unpublished = report.unpublished,
        milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        "reconciled"
    );
}

impl Handled {
    /// The function's answer. A single event has no batch to be handed back in: its failure is the
    /// invocation's failure, so that Lambda tries again and then tells its dead-letter queue.
    pub fn into_result(self, payload: &Value) -> Result<Value, Failed> {
        if payload.get("Records").is_some() {
            return Ok(self.response());
        }
        if let Some(what) = self.poison.into_iter().next() {
            return Err(Failed { what });
        }
        let failed = self
            .reports
            .iter()
            .filter(|report| report.outcome() == Outcome::Failed);
        let unfinished = failed
            .map(|report| &report.scope)
            .chain(&self.handed_back)
            .next();
        match unfinished {
            Some(scope) => Err(Failed {
                what: scope.to_string(),
            }),
            None => {
                let refused: Vec<&String> = self.refused.iter().map(|(_, why)| why).collect();
                Ok(json!({ "reports": self.reports, "refused": refused }))
            }
        }
    }
}

/// A single event that could not be served.
#[derive(Debug, thiserror::Error)]
#[error("not served: {what}; the log says more")]
pub struct Failed {
    what: String,
}
