//! Merge operators: what makes one value of a base and the operands that were merged into it since. Rank 3.

pub mod append;
pub mod bytewise;
pub mod calls;
pub mod counters;
pub mod json_patch;
pub mod operator;
pub mod operators;

pub use operator::MergeOperator;
pub use operators::Operators;
