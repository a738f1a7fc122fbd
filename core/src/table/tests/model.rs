//! A table answers as the sorted list that it was made from.

use std::cmp::Ordering;

use crate::iter::internal::InternalIterator;
use crate::iter::vec_iter::{Rng, VecIter};
use crate::key::internal::{self, seek_key};
use crate::key::order::Order;
use crate::table::tests::samples::{Backwards, Entries, awkward_key, open, options, put, random_entries, seqno, write};
use crate::table::{Compression, Table};
use crate::util::hash::key_hash;
use crate::util::sync::Arc;

const SIZES: [u32; 4] = [64, 256, 4096, 32 << 10];

fn orders() -> [Order; 2] {
    [Order::Bytewise, Order::Custom(Arc::new(Backwards))]
}

/// Every case: its seed, entries and open table.
fn each_case(seeds: std::ops::Range<u64>, mut check: impl FnMut(u64, &Order, &Entries, &Arc<Table>, &mut Rng)) {
    for seed in seeds {
        for order in orders() {
            let mut rng = Rng::new(seed);
            let count = 1 + rng.below(400);
            let entries = random_entries(&mut rng, count, &order);
            let compression = if rng.below(2) == 0 { Compression::None } else { Compression::Lz4 };
            let mut options = options(SIZES[rng.below(4) as usize], compression);
            options.order = order.clone();
            let (file, summary) = write(&entries, &[], options);
            let cache_bytes = [0, 20_000, 10_000_000][rng.below(3) as usize];
            let table = open(&file, &summary, &order, cache_bytes).unwrap();
            table.verify().unwrap();
            check(seed, &order, &entries, &table, &mut rng);
        }
    }
}

#[test]
fn iteration_both_ways_gives_back_every_entry() {
    each_case(0..60, |seed, _, entries, table, _| {
        for fill_cache in [false, true, true] {
            let mut iter = table.iter(fill_cache);
            iter.seek_to_first();
            for (key, value) in entries {
                assert!(iter.valid(), "seed {seed}");
                assert_eq!((iter.key(), iter.value()), (&key[..], &value[..]), "seed {seed}");
                assert_eq!(&*iter.pinned_value(), &value[..]);
                iter.next();
            }
            assert!(!iter.valid() && iter.status().is_ok());
            iter.seek_to_last();
            for (key, value) in entries.iter().rev() {
                assert_eq!((iter.key(), iter.value()), (&key[..], &value[..]), "seed {seed}");
                iter.prev();
            }
            assert!(!iter.valid() && iter.status().is_ok());
        }
    });
}

#[test]
fn random_moves_go_where_the_list_goes() {
    each_case(1000..1060, |seed, order, entries, table, rng| {
        let mut model = VecIter::new(order, entries.clone());
        let mut iter = table.iter(true);
        for step in 0..600 {
            let target = match rng.below(4) {
                0 => entries[rng.below(entries.len() as u64) as usize].0.clone(),
                1 => awkward_key(rng),
                _ => seek_key(&awkward_key(rng), seqno(rng.below(1100))),
            };
            // A target without a trailer is nobody's; the list would order it by other rules.
            let target = if target.len() < 8 { seek_key(&target, seqno(5)) } else { target };
            match rng.below(12) {
                0 => (iter.seek_to_first(), model.seek_to_first()),
                1 => (iter.seek_to_last(), model.seek_to_last()),
                2 | 3 => (iter.seek(&target), model.seek(&target)),
                4 | 5 => (iter.seek_for_prev(&target), model.seek_for_prev(&target)),
                6..=8 if model.valid() => (iter.next(), model.next()),
                9.. if model.valid() => (iter.prev(), model.prev()),
                _ => ((), ()),
            };
            iter.status().unwrap();
            assert_eq!(iter.valid(), model.valid(), "seed {seed} step {step}");
            if model.valid() {
                assert_eq!((iter.key(), iter.value()), (model.key(), model.value()), "seed {seed} step {step}");
            }
        }
    });
}

#[test]
fn get_finds_the_newest_version_that_a_view_sees() {
    each_case(2000..2060, |seed, order, entries, table, rng| {
        for _ in 0..400 {
            let user_key = match rng.below(3) {
                0 => awkward_key(rng),
                _ => internal::user_key(&entries[rng.below(entries.len() as u64) as usize].0).to_vec(),
            };
            let view = seqno(rng.below(1100));
            let expected = entries.iter().find_map(|(key, value)| {
                let parsed = internal::parse(key).unwrap();
                let found = parsed.user_key == user_key && parsed.seqno <= view;
                found.then_some((parsed.seqno, parsed.kind, value.clone()))
            });
            let got = table.get(&user_key, key_hash(&user_key), view, rng.below(2) == 0).unwrap();
            let got = got.map(|(seqno, kind, value)| (seqno, kind, value.to_vec()));
            assert_eq!(got, expected, "seed {seed} key {user_key:?} view {view}");
            assert!(order.cmp(&user_key, &user_key) == Ordering::Equal);
        }
    });
}

