//! Controllers, and the event source between the queue and them: it takes messages, hands them
//! over, deletes those that do not come back, and starts a controller that died anew.

use std::{sync::atomic::Ordering, time::Duration};

use controller::{
    config::{Endpoint, Runtime, Settings},
    lambda::{self, Handled},
};
use local_aws::{
    iam,
    organization::{
        self, ADMINISTRATOR, CONTROLLER_ROLE, MEMBER_ROLE, POLICY_PARAMETER, QUEUE, SWEEP_QUEUE,
        SWEEPER_ROLE,
    },
    sqs::{self, Message, QueueId},
};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::{dice::Dice, sim::Shared, wire};
use crate::EU;

/// How long Lambda lets the function run.
const RUN: Duration = Duration::from_secs(120);
/// What messages begin with that nobody can read.
pub const POISON: &str = "poison";
/// Calls that a batch may take for each of its accounts and Regions, and besides.
const CALLS: u32 = 400;

/// The controllers' queue.
pub fn queue() -> QueueId {
    QueueId::new(ADMINISTRATOR, EU, QUEUE)
}

/// The sweep's queue.
pub fn sweep_queue() -> QueueId {
    QueueId::new(ADMINISTRATOR, EU, SWEEP_QUEUE)
}

/// A function that takes from a queue as a role.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its number; the controllers come first.
    pub number: usize,
    role: &'static str,
    queue: QueueId,
}

impl Function {
    /// A controller.
    pub fn controller(number: usize) -> Self {
        Self {
            number,
            role: CONTROLLER_ROLE,
            queue: queue(),
        }
    }

    /// A sweeper.
    pub fn sweeper(number: usize) -> Self {
        Self {
            number,
            role: SWEEPER_ROLE,
            queue: sweep_queue(),
        }
    }
}

/// A function, for ever.
pub async fn run(sim: Shared, function: Function, mut dice: Dice) {
    let mut runtime = start(&sim, &function).await;
    loop {
        let batch = next(&sim, &function.queue, &mut dice).await;
        sleep(dice.time(1, 100)).await;
        let lives = handle(&sim, &function, &runtime, &batch, &mut dice).await;
        sim.busy.fetch_sub(1, Ordering::Relaxed);
        if !lives {
            runtime = start(&sim, &function).await;
        }
    }
}

/// A new process, which knows nothing.
async fn start(sim: &Shared, function: &Function) -> Runtime {
    let number = function.number;
    loop {
        sim.monitor().begins(number, sim.now(), None);
        let settings = settings(sim, function);
        match Runtime::start(&settings, sim.clock(), &sim.setting.tuning).await {
            Ok(runtime) => return runtime,
            Err(error) => {
                sim.note("source", format_args!("controller {number}: {error}"));
                sim.count("starts that failed");
                sleep(Duration::from_secs(30)).await;
            }
        }
    }
}

fn settings(sim: &Shared, function: &Function) -> Settings {
    let url = "http://127.0.0.1:9";
    let sweeps = function.role == SWEEPER_ROLE;
    Settings {
        job_interval: None,
        policy: Some(format!("ssm:{POLICY_PARAMETER}")),
        member_role: Some(MEMBER_ROLE.to_owned()),
        event_bus: Some(organization::BUS.to_owned()),
        queue_url: Some(format!("{url}/{ADMINISTRATOR}/{QUEUE}")),
        sweep_queue_url: sweeps.then(|| format!("{url}/{ADMINISTRATOR}/{SWEEP_QUEUE}")),
        results_bucket: None,
        results_key: None,
        profile: None,
        region: Some(EU.to_owned()),
        endpoint: Some(Endpoint {
            url: url.to_owned(),
            access_key_id: iam::role_key(ADMINISTRATOR, function.role),
            secret_access_key: iam::SECRET.to_owned(),
            http_client: Some(wire::client(sim, function.number)),
        }),
    }
}

/// The next messages, in any order, as soon as there are some.
async fn next(sim: &Shared, queue: &QueueId, dice: &mut Dice) -> Vec<Message> {
    loop {
        let news = sim.news.notified();
        let shuffles = sim.trouble().late > 0 && dice.happens(500);
        let most = dice.pick(&[1, 2, 10]);
        let (messages, next) = sim.world(|world| {
            if let Some(queue) = world.sqs.queues.get_mut(queue).filter(|_| shuffles) {
                dice.shuffle(&mut queue.messages);
            }
            let messages = sqs::receive(world, queue, most).unwrap();
            let waiting = &world.sqs.queues[queue].messages;
            (
                messages,
                waiting.iter().map(|message| message.visible_at).min(),
            )
        });
        if !messages.is_empty() {
            sim.busy.fetch_add(1, Ordering::Relaxed);
            return messages;
        }
        match next {
            Some(next) => tokio::select! {
                biased;
                () = news => {}
                () = wire::wait_until(sim, next) => {}
            },
            None => news.await,
        }
    }
}

