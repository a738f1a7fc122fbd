//! [`Pinned`]: bytes together with whatever keeps them alive, so that a value can leave the engine without a copy and stay
//! readable after the iterator, the snapshot or the database it came from is gone.

use std::fmt;
use std::ops::{Deref, Range};

use crate::util::sync::Arc;

/// Bytes that many owners may share: the uncompressed contents of a block.
pub type SharedBytes = Arc<Vec<u8>>;

/// A value read from the database: a copy, or a range of a block that stays in memory as long as this does.
///
/// Opaque on purpose: how the bytes are kept may change without the callers noticing. Any number of threads may read it.
#[derive(Clone)]
pub struct Pinned(Repr);

#[derive(Clone)]
enum Repr {
    Copy(Box<[u8]>),
    Block { block: SharedBytes, start: u32, len: u32 },
}

impl Pinned {
    /// A copy of `bytes`.
    pub fn copy(bytes: &[u8]) -> Pinned {
        Pinned(Repr::Copy(bytes.into()))
    }

    /// `range` of `block`, without a copy. `None` if the range does not lie inside the block.
    pub fn block(block: &SharedBytes, range: Range<usize>) -> Option<Pinned> {
        block.get(range.clone())?;
        let (start, len) = (u32::try_from(range.start).ok()?, u32::try_from(range.len()).ok()?);
        Some(Pinned(Repr::Block { block: Arc::clone(block), start, len }))
    }

    /// A smaller part of these bytes; `None` if `range` does not lie inside them.
    pub fn slice(&self, range: Range<usize>) -> Option<Pinned> {
        self.get(range.clone())?;
        match &self.0 {
            Repr::Copy(bytes) => Some(Pinned::copy(&bytes[range])),
            Repr::Block { block, start, .. } => {
                let start = *start as usize;
                Pinned::block(block, start + range.start..start + range.end)
            }
        }
    }

    /// How many bytes of memory this keeps alive: the whole block for a pinned range. Charged to the memory budget.
    pub fn held_bytes(&self) -> usize {
        match &self.0 {
            Repr::Copy(bytes) => bytes.len(),
            Repr::Block { block, .. } => block.len(),
        }
    }
}

impl From<Vec<u8>> for Pinned {
    fn from(bytes: Vec<u8>) -> Pinned {
        Pinned(Repr::Copy(bytes.into_boxed_slice()))
    }
}

impl Deref for Pinned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Copy(bytes) => bytes,
            Repr::Block { block, start, len } => {
                let start = *start as usize;
                block.get(start..start + *len as usize).unwrap_or_default()
            }
        }
    }
}

impl AsRef<[u8]> for Pinned {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned(\"{}\")", self.escape_ascii())
    }
}

impl PartialEq for Pinned {
    fn eq(&self, other: &Pinned) -> bool {
        **self == **other
    }
}

impl Eq for Pinned {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_outlives_the_block_it_came_from() {
        let block: SharedBytes = Arc::new(b"keyvalue".to_vec());
        let value = Pinned::block(&block, 3..8).unwrap();
        drop(block);
        assert_eq!(&*value, b"value");
        assert_eq!(&*value.slice(1..3).unwrap(), b"al");
        assert!(value.slice(1..6).is_none());
        assert_eq!(value.held_bytes(), 8);
    }

    #[test]
    fn a_range_outside_the_block_is_refused() {
        let block: SharedBytes = Arc::new(vec![0; 4]);
        assert!(Pinned::block(&block, 2..5).is_none());
    }
}
