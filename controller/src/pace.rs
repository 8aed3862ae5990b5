//! The line for new jobs. AWS creates one in 10 s for an administrator and Region, so whoever wants
//! one gets a slot, and until then makes no call.
//!
//! The line is the memory of one process and only a hint: AWS itself says when a call came too
//! early, and then the line moves. A slot travels with the message that comes back for it, so a
//! process that starts anew learns the line again from those who come back.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use controller_core::id::{AccountId, Region, Scope};
use jiff::{SignedDuration, Timestamp};

/// AWS's quota: one new job per this long (Macie User Guide, macie-quotas).
pub const INTERVAL: SignedDuration = SignedDuration::from_secs(10);
/// Whoever came too early by less than a second comes again at once, but not more often than this.
const HURRY: SignedDuration = SignedDuration::from_secs(1);
/// How much earlier than promised a message may come.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);
/// Who does not come back for so long has left the line.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);
/// No line is so long: 10,000 accounts with two jobs each take less than three days.
const LONGEST: SignedDuration = SignedDuration::from_hours(96);

/// Whether it is one's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is.
    Now,
    /// Not before then.
    At(Timestamp),
}

/// The lines of all Regions.
#[derive(Debug)]
pub struct Pace {
    interval: SignedDuration,
    lines: Mutex<BTreeMap<Region, Line>>,
}

impl Pace {
    /// Empty lines, with one new job per this long.
    pub fn new(interval: SignedDuration) -> Self {
        Self {
            interval,
            lines: Mutex::default(),
        }
    }

    /// One new job per this long.
    pub fn interval(&self) -> SignedDuration {
        self.interval
    }

    /// A message comes back for its slot. When it is its turn, the next call is its own.
    pub fn arrive(&self, scope: &Scope, slot: Timestamp, now: Timestamp) -> Turn {
        self.with(scope, |line| line.arrive(&scope.account, slot, now))
    }

    /// Asks for a slot for the first of so many jobs, and takes a place in the line for all of them.
    pub fn ask(&self, scope: &Scope, jobs: u32, now: Timestamp) -> Turn {
        self.with(scope, |line| line.ask(&scope.account, jobs, now))
    }

    /// A job was created.
    pub fn created(&self, scope: &Scope, now: Timestamp) {
        self.with(scope, |line| line.created(&scope.account, now));
    }

    /// AWS said that it is too early: the line moves, and the scope stays where it is. Answers with
    /// its new slot.
    pub fn refused(&self, scope: &Scope, now: Timestamp) -> Timestamp {
        self.with(scope, |line| line.refused(&scope.account, now))
    }

    /// The scope needs no job, or not now.
    pub fn leave(&self, scope: &Scope) {
        self.with(scope, |line| {
            line.places.retain(|place| place.account != scope.account)
        });
    }

    /// The scope comes later, and joins those who come then.
    pub fn postpone(&self, scope: &Scope, to: Timestamp, now: Timestamp) {
        self.with(scope, |line| line.postpone(&scope.account, to, now));
    }

    /// A message of the scope was sent now and will come then.
    pub fn expect(&self, scope: &Scope, at: Timestamp, now: Timestamp) {
        self.with(scope, |line| {
            if let Some(place) = line.place(&scope.account) {
                place.expected = Some(at);
                place.sent = Some(now);
            }
        });
    }

    /// Whether the scope may come again without any delay.
    pub fn may_hurry(&self, scope: &Scope, now: Timestamp) -> bool {
        self.with(scope, |line| {
            let sent = line.place(&scope.account).and_then(|place| place.sent);
            sent.is_none_or(|at| now.duration_since(at) >= HURRY)
        })
    }

    /// Whether a message of the scope is still to come, so that no other has to be sent.
    pub fn is_expected(&self, scope: &Scope, now: Timestamp) -> bool {
        self.with(scope, |line| {
            let place = line.place(&scope.account);
            place.is_some_and(|place| place.is_expected(now))
        })
    }

    fn with<T>(&self, scope: &Scope, act: impl FnOnce(&mut Line) -> T) -> T {
        let mut lines: MutexGuard<'_, _> =
            self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.entry(scope.region.clone());
        act(line.or_insert_with(|| Line::new(self.interval)))
    }
}

#[derive(Debug)]
struct Line {
    /// One call per this long.
    interval: SignedDuration,
    /// When the next call may be made.
    open: Timestamp,
    /// Who waits, in the order of the line.
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    account: AccountId,
    /// When its first job may be created.
    slot: Timestamp,
    /// The slot that it was given first, by which the line is ordered.
    order: Timestamp,
    /// The jobs that it wants, one after the other.
    jobs: u32,
    /// When its message comes; none while it is being served.
    expected: Option<Timestamp>,
    /// When its last message was sent.
    sent: Option<Timestamp>,
    /// The next call is its own.
    claimed: bool,
}

