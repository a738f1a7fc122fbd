//! Lists of names: what a call found, as C strings in one owned object, so that no callback and no array of the
//! caller's is needed.
//!
//! # In the header
//! Lists of names
//!
//! What a call listed. Belongs to the caller, and does not change with the database.

use std::ffi::{CString, c_char};
use std::ptr;

use crate::error::c_string;
use crate::handle::{Handle, borrow, end};
use crate::panic::caught;

/// Names that a call listed.
pub struct esker_names(Vec<CString>);

impl Handle for esker_names {
    const NAME: &'static str = "esker_names";
}

impl esker_names {
    pub(crate) fn of(names: Vec<String>) -> esker_names {
        esker_names(names.into_iter().map(|name| c_string(name.into_bytes())).collect())
    }
}

/// How many names are in a list.
///
/// @param[in] names  NULL: none
/// @return their number
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_names_count(names: *const esker_names) -> usize {
    // SAFETY: convention 9.
    let names = unsafe { borrow(names) };
    caught("esker_names_count", || names.map_or(0, |names| names.0.len())).unwrap_or(0)
}

/// The name at `index`: 0, 1, … until NULL.
///
/// @param[in] names  NULL: an empty list
/// @param[in] index  from 0
/// @return a C string, valid until the list is freed; NULL after the last
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_names_at(names: *const esker_names, index: usize) -> *const c_char {
    // SAFETY: convention 9.
    let names = unsafe { borrow(names) };
    let name = caught("esker_names_at", || names.and_then(|names| names.0.get(index)));
    name.ok().flatten().map_or(ptr::null(), |name| name.as_ptr())
}

/// Frees a list of names.
///
/// @param[in] names  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same list. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_names_free(names: *mut esker_names) {
    // SAFETY: convention 3.
    unsafe { end("esker_names_free", names) }
}
