//! A plan is a complete value: whoever carries it out makes no choices.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::{
    estimate::{Amount, Range, Unknown},
    id::{AccountId, BucketName, JobId, Scope},
    money::Usd,
    observed::{ErrorClass, JobKind, Trouble},
    policy::{JobSettings, TagRule},
};

/// What one reconcile would do, and what it has to say about what it would not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where.
    pub scope: Scope,
    /// What to write. The steps of one plan do not depend on one another: what must come first is
    /// in an earlier plan, because whoever wrote reads again.
    pub steps: Vec<Step>,
    /// What is waiting, blocked or worth telling.
    pub notes: Vec<Note>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The write.
    pub action: Action,
    /// Why.
    pub why: Why,
    /// What it costs.
    pub cost: Cost,
}

/// An estimate, as far as there is one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// US dollars a month from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_usd: Option<Usd>,
    /// US dollars once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub once_usd: Option<Usd>,
    /// The same at least, and what is hardly exceeded (see [`Range`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub once_low_usd: Option<Usd>,
    /// See above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub once_high_usd: Option<Usd>,
    /// Why it is not known what it costs once, and when it will be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub once_unknown: Option<Unknown>,
}

impl Cost {
    /// What the first scan costs, in a sentence.
    pub fn first_scan(&self) -> String {
        match (self.once_usd, self.once_low_usd, self.once_high_usd) {
            (Some(usd), Some(low), Some(high)) => {
                format!("the first scan costs about {usd}, from {low} to {high}")
            }
            _ => {
                let why = self.once_unknown.as_ref().map(|why| format!(": {why}"));
                format!(
                    "the first scan's cost is not known{}",
                    why.unwrap_or_default()
                )
            }
        }
    }

    /// US dollars once.
    pub fn once(amount: Amount) -> Self {
        match amount {
            Amount::Known(Range { low, likely, high }) => Self {
                once_usd: Some(likely),
                once_low_usd: Some(low),
                once_high_usd: Some(high),
                ..Self::default()
            },
            Amount::Unknown { unknown } => Self {
                once_unknown: Some(unknown),
                ..Self::default()
            },
        }
    }
}

/// A write to Macie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `CreateMember`, with the controller's tags.
    CreateMember {
        /// The account's address.
        email: String,
        /// Tags of the new member.
        tags: BTreeMap<String, String>,
    },
    /// `UpdateMemberSession` ENABLED.
    ResumeMember,
    /// `UpdateMemberSession` PAUSED.
    SuspendMember,
    /// `TagResource` on the member.
    TagMember {
        /// Tags to set.
        tags: BTreeMap<String, String>,
    },
    /// `UntagResource` on the member.
    UntagMember {
        /// Keys to remove.
        keys: BTreeSet<String>,
    },
    /// `CreateClassificationJob`.
    CreateJob(JobSpec),
    /// `UpdateClassificationJob` CANCELLED, which is for good.
    CancelJob {
        /// The job.
        job: JobId,
        /// What it was for.
        kind: JobKind,
    },
    /// `UpdateClassificationJob` USER_PAUSED.
    PauseJob {
        /// The job.
        job: JobId,
        /// What it is for.
        kind: JobKind,
    },
    /// `UpdateClassificationJob` RUNNING.
    ResumeJob {
        /// The job.
        job: JobId,
        /// What it is for.
        kind: JobKind,
    },
}

/// A job to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// What it is for.
    pub kind: JobKind,
    /// Its name.
    pub name: String,
    /// Two controllers that see the same world use the same token, so that Macie makes one job.
    pub client_token: String,
    /// The account whose buckets it scans.
    pub account: AccountId,
    /// The buckets of a one-time job; empty for a daily one, which goes by tag.
    pub buckets: BTreeSet<BucketName>,
    /// The tag of a daily job's criterion.
    pub tag: TagRule,
    /// Identifiers, sampling, allow lists.
    pub settings: JobSettings,
}

