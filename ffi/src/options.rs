//! Options of a database: by name and as text, over the engine's table of settings. Also the parts that write and
//! read options share: names and documentation as C strings.
//!
//! # In the header
//! Options
//!
//! How a database is opened. Set by name, so that a new option needs no new function; the names, values and defaults
//! are those of every other language. In place of options NULL means the defaults.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use engine::Options;
use engine::options::Setting;

use crate::bytes::text;
use crate::error::{ErrorOut, c_string, esker_error};
use crate::handle::{Handle, borrow, borrow_mut, give, required, take};
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};
use crate::value::esker_value;

/// How a database is opened. Copied by esker_open(), so it may be changed and freed at any time after.
pub struct esker_options(pub(crate) Options);

impl Handle for esker_options {
    const NAME: &'static str = "esker_options";
}

/// The names and documentation of one table of settings as C strings, made once.
pub(crate) struct Names(OnceLock<Vec<(CString, CString)>>);

impl Names {
    pub(crate) const fn new() -> Names {
        Names(OnceLock::new())
    }

    /// The name at `index`; NULL after the last.
    pub(crate) fn name<T>(&'static self, table: &'static [Setting<T>], index: usize) -> *const c_char {
        self.all(table).get(index).map_or(ptr::null(), |(name, _)| name.as_ptr())
    }

    /// What the setting at `index` does and takes; NULL after the last.
    pub(crate) fn doc<T>(&'static self, table: &'static [Setting<T>], index: usize) -> *const c_char {
        self.all(table).get(index).map_or(ptr::null(), |(_, doc)| doc.as_ptr())
    }

    fn all<T>(&'static self, table: &'static [Setting<T>]) -> &'static [(CString, CString)] {
        self.0.get_or_init(|| table.iter().map(strings).collect())
    }
}

fn strings<T>(setting: &Setting<T>) -> (CString, CString) {
    let doc = format!("{} Takes: {}.", setting.doc, setting.takes);
    (c_string(setting.name.into()), c_string(doc.into_bytes()))
}

static NAMES: Names = Names::new();

/// Makes options with the defaults.
///
/// @return [own] options to free with esker_options_free(); NULL only after a panic
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_options_new() -> *mut esker_options {
    caught("esker_options_new", || give(esker_options(Options::new()))).unwrap_or(ptr::null_mut())
}

/// Sets an option, as in ("memory_budget", "64MiB") or ("read_only", "true"). On failure nothing is changed.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string; esker_options_name() lists them
/// @param[in]  value    a C string
/// @param[out] error    [own] NULL, or where to put the error; it offers the nearest name for an unknown one
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_set(
    options: *mut esker_options,
    name: *const c_char,
    value: *const c_char,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, options, name, value) =
        unsafe { (ErrorOut::new(error), borrow_mut(options), text(name, "name"), text(value, "value")) };
    boundary("esker_options_set", error, || {
        options?.0.set(name?, value?)?;
        Ok(ESKER_OK)
    })
}

/// Reads an option as text; esker_options_set() takes that text.
///
/// @param[in]  options  the options
/// @param[in]  name     a C string
/// @param[out] value    [own] the text, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: any number at once while nobody sets. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_get(
    options: *const esker_options,
    name: *const c_char,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, value, options, name) =
        unsafe { (ErrorOut::new(error), Out::new(value), required(options), text(name, "name")) };
    boundary("esker_options_get", error, || {
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
pub extern "C" fn esker_options_name(index: usize) -> *const c_char {
    caught("esker_options_name", || NAMES.name(Options::settings(), index)).unwrap_or(ptr::null())
}

/// What the option at `index` does and which values it takes, in a sentence or two.
///
/// @param[in] index  as for esker_options_name()
/// @return a C string, a constant; NULL after the last
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_options_doc(index: usize) -> *const c_char {
    caught("esker_options_doc", || NAMES.doc(Options::settings(), index)).unwrap_or(ptr::null())
}

/// Frees options.
///
/// @param[in] options  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same options. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_options_free(options: *mut esker_options) {
    // SAFETY: convention 3.
    let options = unsafe { take(options) };
    caught("esker_options_free", || drop(options)).unwrap_or_default();
}

/// The options to use: the caller's, or the defaults for NULL.
///
/// # Safety
/// As for [`borrow`].
pub(crate) unsafe fn or_default(options: *const esker_options) -> Options {
    // SAFETY: the same contract.
    unsafe { borrow(options) }.map_or_else(Options::new, |options| options.0.clone())
}
