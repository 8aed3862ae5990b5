//! What an uninstallation does, decided without AWS; the executor makes no choices.

use aws_sdk_macie2::types::RelationshipStatus;
use controller_core::{
    id::{AccountId, Region},
    observed::{ErrorClass, Trouble},
    policy::Ownership,
};
use serde::Serialize;

use crate::{
    args::Members,
    commands::listed::{ListedJob, ListedMember},
};

/// What the administrator has in a Region.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The Region.
    pub region: Region,
    /// Its jobs, those of others included.
    pub jobs: Vec<ListedJob>,
    /// Its members, those of others included.
    pub members: Vec<ListedMember>,
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "action")]
pub enum Step {
    /// A live job of the controller is cancelled, for good.
    CancelJob {
        /// For which account it was made.
        account: AccountId,
        /// Where.
        region: Region,
        /// Its id.
        job: String,
        /// Its name.
        name: String,
    },
    /// Macie is suspended for a member of the controller.
    SuspendMember {
        /// The member.
        account: AccountId,
        /// Where.
        region: Region,
    },
}

impl Step {
    /// Where.
    pub fn region(&self) -> &Region {
        match self {
            Self::CancelJob { region, .. } | Self::SuspendMember { region, .. } => region,
        }
    }

    /// One sentence.
    pub fn summary(&self) -> String {
        match self {
            Self::CancelJob { account, name, .. } => format!("cancel the job {name} for {account}"),
            Self::SuspendMember { account, .. } => format!("suspend Macie for {account}"),
        }
    }
}

/// What is to be done in a Region: jobs first, for a job of a suspended member runs into nothing.
pub fn decide(ownership: &Ownership, members: Members, seen: &Seen) -> Vec<Step> {
    let region = &seen.region;
    let jobs = seen.jobs.iter().filter(|job| job.is_live);
    let cancel = jobs.filter_map(|job| {
        Some(Step::CancelJob {
            account: job.owner()?,
            region: region.clone(),
            job: job.id.clone(),
            name: job.name.clone(),
        })
    });
    let on = |member: &&ListedMember| member.status == RelationshipStatus::Enabled;
    let owned = seen
        .members
        .iter()
        .filter(|member| member.is_owned(ownership));
    let suspend = owned
        .filter(on)
        .filter(|_| members == Members::Suspend)
        .map(|member| Step::SuspendMember {
            account: member.account.clone(),
            region: region.clone(),
        });
    cancel.chain(suspend).collect()
}

/// Whether the controller is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Controller {
    /// It is not there, or has no execution.
    Stopped,
    /// It would create its jobs again.
    Running,
    /// Lambda does not tell.
    Unknown(Trouble),
}

/// What the reserved executions of the controller's function mean, and what a person says.
pub fn controller(reserved: Result<Option<i32>, Trouble>, said_stopped: bool) -> Controller {
    match reserved {
        Ok(Some(0)) => Controller::Stopped,
        Ok(_) => Controller::Running,
        Err(trouble) if trouble.class == ErrorClass::NotFound => Controller::Stopped,
        Err(_) if said_stopped => Controller::Stopped,
        Err(trouble) => Controller::Unknown(trouble),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const ACCOUNT: &str = "300000000001";

    fn ownership() -> Ownership {
        let [key, value] = ["managed-by", "macie-self-service"].map(str::to_owned);
        Ownership { key, value }
    }

    fn job(name: &str, is_live: bool) -> ListedJob {
        ListedJob {
            id: format!("id of {name}"),
            name: name.to_owned(),
            is_live,
            accounts: None,
        }
    }

    fn member(status: RelationshipStatus, owner: &str) -> ListedMember {
        ListedMember {
            account: ACCOUNT.parse().unwrap(),
            status,
            tags: [("managed-by".to_owned(), owner.to_owned())].into(),
            updated_at: None,
        }
    }

    fn steps(members: Members, jobs: Vec<ListedJob>, listed: Vec<ListedMember>) -> Vec<String> {
        let seen = Seen {
            region: "eu-west-1".parse().unwrap(),
            jobs,
            members: listed,
        };
        let steps = decide(&ownership(), members, &seen).into_iter();
        steps
            .map(|step| match step {
                Step::CancelJob { name, .. } => format!("cancel {name}"),
                Step::SuspendMember { account, .. } => format!("suspend {account}"),
            })
            .collect()
    }

    #[test]
    fn only_live_jobs_with_the_controllers_names_are_cancelled() {
        let own = [
            "macie-self-service/300000000001/daily/0123456789ab",
            "macie-self-service/300000000001/baseline/0123456789ab",
            "macie-self-service/300000000002/catch-up/2026-03-02T10:00:00Z",
        ];
        for name in own {
            let live = steps(Members::Keep, vec![job(name, true)], vec![]);
            assert_eq!(live, [format!("cancel {name}")]);
            assert!(steps(Members::Keep, vec![job(name, false)], vec![]).is_empty());
        }
        let foreign = [
            "",
            "quarterly scan",
            "macie-self-service",
            "macie-self-service/300000000001/weekly/0123456789ab",
            "macie-self-service/3000/daily/0123456789ab",
            "macie-self-service/300000000001/catch-up/yesterday",
            "my macie-self-service/300000000001/daily/0123456789ab",
        ];
        for name in foreign {
            let steps = steps(Members::Suspend, vec![job(name, true)], vec![]);
            assert!(steps.is_empty(), "{name}: {steps:?}");
        }
    }

    #[test]
    fn only_enabled_members_with_the_ownership_tag_are_suspended_and_only_if_asked() {
        use RelationshipStatus::{Enabled, Paused};
        let cases = [
            (Members::Suspend, Enabled, "macie-self-service", true),
            (Members::Suspend, Paused, "macie-self-service", false),
            (Members::Suspend, Enabled, "somebody", false),
            (Members::Keep, Enabled, "macie-self-service", false),
        ];
        for (members, status, owner, suspended) in cases {
            let steps = steps(members, vec![], vec![member(status.clone(), owner)]);
            let expected: &[&str] = if suspended {
                &["suspend 300000000001"]
            } else {
                &[]
            };
            assert_eq!(steps, expected, "{members:?} {status} {owner}");
        }
    }

    #[test]
    fn a_controller_that_may_run_is_in_the_way() {
        let trouble = |class| Trouble {
            operation: "lambda:GetFunctionConcurrency",
            class,
            message: String::new(),
        };
        let denied = || trouble(ErrorClass::Denied);
        let cases = [
            (Ok(Some(0)), false, Controller::Stopped),
            (Ok(Some(1)), false, Controller::Running),
            (Ok(Some(1)), true, Controller::Running),
            (Ok(None), true, Controller::Running),
            (
                Err(trouble(ErrorClass::NotFound)),
                false,
                Controller::Stopped,
            ),
            (Err(denied()), true, Controller::Stopped),
            (Err(denied()), false, Controller::Unknown(denied())),
        ];
        for (reserved, said, expected) in cases {
            let case = format!("{reserved:?} {said}");
            assert_eq!(controller(reserved, said), expected, "{case}");
        }
    }
}
