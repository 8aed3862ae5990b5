//! Reads one field of a policy at a time, and knows the path that led to it, so that every refusal
//! can name it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    str::FromStr,
};

use jiff::{SignedDuration, SpanRelativeTo, fmt::temporal::SpanParser};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::Bounds;
use crate::id::{AccountId, InvalidId, Region, UnitId};

/// Why a policy was refused: the first field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct PolicyError {
    /// The path to the field, such as `tag.values[0]`; empty for the policy as a whole.
    pub field: String,
    /// What was given, cut to 80 characters; `None` where a required field is missing.
    pub value: Option<String>,
    /// What it should have been, such as "an AWS account id of 12 digits".
    pub expected: String,
}

impl PolicyError {
    pub(super) fn new(field: String, value: Option<String>, expected: String) -> Self {
        let value = value.map(|value| value.chars().take(80).collect());
        Self {
            field,
            value,
            expected,
        }
    }

    pub(super) fn not_json(text: &str, error: &serde_json::Error) -> Self {
        let expected = format!("a JSON document ({error})");
        Self::new(String::new(), Some(text.to_owned()), expected)
    }

    fn describe(&self) -> String {
        let Self {
            field,
            value,
            expected,
        } = self;
        let subject = match field.as_str() {
            "" => "policy".to_owned(),
            field => format!("policy field `{field}`"),
        };
        match value {
            Some(value) => format!("{subject}: `{value}` is not {expected}"),
            None => format!("{subject}: it is missing, and must be {expected}"),
        }
    }
}

/// A place in a policy where a value may be.
pub(super) struct Field<'a> {
    path: String,
    value: Option<&'a Value>,
}

/// An object whose fields are all known.
pub(super) struct Object<'a> {
    path: String,
    fields: Option<&'a Map<String, Value>>,
}

impl<'a> Field<'a> {
    pub fn root(value: &'a Value) -> Self {
        Self {
            path: String::new(),
            value: Some(value),
        }
    }

    /// The error of this field.
    pub fn refuse(&self, expected: impl Into<String>) -> PolicyError {
        let value = self.value.map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        PolicyError::new(self.path.clone(), value, expected.into())
    }

    /// What `read` makes of the value, or the default where there is none.
    pub fn or<T>(
        &self,
        default: T,
        read: impl FnOnce(&Self) -> Result<T, PolicyError>,
    ) -> Result<T, PolicyError> {
        match self.value {
            Some(_) => read(self),
            None => Ok(default),
        }
    }

    /// An object with a field for each of some Regions, accounts or units; empty where there is none.
    pub fn by_id<Id: FromStr<Err = InvalidId> + Ord, T>(
        &self,
        expected: &str,
        read: impl Fn(&Field<'a>) -> Result<T, PolicyError>,
    ) -> Result<BTreeMap<Id, T>, PolicyError> {
        let object = self.fields()?;
        let names = object.fields.into_iter().flat_map(Map::keys);
        names
            .map(|name| {
                let field = object.get(name);
                let id = name.parse().map_err(|_: InvalidId| {
                    let expected = expected.to_owned();
                    PolicyError::new(object.path_to(name), Some(name.clone()), expected)
                })?;
                Ok((id, read(&field)?))
            })
            .collect()
    }

    /// An object without unknown fields. One that is missing has only defaults.
    pub fn object(&self, known: &[&str]) -> Result<Object<'a>, PolicyError> {
        let object = self.fields()?;
        let unknown = |name: &&String| !known.contains(&name.as_str());
        match object.fields.into_iter().flat_map(Map::keys).find(unknown) {
            None => Ok(object),
            Some(name) => {
                let expected = format!("one of the known fields `{}`", known.join("`, `"));
                Err(PolicyError::new(
                    object.path_to(name),
                    Some(name.clone()),
                    expected,
                ))
            }
        }
    }

    fn fields(&self) -> Result<Object<'a>, PolicyError> {
        let path = self.path.clone();
        let fields = match self.value {
            None => None,
            Some(Value::Object(fields)) => Some(fields),
            Some(_) => return Err(self.refuse("a JSON object")),
        };
        Ok(Object { path, fields })
    }

    pub fn text(&self, expected: &str) -> Result<&'a str, PolicyError> {
        self.value
            .and_then(Value::as_str)
            .ok_or_else(|| self.refuse(expected))
    }

    /// A whole number within a range.
    pub fn integer<T: TryFrom<u64> + PartialOrd>(
        &self,
        range: RangeInclusive<T>,
        expected: &str,
    ) -> Result<T, PolicyError> {
        self.value
            .and_then(Value::as_u64)
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.refuse(expected))
    }

    /// An array of a bounded length as a set: an item that is there twice counts once.
    pub fn set<T: Ord>(
        &self,
        length: RangeInclusive<usize>,
        expected: &str,
        read: impl Fn(&Field<'a>) -> Result<T, PolicyError>,
    ) -> Result<BTreeSet<T>, PolicyError> {
        self.items()
            .filter(|items| length.contains(&items.len()))
            .ok_or_else(|| self.refuse(expected))?
            .iter()
            .map(read)
            .collect()
    }

    /// The items of an array; none where something else is.
    pub fn items(&self) -> Option<Vec<Field<'a>>> {
        let items = self.value?.as_array()?.iter().enumerate();
        let items = items.map(|(index, item)| Field {
            path: format!("{}[{index}]", self.path),
            value: Some(item),
        });
        Some(items.collect())
    }

    /// Whether there is a value.
    pub fn is_there(&self) -> bool {
        self.value.is_some()
    }
}

