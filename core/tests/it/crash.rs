//! T2: a crash at every filesystem operation of every script, and every image of the disk that it may leave.
//!
//! One run records the disk before each operation. Each of these states, turned into an image by losing, keeping or tearing
//! what was not synced, is opened; what it holds must be the state after some number of commits, not fewer than were
//! promised and not more than were begun. Then a write, a close and a second open, because only the second open proves the
//! first; and at some points a crash in the middle of the recovery itself.

use std::sync::Arc;

use esker::env::sim_fs::{CrashImage, CrashPoint, SimFs};
use esker::{Db, ErrorKind};

use crate::support::oracle::{Contents, DEFAULT};
use crate::support::rng::seed_or;
use crate::support::script::{DIR, Journal, Script, contents, inline, run, scripts};

/// Decides what the images lose that lose something at random; `ESKER_SEED=n` for another one.
fn seed() -> u64 {
    seed_or(0x00e5_4e12)
}

/// Recoveries that are themselves crashed: one in so many.
const NESTED_EVERY: u64 = 29;

fn record(script: &Script) -> (SimFs, Journal) {
    let disk = SimFs::new(seed());
    disk.record_states();
    let counter = disk.clone();
    let (journal, db) = run(script, Arc::new(disk.clone()), &move || counter.op_count(), true);
    drop(db.expect("the script runs through without faults"));
    assert!(
        journal.entries.iter().all(|entry| entry.error.is_none()),
        "{}: a step failed without a fault",
        script.name
    );
    (disk, journal)
}

fn open(disk: &SimFs, script: &Script) -> Result<Db, esker::Error> {
    Db::open_in(inline(Arc::new(disk.clone())), DIR, &script.options)
}

/// Opens what a crash left, or several in a row.
fn check_image(disk: &SimFs, script: &Script, journal: &Journal, point: &CrashPoint, images: &[CrashImage]) {
    let place = || format!("{}: ESKER_SEED={}, crash {point}, {images:?}", script.name, seed());
    // Of a process that died every written byte is left; what follows it may still lose what was never synced.
    let kept_all = images.iter().all(|image| matches!(image, CrashImage::Everything | CrashImage::Killed));
    let legal = journal.legal(point.op, point.inside, kept_all);
    let db = open(disk, script).unwrap_or_else(|error| panic!("{}: {error:?}", place()));
    let found = contents(&db).unwrap_or_else(|error| panic!("{}: {error:?}", place()));
    let commits = legal.clone().rev().find(|n| journal.states[*n] == found);
    assert!(
        commits.is_some(),
        "{}: {:?} keys are the state after none of the commits {legal:?}",
        place(),
        sizes(&found)
    );
    second_life(db, disk, script, found, &place);
}

/// How many keys each family has.
fn sizes(contents: &Contents) -> Vec<(&str, usize)> {
    contents.iter().map(|(name, map)| (&name[..], map.len())).collect()
}

/// Writes, closes, opens again: all is there, and nothing else.
fn second_life(db: Db, disk: &SimFs, script: &Script, mut expected: Contents, place: &dyn Fn() -> String) {
    db.put("zz after the crash", "1").unwrap_or_else(|error| panic!("{}: {error:?}", place()));
    let default = expected.get_mut(DEFAULT).expect("every database has it");
    default.insert(b"zz after the crash".to_vec(), b"1".to_vec());
    db.close().unwrap_or_else(|error| panic!("{}: {error:?}", place()));
    let db = open(disk, script).unwrap_or_else(|error| panic!("{}: second open: {error:?}", place()));
    let again = contents(&db).unwrap_or_else(|error| panic!("{}: second open: {error:?}", place()));
    assert!(
        again == expected,
        "{}: the second open shows {:?} keys, not {:?}",
        place(),
        sizes(&again),
        sizes(&expected)
    );
}

/// Crashes the recovery of `disk` at some operations of its own; whatever is left must recover to the same promises.
fn check_nested(disk: &SimFs, script: &Script, journal: &Journal, point: &CrashPoint, image: CrashImage) {
    disk.record_states();
    drop(open(disk, script).expect("it opened before"));
    for nested in disk.crash_points().into_iter().step_by(3) {
        for inner in
            [CrashImage::NothingUnsynced, CrashImage::Random { seed: seed() ^ nested.op }, CrashImage::ZeroTail]
        {
            let left = nested.disk.crash(inner);
            check_image(&left, script, journal, point, &[image, inner]);
        }
    }
}

fn crash_everywhere(script: &Script) {
    let (disk, journal) = record(script);
    let mut recoveries = 0u64;
    for point in disk.crash_points() {
        // With nothing unsynced all images are the same one.
        let images = CrashImage::all(seed() ^ point.op);
        let images = if point.disk.is_clean() { &images[..1] } else { &images };
        for image in images {
            check_image(&point.disk.crash(*image), script, &journal, &point, &[*image]);
            recoveries += 1;
            if recoveries.is_multiple_of(NESTED_EVERY) {
                check_nested(&point.disk.crash(*image), script, &journal, &point, *image);
            }
        }
    }
    println!("{}: {} operations, {recoveries} recoveries, ESKER_SEED={}", script.name, disk.op_count(), seed());
}

#[test]
fn two_runs_of_a_script_do_the_same_operations() {
    for script in scripts() {
        let (first, second) = (record(&script).0.ops(), record(&script).0.ops());
        let differs = first.iter().zip(&second).position(|(a, b)| a != b);
        assert_eq!((differs, first.len()), (None, second.len()), "{}", script.name);
    }
}

#[test]
fn a_killed_process_lets_go_of_the_lock() {
    let disk = SimFs::new(seed());
    let script = &scripts()[1];
    let db = open(&disk, script).unwrap();
    assert_eq!(open(&disk, script).unwrap_err().kind(), ErrorKind::Locked);
    let left = disk.crash(CrashImage::Everything);
    open(&left, script).unwrap();
    drop(db);
}

macro_rules! one_test_per_script {
    ($($test:ident = $index:literal;)*) => {
        $(#[test]
        fn $test() {
            crash_everywhere(&scripts()[$index]);
        })*

        #[test]
        fn every_script_has_a_test() {
            assert_eq!([$($index),*].len(), scripts().len());
        }
    };
}

one_test_per_script! {
    creation_and_reopening = 0;
    puts_some_synced = 1;
    batches_whole_or_not_at_all = 2;
    flushes = 3;
    compaction_from_level_0_down = 4;
    range_deletes_across_tables = 5;
    the_manifest_rolls = 6;
    the_log_rolls = 7;
    overwrites_under_a_snapshot = 8;
    close_and_open_again_and_again = 9;
    families_come_hold_batches_and_go = 10;
    writes_alternate_over_two_families = 11;
    unlogged_batches_over_two_families = 12;
    an_idle_family_while_the_log_rolls = 13;
    transactions_over_families = 14;
    merges_and_expiries = 15;
}
