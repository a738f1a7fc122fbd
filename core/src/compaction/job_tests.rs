//! Compaction jobs on a simulated disk: what they write, and what damage, faults and a cancellation leave.

use std::cell::Cell;

use crate::compaction::lab::{Answer, Lab, Written, level, written};
use crate::compaction::options::{CompactionOptions, CompressedLevels};
use crate::compaction::retention::LiveViews;
use crate::env::fault_fs::{Fault, FaultPlan};
use crate::env::filename::FileNumber;
use crate::error::ErrorKind;
use crate::iter::resolve::View;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;

const PUT: Kind = Kind::Put;
const DELETE: Kind = Kind::Delete;
const RANGE: Kind = Kind::RangeDelete;

fn seqno(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap()
}

fn views(snapshots: &[u64]) -> LiveViews {
    LiveViews::new(snapshots.iter().copied().map(seqno).collect(), seqno(1000), 0)
}

fn small_tables() -> CompactionOptions {
    CompactionOptions { target_file_size_bytes: 700, ..CompactionOptions::default() }
}

fn puts(keys: &[&str], at: u64) -> Vec<Written> {
    keys.iter().map(|key| written(at, PUT, key, &"v".repeat(100))).collect()
}

/// The numbers of what is left of `key`, newest first.
fn left(lab: &Lab, key: &str) -> Vec<u64> {
    lab.writes_of(key.as_bytes()).iter().map(|write| write.seqno.get()).collect()
}

fn answers(lab: &Lab, keys: &[&str], views: &[u64]) -> Vec<Answer> {
    let views = || views.iter().map(|n| View { seqno: seqno(*n), time_ms: 0 });
    keys.iter().flat_map(|key| views().map(|view| lab.read(view, key.as_bytes()))).collect()
}

/// Level 0: one put and a range tombstone that is wider than it; levels 5 and 6: keys on both sides, within and without.
fn wide_tombstone() -> Lab {
    let mut lab = Lab::new(1, small_tables());
    let l0 = lab.table(&[written(60, PUT, "m", "new"), written(50, RANGE, "b", "y")]);
    let l5 = lab.table(&puts(&["c", "k", "m", "x"], 40));
    let l6 = [lab.table(&puts(&["a", "b", "d"], 30)), lab.table(&puts(&["n", "x", "y"], 30))];
    lab.place(vec![(0, vec![l0]), (5, vec![l5]), (6, l6.to_vec())]);
    lab
}

const KEYS: [&str; 9] = ["a", "b", "c", "d", "k", "m", "n", "x", "y"];

#[test]
fn keys_do_not_come_back_when_a_range_tombstone_wider_than_the_points_moves_down() {
    let mut lab = wide_tombstone();
    let before = answers(&lab, &KEYS, &[1000]);
    let none = views(&[]);
    let compaction = lab.top(&none);
    // Until the tombstone has met what is on level 6, it must be kept over all of its range.
    assert_eq!((compaction.level, compaction.output_level), (Level::ZERO, level(5)));
    let outcome = lab.run(&compaction, &none).unwrap();
    lab.install(&outcome.edit);
    assert_eq!(answers(&lab, &KEYS, &[1000]), before);
    assert!(outcome.tables.iter().any(|table| table.range_tombstones > 0));
    lab.compact_all(&none);
    assert_eq!(answers(&lab, &KEYS, &[1000]), before);
    assert_eq!(lab.totals(), (3, 0), "a, m and y are left, and no tombstone");
}

#[test]
fn what_a_snapshot_sees_stays_down_to_the_last_level_and_goes_after_its_release() {
    let mut lab = wide_tombstone();
    let held = views(&[30, 55]);
    let before = answers(&lab, &KEYS, &[30, 55, 1000]);
    lab.compact_all(&held);
    assert_eq!(answers(&lab, &KEYS, &[30, 55, 1000]), before);
    assert_eq!(left(&lab, "x"), [50, 30]);
    let before = answers(&lab, &KEYS, &[1000]);
    lab.compact_all(&views(&[]));
    assert_eq!(answers(&lab, &KEYS, &[1000]), before);
    assert_eq!(lab.totals(), (3, 0));
}

