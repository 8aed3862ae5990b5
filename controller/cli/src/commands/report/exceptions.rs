//! What is not as it should be, and what to do about it.

use std::collections::BTreeSet;

use controller_core::{
    estimate::{Amount, Unknown},
    id::{AccountId, Region},
    plan::Note,
};
use serde::Serialize;

use super::{super::status::Place, Facts, Look};
use crate::output;

/// Something that is told and not done.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// What kind it is.
    pub sign: Sign,
    /// The account; none when it is all of a Region.
    pub account: Option<AccountId>,
    /// The account's name.
    pub name: String,
    /// The Region.
    pub region: Region,
    /// What it is.
    pub what: String,
    /// What a person can do.
    pub fix: String,
}

/// Kinds of exceptions, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// A defect of the controller keeps the account as it is.
    Stopped,
    /// A person has to do something.
    Blocked,
    /// It could not be read, so it is unknown.
    Unknown,
    /// A tag looks like an opt-in and is none.
    NearMiss,
    /// A budget is exceeded, and the policy only warns.
    OverBudget,
    /// Somebody else has to move first.
    Waiting,
}

impl Sign {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
            Self::NearMiss => "near miss",
            Self::OverBudget => "over budget",
            Self::Waiting => "waiting",
        }
    }
}

/// What waits needs nobody.
const BY_ITSELF: &str = "nothing: it goes on by itself";

/// All of them, the worst first.
pub fn exceptions(facts: &Facts<'_>) -> Vec<Exception> {
    let looks = facts.looks.iter().flat_map(of);
    let mut all: Vec<Exception> = unpriced(facts).chain(looks).collect();
    all.sort_by_key(|exception| exception.sign);
    all
}

/// Regions whose costs nobody can estimate.
fn unpriced(facts: &Facts<'_>) -> impl Iterator<Item = Exception> {
    let rows = facts.looks.iter().filter_map(|look| look.estimate.as_ref());
    let unpriced = rows.filter(|row| row.prices.is_none());
    let regions: BTreeSet<Region> = unpriced.map(|row| row.region.clone()).collect();
    regions.into_iter().map(|region| Exception {
        sign: Sign::Unknown,
        account: None,
        name: String::new(),
        what: format!("this release knows no prices of {region}: nothing can be estimated there"),
        fix: "put what you pay into `prices` of the policy; `maciectl prices refresh` reads AWS's list".to_owned(),
        region,
    })
}

fn of(look: &Look) -> Vec<Exception> {
    let status = &look.status;
    let mut found: Vec<(Sign, String, String)> = Vec::new();
    found.extend(status.defect.iter().map(|defect| {
        let fix = "report it as a defect of the controller: nothing was done";
        (Sign::Stopped, defect.clone(), fix.to_owned())
    }));
    found.extend(status.notes.iter().map(noted));
    let line = status.line.iter().map(Place::text);
    found.extend(line.map(|text| (Sign::Waiting, text, BY_ITSELF.to_owned())));
    let estimate = look.estimate.iter();
    let buckets = estimate.clone().flat_map(|row| &row.buckets);
    found.extend(buckets.filter_map(|bucket| match &bucket.first_scan {
        Amount::Unknown { unknown } => hidden(bucket.bucket.as_str(), unknown),
        Amount::Known(_) => None,
    }));
    // The notes tell most of it already.
    for trouble in estimate.flat_map(|row| &row.trouble) {
        if !found.iter().any(|(_, what, _)| what == trouble) {
            let fix = "what depends on it is unknown here: ask again";
            found.push((Sign::Unknown, trouble.clone(), fix.to_owned()));
        }
    }
    let exception = |(sign, what, fix)| Exception {
        sign,
        account: Some(look.scope.account.clone()),
        name: status.name.clone(),
        region: look.scope.region.clone(),
        what,
        fix,
    };
    found.into_iter().map(exception).collect()
}

fn noted(note: &Note) -> (Sign, String, String) {
    let (_, what) = output::sign(note);
    match note {
        Note::Blocked(by) => (Sign::Blocked, what, by.fix().to_owned()),
        Note::Waiting(_) => (Sign::Waiting, what, BY_ITSELF.to_owned()),
        Note::NearMiss { expected, .. } => {
            (Sign::NearMiss, what, format!("tag the bucket `{expected}`"))
        }
        Note::OverBudget { .. } | Note::FirstScanOverBudget { .. } => {
            let fix = "nothing is held back: the policy only warns (`budgets`)";
            (Sign::OverBudget, what, fix.to_owned())
        }
    }
}

/// Tagged buckets that Macie will not scan as things are.
fn hidden(bucket: &str, unknown: &Unknown) -> Option<(Sign, String, String)> {
    let (what, fix) = match unknown {
        Unknown::NotReadable => (
            "Macie may not read about it",
            "let AWSServiceRoleForAmazonMacie through the bucket's policy",
        ),
        Unknown::OverQuota => (
            "Macie monitors 10,000 buckets of an account, and it is none of them",
            "delete buckets that nobody needs, or keep it in another account",
        ),
        _ => return None,
    };
    Some((Sign::Blocked, format!("{bucket}: {what}"), fix.to_owned()))
}
