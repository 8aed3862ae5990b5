//! `maciectl prices`: what is known, and what AWS's price list adds to it.

use controller_core::{policy::Policy, prices::PriceList};
use controller_tests::{EU, Scenario, Setup, US};
use local_aws::{faults::Kind, macie};
use maciectl::{commands::prices::State, exit::Exit};
use serde_json::{Value, json};

/// Two Regions, of which the policy prices none.
async fn unpriced() -> Scenario {
    let gone = json!({ "prices": null });
    let none = json!({ "prices": {}, "homeRegion": EU, "regions": [EU, US] });
    Setup::new(1).policy(gone).policy(none).start().await
}

/// What Macie charges in a Region from now on.
fn charge(scenario: &Scenario, region: &str, bucket_month: &str) {
    let prices = macie::Prices {
        bucket_month: bucket_month.parse().unwrap(),
        tiers: vec![(50_000, "1.25".parse().unwrap())],
        beyond: "0.6".parse().unwrap(),
    };
    scenario.world(|world| world.macie.figures.prices.insert(region.to_owned(), prices));
}

/// Ireland has prices of its own, found by US East's; the snapshot and the policy's form have them.
#[tokio::test]
async fn a_region_that_was_unknown_is_found_in_awss_list() {
    let scenario = unpriced().await;
    charge(&scenario, EU, "0.11");
    let from: Vec<_> = scenario
        .prices(&[])
        .into_iter()
        .map(|row| row.from)
        .collect();
    assert_eq!(from, [None, Some("list")]);
    let found = scenario.refresh(&[]).await.unwrap();
    assert_eq!(found.exit(), Exit::Success);
    let rows: Vec<(&str, State)> = found
        .rows
        .iter()
        .map(|row| (row.now.region.as_str(), row.state))
        .collect();
    assert_eq!(rows, [(EU, State::New), (US, State::Same)]);
    let expected = json!({
        "eu-west-1": {
            "bucketMonth": "0.11",
            "gigabyte": [{ "upTo": "50000", "price": "1.25" }, { "price": "0.60" }],
        },
        "us-east-1": {
            "bucketMonth": "0.10",
            "gigabyte": [
                { "upTo": "50000", "price": "1.00" },
                { "upTo": "500000", "price": "0.50" },
                { "price": "0.25" },
            ],
        },
    });
    let policy = scenario.policy();
    assert_eq!(json!(found.for_policy(&policy)), expected);
    let snapshot = found.snapshot(scenario.now());
    assert_eq!(json!(snapshot.regions), expected);
    let date = scenario.now().to_string();
    assert_eq!(snapshot.as_of.to_string(), date[..10]);
    let text = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<PriceList>(&text).unwrap(), snapshot);
}

/// What `--for-policy` prints is a policy's `prices`, and the next estimate counts with it.
#[tokio::test]
async fn what_was_found_goes_into_the_policy_as_it_is() {
    let scenario = unpriced().await;
    charge(&scenario, EU, "0.11");
    let found = scenario.refresh(&[]).await.unwrap();
    let prices = found.for_policy(&scenario.policy());
    let text = json!({ "version": 1, "homeRegion": EU, "regions": [EU], "prices": prices });
    let policy = Policy::parse(&text.to_string()).unwrap();
    let ireland = policy.prices(&EU.parse().unwrap()).unwrap();
    assert_eq!(ireland.monitoring(100).to_string(), "$11.00");
    assert_eq!(
        ireland.analysing("50010".parse().unwrap()).to_string(),
        "$62506.00"
    );
    assert_eq!(policy.own_prices, prices);
}

/// The policy goes first, is shown beside, and keeps what the list does not know.
#[tokio::test]
async fn the_policys_own_price_stays_where_the_list_has_none() {
    let own = json!({ EU: { "bucketMonth": "0.09", "gigabyte": "1.00" } });
    let policy = json!({ "prices": own });
    let scenario = Setup::new(1).policy(policy).start().await;
    charge(&scenario, EU, "0.11");
    let changed = scenario.refresh(&["--region", EU]).await.unwrap();
    assert_eq!(changed.rows[0].state, State::Changed);
    let now = changed.rows[0].now.prices.as_ref().unwrap();
    assert_eq!(now.bucket_month, "0.09".parse().unwrap());

    charge(&scenario, EU, "0");
    let unknown = scenario.refresh(&[]).await.unwrap();
    assert_eq!(unknown.exit(), Exit::Partial);
    let why = unknown.rows[0].why.as_deref().unwrap();
    assert!(
        why.ends_with("is not understood: a tier costs nothing"),
        "{why}"
    );
    let kept = &json!(unknown.for_policy(&scenario.policy()))[EU];
    assert_eq!(kept["bucketMonth"], "0.09");
    let snapshot = unknown.snapshot(scenario.now());
    assert!(!snapshot.regions.contains_key(&EU.parse().unwrap()));
}

#[tokio::test]
async fn all_regions_are_more_than_a_page() {
    let scenario = unpriced().await;
    let start = scenario.calls().len();
    let found = scenario.refresh(&["--all-regions"]).await.unwrap();
    let asked = scenario.operations_since(start);
    let pages = asked.iter().filter(|call| *call == "pricing:GetProducts");
    assert_eq!(pages.count(), 2);
    assert_eq!(found.rows.len(), 31);
    assert_eq!(found.exit(), Exit::Success);
    let signed: Vec<String> = scenario.calls()[start..]
        .iter()
        .filter(|call| call.operation == "GetProducts")
        .map(|call| call.region.clone())
        .collect();
    assert_eq!(signed, [US, US], "AWS answers there, not in {EU}");
}

/// US East has another price than this release knows: nothing can be found by it.
#[tokio::test]
async fn without_a_known_price_nothing_is_guessed() {
    let scenario = unpriced().await;
    charge(&scenario, US, "0.12");
    let error = scenario.refresh(&[]).await.unwrap_err();
    let expected = "no usage type of us-east-1 has the known price of a bucket and month";
    assert!(error.contains(expected), "{error}");
    assert!(
        error.contains("fix: put what you pay into `prices`"),
        "{error}"
    );
}

/// AWS's code, request id and the permission are said.
#[tokio::test]
async fn a_list_that_cannot_be_read_says_why() {
    let scenario = unpriced().await;
    scenario.break_always("GetProducts", Kind::Deny);
    let error = scenario.refresh(&[]).await.unwrap_err();
    for part in [
        "fix: the role needs `pricing:GetProducts`",
        "pricing:GetProducts: AccessDeniedException (HTTP 400, request id ",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let known: Vec<Value> = scenario
        .prices(&["--all-regions"])
        .iter()
        .map(|row| json!(row))
        .collect();
    assert_eq!(known.len(), 2, "{known:?}");
}
