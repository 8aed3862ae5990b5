use serde_json::{Value, json};

use super::*;
use crate::prices::PriceList;

const TIERS: [[&str; 3]; 3] = [
    ["0", "50000", "1.0000000000"],
    ["50000", "500000", "0.5000000000"],
    ["500000", "Inf", "0.2500000000"],
];
const IRISH: [[&str; 3]; 2] = [["0", "50000", "1.25"], ["50000", "Inf", "0.6"]];

fn known() -> Prices {
    let list = PriceList::bundled().unwrap();
    list.regions[&"us-east-1".parse::<Region>().unwrap()].clone()
}

/// A product in the form of the price list: its Region, usage type, unit and parts of its price, each
/// from, to and dollars.
fn product(region: &str, usage_type: &str, unit: &str, parts: &[[&str; 3]]) -> Value {
    let dimensions = parts.iter().enumerate().map(|(at, [from, to, price])| {
        let dimension = json!({
            "unit": unit, "beginRange": from, "endRange": to, "pricePerUnit": { "USD": price },
        });
        (format!("SKU.TERM.{at}"), dimension)
    });
    let dimensions: serde_json::Map<_, _> = dimensions.collect();
    json!({
        "product": { "sku": "SKU", "attributes": { "regionCode": region, "usagetype": usage_type } },
        "terms": { "OnDemand": { "SKU.TERM": { "priceDimensions": dimensions } } },
    })
}

/// Two Regions, as they should be: names that nobody could guess, and something beside them.
fn products() -> Vec<Value> {
    let flat = |price| [["0", "Inf", price]];
    vec![
        product(
            "us-east-1",
            "USE1-Buckets",
            "Buckets",
            &flat("0.1000000000"),
        ),
        product("us-east-1", "USE1-Bytes", "GB", &TIERS),
        product("us-east-1", "USE1-BytesByItself", "GB", &TIERS),
        product("us-east-1", "USE1-Objects", "Objects", &flat("0.0000001")),
        product("eu-west-1", "EUW1-Buckets", "Buckets", &flat("0.11")),
        product("eu-west-1", "EUW1-Bytes", "GB", &IRISH),
        product("eu-west-1", "EUW1-BytesByItself", "GB", &IRISH),
        product("eu-west-1", "EUW1-Objects", "Objects", &flat("0.0000002")),
    ]
}

fn read(products: &[Value]) -> Result<Reading, Unclear> {
    let items: Vec<String> = products.iter().map(Value::to_string).collect();
    Reading::of(&items, &known())
}

fn ireland(products: &[Value]) -> Result<Prices, Unclear> {
    let region = "eu-west-1".parse().unwrap();
    read(products)?.prices(&region).cloned()
}

/// The reason with which Ireland is unknown when the list is spoiled, while US East stays known.
fn why(spoil: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut products = products();
    spoil(&mut products);
    let region: Region = KNOWN.parse().unwrap();
    assert_eq!(read(&products).unwrap().prices(&region), Ok(&known()));
    ireland(&products).unwrap_err().to_string()
}

/// The reason with which everything is unknown when the list is spoiled.
fn why_all(spoil: impl FnOnce(&mut Vec<Value>)) -> String {
    let mut products = products();
    spoil(&mut products);
    read(&products).unwrap_err().to_string()
}

/// The price of a product.
fn dimensions(product: &mut Value) -> &mut Value {
    &mut product["terms"]["OnDemand"]["SKU.TERM"]["priceDimensions"]
}

#[test]
fn a_region_is_found_by_the_names_that_have_the_known_prices() {
    let reading = read(&products()).unwrap();
    let names = |found: &BTreeMap<String, String>| found.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&reading.names.bucket_month), ["Buckets"]);
    assert_eq!(names(&reading.names.gigabyte), ["Bytes", "BytesByItself"]);
    let expected = json!({
        "bucketMonth": "0.11",
        "gigabyte": [{ "upTo": "50000", "price": "1.25" }, { "price": "0.60" }],
    });
    assert_eq!(json!(ireland(&products()).unwrap()), expected);
    let elsewhere = "eu-north-1".parse().unwrap();
    let none = "the price list has no usage type `Buckets` there";
    assert_eq!(reading.prices(&elsewhere).unwrap_err().to_string(), none);
}

/// In some services US East has no code; then the name is the whole usage type.
#[test]
fn us_east_may_be_without_a_code() {
    let mut products = products();
    for product in &mut products[..4] {
        let usage_type = &mut product["product"]["attributes"]["usagetype"];
        *usage_type = json!(usage_type.as_str().unwrap().trim_start_matches("USE1-"));
    }
    let found = ireland(&products).unwrap();
    assert_eq!(found.bucket_month.to_string(), "0.11");
}

#[test]
fn what_only_ends_like_a_name_is_something_else() {
    let mut products = products();
    for usage_type in [
        "EUW1-Free-Buckets",
        "EUW1-MyBuckets",
        "euw1-Buckets",
        "-Buckets",
    ] {
        products.push(product(
            "eu-west-1",
            usage_type,
            "Buckets",
            &[["0", "Inf", "9"]],
        ));
    }
    assert_eq!(ireland(&products).unwrap().bucket_month.to_string(), "0.11");
}

/// The organization's free gigabyte is not an account's, and products of no Region are nobody's.
#[test]
fn the_free_gigabyte_and_what_is_sold_nowhere_are_left_out() {
    let mut list = products();
    list[5] = product(
        "eu-west-1",
        "EUW1-Bytes",
        "GB",
        &[
            ["0", "1", "0"],
            ["1", "50000", "1.25"],
            ["50000", "Inf", "0.6"],
        ],
    );
    list.push(product("Any", "Global-Bytes", "GB", &[["0", "Inf", "7"]]));
    list.push(json!({ "product": { "attributes": {} } }));
    assert_eq!(ireland(&list), ireland(&products()));
}

