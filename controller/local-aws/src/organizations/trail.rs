//! CloudTrail's events of the operations that change the organization: the call, and what came of
//! it where AWS works in the background. They are the management account's, in us-east-1
//! (Organizations User Guide, orgs_cloudtrail-integration, which has the shapes).

use serde_json::{Map, Value, json};

use crate::{error::ApiError, events, request::Call, s3, world::World};

/// The Region of Organizations' events.
pub const REGION: &str = "us-east-1";

/// Emits the events of a call that changed the organization, or failed to.
pub fn record(world: &mut World, call: &Call, operation: &str, outcome: &Result<Value, ApiError>) {
    if !world.switches.trail {
        return;
    }
    let mut detail = json!({
        "eventType": "AwsApiCall",
        "userIdentity": s3::identity(&call.caller),
        "requestParameters": lower_camel(&call.input),
        "responseElements": null,
    });
    if let (Err(error), Some(members)) = (outcome, detail.as_object_mut()) {
        members.insert("errorCode".to_owned(), json!(error.code));
        members.insert("errorMessage".to_owned(), json!(error.message));
    }
    emit(world, operation, "AWS API Call via CloudTrail", detail);
    let Ok(reply) = outcome else {
        return;
    };
    let (name, status) = match operation {
        "CreateAccount" => ("CreateAccountResult", created(world, reply)),
        "CloseAccount" => ("CloseAccountResult", closed(call)),
        _ => return,
    };
    let detail = json!({
        "eventType": "AwsServiceEvent",
        "userIdentity": { "accountId": call.caller.account, "invokedBy": "AWS Internal" },
        "requestParameters": null,
        "responseElements": null,
        "serviceEventDetails": status,
    });
    emit(world, name, "AWS Service Event via CloudTrail", detail);
}

fn emit(world: &mut World, name: &str, detail_type: &str, mut detail: Value) {
    let management = world.organizations.management.clone();
    let common = json!({
        "eventVersion": "1.08",
        "eventTime": world.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "eventSource": "organizations.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "[local-aws]",
        "eventID": world.uuid(),
        "readOnly": false,
        "managementEvent": true,
        "recipientAccountId": management,
        "eventCategory": "Management",
    });
    if let (Some(members), Value::Object(common)) = (detail.as_object_mut(), common) {
        members.extend(common);
    }
    let source = "aws.organizations";
    events::emit(
        world,
        &management,
        REGION,
        source,
        detail_type,
        Vec::new(),
        detail,
    );
}

/// The status of the request that the reply names.
fn created(world: &World, reply: &Value) -> Value {
    let id = reply
        .pointer("/CreateAccountStatus/Id")
        .and_then(Value::as_str);
    let request = id.and_then(|id| world.organizations.requests.get(id));
    let status = request.map(|request| match &request.outcome {
        Ok(account) => json!({ "id": id, "state": "SUCCEEDED", "accountId": account }),
        Err(reason) => json!({ "id": id, "state": "FAILED", "failureReason": reason }),
    });
    json!({ "createAccountStatus": status })
}

fn closed(call: &Call) -> Value {
    let account = call.text("AccountId");
    json!({ "closeAccountStatus": { "accountId": account, "state": "SUCCEEDED" } })
}

/// The request as CloudTrail writes it: names begin with a small letter, and what is personal is
/// not shown.
fn lower_camel(input: &Value) -> Value {
    let members = input.as_object().into_iter().flatten();
    let written = members.map(|(name, value)| {
        let mut letters = name.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        let value = match name.as_str() {
            "Email" | "AccountName" => json!("****"),
            _ => value.clone(),
        };
        (first.into_iter().chain(letters).collect(), value)
    });
    Value::Object(written.collect::<Map<String, Value>>())
}
