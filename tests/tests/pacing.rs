//! The line for new jobs: AWS creates one in ten seconds for an administrator and Region.

use std::collections::{BTreeMap, BTreeSet};

use controller::{config::Runtime, lambda, survey};
use controller_core::report::Report;
use controller_tests::{
    EU, Scenario, Setup,
    scenario::{account, duration},
    state::{controllers_jobs, kind},
};
use jiff::SignedDuration;
use local_aws::{
    macie::JobStatus,
    organization::{ADMINISTRATOR, QUEUE},
    sqs::{self, Message, QueueId},
};
use maciectl::commands::status;
use serde_json::{Value, json};

/// How late a message may come: SQS promises no less than its delay.
const LATE: i64 = 2_000;

/// A linear congruential generator (Knuth's MMIX), so that a run can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// A queue whose messages come late, each by a time of its own, and the controller at its end.
struct Late {
    dice: Dice,
    /// Messages that were made late.
    seen: BTreeSet<String>,
    reports: Vec<Report>,
}

impl Late {
    fn new(seed: u64) -> Self {
        println!("seed {seed}");
        Self {
            dice: Dice(seed),
            seen: BTreeSet::new(),
            reports: Vec::new(),
        }
    }

    /// Serves what can be had now, then turns the clock to when the next message comes; whether
    /// there is one.
    async fn step(&mut self, scenario: &Scenario, controllers: &[&Runtime]) -> bool {
        self.delay(scenario);
        loop {
            let received = scenario.world(|world| sqs::receive(world, &queue(), 10).unwrap());
            if received.is_empty() {
                break;
            }
            let which = self.dice.below(i64::try_from(controllers.len()).unwrap());
            let controller = controllers[usize::try_from(which).unwrap()];
            self.serve(scenario, controller, &received).await;
            self.delay(scenario);
        }
        let next = scenario.world(|world| {
            let messages = world.sqs.queues[&queue()].messages.iter();
            messages.map(|message| message.visible_at).min()
        });
        let wait = next.map(|at| at.duration_since(scenario.now()));
        wait.inspect(|wait| scenario.sandbox.advance(*wait))
            .is_some()
    }

    async fn serve(&mut self, scenario: &Scenario, controller: &Runtime, received: &[Message]) {
        let records: Vec<Value> = received
            .iter()
            .map(|one| json!({ "messageId": one.id, "eventSource": "aws:sqs", "body": one.body }))
            .collect();
        let payload = json!({ "Records": records }).to_string();
        let handled = lambda::handle(controller, &payload, None).await;
        assert!(handled.failed.is_empty(), "{handled:#?}");
        let done: BTreeSet<&String> = received.iter().map(|message| &message.id).collect();
        scenario.world(|world| {
            let queue = world.sqs.queues.get_mut(&queue()).unwrap();
            queue.messages.retain(|message| !done.contains(&message.id));
        });
        self.reports.extend(handled.reports);
    }

    /// SQS delivers no earlier than a message's delay, and later by up to [`LATE`].
    fn delay(&mut self, scenario: &Scenario) {
        scenario.world(|world| {
            let queue = world.sqs.queues.get_mut(&queue()).unwrap();
            for message in &mut queue.messages {
                if self.seen.insert(message.id.clone()) {
                    message.visible_at += SignedDuration::from_millis(self.dice.below(LATE));
                }
            }
        });
    }
}

fn queue() -> QueueId {
    QueueId::new(ADMINISTRATOR, EU, QUEUE)
}

/// Accounts that opt in at once, each with a bucket that holds something.
async fn rush(accounts: usize) -> Scenario {
    let mut scenario = Setup::new(accounts + 1).start().await;
    scenario.opted_in_bucket(accounts + 1, EU, "enrolled-before");
    scenario.run_well().await;
    for number in 1..=accounts {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
    }
    scenario
}

/// How often job creation was refused, and how often it was asked for.
fn creations(scenario: &Scenario) -> (usize, usize) {
    let calls = scenario.calls().into_iter();
    let creations: Vec<_> = calls
        .filter(|call| call.operation == "CreateClassificationJob")
        .collect();
    let refused = creations.iter().filter(|call| call.error.is_some());
    (refused.count(), creations.len())
}

/// Every account has its daily job once and its baseline once, and was scanned once.
fn assert_covered(scenario: &Scenario, accounts: usize) {
    scenario.turn("PT2M");
    for number in 1..=accounts {
        let expected = format!("Enabled | daily | data-{number}: old.csv");
        assert_eq!(scenario.at(number, EU), expected);
        let mut kinds = scenario.world(|world| {
            let id = account(number);
            let jobs = controllers_jobs(world, EU, &id);
            let kept = jobs.filter(|job| job.status != JobStatus::Cancelled);
            kept.map(|job| kind(job).to_owned()).collect::<Vec<_>>()
        });
        kinds.sort();
        assert_eq!(kinds, ["baseline", "daily"], "account {number}");
    }
    assert_eq!(scenario.dead_letters(), Vec::<String>::new());
}

/// The most that one account was looked at, and reconciled.
fn most_per_account(reports: &[Report], scenario: &Scenario) -> (usize, usize) {
    let mut looks: BTreeMap<String, usize> = BTreeMap::new();
    for report in reports {
        *looks.entry(report.scope.account.to_string()).or_default() += 1;
    }
    let mut reads: BTreeMap<String, usize> = BTreeMap::new();
    let calls = scenario.calls().into_iter();
    for call in calls.filter(|call| call.operation == "GetMember") {
        *reads.entry(call.target.unwrap_or_default()).or_default() += 1;
    }
    let most = |counts: BTreeMap<String, usize>| counts.into_values().max().unwrap_or(0);
    (most(looks), most(reads))
}

