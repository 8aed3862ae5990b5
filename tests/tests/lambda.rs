//! The real binary as Lambda runs it, against a Runtime API of our own and the local AWS.

use std::time::{Duration, SystemTime};

use controller_core::{event::sweep_message, sweep::Pass};
use controller_tests::{
    EU, Scenario, Setup,
    function::{Deployed, Function, soon, text},
    scenario::{account, scope},
};
use jiff::SignedDuration;
use local_aws::{Clock, organization};
use maciectl::sandbox::DEFAULT_POLICY;
use serde_json::{Value, json};

/// The controller in the administrator account.
async fn deploy(
    scenario: &Scenario,
    policy: &str,
    invocations: Vec<(Value, SystemTime)>,
) -> Function {
    let bus = ("MACIECTL_EVENT_BUS", organization::BUS);
    deploy_as(
        organization::CONTROLLER_ROLE,
        scenario,
        &[bus],
        policy,
        invocations,
    )
    .await
}

/// The sweep, which is the same program.
async fn deploy_sweeper(scenario: &Scenario, invocations: Vec<(Value, SystemTime)>) -> Function {
    let queue = url(scenario, organization::SWEEP_QUEUE);
    let own = [("MACIECTL_SWEEP_QUEUE_URL", queue.as_str())];
    let role = organization::SWEEPER_ROLE;
    deploy_as(role, scenario, &own, DEFAULT_POLICY, invocations).await
}

fn url(scenario: &Scenario, queue: &str) -> String {
    let endpoint = scenario.sandbox.local.endpoint();
    format!("{endpoint}/{}/{queue}", organization::ADMINISTRATOR)
}

async fn deploy_as(
    role: &'static str,
    scenario: &Scenario,
    own: &[(&str, &str)],
    policy: &str,
    invocations: Vec<(Value, SystemTime)>,
) -> Function {
    let deployed = Deployed {
        package: "controller",
        binary: "controller",
        account: organization::ADMINISTRATOR,
        role,
    };
    let queue = url(scenario, organization::QUEUE);
    let common = [("MACIECTL_POLICY", policy), ("MACIECTL_QUEUE_URL", &queue)];
    let environment = [&common, own].concat();
    let endpoint = scenario.sandbox.local.endpoint();
    Function::start(deployed, &endpoint, &environment, invocations).await
}

/// A world by the machine's clock in which nothing makes one wait.
async fn organization() -> Scenario {
    let scenario = Setup::new(2)
        .switches(|switches| {
            switches.enabling_takes = SignedDuration::ZERO;
            switches.create_job_interval = SignedDuration::ZERO;
        })
        .start()
        .await;
    scenario.world(|world| {
        world.clock = Clock::Running {
            ahead: SignedDuration::ZERO,
        }
    });
    scenario
}

fn batch(bodies: &[String]) -> Value {
    let record = |(n, body): (usize, &String)| json!({ "messageId": format!("m-{n}"), "eventSource": "aws:sqs", "body": body });
    let records: Vec<Value> = bodies.iter().enumerate().map(record).collect();
    json!({ "Records": records })
}

#[tokio::test]
async fn a_batch_enrols_an_account_and_hands_back_only_what_is_unreadable() {
    let mut scenario = organization().await;
    scenario.create_bucket(1, EU, "orders");
    scenario.put_object("orders", "old.csv");
    let tags = [("macie", "true"), ("owner", "somebody-in-particular")];
    scenario.tag_with(1, EU, "orders", &tags);
    let mut bodies = scenario.waiting_messages();
    scenario.lose_events();
    bodies.push("poison".to_owned());
    let poison = format!("m-{}", bodies.len() - 1);
    let payload = batch(&bodies);
    let mut function = deploy(&scenario, DEFAULT_POLICY, vec![(payload, soon())]).await;
    let answer = function.answer().await;
    let expected = json!({ "batchItemFailures": [{ "itemIdentifier": poison }] });
    assert_eq!(answer, ("response".to_owned(), expected));
    // The baseline has the next slot, ten seconds later: its message is on the queue.
    assert_eq!(scenario.place(1, EU).jobs, ["daily"]);
    assert!(scenario.waiting_messages()[0].contains("\"slot\""));

    let log = function.log().await;
    let reconciled: Vec<&Value> = log
        .iter()
        .filter(|line| line["message"] == "reconciled")
        .collect();
    assert_eq!(reconciled.len(), 1, "{log:#?}");
    assert_eq!(reconciled[0]["account"], account(1).as_str());
    assert_eq!(reconciled[0]["region"], EU);
    assert_eq!(reconciled[0]["outcome"], "waiting");
    let waiting = reconciled[0]["waiting"].as_str().unwrap();
    assert!(waiting.contains("one new job per 10 s"), "{waiting}");
    assert!(
        log.iter().any(|line| line["refusal"] == "unreadable"),
        "{log:#?}"
    );
    let all = json!(log).to_string();
    for private in ["somebody-in-particular", "requestParameters", "poison\""] {
        assert!(!all.contains(private), "the log tells `{private}`: {all}");
    }
}

