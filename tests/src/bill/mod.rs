//! Worlds in which an opt-in is estimated first and paid afterwards. Every choice comes from the
//! world's seed.

pub mod contents;
pub mod meter;

use controller_core::{
    estimate::{Amount, Range},
    id::Scope,
    usage::Kind,
};
use jiff::SignedDuration;
use local_aws::macie::{Figures, Prices};
use maciectl::commands::estimate::{Row, total};
use serde_json::{Value, json};

use self::{
    contents::{Contents, Packing},
    meter::{Meter, number},
};
use crate::{EU, Scenario, Setup, US, scenario::account, simulation::dice::Dice};

/// What was promised, what it cost, and what may have made the difference.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The world.
    pub seed: u64,
    /// The policy's percentage.
    pub sampling: u8,
    /// Whether Macie had counted all that the first scan found.
    pub fresh: bool,
    /// Whether an account has more than the first tier of the price list.
    pub tiers: bool,
    /// How much of the bytes to scan is compressed, from 0 to 1.
    pub compressed: f64,
    /// The first scan's estimate in dollars: at least, likely, at most.
    pub promised: [f64; 3],
    /// What the first scan cost.
    pub scan: f64,
    /// A month's monitoring as it was estimated.
    pub month: f64,
    /// 30 days' monitoring as it was charged.
    pub monitoring: f64,
    /// What the jobs cost after the first scan.
    pub later: f64,
}

impl Outcome {
    /// How far the sum of first scan and monitoring is from the bill, as a part of the bill; above
    /// nothing when the estimate is too high.
    pub fn error(&self) -> f64 {
        let bill = self.scan + self.monitoring;
        (self.promised[1] + self.month - bill) / bill
    }

    /// Whether the first scan's cost is in its range, to a hundredth of a cent.
    pub fn is_contained(&self) -> bool {
        let [low, _, high] = self.promised;
        (low - 1e-4..=high + 1e-4).contains(&self.scan)
    }
}

/// A world before and after its opt-ins.
struct Story {
    seed: u64,
    dice: Dice,
    scenario: Scenario,
    accounts: usize,
    regions: Vec<&'static str>,
    packing: Packing,
    /// The last account is not enrolled before.
    has_stranger: bool,
    has_tiers: bool,
    fresh: bool,
    sampling: u8,
    /// The buckets that will be tagged.
    joining: Vec<Joining>,
}

struct Joining {
    number: usize,
    region: &'static str,
    name: String,
    contents: Contents,
}

/// Tells the story of a seed.
pub async fn judge(seed: u64) -> Outcome {
    let mut story = Story::start(seed).await;
    story.enrol().await;
    story.fill();
    story.write_late();
    story.not_counted_is_unknown().await;
    story.tag();
    let rows = story.scenario.estimate(&["--all"]).await.unwrap();
    story.strangers_are_unknown(&rows);
    story.pay(&rows).await
}

impl Story {
    async fn start(seed: u64) -> Self {
        let mut dice = Dice::new(seed, 0);
        let sampling = dice.weighted(&[(6, 100), (2, 50), (2, 20), (1, 10)]);
        let [bucket, gigabyte] = dice.pick(&[["0.10", "1.00"], ["0.12", "1.25"], ["0.09", "0.80"]]);
        let accounts = 1 + dice.below(3);
        // US East has the list's prices, with its tiers.
        let prices = json!({ EU: { "bucketMonth": bucket, "gigabyte": gigabyte } });
        let scenario = Setup::new(accounts)
            .policy(json!({ "jobs": { "samplingPercentage": sampling }, "prices": Value::Null }))
            .policy(json!({ "prices": prices }))
            .start()
            .await;
        let flat = Prices::flat(bucket.parse().unwrap(), gigabyte.parse().unwrap());
        scenario.world(|world| {
            world.macie.figures = Figures {
                prices: [(EU.to_owned(), flat)].into(),
                quota_terabytes: 1_000,
                samples_objects: true,
                counts_daily: true,
            };
        });
        let regions = dice.pick(&[vec![EU], vec![US], vec![EU, US]]);
        Self {
            seed,
            has_stranger: accounts > 1 && dice.happens(300),
            has_tiers: regions.contains(&US) && dice.happens(150),
            packing: dice.weighted(&[(4, Packing::None), (2, Packing::Rare), (6, Packing::Mixed)]),
            fresh: dice.happens(800),
            dice,
            scenario,
            accounts,
            regions,
            sampling,
            joining: Vec::new(),
        }
    }

    fn enrolled(&self) -> usize {
        self.accounts - usize::from(self.has_stranger)
    }

    /// Any day within a year, in the morning, so that nothing below happens about midnight.
    async fn enrol(&mut self) {
        let (days, hours) = (self.dice.below(365), 18 + self.dice.below(8));
        self.scenario.turn(&format!("P{days}DT{hours}H"));
        for number in 1..=self.enrolled() {
            for region in self.regions.clone() {
                let name = format!("first-{number}-{region}");
                self.scenario
                    .create_bucket_with_tags(number, region, &name, &[("macie", "true")]);
            }
        }
        self.scenario.run_well().await;
        self.scenario.turn("PT30M");
    }

