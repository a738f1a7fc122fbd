//! The frame of a table file: block handles, block trailers and the footer. Pure codecs: slices in, values out.
//!
//! ```text
//! data block*  filter  range tombstones  properties  index  footer
//! each block = payload | trailer (13 bytes)             footer = 88 bytes
//! ```
//! Invariants, checked again by every reader: blocks lie end to end from byte 0 to the footer, so each byte of the file
//! belongs to exactly one checksummed thing; a block's check is tied to the table's id and the block's offset, so a valid
//! block in the wrong place, or of another table, is damage; nothing is allocated for a length before that length was
//! held against the size of the file. Thread rule: none, there is no state.

use crate::error::{Error, ErrorKind, Result};
use crate::table::compression::{self, Codec};
use crate::util::checksum;
use crate::util::coding::{Reader, put_u32, put_u64};
use crate::util::planted::planted;

/// The last eight bytes of every table, of any version.
pub const MAGIC: [u8; 8] = *b"EskerSST";
/// The version this code writes, and the newest it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes after each block's payload: codec, stored length, raw length, check.
pub const TRAILER_LEN: usize = 13;
/// Bytes of the footer of version 1.
pub const FOOTER_LEN: usize = 88;
/// Bytes at the very end whose meaning no version may change: format version, its check, magic.
pub const TAIL_LEN: usize = 16;
/// The footer's bytes that its check covers: all before the check.
const CHECKED_LEN: usize = 68;
/// What a compressed block may unpack to: one entry of the largest key and value, alone in its block, and its frame.
pub const MAX_UNPACKED_LEN: u64 = (1 << 30) + (1 << 23) + (1 << 16);

/// Where a block's payload is. Its trailer follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BlockHandle {
    /// Of the payload's first byte.
    pub offset: u64,
    /// Of the payload, without the trailer.
    pub len: u32,
}

impl BlockHandle {
    /// Bytes of an encoded handle.
    pub const ENCODED_LEN: usize = 12;

    /// Appends the handle.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.offset);
        put_u32(out, self.len);
    }

    /// Reads a handle.
    pub fn decode(reader: &mut Reader<'_>) -> Option<BlockHandle> {
        Some(BlockHandle { offset: reader.u64()?, len: reader.u32()? })
    }

    /// Payload and trailer together.
    pub fn framed_len(&self) -> usize {
        self.len as usize + TRAILER_LEN
    }

    /// Where the next block starts; `None` if that is beyond any file.
    pub fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.framed_len() as u64)
    }
}

/// The trailer of a block whose payload is `payload` (as stored) and whose unpacked length is `raw_len`.
pub fn block_trailer(codec: Codec, payload: &[u8], raw_len: u32, table_id: u64, offset: u64) -> [u8; TRAILER_LEN] {
    let mut trailer = [0; TRAILER_LEN];
    trailer[0] = codec as u8;
    trailer[1..5].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    trailer[5..9].copy_from_slice(&raw_len.to_le_bytes());
    let check = checksum::placed(&[&trailer[..9], payload], table_id, offset);
    trailer[9..].copy_from_slice(&check.to_le_bytes());
    trailer
}

/// The footer's chain after a block with this trailer: the CRC-32 of the chain before it and the block's check. It starts at
/// zero and goes through all blocks in file order.
pub fn next_chain(chain: u32, trailer: &[u8; TRAILER_LEN]) -> u32 {
    checksum::crc32(&[&chain.to_le_bytes(), &trailer[TRAILER_LEN - 4..]])
}

/// The contents of the block at `handle`, given its payload and trailer as they were read. The error lacks only the file.
pub fn open_block(mut framed: Vec<u8>, handle: BlockHandle, table_id: u64) -> Result<Vec<u8>> {
    let damaged = |why: &str| Error::new(ErrorKind::Corruption, format!("block {why}")).with_offset(handle.offset);
    let len = handle.len as usize;
    if framed.len() != handle.framed_len() {
        return Err(damaged("is cut short"));
    }
    let (payload, trailer) = framed.split_at(len);
    let mut reader = Reader::new(trailer);
    let (Some(codec), Some(stored_len), Some(raw_len), Some(check)) =
        (reader.u8(), reader.u32(), reader.u32(), reader.u32())
    else {
        return Err(damaged("is cut short"));
    };
    let matches = checksum::placed(&[&trailer[..9], payload], table_id, handle.offset) == check;
    if !matches && !planted("ignore-checksum") {
        return Err(damaged("checksum does not match"));
    }
    // From here on the bytes are what some writer meant, which is not to say that the writer was sane.
    if stored_len != handle.len {
        return Err(damaged("has another length than its handle"));
    }
    match Codec::from_u8(codec) {
        Some(Codec::None) if raw_len == stored_len => {
            framed.truncate(len);
            Ok(framed)
        }
        Some(Codec::Lz4) => {
            let justified = u64::from(stored_len) * compression::LZ4_MAX_RATIO;
            if u64::from(raw_len) > justified.min(MAX_UNPACKED_LEN) {
                return Err(damaged("claims to unpack to more than it can"));
            }
            let raw = compression::unpack_lz4(payload, raw_len as usize);
            raw.map_err(|error| error.context("block").with_offset(handle.offset))
        }
        Some(Codec::None) => Err(damaged("has two lengths")),
        None => Err(damaged("has an unknown codec")),
    }
}

