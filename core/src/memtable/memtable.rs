//! [`Memtable`]: recent writes of one family, in order: point entries in a skiplist, range deletions beside it.
//!
//! Where in the flow: the commit leader adds what the WAL has, then publishes the sequence number; reads ask the memtable
//! before any table; when it is large enough it becomes immutable and a flush writes it out as a table. A read looks like this:
//!
//! ```text
//!   get(k, view)  →  newest(k, view) in the skiplist  +  covering_tombstone(k, view)  →  iter::resolve
//! ```
//! Invariants: nothing is ever taken out or changed; numbers of range deletions ascend; what is added has a number above every
//! view that is being read, so a reader need not care whether it is there yet.
//!
//! Thread rule: `add` and `reserve` by one thread at a time (a second one gets an error), everything else by anyone, without
//! waiting. A writer that published its number with a release store after `add` is seen whole by whoever acquired the number.

use crate::error::Result;
use crate::iter::covering::{Stretch, TombstoneSource};
use crate::iter::internal::InternalIterator;
use crate::iter::tombstones::FragmentedTombstones;
use crate::key::internal;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::range_tombstones::RangeTombstones;
use crate::memtable::skiplist::{SkipList, SkipListIter};
use crate::util::sync::Arc;
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Recent writes of one family.
pub struct Memtable {
    points: Arc<SkipList>,
    ranges: RangeTombstones,
    entries: AtomicU64,
    /// `u64::MAX` as long as there is none.
    first_seqno: AtomicU64,
    /// Counts for nothing as long as there is no first.
    last_seqno: AtomicU64,
    /// Whether something in it is not in the log, so that only a flush makes it durable.
    unlogged: AtomicBool,
}

impl Memtable {
    /// An empty memtable for keys in `order`.
    pub fn new(order: &Order) -> Memtable {
        Memtable {
            points: Arc::new(SkipList::new(order)),
            ranges: RangeTombstones::new(order),
            entries: AtomicU64::new(0),
            first_seqno: AtomicU64::new(u64::MAX),
            last_seqno: AtomicU64::new(0),
            unlogged: AtomicBool::new(false),
        }
    }

    /// Notes that what is about to be added is not in the log.
    pub fn note_unlogged(&self) {
        self.unlogged.store(true, Ordering::Relaxed);
    }

    /// Whether it holds something that is not in the log.
    pub fn has_unlogged(&self) -> bool {
        self.unlogged.load(Ordering::Relaxed)
    }

    /// Makes sure that point entries can be added without running out of memory: `entries` of them, with `bytes` bytes of keys
    /// and values altogether. To be called before a batch goes to the WAL, from where there is no way back.
    pub fn reserve(&self, entries: usize, bytes: usize) -> Result<()> {
        self.points.reserve(entries, bytes)
    }

