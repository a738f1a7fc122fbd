//! Flushing: every immutable memtable of every family becomes level-0 tables, installed by one edit.
//!
//! All families together, because an unlogged (`NoWal`) batch over two of them must be on disk whole or not at all.
//!
//! *Order of durability.* The edit makes data of some number s durable. Where that leaves another family with unflushed data
//! at or below s, the log must be synced through s first, or a power cut could keep the later commit and lose the earlier one.
//! With a single family, or when all are flushed through s, nothing is left behind and no sync is needed.
//!
//! *Idle families.* The edit also says of every other family through which number it has everything in tables, be it that
//! nothing was written to it since: otherwise a log that has lost its beginning would look as if it were missed there.

use crate::compaction::collapse::Collapse;
use crate::compaction::flush;
use crate::compaction::writer::{Abandoned, OutputPlace};
use crate::db::background::Task;
use crate::db::background::compacting;
use crate::db::family::Family;
use crate::db::install::{self, Flushed};
use crate::db::obsolete;
use crate::db::stall;
use crate::db::state::Shared;
use crate::db::switch;
use crate::db::write;
use crate::env::filename::{FileKind, FileNumber};
use crate::error::Result;
use crate::key::family::FamilyId;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::options;
use crate::table::Compression;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::{FileMeta, Level};

/// Nominal limit of one level-0 table: beyond it a flush writes several, which share no key.
const MAX_TABLE_BYTES: u64 = 1 << 30;

/// The immutable memtables of one family, newest first.
#[derive(Debug)]
pub struct Waiting {
    pub family: FamilyId,
    pub memtables: Vec<Arc<Memtable>>,
}

impl Waiting {
    fn owner(&self, shared: &Shared) -> Option<Arc<Family>> {
        shared.family_on_record(self.family)
    }

    fn last_seqno(&self) -> SeqNo {
        self.memtables.iter().filter_map(|memtable| memtable.last_seqno()).max().unwrap_or_default()
    }
}

/// Whether a memtable waits that may be flushed now.
pub fn is_due(shared: &Shared) -> bool {
    !waiting_through(shared, shared.flush_through()).is_empty()
}

/// Flushes everything that waits, as far as a checkpoint that is being made allows.
pub fn run(shared: &Shared) -> Result<()> {
    flush_through(shared, shared.flush_through())
}

/// Flushes the memtables that begin at or below `limit`.
fn flush_through(shared: &Shared, limit: SeqNo) -> Result<()> {
    let waiting = {
        // Under the lock that switches take: of families that were switched together either all are seen or none.
        let _no_switch = shared.commit.lock();
        waiting_through(shared, limit)
    };
    if waiting.is_empty() {
        return Ok(());
    }
    let started = shared.env.clock.monotonic_ms();
    let mut edit = write_tables(shared, &waiting)?;
    let outputs = table_files(&edit);
    let done: Flushed = waiting.iter().flat_map(|w| w.memtables.iter().map(|m| (w.family, Arc::clone(m)))).collect();
    if let Err(error) = make_order_safe(shared, &done, &mut edit) {
        install::remove_files(shared, &outputs);
        return Err(error);
    }
    note_progress(shared, &done, &mut edit);
    let gone = edit.wal_removed.clone();
    let bytes: u64 = edit.added.iter().map(|(_, file)| file.file_size).sum();
    let took = shared.env.clock.monotonic_ms().saturating_sub(started);
    let (memtables, tables) = (done.len(), outputs.len());
    let text = format!("{memtables} memtables became {tables} tables of level 0, {bytes} bytes, in {took} ms");
    install::apply_flush(shared, edit, &done, text).map_err(|error| error.remove_if_not_applied(shared, &outputs))?;
    forget_segments(shared, &gone);
    Ok(())
}

/// The flush that close makes for unlogged data, when no more commits can come. A checkpoint that is being made fails: it must not
/// keep this data from the disk.
pub fn flush_at_close(shared: &Shared) -> Result<()> {
    flush_through(shared, SeqNo::MAX)
}

/// Switches the memtable of `family`, or of all, and waits until everything that is in them is in tables.
pub fn flush_now(shared: &Shared, family: Option<&Family>) -> Result<()> {
    shared.health.check_writable()?;
    let commit = shared.commit.lock();
    shared.health.check_writable()?;
    let wanted = |id: FamilyId| family.is_none_or(|family| family.id == id);
    if let Some(family) = family {
        family.check_readable(None)?;
    }
    switch::switch_memtables(shared, |id, _| wanted(id));
    let waiting = waiting_through(shared, SeqNo::MAX);
    let targets = waiting.into_iter().filter(|w| wanted(w.family)).flat_map(|w| w.memtables).collect();
    drop(commit);
    wait_until_flushed(shared, targets)
}

/// Waits until `targets` are in tables, asking for it at once.
pub fn wait_until_flushed(shared: &Shared, targets: Vec<Arc<Memtable>>) -> Result<()> {
    let kick = shared.background.kick(Task::Flush);
    let still_there = |memtable: &Arc<Memtable>| {
        let families = shared.all_families();
        families.iter().any(|family| family.current().immutables().iter().any(|m| Arc::ptr_eq(m, memtable)))
    };
    stall::wait_for(shared, &kick, || !targets.iter().any(still_there), None)
}

