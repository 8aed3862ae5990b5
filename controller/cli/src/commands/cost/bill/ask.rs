//! One question to Cost Explorer, page by page.

use aws_sdk_costexplorer::{
    Client,
    types::{
        DateInterval, Dimension, DimensionValues, Expression, Granularity, Group, GroupDefinition,
        GroupDefinitionType, MetricValue,
    },
};
use controller::aws::{SdkConfig, trouble};
use controller_core::{
    bill::Line,
    money::Usd,
    month::Month,
    observed::{ErrorClass, Trouble},
};
use rust_decimal::Decimal;

/// The call that tells what was billed; published with the figures.
pub const SOURCE: &str = "ce:GetCostAndUsage";
/// Macie's name on the bill.
const SERVICE: &str = "Amazon Macie";
/// What was charged on the day, with discounts, credits and refunds as lines of their own, which are
/// added up (AWS Cost Management User Guide, ce-advanced).
const METRIC: &str = "UnblendedCost";

/// What every account was billed for Macie in a month, by Region, and whether that is final. Each page
/// is a request that is paid for.
pub async fn ask(config: &SdkConfig, month: Month) -> Result<(Vec<Line>, bool), Trouble> {
    let client = Client::new(config);
    let (mut lines, mut is_final, mut token) = (Vec::new(), true, None);
    loop {
        let page = client
            .get_cost_and_usage()
            .time_period(interval(month)?)
            .granularity(Granularity::Monthly)
            .metrics(METRIC)
            .filter(only_macie())
            .group_by(group(Dimension::LinkedAccount))
            .group_by(group(Dimension::Region))
            .set_next_page_token(token.clone());
        let page = page.send().await.map_err(|error| trouble(SOURCE, &error))?;
        for time in page.results_by_time() {
            is_final &= !time.estimated();
            for group in time.groups() {
                lines.push(line(group)?);
            }
        }
        match page.next_page_token {
            None => return Ok((lines, is_final)),
            // Or it would be asked, and paid, for ever.
            next if next == token => return Err(unreadable("the same page again".to_owned())),
            next => token = next,
        }
    }
}

/// The end is exclusive (AWS Cost Management API Reference, DateInterval).
fn interval(month: Month) -> Result<DateInterval, Trouble> {
    let (start, end) = (month.first().to_string(), month.end().to_string());
    let interval = DateInterval::builder().start(start).end(end).build();
    interval.map_err(|error| unreadable(error.to_string()))
}

fn only_macie() -> Expression {
    let service = DimensionValues::builder().key(Dimension::Service);
    let service = service.values(SERVICE).build();
    Expression::builder().dimensions(service).build()
}

fn group(dimension: Dimension) -> GroupDefinition {
    let group = GroupDefinition::builder().r#type(GroupDefinitionType::Dimension);
    group.key(dimension.as_str()).build()
}

/// A group's keys are in the order in which the groups were asked for.
fn line(group: &Group) -> Result<Line, Trouble> {
    let [account, region] = group.keys() else {
        let keys = group.keys().join(", ");
        return Err(unreadable(format!(
            "a group of `{keys}`, expected an account and a Region"
        )));
    };
    let metric = group.metrics().and_then(|metrics| metrics.get(METRIC));
    let account = account.parse();
    Ok(Line {
        account: account.map_err(|error| unreadable(format!("{error}")))?,
        region: region.clone(),
        usd: dollars(metric)?,
    })
}

fn dollars(metric: Option<&MetricValue>) -> Result<Usd, Trouble> {
    let amount = metric.and_then(MetricValue::amount).unwrap_or_default();
    let unit = metric.and_then(MetricValue::unit).unwrap_or_default();
    if unit != "USD" {
        return Err(unreadable(format!("{METRIC} is in `{unit}`, expected USD")));
    }
    let usd = amount.parse().or_else(|_| Decimal::from_scientific(amount));
    usd.map(Usd)
        .map_err(|_| unreadable(format!("{METRIC} is `{amount}`, expected a decimal number")))
}

fn unreadable(message: String) -> Trouble {
    Trouble {
        operation: SOURCE,
        class: ErrorClass::Other,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group_of(keys: &[&str], amount: &str, unit: &str) -> Group {
        let value = MetricValue::builder().amount(amount).unit(unit).build();
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        Group::builder()
            .set_keys(Some(keys))
            .metrics(METRIC, value)
            .build()
    }

    #[test]
    fn an_amount_is_a_decimal_number_of_dollars() {
        const ACCOUNT: &str = "300000000001";
        for (amount, usd) in [
            ("12.3456789012", "12.3456789012"),
            ("0", "0"),
            ("-1.5", "-1.5"),
            ("2.5E-7", "0.00000025"),
        ] {
            let line = line(&group_of(&[ACCOUNT, "eu-west-1"], amount, "USD")).map(|line| line.usd);
            assert_eq!(line, Ok(Usd(usd.parse().unwrap_or_default())), "{amount}");
        }
        for (keys, amount, unit, why) in [
            (
                &[ACCOUNT, "eu-west-1"][..],
                "1",
                "CNY",
                "is in `CNY`, expected USD",
            ),
            (
                &[ACCOUNT, "eu-west-1"],
                "much",
                "USD",
                "is `much`, expected a decimal number",
            ),
            (
                &[ACCOUNT, "eu-west-1"],
                "",
                "USD",
                "is ``, expected a decimal number",
            ),
            (&[ACCOUNT], "1", "USD", "expected an account and a Region"),
            (
                &["12", "eu-west-1"],
                "1",
                "USD",
                "`12` is not an AWS account id",
            ),
        ] {
            let error = line(&group_of(keys, amount, unit)).map_err(|error| error.to_string());
            assert!(
                error.as_ref().is_err_and(|text| text.contains(why)),
                "{error:?}"
            );
        }
    }
}
