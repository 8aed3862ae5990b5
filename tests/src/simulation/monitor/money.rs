//! What must hold of a write when a month has a cap. Budgets are of the whole organization here.

use controller_core::{money::Usd, policy::OverBudget};
use local_aws::{World, macie::Relationship};

use super::{judge::Judge, write::Place};

/// With the job's id behind it, the mark that a member has of a job that the controller paused.
const PAUSED: &str = "macie-self-service:paused:";

impl Judge<'_> {
    /// A job needs money in every month that has a cap, by what Macie had told its creator.
    pub(super) fn affords(&self, place: &Place) -> Result<(), String> {
        let caps = self.policies.iter().map(|policy| {
            let month = policy.budgets.organization.month;
            month.filter(|cap| cap.action != OverBudget::Warn)
        });
        let Some(caps) = caps.collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        let Some(spent) = self.spent(place) else {
            return Err(format!("{place:?} gets a job, its costs were not read"));
        };
        match caps.iter().any(|cap| spent < cap.usd) {
            true => Ok(()),
            false => Err(format!("{place:?} gets a job and has spent {spent}")),
        }
    }

    /// A job is paused for a month that is spent, after its mark.
    pub(super) fn pause(&self, place: &Place, job: &str) -> Result<(), String> {
        self.is_owned(place)?;
        let spent = self.spent(place);
        let is_over = self.policies.iter().any(|policy| {
            let cap = policy.budgets.organization.month;
            let cap = cap.filter(|cap| cap.action == OverBudget::Pause);
            cap.zip(spent).is_some_and(|(cap, spent)| spent >= cap.usd)
        });
        match (is_over, is_marked(self.world, place, job)) {
            (false, _) => Err(format!("{job} of {place:?} is paused at {spent:?}")),
            (_, false) => Err(format!("{job} of {place:?} is paused without a mark")),
            (true, true) => Ok(()),
        }
    }

    /// Only what the controller paused goes on, while the member says so.
    pub(super) fn go_on(&self, place: &Place, job: &str) -> Result<(), String> {
        self.is_owned(place)?;
        match (self.ours.contains(job), is_marked(self.world, place, job)) {
            (false, _) => Err(format!("{job} goes on, the controller never paused it")),
            (_, false) => Err(format!("{job} goes on, its pause was not announced")),
            (true, true) => Ok(()),
        }
    }

    /// What Macie said; nothing for an account that it does not name.
    fn spent(&self, place: &Place) -> Option<Usd> {
        let region = self.known.spent.get(&place.1)?;
        Some(region.get(&place.0).copied().unwrap_or_default())
    }
}

/// A member that lost its tags meanwhile had them when the controller read it.
fn is_marked(world: &World, (account, region): &Place, job: &str) -> bool {
    let member = world.macie.member(region, account);
    member.is_some_and(|member| {
        member.status == Relationship::Removed
            || member.tags.contains_key(&format!("{PAUSED}{job}"))
    })
}
