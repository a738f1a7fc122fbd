//! [`BlockCursor`]: a place in a block, with the internal key there put together.
//!
//! The key is prefix, head, rest and trailer in one buffer; a step rewrites only what follows the prefix. Invariant: either
//! there is no block, or `at` is an entry of it. Thread rule: one thread at a time.

use std::ops::Range;

use crate::table::block::Block;
use crate::util::pinned::Pinned;

/// A place in a block; without a block, nowhere.
#[derive(Debug, Default)]
pub struct BlockCursor {
    block: Option<Block>,
    at: usize,
    key: Vec<u8>,
    value: Range<usize>,
}

impl BlockCursor {
    /// Into `block`, on no entry yet: [`BlockCursor::stand_on`] must follow.
    pub fn enter(&mut self, block: Block) {
        self.key.clear();
        self.key.extend_from_slice(block.prefix());
        self.block = Some(block);
    }

    /// To entry `at` of the block it is in; nowhere if there is no such entry.
    #[inline]
    pub fn stand_on(&mut self, at: usize) {
        match &self.block {
            Some(block) if at < block.len() => {
                self.key.truncate(block.prefix().len());
                self.value = block.append_key(at, &mut self.key);
                self.at = at;
            }
            _ => self.leave(),
        }
    }

    /// To nowhere.
    pub fn leave(&mut self) {
        self.block = None;
        self.value = 0..0;
    }

    /// The block it is in.
    pub fn block(&self) -> Option<&Block> {
        self.block.as_ref()
    }

    /// Number of entries of the block it is in.
    #[inline]
    pub fn entries(&self) -> usize {
        self.block.as_ref().map_or(0, Block::len)
    }

    /// The entry it stands on; meaningful only in a block.
    #[inline]
    pub fn at(&self) -> usize {
        self.at
    }

    /// The internal key here.
    #[inline]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The value here; empty if it is nowhere.
    #[inline]
    pub fn value(&self) -> &[u8] {
        self.block.as_ref().and_then(|block| block.bytes().get(self.value.clone())).unwrap_or_default()
    }

    /// The value here, keeping the block alive.
    pub fn pinned_value(&self) -> Pinned {
        self.block.as_ref().map_or_else(|| Pinned::copy(b""), |block| block.pin(self.value.clone()))
    }
}
