//! What the test families share: a seeded generator, an oracle, and ways to open databases on simulated disks.

pub mod copies;
pub mod gate;
pub mod judge;
pub mod lives;
pub mod oracle;
pub mod rng;
pub mod script;
pub mod sets;
pub mod shrink;
pub mod source;
pub mod workloads;
