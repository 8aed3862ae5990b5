//! The rules once more, by somebody who sees the whole world, reads nothing and shares no line
//! with the controller. A sweep must want exactly the same, in thousands of worlds.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use controller_core::{
    decide::decide,
    observed::{
        AccountState, BucketReading, ENROLLED_AT, JobKind, JobStatus, OPTED_OUT_SINCE,
        Relationship, SUSPENSION_RELEASED, Standing, UNSCANNED,
    },
    plan::Action,
    wants::Read,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::world::{
    SimJob, World,
    make::{Choices, for_all, leaving, world},
};

/// What should be done now, in words; buckets of a job in brackets.
type Wish = BTreeSet<String>;

struct Judge<'a> {
    world: &'a World,
    mode: &'static str,
    wish: Wish,
}

fn second(time: Timestamp) -> i64 {
    time.as_second()
}

impl Judge<'_> {
    fn fails(&self, read: Read) -> bool {
        self.world.broken.contains(&read)
    }

    fn want(&mut self, what: &str) {
        self.wish.insert(what.to_owned());
    }

    fn tag(&self, key: &str) -> Option<&String> {
        self.world.member.as_ref()?.tags.get(key)
    }

    /// Since when baselines count: not later than Macie says that the member was enabled.
    fn enrolled(&self) -> Option<Timestamp> {
        let tagged: Timestamp = self.tag(ENROLLED_AT)?.parse().ok()?;
        match self.world.member.as_ref()?.updated_at {
            Some(enabled) if enabled < tagged => Some(enabled),
            _ => Some(tagged),
        }
    }

    fn owned(&self) -> bool {
        self.tag("managed-by").map(String::as_str) == Some("macie-self-service")
    }

    fn marked_at(&self) -> Option<Timestamp> {
        let at: Timestamp = self.tag(OPTED_OUT_SINCE)?.parse().ok()?;
        if at > self.world.now { None } else { Some(at) }
    }

    fn record(&self) -> Option<(Timestamp, Timestamp)> {
        let mut parts = self.tag(UNSCANNED)?.split('/');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// Opted-in buckets that can be read among these.
    fn yes<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> BTreeSet<String> {
        let mut yes = BTreeSet::new();
        for name in names {
            for (bucket, state) in &self.world.buckets {
                if bucket.as_str() == name
                    && state.readable
                    && state.truth == BucketReading::OptedIn
                {
                    yes.insert(name.to_owned());
                }
            }
        }
        yes
    }

    fn jobs(&self, word: &str, live: bool) -> Vec<&SimJob> {
        let mut jobs = Vec::new();
        for job in &self.world.jobs {
            let dead = matches!(job.job.status, JobStatus::Cancelled)
                || (live && matches!(job.job.status, JobStatus::Complete));
            if job.job.kind.word() == word && !dead {
                jobs.push(job);
            }
        }
        jobs
    }

    fn right(&self) -> Vec<&SimJob> {
        let spec = controller_core::job_name::daily_spec(&self.world.policy);
        let mut jobs = self.jobs("daily", true);
        jobs.retain(|job| job.job.kind == JobKind::Daily { spec: spec.clone() });
        jobs.sort_by_key(|job| (job.job.created_at, job.job.id.as_str().to_owned()));
        jobs
    }

    /// Baseline jobs that list a bucket and count.
    fn baselines(&self, name: &str) -> Vec<Timestamp> {
        let enrolled = self.enrolled();
        let mut times = Vec::new();
        for job in self.jobs("baseline", false) {
            let counts = match enrolled {
                Some(enrolled) => second(job.job.created_at) >= second(enrolled),
                None => true,
            };
            if counts && (name == "*" || job.job.buckets.iter().any(|b| b.as_str() == name)) {
                times.extend(job.job.buckets.first().map(|_| job.job.created_at));
            }
        }
        times
    }

    /// Opted-in buckets that a running baseline lists and the index does not.
    fn being_baselined(&self, index: &[String]) -> BTreeSet<String> {
        let enrolled = self.enrolled();
        let mut names = BTreeSet::new();
        for job in self.jobs("baseline", true) {
            let counts = enrolled.is_none_or(|at| second(job.job.created_at) >= second(at));
            if counts && self.mode != "excluded" && !self.fails(Read::Jobs) {
                names.extend(job.job.buckets.iter().map(|name| name.to_string()));
            }
        }
        names.retain(|name| !index.contains(name));
        self.yes(names.iter().map(String::as_str))
    }

    fn enrol(&mut self) {
        if self.fails(Read::Management) || self.fails(Read::Account) {
            return;
        }
        if self.world.management == self.world.scope.account {
            return;
        }
        if let Standing::Inside {
            email,
            state: AccountState::Active,
        } = &self.world.standing
            && !email.is_empty()
        {
            self.want("enrol");
        }
    }

    fn resume(&mut self) {
        if !self.owned() {
            if self
                .world
                .policy
                .accounts
                .adopted
                .contains(&self.world.scope.account)
            {
                self.want("adopt");
            }
        } else if self.marked_at().is_none() {
            self.want("mark");
        } else {
            self.want("resume");
        }
    }

    fn give_jobs(&mut self, seen: &BTreeSet<String>) {
        if self.mode == "excluded" || self.fails(Read::Jobs) || self.fails(Read::Inventory) {
            return;
        }
        let shown: BTreeSet<String> = self.world.visible().iter().map(|b| b.to_string()).collect();
        let mut stuck = false;
        for job in self.jobs("daily", true) {
            stuck |= matches!(
                job.job.status,
                JobStatus::UserPaused | JobStatus::Unknown(_)
            );
        }
        if self.right().is_empty() && !stuck && seen.iter().any(|name| shown.contains(name)) {
            self.want("daily");
        }
        let mut new = Vec::new();
        for name in seen {
            if shown.contains(name) && self.baselines(name).is_empty() {
                new.push(name.as_str());
            }
        }
        if !new.is_empty() {
            self.want(&format!("baseline {new:?}"));
        }
    }

    /// A bucket is opted in and the member says that none was.
    fn end_absence(&mut self, seen: &BTreeSet<String>) {
        let Some(since) = self.marked_at() else {
            return self.want("unmark");
        };
        let resumed = self
            .world
            .member
            .as_ref()
            .unwrap()
            .updated_at
            .filter(|at| *at > since);
        if let Some((_, end)) = self.record()
            && second(end) >= second(resumed.unwrap_or(since))
        {
            return self.want("unmark");
        }
        let ran = match self.right().first() {
            None => true,
            Some(job) if job.job.created_at > since => true,
            Some(job) if self.fails(Read::LastRun(job.job.id.clone())) => true,
            Some(job) => job.last_run.is_some_and(|last| last > since),
        };
        let shown = self.world.visible();
        let hidden = self.fails(Read::Inventory)
            || seen
                .iter()
                .any(|name| !shown.contains(&crate::world::bucket(name)));
        if (ran || hidden || resumed.is_some()) && !self.baselines("*").is_empty() {
            self.want("record");
        } else {
            self.want("unmark");
        }
    }

    fn end_record(&mut self, candidates: &BTreeSet<String>) {
        let Some((begin, end)) = self.record() else {
            return self.want("unrecord");
        };
        for name in candidates {
            let baselines = self.baselines(name);
            let before = baselines.iter().any(|at| *at < end);
            let after = baselines.iter().any(|at| *at >= end);
            let mut caught_up = false;
            for job in self.jobs("catch-up", false) {
                let JobKind::CatchUp { since } = job.job.kind else {
                    continue;
                };
                let lists = job.job.buckets.iter().any(|b| b.as_str() == name);
                caught_up |= lists && since <= begin && job.job.created_at >= end;
            }
            if before && !after && !caught_up {
                return;
            }
        }
        self.want("unrecord");
    }

    fn back(&mut self, seen: &BTreeSet<String>, candidates: &BTreeSet<String>) {
        if self.mode == "excluded" || self.fails(Read::Jobs) || !self.owned() {
            return;
        }
        if self.tag(OPTED_OUT_SINCE).is_some() {
            self.end_absence(seen);
        } else if self.tag(UNSCANNED).is_some() && !self.fails(Read::Index) {
            self.end_record(candidates);
        }
    }

    fn grace_is_over(&self, since: Timestamp) -> bool {
        let updated = self.world.member.as_ref().unwrap().updated_at;
        let begin = updated.map_or(since, |at| if at > since { at } else { since });
        self.world.now.duration_since(begin) >= SignedDuration::from_hours(24)
    }

    fn leave(&mut self) {
        let Some(since) = self.marked_at() else {
            return self.want("mark");
        };
        if !self.grace_is_over(since) || self.fails(Read::Census) {
            return;
        }
        let mut recent = 0;
        for at in &self.world.others_suspended {
            if self.world.now.duration_since(*at) < SignedDuration::from_hours(1) {
                recent += 1;
            }
        }
        for since in &self.world.others_left {
            if self.world.now.duration_since(*since) >= SignedDuration::from_hours(23) {
                recent += 1;
            }
        }
        recent += 1; // The account itself, unless a person has released it.
        let released = self.tag(SUSPENSION_RELEASED);
        let released = released.is_some() && released == self.tag(OPTED_OUT_SINCE);
        if released {
            recent -= 1;
        }
        let five_percent = (self.world.others + 1) * 5 / 100;
        if released || recent <= 3 || recent <= five_percent {
            self.want("suspend");
        }
    }

    fn enabled(&mut self) {
        let adopted = self
            .world
            .policy
            .accounts
            .adopted
            .contains(&self.world.scope.account);
        if adopted && !self.owned() {
            self.want("adopt");
        }
        if self.fails(Read::Index) {
            return;
        }
        let index: Vec<String> = self.world.index().iter().map(|b| b.to_string()).collect();
        let mut seen = self.yes(index.iter().map(String::as_str));
        let mut doubtful = BTreeSet::new();
        for name in &index {
            for (bucket, state) in &self.world.buckets {
                if bucket.as_str() == name && !state.readable {
                    doubtful.insert(name.clone());
                }
            }
        }
        if !seen.is_empty() || !doubtful.is_empty() {
            seen.extend(self.being_baselined(&index));
        }
        if !seen.is_empty() {
            self.give_jobs(&seen);
            return self.back(&seen, &seen.union(&doubtful).cloned().collect());
        }
        if !doubtful.is_empty() || self.mode == "mandatory" || !self.owned() {
            return;
        }
        let marked = self.marked_at();
        if marked.is_some_and(|since| !self.grace_is_over(since)) || self.fails(Read::Listing) {
            return;
        }
        let listing: Vec<String> = self.world.listing().iter().map(|b| b.to_string()).collect();
        let found = self.yes(listing.iter().map(String::as_str));
        if !found.is_empty() {
            self.give_jobs(&found);
            return self.back(&found, &found);
        }
        for name in self.world.listing() {
            if !self.world.buckets[&name].readable {
                return;
            }
        }
        self.leave();
    }

    fn judge(mut self) -> Wish {
        let index: Vec<String> = self.world.index().iter().map(|b| b.to_string()).collect();
        let mut seen = self.yes(index.iter().map(String::as_str));
        if self.fails(Read::Index) {
            seen.clear();
        }
        if self.world.scope.account == self.world.administrator {
            if !seen.is_empty() {
                seen.extend(self.being_baselined(&index));
            }
            self.give_jobs(&seen);
            return self.wish;
        }
        if self.fails(Read::Member) {
            return self.wish;
        }
        let asks = self.mode == "mandatory" || (self.mode == "opt-in" && !seen.is_empty());
        match self.world.status() {
            None | Some(Relationship::Removed) if asks => self.enrol(),
            Some(Relationship::Paused) if asks => self.resume(),
            Some(Relationship::Enabled) => self.enabled(),
            _ => {}
        }
        self.wish
    }
}

