//! A database on a simulated disk with threads of its own, small enough that a few writes cross every boundary; and what the
//! threads of a test do to it.

use std::path::Path;
use std::sync::Arc;

use esker::env::clock::TestClock;
use esker::env::sim_fs::SimFs;
use esker::{
    ColumnFamily, Db, Durability, Environment, Error, ErrorKind, Executor, FamilyOptions, Options, ReadOptions,
    Snapshot, WriteOptions,
};

use crate::ledger::{Held, Least, Ledger, Map, Write};
use crate::rng::Rng;

pub const DIR: &str = "/db";

pub fn options() -> Options {
    Options {
        memory_budget: 1 << 20,
        memtable_size: 1 << 10,
        block_size: 256,
        target_file_size: 1 << 10,
        level_base_size: 4 << 10,
        level_size_multiplier: 2,
        l0_compaction_trigger: 2,
        l0_stall_trigger: 4,
        wal_segment_size: 64 << 10,
        manifest_rotate_size: 4 << 10,
        max_open_files: 8,
        background_threads: 1,
        ..Options::default()
    }
}

/// Opens what is on `disk`, with background threads.
pub fn open(disk: &SimFs) -> Db {
    open_with(disk, DIR, &options())
}

/// Opens what is on `disk` so that nothing changes there.
pub fn open_to_read(disk: &SimFs) -> Db {
    open_with(disk, DIR, &Options { read_only: true, ..options() })
}

/// Opens the checkpoint in `dir`.
pub fn open_copy(disk: &SimFs, dir: &str) -> Db {
    open_with(disk, dir, &Options { create_if_missing: false, ..options() })
}

fn open_with(disk: &SimFs, dir: &str, options: &Options) -> Db {
    let environment = Environment {
        fs: Arc::new(disk.clone()),
        clock: Arc::new(TestClock::at(1_000)),
        executor: Executor::Threads,
        interrupted: None,
    };
    Db::open_in(environment, Path::new(dir), options).expect("a healthy disk")
}

/// A disk and a database on it, with the two families that writers use.
pub fn create(seed: u64) -> (SimFs, Db) {
    create_with(seed, &options())
}

pub fn create_with(seed: u64, options: &Options) -> (SimFs, Db) {
    let disk = SimFs::new(seed);
    disk.record_ops(false);
    let db = open_with(&disk, DIR, options);
    db.create_family("other", &FamilyOptions::default()).expect("a new family");
    (disk, db)
}

pub fn families(db: &Db) -> [ColumnFamily; 2] {
    [db.default_family(), db.family("other").expect("it was created")]
}

/// Whether `error` is what a call gets that a close came before.
pub fn is_end(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Closed | ErrorKind::Cancelled)
}

/// How a writer writes.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Batches.
    pub count: usize,
    /// Bytes of a value in each family: with a few thousand the log needs several segments.
    pub sizes: [usize; 2],
    /// Some batches are not logged.
    pub unlogged: bool,
}

/// Writes; ends early once the database is closed.
pub fn write(db: &Db, families: &[ColumnFamily; 2], ledger: &Ledger, writer: usize, habits: Habits, mut rng: Rng) {
    for number in 0..habits.count {
        let write = Write::random(&mut rng, writer, number, habits.sizes);
        let durability = match rng.below(6) {
            0 | 1 => Durability::Sync,
            2 if habits.unlogged => Durability::None,
            _ => Durability::Buffered,
        };
        ledger.begin(writer, &write);
        match db.write_with(&write.batch(families), &WriteOptions::new().durability(durability)) {
            Ok(()) => ledger.acknowledge(writer, durability == Durability::Sync),
            Err(error) if is_end(&error) => return,
            Err(error) => panic!("writer {writer}: {error}"),
        }
    }
}

/// All that `writer` holds as of `snapshot`, by scans.
pub fn scan(
    db: &Db,
    families: &[ColumnFamily; 2],
    writer: usize,
    snapshot: &Snapshot,
    back: bool,
) -> Result<Held, Error> {
    let options = ReadOptions::new().with_snapshot(snapshot).with_prefix(format!("w{writer}/"));
    let mut held = Held::default();
    for (family, map) in families.iter().zip(&mut held.0) {
        let mut iter = db.iter_in(family, &options)?;
        if back { iter.seek_to_last() } else { iter.seek_to_first() }?;
        while iter.valid() {
            assert!(map.insert(iter.key().to_vec(), iter.value().to_vec()).is_none(), "a key twice");
            if back { iter.prev() } else { iter.next() }?;
        }
    }
    Ok(held)
}

/// Takes a snapshot and reads a writer's keys from it, forwards, backwards and key by key, while the rest goes on: all must agree, and
/// be what some number of its writes leave.
pub fn look(db: &Db, families: &[ColumnFamily; 2], ledger: &Ledger, writer: usize) -> Result<(), Error> {
    let least = ledger.acknowledged();
    let snapshot = db.snapshot()?;
    let found = scan(db, families, writer, &snapshot, false)?;
    ledger.check(writer, &least, &found);
    let options = ReadOptions::new().with_snapshot(&snapshot);
    for (family, map) in families.iter().zip(&found.0) {
        for n in 0..7 {
            let key = crate::ledger::key(writer, n);
            let got = db.get_in(family, &key, &options)?;
            assert_eq!(got.as_deref(), map.get(&key).map(|value| &value[..]), "get and scan of one snapshot disagree");
        }
    }
    assert_eq!(scan(db, families, writer, &snapshot, true)?, found, "the snapshot moved");
    Ok(())
}

/// Checks every writer's keys as they are now.
#[track_caller]
pub fn check_all(db: &Db, ledger: &Ledger, least: &Least) {
    let families = families(db);
    let snapshot = db.snapshot().expect("it is open");
    for writer in 0..ledger.writers() {
        let found = scan(db, &families, writer, &snapshot, false).expect("nothing is damaged");
        ledger.check(writer, least, &found);
    }
}

/// The names of all tables on `disk`.
pub fn tables_on(disk: &SimFs) -> Vec<String> {
    use esker::env::fs::FileSystem;
    let names = disk.list(Path::new(DIR)).expect("the directory is there");
    let names = names.into_iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".sst")).collect()
}

/// Everything a family holds.
pub fn contents(db: &Db, family: &ColumnFamily, options: &ReadOptions) -> Result<Map, Error> {
    let mut map = Map::new();
    let mut iter = db.iter_in(family, options)?;
    iter.seek_to_first()?;
    while iter.valid() {
        map.insert(iter.key().to_vec(), iter.value().to_vec());
        iter.next()?;
    }
    Ok(map)
}
