//! Reads within a transaction: the database as it was at the beginning, with the transaction's own writes.
//!
//! # In the header
//! Reading in a transaction
//!
//! A serializable transaction remembers what it read, also that a key was absent and which stretch an iterator
//! walked: if that has changed when it commits, the commit is ESKER_CONFLICT.

use engine::{ColumnFamily, Pinned, Result, Transaction};

use crate::bytes::{array, array_mut};
use crate::error::{ErrorOut, esker_error};
use crate::family::esker_cf;
use crate::iter::esker_iter;
use crate::multi_get::{borrowed, give_all, separate_keys, settle, zeroed};
use crate::named::or_default;
use crate::out::Out;
use crate::panic::boundary;
use crate::read::copy;
use crate::read_options::esker_read_options;
use crate::status::{ESKER_NOT_FOUND, ESKER_OK, esker_status};
use crate::txn::{esker_txn, work};
use crate::value::esker_value;

/// Reads the value of `key`, without a copy where it can.
///
/// @param[in]  txn           the transaction
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  the key
/// @param[out] value         [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
///         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_get(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe { get("esker_txn_get", txn, cf, (key, key_len), value, error, |txn, cf, key| txn.get_in(cf, key)) }
}

/// Reads the value of `key` for a write that depends on it: no other commit may change the key before this one,
/// under snapshot isolation too. With key locks it takes the lock first and then reads the latest commit.
///
/// @param[in]  txn           the transaction
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  the key
/// @param[out] value         [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED,
///         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC, and with key locks ESKER_BUSY (another transaction holds
///         the key for longer than "lock_timeout_ms"), ESKER_CONFLICT (that one waits for this one: roll back),
///         ESKER_CANCELLED
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_get_for_update(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe {
        get("esker_txn_get_for_update", txn, cf, (key, key_len), value, error, |txn, cf, key| {
            txn.get_for_update_in(cf, key)
        })
    }
}

/// Reads one key through `call`.
///
/// # Safety
/// Conventions 6 to 9 of the header.
unsafe fn get(
    name: &'static str,
    txn: *mut esker_txn,
    cf: *const esker_cf,
    (key, key_len): (*const u8, usize),
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
    call: impl FnOnce(&mut Transaction, &ColumnFamily, &[u8]) -> Result<Option<Pinned>>,
) -> esker_status {
    // SAFETY: the same contract.
    let (error, value, work) = unsafe { (ErrorOut::new(error), Out::new(value), work(txn, cf)) };
    // SAFETY: the same contract.
    let key = unsafe { array(key, key_len, "key") };
    boundary(name, error, || {
        let (mut value, key) = (value.required("value")?, key?);
        let Some(found) = work?.run(name, |txn, cf| call(txn, cf, key))? else { return Ok(ESKER_NOT_FOUND) };
        value.give(esker_value::found(found));
        Ok(ESKER_OK)
    })
}

/// Reads the value of `key` into the caller's memory.
///
/// @param[in]  txn           the transaction
/// @param[in]  cf            NULL: the default column family
/// @param[in]  key, key_len  the key
/// @param[out] buf, cap      where the value goes; NULL, 0 to learn its length
/// @param[out] value_len     its length; with ESKER_BUFFER_TOO_SMALL the length needed, and nothing is written to
///                           buf
/// @param[out] error         [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND, ESKER_BUFFER_TOO_SMALL, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION,
///         ESKER_CLOSED, ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_get_into(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    key: *const u8,
    key_len: usize,
    buf: *mut u8,
    cap: usize,
    value_len: *mut usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, value_len, work) = unsafe { (ErrorOut::new(error), Out::new(value_len), work(txn, cf)) };
    // SAFETY: convention 7.
    let (key, buf) = unsafe { (array(key, key_len, "key"), array_mut(buf, cap, "buf")) };
    boundary("esker_txn_get_into", error, || {
        let (value_len, key, buf) = (value_len.required("value_len")?, key?, buf?);
        let found = work?.run("esker_txn_get_into", |txn, cf| txn.get_in(cf, key))?;
        found.map_or(Ok(ESKER_NOT_FOUND), |found| copy(&found, buf, value_len))
    })
}

/// Reads many keys, without copies where it can.
///
/// @param[in]  txn             the transaction
/// @param[in]  cf              NULL: the default column family
/// @param[in]  n               how many keys; the arrays have this many elements
/// @param[in]  keys, key_lens  the keys
/// @param[out] values          [own] for each key with ESKER_OK its value, to free with esker_value_free(); else
///                             NULL
/// @param[out] statuses        for each key ESKER_OK, ESKER_NOT_FOUND, or why it failed; if the call as a whole
///                             fails, its status
/// @param[out] error           [own] NULL, or where to put the error of the call as a whole
/// @return ESKER_OK (the statuses tell), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_FORKED,
///         ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_multi_get(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    n: usize,
    keys: *const *const u8,
    key_lens: *const usize,
    values: *mut *mut esker_value,
    statuses: *mut esker_status,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, work) = unsafe { (ErrorOut::new(error), work(txn, cf)) };
    // SAFETY: conventions 6 and 7.
    let (mut values, mut statuses) = unsafe { (zeroed(values, n, "values"), zeroed(statuses, n, "statuses")) };
    // SAFETY: convention 7.
    let keys = unsafe { separate_keys(n, keys, key_lens) };
    let outcome = boundary("esker_txn_multi_get", error, || {
        let (values, statuses, keys) = (borrowed(&mut values)?, borrowed(&mut statuses)?, keys?);
        give_all(work?.run("esker_txn_multi_get", |txn, cf| txn.multi_get_in(cf, &keys))?, values, statuses);
        Ok(ESKER_OK)
    });
    settle(outcome, statuses)
}

/// Makes an iterator over what the transaction sees now; its later writes do not show. It may outlive the
/// transaction.
///
/// @param[in]  txn      the transaction
/// @param[in]  cf       NULL: the default column family
/// @param[in]  options  NULL: all keys. With a snapshot it is refused: a transaction has its own. Copied
/// @param[out] iter     [own] the iterator, to free with esker_iter_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED,
///         ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: one at a time for the same transaction. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_txn_iter_new(
    txn: *mut esker_txn,
    cf: *const esker_cf,
    options: *const esker_read_options,
    iter: *mut *mut esker_iter,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, iter, work, options) =
        unsafe { (ErrorOut::new(error), Out::new(iter), work(txn, cf), or_default(options)) };
    boundary("esker_txn_iter_new", error, || {
        let (mut iter, work) = (iter.required("iter")?, work?);
        let gate = work.gate();
        let cursor = work.run("esker_txn_iter_new", |txn, cf| txn.iter_in(cf, &options))?;
        iter.give(esker_iter::over(cursor, gate));
        Ok(ESKER_OK)
    })
}
