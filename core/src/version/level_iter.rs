//! [`LevelIter`]: the tables of a sorted level, one after the other, as one cursor. A table is opened when the cursor gets to it,
//! so an iterator over ten thousand tables opens the one it needs; a single table of level 0 is walked in the same way.
//!
//! Invariants: stands on an entry of the table at `at`, or on nothing; an error, of a table that will not open or of a block that
//! will not read, is kept until the next seek and never passed over to the next table: the entries behind it are not there.
//!
//! Thread rule: one thread at a time; holds the tables' records, so that no file of them is removed.

use std::cmp::Ordering;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::iter::internal::InternalIterator;
use crate::key::internal::user_key;
use crate::key::order::Order;
use crate::table::TableIter;
use crate::util::pinned::Pinned;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::table_cache::TableCache;
use crate::version::version::{Version, first_reaching};

/// The tables of a sorted level as one cursor.
pub struct LevelIter {
    tables: Arc<TableCache>,
    order: Order,
    files: Files,
    fill_cache: bool,
    /// The table that `current` walks, by position.
    at: usize,
    current: Option<TableIter>,
    error: Option<Error>,
}

/// Sorted tables that do not overlap.
enum Files {
    List(Vec<Arc<FileMeta>>),
    /// A stretch of a level, which may be long: nothing is copied.
    OfLevel(Arc<Version>, Level, Range<usize>),
}

impl Files {
    fn as_slice(&self) -> &[Arc<FileMeta>] {
        match self {
            Files::List(files) => files,
            Files::OfLevel(version, level, range) => version.level(*level).get(range.clone()).unwrap_or_default(),
        }
    }
}

impl LevelIter {
    /// Walks `files`, which are sorted and do not overlap.
    pub fn new(order: &Order, files: Vec<Arc<FileMeta>>, tables: Arc<TableCache>, fill_cache: bool) -> LevelIter {
        let (order, files) = (order.clone(), Files::List(files));
        LevelIter { tables, order, files, fill_cache, at: 0, current: None, error: None }
    }

    /// Walks the tables at `range` of `level`: of any level below 0, or one table of level 0.
    pub fn of_level(
        version: &Arc<Version>,
        level: Level,
        range: Range<usize>,
        tables: Arc<TableCache>,
        fill_cache: bool,
    ) -> LevelIter {
        debug_assert!(level != Level::ZERO || range.len() <= 1, "tables of level 0 may overlap");
        let (order, files) = (version.order().clone(), Files::OfLevel(Arc::clone(version), level, range));
        LevelIter { tables, order, files, fill_cache, at: 0, current: None, error: None }
    }

    /// Makes the table at position `at` the current one; false if there is none or it will not open.
    fn enter(&mut self, at: Option<usize>) -> bool {
        let Some((at, file)) = at.and_then(|at| Some((at, self.files.as_slice().get(at)?))) else {
            self.current = None;
            return false;
        };
        if self.current.is_some() && self.at == at {
            return true;
        }
        match self.tables.get(file, &self.order) {
            Ok(table) => self.current = Some(table.iter(self.fill_cache)),
            Err(error) => {
                self.error = Some(error);
                self.current = None;
            }
        }
        self.at = at;
        self.current.is_some()
    }

    /// After a move: if the current table has no more entries, on to the first entry of those behind it.
    fn skip_forward(&mut self) {
        while let Some(current) = &mut self.current
            && !current.valid()
        {
            if let Err(error) = current.status() {
                return self.fail(error);
            }
            if self.enter(self.at.checked_add(1))
                && let Some(current) = &mut self.current
            {
                current.seek_to_first();
            }
        }
    }

    /// The same backwards.
    fn skip_backward(&mut self) {
        while let Some(current) = &mut self.current
            && !current.valid()
        {
            if let Err(error) = current.status() {
                return self.fail(error);
            }
            if self.enter(self.at.checked_sub(1))
                && let Some(current) = &mut self.current
            {
                current.seek_to_last();
            }
        }
    }

    fn fail(&mut self, error: Error) {
        self.error = Some(error);
        self.current = None;
    }
}

impl InternalIterator for LevelIter {
    #[inline]
    fn valid(&self) -> bool {
        self.current.as_ref().is_some_and(TableIter::valid)
    }

