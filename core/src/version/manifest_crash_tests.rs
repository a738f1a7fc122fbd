//! The MANIFEST under crashes and faults at every operation: a script of creation, edits, rotation and close is run once for each,
//! and what is left must be a state the script had promised or was about to reach.

use crate::env::fault_fs::{Fault, FaultFs, FaultPlan};
use crate::env::filename::FileKind;
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::op::{OpKind, OpKinds};
use crate::env::sim_fs::{CrashImage, SimFs};
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::Level;
use crate::version::manifest::{ApplyError, Manifest};
use crate::version::manifest_file::SLOT_OFFSET;
use crate::version::manifest_tests::{dir, disk, flush, level, open, orders, path, read, shared, table, visible};
use crate::version::state::{ManifestState, new_family};

/// One crash of each kind, and more random ones.
fn images(seed: u64) -> Vec<CrashImage> {
    let random = (1..=8).map(|n: u64| CrashImage::Random { seed: seed ^ n << 32 });
    CrashImage::all(seed).into_iter().chain(random).collect()
}

/// How many edits the script has: enough for two rotations.
const STEPS: u64 = 12;

/// Step `n` of the script: flushes, a compaction with a removal of its inputs, a family that comes and goes.
fn step(fs: &dyn FileSystem, manifest: &mut Manifest, n: u64) -> Result<(), ApplyError> {
    match n % 6 {
        2 => {
            let edit = edit_of_compaction(fs, manifest, n).map_err(ApplyError::NotApplied)?;
            manifest.apply(edit.clone())?;
            for (_, _, number) in &edit.deleted {
                fs.remove(&path(FileKind::Table(*number))).map_err(ApplyError::NotApplied)?;
            }
            Ok(())
        }
        3 => {
            let id = manifest.state().next_family_id;
            let name = format!("family {n}");
            let families_created = vec![new_family(id, &name, &Order::Bytewise)];
            let wal_added = vec![manifest.numbers().allocate()];
            manifest.apply(VersionEdit { families_created, wal_added, ..VersionEdit::default() })
        }
        5 => {
            let families_dropped: Vec<FamilyId> = manifest.state().families.keys().skip(1).copied().collect();
            let wal_removed = manifest.state().wal_segments.clone();
            manifest.apply(VersionEdit { families_dropped, wal_removed, ..VersionEdit::default() })
        }
        _ => flush(fs, manifest, n + 1).map(|_| ()),
    }
}

fn edit_of_compaction(fs: &dyn FileSystem, manifest: &Manifest, n: u64) -> Result<VersionEdit> {
    let mut edit = VersionEdit::default();
    for (at, file) in manifest.state().families[&FamilyId::DEFAULT].version.files() {
        edit.delete(at, file);
    }
    edit.add(level(1), table(fs, manifest.numbers().allocate(), ("a", "z"), n)?);
    Ok(edit)
}

/// What the script had promised after so many operations of the disk.
struct Promise {
    ops: u64,
    state: VersionEdit,
}

/// Runs the whole script on a disk that keeps all its states.
fn run(sim: &SimFs) -> Vec<Promise> {
    let fs = shared(sim);
    let mut manifest = open(&fs).unwrap();
    let mut promises = Vec::new();
    let mut promise = |manifest: &Manifest| {
        promises.push(Promise { ops: sim.op_count(), state: visible(manifest.state()) });
    };
    promise(&manifest);
    for n in 0..STEPS {
        step(&*fs, &mut manifest, n).unwrap();
        promise(&manifest);
    }
    manifest.close().unwrap();
    promises
}

fn empty_state() -> VersionEdit {
    let families_created = vec![new_family(FamilyId::DEFAULT, "default", &Order::Bytewise)];
    let edit = VersionEdit { families_created, ..VersionEdit::default() };
    visible(&ManifestState::default().with(&edit, &orders()).unwrap())
}

#[test]
fn two_runs_do_the_same_operations() {
    let (a, b) = (disk(), disk());
    run(&a);
    run(&b);
    assert_eq!(a.ops(), b.ops());
    assert_eq!(a.digest(), b.digest());
}

