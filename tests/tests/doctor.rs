//! `maciectl doctor`: a healthy organization passes; spoil one thing and exactly its line turns.

use controller::{
    aws::Tuning,
    clock::Clock,
    config::{Endpoint, Runtime, Settings},
};
use controller_tests::{EU, Scenario, Setup, US, scenario::account};
use local_aws::{
    World,
    cloudtrail::Trail,
    events::BusId,
    faults::{Fault, Kind},
    iam,
    macie::{self, Status as Macie},
    organization::{
        self, ADMINISTRATOR, BUS, CONTROLLER_ROLE, DEAD_LETTERS, MACIE, MEMBER_ROLE, OPERATOR_ROLE,
        QUEUE, STACK_SET, SWEEP_QUEUE, SWEEPER_ROLE,
    },
    sqs::{self, QueueId},
};
use maciectl::commands::doctor::{CallAs, Line, StackSets, Status, examine};
use serde_json::json;

/// Every line of a healthy organization of two workload accounts, in order.
const HEALTHY: &str = "\
pass policy eu-west-1
pass administrator 222222222222
pass trusted-access o-exampleorg1
pass prices eu-west-1
pass macie eu-west-1
pass designation eu-west-1
pass auto-enable eu-west-1
pass automated-discovery eu-west-1
pass results eu-west-1
pass resumed-members eu-west-1
pass macie us-east-1
pass designation us-east-1
pass auto-enable us-east-1
pass automated-discovery us-east-1
pass results us-east-1
pass resumed-members us-east-1
pass results-bucket macie-self-service-results-222222222222-eu-west-1
pass bus-policy eu-west-1
pass bus-rule eu-west-1
pass queue macie-self-service
pass queue macie-self-service-sweep
pass dead-letters eu-west-1
pass function macie-self-service-controller
pass function-version macie-self-service-controller
pass function-variables macie-self-service-controller
pass reserved-concurrency macie-self-service-controller
pass function macie-self-service-sweeper
pass function-version macie-self-service-sweeper
pass function-variables macie-self-service-sweeper
pass reserved-concurrency macie-self-service-sweeper
pass concurrency-quota eu-west-1
skipped schedule eu-west-1
pass trail eu-west-1
pass member-role 3 accounts
pass forwarders-version eu-west-1
pass forwarders 6 places
pass other-stack-sets eu-west-1";

async fn healthy() -> Scenario {
    let scenario = Setup::new(2).start().await;
    scenario.world(|world| organization::add_results(world, EU).unwrap());
    scenario
}

async fn lines(scenario: &Scenario) -> Vec<Line> {
    let operator = iam::role_key(ADMINISTRATOR, OPERATOR_ROLE);
    let runtime = runtime_of(scenario, operator).await;
    let stack_sets = stack_sets(&runtime);
    // On the heap: a test has a small stack, and may look more than once.
    Box::pin(examine(&runtime, None, &stack_sets)).await
}

fn stack_sets(runtime: &Runtime) -> StackSets {
    let home = runtime.controller.aws.in_region(&EU.parse().unwrap());
    StackSets::new(&home, CallAs::DelegatedAdmin)
}

/// Somebody's `maciectl`.
async fn runtime_of(scenario: &Scenario, access_key_id: String) -> Runtime {
    let settings = Settings {
        policy: Some(scenario.policy_text().to_owned()),
        region: Some(EU.to_owned()),
        endpoint: Some(Endpoint {
            url: scenario.sandbox.local.endpoint(),
            access_key_id,
            secret_access_key: iam::SECRET.to_owned(),
            http_client: None,
        }),
        ..Settings::default()
    };
    let world = scenario.sandbox.local.world().clone();
    let clock = Clock::new(move || world.lock().now());
    let tuning = Tuning {
        attempts: 1,
        ..Tuning::default()
    };
    Runtime::as_caller(&settings, clock, &tuning).await.unwrap()
}

fn shown(lines: &[Line]) -> Vec<String> {
    let shown = |line: &Line| format!("{} {} {}", line.status.word(), line.check, line.subject);
    lines.iter().map(shown).collect()
}

/// The lines that differ from the healthy ones.
async fn turned(scenario: &Scenario) -> Vec<String> {
    let lines = lines(scenario).await;
    for line in &lines {
        let needs_fix = line.status != Status::Pass;
        assert_eq!(line.fix.is_some(), needs_fix, "{line:#?}");
    }
    let mut shown = shown(&lines);
    shown.retain(|line| !HEALTHY.lines().any(|healthy| healthy == line));
    shown
}