/// Writes level-0 tables for `waiting` and returns the edit that adds them. On an error no file is left behind.
pub fn write_tables(shared: &Shared, waiting: &[Waiting]) -> Result<VersionEdit> {
    let mut edit = VersionEdit::default();
    for family in waiting {
        match write_family(shared, family) {
            Ok(tables) => tables.into_iter().for_each(|table| edit.add(Level::ZERO, table)),
            Err(failed) => {
                install::remove_files(shared, &table_files(&edit));
                return Err(install::abandon(shared, failed));
            }
        }
        edit.flushed_seqno.push((family.family, family.last_seqno()));
    }
    Ok(edit)
}

fn write_family(shared: &Shared, waiting: &Waiting) -> Result<Vec<Arc<FileMeta>>, Abandoned> {
    let Some(family) = waiting.owner(shared) else {
        // Dropped since: nobody will read what would be written.
        return Ok(Vec::new());
    };
    let compression = match family.options.compression.unwrap_or(shared.options.compression) {
        options::Compression::Lz4 => Compression::Lz4,
        options::Compression::Auto | options::Compression::None => Compression::None,
    };
    let table = compacting::table_options(shared, &family, compression);
    let new_number = || shared.numbers.allocate();
    let place = OutputPlace {
        fs: &*shared.env.fs,
        dir: &shared.dir,
        family: waiting.family,
        table: &table,
        new_number: &new_number,
    };
    let cancelled = || shared.health.poisoned().is_some();
    // Operands in the memtables that are written meet what they apply to there; those in newer ones do not.
    let is_newer = |memtable: &Arc<Memtable>| !waiting.memtables.iter().any(|own| Arc::ptr_eq(own, memtable));
    let views = compacting::views_over(shared, &family, |_| false, is_newer);
    // All that is older than the memtables is in tables, whatever becomes of those meanwhile.
    let may_expire = family.current().version().files().any(|(_, file)| file.expiring > 0)
        || waiting.memtables.iter().any(|memtable| memtable.has_expiring());
    let mut collapse = Collapse::new(family.merge.as_deref(), may_expire);
    flush::flush(&waiting.memtables, &views, place, MAX_TABLE_BYTES, &mut collapse, &cancelled)
}

fn table_files(edit: &VersionEdit) -> Vec<FileKind> {
    edit.added.iter().map(|(_, file)| FileKind::Table(file.number)).collect()
}

/// The immutable memtables that begin at or below `limit`. Each is there whole or not at all.
pub fn waiting_through(shared: &Shared, limit: SeqNo) -> Vec<Waiting> {
    let wanted = |memtable: &&Arc<Memtable>| memtable.first_seqno().is_none_or(|first| first <= limit);
    let of = |family: &Arc<Family>| {
        let memtables = family.current().immutables().iter().filter(wanted).cloned().collect();
        Waiting { family: family.id, memtables }
    };
    shared.all_families().iter().map(of).filter(|waiting| !waiting.memtables.is_empty()).collect()
}

/// Syncs the log first where the flush would otherwise make a later commit durable before an earlier one.
fn make_order_safe(shared: &Shared, done: &Flushed, edit: &mut VersionEdit) -> Result<()> {
    let through = done.iter().filter_map(|(_, memtable)| memtable.last_seqno()).max().unwrap_or_default();
    let (left_behind, logged) = {
        let commit = shared.commit.lock();
        let oldest = shared.families_with_data().iter().filter_map(|family| oldest_unflushed(family, done)).min();
        let logged = commit.wal.as_ref().map_or(SeqNo::ZERO, |wal| wal.last_seqno());
        (oldest.is_some_and(|oldest| oldest <= through), logged)
    };
    if left_behind && !planted("flush-out-of-order") {
        write::sync_through(shared, logged.min(through))?;
        edit.synced_through = shared.wal_synced_seqno();
    }
    Ok(())
}

/// Notes in `edit` how far every family is in tables once `done` is, and which log segments nobody needs then.
fn note_progress(shared: &Shared, done: &Flushed, edit: &mut VersionEdit) {
    // Under the lock no commit is between its number and its memtable.
    let commit = shared.commit.lock();
    let given = commit.next_seqno.saturating_prev();
    let mut families = shared.families_with_data();
    if planted("forget-idle-families") {
        families.retain(|family| done.iter().any(|(id, _)| *id == family.id));
    }
    let through = |family: &Arc<Family>| oldest_unflushed(family, done).map_or(given, SeqNo::saturating_prev);
    edit.flushed_seqno = families.iter().map(|family| (family.id, through(family))).collect();
    let all = edit.flushed_seqno.iter().map(|(_, seqno)| *seqno).min().unwrap_or_default();
    edit.wal_removed = commit.wal.as_ref().map(|wal| wal.obsolete_segments(all)).unwrap_or_default();
}

/// The smallest number of `family` that is neither in a table nor in `done`.
fn oldest_unflushed(family: &Family, done: &Flushed) -> Option<SeqNo> {
    let is_done = |memtable: &Arc<Memtable>| done.iter().any(|(_, m)| Arc::ptr_eq(m, memtable));
    let current = family.current();
    let kept = current.immutables().iter().chain([current.memtable()]).filter(|memtable| !is_done(memtable));
    kept.filter_map(|memtable| memtable.first_seqno()).min()
}

fn forget_segments(shared: &Shared, gone: &[FileNumber]) {
    if gone.is_empty() {
        return;
    }
    if let Some(wal) = shared.commit.lock().wal.as_mut() {
        wal.forget_segments(gone);
    }
    obsolete::remove_segments(shared, gone);
}
