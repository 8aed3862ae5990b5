//! Which facts are missing. The shell reads them, all of one answer at the same time, and asks
//! again until nothing is missing. A fact that nobody asked for stays unread, and decisions treat
//! it as unknown: asking too little can only make the controller do too little.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    decide::{
        budget::{capped, caps},
        gaps,
        jobs::JobsView,
        member,
    },
    id::{BucketName, JobId},
    observed::{Evidence, Member, Membership, Observed, Relationship},
    policy::{Mode, Policy},
};

/// A read that the shell knows how to make.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// `organizations:DescribeOrganization`.
    Management,
    /// `macie2:GetMember`.
    Member,
    /// `macie2:ListClassificationJobs`.
    Jobs,
    /// `s3:GetBucketTagging` in the account.
    Bucket(BucketName),
    /// `tag:GetResources` in the account.
    Index,
    /// `s3:ListBuckets` in the account.
    Listing,
    /// `organizations:DescribeAccount`.
    Account,
    /// `organizations:ListParents`, up to the root.
    Units,
    /// `macie2:DescribeBuckets` as a nudge, then `SearchResources` and `GetBucketStatistics`.
    Inventory,
    /// `macie2:DescribeBuckets` of these.
    Sizes(BTreeSet<BucketName>),
    /// `macie2:GetUsageStatistics` of the account.
    Spent,
    /// `macie2:DescribeClassificationJob`.
    LastRun(JobId),
    /// `macie2:ListMembers`.
    Census,
}

/// Unread buckets of a long listing that are asked for at a time, so that a tagged one near the
/// front ends the reading. The shell reads 16 at a time: 7 full turns.
const LISTING_STEP: usize = 112;

/// The reads that a decision still needs; empty when it can be made.
pub fn wants(policy: &Policy, observed: &Observed, now: Timestamp) -> BTreeSet<Read> {
    let mut reads = Wanted::new(observed);
    if !policy.governs(&observed.scope.region) {
        return reads.unread;
    }
    reads.first(policy);
    if reads.unread.is_empty() {
        reads.next(policy, now);
    }
    reads.unread
}

struct Wanted<'a> {
    observed: &'a Observed,
    unread: BTreeSet<Read>,
}

impl<'a> Wanted<'a> {
    fn new(observed: &'a Observed) -> Self {
        Self {
            observed,
            unread: BTreeSet::new(),
        }
    }

    /// Asks for a fact unless it was asked for before.
    fn want(&mut self, read: Read) {
        let observed = self.observed;
        let unread = match &read {
            Read::Management => observed.management.is_unread(),
            Read::Member => observed.member.is_unread(),
            Read::Jobs => observed.jobs.is_unread(),
            Read::Bucket(name) => observed.bucket(name).is_unread(),
            Read::Index => observed.index.is_unread(),
            Read::Listing => observed.listing.is_unread(),
            Read::Account => observed.account.is_unread(),
            Read::Units => observed.units.is_unread(),
            Read::Inventory => observed.inventory.is_unread(),
            Read::Sizes(names) => !names.is_empty(),
            Read::Spent => observed.spent.is_unread(),
            Read::LastRun(job) => !observed.last_runs.contains_key(job),
            Read::Census => observed.census.is_unread(),
        };
        if unread {
            self.unread.insert(read);
        }
    }

    /// What every reconcile reads, at once.
    fn first(&mut self, policy: &Policy) {
        if !self.observed.is_administrator() {
            self.want(Read::Member);
        }
        self.want(Read::Jobs);
        if self.observed.hints.is_empty() {
            self.want(Read::Index);
        }
        for hint in &self.observed.hints {
            self.want(Read::Bucket(hint.clone()));
        }
        if policy.has_unit_rules() {
            self.want(Read::Units);
        }
    }

    /// What follows from the first answers.
    fn next(&mut self, policy: &Policy, now: Timestamp) {
        let Some(mode) = member::mode(policy, self.observed) else {
            return;
        };
        if self.observed.is_administrator() {
            self.enrolled(policy, mode, None);
            return;
        }
        match self.observed.member.known() {
            None => {}
            Some(Membership::Stranger) => self.outsider(mode),
            Some(Membership::Member(known)) => match known.status {
                Relationship::Removed | Relationship::Paused => self.outsider(mode),
                Relationship::Enabled => {
                    self.enrolled(policy, mode, Some(known));
                    self.leaving(policy, mode, known, now);
                }
                _ => {}
            },
        }
    }

    /// An account that is not enrolled costs one more look when it asks to be.
    fn outsider(&mut self, mode: Mode) {
        if mode == Mode::Excluded {
            return;
        }
        match self.observed.evidence() {
            Evidence::OptedIn => self.admission(),
            _ if mode == Mode::Mandatory => self.admission(),
            Evidence::Indexed => self.confirm_one(),
            _ => {}
        }
    }

