//! Long random lives: people tag and untag, cancel jobs, change the policy, suspend by hand;
//! controllers crash; Macie is slow. An account is never suspended early, and in the end every
//! object has been scanned.

use std::cell::Cell;

use controller_core::{
    observed::{JobStatus, Relationship},
    plan::Action,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::world::{
    World, bucket, hours,
    make::{Choices, for_all},
};

const NAME: &str = "payments";

struct Life {
    world: World,
    /// Since when the bucket is not opted in.
    untagged_at: Option<Timestamp>,
    seen: usize,
    suspensions: usize,
}

impl Life {
    fn new() -> Self {
        let mut world = World::new();
        world.tag(NAME);
        world.paced = true;
        Self {
            world,
            untagged_at: None,
            seen: 0,
            suspensions: 0,
        }
    }

    /// What the controllers did since the last look.
    fn look(&mut self) -> Result<(), TestCaseError> {
        for (at, action) in &self.world.log[self.seen..] {
            if *action != Action::SuspendMember {
                continue;
            }
            self.suspensions += 1;
            let since = self.untagged_at;
            let fair = since.is_some_and(|since| at.duration_since(since) >= hours(24));
            prop_assert!(fair, "suspended at {}, untagged since {:?}", at, since);
        }
        self.seen = self.world.log.len();
        prop_assert!(self.world.live(true).len() <= 2);
        Ok(())
    }

    fn tag(&mut self, crash_after: usize) {
        self.world.tag(NAME);
        self.untagged_at = None;
        self.world.reconcile(&[NAME], crash_after);
    }

    fn untag(&mut self, crash_after: usize) {
        self.world.untag(NAME);
        self.untagged_at = self.untagged_at.or(Some(self.world.now));
        self.world.reconcile(&[NAME], crash_after);
    }

    fn suspend_by_hand(&mut self) {
        if self.world.status() == Some(&Relationship::Enabled) {
            self.world.apply(&Action::SuspendMember);
            self.world.log.pop();
        }
    }

    fn cancel(&mut self) {
        if let Some(job) = self.world.live(true).first() {
            let job = job.id.clone();
            self.world.set_status(&job, JobStatus::Cancelled);
        }
    }

    fn happen(&mut self, choices: &mut Choices) {
        let crash_after = choices.of(&[usize::MAX, usize::MAX, 1, 2]);
        match choices.below(12) {
            0..=2 => self.tag(crash_after),
            3..=5 => self.untag(crash_after),
            6 => self.cancel(),
            7 => self.world.policy.jobs.sampling_percentage = choices.of(&[100, 50]),
            8 => self.suspend_by_hand(),
            9 => {
                self.world.inventory_lag = choices.of(&[SignedDuration::ZERO, hours(3), hours(30)])
            }
            10 => self.world.run_time = choices.of(&[hours(1), hours(5)]),
            _ => _ = self.world.reconcile(&[NAME], crash_after),
        }
        self.world.advance(SignedDuration::from_secs(15));
        self.world.sweep();
        let time = choices.of(&[0, 1, 5, 25, 26, 60]);
        self.world.live_for(hours(time));
    }
}

#[test]
fn every_object_is_scanned_and_nobody_is_suspended_early() {
    let (suspensions, jobs) = (Cell::new(0), Cell::new(0));
    for_all(250, |choices| {
        let mut life = Life::new();
        life.world.live_for(hours(1));
        for _ in 0..14 {
            life.happen(choices);
            life.look()?;
        }
        life.tag(usize::MAX);
        life.world.live_for(hours(90));
        life.look()?;
        let before = life.world.now - hours(50);
        prop_assert_eq!(
            life.world.unscanned(NAME, before),
            vec![],
            "{:#?}",
            story(&life.world)
        );
        prop_assert_eq!(life.world.live(true).len(), 1);
        prop_assert!(life.world.buckets[&bucket(NAME)].opted_in());
        prop_assert!(
            life.world.jobs.len() <= 50,
            "{} jobs",
            life.world.jobs.len()
        );
        suspensions.set(suspensions.get() + life.suspensions);
        jobs.set(jobs.get() + life.world.jobs.len());
        Ok(())
    });
    println!(
        "250 lives: {} suspensions, {} jobs",
        suspensions.get(),
        jobs.get()
    );
    assert!(suspensions.get() > 50);
}

fn story(world: &World) -> Vec<String> {
    let log = world.log.iter().map(|(at, action)| {
        let detail = match action {
            Action::TagMember { tags } => format!("{tags:?}"),
            _ => String::new(),
        };
        format!("{at} {} {detail}", controller_core::report::summary(action))
    });
    log.collect()
}
