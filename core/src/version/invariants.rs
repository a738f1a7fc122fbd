//! What must hold of the tables of a family, checked wherever a [`Version`] is made: on every edit before it is written, on
//! recovery, and by `verify`. A version that breaks one of these would answer reads wrongly, so it never comes to be.
//!
//! [`Version`]: crate::version::version::Version

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::key::order::Order;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::version::Levels;

/// Checks every invariant of `levels`; the error says which tables break which.
pub fn check(order: &Order, levels: &Levels) -> Result<()> {
    let mut seen = HashSet::new();
    for (level, files) in Level::all().zip(levels) {
        for file in files {
            check_file(order, file)?;
            if !seen.insert(file.number) {
                return Err(Error::invalid(format!("table {} stands in two places", file.number)));
            }
        }
        if level == Level::ZERO { check_newest_first(order, files)? } else { check_sorted(order, level, files)? }
    }
    Ok(())
}

/// Whether the record of one table makes sense by itself.
pub fn check_file(order: &Order, file: &FileMeta) -> Result<()> {
    let wrong = |what: &str| Err(Error::invalid(format!("table {}: {what}", file.number)));
    match order.cmp(&file.smallest, &file.largest) {
        Ordering::Greater => return wrong("its smallest key sorts after its largest"),
        Ordering::Equal if file.largest_exclusive => return wrong("its bounds hold no key"),
        _ => {}
    }
    if file.smallest_seqno > file.largest_seqno {
        return wrong("its smallest sequence number is above its largest");
    }
    if file.deletes.saturating_add(file.merges).saturating_add(file.expiring) > file.entries {
        return wrong("it has more entries of some kinds than of all");
    }
    if file.largest_exclusive && file.range_tombstones == 0 {
        return wrong("its end is said to be a range tombstone's, but it has none");
    }
    Ok(())
}

/// The order of tables on level 0: newest first, and the same whatever order they were added in.
pub fn cmp_newest_first(a: &FileMeta, b: &FileMeta) -> Ordering {
    let age = |file: &FileMeta| (file.largest_seqno, file.smallest_seqno, file.number);
    age(b).cmp(&age(a))
}

/// A lookup on level 0 stops at the first table that has the key, so where two tables share keys, all of the one in front must
/// be newer. Tables without common keys may interleave: an ingest takes its number without a flush of what it does not touch.
fn check_newest_first(order: &Order, files: &[Arc<FileMeta>]) -> Result<()> {
    for (i, newer) in files.iter().enumerate() {
        for older in &files[i + 1..] {
            // Sorted by largest sequence number: from the first table that ends below, all do.
            if older.largest_seqno < newer.smallest_seqno {
                break;
            }
            if cmp_newest_first(newer, older) != Ordering::Less || newer.overlaps(order, older) {
                let message = format!("level 0: tables {} and {} share keys and times", newer.number, older.number);
                return Err(Error::invalid(message));
            }
        }
    }
    Ok(())
}

fn check_sorted(order: &Order, level: Level, files: &[Arc<FileMeta>]) -> Result<()> {
    for pair in files.windows(2) {
        if !pair[0].ends_before(order, &pair[1].smallest) {
            let message = format!("level {}: tables {} and {} overlap", level.index(), pair[0].number, pair[1].number);
            return Err(Error::invalid(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::file_meta::testing::meta;

    fn message_of(level: usize, files: Vec<FileMeta>) -> Option<String> {
        let mut levels = Levels::default();
        levels[level] = files.into_iter().map(Arc::new).collect();
        check(&Order::Bytewise, &levels).err().map(|error| error.message().to_owned())
    }

    #[test]
    fn sorted_levels_must_not_overlap() {
        assert_eq!(message_of(1, vec![meta(1, "a", "c", 1..=2), meta(2, "d", "f", 1..=2)]), None);
        let touching = message_of(1, vec![meta(1, "a", "c", 1..=2), meta(2, "c", "f", 1..=2)]);
        assert_eq!(touching.unwrap(), "level 1: tables 000001 and 000002 overlap");
        let open = FileMeta { largest_exclusive: true, range_tombstones: 1, ..meta(1, "a", "c", 1..=2) };
        assert_eq!(message_of(1, vec![open, meta(2, "c", "f", 1..=2)]), None);
        assert!(message_of(6, vec![meta(2, "d", "f", 1..=2), meta(1, "a", "c", 1..=2)]).is_some());
    }

    #[test]
    fn level_zero_must_be_newest_first_where_keys_are_shared() {
        assert_eq!(message_of(0, vec![meta(2, "a", "z", 5..=9), meta(1, "a", "z", 1..=4)]), None);
        assert!(message_of(0, vec![meta(1, "a", "z", 1..=4), meta(2, "a", "z", 5..=9)]).is_some());
        assert!(message_of(0, vec![meta(2, "a", "z", 4..=9), meta(1, "a", "z", 1..=4)]).is_some());
        // Interleaved in time, apart in keys: fine.
        assert_eq!(message_of(0, vec![meta(2, "a", "c", 4..=9), meta(1, "d", "z", 1..=7)]), None);
        // The table in the middle has other keys, the one behind it does not.
        let files = vec![meta(3, "a", "c", 4..=9), meta(2, "d", "z", 5..=8), meta(1, "b", "b", 1..=7)];
        assert!(message_of(0, files).is_some());
    }

    #[test]
    fn a_table_must_make_sense_and_stand_in_one_place() {
        assert!(message_of(1, vec![meta(1, "c", "a", 1..=2)]).is_some());
        assert!(message_of(1, vec![FileMeta { deletes: 11, ..meta(1, "a", "c", 1..=2) }]).is_some());
        let empty = FileMeta { largest_exclusive: true, range_tombstones: 1, ..meta(1, "a", "a", 1..=2) };
        assert!(message_of(1, vec![empty]).is_some());
        #[expect(clippy::reversed_empty_ranges, reason = "the point of the case")]
        let backwards = meta(1, "a", "c", 3..=2);
        assert!(message_of(1, vec![backwards]).is_some());
        let mut levels = Levels::default();
        levels[1] = vec![Arc::new(meta(1, "a", "b", 1..=2))];
        levels[2] = vec![Arc::new(meta(1, "c", "d", 1..=2))];
        assert!(check(&Order::Bytewise, &levels).is_err());
    }
}
