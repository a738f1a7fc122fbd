//! [`RangeTombstones`]: the range deletions of a memtable, in a structure that grows while it is read.
//!
//! Where in the flow: `delete_range` adds one; every read of the memtable asks what covers its key. A program may delete
//! thousands of ranges and read between any two, so nothing is rebuilt for a read.
//!
//! The deletions stand in the order in which they came, which is the order of their numbers, so a view sees the first `p` of
//! them. Deletion number `e` (from 1) also holds a *run*: itself and the ones before it, `lowbit(e)` in all, laid over each
//! other so that every stretch of keys shows the newest of them. This is a Fenwick tree:
//!
//! ```text
//!   number          1     2     3     4     5     6
//!   its run        1    1-2     3    1-4    5    5-6         a view of the first 6 asks runs 6 (5-6) and 4 (1-4)
//! ```
//! The runs asked go from newer to older deletions, so the first that covers the key gives the answer, after at most log2(n)
//! binary searches. A run is built once, from the runs it takes together, when its deletion is added: n additions write
//! n * log2(n) / 2 pieces altogether. Each piece is a number and a key's place, eight bytes.
//!
//! Invariants: numbers ascend; slots below `published` are set and never change; a run's cuts ascend strictly, neighbours
//! show different deletions, and the last shows none.
//!
//! Thread rule: one writer at a time (a second one gets an error), readers never wait. Without deletions a read costs one load.

use std::cmp::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::iter::covering::Stretch;
use crate::iter::tombstones::{FragmentedTombstones, RangeTombstone};
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::OnceLock;
use crate::util::sync::atomic::{AtomicUsize, Ordering as MemoryOrder};

/// Slots of the first shelf; each shelf has twice as many as the one before, so slots never move.
const FIRST_SHELF: usize = 8;
const SHELVES: usize = 28;
/// More than 2 billion: every number and both its keys fit 32 bits.
const MOST: usize = FIRST_SHELF * ((1 << SHELVES) - 1);
const _: () = assert!(MOST < 1 << 31);

/// A deletion and the run that ends with it.
#[derive(Debug)]
struct Slot {
    start: Vec<u8>,
    end: Vec<u8>,
    seqno: SeqNo,
    run: Vec<Cut>,
}

/// From this key up to the key of the next cut, `newest` is the newest deletion of the run.
#[derive(Clone, Copy, Debug)]
struct Cut {
    key: KeyPlace,
    /// The number of a deletion, from 1; 0 if none of the run covers.
    newest: u32,
}

/// A key by where it stands: the start (`2 * i`) or the end (`2 * i + 1`) of slot `i`.
#[derive(Clone, Copy, Debug)]
struct KeyPlace(u32);

/// Range deletions in the order of their numbers.
#[derive(Debug)]
pub struct RangeTombstones {
    order: Order,
    /// How many deletions readers may look at.
    published: AtomicUsize,
    shelves: [OnceLock<Vec<OnceLock<Slot>>>; SHELVES],
    memory_bytes: AtomicUsize,
}

impl RangeTombstones {
    /// No deletions.
    pub fn new(order: &Order) -> RangeTombstones {
        RangeTombstones {
            order: order.clone(),
            published: AtomicUsize::new(0),
            shelves: std::array::from_fn(|_| OnceLock::new()),
            memory_bytes: AtomicUsize::new(0),
        }
    }

    /// Whether `[start, end)` holds any key.
    pub fn is_range(&self, start: &[u8], end: &[u8]) -> bool {
        self.order.cmp(start, end) == Ordering::Less
    }

