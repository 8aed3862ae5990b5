//! `docs/local-aws.md` is what the code says. `UPDATE_DOCS=1 cargo test -p local-aws --test docs`
//! writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{env, fmt::Write, fs, path::PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What moto does otherwise: the table that the judges compare the two by.
fn differences() -> String {
    let text = fs::read_to_string(root().join("tests/judges/differences.json")).unwrap();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let cell = |row: &Value, name: &str| {
        row.get(name)
            .and_then(Value::as_str)
            .unwrap()
            .replace('|', "\\|")
    };
    let mut section = String::from(
        "\n## Differences from moto\n\n\
         The scenarios that moto implements run against both. Where the two differ, AWS's documents \
         decide.\n\n| operation | here | moto | decided by |\n| --- | --- | --- | --- |\n",
    );
    for row in &rows {
        let [operation, ours, moto, by] =
            ["operation", "ours", "moto", "decided_by"].map(|name| cell(row, name));
        writeln!(section, "| {operation} | {ours} | {moto} | {by} |").unwrap();
    }
    section
}

#[test]
fn the_page_lists_what_is_implemented() {
    let path = root().join("docs/local-aws.md");
    let text = format!("{}{}", local_aws::docs::markdown(), differences());
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == text,
        "docs/local-aws.md is out of date: run with UPDATE_DOCS=1"
    );
}
