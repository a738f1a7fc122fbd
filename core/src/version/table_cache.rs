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
use crate::util::metrics::Counter;
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;

/// Open tables by number.
pub struct TableCache {
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    blocks: Arc<BlockCache>,
    open: Cache<FileNumber, Arc<Table>>,
    opens: Counter,
}

impl TableCache {
    /// Keeps up to `capacity` tables of `dir` open, whose blocks go to `blocks`.
    pub fn new(fs: Arc<dyn FileSystem>, dir: &Path, capacity: usize, blocks: Arc<BlockCache>) -> TableCache {
        TableCache { fs, dir: dir.to_path_buf(), blocks, open: Cache::new(capacity), opens: Counter::default() }
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

    /// How often a table was opened.
    pub fn opens(&self) -> u64 {
        self.opens.get()
    }

    /// The cache of their blocks.
    pub fn blocks(&self) -> &Arc<BlockCache> {
        &self.blocks
    }

    /// Where the file of a table is.
    pub fn path_of(&self, number: FileNumber) -> PathBuf {
        self.dir.join(FileKind::Table(number).name())
    }

    fn open_table(&self, meta: &FileMeta, order: &Order) -> Result<Arc<Table>> {
        let path = self.path_of(meta.number);
        let file = self.fs.open(&path, OpenMode::Read).map_err(|error| match is_not_found(&error) {
            true => Error::corruption(&path, 0, "table is missing"),
            false => error,
        })?;
        let expect = Expect { file_size: meta.file_size, table_id: meta.table_id };
        let table = Table::open(file, meta.number, expect, order.clone(), Arc::clone(&self.blocks))?;
        if table.checksum() != meta.checksum {
            return Err(Error::corruption(&path, meta.file_size, "table's footer is not the one on record"));
        }
        self.opens.bump();
        Ok(table)
    }
}

impl std::fmt::Debug for TableCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableCache").field("dir", &self.dir).field("open", &self.open.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
pub mod testing {
    //! Real tables on a simulated disk.

    use super::*;
    use crate::env::sim_fs::SimFs;
    use crate::key::family::FamilyId;
    use crate::key::internal::internal_key;
    use crate::key::kind::Kind;
    use crate::key::sequence::SeqNo;
    use crate::table::{Compression, TableBuilder, TableOptions};

    /// Where the tables are.
    pub fn dir() -> &'static Path {
        Path::new("/db")
    }

    /// A disk with an empty directory.
    pub fn disk() -> SimFs {
        let sim = SimFs::new(1);
        sim.create_dir(dir()).unwrap();
        sim
    }

    /// A cache of `capacity` tables over `sim`.
    pub fn cache(sim: &SimFs, capacity: usize) -> Arc<TableCache> {
        let blocks = Arc::new(BlockCache::new(1 << 20));
        Arc::new(TableCache::new(Arc::new(sim.clone()), dir(), capacity, blocks))
    }

    /// What goes into a table: point entries in order, and range tombstones.
    #[derive(Clone, Debug, Default)]
    pub struct Contents {
        /// Key, number, kind, value.
        pub points: Vec<(Vec<u8>, u64, Kind, Vec<u8>)>,
        /// Start, end, number.
        pub ranges: Vec<(Vec<u8>, Vec<u8>, u64)>,
    }

    fn seq(n: u64) -> SeqNo {
        SeqNo::new(n).expect("a small number")
    }

    /// Writes a table with tiny blocks.
    pub fn write_table(sim: &SimFs, number: u64, contents: &Contents) -> Arc<FileMeta> {
        let number = FileNumber::new(number);
        let path = dir().join(FileKind::Table(number).name());
        let file = sim.open(&path, OpenMode::CreateNew).unwrap();
        let options = TableOptions {
            block_size_bytes: 256,
            compression: Compression::None,
            filter_bits_per_key: 10,
            order: Order::Bytewise,
        };
        let mut builder = TableBuilder::new(file, options, sim.random_u64(), FamilyId::DEFAULT);
        for (start, end, seqno) in &contents.ranges {
            builder.add_tombstone(start, end, seq(*seqno)).unwrap();
        }
        for (key, seqno, kind, value) in &contents.points {
            builder.add(&internal_key(key, seq(*seqno), *kind), value).unwrap();
        }
        let summary = builder.finish().unwrap();
        Arc::new(FileMeta {
            number,
            family: FamilyId::DEFAULT,
            file_size: summary.file_size,
            smallest: summary.smallest,
            largest: summary.largest,
            largest_exclusive: summary.largest_exclusive,
            smallest_seqno: summary.smallest_seqno,
            largest_seqno: summary.largest_seqno,
            table_id: summary.table_id,
            checksum: summary.checksum,
            entries: summary.entries,
            deletes: summary.deletes,
            range_tombstones: summary.range_tombstones,
            merges: summary.merges,
            earliest_merge_ms: summary.earliest_merge_ms,
            expiring: summary.expiring,
            latest_expiry_ms: summary.latest_expiry_ms,
        })
    }

    /// A put of `value` to `key`.
    pub fn put(key: &str, seqno: u64, value: &str) -> (Vec<u8>, u64, Kind, Vec<u8>) {
        (key.as_bytes().to_vec(), seqno, Kind::Put, value.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Contents, cache, dir, disk, put, write_table};
    use super::*;
    use crate::error::ErrorKind;

    fn one(number: u64) -> Contents {
        Contents { points: vec![put("k", number, "v")], ranges: Vec::new() }
    }

    #[test]
    fn no_more_tables_stay_open_than_the_capacity_and_what_readers_hold() {
        let sim = disk();
        let cache = cache(&sim, 3);
        let files: Vec<_> = (1..=20).map(|n| write_table(&sim, n, &one(n))).collect();
        let held = cache.get(&files[0], &Order::Bytewise).unwrap();
        assert!(Arc::ptr_eq(&held, &cache.get(&files[0], &Order::Bytewise).unwrap()));
        assert_eq!((cache.open_count(), cache.opens()), (1, 1));
        for file in &files {
            cache.get(file, &Order::Bytewise).unwrap();
        }
        assert!(cache.open_count() <= 3, "{} open", cache.open_count());
        assert!(sim.open_files() <= 4, "{} files open", sim.open_files());
        cache.clear();
        assert_eq!((cache.open_count(), sim.open_files()), (0, 1));
        cache.get(&files[5], &Order::Bytewise).unwrap();
        cache.evict(files[5].number);
        assert_eq!(cache.open_count(), 0);
    }

    #[test]
    fn a_table_that_is_not_the_one_on_record_is_corruption_and_is_named() {
        let sim = disk();
        let cache = cache(&sim, 10);
        let good = write_table(&sim, 1, &one(1));
        let other = write_table(&sim, 2, &one(2));
        let path = dir().join("000001.sst");
        let refused = |file: &FileMeta| {
            let error = cache.get(file, &Order::Bytewise).unwrap_err();
            assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*path)), "{error}");
        };
        refused(&FileMeta { checksum: good.checksum ^ 1, ..(*good).clone() });
        refused(&FileMeta { table_id: other.table_id, ..(*good).clone() });
        refused(&FileMeta { file_size: good.file_size + 1, ..(*good).clone() });
        assert_eq!(cache.open_count(), 0, "what was refused is not kept");
        sim.remove(&path).unwrap();
        refused(&good);
        cache.get(&other, &Order::Bytewise).unwrap();
    }
}
