//! [`Family`]: one column family of an open database: how its keys compare and what it holds now.
//!
//! State changes by replacement: readers take the [`SuperVersion`] of the moment and never lock again. A family that was dropped
//! keeps its last one for as long as a snapshot from before the drop may still ask for it.
//!
//! Thread rule: any thread; `current` is locked for the swap of a pointer only.

use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::merge::{MergeOperator, calls};
use crate::options::FamilyOptions;
use crate::util::sync::atomic::{AtomicU64, Ordering};
use crate::util::sync::{Arc, RwLock};
use crate::version::super_version::SuperVersion;

/// In `dropped_at` of a family that lives.
const LIVES: u64 = u64::MAX;

/// One column family.
#[derive(Debug)]
pub struct Family {
    /// Its number in every file.
    pub id: FamilyId,
    /// What callers open it by.
    pub name: String,
    /// How its keys compare.
    pub order: Order,
    /// How it keeps its keys.
    pub options: FamilyOptions,
    /// What makes a value of its merge operands; without one, a merge is refused.
    pub merge: Option<Arc<dyn MergeOperator>>,
    dropped_at: AtomicU64,
    current: RwLock<Arc<SuperVersion>>,
}

impl Family {
    /// A family that starts with `current`.
    pub fn new(
        id: FamilyId,
        name: &str,
        order: Order,
        options: FamilyOptions,
        merge: Option<Arc<dyn MergeOperator>>,
        current: SuperVersion,
    ) -> Family {
        let (dropped_at, current) = (AtomicU64::new(LIVES), RwLock::new(Arc::new(current)));
        Family { id, name: name.to_owned(), order, options, merge, dropped_at, current }
    }

    /// What it holds now.
    pub fn current(&self) -> Arc<SuperVersion> {
        Arc::clone(&self.current.read())
    }

    /// What it holds now, and what `number` gives while nobody can replace it.
    pub fn current_and<T>(&self, number: impl FnOnce() -> T) -> (Arc<SuperVersion>, T) {
        let current = self.current.read();
        let number = number();
        (Arc::clone(&current), number)
    }

    /// Puts what `change` makes of the present state in its place. The old one lives on in whoever reads it.
    pub fn replace(&self, change: impl FnOnce(&SuperVersion) -> SuperVersion) {
        let old = {
            let mut current = self.current.write();
            let next = Arc::new(change(&current));
            std::mem::replace(&mut *current, next)
        };
        // Dropped outside the lock: it may be the last owner of a memtable.
        drop(old);
    }

    /// Marks it as dropped at `seqno`: whoever reads as of an earlier number may still do so.
    pub fn mark_dropped(&self, seqno: SeqNo) {
        self.dropped_at.store(seqno.get(), Ordering::Release);
    }

    /// Takes the mark back, after a drop that did not come about.
    pub fn unmark_dropped(&self) {
        self.dropped_at.store(LIVES, Ordering::Release);
    }

    /// The number at which it was dropped, if it was.
    pub fn dropped_at(&self) -> Option<SeqNo> {
        // LIVES is above every number there is.
        SeqNo::new(self.dropped_at.load(Ordering::Acquire))
    }

    /// `Ok` if a reader of `snapshot`, or of the present if there is none, may read from it.
    pub fn check_readable(&self, snapshot: Option<SeqNo>) -> Result<()> {
        match self.dropped_at() {
            Some(dropped) if snapshot.is_none_or(|snapshot| snapshot >= dropped) => Err(self.dropped_error()),
            _ => Ok(()),
        }
    }

    /// `InvalidArgument` for an operand that the family cannot merge: it has no operator, or that takes no such operand.
    pub fn check_operand(&self, key: &[u8], operand: &[u8]) -> Result<()> {
        match &self.merge {
            Some(operator) => calls::check_operand(&**operator, key, operand),
            None => {
                let name = self.name.escape_debug();
                Err(Error::invalid(format!("column family \"{name}\" has no merge operator")))
            }
        }
    }

    /// What a call on a dropped family gets.
    pub fn dropped_error(&self) -> Error {
        Error::invalid(format!("column family \"{}\" was dropped", self.name.escape_debug()))
    }
}
