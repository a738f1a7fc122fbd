//! Pessimistic transactions: who waits for whom, and how every wait ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use esker::{Db, Environment, ErrorKind, Options, Result, Transaction, TransactionOptions};

use crate::transactions::{kind, open, open_with, text};

/// Long enough that no test meets it.
const PATIENT: u64 = 600_000;

fn pessimistic(db: &Db) -> Transaction {
    db.begin(&TransactionOptions { lock_timeout_ms: PATIENT, ..TransactionOptions::pessimistic() }).unwrap()
}

fn impatient(db: &Db) -> Transaction {
    db.begin(&TransactionOptions { lock_timeout_ms: 0, ..TransactionOptions::pessimistic() }).unwrap()
}

/// Runs `work` on a thread of its own; returns when it waits for a key.
fn until_it_waits<T: Send + 'static>(db: &Db, work: impl FnOnce(&Db) -> T + Send + 'static) -> thread::JoinHandle<T> {
    let waits = || db.stats().unwrap().number("key_lock_waits_total").unwrap();
    let before = waits();
    let handle = {
        let db = db.clone();
        thread::spawn(move || work(&db))
    };
    while waits() == before {
        assert!(!handle.is_finished(), "it did not wait");
        thread::yield_now();
    }
    handle
}

#[test]
fn plain_writes_of_every_kind_wait_for_a_key_that_is_held() {
    let writes: [fn(&Db) -> Result<()>; 4] = [
        |db| db.put("b", "plain"),
        |db| db.delete("b"),
        |db| db.delete_range("a", "c"),
        |db| {
            let mut batch = esker::WriteBatch::new();
            batch.put(b"a", b"plain")?;
            batch.put(b"b", b"plain")?;
            db.write(&batch)
        },
    ];
    for write in writes {
        let (_dir, db) = open();
        let mut t = pessimistic(&db);
        assert_eq!(t.get_for_update("b").unwrap().as_deref(), Some(&b"old"[..]));
        let waiting = until_it_waits(&db, write);
        assert_eq!(text(&db, "b").as_deref(), Some("old"));
        // Other keys are free, and so are the ends of a range that does not reach it.
        db.put("c", "1").unwrap();
        db.delete_range("a", "b").unwrap();
        t.put("b", "mine").unwrap();
        t.commit().unwrap();
        waiting.join().unwrap().unwrap();
        assert_ne!(text(&db, "b").as_deref(), Some("mine"), "the plain write came second");
        assert_eq!(db.stats().unwrap().number("key_locks"), Some(0));
    }
}

#[test]
fn the_commit_of_an_optimistic_transaction_waits_too_and_is_validated_after_its_wait() {
    let (_dir, db) = open();
    let mut t = pessimistic(&db);
    t.put("b", "mine").unwrap();
    let waiting = until_it_waits(&db, |db| {
        let mut other = db.begin(&TransactionOptions::default()).unwrap();
        other.get("b").unwrap();
        other.put("b", "theirs").unwrap();
        other.commit()
    });
    t.commit().unwrap();
    assert_eq!(kind(waiting.join().unwrap()), ErrorKind::Conflict);
    assert_eq!(text(&db, "b").as_deref(), Some("mine"));
}

#[test]
fn after_a_granted_lock_and_an_unchanged_read_commit_does_not_conflict() {
    let (_dir, db) = open();
    let mut t = pessimistic(&db);
    db.put("b", "new").unwrap();
    // The latest commit, though the transaction began before it; and plain reads of the key follow.
    assert_eq!(t.get("d").unwrap().as_deref(), Some(&b"old"[..]));
    assert_eq!(t.get_for_update("b").unwrap().as_deref(), Some(&b"new"[..]));
    assert_eq!(t.get("b").unwrap().as_deref(), Some(&b"new"[..]));
    t.put("b", "mine").unwrap();
    t.commit().unwrap();
    assert_eq!(text(&db, "b").as_deref(), Some("mine"));
    // So also under snapshot isolation.
    let options = TransactionOptions { lock_timeout_ms: 0, ..TransactionOptions::pessimistic() };
    let mut t = db.begin(&TransactionOptions { isolation: esker::Isolation::Snapshot, ..options }).unwrap();
    db.put("b", "newer").unwrap();
    assert_eq!(t.get_for_update("b").unwrap().as_deref(), Some(&b"newer"[..]));
    t.put("b", "mine").unwrap();
    t.commit().unwrap();
}

