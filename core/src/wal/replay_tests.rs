//! Replay against damage, torn tails and everything in between.

use std::path::Path;

use crate::env::fault_fs::{Fault, FaultFs, FaultPlan};
use crate::env::filename::FileNumber;
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::op::{OpKind, OpKinds};
use crate::env::sim_fs::{CrashImage, SimFs};
use crate::error::{Error, ErrorKind};
use crate::record::{Place, RecordHeader, encode_record, encode_slot, file_identity};
use crate::wal::Link;
use crate::wal::format::{FIRST_RECORD, SLOT_OFFSET, TYPE_BATCH};
use crate::wal::test_log::{Named, TestLog, UUID, bytes_of, overwrite, path_of, payload_of, prepare, read, seq};

/// Big enough that nothing rolls by itself.
const ROOMY: u64 = 1 << 20;

fn identity(number: u64) -> u64 {
    file_identity(UUID, FileNumber::new(number))
}

/// A log of two segments with batches 1–4 and 5–8, synced and closed: everything in it is vouched for.
fn closed_log() -> (SimFs, Named) {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=4);
    log.sync();
    log.roll();
    log.put_all(5..=8);
    log.close()
}

/// A log with batches 1–3 synced and 4–9 not; where each of 4–9 starts.
fn log_with_a_tail() -> (SimFs, Named, Vec<u64>) {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    log.sync();
    let starts = (4..=9)
        .map(|seqno| {
            let start = log.writer.active_bytes();
            log.put(seqno);
            start
        })
        .collect();
    (log.fs, log.named, starts)
}

/// Where the records of a segment's bytes end.
fn used_len(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&b| b != 0).map_or(0, |last| (last + 1).next_multiple_of(8))
}

#[track_caller]
fn assert_corrupt(fs: &SimFs, named: &Named) -> Error {
    let error = read(fs, named).expect_err("damage is reported");
    assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
    assert!(error.file().is_some() && error.offset().is_some(), "{error}");
    error
}

/// The same disk with its own copy of everything, so that tests may damage it.
fn copy_of(fs: &SimFs) -> SimFs {
    fs.crash(CrashImage::Everything)
}

#[test]
fn batches_come_back_across_segments() {
    let mut log = TestLog::new(8 << 10);
    log.put_all(1..=200);
    assert!(log.named.segments.len() > 3, "it rolled by itself");
    let (fs, named) = log.close();
    let (seqnos, report) = read(&fs, &named).unwrap();
    assert_eq!(seqnos, (1..=200).collect::<Vec<_>>());
    assert_eq!((report.last_seqno, report.highest_seqno), (seq(200), seq(200)));
    assert_eq!((report.discarded_bytes, report.discarded_records), (0, 0));
}

/// What was appended and synced, and what nothing vouches for yet, is still there when a single bit of it is read wrong: the
/// replay is right, or fails. Only if it were damaged on the disk itself might its end be taken for a torn tail.
#[test]
fn a_bit_that_is_read_wrong_loses_nothing() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=6);
    log.roll();
    log.put_all(7..=9);
    let (fs, named) = (log.fs, log.named);
    let expected = read(&fs, &named).unwrap().0;
    let (mut right, mut refused) = (0, 0);
    for round in 0..400 {
        let faulty = FaultFs::over_sim(&fs);
        // Which bit it is depends on the number of the operation.
        for _ in 0..round / 4 {
            faulty.stat(Path::new("/")).unwrap();
        }
        faulty.inject(FaultPlan::new(Fault::BitFlipRead, round % 4));
        match read(&faulty, &named) {
            Ok((seqnos, _)) => {
                assert_eq!(seqnos, expected, "round {round}");
                right += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
                refused += 1;
            }
        }
    }
    assert!(right > 10 && refused > 10, "{right} right, {refused} refused");
}

