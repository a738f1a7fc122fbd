//! [`Properties`]: what a table says about itself, for `stats`, `repair`, whole-table expiry and cross-checks.
//!
//! Fixed fields, then three strings; the layout is in `docs/format/table.md`. A field more is a new format version. The MANIFEST repeats
//! what readers need without opening a table; the two must agree, which `verify` checks.

use std::cmp::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::iter::tombstones::FragmentedTombstones;
use crate::key::family::FamilyId;
use crate::key::internal::ParsedKey;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::coding::{Reader, put_u32, put_u64};

/// Bytes before the strings.
pub const FIXED_LEN: usize = 136;

/// The version of the engine that writes, as `major << 16 | minor << 8 | patch`.
pub const WRITER_VERSION: u32 = parse_decimal(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | parse_decimal(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | parse_decimal(env!("CARGO_PKG_VERSION_PATCH"));

/// The name that stands for bytewise order.
const BYTEWISE: &str = "bytewise";

/// What a table says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Which version of the engine wrote it, see [`WRITER_VERSION`].
    pub writer_version: u32,
    /// The family it was written for.
    pub family: FamilyId,
    /// Point entries: puts, deletes, merges.
    pub entries: u64,
    /// Point deletes among them.
    pub deletes: u64,
    /// Merge operands among them.
    pub merges: u64,
    /// Puts with an expiry among them.
    pub expiring: u64,
    /// Range tombstones, one for each sequence number of each fragment.
    pub range_tombstones: u64,
    /// Data blocks.
    pub data_blocks: u64,
    /// Bytes of all data blocks as stored, trailers included.
    pub data_bytes: u64,
    /// Bytes of all user keys.
    pub key_bytes: u64,
    /// Bytes of all values.
    pub value_bytes: u64,
    /// The smallest sequence number, range tombstones included.
    pub smallest_seqno: SeqNo,
    /// The largest sequence number, range tombstones included.
    pub largest_seqno: SeqNo,
    /// The earliest expiry of an expiring put; the largest number if there is none.
    pub earliest_expiry_ms: u64,
    /// The latest expiry of an expiring put; zero if there is none.
    pub latest_expiry_ms: u64,
    /// Nominal size of its data blocks.
    pub block_size_bytes: u32,
    /// Whether `largest` is a range tombstone's end, and so not itself in the table.
    pub largest_exclusive: bool,
    /// Name of the order of its keys.
    pub order: String,
    /// The smallest user key, or start of a range tombstone.
    pub smallest: Vec<u8>,
    /// The largest user key, or end of a range tombstone.
    pub largest: Vec<u8>,
}

impl Properties {
    /// Of a table without entries.
    pub fn new(family: FamilyId, order: &Order, block_size_bytes: u32) -> Properties {
        Properties {
            writer_version: WRITER_VERSION,
            family,
            smallest_seqno: SeqNo::MAX,
            earliest_expiry_ms: u64::MAX,
            block_size_bytes,
            order: order_name(order).to_owned(),
            ..Properties::default()
        }
    }

    fn note_seqno(&mut self, seqno: SeqNo) {
        self.smallest_seqno = self.smallest_seqno.min(seqno);
        self.largest_seqno = self.largest_seqno.max(seqno);
    }

    /// Counts a point entry.
    pub fn count(&mut self, entry: &ParsedKey<'_>, value: &[u8]) -> Result<()> {
        match entry.kind {
            Kind::Put => {}
            Kind::Delete => self.deletes += 1,
            Kind::Merge => self.merges += 1,
            Kind::PutExpiring => {
                let Some(expiry) = value.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)) else {
                    return Err(Error::new(ErrorKind::Corruption, "an expiring put without its expiry"));
                };
                self.expiring += 1;
                self.earliest_expiry_ms = self.earliest_expiry_ms.min(expiry);
                self.latest_expiry_ms = self.latest_expiry_ms.max(expiry);
            }
            Kind::RangeDelete => return Err(Error::invalid("a range tombstone among point entries")),
        }
        if self.entries == 0 {
            self.smallest = entry.user_key.to_vec();
        }
        self.entries += 1;
        self.key_bytes += entry.user_key.len() as u64;
        self.value_bytes += value.len() as u64;
        self.note_seqno(entry.seqno);
        Ok(())
    }

    /// Counts the range tombstones, and sets the bounds to the hull of them and the point keys, `last` being the largest.
    pub fn note_hull(&mut self, order: &Order, last: &[u8], tombstones: &FragmentedTombstones) {
        let has_points = self.entries > 0;
        self.range_tombstones = tombstones.count() as u64;
        self.largest = last.to_vec();
        for seqno in tombstones.iter().flat_map(|fragment| fragment.seqnos) {
            self.note_seqno(*seqno);
        }
        let Some((start, end)) = tombstones.hull() else { return };
        if !has_points || order.cmp(start, &self.smallest) == Ordering::Less {
            self.smallest = start.to_vec();
        }
        // An end that equals the last point key adds nothing: the key itself is in the table, so the bound stays inclusive.
        if !has_points || order.cmp(end, &self.largest) == Ordering::Greater {
            self.largest = end.to_vec();
            self.largest_exclusive = true;
        }
    }

    /// Appends the properties block.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(FIXED_LEN + self.order.len() + self.smallest.len() + self.largest.len());
        put_u32(out, self.writer_version);
        put_u32(out, self.family.0);
        for number in [
            self.entries,
            self.deletes,
            self.merges,
            self.expiring,
            self.range_tombstones,
            self.data_blocks,
            self.data_bytes,
            self.key_bytes,
            self.value_bytes,
            self.smallest_seqno.get(),
            self.largest_seqno.get(),
            self.earliest_expiry_ms,
            self.latest_expiry_ms,
        ] {
            put_u64(out, number);
        }
        put_u32(out, self.block_size_bytes);
        put_u32(out, u32::from(self.largest_exclusive));
        let strings = [self.order.as_bytes(), &self.smallest, &self.largest];
        for string in strings {
            put_u32(out, string.len() as u32);
        }
        put_u32(out, 0);
        for string in strings {
            out.extend_from_slice(string);
        }
    }

    /// Reads a properties block; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Properties> {
        let mut reader = Reader::new(bytes);
        let (writer_version, family) = (reader.u32()?, FamilyId(reader.u32()?));
        let mut numbers = [0; 13];
        for number in &mut numbers {
            *number = reader.u64()?;
        }
        let [entries, deletes, merges, expiring, range_tombstones, data_blocks, data_bytes, ..] = numbers;
        let [.., key_bytes, value_bytes, smallest_seqno, largest_seqno, earliest_expiry_ms, latest_expiry_ms] = numbers;
        let block_size_bytes = reader.u32()?;
        let largest_exclusive = match reader.u32()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        let (order_len, smallest_len, largest_len) = (reader.u32()?, reader.u32()?, reader.u32()?);
        if reader.u32()? != 0 {
            return None;
        }
        let order = String::from_utf8(reader.bytes(order_len as usize)?.to_vec()).ok()?;
        let smallest = reader.bytes(smallest_len as usize)?.to_vec();
        let largest = reader.bytes(largest_len as usize)?.to_vec();
        reader.is_empty().then_some(())?;
        Some(Properties {
            writer_version,
            family,
            entries,
            deletes,
            merges,
            expiring,
            range_tombstones,
            data_blocks,
            data_bytes,
            key_bytes,
            value_bytes,
            smallest_seqno: SeqNo::new(smallest_seqno)?,
            largest_seqno: SeqNo::new(largest_seqno)?,
            earliest_expiry_ms,
            latest_expiry_ms,
            block_size_bytes,
            largest_exclusive,
            order,
            smallest,
            largest,
        })
    }
}

