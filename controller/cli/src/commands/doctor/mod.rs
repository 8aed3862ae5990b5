//! `doctor`: whether everything is there that the controller needs, and nothing that works against
//! it. Reads are made at the same time; what they say is judged by functions without AWS.

mod accounts;
mod concurrency;
mod function;
mod line;
mod organization;
mod region;
mod results;
mod stack_set;
mod trail;
mod transport;

use std::collections::BTreeMap;

use anyhow::Result;
pub use aws_sdk_cloudformation::types::CallAs;
use controller::{
    aws::{Aws, ConnectError, SdkConfig, Tuning, base_config},
    clock::Clock,
    config::{ConfigError, Runtime, Settings, chain},
};
use controller_core::{id::Region, policy::Policy};
use indicatif::ProgressBar;

pub(super) use self::function::{CONTROLLER, reserved};
pub use self::line::{Line, Status};
pub(super) use self::transport::{DEAD_LETTERS, NAME as QUEUE, SWEEP_QUEUE};
use self::{line::check, organization::Organization};
use super::{progress, regions};
use crate::{
    args::{DoctorArgs, Format, Global, StackSetCaller},
    exit::Exit,
    output,
};

/// How the administrator account's stack gets this version; without `Version` the old value is kept,
/// and refused by the new template.
const UPGRADE: &str = concat!(
    "aws cloudformation deploy --stack-name macie-self-service --template-file delegated-admin/controller.yaml --capabilities CAPABILITY_NAMED_IAM --parameter-overrides Version=",
    env!("CARGO_PKG_VERSION")
);
/// What brings back what somebody changed or deleted by hand: the same template deployed again does
/// not (CloudFormation User Guide, drift-aware-change-sets).
const REPAIR: &str = "if the stack macie-self-service is not there, deploy it (docs/install.md); if it is, revert what was changed by hand: docs/operations.md, \"Repair\"";
/// How the registration is made to look again, or is made.
const REGISTER: &str = "in the management account, where the stack is there: aws cloudformation deploy --stack-name macie-self-service-registration --template-file delegated-admin/management-account.yaml --capabilities CAPABILITY_NAMED_IAM --parameter-overrides Again=$(date +%s); where it is not: docs/install.md, step 2";
/// The version that everything deployed should have.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where StackSets are read.
#[derive(Debug, Clone)]
pub struct StackSets {
    /// As whom, in the home Region.
    pub client: aws_sdk_cloudformation::Client,
    /// `SELF` in the management account, `DELEGATED_ADMIN` elsewhere.
    pub call_as: CallAs,
}

impl StackSets {
    /// With a configuration of the home Region.
    pub fn new(home: &SdkConfig, call_as: CallAs) -> Self {
        Self {
            client: aws_sdk_cloudformation::Client::new(home),
            call_as,
        }
    }
}

/// What every check needs.
struct Site<'a> {
    aws: &'a Aws,
    policy: &'a Policy,
    regions: Vec<Region>,
    stack_sets: &'a StackSets,
}

/// Prints what is well and what is not; 1 when anything fails.
pub async fn run(global: &Global, args: &DoctorArgs) -> Result<Exit> {
    let started = Runtime::as_caller(&global.settings(), Clock::system(), &Tuning::default()).await;
    let lines = match started {
        Ok(runtime) => {
            let stack_sets = stack_sets(global, args, &runtime).await;
            examine(&runtime, global.region.as_ref(), &stack_sets).await
        }
        Err(error) => vec![not_started(&error)],
    };
    print(global.output, &lines)?;
    match lines.iter().any(|line| line.status == Status::Fail) {
        true => Ok(Exit::Error),
        false => Ok(Exit::Success),
    }
}

/// Every check, in the governed Regions or in the one that is asked for.
pub async fn examine(
    runtime: &Runtime,
    region: Option<&Region>,
    stack_sets: &StackSets,
) -> Vec<Line> {
    let policy = runtime.policy.current().await;
    let asked = regions(&policy, region);
    let site = Site {
        aws: &runtime.controller.aws,
        policy: &policy,
        regions: asked.as_ref().cloned().unwrap_or_default(),
        stack_sets,
    };
    let mut lines = vec![policy_line(runtime, &policy, region, &asked)];
    let organization = organization::read(&site).await;
    lines.extend(organization::judge(&site, &organization));
    if !organization.is_administrator(&site) {
        let why = "the account is not the Macie administrator, so nothing of it is looked at";
        let instead = "maciectl doctor with credentials of the administrator account";
        let account = &site.aws.identity.account;
        lines.push(check("administrator-account", account).skipped(why, instead));
        return lines;
    }
    lines.push(prices(&site));
    let bar = progress(site.regions.len() + 5, "examining");
    let (regions, deployment, trails, roles, stacks) = futures::join!(
        watch(&bar, region::lines(&site, &bar)),
        watch(&bar, deployment(&site, &organization)),
        watch(&bar, trail::lines(&site)),
        watch(&bar, accounts::lines(&site, &organization)),
        watch(&bar, stack_set::lines(&site, &organization)),
    );
    bar.finish_and_clear();
    lines.extend(
        [regions, deployment, trails, roles, stacks]
            .into_iter()
            .flatten(),
    );
    lines
}

