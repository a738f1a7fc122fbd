//! [`Cutter`]: where one output table ends and the next begins. Pure.
//!
//! An output ends at a *cut key* `c`: it holds what sorts before `c`, the next one what does not. Invariants:
//! - **A cut is never between two entries of one user key**: it is looked for only where the user key changes. Otherwise a
//!   lookup, which asks one table of a level, would miss half of the key's versions.
//! - **A range tombstone that reaches over a cut is split at it**, so that bounds of tables of one level never overlap.
//!   `[a, z)` cut at `m` becomes `[a, m)` in the one table, whose end `m` is exclusive, and `[m, z)` in the other.
//!
//! Cuts are due when an output has reached its nominal size, counting its tombstones, or when it overlaps so much of the level
//! below its own (the *grandparents*) that its next compaction would be unbounded. For that a range tombstone counts like points:
//! `[a, z)` alone, over a level of a thousand tables, is cut where that level's tables begin, ten at a time:
//!
//! ```text
//! tombstone      [a-----------------------------z)
//! grandparents    a-c  d-f  g-k  m-o  p-r  s-v  x-z      at most three of them each
//! outputs        [a--------------m)[m-----------x)[x-z)
//! ```
//! Thread rule: one thread, the job's.

use std::cmp::Ordering;

use crate::iter::tombstones::{Fragment, FragmentedTombstones};
use crate::key::order::Order;
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;

/// Walks along the keys of a flush or compaction and says where its outputs end.
#[derive(Debug)]
pub struct Cutter<'a> {
    order: &'a Order,
    target_bytes: u64,
    max_grandparent_bytes: u64,
    /// The range tombstones that are written, in key order.
    fragments: Vec<Fragment<'a>>,
    /// Sorted tables of the level below the outputs'.
    grandparents: &'a [Arc<FileMeta>],
    /// The first fragment that starts behind the last key looked at.
    next_fragment: usize,
    /// The first grandparent that reaches to the last key looked at.
    next_grandparent: usize,
    /// Where the current output begins; `None` for the first.
    start: Option<Vec<u8>>,
    has_points: bool,
    /// About how many bytes the fragments that start in the current output take in it.
    tombstone_bytes: u64,
    /// Bytes of the grandparents that the current output has passed.
    passed_bytes: u64,
}

