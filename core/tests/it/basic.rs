//! What every user relies on first: puts, gets, batches, snapshots, cursors, bounds, closing, one open at a time.

use std::sync::Arc;

use esker::env::sim_fs::SimFs;
use esker::{Db, Durability, ErrorKind, Options, ReadOptions, WriteBatch, WriteOptions};

use crate::support::lives::Life;
use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

#[test]
fn the_empty_key_and_the_empty_value_are_legal() {
    let life = Life::new();
    life.put("", "");
    assert_eq!(life.get("").as_deref(), Some(""));
    let life = life.reopen();
    assert_eq!(life.get("").as_deref(), Some(""));
    life.db.delete("").unwrap();
    assert_eq!(life.get(""), None);
}

#[test]
fn a_value_larger_than_the_memtable_is_a_value_like_any_other() {
    let life = Life::new();
    let large = vec![7; 300 << 10];
    life.db.put("large", &large).unwrap();
    life.put("small", "x");
    assert_eq!(life.db.get("large").unwrap().as_deref(), Some(&large[..]));
    let life = life.kill();
    assert_eq!(life.db.get("large").unwrap().as_deref(), Some(&large[..]));
    life.db.compact_range(None, None).unwrap();
    assert_eq!(life.db.get("large").unwrap().as_deref(), Some(&large[..]));
}

#[test]
fn too_large_a_key_is_refused_and_nothing_is_written() {
    let life = Life::new();
    let error = life.db.put(vec![0; (8 << 20) + 1], "v").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(life.scan().is_empty());
}

#[test]
fn a_batch_is_applied_in_its_order() {
    let life = Life::new();
    let mut batch = WriteBatch::new();
    batch.put(b"a", b"1").unwrap();
    batch.delete_range(b"a", b"c").unwrap();
    batch.put(b"b", b"2").unwrap();
    life.db.write(&batch).unwrap();
    assert_eq!(life.scan(), [("b".to_owned(), "2".to_owned())]);
    // Unchanged, so it can be written again.
    life.put("a", "again");
    life.db.write(&batch).unwrap();
    assert_eq!(life.scan(), [("b".to_owned(), "2".to_owned())]);
}

