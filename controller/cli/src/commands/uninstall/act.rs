//! Reads and writes of an uninstallation. Every step is tried, whatever becomes of the others.

use std::collections::BTreeSet;

use aws_sdk_macie2::types::{JobStatus, MacieStatus};
use controller::aws::{Aws, trouble};
use controller_core::{id::Region, observed::Trouble, policy::Policy};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use serde::Serialize;

use super::decide::{Seen, Step, decide};
use crate::{args::Members, commands::listed};

/// Writes at a time: what AWS throttles, the SDK repeats more slowly.
const WRITES: usize = 4;

/// What became of a step.
#[derive(Debug, Serialize)]
pub struct Done {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// Why it is not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Trouble>,
}

impl Done {
    /// A step of a plan that is only shown.
    pub fn would(step: Step) -> Self {
        Self {
            step,
            failure: None,
        }
    }
}

/// What the administrator has in a Region.
pub async fn read(aws: &Aws, region: &Region) -> Result<Seen, Trouble> {
    let macie = aws.macie(region);
    let (jobs, members) = futures::join!(listed::jobs(&macie), listed::members(&macie));
    Ok(Seen {
        region: region.clone(),
        jobs: jobs?,
        members: members?,
    })
}

/// Tries every step. One whose reply was lost has failed and is done all the same: who reads again
/// and finds nothing left to do tells the two apart.
pub async fn act(
    aws: &Aws,
    policy: &Policy,
    members: Members,
    steps: Vec<Step>,
    bar: &ProgressBar,
) -> Vec<Done> {
    let writes = stream::iter(steps).map(|step| async move {
        let failure = perform(aws, &step).await.err();
        bar.inc(1);
        Done { step, failure }
    });
    let mut done: Vec<Done> = writes.buffered(WRITES).collect().await;
    let failed = done.iter().filter(|one| one.failure.is_some());
    let regions: BTreeSet<Region> = failed.map(|one| one.step.region().clone()).collect();
    for region in regions {
        let Ok(seen) = read(aws, &region).await else {
            continue;
        };
        let left = decide(&policy.ownership, members, &seen);
        let here = done.iter_mut().filter(|one| *one.step.region() == region);
        here.filter(|one| !left.contains(&one.step))
            .for_each(|one| one.failure = None);
    }
    done
}

async fn perform(aws: &Aws, step: &Step) -> Result<(), Trouble> {
    match step {
        Step::CancelJob { region, job, .. } => {
            let macie = aws.macie(region);
            let request = macie.update_classification_job().job_id(job);
            let cancelled = request.job_status(JobStatus::Cancelled).send().await;
            cancelled
                .map(|_| ())
                .map_err(|error| trouble("macie2:UpdateClassificationJob", &error))
        }
        Step::SuspendMember { account, region } => {
            let macie = aws.macie(region);
            let request = macie.update_member_session().id(account.as_str());
            let suspended = request.status(MacieStatus::Paused).send().await;
            suspended
                .map(|_| ())
                .map_err(|error| trouble("macie2:UpdateMemberSession", &error))
        }
    }
}