    fn seek_to_first(&mut self) {
        self.error = None;
        if self.enter(Some(0))
            && let Some(current) = &mut self.current
        {
            current.seek_to_first();
        }
        self.skip_forward();
    }

    fn seek_to_last(&mut self) {
        self.error = None;
        if self.enter(self.files.as_slice().len().checked_sub(1))
            && let Some(current) = &mut self.current
        {
            current.seek_to_last();
        }
        self.skip_backward();
    }

    fn seek(&mut self, target: &[u8]) {
        self.error = None;
        let first = first_reaching(&self.order, self.files.as_slice(), user_key(target));
        if self.enter(Some(first))
            && let Some(current) = &mut self.current
        {
            current.seek(target);
        }
        self.skip_forward();
    }

    fn seek_for_prev(&mut self, target: &[u8]) {
        self.error = None;
        let key = user_key(target);
        let starts = |file: &Arc<FileMeta>| self.order.cmp(&file.smallest, key) != Ordering::Greater;
        let started = self.files.as_slice().partition_point(starts);
        if self.enter(started.checked_sub(1))
            && let Some(current) = &mut self.current
        {
            current.seek_for_prev(target);
        }
        self.skip_backward();
    }

    #[inline]
    fn next(&mut self) {
        if let Some(current) = &mut self.current {
            current.next();
            if !current.valid() {
                self.skip_forward();
            }
        }
    }

