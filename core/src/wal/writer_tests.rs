//! The writer against full disks, failing files and its own rules.

use std::path::Path;

use crate::env::fault_fs::{Fault, FaultFs, FaultPlan};
use crate::env::filename::FileNumber;
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::op::{OpKind, OpKinds};
use crate::env::sim_fs::{CrashImage, SimFs};
use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::record::SLOT_LEN;
use crate::util::sync::Arc;
use crate::util::sync::atomic::{AtomicU64, Ordering};
use crate::wal::Link;
use crate::wal::format::FIRST_RECORD;
use crate::wal::segment::{PreparedSegment, Segment, WalSegment, WrittenSegment, prepare_segment};
use crate::wal::test_log::{DIR, Named, TestLog, UUID, bytes_of, path_of, payload_of, prepare, read, seq};
use crate::wal::writer::LiveSegment;
use crate::wal::writer::{AppendError, WalWriter};

const ROOMY: u64 = 1 << 20;

/// A segment whose operations can be told to fail.
#[derive(Debug)]
struct Flaky {
    inner: WrittenSegment,
    faults: Arc<Faults>,
}

#[derive(Debug, Default)]
struct Faults {
    /// The next append writes so many bytes and fails; 0: it does not.
    short_append: AtomicU64,
    sync: AtomicU64,
    slot: AtomicU64,
    syncs: AtomicU64,
}

impl Faults {
    fn failure(kind: ErrorKind) -> Error {
        Error::new(kind, "told to fail")
    }
}

impl WalSegment for Flaky {
    fn reserve(&self, end: u64) -> Result<()> {
        self.inner.reserve(end)
    }

    fn append(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        match self.faults.short_append.swap(0, Ordering::Relaxed) {
            0 => self.inner.append(offset, bytes),
            n => {
                self.inner.append(offset, &bytes[..bytes.len().min(n as usize)])?;
                Err(Faults::failure(ErrorKind::Io))
            }
        }
    }

    fn write_slot(&self, slot: &[u8; SLOT_LEN]) -> Result<()> {
        match self.faults.slot.load(Ordering::Relaxed) {
            0 => self.inner.write_slot(slot),
            1 => Err(Faults::failure(ErrorKind::NoSpace)),
            _ => Err(Faults::failure(ErrorKind::Io)),
        }
    }

    fn sync(&self) -> Result<()> {
        self.faults.syncs.fetch_add(1, Ordering::Relaxed);
        match self.faults.sync.load(Ordering::Relaxed) {
            0 => self.inner.sync(),
            1 => Err(Faults::failure(ErrorKind::NoSpace)),
            _ => panic!("told to panic"),
        }
    }
}

/// The same segment, able to fail.
fn flaky(fs: &SimFs, prepared: PreparedSegment) -> (PreparedSegment, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let file = fs.open(Path::new(&path_of(prepared.number().get())), OpenMode::ReadWrite).unwrap();
    let io = Box::new(Flaky { inner: WrittenSegment::new(file), faults: Arc::clone(&faults) });
    let segment = Arc::new(Segment { number: prepared.number(), identity: prepared.segment.identity, io });
    (PreparedSegment { segment, ..prepared }, faults)
}

fn flaky_log() -> (SimFs, WalWriter, Arc<Faults>, Named) {
    let fs = SimFs::new(1);
    let (prepared, faults) = flaky(&fs, prepare(&fs, 1, ROOMY).unwrap());
    let named = Named { segments: vec![prepared.number()], ..Named::default() };
    (fs, WalWriter::start(prepared, Link::first(seq(0))).unwrap(), faults, named)
}

fn append(writer: &mut WalWriter, seqno: u64) -> Result<(), AppendError> {
    writer.append(seq(seqno), 1, &payload_of(seqno))
}

fn sync(writer: &mut WalWriter) -> Result<()> {
    let synced = writer.sync_point()?.run()?;
    writer.note_synced(synced)
}

