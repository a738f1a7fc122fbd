//! The write path: one request in, one acknowledgement out.
//!
//! ```text
//! commit(request)
//!   date             operands get their time, puts of a family with a time to live their expiry   (db/write/dated.rs)
//!   make_room        stall/ waits, the memtable is switched, the log rolls    (db/stall.rs, db/switch.rs)
//!   key locks        wait, without the commit lock, while a transaction holds one of the keys   (db/write/key_locks.rs)
//!   validate         a transaction's reads against the commits since it began   (db/write/conflicts.rs)
//!   log              one record for the whole batch, unless it asked for none   (wal/)
//!   apply            every entry into its family's memtable                     (memtable/)
//!   publish          one release store: new reads see the batch
//!   sync             only if asked for, without the commit lock                 (db/write/sync_queue.rs)
//! ```
//! Everything from *validate* to *publish* happens under the commit lock, so commits are applied in the order of their numbers.
//! A batch that was refused (no room, bad state, nothing written) leaves no trace. A batch whose log record may have been
//! half written seals the segment or poisons the handle: nothing is ever acknowledged behind a damaged record. A failed sync
//! poisons; the batch is visible, its fate is known at the next open.

pub mod apply;
pub mod conflicts;
pub mod dated;
pub mod key_locks;
pub mod sync_queue;

use crate::batch::WriteBatch;
use crate::db::health::PoisonOnPanic;
use crate::db::read::read_set::ReadSet;
use crate::db::stall;
use crate::db::state::{CommitState, Shared};
use crate::db::write::key_locks::{Owner, Place};
use crate::error::{Error, ErrorKind, Result};
use crate::key::sequence::SeqNo;
use crate::options::Durability;
use crate::util::planted::planted;
use crate::util::sync::MutexGuard;
use crate::wal::{AppendError, SyncPoint};

/// Batches from this size on have their memory reserved before they are logged.
const LARGE_BATCH: usize = 64 << 10;

/// One commit: all that the pipeline needs to know of it.
#[derive(Clone, Copy)]
pub struct CommitRequest<'a> {
    /// What to write.
    pub batch: &'a WriteBatch,
    /// What the acknowledgement promises.
    pub durability: Durability,
    /// After how many milliseconds its puts expire, 0 for never; `None` takes each family's time.
    pub ttl_ms: Option<u64>,
    /// The transaction that commits, if it is one.
    pub transaction: Option<Committing<'a>>,
}

/// What a transaction asks of its commit.
#[derive(Clone, Copy)]
pub struct Committing<'a> {
    /// Whose key locks are not in the way.
    pub owner: Option<Owner>,
    /// The last commit that its view has.
    pub since: SeqNo,
    /// No later commit may have written to these.
    pub unchanged: &'a ReadSet,
}

/// Writes a batch; returns when the promise of its durability holds.
pub fn commit(shared: &Shared, request: &CommitRequest<'_>) -> Result<()> {
    shared.health.check_writable()?;
    if request.batch.is_empty() {
        return if request.durability == Durability::Sync { sync(shared) } else { Ok(()) };
    }
    check_families(shared, request.batch)?;
    let mut dated = if dated::is_due(shared, request)? { Some(dated::batch(shared, request)?) } else { None };
    let (last, charge) = {
        if let Some(transaction) = request.transaction.as_ref().filter(|_| planted("validate-before-lock")) {
            validate(shared, &shared.commit.lock(), transaction)?;
        }
        let waiting = CommitRequest { batch: dated.as_ref().unwrap_or(request.batch), ..*request };
        let (mut commit, _place) = admit(shared, &waiting)?;
        // Once more: a family may have been dropped while this waited. From here on it cannot.
        check_families(shared, request.batch)?;
        if let Some(transaction) = request.transaction.as_ref().filter(|_| !planted("validate-before-lock")) {
            validate(shared, &commit, transaction)?;
        }
        if dated.is_some() {
            // Again, for it may have waited: what is committed later has no earlier time. It is as long as it was.
            dated = Some(dated::batch(shared, request)?);
        }
        let request = &CommitRequest { batch: dated.as_ref().unwrap_or(request.batch), ..*request };
        reserve_memory(shared, request.batch)?;
        (append_and_apply(shared, &mut commit, request)?, commit.recent.charge())
    };
    shared.charge_write_sets(charge);
    let batch = dated.as_ref().unwrap_or(request.batch);
    shared.counters.writes.add(u64::from(batch.count()));
    shared.counters.write_bytes.add(batch.size_bytes() as u64);
    let synced = if request.durability == Durability::Sync { sync_through(shared, last) } else { Ok(()) };
    shared.background.run_inline(shared);
    synced
}

