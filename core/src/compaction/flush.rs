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

use crate::compaction::beneath::Beneath;
use crate::compaction::collapse::Collapse;
use crate::compaction::merge::{as_ranges, merge};
use crate::compaction::output::Cutter;
use crate::compaction::retention::{LiveViews, Retention};
use crate::compaction::writer::{Abandoned, OutputPlace, OutputWriter};
use crate::error::{Error, Result};
use crate::iter::internal::InternalIterator;
use crate::iter::merging::MergingIterator;
use crate::iter::tombstones::RangeTombstone;
use crate::memtable::Memtable;
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;

/// Writes `memtables`, newest first, as tables, with their merge operands put together by `collapse`. All their writes must be published in `views`.
pub fn flush(
    memtables: &[Arc<Memtable>],
    views: &LiveViews,
    place: OutputPlace<'_>,
    max_table_bytes: u64,
    collapse: &mut Collapse<'_>,
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
    match merge(order, &mut input, &mut retention, collapse, &mut writer, cancelled) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compaction::lab::{Lab, Written, level, written};
    use crate::compaction::options::CompactionOptions;
    use crate::env::fault_fs::{Fault, FaultPlan};
    use crate::error::ErrorKind;
    use crate::key::kind::Kind;
    use crate::key::order::Order;
    use crate::key::sequence::SeqNo;

    const PUT: Kind = Kind::Put;
    const RANGE: Kind = Kind::RangeDelete;

    fn memtable(writes: &[Written]) -> Arc<Memtable> {
        let memtable = Memtable::new(&Order::Bytewise);
        for write in writes {
            memtable.add(write.seqno, write.kind, &write.key, &write.value).unwrap();
        }
        Arc::new(memtable)
    }

    fn views(snapshots: &[u64], published: u64) -> LiveViews {
        let seqno = |n| SeqNo::new(n).unwrap();
        LiveViews::new(snapshots.iter().copied().map(seqno).collect(), seqno(published), 0)
    }

    fn run(lab: &Lab, memtables: &[Arc<Memtable>], views: &LiveViews) -> Result<Vec<Arc<FileMeta>>, Abandoned> {
        lab.with_place(|place| flush(memtables, views, place, 500, &mut Collapse::new(None, true), &|| false))
    }

    fn numbers(lab: &Lab, key: &str) -> Vec<u64> {
        lab.writes_of(key.as_bytes()).iter().map(|write| write.seqno.get()).collect()
    }

    #[test]
    fn nothing_written_gives_no_table() {
        let lab = Lab::new(1, CompactionOptions::default());
        assert!(run(&lab, &[], &views(&[], 9)).unwrap().is_empty());
        // A range without a key in it deletes nothing.
        let empty = [memtable(&[]), memtable(&[written(1, RANGE, "m", "m")])];
        assert!(run(&lab, &empty, &views(&[], 9)).unwrap().is_empty());
        assert!(lab.files_on_disk().is_empty());
    }

    #[test]
    fn memtables_become_one_table_of_what_somebody_sees() {
        let mut lab = Lab::new(2, CompactionOptions::default());
        let older =
            memtable(&[written(1, PUT, "k", "a"), written(2, PUT, "k", "b"), written(3, Kind::Delete, "z", "")]);
        let newer = memtable(&[written(4, RANGE, "a", "m"), written(5, PUT, "k", "c"), written(6, PUT, "c", "d")]);
        let tables = run(&lab, &[newer, older], &views(&[1], 6)).unwrap();
        lab.place(vec![(0, tables)]);
        assert_eq!((numbers(&lab, "k"), numbers(&lab, "c")), (vec![5, 4, 1], vec![6, 4]));
        assert_eq!(numbers(&lab, "z"), [3], "what it hides may be deeper");
        let table = &lab.version.l0()[0];
        assert_eq!((&table.smallest[..], &table.largest[..], table.largest_exclusive), (&b"a"[..], &b"z"[..], false));
        assert_eq!((table.smallest_seqno.get(), table.largest_seqno.get()), (1, 6));
    }

    #[test]
    fn a_memtable_of_range_tombstones_alone_becomes_a_table() {
        let lab = Lab::new(3, CompactionOptions::default());
        let tables = run(&lab, &[memtable(&[written(1, RANGE, "a", "m")])], &views(&[], 1)).unwrap();
        assert_eq!((tables.len(), tables[0].entries, tables[0].range_tombstones), (1, 0, 1));
        assert!(tables[0].largest_exclusive && tables[0].largest == b"m");
    }

    #[test]
    fn much_data_becomes_several_tables_that_share_no_key() {
        let mut lab = Lab::new(4, CompactionOptions::default());
        let mut writes: Vec<_> = (0..30).map(|n| written(n + 1, PUT, &format!("k{n:02}"), &"v".repeat(100))).collect();
        writes.push(written(31, RANGE, "k05", "k25"));
        let tables = run(&lab, &[memtable(&writes)], &views(&[30], 31)).unwrap();
        assert!(tables.len() > 3);
        assert!(tables.windows(2).all(|pair| pair[0].ends_before(&Order::Bytewise, &pair[1].smallest)), "{tables:?}");
        lab.place(vec![(1, tables)]);
        assert_eq!((numbers(&lab, "k04"), numbers(&lab, "k24"), lab.version.l0().len()), (vec![5], vec![31, 25], 0));
        assert_eq!(lab.version.deepest(), Some(level(1)));
    }

    #[test]
    fn unpublished_writes_are_refused() {
        let lab = Lab::new(5, CompactionOptions::default());
        let failed = run(&lab, &[memtable(&[written(7, PUT, "k", "v")])], &views(&[], 6)).unwrap_err();
        assert_eq!((failed.error.kind(), failed.files.len()), (ErrorKind::InvalidArgument, 0));
    }

    #[test]
    fn a_fault_at_any_operation_is_survived_by_a_retry_into_new_files() {
        let writes: Vec<_> = (0..30).map(|n| written(n + 1, PUT, &format!("k{n:02}"), &"v".repeat(100))).collect();
        for fault in Fault::ALL {
            for at_op in 0..100 {
                let mut lab = Lab::new(6, CompactionOptions::default());
                let memtables = [memtable(&writes)];
                lab.fs.inject(FaultPlan::new(fault, at_op));
                let first = run(&lab, &memtables, &views(&[], 30));
                let struck = lab.fs.fired() > 0;
                lab.fs.heal();
                let tables = match first {
                    Ok(tables) => tables,
                    Err(failed) => {
                        assert!(struck && failed.error.message().starts_with("flush: "), "{}", failed.error);
                        let mut left = lab.files_on_disk();
                        left.retain(|number| !failed.files.contains(number));
                        assert!(left.is_empty(), "{fault:?} at {at_op}: {left:?} would never be removed");
                        let tables = run(&lab, &memtables, &views(&[], 30)).unwrap();
                        assert!(tables.iter().all(|table| !failed.files.contains(&table.number)));
                        tables
                    }
                };
                lab.place(vec![(1, tables)]);
                assert_eq!(lab.totals(), (30, 0), "{fault:?} at {at_op}");
                if !struck {
                    break;
                }
            }
        }
    }
}
