//! Sessions of the member role, one per account, kept until shortly before they expire.

use std::{collections::BTreeMap, sync::Arc};

use aws_credential_types::Credentials;
use controller_core::{id::AccountId, observed::Trouble};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::error::trouble;

/// Credentials are replaced this long before they expire.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

type Slot = Arc<Mutex<Option<Session>>>;

#[derive(Debug, Clone)]
struct Session {
    credentials: Credentials,
    expires: Timestamp,
}

/// The sessions that are open.
#[derive(Debug, Default)]
pub struct Sessions {
    slots: Mutex<BTreeMap<AccountId, Slot>>,
}

impl Sessions {
    /// Credentials of the role in the account; concurrent callers share one `AssumeRole`.
    pub async fn open(
        &self,
        sts: &aws_sdk_sts::Client,
        account: &AccountId,
        role_arn: &str,
        now: Timestamp,
    ) -> Result<Credentials, Trouble> {
        let slot = self
            .slots
            .lock()
            .await
            .entry(account.clone())
            .or_default()
            .clone();
        let mut session = slot.lock().await;
        if let Some(open) = session
            .as_ref()
            .filter(|open| open.expires.duration_since(now) > MARGIN)
        {
            return Ok(open.credentials.clone());
        }
        let opened = assume(sts, role_arn).await?;
        let credentials = opened.credentials.clone();
        *session = Some(opened);
        Ok(credentials)
    }
}

async fn assume(sts: &aws_sdk_sts::Client, role_arn: &str) -> Result<Session, Trouble> {
    let operation = "sts:AssumeRole";
    let reply = sts
        .assume_role()
        .role_arn(role_arn)
        .role_session_name("macie-self-service")
        .send()
        .await
        .map_err(|error| trouble(operation, &error))?;
    let incomplete = || Trouble {
        operation,
        class: controller_core::observed::ErrorClass::Other,
        message: format!("the reply for `{role_arn}` has no credentials"),
    };
    let given = reply.credentials.ok_or_else(incomplete)?;
    let expires = Timestamp::from_second(given.expiration.secs()).map_err(|_| incomplete())?;
    let credentials = Credentials::new(
        given.access_key_id,
        given.secret_access_key,
        Some(given.session_token),
        Some(expires.into()),
        "AssumeRole",
    );
    Ok(Session {
        credentials,
        expires,
    })
}
