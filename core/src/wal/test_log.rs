//! A small log on a simulated disk, for the tests of this folder: batches whose payload follows from their number, so that what
//! comes back can be checked without keeping it.

use std::path::Path;

use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode, read_small_file};
use crate::env::sim_fs::SimFs;
use crate::error::Result;
use crate::key::sequence::SeqNo;
use crate::wal::Link;
use crate::wal::replay::{ReplayInput, ReplayReport, replay};
use crate::wal::segment::{PreparedSegment, prepare_segment};
use crate::wal::sync_point::SyncedThrough;
use crate::wal::writer::{AppendError, WalWriter};

pub const DIR: &str = "/";
pub const UUID: u128 = 0x1234_5678_9abc_def0_1122_3344_5566_7788;

/// What MANIFEST would say of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub segments: Vec<FileNumber>,
    pub synced_through: u64,
    pub flushed_through: u64,
}

/// A log being written.
pub struct TestLog {
    pub fs: SimFs,
    pub named: Named,
    pub writer: WalWriter,
    pub segment_size: u64,
    next_file: u64,
}

pub fn seq(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap()
}

/// The payload of the batch that starts at `seqno`: between 1 and 300 bytes, none of them zero.
pub fn payload_of(seqno: u64) -> Vec<u8> {
    let len = 1 + (seqno.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 55) % 300;
    (0..len).map(|i| ((seqno ^ i).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 57) as u8 | 1).collect()
}

impl TestLog {
    pub fn new(segment_size: u64) -> TestLog {
        TestLog::start(SimFs::new(1), Named::default(), Link::first(SeqNo::ZERO), 1, segment_size)
    }

    /// A log behind what `link` says, in file `next_file`; `named` is what MANIFEST says before.
    pub fn start(fs: SimFs, mut named: Named, link: Link, next_file: u64, segment_size: u64) -> TestLog {
        let prepared = prepare(&fs, next_file, segment_size).unwrap();
        named.segments.push(prepared.number());
        let writer = WalWriter::start(prepared, link).unwrap();
        TestLog { fs, named, writer, segment_size, next_file: next_file + 1 }
    }

    pub fn prepare(&mut self) -> PreparedSegment {
        let prepared = prepare(&self.fs, self.next_file, self.segment_size).unwrap();
        self.next_file += 1;
        self.named.segments.push(prepared.number());
        prepared
    }

    pub fn roll(&mut self) {
        let next = self.prepare();
        self.writer.roll(next).unwrap();
    }

    /// Appends the batch of `seqno` (one entry), rolling if need be.
    pub fn put(&mut self, seqno: u64) {
        match self.writer.append(seq(seqno), 1, &payload_of(seqno)) {
            Ok(()) => {}
            Err(AppendError::NoRoom) => {
                self.roll();
                self.writer.append(seq(seqno), 1, &payload_of(seqno)).unwrap();
            }
            Err(error) => panic!("append of {seqno}: {error:?}"),
        }
    }

    pub fn put_all(&mut self, seqnos: impl IntoIterator<Item = u64>) {
        seqnos.into_iter().for_each(|seqno| self.put(seqno));
    }

    pub fn sync(&mut self) {
        let synced: SyncedThrough = self.writer.sync_point().unwrap().run().unwrap();
        self.writer.note_synced(synced).unwrap();
    }

    /// Closes the log; hands out the disk and what MANIFEST says.
    pub fn close(self) -> (SimFs, Named) {
        self.writer.close().unwrap();
        (self.fs, self.named)
    }
}

pub fn prepare(fs: &SimFs, number: u64, segment_size: u64) -> Result<PreparedSegment> {
    prepare_segment(fs, Path::new(DIR), UUID, FileNumber::new(number), segment_size)
}

/// What a replay gives: the numbers of the batches and the report. Panics if a batch is not what was appended.
pub fn read(fs: &dyn FileSystem, named: &Named) -> Result<(Vec<u64>, ReplayReport)> {
    let input = ReplayInput {
        uuid: UUID,
        segments: &named.segments,
        synced_through: seq(named.synced_through),
        flushed_through: seq(named.flushed_through),
    };
    let mut seqnos = Vec::new();
    let report = replay(fs, Path::new(DIR), &input, &mut |batch| {
        let seqno = batch.first_seqno.get();
        assert_eq!(batch.payload, payload_of(seqno), "batch {seqno}");
        seqnos.push(seqno);
        Ok(())
    })?;
    assert_eq!(report.batches, seqnos.len() as u64);
    Ok((seqnos, report))
}

pub fn path_of(number: u64) -> String {
    format!("{DIR}{}", FileKind::Wal(FileNumber::new(number)).name())
}

pub fn bytes_of(fs: &SimFs, number: u64) -> Vec<u8> {
    read_small_file(fs, Path::new(&path_of(number)), 1 << 26).unwrap()
}

/// Overwrites segment `number` with `bytes`, in place.
pub fn overwrite(fs: &SimFs, number: u64, bytes: &[u8]) {
    let file = fs.open(Path::new(&path_of(number)), OpenMode::ReadWrite).unwrap();
    file.truncate(bytes.len() as u64).unwrap();
    file.write_at(bytes, 0).unwrap();
}
