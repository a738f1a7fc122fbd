//! [`Kind`]: what an entry does to its key. The numbers are on disk, in batches, WAL records and tables.

/// What an entry does to its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Kind {
    /// A tombstone: the key is absent from here on.
    Delete = 0,
    /// The key has this value.
    Put = 1,
    /// Every key from this one up to the end key in the value is absent from here on.
    RangeDelete = 2,
    /// An operand for the family's merge operator.
    Merge = 3,
    /// A put whose value starts with eight bytes of expiry time (milliseconds, little-endian).
    PutExpiring = 4,
    // 5 is kept free for values stored apart from their keys; no version writes it yet, and every version refuses it.
}

impl Kind {
    /// The kind with this number on disk.
    pub fn from_u8(n: u8) -> Option<Kind> {
        Some(match n {
            0 => Kind::Delete,
            1 => Kind::Put,
            2 => Kind::RangeDelete,
            3 => Kind::Merge,
            4 => Kind::PutExpiring,
            _ => return None,
        })
    }
}
