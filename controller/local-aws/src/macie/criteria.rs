//! The criteria of jobs and of SearchResources: which buckets match.

use serde::{Deserialize, Serialize};

use super::wire::{Tags, invalid};
use crate::error::ApiError;

/// Conditions on buckets; excludes win.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BucketCriteria {
    /// All must hold; none means every bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub includes: Option<Block>,
    /// A bucket for which all hold is left out; none means no bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excludes: Option<Block>,
}

/// Conditions that are joined by AND.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// The conditions.
    #[serde(default)]
    pub and: Vec<Criterion>,
}

/// One condition: exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Criterion {
    /// On a property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simple_criterion: Option<SimpleCriterion>,
    /// On the tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_criterion: Option<TagCriterion>,
}

/// A condition on a property; the values are joined by OR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimpleCriterion {
    /// `EQ` or `NE`.
    pub comparator: Equality,
    /// The property.
    pub key: Property,
    /// Exact values, case sensitive, no wildcards.
    pub values: Vec<String>,
}

/// A condition on the tags; the pairs are joined by OR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagCriterion {
    /// `EQ` or `NE`.
    pub comparator: Equality,
    /// Key, value or both.
    pub tag_values: Vec<TagPair>,
}

/// A tag's key, its value or both; exact and case sensitive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagPair {
    /// The key; none matches any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The value; none matches any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// The only two comparators that criteria on buckets allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Equality {
    /// Equals.
    Eq,
    /// Does not equal.
    Ne,
}

/// A property of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Property {
    /// The owner.
    AccountId,
    /// The name.
    #[serde(rename = "S3_BUCKET_NAME")]
    S3BucketName,
    /// `PUBLIC`, `NOT_PUBLIC`, `UNKNOWN`.
    #[serde(rename = "S3_BUCKET_EFFECTIVE_PERMISSION")]
    S3BucketEffectivePermission,
    /// `EXTERNAL`, `INTERNAL`, `NOT_SHARED`, `UNKNOWN`.
    #[serde(rename = "S3_BUCKET_SHARED_ACCESS")]
    S3BucketSharedAccess,
    /// `MONITORED`, `NOT_MONITORED`; not for jobs.
    AutomatedDiscoveryMonitoringStatus,
}

/// What criteria look at.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'b> {
    /// The owner.
    pub account: &'b str,
    /// The name.
    pub name: &'b str,
    /// The tags; none when Macie cannot see them, and then EQ never holds and NE always does.
    pub tags: Option<&'b Tags>,
    /// Whether automated discovery covers the bucket.
    pub discovery: bool,
}

impl BucketCriteria {
    /// Refuses conditions that are empty or ambiguous.
    pub fn check(&self, for_job: bool) -> Result<(), ApiError> {
        [&self.includes, &self.excludes]
            .into_iter()
            .flatten()
            .flat_map(|block| &block.and)
            .try_for_each(|criterion| criterion.check(for_job))
    }

    /// Whether a bucket matches.
    pub fn matches(&self, bucket: &Candidate<'_>) -> bool {
        let all = |block: &Block| block.and.iter().all(|criterion| criterion.holds(bucket));
        let included = self.includes.as_ref().is_none_or(all);
        let excluded = self
            .excludes
            .as_ref()
            .is_some_and(|block| !block.and.is_empty() && all(block));
        included && !excluded
    }

    /// Whether a bucket of this account can match: spares looking at the others.
    pub fn may_match_account(&self, account: &str) -> bool {
        self.includes
            .iter()
            .flat_map(|block| &block.and)
            .filter_map(|criterion| criterion.simple_criterion.as_ref())
            .filter(|simple| simple.key == Property::AccountId)
            .all(|simple| {
                let named = simple.values.iter().any(|value| value == account);
                named == (simple.comparator == Equality::Eq)
            })
    }

