//! Chance: every choice of a simulation comes from its seed.

use std::time::Duration;

use fastrand::Rng;

/// A source of choices. Each part of a simulation has one of its own, so that a change in one part
/// leaves the choices of the others alone.
#[derive(Debug, Clone)]
pub struct Dice(Rng);

impl Dice {
    /// The dice of a part of a seed's simulation.
    pub fn new(seed: u64, part: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let own = rng.u64(..).wrapping_add(part);
        Self(Rng::with_seed(own))
    }

    /// Yes in so many of 1,000 cases.
    pub fn happens(&mut self, per_thousand: u32) -> bool {
        self.0.u32(0..1_000) < per_thousand
    }

    /// A number below another one.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(0..end.max(1))
    }

    /// A number from one to another, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.u64(least..=most.max(least))
    }

    /// One of several.
    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// One of several, or none if there are none.
    pub fn maybe<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        (!of.is_empty()).then(|| self.pick(of))
    }

    /// A time between two numbers of milliseconds, of every order of magnitude alike.
    pub fn time(&mut self, least: u64, most: u64) -> Duration {
        let (least, most) = (least.max(1) as f64, most.max(1) as f64);
        let milliseconds = (least.ln() + self.0.f64() * (most.ln() - least.ln())).exp();
        Duration::from_millis(milliseconds as u64)
    }

    /// One of several by weight.
    pub fn weighted<T: Clone>(&mut self, of: &[(u32, T)]) -> T {
        let total: u32 = of.iter().map(|(weight, _)| weight).sum();
        let mut left = self.0.u32(0..total);
        for (weight, what) in of {
            if left < *weight {
                return what.clone();
            }
            left -= weight;
        }
        of[0].1.clone()
    }

    /// Another order of the same things.
    pub fn shuffle<T>(&mut self, of: &mut [T]) {
        self.0.shuffle(of);
    }
}
