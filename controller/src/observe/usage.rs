//! What Macie says that its members have cost.

use aws_sdk_macie2::types::{TimeRange, UsageByAccount, UsageRecord};
use controller_core::{
    id::Region,
    money::Usd,
    observed::{ErrorClass, Trouble},
    usage::{Kind, Usage},
};

use super::macie::time;
use crate::aws::{Aws, trouble};

const OPERATION: &str = "macie2:GetUsageStatistics";

/// The administrator's and its members' usage since the first of the month: one pass over the pages,
/// however many accounts there are.
pub async fn usage(aws: &Aws, region: &Region) -> Result<Vec<Usage>, Trouble> {
    let macie = aws.macie(region);
    let request = macie
        .get_usage_statistics()
        .time_range(TimeRange::MonthToDate);
    let mut pages = request.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble(OPERATION, &error))?;
        for record in page.records() {
            found.push(read(region, record)?);
        }
    }
    Ok(found)
}

/// An account that cannot be named, or dollars that are none, make the whole answer worthless.
fn read(region: &Region, record: &UsageRecord) -> Result<Usage, Trouble> {
    let account = record.account_id().unwrap_or_default().parse();
    let kinds = record.usage().iter();
    let limited = |usage: &UsageByAccount| {
        let limit = usage.service_limit();
        limit.is_some_and(|limit| limit.is_service_limited() == Some(true))
    };
    Ok(Usage {
        account: account.map_err(|error| unreadable(format!("{error}")))?,
        region: region.clone(),
        quota_met: record.usage().iter().any(limited),
        usd: kinds.map(cost).collect::<Result<_, _>>()?,
        trial_since: record.free_trial_start_date().and_then(time),
    })
}

fn cost(usage: &UsageByAccount) -> Result<(Kind, Usd), Trouble> {
    let kind = usage.r#type().map_or("", |kind| kind.as_str());
    let text = usage.estimated_cost().unwrap_or_default();
    let usd = text.parse().map_err(|_| {
        unreadable(format!(
            "`{text}` is not what {kind} costs in decimal dollars"
        ))
    })?;
    Ok((Kind::named(kind), Usd(usd)))
}

fn unreadable(message: String) -> Trouble {
    Trouble {
        operation: OPERATION,
        class: ErrorClass::Other,
        message,
    }
}
