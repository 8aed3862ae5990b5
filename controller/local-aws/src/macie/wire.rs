//! What every operation of Macie shares: errors, input, pages, tags.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    error::ApiError,
    request::{Call, Reply},
};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

pub(super) type Outcome = Result<Reply, ApiError>;

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new("ValidationException", 400, message)
}

pub(super) fn over_quota(message: impl Into<String>) -> ApiError {
    ApiError::new("ServiceQuotaExceededException", 402, message)
}

pub(super) fn denied(message: impl Into<String>) -> ApiError {
    ApiError::new("AccessDeniedException", 403, message)
}

pub(super) fn missing(message: impl Into<String>) -> ApiError {
    ApiError::new("ResourceNotFoundException", 404, message)
}

pub(super) fn conflict(message: impl Into<String>) -> ApiError {
    ApiError::new("ConflictException", 409, message)
}

pub(super) fn throttled(message: impl Into<String>) -> ApiError {
    ApiError::new("ThrottlingException", 429, message)
}

/// The answer of every operation while Macie is off: not a 404.
pub(super) fn not_enabled() -> ApiError {
    denied("Macie is not enabled")
}

/// An operation's reply without members.
pub(super) fn done() -> Reply {
    Reply::json(json!({}))
}

/// The body as an operation's input.
pub(super) fn input<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    let body = match &call.input {
        Value::Null => json!({}),
        body => body.clone(),
    };
    serde_json::from_value(body)
        .map_err(|error| invalid(format!("the request is not valid: {error}")))
}

/// The identifier at the end of the path.
pub(super) fn id(call: &Call) -> Result<&str, ApiError> {
    match call.segments.last() {
        Some(id) if !id.is_empty() => Ok(id),
        _ => Err(invalid("the path ends without an identifier")),
    }
}

/// A query parameter that is required.
pub(super) fn required_query<'c>(call: &'c Call, name: &str) -> Result<&'c str, ApiError> {
    match call.query(name) {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(invalid(format!(
            "`{name}` is missing: give it in the query"
        ))),
    }
}

/// Every value of a query parameter that may be repeated.
pub(super) fn repeated_query(call: &Call, name: &str) -> Vec<String> {
    call.query
        .iter()
        .filter(|(key, _)| key == name)
        .map(|(_, value)| value.clone())
        .collect()
}

/// Checks that an account id has 12 digits.
pub(super) fn account_id(name: &str, value: &str) -> Result<(), ApiError> {
    if value.len() == 12 && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(invalid(format!(
        "`{name}` is `{value}`: expected 12 digits"
    )))
}

/// The part of a list that a page holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paging {
    size: usize,
    start: usize,
}

impl Paging {
    /// From `maxResults` and `nextToken` of the query: at most 25, which is the default.
    pub(super) fn of_query(call: &Call) -> Result<Self, ApiError> {
        let size = match call.query("maxResults") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| {
                invalid(format!(
                    "`maxResults` is `{text}`: expected a number from 1 to 25"
                ))
            })?),
        };
        Self::new(size, call.query("nextToken"), 25, 25)
    }

    pub(super) fn new(
        size: Option<i64>,
        token: Option<&str>,
        default: usize,
        most: usize,
    ) -> Result<Self, ApiError> {
        let size = match size {
            None => default,
            Some(size) => usize::try_from(size)
                .ok()
                .filter(|size| (1..=most).contains(size))
                .ok_or_else(|| {
                    invalid(format!(
                        "`maxResults` is {size}: expected a number from 1 to {most}"
                    ))
                })?,
        };
        let start = match token {
            None | Some("") => 0,
            Some(token) => token
                .strip_prefix("page-")
                .and_then(|start| usize::from_str_radix(start, 16).ok())
                .ok_or_else(|| {
                    invalid(format!(
                        "`nextToken` is `{token}`, which no reply has given"
                    ))
                })?,
        };
        Ok(Self { size, start })
    }

    /// The page's items, and the token of the next page if there is one.
    pub(super) fn cut<T>(self, items: Vec<T>) -> (Vec<T>, Option<String>) {
        let next = self.start.saturating_add(self.size);
        let more = (items.len() > next).then(|| format!("page-{next:08x}"));
        let page = items.into_iter().skip(self.start).take(self.size).collect();
        (page, more)
    }
}

/// A page as a reply; `nextToken` is left out on the last one.
pub(super) fn paged(name: &str, items: Vec<Value>, next: Option<String>) -> Value {
    let mut document = json!({ name: items });
    set(&mut document, "nextToken", next);
    document
}

/// Sets a member of a document if there is a value; AWS leaves a null member out.
pub(super) fn set(document: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let (Some(members), Some(value)) = (document.as_object_mut(), value) {
        members.insert(name.to_owned(), value.into());
    }
}

/// Checks a resource's tags: at most 50, keys of 1 to 128 characters, values of at most 256.
pub(super) fn check_tags(tags: &Tags) -> Result<(), ApiError> {
    if tags.len() > 50 {
        return Err(invalid(format!(
            "`tags` has {} tags: at most 50 are allowed",
            tags.len()
        )));
    }
    let long = |text: &str, most| text.chars().count() > most;
    match tags
        .iter()
        .find(|(key, value)| key.is_empty() || long(key, 128) || long(value, 256))
    {
        None => Ok(()),
        Some((key, value)) => Err(invalid(format!(
            "the tag `{key}`=`{value}` is not valid: a key has 1 to 128 characters, a value at most 256"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_cut_into_pages_until_the_token_is_gone() {
        let items: Vec<u32> = (0..5).collect();
        let mut seen = Vec::new();
        let mut token = None;
        loop {
            let paging = Paging::new(Some(2), token.as_deref(), 25, 25).unwrap();
            let (page, next) = paging.cut(items.clone());
            seen.push(page);
            match next {
                Some(next) => token = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [vec![0, 1], vec![2, 3], vec![4]]);
    }

    #[test]
    fn a_page_out_of_bounds_and_a_made_up_token_are_refused() {
        for (size, token) in [(Some(0), None), (Some(26), None), (None, Some("x"))] {
            let error = Paging::new(size, token, 25, 25).unwrap_err();
            assert_eq!(error.code, "ValidationException");
        }
    }

    #[test]
    fn tags_have_limits() {
        let tag = |key: String, value: String| Tags::from([(key, value)]);
        assert!(check_tags(&tag("k".repeat(128), "v".repeat(256))).is_ok());
        assert!(check_tags(&tag("k".repeat(129), String::new())).is_err());
        assert!(check_tags(&tag("k".into(), "v".repeat(257))).is_err());
        assert!(check_tags(&tag(String::new(), String::new())).is_err());
        let many: Tags = (0..51).map(|n| (n.to_string(), String::new())).collect();
        assert!(check_tags(&many).is_err());
    }
}
