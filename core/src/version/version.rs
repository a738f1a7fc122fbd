//! [`Version`]: the tables of one family at one moment, by level. Readers hold one and need no lock; a change makes a new one
//! (`builder`), and a table no version holds any more is obsolete.
//!
//! Invariants (`invariants` checks them wherever a version is made):
//! - level 0 is newest first: where two of its tables share a key, everything in the first is newer than in the second;
//! - on every deeper level tables are sorted and share no key, so that one binary search finds the only candidate;
//! - a table stands in exactly one place.
//!
//! Thread rule: immutable, shared by `Arc`.

use std::ops::Range;

use crate::env::filename::FileNumber;
use crate::error::Result;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::invariants;
use crate::version::key_span::KeySpan;

/// The tables of each level.
pub type Levels = [Vec<Arc<FileMeta>>; Level::COUNT];

/// The tables of one family at one moment.
#[derive(Clone, Debug, Default)]
pub struct Version {
    order: Order,
    levels: Levels,
    level_bytes: [u64; Level::COUNT],
    tombstone_tables: [usize; Level::COUNT],
}

impl Version {
    /// No tables at all.
    pub fn empty(order: Order) -> Version {
        Version { order, ..Version::default() }
    }

    /// A version of these tables; an error if they break an invariant. Level 0 must be newest first, the others sorted.
    pub fn new(order: Order, levels: Levels) -> Result<Version> {
        invariants::check(&order, &levels)?;
        let level_bytes = std::array::from_fn(|n| total_bytes(&levels[n]));
        let tombstone_tables = std::array::from_fn(|n| levels[n].iter().filter(|f| f.range_tombstones > 0).count());
        Ok(Version { order, levels, level_bytes, tombstone_tables })
    }

    /// How the family's keys compare.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Level 0, newest first.
    pub fn l0(&self) -> &[Arc<FileMeta>] {
        &self.levels[0]
    }

    /// The tables of `level`.
    pub fn level(&self, level: Level) -> &[Arc<FileMeta>] {
        &self.levels[level.index()]
    }

    /// All levels, shallowest first.
    pub fn levels(&self) -> impl DoubleEndedIterator<Item = (Level, &[Arc<FileMeta>])> {
        Level::all().map(|level| (level, self.level(level)))
    }

    /// Every table with the level it is on, shallowest first.
    pub fn files(&self) -> impl Iterator<Item = (Level, &Arc<FileMeta>)> {
        self.levels().flat_map(|(level, files)| files.iter().map(move |file| (level, file)))
    }

    /// Where the table `number` stands.
    pub fn file(&self, number: FileNumber) -> Option<(Level, &Arc<FileMeta>)> {
        self.files().find(|(_, file)| file.number == number)
    }

    /// Bytes of all tables of `level`.
    pub fn level_bytes(&self, level: Level) -> u64 {
        self.level_bytes[level.index()]
    }