/// Why a step is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "code")]
pub enum Why {
    /// A bucket is opted in.
    OptedIn {
        /// The first few of them.
        buckets: Vec<BucketName>,
    },
    /// The policy makes the account mandatory.
    Mandatory,
    /// The policy hands a former member over to the controller.
    Adopted,
    /// Macie must be told since when the account went unscanned before it is resumed.
    RememberGap,
    /// No bucket is opted in any more: the grace period begins.
    NoneLeft,
    /// A bucket is opted in again before the grace period ended.
    BackInTime,
    /// The account is caught up.
    CaughtUp,
    /// The grace period is over.
    GraceOver {
        /// Since when no bucket was opted in.
        since: Timestamp,
    },
    /// The account has no daily job.
    NoDailyJob,
    /// The daily job was cancelled.
    DailyJobCancelled,
    /// The policy's job settings or tag have changed.
    JobSettingsChanged,
    /// These buckets hold objects from before they were opted in.
    NewBuckets,
    /// Objects written in the meantime were not scanned.
    Unscanned,
    /// There is an older job of the same kind.
    Duplicate {
        /// The job that stays.
        kept: JobId,
    },
    /// A newer daily job has taken over.
    Replaced,
    /// A bucket of the job is not opted in any more.
    BucketLeft {
        /// The bucket.
        bucket: BucketName,
    },
    /// The policy excludes the account.
    Excluded,
    /// The month's budget is spent.
    OverBudget {
        /// US dollars so far.
        spent: Usd,
        /// The cap.
        cap: Usd,
    },
    /// It is not any more.
    WithinBudget,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OptedIn { buckets } => write!(f, "{} opted in", names(buckets)),
            Self::Mandatory => f.write_str("the policy makes the account mandatory"),
            Self::Adopted => f.write_str("the policy adopts the account"),
            Self::RememberGap => f.write_str("remember since when the account went unscanned"),
            Self::NoneLeft => f.write_str("no opted-in bucket is left: the grace period begins"),
            Self::BackInTime => f.write_str("a bucket is opted in again within the grace period"),
            Self::CaughtUp => f.write_str("nothing is left to catch up with"),
            Self::GraceOver { since } => write!(
                f,
                "no opted-in bucket since {since}: the grace period is over"
            ),
            Self::NoDailyJob => f.write_str("the account has no daily job"),
            Self::DailyJobCancelled => f.write_str("the daily job was cancelled"),
            Self::JobSettingsChanged => f.write_str("the policy's tag or job settings changed"),
            Self::NewBuckets => {
                f.write_str("objects from before the opt-in are not scanned by a daily job")
            }
            Self::Unscanned => f.write_str("objects written in the meantime were not scanned"),
            Self::Duplicate { kept } => write!(f, "job {kept} does the same and is older"),
            Self::Replaced => f.write_str("a newer daily job has taken over"),
            Self::BucketLeft { bucket } => write!(f, "{bucket} is not opted in any more"),
            Self::Excluded => f.write_str("the policy excludes the account"),
            Self::OverBudget { spent, cap } => write!(f, "{}", month_is_spent(*spent, *cap)),
            Self::WithinBudget => f.write_str("the account is within its month's budget again"),
        }
    }
}

fn month_is_spent(spent: Usd, cap: Usd) -> String {
    format!("the account has cost {spent} this month, its budget is {cap}")
}

fn scan_is_dear(bucket: &BucketName, usd: Usd, cap: Usd) -> String {
    format!("the first scan of {bucket} would cost about {usd}, its budget is {cap}")
}

