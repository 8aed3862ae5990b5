//! Every combination of states with what is decided, one line each, in a file for people to read:
//! `tests/fixtures/decisions.txt`. `UPDATE_DECISIONS=1 cargo test -p controller-core table` writes
//! it anew; the difference is the review.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use controller_core::{
    check::check,
    decide::decide,
    job_name,
    observed::{
        BucketReading, Fact, Job, JobKind, JobStatus, Member, OPTED_OUT_SINCE, Observed,
        Relationship,
    },
    plan::{Note, Plan},
    report::summary,
};
use jiff::Timestamp;

use crate::world::{SimJob, World, bucket, hours, trouble};

const COMMITTED: &str = include_str!("../../../../tests/fixtures/decisions.txt");
const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../tests/fixtures/decisions.txt"
);

const EVIDENCE: [&str; 5] = ["confirmed", "indexed", "none-left", "unknown", "unproven"];
const OWNERSHIP: [&str; 3] = ["owned", "not-owned", "adopted"];
const MODES: [&str; 3] = ["opt-in", "mandatory", "excluded"];
const MARKS: [&str; 5] = ["unmarked", "fresh", "expired", "unreadable", "future"];
const DAILIES: [&str; 12] = [
    "absent",
    "right",
    "drifted",
    "user-paused",
    "quota-paused",
    "cancelled",
    "duplicated",
    "unknown-status",
    "drifted+right",
    "drifted+user-paused",
    "drifted-user-paused",
    "before-enrolment",
];
const BASELINES: [&str; 7] = [
    "none",
    "covers",
    "covers-part",
    "cancelled",
    "user-paused",
    "running",
    "before-enrolment",
];

fn relationships() -> Vec<(&'static str, Option<Relationship>)> {
    vec![
        ("stranger", None),
        ("Enabled", Some(Relationship::Enabled)),
        ("Paused", Some(Relationship::Paused)),
        ("Invited", Some(Relationship::Invited)),
        ("Created", Some(Relationship::Created)),
        ("Removed", Some(Relationship::Removed)),
        ("Resigned", Some(Relationship::Resigned)),
        (
            "EmailVerificationInProgress",
            Some(Relationship::EmailVerificationInProgress),
        ),
        (
            "EmailVerificationFailed",
            Some(Relationship::EmailVerificationFailed),
        ),
        ("RegionDisabled", Some(Relationship::RegionDisabled)),
        ("AccountSuspended", Some(Relationship::AccountSuspended)),
        (
            "new-status",
            Some(Relationship::Unknown("Hibernating".to_owned())),
        ),
    ]
}

/// A job of the simulated world.
fn job(world: &mut World, kind: JobKind, status: JobStatus, hours_ago: i64, buckets: &[&str]) {
    let n = world.jobs.len();
    let name = job_name::of(&world.scope.account, &kind);
    let created_at = world.now - hours(hours_ago);
    let job = Job {
        id: format!("job-{n}").parse().unwrap(),
        name,
        kind,
        status,
        created_at,
        paused_at: None,
        buckets: buckets.iter().map(|name| bucket(name)).collect(),
    };
    world.jobs.push(SimJob {
        job,
        token: format!("token-{n}"),
        last_run: Some(world.now - hours(1)),
    });
}

fn right(world: &World) -> JobKind {
    JobKind::Daily {
        spec: job_name::daily_spec(&world.policy),
    }
}

fn baseline(world: &mut World, status: JobStatus, hours_ago: i64, buckets: &[&str]) {
    let names: BTreeSet<_> = buckets.iter().map(|name| bucket(name)).collect();
    let spec = job_name::buckets_spec(&names);
    job(
        world,
        JobKind::Baseline { spec },
        status,
        hours_ago,
        buckets,
    );
}

/// A member that has had its jobs for long.
fn member(world: &mut World, status: Relationship, tags: BTreeMap<String, String>) {
    let updated_at = Some(world.now - hours(900));
    world.member = Some(Member {
        status,
        tags,
        updated_at,
    });
}

