//! Where results of jobs are stored.

use aws_sdk_macie2::Client;
use controller::aws::trouble;
use controller_core::{
    id::{Region, Scope},
    observed::{ErrorClass, Trouble},
};

use super::{Line, Site, line::check};

/// The settings of the administrator's stack repair what is wrong with them.
const SETTINGS: &str = "aws cloudformation deploy --stack-name macie-self-service --template-file delegated-admin/controller.yaml --capabilities CAPABILITY_NAMED_IAM --parameter-overrides Again=$(date +%s)";

/// A bucket and the key by which results are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    bucket: String,
    key_arn: String,
}

pub async fn read(macie: &Client) -> Result<Option<Destination>, Trouble> {
    let reply = macie.get_classification_export_configuration().send().await;
    let operation = "macie2:GetClassificationExportConfiguration";
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    let destination = reply.configuration.and_then(|set| set.s3_destination);
    Ok(destination.map(|destination| Destination {
        bucket: destination.bucket_name.unwrap_or_default(),
        key_arn: destination.kms_key_arn.unwrap_or_default(),
    }))
}

pub fn line(region: &Region, export: &Result<Option<Destination>, Trouble>) -> Line {
    let check = check("results", region);
    match export {
        Ok(Some(destination)) => check.pass(format!("stored in {}", destination.bucket)),
        Ok(None) => check.fail(
            "results of jobs are not stored, and Macie keeps them for 90 days only",
            SETTINGS,
        ),
        Err(trouble) => check.unknown(trouble),
    }
}

/// The key must be in the bucket's Region (Macie User Guide, discovery-results-repository-s3).
pub async fn bucket(site: &Site<'_>, destination: &Destination) -> Line {
    let Destination { bucket, key_arn } = destination;
    let check = check("results-bucket", bucket);
    let Some(region) = key_arn.split(':').nth(3).and_then(|text| text.parse().ok()) else {
        return check.fail(format!("`{key_arn}` is not the ARN of a KMS key"), SETTINGS);
    };
    let scope = Scope {
        account: site.aws.identity.account.clone(),
        region,
    };
    match location(site, &scope, bucket).await {
        Ok(location) if location == scope.region.as_str() => {
            check.pass(format!("bucket and key are in {location}"))
        }
        Ok(location) => check.fail(
            format!("the bucket is in {location}, its key is `{key_arn}`"),
            SETTINGS,
        ),
        Err(trouble) if trouble.class == ErrorClass::NotFound => {
            check.fail("there is no such bucket: results are lost", SETTINGS)
        }
        Err(trouble) => check.unknown(&trouble),
    }
}

/// A bucket's Region; AWS writes US East as nothing.
async fn location(site: &Site<'_>, scope: &Scope, bucket: &str) -> Result<String, Trouble> {
    let s3 = site.aws.own_s3(&scope.region);
    let reply = s3.get_bucket_location().bucket(bucket).send().await;
    let reply = reply.map_err(|error| trouble("s3:GetBucketLocation", &error))?;
    let constraint = reply.location_constraint.map(|at| at.as_str().to_owned());
    Ok(constraint
        .filter(|at| !at.is_empty())
        .unwrap_or_else(|| "us-east-1".to_owned()))
}
