//! The real binary as Lambda runs it, against a Runtime API of our own and the local AWS.

use std::{
    collections::VecDeque,
    path::PathBuf,
    process::{Output, Stdio},
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Response,
};
use controller_core::event::{sweep_message, sweep_of_all};
use controller_tests::{
    EU, Scenario, Setup,
    scenario::{account, scope},
};
use jiff::SignedDuration;
use local_aws::{Clock, iam, organization};
use maciectl::sandbox::DEFAULT_POLICY;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
};

/// The binary, built once with the features that the tests were built with.
fn binary() -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut build = std::process::Command::new(env!("CARGO"));
        let packages = ["-p", "controller", "-p", "controller-tests"];
        build.arg("build").args(packages);
        let status = build.args(["--bin", "controller", "--locked"]).status();
        assert!(status.unwrap().success(), "the binary does not build");
    });
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("controller")
}

/// Invocations that wait, and where the answers go.
#[derive(Debug)]
struct Api {
    invocations: Mutex<VecDeque<(Value, SystemTime)>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
}

/// The Lambda Runtime API (AWS Lambda Developer Guide, runtimes-api).
async fn serve(State(api): State<Arc<Api>>, request: Request) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let what = path.rsplit('/').next().unwrap_or_default().to_owned();
    let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
    if what != "next" {
        let answer = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let _sent = api.answers.send((what, answer));
        return Response::builder()
            .status(202)
            .body(Body::from("{}"))
            .unwrap();
    }
    let next = api.invocations.lock().unwrap().pop_front();
    let Some((payload, deadline)) = next else {
        // Lambda freezes a function for which it has no work.
        return std::future::pending().await;
    };
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Response::builder()
        .header(
            "lambda-runtime-aws-request-id",
            "00000000-0000-4000-8000-000000000001",
        )
        .header(
            "lambda-runtime-deadline-ms",
            deadline.as_millis().to_string(),
        )
        .header(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:222222222222:function:macie-self-service",
        )
        .header(
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        )
        .body(Body::from(payload.to_string()))
        .unwrap()
}

/// A function that runs, and what it was given.
struct Function {
    child: Child,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Function {
    async fn start(
        scenario: &Scenario,
        policy: &str,
        invocations: Vec<(Value, SystemTime)>,
    ) -> Self {
        let (sender, answers) = mpsc::unbounded_channel();
        let api = Arc::new(Api {
            invocations: Mutex::new(invocations.into()),
            answers: sender,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(serve).with_state(api);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let endpoint = scenario.sandbox.local.endpoint();
        let administrator = organization::ADMINISTRATOR;
        let child = Command::new(binary())
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "macie-self-service")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_REGION", EU)
            .env(
                "AWS_ACCESS_KEY_ID",
                iam::role_key(administrator, organization::CONTROLLER_ROLE),
            )
            .env("AWS_SECRET_ACCESS_KEY", iam::SECRET)
            .env("MACIECTL_POLICY", policy)
            .env("MACIECTL_EVENT_BUS", organization::BUS)
            .env(
                "MACIECTL_QUEUE_URL",
                format!("{endpoint}/{administrator}/{}", organization::QUEUE),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, answers }
    }

    /// The next answer: `response` or `error`, and the document.
    async fn answer(&mut self) -> (String, Value) {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.answers.recv());
        answer.await.expect("no answer within 60 s").unwrap()
    }

    /// Ends the function; its log as JSON lines.
    async fn log(mut self) -> Vec<Value> {
        self.child.start_kill().unwrap();
        let output = self.child.wait_with_output().await.unwrap();
        text(&output)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).unwrap()
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

fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_secs(120)
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
    let mut function = Function::start(&scenario, DEFAULT_POLICY, vec![(payload, soon())]).await;
    let answer = function.answer().await;
    let expected = json!({ "batchItemFailures": [{ "itemIdentifier": poison }] });
    assert_eq!(answer, ("response".to_owned(), expected));
    assert_eq!(scenario.place(1, EU).jobs, ["baseline orders", "daily"]);

    let log = function.log().await;
    let reconciled: Vec<&Value> = log
        .iter()
        .filter(|line| line["message"] == "reconciled")
        .collect();
    assert_eq!(reconciled.len(), 1, "{log:#?}");
    assert_eq!(reconciled[0]["account"], account(1).as_str());
    assert_eq!(reconciled[0]["region"], EU);
    assert_eq!(reconciled[0]["outcome"], "changed");
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
    let mut function = Function::start(&scenario, DEFAULT_POLICY, vec![(event, soon())]).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "response");
    assert_eq!(
        document["reports"][0]["scope"]["account"],
        account(1).as_str()
    );
    assert_eq!(document["refused"], json!([]));
    assert_eq!(scenario.place(1, EU).jobs, ["baseline orders", "daily"]);
}

/// What the alarms on missing sweeps and on the circuit breaker count (the metric filters of
/// `delegated-admin/controller.yaml`).
#[tokio::test]
async fn the_log_has_what_the_alarms_count() {
    let scenario = organization().await;
    let look = sweep_message(&scope(&account(1), EU), "look");
    let bodies = [sweep_of_all(), look];
    let invocations = vec![(batch(&bodies), soon())];
    let mut function = Function::start(&scenario, DEFAULT_POLICY, invocations).await;
    let (kind, document) = function.answer().await;
    assert_eq!(
        (kind.as_str(), &document["batchItemFailures"]),
        ("response", &json!([]))
    );
    let log = function.log().await;
    let line = |message: &str| log.iter().find(|line| line["message"] == message);
    assert_eq!(line("sweep").unwrap()["accounts"], 4);
    assert_eq!(line("reconciled").unwrap()["circuit_breaker"], false);
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
    let mut function = Function::start(&scenario, DEFAULT_POLICY, invocations).await;
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
    let function = Function::start(&scenario, &policy, Vec::new()).await;
    let output = tokio::time::timeout(Duration::from_secs(60), function.child.wait_with_output());
    let output = output.await.expect("it goes on").unwrap();
    assert!(!output.status.success());
    let text = text(&output);
    assert!(
        text.contains("gracePeriod") && text.contains("a day"),
        "{text}"
    );
}
