//! [`Node`]: one node of the memtable's tree, as words that its one writer changes while readers look; and look again, if it did.
//!
//! Where in the flow: `tree` finds its way through nodes; here is what lies in one. A slot has the *record* of a key and its *head*:
//!
//! ```text
//!   records of a leaf   user/0017/name   user/0017/town   user/0018/name
//!   prefix              user/001                                            left out of the heads
//!   heads               "7/name\0\0"     "7/town\0\0"     "8/name\0\0"      eight bytes each, as big-endian numbers
//! ```
//! A search compares heads, which lie side by side, and looks at records only where heads are equal. Whatever was led here by the
//! separators above shares `known` bytes with every key; a node at the edge of the tree has no separator on one side, and may leave
//! out more than that, which a search then compares with the first record.
//!
//! Invariants: `version` is odd exactly while the node is being changed; what a reader saw is true if `version` was even before
//! and is the same after ([`Node::stable`], [`Node::still`]). A slot below `count` holds a record that was whole before it came here. Records,
//! and nodes, never go away while the tree lives, so that a reader which sees a slot of another time sees something old, not
//! garbage.
//!
//! Thread rule: everything named `begin` to `end` and in between by the writer, one at a time; all else by anyone.

use std::ptr::NonNull;

use crate::memtable::arena::Record;
use crate::util::planted::planted;
use crate::util::sync::atomic::{AtomicPtr, AtomicU64, Ordering, fence};

/// Slots of a node. A model checker has so few that every schedule splits nodes.
pub const FANOUT: usize = if cfg!(loom) { 4 } else { 64 };

/// Longest prefix that is left out; keys are shorter than this but for hostile ones, which lose a little speed.
const MAX_PREFIX: usize = (1 << 28) - 1;

/// A reader met a change: what it saw means nothing.
#[derive(Clone, Copy, Debug)]
pub struct Changed;

/// What slots a node has and what their heads leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Slots in use.
    pub count: usize,
    /// Bytes of user keys that every key here, and whatever a search of the tree leads here, has in common.
    pub known: usize,
    /// Bytes of user keys that every key here has in common; heads begin behind them. At least `known`.
    pub prefix: usize,
}

impl Shape {
    fn pack(self) -> u64 {
        (self.count as u64) << 56 | (self.known.min(MAX_PREFIX) as u64) << 28 | self.prefix.min(MAX_PREFIX) as u64
    }

    fn unpack(word: u64) -> Shape {
        let part = |shift: u32| (word >> shift) as usize & MAX_PREFIX;
        Shape { count: (word >> 56) as usize, known: part(28), prefix: part(0) }
    }
}

/// A node: a leaf, or the first part of an inner one.
#[repr(C)]
#[derive(Debug)]
pub struct Node {
    version: AtomicU64,
    shape: AtomicU64,
    /// Of a leaf: the one that follows. Of an inner node: the child before its first separator.
    pub link: AtomicPtr<Node>,
    is_leaf: bool,
    heads: [AtomicU64; FANOUT],
    records: [AtomicPtr<Record>; FANOUT],
}

/// An inner node: a slot's child has the keys from the slot's separator on.
#[repr(C)]
#[derive(Debug)]
pub struct Inner {
    /// First, so that a pointer to one is a pointer to the other.
    pub node: Node,
    /// One for each slot.
    pub children: [AtomicPtr<Node>; FANOUT],
}

impl Inner {
    /// An inner node without keys.
    pub fn empty() -> Inner {
        Inner { node: Node::empty(false), children: std::array::from_fn(|_| AtomicPtr::default()) }
    }
}

impl Node {
    /// A leaf without keys.
    pub fn leaf() -> Node {
        Node::empty(true)
    }

    fn empty(is_leaf: bool) -> Node {
        Node {
            version: AtomicU64::new(0),
            shape: AtomicU64::new(0),
            link: AtomicPtr::default(),
            is_leaf,
            heads: std::array::from_fn(|_| AtomicU64::new(0)),
            records: std::array::from_fn(|_| AtomicPtr::default()),
        }
    }

    /// Whether its slots are entries, and not separators.
    pub fn is_leaf(&self) -> bool {
        self.is_leaf
    }

