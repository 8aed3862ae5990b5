//! The command line.

use std::path::PathBuf;

pub use clap::Parser;
use clap::{Args, CommandFactory, Subcommand, ValueEnum, error::ErrorKind};
use controller::config::{MEMBER_ROLE, Settings};
use controller_core::{
    id::{AccountId, BucketName, Region},
    money::Usd,
    month::Month,
};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::exit;

/// Opt S3 buckets in to Amazon Macie by tag, and see why a bucket is or is not scanned.
#[derive(Debug, Parser)]
#[command(name = "maciectl", version, propagate_version = true, after_help = exit::HELP)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// A table for people, JSON with a `schemaVersion`, or CSV of `cost`.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Profile of the AWS configuration; it must lead into the delegated Macie administrator account.
    #[arg(long, global = true)]
    pub profile: Option<String>,
    /// Only this Region.
    #[arg(long, global = true)]
    pub region: Option<Region>,
    /// The opt-in policy: a file, JSON text, or `ssm:/name`.
    #[arg(long, global = true, env = "MACIECTL_POLICY", hide_env_values = true)]
    pub policy: Option<String>,
    /// Role to assume in every workload account.
    #[arg(long, global = true, env = "MACIECTL_MEMBER_ROLE", default_value = MEMBER_ROLE)]
    pub member_role: String,
    /// Name or ARN of the bus to publish changes to; nowhere without it.
    #[arg(long, global = true, env = "MACIECTL_EVENT_BUS")]
    pub event_bus: Option<String>,
    /// URL of the controller's own queue, where a scope that waits is put back; nowhere without it.
    #[arg(long, global = true, env = "MACIECTL_QUEUE_URL")]
    pub queue_url: Option<String>,
    /// One new job per this long (`PT10S`), where AWS has raised the quota.
    #[arg(long, global = true, env = "MACIECTL_JOB_INTERVAL")]
    pub job_interval: Option<String>,
    /// More talk on standard error; twice for what the AWS SDK says.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For spreadsheets: `cost` only.
    Csv,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole life of an opt-in on a local AWS, then exit. Needs no AWS account.
    #[command(
        after_help = "Example:\n  maciectl demo\n  maciectl demo --output json | jq '.timeline[].what'"
    )]
    Demo,
    /// Serve a local AWS on loopback with the controller attached, until Ctrl-C.
    #[command(after_help = "Example:\n  maciectl local --port 4566 --accounts 4")]
    Local {
        /// Port on 127.0.0.1; 0 takes a free one.
        #[arg(long, default_value_t = 4566)]
        port: u16,
        /// Workload accounts, besides the management and the administrator account.
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=10_000))]
        accounts: u16,
    },
    /// Feed events to the controller: one event, an array, JSON lines, or an SQS batch.
    #[command(
        after_help = "Examples:\n  maciectl handle event.json\n  cat batch.json | maciectl handle -"
    )]
    Handle {
        /// A file, or `-` for standard input.
        file: String,
    },
    /// Show what would change and why; write nothing.
    #[command(
        after_help = "Examples:\n  maciectl plan\n  maciectl plan --account 111122223333 --region eu-west-1 --detailed-exitcode"
    )]
    Plan {
        /// Where.
        #[command(flatten)]
        scope: ScopeArgs,
        /// Exit with 2 when there are changes.
        #[arg(long)]
        detailed_exitcode: bool,
    },
    /// Do what `plan` shows, and what follows from it.
    #[command(after_help = "Examples:\n  maciectl apply\n  maciectl apply --account 111122223333")]
    Apply {
        /// Where.
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Show accounts, members, jobs, opted-in buckets, and what is waiting or blocked.
    #[command(
        after_help = "Accounts that lack jobs stand in a line, for AWS creates one job in 10 s for an \
            administrator and Region: `place 12 of 87 for a new job, about 2 min` (JSON: `line`). The \
            order is that of enrolment, the time counts the jobs of those before it; the controller \
            may serve in a slightly different order. With --account there is no place, for it takes a \
            look at everybody.\n\nExamples:\n  maciectl status\n  maciectl status --all --output json"
    )]
    Status {
        /// Where.
        #[command(flatten)]
        scope: ScopeArgs,
        /// Also accounts that have nothing to do with Macie.
        #[arg(long)]
        all: bool,
    },
    /// Show why a bucket is or is not scanned, link by link, with the fix.
    #[command(
        after_help = "Examples:\n  maciectl explain invoices\n  maciectl explain invoices --account 111122223333 --region eu-west-1"
    )]
    Explain {
        /// The bucket.
        bucket: BucketName,
        /// The account that owns it; without it, every account is asked.
        #[arg(long)]
        account: Option<AccountId>,
    },
    /// Show what accounts have cost this month or in an earlier one, by Macie's own estimate.
    #[command(
        after_help = "Each governed Region is asked once. The account that owns the buckets pays, though \
            the administrator's jobs scan them. Macie's figures are in list prices, leave most discounts \
            out, and show what a free trial would have cost. The end of the month is reckoned from what \
            has passed of it.\n\nMacie tells the running month only. An earlier one is read from the last \
            snapshot that the daily collection (delegated-admin/costs.yaml) kept of it, and what is not in \
            it is said. `--bill` asks AWS Cost Explorer what was billed, which costs $0.01 a request, one \
            for each page of accounts.\n\nExamples:\n  maciectl cost\n  maciectl cost --by type\n  \
             maciectl cost --by tag --tag Owner\n  \
            maciectl cost --month 2026-10\n  \
            maciectl cost --month 2026-10 --bill --bill-profile management\n  \
            maciectl cost --output csv > cost.csv\n  \
            maciectl cost --output json | jq -r '.costs[] | select(.quotaMet) | .account'"
    )]
    Cost(CostArgs),
    /// Export what accounts have cost this month as FOCUS, for a table beside AWS's own export.
    #[command(
        after_help = "One file for each governed Region, `DIR/billing_period=2026-11/\
            macie-estimate-eu-west-1.parquet`; the next export replaces it. A folder holds one format and \
            one release. All amounts are Macie's own estimates in list prices: docs/finops.md has the \
            columns, and the SQL that counts nothing twice.\n\nExamples:\n  \
            maciectl focus --to export && aws s3 sync export s3://DOC-EXAMPLE-BUCKET/macie/\n  \
            maciectl focus --to export --format csv --focus-version 1.4"
    )]
    Focus(FocusArgs),
    /// Show what scanning costs before it is paid for: per bucket once, and per account each month.
    #[command(
        after_help = "The method is Macie's own forecast: bytes that Macie can analyse, compressed files \
            taken three to one (the range: one to ten), times the sampling percentage. Every bucket of \
            an enrolled account is monitored, tagged or not. What is not known is `unknown`, with the \
            reason, never $0. Prices are the policy's, else AWS's list as far as this release knows it.\n\n\
            Examples:\n  maciectl estimate invoices\n  maciectl estimate --account 111122223333\n  \
            maciectl estimate --all --output json > before.json\n  \
            maciectl estimate --all --baseline before.json --fail-over 500"
    )]
    Estimate(EstimateArgs),
    /// Show what Macie costs by Region, as far as it is known, and where it is not.
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "What the policy says goes first, then what this release knows from AWS's list. A Region \
            without a price has no estimates. `refresh` reads AWS's Price List: what Macie's products are \
            called there is not published, so they are found in us-east-1 by the prices that are known, and \
            looked up in the other Regions; what is not clear is unknown, with the reason. It changes \
            nothing: `--for-policy` prints `prices` for the policy, and `--to` writes a dated list.\n\n\
            Examples:\n  maciectl prices\n  maciectl prices refresh\n  \
            maciectl prices refresh --for-policy > prices.json\n  \
            maciectl prices refresh --all-regions --to prices.json"
    )]
    Prices(PricesArgs),
    /// Write what is spent, scanned, waiting and blocked as one HTML page that needs nothing else.
    #[command(
        after_help = "The page has what `cost`, `estimate --all` and `status` say, each thing read once: \
            what Macie says that this month has cost and its end, accounts and Regions, how many tagged \
            buckets are scanned, the dearest ones, what is in the way with its fix, and the jobs. What \
            is not known is `unknown`, with the reason, never $0. It loads nothing and runs no script. \
            `--output json` prints the same as a document, with or without a page.\n\nExamples:\n  \
            maciectl report --html macie.html\n  maciectl report --html - > macie.html\n  \
            maciectl report --output json | jq '.exceptions[] | [.what, .fix]'"
    )]
    Report(ReportArgs),
    /// Check what the controller needs, and what works against it; write nothing.
    #[command(
        after_help = "Before an installation it shows what is missing, after it what is not well. \
            Exits with 1 when a line says `fail`, else with 0.\n\nExamples:\n  maciectl doctor\n  \
            maciectl doctor --output json | jq '.lines[] | select(.status != \"pass\")'\n  \
            maciectl doctor --stack-set-profile management --stack-set-call-as self"
    )]
    Doctor(DoctorArgs),
    /// Show what the circuit breaker holds, and release suspensions that are meant.
    #[command(
        after_help = "The circuit breaker holds all suspensions of a Region when more accounts than \
            the policy allows were suspended lately or are about to be. A release is good for one \
            absence of one account: a bucket that is tagged meanwhile keeps the account enrolled.\n\n\
            Examples:\n  maciectl breaker show\n  \
            maciectl breaker release --plan 111122223333\n  \
            maciectl breaker release --apply --region eu-west-1 111122223333 444455556666"
    )]
    Breaker {
        /// What to do.
        #[command(subcommand)]
        command: BreakerCommand,
    },
    /// Let an account cost more than its budget, for a time.
    #[command(
        after_help = "Raises both budgets of an account in one Region, that of each first scan and that of the \
            month, to an amount, until a time. It never lowers one, it ends by itself, and a second \
            approval takes the place of the first. It is a tag on the Macie member, so it works for \
            accounts that the controller enrolled or adopted.\n\n\
            Examples:\n  maciectl approve --plan --region eu-west-1 111122223333 --usd 500\n  \
            maciectl approve --apply --region eu-west-1 111122223333 --usd 500 --days 14\n  \
            maciectl approve --apply --region eu-west-1 111122223333 --revoke"
    )]
    Approve(ApproveArgs),
    /// Make accounts that were members before the controller its own.
    #[command(
        after_help = "An adopted account is treated as one that the controller enrolled: it is \
            suspended when nothing of it is opted in for a whole grace period. Adopting writes the \
            ownership tag on the member in each governed Region, and nothing else.\n\n\
            Examples:\n  maciectl adopt --plan --all-members\n  \
            maciectl adopt --plan 111122223333\n  \
            maciectl adopt --apply 111122223333 444455556666"
    )]
    Adopt(AdoptArgs),
    /// Show what the controller could not handle, and put it back.
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// Cancel the controller's jobs, suspend its members if asked to, and list what remains.
    #[command(
        after_help = "The controller must be stopped first, for it would create its jobs again:\n  \
            aws lambda put-function-concurrency --function-name macie-self-service-controller \
            --reserved-concurrent-executions 0\n\n\
            Examples:\n  maciectl uninstall --plan\n  maciectl uninstall --apply\n  \
            maciectl uninstall --apply --members suspend --confirm o-exampleorg1"
    )]
    Uninstall(UninstallArgs),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  maciectl completions bash > /etc/bash_completion.d/maciectl"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Which costs.