#[test]
fn after_a_crash_at_every_operation_the_state_is_the_last_promised_or_the_next() {
    let sim = disk();
    sim.record_states();
    let promises = run(&sim);
    let mut recoveries = 0;
    for point in sim.crash_points() {
        let done = promises.iter().filter(|promise| promise.ops <= point.op).count();
        let mut legal = vec![empty_state()];
        if done > 0 {
            legal = promises[done - 1..].iter().take(2).map(|promise| promise.state.clone()).collect();
        }
        for image in images(point.op) {
            let crashed = point.disk.crash(image);
            if crashed.stat(dir()).unwrap().is_none() {
                continue;
            }
            let fs = shared(&crashed);
            let recovered = open(&fs).unwrap_or_else(|error| panic!("{point}, {image:?}: {error:?}"));
            let state = visible(recovered.state());
            assert!(legal.contains(&state), "{point}, {image:?}: {state:#?}\nnone of {legal:#?}");
            // Orphans went. If any of what said they were orphans was not durable, the next crash shows it.
            for image in
                [CrashImage::NothingUnsynced, CrashImage::Random { seed: point.op }, CrashImage::DirEntriesLost]
            {
                let again = crashed.crash(image);
                let reopened =
                    open(&shared(&again)).unwrap_or_else(|error| panic!("{point}, then {image:?}: {error:?}"));
                assert_eq!(visible(reopened.state()), state, "{point}, then {image:?}");
                recoveries += 1;
            }
        }
    }
    assert!(recoveries > 5000, "only {recoveries} recoveries");
}

#[test]
fn a_database_goes_on_after_a_crash_at_every_operation() {
    let sim = disk();
    sim.record_states();
    run(&sim);
    for point in sim.crash_points() {
        for image in [CrashImage::NothingUnsynced, CrashImage::Everything, CrashImage::Random { seed: point.op }] {
            let crashed = point.disk.crash(image);
            if crashed.stat(dir()).unwrap().is_none() {
                continue;
            }
            let fs = shared(&crashed);
            let mut manifest = open(&fs).unwrap();
            for n in 0..STEPS {
                step(&*fs, &mut manifest, 100 + n).unwrap_or_else(|error| panic!("{point}, {image:?}: {error:?}"));
            }
            let expected = visible(manifest.state());
            let again = crashed.crash(CrashImage::NothingUnsynced);
            assert_eq!(visible(open(&shared(&again)).unwrap().state()), expected, "{point}, {image:?}");
        }
    }
}

/// What the script met when an operation failed under it.
struct Outcome {
    /// The last state that was promised, and the one that was being made, if it is not known whether it is there.
    legal: Vec<VersionEdit>,
    failure: Option<Error>,
    poisoned: bool,
}

/// What the owner of an edit that was not applied may do.
fn remove_outputs(fs: &dyn FileSystem, manifest: &Manifest) {
    let live: Vec<FileKind> = manifest.live_files().collect();
    let names = fs.list(dir()).unwrap_or_default();
    for kind in names.iter().filter_map(|name| FileKind::parse(name)) {
        if matches!(kind, FileKind::Table(_)) && !live.contains(&kind) {
            fs.remove(&path(kind)).ok();
        }
    }
}

/// Runs the script up to its first failure. After a creation that failed, anything an empty database may be is legal.
fn run_into_fault(fs: &Arc<dyn FileSystem>) -> Outcome {
    let mut manifest = match open(fs) {
        Ok(manifest) => manifest,
        Err(error) => return Outcome { legal: vec![empty_state()], failure: Some(error), poisoned: false },
    };
    let clean = disk();
    let mirror_fs = shared(&clean);
    let mut mirror = open(&mirror_fs).unwrap();
    for n in 0..STEPS {
        let before = visible(manifest.state());
        step(&*mirror_fs, &mut mirror, n).unwrap();
        let Err(failed) = step(&**fs, &mut manifest, n) else { continue };
        let mut legal = vec![visible(manifest.state())];
        match &failed {
            ApplyError::NotApplied(_) => remove_outputs(&**fs, &manifest),
            ApplyError::Unknown(_) => {
                assert_eq!(legal[0], before, "memory must not run ahead");
                assert!(manifest.poisoned().is_some());
                // If the edit is there after all: where the run without faults has got to by the same steps.
                legal.push(visible(mirror.state()));
            }
        }
        let poisoned = manifest.poisoned().is_some();
        return Outcome { legal, failure: Some(failed.error().clone()), poisoned };
    }
    let failure = manifest.close().err();
    let poisoned = manifest.poisoned().is_some();
    Outcome { legal: vec![visible(manifest.state())], failure, poisoned }
}

/// The same state, whatever numbers and identities its files were given.
fn shape(edit: &VersionEdit) -> VersionEdit {
    let mut edit = edit.clone();
    for (_, file) in &mut edit.added {
        let mut plain = (**file).clone();
        (plain.number, plain.table_id, plain.checksum) = Default::default();
        *file = Arc::new(plain);
    }
    edit.wal_added = edit.wal_added.iter().map(|_| Default::default()).collect();
    edit
}

