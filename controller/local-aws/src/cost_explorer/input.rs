//! What is asked of Cost Explorer.

use jiff::civil::Date;
use serde_json::Value;

use crate::error::ApiError;

/// A dimension by which Macie's costs differ here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dimension {
    Account,
    Region,
    Service,
}

/// A request that can be answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) start: Date,
    pub(super) end: Date,
    pub(super) group_by: Vec<Dimension>,
    filter: Option<(Dimension, Vec<String>)>,
    /// Groups of the pages before.
    pub(super) skip: usize,
}

impl Dimension {
    fn named(name: &str) -> Option<Self> {
        match name {
            "LINKED_ACCOUNT" => Some(Self::Account),
            "REGION" => Some(Self::Region),
            "SERVICE" => Some(Self::Service),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Account => "LINKED_ACCOUNT",
            Self::Region => "REGION",
            Self::Service => "SERVICE",
        }
    }
}

impl Request {
    pub(super) fn read(input: &Value) -> Result<Self, ApiError> {
        let text = |value: &Value, name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let period = input.get("TimePeriod").unwrap_or(&Value::Null);
        if text(input, "Granularity") != "MONTHLY" {
            return Err(invalid("the local AWS tells MONTHLY granularity only"));
        }
        if texts(input.get("Metrics")) != [super::METRIC] {
            return Err(invalid("the local AWS tells the metric UnblendedCost only"));
        }
        let group_by: Vec<Dimension> = many(input.get("GroupBy"))
            .iter()
            .map(|by| dimension(&text(by, "Key")))
            .collect::<Result<_, _>>()?;
        if group_by.len() > 2 {
            return Err(invalid("GroupBy takes two dimensions at most"));
        }
        Ok(Self {
            start: date(&text(period, "Start"))?,
            end: date(&text(period, "End"))?,
            group_by,
            filter: input.get("Filter").map(filter).transpose()?,
            skip: token(input.get("NextPageToken"))?,
        })
    }

    /// Whether the filter lets something through, by its dimensions.
    pub(super) fn takes<'r>(&self, value: impl Fn(Dimension) -> &'r str) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|(of, values)| values.iter().any(|one| one == value(*of)))
    }
}

fn filter(expression: &Value) -> Result<(Dimension, Vec<String>), ApiError> {
    let Some(dimensions) = expression.get("Dimensions") else {
        return Err(invalid(
            "the local AWS takes a filter of one dimension only",
        ));
    };
    let name = dimensions.get("Key").and_then(Value::as_str);
    let dimension = dimension(name.unwrap_or_default())?;
    Ok((dimension, texts(dimensions.get("Values"))))
}

fn dimension(name: &str) -> Result<Dimension, ApiError> {
    Dimension::named(name).ok_or_else(|| {
        let known = "LINKED_ACCOUNT, REGION and SERVICE";
        invalid(&format!("`{name}`: the local AWS knows {known}"))
    })
}

fn date(text: &str) -> Result<Date, ApiError> {
    text.parse()
        .map_err(|_| invalid(&format!("`{text}` is not a date such as 2026-10-01")))
}

fn token(given: Option<&Value>) -> Result<usize, ApiError> {
    let Some(given) = given else {
        return Ok(0);
    };
    let token = given.as_str().and_then(|text| text.parse().ok());
    let message = "The pagination token is invalid. Try again without a pagination token.";
    token.ok_or_else(|| ApiError::new("InvalidNextTokenException", 400, message))
}

fn many(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let values = many(value).iter();
    values
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

pub(super) fn invalid(message: &str) -> ApiError {
    ApiError::new("ValidationException", 400, message)
}
