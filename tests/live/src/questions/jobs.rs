//! Jobs: a repeated token, the rate of creation, and what a suspension does to them. The jobs match
//! no bucket, so that they cost nothing.

use anyhow::{Context, Result, bail};
use aws_sdk_macie2::config::retry::RetryConfig;
use aws_sdk_macie2::types::{
    CriteriaBlockForJob, CriteriaForJob, DailySchedule, JobComparator, JobScheduleFrequency,
    JobStatus, JobType, MacieStatus, RelationshipStatus, S3BucketCriteriaForJob, S3JobDefinition,
    SimpleCriterionForJob, SimpleCriterionKeyForJob, TagCriterionForJob, TagCriterionPairForJob,
};
use controller::aws::trouble;
use controller_core::observed::{ErrorClass, Trouble};
use jiff::SignedDuration;
use local_aws::Switches;

use super::{TAG, member_becomes, membership, shown};
use crate::{answer::Book, args::Args, aws::Aws, waiter::Pace};

/// The questions of this group.
pub const QUESTIONS: [&str; 4] = [
    "client-token",
    "create-job-rate",
    "suspend-jobs",
    "create-member-paused",
];
/// A tag value that no bucket has.
const NOBODY: &str = "nobody";
/// AWS lets one job through every 10 seconds (Macie User Guide, macie-quotas).
const PACE: Pace = Pace::new(1, 10);
/// An effect on jobs may come after the reply.
const SETTLES: SignedDuration = SignedDuration::from_mins(3);

/// Asks.
pub async fn ask(aws: &Aws, args: &Args, book: &mut Book) -> Result<()> {
    // AWS may know the tokens of an earlier run, so each run has names of its own.
    let run = aws.waiter.now().await?.as_second();
    let name = |suffix: &str| format!("{}/{run}/{suffix}", args.prefix);
    let (first, _) = create(aws, &name("first"), NOBODY).await?;
    token(aws, &name("first"), &first, book).await?;
    create(aws, &name("second"), NOBODY).await?;
    let (_, gap) = create(aws, &name("third"), NOBODY).await?;
    let assumed = Switches::default().create_job_interval;
    // Each look takes a while, so a gap is known to a few seconds only.
    let same = gap * 2 >= assumed && gap <= assumed * 2;
    book.found(
        "create-job-rate",
        format!("the next was let through after {}", shown(gap)),
        same,
    );
    suspend(aws, &first, book).await
}

async fn token(aws: &Aws, name: &str, first: &str, book: &mut Book) -> Result<()> {
    let replays = Switches::default().client_token_replays;
    let look = async || match attempt(aws, name, NOBODY).await {
        Err(error) if error.class == ErrorClass::Throttled => Ok(None),
        other => Ok(Some(other)),
    };
    let Some((again, _)) = aws.waiter.poll(PACE, look).await? else {
        book.unanswered("client-token", "throttled for 10 minutes");
        return Ok(());
    };
    match again {
        Ok(id) if id == first => book.found("client-token", "the same job is told", replays),
        Ok(_) => book.found("client-token", "a second job is created", false),
        Err(error) => {
            let conflict = error.class == ErrorClass::Conflict;
            book.found("client-token", error.message, conflict && !replays);
        }
    }
    Ok(())
}

async fn suspend(aws: &Aws, job: &str, book: &mut Book) -> Result<()> {
    aws.set_member(MacieStatus::Paused).await?;
    member_becomes(aws, &RelationshipStatus::Paused).await?;
    membership::again(aws, book, "create-member-paused").await?;
    aws.waiter.pause(SETTLES).await?;
    let status = status(aws, job).await?;
    let cancelled = status == JobStatus::Cancelled;
    let assumed = Switches::default().suspend_cancels_admin_jobs;
    book.found(
        "suspend-jobs",
        format!("the administrator's job is {status}"),
        cancelled == assumed,
    );
    aws.set_member(MacieStatus::Enabled).await?;
    member_becomes(aws, &RelationshipStatus::Enabled).await?;
    Ok(())
}

/// Creates a daily job as the controller's are, for buckets with our tag and a value, as soon as
/// AWS lets it; its id, and how long that took.
pub async fn create(aws: &Aws, name: &str, value: &str) -> Result<(String, SignedDuration)> {
    let look = async || match attempt(aws, name, value).await {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.class == ErrorClass::Throttled => Ok(None),
        Err(error) => Err(error.into()),
    };
    let created = aws.waiter.poll(PACE, look).await?;
    created.with_context(|| format!("the job `{name}` was throttled for 10 minutes"))
}

async fn attempt(aws: &Aws, name: &str, value: &str) -> Result<String, Trouble> {
    let account = SimpleCriterionForJob::builder()
        .comparator(JobComparator::Eq)
        .key(SimpleCriterionKeyForJob::AccountId)
        .values(aws.workload.as_str())
        .build();
    let tag = TagCriterionForJob::builder()
        .comparator(JobComparator::Eq)
        .tag_values(
            TagCriterionPairForJob::builder()
                .key(TAG)
                .value(value)
                .build(),
        )
        .build();
    let block = CriteriaBlockForJob::builder()
        .and(CriteriaForJob::builder().simple_criterion(account).build())
        .and(CriteriaForJob::builder().tag_criterion(tag).build())
        .build();
    let criteria = S3BucketCriteriaForJob::builder().includes(block).build();
    let daily = JobScheduleFrequency::builder().daily_schedule(DailySchedule::builder().build());
    let create = aws
        .macie
        .create_classification_job()
        .name(name)
        .client_token(name);
    let create = create
        .job_type(JobType::Scheduled)
        .initial_run(false)
        .schedule_frequency(daily.build())
        .s3_job_definition(S3JobDefinition::builder().bucket_criteria(criteria).build());
    send(create).await
}

type Create =
    aws_sdk_macie2::operation::create_classification_job::builders::CreateClassificationJobFluentBuilder;

/// The rate is what is asked about: the SDK must not wait and repeat by itself.
pub(super) async fn send(create: Create) -> Result<String, Trouble> {
    let once = aws_sdk_macie2::config::Config::builder().retry_config(RetryConfig::disabled());
    let created = create.customize().config_override(once).send().await;
    let created = created.map_err(|error| trouble("macie2:CreateClassificationJob", &error))?;
    Ok(created.job_id.unwrap_or_default())
}

/// What a job does now.
pub async fn status(aws: &Aws, job: &str) -> Result<JobStatus> {
    let described = aws
        .macie
        .describe_classification_job()
        .job_id(job)
        .send()
        .await;
    let described =
        described.map_err(|error| trouble("macie2:DescribeClassificationJob", &error))?;
    match described.job_status {
        Some(status) => Ok(status),
        None => bail!("the job {job} has no status"),
    }
}

/// Waits until a job's run is over.
pub async fn run_ends(aws: &Aws, job: &str, end: &JobStatus) -> Result<()> {
    let look = async || match status(aws, job).await? {
        status if status == *end => Ok(Some(())),
        JobStatus::Running => Ok(None),
        other => bail!("the job {job} is {other}, expected {end}"),
    };
    let ended = aws.waiter.poll(Pace::new(30, 120), look).await?;
    ended.with_context(|| format!("the job {job} still runs after 2 hours"))?;
    Ok(())
}
