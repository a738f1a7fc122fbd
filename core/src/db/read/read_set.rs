//! [`ReadSet`]: the keys and stretches of keys that a transaction depends on; and [`ScanTracker`], by which its iterators add
//! to them.
//!
//! Where in the flow: `transaction/` notes what its reads touch, found or not; `db/write/conflicts` asks at commit whether any later
//! commit wrote there. An iterator's part reaches from where it was sought to the last position it was seen at, in either
//! direction, or to the bound where it ran off the end: what lies beyond was never seen and conflicts with nothing.
//!
//! ```text
//! get "k", seek "m", next, next (on "q"), get "n"     →   k   [m, q]          "n" lies in the stretch
//! ```
//! Invariants: whatever was read lies in a span. Memory is bounded: over its limit neighbours are joined in pairs, gaps between
//! them included, until the set is small enough. So a transaction that reads a great deal is told of conflicts that it does not
//! have, rather than not told of one that it has.
//!
//! Thread rule: a set is behind the mutex of [`SharedReads`], because iterators may live on other threads than their
//! transaction. Nothing else is locked under it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::db::health::Health;
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::util::planted::planted;
use crate::util::sync::{Arc, Mutex};

/// Where a stretch of keys ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upper {
    /// At this key, which is inside.
    Through(Vec<u8>),
    /// Before this key.
    Before(Vec<u8>),
    /// Behind the last key there can be.
    End,
}

/// A key or a stretch of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// One key.
    Key(Vec<u8>),
    /// All keys from `lower`, which is inside (`None`: from the first), to `upper`.
    Stretch {
        /// The first key.
        lower: Option<Vec<u8>>,
        /// The end.
        upper: Upper,
    },
}

impl Upper {
    /// Whether `key` lies before the end.
    pub fn holds(&self, order: &Order, key: &[u8]) -> bool {
        match self {
            Upper::Through(last) => order.cmp(key, last) != Ordering::Greater,
            Upper::Before(end) => order.cmp(key, end) == Ordering::Less,
            Upper::End => true,
        }
    }

    /// Whether a stretch from `lower` on continues what ends here without a gap.
    fn meets(&self, order: &Order, lower: &[u8]) -> bool {
        match self {
            Upper::Before(end) => order.cmp(lower, end) != Ordering::Greater,
            _ => self.holds(order, lower),
        }
    }

    fn cmp(&self, order: &Order, other: &Upper) -> Ordering {
        let rank = |upper: &Upper| u8::from(matches!(upper, Upper::Through(_)));
        match (self.key(), other.key()) {
            (Some(a), Some(b)) => order.cmp(a, b).then_with(|| rank(self).cmp(&rank(other))),
            (a, b) => a.is_none().cmp(&b.is_none()),
        }
    }

    fn key(&self) -> Option<&[u8]> {
        match self {
            Upper::Through(key) | Upper::Before(key) => Some(key),
            Upper::End => None,
        }
    }
}

impl Span {
    fn lower(&self) -> Option<&[u8]> {
        match self {
            Span::Key(key) => Some(key),
            Span::Stretch { lower, .. } => lower.as_deref(),
        }
    }

    /// Whether its first key compares to `key` as `fits` wants it.
    fn begins_by(&self, order: &Order, key: &[u8], fits: fn(Ordering) -> bool) -> bool {
        self.lower().is_none_or(|lower| fits(order.cmp(lower, key)))
    }

    /// Whether `key` does not lie behind its end.
    fn ends_from(&self, order: &Order, key: &[u8]) -> bool {
        match self {
            Span::Key(only) => order.cmp(key, only) != Ordering::Greater,
            Span::Stretch { upper, .. } => upper.holds(order, key),
        }
    }

    fn into_parts(self) -> (Option<Vec<u8>>, Upper) {
        match self {
            Span::Key(key) => (Some(key.clone()), Upper::Through(key)),
            Span::Stretch { lower, upper } => (lower, upper),
        }
    }

