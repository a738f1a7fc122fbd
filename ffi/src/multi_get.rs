//! Reads of many keys in one call and at one moment: as values, or packed into the caller's buffer.
//!
//! The call as a whole fails only if it could not be done at all; what happened to one key is that key's own status.
//!
//! # In the header
//! Reading many keys at once
//!
//! All keys are read at one moment, as if through a snapshot. Each key has its own status.

use engine::{Error, Pinned, Result};

use crate::bytes::{array, array_mut};
use crate::db::esker_db;
use crate::error::{ErrorOut, esker_error};
use crate::family::{esker_cf, target};
use crate::handle::give;
use crate::named::or_default;
use crate::out::{Out, Slot, Zero};
use crate::panic::boundary;
use crate::read::too_small;
use crate::read_options::esker_read_options;
use crate::status::{self, ESKER_NOT_FOUND, ESKER_OK, esker_status};
use crate::value::esker_value;

type Found = Result<Option<Pinned>>;

/// Reads many keys, without copies where it can.
///
/// @param[in]  db              the database
/// @param[in]  cf              NULL: the default column family
/// @param[in]  n               how many keys; the arrays have this many elements
/// @param[in]  keys, key_lens  the keys
/// @param[in]  options         NULL: as of now
/// @param[out] values          [own] for each key with ESKER_OK its value, to free with esker_value_free(); else
///                             NULL
/// @param[out] statuses        for each key ESKER_OK, ESKER_NOT_FOUND, ESKER_IO or ESKER_CORRUPTION; if the call as
///                             a whole fails, its status. esker_get() on a key that failed tells more
/// @param[out] error           [own] NULL, or where to put the error of the call as a whole
/// @return ESKER_OK (the statuses tell), ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED, ESKER_FORKED,
///         ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_multi_get(
    db: *const esker_db,
    cf: *const esker_cf,
    n: usize,
    keys: *const *const u8,
    key_lens: *const usize,
    options: *const esker_read_options,
    values: *mut *mut esker_value,
    statuses: *mut esker_status,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, target, options) = unsafe { (ErrorOut::new(error), target(db, cf), or_default(options)) };
    // SAFETY: conventions 6 and 7.
    let (mut values, mut statuses) = unsafe { (zeroed(values, n, "values"), zeroed(statuses, n, "statuses")) };
    // SAFETY: convention 7.
    let keys = unsafe { separate_keys(n, keys, key_lens) };
    let outcome = boundary("esker_multi_get", error, || {
        let (values, statuses) = (borrowed(&mut values)?, borrowed(&mut statuses)?);
        let (db, family) = target?;
        give_all(db.multi_get_in(family, &keys?, &options)?, values, statuses);
        Ok(ESKER_OK)
    });
    settle(outcome, statuses)
}

/// Reads many keys into the caller's memory, with one key array and one value array for all of them.
///
/// @param[in]  db            the database
/// @param[in]  cf            NULL: the default column family
/// @param[in]  n             how many keys; key_ends, value_ends and statuses have this many elements
/// @param[in]  keys          the keys, one after the other
/// @param[in]  key_ends      where each key ends in keys; it begins where the one before it ends, the first at 0
/// @param[in]  options       NULL: as of now
/// @param[out] buf, cap      where the values go, one after the other; NULL, 0 to learn the length
/// @param[out] value_ends    where each value ends in buf; a key without a value has an empty one
/// @param[out] statuses      for each key ESKER_OK, ESKER_NOT_FOUND, ESKER_IO or ESKER_CORRUPTION; if the call as a
///                           whole fails, its status
/// @param[out] bytes_needed  the length of all values; with ESKER_BUFFER_TOO_SMALL nothing is written to buf
/// @param[out] error         [own] NULL, or where to put the error of the call as a whole
/// @return ESKER_OK (the statuses tell), ESKER_BUFFER_TOO_SMALL, ESKER_INVALID_ARGUMENT, ESKER_IO, ESKER_CLOSED,
///         ESKER_FORKED, ESKER_UNSUPPORTED, ESKER_PANIC
///
/// Threads: any number at once. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_multi_get_into(
    db: *const esker_db,
    cf: *const esker_cf,
    n: usize,
    keys: *const u8,
    key_ends: *const usize,
    options: *const esker_read_options,
    buf: *mut u8,
    cap: usize,
    value_ends: *mut usize,
    statuses: *mut esker_status,
    bytes_needed: *mut usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 to 9.
    let (error, needed, target) = unsafe { (ErrorOut::new(error), Out::new(bytes_needed), target(db, cf)) };
    // SAFETY: conventions 6 and 7.
    let (mut ends, mut statuses) = unsafe { (zeroed(value_ends, n, "value_ends"), zeroed(statuses, n, "statuses")) };
    // SAFETY: conventions 7 and 9.
    let (keys, options) = unsafe { (joined_keys(n, keys, key_ends), or_default(options)) };
    // SAFETY: convention 7.
    let buf = unsafe { array_mut(buf, cap, "buf") };
    let outcome = boundary("esker_multi_get_into", error, || {
        let place = Place { buf: buf?, ends: borrowed(&mut ends)?, statuses: borrowed(&mut statuses)? };
        let needed = needed.required("bytes_needed")?;
        let (db, family) = target?;
        place.fill(&db.multi_get_in(family, &keys?, &options)?, needed)
    });
    settle(outcome, statuses)
}

/// The caller's array of `n` results, zeroed now.
///
/// # Safety
/// As for [`array_mut`].
pub(crate) unsafe fn zeroed<'a, T: Zero + crate::bytes::Plain>(
    pointer: *mut T,
    n: usize,
    name: &str,
) -> Result<&'a mut [T]> {
    // SAFETY: the same contract.
    let array = unsafe { array_mut(pointer, n, name) }?;
    array.fill_with(|| T::ZERO);
    Ok(array)
}

