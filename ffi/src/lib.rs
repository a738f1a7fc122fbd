//! The C face of Esker: `libesker.so`, `libesker.a` and `include/esker.h`.
//!
//! Thin and without policy: an export converts its arguments (`handle`, `bytes`), runs one call of the engine inside
//! the panic boundary (`panic`), and converts the result (`out`, `status`, `error`). The rules every export keeps
//! are the numbered conventions at the top of `include/esker.h`; `docs/c-api.md` tells the user's side of them.
//!
//! One concept is one file here, one section of the header and one test in `tests/c`. The header is generated from
//! the doc comments of these files by `tests/it/header.rs`, sections in the order of its own list.
//!
//! # Invariants
//! - Pointers become references in `handle.rs` and `bytes.rs` only, and are written through in `out.rs` only.
//! - No panic leaves an export. No export is longer than 15 lines. No export hands out memory for the caller's
//!   `free()`.
//! - Only names that start with `esker_` are exported; `exports.txt` lists them.
#![expect(non_camel_case_types, reason = "the types have the names that C sees")]

mod batch;
mod batch_entry;
mod bytes;
mod callback;
mod cf_options;
mod comparator;
mod db;
mod error;
mod family;
mod handle;
#[cfg(feature = "inject-panic")]
mod inject;
mod iter;
mod iter_many;
mod maintenance;
mod merge_operator;
mod multi_get;
mod named;
mod names;
mod options;
mod out;
mod panic;
mod read;
mod read_options;
mod snapshot;
mod status;
mod txn;
mod txn_options;
mod txn_read;
mod txn_write;
mod value;
mod version;
mod write;
mod write_options;
