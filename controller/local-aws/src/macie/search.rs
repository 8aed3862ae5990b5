//! SearchResources and GetBucketStatistics.

use serde::Deserialize;
use serde_json::json;

use super::{
    Scope,
    buckets::{Order, candidate, common, job_details, set_sizes},
    criteria::BucketCriteria,
    inventory::{self, Seen, Sizes},
    members::Relationship,
    wire::{Outcome, Paging, invalid, paged, set},
};
use crate::{request::Reply, world::World};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    #[serde(default)]
    bucket_criteria: BucketCriteria,
    sort_criteria: Option<SearchSort>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchSort {
    attribute_name: SearchAttribute,
    #[serde(default)]
    order_by: Order,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum SearchAttribute {
    AccountId,
    ResourceName,
    #[serde(rename = "S3_CLASSIFIABLE_OBJECT_COUNT")]
    S3ClassifiableObjectCount,
    #[serde(rename = "S3_CLASSIFIABLE_SIZE_IN_BYTES")]
    S3ClassifiableSizeInBytes,
}

pub(super) fn search(world: &World, scope: &Scope, request: &Search) -> Outcome {
    let paging = Paging::new(request.max_results, request.next_token.as_deref(), 50, 1000)?;
    request.bucket_criteria.check(false)?;
    let mut buckets = inventory::seen(world, scope, world.now(), |_| true);
    buckets.retain(|bucket| {
        request
            .bucket_criteria
            .matches(&candidate(world, scope, bucket))
    });
    if let Some(sort) = &request.sort_criteria {
        let sizes = |bucket: &Seen| inventory::sizes(world, bucket).unwrap_or_default();
        let order = sort.order_by;
        match sort.attribute_name {
            SearchAttribute::AccountId => order.sort(&mut buckets, |bucket| bucket.account.clone()),
            SearchAttribute::ResourceName => order.sort(&mut buckets, |bucket| bucket.name.clone()),
            SearchAttribute::S3ClassifiableObjectCount => {
                order.sort(&mut buckets, |bucket| sizes(bucket).classifiable_objects);
            }
            SearchAttribute::S3ClassifiableSizeInBytes => {
                order.sort(&mut buckets, |bucket| sizes(bucket).classifiable_bytes);
            }
        }
    }
    let (page, next) = paging.cut(buckets);
    let page = page
        .iter()
        .map(|bucket| {
            let mut document = common(world, scope, bucket);
            set(
                &mut document,
                "jobDetails",
                Some(job_details(world, scope, bucket)),
            );
            json!({ "matchingBucket": document })
        })
        .collect();
    Ok(Reply::json(paged("matchingResources", page, next)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statistics {
    account_id: Option<String>,
}

pub(super) fn statistics(world: &World, scope: &Scope, request: &Statistics) -> Outcome {
    if let Some(account) = request
        .account_id
        .as_ref()
        .filter(|id| **id != scope.account)
    {
        let administers = world.macie.administrator(&scope.region) == Some(scope.account.as_str());
        let member = Relationship::of(world, &scope.region, account)
            .is_some_and(|relationship| relationship != Relationship::Removed);
        if !administers || !member {
            return Err(invalid(format!(
                "`{account}`: the account is not associated with your account"
            )));
        }
    }
    let buckets = inventory::seen(world, scope, world.now(), |account| {
        request.account_id.as_ref().is_none_or(|id| id == account)
    });
    let mut sum = Sizes::default();
    for sizes in buckets
        .iter()
        .filter_map(|bucket| inventory::sizes(world, bucket))
    {
        sum.objects += sizes.objects;
        sum.bytes += sizes.bytes;
        sum.compressed_bytes += sizes.compressed_bytes;
        sum.classifiable_objects += sizes.classifiable_objects;
        sum.classifiable_bytes += sizes.classifiable_bytes;
    }
    let unknown = buckets
        .iter()
        .filter(|bucket| bucket.error.is_some())
        .count();
    let known = buckets.len() - unknown;
    let mut document = json!({
        "bucketCount": buckets.len(),
        "bucketCountByEffectivePermission": {"publiclyAccessible": 0, "publiclyReadable": 0, "publiclyWritable": 0, "unknown": unknown},
        "bucketCountByEncryptionType": {"kmsManaged": 0, "s3Managed": known, "unencrypted": 0, "unknown": unknown},
        "bucketCountByObjectEncryptionRequirement": {"allowsUnencryptedObjectUploads": known, "deniesUnencryptedObjectUploads": 0, "unknown": unknown},
        "bucketCountBySharedAccessType": {"external": 0, "internal": 0, "notShared": known, "unknown": unknown},
    });
    set_sizes(&mut document, &sum);
    // Over several accounts it is the earliest of their refreshes.
    let updated_at = buckets.iter().map(|bucket| bucket.updated_at).min();
    set(
        &mut document,
        "lastUpdated",
        updated_at.map(|at| at.to_string()),
    );
    Ok(Reply::json(document))
}
