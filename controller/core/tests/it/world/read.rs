//! What the world answers.

use std::collections::{BTreeMap, BTreeSet};

use controller_core::{
    estimate::Sized,
    id::BucketName,
    money::Usd,
    observed::{
        BucketReading, BucketSize, Census, ErrorClass, Fact, Inventory, Member, Membership,
        OPTED_OUT_SINCE, Observed, Relationship, Trouble,
    },
    wants::{Read, wants},
};

use super::World;

pub fn trouble(operation: &'static str) -> Trouble {
    Trouble {
        operation,
        class: ErrorClass::Denied,
        message: "AccessDenied".to_owned(),
    }
}

fn operation(read: &Read) -> &'static str {
    match read {
        Read::Management => "organizations:DescribeOrganization",
        Read::Member => "macie2:GetMember",
        Read::Jobs => "macie2:ListClassificationJobs",
        Read::Bucket(_) => "s3:GetBucketTagging",
        Read::Index => "tag:GetResources",
        Read::Listing => "s3:ListBuckets",
        Read::Account => "organizations:DescribeAccount",
        Read::Units => "organizations:ListParents",
        Read::Inventory => "macie2:SearchResources",
        Read::Sizes(_) => "macie2:DescribeBuckets",
        Read::Spent => "macie2:GetUsageStatistics",
        Read::LastRun(_) => "macie2:DescribeClassificationJob",
        Read::Census => "macie2:ListMembers",
    }
}

impl World {
    pub fn unread(&self, hints: &BTreeSet<BucketName>) -> Observed {
        let administrator = self.administrator.clone();
        let mut unread = Observed::new(self.scope.clone(), hints.clone(), administrator);
        unread.debounced_until = self.debounced_until;
        unread
    }

    fn answer<T>(&self, read: &Read, value: T) -> Fact<T> {
        if self.broken.contains(read) {
            Fact::Unknown(trouble(operation(read)))
        } else {
            Fact::Known(value)
        }
    }

    /// Makes one read.
    pub fn read(&self, observed: &mut Observed, read: &Read) {
        match read {
            Read::Management => {
                observed.management = self.answer(read, self.management.clone());
            }
            Read::Member => {
                let member = self.member.clone();
                let membership = member.map_or(Membership::Stranger, Membership::Member);
                observed.member = self.answer(read, membership);
            }
            Read::Jobs => {
                let jobs = self.jobs.iter().map(|job| job.job.clone()).collect();
                observed.jobs = self.answer(read, jobs);
            }
            Read::Bucket(name) => {
                observed.buckets.insert(name.clone(), self.tags(read, name));
                let budget = self.budget_tags.get(name).cloned();
                observed
                    .budget_tags
                    .extend(budget.map(|text| (name.clone(), text)));
            }
            Read::Index => observed.index = self.answer(read, self.index()),
            Read::Listing => observed.listing = self.answer(read, self.listing()),
            Read::Account => observed.account = self.answer(read, self.standing.clone()),
            Read::Units => observed.units = self.answer(read, self.units.clone()),
            Read::Inventory => observed.inventory = self.answer(read, self.inventory()),
            Read::Sizes(names) => {
                for name in names {
                    let size = self.answer(read, self.sized(name));
                    observed.sizes.insert(name.clone(), size);
                }
            }
            Read::Spent => {
                let spent = self.spent.get(&self.month()).copied().unwrap_or_default();
                observed.spent = self.answer(read, Usd(spent.into()));
            }
            Read::LastRun(id) => {
                let job = self.jobs.iter().find(|job| job.job.id == *id).unwrap();
                let fact = self.answer(read, job.last_run);
                observed.last_runs.insert(id.clone(), fact);
            }
            Read::Census => observed.census = self.answer(read, self.census()),
        }
    }

    /// As Macie's inventory has it, which needs a day for a new bucket.
    fn sized(&self, name: &BucketName) -> Option<Sized> {
        self.visible().get(name)?;
        let counted = !self.uncounted.contains(name);
        let gigabytes = self.gigabytes.get(name).copied().unwrap_or(2) * u64::from(counted);
        let first = self.buckets[name].objects.first();
        Some(Sized {
            name: name.clone(),
            size: BucketSize {
                classifiable_bytes: Some(gigabytes * 1_000_000_000),
                compressed_bytes: 0,
            },
            objects: None,
            over_quota: false,
            created_at: first.map(|(written, _)| *written),
            updated_at: None,
        })
    }