    /// Bytes of all tables.
    pub fn total_bytes(&self) -> u64 {
        self.level_bytes.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Number of tables.
    pub fn file_count(&self) -> usize {
        self.levels.iter().map(Vec::len).sum()
    }

    /// Whether it has no tables.
    pub fn is_empty(&self) -> bool {
        self.levels.iter().all(Vec::is_empty)
    }

    /// The deepest level that has tables.
    pub fn deepest(&self) -> Option<Level> {
        self.levels().rev().find(|(_, files)| !files.is_empty()).map(|(level, _)| level)
    }

    /// Whether a table of `level` has a range tombstone: most levels have none, and then no lookup needs to ask.
    pub fn has_tombstones(&self, level: Level) -> bool {
        self.tombstone_tables[level.index()] > 0
    }

    /// The highest sequence number in any table, zero if there is none.
    pub fn largest_seqno(&self) -> SeqNo {
        self.files().map(|(_, file)| file.largest_seqno).max().unwrap_or_default()
    }

    /// The one table of `level` whose bounds hold `user_key`. For levels below 0; on level 0 it is the newest such table,
    /// which is not enough for a lookup.
    pub fn find(&self, level: Level, user_key: &[u8]) -> Option<&Arc<FileMeta>> {
        if level == Level::ZERO {
            return self.l0().iter().find(|file| file.contains(&self.order, user_key));
        }
        let files = self.level(level);
        let at = first_reaching(&self.order, files, user_key);
        files.get(at).filter(|file| file.contains(&self.order, user_key))
    }

    /// The tables of `level` that share a key with `span`, in the level's order. An exclusive end on either side counts as
    /// such: `[c, g)` and `[g, k]` do not overlap.
    pub fn overlapping(&self, level: Level, span: &KeySpan<'_>) -> Vec<Arc<FileMeta>> {
        if level == Level::ZERO {
            let overlaps = |file: &&Arc<FileMeta>| span.overlaps(&self.order, &KeySpan::of(file));
            return self.l0().iter().filter(overlaps).cloned().collect();
        }
        self.level(level)[self.overlapping_range(level, span)].to_vec()
    }

    /// The same for a sorted level, as positions in it: what overlaps is one stretch. Not for level 0.
    pub fn overlapping_range(&self, level: Level, span: &KeySpan<'_>) -> Range<usize> {
        let files = self.level(level);
        let start = span.lower.map_or(0, |lower| first_reaching(&self.order, files, lower));
        let len = files[start..].partition_point(|file| !span.ends_before(&self.order, &file.smallest));
        start..start + len
    }

    /// Whether any table of `level` shares a key with `span`.
    pub fn overlaps_level(&self, level: Level, span: &KeySpan<'_>) -> bool {
        if level == Level::ZERO {
            return self.l0().iter().any(|file| span.overlaps(&self.order, &KeySpan::of(file)));
        }
        !self.overlapping_range(level, span).is_empty()
    }
}

/// Bytes of all of `files`.
pub fn total_bytes(files: &[Arc<FileMeta>]) -> u64 {
    files.iter().fold(0, |sum, file| sum.saturating_add(file.file_size))
}

/// Position of the first table of a sorted level that does not end before `user_key`.
pub fn first_reaching(order: &Order, files: &[Arc<FileMeta>], user_key: &[u8]) -> usize {
    files.partition_point(|file| file.ends_before(order, user_key))
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;

    use super::*;
    use crate::version::file_meta::testing::meta;

    fn level(n: usize) -> Level {
        Level::new(n).unwrap()
    }

    fn numbers(files: &[Arc<FileMeta>]) -> Vec<u64> {
        files.iter().map(|file| file.number.get()).collect()
    }

    /// Level 1: table 1 `[b, d]`, table 2 `[e, g)`, table 3 `[g, k]`, table 4 `[m, m]`.
    fn sample() -> Version {
        let mut levels = Levels::default();
        levels[0] = vec![Arc::new(meta(9, "a", "z", 90..=99)), Arc::new(meta(8, "c", "f", 80..=89))];
        let tombstone = FileMeta { largest_exclusive: true, range_tombstones: 1, ..meta(2, "e", "g", 1..=9) };
        let rest = [meta(1, "b", "d", 1..=9), tombstone, meta(3, "g", "k", 1..=9), meta(4, "m", "m", 1..=9)];
        levels[1] = rest.into_iter().map(Arc::new).collect();
        Version::new(Order::Bytewise, levels).unwrap()
    }

    #[test]
    fn a_lookup_finds_the_only_table_that_may_hold_a_key() {
        let version = sample();
        let find = |key: &str| version.find(level(1), key.as_bytes()).map(|file| file.number.get());
        let cases = [("a", None), ("b", Some(1)), ("d", Some(1)), ("d\0", None), ("f", Some(2)), ("g", Some(3))];
        for (key, expected) in cases {
            assert_eq!(find(key), expected, "{key}");
        }
        assert_eq!((find("k"), find("l"), find("m"), find("n")), (Some(3), None, Some(4), None));
        assert_eq!(version.find(Level::ZERO, b"d").map(|file| file.number.get()), Some(9));
        assert!(version.has_tombstones(level(1)) && !version.has_tombstones(Level::ZERO));
    }

    #[test]
    fn overlap_respects_exclusive_ends() {
        let version = sample();
        let over = |lower: &str, upper: Bound<&'static [u8]>| {
            numbers(&version.overlapping(level(1), &KeySpan { lower: Some(lower.as_bytes()), upper }))
        };
        assert_eq!(over("d", Bound::Included(b"e")), [1, 2]);
        assert_eq!(over("d", Bound::Excluded(b"e")), [1]);
        assert_eq!(over("g", Bound::Included(b"g")), [3]);
        assert_eq!(over("f", Bound::Excluded(b"m")), [2, 3]);
        assert_eq!(over("f", Bound::Unbounded), [2, 3, 4]);
        assert!(over("l", Bound::Excluded(b"m")).is_empty());
        assert_eq!(numbers(&version.overlapping(level(1), &KeySpan::ALL)), [1, 2, 3, 4]);
        assert_eq!(numbers(&version.overlapping(Level::ZERO, &KeySpan::at(b"g"))), [9]);
        assert!(!version.overlaps_level(level(2), &KeySpan::ALL));
    }

    #[test]
    fn sums_and_ends() {
        let version = sample();
        assert_eq!(version.file_count(), 6);
        assert_eq!(version.total_bytes(), version.level_bytes(Level::ZERO) + version.level_bytes(level(1)));
        assert_eq!(version.deepest(), Some(level(1)));
        assert_eq!(version.largest_seqno().get(), 99);
        assert_eq!(version.file(FileNumber::new(3)).map(|(at, _)| at), Some(level(1)));
        assert!(Version::empty(Order::Bytewise).is_empty());
    }
}
