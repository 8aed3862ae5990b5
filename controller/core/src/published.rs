//! The events that are published: the answer to the team that tagged, and the feed for chat tools.
//! The schema of each is in `docs/events/`.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    id::Scope,
    observed::JobKind,
    plan::{Action, Note, Step},
    report::{Change, Report},
};

/// The `source` of every published event.
pub const SOURCE: &str = "macie.self-service";
/// The `detail-type` of a refusal.
pub const OPT_IN_REFUSED: &str = "Opt-In Refused";
/// The `detail-type` of what a first scan is going to cost.
pub const OPT_IN_ESTIMATED: &str = "Opt-In Estimated";
/// The `detail-type` of an alert of the daily collection.
pub const BUDGET_ALERT: &str = "Budget Alert";
/// The version of `detail`.
pub const VERSION: u32 = 1;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// `detail-type`.
    pub detail_type: &'static str,
    /// `detail`.
    pub detail: Value,
}

/// The events of a report: one per change, and one when a bucket asked and cannot be served.
pub fn published(report: &Report) -> Vec<Published> {
    let changes = report.changes.iter().map(|change| Published {
        detail_type: change.kind.detail_type(),
        detail: change_detail(&report.scope, report.at, change),
    });
    changes.chain(refusal(report)).collect()
}

/// What the first scan of buckets is going to cost, for before its job is created; none of other steps.
pub fn estimated(scope: &Scope, now: Timestamp, step: &Step) -> Option<Published> {
    let Action::CreateJob(job) = &step.action else {
        return None;
    };
    let is_first = matches!(job.kind, JobKind::Baseline { .. });
    is_first.then(|| {
        let mut detail = change_detail(scope, now, &Change::of(step, None));
        if let Some(map) = detail.as_object_mut() {
            map.insert("action".to_owned(), json!("opt-in-estimated"));
            map.insert("summary".to_owned(), json!(step.cost.first_scan()));
        }
        Published {
            detail_type: OPT_IN_ESTIMATED,
            detail,
        }
    })
}

fn change_detail(scope: &Scope, at: Timestamp, change: &Change) -> Value {
    let mut detail = json!({
        "version": VERSION,
        "account": scope.account,
        "region": scope.region,
        "at": at,
        "action": change.kind,
        "summary": change.summary,
        "buckets": change.buckets,
        "reason": { "code": change.why, "text": change.why.to_string() },
    });
    if let Some(code) = detail.pointer_mut("/reason/code") {
        *code = json!(change.why).get("code").cloned().unwrap_or_default();
    }
    if let (Some(job), Some(map)) = (&change.job, detail.as_object_mut()) {
        map.insert("jobId".to_owned(), json!(job));
    }
    let cost = json!(change.cost);
    if let (Some(false), Some(map)) = (
        cost.as_object().map(|cost| cost.is_empty()),
        detail.as_object_mut(),
    ) {
        map.insert("estimatedCost".to_owned(), cost);
    }
    detail
}

/// A team that tagged and got nothing is told why, and what to do. A tag that only looks like an
/// opt-in is answered in the same way.
fn refusal(report: &Report) -> Option<Published> {
    let reasons: Vec<Value> = report
        .notes
        .iter()
        .filter_map(|note| reason(report, note))
        .collect();
    let first = reasons.first()?;
    let buckets: Vec<&Value> = reasons
        .iter()
        .filter_map(|reason| reason.get("bucket"))
        .collect();
    let detail = json!({
        "version": VERSION,
        "account": report.scope.account,
        "region": report.scope.region,
        "at": report.at,
        "action": "opt-in-refused",
        "summary": first.get("text"),
        "buckets": buckets,
        "reason": { "code": first.get("code"), "text": first.get("text") },
        "fix": first.get("fix"),
    });
    Some(Published {
        detail_type: OPT_IN_REFUSED,
        detail,
    })
}

fn reason(report: &Report, note: &Note) -> Option<Value> {
    match note {
        Note::Blocked(blocked) if report.wanted => {
            let code = json!(blocked).get("by").cloned();
            let mut reason =
                json!({ "code": code, "text": blocked.to_string(), "fix": blocked.fix() });
            if let (Some(bucket), Some(map)) = (blocked.bucket(), reason.as_object_mut()) {
                map.insert("bucket".to_owned(), json!(bucket));
            }
            Some(reason)
        }
        Note::NearMiss {
            bucket,
            found,
            expected,
        } => Some(json!({
            "code": "near-miss",
            "bucket": bucket,
            "text": format!("the tag `{found}` of {bucket} is not an opt-in"),
            "fix": format!("tag the bucket `{expected}`"),
        })),
        Note::Blocked(_)
        | Note::Waiting(_)
        | Note::OverBudget { .. }
        | Note::FirstScanOverBudget { .. } => None,
    }
}
