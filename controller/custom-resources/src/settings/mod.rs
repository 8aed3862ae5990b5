//! `Custom::MacieAdministratorSettings`: Macie of the delegated administrator is on and set as the
//! templates say in every governed Region. Runs in the administrator account.
//!
//! In each Region everything is read first and only what differs is written, so a repeated request
//! writes nothing. A suspended Macie is resumed. Deleting the resource leaves everything as it is:
//! the results and the members belong to the landing zone, not to the stack.

mod decide;
mod read;
mod wanted;
mod write;

use controller_core::id::Region;

use self::{decide::writes, wanted::Wanted};
use crate::{
    answer::Answer,
    frame::Work,
    pace::{End, Step},
    regions::{each, state, usable},
    report::{Progress, Report, Stop},
    request::RequestType,
};

const LEFT: &str = "Macie, its members, results and settings stay as they are in every Region: \
                    `maciectl uninstall` removes what should go";

/// Carries out a request.
pub(crate) async fn carry_out(work: &Work<'_>) -> Progress {
    if work.request.request_type == RequestType::Delete {
        return Progress::Finished(Answer::success(LEFT.to_owned()));
    }
    let done = match Wanted::read(work.request, &work.account) {
        Ok(wanted) => set_everywhere(work, &wanted).await,
        Err(error) => Err(Stop::Failed(error.to_string())),
    };
    done.map_or_else(Progress::from, Progress::from)
}

async fn set_everywhere(work: &Work<'_>, wanted: &Wanted) -> Result<Report, Stop> {
    let mut report = Report::default();
    let regions = usable(work.aws, &work.pace, &wanted.regions, &mut report).await?;
    let ends = each(&work.pace, &regions, |region| set(work, wanted, region)).await;
    let states = ends.into_iter().map(|(region, end)| (region, state(end)));
    report.states.extend(states);
    Ok(report)
}

/// Until nothing differs in the Region.
async fn set(work: &Work<'_>, wanted: &Wanted, region: Region) -> End<&'static str> {
    let macie = work.aws.macie(&region);
    let look = || async {
        let observed = read::observe(&macie).await?;
        let writes = writes(wanted, &observed);
        let mut done = Ok(());
        for write in &writes {
            tracing::info!(%region, ?write, "differs");
            // One that fails does not keep the others from being tried.
            done = done.and(write::carry_out(&macie, wanted, *write).await);
        }
        done.map(|()| match writes.is_empty() {
            true => Step::Done("set"),
            false => Step::Wrote,
        })
    };
    work.pace.settle(region.as_str(), look).await
}
