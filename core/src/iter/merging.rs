//! [`MergingIterator`]: many sorted sources walked as one.
//!
//! Where in the flow: reads merge the memtables, the L0 tables and the levels; compaction merges its inputs. A binary heap of
//! child numbers keeps the child that is next in the direction of travel on top; a step moves that child and sifts it down,
//! which costs two comparisons as long as the same child stays ahead.
//!
//! Order: by internal key, and between equal keys by child number, so give newer sources first. Backwards is exactly the
//! reverse. Example with children `0: a c` and `1: b c`: forward `a b c0 c1`, backward `c1 c0 b a`.
//!
//! **Direction change.** Going forward, every other child stands on its first entry *behind* the current one, or has ended. To
//! go back, each must stand on its last entry *before* the current one: it is sought there by key. A step back from where it
//! stands will not do: an ended child stands nowhere, and a memtable may have received entries in between since.
//!
//! **Errors.** A child that stops with an error may have skipped anything, so the whole is not valid, with that error as its
//! status, until the next seek. Thread rule: one thread at a time.

use std::cmp::Ordering;

use crate::error::{Error, Result};
use crate::iter::internal::InternalIterator;
use crate::key::internal;
use crate::key::order::Order;
use crate::util::pinned::Pinned;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

struct Child {
    iter: Box<dyn InternalIterator>,
    /// The first bytes of its current user key as a number that orders as the keys do, so that most comparisons touch neither
    /// the child nor its key. Only for bytewise order; zero otherwise, which decides nothing.
    head: u64,
}

/// The entries of many iterators in one order.
pub struct MergingIterator {
    order: Order,
    children: Vec<Child>,
    /// Numbers of the children that stand on an entry; the top is the next in the direction of travel.
    heap: Vec<usize>,
    direction: Direction,
    error: Option<Error>,
    /// The current key, while children are sought by it.
    pivot: Vec<u8>,
}

impl MergingIterator {
    /// Merges `children`, newer sources first. Not valid until it is positioned.
    pub fn new(order: &Order, children: Vec<Box<dyn InternalIterator>>) -> MergingIterator {
        let heap = Vec::with_capacity(children.len());
        let children = children.into_iter().map(|iter| Child { iter, head: 0 }).collect();
        let (order, direction) = (order.clone(), Direction::Forward);
        MergingIterator { order, children, heap, direction, error: None, pivot: Vec::new() }
    }

    /// Positions every child by `position` and starts anew from there.
    fn start(&mut self, direction: Direction, mut position: impl FnMut(&mut dyn InternalIterator)) {
        self.direction = direction;
        self.error = None;
        self.heap.clear();
        for i in 0..self.children.len() {
            position(self.children[i].iter.as_mut());
            if self.settled(i) {
                self.heap.push(i);
            }
        }
        self.heapify();
    }

    /// After a move of child `i`: whether it stands on an entry. Its error, if it met one, becomes the error of the whole.
    fn settled(&mut self, i: usize) -> bool {
        let child = &mut self.children[i];
        if child.iter.valid() {
            child.head = if self.order.is_bytewise() { head(internal::user_key(child.iter.key())) } else { 0 };
            return true;
        }
        if let Err(error) = child.iter.status() {
            self.error.get_or_insert(error);
        }
        false
    }

    /// Makes a heap of the children that stand on entries; empty if an error was met.
    fn heapify(&mut self) {
        if self.error.is_some() {
            self.heap.clear();
        }
        for i in (0..self.heap.len() / 2).rev() {
            self.sift_down(i);
        }
    }

    fn sift_down(&mut self, mut at: usize) {
        loop {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            if left >= self.heap.len() {
                return;
            }
            let better = if right < self.heap.len() && self.before(right, left) { right } else { left };
            if !self.before(better, at) {
                return;
            }
            self.heap.swap(better, at);
            at = better;
        }
    }

