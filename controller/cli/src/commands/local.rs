//! `local`: a local AWS with the controller attached, to try by hand.

use std::time::Duration;

use anyhow::Result;
use controller::{aws::Tuning, lambda::Handled};
use jiff::{SignedDuration, Timestamp};
use local_aws::{
    Clock, iam,
    organization::{self, Organization},
};

use crate::{
    args::Global,
    exit::Exit,
    output,
    sandbox::{DEFAULT_POLICY, Sandbox, policy_text},
};

/// How often the queue is looked at.
const POLL: Duration = Duration::from_millis(300);
/// How often every account is reconciled, by the world's clock.
const SWEEP: SignedDuration = SignedDuration::from_hours(6);

/// Serves until Ctrl-C.
pub async fn run(global: &Global, port: u16, accounts: usize) -> Result<Exit> {
    let policy = policy_text(global.policy.as_deref().unwrap_or(DEFAULT_POLICY))?;
    let parsed = controller_core::policy::Policy::parse(&policy)?;
    let home = parsed.home_region.as_str();
    let others = parsed
        .regions
        .iter()
        .map(|region| region.as_str())
        .filter(|region| *region != home);
    let regions: Vec<&str> = std::iter::once(home).chain(others).collect();
    let clock = Clock::Running {
        ahead: SignedDuration::ZERO,
    };
    let mut world = Organization::new(accounts, &regions, clock).build()?;
    organization::add_results(&mut world, home)?;
    let sandbox = Sandbox::start(world, port, &policy, &Tuning::default()).await?;
    welcome(&sandbox, home);
    tokio::select! {
        served = serve(&sandbox) => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(Exit::Success)
}

/// What Lambda's event source and the scheduler do.
async fn serve(sandbox: &Sandbox) -> Result<()> {
    let mut swept = sandbox.now();
    loop {
        let now = sandbox.now();
        if now.duration_since(swept) >= SWEEP {
            swept = now;
            sandbox.sweep()?;
        }
        match sandbox.pump().await {
            Ok(batches) => batches.iter().for_each(|handled| tell(handled, now)),
            Err(error) => eprintln!("the queue does not answer, trying again: {error:#}"),
        }
        tokio::time::sleep(POLL).await;
    }
}

fn tell(handled: &Handled, now: Timestamp) {
    let time = now.strftime("%F %T");
    for report in &handled.reports {
        for change in &report.changes {
            output::line(format!(
                "{time}  {}  {}: {}",
                report.scope, change.kind, change.why
            ));
        }
        for (sign, text) in report.notes.iter().map(output::note) {
            output::line(format!("{time}  {}  {sign}: {text}", report.scope));
        }
        let defect = report.violation.iter().map(ToString::to_string);
        for what in defect.chain(report.unpublished.clone()) {
            output::line(format!("{time}  {}  {what}", report.scope));
        }
        for failure in &report.failures {
            output::line(format!(
                "{time}  {}  failed: {}: {}",
                report.scope, failure.summary, failure.trouble
            ));
        }
    }
    for (_, why) in &handled.refused {
        output::line(format!("{time}  refused  {why}"));
    }
}

fn welcome(sandbox: &Sandbox, home: &str) {
    let endpoint = sandbox.local.endpoint();
    let team = iam::access_key(&organization::workload(1));
    let operator = iam::role_key(organization::ADMINISTRATOR, organization::OPERATOR_ROLE);
    let bucket = "--bucket invoices";
    output::line(format!(
        "\
A local AWS listens on {endpoint}, the controller is attached to its queue. Ctrl-C ends both.

In a second terminal, as a development team ({}):

  export AWS_ENDPOINT_URL={endpoint} AWS_DEFAULT_REGION={home} AWS_EC2_METADATA_DISABLED=true
  export AWS_ACCESS_KEY_ID={team} AWS_SECRET_ACCESS_KEY=local
  aws s3api create-bucket {bucket} --create-bucket-configuration LocationConstraint={home}
  aws s3api put-bucket-tagging {bucket} --tagging 'TagSet=[{{Key=macie,Value=true}}]'

As an operator, a role in the administrator's account ({}):

  export AWS_ACCESS_KEY_ID={operator}
  aws macie2 list-members
  aws macie2 list-classification-jobs
  maciectl status --policy policies/self-service.json
  maciectl explain invoices --policy policies/self-service.json

Turn the clock, and break things:

  curl -s {endpoint}/_local/clock -d '{{\"advance\":\"PT24H\"}}'
  curl -s {endpoint}/_local/faults -d '{{\"operation\":\"CreateMember\",\"kind\":\"throttle\"}}'

What the controller does:
",
        organization::workload(1),
        organization::ADMINISTRATOR,
    ));
}
