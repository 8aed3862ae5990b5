//! Questions about where things ended.

use std::{collections::BTreeMap, fmt};

use local_aws::{
    World,
    macie::{Job, JobStatus, Relationship},
    organization::ADMINISTRATOR,
};

use crate::scenario::{Scenario, account};

/// The tag of a member that is opted out.
const OPTED_OUT_SINCE: &str = "macie-self-service:opted-out-since";
/// The tag of a member that has not been scanned for a while.
const UNSCANNED: &str = "macie-self-service:unscanned";

/// An account in a Region, as somebody sees it who knows everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The relationship; none for a stranger.
    pub member: Option<Relationship>,
    /// Whether the member is marked as opted out.
    pub leaving: bool,
    /// Whether the member is marked as not scanned for a while.
    pub unscanned: bool,
    /// The controller's live jobs: kind, buckets, and the status if it is not the usual one.
    pub jobs: Vec<String>,
    /// What was scanned: objects by bucket, `x2` when twice.
    pub scanned: BTreeMap<String, Vec<String>>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            member,
            leaving,
            unscanned,
            jobs,
            scanned,
        } = self;
        match member {
            Some(status) => write!(f, "{status:?}")?,
            None => f.write_str("stranger")?,
        }
        if *leaving {
            f.write_str(", leaving")?;
        }
        if *unscanned {
            f.write_str(", unscanned")?;
        }
        write!(f, " | {}", jobs.join(", "))?;
        let scanned: Vec<String> = scanned
            .iter()
            .map(|(bucket, objects)| format!("{bucket}: {}", objects.join(" ")))
            .collect();
        write!(f, " | {}", scanned.join(", "))
    }
}

impl Scenario {
    /// Where an account stands in a Region, in one line:
    /// `Enabled, leaving | daily, baseline orders | orders: old.csv new.csv`.
    pub fn at(&self, number: usize, region: &str) -> String {
        self.place(number, region).to_string()
    }

    /// Where an account stands in a Region; account 0 is the administrator.
    pub fn place(&self, number: usize, region: &str) -> Place {
        let id = match number {
            0 => ADMINISTRATOR.to_owned(),
            number => account(number),
        };
        let sizes = &self.sizes;
        let marked = |world: &World, key: &str| {
            let member = world.macie.member(region, &id);
            member.is_some_and(|member| member.tags.contains_key(key))
        };
        self.world(|world| Place {
            member: Relationship::of(world, region, &id),
            leaving: marked(world, OPTED_OUT_SINCE),
            unscanned: marked(world, UNSCANNED),
            jobs: live_jobs(world, region, &id),
            scanned: scanned(world, region, &id, sizes),
        })
    }

    /// All jobs that the controller ever created for an account, in order of creation, with their
    /// status.
    pub fn all_jobs(&self, number: usize, region: &str) -> Vec<String> {
        let id = account(number);
        self.world(|world| {
            controllers_jobs(world, region, &id)
                .map(|job| format!("{} {:?}", words(job), job.status))
                .collect()
        })
    }
}

/// The jobs for an account that bear the controller's name.
pub fn controllers_jobs<'w>(
    world: &'w World,
    region: &'w str,
    id: &'w str,
) -> impl Iterator<Item = &'w Job> {
    let prefix = format!("macie-self-service/{id}/");
    world
        .macie
        .jobs_of(region, ADMINISTRATOR)
        .filter(move |job| job.definition.name.starts_with(&prefix))
}

/// `daily`, `baseline` or `catch-up`.
pub fn kind(job: &Job) -> &str {
    job.definition.name.split('/').nth(2).unwrap_or_default()
}

fn words(job: &Job) -> String {
    let named = job.definition.s3_job_definition.bucket_definitions.iter();
    let buckets: Vec<&str> = named
        .flatten()
        .flat_map(|definition| definition.buckets.iter().map(String::as_str))
        .collect();
    format!("{} {}", kind(job), buckets.join("+"))
        .trim()
        .to_owned()
}

fn live_jobs(world: &World, region: &str, id: &str) -> Vec<String> {
    let live = controllers_jobs(world, region, id)
        .filter(|job| !matches!(job.status, JobStatus::Cancelled | JobStatus::Complete));
    let mut jobs: Vec<String> = live
        .map(|job| match job.status {
            JobStatus::Running | JobStatus::Idle => words(job),
            status => format!("{} {status:?}", words(job)),
        })
        .collect();
    jobs.sort();
    jobs
}

/// The n-th object of a bucket has 4^n bytes: the sum of what was scanned, read in base 4, tells
/// how many times each was.
fn scanned(
    world: &World,
    region: &str,
    id: &str,
    sizes: &BTreeMap<String, Vec<String>>,
) -> BTreeMap<String, Vec<String>> {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for (_, scan) in world.macie.scans_of(region, id) {
        *bytes.entry(scan.bucket.clone()).or_default() += scan.bytes;
    }
    let read = |(bucket, bytes): (String, u64)| {
        let mut objects = Vec::new();
        for (n, key) in sizes.get(&bucket).into_iter().flatten().enumerate() {
            match (bytes >> (2 * n)) & 3 {
                0 => {}
                1 => objects.push(key.clone()),
                times => objects.push(format!("{key} x{times}")),
            }
        }
        (bucket, objects)
    };
    bytes.into_iter().map(read).collect()
}
