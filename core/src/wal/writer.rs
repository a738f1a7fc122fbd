//! [`WalWriter`]: appends batches to the log and rolls from segment to segment.
//!
//! ```text
//! append   NoRoom → roll to the next prepared segment → append again
//!          NotWritten → as if it had not been called (a full disk)
//!          Broken → roll, or make the handle read-only; never append behind it
//! roll     the next segment's first record names this one, its last number and its end
//! sync     see `sync_point`
//! ```
//! Invariants: sequence numbers only grow, and one that was tried is never used again, even if its append failed: a ghost of
//! the failed record must not pass for the batch that came after it. Nothing is appended to a segment behind a failed append.
//! No append after a failed sync. Records never say more is synced than is.
//!
//! Thread rule: every method runs under the commit lock; only a [`SyncPoint`] runs without it.

use crate::env::filename::FileNumber;
use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::record::{HEADER_LEN, Place, RecordHeader, encode_header, encode_record, encode_slot, padding, record_len};
use crate::util::sync::Arc;
use crate::wal::format::{FIRST_RECORD, Link, SLOT_OFFSET, TYPE_BATCH};
use crate::wal::segment::{PreparedSegment, Segment, next_reservation, reserve};
use crate::wal::sync_point::{Cover, SyncPoint, SyncState, SyncedThrough};

/// Payloads above this are written from where they are; smaller ones are cheaper to copy than to write in three pieces.
const COPY_LIMIT: usize = 256 << 10;

/// Why a batch is not in the log.
#[derive(Clone, Debug)]
pub enum AppendError {
    /// It does not fit into this segment, which holds something already: roll first. Nothing was written.
    NoRoom,
    /// Nothing was written and the segment is as it was; `NoSpace` if the disk is full.
    NotWritten(Error),
    /// Bytes may have gone out, or the log is broken from before: this segment takes no more. If the failure is one of
    /// appending, [`WalWriter::roll`] can leave the segment behind; after a failed sync nothing helps but a reopen.
    Broken(Error),
}

/// A segment of the log that is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSegment {
    /// Its file.
    pub number: FileNumber,
    /// The last sequence number in it or before it.
    pub last_seqno: SeqNo,
    /// Whether the log has gone on to another one.
    pub sealed: bool,
}

/// The writing end of the log.
#[derive(Debug)]
pub struct WalWriter {
    active: Active,
    /// Oldest first.
    sealed: Vec<Sealed>,
    /// The last number in the log.
    last_seqno: SeqNo,
    /// The last number tried; above `last_seqno` after a failed append.
    tried_seqno: SeqNo,
    synced_seqno: SeqNo,
    state: Arc<SyncState>,
    /// Where small records are put together.
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Active {
    segment: Arc<Segment>,
    /// What its first record says, or would have said.
    link: Link,
    reserved: u64,
    nominal: u64,
    /// Where the next record goes.
    end: u64,
    holds_batches: bool,
    /// How much of it is known to be durable.
    synced_end: u64,
    broken: Option<Error>,
}

#[derive(Debug)]
struct Sealed {
    segment: Arc<Segment>,
    last_seqno: SeqNo,
    end: u64,
    synced_end: u64,
}

impl WalWriter {
    /// Starts a log in `prepared`, which MANIFEST names, behind what `link` says. After a recovery that is where replay ended
    /// if the old segments are still named, [`Link::first`] otherwise.
    pub fn start(prepared: PreparedSegment, link: Link) -> Result<WalWriter> {
        let mut writer = WalWriter {
            active: Active::new(prepared, link),
            sealed: Vec::new(),
            last_seqno: link.last_seqno,
            tried_seqno: link.last_seqno,
            synced_seqno: SeqNo::ZERO,
            state: Arc::new(SyncState::default()),
            scratch: Vec::new(),
        };
        match writer.write_link(link) {
            Ok(()) => Ok(writer),
            Err(AppendError::NotWritten(error) | AppendError::Broken(error)) => Err(error),
            Err(AppendError::NoRoom) => Err(Error::new(ErrorKind::Io, "no room for the first record of a WAL segment")),
        }
    }

