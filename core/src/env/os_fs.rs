//! [`OsFs`]: the machine's files. The only file of the engine that asks the operating system for them.
//!
//! Where it sits: below everything, behind [`FileSystem`]. Invariants: a file is opened without following a symlink in its
//! last component, is regular (checked on the open descriptor, so that no swap of names can cheat), has a descriptor above
//! those of standard input, output and error, is closed across `exec`, and is made 0600 (directories 0700) whatever the umask.
//! Every error names the file. Thread rule: any thread; there is no state but the registry in `lock`.
#![expect(unsafe_code, reason = "fallocate, fcntl and getrandom have no safe form in std")]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::env::fs::{File, FileLock, FileSystem, FileType, LockMode, OpenMode, Stat};
use crate::env::os_lock;
use crate::error::{Error, Result};
use crate::util::sync::Arc;

const FILE_PERMISSIONS: u32 = 0o600;
const DIRECTORY_PERMISSIONS: u32 = 0o700;

/// How much is written at a time where space can only be reserved by writing zeros.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// The operating system's filesystem.
#[derive(Clone, Debug, Default)]
pub struct OsFs(());

impl OsFs {
    /// The operating system's filesystem.
    pub fn new() -> OsFs {
        OsFs(())
    }
}

impl FileSystem for OsFs {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let file = open_regular(path, mode)?;
        Ok(Arc::new(OsFile { file, path: path.to_path_buf() }))
    }

    fn create_dir(&self, path: &Path) -> Result<bool> {
        let failed = |e| Error::io("create directory", path, e);
        match fs::DirBuilder::new().mode(DIRECTORY_PERMISSIONS).create(path) {
            Ok(()) => {}
            // The directory itself may well be reached through a symlink: it is the caller's choice where data lives.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return if fs::metadata(path).map_err(failed)?.is_dir() { Ok(false) } else { Err(failed(e)) };
            }
            Err(e) => return Err(failed(e)),
        }
        let directory = open_directory(path).map_err(failed)?;
        directory.set_permissions(fs::Permissions::from_mode(DIRECTORY_PERMISSIONS)).map_err(failed)?;
        self.sync_dir(parent_of(path))?;
        Ok(true)
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>> {
        let failed = |e| Error::io("list directory", dir, e);
        let mut names = Vec::new();
        for entry in fs::read_dir(dir).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        Ok(names)
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(Stat { len: metadata.len(), file_type: file_type(&metadata) })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("stat", path, e)),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|e| Error::io("rename", from, e).context(format!("to {}", to.display())))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        fs::hard_link(from, to).map_err(|e| Error::io("link", from, e).context(format!("to {}", to.display())))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|e| Error::io("remove", path, e))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        open_directory(dir).and_then(|d| d.sync_all()).map_err(|e| Error::io("sync directory", dir, e))
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn FileLock>> {
        os_lock::lock(path, mode)
    }

    fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        // SAFETY: the pointer and length are those of `bytes`, which the call may fill.
        while unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) } != bytes.len() as isize {
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return random_without_getrandom();
            }
        }
        u64::from_ne_bytes(bytes)
    }
}

/// For a sandbox that forbids getrandom: a hash under std's own random keys, of what differs between processes and calls.
fn random_without_getrandom() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    let here = 0u8;
    RandomState::new().hash_one((std::process::id(), std::ptr::from_ref(&here).addr()))
}

fn file_type(metadata: &fs::Metadata) -> FileType {
    let kind = metadata.file_type();
    if kind.is_file() {
        FileType::Regular
    } else if kind.is_dir() {
        FileType::Directory
    } else {
        FileType::Other
    }
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn open_directory(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY).open(path)
}

