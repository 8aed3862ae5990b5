//! The scope of a job: which objects of a matched bucket are analysed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::wire::invalid;
use crate::{error::ApiError, s3};

/// Conditions on objects; excludes win.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scoping {
    /// All must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub includes: Option<ScopeBlock>,
    /// An object for which all hold is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excludes: Option<ScopeBlock>,
}

/// Conditions that are joined by AND.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScopeBlock {
    /// The conditions.
    #[serde(default)]
    pub and: Vec<ScopeTerm>,
}

/// One condition: exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeTerm {
    /// On a property.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simple_scope_term: Option<SimpleScopeTerm>,
    /// On the object's tags; objects have none here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag_scope_term: Option<TagScopeTerm>,
}

/// A condition on a property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimpleScopeTerm {
    /// How to compare.
    pub comparator: Comparator,
    /// What to compare.
    pub key: ScopeKey,
    /// Values, joined by OR; a date and a size take exactly one.
    pub values: Vec<String>,
}

/// A condition on the object's tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagScopeTerm {
    /// `EQ` or `NE`.
    pub comparator: Comparator,
    /// `TAG`.
    pub key: String,
    /// Keys with values; an empty value means any.
    pub tag_values: Vec<TagValuePair>,
    /// `S3_OBJECT`.
    pub target: String,
}

/// A tag of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagValuePair {
    /// The key.
    pub key: String,
    /// The value; empty means any.
    pub value: String,
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Comparator {
    /// Equals.
    Eq,
    /// Does not equal.
    Ne,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Gte,
    /// Less than.
    Lt,
    /// Less than or equal.
    Lte,
    /// Contains.
    Contains,
    /// Starts with.
    StartsWith,
}

impl Comparator {
    /// Compares by order; `CONTAINS` and `STARTS_WITH` never hold.
    pub fn orders<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Gt => left > right,
            Self::Gte => left >= right,
            Self::Lt => left < right,
            Self::Lte => left <= right,
            Self::Contains | Self::StartsWith => false,
        }
    }

    /// Compares text with values that are joined by OR.
    pub fn says(self, text: &str, values: &[String]) -> bool {
        let any = |holds: fn(&str, &str) -> bool| values.iter().any(|value| holds(text, value));
        match self {
            Self::Ne => !any(|text, value| text == value),
            Self::Contains => any(|text, value| text.contains(value)),
            Self::StartsWith => any(|text, value| text.starts_with(value)),
            Self::Eq => any(|text, value| text == value),
            _ => values
                .iter()
                .any(|value| self.orders(&text, &value.as_str())),
        }
    }

    fn is_equality(self) -> bool {
        matches!(self, Self::Eq | Self::Ne)
    }

    fn is_order(self) -> bool {
        !matches!(self, Self::Contains | Self::StartsWith)
    }
}

/// A property of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeKey {
    /// The file name's extension.
    #[serde(rename = "OBJECT_EXTENSION")]
    Extension,
    /// When it was written.
    #[serde(rename = "OBJECT_LAST_MODIFIED_DATE")]
    LastModifiedDate,
    /// Stored bytes.
    #[serde(rename = "OBJECT_SIZE")]
    Size,
    /// A prefix of the key.
    #[serde(rename = "OBJECT_KEY")]
    Key,
}

impl Scoping {
    /// Refuses conditions that Macie refuses.
    pub fn check(&self) -> Result<(), ApiError> {
        [&self.includes, &self.excludes]
            .into_iter()
            .flatten()
            .flat_map(|block| &block.and)
            .try_for_each(ScopeTerm::check)
    }

    /// Whether an object is in scope.
    pub fn matches(&self, key: &str, object: &s3::Object) -> bool {
        let all = |block: &ScopeBlock| block.and.iter().all(|term| term.holds(key, object));
        let included = self.includes.as_ref().is_none_or(all);
        let excluded = self
            .excludes
            .as_ref()
            .is_some_and(|block| !block.and.is_empty() && all(block));
        included && !excluded
    }
}

impl ScopeTerm {
    fn check(&self) -> Result<(), ApiError> {
        match (&self.simple_scope_term, &self.tag_scope_term) {
            (Some(simple), None) => simple.check(),
            (None, Some(tag)) if tag.comparator.is_equality() && tag.key == "TAG" => Ok(()),
            (None, Some(_)) => Err(invalid(
                "`tagScopeTerm` needs the comparator `EQ` or `NE` and the key `TAG`",
            )),
            _ => Err(invalid(
                "each condition needs exactly one of `simpleScopeTerm`, `tagScopeTerm`",
            )),
        }
    }

    fn holds(&self, key: &str, object: &s3::Object) -> bool {
        let simple = self.simple_scope_term.as_ref();
        let tag = self.tag_scope_term.as_ref();
        simple.is_none_or(|term| term.holds(key, object))
            && tag.is_none_or(|term| term.comparator == Comparator::Ne)
    }
}

