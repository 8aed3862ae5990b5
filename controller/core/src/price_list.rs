//! Macie's prices out of AWS's Price List.
//!
//! AWS publishes Macie's prices by product, and nowhere what its products are called. So the names
//! are not known here either: they are found in the one Region whose prices are known from AWS's
//! pricing page, by these prices, and looked up in every other Region. Whatever is not as expected
//! makes the Region unknown, with the reason (`docs/decisions/0016-prices.md`).

mod product;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::product::{Price, Product};
use crate::{
    id::Region,
    prices::{Prices, Tier},
};

/// The Region whose prices are known from AWS's pricing page.
pub const KNOWN: &str = "us-east-1";

/// Why a price is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// A product does not have the form that AWS documents.
    #[error("product {number} of the price list cannot be read: {why}")]
    Product {
        /// Which, counted from 1.
        number: usize,
        /// What is wrong.
        why: String,
    },
    /// Nothing in the known Region has the known price.
    #[error(
        "no usage type of {KNOWN} has the known price of {what}, by which the others are found: AWS has changed it, or the bundled price list is wrong; there are {there}"
    )]
    NotFound {
        /// Of what.
        what: &'static str,
        /// What the known Region has, for people to look at.
        there: String,
    },
    /// What was found in the known Region has other prices there, too.
    #[error("{KNOWN}, by whose prices the others are found, is not clear itself: {0}")]
    Known(Box<Unclear>),
    /// A Region has nothing of this name.
    #[error("the price list has no usage type `{0}` there")]
    Missing(String),
    /// A product has no price that can be understood.
    #[error("the price of `{usage_type}` is not understood: {why}")]
    Price {
        /// The product's usage type.
        usage_type: String,
        /// What was found, and what was expected.
        why: String,
    },
    /// Two products of one kind have different prices.
    #[error("`{0}` and `{1}` have different prices, and both could be meant")]
    Different(String, String),
    /// A bucket's price depends on how many there are.
    #[error("`{0}` has a price in tiers; one price of a bucket and month was expected")]
    Tiers(String),
}

/// The usage types that were taken, without the Region's code, each with its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    /// For monitoring one bucket for one month.
    pub bucket_month: BTreeMap<String, String>,
    /// For analysing one gigabyte.
    pub gigabyte: BTreeMap<String, String>,
}

/// What the price list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// By which names.
    pub names: Names,
    /// Every Region that has products of Macie.
    pub regions: BTreeMap<Region, Result<Prices, Unclear>>,
}

impl Reading {
    /// Reads all products of Macie, as `GetProducts` gives them, by the prices of [`KNOWN`].
    pub fn of(items: &[String], known: &Prices) -> Result<Self, Unclear> {
        let products = Product::all(items)?;
        let there: Vec<&Product> = products_of(&products, KNOWN).collect();
        let names = Names {
            bucket_month: names(&there, &flat(known), "a bucket and month")?,
            gigabyte: names(&there, &known.gigabyte, "a gigabyte")?,
        };
        let regions: BTreeSet<&Region> = products.iter().map(|product| &product.region).collect();
        let regions = regions.into_iter().map(|region| {
            let there: Vec<&Product> = products_of(&products, region.as_str()).collect();
            (region.clone(), names.prices(&there))
        });
        let regions: BTreeMap<Region, Result<Prices, Unclear>> = regions.collect();
        let mut own = regions
            .iter()
            .filter(|(region, _)| region.as_str() == KNOWN);
        match own.next() {
            Some((_, Err(why))) => Err(Unclear::Known(Box::new(why.clone()))),
            _ => Ok(Self { names, regions }),
        }
    }

    /// What Macie costs in a Region.
    pub fn prices(&self, region: &Region) -> Result<&Prices, Unclear> {
        match self.regions.get(region) {
            Some(Ok(prices)) => Ok(prices),
            Some(Err(why)) => Err(why.clone()),
            None => {
                let first = self.names.bucket_month.keys().next();
                Err(Unclear::Missing(first.cloned().unwrap_or_default()))
            }
        }
    }
}

impl Names {
    fn prices(&self, products: &[&Product]) -> Result<Prices, Unclear> {
        let (name, bucket) = same(products, &self.bucket_month)?;
        let [Tier { up_to: None, price }] = bucket.as_slice() else {
            return Err(Unclear::Tiers(name));
        };
        let (_, gigabyte) = same(products, &self.gigabyte)?;
        Ok(Prices {
            bucket_month: *price,
            gigabyte,
        })
    }
}

fn products_of<'p>(products: &'p [Product], region: &str) -> impl Iterator<Item = &'p Product> {
    let there = move |product: &&Product| product.region.as_str() == region;
    products.iter().filter(there)
}

fn flat(prices: &Prices) -> Vec<Tier> {
    vec![Tier {
        up_to: None,
        price: prices.bucket_month,
    }]
}

/// The usage types of the known Region whose tiers are these.
fn names(
    products: &[&Product],
    tiers: &[Tier],
    what: &'static str,
) -> Result<BTreeMap<String, String>, Unclear> {
    let named = products.iter().filter_map(|product| {
        let Price { unit, tiers: found } = product.price().ok()?;
        (found == tiers).then(|| (product.name().to_owned(), unit))
    });
    let names: BTreeMap<String, String> = named.collect();
    match names.is_empty() {
        true => Err(Unclear::NotFound {
            what,
            there: told(products),
        }),
        false => Ok(names),
    }
}

/// Usage types with the prices of their tiers.
fn told(products: &[&Product]) -> String {
    let told = products.iter().map(|product| {
        let price = product.price().map(|Price { unit, tiers }| {
            let prices: Vec<String> = tiers.iter().map(|tier| tier.price.to_string()).collect();
            format!("${} for `{unit}`", prices.join(", $"))
        });
        let price = price.unwrap_or_else(|why| why);
        format!("`{}`: {price}", product.usage_type)
    });
    match told.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => "none".to_owned(),
        told => told,
    }
}

/// The one price of all products with these names. All must be there: a Region that lacks one may
/// have something else under the other.
fn same(
    products: &[&Product],
    names: &BTreeMap<String, String>,
) -> Result<(String, Vec<Tier>), Unclear> {
    let mut first: Option<(String, Vec<Tier>)> = None;
    for (name, unit) in names {
        let mut found = products.iter().filter(|product| product.is_called(name));
        let mut next = found.next();
        if next.is_none() {
            return Err(Unclear::Missing(name.clone()));
        }
        while let Some(product) = next {
            let tiers = product.tiers(unit)?;
            let usage_type = product.usage_type.clone();
            match &first {
                Some((other, known)) if *known != tiers => {
                    return Err(Unclear::Different(other.clone(), usage_type));
                }
                Some(_) => {}
                None => first = Some((usage_type, tiers)),
            }
            next = found.next();
        }
    }
    first.ok_or_else(|| Unclear::Missing(String::new()))
}
