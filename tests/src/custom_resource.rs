//! CloudFormation and Lambda as the custom resources see them: requests with a presigned URL on
//! loopback, invocations that are made again when they fail, and continuations.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
};
use controller::{
    aws::Tuning,
    clock::Clock,
    config::{Endpoint, Settings},
};
use custom_resources::{
    answer::Courier,
    frame::{Invocation, Resource, Shell, handle},
    lambda::connect,
};
use jiff::SignedDuration;
use local_aws::{LocalAws, SharedWorld, World, iam, organization};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::EU;

/// How long Lambda lets a function run.
const RUN: SignedDuration = SignedDuration::from_mins(15);
/// How often Lambda makes a failed invocation again.
const AGAIN: usize = 2;

/// A stack with one custom resource. It behaves as CloudFormation and Lambda do.
#[derive(Debug)]
pub struct Stack {
    /// The local AWS.
    pub local: LocalAws,
    resource: Resource,
    account: String,
    shell: Shell,
    mailbox: Arc<Mailbox>,
    url: String,
    server: JoinHandle<()>,
    physical_id: Option<String>,
    properties: Value,
    requests: usize,
    /// The invocations of the last request.
    pub runs: usize,
}

/// Where answers go.
#[derive(Debug)]
struct Mailbox {
    world: SharedWorld,
    answers: Mutex<Vec<Value>>,
    refuse: Mutex<usize>,
}

/// Pauses turn the world's clock instead of passing.
#[derive(Debug)]
struct TurnsClock(SharedWorld);

impl AsyncSleep for TurnsClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let world = self.0.clone();
        Sleep::new(async move {
            let by = SignedDuration::try_from(duration).unwrap();
            world.lock().advance(by);
            tokio::task::yield_now().await;
        })
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stack {
    /// A stack in the account that the resource belongs in.
    pub async fn new(world: World, resource: Resource) -> Self {
        let account = match resource {
            Resource::Registration => organization::MANAGEMENT,
            Resource::AdministratorSettings => organization::ADMINISTRATOR,
        };
        Self::in_account(world, resource, account).await
    }

    /// A stack in an account.
    pub async fn in_account(world: World, resource: Resource, account: &str) -> Self {
        Self::with_key(world, resource, account, &iam::access_key(account)).await
    }

    /// A stack whose function calls with an access key: that of its role.
    pub async fn with_key(world: World, resource: Resource, account: &str, key: &str) -> Self {
        let local = LocalAws::start(world, 0).await.unwrap();
        let shared = local.world().clone();
        let settings = Settings {
            region: Some(EU.to_owned()),
            endpoint: Some(Endpoint {
                url: local.endpoint(),
                access_key_id: key.to_owned(),
                secret_access_key: iam::SECRET.to_owned(),
            }),
            ..Settings::default()
        };
        let tuning = Tuning {
            attempts: 1,
            adaptive: false,
            ..Tuning::default()
        };
        let clock = world_clock(&shared, SignedDuration::ZERO);
        let sleep = SharedAsyncSleep::new(TurnsClock(shared.clone()));
        let shell = Shell {
            courier: Courier::new(sleep.clone()).unwrap(),
            sleep,
            ..connect(&settings, clock, &tuning).await.unwrap()
        };
        let mailbox = Arc::new(Mailbox {
            world: shared,
            answers: Mutex::default(),
            refuse: Mutex::default(),
        });
        let (url, server) = serve(mailbox.clone()).await;
        Self {
            local,
            resource,
            account: account.to_owned(),
            shell,
            mailbox,
            url,
            server,
            physical_id: None,
            properties: Value::Null,
            requests: 0,
            runs: 0,
        }
    }

    /// Something done to the world by hand.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.local.world().lock())
    }

    /// From now on every look at the clock takes this long: a slow AWS.
    pub fn slow(&mut self, look: SignedDuration) {
        self.shell.clock = world_clock(self.local.world(), look);
    }

    /// The resource was created before, with these properties; not at all if there are none.
    pub fn existed(&mut self, properties: Value) {
        self.physical_id = (!properties.is_null()).then(|| "existed".to_owned());
        self.properties = properties;
    }

    /// CloudFormation does not take the next answers.
    pub fn refuse_answers(&self, count: usize) {
        *self.mailbox.refuse.lock().unwrap() = count;
    }

    /// `Create`, and its answer.
    pub async fn create(&mut self, properties: Value) -> Value {
        self.ask("Create", properties).await
    }

    /// `Update` to other properties, and its answer.
    pub async fn update(&mut self, properties: Value) -> Value {
        self.ask("Update", properties).await
    }

    /// `Delete`, and its answer.
    pub async fn delete(&mut self) -> Value {
        let properties = self.properties.clone();
        self.ask("Delete", properties).await
    }

    /// A request and its one answer.
    pub async fn ask(&mut self, kind: &str, properties: Value) -> Value {
        let payload = self.request(kind, properties);
        let mut answers = self.carry_out(payload).await;
        assert_eq!(answers.len(), 1, "{answers:#?}");
        answers.remove(0)
    }

    /// The payload of a request.
    pub fn request(&mut self, kind: &str, properties: Value) -> Value {
        self.requests += 1;
        let id = format!("request-{}", self.requests);
        let mut payload = json!({
            "RequestType": kind,
            "ResponseURL": format!("{}?X-Amz-Signature={id}", self.url),
            "StackId": "arn:aws:cloudformation:eu-west-1:111111111111:stack/macie/1",
            "RequestId": id,
            "ResourceType": "Custom::Macie",
            "LogicalResourceId": "Macie",
            "ResourceProperties": properties,
        });
        if let Some(known) = &self.physical_id {
            payload["PhysicalResourceId"] = json!(known);
        }
        if kind == "Update" {
            payload["OldResourceProperties"] = self.properties.clone();
        }
        if kind != "Delete" {
            self.properties = payload["ResourceProperties"].clone();
        }
        payload
    }

    /// Invokes the function as Lambda does, continuations included; every answer that came.
    pub async fn carry_out(&mut self, payload: Value) -> Vec<Value> {
        let mut queue = VecDeque::from([payload.clone()]);
        self.runs = 0;
        while let Some(payload) = queue.pop_front() {
            for _ in 0..=AGAIN {
                self.runs += 1;
                if self.invoke(&payload).await {
                    break;
                }
            }
            let next = self.world(|world| std::mem::take(&mut world.lambda.invocations));
            queue.extend(next.into_iter().map(|invocation| invocation.payload));
        }
        let answers = std::mem::take(&mut *self.mailbox.answers.lock().unwrap());
        for answer in &answers {
            self.check(&payload, answer);
            let id = answer["PhysicalResourceId"].as_str().unwrap();
            self.physical_id = Some(id.to_owned());
        }
        answers
    }

    /// One invocation; whether it succeeded. A process that died leaves a world that answers again.
    async fn invoke(&self, payload: &Value) -> bool {
        let (resource, deadline) = (self.resource, self.world(|world| world.now()) + RUN);
        let account = &self.account;
        let invocation = Invocation {
            payload: payload.clone(),
            function_arn: format!("arn:aws:lambda:{EU}:{account}:function:resource"),
            deadline,
        };
        let handled = handle(&self.shell, resource, &invocation).await;
        self.world(|world| {
            if world.faults.is_dead() {
                world.faults.clear();
            }
        });
        handled.is_ok()
    }

    /// What CloudFormation wants of every answer.
    fn check(&self, payload: &Value, answer: &Value) {
        for name in ["StackId", "RequestId", "LogicalResourceId"] {
            assert_eq!(answer[name], payload[name], "{answer:#}");
        }
        if let Some(known) = payload.get("PhysicalResourceId") {
            assert_eq!(&answer["PhysicalResourceId"], known, "{answer:#}");
        }
        let failed = answer["Status"] == "FAILED";
        assert!(failed || answer["Status"] == "SUCCESS", "{answer:#}");
        let reason = answer["Reason"].as_str().unwrap_or_default();
        assert!(!failed || !reason.is_empty(), "{answer:#}");
        assert!(!reason.contains("X-Amz-Signature"), "{answer:#}");
    }

    /// The calls so far.
    pub fn calls(&self) -> usize {
        self.world(|world| world.calls.len())
    }

    /// The names of the operations that were called since then and write, in order.
    pub fn writes_since(&self, start: usize) -> Vec<String> {
        let calls = self.world(|world| world.calls[start..].to_vec());
        let reads = ["Get", "List", "Describe"];
        let mut writes: Vec<String> = calls.into_iter().map(|call| call.operation).collect();
        writes.retain(|name| !reads.iter().any(|read| name.starts_with(read)));
        writes
    }
}

