//! The most that a run can cost, reckoned before anything is created.

use anyhow::{Result, ensure};
use aws_sdk_macie2::types::{AutoEnableMode, AutomatedDiscoveryStatus};
use controller::aws::trouble;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::{args::Phase, aws::Aws, questions::BUCKETS};

/// Megabytes that are written at most, each of which Macie may scan: 1 + 1 + 3 + 6.
const MEGABYTES: i64 = 11;
/// Buckets per account that Macie monitors and charges (Macie User Guide, macie-quotas).
const BUCKET_QUOTA: usize = 10_000;

/// What a run costs at most, in dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    /// Buckets of the account in the Region, with ours.
    pub buckets: usize,
    /// Days that they are monitored.
    pub days: i64,
    /// Dollars.
    pub dollars: Decimal,
}

/// Macie charges $0.10 per bucket and month, prorated by the day, and $1.00 per gigabyte that a job
/// analyses (first tier, us-east-1; Macie pricing page). A month is taken as 28 days. Requests of
/// S3, SQS and EventBridge are some hundred and not counted.
pub fn bound(buckets: usize, phase: Option<Phase>) -> Bound {
    // Each begun UTC day counts; `finish` may come a day or two late.
    let days = if phase.is_some() { 6 } else { 2 };
    let buckets = buckets + BUCKETS.len();
    let charged = i64::try_from(buckets.min(BUCKET_QUOTA)).unwrap_or(i64::MAX);
    let monitoring = Decimal::new(10, 2) * Decimal::from(charged) * Decimal::from(days);
    let scanning = Decimal::new(MEGABYTES, 3);
    let dollars = (monitoring / Decimal::from(28) + scanning).round_dp(3);
    Bound {
        buckets,
        days,
        dollars,
    }
}

/// Refuses what would cost more than it may, or what cannot be reckoned.
pub async fn check(aws: &Aws, phase: Option<Phase>, most: Decimal) -> Result<Bound> {
    let bound = bound(aws.buckets().await?.len(), phase);
    ensure!(
        bound.dollars <= most,
        "it may cost ${} ({} buckets for {} days, {MEGABYTES} MB scanned), and --max-dollars is \
         {most}: raise it, or take an account with fewer buckets",
        bound.dollars,
        bound.buckets,
        bound.days
    );
    let discovery = aws
        .macie
        .get_automated_discovery_configuration()
        .send()
        .await;
    let discovery =
        discovery.map_err(|error| trouble("macie2:GetAutomatedDiscoveryConfiguration", &error))?;
    let on = discovery.status() == Some(&AutomatedDiscoveryStatus::Enabled);
    let none = discovery.auto_enable_organization_members() == Some(&AutoEnableMode::None);
    ensure!(
        !on || none,
        "automated discovery would be turned on for the account, at a cost that is not in the \
         bound: set UpdateAutomatedDiscoveryConfiguration's autoEnableOrganizationMembers to NONE"
    );
    Ok(bound)
}