async fn watch<T>(bar: &ProgressBar, work: impl Future<Output = T>) -> T {
    let done = work.await;
    bar.inc(1);
    done
}

/// What stands in the administrator account's home Region.
async fn deployment(site: &Site<'_>, organization: &Organization) -> Vec<Line> {
    let (transport, functions) = futures::join!(transport::read(site), function::read(site));
    let mut lines = transport::judge(site, organization, &transport);
    lines.extend(function::judge(site, &functions, &transport));
    lines.push(schedules(site));
    lines
}

/// Without a price a cap on first scans lets nothing begin in a Region, which is why it is told here.
fn prices(site: &Site<'_>) -> Line {
    let priced = |region: &&Region| site.policy.prices(region).is_some();
    let unknown = site.regions.iter().filter(|region| !priced(region));
    let unknown: Vec<String> = unknown.map(Region::to_string).collect();
    let check = check("prices", &site.policy.home_region);
    match unknown.is_empty() {
        true => check.pass("what Macie costs is known in every governed Region"),
        false => check.warn(
            format!("what Macie costs is not known in {}", unknown.join(", ")),
            "maciectl prices refresh --for-policy, or put what you pay into `prices` of the policy",
        ),
    }
}

fn policy_line(
    runtime: &Runtime,
    policy: &Policy,
    region: Option<&Region>,
    asked: &Result<Vec<Region>>,
) -> Line {
    let home = &policy.home_region;
    let check = check("policy", home);
    if let Err(error) = asked {
        return check.fail(
            error.to_string(),
            "give --region one of these, or leave it out",
        );
    }
    let regions: Vec<&str> = policy.regions.iter().map(Region::as_str).collect();
    let message = format!(
        "readable; homeRegion is {home}, governs {}",
        regions.join(", ")
    );
    match &runtime.configured_region {
        Some(configured) if region.is_none() && configured != home.as_str() => check.warn(
            format!("{message}; but the caller's Region is {configured}, and `ssm:` is read there"),
            format!("export AWS_REGION={home}, or change `homeRegion` of the policy"),
        ),
        _ => check.pass(message),
    }
}

/// EventBridge Scheduler is not read: nothing else needs its client.
fn schedules(site: &Site<'_>) -> Line {
    let home = &site.policy.home_region;
    check("schedule", home).skipped(
        "maciectl does not read EventBridge Scheduler",
        format!("aws scheduler list-schedules --name-prefix macie-self-service --region {home}: expected `sweep` and `pending`, ENABLED"),
    )
}

/// Why nothing could be looked at.
fn not_started(error: &ConfigError) -> Line {
    let fix = match error {
        ConfigError::Connect(ConnectError::WhoAmI(_)) => "aws sts get-caller-identity",
        ConfigError::Connect(_) => "give the credentials of the Macie administrator account",
        ConfigError::NoPolicy | ConfigError::Unreadable { .. } | ConfigError::Refused { .. } => {
            "maciectl doctor --policy ssm:/macie-self-service/policy, or a file"
        }
        ConfigError::JobInterval { .. } => "unset MACIECTL_JOB_INTERVAL",
    };
    let name = match error {
        ConfigError::Connect(_) => "administrator",
        ConfigError::JobInterval { .. } => "job-interval",
        _ => "policy",
    };
    check(name, "").fail(chain(error), fix)
}

async fn stack_sets(global: &Global, args: &DoctorArgs, runtime: &Runtime) -> StackSets {
    let home = runtime.policy.current().await.home_region.clone();
    let call_as = match args.stack_set_call_as {
        StackSetCaller::Own => CallAs::SelfValue,
        StackSetCaller::DelegatedAdmin => CallAs::DelegatedAdmin,
    };
    let Some(profile) = &args.stack_set_profile else {
        return StackSets::new(&runtime.controller.aws.in_region(&home), call_as);
    };
    let settings = Settings {
        profile: Some(profile.clone()),
        region: Some(home.to_string()),
        ..global.settings()
    };
    let config = base_config(&settings, &Clock::system(), &Tuning::default()).await;
    StackSets::new(&config, call_as)
}

fn print(format: Format, lines: &[Line]) -> Result<()> {
    let statuses = [Status::Pass, Status::Warn, Status::Fail, Status::Skipped];
    let counts = statuses.map(|status| {
        let count = lines.iter().filter(|line| line.status == status).count();
        (status.word(), count)
    });
    if format == Format::Json {
        let summary: BTreeMap<&str, usize> = counts.into_iter().collect();
        return output::json(&serde_json::json!({
            "schemaVersion": output::SCHEMA_VERSION, "lines": lines, "summary": summary,
        }));
    }
    let mut table = output::table(&["", "check", "where", "what"]);
    for line in lines {
        let status = line.status.word();
        table.add_row([status, line.check, &line.subject, &line.message]);
    }
    output::print(&table);
    // Below the table: a command that is broken to fit a column cannot be copied.
    for line in lines {
        if let Some(fix) = &line.fix {
            let (status, name, subject) = (line.status.word(), line.check, &line.subject);
            output::line(format!("{status}: {name} {subject}\n  {fix}"));
        }
    }
    output::line(
        counts
            .map(|(word, count)| format!("{count} {word}"))
            .join(", "),
    );
    Ok(())
}
