//! The core against a simulated world: what it decides, what it may never decide, and that it
//! comes to rest.

// `cfg(test)` tells the lints that helpers are tests too.
#[cfg(test)]
#[path = "../../fuzz/bodies/mod.rs"]
mod bodies;
#[cfg(test)]
mod check_refuses;
mod docs;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod life;
#[cfg(test)]
mod naive;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod said;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod table;
#[cfg(test)]
mod told;
#[cfg(test)]
mod world;