    /// Whether the child at heap position `a` comes before the one at `b` in the direction of travel.
    fn before(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.heap[a], self.heap[b]);
        let (child_a, child_b) = (&self.children[a], &self.children[b]);
        let ordering = (child_a.head.cmp(&child_b.head))
            .then_with(|| self.order.cmp_internal(child_a.iter.key(), child_b.iter.key()))
            .then_with(|| a.cmp(&b));
        match self.direction {
            Direction::Forward => ordering == Ordering::Less,
            Direction::Backward => ordering == Ordering::Greater,
        }
    }

    /// Moves the current child on in the direction of travel.
    fn step(&mut self) {
        let Some(&top) = self.heap.first() else { return };
        let child = &mut self.children[top].iter;
        match self.direction {
            Direction::Forward => child.next(),
            Direction::Backward => child.prev(),
        }
        if self.settled(top) {
            self.sift_down(0);
        } else if self.error.is_some() {
            self.heap.clear();
        } else {
            self.heap.swap_remove(0);
            self.sift_down(0);
        }
    }

    /// Turns around on the current entry: every other child goes to its nearest entry on the other side of it.
    fn turn(&mut self, direction: Direction) {
        let Some(&current) = self.heap.first() else { return };
        self.direction = direction;
        let mut pivot = std::mem::take(&mut self.pivot);
        pivot.clear();
        pivot.extend_from_slice(self.children[current].iter.key());
        self.heap.clear();
        for i in 0..self.children.len() {
            if i != current {
                self.seek_beyond(i, current, &pivot);
            }
            if self.settled(i) {
                self.heap.push(i);
            }
        }
        self.pivot = pivot;
        self.heapify();
    }

    /// Takes child `i` to its first entry that follows (`pivot`, `current`) in the direction of travel. An equal key of a
    /// child with a greater number lies behind it, one with a smaller number before it.
    fn seek_beyond(&mut self, i: usize, current: usize, pivot: &[u8]) {
        let child = &mut self.children[i].iter;
        let equal_is_passed = match self.direction {
            Direction::Forward => {
                child.seek(pivot);
                i < current
            }
            Direction::Backward => {
                child.seek_for_prev(pivot);
                i > current
            }
        };
        if equal_is_passed && child.valid() && child.key() == pivot {
            match self.direction {
                Direction::Forward => child.next(),
                Direction::Backward => child.prev(),
            }
        }
    }

    /// The child that stands on the current entry.
    fn current(&self) -> Option<&dyn InternalIterator> {
        Some(self.children[*self.heap.first()?].iter.as_ref())
    }
}

impl InternalIterator for MergingIterator {
    fn valid(&self) -> bool {
        !self.heap.is_empty()
    }

    fn seek_to_first(&mut self) {
        self.start(Direction::Forward, |child| child.seek_to_first());
    }

    fn seek_to_last(&mut self) {
        self.start(Direction::Backward, |child| child.seek_to_last());
    }

    fn seek(&mut self, target: &[u8]) {
        self.start(Direction::Forward, |child| child.seek(target));
    }

    fn seek_for_prev(&mut self, target: &[u8]) {
        self.start(Direction::Backward, |child| child.seek_for_prev(target));
    }

    fn next(&mut self) {
        debug_assert!(self.valid());
        if self.direction == Direction::Backward {
            self.turn(Direction::Forward);
        }
        self.step();
    }

    fn prev(&mut self) {
        debug_assert!(self.valid());
        if self.direction == Direction::Forward {
            self.turn(Direction::Backward);
        }
        self.step();
    }

    fn key(&self) -> &[u8] {
        self.current().map_or(&[], |child| child.key())
    }

    fn value(&self) -> &[u8] {
        self.current().map_or(&[], |child| child.value())
    }

    fn pinned_value(&self) -> Pinned {
        self.current().map_or_else(|| Pinned::copy(&[]), |child| child.pinned_value())
    }

    fn status(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }
}

