//! The daily collection of costs, with the real runtime: what is kept, what is told, and how often.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use controller::{config::Runtime, lambda, metrics::Metrics};
use controller_core::event::collect_message;
use controller_tests::{
    EU, Scenario, Setup, US,
    function::{Deployed, Function},
    scenario::account,
};
use jiff::SignedDuration;
use local_aws::{
    Clock,
    events::BusId,
    faults::{Fault, Kind},
    organization::{
        ADMINISTRATOR, BUS, COSTS_ROLE, POLICY_PARAMETER, add_results, results_bucket, results_key,
    },
    s3,
};
use serde_json::{Value, json};

const EMF: &str = include_str!("../fixtures/embedded-metric-format.schema.json");

/// An organization with the collection's function.
struct Collector {
    scenario: Scenario,
    runtime: Runtime,
    lines: Arc<Mutex<Vec<String>>>,
}

/// What one invocation did.
#[derive(Debug)]
struct Done {
    failed: Vec<String>,
    metrics: Vec<Value>,
    alerts: Vec<Value>,
    operations: Vec<String>,
}

impl Collector {
    async fn of(scenario: Scenario) -> Self {
        scenario.world(|world| add_results(world, EU).unwrap());
        Self::again(scenario).await
    }

    /// A function of a world whose bucket is there.
    async fn again(scenario: Scenario) -> Self {
        let mut runtime = scenario.runtime_of(COSTS_ROLE).await;
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = lines.clone();
        runtime.metrics = Metrics::new(move |line| kept.lock().unwrap().push(line.to_owned()));
        Self {
            scenario,
            runtime,
            lines,
        }
    }

    /// The function starts anew with another policy.
    async fn with_policy(self, over: Value) -> Self {
        let Self { mut scenario, .. } = self;
        scenario.change_policy(over).await;
        Self::again(scenario).await
    }

    async fn collect(&self) -> Done {
        let start = self.scenario.calls().len();
        let told = self.alerts().len();
        let handled = lambda::handle(&self.runtime, &collect_message(), None).await;
        let lines = std::mem::take(&mut *self.lines.lock().unwrap());
        Done {
            failed: handled.poison,
            metrics: lines
                .iter()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            alerts: self.alerts().split_off(told),
            operations: self.scenario.operations_since(start),
        }
    }

    /// Every alert so far.
    fn alerts(&self) -> Vec<Value> {
        let events = self.events().into_iter();
        events.map(|event| event["detail"].clone()).collect()
    }

    /// The same with their envelopes.
    fn events(&self) -> Vec<Value> {
        let bus = BusId::new(ADMINISTRATOR, EU, BUS);
        self.scenario.world(|world| {
            let seen = world.events.seen.iter();
            seen.filter(|seen| seen.bus == bus && seen.event["detail-type"] == "Budget Alert")
                .map(|seen| seen.event.clone())
                .collect()
        })
    }

    /// The keys of all snapshots.
    fn keys(&self) -> Vec<String> {
        self.scenario.world(|world| {
            let bucket = &world.s3.buckets[&results_bucket(EU)];
            bucket.objects.keys().cloned().collect()
        })
    }

    /// The rows of a snapshot.
    fn rows(&self, region: &str, date: &str) -> Vec<Value> {
        self.scenario.world(|world| {
            let bucket = &world.s3.buckets[&results_bucket(EU)];
            let object = &bucket.objects[&format!("usage/region={region}/date={date}/usage.jsonl")];
            assert_eq!(object.key, Some(results_key(EU)), "by our key only");
            let text = String::from_utf8(object.content.clone().unwrap()).unwrap();
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect()
        })
    }

    /// The first account's row.
    fn row(&self, date: &str) -> Value {
        let rows = self.rows(EU, date);
        let own = rows.iter().find(|row| row["account"] == account(1));
        own.unwrap().clone()
    }

    /// The first account's jobs analyse so many gigabytes, at a dollar each.
    async fn scan(&self, key: &str, gigabytes: u64) {
        let put = |world: &mut _| s3::put_object(world, "orders", key, gigabytes * 1_000_000_000);
        self.scenario.world(put).unwrap();
        // A day until the daily job runs, and its run.
        self.scenario.turn("PT25H");
    }
}

fn reasons(done: &Done) -> Vec<&str> {
    let codes = done.alerts.iter().map(|it| it["reason"]["code"].as_str());
    codes.map(Option::unwrap).collect()
}

fn cap(usd: &str) -> Value {
    json!({ "budgets": { "month": { "usd": usd, "action": "warn" } } })
}

fn calls(done: &Done, name: &str) -> usize {
    done.operations.iter().filter(|it| *it == name).count()
}

