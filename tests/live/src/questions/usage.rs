//! What Macie says that an account's jobs have cost: the only figure of the API that tells what
//! jobs have scanned.

use anyhow::{Context, Result};
use aws_sdk_macie2::types::{
    JobStatus, JobType, S3BucketDefinitionForJob, S3JobDefinition, TimeRange,
    UsageStatisticsFilter, UsageStatisticsFilterComparator, UsageStatisticsFilterKey, UsageType,
};
use controller::aws::trouble;
use controller_core::observed::ErrorClass;
use rust_decimal::Decimal;

use super::{events, jobs};
use crate::{args::Args, aws::Aws, waiter::Pace};

/// The bucket of the one-time job.
pub const BUCKET: &str = "usage";

/// Scans one megabyte by a one-time job, and waits until it is done.
pub async fn scan(aws: &Aws, args: &Args) -> Result<()> {
    let bucket = format!("{}-{BUCKET}", args.prefix);
    events::create_bucket(aws, &bucket, None).await?;
    aws.put_object(&bucket, "once.csv", 1).await?;
    let name = format!(
        "{}/{}/once",
        args.prefix,
        aws.waiter.now().await?.as_second()
    );
    let bucket = S3BucketDefinitionForJob::builder()
        .account_id(aws.workload.as_str())
        .buckets(bucket)
        .build();
    let definition = S3JobDefinition::builder()
        .bucket_definitions(bucket)
        .build();
    let create = aws
        .macie
        .create_classification_job()
        .name(&name)
        .client_token(&name);
    let create = create
        .job_type(JobType::OneTime)
        .s3_job_definition(definition);
    let look = async || match jobs::send(create.clone()).await {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.class == ErrorClass::Throttled => Ok(None),
        Err(error) => Err(error.into()),
    };
    let created = aws.waiter.poll(Pace::new(1, 10), look).await?;
    let (job, _) = created.context("the one-time job was throttled for 10 minutes")?;
    jobs::run_ends(aws, &job, &JobStatus::Complete).await
}

/// What jobs over the workload account's buckets have cost in 30 days, in dollars; none if the
/// account is not listed.
pub async fn cost(aws: &Aws) -> Result<Option<Decimal>> {
    let filter = UsageStatisticsFilter::builder()
        .key(UsageStatisticsFilterKey::AccountId)
        .comparator(UsageStatisticsFilterComparator::Contains)
        .values(aws.workload.as_str())
        .build();
    let get = aws
        .macie
        .get_usage_statistics()
        .time_range(TimeRange::Past30Days);
    let got = get.filter_by(filter).send().await;
    let got = got.map_err(|error| trouble("macie2:GetUsageStatistics", &error))?;
    let Some(record) = got.records().first() else {
        return Ok(None);
    };
    let jobs = UsageType::SensitiveDataDiscovery;
    let usage = record
        .usage()
        .iter()
        .find(|usage| usage.r#type() == Some(&jobs));
    match usage.and_then(|usage| usage.estimated_cost()) {
        None => Ok(Some(Decimal::ZERO)),
        Some(text) => {
            let cost = text
                .parse()
                .with_context(|| format!("the cost `{text}` is no number"))?;
            Ok(Some(cost))
        }
    }
}

/// What the daily job has scanned besides the two megabytes that it and the one-time job scan in
/// any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// The 3 MB that were there before the bucket first matched.
    pub old: bool,
    /// The 6 MB that were written during the suspension.
    pub suspended: bool,
}

/// Reads the megabytes off a cost in dollars; none if it is none of those that can be. A gigabyte
/// is 10^9 or 2^30 bytes, AWS does not say which, and 3 MB are more than lie between the two.
pub fn scanned(cost: Decimal) -> Option<Scanned> {
    let combinations = [(false, false), (true, false), (false, true), (true, true)];
    let found = combinations.into_iter().find(|(old, suspended)| {
        let megabytes = 2 + 3 * i64::from(*old) + 6 * i64::from(*suspended);
        let dollars = Decimal::new(megabytes, 3);
        dollars * Decimal::new(925, 3) <= cost && cost <= dollars * Decimal::new(1005, 3)
    });
    found.map(|(old, suspended)| Scanned { old, suspended })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn megabytes_are_read_off_the_cost_by_either_gigabyte() {
        for (megabytes, old, suspended) in [
            (2, false, false),
            (5, true, false),
            (8, false, true),
            (11, true, true),
        ] {
            let decimal = Decimal::new(megabytes, 3);
            let binary = decimal * Decimal::from(1_000_000_000) / Decimal::from(1 << 30);
            for cost in [decimal, binary] {
                assert_eq!(scanned(cost), Some(Scanned { old, suspended }), "{cost}");
            }
            // Without one of the two that are always scanned it is not decided.
            let missing = Decimal::new(megabytes - 1, 3);
            let binary = missing * Decimal::from(1_000_000_000) / Decimal::from(1 << 30);
            assert_eq!(
                [scanned(missing), scanned(binary)],
                [None, None],
                "{missing}"
            );
        }
    }
}
