//! What a naive implementer gets wrong, trap by trap; those about jobs, Regions, events and
//! concurrency (16 to 30) are in `traps_jobs.rs`. Some are told at length elsewhere; here each
//! has one short test under its own name.
//!
//! Not of this slice: 23 (budget stops), 25 (findings), 26 (results repository). The controller
//! makes no call of theirs, which `trap_11` shows by listing every operation that it writes with.

use std::collections::BTreeSet;

use controller_core::report::Report;
use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{ENROLLED, STRANGER, account, scope},
};
use local_aws::{
    Call, Caller,
    events::{self, BusId},
    macie::{self, Relationship},
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
        ("macie-self-service-forwarder-eu-west-1", "my.app"),
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
    assert!(scenario.session_calls().is_empty());
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
async fn trap_09_many_accounts_that_leave_at_once_are_all_held() {
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
    assert!(scenario.session_calls().is_empty());
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
    let calls = scenario.session_calls();
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