fn account(ownership: &str, mode: &str) -> World {
    let mut world = World::new();
    let id = world.scope.account.clone();
    let lists = &mut world.policy.accounts;
    match mode {
        "mandatory" => _ = lists.mandatory.insert(id.clone()),
        "excluded" => _ = lists.excluded.insert(id.clone()),
        _ => {}
    }
    if ownership == "adopted" {
        lists.adopted.insert(id);
    }
    let kind = right(&world);
    job(&mut world, kind, JobStatus::Idle, 800, &[]);
    baseline(&mut world, JobStatus::Complete, 800, &["payments"]);
    world
}

fn mark(now: Timestamp, mark: &str) -> Option<String> {
    match mark {
        "fresh" => Some((now - hours(2)).to_string()),
        "expired" => Some((now - hours(25)).to_string()),
        "future" => Some((now + hours(25)).to_string()),
        "unreadable" => Some("yesterday".to_owned()),
        _ => None,
    }
}

fn observe(world: &mut World, evidence: &str) -> Observed {
    match evidence {
        "confirmed" => world.tag("payments"),
        "indexed" => {
            world.tag("payments");
            world.buckets.get_mut(&bucket("payments")).unwrap().readable = false;
        }
        _ => world.untag("payments"),
    }
    let mut observed = world.observe_all(&BTreeSet::new());
    match evidence {
        "unknown" => observed.listing = Fact::Unknown(trouble("s3:ListBuckets")),
        "unproven" => observed.listing = Fact::Unread,
        _ => {}
    }
    observed
}

/// What is decided, in one line; what is decided must pass the check.
fn outcome(world: &World, observed: &Observed) -> String {
    let plan = decide(&world.policy, observed, world.now);
    let checked = check(&world.policy, observed, world.now, plan.clone());
    assert!(checked.is_ok(), "{checked:?}: {plan:#?}");
    words(&plan)
}

fn words(plan: &Plan) -> String {
    let steps = plan.steps.iter().map(|step| summary(&step.action));
    let notes = plan.notes.iter().map(|note| match note {
        Note::Waiting(waiting) => format!("(waits: {waiting})"),
        Note::Blocked(blocked) => format!("(blocked: {blocked})"),
        Note::NearMiss { bucket, .. } => format!("(near miss: {bucket})"),
        note => format!("(warns: {})", note.warning().unwrap()),
    });
    let words: Vec<String> = steps.chain(notes).collect();
    match words.is_empty() {
        true => "-".to_owned(),
        false => words.join("; "),
    }
}

fn members(table: &mut String) {
    let head = "# relationship | evidence | ownership | mode | mark | decision";
    writeln!(table, "{head}").unwrap();
    for (name, status) in relationships() {
        for evidence in EVIDENCE {
            for ownership in OWNERSHIP {
                for mode in MODES {
                    for when in MARKS {
                        let mut world = account(ownership, mode);
                        let mut tags = BTreeMap::new();
                        if ownership == "owned" {
                            tags.insert("managed-by".to_owned(), "macie-self-service".to_owned());
                        }
                        let mark = mark(world.now, when);
                        tags.extend(mark.map(|mark| (OPTED_OUT_SINCE.to_owned(), mark)));
                        if let Some(status) = &status {
                            member(&mut world, status.clone(), tags);
                        }
                        let observed = observe(&mut world, evidence);
                        let outcome = outcome(&world, &observed);
                        writeln!(
                            table,
                            "{name} | {evidence} | {ownership} | {mode} | {when} | {outcome}"
                        )
                        .unwrap();
                    }
                }
            }
        }
    }
}

