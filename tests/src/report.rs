//! What a report is made of, without AWS: accounts of every kind, as many as are asked for, with
//! names that would like to be more than text.

use std::collections::BTreeSet;

use controller_core::{
    estimate::{Amount, Progress, Range, Sized, Unknown},
    id::{AccountId, BucketName, Scope},
    money::Usd,
    observed::{BucketSize, ErrorClass, Job, JobKind, JobStatus, Trouble},
    plan::{Blocked, Note, Waiting},
    policy::{Cap, OverBudget, Policy},
    usage::{Kind, Usage},
};
use jiff::{SignedDuration, Timestamp};
use maciectl::commands::{
    cost::Costs,
    estimate,
    report::{Facts, Known, Look, Page},
    status,
};

/// A name of an account, an error and a tag that are markup, unless they are escaped.
pub const HOSTILE: &str = r#"</td><script>alert("1")</script><img src=x onerror='alert(2)'>&amp;"#;
/// Ten days and a half into a month of 31 days.
pub const NOW: &str = "2026-03-11T12:00:00Z";
/// A Region whose prices this release knows.
pub const PRICED: &str = "us-east-1";
/// One whose prices it does not.
pub const UNPRICED: &str = "eu-west-1";
/// One that does not answer.
pub const SILENT: &str = "ap-south-1";

const POLICY: &str = r#"{ "version": 1, "homeRegion": "eu-west-1",
    "regions": ["eu-west-1", "us-east-1", "ap-south-1"] }"#;
/// Kinds of accounts in turn.
const KINDS: usize = 10;

/// What a report is made of.
#[derive(Debug)]
pub struct Sample {
    /// The policy.
    pub policy: Policy,
    /// When it is made.
    pub now: Timestamp,
    /// What Macie told.
    pub costs: Costs,
    /// What was seen.
    pub looks: Vec<Look>,
}

impl Sample {
    /// So many accounts of all kinds in turn.
    pub fn of(accounts: usize) -> Self {
        let now = NOW.parse().unwrap();
        let places = || (0..accounts).map(|number| (number, scope(number)));
        let usages = places().map(|(number, scope)| usage(number, scope));
        Self {
            policy: Policy::parse(POLICY).unwrap(),
            now,
            costs: Costs {
                usages: usages.collect(),
                ..Costs::default()
            },
            looks: places()
                .map(|(number, scope)| look(number, scope))
                .collect(),
        }
    }

    /// The same, and a Region that does not answer.
    pub fn with_a_silent_region(mut self) -> Self {
        let silent = SILENT.parse().unwrap();
        let trouble = trouble("macie2:GetUsageStatistics", ErrorClass::NotEnabled);
        self.costs.trouble.insert(silent, trouble);
        self
    }

    /// The same, with budgets of the month for the first four: spent, nearly spent, far from it, and
    /// not known.
    pub fn with_budgets(mut self) -> Self {
        let cap = |text: &str, action| {
            let usd = usd(text);
            Known::Yes(Some(Cap { usd, action }))
        };
        let caps = [
            cap("1000", OverBudget::Pause),
            cap("600", OverBudget::Hold),
            cap("100000", OverBudget::Warn),
            Known::unknown("the account's units could not be read"),
        ];
        for (look, cap) in self.looks.iter_mut().zip(caps) {
            look.month_cap = cap;
        }
        self
    }

    /// The report.
    pub fn page(&self) -> Page {
        let looks = self.looks.iter();
        let names = looks.map(|look| (look.scope.account.clone(), look.status.name.clone()));
        Page::of(&Facts {
            policy: &self.policy,
            now: self.now,
            costs: &self.costs,
            looks: &self.looks,
            names: names.collect(),
        })
    }
}

/// Why a call failed, in words of somebody else's choice.
pub fn trouble(operation: &'static str, class: ErrorClass) -> Trouble {
    Trouble {
        operation,
        class,
        message: format!("AccessDenied: {HOSTILE}"),
    }
}

/// Dollars.
pub fn usd(text: &str) -> Usd {
    Usd(text.parse().unwrap())
}

fn scope(number: usize) -> Scope {
    let region = if number.is_multiple_of(2) {
        PRICED
    } else {
        UNPRICED
    };
    Scope {
        account: format!("3{number:011}").parse().unwrap(),
        region: region.parse().unwrap(),
    }
}

/// Every account a little less than the one before.
fn usage(number: usize, scope: Scope) -> Usage {
    let Scope { account, region } = scope;
    let jobs = usd(&(1_000 / (number + 1)).to_string());
    Usage {
        account,
        region,
        usd: [(Kind::Monitoring, usd("0.75")), (Kind::Jobs, jobs)].into(),
        trial_since: Some("2026-02-20T00:00:00Z".parse().unwrap())
            .filter(|_| number.is_multiple_of(3)),
        quota_met: number % KINDS == 4,
        quota_terabytes: Some(5),
    }
}

