//! Facts from Macie, as the administrator.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_macie2::{
    error::ProvideErrorMetadata,
    operation::get_member::GetMemberOutput,
    types::{
        BucketCriteriaAdditionalProperties, BucketMetadata, BucketMetadataErrorCode, JobComparator,
        JobSummary, ListJobsFilterCriteria, ListJobsFilterKey, ListJobsFilterTerm, MatchingBucket,
        RelationshipStatus, SearchResourcesBucketCriteria, SearchResourcesComparator,
        SearchResourcesCriteria, SearchResourcesCriteriaBlock, SearchResourcesSimpleCriterion,
        SearchResourcesSimpleCriterionKey, SearchResourcesTagCriterion,
        SearchResourcesTagCriterionPair,
    },
};
use aws_smithy_types::DateTime;
use controller_core::{
    estimate::Sized,
    id::{AccountId, BucketName, JobId, Region, Scope},
    job_name,
    observed::{
        BucketSize, ErrorClass, Fact, Inventory, Job, JobStatus, Member, Membership, Relationship,
        Trouble,
    },
    policy::TagRule,
};
use jiff::Timestamp;

use crate::aws::{Aws, trouble};

/// Buckets that one question names at most, as many as a page holds (Macie API Reference,
/// DescribeBuckets); how many a criterion takes is not documented.
const NAMES: usize = 50;

/// The account's relationship. A stranger is told by `ResourceNotFoundException` and also by
/// `ValidationException` (seen live by DataChefHQ/aws-data-landing-zone, pull request 135). Both
/// mean at most an attempt to enrol, never a suspension.
pub async fn member(aws: &Aws, scope: &Scope) -> Fact<Membership> {
    match aws
        .macie(&scope.region)
        .get_member()
        .id(scope.account.as_str())
        .send()
        .await
    {
        Ok(reply) => Fact::Known(membership(reply)),
        Err(error) => match error.code().unwrap_or_default() {
            "ResourceNotFoundException" | "ValidationException" => {
                Fact::Known(Membership::Stranger)
            }
            _ => Fact::Unknown(trouble("macie2:GetMember", &error)),
        },
    }
}

fn membership(reply: GetMemberOutput) -> Membership {
    Membership::Member(Member {
        status: relationship(reply.relationship_status.as_ref()),
        tags: reply.tags.unwrap_or_default().into_iter().collect(),
        updated_at: reply.updated_at.as_ref().and_then(time),
    })
}

fn relationship(status: Option<&RelationshipStatus>) -> Relationship {
    match status {
        Some(RelationshipStatus::Enabled) => Relationship::Enabled,
        Some(RelationshipStatus::Paused) => Relationship::Paused,
        Some(RelationshipStatus::Invited) => Relationship::Invited,
        Some(RelationshipStatus::Created) => Relationship::Created,
        Some(RelationshipStatus::Removed) => Relationship::Removed,
        Some(RelationshipStatus::Resigned) => Relationship::Resigned,
        Some(RelationshipStatus::EmailVerificationInProgress) => {
            Relationship::EmailVerificationInProgress
        }
        Some(RelationshipStatus::EmailVerificationFailed) => Relationship::EmailVerificationFailed,
        Some(RelationshipStatus::RegionDisabled) => Relationship::RegionDisabled,
        Some(RelationshipStatus::AccountSuspended) => Relationship::AccountSuspended,
        Some(other) => Relationship::Unknown(other.as_str().to_owned()),
        None => Relationship::Unknown("none".to_owned()),
    }
}

/// The controller's jobs for the account, found by name: jobs cannot be listed by tag or account.
pub async fn jobs(aws: &Aws, scope: &Scope) -> Fact<Vec<Job>> {
    match list_jobs(aws, scope).await {
        Ok(jobs) => Fact::Known(jobs),
        Err(trouble) => Fact::Unknown(trouble),
    }
}

async fn list_jobs(aws: &Aws, scope: &Scope) -> Result<Vec<Job>, Trouble> {
    let mut jobs = Vec::new();
    let prefix = job_name::prefix(&scope.account);
    each_job(aws, &scope.region, prefix, |summary| {
        jobs.extend(job(&scope.account, summary));
    })
    .await?;
    Ok(jobs)
}

