//! From an HTTP request to a call of a service's operation.

use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::{
    account, cloudformation, cloudtrail, cost_explorer,
    error::ApiError,
    events, lambda, macie,
    operation::{self, Operation},
    organizations, pricing,
    request::{Call, Reply},
    s3, server, sqs, ssm, sts, tagging,
    world::World,
};

/// Service, Region and access key of a request's signature (header or presigned query).
pub fn signature(parts: &Parts) -> (&'static str, String, Option<String>) {
    let header = parts
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let scope: Vec<&str> = header
        .split("Credential=")
        .nth(1)
        .and_then(|rest| rest.split(',').next())
        .unwrap_or_default()
        .split('/')
        .collect();
    let [key, _date, region, service, ..] = scope.as_slice() else {
        return ("s3", "us-east-1".to_owned(), None);
    };
    let path = parts.uri.path();
    let service = match *service {
        "s3" if path.starts_with("/v20180820/") => "s3control",
        "s3" | "s3express" => "s3",
        "sts" => "sts",
        "organizations" => "organizations",
        "tagging" => "tagging",
        "events" => "events",
        "sqs" => "sqs",
        "macie2" => "macie2",
        "account" => "account",
        "cloudformation" => "cloudformation",
        "cloudtrail" => "cloudtrail",
        "lambda" => "lambda",
        "ssm" => "ssm",
        "pricing" => "pricing",
        "ce" => "ce",
        _ => "unknown",
    };
    (service, (*region).to_owned(), Some((*key).to_owned()))
}

/// The call and its operation.
pub fn decode(
    world: &World,
    parts: &Parts,
    body: Vec<u8>,
    service: &'static str,
    region: String,
    key: Option<&str>,
) -> Result<(Call, &'static Operation), ApiError> {
    let Some(key) = key else {
        return Err(ApiError::new(
            "MissingAuthenticationToken",
            403,
            "the request is not signed: give the client any of the access keys that the local AWS prints",
        ));
    };
    let known = |account: &str| world.organizations.accounts.contains_key(account);
    let caller = world
        .iam
        .caller(key, known, world.now())
        .map_err(|error| stranger(service, error))?;
    if !matches!(service, "sts" | "organizations") && is_disabled(world, &caller.account, &region) {
        // IAM User Guide, id_credentials_temp_enable-regions; AWS Account Management Reference
        // Guide, manage-acct-regions: IAM does not spread an account's credentials there.
        let message = "The security token included in the request is invalid.";
        let error = ApiError::new("UnrecognizedClientException", 403, message);
        return Err(stranger(service, error));
    }
    let query = pairs(parts.uri.query().unwrap_or_default());
    let input = match service {
        "sts" | "cloudformation" => form(&body),
        "s3" | "s3control" => Value::Null,
        _ => server::json(&body)?,
    };
    let call = Call {
        service,
        region,
        caller,
        method: parts.method.as_str().to_owned(),
        segments: segments(parts.uri.path()),
        query,
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.as_str().to_owned(), value)
            })
            .collect(),
        body,
        input,
    };
    let name = operation_name(&call);
    // The S3 Control operations are listed among those of S3, which signs and serves both.
    let listed = if service == "s3control" {
        "s3"
    } else {
        service
    };
    match name.and_then(|name| operation::find(listed, &name)) {
        Some(operation) => Ok((call, operation)),
        None => Err(ApiError::new(
            "UnknownOperationException",
            404,
            format!(
                "the local AWS does not implement {} {} of `{service}`: docs/local-aws.md lists what it does",
                parts.method,
                parts.uri.path()
            ),
        )),
    }
}

fn is_disabled(world: &World, account: &str, region: &str) -> bool {
    let account = world.organizations.accounts.get(account);
    account.is_some_and(|account| account.disabled_regions.iter().any(|off| off == region))
}

/// The refusal of an unknown or expired access key, in the words of the service: S3 and STS have
/// codes of their own.
fn stranger(service: &str, error: ApiError) -> ApiError {
    let expired = error.code == "ExpiredTokenException";
    let (code, status) = match (service, expired) {
        ("s3" | "s3control", true) => ("ExpiredToken", 400),
        ("s3" | "s3control", false) => ("InvalidAccessKeyId", 403),
        ("sts", true) => ("ExpiredToken", 403),
        ("sts", false) => ("InvalidClientTokenId", 403),
        _ => return error,
    };
    ApiError::new(code, status, error.message)
}

fn operation_name(call: &Call) -> Option<String> {
    match call.service {
        "sts" | "cloudformation" => call.text("Action").map(str::to_owned),
        "organizations" | "tagging" | "events" | "sqs" | "cloudtrail" | "ssm" | "ce"
        | "pricing" => call
            .header("x-amz-target")
            .and_then(|target| target.rsplit('.').next())
            .map(str::to_owned),
        "s3" | "s3control" => s3::route(call).map(str::to_owned),
        "macie2" => macie::route(call).map(str::to_owned),
        "account" => account::route(call).map(str::to_owned),
        "lambda" => lambda::route(call).map(str::to_owned),
        _ => None,
    }
}

