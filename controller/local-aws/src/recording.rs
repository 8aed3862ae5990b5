//! What a role asked AWS for, kept for the judge of permissions: when the environment variable
//! `LOCAL_AWS_RECORD` names a folder, each new request of a role of the product becomes a line of
//! JSON in `<folder>/<process id>.jsonl`.
//!
//! A request is what IAM decides on (IAM User Guide, "Policy evaluation logic"): principal, action,
//! resource and context. One call can need several. Of requests that differ only in the values of
//! their context the first is kept.

mod resources;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    fs::{File, OpenOptions},
    io::Write,
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
};

use serde::Serialize;
use serde_json::Value;

pub use resources::needs;

/// The environment variable that names the folder.
pub const FOLDER: &str = "LOCAL_AWS_RECORD";

/// A permission that a call needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The IAM action.
    pub action: String,
    /// The ARN of the resource, `*` where the action has none.
    pub resource: String,
    /// The account that owns the resource.
    #[serde(rename = "resourceAccount")]
    pub account: String,
    /// Condition keys of the call itself: a text, or an array for keys with several values.
    pub context: BTreeMap<String, Value>,
}

impl Need {
    /// A need without context.
    pub fn new(
        action: impl Into<String>,
        resource: impl Into<String>,
        account: impl Into<String>,
    ) -> Self {
        Self {
            action: action.into(),
            resource: resource.into(),
            account: account.into(),
            context: BTreeMap::new(),
        }
    }

    /// Adds a condition key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.context.insert(key.into(), value.into());
        self
    }
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    principal: &'a str,
    #[serde(flatten)]
    need: &'a Need,
    allowed: bool,
}

/// Keeps a request of a principal: the ARN of a role, or a service. Other roles and resources than
/// the product's are not the judge's business.
pub fn note(principal: &str, need: &Need, allowed: bool) {
    static RECORDER: OnceLock<Option<Mutex<Recorder>>> = OnceLock::new();
    let recorder =
        RECORDER.get_or_init(|| std::env::var_os(FOLDER).map(|folder| open(folder.into())));
    let service = principal.ends_with(".amazonaws.com");
    let ours = principal.contains(":role/macie-self-service-")
        || service && need.resource.contains(":macie-self-service");
    if let Some(recorder) = recorder.as_ref().filter(|_| ours) {
        let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.note(&Request {
            principal,
            need,
            allowed,
        });
    }
}

#[derive(Debug)]
struct Recorder {
    file: Option<File>,
    known: HashSet<String>,
}

/// The file of this process; without it the judge finds nothing and fails, and the reason is here.
fn open(folder: PathBuf) -> Mutex<Recorder> {
    let path = folder.join(format!("{}.jsonl", std::process::id()));
    let opened = OpenOptions::new().create(true).append(true).open(&path);
    let file = opened
        .inspect_err(|error| eprintln!("cannot record requests in {}: {error}", path.display()))
        .ok();
    Mutex::new(Recorder {
        file,
        known: HashSet::new(),
    })
}

impl Recorder {
    fn note(&mut self, request: &Request<'_>) {
        let Request {
            principal,
            need,
            allowed,
        } = request;
        let keys: Vec<&str> = need.context.keys().map(String::as_str).collect();
        let identity = format!(
            "{principal} {} {} {keys:?} {allowed}",
            need.action, need.resource
        );
        let (Some(file), true) = (&mut self.file, self.known.insert(identity)) else {
            return;
        };
        let written = serde_json::to_string(request)
            .map_err(std::io::Error::from)
            // One write per line, so that a process that is killed leaves whole lines.
            .and_then(|line| file.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            eprintln!("cannot record a request: {error}");
        }
    }
}
