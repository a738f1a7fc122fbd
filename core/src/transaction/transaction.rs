//! [`Transaction`]: reads and writes of a database that take effect together, as if nothing else had happened meanwhile.
//!
//! ```text
//! begin     snapshot and registration, both under the commit lock: no commit falls in between
//! get       own writes over the snapshot; the key is noted, found or not
//! iter      the same; its ScanTracker notes the stretch that was seen
//! put …     into the own writes (transaction/own_writes.rs); with key locks, the key is taken first
//! commit    the batch goes down db/write, with what must be unchanged
//! end       registration, key locks and snapshot are given back
//! ```
//! Invariants: whatever the answer of a read depends on is noted, or protected by a key lock, or decided by the own writes
//! alone. An ended transaction holds nothing. In a forked child nothing shared is touched, not even by drop.
//!
//! Thread rule: one thread at a time; may move between threads, and its iterators may live on others.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use crate::db::family::Family;
use crate::db::read::cursor;
use crate::db::read::read_set::{ReadSet, ScanTracker, SharedReads, Span};
use crate::db::state::Shared;
use crate::db::write::key_locks::{FamilyKey, Owner};
use crate::db::write::{self, CommitRequest, Committing};
use crate::db::{ColumnFamily, Db, Iter, ReadOptions, Snapshot, read};
use crate::error::{Error, ErrorKind, Result};
use crate::iter::operands::STAMP_LEN;
use crate::key::kind::Kind;
use crate::options::{Isolation, LockMode, TransactionOptions};
use crate::transaction::own_writes::OwnWrites;
use crate::util::pinned::Pinned;
use crate::util::planted::planted;
use crate::util::sync::Arc;

/// The share of the memory budget that one transaction's notes of its reads may take, as a divisor; and at least so much.
const READS_SHARE: u64 = 64;
const LEAST_READS: u64 = 16 << 10;

/// Reads and writes that take effect together when it commits, or not at all.
///
/// It sees the database as it was when it began, and its own writes. Dropped without a commit it is rolled back. It should be
/// short: while it lives, compaction keeps what it sees, and the write sets of all commits are kept for its validation.
///
/// ```no_run
/// # let db = esker::Db::open("data", &esker::Options::default())?;
/// let mut t = db.begin(&esker::TransactionOptions::default())?;
/// if t.get("seat 7")?.is_none() {
///     t.put("seat 7", "Ada")?;
/// }
/// t.commit()?; // Conflict if somebody took the seat meanwhile: begin again
/// # Ok::<(), esker::Error>(())
/// ```
pub struct Transaction {
    shared: Arc<Shared>,
    options: TransactionOptions,
    /// `None` once it has ended.
    open: Option<Open>,
}

/// What a transaction has until it ends.
struct Open {
    shared: Arc<Shared>,
    snapshot: Snapshot,
    own: OwnWrites,
    reads: Arc<SharedReads>,
    /// Of its key locks; `None` without them.
    owner: Option<Owner>,
    /// The keys it holds, and whether each was read for update.
    locked: HashMap<FamilyKey, bool>,
}

impl Db {
    /// Begins a transaction, which sees all commits so far.
    ///
    /// # Errors
    /// `Closed`, `Forked`. In a read-only database it can read; a commit of writes is `ReadOnly`.
    pub fn begin(&self, options: &TransactionOptions) -> Result<Transaction> {
        let shared = self.shared();
        shared.health.check_open()?;
        let limit = (shared.options.memory_budget / READS_SHARE).max(LEAST_READS);
        let reads = Arc::new(SharedReads::new(usize::try_from(limit).unwrap_or(usize::MAX), &shared.health));
        let owner = (options.mode == LockMode::Pessimistic).then(|| shared.key_locks.new_owner());
        let mut commit = shared.commit.lock();
        let snapshot = shared.snapshots.take(&shared.health, || shared.view_now());
        commit.recent.register(snapshot.view_seqno());
        drop(commit);
        shared.counters.transactions.bump();
        let own = OwnWrites::default();
        let open = Open { shared: Arc::clone(shared), snapshot, own, reads, owner, locked: HashMap::new() };
        Ok(Transaction { shared: Arc::clone(shared), options: options.clone(), open: Some(open) })
    }
}