    fn from_parts(lower: Option<Vec<u8>>, upper: Upper) -> Span {
        match (lower, upper) {
            (Some(lower), Upper::Through(last)) if lower == last => Span::Key(lower),
            (lower, upper) => Span::Stretch { lower, upper },
        }
    }

    fn is_empty(&self, order: &Order) -> bool {
        match self {
            Span::Key(_) => false,
            Span::Stretch { lower, upper } => lower.as_ref().is_some_and(|lower| !upper.holds(order, lower)),
        }
    }

    /// Bytes it takes, about.
    fn memory(&self) -> usize {
        let keys = match self {
            Span::Key(key) => key.capacity(),
            Span::Stretch { lower, upper } => {
                lower.as_ref().map_or(0, Vec::capacity) + upper.key().map_or(0, <[u8]>::len)
            }
        };
        size_of::<Span>() + keys
    }
}

/// What was read of one family.
#[derive(Debug)]
pub struct FamilyReads {
    order: Order,
    spans: Vec<Span>,
    /// How many of them were left when they were last tidied.
    tidied: usize,
}

/// What a transaction depends on.
#[derive(Debug)]
pub struct ReadSet {
    families: BTreeMap<FamilyId, FamilyReads>,
    /// Where each living iterator has been since it was last sought, by its number.
    scans: BTreeMap<u64, (FamilyId, Span)>,
    iterators: u64,
    bytes: usize,
    limit: usize,
    widened: bool,
}

impl ReadSet {
    /// Nothing yet; more than about `limit` bytes are never kept.
    pub fn new(limit: usize) -> ReadSet {
        ReadSet { families: BTreeMap::new(), scans: BTreeMap::new(), iterators: 0, bytes: 0, limit, widened: false }
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.families.values().all(|reads| reads.spans.is_empty()) && self.scans.is_empty()
    }

    /// Whether keys were added between those that were read, to stay inside the limit.
    pub fn was_widened(&self) -> bool {
        self.widened
    }

    /// Whatever is added from now on is kept as it is.
    pub fn lift_limit(&mut self) {
        self.limit = usize::MAX;
    }

    /// Adds what was read of `family`.
    pub fn add(&mut self, family: FamilyId, order: &Order, span: Span) {
        if span.is_empty(order) {
            return;
        }
        let reads = self.family(family, order);
        if reads.spans.last() == Some(&span) {
            return;
        }
        let bytes = span.memory();
        reads.spans.push(span);
        let crowded = reads.spans.len() > 2 * reads.tidied + 64;
        self.bytes += bytes;
        if crowded || self.bytes > self.limit {
            self.tidy();
        }
    }

    fn family(&mut self, family: FamilyId, order: &Order) -> &mut FamilyReads {
        let new = || FamilyReads { order: order.clone(), spans: Vec::new(), tidied: 0 };
        self.families.entry(family).or_insert_with(new)
    }

    /// Takes in what living iterators have seen, and puts everything in order. To be called before [`ReadSet::families`].
    pub fn settle(&mut self) {
        for (family, span) in std::mem::take(&mut self.scans).into_values() {
            if let Some(order) = self.families.get(&family).map(|reads| reads.order.clone()) {
                self.add(family, &order, span);
            }
        }
        self.tidy();
        if planted("skip-range-validation") {
            self.families.values_mut().for_each(|reads| reads.spans.retain(|span| matches!(span, Span::Key(_))));
        }
    }

    /// What was read, by family.
    pub fn families(&self) -> impl Iterator<Item = (FamilyId, &FamilyReads)> {
        debug_assert!(self.scans.is_empty(), "a read set that is not settled");
        self.families.iter().filter(|(_, reads)| !reads.spans.is_empty()).map(|(id, reads)| (*id, reads))
    }

