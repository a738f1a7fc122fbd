//! Merging tables into fewer, deeper, smaller ones; and memtables into tables. Rank 7: decisions are values, jobs execute them
//! and return an edit, nothing here changes what readers see.

pub mod beneath;
pub mod collapse;
#[cfg(test)]
mod collapse_tests;
mod expired;
pub mod flush;
pub mod job;
#[cfg(test)]
mod job_tests;
#[cfg(test)]
mod lab;
pub mod manual;
pub mod merge;
#[cfg(test)]
mod model_tests;
pub mod options;
pub mod output;
pub mod picker;
pub mod plan;
pub mod retention;
pub mod score;
#[cfg(test)]
mod simulation;
pub mod tiered;
pub mod writer;
