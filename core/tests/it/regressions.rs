//! What other engines got wrong, and must stay right here: one named test for each story. Those that have a home elsewhere are
//! named in the list at the end, so that every item of the list can be found from here.

use std::sync::Arc;

use esker::env::fault_fs::{Fault, FaultFs, FaultPlan};
use esker::env::fs::{FileSystem, OpenMode};
use esker::env::op::{OpKind, OpKinds};
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::{Db, Durability, ErrorKind, FamilyOptions, ReadOptions, WriteOptions};

use crate::support::lives::Life;
use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

fn names(disk: &SimFs, ending: &str) -> Vec<std::path::PathBuf> {
    let mut names: Vec<_> = disk.list(DIR.as_ref()).unwrap();
    names.sort();
    names.retain(|name| name.to_string_lossy().ends_with(ending));
    names.into_iter().map(|name| std::path::Path::new(DIR).join(name)).collect()
}

fn open(disk: &SimFs) -> Result<Db, esker::Error> {
    Db::open_in(inline(Arc::new(disk.clone())), DIR, &tiny_options())
}

fn open_faulty(disk: &SimFs) -> (FaultFs, Db) {
    let faulty = FaultFs::over_sim(disk);
    let db = Db::open_in(inline(Arc::new(faulty.clone())), DIR, &tiny_options()).unwrap();
    (faulty, db)
}

/// A table holds one point and a range tombstone that reaches far beyond it. Compaction that goes by the point keys alone moves
/// it past the tables it covers, and what it deleted comes back.
#[test]
fn keys_stay_dead_after_compaction_of_a_tombstone_wider_than_its_tables_points() {
    let life = Life::new();
    for n in 0..200 {
        life.put(&format!("k{n:03}"), "old");
    }
    life.db.compact_range(None, None).unwrap();
    life.db.delete_range("k", "l").unwrap();
    life.put("k100", "new");
    life.db.flush().unwrap();
    for (start, end) in [("k100", "k101"), ("a", "k050"), ("k150", "z")] {
        life.db.compact_range(Some(start.as_bytes()), Some(end.as_bytes())).unwrap();
        assert_eq!(life.scan(), [("k100".to_owned(), "new".to_owned())], "after compacting {start}..{end}");
    }
    let life = life.reopen();
    assert_eq!(life.scan(), [("k100".to_owned(), "new".to_owned())]);
}

/// compact_range took only the level-0 tables that touch its range: a newer table went down, an older one that overlaps it
/// outside the range stayed above, and reads went back in time.
#[test]
fn a_newer_level_0_table_never_moves_below_an_older_one_that_overlaps_it() {
    let options = esker::Options { l0_compaction_trigger: 50, l0_stall_trigger: 60, ..tiny_options() };
    let life = Life::with(options);
    life.put("m", "old");
    life.put("x", "old");
    life.db.flush().unwrap();
    life.put("a", "new");
    life.put("x", "new");
    life.db.flush().unwrap();
    life.db.compact_range(Some(b"a"), Some(b"b")).unwrap();
    assert_eq!((life.get("x").as_deref(), life.get("m").as_deref()), (Some("new"), Some("old")));
}

/// A block that cannot be read was taken for the end of the table: a scan ended early and said all was well, and the next
/// compaction made the loss permanent.
#[test]
fn a_damaged_block_ends_a_scan_with_an_error_and_stops_compaction() {
    let life = Life::new();
    for n in 0..300 {
        life.put(&format!("k{n:03}"), "some value to fill blocks with");
    }
    life.db.compact_range(None, None).unwrap();
    let table = names(&life.disk, ".sst").remove(0);
    let file = life.disk.open(&table, OpenMode::ReadWrite).unwrap();
    file.write_at(&[0xff; 4], 600).unwrap();
    let life = life.kill();
    let mut iter = life.db.iter().unwrap();
    let mut seen = 0;
    let mut moved = iter.seek_to_first();
    while moved.is_ok() && iter.valid() {
        seen += 1;
        moved = iter.next();
    }
    assert_eq!(moved.unwrap_err().kind(), ErrorKind::Corruption, "after {seen} keys");
    assert_eq!(iter.status().unwrap_err().kind(), ErrorKind::Corruption, "the error is sticky");
    let error = life.db.compact_range(None, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption);
    assert!(names(&life.disk, ".sst").contains(&table), "the damaged table is still there");
    assert!(life.db.poisoned().is_none());
    life.put("after", "writes go on");
}

