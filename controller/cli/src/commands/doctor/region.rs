//! Macie in one Region, as the administrator: designated, on, and with settings that cost nothing
//! that nobody asked for.

use std::collections::BTreeSet;

use aws_sdk_macie2::{
    Client,
    types::{AutomatedDiscoveryStatus, MacieStatus, RelationshipStatus},
};
use controller::aws::trouble;
use controller_core::{
    id::Region,
    observed::{ErrorClass, OPTED_OUT_SINCE, Trouble},
};
use futures::{StreamExt, stream};
use indicatif::ProgressBar;
use jiff::Timestamp;

use super::{
    Line, REGISTER, Site,
    line::check,
    results::{self, Destination},
};
use crate::commands::{
    CONCURRENCY,
    listed::{self, ListedMember},
};

/// What was read; each part by itself may have failed.
struct Facts {
    session: Result<Option<MacieStatus>, Trouble>,
    auto_enable: Result<bool, Trouble>,
    /// Who is designated; asked only when `auto_enable` is denied, which Macie also answers to
    /// those who are not.
    designated: Option<Result<Vec<String>, Trouble>>,
    discovery: Result<Option<AutomatedDiscoveryStatus>, Trouble>,
    export: Result<Option<Destination>, Trouble>,
    members: Result<Vec<ListedMember>, Trouble>,
}

/// Everything about Macie in every Region.
pub async fn lines(site: &Site<'_>, bar: &ProgressBar) -> Vec<Line> {
    let reads = stream::iter(&site.regions).map(|region| async move {
        let facts = read(&site.aws.macie(region)).await;
        bar.inc(1);
        (region, facts)
    });
    let read: Vec<(&Region, Facts)> = reads.buffered(CONCURRENCY).collect().await;
    let mut lines: Vec<Line> = read
        .iter()
        .flat_map(|(region, facts)| judge(site, region, facts))
        .collect();
    // All Regions share a bucket, as a rule.
    let destinations: BTreeSet<&Destination> = read
        .iter()
        .filter_map(|(_, facts)| facts.export.as_ref().ok()?.as_ref())
        .collect();
    for destination in destinations {
        lines.push(results::bucket(site, destination).await);
    }
    lines
}

async fn read(macie: &Client) -> Facts {
    let (session, auto_enable, discovery, export, members) = futures::join!(
        session(macie),
        auto_enable(macie),
        discovery(macie),
        results::read(macie),
        listed::members(macie)
    );
    let denied = auto_enable
        .as_ref()
        .is_err_and(|trouble| trouble.class == ErrorClass::Denied);
    let designated = match denied {
        true => Some(designated(macie).await),
        false => None,
    };
    Facts {
        session,
        auto_enable,
        designated,
        discovery,
        export,
        members,
    }
}

async fn session(macie: &Client) -> Result<Option<MacieStatus>, Trouble> {
    let reply = macie.get_macie_session().send().await;
    let reply = reply.map_err(|error| trouble("macie2:GetMacieSession", &error))?;
    Ok(reply.status)
}

async fn auto_enable(macie: &Client) -> Result<bool, Trouble> {
    let reply = macie.describe_organization_configuration().send().await;
    let operation = "macie2:DescribeOrganizationConfiguration";
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    Ok(reply.auto_enable.unwrap_or_default())
}

async fn designated(macie: &Client) -> Result<Vec<String>, Trouble> {
    let reply = macie.list_organization_admin_accounts().send().await;
    let operation = "macie2:ListOrganizationAdminAccounts";
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    let accounts = reply.admin_accounts().iter();
    Ok(accounts
        .filter_map(|account| account.account_id().map(str::to_owned))
        .collect())
}

async fn discovery(macie: &Client) -> Result<Option<AutomatedDiscoveryStatus>, Trouble> {
    let reply = macie.get_automated_discovery_configuration().send().await;
    let operation = "macie2:GetAutomatedDiscoveryConfiguration";
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    Ok(reply.status)
}

fn judge(site: &Site<'_>, region: &Region, facts: &Facts) -> Vec<Line> {
    let off = |trouble: &Trouble| trouble.class == ErrorClass::NotEnabled;
    let is_off = facts.session.as_ref().is_err_and(off);
    let mut lines = vec![
        macie(region, &facts.session),
        designation(site, region, facts),
    ];
    // A Macie that is off has no settings: one line says so.
    if is_off {
        return lines;
    }
    lines.extend([
        auto_enable_line(region, &facts.auto_enable),
        discovery_line(region, &facts.discovery),
        results::line(region, &facts.export),
    ]);
    lines.extend(resumed(site, region, &facts.members));
    lines
}

