//! Budgets: a first scan that is too dear is held until somebody approves, a month that is spent
//! pauses the account's jobs, and a person's own pause is nobody else's business.

use controller_core::{observed::APPROVED, plan::Blocked, report::Report};
use controller_tests::{EU, Scenario, Setup, US, scenario::account};
use local_aws::{
    faults::{Fault, Kind},
    macie::{JobStatus, update_job},
    s3,
};
use maciectl::{
    args::{Cli, Command, Parser},
    commands::approve,
};
use serde_json::{Value, json};

const GB: u64 = 1_000_000_000;

fn budgets(budgets: Value) -> Setup {
    Setup::new(2).policy(json!({ "budgets": budgets }))
}

fn hold(usd: &str) -> Setup {
    budgets(json!({ "firstScan": { "usd": usd, "action": "hold" } }))
}

fn pause(usd: &str) -> Value {
    json!({ "month": { "usd": usd, "action": "pause" } })
}

fn fill(scenario: &Scenario, bucket: &str, key: &str, gigabytes: u64) {
    scenario.world(|world| s3::put_object(world, bucket, key, gigabytes * GB).unwrap());
}

/// An enrolled account with one small bucket, which has been steady for days.
async fn steady(setup: Setup) -> Scenario {
    let mut scenario = setup.start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    // Macie counts a new bucket within a day, and without that no budget lets it begin.
    scenario.turn("P1D");
    scenario.sweep().await;
    scenario.turn("P2D");
    assert_eq!(scenario.at(1, EU), "Enabled | daily | orders: old.csv");
    scenario
}

/// Every sweep of some days; the first of them at once.
async fn live(scenario: &Scenario, days: usize) {
    for _ in 0..4 * days {
        scenario.sweep().await;
        scenario.turn("PT6H");
    }
}

/// Cents that the world says an account has cost by jobs; monitoring is left out.
fn gigabytes_scanned(scenario: &Scenario, bucket: &str) -> u64 {
    scenario.world(|world| {
        let runs = world.macie.runs.iter();
        let scans = runs.flat_map(|run| &run.scans);
        let bytes: u64 = scans
            .filter(|scan| scan.bucket == bucket)
            .map(|scan| scan.bytes)
            .sum();
        bytes / GB
    })
}

fn daily(scenario: &Scenario) -> String {
    scenario.world(|world| {
        let mut jobs = world.macie.jobs.iter();
        let daily = jobs.find(|job| job.definition.name.contains("/daily/"));
        daily.unwrap().id.clone()
    })
}

fn blocked(reports: &[Report], is: impl Fn(&Blocked) -> bool) -> bool {
    reports.iter().flat_map(Report::blocked).any(is)
}

async fn approve(scenario: &Scenario, arguments: &[&str]) -> Result<(), String> {
    let words = ["maciectl", "approve"].iter().chain(arguments);
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Approve(args) = &cli.command else {
        panic!("{arguments:?}");
    };
    let operator = scenario.operator().await;
    let approved = approve::approve(&operator, cli.global.region.as_ref(), args).await;
    approved.map(|_| ()).map_err(|error| format!("{error:#}"))
}

/// The team is answered with the estimate and the budget; FinOps approves; the scan begins.
#[tokio::test]
async fn a_first_scan_waits_for_an_approval() {
    let scenario = steady(hold("50")).await;
    scenario.create_bucket(1, EU, "archive");
    fill(&scenario, "archive", "a.csv", 80);
    scenario.turn("P2D");
    scenario.tag(1, EU, "archive");
    let reports = scenario.run_well().await;
    let is_held = |by: &Blocked| matches!(by, Blocked::FirstScanOverBudget { usd, .. } if usd.to_string() == "$80.00");
    assert!(blocked(&reports, is_held), "{reports:?}");
    let told = scenario.published_events(1, EU).pop().unwrap();
    let detail = &told["detail"];
    assert_eq!(detail["reason"]["code"], "first-scan-over-budget");
    assert!(
        detail["reason"]["text"]
            .as_str()
            .unwrap()
            .contains("$80.00")
    );
    live(&scenario, 2).await;
    assert_eq!(gigabytes_scanned(&scenario, "archive"), 0);

    let ask = |mode, usd| [mode, "--region", EU, "111111111111", "--usd", usd];
    let id = account(1);
    let with_id = |mut words: [&'static str; 6]| {
        words[3] = Box::leak(id.clone().into_boxed_str());
        words
    };
    approve(&scenario, &with_id(ask("--plan", "80")))
        .await
        .unwrap();
    approve(&scenario, &with_id(ask("--apply", "79.99")))
        .await
        .unwrap();
    live(&scenario, 1).await;
    assert_eq!(gigabytes_scanned(&scenario, "archive"), 0);
    approve(&scenario, &with_id(ask("--apply", "80")))
        .await
        .unwrap();
    live(&scenario, 1).await;
    assert_eq!(gigabytes_scanned(&scenario, "archive"), 80);
    scenario.assert_safe();
}

