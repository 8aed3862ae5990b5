//! What a classification job is created with, and what Macie refuses.

use serde::{Deserialize, Serialize};

use super::{
    criteria::{BucketCriteria, Candidate},
    schedule::{Schedule, ScheduleFrequency},
    scope::Scoping,
    wire::{Tags, account_id, check_tags, invalid},
};
use crate::error::ApiError;

/// The settings of a job, as they were sent; none of them can be changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// At most 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_list_ids: Option<Vec<String>>,
    /// For idempotency.
    pub client_token: String,
    /// At most 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_data_identifier_ids: Option<Vec<String>>,
    /// At most 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether a recurring job analyses existing objects; false when it was left out.
    #[serde(default)]
    pub initial_run: bool,
    /// Once or recurring.
    pub job_type: JobType,
    /// For the selectors INCLUDE and EXCLUDE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_data_identifier_ids: Option<Vec<String>>,
    /// Which managed data identifiers are used.
    #[serde(default)]
    pub managed_data_identifier_selector: Selector,
    /// At most 500 characters.
    pub name: String,
    /// Which buckets and objects.
    pub s3_job_definition: S3JobDefinition,
    /// How many objects of 100 are analysed.
    #[serde(default = "all_objects")]
    pub sampling_percentage: i64,
    /// When a recurring job runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule_frequency: Option<ScheduleFrequency>,
    /// The tags at creation; [`super::Job::tags`] has the current ones.
    #[serde(default)]
    pub tags: Tags,
}

/// Once or recurring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum JobType {
    /// Runs once.
    OneTime,
    /// Runs on a schedule.
    Scheduled,
}

impl JobType {
    /// AWS's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneTime => "ONE_TIME",
            Self::Scheduled => "SCHEDULED",
        }
    }
}

/// Which managed data identifiers a job uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Selector {
    /// Every one.
    All,
    /// Every one but those that are named.
    Exclude,
    /// Those that are named.
    Include,
    /// None: only custom ones.
    None,
    /// The recommended set.
    #[default]
    Recommended,
}

/// Which buckets and objects a job analyses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct S3JobDefinition {
    /// Evaluated when a run starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_criteria: Option<BucketCriteria>,
    /// Named buckets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_definitions: Option<Vec<BucketDefinition>>,
    /// Which objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scoping: Option<Scoping>,
}

/// Named buckets of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BucketDefinition {
    /// The owner.
    pub account_id: String,
    /// Names.
    pub buckets: Vec<String>,
}

fn all_objects() -> i64 {
    100
}

impl Definition {
    /// Refuses what Macie refuses.
    pub fn check(&self) -> Result<(), ApiError> {
        self.check_texts()?;
        self.check_identifiers()?;
        self.s3_job_definition.check()?;
        self.schedule()?;
        if !(1..=100).contains(&self.sampling_percentage) {
            return Err(invalid(format!(
                "`samplingPercentage` is {}: expected a number from 1 to 100",
                self.sampling_percentage
            )));
        }
        check_tags(&self.tags)
    }

    fn check_texts(&self) -> Result<(), ApiError> {
        if self.client_token.is_empty() {
            return Err(invalid("`clientToken` is empty: give a unique token"));
        }
        let description = self.description.as_deref().unwrap_or_default();
        for (name, text, least, most) in [
            ("name", self.name.as_str(), 1, 500),
            ("description", description, 0, 200),
        ] {
            let length = text.chars().count();
            if !(least..=most).contains(&length) {
                return Err(invalid(format!(
                    "`{name}` has {length} characters: expected {least} to {most}"
                )));
            }
        }
        Ok(())
    }

