//! `Custom::MacieRegistration`: one account is the delegated Macie administrator in every governed
//! Region. Runs in the management account.
//!
//! - Nothing is written before every Region has been read, and nothing at all when another account
//!   is the administrator anywhere and `MoveFrom` does not name it.
//! - A move first ends the old designation everywhere, because Macie wants the same account in all
//!   Regions (Macie User Guide, accounts-mgmt-ao-notes). The members of the old administrator
//!   become standalone accounts that keep Macie on, and keep paying.
//! - The rollback of a move is a move back, without `MoveFrom`: CloudFormation sends the old
//!   properties, and the properties of the move as those before.
//! - Regions that leave the list, and every Region at `OnDelete: Retain`, stay designated.

mod decide;
mod macie;
mod organization;
mod wanted;

use std::collections::BTreeMap;

use controller_core::id::Region;

use self::{
    decide::{Admin, Step},
    macie::Designation,
    wanted::{OnDelete, Wanted},
};
use crate::{
    answer::Answer,
    frame::Work,
    pace::End,
    regions::{each, state, usable},
    report::{Progress, Report, State, Stop},
    request::RequestType,
};

/// Carries out a request.
pub(crate) async fn carry_out(work: &Work<'_>) -> Progress {
    let deleted = work.request.request_type == RequestType::Delete;
    let done = match Wanted::read(work.request) {
        Ok(wanted) if deleted => remove(work, &wanted).await,
        Ok(wanted) => designate(work, &wanted).await,
        // A resource with such properties was never created: its creation failed.
        Err(error) if deleted => {
            let reason = format!("nothing was made and nothing is removed: {error}");
            return Progress::Finished(Answer::success(reason));
        }
        Err(error) => Err(Stop::Failed(error.to_string())),
    };
    done.map_or_else(Progress::from, Progress::from)
}

async fn designate(work: &Work<'_>, wanted: &Wanted) -> Result<Report, Stop> {
    let mut report = Report::default();
    let trusted = organization::check(work, wanted).await?;
    let regions = usable(work.aws, &work.pace, &wanted.regions, &mut report).await?;
    let designation = Designation { work, wanted };
    let read = each(&work.pace, &regions, |region| designation.read(region)).await;
    refuse(wanted, &read)?;
    if !trusted {
        organization::trust(work).await?;
    }
    let moved = clear(&designation, &read, &mut report).await;
    if !moved {
        return Ok(report);
    }
    if !wanted.move_from.is_empty() {
        organization::deregister(work, wanted).await?;
    }
    let left = regions
        .iter()
        .filter(|region| !report.states.contains_key(region));
    let left: Vec<Region> = left.cloned().collect();
    report.states.extend(enable(&designation, &left).await);
    report.notes.extend(wanted.left_regions_note());
    Ok(report)
}

/// Another administrator anywhere, and nothing is touched anywhere.
fn refuse(wanted: &Wanted, read: &BTreeMap<Region, End<Vec<Admin>>>) -> Result<(), Stop> {
    let mut refused = Vec::new();
    for (region, end) in read {
        if let End::Done(admins) = end
            && let Step::Refuse(other) = wanted.step(admins)
        {
            refused.push(format!("{region}: {other}"));
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(Stop::Failed(format!(
        "another account is the Macie administrator ({}); nothing was changed; fix: set `MoveFrom` \
         to that account if it is to be replaced, which turns its members into standalone accounts",
        refused.join(", ")
    )))
}

/// Waits until no other account is the administrator in any Region, ending designations that are to
/// be moved. False when something is in the way of going on: while the old administrator is left in
/// one Region, Macie accepts no other in the rest.
async fn clear(
    designation: &Designation<'_>,
    read: &BTreeMap<Region, End<Vec<Admin>>>,
    report: &mut Report,
) -> bool {
    let wanted = designation.wanted;
    let occupied = |end: &End<Vec<Admin>>| match end {
        End::Done(admins) => !matches!(wanted.step(admins), Step::Nothing | Step::Enable),
        End::Failed(_) | End::OutOfTime => true,
    };
    let regions = read.iter().filter(|(_, end)| occupied(end));
    let regions: Vec<Region> = regions.map(|(region, _)| region.clone()).collect();
    let pace = &designation.work.pace;
    let mut cleared = true;
    for (region, end) in each(pace, &regions, |region| designation.clear(region)).await {
        if !matches!(end, End::Done(_)) {
            cleared = false;
            report.states.insert(region, state(end));
        }
    }
    let moves = !wanted.move_from.is_empty();
    if moves && !cleared {
        for region in read.keys() {
            let why = "not designated yet: the old administrator is not gone everywhere";
            let waits = State::Failed(why.to_owned());
            report.states.entry(region.clone()).or_insert(waits);
        }
    }
    cleared || !moves
}

/// Designates alone until it worked once, because that also registers the administrator in
/// Organizations; then in the other Regions together.
async fn enable(designation: &Designation<'_>, regions: &[Region]) -> BTreeMap<Region, State> {
    let mut states = BTreeMap::new();
    let mut left = regions;
    while let Some((first, rest)) = left.split_first() {
        let end = designation.enable(first.clone()).await;
        let worked = matches!(end, End::Done(_));
        states.insert(first.clone(), state(end));
        left = rest;
        if worked {
            break;
        }
    }
    let pace = &designation.work.pace;
    let rest = each(pace, left, |region| designation.enable(region)).await;
    states.extend(rest.into_iter().map(|(region, end)| (region, state(end))));
    states
}

/// Deletes the resource: what that means is a property.
async fn remove(work: &Work<'_>, wanted: &Wanted) -> Result<Report, Stop> {
    let mut report = Report::default();
    if wanted.on_delete == OnDelete::Retain {
        report.notes.push(wanted.retained_note());
        return Ok(report);
    }
    if !organization::is_management(work).await? {
        let note = "nothing was made and nothing is removed: this is not the management account";
        report.notes.push(note.to_owned());
        return Ok(report);
    }
    let usable = usable(work.aws, &work.pace, &wanted.regions, &mut report).await?;
    // In a Region that does not exist nothing was made.
    report
        .states
        .retain(|_, state| !matches!(state, State::Failed(_)));
    let designation = Designation { work, wanted };
    let ends = each(&work.pace, &usable, |region| designation.remove(region)).await;
    let states = ends.into_iter().map(|(region, end)| (region, state(end)));
    report.states.extend(states);
    report.notes.push(wanted.removed_note());
    Ok(report)
}
