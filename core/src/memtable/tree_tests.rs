//! The tree against a sorted list, for keys of many shapes in many orders of arrival; and what reservations promise.

use std::cmp::Ordering;

use crate::iter::vec_iter::Rng;
use crate::key::internal::{internal_key, seek_key};
use crate::key::kind::Kind;
use crate::key::order::{Comparator, Order};
use crate::key::sequence::SeqNo;
use crate::memtable::tree::{Tree, TreeIter};
use crate::util::sync::Arc;

#[derive(Debug)]
struct Backwards;

impl Comparator for Backwards {
    fn name(&self) -> &str {
        "backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// The user key of the `n`th write of a stream.
type Shape = (&'static str, fn(u64) -> Vec<u8>);

fn scattered(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

const SHAPES: [Shape; 9] = [
    ("ascending numbers", |n| format!("{n:016}").into_bytes()),
    ("descending numbers", |n| format!("{:016}", 1_000_000 - n).into_bytes()),
    ("scattered numbers", |n| format!("{:016}", scattered(n) % 1_000_000).into_bytes()),
    ("a long prefix, then scattered", |n| {
        format!("tenant/0001/users/profile/{:08}", scattered(n) % 10_000).into_bytes()
    }),
    ("short keys of two letters", |n| (0..scattered(n) % 12).map(|at| scattered(n + at) as u8 & 1).collect()),
    ("ends of the alphabet", |n| {
        (0..scattered(n) % 20).map(|at| if scattered(n ^ at).is_multiple_of(2) { 0 } else { 255 }).collect()
    }),
    ("one key over and over", |_| b"counter".to_vec()),
    ("two streams that alternate", |n| format!("{}/{:010}", n % 2, n).into_bytes()),
    // The prefix that all of them had turns out not to be one, again and again.
    ("ever less in common", |n| {
        [vec![b'x'; 40 - (n / 100).min(40) as usize], scattered(n).to_be_bytes().to_vec()].concat()
    }),
];

fn seqno(n: u64) -> SeqNo {
    SeqNo::new(n).unwrap()
}

fn fill(order: &Order, key: fn(u64) -> Vec<u8>, total: u64) -> (Arc<Tree>, Vec<Vec<u8>>) {
    let tree = Arc::new(Tree::new(order));
    let mut keys: Vec<Vec<u8>> = (0..total).map(|n| internal_key(&key(n), seqno(n + 1), Kind::Put)).collect();
    for n in 0..total {
        tree.insert(&key(n), seqno(n + 1), Kind::Put, &n.to_le_bytes()).unwrap();
    }
    keys.sort_by(|a, b| order.cmp_internal(a, b));
    (tree, keys)
}

fn walk(iter: &mut TreeIter, go: fn(&mut TreeIter)) -> Vec<Vec<u8>> {
    let mut seen = Vec::new();
    while let Some(entry) = iter.entry() {
        seen.push(entry.key().to_vec());
        go(iter);
    }
    seen
}

#[test]
fn keys_of_every_shape_are_found_and_walked_in_order() {
    let total = if cfg!(miri) { 150 } else { 5000 };
    for order in [Order::Bytewise, Order::Custom(Arc::new(Backwards))] {
        for (name, key) in SHAPES {
            let (tree, keys) = fill(&order, key, total);
            let mut iter = TreeIter::new(&tree);
            iter.go(Tree::first);
            assert!(walk(&mut iter, TreeIter::next) == keys, "{name}, {order:?}, forward");
            iter.go(Tree::last);
            let backward = walk(&mut iter, TreeIter::prev);
            assert!(backward.iter().eq(keys.iter().rev()), "{name}, {order:?}, backward");
            let mut rng = Rng::new(total);
            for _ in 0..total / 5 {
                let n = rng.below(2 * total);
                let target = seek_key(&key(n), seqno(rng.below(total + 2)));
                check_searches(&tree, &keys, &order, &target, name);
            }
        }
    }
}

fn check_searches(tree: &Arc<Tree>, keys: &[Vec<u8>], order: &Order, target: &[u8], name: &str) {
    let from = keys.partition_point(|key| order.cmp_internal(key, target).is_lt());
    let through = keys.partition_point(|key| order.cmp_internal(key, target).is_le());
    let mut iter = TreeIter::new(tree);
    let mut at = |find: &dyn for<'a> Fn(&'a Tree) -> Option<crate::memtable::tree::Position<'a>>| {
        iter.go(|tree| find(tree));
        iter.entry().map(|entry| entry.key().to_vec())
    };
    assert_eq!(at(&|tree| tree.seek(target)), keys.get(from).cloned(), "{name}: seek {target:?}");
    assert_eq!(at(&|tree| tree.after(target)), keys.get(through).cloned(), "{name}: after {target:?}");
    let before = |at: usize| at.checked_sub(1).map(|at| keys[at].clone());
    assert_eq!(at(&|tree| tree.before(target)), before(from), "{name}: before {target:?}");
    assert_eq!(at(&|tree| tree.seek_for_prev(target)), before(through), "{name}: seek_for_prev {target:?}");
}

/// A batch is in the log before it is in the memtable, so that there must be room for every node that it may take.
#[test]
fn what_was_reserved_takes_no_more_memory() {
    let total = if cfg!(miri) { 300 } else { 20_000 };
    for (name, key) in SHAPES {
        let tree = Tree::new(&Order::Bytewise);
        let (mut n, mut rng) = (0, Rng::new(total));
        while n < total {
            let batch = [1, 2, 7, 100, 3000][rng.below(5) as usize].min(total - n);
            let bytes: usize = (n..n + batch).map(|n| key(n).len() + 8).sum();
            tree.reserve(batch as usize, bytes).unwrap();
            let chunks = tree.chunks();
            for n in n..n + batch {
                tree.insert(&key(n), seqno(n + 1), Kind::Put, &n.to_le_bytes()).unwrap();
            }
            assert_eq!(tree.chunks(), chunks, "{name}: a batch of {batch} after {n}");
            n += batch;
        }
    }
}

#[test]
fn memory_is_used_well() {
    for (name, key) in &SHAPES[..4] {
        let (tree, keys) = fill(&Order::Bytewise, *key, 20_000);
        let bytes: usize = keys.iter().map(|key| key.len() + 16).sum();
        let overhead = (tree.memory_bytes() - bytes) / keys.len();
        assert!(overhead < 50, "{name}: {overhead} bytes an entry");
    }
}