fn fault_at_every_operation(fault: Fault, persistent: bool) -> u64 {
    for at_op in 0.. {
        let sim = disk();
        let faulty = FaultFs::over_sim(&sim);
        let plan = FaultPlan::new(fault, at_op);
        faulty.inject(if persistent { plan.persistent() } else { plan });
        let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
        let outcome = run_into_fault(&fs);
        let fired = faulty.fired();
        faulty.heal();
        drop(fs);
        let legal: Vec<VersionEdit> = outcome.legal.iter().map(shape).collect();
        let what = || format!("{fault:?} at {at_op}, persistent {persistent}: {:?}", outcome.failure);
        let retryable = matches!(fault, Fault::Enospc | Fault::EnospcMidWrite | Fault::Emfile);
        assert!(!(retryable && outcome.poisoned), "{} poisons", what());
        for image in images(at_op) {
            let reopened = open(&shared(&sim.crash(image)));
            let reopened = reopened.unwrap_or_else(|error| panic!("{}, {image:?}: {error:?}", what()));
            assert!(legal.contains(&shape(&visible(reopened.state()))), "{}, {image:?}: neither old nor new", what());
        }
        // Not a power cut but a kill: the next process sees everything, durable or not, and the power fails after that one has
        // removed what it takes for orphans.
        let reopened = open(&shared(&sim)).unwrap_or_else(|error| panic!("{}, killed: {error:?}", what()));
        let state = visible(reopened.state());
        assert!(legal.contains(&shape(&state)), "{}, killed: neither old nor new", what());
        for image in images(at_op) {
            let again = open(&shared(&sim.crash(image)));
            let again = again.unwrap_or_else(|error| panic!("{}, killed, then {image:?}: {error:?}", what()));
            assert_eq!(visible(again.state()), state, "{}, killed, then {image:?}", what());
        }
        if fired == 0 {
            assert!(outcome.failure.is_none(), "{}", what());
            return at_op;
        }
    }
    unreachable!("a script ends")
}

#[test]
fn a_fault_at_every_operation_leaves_the_old_state_or_the_new_as_promised() {
    for fault in [
        Fault::Eio,
        Fault::EioAfterwards,
        Fault::Enospc,
        Fault::EnospcMidWrite,
        Fault::Emfile,
        Fault::ShortWrite,
        Fault::SyncEioPageClean,
        Fault::RenameEio,
    ] {
        let points = fault_at_every_operation(fault, false);
        assert!(points >= 2, "{fault:?} struck {points} operations only");
        fault_at_every_operation(fault, true);
    }
}

#[test]
fn an_edit_that_was_not_applied_can_be_applied_again_once_there_is_room() {
    for fault in [Fault::Enospc, Fault::EnospcMidWrite, Fault::Emfile] {
        for at_op in 0..200 {
            let sim = disk();
            let faulty = FaultFs::over_sim(&sim);
            let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
            let mut manifest = open(&fs).unwrap();
            faulty.inject(FaultPlan::new(fault, at_op));
            for n in 0..STEPS {
                while let Err(error) = step(&*fs, &mut manifest, n) {
                    assert!(matches!(error, ApplyError::NotApplied(_)), "{fault:?} at {at_op}, step {n}: {error:?}");
                    assert!(matches!(error.error().kind(), ErrorKind::NoSpace | ErrorKind::Io));
                }
            }
            let reread = read(&sim, &shared(&sim)).unwrap();
            assert_eq!(visible(&reread.state), visible(manifest.state()), "{fault:?} at {at_op}");
            if faulty.fired() == 0 {
                break;
            }
        }
    }
}

#[test]
fn a_fault_in_recovery_changes_nothing_that_matters() {
    for fault in [Fault::Eio, Fault::Emfile, Fault::ShortRead, Fault::EarlyEnd, Fault::SyncEioPageClean, Fault::Enospc]
    {
        for at_op in 0.. {
            let sim = disk();
            let promises = run(&sim);
            // Half a record at the end, an interrupted switch: everything finish_open has to mend.
            let faulty = FaultFs::over_sim(&sim);
            let torn: Arc<dyn FileSystem> = Arc::new(faulty.clone());
            let mut manifest = open(&torn).unwrap();
            faulty.inject(FaultPlan::new(Fault::ShortWrite, 1));
            let failed = flush(&*torn, &mut manifest, 50);
            assert!(matches!(failed, Err(ApplyError::Unknown(_))), "{failed:?}");
            faulty.heal();
            let before = faulty.fired();
            faulty.inject(FaultPlan::new(fault, at_op));
            let first = open(&torn);
            let fired = faulty.fired() - before;
            faulty.heal();
            let expected = &promises.last().unwrap().state;
            if let Ok(manifest) = &first {
                assert_eq!(&visible(manifest.state()), expected);
            }
            for image in images(at_op) {
                let again = open(&shared(&sim.crash(image)));
                let again = again.unwrap_or_else(|error| panic!("{fault:?} at {at_op}, {image:?}: {error:?}"));
                assert_eq!(&visible(again.state()), expected, "{fault:?} at {at_op}, {image:?}");
            }
            if fired == 0 {
                assert!(at_op > 0 && first.is_ok());
                break;
            }
        }
    }
}

