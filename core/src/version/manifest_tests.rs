//! The MANIFEST's behaviour, case by case: what it remembers, what it refuses, what a full disk does to it. Crashes and faults at
//! every operation are `manifest_crash_tests`.

use std::path::{Path, PathBuf};

use crate::env::fault_fs::{Fault, FaultFs, FaultPlan};
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::op::{OpKind, OpKinds};
use crate::env::sim_fs::SimFs;
use crate::error::{ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::Arc;
use crate::version::directory::{Directory, clear, examine};
use crate::version::edit::{NewFamily, VersionEdit};
use crate::version::file_meta::testing::meta;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::manifest::{ApplyError, Manifest, ManifestOptions};
use crate::version::manifest_file::RECORDS_OFFSET;
use crate::version::manifest_recover::{Recovered, recover};
use crate::version::orders::Orders;
use crate::version::orders::testing::Reversed;
use crate::version::state::{ManifestState, new_family};

pub const TABLE_LEN: u64 = 1000;

pub fn dir() -> &'static Path {
    Path::new("/db")
}

pub fn path(kind: FileKind) -> PathBuf {
    dir().join(kind.name())
}

pub fn seq(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap()
}

pub fn level(n: usize) -> Level {
    Level::new(n).unwrap()
}

/// A disk with an empty directory.
pub fn disk() -> SimFs {
    let sim = SimFs::new(1);
    sim.create_dir(dir()).unwrap();
    sim
}

/// Reads the database; writes nothing.
pub fn read(fs: &dyn FileSystem, fs_arc: &Arc<dyn FileSystem>) -> Result<Recovered> {
    let Directory::Database(identity) = examine(fs, dir(), &orders())? else { panic!("not a database") };
    recover(fs_arc, dir(), identity, orders(), options())
}

pub fn orders() -> Orders {
    let mut orders = Orders::new();
    orders.add(Arc::new(Reversed)).unwrap();
    orders
}

/// Rotates often enough for every script to see it.
pub fn options() -> ManifestOptions {
    ManifestOptions { rotate_bytes: 1 << 20, rotate_edits: 5 }
}

/// What `db/open` does: creates or recovers, and removes orphans.
pub fn open(fs: &Arc<dyn FileSystem>) -> Result<Manifest> {
    let manifest = match examine(&**fs, dir(), &orders())? {
        Directory::Vacant(leftovers) => {
            clear(&**fs, dir(), &leftovers)?;
            return Manifest::create(fs, dir(), orders(), &Order::Bytewise, Vec::new(), options());
        }
        Directory::Database(identity) => recover(fs, dir(), identity, orders(), options())?.finish_open()?,
    };
    let live: Vec<FileKind> = manifest.live_files().collect();
    for kind in fs.list(dir())?.iter().filter_map(|name| FileKind::parse(name)) {
        if !live.contains(&kind) {
            fs.remove(&dir().join(kind.name()))?;
        }
    }
    Ok(manifest)
}

pub fn shared(sim: &SimFs) -> Arc<dyn FileSystem> {
    Arc::new(sim.clone())
}

/// Writes a table of `TABLE_LEN` bytes, synced, its name not.
pub fn table(fs: &dyn FileSystem, number: FileNumber, keys: (&str, &str), seqnos: u64) -> Result<Arc<FileMeta>> {
    let file = fs.open(&path(FileKind::Table(number)), OpenMode::CreateNew)?;
    file.write_at(&[number.get() as u8; TABLE_LEN as usize], 0)?;
    file.sync()?;
    Ok(Arc::new(meta(number.get(), keys.0, keys.1, seqnos..=seqnos)))
}

/// Flushes one made-up table to level 0 of the default family.
pub fn flush(fs: &dyn FileSystem, manifest: &mut Manifest, seqno: u64) -> Result<FileNumber, ApplyError> {
    let number = manifest.numbers().allocate();
    let file = table(fs, number, ("a", "z"), seqno).map_err(ApplyError::NotApplied)?;
    let mut edit = VersionEdit { flushed_seqno: vec![(FamilyId::DEFAULT, seq(seqno))], ..VersionEdit::default() };
    edit.add(Level::ZERO, file);
    manifest.apply(edit).map(|()| number)
}

