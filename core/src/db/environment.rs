//! [`Environment`]: where a database lives. Files, time, and who runs background work; everything else is options.
//!
//! Production uses [`Environment::system`]. Tests put a simulated filesystem and a clock of their own here, and run
//! background jobs inline so that the k-th operation of a script is the same in every run.

use crate::env::clock::{Clock, SystemClock};
use crate::env::fs::FileSystem;
use crate::env::os_fs::OsFs;
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
}

impl Environment {
    /// The operating system's files and time, and threads.
    pub fn system() -> Environment {
        Environment { fs: Arc::new(OsFs::new()), clock: Arc::new(SystemClock::new()), executor: Executor::Threads }
    }

    /// `fs` with background work on the calling thread, for tests that count operations.
    pub fn inline(fs: Arc<dyn FileSystem>, clock: Arc<dyn Clock>) -> Environment {
        Environment { fs, clock, executor: Executor::Inline }
    }
}

impl Default for Environment {
    fn default() -> Self {
        Environment::system()
    }
}
