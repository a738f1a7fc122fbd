//! Making room for a write: switch a full memtable, roll a full log segment, and wait when background work is behind.
//!
//! A write waits for one of three things, each counted in the statistics with the time it took: memtables waiting to be
//! flushed, level 0 waiting to be compacted, the next log segment. No wait is for ever: after `stall_timeout_ms` it is
//! `Busy`; a full disk is `NoSpace` after one fresh attempt, so that the first write after space was made goes through; a
//! poisoned or closed handle says so at once.

use std::cell::Cell;

use crate::db::background::{Kick, Task};
use crate::db::environment;
use crate::db::info_log::LogLevel;
use crate::db::state::{CommitState, Shared};
use crate::db::switch;
use crate::db::write::CommitRequest;
use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::options::Durability;
use crate::util::planted::planted;
use crate::util::sync::MutexGuard;
use crate::util::sync::atomic::Ordering;
use crate::wal::{AppendError, WalWriter};

/// Memtables that may wait for their flush while another takes writes.
pub const MAX_IMMUTABLES: usize = 3;

/// Log segments beside those that full memtables need, before families that hold the oldest are flushed.
const SPARE_SEGMENTS: u64 = 4;

/// A wait that is over sooner is in the statistics only: there may be hundreds of them in a second.
const TOLD_AFTER_MS: u64 = 50;

/// What a write waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// Too many memtables wait to be flushed.
    Memtables,
    /// Too many tables in level 0.
    Level0,
    /// The next log segment is not ready.
    Segment,
}

impl Stall {
    /// Which background task ends it.
    fn task(self) -> Task {
        match self {
            Stall::Memtables => Task::Flush,
            Stall::Level0 => Task::Compact,
            Stall::Segment => Task::PrepareSegment,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Stall::Memtables => "memtables to be flushed",
            Stall::Level0 => "level 0 to be compacted",
            Stall::Segment => "the next log segment",
        }
    }

    /// Whether the reason still stands.
    fn stands(self, shared: &Shared) -> bool {
        match self {
            Stall::Memtables => too_many_wait(shared),
            Stall::Level0 => level0_is_full(shared),
            Stall::Segment => shared.segment_wanted.load(Ordering::Acquire),
        }
    }
}

/// The commit lock, with room in the memtable and in the log for `request`.
pub fn make_room<'a>(shared: &'a Shared, request: &CommitRequest<'_>) -> Result<MutexGuard<'a, CommitState>> {
    loop {
        let mut commit = shared.commit.lock();
        // Checked under the lock: a close or a failure that came first must not be followed by an acknowledgement.
        if !planted("admit-after-close") {
            shared.health.check_writable()?;
        }
        let reason = match memtable_room(shared) {
            Some(reason) => Some(reason),
            None => log_room(shared, &mut commit, request)?,
        };
        let Some(reason) = reason else { return Ok(commit) };
        drop(commit);
        wait_out(shared, reason)?;
    }
}

/// Switches full memtables if it may; otherwise says what to wait for.
fn memtable_room(shared: &Shared) -> Option<Stall> {
    if !shared.memtable_full.load(Ordering::Acquire) {
        return None;
    }
    if too_many_wait(shared) {
        return Some(Stall::Memtables);
    }
    if level0_is_full(shared) {
        return Some(Stall::Level0);
    }
    shared.memtable_full.store(false, Ordering::Release);
    switch::switch_full(shared);
    None
}

/// Rolls to the next log segment if the record does not fit; says what to wait for if there is none.
fn log_room(shared: &Shared, commit: &mut CommitState, request: &CommitRequest<'_>) -> Result<Option<Stall>> {
    if request.durability == Durability::None {
        return Ok(None);
    }
    let Some(wal) = commit.wal.as_mut() else {
        return Err(Error::new(ErrorKind::Closed, "the database is closed"));
    };
    if !commit.seal_segment && wal.fits(request.batch.data().len()) {
        return Ok(None);
    }
    let Some(next) = commit.next_segment.take() else {
        shared.segment_wanted.store(true, Ordering::Release);
        return Ok(Some(Stall::Segment));
    };
    let rolled = wal.roll(next);
    shared.segment_wanted.store(true, Ordering::Release);
    shared.background.schedule();
    commit.seal_segment = rolled.is_err();
    match rolled {
        Ok(()) => {
            let old = beginning_held_too_long(shared, wal);
            if let Some(old) = old.filter(|_| !too_many_wait(shared)) {
                switch::switch_older(shared, old);
            }
            Ok(None)
        }
        Err(AppendError::Broken(error) | AppendError::NotWritten(error)) => {
            if error.kind() != ErrorKind::NoSpace {
                shared.health.poison(error.clone());
            }
            Err(error)
        }
        Err(AppendError::NoRoom) => Err(Error::new(ErrorKind::Busy, "a new log segment has no room")),
    }
}

