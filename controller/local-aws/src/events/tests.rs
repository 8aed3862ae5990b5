//! Delivery and the operations, on a world of two accounts.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::{
    clock::Clock,
    iam::Role,
    organizations::Account,
    request::{Body, Caller, role_arn},
    sqs,
};

const TEAM: &str = "300000000001";
const ADMIN: &str = "222222222222";
const REGION: &str = "eu-west-1";

fn world() -> World {
    let mut world = World::new(Clock::Frozen("2026-11-22T00:00:00.5Z".parse().unwrap()));
    world.organizations.id = "o-exampleorg1".to_owned();
    for id in [TEAM, ADMIN, "300000000002"] {
        let account = Account {
            id: id.to_owned(),
            name: "workload".to_owned(),
            email: format!("{id}@example.com"),
            state: "ACTIVE".to_owned(),
            parent: "r-root".to_owned(),
            disabled_regions: Vec::new(),
            tags: [].into(),
        };
        world.organizations.accounts.insert(id.to_owned(), account);
    }
    world
}

fn act(world: &mut World, account: &str, name: &str, input: Value) -> Result<Value, ApiError> {
    let call = Call {
        service: "events",
        region: REGION.to_owned(),
        caller: Caller {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/admin"),
            role: None,
        },
        method: "POST".to_owned(),
        segments: Vec::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        input,
    };
    perform(world, &call, name).map(|reply| match reply.body {
        Body::Json(value) => value,
        _ => Value::Null,
    })
}

/// The administrator's hub, open to the organization, with a queue behind it, and the team's
/// forwarding rule for events of S3.
fn hub(world: &mut World) -> BusId {
    let hub = create_bus(world, ADMIN, REGION, "hub").unwrap();
    let policy = json!({ "Statement": {
        "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": hub.arn(),
        "Condition": {
            "StringEquals": { "aws:PrincipalOrgID": "o-exampleorg1" },
            "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*:role/forwarder" },
        },
    }});
    put_policy(world, &hub, policy).unwrap();
    let queue = sqs::create_queue(world, ADMIN, REGION, "work", &[]).unwrap();
    put_rule(world, &hub, "all", &json!({"source": [{"prefix": "aws."}]})).unwrap();
    put_target(
        world,
        &hub,
        "all",
        Target::new("queue", Destination::Queue(queue)),
    )
    .unwrap();
    forward(world, TEAM, &hub);
    hub
}

/// A role that EventBridge may assume and that may put events.
fn put_forwarding_role(world: &mut World, account: &str) -> String {
    let role = Role {
        trusts: vec!["events.amazonaws.com".to_owned()],
        allows: vec!["events:PutEvents".to_owned()],
        ..Role::default()
    };
    world.iam.put_role(account, "forwarder", role);
    role_arn(account, "forwarder")
}

fn forward(world: &mut World, account: &str, hub: &BusId) {
    let role = put_forwarding_role(world, account);
    let bus = BusId::new(account, REGION, "default");
    put_rule(world, &bus, "forward", &json!({"source": ["aws.s3"]})).unwrap();
    let target = Target::new("hub", Destination::Bus(hub.clone())).role(&role);
    put_target(world, &bus, "forward", target).unwrap();
}

fn emit_s3(world: &mut World) {
    emit(
        world,
        TEAM,
        REGION,
        "aws.s3",
        "AWS API Call via CloudTrail",
        vec![],
        json!({"a": 1}),
    );
}

fn queued(world: &World) -> Vec<Value> {
    let queue = sqs::QueueId::new(ADMIN, REGION, "work");
    sqs::bodies(world, &queue)
        .iter()
        .map(|body| serde_json::from_str(body).unwrap())
        .collect()
}