    /// Appends a batch of `count` entries, the first of which has the number `first_seqno`. After `Ok` it survives the process.
    pub fn append(&mut self, first_seqno: SeqNo, count: u32, payload: &[u8]) -> Result<(), AppendError> {
        self.check_sound()?;
        let last = self.check_numbers(first_seqno, count).map_err(AppendError::NotWritten)?;
        let header =
            RecordHeader { record_type: TYPE_BATCH, number: first_seqno.get(), count, synced: self.synced_seqno.get() };
        let end = self.active.end.saturating_add(record_len(payload.len()));
        if !self.fits_end(end) {
            return Err(AppendError::NoRoom);
        }
        let result = self.write_record(&header, payload);
        if !matches!(result, Err(AppendError::NotWritten(_))) {
            self.tried_seqno = last;
        }
        result?;
        self.active.holds_batches = true;
        self.last_seqno = last;
        Ok(())
    }

    /// Whether a batch of `len` encoded bytes can go into the active segment; if not, roll first.
    pub fn fits(&self, len: usize) -> bool {
        self.active.broken.is_none() && self.fits_end(self.active.end.saturating_add(record_len(len)))
    }

    fn fits_end(&self, end: u64) -> bool {
        end <= self.active.nominal || !self.active.holds_batches
    }

    /// Leaves the active segment behind and goes on in `next`, which MANIFEST names right behind it.
    ///
    /// `Broken` if the first record of `next` could not be written: `next` is given up then, and the way on is another roll.
    pub fn roll(&mut self, next: PreparedSegment) -> Result<(), AppendError> {
        if let Some(error) = self.state.failure() {
            return Err(AppendError::Broken(error.clone()));
        }
        let link = self.position();
        let left = std::mem::replace(&mut self.active, Active::new(next, link));
        let Active { segment, end, synced_end, .. } = left;
        self.sealed.push(Sealed { segment, last_seqno: self.last_seqno, end, synced_end });
        match self.write_link(link) {
            Err(AppendError::NotWritten(error)) => Err(AppendError::Broken(self.active.break_with(error))),
            result => result,
        }
    }

    /// Where the log ends now: what the first record of a segment behind it says.
    fn position(&self) -> Link {
        let Active { segment, link, end, .. } = &self.active;
        match *end {
            // Not even its link was written: the log still ends where that would have said.
            FIRST_RECORD => *link,
            end => Link { predecessor: Some(segment.number), last_seqno: self.last_seqno, end },
        }
    }

    /// What must be synced so that everything appended so far is durable. `Busy` while another point is at work; the failure of
    /// an earlier one for ever.
    pub fn sync_point(&self) -> Result<SyncPoint> {
        let sealed = self.sealed.iter().map(|s| (&s.segment, s.end, s.synced_end));
        let active = &self.active;
        let all = sealed.chain([(&active.segment, active.end, active.synced_end)]);
        let covers = all
            .filter(|&(_, end, synced_end)| synced_end < end)
            .map(|(segment, end, _)| Cover { segment: Arc::clone(segment), end })
            .collect();
        SyncPoint::new(&self.state, covers, self.last_seqno)
    }

    /// Takes note of a sync: later records say so, and so does the slot.
    ///
    /// The data is durable whatever this returns; an error means that the slot could not be stored and the file is not to be
    /// trusted any further.
    pub fn note_synced(&mut self, synced: SyncedThrough) -> Result<()> {
        for Cover { segment, end } in &synced.covers {
            let sealed = self.sealed.iter_mut().map(|s| (s.segment.number, &mut s.synced_end));
            let active = (self.active.segment.number, &mut self.active.synced_end);
            // A segment that was forgotten meanwhile is nowhere: nothing in it matters any more.
            if let Some((_, synced_end)) = sealed.chain([active]).find(|(number, _)| *number == segment.number) {
                *synced_end = (*synced_end).max(*end);
            }
        }
        if synced.seqno <= self.synced_seqno {
            return Ok(());
        }
        self.synced_seqno = synced.seqno;
        match self.store_slot() {
            // A full disk on a filesystem that reserves nothing: the slot is evidence, not data, and can wait for the next sync.
            Err(full) if full.kind() == ErrorKind::NoSpace => Ok(()),
            result => result,
        }
    }

    /// Makes everything durable, the slot too, and ends the log.
    pub fn close(mut self) -> Result<()> {
        let synced = self.sync_point()?.run()?;
        self.note_synced(synced)?;
        // The slot went out after the data; this sync is for it.
        let active = vec![Cover { segment: Arc::clone(&self.active.segment), end: self.active.end }];
        SyncPoint::new(&self.state, active, self.last_seqno)?.run().map(|_| ())
    }

    /// The number of the last batch in the log.
    pub fn last_seqno(&self) -> SeqNo {
        self.last_seqno
    }

    /// The last number in the log that is known to be durable.
    pub fn synced_seqno(&self) -> SeqNo {
        self.synced_seqno
    }

