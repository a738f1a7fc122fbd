//! [`FragmentedTombstones`]: range tombstones cut at each other's ends, so that "what covers this key?" is one binary search.
//!
//! Where in the flow: tables keep theirs like this on disk and in memory, flush and compaction build them from what they
//! merged, reads ask [`FragmentedTombstones::covering`]. Three tombstones and what they become:
//!
//! ```text
//! [a,e)@4   a---------------e            fragment   numbers
//! [c,g)@9           c---------------g    [a,c)      4
//! [d,g)@6               d-----------g    [c,d)      9 4
//!                                        [d,e)      9 6 4
//!                                        [e,g)      9 6
//! ```
//! Invariants: boundaries ascend strictly; the numbers of a fragment descend strictly; a stretch that nothing covers is kept
//! as a fragment without numbers, which no caller sees; two neighbours never carry the same numbers.
//! A tombstone at `s` hides entries *below* `s` only. Thread rule: immutable once built, any number of readers.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::key::order::Order;
use crate::key::sequence::SeqNo;

/// Every key in `[start, end)` is absent for what was written before `seqno`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeTombstone {
    /// The first key it covers.
    pub start: Vec<u8>,
    /// The first key beyond it.
    pub end: Vec<u8>,
    /// When it was written.
    pub seqno: SeqNo,
}

/// A stretch of keys that the same tombstones cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    /// The first key of the stretch.
    pub start: &'a [u8],
    /// The first key beyond it.
    pub end: &'a [u8],
    /// The covering tombstones' numbers, newest first; never empty.
    pub seqnos: &'a [SeqNo],
}

impl Fragment<'_> {
    /// The newest of its tombstones that a view of `view` sees; zero if it sees none.
    pub fn newest_at(&self, view: SeqNo) -> SeqNo {
        newest_at(self.seqnos, view)
    }
}

/// Range tombstones without overlaps, in key order.
#[derive(Clone, Debug)]
pub struct FragmentedTombstones {
    order: Order,
    /// All boundary keys, one after the other.
    keys: Vec<u8>,
    /// Where each boundary key ends in `keys`.
    key_ends: Vec<usize>,
    /// All numbers, stretch after stretch.
    seqnos: Vec<SeqNo>,
    /// Where the numbers of the stretch between boundaries `i` and `i + 1` end in `seqnos`. One fewer than the boundaries.
    seqno_ends: Vec<usize>,
}

impl FragmentedTombstones {
    /// No tombstones.
    pub fn empty(order: &Order) -> FragmentedTombstones {
        FragmentedTombstones {
            order: order.clone(),
            keys: Vec::new(),
            key_ends: Vec::new(),
            seqnos: Vec::new(),
            seqno_ends: Vec::new(),
        }
    }

    /// Cuts `tombstones`, in whatever order they come, keeping every number. A range that is empty is no tombstone.
    /// Fails only if memory runs out: many nested ranges cost the square of their count, see
    /// [`FragmentedTombstones::build_for_views`].
    pub fn build(order: &Order, tombstones: &[RangeTombstone]) -> Result<FragmentedTombstones> {
        build(order, tombstones, &mut |active, out| {
            out.extend(active.keys().rev());
        })
    }

    /// The same, keeping of each fragment only the numbers that a view of one of `views`, or a view of everything, would
    /// take as its newest. A queue that trims its head with `["", k1)@1`, `["", k2)@2` … has n fragments with up to n
    /// numbers each, of which one per live snapshot matters.
    pub fn build_for_views(
        order: &Order,
        tombstones: &[RangeTombstone],
        views: &[SeqNo],
    ) -> Result<FragmentedTombstones> {
        let mut views = views.to_vec();
        views.push(SeqNo::MAX);
        views.sort_unstable();
        build(order, tombstones, &mut |active, out| {
            for view in views.iter().rev() {
                match active.range(..=*view).next_back() {
                    Some((seqno, _)) if out.last() != Some(seqno) => out.push(*seqno),
                    _ => {}
                }
            }
        })
    }