const RUSH: usize = 200;

#[tokio::test]
async fn two_hundred_accounts_that_opt_in_at_once_have_their_jobs_at_awss_pace() {
    let mut line = Late::new(20_260_302);
    let scenario = rush(RUSH).await;
    let start = scenario.now();
    let mut told = false;
    while line.step(&scenario, &[&scenario.sandbox.runtime]).await {
        if !told && scenario.now().duration_since(start) > duration("PT20M") {
            told = true;
            // An account that was enrolled before does not stand in the line.
            scenario.untag(RUSH + 1, EU, "enrolled-before");
            line.seen.extend(scenario.world(|world| {
                let messages = world.sqs.queues[&queue()].messages.iter();
                messages
                    .map(|message| message.id.clone())
                    .collect::<Vec<_>>()
            }));
            let asked = scenario.now();
            assert!(line.step(&scenario, &[&scenario.sandbox.runtime]).await);
            let published = scenario.published_events(RUSH + 1, EU);
            let last = published.last().unwrap();
            assert_eq!(last["detail-type"], "Suspension Pending");
            assert_eq!(last["detail"]["at"], json!(asked));
        }
    }
    let took = scenario.now().duration_since(start);
    let (refused, asked) = creations(&scenario);
    let (looks, reads) = most_per_account(&line.reports, &scenario);
    println!(
        "{} jobs took {} s, at AWS's pace {} s; {refused} of {asked} calls were refused; of {} \
         looks an account had {looks} at most, and {reads} readings",
        2 * RUSH,
        took.as_secs(),
        20 * RUSH,
        line.reports.len(),
    );
    assert!(told);
    assert_covered(&scenario, RUSH);
    assert!(took <= SignedDuration::from_secs(4_400), "{took:#}");
    assert!(refused <= 2 * RUSH / 20, "{refused} refusals");
    assert!(looks <= 16, "{looks} looks");
    assert!(reads <= 8, "{reads} readings");
}

#[tokio::test]
async fn a_controller_that_starts_again_learns_the_line_from_those_who_come_back() {
    let mut line = Late::new(20_260_303);
    let mut scenario = rush(40).await;
    let start = scenario.now();
    for minutes in [3, 6, 9] {
        let restart = start + SignedDuration::from_mins(minutes);
        while scenario.now() < restart {
            assert!(line.step(&scenario, &[&scenario.sandbox.runtime]).await);
        }
        scenario.restart().await;
    }
    while line.step(&scenario, &[&scenario.sandbox.runtime]).await {}
    let took = scenario.now().duration_since(start);
    let (refused, asked) = creations(&scenario);
    println!("80 jobs took {took:#}; {refused} of {asked} calls were refused");
    assert_covered(&scenario, 40);
    assert!(took <= SignedDuration::from_secs(960), "{took:#}");
    assert!(refused <= 4, "{refused} refusals");
}

#[tokio::test]
async fn two_controllers_with_a_line_each_lose_nothing_and_make_no_job_twice() {
    let mut line = Late::new(20_260_304);
    let scenario = rush(40).await;
    let other = scenario.another().await;
    let start = scenario.now();
    while line
        .step(&scenario, &[&scenario.sandbox.runtime, &other])
        .await
    {}
    let took = scenario.now().duration_since(start);
    let (refused, asked) = creations(&scenario);
    println!("80 jobs took {took:#}; {refused} of {asked} calls were refused");
    assert_covered(&scenario, 40);
    assert!(took <= SignedDuration::from_secs(1_400), "{took:#}");
}

#[tokio::test]
async fn status_shows_the_place_in_the_line() {
    let mut line = Late::new(20_260_305);
    let scenario = rush(4).await;
    let start = scenario.now();
    // Half a minute to be enabled, then the first job.
    while creations(&scenario).1 < 3 {
        assert!(line.step(&scenario, &[&scenario.sandbox.runtime]).await);
    }
    println!("after {:#}", scenario.now().duration_since(start));
    let operator = scenario.operator().await;
    let policy = scenario.policy();
    let accounts = survey::accounts(&operator.controller.aws).await.unwrap();
    let scopes = survey::scopes(&policy, &accounts, None);
    let calls = scenario.calls().len();
    let mut rows = status::rows(&operator, &accounts, scopes).await;
    assert_eq!(scenario.writes_since(calls), Vec::<String>::new());
    status::line_up(&mut rows, operator.controller.pace.interval());
    let mut places: Vec<Value> = rows
        .iter()
        .filter(|row| row.line.is_some())
        .map(|row| json!(row)["line"].clone())
        .collect();
    places.sort_by_key(|place| place["place"].as_u64());
    // One has its daily job and lacks its baseline.
    let place = |place: u64, jobs: u64, seconds: u64| json!({ "place": place, "of": 4, "jobs": jobs, "aboutSeconds": seconds });
    let mut jobs: Vec<u64> = places.iter().map(|p| p["jobs"].as_u64().unwrap()).collect();
    assert_eq!(places[0], place(1, jobs[0], 0));
    assert_eq!(
        places[3],
        place(4, jobs[3], 10 * jobs[..3].iter().sum::<u64>())
    );
    jobs.sort_unstable();
    assert_eq!(jobs, [1, 2, 2, 2]);
}
