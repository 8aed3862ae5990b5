//! Writes. One function per action; every step of a plan is tried, whatever becomes of the others.

use aws_sdk_macie2::{
    Client,
    types::{
        AccountDetail, CriteriaBlockForJob, CriteriaForJob, DailySchedule, JobComparator,
        JobScheduleFrequency, JobScopeTerm, JobScopingBlock, JobStatus, JobType, MacieStatus,
        ManagedDataIdentifierSelector, S3BucketCriteriaForJob, S3BucketDefinitionForJob,
        S3JobDefinition, ScopeFilterKey, Scoping, SimpleCriterionForJob, SimpleCriterionKeyForJob,
        SimpleScopeTerm, TagCriterionForJob, TagCriterionPairForJob,
    },
};
use aws_smithy_types::retry::RetryConfig;
use controller_core::{
    check::CheckedPlan,
    id::Scope,
    observed::{ErrorClass, JobKind, Trouble},
    plan::{Action, JobSpec, Step, Waiting},
    policy::ManagedIdentifiers,
    report::{Change, Failure, summary},
};
use jiff::Timestamp;

use crate::aws::{Aws, trouble};

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Acted {
    /// What was written.
    pub changes: Vec<Change>,
    /// What could not be written.
    pub failures: Vec<Failure>,
    /// What AWS's rate limit put off.
    pub waiting: Vec<Waiting>,
}

impl Acted {
    /// Whether every step was carried out, so that another reading makes sense now.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.waiting.is_empty()
    }

    fn fail(&mut self, step: &Step, trouble: Trouble) {
        let summary = summary(&step.action);
        self.failures.push(Failure { summary, trouble });
    }
}

/// Carries out a checked plan.
pub async fn act(aws: &Aws, scope: &Scope, plan: &CheckedPlan) -> Acted {
    let mut acted = Acted::default();
    let mut hold_jobs = false;
    for step in plan.steps() {
        // The daily job comes first: it looks at what is written after its creation, so a baseline
        // without it would leave a gap between the two.
        let creates = matches!(step.action, Action::CreateJob(_));
        if creates && hold_jobs {
            acted.waiting.push(Waiting::JobRate);
            continue;
        }
        match perform(aws, scope, &step.action).await {
            Ok(job) => acted.changes.push(Change::of(step, job)),
            Err(trouble) => {
                hold_jobs |= creates;
                match creates && trouble.class == ErrorClass::Throttled {
                    // AWS's pace of one job per 10 s is not a failure.
                    true => acted.waiting.push(Waiting::JobRate),
                    false => acted.fail(step, trouble),
                }
            }
        }
    }
    acted
}

/// One write; answers with the id of a job.
async fn perform(aws: &Aws, scope: &Scope, action: &Action) -> Result<Option<String>, Trouble> {
    let macie = aws.macie(&scope.region);
    match action {
        Action::CreateMember { email, tags } => {
            let account = AccountDetail::builder()
                .account_id(scope.account.as_str())
                .email(email)
                .build();
            let tags = tags.clone().into_iter().collect();
            let request = macie.create_member().account(account).set_tags(Some(tags));
            request
                .send()
                .await
                .map(|_| None)
                .map_err(|error| trouble("macie2:CreateMember", &error))
        }
        Action::ResumeMember => session(&macie, scope, MacieStatus::Enabled).await,
        Action::SuspendMember => session(&macie, scope, MacieStatus::Paused).await,
        Action::TagMember { tags } => {
            let tags = tags.clone().into_iter().collect();
            let request = macie
                .tag_resource()
                .resource_arn(aws.member_arn(scope))
                .set_tags(Some(tags));
            request
                .send()
                .await
                .map(|_| None)
                .map_err(|error| trouble("macie2:TagResource", &error))
        }
        Action::UntagMember { keys } => {
            let keys = keys.iter().cloned().collect();
            let request = macie
                .untag_resource()
                .resource_arn(aws.member_arn(scope))
                .set_tag_keys(Some(keys));
            request
                .send()
                .await
                .map(|_| None)
                .map_err(|error| trouble("macie2:UntagResource", &error))
        }
        Action::CreateJob(spec) => create_job(&macie, spec).await,
        Action::CancelJob { job, .. } => {
            let request = macie
                .update_classification_job()
                .job_id(job.as_str())
                .job_status(JobStatus::Cancelled);
            let cancelled = request.send().await;
            cancelled
                .map(|_| Some(job.to_string()))
                .map_err(|error| trouble("macie2:UpdateClassificationJob", &error))
        }
    }
}

async fn session(
    macie: &Client,
    scope: &Scope,
    status: MacieStatus,
) -> Result<Option<String>, Trouble> {
    let request = macie
        .update_member_session()
        .id(scope.account.as_str())
        .status(status);
    request
        .send()
        .await
        .map(|_| None)
        .map_err(|error| trouble("macie2:UpdateMemberSession", &error))
}