impl Transaction {
    /// The value of `key` as the transaction sees it.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Pinned>> {
        self.read(&self.shared.default_family, key.as_ref())
    }

    /// The same in `family`.
    pub fn get_in(&self, family: &ColumnFamily, key: impl AsRef<[u8]>) -> Result<Option<Pinned>> {
        self.read(family.of(&self.shared.health)?, key.as_ref())
    }

    /// The values of `keys`. The outer error is the call's, an inner one that key's.
    pub fn multi_get<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<Vec<Result<Option<Pinned>>>> {
        self.read_all(&self.shared.default_family, keys)
    }

    /// The same in `family`.
    pub fn multi_get_in<K: AsRef<[u8]>>(
        &self,
        family: &ColumnFamily,
        keys: &[K],
    ) -> Result<Vec<Result<Option<Pinned>>>> {
        self.read_all(family.of(&self.shared.health)?, keys)
    }

    /// The value of `key`, for a write that depends on it.
    ///
    /// Optimistic: a [`Transaction::get`] that is validated under snapshot isolation too. Pessimistic: takes the key's lock
    /// first, and then reads the *latest* commit, which nobody else can change until this transaction ends; from here on
    /// [`Transaction::get`] of the key reads that too.
    ///
    /// # Errors
    /// Pessimistic: `Busy` when another transaction holds the key for longer than `lock_timeout_ms`; `Conflict` when that one
    /// waits for this one (roll back, so that it can go on).
    pub fn get_for_update(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Pinned>> {
        let family = Arc::clone(&self.shared.default_family);
        self.read_for_update(&family, key.as_ref())
    }

    /// The same in `family`.
    pub fn get_for_update_in(&mut self, family: &ColumnFamily, key: impl AsRef<[u8]>) -> Result<Option<Pinned>> {
        let family = Arc::clone(family.of(&self.shared.health)?);
        self.read_for_update(&family, key.as_ref())
    }

    /// A cursor over what the transaction sees now: later writes of its own do not show.
    ///
    /// `InvalidArgument` for options with a snapshot: a transaction has its own. The cursor may outlive the transaction.
    pub fn iter(&self, options: &ReadOptions) -> Result<Iter> {
        self.scan(&self.shared.default_family, options)
    }

    /// The same in `family`.
    pub fn iter_in(&self, family: &ColumnFamily, options: &ReadOptions) -> Result<Iter> {
        self.scan(family.of(&self.shared.health)?, options)
    }

    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// Of all writes: `InvalidArgument` for what a batch would refuse. Pessimistic: those of [`Transaction::get_for_update`].
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.write_default(Kind::Put, key.as_ref(), value.as_ref())
    }

    /// The same in `family`.
    pub fn put_in(&mut self, family: &ColumnFamily, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.write_in(family, Kind::Put, key.as_ref(), value.as_ref())
    }

    /// Sets `key` of `family` to `value` until `expires_at_ms`, in milliseconds since 1970.
    pub fn put_expiring_in(
        &mut self,
        family: &ColumnFamily,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at_ms: u64,
    ) -> Result<()> {
        let stored = [&expires_at_ms.to_le_bytes()[..], value.as_ref()].concat();
        self.write_in(family, Kind::PutExpiring, key.as_ref(), &stored)
    }

    /// Removes `key`; it need not exist.
    pub fn delete(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.write_default(Kind::Delete, key.as_ref(), b"")
    }

    /// The same in `family`.
    pub fn delete_in(&mut self, family: &ColumnFamily, key: impl AsRef<[u8]>) -> Result<()> {
        self.write_in(family, Kind::Delete, key.as_ref(), b"")
    }

    /// Removes every key from `start` up to, not including, `end`. A pessimistic transaction takes no locks for it; its commit
    /// waits for keys in the range that others hold.
    pub fn delete_range(&mut self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        self.write_default(Kind::RangeDelete, start.as_ref(), end.as_ref())
    }

    /// The same in `family`.
    pub fn delete_range_in(
        &mut self,
        family: &ColumnFamily,
        start: impl AsRef<[u8]>,
        end: impl AsRef<[u8]>,
    ) -> Result<()> {
        self.write_in(family, Kind::RangeDelete, start.as_ref(), end.as_ref())
    }

    /// Merges `operand` into what `key` has. `InvalidArgument` without a merge operator, or for an operand that it cannot take.
    /// Not a read: alone it conflicts with nothing under serializable isolation.
    pub fn merge(&mut self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        self.write_default(Kind::Merge, key.as_ref(), &not_committed(operand.as_ref()))
    }

    /// The same in `family`.
    pub fn merge_in(&mut self, family: &ColumnFamily, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        self.write_in(family, Kind::Merge, key.as_ref(), &not_committed(operand.as_ref()))
    }

    /// Remembers what was written so far, for [`Transaction::rollback_to_savepoint`]. Savepoints nest.
    pub fn set_savepoint(&mut self) -> Result<()> {
        self.open_mut()?.own.set_savepoint();
        Ok(())
    }

    /// Takes back the writes after the latest savepoint, and forgets that savepoint. What was read stays read and what was
    /// locked stays locked. `NotFound` if there is none.
    pub fn rollback_to_savepoint(&mut self) -> Result<()> {
        self.open_mut()?.own.rollback_to_savepoint()
    }

    /// Forgets the latest savepoint and keeps what was written. `NotFound` if there is none.
    pub fn pop_savepoint(&mut self) -> Result<()> {
        self.open_mut()?.own.pop_savepoint()
    }

    /// Makes the writes take effect, all at once. Whatever it returns, the transaction has ended.
    ///
    /// # Errors
    /// `Conflict` when a commit since the beginning touched what this transaction depends on, or when that cannot be told any
    /// more because it lived too long for the memory budget: nothing was written, begin again. Otherwise as for any write.
    pub fn commit(&mut self) -> Result<()> {
        self.open()?;
        let Some(open) = self.open.take() else { return Err(finished()) };
        let since = open.snapshot.view_seqno();
        if open.own.batch().is_empty() && !open.saw_two_moments() {
            return Ok(());
        }
        let unchanged = open.unchanged(self.options.isolation)?;
        let transaction = Committing { owner: open.owner, since, unchanged: &unchanged };
        if open.own.batch().is_empty() {
            return write::validate_only(&self.shared, &transaction);
        }
        let durability = self.options.durability.unwrap_or(self.shared.options.durability);
        let batch = open.own.batch();
        let request = CommitRequest { batch, durability, ttl_ms: None, transaction: Some(transaction) };
        write::commit(&self.shared, &request)
    }

    /// Ends it without a trace.
    pub fn rollback(&mut self) -> Result<()> {
        self.open()?;
        self.open = None;
        Ok(())
    }

    fn open(&self) -> Result<&Open> {
        self.shared.health.check_open()?;
        self.open.as_ref().ok_or_else(finished)
    }

    fn open_mut(&mut self) -> Result<&mut Open> {
        self.shared.health.check_open()?;
        self.open.as_mut().ok_or_else(finished)
    }

    fn read(&self, family: &Family, key: &[u8]) -> Result<Option<Pinned>> {
        let open = self.open()?;
        let locked = !open.locked.is_empty() && open.locked.contains_key(&(family.id, key.to_vec()));
        if self.options.isolation == Isolation::Serializable && !locked {
            open.note_key(family, key);
        }
        open.get(family, key, locked)
    }

    fn read_all<K: AsRef<[u8]>>(&self, family: &Family, keys: &[K]) -> Result<Vec<Result<Option<Pinned>>>> {
        family.check_readable(Some(self.open()?.snapshot.view_seqno()))?;
        Ok(keys.iter().map(|key| self.read(family, key.as_ref())).collect())
    }

    fn read_for_update(&mut self, family: &Family, key: &[u8]) -> Result<Option<Pinned>> {
        let timeout_ms = self.options.lock_timeout_ms;
        let open = self.open_mut()?;
        open.lock(family, key, true, timeout_ms)?;
        if open.owner.is_none() {
            open.note_key(family, key);
        }
        open.get(family, key, open.owner.is_some())
    }

    fn scan(&self, family: &Family, options: &ReadOptions) -> Result<Iter> {
        let open = self.open()?;
        if options.snapshot.is_some() {
            return Err(Error::invalid("a transaction reads as of its own snapshot, not of another"));
        }
        let options = options.clone().with_snapshot(&open.snapshot);
        let serializable = self.options.isolation == Isolation::Serializable;
        let tracker = serializable.then(|| ScanTracker::new(&open.reads, family.id, &family.order));
        let iter = cursor::open_cursor_over(&self.shared, family, &options, open.own.source(family.id))?;
        Ok(iter.in_transaction(tracker))
    }

    fn write_default(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<()> {
        let family = Arc::clone(&self.shared.default_family);
        self.write(&family, kind, key, value)
    }

    fn write_in(&mut self, family: &ColumnFamily, kind: Kind, key: &[u8], value: &[u8]) -> Result<()> {
        let family = Arc::clone(family.of(&self.shared.health)?);
        self.write(&family, kind, key, value)
    }

    fn write(&mut self, family: &Family, kind: Kind, key: &[u8], value: &[u8]) -> Result<()> {
        let timeout_ms = self.options.lock_timeout_ms;
        let open = self.open_mut()?;
        family.check_readable(None)?;
        match kind {
            Kind::RangeDelete => match family.order.cmp(key, value) {
                Ordering::Greater => return Err(Error::invalid("a range to delete starts behind its end")),
                Ordering::Equal => return Ok(()),
                Ordering::Less => {}
            },
            Kind::Merge => family.check_operand(key, value.get(STAMP_LEN..).unwrap_or_default())?,
            Kind::Put | Kind::PutExpiring | Kind::Delete => {}
        }
        if kind != Kind::RangeDelete {
            open.lock(family, key, false, timeout_ms)?;
        }
        open.own.add(family.id, &family.order, kind, key, value)
    }
}