/// In the middle of segments, at their links and slots, and in the search behind a torn record: a read that fails is the replay's
/// failure, never the log's end.
#[test]
fn a_read_that_fails_anywhere_is_an_error_and_names_the_file() {
    let (fs, named, starts) = log_with_a_tail();
    let last = named.segments.last().unwrap().get();
    let mut torn = bytes_of(&fs, last);
    torn[starts[1] as usize + 40] ^= 1;
    overwrite(&fs, last, &torn);
    let expected = read(&fs, &named).unwrap();
    assert!(expected.1.discarded_records > 0, "records are found behind the torn one");
    for fault in [Fault::Eio, Fault::ShortRead] {
        for at in 0.. {
            let faulty = FaultFs::over_sim(&fs);
            faulty.inject(FaultPlan::new(fault, at).among(OpKinds::of(&[OpKind::Read])));
            let found = read(&faulty, &named);
            if faulty.fired() == 0 {
                assert!(at > 20 && found.unwrap() == expected);
                break;
            }
            let error = found.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{fault:?} at {at}: {error}");
            assert!(error.file().is_some(), "{fault:?} at {at}: {error}");
        }
    }
}

#[test]
fn an_empty_log_is_one() {
    let log = TestLog::new(ROOMY);
    let (seqnos, report) = read(&log.fs, &log.named).unwrap();
    assert_eq!((seqnos.len(), report.last_seqno), (0, seq(0)));
    let (seqnos, report) = read(&log.fs, &Named::default()).unwrap();
    assert_eq!((seqnos.len(), report.end), (0, None));
    assert_corrupt(&log.fs, &Named { synced_through: 1, ..Named::default() });
    read(&log.fs, &Named { synced_through: 1, flushed_through: 1, ..Named::default() }).unwrap();
}

#[test]
fn numbers_may_have_gaps_and_batches_many_numbers() {
    let mut log = TestLog::new(ROOMY);
    log.put(5);
    log.writer.append(seq(10), 7, &payload_of(10)).unwrap();
    log.put_all([17, 1 << 40]);
    let (fs, named) = log.close();
    let (seqnos, report) = read(&fs, &named).unwrap();
    assert_eq!(seqnos, [5, 10, 17, 1 << 40]);
    assert_eq!(report.last_seqno, seq(1 << 40));
}

#[test]
fn every_flipped_byte_of_a_synced_log_is_told_or_harmless() {
    let (fs, named) = closed_log();
    for number in [1, 2] {
        let good = bytes_of(&fs, number);
        for at in 0..used_len(&good) {
            for flip in [1u8, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= flip;
                overwrite(&fs, number, &bad);
                match read(&fs, &named) {
                    Ok((seqnos, _)) => {
                        assert_eq!(seqnos, (1..=8).collect::<Vec<_>>(), "segment {number} byte {at}");
                        assert!((512..1024).contains(&at), "segment {number} byte {at} counts");
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Corruption, "{error}"),
                }
            }
        }
        overwrite(&fs, number, &good);
    }
}

#[test]
fn every_zeroed_sector_of_a_synced_log_is_told_or_harmless() {
    let (fs, named) = closed_log();
    for number in [1, 2] {
        let good = bytes_of(&fs, number);
        for start in (0..used_len(&good)).step_by(512) {
            let mut bad = good.clone();
            bad[start..start + 512].fill(0);
            overwrite(&fs, number, &bad);
            if start as u64 == SLOT_OFFSET {
                assert_eq!(read(&fs, &named).unwrap().0.len(), 8);
            } else {
                assert_corrupt(&fs, &named);
            }
        }
        overwrite(&fs, number, &good);
    }
}

#[test]
fn a_synced_log_cut_anywhere_is_damage() {
    let (fs, named) = closed_log();
    for number in [1, 2] {
        let good = bytes_of(&fs, number);
        let used = used_len(&good);
        for len in 0..used {
            overwrite(&fs, number, &good[..len]);
            assert_corrupt(&fs, &named);
        }
        overwrite(&fs, number, &good[..used]);
        assert_eq!(read(&fs, &named).unwrap().0.len(), 8, "blank space is no loss");
        overwrite(&fs, number, &good);
    }
}

#[test]
fn an_unsynced_tail_cut_anywhere_is_a_prefix() {
    let (fs, named, starts) = log_with_a_tail();
    let good = bytes_of(&fs, 1);
    for len in starts[0] as usize..good.len().min(used_len(&good) + 64) {
        overwrite(&fs, 1, &good[..len]);
        let (seqnos, report) = read(&fs, &named).unwrap();
        let ends = starts[1..].iter().copied().chain([used_len(&good) as u64]);
        let whole = ends.filter(|&end| end <= len as u64).count() as u64;
        assert_eq!(seqnos, (1..=3 + whole).collect::<Vec<_>>(), "{len} bytes");
        assert_eq!(report.end.unwrap().last_seqno, seq(3 + whole));
    }
    // Everything below was synced with the slot's word for it.
    for len in 0..starts[0] as usize {
        overwrite(&fs, 1, &good[..len]);
        assert_corrupt(&fs, &named);
    }
}

