//! A cursor against a model, with merge operands: random entries in several memtables, random moves in both directions, and changes
//! of direction at any step. A failure prints its seed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::db::health::Health;
use crate::db::iterator::Iter;
use crate::env::sim_fs::SimFs;
use crate::error::ErrorKind;
use crate::iter::bounds::Bounds;
use crate::iter::resolve::View;
use crate::iter::vec_iter::Rng;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::merge::{MergeOperator, Operators};
use crate::table::BlockCache;
use crate::util::sync::Arc;
use crate::version::super_version::SuperVersion;
use crate::version::table_cache::TableCache;
use crate::version::version::Version;

const KEYS: u64 = 12;

fn stamped(time: u64, bytes: &[u8]) -> Vec<u8> {
    [&time.to_le_bytes()[..], bytes].concat()
}

/// By key the value, and when it expires: the largest number is never.
type Model = BTreeMap<Vec<u8>, (Vec<u8>, u64)>;

/// Adds random writes to three memtables, newest first, and to the model: what a view of everything before `seen` reads at `now`.
fn write(rng: &mut Rng, seen: u64, now: u64) -> (Vec<Arc<Memtable>>, Model) {
    let memtables: Vec<Memtable> = (0..3).map(|_| Memtable::new(&Order::Bytewise)).collect();
    let mut model = Model::new();
    for n in 1..=60u64 {
        let memtable = &memtables[2 - (n as usize - 1) / 20];
        let seqno = SeqNo::new(n).unwrap();
        let (key, text, time) = (vec![b'a' + rng.below(KEYS) as u8], format!("{n};").into_bytes(), rng.below(100) + 1);
        let visible = n <= seen;
        match rng.below(10) {
            0..2 => {
                memtable.add(seqno, Kind::Put, &key, &text).unwrap();
                visible.then(|| model.insert(key, (text, u64::MAX)));
            }
            2 => {
                memtable.add(seqno, Kind::PutExpiring, &key, &stamped(time, &text)).unwrap();
                visible.then(|| model.insert(key, (text, time)));
            }
            3 => {
                memtable.add(seqno, Kind::Delete, &key, b"").unwrap();
                visible.then(|| model.remove(&key));
            }
            4 => {
                let end = vec![key[0] + 1 + rng.below(3) as u8];
                memtable.add(seqno, Kind::RangeDelete, &key, &end).unwrap();
                if visible {
                    model.retain(|k, _| *k < key || *k >= end);
                }
            }
            _ => {
                memtable.add(seqno, Kind::Merge, &key, &stamped(time, &text)).unwrap();
                if visible {
                    let base = model.remove(&key).filter(|(_, at)| *at > time);
                    let (mut value, at) = base.unwrap_or((Vec::new(), u64::MAX));
                    value.extend_from_slice(&text);
                    model.insert(key, (value, at));
                }
            }
        }
    }
    model.retain(|_, (_, at)| *at > now);
    (memtables.into_iter().map(Arc::new).collect(), model)
}

fn cursor(memtables: &[Arc<Memtable>], view: View, operator: Option<Arc<dyn MergeOperator>>) -> Iter {
    let tables = TableCache::new(Arc::new(SimFs::new(1)), Path::new("/db"), 1, Arc::new(BlockCache::new(0)));
    let version = Arc::new(Version::empty(Order::Bytewise));
    let current = SuperVersion::new(Arc::clone(&memtables[0]), memtables[1..].to_vec(), version, Arc::new(tables));
    let sources = current.sources(&Bounds::ALL, view.seqno, true).unwrap();
    Iter::new(Arc::new(Health::new(false, Default::default())), Order::Bytewise, view, Bounds::ALL, sources, operator)
}

#[test]
fn moves_in_both_directions_over_merged_values() {
    let append = Operators::new().find("append").unwrap();
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let (seen, now) = (rng.below(61), rng.below(100) + 1);
        let (memtables, model) = write(&mut rng, seen, now);
        let view = View { seqno: SeqNo::new(seen).unwrap(), time_ms: now };
        let mut iter = cursor(&memtables, view, Some(Arc::clone(&append)));
        let mut at: Option<Vec<u8>> = None;
        for step in 0..60 {
            let probe = vec![b'a' + rng.below(KEYS) as u8];
            match rng.below(10) {
                0 => {
                    iter.seek_to_first().unwrap();
                    at = model.keys().next().cloned();
                }
                1 => {
                    iter.seek_to_last().unwrap();
                    at = model.keys().next_back().cloned();
                }
                2 => {
                    iter.seek(&probe).unwrap();
                    at = model.range(probe..).next().map(|(key, _)| key.clone());
                }
                3 => {
                    iter.seek_for_prev(&probe).unwrap();
                    at = model.range(..=probe).next_back().map(|(key, _)| key.clone());
                }
                n if n < 7 => {
                    iter.next().unwrap();
                    at = at.and_then(|key| model.keys().find(|other| **other > key).cloned());
                }
                _ => {
                    iter.prev().unwrap();
                    at = at.and_then(|key| model.keys().rev().find(|other| **other < key).cloned());
                }
            }
            let expected = at.as_ref().map(|key| (&key[..], &model[key].0[..]));
            let found = iter.valid().then(|| (iter.key(), iter.value()));
            assert_eq!(found, expected, "seed {seed}, step {step}");
            let expiry = at.as_ref().map(|key| model[key].1).filter(|at| *at < u64::MAX);
            assert_eq!(iter.expires_at_ms(), expiry, "seed {seed}, step {step}");
            assert_eq!(iter.valid().then(|| iter.pinned_value().to_vec()).as_deref(), expected.map(|(_, value)| value));
        }
    }
}

#[test]
fn an_operand_that_cannot_be_applied_stops_the_cursor_with_its_error() {
    let memtable = Memtable::new(&Order::Bytewise);
    let add = |n, kind, key: &[u8], value: &[u8]| memtable.add(SeqNo::new(n).unwrap(), kind, key, value).unwrap();
    add(1, Kind::Put, b"a", b"v");
    add(2, Kind::Put, b"b", b"ten");
    add(3, Kind::Merge, b"b", &stamped(1, &1u64.to_le_bytes()));
    add(4, Kind::Put, b"c", b"v");
    let memtables = [Arc::new(memtable)];
    let view = View { seqno: SeqNo::new(4).unwrap(), time_ms: 9 };
    for operator in [None, Some(Operators::new().find("add_u64").unwrap())] {
        let mut iter = cursor(&memtables, view, operator);
        iter.seek_to_first().unwrap();
        assert_eq!(iter.key(), b"a");
        assert_eq!(iter.next().unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(!iter.valid() && iter.status().is_err());
        iter.seek_to_last().unwrap();
        assert_eq!(iter.key(), b"c");
        assert_eq!(iter.prev().unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(!iter.valid() && iter.status().is_err());
    }
}
