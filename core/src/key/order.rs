//! [`Order`]: the one place where keys are compared. Bytewise is inlined; a family with its own comparator carries it here.

use std::cmp::{Ordering, Reverse};
use std::fmt;

use crate::key::internal;
use crate::util::sync::Arc;

/// A total order over user keys. Two keys may be equal only if their bytes are.
pub trait Comparator: Send + Sync + fmt::Debug {
    /// A name that is stored with the family and checked at open.
    fn name(&self) -> &str;
    /// The order of `a` and `b`.
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering;
}

/// How keys compare.
#[derive(Clone, Debug, Default)]
pub enum Order {
    /// As unsigned bytes, a prefix before what it prefixes.
    #[default]
    Bytewise,
    /// As a comparator says.
    Custom(Arc<dyn Comparator>),
}

impl Order {
    /// Compares two user keys.
    #[inline]
    pub fn cmp(&self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Order::Bytewise => a.cmp(b),
            Order::Custom(comparator) => comparator.compare(a, b),
        }
    }

    /// Compares two internal keys (or seek targets): user keys ascending, then newest first.
    #[inline]
    pub fn cmp_internal(&self, a: &[u8], b: &[u8]) -> Ordering {
        let (Some((key_a, trailer_a)), Some((key_b, trailer_b))) = (internal::split(a), internal::split(b)) else {
            return a.cmp(b);
        };
        self.cmp(key_a, key_b).then_with(|| Reverse(trailer_a).cmp(&Reverse(trailer_b)))
    }

    /// Whether this is the built-in bytewise order, for which heads and separators are on.
    pub fn is_bytewise(&self) -> bool {
        matches!(self, Order::Bytewise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::internal::{internal_key, seek_key};
    use crate::key::kind::Kind;
    use crate::key::sequence::SeqNo;

    #[test]
    fn newer_entries_of_a_key_come_first() {
        let order = Order::Bytewise;
        let at = |n| internal_key(b"k", SeqNo::new(n).unwrap(), Kind::Put);
        assert_eq!(order.cmp_internal(&at(9), &at(7)), Ordering::Less);
        assert_eq!(order.cmp_internal(&seek_key(b"k", SeqNo::new(8).unwrap()), &at(9)), Ordering::Greater);
        assert_eq!(order.cmp_internal(&seek_key(b"k", SeqNo::new(8).unwrap()), &at(8)), Ordering::Less);
        // A trailer that looks small must not let a longer key slip in front: "k" < "k\0" whatever their numbers.
        assert_eq!(order.cmp_internal(&at(0), &internal_key(b"k\0", SeqNo::MAX, Kind::Put)), Ordering::Less);
    }
}
