//! The lock of the operating system on a database directory: `flock` on its LOCK file, behind [`FileSystem::lock`] of
//! [`OsFs`](crate::env::os_fs::OsFs), which opens the file.
//!
//! A lock is three things, taken in this order and given back in the opposite one: an entry in the registry of this process
//! (`lock`), the `flock`, and a place in the list of descriptors that forked children close (`fork`). In a forked child, drop
//! gives back nothing at all: every one of them is the parent's. Thread rule: any thread.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use crate::env::fork::ClosedInChildren;
use crate::env::fs::{FileLock, LockMode, OpenMode, is_not_found};
use crate::env::lock::{Claim, LockFileId};
use crate::env::os_fs::open_regular;
use crate::error::{Error, ErrorKind, Result};

/// [`FileSystem::lock`](crate::env::fs::FileSystem::lock) of the operating system.
pub(crate) fn lock(path: &Path, mode: LockMode) -> Result<Box<dyn FileLock>> {
    let Some(file) = open_lock_file(path, mode)? else {
        return Ok(Box::new(NoLockFile));
    };
    let metadata = file.metadata().map_err(|e| Error::io("lock", path, e))?;
    let id = LockFileId { device: metadata.dev(), inode: metadata.ino() };
    let Some(claim) = Claim::new(id, mode) else {
        return Err(locked(path, format!("already open in this process (pid {})", std::process::id())));
    };
    take_flock(&file, path, mode)?;
    let in_children = ClosedInChildren::new(file.as_raw_fd());
    if mode == LockMode::Exclusive {
        write_pid(&file);
    }
    Ok(Box::new(OsLock { held: Some(HeldLock { file, in_children, claim }), mode }))
}

/// A shared lock in a directory that holds no lock file and cannot be written: nobody can open it for writing either.
#[derive(Debug)]
struct NoLockFile;

impl FileLock for NoLockFile {}

/// A held lock of the operating system.
#[derive(Debug)]
struct OsLock {
    /// `None` only while being dropped.
    held: Option<HeldLock>,
    mode: LockMode,
}

#[derive(Debug)]
struct HeldLock {
    file: fs::File,
    in_children: ClosedInChildren,
    claim: Claim,
}

impl FileLock for OsLock {}

impl Drop for OsLock {
    fn drop(&mut self) {
        let Some(HeldLock { file, in_children, claim }) = self.held.take() else {
            return;
        };
        if claim.in_forked_child() {
            // The descriptor was closed by the fork handler and its number may be anybody's now; the lock is the parent's.
            std::mem::forget((file, in_children));
            return;
        }
        if self.mode == LockMode::Exclusive {
            // A pid that no longer holds anything must not be named as the holder. Failing that, a stale number is printed.
            file.set_len(0).ok();
        }
        // Before the descriptor is closed, its number must leave the list of those that children close.
        drop(in_children);
        // Explicitly, because a child that was forked by other means than fork() may hold a copy of the descriptor.
        file.unlock().ok();
        drop(file);
        // Last: another thread that finds the registry free must find the flock free too.
        drop(claim);
    }
}

/// Opens or creates the lock file. `None`: there is none, this directory cannot hold one, and a shared lock needs none.
fn open_lock_file(path: &Path, mode: LockMode) -> Result<Option<fs::File>> {
    let existing = if mode == LockMode::Exclusive { OpenMode::ReadWrite } else { OpenMode::Read };
    loop {
        match open_regular(path, existing) {
            Err(e) if is_not_found(&e) => {}
            other => return other.map(Some),
        }
        let error = match open_regular(path, OpenMode::CreateNew) {
            Ok(file) => return Ok(Some(file)),
            Err(error) => error,
        };
        match error.io_source().map(io::Error::kind) {
            // Somebody else made it in between.
            Some(io::ErrorKind::AlreadyExists) => {}
            Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) if mode == LockMode::Shared => {
                return Ok(None);
            }
            _ => return Err(error),
        }
    }
}

fn take_flock(file: &fs::File, path: &Path, mode: LockMode) -> Result<()> {
    let attempt = match mode {
        LockMode::Exclusive => file.try_lock(),
        LockMode::Shared => file.try_lock_shared(),
    };
    match attempt {
        Ok(()) => Ok(()),
        Err(fs::TryLockError::Error(e)) => Err(Error::io("lock", path, e)),
        Err(fs::TryLockError::WouldBlock) => {
            // A shared lock that can be had here means that only readers are in the way, and the pid in the file is stale.
            if mode == LockMode::Exclusive && file.try_lock_shared().is_ok() {
                return Err(locked(path, "open for reading in another process"));
            }
            Err(locked(
                path,
                match read_pid(file) {
                    Some(pid) => format!("open in process {pid}"),
                    None => "open in another process".to_owned(),
                },
            ))
        }
    }
}

