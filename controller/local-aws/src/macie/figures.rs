//! How Macie counts and charges. What most tests can do without is off, so that their sums can be
//! told by heart.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

/// How Macie counts and charges in this world.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Prices of Regions that differ from US East's.
    pub prices: BTreeMap<String, Prices>,
    /// Terabytes that jobs may analyse of an account's buckets in a Region and month.
    pub quota_terabytes: u64,
    /// Whether a job that samples takes whole objects, picked by chance, as AWS documents (else its
    /// share of every object, so that nothing is random).
    pub samples_objects: bool,
    /// Whether objects are counted once a day, as AWS documents (else at once).
    pub counts_daily: bool,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            prices: BTreeMap::new(),
            quota_terabytes: 5,
            samples_objects: false,
            counts_daily: false,
        }
    }
}

impl Figures {
    pub(super) fn quota_bytes(&self) -> u64 {
        self.quota_terabytes.saturating_mul(1_000_000_000_000)
    }

    pub(crate) fn prices(&self, region: &str) -> Prices {
        self.prices.get(region).cloned().unwrap_or_default()
    }
}

/// What Macie charges in a Region, in dollars. The default is US East's list.
#[derive(Debug, Clone)]
pub struct Prices {
    /// A bucket for a month.
    pub bucket_month: Decimal,
    /// The gigabytes of a month by tier, each with how many it has and the price of one.
    pub tiers: Vec<(u64, Decimal)>,
    /// A gigabyte beyond the tiers.
    pub beyond: Decimal,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            bucket_month: Decimal::new(10, 2),
            tiers: vec![(50_000, Decimal::ONE), (450_000, Decimal::new(50, 2))],
            beyond: Decimal::new(25, 2),
        }
    }
}

impl Prices {
    /// One price for every gigabyte.
    pub fn flat(bucket_month: Decimal, gigabyte: Decimal) -> Self {
        Self {
            bucket_month,
            tiers: Vec::new(),
            beyond: gigabyte,
        }
    }

    /// What the first so many bytes of a month cost.
    pub(super) fn analysing(&self, bytes: u64) -> Decimal {
        let mut left = Decimal::from(bytes) / Decimal::from(1_000_000_000);
        let mut sum = Decimal::ZERO;
        for (gigabytes, price) in &self.tiers {
            let here = left.min(Decimal::from(*gigabytes));
            sum += here * price;
            left -= here;
        }
        sum + left * self.beyond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 49.5 TB cost $49,500; 51 TB $50,000 and 1,000 times $0.50; 501 TB $275,000 and
    /// 1,000 times $0.25.
    #[test]
    fn each_tier_has_its_price() {
        let gigabyte = 1_000_000_000;
        for (gigabytes, dollars) in [
            (0, 0),
            (49_500, 49_500),
            (51_000, 50_500),
            (501_000, 275_250),
        ] {
            let cost = Prices::default().analysing(gigabytes * gigabyte);
            assert_eq!(cost, Decimal::from(dollars), "{gigabytes} GB");
        }
        let flat = Prices::flat(Decimal::ONE, Decimal::TWO);
        assert_eq!(flat.analysing(3 * gigabyte), Decimal::from(6));
    }
}
