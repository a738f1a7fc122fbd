//! [`Shared`]: everything the calls, the background jobs and the child handles of one open database share.
//!
//! # Lock order
//! Take a lock only while holding locks that stand above it here:
//!
//! 0. `Shared::family_changes`: one family is created or dropped, or one checkpoint cut, at a time; held across the I/O it takes
//!    and `Shared::charging`: one change of the block cache's capacity at a time
//! 1. `Shared::commit`: one writer at a time; held across a WAL append, never across a sync
//! 2. `Shared::manifest`: one edit at a time; held across the MANIFEST's I/O
//! 3. `Background::state`: who runs what; never across I/O
//! 4. `Shared::families`, then `Family::current`: swaps of a pointer
//! 5. leaves, under which nothing else is taken: `SnapshotList`, `SyncQueue::state`, `Shared::obsolete`, `Shared::leaving`,
//!    `Health::reason`, the ring of `InfoLog`, `KeyLocks::table`, the read set of a transaction, the shards of the caches
//!    and the writer's lock of a memtable, which a reader takes for one search that writes have disturbed eight times
//!
//! Key locks (`db/write/key_locks.rs`) are no locks in this sense: nobody waits for one while holding any of these.
//!
//! # Invariants
//! - State changes by replacement: a reader takes one [`SuperVersion`] and never locks again, but as said of memtables above.
//! - [`Shared::read_view`] reads the visible number while it holds `Family::current` for reading. A memtable switch takes
//!   that lock for writing before any write goes to the new memtable, so the pair is consistent: every commit at or below
//!   the number is in that super version, and no compaction can have dropped what the number still sees from it.
//! - Sequence numbers are published in commit order by one release store per commit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::compaction::retention::LiveViews;
use crate::db::background::Background;
use crate::db::environment::Environment;
use crate::db::family::Family;
use crate::db::health::Health;
use crate::db::snapshot::SnapshotList;
use crate::db::stats::counters::Counters;
use crate::db::write::conflicts::RecentWrites;
use crate::db::write::key_locks::{KeyLocks, Patience};
use crate::db::write::sync_queue::SyncQueue;
use crate::env::filename::FileKind;
use crate::env::fs::FileLock;
use crate::error::{Error, ErrorKind, Result};
use crate::iter::resolve::View;
use crate::key::family::FamilyId;
use crate::key::sequence::SeqNo;
use crate::options::Options;
use crate::util::planted::planted;
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use crate::util::sync::{Arc, Mutex, RwLock};
use crate::version::file_meta::FileMeta;
use crate::version::identity::Identity;
use crate::version::manifest::Manifest;
use crate::version::numbers::FileNumbers;
use crate::version::super_version::SuperVersion;
use crate::version::table_cache::TableCache;
use crate::wal::{PreparedSegment, WalWriter};

/// What the commit lock protects.
#[derive(Debug)]
pub struct CommitState {
    /// The number the next write gets.
    pub next_seqno: SeqNo,
    /// The live log; `None` only when the database is read-only or closed.
    pub wal: Option<WalWriter>,
    /// The segment that is ready to follow the current one.
    pub next_segment: Option<PreparedSegment>,
    /// The current segment took a short write and must not be appended to again.
    pub seal_segment: bool,
    /// What commits wrote while transactions were open.
    pub recent: RecentWrites,
}

/// Half the budget is for memtables; blocks get the rest, but for what write sets take.
pub fn cache_capacity(options: &Options) -> u64 {
    options.memory_budget / 2
}

/// What opening found in the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecoveryReport {
    /// Log segments that were there.
    pub segments: usize,
    /// Batches that were replayed.
    pub batches: u64,
    /// Bytes of an unsynced tail that were not.
    pub discarded_bytes: u64,
    /// Whole records among them.
    pub discarded_records: u64,
}

