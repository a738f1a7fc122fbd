//! A batch into memtables: the same code for a live commit and for replay, so that both see the same database.

use crate::batch::{BatchEntry, WriteBatch};
use crate::db::state::Shared;
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::util::sync::Arc;
use crate::util::sync::atomic::Ordering;

/// Applies every entry of `batch` to its family's memtable; its first entry gets the number `first`. Requires the commit lock.
pub fn apply_batch(shared: &Shared, first: SeqNo, batch: &WriteBatch, logged: bool) -> Result<()> {
    // A batch speaks of few families: look each one up once, not per entry.
    let mut touched: Vec<Touched> = Vec::new();
    for (index, entry) in batch.iter().enumerate() {
        let entry = entry?;
        let seqno = number_of(first, index)?;
        let at = match touched.iter().rposition(|touched| touched.family == entry.family) {
            Some(at) => at,
            None => {
                touched.push(Touched::find(shared, entry.family, logged)?);
                touched.len() - 1
            }
        };
        apply_entry(&touched[at].memtable, seqno, &entry)?;
    }
    note_growth(shared, &touched);
    Ok(())
}

/// A memtable that a batch writes to.
struct Touched {
    family: FamilyId,
    memtable: Arc<Memtable>,
    bytes_before: u64,
}

impl Touched {
    fn find(shared: &Shared, family: FamilyId, logged: bool) -> Result<Touched> {
        let owner = shared.family(family).ok_or_else(|| unknown_family(family))?;
        let memtable = owner.current().memtable().clone();
        if !logged {
            memtable.note_unlogged();
        }
        let bytes_before = if memtable.is_empty() { 0 } else { memtable.approximate_bytes() as u64 };
        Ok(Touched { family, memtable, bytes_before })
    }
}

/// Notes that the next commit has to switch memtables, if one of them or all together have reached their limit.
fn note_growth(shared: &Shared, touched: &[Touched]) {
    let mut all = shared.active_memtable_bytes.load(Ordering::Relaxed);
    let mut full = false;
    for Touched { memtable, bytes_before, .. } in touched {
        let bytes = memtable.approximate_bytes() as u64;
        all = all.saturating_add(bytes.saturating_sub(*bytes_before));
        full |= bytes >= shared.memtable_limit;
    }
    shared.active_memtable_bytes.store(all, Ordering::Relaxed);
    if full || all >= shared.memtable_limit {
        shared.memtable_full.store(true, Ordering::Release);
    }
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

/// What a batch gets that names a family which does not exist.
pub fn unknown_family(id: FamilyId) -> Error {
    Error::invalid(format!("the batch names column family {id}, which this database does not have"))
}
