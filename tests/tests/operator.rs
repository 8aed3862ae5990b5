//! What the controller does, an operator can do by hand: the life of an opt-in by `maciectl`, with
//! the operator's permissions and without the queue.

use controller::{config::Runtime, lambda};
use controller_core::{
    event::sweep_message,
    report::{Outcome, Report},
};
use controller_tests::{
    EU, Scenario, Setup,
    scenario::{ENROLLED, account, scope},
};
use local_aws::macie::JobStatus;
use serde_json::json;

/// `maciectl handle` for account 1, once. The queue gets nothing to the controller.
async fn look(scenario: &Scenario, operator: &Runtime) -> Report {
    let message = sweep_message(&scope(&account(1), EU), "by-hand");
    let mut handled = lambda::handle(operator, &message, None).await;
    scenario.lose_events();
    let report = handled.reports.pop().unwrap();
    assert_ne!(report.outcome(), Outcome::Failed, "{report:#?}");
    assert_eq!(report.unpublished, None, "{report:#?}");
    report
}

fn kinds(report: &Report) -> impl Iterator<Item = String> {
    report.changes.iter().map(|change| change.kind.to_string())
}

/// The same until nothing changes, with a minute in between; what changed.
async fn by_hand(scenario: &Scenario, operator: &Runtime) -> Vec<String> {
    let mut changed = Vec::new();
    for _ in 0..10 {
        let report = look(scenario, operator).await;
        changed.extend(kinds(&report));
        if report.outcome() == Outcome::Unchanged {
            return changed;
        }
        scenario.turn("PT1M");
    }
    panic!("still not quiet: {changed:?}");
}

#[tokio::test]
async fn an_operator_leads_an_account_through_its_life() {
    // So that it is asked where the account is.
    let policy = json!({ "organizationalUnits": { "excluded": ["ou-root-elsewhere"] } });
    let mut scenario = Setup::new(1).policy(policy).start().await;
    let operator = scenario.operator().await;
    scenario.opted_in_bucket(1, EU, "orders");
    let changed = by_hand(&scenario, &operator).await;
    let enrolled = ["Account Enrolled", "Daily Job Created", "Bucket Covered"];
    assert_eq!(changed, enrolled);

    // A second bucket leaves while its baseline runs.
    scenario.opted_in_bucket(1, EU, "returns");
    let covered = look(&scenario, &operator).await;
    assert_eq!(kinds(&covered).collect::<Vec<_>>(), ["Bucket Covered"]);
    scenario.untag(1, EU, "returns");
    assert_eq!(by_hand(&scenario, &operator).await, ["Job Cancelled"]);

    // The last one leaves for good, and comes back.
    scenario.turn("P2D");
    scenario.untag(1, EU, "orders");
    let leaving = look(&scenario, &operator).await;
    assert_eq!(kinds(&leaving).collect::<Vec<_>>(), ["Suspension Pending"]);
    scenario.turn("PT25H");
    assert_eq!(by_hand(&scenario, &operator).await, ["Account Suspended"]);
    scenario.turn("P1D");
    scenario.tag(1, EU, "orders");
    let changed = by_hand(&scenario, &operator).await;
    assert_eq!(changed.first().map(String::as_str), Some("Account Resumed"));
    scenario.turn("P1D");
    assert_eq!(scenario.at(1, EU), ENROLLED);

    // Somebody cancels the daily job, which is then made anew.
    scenario.world(|world| {
        let mut jobs = world.macie.jobs.iter_mut();
        let daily = jobs.rfind(|job| job.definition.name.contains("/daily/"));
        daily.unwrap().status = JobStatus::Cancelled;
    });
    let changed = by_hand(&scenario, &operator).await;
    assert!(
        changed.contains(&"Daily Job Created".to_owned()),
        "{changed:?}"
    );
}