/// The name under which a table records its order.
pub fn order_name(order: &Order) -> &str {
    match order {
        Order::Bytewise => BYTEWISE,
        Order::Custom(comparator) => comparator.name(),
    }
}

const fn parse_decimal(text: &str) -> u32 {
    let (bytes, mut value, mut i) = (text.as_bytes(), 0, 0);
    while i < bytes.len() {
        value = value * 10 + (bytes[i] - b'0') as u32;
        i += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_round_trip() {
        let mut properties = Properties::new(FamilyId(3), &Order::Bytewise, 4096);
        properties.note_seqno(SeqNo::new(77).unwrap());
        properties.entries = 1;
        properties.latest_expiry_ms = 5;
        properties.largest_exclusive = true;
        properties.smallest = b"a".to_vec();
        properties.largest = b"zebra".to_vec();
        let mut bytes = Vec::new();
        properties.encode(&mut bytes);
        assert_eq!(bytes.len(), FIXED_LEN + 8 + 1 + 5);
        assert_eq!(Properties::decode(&bytes).unwrap(), properties);
        for len in 0..bytes.len() {
            assert_eq!(Properties::decode(&bytes[..len]), None);
        }
        bytes.push(0);
        assert_eq!(Properties::decode(&bytes), None);
    }

    #[test]
    fn the_writer_version_is_the_crates() {
        let [_, major, minor, patch] = WRITER_VERSION.to_be_bytes();
        assert_eq!(format!("{major}.{minor}.{patch}"), env!("CARGO_PKG_VERSION"));
    }
}
