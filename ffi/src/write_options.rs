//! Write options: what one write survives.
//!
//! # In the header
//! Write options
//!
//! Choices for single writes. In their place NULL means the database's own durability.

use std::ffi::c_char;
use std::ptr;

use engine::{Durability, Error, WriteOptions};

use crate::bytes::text;
use crate::error::{ErrorOut, esker_error};
use crate::handle::{Handle, borrow, borrow_mut, give, required, take};
use crate::options::Names;
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// Choices for writes. Any number of writes may use the same at once.
pub struct esker_write_options(WriteOptions);

impl Handle for esker_write_options {
    const NAME: &'static str = "esker_write_options";
}

/// What the database was opened with; "buffered" unless that was changed.
pub const ESKER_DURABILITY_DEFAULT: i32 = 0;
/// On the medium before the call returns: survives a power cut.
pub const ESKER_DURABILITY_SYNC: i32 = 1;
/// Survives the death of the process, also by kill -9; a power cut keeps everything up to some moment at or after
/// the last sync.
pub const ESKER_DURABILITY_BUFFERED: i32 = 2;
/// Not logged: kept from the next flush on. Until then a crash may lose it and keep later writes that were logged.
pub const ESKER_DURABILITY_NONE: i32 = 3;

static NAMES: Names = Names::new();

/// Makes write options with the defaults.
///
/// @return [own] options to free with esker_write_options_free(); NULL only after a panic
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_write_options_new() -> *mut esker_write_options {
    let new = || give(esker_write_options(WriteOptions::new()));
    caught("esker_write_options_new", new).unwrap_or(ptr::null_mut())
}

/// Sets an option by name, as in ("durability", "sync"). On failure nothing is changed.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string; esker_write_options_name() lists them
/// @param[in]  value    a C string
/// @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_write_options_set(
    options: *mut esker_write_options,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, options, name, value) =
        unsafe { (ErrorOut::new(error), borrow_mut(options), text(name, "name"), text(value, "value")) };
    boundary("esker_write_options_set", error, || {
        options?.0.set(name?, value?)?;
        Ok(ESKER_OK)
    })
}

/// Reads an option as text.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string
/// @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: any number at once while nobody sets. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_write_options_get(
    options: *const esker_write_options,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, value, options, name) =
        unsafe { (ErrorOut::new(error), Out::new(value), required(options), text(name, "name")) };
    boundary("esker_write_options_get", error, || {
        let mut value = value.required("value")?;
        value.give(esker_value::text(options?.0.get(name?)?));
        Ok(ESKER_OK)
    })
}

/// The name of the option at `index`: 0, 1, … until NULL.
///
/// @param[in] index  from 0
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_write_options_name(index: usize) -> *const c_char {
    caught("esker_write_options_name", || NAMES.name(WriteOptions::settings(), index)).unwrap_or(ptr::null())
}

/// What the option at `index` does and which values it takes.
///
/// @param[in] index  as for esker_write_options_name()
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_write_options_doc(index: usize) -> *const c_char {
    caught("esker_write_options_doc", || NAMES.doc(WriteOptions::settings(), index)).unwrap_or(ptr::null())
}

/// Sets the durability without text, for callers in a hurry.
///
/// @param[in] options     the options
/// @param[in] durability  one of ESKER_DURABILITY_…
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (nothing is changed), ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_write_options_set_durability(
    options: *mut esker_write_options,
    durability: i32,
) -> esker_status {
    // SAFETY: convention 9.
    let (error, options) = unsafe { (ErrorOut::new(ptr::null_mut()), borrow_mut(options)) };
    boundary("esker_write_options_set_durability", error, || {
        options?.0.durability = parse(durability)?;
        Ok(ESKER_OK)
    })
}

fn parse(durability: i32) -> engine::Result<Option<Durability>> {
    match durability {
        ESKER_DURABILITY_DEFAULT => Ok(None),
        ESKER_DURABILITY_SYNC => Ok(Some(Durability::Sync)),
        ESKER_DURABILITY_BUFFERED => Ok(Some(Durability::Buffered)),
        ESKER_DURABILITY_NONE => Ok(Some(Durability::None)),
        _ => Err(Error::invalid("durability is not one of ESKER_DURABILITY_…")),
    }
}

/// Frees write options.
///
/// @param[in] options  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_write_options_free(options: *mut esker_write_options) {
    // SAFETY: convention 3.
    let options = unsafe { take(options) };
    caught("esker_write_options_free", || drop(options)).unwrap_or_default();
}

/// The options to use: the caller's, or the defaults for NULL.
///
/// # Safety
/// As for [`borrow`].
pub(crate) unsafe fn or_default<'a>(options: *const esker_write_options) -> &'a WriteOptions {
    const DEFAULT: &WriteOptions = &WriteOptions { durability: None };
    // SAFETY: the same contract.
    unsafe { borrow(options) }.map_or(DEFAULT, |options| &options.0)
}
