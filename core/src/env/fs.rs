//! [`FileSystem`] and [`File`]: the one seam through which the engine touches files. `os_fs` is the machine's, `sim_fs`
//! remembers what was synced and can lose the rest, `fault_fs` fails the N-th operation of whichever it wraps.
//!
//! Contract shared by all of them: every error names its file; a full disk or quota is `NoSpace`; EINTR and short transfers
//! are retried inside; a file is never reached through a symlink in its last component (a directory may be: where the data
//! lives is its owner's choice). All methods take `&self` and may be called by many threads.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::util::sync::Arc;

/// How [`FileSystem::open`] opens a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenMode {
    /// An existing regular file, for reading only.
    Read,
    /// An existing regular file, for reading and writing.
    ReadWrite,
    /// A new file (0600) for reading and writing; fails if anything has this name already.
    CreateNew,
}

/// What a directory entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// Anything else: symlink, pipe, device. The engine never touches these.
    Other,
}

/// What [`FileSystem::stat`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Length in bytes.
    pub len: u64,
    /// What it is.
    pub file_type: FileType,
}

/// Who else may hold the lock taken by [`FileSystem::lock`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Nobody.
    Exclusive,
    /// Other shared holders: read-only opens.
    Shared,
}

/// A held lock. Dropping it releases the lock, except in a forked child, where it touches nothing.
pub trait FileLock: Send + Sync + fmt::Debug {}

/// A place for files.
pub trait FileSystem: Send + Sync + fmt::Debug {
    /// Opens a regular file. A missing one is `Io` whose source says not found.
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>>;
    /// Makes a directory (0700) and syncs its parent; `Ok(false)` if a directory is there already.
    fn create_dir(&self, path: &Path) -> Result<bool>;
    /// Names of everything in `dir`, in no particular order.
    fn list(&self, dir: &Path) -> Result<Vec<OsString>>;
    /// What `path` is, `None` if nothing is there. Does not follow a symlink.
    fn stat(&self, path: &Path) -> Result<Option<Stat>>;
    /// Renames a file, replacing `to` atomically. Durable after [`FileSystem::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;
    /// Gives a file a second name on the same filesystem; fails if anything has that name already, and where a filesystem has
    /// no hard links. Durable after [`FileSystem::sync_dir`] of the new name's directory.
    fn link(&self, from: &Path, to: &Path) -> Result<()>;
    /// Removes a file. Durable after [`FileSystem::sync_dir`].
    fn remove(&self, path: &Path) -> Result<()>;
    /// Makes creations, renames and removals in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> Result<()>;
    /// Locks the file `path`, which is created if need be (never removed); `Locked` with the holder's pid if it is taken,
    /// by another process or by another handle of this one.
    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn FileLock>>;
    /// An unpredictable number, for table ids and database ids. Simulated filesystems give a repeatable sequence.
    fn random_u64(&self) -> u64;
}

/// An open regular file: positional reads and writes, no cursor.
pub trait File: Send + Sync + fmt::Debug {
    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize>;
    /// Writes all of `buf` at `offset`, extending the file if need be. On an error any part may have been written.
    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()>;
    /// Makes the file at least `end` bytes long, with blocks reserved, so that writes below `end` do not run out of space
    /// on filesystems that can promise that. New bytes read as zero. `NoSpace` leaves the length as it was.
    fn allocate(&self, end: u64) -> Result<()>;
    /// Cuts the file to `len` bytes.
    fn truncate(&self, len: u64) -> Result<()>;
    /// Makes all that was written durable, the length included. After a failure the file must not be synced again.
    fn sync(&self) -> Result<()>;
    /// Length in bytes.
    fn len(&self) -> Result<u64>;
    /// Whether the length is zero.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }
    /// The path it was opened by, for error messages.
    fn path(&self) -> &Path;
}

/// Reads exactly `buf.len()` bytes at `offset`; a file that ends before is `Corruption`, because the caller knew its size.
pub fn read_exact_at(file: &dyn File, buf: &mut [u8], offset: u64) -> Result<()> {
    let got = file.read_at(buf, offset)?;
    if got < buf.len() {
        let message = format!("file ends after {got} of {} bytes", buf.len());
        return Err(Error::corruption(file.path(), offset, message));
    }
    Ok(())
}

/// Reads the whole of a small file; `Corruption` if it is longer than `limit` bytes.
pub fn read_small_file(fs: &dyn FileSystem, path: &Path, limit: usize) -> Result<Vec<u8>> {
    let file = fs.open(path, OpenMode::Read)?;
    let len = file.len()?;
    if len > limit as u64 {
        return Err(Error::corruption(path, limit as u64, format!("{len} bytes where at most {limit} belong")));
    }
    let mut bytes = vec![0; len as usize];
    read_exact_at(&*file, &mut bytes, 0)?;
    Ok(bytes)
}

/// Whether `error` says that a file does not exist.
pub fn is_not_found(error: &Error) -> bool {
    error.kind() == ErrorKind::Io && error.io_source().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound)
}
