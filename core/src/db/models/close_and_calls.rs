//! A close and the calls that are under way: each ends, what was acknowledged is safe, and then nobody touches a file.
//!
//! Proved of `close::close` beside `write::commit` (logged, synced and unlogged) and `read::get`: a commit that was acknowledged
//! is on the medium when the close returns, or the close says that it failed; every other call gets `Closed`; after the close has
//! returned no call does anything to a file, and every new one is `Closed`.
//!
//! Made up: nothing but the disk; there is no MANIFEST, so that unlogged data cannot be installed and its close must fail.
//! Fails with `admit-after-close` and with `close-beside-callers`.
//!
//! A close beside a running sync once tried to sync the log itself, and returned `Busy` with nothing closed properly; and one beside
//! a compaction that its caller ran gave the directory away under it, which then took the next open's removals for damage.

use crate::compaction::beneath::Beneath;
use crate::compaction::plan::Compaction;
use crate::db::close;
use crate::db::models::bare::{bare, dir, put, spawn};
use crate::db::read;
use crate::db::read::options::ReadOptions;
use crate::db::state::Shared;
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::sim_fs::SimFs;
use crate::error::ErrorKind;
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::options::Durability;
use crate::util::sync::{Arc, explore};
use crate::version::file_meta::Level;
use crate::version::file_meta::testing::meta;

fn a_commit_and_a_close(durability: Durability) {
    let (shared, disk) = bare(1 << 20);
    let writer = spawn({
        let shared = shared.clone();
        move || put(&shared, &[b"k"], b"v", durability)
    });
    let closed = close::close(&shared);
    let (clean, operations) = (disk.is_clean(), disk.op_count());
    let get = read::get(&shared, &shared.default_family, b"k", &ReadOptions::default());
    assert_eq!(get.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(put(&shared, &[b"k"], b"w", durability).unwrap_err().kind(), ErrorKind::Closed);
    let written = writer.join().unwrap();
    let operations = disk.op_count() - operations;
    match (&written, durability) {
        (Ok(()), Durability::None) => assert!(closed.is_err(), "an unlogged commit was acknowledged and lost"),
        (Ok(()), _) => assert!(shared.counters.wal_bytes.get() > 0),
        (Err(error), _) => assert_eq!(error.kind(), ErrorKind::Closed, "{error}"),
    }
    if durability != Durability::None {
        assert!(closed.is_ok(), "{closed:?} beside {written:?}");
        assert!(clean, "something was not durable when the close returned");
        assert_eq!(operations, 0, "somebody used the files after the close");
    }
}

#[test]
fn loom_a_logged_commit_and_a_close() {
    explore("close and a logged commit", 3, || a_commit_and_a_close(Durability::Buffered));
}

#[test]
fn loom_a_synced_commit_and_a_close() {
    explore("close and a synced commit", 3, || a_commit_and_a_close(Durability::Sync));
}

#[test]
fn loom_an_unlogged_commit_and_a_close() {
    explore("close and an unlogged commit", 3, || a_commit_and_a_close(Durability::None));
}

/// A caller's compaction of one table, without what it reads and writes but for one file.
fn compact(shared: &Shared, disk: &SimFs) {
    let compaction = Compaction {
        family: FamilyId::DEFAULT,
        order: Order::Bytewise,
        level: Level::ZERO,
        output_level: Level::ZERO,
        inputs: [vec![Arc::new(meta(5, "a", "z", 1..=1))], Vec::new()],
        grandparents: Vec::new(),
        beneath: Beneath::Unknown,
        trivial_move: false,
        drop_unread: false,
        compress: false,
        target_file_size_bytes: 1 << 20,
        max_grandparent_bytes: 1 << 20,
    };
    let Ok(()) = shared.background.with_claims(|claims| claims.take(&compaction)) else { return };
    disk.open(&dir().join("000011.sst"), OpenMode::CreateNew).unwrap();
    shared.background.release(&compaction);
}

#[test]
fn loom_a_compaction_by_its_caller_and_a_close() {
    explore("close and a caller's compaction", 3, || {
        let (shared, disk) = bare(1 << 20);
        let caller = spawn({
            let (shared, disk) = (shared.clone(), disk.clone());
            move || compact(&shared, &disk)
        });
        close::close(&shared).unwrap();
        let operations = disk.op_count();
        caller.join().unwrap();
        assert_eq!(disk.op_count(), operations, "somebody used the files after the close");
    });
}

#[test]
fn loom_a_read_and_a_close() {
    explore("close and a read", 3, || {
        let (shared, _disk) = bare(1 << 20);
        put(&shared, &[b"k"], b"v", Durability::Buffered).unwrap();
        let reader = spawn({
            let shared = shared.clone();
            move || read::get(&shared, &shared.default_family, b"k", &ReadOptions::default())
        });
        close::close(&shared).unwrap();
        match reader.join().unwrap() {
            Ok(value) => {
                assert_eq!(value.as_deref(), Some(&b"v"[..]), "the emptied state of a closed database was read")
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Closed),
        }
    });
}
