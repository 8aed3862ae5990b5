//! What is in buckets: objects of uneven sizes, archives that hold more or less than Macie assumes,
//! and files that it cannot analyse.

use local_aws::{World, s3};

use crate::simulation::dice::Dice;

/// How much of a world's data is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Nothing.
    None,
    /// An object in a hundred.
    Rare,
    /// Nothing, some or all of a bucket.
    Mixed,
}

/// What the objects of a bucket have in common.
#[derive(Debug, Clone)]
pub struct Contents {
    objects: u64,
    /// Bytes: half of the objects are larger.
    median: f64,
    /// The standard deviation of the logarithm of their sizes.
    spread: f64,
    /// Of 1,000 objects.
    compressed: u32,
    /// What compressed ones hold, in times of their size: half of them more.
    ratio: f64,
    /// Of 1,000 objects, those that Macie cannot analyse.
    opaque: u32,
}

impl Contents {
    /// From nothing to hundreds of objects, of kilobytes to gigabytes.
    pub fn any(dice: &mut Dice, packing: Packing) -> Self {
        let objects =
            dice.weighted(&[(10, (0, 0)), (30, (1, 9)), (40, (10, 99)), (20, (100, 400))]);
        let compressed = match packing {
            Packing::None => 0,
            Packing::Rare => 10,
            Packing::Mixed => dice.weighted(&[(4, 0), (3, 100), (2, 500), (1, 1_000)]),
        };
        Self {
            objects: dice.between(objects.0, objects.1),
            median: 10_f64.powf(between(dice, 5.0, 9.0)),
            spread: between(dice, 0.2, 1.8),
            compressed,
            // Text at about three to one; images that were packed; logs.
            ratio: dice.weighted(&[(70, 3.0), (10, 1.0), (15, 6.0), (5, 15.0)]),
            opaque: dice.weighted(&[(3, 0), (1, 300)]),
        }
    }

    /// Tens to hundreds of terabytes.
    pub fn huge(dice: &mut Dice) -> Self {
        Self {
            objects: dice.between(30, 400),
            median: 1e12,
            spread: 0.3,
            compressed: 0,
            ratio: 3.0,
            opaque: 0,
        }
    }

    /// Up to a tenth more of the same.
    pub fn more(&self, dice: &mut Dice) -> Self {
        Self {
            objects: dice.between(0, self.objects.div_ceil(10)),
            ..self.clone()
        }
    }

    /// Writes the objects into a bucket; the keys begin with a word.
    pub fn write(&self, dice: &mut Dice, world: &mut World, bucket: &str, word: &str) {
        for number in 0..self.objects {
            self.write_one(dice, world, bucket, &format!("{word}-{number}"));
        }
    }

    fn write_one(&self, dice: &mut Dice, world: &mut World, bucket: &str, stem: &str) {
        let bytes = lognormal(dice, self.median, self.spread).max(1.0);
        let key = |extension| format!("{stem}{extension}");
        let written = if dice.happens(self.opaque) {
            s3::put_object(world, bucket, &key(""), bytes as u64)
        } else if dice.happens(self.compressed) {
            let ratio = lognormal(dice, self.ratio, 0.4).max(1.0);
            let unpacked = (bytes * ratio) as u64;
            s3::put_archive(world, bucket, &key(".csv.gz"), bytes as u64, unpacked)
        } else {
            s3::put_object(world, bucket, &key(".csv"), bytes as u64)
        };
        written.unwrap();
    }
}

fn between(dice: &mut Dice, least: f64, most: f64) -> f64 {
    least + (most - least) * dice.between(0, 1_000_000) as f64 / 1e6
}

/// A number of which half are above the median, and whose logarithm is normal: the sum of twelve
/// even ones is near enough.
fn lognormal(dice: &mut Dice, median: f64, spread: f64) -> f64 {
    let sum: f64 = (0..12).map(|_| between(dice, 0.0, 1.0)).sum();
    median * (spread * (sum - 6.0)).exp()
}