#[derive(Debug, Args)]
pub struct CostArgs {
    /// Only this account.
    #[arg(long, required_if_eq("by", "bucket"))]
    pub account: Option<AccountId>,
    /// What to add up.
    #[arg(long, value_enum, default_value_t = By::Account)]
    pub by: By,
    /// The key of the accounts' tag that says who bears the cost; with `--by tag`.
    #[arg(long, value_name = "KEY", required_if_eq("by", "tag"))]
    pub tag: Option<String>,
    /// The month, such as `2026-10`; the running one without it.
    #[arg(long)]
    pub month: Option<Month>,
    /// The bucket in which the daily collection keeps its snapshots.
    #[arg(long, value_name = "BUCKET", env = "MACIECTL_RESULTS_BUCKET")]
    pub results_bucket: Option<String>,
    /// Also what was billed, and the difference: asks AWS Cost Explorer, at $0.01 a request.
    #[arg(long)]
    pub bill: bool,
    /// Profile with which to ask for the bill: of the management account, which sees all accounts.
    #[arg(long, value_name = "PROFILE", requires = "bill")]
    pub bill_profile: Option<String>,
}

/// What to export.
#[derive(Debug, Args)]
pub struct FocusArgs {
    /// The folder of the table; it is made if it is not there.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Release of FOCUS; AWS's own export is 1.2.
    #[arg(long, value_enum, default_value_t = FocusVersion::V1_2)]
    pub focus_version: FocusVersion,
    /// Format of the files.
    #[arg(long, value_enum, default_value_t = FileFormat::Parquet)]
    pub format: FileFormat,
}

