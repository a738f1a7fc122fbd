//! Esker: an embedded, ordered key-value store on a log-structured merge-tree.
//!
//! The layers, lowest first; a module imports only from lower ranks or its own folder:
//!
//! | rank | modules |
//! |---|---|
//! | 0 | [`error`] |
//! | 1 | `util` |
//! | 2 | `key`, [`env`] |
//! | 3 | `iter`, [`merge`] |
//! | 4 | `record`, `batch` |
//! | 5 | `wal`, `memtable`, `table` |
//! | 6 | `version` |
//! | 7 | `compaction` |
//! | 8 | [`options`] |
//! | 9 | `db` |
//! | 10 | `transaction` |
//! | 11 | `fuzzing` |
//!
//! `fuzzing` is in no build but those of the tests and the fuzz targets.
#![deny(unsafe_code)]

mod batch;
mod compaction;
pub mod db;
pub mod env;
pub mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod iter;
mod key;
mod memtable;
pub mod merge;
pub mod options;
mod record;
mod table;
mod transaction;
mod util;
mod version;
mod wal;

pub use batch::{BatchEntry, BatchIter, WriteBatch};
pub use db::{
    ColumnFamily, Db, Environment, Executor, InspectKind, InspectOptions, Inspection, Iter, LogLevel, LogRecord,
    Packed, ReadOptions, Snapshot, StatValue, Stats, StatsFormat, VerifyReport,
};
pub use error::{Error, ErrorKind, Result};
pub use key::family::FamilyId;
pub use key::kind::Kind;
pub use key::order::Comparator;
pub use merge::{MergeOperator, Operators};
pub use options::{Durability, FamilyOptions, Isolation, LockMode, Options, TransactionOptions, WriteOptions};
pub use transaction::Transaction;
pub use util::pinned::Pinned;
pub use version::orders::Orders;

/// The Rust program in README.md is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
