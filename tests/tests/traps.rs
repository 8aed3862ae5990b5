//! What a naive implementer gets wrong, trap by trap. Some are told at length elsewhere; here each
//! has one short test under its own name.
//!
//! Not of this slice: 23 (budget stops), 25 (findings), 26 (results repository). The controller
//! makes no call of theirs, which `trap_11` shows by listing every operation that it writes with.

use std::collections::BTreeSet;

use controller::lambda;
use controller_core::{event::sweep_message, report::Report};
use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{ENROLLED, STRANGER, account, duration, scope},
};
use local_aws::{
    Call, Caller,
    events::{self, BusId},
    macie::{self, JobStatus, Relationship, Status},
    organization::{self, ADMINISTRATOR},
    s3,
};
use serde_json::{Value, json};

/// CloudTrail's event of a call, as an account's bus would forward it.
fn event(number: usize, name: &str, detail: Value) -> String {
    let mut all = json!({ "eventSource": "s3.amazonaws.com", "eventName": name });
    for (key, value) in detail.as_object().unwrap() {
        all[key] = value.clone();
    }
    json!({
        "version": "0", "id": "1", "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.s3", "account": account(number), "region": EU,
        "time": "2026-03-02T10:00:00Z", "resources": [], "detail": all,
    })
    .to_string()
}

fn parameters(bucket: &str, tags: Value) -> Value {
    let tagging = json!({ "TagSet": { "Tag": tags } });
    json!({ "requestParameters": { "bucketName": bucket, "Tagging": tagging } })
}

/// The scopes that were looked at.
fn scopes(reports: &[Report]) -> BTreeSet<String> {
    reports
        .iter()
        .map(|report| report.scope.to_string())
        .collect()
}

/// The session changes that the controller asked for.
fn session_calls(scenario: &Scenario) -> Vec<String> {
    scenario
        .calls()
        .into_iter()
        .filter(|call| call.operation == "UpdateMemberSession")
        .filter_map(|call| call.target)
        .collect()
}

#[tokio::test]
async fn trap_01_todays_tools_tag_by_other_calls_than_put_bucket_tagging() {
    let acts: [fn(&Scenario); 2] = [
        |s| {
            s.create_bucket(1, EU, "orders");
            s.tag_resource(1, EU, "orders");
        },
        |s| s.create_bucket_with_tags(1, EU, "orders", &[("macie", "true")]),
    ];
    for act in acts {
        let scenario = Setup::new(1).start().await;
        act(&scenario);
        scenario.run_well().await;
        scenario.turn("PT2M");
        assert_eq!(scenario.at(1, EU), "Enabled | daily | ");
    }
}

#[tokio::test]
async fn trap_02_the_tags_in_an_event_are_not_believed() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "plain");
    let yes = json!({ "Key": "macie", "Value": "true" });
    scenario.send(&event(1, "PutBucketTagging", parameters("plain", yes)));
    let no = json!({ "Key": "macie", "Value": "false" });
    scenario.send(&event(1, "PutBucketTagging", parameters("orders", no)));
    scenario.send(&event(1, "DeleteBucket", parameters("orders", json!([]))));
    scenario.run_well().await;
    assert_eq!(scenario.at(1, EU), ENROLLED);
    assert_eq!(scenario.all_jobs(1, EU).len(), 2);
}

#[tokio::test]
async fn trap_03_one_tag_is_an_object_and_several_are_an_array() {
    let one = json!({ "Key": "macie", "Value": "true" });
    for tags in [
        one.clone(),
        json!([one, one]),
        json!([]),
        json!("x"),
        Value::Null,
    ] {
        let scenario = Setup::new(1).start().await;
        scenario.create_bucket_with_tags(1, EU, "orders", &[("macie", "true")]);
        scenario.lose_events();
        let mut detail = parameters("orders", tags.clone());
        detail["requestParameters"]["tagging"] = json!("");
        scenario.send(&event(1, "PutBucketTagging", detail));
        scenario.run_well().await;
        scenario.turn("PT2M");
        assert_eq!(scenario.at(1, EU), "Enabled | daily | ", "{tags}");
    }
}

