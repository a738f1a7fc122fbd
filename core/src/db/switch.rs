//! Switching memtables: the full one becomes immutable and waits for its flush, an empty one takes its place.
//!
//! Families that hold unlogged (`NoWal`) data are switched together, because they are flushed together and installed by one
//! edit: a `NoWal` batch over two families must be on disk whole or not at all.

use crate::db::state::Shared;
use crate::key::family::FamilyId;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::util::sync::atomic::Ordering;

/// Makes immutable every memtable that is not empty and that `due` picks, and, if one of them holds unlogged data, every
/// other that does. Requires the commit lock. Returns what was switched out.
pub fn switch_memtables(shared: &Shared, due: impl Fn(FamilyId, &Memtable) -> bool) -> Vec<(FamilyId, Arc<Memtable>)> {
    let families = shared.all_families();
    let active: Vec<_> = families.iter().map(|family| (family, family.current().memtable().clone())).collect();
    let unlogged_goes = active.iter().any(|(family, memtable)| memtable.has_unlogged() && due(family.id, memtable));
    let mut switched = Vec::new();
    for (family, memtable) in active {
        let together = unlogged_goes && memtable.has_unlogged() && !planted("split-unlogged-flush");
        let chosen = together || due(family.id, &memtable);
        if chosen && !memtable.is_empty() {
            family.replace(|current| current.with_new_memtable(Arc::new(Memtable::new(&family.order))));
            switched.push((family.id, memtable));
        }
    }
    if !switched.is_empty() {
        shared.active_memtable_bytes.store(active_bytes(shared), Ordering::Relaxed);
        shared.background.schedule();
    }
    switched
}

/// Switches what is due because memory is full: every memtable at its own limit, and where all together are at that limit, those
/// of at least average size, so that many small families do not hold the memory of many large ones. Requires the commit lock.
pub fn switch_full(shared: &Shared) {
    let sizes = active_sizes(shared);
    let (total, count) = (sizes.iter().sum::<u64>(), sizes.iter().filter(|bytes| **bytes > 0).count() as u64);
    let limit = shared.memtable_limit;
    let threshold = if total >= limit { limit.min(total / count.max(1)) } else { limit };
    switch_memtables(shared, |_, memtable| memtable.approximate_bytes() as u64 >= threshold);
}

/// Switches the memtables that hold anything at or below `seqno`, so that their flush lets go of the log up to there. Requires
/// the commit lock.
pub fn switch_older(shared: &Shared, seqno: SeqNo) {
    switch_memtables(shared, |_, memtable| memtable.first_seqno().is_some_and(|first| first <= seqno));
}

/// Bytes of all memtables that take writes and hold any.
fn active_bytes(shared: &Shared) -> u64 {
    active_sizes(shared).iter().sum()
}

fn active_sizes(shared: &Shared) -> Vec<u64> {
    let bytes = |memtable: &Memtable| if memtable.is_empty() { 0 } else { memtable.approximate_bytes() as u64 };
    shared.all_families().iter().map(|family| bytes(family.current().memtable())).collect()
}
