//! [`BlockBuilder`]: gathers sorted entries and lays them out as the contents of a data or index block.
//!
//! ```text
//! count u32 | flags u8, prefix length u24 | heads u64 × count | offsets u16 or u32 × count | prefix | entries
//! entry = suffix length varint | suffix from its 9th byte on | u64 sequence number and kind | value to the end of the entry
//! ```
//! The user keys `user01`, `user02` and `user02x` share the prefix `user0`. Their suffixes `1`, `2` and `2x` become the
//! heads `0x31…`, `0x32…` and `0x3278…`: the first eight bytes as a big-endian number, filled up with zeros, so that a search
//! compares whole words and touches an entry only where heads tie. Every entry can be reached directly, so that a step back
//! costs what a step forward does; there are no restart points.
//!
//! A family with a comparator of its own gets no prefix and no heads, because its order need not be that of the bytes.
//! Invariant: entries arrive in order (the table builder checks that). Thread rule: belongs to one builder.

use crate::error::{Error, ErrorKind, Result};
use crate::key::internal::TRAILER_LEN;
use crate::table::compression::try_reserve;
use crate::util::coding::{put_u32, put_varint, varint_len};

/// Bytes before the heads.
pub const HEADER_LEN: usize = 8;
/// Bytes of a head.
pub const HEAD_LEN: usize = 8;
/// The block has heads and a prefix.
pub const FLAG_HEADS: u8 = 1;
/// Offsets take four bytes, not two.
pub const FLAG_WIDE: u8 = 2;
/// What the three bytes of the prefix length can say.
const MAX_PREFIX_LEN: usize = (1 << 24) - 1;

/// The first eight bytes of `suffix` as a number that compares as they do.
#[inline]
pub fn head(suffix: &[u8]) -> u64 {
    match suffix.first_chunk::<HEAD_LEN>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            suffix.iter().fold(0, |head, &byte| head << 8 | u64::from(byte)) << (8 * (HEAD_LEN - suffix.len()) % 64)
        }
    }
}

/// Gathers the entries of one block.
#[derive(Debug)]
pub struct BlockBuilder {
    heads: bool,
    /// Internal key and value of every entry, one after the other.
    data: Vec<u8>,
    /// Ends in `data` of each entry's key and value.
    ends: Vec<(usize, usize)>,
    /// How many bytes all user keys so far share.
    prefix_len: usize,
    user_key_bytes: usize,
    value_bytes: usize,
}

