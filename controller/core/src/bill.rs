//! What Macie says beside what AWS has billed.
//!
//! Macie's figures are estimates in list prices, with what a trial would have cost (Macie User Guide,
//! account-mgmt-costs-calculations). The bill has discounts, credits and what is free.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;

use crate::{
    id::{AccountId, Region},
    money::Usd,
    month::Month,
    usage::Usage,
};

/// What an account was billed for Macie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whose buckets it was.
    pub account: AccountId,
    /// The Region by its code, or what the bill says instead, such as `NoRegion`.
    pub region: String,
    /// Dollars.
    pub usd: Usd,
}

/// A month's bill of Macie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// By account and Region.
    pub lines: Vec<Line>,
    /// Whether AWS has closed the month: before, lines still change.
    pub is_final: bool,
    /// The only account whose bill it is; none if it is the organization's.
    pub only: Option<AccountId>,
}

/// What Macie says of the same month.
#[derive(Debug, Clone, Copy)]
pub struct Estimates<'a> {
    /// By account and Region.
    pub usages: &'a [Usage],
    /// Regions that were asked for.
    pub governed: &'a BTreeSet<Region>,
    /// Those of them whose figures are missing, or not of the whole month.
    pub partial: &'a BTreeSet<Region>,
    /// The month.
    pub month: Month,
}

/// Why the two differ, or cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remark {
    /// The bill is that of another account.
    NotShown,
    /// Macie's figures of the Region are not whole.
    Partial,
    /// The policy does not govern the Region.
    NotGoverned,
    /// Only the bill has it.
    NotByMacie,
    /// Macie's figure has what a trial would have cost.
    Trial,
    /// Only Macie has it.
    NotBilled,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotShown => "its bill is not shown to this caller",
            Self::Partial => "Macie's figures of this Region are not whole",
            Self::NotGoverned => "only the bill has it: the policy does not govern this Region",
            Self::NotByMacie => "only the bill has it: Macie names no usage",
            Self::Trial => "monitoring in its trial is in Macie's figure, and not billed",
            Self::NotBilled => "only Macie has it: nothing is billed",
        })
    }
}

/// An account in a Region, by both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Compared {
    /// The account.
    pub account: AccountId,
    /// The Region, as in [`Line`].
    pub region: String,
    /// What Macie says.
    pub macie_usd: Option<Usd>,
    /// What is billed.
    pub billed_usd: Option<Usd>,
    /// How much more is billed than Macie says, a side that names nothing being nothing; unknown when
    /// one side's answer is not whole.
    pub difference_usd: Option<Usd>,
    /// What there is to say of it.
    pub remark: Option<Remark>,
}

/// Everything together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    /// What Macie says.
    pub macie_usd: Usd,
    /// What is billed.
    pub billed_usd: Usd,
    /// How much more is billed; unknown when one side is not whole.
    pub difference_usd: Option<Usd>,
}

/// The accounts, the largest first, and their sum. Of what costs nothing by both there is no line.
pub fn compare(estimates: &Estimates<'_>, bill: &Bill) -> (Vec<Compared>, Total) {
    let mut sides: BTreeMap<(&AccountId, &str), Sides<'_>> = BTreeMap::new();
    for usage in estimates.usages {
        let key = (&usage.account, usage.region.as_str());
        sides.entry(key).or_default().usage = Some(usage);
    }
    for line in &bill.lines {
        let side = sides.entry((&line.account, &line.region)).or_default();
        side.billed = Some(side.billed.unwrap_or_default() + line.usd);
    }
    let rows = sides.into_iter().filter(|(_, sides)| !sides.is_nothing());
    let mut rows: Vec<Compared> = rows
        .map(|((account, region), sides)| sides.row(account, region, estimates, bill))
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.macie_usd.max(row.billed_usd)));
    let total = total(&rows, estimates, bill);
    (rows, total)
}

/// What each side says of an account in a Region.
#[derive(Default)]
struct Sides<'a> {
    usage: Option<&'a Usage>,
    billed: Option<Usd>,
}

