//! T8: bit rot. A golden database that holds every kind of file, block and record is damaged in every way that fits: one bit of
//! every byte, every truncation, zeroed sectors, missing files, files swapped for one another. Whoever opens and reads it gets
//! the right data or an error; never anything else, never a panic.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker::env::fs::{FileSystem, OpenMode};
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::options::Compression;
use esker::{ColumnFamily, Db, ErrorKind, FamilyOptions, Options, ReadOptions, WriteBatch, WriteOptions};

use crate::support::oracle::{Contents, Map};
use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

struct Golden {
    disk: SimFs,
    options: Options,
    contents: Contents,
    files: Vec<PathBuf>,
}

/// Tables on two levels with point and range tombstones, merge operands and expiring values, LZ4 and plain blocks, filters, in two
/// families, one of which has settings; a log with batches over both, synced.
fn golden() -> Golden {
    let disk = SimFs::new(8);
    let options = Options { compression: Compression::Lz4, memtable_size: 64 << 10, ..tiny_options() };
    let db = Db::open_in(inline(Arc::new(disk.clone())), DIR, &options).unwrap();
    for n in 0..60 {
        db.put(format!("key{n:03}"), format!("value {n} ").repeat(1 + n % 5)).unwrap();
    }
    db.compact_range(None, None).unwrap();
    let family = FamilyOptions { merge_operator: "append(,)".to_owned(), ttl_ms: 1 << 40, ..FamilyOptions::default() };
    let notes = db.create_family("notes", &family).unwrap();
    for n in 0..12 {
        db.put_in(&notes, format!("note{:02}", n % 5), format!("text {n}"), &WriteOptions::default()).unwrap();
        db.merge_in(&notes, format!("note{:02}", n % 7), format!("more {n}"), &WriteOptions::default()).unwrap();
    }
    // Merges in the table stay apart for this view.
    let view = db.snapshot().unwrap();
    db.merge_in(&notes, "note01", "after the snapshot", &WriteOptions::default()).unwrap();
    db.delete_range("key010", "key020").unwrap();
    db.delete("key030").unwrap();
    db.put("key012", [1, 7, 3, 200, 9, 55, 91, 4, 77]).unwrap();
    db.flush().unwrap();
    drop(view);
    let mut batch = WriteBatch::new();
    batch.merge_in(notes.id(), b"note03", b"in the log").unwrap();
    batch.put_expiring_in(notes.id(), b"note04", b"gone already", 1).unwrap();
    batch.put(b"key040", b"in the log").unwrap();
    batch.delete_range(b"key050", b"key055").unwrap();
    batch.delete(b"key001").unwrap();
    db.write_with(&batch, &WriteOptions::sync()).unwrap();
    db.put_with("key002", "also in the log", &WriteOptions::sync()).unwrap();
    let contents = read_all(&db).unwrap();
    // The process dies with everything synced: no reopening has tidied up.
    let disk = disk.crash(CrashImage::Everything);
    let mut files: Vec<PathBuf> =
        disk.list(DIR.as_ref()).unwrap().iter().map(|name| Path::new(DIR).join(name)).collect();
    files.retain(|path| !path.ends_with("LOCK") && !path.ends_with("OPTIONS"));
    files.sort();
    Golden { disk, options, contents, files }
}

impl Golden {
    /// A copy of the golden disk.
    fn copy(&self) -> SimFs {
        self.disk.crash(CrashImage::Everything)
    }

