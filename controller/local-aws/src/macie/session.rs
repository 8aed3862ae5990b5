//! An account's own Macie: on, suspended, off, and its settings.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Scope,
    discovery::Discovery,
    inventory::{self, Refresh},
    jobs,
    members::Relationship,
    wire::{Outcome, conflict, done, input, invalid, not_enabled, set},
};
use crate::{
    error::ApiError,
    request::{Call, Reply},
    world::World,
};

/// Macie in an account and Region.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whether Macie works or is suspended.
    pub status: Status,
    /// How often changes of policy findings are published.
    pub finding_publishing_frequency: Frequency,
    /// When Macie was enabled.
    pub created_at: Timestamp,
    /// When the status or a setting last changed.
    pub updated_at: Timestamp,
    /// Automated sensitive data discovery.
    pub discovery: Discovery,
    /// Where results are stored, as given.
    pub export: Option<ExportConfiguration>,
    /// Which findings go to Security Hub.
    pub publication: Publication,
    pub(super) refresh: Refresh,
}

/// Whether Macie works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    /// It works.
    Enabled,
    /// It is suspended: nothing is monitored, scanned or charged.
    Paused,
}

/// How often changes of policy findings are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Frequency {
    /// The default.
    FifteenMinutes,
    /// Every hour.
    OneHour,
    /// Every six hours.
    SixHours,
}

/// Where results are stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportConfiguration {
    s3_destination: S3Destination,
}

/// A bucket for results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct S3Destination {
    bucket_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_bucket_owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_prefix: Option<String>,
    kms_key_arn: String,
}

/// Which findings go to Security Hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Publication {
    /// Policy findings.
    pub publish_policy_findings: bool,
    /// Sensitive data findings.
    pub publish_classification_findings: bool,
}

/// What AWS documents as the defaults.
impl Default for Publication {
    fn default() -> Self {
        Self {
            publish_policy_findings: true,
            publish_classification_findings: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutPublication {
    security_hub_configuration: Option<Publication>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    status: Option<Status>,
    finding_publishing_frequency: Option<Frequency>,
}

#[derive(Deserialize)]
struct PutExport {
    configuration: ExportConfiguration,
}

pub(super) fn perform(world: &mut World, call: &Call, operation: &str) -> Outcome {
    let scope = Scope::of(call);
    match operation {
        "EnableMacie" => enable_macie(world, call, &scope),
        "GetMacieSession" => get(world, &scope),
        "UpdateMacieSession" => update(world, call, &scope),
        "DisableMacie" => disable(world, &scope),
        "GetAdministratorAccount" => administrator(world, &scope),
        "GetClassificationExportConfiguration" => export(world, &scope),
        "PutClassificationExportConfiguration" => put_export(world, call, &scope),
        "GetFindingsPublicationConfiguration" => publication(world, &scope),
        _ => put_publication(world, call, &scope),
    }
}

/// Enables Macie for an account in a Region; nothing happens when it is already enabled or
/// suspended.
pub fn enable(world: &mut World, region: &str, account: &str) {
    let now = world.now();
    begin(world, &Scope::new(region, account), now);
}

/// Enables Macie for an account at a time, unless it is already enabled or suspended.
pub(super) fn begin(world: &mut World, scope: &Scope, at: Timestamp) {
    if world.macie.sessions.contains_key(scope) {
        return;
    }
    let session = Session {
        status: Status::Enabled,
        finding_publishing_frequency: Frequency::FifteenMinutes,
        created_at: at,
        updated_at: at,
        discovery: Discovery::default(),
        export: None,
        publication: Publication::default(),
        refresh: Refresh::at(at),
    };
    world.macie.sessions.insert(scope.clone(), session);
    set_status(world, scope, Status::Enabled, at);
}

/// Suspends or resumes an account at a time.
pub(super) fn set_status(world: &mut World, scope: &Scope, status: Status, at: Timestamp) {
    let Some(session) = world.macie.sessions.get_mut(scope) else {
        return;
    };
    session.status = status;
    session.updated_at = at;
    let ledger = world.macie.ledgers.entry(scope.clone()).or_default();
    match status {
        Status::Enabled => {
            ledger.open(at);
            inventory::fill(world, scope, at);
        }
        Status::Paused => ledger.close(at),
    }
}

/// The session of the caller; Macie may be suspended.
pub(super) fn required<'w>(world: &'w World, scope: &Scope) -> Result<&'w Session, ApiError> {
    world.macie.sessions.get(scope).ok_or_else(not_enabled)
}

fn required_mut<'w>(world: &'w mut World, scope: &Scope) -> Result<&'w mut Session, ApiError> {
    world.macie.sessions.get_mut(scope).ok_or_else(not_enabled)
}

fn enable_macie(world: &mut World, call: &Call, scope: &Scope) -> Outcome {
    let settings: Settings = input(call)?;
    if world.macie.sessions.contains_key(scope) {
        return Err(conflict("Macie has already been enabled"));
    }
    let now = world.now();
    begin(world, scope, now);
    if settings.status == Some(Status::Paused) {
        set_status(world, scope, Status::Paused, now);
    }
    set_frequency(world, scope, &settings, now);
    Ok(done())
}

fn set_frequency(world: &mut World, scope: &Scope, settings: &Settings, now: Timestamp) {
    let session = world.macie.sessions.get_mut(scope);
    if let (Some(session), Some(frequency)) = (session, settings.finding_publishing_frequency) {
        session.finding_publishing_frequency = frequency;
        session.updated_at = now;
    }
}

