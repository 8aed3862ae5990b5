//! Requests that change something in AWS, read from the wire.

use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// An account in a Region.
pub type Place = (String, String);

/// A request that changes something.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// `CreateMember`.
    Enrol {
        /// Whom and where.
        place: Place,
        /// The keys of its tags.
        keys: Vec<String>,
    },
    /// `UpdateMemberSession` to `PAUSED`.
    Suspend(Place),
    /// `UpdateMemberSession` to `ENABLED`.
    Resume(Place),
    /// `TagResource` or `UntagResource` on a member.
    Mark {
        /// Whom and where.
        place: Place,
        /// The keys of the tags that are set.
        keys: Vec<String>,
    },
    /// `CreateClassificationJob`.
    Create {
        /// Where.
        region: String,
        /// The job as it was sent.
        job: Box<Value>,
    },
    /// `UpdateClassificationJob`.
    Update {
        /// The job.
        job: String,
        /// The status that is asked for.
        status: String,
    },
    /// A setting that would make accounts pay unasked is turned off.
    TurnOff,
    /// Anything else that writes.
    Other(String),
}

impl Write {
    /// The write that a request of a service is; none if it reads. Messages and published events
    /// are no writes.
    pub fn read(service: &str, region: &str, parts: &Parts, body: &[u8]) -> Option<Self> {
        let method = parts.method.as_str();
        match (service, method) {
            ("macie2", _) => macie(region, parts, body),
            ("s3" | "s3control", "GET" | "HEAD") => None,
            ("s3" | "s3control", _) => Some(Self::Other(format!("{method} {}", parts.uri))),
            ("organizations", _) => {
                let target = parts.headers.get("x-amz-target")?.to_str().ok()?;
                let reads = ["Describe", "List"];
                let name = target.rsplit('.').next()?;
                let is_read = reads.iter().any(|verb| name.starts_with(verb));
                (!is_read).then(|| Self::Other(target.to_owned()))
            }
            _ => None,
        }
    }

    /// What is counted when it has succeeded.
    pub fn kind(&self) -> &'static str {
        let is_daily = |job: &Value| job["jobType"] == "SCHEDULED";
        let is_catch_up = |job: &Value| !job["s3JobDefinition"]["scoping"].is_null();
        match self {
            Self::Enrol { .. } => "enrolments",
            Self::Suspend(_) => "suspensions",
            Self::Resume(_) => "resumptions",
            Self::Mark { .. } => "marks on members",
            Self::Create { job, .. } if is_daily(job) => "daily jobs",
            Self::Create { job, .. } if is_catch_up(job) => "catch-up jobs",
            Self::Create { .. } => "baseline jobs",
            Self::Update { status, .. } => match status.as_str() {
                "USER_PAUSED" => "jobs paused for a budget",
                "RUNNING" => "jobs resumed within a budget",
                _ => "cancelled jobs",
            },
            Self::TurnOff => "settings turned off",
            Self::Other(_) => "other writes",
        }
    }
}

fn macie(region: &str, parts: &Parts, body: &[u8]) -> Option<Write> {
    let path: Vec<String> = parts.uri.path().split('/').skip(1).map(decoded).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let input: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let place = |account: &str| (account.to_owned(), region.to_owned());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let keys = || {
        let tags = input["tags"].as_object();
        tags.into_iter()
            .flatten()
            .map(|(key, _)| key.clone())
            .collect()
    };
    match (parts.method.as_str(), path.as_slice()) {
        ("GET", _) | ("POST", ["jobs", "list"] | ["datasources" | "usage", ..]) => None,
        ("POST", ["members"]) => Some(Write::Enrol {
            place: place(&text(&input["account"]["accountId"])),
            keys: keys(),
        }),
        ("PATCH", ["macie", "members", account]) => Some(match input["status"].as_str() {
            Some("PAUSED") => Write::Suspend(place(account)),
            _ => Write::Resume(place(account)),
        }),
        ("POST" | "DELETE", ["tags", arn]) => Some(Write::Mark {
            place: place(arn.rsplit('/').next().unwrap_or_default()),
            keys: keys(),
        }),
        ("POST", ["jobs"]) => Some(Write::Create {
            region: region.to_owned(),
            job: Box::new(input),
        }),
        ("PATCH", ["jobs", job]) => Some(Write::Update {
            job: (*job).to_owned(),
            status: text(&input["jobStatus"]),
        }),
        ("PATCH", ["admin", "configuration"]) if input["autoEnable"] == false => {
            Some(Write::TurnOff)
        }
        ("PUT", ["automated-discovery", "configuration"]) if input["status"] == "DISABLED" => {
            Some(Write::TurnOff)
        }
        (method, path) => Some(Write::Other(format!("{method} {}", path.join("/")))),
    }
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}