    /// The number of the segment that is appended to.
    pub fn active_number(&self) -> FileNumber {
        self.active.segment.number
    }

    /// How many bytes of the active segment are used.
    pub fn active_bytes(&self) -> u64 {
        self.active.end
    }

    /// The segments of this log that were not forgotten, oldest first; the last one is active.
    pub fn live_segments(&self) -> Vec<LiveSegment> {
        let sealed = self.sealed.iter();
        let mut live: Vec<_> =
            sealed.map(|s| LiveSegment { number: s.segment.number, last_seqno: s.last_seqno, sealed: true }).collect();
        live.push(LiveSegment { number: self.active.segment.number, last_seqno: self.last_seqno, sealed: false });
        live
    }

    /// The sealed segments in which every number is at or below `flushed`: once MANIFEST no longer names them they can go.
    pub fn obsolete_segments(&self, flushed: SeqNo) -> Vec<FileNumber> {
        self.sealed.iter().take_while(|s| s.last_seqno <= flushed).map(|s| s.segment.number).collect()
    }

    /// Drops sealed segments that MANIFEST no longer names. Nothing in them needs to be synced any more.
    pub fn forget_segments(&mut self, gone: &[FileNumber]) {
        self.sealed.retain(|s| !gone.contains(&s.segment.number));
    }

    fn check_sound(&self) -> Result<(), AppendError> {
        match self.state.failure().or(self.active.broken.as_ref()) {
            Some(error) => Err(AppendError::Broken(error.clone())),
            None => Ok(()),
        }
    }

    fn check_numbers(&self, first: SeqNo, count: u32) -> Result<SeqNo> {
        let last = (count > 0).then(|| first.checked_add(u64::from(count) - 1)).flatten();
        match last {
            Some(last) if first > self.tried_seqno => Ok(last),
            _ => Err(Error::invalid(format!("{count} numbers from {first} on do not follow {}", self.tried_seqno))),
        }
    }

    fn write_link(&mut self, link: Link) -> Result<(), AppendError> {
        let (header, payload) = link.encode(self.synced_seqno);
        self.write_record(&header, &payload)
    }

    fn write_record(&mut self, header: &RecordHeader, payload: &[u8]) -> Result<(), AppendError> {
        let active = &mut self.active;
        let end = active.end.saturating_add(record_len(payload.len()));
        if end > active.reserved {
            let wanted = next_reservation(active.reserved, end, active.nominal);
            active.reserved = reserve(&*active.segment.io, wanted, end).map_err(AppendError::NotWritten)?;
        }
        let place = Place { identity: active.segment.identity, offset: active.end };
        let written = if payload.len() <= COPY_LIMIT {
            self.scratch.clear();
            encode_record(&mut self.scratch, place, header, payload).map_err(AppendError::NotWritten)?;
            active.segment.io.append(place.offset, &self.scratch)
        } else {
            let head = encode_header(place, header, payload).map_err(AppendError::NotWritten)?;
            active.write_pieces(&head, payload)
        };
        match written {
            Ok(()) => {
                active.end = end;
                Ok(())
            }
            Err(error) => Err(AppendError::Broken(active.break_with(error))),
        }
    }

    fn store_slot(&self) -> Result<()> {
        let active = &self.active;
        if active.broken.is_some() {
            return Ok(());
        }
        let place = Place { identity: active.segment.identity, offset: SLOT_OFFSET };
        active.segment.io.write_slot(&encode_slot(place, self.synced_seqno.get()))
    }
}

impl Active {
    fn new(prepared: PreparedSegment, link: Link) -> Active {
        Active {
            link,
            segment: prepared.segment,
            reserved: prepared.reserved,
            nominal: prepared.nominal,
            end: FIRST_RECORD,
            holds_batches: false,
            synced_end: FIRST_RECORD,
            broken: None,
        }
    }

    /// A large record, without copying its payload: header, whole words, and the rest with its padding.
    fn write_pieces(&self, head: &[u8; HEADER_LEN], payload: &[u8]) -> Result<()> {
        let (words, rest) = payload.split_at(payload.len() - payload.len() % 8);
        let body = self.end + HEADER_LEN as u64;
        let tail = [rest, padding(payload.len())].concat();
        self.segment.io.append(self.end, head)?;
        self.segment.io.append(body, words)?;
        if tail.is_empty() { Ok(()) } else { self.segment.io.append(body + words.len() as u64, &tail) }
    }

    fn break_with(&mut self, error: Error) -> Error {
        self.broken.get_or_insert(error).clone()
    }
}
