//! The one resolver: the entries of a user key, newest first, plus range tombstones, plus a view, give a value, absence, or
//! "keep looking".
//!
//! Where in the flow: three callers, one set of rules.
//! - `get` asks source by source, newest source first: the newest entry that the source holds for the view, and the newest
//!   tombstone over the key in this *and all newer* sources; it stops at the first verdict other than [`Verdict::KeepLooking`].
//! - An iterator asks entry by entry as the merged sources yield them, with the newest tombstone of *all* sources.
//! - Compaction asks under many views at once ([`Readers`]) which entries anybody can still see.
//!
//! Example: `k` put at 5, `[a, z)` deleted at 7, `k` put at 9. View 4 sees nothing, view 6 the put at 5, view 8 absence (the
//! tombstone at 7 hides what is below 7), view 9 the put at 9.
//!
//! Invariants: a tombstone at `s` hides what is below `s`; an expired put is a delete, so it hides what is older; a view never
//! sees a number above its own, but for the writes of the transaction it reads for. Pure functions, no threads, no I/O.

use crate::error::{Error, ErrorKind, Result};
use crate::key::kind::Kind;
use crate::key::sequence::SeqNo;
use crate::util::shown_key::shown_key;

/// Bytes of expiry time in front of the value of a [`Kind::PutExpiring`].
pub const EXPIRY_LEN: usize = 8;

/// What a reader may see: everything up to a sequence number, as of a moment. Fixed at the reader's birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The newest write it sees.
    pub seqno: SeqNo,
    /// Milliseconds since 1970: what expires at or before it is absent.
    pub time_ms: u64,
}

/// What an entry, or the lack of one, says about a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The key has the entry's value, without its first `skip` bytes.
    Value {
        /// Length of the expiry time in front of the caller's bytes; zero without one.
        skip: usize,
    },
    /// The entry is a merge operand: it counts, and so do older entries, see [`Operands`](crate::iter::operands::Operands).
    Operand,
    /// The key is absent: nothing older matters.
    Absent,
    /// Nothing is decided: older entries and sources matter.
    KeepLooking,
}

impl View {
    /// Whether it sees what was written at `seqno`. The uncommitted writes of a transaction ([`SeqNo::is_own`]) are in no source
    /// but those that its own reads are given, so whoever meets one may see it.
    pub fn sees(&self, seqno: SeqNo) -> bool {
        seqno <= self.seqno || seqno.is_own()
    }

    /// What `entry` (its number, kind and stored value), or the lack of one, says about `user_key`. `covering` is the newest
    /// tombstone over the key that this view sees, zero if there is none, among the sources that are as new as the entry's.
    pub fn resolve(&self, user_key: &[u8], entry: Option<(SeqNo, Kind, &[u8])>, covering: SeqNo) -> Result<Verdict> {
        debug_assert!(self.sees(covering), "a tombstone that the view does not see");
        let Some((seqno, kind, value)) = entry else {
            // Older sources hold only what was written before the tombstone.
            return Ok(if covering > SeqNo::ZERO { Verdict::Absent } else { Verdict::KeepLooking });
        };
        if !self.sees(seqno) {
            return Ok(Verdict::KeepLooking);
        }
        if seqno < covering {
            return Ok(Verdict::Absent);
        }
        match kind {
            Kind::Put => Ok(Verdict::Value { skip: 0 }),
            Kind::Delete => Ok(Verdict::Absent),
            Kind::PutExpiring if expiry_ms(user_key, value)? <= self.time_ms => Ok(Verdict::Absent),
            Kind::PutExpiring => Ok(Verdict::Value { skip: EXPIRY_LEN }),
            Kind::Merge => Ok(Verdict::Operand),
            Kind::RangeDelete => {
                Err(named(ErrorKind::Corruption, "a range tombstone among the entries of a key", user_key))
            }
        }
    }
}

/// When the value of a [`Kind::PutExpiring`] expires.
pub fn expiry_ms(user_key: &[u8], value: &[u8]) -> Result<u64> {
    match value.first_chunk::<EXPIRY_LEN>() {
        Some(bytes) => Ok(u64::from_le_bytes(*bytes)),
        None => Err(named(ErrorKind::Corruption, "an expiring value shorter than its expiry time", user_key)),
    }
}

/// Names the key in an error.
fn named(kind: ErrorKind, what: &str, user_key: &[u8]) -> Error {
    Error::new(kind, format!("{what}, at key {}", shown_key(user_key)))
}

/// What the live views need of an entry, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// No view takes it: it may go.
    Nothing,
    /// No view reads a value from it, but some view reads absence: it may become a plain delete, and go where a delete may go.
    Tombstone,
    /// Some view reads its value: it stays as it is.
    Value,
}

