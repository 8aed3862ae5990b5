//! Everything that can happen, in any order: people tag and untag, events are on their way,
//! controllers make one call after the other and crash between two, the clock is turned.

use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
};

use controller_core::{observed::Relationship, report::summary};
use jiff::SignedDuration;
use stateright::{Model, Property};

use crate::{
    account::{Account, Aws, NAMES},
    beginning::Beginning,
    goal,
    mind::{Mind, key},
    run::{Call, End, Message, Rules, Run},
};

/// A turn of the clock: more than a grace period.
const TURN: SignedDuration = SignedDuration::from_hours(25);

/// How much may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    pub controllers: usize,
    pub flips: u8,
    pub crashes: u8,
    pub turns: u8,
}

pub struct System {
    pub mind: Mind,
    pub aws: Aws,
    pub rules: Rules,
    /// Whether reads of one answer are made in any order, and not in a fixed one.
    pub any_order: bool,
    pub budget: Budget,
    pub buckets: usize,
    pub beginnings: Vec<Beginning>,
}

#[derive(Debug, Clone)]
pub struct State {
    pub account: Arc<Account>,
    pub account_key: u64,
    /// Messages that can be delivered.
    pub bag: BTreeMap<Message, u8>,
    /// Controllers that asked to be called again while Macie enables the account.
    pub waiting: u8,
    pub runs: Vec<(u64, Run)>,
    pub left: Budget,
    pub defect: Option<String>,
    pub started: u8,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// A person tags or untags a bucket; S3's event is on its way.
    Flip(usize),
    /// The index shows what is there.
    IndexCatchesUp,
    /// Macie has enabled the account.
    Enabled,
    /// A day passes; a sweep begins.
    Turn,
    /// A controller is given a message.
    Deliver(Message),
    /// A controller makes its next call.
    Step(char, usize),
    /// A controller is no more; its message comes again.
    Crash(char),
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            account: _,
            account_key,
            bag,
            waiting,
            runs,
            left,
            defect,
            started: _,
        } = self;
        (account_key, bag, waiting, left, defect).hash(hasher);
        // Controllers differ in what they know, not in their names.
        let mut runs: Vec<u64> = runs.iter().map(|(key, _)| *key).collect();
        runs.sort_unstable();
        runs.hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        key(self) == key(other)
    }
}

impl State {
    fn send(&mut self, message: Message) {
        *self.bag.entry(message).or_default() += 1;
    }

    fn take(&mut self, message: Message) {
        let count = self.bag.get_mut(&message).unwrap();
        *count -= 1;
        if *count == 0 {
            self.bag.remove(&message);
        }
    }

    /// Whether every controller has ended and nothing is on its way.
    pub fn is_at_rest(&self) -> bool {
        self.runs.is_empty() && self.bag.is_empty() && self.waiting == 0
    }

    fn enabling(&self) -> bool {
        self.account.status() == Some(&Relationship::Created)
    }

    /// Those who wait for Macie come back when it is done.
    fn wake(&mut self) {
        while self.waiting > 0 && !self.enabling() {
            self.waiting -= 1;
            self.send(None);
        }
    }

    fn run(&mut self, name: char) -> usize {
        self.runs
            .iter()
            .position(|(_, run)| run.name == name)
            .unwrap()
    }

    fn step(&mut self, system: &System, name: char, n: usize) {
        let at = self.run(name);
        let (known, run) = &mut self.runs[at];
        let how = (system.aws, system.rules);
        let end = run.step(&system.mind, how, &mut self.account, n);
        *known = key(run);
        let Some(end) = end else {
            return;
        };
        let (_, run) = self.runs.remove(at);
        match end {
            End::Done => {}
            End::Failed => self.send(run.message),
            End::Waits => self.waiting += 1,
            End::Defect(defect) => self.defect = Some(defect),
        }
    }
}

impl Model for System {
    type State = State;
    type Action = Happening;

    fn init_states(&self) -> Vec<State> {
        let begun = self
            .beginnings
            .iter()
            .map(|beginning| self.begin(*beginning));
        begun.collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Happening>) {
        // Whoever gets a message and makes no call yet has done nothing: it is given at once.
        if state.runs.len() < self.budget.controllers && !state.bag.is_empty() {
            return actions.extend(state.bag.keys().copied().map(Happening::Deliver));
        }
        if state.left.flips > 0 {
            actions.extend((0..self.buckets).map(Happening::Flip));
        }
        if state.account.indexed != state.account.tagged {
            actions.push(Happening::IndexCatchesUp);
        }
        if state.enabling() {
            actions.push(Happening::Enabled);
        }
        // No controller lives for a day; a message may.
        if state.left.turns > 0 && state.runs.iter().all(|(_, run)| run.is_fresh()) {
            actions.push(Happening::Turn);
        }
        for (_, run) in &state.runs {
            let calls = if self.any_order { run.calls() } else { 1 };
            actions.extend((0..calls).map(|n| Happening::Step(run.name, n)));
            if state.left.crashes > 0 && !run.is_fresh() {
                actions.push(Happening::Crash(run.name));
            }
        }
    }

    fn next_state(&self, last: &State, happening: Happening) -> Option<State> {
        let mut state = last.clone();
        match happening {
            Happening::Flip(n) => {
                state.left.flips -= 1;
                let account = Arc::make_mut(&mut state.account);
                account.last_tags = state.left.flips == 0;
                account.tagged[n] ^= true;
                if !self.aws.index_lags {
                    account.indexed[n] = account.tagged[n];
                }
                state.send(Some(n));
            }
            Happening::IndexCatchesUp => {
                let account = Arc::make_mut(&mut state.account);
                account.indexed = account.tagged.clone();
            }
            Happening::Enabled => Arc::make_mut(&mut state.account).enable(),
            Happening::Turn => {
                state.left.turns -= 1;
                Arc::make_mut(&mut state.account).turn(TURN);
                state.send(None);
            }
            Happening::Deliver(message) => {
                state.take(message);
                let name = char::from(b'A' + state.started);
                state.started += 1;
                let run = Run::start(&self.mind, &state.account, name, message);
                state.runs.push((key(&run), run));
            }
            Happening::Step(name, n) => state.step(self, name, n),
            Happening::Crash(name) => {
                state.left.crashes -= 1;
                let at = state.run(name);
                let (_, run) = state.runs.remove(at);
                state.send(run.message);
            }
        }
        state.wake();
        if !Arc::ptr_eq(&state.account, &last.account) {
            state.account_key = key(&*state.account);
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        goal::properties()
    }
}

/// What happened, in a line.
pub fn tell(state: &State, happening: &Happening) -> String {
    match happening {
        Happening::Flip(n) => format!("somebody tags or untags {}", NAMES[*n]),
        Happening::IndexCatchesUp => "the index shows what is there".to_owned(),
        Happening::Enabled => "Macie has enabled the account".to_owned(),
        Happening::Turn => "a day passes, a sweep begins".to_owned(),
        Happening::Deliver(Some(n)) => format!("a controller gets the event of {}", NAMES[*n]),
        Happening::Deliver(None) => "a controller gets a sweep".to_owned(),
        Happening::Step(name, n) => {
            let run = state.runs.iter().find(|(_, run)| run.name == *name);
            match run.unwrap().1.call(*n) {
                Call::Read(read) => format!("{name} reads {read:?}"),
                Call::Write(action) => format!("{name} writes: {}", summary(&action)),
            }
        }
        Happening::Crash(name) => format!("{name} crashes"),
    }
}