#[test]
fn the_versions_of_a_user_key_are_never_split_over_two_tables() {
    let mut lab = Lab::new(2, small_tables());
    let mut writes: Vec<_> = (1..=100).map(|n| written(n, PUT, "k", "version")).collect();
    writes.extend(puts(&["a", "b", "y", "z"], 200));
    let l0 = lab.table(&writes);
    lab.place(vec![(0, vec![l0]), (6, vec![lab.table(&puts(&["a", "z"], 0))])]);
    let every = views(&(1..=100).collect::<Vec<_>>());
    let outcome = lab.run(&lab.top(&every), &every).unwrap();
    assert!(outcome.tables.len() > 1);
    let holders: Vec<_> = outcome.tables.iter().filter(|table| table.contains(&Order::Bytewise, b"k")).collect();
    assert_eq!(holders.len(), 1);
    assert!(holders[0].entries >= 100 && holders[0].file_size > 700);
    lab.install(&outcome.edit);
    assert_eq!(left(&lab, "k").len(), 100);
}

#[test]
fn a_tombstone_that_crosses_output_cuts_is_split_at_them() {
    let mut lab = Lab::new(3, small_tables());
    let keys: Vec<_> = (0..40).map(|n| format!("k{n:02}")).collect();
    let keys: Vec<_> = keys.iter().map(|key| &key[..]).collect();
    let mut writes = puts(&keys, 60);
    writes.push(written(50, RANGE, "a", "z"));
    let (l0, deeper) = (lab.table(&writes), lab.table(&puts(&["a0", "k05", "y"], 10)));
    lab.place(vec![(0, vec![l0]), (5, vec![lab.table(&puts(&["a", "zz"], 20))]), (6, vec![deeper])]);
    let outcome = lab.run(&lab.top(&views(&[])), &views(&[])).unwrap();
    // The last one is "zz" alone, beyond the tombstone.
    let tables = &outcome.tables[..outcome.tables.len() - 1];
    assert!(tables.len() > 3);
    for pair in tables.windows(2) {
        assert!(pair[0].largest_exclusive && pair[0].largest == pair[1].smallest, "{pair:?}");
        assert!(pair[0].ends_before(&Order::Bytewise, &pair[1].smallest));
    }
    let spans = tables.iter().map(|table| table.range_tombstones).collect::<Vec<_>>();
    assert!(spans.iter().all(|count| *count == 1), "{spans:?}");
    lab.install(&outcome.edit);
    assert_eq!(left(&lab, "k05"), [60, 50, 10]);
    assert_eq!((left(&lab, "zz"), left(&lab, "a0")), (vec![20], vec![50, 10]));
}

#[test]
fn a_corrupt_block_stops_the_job_and_deletes_nothing() {
    let keys: Vec<_> = (0..40).map(|n| format!("k{n:02}")).collect();
    let keys: Vec<_> = keys.iter().map(|key| &key[..]).collect();
    for damaged_level in [0, 5] {
        let mut lab = Lab::new(4, small_tables());
        let (l0, l5) = (lab.table(&puts(&keys, 60)), lab.table(&puts(&keys, 10)));
        lab.place(vec![(0, vec![Arc::clone(&l0)]), (5, vec![Arc::clone(&l5)])]);
        let file = if damaged_level == 0 { &l0 } else { &l5 };
        lab.damage(file, file.file_size / 3);
        let compaction = lab.top(&views(&[]));
        let on_disk = lab.files_on_disk();
        let failed = lab.run(&compaction, &views(&[])).unwrap_err();
        assert_eq!(failed.error.kind(), ErrorKind::Corruption);
        assert_eq!(failed.error.file(), Some(&*lab.path(file.number)));
        assert!(failed.error.message().starts_with("compaction of L0 into L"), "{}", failed.error);
        assert!(!failed.files.is_empty(), "some outputs were written before the damage was met");
        for number in &failed.files {
            lab.remove(*number);
        }
        assert_eq!(lab.files_on_disk(), on_disk);
        // What the block does not hold can still be read.
        let read = |key: &str| {
            lab.tables.get(file, &Order::Bytewise).unwrap().get(
                key.as_bytes(),
                crate::util::hash::key_hash(key.as_bytes()),
                SeqNo::MAX,
                false,
            )
        };
        assert!(read("k00").unwrap().is_some() && read("k39").unwrap().is_some());
    }
}

