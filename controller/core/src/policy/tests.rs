use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const DEFAULT: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../policies/self-service.json"
));
const SCHEMA: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../policies/self-service.schema.json"
));

fn default_value() -> Value {
    serde_json::from_str(DEFAULT).unwrap()
}

fn schema() -> jsonschema::Validator {
    jsonschema::options()
        .build(&serde_json::from_str(SCHEMA).unwrap())
        .unwrap()
}

/// The default policy with the value at a JSON pointer replaced, or removed (`Value::Null` would be
/// a value of its own).
fn spoiled(pointer: &str, value: Option<Value>) -> Value {
    let mut policy = default_value();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let object = policy.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    policy
}

/// Prices of a Region with these of a gigabyte.
fn priced_at(gigabyte: Value) -> Value {
    json!({ "bucketMonth": "0.10", "gigabyte": gigabyte })
}

fn refusal(policy: &Value) -> String {
    Policy::parse(&policy.to_string()).unwrap_err().to_string()
}

fn policy_with(pointer: &str, value: Value) -> Policy {
    Policy::parse(&spoiled(pointer, Some(value)).to_string()).unwrap()
}

#[test]
fn the_default_policy_parses_and_fits_the_schema() {
    let policy = Policy::parse(DEFAULT).unwrap();
    assert_eq!(policy.tag.key, "macie");
    assert_eq!(policy.grace_period, SignedDuration::from_hours(24));
    assert!(policy.own_prices.is_empty());
    assert!(policy.governs(&"us-east-1".parse().unwrap()));
    assert!(!policy.governs(&"us-east-2".parse().unwrap()));
    assert!(schema().is_valid(&default_value()));
}

/// The local AWS's organization has the delivered policy, and prices of its Regions.
#[test]
fn the_local_policy_is_the_default_one_with_prices() {
    let local = include_str!("../../../local-aws/policy.json");
    let local = Policy::parse(local).unwrap();
    let priced: BTreeSet<Region> = local.own_prices.keys().cloned().collect();
    assert_eq!(priced, local.regions);
    let own_prices = BTreeMap::new();
    let default = Policy::parse(DEFAULT).unwrap();
    assert_eq!(
        Policy {
            own_prices,
            ..local
        },
        default
    );
}

#[test]
fn what_is_left_out_is_as_in_the_default_policy() {
    let short =
        r#"{ "version": 1, "homeRegion": "eu-west-1", "regions": ["us-east-1", "eu-west-1"] }"#;
    assert_eq!(
        Policy::parse(short).unwrap(),
        Policy::parse(DEFAULT).unwrap()
    );
    for empty in [
        "tag",
        "accounts",
        "organizationalUnits",
        "ownership",
        "jobs",
        "circuitBreaker",
        "prices",
    ] {
        let policy = policy_with(&format!("/{empty}"), json!({}));
        assert_eq!(policy, Policy::parse(DEFAULT).unwrap(), "{empty}");
    }
}

/// The defaults that the schema states are the ones that the parser takes.
#[test]
fn the_schema_states_the_defaults_and_its_examples_hold() {
    let schema_value: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut seen = 0;
    for (name, field) in schema_value["properties"].as_object().unwrap() {
        assert!(field["description"].is_string(), "{name}");
        let default = &field["default"];
        if !default.is_null() {
            assert_eq!(default, &default_value()[name], "{name}");
            seen += 1;
        }
        for (inner, part) in field["properties"].as_object().into_iter().flatten() {
            assert_eq!(
                part["default"],
                default_value()[name][inner],
                "{name}.{inner}"
            );
            for example in part["examples"].as_array().unwrap() {
                let policy = spoiled(&format!("/{name}/{inner}"), Some(example.clone()));
                assert!(schema().is_valid(&policy), "{name}.{inner} {example}");
                Policy::parse(&policy.to_string()).unwrap();
            }
        }
    }
    assert_eq!(seen, 10);
}