/// The controller's jobs for all accounts of a Region.
pub async fn jobs_of_region(
    aws: &Aws,
    region: &Region,
) -> Result<BTreeMap<AccountId, Vec<Job>>, Trouble> {
    let mut jobs: BTreeMap<AccountId, Vec<Job>> = BTreeMap::new();
    each_job(aws, region, job_name::PREFIX.to_owned(), |summary| {
        let account = summary.name().and_then(job_name::account);
        let found = account.and_then(|account| Some((job(&account, summary)?, account)));
        if let Some((job, account)) = found {
            jobs.entry(account).or_default().push(job);
        }
    })
    .await?;
    Ok(jobs)
}

async fn each_job(
    aws: &Aws,
    region: &Region,
    prefix: String,
    mut each: impl FnMut(&JobSummary),
) -> Result<(), Trouble> {
    let operation = "macie2:ListClassificationJobs";
    let ours = ListJobsFilterTerm::builder()
        .key(ListJobsFilterKey::Name)
        .comparator(JobComparator::Contains)
        .values(prefix)
        .build();
    let filter = ListJobsFilterCriteria::builder().includes(ours).build();
    let macie = aws.macie(region);
    let request = macie.list_classification_jobs().filter_criteria(filter);
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble(operation, &error))?;
        page.items().iter().for_each(&mut each);
    }
    Ok(())
}

/// A job whose name is not one of ours, or without what every job has, is somebody else's.
fn job(account: &AccountId, summary: &JobSummary) -> Option<Job> {
    let name = summary.name()?;
    let definitions = summary
        .bucket_definitions()
        .iter()
        .filter(|definition| definition.account_id() == Some(account.as_str()));
    Some(Job {
        id: summary.job_id()?.parse().ok()?,
        kind: job_name::kind(account, name)?,
        name: name.to_owned(),
        status: status(summary.job_status()),
        created_at: summary.created_at().and_then(time)?,
        paused_at: summary
            .user_paused_details()
            .and_then(|details| details.job_paused_at())
            .and_then(time),
        buckets: definitions
            .flat_map(|definition| definition.buckets())
            .filter_map(|name| name.parse().ok())
            .collect(),
    })
}

fn status(status: Option<&aws_sdk_macie2::types::JobStatus>) -> JobStatus {
    use aws_sdk_macie2::types::JobStatus as Sdk;
    match status {
        Some(Sdk::Running) => JobStatus::Running,
        Some(Sdk::Idle) => JobStatus::Idle,
        Some(Sdk::Paused) => JobStatus::Paused,
        Some(Sdk::UserPaused) => JobStatus::UserPaused,
        Some(Sdk::Cancelled) => JobStatus::Cancelled,
        Some(Sdk::Complete) => JobStatus::Complete,
        Some(other) => JobStatus::Unknown(other.as_str().to_owned()),
        None => JobStatus::Unknown("none".to_owned()),
    }
}

/// When a job last ran.
pub async fn last_run(aws: &Aws, region: &Region, job: &JobId) -> Fact<Option<Timestamp>> {
    let request = aws
        .macie(region)
        .describe_classification_job()
        .job_id(job.as_str());
    match request.send().await {
        Ok(reply) => Fact::Known(reply.last_run_time.as_ref().and_then(time)),
        Err(error) => Fact::Unknown(trouble("macie2:DescribeClassificationJob", &error)),
    }
}

/// Opted-in buckets as Macie sees them. Asking `DescribeBuckets` makes Macie refresh its metadata
/// (Macie User Guide, monitoring-s3-how-it-works), which it otherwise does on some tagging calls
/// and once a day.
pub async fn inventory(
    aws: &Aws,
    scope: &Scope,
    rule: &TagRule,
    nudge: BTreeSet<BucketName>,
) -> Fact<Inventory> {
    match ask_inventory(aws, scope, rule, nudge).await {
        Ok(inventory) => Fact::Known(inventory),
        Err(trouble) => Fact::Unknown(trouble),
    }
}

