//! From files to a consistent state: MANIFEST, then the log, then one edit.
//!
//! What was replayed goes into *new* tables, and new writes into a *new* log segment. Both are synced and named by one edit,
//! which also lets the old segments go, before anything is acknowledged: a crash at any point before that edit leaves
//! everything as it was, one after it leaves everything done. Nothing that was read back, perhaps from memory pages that no
//! sync ever covered, is trusted to be on the medium without having been written again.
//!
//! Sequence numbers continue 2^20 above the highest that is found anywhere: commits that a crash took must not lend their
//! numbers to others.

use std::collections::BTreeMap;
use std::path::Path;

use crate::batch::BatchIter;
use crate::db::background::Background;
use crate::db::background::flushing::{self, Waiting};
use crate::db::environment::Environment;
use crate::db::families;
use crate::db::family::Family;
use crate::db::health::Health;
use crate::db::info_log::InfoLog;
use crate::db::state::{CommitState, RecoveryReport, Shared, cache_capacity};
use crate::db::stats::counters::Counters;
use crate::db::write::apply;
use crate::db::write::conflicts::RecentWrites;
use crate::env::filename::FileKind;
use crate::env::fs::FileLock;
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::options::{FamilyOptions, Options};
use crate::table::BlockCache;
use crate::util::planted::planted;
use crate::util::sync::atomic::{AtomicBool, AtomicU64};
use crate::util::sync::{Arc, Mutex, RwLock};
use crate::version::identity::Identity;
use crate::version::manifest::{Manifest, ManifestOptions};
use crate::version::manifest_recover;
use crate::version::numbers::FileNumbers;
use crate::version::state::{FamilyState, ManifestState};
use crate::version::super_version::SuperVersion;
use crate::version::table_cache::TableCache;
use crate::wal::{self, Link, LoggedBatch, PreparedSegment, ReplayInput, WalWriter};

/// How far above the highest number found the next one starts.
const SEQNO_GAP: u64 = 1 << 20;

/// Opens a database that was just created.
pub fn begin(
    env: Environment,
    dir: &Path,
    options: &Options,
    lock: Box<dyn FileLock>,
    manifest: Manifest,
) -> Result<Arc<Shared>> {
    let replayed = Replayed::default();
    let shared =
        assemble(env, dir, options, lock, *manifest.identity(), manifest.state(), manifest.numbers(), &replayed)?;
    start_writing(&shared, manifest, &replayed, SeqNo::ZERO)?;
    Ok(shared)
}

/// Opens a database that was there.
pub fn recover(
    env: Environment,
    dir: &Path,
    options: &Options,
    lock: Box<dyn FileLock>,
    identity: Identity,
) -> Result<Arc<Shared>> {
    let orders = options.comparators.clone();
    let recovered = manifest_recover::recover(&env.fs, dir, identity, orders, manifest_options(options))?;
    let state = recovered.state.clone();
    let replayed = replay_log(&env, dir, &identity, &state, options)?;
    let shared = assemble(env, dir, options, lock, identity, &state, &recovered.numbers, &replayed)?;
    let highest = highest_seqno(&state, &replayed);
    if options.read_only {
        shared.publish(highest);
        return Ok(shared);
    }
    let above = highest.checked_add(SEQNO_GAP).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "the sequence numbers of this database are used up").with_file(dir)
    })?;
    // A process may have died between giving IDENTITY or CURRENT its name and syncing the directory. No name of ours may become durable
    // before those that are there: a log segment without IDENTITY is damage.
    shared.env.fs.sync_dir(dir)?;
    start_writing(&shared, recovered.finish_open()?, &replayed, above)?;
    Ok(shared)
}

/// What the log held that no table has.
#[derive(Debug, Default)]
struct Replayed {
    /// Per family, oldest first.
    memtables: BTreeMap<FamilyId, Vec<Arc<Memtable>>>,
    highest: SeqNo,
    report: RecoveryReport,
}

