//! [`InternalIterator`]: a cursor over internal keys in order. Memtables, blocks, tables, levels and merges of them are all
//! one of these.
//!
//! Thread rule: one thread at a time; may move between threads. Errors are sticky: an iterator that met damage is not valid,
//! says so in [`InternalIterator::status`], and stays that way until the next seek. "Not valid with status OK" means the end
//! was reached; a caller that does not look at the status cannot tell an end from damage.

use crate::error::Result;
use crate::util::pinned::Pinned;

/// A cursor over `(internal key, value)` entries in the order of [`Order::cmp_internal`].
///
/// After creation it is not valid until it is positioned. `next` and `prev` require `valid()`. A move past either end makes it
/// not valid; from there only a seek brings it back. Direction may change at any step.
///
/// [`Order::cmp_internal`]: crate::key::order::Order::cmp_internal
pub trait InternalIterator: Send {
    /// Whether it stands on an entry.
    fn valid(&self) -> bool;
    /// To the first entry.
    fn seek_to_first(&mut self);
    /// To the last entry.
    fn seek_to_last(&mut self);
    /// To the first entry at or after `target`, an internal key or seek target.
    fn seek(&mut self, target: &[u8]);
    /// To the last entry at or before `target`, an internal key or seek target.
    fn seek_for_prev(&mut self, target: &[u8]);
    /// To the following entry. Requires `valid()`.
    fn next(&mut self);
    /// To the preceding entry. Requires `valid()`.
    fn prev(&mut self);
    /// The internal key here. Requires `valid()`; lives until the next move.
    fn key(&self) -> &[u8];
    /// The value here. Requires `valid()`; lives until the next move.
    fn value(&self) -> &[u8];
    /// The value here, alive for as long as the caller wants. A block is pinned rather than copied.
    fn pinned_value(&self) -> Pinned {
        Pinned::copy(self.value())
    }
    /// The error that stopped it, if one did.
    fn status(&self) -> Result<()>;
}
