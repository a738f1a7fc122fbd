//! [`ColumnFamily`]: a caller's handle on a column family.

use std::fmt;

use crate::db::family::Family;
use crate::db::health::Health;
use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::options::FamilyOptions;
use crate::util::sync::Arc;

/// A named tree of keys within a database, with options of its own. Batches, snapshots and transactions span families.
///
/// A handle is cheap to clone and may outlive the database and the family: calls with it then answer `Closed`, or
/// `InvalidArgument` once the family was dropped. Any number of threads.
#[derive(Clone)]
pub struct ColumnFamily {
    family: Arc<Family>,
    health: Arc<Health>,
}

impl ColumnFamily {
    pub(crate) fn new(family: Arc<Family>, health: Arc<Health>) -> ColumnFamily {
        ColumnFamily { family, health }
    }

    /// Its number, for [`WriteBatch`](crate::WriteBatch). Never given to another family of the database.
    pub fn id(&self) -> FamilyId {
        self.family.id
    }

    /// What it is opened by.
    pub fn name(&self) -> &str {
        &self.family.name
    }

    /// How it keeps its keys.
    pub fn options(&self) -> &FamilyOptions {
        &self.family.options
    }

    /// Whether it was dropped.
    pub fn is_dropped(&self) -> bool {
        self.family.dropped_at().is_some()
    }

    /// The family itself, for calls on the database whose health this is. The handle of another database is refused: ids mean
    /// something else there.
    pub(crate) fn of(&self, health: &Arc<Health>) -> Result<&Arc<Family>> {
        if Arc::ptr_eq(&self.health, health) {
            return Ok(&self.family);
        }
        Err(Error::invalid("the column family belongs to another database handle"))
    }
}

impl fmt::Debug for ColumnFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ColumnFamily(\"{}\", {})", self.name().escape_debug(), self.id())
    }
}