fn names(buckets: &[BucketName]) -> String {
    buckets
        .iter()
        .map(BucketName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Something that is told and not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum Note {
    /// It will happen; somebody else has to move first.
    Waiting(Waiting),
    /// It will not happen until a person does something.
    Blocked(Blocked),
    /// A tag that looks like an opt-in and is not one.
    NearMiss {
        /// The bucket.
        bucket: BucketName,
        /// `Key=Value` as found.
        found: String,
        /// `Key=Value` as it must be.
        expected: String,
    },
    /// The month's budget is spent, and the policy only warns.
    OverBudget {
        /// US dollars so far.
        spent: Usd,
        /// The cap.
        cap: Usd,
    },
    /// A first scan exceeds its budget, and the policy only warns.
    FirstScanOverBudget {
        /// The bucket.
        bucket: BucketName,
        /// The estimate.
        usd: Usd,
        /// The cap.
        cap: Usd,
    },
}

impl Note {
    /// What a warning says; none for what is told elsewhere.
    pub fn warning(&self) -> Option<String> {
        match self {
            Self::OverBudget { spent, cap } => Some(month_is_spent(*spent, *cap)),
            Self::FirstScanOverBudget { bucket, usd, cap } => {
                Some(scan_is_dear(bucket, *usd, *cap))
            }
            Self::Waiting(_) | Self::Blocked(_) | Self::NearMiss { .. } => None,
        }
    }
}

/// For how long an account that left and came back is not proven to have left again.
pub const DEBOUNCE: SignedDuration = SignedDuration::from_mins(10);

/// What a reconcile waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "on")]
pub enum Waiting {
    /// Macie is enabling the member.
    MemberEnabling,
    /// Macie's inventory does not show these buckets with their tag yet.
    Inventory {
        /// The buckets.
        buckets: Vec<BucketName>,
    },
    /// The grace period.
    Grace {
        /// When it ends.
        until: Timestamp,
    },
    /// The account's monthly scan quota: Macie resumes the job by itself.
    Quota {
        /// The job.
        job: JobId,
    },
    /// The account's tag comes and goes: it is left alone for a while.
    Debounce {
        /// Until when.
        until: Timestamp,
    },
    /// Macie's list of members does not show yet that the account is leaving.
    Census,
    /// AWS's limit of one new job per 10 s (Macie User Guide, macie-quotas).
    JobRate {
        /// When the account's turn comes.
        until: Timestamp,
    },
    /// Macie has not counted these buckets, and their first scan has a budget.
    Size {
        /// The buckets.
        buckets: Vec<BucketName>,
        /// When it will have.
        until: Timestamp,
    },
    /// The month's budget is spent: the account's jobs are paused.
    Budget {
        /// US dollars so far.
        spent: Usd,
        /// The cap.
        cap: Usd,
        /// When the next month begins.
        until: Timestamp,
    },
    /// A call that failed and may succeed next time.
    Retry {
        /// The failure.
        trouble: Trouble,
    },
}

impl Waiting {
    /// When to look again; none when the sweep is soon enough.
    pub fn look_again_in(&self, now: Timestamp) -> Option<SignedDuration> {
        match self {
            Self::MemberEnabling | Self::Retry { .. } => Some(SignedDuration::from_secs(30)),
            Self::Inventory { .. } | Self::Census => Some(SignedDuration::from_secs(60)),
            Self::Debounce { until } | Self::JobRate { until } => {
                Some(until.duration_since(now).max(SignedDuration::ZERO))
            }
            Self::Grace { .. } | Self::Quota { .. } | Self::Size { .. } | Self::Budget { .. } => {
                None
            }
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemberEnabling => f.write_str("Macie is enabling the account"),
            Self::Inventory { buckets } => write!(
                f,
                "Macie's inventory does not show {} with its tag yet",
                names(buckets)
            ),
            Self::Grace { until } => write!(f, "the grace period, until {until}"),
            Self::Quota { job } => write!(
                f,
                "job {job}: the account's monthly scan quota is used up; Macie resumes it by itself"
            ),
            Self::Debounce { until } => write!(
                f,
                "the account's tag comes and goes: nothing is done about it until {until:.0}"
            ),
            Self::JobRate { until } => {
                write!(f, "AWS's limit of one new job per 10 s, until {until:.0}")
            }
            Self::Census => {
                f.write_str("Macie's list of members does not show yet that the account is leaving")
            }
            Self::Size { buckets, until } => write!(
                f,
                "Macie has not counted {} yet, whose first scan has a budget; it will by {until:.0}",
                names(buckets)
            ),
            Self::Budget { spent, cap, until } => write!(
                f,
                "{}: its jobs are paused until {until:.0} or a higher budget",
                month_is_spent(*spent, *cap)
            ),
            Self::Retry { trouble } => write!(f, "{trouble}"),
        }
    }
}

/// What keeps a reconcile from going on, and what a person can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
#[expect(
    missing_docs,
    reason = "the fields are named after what they hold, the texts are in Display and fix"
)]
pub enum Blocked {
    /// The policy does not govern the Region.
    RegionNotGoverned,
    /// The policy excludes an account that asks to be enrolled or still is.
    Excluded,
    /// The account belongs to another organization.
    NotInOrganization,
    /// The account is not active.
    AccountNotActive { state: String },
    /// Organizations has no address for the account.
    NoEmail,
    /// The management account must enable Macie by its own hand first.
    ManagementAccount,
    /// The member was not enrolled by the controller.
    NotOwned,
    /// The Region is disabled for the account.
    RegionDisabled,
    /// AWS has suspended the account.
    AccountSuspended,
    /// A relationship by invitation, or with another administrator.
    ForeignRelationship { status: String },
    /// A status that this version does not know.
    UnknownStatus { what: &'static str, status: String },
    /// A person has paused the daily job.
    PausedByPerson { job: JobId },
    /// The same job was created again and again.
    Repeated { name: String },
    /// Too many suspensions at once.
    CircuitBreaker {
        suspended: usize,
        due: usize,
        limit: usize,
        window: String,
    },
    /// A first scan would exceed its budget.
    FirstScanOverBudget {
        bucket: BucketName,
        usd: Usd,
        cap: Usd,
    },
    /// The month's budget is spent.
    MonthOverBudget { spent: Usd, cap: Usd },
    /// A first scan has a budget, and what it would cost is not known.
    CostUnknown {
        bucket: BucketName,
        unknown: Unknown,
    },
    /// The bucket's own budget is no amount.
    BudgetTag { bucket: BucketName, found: String },
    /// Macie has listed the bucket and cannot read it.
    Unreadable { trouble: Trouble },
}

impl Blocked {
    /// The bucket that it is about, if it is about one.
    pub fn bucket(&self) -> Option<&BucketName> {
        match self {
            Self::FirstScanOverBudget { bucket, .. }
            | Self::CostUnknown { bucket, .. }
            | Self::BudgetTag { bucket, .. } => Some(bucket),
            _ => None,
        }
    }

