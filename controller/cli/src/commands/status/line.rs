//! The line for new jobs, as far as AWS shows it: a slot is the memory of the controller's process,
//! but who lacks which jobs, and since when, everybody can see.

use std::collections::BTreeMap;

use controller_core::{
    observed::{ENROLLED_AT, Member},
    report::{ChangeKind, Report},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// An account's place among those of its Region that lack jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// Counted from 1.
    pub place: usize,
    /// How many accounts wait in the Region.
    pub of: usize,
    /// The jobs that it lacks.
    pub jobs: usize,
    /// The time that the jobs of those before it take at AWS's pace.
    pub about_seconds: i64,
}

/// What an account's place is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wish {
    since: Option<Timestamp>,
    jobs: usize,
}

impl Wish {
    /// The jobs that the next reconcile would create; none for who is not in the line.
    pub fn of(report: &Report, member: Option<&Member>) -> Option<Self> {
        let changes = report.changes.iter();
        let jobs = changes.filter(|change| creates_job(change.kind)).count();
        let since = member.and_then(|member| member.time(ENROLLED_AT).or(member.updated_at));
        (jobs > 0).then_some(Self { since, jobs })
    }
}

fn creates_job(kind: ChangeKind) -> bool {
    matches!(
        kind,
        ChangeKind::DailyJobCreated | ChangeKind::BucketCovered | ChangeKind::CatchUpStarted
    )
}

/// The places of accounts, in the order in which they are given, by their Regions and wishes: who
/// was enrolled first comes first, each with all of its jobs.
pub fn places(wishes: &[(&str, Option<Wish>)], interval: SignedDuration) -> Vec<Option<Place>> {
    let mut regions: BTreeMap<&str, Vec<(Wish, usize)>> = BTreeMap::new();
    for (number, (region, wish)) in wishes.iter().enumerate() {
        let waiting = regions.entry(region).or_default();
        waiting.extend(wish.map(|wish| (wish, number)));
    }
    let mut places = BTreeMap::new();
    for mut waiting in regions.into_values() {
        waiting.sort_by_key(|(wish, number)| (wish.since, *number));
        let mut ahead = SignedDuration::ZERO;
        for (before, (wish, number)) in waiting.iter().enumerate() {
            let place = Place {
                place: before + 1,
                of: waiting.len(),
                jobs: wish.jobs,
                about_seconds: ahead.as_secs(),
            };
            places.insert(*number, place);
            let jobs = i32::try_from(wish.jobs).unwrap_or(i32::MAX);
            ahead = ahead.saturating_add(interval.saturating_mul(jobs));
        }
    }
    (0..wishes.len())
        .map(|number| places.remove(&number))
        .collect()
}

impl Place {
    /// For people.
    pub fn text(&self) -> String {
        let Self {
            place,
            of,
            jobs: _,
            about_seconds,
        } = self;
        let wait = match about_seconds {
            0 => "next".to_owned(),
            1..60 => format!("about {about_seconds} s"),
            seconds => format!("about {} min", (seconds + 30) / 60),
        };
        format!("place {place} of {of} for a new job, {wait}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(second: i64, jobs: usize) -> Option<Wish> {
        let since = Timestamp::from_second(second).ok();
        Some(Wish { since, jobs })
    }

    #[test]
    fn who_was_enrolled_first_comes_first_in_each_region() {
        let wishes = [
            ("eu", wish(30, 2)),
            ("eu", None),
            ("eu", wish(10, 2)),
            ("us", wish(20, 1)),
            ("eu", wish(20, 9)),
        ];
        let places: Vec<Option<String>> = places(&wishes, SignedDuration::from_secs(10))
            .iter()
            .map(|place| place.map(|place| place.text()))
            .collect();
        let expected = [
            Some("place 3 of 3 for a new job, about 2 min"),
            None,
            Some("place 1 of 3 for a new job, next"),
            Some("place 1 of 1 for a new job, next"),
            Some("place 2 of 3 for a new job, about 20 s"),
        ];
        assert_eq!(places, expected.map(|text| text.map(str::to_owned)));
    }
}
