//! `maciectl cost --month` and `--bill`: a month that is over, and what was billed for it.

use controller::lambda;
use controller_core::{bill::Remark, event::collect_message, money::Usd, usage::Kind};
use controller_tests::{EU, Scenario, US, scenario::account};
use jiff::Timestamp;
use local_aws::{
    faults::{Fault, Kind as FaultKind},
    organization::{ADMINISTRATOR, COSTS_ROLE, MANAGEMENT, add_results, results_bucket},
    s3,
};
use maciectl::{
    args::By,
    commands::cost::{Costs, bill::Beside, document},
    exit::Exit,
};
use serde_json::{Value, json};

/// The bucket of the collection, which every question of a past month names.
const BUCKET: &str = "macie-self-service-results-222222222222-eu-west-1";

fn until(scenario: &Scenario, time: &str) {
    let time: Timestamp = time.parse().unwrap();
    scenario
        .sandbox
        .advance(time.duration_since(scenario.now()));
}

/// The daily collection runs at a time.
async fn collect(scenario: &Scenario, time: &str) {
    until(scenario, time);
    let function = scenario.runtime_of(COSTS_ROLE).await;
    let handled = lambda::handle(&function, &collect_message(), None).await;
    assert_eq!(handled.poison, Vec::<String>::new());
}

/// Account 1's jobs analyse so many gigabytes, at a dollar each.
fn put(scenario: &Scenario, time: &str, key: &str, gigabytes: u64) {
    until(scenario, time);
    let put = |world: &mut _| s3::put_object(world, "orders", key, gigabytes * 1_000_000_000);
    scenario.world(put).unwrap();
}

/// March and April 2026, each with its last snapshot of 03:00 on its last day, and it is May. Account 1
/// was enrolled on 2 March with one bucket; 2 GB are scanned in March and 3 GB in April.
async fn two_months() -> Scenario {
    let scenario = Scenario::enrolled().await;
    assert_eq!(results_bucket(EU), BUCKET);
    scenario.world(|world| add_results(world, EU).unwrap());
    put(&scenario, "2026-03-10T08:00:00Z", "march.csv", 2);
    collect(&scenario, "2026-03-30T03:00:00Z").await;
    collect(&scenario, "2026-03-31T03:00:00Z").await;
    collect(&scenario, "2026-04-01T03:00:00Z").await;
    put(&scenario, "2026-04-10T08:00:00Z", "april.csv", 3);
    collect(&scenario, "2026-04-30T03:00:00Z").await;
    until(&scenario, "2026-05-06T12:00:00Z");
    scenario
}

fn of(month: &str) -> [&str; 4] {
    ["--month", month, "--results-bucket", BUCKET]
}

async fn month(scenario: &Scenario, month: &str) -> Costs {
    scenario.costs(&of(month)).await
}

/// Monitoring and jobs of account 1.
fn kinds(costs: &Costs) -> [String; 2] {
    let mut usages = costs.usages.iter();
    let own = usages.find(|usage| usage.account.as_str() == account(1));
    let own = &own.unwrap().usd;
    [Kind::Monitoring, Kind::Jobs].map(|kind| own[&kind].to_string())
}

fn remove(scenario: &Scenario, contains: &str) {
    scenario.world(|world| {
        let bucket = world.s3.buckets.get_mut(BUCKET).unwrap();
        bucket.objects.retain(|key, _| !key.contains(contains));
    });
}

