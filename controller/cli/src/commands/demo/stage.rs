//! The organization that the demo plays in, and the timeline of what happens on it.

use anyhow::{Context, Result};
use controller::{aws::Tuning, lambda::Handled};
use controller_core::{money::Usd, report::Report};
use jiff::{SignedDuration, Timestamp};
use local_aws::{
    Caller, Clock, World,
    organization::{self, Organization},
    s3,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    output,
    sandbox::{DEFAULT_POLICY, Sandbox},
};

/// The Regions of the demo; the first is the home Region.
pub const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
/// When the demo begins.
const START: &str = "2026-03-02T09:00:00Z";
/// The workload accounts by name.
const ACCOUNTS: [&str; 4] = ["payments", "orders", "analytics", "website"];
/// Objects: account, Region, bucket, key and gigabytes.
const OBJECTS: [(&str, &str, &str, &str, u64); 6] = [
    (
        "payments",
        "eu-west-1",
        "payments-invoices",
        "2025/invoices.csv",
        120,
    ),
    (
        "payments",
        "eu-west-1",
        "payments-exports",
        "exports.json",
        40,
    ),
    ("payments", "eu-west-1", "payments-images", "logo.png", 5),
    ("orders", "us-east-1", "orders-archive", "2024.json.gz", 25),
    ("orders", "us-east-1", "orders-returns", "returns.csv", 8),
    ("website", "eu-west-1", "website-logs", "access.txt", 300),
];
/// A gigabyte in bytes.
const GIGABYTE: u64 = 1_000_000_000;

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// When, by the world's clock.
    pub at: Timestamp,
    /// `team <account>`, `controller` or `clock`.
    pub who: String,
    /// What.
    pub what: String,
    /// Why, where there is a reason to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// The sandbox and its story so far.
#[derive(Debug)]
pub struct Stage {
    /// The local AWS with the controller attached.
    pub sandbox: Sandbox,
    /// What happened.
    pub timeline: Vec<Moment>,
    /// Every report of the controller.
    pub told: Vec<Report>,
    published: usize,
    talks: bool,
}

impl Stage {
    /// An organization of a management account, the administrator and four workload accounts.
    pub async fn set(talks: bool) -> Result<Self> {
        let start: Timestamp = START.parse()?;
        let mut world =
            Organization::new(ACCOUNTS.len(), &REGIONS, Clock::Frozen(start)).build()?;
        furnish(&mut world)?;
        let tuning = Tuning {
            attempts: 1,
            ..Tuning::default()
        };
        let sandbox = Sandbox::start(world, 0, DEFAULT_POLICY, &tuning).await?;
        let stage = Self {
            sandbox,
            timeline: Vec::new(),
            told: Vec::new(),
            published: 0,
            talks,
        };
        if stage.talks {
            output::line(format!(
                "An organization of {} accounts in {}, on a local AWS at {}.\n",
                ACCOUNTS.len() + 2,
                REGIONS.join(" and "),
                stage.sandbox.local.endpoint()
            ));
        }
        Ok(stage)
    }

    /// Begins a chapter.
    pub fn chapter(&self, title: &str) {
        if self.talks {
            output::line(format!("\n── {title}"));
        }
    }

    /// Tells that something happened.
    pub fn tell(&mut self, who: impl Into<String>, what: impl Into<String>, why: Option<String>) {
        let moment = Moment {
            at: self.sandbox.now(),
            who: who.into(),
            what: what.into(),
            why,
        };
        self.push(moment);
    }

    fn push(&mut self, moment: Moment) {
        if self.talks {
            let time = moment.at.strftime("%a %H:%M:%S");
            let why = moment
                .why
                .as_ref()
                .map(|why| format!(" ({why})"))
                .unwrap_or_default();
            output::line(format!("{time}  {:<18} {}{why}", moment.who, moment.what));
        }
        self.timeline.push(moment);
    }

    /// A team does something in its account by the AWS API.
    pub fn team(
        &mut self,
        name: &str,
        what: &str,
        act: impl FnOnce(&mut World, &Caller) -> Result<(), local_aws::ApiError>,
    ) -> Result<()> {
        let caller = organization::admin(&account(name)?);
        let outcome = act(&mut self.sandbox.local.world().lock(), &caller);
        self.tell(
            format!("team {name}"),
            what,
            outcome
                .as_ref()
                .err()
                .map(|error| format!("AWS refuses: {}", error.code)),
        );
        Ok(())
    }