#[test]
fn garbage_zeros_and_holes_in_an_unsynced_tail_open() {
    let (fs, named, starts) = log_with_a_tail();
    let good = bytes_of(&fs, 1);
    let used = used_len(&good);
    for (nth, &start) in starts.iter().enumerate() {
        let next = starts.get(nth + 1).map_or(used, |&s| s as usize);
        for hole in [start as usize..next, start as usize..start as usize + 8, next - 8..next] {
            for filler in [0u8, 0x5a] {
                let mut bad = good.clone();
                bad[hole.clone()].fill(filler);
                overwrite(&fs, 1, &bad);
                let (seqnos, report) = read(&fs, &named).unwrap();
                assert_eq!(seqnos, (1..=3 + nth as u64).collect::<Vec<_>>());
                assert_eq!(report.discarded_records, 5 - nth as u64, "whole records behind the hole are counted");
                assert!(report.discarded_bytes > 0 || nth == 5);
                assert_eq!(report.highest_seqno, seq(if nth == 5 { 8 } else { 9 }), "their numbers are not lent again");
            }
        }
    }
}

#[test]
fn a_later_record_vouches_for_what_was_synced_before_it() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    let start = log.writer.active_bytes() as usize;
    log.put(4);
    log.sync();
    log.put(5);
    let mut bytes = bytes_of(&log.fs, 1);
    bytes[start + 4] ^= 1;
    bytes[SLOT_OFFSET as usize..FIRST_RECORD as usize].fill(0);
    overwrite(&log.fs, 1, &bytes);
    let error = assert_corrupt(&log.fs, &log.named);
    assert_eq!(error.offset(), Some(start as u64));
    assert!(error.to_string().contains("vouches for sequence number 4"), "{error}");
    // Unless every family has it in a table: then nothing is missed.
    log.named.flushed_through = 4;
    assert_eq!(read(&log.fs, &log.named).unwrap().0, [1, 2, 3]);
}

#[test]
fn a_record_in_a_later_segment_vouches_too_but_the_segment_by_itself_does_not() {
    for synced in [false, true] {
        let mut log = TestLog::new(ROOMY);
        log.put_all(1..=3);
        let start = log.writer.active_bytes() as usize;
        log.put(4);
        if synced {
            // The point is noted after the roll, so that no slot of segment 1 says so.
            let synced = log.writer.sync_point().unwrap().run().unwrap();
            log.roll();
            log.writer.note_synced(synced).unwrap();
            log.put(5);
        } else {
            log.roll();
            log.put(5);
        }
        let mut bytes = bytes_of(&log.fs, 2);
        bytes[SLOT_OFFSET as usize..FIRST_RECORD as usize].fill(0);
        overwrite(&log.fs, 2, &bytes);
        let mut bytes = bytes_of(&log.fs, 1);
        bytes[start..].fill(0);
        overwrite(&log.fs, 1, &bytes);
        if synced {
            assert_corrupt(&log.fs, &log.named);
        } else {
            let (seqnos, report) = read(&log.fs, &log.named).unwrap();
            assert_eq!(seqnos, [1, 2, 3]);
            assert_eq!(report.discarded_records, 2, "the link and batch 5");
            assert_eq!(report.end.unwrap().predecessor, Some(FileNumber::new(1)));
        }
    }
}

#[test]
fn manifest_and_slots_vouch() {
    let (fs, named, starts) = log_with_a_tail();
    let good = bytes_of(&fs, 1);
    overwrite(&fs, 1, &good[..starts[2] as usize]);
    assert_eq!(read(&fs, &named).unwrap().0.len(), 5);
    let said = |synced_through, flushed_through| Named { synced_through, flushed_through, ..named.clone() };
    assert_eq!(read(&fs, &said(5, 0)).unwrap().0.len(), 5);
    assert_corrupt(&fs, &said(6, 0));
    assert_eq!(read(&fs, &said(6, 6)).unwrap().0.len(), 5);

    let mut bytes = good[..starts[2] as usize].to_vec();
    let slot = encode_slot(Place { identity: identity(1), offset: SLOT_OFFSET }, 6);
    bytes[512..512 + slot.len()].copy_from_slice(&slot);
    overwrite(&fs, 1, &bytes);
    assert_corrupt(&fs, &named);
    bytes[512 + 3] ^= 0x10;
    overwrite(&fs, 1, &bytes);
    assert_eq!(read(&fs, &named).unwrap().0.len(), 5, "a torn slot is no evidence");
}

