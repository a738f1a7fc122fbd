//! [`Environment`]: where a database lives. Files, time, and who runs background work; everything else is options.
//!
//! Production uses [`Environment::system`]. Tests put a simulated filesystem and a clock of their own here, and run
//! background jobs inline so that the k-th operation of a script is the same in every run.

use crate::env::clock::{Clock, SystemClock};
use crate::env::fs::FileSystem;
use crate::env::os_fs::OsFs;
use crate::error::{Error, ErrorKind};
use crate::util::sync::Arc;

/// Who runs flushes, compactions and the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Executor {
    /// Threads of the database's own.
    #[default]
    Threads,
    /// The calling thread: at the end of a write, a flush, a compaction or an open, it runs all jobs that are due to
    /// their end before it returns.
    Inline,
}

/// Where a database lives.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its files.
    pub fs: Arc<dyn FileSystem>,
    /// Its time.
    pub clock: Arc<dyn Clock>,
    /// Who runs background work.
    pub executor: Executor,
    /// Asked about every 50 ms by a call that waits for background work or for a key: true makes it give up with `Cancelled`,
    /// as if it had not been made. For runtimes whose users press Ctrl-C. Asked without any lock, on the caller's thread.
    pub interrupted: Option<fn() -> bool>,
}

impl Environment {
    /// The operating system's files and time, and threads.
    pub fn system() -> Environment {
        let (fs, clock) = (Arc::new(OsFs::new()), Arc::new(SystemClock::new()));
        Environment { fs, clock, executor: Executor::Threads, interrupted: None }
    }

    /// `fs` with background work on the calling thread, for tests that count operations.
    pub fn inline(fs: Arc<dyn FileSystem>, clock: Arc<dyn Clock>) -> Environment {
        Environment { fs, clock, executor: Executor::Inline, interrupted: None }
    }
}

/// What a wait that was given up returns.
pub fn interrupted() -> Error {
    Error::new(ErrorKind::Cancelled, "the call was interrupted while it waited; nothing was changed")
}

impl Default for Environment {
    fn default() -> Self {
        Environment::system()
    }
}
