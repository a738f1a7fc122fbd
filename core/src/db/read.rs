//! The read path: a view is born, then memtable, immutables and tables are asked in turn, newest first.
//!
//! ```text
//! get ── read_view ── SuperVersion::get ── memtable → immutables → level 0 (newest first) → levels 1…6
//!                                          each: newest visible entry + covering tombstone → the one resolver
//! ```
//! No lock is held after the view is taken. An error is that call's; it poisons nothing.

pub mod cursor;
pub mod options;
pub mod origin;
pub mod packed;
pub mod read_set;

use crate::db::family::Family;
use crate::db::health::Health;
use crate::db::read::options::ReadOptions;
use crate::db::state::Shared;
use crate::error::{Error, Result};
use crate::iter::resolve::View;
use crate::memtable::Memtable;
use crate::util::pinned::Pinned;
use crate::util::sync::Arc;
use crate::version::approximate_size;
use crate::version::super_version::SuperVersion;

/// The value of `key` as `options` see it.
pub fn get(shared: &Shared, family: &Family, key: &[u8], options: &ReadOptions) -> Result<Option<Pinned>> {
    let (current, view) = view_of(shared, family, options)?;
    get_at(shared, family, &current, key, &view, options)
}

/// The values of `keys`, all as of one moment. The outer error is the call's, an inner one that key's.
pub fn multi_get<K: AsRef<[u8]>>(
    shared: &Shared,
    family: &Family,
    keys: &[K],
    options: &ReadOptions,
) -> Result<Vec<Result<Option<Pinned>>>> {
    let (current, view) = view_of(shared, family, options)?;
    Ok(keys.iter().map(|key| get_at(shared, family, &current, key.as_ref(), &view, options)).collect())
}

/// `current` with the uncommitted writes of a transaction on top of it.
pub fn with_own(current: Arc<SuperVersion>, own: Option<Memtable>) -> Arc<SuperVersion> {
    match own {
        Some(own) => Arc::new(current.with_new_memtable(Arc::new(own))),
        None => current,
    }
}

/// The state and view that a read with `options` works on.
pub fn view_of(shared: &Shared, family: &Family, options: &ReadOptions) -> Result<(Arc<SuperVersion>, View)> {
    shared.health.check_open()?;
    let (current, latest) = shared.read_view(family);
    // Again: a close or a drop empties the family after it has said so. What was taken before that is whole.
    shared.health.check_open()?;
    family.check_readable(options.snapshot.as_ref().map(|snapshot| snapshot.view_seqno()))?;
    let Some(snapshot) = &options.snapshot else {
        return Ok((current, View { seqno: latest, time_ms: shared.view_time_ms() }));
    };
    check_snapshot(&shared.health, snapshot)?;
    Ok((current, View { seqno: snapshot.view_seqno(), time_ms: snapshot.time_ms() }))
}

/// About how many bytes of tables the keys from `start` up to `end` take.
pub fn approximate_size(shared: &Shared, family: &Family, start: Option<&[u8]>, end: Option<&[u8]>) -> Result<u64> {
    if let (Some(start), Some(end)) = (start, end)
        && family.order.cmp(start, end).is_gt()
    {
        return Err(Error::invalid("the range to measure ends before it starts"));
    }
    let (current, _) = view_of(shared, family, &ReadOptions::default())?;
    let size = approximate_size::approximate_size(current.version(), current.tables(), start, end);
    size.map_err(|error| shared.health.explain(error))
}

fn check_snapshot(health: &Arc<Health>, snapshot: &crate::db::snapshot::Snapshot) -> Result<()> {
    if snapshot.belongs_to(health) {
        return Ok(());
    }
    Err(Error::invalid("the snapshot was taken from another database handle"))
}

/// The value of `key` in `current` for `view`.
pub fn get_at(
    shared: &Shared,
    family: &Family,
    current: &SuperVersion,
    key: &[u8],
    view: &View,
    options: &ReadOptions,
) -> Result<Option<Pinned>> {
    shared.counters.gets.bump();
    let found = current.get(key, view, family.merge.as_deref(), options.fill_cache);
    let found = found.map_err(|error| shared.health.explain(error))?;
    if found.is_some() {
        shared.counters.gets_found.bump();
    }
    Ok(found)
}
