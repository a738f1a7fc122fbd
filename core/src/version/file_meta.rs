//! [`FileMeta`]: what is on record about a table without opening it. Immutable; shared by every version that holds it.
//!
//! Bounds are *user keys*: a user key's entries are never split over two tables of a level, so nothing finer is needed.
//! They are the hull of the table's point keys and its own range tombstones. Example: points `b`, `d` and a tombstone
//! `[c, g)` give smallest `b`, largest `g` exclusive: `g` itself is not in the table.

use std::cmp::Ordering;
use std::fmt;

use crate::env::filename::FileNumber;
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;

/// A level of the tree: 0 is where flushes land, [`Level::LAST`] the deepest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

impl Level {
    /// Number of levels every database has.
    pub const COUNT: usize = 7;
    /// Where flushes land; its tables may overlap.
    pub const ZERO: Level = Level(0);
    /// The deepest level.
    pub const LAST: Level = Level(Level::COUNT as u8 - 1);

    /// Level `n`, if the database has it.
    pub fn new(n: usize) -> Option<Level> {
        (n < Level::COUNT).then_some(Level(n as u8))
    }

    /// As an index into an array of levels.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// Every level, shallowest first.
    pub fn all() -> impl DoubleEndedIterator<Item = Level> {
        (0..Level::COUNT as u8).map(Level)
    }

    /// The next deeper level; the last has none.
    pub fn deeper(self) -> Option<Level> {
        Level::new(self.index() + 1)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", self.0)
    }
}

/// A table as the MANIFEST records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileMeta {
    /// Its file.
    pub number: FileNumber,
    /// The family all its entries belong to.
    pub family: FamilyId,
    /// Its exact size in bytes, checked at open.
    pub file_size: u64,
    /// The smallest user key, inclusive.
    pub smallest: Vec<u8>,
    /// The largest user key, or the end of a range tombstone beyond it.
    pub largest: Vec<u8>,
    /// Whether `largest` is a tombstone's end and so not itself in the table.
    pub largest_exclusive: bool,
    /// The smallest sequence number in it.
    pub smallest_seqno: SeqNo,
    /// The largest sequence number in it.
    pub largest_seqno: SeqNo,
    /// The random identity that its blocks' checksums are tied to.
    pub table_id: u64,
    /// The footer's checksum: ties this record to that file.
    pub checksum: u32,
    /// Point entries, deletes included.
    pub entries: u64,
    /// Point deletes.
    pub deletes: u64,
    /// Range tombstones.
    pub range_tombstones: u64,
    /// Merge operands.
    pub merges: u64,
    /// When the earliest of them was committed, in milliseconds since 1970; zero without one.
    pub earliest_merge_ms: u64,
    /// Puts with an expiry.
    pub expiring: u64,
    /// The latest expiry of any of them, in milliseconds since 1970; zero without one.
    pub latest_expiry_ms: u64,
}

impl FileMeta {
    /// Whether `user_key` lies within the bounds.
    pub fn contains(&self, order: &Order, user_key: &[u8]) -> bool {
        order.cmp(&self.smallest, user_key) != Ordering::Greater && !self.ends_before(order, user_key)
    }

    /// Whether everything in the table sorts before `user_key`.
    pub fn ends_before(&self, order: &Order, user_key: &[u8]) -> bool {
        match order.cmp(&self.largest, user_key) {
            Ordering::Less => true,
            Ordering::Equal => self.largest_exclusive,
            Ordering::Greater => false,
        }
    }

    /// Whether nothing in it but puts that expire is left to be seen, and none of those by a reader of `time_ms` or later.
    pub fn is_expired(&self, time_ms: u64) -> bool {
        self.entries > 0
            && self.expiring == self.entries
            && self.range_tombstones == 0
            && self.merges == 0
            && self.latest_expiry_ms <= time_ms
    }

    /// When its earliest merge operand was committed; `u64::MAX` if it holds none.
    pub fn earliest_operand_ms(&self) -> u64 {
        if self.merges == 0 { u64::MAX } else { self.earliest_merge_ms }
    }

    /// Whether the two tables' bounds share a key.
    pub fn overlaps(&self, order: &Order, other: &FileMeta) -> bool {
        !self.ends_before(order, &other.smallest) && !other.ends_before(order, &self.smallest)
    }
}

#[cfg(test)]
pub mod testing {
    //! Made-up tables for tests of picks and edits.

    use std::ops::RangeInclusive;

    use super::*;

    /// A table of the default family with these inclusive bounds and sequence numbers, 1000 bytes long.
    pub fn meta(number: u64, smallest: &str, largest: &str, seqnos: RangeInclusive<u64>) -> FileMeta {
        FileMeta {
            number: FileNumber::new(number),
            family: FamilyId::DEFAULT,
            file_size: 1000,
            smallest: smallest.as_bytes().to_vec(),
            largest: largest.as_bytes().to_vec(),
            largest_exclusive: false,
            smallest_seqno: SeqNo::new(*seqnos.start()).expect("a small number"),
            largest_seqno: SeqNo::new(*seqnos.end()).expect("a small number"),
            table_id: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            checksum: number as u32,
            entries: 10,
            deletes: 0,
            range_tombstones: 0,
            merges: 0,
            earliest_merge_ms: 0,
            expiring: 0,
            latest_expiry_ms: 0,
        }
    }
}