impl Sides<'_> {
    fn macie(&self) -> Option<Usd> {
        self.usage.map(Usage::total)
    }

    fn is_nothing(&self) -> bool {
        let sides = [self.macie(), self.billed];
        sides
            .iter()
            .all(|usd| usd.unwrap_or_default() == Usd::default())
    }

    fn row(
        &self,
        account: &AccountId,
        region: &str,
        estimates: &Estimates<'_>,
        bill: &Bill,
    ) -> Compared {
        let remark = self.remark(account, region, estimates, bill);
        let is_comparable = !matches!(remark, Some(Remark::NotShown | Remark::Partial));
        let [macie, billed] = [self.macie(), self.billed].map(Option::unwrap_or_default);
        Compared {
            account: account.clone(),
            region: region.to_owned(),
            macie_usd: self.macie(),
            billed_usd: self.billed,
            difference_usd: is_comparable.then(|| difference(macie, billed)),
            remark,
        }
    }

    fn remark(
        &self,
        account: &AccountId,
        region: &str,
        estimates: &Estimates<'_>,
        bill: &Bill,
    ) -> Option<Remark> {
        let is_among = |regions: &BTreeSet<Region>| regions.iter().any(|it| it.as_str() == region);
        let in_trial = |usage: &Usage| {
            let ends = usage.trial_ends();
            ends.is_some_and(|ends| ends > estimates.month.start())
        };
        if bill.only.as_ref().is_some_and(|only| only != account) {
            return Some(Remark::NotShown);
        }
        if is_among(estimates.partial) {
            return Some(Remark::Partial);
        }
        match (self.usage, self.billed) {
            (None, _) if !is_among(estimates.governed) => Some(Remark::NotGoverned),
            (None, _) => Some(Remark::NotByMacie),
            (Some(usage), _) if in_trial(usage) => Some(Remark::Trial),
            (Some(_), None) => Some(Remark::NotBilled),
            (Some(_), Some(_)) => None,
        }
    }
}

fn difference(macie: Usd, billed: Usd) -> Usd {
    Usd(billed.0.saturating_sub(macie.0).normalize())
}

