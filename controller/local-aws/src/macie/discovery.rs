//! Automated sensitive data discovery: only whether it is on. It analyses nothing here, and so
//! costs nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Scope,
    members::Relationship,
    session::{self, Status},
    wire::{Outcome, Paging, conflict, denied, done, input, invalid, paged, repeated_query, set},
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Automated discovery of an account in a Region. AWS does not document what it is when Macie is
/// first enabled; here it is off.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Whether it is on.
    pub enabled: bool,
    /// For which members an administrator turns it on.
    pub auto_enable: AutoEnable,
    /// When it was first turned on.
    pub first_enabled_at: Option<Timestamp>,
    /// When it was last turned off.
    pub disabled_at: Option<Timestamp>,
    /// When something was last changed.
    pub updated_at: Option<Timestamp>,
}

/// For which members an administrator turns automated discovery on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AutoEnable {
    /// Those that exist and those that come.
    All,
    /// Those that come.
    New,
    /// None.
    #[default]
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Switch {
    Enabled,
    Disabled,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    status: Switch,
    auto_enable_organization_members: Option<AutoEnable>,
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default)]
    accounts: Vec<AccountUpdate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountUpdate {
    account_id: String,
    status: Switch,
}

impl Discovery {
    fn turn(&mut self, on: bool, at: Timestamp) {
        if self.enabled != on {
            self.enabled = on;
            self.disabled_at = (!on).then_some(at);
            self.first_enabled_at = self.first_enabled_at.or(on.then_some(at));
        }
        self.updated_at = Some(at);
    }

    fn switch(&self) -> Switch {
        if self.enabled {
            Switch::Enabled
        } else {
            Switch::Disabled
        }
    }
}

pub(super) fn perform(world: &mut World, call: &Call, operation: &str) -> Outcome {
    let scope = Scope::of(call);
    session::required(world, &scope)?;
    if Relationship::of(world, &scope.region, &scope.account)
        .is_some_and(|relationship| relationship != Relationship::Removed)
    {
        return Err(denied(
            "automated discovery of a member is the administrator's to read and set",
        ));
    }
    match operation {
        "GetAutomatedDiscoveryConfiguration" => get(world, &scope),
        "UpdateAutomatedDiscoveryConfiguration" => update(world, call, &scope),
        "ListAutomatedDiscoveryAccounts" => list(world, call, &scope),
        _ => batch(world, call, &scope),
    }
}

/// Turns automated discovery on for a new member if the administrator has asked for that.
pub(super) fn member_joined(world: &mut World, scope: &Scope, at: Timestamp) {
    let administrator = world.macie.administrator(&scope.region).map(str::to_owned);
    let wanted = administrator
        .and_then(|account| world.macie.session(&scope.region, &account))
        .is_some_and(|session| {
            session.discovery.enabled && session.discovery.auto_enable != AutoEnable::None
        });
    if wanted {
        turn(world, scope, true, at);
    }
}

fn turn(world: &mut World, scope: &Scope, on: bool, at: Timestamp) {
    if let Some(session) = world.macie.sessions.get_mut(scope) {
        session.discovery.turn(on, at);
    }
}

fn administers(world: &World, scope: &Scope) -> bool {
    world.macie.administrator(&scope.region) == Some(scope.account.as_str())
}

fn get(world: &World, scope: &Scope) -> Outcome {
    let discovery = &session::required(world, scope)?.discovery;
    let mut document = json!({
        "classificationScopeId": format!("scope{}", scope.account),
        "sensitivityInspectionTemplateId": format!("template{}", scope.account),
        "status": discovery.switch(),
    });
    if administers(world, scope) {
        set(
            &mut document,
            "autoEnableOrganizationMembers",
            Some(json!(discovery.auto_enable)),
        );
    }
    let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
    set(&mut document, "disabledAt", time(discovery.disabled_at));
    set(
        &mut document,
        "firstEnabledAt",
        time(discovery.first_enabled_at),
    );
    set(&mut document, "lastUpdatedAt", time(discovery.updated_at));
    Ok(Reply::json(document))
}

fn update(world: &mut World, call: &Call, scope: &Scope) -> Outcome {
    let request: Update = input(call)?;
    let on = request.status == Switch::Enabled;
    // ALL is the default, but turning it off without a mode must not arm it for later.
    let default = on.then_some(AutoEnable::All);
    let mode = request.auto_enable_organization_members.or(default);
    let now = world.now();
    if let Some(session) = world.macie.sessions.get_mut(scope) {
        session.discovery.auto_enable = mode.unwrap_or(session.discovery.auto_enable);
        session.discovery.turn(on, now);
    }
    if administers(world, scope) && (!on || mode == Some(AutoEnable::All)) {
        for member in members(world, scope) {
            let enabled = Relationship::of(world, &member.region, &member.account)
                == Some(Relationship::Enabled);
            if !on || enabled {
                turn(world, &member, on, now);
            }
        }
    }
    Ok(done())
}

/// The members whose automated discovery the administrator controls.
fn members(world: &World, scope: &Scope) -> Vec<Scope> {
    if !administers(world, scope) {
        return Vec::new();
    }
    world
        .macie
        .members(&scope.region)
        .filter(|(_, member)| matches!(member.status, Relationship::Enabled | Relationship::Paused))
        .map(|(account, _)| Scope::new(&scope.region, account))
        .collect()
}

fn list(world: &World, call: &Call, scope: &Scope) -> Outcome {
    let asked = repeated_query(call, "accountIds");
    if asked.len() > 50 {
        return Err(invalid(format!(
            "`accountIds` has {} ids: at most 50 are allowed",
            asked.len()
        )));
    }
    let paging = Paging::of_query(call)?;
    let mut scopes = members(world, scope);
    scopes.push(scope.clone());
    scopes.sort();
    scopes.retain(|scope| asked.is_empty() || asked.contains(&scope.account));
    let items: Vec<Value> = scopes
        .iter()
        .filter_map(|scope| world.macie.sessions.get(scope).map(|session| (scope, session)))
        .map(|(scope, session)| {
            json!({"accountId": scope.account, "status": session.discovery.switch()})
        })
        .collect();
    let (page, next) = paging.cut(items);
    Ok(Reply::json(paged("items", page, next)))
}

fn batch(world: &mut World, call: &Call, scope: &Scope) -> Outcome {
    if !administers(world, scope) {
        return Err(denied("only the Macie administrator can do this"));
    }
    let Batch { accounts } = input(call)?;
    let on = |account: &AccountUpdate| account.status == Switch::Enabled;
    let administrator_is_on = session::required(world, scope)?.discovery.enabled;
    if accounts.iter().any(on) && !administrator_is_on {
        return Err(conflict(
            "automated discovery is disabled for the organization",
        ));
    }
    let now = world.now();
    let mut errors = Vec::new();
    for account in &accounts {
        let target = Scope::new(&scope.region, &account.account_id);
        match refusal(world, scope, &target) {
            Some(code) => errors.push(json!({"accountId": account.account_id, "errorCode": code})),
            None => turn(world, &target, on(account), now),
        }
    }
    let mut document = json!({});
    set(
        &mut document,
        "errors",
        (!errors.is_empty()).then_some(errors),
    );
    Ok(Reply::json(document))
}

fn refusal(world: &World, administrator: &Scope, target: &Scope) -> Option<&'static str> {
    if target != administrator && !members(world, administrator).contains(target) {
        return Some("ACCOUNT_NOT_FOUND");
    }
    let session: Result<_, ApiError> = session::required(world, target);
    let works = session.is_ok_and(|session| session.status == Status::Enabled);
    (!works).then_some("ACCOUNT_PAUSED")
}
