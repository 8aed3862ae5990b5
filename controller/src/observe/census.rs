//! The list of members, for the circuit breaker. It is long (25 a page), and many accounts may be
//! about to be suspended at once, so a process reads it once a minute.

use std::{collections::BTreeMap, sync::Arc};

use controller_core::{
    decide::breaker,
    id::Region,
    observed::{Census, Fact, Member, OPTED_OUT_SINCE, Observed, Relationship, Trouble},
    policy::Policy,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::macie;
use crate::aws::Aws;

/// How long a list serves other accounts too. Who is suspended meanwhile was on it as due, unless
/// the grace period is shorter than this.
const AGE: SignedDuration = SignedDuration::from_secs(60);

type Slot = Arc<Mutex<Option<(Timestamp, Census)>>>;

/// The lists that were read lately, by Region.
#[derive(Debug, Default)]
pub struct Censuses(Mutex<BTreeMap<Region, Slot>>);

/// The list: one that shows the account's own mark, so that it counts the account, and that no
/// account can have left and been suspended since.
pub async fn census(aws: &Aws, policy: &Policy, observed: &Observed) -> Fact<Census> {
    let scope = &observed.scope;
    let slot = aws.censuses.slot(&scope.region).await;
    let mut slot = slot.lock().await;
    let now = aws.now();
    let member = observed.known_member();
    let usable = |(at, census): &&(Timestamp, Census)| {
        now.duration_since(*at) < AGE.min(policy.grace_period)
            && member.is_some_and(|member| breaker::counts(census, &scope.account, member))
    };
    if let Some((_, census)) = slot.as_ref().filter(usable) {
        return Fact::Known(census.clone());
    }
    match read(aws, &scope.region).await {
        Ok(census) => {
            *slot = Some((now, census.clone()));
            Fact::Known(census)
        }
        Err(trouble) => Fact::Unknown(trouble),
    }
}

/// The list as it is now: how many members there are, and who is suspended or on the way to it.
pub async fn read(aws: &Aws, region: &Region) -> Result<Census, Trouble> {
    let members = macie::members(aws, region).await?;
    let leaves = |member: &Member| {
        member.tags.contains_key(OPTED_OUT_SINCE) || member.status == Relationship::Paused
    };
    Ok(Census {
        members: members.len(),
        leaving: members
            .into_iter()
            .filter(|(_, member)| leaves(member))
            .collect(),
    })
}

impl Censuses {
    async fn slot(&self, region: &Region) -> Slot {
        let mut slots = self.0.lock().await;
        slots.entry(region.clone()).or_default().clone()
    }
}