    #[inline]
    fn prev(&mut self) {
        if let Some(current) = &mut self.current {
            current.prev();
            if !current.valid() {
                self.skip_backward();
            }
        }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |current| current.key())
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |current| current.value())
    }

    fn pinned_value(&self) -> Pinned {
        self.current.as_ref().map_or_else(|| Pinned::copy(&[]), |current| current.pinned_value())
    }

    fn status(&self) -> Result<()> {
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::fs::{FileSystem, OpenMode};
    use crate::env::sim_fs::SimFs;
    use crate::error::ErrorKind;
    use crate::key::internal::{internal_key, seek_key};
    use crate::key::kind::Kind;
    use crate::key::sequence::SeqNo;
    use crate::version::table_cache::testing::{Contents, cache, dir, disk, put, write_table};
    use crate::version::version::Levels;

    fn key_of(n: usize) -> String {
        format!("key{n:04}")
    }

    /// Level 1 of five tables with `per_table` even-numbered keys each, and a sixth in the middle with nothing but a tombstone.
    fn level_of(sim: &SimFs, per_table: usize) -> (Arc<Version>, Vec<Vec<u8>>) {
        let mut levels = Levels::default();
        let mut keys = Vec::new();
        for table in 0..6 {
            let mut contents = Contents::default();
            let numbers = (0..per_table).map(|i| (table * per_table + i) * 2);
            if table == 3 {
                let (start, end) = (key_of(table * per_table * 2), key_of((table + 1) * per_table * 2));
                contents.ranges.push((start.into_bytes(), end.into_bytes(), 9));
            } else {
                contents.points = numbers.map(|n| put(&key_of(n), 7, "value of some length")).collect();
            }
            keys.extend(contents.points.iter().map(|point| point.0.clone()));
            levels[1].push(write_table(sim, table as u64 + 1, &contents));
        }
        (Arc::new(Version::new(Order::Bytewise, levels).unwrap()), keys)
    }

    fn iter(sim: &SimFs, version: &Arc<Version>, range: Range<usize>) -> LevelIter {
        LevelIter::of_level(version, Level::new(1).unwrap(), range, cache(sim, 2), true)
    }

    fn at(iter: &LevelIter) -> Option<Vec<u8>> {
        iter.status().unwrap();
        iter.valid().then(|| user_key(iter.key()).to_vec())
    }

    #[test]
    fn it_walks_all_tables_in_both_directions_and_turns_anywhere() {
        let sim = disk();
        let (version, keys) = level_of(&sim, 20);
        let mut iter = iter(&sim, &version, 0..6);
        assert_eq!(at(&iter), None);
        iter.seek_to_first();
        for (i, key) in keys.iter().enumerate() {
            assert_eq!(at(&iter).as_ref(), Some(key));
            if i > 0 {
                iter.prev();
                assert_eq!(at(&iter).as_ref(), Some(&keys[i - 1]));
                iter.next();
            }
            iter.next();
        }
        assert_eq!(at(&iter), None);
        iter.seek_to_last();
        for key in keys.iter().rev() {
            assert_eq!(at(&iter).as_ref(), Some(key));
            iter.prev();
        }
        assert_eq!(at(&iter), None);
    }

    #[test]
    fn seeks_land_on_the_neighbours_of_any_target() {
        let sim = disk();
        let (version, keys) = level_of(&sim, 5);
        let mut iter = iter(&sim, &version, 0..6);
        for n in 0..70 {
            let name = key_of(n).into_bytes();
            // Entries have number 7: a view of 7 lands on them, one of 6 behind them.
            for view in [SeqNo::MAX, SeqNo::new(7).unwrap(), SeqNo::new(6).unwrap()] {
                let target = seek_key(&name, view);
                let before = |key: &&Vec<u8>| **key < name || (**key == name && view.get() == 6);
                iter.seek(&target);
                assert_eq!(at(&iter), keys.iter().find(|key| !before(key)).cloned(), "seek {n} {view}");
                iter.seek_for_prev(&target);
                assert_eq!(at(&iter), keys.iter().rfind(before).cloned(), "seek_for_prev {n} {view}");
            }
            iter.seek_for_prev(&internal_key(&name, SeqNo::new(7).unwrap(), Kind::Put));
            assert_eq!(at(&iter), keys.iter().rfind(|key| **key <= name).cloned());
        }
    }

    #[test]
    fn it_stays_within_its_tables_and_opens_only_what_it_needs() {
        let sim = disk();
        let (version, keys) = level_of(&sim, 5);
        let tables = cache(&sim, 10);
        let mut iter = LevelIter::of_level(&version, Level::new(1).unwrap(), 1..3, Arc::clone(&tables), false);
        iter.seek(&seek_key(&keys[12], SeqNo::MAX));
        assert_eq!((at(&iter).as_ref(), tables.opens()), (Some(&keys[12]), 1));
        iter.seek_to_first();
        assert_eq!(at(&iter).as_ref(), Some(&keys[5]));
        iter.prev();
        assert_eq!(at(&iter), None);
        iter.seek_to_last();
        assert_eq!(at(&iter).as_ref(), Some(&keys[14]));
        iter.next();
        assert_eq!(at(&iter), None);
        let mut none = LevelIter::new(&Order::Bytewise, Vec::new(), Arc::clone(&tables), false);
        none.seek_to_last();
        assert_eq!(at(&none), None);
        none.seek_for_prev(&seek_key(b"zzz", SeqNo::MAX));
        assert_eq!((at(&none), tables.opens()), (None, 2));
    }

    #[test]
    fn damage_stops_it_and_is_not_taken_for_an_end() {
        let sim = disk();
        let (version, keys) = level_of(&sim, 20);
        let path = dir().join("000002.sst");
        sim.open(&path, OpenMode::ReadWrite).unwrap().write_at(&[0xaa; 8], 300).unwrap();
        let mut iter = iter(&sim, &version, 0..6);
        let (mut seen, mut steps) = (0, 0);
        iter.seek_to_first();
        while iter.valid() {
            assert_eq!(user_key(iter.key()), keys[seen]);
            (seen, steps) = (seen + 1, steps + 1);
            iter.next();
        }
        let error = iter.status().unwrap_err();
        assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*path)));
        assert!((20..40).contains(&seen), "{seen}");
        assert_eq!(iter.status().unwrap_err().kind(), ErrorKind::Corruption, "sticky");
        iter.seek_to_last();
        assert_eq!(at(&iter).as_ref(), keys.last(), "a seek elsewhere works");
        while iter.valid() {
            iter.prev();
            steps += 1;
        }
        assert!(iter.status().is_err() && steps < 100);
        sim.remove(&path).unwrap();
        let mut iter = self::iter(&sim, &version, 0..6);
        iter.seek(&seek_key(&keys[25], SeqNo::MAX));
        assert!(!iter.valid() && iter.status().is_err());
    }
}
