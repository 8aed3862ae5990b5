//! What a job takes of its buckets' objects.

use sha2::{Digest, Sha256};

use super::{jobs::Job, scope::is_compressed};
use crate::{s3, world::World};

/// What a job takes, in percent.
pub(super) struct Sample<'a> {
    job: &'a str,
    /// Of the objects. Each is in the sample or not, whatever the others are.
    objects: u64,
    /// Of each object that is in the sample.
    share: u64,
}

impl<'a> Sample<'a> {
    pub(super) fn of(world: &World, job: &'a Job) -> Self {
        let percentage = u64::try_from(job.definition.sampling_percentage).unwrap_or(100);
        let (objects, share) = match world.macie.figures.samples_objects {
            true => (percentage, 100),
            false => (100, percentage),
        };
        Self {
            job: &job.id,
            objects,
            share,
        }
    }

    /// Whether an object is in the sample: chance, but the same in every run of a world.
    pub(super) fn has(&self, bucket: &str, key: &str) -> bool {
        let digest = Sha256::digest(format!("{}/{bucket}/{key}", self.job));
        let number = digest
            .iter()
            .take(4)
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        number % 100 < self.objects
    }

    /// Bytes that are analysed of an object in the sample, unpacked.
    pub(super) fn bytes(&self, key: &str, object: &s3::Object) -> u64 {
        let ratio = if is_compressed(key) { 3 } else { 1 };
        let assumed = object.bytes.saturating_mul(ratio);
        let unpacked = object.unpacked.unwrap_or(assumed);
        unpacked.saturating_mul(self.share) / 100
    }

    /// Objects that count as analysed, rounded up.
    pub(super) fn count(&self, objects: u64) -> u64 {
        (objects * self.share).div_ceil(100)
    }
}