#[test]
fn a_whole_record_in_the_wrong_place_is_not_replayed() {
    let (fs, named, starts) = log_with_a_tail();
    let good = bytes_of(&fs, 1);
    let fifth = good[starts[1] as usize..starts[2] as usize].to_vec();
    let used = used_len(&good);
    // Behind the end, where it would be next in line.
    let mut bad = good.clone();
    bad[used..used + fifth.len()].copy_from_slice(&fifth);
    overwrite(&fs, 1, &bad);
    assert_eq!(read(&fs, &named).unwrap().0, (1..=9).collect::<Vec<_>>());
    // Over another record.
    let mut bad = good.clone();
    bad[starts[0] as usize..starts[0] as usize + fifth.len()].copy_from_slice(&fifth);
    overwrite(&fs, 1, &bad);
    assert_eq!(read(&fs, &named).unwrap().0, [1, 2, 3]);
    // At its own offset, but in another segment.
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    log.roll();
    let target = bytes_of(&log.fs, 2);
    let mut bad = target.clone();
    let at = starts[1] as usize;
    bad[at..at + fifth.len()].copy_from_slice(&fifth);
    overwrite(&log.fs, 2, &bad);
    assert_eq!(read(&log.fs, &log.named).unwrap().0, [1, 2, 3]);
}

#[test]
fn a_missing_or_swapped_or_foreign_segment_is_named() {
    let (fs, named) = closed_log();
    for number in [1u64, 2] {
        let gone = copy_of(&fs);
        gone.remove(Path::new(&path_of(number))).unwrap();
        let error = assert_corrupt(&gone, &named);
        assert_eq!(error.file(), Some(Path::new(&path_of(number))));

        let swapped = copy_of(&fs);
        overwrite(&swapped, number, &bytes_of(&fs, 3 - number));
        assert!(assert_corrupt(&swapped, &named).to_string().contains("under another name"));

        let foreign = copy_of(&fs);
        let header = crate::wal::format::encode_segment_header(UUID + 1, FileNumber::new(number));
        let mut bytes = bytes_of(&fs, number);
        bytes[..512].copy_from_slice(&header);
        overwrite(&foreign, number, &bytes);
        assert!(assert_corrupt(&foreign, &named).to_string().contains("another database"));
    }
}

#[test]
fn an_older_copy_of_a_closed_segment_is_damage() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=2);
    log.sync();
    let older = bytes_of(&log.fs, 1);
    log.put_all(3..=4);
    log.roll();
    log.put_all(5..=6);
    let (fs, named) = log.close();
    overwrite(&fs, 1, &older);
    assert_corrupt(&fs, &named);
}

#[test]
fn a_segment_that_follows_another_than_manifest_says_is_damage() {
    let mut log = TestLog::new(ROOMY);
    for seqno in 1..=3 {
        log.put(seqno);
        log.roll();
    }
    let without_second = vec![log.named.segments[0], log.named.segments[2], log.named.segments[3]];
    let error = assert_corrupt(&log.fs, &Named { segments: without_second, ..log.named.clone() });
    assert!(error.to_string().contains("follows 000002, which MANIFEST does not name before it"), "{error}");
    // The same for a log that has lost its beginning.
    let without_first = log.named.segments[1..].to_vec();
    assert_corrupt(&log.fs, &Named { segments: without_first.clone(), ..log.named.clone() });
    let flushed = Named { segments: without_first, flushed_through: 1, ..log.named.clone() };
    assert_eq!(read(&log.fs, &flushed).unwrap().0, [2, 3]);
    let mut turned = log.named.segments.clone();
    turned.swap(1, 2);
    assert_corrupt(&log.fs, &Named { segments: turned, ..log.named.clone() });
}

