//! The kinds of events that are measured: what is there before, what happens, what must be there
//! afterwards.

use anyhow::{Result, ensure};
use local_aws::World;
use serde::{Deserialize, Serialize};

use crate::{
    programs::Subject,
    world::{OPT_IN, bucket, create_buckets, daily_jobs, event_of, is_leaving, member, tag},
};

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The first bucket of an account is tagged.
    FirstOptIn,
    /// Another bucket of an enrolled account is tagged.
    SecondBucket,
    /// Another tag of a covered bucket changes.
    IrrelevantChange,
    /// A tag changes in an account that never opted in.
    NeverOptedIn,
    /// The event of an opt-in comes a second time.
    Duplicate,
    /// A bucket is opted out, another one remains.
    OptOutOthersLeft,
    /// The last opted-in bucket is opted out.
    OptOutLast,
}

impl Kind {
    /// In the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::FirstOptIn,
        Self::SecondBucket,
        Self::IrrelevantChange,
        Self::NeverOptedIn,
        Self::Duplicate,
        Self::OptOutOthersLeft,
        Self::OptOutLast,
    ];

    /// As the tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstOptIn => "opt-in of a first bucket",
            Self::SecondBucket => "opt-in of a second bucket",
            Self::IrrelevantChange => "another tag of a covered bucket",
            Self::NeverOptedIn => "account that never opted in",
            Self::Duplicate => "duplicate event",
            Self::OptOutOthersLeft => "opt-out, another bucket left",
            Self::OptOutLast => "opt-out of the last bucket",
        }
    }

    /// Whether its cost may depend on how many buckets an account has.
    pub fn looks_at_others(self) -> bool {
        matches!(self, Self::OptOutOthersLeft | Self::OptOutLast)
    }

    /// Tags before the measured event, by the number of the bucket. The program handles these
    /// events before anything is timed. The bucket that remains is in the middle of the listing:
    /// whoever looks for it one by one finds it after half of them.
    fn opted_in_before(self, buckets: usize) -> Vec<usize> {
        match self {
            Self::FirstOptIn | Self::NeverOptedIn => vec![],
            Self::SecondBucket | Self::IrrelevantChange | Self::Duplicate | Self::OptOutLast => {
                vec![0]
            }
            Self::OptOutOthersLeft => vec![0, buckets / 2],
        }
    }

    /// Puts an account with so many buckets into the world; the events that the program handles
    /// before anything is timed.
    pub fn prepare(self, world: &mut World, account: usize, buckets: usize) -> Result<Vec<String>> {
        create_buckets(world, account, buckets)?;
        let opted_in = self.opted_in_before(buckets).into_iter();
        let events =
            opted_in.map(|number| event_of(world, |world| tag(world, account, number, &OPT_IN)));
        events.collect()
    }

    /// What the team does: the event of it.
    pub fn happen(self, world: &mut World, account: usize) -> Result<String> {
        let team: &[(&str, &str)] = &[("team", "a")];
        event_of(world, |world| match self {
            Self::FirstOptIn => tag(world, account, 0, &OPT_IN),
            Self::SecondBucket => tag(world, account, 1, &OPT_IN),
            Self::IrrelevantChange => tag(world, account, 0, &[("macie", "true"), ("team", "a")]),
            Self::NeverOptedIn => tag(world, account, 0, team),
            // The same tags again: the event is another one, what it says is not.
            Self::Duplicate => tag(world, account, 0, &OPT_IN),
            Self::OptOutOthersLeft | Self::OptOutLast => tag(world, account, 0, team),
        })
    }

    /// Whether the world is right afterwards.
    pub fn check(self, world: &World, account: usize, subject: Subject) -> Result<()> {
        let (status, jobs) = (member(world, account), daily_jobs(world, account));
        let expected = match (self, subject) {
            (Self::NeverOptedIn, _) => ("stranger", 0),
            // The controller marks the member and suspends it when the grace period is over.
            (Self::OptOutLast, Subject::Controller) => ("Enabled", 1),
            (Self::OptOutLast, _) => ("Paused", 1),
            _ => ("Enabled", 1),
        };
        let marked = self == Self::OptOutLast && subject == Subject::Controller;
        ensure!(
            (status.as_str(), jobs) == expected && is_leaving(world, account) == marked,
            "{} with {}: account {account} ends {status} with {jobs} daily jobs, expected {expected:?} ({})",
            self.name(),
            subject.name(),
            bucket(account, 0),
        );
        Ok(())
    }
}
