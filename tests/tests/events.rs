//! The schemas of the published events: one per `detail-type`, generated from the code and
//! compared with `docs/events/`. `UPDATE_DOCS=1 cargo test -p controller-tests --test events`
//! writes them.

use std::{env, fs, path::PathBuf};

use controller_core::{
    published::{BUDGET_ALERT, OPT_IN_ESTIMATED, OPT_IN_REFUSED, SOURCE, VERSION},
    report::ChangeKind,
};
use serde_json::{Value, json};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/events")
}

fn file_name(detail_type: &str) -> String {
    format!(
        "{}.schema.json",
        detail_type.to_lowercase().replace(' ', "-")
    )
}

/// The schema of a `detail`, with the envelope that EventBridge puts around it.
fn schema(detail_type: &str, action: &str, meaning: &str) -> Value {
    let mut detail = json!({
        "version": { "const": VERSION, "description": "Version of this document." },
        "account": { "type": "string", "pattern": "^[0-9]{12}$", "description": "The workload account that it is about." },
        "region": { "type": "string", "description": "The Region that it is about." },
        "at": { "type": "string", "format": "date-time", "description": "When the reconcile ended, in UTC." },
        "action": { "const": action, "description": "The same as `detail-type`, for programs." },
        "summary": { "type": "string", "description": "What was done, in a sentence." },
        "buckets": {
            "type": "array", "items": { "type": "string" },
            "description": "The buckets that it is about; empty when it is about the account.",
        },
        "reason": {
            "type": "object",
            "required": ["code", "text"],
            "additionalProperties": false,
            "properties": {
                "code": { "type": "string", "description": "For programs; new codes may be added." },
                "text": { "type": "string", "description": "For people." },
            },
        },
    });
    let mut required = vec![
        "version", "account", "region", "at", "action", "summary", "buckets", "reason",
    ];
    let extra = match detail_type {
        OPT_IN_REFUSED => {
            required.push("fix");
            json!({ "fix": { "type": "string", "description": "What the team can do." } })
        }
        BUDGET_ALERT => {
            required.push("cost");
            json!({ "cost": cost() })
        }
        _ => json!({
            "jobId": { "type": "string", "description": "The Macie job that it is about." },
            "estimatedCost": {
                "type": "object",
                "description": "US dollars as decimal strings, by the prices of the policy or of AWS's list; missing when not known. How it is computed: docs/cost.md.",
                "additionalProperties": false,
                "properties": {
                    "monthlyUsd": { "type": "string", "description": "A month from now on." },
                    "onceUsd": { "type": "string", "description": "Once, most likely." },
                    "onceLowUsd": { "type": "string", "description": "Once, at least." },
                    "onceHighUsd": { "type": "string", "description": "Once, hardly more." },
                    "onceUnknown": { "type": "string", "description": "Why it is not known what it costs once, and when it will be." },
                },
            },
        }),
    };
    detail
        .as_object_mut()
        .unwrap()
        .extend(extra.as_object().unwrap().clone());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": detail_type,
        "description": meaning,
        "type": "object",
        "required": ["source", "detail-type", "detail"],
        "properties": {
            "source": { "const": SOURCE },
            "detail-type": { "const": detail_type },
            "detail": {
                "type": "object",
                "required": required,
                "additionalProperties": false,
                "properties": detail,
            },
        },
    })
}

/// The figures of an alert.
fn cost() -> Value {
    let usd = |unknown: &str, meaning: &str| {
        json!({
            "type": ["string", "null"],
            "description": format!("{meaning}; null {unknown}."),
        })
    };
    json!({
        "type": "object",
        "description": "US dollars as decimal strings, in list prices, as Macie says.",
        "required": ["monthToDateUsd", "forecastUsd", "capUsd", "capAction", "dayUsd", "usualDayUsd"],
        "additionalProperties": false,
        "properties": {
            "monthToDateUsd": { "type": "string", "description": "Since the first of the month (UTC)." },
            "forecastUsd": usd("on its first day", "The month's end"),
            "capUsd": usd("without one", "The cap of the account's month in this Region"),
            "capAction": {
                "enum": ["warn", "hold", "pause", null],
                "description": "What happens beyond, as in the policy.",
            },
            "dayUsd": usd("when unknown", "The increase since the day before"),
            "usualDayUsd": usd("when unknown", "The weighted mean of the days so far"),
        },
    })
}

fn all() -> Vec<(&'static str, Value)> {
    let refused = "A bucket asks to be opted in and is not: the reason and what to do about it.";
    let estimated = "The first scan of newly opted-in buckets is about to begin, and this is what it costs. It is \
        told before the job is created: whether that then succeeded is told by Bucket Covered.";
    let alert = "An account nears its cap or has spent it, a month will exceed it, or a day was unusual: \
        told once, by the daily collection of costs. `reason.code` says which: `budget-80`, \
        `budget-100`, `forecast-over-budget` or `unusual-day`.";
    let changes = ChangeKind::ALL.into_iter().map(|kind| {
        let action = json!(kind).as_str().unwrap().to_owned();
        (
            kind.detail_type(),
            schema(kind.detail_type(), &action, kind.meaning()),
        )
    });
    changes
        .chain([
            (
                OPT_IN_ESTIMATED,
                schema(OPT_IN_ESTIMATED, "opt-in-estimated", estimated),
            ),
            (
                OPT_IN_REFUSED,
                schema(OPT_IN_REFUSED, "opt-in-refused", refused),
            ),
            (BUDGET_ALERT, schema(BUDGET_ALERT, "budget-alert", alert)),
        ])
        .collect()
}

#[test]
fn every_published_event_has_its_schema() {
    let update = env::var_os("UPDATE_DOCS").is_some();
    for (detail_type, schema) in all() {
        let path = folder().join(file_name(detail_type));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if update {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            published == text,
            "{} is not what the code publishes: run with UPDATE_DOCS=1",
            path.display()
        );
    }
    let files = fs::read_dir(folder()).unwrap().filter(|file| {
        file.as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".schema.json")
    });
    assert_eq!(
        files.count(),
        all().len(),
        "a schema in docs/events/ belongs to no event"
    );
}
