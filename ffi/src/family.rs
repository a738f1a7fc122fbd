//! Column families: named trees of keys within a database, and what every call with a `cf` does to find its own.
//!
//! # In the header
//! Column families
//!
//! A database has one or many, each with keys and options of its own; batches, snapshots and transactions span
//! them. The one that is always there is called "default", and NULL means it. A handle names a family for the calls
//! on the database it came from; with any other it is ESKER_INVALID_ARGUMENT, and so it is once the family was
//! dropped. It may be freed at any time: that changes nothing in the database.

use std::ffi::{CString, c_char};
use std::ptr;

use engine::{ColumnFamily, Error, FamilyId, FamilyOptions, Result};

use crate::bytes::text;
use crate::cf_options::esker_cf_options;
use crate::db::{Entered, engine, esker_db, open};
use crate::error::{ErrorOut, c_string, esker_error};
use crate::handle::{Handle, borrow, end, required};
use crate::named::{get_of, or_default};
use crate::names::esker_names;
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// A handle on a column family: a named tree of keys within a database. Any number of threads may use it at once.
pub struct esker_cf {
    pub(crate) family: ColumnFamily,
    name: CString,
}

impl Handle for esker_cf {
    const NAME: &'static str = "esker_cf";
}

impl esker_cf {
    fn new(family: ColumnFamily) -> esker_cf {
        esker_cf { name: c_string(family.name().into()), family }
    }
}

/// The database and the family that a call is for.
///
/// # Safety
/// As for [`borrow`], for both.
pub(crate) unsafe fn target<'a>(db: *const esker_db, cf: *const esker_cf) -> Result<(Entered<'a>, &'a ColumnFamily)> {
    // SAFETY: the same contract.
    let (db, cf) = unsafe { (engine(db)?, borrow(cf)) };
    let family = cf.map_or(db.default_family(), |cf| &cf.family);
    Ok((db, family))
}

/// The number by which a batch knows the family.
///
/// # Safety
/// As for [`borrow`].
pub(crate) unsafe fn number(cf: *const esker_cf) -> Result<FamilyId> {
    // SAFETY: the same contract.
    let Some(cf) = (unsafe { borrow(cf) }) else { return Ok(FamilyId::DEFAULT) };
    if cf.family.is_dropped() {
        let name = cf.family.name().escape_debug();
        return Err(Error::invalid(format!("the column family \"{name}\" was dropped")));
    }
    Ok(cf.family.id())
}

/// Creates a column family. Its options are recorded: it is opened as it is.
///
/// @param[in]  db       the database
/// @param[in]  name     a C string in UTF-8 of 1 to 255 bytes, which no other family has
/// @param[in]  options  NULL: the defaults
/// @param[out] cf       [own] the family, to free with esker_cf_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if there is one of that name), ESKER_IO, ESKER_CLOSED,
///         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_create(
    db: *const esker_db,
    name: *const c_char,
    options: *const esker_cf_options,
    cf: *mut *mut esker_cf,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, cf, db, name) = unsafe { (ErrorOut::new(error), Out::new(cf), engine(db), text(name, "name")) };
    // SAFETY: convention 9.
    let options = unsafe { or_default(options) };
    boundary("esker_cf_create", error, || {
        let mut cf = cf.required("cf")?;
        cf.give(esker_cf::new(db?.create_family(name?, &options)?));
        Ok(ESKER_OK)
    })
}

/// Opens a column family that is there.
///
/// @param[in]  db     the database
/// @param[in]  name   a C string
/// @param[out] cf     [own] the family, to free with esker_cf_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (with an error: no family of that name), ESKER_INVALID_ARGUMENT, ESKER_CLOSED,
///         ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_open(
    db: *const esker_db,
    name: *const c_char,
    cf: *mut *mut esker_cf,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, cf, db, name) = unsafe { (ErrorOut::new(error), Out::new(cf), engine(db), text(name, "name")) };
    boundary("esker_cf_open", error, || {
        let mut cf = cf.required("cf")?;
        cf.give(esker_cf::new(db?.family(name?)?));
        Ok(ESKER_OK)
    })
}

