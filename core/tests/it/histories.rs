//! T6: histories. Random transactions, interleaved step by step or run by threads, and a judge that looks only at what they
//! read and wrote: serializable ones must fit some serial order; under snapshot isolation some must not, or the judge is blind.
//!
//! Two judges. *Interleaved* histories are short and use every kind of operation; a serial order is searched for, outright, that
//! gives every read what it got. *Threaded* ones are long; each transaction appends its number to lists, so a value tells the
//! order of its writers, and who depends on whom is a graph that must have no ring.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use esker::{
    Db, Durability, Error, ErrorKind, Isolation, LockMode, Options, ReadOptions, Result, Transaction,
    TransactionOptions,
};
use tempfile::TempDir;

use crate::support::judge::{Appends, dependencies, has_a_ring, list, name};
use crate::support::rng::{Rng, seed_or};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a transaction did, in order, with what it saw.
#[derive(Clone, Debug)]
enum Step {
    Get(Vec<u8>, Option<Vec<u8>>),
    /// The entries met from the first key, to the last that was seen or to `None`, the end; backwards if so.
    Scan {
        from: Vec<u8>,
        back: bool,
        met: Vec<(Vec<u8>, Vec<u8>)>,
        ended: bool,
    },
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
}

fn key(rng: &mut Rng) -> Vec<u8> {
    vec![b'a' + rng.below(5) as u8]
}

/// One random operation of `t`.
fn step(rng: &mut Rng, t: &mut Transaction, tag: usize) -> Result<Step> {
    let (a, b) = (key(rng), key(rng));
    Ok(match rng.below(10) {
        0..3 => {
            let found = if rng.chance(30) { t.get_for_update(&a)? } else { t.get(&a)? };
            Step::Get(a, found.map(|value| value.to_vec()))
        }
        3 | 4 => {
            let back = rng.chance(50);
            let mut iter = t.iter(&ReadOptions::new())?;
            if back { iter.seek_for_prev(&a) } else { iter.seek(&a) }?;
            let (mut met, most) = (Vec::new(), 1 + rng.below(3));
            while iter.valid() {
                met.push((iter.key().to_vec(), iter.value().to_vec()));
                if met.len() == most {
                    break;
                }
                if back { iter.prev() } else { iter.next() }?;
            }
            Step::Scan { from: a, back, ended: !iter.valid(), met }
        }
        5 => {
            t.delete(&a)?;
            Step::Delete(a)
        }
        6 if a < b => {
            t.delete_range(&a, &b)?;
            Step::DeleteRange(a, b)
        }
        _ => {
            let value = format!("{tag}").into_bytes();
            t.put(&a, &value)?;
            Step::Put(a, value)
        }
    })
}

/// Does `steps` to `map`; false if a read would have seen something else.
fn replay(map: &mut Map, steps: &[Step]) -> bool {
    for step in steps {
        match step {
            Step::Get(key, found) => {
                if map.get(key) != found.as_ref() {
                    return false;
                }
            }
            Step::Scan { from, back, met, ended } => {
                let entry = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
                let most = met.len() + usize::from(*ended);
                let seen: Vec<_> = match back {
                    true => map.range(..=from.clone()).rev().take(most).map(entry).collect(),
                    false => map.range(from.clone()..).take(most).map(entry).collect(),
                };
                if seen != *met {
                    return false;
                }
            }
            Step::Put(key, value) => drop(map.insert(key.clone(), value.clone())),
            Step::Delete(key) => drop(map.remove(key)),
            Step::DeleteRange(start, end) => map.retain(|key, _| key < start || key >= end),
        }
    }
    true
}

/// Whether the transactions fit some serial order that starts from `map` and ends in `last`.
fn fits_an_order(map: &Map, left: &[Vec<Step>], last: &Map) -> bool {
    if left.is_empty() {
        return map == last;
    }
    (0..left.len()).any(|next| {
        let mut after = map.clone();
        let mut rest = left.to_vec();
        let steps = rest.remove(next);
        replay(&mut after, &steps) && fits_an_order(&after, &rest, last)
    })
}

fn contents(db: &Db) -> Map {
    let mut map = Map::new();
    let mut iter = db.iter().unwrap();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        map.insert(iter.key().to_vec(), iter.value().to_vec());
        iter.next().unwrap();
    }
    map
}

