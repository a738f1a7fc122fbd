//! Batches: writes that are applied together.
//!
//! # In the header
//! Batches
//!
//! Collects operations for esker_write(). Later operations win over earlier ones on the same key. Belongs to no
//! database: of a column family it keeps the number, so write it to the database that the family is of.

use std::ptr;

use engine::{Error, Result, WriteBatch};

use crate::bytes::array;
use crate::error::{ErrorOut, esker_error};
use crate::family::{esker_cf, number};
use crate::handle::{Handle, borrow, borrow_mut, end, give, required};
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::status::{ESKER_OK, esker_status};
use crate::value::start;

/// Operations to be applied together by esker_write().
pub struct esker_batch(pub(crate) WriteBatch);

impl Handle for esker_batch {
    const NAME: &'static str = "esker_batch";
}

/// Makes an empty batch.
///
/// @return [own] a batch to free with esker_batch_free(); NULL only after a panic
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn esker_batch_new() -> *mut esker_batch {
    caught("esker_batch_new", || give(esker_batch(WriteBatch::new()))).unwrap_or(ptr::null_mut())
}

/// Adds: set `key` to `value`. On failure nothing is added.
///
/// @param[in]  batch             the batch
/// @param[in]  cf                NULL: the default column family
/// @param[in]  key, key_len      at most 8 MiB; copied
/// @param[in]  value, value_len  at most 1 GiB; copied
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_put(
    batch: *mut esker_batch,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    value: *const u8,
    value_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, batch, family) = unsafe { (ErrorOut::new(error), borrow_mut(batch), number(cf)) };
    // SAFETY: convention 7.
    let (key, value) = unsafe { (array(key, key_len, "key"), array(value, value_len, "value")) };
    boundary("esker_batch_put", error, || {
        batch?.0.put_in(family?, key?, value?)?;
        Ok(ESKER_OK)
    })
}

/// Adds: set `key` to `value` until a time, from which on it reads as deleted. On failure nothing is added.
///
/// @param[in]  batch             the batch
/// @param[in]  cf                NULL: the default column family
/// @param[in]  key, key_len      at most 8 MiB; copied
/// @param[in]  value, value_len  at most 1 GiB; copied
/// @param[in]  expires_at_ms     milliseconds since 1970
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_put_expiring(
    batch: *mut esker_batch,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    value: *const u8,
    value_len: usize,
    expires_at_ms: u64,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, batch, family) = unsafe { (ErrorOut::new(error), borrow_mut(batch), number(cf)) };
    // SAFETY: convention 7.
    let (key, value) = unsafe { (array(key, key_len, "key"), array(value, value_len, "value")) };
    boundary("esker_batch_put_expiring", error, || {
        batch?.0.put_expiring_in(family?, key?, value?, expires_at_ms)?;
        Ok(ESKER_OK)
    })
}

/// Adds: merge `operand` into what `key` has, by the merge operator of the family. On failure nothing is added.
///
/// @param[in]  batch                 the batch
/// @param[in]  cf                    NULL: the default column family
/// @param[in]  key, key_len          at most 8 MiB; copied
/// @param[in]  operand, operand_len  at most 1 GiB; copied
/// @param[out] error                 [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_merge(
    batch: *mut esker_batch,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    operand: *const u8,
    operand_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, batch, family) = unsafe { (ErrorOut::new(error), borrow_mut(batch), number(cf)) };
    // SAFETY: convention 7.
    let (key, operand) = unsafe { (array(key, key_len, "key"), array(operand, operand_len, "value")) };
    boundary("esker_batch_merge", error, || {
        batch?.0.merge_in(family?, key?, operand?)?;
        Ok(ESKER_OK)
    })
}

/// Adds: remove `key`. On failure nothing is added.
///
/// @param[in]  batch         the batch
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  at most 8 MiB; copied
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_delete(
    batch: *mut esker_batch,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, batch, family) = unsafe { (ErrorOut::new(error), borrow_mut(batch), number(cf)) };
    // SAFETY: convention 7.
    let key = unsafe { array(key, key_len, "key") };
    boundary("esker_batch_delete", error, || {
        batch?.0.delete_in(family?, key?)?;
        Ok(ESKER_OK)
    })
}

/// Adds: remove every key from `start` on and before `end`. On failure nothing is added.
///
/// @param[in]  batch             the batch
/// @param[in]  cf                NULL: the default column family
/// @param[in]  start, start_len  the first key to remove; copied
/// @param[in]  end, end_len      the first key to keep; copied; equal to start: adds nothing; before start: refused
///                               by esker_write()
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_delete_range(
    batch: *mut esker_batch,
    cf: *const esker_cf,
    start: *const u8,
    start_len: usize,
    end: *const u8,
    end_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, batch, family) = unsafe { (ErrorOut::new(error), borrow_mut(batch), number(cf)) };
    // SAFETY: convention 7.
    let (start, end) = unsafe { (array(start, start_len, "start"), array(end, end_len, "end")) };
    boundary("esker_batch_delete_range", error, || {
        batch?.0.delete_range_in(family?, start?, end?)?;
        Ok(ESKER_OK)
    })
}

