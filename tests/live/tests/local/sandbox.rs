//! A local AWS with one workload account, and the live check on it.

use std::{
    env, fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use live_check::{
    answer::{Answer, Verdict},
    args::Args,
    run::{self, Ended},
};
use local_aws::{
    Clock, LocalAws, Switches, macie,
    organization::{ADMINISTRATOR, ORGANIZATION, Organization, workload},
    s3,
};

pub const REGION: &str = "eu-west-1";

/// The local AWS, and a folder for the files of a run.
pub struct Sandbox {
    pub local: LocalAws,
    pub folder: PathBuf,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.folder);
    }
}

impl Sandbox {
    /// With switches as a test wants them, and a bucket of the account's own.
    pub async fn start(set: impl FnOnce(&mut Switches)) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let clock = Clock::Frozen(start);
        let mut world = Organization::new(1, &[REGION], clock).build().unwrap();
        set(&mut world.switches);
        let owner = local_aws::organization::admin(&workload(1));
        s3::create_bucket(&mut world, &owner, REGION, "their-own", &[("team", "a")]).unwrap();
        s3::put_object(&mut world, "their-own", "theirs.csv", 1_000).unwrap();
        world.advance(SignedDuration::from_hours(1));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("live-check-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let local = LocalAws::start(world, 0).await.unwrap();
        Self { local, folder }
    }

    /// The command line of a person who uses it rightly, and more.
    pub fn args(&self, more: &[&str]) -> Args {
        let (state, events) = (self.folder.join("state.json"), self.folder.join("events"));
        let (endpoint, account) = (self.local.endpoint(), workload(1));
        let usual = [
            ("--organization", ORGANIZATION),
            ("--administrator-profile", ADMINISTRATOR),
            ("--workload-profile", &account),
            ("--region", REGION),
            ("--prefix", "sandbox-live"),
            ("--max-dollars", "1.00"),
            ("--endpoint", &endpoint),
            ("--state", state.to_str().unwrap()),
            ("--events", events.to_str().unwrap()),
        ];
        let named = |name: &str| more.contains(&name);
        let usual = usual.into_iter().filter(|(name, _)| !named(name));
        let usual = usual.flat_map(|(name, value)| [name, value]);
        let all = ["live-check"]
            .into_iter()
            .chain(usual)
            .chain(more.iter().copied());
        Args::try_parse_from(all).unwrap()
    }

    /// Runs it with `--yes` and more.
    pub async fn run(&self, more: &[&str]) -> anyhow::Result<Ended> {
        let more: Vec<&str> = more.iter().copied().chain(["--yes"]).collect();
        run::run(&self.args(&more)).await
    }

    /// Everything that is there and would stay: what a clean-up must bring back.
    pub fn snapshot(&self) -> String {
        let world = self.local.world().lock();
        let account = workload(1);
        let buckets: Vec<_> = world
            .s3
            .buckets
            .values()
            .map(|bucket| (&bucket.name, &bucket.tags, bucket.objects.keys()))
            .collect();
        let member = world.macie.member(REGION, &account);
        let member = member.map(|member| (member.status, &member.tags));
        let session = world.macie.session(REGION, &account);
        let session = session.map(|session| session.status);
        let jobs: Vec<_> = world
            .macie
            .jobs_of(REGION, ADMINISTRATOR)
            .filter(|job| {
                !matches!(
                    job.status,
                    macie::JobStatus::Cancelled | macie::JobStatus::Complete
                )
            })
            .map(|job| &job.definition)
            .collect();
        let rules: Vec<_> = world
            .events
            .buses
            .iter()
            .map(|(id, bus)| (id.arn(), bus.rules.keys()))
            .collect();
        let queues: Vec<_> = world.sqs.queues.keys().collect();
        let state = self.folder.join("state.json").exists();
        format!("{buckets:#?}{member:?}{session:?}{jobs:?}{rules:#?}{queues:#?}{state}")
    }
}

/// The questions with this verdict.
pub fn with(answers: &[Answer], verdict: Verdict) -> Vec<&str> {
    let all = answers.iter().filter(|answer| answer.verdict == verdict);
    all.map(|answer| answer.question.as_str()).collect()
}