#[tokio::test]
async fn a_single_event_is_answered_with_its_report() {
    let scenario = organization().await;
    scenario.create_bucket_with_tags(1, EU, "orders", &[("macie", "true")]);
    let event = scenario.waiting_messages().remove(0);
    scenario.lose_events();
    let event: Value = serde_json::from_str(&event).unwrap();
    // The policy as the template gives it.
    let policy = format!("ssm:{}", organization::POLICY_PARAMETER);
    let mut function = deploy(&scenario, &policy, vec![(event, soon())]).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "response");
    assert_eq!(
        document["reports"][0]["scope"]["account"],
        account(1).as_str()
    );
    assert_eq!(document["refused"], json!([]));
    assert_eq!(scenario.place(1, EU).jobs, ["daily"]);
}

/// The line of the log with this message, once a batch was answered without a failure.
async fn line(mut function: Function, message: &str) -> Value {
    let (kind, document) = function.answer().await;
    assert_eq!(
        (kind.as_str(), &document["batchItemFailures"]),
        ("response", &json!([]))
    );
    let log = function.log().await;
    let line = log.into_iter().find(|line| line["message"] == message);
    line.unwrap_or_else(|| panic!("no line `{message}`"))
}

/// What the alarms on missing sweeps and on the circuit breaker count (the metric filters of
/// `delegated-admin/controller.yaml`).
#[tokio::test]
async fn the_log_has_what_the_alarms_count() {
    let scenario = organization().await;
    let look = sweep_message(&scope(&account(1), EU), "look");
    let pass = vec![(batch(&[Pass::EVERYTHING.message()]), soon())];
    let swept = line(deploy_sweeper(&scenario, pass).await, "sweep").await;
    assert_eq!(swept["regions"], 2);
    let looks = vec![(batch(&[look]), soon())];
    let controller = deploy(&scenario, DEFAULT_POLICY, looks).await;
    let reconciled = line(controller, "reconciled").await;
    assert_eq!(reconciled["circuit_breaker"], false);
}

#[tokio::test]
async fn without_time_left_everything_is_handed_back_and_nothing_is_begun() {
    let scenario = organization().await;
    scenario.create_bucket_with_tags(1, EU, "orders", &[("macie", "true")]);
    scenario.create_bucket_with_tags(2, EU, "bills", &[("macie", "true")]);
    let bodies = scenario.waiting_messages();
    scenario.lose_events();
    let past = SystemTime::now() - Duration::from_secs(1);
    let single: Value = serde_json::from_str(&bodies[0]).unwrap();
    let invocations = vec![(batch(&bodies), past), (single, past)];
    let start = scenario.calls().len();
    let mut function = deploy(&scenario, DEFAULT_POLICY, invocations).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "response");
    let failures = document["batchItemFailures"].as_array().unwrap();
    assert_eq!(failures.len(), bodies.len(), "{document}");
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "error");
    assert!(
        document["errorMessage"]
            .as_str()
            .unwrap()
            .contains(&account(1))
    );
    assert!(scenario.writes_since(start).is_empty());
}

#[tokio::test]
async fn a_bad_policy_is_refused_at_start_with_the_fields_name() {
    let scenario = organization().await;
    let policy = DEFAULT_POLICY.replace("PT24H", "a day");
    let function = deploy(&scenario, &policy, Vec::new()).await;
    let output = tokio::time::timeout(Duration::from_secs(60), function.child.wait_with_output());
    let output = output.await.expect("it goes on").unwrap();
    assert!(!output.status.success());
    let text = text(&output);
    assert!(
        text.contains("gracePeriod") && text.contains("a day"),
        "{text}"
    );
}
