//! The world, its virtual time and what everybody in a simulation shares.

use std::{
    collections::BTreeMap,
    fmt::Display,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use controller::clock::Clock;
use controller_core::policy::Policy;
use jiff::{SignedDuration, Timestamp};
use local_aws::{SharedWorld, World};
use tokio::{
    sync::{Notify, mpsc},
    time::Instant,
};

use super::{
    dice::Dice,
    monitor::{Monitor, Place},
    setting::{Setting, Trouble},
};

/// What everybody in a simulation shares.
#[derive(Debug)]
pub struct Sim {
    /// What the simulation started from.
    pub setting: Setting,
    /// Tells those who wait for messages that there may be some.
    pub news: Notify,
    /// Batches that are being handled.
    pub busy: AtomicUsize,
    /// Where an account of a Region is being read or written: the moment for somebody to change it.
    pub moments: mpsc::UnboundedSender<Place>,
    calm: AtomicBool,
    shared: SharedWorld,
    time: Time,
    monitor: Mutex<Monitor>,
    network: Mutex<Dice>,
    log: Mutex<Log>,
}

/// The world's time is the runtime's virtual time: nothing else moves it.
#[derive(Debug, Clone, Copy)]
struct Time {
    start: Timestamp,
    origin: Instant,
}

impl Time {
    fn now(self) -> Timestamp {
        let elapsed = self.origin.elapsed().as_millis();
        let elapsed = SignedDuration::from_millis(i64::try_from(elapsed).unwrap());
        self.start + elapsed
    }
}

/// Everything that happened, in order.
#[derive(Debug, Default)]
struct Log {
    digest: DefaultHasher,
    length: u64,
    counts: BTreeMap<&'static str, u64>,
    lines: Option<Vec<String>>,
}

impl Sim {
    /// A simulation of a world from now on; with a trace, every line is kept.
    pub fn new(
        setting: Setting,
        world: World,
        network: Dice,
        moments: mpsc::UnboundedSender<Place>,
        trace: bool,
    ) -> Self {
        let policy = Policy::parse(&setting.policy.to_string()).unwrap();
        let log = Log {
            lines: trace.then(Vec::new),
            ..Log::default()
        };
        let start = world.now();
        Self {
            news: Notify::new(),
            busy: AtomicUsize::new(0),
            moments,
            calm: AtomicBool::new(false),
            monitor: Mutex::new(Monitor::new(&setting, policy)),
            network: Mutex::new(network),
            log: Mutex::new(log),
            shared: SharedWorld::new(world),
            time: Time {
                start,
                origin: Instant::now(),
            },
            setting,
        }
    }

    /// What goes wrong now: nothing any more, once everything is quiet.
    pub fn trouble(&self) -> Trouble {
        match self.calm.load(Ordering::Relaxed) {
            true => Trouble::default(),
            false => self.setting.trouble,
        }
    }

    /// From now on nothing goes wrong.
    pub fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
        self.world(|world| world.faults.clear());
    }

    /// Whether nothing goes wrong any more.
    pub fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// The controllers' clock.
    pub fn clock(&self) -> Clock {
        let time = self.time;
        Clock::new(move || time.now())
    }

    /// The moment of the runtime at which the world's time is another one.
    pub fn instant(&self, at: Timestamp) -> Instant {
        let ahead = at.duration_since(self.now()).max(SignedDuration::ZERO);
        Instant::now() + ahead.unsigned_abs()
    }

    /// The world of this moment.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.current())
    }

    /// The world of this moment, for the wire, which locks it itself.
    pub fn shared(&self) -> &SharedWorld {
        drop(self.current());
        &self.shared
    }

    fn current(&self) -> MutexGuard<'_, World> {
        let mut world = self.shared.lock();
        let behind = self.now().duration_since(world.now());
        world.advance(behind);
        world
    }

    /// The monitor.
    pub fn monitor(&self) -> MutexGuard<'_, Monitor> {
        lock(&self.monitor)
    }

    /// The dice of the network.
    pub fn network(&self) -> MutexGuard<'_, Dice> {
        lock(&self.network)
    }

    /// Notes what happened. Lines that are equal in two runs make equal digests.
    pub fn note(&self, who: &str, what: impl Display) {
        let (now, mut log) = (self.now(), lock(&self.log));
        let line = format!("{now} {who:12} {what}");
        line.hash(&mut log.digest);
        log.length += 1;
        if let Some(lines) = &mut log.lines {
            lines.push(line);
        }
    }

    /// Counts something of which every run of many seeds must have seen some.
    pub fn count(&self, what: &'static str) {
        *lock(&self.log).counts.entry(what).or_default() += 1;
    }

    /// What was counted.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.log).counts.clone()
    }

    /// How many lines there are, and their digest.
    pub fn digest(&self) -> (u64, u64) {
        let log = lock(&self.log);
        (log.length, log.digest.finish())
    }

    /// The lines, if they were kept.
    pub fn trace(&self) -> Vec<String> {
        lock(&self.log).lines.clone().unwrap_or_default()
    }
}

/// What a simulation is handed around as.
pub type Shared = Arc<Sim>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