impl BlockBuilder {
    /// An empty block, with heads if `heads`.
    pub fn new(heads: bool) -> BlockBuilder {
        BlockBuilder { heads, data: Vec::new(), ends: Vec::new(), prefix_len: 0, user_key_bytes: 0, value_bytes: 0 }
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Roughly how many bytes the contents take now.
    pub fn size(&self) -> usize {
        self.estimate(self.ends.len(), self.prefix_len, self.user_key_bytes, self.value_bytes)
    }

    /// Roughly how many bytes the contents would take with one entry more.
    pub fn size_with(&self, internal_key: &[u8], value: &[u8]) -> usize {
        let user_key_len = internal_key.len() - TRAILER_LEN;
        let prefix_len = self.prefix_with(&internal_key[..user_key_len]);
        let (key_bytes, value_bytes) = (self.user_key_bytes + user_key_len, self.value_bytes + value.len());
        self.estimate(self.ends.len() + 1, prefix_len, key_bytes, value_bytes)
    }

    /// Exact where all suffixes have eight bytes or more, else up to eight bytes an entry too low: it decides where to cut.
    fn estimate(&self, count: usize, prefix_len: usize, user_key_bytes: usize, value_bytes: usize) -> usize {
        let (head_len, suffix_bytes) = (self.head_len(), user_key_bytes - count * prefix_len);
        let per_entry = head_len + 2 + 1 + TRAILER_LEN;
        HEADER_LEN + prefix_len + count * per_entry + suffix_bytes.saturating_sub(count * head_len) + value_bytes
    }

    /// Adds an entry, which sorts after those that are there. The key has a trailer.
    pub fn add(&mut self, internal_key: &[u8], value: &[u8]) {
        let user_key = &internal_key[..internal_key.len() - TRAILER_LEN];
        self.prefix_len = self.prefix_with(user_key);
        self.user_key_bytes += user_key.len();
        self.value_bytes += value.len();
        self.data.extend_from_slice(internal_key);
        let key_end = self.data.len();
        self.data.extend_from_slice(value);
        self.ends.push((key_end, self.data.len()));
    }

    /// Appends the contents to `out` and starts an empty block.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let exact = self.entry_bytes();
        let wide = exact > usize::from(u16::MAX);
        let offset_len = if wide { 4 } else { 2 };
        let fixed = HEADER_LEN + self.prefix_len + self.ends.len() * (self.head_len() + offset_len);
        if u32::try_from(fixed + exact).is_err() {
            return Err(Error::new(ErrorKind::Unsupported, "a block of more than 4 GiB"));
        }
        try_reserve(out, fixed + exact)?;
        put_header(out, self.ends.len(), self.prefix_len, self.heads, wide);
        if self.heads {
            for i in 0..self.ends.len() {
                out.extend_from_slice(&head(self.suffix(i)).to_le_bytes());
            }
        }
        let mut offset = 0;
        for i in 0..self.ends.len() {
            let bytes = (offset as u32).to_le_bytes();
            out.extend_from_slice(&bytes[..offset_len]);
            offset += self.entry_len(i);
        }
        if let Some((key, _)) = self.ends.first().map(|_| self.entry(0)) {
            out.extend_from_slice(&key[..self.prefix_len]);
        }
        for i in 0..self.ends.len() {
            let (key, value) = self.entry(i);
            put_entry(out, key, self.prefix_len, self.head_len(), value);
        }
        self.data.clear();
        self.ends.clear();
        (self.prefix_len, self.user_key_bytes, self.value_bytes) = (0, 0, 0);
        Ok(())
    }

    fn head_len(&self) -> usize {
        if self.heads { HEAD_LEN } else { 0 }
    }

    /// What the prefix becomes with `user_key` in the block.
    fn prefix_with(&self, user_key: &[u8]) -> usize {
        if !self.heads {
            return 0;
        }
        let Some(&(first_end, _)) = self.ends.first() else { return user_key.len().min(MAX_PREFIX_LEN) };
        let first = &self.data[..first_end - TRAILER_LEN];
        shared_len(&first[..self.prefix_len], user_key)
    }

    fn entry(&self, i: usize) -> (&[u8], &[u8]) {
        let start = if i == 0 { 0 } else { self.ends[i - 1].1 };
        let (key_end, end) = self.ends[i];
        (&self.data[start..key_end], &self.data[key_end..end])
    }

    fn suffix(&self, i: usize) -> &[u8] {
        let (key, _) = self.entry(i);
        &key[self.prefix_len..key.len() - TRAILER_LEN]
    }

    fn entry_len(&self, i: usize) -> usize {
        let (key, value) = self.entry(i);
        let suffix_len = key.len() - TRAILER_LEN - self.prefix_len;
        let rest_len = suffix_len.saturating_sub(self.head_len());
        varint_len(suffix_len as u64) + rest_len + TRAILER_LEN + value.len()
    }

    fn entry_bytes(&self) -> usize {
        (0..self.ends.len()).map(|i| self.entry_len(i)).sum()
    }
}

