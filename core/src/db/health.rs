//! [`Health`]: whether calls may go on. Open or closed, writable or poisoned, parent or forked child.
//!
//! Shared by the database and every child handle (iterator, snapshot), which may outlive it: after a close they read one
//! word here and answer `Closed`. Poisoning keeps the *first* reason; reads go on. Any thread, one load per check.

use crate::db::info_log::{InfoLog, LogLevel};
use crate::env::fork::{self, ForkMark};
use crate::error::{Error, ErrorKind, Result};
use crate::util::sync::Mutex;
use crate::util::sync::atomic::{AtomicBool, Ordering};

/// Whether calls on a database may go on, and why not.
#[derive(Debug)]
pub struct Health {
    closed: AtomicBool,
    poisoned: AtomicBool,
    read_only: bool,
    opened_in: ForkMark,
    reason: Mutex<Option<Error>>,
    log: InfoLog,
}

impl Health {
    /// Open and well; `read_only` refuses writes for good. What becomes of it is told to `log`.
    pub fn new(read_only: bool, log: InfoLog) -> Health {
        Health {
            closed: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            read_only,
            opened_in: fork::register(),
            reason: Mutex::new(None),
            log,
        }
    }

    /// What the engine has to tell.
    pub fn log(&self) -> &InfoLog {
        &self.log
    }

    /// Whether this is a forked child's copy of the handle, in which nothing may be touched. One load.
    pub fn in_forked_child(&self) -> bool {
        self.opened_in.in_forked_child()
    }

    /// `Ok` if reads may go on.
    pub fn check_open(&self) -> Result<()> {
        if self.in_forked_child() {
            let message = "this handle belongs to the parent process; open the database again";
            return Err(Error::new(ErrorKind::Forked, message));
        }
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the database is closed"));
        }
        Ok(())
    }

    /// What a read returns that met `error`. After a close the directory may be another open's, which removes what it does not need:
    /// what the read misses then is no damage.
    pub fn explain(&self, error: Error) -> Error {
        self.check_open().err().unwrap_or(error)
    }

    /// `Ok` if writes may go on.
    pub fn check_writable(&self) -> Result<()> {
        self.check_open()?;
        if self.read_only {
            return Err(Error::new(ErrorKind::ReadOnly, "the database was opened read-only"));
        }
        if self.poisoned.load(Ordering::Acquire) {
            return Err(self.poisoned_error());
        }
        Ok(())
    }

    /// Marks it closed; true for the one caller that closed it.
    pub fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Makes the handle read-only until it is opened again. The first reason stays.
    pub fn poison(&self, reason: Error) {
        let told = {
            let mut slot = self.reason.lock();
            let told = slot.is_none().then(|| format!("read-only until it is opened again: {reason}"));
            slot.get_or_insert(reason);
            told
        };
        self.poisoned.store(true, Ordering::Release);
        if let Some(text) = told {
            self.log.push(LogLevel::Error, "poisoned", text);
        }
    }

    /// Why the handle is read-only, if a failure made it so.
    pub fn poisoned(&self) -> Option<Error> {
        if !self.poisoned.load(Ordering::Acquire) {
            return None;
        }
        self.reason.lock().clone()
    }

    /// What a write on a poisoned handle returns: the first reason under its own kind.
    fn poisoned_error(&self) -> Error {
        match self.poisoned() {
            Some(reason) => {
                reason.context("read-only until reopened, after an earlier failure").with_kind(ErrorKind::Poisoned)
            }
            None => Error::new(ErrorKind::Poisoned, "read-only until reopened, after an earlier failure"),
        }
    }
}

/// Poisons on drop unless it is disarmed: a panic between taking it and [`PoisonOnPanic::disarm`] leaves a database that
/// refuses writes instead of one that is half changed.
pub struct PoisonOnPanic<'a> {
    health: &'a Health,
    doing: &'static str,
    armed: bool,
}

impl<'a> PoisonOnPanic<'a> {
    /// Armed; `doing` says what was going on.
    pub fn new(health: &'a Health, doing: &'static str) -> PoisonOnPanic<'a> {
        PoisonOnPanic { health, doing, armed: true }
    }

    /// The danger is over.
    pub fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for PoisonOnPanic<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.health.poison(Error::new(ErrorKind::Panic, format!("a panic during {}", self.doing)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        let health = Health::new(false, InfoLog::default());
        assert!(health.poisoned().is_none() && health.check_writable().is_ok());
        health.poison(Error::new(ErrorKind::Io, "sync failed").with_file("000003.wal"));
        health.poison(Error::new(ErrorKind::Io, "another"));
        let error = health.check_writable().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        assert!(error.message().ends_with("sync failed"), "{error}");
        assert!(health.check_open().is_ok(), "reads go on");
        let told: Vec<_> = health.log().drain().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with("error poisoned: read-only") && told[0].contains("sync failed"), "{told:?}");
    }

    #[test]
    fn only_one_caller_closes() {
        let health = Health::new(false, InfoLog::default());
        assert!(health.close() && !health.close());
        assert_eq!(health.check_open().unwrap_err().kind(), ErrorKind::Closed);
    }

    #[test]
    fn a_panic_in_a_writing_path_poisons() {
        let health = Health::new(false, InfoLog::default());
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = PoisonOnPanic::new(&health, "a commit");
            panic!("boom");
        }));
        assert!(result.is_err());
        assert_eq!(health.poisoned().map(|e| e.kind()), Some(ErrorKind::Panic));
        let guard = PoisonOnPanic::new(&health, "nothing");
        guard.disarm();
    }
}
