//! The benchmarks run from end to end, with the sizes of the quick run: the programs start, reach
//! the right state in every measured case, and the page's tables and charts can be made.

use controller_benches::{
    kinds::Kind,
    plan::{Part, Plan},
    programs::{Build, Programs, Subject},
    report, run,
};

/// The decision is left to criterion, whose build takes minutes.
const PARTS: [Part; 6] = [
    Part::Cold,
    Part::Events,
    Part::Burst,
    Part::Sweep,
    Part::Collection,
    Part::Load,
];

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_measured_and_told() {
    let plan = Plan::quick(Build::Test);
    let programs = Programs::prepare(plan.build).unwrap();
    let results = run::run(&programs, &plan, &PARTS).await.unwrap();
    assert_eq!(results.cold.len(), Subject::ALL.len());
    assert_eq!(results.events.len(), Kind::ALL.len() * Subject::ALL.len());
    assert!(
        results
            .events
            .iter()
            .all(|figure| figure.milliseconds.median > 0.0)
    );
    assert_eq!(results.bursts.len(), Subject::ALL.len());
    assert_eq!(results.sweeps.len(), Subject::ALL.len());
    assert_eq!(results.collections.len(), 1);
    let tables = report::tables(&results);
    println!("{tables}");
    let charts = report::charts(&results).unwrap();
    assert!(charts.iter().all(|(_, chart)| chart.starts_with("<svg")));
}