    fn bytes(&self, path: &Path) -> Vec<u8> {
        let file = self.disk.open(path, OpenMode::Read).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// Right data or an error.
    fn check(&self, disk: &SimFs, what: &dyn Fn() -> String) -> Outcome {
        let opened = Db::open_in(inline(Arc::new(disk.clone())), DIR, &self.options);
        let db = match opened {
            Ok(db) => db,
            Err(error) => {
                let known = [ErrorKind::Corruption, ErrorKind::Format, ErrorKind::InvalidArgument];
                assert!(known.contains(&error.kind()), "{}: {error:?}", what());
                return Outcome::Refused;
            }
        };
        for (name, map) in &self.contents {
            let family = db.family(name).unwrap_or_else(|error| panic!("{}: {error:?}", what()));
            for (key, value) in map {
                match db.get_in(&family, key, &ReadOptions::default()) {
                    Ok(got) => assert_eq!(got.as_deref(), Some(&value[..]), "{}: get of {key:?}", what()),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Corruption, "{}: {error:?}", what()),
                }
            }
        }
        match read_all(&db) {
            Ok(found) => {
                assert!(found == self.contents, "{}: a scan shows something else", what());
                Outcome::Right
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corruption, "{}: {error:?}", what());
                assert!(error.file().is_some(), "{}: {error:?} names no file", what());
                Outcome::Refused
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Right,
    Refused,
}

fn read_all(db: &Db) -> Result<Contents, esker::Error> {
    db.families()?.into_iter().map(|name| Ok((name.clone(), read_family(db, &db.family(&name)?)?))).collect()
}

fn read_family(db: &Db, family: &ColumnFamily) -> Result<Map, esker::Error> {
    let mut map = Map::new();
    let mut iter = db.iter_in(family, &ReadOptions::default())?;
    iter.seek_to_first()?;
    while iter.valid() {
        map.insert(iter.key().to_vec(), iter.value().to_vec());
        iter.next()?;
    }
    Ok(map)
}

fn overwrite(disk: &SimFs, path: &Path, offset: u64, bytes: &[u8]) {
    let file = disk.open(path, OpenMode::ReadWrite).unwrap();
    file.write_at(bytes, offset).unwrap();
}

#[test]
fn the_golden_database_holds_every_kind_of_file() {
    let golden = golden();
    for end in [".sst", ".wal", "CURRENT", "IDENTITY"] {
        assert!(golden.files.iter().any(|path| path.to_string_lossy().ends_with(end)), "{end}: {:?}", golden.files);
    }
    assert_eq!(golden.check(&golden.copy(), &|| "undamaged".to_owned()), Outcome::Right);
}

#[test]
fn one_bit_of_every_byte() {
    let golden = golden();
    let (mut right, mut refused) = (0, 0);
    for path in &golden.files {
        let bytes = golden.bytes(path);
        // Reserved space behind the last record is zero; a sample of it is enough.
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 64).min(bytes.len());
        for offset in (0..used).chain((used..bytes.len()).step_by(4093)) {
            let disk = golden.copy();
            let flipped = bytes[offset] ^ (1 << (offset % 8));
            overwrite(&disk, path, offset as u64, &[flipped]);
            match golden.check(&disk, &|| format!("{} with a flipped bit at {offset}", path.display())) {
                Outcome::Right => right += 1,
                Outcome::Refused => refused += 1,
            }
        }
    }
    println!("{right} right, {refused} refused");
    assert!(refused > right, "damage is found nearly everywhere");
}

#[test]
fn every_truncation() {
    let golden = golden();
    for path in &golden.files {
        let bytes = golden.bytes(path);
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for len in (0..used).step_by(if used > 4096 { 7 } else { 1 }) {
            let disk = golden.copy();
            disk.open(path, OpenMode::ReadWrite).unwrap().truncate(len as u64).unwrap();
            let outcome = golden.check(&disk, &|| format!("{} cut to {len} bytes", path.display()));
            let empty_log = path.extension().is_some_and(|e| e == "wal") && used <= 1024 + 64;
            assert!(outcome == Outcome::Refused || empty_log, "{} cut to {len} bytes went unnoticed", path.display());
        }
    }
}

#[test]
fn every_sector_zeroed() {
    let golden = golden();
    for path in &golden.files {
        for offset in (0..golden.bytes(path).len() as u64).step_by(512).take(400) {
            let disk = golden.copy();
            let len = (golden.bytes(path).len() as u64 - offset).min(512) as usize;
            overwrite(&disk, path, offset, &vec![0; len]);
            golden.check(&disk, &|| format!("{} with a zeroed sector at {offset}", path.display()));
        }
    }
}

#[test]
fn every_file_missing_is_named_and_nothing_is_deleted() {
    let golden = golden();
    for path in &golden.files {
        let disk = golden.copy();
        disk.remove(path).unwrap();
        let before = disk.digest();
        let error = Db::open_in(inline(Arc::new(disk.clone())), DIR, &golden.options).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption, "{} missing: {error:?}", path.display());
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(error.to_string().contains(&*name), "{} missing: {error}", path.display());
        assert_eq!(disk.digest(), before, "{} missing: the open changed something", path.display());
    }
}

#[test]
fn files_swapped_for_one_another() {
    let golden = golden();
    for a in &golden.files {
        for b in golden.files.iter().filter(|b| *b != a && b.extension() == a.extension()) {
            let disk = golden.copy();
            let bytes = golden.bytes(b);
            let file = disk.open(a, OpenMode::ReadWrite).unwrap();
            file.truncate(0).unwrap();
            file.write_at(&bytes, 0).unwrap();
            drop(file);
            golden.check(&disk, &|| format!("{} in the place of {}", b.display(), a.display()));
        }
    }
}
