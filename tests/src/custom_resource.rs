//! CloudFormation and Lambda as the custom resources see them: requests with a presigned URL on
//! loopback, invocations that are made again when they fail, and continuations.

pub mod faults;
pub mod mailbox;
pub mod state;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
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
use tokio::task::JoinHandle;

use self::mailbox::{Mailbox, serve};
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
        let (account, role) = match resource {
            Resource::Registration => (organization::MANAGEMENT, organization::REGISTRATION_ROLE),
            Resource::AdministratorSettings => {
                (organization::ADMINISTRATOR, organization::SETTINGS_ROLE)
            }
        };
        let key = iam::role_key(account, role);
        Self::with_key(world, resource, account, &key).await
    }

    /// A stack in another account, which has no such role: its function may do everything.
    pub async fn in_account(world: World, resource: Resource, account: &str) -> Self {
        Self::with_key(world, resource, account, &iam::access_key(account)).await
    }

    async fn with_key(world: World, resource: Resource, account: &str, key: &str) -> Self {
        let local = LocalAws::start(world, 0).await.unwrap();
        let shared = local.world().clone();
        let settings = Settings {
            region: Some(EU.to_owned()),
            endpoint: Some(Endpoint {
                url: local.endpoint(),
                access_key_id: key.to_owned(),
                secret_access_key: iam::SECRET.to_owned(),
                http_client: None,
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
                assert!(self.runs < 50, "it goes on for ever");
                if self.invoke(&payload).await {
                    break;
                }
            }
            let next = self.world(|world| std::mem::take(&mut world.lambda.invocations));
            queue.extend(next.into_iter().map(|invocation| invocation.payload));
        }
        let answers = self.take_answers();
        for answer in &answers {
            self.check(&payload, answer);
            let id = answer["PhysicalResourceId"].as_str().unwrap();
            self.physical_id = Some(id.to_owned());
        }
        answers
    }

    /// The answers that came since the last time.
    pub fn take_answers(&self) -> Vec<Value> {
        std::mem::take(&mut *self.mailbox.answers.lock().unwrap())
    }

    /// One invocation; whether it succeeded. A process that died leaves a world that answers again.
    async fn invoke(&self, payload: &Value) -> bool {
        let (resource, deadline) = (self.resource, self.world(|world| world.now()) + RUN);
        let account = &self.account;
        // Functions have the names of their roles.
        let name = match resource {
            Resource::Registration => organization::REGISTRATION_ROLE,
            Resource::AdministratorSettings => organization::SETTINGS_ROLE,
        };
        let invocation = Invocation {
            payload: payload.clone(),
            function_arn: format!("arn:aws:lambda:{EU}:{account}:function:{name}"),
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
