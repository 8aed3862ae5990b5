use jiff::ToSpan;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::usage::Kind;

const ACCOUNT: &str = "300000000001";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn usd(text: &str) -> Usd {
    Usd(text.parse().unwrap())
}

fn policy(budgets: Value) -> Policy {
    let policy = json!({
        "version": 1,
        "homeRegion": "eu-west-1",
        "regions": ["eu-west-1"],
        "budgets": budgets,
    });
    Policy::parse(&policy.to_string()).unwrap()
}

fn capped(cap: &str) -> Policy {
    policy(json!({ "month": { "usd": cap, "action": "warn" } }))
}

fn usage(account: &str, jobs: &str) -> Usage {
    Usage {
        account: account.parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        usd: BTreeMap::from([(Kind::Jobs, usd(jobs))]),
        trial_since: None,
        quota_met: false,
        quota_terabytes: Some(5),
    }
}

/// One account's days, one after the other: the rows, and what each day tells.
fn days(policy: &Policy, days: &[(&str, &str)]) -> Vec<(Row, Vec<Reason>)> {
    let mut previous = BTreeMap::new();
    let mut found = Vec::new();
    for (date, jobs) in days {
        let day = Day {
            policy,
            units: &BTreeMap::new(),
            previous: &previous,
            now: at(&format!("{date}T03:00:00Z")),
        };
        let Snapshot { rows, alerts } = snapshot(&day, &[usage(ACCOUNT, jobs)]);
        let reasons = alerts.iter().map(|alert| alert.reason).collect();
        found.push((rows[0].clone(), reasons));
        previous = rows
            .into_iter()
            .map(|row| (row.account.clone(), row))
            .collect();
    }
    found
}

fn told(policy: &Policy, of: &[(&str, &str)]) -> Vec<Vec<Reason>> {
    days(policy, of).into_iter().map(|(_, told)| told).collect()
}

use Reason::{Budget80, Budget100, ForecastOverBudget, UnusualDay};

/// By hand, with a cap of $100 and the month's end beyond it from the start.
///
/// | day | so far | told |
/// | --- | ---: | --- |
/// | 20 June | 70 | the first snapshot: of a forecast nobody knows whether it is new |
/// | 21 June | 79.99 | nothing |
/// | 22 June | 80 | 80 % |
/// | 23 June | 99.99 | nothing again |
/// | 24 June | 100 | the cap, which is spent when the month has cost as much |
/// | 25 June | 150 | nothing again |
#[test]
fn a_crossing_is_told_once() {
    let june = [
        ("2026-06-20", "70"),
        ("2026-06-21", "79.99"),
        ("2026-06-22", "80"),
        ("2026-06-23", "99.99"),
        ("2026-06-24", "100"),
        ("2026-06-25", "150"),
    ];
    let expected = [
        vec![],
        vec![],
        vec![Budget80],
        vec![],
        vec![Budget100],
        vec![],
    ];
    assert_eq!(told(&capped("100"), &june), expected);
}

#[test]
fn both_crossings_in_one_day_are_one_alert() {
    let june = [("2026-06-20", "10"), ("2026-06-21", "500")];
    assert_eq!(told(&capped("100"), &june), [vec![], vec![Budget100]]);
}

#[test]
fn of_an_account_never_seen_only_a_spent_cap_is_told() {
    assert_eq!(told(&capped("100"), &[("2026-06-20", "85")]), [vec![]]);
    assert_eq!(
        told(&capped("100"), &[("2026-06-20", "100")]),
        [vec![Budget100]]
    );
}

