//! [`Readahead`]: turns a scan's block after block into few large reads.
//!
//! The second neighbouring block in a row, in either direction, reads 16 KiB, the next such read 32, up to 256 KiB; a jump starts
//! anew with exact reads, so that a seek never pays for bytes it does not want. Invariant: bytes beyond the block that was
//! asked for are a guess; an error while fetching them is no error, the block is then read by itself.
//! Thread rule: belongs to one iterator.

use crate::env::fs::{File, read_exact_at};
use crate::error::Result;
use crate::table::compression::try_zeroed;
use crate::table::format::BlockHandle;

const FIRST_BYTES: usize = 16 << 10;
const MAX_BYTES: usize = 256 << 10;

/// What one iterator has read ahead.
#[derive(Debug, Default)]
pub struct Readahead {
    bytes: Vec<u8>,
    /// Where `bytes` stand in the file.
    start: u64,
    /// How much the next read fetches; 0 for the block alone.
    window: usize,
    /// The block visited last.
    last: Option<BlockHandle>,
    backward: bool,
}

impl Readahead {
    /// Tells that the iterator goes to `handle`, whether it will have to be read or is in the cache.
    pub fn visit(&mut self, handle: BlockHandle) {
        let last = self.last.replace(handle);
        let forward = last.is_some_and(|last| last.end() == Some(handle.offset));
        self.backward = last.is_some_and(|last| handle.end() == Some(last.offset));
        if !forward && !self.backward {
            self.window = 0;
        } else if self.window == 0 {
            self.window = FIRST_BYTES;
        }
    }

    /// The bytes of the block at `handle`, trailer included. Data blocks end at `data_end`.
    pub fn read(&mut self, file: &dyn File, handle: BlockHandle, data_end: u64) -> Result<Vec<u8>> {
        if let Some(bytes) = self.fetched(handle) {
            return Ok(bytes.to_vec());
        }
        if self.window > handle.framed_len() && self.fetch(file, handle, data_end) {
            self.window = (self.window * 2).min(MAX_BYTES);
            if let Some(bytes) = self.fetched(handle) {
                return Ok(bytes.to_vec());
            }
        }
        read_framed(file, handle)
    }

    fn fetched(&self, handle: BlockHandle) -> Option<&[u8]> {
        let at = usize::try_from(handle.offset.checked_sub(self.start)?).ok()?;
        self.bytes.get(at..at.checked_add(handle.framed_len())?)
    }

    /// Reads a window that starts, or backward ends, with `handle`; whether it worked.
    fn fetch(&mut self, file: &dyn File, handle: BlockHandle, data_end: u64) -> bool {
        let Some(handle_end) = handle.end() else { return false };
        let window = self.window as u64;
        let (start, end) = if self.backward {
            (handle_end.saturating_sub(window), handle_end)
        } else {
            (handle.offset, (handle.offset + window).min(data_end).max(handle_end))
        };
        self.bytes.resize((end - start) as usize, 0);
        self.start = start;
        let read = read_exact_at(file, &mut self.bytes, start);
        if read.is_err() {
            self.bytes.clear();
        }
        read.is_ok()
    }
}

/// The bytes of one block, trailer included.
pub fn read_framed(file: &dyn File, handle: BlockHandle) -> Result<Vec<u8>> {
    let mut framed = try_zeroed(handle.framed_len())?;
    read_exact_at(file, &mut framed, handle.offset)?;
    Ok(framed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::MemFile;

    const BLOCK: u32 = 1000 - 13;

    fn handle(i: u64) -> BlockHandle {
        BlockHandle { offset: i * 1000, len: BLOCK }
    }

    fn scan(order: impl Iterator<Item = u64>) -> u64 {
        let bytes: Vec<u8> = (0..2000).flat_map(|i: u32| [i as u8; 1000]).collect();
        let file = MemFile::with_bytes(bytes);
        let mut readahead = Readahead::default();
        for i in order {
            readahead.visit(handle(i));
            let block = readahead.read(&*file, handle(i), 2_000_000).unwrap();
            assert_eq!(block, [i as u8; 1000]);
        }
        file.reads()
    }

    #[test]
    fn scans_read_in_large_pieces_both_ways() {
        assert!(scan(0..2000) < 20);
        assert!(scan((0..2000).rev()) < 20);
    }

    #[test]
    fn jumps_read_one_block_each() {
        assert_eq!(scan((0..2000).step_by(2)), 1000);
        assert_eq!(scan([5, 5, 9, 3].into_iter()), 4);
    }

    #[test]
    fn a_failed_guess_is_no_error() {
        let file = MemFile::with_bytes(vec![7; 2500]);
        let mut readahead = Readahead::default();
        for i in 0..2 {
            readahead.visit(handle(i));
            // A wrong idea of where the data ends makes the guess run past the end of the file.
            assert_eq!(readahead.read(&*file, handle(i), 1 << 40).unwrap(), [7; 1000]);
        }
        readahead.visit(handle(2));
        assert!(readahead.read(&*file, handle(2), 1 << 40).is_err());
    }
}
