//! Bytes, sums, locks and counters: what every layer needs and nothing that knows a database. Rank 1.

pub mod checksum;
pub mod coding;
#[cfg(test)]
pub mod doc_page;
pub mod hash;
pub mod metrics;
pub mod nearest;
pub mod pinned;
pub mod planted;
pub mod shown_key;
pub mod sync;
