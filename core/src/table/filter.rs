//! [`Filter`]: a Bloom filter over the user keys of a table, in lines of 512 bits: a lookup touches one cache line.
//!
//! ```text
//! probes u8 | zero u8 × 3 | lines u32 | line × lines                 line = 64 bytes, bit n is bit n%8 of byte n/8
//! ```
//! The high half of a key's 64-bit hash picks the line (`hi × lines >> 32`), the low half the bits: each probe takes the top
//! nine bits, then multiplies by an odd constant. Ten bits a key give about one false positive in a hundred. No false
//! negatives, ever: an entry that a filter denies is an entry that is lost.
//!
//! Thread rule: immutable once built or read.

use crate::error::Result;
use crate::table::compression::try_reserve;
use crate::util::coding::{Reader, put_u32};

/// Bytes of a line.
const LINE_LEN: usize = 64;
/// Bytes before the lines.
const HEADER_LEN: usize = 8;
/// More probes than this say nothing more about a key.
const MAX_PROBES: u8 = 16;
/// More bits than this are not spent on a key, whatever the options say.
const MAX_BITS_PER_KEY: u32 = 64;
/// 2^32 divided by the golden ratio: spreads the low half of the hash over all bits.
const SPREAD: u32 = 0x9e37_79b9;

/// One line, where the processor fetches it in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(64))]
struct Line([u64; LINE_LEN / 8]);

/// A Bloom filter; one without lines lets every key through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    probes: u8,
    lines: Vec<Line>,
}

impl Filter {
    /// The filter over the keys with these hashes. No bits, or no keys: a filter without lines.
    pub fn build(hashes: &[u64], bits_per_key: u32) -> Filter {
        let bits = bits_per_key.min(MAX_BITS_PER_KEY);
        let lines = (hashes.len() as u64 * u64::from(bits)).div_ceil(8 * LINE_LEN as u64);
        // No more lines than their count can say; that is for more keys than any memory holds.
        let lines = lines.min(u64::from(u32::MAX)) as usize;
        let mut filter = Filter { probes: probes_for(bits), lines: vec![Line([0; LINE_LEN / 8]); lines] };
        for &hash in hashes {
            let (at, mut bits) = filter.place(hash);
            if let Some(Line(words)) = filter.lines.get_mut(at) {
                for _ in 0..filter.probes {
                    words[bits as usize >> 29] |= 1 << (bits >> 23 & 63);
                    bits = bits.wrapping_mul(SPREAD);
                }
            }
        }
        filter
    }

    /// Whether a key with this hash may be in the table. `false` is certain.
    #[inline]
    pub fn may_contain(&self, hash: u64) -> bool {
        let (at, mut bits) = self.place(hash);
        let Some(Line(words)) = self.lines.get(at) else { return true };
        for _ in 0..self.probes {
            if words[bits as usize >> 29] >> (bits >> 23 & 63) & 1 == 0 {
                return false;
            }
            bits = bits.wrapping_mul(SPREAD);
        }
        true
    }

    /// The line of a hash, and the word its probes come from.
    #[inline]
    fn place(&self, hash: u64) -> (usize, u32) {
        ((((hash >> 32) * self.lines.len() as u64) >> 32) as usize, hash as u32)
    }

    /// How many bits a key sets, and in how many lines they may be.
    pub fn probes_and_lines(&self) -> (u8, usize) {
        (self.probes, self.lines.len())
    }

    /// Bytes of memory it takes.
    pub fn memory(&self) -> usize {
        self.lines.capacity() * LINE_LEN
    }

    /// Appends the filter block.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        try_reserve(out, HEADER_LEN + self.lines.len() * LINE_LEN)?;
        out.extend_from_slice(&[self.probes, 0, 0, 0]);
        put_u32(out, self.lines.len() as u32);
        for word in self.lines.iter().flat_map(|line| line.0) {
            out.extend_from_slice(&word.to_le_bytes());
        }
        Ok(())
    }

    /// Reads a filter block; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Filter> {
        let mut reader = Reader::new(bytes);
        let (probes, zeros, count) = (reader.u8()?, reader.bytes(3)?, reader.u32()?);
        if !(1..=MAX_PROBES).contains(&probes) || zeros != [0; 3] {
            return None;
        }
        let (lines, rest) = reader.rest().as_chunks::<LINE_LEN>();
        if !rest.is_empty() || lines.len() != count as usize {
            return None;
        }
        let decode_line = |line: &[u8; LINE_LEN]| {
            let mut words = [0; LINE_LEN / 8];
            for (word, bytes) in words.iter_mut().zip(line.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            Line(words)
        };
        Some(Filter { probes, lines: lines.iter().map(decode_line).collect() })
    }
}

/// How many bits to set for a key. A line is crowded unevenly, so fewer than the textbook's `bits × ln 2` is best.
fn probes_for(bits_per_key: u32) -> u8 {
    (bits_per_key * 6 / 10).clamp(1, u32::from(MAX_PROBES)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::hash::key_hash;

    fn hashes(range: std::ops::Range<u64>) -> Vec<u64> {
        range.map(|n| key_hash(format!("key{n:012}").as_bytes())).collect()
    }

    #[test]
    fn no_false_negatives_at_any_size() {
        for bits in [1, 5, 10, 20, 64, 1000] {
            for count in [1, 2, 51, 52, 1000, 20_000] {
                let hashes = hashes(0..count);
                let filter = Filter::build(&hashes, bits);
                let mut bytes = Vec::new();
                filter.encode(&mut bytes).unwrap();
                let read = Filter::decode(&bytes).unwrap();
                assert_eq!(read, filter);
                assert!(hashes.iter().all(|&hash| read.may_contain(hash)));
            }
        }
    }

    #[test]
    fn false_positives_are_rare() {
        // Bits a key, and how many false positives in ten thousand are acceptable.
        for (bits, acceptable) in [(5, 1300), (8, 300), (10, 130), (16, 30)] {
            let filter = Filter::build(&hashes(0..100_000), bits);
            let wrong = hashes(1_000_000..1_100_000).iter().filter(|&&hash| filter.may_contain(hash)).count();
            assert!(wrong / 10 <= acceptable, "{bits} bits a key: {wrong} of 100000");
        }
    }

    #[test]
    fn a_filter_without_lines_denies_nothing() {
        for filter in [Filter::build(&[], 10), Filter::build(&hashes(0..10), 0)] {
            assert_eq!(filter.memory(), 0);
            assert!(filter.may_contain(42));
            let mut bytes = Vec::new();
            filter.encode(&mut bytes).unwrap();
            assert_eq!(Filter::decode(&bytes).unwrap(), filter);
        }
    }

    #[test]
    fn bytes_that_are_no_filter_are_refused() {
        let mut good = Vec::new();
        Filter::build(&hashes(0..100), 10).encode(&mut good).unwrap();
        for len in 0..good.len() {
            assert_eq!(Filter::decode(&good[..len]), None);
        }
        for (at, value) in [(0, 0), (0, 17), (1, 1), (3, 1), (4, 3), (7, 255)] {
            let mut bad = good.clone();
            bad[at] = value;
            assert_eq!(Filter::decode(&bad), None, "byte {at}");
        }
    }
}
