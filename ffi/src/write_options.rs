//! Write options: what one write survives.
//!
//! # In the header
//! Write options
//!
//! Choices for single writes. In their place NULL means the database's own durability.

use std::ffi::c_char;
use std::ptr;

use engine::{Durability, Error, WriteOptions};

use crate::error::{ErrorOut, esker_error};
use crate::handle::{borrow_mut, end};
use crate::named::{self, named};
use crate::panic::boundary;
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// Choices for writes. Any number of writes may use the same at once.
pub struct esker_write_options(WriteOptions);

named!(esker_write_options, WriteOptions);

/// What the database was opened with; "buffered" unless that was changed.
pub const ESKER_DURABILITY_DEFAULT: i32 = 0;
/// On the medium before the call returns: survives a power cut.
pub const ESKER_DURABILITY_SYNC: i32 = 1;
/// Survives the death of the process, also by kill -9; a power cut keeps everything up to some moment at or after
/// the last sync.
pub const ESKER_DURABILITY_BUFFERED: i32 = 2;
/// Not logged: kept from the next flush on. Until then a crash may lose it and keep later writes that were logged.
pub const ESKER_DURABILITY_NONE: i32 = 3;

/// Makes write options with the defaults.
///
/// @return [own] options to free with esker_write_options_free(); NULL only after a panic
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_write_options_new() -> *mut esker_write_options {
    named::new("esker_write_options_new")
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
    // SAFETY: the same conventions.
    unsafe { named::set("esker_write_options_set", options, name, value, error) }
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
    // SAFETY: the same conventions.
    unsafe { named::get("esker_write_options_get", options, name, value, error) }
}

/// The name of the option at `index`: 0, 1, … until NULL.
///
/// @param[in] index  from 0
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_write_options_name(index: usize) -> *const c_char {
    named::name::<esker_write_options>("esker_write_options_name", index)
}

/// What the option at `index` does and which values it takes.
///
/// @param[in] index  as for esker_write_options_name()
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_write_options_doc(index: usize) -> *const c_char {
    named::doc::<esker_write_options>("esker_write_options_doc", index)
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

/// Sets the time to live without text: what is put expires so long after its commit, unless it has an expiry of its
/// own.
///
/// @param[in] options  the options
/// @param[in] ttl_ms   milliseconds; 0: never, whatever the family says
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_write_options_set_ttl_ms(
    options: *mut esker_write_options,
    ttl_ms: u64,
) -> esker_status {
    // SAFETY: convention 9.
    let (error, options) = unsafe { (ErrorOut::new(ptr::null_mut()), borrow_mut(options)) };
    boundary("esker_write_options_set_ttl_ms", error, || {
        options?.0.ttl_ms = Some(ttl_ms);
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
    unsafe { end("esker_write_options_free", options) }
}