/// Reads the log into memtables. A record goes to a family only if it is above what the family has in tables, and if the
/// family still exists.
fn replay_log(
    env: &Environment,
    dir: &Path,
    identity: &Identity,
    state: &ManifestState,
    options: &Options,
) -> Result<Replayed> {
    let mut replayed = Replayed::default();
    let limit = options.effective_memtable_size();
    let memtables = &mut replayed.memtables;
    let mut apply = |batch: LoggedBatch<'_>| -> Result<()> {
        for (index, entry) in BatchIter::new(batch.payload).enumerate() {
            let (entry, seqno) = (entry?, apply::number_of(batch.first_seqno, index)?);
            let Some(family) = state.families.get(&entry.family) else { continue };
            if seqno > family.flushed_seqno || planted("replay-what-is-in-tables") {
                let order = family.version.order();
                apply::apply_entry(room_in(memtables.entry(entry.family).or_default(), order, limit), seqno, &entry)?;
            }
        }
        Ok(())
    };
    let report = wal::replay(&*env.fs, dir, &replay_input(identity, state), &mut apply)?;
    replayed.highest = report.highest_seqno;
    replayed.report = RecoveryReport {
        segments: state.wal_segments.len(),
        batches: report.batches,
        discarded_bytes: report.discarded_bytes,
        discarded_records: report.discarded_records,
    };
    Ok(replayed)
}

/// When the MANIFEST is written anew.
pub fn manifest_options(options: &Options) -> ManifestOptions {
    ManifestOptions { rotate_bytes: options.manifest_rotate_size, ..ManifestOptions::default() }
}

/// What the MANIFEST knows about the log.
pub fn replay_input<'a>(identity: &Identity, state: &'a ManifestState) -> ReplayInput<'a> {
    let flushed = state.families.values().map(|family| family.flushed_seqno).min();
    ReplayInput {
        uuid: identity.uuid,
        segments: &state.wal_segments,
        synced_through: state.synced_through,
        flushed_through: flushed.unwrap_or_default(),
    }
}

/// The memtable that the next entry goes to.
fn room_in<'a>(memtables: &'a mut Vec<Arc<Memtable>>, order: &Order, limit: u64) -> &'a Memtable {
    let full = memtables.last().is_none_or(|memtable| memtable.approximate_bytes() as u64 >= limit);
    if full {
        memtables.push(Arc::new(Memtable::new(order)));
    }
    let last = memtables.len() - 1;
    &memtables[last]
}

fn highest_seqno(state: &ManifestState, replayed: &Replayed) -> SeqNo {
    let families = state.families.values();
    let in_tables = families.map(|family| family.version.largest_seqno().max(family.flushed_seqno)).max();
    if planted("reuse-sequence-numbers") {
        return SeqNo::ZERO;
    }
    let known = [state.last_seqno, state.synced_through, replayed.highest, in_tables.unwrap_or_default()];
    known.into_iter().max().unwrap_or_default()
}

#[expect(clippy::too_many_arguments, reason = "the one place where the parts of an open database come together")]
fn assemble(
    env: Environment,
    dir: &Path,
    options: &Options,
    lock: Box<dyn FileLock>,
    identity: Identity,
    state: &ManifestState,
    numbers: &Arc<FileNumbers>,
    replayed: &Replayed,
) -> Result<Arc<Shared>> {
    let blocks = Arc::new(BlockCache::new(cache_capacity(options)));
    let tables = TableCache::new(Arc::clone(&env.fs), dir, options.max_open_files as usize, blocks);
    let tables = Arc::new(tables);
    let mut families = BTreeMap::new();
    for (id, family) in &state.families {
        families.insert(*id, Arc::new(make_family(*id, family, options, &tables, replayed)?));
    }
    let no_default = || Error::new(ErrorKind::Corruption, "the MANIFEST has no default column family").with_file(dir);
    let default_family = families.get(&FamilyId::DEFAULT).cloned().ok_or_else(no_default)?;
    let commit = CommitState {
        next_seqno: SeqNo::ZERO,
        wal: None,
        next_segment: None,
        seal_segment: false,
        recent: RecentWrites::new(options.memory_budget),
    };
    Ok(Arc::new(Shared {
        dir: dir.to_path_buf(),
        options: options.clone(),
        identity,
        recovery: replayed.report,
        health: Arc::new(Health::new(options.read_only, InfoLog::new(Arc::clone(&env.clock)))),
        counters: Counters::default(),
        snapshots: Arc::default(),
        background: Background::new(env.executor),
        sync_queue: Default::default(),
        key_locks: Default::default(),
        write_set_charge: AtomicU64::new(0),
        charging: Mutex::new(()),
        visible: AtomicU64::new(0),
        numbers: Arc::clone(numbers),
        segment_wanted: AtomicBool::new(false),
        flush_limit: AtomicU64::new(u64::MAX),
        memtable_limit: options.effective_memtable_size(),
        memtable_full: AtomicBool::new(false),
        commit: Mutex::new(commit),
        manifest: Mutex::new(None),
        active_memtable_bytes: AtomicU64::new(0),
        view_time: AtomicU64::new(state.view_time_ms),
        family_changes: Mutex::new(()),
        leaving: Mutex::new(None),
        dropped: Mutex::new(Vec::new()),
        families: RwLock::new(families),
        default_family,
        obsolete: Mutex::new(Vec::new()),
        lock: Mutex::new(Some(lock)),
        env,
    }))
}

