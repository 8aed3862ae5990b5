//! A ready organization: what the demo, the tests and `serve` start from.

mod deployment;

use serde_json::{Value, json};

pub use self::deployment::{
    POLICY, POLICY_PARAMETER, RESULTS_KEY, STACK_SET, add_results, results_bucket, results_key,
};
use crate::{
    Clock,
    error::ApiError,
    events::{self, BusId, Destination, Target},
    macie,
    organizations::{Account, Unit, trail},
    request::Caller,
    roles, sqs,
    world::World,
};

/// The management account.
pub const MANAGEMENT: &str = "111111111111";
/// The delegated administrator of Macie.
pub const ADMINISTRATOR: &str = "222222222222";
/// The organization's id.
pub const ORGANIZATION: &str = "o-exampleorg1";
/// The root's id.
pub const ROOT: &str = "r-root";
/// The unit that holds the workload accounts.
pub const WORKLOADS: &str = "ou-root-workloads";
/// Macie's service principal.
pub const MACIE: &str = "macie.amazonaws.com";
/// The role that the controller assumes in every account.
pub const MEMBER_ROLE: &str = "macie-self-service-member";
/// The role that the controller runs as, in the administrator account.
pub const CONTROLLER_ROLE: &str = "macie-self-service-controller";

/// The role that the sweep runs as, in the administrator account.
pub const SWEEPER_ROLE: &str = "macie-self-service-sweeper";
/// The role that the daily collection of costs runs as, in the administrator account.
pub const COSTS_ROLE: &str = "macie-self-service-costs";
/// The role by which EventBridge Scheduler starts it.
pub const COSTS_SCHEDULER_ROLE: &str = "macie-self-service-costs-scheduler";
/// What the names of the roles by which EventBridge forwards events begin with; the Region follows.
pub const FORWARDER_ROLE: &str = "macie-self-service-forwarder-";
/// The role that people run `maciectl` as, in the administrator account.
pub const OPERATOR_ROLE: &str = "macie-self-service-operator";
/// The role of the function that registers the administrator, in the management account.
pub const REGISTRATION_ROLE: &str = "macie-self-service-registration";
/// The role of the function that keeps the administrator's settings.
pub const SETTINGS_ROLE: &str = "macie-self-service-settings";
/// The role by which EventBridge Scheduler starts sweeps, in the administrator account.
pub const SCHEDULER_ROLE: &str = "macie-self-service-scheduler";
/// The administrator's bus in the home Region.
pub const BUS: &str = "macie-self-service";
/// The controller's queue.
pub const QUEUE: &str = "macie-self-service";
/// The sweep's queue.
pub const SWEEP_QUEUE: &str = "macie-self-service-sweep";
/// What the controller could not handle.
pub const DEAD_LETTERS: &str = "macie-self-service-dead-letters";

const S3_CALLS: &str = include_str!("../../../stacksets/events/s3-calls.json");
const TAG_CHANGES: &str = include_str!("../../../stacksets/events/tag-changes.json");
const ORGANIZATION_CHANGES: &str =
    include_str!("../../../delegated-admin/events/organization.json");
const FORWARDED: &str = include_str!("../../../delegated-admin/events/forwarded.json");
const BUS_POLICY: &str = include_str!("../../../policies/event-bus.json");

/// What to build.
#[derive(Debug, Clone)]
pub struct Organization {
    /// How many workload accounts besides the management and the administrator account.
    pub workloads: usize,
    /// The governed Regions; the first is the home Region.
    pub regions: Vec<String>,
    /// The world's clock at the start.
    pub clock: Clock,
}

impl Organization {
    /// An organization of a management account, an administrator and some workload accounts.
    pub fn new(workloads: usize, regions: &[&str], clock: Clock) -> Self {
        Self {
            workloads,
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
            clock,
        }
    }

    /// The world with everything in it.
    pub fn build(self) -> Result<World, ApiError> {
        let mut world = World::new(self.clock.clone());
        add_organization(&mut world);
        add_accounts(&mut world, self.workloads);
        roles::add(&mut world, &self.regions)?;
        self.add_services(&mut world)?;
        Ok(world)
    }

    /// Macie's administrator in every Region, the central bus and queue in the home Region, and a
    /// forwarder in every account and Region: what the templates deploy.
    fn add_services(&self, world: &mut World) -> Result<(), ApiError> {
        for region in &self.regions {
            macie::designate(world, ADMINISTRATOR, region)?;
        }
        let Some(home) = self.regions.first() else {
            return Ok(());
        };
        let bus = add_transport(world, home)?;
        deployment::add(world, &self.regions, home);
        let accounts: Vec<String> = world.organizations.accounts.keys().cloned().collect();
        for account in accounts {
            for region in &self.regions {
                let role = roles::forwarder(&account, region);
                add_forwarder(world, &BusId::new(&account, region, "default"), &bus, &role)?;
            }
        }
        if self.regions.iter().any(|region| region == trail::REGION) {
            let from = BusId::new(MANAGEMENT, trail::REGION, "default");
            let role = roles::forwarder(MANAGEMENT, "organization");
            forward(
                world,
                &from,
                &bus,
                &role,
                "organization",
                ORGANIZATION_CHANGES,
            )?;
        }
        Ok(())
    }
}

