//! A call that has arrived, and the reply that leaves.

use serde_json::Value;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// 12 digits.
    pub account: String,
    /// `arn:aws:iam::<account>:user/admin` or `arn:aws:sts::<account>:assumed-role/<role>/<session>`.
    pub arn: String,
    /// The assumed role's name; none for an account's own keys.
    pub role: Option<String>,
}

impl Caller {
    /// The principal as policies name it: the role behind a session.
    pub fn principal(&self) -> String {
        match &self.role {
            Some(role) => role_arn(&self.account, role),
            None => self.arn.clone(),
        }
    }
}

/// The ARN of a role without a path.
pub fn role_arn(account: &str, role: &str) -> String {
    format!("arn:aws:iam::{account}:role/{role}")
}

/// A call, decoded as far as every protocol shares.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service as `s3`, `s3control`, `sts`, `organizations`, `tagging`, `events`, `sqs`, `macie2`.
    pub service: &'static str,
    /// The Region of the signature.
    pub region: String,
    /// Who calls.
    pub caller: Caller,
    /// HTTP method in capitals.
    pub method: String,
    /// The path, percent-decoded segment by segment (a decoded `/` stays inside its segment).
    pub segments: Vec<String>,
    /// Query parameters, decoded, in order; a parameter without `=` has an empty value.
    pub query: Vec<(String, String)>,
    /// Header names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as bytes.
    pub body: Vec<u8>,
    /// The body as JSON for JSON protocols, the form fields as an object for the query protocol,
    /// `Null` otherwise.
    pub input: Value,
}

impl Call {
    /// A query parameter's value.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// A header's value; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// What the call names, in a few words: a part of the path or the member that says it,
    /// then the status that is asked for, then the keys of tags.
    pub fn target(&self) -> Option<String> {
        let named = match self.service {
            "s3" => self.segments.first().map(String::as_str),
            "s3control" | "macie2" => self.segments.last().map(String::as_str),
            _ => ["RoleArn", "AccountId", "ChildId"]
                .iter()
                .find_map(|name| self.text(name)),
        };
        let account = self
            .input
            .pointer("/account/accountId")
            .and_then(Value::as_str);
        let status = self.text("status").or(self.text("jobStatus"));
        let keys = self.input.get("tags").and_then(Value::as_object);
        let words: Vec<&str> = account
            .or(self.text("name"))
            .or(named)
            .into_iter()
            .chain(status)
            .chain(keys.into_iter().flatten().map(|(key, _)| key.as_str()))
            .filter(|word| !word.is_empty())
            .collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// A string member of the JSON or form input.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }
}

/// A successful reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// HTTP status, usually 200.
    pub status: u16,
    /// Extra headers.
    pub headers: Vec<(String, String)>,
    /// The document.
    pub body: Body,
}

/// The document of a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// A JSON document.
    Json(Value),
    /// An XML document, without the declaration.
    Xml(String),
    /// The content of an object.
    Bytes(Vec<u8>),
}

impl Reply {
    /// 200 with a JSON document.
    pub fn json(value: Value) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Body::Json(value),
        }
    }

    /// 200 with an XML document.
    pub fn xml(document: String) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: Body::Xml(document),
        }
    }

    /// A reply without a document.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Empty,
        }
    }
}