/// One history of up to six transactions, of which some run at once, one step of one of them at a time.
/// Whether it is serializable, and how many committed and conflicted.
fn interleave(db: &Db, seed: u64, options: &TransactionOptions) -> (bool, usize, usize) {
    let mut rng = Rng::new(seed);
    let before = contents(db);
    let (mut open, mut committed, mut conflicts) = (Vec::<(Transaction, Vec<Step>, usize)>::new(), Vec::new(), 0);
    let (mut to_start, mut tag) = (6, 0);
    while to_start > 0 || !open.is_empty() {
        if to_start > 0 && (open.len() < 2 || rng.chance(15)) {
            to_start -= 1;
            open.push((db.begin(options).unwrap(), Vec::new(), 1 + rng.below(5)));
        }
        let one = rng.below(open.len());
        let (t, steps, left) = &mut open[one];
        if *left > 0 {
            *left -= 1;
            tag += 1;
            match step(&mut rng, t, tag) {
                Ok(step) => {
                    steps.push(step);
                    continue;
                }
                // A key is held by one of the others, which cannot go on meanwhile.
                Err(error) => {
                    assert!(options.mode == LockMode::Pessimistic && gives_up(&error), "seed {seed}: {error}")
                }
            }
            conflicts += 1;
            drop(open.swap_remove(one));
            continue;
        }
        let (mut t, steps, _) = open.swap_remove(one);
        match t.commit() {
            Ok(()) => committed.push(steps),
            Err(error) => {
                assert!(gives_up(&error), "seed {seed}: {error}");
                conflicts += 1;
            }
        }
    }
    let fits = fits_an_order(&before, &committed, &contents(db));
    if !fits && options.isolation == Isolation::Serializable {
        panic!("seed {seed}: no serial order gives from {before:?} what was read: {committed:#?}");
    }
    (fits, committed.len(), conflicts)
}

fn gives_up(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Busy)
}

/// Nothing waits: all transactions run on this thread.
fn impatient() -> (TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), &Options { stall_timeout_ms: 1, ..Options::default() }).unwrap();
    (dir, db)
}

#[test]
fn interleaved_serializable_transactions_always_fit_a_serial_order() {
    let (_dir, db) = impatient();
    for (mode, least) in [(LockMode::Optimistic, 3_000), (LockMode::Pessimistic, 1_500)] {
        let options = TransactionOptions { mode, lock_timeout_ms: 0, ..TransactionOptions::default() };
        let (mut committed, mut conflicts, first) = (0, 0, seed_or(0));
        for seed in first..first + least as u64 {
            let (_, more, fewer) = interleave(&db, seed, &options);
            committed += more;
            conflicts += fewer;
        }
        assert!(
            committed > 2 * least && conflicts > least / 3,
            "{mode:?}: {committed} committed, {conflicts} not: dull"
        );
        println!("{mode:?}: {least} histories, {committed} committed");
    }
}

#[test]
fn interleaved_transactions_under_snapshot_isolation_do_not_and_the_judge_sees_it() {
    let (_dir, db) = impatient();
    let options = TransactionOptions::snapshot();
    let anomalies = (0..1_500).filter(|seed| !interleave(&db, *seed, &options).0).count();
    assert!(anomalies > 10, "{anomalies} anomalies");
}

const LISTS: usize = 6;

/// One try of a transaction that reads some lists, singly or by a scan, and appends to some.
fn append(rng: &mut Rng, t: &mut Transaction, number: u32) -> Result<Appends> {
    let mut done = Appends { number, began: 0, ended: 0, read: Vec::new(), appended: Vec::new() };
    for _ in 0..1 + rng.below(3) {
        let one = rng.below(LISTS);
        if rng.chance(30) {
            let mut lists = vec![Vec::new(); LISTS];
            let mut iter = t.iter(&ReadOptions::new().with_prefix("list "))?;
            iter.seek(name(one))?;
            while iter.valid() {
                lists[usize::from(iter.key()[5] - b'0')] = list(iter.value());
                iter.next()?;
            }
            done.read.extend(lists.into_iter().enumerate().skip(one));
        } else {
            done.read.push((one, t.get(name(one))?.map_or(Vec::new(), |value| list(&value))));
        }
        thread::yield_now();
    }
    for _ in 0..rng.below(3) {
        let one = rng.below(LISTS);
        if done.appended.contains(&one) {
            continue;
        }
        let mut value = t.get_for_update(name(one))?.map_or(Vec::new(), |value| value.to_vec());
        done.read.push((one, list(&value)));
        value.extend_from_slice(&number.to_le_bytes());
        t.put(name(one), value)?;
        done.appended.push(one);
    }
    Ok(done)
}

/// Runs appending transactions on four threads; those that committed, and the lists at the end.
fn run_threads(isolation: Isolation, mode: LockMode, each: u32, seed: u64) -> (Vec<Appends>, Vec<Vec<u32>>) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), &Options::default()).unwrap();
    let options = TransactionOptions { isolation, mode, lock_timeout_ms: 60_000, durability: Some(Durability::None) };
    let clock = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (db, options, clock) = (db.clone(), options.clone(), clock.clone());
            let tick = move || clock.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                let mut rng = Rng::new(seed.wrapping_mul(4) + u64::from(thread));
                let mut committed = Vec::new();
                for n in 0..each {
                    let began = tick();
                    let mut t = db.begin(&options).unwrap();
                    let outcome = append(&mut rng, &mut t, 1 + thread * each + n);
                    match outcome.and_then(|done| t.commit().map(|()| done)) {
                        Ok(done) => committed.push(Appends { began, ended: tick(), ..done }),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
                    }
                }
                committed
            })
        })
        .collect();
    let committed = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let lists = (0..LISTS).map(|key| db.get(name(key)).unwrap().map_or(Vec::new(), |value| list(&value))).collect();
    (committed, lists)
}