impl Place {
    fn new(account: &AccountId, slot: Timestamp, jobs: u32) -> Self {
        Self {
            account: account.clone(),
            slot,
            order: slot,
            jobs,
            expected: None,
            sent: None,
            claimed: false,
        }
    }

    fn is_expected(&self, now: Timestamp) -> bool {
        self.expected.is_some_and(|at| at > later(now, TOLERANCE))
    }

    /// When it comes for its slot.
    fn comes(&self) -> Timestamp {
        self.expected.map_or(self.slot, |at| at.max(self.slot))
    }

    /// Who is late holds up nobody: there is a slot for it when it comes.
    fn is_late(&self, now: Timestamp) -> bool {
        self.comes() < now
    }

    /// When the line goes on after it.
    fn ends(&self, interval: SignedDuration) -> Timestamp {
        later(self.slot, room(self.jobs, interval))
    }
}

impl Line {
    fn new(interval: SignedDuration) -> Self {
        Self {
            interval,
            open: Timestamp::MIN,
            places: Vec::new(),
        }
    }

    fn place(&mut self, account: &AccountId) -> Option<&mut Place> {
        self.places
            .iter_mut()
            .find(|place| place.account == *account)
    }

    fn arrive(&mut self, account: &AccountId, slot: Timestamp, now: Timestamp) -> Turn {
        if self.place(account).is_none() {
            let slot = slot.clamp(later(now, -FORGOTTEN / 2), later(now, LONGEST));
            self.places.push(Place::new(account, slot, 1));
        }
        let open = self.open;
        let Some(place) = self.place(account) else {
            return Turn::Now;
        };
        if !place.is_expected(now) {
            place.expected = None;
        }
        place.claimed = place.slot <= now && open <= now;
        if place.claimed {
            self.take(now);
            return Turn::Now;
        }
        self.turn(account, now)
    }

    fn ask(&mut self, account: &AccountId, jobs: u32, now: Timestamp) -> Turn {
        if self.place(account).is_none() {
            let slot = self.gap(jobs, now);
            self.places.push(Place::new(account, slot, jobs));
        }
        let open = self.open;
        let Some(place) = self.place(account) else {
            return Turn::Now;
        };
        place.jobs = jobs;
        if place.claimed || (place.slot <= now && open <= now) {
            place.claimed = true;
            self.take(now);
            return Turn::Now;
        }
        self.turn(account, now)
    }

    fn created(&mut self, account: &AccountId, now: Timestamp) {
        self.take(now);
        let (open, interval) = (self.open, self.interval);
        if let Some(place) = self.place(account) {
            place.claimed = false;
            place.jobs = place.jobs.saturating_sub(1);
            place.slot = later(place.slot, interval).max(open);
        }
        self.places.retain(|place| place.jobs > 0);
        self.settle(now);
    }

    fn refused(&mut self, account: &AccountId, now: Timestamp) -> Timestamp {
        self.take(now);
        if let Some(place) = self.place(account) {
            place.claimed = false;
        }
        match self.turn(account, now) {
            Turn::At(slot) => slot,
            Turn::Now => self.open,
        }
    }

    fn postpone(&mut self, account: &AccountId, to: Timestamp, now: Timestamp) {
        if let Some(place) = self.place(account) {
            place.claimed = false;
            place.slot = place.slot.max(to);
            place.order = place.slot;
            self.settle(now);
        }
    }

    /// A call is made now.
    fn take(&mut self, now: Timestamp) {
        self.open = self.open.max(later(now, self.interval));
        self.settle(now);
    }

    /// The slot of somebody who is in the line and whose turn it is not.
    fn turn(&mut self, account: &AccountId, now: Timestamp) -> Turn {
        let open = self.open;
        if let Some(place) = self.place(account) {
            place.slot = place.slot.max(open);
        }
        self.settle(now);
        let slot = self.place(account).map(|place| place.slot);
        Turn::At(slot.unwrap_or(open))
    }

    /// The first gap in the line that has room for so many jobs; most often its end.
    fn gap(&self, jobs: u32, now: Timestamp) -> Timestamp {
        let mut slot = self.open.max(now);
        for place in &self.places {
            if place.is_late(now) && !place.claimed {
                continue;
            }
            if later(slot, room(jobs, self.interval)) <= place.slot {
                break;
            }
            slot = slot.max(place.ends(self.interval));
        }
        slot
    }

    /// Whoever would come too early for AWS is moved, in the order of the line.
    fn settle(&mut self, now: Timestamp) {
        self.places
            .retain(|place| later(place.comes(), FORGOTTEN) > now);
        self.places.sort_by_key(|place| place.order);
        let mut free = self.open;
        for place in &mut self.places {
            if place.claimed || place.is_late(now) {
                continue;
            }
            place.slot = place.slot.max(free);
            free = place.ends(self.interval);
        }
    }
}

/// The time that so many jobs take.
fn room(jobs: u32, interval: SignedDuration) -> SignedDuration {
    interval.saturating_mul(i32::try_from(jobs).unwrap_or(i32::MAX))
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(Timestamp::MAX)
}