/// The first eight bytes of `user_key`, zeros behind a shorter one: if `a < b` bytewise, then `head(a) <= head(b)`.
fn head(user_key: &[u8]) -> u64 {
    match user_key.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut padded = [0; 8];
            padded[..user_key.len()].copy_from_slice(user_key);
            u64::from_be_bytes(padded)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::vec_iter::{Rng, VecIter};
    use crate::key::internal::{internal_key, seek_key};
    use crate::key::kind::Kind;
    use crate::key::order::Comparator;
    use crate::key::sequence::SeqNo;
    use crate::util::sync::Arc;

    type Entry = (Vec<u8>, Vec<u8>);

    #[derive(Debug)]
    struct Descending;

    impl Comparator for Descending {
        fn name(&self) -> &str {
            "descending"
        }

        fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
            b.cmp(a)
        }
    }

    fn entry(key: &str, seqno: u64, value: &str) -> Entry {
        (internal_key(key.as_bytes(), SeqNo::new(seqno).unwrap(), Kind::Put), value.into())
    }

    fn merge(order: &Order, children: Vec<VecIter>) -> MergingIterator {
        let boxed = children.into_iter().map(|child| Box::new(child) as Box<dyn InternalIterator>).collect();
        MergingIterator::new(order, boxed)
    }

    fn values(merged: &mut MergingIterator, forward: bool) -> String {
        let mut all = String::new();
        if forward {
            merged.seek_to_first()
        } else {
            merged.seek_to_last()
        };
        while merged.valid() {
            all += std::str::from_utf8(merged.value()).unwrap();
            if forward {
                merged.next()
            } else {
                merged.prev()
            };
        }
        merged.status().unwrap();
        all
    }

    #[test]
    fn equal_keys_keep_the_order_of_the_sources() {
        let order = Order::Bytewise;
        let children = vec![
            VecIter::new(&order, vec![entry("a", 1, "a"), entry("c", 3, "0")]),
            VecIter::new(&order, vec![entry("b", 2, "b"), entry("c", 3, "1")]),
        ];
        let mut merged = merge(&order, children);
        assert!(!merged.valid());
        assert_eq!(values(&mut merged, true), "ab01");
        assert_eq!(values(&mut merged, false), "10ba");
        // Back and forth on the boundary between equal keys.
        merged.seek(&entry("c", 3, "").0);
        for _ in 0..3 {
            assert_eq!(merged.value(), b"0");
            merged.next();
            assert_eq!(merged.value(), b"1");
            merged.prev();
        }
        merged.prev();
        assert_eq!(merged.value(), b"b");
    }

    #[test]
    fn nothing_to_merge_is_an_end_without_error() {
        let order = Order::Bytewise;
        for children in [vec![], vec![VecIter::new(&order, vec![]), VecIter::new(&order, vec![])]] {
            let mut merged = merge(&order, children);
            assert_eq!(values(&mut merged, true) + &values(&mut merged, false), "");
        }
    }

    /// The whole in order, and a position in it.
    struct Model {
        order: Order,
        entries: Vec<(Entry, usize)>,
        at: Option<usize>,
    }

    impl Model {
        fn new(order: &Order, children: &[Vec<Entry>]) -> Model {
            let mut entries = Vec::new();
            for (i, child) in children.iter().enumerate() {
                entries.extend(child.iter().map(|entry| (entry.clone(), i)));
            }
            entries.sort_by(|a, b| order.cmp_internal(&a.0.0, &b.0.0).then(a.1.cmp(&b.1)));
            Model { order: order.clone(), entries, at: None }
        }

        fn go(&mut self, to: Option<usize>) {
            self.at = to.filter(|to| *to < self.entries.len());
        }

        fn seek(&mut self, target: &[u8], backward: bool) {
            if backward {
                let above = self.entries.partition_point(|e| self.order.cmp_internal(&e.0.0, target).is_le());
                self.go(above.checked_sub(1));
            } else {
                self.go(Some(self.entries.partition_point(|e| self.order.cmp_internal(&e.0.0, target).is_lt())));
            }
        }
    }

    fn random_children(rng: &mut Rng, order: &Order) -> Vec<Vec<Entry>> {
        // Long shared prefixes, short keys and equal keys: the cases in which heads decide, and in which they must not.
        const KEYS: [&str; 9] = ["", "a", "a\0", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaab", "b", "bb", "c"];
        (0..rng.below(6))
            .map(|i| {
                let n = rng.below(8);
                let mut child: Vec<_> = (0..n)
                    .map(|_| entry(KEYS[rng.below(9) as usize], rng.below(4), &format!("{i}/{}", rng.below(100))))
                    .collect();
                child.sort_by(|a, b| order.cmp_internal(&a.0, &b.0));
                child.dedup_by(|a, b| a.0 == b.0);
                child
            })
            .collect()
    }

    /// One random move of both. `lost` says that only a seek makes sense.
    fn random_move(rng: &mut Rng, merged: &mut MergingIterator, model: &mut Model, lost: bool) {
        match rng.below(if lost || model.at.is_none() { 4 } else { 20 }) {
            0 => {
                merged.seek_to_first();
                model.go(Some(0));
            }
            1 => {
                merged.seek_to_last();
                model.go(model.entries.len().checked_sub(1));
            }
            n @ (2 | 3) => {
                let mut target = seek_key(b"aa", SeqNo::new(rng.below(4)).unwrap());
                if !model.entries.is_empty() {
                    let near = &model.entries[rng.below(model.entries.len() as u64) as usize].0.0;
                    target =
                        if rng.below(2) == 0 { near.clone() } else { seek_key(internal::user_key(near), SeqNo::MAX) };
                }
                if n == 2 {
                    merged.seek(&target)
                } else {
                    merged.seek_for_prev(&target)
                };
                model.seek(&target, n == 3);
            }
            n if n % 2 == 0 => {
                merged.next();
                model.go(model.at.map(|at| at + 1));
            }
            _ => {
                merged.prev();
                model.go(model.at.and_then(|at| at.checked_sub(1)));
            }
        }
    }

    #[test]
    fn random_walks_match_a_sorted_list() {
        for seed in 0..400u64 {
            let mut rng = Rng::new(seed);
            let order = if rng.below(4) == 0 { Order::Custom(Arc::new(Descending)) } else { Order::Bytewise };
            let children = random_children(&mut rng, &order);
            let mut model = Model::new(&order, &children);
            let mut merged = merge(&order, children.into_iter().map(|child| VecIter::new(&order, child)).collect());
            for step in 0..300 {
                random_move(&mut rng, &mut merged, &mut model, false);
                merged.status().unwrap();
                let got = merged.valid().then(|| (merged.key().to_vec(), merged.value().to_vec()));
                let expected = model.at.map(|at| model.entries[at].0.clone());
                assert_eq!(got, expected, "seed {seed} step {step}");
            }
        }
    }

    #[test]
    fn an_error_of_a_child_stops_the_whole_until_a_seek() {
        let mut stops = 0;
        for seed in 0..400u64 {
            let mut rng = Rng::new(seed);
            let order = Order::Bytewise;
            let children = random_children(&mut rng, &order);
            let mut model = Model::new(&order, &children);
            let failing = rng.below(6) as usize;
            let iters = children.into_iter().enumerate().map(|(i, child)| {
                let iter = VecIter::new(&order, child);
                if i == failing { iter.failing_after(rng.below(20)) } else { iter }
            });
            let mut merged = merge(&order, iters.collect());
            let mut lost = false;
            for step in 0..100 {
                random_move(&mut rng, &mut merged, &mut model, lost);
                lost = merged.status().is_err();
                if lost {
                    stops += 1;
                    assert!(!merged.valid(), "seed {seed} step {step}");
                    continue;
                }
                let got = merged.valid().then(|| merged.key().to_vec());
                assert_eq!(got, model.at.map(|at| model.entries[at].0.0.clone()), "seed {seed} step {step}");
            }
        }
        assert!(stops > 50, "the planted errors were hardly met: {stops}");
    }
}
