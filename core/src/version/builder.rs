//! [`VersionBuilder`]: a version plus edits is the next version. Used on the way to a new edit (so that a bad one fails before
//! a byte is written) and by recovery, which applies a whole MANIFEST of them.
//!
//! Deletions of an edit apply before its additions: a trivial move deletes and adds one table in one edit. Both must fit: only
//! a table that is there can go, only one that is not can come. Tables that stay are shared with the version before, never
//! copied, because a table is obsolete exactly when nobody holds its `Arc`.
//!
//! Thread rule: one thread.

use std::collections::BTreeMap;

use crate::env::filename::FileNumber;
use crate::error::{Error, Result};
use crate::key::order::Order;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::invariants::cmp_newest_first;
use crate::version::version::{Levels, Version};

/// A set of tables that edits are applied to.
#[derive(Debug)]
pub struct VersionBuilder {
    order: Order,
    /// By number, so that an edit of k tables costs k lookups; put into level order once, at the end.
    files: BTreeMap<FileNumber, (Level, Arc<FileMeta>)>,
}

impl VersionBuilder {
    /// Starts from the tables of `base`.
    pub fn new(base: &Version) -> VersionBuilder {
        let files = base.files().map(|(level, file)| (file.number, (level, Arc::clone(file)))).collect();
        VersionBuilder { order: base.order().clone(), files }
    }

    /// Applies the part of one edit that concerns this family: all deletions, then all additions.
    pub fn apply<'e>(
        &mut self,
        deleted: impl IntoIterator<Item = (Level, FileNumber)>,
        added: impl IntoIterator<Item = (Level, &'e Arc<FileMeta>)>,
    ) -> Result<()> {
        let mut gone = BTreeMap::new();
        for (level, number) in deleted {
            match self.files.remove(&number) {
                Some((at, file)) if at == level => gone.insert(number, file),
                Some((at, _)) => {
                    return Err(Error::invalid(format!("edit deletes table {number} from {level}, but it is on {at}")));
                }
                None => return Err(Error::invalid(format!("edit deletes table {number}, which is not there"))),
            };
        }
        for (level, file) in added {
            // A moved table stays the same object: whoever holds the old version keeps the new one's file alive too.
            let same = gone.remove(&file.number).filter(|old| old == file);
            if self.files.insert(file.number, (level, same.unwrap_or_else(|| Arc::clone(file)))).is_some() {
                return Err(Error::invalid(format!("edit adds table {}, which is there already", file.number)));
            }
        }
        Ok(())
    }

    /// Puts the tables into level order and checks every invariant.
    pub fn finish(self) -> Result<Version> {
        let mut levels = Levels::default();
        for (level, file) in self.files.into_values() {
            levels[level.index()].push(file);
        }
        levels[0].sort_by(|a, b| cmp_newest_first(a, b));
        for files in &mut levels[1..] {
            files.sort_by(|a, b| self.order.cmp(&a.smallest, &b.smallest));
        }
        Version::new(self.order, levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::file_meta::testing::meta;

    fn level(n: usize) -> Level {
        Level::new(n).unwrap()
    }

    fn number(n: u64) -> FileNumber {
        FileNumber::new(n)
    }

    fn base() -> Version {
        let mut builder = VersionBuilder::new(&Version::empty(Order::Bytewise));
        let files = [(0, meta(1, "a", "z", 1..=4)), (0, meta(2, "a", "z", 5..=9)), (1, meta(3, "a", "c", 0..=0))];
        let files = files.map(|(n, file)| (level(n), Arc::new(file)));
        builder.apply([], files.iter().map(|(n, file)| (*n, file))).unwrap();
        builder.finish().unwrap()
    }

    #[test]
    fn level_zero_comes_out_newest_first() {
        let numbers: Vec<u64> = base().l0().iter().map(|file| file.number.get()).collect();
        assert_eq!(numbers, [2, 1]);
    }

    #[test]
    fn a_trivial_move_keeps_the_table_and_shares_it() {
        let before = base();
        let moved = Arc::new(FileMeta::clone(&before.level(level(1))[0]));
        let mut builder = VersionBuilder::new(&before);
        builder.apply([(level(1), number(3))], [(level(2), &moved)]).unwrap();
        let after = builder.finish().unwrap();
        assert!(after.level(level(1)).is_empty());
        assert!(Arc::ptr_eq(&after.level(level(2))[0], &before.level(level(1))[0]));
        // The other two are shared as well: one holder per version and the maps of none.
        assert_eq!(Arc::strong_count(&before.l0()[0]), 2);
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let before = base();
        let refused = |deleted: &[(Level, FileNumber)], added: &[(Level, FileMeta)]| {
            let added: Vec<_> = added.iter().map(|(level, file)| (*level, Arc::new(file.clone()))).collect();
            let mut builder = VersionBuilder::new(&before);
            let fits = builder.apply(deleted.iter().copied(), added.iter().map(|(level, file)| (*level, file)));
            fits.and_then(|()| builder.finish()).unwrap_err().message().to_owned()
        };
        assert!(refused(&[(level(0), number(9))], &[]).contains("000009, which is not there"));
        assert!(refused(&[(level(1), number(2))], &[]).contains("but it is on L0"));
        assert!(refused(&[(level(0), number(2)), (level(0), number(2))], &[]).contains("not there"));
        assert!(refused(&[], &[(level(5), meta(1, "a", "b", 1..=1))]).contains("there already"));
        assert!(refused(&[], &[(level(1), meta(7, "c", "d", 1..=1))]).contains("overlap"));
    }
}
