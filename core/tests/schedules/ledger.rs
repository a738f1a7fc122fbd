//! [`Ledger`]: what each writer has begun and what was acknowledged to it; so, what a reader may find.
//!
//! A writer owns its keys, in two families, and its writes come one after the other. Whatever looks at them as of one moment must find
//! what the first `n` of its writes leave, in both families together, for one `n`: at least those that were acknowledged before it
//! looked, at most those that had begun when it was done. A crash may take what was not synced, never more, and never one before
//! another.
//!
//! The ledger's lock is the machine's, not the scheduler's: noting something is no step at which another thread could get in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use esker::WriteBatch;

use crate::rng::Rng;

/// Keys of one writer, per family.
const KEYS: usize = 6;

pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// What one writer's keys hold in the two families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held(pub [Map; 2]);

/// One entry of a write: the family, and what is done there.
#[derive(Clone, Debug)]
enum Change {
    Put(usize, Vec<u8>, Vec<u8>),
    Delete(usize, Vec<u8>),
    DeleteRange(usize, Vec<u8>, Vec<u8>),
}

/// One batch.
#[derive(Clone, Debug)]
pub struct Write(Vec<Change>);

/// What was begun, acknowledged and synced.
#[derive(Clone, Debug, Default)]
struct Account {
    begun: Vec<Write>,
    acknowledged: usize,
    synced: usize,
}

/// The accounts of all writers.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Mutex<Vec<Account>>>);

/// A moment before a look: what must be found.
#[derive(Clone, Debug)]
pub struct Least(Vec<usize>);

pub fn key(writer: usize, n: usize) -> Vec<u8> {
    format!("w{writer}/{n}").into_bytes()
}

impl Write {
    /// Something in one family or both, whose values of so many bytes say which write it is.
    pub fn random(rng: &mut Rng, writer: usize, number: usize, sizes: [usize; 2]) -> Write {
        let value = |family: usize, n: usize| {
            let mut value = format!("write {number} of {writer}, entry {n}").into_bytes();
            value.resize(sizes[family].max(value.len()), b'.');
            value
        };
        let mut changes = Vec::new();
        for n in 0..1 + rng.below(3) {
            let (family, one) = (rng.below(2), rng.below(KEYS));
            changes.push(match rng.below(8) {
                0 => Change::Delete(family, key(writer, one)),
                1 => Change::DeleteRange(family, key(writer, one), key(writer, one + 1 + rng.below(KEYS - one))),
                _ => Change::Put(family, key(writer, one), value(family, n)),
            });
        }
        // So that no two prefixes of a writer's life look alike.
        changes.push(Change::Put(number % 2, key(writer, KEYS), value(number % 2, 9)));
        Write(changes)
    }

    pub fn batch(&self, families: &[esker::ColumnFamily; 2]) -> WriteBatch {
        let mut batch = WriteBatch::new();
        for change in &self.0 {
            match change {
                Change::Put(family, key, value) => batch.put_in(families[*family].id(), key, value),
                Change::Delete(family, key) => batch.delete_in(families[*family].id(), key),
                Change::DeleteRange(family, start, end) => batch.delete_range_in(families[*family].id(), start, end),
            }
            .expect("a small batch");
        }
        batch
    }

    fn apply(&self, held: &mut Held) {
        for change in &self.0 {
            match change {
                Change::Put(family, key, value) => drop(held.0[*family].insert(key.clone(), value.clone())),
                Change::Delete(family, key) => drop(held.0[*family].remove(key)),
                Change::DeleteRange(family, start, end) => held.0[*family].retain(|key, _| key < start || key >= end),
            }
        }
    }
}

impl Ledger {
    pub fn new(writers: usize) -> Ledger {
        Ledger(Arc::new(Mutex::new(vec![Account::default(); writers])))
    }

    fn with<T>(&self, then: impl FnOnce(&mut Vec<Account>) -> T) -> T {
        then(&mut self.0.lock().expect("nobody fails while noting"))
    }

    pub fn writers(&self) -> usize {
        self.with(|accounts| accounts.len())
    }

    /// `write` of `writer` is about to be tried; nothing of it may be found before.
    pub fn begin(&self, writer: usize, write: &Write) {
        self.with(|accounts| accounts[writer].begun.push(write.clone()));
    }

    /// The last write of `writer` was acknowledged.
    pub fn acknowledge(&self, writer: usize, synced: bool) {
        self.with(|accounts| {
            let account = &mut accounts[writer];
            account.acknowledged = account.begun.len();
            if synced {
                account.synced = account.acknowledged;
            }
        });
    }

    /// What must be found by whoever looks from now on.
    pub fn acknowledged(&self) -> Least {
        Least(self.with(|accounts| accounts.iter().map(|account| account.acknowledged).collect()))
    }

    /// What must be found after a crash from now on.
    pub fn synced(&self) -> Least {
        Least(self.with(|accounts| accounts.iter().map(|account| account.synced).collect()))
    }

    /// Fails unless `found` of `writer`, seen by a look that began at `least` and has ended, is what some number of its writes
    /// leave. Returns that number.
    #[track_caller]
    pub fn check(&self, writer: usize, least: &Least, found: &Held) -> usize {
        let account = self.with(|accounts| accounts[writer].clone());
        let mut held = Held::default();
        let mut states = vec![held.clone()];
        for write in &account.begun {
            write.apply(&mut held);
            states.push(held.clone());
        }
        let least = least.0[writer];
        match (least..states.len()).find(|n| states[*n] == *found) {
            Some(n) => n,
            None => panic!(
                "writer {writer}: no number of writes from {least} to {} leaves {found:?}; it is what {:?} leave of {:?}",
                account.begun.len(),
                states.iter().position(|state| state == found),
                account.begun,
            ),
        }
    }
}
