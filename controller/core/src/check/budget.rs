//! What an account may cost: no job beyond a budget, pauses only for it, and only these are undone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{Checker, Invariant, unless};
use crate::{
    estimate::first_scan,
    id::{BucketName, JobId},
    money::Usd,
    observed::{Approval, Fact, Job, JobKind, JobStatus, of_paused_key},
    plan::JobSpec,
    policy::{Caps, OverBudget},
};

/// Between a mark and its pause lie a few calls, and the difference of two clocks.
const NEAR: SignedDuration = SignedDuration::from_mins(5);

/// Two sweeps: a pause that they have not seen is not the one that was announced.
const SEEN: SignedDuration = SignedDuration::from_hours(12);

/// Where the account's month is.
#[derive(PartialEq, Eq)]
enum Money {
    Enough,
    Gone,
    Unknown,
}

impl Checker<'_> {
    fn caps(&self) -> Option<Caps> {
        let units = match &self.observed.units {
            Fact::Known(units) => units.as_slice(),
            _ if self.policy.has_unit_rules() => return None,
            _ => &[],
        };
        let account = &self.observed.scope.account;
        Some(self.policy.budgets.of(account, units))
    }

    /// A cap, or what a person has approved beyond it.
    fn at_most(&self, cap: Usd) -> Usd {
        let tag = self
            .member()
            .and_then(|member| member.tags.get("macie-self-service:approved"));
        match tag.and_then(|tag| Approval::parse(tag)) {
            Some(approval) if approval.until > self.now && approval.usd > cap => approval.usd,
            _ => cap,
        }
    }

    fn money(&self, cap: Usd) -> Money {
        match &self.observed.spent {
            Fact::Known(spent) if *spent >= self.at_most(cap) => Money::Gone,
            Fact::Known(_) => Money::Enough,
            Fact::Unknown(_) | Fact::Unread => Money::Unknown,
        }
    }

    pub(super) fn within_budget(&self, job: &JobSpec) -> Option<Invariant> {
        let Some(caps) = self.caps() else {
            return Some(Invariant::JobWithinBudget);
        };
        let month = match caps.month {
            Some(cap) if cap.action != OverBudget::Warn => self.money(cap.usd) == Money::Enough,
            Some(_) | None => true,
        };
        let first_scans = match job.kind {
            JobKind::Baseline { .. } => job.buckets.iter().all(|name| self.is_cheap(caps, name)),
            JobKind::Daily { .. } | JobKind::CatchUp { .. } => true,
        };
        unless(month && first_scans, Invariant::JobWithinBudget)
    }

    fn is_cheap(&self, caps: Caps, name: &BucketName) -> bool {
        let held = caps.first_scan.filter(|cap| cap.action != OverBudget::Warn);
        let own = self.observed.budget_tags.get(name);
        let limit = match (held, own.map(|text| Usd::budget(text))) {
            (None, None) => return true,
            (_, Some(None)) => return false,
            (Some(cap), None) => self.at_most(cap.usd),
            (None, Some(Some(own))) => own,
            (Some(cap), Some(Some(own))) => own.min(self.at_most(cap.usd)),
        };
        let Some(Fact::Known(Some(sized))) = self.observed.sizes.get(name) else {
            return false;
        };
        let region = &self.observed.scope.region;
        let enrolled_at = self.member().and_then(|member| member.updated_at);
        let volume = first_scan(self.policy, region, sized, enrolled_at, self.now);
        match (volume, self.policy.prices(region)) {
            (Ok(volume), Some(prices)) => volume.cost(prices).likely <= limit,
            _ => false,
        }
    }

    fn job(&self, id: &JobId) -> Option<&Job> {
        let Fact::Known(jobs) = &self.observed.jobs else {
            return None;
        };
        jobs.iter().find(|job| job.id == *id)
    }

    /// When the member says that the controller paused a job.
    fn mark(&self, id: &JobId) -> Option<Timestamp> {
        self.time_tag(&format!("macie-self-service:paused:{id}"))
    }

    /// When the pause was announced, if it was seen since.
    fn confirmed(&self, id: &JobId) -> Option<Timestamp> {
        let tags = &self.member()?.tags;
        let mark = tags.get(&format!("macie-self-service:paused:{id}"))?;
        let (at, seen) = mark.split_once('/')?;
        at.parse().ok().filter(|_| seen == "paused")
    }

    /// Whether a job is paused, and by the controller: about when it was announced, or seen where Macie
    /// gives no time.
    pub(super) fn own_pause(&self, job: &Job) -> bool {
        let seen = self.confirmed(&job.id);
        let announced = self.mark(&job.id).or(seen);
        let ours = match job.paused_at {
            None => seen.is_some(),
            Some(at) => announced.is_some_and(|mark| mark.duration_since(at).abs() <= NEAR),
        };
        job.status == JobStatus::UserPaused && ours
    }

    /// A pause is confirmed when it is seen right after it was announced, and Macie gives no time.
    fn confirms(&self, id: &JobId, value: &str) -> bool {
        let Some((mark, job)) = self.mark(id).zip(self.job(id)) else {
            return false;
        };
        job.status == JobStatus::UserPaused
            && job.paused_at.is_none()
            && mark.duration_since(self.now).abs() <= SEEN
            && value == format!("{mark}/paused")
    }

    fn pauses(&self) -> bool {
        let cap = self.caps().and_then(|caps| caps.month);
        cap.is_some_and(|cap| cap.action == OverBudget::Pause && self.money(cap.usd) == Money::Gone)
    }

    pub(super) fn pause_job(&self, id: &JobId) -> Option<Invariant> {
        let works = self
            .job(id)
            .is_some_and(|job| matches!(job.status, JobStatus::Running | JobStatus::Idle));
        let marked = self
            .mark(id)
            .is_some_and(|at| at.duration_since(self.now).abs() <= NEAR);
        unless(works && marked && self.pauses(), Invariant::PauseOverBudget)
            .or_else(|| self.owned())
    }

    pub(super) fn resume_job(&self, id: &JobId) -> Option<Invariant> {
        let ours = self.job(id).is_some_and(|job| self.own_pause(job));
        let month = self.caps().map(|caps| caps.month);
        let may = match month {
            None => false,
            Some(Some(cap)) if cap.action == OverBudget::Pause => {
                self.money(cap.usd) == Money::Enough
            }
            Some(_) => true,
        };
        unless(ours && may, Invariant::ResumeOwnPause).or_else(|| self.owned())
    }

    /// Marks are set on jobs that work, at this moment, when the budget asks for a pause.
    pub(super) fn marks(&self, tags: &BTreeMap<String, String>) -> Option<Invariant> {
        let marks = tags
            .iter()
            .filter_map(|(key, value)| Some((of_paused_key(key)?, value)));
        let mut legal = marks.map(|(id, value)| {
            let works = self
                .job(&id)
                .is_some_and(|job| matches!(job.status, JobStatus::Running | JobStatus::Idle));
            let announces = works && value.parse().ok() == Some(self.now);
            self.pauses() && (announces || self.confirms(&id, value))
        });
        unless(legal.all(|legal| legal), Invariant::PauseOverBudget)
    }

    /// A mark goes when nothing is paused by it any more: a pause without its mark would count as a
    /// person's, and never end.
    pub(super) fn unmarks(&self, keys: &BTreeSet<String>) -> Option<Invariant> {
        let known = matches!(self.observed.jobs, Fact::Known(_));
        let mut ids = keys.iter().filter_map(|key| of_paused_key(key));
        let in_use = ids.any(|id| !known || self.job(&id).is_some_and(|job| self.own_pause(job)));
        unless(!in_use, Invariant::ResumeOwnPause)
    }
}