/// The end of a table: where everything else is, and what the table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// The random number that every block's check is mixed with.
    pub table_id: u64,
    /// The Bloom filter.
    pub filter: BlockHandle,
    /// The range tombstones.
    pub tombstones: BlockHandle,
    /// The properties.
    pub properties: BlockHandle,
    /// The index of data blocks.
    pub index: BlockHandle,
    /// Over the checks of all blocks, see [`next_chain`]: ties the footer to every byte before it.
    pub chain: u32,
    /// The footer's own check; the MANIFEST keeps a copy.
    pub check: u32,
}

impl Footer {
    /// The footer's bytes; fills in [`Footer::check`].
    pub fn encode(&mut self, offset: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(FOOTER_LEN);
        put_u64(&mut out, self.table_id);
        for handle in [self.filter, self.tombstones, self.properties, self.index] {
            handle.encode(&mut out);
        }
        // Reserved for encryption: suite (2 bytes), length of a block's tag (2 bytes), key epoch (4 bytes).
        put_u64(&mut out, 0);
        put_u32(&mut out, self.chain);
        self.check = checksum::placed(&[&out], self.table_id, offset);
        put_u32(&mut out, self.check);
        put_u32(&mut out, FORMAT_VERSION);
        put_u32(&mut out, version_check(FORMAT_VERSION));
        out.extend_from_slice(&MAGIC);
        out
    }

    /// Reads the footer of a table of `file_size` bytes from `tail`, the last [`FOOTER_LEN`] bytes of the file (all of them
    /// if it is shorter). The error lacks only the file.
    pub fn decode(tail: &[u8], file_size: u64) -> Result<Footer> {
        let offset = file_size.saturating_sub(FOOTER_LEN as u64);
        let damaged = |why: &str| Error::new(ErrorKind::Corruption, why.to_owned()).with_offset(offset);
        check_tail(tail).map_err(|error| error.with_offset(offset))?;
        if tail.len() != FOOTER_LEN || file_size < FOOTER_LEN as u64 {
            return Err(damaged("file is too short for a table"));
        }
        let mut reader = Reader::new(tail);
        let (footer, reserved) = read_fields(&mut reader).ok_or_else(|| damaged("file is too short for a table"))?;
        if checksum::placed(&[&tail[..CHECKED_LEN]], footer.table_id, offset) != footer.check {
            return Err(damaged("footer checksum does not match"));
        }
        if reserved != 0 {
            let message = "table is encrypted, which this version cannot read";
            return Err(Error::new(ErrorKind::Format, message).with_offset(offset));
        }
        let blocks = [footer.filter, footer.tombstones, footer.properties, footer.index];
        let mut at = footer.filter.offset;
        for handle in blocks {
            if handle.offset != at {
                return Err(damaged("footer names blocks that do not lie end to end"));
            }
            at = handle.end().ok_or_else(|| damaged("footer names a block beyond the end of the file"))?;
        }
        if at != offset {
            return Err(damaged("footer names blocks that do not end where it starts"));
        }
        Ok(footer)
    }
}

/// The fields of the footer, and the reserved eight bytes.
fn read_fields(reader: &mut Reader<'_>) -> Option<(Footer, u64)> {
    let table_id = reader.u64()?;
    let filter = BlockHandle::decode(reader)?;
    let tombstones = BlockHandle::decode(reader)?;
    let properties = BlockHandle::decode(reader)?;
    let index = BlockHandle::decode(reader)?;
    let reserved = reader.u64()?;
    let (chain, check) = (reader.u32()?, reader.u32()?);
    Some((Footer { table_id, filter, tombstones, properties, index, chain, check }, reserved))
}

/// Checks the part of a footer that is the same in every version.
fn check_tail(tail: &[u8]) -> Result<()> {
    let corrupt = |why: &str| Error::new(ErrorKind::Corruption, why.to_owned());
    let Some((_, last)) = tail.split_last_chunk::<TAIL_LEN>() else {
        return Err(corrupt("file is too short for a table"));
    };
    let mut reader = Reader::new(last);
    let (Some(version), Some(check)) = (reader.u32(), reader.u32()) else {
        return Err(corrupt("file is too short for a table"));
    };
    if reader.rest() != MAGIC {
        return Err(corrupt("file does not end as a table does"));
    }
    // A check of its own, so that a flipped bit in the number is damage and not "written by a newer version".
    if version_check(version) != check || version == 0 {
        return Err(corrupt("footer has a damaged format version"));
    }
    if version > FORMAT_VERSION {
        let message = format!("table format {version} is newer than {FORMAT_VERSION}, the newest this version reads");
        return Err(Error::new(ErrorKind::Format, message));
    }
    Ok(())
}

