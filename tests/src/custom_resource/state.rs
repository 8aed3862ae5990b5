//! What the custom resources are responsible for, in words that can be compared.

use local_aws::{Clock, World, organization::Organization};
use serde_json::Value;

use crate::scenario::START;

/// An organization on a Monday, as the templates leave it.
pub fn organization(workloads: usize, regions: &[&str]) -> World {
    let clock = Clock::Frozen(START.parse().unwrap());
    let organization = Organization::new(workloads, regions, clock);
    organization.build().unwrap()
}

/// An organization in which nobody has registered anything for Macie yet.
pub fn unregistered(mut world: World) -> World {
    world.macie.administrations.clear();
    world.macie.sessions.clear();
    world.organizations.trusted_services.clear();
    world.organizations.delegated.clear();
    world
}

/// What the custom resources are responsible for, and where members are.
pub fn state(world: &World) -> Vec<String> {
    let organizations = &world.organizations;
    let mut lines = vec![
        format!("trusted {:?}", organizations.trusted_services),
        format!("delegated {:?}", organizations.delegated),
    ];
    for (region, administration) in &world.macie.administrations {
        let administrator = &administration.administrator;
        let members: Vec<&String> = administration.members.keys().collect();
        let auto = administration.auto_enable;
        lines.push(format!(
            "{region}: {administrator}, members {members:?}, auto {auto}"
        ));
    }
    for (scope, session) in &world.macie.sessions {
        lines.push(format!(
            "{}/{}: {:?} {:?} discovery {} {:?} {:?}",
            scope.account,
            scope.region,
            session.status,
            session.finding_publishing_frequency,
            session.discovery.enabled,
            session.export,
            session.publication,
        ));
    }
    lines
}

/// It failed, and the reason has these words.
#[track_caller]
pub fn assert_failed(answer: &Value, words: &[&str]) {
    assert_eq!(answer["Status"], "FAILED", "{answer:#}");
    let reason = answer["Reason"].as_str().unwrap();
    for word in words {
        assert!(reason.contains(word), "`{word}`: {answer:#}");
    }
}

/// It worked.
#[track_caller]
pub fn assert_success(answer: &Value) {
    assert_eq!(answer["Status"], "SUCCESS", "{answer:#}");
}
