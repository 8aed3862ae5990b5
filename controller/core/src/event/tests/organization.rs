//! `tests/fixtures/organization-events.json`: what each event of AWS Organizations asks for.
//! `tests/tests/patterns.rs` says which of them is forwarded.

use serde_json::{Value, json};

use crate::event::{Refusal, Request, parse_many};

const EVENTS: &str = include_str!("../../../../../tests/fixtures/organization-events.json");

fn outcome(result: &Result<Request, Refusal>) -> Value {
    match result {
        Ok(Request::Account { account, told_by }) => {
            json!({ "account": account, "toldBy": told_by })
        }
        Ok(other) => json!(format!("{other:?}")),
        Err(refusal) => json!({ "refusal": refusal.name() }),
    }
}

#[test]
fn every_event_asks_for_the_account_that_it_names_and_says_who_told_it() {
    let rows: Vec<Value> = serde_json::from_str(EVENTS).unwrap();
    assert!(rows.len() > 10);
    for row in rows {
        let name = &row["name"];
        let bare = parse_many(&row["event"].to_string()).remove(0).result;
        assert_eq!(outcome(&bare), row["expect"], "{name}: {bare:?}");
        let record = json!({ "messageId": "1", "body": row["event"].to_string() });
        assert_eq!(parse_many(&record.to_string()).remove(0).result, bare);
    }
}

#[test]
fn an_event_without_a_teller_is_poison() {
    let rows: Vec<Value> = serde_json::from_str(EVENTS).unwrap();
    for (field, value) in [("account", Value::Null), ("account", json!("12345"))] {
        let mut event = rows[0]["event"].clone();
        event[field] = value;
        let refusal = parse_many(&event.to_string()).remove(0).result;
        assert_eq!(refusal.unwrap_err().name(), "no-account");
    }
}
