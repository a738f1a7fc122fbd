//! Reading the MANIFEST back. Nothing is written here: a read-only open uses [`Recovered`] as it is, a read-write open calls
//! [`Recovered::finish_open`] once everything else has succeeded.
//!
//! Two passes: first all records are applied and give the live set, then each table in it must be there with its recorded size.
//! A table that came and went in the MANIFEST is nobody's concern.
//!
//! **Torn tail or damage?** At most one record is ever written beyond what is synced. So where a record should stand and does
//! not: if the slot vouches for that place, or any whole record stands behind it, it was synced and is `Corruption`; otherwise
//! it is an edit whose writer never heard it was applied, and what is left of it is discarded. Example: records at 1024, 1400,
//! 1520, slot 1520. Damage in the second: Corruption, by the slot and by the third. Damage in the third: discarded. The snapshot
//! is synced before CURRENT names its file, so damage in it is always `Corruption`.

use std::path::{Path, PathBuf};

use crate::env::atomic_file::AtomicWriteError;
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode, is_not_found};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{
    Decoded, FileSource, Place, Record, RecordSource, SLOT_LEN, Search, decode_slot, file_identity, read_record,
};
use crate::util::sync::Arc;
use crate::version::current;
use crate::version::edit::VersionEdit;
use crate::version::identity::Identity;
use crate::version::manifest::{Manifest, ManifestOptions, check_table_file};
use crate::version::manifest_file::{
    HEADER_LEN, ManifestFile, Progress, RECORD_EDIT, RECORD_SNAPSHOT, RECORDS_OFFSET, SLOT_OFFSET, check_header,
};
use crate::version::numbers::{FileNumbers, above};
use crate::version::orders::Orders;
use crate::version::state::{ManifestState, StateBuilder};

/// A MANIFEST that was read whole, and whose tables are all there.
#[derive(Debug)]
pub struct Recovered {
    /// What it remembers.
    pub state: ManifestState,
    /// Gives numbers above every one in MANIFEST and in the directory.
    pub numbers: Arc<FileNumbers>,
    /// What was found.
    pub report: ManifestReport,
    fs: Arc<dyn FileSystem>,
    dir: PathBuf,
    identity: Identity,
    orders: Orders,
    options: ManifestOptions,
    progress: Progress,
    slot: Option<u64>,
    /// Another MANIFEST is there: a switch of CURRENT may have been interrupted.
    other_manifests: bool,
}

/// What recovery found in the MANIFEST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestReport {
    /// The live MANIFEST's number.
    pub number: FileNumber,
    /// Edits since its snapshot.
    pub edits: u64,
    /// Bytes of a record that was never known to be applied, and is not.
    pub discarded_bytes: u64,
}

/// What [`scan`] read.
#[derive(Debug)]
pub struct Scan {
    /// The state that all whole records make.
    pub state: ManifestState,
    /// How far they go.
    pub progress: Progress,
    /// What the slot says, if it says anything.
    pub slot: Option<u64>,
    /// Bytes beyond the last whole record that are not blank.
    pub tail_bytes: u64,
}

/// Reads the MANIFEST that CURRENT names in `dir`, which is the database `identity`.
pub fn recover(
    fs: &Arc<dyn FileSystem>,
    dir: &Path,
    identity: Identity,
    orders: Orders,
    options: ManifestOptions,
) -> Result<Recovered> {
    let current = dir.join(FileKind::Current.name());
    let number = current::read(&**fs, dir)?.ok_or_else(|| Error::corruption(&current, 0, "CURRENT is missing"))?;
    let scan = scan_surely(&**fs, dir, number, identity.uuid, &orders)?;
    for file in scan.state.tables() {
        check_table_file(&**fs, dir, file)?;
    }
    let mut other_manifests = false;
    let mut numbers = vec![number];
    for kind in fs.list(dir)?.iter().filter_map(|name| FileKind::parse(name)) {
        numbers.extend(kind.number());
        other_manifests |= matches!(kind, FileKind::Manifest(n) if n != number);
    }
    let next = above(numbers).max(scan.state.next_file_number);
    let numbers = FileNumbers::starting_at(next).map_err(|error| error.with_file(dir))?;
    Ok(Recovered {
        state: scan.state,
        numbers: Arc::new(numbers),
        report: ManifestReport { number, edits: scan.progress.records - 1, discarded_bytes: scan.tail_bytes },
        fs: Arc::clone(fs),
        dir: dir.to_path_buf(),
        identity,
        orders,
        options,
        progress: scan.progress,
        slot: scan.slot,
        other_manifests,
    })
}

impl Recovered {
    /// The writer of this MANIFEST. What recovery relied on is made durable first: it may have been read from memory pages that
    /// no sync ever covered, and the caller is about to delete files that it says are orphans.
    pub fn finish_open(self) -> Result<Manifest> {
        let ManifestReport { number, discarded_bytes, .. } = self.report;
        let path = self.dir.join(FileKind::Manifest(number).name());
        let handle = self.fs.open(&path, OpenMode::ReadWrite)?;
        let mut file = ManifestFile::adopt(handle, self.identity.uuid, number, self.progress)?;
        if discarded_bytes > 0 {
            file.cut_tail()?;
        }
        if discarded_bytes > 0 || self.slot != Some(self.progress.end) {
            file.rewrite_from(self.slot.unwrap_or(0), self.identity.uuid)?;
            file.store_slot()?;
        }
        if self.other_manifests {
            let switched = current::write(&*self.fs, &self.dir, number, self.numbers.allocate());
            switched.map_err(AtomicWriteError::into_error)?;
        }
        Ok(Manifest {
            fs: self.fs,
            dir: self.dir,
            identity: self.identity,
            orders: self.orders,
            options: self.options,
            file,
            state: self.state,
            numbers: self.numbers,
            uncertain: Vec::new(),
            poisoned: None,
        })
    }
}