async fn ask_inventory(
    aws: &Aws,
    scope: &Scope,
    rule: &TagRule,
    nudge: BTreeSet<BucketName>,
) -> Result<Inventory, Trouble> {
    let asked = refresh(aws, scope, nudge).await?;
    let (mut buckets, monitored) =
        futures::future::try_join(matching(aws, scope, rule), monitored(aws, scope)).await?;
    // When a bucket was created is not in what a search answers.
    for bucket in asked {
        if let Some(known) = buckets.get_mut(&bucket.name) {
            *known = bucket;
        }
    }
    Ok(Inventory { buckets, monitored })
}

/// How large these buckets are.
pub async fn sizes(
    aws: &Aws,
    scope: &Scope,
    names: BTreeSet<BucketName>,
) -> BTreeMap<BucketName, Fact<Option<Sized>>> {
    let mut sizes = BTreeMap::new();
    let names: Vec<BucketName> = names.into_iter().collect();
    for some in names.chunks(NAMES) {
        let found = sized(aws, scope, some).await;
        sizes.extend(some.iter().map(|name| {
            let size = match &found {
                Ok(found) => Fact::Known(found.iter().find(|size| size.name == *name).cloned()),
                Err(trouble) => Fact::Unknown(trouble.clone()),
            };
            (name.clone(), size)
        }));
    }
    sizes
}

/// Buckets of an enrolled account as Macie has them, with when Macie read about each: the named ones,
/// as many as one question takes, or all if none is named.
pub async fn sized(aws: &Aws, scope: &Scope, only: &[BucketName]) -> Result<Vec<Sized>, Trouble> {
    let is = |values: Vec<String>| {
        BucketCriteriaAdditionalProperties::builder()
            .set_eq(Some(values))
            .build()
    };
    let macie = aws.macie(&scope.region);
    let mut request = macie
        .describe_buckets()
        .criteria("accountId", is(vec![scope.account.to_string()]));
    if !only.is_empty() {
        let names = only.iter().map(BucketName::to_string).collect();
        request = request.criteria("bucketName", is(names));
    }
    let mut pages = request.into_paginator().send();
    let mut buckets = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("macie2:DescribeBuckets", &error))?;
        buckets.extend(page.buckets().iter().filter_map(sized_bucket));
    }
    Ok(buckets)
}

fn sized_bucket(bucket: &BucketMetadata) -> Option<Sized> {
    let figures = [
        bucket.classifiable_size_in_bytes(),
        bucket.size_in_bytes_compressed(),
        bucket.classifiable_object_count(),
    ];
    Some(Sized {
        created_at: bucket.bucket_created_at().and_then(time),
        updated_at: bucket.last_updated().and_then(time),
        ..seen(bucket.bucket_name()?, bucket.error_code(), figures)?
    })
}

/// Asks for the account's buckets, which is what refreshes them; answers with those that were named.
async fn refresh(
    aws: &Aws,
    scope: &Scope,
    nudge: BTreeSet<BucketName>,
) -> Result<Vec<Sized>, Trouble> {
    let equals = |values: Vec<String>| {
        BucketCriteriaAdditionalProperties::builder()
            .set_eq(Some(values))
            .build()
    };
    let names = nudge
        .into_iter()
        .take(NAMES)
        .map(|name| name.as_str().to_owned())
        .collect::<Vec<_>>();
    let mut request = aws
        .macie(&scope.region)
        .describe_buckets()
        .criteria("accountId", equals(vec![scope.account.as_str().to_owned()]));
    request = match names.is_empty() {
        true => request.max_results(1),
        false => request.criteria("bucketName", equals(names)),
    };
    let reply = request.send().await;
    let reply = reply.map_err(|error| trouble("macie2:DescribeBuckets", &error))?;
    Ok(reply.buckets().iter().filter_map(sized_bucket).collect())
}

async fn matching(
    aws: &Aws,
    scope: &Scope,
    rule: &TagRule,
) -> Result<BTreeMap<BucketName, Sized>, Trouble> {
    let request = aws
        .macie(&scope.region)
        .search_resources()
        .bucket_criteria(criteria(scope, rule));
    let mut pages = request.into_paginator().send();
    let mut buckets = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("macie2:SearchResources", &error))?;
        let found = page
            .matching_resources()
            .iter()
            .filter_map(|resource| resource.matching_bucket());
        buckets.extend(
            found
                .filter_map(matching_bucket)
                .map(|bucket| (bucket.name.clone(), bucket)),
        );
    }
    Ok(buckets)
}