    /// Adds the deletion of `[start, end)`. Numbers must ascend. On failure nothing has changed.
    pub fn add(&self, start: &[u8], end: &[u8], seqno: SeqNo) -> Result<()> {
        let count = self.published.load(MemoryOrder::Relaxed);
        if !self.is_range(start, end) {
            return Err(Error::invalid("a range deletion's end does not follow its start"));
        }
        if self.seqno(count).is_some_and(|last| last >= seqno) || seqno == SeqNo::ZERO {
            return Err(Error::invalid("the sequence numbers of range deletions must ascend"));
        }
        if count == MOST {
            return Err(Error::new(ErrorKind::NoSpace, "too many range deletions in one memtable"));
        }
        let (shelf, index) = place(count);
        if self.shelves[shelf].get().is_none() {
            self.add_shelf(shelf)?;
        }
        let (start, end) = (copy(start)?, copy(end)?);
        let run = self.build_run(count, &start, &end)?;
        let grown = start.capacity() + end.capacity() + run.capacity() * size_of::<Cut>();
        let slot = self.shelves[shelf].get().and_then(|shelf| shelf.get(index));
        if slot.is_none_or(|slot| slot.set(Slot { start, end, seqno, run }).is_err()) {
            debug_assert!(false, "two writers in one memtable");
            return Err(Error::new(ErrorKind::Busy, "another thread is writing to this memtable"));
        }
        self.memory_bytes.fetch_add(grown, MemoryOrder::Relaxed);
        self.published.store(count + 1, MemoryOrder::Release);
        Ok(())
    }

    /// The newest deletion over `user_key` that a view of `view` sees; zero if there is none.
    pub fn covering(&self, user_key: &[u8], view: SeqNo) -> SeqNo {
        self.search(user_key, view, None)
    }

    /// The same, and narrows `stretch` to where the answer is the same.
    pub fn covering_stretch(&self, user_key: &[u8], view: SeqNo, stretch: &mut Stretch) -> SeqNo {
        self.search(user_key, view, Some(stretch))
    }

    /// How many deletions there are.
    pub fn len(&self) -> usize {
        self.published.load(MemoryOrder::Acquire)
    }

    /// All of them, laid over each other, with the numbers that `views` and later readers need: what a flush writes.
    pub fn fragments(&self, views: &[SeqNo]) -> Result<FragmentedTombstones> {
        let mut all = Vec::new();
        let count = self.len();
        all.try_reserve_exact(count).map_err(|_| out_of_memory())?;
        for slot in (0..count).filter_map(|i| self.slot(i)) {
            all.push(RangeTombstone { start: copy(&slot.start)?, end: copy(&slot.end)?, seqno: slot.seqno });
        }
        FragmentedTombstones::build_for_views(&self.order, &all, views)
    }

    /// Whether `touches` says so of the start and end of any deletion above `since`. Newest first.
    pub fn any_since(&self, since: SeqNo, mut touches: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
        let newest_first = (0..self.len()).rev().filter_map(|index| self.slot(index));
        newest_first.take_while(|slot| slot.seqno > since).any(|slot| touches(&slot.start, &slot.end))
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes.load(MemoryOrder::Relaxed)
    }

    fn search(&self, user_key: &[u8], view: SeqNo, mut stretch: Option<&mut Stretch>) -> SeqNo {
        let mut ends_at = self.visible(view);
        while ends_at > 0 {
            let Some(slot) = self.slot(ends_at - 1) else { break };
            let above =
                slot.run.partition_point(|cut| self.order.cmp(self.key(cut.key), user_key) != Ordering::Greater);
            let below = above.checked_sub(1).and_then(|below| slot.run.get(below));
            if let Some(stretch) = &mut stretch {
                let upper = slot.run.get(above).map(|cut| self.key(cut.key));
                stretch.narrow(below.map(|cut| self.key(cut.key)), upper);
            }
            match below.map_or(0, |cut| cut.newest) {
                0 => ends_at -= lowbit(ends_at),
                newest => return self.seqno(newest as usize).unwrap_or_default(),
            }
        }
        SeqNo::ZERO
    }

