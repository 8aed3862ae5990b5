//! Teams: they create, tag, untag and delete buckets, and write objects.

use std::time::Duration;

use local_aws::{
    ApiError, World,
    organization::{ADMINISTRATOR, MANAGEMENT, admin, workload},
    request::Caller,
    s3,
};
use tokio::{sync::mpsc, time::sleep};

use super::Actors;
use crate::{EU, US, scenario::NOT_GOVERNED, simulation::monitor::Place};

/// Names of buckets in the whole world: few, so that one is often made again by somebody else.
const NAMES: [&str; 9] = [
    "alpha", "bravo", "charlie", "delta", "echo-1", "foxtrot", "golf", "hotel", "india",
];
/// Objects that a bucket of one name ever has.
const OBJECTS: u32 = 8;
/// One more than the scans of an object that can be counted.
pub const SCANS: u64 = 16;
const OPT_IN: [(&str, &str); 1] = [("macie", "true")];
const OTHER: [&[(&str, &str)]; 3] = [
    &[("macie", "false")],
    &[("Macie", "true")],
    &[("team", "a")],
];

#[derive(Debug, Clone, Copy)]
enum Act {
    CreateTagged,
    Create,
    Tag,
    TagResource,
    Untag,
    UntagResource,
    TagOtherwise,
    Delete,
    Write,
    Flap,
}

const ACTS: [(u32, Act); 10] = [
    (20, Act::CreateTagged),
    (6, Act::Create),
    (15, Act::Tag),
    (10, Act::TagResource),
    (14, Act::Untag),
    (10, Act::UntagResource),
    (5, Act::TagOtherwise),
    (9, Act::Delete),
    (16, Act::Write),
    (5, Act::Flap),
];

impl Actors {
    pub(super) async fn team(&mut self) {
        let Some(bucket) = self.some_bucket() else {
            return self.create(true);
        };
        match self.dice.weighted(&ACTS) {
            Act::CreateTagged => self.create(true),
            Act::Create => self.create(false),
            Act::Tag => self.tag(&bucket, &OPT_IN),
            Act::TagOtherwise => {
                let tags = self.dice.pick(&OTHER);
                self.tag(&bucket, tags);
            }
            Act::Untag => self.to(&bucket, "DeleteBucketTagging", s3::delete_bucket_tagging),
            Act::TagResource => self.tag_resource(&bucket),
            Act::UntagResource => self.untag_resource(&bucket),
            Act::Delete => self.delete(&bucket),
            Act::Write => self.write(&bucket),
            Act::Flap => {
                for _ in 0..self.dice.between(1, 3) {
                    self.tag_resource(&bucket);
                    sleep(self.dice.time(1, 3_000)).await;
                    self.untag_resource(&bucket);
                    sleep(Duration::from_millis(self.dice.between(1, 300))).await;
                }
            }
        }
    }

    /// A team whose hand moves just when a controller has looked.
    pub async fn meddle(mut self, mut moments: mpsc::UnboundedReceiver<Place>) {
        while let Some((account, region)) = moments.recv().await {
            if self.sim.is_calm() || !self.dice.happens(60) {
                continue;
            }
            sleep(Duration::from_millis(self.dice.between(0, 60))).await;
            let own: Vec<String> = self.sim.world(|world| {
                let buckets = world.s3.buckets.values();
                let own =
                    buckets.filter(|bucket| bucket.account == account && bucket.region == region);
                own.map(|bucket| bucket.name.clone()).collect()
            });
            let Some(bucket) = self
                .dice
                .maybe(&own)
                .filter(|name| NAMES.contains(&name.as_str()))
            else {
                continue;
            };
            self.sim.count("changes at the worst moment");
            match self.dice.happens(700) {
                true => self.tag_resource(&bucket),
                false => self.untag_resource(&bucket),
            }
            self.shake();
        }
    }

    /// A bucket of an account that is not closed.
    fn some_bucket(&mut self) -> Option<String> {
        let open: Vec<String> = self.sim.world(|world| {
            let buckets = world.s3.buckets.values();
            buckets
                .filter(|bucket| world.organizations.accounts[&bucket.account].state == "ACTIVE")
                .filter(|bucket| NAMES.contains(&bucket.name.as_str()))
                .map(|bucket| bucket.name.clone())
                .collect()
        });
        self.dice.maybe(&open)
    }

