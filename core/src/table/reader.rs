//! [`Table`]: an open table. Opening reads the footer, index, filter, range tombstones and properties, and checks them
//! against each other; data blocks are read when they are needed.
//!
//! ```text
//! get → filter (may say "certainly not") → index (one block can hold it) → cache or file → block → newest visible entry
//! ```
//! One block is enough for a get: an index key is at or after the last key of its block, and where the versions of a user key
//! go on in the next block it is exactly that last key, so that the search for `(key, view)` lands in the right one.
//! A lookup whose block is cached allocates nothing.
//!
//! Thread rule: immutable, any number of threads; no lock is held across I/O.

use crate::env::filename::FileNumber;
use crate::env::fs::{File, read_exact_at};
use crate::error::{Error, Result};
use crate::iter::tombstones::FragmentedTombstones;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::table::block::{Block, Target};
use crate::table::cache::{BlockCache, CacheFile};
use crate::table::filter::Filter;
use crate::table::format::{BlockHandle, FOOTER_LEN, Footer, TRAILER_LEN, open_block};
use crate::table::iterator::TableIter;
use crate::table::properties::{Properties, order_name};
use crate::table::readahead::{Readahead, read_framed};
use crate::table::tombstone_block;
use crate::util::coding::Reader;
use crate::util::pinned::Pinned;
use crate::util::sync::Arc;

/// What is on record about a table that is being opened. A file that differs is another file, or what is left of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Its exact size.
    pub file_size: u64,
    /// Its table id.
    pub table_id: u64,
}

impl Expect {
    /// What a file says of itself: for tables that nothing is on record about, as `ingest` and `repair` meet them.
    pub fn from_file(file: &dyn File) -> Result<Expect> {
        let file_size = file.len()?;
        let footer = read_footer(file, file_size)?;
        Ok(Expect { file_size, table_id: footer.table_id })
    }
}

/// An open table.
#[derive(Debug)]
pub struct Table {
    pub(super) file: Arc<dyn File>,
    number: FileNumber,
    pub(super) footer: Footer,
    pub(super) order: Order,
    pub(super) properties: Properties,
    pub(super) index: Block,
    /// Where data block `i` starts, and behind the last one where the filter does: the index's handles without a search.
    starts: Box<[u64]>,
    pub(super) filter: Filter,
    tombstones: Arc<FragmentedTombstones>,
    cache: Arc<BlockCache>,
    cache_file: CacheFile,
}

impl Table {
    /// Opens the table in `file`.
    pub fn open(
        file: Arc<dyn File>,
        number: FileNumber,
        expect: Expect,
        order: Order,
        cache: Arc<BlockCache>,
    ) -> Result<Arc<Table>> {
        let damaged = |offset, why: String| Error::corruption(file.path(), offset, why);
        let file_size = file.len()?;
        if file_size != expect.file_size {
            return Err(damaged(0, format!("table has {file_size} bytes, not {} as on record", expect.file_size)));
        }
        let footer = read_footer(&*file, file_size)?;
        if footer.table_id != expect.table_id {
            return Err(damaged(file_size - FOOTER_LEN as u64, "another table's file under this name".to_owned()));
        }
        let read = |handle| read_contents(&*file, handle, footer.table_id, None);
        let properties = Properties::decode(&read(footer.properties)?)
            .ok_or_else(|| damaged(footer.properties.offset, "properties do not decode".to_owned()))?;
        if properties.order != order_name(&order) {
            let message = format!("table is in order {:?}, not {:?}", properties.order, order_name(&order));
            return Err(Error::invalid(message).with_file(file.path()));
        }
        let filter = Filter::decode(&read(footer.filter)?)
            .ok_or_else(|| damaged(footer.filter.offset, "filter does not decode".to_owned()))?;
        let tombstones = tombstone_block::decode(&order, &read(footer.tombstones)?)
            .map_err(|error| error.with_file(file.path()).with_offset(footer.tombstones.offset))?;
        let index = parse_block(&*file, footer.index, read(footer.index)?, &order)?;
        let starts = check_index(&index, &footer, &properties);
        let starts = starts.map_err(|why| damaged(footer.index.offset, why.to_owned()))?;
        let cache_file = cache.new_file();
        let tombstones = Arc::new(tombstones);
        Ok(Arc::new(Table {
            file,
            number,
            footer,
            order,
            properties,
            index,
            starts,
            filter,
            tombstones,
            cache,
            cache_file,
        }))
    }

    /// The newest point entry of `user_key` that a view of `view` sees: its sequence number, kind and value. Range tombstones
    /// are not looked at. `key_hash` is the key's [`key_hash`](crate::util::hash::key_hash).
    pub fn get(
        &self,
        user_key: &[u8],
        key_hash: u64,
        view: SeqNo,
        fill_cache: bool,
    ) -> Result<Option<(SeqNo, Kind, Pinned)>> {
        if !self.filter.may_contain(key_hash) {
            return Ok(None);
        }
        let target = Target::view(user_key, view);
        let i = self.index.lower_bound(&self.order, target);
        if i == self.index.len() {
            return Ok(None);
        }
        let block = self.block(i, fill_cache, None)?;
        let Some((trailer, value)) = block.find(&self.order, target) else { return Ok(None) };
        match (SeqNo::new(trailer >> 8), Kind::from_u8(trailer as u8)) {
            (Some(seqno), Some(kind)) => Ok(Some((seqno, kind, block.pin(value)))),
            // Unreachable: the block was checked to hold known kinds only when it was loaded.
            _ => Err(self.damaged(self.handle(i).offset, "entry of an unknown kind")),
        }
    }

