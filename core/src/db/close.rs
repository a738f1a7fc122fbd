//! Closing: everything acknowledged is made durable, the directory is let go, memory is given back.
//!
//! In order: new calls get `Closed`; writers that wait return; running compactions give up, also those that callers run, other
//! jobs end; the log is synced with its slot, after the sync that may be running; unlogged data is flushed; the MANIFEST is
//! synced; LOCK is released. Reads that are running finish on their own view, or are `Closed` if it needs a table that the next open
//! has removed. Child handles keep what they hold, not the directory: it can be opened again while they live.

use crate::db::background::flushing;
use crate::db::info_log::LogLevel;
use crate::db::install;
use crate::db::obsolete;
use crate::db::state::Shared;
use crate::db::switch;
use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::table::BlockCache;
use crate::util::sync::Arc;
use crate::util::sync::atomic::Ordering;
use crate::version::edit::VersionEdit;
use crate::version::super_version::SuperVersion;
use crate::version::table_cache::TableCache;

/// Closes the database, whatever it returns. `Closed` if it was closed already.
pub fn close(shared: &Shared) -> Result<()> {
    if shared.health.in_forked_child() {
        return Err(Error::new(ErrorKind::Forked, "this handle belongs to the parent process"));
    }
    if !shared.health.close() {
        return Err(Error::new(ErrorKind::Closed, "the database is closed already"));
    }
    shared.key_locks.wake_all();
    shared.background.stop();
    let finished = finish(shared);
    release(shared);
    let log = shared.health.log();
    match &finished {
        Ok(()) => log.push(LogLevel::Info, "close", "closed".to_owned()),
        Err(error) => log.push(LogLevel::Error, "close", format!("closed, but not all is durable: {error}")),
    }
    finished
}

/// Makes everything durable.
fn finish(shared: &Shared) -> Result<()> {
    if shared.options.read_only {
        return Ok(());
    }
    // Two syncs of the log at once would share one error between them.
    let lead = shared.sync_queue.next_turn();
    // A commit that came before `Closed` is complete once this lock is ours.
    let mut commit = shared.commit.lock();
    if let Some(reason) = shared.health.poisoned() {
        return Err(reason.context("closed after an earlier failure").with_kind(ErrorKind::Poisoned));
    }
    switch::switch_memtables(shared, |_, memtable: &Memtable| memtable.has_unlogged());
    let wal = commit.wal.take();
    commit.next_segment = None;
    let unlogged = shared.all_families().iter().any(|f| f.current().immutables().iter().any(|m| m.has_unlogged()));
    drop(commit);
    // Before the flush: it may make durable what was committed after the last records of the log.
    let last = wal.as_ref().map_or(SeqNo::ZERO, |wal| wal.last_seqno());
    let synced = wal.map_or(Ok(()), |wal| wal.close()).map(|()| lead.finish(last));
    let flushed = if unlogged && synced.is_ok() { flushing::flush_at_close(shared) } else { Ok(()) };
    obsolete::remove_unused(shared);
    let dated = record_view_time(shared);
    let recorded = shared.manifest.lock().as_mut().map_or(Ok(()), |manifest| manifest.close());
    flushed.and(synced).and(dated).and(recorded)
}

/// Notes how far readers have come in time, so that a clock which is set back before the next open brings nothing back. Of no use
/// where nothing expires.
fn record_view_time(shared: &Shared) -> Result<()> {
    let used = shared.view_time.load(Ordering::Acquire);
    let recorded = shared.manifest.lock().as_ref().map_or(used, |manifest| manifest.state().view_time_ms);
    if used <= recorded || !shared.all_families().iter().any(|family| may_expire(&family.current())) {
        return Ok(());
    }
    install::apply(shared, VersionEdit::default()).map_err(|error| error.remove_if_not_applied(shared, &[]))
}

fn may_expire(current: &SuperVersion) -> bool {
    let mut memtables = current.immutables().iter().chain([current.memtable()]);
    memtables.any(|memtable| memtable.has_expiring()) || current.version().files().any(|(_, file)| file.expiring > 0)
}

/// Gives back memory, descriptors and the directory.
fn release(shared: &Shared) {
    *shared.manifest.lock() = None;
    {
        let mut commit = shared.commit.lock();
        commit.wal = None;
        commit.recent.clear();
    }
    // Clearing the caches would keep the room they had: they go with the super versions, when the last reader lets go.
    let tables = Arc::new(TableCache::new(Arc::clone(&shared.env.fs), &shared.dir, 1, Arc::new(BlockCache::new(0))));
    let dropped = std::mem::take(&mut *shared.dropped.lock());
    for family in shared.all_families().iter().chain(&dropped) {
        family.replace(|_| obsolete::nothing(&tables));
    }
    shared.obsolete.lock().clear();
    // Last: whoever waits for the directory finds nothing of ours in motion.
    *shared.lock.lock() = None;
}
