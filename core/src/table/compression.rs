//! Packing of data blocks: which codec, whether it paid, and unpacking into a buffer whose size was fixed before.
//!
//! A block that packing does not shrink by 13 % is stored as it is: unpacking it for ever would cost more than its bytes.
//! Thread rule: a [`Packer`] belongs to one builder.

use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};

use crate::error::{Error, ErrorKind, Result};

/// How a table's data blocks are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all: right for tables that are soon rewritten.
    #[default]
    None,
    /// LZ4 where it pays.
    Lz4,
}

/// How one block is packed. The numbers are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As it is.
    None = 0,
    /// LZ4 block format, without a length in front.
    Lz4 = 1,
}

impl Codec {
    /// The codec with this number on disk.
    pub fn from_u8(n: u8) -> Option<Codec> {
        match n {
            0 => Some(Codec::None),
            1 => Some(Codec::Lz4),
            _ => None,
        }
    }
}

/// One byte of LZ4 extends a match by at most 255 bytes; nothing in the format packs denser.
pub const LZ4_MAX_RATIO: u64 = 255;

/// A packed block must be at most this many hundredths of what it was.
const WORTH_PERCENT: usize = 87;

/// Larger blocks hold one huge value. Packing one would double the memory that it takes to write it.
const MAX_PACKED_INPUT: usize = 32 << 20;

/// Packs one block after the other, keeping its hash table and output buffer.
pub struct Packer {
    compression: Compression,
    table: CompressTable,
    output: Vec<u8>,
}

impl Packer {
    /// Packs as `compression` says.
    pub fn new(compression: Compression) -> Packer {
        Packer { compression, table: CompressTable::default(), output: Vec::new() }
    }

    /// `raw` packed, if that saves enough.
    pub fn pack(&mut self, raw: &[u8]) -> Option<(Codec, &[u8])> {
        if self.compression == Compression::None || raw.len() > MAX_PACKED_INPUT {
            return None;
        }
        let room = get_maximum_output_size(raw.len());
        if self.output.len() < room {
            self.output.resize(room, 0);
        }
        let len = compress_into_with_table(raw, &mut self.output, &mut self.table).ok()?;
        (len * 100 <= raw.len() * WORTH_PERCENT).then(|| (Codec::Lz4, &self.output[..len]))
    }
}

/// Unpacks an LZ4 block that must fill exactly `raw_len` bytes; the caller has checked that length against the payload's.
pub fn unpack_lz4(payload: &[u8], raw_len: usize) -> Result<Vec<u8>> {
    let mut raw = try_zeroed(raw_len)?;
    match decompress_into(payload, &mut raw) {
        Ok(len) if len == raw_len => Ok(raw),
        _ => Err(Error::new(ErrorKind::Corruption, "does not unpack to the length it states")),
    }
}

/// A buffer of `len` bytes, or an error when there is no memory for it: files and callers choose `len`.
pub fn try_zeroed(len: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    try_reserve(&mut buffer, len)?;
    buffer.resize(len, 0);
    Ok(buffer)
}

/// Room for `more` bytes at the end of `buffer`, or an error when there is no memory for it.
pub fn try_reserve(buffer: &mut Vec<u8>, more: usize) -> Result<()> {
    let result = buffer.try_reserve(more);
    result.map_err(|_| Error::new(ErrorKind::NoSpace, format!("no memory for a buffer of {more} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::vec_iter::Rng;

    #[test]
    fn packing_round_trips_and_is_skipped_where_it_does_not_pay() {
        let mut packer = Packer::new(Compression::Lz4);
        let mut rng = Rng::new(11);
        let noise: Vec<u8> = (0..4096).map(|_| rng.next() as u8).collect();
        assert!(packer.pack(&noise).is_none());
        // An eighth of zeros saves 12.5 %, less than the bar; a quarter more than it.
        let part_zero = |zeros: usize| noise.iter().enumerate().map(|(i, &b)| if i < zeros { 0 } else { b }).collect();
        let eighth: Vec<u8> = part_zero(512);
        assert!(packer.pack(&eighth).is_none());
        for raw in [part_zero(1024), vec![7; 100_000], b"abcabcabcabcabcabcabcabc".to_vec()] {
            let (codec, packed) = packer.pack(&raw).expect("compressible");
            assert_eq!(codec, Codec::Lz4);
            assert!(packed.len() * 100 <= raw.len() * WORTH_PERCENT);
            assert!(raw.len() as u64 <= packed.len() as u64 * LZ4_MAX_RATIO);
            assert_eq!(unpack_lz4(packed, raw.len()).unwrap(), raw);
            assert!(unpack_lz4(packed, raw.len() - 1).is_err());
            assert!(unpack_lz4(packed, raw.len() + 1).is_err());
        }
        assert!(Packer::new(Compression::None).pack(&[0; 4096]).is_none());
    }

    #[test]
    fn garbage_unpacks_to_an_error_or_to_bytes_but_never_panics() {
        for seed in 0..20_000 {
            let mut rng = Rng::new(seed);
            let len = rng.below(64) as usize;
            let garbage: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
            let room = rng.below(300) as usize;
            if let Ok(raw) = unpack_lz4(&garbage, room) {
                assert_eq!(raw.len(), room);
            }
        }
    }

    #[test]
    fn an_impossible_allocation_is_an_error() {
        assert_eq!(try_zeroed(usize::MAX / 2).unwrap_err().kind(), ErrorKind::NoSpace);
    }
}