fn locked(path: &Path, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Locked, message).with_file(path)
}

/// Leaves this process's number for whoever is refused. Only for people: the lock holds without it, so a full disk that
/// refuses these few bytes is no reason to refuse the open.
fn write_pid(file: &fs::File) {
    let text = format!("{}\n", std::process::id());
    let written = file.write_all_at(text.as_bytes(), 0).and_then(|()| file.set_len(text.len() as u64));
    if written.is_err() {
        file.set_len(0).ok();
    }
}

fn read_pid(file: &fs::File) -> Option<u32> {
    let mut text = [0; 16];
    let len = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..len]).ok()?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::fork::tests::{WaitingChild, give_up_root, in_child_process};
    use crate::env::fs::FileSystem;
    use crate::env::os_fs::OsFs;
    use std::os::unix::fs::PermissionsExt;

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_second_lock_in_one_process_is_refused_with_the_pid() {
        let dir = scratch();
        let os = OsFs::new();
        let path = dir.path().join("LOCK");
        let held = os.lock(&path, LockMode::Exclusive).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        for mode in [LockMode::Exclusive, LockMode::Shared] {
            let error = os.lock(&path, mode).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Locked);
            assert!(error.message().contains(&std::process::id().to_string()), "{error}");
        }
        drop(held);
        assert_eq!(fs::read_to_string(&path).unwrap(), "", "a pid that holds nothing is not named");
        let first = os.lock(&path, LockMode::Shared).unwrap();
        let second = os.lock(&path, LockMode::Shared).unwrap();
        assert_eq!(os.lock(&path, LockMode::Exclusive).unwrap_err().kind(), ErrorKind::Locked);
        drop((first, second));
        os.lock(&path, LockMode::Exclusive).unwrap();
    }

    #[test]
    fn another_process_is_refused_with_the_pid() {
        let dir = scratch();
        let path = dir.path().join("LOCK");
        let _held = OsFs::new().lock(&path, LockMode::Exclusive).unwrap();
        let pid = std::process::id().to_string();
        assert!(in_child_process(|| match OsFs::new().lock(&path, LockMode::Exclusive) {
            Err(e) => e.kind() == ErrorKind::Locked && e.message() == format!("open in process {pid}"),
            Ok(_) => false,
        }));
    }

    #[test]
    fn readers_in_another_process_are_named_as_readers() {
        let dir = scratch();
        let path = dir.path().join("LOCK");
        let _held = OsFs::new().lock(&path, LockMode::Shared).unwrap();
        fs::write(&path, "4242\n").unwrap();
        assert!(in_child_process(|| match OsFs::new().lock(&path, LockMode::Exclusive) {
            Err(e) => e.kind() == ErrorKind::Locked && e.message().contains("reading") && !e.message().contains("4242"),
            Ok(_) => false,
        }));
    }

    #[test]
    fn a_forked_child_cannot_free_its_parents_lock() {
        let dir = scratch();
        let os = OsFs::new();
        let path = dir.path().join("LOCK");
        let mut held = Some(os.lock(&path, LockMode::Exclusive).unwrap());
        assert!(in_child_process(|| {
            drop(held.take());
            OsFs::new().lock(&path, LockMode::Exclusive).is_err()
        }));
        // `held` was taken in the child only: memory is not shared.
        assert!(held.is_some());
        assert_eq!(os.lock(&path, LockMode::Exclusive).unwrap_err().kind(), ErrorKind::Locked);
        assert_ne!(fs::read_to_string(&path).unwrap(), "");
        drop(held);
        os.lock(&path, LockMode::Exclusive).unwrap();
    }

    #[test]
    fn a_child_that_lives_on_does_not_keep_the_lock() {
        let dir = scratch();
        let os = OsFs::new();
        let path = dir.path().join("LOCK");
        let held = os.lock(&path, LockMode::Exclusive).unwrap();
        let child = WaitingChild::new();
        drop(held);
        let again = in_child_process(|| OsFs::new().lock(&path, LockMode::Exclusive).is_ok());
        drop(child);
        assert!(again);
    }

    #[test]
    fn a_shared_lock_needs_no_lock_file_where_none_can_be_made() {
        let dir = scratch();
        // Root may write anywhere, so the child becomes somebody else, who may read the directory but not write it.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
        let path = dir.path().join("LOCK");
        assert!(in_child_process(|| {
            give_up_root();
            OsFs::new().lock(&path, LockMode::Shared).is_ok() && OsFs::new().lock(&path, LockMode::Exclusive).is_err()
        }));
    }
}
