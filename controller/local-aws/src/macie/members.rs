//! The administrator's members.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Scope, discovery, jobs,
    organization::administrator_only,
    session::{self, Status},
    wire::{
        Outcome, Paging, Tags, account_id, check_tags, conflict, denied, done, id, input, invalid,
        missing, over_quota, paged,
    },
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Members that an administrator can have in a Region.
pub(super) const QUOTA: usize = 10_000;

/// An account that is or was associated with the administrator.
#[derive(Debug, Clone)]
pub struct Member {
    /// `Created`, `Enabled`, `Paused` or `Removed`; the rest is derived on read.
    pub status: Relationship,
    /// When the status last changed.
    pub updated_at: Timestamp,
    /// The member's tags.
    pub tags: Tags,
    /// When a `Created` member becomes `Enabled`.
    pub enabled_at: Timestamp,
}

/// The states of a member that occur in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Relationship {
    /// Being enabled; not yet a member.
    Created,
    /// A member.
    Enabled,
    /// A member that is suspended.
    Paused,
    /// Disassociated; Macie is still on in the account, standalone.
    Removed,
    /// The Region is disabled for the account.
    RegionDisabled,
    /// The AWS account is not active.
    AccountSuspended,
}

impl Relationship {
    /// The state of an account in a Region as Macie reports it; none for a stranger.
    pub fn of(world: &World, region: &str, account: &str) -> Option<Self> {
        let member = world.macie.member(region, account)?;
        Some(Self::derived(world, region, account, member))
    }

    fn derived(world: &World, region: &str, account: &str, member: &Member) -> Self {
        let known = world.organizations.accounts.get(account);
        match known {
            _ if member.status == Self::Removed => Self::Removed,
            Some(account) if account.state != "ACTIVE" => Self::AccountSuspended,
            None => Self::AccountSuspended,
            Some(account) if account.disabled_regions.iter().any(|off| off == region) => {
                Self::RegionDisabled
            }
            Some(_) => member.status,
        }
    }

    /// Whether ListMembers shows the account without being asked for all.
    fn is_current(self) -> bool {
        matches!(self, Self::Enabled | Self::Paused)
    }
}

