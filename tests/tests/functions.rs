//! The binaries of the custom resources and of the sweep as Lambda runs them, against a Runtime API
//! of our own and the local AWS.

use std::time::{Duration, SystemTime};

use controller_core::sweep::Pass;
use controller_tests::{
    EU, Scenario, Setup, US,
    custom_resource::{
        Stack,
        state::{assert_success, organization, unregistered},
    },
    function::{Deployed, Function},
    scenario::account,
};
use custom_resources::frame::Resource;
use jiff::SignedDuration;
use local_aws::{
    Clock,
    faults::Kind,
    macie,
    organization::{
        ADMINISTRATOR, MANAGEMENT, POLICY_PARAMETER, QUEUE, REGISTRATION_ROLE, SETTINGS_ROLE,
        SWEEP_QUEUE, SWEEPER_ROLE, admin,
    },
    s3,
    sqs::{self, QueueId},
};
use serde_json::{Value, json};

/// The functions' deadline, as the templates set it.
fn in_15_minutes() -> SystemTime {
    SystemTime::now() + Duration::from_secs(900)
}

/// Hands a request to the binary: its answer to Lambda, that to CloudFormation, and its log.
async fn run(
    stack: &mut Stack,
    deployed: Deployed<'_>,
    properties: Value,
) -> (Value, Value, Value) {
    let payload = stack.request("Create", properties);
    let endpoint = stack.local.endpoint();
    let mut function =
        Function::start(deployed, &endpoint, &[], vec![(payload, in_15_minutes())]).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "response", "{document}");
    let mut answers = stack.take_answers();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    (document, answers.remove(0), json!(function.log().await))
}

#[tokio::test]
async fn the_registration_function_registers_and_its_log_keeps_the_response_url_secret() {
    let world = unregistered(organization(1, &[EU]));
    let mut stack = Stack::new(world, Resource::Registration).await;
    let deployed = Deployed {
        binary: "registration",
        account: MANAGEMENT,
        role: REGISTRATION_ROLE,
    };
    let properties = json!({"AdministratorAccountId": ADMINISTRATOR, "Regions": [EU]});
    let (document, answer, log) = run(&mut stack, deployed, properties).await;
    assert_eq!(document, json!({"answered": "SUCCESS"}));
    assert_success(&answer);
    let administrator = stack.world(|world| world.macie.administrator(EU).map(str::to_owned));
    assert_eq!(administrator.as_deref(), Some(ADMINISTRATOR));
    let lines = log.as_array().unwrap();
    let told = lines
        .iter()
        .find(|line| line["message"] == "answered")
        .unwrap();
    assert_eq!(told["status"], "SUCCESS");
    assert!(!log.to_string().contains("X-Amz-Signature"), "{log}");
}

#[tokio::test]
async fn the_settings_function_sets() {
    let mut world = organization(1, &[EU]);
    s3::create_bucket(&mut world, &admin(ADMINISTRATOR), EU, "results", &[]).unwrap();
    let mut stack = Stack::new(world, Resource::AdministratorSettings).await;
    let deployed = Deployed {
        binary: "administrator-settings",
        account: ADMINISTRATOR,
        role: SETTINGS_ROLE,
    };
    let properties = json!({
        "Regions": [EU],
        "FindingPublishingFrequency": "ONE_HOUR",
        "ResultsBucket": "results",
        "ResultsKeyArn": "arn:aws:kms:eu-west-1:222222222222:key/1",
    });
    let (document, answer, _) = run(&mut stack, deployed, properties).await;
    assert_eq!(document, json!({"answered": "SUCCESS"}));
    assert_success(&answer);
    stack.world(|world| {
        let session = world.macie.session(EU, ADMINISTRATOR).unwrap();
        assert_eq!(session.status, macie::Status::Enabled);
        assert_eq!(json!(session.finding_publishing_frequency), "ONE_HOUR");
        assert!(session.export.is_some());
    });
}

#[tokio::test]
async fn a_payload_of_nobody_is_an_error_of_the_function() {
    let stack = Stack::new(organization(1, &[EU]), Resource::AdministratorSettings).await;
    let deployed = Deployed {
        binary: "administrator-settings",
        account: ADMINISTRATOR,
        role: SETTINGS_ROLE,
    };
    let invocations = vec![(json!({"hello": "there"}), in_15_minutes())];
    let endpoint = stack.local.endpoint();
    let mut function = Function::start(deployed, &endpoint, &[], invocations).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "error");
    let message = document["errorMessage"].as_str().unwrap();
    assert!(
        message.contains("not a request of CloudFormation"),
        "{message}"
    );
    assert_eq!(stack.calls(), 0);
}

