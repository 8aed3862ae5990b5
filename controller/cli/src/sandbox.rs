//! A local AWS with the controller attached to its queue, in one process: what `demo`, `local` and
//! the tests run. The controller talks to it by the SDK over loopback, as it talks to AWS.

use anyhow::{Context, Result};
use aws_sdk_sqs::types::Message;
use controller::{
    aws::Tuning,
    clock::Clock,
    config::{Endpoint, Runtime, Settings},
    lambda::{self, Handled},
};
use controller_core::{policy::Policy, sweep::Pass};
use jiff::{SignedDuration, Timestamp};
use local_aws::{LocalAws, World, iam, organization, scheduler, sqs::QueueId};
use serde_json::{Value, json};

/// The policy of the local AWS's organization, for those who bring none.
pub const DEFAULT_POLICY: &str = organization::POLICY;
/// Steps in which the clock is turned while something is waiting.
const STEP: SignedDuration = SignedDuration::from_secs(10);
/// Steps after which nothing can be waiting any more: far beyond what Macie and SQS make one wait.
const STEPS: usize = 1_000;

/// A local AWS and the controller.
#[derive(Debug)]
pub struct Sandbox {
    /// The local AWS.
    pub local: LocalAws,
    /// The controller with its policy and queue.
    pub runtime: Runtime,
    /// The sweep, with a role and a queue of its own.
    pub sweeper: Runtime,
    policy: String,
}

impl Sandbox {
    /// Serves the world on a port (0: any) and attaches the controller to the queue.
    pub async fn start(world: World, port: u16, policy: &str, tuning: &Tuning) -> Result<Self> {
        let local = LocalAws::start(world, port)
            .await
            .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))?;
        let runtime = attach(&local, policy, tuning).await?;
        let sweeper = attach_as(organization::SWEEPER_ROLE, &local, policy, tuning).await?;
        Ok(Self {
            local,
            runtime,
            sweeper,
            policy: policy.to_owned(),
        })
    }

    /// Starts the controller anew: what it knew by heart is gone, as after a crash.
    pub async fn restart(&mut self, policy: &str, tuning: &Tuning) -> Result<()> {
        self.runtime = attach(&self.local, policy, tuning).await?;
        let role = organization::SWEEPER_ROLE;
        self.sweeper = attach_as(role, &self.local, policy, tuning).await?;
        policy.clone_into(&mut self.policy);
        Ok(())
    }

    /// Takes messages from both queues as Lambda's event sources do, hands them to the functions
    /// and deletes those that they do not return, until no message is to be had.
    pub async fn pump(&self) -> Result<Vec<Handled>> {
        let mut batches = Vec::new();
        loop {
            let mut quiet = true;
            for (function, queue) in [
                (&self.sweeper, &self.sweeper.sweep_queue_url),
                (&self.runtime, &self.runtime.queue_url),
            ] {
                let queue = queue.as_deref().context("the sandbox has queues")?;
                let messages = receive(function, queue).await?;
                if messages.is_empty() {
                    continue;
                }
                quiet = false;
                let handled = lambda::handle(function, &batch(&messages).to_string(), None).await;
                delete(function, queue, &messages, &handled).await?;
                batches.push(handled);
            }
            if quiet {
                return Ok(batches);
            }
        }
    }

    /// Pumps, and turns the clock forward while something is delayed or comes again, until the
    /// queue is empty.
    pub async fn run_until_quiet(&self) -> Result<Vec<Handled>> {
        let mut batches = self.pump().await?;
        for _ in 0..STEPS {
            if self.is_queue_empty() {
                return Ok(batches);
            }
            self.advance(STEP);
            batches.extend(self.pump().await?);
        }
        anyhow::bail!("messages are still waiting after {STEPS} steps of {STEP:#}")
    }

    /// The schedule puts its message on the sweep's queue.
    pub fn sweep(&self) -> Result<()> {
        self.schedule(&Pass::EVERYTHING)
    }

    /// The hourly schedule does.
    pub fn sweep_pending(&self) -> Result<()> {
        self.schedule(&Pass::PENDING)
    }

    fn schedule(&self, pass: &Pass) -> Result<()> {
        let policy = Policy::parse(&self.policy)?;
        let home = policy.home_region.as_str();
        let queue = QueueId::new(organization::ADMINISTRATOR, home, organization::SWEEP_QUEUE);
        let mut world = self.local.world().lock();
        scheduler::send(&mut world, &queue, pass.message())?;
        Ok(())
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.local.world().lock().now()
    }

    /// Turns the world's clock forward.
    pub fn advance(&self, by: SignedDuration) {
        self.local.world().lock().advance(by);
    }

    fn is_queue_empty(&self) -> bool {
        let world = self.local.world().lock();
        world
            .sqs
            .queues
            .iter()
            .filter(|(id, _)| {
                [organization::QUEUE, organization::SWEEP_QUEUE].contains(&id.name.as_str())
            })
            .all(|(_, queue)| queue.messages.is_empty())
    }
}

