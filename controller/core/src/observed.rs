//! What was read, three-valued: a fact is known, known to be unreadable, or not yet read. Nothing
//! that is not known counts as a "no".

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    estimate::Sized,
    id::{AccountId, BucketName, JobId, Scope, UnitId},
    money::Usd,
    policy::{OptIn, Ownership},
};

/// One thing that a decision may rest on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Fact<T> {
    /// Nobody has asked.
    #[default]
    Unread,
    /// Asked, and not answered.
    Unknown(Trouble),
    /// Answered, completely.
    Known(T),
}

impl<T> Fact<T> {
    /// The answer, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unread | Self::Unknown(_) => None,
        }
    }

    /// Why there is no answer, if it was asked for.
    pub fn trouble(&self) -> Option<&Trouble> {
        match self {
            Self::Unknown(trouble) => Some(trouble),
            Self::Unread | Self::Known(_) => None,
        }
    }

    /// Whether nobody has asked yet.
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Unread)
    }
}

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, thiserror::Error)]
#[error("{operation}: {message}")]
pub struct Trouble {
    /// The AWS operation, e.g. `macie2:GetMember`.
    pub operation: &'static str,
    /// What kind of failure it is.
    pub class: ErrorClass,
    /// AWS's code, message and request id in one line.
    pub message: String,
}

/// Kinds of failure: they decide the metric, the exit code and when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorClass {
    /// Macie is off for the caller in this Region. AWS says so by an AccessDeniedException.
    NotEnabled,
    /// The account has not enabled the Region.
    RegionDisabled,
    /// Not permitted.
    Denied,
    /// Too many requests.
    Throttled,
    /// Somebody else was there first.
    Conflict,
    /// No such thing.
    NotFound,
    /// AWS refuses the request as it is.
    Invalid,
    /// It may work next time: time-outs, lost connections, 5xx.
    Transient,
    /// None of these.
    Other,
}

impl ErrorClass {
    /// Whether trying again later can help without anybody doing anything.
    pub fn passes(self) -> bool {
        matches!(self, Self::Throttled | Self::Conflict | Self::Transient)
    }
}

/// All that has been read about one account in one Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Where.
    pub scope: Scope,
    /// Buckets that an event named.
    pub hints: BTreeSet<BucketName>,
    /// The delegated Macie administrator: the caller.
    pub administrator: AccountId,
    /// The organization's management account.
    pub management: Fact<AccountId>,
    /// The account's relationship with the administrator.
    pub member: Fact<Membership>,
    /// The controller's jobs for this account, cancelled ones included.
    pub jobs: Fact<Vec<Job>>,
    /// Tags read on the buckets themselves.
    pub buckets: BTreeMap<BucketName, Fact<BucketReading>>,
    /// The value of [`BUDGET_TAG`] on buckets that carry it.
    pub budget_tags: BTreeMap<BucketName, String>,
    /// Opted-in buckets according to the tagging index, which lags and is never a proof.
    pub index: Fact<BTreeSet<BucketName>>,
    /// Every bucket of the account in this Region.
    pub listing: Fact<BTreeSet<BucketName>>,
    /// The account in the organization.
    pub account: Fact<Standing>,
    /// The units above the account, nearest first, and the root.
    pub units: Fact<Vec<UnitId>>,
    /// Opted-in buckets as Macie sees them.
    pub inventory: Fact<Inventory>,
    /// How large buckets are whose first scan has a budget; none: Macie does not show the bucket.
    pub sizes: BTreeMap<BucketName, Fact<Option<Sized>>>,
    /// What Macie says that the account has cost in the Region this month.
    pub spent: Fact<Usd>,
    /// When a job last ran.
    pub last_runs: BTreeMap<JobId, Fact<Option<Timestamp>>>,
    /// The administrator's members in this Region, for the circuit breaker.
    pub census: Fact<Census>,
    /// Until when an account that left lately, and came back, is not proven to have left again: a
    /// proof reads every bucket. This is for the sake of cost, and the memory of one process.
    pub debounced_until: Option<Timestamp>,
}

impl Observed {
    /// Nothing read yet.
    pub fn new(scope: Scope, hints: BTreeSet<BucketName>, administrator: AccountId) -> Self {
        Self {
            scope,
            hints,
            administrator,
            management: Fact::Unread,
            member: Fact::Unread,
            jobs: Fact::Unread,
            buckets: BTreeMap::new(),
            budget_tags: BTreeMap::new(),
            index: Fact::Unread,
            listing: Fact::Unread,
            account: Fact::Unread,
            units: Fact::Unread,
            inventory: Fact::Unread,
            sizes: BTreeMap::new(),
            spent: Fact::Unread,
            last_runs: BTreeMap::new(),
            census: Fact::Unread,
            debounced_until: None,
        }
    }