/// Each row spoils one field. The parser refuses it with this message, and so does the schema,
/// except for the rows of `across_fields`.
#[test]
fn each_spoiled_field_is_refused_with_its_name_value_and_what_was_expected() {
    let account = "111122223333";
    let unknown_root = "policy field `grace`: `grace` is not one of the known fields `$schema`, \
        `version`, `tag`, `homeRegion`, `regions`, `gracePeriod`, \
        `minimumEnrolledTime`, `accounts`, \
        `organizationalUnits`, `ownership`, `jobs`, `circuitBreaker`, `prices`, `budgets`";
    let tag_key = "a tag key of 1 to 128 letters, digits, spaces and `_.:/=+-@` that does not begin with `aws:`";
    let long = "v".repeat(257);
    let cut = format!(
        "policy field `tag.values[0]`: `{}` is not a tag value of at most 256 letters, digits, spaces and `_.:/=+-@`",
        "v".repeat(80)
    );
    let priced = "a Region with its prices, such as `\"eu-west-1\": { \"bucketMonth\": \"0.10\", \"gigabyte\": \"1.25\" }`";
    let many: Vec<String> = (0..31).map(|number| format!("id-{number}")).collect();
    let rows: Vec<(&str, Option<Value>, String)> = vec![
        ("/version", Some(json!(2)), "policy field `version`: `2` is not the number 1".into()),
        ("/version", Some(json!("1")), "policy field `version`: `1` is not the number 1".into()),
        ("/version", None, "policy field `version`: it is missing, and must be the number 1".into()),
        ("/grace", Some(json!("PT1H")), unknown_root.into()),
        ("/tag", Some(json!("macie")), "policy field `tag`: `macie` is not a JSON object".into()),
        ("/tag", Some(Value::Null), "policy field `tag`: `null` is not a JSON object".into()),
        ("/tag/value", Some(json!("true")), "policy field `tag.value`: `value` is not one of the known fields `key`, `values`".into()),
        ("/tag/key", Some(json!("")), format!("policy field `tag.key`: `` is not {tag_key}")),
        ("/tag/key", Some(json!("aws:macie")), format!("policy field `tag.key`: `aws:macie` is not {tag_key}")),
        ("/tag/key", Some(json!("AWS:macie")), format!("policy field `tag.key`: `AWS:macie` is not {tag_key}")),
        ("/tag/key", Some(json!("mac*ie")), format!("policy field `tag.key`: `mac*ie` is not {tag_key}")),
        ("/tag/key", Some(json!("mac\tie")), format!("policy field `tag.key`: `mac\tie` is not {tag_key}")),
        ("/tag/values", Some(json!([])), "policy field `tag.values`: `[]` is not an array of 1 to 10 tag values such as `[\"true\"]`".into()),
        ("/tag/values", Some(json!(vec!["v"; 11])), format!("policy field `tag.values`: `{}` is not an array of 1 to 10 tag values such as `[\"true\"]`", json!(vec!["v"; 11]))),
        ("/tag/values", Some(json!("true")), "policy field `tag.values`: `true` is not an array of 1 to 10 tag values such as `[\"true\"]`".into()),
        ("/tag/values", Some(json!([true])), "policy field `tag.values[0]`: `true` is not a tag value of at most 256 letters, digits, spaces and `_.:/=+-@`".into()),
        ("/tag/values", Some(json!([long])), cut),
        ("/homeRegion", None, "policy field `homeRegion`: it is missing, and must be an AWS Region such as `eu-west-1`".into()),
        ("/homeRegion", Some(json!("Ireland")), "policy field `homeRegion`: `Ireland` is not an AWS Region such as `eu-west-1`".into()),
        ("/regions", None, "policy field `regions`: it is missing, and must be an array of AWS Regions such as `[\"eu-west-1\"]`".into()),
        ("/regions", Some(json!("eu-west-1")), "policy field `regions`: `eu-west-1` is not an array of AWS Regions such as `[\"eu-west-1\"]`".into()),
        ("/regions", Some(json!([])), "policy field `regions`: `[]` is not an array of AWS Regions such as `[\"eu-west-1\"]`".into()),
        ("/regions", Some(json!(["eu-west-1", "us"])), "policy field `regions[1]`: `us` is not an AWS Region such as `eu-west-1`".into()),
        ("/gracePeriod", Some(json!("24 hours")), "policy field `gracePeriod`: `24 hours` is not an ISO 8601 duration such as `PT24H`".into()),
        ("/gracePeriod", Some(json!(24)), "policy field `gracePeriod`: `24` is not an ISO 8601 duration such as `PT24H`".into()),
        ("/gracePeriod", Some(json!("P1M")), "policy field `gracePeriod`: `P1M` is not an ISO 8601 duration such as `PT24H`".into()),
        ("/gracePeriod", Some(json!("P")), "policy field `gracePeriod`: `P` is not an ISO 8601 duration such as `PT24H`".into()),
        ("/gracePeriod", Some(json!("-PT1H")), "policy field `gracePeriod`: `-PT1H` is not between `PT0S` and `P30D`".into()),
        ("/accounts/excluded", Some(json!(account)), format!("policy field `accounts.excluded`: `{account}` is not an array of account ids such as `[\"111122223333\"]`")),
        ("/accounts/mandatory", Some(json!([111122223333_u64])), format!("policy field `accounts.mandatory[0]`: `{account}` is not an AWS account id of 12 digits")),
        ("/accounts/adopted", Some(json!(["payments-prod"])), "policy field `accounts.adopted[0]`: `payments-prod` is not an AWS account id of 12 digits".into()),
        ("/organizationalUnits/excluded", Some(json!(["sandbox"])), "policy field `organizationalUnits.excluded[0]`: `sandbox` is not an organizational unit such as `ou-abcd-12345678` or a root such as `r-abcd`".into()),
        ("/ownership/value", Some(json!("a;b")), "policy field `ownership.value`: `a;b` is not a tag value of at most 256 letters, digits, spaces and `_.:/=+-@`".into()),
        ("/jobs/samplingPercentage", Some(json!(0)), "policy field `jobs.samplingPercentage`: `0` is not a whole number from 1 to 100".into()),
        ("/jobs/samplingPercentage", Some(json!(101)), "policy field `jobs.samplingPercentage`: `101` is not a whole number from 1 to 100".into()),
        ("/jobs/samplingPercentage", Some(json!(12.5)), "policy field `jobs.samplingPercentage`: `12.5` is not a whole number from 1 to 100".into()),
        ("/jobs/managedDataIdentifiers", Some(json!("recommended")), "policy field `jobs.managedDataIdentifiers`: `recommended` is not one of `RECOMMENDED`, `ALL` and `NONE`".into()),
        ("/jobs/managedDataIdentifiers", Some(json!("NONE")), "policy field `jobs.managedDataIdentifiers`: `NONE` is not possible without an id in `jobs.customDataIdentifierIds`".into()),
        ("/jobs/customDataIdentifierIds", Some(json!(many)), format!("policy field `jobs.customDataIdentifierIds`: `{}` is not an array of at most 30 ids of custom data identifiers", json!(many).to_string().chars().take(80).collect::<String>())),
        ("/jobs/allowListIds", Some(json!(["a b"])), "policy field `jobs.allowListIds[0]`: `a b` is not an id of 1 to 128 of a-z, A-Z, 0-9 and `-`".into()),
        ("/circuitBreaker/maxSuspensions", Some(json!(-1)), "policy field `circuitBreaker.maxSuspensions`: `-1` is not a whole number from 0 to 10000".into()),
        ("/circuitBreaker/maxPercent", Some(json!(300)), "policy field `circuitBreaker.maxPercent`: `300` is not a whole number from 0 to 100".into()),
        ("/circuitBreaker/window", Some(json!("1h")), "policy field `circuitBreaker.window`: `1h` is not an ISO 8601 duration such as `PT24H`".into()),
        ("/prices/Ireland", Some(json!({})), format!("policy field `prices.Ireland`: `Ireland` is not {priced}")),
        ("/prices", Some(json!({ "bucketMonth": "0.10", "gigabyte": "1.00" })), format!("policy field `prices.bucketMonth`: `bucketMonth` is not {priced}")),
        ("/prices/eu-west-1", Some(json!({ "gigabyte": "1.25" })), "policy field `prices.eu-west-1.bucketMonth`: it is missing, and must be US dollars as text such as `\"0.10\"`, below 1000, with at most 10 decimals".into()),
        ("/prices/eu-west-1", Some(json!({ "bucketMonth": "0.10", "gigabyte": 1.25 })), "policy field `prices.eu-west-1.gigabyte`: `1.25` is not US dollars as text such as `\"0.10\"`, below 1000, with at most 10 decimals".into()),
        ("/prices/eu-west-1", Some(json!({ "bucketMonth": "-0.10", "gigabyte": "1" })), "policy field `prices.eu-west-1.bucketMonth`: `-0.10` is not US dollars as text such as `\"0.10\"`, below 1000, with at most 10 decimals".into()),
        ("/prices/eu-west-1", Some(priced_at(json!([]))), "policy field `prices.eu-west-1.gigabyte`: `[]` is not an array of 1 to 10 tiers, or one price as text".into()),
        ("/prices/eu-west-1", Some(priced_at(json!([{ "upTo": "50000" }]))), "policy field `prices.eu-west-1.gigabyte[0].price`: it is missing, and must be US dollars as text such as `\"0.10\"`, below 1000, with at most 10 decimals".into()),
        ("/prices/eu-west-1", Some(priced_at(json!([{ "price": 1 }]))), "policy field `prices.eu-west-1.gigabyte[0].price`: `1` is not US dollars as text such as `\"0.10\"`, below 1000, with at most 10 decimals".into()),
        ("/prices/eu-west-1", Some(priced_at(json!([{ "upTo": 50000, "price": "1" }, { "price": "1" }]))), "policy field `prices.eu-west-1.gigabyte[0].upTo`: `50000` is not gigabytes as text such as `\"50000\"`, below 10^12".into()),
        ("/prices/eu-west-1", Some(priced_at(json!([{ "from": "0", "price": "1" }]))), "policy field `prices.eu-west-1.gigabyte[0].from`: `from` is not one of the known fields `upTo`, `price`".into()),
        ("/budgets", Some(json!({ "year": {} })), "policy field `budgets.year`: `year` is not one of the known fields `firstScan`, `month`, `organizationalUnits`, `accounts`".into()),
        ("/budgets", Some(json!({ "month": { "usd": 50, "action": "hold" } })), "policy field `budgets.month.usd`: `50` is not US dollars as text such as `\"250\"` or `\"99.50\"`, below 1000000000".into()),
        ("/budgets", Some(json!({ "month": { "usd": "1.005", "action": "hold" } })), "policy field `budgets.month.usd`: `1.005` is not US dollars as text such as `\"250\"` or `\"99.50\"`, below 1000000000".into()),
        ("/budgets", Some(json!({ "month": { "usd": "50" } })), "policy field `budgets.month.action`: it is missing, and must be one of `warn`, `hold`, `pause`".into()),
        ("/budgets", Some(json!({ "month": { "usd": "50", "action": "suspend" } })), "policy field `budgets.month.action`: `suspend` is not one of `warn`, `hold`, `pause`".into()),
        ("/budgets", Some(json!({ "firstScan": { "usd": "50", "action": "pause" } })), "policy field `budgets.firstScan.action`: `pause` is not one of `warn`, `hold`".into()),
        ("/budgets", Some(json!({ "accounts": { "payments": {} } })), "policy field `budgets.accounts.payments`: `payments` is not an account with its caps, such as `\"111122223333\": { \"month\": { \"usd\": \"200\", \"action\": \"hold\" } }`".into()),
        ("/budgets", Some(json!({ "organizationalUnits": { "sandbox": {} } })), "policy field `budgets.organizationalUnits.sandbox`: `sandbox` is not a unit with its caps, such as `\"ou-abcd-12345678\": { \"month\": { \"usd\": \"200\", \"action\": \"hold\" } }`".into()),
    ];
    let schema = schema();
    for (pointer, value, message) in rows {
        let policy = spoiled(pointer, value);
        assert_eq!(refusal(&policy), message);
        assert!(
            !schema.is_valid(&policy),
            "the schema accepts {pointer}: {message}"
        );
    }
}