#[rustfmt::skip]
fn daily(world: &mut World, state: &str) {
    let right = right(world);
    let drifted = JobKind::Daily { spec: "drifted".to_owned() };
    let unknown = JobStatus::Unknown("HIBERNATING".to_owned());
    match state {
        "right" => job(world, right, JobStatus::Idle, 100, &[]),
        "drifted" => job(world, drifted, JobStatus::Idle, 100, &[]),
        "user-paused" => job(world, right, JobStatus::UserPaused, 100, &[]),
        "quota-paused" => job(world, right, JobStatus::Paused, 100, &[]),
        "cancelled" => job(world, right, JobStatus::Cancelled, 100, &[]),
        "unknown-status" => job(world, right, unknown, 100, &[]),
        "duplicated" => {
            job(world, right.clone(), JobStatus::Idle, 100, &[]);
            job(world, right, JobStatus::Running, 99, &[]);
        }
        "drifted+right" => {
            job(world, drifted, JobStatus::Idle, 100, &[]);
            job(world, right, JobStatus::Idle, 1, &[]);
        }
        "drifted+user-paused" => {
            job(world, drifted, JobStatus::Idle, 100, &[]);
            job(world, right, JobStatus::UserPaused, 1, &[]);
        }
        "drifted-user-paused" => job(world, drifted, JobStatus::UserPaused, 100, &[]),
        "before-enrolment" => job(world, right, JobStatus::Idle, 950, &[]),
        _ => {}
    }
}

fn baselines(world: &mut World, state: &str) {
    let both = ["alpha", "bravo"];
    match state {
        "covers" => baseline(world, JobStatus::Complete, 90, &both),
        "covers-part" => baseline(world, JobStatus::Complete, 90, &["alpha"]),
        "cancelled" => baseline(world, JobStatus::Cancelled, 90, &both),
        "user-paused" => baseline(world, JobStatus::UserPaused, 90, &both),
        "running" => baseline(world, JobStatus::Running, 90, &both),
        "before-enrolment" => baseline(world, JobStatus::Complete, 950, &both),
        _ => {}
    }
}

fn jobs(table: &mut String) {
    writeln!(table, "\n# daily job | baseline | bravo | decision").unwrap();
    for state in DAILIES {
        for covered in BASELINES {
            for (bravo, reading) in [
                ("opted-in", BucketReading::OptedIn),
                ("left", BucketReading::NotOptedIn),
            ] {
                let mut world = World::new();
                let enrolled_at = (world.now - hours(900)).to_string();
                let tags = [
                    ("managed-by", "macie-self-service".to_owned()),
                    (controller_core::observed::ENROLLED_AT, enrolled_at),
                ];
                let tags = tags.map(|(key, value)| (key.to_owned(), value));
                member(&mut world, Relationship::Enabled, tags.into());
                daily(&mut world, state);
                baselines(&mut world, covered);
                world.tag("alpha");
                world.set("bravo", reading);
                let observed = world.observe_all(&BTreeSet::new());
                let outcome = outcome(&world, &observed);
                writeln!(table, "{state} | {covered} | {bravo} | {outcome}").unwrap();
            }
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a person asks for the file to be written anew"
)]
fn every_combination_is_decided_as_the_file_says() {
    let mut table = String::new();
    members(&mut table);
    jobs(&mut table);
    if std::env::var_os("UPDATE_DECISIONS").is_some() {
        std::fs::write(PATH, &table).unwrap();
        return;
    }
    let differs = COMMITTED
        .lines()
        .zip(table.lines())
        .find(|(old, new)| old != new);
    assert_eq!(differs, None, "UPDATE_DECISIONS=1 writes the file anew");
    assert_eq!(COMMITTED.lines().count(), table.lines().count());
    println!(
        "{} combinations",
        table.lines().filter(|line| line.contains('|')).count() - 2
    );
}

/// What a person would look for in the file first.
#[test]
fn the_file_never_suspends_without_a_reason() {
    for line in COMMITTED
        .lines()
        .filter(|line| line.ends_with("suspend Macie for the account"))
    {
        let states: Vec<&str> = line.split(" | ").collect();
        assert_eq!(states[..3], ["Enabled", "none-left", "owned"], "{line}");
        assert_ne!(states[3], "mandatory", "{line}");
        assert_eq!(states[4], "expired", "{line}");
    }
    let known: BTreeSet<&str> = COMMITTED
        .lines()
        .filter_map(|line| line.split(" | ").next())
        .collect();
    for (name, _) in relationships() {
        assert!(known.contains(name), "{name}");
    }
}