    /// Lets the controller work until nothing is waiting, and tells what it published and refused.
    pub async fn controller(&mut self) -> Result<()> {
        let handled = self.sandbox.run_until_quiet().await?;
        self.tell_published()?;
        self.tell_refused(&handled);
        self.told
            .extend(handled.into_iter().flat_map(|handled| handled.reports));
        Ok(())
    }

    /// The membership of an account, as Macie has it.
    pub fn member(&self, name: &str, region: &str) -> Result<String> {
        let account = account(name)?;
        let world = self.sandbox.local.world().lock();
        let member = world.macie.member(region, &account);
        Ok(member.map_or_else(
            || "not a member".to_owned(),
            |member| format!("{:?}", member.status),
        ))
    }

    /// Turns the clock, lets a sweep run and tells what comes of it.
    pub async fn turn(&mut self, by: SignedDuration, what: &str) -> Result<()> {
        self.sandbox.advance(by);
        self.tell("clock", what, None);
        self.sandbox.sweep()?;
        self.controller().await
    }

    /// Tells what the controller published since the last time.
    pub fn tell_published(&mut self) -> Result<()> {
        let seen: Vec<Value> = {
            let world = self.sandbox.local.world().lock();
            let ours = world.events.seen.iter().filter(|seen| {
                seen.bus.name == organization::BUS
                    && seen.event.get("source") == Some(&Value::from("macie.self-service"))
            });
            ours.skip(self.published)
                .map(|seen| seen.event.clone())
                .collect()
        };
        self.published += seen.len();
        seen.iter().try_for_each(|event| self.tell_event(event))
    }

    fn tell_event(&mut self, event: &Value) -> Result<()> {
        let text = |pointer: &str| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let usd = |name: &str, per: &str| {
            let amount = event
                .pointer(&format!("/detail/estimatedCost/{name}"))
                .and_then(Value::as_str);
            let amount = amount.and_then(|amount| amount.parse().ok());
            amount.map(|amount| format!("{} {per}", Usd(amount)))
        };
        let cost = usd("monthlyUsd", "a month").or_else(|| usd("onceUsd", "once"));
        let cost = cost
            .map(|cost| format!(", about {cost}"))
            .unwrap_or_default();
        let buckets: Vec<&str> = event
            .pointer("/detail/buckets")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let buckets = buckets
            .iter()
            .map(|bucket| format!(" {bucket}"))
            .collect::<String>();
        let what = format!(
            "{}: {}{buckets}{cost}",
            text("/detail-type"),
            name(text("/detail/account"))
        );
        let fix = event
            .pointer("/detail/fix")
            .and_then(Value::as_str)
            .map(|fix| format!("; fix: {fix}"));
        let why = format!("{}{}", text("/detail/reason/text"), fix.unwrap_or_default());
        let at = text("/detail/at")
            .parse()
            .context("a published event has a time")?;
        self.push(Moment {
            at,
            who: "controller".to_owned(),
            what,
            why: Some(why),
        });
        Ok(())
    }

    fn tell_refused(&mut self, handled: &[Handled]) {
        for (_, why) in handled.iter().flat_map(|handled| &handled.refused) {
            self.tell("controller", "Event refused", Some(why.clone()));
        }
    }
}

/// The id of a workload account of the demo.
pub fn account(name: &str) -> Result<String> {
    let position = ACCOUNTS.iter().position(|known| *known == name);
    position
        .map(|n| organization::workload(n + 1))
        .with_context(|| format!("no account `{name}` in the demo"))
}

/// The name of an account of the demo.
pub fn name(id: &str) -> String {
    let known = ACCOUNTS
        .iter()
        .find(|name| account(name).is_ok_and(|known| known == id));
    known.map_or_else(|| id.to_owned(), |name| (*name).to_owned())
}

fn furnish(world: &mut World) -> Result<()> {
    for name in ACCOUNTS {
        if let Some(account) = world.organizations.accounts.get_mut(&account(name)?) {
            account.name = name.to_owned();
        }
    }
    for (team, region, bucket, key, gigabytes) in OBJECTS {
        let caller = organization::admin(&account(team)?);
        s3::create_bucket(world, &caller, region, bucket, &[])?;
        s3::put_object(world, bucket, key, gigabytes * GIGABYTE)?;
    }
    // The queue is empty when the curtain rises: creating buckets has made events too.
    world
        .sqs
        .queues
        .values_mut()
        .for_each(|queue| queue.messages.clear());
    Ok(())
}