/// All that readers can tell of a state; file numbers that were given and not used make no difference.
pub fn visible(state: &ManifestState) -> VersionEdit {
    VersionEdit { next_file_number: None, ..state.to_snapshot() }
}

fn manifest_path(manifest: &Manifest) -> PathBuf {
    path(FileKind::Manifest(manifest.number()))
}

#[test]
fn create_and_recover_an_empty_database() {
    let sim = disk();
    let fs = shared(&sim);
    let created = open(&fs).unwrap();
    let recovered = read(&sim, &fs).unwrap();
    assert_eq!(visible(&recovered.state), visible(created.state()));
    assert_eq!(recovered.report.discarded_bytes, 0);
    let (id, family) = recovered.state.family_named("default").unwrap();
    assert_eq!((id, family.order_name.as_str(), family.version.is_empty()), (FamilyId::DEFAULT, "bytewise", true));
    assert!(recovered.numbers.next() > created.number());
    // Opening what was closed well writes nothing at all.
    let digest = sim.digest();
    recovered.finish_open().unwrap();
    assert_eq!(sim.digest(), digest);
}

#[test]
fn every_field_of_an_edit_comes_back() {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    let first = VersionEdit {
        families_created: vec![
            new_family(FamilyId(1), "users", &Order::Bytewise),
            NewFamily { id: FamilyId(2), name: "old".to_owned(), order_name: "reversed".to_owned() },
        ],
        wal_added: vec![manifest.numbers().allocate(), manifest.numbers().allocate()],
        ..VersionEdit::default()
    };
    let segments = first.wal_added.clone();
    manifest.apply(first).unwrap();
    let users = FileMeta {
        family: FamilyId(1),
        ..(*table(&*fs, manifest.numbers().allocate(), ("b", "d"), 7).unwrap()).clone()
    };
    let open_end = FileMeta { largest_exclusive: true, range_tombstones: 2, largest_seqno: seq(40), ..users };
    let second = VersionEdit {
        families_dropped: vec![FamilyId(2)],
        added: vec![(level(3), Arc::new(open_end.clone()))],
        flushed_seqno: vec![(FamilyId(1), seq(40))],
        wal_removed: vec![segments[0]],
        next_family_id: Some(FamilyId(9)),
        last_seqno: Some(seq(60)),
        synced_through: Some(seq(50)),
        view_time_ms: Some(123_456),
        ..VersionEdit::default()
    };
    manifest.apply(second).unwrap();
    let state = read(&sim, &fs).unwrap().state;
    assert_eq!(visible(&state), visible(manifest.state()));
    assert_eq!(**state.families[&FamilyId(1)].version.level(level(3)).first().unwrap(), open_end);
    assert_eq!(state.wal_segments, [segments[1]]);
    assert_eq!((state.last_seqno, state.synced_through, state.view_time_ms), (seq(60), seq(50), 123_456));
    assert_eq!((state.next_family_id, state.families.len()), (FamilyId(9), 2));
    assert_eq!(state.families[&FamilyId(1)].flushed_seqno, seq(40));
}

#[test]
fn a_table_that_is_missing_or_has_another_size_fails_recovery_and_is_named() {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    let number = flush(&*fs, &mut manifest, 5).unwrap();
    let name = path(FileKind::Table(number));
    drop(manifest);
    let refusal = || {
        let before = sim.digest();
        let error = read(&sim, &fs).unwrap_err();
        assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*name)));
        assert_eq!(sim.digest(), before, "nothing may be changed");
        error.message().to_owned()
    };
    let file = sim.open(&name, OpenMode::ReadWrite).unwrap();
    file.truncate(TABLE_LEN - 1).unwrap();
    assert!(refusal().contains("999 bytes, MANIFEST says 1000"));
    file.truncate(TABLE_LEN + 1).unwrap();
    assert!(refusal().contains("1001 bytes"));
    sim.remove(&name).unwrap();
    assert!(refusal().contains("missing"));
    // A table that came and went is nobody's concern.
    let again = table(&*fs, number, ("a", "z"), 5).unwrap();
    let mut manifest = open(&fs).unwrap();
    let mut edit = VersionEdit::default();
    edit.delete(Level::ZERO, &again);
    manifest.apply(edit).unwrap();
    sim.remove(&name).unwrap();
    assert!(read(&sim, &fs).unwrap().state.tables().next().is_none());
}