/// Releases of FOCUS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FocusVersion {
    /// That of AWS's own export.
    #[value(name = "1.2")]
    V1_2,
    /// With who provides and who hosts.
    #[value(name = "1.4")]
    V1_4,
}

/// Formats of exported files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileFormat {
    /// With types, for tables.
    Parquet,
    /// Text.
    Csv,
}

/// What costs are added up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Account.
    Account,
    /// Region.
    Region,
    /// What Macie charges for: monitoring, jobs, automated discovery.
    Type,
    /// Organizational unit that the accounts are directly in: one call more for each account.
    Unit,
    /// Value of the account's tag in Organizations that `--tag` names: one call more for each account.
    Tag,
    /// Tagged bucket of one account. An estimate: Macie tells dollars of accounts only.
    Bucket,
}

/// What to estimate.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["bucket", "account", "all"]))]
pub struct EstimateArgs {
    /// A bucket, tagged or not.
    pub bucket: Option<BucketName>,
    /// All opted-in buckets of this account; with a bucket, the account that owns it.
    #[arg(long)]
    pub account: Option<AccountId>,
    /// All opted-in buckets of the organization.
    #[arg(long, conflicts_with_all = ["bucket", "account"])]
    pub all: bool,
    /// An earlier estimate (`--output json`): only what is more than there counts as new.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// End with 4 if more than so many dollars are new: first scans that are still to be paid, and a
    /// month's monitoring where it is not charged already. With 3 if something is unknown.
    #[arg(long, value_name = "USD")]
    pub fail_over: Option<Decimal>,
}