    /// Buckets that will be tagged and their neighbours that will not, days before.
    fn fill(&mut self) {
        for number in 1..=self.accounts {
            for region in self.regions.clone() {
                for _ in 0..1 + self.dice.below(4) {
                    let (name, contents) = self.new_bucket(number, region);
                    self.joining.push(Joining {
                        number,
                        region,
                        name,
                        contents,
                    });
                }
                for _ in 0..self.dice.below(6) {
                    self.new_bucket(number, region);
                }
            }
        }
        // After the daily job's run, and well before the next one.
        let (days, hours) = (2 + self.dice.below(3), 2 + self.dice.below(6));
        self.scenario.turn(&format!("P{days}DT{hours}H"));
    }

    fn new_bucket(&mut self, number: usize, region: &'static str) -> (String, Contents) {
        let name = format!(
            "b-{}-{}",
            self.seed,
            self.scenario.world(|world| world.serial())
        );
        self.scenario.create_bucket(number, region, &name);
        let contents = match self.has_tiers && region == US && self.dice.happens(300) {
            true => Contents::huge(&mut self.dice),
            false => Contents::any(&mut self.dice, self.packing),
        };
        self.write(&contents, &name, "old");
        (name, contents)
    }

    fn write(&mut self, contents: &Contents, bucket: &str, word: &str) {
        let dice = &mut self.dice;
        self.scenario
            .world(|world| contents.write(dice, world, bucket, word));
    }

    /// What Macie will not count before tomorrow: a new bucket, and in some worlds new objects.
    fn write_late(&mut self) {
        let region = self.regions[0];
        self.scenario.create_bucket(1, region, "late");
        let contents = Contents::any(&mut self.dice, Packing::None);
        self.write(&contents, "late", "new");
        if !self.fresh {
            self.grow("late");
        }
        self.scenario.turn("PT10M");
    }

    /// Some buckets get more of what they have.
    fn grow(&mut self, word: &str) {
        let (dice, scenario) = (&mut self.dice, &self.scenario);
        for bucket in &self.joining {
            if dice.happens(500) {
                let more = bucket.contents.more(dice);
                scenario.world(|world| more.write(dice, world, &bucket.name, word));
            }
        }
    }

    /// A bucket that Macie has not counted yet is unknown, whatever is in it.
    async fn not_counted_is_unknown(&self) {
        let owner = account(1);
        let asked = ["late", "--account", &owner];
        let rows = self.scenario.estimate(&asked).await.unwrap();
        let Amount::Unknown { unknown } = &rows[0].buckets[0].first_scan else {
            panic!("seed {}: {rows:#?}", self.seed);
        };
        assert!(unknown.to_string().contains("has not counted it yet"));
    }

    fn tag(&self) {
        for bucket in &self.joining {
            self.scenario
                .tag(bucket.number, bucket.region, &bucket.name);
        }
    }

    /// Macie knows nothing of an account that is not enrolled; of every other one it knows each
    /// bucket.
    fn strangers_are_unknown(&self, rows: &[Row]) {
        let expected = self.joining.len() + self.enrolled() * self.regions.len();
        let buckets = rows.iter().map(|row| row.buckets.len());
        assert_eq!(buckets.sum::<usize>(), expected, "seed {}", self.seed);
        for row in rows {
            let enrolled = row.enrolled == Some(true);
            for bucket in &row.buckets {
                let is_known = matches!(bucket.first_scan, Amount::Known(_));
                assert_eq!(is_known, enrolled, "seed {}: {bucket:?}", self.seed);
            }
        }
    }

    /// The controller enrols and scans, and 30 days pass in which teams write.
    async fn pay(mut self, rows: &[Row]) -> Outcome {
        let known = |scope: &Scope| {
            let is = |row: &&Row| row.account == scope.account && row.region == scope.region;
            rows.iter()
                .find(is)
                .is_some_and(|row| row.enrolled == Some(true))
        };
        let promised = total(rows);
        let compressed = self.compressed();
        let end = self.scenario.now() + SignedDuration::from_hours(30 * 24);
        let mut meter = Meter::start(&self.scenario).await;
        self.scenario.run_well().await;
        self.scenario.turn("PT30M");
        meter.look(&self.scenario).await;
        let (scan, all) = (
            meter.spent(&Kind::Jobs, known),
            meter.spent(&Kind::Jobs, |_| true),
        );
        if self.dice.happens(500) {
            let later = self.scenario.now() + SignedDuration::from_hours(24 * 3);
            meter.turn(&self.scenario, later).await;
            self.grow("more");
        }
        meter.turn(&self.scenario, end).await;
        let Range { low, likely, high } = promised.first_scan;
        Outcome {
            seed: self.seed,
            sampling: self.sampling,
            fresh: self.fresh,
            tiers: self.has_tiers,
            compressed,
            promised: [low, likely, high].map(number),
            scan,
            month: number(promised.monitoring_per_month.likely),
            monitoring: meter.spent(&Kind::Monitoring, |_| true),
            later: meter.spent(&Kind::Jobs, |_| true) - all,
        }
    }

    /// How much of the bytes of enrolled accounts that are to be scanned is compressed.
    fn compressed(&self) -> f64 {
        let (mut compressed, mut sum) = (0, 0);
        self.scenario.world(|world| {
            let joining = self.joining.iter();
            for bucket in joining.filter(|bucket| bucket.number <= self.enrolled()) {
                for (key, object) in &world.s3.buckets[&bucket.name].objects {
                    sum += if key.contains('.') { object.bytes } else { 0 };
                    compressed += object.unpacked.map_or(0, |_| object.bytes);
                }
            }
        });
        compressed as f64 / sum.max(1) as f64
    }
}
