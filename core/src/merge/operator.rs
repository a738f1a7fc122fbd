//! [`MergeOperator`]: how a family's operands are applied. The engine has some of its own ([`Operators`]); callers add theirs.
//!
//! Where in the flow: a write checks its operand; a read applies all operands that its view sees, oldest first, to the value
//! beneath them; flush and compaction do the same ahead of the reads, or put neighbouring operands together.
//!
//! ```text
//! merge(k, "+1")  merge(k, "+2")  put(k, "10") older     full: full_merge("10", ["+2", "+1"])
//!                                 nothing known older    partial: partial_merge("+2", "+1")  →  one operand
//! ```
//! [`Operators`]: crate::merge::operators::Operators

use std::fmt;

/// How operands become a value.
///
/// All functions must be pure: the same arguments give the same answer in every process that opens the database, now and in
/// years, because a value may be made by any of its readers or by a compaction, once or often. An error is a sentence that says
/// what is wrong; the engine adds the operator and the key. An error never loses data: a read that meets it fails, a compaction
/// keeps the operands as they are. A panic is taken for an error.
pub trait MergeOperator: Send + Sync + fmt::Debug {
    /// The name that the database records for the families that use it. Another rule needs another name.
    fn name(&self) -> &str;

    /// Writes to `out`, which is empty, what `operands`, oldest first and at least one, make of `base`; `None` if the key had
    /// no value.
    fn full_merge(&self, key: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String>;

    /// Writes to `out`, which is empty, one operand that does to every base what `older` and then `newer` do. `false` if there
    /// is none; then `out` does not matter.
    fn partial_merge(&self, key: &[u8], older: &[u8], newer: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
        let _ = (key, older, newer, out);
        Ok(false)
    }

    /// Refuses an operand that no base could take. Asked before anything is written.
    fn check_operand(&self, key: &[u8], operand: &[u8]) -> Result<(), String> {
        let _ = (key, operand);
        Ok(())
    }
}
