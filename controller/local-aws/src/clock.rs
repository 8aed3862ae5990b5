//! The world's clock: frozen for tests, running for people, and turned forward by hand.

use jiff::{SignedDuration, Timestamp};

/// A clock that only moves forward.
#[derive(Debug, Clone)]
pub enum Clock {
    /// Stands still until it is turned.
    Frozen(Timestamp),
    /// The machine's clock plus what it was turned forward.
    Running {
        /// How far the world is ahead of the machine.
        ahead: SignedDuration,
    },
}

impl Clock {
    /// The world's time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Frozen(at) => *at,
            Self::Running { ahead } => Timestamp::now()
                .checked_add(*ahead)
                .unwrap_or(Timestamp::MAX),
        }
    }

    /// Moves the clock forward; a negative duration leaves it where it is.
    pub fn advance(&mut self, by: SignedDuration) {
        if by.is_negative() {
            return;
        }
        match self {
            Self::Frozen(at) => *at = at.checked_add(by).unwrap_or(Timestamp::MAX),
            Self::Running { ahead } => *ahead = ahead.saturating_add(by),
        }
    }
}
