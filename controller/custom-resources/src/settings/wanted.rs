//! The properties of `Custom::MacieAdministratorSettings`.

use aws_sdk_macie2::types::FindingPublishingFrequency as Frequency;
use controller_core::id::{AccountId, BucketName, Region};

use crate::{
    properties::{BadProperty, Properties},
    request::Request,
};

const NAMES: [&str; 7] = [
    "Regions",
    "FindingPublishingFrequency",
    "ResultsBucket",
    "ResultsKeyArn",
    "KeyPrefix",
    "PublishPolicyFindings",
    "PublishClassificationFindings",
];

/// What is wanted in every Region. What is absent in the template is as Macie has it at first.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Where.
    pub regions: Vec<Region>,
    /// How often changes of policy findings are published.
    pub frequency: Frequency,
    /// Where results are kept.
    pub destination: Destination,
    /// Which findings go to Security Hub.
    pub publication: Publication,
}

/// Where results are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The bucket.
    pub bucket: String,
    /// The bucket's owner; without it Macie would write into whosever bucket has the name.
    pub owner: Option<String>,
    /// The beginning of the keys; none is the bucket's top.
    pub prefix: Option<String>,
    /// The KMS key.
    pub key: String,
}

/// Which findings go to Security Hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// Policy findings.
    pub policy: bool,
    /// Sensitive data findings.
    pub classification: bool,
}

impl Wanted {
    /// Reads the properties of a request; the bucket belongs to `owner`.
    pub fn read(request: &Request, owner: &AccountId) -> Result<Self, BadProperty> {
        let properties = Properties::new(&request.resource_properties, &NAMES)?;
        Ok(Self {
            regions: properties.regions()?,
            frequency: frequency(&properties)?,
            destination: Destination {
                bucket: bucket(&properties)?,
                owner: Some(owner.to_string()),
                prefix: properties.optional("KeyPrefix")?.map(str::to_owned),
                key: key(&properties)?,
            },
            publication: Publication {
                policy: properties.flag("PublishPolicyFindings", true)?,
                classification: properties.flag("PublishClassificationFindings", false)?,
            },
        })
    }
}

fn frequency(properties: &Properties<'_>) -> Result<Frequency, BadProperty> {
    let name = "FindingPublishingFrequency";
    match properties.optional(name)? {
        None | Some("FIFTEEN_MINUTES") => Ok(Frequency::FifteenMinutes),
        Some("ONE_HOUR") => Ok(Frequency::OneHour),
        Some("SIX_HOURS") => Ok(Frequency::SixHours),
        Some(_) => Err(properties.bad(name, "`FIFTEEN_MINUTES`, `ONE_HOUR` or `SIX_HOURS`")),
    }
}

fn bucket(properties: &Properties<'_>) -> Result<String, BadProperty> {
    let (name, expected) = ("ResultsBucket", "the name of an S3 bucket");
    let bucket = properties.text(name, expected)?;
    match bucket.parse::<BucketName>() {
        Ok(bucket) => Ok(bucket.to_string()),
        Err(_) => Err(properties.bad(name, expected)),
    }
}

/// An alias would not do: Macie takes a key's ARN (Macie API Reference, S3Destination).
fn key(properties: &Properties<'_>) -> Result<String, BadProperty> {
    let (name, expected) = (
        "ResultsKeyArn",
        "the ARN of a KMS key, `arn:...:kms:...:key/...`",
    );
    let key = properties.text(name, expected)?;
    let parts: Vec<&str> = key.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "kms", _, _, resource] if resource.starts_with("key/") => Ok(key.to_owned()),
        _ => Err(properties.bad(name, expected)),
    }
}