#[test]
fn what_was_read_without_a_lock_is_validated_as_ever() {
    let (_dir, db) = open();
    let mut t = pessimistic(&db);
    t.get("b").unwrap();
    db.put("b", "new").unwrap();
    assert_eq!(t.get_for_update("b").unwrap().as_deref(), Some(&b"new"[..]));
    t.put("b", "mine").unwrap();
    assert_eq!(kind(t.commit()), ErrorKind::Conflict, "it has seen two values of one key");
}

#[test]
fn reads_of_two_moments_are_validated_even_if_nothing_is_written() {
    // A transfer from "b" to "d" between the plain read of one and the locked read of the other.
    let (_dir, db) = open();
    let mut t = pessimistic(&db);
    assert_eq!(t.get("b").unwrap().as_deref(), Some(&b"old"[..]));
    let mut batch = esker::WriteBatch::new();
    batch.put(b"b", b"less").unwrap();
    batch.put(b"d", b"more").unwrap();
    db.write(&batch).unwrap();
    assert_eq!(t.get_for_update("d").unwrap().as_deref(), Some(&b"more"[..]));
    assert_eq!(kind(t.commit()), ErrorKind::Conflict);
    // With nothing but the locked read, or nothing but plain ones, it saw one moment.
    let (mut locked, mut plain) = (pessimistic(&db), pessimistic(&db));
    plain.get("b").unwrap();
    db.write(&batch).unwrap();
    locked.get_for_update("d").unwrap();
    locked.commit().unwrap();
    plain.commit().unwrap();
}

#[test]
fn a_wait_that_lasts_too_long_is_busy() {
    let (_dir, db) = open_with(&Options { stall_timeout_ms: 1, ..Options::default() });
    let mut holder = pessimistic(&db);
    holder.put("b", "1").unwrap();
    let error = impatient(&db).get_for_update("b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.message().contains("\"b\""), "{error}");
    let options = TransactionOptions { lock_timeout_ms: 3, ..TransactionOptions::pessimistic() };
    assert_eq!(kind(db.begin(&options).unwrap().put("b", "2")), ErrorKind::Busy);
    assert_eq!(kind(db.put("b", "2")), ErrorKind::Busy);
    assert_eq!(text(&db, "b").as_deref(), Some("old"));
    // Whoever gave up is not in anybody's way, and may ask again.
    let mut other = impatient(&db);
    assert_eq!(kind(other.put("b", "3")), ErrorKind::Busy);
    holder.rollback().unwrap();
    other.put("b", "3").unwrap();
    other.commit().unwrap();
    assert_eq!(text(&db, "b").as_deref(), Some("3"));
}

#[test]
fn every_end_gives_the_locks_back() {
    let (_dir, db) = open();
    let ends: [fn(Transaction); 4] = [
        |mut t| t.commit().unwrap(),
        |mut t| t.rollback().unwrap(),
        drop,
        |mut t| {
            t.get("j").unwrap();
            t.put("x", "1").unwrap();
            // The commit fails; its locks go all the same.
            assert!(t.commit().is_err());
        },
    ];
    for (n, end) in ends.into_iter().enumerate() {
        let mut t = pessimistic(&db);
        t.put("b", n.to_string()).unwrap();
        t.get_for_update("absent").unwrap();
        t.delete("d").unwrap();
        assert_eq!(db.stats().unwrap().number("key_locks"), Some(3));
        db.put("j", n.to_string()).unwrap();
        end(t);
        assert_eq!(db.stats().unwrap().number("key_locks"), Some(0));
        impatient(&db).put("b", "free").unwrap();
    }
}

#[test]
fn a_deadlock_is_a_conflict_for_the_one_who_would_close_the_ring() {
    let (_dir, db) = open();
    let mut first = pessimistic(&db);
    first.put("b", "1").unwrap();
    let (locked, is_locked) = mpsc::channel();
    let second = until_it_waits(&db, {
        move |db| {
            let mut second = pessimistic(db);
            second.put("d", "2").unwrap();
            locked.send(()).unwrap();
            second.put("b", "2").unwrap();
            second.commit()
        }
    });
    is_locked.recv().unwrap();
    let error = first.get_for_update("d").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("deadlock"), "{error}");
    first.rollback().unwrap();
    second.join().unwrap().unwrap();
    assert_eq!((text(&db, "b").as_deref(), text(&db, "d").as_deref()), (Some("2"), Some("2")));
}

