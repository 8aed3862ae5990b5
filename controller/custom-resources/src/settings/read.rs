//! Reading Macie of the administrator in one Region.

use aws_sdk_macie2::{
    Client,
    types::{AutomatedDiscoveryStatus, MacieStatus, S3Destination, SecurityHubConfiguration},
};
use controller::aws::trouble;
use controller_core::observed::{ErrorClass, Trouble};

use super::{
    decide::{Current, Observed},
    wanted::{Destination, Publication},
};

/// What is there. A Macie that is off or suspended is not asked for more.
pub async fn observe(macie: &Client) -> Result<Observed, Trouble> {
    let session = macie.get_macie_session().send().await;
    let session = match session.map_err(|error| trouble("macie2:GetMacieSession", &error)) {
        Ok(session) => session,
        Err(trouble) if trouble.class == ErrorClass::NotEnabled => return Ok(Observed::Off),
        Err(trouble) => return Err(trouble),
    };
    if session.status == Some(MacieStatus::Paused) {
        return Ok(Observed::Paused);
    }
    let (auto_enable, discovery, destination, publication) = futures::try_join!(
        auto_enable(macie),
        discovery(macie),
        destination(macie),
        publication(macie)
    )?;
    Ok(Observed::On(Current {
        frequency: session.finding_publishing_frequency,
        auto_enable,
        discovery,
        destination,
        publication,
    }))
}

async fn auto_enable(macie: &Client) -> Result<bool, Trouble> {
    let operation = "macie2:DescribeOrganizationConfiguration";
    let reply = macie.describe_organization_configuration().send().await;
    let reply = reply.map_err(|error| not_administrator(trouble(operation, &error)))?;
    Ok(reply.auto_enable.unwrap_or_default())
}

/// Everybody but the administrator is denied this.
fn not_administrator(mut trouble: Trouble) -> Trouble {
    if trouble.class == ErrorClass::Denied {
        trouble.message.push_str(
            "; fix: check that this account is the delegated Macie administrator in this Region \
             (the stack of the management account makes it so)",
        );
    }
    trouble
}

async fn discovery(macie: &Client) -> Result<bool, Trouble> {
    let operation = "macie2:GetAutomatedDiscoveryConfiguration";
    let reply = macie.get_automated_discovery_configuration().send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    Ok(reply.status != Some(AutomatedDiscoveryStatus::Disabled))
}

async fn destination(macie: &Client) -> Result<Option<Destination>, Trouble> {
    let operation = "macie2:GetClassificationExportConfiguration";
    let reply = macie.get_classification_export_configuration().send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    let given = reply
        .configuration
        .and_then(|configuration| configuration.s3_destination);
    Ok(given.map(|given: S3Destination| Destination {
        bucket: given.bucket_name.unwrap_or_default(),
        owner: given.expected_bucket_owner,
        prefix: given.key_prefix.filter(|prefix| !prefix.is_empty()),
        key: given.kms_key_arn.unwrap_or_default(),
    }))
}

async fn publication(macie: &Client) -> Result<Option<Publication>, Trouble> {
    let operation = "macie2:GetFindingsPublicationConfiguration";
    let reply = macie.get_findings_publication_configuration().send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    let given = reply.security_hub_configuration;
    Ok(given.map(|given: SecurityHubConfiguration| Publication {
        policy: given.publish_policy_findings.unwrap_or_default(),
        classification: given.publish_classification_findings.unwrap_or_default(),
    }))
}
