//! The snapshots of costs in the results bucket: written once, never changed.

use std::collections::BTreeMap;

use aws_sdk_s3::{
    error::{ProvideErrorMetadata, SdkError},
    primitives::ByteStream,
    types::ServerSideEncryption,
};
use controller_core::{
    collection::{
        months,
        row::{self, Kept, Row},
    },
    id::{AccountId, Region},
    month::Month,
    observed::{ErrorClass, Trouble},
};
use jiff::civil::Date;

use crate::{aws::trouble, config::chain};

const GET: &str = "s3:GetObject";

/// The bucket.
#[derive(Debug)]
pub struct Snapshots {
    s3: aws_sdk_s3::Client,
    owner: AccountId,
    bucket: String,
}

impl Snapshots {
    /// Those of a bucket of this account.
    pub fn new(s3: aws_sdk_s3::Client, owner: AccountId, bucket: String) -> Self {
        Self { s3, owner, bucket }
    }

    /// What is there of a Region, in one call: its keys are listed from some weeks ago on.
    pub async fn kept(&self, region: &Region, today: Date) -> Result<Kept, Trouble> {
        let after = row::after(region, today);
        let keys = self.keys(row::prefix(region), Some(after)).await?;
        Ok(row::kept(keys.iter().map(String::as_str), region, today))
    }

    /// The last snapshot of a month, with its day; none when there is none. What is there and cannot be
    /// read is an error.
    pub async fn last(
        &self,
        region: &Region,
        month: Month,
    ) -> Result<Option<(Date, Vec<Row>)>, Trouble> {
        let keys = self.keys(months::keys(region, month), None).await?;
        let Some(date) = months::last(keys.iter().map(String::as_str), region, month) else {
            return Ok(None);
        };
        let key = row::key(region, date);
        let rows = row::read(&self.text(&key).await?);
        let rows = rows.map_err(|error| other(GET, format!("`{key}`: {}", chain(&error))))?;
        Ok(Some((date, rows.into_values().collect())))
    }

    /// The rows of a snapshot. What is there and cannot be read is no snapshot: the log says so, and
    /// the day goes on without one before it.
    pub async fn read(&self, key: &str) -> Result<BTreeMap<AccountId, Row>, Trouble> {
        let text = self.text(key).await?;
        Ok(row::read(&text).unwrap_or_else(|error| {
            tracing::error!(key, error = %chain(&error), "a snapshot cannot be read");
            BTreeMap::new()
        }))
    }

    /// The keys that begin so, in one call: a page has a thousand, and nobody asks for more days.
    async fn keys(&self, prefix: String, after: Option<String>) -> Result<Vec<String>, Trouble> {
        let listed = self.s3.list_objects_v2().bucket(&self.bucket);
        let listed = listed
            .expected_bucket_owner(self.owner.as_str())
            .prefix(prefix)
            .set_start_after(after);
        let listed = listed.send().await;
        let listed = listed.map_err(|error| trouble("s3:ListObjectsV2", &error))?;
        let keys = listed.contents().iter().filter_map(|object| object.key());
        Ok(keys.map(str::to_owned).collect())
    }

    async fn text(&self, key: &str) -> Result<String, Trouble> {
        let object = self.s3.get_object().bucket(&self.bucket).key(key);
        let object = object.expected_bucket_owner(self.owner.as_str()).send();
        let object = object.await.map_err(|error| trouble(GET, &error))?;
        let bytes = object.body.collect().await;
        let bytes = bytes.map_err(|error| other(GET, error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes.into_bytes()).into_owned())
    }

    /// Writes a day's rows, unless they are there: then they are left as they are. The bucket's policy
    /// takes nothing that does not name its key.
    pub async fn write(
        &self,
        region: &Region,
        date: Date,
        rows: &[Row],
        encrypted_with: &str,
    ) -> Result<(), Trouble> {
        const OPERATION: &str = "s3:PutObject";
        let text = row::write(rows).map_err(|error| other(OPERATION, error.to_string()))?;
        let object = self.s3.put_object().bucket(&self.bucket);
        let object = object
            .expected_bucket_owner(self.owner.as_str())
            .key(row::key(region, date))
            .if_none_match("*")
            .content_type("application/x-ndjson")
            .server_side_encryption(ServerSideEncryption::AwsKms)
            .ssekms_key_id(encrypted_with)
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

fn other(operation: &'static str, message: String) -> Trouble {
    Trouble {
        operation,
        class: ErrorClass::Other,
        message,
    }
}
