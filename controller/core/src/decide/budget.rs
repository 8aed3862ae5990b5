//! What the policy's budgets let an account do now: unknown costs are never within a budget.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{
    estimate::{Amount, Unknown, first_scan},
    id::BucketName,
    money::Usd,
    observed::{
        APPROVED, Approval, CONFIRMED, Fact, Job, JobKind, JobStatus, Member, Observed,
        of_paused_key, paused_key,
    },
    plan::{Action, Blocked, Note, Plan, Waiting, Why},
    policy::{Cap, Caps, OverBudget, Policy},
    usage::month,
};

/// How far Macie's time of a pause may be from the time that the controller marked the job with.
/// Whatever is further away was a person.
pub const PAUSE_WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// How old a mark may be when the job is paused: a crash may have come between.
pub const FRESH: SignedDuration = SignedDuration::from_mins(1);
/// How long after its announcement a pause without a time is still the controller's: a crash may have come
/// between, and the next sweep sees it.
const SEEN: SignedDuration = SignedDuration::from_hours(12);
/// How many tags a member has at most before jobs are marked: AWS allows 50 (Macie User Guide,
/// tagging-resources), and the controller's others need a few.
const TAGS: usize = 42;

/// An account's caps in a Region, with what raises and lowers them.
pub struct Budget<'a> {
    policy: &'a Policy,
    observed: &'a Observed,
    now: Timestamp,
    member: Option<&'a Member>,
    caps: Caps,
    approved: Option<Usd>,
}

/// What the month lets an account do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Month {
    /// Whatever it needs.
    Open,
    /// Nothing new, because nobody knows what has been spent.
    Unknown,
    /// Nothing new, because so much has been spent.
    Spent {
        /// US dollars so far.
        spent: Usd,
        /// The cap.
        cap: Usd,
    },
}

/// The caps of an account, if its units are known where they matter.
pub fn caps(policy: &Policy, observed: &Observed) -> Option<Caps> {
    let account = &observed.scope.account;
    match observed.units.known() {
        Some(units) => Some(policy.budgets.of(account, units)),
        None if policy.has_unit_rules() => None,
        None => Some(policy.budgets.of(account, &[])),
    }
}

/// Buckets whose first scan has a cap: of these the size must be known.
pub fn capped(
    caps: Caps,
    observed: &Observed,
    buckets: &BTreeSet<BucketName>,
) -> BTreeSet<BucketName> {
    let is_capped =
        |name: &&BucketName| caps.first_scan.is_some() || observed.budget_tags.contains_key(*name);
    buckets.iter().filter(is_capped).cloned().collect()
}

/// Whether it was the controller that paused a job: the member carries a mark for it, of about the time
/// that Macie gives, or confirmed where Macie gives none.
pub fn is_paused_by_us(member: Option<&Member>, job: &Job) -> bool {
    let Some(member) = member.filter(|_| job.status == JobStatus::UserPaused) else {
        return false;
    };
    let confirmed = member.paused_since(&job.id);
    let mark = confirmed.or_else(|| member.time(&paused_key(&job.id)));
    match (job.paused_at, mark) {
        (Some(at), Some(mark)) => at.duration_since(mark).abs() <= PAUSE_WINDOW,
        (None, _) => confirmed.is_some(),
        (Some(_), None) => false,
    }
}

/// When the controller announced a pause that it sees now for the first time, and of which Macie gives no
/// time.
fn unconfirmed(member: &Member, job: &Job, now: Timestamp) -> Option<Timestamp> {
    let mark = member.time(&paused_key(&job.id))?;
    let is_seen = job.status == JobStatus::UserPaused && job.paused_at.is_none();
    (is_seen && now.duration_since(mark).abs() <= SEEN).then_some(mark)
}

impl<'a> Budget<'a> {
    /// None when it is not known which caps count.
    pub fn new(policy: &'a Policy, observed: &'a Observed, now: Timestamp) -> Option<Self> {
        let member = observed.known_member();
        let approval = member.and_then(|member| Approval::parse(member.tags.get(APPROVED)?));
        Some(Self {
            policy,
            observed,
            now,
            member,
            caps: caps(policy, observed)?,
            approved: approval
                .filter(|approval| now < approval.until)
                .map(|approval| approval.usd),
        })
    }

    fn raised(&self, cap: Usd) -> Usd {
        self.approved.map_or(cap, |approved| approved.max(cap))
    }

    /// What the account may cost this month, with what a person has approved; none without a cap.
    pub fn month_cap(&self) -> Option<Cap> {
        let raised = |cap: Cap| Cap {
            usd: self.raised(cap.usd),
            ..cap
        };
        self.caps.month.map(raised)
    }

