//! [`TableBuilder`]: writes a table, front to back, from entries that arrive in order.
//!
//! ```text
//! add → block full? pack it, frame it, remember its handle → the next key is known: index entry with a short separator
//! finish → filter, range tombstones, properties, index, footer → sync the file (the directory is the caller's)
//! ```
//! Invariants: a block is at most the block size, or holds one entry; one block is in memory at a time besides the bytes on
//! their way out; an index key is at or after the last key of its block and before the first of the next, also where the
//! versions of one user key go on in the next block (then it is that last internal key itself). After any error every further
//! call repeats it: a table with a hole is never finished. Dropping abandons the file to its creator.
//!
//! Thread rule: one thread at a time.

use std::cmp::Ordering;

use crate::env::fs::File;
use crate::error::{Error, ErrorKind, Result};
use crate::iter::operands::stamp_of;
use crate::iter::tombstones::{FragmentedTombstones, RangeTombstone};
use crate::key::family::FamilyId;
use crate::key::internal::{self, TRAILER_LEN};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::separator::separator;
use crate::key::sequence::SeqNo;
use crate::table::block_builder::{BlockBuilder, encode_alone};
use crate::table::compression::{Codec, Compression, Packer};
use crate::table::filter::Filter;
use crate::table::format::{
    BlockHandle, FOOTER_LEN, Footer, TRAILER_LEN as BLOCK_TRAILER_LEN, block_trailer, next_chain,
};
use crate::table::properties::Properties;
use crate::table::tombstone_block;
use crate::util::hash::key_hash;
use crate::util::sync::Arc;

/// Bounds of the nominal block size; offsets within a block of this size fit in 16 bits.
const BLOCK_SIZE_BYTES: std::ops::RangeInclusive<u32> = 64..=32 << 10;
/// Bytes are handed to the file in pieces of at least this size.
const WRITE_BYTES: usize = 128 << 10;

/// How a table is written.
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Nominal size of a data block before packing, 64 bytes to 32 KiB.
    pub block_size_bytes: u32,
    /// How data blocks are packed.
    pub compression: Compression,
    /// Filter bits for each user key; 0 for no filter.
    pub filter_bits_per_key: u32,
    /// The order of the keys.
    pub order: Order,
}

/// A finished table, as the MANIFEST will record it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSummary {
    /// Bytes of the file.
    pub file_size: u64,
    /// The random number its checks are mixed with.
    pub table_id: u64,
    /// The footer's check, which covers the checks of all blocks and so every byte of the file.
    pub checksum: u32,
    /// The smallest user key, or start of a range tombstone.
    pub smallest: Vec<u8>,
    /// The largest user key, or end of a range tombstone beyond it.
    pub largest: Vec<u8>,
    /// Whether `largest` is a range tombstone's end, and so not itself in the table.
    pub largest_exclusive: bool,
    /// The smallest sequence number, range tombstones included.
    pub smallest_seqno: SeqNo,
    /// The largest sequence number, range tombstones included.
    pub largest_seqno: SeqNo,
    /// Point entries, deletes included.
    pub entries: u64,
    /// Point deletes.
    pub deletes: u64,
    /// Range tombstones, one for each sequence number of each fragment.
    pub range_tombstones: u64,
    /// Merge operands.
    pub merges: u64,
    /// When the earliest of them was committed; zero without one.
    pub earliest_merge_ms: u64,
    /// Puts with an expiry.
    pub expiring: u64,
    /// The latest expiry of any of them; zero without one.
    pub latest_expiry_ms: u64,
}

/// Writes one table.
pub struct TableBuilder {
    out: Output,
    options: TableOptions,
    block: BlockBuilder,
    index: BlockBuilder,
    /// A data block that is written but not indexed yet: its index key depends on the key that follows.
    unindexed: Option<BlockHandle>,
    /// The last internal key added; empty before the first.
    last_key: Vec<u8>,
    hashes: Vec<u64>,
    tombstones: Vec<RangeTombstone>,
    tombstone_bytes: usize,
    properties: Properties,
    /// When the earliest merge operand was committed.
    earliest_merge_ms: Option<u64>,
    packer: Packer,
    /// Contents of the block being written; kept for its capacity.
    contents: Vec<u8>,
    failed: Option<Error>,
}

impl TableBuilder {
    /// Writes to `file`, which is empty. `table_id` is random; whoever opens the table must know it.
    pub fn new(file: Arc<dyn File>, mut options: TableOptions, table_id: u64, family: FamilyId) -> TableBuilder {
        options.block_size_bytes = options.block_size_bytes.clamp(*BLOCK_SIZE_BYTES.start(), *BLOCK_SIZE_BYTES.end());
        let heads = options.order.is_bytewise();
        TableBuilder {
            out: Output { file, table_id, buffer: Vec::new(), flushed: 0, chain: 0 },
            block: BlockBuilder::new(heads),
            index: BlockBuilder::new(heads),
            unindexed: None,
            last_key: Vec::new(),
            hashes: Vec::new(),
            tombstones: Vec::new(),
            tombstone_bytes: 0,
            properties: Properties::new(family, &options.order, options.block_size_bytes),
            earliest_merge_ms: None,
            packer: Packer::new(options.compression),
            contents: Vec::new(),
            failed: None,
            options,
        }
    }

