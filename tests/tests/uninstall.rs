//! `maciectl uninstall`: where everything stands afterwards, and what it must not touch.

use controller::lambda;
use controller_tests::{EU, Scenario, US, scenario::account};
use local_aws::{
    World,
    faults::{Fault, Kind},
    organization::{ADMINISTRATOR, CONTROLLER_ROLE, ORGANIZATION, SWEEP_QUEUE},
    sqs::{self, QueueId},
};
use maciectl::{
    args::{Cli, Command, Parser, UninstallArgs},
    commands::uninstall::{Outcome, uninstall},
    exit::Exit,
};

const FOREIGN_JOB: &str = "quarterly scan";
const SUSPEND: [&str; 5] = ["--apply", "--members", "suspend", "--confirm", ORGANIZATION];

fn args(arguments: &[&str]) -> UninstallArgs {
    let words = ["maciectl", "uninstall"].iter().chain(arguments);
    match Cli::try_parse_from(words).unwrap().command {
        Command::Uninstall(args) => args,
        other => panic!("{other:?}"),
    }
}

async fn run(scenario: &Scenario, arguments: &[&str]) -> Result<Outcome, String> {
    let runtime = scenario.operator().await;
    let outcome = uninstall(&runtime, None, &args(arguments)).await;
    outcome.map_err(|error| error.to_string())
}

fn reserve(world: &mut World, executions: Option<u32>) {
    let key = [ADMINISTRATOR, EU, CONTROLLER_ROLE].map(str::to_owned);
    let function = world.functions.functions.get_mut(&key.into()).unwrap();
    function.reserved = executions;
}

/// The sweep works its queue off; nobody works off the controller's.
async fn sweep_alone(scenario: &Scenario) {
    let id = QueueId::new(ADMINISTRATOR, EU, SWEEP_QUEUE);
    loop {
        let bodies = scenario.world(|world| {
            let bodies = sqs::bodies(world, &id);
            world.sqs.queues.get_mut(&id).unwrap().messages.clear();
            bodies
        });
        if bodies.is_empty() {
            return;
        }
        for body in bodies {
            let handled = lambda::handle(&scenario.sandbox.sweeper, &body, None).await;
            assert!(handled.poison.is_empty(), "{handled:#?}");
        }
    }
}

/// Account 1 is enrolled in both Regions, account 2 is somebody else's member with somebody else's
/// job. The monitor is off: a person suspends what is opted in.
async fn organization() -> Scenario {
    let mut scenario = Scenario::enrolled().await;
    scenario.unmonitored();
    scenario.opted_in_bucket(1, US, "bills");
    scenario.run_well().await;
    scenario.turn("P1D");
    scenario.enrol_by_hand(2, EU);
    scenario.world(|world| {
        let daily = world.macie.jobs_of(EU, ADMINISTRATOR).next().unwrap();
        let mut job = daily.clone();
        FOREIGN_JOB.clone_into(&mut job.definition.name);
        "00000000000000000000000000000001".clone_into(&mut job.id);
        world.macie.jobs.push(job);
    });
    scenario
}

async fn stopped() -> Scenario {
    let scenario = organization().await;
    scenario.world(|world| reserve(world, Some(0)));
    scenario
}

fn states(scenario: &Scenario) -> [String; 3] {
    [scenario.at(1, EU), scenario.at(1, US), scenario.at(2, EU)]
}

fn foreign_job(scenario: &Scenario) -> String {
    scenario.world(|world| {
        let mut jobs = world.macie.jobs_of(EU, ADMINISTRATOR);
        let job = jobs.find(|job| job.definition.name == FOREIGN_JOB);
        format!("{:?}", job.unwrap().status)
    })
}

const BEFORE: [&str; 3] = [
    "Enabled | daily | orders: old.csv",
    "Enabled | daily | bills: old.csv",
    "Enabled |  | ",
];
const KEPT: [&str; 3] = [
    "Enabled |  | orders: old.csv",
    "Enabled |  | bills: old.csv",
    "Enabled |  | ",
];
const SUSPENDED: [&str; 3] = [
    "Paused |  | orders: old.csv",
    "Paused |  | bills: old.csv",
    "Enabled |  | ",
];

#[tokio::test]
async fn a_plan_writes_nothing_even_while_the_controller_runs() {
    let scenario = organization().await;
    let start = scenario.calls().len();
    let outcome = run(&scenario, &["--plan", "--members", "suspend"])
        .await
        .unwrap();
    assert_eq!(outcome.done.len(), 4, "{outcome:#?}");
    assert_eq!(outcome.exit(), Exit::Success);
    assert!(scenario.writes_since(start).is_empty());
    assert_eq!(states(&scenario), BEFORE);
}

#[tokio::test]
async fn a_controller_that_runs_or_cannot_be_asked_for_is_refused() {
    let scenario = organization().await;
    let start = scenario.calls().len();
    for executions in [None, Some(1)] {
        scenario.world(|world| reserve(world, executions));
        let refused = run(&scenario, &["--apply", "--controller-stopped"])
            .await
            .unwrap_err();
        assert!(
            refused.contains("--reserved-concurrent-executions 0"),
            "{refused}"
        );
    }
    scenario.break_always("GetFunctionConcurrency", Kind::Deny);
    let refused = run(&scenario, &["--apply"]).await.unwrap_err();
    assert!(refused.contains("--controller-stopped"), "{refused}");
    assert!(scenario.writes_since(start).is_empty());
    let outcome = run(&scenario, &["--apply", "--controller-stopped"])
        .await
        .unwrap();
    assert_eq!(outcome.exit(), Exit::Success);
    assert_eq!(states(&scenario), KEPT);
}

