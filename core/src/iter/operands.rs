//! [`Operands`]: the merge operands of a key that a view sees, and what they apply to, gathered newest first from wherever they
//! lie. Says which of them count and on which base; the operator itself is applied by the caller.
//!
//! A stored operand is the view time at which it was committed, 8 bytes, and the caller's bytes. The time decides one thing:
//! **a merge onto a value that expires keeps its expiry, and an expired value is no base**. Without it the answer would depend
//! on when a compaction put operand and value together:
//!
//! ```text
//! put(k, 5) expiring at 100    merge(+1) at 60    merge(+2) at 120
//! seen at 70:  5 and +1 make 6, until 100                       seen at 110, before the second merge: nothing
//! seen at 130: the second merge met nothing: +2 alone, without an expiry
//! ```
//! An operand of time zero is not committed yet: it belongs to the transaction that reads, and counts as of the view's time.
//!
//! Invariants: nothing below a range tombstone, a delete or a value is looked at; no recursion, however many operands there are.
//! Plain data; thread rule: one reader.

use crate::error::{Error, ErrorKind, Result};
use crate::iter::resolve::{EXPIRY_LEN, View, expiry_ms};
use crate::key::kind::Kind;
use crate::key::sequence::SeqNo;
use crate::util::pinned::Pinned;
use crate::util::shown_key::shown_key;

/// Bytes of commit time in front of a stored operand.
pub const STAMP_LEN: usize = 8;

/// What operands apply to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The key had no value.
    None,
    /// A value that does not expire.
    Value(Pinned),
    /// A value that expires, and when. The value is stored with its expiry in front.
    Expiring(u64, Pinned),
}

impl Base {
    /// What an entry other than an operand is to the operands above it.
    pub fn of(user_key: &[u8], kind: Kind, stored: Pinned) -> Result<Base> {
        match kind {
            Kind::Put => Ok(Base::Value(stored)),
            Kind::PutExpiring => Ok(Base::Expiring(expiry_ms(user_key, &stored)?, stored)),
            Kind::Delete => Ok(Base::None),
            Kind::Merge | Kind::RangeDelete => Err(damaged("an entry that is no base of a merge", user_key)),
        }
    }
}

/// The operands of a key as a view sees them.
#[derive(Debug)]
pub struct Operands {
    view: View,
    newest_first: Vec<Pinned>,
    base: Base,
}

/// A value, and when it expires, if ever.
pub type Expiring = (Pinned, Option<u64>);

/// The operands that count.
#[derive(Debug, PartialEq, Eq)]
pub struct Settled<'a> {
    /// The value they apply to.
    pub base: Option<&'a [u8]>,
    /// Their bytes, oldest first.
    pub operands: Vec<&'a [u8]>,
    /// When what they make of it expires.
    pub expires_at_ms: Option<u64>,
}

impl Operands {
    /// None yet.
    pub fn new(view: View) -> Operands {
        Operands { view, newest_first: Vec::new(), base: Base::None }
    }

    /// Takes the next older entry of the key, unless the view does not see it; `covering` is the newest tombstone over the key
    /// that the view sees among the sources that are as new. Whether older entries matter.
    pub fn take(
        &mut self,
        user_key: &[u8],
        (seqno, kind): (SeqNo, Kind),
        stored: Pinned,
        covering: SeqNo,
    ) -> Result<bool> {
        if !self.view.sees(seqno) {
            return Ok(true);
        }
        if seqno < covering {
            return Ok(false);
        }
        if kind == Kind::Merge {
            stamp_ms(user_key, &stored)?;
            self.newest_first.push(stored);
            return Ok(true);
        }
        self.base = Base::of(user_key, kind, stored)?;
        Ok(false)
    }

    /// Which of them count, and on what.
    pub fn settle(&self) -> Settled<'_> {
        let stored = self.newest_first.iter().rev().map(|stored| &**stored);
        settle(stored, &self.base, self.view.time_ms)
    }

    /// The value that they make, by `merge`, which gets the base and the operands, oldest first. `None` if it has expired.
    pub fn value(&self, merge: impl FnOnce(Option<&[u8]>, &[&[u8]]) -> Result<Vec<u8>>) -> Result<Option<Expiring>> {
        let settled = self.settle();
        if settled.expires_at_ms.is_some_and(|at| at <= self.view.time_ms) {
            return Ok(None);
        }
        merge(settled.base, &settled.operands).map(|value| Some((Pinned::from(value), settled.expires_at_ms)))
    }
}

/// Which of the `stored` operands, oldest first, count on `base`; one without a time was committed at `now_ms`.
pub fn settle<'a>(stored: impl Iterator<Item = &'a [u8]>, base: &'a Base, now_ms: u64) -> Settled<'a> {
    let mut settled = match base {
        Base::None => Settled { base: None, operands: Vec::new(), expires_at_ms: None },
        Base::Value(value) => Settled { base: Some(value), operands: Vec::new(), expires_at_ms: None },
        Base::Expiring(at, stored) => {
            Settled { base: stored.get(EXPIRY_LEN..), operands: Vec::new(), expires_at_ms: Some(*at) }
        }
    };
    for stored in stored {
        let (stamp, operand) = split(stored);
        let written_ms = if stamp == 0 { now_ms } else { stamp };
        if settled.expires_at_ms.is_some_and(|at| at <= written_ms) {
            settled = Settled { base: None, operands: Vec::new(), expires_at_ms: None };
        }
        settled.operands.push(operand);
    }
    settled
}

