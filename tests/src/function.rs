//! A real binary as Lambda runs it, against a Runtime API of our own.

use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
    process::{Output, Stdio},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use local_aws::{
    iam,
    runtime_api::{Answer, RuntimeApi},
};
use serde_json::Value;
use tokio::{
    process::{Child, Command},
    sync::oneshot,
};

use crate::EU;

/// Where a binary is, built once with the features that the tests were built with.
fn binary(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut built = BUILT.lock().unwrap();
    if built.insert(name.to_owned()) {
        let mut build = std::process::Command::new(env!("CARGO"));
        build.args(["build", "--locked", "--workspace", "--bin", name]);
        let status = build.status();
        assert!(status.unwrap().success(), "`{name}` does not build");
    }
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join(name)
}

/// Which binary runs, and as whom.
#[derive(Debug, Clone, Copy)]
pub struct Deployed<'a> {
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
    answers: VecDeque<oneshot::Receiver<Answer>>,
    _api: RuntimeApi,
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
            binary: name,
            account,
            role,
        } = deployed;
        let arn = format!("arn:aws:lambda:{EU}:{account}:function:{name}");
        let api = RuntimeApi::start(&arn).await.unwrap();
        let invocations = invocations.into_iter();
        let answers = invocations
            .map(|(payload, deadline)| api.invoke(payload.to_string(), deadline))
            .collect();
        let child = Command::new(binary(name))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
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
        Self {
            child,
            answers,
            _api: api,
        }
    }

    /// The next answer: `response` or `error`, and the document.
    pub async fn answer(&mut self) -> (String, Value) {
        let next = self.answers.pop_front().expect("no further invocation");
        let answer = tokio::time::timeout(Duration::from_secs(60), next);
        let answer = answer.await.expect("no answer within 60 s").unwrap();
        let document = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        (answer.kind, document)
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
