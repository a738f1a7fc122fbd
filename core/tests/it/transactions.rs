//! Transactions, sentence by sentence: what conflicts and what does not, savepoints, ends. Reads of own writes are in
//! `own_writes`, key locks in `key_locks`, random histories in `histories`.

use esker::{
    Db, ErrorKind, FamilyOptions, Isolation, LockMode, Options, ReadOptions, Result, Transaction, TransactionOptions,
};
use tempfile::TempDir;

pub fn open() -> (TempDir, Db) {
    open_with(&Options::default())
}

pub fn open_with(options: &Options) -> (TempDir, Db) {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), options).unwrap();
    for key in ["b", "d", "f", "h", "j"] {
        db.put(key, "old").unwrap();
    }
    (dir, db)
}

fn serializable(db: &Db) -> Transaction {
    db.begin(&TransactionOptions::default()).unwrap()
}

fn snapshot(db: &Db) -> Transaction {
    db.begin(&TransactionOptions::snapshot()).unwrap()
}

#[track_caller]
pub fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

pub fn text(db: &Db, key: &str) -> Option<String> {
    db.get(key).unwrap().map(|value| String::from_utf8_lossy(&value).into_owned())
}

/// Runs `read` in a transaction that also writes, then `meanwhile` on the database; whether the commit conflicts.
#[track_caller]
fn conflicts(read: impl FnOnce(&Transaction), meanwhile: impl FnOnce(&Db)) -> bool {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    read(&t);
    t.put("z result", "1").unwrap();
    meanwhile(&db);
    match t.commit() {
        Ok(()) => {
            assert_eq!(text(&db, "z result").as_deref(), Some("1"));
            false
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert_eq!(text(&db, "z result"), None, "a transaction that failed left something behind");
            true
        }
    }
}

fn get(key: &'static str) -> impl FnOnce(&Transaction) {
    move |t| {
        t.get(key).unwrap();
    }
}

fn put(key: &'static str) -> impl FnOnce(&Db) {
    move |db| db.put(key, "new").unwrap()
}

#[test]
fn writes_appear_together_at_commit_and_not_before() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    t.put("a", "1").unwrap();
    t.delete("b").unwrap();
    assert_eq!((text(&db, "a"), text(&db, "b").as_deref()), (None, Some("old")));
    t.commit().unwrap();
    assert_eq!((text(&db, "a").as_deref(), text(&db, "b")), (Some("1"), None));
}

#[test]
fn it_reads_the_database_as_it_was_when_it_began() {
    let (_dir, db) = open();
    let t = serializable(&db);
    db.put("a", "later").unwrap();
    db.delete_range("a", "z").unwrap();
    db.flush().unwrap();
    db.compact_range(None, None).unwrap();
    assert_eq!(t.get("a").unwrap(), None);
    assert_eq!(t.get("b").unwrap().as_deref(), Some(&b"old"[..]));
    let all = t.multi_get(&["b", "c", "d"]).unwrap();
    assert_eq!(all.into_iter().filter(|value| value.as_ref().unwrap().is_some()).count(), 2);
}

#[test]
fn a_key_that_was_read_and_is_written_by_any_kind_of_write_conflicts() {
    assert!(conflicts(get("b"), put("b")));
    assert!(conflicts(get("b"), |db| db.delete("b").unwrap()));
    assert!(conflicts(get("b"), |db| db.delete_range("a", "c").unwrap()));
    assert!(conflicts(get("b"), |db| {
        let mut other = serializable(db);
        other.put("b", "new").unwrap();
        other.commit().unwrap();
    }));
    assert!(conflicts(
        |t| {
            t.multi_get(&["d", "b"]).unwrap();
        },
        put("b")
    ));
}

#[test]
fn a_key_that_was_found_absent_and_is_written_conflicts() {
    assert!(conflicts(get("c"), put("c")));
    assert!(conflicts(get("c"), |db| db.delete_range("a", "d").unwrap()));
}

#[test]
fn other_keys_do_not_conflict() {
    assert!(!conflicts(get("b"), put("c")));
    assert!(!conflicts(get("b"), put("b\0")));
    assert!(!conflicts(get("b"), |db| db.delete_range("c", "z").unwrap()));
    assert!(!conflicts(get("b"), |db| db.delete_range("a", "b").unwrap()));
    assert!(!conflicts(get("b"), |_| ()));
}

