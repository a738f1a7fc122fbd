//! Removing a database: its own files and nothing else.

use std::path::Path;

use crate::db::environment::Environment;
use crate::env::filename::FileKind;
use crate::env::fs::{FileType, LockMode};
use crate::error::{Error, Result};

/// Removes every file of our grammar in `dir`. The directory itself stays, with whatever else is in it.
///
/// CURRENT goes first: from then on the directory is no database that could be opened half removed. LOCK is held until the
/// end, so that nobody opens it meanwhile.
pub fn destroy(environment: &Environment, dir: &Path) -> Result<()> {
    let fs = &*environment.fs;
    match fs.stat(dir)? {
        None => return Ok(()),
        Some(stat) if stat.file_type == FileType::Directory => {}
        Some(_) => return Err(Error::invalid("not a directory").with_file(dir)),
    }
    let lock = fs.lock(&dir.join(FileKind::Lock.name()), LockMode::Exclusive)?;
    let mut ours: Vec<FileKind> = fs.list(dir)?.iter().filter_map(|name| FileKind::parse(name)).collect();
    ours.retain(|kind| *kind != FileKind::Lock);
    // `FileKind` orders IDENTITY and CURRENT before all numbered files.
    ours.sort_by_key(|kind| (*kind != FileKind::Current, *kind));
    for kind in ours {
        fs.remove(&dir.join(kind.name()))?;
    }
    fs.remove(&dir.join(FileKind::Lock.name()))?;
    drop(lock);
    fs.sync_dir(dir)
}
