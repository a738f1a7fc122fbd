//! Iterators: a cursor over the keys of one moment.
//!
//! # Invariants
//! - A move that panicked leaves the cursor in no known state, so the iterator is broken from then on: not valid,
//!   and every call says why. The database is not affected.
//!
//! # In the header
//! Iterators
//!
//! A cursor over the keys of one moment, in order. A new one stands nowhere: seek first. It may turn round at any
//! step. Running off an end is ESKER_OK with the iterator not valid; from there only a seek leads back. After an
//! error it is not valid, and esker_iter_status() says why until the next seek. After its database was closed every
//! move is ESKER_CLOSED; the entry it stands on can be read until then.

use std::ptr;
use std::sync::Arc;

use engine::{Error, Iter, Result};

use crate::bytes::array;
use crate::callback::{Gate, refuse_inside};
use crate::db::esker_db;
use crate::error::{ErrorOut, esker_error};
use crate::family::{esker_cf, target};
use crate::handle::{Handle, borrow, borrow_mut, end, required};
use crate::named::or_default;
use crate::out::Out;
use crate::panic::{boundary, caught};
use crate::read_options::esker_read_options;
use crate::status::{self, ESKER_INVALID_ARGUMENT, ESKER_NOT_FOUND, ESKER_OK, esker_status};
use crate::value::{esker_value, start};

/// A cursor. Sees its moment for as long as it lives, whatever is written meanwhile; free it soon, for it keeps
/// files on disk.
pub struct esker_iter {
    cursor: Iter,
    broken: Option<Error>,
    /// Of the callbacks of its database.
    gate: Option<Arc<Gate>>,
}

impl Handle for esker_iter {
    const NAME: &'static str = "esker_iter";
}

impl esker_iter {
    pub(crate) fn over(cursor: Iter, gate: Option<Arc<Gate>>) -> esker_iter {
        esker_iter { cursor, broken: None, gate }
    }

    /// Runs a call that moves the cursor.
    pub(crate) fn moving<T>(&mut self, name: &'static str, step: impl FnOnce(&mut Iter) -> Result<T>) -> Result<T> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        refuse_inside()?;
        let _inside = self.gate.as_ref().map(|gate| gate.enter());
        caught(name, || step(&mut self.cursor)).unwrap_or_else(|panic| {
            self.broken = Some(panic.clone());
            Err(panic)
        })
    }

    /// The cursor, if it stands on an entry.
    fn entry(&self) -> Option<&Iter> {
        (self.broken.is_none() && self.cursor.valid()).then_some(&self.cursor)
    }

    fn status(&self) -> Result<()> {
        self.broken.as_ref().map_or_else(|| self.cursor.status(), |error| Err(error.clone()))
    }
}

/// Runs a move that has no error parameter.
///
/// # Safety
/// Convention 9 of the header.
unsafe fn step(name: &'static str, iter: *mut esker_iter, step: impl FnOnce(&mut Iter) -> Result<()>) -> esker_status {
    // SAFETY: the same contract.
    let Ok(iter) = (unsafe { borrow_mut(iter) }) else { return ESKER_INVALID_ARGUMENT };
    iter.moving(name, step).map_or_else(|error| status::of(error.kind()), |()| ESKER_OK)
}

/// Makes an iterator over the keys that `options` let through, as of this moment or of the options' snapshot.
///
/// @param[in]  db       the database
/// @param[in]  cf       NULL: the default column family
/// @param[in]  options  NULL: all keys, as of now. Copied
/// @param[out] iter     [own] the iterator, to free with esker_iter_free(); NULL unless ESKER_OK
/// @param[out] error    [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED,
///         ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_new(
    db: *const esker_db,
    cf: *const esker_cf,
    options: *const esker_read_options,
    iter: *mut *mut esker_iter,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, iter, target, options) =
        unsafe { (ErrorOut::new(error), Out::new(iter), target(db, cf), or_default(options)) };
    boundary("esker_iter_new", error, || {
        let mut iter = iter.required("iter")?;
        let (db, family) = target?;
        iter.give(esker_iter::over(db.iter_in(family, &options)?, db.gate()));
        Ok(ESKER_OK)
    })
}

/// Moves to the first key.
///
/// @param[in] iter  the iterator
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_seek_to_first(iter: *mut esker_iter) -> esker_status {
    // SAFETY: convention 9.
    unsafe { step("esker_iter_seek_to_first", iter, Iter::seek_to_first) }
}

/// Moves to the last key.
///
/// @param[in] iter  the iterator
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_seek_to_last(iter: *mut esker_iter) -> esker_status {
    // SAFETY: convention 9.
    unsafe { step("esker_iter_seek_to_last", iter, Iter::seek_to_last) }
}

/// Moves to the first key that is `key` or after it.
///
/// @param[in] iter          the iterator
/// @param[in] key, key_len  any key; it need not be there
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_seek(iter: *mut esker_iter, key: *const u8, key_len: usize) -> esker_status {
    // SAFETY: convention 7.
    let key = unsafe { array(key, key_len, "key") };
    // SAFETY: convention 9.
    unsafe { step("esker_iter_seek", iter, |cursor| cursor.seek(key?)) }
}

/// Moves to the last key that is `key` or before it.
///
/// @param[in] iter          the iterator
/// @param[in] key, key_len  any key; it need not be there
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_seek_for_prev(
    iter: *mut esker_iter,
    key: *const u8,
    key_len: usize,
) -> esker_status {
    // SAFETY: convention 7.
    let key = unsafe { array(key, key_len, "key") };
    // SAFETY: convention 9.
    unsafe { step("esker_iter_seek_for_prev", iter, |cursor| cursor.seek_for_prev(key?)) }
}