/// What only the parser can refuse, because a schema cannot compare fields or durations.
#[test]
fn across_fields_and_for_the_length_of_durations_the_parser_knows_more_than_the_schema() {
    let both = json!({ "mandatory": ["111122223333"], "excluded": ["111122223333"] });
    let units = json!({ "mandatory": ["r-abcd"], "excluded": ["r-abcd"] });
    let rows = [
        (
            "/homeRegion",
            json!("eu-north-1"),
            "policy field `homeRegion`: `eu-north-1` is not one of the Regions in `regions`",
        ),
        (
            "/gracePeriod",
            json!("P31D"),
            "policy field `gracePeriod`: `P31D` is not between `PT0S` and `P30D`",
        ),
        (
            "/circuitBreaker/window",
            json!("PT59S"),
            "policy field `circuitBreaker.window`: `PT59S` is not between `PT1M` and `P7D`",
        ),
        (
            "/circuitBreaker/window",
            json!("P8D"),
            "policy field `circuitBreaker.window`: `P8D` is not between `PT1M` and `P7D`",
        ),
        (
            "/accounts",
            both,
            "policy field `accounts.excluded`: `111122223333` is not only in one of `accounts.mandatory` and `accounts.excluded`",
        ),
        (
            "/organizationalUnits",
            units,
            "policy field `organizationalUnits.excluded`: `r-abcd` is not only in one of `organizationalUnits.mandatory` and `organizationalUnits.excluded`",
        ),
        (
            "/prices/eu-west-1",
            priced_at(json!([{ "price": "1" }, { "price": "0.5" }])),
            "policy field `prices.eu-west-1.gigabyte[0].upTo`: it is missing, and must be gigabytes as text such as `\"50000\"`, below 10^12",
        ),
        (
            "/prices/eu-west-1",
            priced_at(json!([{ "upTo": "50000", "price": "1" }])),
            "policy field `prices.eu-west-1.gigabyte[0].upTo`: `50000` is not left out, as the last tier has no end",
        ),
        (
            "/prices/eu-west-1",
            priced_at(
                json!([{ "upTo": "50", "price": "1" }, { "upTo": "50.0", "price": "1" }, { "price": "1" }]),
            ),
            "policy field `prices.eu-west-1.gigabyte[1].upTo`: `50.0` is not more than 50, where the tier begins",
        ),
        (
            "/prices/eu-west-1",
            priced_at(json!([{ "upTo": "0", "price": "1" }, { "price": "1" }])),
            "policy field `prices.eu-west-1.gigabyte[0].upTo`: `0` is not more than 0, where the tier begins",
        ),
    ];
    for (pointer, value, message) in rows {
        let policy = spoiled(pointer, Some(value));
        assert_eq!(refusal(&policy), message);
        assert!(schema().is_valid(&policy), "{message}");
    }
}

