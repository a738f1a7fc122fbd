//! Recent writes in memory, in order, until a flush makes a table of them. Rank 5.

mod arena;
mod grow;
#[expect(clippy::module_inception, reason = "the memtable is what the folder is about")]
mod memtable;
#[cfg(all(test, not(loom)))]
mod memtable_tests;
mod node;
mod range_tombstones;
mod tree;
#[cfg(all(test, not(loom)))]
mod tree_tests;

pub use memtable::Memtable;