/// [`scan`], a second time where the end is nobody's word but its own: what is discarded there is gone. Example: the last record was
/// synced, its slot was not, and one bit of it flips on its way from the disk; a second look finds it whole, and the open fails
/// instead of cutting it off.
fn scan_surely(fs: &dyn FileSystem, dir: &Path, number: FileNumber, uuid: u128, orders: &Orders) -> Result<Scan> {
    let first = scan(fs, dir, number, uuid, orders)?;
    if first.slot == Some(first.progress.end) && first.tail_bytes == 0 {
        return Ok(first);
    }
    let second = scan(fs, dir, number, uuid, orders)?;
    if (second.progress, second.tail_bytes) == (first.progress, first.tail_bytes) {
        return Ok(first);
    }
    let path = dir.join(FileKind::Manifest(number).name());
    let offset = first.progress.end.min(second.progress.end);
    Err(Error::corruption(&path, offset, "MANIFEST does not read the same twice"))
}

/// Reads MANIFEST `number` of the database `uuid`: header, slot, every record. Looks at no other file.
pub fn scan(fs: &dyn FileSystem, dir: &Path, number: FileNumber, uuid: u128, orders: &Orders) -> Result<Scan> {
    let path = dir.join(FileKind::Manifest(number).name());
    let file = fs.open(&path, OpenMode::Read).map_err(|error| match is_not_found(&error) {
        true => Error::corruption(&path, 0, "the MANIFEST that CURRENT names is missing"),
        false => error,
    })?;
    let mut source = FileSource::new(file)?;
    check_header(source.window(0, HEADER_LEN)?, uuid, number).map_err(|error| error.with_file(&path).with_offset(0))?;
    let identity = file_identity(uuid, number);
    let slot = decode_slot(source.window(SLOT_OFFSET, SLOT_LEN)?, Place { identity, offset: SLOT_OFFSET });
    let mut scanner = Scanner { source, identity, path: &path, orders };
    let (builder, progress, why) = scanner.records()?;
    let tail_bytes = check_tail(&mut scanner.source, &path, identity, progress.end, slot, why)?;
    builder.check_orders()?;
    let state = builder.finish().map_err(|error| damaged(&path, RECORDS_OFFSET, error))?;
    Ok(Scan { state, progress, slot, tail_bytes })
}

struct Scanner<'a> {
    source: FileSource,
    identity: u64,
    path: &'a Path,
    orders: &'a Orders,
}

impl Scanner<'_> {
    /// Applies records up to the first place where none stands; also how far that is and what stands there instead.
    fn records(&mut self) -> Result<(StateBuilder, Progress, &'static str)> {
        let mut builder = StateBuilder::new(&ManifestState::default());
        let mut progress = Progress { end: RECORDS_OFFSET, snapshot_end: RECORDS_OFFSET, records: 0 };
        loop {
            let offset = progress.end;
            let record = match read_record(&mut self.source, self.identity, offset)? {
                Decoded::Record(record) => record,
                Decoded::End | Decoded::Bad(_) if progress.records == 0 => {
                    return Err(Error::corruption(self.path, offset, "the snapshot that begins a MANIFEST is damaged"));
                }
                Decoded::End => return Ok((builder, progress, "blank space where a record should be")),
                Decoded::Bad(why) => return Ok((builder, progress, why)),
            };
            let edit =
                decode(&record, progress.records).map_err(|error| error.with_file(self.path).with_offset(offset))?;
            progress.end = record.next_offset;
            progress.records += 1;
            if progress.records == 1 {
                progress.snapshot_end = progress.end;
            }
            builder.apply(&edit, self.orders).map_err(|error| damaged(self.path, offset, error))?;
        }
    }
}

/// What stands beyond the last whole record, at `end`: nothing, or a tail that nothing vouches for, whose length it returns.
pub fn check_tail(
    source: &mut FileSource,
    path: &Path,
    identity: u64,
    end: u64,
    slot: Option<u64>,
    why: &str,
) -> Result<u64> {
    if let Some(synced) = slot.filter(|&synced| synced > end) {
        let message = format!("MANIFEST was synced through byte {synced}, but is damaged here: {why}");
        return Err(Error::corruption(path, end, message));
    }
    let mut search = Search::new(identity, end);
    if let Some(found) = search.next(source)? {
        let message = format!("MANIFEST is damaged here ({why}), and goes on at byte {}", found.offset);
        return Err(Error::corruption(path, end, message));
    }
    Ok(search.used_end().saturating_sub(end))
}

/// The edit in the record that comes after `before` others. The error lacks file and offset.
pub fn decode(record: &Record<'_>, before: u64) -> Result<VersionEdit> {
    let damaged = |message: String| Err(Error::new(ErrorKind::Corruption, message));
    let expected = if before == 0 { RECORD_SNAPSHOT } else { RECORD_EDIT };
    if record.header.record_type != expected {
        return damaged(format!(
            "MANIFEST has a record of type {} where {expected} belongs",
            record.header.record_type
        ));
    }
    if record.header.number != before + 1 {
        return damaged(format!("MANIFEST has record {} where {} belongs", record.header.number, before + 1));
    }
    VersionEdit::decode(record.payload)
}

/// An edit that does not fit what came before it was accepted once; so these are not the bytes that were written.
fn damaged(path: &Path, offset: u64, error: Error) -> Error {
    error.with_kind(ErrorKind::Corruption).with_file(path).with_offset(offset)
}
