//! Shapes of events: what was caught against our fixtures, and what the controller makes of it.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};
use controller_core::{
    event::{Cause, Request, Trigger, parse_many},
    id::Scope,
};
use serde_json::Value;

use super::events::{CONTROL, CREATED, Caught, PUT_NONE, PUT_ONE};
use crate::{answer::Book, aws::Aws};

/// A shape that we know only from documents.
struct Shape {
    question: &'static str,
    cause: Cause,
    event_name: &'static str,
    bucket: &'static str,
    fixture: &'static str,
}

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../fixtures/events/", $name, ".json"))
    };
}

const SHAPES: [Shape; 6] = [
    Shape {
        question: "shape-create-bucket",
        cause: Cause::CreateBucket,
        event_name: "CreateBucket",
        bucket: CREATED,
        fixture: fixture!("create-bucket-one-tag"),
    },
    Shape {
        question: "shape-tag-resource",
        cause: Cause::TagResource,
        event_name: "TagResource",
        bucket: CONTROL,
        fixture: fixture!("tag-resource-on-bucket"),
    },
    Shape {
        question: "shape-untag-resource",
        cause: Cause::UntagResource,
        event_name: "UntagResource",
        bucket: CONTROL,
        fixture: fixture!("untag-resource-on-bucket"),
    },
    Shape {
        question: "shape-put-one-tag",
        cause: Cause::PutBucketTagging,
        event_name: "PutBucketTagging",
        bucket: PUT_ONE,
        fixture: fixture!("put-bucket-tagging-one-tag"),
    },
    Shape {
        question: "shape-put-no-tags",
        cause: Cause::PutBucketTagging,
        event_name: "PutBucketTagging",
        bucket: PUT_NONE,
        fixture: fixture!("put-bucket-tagging-no-tags-object"),
    },
    Shape {
        question: "shape-delete-tags",
        cause: Cause::DeleteBucketTagging,
        event_name: "DeleteBucketTagging",
        bucket: PUT_NONE,
        fixture: fixture!("delete-bucket-tagging"),
    },
];

impl Shape {
    fn find<'c>(&self, caught: &'c [Caught], prefix: &str) -> Option<&'c Caught> {
        let bucket = format!("{prefix}-{}", self.bucket);
        caught.iter().find(|caught| {
            caught.text("/detail/eventName") == self.event_name
                && caught.event.to_string().contains(&bucket)
        })
    }
}

/// Whether every shape was caught.
pub fn is_complete(caught: &[Caught], prefix: &str) -> bool {
    SHAPES
        .iter()
        .all(|shape| shape.find(caught, prefix).is_some())
}

/// Writes each event into a file of its own. They hold account ids: replace those before they are
/// shown to anybody.
pub fn save(caught: &[Caught], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    for (number, one) in caught.iter().enumerate() {
        let name = match one.text("/detail/eventName") {
            "" => "tag-change",
            name => name,
        };
        let file = folder.join(format!("{number:02}-{name}.json"));
        let text = serde_json::to_string_pretty(&one.event)?;
        fs::write(&file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    Ok(())
}

/// Compares each shape with its fixture, and what the controller makes of it with what it should.
pub fn compare(aws: &Aws, prefix: &str, caught: &[Caught], book: &mut Book) {
    let scope = Scope {
        account: aws.workload.clone(),
        region: aws.region.clone(),
    };
    for shape in &SHAPES {
        let Some(one) = shape.find(caught, prefix) else {
            book.unanswered(shape.question, "no such event came in 20 minutes");
            continue;
        };
        let bucket = format!("{prefix}-{}", shape.bucket);
        let misread = misread(&one.event, &scope, &bucket, shape.cause);
        let ours: Value = serde_json::from_str(shape.fixture).unwrap_or_default();
        let differences = differences(&one.event, ours.get("event").unwrap_or(&Value::Null));
        let agrees = misread.is_none() && differences.is_empty();
        let read = misread.unwrap_or_else(|| "the controller reads it right".to_owned());
        let observed = match differences.as_slice() {
            [] => format!("{read}; the same paths as in the fixture"),
            some => format!("{read}; {}", some.join(", ")),
        };
        book.found(shape.question, observed, agrees);
    }
}

/// What the controller gets wrong about an event.
fn misread(event: &Value, scope: &Scope, bucket: &str, cause: Cause) -> Option<String> {
    let incoming = parse_many(&event.to_string());
    let [incoming] = incoming.as_slice() else {
        return Some(format!(
            "the controller takes it for {} events",
            incoming.len()
        ));
    };
    match &incoming.result {
        Ok(Request::Look(Trigger {
            scope: read,
            bucket: hint,
            cause: why,
            ..
        })) => {
            let hint = hint.as_ref().map(|hint| hint.as_str());
            let right = read == scope && hint == Some(bucket) && *why == cause;
            (!right).then(|| format!("the controller reads {read}, {hint:?}, {why}"))
        }
        Ok(_) => Some("the controller takes it for a message of its own".to_owned()),
        Err(refusal) => Some(format!("the controller refuses it: {refusal}")),
    }
}

/// Paths with types that only one of the two has, in the envelope, the request and the resources:
/// the rest of a CloudTrail record is of no use to us.
pub fn differences(theirs: &Value, ours: &Value) -> Vec<String> {
    let (theirs, ours) = (paths(theirs), paths(ours));
    let only = |side: &BTreeSet<String>, other: &BTreeSet<String>, whose: &str| {
        let paths: Vec<String> = side.difference(other).cloned().collect();
        paths
            .into_iter()
            .map(|path| format!("only in {whose}: {path}"))
            .collect::<Vec<_>>()
    };
    let mut all = only(&theirs, &ours, "AWS's");
    all.extend(only(&ours, &theirs, "ours"));
    all
}

fn paths(event: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    collect(event, "", &mut paths);
    let is_rest = |path: &String| {
        path.starts_with("/detail/")
            && !path.starts_with("/detail/requestParameters")
            && !path.starts_with("/detail/resources")
    };
    paths.retain(|path| !is_rest(path));
    paths
}

fn collect(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    let kind = match value {
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, &format!("{path}/{name}"), paths);
            }
            "object"
        }
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| collect(item, &format!("{path}/[]"), paths));
            "array"
        }
        Value::String(_) => "string",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => "null",
    };
    paths.insert(format!("{path} ({kind})"));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_that_only_one_has_are_named() {
        let theirs = json!({ "detail": { "requestParameters": { "a": [1], "b": "" }, "x": 1 } });
        let ours = json!({ "detail": { "requestParameters": { "a": [""] }, "y": 1 } });
        assert_eq!(
            differences(&theirs, &ours),
            [
                "only in AWS's: /detail/requestParameters/a/[] (number)",
                "only in AWS's: /detail/requestParameters/b (string)",
                "only in ours: /detail/requestParameters/a/[] (string)",
            ]
        );
        assert_eq!(differences(&ours, &ours), Vec::<String>::new());
    }
}
