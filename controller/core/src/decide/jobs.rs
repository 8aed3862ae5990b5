//! One daily job per account and Region, a baseline for what newly opted-in buckets already held,
//! a catch-up for what nobody scanned; never a second job of the same kind.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    budget::{Budget, Month, is_paused_by_us},
    gaps,
};
use crate::{
    estimate::first_scans,
    id::{BucketName, Scope},
    job_name,
    money::monitoring_per_month,
    observed::{BucketReading, ENROLLED_AT, Job, JobKind, JobStatus, Member, Observed},
    plan::{Action, Blocked, Cost, JobSpec, Plan, Step, Waiting, Why},
    policy::{Mode, Policy},
};

/// Buckets that a job may list (Macie User Guide, macie-quotas).
pub const BUCKETS_PER_JOB: usize = 1_000;

/// The same job is created at most this often within a day. Somebody who keeps cancelling it, two
/// controllers with different policies, or a clock gone wrong must not make an endless bill.
pub const JOBS_PER_DAY: usize = 3;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The account's jobs, seen through the policy.
pub struct JobsView<'a> {
    scope: &'a Scope,
    jobs: &'a [Job],
    /// What a daily job must be made of.
    pub spec: String,
    member: Option<&'a Member>,
}

impl<'a> JobsView<'a> {
    /// The jobs of an account; the member, if it is one, tells since when they count.
    pub fn new(
        policy: &Policy,
        scope: &'a Scope,
        jobs: &'a [Job],
        member: Option<&'a Member>,
    ) -> Self {
        Self {
            scope,
            jobs,
            spec: job_name::daily_spec(policy),
            member,
        }
    }

    fn dailies(&self) -> impl Iterator<Item = (&'a Job, bool)> {
        self.jobs.iter().filter_map(|job| match &job.kind {
            JobKind::Daily { spec } => Some((job, *spec == self.spec)),
            JobKind::Baseline { .. } | JobKind::CatchUp { .. } => None,
        })
    }

    /// Live daily jobs made as the policy wants, oldest first.
    pub fn right(&self) -> Vec<&'a Job> {
        let live = self
            .dailies()
            .filter(|(job, right)| *right && job.status.is_live());
        oldest_first(live.map(|(job, _)| job))
    }

    /// Live daily jobs made otherwise, oldest first.
    pub fn drifted(&self) -> Vec<&'a Job> {
        let live = self
            .dailies()
            .filter(|(job, right)| !*right && job.status.is_live());
        oldest_first(live.map(|(job, _)| job))
    }

    /// Whether no daily job may be created: a right one lives, or one that only a person may judge.
    pub fn has_daily(&self) -> bool {
        !self.right().is_empty() || self.drifted().iter().any(|job| self.is_untouchable(job))
    }

    /// The right daily job and all that came before it, oldest first; empty without a right one.
    pub fn line(&self) -> Vec<&'a Job> {
        let Some(right) = self.right().first().copied() else {
            return Vec::new();
        };
        let before = self
            .dailies()
            .map(|(job, _)| job)
            .filter(|job| job.created_at < right.created_at);
        oldest_first(before.chain([right]))
    }

    /// Catch-up jobs that were not cancelled, with the time from which on each scans.
    pub fn catch_ups(&self) -> impl Iterator<Item = (&'a Job, Timestamp)> {
        self.jobs
            .iter()
            .filter(|job| job.status != JobStatus::Cancelled)
            .filter_map(|job| match job.kind {
                JobKind::CatchUp { since } => Some((job, since)),
                JobKind::Daily { .. } | JobKind::Baseline { .. } => None,
            })
    }

    /// Buckets whose old objects a baseline job has scanned, is scanning or was told to leave by a
    /// person, and that was created before a time. A baseline from before the account's enrolment
    /// found nothing to scan and does not count.
    pub fn baselined_before(&self, time: Timestamp) -> BTreeSet<BucketName> {
        let jobs = self.baselines().filter(|job| job.created_at < time);
        jobs.flat_map(|job| job.buckets.iter().cloned()).collect()
    }

    /// The same for jobs that were created at a time or later.
    pub fn baselined_since(&self, time: Timestamp) -> BTreeSet<BucketName> {
        let jobs = self.baselines().filter(|job| job.created_at >= time);
        jobs.flat_map(|job| job.buckets.iter().cloned()).collect()
    }

    fn baselines(&self) -> impl Iterator<Item = &'a Job> {
        let enrolled_at = self.member.and_then(enrolled_at);
        let enrolled_at = job_name::whole_second(enrolled_at.unwrap_or(Timestamp::MIN));
        self.jobs
            .iter()
            .filter(|job| {
                matches!(job.kind, JobKind::Baseline { .. }) && job.status != JobStatus::Cancelled
            })
            .filter(move |job| job.created_at >= enrolled_at)
    }

    /// Those of these buckets that no baseline job lists.
    pub fn uncovered(&self, buckets: &BTreeSet<BucketName>) -> BTreeSet<BucketName> {
        buckets
            .difference(&self.baselined_before(Timestamp::MAX))
            .cloned()
            .collect()
    }

    /// Buckets whose old objects are being scanned right now: if one has left, that has to end.
    pub fn being_baselined(&self) -> BTreeSet<BucketName> {
        let live = self.baselines().filter(|job| job.status.is_live());
        live.flat_map(|job| job.buckets.iter().cloned()).collect()
    }

    /// Live one-time jobs of the controller, oldest first.
    fn one_time(&self) -> Vec<&'a Job> {
        let live = self.jobs.iter().filter(|job| job.status.is_live());
        oldest_first(live.filter(|job| !matches!(job.kind, JobKind::Daily { .. })))
    }

    /// Paused by a person, or in a state that this version does not know.
    fn is_untouchable(&self, job: &Job) -> bool {
        match job.status {
            JobStatus::UserPaused => !is_paused_by_us(self.member, job),
            JobStatus::Unknown(_) => true,
            _ => false,
        }
    }

    /// How many jobs had the name, whatever became of them.
    fn created_since(&self, name: &str, time: Timestamp) -> usize {
        let same = self.jobs.iter().filter(|job| job.name == name);
        same.filter(|job| job.created_at >= time).count()
    }

    /// The name and token of the next job of a kind: the token counts the jobs that had the name.
    fn name(&self, kind: &JobKind) -> (String, String) {
        let name = job_name::of(&self.scope.account, kind);
        let before = self.jobs.iter().filter(|job| job.name == name).count();
        let token = format!("{name}/{}/{before}", self.scope.region);
        (name, token)
    }
}