/// Which prices.
#[derive(Debug, Args)]
pub struct PricesArgs {
    /// What to do, if not only to look.
    #[command(subcommand)]
    pub command: Option<PricesCommand>,
    /// Also Regions that the policy does not govern.
    #[arg(long)]
    pub all_regions: bool,
}

/// What to do with prices.
#[derive(Debug, Subcommand)]
pub enum PricesCommand {
    /// Read AWS's Price List, and show what it says beside what is known now.
    Refresh(RefreshArgs),
}

/// Which prices to read, and where to write them.
#[derive(Debug, Args)]
pub struct RefreshArgs {
    /// Also Regions that the policy does not govern.
    #[arg(long)]
    pub all_regions: bool,
    /// Write what was found as a dated list, in the form of controller/core/prices.json.
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// Print `prices` for the policy on one line: what was found, and the policy's own where nothing
    /// was.
    #[arg(long)]
    pub for_policy: bool,
}

impl EstimateArgs {
    /// All opted-in buckets of an account.
    pub fn of_account(account: AccountId) -> Self {
        Self {
            bucket: None,
            account: Some(account),
            all: false,
            baseline: None,
            fail_over: None,
        }
    }
}

/// What to report.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Where to write the page; `-` is standard output.
    #[arg(long, value_name = "FILE", required_unless_present = "output")]
    pub html: Option<String>,
    /// Only this account.
    #[arg(long)]
    pub account: Option<AccountId>,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DlqCommand {
    /// List dead letters: what each is, and why it most likely is there; never its payload.
    #[command(
        after_help = "A message that is looked at is hidden from others until everything was seen, for two \
            minutes at most. It stays where it is.\n\n\
            Examples:\n  maciectl dlq list\n  maciectl dlq list --output json | jq '.deadLetters[] | select(.poison)'"
    )]
    List(DlqListArgs),
    /// Put dead letters back on the controller's queue, one by one.
    #[command(
        after_help = "Messages that nobody can read (poison) stay, for no retry helps them. A message that \
            comes twice does nothing the second time.\n\n\
            Examples:\n  maciectl dlq redrive --plan\n  maciectl dlq redrive --apply\n  \
            maciectl dlq redrive --apply --account 111122223333 --region eu-west-1"
    )]
    Redrive(DlqRedriveArgs),
}

/// Which dead letters to list.
#[derive(Debug, Args)]
pub struct DlqListArgs {
    /// Only those of this account.
    #[arg(long)]
    pub account: Option<AccountId>,
    /// So many at most.
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// Which dead letters to put back.
#[derive(Debug, Args)]
pub struct DlqRedriveArgs {
    /// Whether to write.
    #[command(flatten)]
    pub mode: ModeArgs,
    /// Only those of this account.
    #[arg(long)]
    pub account: Option<AccountId>,
    /// Also those that nobody can read.
    #[arg(long)]
    pub include_poison: bool,
}

/// What to do about the circuit breaker.
#[derive(Debug, Subcommand)]
pub enum BreakerCommand {
    /// Show per Region whether suspensions are held, and who is on the way to one.
    Show,
    /// Let accounts be suspended although the circuit breaker holds.
    Release(ReleaseArgs),
}

/// Whom to release.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// Whether to write.
    #[command(flatten)]
    pub mode: ModeArgs,
    /// The accounts, one by one: `maciectl breaker show` lists them.
    #[arg(required = true)]
    pub accounts: Vec<AccountId>,
}

