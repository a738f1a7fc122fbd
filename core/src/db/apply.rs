//! A batch into memtables: the same code for a live commit and for replay, so that both see the same database.

use crate::batch::{BatchEntry, WriteBatch};
use crate::db::state::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::util::sync::Arc;
use crate::util::sync::atomic::Ordering;

/// Applies every entry of `batch` to its family's memtable; its first entry gets the number `first`.
pub fn apply_batch(shared: &Shared, first: SeqNo, batch: &WriteBatch, logged: bool) -> Result<()> {
    // Batches speak of one family nearly always: look the memtable up when the family changes, not per entry.
    let mut found: Option<(FamilyId, Arc<Memtable>)> = None;
    for (index, entry) in batch.iter().enumerate() {
        let entry = entry?;
        let seqno = number_of(first, index)?;
        let memtable = match &found {
            Some((family, memtable)) if *family == entry.family => memtable,
            _ => {
                let family = shared.family(entry.family).ok_or_else(|| unknown_family(entry.family))?;
                let memtable = family.current().memtable().clone();
                if !logged {
                    memtable.note_unlogged();
                }
                &found.insert((entry.family, memtable)).1
            }
        };
        apply_entry(memtable, seqno, &entry)?;
        if memtable.approximate_bytes() as u64 >= shared.memtable_limit {
            shared.memtable_full.store(true, Ordering::Release);
        }
    }
    Ok(())
}

/// Applies one entry.
pub fn apply_entry(memtable: &Memtable, seqno: SeqNo, entry: &BatchEntry<'_>) -> Result<()> {
    memtable.add(seqno, entry.kind, entry.key, entry.value)
}

/// The number of entry `index` of a batch that starts at `first`.
pub fn number_of(first: SeqNo, index: usize) -> Result<SeqNo> {
    let number = first.checked_add(index as u64);
    number.ok_or_else(|| Error::new(ErrorKind::Unsupported, "the sequence numbers of this database are used up"))
}

fn unknown_family(id: FamilyId) -> Error {
    Error::invalid(format!("the batch names column family {id}, which this database does not have"))
}
