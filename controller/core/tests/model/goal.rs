//! What must be so whenever all controllers have ended and nothing is on its way.

use std::{collections::BTreeSet, sync::Arc};

use controller_core::{
    job_name,
    observed::{Job, JobKind, JobStatus, OPTED_OUT_SINCE, Relationship, UNSCANNED},
};
use stateright::Property;

use crate::{
    account::Account,
    run::{End, Run},
    system::{State, System},
};

pub const SUSPENDED: &str = "nobody who is opted in is suspended for good";
pub const CONVERGED: &str = "the last tags are what counts in the end";
pub const TWO_DAILIES: &str = "two daily jobs live";

/// More calls than any sweep makes.
const CALLS: usize = 500;

pub fn properties() -> Vec<Property<System>> {
    vec![
        Property::always("no plan breaks an invariant", |_, state: &State| {
            state.defect.is_none()
        }),
        Property::always(SUSPENDED, |_, state: &State| {
            let paused = state.account.status() == Some(&Relationship::Paused);
            !(state.is_at_rest() && paused && state.account.tagged.contains(&true))
        }),
        Property::always(
            "one live daily job is left",
            |system: &System, state: &State| {
                !state.is_at_rest() || system.live_dailies(&state.account) <= 1
            },
        ),
        Property::always(CONVERGED, |system: &System, state: &State| {
            !state.is_at_rest() || system.is_right(&state.account)
        }),
        Property::always(
            "the next sweep makes it right",
            |system: &System, state: &State| {
                !state.is_at_rest() || system.is_right(&system.swept(&state.account))
            },
        ),
        // What the others are about does happen.
        Property::sometimes(TWO_DAILIES, |system: &System, state: &State| {
            system.live_dailies(&state.account) == 2
        }),
        Property::sometimes("an account is suspended", |_, state: &State| {
            let paused = state.account.status() == Some(&Relationship::Paused);
            state.is_at_rest() && paused
        }),
        Property::sometimes("an account is served", |system: &System, state: &State| {
            state.is_at_rest() && system.is_served(&state.account)
        }),
    ]
}

impl System {
    /// The account after a sweep that nothing disturbs, with an index that shows what is there.
    fn swept(&self, account: &Account) -> Account {
        let mut account = Arc::new(account.clone());
        let at_rest = Arc::make_mut(&mut account);
        at_rest.indexed = at_rest.tagged.clone();
        let mut run = Run::start(&self.mind, &account, 'S', None);
        for _ in 0..CALLS {
            let how = (self.aws, self.rules);
            match run.step(&self.mind, how, &mut account, 0) {
                None => {}
                Some(End::Waits) if account.status() == Some(&Relationship::Created) => {
                    Arc::make_mut(&mut account).enable();
                    run = Run::start(&self.mind, &account, 'S', None);
                }
                Some(_) => return Arc::unwrap_or_clone(account),
            }
        }
        panic!("a sweep does not end: {account:?}");
    }

    fn live_dailies(&self, account: &Account) -> usize {
        let spec = job_name::daily_spec(&self.mind.template.policy);
        let kind = JobKind::Daily { spec };
        let live = |job: &&Job| job.kind == kind && job.status.is_live();
        account.jobs.iter().filter(live).count()
    }

    /// Whether the account is as its tags ask for.
    fn is_right(&self, account: &Account) -> bool {
        match account.tagged.contains(&true) {
            true => self.is_served(account),
            false => self.has_left(account),
        }
    }

    fn is_served(&self, account: &Account) -> bool {
        let marked = |key| {
            let member = account.member.as_ref();
            member.is_some_and(|member| member.tags.contains_key(key))
        };
        let baselined: BTreeSet<_> = account
            .jobs
            .iter()
            .filter(|job| {
                matches!(job.kind, JobKind::Baseline { .. }) && job.status != JobStatus::Cancelled
            })
            .flat_map(|job| &job.buckets)
            .cloned()
            .collect();
        account.status() == Some(&Relationship::Enabled)
            && !marked(OPTED_OUT_SINCE)
            && !marked(UNSCANNED)
            && self.live_dailies(account) == 1
            && baselined.is_superset(&account.opted_in())
    }

    /// Suspended, never enrolled, or within a grace period.
    fn has_left(&self, account: &Account) -> bool {
        let Some(member) = &account.member else {
            return true;
        };
        let from = |since| member.updated_at.map_or(since, |at| at.max(since));
        let graced = |since| {
            account.now.duration_since(from(since)) < self.mind.template.policy.grace_period
        };
        match member.status {
            Relationship::Paused => true,
            Relationship::Enabled => member.time(OPTED_OUT_SINCE).is_some_and(graced),
            _ => false,
        }
    }
}
