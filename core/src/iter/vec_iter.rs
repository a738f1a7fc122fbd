//! Test material: an [`InternalIterator`] over a sorted list, which can fail on purpose, and a small seeded generator.
//!
//! Compiled for tests only. A test prints the seed it ran with, so that a failure can be run again.

use crate::error::{Error, ErrorKind, Result};
use crate::iter::internal::InternalIterator;
use crate::key::order::Order;

/// Pseudo-random numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is above zero.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// A cursor over `(internal key, value)` pairs that are already in order.
#[derive(Debug)]
pub struct VecIter {
    order: Order,
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Index of the entry it stands on.
    at: Option<usize>,
    /// How many moves succeed before one fails.
    moves_left: Option<u64>,
    error: Option<Error>,
}

impl VecIter {
    /// Walks `entries`, which ascend in the order of internal keys.
    pub fn new(order: &Order, entries: Vec<(Vec<u8>, Vec<u8>)>) -> VecIter {
        assert!(entries.windows(2).all(|pair| order.cmp_internal(&pair[0].0, &pair[1].0).is_lt()));
        VecIter { order: order.clone(), entries, at: None, moves_left: None, error: None }
    }

    /// The same, but the move after `moves` ones fails, as damage met on the way would.
    pub fn failing_after(mut self, moves: u64) -> VecIter {
        self.moves_left = Some(moves);
        self
    }

    fn move_to(&mut self, at: Option<usize>) {
        self.error = None;
        self.at = at.filter(|at| *at < self.entries.len());
        match &mut self.moves_left {
            Some(0) => {
                self.moves_left = None;
                self.at = None;
                self.error = Some(Error::new(ErrorKind::Corruption, "planted"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }
}

impl InternalIterator for VecIter {
    fn valid(&self) -> bool {
        self.at.is_some()
    }

    fn seek_to_first(&mut self) {
        self.move_to(Some(0));
    }

    fn seek_to_last(&mut self) {
        self.move_to(self.entries.len().checked_sub(1));
    }

    fn seek(&mut self, target: &[u8]) {
        self.move_to(Some(self.entries.partition_point(|(key, _)| self.order.cmp_internal(key, target).is_lt())));
    }

    fn seek_for_prev(&mut self, target: &[u8]) {
        let above = self.entries.partition_point(|(key, _)| self.order.cmp_internal(key, target).is_le());
        self.move_to(above.checked_sub(1));
    }

    fn next(&mut self) {
        self.move_to(Some(self.at.expect("valid") + 1));
    }

    fn prev(&mut self) {
        self.move_to(self.at.expect("valid").checked_sub(1));
    }

    fn key(&self) -> &[u8] {
        &self.entries[self.at.expect("valid")].0
    }

    fn value(&self) -> &[u8] {
        &self.entries[self.at.expect("valid")].1
    }

    fn status(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }
}