#[test]
fn a_new_month_is_told_anew_and_a_day_of_two_months_is_unknown() {
    let turn = [
        ("2026-06-29", "100"),
        ("2026-06-30", "110"),
        ("2026-07-01", "3"),
        ("2026-07-02", "85"),
        ("2026-07-03", "120"),
    ];
    let days = days(&capped("100"), &turn);
    let told: Vec<_> = days.iter().map(|(_, told)| told.clone()).collect();
    // $85 on 2 July at 03:00 make far more than $100 until the end.
    let second = vec![Budget80, ForecastOverBudget];
    let expected = [vec![Budget100], vec![], vec![], second, vec![Budget100]];
    assert_eq!(told, expected);
    let of_days: Vec<_> = days.iter().map(|(row, _)| row.day_usd).collect();
    assert_eq!(
        of_days,
        [
            None,
            Some(usd("10")),
            None,
            Some(usd("82")),
            Some(usd("35"))
        ]
    );
    let means: Vec<_> = days.iter().map(|(row, _)| row.usual_days).collect();
    assert_eq!(means, [0, 1, 1, 2, 3], "the mean goes on");
    assert_eq!(days[2].0.forecast_usd, None, "on the first day");
}

/// A month that was spent says nothing of the next one, which is spent when it is first seen.
#[test]
fn two_spent_months_are_told_each() {
    let turn = [
        ("2026-06-29", "100"),
        ("2026-06-30", "110"),
        ("2026-07-02", "120"),
    ];
    let days = days(&capped("100"), &turn);
    let told: Vec<_> = days.iter().map(|(_, told)| told.clone()).collect();
    assert_eq!(told, [vec![Budget100], vec![], vec![Budget100]]);
    assert_eq!(days[2].0.day_usd, None, "nobody saw the end of June");
}

#[test]
fn a_cap_that_is_lowered_below_what_is_spent_is_told() {
    let (first, second) = (capped("1000"), capped("50"));
    let before = days(&first, &[("2026-06-20", "60")]).remove(0).0;
    let previous = BTreeMap::from([(before.account.clone(), before)]);
    let day = Day {
        policy: &second,
        units: &BTreeMap::new(),
        previous: &previous,
        now: at("2026-06-21T03:00:00Z"),
    };
    let told = snapshot(&day, &[usage(ACCOUNT, "61")]).alerts;
    assert_eq!(
        told.iter().map(|it| it.reason).collect::<Vec<_>>(),
        [Budget100]
    );
}

#[test]
fn without_a_cap_nothing_is_near_it() {
    let policy = policy(json!({}));
    let june = [("2026-06-20", "1"), ("2026-06-21", "1000000")];
    assert_eq!(told(&policy, &june), [vec![], vec![]]);
}

#[test]
fn the_nearest_units_cap_counts() {
    let month = |usd: &str| json!({ "month": { "usd": usd, "action": "hold" } });
    let units = json!({ "ou-abcd-11111111": month("10"), "ou-abcd-22222222": month("20") });
    let policy = policy(json!({ "organizationalUnits": units }));
    let above = ["ou-abcd-22222222", "ou-abcd-11111111"].map(|unit| unit.parse().unwrap());
    let units = BTreeMap::from([(ACCOUNT.parse().unwrap(), above.to_vec())]);
    let day = Day {
        policy: &policy,
        units: &units,
        previous: &BTreeMap::new(),
        now: at("2026-06-20T03:00:00Z"),
    };
    let rows = snapshot(&day, &[usage(ACCOUNT, "1"), usage("300000000002", "1")]).rows;
    assert_eq!(
        (rows[0].cap_usd, rows[0].cap_action.as_deref()),
        (Some(usd("20")), Some("hold"))
    );
    assert_eq!(rows[1].cap_usd, None);
}

/// Seven days of a dollar, and then one of `last`.
fn after_a_week(last: &str) -> Vec<(Row, Vec<Reason>)> {
    let mut june: Vec<(String, String)> = (1..=8)
        .map(|day| (format!("2026-06-{day:02}"), day.to_string()))
        .collect();
    let end = usd("8").0 + usd(last).0;
    june.push(("2026-06-09".to_owned(), end.to_string()));
    june.push(("2026-06-10".to_owned(), (end + end).to_string()));
    let june: Vec<_> = june.iter().map(|(date, usd)| (&**date, &**usd)).collect();
    days(&policy(json!({})), &june)
}

