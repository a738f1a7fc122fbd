//! Snapshots: views that stay, and the list of them that compaction must respect.
//!
//! A snapshot is born under the list's lock: the visible sequence number and the time are read *inside* it. Compaction takes the list
//! under the same lock, so every snapshot is either on the list it gets, or born later and then sees the newest version of
//! every key, as of a later time, which compaction never drops.

use std::collections::BTreeMap;
use std::fmt;

use crate::db::health::Health;
use crate::iter::resolve::View;
use crate::key::sequence::SeqNo;
use crate::util::planted::planted;
use crate::util::sync::{Arc, Mutex};

/// The sequence numbers that live snapshots hold, each with how many hold it.
#[derive(Debug, Default)]
pub struct SnapshotList {
    held: Mutex<BTreeMap<SeqNo, Held>>,
}

/// Snapshots of one number.
#[derive(Debug)]
struct Held {
    count: usize,
    /// The birth of the oldest of them; it stands until the last of them goes, which only keeps entries longer.
    oldest_time_ms: u64,
}

impl SnapshotList {
    /// A new snapshot of what `view` gives, which is called under the list's lock.
    pub fn take(self: &Arc<Self>, health: &Arc<Health>, view: impl FnOnce() -> View) -> Snapshot {
        let (mut held, View { seqno, time_ms }) = if planted("snapshot-before-its-list") {
            let view = view();
            (self.held.lock(), view)
        } else {
            let held = self.held.lock();
            (held, view())
        };
        let entry = held.entry(seqno).or_insert(Held { count: 0, oldest_time_ms: time_ms });
        entry.count += 1;
        entry.oldest_time_ms = entry.oldest_time_ms.min(time_ms);
        drop(held);
        let inner = Inner { seqno, time_ms, list: Arc::clone(self), health: Arc::clone(health) };
        Snapshot { inner: Arc::new(inner) }
    }

    /// All held numbers, the birth of the oldest snapshot, and what `view` gives, as of one moment: a snapshot that is not among
    /// them is born later, with at least that number and time.
    pub fn live(&self, view: impl FnOnce() -> View) -> (Vec<SeqNo>, Option<u64>, View) {
        let held = self.held.lock();
        let oldest_time_ms = held.values().map(|held| held.oldest_time_ms).min();
        (held.keys().copied().collect(), oldest_time_ms, view())
    }

    /// How many snapshots live.
    pub fn count(&self) -> usize {
        self.held.lock().values().map(|held| held.count).sum()
    }

    /// The smallest number that is held.
    pub fn oldest(&self) -> Option<SeqNo> {
        self.held.lock().keys().next().copied()
    }

    fn release(&self, seqno: SeqNo) {
        let mut held = self.held.lock();
        if let Some(entry) = held.get_mut(&seqno) {
            entry.count -= 1;
            if entry.count == 0 {
                held.remove(&seqno);
            }
        }
    }
}

/// The database as it was at one moment: exactly the commits before its birth, for as long as it lives.
///
/// Cheap to clone and owned: it may outlive the database handle, whose reads then answer `Closed`. Any number of threads.
/// While it lives, compaction keeps what it sees, so a forgotten snapshot costs disk space.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    seqno: SeqNo,
    time_ms: u64,
    list: Arc<SnapshotList>,
    health: Arc<Health>,
}

impl Snapshot {
    /// The sequence number of the last commit it sees.
    pub fn seqno(&self) -> u64 {
        self.inner.seqno.get()
    }

    /// The same as a number of the engine's own kind.
    pub(crate) fn view_seqno(&self) -> SeqNo {
        self.inner.seqno
    }

    /// The time its expiring entries are judged by.
    pub(crate) fn time_ms(&self) -> u64 {
        self.inner.time_ms
    }

    /// Whether it was taken from the database whose health this is.
    pub(crate) fn belongs_to(&self, health: &Arc<Health>) -> bool {
        Arc::ptr_eq(&self.inner.health, health)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A forked child's copy of the list's lock may be held by a thread that does not exist there.
        if !self.health.in_forked_child() {
            self.list.release(self.seqno);
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Snapshot({})", self.inner.seqno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_held_until_its_last_snapshot_goes() {
        let (list, health) = (Arc::new(SnapshotList::default()), Arc::new(Health::new(false, Default::default())));
        let at = |n| list.take(&health, || View { seqno: SeqNo::new(n).unwrap(), time_ms: 10 * n });
        let newest = || View { seqno: SeqNo::MAX, time_ms: 99 };
        let (a, b, c) = (at(5), at(5), at(9));
        let clone = a.clone();
        drop(a);
        drop(b);
        assert_eq!(list.live(newest).0, [SeqNo::new(5).unwrap(), SeqNo::new(9).unwrap()]);
        drop(clone);
        assert_eq!((list.live(newest).0.len(), list.count(), c.seqno()), (1, 1, 9));
    }
}