#[test]
fn a_conflict_outlives_a_flush_and_names_the_key() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    t.get("b").unwrap();
    t.put("x", "1").unwrap();
    db.put("b", "new").unwrap();
    db.flush().unwrap();
    let error = t.commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("\"b\""), "{error}");
}

/// Walks `steps` entries on from the first at or after `from`.
fn scan(from: &'static str, steps: usize) -> impl FnOnce(&Transaction) {
    move |t| {
        let mut iter = t.iter(&ReadOptions::new()).unwrap();
        iter.seek(from).unwrap();
        (0..steps).for_each(|_| iter.next().unwrap());
    }
}

/// Walks `steps` entries back from the last at or before `from`.
fn scan_back(from: &'static str, steps: usize) -> impl FnOnce(&Transaction) {
    move |t| {
        let mut iter = t.iter(&ReadOptions::new()).unwrap();
        iter.seek_for_prev(from).unwrap();
        (0..steps).for_each(|_| iter.prev().unwrap());
    }
}

#[test]
fn a_key_that_appears_in_a_scanned_range_is_a_phantom_and_conflicts() {
    assert!(conflicts(scan("a", 1), put("c")));
    assert!(conflicts(scan_back("e", 1), put("c")));
    assert!(conflicts(scan("a", 1), |db| db.delete_range("c", "ca").unwrap()));
    // A key that is there and goes, or changes.
    assert!(conflicts(scan("a", 1), |db| db.delete("d").unwrap()));
    assert!(conflicts(scan_back("e", 1), put("b")));
}

#[test]
fn a_range_reaches_from_the_target_to_the_last_position_seen() {
    // Forward from "c": on "d", then on "f".
    for (key, expected) in
        [("b", false), ("bz", false), ("c", true), ("e", true), ("f", true), ("f\0", false), ("g", false)]
    {
        let (before, after) = (scan("c", 1), put(key));
        assert_eq!(conflicts(before, after), expected, "forward, {key:?}");
    }
    // Backward from "g": on "f", then on "d".
    for (key, expected) in [("c", false), ("d", true), ("e", true), ("g", true), ("g\0", false), ("h", false)] {
        let (before, after) = (scan_back("g", 1), put(key));
        assert_eq!(conflicts(before, after), expected, "backward, {key:?}");
    }
    // A range delete counts where it overlaps.
    assert!(!conflicts(scan("c", 1), |db| db.delete_range("fa", "z").unwrap()));
    assert!(!conflicts(scan("c", 1), |db| db.delete_range("a", "c").unwrap()));
    assert!(conflicts(scan("c", 1), |db| db.delete_range("f", "fa").unwrap()));
    assert!(conflicts(scan("c", 1), |db| db.delete_range("a", "ca").unwrap()));
}

#[test]
fn a_range_that_ran_off_the_end_reaches_to_the_bound() {
    let off = |from: &'static str, lower: &'static str, upper: &'static str, back: bool| {
        move |t: &Transaction| {
            let options = ReadOptions::new().with_lower_bound(lower).with_upper_bound(upper);
            let mut iter = t.iter(&options).unwrap();
            if back { iter.seek_for_prev(from) } else { iter.seek(from) }.unwrap();
            while iter.valid() {
                if back { iter.prev() } else { iter.next() }.unwrap();
            }
        }
    };
    for (key, expected) in [("c", false), ("e", true), ("gz", true), ("h", false)] {
        assert_eq!(conflicts(off("d", "a", "h", false), put(key)), expected, "forward, {key:?}");
    }
    for (key, expected) in [("a", false), ("b", true), ("c", true), ("e", true), ("ea", false)] {
        assert_eq!(conflicts(off("e", "ab", "z", true), put(key)), expected, "backward, {key:?}");
    }
    // Without bounds, to the end of all keys; and from a target outside the bounds, from the bound.
    assert!(conflicts(scan("i", 5), put("zzz")));
    assert!(conflicts(scan_back("c", 5), put("")));
    assert!(conflicts(off("0", "c", "e", false), put("c")));
    assert!(!conflicts(off("0", "c", "e", false), put("b")));
    assert!(conflicts(off("z", "c", "e", true), put("dz")));
    assert!(!conflicts(off("z", "c", "e", true), put("e")));
}