    /// Where in the file the data block starts that has the first entry at or after `user_key`; behind the last block for a key
    /// beyond the last. Reads nothing.
    pub fn offset_of(&self, user_key: &[u8]) -> u64 {
        let i = self.index.lower_bound(&self.order, Target::view(user_key, SeqNo::MAX));
        self.starts.get(i).copied().unwrap_or(self.footer.filter.offset)
    }

    /// Whether it may hold point entries of the user key that hashes to `key_hash`.
    pub fn may_hold(&self, key_hash: u64) -> bool {
        self.filter.may_contain(key_hash)
    }

    /// The range tombstones.
    pub fn tombstones(&self) -> &Arc<FragmentedTombstones> {
        &self.tombstones
    }

    /// Walks all point entries. Blocks it has to read are kept in the cache if `fill_cache`.
    pub fn iter(self: &Arc<Table>, fill_cache: bool) -> TableIter {
        TableIter::new(Arc::clone(self), fill_cache)
    }

    /// What the table says about itself.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Its number.
    pub fn number(&self) -> FileNumber {
        self.number
    }

    /// The footer's check, to be compared with the one on record.
    pub fn checksum(&self) -> u32 {
        self.footer.check
    }

    /// Bytes of memory it takes while it is open, data blocks aside.
    pub fn resident_bytes(&self) -> usize {
        let strings = size_of_val(&*self.starts) + self.properties.smallest.len() + self.properties.largest.len();
        size_of::<Table>() + self.index.memory() + self.filter.memory() + self.tombstones.memory_bytes() + strings
    }

    /// Data block `i`, from the cache or the file.
    pub(super) fn block(&self, i: usize, fill_cache: bool, readahead: Option<&mut Readahead>) -> Result<Block> {
        let handle = self.handle(i);
        let mut readahead = readahead;
        if let Some(readahead) = &mut readahead {
            readahead.visit(handle);
        }
        if let Some(block) = self.cache.get(self.cache_file, handle.offset) {
            return Ok(block);
        }
        let block = self.read_block(handle, readahead)?;
        if fill_cache {
            self.cache.insert(self.cache_file, handle.offset, &block);
        }
        Ok(block)
    }

    /// The data block at `handle`, from the file.
    pub(super) fn read_block(&self, handle: BlockHandle, readahead: Option<&mut Readahead>) -> Result<Block> {
        let readahead = readahead.map(|readahead| (readahead, self.footer.filter.offset));
        let contents = read_contents(&*self.file, handle, self.footer.table_id, readahead)?;
        let block = parse_block(&*self.file, handle, contents, &self.order)?;
        if block.is_empty() {
            return Err(self.damaged(handle.offset, "data block has no entries"));
        }
        Ok(block)
    }

    /// Where data block `i` is; it must exist.
    #[inline]
    pub(super) fn handle(&self, i: usize) -> BlockHandle {
        let (offset, end) = (self.starts[i], self.starts[i + 1]);
        BlockHandle { offset, len: (end - offset) as u32 - TRAILER_LEN as u32 }
    }

    pub(super) fn damaged(&self, offset: u64, why: &str) -> Error {
        Error::corruption(self.file.path(), offset, why)
    }
}

/// Reads the footer of a table of `file_size` bytes.
pub fn read_footer(file: &dyn File, file_size: u64) -> Result<Footer> {
    let len = file_size.min(FOOTER_LEN as u64);
    let mut tail = vec![0; len as usize];
    read_exact_at(file, &mut tail, file_size - len)?;
    Footer::decode(&tail, file_size).map_err(|error| error.with_file(file.path()))
}

/// Reads and unpacks a block. The handle lies within the file: the footer's and the index's checks saw to that.
pub fn read_contents(
    file: &dyn File,
    handle: BlockHandle,
    table_id: u64,
    readahead: Option<(&mut Readahead, u64)>,
) -> Result<Vec<u8>> {
    let framed = match readahead {
        Some((readahead, data_end)) => readahead.read(file, handle, data_end),
        None => read_framed(file, handle),
    };
    let in_file = |error: Error| if error.file().is_none() { error.with_file(file.path()) } else { error };
    framed.and_then(|framed| open_block(framed, handle, table_id)).map_err(in_file)
}

/// Checks the contents of a block, and that it is in the order of the keys.
fn parse_block(file: &dyn File, handle: BlockHandle, contents: Vec<u8>, order: &Order) -> Result<Block> {
    let damaged = |why: &str| Error::corruption(file.path(), handle.offset, format!("block {why}"));
    let block = Block::parse(Arc::new(contents)).map_err(damaged)?;
    if block.has_heads() != order.is_bytewise() {
        return Err(damaged("is laid out for another order of keys"));
    }
    Ok(block)
}

/// Data blocks must lie end to end from the start of the file to the filter: then no handle can name bytes outside. Returns
/// where each starts, and where the filter does.
fn check_index(index: &Block, footer: &Footer, properties: &Properties) -> Result<Box<[u64]>, &'static str> {
    if index.len() as u64 != properties.data_blocks {
        return Err("index and properties disagree on the number of data blocks");
    }
    let mut starts = Vec::with_capacity(index.len() + 1);
    let mut at = 0;
    for i in 0..index.len() {
        let mut value = Reader::new(index.value(i));
        let handle = BlockHandle::decode(&mut value).filter(|_| value.is_empty());
        let handle = handle.ok_or("index has an entry that is no block handle")?;
        if handle.offset != at {
            return Err("index names data blocks that do not lie end to end");
        }
        starts.push(at);
        at = handle.end().ok_or("index names a block beyond the end of the file")?;
    }
    starts.push(at);
    if at == footer.filter.offset { Ok(starts.into()) } else { Err("index does not name all data blocks") }
}
