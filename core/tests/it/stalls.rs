//! T10: a write that background work does not keep up with waits, and every wait ends: when the work is done, after
//! `stall_timeout_ms`, or when somebody closes the database. What was refused is not there, and what was acknowledged is.
//!
//! The filesystem here holds back the files of a kind (`support/gate.rs`). So each of the three reasons to wait comes about by itself,
//! without a clock: tests wait for a counter of the statistics.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use esker::{Db, Environment, ErrorKind, Options};

use crate::support::gate::Gate;

/// A reason to wait: what is held back after how many files, what counts the waits, and what the error calls it.
struct Case {
    held: &'static str,
    passes: usize,
    counter: &'static str,
    said: &'static str,
}

const CASES: [Case; 3] = [
    Case { held: ".sst", passes: 1, counter: "stalls_memtables_total", said: "memtables to be flushed" },
    // Four flushes, and then neither a compaction nor a flush gets any further.
    Case { held: ".sst", passes: 4, counter: "stalls_level0_total", said: "level 0 to be compacted" },
    Case { held: ".wal", passes: 2, counter: "stalls_wal_segment_total", said: "the next log segment" },
];

impl Case {
    fn options(&self, stall_timeout_ms: u64) -> Options {
        let memtable_size = if self.held == ".wal" { 16 << 20 } else { 64 << 10 };
        Options {
            memtable_size,
            wal_segment_size: 64 << 10,
            l0_compaction_trigger: 4,
            l0_stall_trigger: 4,
            stall_timeout_ms,
            ..Options::default()
        }
    }

    fn open(&self, dir: &Path, stall_timeout_ms: u64) -> (Arc<Gate>, Db) {
        // The log's first segments, and no table, are made by the first open.
        let gate = Gate::new(self.held, self.passes);
        let environment = Environment { fs: gate.clone(), ..Environment::system() };
        let db = Db::open_in(environment, dir, &self.options(stall_timeout_ms)).unwrap();
        (gate, db)
    }
}

/// Scattered, so that every table overlaps every other, and none just moves down a level.
fn key(n: u32) -> [u8; 4] {
    n.reverse_bits().to_be_bytes()
}

/// Puts values until one is refused for this reason, or because nothing is written any more; how many were not, and why that one
/// was. On a busy machine a write may be refused for another reason before; it is tried again.
fn fill(db: &Db, reason: &str) -> (u32, esker::Error) {
    for n in 0..100_000 {
        while let Err(error) = db.put(key(n), [7; 4 << 10]) {
            if error.kind() != ErrorKind::Busy || error.to_string().contains(reason) {
                return (n, error);
            }
        }
    }
    panic!("nothing ever stalled");
}

fn check(db: &Db, count: u32) {
    for n in 0..count {
        assert_eq!(db.get(key(n)).unwrap().as_deref(), Some(&[7; 4 << 10][..]), "{n} of {count}");
    }
    assert_eq!(db.get(key(count)).unwrap(), None, "what was refused is there");
}

#[test]
fn a_write_waits_no_longer_than_it_was_told_and_goes_through_when_the_work_is_done() {
    for case in &CASES {
        let dir = tempfile::tempdir().unwrap();
        let (gate, db) = case.open(dir.path(), 20);
        let (count, error) = fill(&db, case.said);
        assert_eq!(error.kind(), ErrorKind::Busy, "{}: {error:?}", case.said);
        assert!(db.stats().unwrap().number(case.counter) > Some(0), "{}", case.counter);
        check(&db, count);
        gate.open_for_good();
        // Refused again as long as the work takes, and never for another reason.
        while let Err(error) = db.put("after", "there is room") {
            assert_eq!(error.kind(), ErrorKind::Busy, "{}: {error:?}", case.said);
        }
        check(&db, count);
        db.close().unwrap();
        let db = Db::open(dir.path(), &case.options(1000)).unwrap();
        check(&db, count);
        assert_eq!(db.get("after").unwrap().as_deref(), Some(&b"there is room"[..]));
    }
}

#[test]
fn a_close_ends_a_wait_that_nothing_else_would_end() {
    for case in &CASES {
        let dir = tempfile::tempdir().unwrap();
        let (gate, db) = case.open(dir.path(), 3_600_000);
        let writer = {
            let db = db.clone();
            thread::spawn(move || fill(&db, case.said))
        };
        while db.stats().unwrap().number(case.counter) == Some(0) {
            thread::yield_now();
        }
        let closer = {
            let db = db.clone();
            thread::spawn(move || db.close())
        };
        // The gate is closed still: the writer comes back although the work that it waited for has not moved.
        let (count, error) = writer.join().unwrap();
        assert_eq!(error.kind(), ErrorKind::Closed, "{}: {error:?}", case.said);
        gate.open_for_good();
        closer.join().unwrap().unwrap();
        let db = Db::open(dir.path(), &case.options(1000)).unwrap();
        check(&db, count);
    }
}
