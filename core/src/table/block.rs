//! [`Block`]: the contents of a data or index block, checked once when it is loaded and then searched in place.
//!
//! Layout: see `block_builder`. Invariant: [`Block::parse`] has walked every entry, so that whatever the bytes are, each
//! offset, length and kind that the accessors meet is in range; a search over unsorted (forged) keys gives some answer, never
//! a panic. Thread rule: immutable, shared by any number of readers; a clone is one more reference to the same bytes.

use std::cmp::Ordering;
use std::ops::Range;

use crate::key::internal::{self, TRAILER_LEN};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::table::block_builder::{FLAG_HEADS, FLAG_WIDE, HEAD_LEN, HEADER_LEN, head};
use crate::util::coding::Reader;
use crate::util::pinned::{Pinned, SharedBytes};

/// What a search looks for: an internal key taken apart, without a copy.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The user key.
    pub user_key: &'a [u8],
    /// Sequence number and kind as one word; larger sorts first.
    pub trailer: u64,
}

impl<'a> Target<'a> {
    /// Lands on the newest entry of `user_key` that a view of `seqno` may see.
    pub fn view(user_key: &'a [u8], seqno: SeqNo) -> Target<'a> {
        Target { user_key, trailer: seqno.get() << 8 | 0xff }
    }

    /// An encoded internal key or seek target. One that is too short for a trailer stands before all entries of its bytes.
    pub fn decode(key: &'a [u8]) -> Target<'a> {
        let (user_key, trailer) = internal::split(key).unwrap_or((key, u64::MAX));
        Target { user_key, trailer }
    }
}

/// The contents of a block.
#[derive(Clone, Debug)]
pub struct Block {
    bytes: SharedBytes,
    count: u32,
    offsets_at: u32,
    prefix_at: u32,
    entries_at: u32,
    flags: u8,
}

/// Where the parts of an entry lie in the block.
#[derive(Clone, Copy, Debug)]
struct Entry {
    suffix_len: usize,
    /// Where the suffix goes on after its head; the trailer ends at `value_at`.
    tail_at: usize,
    value_at: usize,
    end: usize,
}

impl Entry {
    fn value(&self) -> Range<usize> {
        self.value_at..self.end
    }
}

impl Block {
    /// Checks the contents of a block; the error says what is wrong with it.
    pub fn parse(bytes: SharedBytes) -> Result<Block, &'static str> {
        let mut reader = Reader::new(&bytes);
        let (Some(count), Some(word)) = (reader.u32(), reader.u32()) else { return Err("is too short for its header") };
        let (flags, prefix_len) = (word as u8, u64::from(word >> 8));
        if flags & !(FLAG_HEADS | FLAG_WIDE) != 0 {
            return Err("has unknown flags");
        }
        let heads = flags & FLAG_HEADS != 0;
        if !heads && prefix_len != 0 {
            return Err("has a prefix without heads");
        }
        let offset_len: u64 = if flags & FLAG_WIDE != 0 { 4 } else { 2 };
        let offsets_at = HEADER_LEN as u64 + if heads { u64::from(count) * HEAD_LEN as u64 } else { 0 };
        let prefix_at = offsets_at + u64::from(count) * offset_len;
        let entries_at = prefix_at + prefix_len;
        if entries_at > bytes.len() as u64 || u32::try_from(bytes.len()).is_err() {
            return Err("is too short for its heads");
        }
        let (offsets_at, prefix_at, entries_at) = (offsets_at as u32, prefix_at as u32, entries_at as u32);
        let block = Block { bytes, count, offsets_at, prefix_at, entries_at, flags };
        block.check_entries()?;
        Ok(block)
    }

    fn check_entries(&self) -> Result<(), &'static str> {
        if self.count == 0 {
            return if self.entries_at as usize == self.bytes.len() { Ok(()) } else { Err("has bytes but no entries") };
        }
        let mut at = self.entries_at as usize;
        for i in 0..self.len() {
            match self.span(&self.bytes, i) {
                Some((start, end)) if start == at && start < end && end <= self.bytes.len() => at = end,
                _ => return Err("has offsets that do not ascend from its first entry on"),
            }
            let Some(entry) = self.decode_entry(i) else { return Err("has an entry that does not fit") };
            if self.has_heads() && entry.suffix_len < HEAD_LEN {
                let padding = u64::MAX.checked_shr(8 * entry.suffix_len as u32).unwrap_or(0);
                if self.heads().get(i).is_some_and(|head| u64::from_le_bytes(*head) & padding != 0) {
                    return Err("has a head longer than its key");
                }
            }
            match Kind::from_u8(self.trailer(&entry) as u8) {
                Some(Kind::Put | Kind::Delete | Kind::Merge) => {}
                Some(Kind::PutExpiring) if entry.value().len() >= 8 => {}
                _ => return Err("has an entry of a kind that does not belong there"),
            }
        }
        Ok(())
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether it was written in bytewise order.
    pub fn has_heads(&self) -> bool {
        self.flags & FLAG_HEADS != 0
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.bytes.capacity() + size_of::<Block>()
    }

    /// The first entry at or after `target`; `len()` if there is none.
    #[inline]
    pub fn lower_bound(&self, order: &Order, target: Target<'_>) -> usize {
        if !self.has_heads() {
            return self.search_entries(0..self.len(), |entry| {
                let (user_key, trailer) = (self.user_key_tail(entry), self.trailer(entry));
                order.cmp(user_key, target.user_key).then(target.trailer.cmp(&trailer)) == Ordering::Less
            });
        }
        let prefix = self.prefix();
        let Some(suffix) = target.user_key.strip_prefix(prefix) else {
            // Every key here starts with the prefix, so the target sorts before them all or after them all.
            return if target.user_key < prefix { 0 } else { self.len() };
        };
        let (heads, wanted) = (self.heads(), head(suffix));
        let start = partition_point(heads, |head| head < wanted);
        if heads.get(start).is_none_or(|head| u64::from_le_bytes(*head) != wanted) {
            return start;
        }
        if !self.is_less(&self.entry(start), suffix, target.trailer) {
            return start;
        }
        let ties = partition_point(&heads[start..], |head| head <= wanted);
        self.search_entries(start + 1..start + ties, |entry| self.is_less(entry, suffix, target.trailer))
    }

    /// The newest entry of `target`'s user key at or after `target`: its trailer, and where its value lies in
    /// [`Block::bytes`].
    #[inline]
    pub fn find(&self, order: &Order, target: Target<'_>) -> Option<(u64, Range<usize>)> {
        let i = self.lower_bound(order, target);
        if i == self.len() {
            return None;
        }
        let entry = self.entry(i);
        self.is_key_of(i, &entry, target.user_key).then(|| (self.trailer(&entry), entry.value()))
    }

    /// Whether entry `i` exists and is exactly `target`.
    pub fn is_at(&self, i: usize, target: Target<'_>) -> bool {
        if i >= self.len() {
            return false;
        }
        let entry = self.entry(i);
        self.trailer(&entry) == target.trailer && self.is_key_of(i, &entry, target.user_key)
    }

    /// The value of entry `i`.
    pub fn value(&self, i: usize) -> &[u8] {
        &self.bytes[self.entry(i).value()]
    }

    /// A part of [`Block::bytes`] that keeps this block alive instead of being a copy.
    pub fn pin(&self, range: Range<usize>) -> Pinned {
        Pinned::block(&self.bytes, range.clone()).unwrap_or_else(|| Pinned::copy(&self.bytes[range]))
    }

    /// What every user key here starts with.
    pub fn prefix(&self) -> &[u8] {
        &self.bytes[self.prefix_at as usize..self.entries_at as usize]
    }

    /// Appends what follows the prefix in the internal key of entry `i`; returns where the value lies in [`Block::bytes`].
    #[inline]
    pub fn append_key(&self, i: usize, key: &mut Vec<u8>) -> Range<usize> {
        let entry = self.entry(i);
        if self.has_heads() {
            let head = self.heads().get(i).map_or(0, |bytes| u64::from_le_bytes(*bytes)).to_be_bytes();
            let len = key.len() + entry.suffix_len.min(HEAD_LEN);
            key.extend_from_slice(&head);
            key.truncate(len);
        }
        key.extend_from_slice(&self.bytes[entry.tail_at..entry.value_at]);
        entry.value()
    }

    /// All of the block.
    pub fn bytes(&self) -> &SharedBytes {
        &self.bytes
    }

    /// The first entry in `range` for which `less` is false; the end of it if there is none.
    fn search_entries(&self, range: Range<usize>, less: impl Fn(&Entry) -> bool) -> usize {
        let (mut start, mut end) = (range.start, range.end);
        while start < end {
            let middle = start + (end - start) / 2;
            if less(&self.entry(middle)) {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        start
    }

    /// Whether an entry whose head equals that of `suffix` sorts before `(suffix, trailer)`.
    fn is_less(&self, entry: &Entry, suffix: &[u8], trailer: u64) -> bool {
        // Equal heads: if one of the two is shorter than a head, the other goes on with zeros, and the shorter is smaller.
        let by_len = entry.suffix_len.min(HEAD_LEN).cmp(&suffix.len().min(HEAD_LEN));
        let by_rest = || self.user_key_tail(entry).cmp(suffix.get(HEAD_LEN..).unwrap_or_default());
        by_len.then_with(by_rest).then_with(|| trailer.cmp(&self.trailer(entry))) == Ordering::Less
    }

    /// Whether the user key of `entry`, which is entry `i`, is `user_key`.
    #[inline]
    fn is_key_of(&self, i: usize, entry: &Entry, user_key: &[u8]) -> bool {
        if !self.has_heads() {
            return self.user_key_tail(entry) == user_key;
        }
        let Some(suffix) = user_key.strip_prefix(self.prefix()) else { return false };
        suffix.len() == entry.suffix_len
            && self.heads().get(i).is_some_and(|bytes| u64::from_le_bytes(*bytes) == head(suffix))
            && self.user_key_tail(entry) == suffix.get(HEAD_LEN..).unwrap_or_default()
    }

    #[inline]
    fn heads(&self) -> &[[u8; HEAD_LEN]] {
        self.bytes[HEADER_LEN..self.offsets_at as usize].as_chunks().0
    }

    /// The user key from where the head stops; all of it in a block without heads.
    #[inline]
    fn user_key_tail(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.tail_at..entry.value_at - TRAILER_LEN]
    }

    #[inline]
    fn trailer(&self, entry: &Entry) -> u64 {
        self.bytes[..entry.value_at].last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
    }

    #[inline]
    fn entry(&self, i: usize) -> Entry {
        // `parse` has decoded every entry, so the fallback (no suffix, the block's first bytes as trailer) never shows.
        self.decode_entry(i).unwrap_or(Entry { suffix_len: 0, tail_at: 0, value_at: TRAILER_LEN, end: TRAILER_LEN })
    }

    #[inline]
    fn decode_entry(&self, i: usize) -> Option<Entry> {
        let bytes = self.bytes.as_slice();
        let (start, end) = self.span(bytes, i)?;
        // Nearly every suffix is shorter than 128 bytes, and its length then a single byte.
        let (suffix_len, tail_at) = match *bytes.get(start)? {
            len if len < 0x80 => (usize::from(len), start + 1),
            _ => {
                let mut reader = Reader::new(bytes.get(start..end)?);
                (usize::try_from(reader.varint()?).ok()?, end - reader.rest().len())
            }
        };
        let in_head = if self.has_heads() { suffix_len.min(HEAD_LEN) } else { 0 };
        let value_at = tail_at.checked_add(suffix_len - in_head)?.checked_add(TRAILER_LEN)?;
        (value_at <= end).then_some(Entry { suffix_len, tail_at, value_at, end })
    }

    /// Where entry `i` starts and ends.
    #[inline]
    fn span(&self, bytes: &[u8], i: usize) -> Option<(usize, usize)> {
        let (entries_at, last) = (self.entries_at as usize, i + 1 == self.len());
        let rest = bytes.get(self.offsets_at as usize..)?;
        let (start, end) = if self.flags & FLAG_WIDE == 0 {
            // The next offset stands beside this one; behind the last one come other bytes, which are not looked at.
            match rest.get(2 * i..)?.first_chunk::<4>() {
                Some([a, b, c, d]) => (u16::from_le_bytes([*a, *b]).into(), u16::from_le_bytes([*c, *d]).into()),
                None => return None,
            }
        } else {
            let word = |at: usize| Some(u32::from_le_bytes(*rest.get(at..)?.first_chunk()?) as usize);
            (word(4 * i)?, if last { 0 } else { word(4 * i + 4)? })
        };
        Some((entries_at + start, if last { bytes.len() } else { entries_at + end }))
    }
}

/// The number of leading heads for which `before` holds, without a branch that depends on them.
#[inline]
fn partition_point(heads: &[[u8; HEAD_LEN]], before: impl Fn(u64) -> bool) -> usize {
    let (mut base, mut size) = (0, heads.len());
    while size > 1 {
        let half = size / 2;
        base = if before(u64::from_le_bytes(heads[base + half])) { base + half } else { base };
        size -= half;
    }
    base + usize::from(heads.get(base).is_some_and(|head| before(u64::from_le_bytes(*head))))
}
