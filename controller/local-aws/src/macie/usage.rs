//! What Macie costs: buckets monitored, bytes analysed. Only what has accrued.
//!
//! Prices of us-east-1 unless the world says otherwise, without free trial, free gigabytes and
//! discounts: Macie's own estimate shows a trial's would-be cost and ignores most discounts too. A
//! gigabyte is 10^9 bytes and a terabyte 10^12, for AWS's pages do not say which.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, ToSpan, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Scope,
    buckets::Order,
    figures::Prices,
    members::Relationship,
    schedule::utc,
    scope::Comparator,
    session,
    wire::{Outcome, Paging, input, invalid, paged, set},
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Buckets per account that are monitored, and so charged.
const BUCKET_QUOTA: usize = 10_000;

/// What an account has used in a Region; outlives its session.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    first_enabled_at: Option<Timestamp>,
    /// When Macie was on; the last span may still be open.
    spans: Vec<(Timestamp, Option<Timestamp>)>,
    /// Bytes analysed by jobs, and when.
    analysed: Vec<(Timestamp, u64)>,
    /// When the monthly quota was met.
    limited: Vec<Timestamp>,
}

impl Ledger {
    pub(super) fn open(&mut self, at: Timestamp) {
        self.first_enabled_at.get_or_insert(at);
        if !matches!(self.spans.last(), Some((_, None))) {
            self.spans.push((at, None));
        }
    }

    pub(super) fn close(&mut self, at: Timestamp) {
        if let Some((_, end @ None)) = self.spans.last_mut() {
            *end = Some(at);
        }
    }

    pub(super) fn analysed(&mut self, at: Timestamp, bytes: u64) {
        self.analysed.push((at, bytes));
    }

    pub(super) fn limited(&mut self, at: Timestamp) {
        self.limited.push(at);
    }

    /// Bytes analysed in the UTC month of a time.
    pub(super) fn analysed_in_month(&self, at: Timestamp) -> u64 {
        let in_month = |(then, _): &&(Timestamp, u64)| same_month(*then, at);
        self.analysed
            .iter()
            .rev()
            .take_while(in_month)
            .map(|(_, bytes)| bytes)
            .sum()
    }

    /// What was analysed in a span of time costs. Each month begins with the first tier.
    fn analysing(&self, prices: &Prices, span: Span) -> Decimal {
        let mut months: BTreeMap<Date, (u64, u64)> = BTreeMap::new();
        for (at, bytes) in self.analysed.iter().filter(|(at, _)| *at <= span.last) {
            let month = utc(*at).date().first_of_month();
            let (earlier, all) = months.entry(month).or_default();
            *all = all.saturating_add(*bytes);
            if *at < span.from {
                *earlier = *all;
            }
        }
        let costs = months.into_values();
        costs
            .map(|(earlier, all)| prices.analysing(all) - prices.analysing(earlier))
            .sum()
    }

    fn is_limited(&self, at: Timestamp) -> bool {
        self.limited.iter().any(|then| same_month(*then, at))
    }
}

fn same_month(left: Timestamp, right: Timestamp) -> bool {
    utc(left).date().first_of_month() == utc(right).date().first_of_month()
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum TimeRange {
    MonthToDate,
    #[default]
    #[serde(rename = "PAST_30_DAYS")]
    Past30Days,
}

impl TimeRange {
    /// Until now.
    fn until(self, now: Timestamp) -> Span {
        Span {
            from: self.start(now),
            last: now,
        }
    }

    /// From when on: the first of the month, or 30 days ago.
    fn start(self, now: Timestamp) -> Timestamp {
        let midnight = jiff::civil::Time::midnight();
        match self {
            Self::Past30Days => now
                .checked_sub(SignedDuration::from_hours(24 * 30))
                .unwrap_or(now),
            Self::MonthToDate => jiff::tz::TimeZone::UTC
                .to_timestamp(utc(now).date().first_of_month().to_datetime(midnight))
                .unwrap_or(now),
        }
    }
}

/// A span of time, its last moment included.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: Timestamp,
    last: Timestamp,
}

