//! [`FamilyId`]: which column family an entry belongs to. In every format from the start; ids are never used twice.

use std::fmt;

/// The number of a column family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyId(pub u32);

impl FamilyId {
    /// The family every database has.
    pub const DEFAULT: FamilyId = FamilyId(0);
}

impl fmt::Display for FamilyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