#[test]
fn threaded_serializable_transactions_depend_on_each_other_in_no_ring() {
    for (mode, seed) in [(LockMode::Optimistic, 1), (LockMode::Pessimistic, 2), (LockMode::Optimistic, 3)] {
        let seed = seed_or(0).wrapping_add(seed);
        let (committed, lists) = run_threads(Isolation::Serializable, mode, 400, seed);
        assert!(committed.len() > 100, "{} of 1600 committed", committed.len());
        assert!(!has_a_ring(dependencies(&committed, &lists)), "{mode:?} seed {seed}");
    }
    println!("3 histories of 1600 transactions");
}

#[test]
fn threaded_transactions_under_snapshot_isolation_do_so_and_the_judge_sees_it() {
    let ring = |seed| {
        let (committed, lists) = run_threads(Isolation::Snapshot, LockMode::Optimistic, 400, seed);
        has_a_ring(dependencies(&committed, &lists))
    };
    assert!((0..20).any(ring), "twenty histories without write skew");
}

#[test]
fn the_judges_know_the_classic_anomalies() {
    let (x, y) = (vec![b'x'], vec![b'y']);
    let start = Map::from([(x.clone(), b"0".to_vec()), (y.clone(), b"0".to_vec())]);
    let zero = || Some(b"0".to_vec());
    let skew = [
        vec![Step::Get(y.clone(), zero()), Step::Put(x.clone(), b"1".to_vec())],
        vec![Step::Get(x.clone(), zero()), Step::Put(y.clone(), b"2".to_vec())],
    ];
    let end = Map::from([(x.clone(), b"1".to_vec()), (y, b"2".to_vec())]);
    assert!(
        !fits_an_order(&start, &skew, &end)
            && fits_an_order(&start, &skew[..1], &{
                let mut end = end;
                end.insert(vec![b'y'], b"0".to_vec());
                end
            })
    );
    let skew = |second_read: Vec<u32>| {
        let first = Appends { number: 1, began: 0, ended: 2, read: vec![(1, vec![])], appended: vec![0] };
        let second = Appends { number: 2, began: 1, ended: 3, read: vec![(0, second_read)], appended: vec![1] };
        has_a_ring(dependencies(&[first, second], &[vec![1], vec![2]]))
    };
    assert!(skew(vec![]) && !skew(vec![1]));
    // A stale read: in some order, but not in that of time.
    let stale = |began| {
        let writer = Appends { number: 1, began: 0, ended: 1, read: vec![(0, vec![])], appended: vec![0] };
        let reader = Appends { number: 2, began, ended: 3, read: vec![(0, vec![])], appended: vec![] };
        has_a_ring(dependencies(&[writer, reader], &[vec![1]]))
    };
    assert!(stale(2) && !stale(0));
}

#[test]
fn transfers_between_accounts_keep_the_total() {
    const ACCOUNTS: usize = 8;
    for mode in [LockMode::Optimistic, LockMode::Pessimistic] {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), &Options { memtable_size: 16 << 10, ..Options::default() }).unwrap();
        (0..ACCOUNTS).for_each(|n| db.put(name(n), 100u32.to_le_bytes()).unwrap());
        let options = TransactionOptions { mode, lock_timeout_ms: 60_000, ..TransactionOptions::default() };
        let balance = |value: &[u8]| u32::from_le_bytes(value.try_into().unwrap());
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let (db, options) = (db.clone(), options.clone());
                thread::spawn(move || {
                    let mut rng = Rng::new(thread);
                    for _ in 0..300 {
                        let (from, to) = (rng.below(ACCOUNTS), rng.below(ACCOUNTS));
                        db.transact(&options, 10_000, |t| {
                            let has = balance(&t.get_for_update(name(from))?.unwrap());
                            if from == to || has == 0 {
                                return Ok(());
                            }
                            let other = balance(&t.get_for_update(name(to))?.unwrap());
                            t.put(name(from), (has - 1).to_le_bytes())?;
                            t.put(name(to), (other + 1).to_le_bytes())
                        })
                        .unwrap();
                        // Whoever looks, at any moment, sees all the money.
                        let total: u32 = contents(&db).values().map(|value| balance(value)).sum();
                        assert_eq!(total, 100 * ACCOUNTS as u32);
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(contents(&db).values().map(|value| balance(value)).sum::<u32>(), 100 * ACCOUNTS as u32);
    }
}