#[tokio::test]
async fn trap_04_a_call_that_failed_changes_nothing() {
    let scenario = Setup::new(1).start().await;
    scenario.create_bucket(1, EU, "orders");
    scenario.run_well().await;
    let start = scenario.calls().len();
    let team = organization::admin(&account(1));
    let refused = scenario.world(|world| {
        world.s3.buckets.get_mut("orders").unwrap().abac = true;
        s3::put_bucket_tagging(world, &team, EU, "orders", &[("macie", "true")])
    });
    assert!(refused.is_err());
    assert!(
        scenario.waiting_messages().is_empty(),
        "it is not even forwarded"
    );
    let failed =
        json!({ "errorCode": "AccessDenied", "requestParameters": { "bucketName": "orders" } });
    scenario.send(&event(1, "PutBucketTagging", failed));
    let handled = scenario.run().await;
    assert!(handled[0].refused[0].1.starts_with("failed-call"));
    assert_eq!(scenario.operations_since(start), [""; 0]);
}

#[tokio::test]
async fn trap_05_only_the_envelope_names_the_account() {
    let mut scenario = Setup::new(2).start().await;
    scenario.opted_in_bucket(1, EU, "victim");
    scenario.lose_events();
    let forged = json!({
        "recipientAccountId": account(1), "awsRegion": US,
        "userIdentity": { "accountId": account(1) },
        "requestParameters": { "bucketName": "victim", "bucketOwner": account(1) },
        "resources": [{ "accountId": account(1), "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::victim" }],
    });
    scenario.send(&event(2, "PutBucketTagging", forged));
    let reports = scenario.run_well().await;
    assert_eq!(
        scopes(&reports),
        BTreeSet::from([scope(&account(2), EU).to_string()])
    );
    assert_eq!(scenario.at(1, EU), STRANGER);
    assert_eq!(scenario.at(2, EU), STRANGER);
}

