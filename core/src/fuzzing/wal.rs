//! Targets `record` and `wal`: the framing that log and MANIFEST share, and the replay of a log of two segments.

use std::path::Path;

use crate::batch::WriteBatch;
use crate::env::filename::{FileKind, FileNumber};
use crate::error::{Error, ErrorKind, Result};
use crate::fuzzing::golden::{DIR, disk, empty_disk, files, must, sample_batch, write};
use crate::fuzzing::refit;
use crate::key::sequence::SeqNo;
use crate::record::{
    Decoded, HEADER_LEN, Place, RecordHeader, SLOT_SECTOR_LEN, Search, encode_record, encode_slot, file_identity,
    read_record,
};
use crate::wal::{HEADER_SECTOR_LEN, Link, ReplayInput, encode_segment_header, replay};

const UUID: u128 = 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff;
const SEGMENTS: [FileNumber; 2] = [FileNumber::new(7), FileNumber::new(9)];
/// Bytes of target `wal` before the records.
const SETUP_LEN: usize = 6;
/// Where a record's header has how many numbers it takes, and the first of them, which is seven bytes long.
const COUNT_OFFSET: usize = 12;
const NUMBER_OFFSET: usize = 17;

/// One record, refitted: what decodes encodes to the same bytes, and a search finds it.
pub fn check_record(data: &[u8]) -> bool {
    let identity = 99;
    let decoded_raw = |bytes: &[u8]| matches!(must(read_record(&mut &*bytes, identity, 0)), Decoded::Record(_));
    let raw = decoded_raw(data);
    let mut bytes = data.to_vec();
    refit::records(&mut bytes, identity, 0);
    let mut found = 0;
    let mut search = Search::new(identity, 0);
    while let Some(record) = must(search.next(&mut &bytes[..])) {
        assert!(record.offset < record.next_offset && record.next_offset <= bytes.len() as u64, "{record:?}");
        found += 1;
    }
    assert!(found <= bytes.len() / 32, "{found} records in {} bytes", bytes.len());
    let mut source = &bytes[..];
    let Decoded::Record(record) = must(read_record(&mut source, identity, 0)) else {
        assert!(!raw, "refitting broke a record");
        return false;
    };
    let mut again = Vec::new();
    must(encode_record(&mut again, Place { identity, offset: 0 }, &record.header, record.payload));
    assert_eq!(again, bytes[..record.next_offset as usize]);
    assert!(found > 0, "a search does not find a record that is there");
    true
}

/// Two records in a row.
pub fn record_seeds() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    for (number, payload) in [(5, &b"payload"[..]), (9, b"")] {
        let header = RecordHeader { record_type: 2, number, count: 3, synced: 4 };
        let place = Place { identity: 99, offset: bytes.len() as u64 };
        must(encode_record(&mut bytes, place, &header, payload));
    }
    vec![bytes]
}

/// How the numbers of a log's records follow each other. An engine that takes one for the other loses a write or has it twice.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Continued {
    /// As the bytes say.
    AsIs,
    /// Each record starts with the last number of the one before: the second of two is no part of this log.
    Overlapping,
    /// Each record starts with the number after the last.
    Directly,
    /// Directly, but the last record of a segment goes back to the number before its predecessor's last.
    BackAtTheEnd,
}

impl Continued {
    fn of(flags: u8) -> Continued {
        match flags >> 4 & 3 {
            0 => Continued::AsIs,
            1 => Continued::Overlapping,
            2 => Continued::Directly,
            _ => Continued::BackAtTheEnd,
        }
    }

    /// Numbers the records of a segment, the first of which is no batch but its link, after `last`.
    fn renumber(self, bytes: &mut [u8], last: &mut u64) {
        let mut at = refit::FIRST_RECORD;
        while let Some((number, count, end)) = self.header(bytes, at) {
            let is_link = at == refit::FIRST_RECORD;
            let next = match self {
                Continued::AsIs => return,
                _ if is_link => *last,
                Continued::Overlapping => (*last).max(1),
                Continued::BackAtTheEnd if self.header(bytes, end).is_none() => last.saturating_sub(1).max(1),
                Continued::Directly | Continued::BackAtTheEnd => *last + 1,
            };
            bytes[number..number + 7].copy_from_slice(&next.to_le_bytes()[..7]);
            *last = if is_link { next } else { next + u64::from(count.max(1)) - 1 };
            at = end;
        }
    }

    /// Where the number of the record at `at` stands, how many numbers it takes, and where the next one starts, if it is there.
    fn header(self, bytes: &[u8], at: usize) -> Option<(usize, u32, usize)> {
        let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let length = word(at)? as usize;
        let end =
            at.checked_add(length.next_multiple_of(8)).filter(|end| length >= HEADER_LEN && *end <= bytes.len())?;
        Some((at + NUMBER_OFFSET, word(at + COUNT_OFFSET)?, end))
    }
}

/// What replay gave its caller.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    batches: u64,
    last: u64,
}

