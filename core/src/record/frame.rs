//! One record as it stands in a file: a fixed header, the payload, zeros up to the next multiple of 8.
//!
//! ```text
//!  0  u32  length     header and payload, without the padding: at least 32
//!  4  u32  check      of the other header bytes but `checksum`, and of the place
//!  8  u32  checksum   of every other byte of the record, padding included, and of the place
//! 12  u32  count
//! 16  u64  record type (low 8 bits), number << 8
//! 24  u64  synced
//! 32  payload, then zeros to a multiple of 8
//! ```
//! Both checks depend on the *place*, file identity and offset: a whole record that is found at another offset or in another
//! file is damage. `check` makes the header trustworthy by itself, so that a search for records behind damage can dismiss
//! nearly every position by looking at 32 bytes.
//!
//! Invariants: a record starts at a multiple of 8; no valid record starts with a zero word, so reserved space never looks
//! like one. Pure functions over slices: any bytes in, a value out, no panic.

use crate::env::filename::FileNumber;
use crate::error::{Error, Result};
use crate::util::checksum::placed;
use crate::util::coding::Reader;
use crate::util::hash::key_hash;

/// Bytes before the payload.
pub const HEADER_LEN: usize = 32;

/// Records start at multiples of this.
const ALIGNMENT: u64 = 8;

/// The largest `number`: it shares a word with the record type.
const MAX_NUMBER: u64 = (1 << 56) - 1;

const ZEROS: [u8; ALIGNMENT as usize] = [0; ALIGNMENT as usize];

/// Where a record stands: folded into its checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which file, by [`file_identity`].
    pub identity: u64,
    /// Where in it, a multiple of 8.
    pub offset: u64,
}

/// What a record says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// What the payload is; each file kind has its own list.
    pub record_type: u8,
    /// Its place in the log: a WAL batch's first sequence number, a MANIFEST edit's ordinal. At most 2^56 - 1.
    pub number: u64,
    /// How many numbers it takes, counted from `number`.
    pub count: u32,
    /// What was known to be synced when it was written: a sequence number in the WAL, an end offset in MANIFEST.
    pub synced: u64,
}

/// A record whose every byte was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it says about itself.
    pub header: RecordHeader,
    /// What it carries.
    pub payload: &'a [u8],
    /// Where the next record starts.
    pub next_offset: u64,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// Zeros where a header would be, or the end of the file: nothing was written here, or it was lost.
    End,
    /// Something else, and why it is no record.
    Bad(&'static str),
}

/// The fields that only the header check vouches for; enough to know how much to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peeked {
    /// A header that belongs here.
    Header { length: u32, checksum: u32, header: RecordHeader },
    /// As in [`Decoded`].
    End,
    /// As in [`Decoded`].
    Bad(&'static str),
}

/// The identity of file `number` of the database `uuid`. On disk, in every check.
pub fn file_identity(uuid: u128, number: FileNumber) -> u64 {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&uuid.to_le_bytes());
    bytes[16..].copy_from_slice(&number.get().to_le_bytes());
    key_hash(&bytes)
}

/// How many bytes a record with a payload of `payload_len` takes, padding included.
pub fn record_len(payload_len: usize) -> u64 {
    (HEADER_LEN as u64 + payload_len as u64).next_multiple_of(ALIGNMENT)
}

/// The zeros after a payload of `payload_len` bytes.
pub fn padding(payload_len: usize) -> &'static [u8] {
    &ZEROS[..payload_len.wrapping_neg() % ALIGNMENT as usize]
}

/// The header for `payload` at `place`; the record is these bytes, the payload, and its [`padding`].
pub fn encode_header(place: Place, header: &RecordHeader, payload: &[u8]) -> Result<[u8; HEADER_LEN]> {
    debug_assert_eq!(place.offset % ALIGNMENT, 0, "records start at multiples of 8");
    let length = u32::try_from(HEADER_LEN + payload.len())
        .map_err(|_| Error::invalid(format!("a record of {} bytes is too large", payload.len())))?;
    if header.number > MAX_NUMBER {
        return Err(Error::invalid(format!("record number {} needs more than 56 bits", header.number)));
    }
    let mut out = [0; HEADER_LEN];
    out[0..4].copy_from_slice(&length.to_le_bytes());
    out[12..16].copy_from_slice(&header.count.to_le_bytes());
    out[16..24].copy_from_slice(&(header.number << 8 | u64::from(header.record_type)).to_le_bytes());
    out[24..32].copy_from_slice(&header.synced.to_le_bytes());
    let check = placed(&[&out[0..4], &out[12..]], place.identity, place.offset);
    out[4..8].copy_from_slice(&check.to_le_bytes());
    let checksum = placed(&[&out[0..8], &out[12..], payload, padding(payload.len())], place.identity, place.offset);
    out[8..12].copy_from_slice(&checksum.to_le_bytes());
    Ok(out)
}