fn get(world: &World, scope: &Scope) -> Outcome {
    let session = required(world, scope)?;
    Ok(Reply::json(json!({
        "createdAt": session.created_at.to_string(),
        "findingPublishingFrequency": session.finding_publishing_frequency,
        "serviceRole": format!(
            "arn:aws:iam::{}:role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie",
            scope.account
        ),
        "status": session.status,
        "updatedAt": session.updated_at.to_string(),
    })))
}

fn update(world: &mut World, call: &Call, scope: &Scope) -> Outcome {
    let settings: Settings = input(call)?;
    let current = required(world, scope)?.status;
    let now = world.now();
    if let Some(status) = settings.status.filter(|status| *status != current) {
        check_independent(world, scope)?;
        set_status(world, scope, status, now);
        if status == Status::Paused {
            jobs::cancel_all_of(world, scope);
        }
    }
    set_frequency(world, scope, &settings, now);
    Ok(done())
}

fn disable(world: &mut World, scope: &Scope) -> Outcome {
    required(world, scope)?;
    check_independent(world, scope)?;
    let now = world.now();
    set_status(world, scope, Status::Paused, now);
    world.macie.sessions.remove(scope);
    world.macie.jobs.retain(|job| job.scope != *scope);
    Ok(done())
}

/// A member cannot change its own status, nor an administrator that has members. AWS documents
/// the rule; the code and the wording are those that Terraform's provider waits for.
fn check_independent(world: &World, scope: &Scope) -> Result<(), ApiError> {
    let associated = |member: &super::Member| member.status != Relationship::Removed;
    if world
        .macie
        .member(&scope.region, &scope.account)
        .is_some_and(associated)
    {
        return Err(conflict(
            "Cannot disable Macie while associated with an administrator account",
        ));
    }
    let administers = world.macie.administrator(&scope.region) == Some(scope.account.as_str());
    if administers
        && world
            .macie
            .members(&scope.region)
            .any(|(_, member)| associated(member))
    {
        return Err(conflict(
            "Cannot disable Macie while member accounts are associated with your account",
        ));
    }
    Ok(())
}

fn administrator(world: &World, scope: &Scope) -> Outcome {
    required(world, scope)?;
    let relationship = Relationship::of(world, &scope.region, &scope.account)
        .filter(|relationship| *relationship != Relationship::Removed);
    let administrator = world.macie.administrator(&scope.region);
    let mut document = json!({});
    if let (Some(relationship), Some(administrator)) = (relationship, administrator) {
        document = json!({"administrator": {
            "accountId": administrator,
            "relationshipStatus": relationship,
        }});
    }
    Ok(Reply::json(document))
}

fn export(world: &World, scope: &Scope) -> Outcome {
    let session = required(world, scope)?;
    let mut document = json!({});
    set(
        &mut document,
        "configuration",
        session.export.as_ref().map(|export| json!(export)),
    );
    Ok(Reply::json(document))
}

fn put_export(world: &mut World, call: &Call, scope: &Scope) -> Outcome {
    required(world, scope)?;
    let PutExport { configuration } = input(call)?;
    check_destination(world, &configuration.s3_destination)?;
    let reply: Value = json!({ "configuration": configuration });
    required_mut(world, scope)?.export = Some(configuration);
    Ok(Reply::json(reply))
}

fn publication(world: &World, scope: &Scope) -> Outcome {
    let publication = required(world, scope)?.publication;
    Ok(Reply::json(
        json!({ "securityHubConfiguration": publication }),
    ))
}

fn put_publication(world: &mut World, call: &Call, scope: &Scope) -> Outcome {
    required(world, scope)?;
    let given: PutPublication = input(call)?;
    if let Some(publication) = given.security_hub_configuration {
        required_mut(world, scope)?.publication = publication;
    }
    Ok(done())
}

/// Sets where results are stored, as `PutClassificationExportConfiguration` does.
pub fn set_export(
    world: &mut World,
    region: &str,
    account: &str,
    bucket: &str,
    key_arn: &str,
) -> Result<(), ApiError> {
    let s3_destination = S3Destination {
        bucket_name: bucket.to_owned(),
        expected_bucket_owner: None,
        key_prefix: None,
        kms_key_arn: key_arn.to_owned(),
    };
    check_destination(world, &s3_destination)?;
    let session = required_mut(world, &Scope::new(region, account))?;
    session.export = Some(ExportConfiguration { s3_destination });
    Ok(())
}

fn check_destination(world: &World, destination: &S3Destination) -> Result<(), ApiError> {
    let name = &destination.bucket_name;
    let Some(bucket) = world.s3.buckets.get(name) else {
        return Err(invalid(format!(
            "`bucketName` is `{name}`: there is no such bucket"
        )));
    };
    if let Some(owner) = destination
        .expected_bucket_owner
        .as_ref()
        .filter(|id| **id != bucket.account)
    {
        return Err(invalid(format!(
            "`expectedBucketOwner` is `{owner}`: `{name}` belongs to another account"
        )));
    }
    let key = &destination.kms_key_arn;
    let right_region = key.split(':').nth(3) == Some(bucket.region.as_str());
    if !key.contains(":kms:") || !right_region {
        return Err(invalid(format!(
            "`kmsKeyArn` is `{key}`: expected the ARN of a KMS key in {}, the bucket's Region",
            bucket.region
        )));
    }
    Ok(())
}
