//! What is spent from a moment on, read from Macie's own figures, which begin anew every month.

use std::collections::BTreeMap;

use controller_core::{id::Scope, money::Usd, usage::Kind};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};

use crate::Scenario;

type Reading = BTreeMap<(Scope, Kind), f64>;

/// A meter that runs over the ends of months.
#[derive(Debug)]
pub struct Meter {
    last: Reading,
    spent: Reading,
}

impl Meter {
    /// From now on.
    pub async fn start(scenario: &Scenario) -> Self {
        Self {
            last: read(scenario).await,
            spent: Reading::new(),
        }
    }

    /// Adds what was spent since the last look, in the same month.
    pub async fn look(&mut self, scenario: &Scenario) {
        let now = read(scenario).await;
        for (what, dollars) in &now {
            let before = self.last.get(what).copied().unwrap_or_default();
            *self.spent.entry(what.clone()).or_default() += dollars - before;
        }
        self.last = now;
    }

    /// Turns the clock, and looks in the last second of each month.
    pub async fn turn(&mut self, scenario: &Scenario, until: Timestamp) {
        let next = next_month(scenario.now());
        if next <= until {
            turn(scenario, next - SignedDuration::from_secs(1));
            self.look(scenario).await;
            turn(scenario, next);
            self.last = Reading::new();
        }
        turn(scenario, until);
        self.look(scenario).await;
    }

    /// What was spent on a kind by those accounts and Regions.
    pub fn spent(&self, kind: &Kind, of: impl Fn(&Scope) -> bool) -> f64 {
        let spent = self.spent.iter();
        spent
            .filter(|((scope, spent), _)| spent == kind && of(scope))
            .map(|(_, dollars)| dollars)
            .sum()
    }
}

/// Dollars as a number that can be compared by ratio.
pub fn number(usd: Usd) -> f64 {
    usd.0.to_string().parse().unwrap()
}

async fn read(scenario: &Scenario) -> Reading {
    let costs = scenario.costs(&[]).await;
    assert!(costs.trouble.is_empty(), "{costs:?}");
    let mut reading = Reading::new();
    for usage in costs.usages {
        let scope = Scope {
            account: usage.account,
            region: usage.region,
        };
        for (kind, usd) in usage.usd {
            reading.insert((scope.clone(), kind), number(usd));
        }
    }
    reading
}

fn turn(scenario: &Scenario, until: Timestamp) {
    scenario
        .sandbox
        .advance(until.duration_since(scenario.now()));
}

fn next_month(now: Timestamp) -> Timestamp {
    let today = now.to_zoned(TimeZone::UTC).date();
    let first = today.first_of_month().saturating_add(1.month());
    first.to_zoned(TimeZone::UTC).unwrap().timestamp()
}
