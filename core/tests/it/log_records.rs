//! What the engine tells of itself: `Db::drain_log` after everything that it does of its own accord.

use std::sync::Arc;

use esker::env::fault_fs::{Fault, FaultFs, FaultPlan};
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::{Db, FamilyOptions, LogLevel, LogRecord, Options, WriteOptions};

use crate::support::script::{DIR, inline};

fn open(disk: &SimFs) -> Db {
    Db::open_in(inline(Arc::new(disk.clone())), DIR, &Options::default()).unwrap()
}

/// What was told, as lines; numbers that depend on sizes are cut off.
fn lines(db: &Db) -> Vec<String> {
    assert_eq!(db.has_log(), db.has_log(), "asking changes nothing");
    let records = db.drain_log().unwrap();
    assert!(!db.has_log() && db.drain_log().unwrap().is_empty(), "each record once");
    assert!(records.is_sorted_by_key(|record| record.time_ms));
    records.iter().map(ToString::to_string).collect()
}

fn one_starts(lines: &[String], with: &str) {
    let found = lines.iter().filter(|line| line.starts_with(with)).count();
    assert_eq!(found, 1, "{with:?} in {lines:#?}");
}

#[test]
fn a_life_is_told_in_order() {
    let disk = SimFs::new(1);
    let db = open(&disk);
    one_starts(&lines(&db), "info open: Esker ");
    for n in 0..2 {
        db.put("k", n.to_string()).unwrap();
        db.flush().unwrap();
    }
    db.compact_range(None, None).unwrap();
    let work = lines(&db);
    assert_eq!(work.iter().filter(|line| line.starts_with("info flush: 1 memtables became 1 tables")).count(), 2);
    one_starts(&work, "info compaction: 2 tables of family \"default\" from L0 into L");
    let family = db.create_family("users", &FamilyOptions::default()).unwrap();
    db.drop_family(&family).unwrap();
    assert_eq!(lines(&db), ["info family: family \"users\" was created", "info family: family \"users\" was dropped"]);
    db.close().unwrap();
    assert_eq!(lines(&db), ["info close: closed"], "also after the end");
}

#[test]
fn a_tail_that_was_cut_off_is_a_warning() {
    let disk = SimFs::new(3);
    let db = open(&disk);
    db.put_in(&db.default_family(), "synced", "1", &WriteOptions::default()).unwrap();
    db.sync().unwrap();
    for n in 0..100 {
        db.put(format!("k{n}"), vec![b'v'; 200]).unwrap();
    }
    let mut warned = 0;
    for seed in 0..20 {
        let left = disk.crash(CrashImage::Random { seed });
        let told = lines(&open(&left));
        one_starts(&told, "info open: ");
        warned += told.iter().filter(|line| line.starts_with("warning open: the log ended in ")).count();
    }
    assert!(warned > 0, "no crash image had half a tail");
}

#[test]
fn failures_and_what_they_lead_to_are_errors() {
    let disk = FaultFs::over_sim(&SimFs::new(1));
    let disk = Arc::new(disk);
    let db = Db::open_in(inline(disk.clone()), DIR, &Options::default()).unwrap();
    db.put("k", "v").unwrap();
    db.drain_log().unwrap();
    disk.inject(FaultPlan::new(Fault::SyncEioPageClean, 0));
    assert!(db.sync().is_err());
    let records: Vec<LogRecord> = db.drain_log().unwrap();
    let poisoned: Vec<_> = records.iter().filter(|record| record.what == "poisoned").collect();
    assert_eq!(poisoned.len(), 1, "{records:?}");
    assert!(poisoned[0].level == LogLevel::Error && poisoned[0].text.starts_with("read-only until it is opened again"));
    assert!(db.close().is_err());
    one_starts(&lines(&db), "error close: closed, but not all is durable: ");
}
