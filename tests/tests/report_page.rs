//! The report's page, of made-up facts: what is in it, and what a hostile name cannot do.

use controller_core::{
    policy::{Cap, OverBudget},
    prices::PriceList,
    usage::forecast,
};
use controller_tests::report::{HOSTILE, PRICED, SILENT, Sample, UNPRICED, usd};
use maciectl::{
    commands::report::{Account, Budgets, Known, LiveJob, Page, Sign, Stage},
    exit::Exit,
};
use serde_json::json;

fn html(page: &Page) -> String {
    let mut bytes = Vec::new();
    page.write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The n-th account of the sample; the dearest comes first, and each is less than the one before.
fn account(page: &Page, number: usize) -> &Account {
    let account = &page.accounts[number];
    assert!(account.account.as_str().ends_with(&format!("{number:03}")));
    account
}

fn why<T>(known: &Known<T>) -> &str {
    known.reason().expect("it is known")
}

fn stages(page: &Page) -> Vec<(Stage, usize)> {
    let states = page.coverage.states.iter();
    states.map(|state| (state.stage, state.buckets)).collect()
}

#[test]
fn what_others_may_name_is_text() {
    let page = Sample::of(10).with_a_silent_region().page();
    let html = html(&page);
    assert!(!html.contains(HOSTILE) && !html.contains("<script") && !html.contains("<img"));
    // The name of an account twice or more, an error, a tag and a status.
    assert!(html.matches("&#60;script&#62;alert(&#34;1&#34;)").count() >= 5);
    assert!(!html.contains("http-equiv=\"refresh\"") && !html.contains("javascript:"));
    assert!(html.contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
}

#[test]
fn an_amount_is_summed_forecast_and_shared() {
    let page = Sample::of(2).page();
    // $1,000 and $500 of jobs, twice $0.75 of monitoring.
    assert_eq!(page.spend.month_to_date_usd, Known::Yes(usd("1501.50")));
    let end = forecast(usd("1501.50"), page.about.generated_at).unwrap();
    assert_eq!(page.spend.forecast_usd, Known::Yes(end));
    let shares = json!(page.spend.by_kind);
    assert_eq!(shares[0]["name"], "jobs");
    assert_eq!(shares[0]["percent"], "99.9");
    assert_eq!(shares[1]["monthToDateUsd"], "1.50");
    assert_eq!(page.spend.by_region.len(), 2);
    assert!(page.spend.is_whole);
}

#[test]
fn ten_accounts_have_a_line_and_the_others_one_together() {
    let page = Sample::of(12).page();
    let shares = &page.spend.by_account;
    assert_eq!(shares.len(), 11);
    assert_eq!(shares[0].account_name, "team-0");
    assert_eq!(shares[1].account_name, HOSTILE);
    assert_eq!(shares[10].name, "2 others");
    // $90 and $83 of jobs.
    assert_eq!(shares[10].month_to_date_usd, usd("174.50"));
}

#[test]
fn on_the_first_day_the_end_is_unknown() {
    let mut sample = Sample::of(1);
    sample.now = "2026-03-01T12:00:00Z".parse().unwrap();
    let page = sample.page();
    assert!(why(&page.spend.forecast_usd).contains("first day"));
    assert!(why(&account(&page, 0).forecast_usd).contains("first day"));
    assert!(html(&page).contains("on the first day of a month nobody can tell its end"));
}

#[test]
fn every_account_says_what_is_known_of_it() {
    let page = Sample::of(10).page();
    let first = account(&page, 0);
    assert_eq!(
        (&first.opted_in, &first.monitored),
        (&Known::Yes(1), &Known::Yes(25))
    );
    assert_eq!(json!(first.classifiable_gigabytes), "12");
    assert_eq!(json!(first.trial)["until"], "2026-03-22T00:00:00Z");
    assert_eq!(json!(first.trial)["isOver"], false);
    assert!(why(&account(&page, 2).classifiable_gigabytes).contains("enrolled accounts only"));
    assert!(why(&account(&page, 2).trial).contains("no trial"));
    // Tags that cannot be read are not no tags.
    assert!(why(&account(&page, 7).opted_in).contains("could not be read"));
    assert!(why(&account(&page, 7).classifiable_gigabytes).contains("could not be read"));
    assert!(why(&account(&page, 8).monitored).contains("excludes"));
}

/// $1,000 of jobs are 1,000 GB by the list of US East: a fifth of 5 TB.
#[test]
fn the_quota_is_reckoned_where_the_list_is_known() {
    let list = PriceList::bundled().unwrap();
    assert!(list.regions.contains_key(&PRICED.parse().unwrap()));
    assert!(!list.regions.contains_key(&UNPRICED.parse().unwrap()));
    let page = Sample::of(10).page();
    assert_eq!(json!(account(&page, 0).quota)["percent"], "20");
    let other = account(&page, 1).quota.value().unwrap();
    assert!(why(&other.percent).contains(UNPRICED));
    let met = account(&page, 4).quota.value().unwrap();
    assert!(met.is_met);
    assert!(html(&page).contains("met: Macie has paused its jobs"));
}

#[test]
fn a_region_that_does_not_answer_is_named_at_the_top() {
    let whole = Sample::of(1).page();
    assert_eq!(whole.exit(), Exit::Success);
    assert!(!html(&whole).contains("This report is not whole"));
    let mut sample = Sample::of(1).with_a_silent_region();
    sample.looks[0].scope.region = SILENT.parse().unwrap();
    let page = sample.page();
    assert_eq!(page.exit(), Exit::Partial);
    let html = html(&page);
    let (top, _) = html.split_once("id=\"spend\"").unwrap();
    assert!(top.contains("This report is not whole") && top.contains(SILENT));
    assert!(top.contains("enable-macie"));
    assert!(html.contains("This month so far, at least"));
    let silent = page
        .accounts
        .iter()
        .find(|row| row.region.as_str() == SILENT);
    assert!(why(&silent.unwrap().month_to_date_usd).contains(SILENT));
}

#[test]
fn nothing_that_answers_is_an_error_and_no_dollar() {
    let page = Sample::of(0).with_a_silent_region().page();
    assert_eq!(page.exit(), Exit::Error);
    assert!(why(&page.spend.month_to_date_usd).contains("no usage"));
    let html = html(&page);
    assert!(!html.contains("$0"), "unknown is not zero");
    // Where everything answers and nothing is there, that is all well.
    assert_eq!(Sample::of(0).page().exit(), Exit::Success);
}

#[test]
fn an_account_that_could_not_be_read_makes_it_partial() {
    let page = Sample::of(8).page();
    assert_eq!((page.unread, page.exit()), (1, Exit::Partial));
    assert_eq!(page.coverage.unread, 1);
}

#[test]
fn every_tagged_bucket_is_at_one_stage() {
    let page = Sample::of(10).page();
    let expected = [
        (Stage::Scanned, 3),
        (Stage::Scanning, 1),
        (Stage::Waiting, 1),
        (Stage::TooNew, 1),
        (Stage::NotReadable, 1),
        (Stage::OverQuota, 1),
        (Stage::Excluded, 1),
        (Stage::Unknown, 0),
    ];
    assert_eq!(stages(&page), expected);
    assert_eq!(page.coverage.tagged, 9);
}

/// 12 GB, of which 4 GB are compressed, at $1: 8 + 4 x 3, at least 8 + 4, at most 8 + 4 x 10. What
/// was scanned is there too; where no price is known nothing is.
#[test]
fn the_dearest_buckets_are_estimates() {
    let page = Sample::of(30).page();
    assert!(
        page.dearest
            .iter()
            .all(|scan| scan.region.as_str() == PRICED)
    );
    let scan = json!(page.dearest[0].scan);
    assert_eq!(
        scan,
        json!({ "lowUsd": "12", "usd": "20", "highUsd": "48" })
    );
    let html = html(&page);
    let (_, section) = html.split_once("id=\"dearest\"").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    assert!(section.contains(">Estimates</span>"));
    assert!(section.contains("$20.00 ($12.00 to $48.00)"));
    assert!(Sample::of(100).page().dearest.len() == 10);
}

#[test]
fn every_exception_has_its_fix_and_the_worst_is_first() {
    let page = Sample::of(10).page();
    let exceptions = &page.exceptions;
    assert!(exceptions.is_sorted_by_key(|exception| exception.sign));
    assert!(exceptions.iter().all(|exception| !exception.fix.is_empty()));
    let fix = |what: &str| {
        let found = exceptions.iter().find(|each| each.what.contains(what));
        let found = found.unwrap_or_else(|| panic!("{what}: {exceptions:#?}"));
        (found.sign, found.fix.as_str())
    };
    assert!(
        fix("a person has paused")
            .1
            .contains("update-classification-job")
    );
    assert_eq!(fix("is tagged `Macie=").0, Sign::NearMiss);
    assert_eq!(
        fix("Macie is enabling"),
        (Sign::Waiting, "nothing: it goes on by itself")
    );
    assert!(fix("10,000 buckets").1.contains("another account"));
    assert!(
        fix("no prices of eu-west-1")
            .1
            .contains("`prices` of the policy")
    );
}

#[test]
fn what_a_note_tells_is_told_once() {
    let page = Sample::of(8).page();
    let denied = page.exceptions.iter();
    let denied: Vec<_> = denied
        .filter(|each| each.what.starts_with("tag:GetResources"))
        .collect();
    assert_eq!(denied.len(), 1, "{denied:#?}");
    assert!(denied[0].fix.contains("member role"));
}

#[test]
fn paused_jobs_say_what_becomes_of_them() {
    let page = Sample::of(10).page();
    let next = |status: &str, kind: &str| {
        let is = |job: &&LiveJob| job.status == status && job.kind == kind;
        page.jobs.iter().find(is).unwrap().next.clone()
    };
    assert!(next("PAUSED", "daily").contains("on 2026-04-01T00:00:00Z"));
    assert!(next("USER_PAUSED", "baseline").contains("after 30 days"));
    assert!(!next("USER_PAUSED", "daily").contains("30 days"));
    assert!(next("IDLE", "daily").contains("every day"));
    assert!(page.jobs[0].status == "USER_PAUSED" || page.jobs[0].status == HOSTILE);
    assert!(page.jobs.iter().all(|job| job.status != "COMPLETE"));
}

#[test]
fn without_a_budget_nothing_is_said_of_one() {
    let page = Sample::of(10).page();
    assert!(!html(&page).to_lowercase().contains("budget"));
}

/// By hand: $1,000.75 of $1,000, $500.75 of $600 and $334.08 of $100,000 are spent when a third of the
/// month is over.
#[test]
fn who_is_close_to_a_budget_is_named() {
    let page = Sample::of(10).with_budgets().page();
    let Budgets {
        budgeted,
        spent,
        expected,
        unknown,
        close,
    } = &page.budgets;
    assert_eq!((*budgeted, *spent, *expected, *unknown), (3, 1, 1, 1));
    let close: Vec<_> = close
        .iter()
        .map(|row| {
            (
                row.budget.state(),
                row.budget.action,
                row.budget.percent.value().unwrap().to_string(),
            )
        })
        .collect();
    assert_eq!(
        close,
        [
            ("spent", "pause", "100.1".to_owned()),
            (
                "will be spent before the month ends",
                "hold",
                "83.5".to_owned()
            ),
        ]
    );
    let html = html(&page);
    assert!(html.contains("Budgets of the month") && html.contains("width:100%"));
    assert_eq!(
        html.matches("will be spent before the month ends").count(),
        1
    );
    assert!(page.reasons.iter().any(|reason| reason.contains("units")));
    assert_eq!(json!(page)["accounts"][2]["budget"]["action"], "warn");
}

/// Of nothing there are no hundredths, and it is spent.
#[test]
fn a_budget_of_nothing_is_spent() {
    let mut sample = Sample::of(1);
    let cap = Cap {
        usd: usd("0"),
        action: OverBudget::Hold,
    };
    sample.looks[0].month_cap = Known::Yes(Some(cap));
    let budgets = sample.page().budgets;
    assert_eq!((budgets.spent, budgets.unknown), (1, 1));
    assert_eq!(budgets.close[0].budget.state(), "spent");
}

#[test]
fn the_document_is_the_same_value() {
    let page = Sample::of(10).with_a_silent_region().page();
    let document = json!(page);
    assert_eq!(document["schemaVersion"], 1);
    assert_eq!(document["unanswered"][0]["region"], SILENT);
    assert_eq!(document["accounts"][0]["monthToDateUsd"], "1000.75");
    let unknown = &document["accounts"][7]["optedIn"]["unknown"];
    assert_eq!(unknown, "the tags could not be read");
    assert_eq!(document["accounts"][1]["name"], HOSTILE);
}
