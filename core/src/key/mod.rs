//! The vocabulary of entries: sequence numbers, kinds, internal keys and their one order. Rank 2; pure functions.

pub mod family;
pub mod internal;
pub mod kind;
pub mod order;
pub mod separator;
pub mod sequence;
