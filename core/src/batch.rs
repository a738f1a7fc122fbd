//! [`WriteBatch`]: writes that happen together or not at all, and their encoding, which is also the payload of a WAL record.
//!
//! A batch is bytes from its first entry on: what is written to the WAL, handed to the memtable and given to whoever asks for
//! [`WriteBatch::data`] is one buffer that is never rebuilt. Each entry takes one sequence number when the batch commits; the
//! entries keep their order, so that in `put(k, 1); put(k, 2)` the second wins.
//!
//! ```text
//! batch = entry*
//! entry = kind u8, family varint, key length varint, key, [value length varint, value]     no value part for a delete
//! ```
//! The page is docs/format/batch.md. Invariants: every byte of a `WriteBatch` decodes; `count` is its number of entries; a call
//! that fails has added nothing. Decoding is pure and takes any bytes. Thread rule: one thread at a time builds a batch.

use std::cmp::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::util::coding::{Reader, put_prefixed, put_varint, varint_len};

/// The longest key.
pub const MAX_KEY_BYTES: usize = 8 << 20;
/// The longest value.
pub const MAX_VALUE_BYTES: usize = 1 << 30;
/// The longest batch, encoded.
pub const MAX_BATCH_BYTES: usize = 2 << 30;

/// Time in front of the value of a [`Kind::PutExpiring`], when it expires, and of a [`Kind::Merge`], when it was committed.
const TIME_BYTES: usize = 8;

/// Puts, deletes, range deletes and merges, over any column families, that are committed as one.
///
/// ```
/// # fn main() -> esker::Result<()> {
/// let mut batch = esker::WriteBatch::new();
/// batch.put(b"user:7", b"Ada")?;
/// batch.delete(b"user:8")?;
/// batch.delete_range(b"session:7:", b"session:7;")?;
/// assert_eq!(batch.count(), 3);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    data: Vec<u8>,
    tally: Tally,
    savepoints: Vec<Savepoint>,
}

/// What is in a batch, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    entries: u32,
    range_deletes: u32,
    /// Entries of another family than the default one.
    elsewhere: u32,
    merges: u32,
}

#[derive(Clone, Copy, Debug)]
struct Savepoint {
    len: usize,
    tally: Tally,
}

/// One write of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchEntry<'a> {
    /// The column family it goes to.
    pub family: FamilyId,
    /// What it does.
    pub kind: Kind,
    /// The key; of a range delete the first key that goes.
    pub key: &'a [u8],
    /// The value, or the end of the range (exclusive). Eight bytes of time come first in a put that expires (when it does) and in
    /// a merge operand (when it was committed; zero until then). Empty for a delete.
    pub value: &'a [u8],
}

impl<'a> BatchEntry<'a> {
    /// The caller's bytes of the value, without the time in front that some kinds have; and that time, if it is an expiry.
    pub fn value_and_expiry(&self) -> (&'a [u8], Option<u64>) {
        match (self.kind, self.value.split_first_chunk::<TIME_BYTES>()) {
            (Kind::PutExpiring, Some((time, value))) => (value, Some(u64::from_le_bytes(*time))),
            (Kind::Merge, Some((_, operand))) => (operand, None),
            _ => (self.value, None),
        }
    }
}

impl WriteBatch {
    /// An empty batch.
    pub fn new() -> WriteBatch {
        WriteBatch::default()
    }

    /// The batch whose [`WriteBatch::data`] was `data`. `Corruption` if these are not the bytes of a batch.
    pub fn from_data(data: &[u8]) -> Result<WriteBatch> {
        let mut batch = WriteBatch::new();
        batch.append_data(data)?;
        Ok(batch)
    }

