//! What the README shows is what `maciectl` prints. `UPDATE_DOCS=1 cargo test -p maciectl --test
//! readme` records the demo anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{env, fs, path::PathBuf, process::Command};

const BEGIN: &str = "UPDATE_DOCS=1 writes it -->\n```text\n";
const END: &str = "```\n<!-- /demo -->";

/// The demo's output, with the port, which is another one each time, taken out.
fn demo() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_maciectl"))
        .arg("demo")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    let lines = text
        .lines()
        .map(|line| match line.split_once("http://127.0.0.1:") {
            Some((before, _port)) => format!("{before}http://127.0.0.1:PORT."),
            None => line.trim_end().to_owned(),
        });
    lines.map(|line| line + "\n").collect()
}

#[test]
fn the_recorded_demo_is_what_the_demo_prints() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (recorded, after) = rest.split_once(END).unwrap();
    let printed = demo();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{printed}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        recorded, printed,
        "the README's demo is out of date: run with UPDATE_DOCS=1"
    );
}

#[test]
fn the_demo_tells_the_whole_life_of_an_opt_in() {
    let text = demo();
    let mut rest = text.as_str();
    let chapters = [
        "Account Enrolled: payments",
        "Daily Job Created: payments",
        "Bucket Covered: payments payments-invoices",
        "Account Enrolled: orders",
        "Account Enrolled: analytics",
        "Opt-In Refused: website website-logs",
        "has scanned 120 GB of payments",
        "Bucket Covered: payments payments-exports",
        "payments is Enabled",
        "Suspension Pending: payments",
        "Suspension Cancelled: payments",
        "Suspension Pending: payments",
        "the grace period is not over",
        "Account Suspended: payments",
        "reads website, the sender: 0 changes",
        "Event refused (failed-call",
        "AWS's limit of one new job per 10 s",
        "Bucket Covered: orders orders-returns",
        "Paused",
    ];
    for chapter in chapters {
        let (_, after) = rest
            .split_once(chapter)
            .unwrap_or_else(|| panic!("`{chapter}` is missing or too early in\n{text}"));
        rest = after;
    }
}
