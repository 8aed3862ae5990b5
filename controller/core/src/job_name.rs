//! Names of the controller's jobs. The list of jobs shows no tags (Macie API Reference,
//! JobSummary), so a name carries what a later reconcile must know: whose it is, what it is for
//! and what it is made of.
//!
//! `macie-self-service/<account>/daily/<spec>`, `.../baseline/<spec>`, `.../catch-up/<since>`

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    id::{AccountId, BucketName},
    observed::JobKind,
    policy::Policy,
};

/// The first part of every name.
const OWNER: &str = "macie-self-service";
/// What the names of all jobs of the controller begin with.
pub const PREFIX: &str = "macie-self-service/";

/// What the names of all jobs for an account begin with.
pub fn prefix(account: &AccountId) -> String {
    format!("{OWNER}/{account}/")
}

/// A job's name.
pub fn of(account: &AccountId, kind: &JobKind) -> String {
    let prefix = prefix(account);
    match kind {
        JobKind::Daily { spec } => format!("{prefix}daily/{spec}"),
        JobKind::Baseline { spec } => format!("{prefix}baseline/{spec}"),
        JobKind::CatchUp { since } => format!("{prefix}catch-up/{}", whole_second(*since)),
    }
}

/// The account of a job of this name; none for a job of somebody else.
pub fn account(name: &str) -> Option<AccountId> {
    let (account, _) = name.strip_prefix(PREFIX)?.split_once('/')?;
    account.parse().ok()
}

/// The kind of the account's job of this name; none for a job of somebody else.
pub fn kind(account: &AccountId, name: &str) -> Option<JobKind> {
    let (kind, rest) = name.strip_prefix(&prefix(account))?.split_once('/')?;
    let spec = rest.to_owned();
    match kind {
        "daily" => Some(JobKind::Daily { spec }),
        "baseline" => Some(JobKind::Baseline { spec }),
        "catch-up" => Some(JobKind::CatchUp {
            since: rest.parse().ok()?,
        }),
        _ => None,
    }
}

/// Names show whole seconds; rounding down scans a little more, never less.
pub fn whole_second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Hash of everything that a daily job is made of. When the policy changes one of them, the hash
/// differs and the job is replaced, because jobs are immutable (Macie User Guide,
/// discovery-jobs-manage-settings).
pub fn daily_spec(policy: &Policy) -> String {
    let tag = &policy.tag;
    let jobs = &policy.jobs;
    hash([
        format!("{:?}", (&tag.key, &tag.values)),
        format!(
            "{:?}",
            (jobs.sampling_percentage, &jobs.managed_data_identifiers)
        ),
        format!(
            "{:?}",
            (&jobs.custom_data_identifier_ids, &jobs.allow_list_ids)
        ),
    ])
}

/// Hash of a set of buckets.
pub fn buckets_spec<'a>(buckets: impl IntoIterator<Item = &'a BucketName>) -> String {
    hash(buckets.into_iter().map(|bucket| bucket.as_str().to_owned()))
}

fn hash(parts: impl IntoIterator<Item = String>) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update(part.as_bytes());
        sha.update([0]);
    }
    sha.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
