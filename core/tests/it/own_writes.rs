//! A transaction reads its own writes: random puts, deletes, range deletes, expiring puts and savepoints against an ordered map,
//! by get and by iterators in both directions, under bounds and prefixes, over data in memory and in tables.

use std::collections::BTreeMap;

use esker::{Db, Iter, Options, ReadOptions, Transaction, TransactionOptions};

use crate::support::rng::Rng;
use crate::support::sets::tiny_options;
use crate::transactions::open;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn key(rng: &mut Rng) -> Vec<u8> {
    match rng.below(4) {
        0 => rng.key(),
        _ => format!("{:02}", rng.below(40)).into_bytes(),
    }
}

/// One random write to `t` and to what it should see.
fn write(rng: &mut Rng, db: &Db, t: &mut Transaction, map: &mut Map, saved: &mut Vec<Map>, tag: u64) {
    let (a, b) = (key(rng), key(rng));
    match rng.below(14) {
        0 if a <= b => {
            t.delete_range(&a, &b).unwrap();
            map.retain(|key, _| *key < a || *key >= b);
        }
        1 | 2 => {
            t.delete(&a).unwrap();
            map.remove(&a);
        }
        3 => {
            t.set_savepoint().unwrap();
            saved.push(map.clone());
        }
        4 if !saved.is_empty() => {
            t.rollback_to_savepoint().unwrap();
            *map = saved.pop().unwrap();
        }
        5 if !saved.is_empty() => {
            t.pop_savepoint().unwrap();
            saved.pop();
        }
        6 => {
            let expired = rng.chance(50);
            let value = rng.value(tag);
            t.put_expiring_in(&db.default_family(), &a, &value, if expired { 1 } else { u64::MAX }).unwrap();
            if expired {
                map.remove(&a)
            } else {
                map.insert(a, value)
            };
        }
        _ => {
            let value = rng.value(tag);
            t.put(&a, &value).unwrap();
            map.insert(a, value);
        }
    }
}

/// An iterator with its bounds and the map as of its birth.
struct Walk {
    iter: Iter,
    map: Map,
}

fn walk(rng: &mut Rng, t: &Transaction, map: &Map) -> Walk {
    let mut options = ReadOptions::new();
    let mut seen = map.clone();
    if rng.chance(30) {
        let lower = key(rng);
        seen.retain(|key, _| *key >= lower);
        options = options.with_lower_bound(lower);
    }
    if rng.chance(30) {
        let upper = key(rng);
        seen.retain(|key, _| *key < upper);
        options = options.with_upper_bound(upper);
    }
    if rng.chance(20) {
        let prefix = rng.pick(&[&b"0"[..], b"1", b"key0", b"\xff", b""]).to_vec();
        seen.retain(|key, _| key.starts_with(&prefix));
        options = options.with_prefix(prefix);
    }
    Walk { iter: t.iter(&options).unwrap(), map: seen }
}

impl Walk {
    fn moves(&mut self, rng: &mut Rng, seed: u64) {
        let mut at: Option<Vec<u8>> = None;
        let map = &self.map;
        for step in 0..30 {
            let target = key(rng);
            let first_from = |from: &Vec<u8>| map.range(from.clone()..).next().map(|(key, _)| key.clone());
            let last_to = |to: &Vec<u8>| map.range(..=to.clone()).next_back().map(|(key, _)| key.clone());
            at = match (rng.below(if at.is_some() { 16 } else { 4 }), &at) {
                (0, _) => {
                    self.iter.seek_to_first().unwrap();
                    map.keys().next().cloned()
                }
                (1, _) => {
                    self.iter.seek_to_last().unwrap();
                    map.keys().next_back().cloned()
                }
                (2, _) => {
                    self.iter.seek(&target).unwrap();
                    first_from(&target)
                }
                (3, _) => {
                    self.iter.seek_for_prev(&target).unwrap();
                    last_to(&target)
                }
                (n, Some(here)) if n % 2 == 0 => {
                    self.iter.next().unwrap();
                    map.range(here.clone()..).nth(1).map(|(key, _)| key.clone())
                }
                (_, Some(here)) => {
                    self.iter.prev().unwrap();
                    map.range(..here.clone()).next_back().map(|(key, _)| key.clone())
                }
                (_, None) => None,
            };
            let shown = self.iter.valid().then(|| (self.iter.key(), self.iter.value()));
            let expected = at.as_ref().map(|at| (&at[..], &map[at][..]));
            assert_eq!(shown, expected, "seed {seed} step {step}");
        }
    }
}

/// Committed data in tables and in memory, some of it hidden from the transaction by being newer.
fn fill(rng: &mut Rng, db: &Db, map: Option<&mut Map>) {
    let mut written = Map::new();
    for n in 0..60 {
        let (a, b) = (key(rng), key(rng));
        match rng.below(12) {
            0 if a <= b => {
                db.delete_range(&a, &b).unwrap();
                written.retain(|key, _| *key < a || *key >= b);
            }
            1 => {
                db.delete(&a).unwrap();
                written.remove(&a);
            }
            2 => db.flush().unwrap(),
            _ => {
                let value = rng.value(n);
                db.put(&a, &value).unwrap();
                written.insert(a, value);
            }
        }
    }
    if let Some(map) = map {
        *map = written;
    }
}

