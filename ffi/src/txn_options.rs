//! Transaction options: what a transaction promises, and how it keeps others away.
//!
//! # In the header
//! Transaction options
//!
//! Choices for transactions. In their place NULL means serializable and optimistic.

use std::ffi::c_char;

use engine::TransactionOptions;

use crate::error::esker_error;
use crate::handle::end;
use crate::named::{self, named};
use crate::status::esker_status;
use crate::value::esker_value;

/// Choices for transactions. Copied by esker_txn_begin(), so they may be changed and freed at any time after.
pub struct esker_txn_options(TransactionOptions);

named!(esker_txn_options, TransactionOptions);

/// Makes transaction options with the defaults.
///
/// @return [own] options to free with esker_txn_options_free(); NULL only after a panic
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_txn_options_new() -> *mut esker_txn_options {
    named::new("esker_txn_options_new")
}

/// Sets an option, as in ("mode", "pessimistic") or ("isolation", "snapshot"). On failure nothing is changed.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string; esker_txn_options_name() lists them
/// @param[in]  value    a C string
/// @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_options_set(
    options: *mut esker_txn_options,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe { named::set("esker_txn_options_set", options, name, value, error) }
}

/// Reads an option as text; esker_txn_options_set() takes that text.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string
/// @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: any number at once while nobody sets. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_options_get(
    options: *const esker_txn_options,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe { named::get("esker_txn_options_get", options, name, value, error) }
}

/// The name of the option at `index`: 0, 1, … until NULL.
///
/// @param[in] index  from 0
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_txn_options_name(index: usize) -> *const c_char {
    named::name::<esker_txn_options>("esker_txn_options_name", index)
}

/// What the option at `index` does and which values it takes, in a sentence or two.
///
/// @param[in] index  as for esker_txn_options_name()
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_txn_options_doc(index: usize) -> *const c_char {
    named::doc::<esker_txn_options>("esker_txn_options_doc", index)
}

/// Frees transaction options. Transactions made with them go on.
///
/// @param[in] options  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_options_free(options: *mut esker_txn_options) {
    // SAFETY: convention 3.
    unsafe { end("esker_txn_options_free", options) }
}
