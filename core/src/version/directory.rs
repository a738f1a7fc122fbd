//! What a directory is, before anything in it is touched: a database, a place for one, or somebody else's.
//!
//! IDENTITY is written last at creation, so without it creation was not finished, and nothing was ever acknowledged, *if* what
//! there is looks exactly like an unfinished creation: MANIFEST-000001 with a snapshot of nothing or less, perhaps a CURRENT
//! that names it, temporary files. Anything more, and IDENTITY was lost: `Corruption`. A lost small file never becomes a new
//! empty database. Reads only, but for [`clear`].

use std::ffi::OsString;
use std::path::Path;

use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::error::{Error, ErrorKind, Result};
use crate::version::current;
use crate::version::identity::{self, Identity};
use crate::version::manifest_file::{HEADER_LEN, MAGIC, header_uuid};
use crate::version::manifest_recover::scan;
use crate::version::orders::Orders;

/// The number of a new database's first MANIFEST.
const FIRST_MANIFEST: FileNumber = FileNumber::new(1);

/// A MANIFEST of an unfinished creation holds one small snapshot; bytes looked at to tell whose it is.
const LOOK_LEN: usize = 4096;

/// What a directory is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directory {
    /// A database.
    Database(Identity),
    /// A place for one, with what an unfinished creation may have left.
    Vacant(Vec<FileKind>),
}

/// Finds out what `dir` is. The caller holds its lock.
pub fn examine(fs: &dyn FileSystem, dir: &Path, orders: &Orders) -> Result<Directory> {
    let names = fs.list(dir)?;
    let kinds: Vec<FileKind> = names.iter().filter_map(|name| FileKind::parse(name)).collect();
    let has = |kind: FileKind| kinds.contains(&kind);
    let has_database = kinds.iter().any(|kind| !matches!(kind, FileKind::Lock | FileKind::Options | FileKind::Temp(_)));
    if let Some(name) = names.iter().find(|name| is_another_engines(name)).filter(|_| has_database) {
        return Err(foreign(dir, &format!("it has a file {name:?}")));
    }
    if has(FileKind::Identity) {
        let identity = identity::read(fs, dir)?;
        let lost = |kind: FileKind| Error::corruption(dir.join(kind.name()), 0, format!("{} is missing", kind.name()));
        return match identity {
            Some(identity) if has(FileKind::Current) => Ok(Directory::Database(identity)),
            Some(_) => Err(lost(FileKind::Current)),
            None => Err(lost(FileKind::Identity)),
        };
    }
    for kind in &kinds {
        let unfinished = match kind {
            FileKind::Table(_) | FileKind::Wal(_) => false,
            FileKind::Manifest(number) => *number == FIRST_MANIFEST,
            _ => true,
        };
        if !unfinished {
            return Err(lost_identity(dir, &format!("but {} is there", kind.name())));
        }
    }
    if has(FileKind::Current) {
        // It is written once the MANIFEST is durable, so both must be whole.
        match current::read(fs, dir)? {
            Some(FIRST_MANIFEST) if has(FileKind::Manifest(FIRST_MANIFEST)) => {}
            _ => return Err(lost_identity(dir, "CURRENT names a MANIFEST that no creation leaves")),
        }
    }
    if has(FileKind::Manifest(FIRST_MANIFEST)) {
        check_unfinished(fs, dir, has(FileKind::Current), orders)?;
    }
    let leftover = |kind: &FileKind| matches!(kind, FileKind::Current | FileKind::Manifest(_) | FileKind::Temp(_));
    Ok(Directory::Vacant(kinds.into_iter().filter(leftover).collect()))
}

/// Removes what an unfinished creation left. CURRENT goes first and for good, so that it never names a file that is gone.
pub fn clear(fs: &dyn FileSystem, dir: &Path, leftovers: &[FileKind]) -> Result<()> {
    if leftovers.contains(&FileKind::Current) {
        fs.remove(&dir.join(FileKind::Current.name()))?;
        fs.sync_dir(dir)?;
    }
    for kind in leftovers.iter().filter(|kind| **kind != FileKind::Current) {
        fs.remove(&dir.join(kind.name()))?;
    }
    Ok(())
}

/// Every file of our grammar in `dir` but its LOCK, in the order in which to remove them: CURRENT goes first, and from then on the
/// directory is no database that could be opened half removed.
pub fn removal_order(fs: &dyn FileSystem, dir: &Path) -> Result<Vec<FileKind>> {
    let mut ours: Vec<FileKind> = fs.list(dir)?.iter().filter_map(|name| FileKind::parse(name)).collect();
    ours.retain(|kind| *kind != FileKind::Lock);
    // `FileKind` orders IDENTITY before all numbered files.
    ours.sort_by_key(|kind| (*kind != FileKind::Current, *kind));
    Ok(ours)
}