    /// Sets `key` to `value` in the default family.
    pub fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.put_in(FamilyId::DEFAULT, key, value)
    }

    /// Removes `key` from the default family; it need not be there.
    pub fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.delete_in(FamilyId::DEFAULT, key)
    }

    /// Removes every key of the default family from `start` up to, not including, `end`. Nothing to do if they are equal.
    pub fn delete_range(&mut self, start: &[u8], end: &[u8]) -> Result<()> {
        self.delete_range_in(FamilyId::DEFAULT, start, end)
    }

    /// Merges `operand` into what `key` has in the default family, by the family's merge operator.
    pub fn merge(&mut self, key: &[u8], operand: &[u8]) -> Result<()> {
        self.merge_in(FamilyId::DEFAULT, key, operand)
    }

    /// Sets `key` to `value` in the default family until `expires_at_ms`, in milliseconds since 1970.
    pub fn put_expiring(&mut self, key: &[u8], value: &[u8], expires_at_ms: u64) -> Result<()> {
        self.put_expiring_in(FamilyId::DEFAULT, key, value, expires_at_ms)
    }

    /// Sets `key` to `value` in `family`.
    pub fn put_in(&mut self, family: FamilyId, key: &[u8], value: &[u8]) -> Result<()> {
        self.add(family, Kind::Put, key, value)
    }

    /// Removes `key` from `family`; it need not be there.
    pub fn delete_in(&mut self, family: FamilyId, key: &[u8]) -> Result<()> {
        self.add(family, Kind::Delete, key, b"")
    }

    /// Merges `operand` into what `key` has in `family`. Whether the family has a merge operator, and whether that takes the
    /// operand, is found out when the batch is written.
    pub fn merge_in(&mut self, family: FamilyId, key: &[u8], operand: &[u8]) -> Result<()> {
        self.add_timed(family, Kind::Merge, key, 0, operand)
    }

    /// Sets `key` to `value` in `family` until `expires_at_ms`, in milliseconds since 1970. From then on it reads as deleted.
    pub fn put_expiring_in(&mut self, family: FamilyId, key: &[u8], value: &[u8], expires_at_ms: u64) -> Result<()> {
        self.add_timed(family, Kind::PutExpiring, key, expires_at_ms, value)
    }

    /// Removes every key of `family` from `start` up to, not including, `end`.
    ///
    /// Equal keys are an empty range, which adds nothing. Whether `start` lies behind `end` is for the family's comparator to
    /// say, so a range that is the wrong way round is refused when the batch is written.
    pub fn delete_range_in(&mut self, family: FamilyId, start: &[u8], end: &[u8]) -> Result<()> {
        if start == end {
            return Ok(());
        }
        self.add(family, Kind::RangeDelete, start, end)
    }

    /// Adds everything in `other`, in its order.
    pub fn append(&mut self, other: &WriteBatch) -> Result<()> {
        self.append_data(&other.data)
    }

    /// Takes everything out. Memory is kept for the next use.
    pub fn clear(&mut self) {
        self.data.clear();
        self.tally = Tally::default();
        self.savepoints.clear();
    }

    /// Remembers what is in the batch now, for [`WriteBatch::rollback_to_savepoint`]. Savepoints nest.
    pub fn set_savepoint(&mut self) {
        self.savepoints.push(Savepoint { len: self.data.len(), tally: self.tally });
    }

    /// Takes out what was added after the latest savepoint, and forgets that savepoint. `NotFound` if there is none.
    pub fn rollback_to_savepoint(&mut self) -> Result<()> {
        let savepoint = self.savepoints.pop().ok_or_else(no_savepoint)?;
        self.data.truncate(savepoint.len);
        self.tally = savepoint.tally;
        Ok(())
    }

    /// Forgets the latest savepoint and keeps what was added. `NotFound` if there is none.
    pub fn pop_savepoint(&mut self) -> Result<()> {
        self.savepoints.pop().map(|_| ()).ok_or_else(no_savepoint)
    }

    /// How many writes it holds; as many sequence numbers it takes.
    pub fn count(&self) -> u32 {
        self.tally.entries
    }

    /// How many bytes they take, encoded.
    pub fn size_bytes(&self) -> usize {
        self.data.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.tally.entries == 0
    }

    /// The encoded writes: what the WAL stores, and what [`WriteBatch::from_data`] takes.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The writes, in order.
    pub fn iter(&self) -> BatchIter<'_> {
        BatchIter::new(&self.data)
    }

    /// Adds one entry of any kind, as it is stored. The limits are checked before anything changes; so is memory.
    pub(crate) fn add(&mut self, family: FamilyId, kind: Kind, key: &[u8], value: &[u8]) -> Result<()> {
        self.add_parts(family, kind, key, &[], value)
    }

    /// The same with a time in front of the value.
    pub(crate) fn add_timed(
        &mut self,
        family: FamilyId,
        kind: Kind,
        key: &[u8],
        time_ms: u64,
        value: &[u8],
    ) -> Result<()> {
        self.add_parts(family, kind, key, &time_ms.to_le_bytes(), value)
    }

    /// The same with a value in two parts.
    fn add_parts(&mut self, family: FamilyId, kind: Kind, key: &[u8], head: &[u8], value: &[u8]) -> Result<()> {
        let value_len = head.len() + value.len();
        check_lengths(kind, key, value_len).map_err(Error::invalid)?;
        let mut len = 1 + varint_len(u64::from(family.0)) + varint_len(key.len() as u64) + key.len();
        if has_value(kind) {
            len += varint_len(value_len as u64) + value_len;
        }
        self.make_room(len)?;
        self.data.push(kind as u8);
        put_varint(&mut self.data, u64::from(family.0));
        put_prefixed(&mut self.data, key);
        if has_value(kind) {
            put_varint(&mut self.data, value_len as u64);
            self.data.extend_from_slice(head);
            self.data.extend_from_slice(value);
        }
        self.tally.count(family, kind);
        Ok(())
    }

    /// Whether any entry is a merge operand.
    pub(crate) fn has_merges(&self) -> bool {
        self.tally.merges > 0
    }

    /// Whether any entry is of another family than the default one.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.tally.elsewhere > 0
    }

    /// Whether [`WriteBatch::check_families`] has anything to look at.
    pub(crate) fn needs_families(&self) -> bool {
        self.tally.range_deletes > 0 || self.tally.elsewhere > 0
    }

    /// `InvalidArgument` if a family is unknown to `order_of`, or a range delete's start lies behind its end. To be called once
    /// the orders are at hand, before the batch goes anywhere.
    pub(crate) fn check_families<'o>(&self, order_of: impl Fn(FamilyId) -> Option<&'o Order>) -> Result<()> {
        for entry in self.iter() {
            let entry = entry?;
            let order = order_of(entry.family)
                .ok_or_else(|| Error::invalid(format!("there is no column family {}", entry.family)))?;
            if entry.kind == Kind::RangeDelete && order.cmp(entry.key, entry.value) == Ordering::Greater {
                return Err(Error::invalid("a range to delete starts behind its end"));
            }
        }
        Ok(())
    }

    fn append_data(&mut self, data: &[u8]) -> Result<()> {
        let mut tally = self.tally;
        for entry in BatchIter::new(data) {
            let entry = entry?;
            tally.count(entry.family, entry.kind);
        }
        self.make_room(data.len())?;
        self.data.extend_from_slice(data);
        self.tally = tally;
        Ok(())
    }

    fn make_room(&mut self, len: usize) -> Result<()> {
        if len > MAX_BATCH_BYTES.saturating_sub(self.data.len()) {
            return Err(Error::invalid(format!("a batch may not be longer than {MAX_BATCH_BYTES} bytes")));
        }
        self.data
            .try_reserve(len)
            .map_err(|_| Error::new(ErrorKind::Io, format!("no memory for {len} bytes of a batch")))
    }
}

