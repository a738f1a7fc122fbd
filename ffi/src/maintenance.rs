//! Care of a database: pushing work to disk, numbers, checks, and its end.
//!
//! # In the header
//! Care
//!
//! The engine flushes and compacts by itself; these are for programs that want it now, or want to look.

use std::ffi::c_char;

use engine::{Db, Error, ErrorKind, InspectOptions, Result, StatsFormat, VerifyReport};

use crate::bytes::{array, path as path_of, text};
use crate::db::{engine, esker_db};
use crate::error::{ErrorOut, esker_error};
use crate::family::{esker_cf, target};
use crate::handle::borrow;
use crate::names::esker_names;
use crate::options::esker_options;
use crate::out::Out;
use crate::panic::boundary;
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// Makes everything written so far survive a power cut.
///
/// @param[in]  db     the database
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
///         ESKER_POISONED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_sync(db: *const esker_db, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, db) = unsafe { (ErrorOut::new(error), engine(db)) };
    boundary("esker_sync", error, || {
        db?.sync()?;
        Ok(ESKER_OK)
    })
}

/// Writes what is in memory to tables, and returns when that is done.
///
/// @param[in]  db     the database
/// @param[in]  cf     NULL: every column family
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
///         ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_flush(
    db: *const esker_db,
    cf: *const esker_cf,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, db, cf) = unsafe { (ErrorOut::new(error), engine(db), borrow(cf)) };
    boundary("esker_flush", error, || {
        match cf {
            Some(cf) => db?.flush_family(&cf.family)?,
            None => db?.flush()?,
        }
        Ok(ESKER_OK)
    })
}

/// Makes a second database that holds what this one holds now: every column family, as of one write. It shares the
/// tables by hard links where the file system can, and costs little then; elsewhere they are copied. Writes go on
/// meanwhile, and later ones touch only one of the two.
///
/// Once it returned ESKER_OK all of it is durable, and it may be opened, here or elsewhere. What a crash leaves of an
/// unfinished one is an empty directory, or one that does not open. After an error what was made of it is removed.
///
/// @param[in]  db     the database
/// @param[in]  path   a C string, in the encoding of the file system: a directory that is empty or not there yet, in
///                    one that is
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (there is something in `path`), ESKER_IO, ESKER_LOCKED, ESKER_CLOSED,
///         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_BUSY, ESKER_CANCELLED,
///         ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_checkpoint(
    db: *const esker_db,
    path: *const c_char,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, db, target) = unsafe { (ErrorOut::new(error), engine(db), path_of(path)) };
    boundary("esker_checkpoint", error, || {
        db?.checkpoint(target?)?;
        Ok(ESKER_OK)
    })
}

/// Compacts the keys from `start` on and before `end`, and returns when that is done: deleted data is gone from the
/// disk after it.
///
/// @param[in]  db                the database
/// @param[in]  cf                NULL: the default column family
/// @param[in]  start, start_len  NULL, 0: from the first key on
/// @param[in]  end, end_len      NULL, 0: up to the last key
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_READ_ONLY,
///         ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_compact_range(
    db: *const esker_db,
    cf: *const esker_cf,
    start: *const u8,
    start_len: usize,
    end: *const u8,
    end_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, target) = unsafe { (ErrorOut::new(error), target(db, cf)) };
    // SAFETY: convention 7.
    let (from, to) = unsafe { (array(start, start_len, "start"), array(end, end_len, "end")) };
    boundary("esker_compact_range", error, || {
        let (db, family) = target?;
        let (from, to) = (from?, to?);
        db.compact_range_in(family, (!start.is_null()).then_some(from), (!end.is_null()).then_some(to))?;
        Ok(ESKER_OK)
    })
}

