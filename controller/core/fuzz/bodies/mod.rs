//! What must hold for any text. The fuzz targets call these with texts that they make up, and an
//! ordinary test of the core with every text of `corpus/`.

// A target uses one of them, the test all.
#![allow(dead_code, unused_imports)]

mod event;
mod policy;

pub use self::{
    event::{event_text, event_value},
    policy::policy,
};