#[test]
fn text_that_is_not_a_policy_is_refused_as_a_whole() {
    assert_eq!(
        Policy::parse("{").unwrap_err().to_string(),
        "policy: `{` is not a JSON document (EOF while parsing an object at line 1 column 1)"
    );
    assert_eq!(
        Policy::parse("[]").unwrap_err().to_string(),
        "policy: `[]` is not a JSON object"
    );
}

#[test]
fn the_bounds_themselves_are_accepted() {
    let hours = SignedDuration::from_hours;
    for (text, length) in [
        ("PT0S", hours(0)),
        ("P1D", hours(24)),
        ("P30D", hours(720)),
        ("P1W", hours(168)),
        ("P1DT12H", hours(36)),
    ] {
        assert_eq!(
            policy_with("/gracePeriod", json!(text)).grace_period,
            length
        );
        assert!(
            schema().is_valid(&spoiled("/gracePeriod", Some(json!(text)))),
            "{text}"
        );
    }
    let window = policy_with("/circuitBreaker/window", json!("P7D"));
    assert_eq!(window.circuit_breaker.window, hours(168));
    let jobs = json!({ "managedDataIdentifiers": "NONE", "customDataIdentifierIds": ["cdi-1"], "samplingPercentage": 1 });
    assert!(schema().is_valid(&spoiled("/jobs", Some(jobs.clone()))));
    let policy = policy_with("/jobs", jobs);
    assert_eq!(
        policy.jobs.managed_data_identifiers,
        ManagedIdentifiers::None
    );
    let all = policy_with("/jobs/managedDataIdentifiers", json!("ALL"));
    let all = all.jobs.managed_data_identifiers;
    assert_eq!(all, ManagedIdentifiers::All);
    let region: Region = "eu-west-1".parse().unwrap();
    assert_eq!(Policy::parse(DEFAULT).unwrap().prices(&region), None);
    let own = json!({ "eu-west-1": { "bucketMonth": "0.10", "gigabyte": "999.9999999999" } });
    let policy = policy_with("/prices", own);
    let own = Prices::flat("0.10".parse().unwrap(), "999.9999999999".parse().unwrap());
    assert_eq!(policy.prices(&region), Some(&own));
    let tiers = json!([{ "upTo": "50000", "price": "1.25" }, { "price": "0.6" }]);
    let tiers = json!({ "eu-west-1": priced_at(tiers) });
    assert!(schema().is_valid(&spoiled("/prices", Some(tiers.clone()))));
    let policy = policy_with("/prices", tiers);
    let analysed = |gigabytes: u32| policy.prices(&region).unwrap().analysing(gigabytes.into());
    assert_eq!(analysed(50_000).to_string(), "$62500.00");
    assert_eq!(analysed(50_010).to_string(), "$62506.00");
    // Where a policy says nothing, AWS's list counts.
    let listed = PriceList::bundled().unwrap().regions.first_key_value();
    let (region, prices) = listed.unwrap();
    assert_eq!(policy.prices(region), Some(prices));
    policy_with("/tag/values", json!(["", "Zürich 1/2", &"v".repeat(256)]));
}