/// By hand, at $0.10 a bucket and month and $1 a GB:
///
/// | month | monitored | monitoring | scanned | jobs |
/// | --- | --- | ---: | ---: | ---: |
/// | March | 2 to 31, 30 of 31 days | $0.0968 | 2 GB | $2 |
/// | April | 1 to 30, 30 of 30 days | $0.10 | 3 GB | $3 |
#[tokio::test]
async fn a_month_that_is_over_is_read_from_its_last_snapshot() {
    let scenario = two_months().await;
    let start = scenario.calls().len();
    let march = month(&scenario, "2026-03").await;
    let calls = scenario.operations_since(start);
    assert!(
        !calls.iter().any(|call| call.starts_with("macie2:")),
        "{calls:?}"
    );
    let s3: Vec<&String> = calls
        .iter()
        .filter(|call| call.starts_with("s3:"))
        .collect();
    let once = [
        "s3:GetObject",
        "s3:GetObject",
        "s3:ListObjectsV2",
        "s3:ListObjectsV2",
    ];
    assert_eq!(s3, once, "one listing and one read a Region");
    assert_eq!(kinds(&march), ["$0.10", "$2.00"]);
    assert_eq!(
        kinds(&month(&scenario, "2026-04").await),
        ["$0.10", "$3.00"]
    );
    let said = document(&march, By::Account, scenario.now());
    assert_eq!(said["month"], "2026-03");
    assert_eq!(said["snapshots"][EU]["date"], "2026-03-31");
    assert_eq!(said["snapshots"][US]["date"], "2026-03-31");
    let at: Timestamp = said["asOf"].as_str().unwrap().parse().unwrap();
    assert_eq!(at.to_string()[..16], *"2026-03-31T03:00");
    assert_eq!(
        (&said["incomplete"], &said["trouble"]),
        (&json!({}), &json!({}))
    );
    assert_eq!(said["total"]["forecastUsd"], Value::Null, "it is over");
    assert_eq!(march.exit(), Exit::Success);
    // And by what else can be added up.
    let by_unit = [&of("2026-03")[..], &["--by", "unit"]].concat();
    assert_eq!(scenario.costs(&by_unit).await.exit(), Exit::Success);
}