/// How long monitoring is free, from when Macie was first enabled (Macie User Guide,
/// account-mgmt-free-trial).
const TRIAL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What an account is billed for a span of time, its end excluded: the same list prices, without what a
/// trial makes free. The day on which a trial ends is charged.
pub(crate) fn billed(
    world: &World,
    account: &str,
    region: &str,
    [from, end]: [Timestamp; 2],
) -> Decimal {
    let scope = Scope::new(region, account);
    let Some(ledger) = world.macie.ledgers.get(&scope) else {
        return Decimal::ZERO;
    };
    let last = end - SignedDuration::from_nanos(1);
    let span = Span { from, last };
    let began = ledger.first_enabled_at;
    let trial = began.map_or(from, |at| at.checked_add(TRIAL).unwrap_or(at));
    let charged = Span {
        from: from.max(trial),
        last,
    };
    let lifetimes = lifetimes(world, region);
    cost(world, &lifetimes, &scope, charged).monitoring + cost(world, &lifetimes, &scope, span).jobs
}

/// Accounts and Regions in which Macie was ever on.
pub(crate) fn users(world: &World) -> impl Iterator<Item = (&str, &str)> {
    let scopes = world.macie.ledgers.keys();
    scopes.map(|scope| (scope.account.as_str(), scope.region.as_str()))
}

/// An account's cost in a time range.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    monitoring: Decimal,
    jobs: Decimal,
}

impl Cost {
    fn total(self) -> Decimal {
        self.monitoring + self.jobs
    }

    /// Automated discovery costs nothing here.
    fn by_type(self) -> [(&'static str, Decimal); 4] {
        [
            ("DATA_INVENTORY_EVALUATION", self.monitoring),
            ("SENSITIVE_DATA_DISCOVERY", self.jobs),
            ("AUTOMATED_SENSITIVE_DATA_DISCOVERY", Decimal::ZERO),
            ("AUTOMATED_OBJECT_MONITORING", Decimal::ZERO),
        ]
    }
}

/// What an account has cost in a Region since the first of the month, in US dollars.
pub fn month_to_date(world: &World, region: &str, account: &str) -> Decimal {
    let span = TimeRange::MonthToDate.until(world.now());
    let scope = Scope::new(region, account);
    cost(world, &lifetimes(world, region), &scope, span).total()
}

/// What an account has cost in a span of time. A bucket that is monitored at any time of a UTC day is
/// charged for that day, at the price of a month divided by its days.
fn cost(world: &World, lifetimes: &Lifetimes, scope: &Scope, span: Span) -> Cost {
    let Some(ledger) = world.macie.ledgers.get(scope) else {
        return Cost::default();
    };
    let prices = world.macie.figures.prices(&scope.region);
    let last = world.now().min(span.last);
    let monitoring: Decimal = lifetimes
        .get(scope.account.as_str())
        .map(|buckets| bucket_days(buckets, ledger, Span { last, ..span }))
        .unwrap_or_default()
        .into_iter()
        .map(|(day, buckets)| {
            Decimal::from(buckets.min(BUCKET_QUOTA)) * prices.bucket_month
                / Decimal::from(day.days_in_month())
        })
        .sum();
    Cost {
        monitoring: monitoring.round_dp(9),
        jobs: ledger.analysing(&prices, span),
    }
}

/// How many buckets were monitored, by UTC day.
fn bucket_days(
    buckets: &BTreeMap<&str, Lives>,
    ledger: &Ledger,
    Span { from, last }: Span,
) -> BTreeMap<Date, usize> {
    let mut days: BTreeSet<(Date, &str)> = BTreeSet::new();
    for (bucket, lives) in buckets {
        for (created, deleted) in lives {
            for (opened, closed) in &ledger.spans {
                let start = from.max(*created).max(*opened);
                let end = last
                    .min(deleted.unwrap_or(last))
                    .min(closed.unwrap_or(last));
                days.extend(dates(start, end).map(|date| (date, *bucket)));
            }
        }
    }
    let mut counts = BTreeMap::new();
    for (date, _) in days {
        *counts.entry(date).or_default() += 1;
    }
    counts
}

/// The UTC days that a span of time touches.
fn dates(start: Timestamp, end: Timestamp) -> impl Iterator<Item = Date> {
    let last = utc(end).date();
    let first = (start <= end).then(|| utc(start).date());
    std::iter::successors(first, |date| date.checked_add(1.day()).ok())
        .take_while(move |date| *date <= last)
}

type Lives = Vec<(Timestamp, Option<Timestamp>)>;
/// When each bucket existed, by account and bucket.
type Lifetimes<'w> = BTreeMap<&'w str, BTreeMap<&'w str, Lives>>;

/// Those of a Region, in one pass.
fn lifetimes<'w>(world: &'w World, region: &str) -> Lifetimes<'w> {
    let mut lifetimes: Lifetimes = BTreeMap::new();
    let changes = world.s3.history.iter();
    for change in changes.filter(|change| change.region == region) {
        let buckets = lifetimes.entry(&change.account).or_default();
        let lives = buckets.entry(&change.bucket).or_default();
        match (lives.last_mut(), &change.tags) {
            (Some((_, deleted @ None)), None) => *deleted = Some(change.at),
            (Some((_, None)), Some(_)) | (_, None) => {}
            (_, Some(_)) => lives.push((change.at, None)),
        }
    }
    lifetimes
}

