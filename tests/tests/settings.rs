//! The settings of the delegated Macie administrator, as CloudFormation drives them.

use controller_tests::{
    EU, US,
    custom_resource::{
        Stack,
        faults::Matrix,
        state::{assert_failed, assert_success, organization, state},
    },
    scenario::{account, duration},
};
use custom_resources::frame::Resource;
use jiff::SignedDuration;
use local_aws::{
    World,
    faults::{Fault, Kind},
    macie,
    organization::{ADMINISTRATOR, admin},
    s3,
};
use serde_json::{Value, json};

const BUCKET: &str = "macie-self-service-results-222222222222-eu-west-1";
const KEY: &str = "arn:aws:kms:eu-west-1:222222222222:key/00000000-0000-4000-8000-000000000001";

/// The administrator's designation and results bucket are there; everything that costs is on.
fn registered(regions: &[&str]) -> World {
    let mut world = organization(2, regions);
    s3::create_bucket(&mut world, &admin(ADMINISTRATOR), EU, BUCKET, &[]).unwrap();
    for administration in world.macie.administrations.values_mut() {
        administration.auto_enable = true;
    }
    for session in world.macie.sessions.values_mut() {
        session.discovery.enabled = true;
    }
    world
}

async fn stack(regions: &[&str]) -> Stack {
    Stack::new(registered(regions), Resource::AdministratorSettings).await
}

fn properties(over: Value) -> Value {
    let mut properties = json!({
        "ServiceToken": "arn:aws:lambda:eu-west-1:222222222222:function:resource",
        "ServiceTimeout": "3600",
        "Regions": [EU, US],
        "FindingPublishingFrequency": "SIX_HOURS",
        "ResultsBucket": BUCKET,
        "ResultsKeyArn": KEY,
        "KeyPrefix": "macie/",
        "PublishPolicyFindings": "false",
        "PublishClassificationFindings": "true",
        "Version": "0.1.0",
    });
    for (name, value) in over.as_object().unwrap() {
        properties[name] = value.clone();
    }
    properties
}

/// What is set in a Region, as Macie's own clients would see it.
fn settings(stack: &Stack, region: &str) -> Value {
    stack.world(|world| {
        let session = world.macie.session(region, ADMINISTRATOR).unwrap();
        json!({
            "status": session.status,
            "frequency": session.finding_publishing_frequency,
            "autoEnable": world.macie.administrations[region].auto_enable,
            "discovery": session.discovery.enabled,
            "export": session.export,
            "publication": session.publication,
        })
    })
}

fn wanted() -> Value {
    json!({
        "status": "ENABLED",
        "frequency": "SIX_HOURS",
        "autoEnable": false,
        "discovery": false,
        "export": { "s3Destination": {
            "bucketName": BUCKET,
            "expectedBucketOwner": ADMINISTRATOR,
            "keyPrefix": "macie/",
            "kmsKeyArn": KEY,
        } },
        "publication": {
            "publishPolicyFindings": false,
            "publishClassificationFindings": true,
        },
    })
}

#[tokio::test]
async fn every_region_is_set_and_a_replay_writes_nothing() {
    let mut stack = stack(&[EU, US]).await;
    let answer = stack.create(properties(json!({}))).await;
    assert_success(&answer);
    assert_eq!(answer["PhysicalResourceId"], "macie-self-service-settings");
    assert_eq!(
        answer["Data"],
        json!({"set": "eu-west-1,us-east-1", "regions": "2"})
    );
    for region in [EU, US] {
        assert_eq!(settings(&stack, region), wanted(), "{region}");
    }
    let start = stack.calls();
    assert_success(&stack.update(properties(json!({"Version": "0.2.0"}))).await);
    assert_eq!(stack.writes_since(start), Vec::<String>::new());
}

#[tokio::test]
async fn only_what_changed_is_written() {
    let mut stack = stack(&[EU, US]).await;
    stack.create(properties(json!({}))).await;
    let start = stack.calls();
    let changed = json!({"FindingPublishingFrequency": "ONE_HOUR"});
    assert_success(&stack.update(properties(changed)).await);
    assert_eq!(
        stack.writes_since(start),
        ["UpdateMacieSession", "UpdateMacieSession"]
    );
    assert_eq!(settings(&stack, US)["frequency"], "ONE_HOUR");
}

#[tokio::test]
async fn macie_that_is_off_or_suspended_is_turned_on() {
    let mut world = registered(&[EU, US]);
    let scope = |region| macie::Scope::new(region, ADMINISTRATOR);
    world.macie.sessions.remove(&scope(EU));
    world.macie.sessions.get_mut(&scope(US)).unwrap().status = macie::Status::Paused;
    let mut stack = Stack::new(world, Resource::AdministratorSettings).await;
    assert_success(&stack.create(properties(json!({}))).await);
    for region in [EU, US] {
        assert_eq!(settings(&stack, region), wanted(), "{region}");
    }
}

#[tokio::test]
async fn a_region_without_the_designation_fails_by_name_and_the_others_are_set() {
    let mut world = registered(&[EU, US]);
    macie::end_designation(&mut world, ADMINISTRATOR, US).unwrap();
    let mut stack = Stack::new(world, Resource::AdministratorSettings).await;
    let answer = stack.create(properties(json!({}))).await;
    let words = [
        "1 of 2 Regions failed: us-east-1",
        "request id",
        "delegated Macie administrator",
    ];
    assert_failed(&answer, &words);
    assert_eq!(settings(&stack, EU), wanted());
}

