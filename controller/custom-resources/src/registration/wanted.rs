//! The properties of `Custom::MacieRegistration`.

use controller_core::id::{AccountId, Region};

use super::decide::{self, Admin, Step};
use crate::{
    properties::{BadProperty, Properties},
    request::Request,
};

const NAMES: [&str; 4] = ["AdministratorAccountId", "Regions", "MoveFrom", "OnDelete"];

/// What deleting the resource means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// The designation stays.
    Retain,
    /// The designation ends in every Region of the list.
    Remove,
}

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The administrator.
    pub administrator: AccountId,
    /// Where; the home Region first.
    pub regions: Vec<Region>,
    /// Whom it may replace.
    pub move_from: Vec<AccountId>,
    /// What deleting the resource means.
    pub on_delete: OnDelete,
    /// Regions that an Update has taken from the list.
    left: Vec<Region>,
}

impl Wanted {
    /// Reads the properties of a request.
    pub fn read(request: &Request) -> Result<Self, BadProperty> {
        let properties = Properties::new(&request.resource_properties, &NAMES)?;
        let administrator = properties.account("AdministratorAccountId")?;
        let regions = properties.regions()?;
        let move_from = properties.optional_account("MoveFrom")?;
        if move_from.as_ref() == Some(&administrator) {
            let expected = "another account than `AdministratorAccountId`";
            return Err(properties.bad("MoveFrom", expected));
        }
        let on_delete = match properties.optional("OnDelete")? {
            None | Some("Retain") => OnDelete::Retain,
            Some("Remove") => OnDelete::Remove,
            Some(_) => return Err(properties.bad("OnDelete", "`Retain` or `Remove`")),
        };
        let move_back = move_back(request, &administrator);
        let mut left = old_regions(request);
        left.retain(|region| !regions.contains(region));
        Ok(Self {
            administrator,
            regions,
            move_from: move_from.into_iter().chain(move_back).collect(),
            on_delete,
            left,
        })
    }

    /// The next step in a Region with these administrators.
    pub fn step(&self, admins: &[Admin]) -> Step {
        decide::designate(&self.administrator, &self.move_from, admins)
    }

    /// What is said when Regions have left the list.
    pub fn left_regions_note(&self) -> Option<String> {
        let left: Vec<&str> = self.left.iter().map(Region::as_str).collect();
        (!left.is_empty()).then(|| {
            format!(
                "{} stays designated in {}, which left `Regions`: {ENDS}",
                self.administrator,
                left.join(", ")
            )
        })
    }

    /// What is said when everything stays.
    pub fn retained_note(&self) -> String {
        format!(
            "OnDelete is Retain: {} stays the Macie administrator in every Region: {ENDS}",
            self.administrator
        )
    }

    /// What is said when everything goes.
    pub fn removed_note(&self) -> String {
        format!(
            "former members of {} are standalone accounts now: where Macie is on, it stays on and \
             is billed until the account disables it; trusted access stays",
            self.administrator
        )
    }
}

/// Why a designation is not ended by the way.
const ENDS: &str = "ending it would leave every member a standalone account that keeps Macie on \
                    and keeps paying; to end it: `aws macie2 disable-organization-admin-account \
                    --admin-account-id ACCOUNT --region REGION`";

/// When a move is rolled back, the properties before it come as the new ones, and those of the move
/// as the old ones: the account that was moved from gets the designation back.
fn move_back(request: &Request, administrator: &AccountId) -> Option<AccountId> {
    let old = Properties::new(&request.old_resource_properties, &NAMES).ok()?;
    let moved_from = old.optional_account("MoveFrom").ok()??;
    let moved_to = old.account("AdministratorAccountId").ok()?;
    (moved_from == *administrator && moved_to != *administrator).then_some(moved_to)
}

fn old_regions(request: &Request) -> Vec<Region> {
    Properties::new(&request.old_resource_properties, &NAMES)
        .and_then(|old| old.regions())
        .unwrap_or_default()
}
