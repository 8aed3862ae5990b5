//! What the figures were taken on.

use std::process::Command;

use serde::{Deserialize, Serialize};

/// A machine and what runs on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model.
    pub processor: String,
    /// How many of them.
    pub processors: usize,
    /// GiB of memory.
    pub memory_gib: f64,
    /// Kernel and architecture.
    pub system: String,
    /// The compiler.
    pub rust: String,
    /// The peers' interpreter.
    pub python: String,
    /// Processes that wanted to run when the measuring began, averaged over a minute.
    pub load_at_start: f64,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let info = read("/proc/cpuinfo");
        let model = field(&info, "model name").unwrap_or("unknown");
        let memory = read("/proc/meminfo");
        let kib: f64 = field(&memory, "MemTotal")
            .and_then(|text| text.trim_end_matches(" kB").parse().ok())
            .unwrap_or_default();
        Self {
            processor: model.to_owned(),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (kib / 1024.0 / 1024.0 * 10.0).round() / 10.0,
            system: output("uname", &["-srm"]),
            rust: output("rustc", &["--version"]),
            python: output("python3", &["--version"]),
            load_at_start: read("/proc/loadavg")
                .split_whitespace()
                .next()
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output();
    let text = done.map(|done| done.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}