/// The controller's program with the role and the variables that the template gives the sweep.
async fn sweep(scenario: &Scenario, bodies: &[String]) -> (Value, Vec<Value>) {
    let deployed = Deployed {
        binary: "controller",
        account: ADMINISTRATOR,
        role: SWEEPER_ROLE,
    };
    let endpoint = scenario.sandbox.local.endpoint();
    let url = |queue: &str| format!("{endpoint}/{ADMINISTRATOR}/{queue}");
    let (policy, queue, own) = (
        format!("ssm:{POLICY_PARAMETER}"),
        url(QUEUE),
        url(SWEEP_QUEUE),
    );
    let environment = [
        ("MACIECTL_POLICY", policy.as_str()),
        ("MACIECTL_MEMBER_ROLE", "macie-self-service-member"),
        ("MACIECTL_QUEUE_URL", &queue),
        ("MACIECTL_SWEEP_QUEUE_URL", &own),
    ];
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(number, body)| json!({"messageId": format!("m-{number}"), "eventSource": "aws:sqs", "body": body}))
        .collect();
    let invocations = vec![(json!({ "Records": records }), in_15_minutes())];
    let mut function = Function::start(deployed, &endpoint, &environment, invocations).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "response", "{document}");
    (document, function.log().await)
}

fn take(scenario: &Scenario, queue: &str) -> Vec<String> {
    let id = QueueId::new(ADMINISTRATOR, EU, queue);
    scenario.world(|world| {
        let bodies = sqs::bodies(world, &id);
        world.sqs.queues.get_mut(&id).unwrap().messages.clear();
        bodies
    })
}

/// By the machine's clock, which the program reads too.
async fn swept_organization() -> Scenario {
    let scenario = Setup::new(2).start().await;
    scenario.unmonitored();
    scenario.world(|world| {
        world.clock = Clock::Running {
            ahead: SignedDuration::ZERO,
        };
    });
    scenario.create_bucket_with_tags(1, EU, "orders", &[("macie", "true")]);
    scenario.lose_events();
    scenario
}

#[test]
fn the_schedules_of_the_template_send_what_the_sweep_understands() {
    let template = include_str!("../../delegated-admin/controller.yaml");
    let inputs = template.lines().filter_map(|line| {
        let text = line.trim().strip_prefix("Input: '")?;
        text.strip_suffix('\'')
    });
    let inputs: Vec<Value> = inputs.map(parsed).collect();
    let passes = [Pass::EVERYTHING, Pass::PENDING].map(|pass| parsed(&pass.message()));
    assert_eq!(inputs, passes);
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// What the alarm on missing sweeps counts is the line `sweep` of the schedule's own message.
#[tokio::test]
async fn the_sweeps_function_hands_over_the_account_that_no_event_told_and_writes_nothing() {
    let scenario = swept_organization().await;
    let start = scenario.calls().len();
    let all_well = json!({ "batchItemFailures": [] });
    let (answer, log) = sweep(&scenario, &[Pass::EVERYTHING.message()]).await;
    assert_eq!(answer, all_well);
    let lines = log.iter().filter(|line| line["message"] == "sweep");
    assert_eq!(lines.count(), 1, "{log:#?}");
    let settings = take(&scenario, QUEUE);
    assert_eq!(settings.len(), 2, "one per governed Region: {settings:?}");

    let passes = take(&scenario, SWEEP_QUEUE);
    assert_eq!(passes.len(), 2, "one per governed Region: {passes:?}");
    assert_eq!(sweep(&scenario, &passes).await.0, all_well);
    let resyncs = take(&scenario, SWEEP_QUEUE);
    assert_eq!(sweep(&scenario, &resyncs).await.0, all_well);
    let handed_over = take(&scenario, QUEUE);
    assert_eq!(handed_over.len(), 1, "{handed_over:?}");
    for part in [account(1).as_str(), EU, r#""macieSelfService":"sweep""#] {
        assert!(handed_over[0].contains(part), "{handed_over:?}");
    }
    assert!(!handed_over[0].contains(US));
    assert_eq!(scenario.writes_since(start), [""; 0]);
}

/// While the new trust of the member role is rolled out, the sweep cannot look into accounts: the
/// controller does.
#[tokio::test]
async fn what_the_sweep_may_not_read_is_handed_over() {
    let scenario = swept_organization().await;
    scenario.break_always("AssumeRole", Kind::Deny);
    let passes = [EU, US].map(|region| {
        let region = Some(region.parse().unwrap());
        Pass {
            region,
            ..Pass::EVERYTHING
        }
        .message()
    });
    sweep(&scenario, &passes).await;
    let resyncs = take(&scenario, SWEEP_QUEUE);
    let (answer, _) = sweep(&scenario, &resyncs).await;
    assert_eq!(answer, json!({ "batchItemFailures": [] }));
    assert_eq!(take(&scenario, QUEUE).len(), resyncs.len());
}

#[tokio::test]
async fn the_pass_in_between_looks_into_no_account() {
    let scenario = swept_organization().await;
    let start = scenario.calls().len();
    let (_, log) = sweep(&scenario, &[Pass::PENDING.message()]).await;
    assert!(
        log.iter().all(|line| line["message"] != "sweep"),
        "the alarm on missing sweeps must not take it for one: {log:#?}"
    );
    let passes = take(&scenario, SWEEP_QUEUE);
    sweep(&scenario, &passes).await;
    assert_eq!(take(&scenario, SWEEP_QUEUE), [""; 0]);
    assert_eq!(take(&scenario, QUEUE), [""; 0]);
    let calls = scenario.operations_since(start);
    for never in ["sts:AssumeRole", "organizations:ListAccounts"] {
        assert!(!calls.iter().any(|call| call == never), "{calls:?}");
    }
}
