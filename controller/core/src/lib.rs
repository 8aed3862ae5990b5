//! The decisions of the Macie self-service controller, without any way to reach the world.
//!
//! A reconcile reads top to bottom: an event becomes a [`event::Trigger`], [`wants`] names the
//! facts that are missing, the shell reads them into [`observed::Observed`], [`decide`] makes a
//! [`plan::Plan`], [`check`] turns it into the only thing that the shell may carry out, and
//! [`report`] says what happened. Nothing here is async, reads a clock, the environment or a file,
//! or knows the AWS SDK: `clippy.toml` and the manifest enforce it.

pub mod bill;
pub mod check;
pub mod collection;
pub mod decide;
pub mod estimate;
pub mod event;
pub mod focus;
pub mod id;
pub mod job_name;
pub mod money;
pub mod month;
pub mod observed;
pub mod plan;
pub mod policy;
pub mod price_list;
pub mod prices;
pub mod published;
pub mod report;
pub mod sweep;
pub mod usage;
pub mod wants;