#[test]
fn new_tables_must_be_there_before_an_edit_names_them() {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    let ghost = Arc::new(meta(manifest.numbers().allocate().get(), "a", "b", 1..=1));
    let edit = VersionEdit { added: vec![(Level::ZERO, ghost)], ..VersionEdit::default() };
    let before = sim.digest();
    let Err(ApplyError::NotApplied(error)) = manifest.apply(edit) else { panic!("applied") };
    assert_eq!((error.kind(), error.message()), (ErrorKind::Corruption, "table is missing"));
    assert_eq!(sim.digest(), before);
    assert!(manifest.poisoned().is_none());
    flush(&*fs, &mut manifest, 5).unwrap();
}

#[test]
fn a_trivial_move_deletes_and_adds_one_table_in_one_edit() {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    flush(&*fs, &mut manifest, 5).unwrap();
    let held = |manifest: &Manifest, n| manifest.state().families[&FamilyId::DEFAULT].version.level(level(n)).to_vec();
    let file = held(&manifest, 0).remove(0);
    let mut edit = VersionEdit::default();
    edit.delete(Level::ZERO, &file);
    edit.add(level(1), Arc::clone(&file));
    manifest.apply(edit).unwrap();
    assert!(held(&manifest, 0).is_empty() && Arc::ptr_eq(&held(&manifest, 1)[0], &file));
    assert_eq!(visible(&read(&sim, &fs).unwrap().state), visible(manifest.state()));
}

#[test]
fn it_rotates_by_count_and_the_count_survives_a_restart() {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    let first = manifest.number();
    for seqno in 1..=5 {
        flush(&*fs, &mut manifest, seqno).unwrap();
        manifest.close().unwrap();
        manifest = open(&fs).unwrap();
        assert_eq!((manifest.number(), manifest.edits()), (first, seqno));
    }
    flush(&*fs, &mut manifest, 6).unwrap();
    assert_eq!(manifest.edits(), 1);
    assert_ne!(manifest.number(), first);
    assert!(sim.stat(&path(FileKind::Manifest(first))).unwrap().is_none(), "the old one is gone");
    let recovered = read(&sim, &fs).unwrap();
    assert_eq!((recovered.report.number, recovered.report.edits), (manifest.number(), 1));
    assert_eq!(visible(&recovered.state), visible(manifest.state()));
}

#[test]
fn it_rotates_by_size_but_not_for_ever_when_the_snapshot_is_large() {
    let sim = disk();
    let fs = shared(&sim);
    let options = ManifestOptions { rotate_bytes: 300, rotate_edits: u64::MAX };
    let mut manifest = Manifest::create(&fs, dir(), orders(), &Order::Bytewise, Vec::new(), options).unwrap();
    let mut rotations = 0;
    for seqno in 1..=200 {
        let before = manifest.number();
        flush(&*fs, &mut manifest, seqno).unwrap();
        rotations += u64::from(manifest.number() != before);
    }
    // The live state doubles between two rotations once it is larger than the threshold.
    assert!((5..20).contains(&rotations), "{rotations} rotations");
}

/// The bytes of the live MANIFEST after three edits, closed, and where its records start and end.
fn three_edits() -> (SimFs, PathBuf, Vec<u64>) {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    let mut ends = vec![RECORDS_OFFSET, manifest.file.end()];
    for seqno in 1..=3 {
        flush(&*fs, &mut manifest, seqno).unwrap();
        ends.push(manifest.file.end());
    }
    manifest.close().unwrap();
    (sim, manifest_path(&manifest), ends)
}

/// Makes the slot say nothing: what a power cut may do to it.
fn lose_slot(sim: &SimFs, manifest: &Path) {
    sim.open(manifest, OpenMode::ReadWrite).unwrap().write_at(&[0; 12], 512).unwrap();
}

fn flip(sim: &SimFs, name: &Path, at: u64) {
    let file = sim.open(name, OpenMode::ReadWrite).unwrap();
    let mut byte = [0];
    file.read_at(&mut byte, at).unwrap();
    file.write_at(&[byte[0] ^ 0x40], at).unwrap();
}

