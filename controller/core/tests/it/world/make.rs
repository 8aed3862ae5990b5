//! Worlds out of a row of numbers, so that a failing one can be made smaller and be printed.

use std::collections::{BTreeMap, BTreeSet};

use controller_core::{
    id::BucketName,
    job_name,
    observed::{
        AccountState, BucketReading, ENROLLED_AT, Job, JobKind, JobStatus, Member, OPTED_OUT_SINCE,
        Relationship, Standing, UNSCANNED,
    },
    policy::JobSettings,
    wants::Read,
};
use jiff::{SignedDuration, Timestamp};
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

use super::{Bucket, SimJob, World, bucket, hours};

/// All generated worlds follow from this one.
pub const SEED: [u8; 32] = *b"macie self-service, the 1st seed";

/// Tries a property on so many rows of numbers.
pub fn for_all(cases: u32, property: impl Fn(&mut Choices) -> Result<(), TestCaseError>) {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let tried = runner.run(&vec(any::<u8>(), 160), |row| {
        property(&mut Choices { row, at: 0 })
    });
    if let Err(error) = tried {
        let seed = String::from_utf8_lossy(&SEED);
        match error {
            TestError::Fail(why, row) => panic!("seed `{seed}`, row {row:?}:\n{why}"),
            TestError::Abort(why) => panic!("seed `{seed}`: {why}"),
        }
    }
}

/// A row of numbers, used one after the other.
#[derive(Debug, Clone)]
pub struct Choices {
    row: Vec<u8>,
    at: usize,
}

impl Choices {
    /// A number below `n`; 0 when the row is used up.
    pub fn below(&mut self, n: usize) -> usize {
        let byte = self.row.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % n
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub fn of<T: Clone>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())].clone()
    }

    pub fn some<T: Clone + Ord>(&mut self, options: &[T]) -> BTreeSet<T> {
        let picked = options.iter().filter(|_| self.below(2) == 1);
        picked.cloned().collect()
    }
}

pub const NAMES: [&str; 4] = ["alpha", "bravo", "charlie", "delta"];

/// Buckets that an event names, sometimes one that does not exist.
pub fn hints(choices: &mut Choices) -> Vec<&'static str> {
    match choices.below(3) {
        0 => vec![],
        1 => vec![choices.of(&NAMES)],
        _ => vec![choices.of(&NAMES), choices.of(&["alpha", "nowhere"])],
    }
}

/// Any world, mostly one in which something can be done.
pub fn world(choices: &mut Choices) -> World {
    let mut world = World::new();
    buckets(choices, &mut world);
    member(choices, &mut world);
    mode(choices, &mut world);
    jobs(choices, &mut world);
    surroundings(choices, &mut world);
    trouble(choices, &mut world);
    world
}

/// A world in which an enrolled account's last bucket seems to be gone.
pub fn leaving(choices: &mut Choices) -> World {
    let mut world = world(choices);
    let since = world.now - hours(30);
    world.enabled_at = None;
    world.member = Some(Member {
        status: Relationship::Enabled,
        tags: BTreeMap::from([
            (
                world.policy.ownership.key.clone(),
                world.policy.ownership.value.clone(),
            ),
            (OPTED_OUT_SINCE.to_owned(), since.to_string()),
        ]),
        updated_at: Some(since - hours(1)),
    });
    for bucket in world.buckets.values_mut() {
        bucket.readable = true;
        if choices.below(8) > 0 && bucket.opted_in() {
            bucket.truth = BucketReading::NotOptedIn;
        }
    }
    world.policy.accounts.mandatory.clear();
    world.policy.organizational_units.mandatory.clear();
    world.others_suspended.clear();
    world.others_left.clear();
    world.broken.clear();
    world.administrator = super::ADMINISTRATOR.parse().unwrap();
    world
}

fn buckets(choices: &mut Choices, world: &mut World) {
    for name in &NAMES[..choices.below(5)] {
        let truth = match choices.below(8) {
            0..=3 => BucketReading::OptedIn,
            4 | 5 => BucketReading::NotOptedIn,
            6 => BucketReading::NearMiss {
                found: "Macie=true".to_owned(),
            },
            _ => choices.of(&[BucketReading::Gone, BucketReading::Elsewhere]),
        };
        let later = if choices.once_in(4) {
            hours(5)
        } else {
            SignedDuration::ZERO
        };
        let made = Bucket {
            truth,
            readable: !choices.once_in(8),
            visible_from: world.now + later,
            objects: Vec::new(),
        };
        world.buckets.insert(bucket(name), made);
    }
    let names: Vec<BucketName> = NAMES.map(bucket).into();
    world.index = match choices.below(6) {
        0..=2 => None,
        3 => Some(BTreeSet::new()),
        4 => Some(names.iter().cloned().collect()),
        _ => Some(choices.some(&names)),
    };
}

