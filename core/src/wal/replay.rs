//! Reading the log back after a crash, and telling a torn tail from damage. Changes nothing on disk.
//!
//! ```text
//! open      every segment that MANIFEST names must be there with a header that holds; slots and links are read
//! chain     start at the newest segment whose predecessor is gone; a link that names what was never there is damage
//! replay    records in order, through the point that the successor's link names, then on into the successor;
//!           stop at the first record that is not whole or whose number is not above the one before
//! judge     let r be the last number replayed. If something durable vouches for a synced number above r, that record was
//!           lost: Corruption. Otherwise the rest was never synced: it is counted and ignored.
//! ```
//! What vouches: a slot, the `synced` field of any whole record, `synced_through` in MANIFEST. What does not: that a later
//! segment exists, what its link says, where a segment was closed. Example: 1–9 replayed, the record of 10 is torn, a whole
//! record of 11 stands behind it and says "9 was synced": 10 and 11 are an unsynced tail. If it says "10 was synced", record
//! 10 was on the medium and is not any more: damage.
//!
//! Numbers that every family has in its tables need no log: the caller gives the last of them as `flushed_through`, and
//! nothing below it is missed. (A log that was just rolled may be empty while MANIFEST still says how far its removed
//! predecessors were synced.)
//!
//! Thread rule: one call, one thread; the caller keeps writers away.

use std::path::{Path, PathBuf};

use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode, is_not_found};
use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::record::{
    Decoded, FileSource, Place, Record, RecordHeader, RecordSource, Search, decode_slot, file_identity, read_record,
};
use crate::util::planted::planted;
use crate::wal::format::{FIRST_RECORD, HEADER_SECTOR_LEN, Link, SLOT_OFFSET, TYPE_BATCH, check_segment_header};

/// No segment is longer: the nominal size is at most 1 GiB, and a batch of its own at most 2 GiB. A longer file is not worth
/// reading through, however many holes it has.
pub const MAX_SEGMENT_LEN: u64 = 4 << 30;

/// What MANIFEST knows about the log.
#[derive(Clone, Copy, Debug)]
pub struct ReplayInput<'a> {
    /// The database.
    pub uuid: u128,
    /// The segments that are named, in the order in which they were named.
    pub segments: &'a [FileNumber],
    /// How far the log is on record as synced.
    pub synced_through: SeqNo,
    /// The last number through which every family has everything in tables: the smallest of their flushed numbers.
    pub flushed_through: SeqNo,
}

/// A batch of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedBatch<'a> {
    /// The number of its first entry.
    pub first_seqno: SeqNo,
    /// How many numbers it takes.
    pub count: u32,
    /// The encoded batch, as it was appended; whole, but not decoded yet.
    pub payload: &'a [u8],
}

/// What a replay did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// The last number replayed; of an empty log the number that its first segment starts above.
    pub last_seqno: SeqNo,
    /// The highest number met anywhere, discarded records and hearsay included: new numbers start well above it.
    pub highest_seqno: SeqNo,
    /// Batches replayed.
    pub batches: u64,
    /// Where the log ends: what a new segment's link must say if the old segments stay named. `None` without segments.
    pub end: Option<Link>,
    /// Bytes of the unsynced tail that were ignored, zeros behind the last of them not counted.
    pub discarded_bytes: u64,
    /// Whole records among them.
    pub discarded_records: u64,
}