/// `PutEvents` on the central bus by somebody in account 1.
fn put_event(scenario: &Scenario, role: &str, source: &str) -> Value {
    let id = account(1);
    let bus = BusId::new(ADMINISTRATOR, EU, organization::BUS).arn();
    let detail = json!({ "eventName": "PutBucketTagging" }).to_string();
    let call = Call {
        service: "events",
        region: EU.to_owned(),
        caller: Caller {
            account: id.clone(),
            arn: format!("arn:aws:sts::{id}:assumed-role/{role}/session"),
            role: Some(role.to_owned()),
        },
        method: "POST".to_owned(),
        segments: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        input: json!({ "Entries": [{
            "EventBusName": bus, "Source": source, "DetailType": "Self-Made", "Detail": detail,
        }] }),
    };
    let reply = scenario
        .world(|world| events::perform(world, &call, "PutEvents"))
        .unwrap();
    match reply.body {
        local_aws::request::Body::Json(document) => document,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn trap_06_nobody_but_the_forwarders_puts_events_on_the_bus() {
    let scenario = Setup::new(1).start().await;
    for (role, source) in [
        ("developer", "aws.s3"),
        ("developer", "my.app"),
        (organization::FORWARDER_ROLE, "my.app"),
    ] {
        let reply = put_event(&scenario, role, source);
        assert_eq!(reply["FailedEntryCount"], 1, "{role} {source}: {reply}");
    }
    assert!(scenario.waiting_messages().is_empty());
    // And if one could: it names its own account only, and causes reads.
    scenario.send(&event(1, "TagResource", json!({})));
    let start = scenario.calls().len();
    scenario.run_well().await;
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn trap_07_an_untag_suspends_nobody_while_another_bucket_remains() {
    let mut scenario = Scenario::enrolled().await;
    scenario.opted_in_bucket(1, EU, "bills");
    scenario.untag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P9D");
    scenario.sweep().await;
    assert!(session_calls(&scenario).is_empty());
    assert!(!scenario.place(1, EU).leaving);
}

#[tokio::test]
async fn trap_08_what_cannot_be_read_is_not_a_no() {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "vault");
    scenario.world(|world| world.s3.buckets.get_mut("vault").unwrap().locked = true);
    scenario.untag(1, EU, "orders");
    for _ in 0..3 {
        scenario.run_well().await;
        scenario.turn("P3D");
        scenario.sweep().await;
    }
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn trap_09_one_bad_read_suspends_a_few_at_most() {
    let mut scenario = Setup::new(12)
        .policy(json!({ "circuitBreaker": { "maxSuspensions": 2, "window": "P1D" } }))
        .start()
        .await;
    for number in 1..=12 {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
    }
    scenario.run_well().await;
    (1..=12).for_each(|number| scenario.untag(number, EU, &format!("data-{number}")));
    scenario.run_well().await;
    scenario.turn("PT25H");
    scenario.sweep().await;
    scenario.sweep().await;
    assert_eq!(session_calls(&scenario).len(), 2);
}

#[tokio::test]
async fn trap_10_each_relationship_has_its_own_way_in() {
    let scenario = Scenario::suspended().await;
    let start = scenario.calls().len();
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    let writes = scenario.writes_since(start);
    assert!(writes.contains(&"macie2:UpdateMemberSession".to_owned()));
    assert!(!writes.contains(&"macie2:CreateMember".to_owned()));

    let scenario = Scenario::enrolled().await;
    let start = scenario.calls().len();
    scenario
        .world(|world| macie::disassociate_member(world, EU, &account(1)))
        .unwrap();
    scenario.sweep().await;
    let writes = scenario.writes_since(start);
    assert!(
        writes.contains(&"macie2:CreateMember".to_owned()),
        "{writes:?}"
    );
    assert!(!writes.contains(&"macie2:UpdateMemberSession".to_owned()));
    assert_eq!(scenario.place(1, EU).member, Some(Relationship::Enabled));
}

#[tokio::test]
async fn trap_11_an_opt_out_suspends_and_nothing_is_ever_disassociated_or_deleted() {
    let scenario = Scenario::suspended().await;
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    let written: BTreeSet<String> = scenario.writes_since(0).into_iter().collect();
    let expected = [
        "macie2:CreateClassificationJob",
        "macie2:CreateMember",
        "macie2:TagResource",
        "macie2:UntagResource",
        "macie2:UpdateMemberSession",
    ];
    assert_eq!(written, expected.map(str::to_owned).into());
    let id = account(1);
    let calls = session_calls(&scenario);
    assert_eq!(calls, [format!("{id} PAUSED"), format!("{id} ENABLED")]);
}

#[tokio::test]
async fn trap_12_get_members_validation_exception_is_a_stranger() {
    let mut scenario = Setup::new(1)
        .switches(|switches| switches.stranger_is_validation = true)
        .start()
        .await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn trap_13_address_and_state_come_from_organizations_when_they_are_needed() {
    for (email, state) in [("", "ACTIVE"), ("team@example.com", "PENDING_ACTIVATION")] {
        let mut scenario = Setup::new(1)
            .policy(json!({ "accounts": { "mandatory": [account(1)] } }))
            .start()
            .await;
        scenario.opted_in_bucket(1, EU, "orders");
        scenario.world(|world| {
            let known = world.organizations.accounts.get_mut(&account(1)).unwrap();
            known.email = email.to_owned();
            known.state = state.to_owned();
        });
        scenario.run_well().await;
        assert_eq!(scenario.at(1, EU), STRANGER, "{email} {state}");
        scenario.world(|world| {
            let known = world.organizations.accounts.get_mut(&account(1)).unwrap();
            known.email = "new-owner@example.com".to_owned();
            known.state = "ACTIVE".to_owned();
        });
        scenario.sweep().await;
        scenario.turn("PT2M");
        assert_eq!(scenario.at(1, EU), ENROLLED, "{email} {state}");
    }
}

#[tokio::test]
async fn trap_14_neither_the_administrator_nor_the_management_account_is_enrolled_or_suspended() {
    let scenario = Setup::new(1).start().await;
    for id in [ADMINISTRATOR, organization::MANAGEMENT] {
        let team = organization::admin(id);
        let name = format!("data-{id}");
        scenario
            .world(|world| s3::create_bucket(world, &team, EU, &name, &[("macie", "true")]))
            .unwrap();
    }
    scenario.run_well().await;
    scenario.turn("PT1M");
    scenario.world(|world| {
        for (name, bucket) in &mut world.s3.buckets {
            assert!(bucket.tags.remove("macie").is_some(), "{name}");
        }
        ["data-111111111111", "data-222222222222"]
            .iter()
            .for_each(|name| world.s3.history.extend(untagged(world, name)));
    });
    scenario.turn("P3D");
    scenario.sweep().await;
    let tried = scenario.calls().into_iter().filter(|call| {
        matches!(
            call.operation.as_str(),
            "CreateMember" | "UpdateMemberSession"
        )
    });
    assert_eq!(tried.count(), 0);
}

/// The change that takes a bucket's tags away.
fn untagged(world: &local_aws::World, name: &str) -> Option<s3::Change> {
    let last = world
        .s3
        .history
        .iter()
        .rfind(|change| change.bucket == name)?;
    Some(s3::Change {
        at: world.now(),
        operation: "DeleteBucketTagging",
        tags: Some(Default::default()),
        ..last.clone()
    })
}

#[tokio::test]
async fn trap_15_nothing_is_switched_on_for_accounts_that_did_not_ask() {
    let scenario = Scenario::suspended().await;
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.world(|world| {
        for region in [EU, US] {
            assert!(!world.macie.administrations[region].auto_enable);
            for id in [ADMINISTRATOR.to_owned(), account(1), account(2)] {
                let session = world.macie.session(region, &id);
                assert!(session.is_none_or(|session| !session.discovery.enabled));
            }
        }
    });
    assert_eq!(scenario.at(2, EU), STRANGER);
}

#[tokio::test]
async fn trap_16_everything_is_per_account_and_region() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, US, "logs");
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, US), "Enabled | daily | logs: old.csv");
    assert_eq!(scenario.at(1, EU), STRANGER);
    let elsewhere = scenario
        .calls()
        .into_iter()
        .filter(|call| matches!(call.service, "macie2" | "s3" | "tagging") && call.region != US);
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn trap_17_many_events_and_buckets_make_few_jobs() {
    let mut scenario = Setup::new(1).start().await;
    for n in 0..30 {
        scenario.opted_in_bucket(1, EU, &format!("data-{n:02}"));
    }
    scenario.run_well().await;
    scenario.turn("PT2M");
    let jobs = scenario.all_jobs(1, EU);
    assert_eq!(jobs.len(), 2, "{jobs:?}");
    assert_eq!(scenario.place(1, EU).scanned.len(), 30);
}

#[tokio::test]
async fn trap_18_a_job_is_replaced_and_nothing_old_is_paid_for_again() {
    let mut scenario = Scenario::enrolled().await;
    scenario
        .change_policy(json!({ "jobs": { "managedDataIdentifiers": "ALL" } }))
        .await;
    scenario.look(1, EU).await;
    scenario.look(1, EU).await;
    scenario.turn("P2D");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    let replaced = scenario.all_jobs(1, EU);
    assert!(
        replaced.contains(&"daily Cancelled".to_owned()),
        "{replaced:?}"
    );
    scenario.world(|world| {
        let dailies = world
            .macie
            .jobs
            .iter()
            .filter(|job| job.definition.name.contains("/daily/"));
        assert!(dailies.into_iter().all(|job| !job.definition.initial_run));
    });
}

#[tokio::test]
async fn trap_19_old_objects_and_those_of_a_pause_are_scanned_by_jobs_of_their_own() {
    let mut scenario = Scenario::suspended().await;
    scenario.put_object("orders", "in-pause.csv");
    scenario.turn("P1D");
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P2D");
    let expected = "Enabled | daily | orders: old.csv in-pause.csv";
    assert_eq!(scenario.at(1, EU), expected);
    assert_eq!(
        scenario.all_jobs(1, EU),
        [
            "daily Idle",
            "baseline orders Complete",
            "catch-up orders Complete"
        ]
    );
}

#[tokio::test]
async fn trap_20_no_job_is_created_before_macie_shows_its_bucket() {
    let mut scenario = Setup::new(1)
        .switches(|switches| {
            switches.describe_buckets_refreshes_members = false;
            switches.inventory_lag = duration("PT20M");
        })
        .start()
        .await;
    scenario.create_bucket(1, EU, "first");
    scenario.put_object("first", "old.csv");
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.tag_resource(1, EU, "first");
    scenario.pump().await;
    assert_eq!(
        scenario.all_jobs(1, EU).len(),
        2,
        "Macie does not see it yet"
    );
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("PT2M");
    assert_eq!(
        scenario.at(1, EU),
        "Enabled | daily | first: old.csv, orders: old.csv"
    );
    scenario.world(|world| {
        let mut runs = world.macie.runs.iter();
        assert!(
            runs.all(|run| !run.matched.is_empty()),
            "a run matched nothing"
        );
    });
}

#[tokio::test]
async fn trap_21_tags_are_compared_exactly_and_never_by_ne() {
    let mut scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "shouting");
    scenario.put_object("shouting", "old.csv");
    scenario.tag_with(1, EU, "shouting", &[("MACIE", "TRUE")]);
    scenario.run_well().await;
    scenario.turn("P2D");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    assert_eq!(scenario.published(1, EU).last().unwrap(), "Opt-In Refused");
    scenario.world(|world| {
        for job in &world.macie.jobs {
            let definition = json!(job.definition).to_string();
            assert!(!definition.contains("\"NE\""), "{definition}");
        }
    });
}

