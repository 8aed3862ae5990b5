//! What the scenario tests share: a sandbox at a fixed time, and questions to its world.