/// When a stored operand was committed; zero if it is not yet.
pub fn stamp_ms(user_key: &[u8], stored: &[u8]) -> Result<u64> {
    if stored.len() < STAMP_LEN {
        return Err(damaged("a merge operand shorter than its commit time", user_key));
    }
    Ok(split(stored).0)
}

/// The same of one that may be too short for it: then zero.
pub fn stamp_of(stored: &[u8]) -> u64 {
    split(stored).0
}

/// The time and the bytes of a stored operand that was checked to have both.
fn split(stored: &[u8]) -> (u64, &[u8]) {
    match stored.split_first_chunk::<STAMP_LEN>() {
        Some((stamp, operand)) => (u64::from_le_bytes(*stamp), operand),
        None => (0, stored),
    }
}

fn damaged(what: &str, user_key: &[u8]) -> Error {
    Error::new(ErrorKind::Corruption, format!("{what}, at key {}", shown_key(user_key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    fn operand(stamp: u64, bytes: &str) -> Pinned {
        Pinned::copy(&[&stamp.to_le_bytes()[..], bytes.as_bytes()].concat())
    }

    fn expiring(at: u64, bytes: &str) -> Pinned {
        operand(at, bytes)
    }

    /// What a view of everything at `time_ms` reads: parts joined by '+', or nothing.
    fn read(time_ms: u64, covering: u64, entries: &[(u64, Kind, Pinned)]) -> Option<String> {
        let mut operands = Operands::new(View { seqno: seqno(50), time_ms });
        for (n, kind, stored) in entries {
            if !operands.take(b"k", (seqno(*n), *kind), stored.clone(), seqno(covering)).unwrap() {
                break;
            }
        }
        let join = |base: Option<&[u8]>, operands: &[&[u8]]| {
            Ok(base.into_iter().chain(operands.iter().copied()).collect::<Vec<_>>().join(&b'+'))
        };
        operands.value(join).unwrap().map(|(value, _)| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn the_example_at_the_top() {
        let entries = [
            (3, Kind::Merge, operand(120, "2")),
            (2, Kind::Merge, operand(60, "1")),
            (1, Kind::PutExpiring, expiring(100, "5")),
        ];
        assert_eq!(read(70, 0, &entries[1..]).unwrap(), "5+1");
        assert_eq!(read(99, 0, &entries[1..]).unwrap(), "5+1");
        assert_eq!(read(100, 0, &entries[1..]), None);
        assert_eq!(read(130, 0, &entries).unwrap(), "2");
        // At the very moment of its expiry a value is gone for readers and for merges.
        let at_once = [(2, Kind::Merge, operand(100, "1")), (1, Kind::PutExpiring, expiring(100, "5"))];
        assert_eq!(read(100, 0, &at_once).unwrap(), "1");
    }

    #[test]
    fn what_is_not_committed_counts_as_of_now() {
        let entries = [(2, Kind::Merge, operand(0, "1")), (1, Kind::PutExpiring, expiring(100, "5"))];
        assert_eq!(read(99, 0, &entries).unwrap(), "5+1");
        assert_eq!(read(100, 0, &entries).unwrap(), "1");
    }

    #[test]
    fn values_deletes_and_tombstones_end_the_search() {
        let (new, old) = ((9, Kind::Merge, operand(1, "b")), (7, Kind::Merge, operand(1, "a")));
        let put = (5, Kind::Put, Pinned::copy(b"v"));
        assert_eq!(read(1, 0, &[new.clone(), old.clone(), put.clone()]).unwrap(), "v+a+b");
        assert_eq!(read(1, 6, &[new.clone(), old.clone(), put.clone()]).unwrap(), "a+b");
        assert_eq!(read(1, 8, &[new.clone(), old.clone(), put.clone()]).unwrap(), "b");
        let delete = (6, Kind::Delete, Pinned::copy(b""));
        assert_eq!(read(1, 0, &[new.clone(), old.clone(), delete, put.clone()]).unwrap(), "a+b");
        let unseen = (60, Kind::Merge, operand(1, "later"));
        assert_eq!(read(1, 0, &[unseen, new, put]).unwrap(), "v+b");
    }

    #[test]
    fn what_is_cut_short_is_damage_that_names_the_key() {
        let mut operands = Operands::new(View { seqno: seqno(9), time_ms: 0 });
        let mut take = |kind| operands.take(b"hits", (seqno(3), kind), Pinned::copy(b"1234567"), SeqNo::ZERO);
        for kind in [Kind::Merge, Kind::PutExpiring] {
            let error = take(kind).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corruption);
            assert!(error.message().ends_with("at key \"hits\""), "{error}");
        }
    }
}
