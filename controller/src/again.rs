//! When a scope that waits comes again: it is put back on the controller's own queue with a delay,
//! so that nobody holds a function meanwhile.

use controller_core::{
    event::{line_message, sweep_message},
    id::Scope,
    observed::Trouble,
    plan::Waiting,
    report::{Outcome, Report},
};
use jiff::{SignedDuration, Timestamp};

use crate::{aws::trouble, config::Runtime, reconcile::Controller};

/// SQS delays a message by 15 minutes at most (SQS API Reference, SendMessage).
const LONGEST_DELAY: i32 = 900;
/// A scope that waits and does not get on is looked at again this often, each time after twice as
/// long; then the sweep is soon enough.
const LOOKS: u32 = 8;
/// What the ids of such messages begin with; the number of looks so far follows.
const AGAIN: &str = "again-";

/// Puts back a scope that waits. What a retry may heal fails when it cannot be put back or has not
/// healed in time, so that its messages come again and end where somebody looks.
pub async fn come_again(runtime: &Runtime, report: &Report, looks: u32) -> Result<(), Trouble> {
    let Controller { clock, pace, .. } = &runtime.controller;
    let (scope, now) = (&report.scope, clock.now());
    match again(report, looks, now) {
        Again::Never => {
            pace.leave(scope);
            Ok(())
        }
        Again::Slot(slot) if pace.is_expected(scope, now) => {
            tracing::debug!(%scope, %slot, "another message comes for the slot");
            Ok(())
        }
        Again::Slot(slot) => {
            let body = line_message(scope, &format!("{AGAIN}{looks}"), slot);
            // SQS is late by itself: who comes a little early costs a message, and who comes late
            // costs everybody in the line.
            let hurry = i32::from(!pace.may_hurry(scope, now));
            let delay = delay(slot, now).max(hurry);
            put_back(runtime, scope, body, delay).await.map(drop)
        }
        Again::After(delay) => {
            let at = after(now, delay);
            pace.postpone(scope, at, now);
            let body = sweep_message(scope, &format!("{AGAIN}{}", looks + 1));
            match put_back(runtime, scope, body, delay).await? {
                true => Ok(()),
                false => unhealed(report),
            }
        }
        Again::Enough => {
            pace.leave(scope);
            unhealed(report)
        }
    }
}

/// When a scope comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// The next event or sweep is soon enough.
    Never,
    /// It has come often enough.
    Enough,
    /// After so many seconds, to be looked at.
    After(i32),
    /// For its slot in the line for new jobs; a line moves, and nobody in it is given up.
    Slot(Timestamp),
}

fn again(report: &Report, looks: u32, now: Timestamp) -> Again {
    if report.outcome() == Outcome::Failed {
        return Again::Never;
    }
    let (mut slot, mut shortest) = (None, None);
    for waiting in report.waiting() {
        match (waiting, waiting.look_again_in(now)) {
            (Waiting::JobRate { until }, _) => slot = Some(*until),
            (_, Some(wait)) => shortest = shortest.into_iter().chain([wait]).min(),
            (_, None) => {}
        }
    }
    let line = slot.map_or(Again::Never, Again::Slot);
    let Some(shortest) = shortest else {
        return line;
    };
    if looks >= LOOKS {
        return if slot.is_some() { line } else { Again::Enough };
    }
    let seconds = shortest.as_secs().saturating_mul(1_i64 << looks);
    let seconds = i32::try_from(seconds).unwrap_or(LONGEST_DELAY);
    let seconds = seconds.clamp(0, LONGEST_DELAY);
    match slot {
        Some(slot) if delay(slot, now) <= seconds => line,
        _ => Again::After(seconds),
    }
}

/// Whole seconds until a time, rounded down, or as many as SQS allows.
fn delay(until: Timestamp, now: Timestamp) -> i32 {
    i32::try_from(until.duration_since(now).as_secs())
        .unwrap_or(LONGEST_DELAY)
        .clamp(0, LONGEST_DELAY)
}

fn after(now: Timestamp, seconds: i32) -> Timestamp {
    let delay = SignedDuration::from_secs(seconds.into());
    now.saturating_add(delay).unwrap_or(Timestamp::MAX)
}

/// Sends a message for the scope; false without a queue.
async fn put_back(
    runtime: &Runtime,
    scope: &Scope,
    body: String,
    delay: i32,
) -> Result<bool, Trouble> {
    let Some(queue) = &runtime.queue_url else {
        return Ok(false);
    };
    let Controller {
        aws, clock, pace, ..
    } = &runtime.controller;
    let now = clock.now();
    let message = aws.sqs.send_message();
    let message = message.queue_url(queue).message_body(body);
    let sent = message.delay_seconds(delay).send().await;
    sent.map_err(|error| trouble("sqs:SendMessage", &error))?;
    pace.expect(scope, after(now, delay), now);
    Ok(true)
}

fn unhealed(report: &Report) -> Result<(), Trouble> {
    let retry = report.waiting().find_map(|waiting| match waiting {
        Waiting::Retry { trouble } => Some(trouble.clone()),
        _ => None,
    });
    retry.map_or(Ok(()), Err)
}

/// How often a scope was looked at that a message brings back.
pub fn looks(event_id: &str) -> u32 {
    event_id
        .strip_prefix(AGAIN)
        .and_then(|looks| looks.parse().ok())
        .unwrap_or(0)
}