fn oldest_first<'a>(jobs: impl Iterator<Item = &'a Job>) -> Vec<&'a Job> {
    let mut jobs: Vec<&Job> = jobs.collect();
    jobs.sort_by_key(|job| (job.created_at, &job.id));
    jobs
}

/// Since when baselines count, by Macie's clock: the controller's own may be ahead of it, and a
/// baseline that never counts would be created for ever.
fn enrolled_at(member: &Member) -> Option<Timestamp> {
    let tagged = member.time(ENROLLED_AT)?;
    Some(
        member
            .updated_at
            .map_or(tagged, |enabled| enabled.min(tagged)),
    )
}

pub(super) fn decide(
    policy: &Policy,
    mode: Mode,
    observed: &Observed,
    now: Timestamp,
    plan: &mut Plan,
) {
    let jobs = match (observed.jobs.known(), observed.jobs.trouble()) {
        (Some(jobs), _) => jobs,
        (None, trouble) => {
            return trouble
                .into_iter()
                .for_each(|trouble| plan.unreadable(trouble));
        }
    };
    let member = observed.known_member();
    let Some(budget) = Budget::new(policy, observed, now) else {
        return;
    };
    let account = Jobs {
        policy,
        observed,
        now,
        member,
        view: JobsView::new(policy, &observed.scope, jobs, member),
        month: budget.month(plan),
        budget,
    };
    account.tell_statuses(plan);
    if mode == Mode::Excluded {
        account.cancel_all(plan);
        return account.budget.forget(jobs, plan);
    }
    account.daily(plan);
    account.baselines(plan);
    account.catch_up(plan);
    account.cancel_superfluous(plan);
    account.budget.pause_or_resume(account.month, jobs, plan);
}

struct Jobs<'a> {
    policy: &'a Policy,
    observed: &'a Observed,
    now: Timestamp,
    member: Option<&'a Member>,
    view: JobsView<'a>,
    budget: Budget<'a>,
    month: Month,
}

