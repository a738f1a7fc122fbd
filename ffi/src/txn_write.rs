//! Writes within a transaction. Nothing is in the database before the commit.
//!
//! # In the header
//! Writing in a transaction
//!
//! The calls of Writing and Batches, seen by the transaction alone until it commits.

use crate::bytes::array;
use crate::error::{ErrorOut, esker_error};
use crate::family::esker_cf;
use crate::panic::boundary;
use crate::status::{ESKER_OK, esker_status};
use crate::txn::{esker_txn, work};

/// Sets `key` to `value`.
///
/// @param[in]  txn               the transaction
/// @param[in]  cf                NULL: the default column family
/// @param[in]  key, key_len      at most 8 MiB; copied
/// @param[in]  value, value_len  at most 1 GiB; copied
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC, and
///         with key locks ESKER_BUSY (another transaction holds the key for longer than "lock_timeout_ms"),
///         ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_put(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    value: *const u8,
    value_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, work) = unsafe { (ErrorOut::new(error), work(txn, cf)) };
    // SAFETY: convention 7.
    let (key, value) = unsafe { (array(key, key_len, "key"), array(value, value_len, "value")) };
    boundary("esker_txn_put", error, || {
        let (key, value) = (key?, value?);
        work?.run("esker_txn_put", |txn, family| txn.put_in(family, key, value))?;
        Ok(ESKER_OK)
    })
}

/// Sets `key` to `value` until a time.
///
/// @param[in]  txn               the transaction
/// @param[in]  cf                NULL: the default column family
/// @param[in]  key, key_len      at most 8 MiB; copied
/// @param[in]  value, value_len  at most 1 GiB; copied
/// @param[in]  expires_at_ms     milliseconds since 1970 at which the key is absent again
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC, and
///         with key locks ESKER_BUSY (another transaction holds the key for longer than "lock_timeout_ms"),
///         ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_put_expiring(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    value: *const u8,
    value_len: usize,
    expires_at_ms: u64,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, work) = unsafe { (ErrorOut::new(error), work(txn, cf)) };
    // SAFETY: convention 7.
    let (key, value) = unsafe { (array(key, key_len, "key"), array(value, value_len, "value")) };
    boundary("esker_txn_put_expiring", error, || {
        let (key, value) = (key?, value?);
        work?.run("esker_txn_put_expiring", |txn, family| txn.put_expiring_in(family, key, value, expires_at_ms))?;
        Ok(ESKER_OK)
    })
}

/// Removes `key`, if it is there.
///
/// @param[in]  txn           the transaction
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  at most 8 MiB; copied
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC, and
///         with key locks ESKER_BUSY (another transaction holds the key for longer than "lock_timeout_ms"),
///         ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_delete(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, work) = unsafe { (ErrorOut::new(error), work(txn, cf)) };
    // SAFETY: convention 7.
    let key = unsafe { array(key, key_len, "key") };
    boundary("esker_txn_delete", error, || {
        let key = key?;
        work?.run("esker_txn_delete", |txn, family| txn.delete_in(family, key))?;
        Ok(ESKER_OK)
    })
}

/// Removes every key from `start` on and before `end`. Takes no key locks.
///
/// @param[in]  txn               the transaction
/// @param[in]  cf                NULL: the default column family
/// @param[in]  start, start_len  the first key to remove; copied
/// @param[in]  end, end_len      the first key to keep; copied; equal to start: nothing happens; before start:
///                               refused
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO (no memory), ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_delete_range(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    start: *const u8,
    start_len: usize,
    end: *const u8,
    end_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, work) = unsafe { (ErrorOut::new(error), work(txn, cf)) };
    // SAFETY: convention 7.
    let (start, end) = unsafe { (array(start, start_len, "start"), array(end, end_len, "end")) };
    boundary("esker_txn_delete_range", error, || {
        let (start, end) = (start?, end?);
        work?.run("esker_txn_delete_range", |txn, family| txn.delete_range_in(family, start, end))?;
        Ok(ESKER_OK)
    })
}

/// Merges `operand` into what `key` has, by the merge operator of the family. Not a read.
///
/// @param[in]  txn                   the transaction
/// @param[in]  cf                    NULL: the default column family
/// @param[in]  key, key_len          at most 8 MiB; copied
/// @param[in]  operand, operand_len  at most 1 GiB; copied
/// @param[out] error                 [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also if there is no operator), ESKER_IO (no memory), ESKER_CLOSED,
///         ESKER_FORKED, ESKER_PANIC, and with key locks ESKER_BUSY (another transaction holds the key for longer
///         than "lock_timeout_ms"), ESKER_CONFLICT (that one waits for this one: roll back), ESKER_CANCELLED
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_merge(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    operand: *const u8,
    operand_len: usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, work) = unsafe { (ErrorOut::new(error), work(txn, cf)) };
    // SAFETY: convention 7.
    let (key, operand) = unsafe { (array(key, key_len, "key"), array(operand, operand_len, "operand")) };
    boundary("esker_txn_merge", error, || {
        let (key, operand) = (key?, operand?);
        work?.run("esker_txn_merge", |txn, family| txn.merge_in(family, key, operand))?;
        Ok(ESKER_OK)
    })
}
