//! One account in one Region as the model keeps it, and what AWS does with a call.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    mem::discriminant,
};

use controller_core::{
    estimate::Sized,
    id::BucketName,
    job_name,
    observed::{
        BucketReading, BucketSize, Census, Fact, Inventory, Job, JobKind, JobStatus, Member,
        Membership, OPTED_OUT_SINCE, Observed, Relationship,
    },
    plan::{Action, JobSpec},
    wants::Read,
};
use jiff::{SignedDuration, Timestamp};

use crate::world::{World, bucket};

pub const NAMES: [&str; 2] = ["alpha", "bravo"];

/// What AWS has.
#[derive(Debug, Clone)]
pub struct Account {
    pub now: Timestamp,
    pub member: Option<Member>,
    pub jobs: Vec<Job>,
    /// The client token of each job.
    pub tokens: Vec<String>,
    /// Whether each bucket carries the tag.
    pub tagged: Vec<bool>,
    /// Whether nobody tags or untags any more.
    pub last_tags: bool,
    /// What the tagging index says of it.
    pub indexed: Vec<bool>,
}

/// How AWS may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aws {
    /// Whether the tagging index follows a change of tags only later.
    pub index_lags: bool,
    /// Whether Macie remembers client tokens. AWS does not say for how long it does; without, two
    /// controllers that see no job make two.
    pub remembers_tokens: bool,
}

impl Account {
    pub fn names(&self) -> impl Iterator<Item = BucketName> {
        NAMES
            .iter()
            .take(self.tagged.len())
            .map(|name| bucket(name))
    }

    fn those(&self, marks: &[bool]) -> BTreeSet<BucketName> {
        let marked = self.names().zip(marks).filter(|(_, mark)| **mark);
        marked.map(|(name, _)| name).collect()
    }

    pub fn opted_in(&self) -> BTreeSet<BucketName> {
        self.those(&self.tagged)
    }

    pub fn status(&self) -> Option<&Relationship> {
        self.member.as_ref().map(|member| &member.status)
    }

    fn served(&self) -> bool {
        self.status() == Some(&Relationship::Enabled)
    }

    /// Whether an answer stays the same whatever else happens, so that nothing can come
    /// between it and the next call.
    pub fn is_constant(&self, read: &Read) -> bool {
        match read {
            Read::Bucket(_) => self.last_tags,
            Read::Index => self.last_tags && self.indexed == self.tagged,
            Read::Member | Read::Census | Read::Jobs | Read::Inventory | Read::LastRun(_) => false,
            Read::Sizes(_) | Read::Spent => unreachable!("no budget asks for it"),
            Read::Management | Read::Account | Read::Units | Read::Listing => true,
        }
    }

    /// Answers one read.
    pub fn read(&self, template: &World, observed: &mut Observed, read: &Read) {
        match read {
            Read::Member => {
                let member = self.member.clone();
                let membership = member.map_or(Membership::Stranger, Membership::Member);
                observed.member = Fact::Known(membership);
            }
            Read::Jobs => observed.jobs = Fact::Known(self.jobs.clone()),
            Read::Bucket(name) => {
                let reading = match self.opted_in().contains(name) {
                    true => BucketReading::OptedIn,
                    false => BucketReading::NotOptedIn,
                };
                observed.buckets.insert(name.clone(), Fact::Known(reading));
            }
            Read::Index => observed.index = Fact::Known(self.those(&self.indexed)),
            Read::Listing => observed.listing = Fact::Known(self.names().collect()),
            Read::Inventory => observed.inventory = Fact::Known(self.inventory()),
            Read::LastRun(id) => {
                let last = self.last_run(id.as_str());
                observed.last_runs.insert(id.clone(), Fact::Known(last));
            }
            Read::Census => observed.census = Fact::Known(self.census(observed)),
            Read::Management | Read::Account | Read::Units | Read::Sizes(_) | Read::Spent => {
                template.read(observed, read);
            }
        }
    }

    /// A number that is another one when the answer is.
    pub fn answer(&self, read: &Read) -> u64 {
        let mut hasher = DefaultHasher::new();
        match read {
            Read::Member | Read::Census => hash_member(&self.member, &mut hasher),
            Read::Jobs => hash_jobs(&self.jobs, &mut hasher),
            Read::Bucket(name) => self.opted_in().contains(name).hash(&mut hasher),
            Read::Index => self.indexed.hash(&mut hasher),
            Read::Inventory => (self.served(), &self.tagged).hash(&mut hasher),
            Read::LastRun(id) => self.last_run(id.as_str()).hash(&mut hasher),
            _ => {}
        }
        hasher.finish()
    }

    /// Other members stay.
    fn census(&self, observed: &Observed) -> Census {
        let leaves = |member: &&Member| {
            member.status == Relationship::Paused || member.tags.contains_key(OPTED_OUT_SINCE)
        };
        let member = self.member.as_ref().filter(leaves).cloned();
        Census {
            members: 10,
            leaving: member
                .map(|member| (observed.scope.account.clone(), member))
                .into_iter()
                .collect(),
        }
    }

