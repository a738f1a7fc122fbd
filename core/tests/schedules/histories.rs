//! Transactions on three threads that read and append to the same lists, beside flushes and compactions: those that commit
//! must fit an order, which the judge of `it/histories.rs` tells from what they read. Under snapshot isolation some must not, or this
//! explores nothing.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use shuttle::thread;

use esker::{Durability, ErrorKind, Isolation, LockMode, ReadOptions, Result, Transaction, TransactionOptions};

use crate::explore::{dice, explore};
use crate::judge::{Appends, dependencies, has_a_ring, list, name};
use crate::rng::Rng;
use crate::world::create;

const LISTS: usize = 3;
const THREADS: u32 = 3;
const EACH: u32 = 2;

/// Transactions that committed, of all schedules, so that a run in which none does is noticed.
static COMMITTED: AtomicUsize = AtomicUsize::new(0);
static CONFLICTS: AtomicUsize = AtomicUsize::new(0);

/// One try of a transaction that reads some lists, singly or by a scan, and appends to some.
fn append(rng: &mut Rng, t: &mut Transaction, number: u32) -> Result<Appends> {
    let mut done = Appends { number, began: 0, ended: 0, read: Vec::new(), appended: Vec::new() };
    for _ in 0..1 + rng.below(2) {
        let one = rng.below(LISTS);
        if rng.chance(30) {
            let mut lists = vec![Vec::new(); LISTS];
            let mut iter = t.iter(&ReadOptions::new().with_prefix("list "))?;
            iter.seek_to_first()?;
            while iter.valid() {
                lists[usize::from(iter.key()[5] - b'0')] = list(iter.value());
                iter.next()?;
            }
            done.read.extend(lists.into_iter().enumerate());
        } else {
            done.read.push((one, t.get(name(one))?.map_or(Vec::new(), |value| list(&value))));
        }
    }
    for one in 0..LISTS {
        if rng.chance(40) {
            let mut value = t.get_for_update(name(one))?.map_or(Vec::new(), |value| value.to_vec());
            done.read.push((one, list(&value)));
            value.extend_from_slice(&number.to_le_bytes());
            t.put(name(one), value)?;
            done.appended.push(one);
        }
    }
    Ok(done)
}

/// One history; whether it has an order.
fn history(options: &TransactionOptions) -> bool {
    let mut rng = dice();
    let (_disk, db) = create(rng.next());
    // The machine's, so that to note a time is no step.
    let clock = Arc::new(AtomicU64::new(0));
    let committed = Arc::new(Mutex::new(Vec::new()));
    let mut threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (db, options, mut rng) = (db.clone(), options.clone(), dice());
            let (clock, committed) = (clock.clone(), committed.clone());
            thread::spawn(move || {
                for n in 0..EACH {
                    let began = clock.fetch_add(1, Ordering::SeqCst);
                    let mut t = db.begin(&options).unwrap();
                    let outcome = append(&mut rng, &mut t, 1 + thread * EACH + n);
                    match outcome.and_then(|done| t.commit().map(|()| done)) {
                        Ok(done) => {
                            let ended = clock.fetch_add(1, Ordering::SeqCst);
                            committed.lock().unwrap().push(Appends { began, ended, ..done });
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                            CONFLICTS.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            })
        })
        .collect();
    let beside = db.clone();
    threads.push(thread::spawn(move || beside.compact_range(None, None).unwrap()));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let lists: Vec<_> = (0..LISTS).map(|key| db.get(name(key)).unwrap().map_or(Vec::new(), |v| list(&v))).collect();
    db.close().unwrap();
    let committed = std::mem::take(&mut *committed.lock().unwrap());
    COMMITTED.fetch_add(committed.len(), Ordering::Relaxed);
    !has_a_ring(dependencies(&committed, &lists))
}

fn options(isolation: Isolation, mode: LockMode) -> TransactionOptions {
    TransactionOptions { isolation, mode, lock_timeout_ms: 60_000, durability: Some(Durability::None) }
}

#[test]
fn serializable_histories_have_an_order() {
    explore("optimistic_histories", 100, || {
        assert!(history(&options(Isolation::Serializable, LockMode::Optimistic)), "a ring of dependencies");
    });
    explore("pessimistic_histories", 100, || {
        assert!(history(&options(Isolation::Serializable, LockMode::Pessimistic)), "a ring of dependencies");
    });
    let (committed, conflicts) = (COMMITTED.load(Ordering::Relaxed), CONFLICTS.load(Ordering::Relaxed));
    assert!(committed > 100 && conflicts > 20, "{committed} committed, {conflicts} not: dull");
}

#[test]
fn histories_under_snapshot_isolation_have_none_and_the_judge_sees_it() {
    static RINGS: AtomicUsize = AtomicUsize::new(0);
    explore("snapshot_histories", 200, || {
        if !history(&options(Isolation::Snapshot, LockMode::Optimistic)) {
            RINGS.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert!(RINGS.load(Ordering::Relaxed) > 0, "no anomaly was met");
}