/// Appends a whole record, which must then be written at `place`.
pub fn encode_record(out: &mut Vec<u8>, place: Place, header: &RecordHeader, payload: &[u8]) -> Result<()> {
    let head = encode_header(place, header, payload)?;
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    out.extend_from_slice(padding(payload.len()));
    Ok(())
}

/// The record at `place`, where `bytes` is everything from there to the end of the file.
pub fn decode_record(bytes: &[u8], place: Place) -> Decoded<'_> {
    let (length, checksum, header) = match peek_header(bytes, place) {
        Peeked::Header { length, checksum, header } => (length as usize, checksum, header),
        Peeked::End => return Decoded::End,
        Peeked::Bad(why) => return Decoded::Bad(why),
    };
    let total = length.next_multiple_of(ALIGNMENT as usize);
    let Some(record) = bytes.get(..total) else {
        return Decoded::Bad("record runs past the end of the file");
    };
    if placed(&[&record[0..8], &record[12..]], place.identity, place.offset) != checksum {
        return Decoded::Bad("record checksum does not match");
    }
    let (payload, padding) = record[HEADER_LEN..].split_at(length - HEADER_LEN);
    if padding.iter().any(|&b| b != 0) {
        return Decoded::Bad("record padding is not zero");
    }
    let Some(next_offset) = place.offset.checked_add(total as u64) else {
        return Decoded::Bad("record runs past the end of any file");
    };
    Decoded::Record(Record { header, payload, next_offset })
}

/// What the header at the start of `bytes` says, if its own check holds at `place`.
pub(super) fn peek_header(bytes: &[u8], place: Place) -> Peeked {
    let Some(head) = bytes.first_chunk::<HEADER_LEN>() else {
        let blank = bytes.iter().all(|&b| b == 0);
        return if blank { Peeked::End } else { Peeked::Bad("record header runs past the end of the file") };
    };
    // The length is looked at first: in a search it dismisses most positions before any checksum is computed.
    if u32::from_le_bytes([head[0], head[1], head[2], head[3]]) < HEADER_LEN as u32 {
        return if *head == [0; HEADER_LEN] { Peeked::End } else { Peeked::Bad("record length is too small") };
    }
    match parse_header(head) {
        Some((length, check, checksum, header)) => {
            if placed(&[&head[0..4], &head[12..]], place.identity, place.offset) != check {
                return Peeked::Bad("record header check does not match");
            }
            Peeked::Header { length, checksum, header }
        }
        None => Peeked::Bad("record header is cut short"),
    }
}