#[test]
fn ranges_that_are_empty_or_reversed() {
    let life = Life::new();
    life.put("b", "v");
    life.db.delete_range("b", "b").unwrap();
    assert_eq!(life.db.delete_range("c", "a").unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(life.get("b").as_deref(), Some("v"));
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let life = Life::new();
    life.put("k", "before");
    let snapshot = life.db.snapshot().unwrap();
    life.put("k", "after");
    life.put("new", "x");
    life.db.compact_range(None, None).unwrap();
    let options = ReadOptions::new().with_snapshot(&snapshot);
    assert_eq!(life.db.get_with("k", &options).unwrap().as_deref(), Some(&b"before"[..]));
    assert_eq!(life.db.get_with("new", &options).unwrap(), None);
    let mut iter = life.db.iter_with(&options).unwrap();
    iter.seek_to_last().unwrap();
    assert_eq!((iter.key(), iter.value()), (&b"k"[..], &b"before"[..]));
}

#[test]
fn a_snapshot_of_another_database_is_refused() {
    let (one, other) = (Life::new(), Life::new());
    let snapshot = one.db.snapshot().unwrap();
    let error = other.db.get_with("k", &ReadOptions::new().with_snapshot(&snapshot)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn a_prefix_shows_exactly_its_keys() {
    let life = Life::new();
    for key in ["a", "ab", "ab\u{7f}", "abc", "ac", "b"] {
        life.put(key, "v");
    }
    let mut iter = life.db.iter_with(&ReadOptions::new().with_prefix("ab").with_upper_bound("abc")).unwrap();
    let mut keys = Vec::new();
    iter.seek_to_last().unwrap();
    while iter.valid() {
        keys.push(String::from_utf8(iter.key().to_vec()).unwrap());
        iter.prev().unwrap();
    }
    assert_eq!(keys, ["ab"]);
}

#[test]
fn after_close_everything_says_closed_and_what_was_read_stays() {
    let life = Life::new();
    life.put("k", "v");
    life.db.flush().unwrap();
    let (value, snapshot, mut iter) =
        (life.db.get("k").unwrap().unwrap(), life.db.snapshot().unwrap(), life.db.iter().unwrap());
    iter.seek_to_first().unwrap();
    life.db.close().unwrap();
    let closed = |kind: Option<ErrorKind>| assert_eq!(kind, Some(ErrorKind::Closed));
    closed(life.db.get("k").err().map(|e| e.kind()));
    closed(life.db.put("k", "w").err().map(|e| e.kind()));
    closed(life.db.flush().err().map(|e| e.kind()));
    closed(life.db.snapshot().err().map(|e| e.kind()));
    closed(life.db.stats().err().map(|e| e.kind()));
    closed(life.db.close().err().map(|e| e.kind()));
    assert_eq!((iter.key(), iter.value()), (&b"k"[..], &b"v"[..]), "what it shows stays readable");
    closed(iter.next().err().map(|e| e.kind()));
    closed(iter.seek("k").err().map(|e| e.kind()));
    assert_eq!(&*value, b"v");
    assert!(snapshot.seqno() > 0);
    // The directory is free although children live.
    Db::open_in(inline(Arc::new(life.disk.clone())), DIR, &life.options).unwrap();
}

#[test]
fn a_second_open_is_locked_until_the_first_is_closed() {
    let life = Life::new();
    let again = || Db::open_in(inline(Arc::new(life.disk.clone())), DIR, &life.options);
    assert_eq!(again().unwrap_err().kind(), ErrorKind::Locked);
    life.db.close().unwrap();
    again().unwrap();
}

#[test]
fn opening_says_what_is_there_and_what_is_not() {
    let disk = SimFs::new(1);
    let open = |options: &Options| Db::open_in(inline(Arc::new(disk.clone())), DIR, options).map(|db| db.close());
    let must_exist = Options { create_if_missing: false, ..tiny_options() };
    assert_eq!(open(&must_exist).unwrap_err().kind(), ErrorKind::NotFound);
    open(&tiny_options()).unwrap().unwrap();
    open(&must_exist).unwrap().unwrap();
    let must_not = Options { error_if_exists: true, ..tiny_options() };
    assert_eq!(open(&must_not).unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn read_only_reads_what_is_in_the_log_and_writes_nothing() {
    let life = Life::new();
    life.put("table", "1");
    life.db.flush().unwrap();
    life.put("log", "2");
    let Life { disk, options, db } = life;
    let left = disk.crash(esker::env::sim_fs::CrashImage::Everything);
    drop(db);
    let before = left.op_count();
    let read_only = Options { read_only: true, ..options };
    let db = Db::open_in(inline(Arc::new(left.clone())), DIR, &read_only).unwrap();
    assert_eq!(db.get("table").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(db.get("log").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(db.put("k", "v").unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(db.flush().unwrap_err().kind(), ErrorKind::ReadOnly);
    db.close().unwrap();
    use esker::env::op::OpKind;
    let writes = [OpKind::Write, OpKind::Create, OpKind::Remove, OpKind::Rename, OpKind::Truncate, OpKind::Allocate];
    let changes: Vec<_> = left.ops().into_iter().skip(before as usize).filter(|op| writes.contains(&op.kind)).collect();
    assert!(changes.iter().all(|op| op.path.ends_with("LOCK")), "{changes:?}");
}

#[test]
fn unlogged_writes_are_there_after_a_flush_and_after_a_close() {
    let unlogged = WriteOptions::new().durability(Durability::None);
    let life = Life::new();
    life.db.put_with("flushed", "1", &unlogged).unwrap();
    life.db.flush().unwrap();
    let life = life.kill();
    assert_eq!(life.get("flushed").as_deref(), Some("1"));
    life.db.put_with("closed", "2", &unlogged).unwrap();
    let life = life.reopen();
    assert_eq!(life.get("closed").as_deref(), Some("2"));
    life.db.put_with("lost", "3", &unlogged).unwrap();
    life.put("logged", "4");
    let life = life.kill();
    assert_eq!((life.get("lost"), life.get("logged").as_deref()), (None, Some("4")));
}

#[test]
fn flush_and_compaction_leave_no_file_behind_that_is_not_needed() {
    let life = Life::new();
    for round in 0..5 {
        for n in 0..30 {
            life.put(&format!("k{n}"), &format!("{round}"));
        }
        life.db.flush().unwrap();
    }
    life.db.compact_range(None, None).unwrap();
    let stats = life.db.stats().unwrap();
    assert_eq!(stats.number("obsolete_tables"), Some(0));
    use esker::env::fs::FileSystem;
    let names = life.disk.list(DIR.as_ref()).unwrap();
    let tables = names.iter().filter(|name| name.to_string_lossy().ends_with(".sst")).count();
    assert_eq!(tables, 1, "{names:?}");
}

#[test]
fn a_refreshed_iterator_sees_what_was_committed_since() {
    let life = Life::new();
    life.put("b", "1");
    let snapshot = life.db.snapshot().unwrap();
    let mut iter = life.db.iter_with(&ReadOptions::default().with_snapshot(&snapshot).with_upper_bound("c")).unwrap();
    life.put("a", "2");
    life.put("c", "beyond the bound");
    iter.seek_to_first().unwrap();
    assert_eq!(iter.key(), b"b");
    iter.refresh().unwrap();
    assert!(!iter.valid(), "it is for the caller to say where to go");
    iter.seek_to_first().unwrap();
    assert_eq!((iter.key(), iter.value()), (&b"a"[..], &b"2"[..]));
    iter.seek_to_last().unwrap();
    assert_eq!(iter.key(), b"b", "bounds stay");
    life.db.close().unwrap();
    assert_eq!(iter.refresh().unwrap_err().kind(), ErrorKind::Closed);
}

/// A refreshed iterator sought with the view it was born with, and so behind the entries of its key that were written since.
#[test]
fn a_refreshed_iterator_seeks_what_was_overwritten_since() {
    let life = Life::new();
    life.put("k", "old");
    life.put("l", "another");
    let mut iter = life.db.iter().unwrap();
    life.put("k", "new");
    life.db.flush().unwrap();
    iter.refresh().unwrap();
    iter.seek("k").unwrap();
    assert_eq!((iter.key(), iter.value()), (&b"k"[..], &b"new"[..]));
}

#[test]
fn sizes_of_ranges_are_about_right() {
    let life = Life::with(Options { compression: esker::options::Compression::None, ..tiny_options() });
    for i in 0..2000 {
        life.db.put(format!("{i:04}"), [b'v'; 100]).unwrap();
    }
    life.db.flush().unwrap();
    let size = |start: Option<&str>, end: Option<&str>| {
        life.db.approximate_size(start.map(str::as_bytes), end.map(str::as_bytes)).unwrap()
    };
    let all = size(None, None);
    assert!((200_000..400_000).contains(&all), "{all}");
    let half = size(None, Some("1000"));
    assert!((all * 4 / 10..all * 6 / 10).contains(&half), "{half} of {all}");
    assert!(size(Some("1000"), Some("1010")) < all / 20);
    assert_eq!(size(Some("3"), None), 0);
    assert!(life.db.approximate_size(Some(b"b"), Some(b"a")).is_err());
}

#[test]
fn properties_are_found_by_name() {
    let life = Life::new();
    life.put("k", "v");
    assert_eq!(life.db.property("latest_seqno").unwrap(), life.db.latest_seqno().unwrap().to_string());
    assert!(life.db.property("levels").unwrap().starts_with("[{\"level\":0"));
    let unknown = life.db.property("latest_seqn").unwrap_err();
    assert!(unknown.message().contains("latest_seqno"), "{unknown}");
}