    /// Mostly a workload account; the two special ones have buckets too.
    fn some_account(&mut self) -> String {
        let workload = workload(1 + self.dice.below(self.sim.setting.workloads));
        self.dice.weighted(&[
            (18, workload),
            (1, ADMINISTRATOR.to_owned()),
            (1, MANAGEMENT.to_owned()),
        ])
    }

    fn create(&mut self, tagged: bool) {
        let taken: Vec<String> = self
            .sim
            .world(|world| world.s3.buckets.keys().cloned().collect());
        let free: Vec<&str> = NAMES
            .iter()
            .copied()
            .filter(|name| !taken.contains(&(*name).to_owned()))
            .collect();
        let Some(name) = self.dice.maybe(&free) else {
            return;
        };
        let account = self.some_account();
        let region = self.dice.weighted(&[(12, EU), (7, US), (1, NOT_GOVERNED)]);
        let tags: &[(&str, &str)] = if tagged { &OPT_IN } else { &[] };
        let mut made = false;
        let done = self.sim.world(|world| {
            let account = &world.organizations.accounts[&account];
            let off = account.disabled_regions.iter().any(|off| off == region);
            if account.state != "ACTIVE" || off {
                return "not possible".to_owned();
            }
            let team = admin(&account.id.clone());
            let done = s3::create_bucket(world, &team, region, name, tags);
            made = done.is_ok();
            outcome(done)
        });
        self.sim.note(
            "team",
            format_args!("{account} creates {name} in {region} {tags:?}: {done}"),
        );
        if made && self.dice.happens(600) {
            self.write(name);
        }
    }

    /// Something done to a bucket by its owner.
    fn to(
        &self,
        bucket: &str,
        what: &str,
        act: impl FnOnce(&mut World, &Caller, &str, &str) -> Result<(), ApiError>,
    ) {
        let (account, region, done) = self.sim.world(|world| {
            let known = &world.s3.buckets[bucket];
            let (account, region) = (known.account.clone(), known.region.clone());
            let done = outcome(act(world, &admin(&account), &region, bucket));
            (account, region, done)
        });
        self.sim.note(
            "team",
            format_args!("{account} {region} {what} {bucket}: {done}"),
        );
    }

    fn tag(&self, bucket: &str, tags: &[(&str, &str)]) {
        self.to(
            bucket,
            &format!("PutBucketTagging {tags:?}"),
            |world, team, region, name| s3::put_bucket_tagging(world, team, region, name, tags),
        );
    }

    fn tag_resource(&self, bucket: &str) {
        self.to(bucket, "TagResource", |world, team, region, name| {
            s3::tag_resource(world, team, region, name, &OPT_IN)
        });
    }

    fn untag_resource(&self, bucket: &str) {
        self.to(bucket, "UntagResource", |world, team, region, name| {
            s3::untag_resource(world, team, region, name, &["macie"])
        });
    }

    fn delete(&self, bucket: &str) {
        self.to(bucket, "DeleteBucket", |world, team, region, name| {
            if let Some(bucket) = world.s3.buckets.get_mut(name) {
                bucket.objects.clear();
            }
            s3::delete_bucket(world, team, region, name)
        });
    }

    /// Writes an object of a size by which its scans can be told from those of the others.
    fn write(&mut self, bucket: &str) {
        let number = self.objects.entry(bucket.to_owned()).or_default();
        let key = format!("{number}.csv");
        let Some(bytes) = size_of(&key) else {
            return;
        };
        *number += 1;
        self.to(bucket, &format!("PutObject {key}"), |world, _, _, name| {
            s3::put_object(world, name, &key, bytes)
        });
    }
}

/// The size of an object of a bucket; none when there are too many of them.
pub fn size_of(key: &str) -> Option<u64> {
    let number: u32 = key.strip_suffix(".csv")?.parse().ok()?;
    (number < OBJECTS).then(|| SCANS.pow(number))
}

fn outcome(done: Result<(), ApiError>) -> String {
    match done {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.code,
    }
}