/// The commit lock, with room for `request`, and with no other transaction holding one of its keys. With it, after a wait for
/// such a key, the place in its line, which is kept until the commit is done.
fn admit<'a>(
    shared: &'a Shared,
    request: &CommitRequest<'_>,
) -> Result<(MutexGuard<'a, CommitState>, Option<Place<'a>>)> {
    let owner = request.transaction.as_ref().and_then(|transaction| transaction.owner);
    let clock = &shared.env.clock;
    // One limit for all the waits of this write.
    let (mut place, mut began) = (None, None);
    loop {
        let commit = stall::make_room(shared, request)?;
        let order_of = |id| shared.family(id).map(|family| family.order.clone());
        let Some(key) = shared.key_locks.in_the_way(owner, request.batch, order_of) else { return Ok((commit, place)) };
        drop(commit);
        // Before the next wait: one that waits holds nothing others wait for.
        drop(place.take());
        let waited = clock.monotonic_ms().saturating_sub(*began.get_or_insert_with(|| clock.monotonic_ms()));
        let left = shared.options.stall_timeout_ms.saturating_sub(waited);
        place = Some(shared.key_locks.wait_until_free(owner, key, &shared.patience(left))?);
    }
}

/// Validates a transaction that has nothing to write.
pub fn validate_only(shared: &Shared, transaction: &Committing<'_>) -> Result<()> {
    validate(shared, &shared.commit.lock(), transaction)
}

fn validate(shared: &Shared, commit: &CommitState, transaction: &Committing<'_>) -> Result<()> {
    let valid = commit.recent.validate(transaction.since, transaction.unchanged);
    if valid.is_err() {
        shared.counters.conflicts.bump();
    }
    valid
}

/// Makes everything acknowledged so far durable.
pub fn sync(shared: &Shared) -> Result<()> {
    shared.health.check_writable()?;
    let last = shared.commit.lock().wal.as_ref().map_or(SeqNo::ZERO, |wal| wal.last_seqno());
    sync_through(shared, last)
}

/// Whether its families exist, and whether a range runs backwards, which is for the order of its family to say: the batch knew
/// neither. Free for plain writes to the default family.
fn check_families(shared: &Shared, batch: &WriteBatch) -> Result<()> {
    if !batch.needs_families() {
        return Ok(());
    }
    let families = shared.families.read();
    batch.check_families(|id| families.get(&id).map(|family| &family.order))
}

/// A large batch's memory is found before the log has it: from there on there is no way back. Small ones come out of memory
/// that is there, or end the process as any small allocation does.
fn reserve_memory(shared: &Shared, batch: &WriteBatch) -> Result<()> {
    if batch.size_bytes() < LARGE_BATCH {
        return Ok(());
    }
    let mut reserved = Vec::new();
    for entry in batch.iter() {
        let family = entry?.family;
        if !reserved.contains(&family) {
            reserved.push(family);
            if let Some(family) = shared.family(family) {
                family.current().memtable().reserve(batch.count() as usize, batch.size_bytes())?;
            }
        }
    }
    Ok(())
}

