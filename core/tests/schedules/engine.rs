//! Everything at once: two writers over two families, a reader with snapshots, flushes and compactions asked for, a family that comes
//! and goes; then a close, and the same answers from what is on disk.

use shuttle::thread;

use esker::{Db, FamilyOptions, Options, ReadOptions, WriteOptions};

use crate::explore::{dice, explore};
use crate::ledger::Ledger;
use crate::rng::Rng;
use crate::world::{
    Habits, check_all, contents, create_with, families, look, open, open_to_read, options, tables_on, write,
};

const WRITERS: usize = 2;

#[test]
fn everything_at_once() {
    explore("everything_at_once", 150, || {
        let mut rng = dice();
        // Mostly small, over memtables that hold hardly anything; some over such as one family fills long before the other; now and then so
        // large that the log goes through several segments.
        let (sizes, memtable_size) =
            *rng.pick(&[([100; 2], 1 << 10), ([100; 2], 1 << 10), ([2_000, 20], 6 << 10), ([9_000; 2], 1 << 10)]);
        let (disk, db) = create_with(rng.next(), &Options { memtable_size, ..options() });
        let ledger = Ledger::new(WRITERS);
        let mut threads = Vec::new();
        for writer in 0..WRITERS {
            let habits = Habits { count: 3 + rng.below(6), sizes, unlogged: true };
            let (db, ledger, rng) = (db.clone(), ledger.clone(), dice());
            let families = families(&db);
            threads.push(thread::spawn(move || write(&db, &families, &ledger, writer, habits, rng)));
        }
        let reader = (db.clone(), ledger.clone(), dice());
        threads.push(thread::spawn(move || {
            let (db, ledger, mut rng) = reader;
            let families = families(&db);
            for _ in 0..2 {
                look(&db, &families, &ledger, rng.below(WRITERS)).expect("nothing closes it");
            }
        }));
        let other = (db.clone(), dice());
        let busy: fn(&Db, Rng) = *rng.pick(&[maintain as fn(&Db, Rng), come_and_go]);
        threads.push(thread::spawn(move || busy(&other.0, other.1)));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let least = ledger.acknowledged();
        check_all(&db, &ledger, &least);
        db.compact_range(None, None).unwrap();
        check_all(&db, &ledger, &least);
        db.close().unwrap();
        let db = open(&disk);
        check_all(&db, &ledger, &least);
        db.close().unwrap();
        drop(db);
        // Nobody held a table at the close, so those on disk are those on record.
        let db = open_to_read(&disk);
        check_all(&db, &ledger, &least);
        let live = db.stats().unwrap().number("live_tables");
        assert_eq!(Some(tables_on(&disk).len() as u64), live, "tables that nobody needs were left behind");
    });
}

/// Flushes and compacts beside what runs by itself.
fn maintain(db: &Db, mut rng: Rng) {
    let families = families(db);
    for _ in 0..2 {
        let family = rng.pick(&families);
        match rng.below(4) {
            0 => db.flush().unwrap(),
            1 => db.flush_family(family).unwrap(),
            2 => db.compact_range_in(family, Some(b"w1"), None).unwrap(),
            _ => db.compact_range_in(family, None, None).unwrap(),
        }
    }
}

/// A family comes, is written to and flushed, and goes, under the eyes of a snapshot.
fn come_and_go(db: &Db, mut rng: Rng) {
    let family = db.create_family("passing", &FamilyOptions::default()).unwrap();
    for n in 0..4 {
        db.put_in(&family, format!("k{n}"), [b'v'; 200], &WriteOptions::new()).unwrap();
    }
    let snapshot = db.snapshot().unwrap();
    let options = ReadOptions::new().with_snapshot(&snapshot);
    let seen = contents(db, &family, &options).unwrap();
    assert_eq!(seen.len(), 4);
    if rng.chance(50) {
        db.flush_family(&family).unwrap();
    }
    db.drop_family(&family).unwrap();
    assert!(db.put_in(&family, "k", "v", &WriteOptions::new()).is_err());
    assert_eq!(contents(db, &family, &options).unwrap(), seen, "the snapshot is from before the drop");
}