#[tokio::test]
async fn a_healthy_organization_passes() {
    let scenario = healthy().await;
    let start = scenario.calls().len();
    let lines = lines(&scenario).await;
    assert_eq!(shown(&lines).join("\n"), HEALTHY, "{lines:#?}");
    assert!(scenario.writes_since(start).is_empty());
}

type Spoil = fn(&mut World);

fn queue(name: &str) -> QueueId {
    QueueId::new(ADMINISTRATOR, EU, name)
}

fn bus() -> BusId {
    BusId::new(ADMINISTRATOR, EU, BUS)
}

/// A function has the name of its role.
fn function_of<'w>(
    world: &'w mut World,
    role: &str,
) -> &'w mut local_aws::lambda::settings::Function {
    let key = [ADMINISTRATOR, EU, role].map(str::to_owned);
    world.functions.functions.get_mut(&key.into()).unwrap()
}

fn function(world: &mut World) -> &mut local_aws::lambda::settings::Function {
    function_of(world, CONTROLLER_ROLE)
}

fn sweeper(world: &mut World) -> &mut local_aws::lambda::settings::Function {
    function_of(world, SWEEPER_ROLE)
}

fn trail(world: &mut World) -> &mut Trail {
    world.cloudtrail.trails.first_mut().unwrap()
}

fn instance<'w>(world: &'w mut World, account: &str, region: &str) -> &'w mut String {
    let set = world.cloudformation.stack_sets.get_mut(STACK_SET).unwrap();
    let place = (account.to_owned(), region.to_owned());
    set.instances.get_mut(&place).unwrap()
}

/// A member of the controller that is marked as opted out since long, and is on.
fn resumed_by_somebody(world: &mut World) {
    let id = account(1);
    let since = world.now().to_string();
    let tags = [
        ("managed-by", "macie-self-service"),
        ("macie-self-service:opted-out-since", &since),
    ];
    let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned()));
    macie::create_member(world, EU, &id, tags.into()).unwrap();
    world.advance(jiff::SignedDuration::from_hours(25));
    macie::update_member_session(world, EU, &id, Macie::Paused).unwrap();
    world.advance(jiff::SignedDuration::from_hours(1));
    macie::update_member_session(world, EU, &id, Macie::Enabled).unwrap();
}

