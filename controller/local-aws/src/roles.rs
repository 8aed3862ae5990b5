//! The roles that the templates deploy, made from the very documents that the templates contain:
//! an action that `policies/` does not allow is denied here too.

use serde_json::Value;

use crate::{
    error::ApiError,
    iam::Role,
    organization::{
        ADMINISTRATOR, CONTROLLER_ROLE, COSTS_ROLE, COSTS_SCHEDULER_ROLE, FORWARDER_ROLE,
        MANAGEMENT, MEMBER_ROLE, OPERATOR_ROLE, ORGANIZATION, REGISTRATION_ROLE, SCHEDULER_ROLE,
        SETTINGS_ROLE, SWEEPER_ROLE, admin,
    },
    organizations::trail,
    request::role_arn,
    world::World,
};

/// A role's identity policy and trust.
struct Documents {
    policy: &'static str,
    /// What another stack adds to it.
    added: Option<&'static str>,
    trust: &'static str,
}

macro_rules! documents {
    ($name:literal) => {
        Documents {
            policy: include_str!(concat!("../../../policies/", $name, ".json")),
            added: None,
            trust: include_str!(concat!("../../../policies/trust/", $name, ".json")),
        }
    };
}

const MEMBER: Documents = documents!("member");
const FORWARDER: Documents = documents!("forwarder");
const OPERATOR: Documents = Documents {
    added: Some(include_str!("../../../policies/operator-costs.json")),
    ..documents!("operator")
};
const ADMINISTRATORS: &[(&str, Documents)] = &[
    (CONTROLLER_ROLE, documents!("controller")),
    (OPERATOR_ROLE, OPERATOR),
    (SETTINGS_ROLE, documents!("settings")),
    (SCHEDULER_ROLE, documents!("scheduler")),
    (SWEEPER_ROLE, documents!("sweeper")),
    (COSTS_ROLE, documents!("costs")),
    (COSTS_SCHEDULER_ROLE, documents!("costs-scheduler")),
];
const MANAGEMENTS: &[(&str, Documents)] = &[(REGISTRATION_ROLE, documents!("registration"))];

/// Every role of an organization: the member role and a forwarder per Region in each account, the
/// functions' and the operators' in their accounts, and the forwarder of the organization's events
/// where that is. The first Region is the home Region.
pub fn add(world: &mut World, regions: &[String]) -> Result<(), ApiError> {
    let home = regions.first().map_or("", String::as_str);
    let accounts: Vec<String> = world.organizations.accounts.keys().cloned().collect();
    for account in accounts {
        put(world, &account, MEMBER_ROLE, &MEMBER, [home, home])?;
        for region in regions {
            let name = format!("{FORWARDER_ROLE}{region}");
            put(world, &account, &name, &FORWARDER, [region, home])?;
        }
    }
    if regions.iter().any(|region| region == trail::REGION) {
        let name = format!("{FORWARDER_ROLE}organization");
        put(world, MANAGEMENT, &name, &FORWARDER, [trail::REGION, home])?;
    }
    for (account, roles) in [(ADMINISTRATOR, ADMINISTRATORS), (MANAGEMENT, MANAGEMENTS)] {
        for (name, documents) in roles {
            put(world, account, name, documents, [home, home])?;
        }
    }
    Ok(())
}

/// The forwarder's role of an account and Region.
pub fn forwarder(account: &str, region: &str) -> String {
    role_arn(account, &format!("{FORWARDER_ROLE}{region}"))
}

fn put(
    world: &mut World,
    account: &str,
    name: &str,
    documents: &Documents,
    [region, home]: [&str; 2],
) -> Result<(), ApiError> {
    let filled = |text: &str| {
        text.replace("${AWS::Partition}", "aws")
            .replace("${AWS::AccountId}", account)
            .replace("${AWS::Region}", region)
            .replace("${AdministratorAccountId}", ADMINISTRATOR)
            .replace("${OrganizationId}", ORGANIZATION)
            .replace("${HomeRegion}", home)
            .replace("${OperatorPrincipalArn}", &admin(ADMINISTRATOR).arn)
    };
    let policies = [documents.policy].into_iter().chain(documents.added);
    let policies = policies.map(|text| parsed(&filled(text)));
    let policies: Vec<Value> = policies.collect::<Result<_, _>>()?;
    let trust = parsed(&filled(documents.trust))?;
    let role = Role {
        trusts: gathered(&trust, &["/Principal/AWS", "/Principal/Service"]),
        only: gathered(
            &trust,
            &[
                "/Condition/ArnEquals/aws:PrincipalArn",
                "/Condition/ArnLike/aws:PrincipalArn",
            ],
        ),
        allows: policies
            .iter()
            .flat_map(|policy| gathered(policy, &["/Action"]))
            .collect(),
    };
    world.iam.put_role(account, name, role);
    Ok(())
}

/// The texts at some places of every statement that allows.
fn gathered(document: &Value, places: &[&str]) -> Vec<String> {
    let statements = many(document.get("Statement"));
    statements
        .iter()
        .filter(|statement| statement.get("Effect").and_then(Value::as_str) == Some("Allow"))
        .flat_map(|statement| places.iter().map(|place| statement.pointer(place)))
        .flat_map(many)
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect()
}

fn many(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(values)) => values.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn parsed(text: &str) -> Result<Value, ApiError> {
    serde_json::from_str(text)
        .map_err(|error| ApiError::new("MalformedPolicyDocument", 400, format!("{error}")))
}