impl Open {
    /// Notes that an answer depends on what is committed under `key`, unless the own writes say it all.
    fn note_key(&self, family: &Family, key: &[u8]) {
        let forget = planted("forget-absent-reads") && matches!(self.get(family, key, false), Ok(None));
        if !forget && !self.own.decide(family.id, key) {
            self.reads.with(|set| set.add(family.id, &family.order, Span::Key(key.to_vec())));
        }
    }

    /// The value of `key`: over the snapshot, or over the `latest` commit if the key is locked.
    fn get(&self, family: &Family, key: &[u8], latest: bool) -> Result<Option<Pinned>> {
        let mut options = ReadOptions::new();
        if !latest {
            options.snapshot = Some(self.snapshot.clone());
        }
        let (current, view) = read::view_of(&self.shared, family, &options)?;
        let current = read::with_own(current, self.own.source(family.id));
        read::get_at(&self.shared, family, &current, key, &view, &options)
    }

    /// Whether it may have seen the latest commit of one key, under its lock, and the snapshot of others. Such a transaction is
    /// validated even if it wrote nothing.
    fn saw_two_moments(&self) -> bool {
        self.locked.values().any(|for_update| *for_update)
    }

    /// Takes the lock of `key`, if this transaction locks.
    fn lock(&mut self, family: &Family, key: &[u8], for_update: bool, timeout_ms: u64) -> Result<()> {
        let Some(owner) = self.owner else { return Ok(()) };
        let key = (family.id, key.to_vec());
        if self.shared.key_locks.lock(owner, &key, &self.shared.patience(timeout_ms))? {
            // A commit that looked for key locks before this one was granted holds the commit lock: once it was ours, that
            // commit is visible, and every later one meets the key lock.
            drop(self.shared.commit.lock());
        }
        *self.locked.entry(key).or_insert(false) |= for_update;
        Ok(())
    }