/// The sweep asks for the accounts of these, and of no others.
#[test]
fn the_units_of_a_policy_are_those_that_it_names_anywhere() {
    let mut policy: Value = serde_json::from_str(DEFAULT).unwrap();
    policy["organizationalUnits"] =
        json!({ "mandatory": ["ou-abcd-11111111"], "excluded": ["ou-abcd-22222222"] });
    let caps = json!({ "month": { "usd": "5", "action": "hold" } });
    policy["budgets"] = json!({ "organizationalUnits": { "ou-abcd-33333333": caps } });
    let units = Policy::parse(&policy.to_string()).unwrap().units();
    let names: Vec<&str> = units.iter().map(UnitId::as_str).collect();
    assert_eq!(
        names,
        ["ou-abcd-11111111", "ou-abcd-22222222", "ou-abcd-33333333"]
    );
}

#[test]
fn an_exclusion_beats_a_mandatory_enrolment_and_units_count_like_accounts() {
    let mut policy = Policy::parse(DEFAULT).unwrap();
    let account: AccountId = "111122223333".parse().unwrap();
    let (root, unit): (UnitId, UnitId) = (
        "r-abcd".parse().unwrap(),
        "ou-abcd-12345678".parse().unwrap(),
    );
    let units = [root.clone(), unit.clone()];
    assert_eq!(policy.mode(&account, &units), Mode::OptIn);
    assert!(!policy.has_unit_rules());
    policy.organizational_units.mandatory.insert(root);
    assert!(policy.has_unit_rules());
    assert_eq!(policy.mode(&account, &units), Mode::Mandatory);
    assert_eq!(policy.mode(&account, &[]), Mode::OptIn);
    policy.accounts.excluded.insert(account.clone());
    assert_eq!(policy.mode(&account, &units), Mode::Excluded);
    policy.accounts.excluded.clear();
    policy.accounts.mandatory.insert(account.clone());
    assert_eq!(policy.mode(&account, &[]), Mode::Mandatory);
    policy.organizational_units.excluded.insert(unit);
    assert_eq!(policy.mode(&account, &units), Mode::Excluded);
}