#[test]
fn an_input_with_fewer_entries_than_on_record_stops_the_job() {
    let mut lab = Lab::new(5, small_tables());
    let l0 = lab.table(&puts(&["a", "b", "c"], 60));
    let more = Arc::new(FileMeta { entries: 4, ..FileMeta::clone(&l0) });
    lab.place(vec![(0, vec![more]), (6, vec![lab.table(&puts(&["a", "z"], 10))])]);
    let failed = lab.run(&lab.top(&views(&[])), &views(&[])).unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::Corruption);
    assert!(failed.error.message().contains("5 entries, 6 are on record"), "{}", failed.error);
    let ranged = lab.table(&[written(60, RANGE, "a", "z")]);
    let more = Arc::new(FileMeta { range_tombstones: 2, ..FileMeta::clone(&ranged) });
    lab.place(vec![(0, vec![more]), (6, vec![lab.table(&puts(&["a", "z"], 10))])]);
    assert!(lab.run(&lab.top(&views(&[])), &views(&[])).is_err());
}

#[test]
fn a_table_under_a_range_tombstone_goes_unread() {
    let mut lab = Lab::new(6, small_tables());
    let doomed = lab.table(&puts(&["c", "d", "e"], 10));
    let other = lab.table(&puts(&["x", "y"], 10));
    lab.place(vec![
        (0, vec![lab.table(&[written(60, RANGE, "b", "f"), written(61, PUT, "x", "new")])]),
        (6, vec![Arc::clone(&doomed), other]),
    ]);
    lab.damage(&doomed, 10);
    let held = views(&[20]);
    assert!(lab.run(&lab.top(&held), &held).is_err(), "a snapshot sees it, so it must be read");
    let outcome = lab.run(&lab.top(&views(&[])), &views(&[])).unwrap();
    // All but the doomed table was read; x and y are written.
    assert_eq!(outcome.read_bytes + doomed.file_size, lab.version.total_bytes());
    assert_eq!(outcome.tables.iter().map(|table| table.entries).sum::<u64>(), 2);
    lab.install(&outcome.edit);
    assert_eq!((lab.totals(), left(&lab, "d")), ((2, 0), vec![]));
}

#[test]
fn a_cancelled_job_says_so_and_lists_what_it_created() {
    let mut lab = Lab::new(7, small_tables());
    let keys: Vec<_> = (0..1000).map(|n| format!("k{n:03}")).collect();
    let l0 = lab.table(&puts(&keys.iter().map(|key| &key[..]).collect::<Vec<_>>(), 60));
    lab.place(vec![(0, vec![l0]), (6, vec![lab.table(&puts(&["a", "z"], 10))])]);
    let on_disk = lab.files_on_disk();
    let compaction = lab.top(&views(&[]));
    for looks in 0..3 {
        let asked = Cell::new(0);
        let cancelled = || asked.replace(asked.get() + 1) == looks;
        let failed = lab.run_until(&compaction, &views(&[]), &cancelled).unwrap_err();
        assert_eq!(failed.error.kind(), ErrorKind::Cancelled);
        assert_eq!(failed.files.is_empty(), looks == 0);
        for number in failed.files {
            lab.remove(number);
        }
        assert_eq!(lab.files_on_disk(), on_disk);
    }
    assert!(lab.run(&compaction, &views(&[])).is_ok());
}

#[test]
fn a_trivial_move_touches_no_file() {
    let mut lab = Lab::new(8, small_tables());
    let l0 = [lab.table(&puts(&["d"], 60)), lab.table(&puts(&["c"], 50))];
    lab.place(vec![(0, l0.to_vec()), (6, vec![lab.table(&puts(&["x"], 10))])]);
    let ops = lab.fs.op_count();
    let compaction = lab.top(&views(&[]));
    assert!(compaction.trivial_move);
    let outcome = lab.run(&compaction, &views(&[])).unwrap();
    assert_eq!((lab.fs.op_count(), outcome.written_bytes, outcome.tables.len()), (ops, 0, 2));
    lab.install(&outcome.edit);
    assert!(Arc::ptr_eq(&lab.version.level(level(6))[0], &l0[1]));
}

#[test]
fn only_compressed_levels_are_compressed() {
    let size = |compressed| {
        let mut lab = Lab::new(9, CompactionOptions { compressed, ..small_tables() });
        let (l0, l6) = (lab.table(&puts(&["b", "c", "d"], 60)), lab.table(&puts(&["a", "c", "z"], 10)));
        lab.place(vec![(0, vec![l0]), (6, vec![l6])]);
        lab.run(&lab.top(&views(&[])), &views(&[])).unwrap().written_bytes
    };
    // The last level is the base here, too small to have anything below it.
    assert_eq!(size(CompressedLevels::BelowBase), size(CompressedLevels::None));
    assert!(size(CompressedLevels::All) < size(CompressedLevels::None));
}

