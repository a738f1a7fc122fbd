//! T5b: right answers under threads, on a real filesystem with real background threads. Writers own disjoint keys, so each
//! knows what its keys must hold; readers check that what they see was written, that snapshots do not move and that scans
//! are ordered; afterwards everything is verified, reopened and verified again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use esker::{Db, Durability, ErrorKind, Options, ReadOptions, WriteBatch, WriteOptions};

use crate::support::rng::{Rng, seed_or};
use crate::support::sets::tiny_options;

const WRITERS: usize = 4;
const KEYS: usize = 400;
const ROUNDS: usize = 6_000;

fn key(writer: usize, n: usize) -> String {
    format!("w{writer}/{n:05}")
}

/// What a writer's keys hold: the round in which each was written last.
type Expected = Vec<Option<usize>>;

fn write(db: &Db, writer: usize) -> Expected {
    let mut rng = Rng::new(seed_or(0).wrapping_add(writer as u64));
    let mut expected: Expected = vec![None; KEYS];
    for round in 0..ROUNDS {
        let n = rng.below(KEYS);
        match rng.below(20) {
            0 => {
                let end = (n + rng.below(30)).min(KEYS);
                db.delete_range(key(writer, n), key(writer, end)).unwrap();
                expected[n..end].fill(None);
            }
            1..3 => {
                db.delete(key(writer, n)).unwrap();
                expected[n] = None;
            }
            3..6 => {
                let mut batch = WriteBatch::new();
                let end = (n + 5).min(KEYS);
                for n in n..end {
                    batch.put(key(writer, n).as_bytes(), format!("{round}").as_bytes()).unwrap();
                }
                expected[n..end].fill(Some(round));
                db.write(&batch).unwrap();
            }
            _ => {
                let durability = if round % 500 == 0 { Durability::Sync } else { Durability::Buffered };
                let options = WriteOptions::new().durability(durability);
                db.put_with(key(writer, n), format!("{round}"), &options).unwrap();
                expected[n] = Some(round);
            }
        }
    }
    expected
}

/// Scans, as of one moment, both ways, and gets: all must agree.
fn read(db: &Db, stop: &AtomicBool, scans: &AtomicU64) {
    let mut rng = Rng::new(99);
    while !stop.load(Ordering::Relaxed) {
        let snapshot = db.snapshot().unwrap();
        let options = ReadOptions::new().with_snapshot(&snapshot).with_prefix(format!("w{}/", rng.below(WRITERS)));
        let mut iter = db.iter_with(&options).unwrap();
        let mut forward = Vec::new();
        iter.seek_to_first().unwrap();
        while iter.valid() {
            forward.push((iter.key().to_vec(), iter.value().to_vec()));
            iter.next().unwrap();
        }
        assert!(forward.is_sorted_by(|a, b| a.0 < b.0), "keys out of order");
        let mut again = db.iter_with(&options).unwrap();
        again.seek_to_last().unwrap();
        for (key, value) in forward.iter().rev() {
            assert_eq!((again.key(), again.value()), (&key[..], &value[..]), "the snapshot moved");
            again.prev().unwrap();
        }
        assert!(!again.valid());
        for (key, value) in forward.iter().step_by(17) {
            assert_eq!(db.get_with(key, &options).unwrap().as_deref(), Some(&value[..]), "get and scan disagree");
        }
        scans.fetch_add(1, Ordering::Relaxed);
    }
}

fn verify(db: &Db, expected: &[Expected]) {
    for (writer, keys) in expected.iter().enumerate() {
        for (n, round) in keys.iter().enumerate() {
            let got = db.get(key(writer, n)).unwrap();
            assert_eq!(
                got.as_deref(),
                round.map(|r| r.to_string()).as_ref().map(|r| r.as_bytes()),
                "{}",
                key(writer, n)
            );
        }
    }
}

#[test]
fn writers_readers_flushes_and_compactions_together() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { background_threads: 3, ..tiny_options() };
    let db = Db::open(dir.path(), &options).unwrap();
    let (stop, scans) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (db, stop, scans) = (db.clone(), stop.clone(), scans.clone());
            thread::spawn(move || read(&db, &stop, &scans))
        })
        .collect();
    let compactor = {
        let (db, stop) = (db.clone(), stop.clone());
        thread::spawn(move || {
            let mut n = 0;
            while !stop.load(Ordering::Relaxed) {
                n += 1;
                let writer = key(n % WRITERS, 0);
                db.compact_range(Some(writer.as_bytes()), None).unwrap();
                db.flush().unwrap();
            }
        })
    };
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let db = db.clone();
            thread::spawn(move || write(&db, writer))
        })
        .collect();
    let expected: Vec<Expected> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    stop.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    compactor.join().unwrap();
    verify(&db, &expected);
    db.close().unwrap();
    let report = Db::verify(dir.path()).unwrap();
    assert!(report.is_ok(), "{}", report.render());
    let db = Db::open(dir.path(), &options).unwrap();
    verify(&db, &expected);
    assert!(scans.load(Ordering::Relaxed) > 0);
}

#[test]
fn synced_writers_share_their_syncs() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), &Options::default()).unwrap();
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let db = db.clone();
            thread::spawn(move || {
                for n in 0..50 {
                    db.put_with(key(writer, n), "v", &WriteOptions::sync()).unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let stats = db.stats().unwrap();
    let (writes, syncs) = (stats.number("writes_total").unwrap(), stats.number("wal_syncs_total").unwrap());
    assert_eq!(writes, 400);
    assert!(syncs <= writes, "{syncs} syncs for {writes} writes");
}

#[test]
fn close_while_every_kind_of_call_is_running() {
    for round in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), &tiny_options()).unwrap();
        let callers: Vec<_> = (0..6)
            .map(|caller| {
                let db = db.clone();
                thread::spawn(move || {
                    for n in 0.. {
                        let result = match caller {
                            0 | 1 => db.put(key(caller, n), vec![7; 300]),
                            2 => db.get(key(0, n)).map(|_| ()),
                            3 => db.iter().and_then(|mut iter| iter.seek_to_first()),
                            4 => db.flush(),
                            _ => db.compact_range(None, None),
                        };
                        match result {
                            Ok(()) => {}
                            Err(error) if [ErrorKind::Closed, ErrorKind::Cancelled].contains(&error.kind()) => return,
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                })
            })
            .collect();
        while db.stats().unwrap().number("writes_total") < Some(50 * round) {
            thread::yield_now();
        }
        db.close().unwrap();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
        Db::open(dir.path(), &tiny_options()).unwrap().close().unwrap();
    }
}