    /// What may be done this month; tells what a person should know of it.
    pub fn month(&self, plan: &mut Plan) -> Month {
        let Some(cap) = self.month_cap() else {
            return Month::Open;
        };
        let month = match &self.observed.spent {
            Fact::Known(spent) if *spent < cap.usd => Month::Open,
            Fact::Known(spent) => Month::Spent {
                spent: *spent,
                cap: cap.usd,
            },
            Fact::Unknown(trouble) => {
                plan.unreadable(trouble);
                Month::Unknown
            }
            Fact::Unread => Month::Unknown,
        };
        match (month, cap.action) {
            (Month::Spent { spent, cap }, OverBudget::Warn) => {
                plan.note(Note::OverBudget { spent, cap });
                Month::Open
            }
            (Month::Unknown, OverBudget::Warn) => Month::Open,
            (month, _) => month,
        }
    }

    /// Those of these buckets whose first scan may be paid for; tells of the others.
    pub fn affordable(
        &self,
        buckets: BTreeSet<BucketName>,
        plan: &mut Plan,
    ) -> BTreeSet<BucketName> {
        let mut held = BTreeMap::new();
        let (fine, _) = buckets
            .into_iter()
            .partition(|name| match self.first_scan(name, plan) {
                None => true,
                Some(until) => {
                    held.entry(until)
                        .or_insert_with(Vec::new)
                        .push(name.clone());
                    false
                }
            });
        for (until, mut buckets) in held {
            buckets.truncate(20);
            if let Some(until) = until {
                plan.waiting(Waiting::Size { buckets, until });
            }
        }
        fine
    }

    /// Whether the size of a bucket could not be read, which is told.
    fn is_unread(&self, bucket: &BucketName, plan: &mut Plan) -> bool {
        let trouble = self.observed.sizes.get(bucket).and_then(Fact::trouble);
        if let Some(trouble) = trouble {
            plan.unreadable(trouble);
        }
        trouble.is_some()
    }

    /// None when a bucket may be scanned; else until when its size is unknown, if only that is
    /// missing.
    fn first_scan(&self, bucket: &BucketName, plan: &mut Plan) -> Option<Option<Timestamp>> {
        let (limit, holds) = match self.limit(bucket) {
            Err(found) => {
                let bucket = bucket.clone();
                plan.blocked(Blocked::BudgetTag { bucket, found });
                return Some(None);
            }
            Ok(None) => return None,
            Ok(Some(limit)) => limit,
        };
        let likely = match self.estimate(bucket) {
            Amount::Known(range) => Ok(range.likely),
            Amount::Unknown { unknown } => Err(unknown),
        };
        let bucket = bucket.clone();
        match likely {
            Ok(usd) if usd <= limit => None,
            Ok(usd) if !holds => {
                plan.note(Note::FirstScanOverBudget {
                    bucket,
                    usd,
                    cap: limit,
                });
                None
            }
            Ok(usd) => {
                plan.blocked(Blocked::FirstScanOverBudget {
                    bucket,
                    usd,
                    cap: limit,
                });
                Some(None)
            }
            Err(_) if !holds => None,
            Err(Unknown::NotRead) if self.is_unread(&bucket, plan) => Some(None),
            Err(Unknown::New { until }) => Some(Some(until)),
            Err(unknown) => {
                plan.blocked(Blocked::CostUnknown { bucket, unknown });
                Some(None)
            }
        }
    }

    /// The most that a bucket's first scan may cost, and whether it is held beyond: the policy's cap,
    /// which an approval raises, and the bucket's own tag lowers. The tag as it is found when it is no
    /// amount.
    fn limit(&self, bucket: &BucketName) -> Result<Option<(Usd, bool)>, String> {
        let cap = self.caps.first_scan;
        let cap = cap.map(|cap| (self.raised(cap.usd), cap.action != OverBudget::Warn));
        let Some(tag) = self.observed.budget_tags.get(bucket) else {
            return Ok(cap);
        };
        let own = Usd::budget(tag).ok_or_else(|| tag.chars().take(20).collect::<String>())?;
        let lowest = match cap {
            Some((usd, true)) => own.min(usd),
            _ => own,
        };
        Ok(Some((lowest, true)))
    }

    fn estimate(&self, bucket: &BucketName) -> Amount {
        match self.observed.sizes.get(bucket) {
            Some(Fact::Known(Some(sized))) => {
                let region = &self.observed.scope.region;
                let enrolled_at = self.observed.enrolled_at();
                let volume = first_scan(self.policy, region, sized, enrolled_at, self.now);
                Amount::of(volume, self.policy, region)
            }
            Some(Fact::Known(None)) => Unknown::NotSeen.into(),
            Some(Fact::Unknown(_) | Fact::Unread) | None => Unknown::NotRead.into(),
        }
    }