#[test]
fn the_log_goes_on_when_its_oldest_segments_are_gone() {
    let mut log = TestLog::new(ROOMY);
    for seqno in 1..=3 {
        log.put(seqno);
        log.sync();
        log.roll();
    }
    let named = Named { segments: log.named.segments[2..].to_vec(), synced_through: 3, flushed_through: 2 };
    let (seqnos, report) = read(&log.fs, &named).unwrap();
    assert_eq!((seqnos, report.last_seqno), (vec![3], seq(3)));
    // The newest alone, with nothing in it: its predecessors were synced and flushed.
    let newest = Named { segments: log.named.segments[3..].to_vec(), synced_through: 3, flushed_through: 3 };
    assert_eq!(read(&log.fs, &newest).unwrap().1.last_seqno, seq(3));
    let fresh = prepare(&log.fs, 9, ROOMY).unwrap();
    let never_used = Named { segments: vec![fresh.number()], ..newest };
    let (seqnos, report) = read(&log.fs, &never_used).unwrap();
    assert_eq!((seqnos.len(), report.highest_seqno), (0, seq(3)));
}

/// Writes a record with these fields where batch 4 of `log_with_a_tail` starts; returns the disk.
fn with_forged_record(header: RecordHeader) -> (SimFs, Named) {
    let (fs, named, starts) = log_with_a_tail();
    let mut bytes = bytes_of(&fs, 1)[..starts[0] as usize].to_vec();
    encode_record(&mut bytes, Place { identity: identity(1), offset: starts[0] }, &header, &payload_of(4)).unwrap();
    overwrite(&fs, 1, &bytes);
    (fs, named)
}

#[test]
fn numbers_that_do_not_grow_end_the_log() {
    let batch = |number, count| RecordHeader { record_type: TYPE_BATCH, number, count, synced: 3 };
    for (header, expected) in
        [(batch(4, 1), 4), (batch(3, 1), 3), (batch(1, 9), 3), (batch(4, 0), 3), (batch((1 << 56) - 1, 2), 3)]
    {
        let (fs, named) = with_forged_record(header);
        let (seqnos, _) = read(&fs, &named).unwrap();
        assert_eq!(seqnos.len(), expected, "{header:?}");
    }
}

#[test]
fn a_whole_record_of_an_unknown_type_is_damage() {
    for record_type in [0, 1, 3, 255] {
        let (fs, named) = with_forged_record(RecordHeader { record_type, number: 4, count: 1, synced: 0 });
        assert_corrupt(&fs, &named);
    }
}

#[test]
fn what_stands_behind_a_named_end_is_ignored() {
    // Segment 1 ends with a ghost: batch 4's append failed after its bytes had gone out. Segment 2 goes on with 5.
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    let end = log.writer.active_bytes();
    log.roll();
    log.put(5);
    log.sync();
    let mut bytes = bytes_of(&log.fs, 1)[..end as usize].to_vec();
    let header = RecordHeader { record_type: TYPE_BATCH, number: 4, count: 1, synced: 0 };
    encode_record(&mut bytes, Place { identity: identity(1), offset: end }, &header, &payload_of(4)).unwrap();
    overwrite(&log.fs, 1, &bytes);
    assert_eq!(read(&log.fs, &log.named).unwrap().0, [1, 2, 3, 5]);
    // Where the link is lost the ghost cannot pass for 5, which was synced.
    let mut second = bytes_of(&log.fs, 2);
    second[FIRST_RECORD as usize..].fill(0);
    overwrite(&log.fs, 2, &second);
    assert_corrupt(&log.fs, &log.named);
}

#[test]
fn an_error_of_the_caller_comes_back_with_its_place() {
    let (fs, named) = closed_log();
    let input = crate::wal::ReplayInput {
        uuid: UUID,
        segments: &named.segments,
        synced_through: seq(0),
        flushed_through: seq(0),
    };
    let error = crate::wal::replay(&fs, Path::new("/"), &input, &mut |batch| match batch.first_seqno.get() {
        6 => Err(Error::new(ErrorKind::Corruption, "bad batch")),
        _ => Ok(()),
    })
    .unwrap_err();
    assert_eq!(error.message(), "bad batch");
    assert_eq!(error.file(), Some(Path::new(&path_of(2))));
    assert!(error.offset().is_some_and(|offset| offset > FIRST_RECORD));
}

#[test]
fn any_bytes_behind_the_header_give_an_answer() {
    let fs = SimFs::new(3);
    let prepared = prepare(&fs, 1, 4096).unwrap();
    let named = Named { segments: vec![prepared.number()], ..Named::default() };
    let good = bytes_of(&fs, 1);
    let (mut log_bytes, mut state) = (good.clone(), 99u64);
    for round in 0..2000 {
        for byte in &mut log_bytes[512..] {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = if round % 2 == 0 || state >> 62 == 0 { (state >> 33) as u8 } else { 0 };
        }
        overwrite(&fs, 1, &log_bytes);
        let (seqnos, report) = read(&fs, &named).unwrap();
        assert_eq!((seqnos.len(), report.discarded_records), (0, 0));
        assert!(report.discarded_bytes > 0);
    }
}