/// The last number of the oldest segment, if the log is longer than what full memtables would need: then a family that gets few
/// writes holds it, and is flushed rather than holding it for ever.
fn beginning_held_too_long(shared: &Shared, wal: &WalWriter) -> Option<SeqNo> {
    let memtables = (MAX_IMMUTABLES as u64 + 1) * shared.memtable_limit;
    let enough = memtables.div_ceil(shared.options.wal_segment_size.max(1)) + SPARE_SEGMENTS;
    let live = wal.live_segments();
    let oldest = live.first().filter(|segment| segment.sealed)?;
    (live.len() as u64 > enough).then_some(oldest.last_seqno)
}

/// Whether as much waits to be flushed as may: of one family, or of all together.
fn too_many_wait(shared: &Shared) -> bool {
    let families: Vec<_> = shared.all_families().iter().map(|family| family.current()).collect();
    let bytes: usize = families.iter().flat_map(|f| f.immutables()).map(|memtable| memtable.approximate_bytes()).sum();
    families.iter().any(|family| family.immutables().len() >= MAX_IMMUTABLES)
        || bytes as u64 >= MAX_IMMUTABLES as u64 * shared.memtable_limit
}

fn level0_is_full(shared: &Shared) -> bool {
    let limit = shared.options.l0_stall_trigger as usize;
    shared.all_families().iter().any(|family| family.current().version().l0().len() >= limit)
}

/// Waits until `reason` no longer stands.
fn wait_out(shared: &Shared, reason: Stall) -> Result<()> {
    let counters = &shared.counters;
    match reason {
        Stall::Memtables => counters.stalls_memtables.bump(),
        Stall::Level0 => counters.stalls_level0.bump(),
        Stall::Segment => counters.stalls_wal_segment.bump(),
    }
    let started = shared.env.clock.monotonic_ms();
    let kick = shared.background.kick(reason.task());
    let (log, told) = (shared.health.log(), Cell::new(false));
    let waited = || shared.env.clock.monotonic_ms().saturating_sub(started);
    let done = || {
        let stands = reason.stands(shared);
        if stands && !told.get() && waited() >= TOLD_AFTER_MS && log.begin_stall() {
            told.set(true);
            log.push(LogLevel::Warning, "stall", format!("writes wait for {}", reason.describe()));
        }
        !stands
    };
    let result = wait_for(shared, &kick, done, Some(shared.options.stall_timeout_ms));
    counters.stalled_ms.add(waited());
    if told.get() {
        log.end_stall();
        let end = if result.is_ok() { "writes go on" } else { "a write gave up" };
        log.push(LogLevel::Info, "stall", format!("{end} after {} ms of waiting for {}", waited(), reason.describe()));
    }
    result.map_err(|error| match error.kind() {
        ErrorKind::Busy => Error::new(
            ErrorKind::Busy,
            format!("waited {} ms for {}", shared.options.stall_timeout_ms, reason.describe()),
        ),
        _ => error,
    })
}

/// Waits until `done`, helping along if background work runs inline. Ends early when the handle cannot write any more, when
/// a fresh attempt of the task failed, when the environment says so, and after `timeout_ms` with `Busy`.
pub fn wait_for(shared: &Shared, kick: &Kick, done: impl Fn() -> bool, timeout_ms: Option<u64>) -> Result<()> {
    let started = shared.env.clock.monotonic_ms();
    loop {
        let seen = shared.background.finished();
        shared.background.run_inline(shared);
        if done() {
            return Ok(());
        }
        shared.health.check_writable()?;
        if let Some(error) = shared.background.failure_since(kick) {
            return Err(error);
        }
        let waited = shared.env.clock.monotonic_ms().saturating_sub(started);
        let left = timeout_ms.map(|limit| limit.saturating_sub(waited));
        let idle = shared.background.is_inline() && shared.background.finished() == seen;
        if left == Some(0) || idle {
            return Err(Error::new(ErrorKind::Busy, "background work did not catch up in time"));
        }
        if !shared.background.is_inline() {
            shared.background.wait_progress(seen, left);
            if shared.env.interrupted.is_some_and(|interrupted| interrupted()) {
                return Err(environment::interrupted());
            }
        }
    }
}