/// All live views following one user key at a time: compaction's question "who still sees this?".
///
/// Example: snapshots at 5 and 8, `k` put at 3, 4, 7 and 9. The newest view takes 9, the view of 8 takes 7, the view of 5 takes
/// 4, and nobody takes 3.
#[derive(Clone, Debug)]
pub struct Readers<'a> {
    snapshots: &'a [SeqNo],
    oldest_time_ms: u64,
    /// How many views, oldest first, have not found their entry of the current key. One more than the snapshots at the start
    /// of a key: the view of everything. Entries come newest first, so the newest views find theirs first.
    looking: usize,
}

impl<'a> Readers<'a> {
    /// The live `snapshots`, ascending, and besides a view of everything, such as later readers have. `oldest_time_ms` is the
    /// time of the oldest live view: what has not expired for that one is a value for somebody.
    pub fn new(snapshots: &'a [SeqNo], oldest_time_ms: u64) -> Readers<'a> {
        debug_assert!(snapshots.is_sorted());
        Readers { snapshots, oldest_time_ms, looking: 0 }
    }

    /// The entries from here on are those of another user key.
    pub fn start_key(&mut self) {
        self.looking = self.snapshots.len() + 1;
    }

    /// What anybody needs of the next entry of the key, newest first. `covering` holds the numbers of all tombstones over the
    /// key, newest first, as a fragment does.
    pub fn need(&mut self, user_key: &[u8], entry: (SeqNo, Kind, &[u8]), covering: &[SeqNo]) -> Result<Need> {
        let mut need = Need::Nothing;
        while self.looking > 0 {
            let seqno = self.snapshots.get(self.looking - 1).copied().unwrap_or(SeqNo::MAX);
            let hidden = covering.partition_point(|tombstone| *tombstone > seqno);
            let newest = covering.get(hidden).copied().unwrap_or(SeqNo::ZERO);
            let view = View { seqno, time_ms: self.oldest_time_ms };
            match view.resolve(user_key, Some(entry), newest)? {
                Verdict::KeepLooking => break,
                // The views that see it look on for what it applies to.
                Verdict::Operand => return Ok(Need::Value),
                Verdict::Value { .. } => need = Need::Value,
                // Hidden by a range tombstone, the entry itself says nothing: the tombstone does.
                Verdict::Absent if entry.0 < newest => {}
                Verdict::Absent => need = need.max(Need::Tombstone),
            }
            self.looking -= 1;
        }
        Ok(need)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::vec_iter::Rng;

    const NOW: u64 = 1_000;

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    fn at(n: u64) -> View {
        View { seqno: seqno(n), time_ms: NOW }
    }

    /// A reader that walks entries newest first, as an iterator does.
    fn read(view: View, entries: &[(SeqNo, Kind, &[u8])], tombstones: &[SeqNo]) -> Option<(SeqNo, usize)> {
        let covering = tombstones.iter().copied().filter(|t| *t <= view.seqno).max().unwrap_or_default();
        for entry in entries {
            match view.resolve(b"k", Some(*entry), covering).unwrap() {
                Verdict::Value { skip } => return Some((entry.0, skip)),
                Verdict::Absent => return None,
                Verdict::KeepLooking | Verdict::Operand => {}
            }
        }
        None
    }

    #[test]
    fn the_example_at_the_top() {
        let entries: [(SeqNo, Kind, &[u8]); 2] = [(seqno(9), Kind::Put, b"new"), (seqno(5), Kind::Put, b"old")];
        let tombstones = [seqno(7)];
        assert_eq!(read(at(4), &entries, &tombstones), None);
        assert_eq!(read(at(6), &entries, &tombstones), Some((seqno(5), 0)));
        assert_eq!(read(at(8), &entries, &tombstones), None);
        assert_eq!(read(at(9), &entries, &tombstones), Some((seqno(9), 0)));
    }

    #[test]
    fn a_source_without_the_key_decides_only_by_its_tombstones() {
        assert_eq!(at(9).resolve(b"k", None, SeqNo::ZERO).unwrap(), Verdict::KeepLooking);
        assert_eq!(at(9).resolve(b"k", None, seqno(3)).unwrap(), Verdict::Absent);
        // Numbers that compaction has zeroed are seen by every view, and hidden by any tombstone.
        let zeroed: (SeqNo, Kind, &[u8]) = (SeqNo::ZERO, Kind::Put, b"v");
        assert_eq!(at(0).resolve(b"k", Some(zeroed), SeqNo::ZERO).unwrap(), Verdict::Value { skip: 0 });
        assert_eq!(at(1).resolve(b"k", Some(zeroed), seqno(1)).unwrap(), Verdict::Absent);
    }

    #[test]
    fn uncommitted_writes_are_seen_and_hide_what_is_committed() {
        let own = SeqNo::FIRST_OWN;
        let put: (SeqNo, Kind, &[u8]) = (own, Kind::Put, b"mine");
        assert_eq!(at(3).resolve(b"k", Some(put), SeqNo::ZERO).unwrap(), Verdict::Value { skip: 0 });
        assert_eq!(at(3).resolve(b"k", Some((seqno(2), Kind::Put, b"v")), own).unwrap(), Verdict::Absent);
        let next = own.checked_add(1).unwrap();
        assert_eq!(at(3).resolve(b"k", Some((next, Kind::Put, b"v")), own).unwrap(), Verdict::Value { skip: 0 });
        assert!(!at(3).sees(seqno(4)) && !at(3).sees(own.saturating_prev()));
    }

    #[test]
    fn an_expired_put_is_a_delete() {
        let expiring = |time: u64| [&time.to_le_bytes()[..], b"v"].concat();
        let (later, now) = (expiring(NOW + 1), expiring(NOW));
        let put = |value| Some((seqno(3), Kind::PutExpiring, value));
        assert_eq!(at(9).resolve(b"k", put(&later[..]), SeqNo::ZERO).unwrap(), Verdict::Value { skip: 8 });
        assert_eq!(at(9).resolve(b"k", put(&now[..]), SeqNo::ZERO).unwrap(), Verdict::Absent);
        assert_eq!(at(9).resolve(b"k", put(b"short"), SeqNo::ZERO).unwrap_err().kind(), ErrorKind::Corruption);
    }

    #[test]
    fn what_cannot_be_resolved_names_the_key() {
        let cut = at(9).resolve(b"counter\0", Some((seqno(3), Kind::PutExpiring, b"+1")), SeqNo::ZERO).unwrap_err();
        assert!(cut.message().contains("counter\\x00"), "{cut}");
        let range = at(9).resolve(&[b'k'; 1000], Some((seqno(3), Kind::RangeDelete, b"z")), SeqNo::ZERO).unwrap_err();
        assert_eq!(range.kind(), ErrorKind::Corruption);
        assert!(range.message().len() < 200);
    }

    #[test]
    fn compaction_keeps_one_entry_per_view() {
        let snapshots = [seqno(5), seqno(8)];
        let mut readers = Readers::new(&snapshots, NOW);
        readers.start_key();
        let needs: Vec<_> =
            [9u64, 7, 4, 3].map(|n| readers.need(b"k", (seqno(n), Kind::Put, b"v"), &[]).unwrap()).to_vec();
        assert_eq!(needs, [Need::Value, Need::Value, Need::Value, Need::Nothing]);
        readers.start_key();
        // The tombstone at 6 hides 4 from the newer views; the snapshot at 5 still reads it.
        assert_eq!(readers.need(b"k", (seqno(4), Kind::Put, b"v"), &[seqno(6)]).unwrap(), Need::Value);
        assert_eq!(readers.need(b"k", (seqno(3), Kind::Put, b"v"), &[seqno(6)]).unwrap(), Need::Nothing);
        readers.start_key();
        assert_eq!(readers.need(b"k", (seqno(9), Kind::Delete, b""), &[]).unwrap(), Need::Tombstone);
        assert_eq!(readers.need(b"k", (seqno(3), Kind::Delete, b""), &[seqno(4)]).unwrap(), Need::Nothing);
    }

    #[test]
    fn what_compaction_drops_nobody_misses() {
        for seed in 0..500u64 {
            let mut rng = Rng::new(seed);
            let mut snapshots: Vec<_> = (0..rng.below(4)).map(|_| seqno(rng.below(20))).collect();
            snapshots.sort_unstable();
            let mut numbers: Vec<u64> = (0..rng.below(8)).map(|_| 1 + rng.below(20)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let tombstones: Vec<_> = (0..rng.below(3)).map(|_| seqno(1 + rng.below(20))).collect();
            let mut covering = tombstones.clone();
            covering.sort_unstable_by(|a, b| b.cmp(a));
            covering.dedup();
            let values = [(NOW - 1).to_le_bytes(), (NOW + 1).to_le_bytes()];
            let entries: Vec<(SeqNo, Kind, &[u8])> = numbers
                .iter()
                .rev()
                .map(|n| {
                    let kind = [Kind::Put, Kind::Delete, Kind::PutExpiring][rng.below(3) as usize];
                    (seqno(*n), kind, &values[rng.below(2) as usize][..])
                })
                .collect();
            let mut readers = Readers::new(&snapshots, NOW);
            readers.start_key();
            let mut kept = Vec::new();
            for entry in &entries {
                match readers.need(b"k", *entry, &covering).unwrap() {
                    Need::Nothing => {}
                    Need::Tombstone => kept.push((entry.0, Kind::Delete, &b""[..])),
                    Need::Value => kept.push(*entry),
                }
            }
            for view in snapshots.iter().copied().chain([SeqNo::MAX]) {
                let view = View { seqno: view, time_ms: NOW };
                let (before, after) = (read(view, &entries, &tombstones), read(view, &kept, &tombstones));
                assert_eq!(before, after, "seed {seed} view {view:?}");
            }
            assert!(kept.len() <= snapshots.len() + 1, "seed {seed}");
        }
    }
}