#[test]
fn turning_round_and_seeking_again_adds_what_was_seen() {
    let walk = |t: &Transaction| {
        let mut iter = t.iter(&ReadOptions::new()).unwrap();
        iter.seek("f").unwrap();
        iter.prev().unwrap();
        iter.prev().unwrap();
        iter.next().unwrap();
        iter.seek_to_last().unwrap();
    };
    for (key, expected) in [("a", false), ("b", true), ("c", true), ("f", true), ("g", false), ("j", true), ("k", true)]
    {
        assert_eq!(conflicts(walk, put(key)), expected, "{key:?}");
    }
    let ends = |t: &Transaction| {
        let mut iter = t.iter(&ReadOptions::new().with_prefix("d")).unwrap();
        iter.seek_to_first().unwrap();
    };
    for (key, expected) in [("c", false), ("d", true), ("d0", false), ("e", false)] {
        assert_eq!(conflicts(ends, put(key)), expected, "{key:?}");
    }
    assert!(!conflicts(|t| drop(t.iter(&ReadOptions::new()).unwrap()), put("b")), "it saw nothing yet");
}

#[test]
fn an_iterator_that_still_lives_counts() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    let mut iter = t.iter(&ReadOptions::new()).unwrap();
    iter.seek_to_first().unwrap();
    t.put("z", "1").unwrap();
    db.put("a", "phantom").unwrap();
    assert_eq!(kind(t.commit()), ErrorKind::Conflict);
    iter.next().unwrap();
    assert_eq!(iter.key(), b"d", "it may outlive its transaction");
}

#[test]
fn blind_writes_do_not_conflict_under_serializable() {
    let (_dir, db) = open();
    let (mut first, mut second) = (serializable(&db), serializable(&db));
    first.put("b", "first").unwrap();
    second.put("b", "second").unwrap();
    second.delete_range("c", "e").unwrap();
    db.put("d", "plain").unwrap();
    first.commit().unwrap();
    second.commit().unwrap();
    assert_eq!((text(&db, "b").as_deref(), text(&db, "d")), (Some("second"), None));
}

#[test]
fn reading_what_it_wrote_itself_is_not_a_read_of_others() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    t.put("b", "mine").unwrap();
    t.delete_range("c", "e").unwrap();
    assert_eq!(t.get("b").unwrap().as_deref(), Some(&b"mine"[..]));
    assert_eq!(t.get("d").unwrap(), None);
    db.put("b", "theirs").unwrap();
    db.put("d", "theirs").unwrap();
    t.commit().unwrap();
    assert_eq!((text(&db, "b").as_deref(), text(&db, "d")), (Some("mine"), None));
}

#[test]
fn under_snapshot_isolation_the_first_committer_wins() {
    let clash = |mine: fn(&mut Transaction), theirs: fn(&Db)| {
        let (_dir, db) = open();
        let mut t = snapshot(&db);
        mine(&mut t);
        theirs(&db);
        t.commit().map_err(|error| error.kind())
    };
    let conflict = Err(ErrorKind::Conflict);
    assert_eq!(clash(|t| t.put("b", "1").unwrap(), |db| db.put("b", "2").unwrap()), conflict);
    assert_eq!(clash(|t| t.delete("b").unwrap(), |db| db.delete("b").unwrap()), conflict);
    assert_eq!(clash(|t| t.put("b", "1").unwrap(), |db| db.delete_range("a", "c").unwrap()), conflict);
    assert_eq!(clash(|t| t.delete_range("a", "c").unwrap(), |db| db.put("b", "2").unwrap()), conflict);
    assert_eq!(clash(|t| t.delete_range("a", "c").unwrap(), |db| db.delete_range("b", "z").unwrap()), conflict);
    assert_eq!(clash(|t| t.delete_range("a", "c").unwrap(), |db| db.put("c", "2").unwrap()), Ok(()));
    assert_eq!(clash(|t| t.put("b", "1").unwrap(), |db| db.put("c", "2").unwrap()), Ok(()));
    let rolled_back = |t: &mut Transaction| {
        t.set_savepoint().unwrap();
        t.put("b", "1").unwrap();
        t.rollback_to_savepoint().unwrap();
        t.put("x", "1").unwrap();
    };
    assert_eq!(clash(rolled_back, |db| db.put("b", "2").unwrap()), Ok(()));
}

