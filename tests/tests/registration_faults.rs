//! Faults in the registration, and requests that are longer than one run of the function.

use controller_tests::{
    EU, US,
    custom_resource::{
        Stack,
        faults::Matrix,
        state::{organization, state, unregistered},
    },
    scenario::{account, duration},
};
use custom_resources::frame::Resource;
use jiff::SignedDuration;
use local_aws::{World, macie, organization::ADMINISTRATOR};
use serde_json::{Value, json};

const MANY: [&str; 10] = [
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

fn properties(administrator: &str, regions: &[&str], move_from: &str) -> Value {
    json!({
        "AdministratorAccountId": administrator,
        "Regions": regions,
        "MoveFrom": move_from,
        "OnDelete": "Remove",
    })
}

fn matrix(world: World, kind: &'static str, properties: Value, old: Value) -> Matrix {
    Matrix {
        world,
        resource: Resource::Registration,
        kind,
        properties,
        old,
        look: SignedDuration::ZERO,
    }
}

/// Two Regions with a member in each.
fn registered() -> World {
    let mut world = organization(2, &[EU, US]);
    for region in [EU, US] {
        macie::create_member(&mut world, region, &account(2), macie::Tags::new()).unwrap();
    }
    world.advance(duration("PT5M"));
    world
}

#[tokio::test]
async fn a_creation_survives_every_fault() {
    let wanted = properties(ADMINISTRATOR, &[EU, US], "");
    let world = unregistered(organization(2, &[EU, US]));
    let tried = matrix(world, "Create", wanted, Value::Null).try_all().await;
    println!("{tried} faults");
}

#[tokio::test]
async fn a_move_survives_every_fault() {
    let old = properties(ADMINISTRATOR, &[EU, US], "");
    let new = properties(&account(1), &[EU, US], ADMINISTRATOR);
    let mut world = registered();
    world.switches.disabling_deregisters = false;
    let tried = matrix(world, "Update", new, old).try_all().await;
    println!("{tried} faults");
}

#[tokio::test]
async fn a_removal_survives_every_fault() {
    let old = properties(ADMINISTRATOR, &[EU, US], "");
    let tried = matrix(registered(), "Delete", old.clone(), old)
        .try_all()
        .await;
    println!("{tried} faults");
}

#[tokio::test]
async fn a_creation_in_several_runs_survives_every_fault() {
    let wanted = properties(ADMINISTRATOR, &[EU, US], "");
    let world = unregistered(organization(2, &[EU, US]));
    let slow = Matrix {
        look: SignedDuration::from_secs(90),
        ..matrix(world, "Create", wanted, Value::Null)
    };
    let tried = slow.try_all().await;
    println!("{tried} faults");
}

#[tokio::test]
async fn a_hundred_accounts_in_ten_regions_take_one_run_or_are_resumed() {
    let wanted = properties(ADMINISTRATOR, &MANY, "");
    let mut ends = Vec::new();
    for (look, runs) in [("PT0S", 1..2), ("PT25S", 2..6)] {
        let world = unregistered(organization(100, &MANY));
        let mut stack = Stack::new(world, Resource::Registration).await;
        stack.slow(duration(look));
        let answer = stack.create(wanted.clone()).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer:#}");
        let (made, calls) = (stack.runs, stack.calls());
        println!("{look} a look at the clock: {made} runs, {calls} calls");
        assert!(runs.contains(&made), "{made} runs");
        ends.push(stack.world(|world| state(world)));
    }
    assert_eq!(ends[0], ends[1]);
    assert_eq!(
        ends[0]
            .iter()
            .filter(|line| line.contains("members"))
            .count(),
        10
    );
}

#[tokio::test]
async fn what_never_ends_is_answered_with_what_is_left() {
    let world = unregistered(organization(2, &MANY));
    let mut stack = Stack::new(world, Resource::Registration).await;
    stack.slow(duration("PT20M"));
    let answer = stack.create(properties(ADMINISTRATOR, &MANY, "")).await;
    assert_eq!(answer["Status"], "FAILED");
    let reason = answer["Reason"].as_str().unwrap();
    assert!(
        reason.contains("5 runs") && reason.contains("left: "),
        "{reason}"
    );
    assert_eq!(stack.runs, 5);
}