    /// When Macie was last turned on for the account, as far as the member tells.
    pub fn enrolled_at(&self) -> Option<Timestamp> {
        self.known_member()?.updated_at
    }

    /// The member, if the account is known to be one.
    pub fn known_member(&self) -> Option<&Member> {
        match self.member.known() {
            Some(Membership::Member(member)) => Some(member),
            Some(Membership::Stranger) | None => None,
        }
    }

    /// Whether the account is the Macie administrator itself, which is never a member.
    pub fn is_administrator(&self) -> bool {
        self.scope.account == self.administrator
    }

    /// Whether it is too early to prove that nothing is opted in.
    pub fn is_debounced(&self, now: Timestamp) -> bool {
        self.debounced_until.is_some_and(|until| now < until)
    }

    /// Whether a bucket that an event named is opted in, or could not be read to tell.
    pub fn hints_ask(&self) -> bool {
        self.hints.iter().any(|name| match self.bucket(name) {
            Fact::Known(reading) => *reading == BucketReading::OptedIn,
            Fact::Unknown(_) => true,
            Fact::Unread => false,
        })
    }

    /// What was read on a bucket.
    pub fn bucket(&self, name: &BucketName) -> &Fact<BucketReading> {
        self.buckets.get(name).unwrap_or(&Fact::Unread)
    }

    /// Buckets that were read and are opted in: the only ones that may be paid for.
    pub fn confirmed(&self) -> BTreeSet<BucketName> {
        self.buckets
            .iter()
            .filter(|(_, reading)| reading.known() == Some(&BucketReading::OptedIn))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Buckets of the index that no reading contradicts.
    pub fn indexed(&self) -> BTreeSet<BucketName> {
        let Some(index) = self.index.known() else {
            return BTreeSet::new();
        };
        index
            .iter()
            .filter(|name| !self.is_refuted(name))
            .cloned()
            .collect()
    }

    /// Whether a bucket was read and is not opted in, or belongs to somebody else: the account is
    /// denied its tags, and neither the listing nor the index has it. A listing alone refutes
    /// nothing, for it may be older than the bucket, and neither does a failure of another kind.
    fn is_refuted(&self, name: &BucketName) -> bool {
        let listed = self.listing.known().map(|listing| listing.contains(name));
        let indexed = self.index.known().is_some_and(|index| index.contains(name));
        match self.bucket(name) {
            Fact::Known(BucketReading::OptedIn) | Fact::Unread => false,
            Fact::Known(BucketReading::Elsewhere) => listed != Some(true),
            Fact::Known(_) => true,
            Fact::Unknown(trouble) => {
                trouble.class == ErrorClass::Denied && listed == Some(false) && !indexed
            }
        }
    }

    /// What is known about the account's wish.
    pub fn evidence(&self) -> Evidence {
        if !self.confirmed().is_empty() {
            return Evidence::OptedIn;
        }
        if !self.indexed().is_empty() {
            return Evidence::Indexed;
        }
        let troubles = self.troubles();
        if !troubles.is_empty() {
            return Evidence::Unknown(troubles);
        }
        let complete = self.index.known().is_some()
            && self
                .listing
                .known()
                .is_some_and(|listing| listing.iter().all(|name| self.is_refuted(name)))
            && self.hints.iter().all(|name| self.is_refuted(name));
        if complete {
            Evidence::NoneLeft
        } else {
            Evidence::Unproven
        }
    }

    /// Why the account's wish is not wholly known: one trouble of each kind, however many buckets.
    pub fn troubles(&self) -> Vec<Trouble> {
        let buckets = self
            .buckets
            .iter()
            .filter(|(name, _)| !self.is_refuted(name));
        let mut troubles: Vec<Trouble> = buckets
            .filter_map(|(_, reading)| reading.trouble().cloned())
            .chain(self.index.trouble().cloned())
            .chain(self.listing.trouble().cloned())
            .collect();
        troubles.sort();
        troubles.dedup_by(|a, b| a.operation == b.operation && a.class == b.class);
        troubles
    }
}

/// Whether the account has a bucket that is opted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// A bucket was read and carries the tag.
    OptedIn,
    /// Only the index says so.
    Indexed,
    /// Every bucket of a complete listing was read, and none carries the tag.
    NoneLeft,
    /// Nothing says so, and not everything has been looked at.
    Unproven,
    /// Something could not be read.
    Unknown(Vec<Trouble>),
}

