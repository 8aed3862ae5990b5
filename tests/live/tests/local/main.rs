//! The live check against the local AWS, so that it cannot rot.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod clean;
mod docs;
mod refusals;
mod sandbox;
mod switches;
