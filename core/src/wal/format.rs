//! What stands in a WAL segment, apart from the records' framing.
//!
//! ```text
//!    0  header sector   magic, format version, checksum, uuid, number: written once, synced before the segment is named
//!  512  slot sector     the synced slot
//! 1024  first record    the link to the predecessor; then batches; then zeros
//! ```
//! Pure functions over slices; any bytes in, a value or a reason out. The page is docs/format/wal.md.

use crate::env::filename::FileNumber;
use crate::error::ErrorKind;
use crate::key::sequence::SeqNo;
use crate::record::{Record, RecordHeader, SLOT_SECTOR_LEN};
use crate::util::checksum::crc32;
use crate::util::coding::{Reader, put_u64};

/// The version of what this file describes.
pub const SEGMENT_FORMAT_VERSION: u32 = 1;

/// Bytes of the header, a sector of its own.
pub const HEADER_SECTOR_LEN: usize = 512;
/// Where the synced slot stands.
pub const SLOT_OFFSET: u64 = HEADER_SECTOR_LEN as u64;
/// Where records begin. A segment that ends here was given up before anything was in it.
pub const FIRST_RECORD: u64 = SLOT_OFFSET + SLOT_SECTOR_LEN as u64;

/// Record type: the first record of a segment, which names its predecessor.
pub const TYPE_LINK: u8 = 1;
/// Record type: a write batch.
pub const TYPE_BATCH: u8 = 2;

/// The first eight bytes of every segment.
pub const SEGMENT_MAGIC: [u8; 8] = *b"ESKERWAL";

/// Where a log continues from: what the first record of a segment says about the segment before it.
///
/// Example: segment 7 ended at byte 40 016 with the batch that took numbers 498–500, so segment 9 begins with
/// `{predecessor: 7, last_seqno: 500, end: 40 016}`. Whatever stands in segment 7 from 40 016 on does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The segment before; `None` for the first of a log.
    pub predecessor: Option<FileNumber>,
    /// The last sequence number of the log before this segment; of the first segment the number to start above.
    pub last_seqno: SeqNo,
    /// The end of the predecessor's last record that counts; 0 without a predecessor.
    pub end: u64,
}

impl Link {
    /// The beginning of a log that continues nothing: its batches have numbers above `last_seqno`.
    pub fn first(last_seqno: SeqNo) -> Link {
        Link { predecessor: None, last_seqno, end: 0 }
    }

    /// Its record, apart from the framing. The last number is the record's own; no file has number 0, so 0 is "none".
    pub(super) fn encode(&self, synced: SeqNo) -> (RecordHeader, Vec<u8>) {
        let mut payload = Vec::with_capacity(16);
        put_u64(&mut payload, self.predecessor.map_or(0, FileNumber::get));
        put_u64(&mut payload, self.end);
        let number = self.last_seqno.get();
        (RecordHeader { record_type: TYPE_LINK, number, count: 0, synced: synced.get() }, payload)
    }

    /// The link that `record` is, if it is one.
    pub fn decode(record: &Record<'_>) -> Option<Link> {
        if record.header.record_type != TYPE_LINK || record.header.count != 0 {
            return None;
        }
        let mut reader = Reader::new(record.payload);
        let (predecessor, end) = (reader.u64()?, reader.u64()?);
        if !reader.is_empty() {
            return None;
        }
        let predecessor = (predecessor != 0).then(|| FileNumber::new(predecessor));
        Some(Link { predecessor, last_seqno: SeqNo::new(record.header.number)?, end })
    }
}

/// The header sector of segment `number` of the database `uuid`.
pub fn encode_segment_header(uuid: u128, number: FileNumber) -> [u8; HEADER_SECTOR_LEN] {
    let mut out = [0; HEADER_SECTOR_LEN];
    out[0..8].copy_from_slice(&SEGMENT_MAGIC);
    out[8..12].copy_from_slice(&SEGMENT_FORMAT_VERSION.to_le_bytes());
    out[16..32].copy_from_slice(&uuid.to_le_bytes());
    out[32..40].copy_from_slice(&number.get().to_le_bytes());
    let checksum = header_checksum(&out);
    out[12..16].copy_from_slice(&checksum.to_le_bytes());
    out
}

/// Whether `sector` is the header of segment `number` of the database `uuid`; if not, why.
pub fn check_segment_header(sector: &[u8], uuid: u128, number: FileNumber) -> Result<(), (ErrorKind, String)> {
    let (found_uuid, found_number) = read_segment_header(sector)?;
    if found_uuid != uuid {
        return Err((ErrorKind::Corruption, "WAL segment belongs to another database".to_owned()));
    }
    if found_number != number {
        let why = format!("this is WAL segment {} under another name", found_number.get());
        return Err((ErrorKind::Corruption, why));
    }
    Ok(())
}