pub(crate) fn open_regular(path: &Path, mode: OpenMode) -> Result<fs::File> {
    let failed = |e| Error::io("open", path, e);
    let mut options = fs::OpenOptions::new();
    options.read(true).mode(FILE_PERMISSIONS);
    match mode {
        OpenMode::Read => {}
        OpenMode::ReadWrite => _ = options.write(true),
        OpenMode::CreateNew => _ = options.write(true).create_new(true),
    }
    // O_NONBLOCK: a pipe with the name of a table must be refused, not waited for. Regular files do not know the flag. std
    // adds O_CLOEXEC.
    options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        // Not InvalidInput, which `Error::io` takes for a bad argument: the caller asked for a fair name, somebody put a pipe there.
        return Err(failed(io::Error::other("not a regular file")));
    }
    let file = above_standard_streams(file).map_err(failed)?;
    if mode == OpenMode::CreateNew {
        file.set_permissions(fs::Permissions::from_mode(FILE_PERMISSIONS)).map_err(failed)?;
    }
    Ok(file)
}

/// Moves a file off descriptors 0 to 2: in a process that closed its standard error, the next file opened becomes it, and the
/// next message anybody prints would go into a table.
fn above_standard_streams(file: fs::File) -> io::Result<fs::File> {
    if file.as_raw_fd() > 2 {
        return Ok(file);
    }
    // SAFETY: F_DUPFD_CLOEXEC makes a new descriptor (at least 3) of one that is open and stays so during the call.
    let descriptor = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made just now and belongs to nobody else.
    Ok(fs::File::from(unsafe { OwnedFd::from_raw_fd(descriptor) }))
}

/// An open file of the operating system.
#[derive(Debug)]
struct OsFile {
    file: fs::File,
    path: PathBuf,
}

impl OsFile {
    fn failed(&self, verb: &str) -> impl Fn(io::Error) -> Error {
        move |e| Error::io(verb, &self.path, e)
    }

    fn extend(&self, from: u64, end: u64) -> io::Result<()> {
        match fallocate(&self.file, end) {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS)) => {
                let mut at = from;
                while at < end {
                    let step = (end - at).min(ZEROS.len() as u64);
                    self.file.write_all_at(&ZEROS[..step as usize], at)?;
                    at += step;
                }
                Ok(())
            }
            other => other,
        }
    }
}