pub(super) fn perform(world: &World, call: &Call, operation: &str) -> Outcome {
    let scope = Scope::of(call);
    session::required(world, &scope)?;
    match operation {
        "GetUsageStatistics" => statistics(world, &scope, &input(call)?),
        _ => totals(world, call, &scope),
    }
}

/// The caller, and the accounts that are associated with it: Paused ones too, for AWS does not
/// say that they disappear.
fn accounts(world: &World, scope: &Scope) -> Vec<Scope> {
    let administers = world.macie.administrator(&scope.region) == Some(scope.account.as_str());
    let members = world
        .macie
        .members(&scope.region)
        .filter(|(_, member)| administers && member.status != Relationship::Removed)
        .map(|(account, _)| Scope::new(&scope.region, account));
    let mut accounts: Vec<Scope> = std::iter::once(scope.clone()).chain(members).collect();
    accounts.retain(|scope| world.macie.ledgers.contains_key(scope));
    accounts.sort();
    accounts
}

fn totals(world: &World, call: &Call, scope: &Scope) -> Outcome {
    let range = match call.query("timeRange") {
        None => TimeRange::default(),
        Some(text) => serde_json::from_value(json!(text)).map_err(|_| {
            invalid(format!(
                "`timeRange` is `{text}`: expected MONTH_TO_DATE or PAST_30_DAYS"
            ))
        })?,
    };
    let span = range.until(world.now());
    let lifetimes = lifetimes(world, &scope.region);
    let sum = accounts(world, scope)
        .iter()
        .map(|account| cost(world, &lifetimes, account, span))
        .fold(Cost::default(), |sum, cost| Cost {
            monitoring: sum.monitoring + cost.monitoring,
            jobs: sum.jobs + cost.jobs,
        });
    let totals: Vec<Value> = sum
        .by_type()
        .into_iter()
        .map(|(kind, cost)| json!({ "currency": "USD", "estimatedCost": dollars(cost), "type": kind }))
        .collect();
    Ok(Reply::json(
        json!({ "timeRange": range, "usageTotals": totals }),
    ))
}