impl<'a> Object<'a> {
    pub fn get(&self, name: &str) -> Field<'a> {
        Field {
            path: self.path_to(name),
            value: self.fields.and_then(|fields| fields.get(name)),
        }
    }

    fn path_to(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        }
    }
}

pub(super) fn account(field: &Field<'_>) -> Result<AccountId, PolicyError> {
    id(field, "an AWS account id of 12 digits")
}

pub(super) fn region(field: &Field<'_>) -> Result<Region, PolicyError> {
    id(field, "an AWS Region such as `eu-west-1`")
}

pub(super) fn unit(field: &Field<'_>) -> Result<UnitId, PolicyError> {
    id(
        field,
        "an organizational unit such as `ou-abcd-12345678` or a root such as `r-abcd`",
    )
}

fn id<T: FromStr<Err = InvalidId>>(field: &Field<'_>, expected: &str) -> Result<T, PolicyError> {
    field
        .text(expected)?
        .parse()
        .map_err(|_| field.refuse(expected))
}

pub(super) fn tag_key(field: &Field<'_>) -> Result<String, PolicyError> {
    let expected = "a tag key of 1 to 128 letters, digits, spaces and `_.:/=+-@` \
                    that does not begin with `aws:`";
    let reserved = |key: &str| {
        key.get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
    };
    checked(field, expected, |key| {
        !reserved(key) && is_tag_text(key, 1..=128)
    })
}

pub(super) fn tag_value(field: &Field<'_>) -> Result<String, PolicyError> {
    let expected = "a tag value of at most 256 letters, digits, spaces and `_.:/=+-@`";
    checked(field, expected, |value| is_tag_text(value, 0..=256))
}

/// An id that Macie gave to a custom data identifier or an allow list.
pub(super) fn identifier(field: &Field<'_>) -> Result<String, PolicyError> {
    checked(field, "an id of 1 to 128 of a-z, A-Z, 0-9 and `-`", |id| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=128).contains(&id.len()) && id.bytes().all(allowed)
    })
}

/// An ISO 8601 duration. A day is 24 hours and a week 7 days; months and years have no length and
/// are refused.
pub(super) fn duration(
    field: &Field<'_>,
    (least, most, bounds): Bounds,
) -> Result<SignedDuration, PolicyError> {
    let expected = "an ISO 8601 duration such as `PT24H`";
    let text = field.text(expected)?;
    // Only the ISO form: `Span`'s own `FromStr` would take `24 hours` as well.
    let length = SpanParser::new()
        .parse_span(text)
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| field.refuse(expected))?;
    match (least..=most).contains(&length) {
        true => Ok(length),
        false => Err(field.refuse(bounds)),
    }
}

/// A price in US dollars as text, because a JSON number is binary and money is not.
pub(super) fn amount(field: &Field<'_>) -> Result<Decimal, PolicyError> {
    let expected = "US dollars as text such as `\"0.10\"`, below 1000, with at most 10 decimals";
    decimal(field, expected, 3, 10)
}

/// An end of a tier, as text like every decimal of a policy.
pub(super) fn gigabytes(field: &Field<'_>) -> Result<Decimal, PolicyError> {
    let expected = "gigabytes as text such as `\"50000\"`, below 10^12";
    decimal(field, expected, 12, 3)
}

/// A budget in US dollars as text.
pub(super) fn dollars(field: &Field<'_>) -> Result<Decimal, PolicyError> {
    let expected = "US dollars as text such as `\"250\"` or `\"99.50\"`, below 1000000000";
    decimal(field, expected, 9, 2)
}

fn decimal(
    field: &Field<'_>,
    expected: &str,
    whole: usize,
    decimals: usize,
) -> Result<Decimal, PolicyError> {
    let text = field.text(expected)?;
    parse_dollars(text, whole, decimals).ok_or_else(|| field.refuse(expected))
}

/// A plain decimal number with so many digits at most before and after its point; no sign.
pub fn parse_dollars(text: &str, whole: usize, decimals: usize) -> Option<Decimal> {
    let (before, after) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let good = digits(before, whole) && digits(after, decimals);
    good.then(|| text.parse().ok()).flatten()
}

fn checked(
    field: &Field<'_>,
    expected: &str,
    is_good: impl Fn(&str) -> bool,
) -> Result<String, PolicyError> {
    let text = field.text(expected)?;
    match is_good(text) {
        true => Ok(text.to_owned()),
        false => Err(field.refuse(expected)),
    }
}

/// The characters that S3 allows in a bucket's tags.
fn is_tag_text(text: &str, length: RangeInclusive<usize>) -> bool {
    let space = |character: char| character.is_whitespace() && !character.is_control();
    let allowed = |character: char| {
        character.is_alphanumeric() || space(character) || "_.:/=+-@".contains(character)
    };
    length.contains(&text.chars().count()) && text.chars().all(allowed)
}