#[tokio::test]
async fn a_write_that_fails_keeps_no_other_from_being_tried() {
    let mut stack = stack(&[EU, US]).await;
    let deny = Fault::always("PutClassificationExportConfiguration", Kind::Deny);
    stack.world(|world| world.faults.add(deny));
    let answer = stack.create(properties(json!({}))).await;
    let operation = "PutClassificationExportConfiguration";
    assert_failed(&answer, &["2 of 2", EU, US, operation, "AccessDenied"]);
    let mut expected = wanted();
    expected["export"] = Value::Null;
    assert_eq!(settings(&stack, EU), expected);
}

#[tokio::test]
async fn a_bucket_of_somebody_else_is_refused() {
    let mut world = registered(&[EU, US]);
    let name = "a-name-that-was-free";
    s3::create_bucket(&mut world, &admin(&account(1)), EU, name, &[]).unwrap();
    let mut stack = Stack::new(world, Resource::AdministratorSettings).await;
    let answer = stack
        .create(properties(json!({"ResultsBucket": name})))
        .await;
    assert_failed(&answer, &["2 of 2", name, "another account"]);
    assert_eq!(settings(&stack, EU)["export"], Value::Null);
}

#[tokio::test]
async fn a_disabled_region_is_skipped() {
    let mut stack = stack(&[EU, US]).await;
    stack.world(|world| {
        let account = world.organizations.accounts.get_mut(ADMINISTRATOR).unwrap();
        account.disabled_regions = vec![US.to_owned()];
    });
    let answer = stack.create(properties(json!({}))).await;
    assert_success(&answer);
    assert_eq!(answer["Data"]["skipped"], US);
    assert_eq!(settings(&stack, EU), wanted());
    assert_eq!(settings(&stack, US)["discovery"], true);
}

#[tokio::test]
async fn deleting_leaves_everything_and_says_so() {
    let mut stack = stack(&[EU, US]).await;
    stack.create(properties(json!({}))).await;
    let (start, before) = (stack.calls(), stack.world(|world| state(world)));
    let answer = stack.delete().await;
    assert_success(&answer);
    assert!(
        answer["Reason"]
            .as_str()
            .unwrap()
            .contains("stay as they are")
    );
    assert_eq!(stack.calls(), start);
    assert_eq!(stack.world(|world| state(world)), before);
}

#[tokio::test]
async fn bad_properties_are_refused_by_name() {
    let cases = [
        ("Regions", json!([]), "at least one"),
        ("FindingPublishingFrequency", json!("DAILY"), "SIX_HOURS"),
        ("ResultsBucket", json!(""), "the name of an S3 bucket"),
        ("ResultsBucket", json!("a b"), "the name of an S3 bucket"),
        (
            "ResultsKeyArn",
            json!("alias/macie"),
            "the ARN of a KMS key",
        ),
        (
            "ResultsKeyArn",
            json!("arn:aws:kms:eu-west-1:222222222222:alias/macie"),
            "the ARN of a KMS key",
        ),
        ("KeyPrefix", json!(["macie"]), "a text"),
        ("PublishPolicyFindings", json!("yes"), "`true` or `false`"),
        (
            "PublishClassificationFindings",
            json!(1),
            "`true` or `false`",
        ),
        ("PublishFindings", json!("true"), "none of that name"),
    ];
    let mut stack = stack(&[EU]).await;
    for (name, value, expected) in cases {
        let answer = stack.create(properties(json!({ name: value }))).await;
        assert_failed(&answer, &[&format!("`{name}` is `{value}`"), expected]);
        assert_success(&stack.delete().await);
    }
    assert_eq!(stack.calls(), 0);
}

fn matrix(kind: &'static str, old: Value, look: SignedDuration) -> Matrix {
    let mut world = registered(&[EU, US]);
    let us = macie::Scope::new(US, ADMINISTRATOR);
    world.macie.sessions.remove(&us);
    Matrix {
        world,
        resource: Resource::AdministratorSettings,
        kind,
        properties: properties(json!({})),
        old,
        look,
    }
}

#[tokio::test]
async fn a_creation_survives_every_fault() {
    let matrix = matrix("Create", Value::Null, SignedDuration::ZERO);
    println!("{} faults", matrix.try_all().await);
}

#[tokio::test]
async fn an_update_in_several_runs_survives_every_fault() {
    let old = properties(json!({"KeyPrefix": "before"}));
    let matrix = matrix("Update", old, SignedDuration::from_secs(150));
    println!("{} faults", matrix.try_all().await);
}

#[tokio::test]
async fn ten_regions_take_one_run_or_are_resumed() {
    let regions = [
        EU,
        US,
        "ap-northeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-2",
        "sa-east-1",
        "us-west-2",
    ];
    let mut ends = Vec::new();
    for (look, runs) in [("PT0S", 1..2), ("PT45S", 2..6)] {
        let mut stack = stack(&regions).await;
        stack.slow(duration(look));
        let answer = stack
            .create(properties(json!({ "Regions": regions })))
            .await;
        assert_success(&answer);
        let (made, calls) = (stack.runs, stack.calls());
        println!("{look} a look at the clock: {made} runs, {calls} calls");
        assert!(runs.contains(&made), "{made} runs");
        for region in regions {
            assert_eq!(settings(&stack, region), wanted(), "{region}");
        }
        ends.push(stack.world(|world| state(world)));
    }
    assert_eq!(ends[0], ends[1]);
}
