//! Reads AWS's Price List.

use aws_sdk_pricing::Client;
use controller::aws::{Aws, trouble};
use controller_core::{id::Region, observed::Trouble};

/// Macie's service code.
const SERVICE: &str = "AmazonMacie";
/// The form of the answers; there is no other (AWS Price List API Reference, GetProducts).
const FORMAT: &str = "aws_v1";

/// Every product of Macie in every Region, as AWS's JSON. Half a list is none: what is missing could
/// be what contradicts the rest.
pub async fn products(aws: &Aws, endpoint: &Region) -> Result<Vec<String>, Trouble> {
    let client = Client::new(&aws.in_region(endpoint));
    let request = client
        .get_products()
        .service_code(SERVICE)
        .format_version(FORMAT);
    let mut pages = request.into_paginator().send();
    let mut products = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("pricing:GetProducts", &error))?;
        products.extend(page.price_list.unwrap_or_default());
    }
    Ok(products)
}