/// Whether MANIFEST-000001, of a directory without IDENTITY, WAL and tables, is what an unfinished creation leaves.
fn check_unfinished(fs: &dyn FileSystem, dir: &Path, has_current: bool, orders: &Orders) -> Result<()> {
    let path = dir.join(FileKind::Manifest(FIRST_MANIFEST).name());
    let file = fs.open(&path, OpenMode::Read)?;
    let mut head = vec![0; LOOK_LEN];
    let len = file.read_at(&mut head, 0)?;
    head.truncate(len);
    // The comparator's name in the first record of a MANIFEST of LevelDB and of what descends from it.
    if [&b"leveldb."[..], b"rocksdb."].iter().any(|name| head.windows(name.len()).any(|window| window == *name)) {
        return Err(foreign(dir, "its MANIFEST is another engine's"));
    }
    let Some(uuid) = head.get(..HEADER_LEN).and_then(header_uuid) else {
        // Never synced, so it may hold anything; but a CURRENT that names it says it was synced.
        return match has_current {
            true if !head.starts_with(&MAGIC) => Err(foreign(dir, "its MANIFEST is another engine's")),
            true => Err(lost_identity(dir, "MANIFEST is damaged")),
            false => Ok(()),
        };
    };
    match scan(fs, dir, FIRST_MANIFEST, uuid, orders) {
        Ok(scan) if scan.progress.records == 1 && scan.state.live_files().next().is_none() => Ok(()),
        Ok(_) => Err(lost_identity(dir, "MANIFEST has been in use")),
        Err(error) if has_current || error.kind() == ErrorKind::Format => Err(error),
        Err(error) if error.kind() == ErrorKind::Corruption => Ok(()),
        Err(error) => Err(error),
    }
}

