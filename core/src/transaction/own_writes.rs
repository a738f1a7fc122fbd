//! [`OwnWrites`]: what a transaction has written and not committed, as a batch for the commit and as memtables for its reads.
//!
//! Where in the flow: a write goes to both; a read of the transaction puts the family's memtable on top of the database's
//! ([`Memtable::as_of`]), so that its puts, deletes, range deletes and merge operands are resolved by the code that resolves all
//! others; commit hands over the batch. The writes carry numbers above all that commits can have, in the order of the batch:
//!
//! ```text
//! put a, delete_range [b, d), merge c     →     own numbers 0, 1, 2 from SeqNo::FIRST_OWN on
//! ```
//! Invariant: the memtables hold exactly the batch. A rollback to a savepoint builds them anew; iterators keep those they have.

use std::collections::BTreeMap;

use crate::batch::WriteBatch;
use crate::db::read::read_set::{ReadSet, Span, Upper};
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;

/// The uncommitted writes of a transaction.
#[derive(Debug, Default)]
pub struct OwnWrites {
    batch: WriteBatch,
    families: BTreeMap<FamilyId, (Order, Memtable)>,
}

impl OwnWrites {
    /// What commit writes.
    pub fn batch(&self) -> &WriteBatch {
        &self.batch
    }

    /// Adds a write. On failure nothing has changed.
    pub fn add(&mut self, family: FamilyId, order: &Order, kind: Kind, key: &[u8], value: &[u8]) -> Result<()> {
        self.batch.set_savepoint();
        let added = self.batch.add(family, kind, key, value).and_then(|()| {
            let number = number_of(self.batch.count() - 1)?;
            let (_, memtable) = self.families.entry(family).or_insert_with(|| (order.clone(), Memtable::new(order)));
            memtable.add(number, kind, key, value)
        });
        match added {
            Ok(()) => self.batch.pop_savepoint(),
            Err(error) => self.batch.rollback_to_savepoint().and(Err(error)),
        }
    }

    /// The writes so far as a source for reads of `family`; `None` if there are none. What is written later is not in it.
    pub fn source(&self, family: FamilyId) -> Option<Memtable> {
        let (_, memtable) = self.families.get(&family).filter(|(_, memtable)| !memtable.is_empty())?;
        Some(memtable.as_of(memtable.last_seqno()?))
    }

    /// Whether the own writes alone say what `key` holds, so that a read of it depends on nothing committed.
    pub fn decide(&self, family: FamilyId, key: &[u8]) -> bool {
        let Some((_, memtable)) = self.families.get(&family) else { return false };
        let covering = memtable.covering_tombstone(key, SeqNo::MAX);
        let mut view = SeqNo::MAX;
        while let Some((seqno, kind, _)) = memtable.get(key, view) {
            if seqno < covering || kind != Kind::Merge {
                return true;
            }
            view = seqno.saturating_prev();
        }
        covering > SeqNo::ZERO
    }

    /// Remembers what was written so far. Savepoints nest.
    pub fn set_savepoint(&mut self) {
        self.batch.set_savepoint();
    }

    /// Forgets the latest savepoint. `NotFound` if there is none.
    pub fn pop_savepoint(&mut self) -> Result<()> {
        self.batch.pop_savepoint()
    }

    /// Takes back what was written after the latest savepoint, and forgets that savepoint. `NotFound` if there is none.
    pub fn rollback_to_savepoint(&mut self) -> Result<()> {
        let before = self.batch.count();
        self.batch.rollback_to_savepoint()?;
        if self.batch.count() == before {
            return Ok(());
        }
        for (order, memtable) in self.families.values_mut() {
            *memtable = Memtable::new(order);
        }
        for (index, entry) in (0..).zip(self.batch.iter()) {
            let entry = entry?;
            if let Some((_, memtable)) = self.families.get(&entry.family) {
                memtable.add(number_of(index)?, entry.kind, entry.key, entry.value)?;
            }
        }
        Ok(())
    }

