//! One program attached to one world.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use local_aws::{
    Clock, LocalAws, World,
    organization::{ADMINISTRATOR, CONTROLLER_ROLE},
    world::CallRecord,
};
use serde_json::{Value, json};

use crate::{
    function::{Function, Role, Start},
    programs::{Programs, Subject},
    world::{HOME, set_latency},
};

/// A program and its AWS.
#[derive(Debug)]
pub struct Stage {
    /// Which program.
    pub subject: Subject,
    /// Its AWS.
    pub local: Arc<LocalAws>,
    /// Its process.
    pub function: Function,
}

/// What an invocation came to.
#[derive(Debug)]
pub struct Invoked {
    /// From the program's taking the payload to its answer.
    pub took: Duration,
    /// Ids of messages that come again.
    pub failed: BTreeSet<String>,
    /// The calls that it made.
    pub calls: Vec<CallRecord>,
}

impl Stage {
    /// Serves the world and starts the program.
    pub async fn start(programs: &Programs, subject: Subject, world: World) -> Result<Self> {
        let local = Arc::new(LocalAws::start(world, 0).await?);
        Self::attach(programs, subject, Role::Controller, local, &[HOME]).await
    }

    /// Attaches a function to an AWS that may have others.
    pub async fn attach(
        programs: &Programs,
        subject: Subject,
        role: Role,
        local: Arc<LocalAws>,
        regions: &[&str],
    ) -> Result<Self> {
        if subject != Subject::Controller {
            let_everything(&mut local.world().lock());
        }
        let endpoint = local.endpoint();
        let start = Start {
            subject,
            role,
            endpoint: &endpoint,
            regions,
            clock: None,
        };
        let function = Function::start(programs, start).await?;
        Ok(Self {
            subject,
            local,
            function,
        })
    }

    /// Does something to the world or looks at it.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.local.world().lock())
    }

    /// From now on every call takes so many milliseconds.
    pub fn set_latency(&self, milliseconds: u64) {
        self.world(|world| set_latency(world, milliseconds));
    }

    /// Hands a batch of messages to the program, as the queue's event source does.
    pub async fn invoke(&self, messages: &[(String, String)]) -> Result<Invoked> {
        self.send(batch(messages).to_string()).await
    }

    /// Hands one event over in a batch of one; it must succeed.
    pub async fn event(&self, body: &str) -> Result<Invoked> {
        let invoked = self
            .invoke(&[("message-1".to_owned(), body.to_owned())])
            .await?;
        ensure!(
            invoked.failed.is_empty(),
            "{} failed on {body}",
            self.subject.name()
        );
        Ok(invoked)
    }

    /// Hands any payload over.
    pub async fn send(&self, payload: String) -> Result<Invoked> {
        let (start, ahead) = self.world(|world| (world.calls.len(), ahead(world)));
        let answer = self.function.invoke(payload, ahead).await?;
        let document: Value = serde_json::from_slice(&answer.body)?;
        ensure!(
            answer.kind == "response",
            "{} answers with {document}",
            self.subject.name()
        );
        Ok(Invoked {
            took: answer.answered_at.duration_since(answer.taken_at),
            failed: failed(&document)?,
            calls: self.world(|world| world.calls.iter().skip(start).cloned().collect()),
        })
    }
}

/// The peers have one role, which may do everything: permissions are not what is compared.
fn let_everything(world: &mut World) {
    let key = (ADMINISTRATOR.to_owned(), CONTROLLER_ROLE.to_owned());
    if let Some(role) = world.iam.roles.get_mut(&key) {
        role.allows = vec!["*".to_owned()];
    }
}

/// How far a world is ahead of the machine.
pub fn ahead(world: &World) -> SignedDuration {
    match world.clock {
        Clock::Running { ahead } => ahead,
        Clock::Frozen(_) => SignedDuration::ZERO,
    }
}

/// The payload of a batch (AWS Lambda Developer Guide, with-sqs).
fn batch(messages: &[(String, String)]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|(id, body)| {
            json!({
                "messageId": id,
                "receiptHandle": id,
                "body": body,
                "eventSource": "aws:sqs",
                "awsRegion": HOME,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// The ids that a batch's answer hands back.
fn failed(document: &Value) -> Result<BTreeSet<String>> {
    let Some(failures) = document.get("batchItemFailures") else {
        return Ok(BTreeSet::new());
    };
    let failures = failures.as_array().context("a list of failures")?;
    let ids = failures.iter().map(|failure| {
        let id = failure.get("itemIdentifier").and_then(Value::as_str);
        id.map(str::to_owned).context("an id")
    });
    ids.collect()
}
