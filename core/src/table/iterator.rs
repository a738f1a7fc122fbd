//! [`TableIter`]: walks the point entries of a table in either direction.
//!
//! A place is a data block (by its position in the index, which is in memory) and an entry of it; a step back costs what a
//! step forward does. Invariant: an error leaves it nowhere with a status that stays until the next seek; it never looks like
//! the end of the table. Thread rule: one thread at a time.

use crate::error::{Error, Result};
use crate::iter::internal::InternalIterator;
use crate::table::block::Target;
use crate::table::cursor::BlockCursor;
use crate::table::readahead::Readahead;
use crate::table::reader::Table;
use crate::util::pinned::Pinned;
use crate::util::sync::Arc;

/// A cursor over the point entries of one table.
#[derive(Debug)]
pub struct TableIter {
    table: Arc<Table>,
    fill_cache: bool,
    readahead: Readahead,
    /// Which data block `cursor` is in; meaningful only while it is in one.
    block: usize,
    cursor: BlockCursor,
    error: Option<Error>,
}

impl TableIter {
    /// Not valid until it is positioned.
    pub(super) fn new(table: Arc<Table>, fill_cache: bool) -> TableIter {
        let (readahead, cursor) = (Readahead::default(), BlockCursor::default());
        TableIter { table, fill_cache, readahead, block: 0, cursor, error: None }
    }

    /// Brings the cursor into data block `i`, on no entry yet; whether that worked. Without such a block, or when it cannot be
    /// read, the cursor ends up nowhere.
    fn load(&mut self, i: usize) -> bool {
        self.error = None;
        if i >= self.table.index.len() {
            self.cursor.leave();
            return false;
        }
        if self.valid() && self.block == i {
            return true;
        }
        match self.table.block(i, self.fill_cache, Some(&mut self.readahead)) {
            Ok(block) => {
                self.cursor.enter(block);
                self.block = i;
                true
            }
            Err(error) => {
                self.cursor.leave();
                self.error = Some(error);
                false
            }
        }
    }

    /// To the first entry of data block `i`, if there is such a block. Data blocks are never empty.
    fn enter_first_of(&mut self, i: usize) {
        if self.load(i) {
            self.cursor.stand_on(0);
        }
    }

    /// To the last entry of data block `i`, if there is such a block.
    fn enter_last_of(&mut self, i: Option<usize>) {
        self.error = None;
        match i {
            Some(i) if self.load(i) => self.cursor.stand_on(self.cursor.entries() - 1),
            Some(_) => {}
            None => self.cursor.leave(),
        }
    }
}

impl InternalIterator for TableIter {
    fn valid(&self) -> bool {
        self.cursor.block().is_some()
    }

    fn seek_to_first(&mut self) {
        self.enter_first_of(0);
    }

    fn seek_to_last(&mut self) {
        self.enter_last_of(self.table.index.len().checked_sub(1));
    }

    fn seek(&mut self, target: &[u8]) {
        let target = Target::decode(target);
        let i = self.table.index.lower_bound(&self.table.order, target);
        if !self.load(i) {
            return;
        }
        let at = self.cursor.block().map_or(0, |block| block.lower_bound(&self.table.order, target));
        if at < self.cursor.entries() {
            self.cursor.stand_on(at);
        } else {
            // A target between the last key of a block and its index key belongs before the next block.
            self.enter_first_of(i + 1);
        }
    }

    fn seek_for_prev(&mut self, target: &[u8]) {
        let target = Target::decode(target);
        let i = self.table.index.lower_bound(&self.table.order, target);
        if i == self.table.index.len() {
            return self.seek_to_last();
        }
        if !self.load(i) {
            return;
        }
        let at = self.cursor.block().map_or(0, |block| {
            let at = block.lower_bound(&self.table.order, target);
            at + usize::from(block.is_at(at, target))
        });
        match at.checked_sub(1) {
            Some(at) => self.cursor.stand_on(at),
            None => self.enter_last_of(i.checked_sub(1)),
        }
    }

    #[inline]
    fn next(&mut self) {
        if !self.valid() {
            return;
        }
        let at = self.cursor.at() + 1;
        if at < self.cursor.entries() {
            self.cursor.stand_on(at);
        } else {
            self.enter_first_of(self.block + 1);
        }
    }

    #[inline]
    fn prev(&mut self) {
        if !self.valid() {
            return;
        }
        match self.cursor.at().checked_sub(1) {
            Some(at) => self.cursor.stand_on(at),
            None => self.enter_last_of(self.block.checked_sub(1)),
        }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.cursor.key()
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.cursor.value()
    }

    fn pinned_value(&self) -> Pinned {
        self.cursor.pinned_value()
    }

    fn status(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }
}
