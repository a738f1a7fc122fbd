//! Reads through all sources at once, against a model: a random history of puts, merges, deletes and range deletes is spread over
//! memtables and levels, oldest deepest, and every key is looked up in every view, by `get` and by walking the sources.

use std::collections::BTreeMap;

use crate::env::fs::{FileSystem, OpenMode};
use crate::env::sim_fs::SimFs;
use crate::error::ErrorKind;
use crate::iter::bounds::Bounds;
use crate::iter::internal::InternalIterator;
use crate::iter::operands::Operands;
use crate::iter::resolve::{Verdict, View};
use crate::iter::vec_iter::Rng;
use crate::key::internal;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::merge::{MergeOperator, Operators};
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;
use crate::version::merged::{merged_value, take_all};
use crate::version::super_version::{Sources, SuperVersion};
use crate::version::table_cache::testing::{Contents, cache, dir, disk, put, write_table};
use crate::version::version::{Levels, Version};

const KEYS: u64 = 30;

fn seq(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap()
}

fn key(n: u64) -> Vec<u8> {
    format!("k{n:02}").into_bytes()
}

/// One write of the history; its number is its place in it, from 1.
#[derive(Clone, Debug)]
enum Write {
    Put(u64),
    /// With the time it expires at.
    Expiring(u64, u64),
    /// With the time it was committed at.
    Merge(u64, u64),
    Delete(u64),
    DeleteRange(u64, u64),
}

fn history(rng: &mut Rng, len: usize) -> Vec<Write> {
    let write = |rng: &mut Rng| match rng.below(10) {
        0..2 => Write::Put(rng.below(KEYS)),
        2..5 => Write::Merge(rng.below(KEYS), 1 + rng.below(200)),
        5 => Write::Expiring(rng.below(KEYS), rng.below(200)),
        6 => Write::Merge(rng.below(KEYS), 1 + rng.below(200)),
        7 => Write::Delete(rng.below(KEYS)),
        _ => {
            let start = rng.below(KEYS);
            Write::DeleteRange(start, start + 1 + rng.below(KEYS / 3))
        }
    };
    (0..len).map(|_| write(rng)).collect()
}

/// What a view of `view` at `time_ms` finds at each key. Operands are appended.
fn model(history: &[Write], view: u64, time_ms: u64) -> BTreeMap<u64, Vec<u8>> {
    let mut state: BTreeMap<u64, (Vec<u8>, u64)> = BTreeMap::new();
    for (seqno, write) in (1..=view).zip(history) {
        let value = seqno.to_string().into_bytes();
        match write {
            Write::Put(k) => drop(state.insert(*k, (value, u64::MAX))),
            Write::Expiring(k, at) => drop(state.insert(*k, (value, *at))),
            Write::Merge(k, now) => {
                let base = state.remove(k).filter(|(_, at)| at > now);
                let (mut merged, at) = base.unwrap_or((Vec::new(), u64::MAX));
                merged.extend_from_slice(&value);
                state.insert(*k, (merged, at));
            }
            Write::Delete(k) => drop(state.remove(k)),
            Write::DeleteRange(start, end) => state.retain(|k, _| k < start || k >= end),
        }
    }
    state.into_iter().filter(|(_, (_, at))| *at > time_ms).map(|(k, (value, _))| (k, value)).collect()
}

/// A write as kind, user key and stored value.
fn stored(write: &Write, seqno: u64) -> (Kind, Vec<u8>, Vec<u8>) {
    let value = seqno.to_string().into_bytes();
    match write {
        Write::Put(k) => (Kind::Put, key(*k), value),
        Write::Expiring(k, at) => (Kind::PutExpiring, key(*k), [&at.to_le_bytes()[..], &value].concat()),
        Write::Merge(k, now) => (Kind::Merge, key(*k), [&now.to_le_bytes()[..], &value].concat()),
        Write::Delete(k) => (Kind::Delete, key(*k), Vec::new()),
        Write::DeleteRange(start, end) => (Kind::RangeDelete, key(*start), key(*end)),
    }
}

