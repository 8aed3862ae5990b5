//! One product of the price list, in the form of the AWS Billing User Guide
//! (`using-price-list-query-api`, `reading-service-price-list-file-for-services`).

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::Unclear;
use crate::{
    id::Region,
    policy::parse_dollars,
    prices::{Tier, with_cents},
};

/// What AWS calls the known Region in usage types; in some services it has no code there.
const CODE: &str = "USE1-";
/// What AWS calls the end of the last tier.
const NO_END: &str = "Inf";

/// A product that is sold in a Region.
#[derive(Debug)]
pub(super) struct Product {
    pub region: Region,
    pub usage_type: String,
    terms: Value,
}

/// What a product costs.
#[derive(Debug)]
pub(super) struct Price {
    pub unit: String,
    pub tiers: Vec<Tier>,
}

#[derive(Deserialize)]
struct Item {
    product: ItemProduct,
    #[serde(default)]
    terms: Value,
}

#[derive(Deserialize)]
struct ItemProduct {
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "regionCode")]
    region: Option<String>,
    #[serde(rename = "usagetype")]
    usage_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    unit: String,
    begin_range: String,
    end_range: String,
    price_per_unit: BTreeMap<String, String>,
}

/// A part of the price, with where it begins.
type Part = (Decimal, Tier);

impl Product {
    /// Every product of a Region; those of no Region say nothing about one.
    pub fn all(items: &[String]) -> Result<Vec<Self>, Unclear> {
        let read = items.iter().zip(1..).map(|(text, number)| {
            let item: Item = serde_json::from_str(text).map_err(|error| Unclear::Product {
                number,
                why: error.to_string(),
            })?;
            let Attributes { region, usage_type } = item.product.attributes;
            Ok(region
                .and_then(|region| region.parse().ok())
                .map(|region| Self {
                    region,
                    usage_type: usage_type.unwrap_or_default(),
                    terms: item.terms,
                }))
        });
        read.filter_map(Result::transpose).collect()
    }

    /// Its usage type without the code of the known Region, where it is sold.
    pub fn name(&self) -> &str {
        let name = self.usage_type.strip_prefix(CODE);
        name.unwrap_or(&self.usage_type)
    }

    /// Whether its usage type is this name, after the code of a Region such as `EUC1-`.
    pub fn is_called(&self, name: &str) -> bool {
        let is_code = |code: &str| {
            let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
            !code.is_empty() && code.bytes().all(known)
        };
        match self.usage_type.strip_suffix(name) {
            Some("") => true,
            Some(before) => before.strip_suffix('-').is_some_and(is_code),
            None => false,
        }
    }

    /// Its tiers, if they are for this unit.
    pub fn tiers(&self, unit: &str) -> Result<Vec<Tier>, Unclear> {
        let price = self.price().map_err(|why| self.unclear(why))?;
        match price.unit == unit {
            true => Ok(price.tiers),
            false => Err(self.unclear(format!(
                "its unit is `{}`, not `{unit}` as in the known Region",
                price.unit
            ))),
        }
    }

    /// What it costs on demand, in dollars.
    pub fn price(&self) -> Result<Price, String> {
        let offers = self.terms.get("OnDemand").and_then(Value::as_object);
        let mut offers = offers.into_iter().flatten();
        let (Some((_, offer)), None) = (offers.next(), offers.next()) else {
            return Err("it has not exactly one offer `OnDemand`".to_owned());
        };
        let offer = Offer::deserialize(offer).map_err(|error| error.to_string())?;
        let dimensions: Vec<&Dimension> = offer.price_dimensions.values().collect();
        let Some(Dimension { unit, .. }) = dimensions.first() else {
            return Err("its offer has no price".to_owned());
        };
        if let Some(other) = dimensions.iter().find(|other| other.unit != *unit) {
            return Err(format!("it has the units `{unit}` and `{}`", other.unit));
        }
        let parts: Result<Vec<Part>, String> = dimensions.iter().map(|one| one.part()).collect();
        Ok(Price {
            unit: unit.clone(),
            tiers: in_a_row(parts?)?,
        })
    }

    fn unclear(&self, why: String) -> Unclear {
        Unclear::Price {
            usage_type: self.usage_type.clone(),
            why,
        }
    }
}

impl Dimension {
    fn part(&self) -> Result<Part, String> {
        let amount = |text: &str| {
            let amount = parse_dollars(text, 12, 10);
            amount.ok_or_else(|| format!("`{text}` is not a plain decimal"))
        };
        let currencies: Vec<&str> = self.price_per_unit.keys().map(String::as_str).collect();
        let (["USD"], Some(price)) = (currencies.as_slice(), self.price_per_unit.get("USD")) else {
            return Err(format!(
                "it is in `{}`, not in USD",
                currencies.join("`, `")
            ));
        };
        let up_to = match self.end_range.as_str() {
            NO_END => None,
            end => Some(amount(end)?.normalize()),
        };
        let price = parse_dollars(price, 3, 10)
            .ok_or_else(|| format!("`{price}` is not a price below $1000"))?;
        let tier = Tier {
            up_to,
            price: with_cents(price),
        };
        Ok((amount(&self.begin_range)?, tier))
    }
}

/// The tiers in order: from zero to no end, none missing, none twice, and none for nothing but the
/// gigabyte a month that AWS gives to an organization (Macie User Guide,
/// account-mgmt-costs-calculations). An account cannot count on it, and it is left out.
fn in_a_row(mut parts: Vec<Part>) -> Result<Vec<Tier>, String> {
    parts.sort_by_key(|(from, _)| *from);
    let mut end = Some(Decimal::ZERO);
    for (from, tier) in &parts {
        if end != Some(*from) {
            let end = end.map_or(NO_END.to_owned(), |end| end.to_string());
            return Err(format!(
                "a tier ends at {end} and the next begins at {from}"
            ));
        }
        if tier.up_to.is_some_and(|to| to <= *from) {
            return Err(format!("the tier that begins at {from} is empty"));
        }
        end = tier.up_to;
    }
    if let Some(end) = end {
        return Err(format!("its last tier ends at {end}"));
    }
    let mut tiers: Vec<Tier> = parts.into_iter().map(|(_, tier)| tier).collect();
    if tiers.first().is_some_and(is_the_free_gigabyte) {
        tiers.remove(0);
    }
    match tiers.iter().any(|tier| tier.price.is_zero()) {
        true => Err("a tier costs nothing".to_owned()),
        false => Ok(tiers),
    }
}

fn is_the_free_gigabyte(tier: &Tier) -> bool {
    tier.price.is_zero() && tier.up_to == Some(Decimal::ONE)
}