    /// Adds a point entry. Internal keys must ascend.
    pub fn add(&mut self, internal_key: &[u8], value: &[u8]) -> Result<()> {
        self.usable()?;
        let result = self.add_entry(internal_key, value);
        self.note(result)
    }

    /// Adds a range tombstone, in any order. One at sequence number zero hides nothing and is not kept.
    pub fn add_tombstone(&mut self, start: &[u8], end: &[u8], seqno: SeqNo) -> Result<()> {
        self.usable()?;
        if self.options.order.cmp(start, end) != Ordering::Less {
            return self.note(Err(Error::invalid("a range tombstone's end does not follow its start")));
        }
        if seqno > SeqNo::ZERO {
            self.tombstone_bytes += start.len() + end.len() + 16;
            self.tombstones.push(RangeTombstone { start: start.to_vec(), end: end.to_vec(), seqno });
        }
        Ok(())
    }

    /// Writes another version of the engine into the table than this one.
    #[cfg(test)]
    pub fn write_as(&mut self, writer_version: u32) {
        self.properties.writer_version = writer_version;
    }

    /// Whether nothing was added yet; such a table cannot be finished.
    pub fn is_empty(&self) -> bool {
        self.properties.entries == 0 && self.tombstones.is_empty()
    }

    /// About how large the file would be if it were finished now.
    pub fn estimated_size(&self) -> u64 {
        let filter = self.hashes.len() as u64 * u64::from(self.options.filter_bits_per_key) / 8;
        let rest = self.block.size() + self.index.size() + self.tombstone_bytes + 4 * BLOCK_TRAILER_LEN + FOOTER_LEN;
        self.out.position() + filter + rest as u64
    }

    /// Writes what is left and syncs the file. The directory entry is the caller's to sync.
    pub fn finish(mut self) -> Result<TableSummary> {
        self.usable()?;
        let path = self.out.file.path().to_path_buf();
        self.write_rest().map_err(|error| if error.file().is_none() { error.with_file(path) } else { error })
    }

    fn usable(&self) -> Result<()> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Names the file in an error, and remembers it.
    fn note(&mut self, result: Result<()>) -> Result<()> {
        result.map_err(|error| {
            let error = if error.file().is_none() { error.with_file(self.out.file.path()) } else { error };
            self.failed.insert(error).clone()
        })
    }

    fn add_entry(&mut self, internal_key: &[u8], value: &[u8]) -> Result<()> {
        let entry =
            internal::parse(internal_key).ok_or_else(|| Error::invalid("an internal key that does not parse"))?;
        self.check_order(internal_key)?;
        self.properties.count(&entry, value)?;
        if entry.kind == Kind::Merge {
            let stamp = stamp_of(value);
            self.earliest_merge_ms = Some(self.earliest_merge_ms.map_or(stamp, |earliest| earliest.min(stamp)));
        }
        let limit = self.options.block_size_bytes as usize;
        if !self.block.is_empty() && self.block.size_with(internal_key, value) > limit {
            self.write_gathered()?;
        }
        if let Some(handle) = self.unindexed.take() {
            self.index_block(handle, Some(entry.user_key));
        }
        if self.block.size_with(internal_key, value) > limit && self.block.is_empty() {
            self.write_alone(internal_key, value)?;
        } else {
            self.block.add(internal_key, value);
        }
        let is_new = self.last_key.is_empty() || internal::user_key(&self.last_key) != entry.user_key;
        if is_new && self.options.filter_bits_per_key > 0 {
            self.hashes.push(key_hash(entry.user_key));
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(internal_key);
        Ok(())
    }

    fn check_order(&self, internal_key: &[u8]) -> Result<()> {
        let order = &self.options.order;
        if self.last_key.is_empty() || order.cmp_internal(&self.last_key, internal_key) == Ordering::Less {
            return Ok(());
        }
        // The entries come from memtables and tables that were checked to be sorted, so one of them is not what it was.
        Err(Error::new(ErrorKind::Corruption, "entries of a new table do not ascend"))
    }

    /// Writes the gathered data block, if there is one.
    fn write_gathered(&mut self) -> Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.contents.clear();
        self.block.finish(&mut self.contents)?;
        self.write_data_block()
    }

    /// Writes a data block of one large entry, which is never gathered, so that it is copied once only.
    fn write_alone(&mut self, internal_key: &[u8], value: &[u8]) -> Result<()> {
        self.contents.clear();
        encode_alone(&mut self.contents, self.options.order.is_bytewise(), internal_key, value)?;
        self.write_data_block()?;
        if self.contents.capacity() > 4 * WRITE_BYTES {
            self.contents = Vec::new();
        }
        Ok(())
    }

