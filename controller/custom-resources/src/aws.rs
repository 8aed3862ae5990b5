//! Clients, and what both resources read: who the function is, and which Regions it may use.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use aws_config::{Region as SdkRegion, SdkConfig};
use aws_sdk_account::types::RegionOptStatus;
use aws_sdk_lambda::types::InvocationType;
use controller::aws::trouble;
use controller_core::{
    id::{AccountId, Region},
    observed::Trouble,
};
use serde_json::Value;

/// Clients of the services that are called.
#[derive(Debug)]
pub struct Aws {
    base: SdkConfig,
    /// AWS Organizations.
    pub organizations: aws_sdk_organizations::Client,
    account: aws_sdk_account::Client,
    lambda: aws_sdk_lambda::Client,
    macie: Mutex<BTreeMap<Region, aws_sdk_macie2::Client>>,
}

impl Aws {
    /// Clients from a base configuration, whose Region is the function's.
    pub fn new(base: SdkConfig) -> Self {
        Self {
            organizations: aws_sdk_organizations::Client::new(&base),
            account: aws_sdk_account::Client::new(&base),
            lambda: aws_sdk_lambda::Client::new(&base),
            base,
            macie: Mutex::default(),
        }
    }

    /// Macie in a Region.
    pub fn macie(&self, region: &Region) -> aws_sdk_macie2::Client {
        let mut clients = self.macie.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let region = SdkRegion::new(region.as_str().to_owned());
            aws_sdk_macie2::Client::new(&self.base.clone().into_builder().region(region).build())
        };
        clients.entry(region.clone()).or_insert_with(make).clone()
    }

    /// Every Region that AWS knows, and whether the caller's account may use it.
    pub async fn regions(&self) -> Result<BTreeMap<String, bool>, Trouble> {
        let mut pages = self.account.list_regions().into_paginator().items().send();
        let mut regions = BTreeMap::new();
        while let Some(region) = pages.next().await {
            let region = region.map_err(|error| trouble("account:ListRegions", &error))?;
            let enabled = matches!(
                region.region_opt_status,
                Some(RegionOptStatus::Enabled | RegionOptStatus::EnabledByDefault)
            );
            regions.insert(region.region_name.unwrap_or_default(), enabled);
        }
        Ok(regions)
    }

    /// Invokes a function without waiting for what it does.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<(), Trouble> {
        let call = self.lambda.invoke().function_name(function);
        let call = call
            .invocation_type(InvocationType::Event)
            .payload(payload.to_string().into_bytes().into());
        let sent = call.send().await;
        sent.map(|_| ())
            .map_err(|error| trouble("lambda:Invoke", &error))
    }
}

/// The account in a function's ARN.
pub fn account_of(function_arn: &str) -> Option<AccountId> {
    function_arn.split(':').nth(4)?.parse().ok()
}
