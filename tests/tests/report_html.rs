//! `maciectl report`: one page of an organization, read once.

use controller_tests::{EU, Scenario, Setup, US, scenario::account};
use local_aws::{
    faults::{Fault, Kind},
    s3,
};
use maciectl::{
    args::{Cli, Command, Parser},
    commands::report::{Page, Sign, Stage, page},
    exit::Exit,
};

const GB: u64 = 1_000_000_000;

async fn report(scenario: &Scenario, arguments: &[&str]) -> Page {
    let words = ["maciectl", "report", "--html", "-"]
        .iter()
        .chain(arguments);
    let cli = Cli::try_parse_from(words).unwrap();
    let Command::Report(args) = &cli.command else {
        panic!("{arguments:?}");
    };
    let operator = scenario.operator().await;
    let page = page(&operator, &scenario.policy(), &cli.global, args).await;
    page.unwrap()
}

fn html(page: &Page) -> String {
    let mut bytes = Vec::new();
    page.write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The text of a section, without its marks.
fn section(html: &str, id: &str) -> String {
    let (_, rest) = html.split_once(&format!("<h2 id=\"{id}\">")).unwrap();
    let (section, _) = rest.split_once("</section>").unwrap();
    let parts = section.split('<').filter_map(|part| part.split_once('>'));
    let words: Vec<&str> = parts
        .flat_map(|(_, text)| text.split_whitespace())
        .collect();
    words.join(" ")
}

fn buckets(page: &Page, stage: Stage) -> usize {
    let states = &page.coverage.states;
    states
        .iter()
        .find(|state| state.stage == stage)
        .unwrap()
        .buckets
}

/// Account 1 has `orders`, scanned, and `archive` of 2 GB, scanned at $1 a GB.
async fn organization() -> Scenario {
    let scenario = Scenario::enrolled().await;
    scenario.create_bucket(1, EU, "archive");
    scenario.create_bucket(1, EU, "not-tagged");
    scenario.world(|world| s3::put_object(world, "archive", "a.csv", 2 * GB).unwrap());
    scenario.turn("P1D");
    scenario.tag(1, EU, "archive");
    scenario.run_well().await;
    scenario.turn("P4D");
    scenario
}

#[tokio::test]
async fn a_page_tells_what_is_spent_scanned_and_run() {
    let scenario = organization().await;
    let page = report(&scenario, &[]).await;
    assert_eq!(page.exit(), Exit::Success);
    let html = html(&page);
    let spend = section(&html, "spend");
    assert!(spend.contains("jobs $2.00"), "{spend}");
    let accounts = section(&html, "accounts");
    let row = format!(
        "{} workload-1 eu-west-1 Enabled RUNNING 2 of 3 2 $2.07",
        account(1)
    );
    assert!(accounts.contains(&row), "{accounts}");
    assert_eq!(
        (buckets(&page, Stage::Scanned), page.coverage.tagged),
        (2, 2)
    );
    let jobs = section(&html, "jobs");
    assert!(
        jobs.contains("daily RUNNING it is running, and runs every day"),
        "{jobs}"
    );
    let exceptions = section(&html, "exceptions");
    assert!(exceptions.contains("None:"), "{exceptions}");
    let dearest = section(&html, "dearest");
    let row = format!("archive {} workload-1 eu-west-1 2 $2.00 done", account(1));
    assert!(dearest.contains(&row), "{dearest}");
}

/// Whoever has nothing to do with Macie is left out; the administrator's own buckets are charged.
#[tokio::test]
async fn only_who_has_to_do_with_macie_is_there() {
    let scenario = organization().await;
    let page = report(&scenario, &[]).await;
    let places = page.accounts.iter();
    let places: Vec<(String, String)> = places
        .map(|row| (row.account.to_string(), row.region.to_string()))
        .collect();
    assert!(places.contains(&(account(1), EU.to_owned())));
    assert!(
        !places.iter().any(|(id, _)| *id == account(2)),
        "{places:?}"
    );
    let administrators = page
        .accounts
        .iter()
        .filter(|row| row.member == "administrator");
    assert_eq!(administrators.count(), 2);
    let one = report(&scenario, &["--account", &account(1), "--region", EU]).await;
    assert_eq!(one.accounts.len(), 1);
}

#[tokio::test]
async fn a_region_that_does_not_answer_is_named_and_nothing_else_is_lost() {
    let scenario = organization().await;
    scenario.fault(Fault::always("GetUsageStatistics", Kind::Deny).once());
    let page = report(&scenario, &[]).await;
    assert_eq!(page.exit(), Exit::Partial);
    let [silent] = &page.unanswered[..] else {
        panic!("{:?}", page.unanswered);
    };
    let html = html(&page);
    let (top, _) = html.split_once("<h2 id=\"spend\">").unwrap();
    assert!(top.contains(silent.region.as_str()) && top.contains("GetUsageStatistics"));
    let lost = page
        .accounts
        .iter()
        .filter(|row| row.region == silent.region);
    for row in lost {
        assert!(
            row.month_to_date_usd
                .reason()
                .unwrap()
                .contains("did not tell")
        );
    }
    assert_eq!(page.coverage.tagged, 2);
}

#[tokio::test]
async fn what_is_in_the_way_is_told_with_its_fix() {
    let mut scenario = Setup::new(3).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("P3D");
    scenario.create_bucket_with_tags(2, US, "typo", &[("Macie", "yes")]);
    scenario.opted_in_bucket(3, US, "fresh");
    scenario.lose_events();
    let page = report(&scenario, &[]).await;
    // An account that only asks is there too, before anything of it is known.
    let asks = page
        .accounts
        .iter()
        .find(|row| row.account.as_str() == account(3));
    let asks = asks.unwrap();
    assert_eq!(asks.member, "not a member");
    assert!(asks.month_to_date_usd.reason().is_some());
    assert_eq!(buckets(&page, Stage::Waiting), 1);
    scenario.break_always("GetResources", Kind::Deny);
    let page = report(&scenario, &[]).await;
    assert_eq!(page.exit(), Exit::Partial);
    assert!(page.coverage.unread > 0);
    let blocked = page
        .exceptions
        .iter()
        .find(|each| each.sign == Sign::Blocked);
    assert!(blocked.unwrap().fix.contains("member role"));
}

/// Once in a Region for all, or once for each of the four accounts; of those that are enrolled,
/// account 1 and the administrator, the buckets are counted once, though a plan counts them too.
#[tokio::test]
async fn each_thing_is_read_once() {
    let scenario = organization().await;
    scenario.tag(1, EU, "not-tagged");
    scenario.lose_events();
    let start = scenario.calls().len();
    let page = report(&scenario, &[]).await;
    assert_eq!(page.coverage.tagged, 3);
    assert!(scenario.writes_since(start).is_empty());
    let calls = scenario.calls().split_off(start);
    let times = |operation: &str, region: &str| {
        let calls = calls.iter();
        let same = calls.filter(|call| call.operation == operation && call.region == region);
        same.count()
    };
    for region in [EU, US] {
        assert_eq!(times("GetUsageStatistics", region), 1);
        assert_eq!(times("ListClassificationJobs", region), 4);
        assert_eq!(times("GetResources", region), 4);
    }
    assert_eq!(times("GetBucketStatistics", EU), 2);
    let of_organization = calls.iter().filter(|call| call.service == "organizations");
    let mut asked: Vec<&str> = of_organization
        .map(|call| call.operation.as_str())
        .collect();
    asked.sort_unstable();
    // The start of every command asks who the administrator is.
    asked.retain(|operation| *operation != "ListDelegatedAdministrators");
    assert_eq!(asked, ["DescribeOrganization", "ListAccounts"]);
}