/// The bus, the queue with its dead-letter queue, and the rule between them.
fn add_transport(world: &mut World, home: &str) -> Result<BusId, ApiError> {
    let dead = sqs::create_queue(world, ADMINISTRATOR, home, DEAD_LETTERS, &[])?;
    let redrive = json!({ "deadLetterTargetArn": dead.arn(), "maxReceiveCount": "5" }).to_string();
    let attributes = [
        ("VisibilityTimeout", "720"),
        ("RedrivePolicy", redrive.as_str()),
    ];
    let queue = sqs::create_queue(world, ADMINISTRATOR, home, QUEUE, &attributes)?;
    let attributes = [("VisibilityTimeout", "1800"), attributes[1]];
    sqs::create_queue(world, ADMINISTRATOR, home, SWEEP_QUEUE, &attributes)?;
    let bus = events::create_bus(world, ADMINISTRATOR, home, BUS)?;
    let policy = BUS_POLICY
        .replace("${AWS::Region}", home)
        .replace("${AWS::AccountId}", ADMINISTRATOR)
        .replace("${OrganizationId}", ORGANIZATION)
        .replace("${AWS::Partition}", "aws");
    events::put_policy(world, &bus, parsed(&policy)?)?;
    events::put_rule(world, &bus, QUEUE, &parsed(FORWARDED)?)?;
    events::put_target(
        world,
        &bus,
        QUEUE,
        Target::new("queue", Destination::Queue(queue)),
    )?;
    Ok(bus)
}

fn add_forwarder(world: &mut World, from: &BusId, to: &BusId, role: &str) -> Result<(), ApiError> {
    for (name, pattern) in [("s3-calls", S3_CALLS), ("tag-changes", TAG_CHANGES)] {
        forward(world, from, to, role, name, pattern)?;
    }
    Ok(())
}

fn forward(
    world: &mut World,
    from: &BusId,
    to: &BusId,
    role: &str,
    name: &str,
    pattern: &str,
) -> Result<(), ApiError> {
    let rule = format!("macie-self-service-{name}");
    events::put_rule(world, from, &rule, &parsed(pattern)?)?;
    let target = Target::new("bus", Destination::Bus(to.clone())).role(role);
    events::put_target(world, from, &rule, target)
}

fn parsed(text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text)
        .map_err(|error| ApiError::new("ValidationException", 400, format!("not JSON: {error}")))
}

/// The id of a workload account, counted from 1.
pub fn workload(number: usize) -> String {
    format!("3{number:011}")
}

/// The `admin` user of an account, as its own access key shows it.
pub fn admin(account: &str) -> Caller {
    Caller {
        account: account.to_owned(),
        arn: format!("arn:aws:iam::{account}:user/admin"),
        role: None,
    }
}

fn add_organization(world: &mut World) {
    let organizations = &mut world.organizations;
    organizations.id = ORGANIZATION.to_owned();
    organizations.management = MANAGEMENT.to_owned();
    organizations.trusted_services = vec![MACIE.to_owned()];
    organizations.delegated = vec![(MACIE.to_owned(), ADMINISTRATOR.to_owned())];
    for (id, name, parent) in [(ROOT, "Root", None), (WORKLOADS, "Workloads", Some(ROOT))] {
        let unit = Unit {
            id: id.to_owned(),
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
        };
        organizations.units.insert(id.to_owned(), unit);
    }
}

fn add_accounts(world: &mut World, workloads: usize) {
    add_account(world, MANAGEMENT, "management", ROOT);
    add_account(world, ADMINISTRATOR, "macie-administrator", ROOT);
    for number in 1..=workloads {
        let name = format!("workload-{number}");
        add_account(world, &workload(number), &name, WORKLOADS);
    }
}

fn add_account(world: &mut World, id: &str, name: &str, parent: &str) {
    let account = Account {
        id: id.to_owned(),
        name: name.to_owned(),
        email: format!("{name}@example.com"),
        state: "ACTIVE".to_owned(),
        parent: parent.to_owned(),
        disabled_regions: Vec::new(),
        tags: [].into(),
    };
    world.organizations.accounts.insert(id.to_owned(), account);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn an_organization_has_its_accounts_units_and_roles() {
        let clock = Clock::Frozen(Timestamp::UNIX_EPOCH);
        let world = Organization::new(2, &["eu-west-1"], clock).build().unwrap();
        let accounts: Vec<(&str, &str, &str)> = world
            .organizations
            .accounts
            .values()
            .map(|a| (a.id.as_str(), a.name.as_str(), a.parent.as_str()))
            .collect();
        assert_eq!(
            accounts,
            [
                ("111111111111", "management", ROOT),
                ("222222222222", "macie-administrator", ROOT),
                ("300000000001", "workload-1", WORKLOADS),
                ("300000000002", "workload-2", WORKLOADS),
            ]
        );
        let forwarder = "macie-self-service-forwarder-eu-west-1";
        let roles: Vec<(&str, &str)> = world
            .iam
            .roles
            .keys()
            .map(|(account, name)| (account.as_str(), name.as_str()))
            .collect();
        assert_eq!(
            roles,
            [
                (MANAGEMENT, forwarder),
                (MANAGEMENT, MEMBER_ROLE),
                (MANAGEMENT, REGISTRATION_ROLE),
                (ADMINISTRATOR, CONTROLLER_ROLE),
                (ADMINISTRATOR, COSTS_ROLE),
                (ADMINISTRATOR, COSTS_SCHEDULER_ROLE),
                (ADMINISTRATOR, forwarder),
                (ADMINISTRATOR, MEMBER_ROLE),
                (ADMINISTRATOR, OPERATOR_ROLE),
                (ADMINISTRATOR, SCHEDULER_ROLE),
                (ADMINISTRATOR, SETTINGS_ROLE),
                (ADMINISTRATOR, SWEEPER_ROLE),
                ("300000000001", forwarder),
                ("300000000001", MEMBER_ROLE),
                ("300000000002", forwarder),
                ("300000000002", MEMBER_ROLE),
            ]
        );
    }
}
