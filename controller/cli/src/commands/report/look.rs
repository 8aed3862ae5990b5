//! What is read about each account and Region: the reads of `status` and `estimate`, each once.

use std::collections::BTreeSet;

use controller::{config::Runtime, observe::read_all, reconcile::Controller, survey::Listed};
use controller_core::{
    decide::budget::Budget,
    estimate::is_enrolled,
    id::{AccountId, Scope},
    observed::{ErrorClass, Fact, Job, Observed},
    policy::{Cap, Policy},
    wants::Read,
};
use futures::{StreamExt, stream};

use super::{
    super::{CONCURRENCY, estimate, progress, status},
    Known,
};

/// What was read about one account in one Region.
#[derive(Debug)]
pub struct Look {
    /// Where.
    pub scope: Scope,
    /// What `status` shows.
    pub status: status::Row,
    /// What `estimate` shows; none of an account that the policy excludes.
    pub estimate: Option<estimate::Row>,
    /// The controller's jobs; none when they could not be read.
    pub jobs: Option<Vec<Job>>,
    /// What the account may cost this month, if it has a budget.
    pub month_cap: Known<Option<Cap>>,
    /// Whether something could not be read.
    pub is_unread: bool,
}

/// Looks at every scope, and keeps those that have to do with Macie.
pub async fn looks(
    runtime: &Runtime,
    policy: &Policy,
    accounts: &[Listed],
    management: &Fact<AccountId>,
    scopes: Vec<Scope>,
) -> Vec<Look> {
    let bar = progress(scopes.len(), "looking");
    let looks = stream::iter(scopes).map(|scope| {
        let (controller, bar) = (&runtime.controller, &bar);
        async move {
            let look = look(controller, policy, accounts, management, &scope).await;
            bar.inc(1);
            look
        }
    });
    let looks: Vec<Option<Look>> = looks.buffered(CONCURRENCY).collect().await;
    bar.finish_and_clear();
    looks.into_iter().flatten().collect()
}

async fn look(
    controller: &Controller,
    policy: &Policy,
    accounts: &[Listed],
    management: &Fact<AccountId>,
    scope: &Scope,
) -> Option<Look> {
    let mut unread = controller.unread(scope, &BTreeSet::new());
    unread.management = management.clone();
    let reads = estimate::reads(policy, [Read::Member, Read::Jobs, Read::Index]);
    read_all(&controller.aws, policy, &mut unread, reads).await;
    let (observed, report) = controller.look(policy, unread).await;
    let is_unread = report.is_unread();
    let status = status::row(policy, accounts, &observed, report);
    if is_left_out(&observed, management, &status) {
        return None;
    }
    let names = observed.indexed();
    let estimate = match estimate::is_excluded(policy, &observed) {
        true => None,
        false => Some(estimate::row(controller, policy, &observed, names).await),
    };
    let budget = Budget::new(policy, &observed, controller.clock.now());
    let month_cap = budget.map(|budget| budget.month_cap());
    Some(Look {
        month_cap: Known::or(month_cap, "the account's units could not be read"),
        scope: scope.clone(),
        is_unread: is_unread || estimate.iter().any(|row| !row.trouble.is_empty()),
        status,
        estimate,
        jobs: observed.jobs.known().cloned(),
    })
}

/// Who has nothing to do with Macie, the management account without a role, and Regions that are
/// off. Whoever is enrolled pays, tagged or not.
fn is_left_out(observed: &Observed, management: &Fact<AccountId>, row: &status::Row) -> bool {
    let trouble = observed.index.trouble().map(|trouble| trouble.class);
    let is_off = trouble == Some(ErrorClass::RegionDisabled);
    let is_enrolled = is_enrolled(observed) == Fact::Known(true);
    !is_enrolled
        && (is_off || estimate::has_no_role(observed, management) || !status::is_interesting(row))
}