/// `flags, slot, synced, flushed, split (2 bytes), records`: segments 7 and 9, whose records are what comes before and after
/// `split`. Flags: 1 the sums are left as they are, 2 undecodable batches are let pass, 4 and 8 the segments have a slot, 16 and 32
/// say how the numbers of records go on (`Continued`), which a change of single bytes hardly ever meets.
pub fn check(data: &[u8]) -> bool {
    let Some((setup, records)) = data.split_at_checked(SETUP_LEN) else { return false };
    let split = usize::from(u16::from_le_bytes([setup[4], setup[5]])).min(records.len());
    let disk = empty_disk();
    let fit = (setup[0] & 1 == 0).then(|| Continued::of(setup[0]));
    let mut last = u64::from(setup[3]);
    let mut beginnings = Vec::new();
    for (number, records, has_slot) in
        [(SEGMENTS[0], &records[..split], setup[0] & 4 != 0), (SEGMENTS[1], &records[split..], setup[0] & 8 != 0)]
    {
        let mut bytes = segment(number, records, has_slot.then_some(u64::from(setup[1])));
        if let Some(continued) = fit {
            continued.renumber(&mut bytes, &mut last);
            refit::records(&mut bytes, file_identity(UUID, number), refit::FIRST_RECORD);
        }
        let mut source = &bytes[..];
        let first = must(read_record(&mut source, file_identity(UUID, number), refit::FIRST_RECORD as u64));
        beginnings.extend(match first {
            Decoded::Record(record) => Link::decode(&record).map(|link| link.last_seqno.get()),
            Decoded::End | Decoded::Bad(_) => None,
        });
        write(&disk, FileKind::Wal(number), &bytes);
    }
    // A log goes on above the number that its first segment starts above, by that segment's own word.
    let beginning = beginnings.into_iter().min().unwrap_or_default();
    let number = |byte: u8| SeqNo::new(u64::from(byte)).unwrap_or_default();
    let input = ReplayInput {
        uuid: UUID,
        segments: &SEGMENTS,
        synced_through: number(setup[2]),
        flushed_through: number(setup[3]),
    };
    let run = || {
        let mut heard = Heard { batches: 0, last: beginning };
        let report = replay(&disk, Path::new(DIR), &input, &mut |batch| {
            assert!(batch.first_seqno.get() > heard.last, "numbers do not go on from {} to {batch:?}", heard.last);
            heard.last = batch.first_seqno.get() + u64::from(batch.count) - 1;
            heard.batches += 1;
            let decoded = WriteBatch::from_data(batch.payload);
            if setup[0] & 2 == 0 { matches_count(&decoded?, batch.count) } else { Ok(()) }
        });
        (heard, report.map_err(|error| (error.kind(), error.file().is_some(), error.to_string())))
    };
    let (heard, report) = run();
    assert_eq!((&heard, &report), (&run().0, &run().1), "two replays of one log differ");
    match report {
        Ok(report) => {
            assert_eq!(report.batches, heard.batches);
            assert!(heard.batches == 0 || report.last_seqno.get() == heard.last, "{report:?}, but {heard:?} was heard");
            assert!(report.highest_seqno >= report.last_seqno, "{report:?}");
            assert!(report.discarded_bytes <= records.len() as u64, "{report:?}");
            true
        }
        Err((kind, has_file, text)) => {
            assert!(kind == ErrorKind::Corruption && has_file, "{kind:?}: {text}");
            false
        }
    }
}

fn matches_count(batch: &WriteBatch, count: u32) -> Result<()> {
    if batch.count() == count { Ok(()) } else { Err(Error::new(ErrorKind::Corruption, "another number of entries")) }
}

/// A segment with these records, whose sums are left as they are.
fn segment(number: FileNumber, records: &[u8], slot: Option<u64>) -> Vec<u8> {
    let identity = file_identity(UUID, number);
    let mut bytes = encode_segment_header(UUID, number).to_vec();
    bytes.resize(HEADER_SECTOR_LEN + SLOT_SECTOR_LEN, 0);
    if let Some(synced) = slot {
        let place = Place { identity, offset: HEADER_SECTOR_LEN as u64 };
        let slot = encode_slot(place, synced);
        bytes[HEADER_SECTOR_LEN..HEADER_SECTOR_LEN + slot.len()].copy_from_slice(&slot);
    }
    bytes.extend_from_slice(records);
    bytes
}

/// A log that rolled from one segment to the next, and one as a database left it.
pub fn seeds() -> Vec<Vec<u8>> {
    let batch = sample_batch();
    let mut seed = vec![4 | 8, 3, 2, 0, 0, 0];
    let put = |seed: &mut Vec<u8>, header: RecordHeader, payload: &[u8]| {
        // The sums are put in by the target; the place is of no account.
        must(encode_record(seed, Place { identity: 0, offset: 0 }, &header, payload));
    };
    let of_batch = |number| RecordHeader { record_type: 2, number, count: batch.count(), synced: 2 };
    let first = RecordHeader { record_type: 1, number: 0, count: 0, synced: 0 };
    put(&mut seed, first, &[0; 16]);
    put(&mut seed, of_batch(1), batch.data());
    let end = (seed.len() - SETUP_LEN) as u64;
    seed[4..6].copy_from_slice(&(end as u16).to_le_bytes());
    let link = Link { predecessor: Some(SEGMENTS[0]), last_seqno: SeqNo::ZERO, end: refit::FIRST_RECORD as u64 + end };
    let last = u64::from(batch.count());
    let payload = [7u64.to_le_bytes(), link.end.to_le_bytes()].concat();
    put(&mut seed, RecordHeader { record_type: 1, number: last, count: 0, synced: 3 }, &payload);
    put(&mut seed, of_batch(last + 3), batch.data());
    let continued = [1, 2, 3].map(|how: u8| [&[seed[0] | how << 4], &seed[1..]].concat());
    let mut seeds = vec![seed];
    seeds.extend(continued);
    for (kind, bytes) in files(&disk()) {
        if let (FileKind::Wal(_), Some(records)) = (kind, bytes.get(refit::FIRST_RECORD..)) {
            // In front an empty segment that this one does not follow.
            seeds.push([&[0; SETUP_LEN][..], records].concat());
        }
    }
    seeds
}
