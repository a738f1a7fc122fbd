//! `esker._esker`: the native half of the Python package, over the engine's Rust API.
//!
//! One file per concept, named like the stub's classes. Rules that hold everywhere: every call that may wait, scan or do I/O
//! lets go of the interpreter first (`Python::detach`); what crosses that line is owned or borrowed from immutable bytes; an
//! engine error becomes the exception class of its kind; classes are frozen, with a lock around what changes.
#![deny(unsafe_code)]

mod batch;
mod buffer;
mod bytes;
mod column;
mod db;
mod errors;
mod exclusive;
mod family;
mod iterator;
mod logs;
mod operand;
mod options;
mod packed;
mod reader;
mod snapshot;
mod transaction;
mod tree;
mod waiting;

use pyo3::prelude::*;

/// The native module.
#[pymodule(gil_used = false)]
mod _esker {
    use super::*;

    #[pymodule_export]
    use batch::Batch;
    #[pymodule_export]
    use buffer::Value;
    #[pymodule_export]
    use db::{Db, destroy, inspect, open, option_names, verify};
    #[pymodule_export]
    use family::ColumnFamily;
    #[pymodule_export]
    use iterator::EntryIterator;
    #[pymodule_export]
    use packed::{Packed, PackedIterator};
    #[pymodule_export]
    use snapshot::Snapshot;
    #[pymodule_export]
    use transaction::Transaction;
    #[pymodule_export]
    use tree::Tree;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