#[test]
fn damage_below_the_slot_is_corruption_and_changes_nothing() {
    for record in 0..4 {
        let (sim, name, ends) = three_edits();
        flip(&sim, &name, ends[record] + 40);
        let (before, fs) = (sim.digest(), shared(&sim));
        let error = open(&fs).unwrap_err();
        assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*name)), "{error}");
        assert_eq!(error.offset(), Some(ends[record]));
        assert_eq!(sim.digest(), before);
    }
}

#[test]
fn without_a_slot_only_the_last_record_can_pass_for_a_torn_tail() {
    for record in 0..4 {
        let (sim, name, ends) = three_edits();
        lose_slot(&sim, &name);
        flip(&sim, &name, ends[record] + 40);
        let fs = shared(&sim);
        match open(&fs) {
            Ok(manifest) => {
                assert_eq!((record, manifest.edits()), (3, 2));
                // Cut off: what comes next must not be followed by remains of it.
                assert!(sim.stat(&name).unwrap().unwrap().len <= ends[3]);
            }
            Err(error) => {
                assert!(record < 3);
                assert_eq!((error.kind(), error.offset()), (ErrorKind::Corruption, Some(ends[record])));
            }
        }
    }
}

#[test]
fn a_torn_tail_is_cut_at_every_length_and_appends_after_it_stay() {
    let (_, _, ends) = three_edits();
    for len in ends[3]..=ends[4] {
        let (sim, name, _) = three_edits();
        lose_slot(&sim, &name);
        let file = sim.open(&name, OpenMode::ReadWrite).unwrap();
        file.truncate(len).unwrap();
        let fs = shared(&sim);
        let recovered = read(&sim, &fs).unwrap();
        let edits = recovered.report.edits;
        assert_eq!(edits, if len == ends[4] { 3 } else { 2 }, "cut at {len}");
        drop(recovered);
        assert_eq!(file.len().unwrap(), len, "reading changes nothing");
        let mut manifest = open(&fs).unwrap();
        flush(&*fs, &mut manifest, 9).unwrap();
        let again = read(&sim, &fs).unwrap();
        assert_eq!((again.report.edits, again.report.discarded_bytes), (edits + 1, 0));
        assert_eq!(visible(&again.state), visible(manifest.state()));
    }
}

#[test]
fn a_file_shorter_than_its_slot_says_is_corruption() {
    let (_, _, ends) = three_edits();
    for len in 0..ends[4] {
        let (sim, name, _) = three_edits();
        sim.open(&name, OpenMode::ReadWrite).unwrap().truncate(len).unwrap();
        let error = open(&shared(&sim)).unwrap_err();
        assert_eq!((error.kind(), error.file()), (ErrorKind::Corruption, Some(&*name)), "cut at {len}");
    }
}