impl Jobs<'_> {
    fn tell_statuses(&self, plan: &mut Plan) {
        for job in self
            .view
            .right()
            .into_iter()
            .chain(self.view.drifted())
            .chain(self.view.one_time())
        {
            match &job.status {
                JobStatus::UserPaused if is_paused_by_us(self.member, job) => {}
                JobStatus::UserPaused => plan.blocked(Blocked::PausedByPerson {
                    job: job.id.clone(),
                }),
                JobStatus::Paused => plan.waiting(Waiting::Quota {
                    job: job.id.clone(),
                }),
                JobStatus::Unknown(status) => {
                    plan.blocked(Blocked::UnknownStatus {
                        what: "job",
                        status: status.clone(),
                    });
                }
                _ => {}
            }
        }
    }

    /// An excluded account is not scanned, whoever paused what.
    fn cancel_all(&self, plan: &mut Plan) {
        let live = self
            .view
            .right()
            .into_iter()
            .chain(self.view.drifted())
            .chain(self.view.one_time());
        live.filter(|job| !matches!(job.status, JobStatus::Unknown(_)))
            .for_each(|job| cancel(plan, job, Why::Excluded));
    }

    /// Confirmed buckets that Macie shows too; says which ones it does not show.
    fn visible(&self, wanted: &BTreeSet<BucketName>, plan: &mut Plan) -> BTreeSet<BucketName> {
        let inventory = match (
            self.observed.inventory.known(),
            self.observed.inventory.trouble(),
        ) {
            (Some(inventory), _) => inventory,
            (None, trouble) => {
                trouble
                    .into_iter()
                    .for_each(|trouble| plan.unreadable(trouble));
                return BTreeSet::new();
            }
        };
        let (visible, hidden): (BTreeSet<_>, BTreeSet<_>) = wanted
            .iter()
            .cloned()
            .partition(|name| inventory.buckets.contains_key(name));
        if !hidden.is_empty() {
            plan.waiting(Waiting::Inventory {
                buckets: hidden.into_iter().take(20).collect(),
            });
        }
        visible
    }

    /// The daily job goes by tag, so it never changes when buckets come and go. It is not created
    /// before Macie shows a bucket that it would match.
    fn daily(&self, plan: &mut Plan) {
        let confirmed = self.observed.confirmed();
        if self.view.has_daily()
            || confirmed.is_empty()
            || self.visible(&confirmed, plan).is_empty()
        {
            return;
        }
        let died = self
            .view
            .dailies()
            .any(|(job, right)| right && job.status == JobStatus::Cancelled);
        let why = match (self.view.drifted().is_empty(), died) {
            (false, _) => Why::JobSettingsChanged,
            (true, true) => Why::DailyJobCancelled,
            (true, false) => Why::NoDailyJob,
        };
        let monitored = self
            .observed
            .inventory
            .known()
            .and_then(|inventory| inventory.monitored);
        let region = &self.observed.scope.region;
        let cost = Cost {
            monthly_usd: monitored
                .and_then(|buckets| monitoring_per_month(self.policy, region, buckets)),
            ..Cost::default()
        };
        let kind = JobKind::Daily {
            spec: self.view.spec.clone(),
        };
        self.create(plan, kind, BTreeSet::new(), why, cost);
    }

    fn baselines(&self, plan: &mut Plan) {
        let uncovered = self.view.uncovered(&self.observed.confirmed());
        if uncovered.is_empty() {
            return;
        }
        let visible = self.visible(&uncovered, plan);
        for buckets in chunks(self.budget.affordable(visible, plan)) {
            let kind = JobKind::Baseline {
                spec: job_name::buckets_spec(&buckets),
            };
            let cost = self.once(&buckets);
            self.create(plan, kind, buckets, Why::NewBuckets, cost);
        }
    }

    fn catch_up(&self, plan: &mut Plan) {
        for trouble in self
            .observed
            .last_runs
            .values()
            .filter_map(|run| run.trouble())
        {
            plan.unreadable(trouble);
        }
        let absence = self
            .member
            .map(|member| gaps::of_absence(&self.view, member, self.observed, self.now));
        // An absence is on record before it is caught up with, and in one go with all else.
        if matches!(absence, Some(gaps::Absence::Unrecorded(_))) {
            return;
        }
        let Some(gap) = gaps::open(&self.view, self.member, self.observed) else {
            return;
        };
        let wanted = gap
            .buckets
            .intersection(&self.observed.confirmed())
            .cloned()
            .collect();
        for (n, buckets) in chunks(self.visible(&wanted, plan)).into_iter().enumerate() {
            // A second chunk needs a name of its own: it looks back a second further.
            let back = jiff::SignedDuration::from_secs(i64::try_from(n).unwrap_or(0));
            let since = job_name::whole_second(gap.since)
                .saturating_sub(back)
                .unwrap_or(gap.since);
            // A record that grew while it is caught up with: the running job comes first.
            if self.is_being_caught_up(since, &buckets) {
                continue;
            }
            let cost = Cost::default();
            self.create(
                plan,
                JobKind::CatchUp { since },
                buckets,
                Why::Unscanned,
                cost,
            );
        }
    }

    fn is_being_caught_up(&self, since: Timestamp, buckets: &BTreeSet<BucketName>) -> bool {
        self.view.catch_ups().any(|(job, from)| {
            from == since && job.status.is_live() && !job.buckets.is_disjoint(buckets)
        })
    }

    /// The oldest right job stays; a drifted one goes when its successor has taken over and is
    /// caught up; a baseline goes when one of its buckets has left, and those that stay get another.
    /// A catch-up stays, because nobody would know that it has to be made again.
    fn cancel_superfluous(&self, plan: &mut Plan) {
        self.cancel_dailies(plan);
        let baselines = self
            .view
            .one_time()
            .into_iter()
            .filter(|job| matches!(job.kind, JobKind::Baseline { .. }))
            .filter(|job| !self.view.is_untouchable(job));
        for job in baselines {
            if let Some(bucket) = job.buckets.iter().find(|name| self.has_left(name)) {
                let bucket = bucket.clone();
                cancel(plan, job, Why::BucketLeft { bucket });
            }
        }
    }

    /// Nothing goes for the sake of a job of which nobody knows whether it scans.
    fn cancel_dailies(&self, plan: &mut Plan) {
        let right = self.view.right();
        let Some((kept, others)) = right.split_first() else {
            return;
        };
        if matches!(kept.status, JobStatus::Unknown(_)) {
            return;
        }
        for job in others.iter().filter(|job| !self.view.is_untouchable(job)) {
            let kept = kept.id.clone();
            cancel(plan, job, Why::Duplicate { kept });
        }
        // Without the index it is not known which other buckets wait to be caught up.
        let all_known = self.observed.index.known().is_some();
        if all_known && gaps::of_predecessor(&self.view, self.observed) == gaps::Handover::Done {
            let drifted = self.view.drifted();
            for job in drifted
                .into_iter()
                .filter(|job| !self.view.is_untouchable(job))
            {
                cancel(plan, job, Why::Replaced);
            }
        }
    }

    fn has_left(&self, name: &BucketName) -> bool {
        self.observed.bucket(name).known().is_some_and(|reading| {
            matches!(
                reading,
                BucketReading::NotOptedIn | BucketReading::NearMiss { .. }
            )
        })
    }

    fn once(&self, buckets: &BTreeSet<BucketName>) -> Cost {
        Cost::once(first_scans(self.policy, self.observed, buckets, self.now))
    }

    fn create(
        &self,
        plan: &mut Plan,
        kind: JobKind,
        buckets: BTreeSet<BucketName>,
        why: Why,
        cost: Cost,
    ) {
        match self.month {
            Month::Open => {}
            Month::Unknown => return,
            Month::Spent { spent, cap } => {
                return plan.blocked(Blocked::MonthOverBudget { spent, cap });
            }
        }
        let (name, client_token) = self.view.name(&kind);
        let yesterday = self.now.saturating_sub(DAY).unwrap_or(Timestamp::MIN);
        if self.view.created_since(&name, yesterday) >= JOBS_PER_DAY {
            return plan.blocked(Blocked::Repeated { name });
        }
        let spec = JobSpec {
            kind,
            name,
            client_token,
            account: self.observed.scope.account.clone(),
            buckets,
            tag: self.policy.tag.clone(),
            settings: self.policy.jobs.clone(),
        };
        plan.steps.push(Step {
            action: Action::CreateJob(spec),
            why,
            cost,
        });
    }
}

fn cancel(plan: &mut Plan, job: &Job, why: Why) {
    plan.step(
        Action::CancelJob {
            job: job.id.clone(),
            kind: job.kind.clone(),
        },
        why,
    );
}

fn chunks(buckets: BTreeSet<BucketName>) -> Vec<BTreeSet<BucketName>> {
    let all: Vec<BucketName> = buckets.into_iter().collect();
    all.chunks(BUCKETS_PER_JOB)
        .map(|chunk| chunk.iter().cloned().collect())
        .collect()
}