/// Adds everything that is in another batch, in its order. On failure nothing is added.
///
/// @param[in]  batch  the batch
/// @param[in]  other  is not changed; must not be the same batch
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if the batch would grow beyond 2 GiB), ESKER_IO (no memory),
///         ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_append(
    batch: *mut esker_batch,
    other: *const esker_batch,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, other) = unsafe { (ErrorOut::new(error), distinct(batch, other)) };
    // SAFETY: convention 9, and no reference above is to this batch.
    let batch = unsafe { borrow_mut(batch) };
    boundary("esker_batch_append", error, || {
        batch?.0.append(&other?.0)?;
        Ok(ESKER_OK)
    })
}

/// Lends `other` unless it is `batch`: one batch cannot be lent twice, once to be changed.
///
/// # Safety
/// As for [`required`].
unsafe fn distinct<'a>(batch: *mut esker_batch, other: *const esker_batch) -> Result<&'a esker_batch> {
    if ptr::eq(batch, other) && !other.is_null() {
        return Err(Error::invalid("other is the batch itself"));
    }
    // SAFETY: the same contract.
    unsafe { required(other) }
}

/// Empties a batch; it keeps its memory for the next operations.
///
/// @param[in] batch  NULL: nothing happens
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_clear(batch: *mut esker_batch) {
    // SAFETY: convention 9.
    let Ok(batch) = (unsafe { borrow_mut(batch) }) else { return };
    caught("esker_batch_clear", || batch.0.clear()).unwrap_or_default();
}

/// How many operations are in a batch.
///
/// @param[in] batch  NULL: none
/// @return their number
///
/// Threads: any number at once while nobody adds. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_count(batch: *const esker_batch) -> usize {
    // SAFETY: convention 9.
    let batch = unsafe { borrow(batch) };
    caught("esker_batch_count", || batch.map_or(0, |batch| batch.0.count() as usize)).unwrap_or(0)
}

/// How many bytes a batch takes in the log.
///
/// @param[in] batch  NULL: none
/// @return their number; at most 2 GiB
///
/// Threads: any number at once while nobody adds. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_size_bytes(batch: *const esker_batch) -> usize {
    // SAFETY: convention 9.
    let batch = unsafe { borrow(batch) };
    caught("esker_batch_size_bytes", || batch.map_or(0, |batch| batch.0.size_bytes())).unwrap_or(0)
}

/// Remembers what is in a batch now, for esker_batch_rollback_to_savepoint(). Savepoints nest.
///
/// @param[in]  batch  the batch
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_set_savepoint(
    batch: *mut esker_batch,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, batch) = unsafe { (ErrorOut::new(error), borrow_mut(batch)) };
    boundary("esker_batch_set_savepoint", error, || {
        batch?.0.set_savepoint();
        Ok(ESKER_OK)
    })
}

/// Takes out what was added after the latest savepoint, and forgets that savepoint.
///
/// @param[in]  batch  the batch
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_rollback_to_savepoint(
    batch: *mut esker_batch,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, batch) = unsafe { (ErrorOut::new(error), borrow_mut(batch)) };
    boundary("esker_batch_rollback_to_savepoint", error, || {
        batch?.0.rollback_to_savepoint()?;
        Ok(ESKER_OK)
    })
}

/// Forgets the latest savepoint, and keeps what was added after it.
///
/// @param[in]  batch  the batch
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (with an error: there is no savepoint), ESKER_INVALID_ARGUMENT, ESKER_PANIC
///
/// Threads: one at a time for the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_pop_savepoint(
    batch: *mut esker_batch,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, batch) = unsafe { (ErrorOut::new(error), borrow_mut(batch)) };
    boundary("esker_batch_pop_savepoint", error, || {
        batch?.0.pop_savepoint()?;
        Ok(ESKER_OK)
    })
}

/// The batch as bytes, to keep or to send; docs/format/batch.md describes them.
///
/// @param[in]  batch  NULL: no bytes
/// @param[out] len    how many
/// @return the first byte, valid until the next call on this batch with a pointer that is not const, its free
///         included; not NULL for an empty batch; NULL for NULL
///
/// Threads: any number at once while nobody adds. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_data(batch: *const esker_batch, len: *mut usize) -> *const u8 {
    // SAFETY: conventions 6 and 9.
    let (batch, mut len) = unsafe { (borrow(batch), Out::new(len)) };
    let Ok(Some(data)) = caught("esker_batch_data", || batch.map(|batch| batch.0.data())) else { return ptr::null() };
    len.set_if_present(|| data.len());
    start(data)
}

/// Makes a batch of the bytes that esker_batch_data() gave. Any other bytes are refused.
///
/// @param[in]  data, data_len  the bytes; copied
/// @param[out] batch           [own] the batch, to free with esker_batch_free(); NULL unless ESKER_OK
/// @param[out] error           [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CORRUPTION, ESKER_PANIC
///
/// Threads: any. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_from_data(
    data: *const u8,
    data_len: usize,
    batch: *mut *mut esker_batch,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 7.
    let (error, batch, data) = unsafe { (ErrorOut::new(error), Out::new(batch), array(data, data_len, "data")) };
    boundary("esker_batch_from_data", error, || {
        let mut batch = batch.required("batch")?;
        batch.give(esker_batch(WriteBatch::from_data(data?)?));
        Ok(ESKER_OK)
    })
}

/// Frees a batch.
///
/// @param[in] batch  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same batch. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_free(batch: *mut esker_batch) {
    // SAFETY: convention 3.
    unsafe { end("esker_batch_free", batch) }
}
