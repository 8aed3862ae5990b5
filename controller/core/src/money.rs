//! Dollars: decimals, never floats.

use std::{fmt, ops::Add};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::{
    id::Region,
    observed::BucketSize,
    policy::{Policy, parse_dollars},
};

/// An estimate in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Usd(pub Decimal);

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self
            .0
            .round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        write!(f, "${cents:.2}")
    }
}

impl Usd {
    /// Reads a budget such as `250` or `99.50`; none when it is no plain amount below 10^9.
    pub fn budget(text: &str) -> Option<Self> {
        parse_dollars(text, 9, 2).map(Self)
    }
}

impl Add for Usd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A gigabyte of Macie's price list, in bytes. AWS does not say whether it is 10^9 or 2^30; the
/// smaller one never estimates too little.
const GIGABYTE: u64 = 1_000_000_000;

/// Macie's own forecast assumes that compressed files hold three times their size (Macie User
/// Guide, discovery-jobs-costs).
pub const UNPACKED: u64 = 3;

/// Bytes as gigabytes of the price list.
pub fn gigabytes(bytes: u64) -> Decimal {
    let gigabytes = Decimal::from(bytes).checked_div(Decimal::from(GIGABYTE));
    gigabytes.unwrap_or_default().normalize()
}

/// Gigabytes that one scan of a bucket analyses, if compressed files hold so many times their size;
/// none when Macie has not told the bucket's size.
pub fn analysed(policy: &Policy, size: &BucketSize, unpacked: u64) -> Option<Decimal> {
    let stored = size.classifiable_bytes?;
    let packed = size.compressed_bytes.min(stored);
    let bytes = Decimal::from(stored - packed)
        .saturating_add(Decimal::from(packed).saturating_mul(Decimal::from(unpacked)));
    let sampled = bytes.saturating_mul(Decimal::from(policy.jobs.sampling_percentage));
    let gigabytes = sampled.checked_div(Decimal::from(GIGABYTE))?;
    gigabytes.checked_div(Decimal::ONE_HUNDRED)
}

/// What Macie charges a month for watching all buckets of an account in a Region; none when the
/// Region's prices are unknown.
pub fn monitoring_per_month(policy: &Policy, region: &Region, buckets: u64) -> Option<Usd> {
    Some(policy.prices(region)?.monitoring(buckets))
}
