//! What Macie costs by list, per Region, as data with a date and a source. A Region that is not in
//! the data has no price: it is unknown, never guessed.

use std::{collections::BTreeMap, sync::LazyLock};

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{id::Region, money::Usd};

/// AWS's list prices as they were on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceList {
    /// The day on which they were read.
    pub as_of: Date,
    /// Always `USD`.
    pub currency: String,
    /// Where they were read.
    pub source: String,
    /// By Region.
    pub regions: BTreeMap<Region, Prices>,
}

/// Macie's prices in a Region, in US dollars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// Monitoring one bucket for one month.
    pub bucket_month: Decimal,
    /// Analysing one gigabyte, by how much an account has analysed in the month. The last tier has
    /// no end.
    pub gigabyte: Vec<Tier>,
}

/// A price up to an amount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tier {
    /// Where it ends, in gigabytes of a month; none in the last tier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to: Option<Decimal>,
    /// US dollars a gigabyte.
    pub price: Decimal,
}

impl PriceList {
    /// The list that this release was built with (`controller/core/prices.json`).
    pub fn bundled() -> Option<&'static Self> {
        static LIST: LazyLock<Option<PriceList>> =
            LazyLock::new(|| serde_json::from_str(include_str!("../prices.json")).ok());
        LIST.as_ref()
    }
}

impl Prices {
    /// One price for every gigabyte.
    pub fn flat(bucket_month: Decimal, gigabyte: Decimal) -> Self {
        let tier = Tier {
            up_to: None,
            price: gigabyte,
        };
        Self {
            bucket_month,
            gigabyte: vec![tier],
        }
    }

    /// Analysing so many gigabytes in a month in which nothing was analysed before: nobody pays
    /// more, for later gigabytes cost less.
    pub fn analysing(&self, gigabytes: Decimal) -> Usd {
        let (mut from, mut sum) = (Decimal::ZERO, Decimal::ZERO);
        for tier in &self.gigabyte {
            let to = tier.up_to.unwrap_or(gigabytes).min(gigabytes);
            let here = to.saturating_sub(from).max(Decimal::ZERO);
            sum = sum.saturating_add(here.saturating_mul(tier.price));
            from = from.max(to);
        }
        Usd(sum.normalize())
    }

    /// How many gigabytes cost so much, counted from the first tier; none where they cost nothing.
    pub fn analysed(&self, usd: Usd) -> Option<Decimal> {
        let (mut from, mut rest) = (Decimal::ZERO, usd.0);
        for tier in &self.gigabyte {
            let size = tier.up_to.map(|to| to.saturating_sub(from));
            let whole = size.map(|size| size.saturating_mul(tier.price));
            match (tier.up_to, whole) {
                (Some(to), Some(whole)) if rest > whole => {
                    rest = rest.saturating_sub(whole);
                    from = to;
                }
                _ => return Some(from.saturating_add(rest.checked_div(tier.price)?)),
            }
        }
        None
    }

    /// Monitoring so many buckets for a month. Macie charges by the day.
    pub fn monitoring(&self, buckets: u64) -> Usd {
        let month = Decimal::from(buckets).saturating_mul(self.bucket_month);
        Usd(month.normalize())
    }
}

/// A price with two decimals at least, and no more than it needs: `1.0000000000` as `1.00`.
pub fn with_cents(price: Decimal) -> Decimal {
    let mut price = price.normalize();
    if price.scale() < 2 {
        price.rescale(2);
    }
    price
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us_east() -> Prices {
        let list = PriceList::bundled().unwrap();
        list.regions[&"us-east-1".parse::<Region>().unwrap()].clone()
    }

    #[test]
    fn every_price_list_ends_with_a_tier_without_an_end_and_rises() {
        let list = PriceList::bundled().unwrap();
        assert_eq!(list.currency, "USD");
        assert!(list.source.starts_with("https://"));
        for (region, prices) in &list.regions {
            let (last, tiers) = prices.gigabyte.split_last().unwrap();
            assert_eq!(last.up_to, None, "{region}");
            let ends: Vec<Decimal> = tiers.iter().filter_map(|tier| tier.up_to).collect();
            assert_eq!(ends.len(), tiers.len(), "{region}");
            assert!(
                ends.is_sorted() && !ends.contains(&Decimal::ZERO),
                "{region}"
            );
        }
    }

    /// By hand, for US East: the first 50,000 GB at $1.00, the next 450,000 GB at $0.50, the rest at
    /// $0.25.
    ///
    /// | GB | first tier | second tier | third tier | sum |
    /// | ---: | ---: | ---: | ---: | ---: |
    /// | 0 | | | | $0.00 |
    /// | 0.5 | $0.50 | | | $0.50 |
    /// | 50,000 | $50,000.00 | | | $50,000.00 |
    /// | 50,001 | $50,000.00 | $0.50 | | $50,000.50 |
    /// | 500,000 | $50,000.00 | $225,000.00 | | $275,000.00 |
    /// | 600,000 | $50,000.00 | $225,000.00 | $25,000.00 | $300,000.00 |
    #[test]
    fn tiers_follow_one_another() {
        let rows = [
            ("0", "$0.00"),
            ("0.5", "$0.50"),
            ("50000", "$50000.00"),
            ("50001", "$50000.50"),
            ("500000", "$275000.00"),
            ("600000", "$300000.00"),
        ];
        for (gigabytes, sum) in rows {
            let gigabytes = gigabytes.parse().unwrap();
            let usd = us_east().analysing(gigabytes);
            assert_eq!(usd.to_string(), sum, "{gigabytes} GB");
            assert_eq!(us_east().analysed(usd), Some(gigabytes));
        }
    }

    #[test]
    fn what_costs_nothing_cannot_be_counted() {
        let free = Prices::flat(Decimal::ONE, Decimal::ZERO);
        assert_eq!(free.analysed(Usd(Decimal::ONE)), None);
    }

    /// Splitting an amount never makes it cheaper than all at once, and more never costs less.
    #[test]
    fn more_costs_more_and_less_a_gigabyte() {
        let prices = us_east();
        let amounts = [
            0_u64, 1, 49_999, 50_000, 50_001, 499_999, 500_000, 10_000_000,
        ];
        for one in amounts.map(Decimal::from) {
            for other in amounts.map(Decimal::from) {
                let together = prices.analysing(one + other);
                assert!(together >= prices.analysing(one));
                assert!(together <= prices.analysing(one) + prices.analysing(other));
            }
        }
    }
}
