//! Reading records in place, and finding whole ones behind damage.
//!
//! The search looks at every multiple of 8. A position is dismissed by its header alone unless the header's own check holds
//! *there*; then the payload decides. A header that holds over a payload that does not is a record that really was written
//! here and lost some of its bytes: nothing else was ever written in its extent, so the search goes on behind it. Hence each
//! byte is read once, whatever a hostile file says about lengths. Example: records at 1024, 1080, 1136, and the sector of the
//! second is lost; a search from 1080 finds no header until 1136, and the record there whole.
//!
//! Thread rule: none; the state is the caller's.

use crate::error::Result;
use crate::record::frame::{Decoded, HEADER_LEN, Peeked, Place, Record, RecordHeader, decode_record, peek_header};
use crate::record::source::RecordSource;

const STEP: usize = 8;

/// A whole record that a search met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it starts.
    pub offset: u64,
    /// Where it ends, padding included.
    pub next_offset: u64,
    /// What it says about itself.
    pub header: RecordHeader,
}

/// What stands at `offset` of `source`, the file known as `identity`.
pub fn read_record<S: RecordSource>(source: &mut S, identity: u64, offset: u64) -> Result<Decoded<'_>> {
    let place = Place { identity, offset };
    let room = source.len().saturating_sub(offset);
    let want = match peek_header(source.window(offset, HEADER_LEN)?, place) {
        // A length beyond the end is not asked for: decoding says what is wrong with what there is.
        Peeked::Header { length, .. } if u64::from(length) <= room => (length as usize).next_multiple_of(STEP),
        _ => HEADER_LEN,
    };
    Ok(decode_record(source.window(offset, want)?, place))
}

/// A search for every whole record from some offset on.
#[derive(Clone, Debug)]
pub struct Search {
    identity: u64,
    offset: u64,
    used_end: u64,
}

impl Search {
    /// Starts at `from`, rounded up to where a record may start.
    pub fn new(identity: u64, from: u64) -> Search {
        // An offset near the largest number is behind every file; it must only not wrap.
        let offset = from.checked_next_multiple_of(STEP as u64).unwrap_or(from);
        Search { identity, offset, used_end: from }
    }

