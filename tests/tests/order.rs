//! Events come late, doubled and in any order, and several controllers run at once: the end is
//! the same.

use controller::{config::Runtime, lambda};
use controller_tests::{
    EU, Scenario, Setup, US,
    scenario::{ENROLLED, STRANGER, account, scope},
};
use serde_json::json;

/// A linear congruential generator (Knuth's MMIX), so that a run can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

#[tokio::test]
async fn the_same_event_ten_times_in_one_batch_makes_no_second_job() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    let event = scenario.waiting_messages().pop().unwrap();
    scenario.lose_events();
    (0..10).for_each(|_| scenario.send(&event));
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    let jobs = scenario.all_jobs(1, EU);
    assert_eq!(jobs, ["daily Idle", "baseline orders Complete"]);
}

#[tokio::test]
async fn the_same_event_in_ten_batches_makes_no_second_job() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    let event = scenario.waiting_messages().pop().unwrap();
    for _ in 0..10 {
        scenario.send(&event);
        scenario.pump().await;
        scenario.turn("PT7S");
    }
    scenario.run_well().await;
    scenario.turn("PT2M");
    assert_eq!(scenario.at(1, EU), ENROLLED);
    let jobs = scenario.all_jobs(1, EU);
    assert_eq!(jobs, ["daily Idle", "baseline orders Complete"]);
}

/// A busy hour of two accounts in two Regions; some buckets are left opted in, others not.
fn busy_hour(scenario: &mut Scenario) {
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.opted_in_bucket(1, EU, "bills");
    scenario.untag(1, EU, "orders");
    scenario.opted_in_bucket(1, US, "logs");
    scenario.opted_in_bucket(2, EU, "passing");
    scenario.untag_resource(2, EU, "passing");
    scenario.create_bucket(2, US, "late");
    scenario.put_object("late", "old.csv");
    scenario.tag_resource(2, US, "late");
    scenario.untag(2, US, "late");
    scenario.tag(2, US, "late");
    scenario.create_bucket_with_tags(1, EU, "gone", &[("macie", "true")]);
    scenario.delete_bucket(1, EU, "gone");
}

fn everywhere(scenario: &Scenario) -> Vec<String> {
    [(1, EU), (1, US), (2, EU), (2, US)]
        .into_iter()
        .map(|(number, region)| scenario.at(number, region))
        .collect()
}

#[tokio::test]
async fn shuffled_events_end_in_the_same_state() {
    for seed in 0..8 {
        println!("seed {seed}");
        let mut scenario = Setup::new(2).start().await;
        busy_hour(&mut scenario);
        let mut events = scenario.waiting_messages();
        scenario.lose_events();
        let mut dice = Dice(seed);
        if seed > 0 {
            dice.shuffle(&mut events);
        }
        // Batches of any size, some time apart.
        for event in events {
            scenario.send(&event);
            if dice.below(3) == 0 {
                scenario.pump().await;
                scenario.turn("PT5S");
            }
        }
        scenario.run_well().await;
        scenario.turn("PT2M");
        scenario.sweep().await;
        scenario.turn("PT2M");
        assert_eq!(
            everywhere(&scenario),
            [
                "Enabled | daily | bills: old.csv",
                "Enabled | daily | logs: old.csv",
                STRANGER,
                "Enabled | daily | late: old.csv",
            ],
            "seed {seed}"
        );
    }
}

/// The payload of one sweep message.
fn look(number: usize, region: &str) -> String {
    let body = controller_core::event::sweep_message(&scope(&account(number), region), "look");
    json!({ "Records": [{ "messageId": "m", "eventSource": "aws:sqs", "body": body }] }).to_string()
}

/// Both controllers look at the same account at the same time, as often as it takes them to
/// create something, then everything is let run.
async fn both(scenario: &Scenario, other: &Runtime) {
    for _ in 0..4 {
        let payload = look(1, EU);
        let (one, two) = tokio::join!(
            lambda::handle(&scenario.sandbox.runtime, &payload, None),
            lambda::handle(other, &payload, None),
        );
        for report in one.reports.iter().chain(&two.reports) {
            assert!(report.violation.is_none(), "{report:#?}");
        }
        scenario.turn("PT10S");
    }
    scenario.run().await;
    scenario.sweep().await;
    scenario.turn("PT2M");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_controllers_at_once_converge_without_a_lock() {
    for replays in [true, false] {
        let mut scenario = Setup::new(1)
            .switches(|switches| {
                switches.client_token_replays = replays;
                switches.create_job_interval = jiff::SignedDuration::ZERO;
            })
            .start()
            .await;
        let other = scenario.another().await;
        scenario.opted_in_bucket(1, EU, "orders");
        scenario.lose_events();
        both(&scenario, &other).await;
        assert_eq!(scenario.at(1, EU), ENROLLED, "replays: {replays}");
        let jobs = scenario.all_jobs(1, EU);
        assert_eq!(
            jobs,
            ["daily Idle", "baseline orders Complete"],
            "replays: {replays}"
        );
        // A catch-up looks back two days before the absence: what is older is not scanned twice.
        scenario.turn("P3D");
        scenario.untag(1, EU, "orders");
        scenario.turn("PT1M");
        both(&scenario, &other).await;
        scenario.turn("PT24H");
        both(&scenario, &other).await;
        assert_eq!(
            scenario.at(1, EU),
            "Paused, leaving | daily | orders: old.csv"
        );
        scenario.put_object("orders", "in-pause.csv");
        scenario.tag(1, EU, "orders");
        both(&scenario, &other).await;
        assert_eq!(
            scenario.at(1, EU),
            "Enabled | daily | orders: old.csv in-pause.csv",
            "replays: {replays}"
        );
    }
}

#[tokio::test]
async fn two_daily_jobs_that_slipped_through_become_the_older_one() {
    let mut scenario = Setup::new(1).start().await;
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run_well().await;
    scenario.turn("PT2M");
    scenario.world(|world| {
        let daily = world.macie.jobs.first().unwrap().clone();
        let mut twin = daily.clone();
        twin.id = "f".repeat(32);
        twin.created_at = world.now();
        twin.definition.client_token = "another".to_owned();
        world.macie.jobs.push(twin);
    });
    scenario.look(1, EU).await;
    assert_eq!(
        scenario.all_jobs(1, EU),
        ["daily Idle", "baseline orders Complete", "daily Cancelled"]
    );
}