#[tokio::test]
async fn a_month_without_its_last_day_is_incomplete_and_never_nothing() {
    let scenario = two_months().await;
    remove(&scenario, "region=us-east-1/date=2026-03");
    remove(&scenario, "region=eu-west-1/date=2026-03-31");
    let march = month(&scenario, "2026-03").await;
    let said = document(&march, By::Account, scenario.now());
    assert_eq!(
        said["incomplete"],
        json!({
            EU: "its last snapshot of 2026-03 is of 2026-03-30: the days after it are missing",
            US: "no snapshot of 2026-03 is kept",
        })
    );
    assert!(!march.usages.iter().any(|usage| usage.region.as_str() == US));
    assert_eq!(kinds(&march)[1], "$2.00", "what is known is told");
    assert_eq!(march.exit(), Exit::Partial);
    let before = month(&scenario, "2026-02").await;
    assert_eq!(before.past.as_ref().unwrap().incomplete.len(), 2);
    assert!(before.usages.is_empty());
    assert_eq!(before.exit(), Exit::Partial);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_named() {
    let scenario = two_months().await;
    scenario.world(|world| {
        let bucket = world.s3.buckets.get_mut(BUCKET).unwrap();
        let key = "usage/region=us-east-1/date=2026-03-31/usage.jsonl";
        bucket.objects.get_mut(key).unwrap().content = Some(b"{\n".to_vec());
    });
    let march = month(&scenario, "2026-03").await;
    let [(region, trouble)] = &march.trouble.iter().collect::<Vec<_>>()[..] else {
        panic!("{march:?}");
    };
    assert_eq!(region.as_str(), US);
    let said = trouble.to_string();
    assert!(
        said.contains("date=2026-03-31") && said.contains("line 1"),
        "{said}"
    );
    assert_eq!(march.exit(), Exit::Partial);
    scenario.break_always("ListObjectsV2", FaultKind::Deny);
    let denied = month(&scenario, "2026-03").await;
    assert_eq!((denied.trouble.len(), denied.exit()), (2, Exit::Error));
}

#[tokio::test]
async fn the_running_month_is_asked_of_macie() {
    let scenario = two_months().await;
    let may = scenario.costs(&["--month", "2026-05"]).await;
    assert!(may.past.is_none());
    assert_eq!(may.usages, scenario.costs(&[]).await.usages);
    let said = document(&may, By::Account, scenario.now());
    assert_eq!(
        (&said["month"], &said["snapshots"]),
        (&json!("2026-05"), &Value::Null)
    );
    assert_ne!(said["total"]["forecastUsd"], Value::Null);
    let quota = |row: &Value| row["quotaUsedPercent"].clone();
    let costs = said["costs"].as_array().unwrap();
    let home = costs.iter().find(|row| row["region"] == EU).unwrap();
    let other = costs.iter().find(|row| row["region"] == US).unwrap();
    assert_eq!(
        (quota(home), quota(other)),
        (Value::Null, json!("0")),
        "only US East is priced"
    );
}

#[tokio::test]
async fn what_cannot_be_told_says_why_and_what_to_do() {
    let scenario = two_months().await;
    for (arguments, why) in [
        (
            &["--month", "2026-06"][..],
            "2026-06 has not begun: give --month 2026-05",
        ),
        (
            &["--month", "2026-03"],
            "set MACIECTL_RESULTS_BUCKET or --results-bucket",
        ),
        (&["--month", "2026-03"], BUCKET),
        (
            &[
                "--month",
                "2026-03",
                "--by",
                "bucket",
                "--account",
                "300000000001",
            ],
            "nobody knows what they held in 2026-03",
        ),
    ] {
        let error = scenario.try_costs(arguments).await.unwrap_err();
        assert!(error.contains(why), "{arguments:?}: {error}");
    }
}

/// With four digits behind the point.
fn rounded(usd: Option<Usd>) -> String {
    usd.map_or("-".to_owned(), |usd| {
        let text = format!("{:.4}", usd.0.round_dp(4));
        text.replace("-0.0000", "0.0000")
    })
}

/// Account, both sides with their difference, and remark.
fn told(beside: &Beside) -> Vec<(&str, String, Option<Remark>)> {
    let rows = beside.rows.iter();
    rows.map(|row| {
        assert_eq!(row.region, EU);
        let figures = [row.macie_usd, row.billed_usd, row.difference_usd].map(rounded);
        (row.account.as_str(), figures.join(" "), row.remark)
    })
    .collect()
}

/// By hand. Macie is on since 2 March at 10:00, so each trial ends on 1 April at 10:00: monitoring of
/// March is not billed, and that of April is from its first day on. Jobs are in no trial. Beside account 1
/// there is the administrator, whose bucket is that of the snapshots, since 5 March.
///
/// | month | Macie, account 1 | billed | Macie, administrator | billed | difference |
/// | --- | ---: | ---: | ---: | ---: | ---: |
/// | March | 2 + 30/31 x 0.10 | 2 | 27/31 x 0.10 | nothing | -57/31 x 0.10 |
/// | April | 3 + 0.10 | 3.10 | 0.10 | 0.10 | 0 |
/// | April, a tenth off | 3 + 0.10 | 2.79 | 0.10 | 0.09 | -0.32 |
#[tokio::test]
async fn macie_and_the_bill_agree_and_a_discount_is_a_difference() {
    let scenario = two_months().await;
    let month = |month: &'static str| {
        let scenario = &scenario;
        async move {
            let billed = scenario.billed(MANAGEMENT, &of(month)).await;
            assert_eq!(billed.exit, Exit::Success, "a difference is no failure");
            billed.beside.unwrap()
        }
    };
    let march = month("2026-03").await;
    let own = account(1);
    assert_eq!(
        told(&march),
        [
            (
                own.as_str(),
                "2.0968 2.0000 -0.0968".to_owned(),
                Some(Remark::Trial)
            ),
            (
                ADMINISTRATOR,
                "0.0871 - -0.0871".to_owned(),
                Some(Remark::Trial)
            ),
        ]
    );
    assert_eq!(rounded(march.total.difference_usd), "-0.1839");
    assert!(march.bill.is_final, "5 days after its end");

    let april = month("2026-04").await;
    assert_eq!(
        told(&april),
        [
            (own.as_str(), "3.1000 3.1000 0.0000".to_owned(), None),
            (ADMINISTRATOR, "0.1000 0.1000 0.0000".to_owned(), None),
        ]
    );

    scenario.world(|world| world.bill.discount = "0.1".parse().unwrap());
    let april = month("2026-04").await;
    assert_eq!(
        told(&april),
        [
            (own.as_str(), "3.1000 2.7900 -0.3100".to_owned(), None),
            (ADMINISTRATOR, "0.1000 0.0900 -0.0100".to_owned(), None),
        ]
    );
    assert_eq!(rounded(april.total.difference_usd), "-0.3200");
}