    /// Adds a fragment behind those there are, joining it to the last one if they touch and carry the same numbers.
    /// Refused, as [`ErrorKind::InvalidArgument`]: a fragment that is empty or does not lie behind the last one, numbers that
    /// do not descend or are zero. A reader of files turns that into a `Corruption` that names the place.
    pub fn push(&mut self, start: &[u8], end: &[u8], seqnos: &[SeqNo]) -> Result<()> {
        if self.order.cmp(start, end) != Ordering::Less {
            return Err(Error::invalid("a range tombstone's end does not follow its start"));
        }
        let descending = seqnos.windows(2).all(|pair| pair[0] > pair[1]);
        if !descending || seqnos.last().is_none_or(|last| *last == SeqNo::ZERO) {
            return Err(Error::invalid("the sequence numbers of a range tombstone do not descend to one above zero"));
        }
        let touches = match self.key_ends.len() {
            0 => false,
            n => match self.order.cmp(self.boundary(n - 1), start) {
                Ordering::Greater => return Err(Error::invalid("range tombstones overlap or are out of order")),
                Ordering::Equal => true,
                Ordering::Less => false,
            },
        };
        self.reserve(start.len() + end.len(), seqnos.len())?;
        if touches && self.stretch(self.seqno_ends.len() - 1) == seqnos {
            self.pop_boundary();
            self.push_boundary(end);
            return Ok(());
        }
        if !touches {
            if !self.key_ends.is_empty() {
                self.seqno_ends.push(self.seqnos.len());
            }
            self.push_boundary(start);
        }
        self.seqnos.extend_from_slice(seqnos);
        self.seqno_ends.push(self.seqnos.len());
        self.push_boundary(end);
        Ok(())
    }

    /// The newest tombstone over `user_key` that a view of `view` sees; zero if there is none. What is *older* than it is
    /// hidden from that view.
    pub fn covering(&self, user_key: &[u8], view: SeqNo) -> SeqNo {
        self.locate(user_key).map_or(SeqNo::ZERO, |i| newest_at(self.stretch(i), view))
    }

