//! Macie's inventory: how fast it sees a tag, by which call, and whether the administrator can
//! make it look.

use anyhow::Result;
use aws_sdk_macie2::types::{
    SearchResourcesBucketCriteria, SearchResourcesComparator, SearchResourcesCriteria,
    SearchResourcesCriteriaBlock, SearchResourcesTagCriterion, SearchResourcesTagCriterionPair,
};
use controller::aws::trouble;
use jiff::SignedDuration;
use local_aws::Switches;

use super::{TAG, about, events, shown};
use crate::{answer::Book, args::Args, aws::Aws, waiter::Pace};

/// The bucket of this group.
pub const BUCKET: &str = "inventory";
/// The questions of this group.
pub const QUESTIONS: [&str; 3] = [
    "inventory-lag",
    "inventory-tag-resource",
    "describe-buckets",
];
/// How long a change may take to be seen; one that Macie does not watch must not be waited for
/// until its daily look.
const PATIENCE: Pace = Pace::new(30, 20);

/// Asks.
pub async fn ask(aws: &Aws, args: &Args, book: &mut Book) -> Result<()> {
    let bucket = format!("{}-{BUCKET}", args.prefix);
    events::create_bucket(aws, &bucket, None).await?;
    aws.put_tags(&bucket, &[(TAG, "put")]).await?;
    let Some(lag) = seen(aws, &bucket, "put").await? else {
        book.found("inventory-lag", "not seen in 20 minutes", false);
        anyhow::bail!("Macie has not seen a tag for 20 minutes");
    };
    let same = about(lag, Switches::default().inventory_lag);
    book.found("inventory-lag", format!("seen after {}", shown(lag)), same);

    aws.tag_resource(&bucket, TAG, "resource").await?;
    let watches = Switches::default().inventory_sees_tag_resource;
    if let Some(lag) = seen(aws, &bucket, "resource").await? {
        let observed = format!("seen after {} without a nudge", shown(lag));
        book.found("inventory-tag-resource", observed, watches);
        book.unanswered(
            "describe-buckets",
            "Macie sees TagResource by itself: nothing to refresh",
        );
        return Ok(());
    }
    book.found("inventory-tag-resource", "not seen in 20 minutes", !watches);
    refresh(aws, &bucket, book).await
}

async fn refresh(aws: &Aws, bucket: &str, book: &mut Book) -> Result<()> {
    nudge(aws).await?;
    let refreshes = Switches::default().describe_buckets_refreshes_members;
    match seen(aws, bucket, "resource").await? {
        Some(lag) => {
            let observed = format!("seen {} after DescribeBuckets", shown(lag));
            book.found("describe-buckets", observed, refreshes);
        }
        None => {
            let observed = "not seen 20 minutes after DescribeBuckets";
            book.found("describe-buckets", observed, !refreshes);
        }
    }
    Ok(())
}

/// How long it takes until Macie sees our tag with a value on a bucket; none if it takes too long.
pub async fn seen(aws: &Aws, bucket: &str, value: &str) -> Result<Option<SignedDuration>> {
    let look = async || {
        let names = tagged(aws, value).await?;
        Ok(names.iter().any(|name| name == bucket).then_some(()))
    };
    let seen = aws.waiter.poll(PATIENCE, look).await?;
    Ok(seen.map(|((), lag)| lag))
}

/// Asks Macie to read the buckets again (Macie User Guide, monitoring-s3-how-it-works).
pub async fn nudge(aws: &Aws) -> Result<()> {
    let described = aws.macie.describe_buckets().send().await;
    described.map_err(|error| trouble("macie2:DescribeBuckets", &error))?;
    Ok(())
}

/// The buckets that Macie sees with our tag: those that a job with this criterion would match.
async fn tagged(aws: &Aws, value: &str) -> Result<Vec<String>> {
    let pair = SearchResourcesTagCriterionPair::builder()
        .key(TAG)
        .value(value)
        .build();
    let tags = SearchResourcesTagCriterion::builder()
        .comparator(SearchResourcesComparator::Eq)
        .tag_values(pair)
        .build();
    let block = SearchResourcesCriteriaBlock::builder()
        .and(
            SearchResourcesCriteria::builder()
                .tag_criterion(tags)
                .build(),
        )
        .build();
    let criteria = SearchResourcesBucketCriteria::builder()
        .includes(block)
        .build();
    let found = aws
        .macie
        .search_resources()
        .bucket_criteria(criteria)
        .send()
        .await;
    let found = found.map_err(|error| trouble("macie2:SearchResources", &error))?;
    let names = found.matching_resources().iter();
    let names = names.filter_map(|one| one.matching_bucket()?.bucket_name());
    Ok(names.map(str::to_owned).collect())
}
