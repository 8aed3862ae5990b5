//! The organization: accounts close and open again, Regions are turned off and on, the policy
//! changes.

use controller_core::policy::Policy;
use local_aws::{
    organization::{ADMINISTRATOR, MEMBER_ROLE, POLICY_PARAMETER, workload},
    ssm,
};
use serde_json::{Value, json};

use super::Actors;
use crate::{EU, US, setup::merge, simulation::setting::month};

impl Actors {
    pub(super) fn organization(&mut self) {
        let account = workload(1 + self.dice.below(self.sim.setting.workloads));
        match self.dice.below(3) {
            0 => self.close(&account),
            1 => self.take_role(&account),
            _ => self.lock(),
        }
    }

    /// The account's StackSet instance goes, and with it the role that reads its buckets.
    fn take_role(&mut self, account: &str) {
        let key = (account.to_owned(), MEMBER_ROLE.to_owned());
        let role = self.sim.world(|world| world.iam.roles.remove(&key));
        self.sim
            .note("organization", format_args!("{account} loses its role"));
        self.sim.count("roles and buckets locked");
        self.roles.extend(role.map(|role| (key, role)));
    }

    /// The policy of a bucket keeps everybody out.
    fn lock(&mut self) {
        let names: Vec<String> = self
            .sim
            .world(|world| world.s3.buckets.keys().cloned().collect());
        let Some(name) = self.dice.maybe(&names) else {
            return;
        };
        self.sim.world(|world| {
            let bucket = world.s3.buckets.get_mut(&name).unwrap();
            bucket.locked = !bucket.locked;
            let locked = bucket.locked;
            self.sim
                .note("team", format_args!("{name} is locked: {locked}"));
        });
        self.sim.count("roles and buckets locked");
    }

    /// Everything can be read again.
    pub fn unlock(&mut self) {
        let roles = std::mem::take(&mut self.roles);
        self.sim.world(|world| {
            world.iam.roles.extend(roles);
            for bucket in world.s3.buckets.values_mut() {
                bucket.locked = false;
            }
        });
    }

    fn close(&mut self, account: &str) {
        let closes = self.dice.happens(600);
        self.sim.world(|world| {
            let account = world.organizations.accounts.get_mut(account).unwrap();
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

    fn another_budget(&mut self) -> Value {
        let usd = self.dice.pick(&["0.01", "0.1", "1", "10"]);
        let action = self.dice.pick(&["warn", "hold", "pause", "pause"]);
        month(usd, action)
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
        let over = match self.sim.setting.has_budget && self.dice.happens(400) {
            true => self.another_budget(),
            false => over,
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
