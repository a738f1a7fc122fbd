//! The database that seeds come from and that target `directory` damages: small, and with every kind of file, block and record.
//!
//! Simulated disk, simulated time, background work inline: the same bytes in every run.

use std::path::Path;

use crate::batch::WriteBatch;
use crate::db::{Db, Environment};
use crate::env::clock::TestClock;
use crate::env::filename::FileKind;
use crate::env::fs::{File, FileSystem, OpenMode};
use crate::env::sim_fs::{CrashImage, SimFs};
use crate::error::Result;
use crate::fuzzing::refit::FIRST_RECORD;
use crate::key::family::FamilyId;
use crate::options::{Compression, FamilyOptions, Options, WriteOptions};
use crate::util::sync::{Arc, OnceLock};

/// Where it lies.
pub const DIR: &str = "/db";
/// Where the clock stands.
const NOW_MS: u64 = 1_700_000_000_000;

/// The value of `result`. An error here is an engine that does not work at all, or a property that does not hold.
pub fn must<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => unreachable!("must not fail: {error:?}"),
    }
}

/// A database's surroundings on `disk`.
pub fn environment(disk: &SimFs) -> Environment {
    Environment::inline(Arc::new(disk.clone()), Arc::new(TestClock::at(NOW_MS)))
}

/// How it is opened: memtables, blocks and tables so small that little data makes many.
pub fn options() -> Options {
    Options {
        compression: Compression::Lz4,
        memory_budget: 1 << 20,
        memtable_size: 16 << 10,
        block_size: 256,
        target_file_size: 4 << 10,
        wal_segment_size: 64 << 10,
        max_open_files: 8,
        ..Options::default()
    }
}

/// A batch with every kind of entry, over two families.
pub fn sample_batch() -> WriteBatch {
    let mut batch = WriteBatch::new();
    let other = FamilyId(1);
    must(batch.put(b"key", b"value"));
    must(batch.put(b"", &[7; 200]));
    must(batch.put_in(other, b"\xff\xff", b""));
    must(batch.delete(b"key012"));
    must(batch.delete_range(b"key020", b"key025"));
    must(batch.delete_range_in(other, b"", b"a"));
    must(batch.merge_in(other, b"note03", b"in the log"));
    must(batch.put_expiring_in(other, b"note04", b"gone already", 1));
    must(batch.put_expiring(b"lease", b"held", u64::MAX));
    batch
}

/// The golden disk, as a machine leaves it that dies with everything synced.
pub fn disk() -> SimFs {
    static GOLDEN: OnceLock<SimFs> = OnceLock::new();
    GOLDEN.get_or_init(|| must(build())).crash(CrashImage::Everything)
}

fn build() -> Result<SimFs> {
    let disk = SimFs::new(11);
    let db = Db::open_in(environment(&disk), DIR, &options())?;
    for n in 0..40 {
        db.put(format!("key{n:03}"), format!("value {n} ").repeat(1 + n % 5))?;
    }
    db.compact_range(None, None)?;
    let family = FamilyOptions { merge_operator: "append(,)".to_owned(), ttl_ms: 1 << 40, ..FamilyOptions::default() };
    let notes = db.create_family("notes", &family)?;
    for n in 0..12 {
        db.put_in(&notes, format!("note{:02}", n % 5), format!("text {n}"), &WriteOptions::default())?;
        db.merge_in(&notes, format!("note{:02}", n % 7), format!("more {n}"), &WriteOptions::default())?;
    }
    // Operands stay apart in the table for this view.
    let view = db.snapshot()?;
    db.merge_in(&notes, "note01", "after the snapshot", &WriteOptions::default())?;
    db.delete_range("key010", "key020")?;
    db.delete("key030")?;
    db.put("key012", [1, 7, 3, 200, 9, 55, 91, 4, 77])?;
    db.flush()?;
    drop(view);
    db.write_with(&sample_batch(), &WriteOptions::sync())?;
    db.put_with("key002", "also in the log", &WriteOptions::sync())?;
    Ok(disk.crash(CrashImage::Everything))
}

/// The files of `disk` that count, by name, without the zeros reserved behind a log.
pub fn files(disk: &SimFs) -> Vec<(FileKind, Vec<u8>)> {
    let mut names = must(disk.list(Path::new(DIR)));
    names.sort();
    let kinds = names.iter().filter_map(|name| FileKind::parse(name));
    let kept = kinds.filter(|kind| !matches!(kind, FileKind::Lock | FileKind::Temp(_)));
    kept.map(|kind| {
        let mut bytes = read(disk, kind);
        if matches!(kind, FileKind::Wal(_) | FileKind::Manifest(_)) {
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last + 1).next_multiple_of(8));
            bytes.truncate(used.max(FIRST_RECORD));
        }
        (kind, bytes)
    })
    .collect()
}

fn read(disk: &SimFs, kind: FileKind) -> Vec<u8> {
    let file = must(disk.open(&Path::new(DIR).join(kind.name()), OpenMode::Read));
    let mut bytes = vec![0; must(file.len()) as usize];
    must(file.read_at(&mut bytes, 0));
    bytes
}

/// Puts a file of these bytes on `disk`, in the place of one that is there.
pub fn write(disk: &SimFs, kind: FileKind, bytes: &[u8]) -> Arc<dyn File> {
    let path = Path::new(DIR).join(kind.name());
    if must(disk.stat(&path)).is_some() {
        must(disk.remove(&path));
    }
    let file = must(disk.open(&path, OpenMode::CreateNew));
    must(file.write_at(bytes, 0));
    file
}

/// A disk with nothing but the directory.
pub fn empty_disk() -> SimFs {
    let disk = SimFs::new(12);
    must(disk.create_dir(Path::new(DIR)));
    disk
}
