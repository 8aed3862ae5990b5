//! `uninstall`: the controller's own jobs are cancelled, its members kept or suspended, and what
//! remains is listed. Members and jobs of others are never touched.

mod act;
mod decide;
mod remains;

use anyhow::{Result, bail};
use controller::{aws::trouble, config::Runtime};
use controller_core::{id::Region, observed::Trouble, policy::Policy};
use futures::{StreamExt, stream};
use serde_json::json;

use self::{
    act::Done,
    decide::{Controller, Seen, Step},
    remains::Remains,
};
use super::{
    CONCURRENCY,
    doctor::{CONTROLLER, reserved},
    progress, regions, start,
};
use crate::{
    args::{Format, Global, Members, UninstallArgs},
    exit::Exit,
    output,
};

/// What an uninstallation did or would do.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it was carried out.
    pub applied: bool,
    /// Every step and what became of it.
    pub done: Vec<Done>,
    /// Regions that could not be read.
    pub unread: Vec<(Region, Trouble)>,
    /// What is left to do by hand.
    pub remains: Vec<Remains>,
}

/// Shows or carries out an uninstallation.
pub async fn run(global: &Global, args: &UninstallArgs) -> Result<Exit> {
    let runtime = start(global).await?;
    let outcome = uninstall(&runtime, global.region.as_ref(), args).await?;
    print(global.output, &outcome)?;
    Ok(outcome.exit())
}

/// Looks at every governed Region or the one that is asked for, and with `apply` does what is to be
/// done there.
pub async fn uninstall(
    runtime: &Runtime,
    region: Option<&Region>,
    args: &UninstallArgs,
) -> Result<Outcome> {
    let policy = runtime.policy.current().await;
    let regions = regions(&policy, region)?;
    guard(runtime, &policy, args).await?;
    let (seen, unread) = look(runtime, &regions).await;
    let steps: Vec<Step> = seen
        .iter()
        .flat_map(|seen| decide::decide(&policy.ownership, args.members, seen))
        .collect();
    let aws = &runtime.controller.aws;
    let done = match args.mode.apply {
        true => {
            let bar = progress(steps.len(), "uninstalling");
            let done = act::act(aws, &policy, args.members, steps, &bar).await;
            bar.finish_and_clear();
            done
        }
        false => steps.into_iter().map(Done::would).collect(),
    };
    Ok(Outcome {
        applied: args.mode.apply,
        remains: remains::list(&aws.identity, &policy, args.members, &seen),
        done,
        unread,
    })
}

/// Refuses what must not be applied. A plan is always shown, and says what is in the way. The sweep
/// may go on: it writes nothing in Macie, and what it hands over waits in the controller's queue.
async fn guard(runtime: &Runtime, policy: &Policy, args: &UninstallArgs) -> Result<()> {
    let home = runtime.controller.aws.in_region(&policy.home_region);
    let reserved = reserved(&aws_sdk_lambda::Client::new(&home), CONTROLLER).await;
    let region = &policy.home_region;
    let stop = format!(
        "aws lambda put-function-concurrency --function-name {CONTROLLER} --reserved-concurrent-executions 0 --region {region}"
    );
    let in_the_way = match decide::controller(reserved, args.controller_stopped) {
        Controller::Stopped => None,
        Controller::Running => Some(format!(
            "the controller runs and would create its jobs again: stop it, and wait two minutes for an execution that is under way: {stop}"
        )),
        Controller::Unknown(trouble) => Some(format!(
            "cannot tell whether the controller is stopped ({trouble}): stop it with `{stop}`, then say so with --controller-stopped"
        )),
    };
    match in_the_way {
        Some(why) if args.mode.apply => bail!(why),
        Some(why) => eprintln!("first: {why}"),
        None => {}
    }
    if args.mode.apply && args.members == Members::Suspend {
        confirm(runtime, args.confirm.as_deref()).await?;
    }
    Ok(())
}

/// Suspending every member of an organization is a deliberate act.
async fn confirm(runtime: &Runtime, said: Option<&str>) -> Result<()> {
    let request = runtime.controller.aws.organizations.describe_organization();
    let reply = request.send().await;
    let reply = reply.map_err(|error| trouble("organizations:DescribeOrganization", &error))?;
    let id = reply.organization.and_then(|organization| organization.id);
    let id = id.unwrap_or_default();
    match said {
        // A reply without an id confirms nothing.
        Some(said) if !id.is_empty() && said == id => Ok(()),
        Some(said) => bail!("--confirm is `{said}`, but the organization is `{id}`"),
        None => bail!(
            "`--members suspend` suspends Macie for every member that the controller owns, whether buckets are opted in or not: confirm with --confirm {id}"
        ),
    }
}

async fn look(runtime: &Runtime, regions: &[Region]) -> (Vec<Seen>, Vec<(Region, Trouble)>) {
    let reads = stream::iter(regions).map(|region| async move {
        let seen = act::read(&runtime.controller.aws, region).await;
        seen.map_err(|trouble| (region.clone(), trouble))
    });
    let reads: Vec<Result<Seen, (Region, Trouble)>> = reads.buffered(CONCURRENCY).collect().await;
    let (mut seen, mut unread) = (Vec::new(), Vec::new());
    for read in reads {
        match read {
            Ok(region) => seen.push(region),
            Err(trouble) => unread.push(trouble),
        }
    }
    (seen, unread)
}

impl Outcome {
    /// 3 when some steps or Regions failed and others did not, 1 when all did.
    pub fn exit(&self) -> Exit {
        let failed = self.done.iter().filter(|one| one.failure.is_some()).count();
        let failed = failed + self.unread.len();
        match failed {
            0 => Exit::Success,
            all if all == self.done.len() + self.unread.len() => Exit::Error,
            _ => Exit::Partial,
        }
    }
}

fn print(format: Format, outcome: &Outcome) -> Result<()> {
    let Outcome {
        applied,
        done,
        unread,
        remains,
    } = outcome;
    if format == Format::Json {
        let unread = unread
            .iter()
            .map(|(region, trouble)| json!({ "region": region, "trouble": trouble }));
        return output::json(&json!({
            "schemaVersion": output::SCHEMA_VERSION,
            "applied": applied,
            "steps": done,
            "unread": unread.collect::<Vec<_>>(),
            "remains": remains,
        }));
    }
    let mut table = output::table(&["", "Region", "what", "why"]);
    for one in done {
        let (sign, why) = match (&one.failure, applied) {
            (Some(trouble), _) => ("failed", trouble.to_string()),
            (None, true) => ("did", String::new()),
            (None, false) => ("would", String::new()),
        };
        table.add_row([sign, one.step.region().as_str(), &one.step.summary(), &why]);
    }
    for (region, trouble) in unread {
        table.add_row([
            "failed",
            region.as_str(),
            "cannot be read",
            &trouble.to_string(),
        ]);
    }
    match table.row_count() {
        0 => {
            output::line("Nothing to do: the controller has no live job, and no member to suspend.")
        }
        _ => output::print(&table),
    }
    output::line("\nWhat remains, to be removed in this order:");
    for (number, Remains { what, how }) in remains.iter().enumerate() {
        output::line(format!("{}. {what}\n   {how}", number + 1));
    }
    Ok(())
}