/// Recovery reads the MANIFEST, and what no slot vouches for once more, to write it again. Whatever it reads wrong it must not
/// write: a bit that flipped on its way would be damage for good.
#[test]
fn what_is_read_wrong_while_it_is_made_durable_is_not_written() {
    let sim = disk();
    run(&sim);
    let whole = sim.crash(CrashImage::Everything);
    let expected = visible(&read(&whole, &shared(&whole)).unwrap().state);
    let number = read(&whole, &shared(&whole)).unwrap().report.number;
    for (what, slot) in [("torn slot", &[7u8; 12][..]), ("no slot", &[0; 12])] {
        for fault in [Fault::BitFlipRead, Fault::EarlyEnd, Fault::ShortRead] {
            for at_op in 0.. {
                let left = whole.crash(CrashImage::Everything);
                let file = left.open(&path(FileKind::Manifest(number)), OpenMode::ReadWrite).unwrap();
                file.write_at(slot, SLOT_OFFSET).unwrap();
                let faulty = FaultFs::over_sim(&left);
                faulty.inject(FaultPlan::new(fault, at_op));
                let opened = open(&(Arc::new(faulty.clone()) as Arc<dyn FileSystem>)).map(|_| ());
                if faulty.fired() == 0 {
                    assert!(at_op > 3, "{at_op} reads are too few to prove anything");
                    break;
                }
                let again = read(&left, &shared(&left));
                let again = again.unwrap_or_else(|e| panic!("{what}, {fault:?} at {at_op}: {e:?} after {opened:?}"));
                assert_eq!(visible(&again.state), expected, "{what}, {fault:?} at {at_op}: {opened:?}");
            }
        }
    }
}

#[test]
fn levels_are_checked_when_an_edit_is_applied() {
    let sim = disk();
    let fs = shared(&sim);
    let mut manifest = open(&fs).unwrap();
    let mut edit = VersionEdit::default();
    for _ in 0..2 {
        edit.add(level(1), table(&*fs, manifest.numbers().allocate(), ("a", "c"), 1).unwrap());
    }
    let before = sim.op_count();
    let Err(ApplyError::NotApplied(error)) = manifest.apply(edit.clone()) else { panic!("applied") };
    assert!(error.message().contains("overlap"), "{error}");
    assert_eq!(sim.op_count(), before, "refused before anything is written");
    edit.added[0].0 = Level::ZERO;
    manifest.apply(edit).unwrap();
}

#[test]
fn after_a_switch_of_unknown_outcome_no_edit_goes_to_the_old_file() {
    let sim = disk();
    let faulty = FaultFs::over_sim(&sim);
    let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
    let mut manifest = open(&fs).unwrap();
    for seqno in 1..=5 {
        flush(&*fs, &mut manifest, seqno).unwrap();
    }
    // The rotation that is due: its second directory sync, behind the rename of CURRENT, finds no descriptor.
    faulty.inject(FaultPlan::new(Fault::Emfile, 1).among(OpKinds::of(&[OpKind::SyncDir])));
    assert!(matches!(flush(&*fs, &mut manifest, 6), Err(ApplyError::NotApplied(_))));
    assert!(manifest.poisoned().is_none(), "it was never tried, so it may be tried again");
    let before = visible(manifest.state());
    // The next attempt has no room for a new MANIFEST. The old one has, but CURRENT may name the other after a crash.
    faulty.heal();
    let file = table(&*fs, manifest.numbers().allocate(), ("a", "z"), 7).unwrap();
    let mut edit = VersionEdit::default();
    edit.add(Level::ZERO, file);
    faulty.inject(FaultPlan::new(Fault::Enospc, 0).among(OpKinds::of(&[OpKind::Create])).persistent());
    let refused = manifest.apply(edit.clone());
    assert!(matches!(refused, Err(ApplyError::NotApplied(_))), "{refused:?}");
    for image in images(7) {
        assert_eq!(visible(open(&shared(&sim.crash(image))).unwrap().state()), before, "{image:?}");
    }
    faulty.heal();
    manifest.apply(edit).unwrap();
    let expected = visible(manifest.state());
    for image in images(8) {
        assert_eq!(visible(open(&shared(&sim.crash(image))).unwrap().state()), expected, "{image:?}");
    }
}
