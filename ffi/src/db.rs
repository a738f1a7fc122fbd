//! Databases: open, close, and what a handle knows of itself.
//!
//! An `esker_db` is a shell around the engine's handle that stays for the life of the process, on the list in
//! `handle.rs`. The engine answers every call after a close with `Closed`, at the price of one load, and lets go of
//! memory, threads and files at the close itself; so a pointer to a shell is good for ever, and no order of calls is
//! undefined.
//!
//! # In the header
//! Databases
//!
//! A database is a directory of files. One process opens it at a time, once; any number of threads share the handle.

use std::ffi::c_char;
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::AtomicPtr;

use engine::{ColumnFamily, Db, ErrorKind, Options, Result};

use crate::bytes::{path, text};
use crate::callback::{Gate, Inside};
use crate::error::{ErrorOut, esker_error};
use crate::handle::{Handle, borrow, keep, required};
use crate::options::esker_options;
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// An open database. Ends with esker_close(); the few bytes behind the pointer stay, so that a use after that is
/// ESKER_CLOSED and nothing worse.
pub struct esker_db {
    engine: Db,
    /// What calls without a column family mean.
    pub(crate) default: ColumnFamily,
    /// Of the callbacks it was opened with, if there are any.
    gate: Option<Arc<Gate>>,
    /// The shell made before this one.
    pub(crate) older: AtomicPtr<esker_db>,
}

impl Handle for esker_db {
    const NAME: &'static str = "esker_db";
}

impl esker_db {
    fn new(engine: Db, gate: Option<Arc<Gate>>) -> esker_db {
        esker_db { default: engine.default_family(), engine, gate, older: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered { shell: self, _inside: self.gate.as_ref().and_then(|gate| gate.enter()) }
    }
}

/// The engine of a database with a call in it, which may call back.
pub(crate) struct Entered<'a> {
    shell: &'a esker_db,
    _inside: Option<Inside<'a>>,
}

impl<'a> Entered<'a> {
    /// What calls without a column family mean.
    pub(crate) fn default_family(&self) -> &'a ColumnFamily {
        &self.shell.default
    }

    /// For children, whose own calls enter it.
    pub(crate) fn gate(&self) -> Option<Arc<Gate>> {
        self.shell.gate.clone()
    }
}

impl Deref for Entered<'_> {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.shell.engine
    }
}

/// The engine behind a handle.
///
/// # Safety
/// As for [`required`].
pub(crate) unsafe fn engine<'a>(db: *const esker_db) -> Result<Entered<'a>> {
    // SAFETY: the same contract.
    unsafe { required(db) }.map(esker_db::enter)
}

/// Opens the database in the directory `path`, and creates it if there is none (unless "create_if_missing" is
/// "false").
///
/// Recovers what a crash left. No process may have the database open, this one included.
///
/// @param[in]  path     a C string, in the encoding of the file system
/// @param[in]  options  NULL: the defaults
/// @param[out] db       the database, to end with esker_close(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (with an error: no database there, and it must not be created),
///         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_LOCKED (the error says by whom),
///         ESKER_NO_SPACE, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_FORMAT, ESKER_PANIC
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_open(
    path: *const c_char,
    options: *const esker_options,
    db: *mut *mut esker_db,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, db, path, options) = unsafe { (ErrorOut::new(error), Out::new(db), self::path(path), borrow(options)) };
    boundary("esker_open", error, || {
        let mut db = db.required("db")?;
        let (options, gate) = esker_options::for_one(options)?;
        db.set(keep(esker_db::new(open_engine(path?, &options)?, gate)).cast_mut());
        Ok(ESKER_OK)
    })
}

/// Opens the engine; under the feature `inject-panic` on files that can be told to fail.
fn open_engine(path: &Path, options: &Options) -> Result<Db> {
    #[cfg(feature = "inject-panic")]
    return crate::inject::open(path, options);
    #[cfg(not(feature = "inject-panic"))]
    Db::open(path, options)
}