/// One flipped byte in the MANIFEST gave an empty list of tables, and all tables were removed as orphans.
#[test]
fn a_flipped_byte_in_the_manifest_empties_nothing() {
    let life = Life::new();
    life.put("k", "v");
    life.db.flush().unwrap();
    life.db.close().unwrap();
    let tables = names(&life.disk, ".sst");
    let manifest = names(&life.disk, "MANIFEST-000001").remove(0);
    let file = life.disk.open(&manifest, OpenMode::ReadWrite).unwrap();
    for offset in (0..file.len().unwrap().min(4096)).step_by(13) {
        let mut byte = [0];
        file.read_at(&mut byte, offset).unwrap();
        file.write_at(&[byte[0] ^ 0x20], offset).unwrap();
        match open(&life.disk) {
            Ok(db) => assert_eq!(db.get("k").unwrap().as_deref(), Some(&b"v"[..]), "byte {offset}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corruption, "byte {offset}: {error:?}"),
        }
        assert_eq!(names(&life.disk, ".sst").len(), tables.len(), "byte {offset}: a table is gone");
        file.write_at(&byte, offset).unwrap();
    }
}

/// A torn tail of the MANIFEST was skipped but not cut off; what was appended behind it was lost at the open after.
#[test]
fn a_torn_manifest_tail_followed_by_appends() {
    for image in
        [CrashImage::Random { seed: 3 }, CrashImage::TornLastWrite { seed: 1 }, CrashImage::GarbageTail { seed: 2 }]
    {
        let disk = SimFs::new(4);
        disk.record_states();
        let db = open(&disk).unwrap();
        db.put("a", "1").unwrap();
        db.flush().unwrap();
        db.put("b", "2").unwrap();
        let start = disk.op_count();
        db.flush().unwrap();
        for op in start..disk.op_count() {
            let left = disk.state_before(op).unwrap().crash(image);
            for round in 0..3 {
                let db =
                    open(&left).unwrap_or_else(|error| panic!("{image:?}, operation {op}, open {round}: {error:?}"));
                assert_eq!(db.get("a").unwrap().as_deref(), Some(&b"1"[..]), "{image:?}, operation {op}, open {round}");
                db.put(format!("round{round}"), "x").unwrap();
                db.flush().unwrap();
                db.close().unwrap();
            }
            let db = open(&left).unwrap();
            assert!(
                (0..3).all(|round| db.get(format!("round{round}")).unwrap().is_some()),
                "{image:?}, operation {op}"
            );
        }
    }
}

/// An ordinary crash tears the last record of the log; engines refused to open after it.
#[test]
fn a_torn_last_log_record_opens() {
    for cut in 1..40 {
        let life = Life::new();
        life.put("first", "kept");
        life.put("last", "torn");
        let log = names(&life.disk, ".wal").remove(0);
        let file = life.disk.open(&log, OpenMode::ReadWrite).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        file.read_at(&mut bytes, 0).unwrap();
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        file.write_at(&vec![0; cut], (used - cut) as u64).unwrap();
        let life = life.kill();
        assert_eq!((life.get("first").as_deref(), life.get("last")), (Some("kept"), None), "{cut} bytes torn off");
        life.put("after", "x");
        let life = life.kill();
        assert_eq!(life.get("after").as_deref(), Some("x"));
    }
}

/// A memtable was taken out of the read path before its table was built: when that failed, its data was gone from reads.
#[test]
fn a_flush_that_fails_hides_nothing() {
    let disk = SimFs::new(6);
    let (faulty, db) = open_faulty(&disk);
    db.put("k", "v").unwrap();
    let tables = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "sst");
    faulty.inject(FaultPlan::new(Fault::Eio, 0).among(OpKinds::of(&[OpKind::Write])).on(tables));
    assert_eq!(db.flush().unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(db.get("k").unwrap().as_deref(), Some(&b"v"[..]));
    faulty.heal();
    db.flush().unwrap();
    assert_eq!(db.get("k").unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(names(&disk, ".sst").len(), 1, "the failed output is gone");
}

/// A failed fsync was repeated, reported success for pages the kernel had dropped, and the write was acknowledged.
#[test]
fn a_failed_sync_is_final() {
    let disk = SimFs::new(7);
    let (faulty, db) = open_faulty(&disk);
    db.put("before", "1").unwrap();
    db.sync().unwrap();
    db.put("k", "v").unwrap();
    faulty.inject(FaultPlan::new(Fault::SyncEioPageClean, 0));
    assert_eq!(db.sync().unwrap_err().kind(), ErrorKind::Io);
    faulty.heal();
    let syncs = || {
        faulty
            .ops()
            .iter()
            .filter(|op| op.kind == OpKind::Sync && op.path.extension().is_some_and(|e| e == "wal"))
            .count()
    };
    let count = syncs();
    assert_eq!(db.sync().unwrap_err().kind(), ErrorKind::Poisoned);
    assert_eq!(db.put("later", "x").unwrap_err().kind(), ErrorKind::Poisoned);
    assert!(db.close().is_err());
    assert_eq!(syncs(), count, "no log file was synced again");
    assert_eq!(
        open(&disk.crash(CrashImage::NothingUnsynced)).unwrap().get("before").unwrap().as_deref(),
        Some(&b"1"[..])
    );
}

/// A full disk cut a record short; later records went behind it and were acknowledged, and replay stopped before them.
#[test]
fn acknowledged_writes_after_a_record_cut_short_by_a_full_disk_survive() {
    for at_op in 0..6 {
        let disk = SimFs::new(8);
        let (faulty, db) = open_faulty(&disk);
        db.put("before", "1").unwrap();
        let logs = |path: &std::path::Path| path.extension().is_some_and(|extension| extension == "wal");
        faulty.inject(FaultPlan::new(Fault::EnospcMidWrite, at_op).on(logs));
        let mut acknowledged = Vec::new();
        for n in 0..12 {
            if db.put(format!("k{n:02}"), vec![n; 200]).is_ok() {
                acknowledged.push(n);
            }
        }
        faulty.heal();
        for n in 12..20 {
            db.put(format!("k{n:02}"), vec![n; 200]).unwrap();
            acknowledged.push(n);
        }
        assert!(faulty.fired() == 1 && acknowledged.len() == 19, "one write failed: {acknowledged:?}");
        let db = open(&disk.crash(CrashImage::Everything)).unwrap();
        for n in &acknowledged {
            assert_eq!(
                db.get(format!("k{n:02}")).unwrap().as_deref(),
                Some(&vec![*n; 200][..]),
                "k{n:02}, fault at {at_op}"
            );
        }
    }
}

/// seek_for_prev beyond the upper bound showed a key behind it, or looped.
#[test]
fn bounds_hold_for_seek_for_prev() {
    let life = Life::new();
    for key in ["a", "b", "c", "d", "e"] {
        life.put(key, "v");
    }
    let mut iter = life.db.iter_with(&ReadOptions::new().with_lower_bound("b").with_upper_bound("d")).unwrap();
    for (target, expected) in [("e", "c"), ("d", "c"), ("c", "c"), ("bb", "b"), ("b", "b")] {
        iter.seek_for_prev(target).unwrap();
        assert_eq!(iter.key(), expected.as_bytes(), "{target}");
    }
    iter.seek_for_prev("az").unwrap();
    assert!(!iter.valid(), "nothing within bounds lies before");
    iter.seek("a").unwrap();
    assert_eq!(iter.key(), b"b");
    iter.prev().unwrap();
    assert!(!iter.valid());
}

/// After one source was exhausted, turning round forgot it.
#[test]
fn a_change_of_direction_after_a_source_is_exhausted() {
    let life = Life::new();
    for (round, keys) in [["a", "d"], ["b", "e"], ["c", "f"]].iter().enumerate() {
        for key in keys {
            life.put(key, &round.to_string());
        }
        if round < 2 {
            life.db.flush().unwrap();
        }
    }
    let mut iter = life.db.iter().unwrap();
    iter.seek("e").unwrap();
    iter.next().unwrap();
    assert_eq!(iter.key(), b"f", "every table is exhausted now");
    for expected in ["e", "d", "c", "b", "a"] {
        iter.prev().unwrap();
        assert_eq!(iter.key(), expected.as_bytes());
    }
    for expected in ["b", "c", "d"] {
        iter.next().unwrap();
        assert_eq!(iter.key(), expected.as_bytes());
    }
}

/// Close flushed unlogged data before it synced the log: the power failed in between, and a later commit to one family was there,
/// an earlier one to another was not.
#[test]
fn a_close_makes_no_later_commit_durable_before_an_earlier_one() {
    let disk = SimFs::new(7);
    let db = open(&disk).unwrap();
    let other = db.create_family("other", &FamilyOptions::default()).unwrap();
    db.sync().unwrap();
    db.put_with("earlier", "logged", &WriteOptions::new().durability(Durability::Buffered)).unwrap();
    db.put_in(&other, "later", "unlogged", &WriteOptions::new().durability(Durability::None)).unwrap();
    disk.record_states();
    db.close().unwrap();
    let mut both = 0;
    for point in disk.crash_points() {
        for image in CrashImage::all(point.op) {
            let db = open(&point.disk.crash(image)).unwrap();
            let earlier = db.get("earlier").unwrap().is_some();
            let later = db.get_in(&db.family("other").unwrap(), "later", &ReadOptions::new()).unwrap().is_some();
            assert!(earlier || !later, "{point}, {image:?}: the later one alone");
            both += usize::from(earlier && later);
        }
    }
    assert!(both > 0);
}

/// A process dies between the renaming of IDENTITY or CURRENT and the sync of the directory: both are to be read, neither is durable.
/// The next open makes a log segment, and then the power fails. A disk that kept the new name and lost the old one was "a directory
/// that has been in use, without its IDENTITY", for ever. (The long tier found it: ESKER_SEED=1795440000.)
#[test]
fn a_name_that_a_killed_process_left_is_durable_before_there_are_others() {
    let disk = SimFs::new(8);
    disk.record_states();
    let db = open(&disk).unwrap();
    db.put_with("k", "v", &WriteOptions::sync()).unwrap();
    db.close().unwrap();
    let mut crashes = 0;
    for point in disk.crash_points() {
        let killed = point.disk.crash(CrashImage::Killed);
        killed.record_states();
        drop(open(&killed));
        for later in killed.crash_points() {
            for image in
                [CrashImage::NothingUnsynced].into_iter().chain((0..24).map(|seed| CrashImage::Random { seed }))
            {
                let opened = open(&later.disk.crash(image));
                opened.unwrap_or_else(|error| panic!("killed {point}, then {later}, {image:?}: {error}"));
                crashes += 1;
            }
        }
    }
    assert!(crashes > 10_000, "{crashes}");
}

/// The stories that are told elsewhere; the file names its test, and the test exists. (Use after fork needs a fork, which is
/// unsafe code here: tests/c/fork.c and the Python tests tell it.)
#[test]
fn the_other_stories_have_their_tests() {
    let elsewhere = [
        ("a value larger than the write buffer", include_str!("basic.rs"), "fn a_value_larger_than_the_memtable"),
        ("a directory that cannot be moved", include_str!("doors.rs"), "fn a_moved_database_opens_where_it_is"),
        ("numbers reused after a crash", include_str!("continuity.rs"), "fn the_first_number_after_a_crash_is_above"),
        ("a value or iterator that outlives close", include_str!("basic.rs"), "fn after_close_everything_says_closed"),
    ];
    for (story, source, test) in elsewhere {
        assert!(source.contains(test), "{story}: {test} is gone");
    }
}
