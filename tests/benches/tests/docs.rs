//! The page shows the kept results, and nothing else.

use controller_benches::{programs::root, report};

#[test]
fn the_tables_and_charts_are_those_of_the_kept_results() {
    let page = std::fs::read_to_string(root().join("docs/benchmarks.md")).unwrap();
    let Ok(results) = report::read() else {
        assert!(!page.contains("\n| "), "tables without kept results");
        return;
    };
    let filled = report::filled(&page, &results).unwrap();
    assert!(
        page == filled,
        "run `cargo run --release -p controller-benches -- --render`"
    );
    for (name, chart) in report::charts(&results).unwrap() {
        let kept = root().join(format!("docs/benchmarks/{name}.svg"));
        assert!(std::fs::read_to_string(kept).unwrap() == chart, "{name}");
    }
    assert!(!results.quick);
}