    fn inventory(&self) -> Inventory {
        let sized = |name: BucketName| Sized {
            name,
            size: BucketSize {
                classifiable_bytes: Some(1_000_000_000),
                compressed_bytes: 0,
            },
            objects: None,
            over_quota: false,
            created_at: None,
            updated_at: None,
        };
        let shown = self.opted_in().into_iter().filter(|_| self.served());
        Inventory {
            buckets: shown.map(|name| (name.clone(), sized(name))).collect(),
            monitored: Some(2),
        }
    }

    /// A daily job ran at the last turn of the clock, if it lived then.
    fn last_run(&self, id: &str) -> Option<Timestamp> {
        let job = self.jobs.iter().find(|job| job.id.as_str() == id)?;
        (job.created_at < self.now && job.status.is_live()).then_some(self.now)
    }

    /// Makes one write; false when AWS refuses it.
    pub fn apply(&mut self, aws: Aws, action: &Action) -> bool {
        match action {
            Action::CreateMember { tags, .. } => self.create_member(tags.clone()),
            Action::ResumeMember => self.session(Relationship::Enabled),
            Action::SuspendMember => self.session(Relationship::Paused),
            Action::TagMember { tags } => {
                let tags = tags.clone();
                self.edit(|member| member.tags.extend(tags))
            }
            Action::UntagMember { keys } => {
                self.edit(|member| member.tags.retain(|key, _| !keys.contains(key)))
            }
            Action::CreateJob(spec) => self.create_job(aws, spec),
            Action::CancelJob { job, .. } => {
                let live = |other: &&mut Job| other.id == *job && other.status.is_live();
                let job = self.jobs.iter_mut().find(live);
                job.map(|job| job.status = JobStatus::Cancelled).is_some()
            }
            Action::PauseJob { .. } | Action::ResumeJob { .. } => {
                unreachable!("no budget asks for it")
            }
        }
    }

    fn create_member(&mut self, tags: BTreeMap<String, String>) -> bool {
        let free = matches!(self.status(), None | Some(Relationship::Removed));
        if free {
            self.member = Some(Member {
                status: Relationship::Created,
                tags,
                updated_at: Some(self.now),
            });
        }
        free
    }

    /// Macie takes the status that a member has already, and changes nothing.
    fn session(&mut self, to: Relationship) -> bool {
        let now = self.now;
        match &mut self.member {
            Some(member) if member.status == to => true,
            Some(member)
                if matches!(member.status, Relationship::Enabled | Relationship::Paused) =>
            {
                member.status = to;
                member.updated_at = Some(now);
                true
            }
            Some(_) | None => false,
        }
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Member)) -> bool {
        self.member.as_mut().map(edit).is_some()
    }

    fn create_job(&mut self, aws: Aws, spec: &JobSpec) -> bool {
        if !self.served() {
            return false;
        }
        if aws.remembers_tokens && self.tokens.contains(&spec.client_token) {
            return true;
        }
        let status = match spec.kind {
            JobKind::Daily { .. } => JobStatus::Idle,
            JobKind::Baseline { .. } | JobKind::CatchUp { .. } => JobStatus::Running,
        };
        self.tokens.push(spec.client_token.clone());
        self.jobs.push(Job {
            id: format!("job-{}", self.jobs.len()).parse().unwrap(),
            name: spec.name.clone(),
            kind: job_name::kind(&spec.account, &spec.name).unwrap(),
            status,
            created_at: job_name::whole_second(self.now),
            paused_at: None,
            buckets: spec.buckets.clone(),
        });
        true
    }

    /// Macie has enabled a new member.
    pub fn enable(&mut self) {
        let now = self.now;
        let enabled = self.edit(|member| {
            member.status = Relationship::Enabled;
            member.updated_at = Some(now);
        });
        assert!(enabled);
    }

    /// Turns the clock; one-time jobs end.
    pub fn turn(&mut self, time: SignedDuration) {
        self.now += time;
        let running = |job: &&mut Job| job.status == JobStatus::Running;
        for job in self.jobs.iter_mut().filter(running) {
            job.status = JobStatus::Complete;
        }
    }
}

impl Hash for Account {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            now,
            member,
            jobs,
            tokens,
            tagged,
            last_tags: _,
            indexed,
        } = self;
        (now, tokens, tagged, indexed).hash(hasher);
        hash_member(member, hasher);
        hash_jobs(jobs, hasher);
    }
}

fn hash_member(member: &Option<Member>, hasher: &mut impl Hasher) {
    let Some(Member {
        status,
        tags,
        updated_at,
    }) = member
    else {
        return 0.hash(hasher);
    };
    (discriminant(status), tags, updated_at).hash(hasher);
}

fn hash_jobs(jobs: &[Job], hasher: &mut impl Hasher) {
    for job in jobs {
        let Job {
            id,
            name,
            kind: _,
            status,
            created_at,
            paused_at,
            buckets,
        } = job;
        let times = (created_at, paused_at);
        (id, name, discriminant(status), times, buckets).hash(hasher);
    }
}
