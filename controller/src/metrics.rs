//! Where lines of CloudWatch's embedded metric format go: a function prints them, and CloudWatch makes
//! metrics of them (CloudWatch User Guide, Embedded Metric Format).

use std::{fmt, sync::Arc};

/// Takes lines.
#[derive(Clone)]
pub struct Metrics(Arc<dyn Fn(&str) + Send + Sync>);

impl Metrics {
    /// Another place than standard output.
    pub fn new(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Prints a line.
    pub fn print(&self, line: &str) {
        (self.0)(line);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(|line| println!("{line}"))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
