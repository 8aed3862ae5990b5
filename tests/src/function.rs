//! A real binary as Lambda runs it, against a Runtime API of our own.

use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::Response,
};
use local_aws::iam;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    sync::mpsc,
};

use crate::EU;

/// Where a binary is, built once with the features that the tests were built with.
fn binary(package: &str, name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut built = BUILT.lock().unwrap();
    if built.insert(name.to_owned()) {
        let mut build = std::process::Command::new(env!("CARGO"));
        let packages = ["-p", package, "-p", "controller-tests"];
        build.arg("build").args(packages);
        let status = build.args(["--bin", name, "--locked"]).status();
        assert!(status.unwrap().success(), "`{name}` does not build");
    }
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join(name)
}

/// Invocations that wait, and where the answers go.
#[derive(Debug)]
struct Api {
    function_arn: String,
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
        .header("lambda-runtime-invoked-function-arn", &api.function_arn)
        .header(
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        )
        .body(Body::from(payload.to_string()))
        .unwrap()
}

/// Which binary runs, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Deployed<'a> {
    /// The package that it is in.
    pub package: &'a str,
    /// Its name.
    pub binary: &'a str,
    /// The function's account.
    pub account: &'a str,
    /// The function's role.
    pub role: &'a str,
}

/// A function that runs, and what it answers.
#[derive(Debug)]
pub struct Function {
    /// The process.
    pub child: Child,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Function {
    /// Runs a function against a local AWS and hands it invocations with their deadlines.
    pub async fn start(
        deployed: Deployed<'_>,
        endpoint: &str,
        environment: &[(&str, &str)],
        invocations: Vec<(Value, SystemTime)>,
    ) -> Self {
        let Deployed {
            package,
            binary: name,
            account,
            role,
        } = deployed;
        let (sender, answers) = mpsc::unbounded_channel();
        let api = Arc::new(Api {
            function_arn: format!("arn:aws:lambda:{EU}:{account}:function:{name}"),
            invocations: Mutex::new(invocations.into()),
            answers: sender,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(serve).with_state(api);
        tokio::spawn(async move { axum::serve(listener, app).await });
        let child = Command::new(binary(package, name))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", EU)
            .env("AWS_ACCESS_KEY_ID", iam::role_key(account, role))
            .env("AWS_SECRET_ACCESS_KEY", iam::SECRET)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, answers }
    }

    /// The next answer: `response` or `error`, and the document.
    pub async fn answer(&mut self) -> (String, Value) {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.answers.recv());
        answer.await.expect("no answer within 60 s").unwrap()
    }

    /// Ends the function; its log as JSON lines.
    pub async fn log(mut self) -> Vec<Value> {
        self.child.start_kill().unwrap();
        let output = self.child.wait_with_output().await.unwrap();
        text(&output)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }
}

/// What a process wrote, to either stream.
pub fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(both).unwrap()
}

/// A deadline that is not near.
pub fn soon() -> SystemTime {
    SystemTime::now() + Duration::from_secs(120)
}
