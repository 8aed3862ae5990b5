//! `maciectl adopt`: what it writes, whom it refuses, and what the controller then does.

use controller_tests::{EU, Scenario, Setup, US, scenario::account};
use local_aws::{
    faults::Kind,
    macie,
    organization::{ADMINISTRATOR, MANAGEMENT},
};
use maciectl::{
    args::{AdoptArgs, Cli, Command, Parser},
    commands::adopt::{Row, Verdict, adopt, exit},
    exit::Exit,
};
use serde_json::json;

fn parse(arguments: &[&str]) -> Result<AdoptArgs, String> {
    let words = ["maciectl", "adopt"].iter().chain(arguments);
    match Cli::try_parse_from(words)
        .map_err(|error| error.to_string())?
        .command
    {
        Command::Adopt(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

async fn run(scenario: &Scenario, arguments: &[&str]) -> Vec<Row> {
    let args = parse(arguments).unwrap();
    adopt(&scenario.sandbox.runtime, None, &args).await.unwrap()
}

/// `account Region verdict`, for rows that are about something.
fn verdicts(rows: &[Row]) -> Vec<String> {
    let about = rows.iter().filter(|row| row.verdict != Verdict::NotHere);
    about
        .map(|row| {
            let verdict = match &row.verdict {
                Verdict::Adopt(_) => "adopt",
                Verdict::Owned => "owned",
                Verdict::Refused(_) => "refused",
                Verdict::NotHere => "-",
            };
            format!("{} {} {verdict}", row.account, row.region)
        })
        .collect()
}

fn owners(scenario: &Scenario, number: usize) -> Vec<Option<String>> {
    [EU, US]
        .map(|region| {
            scenario.world(|world| {
                let member = world.macie.member(region, &account(number))?;
                member.tags.get("managed-by").cloned()
            })
        })
        .to_vec()
}

/// Accounts 1 and 2 were members before the controller; 1 in both Regions, with a tagged bucket in
/// the home Region. Account 3 is the controller's.
async fn inherited() -> Scenario {
    let mut scenario = Setup::new(4).start().await;
    scenario.enrol_by_hand(1, EU);
    scenario.enrol_by_hand(1, US);
    scenario.enrol_by_hand(2, EU);
    scenario.opted_in_bucket(3, EU, "orders");
    scenario.run_well().await;
    scenario.opted_in_bucket(1, EU, "bills");
    scenario.run_well().await;
    scenario
}

#[tokio::test]
async fn a_plan_tells_what_follows_and_writes_nothing() {
    let scenario = inherited().await;
    let start = scenario.calls().len();
    let rows = run(&scenario, &["--plan", &account(1), &account(2)]).await;
    assert!(scenario.writes_since(start).is_empty());
    let follows: Vec<&str> = rows
        .iter()
        .map(|row| match &row.verdict {
            Verdict::Adopt(follows) => follows.as_str(),
            _ => "",
        })
        .collect();
    let expected = [
        "1 buckets are tagged `macie` now: it stays enabled while one is",
        "no bucket is tagged `macie` now: it is suspended after the grace period of 24h",
        "no bucket is tagged `macie` now: it is suspended after the grace period of 24h",
        "",
    ];
    assert_eq!(follows, expected);
    assert_eq!(exit(&rows), Exit::Success);
}

#[tokio::test]
async fn an_adopted_account_is_the_controllers_and_leaves_as_one() {
    let scenario = inherited().await;
    let start = scenario.calls().len();
    let rows = run(&scenario, &["--apply", &account(1), &account(2)]).await;
    assert_eq!(exit(&rows), Exit::Success);
    assert_eq!(scenario.writes_since(start), ["macie2:TagResource"; 3]);
    let ours = Some("macie-self-service".to_owned());
    assert_eq!(owners(&scenario, 1), [ours.clone(), ours.clone()]);
    assert_eq!(owners(&scenario, 2), [ours, None]);
    scenario.sweep().await;
    scenario.turn("PT25H");
    scenario.sweep().await;
    let member = |number, region| scenario.place(number, region).member.unwrap();
    assert_eq!(member(1, EU), macie::Relationship::Enabled);
    assert_eq!(member(1, US), macie::Relationship::Paused);
    assert_eq!(member(2, EU), macie::Relationship::Paused);
    let again = run(&scenario, &["--apply", &account(2)]).await;
    assert_eq!(verdicts(&again), ["300000000002 eu-west-1 owned"]);
}

#[tokio::test]
async fn whom_it_refuses_and_that_the_others_are_adopted() {
    let mut scenario = inherited().await;
    let excluded = json!({ "accounts": { "excluded": [account(1)] } });
    scenario.change_policy(excluded).await;
    let outsider = "999999999999";
    let start = scenario.calls().len();
    let all = [
        "--apply",
        &account(1),
        &account(2),
        &account(3),
        &account(4),
        ADMINISTRATOR,
        MANAGEMENT,
        outsider,
    ];
    let rows = run(&scenario, &all).await;
    let expected = [
        "111111111111 eu-west-1 refused",
        "111111111111 us-east-1 refused",
        "222222222222 eu-west-1 refused",
        "222222222222 us-east-1 refused",
        "300000000001 eu-west-1 refused",
        "300000000001 us-east-1 refused",
        "300000000002 eu-west-1 adopt",
        "300000000003 eu-west-1 owned",
        "300000000004 eu-west-1 refused",
        "300000000004 us-east-1 refused",
        "999999999999 eu-west-1 refused",
        "999999999999 us-east-1 refused",
    ];
    assert_eq!(verdicts(&rows), expected);
    assert_eq!(exit(&rows), Exit::Partial);
    assert_eq!(scenario.writes_since(start), ["macie2:TagResource"]);
    let why = |account: &str| {
        let row = rows
            .iter()
            .find(|row| row.account.as_str() == account)
            .unwrap();
        match &row.verdict {
            Verdict::Refused(why) => why.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(why(&account(1)).contains("excludes"));
    assert!(why(&account(4)).contains("not a member"));
    assert!(why(ADMINISTRATOR).contains("administrator"));
    assert!(why(outsider).contains("not in the organization"));
    assert_eq!(
        exit(&run(&scenario, &["--plan", outsider]).await),
        Exit::Error
    );
}

#[tokio::test]
async fn jobs_of_others_that_scan_its_buckets_are_named() {
    let scenario = inherited().await;
    scenario.world(|world| {
        let jobs: Vec<_> = world.macie.jobs_of(EU, ADMINISTRATOR).cloned().collect();
        for (number, mut job) in jobs.into_iter().enumerate() {
            let name = job.definition.name.replace("macie-self-service", "legacy");
            job.definition.name = name;
            job.id = format!("{number:032}");
            world.macie.jobs.push(job);
        }
    });
    let rows = run(&scenario, &["--plan", &account(1), &account(2)]).await;
    let named = |account: &str| {
        let row = rows
            .iter()
            .find(|row| row.account.as_str() == account)
            .unwrap();
        row.other_jobs.clone()
    };
    let found = named(&account(1));
    assert!(!found.is_empty());
    let prefix = format!("legacy/{}/", account(1));
    assert!(
        found.iter().all(|name| name.starts_with(&prefix)),
        "{found:?}"
    );
    assert!(named(&account(2)).is_empty());
}

#[tokio::test]
async fn every_member_is_only_listed() {
    let scenario = inherited().await;
    let rows = run(&scenario, &["--plan", "--all-members"]).await;
    let expected = [
        "300000000001 eu-west-1 adopt",
        "300000000001 us-east-1 adopt",
        "300000000002 eu-west-1 adopt",
    ];
    assert_eq!(verdicts(&rows), expected);
    for wrong in [
        &["--apply", "--all-members"][..],
        &["--plan", "--all-members", "300000000001"],
        &["--plan", "--apply", "300000000001"],
        &["300000000001"],
        &["--plan"],
    ] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_what_cannot_be_written_is_told() {
    let scenario = inherited().await;
    let id = account(2);
    for operation in ["GetMember", "DescribeAccount"] {
        let scenario = scenario.fork().await;
        scenario.unmonitored();
        scenario.break_always(operation, Kind::Deny);
        let start = scenario.calls().len();
        let rows = run(&scenario, &["--apply", &id]).await;
        assert_eq!(exit(&rows), Exit::Error, "{operation}: {rows:#?}");
        assert!(scenario.writes_since(start).is_empty());
    }
    for kind in [Kind::Throttle, Kind::LoseRequest, Kind::LoseReply] {
        let scenario = scenario.fork().await;
        scenario.unmonitored();
        scenario.break_always("TagResource", kind.clone());
        let rows = run(&scenario, &["--apply", &id]).await;
        assert_eq!(exit(&rows), Exit::Partial, "{kind:?}: {rows:#?}");
        scenario.heal();
        run(&scenario, &["--apply", &id]).await;
        let ours = Some("macie-self-service".to_owned());
        assert_eq!(owners(&scenario, 2), [ours, None]);
    }
}
