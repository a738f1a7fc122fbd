//! The SSTable: an immutable sorted file of entries with its index, filter and range tombstones. Rank 5.
//!
//! ```text
//! write: builder → block_builder → compression → format (check, handle) → env::fs::File
//! read:  reader → filter → index (block) → cache | env::fs::File → format (check) → compression → block → iterator
//! ```
//! A table is written once, front to back, and never changed: readers share it without locks. The layout is described in
//! `docs/format/table.md`, which a test holds against this code.

pub mod block;
pub mod block_builder;
pub mod builder;
pub mod cache;
pub mod compression;
mod cursor;
pub mod filter;
pub mod format;
pub mod iterator;
pub mod properties;
mod readahead;
pub mod reader;
pub mod tombstone_block;
mod verify;

pub use builder::{TableBuilder, TableOptions, TableSummary};
pub use cache::BlockCache;
pub use compression::Compression;
pub use iterator::TableIter;
pub use reader::{Expect, Table};

#[cfg(test)]
mod tests;
