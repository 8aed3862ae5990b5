//! The administrator's members and jobs in a Region, as Macie lists them: the controller's and
//! those of others.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_macie2::{
    Client,
    types::{
        JobComparator, JobStatus, JobSummary, Member, RelationshipStatus, SimpleCriterionKeyForJob,
    },
};
use controller::aws::trouble;
use controller_core::{id::AccountId, job_name, observed::Trouble, policy::Ownership};
use jiff::Timestamp;

/// A member, as `ListMembers` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMember {
    /// Its account.
    pub account: AccountId,
    /// Its relationship.
    pub status: RelationshipStatus,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When the relationship last changed.
    pub updated_at: Option<Timestamp>,
}

impl ListedMember {
    /// Whether the controller enrolled or adopted it.
    pub fn is_owned(&self, ownership: &Ownership) -> bool {
        self.tags.get(&ownership.key) == Some(&ownership.value)
    }

    fn read(member: Member) -> Option<Self> {
        let at = member.updated_at;
        Some(Self {
            account: member.account_id?.parse().ok()?,
            status: member.relationship_status?,
            tags: member.tags.unwrap_or_default().into_iter().collect(),
            updated_at: at.and_then(|at| Timestamp::from_second(at.secs()).ok()),
        })
    }
}

/// A job, as `ListClassificationJobs` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedJob {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it can still run.
    pub is_live: bool,
    /// The accounts whose buckets it can scan; none when its criteria do not say.
    pub accounts: Option<BTreeSet<String>>,
}

impl ListedJob {
    /// The account for which the controller made it; none for a job of somebody else.
    pub fn owner(&self) -> Option<AccountId> {
        let account = self.name.split('/').nth(1)?.parse().ok()?;
        job_name::kind(&account, &self.name).map(|_| account)
    }

    fn read(job: &JobSummary) -> Option<Self> {
        let ended = [JobStatus::Cancelled, JobStatus::Complete];
        Some(Self {
            id: job.job_id()?.to_owned(),
            name: job.name().unwrap_or_default().to_owned(),
            is_live: !job
                .job_status()
                .is_some_and(|status| ended.contains(status)),
            accounts: accounts(job),
        })
    }
}

/// The accounts of the buckets that a job names, or those that its criteria are limited to.
fn accounts(job: &JobSummary) -> Option<BTreeSet<String>> {
    let Some(criteria) = job.bucket_criteria() else {
        let named = job.bucket_definitions().iter();
        let accounts = named.filter_map(|one| one.account_id().map(str::to_owned));
        return Some(accounts.collect());
    };
    let mut conditions = criteria.includes()?.and().iter();
    let limited = conditions.find_map(|condition| {
        let simple = condition.simple_criterion()?;
        let is_account = simple.key() == Some(&SimpleCriterionKeyForJob::AccountId);
        let is_equal = simple.comparator() == Some(&JobComparator::Eq);
        (is_account && is_equal).then(|| simple.values())
    });
    limited.map(|values| values.iter().cloned().collect())
}

/// Members that are enabled or suspended.
pub async fn members(macie: &Client) -> Result<Vec<ListedMember>, Trouble> {
    let mut pages = macie.list_members().into_paginator().page_size(25).send();
    let mut members = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("macie2:ListMembers", &error))?;
        let listed = page.members.unwrap_or_default().into_iter();
        members.extend(listed.filter_map(ListedMember::read));
    }
    Ok(members)
}

/// Every job of the administrator, ended ones included.
pub async fn jobs(macie: &Client) -> Result<Vec<ListedJob>, Trouble> {
    let mut pages = macie.list_classification_jobs().into_paginator().send();
    let mut jobs = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("macie2:ListClassificationJobs", &error))?;
        jobs.extend(page.items().iter().filter_map(ListedJob::read));
    }
    Ok(jobs)
}
