//! Dollars: decimals, never floats.

use std::{fmt, ops::Add};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Serialize;

use crate::{
    id::BucketName,
    observed::{BucketSize, Inventory},
    policy::Policy,
};

/// An estimate in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize)]
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
const UNPACKED: u64 = 3;

/// What it costs to scan a bucket once; none when Macie has not told its size.
pub fn scan_once(policy: &Policy, size: &BucketSize) -> Option<Usd> {
    let stored = size.classifiable_bytes?;
    let packed = size.compressed_bytes.min(stored);
    let bytes = Decimal::from(stored - packed)
        .saturating_add(Decimal::from(packed).saturating_mul(Decimal::from(UNPACKED)));
    let gigabytes = bytes.checked_div(Decimal::from(GIGABYTE))?;
    let sampled = gigabytes
        .saturating_mul(Decimal::from(policy.jobs.sampling_percentage))
        .checked_div(Decimal::ONE_HUNDRED)?;
    Some(Usd(sampled
        .saturating_mul(policy.prices.gigabyte)
        .normalize()))
}

/// What it costs to scan these buckets once; none when one of them is unknown.
pub fn scan_all<'a>(
    policy: &Policy,
    inventory: &Inventory,
    buckets: impl IntoIterator<Item = &'a BucketName>,
) -> Option<Usd> {
    buckets.into_iter().try_fold(Usd::default(), |sum, name| {
        Some(sum + scan_once(policy, inventory.buckets.get(name)?)?)
    })
}

/// What Macie charges a month for watching all buckets of an account in a Region.
pub fn monitoring_per_month(policy: &Policy, buckets: u64) -> Usd {
    Usd(Decimal::from(buckets)
        .saturating_mul(policy.prices.bucket_month)
        .normalize())
}