#[tokio::test]
async fn a_day_is_kept_once_however_often_it_is_asked_for() {
    let collector = Collector::of(Scenario::enrolled().await).await;
    let first = collector.collect().await;
    assert_eq!(first.failed, Vec::<String>::new());
    // The third Region of the organization is not governed.
    let day = |region: &str| format!("usage/region={region}/date=2026-03-05/usage.jsonl");
    assert_eq!(collector.keys(), [day(EU), day(US)]);
    assert_eq!(calls(&first, "s3:PutObject"), 2);
    assert_eq!(calls(&first, "s3:GetObject"), 0, "there is none before");
    assert_eq!(first.metrics.len(), 3, "a line a Region, and one for all");
    let row = collector.row("2026-03-05");
    let costs = collector.scenario.costs(&["--account", &account(1)]).await;
    assert_eq!(row["totalUsd"], json!(costs.usages[0].total()));
    assert_eq!(row["capUsd"], Value::Null);
    assert_eq!(row["usualDays"], 0);
    assert_eq!(row["quotaTerabytes"], 5);

    collector.scenario.turn("PT6H");
    let second = collector.collect().await;
    assert_eq!(second.failed, Vec::<String>::new());
    assert_eq!(second.operations, ["s3:ListObjectsV2"; 2]);
    assert_eq!(second.alerts, Vec::<Value>::new());
    let [whole] = &second.metrics[..] else {
        panic!("{second:?}");
    };
    assert_eq!(whole["Collections"], 1.0, "it is there");
    assert_eq!(collector.row("2026-03-05"), row);
}

#[tokio::test]
async fn the_next_day_is_compared_with_this_one() {
    let collector = Collector::of(Scenario::enrolled().await).await;
    collector.collect().await;
    collector.scan("new.csv", 2).await;
    let done = collector.collect().await;
    assert_eq!(done.failed, Vec::<String>::new());
    assert_eq!(calls(&done, "s3:GetObject"), 2, "one snapshot a Region");
    let (first, second) = (collector.row("2026-03-05"), collector.row("2026-03-06"));
    let usd = |row: &Value, name: &str| row[name].as_str().unwrap().parse::<f64>().unwrap();
    let more = usd(&second, "totalUsd") - usd(&first, "totalUsd");
    assert!((usd(&second, "dayUsd") - more).abs() < 1e-9, "{second}");
    assert!(more > 2.0);
    assert_eq!(second["usualDayUsd"], second["dayUsd"]);
    assert_eq!(second["usualDays"], 1);
}