impl<'a> Cutter<'a> {
    /// For outputs of about `target_bytes` that hold `tombstones` and overlap about `max_grandparent_bytes` of `grandparents`.
    pub fn new(
        order: &'a Order,
        target_bytes: u64,
        tombstones: &'a FragmentedTombstones,
        grandparents: &'a [Arc<FileMeta>],
        max_grandparent_bytes: u64,
    ) -> Cutter<'a> {
        Cutter {
            order,
            target_bytes: target_bytes.max(1),
            max_grandparent_bytes,
            fragments: tombstones.iter().collect(),
            grandparents,
            next_fragment: 0,
            next_grandparent: 0,
            start: None,
            has_points: false,
            tombstone_bytes: 0,
            passed_bytes: 0,
        }
    }

    /// Where the current output must end before the user key `next` is written, or before the end of all keys. Ask again
    /// until there is no cut: tombstones between two keys may fill several outputs. `point_bytes` is the size of the current
    /// output's entries. Keys must ascend, each is asked about once it differs from the one before.
    pub fn cut_before(&mut self, next: Option<&[u8]>, point_bytes: u64) -> Option<Vec<u8>> {
        loop {
            let fragment = self.fragments.get(self.next_fragment).copied().filter(|f| self.is_reached(f.start, next));
            let grandparent = self.grandparents.get(self.next_grandparent);
            let passed = grandparent.filter(|file| next.is_none_or(|next| file.ends_before(self.order, next)));
            match (fragment, passed) {
                (Some(fragment), passed) if passed.is_none_or(|file| !file.ends_before(self.order, fragment.start)) => {
                    if point_bytes.saturating_add(self.tombstone_bytes) >= self.target_bytes {
                        return Some(self.cut_at(fragment.start));
                    }
                    self.tombstone_bytes += encoded_bytes(&fragment);
                    self.next_fragment += 1;
                }
                (_, Some(file)) => {
                    self.next_grandparent += 1;
                    if self.holds_anything_before_end_of(file) {
                        self.passed_bytes = self.passed_bytes.saturating_add(file.file_size);
                    }
                    if self.passed_bytes > self.max_grandparent_bytes
                        && let Some(cut) = self.first_key_beyond(next)
                    {
                        return Some(self.cut_at(&cut));
                    }
                }
                (_, None) => {
                    let full = point_bytes.saturating_add(self.tombstone_bytes) >= self.target_bytes;
                    return next.filter(|_| full).map(|next| self.cut_at(next));
                }
            }
        }
    }

    /// Notes that the current output has entries.
    pub fn note_point(&mut self) {
        self.has_points = true;
    }

    /// Where the current output begins; `None` before every key.
    pub fn start(&self) -> Option<&[u8]> {
        self.start.as_deref()
    }

    /// The pieces of tombstones within `[start, end)`, an output's own.
    pub fn tombstones_within<'s>(
        &'s self,
        start: Option<&'s [u8]>,
        end: Option<&'s [u8]>,
    ) -> impl Iterator<Item = Fragment<'s>> {
        let later = |a: &'s [u8], b: Option<&'s [u8]>| b.filter(|b| self.order.cmp(a, b).is_lt()).unwrap_or(a);
        let earlier = |a: &'s [u8], b: Option<&'s [u8]>| b.filter(|b| self.order.cmp(b, a).is_lt()).unwrap_or(a);
        self.fragments[self.first_fragment_beyond(start)..]
            .iter()
            .take_while(move |f| end.is_none_or(|end| self.order.cmp(f.start, end) == Ordering::Less))
            .map(move |f| Fragment { start: later(f.start, start), end: earlier(f.end, end), seqnos: f.seqnos })
    }

    /// Whether `key` is at or before `next`.
    fn is_reached(&self, key: &[u8], next: Option<&[u8]>) -> bool {
        next.is_none_or(|next| self.order.cmp(key, next) != Ordering::Greater)
    }

    /// The first fragment that ends behind `start`.
    fn first_fragment_beyond(&self, start: Option<&[u8]>) -> usize {
        start.map_or(0, |start| self.fragments.partition_point(|f| self.order.cmp(f.end, start) != Ordering::Greater))
    }

    fn holds_anything_before_end_of(&self, grandparent: &FileMeta) -> bool {
        let first = self.fragments.get(self.first_fragment_beyond(self.start.as_deref()));
        self.has_points || first.is_some_and(|f| self.is_reached(f.start, Some(&grandparent.largest)))
    }

    /// The nearest place to cut once grandparents have been passed: where the next of them starts, a tombstone starts, or the
    /// next key is. All of them lie behind every key written so far.
    fn first_key_beyond(&self, next: Option<&[u8]>) -> Option<Vec<u8>> {
        let grandparent = self.grandparents.get(self.next_grandparent).map(|file| &file.smallest[..]);
        let fragment = self.fragments.get(self.next_fragment).map(|f| f.start);
        let nearest = [grandparent, fragment, next].into_iter().flatten().min_by(|a, b| self.order.cmp(a, b));
        nearest.map(<[u8]>::to_vec)
    }

    fn cut_at(&mut self, key: &[u8]) -> Vec<u8> {
        self.start = Some(key.to_vec());
        (self.has_points, self.tombstone_bytes, self.passed_bytes) = (false, 0, 0);
        key.to_vec()
    }
}