#[test]
fn a_given_up_segment_is_passed_by() {
    // The first record of segment 2 could not be written; what is there is nothing, rubbish, or the whole record after all.
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    let end = log.writer.active_bytes();
    log.roll();
    let whole = bytes_of(&log.fs, 2);
    let link = Link { predecessor: Some(FileNumber::new(1)), last_seqno: seq(3), end };
    let mut third = TestLog::start(log.fs.clone(), log.named.clone(), link, 3, ROOMY);
    third.put_all(4..=5);
    third.sync();
    for given_up in [&whole[..], &whole[..FIRST_RECORD as usize], &[&whole[..1024], &[0xa7; 100]].concat()] {
        overwrite(&third.fs, 2, given_up);
        assert_eq!(read(&third.fs, &third.named).unwrap().0, [1, 2, 3, 4, 5]);
        // The same when segment 1 is gone, flushed.
        let rest = Named { segments: third.named.segments[1..].to_vec(), flushed_through: 3, synced_through: 3 };
        assert_eq!(read(&third.fs, &rest).unwrap().0, [4, 5]);
    }
}

#[test]
fn a_recovery_that_began_a_new_log_may_be_cut_off_before_the_old_one_is_gone() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    log.sync();
    let second = TestLog::start(log.fs.clone(), log.named.clone(), Link::first(seq(3)), 2, ROOMY);
    let (seqnos, report) = read(&second.fs, &second.named).unwrap();
    assert_eq!((seqnos, report.last_seqno), (vec![1, 2, 3], seq(3)));
    let mut second = second;
    second.put(4);
    let done = Named { flushed_through: 3, synced_through: 3, ..second.named.clone() };
    assert_eq!(read(&second.fs, &done).unwrap().0, [4], "the old log is in tables: the new one counts");
    second.sync();
    assert_corrupt(&second.fs, &second.named);
}

#[test]
fn a_file_longer_than_any_segment_is_not_read_through() {
    let (fs, named) = closed_log();
    let file = fs.open(Path::new(&path_of(2)), OpenMode::ReadWrite).unwrap();
    file.write_at(b"x", 1 << 40).unwrap();
    assert!(assert_corrupt(&fs, &named).to_string().contains("longer than any WAL segment"));
}

#[test]
fn a_log_that_begins_above_what_is_flushed_is_read_from_its_first_segment() {
    let mut log = TestLog::start(SimFs::new(1), Named::default(), Link::first(seq(7)), 1, ROOMY);
    log.put_all(8..=9);
    let (fs, named) = log.close();
    assert_eq!(read(&fs, &named).unwrap().0, [8, 9]);
}

#[test]
fn a_record_across_the_end_that_the_next_segment_names_does_not_count() {
    let mut log = TestLog::new(ROOMY);
    log.put_all(1..=3);
    let end = log.writer.active_bytes();
    let TestLog { fs, named, .. } = log;
    let link = Link { predecessor: Some(named.segments[0]), last_seqno: seq(2), end: end - 8 };
    let forged = TestLog::start(fs, named, link, 2, ROOMY);
    let (seqnos, report) = read(&forged.fs, &forged.named).unwrap();
    assert_eq!((seqnos, report.discarded_records), (vec![1, 2], 2), "the third record and the link");
}

#[test]
fn a_first_record_that_is_no_link_ends_the_log() {
    let log = TestLog::new(ROOMY);
    let mut bytes = bytes_of(&log.fs, 1)[..FIRST_RECORD as usize].to_vec();
    let header = RecordHeader { record_type: TYPE_BATCH, number: 4, count: 1, synced: 0 };
    encode_record(&mut bytes, Place { identity: identity(1), offset: FIRST_RECORD }, &header, &payload_of(4)).unwrap();
    overwrite(&log.fs, 1, &bytes);
    let (seqnos, report) = read(&log.fs, &log.named).unwrap();
    assert_eq!((seqnos.len(), report.discarded_records, report.highest_seqno), (0, 1, seq(4)));
}
