//! A dead letter as somebody needs it who was just woken up: what it asks for and why it is there,
//! never its payload.

use controller_core::{
    event::{Incoming, Refusal, Request, parse_many},
    id::{AccountId, BucketName, Region},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

/// A message that the controller could not handle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Its id in the dead-letter queue.
    pub id: String,
    /// When it was first sent.
    pub sent: Option<Timestamp>,
    /// How old it is.
    pub age_seconds: Option<i64>,
    /// How many times it was received, looks at the dead letters included.
    pub received: Option<u32>,
    /// What it is: the kind of the event, or the name of the refusal.
    pub what: &'static str,
    /// The account.
    pub account: Option<AccountId>,
    /// The Region.
    pub region: Option<Region>,
    /// The bucket that it was about.
    pub bucket: Option<BucketName>,
    /// Whether no retry will help, because nobody can read it.
    pub poison: bool,
    /// Why it most likely is here.
    pub why: String,
    /// The queue that it was on.
    #[serde(skip)]
    pub(super) home: Home,
    /// What it says; only to be sent again.
    #[serde(skip)]
    pub(super) body: String,
    /// By which it is deleted or given back.
    #[serde(skip)]
    pub(super) receipt: String,
}

/// The queues whose dead letters end here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// The controller's.
    Controller,
    /// The sweep's.
    Sweep,
}

impl Home {
    fn of(request: &Request) -> Self {
        match request {
            Request::Sweep(_) | Request::Resync { .. } => Self::Sweep,
            // No queue carries what asks for costs: if one did, the controller's would say so again.
            Request::Look(_)
            | Request::Settings(_)
            | Request::Account { .. }
            | Request::Collect => Self::Controller,
        }
    }
}

/// Why messages are here that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries(pub Option<u32>);

/// What SQS says about a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Its id.
    pub id: String,
    /// Its text.
    pub body: String,
    /// By which it is deleted or given back.
    pub receipt: String,
    /// When it was first sent.
    pub sent: Option<Timestamp>,
    /// How many times it was received.
    pub received: Option<u32>,
    /// The code by which EventBridge Scheduler says why it could not send it to the queue.
    pub unsent: Option<String>,
}

impl Letter {
    /// Reads a message as the controller does.
    pub fn read(envelope: Envelope, tries: Tries, now: Timestamp) -> Self {
        let Envelope {
            id,
            body,
            receipt,
            sent,
            received,
            unsent,
        } = envelope;
        let record = json!({ "messageId": id, "eventSource": "aws:sqs", "body": body });
        let read = parse_many(&record.to_string())
            .pop()
            .map(|Incoming { result, .. }| result);
        let refusal = read.as_ref().and_then(|read| read.as_ref().err());
        let request = read.as_ref().and_then(|read| read.as_ref().ok());
        Self {
            what: what(read.as_ref()),
            account: request.and_then(account).cloned(),
            region: request.and_then(region).cloned(),
            bucket: request.and_then(bucket).cloned(),
            home: request.map_or(Home::Controller, Home::of),
            poison: refusal.is_some_and(Refusal::is_poison),
            why: why(refusal, unsent, tries),
            age_seconds: sent.map(|sent| now.duration_since(sent).as_secs()),
            id,
            sent,
            received,
            body,
            receipt,
        }
    }

    /// Whether the filters let it through; what names no account or Region is in none.
    pub fn is_in(&self, account: Option<&AccountId>, region: Option<&Region>) -> bool {
        let account = account.is_none_or(|only| self.account.as_ref() == Some(only));
        account && region.is_none_or(|only| self.region.as_ref() == Some(only))
    }
}

fn account(request: &Request) -> Option<&AccountId> {
    match request {
        Request::Look(trigger) => Some(&trigger.scope.account),
        Request::Resync { scope, .. } => Some(&scope.account),
        Request::Account { account, .. } => Some(account),
        Request::Sweep(_) | Request::Settings(_) | Request::Collect => None,
    }
}

fn region(request: &Request) -> Option<&Region> {
    match request {
        Request::Look(trigger) => Some(&trigger.scope.region),
        Request::Resync { scope, .. } => Some(&scope.region),
        Request::Sweep(pass) => pass.region.as_ref(),
        Request::Settings(region) => Some(region),
        Request::Account { .. } | Request::Collect => None,
    }
}

fn bucket(request: &Request) -> Option<&BucketName> {
    match request {
        Request::Look(trigger) => trigger.bucket.as_ref(),
        Request::Sweep(_)
        | Request::Resync { .. }
        | Request::Settings(_)
        | Request::Collect
        | Request::Account { .. } => None,
    }
}

fn what(read: Option<&Result<Request, Refusal>>) -> &'static str {
    match read {
        Some(Ok(Request::Sweep(pass))) => match (pass.only_pending, &pass.region) {
            (true, _) => "look at what is pending",
            (false, None) => "sweep of everything",
            (false, Some(_)) => "sweep of a Region",
        },
        Some(Ok(Request::Resync { .. })) => "resync",
        Some(Ok(Request::Settings(_))) => "settings",
        Some(Ok(Request::Collect)) => "collection of costs",
        Some(Ok(Request::Account { .. })) => "organization",
        Some(Ok(Request::Look(trigger))) => trigger.cause.name(),
        Some(Err(refusal)) => refusal.name(),
        None => "nothing",
    }
}

fn why(refusal: Option<&Refusal>, unsent: Option<String>, Tries(tries): Tries) -> String {
    match (refusal, unsent, tries) {
        (Some(refusal), ..) => format!("refused: {refusal}"),
        (None, Some(code), _) => format!("it could not be sent to the queue: {code}"),
        (None, None, Some(tries)) => format!("failed {tries} times"),
        (None, None, None) => "failed as often as the queue allows".to_owned(),
    }
}