fn memtable(writes: &[(u64, Write)]) -> Arc<Memtable> {
    let memtable = Memtable::new(&Order::Bytewise);
    for (seqno, write) in writes {
        let (kind, user_key, value) = stored(write, *seqno);
        memtable.add(seq(*seqno), kind, &user_key, &value).unwrap();
    }
    Arc::new(memtable)
}

/// The part of `writes` with keys in `[from, to)`, tombstones cut at both.
fn contents(writes: &[(u64, Write)], from: &[u8], to: &[u8]) -> Contents {
    let mut contents = Contents::default();
    for (seqno, write) in writes {
        let (kind, user_key, value) = stored(write, *seqno);
        if kind == Kind::RangeDelete {
            let (start, end) = (user_key.max(from.to_vec()), value.min(to.to_vec()));
            if start < end {
                contents.ranges.push((start, end, *seqno));
            }
        } else if &user_key[..] >= from && &user_key[..] < to {
            contents.points.push((user_key, *seqno, kind, value));
        }
    }
    contents.points.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    contents
}

struct Fixture {
    sim: SimFs,
    current: SuperVersion,
}

/// Spreads the history: the first part in the deepest level, then others, two tables on level 0, an immutable, the memtable.
fn spread(rng: &mut Rng, history: &[Write]) -> Fixture {
    let sim = disk();
    let numbered: Vec<(u64, Write)> = (1..).zip(history.iter().cloned()).collect();
    let mut cuts: Vec<usize> = (0..6).map(|_| rng.below(history.len() as u64 + 1) as usize).collect();
    cuts.sort_unstable();
    let part = |n: usize| {
        let start = if n == 0 { 0 } else { cuts[n - 1] };
        &numbered[start..cuts.get(n).copied().unwrap_or(numbered.len())]
    };
    let mut levels = Levels::default();
    let mut number = 1;
    let mut table = |levels: &mut Levels, level: usize, contents: &Contents| {
        if !contents.points.is_empty() || !contents.ranges.is_empty() {
            levels[level].push(write_table(&sim, number, contents));
            number += 1;
        }
    };
    for (level, n) in [(6, 0), (3, 1), (1, 2)] {
        let mut from = Vec::new();
        for to in [key(rng.below(KEYS / 2)), key(KEYS / 2), key(KEYS / 2 + rng.below(KEYS / 2)), b"z".to_vec()] {
            if from < to {
                table(&mut levels, level, &contents(part(n), &from, &to));
                from = to;
            }
        }
    }
    table(&mut levels, 0, &contents(part(4), b"", b"z"));
    table(&mut levels, 0, &contents(part(3), b"", b"z"));
    let version = Arc::new(Version::new(Order::Bytewise, levels).unwrap());
    let current = SuperVersion::new(memtable(part(6)), vec![memtable(part(5))], version, cache(&sim, 3));
    Fixture { sim, current }
}

fn append() -> Arc<dyn MergeOperator> {
    Operators::new().find("append").unwrap()
}

/// Walks `sources` as an iterator over the database does.
fn walk(sources: &mut Sources, view: &View) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut done: Option<Vec<u8>> = None;
    sources.merged.seek_to_first();
    while sources.merged.valid() {
        let entry = internal::parse(sources.merged.key()).unwrap();
        let user_key = entry.user_key.to_vec();
        if done.as_ref() != Some(&user_key) {
            let covering = sources.tombstones.newest_over(&user_key).unwrap();
            let stored = Some((entry.seqno, entry.kind, sources.merged.value()));
            match view.resolve(&user_key, stored, covering).unwrap() {
                Verdict::KeepLooking => {}
                Verdict::Operand => {
                    let mut operands = Operands::new(*view);
                    take_all(&mut operands, &mut sources.merged, &user_key, covering).unwrap();
                    let value = merged_value(Some(&*append()), &user_key, &operands).unwrap();
                    found.extend(value.map(|(value, _)| (user_key.clone(), value.to_vec())));
                    done = Some(user_key);
                    continue;
                }
                Verdict::Absent => done = Some(user_key),
                Verdict::Value { skip } => {
                    found.push((user_key.clone(), sources.merged.value()[skip..].to_vec()));
                    done = Some(user_key);
                }
            }
        }
        sources.merged.next();
    }
    sources.merged.status().unwrap();
    found
}

