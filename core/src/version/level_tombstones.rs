//! [`LevelTombstones`]: the range tombstones of one sorted level, asked for by key. A table is opened when a key within its bounds
//! is asked about, never before; most levels have no tombstones at all and need none of this.
//!
//! Invariant that it lives by: a table's tombstones are cut at its bounds, so the only table whose tombstones can cover a key is
//! the one whose bounds hold it. Thread rule: any thread; holds the tables' records, so that no file of them is removed.

use crate::error::Result;
use crate::iter::covering::{Stretch, TombstoneSource};
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;
use crate::version::table_cache::TableCache;
use crate::version::version::first_reaching;

/// The range tombstones of a sorted level.
#[derive(Debug)]
pub struct LevelTombstones {
    tables: Arc<TableCache>,
    order: Order,
    /// Those tables that have some.
    files: Vec<Arc<FileMeta>>,
}

impl LevelTombstones {
    /// Of those of `files`, sorted tables that do not overlap, that have tombstones; `None` if there are none.
    pub fn of(tables: &Arc<TableCache>, order: &Order, files: &[Arc<FileMeta>]) -> Option<LevelTombstones> {
        let files: Vec<_> = files.iter().filter(|file| file.range_tombstones > 0).cloned().collect();
        (!files.is_empty()).then(|| LevelTombstones { tables: Arc::clone(tables), order: order.clone(), files })
    }
}

impl TombstoneSource for LevelTombstones {
    fn covering(&self, user_key: &[u8], view: SeqNo) -> Result<SeqNo> {
        let at = first_reaching(&self.order, &self.files, user_key);
        match self.files.get(at).filter(|file| file.contains(&self.order, user_key)) {
            Some(file) => Ok(self.tables.get(file, &self.order)?.tombstones().covering(user_key, view)),
            None => Ok(SeqNo::ZERO),
        }
    }

    /// Where no table reaches there are no tombstones: that answer holds from the end of one table to the start of the next.
    /// Example: tables over `[b, f)` and `[k, p]`; "nothing over `h`" holds within `[f, k)`. Within a table its own fragments say
    /// how far an answer holds, but never into the next table.
    fn covering_stretch(&self, user_key: &[u8], view: SeqNo, stretch: &mut Stretch) -> Result<SeqNo> {
        let at = first_reaching(&self.order, &self.files, user_key);
        let before = at.checked_sub(1).and_then(|before| self.files.get(before));
        let Some(file) = self.files.get(at) else {
            stretch.narrow(before.map(|file| &file.largest[..]), None);
            return Ok(SeqNo::ZERO);
        };
        if !file.contains(&self.order, user_key) {
            // The table before may hold its largest key, but no tombstone of it covers that one.
            stretch.narrow(before.map(|file| &file.largest[..]), Some(&file.smallest));
            return Ok(SeqNo::ZERO);
        }
        let next = self.files.get(at + 1).map(|next| &next.smallest[..]);
        stretch.narrow(Some(&file.smallest), next);
        let table = self.tables.get(file, &self.order)?;
        table.tombstones().covering_stretch(user_key, view, stretch)
    }
}
