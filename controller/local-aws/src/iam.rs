//! Roles, sessions and access keys: how accounts are told apart.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{error::ApiError, request::Caller};

/// Roles of every account and the sessions that were opened on them.
#[derive(Debug, Clone, Default)]
pub struct Iam {
    /// Roles by (account, name).
    pub roles: BTreeMap<(String, String), Role>,
    /// Sessions by access key id.
    pub sessions: BTreeMap<String, Session>,
}

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Principals that may assume it: account ids or ARNs of users, roles.
    pub trusts: Vec<String>,
    /// IAM actions it allows, on every resource; `*` at the end matches any rest.
    pub allows: Vec<String>,
}

/// Temporary credentials.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who it is.
    pub caller: Caller,
    /// Until when.
    pub expires: Timestamp,
}

/// The long-lived access key id of an account's `admin` user: `AKIA0000` and the 12 digits. The
/// digits alone do as well.
pub fn access_key(account: &str) -> String {
    format!("AKIA0000{account}")
}

/// The secret of every access key; signatures are not verified.
pub const SECRET: &str = "local-secret-not-verified-anywhere-00000";

impl Iam {
    /// Creates or replaces a role.
    pub fn put_role(&mut self, account: &str, name: &str, role: Role) {
        self.roles
            .insert((account.to_owned(), name.to_owned()), role);
    }

    /// The caller behind an access key.
    pub fn caller(
        &self,
        access_key: &str,
        known: impl Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<Caller, ApiError> {
        // The bare account id is what other engines take for an access key id: one key fits all.
        let account = access_key.strip_prefix("AKIA0000").unwrap_or(access_key);
        if known(account) {
            return Ok(Caller {
                account: account.to_owned(),
                arn: format!("arn:aws:iam::{account}:user/admin"),
                role: None,
            });
        }
        match self.sessions.get(access_key) {
            Some(session) if session.expires > now => Ok(session.caller.clone()),
            Some(_) => Err(ApiError::new(
                "ExpiredTokenException",
                403,
                "The security token included in the request is expired",
            )),
            None => Err(ApiError::new(
                "UnrecognizedClientException",
                403,
                "The security token included in the request is invalid.",
            )),
        }
    }

    /// Whether the caller's role allows the action; an account's own keys allow everything, and
    /// `sts:GetCallerIdentity` needs no permission at all.
    pub fn allows(&self, caller: &Caller, action: &str) -> bool {
        if action == "sts:GetCallerIdentity" {
            return true;
        }
        let Some(role) = &caller.role else {
            return true;
        };
        self.roles
            .get(&(caller.account.clone(), role.clone()))
            .is_some_and(|role| role.allows.iter().any(|pattern| matches(pattern, action)))
    }
}

fn matches(pattern: &str, action: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => action.starts_with(prefix),
        None => pattern == action,
    }
}