#[test]
fn versions_of_one_key_span_blocks() {
    let entries: Entries = (0..500).rev().map(|n| (put(b"the key", n), n.to_string().into_bytes())).collect();
    let (file, summary) = write(&entries, &[], options(64, Compression::None));
    let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
    assert!(table.properties().data_blocks > 100);
    table.verify().unwrap();
    for n in 0..600 {
        let (found, _, value) = table.get(b"the key", key_hash(b"the key"), seqno(n), false).unwrap().unwrap();
        assert_eq!(found, seqno(n.min(499)));
        assert_eq!(&*value, n.min(499).to_string().as_bytes());
    }
    assert!(table.get(b"the kez", key_hash(b"the kez"), seqno(9), false).unwrap().is_none());
}

#[test]
fn huge_entries_stand_alone() {
    let huge = vec![7; 3 << 20];
    let huge_key = vec![b'k'; 1 << 20];
    let mut entries: Entries = vec![
        (put(b"a", 1), b"small".to_vec()),
        (put(b"b", 2), huge.clone()),
        (put(b"c", 3), b"small".to_vec()),
        (put(&huge_key, 4), b"small".to_vec()),
        (put(&[&huge_key[..], b"2"].concat(), 5), huge.clone()),
        (put(b"z", 6), vec![]),
    ];
    for compression in [Compression::None, Compression::Lz4] {
        let (file, summary) = write(&entries, &[], options(4096, compression));
        let table = open(&file, &summary, &Order::Bytewise, 100_000).unwrap();
        table.verify().unwrap();
        assert_eq!(table.properties().data_blocks, 6);
        for (key, value) in &entries {
            let parsed = internal::parse(key).unwrap();
            let got = table.get(parsed.user_key, key_hash(parsed.user_key), parsed.seqno, true).unwrap();
            assert_eq!(&*got.unwrap().2, &value[..]);
        }
        assert_eq!(summary.file_size > 6 << 20, compression == Compression::None);
    }
    entries.truncate(1);
    entries[0].0 = put(b"", 1);
    let (file, summary) = write(&entries, &[], options(64, Compression::None));
    let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
    assert_eq!(&*table.get(b"", key_hash(b""), seqno(1), false).unwrap().unwrap().2, b"small");
    assert!(table.get(b"", key_hash(b""), seqno(0), false).unwrap().is_none());
}

#[test]
fn bounds_are_the_hull_of_points_and_tombstones() {
    type Case<'a> = (&'a [&'a [u8]], &'a [(&'a [u8], &'a [u8], u64)], &'a [u8], &'a [u8], bool);
    let cases: &[Case<'_>] = &[
        (&[b"b", b"d"], &[], b"b", b"d", false),
        (&[b"b", b"d"], &[(b"c", b"g", 9)], b"b", b"g", true),
        (&[b"b", b"d"], &[(b"a", b"c", 9)], b"a", b"d", false),
        (&[b"b", b"d"], &[(b"a", b"d", 9)], b"a", b"d", false),
        (&[b"b", b"d"], &[(b"", b"b", 3), (b"d", b"d\0", 9)], b"", b"d\0", true),
        (&[], &[(b"c", b"g", 9), (b"a", b"b", 3)], b"a", b"g", true),
    ];
    for (keys, tombstones, smallest, largest, exclusive) in cases {
        let entries: Entries = keys.iter().map(|key| (put(key, 5), vec![])).collect();
        let (file, summary) = write(&entries, tombstones, options(64, Compression::None));
        assert_eq!(
            (&summary.smallest[..], &summary.largest[..], summary.largest_exclusive),
            (*smallest, *largest, *exclusive)
        );
        let numbers = || tombstones.iter().map(|t| t.2).chain(keys.iter().map(|_| 5));
        assert_eq!(summary.smallest_seqno.get(), numbers().min().unwrap());
        assert_eq!(summary.largest_seqno.get(), numbers().max().unwrap());
        let table = open(&file, &summary, &Order::Bytewise, 0).unwrap();
        table.verify().unwrap();
        assert_eq!(table.tombstones().count(), tombstones.len());
        for (start, _, n) in *tombstones {
            assert_eq!(table.tombstones().covering(start, seqno(1000)), seqno(*n));
        }
        let mut iter = table.iter(false);
        iter.seek_to_first();
        assert_eq!(iter.valid(), !keys.is_empty());
        assert!(iter.status().is_ok());
    }
}

#[test]
fn scans_pass_the_cache_by() {
    let entries: Entries = (0..2000).map(|n| (put(format!("{n:06}").as_bytes(), n), vec![1; 50])).collect();
    let (file, summary) = write(&entries, &[], options(1024, Compression::None));
    let table = open(&file, &summary, &Order::Bytewise, 1 << 20).unwrap();
    let opening = file.reads();
    for fill_cache in [false, true] {
        let mut iter = table.iter(fill_cache);
        iter.seek_to_first();
        while iter.valid() {
            iter.next();
        }
        iter.status().unwrap();
    }
    let (blocks, reads) = (table.properties().data_blocks, file.reads() - opening);
    assert!(reads >= 2 && reads < blocks / 4, "{reads} reads for 2 × {blocks} blocks");
    let before = file.reads();
    for (key, _) in &entries {
        let key = internal::user_key(key);
        assert!(table.get(key, key_hash(key), seqno(5000), false).unwrap().is_some());
    }
    assert_eq!(file.reads(), before, "the filling scan left every block in the cache");
}
