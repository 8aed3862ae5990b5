//! The invariants of `docs/architecture.md` are those of the code.

use controller_core::check::Invariant;
use serde_json::json;

#[test]
fn the_architecture_lists_every_invariant() {
    let page = include_str!("../../../../docs/architecture.md");
    let (_, rest) = page.split_once("<!-- invariants").unwrap();
    let (_, rest) = rest.split_once("-->\n").unwrap();
    let (listed, _) = rest.split_once("<!-- /invariants -->").unwrap();
    let expected: String = Invariant::ALL
        .iter()
        .map(|invariant| format!("- `{}`: {invariant}.\n", json!(invariant).as_str().unwrap()))
        .collect();
    assert_eq!(listed, expected);
}
