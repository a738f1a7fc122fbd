//! The judge of threaded histories: each transaction appends its number to lists, so a value tells the order of its writers, and
//! who depends on whom is a graph that must have no ring. It looks only at what was read and written.
//!
//! Used by `histories.rs` on real threads and by the binary `schedules` on those of a scheduler.

use std::collections::{BTreeMap, BTreeSet};

/// What one committed transaction of a threaded history read (the whole list of a key), and to which keys it appended itself.
pub struct Appends {
    pub number: u32,
    /// When it began and when it had committed, by a counter that all threads share.
    pub began: u64,
    pub ended: u64,
    pub read: Vec<(usize, Vec<u32>)>,
    pub appended: Vec<usize>,
}

pub fn list(value: &[u8]) -> Vec<u32> {
    value.chunks_exact(4).map(|n| u32::from_le_bytes(n.try_into().unwrap())).collect()
}

pub fn name(key: usize) -> Vec<u8> {
    format!("list {key}").into_bytes()
}

/// A transaction, or a moment, by which some have ended and after which others begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    Of(u32),
    At(u64),
}

/// Who must come before whom: the writer before who read it, a reader before the next writer of what it read, the writers
/// of a list in its order, and who had ended before who had not begun.
pub fn dependencies(committed: &[Appends], lists: &[Vec<u32>]) -> BTreeSet<(Node, Node)> {
    let mut before = BTreeSet::new();
    for one in committed {
        before.insert((Node::Of(one.number), Node::At(one.ended)));
        before.insert((Node::At(one.began), Node::Of(one.number)));
    }
    let end = committed.iter().map(|one| one.ended).max().unwrap_or(0);
    before.extend((0..end).map(|moment| (Node::At(moment), Node::At(moment + 1))));
    let mut edge = |from: u32, to: u32| {
        if from != to {
            before.insert((Node::Of(from), Node::Of(to)));
        }
    };
    for list in lists {
        list.windows(2).for_each(|pair| edge(pair[0], pair[1]));
    }
    for one in committed {
        for (key, read) in &one.read {
            assert_eq!(lists[*key].get(..read.len()), Some(&read[..]), "a read that is no prefix of its list");
            if let Some(writer) = read.last() {
                edge(*writer, one.number);
            }
            if let Some(next) = lists[*key].get(read.len()) {
                edge(one.number, *next);
            }
        }
        for key in &one.appended {
            assert_eq!(lists[*key].iter().filter(|n| **n == one.number).count(), 1, "a lost or doubled write");
        }
    }
    before
}

/// Whether something must come before itself: takes away what nothing must precede until there is no such thing.
pub fn has_a_ring(before: BTreeSet<(Node, Node)>) -> bool {
    let mut preceded: BTreeMap<Node, usize> = BTreeMap::new();
    for (from, to) in &before {
        preceded.entry(*from).or_default();
        *preceded.entry(*to).or_default() += 1;
    }
    let mut free: Vec<Node> = preceded.iter().filter(|(_, count)| **count == 0).map(|(node, _)| *node).collect();
    let mut taken = 0;
    while let Some(node) = free.pop() {
        taken += 1;
        for (_, to) in before.range((node, Node::Of(0))..=(node, Node::At(u64::MAX))) {
            let count = preceded.entry(*to).or_default();
            *count -= 1;
            if *count == 0 {
                free.push(*to);
            }
        }
    }
    taken < preceded.len()
}
