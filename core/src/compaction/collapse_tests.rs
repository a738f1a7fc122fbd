//! What becomes of merge operands in a flush and in a compaction to the last level, case by case. The random histories are in
//! `model_tests`.

use crate::compaction::collapse::Collapse;
use crate::compaction::flush::flush;
use crate::compaction::lab::{Lab, Written, written};
use crate::compaction::options::CompactionOptions;
use crate::compaction::retention::LiveViews;
use crate::compaction::writer::OutputPlace;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::merge::{MergeOperator, Operators};
use crate::util::sync::Arc;

const NOW: u64 = 1000;

const PUT: Kind = Kind::Put;
const DELETE: Kind = Kind::Delete;
const MERGE: Kind = Kind::Merge;
const EXPIRING: Kind = Kind::PutExpiring;

/// An entry of key "k"; merges and expiring puts have a time in front of their text.
type Case = (u64, Kind, u64, &'static str);

fn stored(case: &Case) -> Written {
    let (seqno, kind, time, text) = *case;
    let mut write = written(seqno, kind, "k", text);
    if matches!(kind, MERGE | EXPIRING) {
        write.value.splice(0..0, time.to_le_bytes());
    }
    write
}

fn seqno(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap()
}

fn views(snapshots: &[u64]) -> LiveViews {
    LiveViews::new(snapshots.iter().copied().map(seqno).collect(), seqno(100), NOW)
}

/// What a flush writes of `entries`; then what is left of that in the last level.
fn run(operator: &str, snapshots: &[u64], may_expire: bool, entries: &[Case]) -> (Vec<Written>, Vec<Written>) {
    let mut lab = Lab::new(1, CompactionOptions::default());
    lab.operator = Some(Operators::new().find(operator).unwrap());
    let memtable = Memtable::new(&Order::Bytewise);
    for write in entries.iter().map(stored) {
        memtable.add(write.seqno, write.kind, &write.key, &write.value).unwrap();
    }
    let memtables = [Arc::new(memtable)];
    let views = views(snapshots);
    let operator = lab.operator.clone();
    let mut collapse = Collapse::new(operator.as_deref(), may_expire);
    let tables = lab.with_place(|place| flush(&memtables, &views, place, 1 << 20, &mut collapse, &|| false)).unwrap();
    lab.place(vec![(0, tables)]);
    let flushed = lab.writes_of(b"k");
    lab.compact_all(&views);
    (flushed, lab.writes_of(b"k"))
}

#[track_caller]
fn check(snapshots: &[u64], entries: &[Case], flushed: &[Case], compacted: &[Case]) {
    let found = run("append", snapshots, false, entries);
    assert_eq!(found.0, flushed.iter().map(stored).collect::<Vec<_>>(), "flushed");
    assert_eq!(found.1, compacted.iter().map(stored).collect::<Vec<_>>(), "compacted");
}

#[test]
fn operands_of_one_stripe_become_one_entry() {
    let put = [(9, MERGE, 5, "c"), (8, MERGE, 4, "b"), (7, PUT, 0, "a")];
    check(&[], &put, &[(9, PUT, 0, "abc")], &[(9, PUT, 0, "abc")]);
    check(&[9, 6], &put, &[(9, PUT, 0, "abc")], &[(9, PUT, 0, "abc")]);
    // Nothing is known beneath a flush; in the last level there is nothing.
    check(&[], &put[..2], &[(9, MERGE, 5, "bc")], &[(9, PUT, 0, "bc")]);
}

#[test]
fn operands_on_both_sides_of_a_snapshot_stay_apart() {
    let entries = [(9, MERGE, 5, "d"), (8, MERGE, 4, "c"), (7, MERGE, 3, "b"), (6, PUT, 0, "a")];
    let left = [(9, MERGE, 5, "cd"), (7, PUT, 0, "ab")];
    check(&[7], &entries, &left, &left);
    let left = [(9, MERGE, 5, "bcd"), (6, PUT, 0, "a")];
    check(&[6], &entries, &left, &left);
    check(&[8, 7, 6], &entries, &entries, &entries);
}

#[test]
fn what_ends_the_search_ends_it_here_too() {
    let deleted = [(9, MERGE, 5, "b"), (8, DELETE, 0, ""), (7, PUT, 0, "a")];
    check(&[], &deleted, &[(9, PUT, 0, "b")], &[(9, PUT, 0, "b")]);
    // The delete in front of an older stripe goes on hiding what the snapshot keeps.
    check(&[7], &deleted, &[(9, PUT, 0, "b"), (7, PUT, 0, "a")], &[(9, PUT, 0, "b"), (7, PUT, 0, "a")]);
    let range = [(9, MERGE, 5, "b"), (8, Kind::RangeDelete, 0, "z"), (7, MERGE, 1, "a")];
    let (flushed, compacted) = run("append", &[], false, &range);
    assert_eq!((flushed[0].clone(), compacted), (stored(&(9, PUT, 0, "b")), vec![stored(&(9, PUT, 0, "b"))]));
}

#[test]
fn an_expiry_stays_and_an_expired_value_is_no_base() {
    let later = NOW + 500;
    let entries = [(9, MERGE, NOW - 1, "b"), (8, EXPIRING, later, "a")];
    check(&[], &entries, &[(9, EXPIRING, later, "ab")], &[(9, EXPIRING, later, "ab")]);
    // It expires at 700: gone for all by now, together with what was merged into it before.
    let expired = [(9, MERGE, 699, "b"), (8, EXPIRING, 700, "a")];
    check(&[], &expired, &[(9, DELETE, 0, "")], &[]);
    let renewed = [(9, MERGE, 701, "c"), (8, MERGE, 700, "b"), (7, MERGE, 699, "x"), (6, EXPIRING, 700, "a")];
    check(&[], &renewed, &[(9, PUT, 0, "bc")], &[(9, PUT, 0, "bc")]);
}

#[test]
fn an_expired_value_stays_while_newer_operands_elsewhere_rest_upon_it() {
    let flushed = |earliest_elsewhere: u64, entries: &[Case]| {
        let mut lab = Lab::new(3, CompactionOptions::default());
        let append = Operators::new().find("append").unwrap();
        let memtable = Memtable::new(&Order::Bytewise);
        for write in entries.iter().map(stored) {
            memtable.add(write.seqno, write.kind, &write.key, &write.value).unwrap();
        }
        let views = views(&[]).with_operands_from(earliest_elsewhere);
        let mut collapse = Collapse::new(Some(&*append), true);
        let memtables = [Arc::new(memtable)];
        let write = |place: OutputPlace<'_>| flush(&memtables, &views, place, 1 << 20, &mut collapse, &|| false);
        let tables = lab.with_place(write).unwrap();
        lab.place(vec![(0, tables)]);
        lab.writes_of(b"k")
    };
    let alone = [(8, EXPIRING, 700, "a")];
    assert_eq!(flushed(700, &alone), [stored(&(8, DELETE, 0, ""))]);
    assert_eq!(flushed(699, &alone), [stored(&alone[0])]);
    let with_operand = [(9, MERGE, 650, "b"), (8, EXPIRING, 700, "a")];
    assert_eq!(flushed(700, &with_operand), [stored(&(9, DELETE, 0, ""))]);
    assert_eq!(flushed(699, &with_operand), [stored(&(9, EXPIRING, 700, ""))]);
}

#[test]
fn operands_over_what_may_expire_between_them_stay_apart() {
    let entries = [(9, MERGE, 5, "b"), (8, MERGE, 4, "a")];
    let (flushed, compacted) = run("append", &[], true, &entries);
    assert_eq!(flushed, entries.iter().map(stored).collect::<Vec<_>>());
    assert_eq!(compacted, [stored(&(9, PUT, 0, "ab"))]);
}

#[test]
fn what_an_operator_refuses_stays_as_it_is() {
    let numbers = ["1\0\0\0\0\0\0\0", "2\0\0\0\0\0\0\0"];
    let entries = [(9, MERGE, 5, numbers[0]), (8, MERGE, 4, numbers[1]), (7, PUT, 0, "ten")];
    let (flushed, compacted) = run("add_u64", &[], false, &entries);
    let all: Vec<Written> = entries.iter().map(stored).collect();
    assert_eq!((flushed, compacted), (all.clone(), all));
    let bad = [(9, MERGE, 5, numbers[0]), (8, MERGE, 4, "odd"), (7, MERGE, 3, numbers[1]), (6, MERGE, 2, numbers[1])];
    let (flushed, _) = run("add_u64", &[5], false, &bad);
    assert_eq!(flushed.iter().map(|write| write.seqno.get()).collect::<Vec<_>>(), [9, 8, 7]);
}

#[derive(Debug)]
struct Join;

impl MergeOperator for Join {
    fn name(&self) -> &str {
        "join"
    }

    fn full_merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        base.into_iter().chain(operands.iter().copied()).for_each(|part| out.extend_from_slice(part));
        Ok(())
    }
}

#[test]
fn an_operator_without_partial_merges_still_meets_its_base() {
    let mut lab = Lab::new(2, CompactionOptions::default());
    lab.operator = Some(Arc::new(Join));
    let entries = [(9, MERGE, 5, "d"), (8, MERGE, 4, "c"), (7, MERGE, 3, "b"), (6, PUT, 0, "a")];
    let writes: Vec<Written> = entries.iter().map(stored).collect();
    let table = lab.table(&writes);
    lab.place(vec![(0, vec![table])]);
    lab.compact_all(&views(&[7]));
    assert_eq!(
        lab.writes_of(b"k"),
        [&entries[..2], &[(7, PUT, 0, "ab")]].concat().iter().map(stored).collect::<Vec<_>>()
    );
    lab.compact_all(&views(&[]));
    assert_eq!(lab.writes_of(b"k"), [stored(&(9, PUT, 0, "abcd"))]);
}
