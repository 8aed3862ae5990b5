//! Where AWS's documents leave behaviour open, the outcome is the same either way.

use controller_tests::{EU, Setup, scenario::duration};
use local_aws::Switches;

type Set = fn(&mut Switches);

/// Each switch at its other values.
const SWITCHES: [(&str, Set); 21] = [
    ("ending a designation takes an hour", |s| {
        s.disabling_takes = duration("PT1H")
    }),
    ("ending a designation leaves the delegation", |s| {
        s.disabling_deregisters = false
    }),
    ("trusted access takes a minute", |s| {
        s.trusted_access_takes = duration("PT1M")
    }),
    ("as assumed", |_| {}),
    ("the index lags 10 minutes", |s| {
        s.index_lag = duration("PT10M")
    }),
    ("the inventory lags 5 minutes", |s| {
        s.inventory_lag = duration("PT5M")
    }),
    ("DescribeBuckets does not refresh members", |s| {
        s.describe_buckets_refreshes_members = false;
    }),
    ("Macie watches TagResource", |s| {
        s.inventory_sees_tag_resource = true
    }),
    ("enabling takes no time", |s| {
        s.enabling_takes = duration("PT0S")
    }),
    ("enabling takes 20 minutes", |s| {
        s.enabling_takes = duration("PT20M")
    }),
    ("a stranger is a ValidationException", |s| {
        s.stranger_is_validation = true
    }),
    ("suspending cancels the administrator's jobs", |s| {
        s.suspend_cancels_admin_jobs = true;
    }),
    ("Macie tells of every pause", |s| s.tells_every_pause = true),
    ("a schedule scans old objects at a first match", |s| {
        s.schedule_backfills = true
    }),
    ("a known token is a conflict", |s| {
        s.client_token_replays = false
    }),
    ("no tag change events", |s| s.tag_change_events = false),
    ("no trail", |s| s.trail = false),
    ("no trail and no tag change events", |s| {
        s.trail = false;
        s.tag_change_events = false;
    }),
    ("jobs can be created at any rate", |s| {
        s.create_job_interval = duration("PT0S")
    }),
    ("jobs are created once a minute", |s| {
        s.create_job_interval = duration("PT1M")
    }),
    ("everything lags", |s| {
        s.index_lag = duration("PT10M");
        s.inventory_lag = duration("PT5M");
        s.describe_buckets_refreshes_members = false;
        s.enabling_takes = duration("PT5M");
        s.client_token_replays = false;
        s.stranger_is_validation = true;
        s.suspend_cancels_admin_jobs = true;
    }),
];

/// The life of an account, with a look of the sweep now and then; both tagging APIs.
async fn life(name: &str, set: Set) {
    let mut scenario = Setup::new(1).switches(set).start().await;
    let eventually = |end: String, expected: &str| assert_eq!(end, expected, "{name}");
    scenario.opted_in_bucket(1, EU, "orders");
    scenario.run().await;
    scenario.turn("PT1H");
    scenario.sweep().await;
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("P1D");
    eventually(scenario.at(1, EU), "Enabled | daily | orders: old.csv");

    scenario.create_bucket(1, EU, "bills");
    scenario.put_object("bills", "old.csv");
    scenario.turn("P2D");
    scenario.tag_resource(1, EU, "bills");
    scenario.run().await;
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("PT1H");
    let end = scenario.at(1, EU);
    let backfills = scenario.world(|world| world.switches.schedule_backfills);
    let twice = if backfills { " x2" } else { "" };
    eventually(
        end,
        &format!("Enabled | daily | bills: old.csv{twice}, orders: old.csv"),
    );

    scenario.untag(1, EU, "orders");
    scenario.untag_resource(1, EU, "bills");
    scenario.run().await;
    scenario.turn("PT1H");
    scenario.sweep().await;
    scenario.turn("PT23H");
    assert_eq!(
        format!("{:?}", scenario.place(1, EU).member.unwrap()),
        "Enabled",
        "{name}: suspended too early"
    );
    scenario.turn("PT2H");
    scenario.sweep().await;
    scenario.put_object("orders", "in-pause.csv");
    let place = scenario.place(1, EU);
    let status = format!("{:?}", place.member.unwrap());
    assert_eq!((status.as_str(), place.leaving), ("Paused", true), "{name}");

    scenario.turn("P2D");
    scenario.tag(1, EU, "orders");
    scenario.run().await;
    scenario.turn("PT1H");
    scenario.sweep().await;
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.put_object("orders", "after.csv");
    scenario.turn("P2D");
    scenario.sweep().await;
    scenario.turn("PT1H");
    eventually(
        scenario.at(1, EU),
        &format!("Enabled | daily | bills: old.csv{twice}, orders: old.csv in-pause.csv after.csv"),
    );
}

#[tokio::test]
async fn the_life_of_an_opt_in_is_the_same_with_every_switch_at_its_other_values() {
    for (name, set) in SWITCHES {
        println!("{name}");
        life(name, set).await;
    }
}

/// Every switch is turned in the table above: a new one must be added there.
#[test]
fn no_switch_is_forgotten() {
    let untouched = serde_json::to_value(Switches::default()).unwrap();
    for name in untouched.as_object().unwrap().keys() {
        let turned = SWITCHES.iter().any(|(_, set)| {
            let mut switches = Switches::default();
            set(&mut switches);
            serde_json::to_value(switches).unwrap()[name] != untouched[name]
        });
        assert!(turned, "the switch `{name}` is at its default everywhere");
    }
}