#[tokio::test]
async fn a_size_that_macie_does_not_know_yet_is_waited_for() {
    let scenario = steady(hold("50")).await;
    scenario.world(|world| world.macie.figures.counts_daily = true);
    scenario.turn("PT1H");
    scenario.create_bucket(1, EU, "late");
    fill(&scenario, "late", "a.csv", 7);
    scenario.tag(1, EU, "late");
    for _ in 0..18 {
        scenario.pump().await;
        scenario.turn("PT10M");
    }
    assert_eq!(gigabytes_scanned(&scenario, "late"), 0);
    live(&scenario, 2).await;
    // Once by the baseline job, and once by the next daily run, for it was written that day.
    assert_eq!(gigabytes_scanned(&scenario, "late"), 14);
}

#[tokio::test]
async fn a_team_caps_its_own_bucket() {
    let scenario = steady(Setup::new(2)).await;
    for (bucket, budget) in [("dear", "4"), ("cheap", "5"), ("odd", "five")] {
        scenario.create_bucket(1, EU, bucket);
        fill(&scenario, bucket, "a.csv", 5);
        scenario.turn("P2D");
        let tags = [("macie", "true"), ("macie:budget", budget)];
        scenario.tag_with(1, EU, bucket, &tags);
    }
    scenario.run_well().await;
    live(&scenario, 2).await;
    let scanned = ["dear", "cheap", "odd"].map(|bucket| gigabytes_scanned(&scenario, bucket));
    assert_eq!(scanned, [0, 5, 0]);
}

/// $20 a month. The account writes 8 GB a day, so the third run exceeds it; its neighbour writes as
/// much, and has no cap.
#[tokio::test]
async fn a_month_that_is_spent_pauses_the_account_and_nobody_else() {
    let mut scenario = steady(budgets(json!({ "accounts": { account(1): pause("20") } }))).await;
    scenario.opted_in_bucket(2, EU, "neighbour");
    scenario.run_well().await;
    for day in 0..8 {
        for bucket in ["orders", "neighbour"] {
            fill(&scenario, bucket, &format!("{day}.csv"), 8);
        }
        live(&scenario, 1).await;
    }
    assert_eq!(
        scenario.at(1, EU).split(" | ").nth(1),
        Some("daily UserPaused")
    );
    let spent = gigabytes_scanned(&scenario, "orders");
    assert!(
        (20..=28).contains(&spent),
        "one day's scan beyond at most: {spent}"
    );
    assert!(gigabytes_scanned(&scenario, "neighbour") >= 48);
    // Nothing new is begun, and the team learns why.
    scenario.create_bucket(1, EU, "late");
    scenario.turn("P2D");
    scenario.tag(1, EU, "late");
    let reports = scenario.run_well().await;
    assert!(blocked(&reports, |by| matches!(
        by,
        Blocked::MonthOverBudget { .. }
    )));
    // A higher budget, or the next month: it goes on, and nothing of the pause is left on record.
    live(&scenario, 22).await;
    assert!(scenario.now().to_string().starts_with("2026-04"));
    assert_eq!(gigabytes_scanned(&scenario, "orders"), 64);
    scenario
        .change_policy(json!({ "budgets": { "accounts": { account(1): pause("500") } } }))
        .await;
    live(&scenario, 3).await;
    assert!(!scenario.at(1, EU).contains("UserPaused"));
    let tags = scenario.world(|world| world.macie.member(EU, &account(1)).unwrap().tags.clone());
    assert!(!tags.keys().any(|key| key.contains("paused")), "{tags:?}");
    let published = scenario.published(1, EU);
    for what in ["Job Paused", "Job Resumed"] {
        assert!(
            published.iter().any(|line| line.contains(what)),
            "{published:?}"
        );
    }
    scenario.assert_safe();
}