/// The check beside the format version.
fn version_check(version: u32) -> u32 {
    checksum::crc32(&[&version.to_le_bytes(), &MAGIC])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footer() -> Footer {
        Footer {
            table_id: 0x0123_4567_89ab_cdef,
            filter: BlockHandle { offset: 100, len: 7 },
            tombstones: BlockHandle { offset: 120, len: 4 },
            properties: BlockHandle { offset: 137, len: 200 },
            index: BlockHandle { offset: 350, len: 37 },
            chain: 0xfeed_beef,
            check: 0,
        }
    }

    #[test]
    fn footers_round_trip_and_every_flipped_bit_is_noticed() {
        let mut written = footer();
        let bytes = written.encode(400);
        assert_eq!(bytes.len(), FOOTER_LEN);
        assert_eq!(Footer::decode(&bytes, 488).unwrap(), written);
        assert_eq!(Footer::decode(&bytes, 489).unwrap_err().kind(), ErrorKind::Corruption, "moved by a byte");
        for bit in 0..FOOTER_LEN * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Footer::decode(&bytes, 488).unwrap_err().kind(), ErrorKind::Corruption, "bit {bit}");
        }
        for len in 0..FOOTER_LEN {
            assert_eq!(
                Footer::decode(&bytes[FOOTER_LEN - len..], len as u64).unwrap_err().kind(),
                ErrorKind::Corruption
            );
        }
    }

    #[test]
    fn a_newer_format_is_refused_by_name() {
        let mut bytes = footer().encode(400);
        bytes[72..76].copy_from_slice(&2u32.to_le_bytes());
        bytes[76..80].copy_from_slice(&version_check(2).to_le_bytes());
        assert_eq!(Footer::decode(&bytes, 488).unwrap_err().kind(), ErrorKind::Format);
    }

    #[test]
    fn an_encrypted_table_is_refused_by_name() {
        let mut bytes = footer().encode(400);
        bytes[56] = 1;
        let check = checksum::placed(&[&bytes[..CHECKED_LEN]], footer().table_id, 400);
        bytes[CHECKED_LEN..CHECKED_LEN + 4].copy_from_slice(&check.to_le_bytes());
        assert_eq!(Footer::decode(&bytes, 488).unwrap_err().kind(), ErrorKind::Format);
    }

    #[test]
    fn blocks_must_lie_end_to_end() {
        for change in [
            |f: &mut Footer| f.index.len += 1,
            |f: &mut Footer| f.properties.offset += 1,
            |f: &mut Footer| f.filter.offset = u64::MAX - 3,
            |f: &mut Footer| f.tombstones.len = u32::MAX,
        ] {
            let mut footer = footer();
            change(&mut footer);
            let bytes = footer.encode(400);
            assert_eq!(Footer::decode(&bytes, 488).unwrap_err().kind(), ErrorKind::Corruption);
        }
    }

    #[test]
    fn blocks_open_only_where_they_were_written() {
        let payload = b"payload".to_vec();
        let handle = BlockHandle { offset: 64, len: 7 };
        let mut framed = payload.clone();
        framed.extend(block_trailer(Codec::None, &payload, 7, 9, 64));
        assert_eq!(open_block(framed.clone(), handle, 9).unwrap(), payload);
        let elsewhere = BlockHandle { offset: 65, len: 7 };
        assert_eq!(open_block(framed.clone(), elsewhere, 9).unwrap_err().kind(), ErrorKind::Corruption);
        assert_eq!(open_block(framed.clone(), handle, 8).unwrap_err().kind(), ErrorKind::Corruption);
        for bit in 0..framed.len() * 8 {
            let mut framed = framed.clone();
            framed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open_block(framed, handle, 9).unwrap_err().kind(), ErrorKind::Corruption, "bit {bit}");
        }
    }

    #[test]
    fn a_block_cannot_claim_to_unpack_to_more_than_it_can() {
        let payload = [0x10u8, b'x'];
        let handle = BlockHandle { offset: 0, len: 2 };
        for raw_len in [511, u32::MAX] {
            let mut framed = payload.to_vec();
            framed.extend(block_trailer(Codec::Lz4, &payload, raw_len, 9, 0));
            let error = open_block(framed, handle, 9).unwrap_err();
            assert!(error.message().contains("more than it can"), "{error}");
        }
    }
}
