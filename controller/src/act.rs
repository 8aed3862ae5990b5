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
    id::{JobId, Scope},
    observed::{ErrorClass, JobKind, Trouble},
    plan::{Action, JobSpec, Step, Waiting},
    policy::ManagedIdentifiers,
    published::estimated,
    report::{Change, Failure, summary},
};
use jiff::Timestamp;

use crate::{
    aws::{Aws, trouble},
    pace::Turn,
    publish::publish_all,
    reconcile::Controller,
};

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Acted {
    /// What was written.
    pub changes: Vec<Change>,
    /// What could not be written.
    pub failures: Vec<Failure>,
    /// What AWS's rate limit put off.
    pub waiting: Option<Waiting>,
    /// Why a team was not told what a first scan is going to cost; it stops nothing.
    pub unpublished: Option<String>,
}

impl Acted {
    /// Whether every step was carried out, so that another reading makes sense now.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.waiting.is_none()
    }

    fn fail(&mut self, step: &Step, trouble: Trouble) {
        let summary = summary(&step.action);
        self.failures.push(Failure { summary, trouble });
    }
}

/// Carries out a checked plan.
pub async fn act(controller: &Controller, scope: &Scope, plan: &CheckedPlan) -> Acted {
    let mut acted = Acted::default();
    let mut line = Line::of(controller, scope, plan);
    for step in plan.steps() {
        let is_job = matches!(step.action, Action::CreateJob(_));
        if is_job && !line.is_turn() {
            continue;
        }
        if let Some(event) = estimated(scope, controller.clock.now(), step) {
            let failure = publish_all(controller, &[event]).await;
            acted.unpublished = acted.unpublished.or(failure);
        }
        let written = perform(&controller.aws, scope, &step.action).await;
        if is_job {
            line.went(&written);
        }
        match written {
            Ok(job) => acted.changes.push(Change::of(step, job)),
            // AWS's pace of one job per 10 s is not a failure.
            Err(trouble) if is_job && trouble.class == ErrorClass::Throttled => {}
            Err(trouble) => acted.fail(step, trouble),
        }
    }
    acted.waiting = line.until.map(|until| Waiting::JobRate { until });
    acted
}

/// The jobs of one plan in the line for new jobs.
struct Line<'a> {
    controller: &'a Controller,
    scope: &'a Scope,
    jobs: u32,
    /// Set by the first that is not created. The daily job comes first: it looks at what is written
    /// after its creation, so a baseline without it would leave a gap between the two.
    held: bool,
    until: Option<Timestamp>,
}

impl<'a> Line<'a> {
    fn of(controller: &'a Controller, scope: &'a Scope, plan: &CheckedPlan) -> Self {
        let steps = plan.steps().iter();
        let jobs = steps.filter(|step| matches!(step.action, Action::CreateJob(_)));
        Self {
            controller,
            scope,
            jobs: u32::try_from(jobs.count()).unwrap_or(u32::MAX),
            held: false,
            until: None,
        }
    }

    fn is_turn(&mut self) -> bool {
        if self.held {
            return false;
        }
        let now = self.controller.clock.now();
        if let Turn::At(until) = self.controller.pace.ask(self.scope, self.jobs, now) {
            self.wait(until);
        }
        !self.held
    }

    fn went(&mut self, written: &Result<Option<String>, Trouble>) {
        let (pace, now) = (&self.controller.pace, self.controller.clock.now());
        match written {
            Ok(_) => {
                pace.created(self.scope, now);
                self.jobs = self.jobs.saturating_sub(1);
            }
            Err(trouble) if trouble.class == ErrorClass::Throttled => {
                self.wait(pace.refused(self.scope, now));
            }
            Err(_) => self.held = true,
        }
    }

    fn wait(&mut self, until: Timestamp) {
        self.held = true;
        self.until = Some(until);
    }
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
        Action::CancelJob { job, .. } => update_job(&macie, job, JobStatus::Cancelled).await,
        Action::PauseJob { job, .. } => update_job(&macie, job, JobStatus::UserPaused).await,
        Action::ResumeJob { job, .. } => update_job(&macie, job, JobStatus::Running).await,
    }
}

async fn update_job(
    macie: &Client,
    job: &JobId,
    status: JobStatus,
) -> Result<Option<String>, Trouble> {
    let request = macie
        .update_classification_job()
        .job_id(job.as_str())
        .job_status(status);
    let updated = request.send().await;
    updated
        .map(|_| Some(job.to_string()))
        .map_err(|error| trouble("macie2:UpdateClassificationJob", &error))
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
