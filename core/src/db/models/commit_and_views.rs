//! A commit becomes visible as a whole and in its order, also to who reads while the memtable is switched.
//!
//! Proved of `write::commit` and `Shared::read_view`: a reader that gets the number *n* with a state finds in that state everything
//! through *n*, both keys of a batch alike; and never less than was acknowledged before it began. Two writers make one
//! commit each; with the memtable's limit at one byte, the second of them switches it.
//!
//! Made up: nothing but the disk under the log. Fails with `publish-before-apply`.

use crate::db::models::bare::{bare, put, spawn};
use crate::iter::resolve::View;
use crate::options::Durability;
use crate::util::sync::atomic::{AtomicU64, Ordering};
use crate::util::sync::{Arc, explore};

fn commits_and_a_reader(memtable_limit: u64) {
    let (shared, _disk) = bare(memtable_limit);
    let acknowledged = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = [b"1", b"2"]
        .into_iter()
        .map(|value| {
            let (shared, acknowledged) = (shared.clone(), acknowledged.clone());
            spawn(move || {
                put(&shared, &[b"a", b"b"], value, Durability::Buffered).unwrap();
                acknowledged.fetch_add(2, Ordering::AcqRel);
            })
        })
        .collect();
    let least = acknowledged.load(Ordering::Acquire);
    let (current, seqno) = shared.read_view(&shared.default_family);
    assert!(seqno.get() >= least && seqno.get() % 2 == 0, "number {seqno} after {least} were acknowledged");
    let view = View { seqno, time_ms: 0 };
    let get = |key: &[u8]| current.get(key, &view, None, false).unwrap().map(|value| value.to_vec());
    let (a, b) = (get(b"a"), get(b"b"));
    assert_eq!(a, b, "half a batch at number {seqno}");
    assert_eq!(a.is_some(), seqno.get() > 0, "a view of {seqno} without its commits");
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(shared.visible_seqno().get(), 4);
}

#[test]
fn loom_a_view_has_all_commits_through_its_number() {
    explore("commits and a view", 2, || commits_and_a_reader(1 << 20));
}

#[test]
fn loom_a_view_has_all_commits_through_its_number_while_the_memtable_is_switched() {
    explore("commits, a switch and a view", 2, || commits_and_a_reader(1));
}
