//! Puts the right checksums into bytes that claim to be a file: what the bytes say stays, only the sums follow it.
//!
//! Nothing here trusts a length; what does not fit is left as it is. Pure functions.

use crate::env::filename::{FileKind, FileNumber};
use crate::record::{HEADER_LEN, Place, SLOT_LEN, file_identity};
use crate::table::block::Block;
use crate::table::format::{BlockHandle, FOOTER_LEN, TRAILER_LEN, next_chain};
use crate::util::checksum::{crc32, placed};
use crate::util::coding::Reader;
use crate::util::sync::Arc;
use crate::version::manifest_file;

/// Where WAL segments and MANIFESTs have their slot, and their records.
const SLOT_OFFSET: usize = 512;
pub const FIRST_RECORD: usize = 1024;

/// The four bytes at `at`, if they are there.
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Reader::new(bytes.get(at..)?).u32()
}

/// Writes `word` at `at`, if there is room.
fn put_at(bytes: &mut [u8], at: usize, word: u32) {
    if let Some(room) = bytes.get_mut(at..at + 4) {
        room.copy_from_slice(&word.to_le_bytes());
    }
}

/// Refits the record that starts at `at` of a file whose byte 0 is that of `bytes`; where the next one starts, if it is whole.
pub fn record(bytes: &mut [u8], identity: u64, at: usize) -> Option<usize> {
    let place = Place { identity, offset: at as u64 };
    let length = u32_at(bytes, at)? as usize;
    let end = at.checked_add(length.next_multiple_of(8))?;
    let record = bytes.get_mut(at..)?;
    if length < HEADER_LEN || record.len() < HEADER_LEN {
        return None;
    }
    let check = placed(&[&record[0..4], &record[12..HEADER_LEN]], place.identity, place.offset);
    put_at(record, 4, check);
    if end > bytes.len() {
        return None;
    }
    let record = &mut bytes[at..end];
    record[length..].fill(0);
    let sum = placed(&[&record[0..8], &record[12..]], place.identity, place.offset);
    put_at(record, 8, sum);
    Some(end)
}

/// Refits records from `at` on, as long as one follows the other.
pub fn records(bytes: &mut [u8], identity: u64, at: usize) {
    let mut at = at;
    while let Some(next) = record(bytes, identity, at) {
        at = next;
    }
}

fn slot(bytes: &mut [u8], identity: u64) {
    if let Some(slot) = bytes.get_mut(SLOT_OFFSET..SLOT_OFFSET + SLOT_LEN) {
        // An empty slot stays one: it vouches for nothing.
        if slot.iter().any(|byte| *byte != 0) {
            let sum = placed(&[b"slot", &slot[..8]], identity, SLOT_OFFSET as u64);
            put_at(slot, 8, sum);
        }
    }
}

/// A WAL segment: header sector, slot, records.
pub fn segment(bytes: &mut [u8], uuid: u128, number: FileNumber) {
    if let Some(sector) = bytes.get(..SLOT_OFFSET) {
        let sum = crc32(&[&sector[0..12], &sector[16..]]);
        put_at(bytes, 12, sum);
    }
    let identity = file_identity(uuid, number);
    slot(bytes, identity);
    records(bytes, identity, FIRST_RECORD);
}

/// A MANIFEST: header, slot, records.
pub fn manifest(bytes: &mut [u8], uuid: u128, number: FileNumber) {
    if let Some(head) = bytes.get(..manifest_file::HEADER_LEN - 4) {
        let sum = crc32(&[head]);
        put_at(bytes, manifest_file::HEADER_LEN - 4, sum);
    }
    let identity = file_identity(uuid, number);
    slot(bytes, identity);
    records(bytes, identity, FIRST_RECORD);
}

/// The last bytes of a table, which start at `offset` of it.
pub fn footer(tail: &mut [u8], offset: u64) {
    let Some(table_id) = Reader::new(tail).u64().filter(|_| tail.len() >= FOOTER_LEN) else { return };
    let sum = placed(&[&tail[..68]], table_id, offset);
    put_at(tail, 68, sum);
    let version = crc32(&[&tail[72..76], &tail[80..88]]);
    put_at(tail, 76, version);
}

/// The trailer of the block at `handle` of a table's `bytes`; the trailer.
fn trailer(bytes: &mut [u8], handle: BlockHandle, table_id: u64) -> Option<[u8; TRAILER_LEN]> {
    let start = usize::try_from(handle.offset).ok()?;
    let framed = bytes.get_mut(start..usize::try_from(handle.end()?).ok()?)?;
    let (payload, trailer) = framed.split_at_mut(handle.len as usize);
    let sum = placed(&[&trailer[..9], payload], table_id, handle.offset);
    put_at(trailer, 9, sum);
    trailer.first_chunk().copied()
}

/// A table: every block that its footer and its index name, the chain through them, and the footer.
pub fn table(bytes: &mut [u8]) {
    let Some(at) = bytes.len().checked_sub(FOOTER_LEN) else { return };
    let mut reader = Reader::new(&bytes[at..]);
    let Some(table_id) = reader.u64() else { return };
    let named: Vec<BlockHandle> = (0..4).filter_map(|_| BlockHandle::decode(&mut reader)).collect();
    let index = named.last().and_then(|handle| {
        let start = usize::try_from(handle.offset).ok()?;
        let contents = bytes.get(start..start.checked_add(handle.len as usize)?)?;
        Block::parse(Arc::new(contents.to_vec())).ok()
    });
    let data: Vec<BlockHandle> = index.map_or(Vec::new(), |index| {
        (0..index.len()).filter_map(|i| BlockHandle::decode(&mut Reader::new(index.value(i)))).collect()
    });
    let mut chain = 0;
    for handle in data.into_iter().chain(named) {
        if let Some(trailer) = trailer(bytes, handle, table_id) {
            chain = next_chain(chain, &trailer);
        }
    }
    put_at(bytes, at + 64, chain);
    footer(&mut bytes[at..], at as u64);
}

/// A file of the database `uuid`, as its name says what it is.
pub fn file(kind: FileKind, bytes: &mut Vec<u8>, uuid: u128) {
    match kind {
        FileKind::Table(_) => table(bytes),
        FileKind::Wal(number) => segment(bytes, uuid, number),
        FileKind::Manifest(number) => manifest(bytes, uuid, number),
        FileKind::Identity => {
            // The text up to its last line, and the sum of that.
            if let Some(end) = bytes.windows(7).position(|window| window == b"\ncheck ") {
                bytes.truncate(end + 1);
                let sum = crc32(&[bytes]);
                bytes.extend_from_slice(format!("check {sum:08x}\n").as_bytes());
            }
        }
        _ => {}
    }
}
