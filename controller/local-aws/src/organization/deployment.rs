//! What the templates leave behind besides the transport: the function, its policy, the StackSet
//! of the forwarders, the results repository; and the organization's trail.

use std::collections::BTreeMap;

use super::{
    ADMINISTRATOR, BUS, CONTROLLER_ROLE, MANAGEMENT, MEMBER_ROLE, QUEUE, SWEEP_QUEUE, SWEEPER_ROLE,
    WORKLOADS, admin,
};
use crate::{
    cloudformation::{STACK_SETS, StackSet},
    cloudtrail::Trail,
    error::ApiError,
    lambda::settings::Function,
    macie, s3, ssm,
    world::World,
};

/// The parameter that holds the opt-in policy, in the administrator account.
pub const POLICY_PARAMETER: &str = "/macie-self-service/policy";
/// The StackSet of the forwarders.
pub const STACK_SET: &str = "macie-self-service-forwarders";
/// The alias of the key by which results are encrypted.
pub const RESULTS_KEY: &str = "macie-self-service-results";

/// The opt-in policy of its organization: the published one, with prices of its Regions.
pub const POLICY: &str = include_str!("../../policy.json");
/// The workspace's version, which templates and functions carry.
const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn add(world: &mut World, regions: &[String], home: &str) {
    let trail = Trail::of_organization(MANAGEMENT, home);
    world.cloudtrail.trails.push(trail);
    ssm::put_parameter(world, ADMINISTRATOR, home, POLICY_PARAMETER, POLICY);
    add_functions(world, home);
    add_stack_set(world, regions, home);
}

/// The controller's and the sweep's function have the names of their roles.
fn add_functions(world: &mut World, home: &str) {
    let url = |queue: &str| format!("https://sqs.{home}.amazonaws.com/{ADMINISTRATOR}/{queue}");
    let common = [
        ("MACIECTL_POLICY", format!("ssm:{POLICY_PARAMETER}")),
        ("MACIECTL_MEMBER_ROLE", MEMBER_ROLE.to_owned()),
        ("MACIECTL_QUEUE_URL", url(QUEUE)),
    ];
    let publishes = vec![
        ("MACIECTL_EVENT_BUS", BUS.to_owned()),
        ("MACIECTL_JOB_INTERVAL", "PT10S".to_owned()),
    ];
    let spreads = vec![("MACIECTL_SWEEP_QUEUE_URL", url(SWEEP_QUEUE))];
    for (role, what, timeout, own) in [
        (CONTROLLER_ROLE, "controller", 120, publishes),
        (SWEEPER_ROLE, "sweep", 300, spreads),
    ] {
        let environment = common.iter().cloned().chain(own);
        let function = Function {
            description: format!("Macie self-service {what} {VERSION}"),
            timeout,
            reserved: Some(1),
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        };
        let key = [ADMINISTRATOR, home, role].map(str::to_owned);
        world.functions.functions.insert(key.into(), function);
    }
}

/// In every account but the management account, which service-managed StackSets pass over. The
/// administrator may read StackSets on behalf of the organization.
fn add_stack_set(world: &mut World, regions: &[String], home: &str) {
    let organizations = &mut world.organizations;
    let delegation = (STACK_SETS.to_owned(), ADMINISTRATOR.to_owned());
    organizations.trusted_services.push(STACK_SETS.to_owned());
    organizations.delegated.push(delegation);
    let accounts = organizations.accounts.keys().filter(|id| *id != MANAGEMENT);
    let instances = accounts.flat_map(|account| {
        regions
            .iter()
            .map(|region| ((account.clone(), region.clone()), "CURRENT".to_owned()))
    });
    let stack_set = StackSet {
        region: home.to_owned(),
        parameters: BTreeMap::from([("Version".to_owned(), VERSION.to_owned())]),
        units: vec![WORKLOADS.to_owned()],
        instances: instances.collect(),
    };
    let sets = &mut world.cloudformation.stack_sets;
    sets.insert(STACK_SET.to_owned(), stack_set);
}

/// The bucket for results.
pub fn results_bucket(home: &str) -> String {
    format!("macie-self-service-results-{ADMINISTRATOR}-{home}")
}

/// The key by which results are encrypted.
pub fn results_key(home: &str) -> String {
    format!("arn:aws:kms:{home}:{ADMINISTRATOR}:key/00000000-0000-0000-0000-000000000000")
}

/// Creates the bucket for results and sets it in every Region, as the settings function does.
pub fn add_results(world: &mut World, home: &str) -> Result<(), ApiError> {
    let bucket = results_bucket(home);
    s3::create_bucket(world, &admin(ADMINISTRATOR), home, &bucket, &[])?;
    let key = format!("arn:aws:kms:{home}:{ADMINISTRATOR}:alias/{RESULTS_KEY}");
    let regions: Vec<String> = world.macie.administrations.keys().cloned().collect();
    for region in regions {
        macie::set_export(world, &region, ADMINISTRATOR, &bucket, &key)?;
    }
    Ok(())
}
