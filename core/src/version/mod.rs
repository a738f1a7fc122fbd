//! Which files are the database: tables by level, the edits that change them, and the MANIFEST that remembers. Rank 6.

pub mod builder;
pub mod edit;
pub mod file_meta;
pub mod invariants;
pub mod key_span;
#[expect(clippy::module_inception, reason = "a Version is what the folder is about")]
pub mod version;