/// The column family that NULL means, as a handle.
///
/// @param[in]  db     the database
/// @param[out] cf     [own] the family, to free with esker_cf_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_default(
    db: *const esker_db,
    cf: *mut *mut esker_cf,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, cf, db) = unsafe { (ErrorOut::new(error), Out::new(cf), engine(db)) };
    boundary("esker_cf_default", error, || {
        let mut cf = cf.required("cf")?;
        cf.give(esker_cf::new(open(db?)?.default_family().clone()));
        Ok(ESKER_OK)
    })
}

/// Drops a column family: its keys are gone for every new read, and its files as soon as no snapshot and no iterator
/// needs them. Every handle on it is still to be freed.
///
/// @param[in]  db     the database
/// @param[in]  cf     the family; not the default one
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if it was dropped before), ESKER_IO, ESKER_CLOSED,
///         ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_drop(
    db: *const esker_db,
    cf: *const esker_cf,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, db, cf) = unsafe { (ErrorOut::new(error), engine(db), required(cf)) };
    boundary("esker_cf_drop", error, || {
        db?.drop_family(&cf?.family)?;
        Ok(ESKER_OK)
    })
}

/// The names of all column families, the oldest first: "default" leads.
///
/// @param[in]  db     the database
/// @param[out] names  [own] the names, to free with esker_names_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_list(
    db: *const esker_db,
    names: *mut *mut esker_names,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, names, db) = unsafe { (ErrorOut::new(error), Out::new(names), engine(db)) };
    boundary("esker_cf_list", error, || {
        let mut names = names.required("names")?;
        names.give(esker_names::of(db?.families()?));
        Ok(ESKER_OK)
    })
}

/// The name of a column family. Works also after a close or a drop.
///
/// @param[in] cf  NULL: no family
/// @return a C string, valid until the handle is freed; NULL for NULL
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_name(cf: *const esker_cf) -> *const c_char {
    // SAFETY: convention 9.
    let cf = unsafe { borrow(cf) };
    caught("esker_cf_name", || cf.map_or(ptr::null(), |cf| cf.name.as_ptr())).unwrap_or(ptr::null())
}

/// The number of a column family, which no other of its database ever has: what esker_batch_entry() tells of an
/// entry.
///
/// @param[in] cf  NULL: the default column family
/// @return the number; 0 for the default family
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_id(cf: *const esker_cf) -> u32 {
    // SAFETY: convention 9.
    let cf = unsafe { borrow(cf) };
    caught("esker_cf_id", || cf.map_or(FamilyId::DEFAULT, |cf| cf.family.id()).0).unwrap_or(0)
}

/// Tells whether a column family was dropped.
///
/// @param[in] cf  NULL: the default column family
/// @return 1 if it was, 0 if not
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_is_dropped(cf: *const esker_cf) -> u8 {
    // SAFETY: convention 9.
    let cf = unsafe { borrow(cf) };
    caught("esker_cf_is_dropped", || cf.is_some_and(|cf| cf.family.is_dropped())).map_or(0, u8::from)
}

/// Reads an option of a column family, as text. Works also after a close or a drop.
///
/// @param[in]  cf     the family
/// @param[in]  name   a C string; esker_cf_options_name() lists them
/// @param[out] value  [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_get_option(
    cf: *const esker_cf,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: convention 9.
    let options = unsafe { required(cf) }.map(|cf| cf.family.options());
    // SAFETY: conventions 6 and 7.
    unsafe { get_of("esker_cf_get_option", options, FamilyOptions::settings(), name, value, error) }
}

/// Frees a handle on a column family. The family stays as it is.
///
/// @param[in] cf  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same handle. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_cf_free(cf: *mut esker_cf) {
    // SAFETY: convention 3.
    unsafe { end("esker_cf_free", cf) }
}