#[derive(Deserialize)]
struct Create {
    account: AccountDetail,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountDetail {
    account_id: String,
    email: String,
}

#[derive(Deserialize)]
struct Update {
    status: Status,
}

pub(super) fn perform(world: &mut World, call: &Call, operation: &str) -> Outcome {
    administrator_only(world, call)?;
    match operation {
        "CreateMember" => create(world, call),
        "GetMember" => get(world, call),
        "ListMembers" => list(world, call),
        "UpdateMemberSession" => {
            let request: Update = input(call)?;
            update_member_session(world, &call.region, id(call)?, request.status)?;
            Ok(done())
        }
        "DisassociateMember" => {
            disassociate_member(world, &call.region, id(call)?)?;
            Ok(done())
        }
        _ => {
            delete_member(world, &call.region, id(call)?)?;
            Ok(done())
        }
    }
}

fn create(world: &mut World, call: &Call) -> Outcome {
    let Create { account, tags } = input(call)?;
    account_id("account.accountId", &account.account_id)?;
    // Whether AWS compares the address with the account's own is not documented.
    if account.email.is_empty() {
        return Err(invalid(
            "`account.email` is empty: give the account's address",
        ));
    }
    check_tags(&tags)?;
    let arn = create_member(world, &call.region, &account.account_id, tags)?;
    Ok(Reply::json(json!({ "arn": arn })))
}

/// Makes an account of the organization a member of the Region's administrator; its ARN. A
/// disassociated account is added again, with these tags instead of its old ones.
///
/// AWS does not document the answer for an account that is already associated; here it is a
/// ConflictException.
pub fn create_member(
    world: &mut World,
    region: &str,
    account: &str,
    tags: Tags,
) -> Result<String, ApiError> {
    let administrator = world
        .macie
        .administrator(region)
        .ok_or_else(|| denied(format!("there is no Macie administrator in {region}")))?
        .to_owned();
    check_addable(world, region, account, &administrator)?;
    let now = world.now();
    let member = Member {
        status: Relationship::Created,
        updated_at: now,
        tags,
        enabled_at: now
            .checked_add(world.switches.enabling_takes)
            .unwrap_or(now),
    };
    if let Some(administration) = world.macie.administrations.get_mut(region) {
        administration.members.insert(account.to_owned(), member);
    }
    super::settle(world);
    Ok(arn(region, &administrator, account))
}

fn check_addable(
    world: &World,
    region: &str,
    account: &str,
    administrator: &str,
) -> Result<(), ApiError> {
    if account == administrator {
        return Err(invalid(format!(
            "`{account}` is the administrator account, which cannot be a member"
        )));
    }
    active_account(world, account)?;
    let member = world.macie.member(region, account);
    if member.is_some_and(|member| member.status != Relationship::Removed) {
        return Err(conflict(format!(
            "`{account}` is already associated with an administrator account"
        )));
    }
    let session = world.macie.session(region, account);
    if session.is_some_and(|session| session.status == Status::Paused) {
        return Err(invalid(format!(
            "Macie is currently suspended for `{account}`: the account's owner must first re-enable Macie"
        )));
    }
    if account == world.organizations.management && session.is_none() {
        return Err(invalid(format!(
            "`{account}` is the management account: Macie must first be enabled in it"
        )));
    }
    if count(world, region) >= QUOTA {
        return Err(over_quota(format!(
            "the administrator has {QUOTA} members in {region}, the most"
        )));
    }
    Ok(())
}

/// Refuses an account that is not an active account of the organization.
pub(super) fn active_account(world: &World, account: &str) -> Result<(), ApiError> {
    match world.organizations.accounts.get(account) {
        Some(known) if known.state == "ACTIVE" => Ok(()),
        Some(known) => Err(invalid(format!(
            "`{account}` is {}: expected ACTIVE",
            known.state
        ))),
        None => Err(invalid(format!(
            "`{account}` is not an account of the organization"
        ))),
    }
}

/// How many accounts are associated in a Region.
pub(super) fn count(world: &World, region: &str) -> usize {
    world
        .macie
        .members(region)
        .filter(|(_, member)| member.status != Relationship::Removed)
        .count()
}

/// Makes an account that has just joined the organization a member in every Region that has
/// `autoEnable` on. Accounts that were there before are not touched.
pub fn account_joined(world: &mut World, account: &str) {
    let regions: Vec<String> = world
        .macie
        .administrations
        .iter()
        .filter(|(_, administration)| administration.auto_enable)
        .map(|(region, _)| region.clone())
        .collect();
    for region in regions {
        // What cannot become a member stays out: nobody asked for this answer.
        let _arn = create_member(world, &region, account, Tags::new());
    }
}

/// The members that become enabled, and when. While an account is suspended or the Region is
/// disabled for it, it does not.
pub(super) fn due(world: &World) -> impl Iterator<Item = (Timestamp, Scope)> {
    world
        .macie
        .administrations
        .iter()
        .flat_map(move |(region, administration)| {
            administration
                .members
                .iter()
                .filter(|(_, member)| member.status == Relationship::Created)
                .filter(move |(account, member)| {
                    Relationship::derived(world, region, account, member) == Relationship::Created
                })
                .map(move |(account, member)| (member.enabled_at, Scope::new(region, account)))
        })
}

pub(super) fn become_enabled(world: &mut World, scope: &Scope, at: Timestamp) {
    set_relationship(world, scope, Relationship::Enabled, at);
    session::begin(world, scope, at);
    session::set_status(world, scope, Status::Enabled, at);
    discovery::member_joined(world, scope, at);
}

fn set_relationship(world: &mut World, scope: &Scope, status: Relationship, at: Timestamp) {
    let administration = world.macie.administrations.get_mut(&scope.region);
    if let Some(member) =
        administration.and_then(|administration| administration.members.get_mut(&scope.account))
    {
        member.status = status;
        member.updated_at = at;
    }
}

/// Suspends or resumes a member. The state that it has already is accepted without effect; AWS
/// does not document that.
pub fn update_member_session(
    world: &mut World,
    region: &str,
    account: &str,
    status: Status,
) -> Result<(), ApiError> {
    let wanted = match status {
        Status::Enabled => Relationship::Enabled,
        Status::Paused => Relationship::Paused,
    };
    match Relationship::of(world, region, account) {
        None => return Err(stranger(world, account)),
        Some(current) if current == wanted => return Ok(()),
        Some(current) if current.is_current() => {}
        Some(current) => return Err(not_a_member(account, current)),
    }
    let (scope, now) = (Scope::new(region, account), world.now());
    set_relationship(world, &scope, wanted, now);
    session::set_status(world, &scope, status, now);
    if status == Status::Paused {
        jobs::member_suspended(world, &scope);
    }
    Ok(())
}

/// Disassociates a member: it becomes a standalone account with Macie as it was. A suspended one
/// can then be added again only after its owner has resumed Macie.
pub fn disassociate_member(world: &mut World, region: &str, account: &str) -> Result<(), ApiError> {
    match Relationship::of(world, region, account) {
        None => return Err(invalid(unassociated(account))),
        Some(status @ (Relationship::Created | Relationship::Removed)) => {
            return Err(not_a_member(account, status));
        }
        Some(_) => {}
    }
    let now = world.now();
    set_relationship(
        world,
        &Scope::new(region, account),
        Relationship::Removed,
        now,
    );
    Ok(())
}

/// Forgets a member that was disassociated.
pub fn delete_member(world: &mut World, region: &str, account: &str) -> Result<(), ApiError> {
    match world.macie.member(region, account) {
        None => return Err(invalid(unassociated(account))),
        Some(member) if member.status != Relationship::Removed => {
            return Err(invalid(format!(
                "`{account}` is {:?}: disassociate it first",
                member.status
            )));
        }
        Some(_) => {}
    }
    if let Some(administration) = world.macie.administrations.get_mut(region) {
        administration.members.remove(account);
    }
    Ok(())
}

fn unassociated(account: &str) -> String {
    format!("`{account}`: the account is not associated with your account")
}

fn stranger(world: &World, account: &str) -> ApiError {
    if world.switches.stranger_is_validation {
        return invalid(unassociated(account));
    }
    missing(format!(
        "`{account}` is not an associated member of your account"
    ))
}

fn not_a_member(account: &str, status: Relationship) -> ApiError {
    invalid(format!(
        "`{account}` is {status:?}: expected a member that is Enabled or Paused"
    ))
}

/// The ARN of a member.
pub(super) fn arn(region: &str, administrator: &str, account: &str) -> String {
    format!("arn:aws:macie2:{region}:{administrator}:member/{account}")
}

fn get(world: &World, call: &Call) -> Outcome {
    let account = id(call)?;
    match world.macie.member(&call.region, account) {
        Some(member) => Ok(Reply::json(document(world, call, account, member))),
        None => Err(stranger(world, account)),
    }
}

/// AWS says that `onlyAssociated=false` includes all accounts; accounts that were never
/// associated are left out here, for AWS does not say how it would list them.
fn list(world: &World, call: &Call) -> Outcome {
    let only_current = match call.query("onlyAssociated") {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => {
            return Err(invalid(format!(
                "`onlyAssociated` is `{other}`: expected `true` or `false`"
            )));
        }
    };
    let paging = Paging::of_query(call)?;
    let shown = |account: &str, member: &Member| {
        !only_current || Relationship::derived(world, &call.region, account, member).is_current()
    };
    let members: Vec<(&str, &Member)> = world
        .macie
        .members(&call.region)
        .filter(|(account, member)| shown(account, member))
        .collect();
    let (page, next) = paging.cut(members);
    let page = page
        .into_iter()
        .map(|(account, member)| document(world, call, account, member))
        .collect();
    Ok(Reply::json(paged("members", page, next)))
}

/// `email` and `invitedAt` are null for members through Organizations, and so left out.
fn document(world: &World, call: &Call, account: &str, member: &Member) -> Value {
    let administrator = &call.caller.account;
    json!({
        "accountId": account,
        "administratorAccountId": administrator,
        "arn": arn(&call.region, administrator, account),
        "masterAccountId": administrator,
        "relationshipStatus": Relationship::derived(world, &call.region, account, member),
        "tags": member.tags,
        "updatedAt": member.updated_at.to_string(),
    })
}
