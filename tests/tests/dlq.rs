//! `maciectl dlq`: what is told about dead letters, and what is put back.

use std::collections::BTreeSet;

use controller::config::Runtime;
use controller_core::sweep::Pass;
use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{STRANGER, account},
};
use local_aws::{
    faults::{Fault, Kind},
    organization::{ADMINISTRATOR, DEAD_LETTERS, SWEEP_QUEUE},
    sqs::{self, QueueId},
};
use maciectl::{
    args::{Cli, Command, DlqCommand, Parser},
    commands::dlq::{Envelope, Fate, Letter, Redriven, Tries, exit, list, redrive},
    exit::Exit,
};
use serde_json::{Value, json};

fn parse(arguments: &[&str]) -> (DlqCommand, Option<controller_core::id::Region>) {
    let words = ["maciectl", "dlq"].iter().chain(arguments);
    let cli = Cli::try_parse_from(words).unwrap();
    match cli.command {
        Command::Dlq(command) => (command, cli.global.region),
        other => panic!("{other:?}"),
    }
}

async fn letters(operator: &Runtime, arguments: &[&str]) -> Vec<Letter> {
    match parse(arguments) {
        (DlqCommand::List(args), region) => list(operator, region.as_ref(), &args).await.unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn put_back(operator: &Runtime, arguments: &[&str]) -> Vec<Redriven> {
    let (DlqCommand::Redrive(args), region) = parse(arguments) else {
        panic!("{arguments:?}");
    };
    redrive(operator, region.as_ref(), &args).await.unwrap()
}

/// What each is and what became of it.
fn fates(redriven: &[Redriven]) -> Vec<(&str, &Fate)> {
    let mut fates: Vec<_> = redriven
        .iter()
        .map(|one| (one.letter.what, &one.fate))
        .collect();
    fates.sort_by_key(|(what, _)| *what);
    fates
}

/// Whether every dead letter can be had by others now.
fn is_all_visible(scenario: &Scenario) -> bool {
    let queue = QueueId::new(ADMINISTRATOR, EU, DEAD_LETTERS);
    scenario.world(|world| {
        let now = world.now();
        let messages = &world.sqs.queues[&queue].messages;
        messages.iter().all(|message| message.visible_at <= now)
    })
}

/// The passes over both Regions.
fn passes() -> Vec<String> {
    let mut passes = [EU, US].map(|region| {
        let region = Some(region.parse().unwrap());
        let pass = Pass {
            region,
            ..Pass::EVERYTHING
        };
        pass.message()
    });
    passes.sort();
    passes.to_vec()
}

/// What waits for the sweep.
fn on_sweep_queue(scenario: &Scenario) -> Vec<String> {
    let queue = QueueId::new(ADMINISTRATOR, EU, SWEEP_QUEUE);
    let mut bodies = scenario.world(|world| sqs::bodies(world, &queue));
    bodies.sort();
    bodies
}

/// An opt-in of account 1, one of account 2 in the other Region, a sweep, and something that nobody
/// can read: none of them could be handled.
async fn woken_up() -> Scenario {
    let mut scenario = Setup::new(2).start().await;
    scenario.break_always("CreateMember", Kind::Deny);
    scenario.break_always("ListAccounts", Kind::Deny);
    scenario.create_bucket(1, EU, "orders");
    scenario.put_object("orders", "old.csv");
    scenario.create_bucket(2, US, "bills");
    scenario.lose_events();
    scenario.tag(1, EU, "orders");
    scenario.tag(2, US, "bills");
    scenario.send_sweep();
    scenario.send("a secret that nobody can read");
    scenario.run().await;
    scenario
}

#[tokio::test]
async fn dead_letters_are_told_without_their_payload_and_stay_where_they_are() {
    let scenario = woken_up().await;
    let mut before = scenario.dead_letters();
    let operator = scenario.operator().await;
    let found = letters(&operator, &["list"]).await;
    assert_eq!(found.len(), before.len());
    let told: BTreeSet<String> = found
        .iter()
        .map(|letter| {
            let place = match (&letter.account, &letter.region, &letter.bucket) {
                (Some(account), Some(region), Some(bucket)) => {
                    format!("{account} {region} {bucket}")
                }
                _ => "-".to_owned(),
            };
            let Letter { what, why, .. } = letter;
            format!("{what} | {place} | {why}")
        })
        .collect();
    let (orders, bills) = (account(1), account(2));
    let expected = [
        format!("put-bucket-tagging | {orders} {EU} orders | failed 5 times"),
        format!("tag-change | {orders} {EU} orders | failed 5 times"),
        format!("put-bucket-tagging | {bills} {US} bills | failed 5 times"),
        format!("tag-change | {bills} {US} bills | failed 5 times"),
        "sweep of a Region | - | failed 5 times".to_owned(),
        "unreadable | - | refused: unreadable: not JSON: expected value at line 1 column 1"
            .to_owned(),
    ];
    assert_eq!(told, BTreeSet::from(expected));
    for letter in &found {
        assert_eq!(letter.poison, letter.what == "unreadable");
        // Five tries, the last of which hid it for twelve minutes.
        assert!(letter.age_seconds.unwrap() >= 4 * 720, "{letter:?}");
        assert!(letter.received.unwrap() >= 5, "{letter:?}");
    }
    let all = json!(found).to_string();
    assert!(
        !all.contains("secret") && !all.contains("requestParameters"),
        "{all}"
    );

    assert!(is_all_visible(&scenario), "they are still hidden");
    let mut after = scenario.dead_letters();
    before.sort();
    after.sort();
    assert_eq!(after, before);
    let some = letters(&operator, &["list", "--limit", "2"]).await;
    assert_eq!(some.len(), 2);
    assert!(is_all_visible(&scenario));
    let one = letters(&operator, &["list", "--account", &orders]).await;
    assert!(
        one.len() == 2
            && one
                .iter()
                .all(|letter| letter.account == Some(orders.parse().unwrap()))
    );
    let other = letters(&operator, &["list", "--region", US]).await;
    let what: Vec<&str> = other.iter().map(|letter| letter.what).collect();
    let expected = BTreeSet::from(["put-bucket-tagging", "sweep of a Region", "tag-change"]);
    assert!(
        what.len() == 3 && BTreeSet::from_iter(what) == expected,
        "{other:?}"
    );
}

#[tokio::test]
async fn redrive_puts_back_all_but_the_poison() {
    let scenario = woken_up().await;
    let operator = scenario.operator().await;
    let before = scenario.dead_letters().len();
    let shown = put_back(&operator, &["redrive", "--dry-run"]).await;
    assert_eq!(shown.len(), before);
    assert_eq!(scenario.dead_letters().len(), before);
    assert!(scenario.waiting_messages().is_empty() && is_all_visible(&scenario));

    scenario.heal();
    let done = put_back(&operator, &["redrive", "--apply"]).await;
    assert_eq!(fates(&done), fates(&shown));
    assert_eq!(exit(&done), Exit::Success);
    assert_eq!(scenario.dead_letters(), ["a secret that nobody can read"]);
    assert!(is_all_visible(&scenario), "the poison is hidden");
    assert_eq!(on_sweep_queue(&scenario), passes());
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), "Enabled | daily | orders: old.csv");
    assert!(scenario.place(2, US).member.is_some());

    // It comes back after five more tries.
    let forced = put_back(&operator, &["redrive", "--apply", "--include-poison"]).await;
    assert_eq!(fates(&forced), [("unreadable", &Fate::Redriven)]);
    assert_eq!(scenario.dead_letters(), Vec::<String>::new());
    scenario.run().await;
    assert_eq!(scenario.dead_letters(), ["a secret that nobody can read"]);
}

