//! The snapshots of costs in the results bucket: written once, never changed.

use std::collections::BTreeMap;

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::ServerSideEncryption,
};
use controller_core::{
    collection::row::{self, Kept, Row},
    id::{AccountId, Region},
    observed::{ErrorClass, Trouble},
};
use jiff::civil::Date;

use crate::{aws::trouble, config::Results, config::chain};

/// The bucket with its key.
#[derive(Debug)]
pub struct Snapshots {
    s3: aws_sdk_s3::Client,
    owner: AccountId,
    results: Results,
}

impl Snapshots {
    /// Those of a bucket of this account.
    pub fn new(s3: aws_sdk_s3::Client, owner: AccountId, results: Results) -> Self {
        Self { s3, owner, results }
    }

    /// What is there of a Region, in one call: its keys are listed from some weeks ago on.
    pub async fn kept(&self, region: &Region, today: Date) -> Result<Kept, Trouble> {
        let listed = self.s3.list_objects_v2().bucket(&self.results.bucket);
        let listed = listed
            .expected_bucket_owner(self.owner.as_str())
            .prefix(row::prefix(region))
            .start_after(row::after(region, today));
        let listed = listed.send().await;
        let listed = listed.map_err(|error| trouble("s3:ListObjectsV2", &error))?;
        let keys = listed.contents().iter().filter_map(|object| object.key());
        Ok(row::kept(keys, region, today))
    }

    /// The rows of a snapshot. What is there and cannot be read is no snapshot: the log says so, and
    /// the day goes on without one before it.
    pub async fn read(&self, key: &str) -> Result<BTreeMap<AccountId, Row>, Trouble> {
        let object = self.s3.get_object().bucket(&self.results.bucket).key(key);
        let object = object.expected_bucket_owner(self.owner.as_str()).send();
        let object = object.await;
        let object = object.map_err(|error| trouble("s3:GetObject", &error))?;
        let bytes = object.body.collect().await.map_err(|error| Trouble {
            operation: "s3:GetObject",
            class: ErrorClass::Other,
            message: error.to_string(),
        })?;
        let text = String::from_utf8_lossy(&bytes.into_bytes()).into_owned();
        Ok(row::read(&text).unwrap_or_else(|error| {
            tracing::error!(key, error = %chain(&error), "a snapshot cannot be read");
            BTreeMap::new()
        }))
    }

    /// Writes a day's rows, unless they are there: then they are left as they are. The bucket's policy
    /// takes nothing that does not name its key.
    pub async fn write(&self, region: &Region, date: Date, rows: &[Row]) -> Result<(), Trouble> {
        const OPERATION: &str = "s3:PutObject";
        let text = row::write(rows).map_err(|error| Trouble {
            operation: OPERATION,
            class: ErrorClass::Other,
            message: error.to_string(),
        })?;
        let object = self.s3.put_object().bucket(&self.results.bucket);
        let object = object
            .expected_bucket_owner(self.owner.as_str())
            .key(row::key(region, date))
            .if_none_match("*")
            .content_type("application/x-ndjson")
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .ssekms_key_id(&self.results.key)
            .body(ByteStream::from(text.into_bytes()));
        match object.send().await {
            Ok(_) => Ok(()),
            // Another invocation, or an attempt of this one whose reply was lost (Amazon S3 User
            // Guide, conditional-writes).
            Err(SdkError::ServiceError(error))
                if error.err().code() == Some("PreconditionFailed") =>
            {
                Ok(())
            }
            Err(error) => Err(trouble(OPERATION, &error)),
        }
    }
}