/// Each row spoils one thing of Ireland; US East stays what it is.
#[test]
fn whatever_is_not_as_expected_makes_the_region_unknown() {
    let price = |parts: &[[&str; 3]]| product("eu-west-1", "EUW1-Bytes", "GB", parts);
    let bytes = |why: &str| format!("the price of `EUW1-Bytes` is not understood: {why}");
    let tiers: [(&[[&str; 3]], &str); 8] = [
        (
            &[["0", "5", "1"], ["6", "Inf", "1"]],
            "a tier ends at 5 and the next begins at 6",
        ),
        (
            &[["0", "5", "1"], ["4", "Inf", "1"]],
            "a tier ends at 5 and the next begins at 4",
        ),
        (
            &[["1", "Inf", "1"]],
            "a tier ends at 0 and the next begins at 1",
        ),
        (&[["0", "5", "1"]], "its last tier ends at 5"),
        (
            &[["0", "0", "1"], ["0", "Inf", "1"]],
            "the tier that begins at 0 is empty",
        ),
        (
            &[["0", "2", "0"], ["2", "Inf", "1"]],
            "a tier costs nothing",
        ),
        (&[["0", "Inf", "1e3"]], "`1e3` is not a price below $1000"),
        (&[["none", "Inf", "1"]], "`none` is not a plain decimal"),
    ];
    for (parts, expected) in tiers {
        assert_eq!(why(|list| list[5] = price(parts)), bytes(expected));
    }
    let offers = "it has not exactly one offer `OnDemand`";
    assert_eq!(
        why(|list| list[5]["terms"] = json!({ "Reserved": {} })),
        bytes(offers)
    );
    let second = |list: &mut Vec<Value>| {
        let offers = &mut list[5]["terms"]["OnDemand"];
        offers["SKU.OTHER"] = offers["SKU.TERM"].clone();
    };
    assert_eq!(why(second), bytes(offers));
    let empty = |list: &mut Vec<Value>| *dimensions(&mut list[5]) = json!({});
    assert_eq!(why(empty), bytes("its offer has no price"));
    for (prices, found) in [
        (json!({ "CNY": "1" }), "CNY"),
        (json!({ "CNY": "1", "USD": "1" }), "CNY`, `USD"),
    ] {
        let spoil = |list: &mut Vec<Value>| {
            dimensions(&mut list[5])["SKU.TERM.0"]["pricePerUnit"] = prices;
        };
        assert_eq!(
            why(spoil),
            bytes(&format!("it is in `{found}`, not in USD"))
        );
    }
    let units =
        |list: &mut Vec<Value>| dimensions(&mut list[5])["SKU.TERM.1"]["unit"] = json!("MB");
    assert_eq!(why(units), bytes("it has the units `GB` and `MB`"));
    let unit = product("eu-west-1", "EUW1-Bytes", "TB", &IRISH);
    let expected = "its unit is `TB`, not `GB` as in the known Region";
    assert_eq!(why(|list| list[5] = unit), bytes(expected));
}

#[test]
fn a_region_where_two_things_could_be_meant_is_unknown() {
    let other = product("eu-west-1", "EUW1-BytesByItself", "GB", &TIERS);
    let different =
        "`EUW1-Bytes` and `EUW1-BytesByItself` have different prices, and both could be meant";
    assert_eq!(why(|list| list[6] = other), different);
    let twice = product(
        "eu-west-1",
        "EU-Buckets",
        "Buckets",
        &[["0", "Inf", "0.12"]],
    );
    let different =
        "`EUW1-Buckets` and `EU-Buckets` have different prices, and both could be meant";
    assert_eq!(why(|list| list.push(twice)), different);
    let missing = "the price list has no usage type `BytesByItself` there";
    assert_eq!(why(|list| drop(list.remove(6))), missing);
    let tiers = product("eu-west-1", "EUW1-Buckets", "Buckets", &IRISH);
    let tiered =
        "`EUW1-Buckets` has a price in tiers; one price of a bucket and month was expected";
    assert_eq!(why(|list| list[4] = tiers), tiered);
}

#[test]
fn without_the_known_prices_nothing_is_known() {
    let changed = product(
        "us-east-1",
        "USE1-Buckets",
        "Buckets",
        &[["0", "Inf", "0.12"]],
    );
    let said = why_all(|list| list[0] = changed);
    assert!(
        said.starts_with("no usage type of us-east-1 has the known price of a bucket"),
        "{said}"
    );
    let said = why_all(|list| drop(list.drain(1..3)));
    assert!(
        said.starts_with("no usage type of us-east-1 has the known price of a gigabyte"),
        "{said}"
    );
    let there =
        "; there are `USE1-Buckets`: $0.10 for `Buckets`; `USE1-Objects`: $0.0000001 for `Objects`";
    assert!(said.ends_with(there), "{said}");
    assert!(why_all(Vec::clear).ends_with("; there are none"));
    let twice = product("us-east-1", "USE1-Buckets", "Buckets", &[["0", "Inf", "5"]]);
    let unclear = "us-east-1, by whose prices the others are found, is not clear itself: \
        `USE1-Buckets` and `USE1-Buckets` have different prices, and both could be meant";
    assert_eq!(why_all(|list| list.push(twice)), unclear);
    let said = why_all(|list| list[7] = json!({ "product": {} }));
    assert!(
        said.starts_with("product 8 of the price list cannot be read: missing field"),
        "{said}"
    );
}
