//! [`flush`]: immutable memtables of a family → tables for level 0.
//!
//! ```text
//! memtables, newest first → merge → retention → builder → tables + their records
//! ```
//! All versions that a live view needs are written, and no others; what lies beneath is unknown here, so every tombstone stays.
//! Usually one table comes out. More than `max_table_bytes` are cut into several, which share no key and so may stand on level 0
//! in any order. Memtables without anything in them give no table.
//!
//! The caller applies the edit (`added` on level 0, with the family's flushed sequence number), whose application syncs the
//! directory; a failure changes nothing, the memtables stay in front of all readers, and a retry writes under new numbers.
//!
//! Thread rule: one thread; nothing is locked.

use crate::compaction::merge::{as_ranges, merge};
use crate::compaction::output::Cutter;
use crate::compaction::plan::Beneath;
use crate::compaction::retention::{LiveViews, Retention};
use crate::compaction::writer::{Abandoned, OutputPlace, OutputWriter};
use crate::error::{Error, Result};
use crate::iter::internal::InternalIterator;
use crate::iter::merging::MergingIterator;
use crate::iter::tombstones::RangeTombstone;
use crate::memtable::Memtable;
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;

/// Writes `memtables`, newest first, as tables. All their writes must be published in `views`.
pub fn flush(
    memtables: &[Arc<Memtable>],
    views: &LiveViews,
    place: OutputPlace<'_>,
    max_table_bytes: u64,
    cancelled: &dyn Fn() -> bool,
) -> Result<Vec<Arc<FileMeta>>, Abandoned> {
    let nothing_written = |error| Abandoned { error, files: Vec::new() };
    let tombstones = range_tombstones(memtables, views).map_err(nothing_written)?;
    let order = &place.table.order;
    let mut retention = Retention::new(order, views, &Beneath::Unknown, &tombstones).map_err(nothing_written)?;
    let surviving = retention.surviving_tombstones().map_err(nothing_written)?;
    let cutter = Cutter::new(order, max_table_bytes, &surviving, &[], u64::MAX);
    let mut writer = OutputWriter::new(place, cutter);
    let children = memtables.iter().map(|memtable| Box::new(memtable.iter()) as Box<dyn InternalIterator>).collect();
    let mut input = MergingIterator::new(order, children);
    match merge(order, &mut input, &mut retention, &mut writer, cancelled) {
        Ok(_) => Ok(writer.into_tables()),
        Err(error) => Err(writer.abandon(error.context("flush"))),
    }
}

fn range_tombstones(memtables: &[Arc<Memtable>], views: &LiveViews) -> Result<Vec<RangeTombstone>> {
    let mut tombstones = Vec::new();
    for memtable in memtables {
        if memtable.last_seqno().is_some_and(|last| last > views.newest()) {
            return Err(Error::invalid("flush of a memtable with writes that are not published"));
        }
        if memtable.range_tombstones() > 0 {
            tombstones.extend(as_ranges(&memtable.tombstones(views.seqnos())?));
        }
    }
    Ok(tombstones)
}
