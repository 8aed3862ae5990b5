//! Custom resources of the CloudFormation templates: the registration of the delegated Macie
//! administrator (management account) and its settings (administrator account), for every
//! governed Region.
//!
//! [`frame`] is the path of a request: parse, carry out, and either answer CloudFormation or, when
//! the function's time is nearly over, go on in a new invocation. [`registration`] and
//! [`settings`] are what is carried out: each reads a Region, decides (purely) and writes, and reads
//! again, until nothing is left to write. So a request can be repeated at any time and after any
//! failure, and ends the same.

pub mod answer;
pub mod aws;
pub mod frame;
pub mod lambda;
pub mod pace;
pub mod properties;
pub mod regions;
pub mod registration;
pub mod report;
pub mod request;
pub mod settings;