/// The sweep may go on: it hands over to a controller that is stopped, so nothing is created again.
#[tokio::test]
async fn a_sweep_that_runs_creates_nothing_again() {
    let scenario = stopped().await;
    let outcome = run(&scenario, &["--apply"]).await.unwrap();
    assert_eq!(outcome.exit(), Exit::Success);
    assert_eq!(states(&scenario), KEPT);
    let start = scenario.calls().len();
    scenario.sandbox.sweep().unwrap();
    sweep_alone(&scenario).await;
    assert!(scenario.writes_since(start).is_empty());
    assert_eq!(states(&scenario), KEPT);
    // The account whose jobs are gone waits for a controller.
    let handed_over = scenario.waiting_messages().join("\n");
    assert!(handed_over.contains(&account(1)), "{handed_over}");
}

#[tokio::test]
async fn own_jobs_are_cancelled_and_nothing_else() {
    let scenario = stopped().await;
    let start = scenario.calls().len();
    let outcome = run(&scenario, &["--apply"]).await.unwrap();
    assert_eq!(outcome.exit(), Exit::Success);
    assert_eq!(states(&scenario), KEPT);
    assert_eq!(foreign_job(&scenario), "Idle");
    let writes = scenario.writes_since(start);
    assert_eq!(writes, ["macie2:UpdateClassificationJob"; 2]);
    let start = scenario.calls().len();
    let again = run(&scenario, &["--apply"]).await.unwrap();
    assert!(again.done.is_empty(), "{again:#?}");
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn members_are_suspended_only_with_the_organizations_id() {
    let scenario = stopped().await;
    let start = scenario.calls().len();
    for (arguments, expected) in [
        (&SUSPEND[..3], ORGANIZATION),
        (
            &["--apply", "--members", "suspend", "--confirm", "o-other"],
            "o-other",
        ),
    ] {
        let refused = run(&scenario, arguments).await.unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
    assert!(scenario.writes_since(start).is_empty());
    let outcome = run(&scenario, &SUSPEND).await.unwrap();
    assert_eq!(outcome.exit(), Exit::Success);
    assert_eq!(states(&scenario), SUSPENDED);
    assert_eq!(foreign_job(&scenario), "Idle");
}

#[tokio::test]
async fn what_remains_is_listed_with_how_to_remove_it() {
    let scenario = stopped().await;
    let kept = run(&scenario, &["--apply"]).await.unwrap();
    let text = format!("{:?}", kept.remains);
    for expected in [
        "1 members of eu-west-1 stay enabled",
        "--members suspend",
        "member/MEMBER --tag-keys managed-by macie-self-service:enrolled-at",
        "delete-stack --stack-name macie-self-service-costs ",
        "delete-stack --stack-name macie-self-service ",
        "macie-self-service-results-222222222222-eu-west-1",
        "macie-self-service-registration",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let suspended = run(&scenario, &SUSPEND).await.unwrap();
    assert!(!format!("{:?}", suspended.remains).contains("stay enabled"));
}

/// Every fault at every write: the others are done, and one more run ends where the fault-free one
/// does.
#[tokio::test]
async fn a_fault_stops_nothing_else_and_is_made_up_for() {
    let good = stopped().await;
    for operation in ["UpdateClassificationJob", "UpdateMemberSession"] {
        for (kind, exit) in [
            (Kind::Throttle, Exit::Partial),
            (Kind::Deny, Exit::Partial),
            (Kind::ServerError, Exit::Partial),
            (Kind::LoseRequest, Exit::Partial),
            (Kind::LoseReply, Exit::Success),
        ] {
            let scenario = good.fork().await;
            scenario.unmonitored();
            scenario.fault(Fault::always(operation, kind.clone()).once());
            let outcome = run(&scenario, &SUSPEND).await.unwrap();
            assert_eq!(outcome.exit(), exit, "{operation} {kind:?}: {outcome:#?}");
            assert_eq!(outcome.done.len(), 4);
            let again = run(&scenario, &SUSPEND).await.unwrap();
            assert_eq!(again.exit(), Exit::Success);
            assert_eq!(states(&scenario), SUSPENDED, "{operation} {kind:?}");
            assert_eq!(foreign_job(&scenario), "Idle");
        }
    }
}

#[tokio::test]
async fn a_region_that_cannot_be_read_does_not_stop_the_other() {
    let scenario = stopped().await;
    scenario.fault(Fault::always("ListClassificationJobs", Kind::Deny).once());
    let outcome = run(&scenario, &["--apply"]).await.unwrap();
    assert_eq!(outcome.exit(), Exit::Partial);
    assert_eq!(outcome.unread.len(), 1, "{outcome:#?}");
    let cancelled = states(&scenario)
        .iter()
        .zip(KEPT)
        .filter(|(at, kept)| at == kept)
        .count();
    assert_eq!(cancelled, 2, "account 2 and one Region of account 1");
    run(&scenario, &["--apply"]).await.unwrap();
    assert_eq!(states(&scenario), KEPT);
    assert!(
        scenario
            .violations()
            .iter()
            .all(|line| line.contains(&account(2)))
    );
}