/// Appends the contents of a block that holds one entry only, without gathering it first: a value may be a gigabyte.
pub fn encode_alone(out: &mut Vec<u8>, heads: bool, internal_key: &[u8], value: &[u8]) -> Result<()> {
    try_reserve(out, HEADER_LEN + HEAD_LEN + 16 + internal_key.len() + value.len())?;
    let prefix_len = if heads { (internal_key.len() - TRAILER_LEN).min(MAX_PREFIX_LEN) } else { 0 };
    put_header(out, 1, prefix_len, heads, false);
    if heads {
        let suffix = &internal_key[prefix_len..internal_key.len() - TRAILER_LEN];
        out.extend_from_slice(&head(suffix).to_le_bytes());
    }
    out.extend_from_slice(&0u16.to_le_bytes());
    out.extend_from_slice(&internal_key[..prefix_len]);
    put_entry(out, internal_key, prefix_len, if heads { HEAD_LEN } else { 0 }, value);
    Ok(())
}

/// How many leading bytes the two share, a word at a time.
fn shared_len(a: &[u8], b: &[u8]) -> usize {
    let (words_a, _) = a.as_chunks::<8>();
    let (words_b, _) = b.as_chunks::<8>();
    let words = words_a.iter().zip(words_b).take_while(|(a, b)| a == b).count() * 8;
    words + a[words..].iter().zip(&b[words..]).take_while(|(a, b)| a == b).count()
}

fn put_header(out: &mut Vec<u8>, count: usize, prefix_len: usize, heads: bool, wide: bool) {
    let flags = if heads { FLAG_HEADS } else { 0 } | if wide { FLAG_WIDE } else { 0 };
    put_u32(out, count as u32);
    put_u32(out, (prefix_len as u32) << 8 | u32::from(flags));
}

fn put_entry(out: &mut Vec<u8>, key: &[u8], prefix_len: usize, head_len: usize, value: &[u8]) {
    let suffix_len = key.len() - TRAILER_LEN - prefix_len;
    put_varint(out, suffix_len as u64);
    // The rest of the suffix and the trailer stand side by side in the internal key, and so they do in the entry.
    out.extend_from_slice(&key[prefix_len + suffix_len.min(head_len)..]);
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_compare_as_bytes_do() {
        assert_eq!(head(b""), 0);
        assert_eq!(head(b"\x01"), 0x0100_0000_0000_0000);
        assert_eq!(head(b"abcdefg"), 0x6162_6364_6566_6700);
        assert_eq!(head(b"abcdefghi"), 0x6162_6364_6566_6768);
        let samples: [&[u8]; 6] = [b"", b"\0", b"a", b"a\xff", b"b", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff"];
        for pair in samples.windows(2) {
            assert!(head(pair[0]) <= head(pair[1]));
        }
    }

    #[test]
    fn shared_prefixes_are_counted_to_the_byte() {
        let a: Vec<u8> = (0..40).collect();
        for len in 0..40 {
            let mut b = a.clone();
            b[len] ^= 0x80;
            assert_eq!(shared_len(&a, &b), len);
            assert_eq!(shared_len(&a, &a[..len]), len);
            assert_eq!(shared_len(&a[..len], &a), len);
        }
    }

    #[test]
    fn one_entry_alone_is_what_the_builder_would_write() {
        for heads in [false, true] {
            let (key, value) = (b"some key\x01\x05\0\0\0\0\0\0", b"value");
            let mut gathered = Vec::new();
            let mut builder = BlockBuilder::new(heads);
            builder.add(key, value);
            builder.finish(&mut gathered).unwrap();
            let mut alone = Vec::new();
            encode_alone(&mut alone, heads, key, value).unwrap();
            assert_eq!(gathered, alone);
        }
    }

    #[test]
    fn the_estimate_is_exact_for_long_suffixes() {
        let mut builder = BlockBuilder::new(true);
        for i in 0..50u32 {
            let key = format!("{i:02}-suffix-of-some-length12345678");
            let expected = builder.size_with(key.as_bytes(), b"0123456789");
            builder.add(key.as_bytes(), b"0123456789");
            assert_eq!(builder.size(), expected);
        }
        let estimate = builder.size();
        let mut out = Vec::new();
        builder.finish(&mut out).unwrap();
        assert_eq!(out.len(), estimate);
        assert!(builder.is_empty());
    }
}
