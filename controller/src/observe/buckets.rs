//! Buckets and their tags, read in the account as the member role.

use std::collections::BTreeSet;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_bucket_tagging::GetBucketTaggingError,
};
use aws_smithy_runtime_api::http::Response;
use controller_core::{
    id::{BucketName, Scope},
    observed::{BUDGET_TAG, BucketReading, ErrorClass, Fact, Trouble},
    policy::TagRule,
};

use crate::aws::{self, Aws};

/// Buckets that one page of a listing holds at most (S3 API Reference, ListBuckets).
const PAGE: i32 = 1_000;

/// What a call in a workload account says of credentials that were good when the role was assumed: the
/// account has not enabled the Region (Account Management Reference Guide, manage-acct-regions).
const NOT_KNOWN_THERE: [&str; 4] = [
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "UnrecognizedClientException",
];

fn trouble<E>(operation: &'static str, error: &SdkError<E, Response>) -> Trouble
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let mut trouble = aws::trouble(operation, error);
    if error
        .code()
        .is_some_and(|code| NOT_KNOWN_THERE.contains(&code))
    {
        trouble.class = ErrorClass::RegionDisabled;
    }
    trouble
}

/// What the tags of a bucket say, and the budget that they give it. An untagged bucket answers with the code `NoSuchTagSet`, which
/// the API's model does not list.
pub async fn bucket(
    aws: &Aws,
    scope: &Scope,
    rule: &TagRule,
    name: &BucketName,
) -> (Fact<BucketReading>, Option<String>) {
    let s3 = match aws.workload(scope).await {
        Ok(workload) => workload.s3,
        Err(trouble) => return (Fact::Unknown(trouble), None),
    };
    let request = s3.get_bucket_tagging().bucket(name.as_str());
    match request
        .expected_bucket_owner(scope.account.as_str())
        .send()
        .await
    {
        Ok(reply) => {
            let tags = reply
                .tag_set
                .iter()
                .map(|tag| (tag.key.as_str(), tag.value.as_str()));
            let budget = reply.tag_set.iter().find(|tag| tag.key == BUDGET_TAG);
            let budget = budget.map(|tag| tag.value.clone());
            (Fact::Known(rule.judge(tags).into()), budget)
        }
        Err(error) => (unread(&error), None),
    }
}

fn unread(error: &SdkError<GetBucketTaggingError, Response>) -> Fact<BucketReading> {
    match error.code().unwrap_or_default() {
        "NoSuchTagSet" => Fact::Known(BucketReading::NotOptedIn),
        "NoSuchBucket" => Fact::Known(BucketReading::Gone),
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Fact::Known(BucketReading::Elsewhere),
        _ => Fact::Unknown(trouble("s3:GetBucketTagging", error)),
    }
}

/// Opted-in buckets according to the tagging index of the account and Region.
pub async fn index(aws: &Aws, scope: &Scope, rule: &TagRule) -> Fact<BTreeSet<BucketName>> {
    match search(aws, scope, rule).await {
        Ok(buckets) => Fact::Known(buckets),
        Err(trouble) => Fact::Unknown(trouble),
    }
}

async fn search(aws: &Aws, scope: &Scope, rule: &TagRule) -> Result<BTreeSet<BucketName>, Trouble> {
    let filter = TagFilter::builder()
        .key(&rule.key)
        .set_values(Some(rule.values.iter().cloned().collect()));
    let mut pages = aws
        .workload(scope)
        .await?
        .tagging
        .get_resources()
        .resource_type_filters("s3:bucket")
        .tag_filters(filter.build())
        .into_paginator()
        .page_size(100)
        .send();
    let mut buckets = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("tag:GetResources", &error))?;
        let arns = page
            .resource_tag_mapping_list()
            .iter()
            .filter_map(|resource| resource.resource_arn());
        buckets.extend(arns.filter_map(|arn| arn.rsplit(":::").next()?.parse::<BucketName>().ok()));
    }
    Ok(buckets)
}

/// Every bucket of the account in the Region. A listing that breaks off is no listing.
pub async fn listing(aws: &Aws, scope: &Scope) -> Fact<BTreeSet<BucketName>> {
    match list(aws, scope).await {
        Ok(buckets) => Fact::Known(buckets),
        Err(trouble) => Fact::Unknown(trouble),
    }
}

async fn list(aws: &Aws, scope: &Scope) -> Result<BTreeSet<BucketName>, Trouble> {
    let operation = "s3:ListBuckets";
    let mut pages = aws
        .workload(scope)
        .await?
        .s3
        .list_buckets()
        .bucket_region(scope.region.as_str())
        .max_buckets(PAGE)
        .into_paginator()
        .send();
    let mut buckets = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble(operation, &error))?;
        for bucket in page.buckets() {
            let name = bucket.name().unwrap_or_default();
            // A bucket that cannot be named cannot be read, so the listing proves nothing.
            let name = name.parse().map_err(|error| Trouble {
                operation,
                class: ErrorClass::Other,
                message: format!("{error}"),
            })?;
            buckets.insert(name);
        }
    }
    Ok(buckets)
}