    /// Adds the keys and ranges written to `set`, but for the keys that `except` names.
    pub fn add_to(&self, set: &mut ReadSet, except: impl Fn(FamilyId, &[u8]) -> bool) -> Result<()> {
        for entry in self.batch.iter() {
            let entry = entry?;
            let Some((order, _)) = self.families.get(&entry.family) else { continue };
            if entry.kind == Kind::RangeDelete {
                let (lower, upper) = (Some(entry.key.to_vec()), Upper::Before(entry.value.to_vec()));
                set.add(entry.family, order, Span::Stretch { lower, upper });
            } else if !except(entry.family, entry.key) {
                set.add(entry.family, order, Span::Key(entry.key.to_vec()));
            }
        }
        Ok(())
    }
}

/// The number of write `index` of a transaction.
fn number_of(index: u32) -> Result<SeqNo> {
    let number = SeqNo::FIRST_OWN.checked_add(u64::from(index)).filter(|number| *number < SeqNo::MAX);
    number.ok_or_else(|| Error::new(ErrorKind::Unsupported, "a transaction of more than 2^32 writes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILY: FamilyId = FamilyId(2);

    fn writes(entries: &[(Kind, &[u8], &[u8])]) -> OwnWrites {
        let mut own = OwnWrites::default();
        entries.iter().for_each(|(kind, key, value)| own.add(FAMILY, &Order::Bytewise, *kind, key, value).unwrap());
        own
    }

    #[test]
    fn merges_decide_only_over_an_own_base() {
        let own = writes(&[
            (Kind::Merge, b"a", b"+1"),
            (Kind::Put, b"b", b"1"),
            (Kind::Merge, b"b", b"+1"),
            (Kind::RangeDelete, b"c", b"e"),
            (Kind::Merge, b"d", b"+1"),
            (Kind::Delete, b"f", b""),
        ]);
        let decided: Vec<_> = [b"a", b"b", b"c", b"d", b"e", b"f"].map(|key| own.decide(FAMILY, key)).into();
        assert_eq!(decided, [false, true, true, true, false, true]);
        assert!(!own.decide(FamilyId(0), b"b"));
    }

    #[test]
    fn a_rollback_leaves_what_was_there_and_sources_keep_what_they_had() {
        let mut own = writes(&[(Kind::Put, b"a", b"1")]);
        own.set_savepoint();
        own.add(FAMILY, &Order::Bytewise, Kind::RangeDelete, b"a", b"z").unwrap();
        own.add(FamilyId(3), &Order::Bytewise, Kind::Put, b"x", b"y").unwrap();
        let (before, other) = (own.source(FAMILY).unwrap(), own.source(FamilyId(3)).unwrap());
        own.rollback_to_savepoint().unwrap();
        assert!(own.source(FamilyId(3)).is_none());
        let after = own.source(FAMILY).unwrap();
        assert_eq!((own.batch().count(), after.covering_tombstone(b"a", SeqNo::ZERO)), (1, SeqNo::ZERO));
        assert!(before.covering_tombstone(b"a", SeqNo::ZERO) > SeqNo::ZERO);
        assert!(other.get(b"x", SeqNo::ZERO).is_some());
        assert_eq!(own.rollback_to_savepoint().unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn a_write_that_is_refused_changes_nothing() {
        let mut own = writes(&[(Kind::Put, b"a", b"1")]);
        own.set_savepoint();
        let long = vec![0; (8 << 20) + 1];
        assert!(own.add(FAMILY, &Order::Bytewise, Kind::Put, &long, b"").is_err());
        own.add(FAMILY, &Order::Bytewise, Kind::Put, b"b", b"2").unwrap();
        assert_eq!(own.batch().count(), 2);
        own.rollback_to_savepoint().unwrap();
        assert_eq!(own.batch().count(), 1);
    }
}
