//! [`merge`]: the loop that flush and compaction share. Entries in order → what becomes of each → outputs.
//!
//! ```text
//! input (merged, newest first within a key) → Retention::fate → Collapse → OutputWriter
//! ```
//! Invariants: an input that stops with an error stops the merge with that error, it is never taken for the end of the input, so
//! damage is not copied around and then forgotten; entries must ascend strictly, or the merge stops as well.
//!
//! Thread rule: one thread.

use std::cmp::Ordering;

use crate::compaction::collapse::Collapse;
use crate::compaction::retention::Retention;
use crate::compaction::writer::OutputWriter;
use crate::error::{Error, ErrorKind, Result};
use crate::iter::internal::InternalIterator;
use crate::iter::tombstones::{FragmentedTombstones, RangeTombstone};
use crate::key::internal;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;

/// How many entries pass between two looks at whether the work was cancelled.
const ENTRIES_PER_CHECK: u64 = 256;

/// Writes of `input` what `retention` keeps, with merge operands put together by `collapse`, and ends the last output. How many
/// entries were read; `cancelled` is asked now and then.
pub fn merge(
    order: &Order,
    input: &mut dyn InternalIterator,
    retention: &mut Retention<'_>,
    collapse: &mut Collapse<'_>,
    writer: &mut OutputWriter<'_>,
    cancelled: &dyn Fn() -> bool,
) -> Result<u64> {
    let mut read = 0u64;
    let mut last_seqno = SeqNo::MAX;
    input.seek_to_first();
    while input.valid() {
        if read.is_multiple_of(ENTRIES_PER_CHECK) && cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "background work was cancelled"));
        }
        let entry = internal::parse(input.key()).ok_or_else(|| damaged("an entry of an unknown kind"))?;
        let same_key = match order.cmp(collapse.user_key(), entry.user_key) {
            _ if read == 0 => false,
            Ordering::Less => false,
            Ordering::Equal if entry.seqno < last_seqno => true,
            _ => return Err(damaged("entries out of order")),
        };
        read += 1;
        if !same_key {
            collapse.end_key(retention, writer)?;
            collapse.start_key(entry.user_key);
            retention.start_key(entry.user_key);
        }
        last_seqno = entry.seqno;
        let fate = retention.fate(&entry, input.value())?;
        collapse.take(&entry, input.value(), fate, retention, writer)?;
        input.next();
    }
    input.status()?;
    collapse.end_key(retention, writer)?;
    writer.finish()?;
    Ok(read)
}

/// Fragments as the tombstones they stand for, to be fragmented anew together with others.
pub fn as_ranges(tombstones: &FragmentedTombstones) -> impl Iterator<Item = RangeTombstone> {
    tombstones.iter().flat_map(|fragment| {
        let range = move |seqno: &SeqNo| RangeTombstone {
            start: fragment.start.to_vec(),
            end: fragment.end.to_vec(),
            seqno: *seqno,
        };
        fragment.seqnos.iter().map(range)
    })
}

fn damaged(what: &str) -> Error {
    Error::new(ErrorKind::Corruption, format!("{what} among the entries to merge"))
}
