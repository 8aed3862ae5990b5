//! Faults by operation, account and probability.

use crate::request::Call;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The service's throttling error, without effect.
    Throttle,
    /// The service's access-denied error, without effect.
    Deny,
    /// HTTP 500 or 503, without effect.
    ServerError,
    /// The call takes this many milliseconds longer.
    Delay(u64),
    /// The effect happens, the connection closes without a reply.
    LoseReply,
    /// The connection closes without an effect.
    LoseRequest,
    /// The effect happens, and from then on no call is answered until the faults are cleared: the
    /// caller's process is as good as dead.
    Crash,
}

/// A rule that spoils calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Operation name, or none for any.
    pub operation: Option<String>,
    /// Calling account, or none for any.
    pub account: Option<String>,
    /// What goes wrong.
    pub kind: Kind,
    /// How often it applies, 0.0 to 1.0.
    pub probability: f64,
    /// Matching calls to let through first.
    pub skip: u32,
    /// How many times it applies at most; none for always.
    pub times: Option<u32>,
}

impl Fault {
    /// A fault that always hits an operation.
    pub fn always(operation: &str, kind: Kind) -> Self {
        Self {
            operation: Some(operation.to_owned()),
            account: None,
            kind,
            probability: 1.0,
            skip: 0,
            times: None,
        }
    }

    /// The same fault, at most once.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.times = Some(1);
        self
    }
}

/// The faults in force.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rules: Vec<Fault>,
    dead: bool,
    seed: u64,
}

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, fault: Fault) {
        self.rules.push(fault);
    }

    /// The faults in force, in the order in which they are tried.
    pub fn rules(&self) -> &[Fault] {
        &self.rules
    }

    /// Removes every fault and revives a crashed caller.
    pub fn clear(&mut self) {
        self.rules.clear();
        self.dead = false;
    }

    /// Sets the seed of the probabilities.
    pub fn seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Whether a crash has happened.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// No call is answered from now on.
    pub fn die(&mut self) {
        self.dead = true;
    }

    /// The fault for a call, if any; counts it as applied.
    pub fn draw(&mut self, call: &Call, operation: &str) -> Option<Kind> {
        let mut dice = self.seed;
        let drawn = self.rules.iter_mut().find_map(|rule| {
            let meant = rule
                .operation
                .as_deref()
                .is_none_or(|name| name == operation)
                && rule
                    .account
                    .as_deref()
                    .is_none_or(|id| id == call.caller.account)
                && rule.times != Some(0);
            if !meant {
                return None;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                return None;
            }
            if rule.probability < 1.0 && random(&mut dice) >= rule.probability {
                return None;
            }
            rule.times = rule.times.map(|left| left - 1);
            Some(rule.kind.clone())
        });
        self.seed = dice;
        drawn
    }
}

/// A number in 0..1 by splitmix64; the same for the same seed.
fn random(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
