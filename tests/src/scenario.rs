//! A scenario: an organization, a controller, a team.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use controller::{aws::Tuning, config::Runtime, lambda::Handled};
use controller_core::{
    event::sweep_message,
    id::Scope,
    policy::Policy,
    report::{Outcome, Report},
};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use local_aws::{
    World,
    events::BusId,
    faults::{Fault, Kind},
    macie, organization, s3,
    sqs::{self, QueueId},
    world::CallRecord,
};
use maciectl::{
    args::{BreakerCommand, Cli, Command, Parser},
    commands::breaker,
    sandbox::{Sandbox, attach, attach_as},
};
use serde_json::{Value, json};

use crate::{Setup, monitor, setup::merge};

/// The home Region.
pub const EU: &str = "eu-west-1";
/// The other governed Region.
pub const US: &str = "us-east-1";
/// The Region of the organization that the policy does not govern.
pub const NOT_GOVERNED: &str = "eu-north-1";
/// 10:00 on a Monday.
pub const START: &str = "2026-03-02T10:00:00Z";
/// Where account 1 of [`Scenario::enrolled`] stands.
pub const ENROLLED: &str = "Enabled | daily | orders: old.csv";
/// Where an account stands that never opted in.
pub const STRANGER: &str = "stranger |  | ";
/// Objects of a bucket that a scenario can tell apart by their sizes.
const OBJECTS: usize = 20;

/// An organization with the controller attached. When it is dropped, the safety monitor reads its
/// whole history.
#[derive(Debug)]
pub struct Scenario {
    /// The local AWS and the controller.
    pub sandbox: Sandbox,
    pub(crate) policy: String,
    pub(crate) tuning: Tuning,
    pub(crate) monitored: AtomicBool,
    /// Objects by bucket, in the order in which they were written.
    pub(crate) sizes: BTreeMap<String, Vec<String>>,
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if !std::thread::panicking() && self.monitored.load(Ordering::Relaxed) {
            self.assert_safe();
        }
    }
}

/// The id of a workload account, counted from 1.
pub fn account(number: usize) -> String {
    organization::workload(number)
}

/// A duration as ISO 8601 writes it.
pub fn duration(text: &str) -> SignedDuration {
    let span: Span = text.parse().unwrap();
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .unwrap()
}

