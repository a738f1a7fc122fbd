//! [`SyncQueue`]: many writers, one fsync. Whoever finds no sync running runs one for everything logged so far; the rest
//! wait and find their write covered, or run the next one.
//!
//! Example: A, B and C have logged 5, 6 and 7. A starts a sync that covers 5..=6 because C was not there yet; B waits, is
//! covered and returns with A; C waits too, is not covered, and leads the next sync. The commit lock is free all the while.
//! No lock is held across the sync itself.

use crate::error::Result;
use crate::key::sequence::SeqNo;
use crate::util::planted::planted;
use crate::util::sync::{Condvar, Mutex};

/// Who syncs the log, and through which number it is synced.
#[derive(Debug, Default)]
pub struct SyncQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: bool,
    synced: SeqNo,
}

/// What a writer that needs a sync has to do.
pub enum Turn<'a> {
    /// Nothing: another's sync covered it.
    Covered,
    /// Run a sync, then [`Lead::finish`].
    Lead(Lead<'a>),
}

/// The right to run the one sync of the moment. Dropped without a result (an error, a panic), it lets the next one try.
pub struct Lead<'a> {
    queue: &'a SyncQueue,
}

impl SyncQueue {
    /// Waits until everything through `seqno` is synced or it is this caller's turn to sync.
    pub fn wait_turn(&self, seqno: SeqNo) -> Turn<'_> {
        let mut state = self.state.lock();
        loop {
            if state.synced >= seqno {
                return Turn::Covered;
            }
            if !state.running {
                state.running = true;
                return Turn::Lead(Lead { queue: self });
            }
            state = self.changed.wait(state);
        }
    }

    /// Returns when everything through `seqno` is durable: because another's sync covered it, or by `sync`, which makes durable what is
    /// logged by then and says how far that is.
    pub fn sync_through(&self, seqno: SeqNo, sync: impl FnOnce() -> Result<SeqNo>) -> Result<()> {
        match self.wait_turn(seqno) {
            Turn::Covered => Ok(()),
            Turn::Lead(lead) => {
                lead.finish(sync()?);
                Ok(())
            }
        }
    }

    /// The right to run a sync, after the one that is running. Whoever waits meanwhile is covered by what it finishes with.
    pub fn next_turn(&self) -> Lead<'_> {
        let mut state = self.state.lock();
        while state.running {
            state = self.changed.wait(state);
        }
        state.running = true;
        Lead { queue: self }
    }

    /// Notes that everything through `seqno` is durable, by whatever means.
    pub fn note_synced(&self, seqno: SeqNo) {
        let mut state = self.state.lock();
        state.synced = state.synced.max(seqno);
    }

    /// The last number known to be synced.
    pub fn synced(&self) -> SeqNo {
        self.state.lock().synced
    }
}

impl Lead<'_> {
    /// The sync succeeded and covers everything through `seqno`.
    pub fn finish(self, seqno: SeqNo) {
        self.queue.note_synced(seqno);
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.queue.state.lock().running = false;
        if !planted("forget-to-wake-syncers") {
            self.queue.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covered_writer_does_not_sync_again() {
        let queue = SyncQueue::default();
        let seqno = |n| SeqNo::new(n).unwrap();
        let Turn::Lead(lead) = queue.wait_turn(seqno(5)) else { panic!("nobody else syncs") };
        lead.finish(seqno(7));
        assert!(matches!(queue.wait_turn(seqno(7)), Turn::Covered));
        assert!(matches!(queue.wait_turn(seqno(8)), Turn::Lead(_)));
    }

    #[test]
    fn a_failed_leader_lets_the_next_one_try() {
        let queue = SyncQueue::default();
        let Turn::Lead(lead) = queue.wait_turn(SeqNo::MAX) else { panic!("nobody else syncs") };
        drop(lead);
        assert!(matches!(queue.wait_turn(SeqNo::MAX), Turn::Lead(_)));
        assert_eq!(queue.synced(), SeqNo::ZERO);
    }
}
