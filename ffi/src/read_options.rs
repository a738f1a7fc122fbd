//! Read options: which moment and which keys a read or an iterator sees.
//!
//! # In the header
//! Read options
//!
//! Choices for reads and iterators. In their place NULL means: as of now, all keys, cached. The setters copy what
//! they get.

use std::ffi::c_char;
use std::ptr;

use engine::{ReadOptions, Result};

use crate::bytes::array;
use crate::error::{ErrorOut, esker_error};
use crate::handle::{borrow, borrow_mut, end};
use crate::named::{self, named};
use crate::panic::boundary;
use crate::snapshot::esker_snapshot;
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// Choices for reads. Any number of reads and iterators may use the same at once.
pub struct esker_read_options(ReadOptions);

named!(esker_read_options, ReadOptions);

/// Makes read options with the defaults.
///
/// @return [own] options to free with esker_read_options_free(); NULL only after a panic
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_read_options_new() -> *mut esker_read_options {
    named::new("esker_read_options_new")
}

/// Sets an option by name, as in ("fill_cache", "false"). On failure nothing is changed.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string; esker_read_options_name() lists them
/// @param[in]  value    a C string
/// @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_read_options_set(
    options: *mut esker_read_options,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe { named::set("esker_read_options_set", options, name, value, error) }
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
pub unsafe extern "C" fn esker_read_options_get(
    options: *const esker_read_options,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe { named::get("esker_read_options_get", options, name, value, error) }
}

/// The name of the option at `index`: 0, 1, … until NULL.
///
/// @param[in] index  from 0
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_read_options_name(index: usize) -> *const c_char {
    named::name::<esker_read_options>("esker_read_options_name", index)
}

/// What the option at `index` does and which values it takes.
///
/// @param[in] index  as for esker_read_options_name()
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_read_options_doc(index: usize) -> *const c_char {
    named::doc::<esker_read_options>("esker_read_options_doc", index)
}

/// Reads as of a snapshot. The options keep their own reference: the snapshot may be freed before them.
///
/// @param[in] options   the options
/// @param[in] snapshot  NULL: as of now
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_read_options_set_snapshot(
    options: *mut esker_read_options,
    snapshot: *const esker_snapshot,
) -> esker_status {
    // SAFETY: convention 9.
    let (error, snapshot) = unsafe { (ErrorOut::new(ptr::null_mut()), borrow(snapshot)) };
    // SAFETY: convention 9.
    let options = unsafe { borrow_mut(options) };
    boundary("esker_read_options_set_snapshot", error, || {
        options?.0.snapshot = snapshot.map(|snapshot| snapshot.0.clone());
        Ok(ESKER_OK)
    })
}

/// Sees exactly the keys that begin with `prefix`; together with bounds, those that fulfil both.
///
/// @param[in] options             the options
/// @param[in] prefix, prefix_len  NULL, 0: all keys
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_read_options_set_prefix(
    options: *mut esker_read_options,
    prefix: *const u8,
    prefix_len: usize,
) -> esker_status {
    // SAFETY: conventions 7 and 9.
    unsafe {
        set_key("esker_read_options_set_prefix", options, prefix, prefix_len, |options, key| options.prefix = key)
    }
}

/// Sees no key before `key`.
///
/// @param[in] options       the options
/// @param[in] key, key_len  NULL, 0: from the first key on
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_read_options_set_lower_bound(
    options: *mut esker_read_options,
    key: *const u8,
    key_len: usize,
) -> esker_status {
    // SAFETY: conventions 7 and 9.
    unsafe {
        set_key("esker_read_options_set_lower_bound", options, key, key_len, |options, key| options.lower_bound = key)
    }
}

/// Sees no key from `key` on.
///
/// @param[in] options       the options
/// @param[in] key, key_len  NULL, 0: up to the last key. Not NULL, 0: the empty key, before which there is none
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_read_options_set_upper_bound(
    options: *mut esker_read_options,
    key: *const u8,
    key_len: usize,
) -> esker_status {
    // SAFETY: conventions 7 and 9.
    unsafe {
        set_key("esker_read_options_set_upper_bound", options, key, key_len, |options, key| options.upper_bound = key)
    }
}

/// Sets a key of the options through `set`; NULL is no key.
///
/// # Safety
/// Conventions 7 and 9 of the header.
unsafe fn set_key(
    name: &'static str,
    options: *mut esker_read_options,
    key: *const u8,
    key_len: usize,
    set: impl FnOnce(&mut ReadOptions, Option<Vec<u8>>),
) -> esker_status {
    // SAFETY: the same contract.
    let (error, options, bytes): (_, _, Result<&[u8]>) =
        unsafe { (ErrorOut::new(ptr::null_mut()), borrow_mut(options), array(key, key_len, "key")) };
    boundary(name, error, || {
        let bytes = bytes?.to_vec();
        set(&mut options?.0, (!key.is_null()).then_some(bytes));
        Ok(ESKER_OK)
    })
}

/// Frees read options. Iterators made with them go on.
///
/// @param[in] options  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_read_options_free(options: *mut esker_read_options) {
    // SAFETY: convention 3.
    unsafe { end("esker_read_options_free", options) }
}
