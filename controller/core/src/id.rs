//! Names that have been checked at the border, so that nothing inside needs to check them again.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// A name that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not {expected}")]
pub struct InvalidId {
    /// What was given, cut to 80 characters.
    pub value: String,
    /// What it should have been.
    pub expected: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $valid:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(value: &str) -> Result<Self, InvalidId> {
                if $valid(value) {
                    return Ok(Self(value.to_owned()));
                }
                let value = value.chars().take(80).collect();
                Err(InvalidId { value, expected: $expected })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

id!(
    /// An AWS account id.
    AccountId, is_account, "an AWS account id of 12 digits"
);
id!(
    /// An AWS Region's code.
    Region, is_region, "an AWS Region such as `eu-west-1`"
);
id!(
    /// A general purpose bucket's name.
    BucketName, is_bucket, "an S3 bucket name (3 or more of letters, digits, `.`, `-` and `_`)"
);
id!(
    /// An organizational unit or the root of an organization.
    UnitId, is_unit, "an organizational unit such as `ou-abcd-12345678` or a root such as `r-abcd`"
);
id!(
    /// A classification job's id, as Macie gave it.
    JobId, is_job, "a Macie job id"
);

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = parts
        .last()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()) && !last.is_empty());
    let words = parts
        .iter()
        .rev()
        .skip(1)
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    (3..=5).contains(&parts.len()) && number && words
}

/// Also the capitals, underscores and lengths that US East once allowed: a bucket that cannot be
/// named could be neither covered nor ruled out.
fn is_bucket(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    (3..=255).contains(&text.len())
        && text.bytes().all(allowed)
        && ends(text.bytes().next())
        && ends(text.bytes().last())
}

fn is_unit(text: &str) -> bool {
    (text.starts_with("ou-") || text.starts_with("r-"))
        && text.len() <= 68
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_job(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256
}

/// Where a reconcile happens: everything about Macie is per account and Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// The workload account.
    pub account: AccountId,
    /// The Region.
    pub region: Region,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_at_the_border() {
        for good in ["eu-west-1", "us-gov-east-1", "ap-southeast-4"] {
            assert!(good.parse::<Region>().is_ok(), "{good}");
        }
        for bad in ["", "eu", "eu-west", "EU-west-1", "eu-west-1 ", "eu--1"] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
        for bad in [
            "",
            "12345678901",
            "1234567890123",
            "12345678901a",
            "１２３４５６７８９０１２",
        ] {
            assert!(bad.parse::<AccountId>().is_err(), "{bad}");
        }
        for bad in ["ab", "-ab", "ab-", "a b", "a/b", "büro", &"a".repeat(256)] {
            assert!(bad.parse::<BucketName>().is_err(), "{bad}");
        }
        for good in ["my.bucket-1", "Legacy_Bucket"] {
            assert!(good.parse::<BucketName>().is_ok(), "{good}");
        }
        assert_eq!(
            "x".parse::<AccountId>().unwrap_err().to_string(),
            "`x` is not an AWS account id of 12 digits"
        );
    }
}
