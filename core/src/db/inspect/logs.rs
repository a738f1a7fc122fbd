//! What stands in a log segment: its header, its synced slot, the link to the segment before, every batch.
//!
//! A segment alone cannot tell a torn tail from damage as replay does, which knows MANIFEST and the other segments; so only what
//! this file itself vouches for, by its slot or by a later record, is a problem when it is not there. Where and why the
//! whole records end is shown in either case.

use std::path::Path;

use crate::batch::BatchIter;
use crate::db::inspect::{Findings, text};
use crate::db::stats::{Row, StatValue};
use crate::env::filename::FileNumber;
use crate::env::fs::File;
use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::record::{
    Decoded, FileSource, Place, Record, RecordHeader, RecordSource, Search, decode_slot, file_identity, read_record,
};
use crate::util::sync::Arc;
use crate::wal::{
    FIRST_RECORD, HEADER_SECTOR_LEN, Link, MAX_SEGMENT_LEN, SEGMENT_FORMAT_VERSION, SLOT_OFFSET, TYPE_BATCH,
    read_segment_header,
};

/// How far the whole records go.
#[derive(Default)]
struct Progress {
    records: u64,
    entries: u64,
    last: u64,
    /// The highest number that something in this file says was synced.
    synced: u64,
}

impl Progress {
    /// Numbers above all there are stand only in a file that was forged.
    fn note_synced(&mut self, synced: u64) {
        self.synced = self.synced.max(synced.min(SeqNo::MAX.get()));
    }
}

/// Looks into `file`, whose name has `number` in it.
pub fn inspect(file: &Arc<dyn File>, number: Option<FileNumber>, found: &mut Findings<'_>) -> Result<()> {
    let path = file.path();
    let mut source = FileSource::new(Arc::clone(file))?;
    let (uuid, own) = read_segment_header(source.window(0, HEADER_SECTOR_LEN)?)
        .map_err(|(kind, why)| Error::new(kind, why).with_file(path).with_offset(0))?;
    found.text("uuid", format!("{uuid:032x}"));
    found.number("number", own.get());
    found.number("format_version", u64::from(SEGMENT_FORMAT_VERSION));
    if number.is_some_and(|number| number != own) {
        found.problem(Error::corruption(path, 0, format!("this is WAL segment {} under another name", own.get())));
    }
    if source.len() > MAX_SEGMENT_LEN {
        return Err(Error::corruption(path, MAX_SEGMENT_LEN, "file is longer than any WAL segment"));
    }
    if source.len() < FIRST_RECORD {
        // Both sectors were synced before the segment was named.
        return Err(Error::corruption(path, source.len(), "WAL segment ends before its first record"));
    }
    let identity = file_identity(uuid, own);
    let slot = source.window(SLOT_OFFSET, FIRST_RECORD as usize)?;
    let slot = decode_slot(slot, Place { identity, offset: SLOT_OFFSET });
    match slot {
        Some(synced) => found.number("slot_synced_seqno", synced),
        None => found.text("slot_synced_seqno", "none"),
    }
    found.begin("records");
    let mut progress = Progress::default();
    progress.note_synced(slot.unwrap_or_default());
    let (end, why) = records(&mut source, identity, path, &mut progress, found)?;
    let tail = tail(&mut source, identity, end, &mut progress)?;
    found.extend([
        ("whole_records", StatValue::Number(progress.records)),
        ("entries", StatValue::Number(progress.entries)),
        ("last_seqno", StatValue::Number(progress.last)),
        ("end", StatValue::Number(end)),
        ("end_because", text(why)),
        ("tail_bytes", StatValue::Number(tail.0)),
        ("tail_records", StatValue::Number(tail.1)),
    ]);
    if progress.synced > progress.last {
        let message = format!(
            "{why}, but this file vouches for sequence number {} and its records end at {}",
            progress.synced, progress.last
        );
        found.problem(Error::corruption(path, end, message));
    }
    Ok(())
}