    /// What a person can do.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::RegionNotGoverned => {
                "add the Region to `regions` of the policy, or do not forward its events"
            }
            Self::Excluded => {
                "remove the tag from the account's buckets, or the account from `excluded` of the policy"
            }
            Self::NotInOrganization => {
                "nothing to do: events of foreign accounts are not acted upon"
            }
            Self::AccountNotActive { .. } => "nothing to do until the account is ACTIVE",
            Self::NoEmail => "check the account in AWS Organizations",
            Self::ManagementAccount => {
                "run `aws macie2 enable-macie` in the management account, then add it as a member by hand"
            }
            Self::NotOwned => {
                "add the account to `accounts.adopted` of the policy to let the controller suspend and resume it"
            }
            Self::RegionDisabled => "enable the Region for the account, or remove the tag",
            Self::AccountSuspended => "nothing to do until AWS lifts the suspension of the account",
            Self::ForeignRelationship { .. } => {
                "end the relationship by invitation in the account, then tag again"
            }
            Self::UnknownStatus { .. } => {
                "update the controller: AWS has a status that it does not know"
            }
            Self::PausedByPerson { .. } => {
                "resume the job with `aws macie2 update-classification-job --job-status RUNNING`, or cancel it"
            }
            Self::Repeated { .. } => {
                "find out who cancels it, or whether two controllers have different policies; it is created again tomorrow"
            }
            Self::CircuitBreaker { .. } => {
                "find out why so many accounts lost their last opted-in bucket (`maciectl breaker show` names them); then release those that may go with `maciectl breaker release`"
            }
            Self::FirstScanOverBudget { .. } => {
                "approve it with `maciectl approve`, raise `budgets` of the policy or the bucket's tag `macie:budget`, or remove the tag"
            }
            Self::MonthOverBudget { .. } => {
                "wait for the next month, approve more with `maciectl approve`, or raise `budgets` of the policy"
            }
            Self::CostUnknown { unknown, .. } => match unknown {
                Unknown::Prices(_) => "put the Region's prices into `prices` of the policy",
                Unknown::NotReadable => {
                    "let AWSServiceRoleForAmazonMacie through the bucket's policy"
                }
                Unknown::OverQuota => {
                    "delete buckets that nobody needs, or keep it in another account"
                }
                _ => "nothing: it is asked again with the next sweep",
            },
            Self::BudgetTag { .. } => {
                "tag the bucket with US dollars such as `macie:budget=25`, or remove that tag"
            }
            Self::Unreadable { trouble } => match trouble.class {
                ErrorClass::NotEnabled => {
                    "run `aws macie2 enable-macie` in the administrator account in this Region"
                }
                ErrorClass::Denied => {
                    "check the member role, its trust and permissions, the bucket's policy and the SCPs of the account"
                }
                _ => "nothing is written until this can be read",
            },
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RegionNotGoverned => f.write_str("the policy does not govern the Region"),
            Self::Excluded => f.write_str("the policy excludes the account"),
            Self::NotInOrganization => f.write_str("the account is not in the organization"),
            Self::AccountNotActive { state } => write!(f, "the account is {state}"),
            Self::NoEmail => {
                f.write_str("AWS Organizations shows no email address for the account")
            }
            Self::ManagementAccount => {
                f.write_str("the management account cannot be enrolled from outside")
            }
            Self::NotOwned => {
                f.write_str("the account's membership is not managed by the controller")
            }
            Self::RegionDisabled => f.write_str("the Region is disabled for the account"),
            Self::AccountSuspended => f.write_str("AWS has suspended the account"),
            Self::ForeignRelationship { status } => write!(
                f,
                "the membership is {status}, a relationship by invitation"
            ),
            Self::UnknownStatus { what, status } => {
                write!(f, "the {what} has the unknown status `{status}`")
            }
            Self::PausedByPerson { job } => write!(f, "a person has paused job {job}"),
            Self::Repeated { name } => {
                write!(
                    f,
                    "job `{name}` was created three times within a day and is not created again"
                )
            }
            Self::CircuitBreaker {
                suspended,
                due,
                limit,
                window,
            } => {
                write!(
                    f,
                    "the circuit breaker holds all suspensions in the Region: {suspended} accounts were suspended within {window} and {due} are due, the limit is {limit}"
                )
            }
            Self::FirstScanOverBudget { bucket, usd, cap } => {
                f.write_str(&scan_is_dear(bucket, *usd, *cap))
            }
            Self::MonthOverBudget { spent, cap } => f.write_str(&month_is_spent(*spent, *cap)),
            Self::CostUnknown { bucket, unknown } => write!(
                f,
                "the first scan of {bucket} has a budget, and nobody knows what it costs: {unknown}"
            ),
            Self::BudgetTag { bucket, .. } => {
                write!(
                    f,
                    "the tag `macie:budget` of {bucket} is no amount of dollars"
                )
            }
            Self::Unreadable { trouble } => write!(f, "{trouble}"),
        }
    }
}

impl Plan {
    /// Nothing to do yet.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            steps: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, action: Action, why: Why) {
        self.steps.push(Step {
            action,
            why,
            cost: Cost::default(),
        });
    }

    pub(crate) fn waiting(&mut self, on: Waiting) {
        self.note(Note::Waiting(on));
    }

    pub(crate) fn blocked(&mut self, by: Blocked) {
        self.note(Note::Blocked(by));
    }

    /// A failed read is waited for when time alone may heal it, and blocks when not.
    pub(crate) fn unreadable(&mut self, trouble: &Trouble) {
        let trouble = trouble.clone();
        match trouble.class {
            ErrorClass::RegionDisabled => self.blocked(Blocked::RegionDisabled),
            class if class.passes() => self.waiting(Waiting::Retry { trouble }),
            _ => self.blocked(Blocked::Unreadable { trouble }),
        }
    }

    pub(crate) fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
