//! Which files are the database: tables by level, the edits that change them, and the MANIFEST that remembers. Rank 6.

pub mod approximate_size;
pub mod builder;
pub mod current;
pub mod directory;
pub mod edit;
pub mod file_meta;
pub mod identity;
pub mod invariants;
pub mod key_span;
pub mod level_iter;
pub mod level_tombstones;
pub mod manifest;
#[cfg(test)]
mod manifest_crash_tests;
pub mod manifest_file;
#[cfg(test)]
mod manifest_forged_tests;
pub mod manifest_recover;
mod manifest_rotate;
#[cfg(test)]
mod manifest_tests;
pub mod merged;
pub mod numbers;
pub mod orders;
pub mod state;
pub mod super_version;
#[cfg(test)]
mod super_version_tests;
pub mod table_cache;
#[expect(clippy::module_inception, reason = "a Version is what the folder is about")]
pub mod version;