#[rustfmt::skip]
const SPOILED: &[(&str, Spoil)] = &[
    ("fail trusted-access o-exampleorg1", |world| {
        world.organizations.trusted_services.retain(|service| service != MACIE);
    }),
    ("fail auto-enable us-east-1", |world| {
        world.macie.administrations.get_mut(US).unwrap().auto_enable = true;
    }),
    ("fail results us-east-1", |world| {
        let scope = macie::Scope::new(US, ADMINISTRATOR);
        world.macie.sessions.get_mut(&scope).unwrap().export = None;
    }),
    ("fail results-bucket macie-self-service-results-222222222222-eu-west-1", |world| {
        world.s3.buckets.remove(&organization::results_bucket(EU));
    }),
    ("warn resumed-members 300000000001 eu-west-1", resumed_by_somebody),
    ("fail bus-policy eu-west-1", |world| {
        let open = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*" }] });
        local_aws::events::put_policy(world, &bus(), open).unwrap();
    }),
    ("fail bus-policy eu-west-1", |world| {
        world.events.buses.get_mut(&bus()).unwrap().policy = None;
    }),
    ("fail queue macie-self-service", |world| {
        let queue = world.sqs.queues.get_mut(&queue(QUEUE)).unwrap();
        queue.attributes.remove("RedrivePolicy");
        queue.redrive = None;
    }),
    ("fail queue macie-self-service-sweep", |world| {
        let queue = world.sqs.queues.get_mut(&queue(SWEEP_QUEUE)).unwrap();
        queue.attributes.remove("RedrivePolicy");
        queue.redrive = None;
    }),
    ("warn dead-letters eu-west-1", |world| {
        sqs::send(world, &queue(DEAD_LETTERS), "poison".to_owned()).unwrap();
    }),
    ("fail dead-letters eu-west-1", |world| {
        world.sqs.queues.remove(&queue(DEAD_LETTERS));
    }),
    ("fail function macie-self-service-controller", |world| function(world).timeout = 121),
    ("fail function macie-self-service-sweeper", |world| sweeper(world).timeout = 301),
    ("warn function-version macie-self-service-controller", |world| {
        "Macie self-service controller 0.0.9".clone_into(&mut function(world).description);
    }),
    ("warn function-version macie-self-service-controller", |world| function(world).description.clear()),
    ("warn function-version macie-self-service-sweeper", |world| {
        "Macie self-service sweep 0.0.9".clone_into(&mut sweeper(world).description);
    }),
    ("fail function-variables macie-self-service-controller", |world| {
        function(world).environment.remove("MACIECTL_EVENT_BUS");
    }),
    ("fail function-variables macie-self-service-sweeper", |world| {
        sweeper(world).environment.remove("MACIECTL_SWEEP_QUEUE_URL");
    }),
    ("fail function-variables macie-self-service-sweeper", |world| {
        let variables = &mut sweeper(world).environment;
        let own = variables["MACIECTL_SWEEP_QUEUE_URL"].clone();
        variables.insert("MACIECTL_QUEUE_URL".to_owned(), own);
    }),
    ("fail reserved-concurrency macie-self-service-controller", |world| function(world).reserved = Some(0)),
    ("fail reserved-concurrency macie-self-service-controller", |world| function(world).reserved = Some(2)),
    ("fail reserved-concurrency macie-self-service-controller", |world| function(world).reserved = None),
    ("fail reserved-concurrency macie-self-service-sweeper", |world| sweeper(world).reserved = Some(0)),
    ("fail reserved-concurrency macie-self-service-sweeper", |world| sweeper(world).reserved = None),
    ("fail trail eu-west-1", |world| world.switches.trail = false),
    ("fail trail eu-west-1", |world| world.cloudtrail.trails.clear()),
    ("fail trail eu-west-1", |world| {
        trail(world).selectors = json!({ "EventSelectors": [{ "ReadWriteType": "ReadOnly", "IncludeManagementEvents": true }] });
    }),
    ("fail trail eu-west-1", |world| {
        trail(world).selectors = json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [
            { "Field": "eventCategory", "Equals": ["Management"] }, { "Field": "readOnly", "Equals": ["true"] },
        ]}]});
    }),
    ("warn trail eu-west-1", |world| {
        let trail = trail(world);
        ADMINISTRATOR.clone_into(&mut trail.account);
        trail.is_organization = false;
    }),
    ("warn trail eu-west-1", |world| trail(world).is_multi_region = false),
    ("fail member-role 300000000002", |world| {
        world.iam.roles.remove(&(account(2), MEMBER_ROLE.to_owned()));
    }),
    ("warn forwarders-version eu-west-1", |world| {
        let set = world.cloudformation.stack_sets.get_mut(STACK_SET).unwrap();
        set.parameters.insert("Version".to_owned(), "0.0.9".to_owned());
    }),
    ("warn forwarders 300000000001 us-east-1", |world| {
        "OUTDATED".clone_into(instance(world, &account(1), US));
    }),
    ("fail forwarders 300000000001 us-east-1", |world| {
        "INOPERABLE".clone_into(instance(world, &account(1), US));
    }),
    ("fail forwarders 300000000002", |world| {
        let set = world.cloudformation.stack_sets.get_mut(STACK_SET).unwrap();
        set.instances.remove(&(account(2), EU.to_owned()));
    }),
    ("warn other-stack-sets eu-west-1", |world| {
        let other = world.cloudformation.stack_sets[STACK_SET].clone();
        world.cloudformation.stack_sets.insert("sra-macie-org-main".to_owned(), other);
    }),
    ("fail macie eu-west-1", |world| {
        let scope = macie::Scope::new(EU, ADMINISTRATOR);
        world.macie.sessions.get_mut(&scope).unwrap().status = Macie::Paused;
    }),
];

#[tokio::test]
async fn each_spoiled_thing_turns_its_line_and_no_other() {
    let good = healthy().await;
    for (number, (expected, spoil)) in SPOILED.iter().enumerate() {
        let scenario = good.fork().await;
        scenario.unmonitored();
        scenario.world(spoil);
        let turned: Vec<String> = turned(&scenario)
            .await
            .into_iter()
            // How many are well changes with what is not.
            .filter(|line| !line.starts_with("pass "))
            .collect();
        assert_eq!(turned, [*expected], "number {number}");
    }
}

/// Macie denies its settings to those who are not designated, and to those whose role lacks the
/// permission, in the same words.
#[tokio::test]
async fn a_region_that_is_not_designated_may_be_one_that_cannot_be_read() {
    let scenario = healthy().await;
    scenario.unmonitored();
    scenario.world(|world| macie::end_designation(world, ADMINISTRATOR, US).unwrap());
    let lines = lines(&scenario).await;
    let line = lines
        .iter()
        .find(|line| line.check == "designation" && line.subject == US)
        .unwrap();
    assert_eq!(line.status, Status::Warn);
    assert!(line.message.contains("not designated"), "{line:?}");
    assert!(
        line.fix
            .as_ref()
            .unwrap()
            .contains("management-account.yaml")
    );
}

