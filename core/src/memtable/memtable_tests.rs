//! The memtable against an ordered map, under random writes and walks, while it is written to, and by threads.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::iter::covering::{CoveringTombstones, TombstoneSource};
use crate::iter::internal::InternalIterator;
use crate::iter::merging::MergingIterator;
use crate::iter::resolve::{Verdict, View};
use crate::iter::vec_iter::Rng;
use crate::key::internal::{self, internal_key, seek_key};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::util::sync::Arc;
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
            assert_eq!(memtable.get(&key, seqno(view)), model.newest(&key, view), "seed {seed} key {key:?} at {view}");
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

#[test]
fn a_source_as_of_a_number_shows_that_much_to_every_view() {
    let memtable = Memtable::new(&Order::Bytewise);
    for (n, kind, key, value) in [
        (11, Kind::Put, b"a", &b"1"[..]),
        (12, Kind::RangeDelete, b"c", b"e"),
        (13, Kind::Put, b"d", b"3"),
        (14, Kind::Put, b"a", b"4"),
        (15, Kind::RangeDelete, b"a", b"z"),
        (16, Kind::Put, b"z", b"6"),
    ] {
        memtable.add(seqno(n), kind, key, value).unwrap();
    }
    let source = memtable.as_of(seqno(13));
    let any_view = seqno(2);
    assert_eq!(source.get(b"a", any_view), Some((seqno(11), Kind::Put, &b"1"[..])));
    assert_eq!(source.get(b"z", any_view), None);
    assert_eq!(source.covering_tombstone(b"d", any_view), seqno(12));
    assert_eq!(source.covering_tombstone(b"a", any_view), SeqNo::ZERO);
    let mut iter = source.iter();
    let mut seen = Vec::new();
    iter.seek_to_first();
    while iter.valid() {
        seen.push(iter.value().to_vec());
        iter.next();
    }
    iter.seek_to_last();
    while iter.valid() {
        seen.push(iter.value().to_vec());
        iter.prev();
    }
    iter.seek(&seek_key(b"a", SeqNo::MAX));
    seen.push(iter.value().to_vec());
    iter.seek_for_prev(&seek_key(b"zz", SeqNo::MAX));
    seen.push(iter.value().to_vec());
    assert_eq!(seen, [b"1", b"3", b"3", b"1", b"1", b"3"]);
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
