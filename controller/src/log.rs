//! The log of the functions.

use tracing_subscriber::EnvFilter;

/// Writes JSON lines to standard output at the level of `RUST_LOG`, `info` without it, and says which
/// version has started.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .init();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "started");
}
