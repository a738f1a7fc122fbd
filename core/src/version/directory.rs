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
