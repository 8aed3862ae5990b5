//! What the controller's own queues ask for besides reconciling: passes over everything, resyncs,
//! settings, accounts whose place in the organization changed, costs to collect.

use std::{
    collections::{BTreeMap, BTreeSet},
    slice,
};

use controller_core::{
    id::{AccountId, Region, Scope},
    observed::{AccountState, ErrorClass, Fact, Standing},
    sweep::{Pass, Seen, is_in_order},
    wants::Read,
};
use futures::{StreamExt, stream};
use tokio::time::Instant;

use crate::{
    collect::collect,
    config::Runtime,
    lambda::{RESERVE, until},
    observe::{management, read_all, standing},
    settings,
    sweep::{self, Passes, SweepError},
};

/// Errands at the same time: a resync at rest is two calls, one after the other. A full batch of 100
/// (`BatchSize` in the templates) takes 5 full turns.
const CONCURRENCY: usize = 20;

/// One errand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Errand {
    /// A pass over accounts.
    Pass(Pass),
    /// Whether an account is in order.
    Resync(Scope),
    /// Whether the administrator's settings let nobody pay unasked.
    Settings(Region),
    /// What every account has cost so far.
    Collect,
    /// An account, wherever it is governed.
    Account {
        /// The account.
        account: AccountId,
        /// Who says that its place in the organization changed.
        told_by: AccountId,
    },
}

/// The errands of a batch, each once however many messages ask for it.
#[derive(Debug, Default)]
pub struct Errands(BTreeMap<Errand, Asked>);

#[derive(Debug, Default)]
struct Asked {
    seen: Option<Box<Seen>>,
    messages: BTreeSet<String>,
}

/// An errand that must come again.
#[derive(Debug)]
pub struct Unfinished {
    /// Its messages; none if it was asked for without one.
    pub messages: BTreeSet<String>,
    /// Why.
    pub why: String,
}

impl Errands {
    /// Adds what a message asks for.
    pub fn add(&mut self, errand: Errand, seen: Option<Box<Seen>>, message: Option<String>) {
        let asked = self.0.entry(errand).or_default();
        asked.seen = seen;
        asked.messages.extend(message);
    }

    /// Carries them out; answers with those that must come again.
    pub async fn run(self, runtime: &Runtime, deadline: Option<Instant>) -> Vec<Unfinished> {
        let passes = &Passes::of(runtime);
        let runs = stream::iter(self.0).map(|(errand, asked)| async move {
            let Asked { seen, messages } = asked;
            let why = run(passes, &errand, seen, deadline).await.err()?;
            tracing::error!(?errand, error = why, "comes again");
            Some(Unfinished { messages, why })
        });
        let ends: Vec<_> = runs.buffer_unordered(CONCURRENCY).collect().await;
        ends.into_iter().flatten().collect()
    }
}

async fn run(
    passes: &Passes<'_>,
    errand: &Errand,
    seen: Option<Box<Seen>>,
    deadline: Option<Instant>,
) -> Result<(), String> {
    let runtime = passes.runtime;
    let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
    if left.is_some_and(|left| left < RESERVE) {
        return Err("no time left in this invocation".to_owned());
    }
    let done = async {
        let swept = match errand {
            Errand::Pass(pass) => passes.make(pass).await,
            Errand::Resync(scope) => resync(runtime, scope, seen).await,
            Errand::Settings(region) => settings::assert_off(&runtime.controller.aws, region)
                .await
                .map_err(SweepError::from),
            Errand::Account { account, told_by } => everywhere(runtime, account, told_by).await,
            Errand::Collect => return collect(runtime).await.map_err(|error| error.to_string()),
        };
        swept.map_err(|error| error.to_string())
    };
    match until(deadline, done).await {
        Ok(done) => done,
        Err(_) => Err("cut off by the end of the invocation".to_owned()),
    }
}

/// Looks at the account's tagging index, and at nothing else. What is not in order by that and by
/// what the pass has seen is handed over.
async fn resync(
    runtime: &Runtime,
    scope: &Scope,
    seen: Option<Box<Seen>>,
) -> Result<(), SweepError> {
    let hand_over = || sweep::hand_over(runtime, slice::from_ref(scope));
    let Some(seen) = seen else {
        return hand_over().await;
    };
    let controller = &runtime.controller;
    let policy = runtime.policy.current().await;
    let mut observed = controller.unread(scope, &BTreeSet::new());
    seen.fill(&mut observed);
    if policy.has_unit_rules() && observed.units.is_unread() {
        return hand_over().await;
    }
    let reads = BTreeSet::from([Read::Index]);
    read_all(&controller.aws, &policy, &mut observed, reads).await;
    let trouble = observed.index.trouble();
    if trouble.is_some_and(|trouble| trouble.class == ErrorClass::RegionDisabled) {
        tracing::info!(account = %scope.account, region = %scope.region, "skipped: Region disabled");
        return Ok(());
    }
    match is_in_order(&policy, &observed, controller.clock.now()) {
        true => Ok(()),
        false => hand_over().await,
    }
}

/// One message per governed Region, so that what fails in one comes again by itself. Whoever is not
/// the management account can name nobody; as in a sweep, an account that is closed or gone is left
/// alone.
async fn everywhere(
    runtime: &Runtime,
    account: &AccountId,
    told_by: &AccountId,
) -> Result<(), SweepError> {
    match management(&runtime.controller.aws).await {
        Fact::Known(management) if management == *told_by => {}
        Fact::Unknown(trouble) => return Err(trouble.into()),
        Fact::Known(_) | Fact::Unread => {
            let refusal = "not-the-management-account";
            tracing::warn!(%account, %told_by, refusal, "an account that may not name others");
            return Ok(());
        }
    }
    let state = match standing(&runtime.controller.aws, account).await {
        Fact::Known(Standing::Inside { state, .. }) => Some(state),
        Fact::Unknown(trouble) => return Err(trouble.into()),
        Fact::Known(Standing::Outside) | Fact::Unread => None,
    };
    if state != Some(AccountState::Active) {
        tracing::info!(%account, ?state, "not an active account of the organization: left alone");
        return Ok(());
    }
    let policy = runtime.policy.current().await;
    let scope = |region: &Region| Scope {
        account: account.clone(),
        region: region.clone(),
    };
    let scopes: Vec<Scope> = policy.regions.iter().map(scope).collect();
    tracing::info!(%account, regions = scopes.len(), "its place in the organization changed");
    sweep::hand_over(runtime, &scopes).await
}
