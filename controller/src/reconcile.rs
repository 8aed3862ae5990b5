//! The reconcile function: one path for events, sweeps and people.

use std::collections::BTreeSet;

use controller_core::{
    check::check,
    decide::decide,
    id::{BucketName, Scope},
    observed::{Fact, Observed},
    plan::{Action, Plan, Step},
    policy::Policy,
    report::{Change, Report},
};
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    act::{Acted, act},
    aws::Aws,
    clock::Clock,
    observe::observe,
    publish::publish,
};

/// Whoever wrote reads again, until a reading asks for no write. An account that still asks for
/// one after this many rounds is reported as unsettled.
const ROUNDS: usize = 10;

/// What every reconcile of a process shares.
#[derive(Debug)]
pub struct Controller {
    /// AWS.
    pub aws: Aws,
    /// The time.
    pub clock: Clock,
    /// The bus that changes are published to: its name or ARN.
    pub event_bus: Option<String>,
    /// Held while an account is suspended.
    pub suspensions: Mutex<()>,
}

impl Controller {
    /// Brings one account in one Region to where the policy wants it.
    pub async fn reconcile(
        &self,
        policy: &Policy,
        scope: &Scope,
        hints: &BTreeSet<BucketName>,
    ) -> Report {
        let mut report = Report::new(scope.clone(), self.clock.now());
        for round in 1..=ROUNDS {
            let now = self.clock.now();
            let (observed, plan, _turn) = self.decide(policy, self.unread(scope, hints), now).await;
            report.wanted = observed
                .confirmed()
                .iter()
                .any(|bucket| hints.contains(bucket));
            report.notes.clone_from(&plan.notes);
            let plan = match check(policy, &observed, now, plan) {
                Ok(plan) => plan,
                Err(violation) => {
                    report.violation = Some(violation);
                    break;
                }
            };
            if plan.steps().is_empty() {
                break;
            }
            let acted = act(&self.aws, scope, &plan).await;
            let complete = acted.is_complete();
            absorb(&mut report, acted);
            report.unsettled = round == ROUNDS;
            if !complete {
                break;
            }
        }
        report.at = self.clock.now();
        publish(self, &mut report).await;
        report
    }

    /// Reads and decides. Whoever is about to suspend an account waits for its turn and counts the
    /// suspended ones again, so that accounts reconciled at the same time cannot slip past the
    /// circuit breaker together. The turn ends when the guard is dropped, after the write.
    async fn decide(
        &self,
        policy: &Policy,
        unread: Observed,
        now: Timestamp,
    ) -> (Observed, Plan, Option<MutexGuard<'_, ()>>) {
        let mut observed = observe(&self.aws, policy, unread, now).await;
        let plan = decide(policy, &observed, now);
        let suspends = |step: &Step| step.action == Action::SuspendMember;
        if !plan.steps.iter().any(suspends) {
            return (observed, plan, None);
        }
        let turn = self.suspensions.lock().await;
        observed.census = Fact::Unread;
        observed = observe(&self.aws, policy, observed, now).await;
        let plan = decide(policy, &observed, now);
        (observed, plan, Some(turn))
    }

    /// What the first round would do, without doing it.
    pub async fn plan(
        &self,
        policy: &Policy,
        scope: &Scope,
        hints: &BTreeSet<BucketName>,
    ) -> Report {
        self.look(policy, self.unread(scope, hints)).await.1
    }

    /// What is there, beyond what was read before, and what the first round would do about it.
    pub async fn look(&self, policy: &Policy, unread: Observed) -> (Observed, Report) {
        let now = self.clock.now();
        let mut report = Report::new(unread.scope.clone(), now);
        report.dry_run = true;
        let observed = observe(&self.aws, policy, unread, now).await;
        let plan = decide(policy, &observed, now);
        report.notes.clone_from(&plan.notes);
        match check(policy, &observed, now, plan) {
            Ok(plan) => {
                let changes = plan.steps().iter().map(|step| Change::of(step, None));
                report.changes = changes.collect();
            }
            Err(violation) => report.violation = Some(violation),
        }
        (observed, report)
    }

    /// Nothing read yet about a scope.
    pub fn unread(&self, scope: &Scope, hints: &BTreeSet<BucketName>) -> Observed {
        Observed::new(
            scope.clone(),
            hints.clone(),
            self.aws.identity.account.clone(),
        )
    }
}

fn absorb(report: &mut Report, acted: Acted) {
    report.changes.extend(acted.changes);
    report.failures.extend(acted.failures);
    for waiting in acted.waiting {
        report.wait(waiting);
    }
}