/// The array inside, or a copy of the failure to get it.
pub(crate) fn borrowed<'r, T>(array: &'r mut Result<&mut [T]>) -> Result<&'r mut [T]> {
    array.as_mut().map(|array| &mut **array).map_err(|error| error.clone())
}

/// If the call as a whole failed, every key gets its status.
pub(crate) fn settle(outcome: esker_status, statuses: Result<&mut [esker_status]>) -> esker_status {
    if let (false, Ok(statuses)) = (outcome == ESKER_OK, statuses) {
        statuses.fill(outcome);
    }
    outcome
}

/// The keys of an array of pointers and one of lengths.
///
/// # Safety
/// As for [`array`], for both arrays and every key.
pub(crate) unsafe fn separate_keys<'a>(n: usize, keys: *const *const u8, lens: *const usize) -> Result<Vec<&'a [u8]>> {
    // SAFETY: the same contract.
    let (keys, lens) = unsafe { (array(keys, n, "keys")?, array(lens, n, "key_lens")?) };
    // SAFETY: the same contract.
    keys.iter().zip(lens).map(|(key, len)| unsafe { array(*key, *len, "a key") }).collect()
}

/// The keys of one array and their ends.
///
/// # Safety
/// As for [`array`]: `ends` has `n` elements, `keys` as many as the last of them says.
unsafe fn joined_keys<'a>(n: usize, keys: *const u8, ends: *const usize) -> Result<Vec<&'a [u8]>> {
    // SAFETY: the same contract.
    let ends = unsafe { array(ends, n, "key_ends") }?;
    // SAFETY: the same contract.
    let keys = unsafe { array(keys, ends.last().copied().unwrap_or(0), "keys") }?;
    let mut start = 0;
    let cut = |end: &usize| {
        let key = keys.get(start..*end).ok_or_else(|| Error::invalid("key_ends does not ascend"))?;
        start = *end;
        Ok(key)
    };
    ends.iter().map(cut).collect()
}

/// Hands every value found to C.
pub(crate) fn give_all(found: Vec<Found>, values: &mut [*mut esker_value], statuses: &mut [esker_status]) {
    for ((found, value), status) in found.into_iter().zip(values).zip(statuses) {
        *status = status_of(&found);
        if let Ok(Some(bytes)) = found {
            *value = give(esker_value::found(bytes));
        }
    }
}

fn status_of(found: &Found) -> esker_status {
    match found {
        Ok(Some(_)) => ESKER_OK,
        Ok(None) => ESKER_NOT_FOUND,
        Err(error) => status::of(error.kind()),
    }
}

/// The length of all values.
fn length(found: &[Found]) -> Result<usize> {
    let lengths = found.iter().flatten().flatten().map(|bytes| bytes.len());
    let sum = lengths.into_iter().try_fold(0usize, usize::checked_add);
    sum.ok_or_else(|| Error::invalid("the values together are larger than memory can be"))
}

/// Where packed values go.
struct Place<'a> {
    buf: &'a mut [u8],
    ends: &'a mut [usize],
    statuses: &'a mut [esker_status],
}

impl Place<'_> {
    /// Copies the values there, if all of them fit; their length goes to `needed` either way.
    fn fill(self, found: &[Found], mut needed: Slot<'_, usize>) -> Result<esker_status> {
        let (length, capacity) = (length(found)?, self.buf.len());
        needed.set(length);
        if length > capacity {
            return Err(too_small(length, capacity));
        }
        let mut filled = 0;
        for ((found, end), status) in found.iter().zip(self.ends).zip(self.statuses) {
            *status = status_of(found);
            if let Ok(Some(bytes)) = found {
                self.buf[filled..filled + bytes.len()].copy_from_slice(bytes);
                filled += bytes.len();
            }
            *end = filled;
        }
        Ok(ESKER_OK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_packed_one_after_the_other() {
        let found =
            [Ok(Some(Pinned::copy(b"one"))), Ok(None), Ok(Some(Pinned::copy(b""))), Ok(Some(Pinned::copy(b"two")))];
        let (mut buf, mut ends, mut statuses, mut needed) = ([0; 8], [0; 4], [99; 4], 0);
        let mut fill = |room: usize| {
            // SAFETY: a local variable.
            let needed = unsafe { Out::new(&raw mut needed) }.required("needed")?;
            Place { buf: &mut buf[..room], ends: &mut ends, statuses: &mut statuses }.fill(&found, needed)
        };
        assert!(fill(5).is_err());
        assert_eq!(fill(8).unwrap(), ESKER_OK);
        assert_eq!((&buf[..6], needed, ends, statuses), (&b"onetwo"[..], 6, [3, 3, 3, 6], [0, ESKER_NOT_FOUND, 0, 0]));
    }

    #[test]
    fn joined_keys_must_ascend_and_stay_inside() {
        let (keys, good, bad) = (*b"abcdef", [2usize, 2, 6], [4usize, 2, 6]);
        // SAFETY: the arrays are as long as said.
        unsafe {
            let cut = joined_keys(3, keys.as_ptr(), good.as_ptr()).unwrap();
            assert_eq!(cut, [&b"ab"[..], b"", b"cdef"]);
            assert!(joined_keys(3, keys.as_ptr(), bad.as_ptr()).is_err());
            assert!(joined_keys(0, std::ptr::null(), std::ptr::null()).unwrap().is_empty());
        }
    }
}
