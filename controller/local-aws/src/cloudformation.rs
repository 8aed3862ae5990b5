//! CloudFormation: service-managed StackSets as their readers see them.

use std::collections::BTreeMap;

use quick_xml::escape::escape;

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        service: "cloudformation",
        name: "DescribeStackSet",
        action: "cloudformation:DescribeStackSet",
        does: "Tells a StackSet's parameters and targets. A service-managed one is seen by the management account, and with `CallAs=DELEGATED_ADMIN` by a delegated administrator.",
        source: "CloudFormation API Reference, DescribeStackSet",
    },
    Operation {
        service: "cloudformation",
        name: "ListStackInstances",
        action: "cloudformation:ListStackInstances",
        does: "Lists where a StackSet has stacks and whether they are current; filters are refused.",
        source: "CloudFormation API Reference, ListStackInstances",
    },
    Operation {
        service: "cloudformation",
        name: "ListStackSets",
        action: "cloudformation:ListStackSets",
        does: "Lists the active StackSets of the Region.",
        source: "CloudFormation API Reference, ListStackSets",
    },
];

/// The service that Organizations delegates for StackSets.
pub const STACK_SETS: &str = "member.org.stacksets.cloudformation.amazonaws.com";
/// The longest page.
const PAGE: usize = 100;

/// StackSets of the organization.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// By name; all are service-managed, belong to the management account and are active.
    pub stack_sets: BTreeMap<String, StackSet>,
}

/// A service-managed StackSet.
#[derive(Debug, Clone, Default)]
pub struct StackSet {
    /// The Region that it was made in.
    pub region: String,
    /// Parameters of its template.
    pub parameters: BTreeMap<String, String>,
    /// Units that it deploys to.
    pub units: Vec<String>,
    /// Status (`CURRENT`, `OUTDATED` or `INOPERABLE`) by account and Region.
    pub instances: BTreeMap<(String, String), String>,
}

/// Carries out an operation.
pub fn perform(world: &mut World, call: &Call, operation: &str) -> Result<Reply, ApiError> {
    let result = match operation {
        "DescribeStackSet" => {
            let (name, set) = find(world, call)?;
            describe(world, name, set)
        }
        "ListStackInstances" => {
            if call.text("Filters.member.1.Name").is_some() {
                return Err(invalid("the local AWS does not filter stack instances"));
            }
            let (name, set) = find(world, call)?;
            let wanted =
                |member: &str, value: &str| call.text(member).is_none_or(|asked| asked == value);
            let instances = set.instances.iter().filter(|((account, region), _)| {
                wanted("StackInstanceAccount", account) && wanted("StackInstanceRegion", region)
            });
            page(
                call,
                instances.map(|(at, status)| instance(name, at, status)),
            )?
        }
        _ => page(call, visible(world, call)?.map(|(name, _)| summary(name)))?,
    };
    Ok(Reply::xml(format!(
        r#"<{operation}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><{operation}Result>{result}</{operation}Result></{operation}Response>"#
    )))
}

/// The StackSets that the caller sees.
fn visible<'w>(
    world: &'w World,
    call: &Call,
) -> Result<impl Iterator<Item = (&'w String, &'w StackSet)>, ApiError> {
    let account = &call.caller.account;
    let organizations = &world.organizations;
    let delegation = (STACK_SETS.to_owned(), account.clone());
    let seen = match call.text("CallAs") {
        // Everyone has StackSets of its own, which the local AWS does not have.
        None | Some("SELF") => *account == organizations.management,
        Some("DELEGATED_ADMIN") if organizations.delegated.contains(&delegation) => true,
        _ => {
            return Err(invalid(
                "You must be the management account or delegated admin account of an organization before operating a SERVICE_MANAGED stack set",
            ));
        }
    };
    let region = call.region.clone();
    let sets = world.cloudformation.stack_sets.iter();
    Ok(sets.filter(move |(_, set)| seen && set.region == region))
}

fn find<'w>(world: &'w World, call: &Call) -> Result<(&'w String, &'w StackSet), ApiError> {
    let asked = call.text("StackSetName").unwrap_or_default();
    let found = visible(world, call)?.find(|(name, _)| *name == asked || id(name) == asked);
    found.ok_or_else(|| {
        let message = format!("StackSet {asked} not found");
        ApiError::new("StackSetNotFoundException", 404, message)
    })
}

fn invalid(message: &str) -> ApiError {
    ApiError::new("ValidationError", 400, message)
}

fn id(name: &str) -> String {
    format!("{name}:00000000-0000-4000-8000-000000000001")
}

fn describe(world: &World, name: &str, set: &StackSet) -> String {
    let parameters: String = set
        .parameters
        .iter()
        .map(|(key, value)| {
            let (key, value) = (escape(key.as_str()), escape(value.as_str()));
            format!("<member><ParameterKey>{key}</ParameterKey><ParameterValue>{value}</ParameterValue></member>")
        })
        .collect();
    let units: String = set
        .units
        .iter()
        .map(|unit| format!("<member>{unit}</member>"))
        .collect();
    let (region, account) = (&set.region, &world.organizations.management);
    let id = id(name);
    format!(
        "<StackSet><StackSetName>{name}</StackSetName><StackSetId>{id}</StackSetId><Status>ACTIVE</Status>\
         <Parameters>{parameters}</Parameters>\
         <StackSetARN>arn:aws:cloudformation:{region}:{account}:stackset/{id}</StackSetARN>\
         <AutoDeployment><Enabled>true</Enabled><RetainStacksOnAccountRemoval>false</RetainStacksOnAccountRemoval></AutoDeployment>\
         <PermissionModel>SERVICE_MANAGED</PermissionModel>\
         <OrganizationalUnitIds>{units}</OrganizationalUnitIds></StackSet>"
    )
}

fn instance(name: &str, (account, region): &(String, String), status: &str) -> String {
    let detailed = match status {
        "CURRENT" => "SUCCEEDED",
        "OUTDATED" => "FAILED",
        _ => "INOPERABLE",
    };
    format!(
        "<member><StackSetId>{}</StackSetId><Region>{region}</Region><Account>{account}</Account>\
         <Status>{status}</Status>\
         <StackInstanceStatus><DetailedStatus>{detailed}</DetailedStatus></StackInstanceStatus></member>",
        id(name)
    )
}

fn summary(name: &str) -> String {
    format!(
        "<member><StackSetName>{name}</StackSetName><StackSetId>{}</StackSetId><Status>ACTIVE</Status>\
         <PermissionModel>SERVICE_MANAGED</PermissionModel></member>",
        id(name)
    )
}

/// One page of summaries, and a token when there are more.
fn page(call: &Call, items: impl Iterator<Item = String>) -> Result<String, ApiError> {
    let number = |member: &str, default: usize| match call.text(member) {
        None => Ok(default),
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| invalid(&format!("{member} is `{text}`, expected a page"))),
    };
    let (start, size) = (number("NextToken", 0)?, number("MaxResults", PAGE)?);
    if !(1..=PAGE).contains(&size) {
        return Err(invalid("MaxResults must be 1 to 100"));
    }
    let items: Vec<String> = items.collect();
    let listed: String = items
        .iter()
        .skip(start)
        .take(size)
        .map(String::as_str)
        .collect();
    let next = match items.len() > start + size {
        true => format!("<NextToken>{}</NextToken>", start + size),
        false => String::new(),
    };
    Ok(format!("<Summaries>{listed}</Summaries>{next}"))
}
