//! Every reader of bytes that come from outside, with what must hold of it whatever the bytes are. Rank 11; only in builds with
//! the feature `fuzzing`, which nothing but the fuzz targets and the tests ask for. Not an interface: it changes without notice.
//!
//! `targets` lists them. Each takes any bytes and says whether they were accepted; what it does is panic when a property is
//! broken: a round trip, two ways of reading that differ, a kind of error that does not belong there. Where a checksum guards
//! a reader, `refit` puts the right one in first, because a mutation that dies at a checksum tests only the checksum.

mod batch;
mod directory;
mod golden;
mod inspect;
mod manifest;
mod merge;
mod options;
mod pieces;
mod refit;
mod table;
mod targets;
mod wal;

pub use targets::{TARGETS, Target, run};