#[tokio::test]
async fn trap_22_no_job_is_ever_resumed() {
    for status in [
        JobStatus::UserPaused,
        JobStatus::Paused,
        JobStatus::Cancelled,
    ] {
        let scenario = Scenario::enrolled().await;
        scenario.world(|world| world.macie.jobs[0].status = status);
        scenario.look(1, EU).await;
        scenario.turn("P2D");
        scenario.look(1, EU).await;
        let resumed = scenario.calls().into_iter().filter(|call| {
            call.operation == "UpdateClassificationJob"
                && call
                    .target
                    .as_deref()
                    .is_some_and(|to| to.contains("RUNNING"))
        });
        assert_eq!(resumed.count(), 0, "{status:?}");
    }
}

#[tokio::test]
async fn trap_24_an_estimate_counts_what_macie_can_analyse_and_unpacks_it() {
    let scenario = Setup::new(1).start().await;
    scenario.create_bucket(1, EU, "orders");
    let objects = [("a.csv", 1), ("b.gz", 1), ("no-extension", 5)];
    for (key, gigabytes) in objects {
        let bytes = gigabytes * 1_000_000_000;
        scenario
            .world(|world| s3::put_object(world, "orders", key, bytes))
            .unwrap();
    }
    scenario.tag(1, EU, "orders");
    scenario.run_well().await;
    let events = scenario.published_events(1, EU);
    let covered = events
        .iter()
        .find(|event| event["detail-type"] == "Bucket Covered");
    assert_eq!(
        covered.unwrap()["detail"]["estimatedCost"],
        json!({ "onceUsd": "4" })
    );
    let daily = events
        .iter()
        .find(|event| event["detail-type"] == "Daily Job Created");
    assert_eq!(
        daily.unwrap()["detail"]["estimatedCost"],
        json!({ "monthlyUsd": "0.1" })
    );
}