#[tokio::test]
async fn a_persons_own_pause_is_never_undone() {
    let mut scenario = steady(budgets(pause("5"))).await;
    let id = daily(&scenario);
    scenario
        .world(|world| update_job(world, &id, JobStatus::UserPaused))
        .unwrap();
    fill(&scenario, "orders", "a.csv", 9);
    live(&scenario, 2).await;
    scenario
        .change_policy(json!({ "budgets": pause("5000") }))
        .await;
    live(&scenario, 35).await;
    assert!(scenario.at(1, EU).contains("daily UserPaused"));
    scenario.assert_safe();
}

/// $5 a month, held: the daily job scans on, and a bucket that is tagged later is not scanned from the
/// beginning.
#[tokio::test]
async fn with_hold_what_runs_goes_on_and_nothing_new_begins() {
    let month = json!({ "month": { "usd": "5", "action": "hold" } });
    let scenario = steady(budgets(month)).await;
    fill(&scenario, "orders", "a.csv", 9);
    live(&scenario, 2).await;
    scenario.create_bucket(1, EU, "late");
    fill(&scenario, "late", "old.csv", 3);
    scenario.turn("P2D");
    scenario.tag(1, EU, "late");
    live(&scenario, 1).await;
    fill(&scenario, "late", "new.csv", 2);
    fill(&scenario, "orders", "b.csv", 9);
    live(&scenario, 2).await;
    let scanned = ["orders", "late"].map(|bucket| gigabytes_scanned(&scenario, bucket));
    assert_eq!(scanned, [18, 2]);
    assert_eq!(scenario.at(1, EU).split(" | ").nth(1), Some("daily"));
    scenario.assert_safe();
}

/// $5 a month: hardly anything is spent when a bucket of 9 GB is tagged.
#[tokio::test]
async fn a_first_scan_that_begins_within_the_month_may_exceed_it() {
    let month = json!({ "month": { "usd": "5", "action": "hold" } });
    let scenario = steady(budgets(month)).await;
    scenario.create_bucket(1, EU, "large");
    fill(&scenario, "large", "old.csv", 9);
    scenario.turn("P2D");
    scenario.tag(1, EU, "large");
    live(&scenario, 1).await;
    assert_eq!(gigabytes_scanned(&scenario, "large"), 9);
}

/// A person resumes what the budget paused, and pauses it again: that one stays.
#[tokio::test]
async fn a_pause_after_the_controllers_is_a_persons() {
    let mut scenario = steady(budgets(pause("5"))).await;
    scenario.world(|world| world.switches.tells_every_pause = true);
    fill(&scenario, "orders", "a.csv", 9);
    live(&scenario, 2).await;
    let id = daily(&scenario);
    assert!(scenario.at(1, EU).contains("daily UserPaused"));
    scenario.turn("PT1H");
    for status in [JobStatus::Running, JobStatus::UserPaused] {
        scenario
            .world(|world| update_job(world, &id, status))
            .unwrap();
    }
    scenario
        .change_policy(json!({ "budgets": pause("5000") }))
        .await;
    live(&scenario, 2).await;
    assert!(scenario.at(1, EU).contains("daily UserPaused"));
}

#[tokio::test]
async fn what_has_been_spent_is_not_known_is_no_reason_to_pause_or_to_go_on() {
    let scenario = steady(budgets(pause("5"))).await;
    fill(&scenario, "orders", "a.csv", 9);
    scenario.break_always("GetUsageStatistics", Kind::Deny);
    for _ in 0..8 {
        scenario.send_sweep();
        scenario.pump().await;
        scenario.turn("PT6H");
    }
    assert_eq!(scenario.at(1, EU).split(" | ").nth(1), Some("daily"));
    scenario.heal();
    live(&scenario, 1).await;
    assert!(scenario.at(1, EU).contains("daily UserPaused"));
    scenario.break_always("GetUsageStatistics", Kind::Deny);
    scenario.turn("P35D");
    scenario.send_sweep();
    scenario.pump().await;
    assert!(scenario.at(1, EU).contains("daily UserPaused"));
}

