//! Time: how much of it a run has, pauses with jitter, and reading again until it is right.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use controller::clock::Clock;
use controller_core::observed::{ErrorClass, Trouble};
use jiff::Timestamp;

use crate::report::Stop;

/// The first pause before something is tried again; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Tries for what passes by itself: throttling, lost connections, and conflicts, because trusted
/// access is eventually consistent and Regions that are changed together collide in Organizations.
const TRIES: u32 = 8;
/// Tries for what is usually a mistake, but is also said of a role, policy, bucket or key that is
/// seconds old: CloudFormation made them just before.
const TRIES_IF_NEW: u32 = 4;

/// The time of one run.
#[derive(Debug, Clone)]
pub struct Pace {
    clock: Clock,
    sleep: SharedAsyncSleep,
    end: Timestamp,
}

/// What one look led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<T> {
    /// It is as it should be.
    Done(T),
    /// Something was written: look again.
    Wrote,
    /// AWS is still at it: look again later, for as long as there is time.
    Wait,
}

/// How looking again and again ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End<T> {
    /// It is as it should be.
    Done(T),
    /// It did not become so.
    Failed(Trouble),
    /// The time was over first.
    OutOfTime,
}

impl<T> End<T> {
    /// The result of something without which nothing else can be done.
    pub fn or_stop(self, doing: &str) -> Result<T, Stop> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Failed(trouble) => Err(Stop::Failed(trouble.to_string())),
            Self::OutOfTime => Err(Stop::OutOfTime(doing.to_owned())),
        }
    }
}

impl Pace {
    /// A run that begins nothing after `end`.
    pub fn new(clock: Clock, sleep: SharedAsyncSleep, end: Timestamp) -> Self {
        Self { clock, sleep, end }
    }

    fn has_time(&self) -> bool {
        self.clock.now() < self.end
    }

    /// A pause of half to all of the duration; which is decided by the salt, so that Regions do not
    /// come back together.
    pub async fn pause(&self, at_most: Duration, salt: impl Hash) {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        let share = u32::try_from(hasher.finish() % 1000).unwrap_or(0);
        let half = at_most / 2;
        self.sleep.sleep(half + half * share / 1000).await;
    }

    /// Looks until nothing is left to write. What may pass is tried again after a pause, and the
    /// last error is kept.
    pub async fn settle<T, F>(&self, salt: &str, mut look: impl FnMut() -> F) -> End<T>
    where
        F: Future<Output = Result<Step<T>, Trouble>>,
    {
        let (mut tries, mut looks) = (0_u32, 0_u32);
        while self.has_time() {
            looks += 1;
            match look().await {
                Ok(Step::Done(value)) => return End::Done(value),
                Ok(Step::Wrote) => {
                    tries += 1;
                    if tries >= TRIES {
                        return End::Failed(unseen(tries));
                    }
                    if tries == 1 {
                        continue;
                    }
                }
                Ok(Step::Wait) => {}
                Err(trouble) => {
                    tries += 1;
                    if tries >= tries_for(trouble.class) {
                        return End::Failed(trouble);
                    }
                    tracing::warn!(salt, %trouble, "tried again");
                }
            }
            let doubled = FIRST_PAUSE.saturating_mul(1 << (looks - 1).min(4));
            self.pause(doubled.min(LONGEST_PAUSE), (salt, looks)).await;
        }
        End::OutOfTime
    }

    /// One call that only reads, tried again like everything.
    pub async fn read<T, F>(&self, doing: &str, mut call: impl FnMut() -> F) -> Result<T, Stop>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let look = || {
            let call = call();
            async move { call.await.map(Step::Done) }
        };
        self.settle(doing, look).await.or_stop(doing)
    }
}

/// What was written again and again is not what is read.
fn unseen(tries: u32) -> Trouble {
    Trouble {
        operation: "reading again",
        class: ErrorClass::Conflict,
        message: format!("it is otherwise after it was written {tries} times"),
    }
}

fn tries_for(class: ErrorClass) -> u32 {
    match class {
        ErrorClass::Throttled | ErrorClass::Transient | ErrorClass::Conflict => TRIES,
        ErrorClass::Denied
        | ErrorClass::Invalid
        | ErrorClass::NotEnabled
        | ErrorClass::RegionDisabled
        | ErrorClass::NotFound => TRIES_IF_NEW,
        ErrorClass::Other => 1,
    }
}
