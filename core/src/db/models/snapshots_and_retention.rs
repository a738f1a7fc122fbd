//! A snapshot that is taken while a compaction works out what may go keeps what it sees.
//!
//! Proved of `SnapshotList`, `Shared::live_views` and `Retention`: of three versions of one key, which are published meanwhile, one
//! after the other, the newest that a snapshot sees is among those that a compaction writes again, whenever the snapshot is born
//! and whichever others live.
//!
//! Made up: the commits, which only publish their numbers. Fails with `snapshot-before-its-list`.

use crate::compaction::beneath::Beneath;
use crate::compaction::retention::{Fate, Retention};
use crate::db::models::bare::{bare, seqno, spawn};
use crate::db::state::Shared;
use crate::key::internal::ParsedKey;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::util::sync::explore;

/// Which of the versions 3, 2, 1 of a key a compaction keeps that starts now.
fn compact(shared: &Shared) -> Vec<u64> {
    let views = shared.live_views();
    let beneath = Beneath::Tables { l0: Vec::new(), levels: Vec::new() };
    let mut retention = Retention::new(&Order::Bytewise, &views, &beneath, &[]).unwrap();
    retention.start_key(b"k");
    let keeps = |n: &u64| {
        let key = ParsedKey { user_key: b"k", seqno: seqno(*n), kind: Kind::Put };
        retention.fate(&key, b"v").unwrap() != Fate::Drop
    };
    [3, 2, 1].into_iter().filter(keeps).collect()
}

#[test]
fn loom_what_a_snapshot_sees_is_kept_whenever_it_is_born() {
    explore("snapshots and retention", 3, || {
        let (shared, _disk) = bare(1 << 20);
        shared.publish(seqno(1));
        let committer = spawn({
            let shared = shared.clone();
            move || [2, 3].into_iter().for_each(|n| shared.publish(seqno(n)))
        });
        let reader = spawn({
            let shared = shared.clone();
            move || {
                let first = shared.snapshots.take(&shared.health, || shared.view_now());
                let second = shared.snapshots.take(&shared.health, || shared.view_now());
                drop(first);
                second
            }
        });
        let kept = compact(&shared);
        let snapshot = reader.join().unwrap();
        assert!(kept.contains(&snapshot.seqno()), "a snapshot at {} lost its version: {kept:?}", snapshot.seqno());
        committer.join().unwrap();
        assert_eq!(shared.snapshots.count(), 1);
        drop(snapshot);
        assert_eq!((shared.snapshots.count(), compact(&shared)), (0, vec![3]));
    });
}
