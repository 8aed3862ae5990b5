//! The core against a simulated world: what it decides, what it may never decide, and that it
//! comes to rest.

mod check_refuses;
mod naive;
mod properties;
mod scenarios;
mod table;
mod world;