/// Reserves blocks for bytes 0 to `end` and makes the file that long.
fn fallocate(file: &fs::File, end: u64) -> io::Result<()> {
    let end = libc::off64_t::try_from(end).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
    loop {
        // SAFETY: the descriptor is open for the whole call; no memory is passed.
        if unsafe { libc::fallocate64(file.as_raw_fd(), 0, 0, end) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

impl File for OsFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match self.file.read_at(&mut buf[done..], offset.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed("read")(e).with_offset(offset)),
            }
        }
        Ok(done)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        // std's loop: interrupted calls are repeated, short writes continued.
        self.file.write_all_at(buf, offset).map_err(|e| self.failed("write")(e).with_offset(offset))
    }

    fn allocate(&self, end: u64) -> Result<()> {
        let len = self.len()?;
        // Also when the file is that long already: it may have holes.
        let reserved = self.extend(len, end);
        if reserved.is_err() && self.len()? > len {
            // ext4 keeps what it had reserved when the disk filled up. Nobody may count on it, so it goes back.
            self.truncate(len)?;
        }
        reserved.map_err(self.failed("allocate"))
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(self.failed("truncate"))
    }

    fn sync(&self) -> Result<()> {
        // fdatasync: the length and the block map are made durable too, the time of the last change is not.
        self.file.sync_data().map_err(self.failed("sync"))
    }

    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(self.failed("stat"))?.len())
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::fork::tests::in_child_process;
    use crate::env::fs::{is_not_found, read_small_file};
    use crate::error::ErrorKind;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

    fn scratch() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = scratch();
        let path = dir.path().join("f");
        let file = OsFs::new().open(&path, OpenMode::CreateNew).unwrap();
        file.write_at(b"hello", 3).unwrap();
        file.sync().unwrap();
        let mut buf = [9; 16];
        assert_eq!(file.read_at(&mut buf, 0).unwrap(), 8);
        assert_eq!(&buf[..8], b"\0\0\0hello");
        assert_eq!(file.read_at(&mut buf, 8).unwrap(), 0);
        assert_eq!(file.read_at(&mut buf, 1 << 40).unwrap(), 0);
        assert_eq!(read_small_file(&OsFs::new(), &path, 100).unwrap(), b"\0\0\0hello");
    }

    #[test]
    fn an_impossible_offset_is_an_error() {
        let dir = scratch();
        let file = OsFs::new().open(&dir.path().join("f"), OpenMode::CreateNew).unwrap();
        assert_eq!(file.read_at(&mut [0; 4], u64::MAX).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(file.write_at(&[0; 4], u64::MAX - 1).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(file.allocate(u64::MAX).unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(file.len().unwrap(), 0);
    }

    #[test]
    fn create_new_never_takes_over_an_existing_file() {
        let dir = scratch();
        let path = dir.path().join("f");
        fs::write(&path, b"theirs").unwrap();
        let error = OsFs::new().open(&path, OpenMode::CreateNew).unwrap_err();
        assert_eq!(error.io_source().unwrap().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
    }

    #[test]
    fn a_missing_file_is_told_as_such() {
        let dir = scratch();
        let error = OsFs::new().open(&dir.path().join("none"), OpenMode::Read).unwrap_err();
        assert!(is_not_found(&error));
        assert_eq!(error.file(), Some(&*dir.path().join("none")));
        assert_eq!(OsFs::new().stat(&dir.path().join("none")).unwrap(), None);
    }

    #[test]
    fn symlinks_pipes_and_directories_are_refused() {
        let dir = scratch();
        let os = OsFs::new();
        fs::write(dir.path().join("target"), b"x").unwrap();
        symlink(dir.path().join("target"), dir.path().join("link")).unwrap();
        let pipe = dir.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        for name in ["link", "pipe", "."] {
            for mode in [OpenMode::Read, OpenMode::ReadWrite] {
                assert_eq!(os.open(&dir.path().join(name), mode).unwrap_err().kind(), ErrorKind::Io, "{name}");
            }
        }
        assert_eq!(os.stat(&dir.path().join("link")).unwrap().unwrap().file_type, FileType::Other);
        assert_eq!(os.stat(&pipe).unwrap().unwrap().file_type, FileType::Other);
        assert_eq!(os.stat(dir.path()).unwrap().unwrap().file_type, FileType::Directory);
        assert!(os.lock(&dir.path().join("link"), LockMode::Exclusive).is_err());
    }

    #[test]
    fn permissions_do_not_depend_on_the_umask() {
        for umask in [0, 0o777] {
            let dir = scratch();
            let (file, sub) = (dir.path().join("f"), dir.path().join("d"));
            let made = in_child_process(|| {
                // SAFETY: umask only replaces a number of the process.
                unsafe { libc::umask(umask) };
                // A directory of mode 0 can only be opened by root.
                let sub_made = umask != 0 || OsFs::new().create_dir(&sub).is_ok();
                OsFs::new().open(&file, OpenMode::CreateNew).is_ok() && sub_made
            });
            assert!(made);
            assert_eq!(mode_of(&file), 0o600);
            assert!(umask != 0 || mode_of(&sub) == 0o700);
        }
    }

    #[test]
    fn descriptors_stay_off_the_standard_streams() {
        let dir = scratch();
        let path = dir.path().join("f");
        assert!(in_child_process(|| {
            // SAFETY: the child prints nothing, so its standard streams are its own to close.
            unsafe { (libc::close(0), libc::close(1), libc::close(2)) };
            match open_regular(&path, OpenMode::CreateNew) {
                Ok(file) => file.as_raw_fd() > 2 && file.write_all_at(b"x", 0).is_ok(),
                Err(_) => false,
            }
        }));
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn descriptors_are_closed_across_exec() {
        let dir = scratch();
        let file = open_regular(&dir.path().join("f"), OpenMode::CreateNew).unwrap();
        // SAFETY: F_GETFD only reads a flag.
        let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) };
        assert_ne!(flags & libc::FD_CLOEXEC, 0);
    }

    #[test]
    fn allocate_reserves_blocks_and_keeps_content() {
        let dir = scratch();
        let path = dir.path().join("f");
        let file = OsFs::new().open(&path, OpenMode::CreateNew).unwrap();
        file.write_at(b"head", 0).unwrap();
        file.allocate(1 << 20).unwrap();
        assert_eq!(file.len().unwrap(), 1 << 20);
        assert!(fs::metadata(&path).unwrap().blocks() * 512 >= 1 << 20);
        let mut buf = [1; 8];
        file.read_at(&mut buf, 0).unwrap();
        assert_eq!(&buf, b"head\0\0\0\0");
        file.allocate(10).unwrap();
        assert_eq!(file.len().unwrap(), 1 << 20, "allocate never shortens");
        file.truncate(4).unwrap();
        assert_eq!(file.len().unwrap(), 4);
    }

    #[test]
    fn a_full_filesystem_is_told_as_such_and_keeps_its_reservations() {
        let dir = scratch();
        let run = |program: &str, arguments: &[&str]| {
            let mut command = std::process::Command::new(program);
            command.args(arguments).arg(dir.path()).output().is_ok_and(|output| output.status.success())
        };
        if !run("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs"]) {
            println!("SKIPPED: mounting needs root");
            return;
        }
        let os = OsFs::new();
        let reserved = os.open(&dir.path().join("a"), OpenMode::CreateNew).unwrap();
        reserved.allocate(512 << 10).unwrap();
        let refused = reserved.allocate(2 << 20).unwrap_err();
        let len = reserved.len().unwrap();
        let filler = os.open(&dir.path().join("b"), OpenMode::CreateNew).unwrap();
        let full = filler.write_at(&vec![1; 1 << 20], 0).unwrap_err();
        let written = reserved.write_at(&vec![2; 512 << 10], 0).and_then(|()| reserved.sync());
        drop((reserved, filler));
        assert!(run("umount", &[]));
        assert_eq!((refused.kind(), full.kind()), (ErrorKind::NoSpace, ErrorKind::NoSpace));
        assert_eq!(len, 512 << 10, "what was refused leaves the length as it was");
        written.unwrap();
    }

    #[test]
    fn directories_are_made_once_and_listed() {
        let dir = scratch();
        let os = OsFs::new();
        let sub = dir.path().join("db");
        assert!(os.create_dir(&sub).unwrap());
        assert!(!os.create_dir(&sub).unwrap());
        os.open(&sub.join("a"), OpenMode::CreateNew).unwrap();
        os.rename(&sub.join("a"), &sub.join("b")).unwrap();
        os.sync_dir(&sub).unwrap();
        assert_eq!(os.list(&sub).unwrap(), [OsString::from("b")]);
        os.remove(&sub.join("b")).unwrap();
        assert!(os.list(&sub).unwrap().is_empty());
        assert!(os.remove(&sub.join("b")).is_err());
        assert!(os.rename(&sub.join("b"), &sub.join("c")).is_err());
        fs::write(sub.join("file"), b"").unwrap();
        assert!(os.create_dir(&sub.join("file")).is_err());
    }

    #[test]
    fn a_relative_path_has_a_parent_to_sync() {
        assert_eq!(parent_of(Path::new("db")), Path::new("."));
        assert_eq!(parent_of(Path::new("/db")), Path::new("/"));
    }

    #[test]
    fn random_numbers_differ() {
        let os = OsFs::new();
        assert_ne!(os.random_u64(), os.random_u64());
        assert_ne!(random_without_getrandom(), random_without_getrandom());
    }
}