impl Scenario {
    /// Something done to the world by hand.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.sandbox.local.world().lock())
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        Policy::parse(&self.policy).unwrap()
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.world(|world| world.now())
    }

    /// Turns the clock.
    pub fn turn(&self, by: &str) {
        self.sandbox.advance(duration(by));
    }

    /// A team does something to a bucket of its account: a second later than whatever came
    /// before, so that the history tells before from after.
    fn team<T>(&self, number: usize, act: impl FnOnce(&mut World, &local_aws::Caller) -> T) -> T {
        let id = match number {
            0 => organization::ADMINISTRATOR.to_owned(),
            number => account(number),
        };
        self.world(|world| {
            world.advance(SignedDuration::from_secs(1));
            let done = act(world, &organization::admin(&id));
            world.advance(SignedDuration::from_secs(1));
            done
        })
    }

    /// Creates a bucket without tags; account 0 is the administrator.
    pub fn create_bucket(&self, number: usize, region: &str, name: &str) {
        self.create_bucket_with_tags(number, region, name, &[]);
    }

    /// Creates a bucket with tags.
    pub fn create_bucket_with_tags(
        &self,
        number: usize,
        region: &str,
        name: &str,
        tags: &[(&str, &str)],
    ) {
        self.team(number, |world, team| {
            s3::create_bucket(world, team, region, name, tags)
        })
        .unwrap();
    }

    /// Deletes a bucket with what is in it.
    pub fn delete_bucket(&self, number: usize, region: &str, name: &str) {
        self.team(number, |world, team| {
            world.s3.buckets.get_mut(name).unwrap().objects.clear();
            s3::delete_bucket(world, team, region, name)
        })
        .unwrap();
    }

    /// `PutBucketTagging` with `macie=true`.
    pub fn tag(&self, number: usize, region: &str, name: &str) {
        self.tag_with(number, region, name, &[("macie", "true")]);
    }

    /// `PutBucketTagging`.
    pub fn tag_with(&self, number: usize, region: &str, name: &str, tags: &[(&str, &str)]) {
        self.team(number, |world, team| {
            s3::put_bucket_tagging(world, team, region, name, tags)
        })
        .unwrap();
    }

    /// `DeleteBucketTagging`.
    pub fn untag(&self, number: usize, region: &str, name: &str) {
        self.team(number, |world, team| {
            s3::delete_bucket_tagging(world, team, region, name)
        })
        .unwrap();
    }

    /// `TagResource` with `macie=true`.
    pub fn tag_resource(&self, number: usize, region: &str, name: &str) {
        self.team(number, |world, team| {
            s3::tag_resource(world, team, region, name, &[("macie", "true")])
        })
        .unwrap();
    }

    /// `UntagResource` of `macie`.
    pub fn untag_resource(&self, number: usize, region: &str, name: &str) {
        self.team(number, |world, team| {
            s3::untag_resource(world, team, region, name, &["macie"])
        })
        .unwrap();
    }

    /// Writes an object, of a size by which a scan of it can be told from others.
    pub fn put_object(&mut self, bucket: &str, key: &str) {
        let objects = self.sizes.entry(bucket.to_owned()).or_default();
        assert!(objects.len() < OBJECTS && !objects.iter().any(|known| known == key));
        let bytes = 4_u64.pow(u32::try_from(objects.len()).unwrap());
        objects.push(key.to_owned());
        self.team(1, |world, _| s3::put_object(world, bucket, key, bytes))
            .unwrap();
    }

    /// An organization in which account 1 has been enrolled for days with the bucket `orders`,
    /// whose old object is scanned.
    pub async fn enrolled() -> Self {
        let mut scenario = Setup::new(2).start().await;
        scenario.opted_in_bucket(1, EU, "orders");
        scenario.run_well().await;
        scenario.turn("P3D");
        assert_eq!(scenario.at(1, EU), ENROLLED);
        scenario
    }

    /// The same organization, with account 1 suspended since a day.
    pub async fn suspended() -> Self {
        let scenario = Self::enrolled().await;
        scenario.untag(1, EU, "orders");
        scenario.run_well().await;
        scenario.turn("PT25H");
        scenario.sweep().await;
        let end = scenario.at(1, EU);
        assert_eq!(end, "Paused, leaving | daily | orders: old.csv");
        scenario.turn("P1D");
        scenario
    }

    /// A bucket that is there, opted in and has an object.
    pub fn opted_in_bucket(&mut self, number: usize, region: &str, name: &str) {
        self.create_bucket(number, region, name);
        self.put_object(name, "old.csv");
        self.tag(number, region, name);
    }

    /// Somebody else makes an account a member.
    pub fn enrol_by_hand(&self, number: usize, region: &str) {
        let id = account(number);
        self.world(|world| macie::create_member(world, region, &id, BTreeMap::new()))
            .unwrap();
        self.turn("PT1M");
    }

    /// A person releases a suspension that the circuit breaker holds.
    pub async fn release(&self, number: usize, region: &str) {
        let (id, only) = (account(number), region.parse().unwrap());
        let words = ["maciectl", "breaker", "release", "--apply", &id];
        let Command::Breaker { command } = Cli::try_parse_from(words).unwrap().command else {
            panic!("{words:?}");
        };
        let BreakerCommand::Release(args) = command else {
            panic!("{words:?}");
        };
        let rows = breaker::release(&self.operator().await, Some(&only), &args).await;
        assert!(rows.unwrap().iter().all(|row| row.released));
    }

    /// Somebody else suspends or resumes a member.
    pub fn set_member(&self, number: usize, region: &str, status: macie::Status) {
        let id = account(number);
        self.world(|world| macie::update_member_session(world, region, &id, status))
            .unwrap();
    }

    /// A fault from now on.
    pub fn fault(&self, fault: Fault) {
        self.world(|world| world.faults.add(fault));
    }

    /// A fault that hits an operation always.
    pub fn break_always(&self, operation: &str, kind: Kind) {
        self.fault(Fault::always(operation, kind));
    }

    /// No faults any more.
    pub fn heal(&self) {
        self.world(|world| world.faults.clear());
    }

    /// Puts a message on the controller's queue.
    pub fn send(&self, body: &str) {
        let queue = queue(organization::QUEUE);
        self.world(|world| sqs::send(world, &queue, body.to_owned()))
            .unwrap();
    }

    /// What waits in the queue.
    pub fn waiting_messages(&self) -> Vec<String> {
        self.world(|world| sqs::bodies(world, &queue(organization::QUEUE)))
    }

    /// What is in the dead-letter queue.
    pub fn dead_letters(&self) -> Vec<String> {
        self.world(|world| sqs::bodies(world, &queue(organization::DEAD_LETTERS)))
    }

    /// Forgets what is in the queue, as if every event were lost.
    pub fn lose_events(&self) {
        self.world(|world| {
            let id = queue(organization::QUEUE);
            world.sqs.queues.get_mut(&id).unwrap().messages.clear();
        });
    }

    /// Forgets what is in the sweep's queue.
    pub fn lose_sweeps(&self) {
        self.world(|world| {
            let id = queue(organization::SWEEP_QUEUE);
            world.sqs.queues.get_mut(&id).unwrap().messages.clear();
        });
    }

    /// Hands every message to the controller, turning the clock while something is waiting.
    pub async fn run(&self) -> Vec<Handled> {
        let handled = self.sandbox.run_until_quiet().await.unwrap();
        for report in handled.iter().flat_map(|handled| &handled.reports) {
            assert!(report.violation.is_none(), "{report:#?}");
        }
        handled
    }

    /// Like [`Scenario::run`], and nothing may fail.
    pub async fn run_well(&self) -> Vec<Report> {
        let handled = self.run().await;
        let reports: Vec<Report> = handled
            .into_iter()
            .flat_map(|handled| handled.reports)
            .collect();
        for report in &reports {
            assert_ne!(report.outcome(), Outcome::Failed, "{report:#?}");
            assert_eq!(report.unpublished, None, "{report:#?}");
        }
        reports
    }

    /// Hands over what is to be had now, without turning the clock.
    pub async fn pump(&self) -> Vec<Handled> {
        self.sandbox.pump().await.unwrap()
    }

    /// The regular look at everything: one message per account and governed Region.
    pub fn send_sweep(&self) {
        self.sandbox.sweep().unwrap();
    }

    /// Sweeps, and lets everything be done.
    pub async fn sweep(&self) -> Vec<Handled> {
        self.send_sweep();
        self.run().await
    }

    /// The message that asks for one account in a Region to be looked at.
    pub fn send_look(&self, number: usize, region: &str) {
        self.send(&sweep_message(&scope(&account(number), region), "look"));
    }

    /// Looks at one account in a Region, and lets everything be done.
    pub async fn look(&self, number: usize, region: &str) -> Vec<Report> {
        self.send_look(number, region);
        let handled = self.run().await;
        handled
            .into_iter()
            .flat_map(|handled| handled.reports)
            .collect()
    }

    /// The controller starts again, with nothing but its policy.
    pub async fn restart(&mut self) {
        self.sandbox
            .restart(&self.policy, &self.tuning)
            .await
            .unwrap();
    }

    /// The policy, as it is written.
    pub fn policy_text(&self) -> &str {
        &self.policy
    }

    /// Replaces members of the policy and starts the controller again.
    pub async fn change_policy(&mut self, over: Value) {
        let mut policy: Value = serde_json::from_str(&self.policy).unwrap();
        merge(&mut policy, over);
        self.policy = policy.to_string();
        self.restart().await;
    }

    /// The same organization at this moment, with a controller that starts anew: what happens in
    /// the one does not happen in the other.
    pub async fn fork(&self) -> Self {
        let world = self.world(|world| world.clone());
        let sandbox = Sandbox::start(world, 0, &self.policy, &self.tuning)
            .await
            .unwrap();
        Self {
            sandbox,
            policy: self.policy.clone(),
            tuning: self.tuning.clone(),
            monitored: AtomicBool::new(true),
            sizes: self.sizes.clone(),
        }
    }

    /// Another controller of the same world.
    pub async fn another(&self) -> Runtime {
        attach(&self.sandbox.local, &self.policy, &self.tuning)
            .await
            .unwrap()
    }

    /// `maciectl` of an operator, in the same world.
    pub async fn operator(&self) -> Runtime {
        self.runtime_of(organization::OPERATOR_ROLE).await
    }

    /// A function of a role of the administrator account, in the same world.
    pub async fn runtime_of(&self, role: &str) -> Runtime {
        attach_as(role, &self.sandbox.local, &self.policy, &self.tuning)
            .await
            .unwrap()
    }

    /// The calls so far.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.world(|world| world.calls.clone())
    }

    /// The calls of an act as `service:Operation`, sorted; those of the queue's consumer are not
    /// the controller's.
    pub fn operations_since(&self, start: usize) -> Vec<String> {
        let consumer = ["ReceiveMessage", "DeleteMessage"];
        let mut operations: Vec<String> = self.calls()[start..]
            .iter()
            .filter(|call| !consumer.contains(&call.operation.as_str()))
            .map(|call| format!("{}:{}", call.service, call.operation))
            .collect();
        operations.sort();
        operations
    }

    /// The writes among the calls since then, published events apart.
    pub fn writes_since(&self, start: usize) -> Vec<String> {
        let mut operations = self.operations_since(start);
        operations.retain(|name| monitor::is_write(name));
        operations
    }

    /// The suspensions and resumptions that the controller asked for: account and status.
    pub fn session_calls(&self) -> Vec<String> {
        let calls = self.calls().into_iter();
        calls
            .filter(|call| call.operation == "UpdateMemberSession")
            .filter_map(|call| call.target)
            .collect()
    }

    /// The events that were published for an account and Region, in order: `detail-type`s.
    pub fn published(&self, number: usize, region: &str) -> Vec<String> {
        self.published_events(number, region)
            .into_iter()
            .map(|event| event["detail-type"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The events that were published for an account and Region, in order.
    pub fn published_events(&self, number: usize, region: &str) -> Vec<Value> {
        let bus = BusId::new(organization::ADMINISTRATOR, EU, organization::BUS);
        let id = match number {
            0 => organization::ADMINISTRATOR.to_owned(),
            number => account(number),
        };
        self.world(|world| {
            let seen = world.events.seen.iter();
            seen.filter(|seen| seen.bus == bus && seen.event["source"] == "macie.self-service")
                .filter(|seen| {
                    seen.event["detail"]["account"] == json!(id)
                        && seen.event["detail"]["region"] == region
                })
                .map(|seen| seen.event.clone())
                .collect()
        })
    }

    /// Ends the scenario without the monitor: for scenarios in which something else misbehaves.
    pub fn unmonitored(&self) {
        self.monitored.store(false, Ordering::Relaxed);
    }
}

/// An account in a Region.
pub fn scope(account: &str, region: &str) -> Scope {
    Scope {
        account: account.parse().unwrap(),
        region: region.parse().unwrap(),
    }
}

fn queue(name: &str) -> QueueId {
    QueueId::new(organization::ADMINISTRATOR, EU, name)
}