/// Every fault at every call of a pause, and of a resumption: the next sweep ends where it would have
/// ended without.
#[tokio::test]
async fn every_fault_on_the_way_to_a_pause_and_back_is_healed() {
    let mut spent = steady(budgets(pause("5"))).await;
    fill(&spent, "orders", "a.csv", 9);
    spent.turn("P2D");
    let kinds = [
        Kind::Throttle,
        Kind::Deny,
        Kind::ServerError,
        Kind::LoseRequest,
        Kind::LoseReply,
    ];
    every_fault(&spent, &kinds, "daily UserPaused").await;
    spent.sweep().await;
    spent.turn("PT1H");
    spent
        .change_policy(json!({ "budgets": pause("5000") }))
        .await;
    every_fault(&spent, &kinds, "daily").await;
}

async fn every_fault(before: &Scenario, kinds: &[Kind], expected: &str) {
    let calls = {
        let free = before.fork().await;
        let start = free.calls().len();
        free.send_look(1, EU);
        free.pump().await;
        assert_eq!(free.at(1, EU).split(" | ").nth(1), Some(expected));
        free.calls().len() - start
    };
    assert!(calls > 8, "{calls}");
    for kind in kinds {
        for n in 0..calls {
            let scenario = before.fork().await;
            scenario.fault(Fault {
                operation: None,
                account: None,
                kind: kind.clone(),
                probability: 1.0,
                skip: u32::try_from(n).unwrap(),
                times: Some(1),
            });
            for _ in 0..2 {
                scenario.send_look(1, EU);
                // A fault may hit the queue itself; what it still holds is handled by the next turn.
                drop(scenario.sandbox.pump().await);
                scenario.turn("PT10M");
            }
            let at = scenario.at(1, EU);
            assert_eq!(
                at.split(" | ").nth(1),
                Some(expected),
                "{kind:?} at call {n}"
            );
            scenario.assert_safe();
        }
    }
}

#[tokio::test]
async fn an_approval_is_of_one_region_and_of_the_controllers_own_member() {
    let scenario = steady(hold("50")).await;
    scenario.enrol_by_hand(2, EU);
    let (one, two) = (account(1), account(2));
    let refused = [
        (vec!["--apply", &one, "--usd", "5"], "one Region"),
        (
            vec!["--apply", "--region", EU, &two, "--usd", "5"],
            "not the controller's",
        ),
        (
            vec!["--apply", "--region", US, &two, "--usd", "5"],
            "no Macie member",
        ),
        (
            vec!["--apply", "--region", EU, &one, "--usd", "$5"],
            "US dollars",
        ),
        (vec!["--apply", "--region", EU, &one], "--usd"),
        (vec!["--region", EU, &one, "--usd", "5"], "--plan"),
    ];
    for (words, why) in refused {
        let error = approve(&scenario, &words).await.unwrap_err();
        assert!(error.contains(why), "{words:?}: {error}");
    }
    let approved = |scenario: &Scenario| {
        scenario.world(|world| {
            let member = world.macie.member(EU, &account(1)).unwrap();
            member.tags.get(APPROVED).cloned()
        })
    };
    approve(&scenario, &["--plan", "--region", EU, &one, "--usd", "5"])
        .await
        .unwrap();
    assert_eq!(approved(&scenario), None);
    approve(
        &scenario,
        &["--apply", "--region", EU, &one, "--usd", "5", "--days", "2"],
    )
    .await
    .unwrap();
    let until = scenario.now() + jiff::SignedDuration::from_hours(48);
    assert_eq!(approved(&scenario), Some(format!("5/{until}")));
    approve(&scenario, &["--apply", "--region", EU, &one, "--revoke"])
        .await
        .unwrap();
    assert_eq!(approved(&scenario), None);
}