    /// Its version, unless it is being changed.
    pub fn stable(&self) -> Result<u64, Changed> {
        let version = self.version.load(Ordering::Acquire);
        if version.is_multiple_of(2) { Ok(version) } else { Err(Changed) }
    }

    /// Whether nothing changed since it was at `version`, so that everything read since belongs together.
    pub fn still(&self, version: u64) -> Result<(), Changed> {
        // What was read before this, of a change that began later, brings that change's odd version with it.
        fence(Ordering::Acquire);
        let same = self.version.load(Ordering::Relaxed) == version || planted("trust-the-first-look");
        if same { Ok(()) } else { Err(Changed) }
    }

    /// How many slots, and what their heads leave out.
    pub fn shape(&self) -> Shape {
        Shape::unpack(self.shape.load(Ordering::Relaxed))
    }

    /// Whether no slot is free.
    pub fn is_full(&self) -> bool {
        self.shape().count == FANOUT
    }

    /// The record of a slot; `Changed` if there is none.
    pub fn record(&self, slot: usize) -> Result<NonNull<Record>, Changed> {
        let record = self.records.get(slot).map(|record| record.load(Ordering::Acquire));
        record.and_then(NonNull::new).ok_or(Changed)
    }

    /// The slots below `count` whose heads are `head`.
    pub fn slots_of(&self, head: u64, count: usize) -> std::ops::Range<usize> {
        let heads = &self.heads[..count.min(FANOUT)];
        let start = partition_point(heads, |other| other < head);
        match heads.get(start) {
            Some(other) if other.load(Ordering::Relaxed) == head => {
                let equal = 1 + partition_point(&heads[start + 1..], |other| other <= head);
                start..start + equal
            }
            _ => start..start,
        }
    }

    /// A change begins: readers that look now look again later.
    pub fn begin(&self) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        // Whoever sees one of the stores that follow sees that the version is odd, or a later one.
        fence(Ordering::Release);
    }

    /// The change is complete.
    pub fn end(&self) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Release);
    }

    /// Sets what the heads leave out, without making them anew.
    pub fn set_shape(&self, shape: Shape) {
        self.shape.store(shape.pack(), Ordering::Relaxed);
    }

    /// Sets a slot's record and head.
    pub fn set_slot(&self, slot: usize, record: NonNull<Record>, head: u64) {
        self.set_head(slot, head);
        self.records[slot].store(record.as_ptr(), Ordering::Release);
    }

    /// Sets the head of a slot that has its record.
    pub fn set_head(&self, slot: usize, head: u64) {
        self.heads[slot].store(head, Ordering::Relaxed);
    }

    /// Sets a slot to what `slot` of `other` is.
    pub fn copy_slot(&self, to: usize, other: &Node, slot: usize) {
        self.set_head(to, other.heads[slot].load(Ordering::Relaxed));
        self.records[to].store(other.records[slot].load(Ordering::Relaxed), Ordering::Release);
    }

    /// Moves the slots from `slot` to the last one up by one.
    pub fn open_slot(&self, slot: usize, count: usize) {
        for to in (slot + 1..=count).rev() {
            self.copy_slot(to, self, to - 1);
        }
    }
}

/// The first place in `heads` for which `before` does not say so. Without a branch that depends on the data.
fn partition_point(heads: &[AtomicU64], before: impl Fn(u64) -> bool) -> usize {
    let (mut base, mut size) = (0, heads.len());
    while size > 0 {
        let half = size.div_ceil(2);
        // Half of the rest, or all of it when one is left.
        base += usize::from(before(heads[base + half - 1].load(Ordering::Relaxed))) * half;
        size -= half;
    }
    base
}

/// The eight bytes of `user_key` behind `prefix`, as a number that compares as they do; zeros where it is shorter.
pub fn head_of(user_key: &[u8], prefix: usize) -> u64 {
    let rest = user_key.get(prefix..).unwrap_or_default();
    let mut head = [0; 8];
    let len = rest.len().min(8);
    head[..len].copy_from_slice(&rest[..len]);
    u64::from_be_bytes(head)
}

/// How many bytes two user keys have in common.
pub fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