/// Moves to the next key. When not valid: stays so.
///
/// @param[in] iter  the iterator
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_next(iter: *mut esker_iter) -> esker_status {
    // SAFETY: convention 9.
    unsafe { step("esker_iter_next", iter, Iter::next) }
}

/// Moves to the key before. When not valid: stays so.
///
/// @param[in] iter  the iterator
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_prev(iter: *mut esker_iter) -> esker_status {
    // SAFETY: convention 9.
    unsafe { step("esker_iter_prev", iter, Iter::prev) }
}

/// Takes in what was written since: from now on the iterator sees this moment, as a new one with its options would,
/// but with its snapshot forgotten. It stands nowhere then: seek.
///
/// @param[in]  iter   the iterator
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_INVALID_ARGUMENT (also for the iterator of a transaction), ESKER_IO, ESKER_CORRUPTION,
///         ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_refresh(iter: *mut esker_iter, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, iter) = unsafe { (ErrorOut::new(error), borrow_mut(iter)) };
    boundary("esker_iter_refresh", error, || {
        iter?.moving("esker_iter_refresh", Iter::refresh)?;
        Ok(ESKER_OK)
    })
}

/// Tells whether the iterator stands on an entry.
///
/// @param[in] iter  NULL: no
/// @return 1 if it does; 0 before the first seek, beyond an end and after an error
///
/// Threads: any number at once while nobody moves it. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_valid(iter: *const esker_iter) -> u8 {
    // SAFETY: convention 9.
    let iter = unsafe { borrow(iter) };
    caught("esker_iter_valid", || iter.is_some_and(|iter| iter.entry().is_some())).map_or(0, u8::from)
}

/// The key the iterator stands on.
///
/// @param[in]  iter  the iterator
/// @param[out] len   its length; 0 when not valid
/// @return its first byte, valid until the next call on this iterator with a pointer that is not const, its free
///         included; not NULL for the empty key; NULL when not valid
///
/// Threads: any number at once while nobody moves it. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_key(iter: *const esker_iter, len: *mut usize) -> *const u8 {
    // SAFETY: conventions 6 and 9.
    unsafe { part("esker_iter_key", iter, len, Iter::key) }
}

/// The value the iterator stands on.
///
/// @param[in]  iter  the iterator
/// @param[out] len   its length; 0 when not valid
/// @return its first byte, valid until the next call on this iterator with a pointer that is not const, its free
///         included; not NULL for the empty value; NULL when not valid
///
/// Threads: any number at once while nobody moves it. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_value(iter: *const esker_iter, len: *mut usize) -> *const u8 {
    // SAFETY: conventions 6 and 9.
    unsafe { part("esker_iter_value", iter, len, Iter::value) }
}

/// When the entry the iterator stands on expires.
///
/// @param[in] iter  NULL: as one that is not valid
/// @return milliseconds since 1970; 0 if it never does, or when not valid
///
/// Threads: any number at once while nobody moves it. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_expires_at_ms(iter: *const esker_iter) -> u64 {
    // SAFETY: convention 9.
    let iter = unsafe { borrow(iter) };
    let expiry = caught("esker_iter_expires_at_ms", || iter.and_then(esker_iter::entry).and_then(Iter::expires_at_ms));
    expiry.ok().flatten().unwrap_or_default()
}

/// Lends one part of the entry the iterator stands on.
///
/// # Safety
/// Conventions 6 and 9 of the header.
unsafe fn part(name: &'static str, iter: *const esker_iter, len: *mut usize, of: fn(&Iter) -> &[u8]) -> *const u8 {
    // SAFETY: the same contract.
    let (iter, mut len) = unsafe { (borrow(iter), Out::new(len)) };
    let bytes = caught(name, || iter.and_then(esker_iter::entry).map(of));
    let Ok(Some(bytes)) = bytes else { return ptr::null() };
    len.set_if_present(|| bytes.len());
    start(bytes)
}

/// The value the iterator stands on, to keep: it stays when the iterator moves on. Without a copy where it can.
///
/// @param[in]  iter   the iterator
/// @param[out] value  [own] the value, to free with esker_value_free(); NULL unless ESKER_OK
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (not valid), ESKER_INVALID_ARGUMENT, ESKER_PANIC, and the error of an iterator
///         that has one: ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED
///
/// Threads: any number at once while nobody moves it. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_pinned_value(
    iter: *const esker_iter,
    value: *mut *mut esker_value,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, value, iter) = unsafe { (ErrorOut::new(error), Out::new(value), required(iter)) };
    boundary("esker_iter_pinned_value", error, || {
        let (mut value, iter) = (value.required("value")?, iter?);
        iter.status()?;
        let Some(entry) = iter.entry() else { return Ok(ESKER_NOT_FOUND) };
        value.give(esker_value::found(entry.pinned_value()));
        Ok(ESKER_OK)
    })
}

/// The error of an iterator, if it has one: why it is not valid.
///
/// @param[in]  iter   the iterator
/// @param[out] error  [own] NULL, or where to put the error
/// @return ESKER_OK (none), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED,
///         ESKER_PANIC
///
/// Threads: any number at once while nobody moves it. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_status(iter: *const esker_iter, error: *mut *mut esker_error) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, iter) = unsafe { (ErrorOut::new(error), required(iter)) };
    boundary("esker_iter_status", error, || {
        iter?.status()?;
        Ok(ESKER_OK)
    })
}

/// Frees an iterator.
///
/// @param[in] iter  [own] NULL: nothing happens
///
/// Threads: one at a time, with no other call on the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_free(iter: *mut esker_iter) {
    // SAFETY: convention 3.
    unsafe { end("esker_iter_free", iter) }
}