fn dollars(cost: Decimal) -> String {
    cost.normalize().to_string()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    #[serde(default)]
    filter_by: Vec<Filter>,
    sort_by: Option<Sort>,
    #[serde(default)]
    time_range: TimeRange,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Filter {
    comparator: Comparator,
    key: FilterKey,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum FilterKey {
    AccountId,
    ServiceLimit,
    FreeTrialStartDate,
    Total,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    key: SortKey,
    #[serde(default)]
    order_by: Order,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum SortKey {
    AccountId,
    Total,
    ServiceLimitValue,
    FreeTrialStartDate,
}

/// One account's record.
struct Record {
    account: String,
    cost: Cost,
    limited: bool,
    trial: Option<Timestamp>,
}

impl Filter {
    fn check(&self) -> Result<(), ApiError> {
        let value = self.values.first().map(String::as_str).unwrap_or_default();
        let one = self.values.len() == 1;
        let order = !matches!(
            self.comparator,
            Comparator::Contains | Comparator::StartsWith
        );
        let fits = match self.key {
            FilterKey::AccountId => {
                self.comparator == Comparator::Contains && !self.values.is_empty()
            }
            FilterKey::ServiceLimit => one && order && value.parse::<bool>().is_ok(),
            FilterKey::FreeTrialStartDate => one && order && value.parse::<Timestamp>().is_ok(),
            FilterKey::Total => one && order && value.parse::<Decimal>().is_ok(),
        };
        if fits {
            return Ok(());
        }
        Err(invalid(format!(
            "the filter on {:?} with {:?} and {:?} is not valid: accountId takes CONTAINS, the others EQ, NE, GT, GTE, LT or LTE with one value",
            self.key, self.comparator, self.values
        )))
    }

    fn holds(&self, record: &Record) -> bool {
        let value = self.values.first().map(String::as_str).unwrap_or_default();
        let comparator = self.comparator;
        match self.key {
            FilterKey::AccountId => comparator.says(&record.account, &self.values),
            FilterKey::ServiceLimit => value
                .parse()
                .is_ok_and(|value| comparator.orders(&record.limited, &value)),
            FilterKey::FreeTrialStartDate => value.parse().is_ok_and(|value| {
                record
                    .trial
                    .is_some_and(|at| comparator.orders(&at, &value))
            }),
            FilterKey::Total => value
                .parse()
                .is_ok_and(|value| comparator.orders(&record.cost.total(), &value)),
        }
    }
}

fn statistics(world: &World, scope: &Scope, request: &Statistics) -> Outcome {
    let paging = Paging::new(request.max_results, request.next_token.as_deref(), 50, 1000)?;
    request.filter_by.iter().try_for_each(Filter::check)?;
    let now = world.now();
    let span = request.time_range.until(now);
    let lifetimes = lifetimes(world, &scope.region);
    let mut records: Vec<Record> = accounts(world, scope)
        .into_iter()
        .map(|scope| {
            let ledger = world.macie.ledgers.get(&scope);
            Record {
                cost: cost(world, &lifetimes, &scope, span),
                limited: ledger.is_some_and(|ledger| ledger.is_limited(now)),
                trial: ledger.and_then(|ledger| ledger.first_enabled_at),
                account: scope.account,
            }
        })
        .filter(|record| request.filter_by.iter().all(|filter| filter.holds(record)))
        .collect();
    if let Some(sort) = &request.sort_by {
        match sort.key {
            SortKey::AccountId => sort
                .order_by
                .sort(&mut records, |record| record.account.clone()),
            SortKey::Total => sort
                .order_by
                .sort(&mut records, |record| record.cost.total()),
            SortKey::FreeTrialStartDate => sort.order_by.sort(&mut records, |record| record.trial),
            // The quota is the same for every account.
            SortKey::ServiceLimitValue => {}
        }
    }
    let (page, next) = paging.cut(records);
    let quota = world.macie.figures.quota_terabytes;
    let page = page.iter().map(|record| document(record, quota)).collect();
    let mut document = paged("records", page, next);
    set(&mut document, "timeRange", Some(json!(request.time_range)));
    Ok(Reply::json(document))
}

fn document(record: &Record, quota: u64) -> Value {
    let usage: Vec<Value> = record
        .cost
        .by_type()
        .into_iter()
        .map(|(kind, cost)| {
            let mut usage =
                json!({ "currency": "USD", "estimatedCost": dollars(cost), "type": kind });
            let limit = json!({
                "isServiceLimited": record.limited,
                "unit": "TERABYTES",
                "value": quota,
            });
            set(
                &mut usage,
                "serviceLimit",
                (kind == "SENSITIVE_DATA_DISCOVERY").then_some(limit),
            );
            usage
        })
        .collect();
    let mut document = json!({ "accountId": record.account, "usage": usage });
    set(
        &mut document,
        "freeTrialStartDate",
        record.trial.map(|at| at.to_string()),
    );
    document
}
