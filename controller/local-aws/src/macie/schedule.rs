//! When a recurring job runs.

use jiff::{Timestamp, ToSpan, Zoned, civil::Weekday, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::wire::invalid;
use crate::error::ApiError;

/// The recurrence pattern of a request: exactly one of the three.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleFrequency {
    /// Every day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily_schedule: Option<Daily>,
    /// Once a week.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly_schedule: Option<Weekly>,
    /// Once a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_schedule: Option<Monthly>,
}

/// An empty object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Daily {}

/// A day of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Weekly {
    /// `SUNDAY` to `SATURDAY`.
    pub day_of_week: String,
}

/// A day of the month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Monthly {
    /// 1 to 31; months that lack the day are skipped.
    pub day_of_month: i64,
}

/// The days on which a recurring job runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// Every day.
    Daily,
    /// Once a week.
    Weekly(Weekday),
    /// On this day of each month that has it.
    Monthly(i8),
}

impl ScheduleFrequency {
    /// The schedule, if the pattern is valid.
    pub fn schedule(&self) -> Result<Schedule, ApiError> {
        match (
            &self.daily_schedule,
            &self.weekly_schedule,
            &self.monthly_schedule,
        ) {
            (Some(Daily {}), None, None) => Ok(Schedule::Daily),
            (None, Some(weekly), None) => weekday(&weekly.day_of_week).map(Schedule::Weekly),
            (None, None, Some(monthly)) => i8::try_from(monthly.day_of_month)
                .ok()
                .filter(|day| (1..=31).contains(day))
                .map(Schedule::Monthly)
                .ok_or_else(|| {
                    invalid(format!(
                        "`dayOfMonth` is {}: expected a number from 1 to 31",
                        monthly.day_of_month
                    ))
                }),
            _ => Err(invalid(
                "`scheduleFrequency` needs exactly one of `dailySchedule`, `weeklySchedule`, `monthlySchedule`",
            )),
        }
    }
}

fn weekday(name: &str) -> Result<Weekday, ApiError> {
    Ok(match name {
        "SUNDAY" => Weekday::Sunday,
        "MONDAY" => Weekday::Monday,
        "TUESDAY" => Weekday::Tuesday,
        "WEDNESDAY" => Weekday::Wednesday,
        "THURSDAY" => Weekday::Thursday,
        "FRIDAY" => Weekday::Friday,
        "SATURDAY" => Weekday::Saturday,
        _ => {
            return Err(invalid(format!(
                "`dayOfWeek` is `{name}`: expected `SUNDAY` to `SATURDAY`"
            )));
        }
    })
}

impl Schedule {
    /// The first run after a time. AWS does not document the time of day; here it is the one at
    /// which the job was created, so that daily runs are 24 hours apart.
    pub fn next(self, created_at: Timestamp, after: Timestamp) -> Timestamp {
        let time = utc(created_at).time();
        // No month of 31 days is further away than 62 days; every pattern matches within that.
        (0..=62)
            .filter_map(|days| utc(after).date().checked_add(days.days()).ok())
            .filter(|date| match self {
                Self::Daily => true,
                Self::Weekly(day) => date.weekday() == day,
                Self::Monthly(day) => date.day() == day,
            })
            .filter_map(|date| TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok())
            .find(|run| *run > after)
            .unwrap_or(Timestamp::MAX)
    }
}

/// A time on the UTC calendar.
pub(super) fn utc(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::UTC)
}

/// The first moment of the next UTC month.
pub(super) fn next_month(at: Timestamp) -> Timestamp {
    utc(at)
        .date()
        .first_of_month()
        .checked_add(1.month())
        .ok()
        .and_then(|date| {
            TimeZone::UTC
                .to_timestamp(date.to_datetime(jiff::civil::Time::midnight()))
                .ok()
        })
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn daily_runs_are_24_hours_apart() {
        let created = at("2026-01-31T10:00:00Z");
        let next = Schedule::Daily.next(created, created);
        assert_eq!(next, at("2026-02-01T10:00:00Z"));
        assert_eq!(
            Schedule::Daily.next(created, at("2026-02-03T10:00:01Z")),
            at("2026-02-04T10:00:00Z")
        );
    }

    #[test]
    fn weekly_runs_fall_on_the_day() {
        // 31 January 2026 is a Saturday.
        let created = at("2026-01-31T10:00:00Z");
        let schedule = Schedule::Weekly(Weekday::Monday);
        assert_eq!(schedule.next(created, created), at("2026-02-02T10:00:00Z"));
        let schedule = Schedule::Weekly(Weekday::Saturday);
        assert_eq!(schedule.next(created, created), at("2026-02-07T10:00:00Z"));
    }

    #[test]
    fn a_month_without_the_day_is_skipped() {
        let created = at("2026-01-31T10:00:00Z");
        let schedule = Schedule::Monthly(31);
        assert_eq!(schedule.next(created, created), at("2026-03-31T10:00:00Z"));
        let after = at("2026-07-31T10:00:00Z");
        assert_eq!(schedule.next(created, after), at("2026-08-31T10:00:00Z"));
    }

    #[test]
    fn a_pattern_is_one_of_three() {
        let parse = |text: &str| {
            serde_json::from_str::<ScheduleFrequency>(text)
                .unwrap()
                .schedule()
        };
        assert_eq!(parse(r#"{"dailySchedule":{}}"#), Ok(Schedule::Daily));
        assert_eq!(
            parse(r#"{"weeklySchedule":{"dayOfWeek":"MONDAY"}}"#),
            Ok(Schedule::Weekly(Weekday::Monday))
        );
        for bad in [
            "{}",
            r#"{"dailySchedule":{},"monthlySchedule":{"dayOfMonth":1}}"#,
            r#"{"monthlySchedule":{"dayOfMonth":32}}"#,
            r#"{"monthlySchedule":{"dayOfMonth":0}}"#,
            r#"{"weeklySchedule":{"dayOfWeek":"Monday"}}"#,
        ] {
            assert_eq!(parse(bad).unwrap_err().code, "ValidationException", "{bad}");
        }
    }

    #[test]
    fn months_start_in_utc() {
        assert_eq!(
            next_month(at("2026-12-31T23:59:59Z")),
            at("2027-01-01T00:00:00Z")
        );
    }
}