#[test]
fn under_snapshot_isolation_reads_do_not_conflict_unless_they_are_for_update() {
    let (_dir, db) = open();
    let mut t = snapshot(&db);
    t.get("b").unwrap();
    scan("a", 9)(&t);
    t.put("x", "1").unwrap();
    db.put("b", "2").unwrap();
    t.commit().unwrap();
    let mut t = snapshot(&db);
    assert_eq!(t.get_for_update("b").unwrap().as_deref(), Some(&b"2"[..]));
    t.put("x", "2").unwrap();
    db.put("b", "3").unwrap();
    assert_eq!(kind(t.commit()), ErrorKind::Conflict);
}

/// Two doctors each go off call if the other is on.
fn write_skew(isolation: Isolation) -> (Result<()>, Result<()>) {
    let (_dir, db) = open();
    let options = TransactionOptions { isolation, ..TransactionOptions::default() };
    let (mut first, mut second) = (db.begin(&options).unwrap(), db.begin(&options).unwrap());
    assert!(first.get("d").unwrap().is_some() && second.get("b").unwrap().is_some());
    first.delete("b").unwrap();
    second.delete("d").unwrap();
    (first.commit(), second.commit())
}

#[test]
fn serializable_refuses_write_skew_and_snapshot_isolation_allows_it() {
    let (first, second) = write_skew(Isolation::Serializable);
    first.unwrap();
    assert_eq!(kind(second), ErrorKind::Conflict);
    let (first, second) = write_skew(Isolation::Snapshot);
    assert!(first.is_ok() && second.is_ok());
}

#[test]
fn a_transaction_that_wrote_nothing_never_conflicts() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    t.get("b").unwrap();
    scan("a", 9)(&t);
    t.set_savepoint().unwrap();
    t.put("x", "1").unwrap();
    t.rollback_to_savepoint().unwrap();
    db.delete_range("a", "z").unwrap();
    t.commit().unwrap();
    assert_eq!(text(&db, "x"), None);
}

#[test]
fn write_sets_that_were_dropped_for_memory_are_a_conflict_that_says_so() {
    let (_dir, db) = open_with(&Options { memory_budget: 1 << 20, ..Options::default() });
    let (mut reader, mut blind, mut idle) = (serializable(&db), serializable(&db), serializable(&db));
    reader.get("never written").unwrap();
    idle.get("never written").unwrap();
    reader.put("x", "1").unwrap();
    blind.put("y", "1").unwrap();
    for n in 0..20_000 {
        db.put(format!("{n:08}"), "v").unwrap();
        let held = if n % 1000 == 0 { db.stats().unwrap().number("recent_write_set_bytes").unwrap() } else { 0 };
        assert!(held <= 128 << 10, "{held} bytes of write sets");
    }
    let cache = || db.stats().unwrap().number("block_cache_capacity_bytes").unwrap();
    assert!(cache() < (512 - 64) << 10, "the block cache gives way");
    let mut young = serializable(&db);
    young.get("never written").unwrap();
    young.put("w", "1").unwrap();
    let error = reader.commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.message().contains("memory budget"), "{error}");
    blind.commit().unwrap();
    idle.commit().unwrap();
    young.commit().unwrap();
    assert_eq!((db.stats().unwrap().number("recent_write_set_bytes"), cache()), (Some(0), 512 << 10));
}

#[test]
fn write_sets_are_kept_only_while_a_transaction_is_open() {
    let (_dir, db) = open();
    let held = || {
        let stats = db.stats().unwrap();
        (stats.number("transactions").unwrap(), stats.number("recent_write_set_bytes").unwrap() > 0)
    };
    assert_eq!(held(), (0, false));
    let (old, mut new) = (serializable(&db), serializable(&db));
    db.put("k", "v").unwrap();
    assert_eq!(held(), (2, true));
    drop(old);
    assert_eq!(held(), (1, true));
    new.rollback().unwrap();
    assert_eq!(held(), (0, false));
    db.put("k", "v").unwrap();
    assert_eq!(held(), (0, false));
}

