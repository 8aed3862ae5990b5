//! What must hold at the moment of every write, whether it then succeeds or not.

use std::collections::BTreeSet;

use controller_core::policy::Policy;
use local_aws::{World, macie::JobStatus, organization};
use serde_json::Value;

use super::{
    reading::{Readings, buckets_at, ever_opted_in},
    write::{Place, Write},
};

/// Tags that the controller may write on a member.
const MARKS: &str = "macie-self-service:";
/// The ownership tag.
const OWNERSHIP: &str = "managed-by";

/// What a write is judged by.
#[derive(Debug)]
pub struct Judge<'a> {
    /// The world before the write.
    pub world: &'a World,
    /// What the controller had read when it sent the request.
    pub known: &'a Readings,
    /// The policies that it may go by.
    pub policies: &'a [Policy],
    /// Jobs that people had paused before the controller's batch began.
    pub paused: BTreeSet<&'a str>,
    /// Jobs that controllers paused.
    pub ours: &'a BTreeSet<String>,
}

/// A violation in one line; or, for a suspension, how it was a race that nobody could win.
pub type Verdict = Result<Option<&'static str>, String>;

impl Judge<'_> {
    /// Judges a write.
    pub fn judge(&self, write: &Write) -> Verdict {
        match write {
            Write::Suspend(place) => return self.suspend(place),
            Write::Resume(place) => self.resume(place),
            Write::Enrol { place, keys } => self.enrol(place, keys),
            Write::Mark { place, keys } => self.mark(place, keys),
            Write::Create { region, job } => self.create(region, job),
            Write::Update { job, status } => self.update(job, status),
            Write::TurnOff => Ok(()),
            Write::Other(what) => Err(format!("`{what}` is not the controller's to make")),
        }
        .map(|()| None)
    }

    fn any(&self, says: impl Fn(&Policy) -> bool) -> bool {
        self.policies.iter().any(says)
    }

    fn is_mandatory(&self, account: &str) -> bool {
        self.any(|policy| lists(&policy.accounts.mandatory, account))
    }

    fn is_excluded(&self, account: &str) -> bool {
        self.any(|policy| lists(&policy.accounts.excluded, account))
    }

    pub(super) fn is_owned(&self, place: &Place) -> Result<(), String> {
        match self.known.members.get(place) {
            Some(known) if known.owned => Ok(()),
            Some(_) => Err(format!("{place:?} is not the controller's member")),
            None => Err(format!("the member {place:?} was not read")),
        }
    }

    /// A suspension follows a complete reading of the account, in the same batch: every bucket of
    /// a listing was read, and none of them was opted in when it was read. So an opted-in bucket
    /// can only be one that was tagged after it was read, or created after the listing: a race,
    /// which the reading after the suspension heals.
    fn suspend(&self, place: &Place) -> Verdict {
        self.is_owned(place)?;
        let (account, _) = place;
        if !self.any(|policy| !lists(&policy.accounts.mandatory, account)) {
            return Err(format!("{place:?} is mandatory"));
        }
        self.grace(place)?;
        let Some(listed) = self.known.listings.get(place) else {
            return Err(format!("{place:?} is suspended without a listing"));
        };
        for name in buckets_at(self.world, place, *listed).keys() {
            let bucket = (account.clone(), (*name).to_owned());
            let Some(read) = self.known.buckets.get(&bucket) else {
                return Err(format!("{place:?} is suspended, `{name}` was not read"));
            };
            if buckets_at(self.world, place, *read).get(name) == Some(&true) {
                return Err(format!("{place:?} is suspended, `{name}` was opted in"));
            }
        }
        let now = buckets_at(self.world, place, usize::MAX);
        let race = now.values().any(|opted_in| *opted_in);
        Ok(race.then_some("suspensions that a tag overtook"))
    }

    fn grace(&self, place: &Place) -> Result<(), String> {
        let known = self.known.members.get(place);
        let since = known.and_then(|known| known.left_at);
        let policies = self.policies.iter();
        let stay = policies.clone().map(|policy| policy.minimum_enrolled_time);
        let stays = known
            .zip(stay.min())
            .is_some_and(|(known, stay)| self.world.now().duration_since(known.updated_at) < stay);
        if stays {
            return Err(format!("{place:?} is suspended within its minimum time"));
        }
        let least = policies.map(|policy| policy.grace_period).min();
        match since.zip(least) {
            Some((since, grace)) if self.world.now().duration_since(since) >= grace => Ok(()),
            Some((since, _)) => Err(format!("{place:?} is suspended in grace since {since}")),
            None => Err(format!("{place:?} is suspended and not marked")),
        }
    }

    fn resume(&self, place: &Place) -> Result<(), String> {
        self.is_owned(place)?;
        self.is_wanted(place)
    }

    fn enrol(&self, place: &Place, keys: &[String]) -> Result<(), String> {
        let special = [organization::ADMINISTRATOR, organization::MANAGEMENT];
        if special.contains(&place.0.as_str()) || !keys.iter().any(|key| key == OWNERSHIP) {
            return Err(format!("{place:?} must not be enrolled so"));
        }
        self.is_wanted(place)
    }

    /// Somebody asked: a bucket was read and was opted in, or the account is mandatory.
    fn is_wanted(&self, place: &Place) -> Result<(), String> {
        let (account, _) = place;
        if self
            .policies
            .iter()
            .all(|policy| lists(&policy.accounts.excluded, account))
        {
            return Err(format!("{place:?} is excluded"));
        }
        if self.is_mandatory(account) {
            return Ok(());
        }
        if !ever_opted_in(self.world, place) {
            return Err(format!("{place:?} never had an opted-in bucket"));
        }
        let read = self.known.buckets.iter();
        let mut own = read.filter(|((owner, _), _)| owner == account);
        let yes = own.any(|((_, name), at)| self.was_opted_in(place, name, *at));
        yes.then_some(())
            .ok_or_else(|| format!("{place:?}: no bucket was read that is opted in"))
    }

    fn was_opted_in(&self, place: &Place, name: &str, at: usize) -> bool {
        buckets_at(self.world, place, at).get(name) == Some(&true)
    }

    fn mark(&self, place: &Place, keys: &[String]) -> Result<(), String> {
        let own = |key: &String| key == OWNERSHIP || key.starts_with(MARKS);
        if !keys.iter().all(own) {
            return Err(format!("{place:?} is tagged with {keys:?}"));
        }
        let adopted = self.any(|policy| lists(&policy.accounts.adopted, &place.0));
        match adopted && keys.iter().any(|key| key == OWNERSHIP) {
            true => Ok(()),
            false => self.is_owned(place),
        }
    }

    /// A job is for one account: by account and tag, or by the names of buckets that were read and
    /// are opted in.
    fn create(&self, region: &str, job: &Value) -> Result<(), String> {
        let name = job["name"].as_str().unwrap_or_default();
        let account = name.split('/').nth(1).unwrap_or_default();
        let place = (account.to_owned(), region.to_owned());
        if !name.starts_with("macie-self-service/") || !self.any(|policy| governs(policy, region)) {
            return Err(format!("`{name}` in {region} is not the controller's"));
        }
        if self.is_excluded(account) && self.policies.len() == 1 {
            return Err(format!("`{name}` is for an excluded account"));
        }
        self.affords(&place)?;
        let scope = &job["s3JobDefinition"];
        match &scope["bucketDefinitions"] {
            Value::Null => {
                let expected = serde_json::json!({ "includes": { "and": [
                    { "simpleCriterion": { "comparator": "EQ", "key": "ACCOUNT_ID", "values": [account] } },
                    { "tagCriterion": { "comparator": "EQ", "tagValues": [{ "key": "macie", "value": "true" }] } },
                ] } });
                let exact = scope["bucketCriteria"] == expected && job["initialRun"] == false;
                exact
                    .then_some(())
                    .ok_or_else(|| format!("`{name}` has the scope {scope}"))
            }
            definitions => self.named(&place, name, definitions),
        }
    }

    fn named(&self, place: &Place, job: &str, definitions: &Value) -> Result<(), String> {
        for definition in definitions.as_array().into_iter().flatten() {
            if definition["accountId"] != place.0.as_str() {
                return Err(format!("`{job}` is for {definition}"));
            }
            for name in definition["buckets"].as_array().into_iter().flatten() {
                let name = name.as_str().unwrap_or_default();
                let read = self.known.buckets.get(&(place.0.clone(), name.to_owned()));
                if !read.is_some_and(|at| self.was_opted_in(place, name, *at)) {
                    return Err(format!("`{job}` names `{name}`, not read as opted in"));
                }
            }
        }
        Ok(())
    }

    /// Only the controller's own jobs are changed, and none that a person paused is cancelled unless
    /// the account is excluded.
    fn update(&self, id: &str, status: &str) -> Result<(), String> {
        let job = self.world.macie.jobs.iter().find(|job| job.id == id);
        let name = job.map_or("", |job| job.definition.name.as_str());
        let account = name.split('/').nth(1).unwrap_or_default();
        let region = job.map_or("", |job| job.scope.region.as_str());
        let place = (account.to_owned(), region.to_owned());
        match status {
            _ if !name.starts_with("macie-self-service/") => {
                return Err(format!("the job {id} `{name}` is made {status}"));
            }
            "USER_PAUSED" => return self.pause(&place, id),
            "RUNNING" => return self.go_on(&place, id),
            _ => {}
        }
        let paused = job.is_some_and(|job| job.status == JobStatus::UserPaused);
        if paused && self.paused.contains(id) && !self.is_excluded(account) {
            return Err(format!("`{name}` is cancelled though a person paused it"));
        }
        Ok(())
    }
}

pub(super) fn lists(accounts: &BTreeSet<controller_core::id::AccountId>, account: &str) -> bool {
    accounts.iter().any(|listed| listed.as_str() == account)
}

fn governs(policy: &Policy, region: &str) -> bool {
    policy.regions.iter().any(|known| known.as_str() == region)
}