fn member(choices: &mut Choices, world: &mut World) {
    let status = match choices.below(16) {
        0..=5 => Relationship::Enabled,
        6 | 7 => return,
        8 | 9 => Relationship::Paused,
        10 => Relationship::Removed,
        11 => Relationship::Created,
        _ => choices.of(&[
            Relationship::Invited,
            Relationship::Resigned,
            Relationship::EmailVerificationInProgress,
            Relationship::EmailVerificationFailed,
            Relationship::RegionDisabled,
            Relationship::AccountSuspended,
            Relationship::Unknown("Hibernating".to_owned()),
        ]),
    };
    let now = world.now;
    let ago = |hours: i64| now - SignedDuration::from_hours(hours);
    let mut tags = BTreeMap::new();
    if choices.below(4) > 0 {
        tags.insert(
            world.policy.ownership.key.clone(),
            world.policy.ownership.value.clone(),
        );
    }
    let mut tag = |key: &str, value: Option<String>| {
        tags.extend(value.map(|value| (key.to_owned(), value)));
    };
    let since = match choices.below(8) {
        0..=2 => None,
        3 => Some(ago(2).to_string()),
        4 => Some(ago(30).to_string()),
        5 => Some(ago(600).to_string()),
        6 => Some((now + hours(100)).to_string()),
        _ => Some("yesterday".to_owned()),
    };
    tag(OPTED_OUT_SINCE, since);
    let unscanned = match choices.below(8) {
        0..=4 => None,
        5 => Some(format!("{}/{}", ago(80), ago(1))),
        6 => Some(format!("{}/{}", ago(80), ago(50))),
        _ => Some("long".to_owned()),
    };
    tag(UNSCANNED, unscanned);
    tag(
        ENROLLED_AT,
        choices.of(&[None, Some(ago(900).to_string()), Some(ago(40).to_string())]),
    );
    let updated_at = choices.of(&[Some(ago(901)), Some(ago(3)), Some(ago(40)), None]);
    world.member = Some(Member {
        status,
        tags,
        updated_at,
    });
}

fn mode(choices: &mut Choices, world: &mut World) {
    let account = world.scope.account.clone();
    let unit = world.units[0].clone();
    let policy = &mut world.policy;
    match choices.below(16) {
        10 | 11 => _ = policy.accounts.mandatory.insert(account.clone()),
        12 | 13 => _ = policy.accounts.excluded.insert(account.clone()),
        14 => _ = policy.organizational_units.mandatory.insert(unit),
        15 => _ = policy.organizational_units.excluded.insert(unit),
        _ => {}
    }
    if choices.once_in(4) {
        policy.accounts.adopted.insert(account);
    }
}

fn jobs(choices: &mut Choices, world: &mut World) {
    let right = JobKind::Daily {
        spec: job_name::daily_spec(&world.policy),
    };
    for n in 0..choices.below(7) {
        let created_at = world.now - hours(choices.of(&[50, 1, 10, 45, 80, 800, 1_000]));
        let names: Vec<BucketName> = NAMES.map(bucket).into();
        let mut buckets = choices.some(&names);
        let since: Timestamp = job_name::whole_second(world.now - hours(90));
        let kind = match choices.below(8) {
            0..=2 => right.clone(),
            3 => JobKind::Daily {
                spec: "drifted".to_owned(),
            },
            4..=6 => JobKind::Baseline {
                spec: job_name::buckets_spec(&buckets),
            },
            _ => JobKind::CatchUp { since },
        };
        let daily = matches!(kind, JobKind::Daily { .. });
        if daily {
            buckets.clear();
        }
        let done = if daily {
            JobStatus::Idle
        } else {
            JobStatus::Complete
        };
        let status = match choices.below(10) {
            0..=4 => done,
            5 | 6 => JobStatus::Cancelled,
            7 => JobStatus::Running,
            _ => choices.of(&[
                JobStatus::Paused,
                JobStatus::UserPaused,
                JobStatus::Unknown("HIBERNATING".to_owned()),
            ]),
        };
        let last_run = choices.of(&[None, Some(world.now - hours(1)), Some(created_at)]);
        let name = job_name::of(&world.scope.account, &kind);
        let job = Job {
            id: format!("job-{n}").parse().unwrap(),
            name: name.clone(),
            kind,
            status,
            created_at,
            paused_at: None,
            buckets,
        };
        let token = format!("token-{n}");
        world.jobs.push(SimJob {
            job,
            token,
            last_run,
        });
    }
}

fn surroundings(choices: &mut Choices, world: &mut World) {
    let email = super::EMAIL.to_owned();
    world.standing = match choices.below(16) {
        12 => Standing::Outside,
        13 => Standing::Inside {
            email: String::new(),
            state: AccountState::Active,
        },
        14 | 15 => Standing::Inside {
            email,
            state: AccountState::Other("SUSPENDED".to_owned()),
        },
        _ => world.standing.clone(),
    };
    let now = world.now;
    let minutes = |minutes: i64| now - SignedDuration::from_mins(minutes);
    world.others_suspended = (0..choices.below(6))
        .map(|_| minutes(choices.of(&[5, 90, 59])))
        .collect();
    world.others_left = (0..choices.below(3))
        .map(|_| minutes(choices.of(&[24 * 60, 22 * 60 + 59, 23 * 60])))
        .collect();
    world.others = choices.of(&[10, 100, 0]);
    match choices.below(32) {
        30 => world.management = world.scope.account.clone(),
        31 => {
            world.administrator = world.scope.account.clone();
            world.member = None;
        }
        _ => {}
    }
}

fn trouble(choices: &mut Choices, world: &mut World) {
    if !choices.once_in(3) {
        return;
    }
    let mut reads = vec![
        Read::Member,
        Read::Jobs,
        Read::Index,
        Read::Listing,
        Read::Account,
        Read::Units,
        Read::Inventory,
        Read::Census,
        Read::Management,
    ];
    reads.extend(
        world
            .jobs
            .iter()
            .map(|job| Read::LastRun(job.job.id.clone())),
    );
    let broken = choices.of(&reads);
    world.broken.insert(broken);
}

/// Settings that no generated daily job has.
pub fn other_settings(settings: &JobSettings) -> JobSettings {
    JobSettings {
        sampling_percentage: 37,
        ..settings.clone()
    }
}
