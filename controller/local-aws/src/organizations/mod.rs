//! Organizations: accounts, units, delegated administrators.

use crate::{
    error::ApiError,
    operation::Operation,
    request::{Call, Reply},
    world::World,
};

/// What is implemented.
pub const OPERATIONS: &[Operation] = &[];

/// Carries out an operation.
pub fn perform(_world: &mut World, _call: &Call, operation: &str) -> Result<Reply, ApiError> {
    Err(ApiError::new("UnknownOperationException", 404, operation))
}

use std::collections::BTreeMap;

/// The organization.
#[derive(Debug, Default)]
pub struct State {
    /// `o-` and 10 characters.
    pub id: String,
    /// The management account.
    pub management: String,
    /// Every account by id, closed ones included.
    pub accounts: BTreeMap<String, Account>,
    /// Units by id; the root is `r-` and 4 characters.
    pub units: BTreeMap<String, Unit>,
    /// Delegated administrators: service principal, then account.
    pub delegated: Vec<(String, String)>,
    /// Service principals with trusted access.
    pub trusted_services: Vec<String>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// 12 digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its root user's address.
    pub email: String,
    /// `PENDING_ACTIVATION`, `ACTIVE`, `SUSPENDED`, `PENDING_CLOSURE`, `CLOSED`.
    pub state: String,
    /// The unit or root that holds it.
    pub parent: String,
    /// Regions that are disabled for the account.
    pub disabled_regions: Vec<String>,
}

/// A unit or the root.
#[derive(Debug, Clone)]
pub struct Unit {
    /// `ou-...` or `r-...`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The unit above; none for the root.
    pub parent: Option<String>,
}