    /// Joins what overlaps, then neighbours, until it is within the limit.
    fn tidy(&mut self) {
        for reads in self.families.values_mut() {
            reads.join_overlapping();
        }
        self.count();
        while self.bytes > self.limit && self.families.values().any(|reads| reads.spans.len() > 1) {
            self.widened = true;
            self.families.values_mut().for_each(FamilyReads::join_pairs);
            self.count();
        }
    }

    fn count(&mut self) {
        self.bytes = self.families.values().flat_map(|reads| &reads.spans).map(Span::memory).sum();
    }
}

impl FamilyReads {
    /// How its keys compare.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Where it was read: in ascending order, and not overlapping.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether `key` was read.
    pub fn holds(&self, key: &[u8]) -> bool {
        let begun = self.spans.partition_point(|span| span.begins_by(&self.order, key, Ordering::is_le));
        self.spans[..begun].last().is_some_and(|span| span.ends_from(&self.order, key))
    }

    /// Whether anything from `start` up to, not including, `end` was read.
    pub fn overlaps(&self, start: &[u8], end: &[u8]) -> bool {
        let begun = self.spans.partition_point(|span| span.begins_by(&self.order, end, Ordering::is_lt));
        self.spans[..begun].last().is_some_and(|span| span.ends_from(&self.order, start))
    }

    /// Sorts, and makes one of those that overlap or touch.
    fn join_overlapping(&mut self) {
        let order = self.order.clone();
        self.spans.sort_by(|a, b| match (a.lower(), b.lower()) {
            (Some(a), Some(b)) => order.cmp(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        });
        let mut joined: Vec<Span> = Vec::with_capacity(self.spans.len());
        for span in self.spans.drain(..) {
            let meets = match (joined.last(), span.lower()) {
                (Some(Span::Key(key)), Some(lower)) => key == lower,
                (Some(Span::Stretch { upper, .. }), Some(lower)) => upper.meets(&order, lower),
                (Some(_), None) => true,
                (None, _) => false,
            };
            match joined.pop() {
                Some(last) if meets => joined.push(join(&order, last, span)),
                last => joined.extend(last.into_iter().chain([span])),
            }
        }
        self.tidied = joined.len();
        self.spans = joined;
    }

    /// Makes one of every two neighbours, with all that lies between them.
    fn join_pairs(&mut self) {
        let order = self.order.clone();
        let mut spans = self.spans.drain(..);
        let mut joined = Vec::new();
        while let Some(first) = spans.next() {
            joined.push(match spans.next() {
                Some(second) => join(&order, first, second),
                None => first,
            });
        }
        drop(spans);
        self.tidied = joined.len();
        self.spans = joined;
    }
}

/// All of two spans, of which `first` begins no later, and all between them.
fn join(order: &Order, first: Span, second: Span) -> Span {
    let ((lower, upper), (_, other)) = (first.into_parts(), second.into_parts());
    let upper = if upper.cmp(order, &other) == Ordering::Less { other } else { upper };
    Span::from_parts(lower, upper)
}

/// The read set of a transaction, which its iterators share.
#[derive(Debug)]
pub struct SharedReads {
    set: Mutex<ReadSet>,
    health: Arc<Health>,
}

impl SharedReads {
    /// An empty one of at most about `limit` bytes.
    pub fn new(limit: usize, health: &Arc<Health>) -> SharedReads {
        SharedReads { set: Mutex::new(ReadSet::new(limit)), health: Arc::clone(health) }
    }

    /// Does something with the set.
    pub fn with<T>(&self, work: impl FnOnce(&mut ReadSet) -> T) -> T {
        work(&mut self.set.lock())
    }
}

/// What an iterator of a transaction holds to say where it has been.
#[derive(Debug)]
pub struct ScanTracker {
    reads: Arc<SharedReads>,
    family: FamilyId,
    order: Order,
    number: u64,
}

impl ScanTracker {
    /// For an iterator over `family`.
    pub fn new(reads: &Arc<SharedReads>, family: FamilyId, order: &Order) -> ScanTracker {
        let number = reads.with(|set| {
            set.family(family, order);
            set.iterators += 1;
            set.iterators
        });
        ScanTracker { reads: Arc::clone(reads), family, order: order.clone(), number }
    }

