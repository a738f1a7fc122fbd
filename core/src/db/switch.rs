//! Switching memtables: the full one becomes immutable and waits for its flush, an empty one takes its place.
//!
//! Families that hold unlogged (`NoWal`) data are switched together, because they are flushed together and installed by one
//! edit: a `NoWal` batch over two families must be on disk whole or not at all.

use crate::db::state::Shared;
use crate::key::family::FamilyId;
use crate::memtable::Memtable;
use crate::util::sync::Arc;

/// Makes immutable every memtable that is not empty and that `due` picks, and, if one of them holds unlogged data, every
/// other that does. Requires the commit lock. Returns what was switched out.
pub fn switch_memtables(shared: &Shared, due: impl Fn(&Memtable) -> bool) -> Vec<(FamilyId, Arc<Memtable>)> {
    let families = shared.all_families();
    let active: Vec<_> = families.iter().map(|family| family.current().memtable().clone()).collect();
    let unlogged_goes = active.iter().any(|memtable| due(memtable) && memtable.has_unlogged());
    let mut switched = Vec::new();
    for (family, memtable) in families.iter().zip(active) {
        let chosen = due(&memtable) || (unlogged_goes && memtable.has_unlogged());
        if chosen && !memtable.is_empty() {
            family.replace(|current| current.with_new_memtable(Arc::new(Memtable::new(&family.order))));
            switched.push((family.id, memtable));
        }
    }
    if !switched.is_empty() {
        shared.background.schedule();
    }
    switched
}
