//! [`KeyLocks`]: the keys that pessimistic transactions hold, who waits for them, and who would wait for ever.
//!
//! Where in the flow: a pessimistic transaction takes a key before it writes it or reads it for update, and gives all back at
//! its end. Every write, transactional or plain, asks under the commit lock whether somebody else holds one of its keys, and
//! waits here without that lock if so; the answer costs one load as long as no key is held.
//!
//! ```text
//! transaction   lock(k) ── held ── … commit ── release          plain put(k)   commit lock: held? ── drop it ── wait in line
//!                                                               ── free and first in line: commit lock again, look again ──
//! ```
//! Who waits for a key stands in line; the next one gets it. A writer that is first in line keeps its place while it commits, so
//! it is not overtaken for ever, and gives it up before it waits for another key: it never holds one thing while it waits for
//! the next, so it cannot be part of a deadlock unless it is the commit of a transaction that holds keys.
//!
//! **Deadlocks.** A transaction waits for one key at a time, a key has one owner, so "who waits for whom" is a chain, and a ring
//! can only be closed by the wait that is about to begin. That one is refused, with `Conflict`: its transaction should give up.
//!
//! Invariants: `held` is the number of keys with an owner. A grant comes before its transaction's look at the latest commit
//! (with the commit lock taken once in between), so a commit that did not see the grant is seen by that look.
//!
//! Thread rule: any thread. The table's mutex is a leaf; nobody holds another lock while waiting here.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::batch::WriteBatch;
use crate::db::environment;
use crate::db::health::Health;
use crate::env::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::util::metrics::Counter;
use crate::util::planted::planted;
use crate::util::shown_key::shown_key;
use crate::util::sync::atomic::{AtomicU64, Ordering};
use crate::util::sync::{Condvar, Mutex, MutexGuard};

/// A closed or poisoned handle, or an interrupt, is noticed after this long even if nobody says so.
const LOOK_AGAIN_MS: u64 = 50;

/// A pessimistic transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u64);

/// A key of a family.
pub type FamilyKey = (FamilyId, Vec<u8>);

/// Which keys are held, and by whom.
#[derive(Debug, Default)]
pub struct KeyLocks {
    held: AtomicU64,
    owners: AtomicU64,
    waits: Counter,
    table: Mutex<Table>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Table {
    families: BTreeMap<FamilyId, HashMap<Vec<u8>, KeyLock>>,
    /// The one key that each waiting transaction waits for.
    waiting: HashMap<Owner, FamilyKey>,
    tickets: u64,
}

/// One key: here as long as somebody holds it or stands in line.
#[derive(Debug, Default)]
struct KeyLock {
    owner: Option<Owner>,
    line: VecDeque<u64>,
}

/// How long to wait, and what ends it early.
pub struct Patience<'a> {
    /// Whose close or failure ends it.
    pub health: &'a Health,
    /// Measures it.
    pub clock: &'a dyn Clock,
    /// The longest wait; 0 for none.
    pub timeout_ms: u64,
    /// Asked between waits, with nothing locked; true ends it.
    pub interrupted: Option<fn() -> bool>,
}

/// Being first in line for a key that nobody holds. Dropped, the next one has its turn.
pub struct Place<'a> {
    locks: &'a KeyLocks,
    key: FamilyKey,
    ticket: u64,
}

impl KeyLocks {
    /// A new owner, who holds nothing.
    pub fn new_owner(&self) -> Owner {
        Owner(self.owners.fetch_add(1, Ordering::Relaxed))
    }