fn total(rows: &[Compared], estimates: &Estimates<'_>, bill: &Bill) -> Total {
    let sum = |usd: fn(&Compared) -> Option<Usd>| {
        let known = rows.iter().filter_map(usd);
        known.fold(Usd::default(), |sum, usd| sum + usd)
    };
    let (macie, billed) = (sum(|row| row.macie_usd), sum(|row| row.billed_usd));
    let is_whole = estimates.partial.is_empty() && bill.only.is_none();
    Total {
        macie_usd: macie,
        billed_usd: billed,
        difference_usd: is_whole.then(|| difference(macie, billed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Kind;

    const ONE: &str = "300000000001";
    const TWO: &str = "300000000002";

    fn usd(text: &str) -> Usd {
        Usd(text.parse().unwrap())
    }

    fn usage(account: &str, region: &str, jobs: &str) -> Usage {
        Usage {
            account: account.parse().unwrap(),
            region: region.parse().unwrap(),
            usd: BTreeMap::from([(Kind::Jobs, usd(jobs))]),
            trial_since: None,
            quota_met: false,
            quota_terabytes: None,
        }
    }

    fn line(account: &str, region: &str, text: &str) -> Line {
        Line {
            account: account.parse().unwrap(),
            region: region.to_owned(),
            usd: usd(text),
        }
    }

    fn bill(lines: &[Line]) -> Bill {
        Bill {
            lines: lines.to_vec(),
            is_final: true,
            only: None,
        }
    }

    fn regions(names: &[&str]) -> BTreeSet<Region> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// October 2026, of two governed Regions.
    fn october(usages: &[Usage], partial: &[&str], bill: &Bill) -> (Vec<Compared>, Total) {
        let estimates = Estimates {
            usages,
            governed: &regions(&["eu-west-1", "us-east-1"]),
            partial: &regions(partial),
            month: "2026-10".parse().unwrap(),
        };
        compare(&estimates, bill)
    }

    /// Account, Region, Macie, billed, difference and remark of each row.
    fn told(rows: &[Compared]) -> Vec<(&str, &str, String, Option<Remark>)> {
        let text = |usd: Option<Usd>| usd.map_or("-".to_owned(), |usd| usd.0.to_string());
        rows.iter()
            .map(|row| {
                let figures = [row.macie_usd, row.billed_usd, row.difference_usd].map(text);
                let name = row.account.as_str();
                (name, row.region.as_str(), figures.join(" "), row.remark)
            })
            .collect()
    }

    /// By hand.
    ///
    /// | account | Region | Macie | billed | difference |
    /// | --- | --- | ---: | ---: | ---: |
    /// | 1 | eu-west-1 | 100 | 60 and 30, a discount | -10 |
    /// | 2 | eu-west-1 | 20 | 20.004, rounding | 0.004 |
    /// | 1 | us-east-1 | 7 | nothing | -7 |
    /// | 2 | us-east-1 | nothing | 5 | 5 |
    /// | 2 | eu-north-1, not governed | | 3 | 3 |
    /// | 1 | NoRegion | | -1, a credit | -1 |
    /// | together | | 127 | 117.004 | -9.996 |
    #[test]
    fn both_sides_are_shown_with_their_difference() {
        let usages = [
            usage(ONE, "eu-west-1", "100"),
            usage(TWO, "eu-west-1", "20"),
            usage(ONE, "us-east-1", "7"),
        ];
        let lines = [
            line(ONE, "eu-west-1", "60"),
            line(ONE, "eu-west-1", "30"),
            line(TWO, "eu-west-1", "20.004"),
            line(TWO, "us-east-1", "5"),
            line(TWO, "eu-north-1", "3"),
            line(ONE, "NoRegion", "-1"),
        ];
        let (rows, total) = october(&usages, &[], &bill(&lines));
        let of =
            |account, region, figures: &str, remark| (account, region, figures.to_owned(), remark);
        assert_eq!(
            told(&rows),
            [
                of(ONE, "eu-west-1", "100 90 -10", None),
                of(TWO, "eu-west-1", "20 20.004 0.004", None),
                of(ONE, "us-east-1", "7 - -7", Some(Remark::NotBilled)),
                of(TWO, "us-east-1", "- 5 5", Some(Remark::NotByMacie)),
                of(TWO, "eu-north-1", "- 3 3", Some(Remark::NotGoverned)),
                of(ONE, "NoRegion", "- -1 -1", Some(Remark::NotGoverned)),
            ]
        );
        assert_eq!(
            (total.macie_usd, total.billed_usd),
            (usd("127"), usd("117.004"))
        );
        assert_eq!(total.difference_usd, Some(usd("-9.996")));
    }

    #[test]
    fn what_is_not_whole_has_no_difference() {
        let usages = [usage(ONE, "eu-west-1", "4"), usage(ONE, "us-east-1", "7")];
        let lines = [line(ONE, "eu-west-1", "9"), line(ONE, "us-east-1", "7")];
        let (rows, total) = october(&usages, &["eu-west-1"], &bill(&lines));
        let partial = Some(Remark::Partial);
        assert_eq!(
            told(&rows),
            [
                (ONE, "eu-west-1", "4 9 -".to_owned(), partial),
                (ONE, "us-east-1", "7 7 0".to_owned(), None),
            ]
        );
        assert_eq!(total.difference_usd, None);
        // A Region of which nothing is known is missing in the total, though no row says so.
        let (rows, total) = october(&usages[1..], &["eu-west-1"], &bill(&lines[1..]));
        assert_eq!((rows.len(), total.difference_usd), (1, None));
    }

    #[test]
    fn a_member_account_is_shown_its_own_bill_only() {
        let usages = [usage(ONE, "eu-west-1", "4"), usage(TWO, "eu-west-1", "7")];
        let own = Bill {
            only: Some(TWO.parse().unwrap()),
            ..bill(&[line(TWO, "eu-west-1", "7")])
        };
        let (rows, total) = october(&usages, &[], &own);
        assert_eq!(
            told(&rows),
            [
                (TWO, "eu-west-1", "7 7 0".to_owned(), None),
                (ONE, "eu-west-1", "4 - -".to_owned(), Some(Remark::NotShown)),
            ]
        );
        assert_eq!(total.difference_usd, None);
    }

    /// By hand: a trial of 30 days from 2 September ends on 2 October, one from 1 September on
    /// 1 October, when October begins.
    #[test]
    fn a_trial_in_the_month_is_said() {
        for (since, remark) in [
            ("2026-09-02T00:00:00Z", Some(Remark::Trial)),
            ("2026-09-01T00:00:00Z", None),
        ] {
            let trial = Usage {
                trial_since: Some(since.parse().unwrap()),
                ..usage(ONE, "eu-west-1", "4")
            };
            let (rows, _) = october(&[trial], &[], &bill(&[line(ONE, "eu-west-1", "3")]));
            assert_eq!(rows[0].remark, remark, "{since}");
        }
    }

    #[test]
    fn of_nothing_there_is_no_line() {
        let usages = [usage(ONE, "eu-west-1", "0")];
        let (rows, total) = october(&usages, &[], &bill(&[line(TWO, "eu-west-1", "0.00")]));
        assert_eq!(rows, []);
        assert_eq!(total.difference_usd, Some(usd("0")));
    }
}