#[track_caller]
fn assert_broken(result: Result<(), AppendError>) -> Error {
    match result {
        Err(AppendError::Broken(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_prepared_segment_is_durable_before_it_is_used() {
    let fs = SimFs::new(1);
    let prepared = prepare(&fs, 1, ROOMY).unwrap();
    let crashed = fs.crash(CrashImage::NothingUnsynced);
    let named = Named { segments: vec![prepared.number()], ..Named::default() };
    assert!(read(&crashed, &named).unwrap().0.is_empty());
    assert!(prepare(&fs, 1, ROOMY).is_err(), "a number is used once");
}

#[test]
fn a_segment_that_cannot_be_prepared_leaves_nothing() {
    let fs = SimFs::new(1);
    fs.set_capacity(Some(0));
    assert_eq!(prepare(&fs, 1, ROOMY).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(fs.stat(Path::new(&path_of(1))).unwrap(), None);
}

#[test]
fn a_segment_that_can_neither_be_prepared_nor_removed_is_said_to_be_left() {
    let sim = SimFs::new(1);
    let faulty = FaultFs::over_sim(&sim);
    // The file is created; from then on nothing works.
    faulty.inject(FaultPlan::new(Fault::Eio, 1).persistent());
    let error = prepare_segment(&faulty, Path::new(DIR), UUID, FileNumber::new(1), ROOMY).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.message().contains("000001.wal was left behind"), "{error}");
    assert!(sim.stat(Path::new(&path_of(1))).unwrap().is_some());
}

#[test]
fn a_segment_that_cannot_be_prepared_is_removed() {
    let sim = SimFs::new(1);
    let faulty = FaultFs::over_sim(&sim);
    faulty.inject(FaultPlan::new(Fault::Eio, 1));
    let error = prepare_segment(&faulty, Path::new(DIR), UUID, FileNumber::new(1), ROOMY).unwrap_err();
    assert!(error.kind() == ErrorKind::Io && !error.message().contains("left behind"), "{error}");
    assert_eq!(sim.stat(Path::new(&path_of(1))).unwrap(), None);
}

#[test]
fn a_log_whose_first_record_cannot_be_written_does_not_start() {
    let fs = SimFs::new(1);
    let (prepared, faults) = flaky(&fs, prepare(&fs, 1, ROOMY).unwrap());
    faults.short_append.store(5, Ordering::Relaxed);
    assert_eq!(WalWriter::start(prepared, Link::first(seq(0))).map(drop).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn numbers_must_grow() {
    let (_, mut writer, _, _) = flaky_log();
    append(&mut writer, 5).unwrap();
    for (first, count) in [(5, 1), (4, 1), (4, 9), (6, 0), ((1 << 56) - 1, 2)] {
        match writer.append(seq(first), count, b"x") {
            Err(AppendError::NotWritten(error)) => assert_eq!(error.kind(), ErrorKind::InvalidArgument),
            other => panic!("{other:?}"),
        }
    }
    writer.append(seq(6), 4, b"x").unwrap();
    assert!(append(&mut writer, 9).is_err());
    append(&mut writer, 10).unwrap();
}

#[test]
fn a_full_segment_asks_for_the_next_and_a_large_batch_gets_its_own() {
    let mut log = TestLog::new(4096);
    log.put(1);
    let large = vec![7u8; 1 << 20];
    assert!(matches!(log.writer.append(seq(2), 1, &large), Err(AppendError::NoRoom)));
    log.roll();
    log.writer.append(seq(2), 1, &large).unwrap();
    assert!(matches!(append(&mut log.writer, 3), Err(AppendError::NoRoom)));
    log.put(3);
    assert_eq!(log.named.segments.len(), 3);
    log.sync();
    let mut found = Vec::new();
    let input = crate::wal::ReplayInput {
        uuid: crate::wal::test_log::UUID,
        segments: &log.named.segments,
        synced_through: seq(3),
        flushed_through: seq(0),
    };
    crate::wal::replay(&log.fs, Path::new("/"), &input, &mut |batch| {
        found.push((batch.first_seqno.get(), batch.payload.len()));
        assert!(batch.first_seqno != seq(2) || batch.payload == large);
        Ok(())
    })
    .unwrap();
    assert_eq!(found, [(1, payload_of(1).len()), (2, 1 << 20), (3, payload_of(3).len())]);
}

#[test]
fn payloads_around_the_copy_limit_come_back() {
    let mut log = TestLog::new(ROOMY);
    let limit = 256 << 10;
    let lens: Vec<usize> = (limit - 9..limit + 9).collect();
    for (i, len) in lens.iter().enumerate() {
        let payload = vec![i as u8 + 1; *len];
        while let Err(AppendError::NoRoom) = log.writer.append(seq(i as u64 + 1), 1, &payload) {
            log.roll();
        }
    }
    log.sync();
    let input = crate::wal::ReplayInput {
        uuid: crate::wal::test_log::UUID,
        segments: &log.named.segments,
        synced_through: seq(lens.len() as u64),
        flushed_through: seq(0),
    };
    let mut i = 0;
    crate::wal::replay(&log.fs, Path::new("/"), &input, &mut |batch| {
        assert_eq!(batch.payload, vec![i as u8 + 1; lens[i]]);
        i += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!(i, lens.len());
}

#[test]
fn a_full_disk_writes_nothing_and_is_over_when_there_is_room() {
    let mut log = TestLog::new(16 << 20);
    log.fs.set_capacity(Some(1 << 20));
    let payload = vec![3u8; 10_000];
    let mut seqno = 1;
    let before = loop {
        let before = bytes_of(&log.fs, 1);
        match log.writer.append(seq(seqno), 1, &payload) {
            Ok(()) => seqno += 1,
            Err(AppendError::NotWritten(error)) => {
                assert_eq!(error.kind(), ErrorKind::NoSpace);
                break before;
            }
            other => panic!("{other:?}"),
        }
    };
    assert!(seqno > 100, "a mebibyte was used to the end: {seqno} records");
    assert_eq!(bytes_of(&log.fs, 1)[..before.len()], before);
    log.fs.set_capacity(None);
    log.writer.append(seq(seqno), 1, &payload).unwrap();
    log.sync();
    assert_eq!(log.writer.synced_seqno(), seq(seqno));
}

#[test]
fn a_failed_append_ends_its_segment_and_its_numbers_are_gone() {
    for short in [1, 20, 40, 10_000] {
        let (fs, mut writer, faults, mut named) = flaky_log();
        append(&mut writer, 1).unwrap();
        faults.short_append.store(short, Ordering::Relaxed);
        assert_eq!(assert_broken(append(&mut writer, 2)).kind(), ErrorKind::Io);
        assert_broken(append(&mut writer, 3));
        let next = prepare(&fs, 2, ROOMY).unwrap();
        named.segments.push(next.number());
        writer.roll(next).unwrap();
        assert!(matches!(append(&mut writer, 2), Err(AppendError::NotWritten(_))), "2 was tried");
        append(&mut writer, 3).unwrap();
        assert_eq!(read(&fs, &named).unwrap().0, [1, 3]);
        sync(&mut writer).unwrap();
        let crashed = fs.crash(CrashImage::NothingUnsynced);
        assert_eq!(read(&crashed, &named).unwrap().0, [1, 3]);
        // Whatever is left of the failed record: without the link it must not stand for 3.
        let mut bytes = bytes_of(&fs, 2);
        bytes[FIRST_RECORD as usize] ^= 1;
        crate::wal::test_log::overwrite(&fs, 2, &bytes);
        assert_eq!(read(&fs, &named).unwrap_err().kind(), ErrorKind::Corruption);
    }
}

/// A record above the copy limit goes out in three pieces; whichever fails, nothing is appended behind it, and the log goes on.
#[test]
fn a_large_record_of_which_a_piece_fails_ends_its_segment() {
    for piece in 0..3 {
        let sim = SimFs::new(1);
        let fs = FaultFs::over_sim(&sim);
        let segment = |number| prepare_segment(&fs, Path::new(DIR), UUID, FileNumber::new(number), ROOMY).unwrap();
        let mut writer = WalWriter::start(segment(1), Link::first(SeqNo::ZERO)).unwrap();
        append(&mut writer, 1).unwrap();
        fs.inject(FaultPlan::new(Fault::ShortWrite, piece).among(OpKinds::of(&[OpKind::Write])));
        let large = vec![7; (300 << 10) + 3];
        assert_eq!(assert_broken(writer.append(seq(2), 1, &large)).kind(), ErrorKind::Io);
        assert_eq!(fs.fired(), 1, "piece {piece}");
        writer.roll(segment(2)).unwrap();
        append(&mut writer, 3).unwrap();
        let named = Named { segments: vec![FileNumber::new(1), FileNumber::new(2)], ..Named::default() };
        assert_eq!(read(&sim, &named).unwrap().0, [1, 3], "piece {piece}");
    }
}

/// Its data is in tables by then, and MANIFEST does not name it any more.
#[test]
fn a_segment_may_be_forgotten_while_it_is_synced() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    log.roll();
    log.put(4);
    let point = log.writer.sync_point().unwrap();
    log.writer.forget_segments(&[log.named.segments[0]]);
    let synced = point.run().unwrap();
    log.writer.note_synced(synced).unwrap();
    assert_eq!(log.writer.synced_seqno(), seq(4));
    assert_eq!(log.writer.live_segments().len(), 1);
}

#[test]
fn a_roll_whose_first_record_fails_is_left_behind_by_another() {
    for short in [1, 40, 10_000] {
        let (fs, mut writer, _, mut named) = flaky_log();
        append(&mut writer, 1).unwrap();
        let (next, faults) = flaky(&fs, prepare(&fs, 2, ROOMY).unwrap());
        named.segments.push(next.number());
        faults.short_append.store(short, Ordering::Relaxed);
        assert_broken(writer.roll(next));
        assert_broken(append(&mut writer, 2));
        assert_eq!(read(&fs, &named).unwrap().0, [1]);
        let next = prepare(&fs, 3, ROOMY).unwrap();
        named.segments.push(next.number());
        writer.roll(next).unwrap();
        append(&mut writer, 2).unwrap();
        sync(&mut writer).unwrap();
        assert_eq!(read(&fs.crash(CrashImage::NothingUnsynced), &named).unwrap().0, [1, 2]);
        assert_eq!(writer.obsolete_segments(seq(1)).len(), 2);
    }
}

#[test]
fn a_failed_sync_is_final() {
    let (_, mut writer, faults, _) = flaky_log();
    append(&mut writer, 1).unwrap();
    faults.sync.store(1, Ordering::Relaxed);
    let error = sync(&mut writer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "not NoSpace: more room does not bring the data back");
    faults.sync.store(0, Ordering::Relaxed);
    assert!(sync(&mut writer).is_err());
    assert_broken(append(&mut writer, 2));
    let other = SimFs::new(2);
    assert_broken(writer.roll(prepare(&other, 2, ROOMY).unwrap()));
    assert!(writer.close().is_err());
    assert_eq!(faults.syncs.load(Ordering::Relaxed), 1, "never a second sync");
}

#[test]
fn a_sync_that_panics_is_a_failed_one() {
    let (_, mut writer, faults, _) = flaky_log();
    append(&mut writer, 1).unwrap();
    faults.sync.store(2, Ordering::Relaxed);
    let point = writer.sync_point().unwrap();
    let run = std::panic::AssertUnwindSafe(|| point.run().map(|synced| synced.seqno()));
    assert!(std::panic::catch_unwind(run).is_err());
    assert_eq!(writer.sync_point().unwrap_err().kind(), ErrorKind::Panic);
    assert_broken(append(&mut writer, 2));
}

#[test]
fn one_sync_at_a_time_and_appends_beside_it_are_not_covered() {
    let (_, mut writer, faults, _) = flaky_log();
    append(&mut writer, 1).unwrap();
    let point = writer.sync_point().unwrap();
    assert_eq!(writer.sync_point().unwrap_err().kind(), ErrorKind::Busy);
    append(&mut writer, 2).unwrap();
    let synced = point.run().unwrap();
    writer.note_synced(synced).unwrap();
    assert_eq!((writer.last_seqno(), writer.synced_seqno()), (seq(2), seq(1)));
    drop(writer.sync_point().unwrap());
    sync(&mut writer).unwrap();
    assert_eq!(writer.synced_seqno(), seq(2));
    let syncs = faults.syncs.load(Ordering::Relaxed);
    sync(&mut writer).unwrap();
    assert_eq!(faults.syncs.load(Ordering::Relaxed), syncs, "nothing new, nothing to sync");
}

#[test]
fn older_segments_are_synced_first() {
    let mut log = TestLog::new(ROOMY);
    for seqno in 1..=3 {
        log.put(seqno);
        log.roll();
    }
    let before = log.fs.ops().len();
    log.sync();
    let ops = log.fs.ops();
    let synced: Vec<_> =
        ops[before..].iter().filter(|op| op.kind == OpKind::Sync).map(|op| op.path.to_path_buf()).collect();
    assert_eq!(synced, [1, 2, 3, 4].map(|n| Path::new(&path_of(n)).to_path_buf()));
    let writes: Vec<_> = ops[before..].iter().filter(|op| op.kind == OpKind::Write).collect();
    assert_eq!(
        (writes.len(), writes[0].offset, writes[0].len),
        (1, 512, 12),
        "the slot of the newest, after the syncs"
    );
}

#[test]
fn a_slot_that_cannot_be_stored() {
    let (_, mut writer, faults, _) = flaky_log();
    append(&mut writer, 1).unwrap();
    faults.slot.store(1, Ordering::Relaxed);
    sync(&mut writer).unwrap();
    append(&mut writer, 2).unwrap();
    faults.slot.store(2, Ordering::Relaxed);
    assert_eq!(sync(&mut writer).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(writer.synced_seqno(), seq(2), "the data is durable all the same");
}

#[test]
fn segments_become_obsolete_when_everything_in_them_is_flushed() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    log.roll();
    log.put_all(4..=6);
    log.roll();
    log.put(7);
    let number = |n: usize| log.named.segments[n];
    assert_eq!(log.writer.obsolete_segments(seq(2)), []);
    assert_eq!(log.writer.obsolete_segments(seq(3)), [number(0)]);
    assert_eq!(log.writer.obsolete_segments(seq(9)), [number(0), number(1)]);
    log.writer.forget_segments(&[number(0)]);
    let live = |n, last, sealed| LiveSegment { number: number(n), last_seqno: seq(last), sealed };
    assert_eq!(log.writer.live_segments(), [live(1, 6, true), live(2, 7, false)]);
    assert_eq!((log.writer.active_number(), log.writer.last_seqno()), (number(2), seq(7)));
}

#[test]
fn a_clean_close_syncs_the_slot() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    let (fs, named) = log.close();
    let crashed = fs.crash(CrashImage::NothingUnsynced);
    assert_eq!(read(&crashed, &named).unwrap().0, [1, 2, 3]);
    let mut bytes = bytes_of(&crashed, 1);
    bytes[FIRST_RECORD as usize + 60] ^= 1;
    crate::wal::test_log::overwrite(&crashed, 1, &bytes);
    assert_eq!(read(&crashed, &named).unwrap_err().kind(), ErrorKind::Corruption);
}
