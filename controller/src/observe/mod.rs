//! Reads. One function per fact; independent ones at the same time.

mod buckets;
mod census;
mod macie;
mod organization;
mod usage;

use std::collections::BTreeSet;

pub use self::{
    census::Censuses,
    census::read as read_census,
    macie::{jobs_of_region, members, monitored, sized},
    organization::{account as standing, account_tag, management, unit},
    usage::{usage, usage_totals},
};
use controller_core::{
    observed::{Fact, Observed},
    policy::Policy,
    wants::{Read, wants},
};
use futures::{StreamExt, stream};
use jiff::Timestamp;

use crate::aws::Aws;

/// Reads in flight at a time, per account and Region.
const CONCURRENCY: usize = 16;

/// Puts an answer where it belongs.
type Fill = Box<dyn FnOnce(&mut Observed) + Send>;

/// Reads until a decision can be made.
pub async fn observe(
    aws: &Aws,
    policy: &Policy,
    mut observed: Observed,
    now: Timestamp,
) -> Observed {
    loop {
        let reads = wants(policy, &observed, now);
        if reads.is_empty() {
            return observed;
        }
        read_all(aws, policy, &mut observed, reads).await;
    }
}

/// Makes these reads at the same time.
pub async fn read_all(aws: &Aws, policy: &Policy, observed: &mut Observed, reads: BTreeSet<Read>) {
    let context = Context {
        aws,
        policy,
        observed: &observed.clone(),
    };
    let fills: Vec<Fill> = stream::iter(reads)
        .map(|read| context.read(read))
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    for fill in fills {
        fill(observed);
    }
}

struct Context<'a> {
    aws: &'a Aws,
    policy: &'a Policy,
    observed: &'a Observed,
}

impl Context<'_> {
    async fn read(&self, read: Read) -> Fill {
        let (aws, scope) = (self.aws, &self.observed.scope);
        match read {
            Read::Management => fill(organization::management(aws).await, |o| &mut o.management),
            Read::Member => fill(macie::member(aws, scope).await, |o| &mut o.member),
            Read::Jobs => fill(macie::jobs(aws, scope).await, |o| &mut o.jobs),
            Read::Index => fill(buckets::index(aws, scope, &self.policy.tag).await, |o| {
                &mut o.index
            }),
            Read::Listing => fill(buckets::listing(aws, scope).await, |o| &mut o.listing),
            Read::Account => fill(organization::account(aws, &scope.account).await, |o| {
                &mut o.account
            }),
            Read::Units => fill(organization::units(aws, &scope.account).await, |o| {
                &mut o.units
            }),
            Read::Inventory => {
                let nudge = self.observed.confirmed();
                fill(
                    macie::inventory(aws, scope, &self.policy.tag, nudge).await,
                    |o| &mut o.inventory,
                )
            }
            Read::Census => {
                let census = census::census(aws, self.policy, self.observed).await;
                fill(census, |o| &mut o.census)
            }
            Read::Bucket(name) => {
                let (fact, budget) = buckets::bucket(aws, scope, &self.policy.tag, &name).await;
                Box::new(move |observed| {
                    let budget = budget.map(|budget| (name.clone(), budget));
                    observed.budget_tags.extend(budget);
                    observed.buckets.insert(name, fact);
                })
            }
            Read::Sizes(names) => {
                let sizes = macie::sizes(aws, scope, names).await;
                Box::new(move |observed| observed.sizes.extend(sizes))
            }
            Read::Spent => fill(usage::spent(aws, scope).await, |o| &mut o.spent),
            Read::LastRun(job) => {
                let fact = macie::last_run(aws, &scope.region, &job).await;
                Box::new(move |observed| {
                    observed.last_runs.insert(job, fact);
                })
            }
        }
    }
}

fn fill<T: Send + 'static>(fact: Fact<T>, place: fn(&mut Observed) -> &mut Fact<T>) -> Fill {
    Box::new(move |observed| *place(observed) = fact)
}
