//! The report as one value, of which the page and the document are views.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, BufWriter, Write},
};

use askama::Template;
use controller_core::{
    id::{AccountId, Region},
    money::Usd,
    observed::Trouble,
    plan::Blocked,
    policy::Policy,
    prices::PriceList,
    usage::month,
};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::Serialize;

use super::{
    super::{
        cost::{self, Costs},
        estimate,
    },
    Account, Budgets, Coverage, Exception, Known, LiveJob, Look, Scan, Spend, accounts, exceptions,
    jobs, scans,
};
use crate::{exit::Exit, output};

/// What a report is made of.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// When it is made.
    pub now: Timestamp,
    /// What Macie told of the month.
    pub costs: &'a Costs,
    /// What was seen of accounts.
    pub looks: &'a [Look],
    /// The names of accounts.
    pub names: BTreeMap<AccountId, String>,
}

/// The report.
#[derive(Debug, Serialize, Template)]
#[template(path = "report.html", whitespace = "minimize")]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// The version of the document.
    pub schema_version: u32,
    /// Always `USD`.
    pub currency: &'static str,
    /// When it was made, and of what.
    pub about: About,
    /// Regions that did not tell what was used.
    pub unanswered: Vec<Unanswered>,
    /// Accounts and Regions of which something could not be read.
    pub unread: usize,
    /// What the month has cost.
    pub spend: Spend,
    /// Every account and Region that has to do with Macie.
    pub accounts: Vec<Account>,
    /// Who is close to a budget of the month.
    pub budgets: Budgets,
    /// Why something of them is not known.
    #[serde(skip)]
    pub reasons: Vec<String>,
    /// How far tagged buckets are.
    pub coverage: Coverage,
    /// The buckets whose scans cost most, by estimate.
    pub dearest: Vec<Scan>,
    /// What is not as it should be.
    pub exceptions: Vec<Exception>,
    /// Jobs that will run or can be resumed.
    pub jobs: Vec<LiveJob>,
}

/// When a report was made, and of what.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The first of the month.
    pub period_begin: Option<Timestamp>,
    /// The first of the next one.
    pub period_end: Option<Timestamp>,
    /// When it was made.
    pub generated_at: Timestamp,
    /// When Macie last read sizes: the oldest and the newest; none when it told none.
    pub sizes_as_of: Option<(Timestamp, Timestamp)>,
    /// The day of AWS's prices that this release has.
    pub prices_as_of: Option<Date>,
    /// Where these were read.
    pub prices_source: Option<&'static str>,
    /// Regions with the policy's prices.
    pub priced_by_policy: String,
    /// Regions with prices of AWS's list.
    pub priced_by_list: String,
    /// Of a hundred objects so many are analysed.
    pub sampling_percentage: u8,
    /// How the end of the month is reckoned.
    pub forecast: &'static str,
}

/// A Region that did not tell what was used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unanswered {
    /// The Region.
    pub region: Region,
    /// Why.
    pub trouble: Trouble,
    /// What a person can do.
    pub fix: &'static str,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            region, trouble, ..
        } = self;
        write!(f, "{region} is not in these figures: {trouble}")
    }
}

impl Unanswered {
    fn of((region, trouble): (&Region, &Trouble)) -> Self {
        let (region, trouble) = (region.clone(), trouble.clone());
        let by = Blocked::Unreadable {
            trouble: trouble.clone(),
        };
        let fix = match trouble.class.passes() {
            true => "ask again",
            false => by.fix(),
        };
        Self {
            region,
            trouble,
            fix,
        }
    }
}

impl Page {
    /// Makes the report.
    pub fn of(facts: &Facts<'_>) -> Self {
        let accounts = accounts::accounts(facts);
        Self {
            schema_version: output::SCHEMA_VERSION,
            currency: "USD",
            about: About::of(facts),
            unanswered: facts.costs.trouble.iter().map(Unanswered::of).collect(),
            unread: facts.looks.iter().filter(|look| look.is_unread).count(),
            spend: Spend::of(facts),
            reasons: accounts::reasons(&accounts),
            budgets: Budgets::of(&accounts),
            accounts,
            coverage: Coverage::of(facts.looks),
            dearest: scans::dearest(facts),
            exceptions: exceptions::exceptions(facts),
            jobs: jobs::live(facts),
        }
    }

    /// Writes the page as it is rendered, so that it is never in memory as a whole.
    pub fn write(&self, sink: impl Write) -> io::Result<()> {
        let mut sink = BufWriter::new(sink);
        self.write_into(&mut sink)?;
        sink.flush()
    }

    /// 3 when something could not be read, 1 when nothing could.
    pub fn exit(&self) -> Exit {
        let is_whole = self.unanswered.is_empty() && self.unread == 0;
        match (is_whole, self.accounts.is_empty()) {
            (true, _) => Exit::Success,
            (false, false) => Exit::Partial,
            (false, true) => Exit::Error,
        }
    }

    /// The number of the note that tells a reason.
    fn note(&self, reason: &String) -> usize {
        let place = self.reasons.iter().position(|known| known == reason);
        place.map_or(0, |place| place + 1)
    }
}

/// Dollars for people.
fn dollars(usd: &Usd) -> String {
    estimate::cents(*usd)
}

impl About {
    fn of(facts: &Facts<'_>) -> Self {
        let (period_begin, period_end) = month(facts.now).unzip();
        let list = PriceList::bundled();
        let rows = || facts.looks.iter().filter_map(|look| look.estimate.as_ref());
        Self {
            period_begin,
            period_end,
            generated_at: facts.now,
            sizes_as_of: accounts::sizes_as_of(facts.looks),
            prices_as_of: list.map(|list| list.as_of),
            prices_source: list.map(|list| list.source.as_str()),
            priced_by_policy: estimate::regions(rows(), "policy"),
            priced_by_list: estimate::regions(rows(), "list"),
            sampling_percentage: facts.policy.jobs.sampling_percentage,
            forecast: cost::METHOD,
        }
    }
}