/// About what a fragment takes in a table.
fn encoded_bytes(fragment: &Fragment<'_>) -> u64 {
    (fragment.start.len() + fragment.end.len() + fragment.seqnos.len() * 8 + 4) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::tombstones::RangeTombstone;
    use crate::iter::vec_iter::Rng;
    use crate::key::sequence::SeqNo;
    use crate::version::file_meta::testing::meta;

    const ORDER: Order = Order::Bytewise;

    fn tombstones(ranges: &[(&str, &str)]) -> FragmentedTombstones {
        let seqno = SeqNo::new(7).unwrap();
        let tombstone = |(start, end): &(&str, &str)| RangeTombstone {
            start: start.as_bytes().to_vec(),
            end: end.as_bytes().to_vec(),
            seqno,
        };
        let ranges: Vec<_> = ranges.iter().map(tombstone).collect();
        FragmentedTombstones::build(&ORDER, &ranges).unwrap()
    }

    fn grandparents(bounds: &[(&str, &str)]) -> Vec<Arc<FileMeta>> {
        bounds.iter().zip(1..).map(|((a, b), n)| Arc::new(meta(n, a, b, 1..=2))).collect()
    }

    /// An output: its point keys and its pieces of tombstones.
    type Output = (Vec<String>, Vec<(String, String)>);

    /// Writes one entry of `entry_bytes` for each key; outputs that would be empty are left out, as a job does.
    fn outputs(cutter: &mut Cutter<'_>, keys: &[&str], entry_bytes: u64) -> Vec<Output> {
        let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
        let (mut outputs, mut points) = (Vec::new(), Vec::new());
        let mut start: Option<Vec<u8>> = None;
        for next in keys.iter().map(|key| Some(key.as_bytes())).chain([None]) {
            loop {
                let cut = cutter.cut_before(next, points.len() as u64 * entry_bytes);
                if cut.is_some() || next.is_none() {
                    let pieces = cutter.tombstones_within(start.as_deref(), cut.as_deref());
                    let pieces: Vec<_> = pieces.map(|f| (text(f.start), text(f.end))).collect();
                    if !points.is_empty() || !pieces.is_empty() {
                        outputs.push((std::mem::take(&mut points), pieces));
                    }
                }
                if cut.is_none() {
                    break;
                }
                start = cut;
                assert_eq!(start.as_deref(), cutter.start());
            }
            if let Some(next) = next {
                points.push(text(next));
                cutter.note_point();
            }
        }
        outputs
    }

    fn output(points: &[&str], pieces: &[(&str, &str)]) -> Output {
        let points = points.iter().map(|key| key.to_string()).collect();
        (points, pieces.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect())
    }

    #[test]
    fn an_output_ends_at_the_first_key_beyond_its_size() {
        let none = tombstones(&[]);
        let mut cutter = Cutter::new(&ORDER, 1000, &none, &[], u64::MAX);
        let expected = [output(&["a", "b", "c"], &[]), output(&["d", "e", "f"], &[]), output(&["g"], &[])];
        assert_eq!(outputs(&mut cutter, &["a", "b", "c", "d", "e", "f", "g"], 400), expected);
    }

    #[test]
    fn a_tombstone_that_crosses_a_cut_is_split_at_it() {
        let range = tombstones(&[("b", "y")]);
        let mut cutter = Cutter::new(&ORDER, 800, &range, &[], u64::MAX);
        let expected = [
            output(&["a", "c"], &[("b", "e")]),
            output(&["e", "g"], &[("e", "x")]),
            output(&["x", "z"], &[("x", "y")]),
        ];
        assert_eq!(outputs(&mut cutter, &["a", "c", "e", "g", "x", "z"], 400), expected);
    }

    #[test]
    fn a_cut_at_the_end_of_a_tombstone_leaves_no_empty_piece() {
        let range = tombstones(&[("b", "e")]);
        let mut cutter = Cutter::new(&ORDER, 800, &range, &[], u64::MAX);
        let expected = [output(&["a", "c"], &[("b", "e")]), output(&["e"], &[])];
        assert_eq!(outputs(&mut cutter, &["a", "c", "e"], 400), expected);
    }

    #[test]
    fn an_output_overlaps_a_limited_part_of_the_level_below() {
        let below = grandparents(&[("a", "b"), ("d", "e"), ("g", "h"), ("k", "l"), ("n", "o")]);
        let none = tombstones(&[]);
        let mut cutter = Cutter::new(&ORDER, u64::MAX, &none, &below, 1500);
        // Before "f" two tables of 1000 bytes have been passed, and again before "m"; before "z" only one more.
        let expected = [output(&["a"], &[]), output(&["f", "i"], &[]), output(&["m", "z"], &[])];
        assert_eq!(outputs(&mut cutter, &["a", "f", "i", "m", "z"], 400), expected);
        // What lies before the first key is passed by nobody.
        let mut cutter = Cutter::new(&ORDER, u64::MAX, &none, &below, 1500);
        assert_eq!(outputs(&mut cutter, &["m", "z"], 400), [output(&["m", "z"], &[])]);
    }

    #[test]
    fn the_example_at_the_top() {
        let bounds = [("a", "c"), ("d", "f"), ("g", "k"), ("m", "o"), ("p", "r"), ("s", "v"), ("x", "z")];
        let below = grandparents(&bounds);
        let range = tombstones(&[("a", "z")]);
        let mut cutter = Cutter::new(&ORDER, u64::MAX, &range, &below, 2999);
        let expected = [output(&[], &[("a", "m")]), output(&[], &[("m", "x")]), output(&[], &[("x", "z")])];
        assert_eq!(outputs(&mut cutter, &[], 400), expected);
        // The same before a key that is far away.
        let range = tombstones(&[("e", "w")]);
        let mut cutter = Cutter::new(&ORDER, u64::MAX, &range, &below, 2999);
        let expected = [output(&[], &[("e", "p")]), output(&[], &[("p", "w")]), output(&["zz"], &[])];
        assert_eq!(outputs(&mut cutter, &["zz"], 400), expected);
    }

    #[test]
    fn many_small_tombstones_fill_outputs_too() {
        let range = tombstones(&[("a", "b"), ("c", "d"), ("e", "f"), ("g", "h"), ("i", "k")]);
        let mut cutter = Cutter::new(&ORDER, 25, &range, &[], u64::MAX);
        let expected = [
            output(&[], &[("a", "b"), ("c", "d")]),
            output(&[], &[("e", "f"), ("g", "h")]),
            output(&[], &[("i", "k")]),
        ];
        assert_eq!(outputs(&mut cutter, &[], 400), expected);
    }

    #[test]
    fn outputs_keep_every_key_and_every_tombstone_and_never_touch() {
        for seed in 0..2000u64 {
            let mut rng = Rng::new(seed);
            let name = |n: u64| format!("{n:03}");
            let mut sorted = |max: u64| {
                let mut keys: Vec<_> = (0..rng.below(max)).map(|_| rng.below(200)).collect();
                keys.sort_unstable();
                keys.dedup();
                keys
            };
            let keys: Vec<_> = sorted(40).into_iter().map(name).collect();
            let ends: Vec<_> = sorted(12).into_iter().map(name).collect();
            let ranges: Vec<_> = ends.chunks_exact(2).map(|pair| (&pair[0][..], &pair[1][..])).collect();
            let bounds: Vec<_> = sorted(30).into_iter().map(name).collect();
            let bounds: Vec<_> = bounds.chunks_exact(2).map(|pair| (&pair[0][..], &pair[1][..])).collect();
            let (below, range) = (grandparents(&bounds), tombstones(&ranges));
            let limit = [0, 1500, 5000][rng.below(3) as usize];
            let mut cutter = Cutter::new(&ORDER, 1 + rng.below(3000), &range, &below, limit);
            let written = outputs(&mut cutter, &keys.iter().map(|key| &key[..]).collect::<Vec<_>>(), 400);
            let points: Vec<_> = written.iter().flat_map(|(points, _)| points.clone()).collect();
            assert_eq!(points, keys, "seed {seed}");
            let pieces: Vec<_> = written.iter().flat_map(|(_, pieces)| pieces.clone()).collect();
            let pieces: Vec<_> = pieces.iter().map(|(a, b)| (&a[..], &b[..])).collect();
            let joined: Vec<_> = tombstones(&pieces).iter().map(|f| (f.start.to_vec(), f.end.to_vec())).collect();
            let whole: Vec<_> = range.iter().map(|f| (f.start.to_vec(), f.end.to_vec())).collect();
            assert_eq!(joined, whole, "seed {seed}");
            for pair in written.windows(2) {
                // Everything of the first sorts before everything of the second; an end counts as the key it excludes.
                let last_point = pair[0].0.last();
                let first =
                    pair[1].0.first().into_iter().chain(pair[1].1.first().map(|(start, _)| start)).min().unwrap();
                assert!(last_point.is_none_or(|last| last < first), "seed {seed}");
                assert!(pair[0].1.last().is_none_or(|(_, end)| end <= first), "seed {seed}");
            }
        }
    }
}
