//! The answer to CloudFormation, and its delivery.

use std::{collections::BTreeMap, time::Duration};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::default_connector;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use crate::request::{Request, ResponseUrl};

/// The largest answer that CloudFormation takes, in bytes (CloudFormation Template Reference,
/// custom resource response objects).
const LARGEST: usize = 4096;
/// What a reason ends with that was cut.
const CUT: &str = "... (the log has the rest)";
/// Attempts to deliver an answer; without one the stack waits until its time is over.
const ATTEMPTS: u32 = 6;
/// The pause after the first attempt; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(500);
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What CloudFormation is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it worked.
    pub success: bool,
    /// Why not, or what is to be known; people read it in the stack's events.
    pub reason: String,
    /// What the template can get by `Fn::GetAtt`.
    pub data: BTreeMap<String, String>,
}

impl Answer {
    /// It worked.
    pub fn success(reason: String) -> Self {
        Self {
            success: true,
            reason,
            data: BTreeMap::new(),
        }
    }

    /// It did not.
    pub fn failed(reason: String) -> Self {
        Self {
            success: false,
            reason,
            data: BTreeMap::new(),
        }
    }

    /// With data.
    #[must_use]
    pub fn data(mut self, data: BTreeMap<String, String>) -> Self {
        self.data = data;
        self
    }

    /// `SUCCESS` or `FAILED`.
    pub fn status(&self) -> &'static str {
        if self.success { "SUCCESS" } else { "FAILED" }
    }

    /// The document for a request, cut to what CloudFormation takes. `name` is the physical id of
    /// a new resource: it never changes, because CloudFormation deletes the old resource when it
    /// does.
    pub fn document(&self, request: &Request, name: &str) -> String {
        let document = self.filled(request, name, &self.reason);
        if document.len() <= LARGEST {
            return document;
        }
        let mut reason: Vec<char> = self.reason.chars().collect();
        while !reason.is_empty() {
            reason.truncate(reason.len() * 9 / 10);
            let cut: String = reason.iter().collect();
            let document = self.filled(request, name, &format!("{cut}{CUT}"));
            if document.len() <= LARGEST {
                return document;
            }
        }
        let bare = Self {
            data: BTreeMap::new(),
            ..self.clone()
        };
        bare.filled(request, name, CUT)
    }

    fn filled(&self, request: &Request, name: &str, reason: &str) -> String {
        let id = request.physical_resource_id.as_deref();
        let mut document = json!({
            "Status": self.status(),
            "PhysicalResourceId": id.filter(|id| !id.is_empty()).unwrap_or(name),
            "StackId": request.stack_id,
            "RequestId": request.request_id,
            "LogicalResourceId": request.logical_resource_id,
            "Data": self.data,
        });
        if let (false, Some(members)) = (reason.is_empty(), document.as_object_mut()) {
            members.insert("Reason".to_owned(), Value::from(reason));
        }
        document.to_string()
    }
}

/// CloudFormation did not take the answer.
#[derive(Debug, thiserror::Error)]
#[error("CloudFormation did not take the answer: {0}")]
pub struct Undelivered(String);

/// Delivers answers.
#[derive(Debug, Clone)]
pub struct Courier {
    connector: SharedHttpConnector,
    sleep: SharedAsyncSleep,
}

impl Courier {
    /// A courier that waits between attempts by `sleep`; none if the build has no TLS.
    pub fn new(sleep: SharedAsyncSleep) -> Option<Self> {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(PATIENCE)
            .read_timeout(PATIENCE)
            .build();
        let timer = SharedAsyncSleep::new(TokioSleep::new());
        let connector = default_connector(&settings, Some(timer))?;
        Some(Self { connector, sleep })
    }

    /// Puts an answer where CloudFormation waits for it.
    pub async fn deliver(&self, url: &ResponseUrl, document: &str) -> Result<(), Undelivered> {
        let mut attempt = 1;
        loop {
            let (why, passes) = match self.put(url, document).await {
                Ok(200..300) => return Ok(()),
                Ok(status) => (format!("HTTP {status}"), status >= 500 || status == 429),
                Err(error) => (error, true),
            };
            if !passes || attempt >= ATTEMPTS {
                return Err(Undelivered(why));
            }
            tracing::warn!(attempt, why, "the answer is sent again");
            self.sleep.sleep(PAUSE * (1 << (attempt - 1))).await;
            attempt += 1;
        }
    }

    /// One attempt; the error never has the URL in it. The content type must be empty, as it is in
    /// the signature of the URL.
    async fn put(&self, url: &ResponseUrl, document: &str) -> Result<u16, String> {
        let mut request = HttpRequest::new(SdkBody::from(document));
        let set = request
            .set_method("PUT")
            .and_then(|()| request.set_uri(url.secret()))
            .and_then(|()| request.headers_mut().try_insert("content-type", ""))
            .and_then(|_| {
                let length = document.len().to_string();
                request.headers_mut().try_insert("content-length", length)
            });
        if set.is_err() {
            return Err("the response URL is not a URL".to_owned());
        }
        match self.connector.call(request).await {
            Ok(response) => Ok(response.status().as_u16()),
            Err(error) if error.is_timeout() => Err("no reply in time".to_owned()),
            Err(_) => Err("no connection".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        let payload = json!({
            "RequestType": "Delete", "ResponseURL": "http://127.0.0.1:1/", "StackId": "stack",
            "RequestId": "1", "LogicalResourceId": "Macie", "PhysicalResourceId": "given",
        });
        Request::parse(&payload).unwrap()
    }

    #[test]
    fn an_answer_is_cut_to_4096_bytes_and_stays_json() {
        for text in ["x", "\"", "\n", "ü", "🦀"] {
            let answer = Answer::failed(text.repeat(5000));
            let document = answer.document(&request(), "name");
            assert!(document.len() <= LARGEST, "{text}: {}", document.len());
            let document: Value = serde_json::from_str(&document).unwrap();
            assert_eq!(document["PhysicalResourceId"], "given");
            let reason = document["Reason"].as_str().unwrap();
            assert!(reason.starts_with(text) && reason.ends_with(CUT));
        }
    }

    #[test]
    fn data_that_is_too_large_is_left_out() {
        let data = [("regions".to_owned(), "x".repeat(LARGEST))];
        let answer = Answer::failed("no".to_owned()).data(BTreeMap::from(data));
        let document = answer.document(&request(), "name");
        assert!(document.len() <= LARGEST, "{}", document.len());
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["Reason"], CUT);
    }

    #[test]
    fn a_new_resource_gets_the_name() {
        let mut request = request();
        request.physical_resource_id = None;
        let document = Answer::success(String::new()).document(&request, "name");
        let document: Value = serde_json::from_str(&document).unwrap();
        assert_eq!(document["PhysicalResourceId"], "name");
        assert_eq!(document["Status"], "SUCCESS");
        assert_eq!(document.get("Reason"), None);
    }
}