    /// How many deletions a view of `view` sees: a prefix, because numbers ascend.
    fn visible(&self, view: SeqNo) -> usize {
        let count = self.len();
        let sees = |number: usize| self.seqno(number).is_some_and(|seqno| seqno <= view);
        // A view of the present sees them all; one that is older is rare.
        if count == 0 || sees(count) {
            return count;
        }
        let (mut low, mut high) = (0, count - 1);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if sees(middle) { low = middle } else { high = middle - 1 }
        }
        low
    }

    /// The run of the deletion that goes into slot `index`, laid over the runs it takes in.
    fn build_run(&self, index: usize, start: &[u8], end: &[u8]) -> Result<Vec<Cut>> {
        let number = index as u32 + 1;
        let mut run = Vec::new();
        run.try_reserve_exact(2).map_err(|_| out_of_memory())?;
        run.push(Cut { key: KeyPlace(2 * index as u32), newest: number });
        run.push(Cut { key: KeyPlace(2 * index as u32 + 1), newest: 0 });
        let first = index + 1 - lowbit(index + 1);
        let key = |at: KeyPlace| match at.0 as usize {
            at if at == 2 * index => start,
            at if at == 2 * index + 1 => end,
            _ => self.key(at),
        };
        let mut ends_at = index;
        while ends_at > first {
            let Some(older) = self.slot(ends_at - 1) else { break };
            run = overlay(&run, &older.run, |a, b| self.order.cmp(key(a), key(b)))?;
            ends_at -= lowbit(ends_at);
        }
        Ok(run)
    }

    fn add_shelf(&self, shelf: usize) -> Result<()> {
        let mut slots = Vec::new();
        let count = FIRST_SHELF << shelf;
        slots.try_reserve_exact(count).map_err(|_| out_of_memory())?;
        slots.resize_with(count, OnceLock::new);
        self.memory_bytes.fetch_add(count * size_of::<OnceLock<Slot>>(), MemoryOrder::Relaxed);
        // Somebody was faster: a second writer, whom `add` will meet.
        drop(self.shelves[shelf].set(slots));
        Ok(())
    }

    fn slot(&self, index: usize) -> Option<&Slot> {
        let (shelf, index) = place(index);
        self.shelves.get(shelf)?.get()?.get(index)?.get()
    }

    /// The sequence number of deletion `number`, from 1.
    fn seqno(&self, number: usize) -> Option<SeqNo> {
        Some(self.slot(number.checked_sub(1)?)?.seqno)
    }

    fn key(&self, at: KeyPlace) -> &[u8] {
        match self.slot(at.0 as usize / 2) {
            Some(slot) if at.0.is_multiple_of(2) => &slot.start,
            Some(slot) => &slot.end,
            // Cuts name only slots that were there before their run.
            None => &[],
        }
    }
}

/// Shelf and index there of slot `index`: shelf 0 has slots 0 to 7, shelf 1 slots 8 to 23, shelf 2 slots 24 to 55.
fn place(index: usize) -> (usize, usize) {
    let shelf = (index / FIRST_SHELF + 1).ilog2() as usize;
    (shelf, index - FIRST_SHELF * ((1 << shelf) - 1))
}

/// How many deletions the run of number `number` takes in: the lowest bit of 12 = 0b1100 is 4.
fn lowbit(number: usize) -> usize {
    number & number.wrapping_neg()
}

/// Lays `newer` over `older`: where `newer` shows a deletion, that one; elsewhere what `older` shows.
fn overlay(newer: &[Cut], older: &[Cut], order: impl Fn(KeyPlace, KeyPlace) -> Ordering) -> Result<Vec<Cut>> {
    let mut out: Vec<Cut> = Vec::new();
    out.try_reserve_exact(newer.len() + older.len()).map_err(|_| out_of_memory())?;
    let (mut newer, mut older) = (newer.iter().peekable(), older.iter().peekable());
    let (mut over, mut under) = (0, 0);
    loop {
        let side = match (newer.peek(), older.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => order(a.key, b.key),
        };
        let mut key = None;
        if side.is_le()
            && let Some(cut) = newer.next()
        {
            (over, key) = (cut.newest, Some(cut.key));
        }
        if side.is_ge()
            && let Some(cut) = older.next()
        {
            (under, key) = (cut.newest, Some(cut.key));
        }
        let newest = if over > 0 { over } else { under };
        if let Some(key) = key
            && out.last().map_or(0, |last| last.newest) != newest
        {
            out.push(Cut { key, newest });
        }
    }
    // Most cuts vanish when a wide deletion covers many: what is kept for good is to be no larger than it must.
    if out.capacity() > 2 * out.len() {
        out.shrink_to_fit();
    }
    Ok(out)
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| out_of_memory())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

