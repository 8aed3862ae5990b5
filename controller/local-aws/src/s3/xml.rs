//! The XML documents of S3 and S3 Control.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{error::ApiError, request::Reply};

/// S3's namespace.
pub const S3: &str = "http://s3.amazonaws.com/doc/2006-03-01/";
/// S3 Control's namespace.
pub const CONTROL: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

/// A tag.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// A list of tags.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tags {
    /// The tags, in the order of the document.
    #[serde(rename = "Tag", default)]
    pub list: Vec<Tag>,
}

impl Tags {
    /// The tags as pairs.
    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.list
            .iter()
            .map(|tag| (tag.key.as_str(), tag.value.as_str()))
            .collect()
    }
}

impl<'a> FromIterator<(&'a String, &'a String)> for Tags {
    fn from_iter<I: IntoIterator<Item = (&'a String, &'a String)>>(tags: I) -> Self {
        let list = tags
            .into_iter()
            .map(|(key, value)| Tag {
                key: key.clone(),
                value: value.clone(),
            })
            .collect();
        Self { list }
    }
}

/// The body of `PutBucketTagging` and the reply of `GetBucketTagging`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Tagging {
    /// The namespace.
    #[serde(rename = "@xmlns", default, skip_deserializing)]
    pub xmlns: &'static str,
    /// The tags.
    #[serde(rename = "TagSet")]
    pub tag_set: Tags,
}

/// The body of `TagResource`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TagResourceRequest {
    /// The tags to add.
    #[serde(default)]
    pub tags: Tags,
}

/// The reply of `ListTagsForResource`.
#[derive(Debug, Serialize)]
pub struct ListTagsForResourceResult {
    /// The namespace.
    #[serde(rename = "@xmlns")]
    pub xmlns: &'static str,
    /// The tags.
    #[serde(rename = "Tags")]
    pub tags: Tags,
}

/// The body of `CreateBucket`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateBucketConfiguration {
    /// The Region of the new bucket.
    pub location_constraint: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Tags,
}

/// The body of `PutBucketAbac` and the reply of `GetBucketAbac`.
#[derive(Debug, Serialize, Deserialize)]
pub struct AbacStatus {
    /// The namespace.
    #[serde(rename = "@xmlns", default, skip_deserializing)]
    pub xmlns: &'static str,
    /// `Enabled` or `Disabled`.
    #[serde(rename = "Status")]
    pub status: String,
}

/// The reply of `GetBucketLocation`; empty for us-east-1.
#[derive(Debug, Serialize)]
pub struct LocationConstraint {
    /// The namespace.
    #[serde(rename = "@xmlns")]
    pub xmlns: &'static str,
    /// The Region.
    #[serde(rename = "$text")]
    pub region: String,
}

/// The reply of `ListBuckets`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAllMyBucketsResult {
    /// The namespace.
    #[serde(rename = "@xmlns")]
    pub xmlns: &'static str,
    /// The account whose buckets these are.
    pub owner: Owner,
    /// The page.
    pub buckets: Buckets,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continuation_token: Option<String>,
    /// The prefix of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// The owner of buckets.
#[derive(Debug, Serialize)]
pub struct Owner {
    /// Its canonical user id.
    #[serde(rename = "ID")]
    pub id: String,
}

/// A list of buckets.
#[derive(Debug, Serialize)]
pub struct Buckets {
    /// The buckets.
    #[serde(rename = "Bucket")]
    pub list: Vec<BucketEntry>,
}

/// A bucket in a listing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketEntry {
    /// Its name.
    pub name: String,
    /// When it was created.
    pub creation_date: String,
    /// Where it lives, if the request has a parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bucket_region: Option<String>,
}

/// The reply of `ListObjectsV2`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListBucketResult {
    /// The namespace.
    #[serde(rename = "@xmlns")]
    pub xmlns: &'static str,
    /// The bucket.
    pub name: String,
    /// The prefix of the request.
    pub prefix: String,
    /// The most keys of a page.
    pub max_keys: usize,
    /// How many keys and common prefixes the page has.
    pub key_count: usize,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where the next page begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_continuation_token: Option<String>,
    /// The objects.
    pub contents: Vec<Contents>,
    /// What the delimiter rolled up.
    pub common_prefixes: Vec<CommonPrefix>,
}

/// An object in a listing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Contents {
    /// Its key.
    pub key: String,
    /// When it was last written.
    pub last_modified: String,
    /// Its size in bytes.
    pub size: u64,
    /// Always `STANDARD`.
    pub storage_class: &'static str,
}

/// Keys with the same beginning.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CommonPrefix {
    /// That beginning, with the delimiter.
    pub prefix: String,
}

/// Reads a body.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| quick_xml::de::from_str(text).ok())
        .ok_or_else(malformed)
}

/// The error for a body that is not what the operation takes.
pub fn malformed() -> ApiError {
    ApiError::new(
        "MalformedXML",
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

/// A reply with a document.
pub fn reply(document: &impl Serialize) -> Result<Reply, ApiError> {
    quick_xml::se::to_string(document)
        .map(Reply::xml)
        .map_err(|error| ApiError::new("InternalError", 500, error.to_string()))
}

/// A time as headers have it (RFC 9110, HTTP-date).
pub fn http_time(at: jiff::Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A time as S3 writes it.
pub fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
