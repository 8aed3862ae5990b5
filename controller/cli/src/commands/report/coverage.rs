//! How far tagged buckets are on their way to being scanned.

use std::collections::BTreeMap;

use controller_core::estimate::{Amount, Progress, Unknown};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{super::estimate::Bucket, Look, spend::percent};

/// Tagged buckets by how far they are.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// All that are known.
    pub tagged: usize,
    /// Accounts and Regions whose tags could not be read: there may be more.
    pub unread: usize,
    /// Of all stages, in the order of the way.
    pub states: Vec<State>,
}

/// The buckets of a stage.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The stage.
    pub stage: Stage,
    /// How many there are.
    pub buckets: usize,
    /// Of a hundred tagged ones.
    pub percent: Decimal,
}

/// How far a tagged bucket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "meaning says what each is")]
pub enum Stage {
    Scanned,
    Scanning,
    Waiting,
    TooNew,
    NotReadable,
    OverQuota,
    Excluded,
    Unknown,
}

impl Stage {
    const ALL: [Self; 8] = [
        Self::Scanned,
        Self::Scanning,
        Self::Waiting,
        Self::TooNew,
        Self::NotReadable,
        Self::OverQuota,
        Self::Excluded,
        Self::Unknown,
    ];

    fn of(bucket: &Bucket) -> Self {
        if let Amount::Unknown { unknown } = &bucket.first_scan {
            match unknown {
                Unknown::NotReadable => return Self::NotReadable,
                Unknown::OverQuota => return Self::OverQuota,
                Unknown::NotSeen | Unknown::New { .. } => return Self::TooNew,
                Unknown::NotRead => return Self::Unknown,
                Unknown::NotEnrolled | Unknown::CatchUp | Unknown::Prices(_) => {}
            }
        }
        match bucket.progress {
            Progress::Done => Self::Scanned,
            Progress::Begun => Self::Scanning,
            Progress::Ahead => Self::Waiting,
        }
    }

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scanned => "scanned",
            Self::Scanning => "being scanned",
            Self::Waiting => "waiting",
            Self::TooNew => "too new",
            Self::NotReadable => "not readable",
            Self::OverQuota => "over the quota",
            Self::Excluded => "excluded",
            Self::Unknown => "unknown",
        }
    }

    /// What that is.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Scanned => "a baseline job has scanned what was in them",
            Self::Scanning => "a baseline job has them, and is at it or paused",
            Self::Waiting => "no baseline job has them yet",
            Self::TooNew => "Macie shows a new bucket, and counts what is in it, within a day",
            Self::NotReadable => "Macie may not read about them: their policies deny it",
            Self::OverQuota => {
                "Macie monitors 10,000 buckets of an account, and these are none of them"
            }
            Self::Excluded => "the policy excludes their accounts",
            Self::Unknown => "something that tells could not be read",
        }
    }
}

impl Coverage {
    /// Counts what was seen.
    pub fn of(looks: &[Look]) -> Self {
        let mut counts: BTreeMap<Stage, usize> = BTreeMap::new();
        for look in looks {
            match &look.estimate {
                Some(row) => row.buckets.iter().for_each(|bucket| {
                    *counts.entry(Stage::of(bucket)).or_default() += 1;
                }),
                None => {
                    let tagged = look
                        .status
                        .opted_in
                        .as_ref()
                        .map_or(0, |tagged| tagged.len());
                    *counts.entry(Stage::Excluded).or_default() += tagged;
                }
            }
        }
        let tagged = counts.values().sum();
        let unread = looks.iter().filter(|look| look.status.opted_in.is_none());
        let states = Stage::ALL.map(|stage| {
            let buckets = counts.get(&stage).copied().unwrap_or_default();
            State {
                stage,
                buckets,
                percent: percent(Decimal::from(buckets), Decimal::from(tagged)),
            }
        });
        Self {
            tagged,
            unread: unread.count(),
            states: states.into(),
        }
    }
}