#[test]
fn a_read_set_over_its_limit_is_widened_and_never_forgotten() {
    let options = Options { memory_budget: 1 << 20, ..Options::default() };
    for (late, expected) in [("00000500", true), ("00000500x", true), ("z", false)] {
        let (_dir, db) = open_with(&options);
        let mut t = serializable(&db);
        (0..4_000).for_each(|n| drop(t.get(format!("{n:08}")).unwrap()));
        t.put("x", "1").unwrap();
        db.put(late, "v").unwrap();
        assert_eq!(t.commit().is_err(), expected, "{late}");
        assert_eq!(db.stats().unwrap().number("read_sets_widened_total"), Some(1));
    }
}

#[test]
fn savepoints_nest_and_take_back_writes_only() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    let value = |t: &Transaction, key: &str| t.get(key).unwrap().map(|value| value.to_vec());
    t.put("a", "1").unwrap();
    t.set_savepoint().unwrap();
    t.put("a", "2").unwrap();
    t.set_savepoint().unwrap();
    t.delete_range("a", "z").unwrap();
    assert_eq!((value(&t, "a"), value(&t, "b")), (None, None));
    t.rollback_to_savepoint().unwrap();
    assert_eq!((value(&t, "a"), value(&t, "b")), (Some(b"2".to_vec()), Some(b"old".to_vec())));
    t.rollback_to_savepoint().unwrap();
    assert_eq!(value(&t, "a"), Some(b"1".to_vec()));
    assert_eq!(kind(t.rollback_to_savepoint()), ErrorKind::NotFound);
    t.set_savepoint().unwrap();
    t.put("c", "3").unwrap();
    t.pop_savepoint().unwrap();
    assert_eq!(kind(t.pop_savepoint()), ErrorKind::NotFound);
    t.commit().unwrap();
    assert_eq!((text(&db, "a").as_deref(), text(&db, "c").as_deref()), (Some("1"), Some("3")));
    // "b" was read between two savepoints that are gone: it is still read.
    let mut t = serializable(&db);
    t.set_savepoint().unwrap();
    t.get("b").unwrap();
    t.put("x", "1").unwrap();
    t.rollback_to_savepoint().unwrap();
    t.put("y", "1").unwrap();
    db.put("b", "new").unwrap();
    assert_eq!(kind(t.commit()), ErrorKind::Conflict);
}

#[test]
fn a_finished_transaction_says_so() {
    let (_dir, db) = open();
    let finish: [fn(&mut Transaction); 3] = [
        |t| t.commit().unwrap(),
        |t| t.rollback().unwrap(),
        |t| {
            t.get("b").unwrap();
            t.put("x", "1").unwrap();
            t.commit().unwrap_err();
        },
    ];
    for finish in finish {
        let mut t = serializable(&db);
        t.get("b").unwrap();
        db.put("b", "new").unwrap();
        finish(&mut t);
        let results = [
            t.get("b").map(|_| ()),
            t.get_for_update("b").map(|_| ()),
            t.multi_get(&["b"]).map(|_| ()),
            t.iter(&ReadOptions::new()).map(|_| ()),
            t.put("b", "1"),
            t.delete("b"),
            t.delete_range("a", "b"),
            t.set_savepoint(),
            t.rollback_to_savepoint(),
            t.pop_savepoint(),
            t.commit(),
            t.rollback(),
        ];
        for result in results {
            let error = result.unwrap_err();
            assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidArgument, "the transaction is finished"));
        }
    }
}

#[test]
fn dropping_one_rolls_it_back() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    t.put("b", "never").unwrap();
    drop(t);
    assert_eq!(text(&db, "b").as_deref(), Some("old"));
}

#[test]
fn after_close_every_call_answers_closed() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    t.put("b", "1").unwrap();
    let mut iter = t.iter(&ReadOptions::new()).unwrap();
    iter.seek_to_first().unwrap();
    db.close().unwrap();
    assert_eq!(kind(t.get("b")), ErrorKind::Closed);
    assert_eq!(kind(t.put("b", "2")), ErrorKind::Closed);
    assert_eq!(kind(iter.next()), ErrorKind::Closed);
    assert_eq!(kind(t.commit()), ErrorKind::Closed);
    assert_eq!(kind(db.begin(&TransactionOptions::default())), ErrorKind::Closed);
    drop(t);
}

