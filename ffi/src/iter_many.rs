//! Many entries of an iterator in one call, packed into the caller's buffer: for runtimes in which a call is what
//! costs.
//!
//! # In the header
//! Many entries in one call
//!
//! An entry is packed as u32 key length, u32 value length (both little-endian, not aligned), key, value; the next
//! one follows at once. A loop over all keys seeks once and then calls esker_iter_next_many() until it packs 0
//! entries.

use engine::{Iter, Packed, Result};

use crate::bytes::array_mut;
use crate::error::{ErrorOut, esker_error};
use crate::handle::borrow_mut;
use crate::iter::esker_iter;
use crate::out::Out;
use crate::panic::boundary;
use crate::read::too_small;
use crate::status::{ESKER_OK, esker_status};

/// Packs entries from the current one on, and leaves the iterator on the first one not packed.
///
/// @param[in]  iter         the iterator
/// @param[out] buf, cap     where the entries go
/// @param[in]  max_entries  pack at most this many
/// @param[out] bytes        how many bytes were packed; with ESKER_BUFFER_TOO_SMALL how many the current entry needs
/// @param[out] entries      how many entries were packed; 0 with ESKER_OK: the iterator is not valid (or max_entries
///                          is 0)
/// @param[out] error        [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_BUFFER_TOO_SMALL (not even one entry fits; the iterator has not moved),
///         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_next_many(
    iter: *mut esker_iter,
    buf: *mut u8,
    cap: usize,
    max_entries: usize,
    bytes: *mut usize,
    entries: *mut usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe {
        many("esker_iter_next_many", iter, buf, cap, [bytes, entries], error, |i, buf| i.next_many(buf, max_entries))
    }
}

/// The same backwards: packs the current entry, the one before it, and so on.
///
/// @param[in]  iter         the iterator
/// @param[out] buf, cap     where the entries go
/// @param[in]  max_entries  pack at most this many
/// @param[out] bytes        how many bytes were packed; with ESKER_BUFFER_TOO_SMALL how many the current entry needs
/// @param[out] entries      how many entries were packed; 0 with ESKER_OK: the iterator is not valid (or max_entries
///                          is 0)
/// @param[out] error        [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_BUFFER_TOO_SMALL (not even one entry fits; the iterator has not moved),
///         ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CORRUPTION, ESKER_CLOSED, ESKER_FORKED, ESKER_PANIC
///
/// Threads: one at a time for the same iterator. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_iter_prev_many(
    iter: *mut esker_iter,
    buf: *mut u8,
    cap: usize,
    max_entries: usize,
    bytes: *mut usize,
    entries: *mut usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: the same conventions.
    unsafe {
        many("esker_iter_prev_many", iter, buf, cap, [bytes, entries], error, |i, buf| i.prev_many(buf, max_entries))
    }
}

/// Runs `pack` on the cursor and the caller's buffer. `counts` are where the bytes and the entries go.
///
/// # Safety
/// Conventions 6, 7 and 9 of the header.
unsafe fn many(
    name: &'static str,
    iter: *mut esker_iter,
    buf: *mut u8,
    cap: usize,
    counts: [*mut usize; 2],
    error: *mut *mut esker_error,
    pack: impl FnOnce(&mut Iter, &mut [u8]) -> Result<Packed>,
) -> esker_status {
    // SAFETY: the same contract.
    let (error, [bytes, entries]) = unsafe { (ErrorOut::new(error), counts.map(|count| Out::new(count))) };
    // SAFETY: the same contract.
    let (iter, buf) = unsafe { (borrow_mut(iter), array_mut(buf, cap, "buf")) };
    boundary(name, error, || {
        let (mut bytes, mut entries) = (bytes.required("bytes")?, entries.required("entries")?);
        let (iter, buf) = (iter?, buf?);
        let packed = iter.moving(name, |cursor| pack(cursor, buf))?;
        bytes.set(packed.needed.unwrap_or(packed.bytes));
        if let Some(needed) = packed.needed {
            return Err(too_small(needed, cap));
        }
        entries.set(packed.entries);
        Ok(ESKER_OK)
    })
}
