//! The administrator's settings that would make accounts pay unasked: asserted on every sweep.
//! `Custom::MacieAdministratorSettings` sets them, and the others, when the stack is deployed.

use aws_sdk_macie2::types::{AutoEnableMode, AutomatedDiscoveryStatus};
use controller_core::{
    id::Region,
    observed::{ErrorClass, Trouble},
};

use crate::aws::{Aws, trouble};

/// Turns off whatever enrols or scans accounts by itself. Both settings are looked at, whatever
/// becomes of the other. Where Macie is off nothing can cost.
pub async fn assert_off(aws: &Aws, region: &Region) -> Result<(), Trouble> {
    let macie = aws.macie(region);
    let outcomes = futures::join!(auto_enable(&macie, region), discovery(&macie, region));
    match outcomes.0.and(outcomes.1) {
        Err(trouble) if trouble.class == ErrorClass::NotEnabled => Ok(()),
        outcome => outcome,
    }
}

/// Accounts that join the organization would become members by themselves.
async fn auto_enable(macie: &aws_sdk_macie2::Client, region: &Region) -> Result<(), Trouble> {
    let operation = "macie2:DescribeOrganizationConfiguration";
    let reply = macie.describe_organization_configuration().send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    if reply.auto_enable != Some(true) {
        return Ok(());
    }
    tracing::warn!(%region, setting = "autoEnable", "turned off");
    let written = macie.update_organization_configuration().auto_enable(false);
    let written = written.send().await;
    written
        .map(drop)
        .map_err(|error| trouble("macie2:UpdateOrganizationConfiguration", &error))
}

/// Automated discovery samples and charges every bucket of every member.
async fn discovery(macie: &aws_sdk_macie2::Client, region: &Region) -> Result<(), Trouble> {
    let operation = "macie2:GetAutomatedDiscoveryConfiguration";
    let reply = macie.get_automated_discovery_configuration().send().await;
    let reply = reply.map_err(|error| trouble(operation, &error))?;
    if reply.status == Some(AutomatedDiscoveryStatus::Disabled) {
        return Ok(());
    }
    tracing::warn!(%region, setting = "automated discovery", "turned off");
    let written = macie
        .update_automated_discovery_configuration()
        .status(AutomatedDiscoveryStatus::Disabled)
        .auto_enable_organization_members(AutoEnableMode::None);
    let written = written.send().await;
    written
        .map(drop)
        .map_err(|error| trouble("macie2:UpdateAutomatedDiscoveryConfiguration", &error))
}
