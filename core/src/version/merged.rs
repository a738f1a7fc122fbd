//! The slow path of a lookup: the newest entry that the view sees of a key is a merge operand, so that older ones matter too.
//!
//! ```text
//! memtable → immutables → level 0, newest first → the one table of each deeper level
//!   each: all entries of the key, newest first, until a value, a delete or a covering tombstone ends the search
//! ```
//! It starts again from the first source: what was found there is cached or in memory by now.
//!
//! Thread rule: as [`SuperVersion`].

use crate::error::{Error, ErrorKind, Result};
use crate::iter::internal::InternalIterator;
use crate::iter::operands::{Expiring, Operands};
use crate::iter::resolve::View;
use crate::key::internal;
use crate::key::sequence::SeqNo;
use crate::merge::MergeOperator;
use crate::merge::calls::full_merge;
use crate::util::hash::key_hash;
use crate::util::pinned::Pinned;
use crate::util::shown_key::shown_key;
use crate::version::super_version::SuperVersion;

/// What `operands` make of their base, and when it expires; `None` if that has expired. `Unsupported` without an operator.
pub fn merged_value(
    operator: Option<&dyn MergeOperator>,
    user_key: &[u8],
    operands: &Operands,
) -> Result<Option<Expiring>> {
    operands.value(|base, operands| match operator {
        Some(operator) => full_merge(operator, user_key, base, operands),
        None => {
            let message = format!("a merge operand without a merge operator, at key {}", shown_key(user_key));
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    })
}

/// Takes every entry of `user_key` from `source`, which stands on the newest that may matter or behind. Whether older sources
/// matter too.
pub fn take_all(
    operands: &mut Operands,
    source: &mut dyn InternalIterator,
    user_key: &[u8],
    covering: SeqNo,
) -> Result<bool> {
    while source.valid() {
        let damaged = || Error::new(ErrorKind::Corruption, "an entry's internal key cannot be read");
        let entry = internal::parse(source.key()).ok_or_else(damaged)?;
        if entry.user_key != user_key {
            break;
        }
        if !operands.take(user_key, (entry.seqno, entry.kind), source.pinned_value(), covering)? {
            return Ok(false);
        }
        source.next();
    }
    source.status()?;
    Ok(true)
}

impl SuperVersion {
    /// The value of `user_key`, whose newest entry is an operand.
    pub(super) fn get_merged(
        &self,
        user_key: &[u8],
        view: &View,
        operator: Option<&dyn MergeOperator>,
        fill_cache: bool,
    ) -> Result<Option<Pinned>> {
        let mut operands = Operands::new(*view);
        self.gather(user_key, view, fill_cache, &mut operands)?;
        Ok(merged_value(operator, user_key, &operands)?.map(|(value, _)| value))
    }

    fn gather(&self, user_key: &[u8], view: &View, fill_cache: bool, operands: &mut Operands) -> Result<()> {
        let mut covering = SeqNo::ZERO;
        for memtable in self.memtables() {
            covering = covering.max(memtable.covering_tombstone(user_key, view.seqno));
            let mut source = memtable.iter();
            // From the very newest: those of a transaction have numbers above every view.
            source.seek(&internal::seek_key(user_key, SeqNo::MAX));
            // Older sources hold only what was written before a tombstone here.
            if !take_all(operands, &mut source, user_key, covering)? || covering > SeqNo::ZERO {
                return Ok(());
            }
        }
        let hash = key_hash(user_key);
        for file in self.candidates(user_key, view.seqno) {
            let table = self.tables().get(file, self.version().order())?;
            if file.range_tombstones > 0 {
                covering = covering.max(table.tombstones().covering(user_key, view.seqno));
            }
            if table.may_hold(hash) {
                let mut source = table.iter(fill_cache);
                source.seek(&internal::seek_key(user_key, view.seqno));
                let taken = take_all(operands, &mut source, user_key, covering);
                if !taken.map_err(|error| named(error, || self.tables().path_of(file.number)))? {
                    return Ok(());
                }
            }
            if covering > SeqNo::ZERO {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The error with the file it is about, unless it says so already.
fn named(error: Error, path: impl FnOnce() -> std::path::PathBuf) -> Error {
    if error.file().is_none() { error.with_file(path()) } else { error }
}
