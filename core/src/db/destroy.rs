//! Removing a database: its own files and nothing else.

use std::path::Path;

use crate::db::environment::Environment;
use crate::env::filename::FileKind;
use crate::env::fs::{FileType, LockMode};
use crate::error::{Error, Result};
use crate::version::directory;

/// Removes every file of our grammar in `dir`. The directory itself stays, with whatever else is in it.
///
/// LOCK is held until the end, so that nobody opens it meanwhile.
pub fn destroy(environment: &Environment, dir: &Path) -> Result<()> {
    let fs = &*environment.fs;
    match fs.stat(dir)? {
        None => return Ok(()),
        Some(stat) if stat.file_type == FileType::Directory => {}
        Some(_) => return Err(Error::invalid("not a directory").with_file(dir)),
    }
    let lock = fs.lock(&dir.join(FileKind::Lock.name()), LockMode::Exclusive)?;
    for kind in directory::removal_order(fs, dir)? {
        fs.remove(&dir.join(kind.name()))?;
    }
    fs.remove(&dir.join(FileKind::Lock.name()))?;
    drop(lock);
    fs.sync_dir(dir)
}