    fn admission(&mut self) {
        self.want(Read::Management);
        self.want(Read::Account);
    }

    /// What is needed to give an enrolled account its jobs.
    fn enrolled(&mut self, policy: &Policy, mode: Mode, known: Option<&Member>) {
        let evidence = self.observed.evidence();
        let Some(jobs) = self.observed.jobs.known() else {
            return;
        };
        let asks = matches!(evidence, Evidence::OptedIn | Evidence::Indexed);
        if !asks || mode == Mode::Excluded {
            return;
        }
        let caps = caps(policy, self.observed).unwrap_or_default();
        if caps.month.is_some() {
            self.want(Read::Spent);
        }
        let view = JobsView::new(policy, &self.observed.scope, jobs, known);
        let candidates: BTreeSet<BucketName> = self
            .observed
            .confirmed()
            .union(&self.observed.indexed())
            .cloned()
            .collect();
        if let Some(index) = self.observed.index.known() {
            for name in view.being_baselined().difference(index) {
                self.want(Read::Bucket(name.clone()));
            }
        }
        if view.has_daily() && !view.drifted().is_empty() {
            self.want(Read::Index);
        }
        let returning = known.is_some_and(member::is_returning);
        let open = gaps::may_be_open(&view, known, self.observed);
        if returning {
            self.confirm_one();
        }
        if view.has_daily() && view.uncovered(&candidates).is_empty() && !open {
            return;
        }
        self.want(Read::Index);
        self.want(Read::Inventory);
        let unconfirmed = if open || !view.has_daily() {
            candidates
        } else {
            view.uncovered(&candidates)
        };
        for name in unconfirmed {
            self.want(Read::Bucket(name));
        }
        let uncovered = view.uncovered(&self.observed.confirmed());
        let capped = capped(caps, self.observed, &uncovered).into_iter();
        let unread = capped.filter(|name| !self.observed.sizes.contains_key(name));
        self.want(Read::Sizes(unread.collect()));
        for job in gaps::jobs_to_describe(&view, known, self.observed) {
            self.want(Read::LastRun(job));
        }
    }

    /// What is needed to say that nothing is opted in any more.
    fn leaving(&mut self, policy: &Policy, mode: Mode, known: &Member, now: Timestamp) {
        let owned = known.is_owned(&policy.ownership);
        if mode == Mode::Mandatory || !owned {
            return;
        }
        match self.observed.evidence() {
            Evidence::OptedIn => {}
            Evidence::Indexed => self.confirm_one(),
            Evidence::NoneLeft => {
                if member::grace_is_over(policy, known, now) {
                    self.want(Read::Census);
                }
            }
            Evidence::Unproven | Evidence::Unknown(_) => self.prove(policy, known, now),
        }
    }

    /// The index first, which is cheap; every bucket only before something is written.
    fn prove(&mut self, policy: &Policy, known: &Member, now: Timestamp) {
        self.want(Read::Index);
        let must_mark = member::left_at(known, now).is_none() && !self.observed.is_debounced(now);
        let must_write = must_mark || member::grace_is_over(policy, known, now);
        if self.observed.index.known().is_none() || !must_write {
            return;
        }
        self.want(Read::Listing);
        let listed: Vec<&BucketName> = self
            .observed
            .listing
            .known()
            .into_iter()
            .flatten()
            .collect();
        // One bucket that cannot be read forbids a suspension: the others need not be read.
        if listed
            .iter()
            .any(|name| self.observed.bucket(name).trouble().is_some())
        {
            return;
        }
        let unread = listed
            .into_iter()
            .filter(|name| self.observed.bucket(name).is_unread());
        for name in unread.take(LISTING_STEP) {
            self.want(Read::Bucket(name.clone()));
        }
    }

    /// One bucket of the index, read on the bucket, is enough to keep an account.
    fn confirm_one(&mut self) {
        if !self.observed.confirmed().is_empty() {
            return;
        }
        let indexed = self.observed.indexed();
        let hints = &self.observed.hints;
        // That the index still has the bucket that an event was about is no surprise.
        let stale = self
            .observed
            .index
            .known()
            .is_some_and(|index| index.difference(&indexed).any(|name| !hints.contains(name)));
        let unread = indexed
            .iter()
            .filter(|name| self.observed.bucket(name).is_unread());
        // One yes is enough; an index that was wrong once is asked about all at once.
        for name in unread.take(if stale { LISTING_STEP } else { 1 }) {
            self.want(Read::Bucket(name.clone()));
        }
    }
}
