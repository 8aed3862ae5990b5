//! The organization: accounts close and open again, Regions are turned off and on, the policy
//! changes.

use controller_core::policy::Policy;
use local_aws::{
    organization::{ADMINISTRATOR, POLICY_PARAMETER, workload},
    ssm,
};
use serde_json::{Value, json};

use super::Actors;
use crate::{EU, US, setup::merge};

impl Actors {
    pub(super) fn organization(&mut self) {
        let account = workload(1 + self.dice.below(self.sim.setting.workloads));
        let closes = self.dice.happens(600);
        self.sim.world(|world| {
            let account = world.organizations.accounts.get_mut(&account).unwrap();
            match (
                closes,
                account.state.as_str(),
                account.disabled_regions.is_empty(),
            ) {
                (true, "ACTIVE", _) => account.state = "SUSPENDED".to_owned(),
                (true, ..) => account.state = "ACTIVE".to_owned(),
                (false, _, true) => account.disabled_regions = vec![US.to_owned()],
                (false, _, false) => account.disabled_regions.clear(),
            }
            let what = (&account.state, &account.disabled_regions);
            self.sim
                .note("organization", format_args!("{} is {what:?}", account.id));
        });
        self.sim
            .count("accounts closed, opened or without a Region");
    }

    /// Every account is open and has every Region again.
    pub fn open_accounts(&self) {
        self.sim.world(|world| {
            for account in world.organizations.accounts.values_mut() {
                account.state = "ACTIVE".to_owned();
                account.disabled_regions.clear();
            }
        });
    }

    pub(super) fn change_policy(&mut self) {
        let account = workload(1 + self.dice.below(self.sim.setting.workloads));
        let lists = json!({ "accounts": { "mandatory": [], "excluded": [], "adopted": [] } });
        let sampling = |percent| json!({ "jobs": { "samplingPercentage": percent } });
        let listed = |list: &str| json!({ "accounts": { (list): [account] } });
        let over: Value = match self.dice.below(8) {
            0 => listed("mandatory"),
            1 => listed("excluded"),
            2 => listed("adopted"),
            3 => sampling(50),
            4 => sampling(100),
            5 => json!({ "gracePeriod": self.dice.pick(&["PT0S", "PT2H", "PT24H"]) }),
            _ => lists.clone(),
        };
        // One list at a time: an account in two that contradict each other is no policy.
        if over.get("accounts").is_some() {
            merge(&mut self.policy, lists);
        }
        merge(&mut self.policy, over.clone());
        let text = self.policy.to_string();
        self.sim.world(|world| {
            ssm::put_parameter(world, ADMINISTRATOR, EU, POLICY_PARAMETER, &text);
        });
        let policy = Policy::parse(&text).unwrap();
        self.sim.monitor().policy_changes(policy);
        self.sim.note("organization", format_args!("policy {over}"));
        self.sim.count("policies changed");
    }
}
