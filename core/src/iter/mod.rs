//! Walking entries in order, whatever they are stored in. Rank 3.

pub mod bounds;
pub mod covering;
pub mod internal;
pub mod merging;
pub mod operands;
pub mod resolve;
pub mod tombstones;
#[cfg(test)]
pub mod vec_iter;