/// Everything that one open database shares.
#[derive(Debug)]
pub struct Shared {
    pub env: Environment,
    pub dir: PathBuf,
    pub options: Options,
    pub identity: Identity,
    /// What opening found in the log.
    pub recovery: RecoveryReport,
    pub health: Arc<Health>,
    pub counters: Counters,
    pub snapshots: Arc<SnapshotList>,
    pub background: Background,
    pub sync_queue: SyncQueue,
    /// The keys that pessimistic transactions hold.
    pub key_locks: KeyLocks,
    /// Bytes that the block cache has given up for write sets. Changed under `charging`.
    pub write_set_charge: AtomicU64,
    pub charging: Mutex<()>,
    /// Every commit up to this number is visible to new reads.
    pub visible: AtomicU64,
    /// The highest time that a view was given, see [`Shared::view_time_ms`].
    pub view_time: AtomicU64,
    /// Gives numbers to new files.
    pub numbers: Arc<FileNumbers>,
    /// Whether `CommitState::next_segment` is empty and somebody should prepare one.
    pub segment_wanted: AtomicBool,
    /// Memtables that begin above this number wait with their flush, for a checkpoint that is being made as of it.
    pub flush_limit: AtomicU64,
    /// Bytes at which a memtable is full.
    pub memtable_limit: u64,
    /// Whether a commit found its memtable at its size limit; the next one switches it.
    pub memtable_full: AtomicBool,
    pub commit: Mutex<CommitState>,
    /// `None` once closed.
    pub manifest: Mutex<Option<Manifest>>,
    /// Bytes of all memtables that take writes, as of the last commit. Written under the commit lock.
    pub active_memtable_bytes: AtomicU64,
    /// Lets one family come or go at a time, and none while a checkpoint is cut.
    pub family_changes: Mutex<()>,
    /// The families that exist.
    pub families: RwLock<BTreeMap<FamilyId, Arc<Family>>>,
    /// The family whose drop is under way: in the map no more, in the MANIFEST still. Should the drop fail, it comes back with all
    /// that flushes and installs did meanwhile.
    pub leaving: Mutex<Option<Arc<Family>>>,
    /// Families that were dropped while a snapshot could still read them.
    pub dropped: Mutex<Vec<Arc<Family>>>,
    /// The family every database has, reachable without the map's lock.
    pub default_family: Arc<Family>,
    /// Tables that left every new version; their files go when the last old version does.
    pub obsolete: Mutex<Vec<Arc<FileMeta>>>,
    /// Released by close, not by the last child handle.
    pub lock: Mutex<Option<Box<dyn FileLock>>>,
}

impl Shared {
    /// The state of `family` and the number of the last commit that it is sure to contain.
    pub fn read_view(&self, family: &Family) -> (Arc<SuperVersion>, SeqNo) {
        family.current_and(|| self.visible_seqno())
    }

    /// The number of the last visible commit.
    pub fn visible_seqno(&self) -> SeqNo {
        SeqNo::new(self.visible.load(Ordering::Acquire)).unwrap_or(SeqNo::MAX)
    }

    /// Memtables that begin at or below this number may be flushed: all, but while a checkpoint is being made.
    pub fn flush_through(&self) -> SeqNo {
        SeqNo::new(self.flush_limit.load(Ordering::Acquire)).unwrap_or(SeqNo::MAX)
    }

    /// Who reads now, and what whoever comes later will see at least.
    pub fn live_views(&self) -> LiveViews {
        let (mut snapshots, oldest_time_ms, now) = self.snapshots.live(|| self.view_now());
        if planted("forget-snapshots") {
            snapshots.clear();
        }
        // Nothing expires before the oldest snapshot was born; without one, now.
        LiveViews::new(snapshots, now.seqno, oldest_time_ms.unwrap_or(now.time_ms))
    }

    /// The time of a view that is born now, in milliseconds since 1970. Never below that of a view before it, of this open or an
    /// earlier one that was closed: a clock that is set back brings nothing back that has expired.
    pub fn view_time_ms(&self) -> u64 {
        let (now, used) = (self.env.clock.unix_ms(), self.view_time.load(Ordering::Acquire));
        if now <= used && !planted("let-time-run-backwards") {
            return used;
        }
        let used = self.view_time.fetch_max(now, Ordering::AcqRel);
        if planted("let-time-run-backwards") { now } else { used.max(now) }
    }