    /// What no other commit may have written to.
    fn unchanged(&self, isolation: Isolation) -> Result<ReadSet> {
        let mut set = self.reads.with(|set| std::mem::replace(set, ReadSet::new(0)));
        if isolation == Isolation::Snapshot {
            set.lift_limit();
            // A key that was locked and then read in its latest state cannot be a lost update.
            let read_for_update = |family, key: &[u8]| self.locked.get(&(family, key.to_vec())) == Some(&true);
            self.own.add_to(&mut set, read_for_update)?;
        }
        set.settle();
        if set.was_widened() {
            self.shared.counters.read_sets_widened.bump();
        }
        Ok(set)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // In a forked child the locks may be held by threads that do not exist there.
        if self.shared.health.in_forked_child() {
            return;
        }
        if let Some(owner) = self.owner {
            let keys: Vec<FamilyKey> = self.locked.drain().map(|(key, _)| key).collect();
            self.shared.key_locks.release(owner, &keys);
        }
        let (unneeded, charge) = {
            let mut commit = self.shared.commit.lock();
            (commit.recent.unregister(self.snapshot.view_seqno()), commit.recent.charge())
        };
        drop(unneeded);
        self.shared.charge_write_sets(charge);
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Transaction");
        out.field("open", &self.open.is_some());
        if let Some(open) = &self.open {
            out.field("since", &open.snapshot.seqno()).field("writes", &open.own.batch().count());
        }
        out.finish_non_exhaustive()
    }
}

/// An operand as it is stored while it has no time of commit.
fn not_committed(operand: &[u8]) -> Vec<u8> {
    [&[0; STAMP_LEN][..], operand].concat()
}

fn finished() -> Error {
    Error::new(ErrorKind::InvalidArgument, "the transaction is finished")
}