fn make_family(
    id: FamilyId,
    state: &FamilyState,
    options: &Options,
    tables: &Arc<TableCache>,
    replayed: &Replayed,
) -> Result<Family> {
    let mut own = families::recorded_options(state)?;
    if id == FamilyId::DEFAULT {
        own = default_options(&own, options)?;
    }
    let of_family = |error: Error| error.context(format!("column family {:?}", state.name));
    let merge = families::operator_of(options, &own).map_err(of_family)?;
    let order = state.version.order().clone();
    let mut immutables = replayed.memtables.get(&id).cloned().unwrap_or_default();
    immutables.reverse();
    let memtable = Arc::new(Memtable::new(&order));
    let current = SuperVersion::new(memtable, immutables, Arc::clone(&state.version), Arc::clone(tables));
    Ok(Family::new(id, &state.name, order, own, merge, current))
}

/// The default family's options: those on record, as far as what the database is opened with does not contradict.
fn default_options(recorded: &FamilyOptions, options: &Options) -> Result<FamilyOptions> {
    let asked = options.default_family();
    let fixed = [
        ("merge_operator", &asked.merge_operator, &recorded.merge_operator),
        ("comparator", &asked.comparator, &recorded.comparator),
    ];
    for (name, asked, recorded) in fixed {
        if !asked.is_empty() && asked != recorded {
            return Err(Error::invalid(format!(
                "{name} of the default column family is \"{recorded}\" since its creation and cannot be \"{asked}\""
            )));
        }
    }
    let ttl_ms = if asked.ttl_ms == 0 { recorded.ttl_ms } else { asked.ttl_ms };
    Ok(FamilyOptions { ttl_ms, ..recorded.clone() })
}

/// The edit that ends recovery, and everything it names.
fn start_writing(shared: &Shared, mut manifest: Manifest, replayed: &Replayed, above: SeqNo) -> Result<()> {
    let old_segments = manifest.state().wal_segments.clone();
    let waiting: Vec<Waiting> = replayed
        .memtables
        .iter()
        .map(|(id, memtables)| Waiting { family: *id, memtables: memtables.iter().rev().cloned().collect() })
        .collect();
    // What was replayed is published before it is flushed: a flush keeps what the views of today need.
    shared.publish(above);
    let mut edit = flushing::write_tables(shared, &waiting)?;
    let (first, next) = (create_segment(shared)?, create_segment(shared)?);
    // Every family is in tables now, through all that was found.
    edit.flushed_seqno = shared.all_families().iter().map(|family| (family.id, above)).collect();
    edit.family_settings = families::settings_of(FamilyId::DEFAULT, &shared.default_family.options);
    edit.wal_removed = old_segments;
    edit.wal_added = vec![first.number(), next.number()];
    edit.last_seqno = Some(above);
    edit.view_time_ms = Some(shared.view_time_ms());
    manifest.apply(edit).map_err(|error| error.error().clone())?;
    for (id, family) in shared.families.read().iter() {
        if let Some(state) = manifest.state().families.get(id) {
            let version = Arc::clone(&state.version);
            family.replace(|current| current.with_version(version, |_| true));
        }
    }
    let wal = WalWriter::start(first, Link::first(above))?;
    let mut commit = shared.commit.lock();
    commit.next_seqno = above.checked_add(1).unwrap_or(SeqNo::MAX);
    commit.wal = Some(wal);
    commit.next_segment = Some(next);
    drop(commit);
    shared.sync_queue.note_synced(above);
    *shared.manifest.lock() = Some(manifest);
    Ok(())
}

fn create_segment(shared: &Shared) -> Result<PreparedSegment> {
    crate::db::background::segments::create(shared)
}

/// Removes every file of our grammar that the database does not need. Called when the MANIFEST was read whole and everything
/// that it names was found.
pub fn remove_orphans(shared: &Shared) -> Result<()> {
    let live: Vec<FileKind> = match shared.manifest.lock().as_ref() {
        Some(manifest) => manifest.live_files().collect(),
        None => return Ok(()),
    };
    let fs = &shared.env.fs;
    for name in fs.list(&shared.dir)? {
        if let Some(kind) = FileKind::parse(&name).filter(|kind| !live.contains(kind)) {
            fs.remove(&shared.path_of(kind))?;
            shared.counters.files_removed.bump();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
