//! The database: what wires the layers together. The only place with locks over their state and with threads. Rank 9.
//!
//! Start at [`db`] for what callers can do, at `state` for what is shared and in which order it is locked; then `write`,
//! `read` and `background` for the three flows.

pub mod column_family;
#[expect(clippy::module_inception, reason = "a Db is what the folder is about")]
pub mod db;
pub mod environment;
pub mod info_log;
pub mod inspect;
pub mod iterator;
#[cfg(test)]
mod iterator_tests;
pub mod packed;
pub mod read_options;
pub mod snapshot;
pub mod stats;
pub mod verify;

mod apply;
mod background;
mod checkpoint;
mod close;
mod compacting;
mod conflicts;
mod counters;
pub(crate) mod cursor;
mod dated;
mod destroy;
mod families;
pub(crate) mod family;
mod flushing;
mod health;
mod inspect_directory;
mod inspect_manifest;
mod inspect_table;
mod inspect_wal;
mod install;
pub(crate) mod key_locks;
#[cfg(all(test, loom))]
mod models;
mod obsolete;
mod open;
pub(crate) mod read;
pub(crate) mod read_set;
mod recovery;
#[cfg(test)]
mod recovery_tests;
mod segments;
mod stall;
pub(crate) mod state;
mod switch;
mod sync_queue;
pub(crate) mod write;

pub use column_family::ColumnFamily;
pub use db::Db;
pub use environment::{Environment, Executor};
pub use info_log::{LogLevel, LogRecord};
pub use inspect::{InspectKind, InspectOptions, Inspection};
pub use iterator::Iter;
pub use packed::Packed;
pub use read_options::ReadOptions;
pub use snapshot::Snapshot;
pub use stats::{StatValue, Stats, StatsFormat};
pub use verify::VerifyReport;