    fn tags(&self, read: &Read, name: &BucketName) -> Fact<BucketReading> {
        match self.buckets.get(name) {
            None => self.answer(read, BucketReading::Gone),
            Some(bucket) if !bucket.readable => Fact::Unknown(trouble(operation(read))),
            Some(bucket) => self.answer(read, bucket.truth.clone()),
        }
    }

    pub fn index(&self) -> BTreeSet<BucketName> {
        self.index.clone().unwrap_or_else(|| self.opted_in())
    }

    pub fn listing(&self) -> BTreeSet<BucketName> {
        let here = self.buckets.iter().filter(|(_, bucket)| {
            !matches!(bucket.truth, BucketReading::Gone | BucketReading::Elsewhere)
        });
        here.map(|(name, _)| name.clone()).collect()
    }

    pub fn served(&self) -> bool {
        self.scope.account == self.administrator || self.status() == Some(&Relationship::Enabled)
    }

    pub fn visible(&self) -> BTreeSet<BucketName> {
        let shown = self
            .buckets
            .iter()
            .filter(|(_, bucket)| bucket.opted_in() && bucket.visible_from <= self.now);
        let names = shown.map(|(name, _)| name.clone());
        names.filter(|_| self.served()).collect()
    }

    fn inventory(&self) -> Inventory {
        let buckets = self.visible().into_iter();
        let buckets = buckets.filter_map(|name| Some((name.clone(), self.sized(&name)?)));
        Inventory {
            buckets: buckets.collect(),
            monitored: Some(u64::try_from(self.listing().len()).unwrap()),
        }
    }

    fn census(&self) -> Census {
        let other = |number: usize| format!("{:012}", 600_000_000_000 + number);
        let suspended = self.others_suspended.iter().map(|at| Member {
            status: Relationship::Paused,
            tags: BTreeMap::new(),
            updated_at: Some(*at),
        });
        let ownership = &self.policy.ownership;
        let due = self.others_left.iter().map(|since| Member {
            status: Relationship::Enabled,
            tags: BTreeMap::from([
                (ownership.key.clone(), ownership.value.clone()),
                (OPTED_OUT_SINCE.to_owned(), since.to_string()),
            ]),
            updated_at: None,
        });
        let others = suspended.chain(due).enumerate();
        let others = others.map(|(number, member)| (other(number).parse().unwrap(), member));
        let own = self.member.clone().filter(|member| {
            member.status == Relationship::Paused || member.tags.contains_key(OPTED_OUT_SINCE)
        });
        let own = own.map(|member| (self.scope.account.clone(), member));
        Census {
            members: self.others + usize::from(self.member.is_some()),
            leaving: others.chain(own).collect(),
        }
    }

    /// Reads until the core wants nothing more, as the shell does.
    pub fn observe(&mut self, hints: &BTreeSet<BucketName>) -> Observed {
        let mut observed = self.unread(hints);
        loop {
            let reads = wants(&self.policy, &observed, self.now);
            if reads.is_empty() {
                return observed;
            }
            for read in reads {
                self.read(&mut observed, &read);
                self.reads.push(read);
            }
        }
    }

    /// Reads everything there is.
    pub fn observe_all(&self, hints: &BTreeSet<BucketName>) -> Observed {
        let mut observed = self.unread(hints);
        let mut reads = vec![
            Read::Management,
            Read::Member,
            Read::Jobs,
            Read::Index,
            Read::Listing,
            Read::Account,
            Read::Units,
            Read::Inventory,
            Read::Census,
            Read::Spent,
        ];
        let names = self.listing().into_iter().chain(self.index());
        let names: BTreeSet<BucketName> = names.chain(hints.iter().cloned()).collect();
        reads.push(Read::Sizes(names.clone()));
        reads.extend(names.into_iter().map(Read::Bucket));
        reads.extend(
            self.jobs
                .iter()
                .map(|job| Read::LastRun(job.job.id.clone())),
        );
        for read in &reads {
            self.read(&mut observed, read);
        }
        observed
    }
}
