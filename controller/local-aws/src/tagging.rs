//! The tagging index (Resource Groups Tagging API): S3's history as it was a lag ago.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    s3::{self, Change},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[Operation {
    service: "tagging",
    name: "GetResources",
    action: "tag:GetResources",
    does: "Lists the caller's buckets of the Region that are tagged or were once, by tag filters, as they were `index_lag` ago; tokens last 15 minutes.",
    source: "Resource Groups Tagging API Reference, GetResources",
}];

/// How long a token is good for.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_mins(15);

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    match operation {
        "GetResources" => get_resources(world, call),
        _ => Err(ApiError::new("UnknownOperationException", 404, operation)),
    }
}

type Tags = BTreeMap<String, String>;

fn get_resources(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let size = page_size(call)?;
    let filters = filters(call)?;
    let after = token(world.now(), call)?;
    let arns = strings(call.input.get("ResourceARNList"));
    if !arns.is_empty() && !filters.is_empty() {
        return Err(invalid(
            "ResourceARNList and TagFilters cannot be given in one request",
        ));
    }
    let mut found = indexed(world, call);
    if !wants_buckets(call) {
        found.clear();
    }
    found.retain(|name, tags| {
        name.as_str() > after.as_str()
            && filters.iter().all(|filter| filter.matches(tags))
            && (arns.is_empty() || arns.contains(&s3::arn(name)))
    });
    let more = found.len() > size;
    let page: Vec<(String, Tags)> = found.into_iter().take(size).collect();
    let next = match page.last() {
        Some((last, _)) if more => format!("{}:{last}", world.now().as_second()),
        _ => String::new(),
    };
    let mappings: Vec<Value> = page
        .iter()
        .map(|(name, tags)| json!({ "ResourceARN": s3::arn(name), "Tags": pairs(tags) }))
        .collect();
    Ok(Reply::json(
        json!({ "PaginationToken": next, "ResourceTagMappingList": mappings }),
    ))
}

/// The buckets that are tagged or were once, in the caller's account and Region, a lag ago.
fn indexed(world: &World, call: &Call) -> BTreeMap<String, Tags> {
    let seen = world
        .now()
        .checked_sub(world.switches.index_lag)
        .unwrap_or(Timestamp::MIN);
    let mut index = BTreeMap::new();
    for change in &world.s3.history {
        if change.at <= seen
            && change.account == call.caller.account
            && change.region == call.region
        {
            apply(&mut index, change);
        }
    }
    index
}

fn apply(index: &mut BTreeMap<String, Tags>, change: &Change) {
    match &change.tags {
        None => {
            index.remove(&change.bucket);
        }
        // A bucket enters the index with its first tag and stays when its last one goes.
        Some(tags) if !tags.is_empty() || index.contains_key(&change.bucket) => {
            index.insert(change.bucket.clone(), tags.clone());
        }
        Some(_) => {}
    }
}

fn pairs(tags: &Tags) -> Vec<Value> {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

struct Filter {
    key: String,
    values: Vec<String>,
}

impl Filter {
    fn matches(&self, tags: &Tags) -> bool {
        tags.get(&self.key)
            .is_some_and(|value| self.values.is_empty() || self.values.contains(value))
    }
}

fn filters(call: &Call) -> Result<Vec<Filter>, ApiError> {
    let Some(list) = call.input.get("TagFilters").and_then(Value::as_array) else {
        return Ok(Vec::new());
    };
    if list.len() > 50 {
        return Err(invalid("TagFilters: at most 50 keys"));
    }
    list.iter().map(filter).collect()
}

fn filter(input: &Value) -> Result<Filter, ApiError> {
    let key = input.get("Key").and_then(Value::as_str).unwrap_or_default();
    let values = strings(input.get("Values"));
    if key.is_empty() || key.chars().count() > 128 {
        return Err(invalid("TagFilters: a key has 1 to 128 characters"));
    }
    if values.len() > 20 {
        return Err(invalid("TagFilters: at most 20 values for a key"));
    }
    Ok(Filter {
        key: key.to_owned(),
        values,
    })
}

fn wants_buckets(call: &Call) -> bool {
    let types = strings(call.input.get("ResourceTypeFilters"));
    types.is_empty() || types.iter().any(|name| name == "s3" || name == "s3:bucket")
}

fn page_size(call: &Call) -> Result<usize, ApiError> {
    let Some(size) = call.input.get("ResourcesPerPage").filter(|v| !v.is_null()) else {
        return Ok(50);
    };
    size.as_u64()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| (1..=100).contains(size))
        .ok_or_else(|| {
            invalid(&format!(
                "ResourcesPerPage: expected 1 to 100, found `{size}`"
            ))
        })
}

/// The name after which the page begins; empty for the first.
fn token(now: Timestamp, call: &Call) -> Result<String, ApiError> {
    let text = call.text("PaginationToken").unwrap_or_default();
    if text.is_empty() {
        return Ok(String::new());
    }
    let (issued, last) = text
        .split_once(':')
        .and_then(|(seconds, last)| Some((seconds.parse::<i64>().ok()?, last)))
        .ok_or_else(|| invalid("PaginationToken: not a token of this service"))?;
    if now.as_second().saturating_sub(issued) > TOKEN_LIFE.as_secs() {
        return Err(ApiError::new(
            "PaginationTokenExpiredException",
            400,
            "The PaginationToken has expired: it is valid for 15 minutes",
        ));
    }
    Ok(last.to_owned())
}