/// Numbers about a database: levels, memory, cache, stalls, what was read and written.
///
/// @param[in]  db      the database
/// @param[in]  format  "text" for people, "json" or "prometheus" for programs; NULL: "text"
/// @param[out] value   [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error   [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_stats(
    db: *const esker_db,
    format: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    let format = if format.is_null() { c"text".as_ptr() } else { format };
    // SAFETY: conventions 6 to 9.
    let (error, value, db, format) =
        unsafe { (ErrorOut::new(error), Out::new(value), engine(db), text(format, "format")) };
    boundary("esker_stats", error, || {
        let mut value = value.required("value")?;
        let (db, format) = (db?, StatsFormat::parse(format?)?);
        value.give(esker_value::text(db.stats()?.render(format)));
        Ok(ESKER_OK)
    })
}

/// What the engine did of its own accord since the last call, as JSON lines, the oldest first: it opened, flushed,
/// compacted, made writes wait, failed at something.
///
/// A line is `{"time_ms":1795182098000,"level":"info","what":"flush","text":"..."}`. `level` is "info", "warning" or
/// "error"; `what` is "open", "flush", "compaction", "stall", "background", "poisoned", "family", "close" or "lost".
/// The engine keeps the latest 1024 records; when older ones had to give way, the first line says how many.
///
/// @param[in]  db       the database
/// @param[out] records  [own] the lines, each with a newline at its end; empty if there are none; to free with
///                      esker_value_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once; each record goes to one of them. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_drain_log(
    db: *const esker_db,
    records: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, records, db) = unsafe { (ErrorOut::new(error), Out::new(records), engine(db)) };
    boundary("esker_drain_log", error, || {
        let mut records = records.required("records")?;
        let db = db?;
        // The engine would still tell of its close; a closed handle answers nothing else either.
        db.check_open()?;
        let lines: String = db.drain_log()?.iter().map(|record| record.to_json() + "\n").collect();
        records.give(esker_value::text(lines));
        Ok(ESKER_OK)
    })
}

/// One of those numbers by its name, as in "latest_seqno" or "levels".
///
/// @param[in]  db     the database
/// @param[in]  name   a C string; esker_property_names() lists them
/// @param[out] value  [own] the number as text, or rows as JSON, to free with esker_value_free(); NULL unless
///                    ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error; it offers the nearest name for an unknown one
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_property(
    db: *const esker_db,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, value, db, name) = unsafe { (ErrorOut::new(error), Out::new(value), engine(db), text(name, "name")) };
    boundary("esker_property", error, || {
        let mut value = value.required("value")?;
        value.give(esker_value::text(db?.property(name?)?));
        Ok(ESKER_OK)
    })
}

/// The names that esker_property() knows.
///
/// @param[in]  db     the database
/// @param[out] names  [own] the names, to free with esker_names_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_property_names(
    db: *const esker_db,
    names: *mut *mut esker_names,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, names, db) = unsafe { (ErrorOut::new(error), Out::new(names), engine(db)) };
    boundary("esker_property_names", error, || {
        let mut names = names.required("names")?;
        let stats = db?.stats()?;
        names.give(esker_names::of(stats.entries().iter().map(|(name, _)| (*name).to_owned()).collect()));
        Ok(ESKER_OK)
    })
}

/// About how many bytes the keys from `start` on and before `end` take on disk. What is in memory yet does not
/// count. Reads indexes only, and is off by a block for each table at most.
///
/// @param[in]  db                the database
/// @param[in]  cf                NULL: the default column family
/// @param[in]  start, start_len  NULL, 0: from the first key on
/// @param[in]  end, end_len      NULL, 0: up to the last key
/// @param[out] bytes             how many
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_approximate_size(
    db: *const esker_db,
    cf: *const esker_cf,
    start: *const u8,
    start_len: usize,
    end: *const u8,
    end_len: usize,
    bytes: *mut u64,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, bytes, target) = unsafe { (ErrorOut::new(error), Out::new(bytes), target(db, cf)) };
    // SAFETY: convention 7.
    let (from, to) = unsafe { (array(start, start_len, "start"), array(end, end_len, "end")) };
    boundary("esker_approximate_size", error, || {
        let mut bytes = bytes.required("bytes")?;
        let (from, to) = (from?, to?);
        let (start, end) = ((!start.is_null()).then_some(from), (!end.is_null()).then_some(to));
        let (db, family) = target?;
        bytes.set(db.approximate_size_in(family, start, end)?);
        Ok(ESKER_OK)
    })
}