fn macie(region: &Region, session: &Result<Option<MacieStatus>, Trouble>) -> Line {
    let check = check("macie", region);
    match session {
        Ok(Some(MacieStatus::Enabled)) => check.pass("Macie is on in the administrator account"),
        Ok(_) => check.fail(
            "Macie is suspended in the administrator account: no job runs",
            format!("aws macie2 update-macie-session --status ENABLED --region {region}"),
        ),
        Err(trouble) if trouble.class == ErrorClass::NotEnabled => {
            check.fail("Macie is off in the administrator account", REGISTER)
        }
        Err(trouble) => check.unknown(trouble),
    }
}

/// Only the designated administrator may read the organization's configuration.
fn designation(site: &Site<'_>, region: &Region, facts: &Facts) -> Line {
    let check = check("designation", region);
    let account = site.aws.identity.account.as_str();
    let not_designated = "the account is not designated in this Region";
    match (&facts.auto_enable, &facts.designated) {
        (Ok(_), _) => check.pass("the account is the Macie administrator of the organization"),
        (Err(_), Some(Ok(ids))) if ids.iter().any(|id| id == account) => {
            check.pass("the account is the Macie administrator of the organization")
        }
        (Err(_), Some(Ok(ids))) if ids.is_empty() => check.fail(not_designated, REGISTER),
        (Err(_), Some(Ok(ids))) => {
            let message = format!(
                "the Macie administrator in this Region is {}",
                ids.join(", ")
            );
            check.fail(
                message,
                format!("{REGISTER}; to move it, add MoveFrom=<that account>"),
            )
        }
        (Err(trouble), _) if trouble.class == ErrorClass::NotEnabled => {
            check.fail(not_designated, REGISTER)
        }
        // Macie answers those who are not designated as it answers those who may not ask.
        (Err(trouble), Some(Err(_))) => check.warn(
            format!(
                "unknown: {not_designated}, or {} is denied",
                trouble.operation
            ),
            format!("look at the line `administrator`, then: {REGISTER}"),
        ),
        (Err(trouble), _) => check.unknown(trouble),
    }
}

fn auto_enable_line(region: &Region, auto_enable: &Result<bool, Trouble>) -> Line {
    let check = check("auto-enable", region);
    match auto_enable {
        Ok(false) => check.pass("accounts that join the organization are not enrolled"),
        Ok(true) => check.fail(
            "every account that joins the organization is enrolled, and paid for",
            format!(
                "aws macie2 update-organization-configuration --no-auto-enable --region {region}"
            ),
        ),
        Err(trouble) => check.unknown(trouble),
    }
}

fn discovery_line(
    region: &Region,
    discovery: &Result<Option<AutomatedDiscoveryStatus>, Trouble>,
) -> Line {
    let check = check("automated-discovery", region);
    match discovery {
        Ok(Some(AutomatedDiscoveryStatus::Disabled)) => {
            check.pass("no bucket is sampled that nobody opted in")
        }
        Ok(_) => check.fail(
            "automated discovery samples buckets of every member, and is paid for",
            format!("aws macie2 update-automated-discovery-configuration --status DISABLED --region {region}"),
        ),
        Err(trouble) => check.unknown(trouble),
    }
}

/// Members that are on although the controller suspended them: it marks a member, suspends it when
/// the grace period is over, and resumes it only for a bucket, which also ends the mark.
fn resumed(
    site: &Site<'_>,
    region: &Region,
    members: &Result<Vec<ListedMember>, Trouble>,
) -> Vec<Line> {
    let members = match members {
        Ok(members) => members,
        Err(trouble) => return vec![check("resumed-members", region).unknown(trouble)],
    };
    let again: Vec<&str> = members
        .iter()
        .filter(|member| was_resumed(site, member))
        .map(|member| member.account.as_str())
        .collect();
    if again.is_empty() {
        let message = format!("none of {} members came on again by itself", members.len());
        return vec![check("resumed-members", region).pass(message)];
    }
    let line = |account| {
        check("resumed-members", format!("{account} {region}")).warn(
            "Macie is on again although nothing is opted in: something else turns it on",
            "look for UpdateMemberSession and EnableMacie in CloudTrail; known for it are Landing Zone Accelerator (`macie.enable`), the Security Reference Architecture's Macie solution and the runbook Macie.1 of Automated Security Response",
        )
    };
    again.into_iter().map(line).collect()
}

fn was_resumed(site: &Site<'_>, member: &ListedMember) -> bool {
    let policy = site.policy;
    let since = member.tags.get(OPTED_OUT_SINCE);
    let since: Option<Timestamp> = since.and_then(|text| text.parse().ok());
    let suspended_at = since.and_then(|since| since.checked_add(policy.grace_period).ok());
    let resumed = suspended_at.is_some() && member.updated_at > suspended_at;
    resumed && member.status == RelationshipStatus::Enabled && member.is_owned(&policy.ownership)
}