impl SimpleScopeTerm {
    fn check(&self) -> Result<(), ApiError> {
        let comparator_fits = match self.key {
            ScopeKey::Extension => self.comparator.is_equality(),
            ScopeKey::Key => self.comparator == Comparator::StartsWith,
            ScopeKey::LastModifiedDate | ScopeKey::Size => self.comparator.is_order(),
        };
        let values_fit = match (self.key, self.values.as_slice()) {
            (ScopeKey::Extension | ScopeKey::Key, values) => !values.is_empty(),
            (ScopeKey::LastModifiedDate, [one]) => one.parse::<Timestamp>().is_ok(),
            (ScopeKey::Size, [one]) => one.parse::<u64>().is_ok(),
            _ => false,
        };
        if comparator_fits && values_fit {
            return Ok(());
        }
        Err(invalid(format!(
            "`simpleScopeTerm` {:?} {:?} {:?} is not valid: OBJECT_EXTENSION takes EQ or NE, OBJECT_KEY takes STARTS_WITH, OBJECT_LAST_MODIFIED_DATE one time as 2026-01-31T00:00:00Z, OBJECT_SIZE one whole number",
            self.key, self.comparator, self.values
        )))
    }

    fn holds(&self, key: &str, object: &s3::Object) -> bool {
        let value = self.values.first().map(String::as_str).unwrap_or_default();
        match self.key {
            ScopeKey::Extension => self
                .comparator
                .says(extension(key).unwrap_or_default(), &self.values),
            ScopeKey::Key => self.comparator.says(key, &self.values),
            ScopeKey::LastModifiedDate => value
                .parse()
                .is_ok_and(|value| self.comparator.orders(&object.modified_at, &value)),
            ScopeKey::Size => value
                .parse()
                .is_ok_and(|value| self.comparator.orders(&object.bytes, &value)),
        }
    }
}

/// The extension of an object's key. Macie decides by it whether it can analyse an object; here
/// any extension will do, and an object without one is invisible to it.
pub(super) fn extension(key: &str) -> Option<&str> {
    let name = key.rsplit('/').next()?;
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}

/// Whether Macie counts the object as compressed; it assumes 3:1.
pub(super) fn is_compressed(key: &str) -> bool {
    matches!(extension(key), Some("gz" | "gzip" | "zip"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn term(comparator: &str, key: &str, values: Value) -> Value {
        json!({"simpleScopeTerm": {"comparator": comparator, "key": key, "values": values}})
    }

    fn holds(term: Value) -> bool {
        let scoping: Scoping =
            serde_json::from_value(json!({"includes": {"and": [term]}})).unwrap();
        scoping.check().unwrap();
        let object = s3::Object {
            bytes: 100,
            unpacked: None,
            modified_at: "2026-02-01T00:00:00Z".parse().unwrap(),
            content: None,
            key: None,
        };
        let excluding = Scoping {
            includes: None,
            excludes: scoping.includes.clone(),
        };
        let included = scoping.matches("logs/a.csv", &object);
        assert_ne!(included, excluding.matches("logs/a.csv", &object));
        included
    }

    #[test]
    fn objects_are_scoped_by_date_size_key_and_extension() {
        let date = "OBJECT_LAST_MODIFIED_DATE";
        for (condition, expected) in [
            (term("GTE", date, json!(["2026-02-01T00:00:00Z"])), true),
            (term("GT", date, json!(["2026-02-01T00:00:00Z"])), false),
            (term("LT", date, json!(["2026-02-01T00:00:00Z"])), false),
            (term("LTE", date, json!(["2026-02-01T00:00:00Z"])), true),
            (term("GT", "OBJECT_SIZE", json!(["99"])), true),
            (term("EQ", "OBJECT_SIZE", json!(["99"])), false),
            (
                term("STARTS_WITH", "OBJECT_KEY", json!(["x/", "logs/"])),
                true,
            ),
            (term("EQ", "OBJECT_EXTENSION", json!(["pdf", "csv"])), true),
            (term("NE", "OBJECT_EXTENSION", json!(["csv"])), false),
            (
                json!({"tagScopeTerm": {"comparator": "EQ", "key": "TAG", "target": "S3_OBJECT", "tagValues": [{"key": "a", "value": ""}]}}),
                false,
            ),
        ] {
            assert_eq!(holds(condition.clone()), expected, "{condition}");
        }
    }

    #[test]
    fn conditions_that_macie_refuses() {
        for bad in [
            term("STARTS_WITH", "OBJECT_SIZE", json!(["1"])),
            term("GT", "OBJECT_EXTENSION", json!(["csv"])),
            term("EQ", "OBJECT_KEY", json!(["a"])),
            term("GT", "OBJECT_LAST_MODIFIED_DATE", json!(["yesterday"])),
            term("GT", "OBJECT_SIZE", json!(["1", "2"])),
            term("EQ", "OBJECT_EXTENSION", json!([])),
            json!({}),
        ] {
            let scoping: Scoping =
                serde_json::from_value(json!({"excludes": {"and": [bad]}})).unwrap();
            assert_eq!(scoping.check().unwrap_err().code, "ValidationException");
        }
    }

    #[test]
    fn an_extension_makes_an_object_visible() {
        assert_eq!(extension("a/b.csv"), Some("csv"));
        assert_eq!(extension("a.b/c"), None);
        assert_eq!(extension(".profile"), None);
        assert_eq!(extension("a."), None);
        assert!(is_compressed("a/b.tar.gz") && !is_compressed("gz"));
    }
}
