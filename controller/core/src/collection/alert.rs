//! What must be told of a day: crossings, compared with the snapshot before, so that none is told
//! again the next day.

use std::fmt;

use serde::Serialize;
use serde_json::json;

use super::{Row, same_month};
use crate::{
    money::Usd,
    published::{BUDGET_ALERT, Published, VERSION},
};

/// Why an account is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The month has cost four fifths of its cap.
    #[serde(rename = "budget-80")]
    Budget80,
    /// The month has cost its cap.
    #[serde(rename = "budget-100")]
    Budget100,
    /// The month will cost more than its cap if the rest of it is as what has passed.
    ForecastOverBudget,
    /// A day has cost far more than usual.
    UnusualDay,
}

/// Something to tell of an account in a Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// Why.
    pub reason: Reason,
    /// The row that says so.
    pub row: Row,
}

/// How much of its cap a month has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Below,
    Most,
    Spent,
}

impl Level {
    /// Without a cap nothing is near it. A month has spent its cap when it has cost as much, as for
    /// the controller.
    pub(super) fn of(row: &Row) -> Self {
        let Some(cap) = row.cap_usd else {
            return Self::Below;
        };
        let tenths = |usd: Usd, tenths: u32| usd.0.saturating_mul(tenths.into());
        if row.total_usd >= cap {
            Self::Spent
        } else if tenths(row.total_usd, 10) >= tenths(cap, 8) {
            Self::Most
        } else {
            Self::Below
        }
    }

    /// What was told before. A month that has just begun was told of nothing. Of an account that was
    /// never seen nobody knows what was told: a crossing of 80 % is not made up, a cap that is spent is
    /// told.
    fn told(before: Option<&Row>, row: &Row) -> Self {
        match before {
            None => Self::Most,
            Some(before) if same_month(before.collected_at, row.collected_at) => Self::of(before),
            Some(_) => Self::Below,
        }
    }
}

/// Whether the month will cost more than its cap.
pub(super) fn is_forecast_over(row: &Row) -> bool {
    let both = row.forecast_usd.zip(row.cap_usd);
    both.is_some_and(|(forecast, cap)| forecast > cap)
}

/// The alerts of a row.
pub(super) fn alerts(row: &Row, before: Option<&Row>) -> Vec<Alert> {
    let level = Level::of(row);
    let crossed = (level > Level::told(before, row)).then_some(match level {
        Level::Spent => Reason::Budget100,
        Level::Most | Level::Below => Reason::Budget80,
    });
    let was_over = match before {
        None => true,
        Some(before) => {
            same_month(before.collected_at, row.collected_at) && is_forecast_over(before)
        }
    };
    // Of a cap that is spent nobody needs a forecast.
    let over = is_forecast_over(row) && !was_over && level != Level::Spent;
    let unusual = row.is_unusual && !before.is_some_and(|before| before.is_unusual);
    let reasons = [
        crossed,
        over.then_some(Reason::ForecastOverBudget),
        unusual.then_some(Reason::UnusualDay),
    ];
    let alert = |reason| Alert {
        reason,
        row: row.clone(),
    };
    reasons.into_iter().flatten().map(alert).collect()
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, row } = self;
        let or_unknown = |usd: Option<Usd>| usd.map_or("unknown".to_owned(), |usd| usd.to_string());
        let (total, cap) = (row.total_usd, or_unknown(row.cap_usd));
        match reason {
            Reason::Budget80 => write!(f, "the month has cost {total}, 80 % of its cap of {cap}"),
            Reason::Budget100 => write!(f, "the month has cost {total}, its cap is {cap}"),
            Reason::ForecastOverBudget => {
                let end = or_unknown(row.forecast_usd);
                write!(f, "the month will end at about {end}, its cap is {cap}")
            }
            Reason::UnusualDay => {
                let day = or_unknown(row.day_usd);
                write!(f, "a day has cost {day}, more than three usual ones")
            }
        }
    }
}

impl Alert {
    /// The event that is published.
    pub fn published(&self) -> Published {
        let row = &self.row;
        Published {
            detail_type: BUDGET_ALERT,
            detail: json!({
                "version": VERSION,
                "account": row.account,
                "region": row.region,
                "at": row.collected_at,
                "action": "budget-alert",
                "summary": format!("{} in {}: {self}", row.account, row.region),
                "buckets": [],
                "reason": { "code": self.reason, "text": self.to_string() },
                "cost": {
                    "monthToDateUsd": row.total_usd,
                    "forecastUsd": row.forecast_usd,
                    "capUsd": row.cap_usd,
                    "capAction": row.cap_action,
                    "dayUsd": row.day_usd,
                    "usualDayUsd": row.usual_day_usd,
                },
            }),
        }
    }
}