/// The world's clock; every look at it takes a while.
fn world_clock(world: &SharedWorld, look: SignedDuration) -> Clock {
    let world = world.clone();
    Clock::new(move || {
        let mut world = world.lock();
        world.advance(look);
        world.now()
    })
}

/// A server that plays the presigned URL.
async fn serve(mailbox: Arc<Mailbox>) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/answer", listener.local_addr().unwrap());
    let app = Router::new().fallback(receive).with_state(mailbox);
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, server)
}

/// A presigned URL takes an answer that was signed for: `PUT`, with an empty content type.
async fn receive(State(mailbox): State<Arc<Mailbox>>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let signed = parts
        .uri
        .query()
        .is_some_and(|query| query.contains("X-Amz-Signature"));
    let kind = parts
        .headers
        .get("content-type")
        .is_none_or(|kind| kind.is_empty());
    if parts.method != "PUT" || !signed || !kind || body.len() > 4096 {
        return StatusCode::FORBIDDEN;
    }
    let mut refuse = mailbox.refuse.lock().unwrap();
    // Whoever is dead does not answer.
    if *refuse > 0 || mailbox.world.lock().faults.is_dead() {
        *refuse = refuse.saturating_sub(1);
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let answer = serde_json::from_slice(&body).unwrap();
    mailbox.answers.lock().unwrap().push(answer);
    StatusCode::OK
}

/// An organization in which nobody has registered anything for Macie yet.
pub fn unregistered(mut world: World) -> World {
    world.macie.administrations.clear();
    world.macie.sessions.clear();
    world.organizations.trusted_services.clear();
    world.organizations.delegated.clear();
    world
}

/// What the custom resources are responsible for, and where members are.
pub fn state(world: &World) -> Vec<String> {
    let organizations = &world.organizations;
    let mut lines = vec![
        format!("trusted {:?}", organizations.trusted_services),
        format!("delegated {:?}", organizations.delegated),
    ];
    for (region, administration) in &world.macie.administrations {
        let administrator = &administration.administrator;
        let members: Vec<&String> = administration.members.keys().collect();
        let auto = administration.auto_enable;
        lines.push(format!(
            "{region}: {administrator}, members {members:?}, auto {auto}"
        ));
    }
    for (scope, session) in &world.macie.sessions {
        lines.push(format!(
            "{}/{}: {:?} {:?} discovery {} {:?} {:?}",
            scope.account,
            scope.region,
            session.status,
            session.finding_publishing_frequency,
            session.discovery.enabled,
            session.export,
            session.publication,
        ));
    }
    lines
}
