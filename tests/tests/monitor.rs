//! The safety monitor speaks when it must: a good history, spoiled in one place.

use controller_tests::{EU, Scenario, scenario::account};
use local_aws::{
    World,
    macie::{Run, Scan},
    organization::ADMINISTRATOR,
    world::CallRecord,
};

/// A call of the controller that succeeded.
fn call(world: &mut World, service: &'static str, operation: &str, target: String) {
    let record = CallRecord {
        at: world.now(),
        service,
        operation: operation.to_owned(),
        region: EU.to_owned(),
        account: ADMINISTRATOR.to_owned(),
        role: None,
        target: Some(target),
        error: None,
    };
    world.calls.push(record);
}

/// A run of the account's daily job that scanned a bucket just now.
fn scan(world: &mut World, bucket: &str) {
    let run = Run {
        job_id: world.macie.jobs[0].id.clone(),
        region: EU.to_owned(),
        started_at: world.now(),
        ended_at: world.now(),
        matched: Vec::new(),
        scans: vec![Scan {
            account: account(1),
            bucket: bucket.to_owned(),
            objects: 1,
            bytes: 0,
        }],
        errors: Vec::new(),
    };
    world.macie.runs.push(run);
}

type Spoil = fn(&mut World);

const SPOILED: [(&str, Spoil); 8] = [
    ("suspended", |w| {
        call(
            w,
            "macie2",
            "UpdateMemberSession",
            format!("{} PAUSED", account(1)),
        );
    }),
    ("not the controller's", |w| {
        call(
            w,
            "macie2",
            "UpdateMemberSession",
            format!("{} ENABLED", account(2)),
        );
    }),
    ("DisassociateMember", |w| {
        call(w, "macie2", "DisassociateMember", account(1));
    }),
    ("DisableMacie", |w| {
        call(w, "macie2", "DisableMacie", String::new())
    }),
    ("PutBucketTagging", |w| {
        call(w, "s3", "PutBucketTagging", "orders".to_owned());
    }),
    ("CreateAccount", |w| {
        call(w, "organizations", "CreateAccount", "new".to_owned());
    }),
    ("not opted in", |w| scan(w, "plain")),
    ("2 live daily jobs", |w| {
        let twin = w.macie.jobs[0].clone();
        w.macie.jobs.push(twin);
    }),
];

#[tokio::test]
async fn each_kind_of_harm_is_named() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "plain");
    assert_eq!(scenario.violations(), [""; 0]);
    for (expected, spoil) in SPOILED {
        let spoiled = scenario.fork().await;
        spoiled.unmonitored();
        spoiled.world(spoil);
        let violations = spoiled.violations();
        let named = violations
            .iter()
            .any(|violation| violation.contains(expected));
        assert!(named, "`{expected}` is not in {violations:?}");
    }
}
