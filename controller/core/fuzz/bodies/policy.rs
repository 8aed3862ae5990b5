//! Policies: an accepted one keeps every promise of its type and survives being written down; a
//! refused one is told by the field, the value and what was expected.

use std::collections::{BTreeMap, BTreeSet};

use controller_core::{
    id::Region,
    money::Usd,
    policy::{
        AccountLists, Budgets, Cap, Caps, CircuitBreaker, JobSettings, ManagedIdentifiers,
        OverBudget, Ownership, Policy, PolicyError, TagRule, UnitLists,
    },
    prices::Prices,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

const LONGEST_VALUE: usize = 80;

/// Any text as a policy.
pub fn policy(text: &str) {
    match Policy::parse(text) {
        Ok(policy) => {
            keeps_its_promises(&policy);
            let written = write(&policy).to_string();
            assert_eq!(Policy::parse(&written).as_ref(), Ok(&policy), "{written}");
        }
        Err(error) => names_the_mistake(text, &error),
    }
}

fn keeps_its_promises(policy: &Policy) {
    assert!(policy.regions.contains(&policy.home_region));
    assert!((1..=64).contains(&policy.regions.len()));
    assert!((1..=10).contains(&policy.tag.values.len()));
    assert!(!policy.tag.key.is_empty() && policy.tag.key.chars().count() <= 128);
    for key in [&policy.tag.key, &policy.ownership.key] {
        assert!(!key.to_lowercase().starts_with("aws:"), "{key}");
    }
    let month = SignedDuration::from_hours(30 * 24);
    for time in [policy.grace_period, policy.minimum_enrolled_time] {
        assert!((SignedDuration::ZERO..=month).contains(&time), "{time}");
    }
    let AccountLists {
        mandatory,
        excluded,
        adopted: _,
    } = &policy.accounts;
    assert!(mandatory.is_disjoint(excluded));
    let units = &policy.organizational_units;
    assert!(units.mandatory.is_disjoint(&units.excluded));
    settings(&policy.jobs);
    let breaker = &policy.circuit_breaker;
    assert!(breaker.max_suspensions <= 10_000 && breaker.max_percent <= 100);
    let week = SignedDuration::from_hours(7 * 24);
    assert!((SignedDuration::from_mins(1)..=week).contains(&breaker.window));
    for prices in policy.own_prices.values() {
        let (last, tiers) = prices.gigabyte.split_last().unwrap();
        assert_eq!(last.up_to, None);
        let ends: Vec<_> = tiers.iter().map(|tier| tier.up_to.unwrap()).collect();
        assert!(ends.is_sorted_by(|one, next| one < next), "{ends:?}");
        let of_tiers = prices.gigabyte.iter().map(|tier| tier.price);
        for price in of_tiers.chain([prices.bucket_month]) {
            assert!(!price.is_sign_negative() && price < 1000.into(), "{price}");
        }
    }
}

fn settings(jobs: &JobSettings) {
    assert!((1..=100).contains(&jobs.sampling_percentage));
    assert!(jobs.custom_data_identifier_ids.len() <= 30 && jobs.allow_list_ids.len() <= 10);
    let some = jobs.managed_data_identifiers != ManagedIdentifiers::None;
    assert!(
        some || !jobs.custom_data_identifier_ids.is_empty(),
        "finds nothing"
    );
}

/// A policy as JSON. Every field is taken apart here, so that a new one cannot be forgotten.
fn write(policy: &Policy) -> Value {
    let Policy {
        tag: TagRule { key, values },
        home_region,
        regions,
        grace_period,
        minimum_enrolled_time,
        accounts,
        organizational_units: UnitLists {
            mandatory,
            excluded,
        },
        ownership,
        jobs,
        circuit_breaker,
        own_prices,
        budgets,
    } = policy;
    json!({
        "version": 1,
        "tag": { "key": key, "values": values },
        "homeRegion": home_region,
        "regions": regions,
        "gracePeriod": grace_period.to_string(),
        "minimumEnrolledTime": minimum_enrolled_time.to_string(),
        "accounts": write_accounts(accounts),
        "organizationalUnits": { "mandatory": mandatory, "excluded": excluded },
        "ownership": write_ownership(ownership),
        "jobs": write_jobs(jobs),
        "circuitBreaker": write_breaker(circuit_breaker),
        "prices": write_prices(own_prices),
        "budgets": write_budgets(budgets),
    })
}

fn write_accounts(accounts: &AccountLists) -> Value {
    let AccountLists {
        mandatory,
        excluded,
        adopted,
    } = accounts;
    json!({ "mandatory": mandatory, "excluded": excluded, "adopted": adopted })
}

fn write_ownership(ownership: &Ownership) -> Value {
    let Ownership { key, value } = ownership;
    json!({ "key": key, "value": value })
}

fn write_jobs(jobs: &JobSettings) -> Value {
    let JobSettings {
        sampling_percentage,
        managed_data_identifiers,
        custom_data_identifier_ids,
        allow_list_ids,
    } = jobs;
    let selector = match managed_data_identifiers {
        ManagedIdentifiers::Recommended => "RECOMMENDED",
        ManagedIdentifiers::All => "ALL",
        ManagedIdentifiers::None => "NONE",
    };
    json!({
        "samplingPercentage": sampling_percentage,
        "managedDataIdentifiers": selector,
        "customDataIdentifierIds": custom_data_identifier_ids,
        "allowListIds": allow_list_ids,
    })
}

fn write_breaker(breaker: &CircuitBreaker) -> Value {
    let CircuitBreaker {
        max_suspensions,
        max_percent,
        window,
    } = breaker;
    json!({
        "maxSuspensions": max_suspensions,
        "maxPercent": max_percent,
        "window": window.to_string(),
    })
}

fn write_prices(prices: &BTreeMap<Region, Prices>) -> Value {
    json!(prices)
}

fn write_budgets(budgets: &Budgets) -> Value {
    let Budgets {
        organization,
        units,
        accounts,
    } = budgets;
    let mut written = write_caps(organization);
    let by_id = |caps: Vec<(&str, &Caps)>| {
        let caps = caps.into_iter().map(|(id, caps)| (id, write_caps(caps)));
        json!(caps.collect::<BTreeMap<_, _>>())
    };
    let units = units.iter().map(|(id, caps)| (id.as_str(), caps));
    let accounts = accounts.iter().map(|(id, caps)| (id.as_str(), caps));
    written["organizationalUnits"] = by_id(units.collect());
    written["accounts"] = by_id(accounts.collect());
    written
}

fn write_caps(caps: &Caps) -> Value {
    let Caps { first_scan, month } = caps;
    let caps = [("firstScan", first_scan), ("month", month)];
    let caps = caps.into_iter().filter_map(|(name, cap)| {
        let Cap { usd, action } = (*cap)?;
        assert!(usd >= Usd::default() && (name, action) != ("firstScan", OverBudget::Pause));
        let cap = json!({ "usd": usd, "action": action.name() });
        Some((name.to_owned(), cap))
    });
    Value::Object(caps.collect())
}

fn names_the_mistake(text: &str, error: &PolicyError) {
    let PolicyError {
        field,
        value,
        expected,
    } = error;
    assert!(!expected.is_empty() && error.to_string().contains(expected.as_str()));
    let shown = value.as_deref().unwrap_or_default();
    assert!(shown.chars().count() <= LONGEST_VALUE, "{shown}");
    let Ok(policy) = serde_json::from_str::<Value>(text) else {
        assert_eq!(field, "", "not JSON, and yet a field is wrong");
        return;
    };
    match value {
        Some(value) => {
            let known = at(&policy, field);
            assert!(known.contains(value), "{error}: {known:?}");
        }
        None => assert!(
            policy.pointer(&pointer(field)).is_none(),
            "{error}: it is not missing"
        ),
    }
}

/// The texts that an error may show for a field: its name, its value, an item of it.
fn at(policy: &Value, field: &str) -> BTreeSet<String> {
    // The name of an unknown field can have dots of its own.
    let dots = field.match_indices('.').map(|(at, _)| at + 1);
    let names = dots.chain([0]).filter_map(|at| field.get(at..));
    let mut texts: BTreeSet<String> = names.map(|name| shown(&json!(name))).collect();
    if let Some(value) = policy.pointer(&pointer(field)) {
        texts.insert(shown(value));
        texts.extend(value.as_array().into_iter().flatten().map(shown));
    }
    texts
}

/// Where the field is.
fn pointer(field: &str) -> String {
    match field.replace(['.', '['], "/").replace(']', "") {
        path if path.is_empty() => path,
        path => format!("/{path}"),
    }
}

fn shown(value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(LONGEST_VALUE).collect()
}
