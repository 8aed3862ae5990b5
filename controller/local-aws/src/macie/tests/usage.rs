use serde_json::{Value, json};

use super::*;
use crate::macie::Prices;

fn usage(world: &mut World, request: Value) -> Vec<(String, String, String)> {
    let reply = send(world, ADMIN, "POST", "/usage/statistics", request).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let record = |record: &Value| {
        let cost = |index: usize| text(&record["usage"][index]["estimatedCost"]);
        (text(&record["accountId"]), cost(0), cost(1))
    };
    reply["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(record)
        .collect()
}

fn month(world: &mut World, account: &str) -> (String, String) {
    let request = json!({"timeRange": "MONTH_TO_DATE", "filterBy": [
        {"key": "accountId", "comparator": "CONTAINS", "values": [account]}]});
    let (_, monitoring, jobs) = usage(world, request).remove(0);
    (monitoring, jobs)
}

#[test]
fn monitoring_costs_by_bucket_and_day_while_the_member_is_enabled() {
    let mut world = world();
    for name in ["a", "b", "c", "d", "e"] {
        add_bucket(&mut world, TEAM, name, BTreeMap::new());
    }
    enroll(&mut world, TEAM);
    // Five buckets, March: 0.50 / 31 a day.
    assert_eq!(month(&mut world, TEAM).0, "0.016129032");
    hours(&mut world, 24);
    assert_eq!(month(&mut world, TEAM).0, "0.032258065");
    suspend(&mut world, TEAM, "PAUSED");
    hours(&mut world, 24 * 5);
    assert_eq!(month(&mut world, TEAM).0, "0.032258065");
    suspend(&mut world, TEAM, "ENABLED");
    for name in ["a", "b", "c", "d"] {
        delete_bucket(&mut world, TEAM, name);
    }
    hours(&mut world, 24);
    // The day of the deletion counts in full, the next one with one bucket.
    assert_eq!(month(&mut world, TEAM).0, "0.051612903");
}

#[test]
fn jobs_cost_the_owner_a_dollar_a_gigabyte() {
    let mut world = world();
    enroll(&mut world, TEAM);
    enroll(&mut world, OTHER);
    add_bucket(&mut world, TEAM, "data", opted_in());
    put(&mut world, "data", "a.csv", 1_500_000_000);
    put(&mut world, "data", "b.zip", 1_000_000_000);
    once(&mut world, TEAM, &["data"]);
    minutes(&mut world, 1);
    assert_eq!(month(&mut world, TEAM).1, "4.5");
    assert_eq!(month(&mut world, OTHER).1, "0");
    let path = "/usage?timeRange=MONTH_TO_DATE";
    let totals = send(&mut world, ADMIN, "GET", path, Value::Null).unwrap();
    assert_eq!(totals["timeRange"], "MONTH_TO_DATE");
    let jobs =
        json!({"currency": "USD", "estimatedCost": "4.5", "type": "SENSITIVE_DATA_DISCOVERY"});
    assert_eq!(totals["usageTotals"][1], jobs);
    // The next month starts from nothing, the past 30 days do not.
    hours(&mut world, 24 * 30);
    assert_eq!(month(&mut world, TEAM).1, "0");
    let error = refused(
        &mut world,
        ADMIN,
        "GET",
        "/usage?timeRange=TODAY",
        Value::Null,
    );
    assert_eq!(error, "ValidationException");
}

/// Two scans of 30 TB in March: $30,000, then $20,000 and 10,000 times $0.50. In April the first tier
/// begins anew, and the price of a bucket is the Region's.
#[test]
fn each_month_has_its_tiers_and_each_region_its_prices() {
    let mut world = world();
    world.macie.figures.quota_terabytes = 1_000;
    enroll(&mut world, TEAM);
    add_bucket(&mut world, TEAM, "data", opted_in());
    put(&mut world, "data", "a.csv", 30_000_000_000_000);
    for (hours_later, cost) in [(1, "30000"), (24 * 30, "55000"), (1, "30000")] {
        once(&mut world, TEAM, &["data"]);
        minutes(&mut world, 1);
        assert_eq!(month(&mut world, TEAM).1, cost);
        hours(&mut world, hours_later);
    }
    let mut world = world_with_prices("0.31", "2");
    enroll(&mut world, TEAM);
    add_bucket(&mut world, TEAM, "data", opted_in());
    put(&mut world, "data", "a.csv", 3_000_000_000);
    once(&mut world, TEAM, &["data"]);
    minutes(&mut world, 1);
    assert_eq!(month(&mut world, TEAM), ("0.01".to_owned(), "6".to_owned()));
}

fn world_with_prices(bucket_month: &str, gigabyte: &str) -> World {
    let mut world = world();
    let prices = Prices::flat(bucket_month.parse().unwrap(), gigabyte.parse().unwrap());
    world.macie.figures.prices = [(REGION.to_owned(), prices)].into();
    world
}

#[test]
fn the_past_30_days_are_the_default() {
    let mut world = world();
    enroll(&mut world, TEAM);
    add_bucket(&mut world, TEAM, "data", opted_in());
    put(&mut world, "data", "a.csv", 1_000_000_000);
    hours(&mut world, 24 * 28);
    once(&mut world, TEAM, &["data"]);
    hours(&mut world, 24 * 5);
    let reply = send(&mut world, ADMIN, "POST", "/usage/statistics", json!({})).unwrap();
    assert_eq!(reply["timeRange"], "PAST_30_DAYS");
    let job = &reply["records"][1]["usage"][1];
    assert_eq!(job["estimatedCost"], "1");
    let limit = json!({"isServiceLimited": false, "unit": "TERABYTES", "value": 5});
    assert_eq!(job["serviceLimit"], limit);
    assert_eq!(month(&mut world, TEAM).1, "0");
}

#[test]
fn records_are_filtered_sorted_and_in_pages() {
    let mut world = world();
    enroll(&mut world, TEAM);
    enroll(&mut world, OTHER);
    add_bucket(&mut world, OTHER, "data", BTreeMap::new());
    let accounts = |world: &mut World, request: Value| {
        usage(world, request)
            .into_iter()
            .map(|record| record.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(accounts(&mut world, json!({})), [ADMIN, TEAM, OTHER]);
    let filter = |key: &str, comparator: &str, values: &[&str]| json!({"filterBy": [{"key": key, "comparator": comparator, "values": values}]});
    for (request, expected) in [
        (
            filter("accountId", "CONTAINS", &[TEAM, OTHER]),
            vec![TEAM, OTHER],
        ),
        (filter("total", "GT", &["0"]), vec![OTHER]),
        (
            filter("freeTrialStartDate", "GT", &[START]),
            vec![TEAM, OTHER],
        ),
        (filter("serviceLimit", "EQ", &["true"]), vec![]),
        (
            json!({"sortBy": {"key": "total", "orderBy": "DESC"}, "maxResults": 1}),
            vec![OTHER],
        ),
        (
            json!({"sortBy": {"key": "accountId", "orderBy": "DESC"}}),
            vec![OTHER, TEAM, ADMIN],
        ),
    ] {
        assert_eq!(accounts(&mut world, request.clone()), expected, "{request}");
    }
    for bad in [
        filter("accountId", "EQ", &[TEAM]),
        filter("total", "CONTAINS", &["1"]),
        filter("total", "GT", &["1", "2"]),
        filter("total", "GT", &["cheap"]),
    ] {
        let error = refused(&mut world, ADMIN, "POST", "/usage/statistics", bad.clone());
        assert_eq!(error, "ValidationException", "{bad}");
    }
    // A member sees only itself, a disassociated account is gone.
    let reply = send(&mut world, TEAM, "POST", "/usage/statistics", json!({})).unwrap();
    assert_eq!(reply["records"].as_array().unwrap().len(), 1);
    crate::macie::disassociate_member(&mut world, REGION, TEAM).unwrap();
    assert_eq!(accounts(&mut world, json!({})), [ADMIN, OTHER]);
}
