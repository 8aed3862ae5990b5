//! The reconcile function: one path for events, sweeps and people.

use std::collections::BTreeSet;

use controller_core::{
    check::{CheckedPlan, check},
    decide::decide,
    id::{BucketName, Scope},
    observed::Observed,
    policy::Policy,
    report::{Change, Report},
    wants::Read,
};

use crate::{
    act::{Acted, act},
    aws::Aws,
    clock::Clock,
    debounce::Debounce,
    observe::{observe, read_all},
    pace::Pace,
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
    /// Accounts that left lately.
    pub left: Debounce,
    /// The line for new jobs.
    pub pace: Pace,
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
        let (mut hints, mut suspended) = (hints.clone(), false);
        for round in 0..=ROUNDS {
            let mut unread = self.unread(scope, &hints);
            if suspended {
                // A bucket may have been tagged meanwhile. The index would tell, but it lags: every
                // bucket is read again, and the index for those that are new.
                read_all(
                    &self.aws,
                    policy,
                    &mut unread,
                    BTreeSet::from([Read::Index]),
                )
                .await;
            }
            let observed = observe(&self.aws, policy, unread, self.clock.now()).await;
            let Some(plan) = self.decide(policy, &observed, &mut report) else {
                break;
            };
            report.unsettled = round == ROUNDS;
            if report.unsettled {
                break;
            }
            suspended = plan.suspends();
            let acted = match suspended {
                true => {
                    hints.extend(observed.listing.known().into_iter().flatten().cloned());
                    self.suspend(policy, observed, &mut report).await
                }
                false => act(self, scope, &plan).await,
            };
            self.left.note(scope, &acted, self.clock.now());
            if !absorb(&mut report, acted) {
                break;
            }
        }
        report.at = self.clock.now();
        publish(self, &mut report).await;
        report
    }

    /// Decides and checks, and tells what there is to tell; none when nothing may be written.
    fn decide(
        &self,
        policy: &Policy,
        observed: &Observed,
        report: &mut Report,
    ) -> Option<CheckedPlan> {
        let now = self.clock.now();
        let plan = decide(policy, observed, now);
        report.wanted = observed.hints_ask();
        report.tell(&plan.notes);
        match check(policy, observed, now, plan) {
            Ok(plan) => (!plan.steps().is_empty()).then_some(plan),
            Err(violation) => {
                report.violation = Some(violation);
                None
            }
        }
    }

    /// A suspension is decided again on the member of this moment: another controller may have
    /// kept the account while every bucket was read.
    async fn suspend(&self, policy: &Policy, mut seen: Observed, report: &mut Report) -> Acted {
        read_all(&self.aws, policy, &mut seen, BTreeSet::from([Read::Member])).await;
        match self.decide(policy, &seen, report) {
            Some(plan) => act(self, &seen.scope, &plan).await,
            None => Acted::default(),
        }
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
        if let Some(plan) = self.decide(policy, &observed, &mut report) {
            let changes = plan.steps().iter().map(|step| Change::of(step, None));
            report.changes = changes.collect();
        }
        (observed, report)
    }

    /// Nothing read yet about a scope.
    pub fn unread(&self, scope: &Scope, hints: &BTreeSet<BucketName>) -> Observed {
        let administrator = self.aws.identity.account.clone();
        let mut unread = Observed::new(scope.clone(), hints.clone(), administrator);
        unread.debounced_until = self.left.until(scope, self.clock.now());
        unread
    }
}

/// Adds what a round did; whether all of it succeeded, so that another round makes sense.
fn absorb(report: &mut Report, acted: Acted) -> bool {
    let complete = acted.is_complete();
    report.changes.extend(acted.changes);
    report.failures.extend(acted.failures);
    report.unpublished = report.unpublished.take().or(acted.unpublished);
    if let Some(waiting) = acted.waiting {
        report.wait(waiting);
    }
    complete
}
