//! T5b over families: writers, by batch and by transaction, keep two families equal and count what they did in a third, by merges;
//! readers never see them differ, flushes and compactions of single families run beside them, and nothing is lost or counted
//! twice by a reopening.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use esker::{
    ColumnFamily, Db, Durability, ErrorKind, FamilyOptions, Options, ReadOptions, TransactionOptions, WriteBatch,
    WriteOptions,
};

use crate::support::rng::{Rng, seed_or};
use crate::support::sets::tiny_options;

const WRITERS: u64 = 3;
const ROUNDS: u64 = 2_000;
const KEYS: usize = 60;

struct Families {
    left: ColumnFamily,
    right: ColumnFamily,
    counts: ColumnFamily,
}

impl Families {
    fn find(db: &Db) -> Families {
        let of = |name| db.family(name).unwrap();
        Families { left: of("left"), right: of("right"), counts: of("counts") }
    }

    fn count(&self, db: &Db, options: &ReadOptions) -> u64 {
        let bytes = db.get_in(&self.counts, "commits", options).unwrap();
        bytes.map_or(0, |bytes| u64::from_le_bytes(bytes[..].try_into().unwrap()))
    }
}

/// How many commits were acknowledged.
fn write(db: &Db, seed: u64) -> u64 {
    let (families, mut rng, mut done) = (Families::find(db), Rng::new(seed), 0);
    for round in 0..ROUNDS {
        let (key, value) = (format!("{:03}", rng.below(KEYS)), format!("{seed}/{round}/{}", "x".repeat(rng.below(80))));
        let one = 1u64.to_le_bytes();
        if rng.chance(30) {
            let mut transaction = db.begin(&TransactionOptions::default()).unwrap();
            let before = transaction.get_in(&families.left, &key).unwrap();
            assert_eq!(before, transaction.get_in(&families.right, &key).unwrap(), "within a transaction");
            transaction.put_in(&families.left, &key, &value).unwrap();
            transaction.put_in(&families.right, &key, &value).unwrap();
            transaction.merge_in(&families.counts, "commits", one).unwrap();
            match transaction.commit() {
                Ok(()) => done += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
            continue;
        }
        let mut batch = WriteBatch::new();
        for family in [&families.left, &families.right] {
            match round % 7 {
                0 => batch.delete_in(family.id(), key.as_bytes()).unwrap(),
                1 => batch.delete_range_in(family.id(), key.as_bytes(), b"9").unwrap(),
                _ => batch.put_in(family.id(), key.as_bytes(), value.as_bytes()).unwrap(),
            }
        }
        batch.merge_in(families.counts.id(), b"commits", &one).unwrap();
        let durability = [Durability::Buffered, Durability::Sync][usize::from(rng.chance(2))];
        db.write_with(&batch, &WriteOptions::default().durability(durability)).unwrap();
        done += 1;
    }
    done
}

fn contents(db: &Db, family: &ColumnFamily, options: &ReadOptions) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut iter = db.iter_in(family, options).unwrap();
    iter.seek_to_first().unwrap();
    let mut all = Vec::new();
    while iter.valid() {
        all.push((iter.key().to_vec(), iter.value().to_vec()));
        iter.next().unwrap();
    }
    all
}

fn read(db: &Db, done: &AtomicBool) {
    let families = Families::find(db);
    let mut last = 0;
    while !done.load(Ordering::Relaxed) {
        let snapshot = db.snapshot().unwrap();
        let options = ReadOptions::default().with_snapshot(&snapshot);
        assert_eq!(contents(db, &families.left, &options), contents(db, &families.right, &options));
        let count = families.count(db, &options);
        assert!(count >= last, "a counter went back from {last} to {count}");
        last = count;
    }
}

fn disturb(db: &Db, done: &AtomicBool) {
    let families = Families::find(db);
    let mut rng = Rng::new(99);
    while !done.load(Ordering::Relaxed) {
        let family = [&families.left, &families.right, &families.counts][rng.below(3)];
        match rng.below(3) {
            0 => db.flush_family(family).unwrap(),
            1 => db.compact_range_in(family, None, None).unwrap(),
            _ => thread::yield_now(),
        }
    }
}

#[test]
fn two_families_stay_equal_and_every_commit_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { memtable_size: 32 << 10, ..tiny_options() };
    let db = Db::open(dir.path(), &options).unwrap();
    for name in ["left", "right"] {
        db.create_family(name, &FamilyOptions::default()).unwrap();
    }
    db.create_family("counts", &FamilyOptions::default().with_merge_operator("add_u64")).unwrap();
    let (done, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let others = [scope.spawn(|| read(&db, &done)), scope.spawn(|| disturb(&db, &done))];
        let writers: Vec<_> = (0..WRITERS)
            .map(|seed| {
                scope.spawn({
                    let db = &db;
                    move || write(db, seed_or(0).wrapping_add(seed))
                })
            })
            .collect();
        for writer in writers {
            acknowledged.fetch_add(writer.join().unwrap(), Ordering::Relaxed);
        }
        done.store(true, Ordering::Relaxed);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
    for reopened in [false, true] {
        let db = if reopened { Db::open(dir.path(), &options).unwrap() } else { db.clone() };
        let (families, now) = (Families::find(&db), ReadOptions::default());
        assert_eq!(families.count(&db, &now), acknowledged.load(Ordering::Relaxed), "reopened: {reopened}");
        assert_eq!(contents(&db, &families.left, &now), contents(&db, &families.right, &now));
        db.close().unwrap();
    }
}