fn parse_header(head: &[u8; HEADER_LEN]) -> Option<(u32, u32, u32, RecordHeader)> {
    let mut reader = Reader::new(head);
    let (length, check, checksum, count) = (reader.u32()?, reader.u32()?, reader.u32()?, reader.u32()?);
    let (tagged, synced) = (reader.u64()?, reader.u64()?);
    let header = RecordHeader { record_type: tagged as u8, number: tagged >> 8, count, synced };
    Some((length, check, checksum, header))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::doc_page::DocPage;

    const PLACE: Place = Place { identity: 0x1122_3344_5566_7788, offset: 1024 };
    const HEADER: RecordHeader = RecordHeader { record_type: 2, number: 500, count: 3, synced: 488 };

    #[test]
    fn forged_padding_and_an_end_beyond_any_file_are_no_record() {
        let mut bytes = encoded(b"hello");
        *bytes.last_mut().unwrap() = 1;
        let checksum = placed(&[&bytes[0..8], &bytes[12..]], PLACE.identity, PLACE.offset);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode_record(&bytes, PLACE), Decoded::Bad("record padding is not zero"));
        let last = Place { offset: u64::MAX - 7, ..PLACE };
        let mut bytes = Vec::new();
        encode_record(&mut bytes, last, &HEADER, b"").unwrap();
        assert_eq!(decode_record(&bytes, last), Decoded::Bad("record runs past the end of any file"));
    }

    #[test]
    fn a_number_beyond_56_bits_is_refused() {
        let encode = |number| encode_header(PLACE, &RecordHeader { number, ..HEADER }, b"");
        assert!(encode(MAX_NUMBER).is_ok());
        assert_eq!(encode(MAX_NUMBER + 1).unwrap_err().kind(), crate::error::ErrorKind::InvalidArgument);
    }

    fn encoded(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_record(&mut out, PLACE, &HEADER, payload).unwrap();
        out
    }

    #[test]
    fn records_round_trip_at_every_padding() {
        for len in 0..40 {
            let payload: Vec<u8> = (0..len as u8).map(|b| b ^ 0xa5).collect();
            let bytes = encoded(&payload);
            assert_eq!(bytes.len() as u64, record_len(len));
            assert_eq!(bytes.len() % 8, 0);
            let next_offset = PLACE.offset + bytes.len() as u64;
            let expected = Decoded::Record(Record { header: HEADER, payload: &payload, next_offset });
            assert_eq!(decode_record(&bytes, PLACE), expected);
        }
    }

    #[test]
    fn every_bit_counts() {
        let good = encoded(b"abcdefghi");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode_record(&bad, PLACE), Decoded::Bad(_)), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let good = encoded(b"abcdefghi");
        for len in 1..good.len() {
            assert!(matches!(decode_record(&good[..len], PLACE), Decoded::Bad(_)), "{len} bytes");
        }
        assert_eq!(decode_record(&[], PLACE), Decoded::End);
    }

    #[test]
    fn a_record_in_the_wrong_place_is_bad() {
        let bytes = encoded(b"abc");
        let elsewhere = Place { offset: PLACE.offset + 8, ..PLACE };
        assert!(matches!(decode_record(&bytes, elsewhere), Decoded::Bad(_)));
        let other_file = Place { identity: PLACE.identity + 1, ..PLACE };
        assert!(matches!(decode_record(&bytes, other_file), Decoded::Bad(_)));
    }

    #[test]
    fn blank_space_is_an_end() {
        for len in [0, 1, 8, 31, 32, 100] {
            assert_eq!(decode_record(&vec![0; len], PLACE), Decoded::End, "{len} zeros");
        }
        let mut nearly = vec![0; 64];
        nearly[31] = 1;
        assert!(matches!(decode_record(&nearly, PLACE), Decoded::Bad(_)));
    }

    #[test]
    fn a_length_near_the_integer_limits_does_not_overflow() {
        for length in [31u32, 32, 33, u32::MAX - 7, u32::MAX] {
            let mut bytes = encoded(b"abc");
            bytes[0..4].copy_from_slice(&length.to_le_bytes());
            let check = placed(&[&bytes[0..4], &bytes[12..32]], PLACE.identity, PLACE.offset);
            bytes[4..8].copy_from_slice(&check.to_le_bytes());
            assert!(matches!(decode_record(&bytes, PLACE), Decoded::Bad(_)), "{length}");
        }
    }

    #[test]
    fn numbers_above_56_bits_are_refused() {
        let header = RecordHeader { number: MAX_NUMBER + 1, ..HEADER };
        assert!(encode_record(&mut Vec::new(), PLACE, &header, b"").is_err());
        let header = RecordHeader { number: MAX_NUMBER, ..HEADER };
        let mut out = Vec::new();
        encode_record(&mut out, PLACE, &header, b"").unwrap();
        assert!(matches!(decode_record(&out, PLACE), Decoded::Record(r) if r.header.number == MAX_NUMBER));
    }

    #[test]
    fn identities_differ_by_database_and_number() {
        let id = |uuid, n| file_identity(uuid, FileNumber::new(n));
        assert_ne!(id(1, 7), id(1, 8));
        assert_ne!(id(1, 7), id(2, 7));
    }

    #[test]
    fn the_page_says_what_the_code_does() {
        let page = DocPage::new(include_str!("../../../docs/format/record.md"));
        let uuid = u128::from_le_bytes(std::array::from_fn(|i| i as u8));
        let place = Place { identity: file_identity(uuid, FileNumber::new(7)), offset: 1024 };
        let mut bytes = Vec::new();
        encode_record(&mut bytes, place, &HEADER, b"payload-11b").unwrap();
        assert_eq!(page.hex("record"), bytes);

        let fields = [
            ("length", 0, 4),
            ("check", 4, 4),
            ("checksum", 8, 4),
            ("count", 12, 4),
            ("type", 16, 1),
            ("number", 17, 7),
            ("synced", 24, 8),
            ("payload", HEADER_LEN, 0),
        ];
        page.check_fields("record", &fields);
        let field = |name: &str| page.field("record", name, &bytes);
        assert_eq!(field("length"), 43);
        assert_eq!(field("check"), u64::from(placed(&[&bytes[0..4], &bytes[12..32]], place.identity, 1024)));
        assert_eq!(field("checksum"), u64::from(placed(&[&bytes[0..8], &bytes[12..]], place.identity, 1024)));
        assert_eq!((field("count"), field("type")), (3, 2));
        assert_eq!((field("number"), field("synced")), (500, 488));
    }
}
