//! The StackSet of the forwarders: a current stack in each account and Region. And StackSets of
//! others that have to do with Macie.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{
    StackInstanceStatus, StackInstanceSummary, StackSet, StackSetStatus,
};
use controller::aws::trouble;
use controller_core::observed::Trouble;

use super::{Line, Site, VERSION, accounts::ROLL_OUT, line::check, organization::Organization};

/// The StackSet.
const STACK_SET: &str = "macie-self-service-forwarders";

/// A place: account and Region.
type Place = (String, String);

pub async fn lines(site: &Site<'_>, organization: &Organization) -> Vec<Line> {
    let (set, instances, names) = futures::join!(describe(site), instances(site), names(site));
    let (set, instances) = match (set, instances) {
        (Ok(set), Ok(instances)) => (set, instances),
        (Err(trouble), _) | (_, Err(trouble)) => return vec![unseen(site, &trouble)],
    };
    let mut lines = vec![version(site, &set)];
    lines.extend(forwarders(site, organization, &instances));
    lines.push(others(site, names));
    lines
}

async fn describe(site: &Site<'_>) -> Result<StackSet, Trouble> {
    let stack_sets = site.stack_sets;
    let request = stack_sets.client.describe_stack_set();
    let request = request
        .stack_set_name(STACK_SET)
        .call_as(stack_sets.call_as.clone());
    let reply = request.send().await;
    let reply = reply.map_err(|error| trouble("cloudformation:DescribeStackSet", &error))?;
    Ok(reply
        .stack_set
        .unwrap_or_else(|| StackSet::builder().build()))
}

async fn instances(site: &Site<'_>) -> Result<BTreeMap<Place, StackInstanceSummary>, Trouble> {
    let stack_sets = site.stack_sets;
    let request = stack_sets.client.list_stack_instances();
    let request = request
        .stack_set_name(STACK_SET)
        .call_as(stack_sets.call_as.clone());
    let mut pages = request.into_paginator().send();
    let mut instances = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("cloudformation:ListStackInstances", &error))?;
        for instance in page.summaries.unwrap_or_default() {
            if let (Some(account), Some(region)) = (instance.account(), instance.region()) {
                instances.insert((account.to_owned(), region.to_owned()), instance);
            }
        }
    }
    Ok(instances)
}

async fn names(site: &Site<'_>) -> Result<Vec<String>, Trouble> {
    let stack_sets = site.stack_sets;
    let request = stack_sets.client.list_stack_sets();
    let request = request
        .status(StackSetStatus::Active)
        .call_as(stack_sets.call_as.clone());
    let mut pages = request.into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| trouble("cloudformation:ListStackSets", &error))?;
        let found = page.summaries().iter();
        names.extend(found.filter_map(|set| set.stack_set_name().map(str::to_owned)));
    }
    Ok(names)
}

/// Whoever does not see the StackSet does not know whether it is there.
fn unseen(site: &Site<'_>, trouble: &Trouble) -> Line {
    check("forwarders", &site.policy.home_region).warn(
        format!("unknown: `{STACK_SET}` cannot be seen from here ({trouble})"),
        "maciectl doctor --stack-set-profile PROFILE --stack-set-call-as self, with a profile of the management account; if it is not there either, deploy stacksets/stack-set.yaml",
    )
}

fn version(site: &Site<'_>, set: &StackSet) -> Line {
    let check = check("forwarders-version", &site.policy.home_region);
    let mut parameters = set.parameters().iter();
    let version = parameters.find(|parameter| parameter.parameter_key() == Some("Version"));
    match version.and_then(|parameter| parameter.parameter_value()) {
        Some(VERSION) => check.pass(format!("{VERSION}, as this maciectl")),
        found => check.warn(
            format!(
                "the StackSet has the version `{}`, this maciectl is {VERSION}",
                found.unwrap_or("none")
            ),
            "deploy stacksets/stack-set.yaml of this version, or take the maciectl of that one",
        ),
    }
}

/// One line for all current ones, one for each that is not, and one for each account that has none.
fn forwarders(
    site: &Site<'_>,
    organization: &Organization,
    instances: &BTreeMap<Place, StackInstanceSummary>,
) -> Vec<Line> {
    let accounts = match organization.governed(site) {
        Ok(accounts) => accounts,
        Err(trouble) => return vec![check("forwarders", "organization").unknown(&trouble)],
    };
    let (mut lines, mut current) = (Vec::new(), 0_usize);
    for account in accounts {
        let mut missing = BTreeSet::new();
        for region in &site.regions {
            match instances.get(&(account.to_string(), region.to_string())) {
                None => drop(missing.insert(region.as_str())),
                Some(instance) if instance.status() == Some(&StackInstanceStatus::Current) => {
                    current += 1;
                }
                Some(instance) => lines.push(not_current(site, instance)),
            }
        }
        if !missing.is_empty() {
            let regions = missing.into_iter().collect::<Vec<_>>().join(", ");
            let message = format!("no forwarder in {regions}: only the sweep sees its changes");
            lines.push(check("forwarders", account).fail(message, ROLL_OUT));
        }
    }
    if current > 0 {
        let subject = format!("{current} places");
        lines.insert(0, check("forwarders", subject).pass("deployed and current"));
    }
    lines
}

/// An outdated stack still forwards as it did; an inoperable one may not.
fn not_current(site: &Site<'_>, instance: &StackInstanceSummary) -> Line {
    let (account, region) = (
        instance.account().unwrap_or_default(),
        instance.region().unwrap_or_default(),
    );
    let status = instance
        .status()
        .map_or("unknown", |status| status.as_str());
    let why = instance.status_reason().unwrap_or("no reason given");
    let unit = instance.organizational_unit_id().unwrap_or("UNIT");
    let call_as = site.stack_sets.call_as.as_str();
    let fix = format!(
        "aws cloudformation update-stack-instances --stack-set-name {STACK_SET} --regions {region} --deployment-targets OrganizationalUnitIds={unit},Accounts={account},AccountFilterType=INTERSECTION --call-as {call_as} --region {}",
        site.policy.home_region
    );
    let check = check("forwarders", format!("{account} {region}"));
    let message = format!("{status}: {why}");
    match instance.status() {
        Some(StackInstanceStatus::Inoperable) => check.fail(message, fix),
        _ => check.warn(message, fix),
    }
}

/// By name only: what such a StackSet does is not looked at.
fn others(site: &Site<'_>, names: Result<Vec<String>, Trouble>) -> Line {
    let check = check("other-stack-sets", &site.policy.home_region);
    let names = match names {
        Ok(names) => names,
        Err(trouble) => return check.unknown(&trouble),
    };
    let about_macie =
        |name: &&String| *name != STACK_SET && name.to_ascii_lowercase().contains("macie");
    let found: Vec<&str> = names
        .iter()
        .filter(about_macie)
        .map(String::as_str)
        .collect();
    match found.is_empty() {
        true => check.pass("no other StackSet that is seen from here has Macie in its name"),
        false => check.warn(
            format!("StackSets with Macie in their names: {}", found.join(", ")),
            "make sure that they neither enable Macie nor make accounts members: that undoes suspensions",
        ),
    }
}
