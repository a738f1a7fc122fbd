//! [`BlockCache`]: data blocks kept in memory, shared by all tables of a database and bounded by their bytes.
//!
//! Behind this small interface so that what is underneath can change. A capacity of zero is no cache: every read goes to the
//! file. Scans pass by (`fill_cache = false` reads, but does not insert), so that one pass over a table does not throw out
//! what point reads use.
//!
//! Thread rule: any number of threads; shards have their own locks, none held across I/O.

use std::fmt;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::table::block::Block;
use crate::util::metrics::Counter;
use crate::util::sync::atomic::{AtomicU64, Ordering};

/// What the map's own entry of a block costs, about.
const ENTRY_OVERHEAD: usize = 64;
/// Only a hint, for the size of the first map: a nominal block.
const TYPICAL_BLOCK: u64 = 4096;

/// An open table, as the cache knows it. Never used twice, so that a file whose number or id is seen again (a restored
/// backup, a table ingested twice) can never be answered from the blocks of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CacheFile(u64);

#[derive(Clone)]
struct ByMemory;

impl Weighter<(CacheFile, u64), Block> for ByMemory {
    fn weight(&self, _: &(CacheFile, u64), block: &Block) -> u64 {
        (block.memory() + ENTRY_OVERHEAD) as u64
    }
}

/// Data blocks in memory.
pub struct BlockCache {
    blocks: Cache<(CacheFile, u64), Block, ByMemory>,
    capacity: AtomicU64,
    next_file: AtomicU64,
    hits: Counter,
    misses: Counter,
}

impl BlockCache {
    /// Keeps at most `capacity_bytes` of blocks.
    pub fn new(capacity_bytes: u64) -> BlockCache {
        let typical = usize::try_from(capacity_bytes / TYPICAL_BLOCK).unwrap_or(usize::MAX).clamp(64, 1 << 20);
        BlockCache {
            blocks: Cache::with_weighter(typical, capacity_bytes, ByMemory),
            capacity: AtomicU64::new(capacity_bytes),
            next_file: AtomicU64::new(0),
            hits: Counter::default(),
            misses: Counter::default(),
        }
    }

    /// A name for a table that is being opened.
    pub fn new_file(&self) -> CacheFile {
        CacheFile(self.next_file.fetch_add(1, Ordering::Relaxed))
    }

    /// The block at `offset` of `file`, if it is here.
    pub fn get(&self, file: CacheFile, offset: u64) -> Option<Block> {
        if self.capacity_bytes() == 0 {
            return None;
        }
        let block = self.blocks.get(&(file, offset));
        if block.is_some() {
            self.hits.bump()
        } else {
            self.misses.bump()
        }
        block
    }

    /// Keeps a block, unless it is too large for its share of the capacity.
    pub fn insert(&self, file: CacheFile, offset: u64, block: &Block) {
        if self.capacity_bytes() != 0 {
            self.blocks.insert((file, offset), block.clone());
        }
    }

    /// Changes the capacity; what no longer fits goes at once.
    pub fn set_capacity(&self, capacity_bytes: u64) {
        self.capacity.store(capacity_bytes, Ordering::Relaxed);
        self.blocks.set_capacity(capacity_bytes);
        if capacity_bytes == 0 {
            self.blocks.clear();
        }
    }

    /// The capacity.
    pub fn capacity_bytes(&self) -> u64 {
        self.capacity.load(Ordering::Relaxed)
    }

    /// Bytes of blocks that are here.
    pub fn used_bytes(&self) -> u64 {
        self.blocks.weight()
    }

    /// Lookups that found their block.
    pub fn hits(&self) -> u64 {
        self.hits.get()
    }

    /// Lookups that did not.
    pub fn misses(&self) -> u64 {
        self.misses.get()
    }
}

impl fmt::Debug for BlockCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockCache({} of {} bytes)", self.used_bytes(), self.capacity_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::block_builder::encode_alone;
    use crate::util::sync::Arc;

    fn block(value_len: usize) -> Block {
        let mut bytes = Vec::new();
        encode_alone(&mut bytes, true, b"k\x01\0\0\0\0\0\0\0", &vec![1; value_len]).unwrap();
        Block::parse(Arc::new(bytes)).unwrap()
    }

    #[test]
    fn blocks_stay_within_the_capacity() {
        let cache = BlockCache::new(100_000);
        let (one, other) = (cache.new_file(), cache.new_file());
        assert_ne!(one, other);
        cache.insert(one, 7, &block(1000));
        assert!(cache.get(one, 7).is_some());
        assert!(cache.get(other, 7).is_none());
        for offset in 0..1000 {
            cache.insert(one, offset, &block(1000));
        }
        assert!(cache.used_bytes() <= 100_000);
        assert!(cache.used_bytes() > 50_000);
        assert_eq!((cache.hits(), cache.misses()), (1, 1));
        cache.set_capacity(10_000);
        assert!(cache.used_bytes() <= 10_000);
    }

    #[test]
    fn a_block_larger_than_the_cache_is_not_kept() {
        let cache = BlockCache::new(100_000);
        let file = cache.new_file();
        cache.insert(file, 0, &block(1000));
        cache.insert(file, 1, &block(1_000_000));
        assert!(cache.get(file, 1).is_none());
        assert!(cache.used_bytes() <= 100_000);
    }

    #[test]
    fn no_capacity_is_no_cache() {
        let cache = BlockCache::new(0);
        let file = cache.new_file();
        cache.insert(file, 0, &block(10));
        assert!(cache.get(file, 0).is_none());
        cache.set_capacity(100_000);
        cache.insert(file, 0, &block(10));
        assert!(cache.get(file, 0).is_some());
        cache.set_capacity(0);
        assert!(cache.get(file, 0).is_none());
        assert_eq!(cache.used_bytes(), 0);
    }
}