    fn write_data_block(&mut self) -> Result<()> {
        let packed = self.packer.pack(&self.contents);
        let (codec, payload) = packed.unwrap_or((Codec::None, &self.contents));
        self.unindexed = Some(self.out.write_block(codec, payload, self.contents.len())?);
        self.properties.data_blocks += 1;
        Ok(())
    }

    /// Indexes the data block that ends with `last_key`; `next` is the user key that follows, if one does.
    fn index_block(&mut self, handle: BlockHandle, next: Option<&[u8]>) {
        let last = internal::user_key(&self.last_key);
        let key = match next {
            Some(next) if next == last => self.last_key.clone(),
            // Trailer zero sorts behind every entry of the user key it is put to.
            Some(next) => [&separator(&self.options.order, last, next), &[0; TRAILER_LEN][..]].concat(),
            None => [last, &[0; TRAILER_LEN]].concat(),
        };
        let mut value = Vec::with_capacity(BlockHandle::ENCODED_LEN);
        handle.encode(&mut value);
        self.index.add(&key, &value);
    }

    fn write_rest(&mut self) -> Result<TableSummary> {
        if self.is_empty() {
            return Err(Error::invalid("a table needs at least one entry"));
        }
        self.write_gathered()?;
        if let Some(handle) = self.unindexed.take() {
            self.index_block(handle, None);
        }
        self.properties.data_bytes = self.out.position();
        let tombstones = FragmentedTombstones::build(&self.options.order, &self.tombstones)?;
        let last = internal::user_key(&self.last_key);
        self.properties.note_hull(&self.options.order, last, &tombstones);
        let mut footer = Footer { table_id: self.out.table_id, ..Footer::default() };
        let mut contents = std::mem::take(&mut self.contents);
        let write = |out: &mut Output, contents: &mut Vec<u8>| {
            let handle = out.write_block(Codec::None, contents, contents.len());
            contents.clear();
            handle
        };
        contents.clear();
        Filter::build(&self.hashes, self.options.filter_bits_per_key).encode(&mut contents)?;
        footer.filter = write(&mut self.out, &mut contents)?;
        tombstone_block::encode(&tombstones, &mut contents);
        footer.tombstones = write(&mut self.out, &mut contents)?;
        self.properties.encode(&mut contents);
        footer.properties = write(&mut self.out, &mut contents)?;
        self.index.finish(&mut contents)?;
        footer.index = write(&mut self.out, &mut contents)?;
        footer.chain = self.out.chain;
        let bytes = footer.encode(self.out.position());
        self.out.append(&bytes)?;
        self.out.flush()?;
        self.out.file.sync()?;
        Ok(self.summary(&footer))
    }

    fn summary(&mut self, footer: &Footer) -> TableSummary {
        let properties = &mut self.properties;
        TableSummary {
            file_size: self.out.position(),
            table_id: footer.table_id,
            checksum: footer.check,
            smallest: std::mem::take(&mut properties.smallest),
            largest: std::mem::take(&mut properties.largest),
            largest_exclusive: properties.largest_exclusive,
            smallest_seqno: properties.smallest_seqno,
            largest_seqno: properties.largest_seqno,
            entries: properties.entries,
            deletes: properties.deletes,
            range_tombstones: properties.range_tombstones,
            merges: properties.merges,
            earliest_merge_ms: self.earliest_merge_ms.unwrap_or_default(),
            expiring: properties.expiring,
            latest_expiry_ms: properties.latest_expiry_ms,
        }
    }
}

/// Bytes on their way to the file.
struct Output {
    file: Arc<dyn File>,
    table_id: u64,
    buffer: Vec<u8>,
    /// How many bytes the file has.
    flushed: u64,
    /// Over the checks of all blocks so far.
    chain: u32,
}

impl Output {
    /// Where the next byte will stand.
    fn position(&self) -> u64 {
        self.flushed + self.buffer.len() as u64
    }

    /// Writes a block whose contents were `raw_len` bytes before packing.
    fn write_block(&mut self, codec: Codec, payload: &[u8], raw_len: usize) -> Result<BlockHandle> {
        let too_large = |_| Error::new(ErrorKind::Unsupported, "a block of more than 4 GiB");
        let len = u32::try_from(payload.len()).map_err(too_large)?;
        let raw_len = u32::try_from(raw_len).map_err(too_large)?;
        let handle = BlockHandle { offset: self.position(), len };
        let trailer = block_trailer(codec, payload, raw_len, self.table_id, handle.offset);
        self.chain = next_chain(self.chain, &trailer);
        self.append(payload)?;
        self.append(&trailer)?;
        Ok(handle)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() >= WRITE_BYTES {
            self.flush()?;
            self.file.write_at(bytes, self.flushed)?;
            self.flushed += bytes.len() as u64;
            return Ok(());
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_at(&self.buffer, self.flushed)?;
            self.flushed += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}
