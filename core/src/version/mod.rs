//! Which files are the database: tables by level, the edits that change them, and the MANIFEST that remembers. Rank 6.

pub mod file_meta;
