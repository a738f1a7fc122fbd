//! [`Bounds`]: the stretch of user keys that a scan, a range deletion or a manual compaction is about.
//!
//! `lower` is inside, `upper` is the first key outside; either may be missing. Pure values, no threads, no I/O.

use std::cmp::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::key::order::Order;
use crate::util::planted::planted;

/// `[lower, upper)` in user keys; a missing end is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The first key inside.
    pub lower: Option<Vec<u8>>,
    /// The first key outside.
    pub upper: Option<Vec<u8>>,
}

impl Bounds {
    /// Every key.
    pub const ALL: Bounds = Bounds { lower: None, upper: None };

    /// `[lower, upper)`.
    pub fn new(lower: Option<Vec<u8>>, upper: Option<Vec<u8>>) -> Bounds {
        Bounds { lower, upper }
    }

    /// Exactly the keys that start with `prefix`: for `"ab"` that is `["ab", "ac")`, for `"a\xff"` it is `["a\xff", "b")`, and
    /// for `"\xff\xff"` there is no end. Only bytewise order keeps such keys together; any other refuses.
    pub fn from_prefix(order: &Order, prefix: &[u8]) -> Result<Bounds> {
        if !order.is_bytewise() {
            return Err(Error::new(ErrorKind::Unsupported, "a prefix is a range of keys in bytewise order only"));
        }
        let mut upper = prefix.to_vec();
        while let Some(last) = upper.pop() {
            // Behind 0xff there is nothing at this length: the byte before it must grow instead.
            if let Some(grown) = last.checked_add(1) {
                upper.push(grown);
                return Ok(Bounds { lower: Some(prefix.to_vec()), upper: Some(upper) });
            }
        }
        Ok(Bounds { lower: Some(prefix.to_vec()), upper: None })
    }

    /// Whether `user_key` lies before the first key inside.
    pub fn starts_after(&self, order: &Order, user_key: &[u8]) -> bool {
        self.lower.as_ref().is_some_and(|lower| order.cmp(user_key, lower) == Ordering::Less)
    }

    /// Whether `user_key` lies behind the last key inside.
    pub fn ends_before(&self, order: &Order, user_key: &[u8]) -> bool {
        if planted("inclusive-upper-bound") {
            return self.upper.as_ref().is_some_and(|upper| order.cmp(user_key, upper) == Ordering::Greater);
        }
        self.upper.as_ref().is_some_and(|upper| order.cmp(user_key, upper) != Ordering::Less)
    }

    /// Whether `user_key` lies inside.
    pub fn contains(&self, order: &Order, user_key: &[u8]) -> bool {
        !self.starts_after(order, user_key) && !self.ends_before(order, user_key)
    }

    /// Whether no key can lie inside.
    pub fn is_empty(&self, order: &Order) -> bool {
        match (&self.lower, &self.upper) {
            (Some(lower), Some(upper)) => order.cmp(lower, upper) != Ordering::Less,
            _ => false,
        }
    }

    /// The keys that lie in both.
    pub fn intersect(&self, order: &Order, other: &Bounds) -> Bounds {
        let tighter = |a: &Option<Vec<u8>>, b: &Option<Vec<u8>>, keep: Ordering| match (a, b) {
            (Some(a), Some(b)) if order.cmp(a, b) == keep => Some(a.clone()),
            (_, Some(b)) => Some(b.clone()),
            (a, None) => a.clone(),
        };
        Bounds {
            lower: tighter(&self.lower, &other.lower, Ordering::Greater),
            upper: tighter(&self.upper, &other.upper, Ordering::Less),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(lower: &[u8], upper: &[u8]) -> Bounds {
        Bounds::new(Some(lower.to_vec()), Some(upper.to_vec()))
    }

    #[test]
    fn a_prefix_holds_its_keys_and_no_others() {
        let order = Order::Bytewise;
        assert_eq!(Bounds::from_prefix(&order, b"ab").unwrap(), bounds(b"ab", b"ac"));
        assert_eq!(Bounds::from_prefix(&order, b"a\xff").unwrap(), bounds(b"a\xff", b"b"));
        let open = Bounds::from_prefix(&order, b"\xff\xff").unwrap();
        assert_eq!(open, Bounds::new(Some(b"\xff\xff".to_vec()), None));
        assert!(open.contains(&order, b"\xff\xff\xff\xff") && !open.contains(&order, b"\xff\xfe"));
        assert!(Bounds::from_prefix(&order, b"").unwrap().contains(&order, b""));
        let ab = Bounds::from_prefix(&order, b"ab").unwrap();
        for (key, inside) in
            [(&b"ab"[..], true), (b"ab\xff\xff", true), (b"ac", false), (b"aa\xff", false), (b"a", false)]
        {
            assert_eq!(ab.contains(&order, key), inside, "{key:?}");
        }
    }

    #[test]
    fn intersections_take_the_tighter_ends() {
        let order = Order::Bytewise;
        assert_eq!(bounds(b"a", b"f").intersect(&order, &bounds(b"c", b"z")), bounds(b"c", b"f"));
        assert_eq!(bounds(b"c", b"z").intersect(&order, &bounds(b"a", b"f")), bounds(b"c", b"f"));
        assert_eq!(Bounds::ALL.intersect(&order, &bounds(b"a", b"f")), bounds(b"a", b"f"));
        assert_eq!(bounds(b"a", b"f").intersect(&order, &Bounds::ALL), bounds(b"a", b"f"));
        assert!(bounds(b"a", b"b").intersect(&order, &bounds(b"b", b"c")).is_empty(&order));
        assert!(!Bounds::ALL.is_empty(&order));
    }
}