/// Closes a database: everything written is on the medium when it returns ESKER_OK.
///
/// Calls that wait or run long in other threads return ESKER_CLOSED or ESKER_CANCELLED; running reads finish. The
/// directory can be opened again at once, even while iterators, snapshots and values live. Whatever this returns,
/// the database is closed; after a failure the next esker_open() recovers as after a crash. In a forked child it
/// touches no file.
///
/// @param[in]  db     NULL: nothing happens. The pointer stays good: every later call with it is ESKER_CLOSED
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_IO, ESKER_CLOSED (it was closed before), ESKER_NO_SPACE, ESKER_POISONED, ESKER_BUSY,
///         ESKER_PANIC
///
/// Threads: any number at once, also while others are in calls. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_close(db: *const esker_db, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 3 and 6.
    let (error, db) = unsafe { (ErrorOut::new(error), borrow(db)) };
    boundary("esker_close", error, || {
        let Some(db) = db else { return Ok(ESKER_OK) };
        close(db)?;
        Ok(ESKER_OK)
    })
}

/// Closes the engine, and what waits for that.
fn close(db: &esker_db) -> Result<()> {
    match db.engine.close().map_err(|failure| (failure.kind(), failure)) {
        // In a forked child the engine touches nothing, and there was nothing to do.
        Err((ErrorKind::Forked, _)) => Ok(()),
        Err((ErrorKind::Closed, failure)) => Err(failure),
        closed => {
            if let Some(gate) = &db.gate {
                gate.close();
            }
            // Nobody can ask a closed handle for its records any more; they would stay with the shell.
            drop(db.engine.drain_log());
            closed.map_err(|(_, failure)| failure)
        }
    }
}

/// Tells whether a database was closed.
///
/// @param[in] db  the database
/// @return 1 if it is closed, or NULL; 0 if it is open
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_is_closed(db: *const esker_db) -> u8 {
    // SAFETY: convention 9.
    let db = unsafe { borrow(db) };
    caught("esker_is_closed", || db.is_none_or(|db| db.engine.is_closed())).map_or(1, u8::from)
}

/// Tells whether an earlier failure made a database read-only, and which.
///
/// @param[in]  db     the database
/// @param[out] error  [own] NULL, or where to put the failure: the first one, with its own message, file and offset
/// @return ESKER_OK (it is healthy), ESKER_POISONED, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_poisoned(db: *const esker_db, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, db) = unsafe { (ErrorOut::new(error), engine(db)) };
    boundary("esker_poisoned", error, || {
        let reason = open(db?)?.poisoned().map(|reason| reason.with_kind(ErrorKind::Poisoned));
        reason.map_or(Ok(ESKER_OK), Err)
    })
}

/// The directory of a database, as it was passed to esker_open().
///
/// @param[in]  db     the database
/// @param[out] path   [own] the path, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_path(
    db: *const esker_db,
    path: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, path, db) = unsafe { (ErrorOut::new(error), Out::new(path), engine(db)) };
    boundary("esker_path", error, || {
        let mut path = path.required("path")?;
        path.give(esker_value::text(open(db?)?.path().as_os_str().as_bytes()));
        Ok(ESKER_OK)
    })
}

/// Reads an option that a database was opened with, as text.
///
/// @param[in]  db     the database
/// @param[in]  name   a C string; esker_options_name() lists them
/// @param[out] value  [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_get_option(
    db: *const esker_db,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, value, db, name) = unsafe { (ErrorOut::new(error), Out::new(value), engine(db), text(name, "name")) };
    boundary("esker_get_option", error, || {
        let mut value = value.required("value")?;
        value.give(esker_value::text(open(db?)?.options().get(name?)?));
        Ok(ESKER_OK)
    })
}

/// Refuses a closed database and a forked child, for the calls that the engine would answer from memory.
pub(crate) fn open(db: Entered<'_>) -> Result<Entered<'_>> {
    db.check_open()?;
    Ok(db)
}