fn look(number: usize, scope: Scope) -> Look {
    let bucket: BucketName = format!("bucket-of-team-{number:05}").parse().unwrap();
    let kind = number % KINDS;
    let is_excluded = kind == 8;
    let status = status::Row {
        account: scope.account.to_string(),
        name: match number {
            1 => HOSTILE.to_owned(),
            number => format!("team-{number}"),
        },
        region: scope.region.to_string(),
        member: if kind == 2 { "not a member" } else { "Enabled" }.to_owned(),
        opted_in: (kind != 7).then(|| BTreeSet::from([bucket.clone()])),
        daily_job: if kind == 2 { "none" } else { "IDLE" }.to_owned(),
        notes: notes(kind, &bucket),
        ..status::Row::default()
    };
    Look {
        estimate: (!is_excluded).then(|| row(kind, &scope, &bucket)),
        jobs: (kind != 7).then(|| jobs(kind, &scope.account, &bucket)),
        is_unread: kind == 7,
        month_cap: Known::Yes(None),
        status,
        scope,
    }
}

fn notes(kind: usize, bucket: &BucketName) -> Vec<Note> {
    let job = || "0123456789abcdef0123456789abcdef".parse().unwrap();
    match kind {
        2 => vec![Note::Waiting(Waiting::MemberEnabling)],
        4 => vec![Note::Waiting(Waiting::Quota { job: job() })],
        5 => vec![Note::Blocked(Blocked::PausedByPerson { job: job() })],
        6 => vec![Note::NearMiss {
            bucket: bucket.clone(),
            found: format!("Macie={HOSTILE}"),
            expected: "macie=true".to_owned(),
        }],
        7 => vec![Note::Blocked(Blocked::Unreadable {
            trouble: trouble("tag:GetResources", ErrorClass::Denied),
        })],
        8 => vec![Note::Blocked(Blocked::Excluded)],
        _ => Vec::new(),
    }
}

fn row(kind: usize, scope: &Scope, bucket: &BucketName) -> estimate::Row {
    let amount = |unknown: Unknown| Amount::Unknown { unknown };
    let (progress, first_scan) = match kind {
        0 | 4 | 5 => (Progress::Done, Amount::Known(Range::default())),
        1 => (Progress::Begun, Amount::Known(range("0", "12", "40"))),
        2 => (Progress::Ahead, amount(Unknown::NotEnrolled)),
        3 => (Progress::Ahead, amount(Unknown::NotReadable)),
        6 => (
            Progress::Ahead,
            amount(Unknown::New {
                until: "2026-03-12T00:00:00Z".parse().unwrap(),
            }),
        ),
        9 => (Progress::Ahead, amount(Unknown::OverQuota)),
        _ => (Progress::Ahead, Amount::Known(range("6", "10", "24"))),
    };
    let has_size = matches!(kind, 0 | 1 | 4 | 5);
    let seen = has_size.then(|| sized(bucket));
    let is_priced = scope.region.as_str() == PRICED;
    let tagged = estimate::Bucket {
        bucket: bucket.clone(),
        progress,
        first_scan,
        sizes_as_of: seen.as_ref().and_then(|seen| seen.updated_at),
        seen,
    };
    let failed = trouble("tag:GetResources", ErrorClass::Denied).to_string();
    estimate::Row {
        account: scope.account.clone(),
        region: scope.region.clone(),
        enrolled: Some(kind != 2),
        prices: is_priced.then_some("list"),
        buckets: (kind != 7).then_some(tagged).into_iter().collect(),
        first_scan_gigabytes: Default::default(),
        quota_left_gigabytes: None,
        monitored_buckets: (kind != 7).then_some(25),
        monitoring_per_month: Amount::Known(range("2.5", "2.5", "2.5")),
        first_scans: Range::default(),
        analysed_gigabyte_usd: None,
        trouble: (kind == 7).then_some(failed).into_iter().collect(),
    }
}

/// 12 GB, of which 4 GB are compressed: one scan is 8 + 4 x 3 gigabytes, at least 12, at most 48.
fn sized(bucket: &BucketName) -> Sized {
    let updated_at: Timestamp = NOW.parse().unwrap();
    Sized {
        name: bucket.clone(),
        size: BucketSize {
            classifiable_bytes: Some(12_000_000_000),
            compressed_bytes: 4_000_000_000,
        },
        objects: None,
        over_quota: false,
        created_at: None,
        updated_at: Some(updated_at - SignedDuration::from_hours(20)),
    }
}

fn range(low: &str, likely: &str, high: &str) -> Range {
    Range {
        low: usd(low),
        likely: usd(likely),
        high: usd(high),
    }
}

fn jobs(kind: usize, account: &AccountId, bucket: &BucketName) -> Vec<Job> {
    let job = |name: &str, kind, status| Job {
        id: "0123456789abcdef0123456789abcdef".parse().unwrap(),
        name: format!("macie-self-service/{account}/{name}"),
        kind,
        status,
        created_at: "2026-03-02T10:00:00Z".parse().unwrap(),
        paused_at: None,
        buckets: [bucket.clone()].into(),
    };
    let spec = || "0123456789abcdef".to_owned();
    let daily = |status| job("daily", JobKind::Daily { spec: spec() }, status);
    let baseline = |status| job("baseline", JobKind::Baseline { spec: spec() }, status);
    match kind {
        0 => vec![daily(JobStatus::Idle), baseline(JobStatus::Complete)],
        1 => vec![daily(JobStatus::Running), baseline(JobStatus::Running)],
        4 => vec![daily(JobStatus::Paused), baseline(JobStatus::Complete)],
        5 => vec![
            daily(JobStatus::UserPaused),
            baseline(JobStatus::UserPaused),
        ],
        9 => vec![daily(JobStatus::Unknown(HOSTILE.to_owned()))],
        _ => Vec::new(),
    }
}
