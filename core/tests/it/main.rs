//! The engine's integration tests, as one binary: one link, one list of results. Each module is one family of page
//! "docs/testing.md"; what needs private parts of the engine is tested beside the code instead.

mod basic;
mod bit_rot;
mod checkpoint;
mod continuity;
mod crash;
mod doors;
mod expiry;
mod families;
mod faults;
mod features;
mod histories;
mod hostile;
mod inspect;
mod key_locks;
mod log_records;
mod merge_operators;
mod merges;
mod model;
mod no_space;
mod own_writes;
mod parity;
mod regressions;
mod shrinking;
mod stalls;
mod support;
mod threads;
mod threads_over_families;
mod tidy;
mod transactions;