/// Hands a batch over; whether the controller is still alive then.
async fn handle(
    sim: &Shared,
    function: &Function,
    runtime: &Runtime,
    batch: &[Message],
    dice: &mut Dice,
) -> bool {
    let number = function.number;
    let deadline = Instant::now() + RUN;
    let dies = dice.happens(sim.trouble().crash);
    let dies_at = (dies && dice.happens(700)).then(|| u32::try_from(dice.between(1, 25)).unwrap());
    let dies_after = (dies && dies_at.is_none()).then(|| dice.time(1, 5_000));
    let killed = sim.monitor().begins(number, sim.now(), dies_at);
    let payload = payload(batch);
    sim.note(
        "source",
        format_args!("controller {number} gets {}", bodies(batch)),
    );
    let handled = tokio::select! {
        biased;
        () = killed.notified() => None,
        () = sleep(dies_after.unwrap_or(RUN)) => None,
        () = sleep_until(deadline) => None,
        handled = lambda::handle(runtime, &payload, Some(deadline)) => Some(handled),
    };
    let (calls, spoiled) = sim.monitor().ends(number);
    let Some(handled) = handled else {
        sim.note("source", format_args!("controller {number} dies"));
        sim.count(if Instant::now() >= deadline {
            "time-outs"
        } else {
            "crashes"
        });
        return false;
    };
    inspect(sim, number, batch, &handled, calls, spoiled);
    sim.world(|world| sim.monitor().settled(world, number));
    delete(sim, &function.queue, batch, &handled, dice);
    true
}

/// What a batch must never come to.
fn inspect(
    sim: &Shared,
    number: usize,
    batch: &[Message],
    handled: &Handled,
    calls: u32,
    spoiled: bool,
) {
    let mut monitor = sim.monitor();
    for report in &handled.reports {
        let line = format!(
            "controller {number} reports {}: {} {:?} {:?}",
            report.scope,
            report.outcome(),
            report
                .changes
                .iter()
                .map(|change| change.kind)
                .collect::<Vec<_>>(),
            report.notes,
        );
        sim.note("source", &line);
        if report.violation.is_some() || report.unsettled {
            monitor.violate(format!("{line} {:?}", report.violation));
        }
        if report.is_held_by_circuit_breaker() {
            sim.count("suspensions held by the circuit breaker");
        }
    }
    let scopes = u32::try_from(handled.reports.len().max(1)).unwrap();
    if calls > CALLS * scopes {
        monitor.violate(format!(
            "controller {number}: {calls} calls for {} messages",
            batch.len()
        ));
    }
    for message in batch
        .iter()
        .filter(|message| handled.failed.contains(&message.id))
    {
        if !spoiled && !message.body.starts_with(POISON) {
            monitor.violate(format!(
                "controller {number} failed at {} for no reason",
                message.body
            ));
        }
    }
}

/// What succeeded does not come again, except when SQS delivers it twice.
fn delete(sim: &Shared, queue: &QueueId, batch: &[Message], handled: &Handled, dice: &mut Dice) {
    // A message that always came again would never end.
    let doubled = sim.trouble().doubled / 4;
    sim.world(|world| {
        let now = world.now();
        let queue = world.sqs.queues.get_mut(queue).unwrap();
        for done in batch
            .iter()
            .filter(|message| !handled.failed.contains(&message.id))
        {
            match dice.happens(doubled) {
                true => {
                    let again = queue
                        .messages
                        .iter_mut()
                        .find(|message| message.id == done.id);
                    again
                        .into_iter()
                        .for_each(|message| message.visible_at = now);
                    sim.count("messages delivered twice");
                }
                false => queue.messages.retain(|message| message.id != done.id),
            }
        }
    });
}

fn payload(batch: &[Message]) -> String {
    let record = |message: &Message| {
        json!({
            "messageId": message.id,
            "receiptHandle": message.receipt_handle(),
            "body": message.body,
            "eventSource": "aws:sqs",
        })
    };
    let records: Vec<_> = batch.iter().map(record).collect();
    json!({ "Records": records }).to_string()
}

/// The messages of a batch in a few words.
fn bodies(batch: &[Message]) -> String {
    let short = |message: &Message| {
        let body: serde_json::Value = serde_json::from_str(&message.body).unwrap_or_default();
        let name = body["detail"]["eventName"]
            .as_str()
            .or(body["detail-type"].as_str());
        let (account, region) = (&body["account"], &body["region"]);
        format!("{} {account} {region}", name.unwrap_or("message"))
    };
    batch.iter().map(short).collect::<Vec<_>>().join(", ")
}