/// By hand: a usual day costs $1, so an unusual one costs more than $3 and $6 at least.
#[test]
fn an_unusual_day_is_told_once() {
    for (last, is_unusual) in [("1", false), ("5.99", false), ("6", true), ("20", true)] {
        let days = after_a_week(last);
        assert_eq!(days[7].0.usual_day_usd, Some(usd("1")));
        assert_eq!(days[7].0.usual_days, 7);
        assert_eq!(days[8].0.is_unusual, is_unusual, "{last}");
        assert_eq!(
            days[8].1,
            vec![UnusualDay; usize::from(is_unusual)],
            "{last}"
        );
        if is_unusual {
            assert_eq!(days[9].1, vec![], "the day after {last}");
        }
    }
}

/// By hand: a usual day costs $5, so $15 are three, and a cent more is unusual.
#[test]
fn three_usual_days_are_not_unusual() {
    for (last, is_unusual) in [("15", false), ("15.01", true)] {
        let mut june: Vec<(String, String)> = (1..=8)
            .map(|day| (format!("2026-06-{day:02}"), (5 * day).to_string()))
            .collect();
        let end = usd("40").0 + usd(last).0;
        june.push(("2026-06-09".to_owned(), end.to_string()));
        let june: Vec<_> = june.iter().map(|(date, usd)| (&**date, &**usd)).collect();
        let days = days(&policy(json!({})), &june);
        assert_eq!(days[8].0.is_unusual, is_unusual, "{last}");
    }
}

/// $1, and a seventh of the $7 more.
#[test]
fn a_mean_goes_towards_each_day() {
    let days = after_a_week("8");
    assert_eq!(days[8].0.usual_day_usd, Some(usd("2")));
}

#[test]
fn nothing_is_usual_before_a_week() {
    let june = [
        ("2026-06-01", "1"),
        ("2026-06-02", "2"),
        ("2026-06-03", "500"),
    ];
    let policy = policy(json!({}));
    assert_eq!(told(&policy, &june), [vec![], vec![], vec![]]);
}

#[test]
fn days_without_a_snapshot_are_shared_among_and_corrections_left_out() {
    let june = [
        ("2026-06-01", "1"),
        ("2026-06-04", "7"),
        ("2026-06-05", "6.5"),
        ("2026-06-06", "6.5"),
    ];
    let days = days(&policy(json!({})), &june);
    let of_days: Vec<_> = days.iter().map(|(row, _)| row.day_usd).collect();
    assert_eq!(of_days, [None, Some(usd("2")), None, Some(usd("0"))]);
    assert_eq!(days[3].0.usual_days, 2);
}

#[test]
fn a_row_is_read_as_it_was_written() {
    let mut rows: Vec<Row> = days(
        &capped("100"),
        &[("2026-06-20", "1"), ("2026-06-21", "85.5")],
    )
    .into_iter()
    .map(|(row, _)| row)
    .collect();
    rows[0].account = "300000000002".parse().unwrap();
    let text = row::write(&rows).unwrap();
    let line: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(
        line["monthToDateUsd"],
        json!({ "SENSITIVE_DATA_DISCOVERY": "85.5" })
    );
    assert_eq!(
        (&line["capUsd"], &line["capAction"]),
        (&json!("100"), &json!("warn"))
    );
    assert_eq!(
        (&line["dayUsd"], &line["forecastMethod"]),
        (&json!("84.5"), &json!("average-day"))
    );
    let read = row::read(&text).unwrap();
    assert_eq!(read.len(), 2);
    assert!(rows.iter().all(|row| read[&row.account] == *row));
    let newer = text.replace("\"version\":1", "\"version\":2");
    let error = row::read(&newer).unwrap_err().to_string();
    assert_eq!(error, "line 1 has version 2, expected 1");
    assert!(row::read("{}\n").is_err());
    assert!(row::read("").unwrap().is_empty());
}