async fn receive(function: &Runtime, queue: &str) -> Result<Vec<Message>> {
    let sqs = &function.controller.aws.sqs;
    let messages = sqs.receive_message().queue_url(queue);
    let reply = messages.max_number_of_messages(10).send().await?;
    Ok(reply.messages.unwrap_or_default())
}

async fn delete(
    function: &Runtime,
    queue: &str,
    messages: &[Message],
    handled: &Handled,
) -> Result<()> {
    let sqs = &function.controller.aws.sqs;
    let failed = |message: &&Message| {
        let id = message.message_id();
        id.is_some_and(|id| handled.failed.contains(id))
    };
    for message in messages.iter().filter(|message| !failed(message)) {
        let receipt = message.receipt_handle().unwrap_or_default();
        let call = sqs.delete_message().queue_url(queue);
        call.receipt_handle(receipt).send().await?;
    }
    Ok(())
}

/// A controller of a local AWS; several can be attached to one.
pub async fn attach(local: &LocalAws, policy: &str, tuning: &Tuning) -> Result<Runtime> {
    attach_as(organization::CONTROLLER_ROLE, local, policy, tuning).await
}

/// The same with the credentials of another role of the administrator account, as `maciectl` has
/// an operator's.
pub async fn attach_as(
    role: &str,
    local: &LocalAws,
    policy: &str,
    tuning: &Tuning,
) -> Result<Runtime> {
    let shared = local.world().clone();
    let clock = Clock::new(move || shared.lock().now());
    Ok(Runtime::start(&settings(role, local, policy), clock, tuning).await?)
}

/// The payload that Lambda hands to a function for a batch of SQS messages (AWS Lambda Developer
/// Guide, with-sqs).
fn batch(messages: &[Message]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.message_id(),
                "receiptHandle": message.receipt_handle(),
                "body": message.body(),
                "eventSource": "aws:sqs",
            })
        })
        .collect();
    json!({ "Records": records })
}

fn settings(role: &str, local: &LocalAws, policy: &str) -> Settings {
    let home =
        controller_core::policy::Policy::parse(policy).map(|policy| policy.home_region.to_string());
    let administrator = organization::ADMINISTRATOR;
    let url = |queue: &str| format!("{}/{administrator}/{queue}", local.endpoint());
    let sweeps = role == organization::SWEEPER_ROLE;
    let collects = role == organization::COSTS_ROLE;
    let home = home.ok();
    let of_home = |name: fn(&str) -> String| home.as_deref().filter(|_| collects).map(name);
    Settings {
        policy: Some(policy.to_owned()),
        member_role: Some(organization::MEMBER_ROLE.to_owned()),
        event_bus: Some(organization::BUS.to_owned()),
        queue_url: Some(url(organization::QUEUE)),
        sweep_queue_url: sweeps.then(|| url(organization::SWEEP_QUEUE)),
        results_bucket: of_home(organization::results_bucket),
        results_key: of_home(organization::results_key),
        region: home.clone(),
        endpoint: Some(Endpoint {
            url: local.endpoint(),
            access_key_id: iam::role_key(administrator, role),
            secret_access_key: iam::SECRET.to_owned(),
            http_client: None,
        }),
        ..Settings::default()
    }
}

/// The text of a policy that is given as a file or as JSON text; a sandbox has no SSM.
pub fn policy_text(source: &str) -> Result<String> {
    match source.trim_start().starts_with('{') {
        true => Ok(source.to_owned()),
        false => std::fs::read_to_string(source)
            .with_context(|| format!("cannot read the policy `{source}`")),
    }
}
