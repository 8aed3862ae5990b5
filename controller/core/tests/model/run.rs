//! One controller at work: the loop of `controller/src/reconcile.rs`, cut between any two calls.
//!
//! Its rounds are not counted: whoever has used them up hands its message back, as after a crash.

use std::{
    hash::{Hash, Hasher},
    mem::discriminant,
    sync::Arc,
};

use controller_core::{plan::Action, wants::Read};

use crate::{
    account::{Account, Aws},
    mind::{Hints, Knowledge, Mind, Verdict},
};

/// The rules of the loop that can be taken away, to see what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whoever wrote reads again.
    pub settle: bool,
    /// A suspension is decided again on a member of that moment.
    pub second_look: bool,
    /// Whoever suspended reads every bucket again, and not only what the index names.
    pub every_bucket: bool,
}

/// The event of a bucket, or a sweep.
pub type Message = Option<usize>;

/// A controller that has not ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// For people who read a story; no part of the state.
    pub name: char,
    pub message: Message,
    hints: Hints,
    fresh: bool,
    phase: Phase,
}

#[derive(Debug, Clone)]
enum Phase {
    Read(Arc<Knowledge>),
    /// The second look of a suspension.
    LookAgain(Arc<Knowledge>),
    Write {
        steps: Arc<[Action]>,
        key: u64,
        at: usize,
        suspends: bool,
        failed: bool,
    },
}

/// One call to AWS.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Read(Read),
    Write(Action),
}

/// How a controller ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Done,
    /// Its message comes back.
    Failed,
    /// It asked to be called again.
    Waits,
    /// A plan broke an invariant.
    Defect(String),
}

impl Run {
    pub fn start(mind: &Mind, account: &Account, name: char, message: Message) -> Self {
        Self {
            name,
            message,
            hints: message.into_iter().collect(),
            fresh: true,
            phase: Phase::Read(mind.begin(account, &message.into_iter().collect())),
        }
    }

    /// Whether it has made no call.
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// How many calls may be the next: reads of one answer are made at the same time.
    pub fn calls(&self) -> usize {
        match &self.phase {
            Phase::Read(knowledge) | Phase::LookAgain(knowledge) => knowledge.todo.len(),
            Phase::Write { .. } => 1,
        }
    }

    /// One of them.
    pub fn call(&self, n: usize) -> Call {
        match &self.phase {
            Phase::Read(knowledge) | Phase::LookAgain(knowledge) => {
                Call::Read(knowledge.todo.iter().nth(n).unwrap().clone())
            }
            Phase::Write { steps, at, .. } => Call::Write(steps[*at].clone()),
        }
    }

    /// Makes a call, and whatever follows from it without another one.
    pub fn step(
        &mut self,
        mind: &Mind,
        (aws, rules): (Aws, Rules),
        account: &mut Arc<Account>,
        n: usize,
    ) -> Option<End> {
        self.fresh = false;
        match &mut self.phase {
            Phase::Read(before) => {
                let read = before.todo.iter().nth(n).unwrap();
                let knowledge = mind.learn(account, before, read);
                self.phase = Phase::Read(knowledge.clone());
                self.conclude(rules, &knowledge)
            }
            Phase::LookAgain(before) => {
                let read = before.todo.iter().nth(n).unwrap();
                let knowledge = mind.learn(account, before, read);
                self.phase = Phase::LookAgain(knowledge.clone());
                self.confirm(mind, rules, account, &knowledge)
            }
            Phase::Write {
                steps, at, failed, ..
            } => {
                *failed |= !Arc::make_mut(account).apply(aws, &steps[*at]);
                *at += 1;
                match *at == steps.len() {
                    true => self.wrote(mind, rules, account),
                    false => None,
                }
            }
        }
    }

    fn conclude(&mut self, rules: Rules, knowledge: &Arc<Knowledge>) -> Option<End> {
        match knowledge.verdict.as_ref()? {
            Verdict::Defect(defect) => return Some(End::Defect(defect.clone())),
            Verdict::Nothing { waits: true } => return Some(End::Waits),
            Verdict::Nothing { waits: false } => return Some(End::Done),
            Verdict::Steps { suspends: true, .. } if rules.second_look => {
                self.phase = Phase::LookAgain(Mind::look_again(knowledge));
            }
            Verdict::Steps {
                steps,
                key,
                suspends,
            } => self.write(steps, *key, *suspends),
        }
        None
    }

    /// What the second look makes of a suspension.
    fn confirm(
        &mut self,
        mind: &Mind,
        rules: Rules,
        account: &Account,
        knowledge: &Arc<Knowledge>,
    ) -> Option<End> {
        match knowledge.verdict.as_ref()? {
            Verdict::Defect(defect) => return Some(End::Defect(defect.clone())),
            Verdict::Nothing { .. } => {
                self.forget_hints(rules, account);
                self.next_round(mind, account);
            }
            Verdict::Steps { steps, key, .. } => self.write(steps, *key, true),
        }
        None
    }

    fn write(&mut self, steps: &Arc<[Action]>, key: u64, suspends: bool) {
        self.phase = Phase::Write {
            steps: steps.clone(),
            key,
            at: 0,
            suspends,
            failed: false,
        };
    }

    fn wrote(&mut self, mind: &Mind, rules: Rules, account: &Account) -> Option<End> {
        let Phase::Write {
            suspends, failed, ..
        } = self.phase
        else {
            return None;
        };
        if suspends {
            self.forget_hints(rules, account);
        }
        match (failed, rules.settle) {
            (true, _) => return Some(End::Failed),
            (false, false) => return Some(End::Done),
            (false, true) => self.next_round(mind, account),
        }
        None
    }

    /// Who was tagged meanwhile is not among the hints.
    fn forget_hints(&mut self, rules: Rules, account: &Account) {
        self.hints = match rules.every_bucket {
            true => (0..account.tagged.len()).collect(),
            false => Hints::new(),
        };
    }

    fn next_round(&mut self, mind: &Mind, account: &Account) {
        self.phase = Phase::Read(mind.begin(account, &self.hints));
    }
}

impl Hash for Run {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self {
            name: _,
            message,
            hints,
            fresh,
            phase,
        } = self;
        (message, hints, fresh, discriminant(phase)).hash(hasher);
        match phase {
            Phase::Read(knowledge) | Phase::LookAgain(knowledge) => {
                (knowledge.key, knowledge.todo.len()).hash(hasher);
            }
            Phase::Write {
                steps: _,
                key,
                at,
                suspends,
                failed,
            } => (key, at, suspends, failed).hash(hasher),
        }
    }
}