#[test]
fn a_row_of_a_release_before_the_share_of_the_quota_is_read() {
    let row = days(&capped("100"), &[("2026-06-20", "1")]).remove(0).0;
    let mut line = serde_json::to_value(&row).unwrap();
    let removed = line.as_object_mut().unwrap().remove("quotaUsedPercent");
    assert_eq!(removed, Some(Value::Null), "this Region has no price");
    let read = row::read(&format!("{line}\n")).unwrap();
    assert_eq!(read[&row.account], row);
    let priced = Row {
        quota_used_percent: Some(Decimal::new(125, 1)),
        ..row
    };
    let text = row::write(std::slice::from_ref(&priced)).unwrap();
    assert!(text.contains("\"quotaUsedPercent\":\"12.5\""), "{text}");
    assert_eq!(row::read(&text).unwrap()[&priced.account], priced);
}

/// $1,000 in US East are 1,000 GB, a fifth of 5 TB.
#[test]
fn a_row_has_the_share_of_the_quota_and_says_what_macie_said() {
    let day = Day {
        policy: &policy(json!({})),
        units: &BTreeMap::new(),
        previous: &BTreeMap::new(),
        now: at("2026-06-20T03:00:00Z"),
    };
    let said = Usage {
        region: "us-east-1".parse().unwrap(),
        trial_since: Some(at("2026-06-01T12:00:00Z")),
        ..usage(ACCOUNT, "1000")
    };
    let row = snapshot(&day, std::slice::from_ref(&said)).rows.remove(0);
    assert_eq!(row.quota_used_percent, Some(Decimal::from(20)));
    assert_eq!(row.usage(), said);
}

#[test]
fn the_newest_snapshot_before_today_is_found_among_the_keys() {
    let (region, today): (crate::id::Region, Date) =
        ("eu-west-1".parse().unwrap(), "2026-03-01".parse().unwrap());
    let of = |date: &str| row::key(&region, date.parse().unwrap());
    assert_eq!(
        of("2026-02-28"),
        "usage/region=eu-west-1/date=2026-02-28/usage.jsonl"
    );
    let keys = [
        of("2026-02-20"),
        of("2026-02-27"),
        of("2026-03-02"),
        of("2026-02-26"),
    ];
    let other = "usage/region=eu-west-1/date=2026-02-28/other.jsonl".to_owned();
    let keys: Vec<&str> = keys.iter().chain([&other]).map(String::as_str).collect();
    let kept = row::kept(keys.iter().copied(), &region, today);
    assert_eq!(
        kept,
        row::Kept {
            today: false,
            newest: Some(of("2026-02-27"))
        }
    );
    let now = of("2026-03-01");
    assert!(row::kept([now.as_str()], &region, today).today);
    assert_eq!(
        row::after(&region, today),
        "usage/region=eu-west-1/date=2026-01-20"
    );
    assert_eq!(row::kept([], &region, today), row::Kept::default());
}

/// By hand: 3 accounts and the total, of one kind, may be off by two cents.
#[test]
fn only_more_than_rounding_is_a_difference() {
    let usages = ["1.004", "2.004", "3.004"].map(|jobs| usage(ACCOUNT, jobs));
    let of = |total: &str| {
        let totals = BTreeMap::from([(Kind::Jobs, usd(total))]);
        figures::difference(&usages, &totals)
    };
    assert_eq!(of("6.012"), Usd::default());
    assert_eq!(of("6.03"), Usd::default());
    assert_eq!(of("6.05"), usd("0.038"));
    assert_eq!(of("4"), usd("2.012"));
    let other = BTreeMap::from([(Kind::Jobs, usd("6.012")), (Kind::Monitoring, usd("9"))]);
    assert_eq!(figures::difference(&usages, &other), usd("9"));
}

