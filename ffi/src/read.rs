//! Reads of one key: as a value that pins its block, or copied into the caller's buffer.
//!
//! # In the header
//! Reading
//!
//! An absent key is ESKER_NOT_FOUND, without an error; an empty value is found and has length 0.

use engine::{Error, ErrorKind, Pinned, Result};

use crate::bytes::{array, array_mut};
use crate::db::esker_db;
use crate::error::{ErrorOut, esker_error};
use crate::family::{esker_cf, target};
use crate::named::or_default;
use crate::out::{Out, Slot};
use crate::panic::boundary;
use crate::read_options::esker_read_options;
use crate::status::{ESKER_NOT_FOUND, ESKER_OK, esker_status};
use crate::value::esker_value;

/// Reads the value of `key`, without a copy where it can.
///
/// @param[in]  db            the database
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  the key
/// @param[in]  options       NULL: as of now
/// @param[out] value         [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
///         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_get(
    db: *const esker_db,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    options: *const esker_read_options,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, value, target) = unsafe { (ErrorOut::new(error), Out::new(value), target(db, cf)) };
    // SAFETY: conventions 7 and 9.
    let (key, options) = unsafe { (array(key, key_len, "key"), or_default(options)) };
    boundary("esker_get", error, || {
        let mut value = value.required("value")?;
        let (db, family) = target?;
        let Some(found) = db.get_in(family, key?, &options)? else { return Ok(ESKER_NOT_FOUND) };
        value.give(esker_value::found(found));
        Ok(ESKER_OK)
    })
}

/// Reads the value of `key` into the caller's memory.
///
/// @param[in]  db            the database
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  the key
/// @param[in]  options       NULL: as of now
/// @param[out] buf, cap      where the value goes; NULL, 0 to learn its length
/// @param[out] value_len     its length; with ESKER_BUFFER_TOO_SMALL the length needed, and nothing is written to
///                           buf
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND, ESKER_BUFFER_TOO_SMALL, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION,
///         ESKER_CLOSED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_get_into(
    db: *const esker_db,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    options: *const esker_read_options,
    buf: *mut u8,
    cap: usize,
    value_len: *mut usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, value_len, target) = unsafe { (ErrorOut::new(error), Out::new(value_len), target(db, cf)) };
    // SAFETY: conventions 7 and 9.
    let (key, options) = unsafe { (array(key, key_len, "key"), or_default(options)) };
    // SAFETY: convention 7.
    let buf = unsafe { array_mut(buf, cap, "buf") };
    boundary("esker_get_into", error, || {
        let (value_len, buf) = (value_len.required("value_len")?, buf?);
        let (db, family) = target?;
        let Some(found) = db.get_in(family, key?, &options)? else { return Ok(ESKER_NOT_FOUND) };
        copy(&found, buf, value_len)
    })
}

/// Copies `found` into `buf` if it fits; its length goes to `len` either way.
pub(crate) fn copy(found: &Pinned, buf: &mut [u8], mut len: Slot<'_, usize>) -> Result<esker_status> {
    len.set(found.len());
    let capacity = buf.len();
    let Some(place) = buf.get_mut(..found.len()) else { return Err(too_small(found.len(), capacity)) };
    place.copy_from_slice(found);
    Ok(ESKER_OK)
}

/// The failure of a call whose result needs more room than the caller's buffer has.
pub(crate) fn too_small(needed: usize, capacity: usize) -> Error {
    let message = format!("buf has room for {capacity} bytes and {needed} are needed");
    Error::new(ErrorKind::BufferTooSmall, message)
}