#[test]
fn an_event_crosses_to_the_hub_and_keeps_its_envelope() {
    let mut world = world();
    let hub = hub(&mut world);
    emit_s3(&mut world);
    let buses: Vec<&BusId> = world.events.seen.iter().map(|seen| &seen.bus).collect();
    assert_eq!(buses, [&BusId::new(TEAM, REGION, "default"), &hub]);
    let events: Vec<&Value> = world.events.seen.iter().map(|seen| &seen.event).collect();
    assert_eq!(events[0], events[1]);
    assert_eq!(queued(&world), [events[0].clone()]);
    assert_eq!(events[0]["account"], TEAM);
    assert_eq!(events[0]["time"], "2026-11-22T00:00:00Z");
    assert_eq!(events[0]["version"], "0");
    assert!(world.events.undelivered.is_empty());
}

#[test]
fn another_region_reaches_the_hub_and_keeps_its_region() {
    let mut world = world();
    let hub = hub(&mut world);
    let bus = BusId::new(TEAM, "us-east-1", "default");
    put_rule(&mut world, &bus, "forward", &json!({"source": ["aws.s3"]})).unwrap();
    let role = format!("arn:aws:iam::{TEAM}:role/forwarder");
    let target = Target::new("hub", Destination::Bus(hub)).role(&role);
    put_target(&mut world, &bus, "forward", target).unwrap();
    emit(
        &mut world,
        TEAM,
        "us-east-1",
        "aws.s3",
        "x",
        vec![],
        json!({}),
    );
    assert_eq!(queued(&world)[0]["region"], "us-east-1");
}

#[test]
fn there_is_no_second_hop() {
    let mut world = world();
    let hub = hub(&mut world);
    let third = create_bus(&mut world, ADMIN, REGION, "third").unwrap();
    let target = Target::new("third", Destination::Bus(third));
    put_target(&mut world, &hub, "all", target).unwrap();
    emit_s3(&mut world);
    assert_eq!(world.events.seen.len(), 2);
    assert_eq!(queued(&world).len(), 1);
    assert!(
        world.events.undelivered[0]
            .reason
            .contains("not forwarded again")
    );
}

#[test]
fn what_is_not_allowed_is_kept_with_the_reason() {
    type Spoil = fn(&mut World, &BusId);
    let cases: [(Spoil, &str); 5] = [
        (
            |world, hub| world.events.buses.get_mut(hub).unwrap().policy = None,
            "resource-based policy",
        ),
        (
            |world, _| world.organizations.id = "o-other".to_owned(),
            "resource-based policy",
        ),
        (
            |world, hub| drop(world.events.buses.remove(hub)),
            "does not exist",
        ),
        (|world, _| world.iam.roles.clear(), "does not exist"),
        (
            |world, _| {
                world
                    .iam
                    .roles
                    .values_mut()
                    .for_each(|role| role.allows.clear())
            },
            "does not allow",
        ),
    ];
    for (spoil, expected) in cases {
        let mut world = world();
        let hub = hub(&mut world);
        spoil(&mut world, &hub);
        emit_s3(&mut world);
        let undelivered = &world.events.undelivered;
        assert_eq!(undelivered.len(), 1, "{expected}");
        assert!(undelivered[0].reason.contains(expected), "{undelivered:?}");
        assert_eq!(queued(&world).len(), 0, "{expected}");
    }
}

#[test]
fn a_failed_delivery_goes_to_the_targets_dead_letter_queue() {
    let mut world = world();
    let hub = hub(&mut world);
    world.events.buses.get_mut(&hub).unwrap().policy = None;
    let letters = sqs::create_queue(&mut world, TEAM, REGION, "letters", &[]).unwrap();
    act(
        &mut world,
        TEAM,
        "PutTargets",
        json!({ "Rule": "forward", "Targets": [{
            "Id": "hub", "Arn": hub.arn(), "RoleArn": format!("arn:aws:iam::{TEAM}:role/forwarder"),
            "DeadLetterConfig": { "Arn": letters.arn() },
        }]}),
    )
    .unwrap();
    emit_s3(&mut world);
    assert_eq!(sqs::bodies(&world, &letters).len(), 1);
}