/// What a bucket's own tags say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "reading")]
pub enum BucketReading {
    /// The tag is there with an accepted value.
    OptedIn,
    /// It is not.
    NotOptedIn,
    /// A tag is there that looks like it and is not accepted.
    NearMiss {
        /// `Key=Value` of that tag.
        found: String,
    },
    /// There is no such bucket.
    Gone,
    /// The bucket is in another Region.
    Elsewhere,
}

impl From<OptIn> for BucketReading {
    fn from(judgement: OptIn) -> Self {
        match judgement {
            OptIn::Yes => Self::OptedIn,
            OptIn::No => Self::NotOptedIn,
            OptIn::NearMiss { found } => Self::NearMiss { found },
        }
    }
}

/// The account's place among the administrator's members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Macie knows no relationship.
    Stranger,
    /// It knows one.
    Member(Member),
}

/// A relationship, as `GetMember` tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its status.
    pub status: Relationship,
    /// Tags on the member: the controller's memory.
    pub tags: BTreeMap<String, String>,
    /// When the status last changed.
    pub updated_at: Option<Timestamp>,
}

/// Tag key: since when the account has had no opted-in bucket (RFC 3339). It stays through a
/// suspension, and goes as soon as a bucket is opted in again.
pub const OPTED_OUT_SINCE: &str = "macie-self-service:opted-out-since";
/// Tag key: an [`Interval`] in which nobody scanned and that is not caught up with. It outlives
/// [`OPTED_OUT_SINCE`], so that the next grace period begins anew while a catch-up still waits.
pub const UNSCANNED: &str = "macie-self-service:unscanned";
/// Tag key: the [`OPTED_OUT_SINCE`] of an absence whose suspension a person has released although
/// the circuit breaker holds. It is of no use to any other absence.
pub const SUSPENSION_RELEASED: &str = "macie-self-service:suspension-released";
/// Tag key: when the controller enrolled the account (RFC 3339).
pub const ENROLLED_AT: &str = "macie-self-service:enrolled-at";

/// Tag key: an [`Approval`].
pub const APPROVED: &str = "macie-self-service:approved";
/// What the keys of tags begin with that say when the controller paused a job, for its budget; the
/// job's id follows.
const PAUSED: &str = "macie-self-service:paused:";
/// Tag key on a bucket: the most that its first scan may cost, in US dollars.
pub const BUDGET_TAG: &str = "macie:budget";

/// The key of the tag that says when the controller paused a job (RFC 3339). The job itself is of no
/// use for that: Macie's list of jobs shows no tags.
pub fn paused_key(job: &JobId) -> String {
    format!("{PAUSED}{job}")
}

/// What the value of such a tag ends with when the pause that it announced has been seen. Macie gives the
/// time of a pause only for a job that was running (Macie API Reference, UserPausedDetails), so without
/// this the pause of an idle one could be a person's.
pub const CONFIRMED: &str = "/paused";

/// The job that such a key is about.
pub fn of_paused_key(key: &str) -> Option<JobId> {
    key.strip_prefix(PAUSED)?.parse().ok()
}

/// What a person has approved: an account may cost so much, until a time, whatever its caps are; as
/// text `usd/until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Approval {
    /// US dollars, of each cap.
    pub usd: Usd,
    /// Until when.
    pub until: Timestamp,
}

impl Approval {
    /// Reads `usd/until`; an unreadable one is as good as none.
    pub fn parse(text: &str) -> Option<Self> {
        let (usd, until) = text.split_once('/')?;
        Some(Self {
            usd: Usd::budget(usd)?,
            until: until.parse().ok()?,
        })
    }
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.usd.0, self.until)
    }
}

impl Member {
    /// Whether the controller enrolled or adopted this member.
    pub fn is_owned(&self, ownership: &Ownership) -> bool {
        self.tags.get(&ownership.key) == Some(&ownership.value)
    }

    /// Whether a person has released the suspension that is due.
    pub fn is_released(&self) -> bool {
        let released = self.tags.get(SUSPENSION_RELEASED);
        released.is_some() && released == self.tags.get(OPTED_OUT_SINCE)
    }