/// Carries out an operation.
pub fn perform(
    world: &mut World,
    call: &Call,
    operation: &'static Operation,
) -> Result<Reply, ApiError> {
    let name = operation.name;
    match call.service {
        "sts" => sts::perform(world, call, name),
        "organizations" => organizations::perform(world, call, name),
        "s3" | "s3control" => s3::perform(world, call, name),
        "tagging" => tagging::perform(world, call, name),
        "events" => events::perform(world, call, name),
        "sqs" => sqs::perform(world, call, name),
        "account" => account::perform(world, call, name),
        "cloudformation" => cloudformation::perform(world, call, name),
        "cloudtrail" => cloudtrail::perform(world, call, name),
        "lambda" => lambda::perform(world, call, name),
        "ssm" => ssm::perform(world, call, name),
        "pricing" => pricing::perform(world, call),
        "ce" => cost_explorer::perform(world, call, name),
        _ => macie::perform(world, call, name),
    }
}

/// The service's access-denied error.
pub fn denied(call: &Call, action: &str) -> ApiError {
    let code = match call.service {
        "s3" | "s3control" | "sts" | "cloudformation" => "AccessDenied",
        _ => "AccessDeniedException",
    };
    let status = if matches!(
        call.service,
        "organizations" | "tagging" | "events" | "sqs" | "cloudtrail" | "ssm" | "ce" | "pricing"
    ) {
        400
    } else {
        403
    };
    ApiError::new(
        code,
        status,
        format!(
            "User: {} is not authorized to perform: {action}",
            call.caller.arn
        ),
    )
}

/// The service's throttling error.
pub fn throttled(call: &Call) -> ApiError {
    match call.service {
        "s3" | "s3control" => ApiError::new("SlowDown", 503, "Please reduce your request rate."),
        "sts" | "cloudformation" => ApiError::new("Throttling", 400, "Rate exceeded"),
        "macie2" => ApiError::new("ThrottlingException", 429, "Rate exceeded"),
        "account" | "lambda" => ApiError::new("TooManyRequestsException", 429, "Rate exceeded"),
        "organizations" => ApiError::new("TooManyRequestsException", 400, "Rate exceeded"),
        "sqs" => ApiError::new("RequestThrottled", 400, "Rate exceeded"),
        "tagging" => ApiError::new("ThrottledException", 400, "Rate exceeded"),
        "ce" => ApiError::new("LimitExceededException", 400, "Rate exceeded"),
        _ => ApiError::new("ThrottlingException", 400, "Rate exceeded"),
    }
}

/// The service's internal error.
pub fn broken(call: &Call) -> ApiError {
    match call.service {
        "s3" | "s3control" => ApiError::new(
            "InternalError",
            500,
            "We encountered an internal error. Please try again.",
        ),
        "macie2" | "account" => ApiError::new("InternalServerException", 500, "internal error"),
        "organizations" | "lambda" => ApiError::new("ServiceException", 500, "internal error"),
        "ssm" => ApiError::new("InternalServerError", 500, "internal error"),
        "events" => ApiError::new("InternalException", 500, "internal error"),
        "pricing" => ApiError::new("InternalErrorException", 500, "internal error"),
        "tagging" => ApiError::new("InternalServiceException", 500, "internal error"),
        _ => ApiError::new("InternalFailure", 500, "internal error"),
    }
}

fn segments(path: &str) -> Vec<String> {
    path.trim_start_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

fn form(body: &[u8]) -> Value {
    let fields: Map<String, Value> = form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect();
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_and_sts_refuse_keys_in_their_own_words() {
        let code = |service, code| {
            let error = stranger(service, ApiError::new(code, 403, "no"));
            (error.code, error.status)
        };
        let cases = [
            ("s3", "ExpiredTokenException", "ExpiredToken", 400),
            (
                "s3",
                "UnrecognizedClientException",
                "InvalidAccessKeyId",
                403,
            ),
            ("sts", "ExpiredTokenException", "ExpiredToken", 403),
            (
                "sts",
                "UnrecognizedClientException",
                "InvalidClientTokenId",
                403,
            ),
            (
                "macie2",
                "ExpiredTokenException",
                "ExpiredTokenException",
                403,
            ),
        ];
        for (service, given, expected, status) in cases {
            assert_eq!(code(service, given), (expected.to_owned(), status));
        }
    }

    #[test]
    fn paths_keep_a_plus_and_queries_read_it_as_a_space() {
        assert_eq!(segments("/orders/a+b%20c%2Fd"), ["orders", "a+b c/d"]);
        let expected = [("prefix", "a b+c"), ("tagging", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(pairs("prefix=a+b%2Bc&tagging"), expected);
        assert_eq!(form(b"Action=AssumeRole")["Action"], "AssumeRole");
    }
}