#[tokio::test]
async fn macie_that_is_off_is_told_once() {
    let scenario = healthy().await;
    scenario.unmonitored();
    scenario.world(|world| {
        macie::end_designation(world, ADMINISTRATOR, US).unwrap();
        world
            .macie
            .sessions
            .remove(&macie::Scope::new(US, ADMINISTRATOR));
    });
    let expected = ["fail macie us-east-1", "fail designation us-east-1"];
    assert_eq!(turned(&scenario).await, expected);
}

#[tokio::test]
async fn a_region_without_a_price_is_told() {
    let without = Setup::new(2).policy(json!({ "prices": null }));
    let scenario = without.policy(json!({ "prices": {} })).start().await;
    // US East's are in the bundled list.
    let lines = lines(&scenario).await;
    let told = lines.iter().find(|line| line.check == "prices").unwrap();
    assert_eq!(told.status, Status::Warn);
    assert!(told.message.ends_with(" in eu-west-1"), "{told:?}");
}

#[tokio::test]
async fn an_account_with_few_executions_is_told_before_the_installation() {
    let scenario = healthy().await;
    scenario.world(|world| {
        world.functions.functions.clear();
        world.functions.concurrency = 10;
    });
    let expected = [
        "fail function macie-self-service-controller",
        "fail reserved-concurrency macie-self-service-controller",
        "fail function macie-self-service-sweeper",
        "fail reserved-concurrency macie-self-service-sweeper",
        "fail concurrency-quota eu-west-1",
    ];
    assert_eq!(turned(&scenario).await, expected);
    // Lambda keeps 100, and there are two functions.
    for (executions, is_enough) in [(101, false), (102, true)] {
        scenario.world(|world| world.functions.concurrency = executions);
        let told = turned(&scenario).await;
        let fails = told.contains(&expected[4].to_owned());
        assert_eq!(!fails, is_enough, "{executions}");
    }
}

/// A line of the sweep's function says that it is missing, and the controller's lines stay well.
#[tokio::test]
async fn a_sweep_that_is_not_deployed_is_told() {
    let scenario = healthy().await;
    scenario.world(|world| {
        let key = [ADMINISTRATOR, EU, SWEEPER_ROLE].map(str::to_owned);
        world.functions.functions.remove(&key.into());
        world.sqs.queues.remove(&queue(SWEEP_QUEUE));
    });
    let expected = [
        "fail queue macie-self-service-sweep",
        "fail function macie-self-service-sweeper",
        "fail reserved-concurrency macie-self-service-sweeper",
    ];
    assert_eq!(turned(&scenario).await, expected);
}

/// What is denied is never well: a warning that names the action, or a failure where the
/// controller cannot work either.
#[tokio::test]
async fn what_may_not_be_read_is_unknown() {
    let good = healthy().await;
    let start = good.calls().len();
    lines(&good).await;
    let mut operations = good.operations_since(start);
    operations.dedup();
    operations.retain(|name| name != "sts:GetCallerIdentity");
    for name in &operations {
        let (_, operation) = name.split_once(':').unwrap();
        let scenario = good.fork().await;
        scenario.fault(Fault::always(operation, Kind::Deny));
        let lines = lines(&scenario).await;
        let told = lines.iter().any(|line| {
            line.status != Status::Pass && line.message.contains(&format!(":{operation}"))
        });
        assert!(told, "{name}: {lines:#?}");
        let failed: Vec<&str> = lines
            .iter()
            .filter(|line| line.status == Status::Fail)
            .map(|line| line.check)
            .collect();
        let expected: &[&str] = match operation {
            "ListDelegatedAdministrators" => &["administrator"],
            "AssumeRole" => &["member-role"; 3],
            _ => &[],
        };
        assert_eq!(failed, expected, "{name}: {lines:#?}");
    }
    assert!(operations.len() > 20, "{operations:?}");
}

#[tokio::test]
async fn another_account_is_told_so_and_nothing_else_is_looked_at() {
    let scenario = healthy().await;
    for (caller, expected) in [
        (organization::MANAGEMENT, "pass trusted-access"),
        (&account(1), "warn trusted-access"),
    ] {
        let runtime = runtime_of(&scenario, iam::access_key(caller)).await;
        let shown = shown(&examine(&runtime, None, &stack_sets(&runtime)).await);
        let expected = [
            "pass policy eu-west-1".to_owned(),
            format!("fail administrator {caller}"),
            expected.to_owned(),
            format!("skipped administrator-account {caller}"),
        ];
        assert_eq!(shown.len(), expected.len(), "{shown:?}");
        for (line, expected) in shown.iter().zip(&expected) {
            assert!(line.starts_with(expected), "{line}, expected {expected}");
        }
    }
}