    /// The next whole record; `None` when the file ends.
    pub fn next<S: RecordSource>(&mut self, source: &mut S) -> Result<Option<Found>> {
        while self.find_candidate(source)? {
            let offset = self.offset;
            let (next_offset, found) = match read_record(source, self.identity, offset)? {
                Decoded::Record(Record { header, next_offset, .. }) => {
                    (next_offset, Some(Found { offset, next_offset, header }))
                }
                Decoded::End | Decoded::Bad(_) => (self.claimed_end(source)?, None),
            };
            self.offset = next_offset;
            self.used_end = next_offset;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The end of the last byte seen so far that is not zero, to a multiple of 8: how much there was besides blank space.
    pub fn used_end(&self) -> u64 {
        self.used_end
    }

    /// Moves on to the next position whose header holds; false at the end of the file.
    fn find_candidate<S: RecordSource>(&mut self, source: &mut S) -> Result<bool> {
        loop {
            let bytes = source.window(self.offset, HEADER_LEN)?;
            let mut at = 0;
            while bytes.len() - at >= HEADER_LEN {
                // Reserved space is the common case: a zero word starts no record.
                if bytes[at..at + STEP] != [0; STEP] {
                    let place = Place { identity: self.identity, offset: self.offset + at as u64 };
                    if let Peeked::Header { .. } = peek_header(&bytes[at..], place) {
                        self.offset += at as u64;
                        return Ok(true);
                    }
                    self.used_end = place.offset + STEP as u64;
                }
                at += STEP;
            }
            self.offset += at as u64;
            if at == 0 {
                if let Some(last) = bytes.iter().rposition(|&b| b != 0) {
                    self.used_end = self.offset + last as u64 + 1;
                }
                return Ok(false);
            }
        }
    }

    /// The end of the record whose header holds at the present offset, if the file has that much room; else the next step.
    fn claimed_end<S: RecordSource>(&self, source: &mut S) -> Result<u64> {
        let len = source.len();
        let place = Place { identity: self.identity, offset: self.offset };
        let claimed = match peek_header(source.window(self.offset, HEADER_LEN)?, place) {
            Peeked::Header { length, .. } => self.offset + u64::from(length).next_multiple_of(STEP as u64),
            Peeked::End | Peeked::Bad(_) => self.offset + STEP as u64,
        };
        Ok(if claimed <= len { claimed } else { self.offset + STEP as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::frame::encode_record;
    use crate::util::checksum::placed;

    const IDENTITY: u64 = 42;

    /// A file of records numbered 1, 2, 3 … with these payload lengths, and where each starts.
    fn file_of(lens: &[usize]) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for (i, &len) in lens.iter().enumerate() {
            let place = Place { identity: IDENTITY, offset: bytes.len() as u64 };
            let header = RecordHeader { record_type: 1, number: i as u64 + 1, count: 1, synced: 0 };
            starts.push(place.offset);
            encode_record(&mut bytes, place, &header, &vec![0xee; len]).unwrap();
        }
        (bytes, starts)
    }

    fn numbers_from(bytes: &[u8], from: u64) -> Vec<u64> {
        let (mut search, mut source) = (Search::new(IDENTITY, from), bytes);
        let mut numbers = Vec::new();
        while let Some(found) = search.next(&mut source).unwrap() {
            numbers.push(found.header.number);
        }
        numbers
    }

    #[test]
    fn it_finds_every_record_behind_the_start() {
        let (bytes, starts) = file_of(&[5, 0, 100, 1000, 3]);
        assert_eq!(numbers_from(&bytes, 0), [1, 2, 3, 4, 5]);
        assert_eq!(numbers_from(&bytes, starts[1]), [2, 3, 4, 5]);
        assert_eq!(numbers_from(&bytes, starts[1] + 1), [3, 4, 5]);
        assert!(numbers_from(&bytes, bytes.len() as u64).is_empty());
        assert!(numbers_from(&bytes, u64::MAX - 8).is_empty());
    }

    #[test]
    fn it_finds_records_behind_any_damage() {
        let (bytes, starts) = file_of(&[5, 100, 3, 7]);
        for hurt in starts[1]..starts[2] {
            for damage in [1u8, 0x80, 0xff] {
                let mut bad = bytes.clone();
                bad[hurt as usize] ^= damage;
                assert_eq!(numbers_from(&bad, starts[1]), [3, 4], "byte {hurt} ^ {damage:#x}");
            }
        }
        let mut hole = bytes.clone();
        hole[starts[1] as usize..starts[2] as usize].fill(0);
        assert_eq!(numbers_from(&hole, starts[1]), [3, 4]);
    }

    #[test]
    fn it_knows_where_blank_space_begins() {
        let (mut bytes, _) = file_of(&[5]);
        let end = bytes.len() as u64;
        bytes.resize(4096, 0);
        let mut search = Search::new(IDENTITY, 0);
        while search.next(&mut &bytes[..]).unwrap().is_some() {}
        assert_eq!(search.used_end(), end);

        bytes[1000] = 1;
        let mut search = Search::new(IDENTITY, end);
        assert_eq!(search.next(&mut &bytes[..]).unwrap(), None);
        assert_eq!(search.used_end(), 1008);

        let blank = [0u8; 100];
        let mut search = Search::new(IDENTITY, 0);
        assert_eq!(search.next(&mut &blank[..]).unwrap(), None);
        assert_eq!(search.used_end(), 0);
    }

    #[test]
    fn hostile_lengths_do_not_make_it_quadratic() {
        // Every 32 bytes a header that holds and claims the whole rest: 32 768 of them over a mebibyte. Read again and again
        // that would be 16 GiB of checksums; each extent is skipped instead, so this ends at once.
        let len = 1usize << 20;
        let mut bytes = vec![0x55u8; len];
        for offset in (0..len).step_by(HEADER_LEN) {
            let head = &mut bytes[offset..offset + HEADER_LEN];
            head[0..4].copy_from_slice(&((len - offset) as u32).to_le_bytes());
            let check = placed(&[&head[0..4], &head[12..]], IDENTITY, offset as u64);
            head[4..8].copy_from_slice(&check.to_le_bytes());
            let place = Place { identity: IDENTITY, offset: offset as u64 };
            assert!(matches!(peek_header(head, place), Peeked::Header { .. }));
        }
        assert!(numbers_from(&bytes, 0).is_empty());
    }

    #[test]
    fn random_bytes_hold_no_record() {
        let mut state = 7u64;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(1 << 16)
        .collect();
        assert!(numbers_from(&bytes, 0).is_empty());
        for offset in (0..bytes.len() as u64).step_by(8) {
            assert!(matches!(read_record(&mut &bytes[..], IDENTITY, offset).unwrap(), Decoded::Bad(_)));
        }
    }
}
