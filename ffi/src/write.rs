//! Writes of one operation or of one batch.
//!
//! # In the header
//! Writing
//!
//! A write is atomic, and visible to every later read when the call returns. The empty key and the empty value are
//! legal.

use crate::batch::esker_batch;
use crate::bytes::array;
use crate::db::{engine, esker_db};
use crate::error::{ErrorOut, esker_error};
use crate::family::{esker_cf, target};
use crate::handle::required;
use crate::named::or_default;
use crate::panic::boundary;
use crate::status::{ESKER_OK, esker_status};
use crate::write_options::esker_write_options;

/// Sets `key` to `value`.
///
/// @param[in]  db                the database
/// @param[in]  cf                NULL: the default column family
/// @param[in]  key, key_len      at most 8 MiB
/// @param[in]  value, value_len  at most 1 GiB
/// @param[in]  options           NULL: the database's durability
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
///         ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_put(
    db: *const esker_db,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    value: *const u8,
    value_len: usize,
    options: *const esker_write_options,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, target, options) = unsafe { (ErrorOut::new(error), target(db, cf), or_default(options)) };
    // SAFETY: convention 7.
    let (key, value) = unsafe { (array(key, key_len, "key"), array(value, value_len, "value")) };
    boundary("esker_put", error, || {
        let (db, family) = target?;
        db.put_in(family, key?, value?, &options)?;
        Ok(ESKER_OK)
    })
}

/// Removes `key`, if it is there.
///
/// @param[in]  db            the database
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  at most 8 MiB
/// @param[in]  options       NULL: the database's durability
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK (also if it was not there), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY,
///         ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_delete(
    db: *const esker_db,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    options: *const esker_write_options,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, target, options) = unsafe { (ErrorOut::new(error), target(db, cf), or_default(options)) };
    // SAFETY: convention 7.
    let key = unsafe { array(key, key_len, "key") };
    boundary("esker_delete", error, || {
        let (db, family) = target?;
        db.delete_in(family, key?, &options)?;
        Ok(ESKER_OK)
    })
}

/// Removes every key from `start` on and before `end`. One write, whatever their number.
///
/// @param[in]  db                the database
/// @param[in]  cf                NULL: the default column family
/// @param[in]  start, start_len  the first key to remove
/// @param[in]  end, end_len      the first key to keep; equal to start: nothing happens; before start: refused
/// @param[in]  options           NULL: the database's durability
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
///         ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_delete_range(
    db: *const esker_db,
    cf: *const esker_cf,
    start: *const u8,
    start_len: usize,
    end: *const u8,
    end_len: usize,
    options: *const esker_write_options,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, target, options) = unsafe { (ErrorOut::new(error), target(db, cf), or_default(options)) };
    // SAFETY: convention 7.
    let (start, end) = unsafe { (array(start, start_len, "start"), array(end, end_len, "end")) };
    boundary("esker_delete_range", error, || {
        let (db, family) = target?;
        db.delete_range_in(family, start?, end?, &options)?;
        Ok(ESKER_OK)
    })
}

/// Merges `operand` into what `key` has, by the merge operator of the family; see "merge_operator" among its
/// options.
///
/// @param[in]  db                    the database
/// @param[in]  cf                    NULL: the default column family
/// @param[in]  key, key_len          at most 8 MiB
/// @param[in]  operand, operand_len  at most 1 GiB
/// @param[in]  options               NULL: the database's durability
/// @param[out] error                 [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if there is no operator, or it refuses this), ESKER_IO,
///         ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE, ESKER_POISONED, ESKER_FORKED, ESKER_UNSUPPORTED,
///         ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_merge(
    db: *const esker_db,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    operand: *const u8,
    operand_len: usize,
    options: *const esker_write_options,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, target, options) = unsafe { (ErrorOut::new(error), target(db, cf), or_default(options)) };
    // SAFETY: convention 7.
    let (key, operand) = unsafe { (array(key, key_len, "key"), array(operand, operand_len, "value")) };
    boundary("esker_merge", error, || {
        let (db, family) = target?;
        db.merge_in(family, key?, operand?, &options)?;
        Ok(ESKER_OK)
    })
}

/// Applies every operation of a batch, or none of them: also after a crash.
///
/// @param[in]  db       the database
/// @param[in]  batch    is not changed, and may be written again
/// @param[in]  options  NULL: the database's durability
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_READ_ONLY, ESKER_NO_SPACE,
///         ESKER_POISONED, ESKER_FORKED, ESKER_BUSY, ESKER_CANCELLED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_write(
    db: *const esker_db,
    batch: *const esker_batch,
    options: *const esker_write_options,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, db, batch, options) =
        unsafe { (ErrorOut::new(error), engine(db), required(batch), or_default(options)) };
    boundary("esker_write", error, || {
        db?.write_with(&batch?.0, &options)?;
        Ok(ESKER_OK)
    })
}