    fn check_identifiers(&self) -> Result<(), ApiError> {
        let length = |ids: &Option<Vec<String>>| ids.as_ref().map_or(0, Vec::len);
        let custom = length(&self.custom_data_identifier_ids);
        for (name, count, most) in [
            ("allowListIds", length(&self.allow_list_ids), 10),
            ("customDataIdentifierIds", custom, 30),
        ] {
            if count > most {
                return Err(invalid(format!(
                    "`{name}` has {count} ids: at most {most} are allowed"
                )));
            }
        }
        let managed = length(&self.managed_data_identifier_ids);
        let selector = self.managed_data_identifier_selector;
        let fits = match selector {
            Selector::Include | Selector::Exclude => managed > 0,
            Selector::None => managed == 0 && custom > 0,
            Selector::All | Selector::Recommended => managed == 0,
        };
        if fits {
            return Ok(());
        }
        Err(invalid(format!(
            "`managedDataIdentifierSelector` {selector:?} does not go with {managed} managed and {custom} custom identifiers: Include and Exclude name managed ones, the others do not, and None needs a custom one"
        )))
    }

    /// The schedule of a recurring job; none for a one-time job.
    pub fn schedule(&self) -> Result<Option<Schedule>, ApiError> {
        match (self.job_type, &self.schedule_frequency) {
            (JobType::Scheduled, Some(frequency)) => frequency.schedule().map(Some),
            (JobType::OneTime, None) => Ok(None),
            (JobType::Scheduled, None) => Err(invalid(
                "`scheduleFrequency` is missing: a SCHEDULED job needs one",
            )),
            (JobType::OneTime, Some(_)) => Err(invalid(
                "`scheduleFrequency` is given: a ONE_TIME job must not have one",
            )),
        }
    }
}

impl S3JobDefinition {
    fn check(&self) -> Result<(), ApiError> {
        match (&self.bucket_criteria, &self.bucket_definitions) {
            (Some(criteria), None) => criteria.check(true)?,
            (None, Some(definitions)) => check_definitions(definitions)?,
            _ => {
                return Err(invalid(
                    "`s3JobDefinition` needs exactly one of `bucketCriteria`, `bucketDefinitions`",
                ));
            }
        }
        self.scoping.as_ref().map_or(Ok(()), Scoping::check)
    }

    /// Whether the criteria match a bucket; named buckets are not criteria.
    pub(super) fn matches(&self, bucket: &Candidate<'_>) -> bool {
        self.bucket_criteria
            .as_ref()
            .is_some_and(|criteria| criteria.matches(bucket))
    }

    /// Whether the job can concern a bucket of this account.
    pub(super) fn may_concern(&self, account: &str) -> bool {
        match &self.bucket_criteria {
            Some(criteria) => criteria.may_match_account(account),
            None => self.named().any(|(owner, _)| owner == account),
        }
    }

    /// Whether a bucket is named.
    pub(super) fn names(&self, account: &str, bucket: &str) -> bool {
        self.named().any(|named| named == (account, bucket))
    }

    /// The named buckets, with their owners.
    pub(super) fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        self.bucket_definitions
            .iter()
            .flatten()
            .flat_map(|definition| {
                let account = definition.account_id.as_str();
                definition
                    .buckets
                    .iter()
                    .map(move |bucket| (account, bucket.as_str()))
            })
    }

    /// Whether the job concerns this account and no other.
    pub(super) fn only_account(&self, account: &str) -> bool {
        match &self.bucket_criteria {
            Some(criteria) => criteria.only_account(account),
            None => self.named().all(|(owner, _)| owner == account),
        }
    }
}

fn check_definitions(definitions: &[BucketDefinition]) -> Result<(), ApiError> {
    for definition in definitions {
        account_id("bucketDefinitions.accountId", &definition.account_id)?;
    }
    let buckets = definitions
        .iter()
        .map(|definition| definition.buckets.len());
    let empty = buckets.clone().any(|count| count == 0);
    let total: usize = buckets.sum();
    if total == 0 || empty || total > 1000 {
        return Err(invalid(format!(
            "`bucketDefinitions` names {total} buckets: expected 1 to 1,000, and at least one per account"
        )));
    }
    Ok(())
}