/// The database and the number of the segment whose header `sector` is; if it is none, why.
///
/// The checksum stands at the same place in every version and is looked at before the version, so that a flipped bit there is
/// damage and not a message from the future.
pub fn read_segment_header(sector: &[u8]) -> Result<(u128, FileNumber), (ErrorKind, String)> {
    let damaged = |why: &str| (ErrorKind::Corruption, why.to_owned());
    let Some(sector) = sector.first_chunk::<HEADER_SECTOR_LEN>() else {
        return Err(damaged("WAL segment ends within its header"));
    };
    let mut reader = Reader::new(sector);
    let fields = (reader.bytes(8), reader.u32(), reader.u32(), reader.array(), reader.u64());
    let (Some(magic), Some(version), Some(checksum), Some(uuid), Some(number)) = fields else {
        return Err(damaged("WAL segment ends within its header"));
    };
    if magic != SEGMENT_MAGIC {
        return Err(damaged("this is not a WAL segment"));
    }
    if checksum != header_checksum(sector) {
        return Err(damaged("checksum of the WAL segment's header does not match"));
    }
    if version != SEGMENT_FORMAT_VERSION {
        let why = format!("WAL segment has format {version}, this version knows {SEGMENT_FORMAT_VERSION}");
        return Err((ErrorKind::Format, why));
    }
    Ok((u128::from_le_bytes(*uuid), FileNumber::new(number)))
}

fn header_checksum(sector: &[u8; HEADER_SECTOR_LEN]) -> u32 {
    crc32(&[&sector[0..12], &sector[16..]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Decoded, Place, encode_record, encode_slot, file_identity, read_record};
    use crate::util::doc_page::DocPage;

    const NUMBER: FileNumber = FileNumber::new(7);

    fn uuid() -> u128 {
        u128::from_le_bytes(std::array::from_fn(|i| i as u8))
    }

    #[test]
    fn every_bit_of_a_header_counts() {
        let good = encode_segment_header(uuid(), NUMBER);
        assert_eq!(check_segment_header(&good, uuid(), NUMBER), Ok(()));
        for bit in 0..good.len() * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            let (kind, _) = check_segment_header(&bad, uuid(), NUMBER).unwrap_err();
            assert_eq!(kind, ErrorKind::Corruption, "bit {bit}");
        }
        for len in 0..good.len() {
            assert!(check_segment_header(&good[..len], uuid(), NUMBER).is_err());
        }
    }

    #[test]
    fn another_segment_and_another_database_are_told() {
        let header = encode_segment_header(uuid(), NUMBER);
        let why = |uuid, number| check_segment_header(&header, uuid, FileNumber::new(number)).unwrap_err().1;
        assert!(why(uuid(), 8).contains("segment 7"));
        assert!(why(0, 7).contains("another database"));
    }

    #[test]
    fn a_newer_format_is_refused_as_such() {
        let mut newer = encode_segment_header(uuid(), NUMBER);
        newer[8] = 2;
        let checksum = header_checksum(&newer);
        newer[12..16].copy_from_slice(&checksum.to_le_bytes());
        let (kind, _) = check_segment_header(&newer, uuid(), NUMBER).unwrap_err();
        assert_eq!(kind, ErrorKind::Format);
    }

    fn record_of<'a>(header: &RecordHeader, payload: &'a [u8]) -> Record<'a> {
        Record { header: *header, payload, next_offset: 0 }
    }

    #[test]
    fn links_round_trip_and_nothing_else_is_one() {
        let seqno = SeqNo::new(500).unwrap();
        for link in [Link::first(seqno), Link { predecessor: Some(NUMBER), last_seqno: seqno, end: 40_016 }] {
            let (header, payload) = link.encode(SeqNo::ZERO);
            assert_eq!(Link::decode(&record_of(&header, &payload)), Some(link));
            assert_eq!(Link::decode(&record_of(&header, &payload[1..])), None);
            assert_eq!(Link::decode(&record_of(&header, &[&payload[..], b"x"].concat())), None);
            let batch = RecordHeader { record_type: TYPE_BATCH, ..header };
            assert_eq!(Link::decode(&record_of(&batch, &payload)), None);
            let counted = RecordHeader { count: 1, ..header };
            assert_eq!(Link::decode(&record_of(&counted, &payload)), None);
        }
    }

    #[test]
    fn the_page_says_what_the_code_does() {
        let page = DocPage::new(include_str!("../../../docs/format/wal.md"));
        let header = encode_segment_header(uuid(), NUMBER);
        page.check_fields(
            "header",
            &[
                ("magic", 0, 8),
                ("version", 8, 4),
                ("checksum", 12, 4),
                ("uuid", 16, 16),
                ("number", 32, 8),
                ("rest", 40, 472),
            ],
        );
        assert_eq!(page.hex("header"), header[..40]);
        assert!(header[40..].iter().all(|&b| b == 0));
        assert_eq!(page.field("header", "number", &header), 7);

        let at = |offset| Place { identity: file_identity(uuid(), NUMBER), offset };
        assert_eq!(page.hex("slot"), encode_slot(at(SLOT_OFFSET), 500));

        let link = Link { predecessor: Some(FileNumber::new(5)), last_seqno: SeqNo::new(488).unwrap(), end: 40_016 };
        let (record, payload) = link.encode(SeqNo::new(470).unwrap());
        page.check_fields("link", &[("predecessor", 0, 8), ("end", 8, 8)]);
        assert_eq!(page.field("link", "end", &payload), 40_016);
        let mut bytes = vec![0; FIRST_RECORD as usize];
        encode_record(&mut bytes, at(FIRST_RECORD), &record, &payload).unwrap();
        assert_eq!(page.hex("link"), bytes[FIRST_RECORD as usize..]);
        let mut source = &bytes[..];
        let decoded = read_record(&mut source, file_identity(uuid(), NUMBER), FIRST_RECORD).unwrap();
        assert!(matches!(decoded, Decoded::Record(r) if Link::decode(&r) == Some(link)));
    }
}
