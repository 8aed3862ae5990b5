//! The administrator's designation and the organization's settings.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{
    Scope,
    members::{self, Member},
    session,
    wire::{
        Outcome, Paging, account_id, conflict, denied, done, input, invalid, missing, paged,
        required_query,
    },
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Macie's name among the services that Organizations knows.
const PRINCIPAL: &str = "macie.amazonaws.com";

/// An administrator and its members in one Region.
#[derive(Debug, Clone)]
pub struct Administration {
    /// The administrator's account.
    pub administrator: String,
    /// Whether accounts that join the organization later become members.
    pub auto_enable: bool,
    /// Associated accounts by id, disassociated ones included.
    pub members: BTreeMap<String, Member>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Designate {
    admin_account_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    auto_enable: bool,
}

pub(super) fn perform(world: &mut World, call: &Call, operation: &str) -> Outcome {
    match operation {
        "EnableOrganizationAdminAccount" => {
            management_only(world, call)?;
            let request: Designate = input(call)?;
            designate(world, &request.admin_account_id, &call.region)?;
            Ok(done())
        }
        "DisableOrganizationAdminAccount" => {
            management_only(world, call)?;
            end_designation(world, required_query(call, "adminAccountId")?, &call.region)?;
            Ok(done())
        }
        "ListOrganizationAdminAccounts" => list(world, call),
        "DescribeOrganizationConfiguration" => describe(world, call),
        _ => update(world, call),
    }
}

/// Designates the administrator of the organization in a Region: Macie is enabled for it, and
/// Organizations learns of the trusted access and of the delegated administrator.
///
/// A second designation in the Region, and a different account than in another Region, are a
/// ConflictException; AWS documents the rule but not the code.
pub fn designate(world: &mut World, administrator: &str, region: &str) -> Result<(), ApiError> {
    account_id("adminAccountId", administrator)?;
    check_candidate(world, administrator)?;
    if let Some((leaving, _)) = leaving(world, region) {
        return Err(conflict(format!(
            "`{leaving}` is still being removed as the Macie administrator in {region}"
        )));
    }
    if let Some(current) = world.macie.administrator(region) {
        return Err(conflict(format!(
            "`{current}` is already the Macie administrator in {region}"
        )));
    }
    let elsewhere = world
        .macie
        .administrations
        .values()
        .map(|other| &other.administrator);
    if let Some(other) = elsewhere.into_iter().find(|other| *other != administrator) {
        return Err(conflict(format!(
            "`{other}` is the Macie administrator in another Region: it must be the same account in all"
        )));
    }
    check_trusted_access(world)?;
    let administration = Administration {
        administrator: administrator.to_owned(),
        auto_enable: false,
        members: BTreeMap::new(),
    };
    world
        .macie
        .administrations
        .insert(region.to_owned(), administration);
    register(world, administrator);
    session::enable(world, region, administrator);
    Ok(())
}

/// Trusted access that Organizations was just told of is not yet seen by Macie.
fn check_trusted_access(world: &World) -> Result<(), ApiError> {
    let since = world.organizations.trusted_since.get(PRINCIPAL);
    let seen = since.and_then(|since| {
        let takes = world.switches.trusted_access_takes;
        since.checked_add(takes).ok()
    });
    match seen {
        Some(seen) if world.now() < seen => Err(conflict(
            "the organization's trusted access for Macie is being enabled",
        )),
        _ => Ok(()),
    }
}

fn check_candidate(world: &World, administrator: &str) -> Result<(), ApiError> {
    members::active_account(world, administrator)?;
    let enabled_somewhere = || {
        world
            .macie
            .sessions
            .keys()
            .any(|scope| scope.account == administrator)
    };
    if administrator == world.organizations.management && !enabled_somewhere() {
        return Err(invalid(
            "the management account can be the Macie administrator only if Macie is enabled for it in at least one Region",
        ));
    }
    Ok(())
}

fn register(world: &mut World, administrator: &str) {
    let organizations = &mut world.organizations;
    if !organizations
        .trusted_services
        .iter()
        .any(|service| service == PRINCIPAL)
    {
        organizations.trusted_services.push(PRINCIPAL.to_owned());
    }
    let delegation = (PRINCIPAL.to_owned(), administrator.to_owned());
    if administrator != organizations.management && !organizations.delegated.contains(&delegation) {
        organizations.delegated.push(delegation);
    }
}

/// Ends the designation in a Region: every member becomes a standalone account in which Macie
/// stays as it was, enabled or suspended.
pub fn end_designation(
    world: &mut World,
    administrator: &str,
    region: &str,
) -> Result<(), ApiError> {
    if world.macie.administrator(region) != Some(administrator) {
        return Err(missing(format!(
            "`{administrator}` is not the Macie administrator in {region}"
        )));
    }
    world.macie.administrations.remove(region);
    if let Ok(gone) = world.now().checked_add(world.switches.disabling_takes) {
        let leaving = (administrator.to_owned(), gone);
        world.macie.leaving.insert(region.to_owned(), leaving);
    }
    if world.macie.administrations.is_empty() && world.switches.disabling_deregisters {
        let delegated = &mut world.organizations.delegated;
        delegated.retain(|(service, account)| service != PRINCIPAL || account != administrator);
    }
    Ok(())
}

/// The administrator that is still being removed from a Region, and until when.
fn leaving<'w>(world: &'w World, region: &str) -> Option<&'w (String, Timestamp)> {
    let leaving = world.macie.leaving.get(region);
    leaving.filter(|(_, gone)| world.now() < *gone)
}

fn management_only(world: &World, call: &Call) -> Result<(), ApiError> {
    if call.caller.account == world.organizations.management {
        return Ok(());
    }
    Err(denied(
        "only the organization's management account can do this",
    ))
}

/// Refuses everyone but the administrator of the Region, with Macie enabled or suspended.
pub(super) fn administrator_only(world: &World, call: &Call) -> Result<(), ApiError> {
    session::required(world, &Scope::of(call))?;
    if world.macie.administrator(&call.region) == Some(call.caller.account.as_str()) {
        return Ok(());
    }
    Err(denied(format!(
        "`{}` is not the Macie administrator of the organization in {}",
        call.caller.account, call.region
    )))
}

fn list(world: &World, call: &Call) -> Outcome {
    let administrator = world.macie.administrator(&call.region);
    if administrator != Some(call.caller.account.as_str()) {
        management_only(world, call)?;
    }
    let enabled = administrator.map(|account| json!({"accountId": account, "status": "ENABLED"}));
    let disabling = leaving(world, &call.region)
        .map(|(account, _)| json!({"accountId": account, "status": "DISABLING_IN_PROGRESS"}));
    let accounts = enabled.into_iter().chain(disabling).collect();
    let (page, next) = Paging::of_query(call)?.cut(accounts);
    Ok(Reply::json(paged("adminAccounts", page, next)))
}

fn describe(world: &World, call: &Call) -> Outcome {
    administrator_only(world, call)?;
    let auto_enable = world
        .macie
        .administrations
        .get(&call.region)
        .is_some_and(|administration| administration.auto_enable);
    Ok(Reply::json(json!({
        "autoEnable": auto_enable,
        "maxAccountLimitReached": members::count(world, &call.region) >= members::QUOTA,
    })))
}

fn update(world: &mut World, call: &Call) -> Outcome {
    administrator_only(world, call)?;
    let Configuration { auto_enable } = input(call)?;
    if let Some(administration) = world.macie.administrations.get_mut(&call.region) {
        administration.auto_enable = auto_enable;
    }
    Ok(done())
}
