//! Walking entries in order, whatever they are stored in. Rank 3.

pub mod internal;
pub mod tombstones;
#[cfg(test)]
pub mod vec_iter;