    /// When the controller announced that it pauses a job, if it has seen since that it did.
    pub fn paused_since(&self, job: &JobId) -> Option<Timestamp> {
        let mark = self.tags.get(&paused_key(job))?;
        mark.strip_suffix(CONFIRMED)?.parse().ok()
    }

    /// A time kept in a tag; an unreadable one is as good as none.
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        self.tags.get(key)?.parse().ok()
    }

    /// The time in which nobody scanned; an unreadable one is as good as none.
    pub fn unscanned(&self) -> Option<Interval> {
        Interval::parse(self.tags.get(UNSCANNED)?)
    }
}

/// A time with a begin and an end, as text `begin/end` (ISO 8601).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// The begin.
    pub begin: Timestamp,
    /// The end, not before the begin.
    pub end: Timestamp,
}

impl Interval {
    /// Reads `begin/end`.
    pub fn parse(text: &str) -> Option<Self> {
        let (begin, end) = text.split_once('/')?;
        let (begin, end) = (begin.parse().ok()?, end.parse().ok()?);
        (begin <= end).then_some(Self { begin, end })
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.begin, self.end)
    }
}

/// `relationshipStatus` of Macie's members (Macie API Reference, RelationshipStatus).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum Relationship {
    Enabled,
    Paused,
    Invited,
    Created,
    Removed,
    Resigned,
    EmailVerificationInProgress,
    EmailVerificationFailed,
    RegionDisabled,
    AccountSuspended,
    /// A value that this version does not know.
    #[serde(untagged)]
    Unknown(String),
}

/// A job of the controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Macie's id.
    pub id: JobId,
    /// Its name, of which the kind was read.
    pub name: String,
    /// What it is for.
    pub kind: JobKind,
    /// Its status.
    pub status: JobStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was paused, if it is [`JobStatus::UserPaused`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_at: Option<Timestamp>,
    /// The buckets that a one-time job lists.
    pub buckets: BTreeSet<BucketName>,
}

/// What a job of the controller is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum JobKind {
    /// Scans every day what was written to opted-in buckets since the day before.
    Daily {
        /// Hash of everything that a daily job is made of.
        spec: String,
    },
    /// Scans once what newly opted-in buckets already held.
    Baseline {
        /// Hash of the buckets.
        spec: String,
    },
    /// Scans once what was written while nobody was looking.
    CatchUp {
        /// Since when.
        since: Timestamp,
    },
}

/// `jobStatus` of Macie's jobs (Macie API Reference, JobStatus).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum JobStatus {
    /// Working.
    Running,
    /// A daily job between two runs.
    Idle,
    /// Paused by Macie: the account's monthly quota is used up. It resumes by itself.
    Paused,
    /// Paused by a person, and then never touched; or by the controller for the account's budget, which
    /// a tag on the member says.
    UserPaused,
    /// Cancelled for good.
    Cancelled,
    /// A one-time job that has ended.
    Complete,
    /// A value that this version does not know.
    #[serde(untagged)]
    Unknown(String),
}

impl JobStatus {
    /// Whether the job scans now or will again. An unknown status counts as live: nobody creates
    /// a second job beside it.
    pub fn is_live(&self) -> bool {
        !matches!(self, Self::Cancelled | Self::Complete)
    }
}

/// The account in the organization, as `DescribeAccount` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Not an account of this organization.
    Outside,
    /// An account of it.
    Inside {
        /// The root user's address, which `CreateMember` requires.
        email: String,
        /// Its state.
        state: AccountState,
    },
}

/// `State` of an account (Organizations API Reference, Account; `Status` is retired).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountState {
    /// In use.
    Active,
    /// Anything else, by AWS's name, values that this version does not know included.
    Other(String),
}

/// Opted-in buckets as Macie's inventory shows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// Buckets that carry the tag in Macie's eyes. When one was created is known of those that were
    /// asked for by name.
    pub buckets: BTreeMap<BucketName, Sized>,
    /// All buckets of the account that Macie monitors and charges for, if it said.
    pub monitored: Option<u64>,
}

/// How much Macie would analyse in a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BucketSize {
    /// Bytes in objects that Macie can analyse; none when Macie cannot tell.
    pub classifiable_bytes: Option<u64>,
    /// Bytes of all that in compressed files, which Macie analyses unpacked.
    pub compressed_bytes: u64,
}

/// The members of the administrator in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// How many there are, suspended ones included.
    pub members: usize,
    /// Those that are suspended, and those that carry [`OPTED_OUT_SINCE`].
    pub leaving: BTreeMap<AccountId, Member>,
}
