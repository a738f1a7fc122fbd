//! Many writers, one sync: join a group or lead one, hand the lead over, and a leader that fails.
//!
//! Proved of [`SyncQueue::sync_through`], for three writers: whoever gets `Ok` finds its own record durable; two syncs never run at
//! once; every writer returns, also when the sync of one fails, after which no later one succeeds by what was lost.
//!
//! Made up: the log, which is how far it reaches and how far it is durable. Fails with `forget-to-wake-syncers`: a writer that waits
//! for a leader who has gone sleeps for ever.

use crate::db::models::bare::{seqno, spawn};
use crate::db::write::sync_queue::SyncQueue;
use crate::error::{Error, ErrorKind, Result};
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::util::sync::{Arc, Mutex, explore};

#[derive(Default)]
struct Log {
    queue: SyncQueue,
    end: Mutex<u64>,
    durable: AtomicU64,
    syncing: AtomicBool,
    /// How many syncs may succeed.
    good: AtomicU64,
    failed: AtomicBool,
}

impl Log {
    fn new(good: u64) -> Arc<Log> {
        Arc::new(Log { good: AtomicU64::new(good), ..Log::default() })
    }

    /// One writer: a record, and a sync that covers it.
    fn write(&self) -> Result<()> {
        let own = {
            let mut end = self.end.lock();
            *end += 1;
            *end
        };
        let done = self.queue.sync_through(seqno(own), || self.sync());
        if done.is_ok() {
            assert!(self.durable.load(Ordering::Acquire) >= own, "record {own} was acknowledged and is not durable");
        }
        done
    }

    fn sync(&self) -> Result<crate::key::sequence::SeqNo> {
        if self.failed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Poisoned, "an earlier sync failed"));
        }
        let through = *self.end.lock();
        assert!(!self.syncing.swap(true, Ordering::AcqRel), "two syncs at once share one error");
        let good = self.good.load(Ordering::Relaxed);
        let done = if good == 0 {
            self.failed.store(true, Ordering::Release);
            Err(Error::new(ErrorKind::Io, "the sync failed"))
        } else {
            self.good.store(good - 1, Ordering::Relaxed);
            self.durable.store(through, Ordering::Release);
            Ok(seqno(through))
        };
        self.syncing.store(false, Ordering::Release);
        done
    }
}

#[test]
fn loom_every_writer_is_covered_by_one_sync_at_a_time() {
    explore("shared syncs", 3, || {
        let log = Log::new(3);
        let others: Vec<_> = (0..2).map(|_| log.clone()).map(|log| spawn(move || log.write())).collect();
        log.write().unwrap();
        others.into_iter().for_each(|other| other.join().unwrap().unwrap());
        assert_eq!(log.queue.synced(), seqno(3));
    });
}

#[test]
fn loom_a_leader_that_fails_wakes_the_others_and_none_of_them_believes_it() {
    explore("shared syncs, the second fails", 3, || {
        let log = Log::new(1);
        let others: Vec<_> = (0..2).map(|_| log.clone()).map(|log| spawn(move || log.write())).collect();
        let mut good = u64::from(log.write().is_ok());
        for other in others {
            good += u64::from(other.join().unwrap().is_ok());
        }
        // The first sync covered somebody, and whoever it did not cover was told.
        assert_eq!(good, log.durable.load(Ordering::Acquire));
        assert!(good >= 1);
    });
}