    /// Whether the criteria name this account and no other.
    pub fn only_account(&self, account: &str) -> bool {
        self.includes
            .iter()
            .flat_map(|block| &block.and)
            .filter_map(|criterion| criterion.simple_criterion.as_ref())
            .any(|simple| {
                simple.key == Property::AccountId
                    && simple.comparator == Equality::Eq
                    && simple.values.iter().all(|value| value == account)
            })
    }
}

impl Criterion {
    fn check(&self, for_job: bool) -> Result<(), ApiError> {
        match (&self.simple_criterion, &self.tag_criterion) {
            (Some(simple), None) => simple.check(for_job),
            (None, Some(tag)) => tag.check(),
            _ => Err(invalid(
                "each condition needs exactly one of `simpleCriterion`, `tagCriterion`",
            )),
        }
    }

    fn holds(&self, bucket: &Candidate<'_>) -> bool {
        let simple = self.simple_criterion.as_ref();
        let tag = self.tag_criterion.as_ref();
        simple.is_none_or(|simple| simple.holds(bucket)) && tag.is_none_or(|tag| tag.holds(bucket))
    }
}

impl SimpleCriterion {
    fn check(&self, for_job: bool) -> Result<(), ApiError> {
        if for_job && self.key == Property::AutomatedDiscoveryMonitoringStatus {
            return Err(invalid(
                "`simpleCriterion.key` is `AUTOMATED_DISCOVERY_MONITORING_STATUS`, which a job cannot use",
            ));
        }
        if self.values.is_empty() {
            return Err(invalid(
                "`simpleCriterion.values` is empty: give at least one value",
            ));
        }
        Ok(())
    }

    fn holds(&self, bucket: &Candidate<'_>) -> bool {
        let seen = bucket.tags.is_some();
        let actual = match self.key {
            Property::AccountId => bucket.account,
            Property::S3BucketName => bucket.name,
            Property::S3BucketEffectivePermission if seen => "NOT_PUBLIC",
            Property::S3BucketSharedAccess if seen => "NOT_SHARED",
            Property::S3BucketEffectivePermission | Property::S3BucketSharedAccess => "UNKNOWN",
            Property::AutomatedDiscoveryMonitoringStatus if bucket.discovery => "MONITORED",
            Property::AutomatedDiscoveryMonitoringStatus => "NOT_MONITORED",
        };
        let equal = self.values.iter().any(|value| value == actual);
        equal == (self.comparator == Equality::Eq)
    }
}

impl TagCriterion {
    fn check(&self) -> Result<(), ApiError> {
        let blank = |pair: &TagPair| pair.key.is_none() && pair.value.is_none();
        if self.tag_values.is_empty() || self.tag_values.iter().any(blank) {
            return Err(invalid(
                "`tagCriterion.tagValues` needs at least one pair, each with a `key`, a `value` or both",
            ));
        }
        Ok(())
    }

    fn holds(&self, bucket: &Candidate<'_>) -> bool {
        let equal = bucket.tags.is_some_and(|tags| {
            self.tag_values
                .iter()
                .any(|pair| tags.iter().any(|(key, value)| pair.is(key, value)))
        });
        equal == (self.comparator == Equality::Eq)
    }
}