/// The SDK does not repeat this call: AWS allows one per 10 s (Macie User Guide, macie-quotas), so
/// a repetition within seconds is only another refusal.
async fn create_job(macie: &Client, spec: &JobSpec) -> Result<Option<String>, Trouble> {
    let once = aws_sdk_macie2::config::Builder::new().retry_config(RetryConfig::disabled());
    let settings = &spec.settings;
    let request = macie
        .create_classification_job()
        .client_token(&spec.client_token)
        .name(&spec.name)
        .description("Created by the Macie self-service controller; it is replaced, not edited.")
        .s3_job_definition(definition(spec))
        .sampling_percentage(i32::from(settings.sampling_percentage))
        .managed_data_identifier_selector(selector(settings.managed_data_identifiers))
        .set_custom_data_identifier_ids(some(
            settings
                .custom_data_identifier_ids
                .iter()
                .cloned()
                .collect(),
        ))
        .set_allow_list_ids(some(settings.allow_list_ids.iter().cloned().collect()));
    let request = match spec.kind {
        JobKind::Daily { .. } => {
            let daily =
                JobScheduleFrequency::builder().daily_schedule(DailySchedule::builder().build());
            // Old objects are the baseline's: a first run over everything would pay for them twice.
            request
                .job_type(JobType::Scheduled)
                .schedule_frequency(daily.build())
                .initial_run(false)
        }
        JobKind::Baseline { .. } | JobKind::CatchUp { .. } => request.job_type(JobType::OneTime),
    };
    match request.customize().config_override(once).send().await {
        Ok(reply) => Ok(reply.job_id),
        Err(error) => Err(trouble("macie2:CreateClassificationJob", &error)),
    }
}

/// An empty list is not sent.
fn some(list: Vec<String>) -> Option<Vec<String>> {
    (!list.is_empty()).then_some(list)
}

fn selector(identifiers: ManagedIdentifiers) -> ManagedDataIdentifierSelector {
    match identifiers {
        ManagedIdentifiers::Recommended => ManagedDataIdentifierSelector::Recommended,
        ManagedIdentifiers::All => ManagedDataIdentifierSelector::All,
        ManagedIdentifiers::None => ManagedDataIdentifierSelector::None,
    }
}

fn definition(spec: &JobSpec) -> S3JobDefinition {
    match &spec.kind {
        JobKind::Daily { .. } => S3JobDefinition::builder()
            .bucket_criteria(criteria(spec))
            .build(),
        JobKind::Baseline { .. } => S3JobDefinition::builder()
            .bucket_definitions(buckets(spec))
            .build(),
        JobKind::CatchUp { since } => {
            let scoping = Scoping::builder().includes(modified_since(*since)).build();
            S3JobDefinition::builder()
                .bucket_definitions(buckets(spec))
                .scoping(scoping)
                .build()
        }
    }
}

/// The account and the tag. Never `NE`: it would match buckets whose tags Macie cannot see.
fn criteria(spec: &JobSpec) -> S3BucketCriteriaForJob {
    let account = SimpleCriterionForJob::builder()
        .key(SimpleCriterionKeyForJob::AccountId)
        .comparator(JobComparator::Eq)
        .values(spec.account.as_str())
        .build();
    let pairs = spec.tag.values.iter().map(|value| {
        TagCriterionPairForJob::builder()
            .key(&spec.tag.key)
            .value(value)
            .build()
    });
    let tag = TagCriterionForJob::builder()
        .comparator(JobComparator::Eq)
        .set_tag_values(Some(pairs.collect()))
        .build();
    let block = CriteriaBlockForJob::builder()
        .and(CriteriaForJob::builder().simple_criterion(account).build())
        .and(CriteriaForJob::builder().tag_criterion(tag).build())
        .build();
    S3BucketCriteriaForJob::builder().includes(block).build()
}

fn buckets(spec: &JobSpec) -> S3BucketDefinitionForJob {
    let names = spec
        .buckets
        .iter()
        .map(|name| name.as_str().to_owned())
        .collect();
    S3BucketDefinitionForJob::builder()
        .account_id(spec.account.as_str())
        .set_buckets(Some(names))
        .build()
}

fn modified_since(since: Timestamp) -> JobScopingBlock {
    let term = SimpleScopeTerm::builder()
        .key(ScopeFilterKey::ObjectLastModifiedDate)
        .comparator(JobComparator::Gte)
        .values(since.to_string())
        .build();
    JobScopingBlock::builder()
        .and(JobScopeTerm::builder().simple_scope_term(term).build())
        .build()
}
