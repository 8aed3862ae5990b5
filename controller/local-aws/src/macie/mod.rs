//! Macie: sessions, members, jobs, inventory and usage of every account and Region.
//!
//! Everything is Regional. What AWS's documents leave open is either a switch of
//! [`crate::Switches`] or a choice that the item's own comment names.

mod buckets;
mod criteria;
mod definition;
mod discovery;
mod figures;
mod inventory;
mod job_list;
mod jobs;
mod members;
mod operations;
mod organization;
mod runs;
mod sample;
mod schedule;
mod scope;
mod search;
mod session;
mod tags;
#[cfg(test)]
mod tests;
mod usage;
mod wire;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub(crate) use self::usage::{billed, users};
pub use self::{
    criteria::BucketCriteria,
    definition::{Definition, JobType},
    discovery::Discovery,
    figures::{Figures, Prices},
    jobs::{Job, JobStatus, update_job},
    members::{
        Member, Relationship, account_joined, create_member, delete_member, disassociate_member,
        update_member_session,
    },
    operations::{OPERATIONS, route},
    organization::{Administration, designate, end_designation},
    runs::{Run, RunError, Scan},
    schedule::Schedule,
    session::{Publication, Session, Status, enable, set_export},
    usage::month_to_date,
    wire::Tags,
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Macie per account and Region.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Accounts in which Macie is enabled or suspended.
    pub sessions: BTreeMap<Scope, Session>,
    /// The designated administrator and its members, by Region.
    pub administrations: BTreeMap<String, Administration>,
    /// The administrator that was last removed from a Region, and when it is gone.
    pub leaving: BTreeMap<String, (String, Timestamp)>,
    /// Every job, oldest first. Jobs cannot be deleted.
    pub jobs: Vec<Job>,
    /// What jobs have scanned, oldest first.
    pub runs: Vec<Run>,
    /// How it counts and charges.
    pub figures: Figures,
    ledgers: BTreeMap<Scope, usage::Ledger>,
}

/// An account in a Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The Region.
    pub region: String,
    /// 12 digits.
    pub account: String,
}

impl Scope {
    /// An account in a Region.
    pub fn new(region: &str, account: &str) -> Self {
        Self {
            region: region.to_owned(),
            account: account.to_owned(),
        }
    }

    fn of(call: &Call) -> Self {
        Self::new(&call.region, &call.caller.account)
    }
}

impl State {
    /// An account's session; none when Macie is not enabled.
    pub fn session(&self, region: &str, account: &str) -> Option<&Session> {
        self.sessions.get(&Scope::new(region, account))
    }

    /// The designated administrator of a Region.
    pub fn administrator(&self, region: &str) -> Option<&str> {
        self.administrations
            .get(region)
            .map(|administration| administration.administrator.as_str())
    }

    /// An associated account as it is stored: `RegionDisabled` and `AccountSuspended` are only
    /// derived on read, by [`Relationship::of`].
    pub fn member(&self, region: &str, account: &str) -> Option<&Member> {
        self.administrations.get(region)?.members.get(account)
    }

    /// The associated accounts of a Region by id, disassociated ones included.
    pub fn members(&self, region: &str) -> impl Iterator<Item = (&str, &Member)> {
        self.administrations
            .get(region)
            .into_iter()
            .flat_map(|administration| &administration.members)
            .map(|(account, member)| (account.as_str(), member))
    }

    /// The jobs that an account has created in a Region, oldest first.
    pub fn jobs_of(&self, region: &str, account: &str) -> impl Iterator<Item = &Job> {
        self.jobs
            .iter()
            .filter(move |job| job.scope.region == region && job.scope.account == account)
    }

    /// What was scanned of an account's buckets in a Region, oldest first, with the run's end.
    pub fn scans_of<'s>(
        &'s self,
        region: &'s str,
        account: &'s str,
    ) -> impl Iterator<Item = (&'s Run, &'s Scan)> {
        self.runs
            .iter()
            .filter(move |run| run.region == region)
            .flat_map(|run| run.scans.iter().map(move |scan| (run, scan)))
            .filter(move |(_, scan)| scan.account == account)
    }
}

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    match operation {
        "EnableMacie"
        | "GetMacieSession"
        | "UpdateMacieSession"
        | "DisableMacie"
        | "GetAdministratorAccount"
        | "GetClassificationExportConfiguration"
        | "PutClassificationExportConfiguration"
        | "GetFindingsPublicationConfiguration"
        | "PutFindingsPublicationConfiguration" => session::perform(world, call, operation),
        "EnableOrganizationAdminAccount"
        | "ListOrganizationAdminAccounts"
        | "DisableOrganizationAdminAccount"
        | "DescribeOrganizationConfiguration"
        | "UpdateOrganizationConfiguration" => organization::perform(world, call, operation),
        "CreateMember"
        | "GetMember"
        | "ListMembers"
        | "UpdateMemberSession"
        | "DisassociateMember"
        | "DeleteMember" => members::perform(world, call, operation),
        "GetAutomatedDiscoveryConfiguration"
        | "UpdateAutomatedDiscoveryConfiguration"
        | "ListAutomatedDiscoveryAccounts"
        | "BatchUpdateAutomatedDiscoveryAccounts" => discovery::perform(world, call, operation),
        "CreateClassificationJob"
        | "DescribeClassificationJob"
        | "ListClassificationJobs"
        | "UpdateClassificationJob" => jobs::perform(world, call, operation),
        "DescribeBuckets" | "SearchResources" | "GetBucketStatistics" => {
            buckets::perform(world, call, operation)
        }
        "GetUsageStatistics" | "GetUsageTotals" => usage::perform(world, call, operation),
        "TagResource" | "UntagResource" | "ListTagsForResource" => {
            tags::perform(world, call, operation)
        }
        _ => Err(ApiError::new("UnknownOperationException", 404, operation)),
    }
}

/// Lets everything happen that has fallen due, in order of time: members become enabled, runs
/// start and end, pauses expire.
pub fn settle(world: &mut World) {
    while let Some((at, event)) = next_event(world) {
        match event {
            Event::Enabled(scope) => members::become_enabled(world, &scope, at),
            Event::Job(index) => runs::happen(world, index, at),
        }
    }
}

enum Event {
    Enabled(Scope),
    Job(usize),
}

fn next_event(world: &World) -> Option<(Timestamp, Event)> {
    let now = world.now();
    let members = members::due(world).map(|(at, scope)| (at, Event::Enabled(scope)));
    let jobs = world
        .macie
        .jobs
        .iter()
        .enumerate()
        .filter_map(|(index, job)| job.due().map(|at| (at, Event::Job(index))));
    members
        .chain(jobs)
        .filter(|(at, _)| *at <= now)
        .min_by_key(|(at, _)| *at)
}