/// Log, apply, publish: under the commit lock. Returns the batch's last number.
fn append_and_apply(
    shared: &Shared,
    commit: &mut MutexGuard<'_, CommitState>,
    request: &CommitRequest<'_>,
) -> Result<SeqNo> {
    let batch = request.batch;
    let count = u64::from(batch.count());
    let first = commit.next_seqno;
    let exhausted = || Error::new(ErrorKind::Unsupported, "the sequence numbers of this database are used up");
    let next = first.checked_add(count).filter(|next| *next <= SeqNo::FIRST_OWN).ok_or_else(exhausted)?;
    // From the first byte in the log on, a panic must not leave a record that memory does not know.
    let guard = PoisonOnPanic::new(&shared.health, "a commit");
    let logged = request.durability != Durability::None;
    let result = if logged { log(shared, commit, first, batch) } else { Ok(()) };
    if let Err(error) = result {
        guard.disarm();
        return Err(error);
    }
    commit.next_seqno = next;
    if planted("publish-before-apply") {
        shared.publish(next.saturating_prev());
    }
    let applied = apply::apply_batch(shared, first, batch, logged);
    guard.disarm();
    if let Err(error) = applied {
        // The log has it, memory does not: only a reopen can tell the caller what became of it.
        shared.health.poison(error.clone());
        return Err(error);
    }
    let order_of = |id| shared.family(id).map(|family| family.order.clone());
    commit.recent.record(batch, first, order_of);
    shared.publish(next.saturating_prev());
    Ok(next.saturating_prev())
}

fn log(shared: &Shared, commit: &mut CommitState, first: SeqNo, batch: &WriteBatch) -> Result<()> {
    let Some(wal) = commit.wal.as_mut() else {
        return Err(Error::new(ErrorKind::Closed, "the database is closed"));
    };
    if planted("acknowledge-without-append") && first.get().is_multiple_of(5) {
        return Ok(());
    }
    match wal.append(first, batch.count(), batch.data()) {
        Ok(()) => {
            shared.counters.wal_bytes.add(batch.data().len() as u64);
            Ok(())
        }
        Err(AppendError::NotWritten(error)) => Err(error),
        Err(AppendError::NoRoom) => Err(Error::new(ErrorKind::Busy, "the log segment filled up while it was chosen")),
        Err(AppendError::Broken(error)) if error.kind() == ErrorKind::NoSpace => {
            // Part of the record may stand behind the last good one. The segment ends there; the number is not used again,
            // so that whatever a crash finds cannot be taken for a later write.
            commit.seal_segment = true;
            if let Some(next) = first.checked_add(u64::from(batch.count())) {
                commit.next_seqno = next;
            }
            Err(error)
        }
        Err(AppendError::Broken(error)) => {
            shared.health.poison(error.clone());
            Err(error)
        }
    }
}

/// Makes every logged commit through `seqno` durable, sharing the sync with whoever else needs one.
pub fn sync_through(shared: &Shared, seqno: SeqNo) -> Result<()> {
    shared.sync_queue.sync_through(seqno, || sync_log(shared))
}

/// Syncs what is logged now; returns the last number of that. One at a time.
fn sync_log(shared: &Shared) -> Result<SeqNo> {
    // A sync that failed before us is final: the pages it lost may look clean now, and another sync would lie.
    shared.health.check_writable()?;
    let point = match shared.commit.lock().wal.as_mut() {
        Some(wal) => wal.sync_point(),
        None => return Err(Error::new(ErrorKind::Closed, "the database is closed")),
    };
    shared.counters.wal_syncs.bump();
    let through = poison_on_error(shared, point.and_then(SyncPoint::run))?;
    let covered = through.seqno();
    if let Some(wal) = shared.commit.lock().wal.as_mut() {
        poison_on_error(shared, wal.note_synced(through))?;
    }
    Ok(covered)
}

fn poison_on_error<T>(shared: &Shared, result: Result<T>) -> Result<T> {
    if let Err(error) = &result {
        shared.health.poison(error.clone());
    }
    result
}
