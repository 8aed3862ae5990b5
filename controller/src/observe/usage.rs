//! What Macie says that its members have cost.

use std::collections::BTreeMap;

use aws_sdk_macie2::{
    operation::get_usage_statistics::builders::GetUsageStatisticsFluentBuilder,
    types::{
        ServiceLimit, TimeRange, Unit, UsageByAccount, UsageRecord, UsageStatisticsFilter,
        UsageStatisticsFilterComparator, UsageStatisticsFilterKey,
    },
};
use controller_core::{
    id::{Region, Scope},
    money::Usd,
    observed::{ErrorClass, Fact, Trouble},
    usage::{Kind, Usage},
};

use super::macie::time;
use crate::aws::{Aws, trouble};

const OPERATION: &str = "macie2:GetUsageStatistics";

/// The administrator's and its members' usage since the first of the month: one pass over the pages,
/// however many accounts there are.
pub async fn usage(aws: &Aws, region: &Region) -> Result<Vec<Usage>, Trouble> {
    read_pages(region, aws.macie(region).get_usage_statistics()).await
}

/// The same of all accounts together, by kind, as Macie itself adds it up.
pub async fn usage_totals(aws: &Aws, region: &Region) -> Result<BTreeMap<Kind, Usd>, Trouble> {
    const OPERATION: &str = "macie2:GetUsageTotals";
    let macie = aws.macie(region);
    let totals = macie.get_usage_totals().time_range("MONTH_TO_DATE").send();
    let totals = totals.await.map_err(|error| trouble(OPERATION, &error))?;
    let kinds = totals.usage_totals().iter().map(|total| {
        let kind = total.r#type().map_or("", |kind| kind.as_str());
        dollars(OPERATION, kind, total.estimated_cost().unwrap_or_default())
    });
    kinds.collect()
}

/// What one account has cost in a Region since the first of the month: nothing, if Macie does not
/// name it.
pub async fn spent(aws: &Aws, scope: &Scope) -> Fact<Usd> {
    // The only comparator that this key takes (Macie API Reference, UsageStatisticsFilter).
    let account = UsageStatisticsFilter::builder()
        .key(UsageStatisticsFilterKey::AccountId)
        .comparator(UsageStatisticsFilterComparator::Contains)
        .values(scope.account.as_str());
    let macie = aws.macie(&scope.region);
    let request = macie.get_usage_statistics().filter_by(account.build());
    match read_pages(&scope.region, request).await {
        Ok(usages) => {
            let own = usages.iter().filter(|usage| usage.account == scope.account);
            Fact::Known(own.fold(Usd::default(), |sum, usage| sum + usage.total()))
        }
        Err(trouble) => Fact::Unknown(trouble),
    }
}

async fn read_pages(
    region: &Region,
    request: GetUsageStatisticsFluentBuilder,
) -> Result<Vec<Usage>, Trouble> {
    let request = request.time_range(TimeRange::MonthToDate);
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
    let limits = || {
        let kinds = record.usage().iter();
        kinds.filter_map(UsageByAccount::service_limit)
    };
    Ok(Usage {
        account: account.map_err(|error| unreadable(format!("{error}")))?,
        region: region.clone(),
        quota_met: limits().any(|limit| limit.is_service_limited() == Some(true)),
        quota_terabytes: limits().find_map(terabytes),
        usd: kinds.map(cost).collect::<Result<_, _>>()?,
        trial_since: record.free_trial_start_date().and_then(time),
    })
}

/// Terabytes are the only unit that Macie's API knows.
fn terabytes(limit: &ServiceLimit) -> Option<u64> {
    let value = limit
        .value()
        .filter(|_| limit.unit() == Some(&Unit::Terabytes))?;
    u64::try_from(value).ok()
}

fn cost(usage: &UsageByAccount) -> Result<(Kind, Usd), Trouble> {
    let kind = usage.r#type().map_or("", |kind| kind.as_str());
    dollars(OPERATION, kind, usage.estimated_cost().unwrap_or_default())
}

fn dollars(operation: &'static str, kind: &str, text: &str) -> Result<(Kind, Usd), Trouble> {
    let usd = text.parse().map_err(|_| Trouble {
        operation,
        class: ErrorClass::Other,
        message: format!("`{text}` is not what {kind} costs in decimal dollars"),
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