/// Names that other engines give to files in their directories, and we to none: `LOG`, `000003.log`, `000005.ldb`, `OPTIONS-000007`.
fn is_another_engines(name: &OsString) -> bool {
    let Some(name) = name.to_str() else { return false };
    let numbered = |ends: &[&str]| {
        let digits = ends.iter().find_map(|end| name.strip_suffix(end));
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    matches!(name, "LOG" | "LOG.old") || name.starts_with("OPTIONS-") || numbered(&[".log", ".ldb", ".blob"])
}

fn foreign(dir: &Path, why: &str) -> Error {
    Error::invalid(format!("the directory holds a database of another engine: {why}")).with_file(dir)
}

fn lost_identity(dir: &Path, why: &str) -> Error {
    let path = dir.join(FileKind::Identity.name());
    Error::corruption(path, 0, format!("IDENTITY is missing from a directory that has been in use: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::sim_fs::SimFs;
    use crate::util::sync::Arc;
    use crate::version::manifest::Manifest;
    use crate::version::manifest_tests::{dir, disk, flush, open, options, path, shared};

    fn look(sim: &SimFs) -> Result<Directory> {
        let before = sim.digest();
        let found = examine(sim, dir(), &Orders::new());
        assert_eq!(sim.digest(), before, "looking changes nothing");
        found
    }

    fn file(sim: &SimFs, name: &str, bytes: &[u8]) {
        let file = sim.open(&dir().join(name), OpenMode::CreateNew).unwrap();
        file.write_at(bytes, 0).unwrap();
    }

    /// A new database without its IDENTITY: what a crash just before the end of creation leaves.
    fn unfinished() -> SimFs {
        let sim = disk();
        open(&shared(&sim)).unwrap();
        sim.remove(&path(FileKind::Identity)).unwrap();
        sim
    }

    fn lost(sim: &SimFs) -> String {
        let error = look(sim).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
        error.message().to_owned()
    }

    #[test]
    fn an_empty_directory_is_vacant_whatever_else_a_user_keeps_in_it() {
        let sim = disk();
        for name in ["LOCK", "OPTIONS", "notes.txt", "LOG", "000003.log"] {
            file(&sim, name, b"x");
        }
        assert_eq!(look(&sim).unwrap(), Directory::Vacant(Vec::new()));
        open(&shared(&sim)).unwrap();
    }

    #[test]
    fn an_unfinished_creation_is_started_again() {
        let sim = unfinished();
        let Directory::Vacant(leftovers) = look(&sim).unwrap() else { panic!("a database") };
        assert_eq!(leftovers.len(), 2);
        open(&shared(&sim)).unwrap();
        assert!(matches!(look(&sim).unwrap(), Directory::Database(_)));
        // Before CURRENT, the MANIFEST may hold anything.
        let long = [0xab; 5000];
        for torn in [&b""[..], &[0; 4096], b"eskerMF\x01 and then not", &long] {
            let sim = disk();
            file(&sim, "MANIFEST-000001", torn);
            file(&sim, "000002.tmp", b"MANIFEST-00");
            open(&shared(&sim)).unwrap();
        }
    }

    #[test]
    fn a_lost_small_file_never_becomes_a_new_empty_database() {
        let used = || {
            let sim = disk();
            let mut manifest = open(&shared(&sim)).unwrap();
            flush(&sim, &mut manifest, 1).unwrap();
            sim
        };
        let sim = used();
        sim.remove(&path(FileKind::Current)).unwrap();
        assert!(lost(&sim).contains("CURRENT is missing"));
        let sim = used();
        sim.remove(&path(FileKind::Identity)).unwrap();
        assert!(lost(&sim).contains(".sst is there"));
        let sim = disk();
        file(&sim, "000007.wal", b"");
        assert!(lost(&sim).contains("000007.wal is there"));
        // Edits but no files: a family was created, say.
        let sim = used();
        sim.remove(&path(FileKind::Identity)).unwrap();
        sim.remove(&dir().join("000004.sst")).unwrap();
        assert!(lost(&sim).contains("MANIFEST has been in use"), "{}", lost(&sim));
        let sim = unfinished();
        sim.rename(&dir().join("MANIFEST-000001"), &dir().join("MANIFEST-000009")).unwrap();
        assert!(lost(&sim).contains("MANIFEST-000009 is there"));
        let sim = unfinished();
        sim.remove(&dir().join("MANIFEST-000001")).unwrap();
        assert!(lost(&sim).contains("CURRENT names a MANIFEST"));
        let sim = unfinished();
        sim.open(&dir().join("MANIFEST-000001"), OpenMode::ReadWrite).unwrap().write_at(b"x", 20).unwrap();
        assert!(lost(&sim).contains("MANIFEST is damaged"));
    }

    #[test]
    fn a_directory_of_another_engine_is_refused_untouched() {
        // What LevelDB leaves right after creation, whole, without LOG and log, and before its CURRENT.
        let manifest = b"\x56\xf9\xb8\xf8\x1c\x00\x01\x01\x1aleveldb.BytewiseComparator\x02\x00\x03\x02\x04\x00";
        let leveldb: [&[(&str, &[u8])]; 5] = [
            &[("CURRENT", b"MANIFEST-000002\n"), ("MANIFEST-000002", manifest), ("LOG", b""), ("000003.log", b"")],
            &[("CURRENT", b"MANIFEST-000001\n"), ("MANIFEST-000001", manifest)],
            &[("MANIFEST-000001", manifest)],
            &[
                ("CURRENT", b"MANIFEST-000001\n"),
                ("MANIFEST-000001", b"something else altogether, of more than 40 bytes"),
            ],
            &[
                ("CURRENT", b"MANIFEST-000005\n"),
                ("MANIFEST-000005", manifest),
                ("IDENTITY", b"0b3-rocks"),
                ("OPTIONS-000007", b""),
            ],
        ];
        for files in leveldb {
            let sim = disk();
            for (name, bytes) in files {
                file(&sim, name, bytes);
            }
            let error = look(&sim).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{files:?}: {error}");
            assert!(error.message().contains("another engine"), "{error}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_its_name() {
        let sim = disk();
        open(&shared(&sim)).unwrap();
        let newer = Identity { format_version: 2, uuid: 7 };
        sim.remove(&path(FileKind::Identity)).unwrap();
        file(&sim, "IDENTITY", newer.encode().as_bytes());
        assert_eq!(look(&sim).unwrap_err().kind(), ErrorKind::Format);
    }

    #[test]
    fn an_unfinished_creation_in_a_custom_order_is_one_too() {
        let sim = disk();
        let orders = crate::version::manifest_tests::orders();
        let order = orders.find("reversed").unwrap();
        let fs: Arc<dyn FileSystem> = shared(&sim);
        Manifest::create(&fs, dir(), orders.clone(), &order, Vec::new(), options()).unwrap();
        sim.remove(&path(FileKind::Identity)).unwrap();
        assert!(matches!(examine(&sim, dir(), &orders).unwrap(), Directory::Vacant(_)));
        assert_eq!(look(&sim).unwrap_err().kind(), ErrorKind::InvalidArgument, "the comparator is not known");
    }
}
