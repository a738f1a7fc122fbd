//! [`LevelIter`]: the tables of one sorted level as one cursor. At most one of them is open at a time, and none before the
//! first move.
//!
//! A table may hold range tombstones and no points at all, so a step to a neighbour may have to go on to the next one. A
//! table that cannot be opened or read makes the cursor not valid with that error; it is never taken for an empty one.
//! Thread rule: one thread at a time.

use crate::error::Result;
use crate::iter::internal::InternalIterator;
use crate::key::internal;
use crate::key::order::Order;
use crate::table::TableIter;
use crate::util::pinned::Pinned;
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;
use crate::version::table_cache::TableCache;
use crate::version::version::first_reaching;

/// A cursor over the point entries of a sorted level.
pub struct LevelIter {
    tables: Arc<TableCache>,
    order: Order,
    files: Vec<Arc<FileMeta>>,
    fill_cache: bool,
    /// The table it stands in, by position, and its cursor.
    at: Option<(usize, TableIter)>,
    status: Result<()>,
}

impl LevelIter {
    /// Over `files`, which are sorted and do not overlap.
    pub fn new(order: &Order, files: Vec<Arc<FileMeta>>, tables: Arc<TableCache>, fill_cache: bool) -> LevelIter {
        LevelIter { tables, order: order.clone(), files, fill_cache, at: None, status: Ok(()) }
    }

    fn inner(&self) -> Option<&TableIter> {
        self.at.as_ref().map(|(_, iter)| iter).filter(|iter| iter.valid())
    }

    /// Opens table `index` and moves its cursor; from there on to a table with entries, in the direction of `walk`.
    fn enter(&mut self, index: usize, walk: Walk, position: impl FnOnce(&mut TableIter)) {
        self.status = Ok(());
        self.at = None;
        if self.open(index) {
            if let Some((_, iter)) = &mut self.at {
                position(iter);
            }
            self.skip_empty(walk);
        }
    }

    /// False if there is no such table, or it could not be opened.
    fn open(&mut self, index: usize) -> bool {
        let Some(file) = self.files.get(index) else {
            self.at = None;
            return false;
        };
        if self.at.as_ref().is_some_and(|(at, _)| *at == index) {
            return true;
        }
        match self.tables.get(file, &self.order) {
            Ok(table) => {
                self.at = Some((index, table.iter(self.fill_cache)));
                true
            }
            Err(error) => {
                self.at = None;
                self.status = Err(error);
                false
            }
        }
    }

    /// As long as the table at hand is exhausted without an error, goes on to its neighbour.
    fn skip_empty(&mut self, walk: Walk) {
        while let Some((index, iter)) = &self.at {
            if iter.valid() || iter.status().is_err() {
                return;
            }
            let next = match walk {
                Walk::Forward => index.checked_add(1),
                Walk::Backward => index.checked_sub(1),
            };
            let Some(next) = next else {
                self.at = None;
                return;
            };
            if !self.open(next) {
                return;
            }
            if let Some((_, iter)) = &mut self.at {
                match walk {
                    Walk::Forward => iter.seek_to_first(),
                    Walk::Backward => iter.seek_to_last(),
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Walk {
    Forward,
    Backward,
}

impl InternalIterator for LevelIter {
    fn valid(&self) -> bool {
        self.inner().is_some()
    }

    fn seek_to_first(&mut self) {
        self.enter(0, Walk::Forward, InternalIterator::seek_to_first);
    }

    fn seek_to_last(&mut self) {
        // Without tables the position is one that no table has.
        self.enter(self.files.len().wrapping_sub(1), Walk::Backward, InternalIterator::seek_to_last);
    }

    fn seek(&mut self, target: &[u8]) {
        let index = first_reaching(&self.order, &self.files, internal::user_key(target));
        self.enter(index, Walk::Forward, |iter| iter.seek(target));
    }

    fn seek_for_prev(&mut self, target: &[u8]) {
        let user_key = internal::user_key(target);
        let reaching = first_reaching(&self.order, &self.files, user_key);
        let starts_before = |file: &Arc<FileMeta>| self.order.cmp(&file.smallest, user_key).is_le();
        if self.files.get(reaching).is_some_and(starts_before) {
            self.enter(reaching, Walk::Backward, |iter| iter.seek_for_prev(target));
        } else {
            self.enter(reaching.wrapping_sub(1), Walk::Backward, InternalIterator::seek_to_last);
        }
    }

    fn next(&mut self) {
        if let Some((_, iter)) = &mut self.at {
            iter.next();
            self.skip_empty(Walk::Forward);
        }
    }

    fn prev(&mut self) {
        if let Some((_, iter)) = &mut self.at {
            iter.prev();
            self.skip_empty(Walk::Backward);
        }
    }

    fn key(&self) -> &[u8] {
        self.inner().map_or(&[], InternalIterator::key)
    }

    fn value(&self) -> &[u8] {
        self.inner().map_or(&[], InternalIterator::value)
    }

    fn pinned_value(&self) -> Pinned {
        self.inner().map_or_else(|| Pinned::copy(&[]), InternalIterator::pinned_value)
    }

    fn status(&self) -> Result<()> {
        self.status.clone()?;
        self.at.as_ref().map_or(Ok(()), |(_, iter)| iter.status())
    }
}