    /// It was sought, and saw everything from `lower` to `upper`.
    pub fn sought(&self, lower: Option<Vec<u8>>, upper: Upper) {
        let span = Span::Stretch { lower, upper };
        self.reads.with(|set| {
            if let Some((family, span)) = set.scans.insert(self.number, (self.family, span)) {
                set.add(family, &self.order, span);
            }
        });
    }

    /// It went forward to `key`.
    pub fn reached_up(&self, key: &[u8]) {
        self.extend(|order, _, upper| match upper {
            Upper::Through(last) if order.cmp(last, key) == Ordering::Less => replace(last, key),
            Upper::Before(end) if order.cmp(end, key) != Ordering::Greater => *upper = Upper::Through(key.to_vec()),
            _ => {}
        });
    }

    /// It went forward to where there is nothing more.
    pub fn reached_end(&self, end: Upper) {
        self.extend(|order, _, upper| {
            if upper.cmp(order, &end) == Ordering::Less {
                *upper = end;
            }
        });
    }

    /// It went backward to `lower`; `None`: to the first key there can be.
    pub fn reached_down(&self, to: Option<&[u8]>) {
        self.extend(|order, lower, _| match (lower.as_mut(), to) {
            (Some(before), Some(to)) if order.cmp(to, before) == Ordering::Less => replace(before, to),
            (Some(_), None) => *lower = None,
            _ => {}
        });
    }

