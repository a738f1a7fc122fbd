//! Recent writes in memory, in order, until a flush makes a table of them. Rank 5.

mod arena;
#[expect(clippy::module_inception, reason = "the memtable is what the folder is about")]
mod memtable;
#[cfg(all(test, not(loom)))]
mod memtable_tests;
mod range_tombstones;
mod skiplist;

pub use memtable::Memtable;
