//! [`TableCache`]: file numbers to open tables, at most so many at once. What falls out is closed when its last reader ends.
//!
//! Where in the flow: get, iterators and compaction ask for a table by its record; a miss opens the file and checks it against
//! that record, so that another file under the same name is never read. Errors are the caller's alone: the next ask tries
//! again. Thread rule: any thread; no lock is held while a file is opened, so two threads may open one table at once, and one
//! of the two handles is dropped.

use std::path::{Path, PathBuf};

use quick_cache::sync::Cache;

use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode, is_not_found};
use crate::error::{Error, Result};
use crate::key::order::Order;
use crate::table::{BlockCache, Expect, Table};
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;

/// Open tables by number.
pub struct TableCache {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    blocks: Arc<BlockCache>,
    open: Cache<FileNumber, Arc<Table>>,
}

impl TableCache {
    /// Keeps up to `capacity` tables of `dir` open, whose blocks go to `blocks`.
    pub fn new(fs: Arc<dyn FileSystem>, dir: &Path, capacity: usize, blocks: Arc<BlockCache>) -> TableCache {
        TableCache { fs, dir: dir.to_path_buf(), blocks, open: Cache::new(capacity) }
    }

    /// The table that `meta` records.
    pub fn get(&self, meta: &FileMeta, order: &Order) -> Result<Arc<Table>> {
        if let Some(table) = self.open.get(&meta.number) {
            return Ok(table);
        }
        let table = self.open_table(meta, order)?;
        self.open.insert(meta.number, Arc::clone(&table));
        Ok(table)
    }

    /// Forgets a table whose file is going away.
    pub fn evict(&self, number: FileNumber) {
        self.open.remove(&number);
    }

    /// Forgets all tables.
    pub fn clear(&self) {
        self.open.clear();
    }

    /// How many tables are open, readers of forgotten ones aside.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    fn open_table(&self, meta: &FileMeta, order: &Order) -> Result<Arc<Table>> {
        let path = self.dir.join(FileKind::Table(meta.number).name());
        let file = self.fs.open(&path, OpenMode::Read).map_err(|error| match is_not_found(&error) {
            true => Error::corruption(&path, 0, "table is missing"),
            false => error,
        })?;
        let expect = Expect { file_size: meta.file_size, table_id: meta.table_id };
        let table = Table::open(file, meta.number, expect, order.clone(), Arc::clone(&self.blocks))?;
        if table.checksum() != meta.checksum {
            return Err(Error::corruption(&path, meta.file_size, "table's footer is not the one on record"));
        }
        Ok(table)
    }
}

impl std::fmt::Debug for TableCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableCache").field("dir", &self.dir).field("open", &self.open.len()).finish_non_exhaustive()
    }
}
