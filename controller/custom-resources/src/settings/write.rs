//! Writing one setting of Macie of the administrator in one Region.

use aws_sdk_macie2::{
    Client,
    types::{
        AutoEnableMode, AutomatedDiscoveryStatus, ClassificationExportConfiguration, MacieStatus,
        S3Destination, SecurityHubConfiguration,
    },
};
use controller::aws::trouble;
use controller_core::observed::Trouble;

use super::{
    decide::Write,
    wanted::{Destination, Publication, Wanted},
};

/// Carries out a write.
pub async fn carry_out(macie: &Client, wanted: &Wanted, write: Write) -> Result<(), Trouble> {
    match write {
        Write::Enable => enable(macie, wanted).await,
        Write::Resume | Write::Frequency => update(macie, wanted).await,
        Write::AutoEnableOff => auto_enable_off(macie).await,
        Write::DiscoveryOff => discovery_off(macie).await,
        Write::Destination => put_destination(macie, &wanted.destination).await,
        Write::Publication => put_publication(macie, wanted.publication).await,
    }
}

async fn enable(macie: &Client, wanted: &Wanted) -> Result<(), Trouble> {
    let call = macie.enable_macie().status(MacieStatus::Enabled);
    let call = call.finding_publishing_frequency(wanted.frequency.clone());
    let sent = call.send().await;
    sent.map(drop)
        .map_err(|error| trouble("macie2:EnableMacie", &error))
}

async fn update(macie: &Client, wanted: &Wanted) -> Result<(), Trouble> {
    let call = macie.update_macie_session().status(MacieStatus::Enabled);
    let call = call.finding_publishing_frequency(wanted.frequency.clone());
    let sent = call.send().await;
    sent.map(drop)
        .map_err(|error| trouble("macie2:UpdateMacieSession", &error))
}

async fn auto_enable_off(macie: &Client) -> Result<(), Trouble> {
    let sent = macie
        .update_organization_configuration()
        .auto_enable(false)
        .send()
        .await;
    let operation = "macie2:UpdateOrganizationConfiguration";
    sent.map(drop).map_err(|error| trouble(operation, &error))
}

/// Off for the administrator is off for every member; nobody is turned on by itself later.
async fn discovery_off(macie: &Client) -> Result<(), Trouble> {
    let call = macie.update_automated_discovery_configuration();
    let call = call.status(AutomatedDiscoveryStatus::Disabled);
    let sent = call
        .auto_enable_organization_members(AutoEnableMode::None)
        .send()
        .await;
    let operation = "macie2:UpdateAutomatedDiscoveryConfiguration";
    sent.map(drop).map_err(|error| trouble(operation, &error))
}

async fn put_destination(macie: &Client, wanted: &Destination) -> Result<(), Trouble> {
    let destination = S3Destination::builder()
        .bucket_name(&wanted.bucket)
        .set_expected_bucket_owner(wanted.owner.clone())
        .set_key_prefix(wanted.prefix.clone())
        .kms_key_arn(&wanted.key)
        .build();
    let configuration = ClassificationExportConfiguration::builder()
        .s3_destination(destination)
        .build();
    let call = macie.put_classification_export_configuration();
    let sent = call.configuration(configuration).send().await;
    let operation = "macie2:PutClassificationExportConfiguration";
    sent.map(drop).map_err(|error| trouble(operation, &error))
}

async fn put_publication(macie: &Client, wanted: Publication) -> Result<(), Trouble> {
    let configuration = SecurityHubConfiguration::builder()
        .publish_policy_findings(wanted.policy)
        .publish_classification_findings(wanted.classification)
        .build();
    let call = macie.put_findings_publication_configuration();
    let sent = call.security_hub_configuration(configuration).send().await;
    let operation = "macie2:PutFindingsPublicationConfiguration";
    sent.map(drop).map_err(|error| trouble(operation, &error))
}
