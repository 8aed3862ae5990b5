//! AWS through the official SDK: clients, sessions in workload accounts, and errors.

mod clients;
mod error;
mod session;

pub(crate) use clients::base_config;
pub use clients::{Aws, ConnectError, Identity, Tuning, Workload};
pub use error::{class_of, trouble};