#[test]
fn gets_and_iterators_see_own_writes_over_the_snapshot_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for seed in 0..60 {
        let mut rng = Rng::new(seed);
        let options = if seed % 2 == 0 { tiny_options() } else { Options::default() };
        let db = Db::open(dir.path().join(seed.to_string()), &options).unwrap();
        let mut map = Map::new();
        fill(&mut rng, &db, Some(&mut map));
        let mut t = db.begin(&TransactionOptions::default()).unwrap();
        fill(&mut rng, &db, None);
        let (mut saved, mut walks) = (Vec::new(), Vec::<Walk>::new());
        for tag in 0..60 {
            write(&mut rng, &db, &mut t, &mut map, &mut saved, tag);
            let probe = key(&mut rng);
            assert_eq!(t.get(&probe).unwrap().as_deref(), map.get(&probe).map(|v| &v[..]), "seed {seed} key {probe:?}");
            if rng.chance(20) {
                walks.push(walk(&mut rng, &t, &map));
            }
            if rng.chance(30) && !walks.is_empty() {
                let one = rng.below(walks.len());
                walks[one].moves(&mut rng, seed);
            }
        }
        drop(t);
        // Iterators outlive their transaction and go on showing what it had written by then.
        walks.iter_mut().for_each(|walk| walk.moves(&mut rng, seed));
        db.close().unwrap();
    }
}

#[test]
fn an_iterator_shows_own_writes_from_before_its_birth_only() {
    let (_dir, db) = open();
    let mut t = db.begin(&TransactionOptions::default()).unwrap();
    t.put("c", "mine").unwrap();
    let mut before = t.iter(&ReadOptions::new()).unwrap();
    t.put("a", "later").unwrap();
    t.delete_range("b", "z").unwrap();
    let keys = |iter: &mut Iter| {
        let mut keys = Vec::new();
        iter.seek_to_first().unwrap();
        while iter.valid() {
            keys.push(String::from_utf8(iter.key().to_vec()).unwrap());
            iter.next().unwrap();
        }
        keys.join("")
    };
    assert_eq!(keys(&mut before), "bcdfhj");
    assert_eq!(keys(&mut t.iter(&ReadOptions::new()).unwrap()), "a");
    t.commit().unwrap();
    assert_eq!(keys(&mut before), "bcdfhj");
    assert_eq!(keys(&mut db.iter().unwrap()), "a");
}

fn number(value: Option<esker::Pinned>) -> Option<u64> {
    value.map(|value| u64::from_le_bytes(value.as_ref().try_into().unwrap()))
}

#[test]
fn own_merges_count_on_what_is_committed_and_on_own_puts() {
    let options = Options { merge_operator: "add_u64".to_owned(), ..Options::default() };
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), &options).unwrap();
    let begin = || db.begin(&TransactionOptions::default()).unwrap();
    let n = |n: u64| n.to_le_bytes();
    db.put("count", n(40)).unwrap();
    let mut t = begin();
    t.merge("count", n(1)).unwrap();
    t.set_savepoint().unwrap();
    t.merge("count", n(1)).unwrap();
    t.put("own", n(7)).unwrap();
    t.merge("own", n(3)).unwrap();
    t.merge("new", n(5)).unwrap();
    assert_eq!(["count", "own", "new"].map(|key| number(t.get(key).unwrap())), [Some(42), Some(10), Some(5)]);
    let mut iter = t.iter(&ReadOptions::new()).unwrap();
    let mut walked = Vec::new();
    iter.seek_to_last().unwrap();
    while iter.valid() {
        walked.push(number(Some(iter.pinned_value())).unwrap());
        iter.prev().unwrap();
    }
    iter.seek_to_first().unwrap();
    while iter.valid() {
        walked.push(number(Some(iter.pinned_value())).unwrap());
        iter.next().unwrap();
    }
    assert_eq!(walked, [10, 5, 42, 42, 5, 10]);
    t.delete_range("a", "d").unwrap();
    t.merge("count", n(9)).unwrap();
    assert_eq!(number(t.get("count").unwrap()), Some(9));
    t.rollback_to_savepoint().unwrap();
    assert_eq!(number(t.get("count").unwrap()), Some(41));
    assert_eq!(t.merge("count", "not a number").unwrap_err().kind(), esker::ErrorKind::InvalidArgument);
}

#[test]
fn merges_conflict_with_who_read_their_key_and_not_with_each_other() {
    let options = Options { merge_operator: "add_u64".to_owned(), ..Options::default() };
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), &options).unwrap();
    let begin = || db.begin(&TransactionOptions::default()).unwrap();
    let one = 1u64.to_le_bytes();
    let (mut first, mut second, mut reader, mut scanner, mut base) = (begin(), begin(), begin(), begin(), begin());
    first.merge("count", one).unwrap();
    second.merge("count", one).unwrap();
    reader.get("count").unwrap();
    let mut iter = scanner.iter(&ReadOptions::new()).unwrap();
    iter.seek("a").unwrap();
    // Its own merge stands on what others have committed: reading it back is a read of that.
    base.merge("count", one).unwrap();
    base.get("count").unwrap();
    for t in [&mut reader, &mut scanner, &mut base] {
        t.put("x", "1").unwrap();
    }
    first.commit().unwrap();
    second.commit().unwrap();
    for t in [&mut reader, &mut scanner, &mut base] {
        assert_eq!(t.commit().unwrap_err().kind(), esker::ErrorKind::Conflict);
    }
    assert_eq!(number(db.get("count").unwrap()), Some(2));
    // A merge outside of any transaction.
    let mut reader = begin();
    reader.get("count").unwrap();
    reader.put("x", "1").unwrap();
    db.merge("count", one).unwrap();
    assert_eq!(reader.commit().unwrap_err().kind(), esker::ErrorKind::Conflict);
}
