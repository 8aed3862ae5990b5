//! ListClassificationJobs: filters, order and pages.

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Scope,
    buckets::Order,
    jobs::{Job, summary},
    scope::Comparator,
    wire::{Outcome, Paging, invalid, paged},
};
use crate::{error::ApiError, request::Reply, world::World};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct List {
    filter_criteria: Option<Filter>,
    sort_criteria: Option<Sort>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize, Default)]
struct Filter {
    #[serde(default)]
    includes: Vec<Term>,
    #[serde(default)]
    excludes: Vec<Term>,
}

#[derive(Deserialize)]
struct Term {
    comparator: Comparator,
    key: Attribute,
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    #[serde(default)]
    attribute_name: Attribute,
    #[serde(default)]
    order_by: Order,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Attribute {
    #[default]
    CreatedAt,
    JobStatus,
    Name,
    JobType,
}

impl Attribute {
    fn of(self, job: &Job) -> String {
        match self {
            Self::CreatedAt => job.created_at.to_string(),
            Self::JobStatus => job.status.as_str().to_owned(),
            Self::Name => job.definition.name.clone(),
            Self::JobType => job.definition.job_type.as_str().to_owned(),
        }
    }
}

impl Term {
    fn check(&self) -> Result<(), ApiError> {
        let text = matches!(
            self.comparator,
            Comparator::Contains | Comparator::StartsWith
        );
        let order = !text && !matches!(self.comparator, Comparator::Eq | Comparator::Ne);
        let time = |value: &String| value.parse::<Timestamp>().is_ok();
        let fits = match self.key {
            Attribute::CreatedAt => !text && self.values.iter().all(time),
            Attribute::Name => !order,
            Attribute::JobStatus | Attribute::JobType => !text && !order,
        };
        if fits && !self.values.is_empty() {
            return Ok(());
        }
        Err(invalid(format!(
            "the filter with {:?} and {:?} is not valid: createdAt takes times in order, name takes EQ, NE, CONTAINS or STARTS_WITH, jobStatus and jobType take EQ or NE",
            self.comparator, self.values
        )))
    }

    fn holds(&self, job: &Job) -> bool {
        if self.key != Attribute::CreatedAt {
            return self.comparator.says(&self.key.of(job), &self.values);
        }
        let mut times = self.values.iter().filter_map(|value| value.parse().ok());
        times.any(|time| self.comparator.orders(&job.created_at, &time))
    }
}

/// Includes are joined by AND; a job for which any exclude holds is left out. AWS documents
/// neither, nor the order without `sortCriteria`, which is newest first here.
pub(super) fn list(world: &World, scope: &Scope, request: &List) -> Outcome {
    let paging = Paging::new(request.max_results, request.next_token.as_deref(), 50, 200)?;
    let none = Filter::default();
    let filter = request.filter_criteria.as_ref().unwrap_or(&none);
    filter
        .includes
        .iter()
        .chain(&filter.excludes)
        .try_for_each(Term::check)?;
    let mut jobs: Vec<&Job> = world
        .macie
        .jobs_of(&scope.region, &scope.account)
        .filter(|job| filter.includes.iter().all(|term| term.holds(job)))
        .filter(|job| !filter.excludes.iter().any(|term| term.holds(job)))
        .collect();
    match &request.sort_criteria {
        None => jobs.reverse(),
        Some(sort) if sort.attribute_name == Attribute::CreatedAt => {
            sort.order_by.sort(&mut jobs, |job| job.created_at);
        }
        Some(sort) => sort
            .order_by
            .sort(&mut jobs, |job| sort.attribute_name.of(job)),
    }
    let (page, next) = paging.cut(jobs);
    let page = page.into_iter().map(summary).collect();
    Ok(Reply::json(paged("items", page, next)))
}