#[test]
fn a_bit_flip_in_any_byte_gives_corruption_or_the_same_state() {
    let (sim, name, _) = three_edits();
    let expected = visible(&read(&sim, &shared(&sim)).unwrap().state);
    let len = sim.stat(&name).unwrap().unwrap().len;
    let (mut refused, mut same) = (0, 0);
    for at in 0..len {
        let (sim, name, _) = three_edits();
        flip(&sim, &name, at);
        match open(&shared(&sim)) {
            Ok(manifest) => {
                assert_eq!(visible(manifest.state()), expected, "byte {at}");
                same += 1;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corruption, "byte {at}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 300 && same > 300, "{refused} refused, {same} harmless");
}

#[test]
fn current_and_identity_with_a_flipped_bit_are_corruption() {
    for kind in [FileKind::Current, FileKind::Identity] {
        let (sim, _, _) = three_edits();
        let len = sim.stat(&path(kind)).unwrap().unwrap().len;
        for at in 0..len {
            let (sim, _, _) = three_edits();
            flip(&sim, &path(kind), at);
            let error = open(&shared(&sim)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption, "{kind:?} byte {at}");
        }
    }
}

#[test]
fn a_full_disk_is_not_applied_and_passes() {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    let before = visible(manifest.state());
    // Tables are made while there is room; the MANIFEST fills its reserve and then finds none.
    let files: Vec<_> =
        (0..200).map(|n| table(&*fs, manifest.numbers().allocate(), ("a", "z"), n + 1).unwrap()).collect();
    sim.set_capacity(Some(sim.used_bytes()));
    let mut applied = 0;
    for file in &files {
        let edit = VersionEdit { added: vec![(Level::ZERO, Arc::clone(file))], ..VersionEdit::default() };
        match manifest.apply(edit) {
            Ok(()) => applied += 1,
            Err(ApplyError::NotApplied(error)) => assert_eq!(error.kind(), ErrorKind::NoSpace),
            Err(ApplyError::Unknown(error)) => panic!("{error}"),
        }
        assert!(manifest.poisoned().is_none());
    }
    assert!(applied > 5 && applied < 200, "{applied} applied");
    assert_eq!(visible(&read(&sim, &fs).unwrap().state), visible(manifest.state()));
    assert_ne!(visible(manifest.state()), before);
    sim.set_capacity(None);
    flush(&*fs, &mut manifest, 999).unwrap();
    assert_eq!(visible(&read(&sim, &fs).unwrap().state), visible(manifest.state()));
}

#[test]
fn a_record_cut_short_by_a_full_disk_is_healed() {
    for (room_for_new_file, failed) in [(true, OpKinds::of(&[])), (false, OpKinds::of(&[OpKind::Create]))] {
        let sim = disk();
        let faulty = FaultFs::over_sim(&sim);
        let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
        let mut manifest = open(&fs).unwrap();
        flush(&*fs, &mut manifest, 1).unwrap();
        let (before, number) = (visible(manifest.state()), manifest.number());
        let file = table(&*fs, manifest.numbers().allocate(), ("a", "z"), 2).unwrap();
        let edit = VersionEdit { added: vec![(Level::ZERO, file)], ..VersionEdit::default() };
        faulty.inject(FaultPlan::new(Fault::EnospcMidWrite, 0));
        faulty.inject(FaultPlan::new(Fault::Enospc, 0).among(failed).persistent());
        let Err(ApplyError::NotApplied(error)) = manifest.apply(edit.clone()) else { panic!("not healed") };
        assert_eq!(error.kind(), ErrorKind::NoSpace);
        assert_eq!(manifest.number() != number, room_for_new_file);
        assert!(manifest.poisoned().is_none());
        assert_eq!(visible(manifest.state()), before);
        assert_eq!(visible(&read(&sim, &shared(&sim)).unwrap().state), before);
        faulty.heal();
        manifest.apply(edit).unwrap();
        assert_eq!(visible(&read(&sim, &shared(&sim)).unwrap().state), visible(manifest.state()));
    }
}

#[test]
fn after_an_unknown_outcome_every_edit_fails_and_the_file_is_left_alone() {
    for fault in [Fault::Eio, Fault::ShortWrite, Fault::SyncEioPageClean] {
        let sim = disk();
        let faulty = FaultFs::over_sim(&sim);
        let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
        let mut manifest = open(&fs).unwrap();
        let file = table(&*fs, manifest.numbers().allocate(), ("a", "z"), 2).unwrap();
        let edit = VersionEdit { added: vec![(Level::ZERO, file)], ..VersionEdit::default() };
        let kinds = OpKinds::of(&[OpKind::Write, OpKind::Sync]);
        let struck = if fault == Fault::SyncEioPageClean { 1 } else { 0 };
        faulty.inject(FaultPlan::new(fault, struck).among(kinds));
        let Err(ApplyError::Unknown(error)) = manifest.apply(edit.clone()) else { panic!("{fault:?}: known") };
        assert_eq!(error.kind(), ErrorKind::Io);
        faulty.heal();
        let ops = sim.ops().len();
        let Err(ApplyError::NotApplied(error)) = manifest.apply(edit) else { panic!("{fault:?}: applied") };
        assert_eq!(error.kind(), ErrorKind::Poisoned);
        manifest.close().unwrap();
        assert_eq!(sim.ops().len(), ops, "{fault:?}: the file was touched");
    }
}

#[test]
fn numbers_start_above_every_file_in_the_directory() {
    let sim = disk();
    let fs = shared(&sim);
    let number = open(&fs).unwrap().number();
    sim.open(&path(FileKind::Temp(FileNumber::new(40))), OpenMode::CreateNew).unwrap();
    sim.open(&path(FileKind::Wal(FileNumber::new(77))), OpenMode::CreateNew).unwrap();
    let recovered = read(&sim, &fs).unwrap();
    assert_eq!((recovered.numbers.next(), recovered.report.number), (FileNumber::new(78), number));
}