    fn extend(&self, change: impl FnOnce(&Order, &mut Option<Vec<u8>>, &mut Upper)) {
        self.reads.with(|set| {
            if let Some((_, Span::Stretch { lower, upper })) = set.scans.get_mut(&self.number) {
                change(&self.order, lower, upper);
            }
        });
    }
}

/// A step costs a copy of its key, and no allocation.
fn replace(key: &mut Vec<u8>, by: &[u8]) {
    key.clear();
    key.extend_from_slice(by);
}

impl Drop for ScanTracker {
    fn drop(&mut self) {
        // In a forked child the lock may be held by a thread that does not exist there.
        if self.reads.health.in_forked_child() {
            return;
        }
        self.reads.with(|set| {
            if let Some((family, span)) = set.scans.remove(&self.number) {
                set.add(family, &self.order, span);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iter::vec_iter::Rng;

    fn key(n: u64) -> Vec<u8> {
        vec![n as u8]
    }

    fn holds(span: &Span, order: &Order, probe: &[u8]) -> bool {
        match span {
            Span::Key(key) => key == probe,
            Span::Stretch { lower, upper } => {
                lower.as_ref().is_none_or(|lower| order.cmp(lower, probe).is_le()) && upper.holds(order, probe)
            }
        }
    }

    fn all_spans(set: &ReadSet) -> Vec<Span> {
        set.families().flat_map(|(_, reads)| reads.spans().to_vec()).collect()
    }

    fn random_span(rng: &mut Rng) -> Span {
        let (a, b) = (rng.below(100), rng.below(12));
        match rng.below(8) {
            0..5 => Span::Key(key(a)),
            5 => Span::Stretch { lower: Some(key(a)), upper: Upper::Through(key(a + b)) },
            6 => Span::Stretch { lower: Some(key(a)), upper: Upper::Before(key(a + b)) },
            _ if b == 0 => Span::Stretch { lower: Some(key(a)), upper: Upper::End },
            _ if b == 1 => Span::Stretch { lower: None, upper: Upper::Before(key(a)) },
            _ => Span::Key(key(a)),
        }
    }

    #[test]
    fn joining_loses_no_key_and_adds_none() {
        for seed in 0..300 {
            let mut rng = Rng::new(seed);
            let order = Order::Bytewise;
            let (mut set, mut all) = (ReadSet::new(usize::MAX), Vec::new());
            for _ in 0..rng.below(300) {
                let span = random_span(&mut rng);
                set.add(FamilyId::DEFAULT, &order, span.clone());
                all.push(span);
            }
            set.settle();
            let spans = all_spans(&set);
            for n in 0..130 {
                let expected = all.iter().any(|span| holds(span, &order, &key(n)));
                let len = 1 + rng.below(4);
                let overlaps = (n..n + len).any(|n| all.iter().any(|span| holds(span, &order, &key(n))));
                for (_, reads) in set.families() {
                    assert_eq!(reads.holds(&key(n)), expected, "seed {seed} key {n} in {spans:?}");
                    assert_eq!(
                        reads.overlaps(&key(n), &key(n + len)),
                        overlaps,
                        "seed {seed} [{n}, +{len}) in {spans:?}"
                    );
                }
                let found = spans.iter().filter(|span| holds(span, &order, &key(n))).count();
                assert_eq!(found, usize::from(expected), "seed {seed} key {n} in {spans:?}");
            }
            assert!(!set.was_widened());
        }
    }

    #[test]
    fn over_its_limit_it_reads_more_rather_than_less() {
        let order = Order::Bytewise;
        let mut set = ReadSet::new(4096);
        for n in 0..10_000u64 {
            set.add(FamilyId(1), &order, Span::Key((n * 7 % 10_000).to_be_bytes().to_vec()));
        }
        assert!(set.was_widened() && set.bytes <= 4096, "{} bytes", set.bytes);
        set.settle();
        assert!(all_spans(&set).len() > 1, "no wider than it must");
        for n in 0..10_000u64 {
            assert!(set.families().any(|(_, reads)| reads.holds(&n.to_be_bytes())), "{n} was read");
        }
        // Even one pair of long keys may be over the limit: then it stays at one stretch.
        let mut set = ReadSet::new(10);
        set.add(FamilyId(1), &order, Span::Key(key(1)));
        set.add(FamilyId(1), &order, Span::Key(key(9)));
        assert_eq!(all_spans(&set).len(), 1);
    }

    #[test]
    fn an_iterator_adds_from_its_target_to_its_last_position() {
        let reads = Arc::new(SharedReads::new(1 << 20, &Arc::new(Health::new(false, Default::default()))));
        let (order, family) = (Order::Bytewise, FamilyId(3));
        let scans = || reads.with(|set| set.scans.values().map(|(_, span)| span.clone()).collect::<Vec<_>>());
        let tracker = ScanTracker::new(&reads, family, &order);
        assert!(reads.with(|set| set.is_empty()));
        tracker.sought(Some(key(5)), Upper::Through(key(7)));
        tracker.reached_up(&key(8));
        tracker.reached_down(Some(&key(7)));
        let first = Span::Stretch { lower: Some(key(5)), upper: Upper::Through(key(8)) };
        assert_eq!(scans(), std::slice::from_ref(&first));
        tracker.sought(Some(key(20)), Upper::Before(key(30)));
        tracker.reached_down(Some(&key(11)));
        tracker.reached_up(&key(29));
        tracker.reached_up(&key(30));
        tracker.reached_end(Upper::End);
        tracker.reached_up(&key(40));
        let second = Span::Stretch { lower: Some(key(11)), upper: Upper::End };
        assert_eq!(scans(), std::slice::from_ref(&second));
        let other = ScanTracker::new(&reads, family, &order);
        other.sought(Some(key(1)), Upper::Before(key(2)));
        other.reached_down(None);
        drop(tracker);
        reads.with(ReadSet::settle);
        drop(other);
        let third = Span::Stretch { lower: None, upper: Upper::Before(key(2)) };
        assert_eq!(reads.with(|set| all_spans(set)), [third, first, second]);
    }
}
