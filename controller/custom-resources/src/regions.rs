//! Work in many Regions: which can be worked in, and a few at a time.

use std::{collections::BTreeMap, time::Duration};

use controller_core::{id::Region, observed::ErrorClass};
use futures::{StreamExt, stream};

use crate::{
    aws::Aws,
    pace::{End, Pace},
    report::{Report, State, Stop},
};

/// Regions that are worked in at the same time: few, because what Macie does in each ends in the
/// one Organizations of the management account, which allows few calls at a time.
const AT_ONCE: usize = 5;
/// Regions do not begin at the same moment.
const STAGGER: Duration = Duration::from_secs(1);

/// The Regions in which something can be done, in their order; what cannot be is reported.
pub async fn usable(
    aws: &Aws,
    pace: &Pace,
    named: &[Region],
    report: &mut Report,
) -> Result<Vec<Region>, Stop> {
    let known = pace.read("list the Regions", || aws.regions()).await?;
    let mut usable = Vec::new();
    for region in named {
        let state = match known.get(region.as_str()) {
            Some(true) => {
                usable.push(region.clone());
                continue;
            }
            Some(false) => State::Skipped(
                "it is not enabled in this account (`aws account enable-region` enables it)"
                    .to_owned(),
            ),
            None => State::Failed(
                "AWS knows no such Region in this partition: take it out of `Regions`".to_owned(),
            ),
        };
        report.states.insert(region.clone(), state);
    }
    Ok(usable)
}

/// Works in every Region, a few at a time.
pub async fn each<T, F>(
    pace: &Pace,
    regions: &[Region],
    work: impl Fn(Region) -> F,
) -> BTreeMap<Region, End<T>>
where
    F: Future<Output = End<T>>,
{
    let one = |region: &Region| {
        let (region, work) = (region.clone(), work(region.clone()));
        async move {
            pace.pause(STAGGER, &region).await;
            (region, work.await)
        }
    };
    let works: Vec<_> = regions.iter().map(one).collect();
    stream::iter(works)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// The state for how work in a Region ended.
pub fn state(end: End<&'static str>) -> State {
    match end {
        End::Done(word) => State::Settled(word),
        End::OutOfTime => State::Unfinished,
        End::Failed(trouble) if trouble.class == ErrorClass::Transient => State::Failed(format!(
            "{trouble}; if Macie does not exist in this Region, take it out of `Regions`"
        )),
        End::Failed(trouble) => State::Failed(trouble.to_string()),
    }
}
