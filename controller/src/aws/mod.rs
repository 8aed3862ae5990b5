//! AWS through the official SDK: clients, sessions in workload accounts, and errors.

mod clients;
mod error;
mod session;

pub use aws_config::SdkConfig;
pub use clients::{Aws, ConnectError, Identity, Tuning, Workload, base_config};
pub use error::{class_of, trouble};
