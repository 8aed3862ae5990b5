//! AWS's Price List, as far as it is about Macie: what Macie charges in this world.
//!
//! What AWS calls Macie's products is not published. The names here are made up, and say so: nothing
//! may depend on them.

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::{
    account,
    error::ApiError,
    macie::Prices,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[Operation {
    service: "pricing",
    name: "GetProducts",
    action: "pricing:GetProducts",
    does: "Lists what Macie sells in every Region at the prices of this world (`macie.figures.prices`), by filters of type TERM_MATCH, at most 100 a page. What AWS calls these products is not published: usage types, units and SKUs are made up, and begin with `Local`.",
    source: "AWS Price List API Reference, GetProducts; AWS Billing User Guide, using-price-list-query-api",
}];

/// The service whose products there are.
const SERVICE: &str = "AmazonMacie";
/// The code of AWS's offers on demand, the same in every price list.
const ON_DEMAND: &str = "JRTCKXETXF";
/// The largest page, and the one that callers get who ask for none.
const PAGE: usize = 100;

/// A part of a price: from, to and dollars.
type Part = (Decimal, Option<Decimal>, Decimal);

/// Carries out an operation.
pub fn perform(world: &World, call: &Call) -> Result<Reply, ApiError> {
    let version = call.text("FormatVersion").unwrap_or("aws_v1");
    if version != "aws_v1" {
        return Err(invalid(format!(
            "`FormatVersion` is `{version}`: expected aws_v1"
        )));
    }
    if call.text("ServiceCode") != Some(SERVICE) {
        return Err(ApiError::new(
            "NotFoundException",
            400,
            format!("the local AWS has products of `{SERVICE}` only"),
        ));
    }
    let (size, start, filters) = (page_size(call)?, token(call)?, filters(call)?);
    let mut found = products(world);
    found.retain(|product| {
        let has = |(field, value): &(String, String)| {
            product.pointer(&format!("/product/attributes/{field}")) == Some(&json!(value))
        };
        filters.iter().all(has)
    });
    let page: Vec<String> = found
        .iter()
        .skip(start)
        .take(size)
        .map(Value::to_string)
        .collect();
    let mut reply = json!({ "FormatVersion": version, "PriceList": page });
    if let (true, Some(members)) = (start + size < found.len(), reply.as_object_mut()) {
        members.insert("NextToken".to_owned(), json!((start + size).to_string()));
    }
    Ok(Reply::json(reply))
}

/// Everything that is sold, by Region.
fn products(world: &World) -> Vec<Value> {
    let sold = account::names().flat_map(|region| {
        let prices = world.macie.figures.prices(region);
        let gigabyte = tiers(&prices);
        // $0.01 for 100,000 objects (Amazon Macie pricing page).
        let object = Decimal::new(1, 7);
        [
            ("LocalBucketMonth", "Buckets", flat(prices.bucket_month)),
            ("LocalJobGigabyte", "GB", gigabyte.clone()),
            ("LocalDiscoveryGigabyte", "GB", gigabyte),
            ("LocalObjectMonth", "Objects", flat(object)),
        ]
        .map(|(name, unit, parts)| product(region, name, unit, &parts))
    });
    sold.collect()
}

fn flat(price: Decimal) -> Vec<Part> {
    vec![(Decimal::ZERO, None, price)]
}

fn tiers(prices: &Prices) -> Vec<Part> {
    let mut from = Decimal::ZERO;
    let sized = prices.tiers.iter().map(|(gigabytes, price)| {
        let (begin, end) = (from, from + Decimal::from(*gigabytes));
        from = end;
        (begin, Some(end), *price)
    });
    let mut parts: Vec<Part> = sized.collect();
    parts.push((from, None, prices.beyond));
    parts
}

fn product(region: &str, name: &str, unit: &str, parts: &[Part]) -> Value {
    let sku = format!("{name}{}", code(region));
    let offer = format!("{sku}.{ON_DEMAND}");
    let dimensions = parts.iter().enumerate().map(|(at, (from, to, price))| {
        let rate = format!("{offer}.LOCAL{at}");
        let end = to.map_or("Inf".to_owned(), |to| to.to_string());
        let dimension = json!({
            "unit": unit,
            "beginRange": from.to_string(),
            "endRange": end,
            "description": format!("${price} per {unit} in {region}, made up"),
            "appliesTo": [],
            "rateCode": rate,
            "pricePerUnit": { "USD": format!("{price:.10}") },
        });
        (rate.clone(), dimension)
    });
    let dimensions: Map<String, Value> = dimensions.collect();
    json!({
        "product": {
            "productFamily": "Local",
            "sku": sku,
            "attributes": {
                "regionCode": region,
                "servicecode": SERVICE,
                "servicename": "Amazon Macie",
                "usagetype": format!("{}-{name}", code(region)),
                "locationType": "AWS Region",
                "location": region,
                "operation": "",
            },
        },
        "serviceCode": SERVICE,
        "terms": { "OnDemand": { offer: {
            "priceDimensions": dimensions,
            "sku": sku,
            "effectiveDate": "2026-01-01T00:00:00Z",
            "offerTermCode": ON_DEMAND,
            "termAttributes": {},
        } } },
        "version": "20260101000000",
        "publicationDate": "2026-01-01T00:00:00Z",
    })
}

/// A code such as AWS has for its Regions: `EUW1` for `eu-west-1`.
fn code(region: &str) -> String {
    let parts: Vec<&str> = region.split('-').collect();
    let code = parts.iter().enumerate().map(|(at, part)| match at {
        1 => part
            .replace("north", "N")
            .replace("south", "S")
            .replace("central", "C"),
        _ => (*part).to_owned(),
    });
    let code = code.collect::<String>();
    code.replace("east", "E")
        .replace("west", "W")
        .to_uppercase()
}

fn filters(call: &Call) -> Result<Vec<(String, String)>, ApiError> {
    let filters = call.input.get("Filters").and_then(Value::as_array);
    let read = filters.into_iter().flatten().map(|filter| {
        let text = |name| filter.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("Type") {
            "TERM_MATCH" => Ok((text("Field").to_owned(), text("Value").to_owned())),
            other => Err(invalid(format!(
                "`Type` of a filter is `{other}`: the local AWS knows TERM_MATCH"
            ))),
        }
    });
    read.collect()
}

fn page_size(call: &Call) -> Result<usize, ApiError> {
    let Some(size) = call.input.get("MaxResults").filter(|size| !size.is_null()) else {
        return Ok(PAGE);
    };
    size.as_u64()
        .and_then(|size| usize::try_from(size).ok())
        .filter(|size| (1..=PAGE).contains(size))
        .ok_or_else(|| invalid(format!("`MaxResults` is `{size}`: expected 1 to {PAGE}")))
}

fn token(call: &Call) -> Result<usize, ApiError> {
    match call.text("NextToken") {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| {
            let message = format!("`NextToken` is `{text}`: not a token of this service");
            ApiError::new("InvalidNextTokenException", 400, message)
        }),
    }
}

fn invalid(message: String) -> ApiError {
    ApiError::new("InvalidParameterException", 400, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_codes_and_no_two_the_same() {
        assert_eq!(code("eu-west-1"), "EUW1");
        assert_eq!(code("ap-northeast-1"), "APNE1");
        assert_eq!(code("ca-central-1"), "CAC1");
        let mut codes: Vec<String> = account::names().map(code).collect();
        let all = codes.len();
        codes.sort();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }

    #[test]
    fn tiers_follow_one_another_to_no_end() {
        let gigabytes = |number: u32| Some(Decimal::from(number));
        let ends: Vec<_> = tiers(&Prices::default())
            .into_iter()
            .map(|(from, to, _)| (Some(from), to))
            .collect();
        let expected = [
            (gigabytes(0), gigabytes(50_000)),
            (gigabytes(50_000), gigabytes(500_000)),
            (gigabytes(500_000), None),
        ];
        assert_eq!(ends, expected);
    }
}
