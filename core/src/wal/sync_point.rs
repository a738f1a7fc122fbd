//! [`SyncPoint`]: making the log durable while others go on appending to it.
//!
//! ```text
//! under the commit lock    point = writer.sync_point()     which segments, through which number
//! without it               synced = point.run()            one fdatasync each, oldest first
//! under it again           writer.note_synced(synced)      later records and the slot say so
//! ```
//! Invariants: only one point is at work at a time, because two concurrent fsyncs of a file share one error between them, so
//! that one of them would report success for lost data; after a failed sync no file of this log is ever synced again.
//! Thread rule: a point may run on any thread.

use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::util::sync::atomic::{AtomicBool, Ordering};
use crate::util::sync::{Arc, OnceLock};
use crate::wal::segment::Segment;

/// What the writer and a running point share.
#[derive(Debug, Default)]
pub(super) struct SyncState {
    failed: OnceLock<Error>,
    at_work: AtomicBool,
}

impl SyncState {
    /// The failure after which nothing is synced any more.
    pub(super) fn failure(&self) -> Option<&Error> {
        self.failed.get()
    }

    fn fail(&self, error: Error) -> Error {
        self.failed.get_or_init(|| error).clone()
    }
}

/// A segment and how much of it a sync makes durable.
#[derive(Debug)]
pub(super) struct Cover {
    pub(super) segment: Arc<Segment>,
    pub(super) end: u64,
}

/// A decision to make everything through some number durable.
#[derive(Debug)]
#[must_use = "nothing is durable before it has run"]
pub struct SyncPoint {
    state: Arc<SyncState>,
    covers: Vec<Cover>,
    through: SeqNo,
    running: bool,
}

/// Proof that everything through a number is durable.
#[derive(Debug)]
#[must_use = "the writer does not know before it is told"]
pub struct SyncedThrough {
    pub(super) seqno: SeqNo,
    pub(super) covers: Vec<Cover>,
}

impl SyncedThrough {
    /// The last sequence number that is durable.
    pub fn seqno(&self) -> SeqNo {
        self.seqno
    }
}

impl SyncPoint {
    /// A point over `covers`, oldest first. `Busy` if another one has not ended.
    pub(super) fn new(state: &Arc<SyncState>, covers: Vec<Cover>, through: SeqNo) -> Result<SyncPoint> {
        if let Some(error) = state.failure() {
            return Err(error.clone());
        }
        if state.at_work.swap(true, Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Busy, "another sync of the WAL has not ended"));
        }
        Ok(SyncPoint { state: Arc::clone(state), covers, through, running: false })
    }

    /// Syncs. A failure is final for the log: its data may be gone although a second sync would report success.
    pub fn run(mut self) -> Result<SyncedThrough> {
        self.running = true;
        for Cover { segment, .. } in &self.covers {
            if let Err(error) = segment.io.sync() {
                // A full disk that shows only now is a failed sync like any other: room later does not bring the data back.
                let error = error.with_kind(ErrorKind::Io).context(format!("sync of WAL segment {}", segment.number));
                return Err(self.state.fail(error));
            }
        }
        self.running = false;
        Ok(SyncedThrough { seqno: self.through, covers: std::mem::take(&mut self.covers) })
    }
}

impl Drop for SyncPoint {
    fn drop(&mut self) {
        if self.running {
            // Either a sync failed, which is on record already, or one panicked, and nobody knows how it would have ended.
            self.state.fail(Error::new(ErrorKind::Panic, "a sync of the WAL was interrupted"));
        }
        self.state.at_work.store(false, Ordering::Release);
    }
}