#[test]
fn every_key_in_every_view_is_what_the_model_says() {
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let history = history(&mut rng, 80);
        let Fixture { sim: _sim, current } = spread(&mut rng, &history);
        let append = append();
        for view_seqno in 0..=history.len() as u64 {
            let time_ms = rng.below(200);
            let view = View { seqno: seq(view_seqno), time_ms };
            let model = model(&history, view_seqno, time_ms);
            for k in 0..KEYS {
                let found = current.get(&key(k), &view, Some(&*append), true).unwrap();
                assert_eq!(found.as_deref(), model.get(&k).map(|v| &v[..]), "seed {seed}, view {view_seqno}, key {k}");
            }
            let (lower, upper) = (rng.below(KEYS), rng.below(KEYS));
            for bounds in [Bounds::ALL, Bounds::new(Some(key(lower)), Some(key(upper)))] {
                let mut sources = current.sources(&bounds, view.seqno, false).unwrap();
                let within = |k: &[u8]| bounds.contains(&Order::Bytewise, k);
                let mut walked = walk(&mut sources, &view);
                walked.retain(|(k, _)| within(k));
                let expected: Vec<_> =
                    model.iter().map(|(k, v)| (key(*k), v.clone())).filter(|(k, _)| within(k)).collect();
                assert_eq!(walked, expected, "seed {seed}, view {view_seqno}, {bounds:?}");
            }
        }
    }
}

#[test]
fn operands_without_an_operator_are_an_error_and_never_absence() {
    let sim = disk();
    let empty = Arc::new(Version::empty(Order::Bytewise));
    let current = SuperVersion::new(memtable(&[(1, Write::Merge(1, 5))]), Vec::new(), empty, cache(&sim, 1));
    let view = View { seqno: seq(1), time_ms: 9 };
    let error = current.get(&key(1), &view, None, true).unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Unsupported, "a merge operand without a merge operator, at key \"k01\"")
    );
    let early = View { seqno: SeqNo::ZERO, ..view };
    assert!(current.get(&key(1), &early, None, true).unwrap().is_none());
}

#[test]
fn a_hundred_thousand_operands_are_no_deeper_than_one() {
    let sim = disk();
    let memtable = Memtable::new(&Order::Bytewise);
    let one = [&5u64.to_le_bytes()[..], &1u64.to_le_bytes()].concat();
    for seqno in 1..=100_000 {
        memtable.add(seq(seqno), Kind::Merge, b"hits", &one).unwrap();
    }
    let empty = Arc::new(Version::empty(Order::Bytewise));
    let current = SuperVersion::new(Arc::new(memtable), Vec::new(), empty, cache(&sim, 1));
    let view = View { seqno: seq(99_999), time_ms: 9 };
    let add = Operators::new().find("add_u64").unwrap();
    let found = current.get(b"hits", &view, Some(&*add), true).unwrap().unwrap();
    assert_eq!(found[..], 99_999u64.to_le_bytes());
}

