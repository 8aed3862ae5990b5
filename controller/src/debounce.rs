//! Which accounts were found to have left lately. An account whose tag comes and goes is found so
//! at most once in a while, for that reads every bucket. The memory of one process, and only for
//! the sake of cost.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use controller_core::{id::Scope, plan::DEBOUNCE, report::ChangeKind};
use jiff::Timestamp;

use crate::act::Acted;

/// When each account left.
#[derive(Debug, Default)]
pub struct Debounce(Mutex<BTreeMap<Scope, Timestamp>>);

impl Debounce {
    /// Remembers that an account has left, and forgets those that left long ago.
    pub fn note(&self, scope: &Scope, acted: &Acted, now: Timestamp) {
        let mut changes = acted.changes.iter();
        if changes.any(|change| change.kind == ChangeKind::SuspensionPending) {
            let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            left.retain(|_, at| now.duration_since(*at) < DEBOUNCE);
            left.insert(scope.clone(), now);
        }
    }

    /// Until when the account is left alone.
    pub fn until(&self, scope: &Scope, now: Timestamp) -> Option<Timestamp> {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = left.get(scope)?.saturating_add(DEBOUNCE).ok()?;
        (now < until).then_some(until)
    }
}