/// Shows whole records, as long as one follows the other; where that ends, and why.
fn records(
    source: &mut FileSource,
    identity: u64,
    path: &Path,
    progress: &mut Progress,
    found: &mut Findings<'_>,
) -> Result<(u64, &'static str)> {
    let mut offset = FIRST_RECORD;
    loop {
        let record = match read_record(source, identity, offset)? {
            Decoded::Record(record) => record,
            Decoded::End => return Ok((offset, "nothing is written here")),
            Decoded::Bad(why) => return Ok((offset, why)),
        };
        progress.note_synced(record.header.synced);
        let row = if offset == FIRST_RECORD {
            let Some(link) = Link::decode(&record) else {
                return Ok((offset, "the first record does not name the segment before"));
            };
            progress.last = link.last_seqno.get();
            Ok(link_row(offset, &record.header, &link))
        } else {
            match last_number(&record.header) {
                Ok(None) => return Ok((offset, "record has no sequence numbers")),
                Ok(Some(_)) if record.header.number <= progress.last => {
                    return Ok((offset, "sequence number is not above the one before"));
                }
                Ok(Some(last)) => batch_row(offset, &record, last, progress, found),
                Err(error) => Err(error),
            }
        };
        let row = row.map_err(|error| match error.kind() {
            ErrorKind::Corruption => error.with_file(path).with_offset(offset),
            _ => error,
        })?;
        found.row(row);
        progress.records += 1;
        offset = record.next_offset;
    }
}

fn row(offset: u64, of: &str, header: &RecordHeader) -> Row {
    vec![
        ("offset", StatValue::Number(offset)),
        ("type", text(of)),
        ("seqno", StatValue::Number(header.number)),
        ("count", StatValue::Number(u64::from(header.count))),
        ("synced_seqno", StatValue::Number(header.synced)),
    ]
}

fn link_row(offset: u64, header: &RecordHeader, link: &Link) -> Row {
    let mut row = row(offset, "link", header);
    row.push(("predecessor", StatValue::Number(link.predecessor.map_or(0, FileNumber::get))));
    row.push(("predecessor_end", StatValue::Number(link.end)));
    row
}

/// The last number that a batch takes; `None` if it takes none that there is.
fn last_number(header: &RecordHeader) -> Result<Option<u64>> {
    if header.record_type != TYPE_BATCH {
        let message = format!("a record of type {} does not belong here", header.record_type);
        return Err(Error::new(ErrorKind::Corruption, message));
    }
    let last = u64::from(header.count).checked_sub(1).and_then(|more| header.number.checked_add(more));
    Ok(last.filter(|last| SeqNo::new(*last).is_some()))
}

fn batch_row(
    offset: u64,
    record: &Record<'_>,
    last: u64,
    progress: &mut Progress,
    found: &mut Findings<'_>,
) -> Result<Row> {
    let header = &record.header;
    let (mut entries, mut count) = (Vec::new(), 0u64);
    for entry in BatchIter::new(record.payload) {
        found.entry(&mut entries, &entry?, None)?;
        count += 1;
    }
    if count != u64::from(header.count) {
        let message = format!("batch has {count} entries, its record says {}", header.count);
        return Err(Error::new(ErrorKind::Corruption, message));
    }
    progress.entries += count;
    progress.last = last;
    let mut row = row(offset, "batch", header);
    row.push(("bytes", StatValue::Number(record.payload.len() as u64)));
    if !entries.is_empty() {
        row.push(("entries", StatValue::List(entries)));
    }
    Ok(row)
}

/// What stands behind the whole records: bytes up to the last that is not zero, and records that are whole again.
fn tail(source: &mut FileSource, identity: u64, end: u64, progress: &mut Progress) -> Result<(u64, u64)> {
    let mut search = Search::new(identity, end);
    let mut count = 0;
    while let Some(record) = search.next(source)? {
        progress.note_synced(record.header.synced);
        count += 1;
    }
    Ok((search.used_end().saturating_sub(end), count))
}
