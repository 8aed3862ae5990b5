//! What a controller knows and concludes. The same knowledge leads to the same conclusion, so each
//! is worked out once, by the real core, and looked up from then on.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
};

use controller_core::{
    check::check,
    decide::decide,
    id::BucketName,
    observed::Observed,
    plan::{Action, Note},
    report::summary,
    wants::{Read, wants},
};
use jiff::Timestamp;

use crate::{
    account::{Account, NAMES},
    world::{World, bucket},
};

/// A number that stands for a value.
pub fn key(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The buckets that a controller is told to look at first.
pub type Hints = BTreeSet<usize>;

/// What was read since a round began.
#[derive(Debug)]
pub struct Knowledge {
    /// Stands for all answers.
    pub key: u64,
    observed: Observed,
    /// What is still to be read, all at the same time.
    pub todo: BTreeSet<Read>,
    /// Whether this is the second look of a suspension, which asks for nothing more.
    again: bool,
    /// What to do, when everything is read.
    pub verdict: Option<Verdict>,
}

/// What follows from complete knowledge.
#[derive(Debug)]
pub enum Verdict {
    /// Nothing to write; perhaps to look again later.
    Nothing { waits: bool },
    /// These writes.
    Steps {
        steps: Arc<[Action]>,
        /// Stands for the writes.
        key: u64,
        suspends: bool,
    },
    /// A plan that breaks an invariant.
    Defect(String),
}

/// What everybody knows and nothing changes, and what was concluded before.
#[derive(Debug)]
pub struct Mind {
    pub template: World,
    begun: Mutex<BTreeMap<u64, Arc<Knowledge>>>,
    learnt: Mutex<BTreeMap<u64, Arc<Knowledge>>>,
}

impl Mind {
    pub fn new(template: World) -> Self {
        Self {
            template,
            begun: Mutex::default(),
            learnt: Mutex::default(),
        }
    }

    /// Nothing read yet.
    pub fn begin(&self, account: &Account, hints: &Hints) -> Arc<Knowledge> {
        let asked = key(&(hints, surroundings(account)));
        let mut begun = self.begun.lock().unwrap();
        let fresh = || {
            let hints: BTreeSet<BucketName> = hints.iter().map(|n| bucket(NAMES[*n])).collect();
            let observed = self.template.unread(&hints);
            Arc::new(self.conclude(account, observed, key(&hints), BTreeSet::new()))
        };
        begun.entry(asked).or_insert_with(fresh).clone()
    }

    /// The answer to one read, and what follows from it.
    pub fn learn(&self, account: &Account, before: &Knowledge, read: &Read) -> Arc<Knowledge> {
        let answer = (before.again, format!("{read:?}"), account.answer(read));
        let asked = key(&(before.key, &answer, surroundings(account)));
        if let Some(known) = self.learnt.lock().unwrap().get(&asked) {
            return known.clone();
        }
        let mut observed = before.observed.clone();
        account.read(&self.template, &mut observed, read);
        let mut todo = before.todo.clone();
        todo.remove(read);
        let sum = before.key.wrapping_add(key(&answer));
        let known = match before.again {
            false => self.conclude(account, observed, sum, todo),
            true => self.confirm(account, observed, sum, todo),
        };
        let known = Arc::new(known);
        self.learnt.lock().unwrap().insert(asked, known.clone());
        known
    }

    /// The second look of a suspension: the member and the census once more, and all that was read
    /// before.
    pub fn look_again(before: &Knowledge) -> Arc<Knowledge> {
        Arc::new(Knowledge {
            key: before.key.rotate_left(1),
            observed: before.observed.clone(),
            todo: BTreeSet::from([Read::Member, Read::Census]),
            again: true,
            verdict: None,
        })
    }

    fn confirm(
        &self,
        account: &Account,
        observed: Observed,
        key: u64,
        todo: BTreeSet<Read>,
    ) -> Knowledge {
        let verdict = todo.is_empty().then(|| self.judge(account, &observed));
        Knowledge {
            key,
            observed,
            todo,
            again: true,
            verdict,
        }
    }

    /// Asks the core what it wants; what cannot change meanwhile is answered on the spot.
    fn conclude(
        &self,
        account: &Account,
        mut observed: Observed,
        mut sum: u64,
        mut todo: BTreeSet<Read>,
    ) -> Knowledge {
        loop {
            if todo.is_empty() {
                todo = wants(&self.template.policy, &observed, account.now);
            }
            let (constant, open): (BTreeSet<_>, BTreeSet<_>) =
                todo.into_iter().partition(|read| account.is_constant(read));
            for read in &constant {
                account.read(&self.template, &mut observed, read);
                let answer = (false, format!("{read:?}"), account.answer(read));
                sum = sum.wrapping_add(key(&answer));
            }
            todo = open;
            if !todo.is_empty() || constant.is_empty() {
                break;
            }
        }
        let verdict = todo.is_empty().then(|| self.judge(account, &observed));
        Knowledge {
            key: sum,
            observed,
            todo,
            again: false,
            verdict,
        }
    }

    fn judge(&self, account: &Account, observed: &Observed) -> Verdict {
        let policy = &self.template.policy;
        let plan = decide(policy, observed, account.now);
        let waits = plan.notes.iter().any(|note| comes_back(note, account.now));
        match check(policy, observed, account.now, plan) {
            Err(violation) => Verdict::Defect(violation.to_string()),
            Ok(plan) if plan.steps().is_empty() => Verdict::Nothing { waits },
            Ok(plan) => {
                let steps: Arc<[Action]> = plan
                    .steps()
                    .iter()
                    .map(|step| step.action.clone())
                    .collect();
                Verdict::Steps {
                    key: key_of(&steps),
                    suspends: plan.suspends(),
                    steps,
                }
            }
        }
    }
}

/// What answers and conclusions depend on besides.
fn surroundings(account: &Account) -> impl Hash {
    let known = account
        .last_tags
        .then(|| (account.tagged.clone(), account.indexed.clone()));
    (account.now, known)
}

/// Whoever waits for something that moves is called again.
fn comes_back(note: &Note, now: Timestamp) -> bool {
    matches!(note, Note::Waiting(on) if on.look_again_in(now).is_some())
}

fn key_of(steps: &[Action]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for action in steps {
        summary(action).hash(&mut hasher);
        match action {
            Action::CreateMember { tags, .. } | Action::TagMember { tags } => {
                tags.hash(&mut hasher);
            }
            Action::CreateJob(spec) => (&spec.name, &spec.client_token).hash(&mut hasher),
            Action::ResumeMember
            | Action::SuspendMember
            | Action::UntagMember { .. }
            | Action::CancelJob { .. }
            | Action::PauseJob { .. }
            | Action::ResumeJob { .. } => {}
        }
    }
    hasher.finish()
}