impl TagPair {
    fn is(&self, key: &str, value: &str) -> bool {
        self.key.as_deref().is_none_or(|wanted| wanted == key)
            && self.value.as_deref().is_none_or(|wanted| wanted == value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn criteria(document: Value) -> BucketCriteria {
        serde_json::from_value(document).unwrap()
    }

    fn tagged(pairs: &[(&str, &str)]) -> Tags {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn candidate(tags: Option<&Tags>) -> Candidate<'_> {
        Candidate {
            account: "300000000001",
            name: "payments-data",
            tags,
            discovery: false,
        }
    }

    fn tag(comparator: &str, pairs: Value) -> Value {
        json!({"includes": {"and": [{"tagCriterion": {"comparator": comparator, "tagValues": pairs}}]}})
    }

    #[test]
    fn tags_match_by_key_by_value_or_both_and_exactly() {
        let tags = tagged(&[("macie", "true"), ("team", "payments")]);
        for (pairs, expected) in [
            (json!([{"key": "macie", "value": "true"}]), true),
            (json!([{"key": "macie"}]), true),
            (json!([{"value": "payments"}]), true),
            (json!([{"key": "macie", "value": "false"}]), false),
            (json!([{"key": "Macie", "value": "true"}]), false),
            (json!([{"key": "macie", "value": "True"}]), false),
            (json!([{"key": "macie", "value": "tru*"}]), false),
            (json!([{"key": "no"}, {"key": "team"}]), true),
        ] {
            let bucket = candidate(Some(&tags));
            assert_eq!(
                criteria(tag("EQ", pairs.clone())).matches(&bucket),
                expected,
                "{pairs}"
            );
            assert_eq!(
                criteria(tag("NE", pairs.clone())).matches(&bucket),
                !expected,
                "{pairs}"
            );
        }
    }

    #[test]
    fn tags_that_macie_cannot_see_never_equal_and_always_differ() {
        let pairs = json!([{"key": "macie", "value": "true"}]);
        assert!(!criteria(tag("EQ", pairs.clone())).matches(&candidate(None)));
        assert!(criteria(tag("NE", pairs)).matches(&candidate(None)));
    }

    #[test]
    fn conditions_are_joined_by_and_and_excludes_win() {
        let tags = tagged(&[("macie", "true")]);
        let account = |id: &str| json!({"simpleCriterion": {"comparator": "EQ", "key": "ACCOUNT_ID", "values": [id]}});
        let opted = json!({"tagCriterion": {"comparator": "EQ", "tagValues": [{"key": "macie"}]}});
        let name = |n: &str| json!({"simpleCriterion": {"comparator": "EQ", "key": "S3_BUCKET_NAME", "values": [n]}});
        let both = json!({"and": [account("300000000001"), opted]});
        let other = json!({"and": [account("300000000002"), opted]});
        let bucket = candidate(Some(&tags));
        assert!(criteria(json!({"includes": both})).matches(&bucket));
        assert!(!criteria(json!({"includes": other})).matches(&bucket));
        let excluded = json!({"includes": both, "excludes": {"and": [name("payments-data")]}});
        assert!(!criteria(excluded).matches(&bucket));
        let other_name = json!({"includes": both, "excludes": {"and": [name("payments-data"), account("300000000002")]}});
        assert!(criteria(other_name).matches(&bucket));
        assert!(criteria(json!({})).matches(&bucket));
    }

    #[test]
    fn only_equality_on_known_properties_is_accepted() {
        let simple = |comparator: &str, key: &str, values: Value| json!({"includes": {"and": [{"simpleCriterion": {"comparator": comparator, "key": key, "values": values}}]}});
        for bad in [
            simple("CONTAINS", "ACCOUNT_ID", json!(["1"])),
            simple("EQ", "REGION", json!(["1"])),
        ] {
            assert!(serde_json::from_value::<BucketCriteria>(bad).is_err());
        }
        for bad in [
            simple("EQ", "ACCOUNT_ID", json!([])),
            simple(
                "EQ",
                "AUTOMATED_DISCOVERY_MONITORING_STATUS",
                json!(["MONITORED"]),
            ),
            tag("EQ", json!([])),
            tag("EQ", json!([{}])),
            json!({"includes": {"and": [{}]}}),
        ] {
            assert!(criteria(bad.clone()).check(true).is_err(), "{bad}");
        }
        let discovery = simple(
            "EQ",
            "AUTOMATED_DISCOVERY_MONITORING_STATUS",
            json!(["MONITORED"]),
        );
        assert!(criteria(discovery).check(false).is_ok());
    }

    #[test]
    fn criteria_come_back_as_they_were_sent() {
        let sent = tag("EQ", json!([{"key": "macie", "value": "true"}]));
        assert_eq!(serde_json::to_value(criteria(sent.clone())).unwrap(), sent);
    }
}
