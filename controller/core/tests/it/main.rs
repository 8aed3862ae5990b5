//! The core against a simulated world: what it decides, what it may never decide, and that it
//! comes to rest.

mod naive;
mod properties;
mod scenarios;
mod world;
