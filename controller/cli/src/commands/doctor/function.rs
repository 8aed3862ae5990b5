//! The controller's function.

use aws_sdk_lambda::{
    Client, operation::get_function_configuration::GetFunctionConfigurationOutput,
    types::AccountLimit,
};
use controller::aws::trouble;
use controller_core::observed::{ErrorClass, Trouble};

use super::{Line, REPAIR, Site, UPGRADE, VERSION, line::check};

/// The function's name.
pub const FUNCTION: &str = "macie-self-service-controller";
/// Lambda keeps so many executions unreserved (Lambda API Reference, PutFunctionConcurrency).
const KEPT: i32 = 100;
/// A message should stay hidden for six times the function's time (Lambda Developer Guide,
/// services-sqs-configure).
const TIMES: i32 = 6;

/// What was read; each part by itself may have failed.
pub struct Function {
    settings: Result<GetFunctionConfigurationOutput, Trouble>,
    reserved: Result<Option<i32>, Trouble>,
    limits: Result<Option<AccountLimit>, Trouble>,
}

pub async fn read(site: &Site<'_>) -> Function {
    let lambda = Client::new(&site.aws.in_region(&site.policy.home_region));
    let settings = lambda.get_function_configuration().function_name(FUNCTION);
    let account = lambda.get_account_settings();
    let (settings, reserved, limits) =
        futures::join!(settings.send(), reserved(&lambda), account.send());
    Function {
        settings: settings.map_err(|error| trouble("lambda:GetFunctionConfiguration", &error)),
        reserved,
        limits: limits
            .map(|reply| reply.account_limit)
            .map_err(|error| trouble("lambda:GetAccountSettings", &error)),
    }
}

/// How many executions the controller's function has reserved: 0 stops it.
pub async fn reserved(lambda: &Client) -> Result<Option<i32>, Trouble> {
    let request = lambda.get_function_concurrency().function_name(FUNCTION);
    let reply = request.send().await;
    let reply = reply.map_err(|error| trouble("lambda:GetFunctionConcurrency", &error))?;
    Ok(reply.reserved_concurrent_executions)
}

pub fn judge(site: &Site<'_>, read: &Function, visibility: Option<i32>) -> Vec<Line> {
    let mut lines = vec![];
    match &read.settings {
        Ok(settings) => {
            lines.extend([timeout(site, settings, visibility), version(site, settings)])
        }
        Err(trouble) => lines.push(unreadable(site, "function", trouble)),
    }
    lines.push(reserved_line(site, &read.reserved));
    lines.push(quota(site, read));
    lines
}

fn unreadable(site: &Site<'_>, name: &'static str, trouble: &Trouble) -> Line {
    let check = check(name, &site.policy.home_region);
    match trouble.class {
        ErrorClass::NotFound => check.fail(format!("there is no function `{FUNCTION}`"), REPAIR),
        _ => check.unknown(trouble),
    }
}

fn timeout(
    site: &Site<'_>,
    settings: &GetFunctionConfigurationOutput,
    visibility: Option<i32>,
) -> Line {
    let check = check("function", &site.policy.home_region);
    let seconds = settings.timeout().unwrap_or_default();
    match visibility {
        None => check.warn(
            format!("it ends after {seconds} s; the queue's visibility timeout is not known"),
            "see the line `queue`",
        ),
        Some(hidden) if hidden < seconds.saturating_mul(TIMES) => check.fail(
            format!("it may run {seconds} s, and the queue hides a message for {hidden} s, less than {TIMES} times that: messages are handled twice"),
            REPAIR,
        ),
        Some(hidden) => {
            check.pass(format!("it may run {seconds} s; the queue hides a message for {hidden} s"))
        }
    }
}

/// The template writes the version at the end of the description.
fn version(site: &Site<'_>, settings: &GetFunctionConfigurationOutput) -> Line {
    let check = check("function-version", &site.policy.home_region);
    match settings
        .description()
        .and_then(|text| text.rsplit(' ').next())
    {
        Some(VERSION) => check.pass(format!("{VERSION}, as this maciectl")),
        Some(other) if !other.is_empty() => check.warn(
            format!("the function's description ends with `{other}`, this maciectl is {VERSION}"),
            format!("{UPGRADE}, or take the maciectl of that version"),
        ),
        _ => check.warn(
            "the function's description does not tell its version",
            UPGRADE,
        ),
    }
}

/// The circuit breaker counts within one process, so there must be only one.
fn reserved_line(site: &Site<'_>, reserved: &Result<Option<i32>, Trouble>) -> Line {
    let home = &site.policy.home_region;
    let check = check("reserved-concurrency", home);
    let repair = format!(
        "aws lambda put-function-concurrency --function-name {FUNCTION} --reserved-concurrent-executions 1 --region {home}"
    );
    match reserved {
        Ok(Some(1)) => check.pass("one execution at a time"),
        Ok(Some(0)) => check.fail("the function is stopped: it has 0 executions reserved", repair),
        Ok(Some(more)) => check.fail(
            format!("it has {more} executions reserved, expected 1: the circuit breaker counts in one process"),
            repair,
        ),
        Ok(None) => check.fail(
            "it has no execution reserved, expected 1: the circuit breaker counts in one process",
            repair,
        ),
        Err(trouble) => unreadable(site, "reserved-concurrency", trouble),
    }
}

/// New accounts may have so few executions that none can be reserved.
fn quota(site: &Site<'_>, read: &Function) -> Line {
    let home = &site.policy.home_region;
    let check = check("concurrency-quota", home);
    let limits = match &read.limits {
        Ok(Some(limits)) => limits,
        Ok(None) => return check.warn("Lambda tells no limits", "run maciectl doctor again"),
        Err(trouble) => return check.unknown(trouble),
    };
    let (all, free) = (
        limits.concurrent_executions(),
        limits
            .unreserved_concurrent_executions()
            .unwrap_or_default(),
    );
    let has_one = matches!(read.reserved, Ok(Some(1..)));
    match has_one || free > KEPT {
        true => check.pass(format!("{free} of {all} executions are not reserved")),
        false => check.fail(
            format!("{free} of {all} executions are not reserved, and Lambda keeps {KEPT}: none can be reserved for the controller"),
            format!("aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000 --region {home}"),
        ),
    }
}