#[tokio::test]
async fn filters_leave_the_others_where_they_are() {
    let scenario = woken_up().await;
    let operator = scenario.operator().await;
    scenario.heal();
    let orders = account(1);
    let none = ["redrive", "--apply", "--account", &orders, "--region", US];
    assert!(put_back(&operator, &none).await.is_empty());
    let before = scenario.dead_letters().len();
    let done = put_back(&operator, &["redrive", "--apply", "--account", &orders]).await;
    assert_eq!(done.len(), 2);
    assert_eq!(scenario.dead_letters().len(), before - 2);
    assert!(is_all_visible(&scenario));
    scenario.run_well().await;
    assert_eq!(scenario.at(2, US), STRANGER);
    assert!(scenario.place(1, EU).member.is_some());
}

#[tokio::test]
async fn what_cannot_be_put_back_stays_and_what_comes_twice_does_no_harm() {
    let scenario = woken_up().await;
    let operator = scenario.operator().await;
    let before = scenario.dead_letters().len();
    scenario.heal();
    scenario.break_always("SendMessage", Kind::Throttle);
    let done = put_back(&operator, &["redrive", "--apply"]).await;
    assert_eq!(exit(&done), Exit::Error);
    assert_eq!(scenario.dead_letters().len(), before);
    assert!(is_all_visible(&scenario));

    scenario.heal();
    scenario.fault(Fault::always("DeleteMessage", Kind::Throttle));
    let done = put_back(&operator, &["redrive", "--apply", "--account", &account(1)]).await;
    assert_eq!(exit(&done), Exit::Error);
    assert_eq!(
        scenario.dead_letters().len(),
        before,
        "sent, and not deleted"
    );
    scenario.heal();
    let done = put_back(&operator, &["redrive", "--apply"]).await;
    assert_eq!(exit(&done), Exit::Success);
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), "Enabled | daily | orders: old.csv");
    assert_eq!(scenario.all_jobs(1, EU).len(), 2);
}

#[tokio::test]
async fn more_than_a_page_is_listed_and_put_back() {
    let scenario = Setup::new(1).start().await;
    scenario.break_always("ListAccounts", Kind::Deny);
    for number in 0..35 {
        scenario.send(&format!("poison {number}"));
    }
    scenario.send_sweep();
    scenario.run().await;
    let operator = scenario.operator().await;
    assert_eq!(letters(&operator, &["list"]).await.len(), 37);
    assert_eq!(
        letters(&operator, &["list", "--limit", "12"]).await.len(),
        12
    );
    scenario.heal();
    let done = put_back(&operator, &["redrive", "--apply"]).await;
    assert_eq!(done.len(), 37);
    assert_eq!(scenario.dead_letters().len(), 35);
    assert_eq!(on_sweep_queue(&scenario), passes());
}

#[test]
fn a_sweep_that_the_schedule_could_not_send_is_told_as_such() {
    let envelope = Envelope {
        body: Pass::EVERYTHING.message(),
        unsent: Some("AWS.SimpleQueueService.NonExistentQueue".to_owned()),
        ..Envelope::default()
    };
    let now = "2026-03-02T10:00:00Z".parse().unwrap();
    let letter = Letter::read(envelope, Tries(Some(5)), now);
    assert_eq!(letter.what, "sweep of everything");
    assert!(letter.why.contains("NonExistentQueue"), "{}", letter.why);
    let record: Value = json!(letter);
    assert!(record.get("body").is_none() && record.get("receipt").is_none());
}
