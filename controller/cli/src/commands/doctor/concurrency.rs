//! Executions that the functions have reserved, and whether the account has them to give.

use super::{
    Line, Site,
    function::{Function, Functions, unreadable},
    line::check,
};

/// Lambda keeps so many executions unreserved (Lambda API Reference, PutFunctionConcurrency).
const KEPT: i32 = 100;

/// One process keeps one session per account, and the controller's hands out the slots for new
/// jobs, so there must be only one of each.
pub fn reserved_line(site: &Site<'_>, function: &Function) -> Line {
    let (home, name) = (&site.policy.home_region, function.worker.name);
    let check = check("reserved-concurrency", name);
    let repair = format!(
        "aws lambda put-function-concurrency --function-name {name} --reserved-concurrent-executions 1 --region {home}"
    );
    let why = "two at once ask for the same slots of Macie, and open twice the sessions";
    match &function.reserved {
        Ok(Some(1)) => check.pass("one execution at a time"),
        Ok(Some(0)) => check.fail(
            "the function is stopped: it has 0 executions reserved",
            repair,
        ),
        Ok(Some(more)) => check.fail(
            format!("it has {more} executions reserved, expected 1: {why}"),
            repair,
        ),
        Ok(None) => check.fail(
            format!("it has no execution reserved, expected 1: {why}"),
            repair,
        ),
        Err(trouble) => unreadable("reserved-concurrency", function.worker, trouble),
    }
}

/// New accounts may have so few executions that none can be reserved.
pub fn quota(site: &Site<'_>, read: &Functions) -> Line {
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
    let has_none = |function: &&Function| !matches!(function.reserved, Ok(Some(1..)));
    let missing = read.functions.iter().filter(has_none).count();
    let missing = i32::try_from(missing).unwrap_or(i32::MAX);
    match missing == 0 || free >= KEPT.saturating_add(missing) {
        true => check.pass(format!("{free} of {all} executions are not reserved")),
        false => check.fail(
            format!("{free} of {all} executions are not reserved, and Lambda keeps {KEPT}: the {missing} that controller and sweep need cannot be reserved"),
            format!("aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000 --region {home}"),
        ),
    }
}