fn naive(world: &World) -> Wish {
    let (policy, account) = (&world.policy, &world.scope.account);
    let units = &policy.organizational_units;
    let under = |listed: &BTreeSet<_>| world.units.iter().any(|unit| listed.contains(unit));
    let ruled = !units.excluded.is_empty() || !units.mandatory.is_empty();
    if ruled && world.broken.contains(&Read::Units) {
        return Wish::new();
    }
    let mode = if policy.accounts.excluded.contains(account) || under(&units.excluded) {
        "excluded"
    } else if policy.accounts.mandatory.contains(account) || under(&units.mandatory) {
        "mandatory"
    } else {
        "opt-in"
    };
    Judge {
        world,
        mode,
        wish: Wish::new(),
    }
    .judge()
}

/// The same words for what the controller decides.
fn decided(world: &World) -> Wish {
    let mut world = world.clone();
    let observed = world.observe(&BTreeSet::new());
    let plan = decide(&world.policy, &observed, world.now);
    let words = plan.steps.iter().filter_map(|step| {
        let word = match &step.action {
            Action::CreateMember { .. } => "enrol",
            Action::ResumeMember => "resume",
            Action::SuspendMember => "suspend",
            Action::TagMember { tags } if tags.contains_key(OPTED_OUT_SINCE) => "mark",
            Action::TagMember { tags } if tags.contains_key(UNSCANNED) => "record",
            Action::TagMember { .. } => "adopt",
            Action::UntagMember { keys } if keys.contains(OPTED_OUT_SINCE) => "unmark",
            Action::UntagMember { .. } => "unrecord",
            Action::PauseJob { .. } | Action::ResumeJob { .. } => "no budget asks for it",
            Action::CreateJob(spec) => match spec.kind {
                JobKind::Daily { .. } => "daily",
                JobKind::Baseline { .. } => {
                    let names: Vec<&str> = spec.buckets.iter().map(|b| b.as_str()).collect();
                    return Some(format!("baseline {names:?}"));
                }
                JobKind::CatchUp { .. } => return None,
            },
            Action::CancelJob { .. } => return None,
        };
        Some(word.to_owned())
    });
    words.collect()
}

#[test]
fn the_naive_judge_agrees_in_every_world() {
    let seen: RefCell<BTreeMap<String, u32>> = RefCell::default();
    let case = |choices: &mut Choices| {
        let world = match choices.once_in(4) {
            true => leaving(choices),
            false => world(choices),
        };
        let expected = naive(&world);
        prop_assert_eq!(&decided(&world), &expected, "{:#?}", world);
        let mut seen = seen.borrow_mut();
        if expected.is_empty() {
            *seen.entry("nothing".to_owned()).or_default() += 1;
        }
        for word in expected {
            let word = word.split(' ').next().unwrap_or_default();
            *seen.entry(word.to_owned()).or_default() += 1;
        }
        Ok(())
    };
    for_all(8_000, case);
    let seen = seen.into_inner();
    println!("8000 worlds: {seen:?}");
    for word in [
        "enrol", "resume", "suspend", "mark", "unmark", "record", "unrecord", "adopt", "daily",
        "baseline", "nothing",
    ] {
        let times = seen.get(word).copied().unwrap_or(0);
        assert!(times >= 10, "`{word}` came up {times} times: {seen:?}");
    }
}
