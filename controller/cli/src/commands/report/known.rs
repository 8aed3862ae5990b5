//! What is known, and what is unknown with its reason.

use std::fmt;

use serde::Serialize;

/// A value, or why there is none. Unknown is never zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Known<T> {
    /// It is this.
    Yes(T),
    /// It is not known.
    No {
        /// Why.
        unknown: String,
    },
}

impl<T> Known<T> {
    /// Unknown for a reason.
    pub fn unknown(why: impl fmt::Display) -> Self {
        let unknown = why.to_string();
        Self::No { unknown }
    }

    /// What there is, or why there is nothing.
    pub fn or(value: Option<T>, why: impl fmt::Display) -> Self {
        value.map_or_else(|| Self::unknown(why), Self::Yes)
    }

    /// The value, if it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Yes(value) => Some(value),
            Self::No { .. } => None,
        }
    }

    /// Why it is not known.
    pub fn reason(&self) -> Option<&String> {
        match self {
            Self::Yes(_) => None,
            Self::No { unknown } => Some(unknown),
        }
    }

    /// What follows from it, as unknown as it is.
    pub fn then<U>(&self, next: impl FnOnce(&T) -> Known<U>) -> Known<U> {
        match self {
            Self::Yes(value) => next(value),
            Self::No { unknown } => Known::unknown(unknown),
        }
    }
}