#[test]
fn a_disabled_rule_does_not_match() {
    let mut world = world();
    hub(&mut world);
    act(&mut world, TEAM, "DisableRule", json!({"Name": "forward"})).unwrap();
    emit_s3(&mut world);
    assert!(queued(&world).is_empty());
    act(&mut world, TEAM, "EnableRule", json!({"Name": "forward"})).unwrap();
    emit_s3(&mut world);
    assert_eq!(queued(&world).len(), 1);
}

#[test]
fn put_events_judges_each_entry_by_itself() {
    let mut world = world();
    let entry =
        |source: &str, detail: &str| json!({"Source": source, "DetailType": "t", "Detail": detail});
    let mut timed = entry("team.app", "{}");
    timed["Time"] = json!(1_700_000_000.9);
    timed["Resources"] = json!(["arn:x"]);
    let mut nowhere = entry("team.app", "{}");
    nowhere["EventBusName"] = json!("missing");
    let entries = json!([
        timed,
        entry("aws.s3", "{}"),
        entry("team.app", "[]"),
        entry("team.app", "{"),
        { "DetailType": "t", "Detail": "{}" },
        nowhere,
    ]);
    let reply = act(&mut world, TEAM, "PutEvents", json!({ "Entries": entries })).unwrap();
    assert_eq!(reply["FailedEntryCount"], 5);
    let codes: Vec<Option<&str>> = reply["Entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["ErrorCode"].as_str())
        .collect();
    assert_eq!(
        codes,
        [
            None,
            Some("NotAuthorizedForSourceException"),
            Some("MalformedDetail"),
            Some("MalformedDetail"),
            Some("InvalidArgument"),
            Some("InvalidArgument"),
        ]
    );
    assert_eq!(world.events.seen.len(), 1);
    let event = &world.events.seen[0].event;
    assert_eq!(event["time"], "2023-11-14T22:13:20Z");
    assert_eq!(event["resources"], json!(["arn:x"]));
    assert_eq!(event["id"], reply["Entries"][0]["EventId"]);
}

#[test]
fn put_events_takes_1_to_10_entries() {
    let mut world = world();
    for count in [0, 11] {
        let entries = vec![json!({"Source": "a", "DetailType": "t", "Detail": "{}"}); count];
        let error = act(&mut world, TEAM, "PutEvents", json!({ "Entries": entries })).unwrap_err();
        assert_eq!(error.code, "ValidationException");
    }
    let large = json!({"Source": "a", "DetailType": "t", "Detail": "x".repeat(256 * 1024)});
    let error = act(&mut world, TEAM, "PutEvents", json!({ "Entries": [large] })).unwrap_err();
    assert!(error.message.contains("Total size"));
}

#[test]
fn another_accounts_bus_needs_its_permission() {
    let mut world = world();
    let hub = create_bus(&mut world, ADMIN, REGION, "hub").unwrap();
    let entries = json!({ "Entries": [
        {"Source": "a", "DetailType": "t", "Detail": "{}", "EventBusName": hub.arn()},
    ]});
    let denied = act(&mut world, TEAM, "PutEvents", entries.clone()).unwrap();
    assert_eq!(denied["Entries"][0]["ErrorCode"], "AccessDeniedException");
    let permission = json!({
        "EventBusName": "hub", "Action": "events:PutEvents", "Principal": TEAM, "StatementId": "team",
    });
    act(&mut world, ADMIN, "PutPermission", permission).unwrap();
    let granted = act(&mut world, TEAM, "PutEvents", entries).unwrap();
    assert_eq!(granted["FailedEntryCount"], 0);
    assert_eq!(world.events.seen[0].bus, hub);
    assert_eq!(world.events.seen[0].event["account"], TEAM);
}

#[test]
fn bad_targets_are_refused() {
    let mut world = world();
    let hub = hub(&mut world);
    let role = format!("arn:aws:iam::{TEAM}:role/forwarder");
    let (away, own) = (hub.arn(), BusId::new(TEAM, REGION, "default").arn());
    for (target, expected) in [
        (json!({"Id": "x", "Arn": away}), "RoleArn is required"),
        (
            json!({"Id": "x", "Arn": away, "RoleArn": role, "Input": "{}"}),
            "another account",
        ),
        (json!({"Id": "x", "Arn": own}), "the rule itself"),
        (
            json!({"Id": "x", "Arn": format!("arn:aws:sqs:{REGION}:{ADMIN}:work")}),
            "own account",
        ),
        (
            json!({"Id": "x", "Arn": "arn:aws:lambda:eu-west-1:1:function:f"}),
            "neither",
        ),
        (
            json!({"Id": "x y", "Arn": away, "RoleArn": role}),
            "targets.id",
        ),
        (json!({"Arn": away}), "missing field `Id`"),
    ] {
        let input = json!({"Rule": "forward", "Targets": [target]});
        let error = act(&mut world, TEAM, "PutTargets", input).unwrap_err();
        assert_eq!(error.code, "ValidationException");
        assert!(error.message.contains(expected), "{}", error.message);
    }
    let many: Vec<Value> = (0..6)
        .map(|n| json!({"Id": n.to_string(), "Arn": away, "RoleArn": role}))
        .collect();
    let error = act(
        &mut world,
        TEAM,
        "PutTargets",
        json!({"Rule": "forward", "Targets": many}),
    );
    assert_eq!(error.unwrap_err().code, "LimitExceededException");
}

#[test]
fn rules_live_and_die() {
    let mut world = world();
    let pattern = json!({"source": ["a"]}).to_string();
    for name in ["a1", "a2", "b"] {
        act(
            &mut world,
            TEAM,
            "PutRule",
            json!({"Name": name, "EventPattern": pattern}),
        )
        .unwrap();
    }
    let first = act(
        &mut world,
        TEAM,
        "ListRules",
        json!({"NamePrefix": "a", "Limit": 1}),
    )
    .unwrap();
    assert_eq!(first["Rules"][0]["Name"], "a1");
    let token = &first["NextToken"];
    let rest = act(
        &mut world,
        TEAM,
        "ListRules",
        json!({"NamePrefix": "a", "NextToken": token}),
    );
    assert_eq!(rest.as_ref().unwrap()["Rules"].as_array().unwrap().len(), 1);
    assert!(rest.unwrap().get("NextToken").is_none());
    let queue = sqs::create_queue(&mut world, TEAM, REGION, "q", &[]).unwrap();
    let target = json!({"Rule": "b", "Targets": [{"Id": "q", "Arn": queue.arn()}]});
    act(&mut world, TEAM, "PutTargets", target).unwrap();
    let again = json!({"Name": "b", "EventPattern": pattern, "State": "DISABLED"});
    act(&mut world, TEAM, "PutRule", again).unwrap();
    let listed = act(&mut world, TEAM, "ListTargetsByRule", json!({"Rule": "b"})).unwrap();
    assert_eq!(listed["Targets"], json!([{"Id": "q", "Arn": queue.arn()}]));
    let error = act(&mut world, TEAM, "DeleteRule", json!({"Name": "b"})).unwrap_err();
    assert!(error.message.contains("has targets"));
    act(
        &mut world,
        TEAM,
        "RemoveTargets",
        json!({"Rule": "b", "Ids": ["q"]}),
    )
    .unwrap();
    act(&mut world, TEAM, "DeleteRule", json!({"Name": "b"})).unwrap();
    let error = act(&mut world, TEAM, "DescribeRule", json!({"Name": "b"})).unwrap_err();
    assert_eq!(error.code, "ResourceNotFoundException");
}

#[test]
fn bad_rules_and_buses_are_refused() {
    let mut world = world();
    create_bus(&mut world, TEAM, REGION, "mine").unwrap();
    let foreign = BusId::new(ADMIN, REGION, "default").arn();
    for (name, input, code) in [
        ("PutRule", json!({"Name": "r"}), "ValidationException"),
        (
            "PutRule",
            json!({"EventPattern": "{}"}),
            "ValidationException",
        ),
        (
            "PutRule",
            json!({"Name": "r", "EventPattern": "{}"}),
            "InvalidEventPatternException",
        ),
        (
            "PutRule",
            json!({"Name": "r", "ScheduleExpression": "rate(1 day)"}),
            "ValidationException",
        ),
        (
            "PutRule",
            json!({"Name": "r r", "EventPattern": "{\"a\":[1]}"}),
            "ValidationException",
        ),
        (
            "PutRule",
            json!({"Name": "r", "EventPattern": "{\"a\":[1]}", "EventBusName": "none"}),
            "ResourceNotFoundException",
        ),
        (
            "DescribeEventBus",
            json!({ "Name": foreign }),
            "ValidationException",
        ),
        (
            "CreateEventBus",
            json!({"Name": "mine"}),
            "ResourceAlreadyExistsException",
        ),
        (
            "CreateEventBus",
            json!({"Name": "default"}),
            "ResourceAlreadyExistsException",
        ),
        (
            "CreateEventBus",
            json!({"Name": "a/b"}),
            "ValidationException",
        ),
        (
            "PutPermission",
            json!({"Policy": "{"}),
            "ValidationException",
        ),
        (
            "PutPermission",
            json!({"Principal": "12"}),
            "ValidationException",
        ),
        ("ListRules", json!({"Limit": 101}), "ValidationException"),
        (
            "TestEventPattern",
            json!({"EventPattern": "{\"a\":[1]}", "Event": "{}"}),
            "ValidationException",
        ),
    ] {
        let error = act(&mut world, TEAM, name, input.clone()).unwrap_err();
        assert_eq!(error.code, code, "{name} {input}: {error}");
    }
}

#[test]
fn permissions_are_replaced_by_statement_id() {
    let mut world = world();
    for principal in [ADMIN, "*"] {
        let permission = json!({
            "Action": "events:PutEvents", "Principal": principal, "StatementId": "one",
            "Condition": {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-exampleorg1"},
        });
        act(&mut world, TEAM, "PutPermission", permission).unwrap();
    }
    let bus = act(&mut world, TEAM, "DescribeEventBus", json!({})).unwrap();
    let policy: Value = serde_json::from_str(bus["Policy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(policy["Statement"][0]["Principal"], "*");
    assert_eq!(bus["Name"], "default");
    let created = bus["CreationTime"].as_i64().unwrap();
    assert_eq!(
        Timestamp::from_second(created).unwrap().to_string(),
        "2026-11-22T00:00:00Z"
    );
}

#[test]
fn a_pattern_can_be_tested_without_a_rule() {
    let mut world = world();
    let event = json!({
        "id": "1", "account": TEAM, "source": "aws.s3", "time": "2026-11-22T00:00:00Z",
        "region": REGION, "resources": [], "detail-type": "t", "detail": {},
    });
    for (source, expected) in [("aws.s3", true), ("aws.tag", false)] {
        let pattern = json!({"source": [source]}).to_string();
        let input = json!({"EventPattern": pattern, "Event": event.to_string()});
        let reply = act(&mut world, TEAM, "TestEventPattern", input).unwrap();
        assert_eq!(reply["Result"], expected);
    }
}

#[test]
fn only_the_latest_events_are_remembered() {
    let mut world = world();
    for n in 0..REMEMBERED + 5 {
        emit(
            &mut world,
            TEAM,
            REGION,
            "aws.s3",
            "t",
            vec![],
            json!({ "n": n }),
        );
    }
    assert_eq!(world.events.seen.len(), REMEMBERED);
    assert_eq!(world.events.seen[0].event["detail"]["n"], 5);
}