/// Gives every batch of the log to `apply`, oldest first. An error of `apply` ends it, with file and offset added.
///
/// Before anything is discarded the log is read a second time. Example: batch 9 was synced, and nothing yet vouches for it; one
/// bit of it flips on its way from the disk, and it looks like a torn tail. The second look finds it whole, and the open fails,
/// to be tried again, instead of losing the batch.
pub fn replay(
    fs: &dyn FileSystem,
    dir: &Path,
    input: &ReplayInput<'_>,
    apply: &mut dyn FnMut(LoggedBatch<'_>) -> Result<()>,
) -> Result<ReplayReport> {
    let report = replay_once(fs, dir, input, apply)?;
    if report.discarded_bytes > 0 && replay_once(fs, dir, input, &mut |_| Ok(()))? != report {
        let end = report.end.unwrap_or(Link::first(report.last_seqno));
        let path = end.predecessor.map_or_else(|| dir.to_path_buf(), |number| dir.join(FileKind::Wal(number).name()));
        return Err(Error::corruption(&path, end.end, "the log does not read the same twice"));
    }
    Ok(report)
}

fn replay_once(
    fs: &dyn FileSystem,
    dir: &Path,
    input: &ReplayInput<'_>,
    apply: &mut dyn FnMut(LoggedBatch<'_>) -> Result<()>,
) -> Result<ReplayReport> {
    let mut evidence = Evidence::default();
    evidence.add(input.synced_through, || "MANIFEST".to_owned());
    let mut segments = Vec::new();
    for &number in input.segments {
        segments.push(OpenSegment::open(fs, dir, input.uuid, number, &mut evidence)?);
    }
    let start = chain_start(&segments, input.flushed_through)?;
    let mut replayer = Replayer { evidence, report: ReplayReport::default(), apply };
    let stop = replayer.replay_chain(&mut segments, start)?;
    if let Some(stop) = stop {
        replayer.survey_tail(&mut segments, &stop)?;
        replayer.judge(&segments[stop.segment].path, stop.offset, stop.why, input.flushed_through)?;
    } else {
        replayer.judge(dir, 0, "MANIFEST names no WAL segment", input.flushed_through)?;
    }
    Ok(replayer.report)
}

/// A segment with what its first two sectors and its first record say.
struct OpenSegment {
    number: FileNumber,
    identity: u64,
    path: PathBuf,
    source: FileSource,
    link: Option<Link>,
}

/// Where and why replay could not go on.
struct Stop {
    segment: usize,
    offset: u64,
    why: &'static str,
}

/// The highest number that something durable vouches for, and what does.
#[derive(Default)]
struct Evidence {
    synced: SeqNo,
    witness: String,
}

impl Evidence {
    fn add(&mut self, synced: SeqNo, witness: impl FnOnce() -> String) {
        if synced > self.synced {
            *self = Evidence { synced, witness: witness() };
        }
    }

    fn add_record(&mut self, segment: FileNumber, offset: u64, header: &RecordHeader) {
        self.add(clamp(header.synced), || format!("the record at byte {offset} of WAL segment {segment}"));
    }
}

/// Numbers from records that passed their checks; above 56 bits only in a file that was forged.
fn clamp(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap_or(SeqNo::MAX)
}

/// The last number that a whole record takes, whatever its type.
fn last_number(header: &RecordHeader) -> SeqNo {
    clamp(header.number.saturating_add(u64::from(header.count.saturating_sub(1))))
}

impl OpenSegment {
    fn open(
        fs: &dyn FileSystem,
        dir: &Path,
        uuid: u128,
        number: FileNumber,
        evidence: &mut Evidence,
    ) -> Result<OpenSegment> {
        let path = dir.join(FileKind::Wal(number).name());
        let file = fs.open(&path, OpenMode::Read).map_err(|error| match is_not_found(&error) {
            true => Error::corruption(&path, 0, "a WAL segment that MANIFEST names is missing"),
            false => error,
        })?;
        let mut source = FileSource::new(file)?;
        let sector = source.window(0, HEADER_SECTOR_LEN)?;
        check_segment_header(sector, uuid, number)
            .map_err(|(kind, why)| Error::new(kind, why).with_file(&path).with_offset(0))?;
        if source.len() > MAX_SEGMENT_LEN {
            return Err(Error::corruption(&path, MAX_SEGMENT_LEN, "file is longer than any WAL segment"));
        }
        if source.len() < FIRST_RECORD {
            // Both sectors were synced before the segment was named.
            return Err(Error::corruption(&path, source.len(), "WAL segment ends before its first record"));
        }
        let identity = file_identity(uuid, number);
        let place = Place { identity, offset: SLOT_OFFSET };
        if let Some(synced) = decode_slot(source.window(SLOT_OFFSET, FIRST_RECORD as usize)?, place) {
            evidence.add(clamp(synced), || format!("the slot of WAL segment {number}"));
        }
        let link = match read_record(&mut source, identity, FIRST_RECORD)? {
            Decoded::Record(record) => Link::decode(&record),
            Decoded::End | Decoded::Bad(_) => None,
        };
        Ok(OpenSegment { number, identity, path, source, link })
    }
}

/// The segment to start with: the newest one whose link names no segment that is still there.
///
/// A log loses its beginning only when that is in tables. A link that holds, names a segment that is gone, and says that it
/// ended above what was flushed is no torn tail: nobody ever wrote that. Example: `[7, 9]` where 9 follows 8.
fn chain_start(segments: &[OpenSegment], flushed_through: SeqNo) -> Result<usize> {
    let mut start = 0;
    for (i, segment) in segments.iter().enumerate() {
        let Some(link) = segment.link else { continue };
        let is_there = |number| segments[..i].iter().any(|s| s.number == number);
        if link.predecessor.is_some_and(is_there) {
            continue;
        }
        if link.last_seqno > flushed_through {
            match link.predecessor {
                None if i == 0 => {}
                // A recovery began a new log and was cut off before the old one was done with: nothing counts in the new one.
                None => continue,
                Some(gone) => return Err(lost_beginning(segment, gone, link.last_seqno, flushed_through)),
            }
        }
        start = i;
    }
    Ok(start)
}

fn lost_beginning(segment: &OpenSegment, gone: FileNumber, last: SeqNo, flushed_through: SeqNo) -> Error {
    let message = format!(
        "WAL segment follows {gone}, which MANIFEST does not name before it, through sequence number {last}, but tables hold \
         everything only through {flushed_through}"
    );
    Error::corruption(&segment.path, FIRST_RECORD, message)
}

/// The segment that goes on from segment `i`, by its own word. If two say so, the one before the last was given up when its
/// first record could not be written, and the log went on in the last.
fn successor(segments: &[OpenSegment], i: usize) -> Option<(usize, Link)> {
    let number = segments[i].number;
    let links = segments.iter().enumerate().skip(i + 1).rev().filter_map(|(j, s)| Some((j, s.link?)));
    links.into_iter().find(|(_, link)| link.predecessor == Some(number))
}

struct Replayer<'a> {
    evidence: Evidence,
    report: ReplayReport,
    apply: &'a mut dyn FnMut(LoggedBatch<'_>) -> Result<()>,
}