#[test]
fn an_expired_put_is_buried_and_goes_at_the_end() {
    let mut lab = Lab::new(10, small_tables());
    let expiring = |n: u64, expiry: u64| Written {
        value: expiry.to_le_bytes().to_vec(),
        kind: Kind::PutExpiring,
        ..written(n, PUT, "k", "")
    };
    let l5 = lab.table(&[expiring(60, 99), written(61, PUT, "m", "v")]);
    lab.place(vec![
        (4, vec![l5]),
        (5, vec![lab.table(&puts(&["a", "z"], 20))]),
        (6, vec![lab.table(&puts(&["k"], 10))]),
    ]);
    let at = |time| LiveViews::new(vec![], seqno(1000), time);
    let early = lab.run(&lab.top(&at(98)), &at(98)).unwrap();
    assert_eq!(early.tables.iter().map(|table| table.deletes).sum::<u64>(), 0);
    let late = lab.run(&lab.top(&at(99)), &at(99)).unwrap();
    assert_eq!(late.tables.iter().map(|table| table.deletes).sum::<u64>(), 1);
    lab.install(&late.edit);
    assert_eq!(left(&lab, "k"), [60, 10]);
    lab.compact_all(&at(99));
    assert_eq!(left(&lab, "k"), [] as [u64; 0]);
}

#[test]
fn deletes_survive_until_nothing_is_beneath_them() {
    let mut lab = Lab::new(11, small_tables());
    let l4 = lab.table(&[written(60, DELETE, "k", ""), written(60, DELETE, "q", "")]);
    lab.place(vec![
        (4, vec![l4]),
        (5, vec![lab.table(&puts(&["a", "k", "z"], 20))]),
        (6, vec![lab.table(&puts(&["k"], 10))]),
    ]);
    let outcome = lab.run(&lab.top(&views(&[])), &views(&[])).unwrap();
    lab.install(&outcome.edit);
    assert_eq!((left(&lab, "k"), left(&lab, "q")), (vec![60, 10], vec![]));
    lab.compact_all(&views(&[]));
    assert_eq!((left(&lab, "k"), lab.totals()), (vec![], (2, 0)));
}

/// Strikes every operation of a job with every fault, once and for good.
#[test]
fn a_fault_at_any_operation_leaves_the_inputs_and_a_retry_works() {
    let before = answers(&wide_tombstone(), &KEYS, &[30, 55, 1000]);
    let held = views(&[30, 55]);
    for fault in Fault::ALL {
        for at_op in 0..200 {
            let mut lab = wide_tombstone();
            let compaction = lab.top(&held);
            let on_disk = lab.files_on_disk();
            let plan = FaultPlan::new(fault, at_op);
            lab.fs.inject(if at_op % 2 == 0 { plan } else { plan.persistent() });
            let result = lab.run(&compaction, &held);
            let struck = lab.fs.fired() > 0;
            lab.fs.heal();
            let outcome = match result {
                Ok(outcome) => outcome,
                Err(failed) => {
                    assert!(struck, "{fault:?} at {at_op}: {}", failed.error);
                    let mut files = lab.files_on_disk();
                    files.retain(|number| !failed.files.contains(number));
                    assert_eq!(files, on_disk, "{fault:?} at {at_op}");
                    assert_eq!(answers(&lab, &KEYS, &[30, 55, 1000]), before, "{fault:?} at {at_op}");
                    let retry = lab.run(&compaction, &held).unwrap();
                    let reused = retry.tables.iter().any(|table| failed.files.contains(&table.number));
                    assert!(!reused, "{fault:?} at {at_op}: a retry writes into new files");
                    retry
                }
            };
            lab.install(&outcome.edit);
            assert_eq!(answers(&lab, &KEYS, &[30, 55, 1000]), before, "{fault:?} at {at_op}");
            if !struck {
                assert!(at_op > 0 || fault == Fault::RenameEio, "{fault:?} never strikes");
                break;
            }
        }
    }
}

#[test]
fn outputs_lie_within_the_inputs() {
    let mut lab = wide_tombstone();
    let held = views(&[30, 55]);
    for _ in 0..2 {
        let compaction = lab.top(&held);
        let outcome = lab.run(&compaction, &held).unwrap();
        let hull = compaction.span();
        for table in &outcome.tables {
            let both = KeySpan::of(table).union(&Order::Bytewise, hull);
            assert_eq!(both, hull, "{table:?}");
            assert!(table.number > FileNumber::new(4));
        }
        lab.install(&outcome.edit);
    }
}