/// Reads and checks every file of a database that is not open. Writes nothing.
///
/// @param[in]  path     a C string, in the encoding of the file system
/// @param[in]  options  NULL, or what has the comparators of the database; nothing else in them has a meaning here
/// @param[out] report   [own] what was checked, as text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error: with ESKER_CORRUPTION it has the file and offset of
///                      the first problem, and its message is the whole report
/// @return ESKER_OK (all is well), ESKER_CORRUPTION, ESKER_NOT_FOUND (with an error: no database there),
///         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_LOCKED, ESKER_FORKED, ESKER_FORMAT, ESKER_PANIC
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_verify(
    path: *const c_char,
    options: *const esker_options,
    report: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, report, path, options) =
        unsafe { (ErrorOut::new(error), Out::new(report), self::path_of(path), borrow(options)) };
    boundary("esker_verify", error, || {
        let mut report = report.required("report")?;
        // The gate stays to the end of the call: comparators work while it is there.
        let (options, _gate) = esker_options::for_one(options)?;
        report.give(esker_value::text(verdict(&Db::verify_with(path?, &options)?)?));
        Ok(ESKER_OK)
    })
}

/// The text of a report without problems; problems are one error, about the first of them.
fn verdict(report: &VerifyReport) -> Result<String> {
    let Some(first) = report.problems.first() else { return Ok(report.render()) };
    let mut error = Error::new(ErrorKind::Corruption, report.render());
    if let Some(file) = first.file() {
        error = error.with_file(file);
    }
    Err(first.offset().into_iter().fold(error, Error::with_offset))
}

/// Looks into a file of a database, a log segment, a MANIFEST or a table, or at what a database directory holds: what is
/// in it, checked. Reads only and takes no lock, so it also works while the database is open, whose newest writes may
/// then be missing.
///
/// @param[in]  path     a C string, in the encoding of the file system
/// @param[in]  format   "text" for people, "json" for programs; NULL: "text"
/// @param[in]  entries  at most so many entries are shown, with their keys escaped as in C; 0: none
/// @param[out] value    [own] what was found, to free with esker_value_free(); its "problems" say what is damaged, if
///                      anything is; NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK (whether or not something is damaged), ESKER_NOT_FOUND (with an error: no such file, or no database
///         in the directory), ESKER_INVALID_ARGUMENT (also for a file of another kind), ESKER_IO, ESKER_PANIC
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_inspect(
    path: *const c_char,
    format: *const c_char,
    entries: u64,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    let format = if format.is_null() { c"text".as_ptr() } else { format };
    // SAFETY: conventions 6 to 9.
    let (error, value, path, format) =
        unsafe { (ErrorOut::new(error), Out::new(value), self::path_of(path), text(format, "format")) };
    boundary("esker_inspect", error, || {
        let mut value = value.required("value")?;
        let format = StatsFormat::parse(format?)?;
        let found = Db::inspect(path?, &InspectOptions { entries, ..InspectOptions::default() })?;
        value.give(esker_value::text(found.render(format)?));
        Ok(ESKER_OK)
    })
}

/// Removes a database that is not open. Its directory stays, and so does every file in it that is not the
/// database's.
///
/// @param[in]  path     a C string, in the encoding of the file system
/// @param[in]  options  NULL; in this version no option has a meaning here
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK (also if there is none), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_LOCKED, ESKER_PANIC
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_destroy(
    path: *const c_char,
    options: *const esker_options,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, path, _options) = unsafe { (ErrorOut::new(error), self::path_of(path), borrow(options)) };
    boundary("esker_destroy", error, || {
        Db::destroy(path?)?;
        Ok(ESKER_OK)
    })
}