impl Replayer<'_> {
    /// Replays the chain as far as it holds; says where it ended, unless there are no segments.
    fn replay_chain(&mut self, segments: &mut [OpenSegment], start: usize) -> Result<Option<Stop>> {
        let Some(first) = segments.get(start) else { return Ok(None) };
        self.report.last_seqno = first.link.map_or(SeqNo::ZERO, |link| link.last_seqno);
        let mut i = start;
        loop {
            let next = successor(segments, i);
            // What stands behind the point that the successor names was given up: a record whose append had failed.
            let limit = next.map_or(u64::MAX, |(_, link)| link.end);
            let (offset, why) = self.replay_segment(&mut segments[i], limit)?;
            let last_seqno = self.report.last_seqno;
            self.report.end = Some(Link { predecessor: Some(segments[i].number), last_seqno, end: offset });
            match next {
                Some((j, link)) if link.end == offset && link.last_seqno == last_seqno => i = j,
                _ => return Ok(Some(Stop { segment: i, offset, why })),
            }
        }
    }

    /// Replays one segment up to `limit`; says where it ended and why.
    fn replay_segment(&mut self, segment: &mut OpenSegment, limit: u64) -> Result<(u64, &'static str)> {
        let mut offset = FIRST_RECORD;
        while offset < limit {
            let record = match read_record(&mut segment.source, segment.identity, offset)? {
                Decoded::Record(record) => record,
                Decoded::End => return Ok((offset, "nothing is written here")),
                Decoded::Bad(why) => return Ok((offset, why)),
            };
            if record.next_offset > limit {
                return Ok((offset, "record crosses the end that the next WAL segment names"));
            }
            self.evidence.add_record(segment.number, offset, &record.header);
            self.report.highest_seqno = self.report.highest_seqno.max(last_number(&record.header));
            if offset == FIRST_RECORD {
                if segment.link.is_none() {
                    return Ok((offset, "the first record does not name the segment before"));
                }
            } else if let Some(why) = self.replay_batch(&record).map_err(|e| at(e, &segment.path, offset))? {
                return Ok((offset, why));
            }
            offset = record.next_offset;
        }
        Ok((offset, "the next WAL segment continues from another number"))
    }

    /// Applies a record, unless it gives a reason to stop.
    fn replay_batch(&mut self, record: &Record<'_>) -> Result<Option<&'static str>> {
        let RecordHeader { record_type, number, count, .. } = record.header;
        if record_type != TYPE_BATCH {
            let message = format!("a record of type {record_type} does not belong here");
            return Err(Error::new(ErrorKind::Corruption, message));
        }
        let first = SeqNo::new(number).filter(|_| count > 0);
        let Some((first, last)) = first.and_then(|n| Some((n, n.checked_add(u64::from(count) - 1)?))) else {
            return Ok(Some("record has no sequence numbers"));
        };
        let twice = first == self.report.last_seqno && !planted("replay-a-number-twice");
        if first < self.report.last_seqno || twice {
            return Ok(Some("sequence number is not above the one before"));
        }
        (self.apply)(LoggedBatch { first_seqno: first, count, payload: record.payload })?;
        self.report.last_seqno = last;
        self.report.batches += 1;
        Ok(None)
    }

    /// Looks at everything behind the stop: counts it, and hears what whole records in it say.
    fn survey_tail(&mut self, segments: &mut [OpenSegment], stop: &Stop) -> Result<()> {
        for (i, segment) in segments.iter_mut().enumerate().skip(stop.segment) {
            let from = if i == stop.segment { stop.offset } else { FIRST_RECORD };
            let mut search = Search::new(segment.identity, from);
            while let Some(found) = search.next(&mut segment.source)? {
                self.evidence.add_record(segment.number, found.offset, &found.header);
                self.report.highest_seqno = self.report.highest_seqno.max(last_number(&found.header));
                self.report.discarded_records += 1;
            }
            self.report.discarded_bytes += search.used_end() - from;
        }
        Ok(())
    }

    /// Damage, if a synced number above what was replayed or flushed is vouched for.
    fn judge(&mut self, file: &Path, offset: u64, why: &str, flushed_through: SeqNo) -> Result<()> {
        let last = self.report.last_seqno;
        self.report.highest_seqno = self.report.highest_seqno.max(last).max(self.evidence.synced).max(flushed_through);
        if self.evidence.synced <= last.max(flushed_through) {
            return Ok(());
        }
        let Evidence { synced, witness } = &self.evidence;
        let message = format!("{why}, but {witness} vouches for sequence number {synced} and the log ends at {last}");
        Err(Error::corruption(file, offset, message))
    }
}

/// An error of the caller's, about a record: keeps its kind and says where it was.
fn at(error: Error, path: &Path, offset: u64) -> Error {
    if error.file().is_some() { error } else { error.with_file(path).with_offset(offset) }
}
