//! CloudTrail: trails as their readers see them. Whether events reach EventBridge is
//! [`Switches::trail`](crate::Switches); a trail does not log while it is off.

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        service: "cloudtrail",
        name: "DescribeTrails",
        action: "cloudtrail:DescribeTrails",
        does: "Lists the caller's trails, and the shadows of trails that cover all Regions or the organization; it takes no names.",
        source: "CloudTrail API Reference, DescribeTrails",
    },
    Operation {
        service: "cloudtrail",
        name: "GetTrailStatus",
        action: "cloudtrail:GetTrailStatus",
        does: "Tells whether a trail logs: it does not while the switch `trail` is off.",
        source: "CloudTrail API Reference, GetTrailStatus",
    },
    Operation {
        service: "cloudtrail",
        name: "GetEventSelectors",
        action: "cloudtrail:GetEventSelectors",
        does: "Tells which events a trail logs.",
        source: "CloudTrail API Reference, GetEventSelectors",
    },
];

/// Trails of every account.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// In the order in which they were made.
    pub trails: Vec<Trail>,
}

/// A trail.
#[derive(Debug, Clone)]
pub struct Trail {
    /// Its name.
    pub name: String,
    /// The account that owns it.
    pub account: String,
    /// The Region that it was made in.
    pub home_region: String,
    /// Whether it covers all Regions.
    pub is_multi_region: bool,
    /// Whether it covers all accounts of the organization.
    pub is_organization: bool,
    /// Whether it is switched on.
    pub is_logging: bool,
    /// The members of GetEventSelectors that say what is logged: `EventSelectors` or
    /// `AdvancedEventSelectors`.
    pub selectors: Value,
}

impl Trail {
    /// A trail of the whole organization that logs all management events, as the console makes it.
    pub fn of_organization(account: &str, home_region: &str) -> Self {
        Self {
            name: "organization".to_owned(),
            account: account.to_owned(),
            home_region: home_region.to_owned(),
            is_multi_region: true,
            is_organization: true,
            is_logging: true,
            selectors: json!({ "EventSelectors": [{
                "ReadWriteType": "All",
                "IncludeManagementEvents": true,
                "DataResources": [],
                "ExcludeManagementEventSources": [],
            }]}),
        }
    }

    fn arn(&self) -> String {
        let Self {
            home_region,
            account,
            name,
            ..
        } = self;
        format!("arn:aws:cloudtrail:{home_region}:{account}:trail/{name}")
    }

    fn document(&self) -> Value {
        json!({
            "Name": self.name,
            "S3BucketName": format!("{}-{}", self.name, self.account),
            "IncludeGlobalServiceEvents": true,
            "IsMultiRegionTrail": self.is_multi_region,
            "HomeRegion": self.home_region,
            "TrailARN": self.arn(),
            "LogFileValidationEnabled": true,
            "HasCustomEventSelectors": true,
            "HasInsightSelectors": false,
            "IsOrganizationTrail": self.is_organization,
        })
    }

    fn is_seen_by(&self, call: &Call) -> bool {
        let shadows = call.input.get("includeShadowTrails") != Some(&json!(false));
        let own = self.account == call.caller.account;
        let here = self.home_region == call.region;
        (own && here) || shadows && (own || self.is_organization) && (here || self.is_multi_region)
    }
}

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    let reply = match operation {
        "DescribeTrails" => {
            let trails = world.cloudtrail.trails.iter();
            let seen = trails.filter(|trail| trail.is_seen_by(call));
            json!({ "trailList": seen.map(Trail::document).collect::<Vec<Value>>() })
        }
        "GetTrailStatus" => {
            let trail = find(world, call, "Name")?;
            json!({ "IsLogging": trail.is_logging && world.switches.trail })
        }
        _ => {
            let trail = find(world, call, "TrailName")?;
            let mut reply = trail.selectors.clone();
            if let Some(members) = reply.as_object_mut() {
                members.insert("TrailARN".to_owned(), json!(trail.arn()));
            }
            reply
        }
    };
    Ok(Reply::json(reply))
}

/// The trail of this ARN, or of this name in the caller's account and Region.
fn find<'w>(world: &'w World, call: &Call, member: &str) -> Result<&'w Trail, ApiError> {
    let asked = call.text(member).unwrap_or_default();
    let mut trails = world.cloudtrail.trails.iter();
    let found = trails.find(|trail| {
        let mine = trail.account == call.caller.account && trail.home_region == call.region;
        (trail.arn() == asked && (trail.is_organization || trail.account == call.caller.account))
            || (mine && trail.name == asked)
    });
    found.ok_or_else(|| {
        let message = format!(
            "Unknown trail: {asked} for the user: {}",
            call.caller.account
        );
        ApiError::new("TrailNotFoundException", 400, message)
    })
}
