//! The designation in one Region: read, decide, write, and read again.

use aws_sdk_macie2::types::AdminStatus;
use controller::aws::trouble;
use controller_core::{id::Region, observed::Trouble};

use super::{
    decide::{self, Admin, Step},
    wanted::Wanted,
};
use crate::{
    frame::Work,
    pace::{self, End},
};

type Look<T> = Result<pace::Step<T>, Trouble>;

/// A designation to be made or ended.
#[derive(Debug, Clone, Copy)]
pub struct Designation<'a> {
    /// With what.
    pub work: &'a Work<'a>,
    /// Which.
    pub wanted: &'a Wanted,
}

impl Designation<'_> {
    /// Who is the administrator.
    pub async fn read(&self, region: Region) -> End<Vec<Admin>> {
        let look = || async { self.list(&region).await.map(pace::Step::Done) };
        self.work.pace.settle(region.as_str(), look).await
    }

    /// Until nobody else is the administrator.
    pub async fn clear(&self, region: Region) -> End<&'static str> {
        let look = || async {
            match self.wanted.step(&self.list(&region).await?) {
                Step::Nothing | Step::Enable => Ok(pace::Step::Done("cleared")),
                step => self.take(&region, step).await,
            }
        };
        self.work.pace.settle(region.as_str(), look).await
    }

    /// Until ours is the administrator.
    pub async fn enable(&self, region: Region) -> End<&'static str> {
        let look = || async {
            match self.wanted.step(&self.list(&region).await?) {
                Step::Nothing => Ok(pace::Step::Done("designated")),
                step => self.take(&region, step).await,
            }
        };
        self.work.pace.settle(region.as_str(), look).await
    }

    /// Until ours is not the administrator.
    pub async fn remove(&self, region: Region) -> End<&'static str> {
        let ours = &self.wanted.administrator;
        let look = || async {
            match decide::remove(ours, &self.list(&region).await?) {
                Step::Nothing => Ok(pace::Step::Done("removed")),
                step => self.take(&region, step).await,
            }
        };
        self.work.pace.settle(region.as_str(), look).await
    }

    async fn take(&self, region: &Region, step: Step) -> Look<&'static str> {
        let macie = self.work.aws.macie(region);
        match step {
            Step::Nothing | Step::Wait => return Ok(pace::Step::Wait),
            Step::Enable => {
                let call = macie.enable_organization_admin_account();
                let sent = call.admin_account_id(self.wanted.administrator.as_str());
                let operation = "macie2:EnableOrganizationAdminAccount";
                sent.send()
                    .await
                    .map_err(|error| trouble(operation, &error))?;
            }
            Step::Disable(account) => {
                let call = macie.disable_organization_admin_account();
                let operation = "macie2:DisableOrganizationAdminAccount";
                let sent = call.admin_account_id(account).send().await;
                sent.map_err(|error| trouble(operation, &error))?;
            }
            Step::Refuse(account) => return Err(taken(&account)),
        }
        Ok(pace::Step::Wrote)
    }

    async fn list(&self, region: &Region) -> Result<Vec<Admin>, Trouble> {
        let macie = self.work.aws.macie(region);
        let mut pages = macie
            .list_organization_admin_accounts()
            .into_paginator()
            .items()
            .send();
        let mut admins = Vec::new();
        while let Some(admin) = pages.next().await {
            let operation = "macie2:ListOrganizationAdminAccounts";
            let admin = admin.map_err(|error| trouble(operation, &error))?;
            admins.push(Admin {
                account: admin.account_id.unwrap_or_default(),
                leaving: admin.status == Some(AdminStatus::DisablingInProgress),
            });
        }
        Ok(admins)
    }
}

/// Somebody designated another account since all Regions were read.
fn taken(account: &str) -> Trouble {
    Trouble {
        operation: "macie2:ListOrganizationAdminAccounts",
        class: controller_core::observed::ErrorClass::Other,
        message: format!("`{account}` is the Macie administrator; it is left alone"),
    }
}