#[test]
fn a_metric_is_there_though_it_is_zero_and_not_when_it_is_unknown() {
    let (now, region) = (at("2026-06-01T03:00:00Z"), "eu-west-1".parse().unwrap());
    let line = |rows: &[Row], difference| -> Value {
        serde_json::from_str(&figures::of_region(&region, rows, difference, now)).unwrap()
    };
    let nothing = line(&[], Some(Usd::default()));
    let names = nothing["_aws"]["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap();
    assert_eq!(names.len(), 13);
    for name in names {
        assert_eq!(nothing[name["Name"].as_str().unwrap()], 0.0, "{name}");
    }
    assert_eq!(nothing["Region"], "eu-west-1");
    assert_eq!(nothing["_aws"]["Timestamp"], now.as_millisecond());
    let first: Vec<Row> = days(&capped("10"), &[("2026-06-01", "8.5")])
        .into_iter()
        .map(|(row, _)| row)
        .collect();
    let first = line(&first, None);
    assert_eq!(
        (&first["Forecast"], &first["CollectionDifference"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(
        (&first["MonthToDateJobs"], &first["MonthToDate"]),
        (&json!(8.5), &json!(8.5))
    );
    assert_eq!(
        (
            &first["AccountsOver80Percent"],
            &first["AccountsOverBudget"]
        ),
        (&json!(1.0), &json!(0.0))
    );
}

#[test]
fn a_kind_of_a_later_release_is_among_the_others() {
    let mut row = days(&capped("10"), &[("2026-06-02", "8.5")]).remove(0).0;
    row.month_to_date_usd.insert("NEW".to_owned(), usd("2"));
    let line = figures::of_region(
        &row.region.clone(),
        &[row],
        None,
        at("2026-06-02T03:00:00Z"),
    );
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&line["MonthToDateOther"], &line["MonthToDateJobs"]),
        (&json!(2.0), &json!(8.5))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: proptest::test_runner::RngSeed::Fixed(20), ..ProptestConfig::default() })]

    /// In a month without corrections each level is told at most once, and every cap that is spent on
    /// the last day was told.
    #[test]
    fn no_crossing_is_told_twice_or_lost(steps in prop::collection::vec(0_u32..40, 1..28)) {
        let first: Date = "2026-06-01".parse().unwrap();
        let mut total = 0;
        let month: Vec<(String, String)> = steps.iter().zip(0_i64..).map(|(step, day)| {
            total += step;
            (first.saturating_add(day.days()).to_string(), total.to_string())
        }).collect();
        let month: Vec<_> = month.iter().map(|(date, usd)| (&**date, &**usd)).collect();
        let told: Vec<Reason> = told(&capped("100"), &month).into_iter().flatten().collect();
        let times = |reason: Reason| told.iter().filter(|it| **it == reason).count();
        prop_assert!(times(Budget80) <= 1);
        prop_assert_eq!(times(Budget100), usize::from(total >= 100));
    }

    /// The days of a month add up to what the month has cost since its first snapshot.
    #[test]
    fn days_add_up(steps in prop::collection::vec(0_u32..40, 1..28)) {
        let first: Date = "2026-06-01".parse().unwrap();
        let mut total = 0;
        let month: Vec<(String, String)> = steps.iter().zip(0_i64..).map(|(step, day)| {
            total += step;
            (first.saturating_add(day.days()).to_string(), total.to_string())
        }).collect();
        let month: Vec<_> = month.iter().map(|(date, usd)| (&**date, &**usd)).collect();
        let sum = days(&policy(json!({})), &month).into_iter().filter_map(|(row, _)| row.day_usd)
            .fold(Usd::default(), |sum, day| sum + day);
        prop_assert_eq!(sum, Usd((total - steps[0]).into()));
    }
}
