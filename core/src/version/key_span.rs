//! [`KeySpan`]: a stretch of user keys, borrowed, whose ends may be open and whose upper end may be exclusive. What a pick,
//! a scan or a manual compaction asks a version about.
//!
//! Pure values; any thread. Example: a table with points `b`, `d` and a tombstone `[c, g)` has the span `b ..< g`; it meets
//! `a ..= b` and `f ..`, but not `g ..= k`.

use std::cmp::Ordering;
use std::ops::Bound;

use crate::key::order::Order;
use crate::version::file_meta::FileMeta;

/// A stretch of user keys: from `lower`, inclusive, up to `upper`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpan<'a> {
    /// The first key, inclusive; `None` is before every key.
    pub lower: Option<&'a [u8]>,
    /// The end: inclusive for a point key, exclusive for the end of a range tombstone or of a caller's range.
    pub upper: Bound<&'a [u8]>,
}

impl<'a> KeySpan<'a> {
    /// Every key.
    pub const ALL: KeySpan<'static> = KeySpan { lower: None, upper: Bound::Unbounded };

    /// The bounds of a table.
    pub fn of(file: &'a FileMeta) -> KeySpan<'a> {
        let upper = if file.largest_exclusive {
            Bound::Excluded(&file.largest[..])
        } else {
            Bound::Included(&file.largest[..])
        };
        KeySpan { lower: Some(&file.smallest), upper }
    }

    /// From `lower`, inclusive, to `upper`, exclusive; `None` leaves an end open.
    pub fn between(lower: Option<&'a [u8]>, upper: Option<&'a [u8]>) -> KeySpan<'a> {
        KeySpan { lower, upper: upper.map_or(Bound::Unbounded, Bound::Excluded) }
    }

    /// One key.
    pub fn at(user_key: &'a [u8]) -> KeySpan<'a> {
        KeySpan { lower: Some(user_key), upper: Bound::Included(user_key) }
    }

    /// The smallest span that holds the bounds of all of `files`; `None` if there are none.
    pub fn hull(order: &Order, files: impl IntoIterator<Item = &'a FileMeta>) -> Option<KeySpan<'a>> {
        files.into_iter().map(KeySpan::of).reduce(|a, b| a.union(order, b))
    }

    /// The smallest span that holds both.
    pub fn union(self, order: &Order, other: KeySpan<'a>) -> KeySpan<'a> {
        let lower = match (self.lower, other.lower) {
            (Some(a), Some(b)) => Some(if order.cmp(a, b) == Ordering::Greater { b } else { a }),
            _ => None,
        };
        let upper = if cmp_upper(order, self.upper, other.upper) == Ordering::Less { other.upper } else { self.upper };
        KeySpan { lower, upper }
    }

    /// Whether `user_key` lies in it.
    pub fn contains(&self, order: &Order, user_key: &[u8]) -> bool {
        self.lower.is_none_or(|lower| order.cmp(lower, user_key) != Ordering::Greater)
            && !self.ends_before(order, user_key)
    }

    /// Whether all of it sorts before `user_key`.
    pub fn ends_before(&self, order: &Order, user_key: &[u8]) -> bool {
        match self.upper {
            Bound::Unbounded => false,
            Bound::Included(upper) => order.cmp(upper, user_key) == Ordering::Less,
            Bound::Excluded(upper) => order.cmp(upper, user_key) != Ordering::Greater,
        }
    }

    /// Whether the two have room for a common key. An empty span (`b ..< a`) meets nothing that starts after it ends.
    pub fn overlaps(&self, order: &Order, other: &KeySpan<'_>) -> bool {
        other.lower.is_none_or(|lower| !self.ends_before(order, lower))
            && self.lower.is_none_or(|lower| !other.ends_before(order, lower))
    }
}

/// Which upper end reaches further: `..< k` ends before `..= k`, and both before an open end.
fn cmp_upper(order: &Order, a: Bound<&[u8]>, b: Bound<&[u8]>) -> Ordering {
    let parts = |bound| match bound {
        Bound::Unbounded => None,
        Bound::Included(key) => Some((key, true)),
        Bound::Excluded(key) => Some((key, false)),
    };
    match (parts(a), parts(b)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some((key_a, incl_a)), Some((key_b, incl_b))) => order.cmp(key_a, key_b).then(incl_a.cmp(&incl_b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order = Order::Bytewise;

    #[test]
    fn exclusive_ends_do_not_touch_what_starts_there() {
        let open = KeySpan::between(Some(b"b"), Some(b"g"));
        let closed = KeySpan { lower: Some(b"b"), upper: Bound::Included(b"g") };
        let next = KeySpan::at(b"g");
        assert!(!open.overlaps(&ORDER, &next) && !next.overlaps(&ORDER, &open));
        assert!(closed.overlaps(&ORDER, &next) && next.overlaps(&ORDER, &closed));
        assert!(open.contains(&ORDER, b"b") && open.contains(&ORDER, b"f\xff") && !open.contains(&ORDER, b"g"));
        assert!(KeySpan::ALL.overlaps(&ORDER, &open) && KeySpan::ALL.contains(&ORDER, b""));
    }

    #[test]
    fn a_union_keeps_the_further_end_of_each_side() {
        let open = KeySpan::between(Some(b"b"), Some(b"g"));
        let closed = KeySpan { lower: Some(b"c"), upper: Bound::Included(b"g") };
        let both = KeySpan { lower: Some(b"b"), upper: Bound::Included(b"g") };
        assert_eq!(open.union(&ORDER, closed), both);
        assert_eq!(closed.union(&ORDER, open), both);
        assert_eq!(open.union(&ORDER, KeySpan::ALL), KeySpan::ALL);
    }
}
