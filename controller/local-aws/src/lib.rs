//! An AWS organization on loopback.
//!
//! A stateful [`World`] (accounts, roles, buckets, Macie members and jobs, buses, queues and a
//! clock that can be turned) behind the real wire protocols, so that the AWS SDKs, boto3 and the
//! `aws` CLI talk to it unchanged with `--endpoint-url`. It implements only the operations that
//! the controller and its users' walkthrough call.
//!
//! One port serves every service: the service and the Region of a call are read from the
//! credential scope of its signature, the account from the access key. Signatures are not
//! verified; unknown access keys are refused.

pub mod account;
pub mod clock;
pub mod cloudformation;
pub mod cloudtrail;
pub mod control;
pub mod cost_explorer;
pub mod dispatch;
pub mod docs;
pub mod error;
pub mod events;
pub mod faults;
pub mod iam;
pub mod lambda;
pub mod macie;
pub mod operation;
pub mod organization;
pub mod organizations;
pub mod pricing;
pub mod recording;
pub mod render;
pub mod request;
pub mod roles;
pub mod runtime_api;
pub mod s3;
pub mod scheduler;
pub mod server;
pub mod sqs;
pub mod ssm;
pub mod sts;
pub mod tagging;
pub mod world;

pub use clock::Clock;
pub use error::ApiError;
pub use request::{Call, Caller, Reply};
pub use server::{Answer, LocalAws};
pub use world::{SharedWorld, Switches, World};