    /// Pauses the account's jobs when the month's budget is spent and the policy says so; resumes what
    /// the controller paused, and nothing else, when it is not. A job that the plan cancels is past both.
    pub fn pause_or_resume(&self, month: Month, jobs: &[Job], plan: &mut Plan) {
        let goes_on = |job: &&Job| !plan.steps.iter().any(|step| cancels(&step.action, job));
        let live: Vec<&Job> = jobs.iter().filter(goes_on).collect();
        let Some(member) = self
            .member
            .filter(|member| member.is_owned(&self.policy.ownership))
        else {
            return;
        };
        let pauses = self
            .caps
            .month
            .is_some_and(|cap| cap.action == OverBudget::Pause);
        match month {
            Month::Spent { spent, cap } if pauses => self.pause(member, &live, (spent, cap), plan),
            Month::Unknown if pauses => {}
            _ => {
                resume(member, &live, plan);
                self.forget(jobs, plan);
            }
        }
    }

    /// A job is marked before it is paused, so that its pause is never taken for a person's.
    fn pause(&self, member: &Member, jobs: &[&Job], (spent, cap): (Usd, Usd), plan: &mut Plan) {
        let why = Why::OverBudget { spent, cap };
        let (marked, unmarked): (Vec<&Job>, Vec<&Job>) = jobs
            .iter()
            .filter(|job| works(job))
            .partition(|job| self.is_marked(member, job));
        for job in marked {
            let (job, kind) = (job.id.clone(), job.kind.clone());
            plan.step(Action::PauseJob { job, kind }, why.clone());
        }
        let tags = self.marks(member, jobs, unmarked);
        if !tags.is_empty() {
            plan.step(Action::TagMember { tags }, why);
        }
        if let Some(until) = jobs
            .iter()
            .any(|job| is_paused_by_us(self.member, job))
            .then(|| month(self.now))
            .flatten()
        {
            plan.waiting(Waiting::Budget {
                spent,
                cap,
                until: until.1,
            });
        }
    }

    fn is_marked(&self, member: &Member, job: &Job) -> bool {
        let is_fresh = |at: Timestamp| self.now.duration_since(at).abs() <= FRESH;
        member.time(&paused_key(&job.id)).is_some_and(is_fresh)
    }

    /// Marks of pauses that are seen, and of those to come, daily jobs first, as many as the member has
    /// room for.
    fn marks(
        &self,
        member: &Member,
        jobs: &[&Job],
        mut unmarked: Vec<&Job>,
    ) -> BTreeMap<String, String> {
        let seen = jobs.iter().filter_map(|job| {
            let at = unconfirmed(member, job, self.now)?;
            Some((paused_key(&job.id), format!("{at}{CONFIRMED}")))
        });
        unmarked.sort_by_key(|job| !matches!(job.kind, JobKind::Daily { .. }));
        let keys = unmarked.into_iter().map(|job| paused_key(&job.id));
        let (old, new): (Vec<_>, Vec<_>) = keys.partition(|key| member.tags.contains_key(key));
        let room = TAGS.saturating_sub(member.tags.len());
        let to_come = old.into_iter().chain(new.into_iter().take(room));
        seen.chain(to_come.map(|key| (key, self.now.to_string())))
            .collect()
    }

    /// Marks go of which no pause is left.
    pub fn forget(&self, jobs: &[Job], plan: &mut Plan) {
        let Some(member) = self
            .member
            .filter(|member| member.is_owned(&self.policy.ownership))
        else {
            return;
        };
        let kept: BTreeSet<String> = jobs
            .iter()
            .filter(|job| is_paused_by_us(Some(member), job))
            .map(|job| paused_key(&job.id))
            .collect();
        let marks = member
            .tags
            .keys()
            .filter(|key| of_paused_key(key).is_some());
        let stale: BTreeSet<String> = marks.filter(|key| !kept.contains(*key)).cloned().collect();
        if !stale.is_empty() {
            plan.step(Action::UntagMember { keys: stale }, Why::WithinBudget);
        }
    }
}

/// What the controller paused goes on.
fn resume(member: &Member, jobs: &[&Job], plan: &mut Plan) {
    for job in jobs.iter().filter(|job| is_paused_by_us(Some(member), job)) {
        let (job, kind) = (job.id.clone(), job.kind.clone());
        plan.step(Action::ResumeJob { job, kind }, Why::WithinBudget);
    }
}

fn cancels(action: &Action, job: &Job) -> bool {
    matches!(action, Action::CancelJob { job: id, .. } if *id == job.id)
}

/// Whether a job analyses now or will by itself. One that Macie paused for its quota is left alone.
fn works(job: &Job) -> bool {
    matches!(job.status, JobStatus::Running | JobStatus::Idle)
}
