//! A database that is nothing but its state: one family, a log on a simulated disk, no MANIFEST, no threads of its own.
//!
//! Each schedule of a model makes one, so it is small; and it has the real [`Shared`], so that the real calls run on it.

use std::path::Path;

use crate::db::background::Background;
use crate::db::environment::{Environment, Executor};
use crate::db::family::Family;
use crate::db::health::Health;
use crate::db::info_log::InfoLog;
use crate::db::state::{CommitState, Shared};
use crate::db::write::CommitRequest;
use crate::db::write::conflicts::RecentWrites;
use crate::env::clock::Clock;
use crate::env::filename::FileNumber;
use crate::env::fs::FileSystem;
use crate::env::sim_fs::SimFs;
use crate::error::Result;
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::options::{Durability, FamilyOptions, Options};
use crate::table::BlockCache;
use crate::util::sync::atomic::{AtomicBool, AtomicU64};
use crate::util::sync::{Arc, Mutex, RwLock, thread};
use crate::version::identity::Identity;
use crate::version::numbers::FileNumbers;
use crate::version::super_version::SuperVersion;
use crate::version::table_cache::TableCache;
use crate::version::version::Version;
use crate::wal::{Link, WalWriter, prepare_segment};

/// Bytes: enough for a table to be written, which the checker's own stacks are not.
const STACK: usize = 1 << 20;

/// Starts a thread of the model.
pub fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    thread::Builder::new().stack_size(STACK).spawn(body).expect("a thread of the model")
}

/// Time stands still, and asking for it is no step.
#[derive(Debug)]
pub struct Still;

impl Clock for Still {
    fn unix_ms(&self) -> u64 {
        1_000
    }

    fn monotonic_ms(&self) -> u64 {
        0
    }
}

/// Where the files are.
pub fn dir() -> &'static Path {
    Path::new("/")
}

/// A small number.
pub fn seqno(n: u64) -> SeqNo {
    SeqNo::new(n).expect("a small number")
}

/// The database, and its disk. A memtable of `memtable_limit` bytes is full.
pub fn bare(memtable_limit: u64) -> (Arc<Shared>, SimFs) {
    let (disk, options) = (SimFs::new(1), Options::default());
    let fs: Arc<dyn FileSystem> = Arc::new(disk.clone());
    let segment = prepare_segment(&disk, dir(), 1, FileNumber::new(1), 4 << 10).expect("a healthy disk");
    let wal = WalWriter::start(segment, Link::first(SeqNo::ZERO)).expect("a healthy disk");
    let tables = Arc::new(TableCache::new(Arc::clone(&fs), dir(), 1, Arc::new(BlockCache::new(0))));
    let empty = SuperVersion::new(memtable(), Vec::new(), Arc::new(Version::empty(Order::Bytewise)), tables);
    let own = FamilyOptions::default();
    let family = Arc::new(Family::new(FamilyId::DEFAULT, "default", Order::Bytewise, own, None, empty));
    let commit = CommitState {
        next_seqno: seqno(1),
        wal: Some(wal),
        next_segment: None,
        seal_segment: false,
        recent: RecentWrites::new(1 << 20),
    };
    let shared = Shared {
        dir: dir().to_path_buf(),
        identity: Identity { format_version: 1, uuid: 1 },
        recovery: Default::default(),
        health: Arc::new(Health::new(false, InfoLog::new(Arc::new(Still)))),
        counters: Default::default(),
        snapshots: Arc::default(),
        background: Background::new(Executor::Threads),
        sync_queue: Default::default(),
        key_locks: Default::default(),
        write_set_charge: AtomicU64::new(0),
        charging: Mutex::new(()),
        visible: AtomicU64::new(0),
        numbers: Arc::new(FileNumbers::starting_at(FileNumber::new(10)).expect("a small number")),
        segment_wanted: AtomicBool::new(false),
        memtable_limit,
        flush_limit: AtomicU64::new(u64::MAX),
        memtable_full: AtomicBool::new(false),
        commit: Mutex::new(commit),
        manifest: Mutex::new(None),
        active_memtable_bytes: AtomicU64::new(0),
        view_time: AtomicU64::new(1_000),
        family_changes: Mutex::new(()),
        leaving: Mutex::new(None),
        dropped: Mutex::new(Vec::new()),
        families: RwLock::new([(FamilyId::DEFAULT, Arc::clone(&family))].into()),
        default_family: family,
        obsolete: Mutex::new(Vec::new()),
        lock: Mutex::new(None),
        env: Environment { fs, clock: Arc::new(Still), executor: Executor::Threads, interrupted: None },
        options,
    };
    (Arc::new(shared), disk)
}

/// An empty one.
pub fn memtable() -> Arc<Memtable> {
    Arc::new(Memtable::new(&Order::Bytewise))
}

/// Commits puts of `value` to all of `keys`, as one batch.
pub fn put(shared: &Shared, keys: &[&[u8]], value: &[u8], durability: Durability) -> Result<()> {
    let mut batch = crate::batch::WriteBatch::new();
    for key in keys {
        batch.put(key, value)?;
    }
    crate::db::write::commit(shared, &CommitRequest { batch: &batch, durability, ttl_ms: None, transaction: None })
}