    /// How many keys are held.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Acquire)
    }

    /// How many keys somebody holds or stands in line for.
    #[cfg(all(test, loom))]
    pub fn known_keys(&self) -> usize {
        self.table.lock().families.values().map(HashMap::len).sum()
    }

    /// How often somebody had to wait.
    pub fn waits(&self) -> u64 {
        self.waits.get()
    }

    /// Takes `key` for `owner`; true if it was not theirs already. `Conflict` if waiting would close a ring, `Busy` when
    /// patience runs out, `Closed` when the database closes.
    pub fn lock(&self, owner: Owner, key: &FamilyKey, patience: &Patience<'_>) -> Result<bool> {
        let mut table = self.table.lock();
        let lock = table.lock_of(key);
        if lock.owner == Some(owner) {
            return Ok(false);
        }
        if lock.owner.is_none() && lock.line.is_empty() {
            lock.owner = Some(owner);
        } else {
            let (guard, place) = self.wait_in_line(table, Some(owner), key, patience)?;
            table = guard;
            table.lock_of(key).owner = Some(owner);
            self.leave_line(&mut table, key, place);
        }
        self.held.fetch_add(1, Ordering::Release);
        Ok(true)
    }

    /// Waits until nobody holds `key` but perhaps `owner` and it is the caller's turn.
    pub fn wait_until_free(&self, owner: Option<Owner>, key: FamilyKey, patience: &Patience<'_>) -> Result<Place<'_>> {
        let table = self.table.lock();
        let (_table, ticket) = self.wait_in_line(table, owner, &key, patience)?;
        Ok(Place { locks: self, key, ticket })
    }

    /// Gives back what `owner` holds of `keys`.
    pub fn release(&self, owner: Owner, keys: &[FamilyKey]) {
        if keys.is_empty() {
            return;
        }
        let mut table = self.table.lock();
        for key in keys {
            let lock = table.lock_of(key);
            if lock.owner == Some(owner) {
                lock.owner = None;
                self.held.fetch_sub(1, Ordering::Release);
            }
            table.forget_if_idle(key);
        }
        drop(table);
        self.changed.notify_all();
    }

    /// A key that `batch` writes and somebody other than `owner` holds. Asked under the commit lock; one load if none is held.
    pub fn in_the_way(
        &self,
        owner: Option<Owner>,
        batch: &WriteBatch,
        order_of: impl Fn(FamilyId) -> Option<Order>,
    ) -> Option<FamilyKey> {
        if self.held() == 0 || planted("let-plain-writes-past-key-locks") {
            return None;
        }
        let table = self.table.lock();
        let others = |lock: &KeyLock| lock.owner.is_some() && lock.owner != owner;
        for entry in batch.iter().flatten() {
            let Some(locks) = table.families.get(&entry.family) else { continue };
            let found = if entry.kind == Kind::RangeDelete {
                let order = order_of(entry.family).unwrap_or_default();
                let inside = |key: &[u8]| order.cmp(entry.key, key).is_le() && order.cmp(key, entry.value).is_lt();
                locks.iter().find(|(key, lock)| others(lock) && inside(key)).map(|(key, _)| key.clone())
            } else {
                locks.get(entry.key).filter(|lock| others(lock)).map(|_| entry.key.to_vec())
            };
            if let Some(key) = found {
                return Some((entry.family, key));
            }
        }
        None
    }

    /// Lets everybody who waits look again: the database has closed.
    pub fn wake_all(&self) {
        // With the lock, so that nobody is between looking and waiting.
        if !planted("wake-without-the-lock") {
            drop(self.table.lock());
        }
        self.changed.notify_all();
    }

    /// Stands in line for `key` until it is free and everybody before has gone; the caller is then still first in line.
    fn wait_in_line<'a>(
        &'a self,
        mut table: MutexGuard<'a, Table>,
        owner: Option<Owner>,
        key: &FamilyKey,
        patience: &Patience<'_>,
    ) -> Result<(MutexGuard<'a, Table>, u64)> {
        if let Some(owner) = owner
            && table.closes_a_ring(owner, key)
        {
            table.forget_if_idle(key);
            return Err(deadlock(key));
        }
        table.tickets += 1;
        let ticket = table.tickets;
        table.lock_of(key).line.push_back(ticket);
        if let Some(owner) = owner {
            table.waiting.insert(owner, key.clone());
        }
        self.waits.bump();
        let started = patience.clock.monotonic_ms();
        let outcome = loop {
            let lock = table.lock_of(key);
            if (lock.owner.is_none() || lock.owner == owner) && lock.line.front() == Some(&ticket) {
                break Ok(());
            }
            if let Err(error) = patience.health.check_writable() {
                break Err(error);
            }
            let waited = patience.clock.monotonic_ms().saturating_sub(started);
            let left = patience.timeout_ms.saturating_sub(waited);
            if left == 0 {
                break Err(timed_out(key, patience.timeout_ms));
            }
            (table, _) = self.changed.wait_timeout(table, Duration::from_millis(left.min(LOOK_AGAIN_MS)));
            if let Some(interrupted) = patience.interrupted {
                drop(table);
                let stop = interrupted();
                table = self.table.lock();
                if stop {
                    break Err(environment::interrupted());
                }
            }
        };
        if let Some(owner) = owner {
            table.waiting.remove(&owner);
        }
        match outcome {
            Ok(()) => Ok((table, ticket)),
            Err(error) => {
                self.leave_line(&mut table, key, ticket);
                Err(error)
            }
        }
    }

    fn leave_line(&self, table: &mut MutexGuard<'_, Table>, key: &FamilyKey, ticket: u64) {
        table.lock_of(key).line.retain(|other| *other != ticket);
        table.forget_if_idle(key);
        if !planted("forget-to-wake-the-line") {
            self.changed.notify_all();
        }
    }
}

impl Table {
    fn lock_of(&mut self, key: &FamilyKey) -> &mut KeyLock {
        self.families.entry(key.0).or_default().entry(key.1.clone()).or_default()
    }

    fn forget_if_idle(&mut self, (family, key): &FamilyKey) {
        if let Some(locks) = self.families.get_mut(family)
            && locks.get(key).is_some_and(|lock| lock.owner.is_none() && lock.line.is_empty())
        {
            locks.remove(key);
        }
    }

    /// Whether the owner of `key` waits, perhaps through others, for `owner`.
    fn closes_a_ring(&self, owner: Owner, key: &FamilyKey) -> bool {
        let holder = |(family, key): &FamilyKey| self.families.get(family)?.get(key)?.owner;
        let mut next = holder(key);
        // The chain has no ring yet, so it ends.
        while let Some(other) = next.filter(|other| *other != owner) {
            next = self.waiting.get(&other).and_then(holder);
        }
        next.is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut table = self.locks.table.lock();
        self.locks.leave_line(&mut table, &self.key, self.ticket);
    }
}

fn named((family, key): &FamilyKey) -> String {
    format!("key {} of column family {family}", shown_key(key))
}

fn deadlock(key: &FamilyKey) -> Error {
    Error::new(ErrorKind::Conflict, format!("deadlock: the holder of {} waits for this transaction", named(key)))
}

fn timed_out(key: &FamilyKey, timeout_ms: u64) -> Error {
    Error::new(ErrorKind::Busy, format!("waited {timeout_ms} ms for {}, which a transaction holds", named(key)))
}
