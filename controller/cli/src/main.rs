//! The command line of the Macie self-service controller.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    maciectl::commands::main().await.into()
}