    /// Adds a write. For a [`Kind::RangeDelete`] the key is the start of the range and the value its end; a range whose end
    /// does not follow its start deletes nothing. On failure nothing was added.
    pub fn add(&self, seqno: SeqNo, kind: Kind, user_key: &[u8], value: &[u8]) -> Result<()> {
        match kind {
            Kind::RangeDelete if !self.ranges.is_range(user_key, value) => {}
            Kind::RangeDelete => self.ranges.add(user_key, value, seqno)?,
            _ => self.points.insert(user_key, seqno, kind, value)?,
        }
        // One writer: loads and stores suffice, and readers only want a figure.
        let number = seqno.get();
        self.entries.store(self.entries.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if number > self.last_seqno.load(Ordering::Relaxed) {
            self.last_seqno.store(number, Ordering::Relaxed);
        }
        if number < self.first_seqno.load(Ordering::Relaxed) {
            self.first_seqno.store(number, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The newest point entry of `user_key` that a view of `view` sees, whether or not a range deletion hides it.
    pub fn get(&self, user_key: &[u8], view: SeqNo) -> Option<(SeqNo, Kind, &[u8])> {
        let entry = self.points.newest(user_key, view)?;
        let parsed = internal::parse(entry.key())?;
        Some((parsed.seqno, parsed.kind, entry.value()))
    }

    /// The newest range deletion over `user_key` that a view of `view` sees; zero if there is none. Costs one load as long as
    /// there are no range deletions at all.
    pub fn covering_tombstone(&self, user_key: &[u8], view: SeqNo) -> SeqNo {
        self.ranges.covering(user_key, view)
    }

    /// How many range deletions it holds. Readers leave a memtable without any out of their tombstone sources.
    pub fn range_tombstones(&self) -> usize {
        self.ranges.len()
    }

    /// The range deletions as a table keeps them, with the numbers that the live `snapshots` and later readers need. For a
    /// flush; a reader asks [`Memtable::covering_tombstone`] or uses the memtable as a [`TombstoneSource`].
    pub fn tombstones(&self, snapshots: &[SeqNo]) -> Result<FragmentedTombstones> {
        self.ranges.fragments(snapshots)
    }

    /// A cursor over the point entries, all versions, which keeps the memtable's entries alive by itself.
    pub fn iter(&self) -> MemtableIter {
        MemtableIter { cursor: SkipListIter::new(&self.points) }
    }

    /// Bytes of memory it holds.
    pub fn approximate_bytes(&self) -> usize {
        size_of::<Memtable>() + self.points.memory_bytes() + self.ranges.memory_bytes()
    }

    /// Writes added so far, range deletions included.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.entries() == 0
    }

    /// The smallest number added.
    pub fn first_seqno(&self) -> Option<SeqNo> {
        SeqNo::new(self.first_seqno.load(Ordering::Relaxed))
    }

    /// The greatest number added.
    pub fn last_seqno(&self) -> Option<SeqNo> {
        self.first_seqno()?;
        SeqNo::new(self.last_seqno.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Memtable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memtable({} entries, {} bytes)", self.entries(), self.approximate_bytes())
    }
}

impl TombstoneSource for Memtable {
    fn covering(&self, user_key: &[u8], view: SeqNo) -> Result<SeqNo> {
        Ok(self.ranges.covering(user_key, view))
    }

    fn covering_stretch(&self, user_key: &[u8], view: SeqNo, stretch: &mut Stretch) -> Result<SeqNo> {
        Ok(self.ranges.covering_stretch(user_key, view, stretch))
    }
}

/// A cursor over the point entries of a memtable.
pub struct MemtableIter {
    cursor: SkipListIter,
}

impl InternalIterator for MemtableIter {
    fn valid(&self) -> bool {
        self.cursor.entry().is_some()
    }

    fn seek_to_first(&mut self) {
        self.cursor.go(SkipList::first);
    }

    fn seek_to_last(&mut self) {
        self.cursor.go(SkipList::last);
    }

    fn seek(&mut self, target: &[u8]) {
        self.cursor.go(|list| list.seek(target));
    }

    fn seek_for_prev(&mut self, target: &[u8]) {
        self.cursor.go(|list| list.seek_for_prev(target));
    }

    fn next(&mut self) {
        debug_assert!(self.valid());
        self.cursor.next();
    }

    fn prev(&mut self) {
        debug_assert!(self.valid());
        self.cursor.prev();
    }

    fn key(&self) -> &[u8] {
        self.cursor.entry().map_or(&[], |entry| entry.key())
    }

    fn value(&self) -> &[u8] {
        self.cursor.entry().map_or(&[], |entry| entry.value())
    }

    fn status(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BTreeMap;

    use super::*;
    use crate::iter::covering::CoveringTombstones;
    use crate::iter::merging::MergingIterator;
    use crate::iter::resolve::{Verdict, View};
    use crate::iter::vec_iter::Rng;
    use crate::key::internal::{internal_key, seek_key};
    use crate::util::sync::atomic::AtomicBool;
    use crate::util::sync::thread;

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    /// A user key's version, in the order of internal keys.
    type Version = (Vec<u8>, Reverse<u64>);

    struct Range {
        start: Vec<u8>,
        end: Vec<u8>,
        seqno: u64,
    }

    /// Every version of every key, and the range deletions.
    #[derive(Default)]
    struct Model {
        points: BTreeMap<Version, (Kind, Vec<u8>)>,
        ranges: Vec<Range>,
    }

    impl Model {
        fn newest(&self, key: &[u8], view: u64) -> Option<(SeqNo, Kind, &[u8])> {
            let (found, (kind, value)) = self.points.range((key.to_vec(), Reverse(view))..).next()?;
            (found.0 == key).then(|| (seqno(found.1.0), *kind, &value[..]))
        }

        fn covering(&self, key: &[u8], view: u64) -> u64 {
            let covers = |r: &&Range| r.start[..] <= *key && *key < r.end[..] && r.seqno <= view;
            self.ranges.iter().filter(covers).map(|r| r.seqno).max().unwrap_or(0)
        }

        fn internal_keys(&self) -> Vec<Vec<u8>> {
            self.points.iter().map(|((key, n), (kind, _))| internal_key(key, seqno(n.0), *kind)).collect()
        }
    }

    fn random_key(rng: &mut Rng) -> Vec<u8> {
        let length = rng.below(4) as usize;
        let shared = if rng.below(3) == 0 { &b"a long shared prefix"[..] } else { b"" };
        [shared, &vec![b'a' + rng.below(4) as u8; length]].concat()
    }

    fn grow(rng: &mut Rng, memtable: &Memtable, model: &mut Model, now: u64) {
        let (key, other) = (random_key(rng), random_key(rng));
        match rng.below(8) {
            0 => {
                memtable.add(seqno(now), Kind::RangeDelete, &key, &other).unwrap();
                if key < other {
                    model.ranges.push(Range { start: key, end: other, seqno: now });
                }
            }
            n => {
                let kind = if n == 1 { Kind::Delete } else { Kind::Put };
                let value = if n == 1 { Vec::new() } else { vec![now as u8; rng.below(300) as usize] };
                memtable.add(seqno(now), kind, &key, &value).unwrap();
                model.points.insert((key, Reverse(now)), (kind, value));
            }
        }
    }

    #[test]
    fn random_writes_read_as_from_an_ordered_map() {
        for seed in 0..if cfg!(miri) { 2 } else { 40 } {
            let mut rng = Rng::new(seed);
            let (memtable, mut model) = (Memtable::new(&Order::Bytewise), Model::default());
            let steps = rng.below(if cfg!(miri) { 60 } else { 600 });
            for now in 1..=steps {
                grow(&mut rng, &memtable, &mut model, now);
                let (key, view) = (random_key(&mut rng), rng.below(now + 2));
                assert_eq!(
                    memtable.get(&key, seqno(view)),
                    model.newest(&key, view),
                    "seed {seed} key {key:?} at {view}"
                );
                assert_eq!(
                    memtable.covering_tombstone(&key, seqno(view)),
                    seqno(model.covering(&key, view)),
                    "seed {seed}"
                );
            }
            check_walks(&mut rng, &memtable, &model, seed);
            assert_eq!(memtable.entries(), steps);
            assert_eq!(memtable.last_seqno(), (steps > 0).then(|| seqno(steps)));
            assert_eq!(memtable.first_seqno(), (steps > 0).then(|| seqno(1)));
        }
    }

    fn check_walks(rng: &mut Rng, memtable: &Memtable, model: &Model, seed: u64) {
        let keys = model.internal_keys();
        let order = Order::Bytewise;
        let mut iter = memtable.iter();
        let mut at: Option<usize> = None;
        for step in 0..if cfg!(miri) { 50 } else { 500 } {
            let target = seek_key(&random_key(rng), seqno(rng.below(600)));
            at = match rng.below(if at.is_some() { 20 } else { 4 }) {
                0 => {
                    iter.seek_to_first();
                    Some(0)
                }
                1 => {
                    iter.seek_to_last();
                    keys.len().checked_sub(1)
                }
                2 => {
                    iter.seek(&target);
                    Some(keys.partition_point(|key| order.cmp_internal(key, &target).is_lt()))
                }
                3 => {
                    iter.seek_for_prev(&target);
                    keys.partition_point(|key| order.cmp_internal(key, &target).is_le()).checked_sub(1)
                }
                n if n % 2 == 0 => {
                    iter.next();
                    at.map(|at| at + 1)
                }
                _ => {
                    iter.prev();
                    at.and_then(|at| at.checked_sub(1))
                }
            };
            at = at.filter(|at| *at < keys.len());
            assert_eq!(iter.valid().then(|| iter.key()), at.map(|at| &keys[at][..]), "seed {seed} step {step}");
            iter.status().unwrap();
        }
    }

    /// A merge of two memtables that are written to while it walks, turning round all the time, as a reader of a fixed view.
    #[test]
    fn a_walk_sees_its_view_however_much_is_written_meanwhile() {
        for seed in 0..if cfg!(miri) { 1 } else { 30 } {
            let mut rng = Rng::new(seed);
            let tables = [Arc::new(Memtable::new(&Order::Bytewise)), Arc::new(Memtable::new(&Order::Bytewise))];
            let mut models = [Model::default(), Model::default()];
            let mut now = 0;
            let write = |rng: &mut Rng, models: &mut [Model; 2], now: &mut u64| {
                *now += 1;
                let which = rng.below(2) as usize;
                grow(rng, &tables[which], &mut models[which], *now);
            };
            for _ in 0..80 {
                write(&mut rng, &mut models, &mut now);
            }
            let view = View { seqno: seqno(now), time_ms: 0 };
            let covering = |key: &[u8]| models.iter().map(|model| model.covering(key, now)).max().unwrap();
            let mut expected: Vec<_> = models.iter().flat_map(|model| &model.points).collect();
            expected.sort();
            expected.retain(|((key, n), _)| n.0 > covering(key));
            let expected: Vec<_> =
                expected.into_iter().map(|((key, n), (kind, _))| internal_key(key, seqno(n.0), *kind)).collect();
            let sources = tables.iter().map(|table| Arc::clone(table) as Arc<dyn TombstoneSource>).collect();
            let mut tombstones = CoveringTombstones::new(&Order::Bytewise, view.seqno, sources);
            let children = tables.iter().map(|table| Box::new(table.iter()) as Box<dyn InternalIterator>).collect();
            let mut merged = MergingIterator::new(&Order::Bytewise, children);
            merged.seek_to_first();
            let (mut forward, mut at) = (true, 0isize);
            for step in 0..400 {
                // On to the next visible entry in this direction, over those that are too new or hidden.
                while merged.valid() {
                    let parsed = internal::parse(merged.key()).unwrap();
                    let cover = tombstones.newest_over(parsed.user_key).unwrap();
                    // Every version counts as a value here, deletes too: this is about who is seen, not what it says.
                    let entry = Some((parsed.seqno, Kind::Put, merged.value()));
                    match view.resolve(parsed.user_key, entry, cover).unwrap() {
                        Verdict::Value { .. } => break,
                        _ if forward => merged.next(),
                        _ => merged.prev(),
                    }
                }
                let here = usize::try_from(at).ok().and_then(|at| expected.get(at));
                assert_eq!(merged.valid().then(|| merged.key()), here.map(|key| &key[..]), "seed {seed} step {step}");
                if here.is_none() {
                    forward = rng.below(2) == 0;
                    at = if forward { 0 } else { expected.len() as isize - 1 };
                    if forward {
                        merged.seek_to_first()
                    } else {
                        merged.seek_to_last()
                    };
                    continue;
                }
                write(&mut rng, &mut models, &mut now);
                forward = if rng.below(4) == 0 { !forward } else { forward };
                at += if forward { 1 } else { -1 };
                if forward {
                    merged.next()
                } else {
                    merged.prev()
                };
            }
        }
    }

    #[test]
    fn large_keys_and_values_fit_and_an_iterator_outlives_its_memtable() {
        let memtable = Memtable::new(&Order::Bytewise);
        let (key, value) =
            (vec![7u8; if cfg!(miri) { 5000 } else { 8 << 20 }], vec![9u8; if cfg!(miri) { 9000 } else { 3 << 20 }]);
        memtable.reserve(2, 2 * key.len() + value.len()).unwrap();
        memtable.add(seqno(1), Kind::Put, &key, &value).unwrap();
        memtable.add(seqno(2), Kind::Put, b"", b"").unwrap();
        memtable.add(seqno(3), Kind::RangeDelete, &key, b"\x08").unwrap();
        let held = memtable.approximate_bytes();
        assert!(held > 2 * key.len() + value.len() && held < 2 * key.len() + value.len() + 10_000, "{held}");
        let mut iter = memtable.iter();
        drop(memtable);
        iter.seek_to_last();
        assert_eq!((internal::user_key(iter.key()), iter.value()), (&key[..], &value[..]));
        iter.prev();
        assert_eq!((internal::user_key(iter.key()), iter.value()), (&b""[..], &b""[..]));
        iter.prev();
        assert!(!iter.valid());
    }

    #[test]
    fn a_number_that_is_taken_is_refused_and_nothing_changes() {
        let memtable = Memtable::new(&Order::Bytewise);
        for key in ["b", "a", "c"] {
            memtable.add(seqno(1), Kind::Put, key.as_bytes(), b"v").unwrap();
        }
        for key in ["a", "b", "c"] {
            assert!(memtable.add(seqno(1), Kind::Put, key.as_bytes(), b"w").is_err());
            assert_eq!(memtable.get(key.as_bytes(), SeqNo::MAX), Some((seqno(1), Kind::Put, &b"v"[..])));
        }
        assert_eq!(memtable.entries(), 3);
    }

    /// The key of write `n`. Odd ones land everywhere. Even ones land right in front of the one before, where a reader that
    /// looks for that one is just going by.
    fn key_of(n: u64) -> Vec<u8> {
        if n.is_multiple_of(2) { u64::MAX - n } else { n.wrapping_mul(0x9e37_79b9_7f4a_7c15) }.to_be_bytes().to_vec()
    }

    #[test]
    fn readers_see_whole_entries_in_order_while_one_writes() {
        let total = if cfg!(miri) { 60 } else { 60_000u64 };
        let memtable = Memtable::new(&Order::Bytewise);
        let published = AtomicU64::new(0);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for reader in 0..3 {
                let (memtable, published, stop) = (&memtable, &published, &stop);
                scope.spawn(move || {
                    let mut rng = Rng::new(reader);
                    let mut last_round = false;
                    while !last_round {
                        last_round = stop.load(Ordering::Acquire);
                        read_round(memtable, published, &mut rng);
                    }
                });
            }
            for n in 1..=total {
                if n.is_multiple_of(10) {
                    memtable.add(seqno(n), Kind::RangeDelete, &key_of(n), &[0xff; 9]).unwrap();
                } else {
                    memtable.add(seqno(n), Kind::Put, &key_of(n), &n.to_le_bytes()).unwrap();
                }
                published.store(n, Ordering::Release);
            }
            stop.store(true, Ordering::Release);
        });
        assert_eq!(memtable.entries(), total);
    }

    /// What a reader who acquired a published number may rely on.
    fn read_round(memtable: &Memtable, published: &AtomicU64, rng: &mut Rng) {
        let mut view = 0;
        for _ in 0..if cfg!(miri) { 20 } else { 300 } {
            view = published.load(Ordering::Acquire);
            let newest = view - rng.below(4).min(view);
            let n = if rng.below(8) == 0 { rng.below(view + 1) } else { newest };
            if n == 0 {
                continue;
            }
            if n.is_multiple_of(10) {
                assert!(memtable.covering_tombstone(&key_of(n), seqno(view)) >= seqno(n));
            } else {
                assert_eq!(memtable.get(&key_of(n), seqno(view)), Some((seqno(n), Kind::Put, &n.to_le_bytes()[..])));
            }
        }
        let mut iter = memtable.iter();
        iter.seek(&seek_key(&key_of(rng.below(view + 1)), SeqNo::MAX));
        let forward = rng.below(2) == 0;
        let mut before: Option<Vec<u8>> = None;
        for _ in 0..100 {
            if !iter.valid() {
                break;
            }
            let parsed = internal::parse(iter.key()).unwrap();
            assert_eq!(parsed.user_key, key_of(parsed.seqno.get()));
            assert_eq!(iter.value(), parsed.seqno.get().to_le_bytes());
            if let Some(before) = &before {
                let order = Order::Bytewise.cmp_internal(before, iter.key());
                assert!(if forward { order.is_lt() } else { order.is_gt() });
            }
            before = Some(iter.key().to_vec());
            if forward {
                iter.next()
            } else {
                iter.prev()
            };
        }
    }
}
