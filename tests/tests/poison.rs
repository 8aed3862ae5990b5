//! Malformed events between good neighbours, all the way through the queue.

use std::{collections::BTreeMap, fs, path::Path};

use controller_core::event::parse_value;
use controller_tests::{EU, Setup, scenario::account};
use serde_json::{Value, json};

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
}

/// The recorded and documented events.
fn fixtures() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/events");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let read = |path| -> Value {
        let fixture: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        fixture["event"].clone()
    };
    paths.into_iter().map(read).collect()
}

/// Every place in a value, as JSON pointers.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => (0..).map(|n: usize| n.to_string()).zip(items).collect(),
        _ => Vec::new(),
    };
    for (name, inner) in children {
        let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        places(inner, &path, found);
        found.push(path);
    }
}

/// A fixture with up to three members that do not belong there, or cut off.
fn malformed(dice: &mut Dice, fixtures: &[Value]) -> String {
    let wrong = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(3.5),
        json!(""),
        json!([]),
        json!({}),
        json!([{ "Key": 1 }]),
        json!("444455556666"),
        json!("moon-west-1"),
        json!("arn:aws:s3:::other"),
        json!("\n\t"),
        json!("a".repeat(10_000)),
        json!({ "detail-type": "x", "account": "444455556666" }),
        json!("AccessDenied"),
        json!("TagResource"),
    ];
    let mut event = fixtures[dice.below(fixtures.len())].clone();
    for _ in 0..=dice.below(3) {
        let mut found = Vec::new();
        places(&event, "", &mut found);
        if found.is_empty() {
            break;
        }
        let place = &found[dice.below(found.len())];
        *event.pointer_mut(place).unwrap() = wrong[dice.below(wrong.len())].clone();
    }
    let text = event.to_string();
    match dice.below(5) {
        0 => text
            .chars()
            .take(1 + dice.below(text.chars().count()))
            .collect(),
        _ => text,
    }
}

const NAMES: [&str; 6] = [
    "not-ours",
    "failed-call",
    "not-a-bucket",
    "no-account",
    "no-region",
    "unreadable",
];
/// Those that somebody should look at: no retry and no sweep makes up for what they said.
const POISON: [&str; 3] = ["no-account", "no-region", "unreadable"];
/// Accounts that opt in meanwhile.
const NEIGHBOURS: usize = 20;
/// Malformed events.
const EVENTS: usize = 200;

#[tokio::test]
async fn two_hundred_malformed_events_are_refused_by_name_and_their_neighbours_are_served() {
    let seed = 20_260_302;
    println!("seed {seed}");
    let (mut dice, fixtures) = (Dice(seed), fixtures());
    let mut scenario = Setup::new(NEIGHBOURS).start().await;
    let mut good = Vec::new();
    for number in 1..=NEIGHBOURS {
        scenario.opted_in_bucket(number, EU, &format!("data-{number}"));
        good.push(scenario.waiting_messages().pop().unwrap());
        scenario.lose_events();
    }
    let bodies: Vec<String> = (0..EVENTS)
        .map(|_| malformed(&mut dice, &fixtures))
        .collect();
    for (good, bodies) in good.iter().zip(bodies.chunks(EVENTS / NEIGHBOURS)) {
        let (before, after) = bodies.split_at(bodies.len() / 2);
        before.iter().for_each(|body| scenario.send(body));
        scenario.send(good);
        after.iter().for_each(|body| scenario.send(body));
    }
    assert_eq!(bodies.len(), EVENTS);
    let handled = scenario.run().await;

    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut poison, mut triggers) = (Vec::new(), 0);
    for body in &bodies {
        let record = json!({ "messageId": "m", "eventSource": "aws:sqs", "body": body });
        match parse_value(&record) {
            Ok(_) => triggers += 1,
            Err(refusal) => {
                *refused.entry(refusal.name()).or_default() += 1;
                if POISON.contains(&refusal.name()) {
                    poison.push(body.clone());
                }
            }
        }
    }
    println!("{triggers} look at their sender; refused: {refused:?}");
    assert!(refused.keys().all(|name| NAMES.contains(name)) && refused.len() >= 4);
    for (id, why) in handled.iter().flat_map(|one| &one.refused) {
        assert!(id.is_some());
        assert!(NAMES.contains(&why.split(':').next().unwrap()), "{why}");
    }
    let named: Vec<&String> = handled.iter().flat_map(|one| &one.failed).collect();
    assert_eq!(
        named.len(),
        poison.len() * 5,
        "each unreadable one five times"
    );

    let mut dead = scenario.dead_letters();
    dead.sort();
    poison.sort();
    assert_eq!(
        dead, poison,
        "only unreadable ones are in the dead-letter queue"
    );
    assert!(scenario.waiting_messages().is_empty());
    scenario.turn("PT5M");
    for number in 1..=NEIGHBOURS {
        let expected = format!("Enabled | daily | data-{number}: old.csv");
        assert_eq!(scenario.at(number, EU), expected);
    }
    let enrolled = scenario.world(|world| {
        let regions = world.macie.administrations.keys();
        regions
            .flat_map(|region| world.macie.members(region).map(|(id, _)| id.to_owned()))
            .collect::<Vec<String>>()
    });
    let neighbours: Vec<String> = (1..=NEIGHBOURS).map(account).collect();
    assert_eq!(enrolled, neighbours, "nobody else was enrolled");
}