impl Tally {
    fn count(&mut self, family: FamilyId, kind: Kind) {
        // An entry takes at least three bytes and a batch at most 2^31, so a u32 is never full.
        self.entries = self.entries.saturating_add(1);
        self.range_deletes = self.range_deletes.saturating_add(u32::from(kind == Kind::RangeDelete));
        self.elsewhere = self.elsewhere.saturating_add(u32::from(family != FamilyId::DEFAULT));
        self.merges = self.merges.saturating_add(u32::from(kind == Kind::Merge));
    }
}

/// The entries of an encoded batch. The first error ends it.
#[derive(Clone, Debug)]
pub struct BatchIter<'a> {
    reader: Reader<'a>,
    len: usize,
}

impl<'a> BatchIter<'a> {
    /// The entries of `data`, which may be any bytes.
    pub fn new(data: &'a [u8]) -> BatchIter<'a> {
        BatchIter { reader: Reader::new(data), len: data.len() }
    }

    /// Where in the data the next entry starts: iterating over the data from there gives the entries not given yet.
    pub fn offset(&self) -> usize {
        self.len - self.reader.rest().len()
    }

    fn read(&mut self) -> Result<BatchEntry<'a>, &'static str> {
        let kind = self.reader.u8().and_then(Kind::from_u8).ok_or("unknown kind of entry")?;
        let family = FamilyId(self.reader.varint_u32().ok_or("family number is cut short")?);
        let key = self.reader.prefixed().ok_or("key is cut short")?;
        let value = match has_value(kind) {
            true => self.reader.prefixed().ok_or("value is cut short")?,
            false => b"",
        };
        if check_lengths(kind, key, value.len()).is_err() {
            return Err("key or value is longer than the limit");
        }
        match kind {
            Kind::RangeDelete if key == value => Err("range to delete is empty"),
            Kind::PutExpiring if value.len() < TIME_BYTES => Err("expiry time is cut short"),
            Kind::Merge if value.len() < TIME_BYTES => Err("commit time of a merge is cut short"),
            _ => Ok(BatchEntry { family, kind, key, value }),
        }
    }
}

impl<'a> Iterator for BatchIter<'a> {
    type Item = Result<BatchEntry<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let at = self.offset();
        Some(self.read().map_err(|why| {
            self.reader = Reader::new(b"");
            Error::new(ErrorKind::Corruption, format!("batch entry at byte {at}: {why}"))
        }))
    }
}

