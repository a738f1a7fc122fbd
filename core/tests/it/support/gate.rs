//! [`Gate`]: a filesystem that holds back the files of a kind: whoever makes one of them waits until the gate opens. So a test
//! says what has happened and what has not while background threads run, without a clock.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use esker::Result;
use esker::env::fs::{File, FileLock, FileSystem, LockMode, OpenMode, Stat};
use esker::env::os_fs::OsFs;

/// The operating system's files; those whose names end in `held` are not made once so many are.
#[derive(Debug)]
pub struct Gate {
    fs: OsFs,
    held: &'static str,
    /// How many may still be made.
    passes: Mutex<usize>,
    opened: Condvar,
}

impl Gate {
    /// Lets `passes` files of the kind be made.
    pub fn new(held: &'static str, passes: usize) -> Arc<Gate> {
        Arc::new(Gate { fs: OsFs::new(), held, passes: Mutex::new(passes), opened: Condvar::new() })
    }

    /// Lets all be made from here on.
    pub fn open_for_good(&self) {
        *self.passes.lock().unwrap() = usize::MAX;
        self.opened.notify_all();
    }
}

impl FileSystem for Gate {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        if mode != OpenMode::Read && path.to_string_lossy().ends_with(self.held) {
            let mut passes = self.opened.wait_while(self.passes.lock().unwrap(), |passes| *passes == 0).unwrap();
            *passes = passes.saturating_sub(usize::from(*passes != usize::MAX));
        }
        self.fs.open(path, mode)
    }

    fn create_dir(&self, path: &Path) -> Result<bool> {
        self.fs.create_dir(path)
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>> {
        self.fs.list(dir)
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        self.fs.stat(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.fs.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.fs.link(from, to)
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.fs.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.fs.sync_dir(dir)
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn FileLock>> {
        self.fs.lock(path, mode)
    }

    fn random_u64(&self) -> u64 {
        self.fs.random_u64()
    }
}