/// What to approve.
#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Whether to write.
    #[command(flatten)]
    pub mode: ModeArgs,
    /// The account.
    pub account: AccountId,
    /// What each first scan, and the month, may cost; US dollars such as `500` or `99.50`.
    #[arg(long, required_unless_present = "revoke", value_parser = dollars)]
    pub usd: Option<Usd>,
    /// For how many days.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(i64).range(1..=366))]
    pub days: i64,
    /// Take the approval back.
    #[arg(long, conflicts_with_all = ["usd", "days"])]
    pub revoke: bool,
}

fn dollars(text: &str) -> Result<Usd, String> {
    Usd::budget(text).ok_or_else(|| {
        "it must be US dollars such as `500` or `99.50`, below 1000000000".to_owned()
    })
}

/// Which accounts to adopt.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// Whether to write.
    #[command(flatten)]
    pub mode: ModeArgs,
    /// The accounts.
    #[arg(required_unless_present = "all_members")]
    pub accounts: Vec<AccountId>,
    /// Every member that is not the controller's; only shown, to be named one by one.
    #[arg(long, conflicts_with_all = ["accounts", "apply"])]
    pub all_members: bool,
}

/// What an uninstallation leaves.
#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// Whether to write.
    #[command(flatten)]
    pub mode: ModeArgs,
    /// What becomes of the members that the controller owns; others are never touched.
    #[arg(long, value_enum, default_value_t = Members::Keep)]
    pub members: Members,
    /// The organization's id, to suspend members with `--apply`.
    #[arg(long, value_name = "ORGANIZATION")]
    pub confirm: Option<String>,
    /// The controller is stopped; only needed when Lambda cannot be asked.
    #[arg(long)]
    pub controller_stopped: bool,
}

/// Whether to write.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ModeArgs {
    /// Show what would happen; write nothing.
    #[arg(long, visible_alias = "dry-run")]
    pub plan: bool,
    /// Do it.
    #[arg(long)]
    pub apply: bool,
}

/// What becomes of members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Members {
    /// Macie stays on, and is paid for.
    Keep,
    /// Macie is suspended: nothing is monitored, scanned or charged.
    Suspend,
}

/// Where the StackSet of the forwarders is read.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// As whom to read StackSets: `self` in the management account, else `delegated-admin`.
    #[arg(long, value_enum, default_value_t = StackSetCaller::DelegatedAdmin)]
    pub stack_set_call_as: StackSetCaller,
    /// Profile with which to read StackSets, if not the administrator's.
    #[arg(long)]
    pub stack_set_profile: Option<String>,
}

/// As whom StackSets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StackSetCaller {
    /// As the organization's management account.
    #[value(name = "self")]
    Own,
    /// As a delegated administrator of StackSets.
    DelegatedAdmin,
}

/// Which accounts.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// Only this account.
    #[arg(long)]
    pub account: Option<AccountId>,
}

impl Cli {
    /// Refuses what no command line can mean although each of its words is known.
    pub fn checked(self) -> Result<Self, clap::Error> {
        let conflict = |message| Self::command().error(ErrorKind::ArgumentConflict, message);
        if let Command::Cost(args) = &self.command
            && args.tag.is_some()
            && args.by != By::Tag
        {
            return Err(conflict("`--tag` goes together with `--by tag`"));
        }
        if let Command::Cost(args) = &self.command
            && args.bill
            && args.by != By::Account
        {
            return Err(conflict(
                "`--bill` compares accounts and Regions: leave `--by` out",
            ));
        }
        match (self.global.output, &self.command) {
            (Format::Csv, Command::Cost(_)) | (Format::Table | Format::Json, _) => Ok(self),
            (Format::Csv, _) => Err(conflict(
                "`--output csv` is there for `cost` only; this command has `table` and `json`",
            )),
        }
    }
}

impl Global {
    /// The settings of the controller.
    pub fn settings(&self) -> Settings {
        Settings {
            policy: self.policy.clone(),
            member_role: Some(self.member_role.clone()),
            event_bus: self.event_bus.clone(),
            queue_url: self.queue_url.clone(),
            job_interval: self.job_interval.clone(),
            profile: self.profile.clone(),
            region: self.region.as_ref().map(ToString::to_string),
            ..Settings::default()
        }
    }
}