fn has_value(kind: Kind) -> bool {
    kind != Kind::Delete
}

fn check_lengths(kind: Kind, key: &[u8], value_len: usize) -> Result<(), String> {
    let value_limit = match kind {
        // The end of a range is a key.
        Kind::RangeDelete => MAX_KEY_BYTES,
        Kind::PutExpiring | Kind::Merge => MAX_VALUE_BYTES + TIME_BYTES,
        Kind::Delete | Kind::Put => MAX_VALUE_BYTES,
    };
    if key.len() > MAX_KEY_BYTES {
        return Err(format!("a key of {} bytes is longer than the limit of {MAX_KEY_BYTES}", key.len()));
    }
    if value_len > value_limit {
        let what = if kind == Kind::RangeDelete { "key" } else { "value" };
        return Err(format!("a {what} of {value_len} bytes is longer than the limit of {value_limit}"));
    }
    Ok(())
}

fn no_savepoint() -> Error {
    Error::new(ErrorKind::NotFound, "the batch has no savepoint")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::doc_page::DocPage;

    fn entry<'a>(family: u32, kind: Kind, key: &'a [u8], value: &'a [u8]) -> BatchEntry<'a> {
        BatchEntry { family: FamilyId(family), kind, key, value }
    }

    fn entries(batch: &WriteBatch) -> Vec<BatchEntry<'_>> {
        batch.iter().map(Result::unwrap).collect()
    }

    fn every_kind() -> WriteBatch {
        let mut batch = WriteBatch::new();
        batch.put(b"user:7", b"Ada").unwrap();
        batch.delete(b"user:8").unwrap();
        batch.delete_range_in(FamilyId(300), b"a", b"b").unwrap();
        batch.merge_in(FamilyId(1), b"n", b"+1").unwrap();
        batch.put_expiring_in(FamilyId(1), b"t", b"v", 10_000).unwrap();
        batch
    }

    #[test]
    fn entries_come_back_in_order() {
        let batch = every_kind();
        let expected = [
            entry(0, Kind::Put, b"user:7", b"Ada"),
            entry(0, Kind::Delete, b"user:8", b""),
            entry(300, Kind::RangeDelete, b"a", b"b"),
            entry(1, Kind::Merge, b"n", b"\0\0\0\0\0\0\0\0+1"),
            entry(1, Kind::PutExpiring, b"t", b"\x10\x27\0\0\0\0\0\0v"),
        ];
        assert_eq!(entries(&batch), expected);
        assert_eq!(batch.count(), 5);
        let own: Vec<_> = expected.iter().map(BatchEntry::value_and_expiry).collect();
        assert_eq!((own[0], own[3], own[4]), ((&b"Ada"[..], None), (&b"+1"[..], None), (&b"v"[..], Some(10_000))));
        let copy = WriteBatch::from_data(batch.data()).unwrap();
        assert_eq!(entries(&copy), expected);
        assert_eq!((copy.count(), copy.size_bytes()), (5, batch.size_bytes()));
    }

    #[test]
    fn empty_keys_and_values_are_legal() {
        let mut batch = WriteBatch::new();
        batch.put(b"", b"").unwrap();
        batch.delete(b"").unwrap();
        batch.delete_range(b"", b"z").unwrap();
        assert_eq!(batch.count(), 3);
        assert_eq!(entries(&batch)[0], entry(0, Kind::Put, b"", b""));
    }

    #[test]
    fn an_empty_range_adds_nothing() {
        let mut batch = WriteBatch::new();
        batch.delete_range(b"k", b"k").unwrap();
        batch.delete_range(b"", b"").unwrap();
        assert!(batch.is_empty());
        assert_eq!(batch.size_bytes(), 0);
    }

    #[test]
    fn a_range_the_wrong_way_round_is_found_by_the_family_s_order() {
        #[derive(Debug)]
        struct Backwards;
        impl crate::key::order::Comparator for Backwards {
            fn name(&self) -> &str {
                "backwards"
            }
            fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
                b.cmp(a)
            }
        }
        let backwards = Order::Custom(crate::util::sync::Arc::new(Backwards));
        let orders = [&Order::Bytewise, &backwards];
        let order_of = |family: FamilyId| orders.get(family.0 as usize).copied();
        let check = |family, start: &[u8], end: &[u8]| {
            let mut batch = WriteBatch::new();
            batch.delete_range_in(FamilyId(family), start, end).unwrap();
            batch.check_families(order_of).map_err(|e| e.kind())
        };
        assert_eq!(check(0, b"a", b"z"), Ok(()));
        assert_eq!(check(0, b"z", b"a"), Err(ErrorKind::InvalidArgument));
        assert_eq!(check(1, b"z", b"a"), Ok(()));
        assert_eq!(check(1, b"a", b"z"), Err(ErrorKind::InvalidArgument));
        assert_eq!(check(2, b"a", b"z"), Err(ErrorKind::InvalidArgument));
    }

    #[test]
    fn what_is_too_long_is_refused_and_nothing_is_added() {
        let mut batch = WriteBatch::new();
        batch.put(b"k", b"v").unwrap();
        let before = batch.data().to_vec();
        let long_key = vec![0; MAX_KEY_BYTES + 1];
        let refused = |result: Result<()>| assert_eq!(result.unwrap_err().kind(), ErrorKind::InvalidArgument);
        refused(batch.put(&long_key, b""));
        refused(batch.delete(&long_key));
        refused(batch.delete_range(b"", &long_key));
        // Zeroed memory that is never touched costs nothing.
        let long_value = vec![0; MAX_VALUE_BYTES + 1];
        refused(batch.put(b"k", &long_value));
        assert_eq!(batch.data(), before);
        assert_eq!(batch.count(), 1);
        batch.put(&long_key[1..], b"").unwrap();
        batch.delete_range(b"", &long_key[1..]).unwrap();
        assert_eq!(batch.count(), 3);
    }

    #[test]
    fn a_batch_that_grows_too_long_is_refused() {
        let mut batch = WriteBatch::new();
        assert!(batch.make_room(MAX_BATCH_BYTES + 1).is_err());
        batch.put(b"k", b"v").unwrap();
        let error = batch.make_room(MAX_BATCH_BYTES - batch.size_bytes() + 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }

    #[test]
    fn savepoints_nest() {
        let mut batch = WriteBatch::new();
        batch.put(b"a", b"1").unwrap();
        batch.set_savepoint();
        batch.delete_range(b"b", b"c").unwrap();
        batch.set_savepoint();
        batch.put(b"d", b"2").unwrap();
        batch.rollback_to_savepoint().unwrap();
        assert_eq!(batch.count(), 2);
        batch.rollback_to_savepoint().unwrap();
        assert_eq!(entries(&batch), [entry(0, Kind::Put, b"a", b"1")]);
        assert_eq!(batch.tally.range_deletes, 0);
        assert_eq!(batch.rollback_to_savepoint().unwrap_err().kind(), ErrorKind::NotFound);
        batch.set_savepoint();
        batch.put(b"e", b"3").unwrap();
        batch.pop_savepoint().unwrap();
        assert_eq!(batch.count(), 2);
        batch.set_savepoint();
        batch.clear();
        assert!(batch.is_empty() && batch.pop_savepoint().is_err());
    }

    #[test]
    fn batches_append() {
        let (mut batch, other) = (every_kind(), every_kind());
        batch.append(&other).unwrap();
        assert_eq!(batch.count(), 10);
        assert_eq!(batch.tally.range_deletes, 2);
        assert_eq!(entries(&batch)[5..], entries(&other));
    }

    #[test]
    fn any_bytes_decode_to_entries_or_one_error() {
        let good = every_kind().data().to_vec();
        let boundaries: Vec<usize> = {
            let mut iter = BatchIter::new(&good);
            let mut ends = vec![0];
            while iter.next().is_some() {
                ends.push(iter.offset());
            }
            ends
        };
        for cut in 0..good.len() {
            let decoded = WriteBatch::from_data(&good[..cut]);
            assert_eq!(decoded.is_ok(), boundaries.contains(&cut), "{cut} bytes");
        }
        for at in 0..good.len() {
            for byte in 0..=255 {
                let mut bad = good.clone();
                bad[at] = byte;
                let mut iter = BatchIter::new(&bad);
                if iter.by_ref().any(|entry| entry.is_err()) {
                    assert!(iter.next().is_none(), "an error ends the iteration");
                }
                if let Err(error) = WriteBatch::from_data(&bad) {
                    assert_eq!(error.kind(), ErrorKind::Corruption);
                }
            }
        }
    }

    #[test]
    fn entries_no_encoder_writes_are_refused() {
        let bad: [&[u8]; 7] = [
            &[3, 0, 1, b'a', 3, 1, 2, 3],     // a commit time of three bytes
            &[5, 0, 0],                       // a kind that is reserved
            &[2, 0, 1, b'a', 1, b'a'],        // an empty range
            &[4, 0, 1, b'a', 3, 1, 2, 3],     // an expiry of three bytes
            &[1, 0x80, 0, 0, 0],              // a family in two bytes that fits one
            &[1, 0xff, 0xff, 0xff, 0xff, 16], // a family above 2^32
            &[0, 0, 0x81, 0x80, 0x80, 4],     // a key longer than the limit
        ];
        for bytes in bad {
            assert_eq!(WriteBatch::from_data(bytes).unwrap_err().kind(), ErrorKind::Corruption, "{bytes:?}");
        }
    }

    #[test]
    fn the_page_says_what_the_code_does() {
        let page = DocPage::new(include_str!("../../docs/format/batch.md"));
        assert_eq!(page.hex("batch"), every_kind().data());
        let text = include_str!("../../docs/format/batch.md");
        for kind in (0..=255).filter_map(Kind::from_u8) {
            assert!(text.contains(&format!("| {} | `{kind:?}` |", kind as u8)), "{kind:?} is on the page");
        }
    }
}