#[tokio::test]
async fn trap_27_the_sweep_is_the_guarantee_and_events_are_only_fast() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    scenario.sweep().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
}

#[tokio::test]
async fn trap_28_flapping_neither_suspends_nor_costs_jobs() {
    let scenario = Scenario::enrolled().await;
    for _ in 0..10 {
        scenario.untag(1, EU, "orders");
        scenario.run_well().await;
        scenario.turn("PT1M");
        scenario.tag(1, EU, "orders");
        scenario.run_well().await;
        scenario.turn("PT1M");
    }
    scenario.sweep().await;
    assert_eq!(scenario.at(1, EU), ENROLLED);
    assert!(session_calls(&scenario).is_empty());
    assert_eq!(scenario.all_jobs(1, EU).len(), 2);
}

#[tokio::test]
async fn trap_29_every_page_is_read_before_a_no() {
    let scenario = Scenario::enrolled().await;
    for n in 0..1_100 {
        scenario.create_bucket(1, EU, &format!("plain-{n:04}"));
    }
    // The index does not know of the bucket on the second page.
    scenario.world(|world| world.switches.index_lag = duration("P30D"));
    scenario.create_bucket_with_tags(1, EU, "zebra", &[("macie", "true")]);
    scenario.untag(1, EU, "orders");
    scenario.lose_events();
    for _ in 0..2 {
        scenario.sweep().await;
        scenario.turn("P2D");
    }
    assert!(session_calls(&scenario).is_empty());
    assert!(!scenario.place(1, EU).leaving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn trap_30_two_handlers_at_once_make_one_member_and_one_job_of_a_kind() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.lose_events();
    let other = scenario.another().await;
    let message = sweep_message(&scope(&account(1), EU), "look");
    for _ in 0..6 {
        let (one, two) = tokio::join!(
            lambda::handle(&scenario.sandbox.runtime, &message, None),
            lambda::handle(&other, &message, None),
        );
        assert_eq!(one.reports.len() + two.reports.len(), 2);
        scenario.turn("PT20S");
    }
    scenario.run().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    assert_eq!(scenario.all_jobs(1, EU).len(), 2);
    let status = scenario.world(|world| world.macie.session(EU, &account(1)).unwrap().status);
    assert_eq!(status, Status::Enabled);
}