#[test]
fn a_lookup_opens_no_more_tables_than_it_must() {
    let sim = disk();
    let mut levels = Levels::default();
    levels[0].push(write_table(&sim, 4, &Contents { points: vec![put("b", 40, "newest")], ranges: Vec::new() }));
    let tombstone = Contents { points: Vec::new(), ranges: vec![(b"m".to_vec(), b"p".to_vec(), 30)] };
    levels[1].push(write_table(
        &sim,
        3,
        &Contents { points: vec![put("a", 20, "v"), put("c", 20, "v")], ranges: Vec::new() },
    ));
    levels[1].push(write_table(&sim, 2, &tombstone));
    levels[2].push(write_table(
        &sim,
        1,
        &Contents { points: vec![put("b", 1, "v"), put("n", 1, "old")], ranges: Vec::new() },
    ));
    let version = Arc::new(Version::new(Order::Bytewise, levels).unwrap());
    let opens = |user_key: &str, view: u64| {
        let tables = cache(&sim, 10);
        let current = SuperVersion::new(memtable(&[]), Vec::new(), Arc::clone(&version), Arc::clone(&tables));
        let view = View { seqno: seq(view), time_ms: 0 };
        let found = current.get(user_key.as_bytes(), &view, None, true).unwrap();
        (found.map(|value| String::from_utf8(value.to_vec()).unwrap()), tables.opens())
    };
    assert_eq!(opens("b", 50), (Some("newest".to_owned()), 1));
    // What is above the view is not looked at; "b" lies within the bounds of the tables below.
    assert_eq!(opens("b", 39), (Some("v".to_owned()), 2));
    assert_eq!(opens("n", 50), (None, 1));
    assert_eq!(opens("n", 29), (Some("old".to_owned()), 1));
    assert_eq!(opens("zz", 50), (None, 0));
}

#[test]
fn damage_is_an_error_that_names_the_file_and_never_absence() {
    let sim = disk();
    let mut levels = Levels::default();
    levels[1].push(write_table(
        &sim,
        1,
        &Contents { points: vec![put("a", 2, "v"), put("c", 2, "v")], ranges: Vec::new() },
    ));
    levels[2].push(write_table(&sim, 2, &Contents { points: vec![put("a", 1, "old")], ranges: Vec::new() }));
    let version = Arc::new(Version::new(Order::Bytewise, levels).unwrap());
    let current = || SuperVersion::new(memtable(&[]), Vec::new(), Arc::clone(&version), cache(&sim, 4));
    let view = View { seqno: SeqNo::MAX, time_ms: 0 };
    let path = dir().join("000001.sst");
    sim.open(&path, OpenMode::ReadWrite).unwrap().write_at(&[0x55; 4], 10).unwrap();
    let error = current().get(b"a", &view, None, true).unwrap_err();
    assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*path)));
    sim.remove(&path).unwrap();
    let current = current();
    let error = current.get(b"a", &view, None, true).unwrap_err();
    assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*path)));
    let mut sources = current.sources(&Bounds::ALL, view.seqno, true).unwrap();
    sources.merged.seek_to_first();
    assert!(!sources.merged.valid());
    assert_eq!(sources.merged.status().unwrap_err().kind(), ErrorKind::Corruption);
}

#[test]
fn changes_make_new_super_versions_and_leave_the_old_ones_alone() {
    let first = memtable(&[(1, Write::Put(1))]);
    let empty = Arc::new(Version::empty(Order::Bytewise));
    let sim = disk();
    let tables = cache(&sim, 4);
    let before = SuperVersion::new(Arc::clone(&first), Vec::new(), Arc::clone(&empty), Arc::clone(&tables));
    let switched = before.with_new_memtable(memtable(&[]));
    assert!(Arc::ptr_eq(&switched.immutables()[0], &first) && switched.memtable().is_empty());
    let mut levels = Levels::default();
    levels[0].push(write_table(&sim, 1, &contents(&[(1, Write::Put(1))], b"", b"z")));
    let flushed = Arc::new(Version::new(Order::Bytewise, levels).unwrap());
    let after = switched.with_version(flushed, |memtable| Arc::ptr_eq(memtable, &first));
    assert!(after.immutables().is_empty());
    let view = View { seqno: seq(1), time_ms: 0 };
    for (current, opened) in [(&before, 0), (&switched, 0), (&after, 1)] {
        assert_eq!(current.get(&key(1), &view, None, true).unwrap().as_deref(), Some(&b"1"[..]));
        assert_eq!(tables.opens(), opened);
    }
    assert_eq!(before.immutables().len(), 0);
    let files: Vec<&Arc<FileMeta>> = after.version().files().map(|(_, file)| file).collect();
    assert_eq!(files.len(), 1);
}