fn out_of_memory() -> Error {
    Error::new(ErrorKind::NoSpace, "no memory for a range deletion")
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::iter::vec_iter::Rng;

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    #[test]
    fn slots_have_places_of_their_own() {
        let mut expected = (0, 0);
        for index in 0..5000 {
            assert_eq!(place(index), expected, "slot {index}");
            expected.1 += 1;
            if expected.1 == FIRST_SHELF << expected.0 {
                expected = (expected.0 + 1, 0);
            }
        }
        assert_eq!(place(MOST - 1), (SHELVES - 1, (FIRST_SHELF << (SHELVES - 1)) - 1));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let ranges = RangeTombstones::new(&Order::Bytewise);
        assert!(ranges.add(b"b", b"b", seqno(1)).is_err());
        assert!(ranges.add(b"b", b"a", seqno(1)).is_err());
        assert!(ranges.add(b"a", b"b", SeqNo::ZERO).is_err());
        assert_eq!(ranges.len(), 0);
        ranges.add(b"a", b"b", seqno(5)).unwrap();
        assert!(ranges.add(b"a", b"b", seqno(5)).is_err());
        assert_eq!((ranges.len(), ranges.covering(b"a", SeqNo::MAX)), (1, seqno(5)));
    }

    #[test]
    fn random_deletions_answer_every_view_as_a_list_would() {
        for seed in 0..if cfg!(miri) { 2 } else { 60 } {
            let mut rng = Rng::new(seed);
            let ranges = RangeTombstones::new(&Order::Bytewise);
            let (mut list, mut now) = (Vec::new(), 0);
            let alphabet = 2 + rng.below(40);
            let key = |rng: &mut Rng| vec![rng.below(alphabet) as u8; 1 + rng.below(2) as usize];
            for _ in 0..rng.below(120) {
                now += 1 + rng.below(3);
                let (start, end) = (key(&mut rng), key(&mut rng));
                if start < end {
                    ranges.add(&start, &end, seqno(now)).unwrap();
                    list.push((start, end, seqno(now)));
                }
                for _ in 0..5 {
                    let (probe, view) = (key(&mut rng), seqno(rng.below(now + 2)));
                    let covers = |t: &&(Vec<u8>, Vec<u8>, SeqNo)| t.0 <= probe && probe < t.1 && t.2 <= view;
                    let expected = list.iter().filter(covers).map(|t| t.2).max().unwrap_or_default();
                    assert_eq!(ranges.covering(&probe, view), expected, "seed {seed} key {probe:?} view {view}");
                }
            }
            let views = [seqno(now / 2)];
            let fragments = ranges.fragments(&views).unwrap();
            for probe in (0..alphabet as u8).flat_map(|byte| [vec![byte], vec![byte, byte]]) {
                for view in [views[0], SeqNo::MAX] {
                    assert_eq!(fragments.covering(&probe, view), ranges.covering(&probe, view), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn many_deletions_cost_little_each() {
        let n = if cfg!(miri) { 50 } else { 20_000u64 };
        let (trimmed, scattered) = (RangeTombstones::new(&Order::Bytewise), RangeTombstones::new(&Order::Bytewise));
        for i in 1..=n {
            let key = |i: u64| format!("{i:08}").into_bytes();
            trimmed.add(b"", &key(i), seqno(i)).unwrap();
            assert_eq!(trimmed.covering(&key(i / 2), SeqNo::MAX), seqno(i));
            let at = i.wrapping_mul(0x9e37_79b9) % n * 2;
            scattered.add(&key(at), &key(at + 1), seqno(i)).unwrap();
            assert_eq!(scattered.covering(&key(at), SeqNo::MAX), seqno(i));
        }
        assert!(trimmed.fragments(&[]).unwrap().count() <= 1);
        // Eight bytes for each of two cuts in at most log2(n) / 2 runs, the keys and the slot: far from n pieces each.
        assert!(scattered.memory_bytes() < n as usize * 500, "{} bytes", scattered.memory_bytes());
        assert!(trimmed.memory_bytes() < n as usize * 300, "{} bytes", trimmed.memory_bytes());
    }
}