/// A second account with jobs of its own: a page each.
async fn two_accounts() -> Scenario {
    let scenario = two_months().await;
    scenario.create_bucket(2, EU, "invoices");
    scenario.tag(2, EU, "invoices");
    scenario.run_well().await;
    let put = |world: &mut _| s3::put_object(world, "invoices", "a.csv", 4_000_000_000);
    scenario.world(put).unwrap();
    scenario.turn("P3D");
    scenario
}

#[tokio::test]
async fn each_page_is_asked_for_once() {
    let scenario = two_accounts().await;
    scenario.world(|world| world.bill.page = 1);
    let start = scenario.calls().len();
    let may = scenario.billed(MANAGEMENT, &[]).await.beside.unwrap();
    let calls = scenario.operations_since(start);
    let asked = calls.iter().filter(|call| *call == "ce:GetCostAndUsage");
    assert_eq!(asked.count(), 3, "two accounts, and the administrator");
    let accounts: Vec<&str> = may.rows.iter().map(|row| row.account.as_str()).collect();
    assert_eq!(accounts, [&account(2), ADMINISTRATOR, &account(1)]);
    assert!(
        may.rows.iter().all(|row| row.billed_usd.is_some()),
        "{may:?}"
    );
    assert!(!may.bill.is_final, "the month runs");
    let only = ["--account", &account(1), "--region", EU];
    let only = scenario.billed(MANAGEMENT, &only).await.beside.unwrap();
    assert_eq!(only.rows.len(), 1);
    assert_eq!(only.total.billed_usd, may.rows[2].billed_usd.unwrap());
}

#[tokio::test]
async fn a_member_account_sees_its_own_bill_and_the_others_are_unknown() {
    let scenario = two_accounts().await;
    let own = scenario.billed(&account(1), &[]).await;
    let beside = own.beside.unwrap();
    let [two, _, one] = &beside.rows[..] else {
        panic!("{beside:?}");
    };
    assert_eq!((two.billed_usd, two.difference_usd), (None, None));
    assert_eq!(two.remark, Some(Remark::NotShown));
    assert!(one.difference_usd.is_some());
    assert_eq!(beside.total.difference_usd, None);
    assert_eq!(own.document["bill"]["onlyAccount"], account(1));
    assert_eq!(own.exit, Exit::Partial);
    // A bill of nothing is not taken for everybody's.
    scenario.world(|world| world.bill.discount = 1.into());
    let none = scenario.billed(&account(1), &[]).await.beside.unwrap();
    assert_eq!(none.bill.lines, []);
    assert_eq!(none.bill.only.unwrap().as_str(), account(1));
}

#[tokio::test]
async fn without_the_bill_macies_side_is_told_and_why() {
    let scenario = two_months().await;
    scenario.fault(Fault::always("GetCostAndUsage", FaultKind::Deny));
    let denied = scenario.billed(MANAGEMENT, &of("2026-03")).await;
    let why = denied.beside.unwrap_err();
    for part in [
        "--bill-profile NAME",
        "ce:GetCostAndUsage: AccessDenied",
        "request id",
    ] {
        assert!(why.contains(part), "{why}");
    }
    assert_eq!(denied.exit, Exit::Partial);
    assert_eq!(denied.document["bill"]["trouble"], why);
    assert_ne!(denied.document["costs"], json!([]));
    scenario.heal();
    scenario.fault(Fault::always("GetCostAndUsage", FaultKind::Throttle));
    let throttled = scenario.billed(MANAGEMENT, &of("2026-03")).await;
    let why = throttled.beside.unwrap_err();
    assert!(
        !why.contains("--bill-profile"),
        "no other profile helps: {why}"
    );
}

#[tokio::test]
async fn a_region_that_is_not_whole_has_no_difference() {
    let scenario = two_months().await;
    remove(&scenario, "region=eu-west-1/date=2026-03-31");
    let march = scenario.billed(MANAGEMENT, &of("2026-03")).await;
    let beside = march.beside.unwrap();
    assert_eq!(beside.rows[0].remark, Some(Remark::Partial));
    assert_eq!(
        (beside.rows[0].difference_usd, beside.total.difference_usd),
        (None, None)
    );
    assert_eq!(march.exit, Exit::Partial);
}