#[test]
fn a_tag_opts_in_exactly_and_near_misses_are_told_apart_from_a_no() {
    let rule = Policy::parse(DEFAULT).unwrap().tag;
    let judge = |tags: &[(&str, &str)]| rule.judge(tags.iter().copied());
    assert_eq!(judge(&[]), OptIn::No);
    assert_eq!(judge(&[("team", "true"), ("macie", "true")]), OptIn::Yes);
    assert_eq!(judge(&[("Macie", "yes"), ("macie", "true")]), OptIn::Yes);
    for (key, value) in [
        ("macie", "True"),
        ("macie", " true"),
        ("macie", "TRUE"),
        ("macie", "yes"),
        ("macie", "On"),
        ("macie", "1"),
        ("macie", "enabled"),
        ("Macie", "true"),
        ("macie ", "true"),
        ("ma-cie", "true"),
        ("MACIE", "weekly"),
        ("Macie", ""),
    ] {
        let found = format!("{key}={value}");
        assert_eq!(
            judge(&[("team", "1"), (key, value)]),
            OptIn::NearMiss { found }
        );
    }
    for (key, value) in [
        ("macie", "false"),
        ("macie", "No"),
        ("macie", "off"),
        ("macie", "0"),
        ("Macie", "disabled"),
        ("macie", "weekly"),
        ("macie", ""),
        ("macie2", "true"),
        ("amacie", "true"),
        ("true", "macie"),
    ] {
        assert_eq!(judge(&[(key, value)]), OptIn::No, "{key}={value}");
    }
}

