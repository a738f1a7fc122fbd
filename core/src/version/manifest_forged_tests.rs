//! A MANIFEST whose every checksum holds and which nobody wrote: each way in which it can make no sense is `Corruption` that names
//! the place, and nothing is changed. And the two ways in which healing after a full disk can fail.

use crate::env::fault_fs::{Fault, FaultFs, FaultPlan};
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::op::{OpKind, OpKinds};
use crate::env::sim_fs::SimFs;
use crate::error::{Error, ErrorKind};
use crate::key::family::FamilyId;
use crate::record::{Place, RecordHeader, encode_record, file_identity};
use crate::util::sync::Arc;
use crate::version::directory::{Directory, examine};
use crate::version::edit::{FamilySetting, VersionEdit};
use crate::version::file_meta::Level;
use crate::version::file_meta::testing::meta;
use crate::version::manifest::ApplyError;
use crate::version::manifest_file::{RECORD_EDIT, RECORD_SNAPSHOT, RECORDS_OFFSET};
use crate::version::manifest_recover::{recover, scan};
use crate::version::manifest_tests::{
    dir, disk, flush, level, open, options, orders, path, read, shared, table, visible,
};

/// Appends a record to a MANIFEST of two edits: of this type, with a number so far from the right one. What recovery says, and
/// where the record stands.
fn forged(record_type: u8, off: u64, payload: &[u8]) -> (Error, u64) {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    flush(&*fs, &mut manifest, 1).unwrap();
    let (number, uuid) = (manifest.number(), manifest.identity().uuid);
    drop(manifest);
    let progress = scan(&*fs, dir(), number, uuid, &orders()).unwrap().progress;
    let place = Place { identity: file_identity(uuid, number), offset: progress.end };
    let header = RecordHeader { record_type, number: progress.records + 1 + off, count: 1, synced: 0 };
    let mut bytes = Vec::new();
    encode_record(&mut bytes, place, &header, payload).unwrap();
    let manifest = path(FileKind::Manifest(number));
    sim.open(&manifest, OpenMode::ReadWrite).unwrap().write_at(&bytes, place.offset).unwrap();
    let before = sim.digest();
    let error = read(&sim, &fs).map(drop).unwrap_err();
    assert_eq!(sim.digest(), before, "{error} and a change");
    assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
    assert!(error.file() == Some(&manifest) || error.file() == Some(dir()), "{error}");
    (error, place.offset)
}

#[track_caller]
fn refused(record_type: u8, off: u64, payload: &[u8], why: &str) {
    let (error, offset) = forged(record_type, off, payload);
    assert!(error.message().contains(why) && error.offset() == Some(offset), "{error}");
}

#[test]
fn a_record_of_another_type_or_number_is_damage() {
    let nothing = VersionEdit::default().encode();
    refused(RECORD_SNAPSHOT, 0, &nothing, "record of type 1 where 2 belongs");
    refused(77, 0, &nothing, "record of type 77 where 2 belongs");
    refused(RECORD_EDIT, 1, &nothing, "MANIFEST has record 4 where 3 belongs");
}

#[test]
fn an_edit_that_does_not_decode_or_does_not_fit_is_damage() {
    refused(RECORD_EDIT, 0, &[99], "field of unknown kind 99");
    let name = "n".repeat(256);
    let setting = FamilySetting { family: FamilyId::DEFAULT, name, value: String::new() };
    let edit = VersionEdit { family_settings: vec![setting], ..VersionEdit::default() };
    refused(RECORD_EDIT, 0, &edit.encode(), "a name of 256 bytes");
    let deleted = vec![(FamilyId::DEFAULT, Level::ZERO, FileNumber::new(999))];
    refused(RECORD_EDIT, 0, &VersionEdit { deleted, ..VersionEdit::default() }.encode(), "999");
}

#[test]
fn tables_that_cannot_lie_beside_each_other_are_damage() {
    let added = [meta(900, "a", "m", 1..=1), meta(901, "c", "z", 2..=2)].map(|file| (level(1), Arc::new(file)));
    let next_file_number = Some(FileNumber::new(1000));
    let edit = VersionEdit { added: added.to_vec(), next_file_number, ..VersionEdit::default() };
    let (error, _) = forged(RECORD_EDIT, 0, &edit.encode());
    assert_eq!(error.offset(), Some(RECORDS_OFFSET), "it takes all edits to see: {error}");
}

#[test]
fn a_file_number_beyond_all_is_damage() {
    let edit = VersionEdit { next_file_number: Some(FileNumber::new(u64::MAX)), ..VersionEdit::default() };
    let (error, _) = forged(RECORD_EDIT, 0, &edit.encode());
    assert!(error.message().contains("beyond any that was ever given"), "{error}");
}

#[test]
fn a_lost_current_or_manifest_is_named() {
    for lost in [FileKind::Manifest(FileNumber::new(0)), FileKind::Current] {
        let sim = disk();
        let fs = shared(&sim);
        let number = open(&fs).unwrap().number();
        let Ok(Directory::Database(identity)) = examine(&*fs, dir(), &orders()) else { panic!("no database") };
        let lost = if lost == FileKind::Current { path(lost) } else { path(FileKind::Manifest(number)) };
        sim.remove(&lost).unwrap();
        let error = recover(&fs, dir(), identity, orders(), options()).map(drop).unwrap_err();
        assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*lost)));
        assert!(error.message().contains("missing"), "{error}");
    }
}

/// A disk that is full in the middle of an edit's record, and then `also`: the edit is there or not, and nothing goes on.
fn unknown_after(also: FaultPlan) {
    let sim: SimFs = disk();
    let faulty = FaultFs::over_sim(&sim);
    let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
    let mut manifest = open(&fs).unwrap();
    flush(&*fs, &mut manifest, 1).unwrap();
    let before = visible(manifest.state());
    let file = table(&*fs, manifest.numbers().allocate(), ("a", "z"), 2).unwrap();
    let edit = VersionEdit { added: vec![(Level::ZERO, file)], ..VersionEdit::default() };
    fs.sync_dir(dir()).unwrap();
    faulty.inject(FaultPlan::new(Fault::EnospcMidWrite, 0));
    faulty.inject(also.persistent());
    let Err(ApplyError::Unknown(error)) = manifest.apply(edit.clone()) else { panic!("known") };
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    faulty.heal();
    let Err(ApplyError::NotApplied(error)) = manifest.apply(edit) else { panic!("it goes on") };
    assert_eq!(error.kind(), ErrorKind::Poisoned);
    drop(manifest);
    assert_eq!(visible(&read(&sim, &shared(&sim)).unwrap().state), before, "half a record was written");
}

#[test]
fn a_torn_record_that_can_be_neither_left_behind_nor_cut_off_poisons() {
    unknown_after(FaultPlan::new(Fault::Eio, 0).among(OpKinds::of(&[OpKind::Create, OpKind::Truncate])));
}

#[test]
fn a_torn_record_left_behind_by_a_switch_that_may_not_last_poisons() {
    // Before CURRENT's own, the directory is synced for the new table and for the new MANIFEST: these work.
    unknown_after(FaultPlan::new(Fault::Eio, 2).among(OpKinds::of(&[OpKind::SyncDir])));
}
