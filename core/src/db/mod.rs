//! The database: what wires the layers together. The only place with locks over their state and with threads. Rank 9.
//!
//! Start at [`db`] for what callers can do, at `state` for what is shared and in which order it is locked; then `write`,
//! `read` and `background` for the three flows. A file with a folder of its name is the story, the folder its parts: `write.rs` tells
//! the steps of a commit, and `write/conflicts.rs` one of them.

pub mod column_family;
#[expect(clippy::module_inception, reason = "a Db is what the folder is about")]
pub mod db;
pub mod environment;
pub mod info_log;
pub mod inspect;
pub mod iterator;
pub mod snapshot;
pub mod stats;
pub mod verify;

mod background;
mod checkpoint;
mod close;
mod destroy;
mod families;
pub(crate) mod family;
mod health;
mod install;
#[cfg(all(test, loom))]
mod models;
mod obsolete;
mod open;
pub(crate) mod read;
mod recovery;
mod stall;
pub(crate) mod state;
mod switch;
pub(crate) mod write;

pub use column_family::ColumnFamily;
pub use db::Db;
pub use environment::{Environment, Executor};
pub use info_log::{LogLevel, LogRecord};
pub use inspect::{InspectKind, InspectOptions, Inspection};
pub use iterator::Iter;
pub use read::options::ReadOptions;
pub use read::packed::Packed;
pub use snapshot::Snapshot;
pub use stats::{StatValue, Stats, StatsFormat};
pub use verify::VerifyReport;