#[test]
fn a_listed_spelling_is_obeyed_and_a_near_miss_is_cut() {
    let rule = policy_with("/tag/values", json!(["true", "True", "0"])).tag;
    assert_eq!(rule.judge([("macie", "True")].into_iter()), OptIn::Yes);
    assert_eq!(rule.judge([("macie", "0")].into_iter()), OptIn::Yes);
    let long = "é".repeat(200);
    let OptIn::NearMiss { found } = rule.judge([("Macie", long.as_str())].into_iter()) else {
        panic!("not a near miss")
    };
    assert_eq!(found.chars().count(), 100);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        "-?P[0-9]{0,25}[YMWDT][0-9]{0,25}[HMS]?".prop_map(Value::from),
        "[0-9]{0,40}[.]?[0-9]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Every place in the default policy where a value is.
fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        pointers(inner, &path, found);
        found.push(path);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".*") {
        let _ = Policy::parse(&text);
    }

    /// Whatever stands in one field: no panic, and a refusal names a field and a short value.
    #[test]
    fn no_value_of_any_field_makes_the_parser_panic(value in any_json(), place in any::<prop::sample::Index>()) {
        let mut places = Vec::new();
        pointers(&default_value(), "", &mut places);
        let policy = spoiled(place.get::<String>(&places), Some(value));
        if let Err(error) = Policy::parse(&policy.to_string()) {
            prop_assert!(!error.field.is_empty());
            prop_assert!(error.value.is_none_or(|value| value.chars().count() <= 80));
        }
    }

    /// Nobody learns of a tag that has nothing to do with the opt-in.
    #[test]
    fn only_a_tag_that_is_like_the_rule_is_ever_named(
        tags in prop::collection::vec(("[a-zA-Z _-]{1,8}", ".{0,8}"), 0..6),
    ) {
        let rule = Policy::parse(DEFAULT).unwrap().tag;
        let verdict = rule.judge(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        if let OptIn::NearMiss { found } = verdict {
            let key = found.split('=').next().unwrap().to_lowercase();
            prop_assert_eq!(key.replace([' ', '_', '-'], ""), "macie");
        }
        let backwards = rule.judge(tags.iter().rev().map(|(key, value)| (key.as_str(), value.as_str())));
        let forwards = rule.judge(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        prop_assert_eq!(forwards, backwards);
    }
}
