//! What is in a batch, entry by entry: for programs that look at writes before they make them, or send them
//! elsewhere.
//!
//! The position goes out and comes back in, so nothing has to be kept, copied or freed between two entries.
//!
//! # In the header
//! Looking into batches
//!
//! A loop over a batch begins at 0, goes on at `next`, and ends with ESKER_NOT_FOUND:
//!
//!     for (size_t at = 0; esker_batch_entry(batch, at, …, &at, NULL) == ESKER_OK;) …

use engine::{BatchEntry, BatchIter, Error, Kind, Result};

use crate::batch::esker_batch;
use crate::error::{ErrorOut, esker_error};
use crate::handle::required;
use crate::out::Out;
use crate::panic::boundary;
use crate::status::{ESKER_NOT_FOUND, ESKER_OK, esker_status};
use crate::value::start;

/// The key is removed. There is no value.
pub const ESKER_ENTRY_DELETE: i32 = 0;
/// The key gets the value.
pub const ESKER_ENTRY_PUT: i32 = 1;
/// The keys from `key` on and before `value` are removed.
pub const ESKER_ENTRY_DELETE_RANGE: i32 = 2;
/// The value is an operand for the merge operator of the family.
pub const ESKER_ENTRY_MERGE: i32 = 3;
/// The key gets the value until the time `expires_at_ms`.
pub const ESKER_ENTRY_PUT_EXPIRING: i32 = 4;

/// Tells of one entry of a batch. What is not wanted may be NULL.
///
/// @param[in]  batch             the batch
/// @param[in]  at                0 for the first entry, then `next` of the one before; no other number
/// @param[out] kind              NULL, or where to put one of ESKER_ENTRY_…
/// @param[out] cf_id             NULL, or where to put the number of the column family; see esker_cf_id()
/// @param[out] key, key_len      NULL, or where to put the key; valid until the batch is changed or freed
/// @param[out] value, value_len  NULL, or where to put the value; as the key
/// @param[out] expires_at_ms     NULL, or where to put the milliseconds since 1970 at which the value expires; 0: never
/// @param[out] next              where to put the position of the next entry; may be the variable that `at` came from
/// @param[out] error             [own] NULL, or where to put the error
/// @return ESKER_OK, ESKER_NOT_FOUND (`at` is the end; all outputs are 0), ESKER_INVALID_ARGUMENT (also for an `at`
///         behind the end), ESKER_CORRUPTION (`at` is no entry's), ESKER_PANIC
///
/// Threads: any number at once while nobody adds. Since: 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn esker_batch_entry(
    batch: *const esker_batch,
    at: usize,
    kind: *mut i32,
    cf_id: *mut u32,
    key: *mut *const u8,
    key_len: *mut usize,
    value: *mut *const u8,
    value_len: *mut usize,
    expires_at_ms: *mut u64,
    next: *mut usize,
    error: *mut *mut esker_error,
) -> esker_status {
    // SAFETY: conventions 6 and 9.
    let (error, next, batch) = unsafe { (ErrorOut::new(error), Out::new(next), required(batch)) };
    // SAFETY: convention 6.
    let (key, value) = unsafe { ((Out::new(key), Out::new(key_len)), (Out::new(value), Out::new(value_len))) };
    // SAFETY: convention 6.
    let (kind, cf_id, expiry) = unsafe { (Out::new(kind), Out::new(cf_id), Out::new(expires_at_ms)) };
    boundary("esker_batch_entry", error, || {
        let (batch, mut next) = (batch?, next.required("next")?);
        let Some((entry, after)) = entry(batch.0.data(), at)? else { return Ok(ESKER_NOT_FOUND) };
        Place { kind, cf_id, key, value, expiry }.fill(&entry);
        next.set(after);
        Ok(ESKER_OK)
    })
}

/// The entry of `data` that starts at `at`, and where the next one does; none at the end.
fn entry(data: &[u8], at: usize) -> Result<Option<(BatchEntry<'_>, usize)>> {
    let rest =
        data.get(at..).ok_or_else(|| Error::invalid(format!("the batch ends at {}, before {at}", data.len())))?;
    let mut entries = BatchIter::new(rest);
    let entry = entries.next().transpose()?;
    Ok(entry.map(|entry| (entry, at + entries.offset())))
}

/// Bytes that go out as a pointer and a length.
type Bytes<'a> = (Out<'a, *const u8>, Out<'a, usize>);

/// Where the parts of an entry go.
struct Place<'a> {
    kind: Out<'a, i32>,
    cf_id: Out<'a, u32>,
    key: Bytes<'a>,
    value: Bytes<'a>,
    expiry: Out<'a, u64>,
}

impl Place<'_> {
    fn fill(mut self, entry: &BatchEntry<'_>) {
        let (value, expires_at_ms) = entry.value_and_expiry();
        self.kind.set_if_present(|| number(entry.kind));
        self.cf_id.set_if_present(|| entry.family.0);
        self.expiry.set_if_present(|| expires_at_ms.unwrap_or(0));
        lend(&mut self.key, entry.key);
        lend(&mut self.value, value);
    }
}

fn lend(place: &mut Bytes<'_>, bytes: &[u8]) {
    place.0.set_if_present(|| start(bytes));
    place.1.set_if_present(|| bytes.len());
}

fn number(kind: Kind) -> i32 {
    match kind {
        Kind::Delete => ESKER_ENTRY_DELETE,
        Kind::Put => ESKER_ENTRY_PUT,
        Kind::RangeDelete => ESKER_ENTRY_DELETE_RANGE,
        Kind::Merge => ESKER_ENTRY_MERGE,
        Kind::PutExpiring => ESKER_ENTRY_PUT_EXPIRING,
    }
}

#[cfg(test)]
mod tests {
    use engine::ErrorKind;

    use super::*;

    #[test]
    fn every_kind_has_its_number_of_the_format() {
        for kind in (0..=4).map(|n| Kind::from_u8(n).unwrap()) {
            assert_eq!(number(kind), kind as i32);
        }
    }

    #[test]
    fn entries_are_found_by_where_the_one_before_ends() {
        let data = [1, 0, 1, b'k', 1, b'v', 0, 0, 1, b'k'];
        let (put, next) = entry(&data, 0).unwrap().unwrap();
        assert_eq!((put.key, put.value, next), (&b"k"[..], &b"v"[..], 6));
        assert_eq!(entry(&data, next).unwrap().unwrap().1, data.len());
        assert_eq!(entry(&data, data.len()).unwrap(), None);
        assert_eq!(entry(&data, data.len() + 1).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(entry(&data, 3).unwrap_err().kind(), ErrorKind::Corruption);
    }
}
