//! The live check's command line.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ExitCode::from(live_check::run::main().await)
}
