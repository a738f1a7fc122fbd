//! The golden database: small, and with every kind of file, block and record in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker::db::inspect::{InspectOptions, inspect};
use esker::env::fs::{FileSystem, OpenMode};
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::options::Compression;
use esker::{ColumnFamily, Db, Error, ErrorKind, FamilyOptions, Options, ReadOptions, StatsFormat};
use esker::{WriteBatch, WriteOptions};

use crate::support::oracle::{Contents, Map};
use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

/// A table's footer is its last so many bytes (docs/format/table.md).
const FOOTER_LEN: usize = 88;

pub struct Golden {
    pub disk: SimFs,
    pub options: Options,
    pub contents: Contents,
    pub files: Vec<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Right,
    Refused,
}

/// Tables on two levels with point and range tombstones, merge operands and expiring values, LZ4 and plain blocks, filters, in two
/// families, one of which has settings; a log with batches over both, synced.
pub fn golden() -> Golden {
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
    let files = files_of(&disk);
    Golden { disk, options, contents, files }
}

/// The files of the database that say something: the lock is empty, OPTIONS is for people.
pub fn files_of(disk: &SimFs) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        disk.list(DIR.as_ref()).unwrap().iter().map(|name| Path::new(DIR).join(name)).collect();
    files.retain(|path| !path.ends_with("LOCK") && !path.ends_with("OPTIONS"));
    files.sort();
    files
}

impl Golden {
    /// A copy of the golden disk.
    pub fn copy(&self) -> SimFs {
        self.disk.crash(CrashImage::Everything)
    }

    pub fn bytes(&self, path: &Path) -> Vec<u8> {
        bytes_of(&self.disk, path)
    }

    /// Right data or an error.
    pub fn check(&self, disk: &SimFs, what: &dyn Fn() -> String) -> Outcome {
        let db = match open(disk, &self.options) {
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

    /// Where the blocks of a table lie, each with its trailer: (start, end). They lie end to end up to the footer.
    pub fn blocks(&self, table: &Path) -> Vec<(usize, usize)> {
        let found = inspect(&self.disk, table, &InspectOptions::default()).unwrap().render(StatsFormat::Json).unwrap();
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        let offsets = |list: &str| -> Vec<usize> {
            found[list].as_array().unwrap().iter().map(|row| row["offset"].as_u64().unwrap() as usize).collect()
        };
        let mut starts = offsets("blocks");
        starts.extend(offsets("sections"));
        let ends = starts[1..].iter().copied().chain([self.bytes(table).len() - FOOTER_LEN]);
        starts.iter().copied().zip(ends).collect()
    }

    /// What a file is found and trusted by, as (from, to): all of the log, of MANIFEST, CURRENT and IDENTITY, and a table's footer.
    pub fn vital(&self, path: &Path) -> (usize, usize) {
        let used = self.used(path);
        if path.extension().is_some_and(|end| end == "sst") { (used - FOOTER_LEN, used) } else { (0, used) }
    }

    /// Where the reserved space behind the last record begins, which is zero.
    pub fn used(&self, path: &Path) -> usize {
        self.bytes(path).iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    }
}

pub fn open(disk: &SimFs, options: &Options) -> Result<Db, Error> {
    Db::open_in(inline(Arc::new(disk.clone())), DIR, options)
}

pub fn read_all(db: &Db) -> Result<Contents, Error> {
    db.families()?.into_iter().map(|name| Ok((name.clone(), read_family(db, &db.family(&name)?)?))).collect()
}

fn read_family(db: &Db, family: &ColumnFamily) -> Result<Map, Error> {
    let mut map = Map::new();
    let mut iter = db.iter_in(family, &ReadOptions::default())?;
    iter.seek_to_first()?;
    while iter.valid() {
        map.insert(iter.key().to_vec(), iter.value().to_vec());
        iter.next()?;
    }
    Ok(map)
}

pub fn bytes_of(disk: &SimFs, path: &Path) -> Vec<u8> {
    let file = disk.open(path, OpenMode::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_at(&mut bytes, 0).unwrap();
    bytes
}

pub fn overwrite(disk: &SimFs, path: &Path, offset: u64, bytes: &[u8]) {
    let file = disk.open(path, OpenMode::ReadWrite).unwrap();
    file.write_at(bytes, offset).unwrap();
}

/// Makes `path` a file of these bytes, whatever it was.
pub fn replace(disk: &SimFs, path: &Path, bytes: &[u8]) {
    if disk.stat(path).unwrap().is_some() {
        disk.remove(path).unwrap();
    }
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    file.write_at(bytes, 0).unwrap();
}