#[tokio::test]
async fn each_crossing_is_told_once_and_anew_in_the_next_month() {
    let scenario = Scenario::enrolled().await;
    let collector = Collector::of(scenario).await.with_policy(cap("10")).await;
    assert_eq!(reasons(&collector.collect().await), Vec::<&str>::new());
    collector.scan("a.csv", 9).await;
    let done = collector.collect().await;
    // $9 on 6 March make more than $10 until the end.
    assert_eq!(reasons(&done), ["budget-80", "forecast-over-budget"]);
    let schema = include_str!("../../docs/events/budget-alert.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    for event in collector.events() {
        let errors: Vec<String> = schema
            .iter_errors(&event)
            .map(|it| it.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{event}");
    }
    let [alert, _] = &done.alerts[..] else {
        panic!("{done:?}");
    };
    assert_eq!(
        (&alert["account"], &alert["region"]),
        (&json!(account(1)), &json!(EU))
    );
    assert_eq!(
        (&alert["cost"]["capUsd"], &alert["cost"]["capAction"]),
        (&json!("10"), &json!("warn"))
    );
    collector.scenario.turn("P1D");
    assert_eq!(reasons(&collector.collect().await), Vec::<&str>::new());
    collector.scan("b.csv", 5).await;
    assert_eq!(reasons(&collector.collect().await), ["budget-100"]);
    collector.scenario.turn("P1D");
    let last = collector.collect().await;
    assert_eq!(reasons(&last), Vec::<&str>::new());
    let home = last
        .metrics
        .iter()
        .find(|line| line["Region"] == EU)
        .unwrap();
    assert_eq!(
        (&home["AccountsOver80Percent"], &home["AccountsOverBudget"]),
        (&json!(1.0), &json!(1.0))
    );

    // 1 April: nothing of the old month counts, and the row begins anew.
    collector.scenario.turn("P23D");
    assert_eq!(reasons(&collector.collect().await), Vec::<&str>::new());
    let row = collector.row("2026-04-01");
    assert_eq!(
        (&row["dayUsd"], &row["forecastUsd"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(row["usualDays"], 4, "the mean goes on: {row}");
    collector.scan("c.csv", 12).await;
    assert_eq!(reasons(&collector.collect().await), ["budget-100"]);
}

#[tokio::test]
async fn the_caps_of_units_cost_their_pages_once_and_no_call_an_account() {
    let month = json!({ "month": { "usd": "0.01", "action": "hold" } });
    let other = json!({ "month": { "usd": "1000", "action": "warn" } });
    let units = json!({ "ou-root-workloads": month, "r-root": other });
    let policy = json!({ "budgets": { "organizationalUnits": units } });
    let collector = Collector::of(Scenario::enrolled().await)
        .await
        .with_policy(policy)
        .await;
    let done = collector.collect().await;
    // The root with its unit, and the unit; not once a Region.
    assert_eq!(calls(&done, "organizations:ListAccountsForParent"), 3);
    assert_eq!(collector.row("2026-03-05")["capUsd"], "0.01", "the nearest");
    assert_eq!(
        reasons(&done),
        ["budget-100"],
        "a spent cap is told at once"
    );
}

#[tokio::test]
async fn all_pages_are_read_in_one_pass_a_region() {
    let scenario = Setup::new(120).start().await;
    for number in 1..=120 {
        scenario.enrol_by_hand(number, EU);
    }
    let collector = Collector::of(scenario).await;
    let done = collector.collect().await;
    assert_eq!(done.failed, Vec::<String>::new());
    assert_eq!(
        collector.rows(EU, "2026-03-02").len(),
        121,
        "and the administrator"
    );
    let pages = 121_usize.div_ceil(50);
    println!("121 accounts: {:?}", done.operations);
    assert_eq!(calls(&done, "macie2:GetUsageStatistics"), pages + 1);
    assert_eq!(calls(&done, "macie2:GetUsageTotals"), 2);
    assert_eq!(
        done.operations.len(),
        pages + 1 + 2 + 2 + 2,
        "lists and writes"
    );
    let home = done
        .metrics
        .iter()
        .find(|line| line["Region"] == EU)
        .unwrap();
    assert_eq!(
        (&home["Accounts"], &home["CollectionDifference"]),
        (&json!(121.0), &json!(0.0))
    );
}

#[tokio::test]
async fn a_region_that_fails_is_named_and_the_others_are_done() {
    for operation in ["GetUsageStatistics", "ListObjectsV2", "PutObject"] {
        let collector = Collector::of(Scenario::enrolled().await).await;
        let fault = Fault::always(operation, Kind::Throttle).once();
        collector.scenario.fault(fault);
        let done = collector.collect().await;
        assert_eq!(done.failed.len(), 1, "{operation}");
        assert!(done.failed[0].contains(operation), "{done:?}");
        assert_eq!(collector.keys().len(), 1, "{operation}");
        let whole = done.metrics.last().unwrap();
        assert_eq!(whole["Collections"], 0.0, "{operation}");
        let again = collector.collect().await;
        assert_eq!(again.failed, Vec::<String>::new(), "{operation}");
        assert_eq!(collector.keys().len(), 2, "{operation}");
        assert_eq!(calls(&again, "s3:PutObject"), 1, "only what was missing");
    }
}

#[tokio::test]
async fn totals_that_cannot_be_read_stop_nothing() {
    let collector = Collector::of(Scenario::enrolled().await).await;
    collector
        .scenario
        .break_always("GetUsageTotals", Kind::Deny);
    let done = collector.collect().await;
    assert_eq!(done.failed, Vec::<String>::new());
    assert_eq!(collector.keys().len(), 2);
    let difference = |line: &Value| line.get("CollectionDifference").is_some();
    assert!(!done.metrics.iter().any(difference), "unknown is not zero");
}

/// Whatever call is cut off: the alert is told, and the day is kept.
#[tokio::test]
async fn an_alert_is_never_lost() {
    let scenario = Scenario::enrolled().await;
    let collector = Collector::of(scenario).await.with_policy(cap("10")).await;
    collector.collect().await;
    collector.scan("a.csv", 12).await;
    for kind in [Kind::LoseReply, Kind::LoseRequest, Kind::Crash] {
        for operation in ["ListObjectsV2", "GetObject", "PutEvents", "PutObject"] {
            let scenario = collector.scenario.fork().await;
            let fork = Collector::again(scenario).await;
            fork.scenario
                .fault(Fault::always(operation, kind.clone()).once());
            let first = fork.collect().await;
            assert!(!first.failed.is_empty(), "{operation} {kind:?}");
            fork.scenario.heal();
            let second = fork.collect().await;
            assert_eq!(second.failed, Vec::<String>::new(), "{operation} {kind:?}");
            let told = first.alerts.len() + second.alerts.len();
            assert!(told == 1 || told == 2, "{operation} {kind:?}: {told}");
            assert_eq!(fork.keys().len(), 4, "{operation} {kind:?}");
            assert_eq!(fork.collect().await.alerts, Vec::<Value>::new());
            if operation == "PutObject" {
                assert_eq!(first.alerts.len(), 1, "told before it is kept");
            }
        }
    }
}

#[tokio::test]
async fn two_at_once_keep_one_snapshot() {
    let collector = Collector::of(Scenario::enrolled().await).await;
    let message = collect_message();
    let (one, two) = futures::join!(
        lambda::handle(&collector.runtime, &message, None),
        lambda::handle(&collector.runtime, &message, None),
    );
    assert_eq!((one.poison, two.poison), (vec![], vec![]));
    assert_eq!(collector.keys().len(), 2);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_read_is_none() {
    let collector = Collector::of(Scenario::enrolled().await).await;
    collector.collect().await;
    collector.scenario.world(|world| {
        let bucket = world.s3.buckets.get_mut(&results_bucket(EU)).unwrap();
        for object in bucket.objects.values_mut() {
            object.content = Some(b"{\n".to_vec());
        }
    });
    collector.scenario.turn("P1D");
    let done = collector.collect().await;
    assert_eq!(done.failed, Vec::<String>::new());
    assert_eq!(collector.row("2026-03-06")["dayUsd"], Value::Null);
}

#[tokio::test]
async fn metrics_are_what_cloudwatch_reads() {
    let schema: Value = serde_json::from_str(EMF).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let collector = Collector::of(Scenario::enrolled().await).await;
    let done = collector.collect().await;
    assert_eq!(done.metrics.len(), 3);
    for line in &done.metrics {
        let errors: Vec<String> = validator
            .iter_errors(line)
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{line}");
        // What the schema cannot say: each name is a member of the root, dimensions with a text and
        // metrics with a number (CloudWatch User Guide, Embedded Metric Format Specification).
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        for set in directive["Dimensions"].as_array().unwrap() {
            let names = set.as_array().unwrap();
            assert!(
                names
                    .iter()
                    .all(|name| line[name.as_str().unwrap()].is_string())
            );
            assert!(
                names.is_empty() || names == &[json!("Region")],
                "none per account"
            );
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(
                line[metric["Name"].as_str().unwrap()].is_number(),
                "{metric}"
            );
        }
    }
}

#[tokio::test]
async fn who_has_no_bucket_says_so() {
    let scenario = Scenario::enrolled().await;
    let handled = lambda::handle(&scenario.sandbox.runtime, &collect_message(), None).await;
    let [why] = &handled.poison[..] else {
        panic!("{handled:?}");
    };
    assert!(why.contains("MACIECTL_RESULTS_BUCKET"), "{why}");
}

/// The controller's program with the role and the variables that the template gives the collection, and
/// the message that the template's schedule sends.
#[tokio::test]
async fn the_function_of_the_template_collects_and_prints() {
    let scenario = Setup::new(1).policy(cap("10")).start().await;
    scenario.world(|world| {
        add_results(world, EU).unwrap();
        world.clock = Clock::Running {
            ahead: SignedDuration::ZERO,
        };
    });
    let template = include_str!("../../delegated-admin/costs.yaml");
    let input = template
        .lines()
        .find_map(|line| line.trim().strip_prefix("Input: '"));
    let input: Value = serde_json::from_str(input.unwrap().trim_end_matches('\'')).unwrap();
    assert_eq!(input.to_string(), collect_message());
    let endpoint = scenario.sandbox.local.endpoint();
    let (policy, bucket, key) = (
        format!("ssm:{POLICY_PARAMETER}"),
        results_bucket(EU),
        results_key(EU),
    );
    let environment = [
        ("MACIECTL_POLICY", policy.as_str()),
        ("MACIECTL_EVENT_BUS", BUS),
        ("MACIECTL_RESULTS_BUCKET", &bucket),
        ("MACIECTL_RESULTS_KEY", &key),
    ];
    let deployed = Deployed {
        binary: "controller",
        account: ADMINISTRATOR,
        role: COSTS_ROLE,
    };
    let deadline = SystemTime::now() + Duration::from_secs(300);
    let invocations = vec![(input, deadline)];
    let mut function = Function::start(deployed, &endpoint, &environment, invocations).await;
    let (kind, document) = function.answer().await;
    assert_eq!(kind, "response", "{document}");
    let log = function.log().await;
    let printed = log.iter().filter(|line| line.get("_aws").is_some()).count();
    assert_eq!(printed, 3, "{log:?}");
    let keys = scenario.world(|world| world.s3.buckets[&bucket].objects.len());
    assert_eq!(keys, 2);
}
