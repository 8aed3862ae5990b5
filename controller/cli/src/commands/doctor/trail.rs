//! CloudTrail: without a trail that logs management events, EventBridge gets no API calls
//! (EventBridge User Guide, event types of AWS services via CloudTrail).

use aws_sdk_cloudtrail::{
    Client,
    types::{AdvancedEventSelector, EventSelector, ReadWriteType, Trail},
};
use controller::aws::trouble;
use controller_core::observed::Trouble;
use futures::{StreamExt, stream};

use super::{
    Line, Site,
    line::{Check, check},
};
use crate::commands::CONCURRENCY;

/// A trail and what it does.
struct Seen {
    trail: Trail,
    is_logging: bool,
    logs_writes: bool,
}

/// How a trail of the organization is made.
const CREATE: &str = "in the management account: aws cloudtrail create-trail --name organization --is-organization-trail --is-multi-region-trail --s3-bucket-name BUCKET, then aws cloudtrail start-logging --name organization";

pub async fn lines(site: &Site<'_>) -> Vec<Line> {
    let home = &site.policy.home_region;
    let cloudtrail = Client::new(&site.aws.in_region(home));
    let check = check("trail", home);
    let trails = match trails(&cloudtrail).await {
        Ok(trails) => trails,
        Err(trouble) => return vec![check.unknown(&trouble)],
    };
    let looks = stream::iter(trails).map(|trail| look(&cloudtrail, trail));
    let seen: Vec<Result<Seen, Trouble>> = looks.buffered(CONCURRENCY).collect().await;
    vec![judge(check, &seen)]
}

async fn trails(cloudtrail: &Client) -> Result<Vec<Trail>, Trouble> {
    let reply = cloudtrail.describe_trails().send().await;
    let reply = reply.map_err(|error| trouble("cloudtrail:DescribeTrails", &error))?;
    Ok(reply.trail_list.unwrap_or_default())
}

async fn look(cloudtrail: &Client, trail: Trail) -> Result<Seen, Trouble> {
    let arn = trail.trail_arn().unwrap_or_default().to_owned();
    let status = cloudtrail.get_trail_status().name(&arn);
    let selectors = cloudtrail.get_event_selectors().trail_name(&arn);
    let (status, selectors) = futures::join!(status.send(), selectors.send());
    let status = status.map_err(|error| trouble("cloudtrail:GetTrailStatus", &error))?;
    let selectors = selectors.map_err(|error| trouble("cloudtrail:GetEventSelectors", &error))?;
    Ok(Seen {
        trail,
        is_logging: status.is_logging.unwrap_or_default(),
        logs_writes: selectors.event_selectors().iter().any(has_writes)
            || selectors
                .advanced_event_selectors()
                .iter()
                .any(has_writes_too),
    })
}

fn has_writes(selector: &EventSelector) -> bool {
    selector.include_management_events().unwrap_or_default()
        && selector.read_write_type() != Some(&ReadWriteType::ReadOnly)
}

/// An advanced selector takes management events unless it asks for reads only.
fn has_writes_too(selector: &AdvancedEventSelector) -> bool {
    let is = |field: &str, value: &str| {
        let mut fields = selector.field_selectors().iter();
        fields.any(|one| one.field() == field && one.equals().iter().any(|text| text == value))
    };
    is("eventCategory", "Management") && !is("readOnly", "true")
}

/// The best trail decides. One that is only the administrator account's says nothing about the
/// others.
fn judge(check: Check, seen: &[Result<Seen, Trouble>]) -> Line {
    let known = || seen.iter().flatten();
    let works = |seen: &&Seen| seen.is_logging && seen.logs_writes;
    let everywhere = |seen: &Seen| seen.trail.is_multi_region_trail().unwrap_or_default();
    let of_all = |seen: &Seen| seen.trail.is_organization_trail().unwrap_or_default();
    let name = |seen: &Seen| seen.trail.name().unwrap_or_default().to_owned();
    if let Some(trail) = known()
        .filter(works)
        .find(|seen| everywhere(seen) && of_all(seen))
    {
        let name = name(trail);
        return check.pass(format!("`{name}` logs writes of every account and Region"));
    }
    if let Some(trail) = known().find(works) {
        let name = name(trail);
        return check.warn(
            format!("`{name}` logs writes, but not of every account and Region; whether others have a trail is not looked at"),
            CREATE,
        );
    }
    if let Some(trouble) = seen.iter().find_map(|seen| seen.as_ref().err()) {
        return check.unknown(trouble);
    }
    if let Some(trail) = known().find(|seen| !seen.is_logging) {
        let arn = trail.trail.trail_arn().unwrap_or_default();
        return check.fail(
            format!("`{}` is off: EventBridge gets no calls", name(trail)),
            format!("aws cloudtrail start-logging --name {arn}"),
        );
    }
    match known().next() {
        Some(trail) => check.fail(
            format!("`{}` logs no management writes: EventBridge gets no calls", name(trail)),
            "put a selector with management events of the type WriteOnly or All: aws cloudtrail put-event-selectors",
        ),
        None => check.fail("there is no trail: EventBridge gets no calls", CREATE),
    }
}