fn strings(input: Option<&Value>) -> Vec<String> {
    input
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("InvalidParameterException", 400, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Clock,
        organization::{Organization, admin},
        request::Body,
    };

    const ACCOUNT: &str = "300000000001";

    fn world() -> World {
        let clock = Clock::Frozen(Timestamp::UNIX_EPOCH);
        let mut world = Organization::new(2, &["eu-west-1"], clock).build().unwrap();
        for (name, tags) in [
            ("alpha", &[("macie", "true"), ("team", "a")][..]),
            ("bravo", &[("macie", "false")]),
            ("charlie", &[]),
        ] {
            create(&mut world, ACCOUNT, "eu-west-1", name, tags);
        }
        create(
            &mut world,
            ACCOUNT,
            "us-east-1",
            "delta",
            &[("macie", "true")],
        );
        create(
            &mut world,
            "300000000002",
            "eu-west-1",
            "echo-bucket",
            &[("macie", "true")],
        );
        world
    }

    fn create(world: &mut World, account: &str, region: &str, name: &str, tags: &[(&str, &str)]) {
        s3::create_bucket(world, &admin(account), region, name, tags).unwrap();
    }

    fn get(world: &mut World, input: Value) -> Result<(Vec<String>, String), ApiError> {
        let call = Call {
            service: "tagging",
            region: "eu-west-1".to_owned(),
            caller: admin(ACCOUNT),
            method: "POST".to_owned(),
            segments: vec![String::new()],
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            input,
        };
        let reply = perform(world, &call, "GetResources")?;
        let Body::Json(document) = reply.body else {
            panic!("the tagging service speaks JSON")
        };
        let names = document["ResourceTagMappingList"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mapping| {
                let arn = mapping["ResourceARN"].as_str().unwrap();
                let count = mapping["Tags"].as_array().unwrap().len();
                format!("{} {count}", arn.trim_start_matches("arn:aws:s3:::"))
            })
            .collect();
        let token = document["PaginationToken"].as_str().unwrap().to_owned();
        Ok((names, token))
    }

    fn names(world: &mut World, input: Value) -> Vec<String> {
        get(world, input).unwrap().0
    }

    #[test]
    fn filters_are_all_of_any_of() {
        let mut world = world();
        let filter =
            |list: Value| json!({ "TagFilters": list, "ResourceTypeFilters": ["s3:bucket"] });
        assert_eq!(names(&mut world, json!({})), ["alpha 2", "bravo 1"]);
        let values = json!([{ "Key": "macie", "Values": ["true", "yes"] }]);
        assert_eq!(names(&mut world, filter(values)), ["alpha 2"]);
        let key = json!([{ "Key": "macie" }]);
        assert_eq!(names(&mut world, filter(key)), ["alpha 2", "bravo 1"]);
        let both = json!([{ "Key": "macie" }, { "Key": "team", "Values": ["b"] }]);
        assert!(names(&mut world, filter(both)).is_empty());
        let others = json!({ "ResourceTypeFilters": ["ec2:instance"] });
        assert!(names(&mut world, others).is_empty());
    }

    #[test]
    fn the_index_lags_and_keeps_what_was_once_tagged() {
        let mut world = world();
        world.switches.index_lag = SignedDuration::from_secs(60);
        assert!(names(&mut world, json!({})).is_empty());
        world.advance(SignedDuration::from_secs(60));
        let caller = admin(ACCOUNT);
        s3::delete_bucket_tagging(&mut world, &caller, "eu-west-1", "bravo").unwrap();
        s3::delete_bucket(&mut world, &caller, "eu-west-1", "alpha").unwrap();
        assert_eq!(names(&mut world, json!({})), ["alpha 2", "bravo 1"]);
        world.advance(SignedDuration::from_secs(60));
        assert_eq!(names(&mut world, json!({})), ["bravo 0"]);
    }

    #[test]
    fn pages_end_with_an_empty_token_and_tokens_expire() {
        let mut world = world();
        let (first, token) = get(&mut world, json!({ "ResourcesPerPage": 1 })).unwrap();
        assert_eq!(first, ["alpha 2"]);
        let next = json!({ "ResourcesPerPage": 1, "PaginationToken": token });
        let rest = get(&mut world, next.clone()).unwrap();
        assert_eq!(rest, (vec!["bravo 1".to_owned()], String::new()));
        world.advance(SignedDuration::from_mins(15));
        assert!(get(&mut world, next.clone()).is_ok());
        world.advance(SignedDuration::from_secs(1));
        let error = get(&mut world, next).unwrap_err();
        assert_eq!(error.code, "PaginationTokenExpiredException");
        for bad in [
            json!({ "ResourcesPerPage": 0 }),
            json!({ "ResourcesPerPage": 101 }),
            json!({ "PaginationToken": "x" }),
            json!({ "TagFilters": [{ "Values": ["true"] }] }),
        ] {
            let error = get(&mut world, bad).unwrap_err();
            assert_eq!(error.code, "InvalidParameterException");
        }
    }
}
