//! Properties of a resource, checked one by one. CloudFormation passes every scalar as a string.

use std::collections::BTreeSet;

use controller_core::id::{AccountId, Region};
use serde_json::{Map, Value};

/// What CloudFormation or the templates add to every resource. A change of `Version` or `Again` is
/// what makes CloudFormation ask once more.
const COMMON: [&str; 4] = ["ServiceToken", "ServiceTimeout", "Version", "Again"];

/// A property that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("property `{name}` is {value}: expected {expected}")]
pub struct BadProperty {
    /// Its name.
    pub name: String,
    /// What was given, as JSON.
    pub value: String,
    /// What it should have been.
    pub expected: String,
}

/// The properties of a resource.
#[derive(Debug, Clone, Copy)]
pub struct Properties<'a>(&'a Map<String, Value>);

impl<'a> Properties<'a> {
    /// Refuses properties that are not among the named ones: a misspelt name must not pass for an
    /// absent property.
    pub fn new(map: &'a Map<String, Value>, names: &[&str]) -> Result<Self, BadProperty> {
        let known = |name: &str| names.contains(&name) || COMMON.contains(&name);
        match map.keys().find(|name| !known(name)) {
            None => Ok(Self(map)),
            Some(name) => {
                let expected = format!("none of that name, only {}", names.join(", "));
                Err(Self(map).bad(name, &expected))
            }
        }
    }

    /// A text; an empty one counts as absent, because that is how templates leave one out.
    pub fn optional(&self, name: &str) -> Result<Option<&'a str>, BadProperty> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.bad(name, "a text")),
        }
    }

    /// A text that must be there.
    pub fn text(&self, name: &str, expected: &str) -> Result<&'a str, BadProperty> {
        self.optional(name)?.ok_or_else(|| self.bad(name, expected))
    }

    /// An account that must be there.
    pub fn account(&self, name: &str) -> Result<AccountId, BadProperty> {
        self.optional_account(name)?
            .ok_or_else(|| self.bad(name, "an AWS account id of 12 digits"))
    }

    /// An account, if one is named.
    pub fn optional_account(&self, name: &str) -> Result<Option<AccountId>, BadProperty> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| self.bad(name, "an AWS account id of 12 digits"))
        };
        self.optional(name)?.map(parse).transpose()
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, BadProperty> {
        match self.0.get(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(_) => Err(self.bad(name, "`true` or `false`")),
        }
    }

    /// Regions in the order of the template; at least one, none twice.
    pub fn regions(&self) -> Result<Vec<Region>, BadProperty> {
        let bad = |why: &str| {
            let expected = format!("a list of AWS Regions such as `eu-west-1`, {why}");
            self.bad("Regions", &expected)
        };
        let Some(Value::Array(items)) = self.0.get("Regions") else {
            return Err(bad("the home Region first"));
        };
        let parse = |item: &Value| item.as_str().and_then(|text| text.parse().ok());
        let regions: Option<Vec<Region>> = items.iter().map(parse).collect();
        let regions = regions.ok_or_else(|| bad("each a Region's code"))?;
        if regions.is_empty() {
            return Err(bad("at least one"));
        }
        if regions.iter().collect::<BTreeSet<_>>().len() < regions.len() {
            return Err(bad("none twice"));
        }
        Ok(regions)
    }

    /// The error for a property.
    pub fn bad(&self, name: &str, expected: &str) -> BadProperty {
        let value = match self.0.get(name) {
            None => "missing".to_owned(),
            Some(value) => format!(
                "`{}`",
                value.to_string().chars().take(200).collect::<String>()
            ),
        };
        BadProperty {
            name: name.to_owned(),
            value,
            expected: expected.to_owned(),
        }
    }
}
