use super::*;

fn bill(now: &str) -> Bill {
    let names = [("111111111111", "management"), ("300000000001", "payments")];
    let names = names.map(|(id, name)| (id.parse().unwrap(), name.to_owned()));
    Bill::new(
        "111111111111".parse().unwrap(),
        names.into(),
        now.parse().unwrap(),
    )
    .unwrap()
}

fn usage(account: &str, trial_since: Option<&str>, usd: &[(Kind, &str)]) -> Usage {
    let usd = usd.iter().cloned();
    Usage {
        account: account.parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
        usd: usd
            .map(|(kind, usd)| (kind, Usd(usd.parse().unwrap())))
            .collect(),
        trial_since: trial_since.map(|at| at.parse().unwrap()),
        quota_met: false,
        quota_terabytes: None,
    }
}

/// What stands in a column, as text; `NULL` for none.
fn cell(charge: &Charge<'_>, name: &str) -> String {
    let column = COLUMNS.iter().find(|column| column.name == name).unwrap();
    let text = match column.value {
        Value::Text(value) => value(charge),
        Value::Time(value) => value(charge).map(|at| at.to_string()),
        Value::Amount(value) => value(charge).map(|amount| amount.to_string()),
    };
    text.unwrap_or("NULL".to_owned())
}

/// By hand, on 20 November 2026 at noon. Account 1 is in a trial since 5 November, whose monitoring
/// is not billed; account 2 has none, no name, and a kind of usage that nobody knows.
#[test]
fn every_amount_and_name_is_where_focus_wants_it() {
    let one = usage(
        "300000000001",
        Some("2026-11-05T08:00:00.7Z"),
        &[(Kind::Jobs, "2.50"), (Kind::Monitoring, "0.10")],
    );
    let two = usage(
        "300000000002",
        None,
        &[
            (Kind::Monitoring, "1"),
            (Kind::Other("NEW".to_owned()), "0"),
        ],
    );
    let bill = bill("2026-11-20T12:00:00.5Z");
    let charges = bill.charges([&two, &one]);
    let table = [
        "SubAccountId,SubAccountName,x_MacieUsageType,ListCost,ContractedCost,BilledCost,EffectiveCost,x_TrialUntil",
        "300000000001,payments,DATA_INVENTORY_EVALUATION,0.10,0.10,0,0,2026-12-05T08:00:00Z",
        "300000000001,payments,SENSITIVE_DATA_DISCOVERY,2.50,2.50,2.50,2.50,NULL",
        "300000000002,NULL,DATA_INVENTORY_EVALUATION,1,1,1,1,NULL",
        "300000000002,NULL,NEW,0,0,0,0,NULL",
    ];
    let (names, rows) = table.split_first().unwrap();
    let found: Vec<String> = charges
        .iter()
        .map(|charge| {
            let cells = names.split(',').map(|name| cell(charge, name));
            cells.collect::<Vec<_>>().join(",")
        })
        .collect();
    assert_eq!(found, rows);
}

#[test]
fn every_row_says_whose_bill_when_and_how_it_is_known() {
    let usage = usage("300000000001", None, &[(Kind::Jobs, "2.50")]);
    let bill = bill("2026-12-31T23:59:59.9Z");
    let charges = bill.charges([&usage]);
    for (name, value) in [
        ("BillingAccountId", "111111111111"),
        ("BillingAccountName", "management"),
        ("BillingCurrency", "USD"),
        ("BillingPeriodStart", "2026-12-01T00:00:00Z"),
        ("BillingPeriodEnd", "2027-01-01T00:00:00Z"),
        ("ChargePeriodStart", "2026-12-01T00:00:00Z"),
        ("ChargePeriodEnd", "2026-12-31T23:59:59Z"),
        ("ChargeClass", "NULL"),
        ("InvoiceId", "NULL"),
        ("PricingQuantity", "NULL"),
        ("PricingUnit", "NULL"),
        ("RegionId", "eu-west-1"),
        ("ServiceName", "Amazon Macie"),
        ("x_AsOf", "2026-12-31T23:59:59Z"),
        ("x_CostSource", "macie2:GetUsageStatistics"),
        (
            "ChargeDescription",
            "Macie's own estimate of jobs since the first of the month, in list prices",
        ),
    ] {
        assert_eq!(cell(&charges[0], name), value, "{name}");
    }
    assert_eq!(bill.period(), "2026-12");
}

#[test]
fn releases_differ_in_who_provides() {
    let names = |release| -> Vec<&str> {
        let columns = columns(release);
        columns.into_iter().map(|column| column.name).collect()
    };
    let (old, new) = (names(Release::V1_2), names(Release::V1_4));
    let only = |one: &[&'static str], other: &[&str]| -> Vec<&'static str> {
        let one = one.iter().filter(|name| !other.contains(name));
        one.copied().collect()
    };
    assert_eq!(only(&old, &new), ["ProviderName", "PublisherName"]);
    assert_eq!(
        only(&new, &old),
        ["HostProviderName", "ServiceProviderName"]
    );
    // Which puts those that are not of FOCUS, `x_`, at the end.
    assert!(old.is_sorted() && new.is_sorted());
}