#[test]
fn what_cannot_be_done_is_refused_at_once() {
    let (_dir, db) = open();
    let mut t = serializable(&db);
    assert_eq!(kind(t.delete_range("z", "a")), ErrorKind::InvalidArgument);
    t.delete_range("b", "b").unwrap();
    assert_eq!(kind(t.put(vec![0; (8 << 20) + 1], "v")), ErrorKind::InvalidArgument);
    let old = ReadOptions::new().with_snapshot(&db.snapshot().unwrap());
    assert_eq!(kind(t.iter(&old)), ErrorKind::InvalidArgument);
    let mut iter = t.iter(&ReadOptions::new()).unwrap();
    assert_eq!(kind(iter.refresh()), ErrorKind::InvalidArgument);
    t.commit().unwrap();
}

#[test]
fn transactions_span_families() {
    let (_dir, db) = open();
    let stock = db.create_family("stock", &FamilyOptions::default()).unwrap();
    let gone = db.create_family("gone", &FamilyOptions::default()).unwrap();
    let mut t = serializable(&db);
    t.put_in(&stock, "b", "7").unwrap();
    t.delete("b").unwrap();
    assert_eq!((t.get_in(&stock, "b").unwrap().as_deref(), t.get("b").unwrap()), (Some(&b"7"[..]), None));
    t.commit().unwrap();
    let value = db.get_in(&stock, "b", &ReadOptions::new()).unwrap();
    assert_eq!((value.as_deref(), text(&db, "b")), (Some(&b"7"[..]), None));
    // The same key of another family is another key.
    let mut t = serializable(&db);
    t.get_in(&stock, "b").unwrap();
    t.put("x", "1").unwrap();
    db.put("b", "new").unwrap();
    t.commit().unwrap();
    // Dropping a family changes all of its keys.
    let mut t = serializable(&db);
    t.get_in(&gone, "b").unwrap();
    t.put("x", "2").unwrap();
    db.drop_family(&gone).unwrap();
    assert_eq!(kind(t.commit()), ErrorKind::Conflict);
    assert_eq!(kind(serializable(&db).put_in(&gone, "k", "v")), ErrorKind::InvalidArgument);
}

#[test]
fn transact_tries_again_after_a_conflict_and_only_then() {
    let (_dir, db) = open();
    let options = TransactionOptions::default();
    let mut tries = 0;
    let sum = db.transact(&options, 5, |t| {
        tries += 1;
        let read = t.get("b")?.map_or(0, |value| value.len());
        if tries < 3 {
            db.put("b", "x".repeat(tries))?;
        }
        t.put("sum", read.to_string())?;
        Ok(read)
    });
    assert_eq!((sum.unwrap(), tries, text(&db, "sum").as_deref()), (2, 3, Some("2")));
    let always = db.transact(&options, 2, |t| {
        tries += 1;
        t.get("b")?;
        db.put("b", "again")?;
        t.put("never", "1")
    });
    assert_eq!((kind(always), tries), (ErrorKind::Conflict, 6));
    let own: Result<()> = db.transact(&options, 2, |_| Err(esker::Error::invalid("no")));
    assert_eq!((kind(own), text(&db, "never")), (ErrorKind::InvalidArgument, None));
}

#[test]
fn options_go_by_name() {
    let mut options = TransactionOptions::default();
    for (name, default, other) in [
        ("isolation", "serializable", "snapshot"),
        ("mode", "optimistic", "pessimistic"),
        ("lock_timeout_ms", "1000", "5"),
        ("durability", "default", "sync"),
    ] {
        assert_eq!(options.get(name).unwrap(), default);
        options.set(name, other).unwrap();
        assert_eq!(options.get(name).unwrap(), other);
        assert_eq!(kind(options.set(name, "of course")), ErrorKind::InvalidArgument);
    }
    assert_eq!((options.isolation, options.mode), (Isolation::Snapshot, LockMode::Pessimistic));
    assert_eq!(TransactionOptions::settings().len(), 4);
}
