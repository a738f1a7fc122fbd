//! [`WalSegment`]: the one seam through which WAL bytes reach a file, and the making of new segments.
//!
//! A segment is prepared in the background: created, space reserved, header and slot written, file and directory synced. Then
//! the caller names it in MANIFEST, and only then does the writer put anything into it.
//!
//! Invariants: bytes are appended only below what was reserved, so that where the filesystem keeps its promise a full disk is
//! met in `reserve`, before a byte of the record is written. A segment file is never truncated and never reused.
//! Thread rule: one thread at a time appends (the commit lock); one sync may run beside it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{File, FileSystem, OpenMode};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{Place, SLOT_LEN, encode_slot, file_identity};
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::wal::format::{FIRST_RECORD, SLOT_OFFSET, encode_segment_header};

/// The first reservation: small enough for a filesystem of a mebibyte.
const FIRST_STEP: u64 = 64 << 10;
/// Reservations double up to this much at a time.
const LAST_STEP: u64 = 4 << 20;

/// What the writer needs from the file under a segment.
pub trait WalSegment: Send + Sync + fmt::Debug {
    /// Reserves space up to `end`. On failure nothing was written and the segment is as it was.
    fn reserve(&self, end: u64) -> Result<()>;
    /// Writes `bytes` at `offset`, below what was reserved. On failure any part may have gone out.
    fn append(&self, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Overwrites the synced slot: a plain store, which makes nothing durable by itself.
    fn write_slot(&self, slot: &[u8; SLOT_LEN]) -> Result<()>;
    /// Makes everything written so far durable. After a failure never called again.
    fn sync(&self) -> Result<()>;
}

/// A segment written by positional writes: works on every filesystem.
#[derive(Debug)]
pub struct WrittenSegment {
    file: Arc<dyn File>,
}

impl WrittenSegment {
    /// A segment in `file`.
    pub fn new(file: Arc<dyn File>) -> WrittenSegment {
        WrittenSegment { file }
    }
}

impl WalSegment for WrittenSegment {
    fn reserve(&self, end: u64) -> Result<()> {
        self.file.allocate(end)
    }

    fn append(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_at(bytes, offset)
    }

    fn write_slot(&self, slot: &[u8; SLOT_LEN]) -> Result<()> {
        self.file.write_at(slot, SLOT_OFFSET)
    }

    fn sync(&self) -> Result<()> {
        if planted("skip-wal-sync") {
            return Ok(());
        }
        self.file.sync()
    }
}

/// A segment together with who it is.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: FileNumber,
    pub(super) identity: u64,
    pub(super) io: Box<dyn WalSegment>,
}

/// A segment that is ready on disk and empty.
#[derive(Debug)]
pub struct PreparedSegment {
    pub(super) segment: Arc<Segment>,
    pub(super) reserved: u64,
    pub(super) nominal: u64,
}

impl PreparedSegment {
    /// Its number, by which MANIFEST must name it before it is used.
    pub fn number(&self) -> FileNumber {
        self.segment.number
    }
}

/// Creates segment `number` of the database `uuid` in `dir`, for about `segment_size` bytes, and makes it durable.
///
/// On failure the file is removed again as far as that works; the number must not be tried a second time.
pub fn prepare_segment(
    fs: &dyn FileSystem,
    dir: &Path,
    uuid: u128,
    number: FileNumber,
    segment_size: u64,
) -> Result<PreparedSegment> {
    let path = dir.join(FileKind::Wal(number).name());
    let file = fs.open(&path, OpenMode::CreateNew)?;
    let identity = file_identity(uuid, number);
    let segment = Arc::new(Segment { number, identity, io: Box::new(WrittenSegment::new(file)) });
    let nominal = segment_size.max(FIRST_RECORD);
    match make_durable(fs, dir, uuid, &segment, nominal) {
        Ok(reserved) => Ok(PreparedSegment { segment, reserved, nominal }),
        Err(error) => Err(abandon(fs, path, segment, error)),
    }
}

fn make_durable(fs: &dyn FileSystem, dir: &Path, uuid: u128, segment: &Segment, nominal: u64) -> Result<u64> {
    let reserved = reserve(&*segment.io, FIRST_STEP.min(nominal), FIRST_RECORD)?;
    segment.io.append(0, &encode_segment_header(uuid, segment.number))?;
    segment.io.write_slot(&encode_slot(Place { identity: segment.identity, offset: SLOT_OFFSET }, 0))?;
    segment.io.sync()?;
    fs.sync_dir(dir)?;
    Ok(reserved)
}

/// The file was never named: if it cannot be removed now it is an orphan for the next open.
fn abandon(fs: &dyn FileSystem, path: PathBuf, segment: Arc<Segment>, error: Error) -> Error {
    drop(segment);
    match fs.remove(&path) {
        Ok(()) => error,
        Err(left) => error.context(format!("{} was left behind ({left})", path.display())),
    }
}

/// How far to reserve when `needed` bytes must fit: 64 KiB, doubling with the segment to steps of 4 MiB, not beyond the
/// segment's nominal size unless a single batch needs more.
pub(super) fn next_reservation(reserved: u64, needed: u64, nominal: u64) -> u64 {
    let step = reserved.clamp(FIRST_STEP, LAST_STEP);
    reserved.saturating_add(step).min(nominal).max(needed)
}

/// Reserves up to `wanted`, or if the disk is too full for that, just up to `needed`. Returns how far it got.
pub(super) fn reserve(io: &dyn WalSegment, wanted: u64, needed: u64) -> Result<u64> {
    match io.reserve(wanted) {
        Ok(()) => Ok(wanted),
        Err(full) if full.kind() == ErrorKind::NoSpace && needed < wanted => {
            io.reserve(needed)?;
            Ok(needed)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_double_up_to_four_mebibytes_and_to_the_nominal_size() {
        const KIB: u64 = 1024;
        const NOMINAL: u64 = 16 << 20;
        let mut reserved = FIRST_STEP;
        let mut seen = Vec::new();
        while reserved < NOMINAL {
            reserved = next_reservation(reserved, reserved + 1, NOMINAL);
            seen.push(reserved / KIB);
        }
        assert_eq!(seen, [128, 256, 512, 1024, 2048, 4096, 8192, 12288, 16384]);
        assert_eq!(next_reservation(FIRST_STEP, 40 << 20, NOMINAL), 40 << 20, "a batch larger than the segment");
        assert_eq!(next_reservation(FIRST_STEP, FIRST_STEP + 8, FIRST_STEP + 8), FIRST_STEP + 8);
        assert_eq!(next_reservation(u64::MAX, u64::MAX, NOMINAL), u64::MAX);
    }
}
