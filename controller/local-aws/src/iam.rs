//! Roles, sessions and access keys: how callers are told apart.
//!
//! Access keys are fixed, so that everyone can write them down:
//!
//! | key id | whose |
//! | --- | --- |
//! | `AKIA0000222222222222` | the `admin` user of account 222222222222, who may do everything |
//! | `ASIA222222222222MACIE_SELF_SERVICE_OPERATOR` | a standing session of that account's role `macie-self-service-operator`, which never expires |
//! | `ASIA` and 16 hexadecimal digits | a session that `AssumeRole` opened |

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

/// A role. Resources and conditions of its policies are not looked at here: the judge of
/// permissions simulates them on the recorded requests.
#[derive(Debug, Clone, Default)]
pub struct Role {
    /// Principals that may assume it: account ids, ARNs of users, roles, or services.
    pub trusts: Vec<String>,
    /// Patterns of `aws:PrincipalArn`, of which a principal must match one; none: any principal.
    pub only: Vec<String>,
    /// IAM actions it allows, on every resource; `*` and `?` as in IAM.
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

/// The access key id of a standing session of a role; see the module's table.
pub fn role_key(account: &str, role: &str) -> String {
    let name = role.to_ascii_uppercase().replace('-', "_");
    format!("ASIA{account}{name}")
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
        if let Some(caller) = self.standing(access_key) {
            return Ok(caller);
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

    /// The role whose standing session the key is.
    fn standing(&self, access_key: &str) -> Option<Caller> {
        let account = access_key.strip_prefix("ASIA")?.get(..12)?.to_owned();
        let first = (account.clone(), String::new());
        let roles = self.roles.range(first..);
        let (_, role) = roles
            .map(|(key, _)| key)
            .take_while(|(owner, _)| *owner == account)
            .find(|(_, role)| role_key(&account, role) == access_key)?;
        Some(Caller {
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/standing"),
            role: Some(role.clone()),
            account,
        })
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
            .is_some_and(|role| role.allows(action))
    }
}

impl Role {
    /// Whether its policies allow the action on something.
    pub fn allows(&self, action: &str) -> bool {
        self.allows.iter().any(|pattern| like(pattern, action))
    }

    /// Whether it may be assumed by a caller, whom its trust names as the account, the exact
    /// principal or the role behind a session, and who meets its condition on `aws:PrincipalArn`
    /// (which for a session is the ARN of the role; IAM User Guide, global condition keys).
    pub fn trusts(&self, caller: &Caller) -> bool {
        let (account, principal) = (&caller.account, caller.principal());
        let root = format!("arn:aws:iam::{account}:root");
        let named = self.trusts.iter().any(|trust| {
            trust == account || *trust == root || *trust == caller.arn || *trust == principal
        });
        let patterns = &self.only;
        named && (patterns.is_empty() || patterns.iter().any(|arn| arn_like(arn, &principal)))
    }
}

/// IAM's `*` and `?`, over the whole text.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    like_characters(&pattern, &text)
}

fn like_characters(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), None) => like_characters(rest, text),
        (Some(('*', rest)), Some((_, tail))) => {
            like_characters(rest, text) || like_characters(pattern, tail)
        }
        (Some((wanted, rest)), Some((found, tail))) => {
            (*wanted == '?' || wanted == found) && like_characters(rest, tail)
        }
        _ => false,
    }
}

/// `ArnLike`: each of the six parts of an ARN by itself.
pub(crate) fn arn_like(pattern: &str, arn: &str) -> bool {
    let (patterns, parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    patterns.clone().count() == parts.clone().count()
        && patterns
            .zip(parts)
            .all(|(pattern, part)| like(pattern, part))
}