fn criteria(scope: &Scope, rule: &TagRule) -> SearchResourcesBucketCriteria {
    let account = SearchResourcesSimpleCriterion::builder()
        .key(SearchResourcesSimpleCriterionKey::AccountId)
        .comparator(SearchResourcesComparator::Eq)
        .values(scope.account.as_str())
        .build();
    let pairs = rule.values.iter().map(|value| {
        SearchResourcesTagCriterionPair::builder()
            .key(&rule.key)
            .value(value)
            .build()
    });
    let tag = SearchResourcesTagCriterion::builder()
        .comparator(SearchResourcesComparator::Eq)
        .set_tag_values(Some(pairs.collect()))
        .build();
    let block = SearchResourcesCriteriaBlock::builder()
        .and(
            SearchResourcesCriteria::builder()
                .simple_criterion(account)
                .build(),
        )
        .and(
            SearchResourcesCriteria::builder()
                .tag_criterion(tag)
                .build(),
        )
        .build();
    SearchResourcesBucketCriteria::builder()
        .includes(block)
        .build()
}

fn matching_bucket(bucket: &MatchingBucket) -> Option<Sized> {
    let figures = [
        bucket.classifiable_size_in_bytes(),
        bucket.size_in_bytes_compressed(),
        bucket.classifiable_object_count(),
    ];
    seen(bucket.bucket_name()?, bucket.error_code(), figures)
}

/// A bucket with its classifiable and compressed bytes and its classifiable objects. With an error code
/// the sizes are missing: unknown, not zero.
fn seen(
    name: &str,
    error: Option<&BucketMetadataErrorCode>,
    [classifiable, compressed, objects]: [Option<i64>; 3],
) -> Option<Sized> {
    Some(Sized {
        name: name.parse().ok()?,
        size: bucket_size(classifiable.filter(|_| error.is_none()), compressed),
        objects: objects.and_then(|count| u64::try_from(count).ok()),
        over_quota: error == Some(&BucketMetadataErrorCode::BucketCountExceedsQuota),
        created_at: None,
        updated_at: None,
    })
}

/// Without knowing what is compressed nobody knows how much there is.
fn bucket_size(classifiable: Option<i64>, compressed: Option<i64>) -> BucketSize {
    let bytes = |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok());
    let compressed = bytes(compressed);
    BucketSize {
        classifiable_bytes: bytes(classifiable).filter(|_| compressed.is_some()),
        compressed_bytes: compressed.unwrap_or(0),
    }
}

/// How many buckets of an account Macie monitors and charges for.
pub async fn monitored(aws: &Aws, scope: &Scope) -> Result<Option<u64>, Trouble> {
    let request = aws
        .macie(&scope.region)
        .get_bucket_statistics()
        .account_id(scope.account.as_str());
    let reply = request
        .send()
        .await
        .map_err(|error| trouble("macie2:GetBucketStatistics", &error))?;
    Ok(reply
        .bucket_count
        .and_then(|count| u64::try_from(count).ok()))
}

/// Every member of the administrator in a Region, 25 a page (Macie API Reference, ListMembers).
pub async fn members(aws: &Aws, region: &Region) -> Result<BTreeMap<AccountId, Member>, Trouble> {
    let operation = "macie2:ListMembers";
    let request = aws.macie(region).list_members();
    let mut pages = request.into_paginator().page_size(25).send();
    let mut members = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble(operation, &error))?;
        for member in page.members.unwrap_or_default() {
            let account = member.account_id().unwrap_or_default().parse();
            // A member that cannot be named cannot be counted, so the list proves nothing.
            let account = account.map_err(|error| Trouble {
                operation,
                class: ErrorClass::Other,
                message: format!("{error}"),
            })?;
            members.insert(account, listed(member));
        }
    }
    Ok(members)
}

fn listed(member: aws_sdk_macie2::types::Member) -> Member {
    Member {
        status: relationship(member.relationship_status.as_ref()),
        tags: member.tags.unwrap_or_default().into_iter().collect(),
        updated_at: member.updated_at.as_ref().and_then(time),
    }
}

pub(super) fn time(at: &DateTime) -> Option<Timestamp> {
    let nanos = i32::try_from(at.subsec_nanos()).ok()?;
    Timestamp::new(at.secs(), nanos).ok()
}