    /// The fragment that `user_key` lies in.
    pub fn fragment_at(&self, user_key: &[u8]) -> Option<Fragment<'_>> {
        self.fragment(self.locate(user_key)?)
    }

    /// The fragments in key order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Fragment<'_>> {
        (0..self.seqno_ends.len()).filter_map(|i| self.fragment(i))
    }

    /// The boundaries around `user_key`, between which [`FragmentedTombstones::covering`] gives one answer. `None` on a side
    /// where there is no further boundary.
    pub fn boundaries_around(&self, user_key: &[u8]) -> (Option<&[u8]>, Option<&[u8]>) {
        let above = self.first_boundary_after(user_key);
        let upper = (above < self.key_ends.len()).then(|| self.boundary(above));
        (above.checked_sub(1).map(|below| self.boundary(below)), upper)
    }

    /// The part within `[lower, upper)`: a table's or an output's own share of tombstones that are wider than it.
    pub fn clip(&self, lower: Option<&[u8]>, upper: Option<&[u8]>) -> Result<FragmentedTombstones> {
        let mut clipped = FragmentedTombstones::empty(&self.order);
        for fragment in self.iter() {
            let start = match lower {
                Some(lower) if self.order.cmp(fragment.start, lower) == Ordering::Less => lower,
                _ => fragment.start,
            };
            let end = match upper {
                Some(upper) if self.order.cmp(upper, fragment.end) == Ordering::Less => upper,
                _ => fragment.end,
            };
            if self.order.cmp(start, end) == Ordering::Less {
                clipped.push(start, end, fragment.seqnos)?;
            }
        }
        Ok(clipped)
    }

    /// Whether it covers nothing.
    pub fn is_empty(&self) -> bool {
        self.seqnos.is_empty()
    }

    /// How many tombstones it holds, each counted once per fragment.
    pub fn count(&self) -> usize {
        self.seqnos.len()
    }

    /// From the first covered key to the first key beyond the last: the hull.
    pub fn hull(&self) -> Option<(&[u8], &[u8])> {
        let last = self.key_ends.len().checked_sub(1)?;
        Some((self.boundary(0), self.boundary(last)))
    }

    /// Bytes of memory it takes.
    pub fn memory_bytes(&self) -> usize {
        self.keys.capacity()
            + self.seqnos.capacity() * size_of::<SeqNo>()
            + (self.key_ends.capacity() + self.seqno_ends.capacity()) * size_of::<usize>()
    }

    fn boundary(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.key_ends[i - 1] };
        &self.keys[start..self.key_ends[i]]
    }

    /// The numbers between boundaries `i` and `i + 1`; none where nothing covers.
    fn stretch(&self, i: usize) -> &[SeqNo] {
        let start = if i == 0 { 0 } else { self.seqno_ends[i - 1] };
        &self.seqnos[start..self.seqno_ends[i]]
    }

    fn fragment(&self, i: usize) -> Option<Fragment<'_>> {
        let seqnos = self.stretch(i);
        (!seqnos.is_empty()).then(|| Fragment { start: self.boundary(i), end: self.boundary(i + 1), seqnos })
    }

    fn first_boundary_after(&self, user_key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.key_ends.len());
        while low < high {
            let middle = (low + high) / 2;
            if self.order.cmp(self.boundary(middle), user_key) == Ordering::Greater {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn locate(&self, user_key: &[u8]) -> Option<usize> {
        let i = self.first_boundary_after(user_key).checked_sub(1)?;
        (i < self.seqno_ends.len()).then_some(i)
    }

    /// Room for two more boundaries of `key_bytes` together and `seqnos` numbers: sized by files and callers, so tried.
    fn reserve(&mut self, key_bytes: usize, seqnos: usize) -> Result<()> {
        self.keys
            .try_reserve(key_bytes)
            .and_then(|()| self.key_ends.try_reserve(2))
            .and_then(|()| self.seqnos.try_reserve(seqnos))
            .and_then(|()| self.seqno_ends.try_reserve(2))
            .map_err(|_| out_of_memory())
    }

    fn push_boundary(&mut self, key: &[u8]) {
        self.keys.extend_from_slice(key);
        self.key_ends.push(self.keys.len());
    }

    fn pop_boundary(&mut self) {
        self.key_ends.pop();
        self.keys.truncate(self.key_ends.last().copied().unwrap_or(0));
    }
}

fn newest_at(seqnos: &[SeqNo], view: SeqNo) -> SeqNo {
    let visible = seqnos.partition_point(|seqno| *seqno > view);
    seqnos.get(visible).copied().unwrap_or(SeqNo::ZERO)
}

fn out_of_memory() -> Error {
    Error::new(ErrorKind::NoSpace, "no memory for range tombstones")
}

/// The tombstones over the stretch that the sweep has reached, and how many carry each number: the pieces of one tombstone
/// that was cut between tables carry the same.
type Active = BTreeMap<SeqNo, usize>;

/// Sweeps over the starts and ends in key order. `choose` writes the numbers, newest first, that a stretch is to carry.
fn build(
    order: &Order,
    tombstones: &[RangeTombstone],
    choose: &mut dyn FnMut(&Active, &mut Vec<SeqNo>),
) -> Result<FragmentedTombstones> {
    let mut edges: Vec<(&[u8], SeqNo, bool)> = Vec::new();
    edges.try_reserve_exact(tombstones.len().saturating_mul(2)).map_err(|_| out_of_memory())?;
    for tombstone in tombstones {
        if order.cmp(&tombstone.start, &tombstone.end) == Ordering::Less && tombstone.seqno > SeqNo::ZERO {
            edges.push((&tombstone.start, tombstone.seqno, true));
            edges.push((&tombstone.end, tombstone.seqno, false));
        }
    }
    edges.sort_unstable_by(|a, b| order.cmp(a.0, b.0));
    let mut built = FragmentedTombstones::empty(order);
    let (mut active, mut numbers) = (Active::new(), Vec::new());
    let mut edges = edges.into_iter().peekable();
    while let Some((key, seqno, opens)) = edges.next() {
        if opens {
            *active.entry(seqno).or_insert(0) += 1;
        } else if let Some(count) = active.get_mut(&seqno) {
            *count -= 1;
            if *count == 0 {
                active.remove(&seqno);
            }
        }
        let Some((next, ..)) = edges.peek() else { break };
        if active.is_empty() || order.cmp(key, next) != Ordering::Less {
            continue;
        }
        numbers.clear();
        numbers.try_reserve(active.len()).map_err(|_| out_of_memory())?;
        choose(&active, &mut numbers);
        built.push(key, next, &numbers)?;
    }
    Ok(built)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::vec_iter::Rng;

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    fn tombstone(start: &str, end: &str, n: u64) -> RangeTombstone {
        RangeTombstone { start: start.into(), end: end.into(), seqno: seqno(n) }
    }

    fn shown(fragmented: &FragmentedTombstones) -> Vec<String> {
        let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
        let numbers = |f: &Fragment<'_>| f.seqnos.iter().map(|s| s.to_string()).collect::<Vec<_>>().join(" ");
        fragmented.iter().map(|f| format!("[{},{}) {}", text(f.start), text(f.end), numbers(&f))).collect()
    }

    #[test]
    fn the_example_at_the_top() {
        let all = [tombstone("c", "g", 9), tombstone("a", "e", 4), tombstone("d", "g", 6)];
        let built = FragmentedTombstones::build(&Order::Bytewise, &all).unwrap();
        assert_eq!(shown(&built), ["[a,c) 4", "[c,d) 9 4", "[d,e) 9 6 4", "[e,g) 9 6"]);
        assert_eq!(built.covering(b"d", seqno(8)), seqno(6));
        assert_eq!(built.covering(b"e", seqno(5)), SeqNo::ZERO);
        assert_eq!(built.covering(b"g", SeqNo::MAX), SeqNo::ZERO);
        assert_eq!(built.hull(), Some((&b"a"[..], &b"g"[..])));
        assert_eq!(shown(&built.clip(Some(b"b"), Some(b"d")).unwrap()), ["[b,c) 4", "[c,d) 9 4"]);
        assert_eq!(built.boundaries_around(b"cc"), (Some(&b"c"[..]), Some(&b"d"[..])));
        assert_eq!(built.boundaries_around(b"g"), (Some(&b"g"[..]), None));
        assert_eq!(built.boundaries_around(b""), (None, Some(&b"a"[..])));
    }

    #[test]
    fn pieces_that_touch_are_joined_and_empty_ranges_vanish() {
        let pieces = [tombstone("c", "e", 5), tombstone("a", "c", 5), tombstone("x", "x", 9), tombstone("y", "b", 9)];
        let built = FragmentedTombstones::build(&Order::Bytewise, &pieces).unwrap();
        assert_eq!(shown(&built), ["[a,e) 5"]);
        assert!(FragmentedTombstones::build(&Order::Bytewise, &pieces[2..]).unwrap().is_empty());
        let gap = [tombstone("c", "e", 5), tombstone("", "b", 5)];
        assert_eq!(shown(&FragmentedTombstones::build(&Order::Bytewise, &gap).unwrap()), ["[,b) 5", "[c,e) 5"]);
    }

    #[test]
    fn fragments_out_of_order_are_refused() {
        let mut built = FragmentedTombstones::empty(&Order::Bytewise);
        built.push(b"b", b"d", &[seqno(7), seqno(3)]).unwrap();
        assert!(built.push(b"c", b"e", &[seqno(1)]).is_err());
        assert!(built.push(b"e", b"e", &[seqno(1)]).is_err());
        assert!(built.push(b"e", b"f", &[]).is_err());
        assert!(built.push(b"e", b"f", &[seqno(3), seqno(3)]).is_err());
        assert!(built.push(b"e", b"f", &[seqno(3), SeqNo::ZERO]).is_err());
        built.push(b"d", b"e", &[seqno(1)]).unwrap();
        assert_eq!(shown(&built), ["[b,d) 7 3", "[d,e) 1"]);
        assert_eq!(built.count(), 3);
    }

    #[test]
    fn a_trimmed_queue_stays_small() {
        let all: Vec<_> = (1..=2000u64).map(|n| tombstone("", &format!("{n:06}"), n)).collect();
        let built = FragmentedTombstones::build_for_views(&Order::Bytewise, &all, &[seqno(500)]).unwrap();
        // [000500, 002000) has only the newest; [, 000500) also what the view of 500 sees, which is one number everywhere.
        assert_eq!(shown(&built), ["[,000500) 2000 500", "[000500,002000) 2000"]);
    }

    #[test]
    fn random_tombstones_answer_as_a_list_would() {
        for seed in 0..200u64 {
            let mut rng = Rng::new(seed);
            let key = |rng: &mut Rng| vec![b'a' + rng.below(8) as u8; rng.below(3) as usize];
            let all: Vec<_> = (0..rng.below(20))
                .map(|_| RangeTombstone { start: key(&mut rng), end: key(&mut rng), seqno: seqno(1 + rng.below(30)) })
                .collect();
            let views = [seqno(rng.below(30)), seqno(rng.below(30))];
            let whole = FragmentedTombstones::build(&Order::Bytewise, &all).unwrap();
            let thinned = FragmentedTombstones::build_for_views(&Order::Bytewise, &all, &views).unwrap();
            let (lower, upper) = (key(&mut rng), key(&mut rng));
            let clipped = whole.clip(Some(&lower), Some(&upper)).unwrap();
            for _ in 0..100 {
                let (probe, view) = (key(&mut rng), seqno(rng.below(32)));
                let covers = |t: &&RangeTombstone| t.start <= probe && probe < t.end && t.seqno <= view;
                let expected = all.iter().filter(covers).map(|t| t.seqno).max().unwrap_or_default();
                assert_eq!(whole.covering(&probe, view), expected, "seed {seed} key {probe:?} view {view}");
                if views.contains(&view) || view > seqno(30) {
                    assert_eq!(thinned.covering(&probe, view), expected, "seed {seed} key {probe:?} view {view}");
                }
                let inside = lower <= probe && probe < upper;
                let expected = if inside { expected } else { SeqNo::ZERO };
                assert_eq!(clipped.covering(&probe, view), expected, "seed {seed} key {probe:?} view {view}");
            }
        }
    }
}
