//! How stories begin.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use controller_core::{
    job_name,
    observed::{ENROLLED_AT, Job, JobKind, JobStatus, Member, OPTED_OUT_SINCE, Relationship},
};

use crate::{
    account::Account,
    mind::key,
    system::{State, System},
    world::hours,
};

/// Where a story begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// Nobody enrolled the account.
    Stranger,
    /// Its grace period is over, and a sweep is on its way.
    GraceOver,
    /// It is suspended.
    Suspended,
    /// It was enrolled just now, has no job yet, and two messages ask for them.
    Enrolled,
}

impl System {
    pub fn begin(&self, beginning: Beginning) -> State {
        let mut account = Account {
            now: self.mind.template.now,
            member: None,
            jobs: Vec::new(),
            tokens: Vec::new(),
            last_tags: self.budget.flips == 0,
            tagged: vec![false; self.buckets],
            indexed: vec![false; self.buckets],
        };
        let mut bag = BTreeMap::new();
        match beginning {
            Beginning::Stranger => {}
            Beginning::GraceOver => {
                self.serve(&mut account, Relationship::Enabled, 300);
                bag.insert(None, 1);
            }
            Beginning::Suspended => self.serve(&mut account, Relationship::Paused, 30),
            Beginning::Enrolled => {
                self.enrol(&mut account);
                bag = [(None, 1), (Some(0), 1)].into();
            }
        }
        State {
            account_key: key(&account),
            account: Arc::new(account),
            bag,
            waiting: 0,
            runs: Vec::new(),
            left: self.budget,
            defect: None,
            started: 0,
        }
    }

    fn enrol(&self, account: &mut Account) {
        self.serve(account, Relationship::Enabled, 300);
        account.jobs.clear();
        account.tokens.clear();
        account.tagged[0] = true;
        account.indexed[0] = true;
        if let Some(member) = &mut account.member {
            member.tags.remove(OPTED_OUT_SINCE);
        }
    }

    /// An account that was enrolled long ago, and whose last bucket left 60 hours ago.
    fn serve(&self, account: &mut Account, status: Relationship, updated: i64) {
        let ago = |time| account.now - hours(time);
        let ownership = &self.mind.template.policy.ownership;
        let tags = [
            (ownership.key.clone(), ownership.value.clone()),
            (ENROLLED_AT.to_owned(), ago(301).to_string()),
            (OPTED_OUT_SINCE.to_owned(), ago(60).to_string()),
        ];
        account.member = Some(Member {
            status,
            tags: tags.into(),
            updated_at: Some(ago(updated)),
        });
        let buckets: BTreeSet<_> = account.names().take(1).collect();
        let daily = JobKind::Daily {
            spec: job_name::daily_spec(&self.mind.template.policy),
        };
        let baseline = JobKind::Baseline {
            spec: job_name::buckets_spec(&buckets),
        };
        let jobs = [
            (daily, JobStatus::Idle, BTreeSet::new()),
            (baseline, JobStatus::Complete, buckets),
        ];
        for (n, (kind, status, buckets)) in jobs.into_iter().enumerate() {
            let name = job_name::of(&self.mind.template.scope.account, &kind);
            account.tokens.push(format!("{name}/eu-west-1/0"));
            account.jobs.push(Job {
                paused_at: None,
                id: format!("job-{n}").parse().unwrap(),
                name,
                kind,
                status,
                created_at: job_name::whole_second(account.now - hours(299)),
                buckets,
            });
        }
    }
}