    /// The view of everything that is visible now. The number first: what a compaction did to what this view will read was decided
    /// by a time that is not later than the one it gets.
    pub fn view_now(&self) -> View {
        let seqno = self.visible_seqno();
        View { seqno, time_ms: self.view_time_ms() }
    }

    /// Lets new reads see everything up to `seqno`.
    pub fn publish(&self, seqno: SeqNo) {
        self.visible.store(seqno.get(), Ordering::Release);
    }

    /// How many transactions live, and the bytes of the write sets that are kept for them.
    pub fn transactions_and_their_bytes(&self) -> (u64, u64) {
        let commit = self.commit.lock();
        (commit.recent.transactions() as u64, commit.recent.bytes() as u64)
    }

    /// Lets the block cache give way to the write sets, if they no longer take `seen` bytes. The caller holds no lock.
    pub fn charge_write_sets(&self, seen: u64) {
        if seen == self.write_set_charge.load(Ordering::Relaxed) {
            return;
        }
        let _one_at_a_time = self.charging.lock();
        // Looked at again: of two that come here, the later one must leave what is so now.
        let bytes = self.commit.lock().recent.charge();
        self.write_set_charge.store(bytes, Ordering::Relaxed);
        if self.health.check_open().is_ok() {
            self.tables().blocks().set_capacity(cache_capacity(&self.options).saturating_sub(bytes));
        }
    }

    /// How long to wait for a key, and what ends it early.
    pub fn patience(&self, timeout_ms: u64) -> Patience<'_> {
        Patience { health: &self.health, clock: &*self.env.clock, timeout_ms, interrupted: self.env.interrupted }
    }

    /// The path of a file of this database.
    pub fn path_of(&self, kind: FileKind) -> PathBuf {
        self.dir.join(kind.name())
    }

    /// What opens the tables, the same for all families. After a close it is an empty one, see `db/close.rs`.
    pub fn tables(&self) -> Arc<TableCache> {
        Arc::clone(self.default_family.current().tables())
    }

    /// The number of the next family. Requires `family_changes`.
    pub fn next_family_id(&self) -> Result<FamilyId> {
        let manifest = self.manifest.lock();
        let closed = || Error::new(ErrorKind::Closed, "the database is closed");
        manifest.as_ref().map(|manifest| manifest.state().next_family_id).ok_or_else(closed)
    }

    /// The last logged number that is known to be durable, for edits that depend on it. Replay asks the log for it, and would
    /// never find the number of a `NoWal` write there.
    pub fn wal_synced_seqno(&self) -> Option<SeqNo> {
        self.commit.lock().wal.as_ref().map(|wal| wal.synced_seqno())
    }

    /// All families, by number.
    pub fn all_families(&self) -> Vec<Arc<Family>> {
        self.families.read().values().cloned().collect()
    }

    /// All families that may yet need what the log has of them: those that exist, and one whose drop may still fail.
    pub fn families_with_data(&self) -> Vec<Arc<Family>> {
        let leaving = self.leaving.lock().clone();
        let mut families = self.all_families();
        families.extend(leaving.filter(|leaving| families.iter().all(|family| family.id != leaving.id)));
        families
    }

    /// The family `id` as files know it: one whose drop is under way too.
    pub fn family_on_record(&self, id: FamilyId) -> Option<Arc<Family>> {
        let leaving = || self.leaving.lock().clone().filter(|family| family.id == id);
        self.family(id).or_else(leaving)
    }

    /// The family `id`, if it exists.
    pub fn family(&self, id: FamilyId) -> Option<Arc<Family>> {
        if id == FamilyId::DEFAULT {
            return Some(Arc::clone(&self.default_family));
        }
        self.families.read().get(&id).cloned()
    }
}
