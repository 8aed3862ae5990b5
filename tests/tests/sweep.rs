//! The schedule's one message becomes one message per account and Region, or comes again.

use std::collections::BTreeSet;

use controller_core::event::sweep_of_all;
use controller_tests::{EU, Setup};
use local_aws::faults::{Fault, Kind};

#[tokio::test]
async fn a_sweep_of_many_accounts_takes_many_batches_and_misses_none() {
    let scenario = Setup::new(23).start().await;
    let start = scenario.calls().len();
    let handled = scenario.sweep().await;
    let reports = handled.iter().flat_map(|one| &one.reports);
    let scopes: BTreeSet<String> = reports.map(|report| report.scope.to_string()).collect();
    // 23 workloads, the management and the administrator account, in 2 Regions.
    assert_eq!(scopes.len(), 50);
    let operations = scenario.operations_since(start);
    let count = |name: &str| operations.iter().filter(|one| *one == name).count();
    assert_eq!(count("organizations:ListAccounts"), 2, "pages of 20");
    assert_eq!(count("sqs:SendMessageBatch"), 5, "ten messages a call");
    assert_eq!(scenario.dead_letters(), Vec::<String>::new());
}

#[tokio::test]
async fn many_sweeps_at_once_are_one() {
    let scenario = Setup::new(1).start().await;
    scenario.send_sweep();
    scenario.send_sweep();
    let start = scenario.calls().len();
    scenario.run_well().await;
    let operations = scenario.operations_since(start);
    let lists = operations
        .iter()
        .filter(|one| *one == "organizations:ListAccounts");
    assert_eq!(lists.count(), 1);
}

#[tokio::test]
async fn a_sweep_that_cannot_be_fanned_out_comes_again_and_hurts_no_neighbour() {
    for operation in ["ListAccounts", "SendMessageBatch"] {
        let mut scenario = Setup::new(1).start().await;
        scenario.opted_in_bucket(1, EU, "orders");
        scenario.send_sweep();
        scenario.fault(Fault::always(operation, Kind::Throttle));
        let handled = scenario.pump().await;
        let failed: usize = handled.iter().map(|one| one.failed.len()).sum();
        assert_eq!(failed, 1, "{operation}: the sweep's own message");
        assert!(scenario.place(1, EU).member.is_some(), "{operation}");
        assert_eq!(scenario.waiting_messages().len(), 2, "{operation}");
        scenario.heal();
        scenario.run_well().await;
        assert_eq!(scenario.waiting_messages(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_sweep_that_never_gets_through_ends_in_the_dead_letter_queue() {
    let scenario = Setup::new(1).start().await;
    scenario.break_always("ListAccounts", Kind::Deny);
    scenario.send_sweep();
    scenario.run().await;
    assert_eq!(scenario.dead_letters(), [sweep_of_all()]);
}
