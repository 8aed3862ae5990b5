//! A custom resource.

fn main() {}
