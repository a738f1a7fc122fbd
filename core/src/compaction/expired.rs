//! Tables in which every entry has expired for every reader.
//!
//! Such a table **goes unread**: the MANIFEST forgets it, and no byte of it is read or written. An expired put still hides what is
//! older, so it may only go where a delete could: no deeper level and no older table of level 0 overlaps the table.
//!
//! ```text
//! level 1   [k … k] put(k) until 100, expired        not dropped: the old value beneath would come back.
//! level 2   [a … z] put(k, old)                      Moved down, it meets it, and both go
//! ```
//! Neither may a merge operand rest upon one of its puts: one that was committed before the put expired is gone with it, and would
//! be a value by itself without it. A table with a range tombstone or an operand of its own is read like any other.
//!
//! Pure: reads its arguments, changes nothing.

use std::collections::HashSet;

use crate::compaction::beneath::Beneath;
use crate::compaction::options::Style;
use crate::compaction::picker::Picker;
use crate::compaction::plan::Compaction;
use crate::compaction::score::Targets;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;

impl Picker<'_> {
    /// A table that may go unread, if there is one.
    pub(super) fn pick_expired(&self, targets: &Targets) -> Option<Compaction> {
        let mut tables =
            self.version.files().filter(|(level, file)| self.is_forgotten(file) && self.is_last(*level, file));
        tables.find_map(|(level, file)| {
            let compaction = self.plan(level, level, vec![Arc::clone(file)], targets)?;
            Some(Compaction { drop_unread: true, ..compaction })
        })
    }

    /// A table in which everything has expired and that hides something older: the merge with that lets both go. Where runs are
    /// merged whole, it waits for its run.
    pub(super) fn pick_stale(&self, targets: &Targets) -> Option<Compaction> {
        if self.options.style == Style::Tiered {
            return None;
        }
        let tables = self.version.files().filter(|(level, file)| *level != Level::ZERO && self.is_forgotten(file));
        tables
            .filter(|(level, file)| !self.is_last(*level, file))
            .find_map(|(level, file)| self.plan(level, level.deeper()?, vec![Arc::clone(file)], targets))
    }

    /// Whether everything in `file` has expired for everybody, and no operand elsewhere rests upon it.
    fn is_forgotten(&self, file: &FileMeta) -> bool {
        file.is_expired(self.oldest_time_ms) && !self.claims.holds(file.number) && {
            let order = self.version.order();
            let others = self.version.files().filter(|(_, other)| other.merges > 0 && other.overlaps(order, file));
            let earliest = others.map(|(_, other)| other.earliest_operand_ms()).min().unwrap_or(u64::MAX);
            file.latest_expiry_ms <= earliest.min(self.earliest_operand_ms)
        }
    }

    /// Whether nothing older than `file` can be where it is.
    fn is_last(&self, level: Level, file: &FileMeta) -> bool {
        let span = KeySpan::of(file);
        let beneath = Beneath::of(self.version, level, &HashSet::from([file.number]), &span);
        planted("drop-expired-over-older") || !beneath.may_hold(self.version.order(), &span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compaction::options::CompactionOptions;
    use crate::compaction::plan::Claims;
    use crate::compaction::retention::LiveViews;
    use crate::key::family::FamilyId;
    use crate::key::order::Order;
    use crate::key::sequence::SeqNo;
    use crate::version::file_meta::testing::meta;
    use crate::version::version::{Levels, Version};

    const NOW: u64 = 1000;

    fn expiring(number: u64, smallest: &str, largest: &str, at: u64) -> FileMeta {
        FileMeta {
            expiring: 10,
            latest_expiry_ms: at,
            ..meta(number, smallest, largest, 10 * number..=10 * number + 9)
        }
    }

    /// What is picked: table, level it comes from and goes to, and whether it goes unread.
    fn pick(tables: Vec<(usize, Vec<FileMeta>)>, earliest_operand_ms: u64) -> Option<(u64, usize, usize, bool)> {
        let mut levels = Levels::default();
        for (level, files) in tables {
            levels[level] = files.into_iter().map(Arc::new).collect();
        }
        let version = Version::new(Order::Bytewise, levels).unwrap();
        let (options, claims) = (CompactionOptions::default(), Claims::default());
        let picker = Picker {
            family: FamilyId::DEFAULT,
            version: &version,
            options: &options,
            claims: &claims,
            oldest_view: SeqNo::MAX,
            oldest_time_ms: NOW,
            earliest_operand_ms,
        };
        let picked = picker.pick()?;
        let view = LiveViews::new(vec![], SeqNo::MAX, NOW);
        assert!(!picked.drop_unread || picked.may_drop(&view));
        assert!(!picked.may_drop(&view.with_operands_from(NOW - 1)) || !picked.drop_unread);
        let first = picked.inputs[0][0].number.get();
        Some((first, picked.level.index(), picked.output_level.index(), picked.drop_unread))
    }

    #[test]
    fn a_table_goes_unread_once_all_of_it_has_expired() {
        assert_eq!(pick(vec![(6, vec![expiring(1, "a", "c", NOW)])], u64::MAX), Some((1, 6, 6, true)));
        assert_eq!(pick(vec![(0, vec![expiring(1, "a", "c", NOW)])], u64::MAX), Some((1, 0, 0, true)));
        assert_eq!(pick(vec![(6, vec![expiring(1, "a", "c", NOW + 1)])], u64::MAX), None);
        let partly = FileMeta { expiring: 9, ..expiring(1, "a", "c", NOW) };
        assert_eq!(pick(vec![(6, vec![partly])], u64::MAX), None);
        let with_range = FileMeta { range_tombstones: 1, ..expiring(1, "a", "c", NOW) };
        assert!(pick(vec![(6, vec![with_range])], u64::MAX).is_none_or(|picked| !picked.3));
    }

    #[test]
    fn a_table_over_something_older_meets_it_instead() {
        let older = || meta(1, "b", "z", 1..=9);
        let over = vec![(5, vec![expiring(2, "a", "c", NOW)]), (6, vec![older()])];
        assert_eq!(pick(over, u64::MAX), Some((2, 5, 6, false)));
        let over = vec![(3, vec![expiring(2, "a", "c", NOW)]), (6, vec![older()])];
        assert_eq!(pick(over, u64::MAX), Some((2, 3, 4, false)));
        let beside = vec![(5, vec![expiring(2, "a", "aa", NOW)]), (6, vec![older()])];
        assert_eq!(pick(beside, u64::MAX), Some((2, 5, 5, true)));
        // On level 0 the older table behind it counts, the newer one in front does not.
        assert_eq!(pick(vec![(0, vec![expiring(2, "a", "c", NOW), older()])], u64::MAX), None);
        let front = vec![(0, vec![meta(3, "b", "z", 30..=39), expiring(2, "a", "c", NOW)])];
        assert_eq!(pick(front, u64::MAX), Some((2, 0, 0, true)));
    }

    #[test]
    fn a_table_that_operands_may_rest_upon_stays() {
        let table = || (6, vec![expiring(1, "a", "c", NOW)]);
        assert_eq!(pick(vec![table()], NOW - 1), None);
        assert_eq!(pick(vec![table()], NOW), Some((1, 6, 6, true)));
        let operands = |at| FileMeta { merges: 1, earliest_merge_ms: at, ..meta(2, "b", "b", 20..=29) };
        assert_eq!(pick(vec![(1, vec![operands(NOW - 1)]), table()], u64::MAX), None);
        assert!(pick(vec![(1, vec![operands(NOW)]), table()], u64::MAX).is_some_and(|picked| picked.3));
        let elsewhere = FileMeta { smallest: b"d".to_vec(), largest: b"d".to_vec(), ..operands(1) };
        assert!(pick(vec![(1, vec![elsewhere]), table()], u64::MAX).is_some_and(|picked| picked.3));
    }
}
