//! What CloudFormation asks for.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The member by which a continuation tells how many runs came before it.
const RUN: &str = "MacieSelfServiceRun";

/// A request of CloudFormation (CloudFormation Template Reference, custom resource request
/// objects).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    /// What to do.
    pub request_type: RequestType,
    /// Where the answer goes.
    #[serde(rename = "ResponseURL")]
    pub response_url: ResponseUrl,
    /// The stack's ARN.
    pub stack_id: String,
    /// The request's id; unique in the stack.
    pub request_id: String,
    /// The name in the template.
    pub logical_resource_id: String,
    /// What the answer to Create said; absent in a Create.
    pub physical_resource_id: Option<String>,
    /// The properties in the template.
    #[serde(default)]
    pub resource_properties: Map<String, Value>,
    /// The properties before an Update.
    #[serde(default)]
    pub old_resource_properties: Map<String, Value>,
    /// How many runs of this request came before this one.
    #[serde(default, rename = "MacieSelfServiceRun")]
    pub run: u32,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum RequestType {
    /// The resource is new.
    Create,
    /// Its properties have changed, or a change is rolled back.
    Update,
    /// It goes, or its creation is rolled back.
    Delete,
}

/// A presigned URL. Whoever knows it can answer for us, so it is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct ResponseUrl(String);

impl ResponseUrl {
    /// The URL, to be called and not to be logged.
    pub fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseUrl")
    }
}

/// A payload that CloudFormation did not send: there is nobody to answer.
#[derive(Debug, thiserror::Error)]
#[error("not a request of CloudFormation ({0}): only a custom resource may invoke this function")]
pub struct NotARequest(#[from] serde_json::Error);

impl Request {
    /// Reads a payload.
    pub fn parse(payload: &Value) -> Result<Self, NotARequest> {
        Ok(Self::deserialize(payload)?)
    }

    /// The payload for the run after this one.
    pub fn continuation(&self, payload: &Value) -> Value {
        let mut next = payload.clone();
        if let Some(members) = next.as_object_mut() {
            members.insert(RUN.to_owned(), Value::from(self.run + 1));
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_does_not_show_where_the_answer_goes() {
        let payload = json!({
            "RequestType": "Create", "ResponseURL": "https://bucket/secret?X-Amz-Signature=abc",
            "StackId": "stack", "RequestId": "1", "LogicalResourceId": "Macie",
            "ResourceProperties": {"ServiceToken": "arn"},
        });
        let request = Request::parse(&payload).unwrap();
        assert!(!format!("{request:?}").contains("secret"));
        let next = Request::parse(&request.continuation(&payload)).unwrap();
        assert_eq!((request.run, next.run), (0, 1));
        assert_eq!(next.response_url.secret(), request.response_url.secret());
    }

    #[test]
    fn other_payloads_are_refused_by_what_they_lack() {
        let error = Request::parse(&json!({"RequestType": "Create"})).unwrap_err();
        assert!(error.to_string().contains("ResponseURL"), "{error}");
    }
}