#[test]
fn a_ring_of_three_and_one_closed_by_a_commit_are_found_too() {
    let (_dir, db) = open();
    let mut first = pessimistic(&db);
    first.put("b", "1").unwrap();
    let chain = |mine: &'static str, next: &'static str| {
        move |db: &Db| {
            let mut t = pessimistic(db);
            t.put(mine, "x").unwrap();
            t.put(next, "x").unwrap();
            t.commit()
        }
    };
    let second = until_it_waits(&db, chain("d", "b"));
    let third = until_it_waits(&db, chain("f", "d"));
    assert_eq!(kind(first.put("f", "1")), ErrorKind::Conflict);
    // A range delete takes no locks; its commit waits for keys in it, as part of the same rings.
    first.delete_range("e", "g").unwrap();
    let error = first.commit().unwrap_err();
    assert!(error.kind() == ErrorKind::Conflict && error.message().contains("deadlock"), "{error}");
    second.join().unwrap().unwrap();
    third.join().unwrap().unwrap();
}

#[test]
fn close_ends_every_wait() {
    let (_dir, db) = open();
    let mut t = pessimistic(&db);
    t.put("b", "1").unwrap();
    let plain = until_it_waits(&db, |db| db.put("b", "2"));
    let locked = until_it_waits(&db, |db| pessimistic(db).put("b", "3"));
    db.close().unwrap();
    assert_eq!(kind(plain.join().unwrap()), ErrorKind::Closed);
    assert_eq!(kind(locked.join().unwrap()), ErrorKind::Closed);
    assert_eq!(kind(t.commit()), ErrorKind::Closed);
}

#[test]
fn who_waits_for_a_key_gets_it_in_turn() {
    let (_dir, db) = open();
    let mut t = pessimistic(&db);
    t.put("b", "0").unwrap();
    let (done, order) = mpsc::channel();
    let waiting: Vec<_> = (1..=4)
        .map(|n| {
            let done = done.clone();
            until_it_waits(&db, move |db| {
                if n == 2 {
                    db.put("b", n.to_string()).unwrap();
                    return done.send(n).unwrap();
                }
                let mut t = pessimistic(db);
                t.get_for_update("b").unwrap();
                done.send(n).unwrap();
                t.put("b", n.to_string()).unwrap();
                t.commit().unwrap();
            })
        })
        .collect();
    t.commit().unwrap();
    waiting.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(text(&db, "b").as_deref(), Some("4"));
    let mut order: Vec<i32> = order.try_iter().collect();
    // A plain write says so only after its key was free for the next one.
    order.retain(|n| *n != 2);
    assert_eq!(order, [1, 3, 4]);
}

#[test]
fn counters_under_locks_lose_nothing_and_never_conflict() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 200;
    let (_dir, db) = open();
    let counters: Vec<_> = (0..THREADS)
        .map(|n| {
            let db = db.clone();
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    let mut t = pessimistic(&db);
                    let count = t.get_for_update("count").unwrap().map_or(0, |value| value.len());
                    t.put("count", vec![b'x'; count + 1]).unwrap();
                    t.put(format!("thread {n}"), "was here").unwrap();
                    t.commit().unwrap();
                }
            })
        })
        .collect();
    counters.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(db.get("count").unwrap().unwrap().len(), THREADS * ROUNDS);
}

/// Whether the calls of the next test should give up.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

#[test]
fn a_wait_that_is_interrupted_changes_nothing_and_the_line_goes_on() {
    let environment =
        Environment { interrupted: Some(|| INTERRUPTED.load(Ordering::Acquire)), ..Environment::system() };
    let dir = tempfile::tempdir().unwrap();
    let options =
        Options { memtable_size: 64 << 10, l0_compaction_trigger: 2, l0_stall_trigger: 2, ..Options::default() };
    let db = Db::open_in(environment, dir.path(), &options).unwrap();
    let mut holder = pessimistic(&db);
    holder.put("b", "mine").unwrap();
    let calls: [fn(&Db) -> Result<()>; 3] = [
        |db| db.put("b", "plain"),
        |db| pessimistic(db).put("b", "theirs"),
        |db| pessimistic(db).get_for_update("b").map(|_| ()),
    ];
    let waiting: Vec<_> = calls.into_iter().map(|call| until_it_waits(&db, call)).collect();
    INTERRUPTED.store(true, Ordering::Release);
    for thread in waiting {
        assert_eq!(kind(thread.join().unwrap()), ErrorKind::Cancelled);
    }
    // A write that is faster than the background soon has to wait for it.
    let stalled = (0..10_000).map(|n: u32| db.put(n.to_be_bytes(), [7; 32 << 10])).find(Result::is_err);
    assert_eq!(kind(stalled.unwrap()), ErrorKind::Cancelled);
    INTERRUPTED.store(false, Ordering::Release);
    let last = until_it_waits(&db, |db| db.put("b", "plain"));
    holder.commit().unwrap();
    last.join().unwrap().unwrap();
    assert_eq!(text(&db, "b").as_deref(), Some("plain"));
    assert_eq!(db.stats().unwrap().number("key_locks"), Some(0));
}
