//! [`Tree`]: a B+tree of entries in the order of their internal keys, for one writer and any number of readers that do not hold it
//! up, nor one another.
//!
//! Where in the flow: a memtable's point entries. What is in a node is `node`'s business; the bytes of entries lie in the [`Arena`].
//!
//! *Reading.* A search goes down from the root. Before it trusts what it read in a node it looks whether the node's version is the one
//! it began with, and before it leaves a node for a child it notes the child's version and looks once more:
//!
//! ```text
//!   version of node → slot → child → version of child → is the node still at its version? → go on in the child
//! ```
//! If not, it starts again from the root; after [`TRIES`] such starts it takes the writer's lock for one search, so that no stream of
//! writes can starve it. (The method is optimistic lock coupling: Leis, Haubenschild, Neumann, "Optimistic Lock Coupling", 2019.)
//!
//! *Writing* is in `grow`.
//!
//! Invariants, on which every `unsafe` block here rests:
//! - a node or record is whole before a pointer to it is stored (Release), and is never moved or freed before the tree;
//! - whether a node is a leaf never changes; one that is not is the first part of an [`Inner`];
//! - keys are only added. A leaf's first key is the separator that leads to it, for ever, but for the very first leaf.
//!
//! Thread rule: everything by any thread at any time; writers take turns under a lock.
#![expect(unsafe_code, reason = "nodes and entries are raw memory that one writer links in while readers walk")]

use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::error::Result;
use crate::key::internal;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::arena::{ALIGN, Arena, Entry, Record};
use crate::memtable::grow::Writer;
use crate::memtable::node::{Changed, FANOUT, Inner, Node, head_of};
use crate::util::sync::atomic::{AtomicPtr, Ordering as MemoryOrder};
use crate::util::sync::{Arc, Mutex};

/// Starts of a search before it takes the writer's lock.
const TRIES: usize = if cfg!(loom) { 1 } else { 8 };

const _: () = assert!(align_of::<Inner>() <= ALIGN);

/// A user key and the trailer of an internal key: what searches compare with.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) user_key: &'a [u8],
    pub(super) trailer: u64,
}

impl<'a> Target<'a> {
    fn of(key: &'a [u8]) -> Target<'a> {
        // Too short for an internal key: before every entry of the user key it spells, as a target without a number would be.
        let (user_key, trailer) = internal::split(key).unwrap_or((key, u64::MAX));
        Target { user_key, trailer }
    }
}

// SAFETY: its pointers are to nodes of the tree's arena, which belong to no thread.
unsafe impl Send for Writer {}

/// Entries in order of their internal keys.
pub struct Tree {
    pub(super) order: Order,
    pub(super) bytewise: bool,
    arena: Arena,
    /// Null as long as there is no entry.
    pub(super) root: AtomicPtr<Node>,
    pub(super) writer: Mutex<Writer>,
}

/// A node of a tree that is borrowed.
#[derive(Clone, Copy)]
pub(super) struct NodeRef<'a> {
    /// As the arena gave it: valid for the whole node, also of an inner one.
    at: NonNull<Node>,
    tree: PhantomData<&'a Tree>,
}

impl NodeRef<'_> {
    /// What links hold.
    pub(super) fn link(self) -> *mut Node {
        self.at.as_ptr()
    }
}

impl Deref for NodeRef<'_> {
    type Target = Node;

    fn deref(&self) -> &Node {
        // SAFETY: a node of a tree that is borrowed; nodes stay, and change only as atomics.
        unsafe { self.at.as_ref() }
    }
}

/// An entry, and where in the tree it was when the leaf had that version.
#[derive(Clone, Copy)]
pub struct Position<'a> {
    leaf: NodeRef<'a>,
    version: u64,
    slot: usize,
    entry: Entry<'a>,
}

/// Where a search ended: how many entries of `leaf` lie before its target.
struct Rank<'a> {
    leaf: NodeRef<'a>,
    version: u64,
    slot: usize,
}

impl Tree {
    /// An empty tree.
    pub fn new(order: &Order) -> Tree {
        Tree {
            order: order.clone(),
            bytewise: order.is_bytewise(),
            arena: Arena::new(),
            root: AtomicPtr::default(),
            writer: Mutex::new(Writer::default()),
        }
    }

    /// The first entry at or after `key`, an internal key or seek target.
    pub fn seek(&self, key: &[u8]) -> Option<Position<'_>> {
        self.first_from(Target::of(key))
    }

    /// The newest entry of `user_key` with a number up to `view`.
    pub fn newest(&self, user_key: &[u8], view: SeqNo) -> Option<Entry<'_>> {
        let entry = self.first_from(Target { user_key, trailer: internal::seek_trailer(view) })?.entry;
        (entry.user_key() == user_key).then_some(entry)
    }

    /// The first entry after `key`.
    pub fn after(&self, key: &[u8]) -> Option<Position<'_>> {
        let target = Target::of(key);
        self.search(|| self.entry_from(self.descend(|node| self.rank(node, target, true))?))
    }

    /// The last entry at or before `key`, an internal key or seek target.
    pub fn seek_for_prev(&self, key: &[u8]) -> Option<Position<'_>> {
        let target = Target::of(key);
        self.search(|| self.entry_before(self.descend(|node| self.rank(node, target, true))?))
    }

    /// The last entry before `key`.
    pub fn before(&self, key: &[u8]) -> Option<Position<'_>> {
        let target = Target::of(key);
        self.search(|| self.entry_before(self.descend(|node| self.rank(node, target, false))?))
    }

    /// The first entry.
    pub fn first(&self) -> Option<Position<'_>> {
        self.search(|| self.entry_from(self.descend(|_| Ok(0))?))
    }

    /// The last entry.
    pub fn last(&self) -> Option<Position<'_>> {
        self.search(|| self.entry_before(self.descend(|node| Ok(node.shape().count))?))
    }

    /// How many chunks of memory it has taken.
    #[cfg(all(test, not(loom)))]
    pub fn chunks(&self) -> usize {
        let _nobody_writes = self.writer.lock();
        self.arena.chunks()
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Tree>() + self.arena.memory_bytes()
    }

    fn first_from(&self, target: Target<'_>) -> Option<Position<'_>> {
        // A separator equal to the target leads to the leaf that begins with it.
        let rank = |node: NodeRef<'_>| self.rank(node, target, !node.is_leaf());
        self.search(|| self.entry_from(self.descend(rank)?))
    }

    /// Tries until nothing changes under it; in the end while nothing can.
    fn search<T>(&self, attempt: impl Fn() -> Result<T, Changed>) -> T {
        for _ in 0..TRIES {
            if let Ok(found) = attempt() {
                return found;
            }
            std::hint::spin_loop();
        }
        let _nobody_writes = self.writer.lock();
        loop {
            if let Ok(found) = attempt() {
                return found;
            }
        }
    }

    /// The leaf to which `rank` leads, and the rank in it; `None` in an empty tree. Not yet checked for a change of the leaf.
    fn descend(&self, rank: impl Fn(NodeRef<'_>) -> Result<usize, Changed>) -> Result<Option<Rank<'_>>, Changed> {
        let root = self.root.load(MemoryOrder::Acquire);
        let Some(mut node) = self.node(root) else { return Ok(None) };
        let mut version = node.stable()?;
        if self.root.load(MemoryOrder::Acquire) != root {
            return Err(Changed);
        }
        loop {
            let slot = rank(node)?;
            if node.is_leaf() {
                return Ok(Some(Rank { leaf: node, version, slot }));
            }
            let child = self.child(node, slot)?;
            let child_version = child.stable()?;
            node.still(version)?;
            (node, version) = (child, child_version);
        }
    }

    /// The entry at `rank`, which may be the first of the following leaf.
    fn entry_from<'a>(&'a self, rank: Option<Rank<'a>>) -> Result<Option<Position<'a>>, Changed> {
        let Some(Rank { leaf, version, slot }) = rank else { return Ok(None) };
        if slot < leaf.shape().count {
            return self.entry_at(leaf, version, slot).map(Some);
        }
        let Some(following) = self.node(leaf.link.load(MemoryOrder::Acquire)) else {
            return leaf.still(version).map(|()| None);
        };
        let following_version = following.stable()?;
        leaf.still(version)?;
        self.entry_at(following, following_version, 0).map(Some)
    }

    /// The entry before `rank`. It lies in the same leaf: the separator that led there is a key of it, and lies before the target.
    fn entry_before<'a>(&'a self, rank: Option<Rank<'a>>) -> Result<Option<Position<'a>>, Changed> {
        let Some(Rank { leaf, version, slot }) = rank else { return Ok(None) };
        match slot.checked_sub(1) {
            Some(slot) => self.entry_at(leaf, version, slot).map(Some),
            None => leaf.still(version).map(|()| None),
        }
    }

    fn entry_at<'a>(&'a self, leaf: NodeRef<'a>, version: u64, slot: usize) -> Result<Position<'a>, Changed> {
        let entry = self.entry(leaf, slot)?;
        leaf.still(version)?;
        Ok(Position { leaf, version, slot, entry })
    }

    /// How many of a node's keys lie before `target`, or at it if `inclusive`.
    pub(super) fn rank(&self, node: NodeRef<'_>, target: Target<'_>, inclusive: bool) -> Result<usize, Changed> {
        let shape = node.shape();
        let (mut low, mut high) = (0, shape.count);
        if self.bytewise {
            if shape.prefix > shape.known {
                let first = self.entry(node, 0)?.user_key();
                let prefix = first.get(..shape.prefix).ok_or(Changed)?;
                match target.user_key[..shape.prefix.min(target.user_key.len())].cmp(prefix) {
                    Ordering::Less => return Ok(0),
                    Ordering::Greater => return Ok(shape.count),
                    Ordering::Equal => {}
                }
            }
            let equal = node.slots_of(head_of(target.user_key, shape.prefix), shape.count);
            (low, high) = (equal.start, equal.end);
        }
        while low < high {
            let middle = low + (high - low) / 2;
            match self.compare(self.entry(node, middle)?, target) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal if inclusive => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    /// How `entry` compares with `target`.
    pub(super) fn compare(&self, entry: Entry<'_>, target: Target<'_>) -> Ordering {
        let (user_key, trailer) = internal::split(entry.key()).unwrap_or((entry.key(), u64::MAX));
        // Newest first: the greater trailer is the earlier entry.
        self.order.cmp(user_key, target.user_key).then_with(|| target.trailer.cmp(&trailer))
    }

    /// The node that a link of this tree points to.
    pub(super) fn node(&self, link: *mut Node) -> Option<NodeRef<'_>> {
        // Loaded (Acquire) from the root or a link of this tree, or just made: null, or a node that was whole before.
        NonNull::new(link).map(|at| NodeRef { at, tree: PhantomData })
    }

    /// The entry of a slot.
    pub(super) fn entry<'a>(&self, node: NodeRef<'a>, slot: usize) -> Result<Entry<'a>, Changed> {
        // SAFETY: a slot's record is null or of this tree's arena, and was whole before it was stored there (Release).
        node.record(slot).map(|record| unsafe { Entry::new(record) })
    }

    /// The children of an inner node.
    pub(super) fn children<'a>(&self, node: NodeRef<'a>) -> Result<&'a [AtomicPtr<Node>; FANOUT], Changed> {
        if node.is_leaf() {
            return Err(Changed);
        }
        // SAFETY: a node that is no leaf was made as an `Inner`, whose first field it is (`repr(C)`), and the pointer is the arena's.
        Ok(unsafe { &(*node.at.cast::<Inner>().as_ptr()).children })
    }

    /// The child that has the keys behind so many separators.
    pub(super) fn child<'a>(&'a self, node: NodeRef<'a>, rank: usize) -> Result<NodeRef<'a>, Changed> {
        let link = match rank.checked_sub(1) {
            None => node.link.load(MemoryOrder::Acquire),
            Some(slot) => self.children(node)?.get(slot).ok_or(Changed)?.load(MemoryOrder::Acquire),
        };
        self.node(link).ok_or(Changed)
    }
}

/// What the writer does to memory. Its lock makes it the only one.
impl Tree {
    /// Copies an entry in.
    pub(super) fn store(&self, _: &mut Writer, user_key: &[u8], trailer: u64, value: &[u8]) -> Result<Entry<'_>> {
        // SAFETY: whoever has the writer's state holds its lock. Then: the arena's own record, whole.
        unsafe { self.arena.add_record(user_key, trailer, value).map(|record| Entry::new(record)) }
    }

    /// Makes sure that entries of so many bytes can be stored.
    pub(super) fn reserve_bytes(&self, _: &mut Writer, bytes: usize) -> Result<()> {
        // SAFETY: whoever has the writer's state holds its lock.
        unsafe { self.arena.reserve(bytes) }
    }

    /// A node without keys.
    pub(super) fn make(&self, _: &mut Writer, is_leaf: bool) -> Result<NodeRef<'_>> {
        let size = if is_leaf { size_of::<Node>() } else { size_of::<Inner>() };
        // SAFETY: whoever has the writer's state holds its lock.
        let piece = unsafe { self.arena.allocate(size) }?;
        // SAFETY: the piece has the size of what is written, is aligned for it, and nobody else knows it.
        unsafe {
            match is_leaf {
                true => piece.cast::<Node>().write(Node::leaf()),
                false => piece.cast::<Inner>().write(Inner::empty()),
            }
        }
        Ok(NodeRef { at: piece.cast(), tree: PhantomData })
    }
}

/// A cursor that keeps its tree alive.
pub struct TreeIter {
    tree: Arc<Tree>,
    at: Option<Place>,
}

/// A [`Position`] in a tree that is kept alive otherwise.
#[derive(Clone, Copy)]
struct Place {
    leaf: NonNull<Node>,
    version: u64,
    slot: usize,
    record: NonNull<Record>,
}

// SAFETY: `at` is a place in `tree`, which is shared between threads by its own rules.
unsafe impl Send for TreeIter {}

impl TreeIter {
    /// Stands nowhere until it is moved.
    pub fn new(tree: &Arc<Tree>) -> TreeIter {
        TreeIter { tree: Arc::clone(tree), at: None }
    }

    /// The entry it stands on.
    pub fn entry(&self) -> Option<Entry<'_>> {
        // SAFETY: the record came from an entry of `tree`, which `self` keeps alive.
        self.at.map(|at| unsafe { Entry::new(at.record) })
    }

    /// Goes where `find` says. It works for a tree of any lifetime, so the entry can only be one of the tree it is given (or of
    /// one that lives for ever).
    pub fn go(&mut self, find: impl for<'a> FnOnce(&'a Tree) -> Option<Position<'a>>) {
        self.at = find(&self.tree).map(Place::of);
    }

    /// To the following entry; from nowhere to nowhere.
    pub fn next(&mut self) {
        let Some((rank, entry)) = self.standing() else { return };
        let beside = self.tree.entry_from(Some(Rank { slot: rank.slot + 1, ..rank }));
        let next = beside.unwrap_or_else(|Changed| self.tree.after(entry.key()));
        self.at = next.map(Place::of);
    }

    /// To the preceding entry; from nowhere to nowhere.
    pub fn prev(&mut self) {
        let Some((rank, entry)) = self.standing() else { return };
        // At the first one of a leaf the way leads through the root.
        let beside = if rank.slot == 0 { Err(Changed) } else { self.tree.entry_before(Some(rank)) };
        let prev = beside.unwrap_or_else(|Changed| self.tree.before(entry.key()));
        self.at = prev.map(Place::of);
    }

    fn standing(&self) -> Option<(Rank<'_>, Entry<'_>)> {
        let at = self.at?;
        let leaf = NodeRef { at: at.leaf, tree: PhantomData };
        Some((Rank { leaf, version: at.version, slot: at.slot }, self.entry()?))
    }
}

impl Place {
    fn of(position: Position<'_>) -> Place {
        let Position { leaf, version, slot, entry } = position;
        Place { leaf: leaf.at, version, slot, record: entry.record() }
    }
}

/// Every schedule of one writer and one reader. Fails with `trust-the-first-look`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::key::kind::Kind;
    use crate::util::sync::atomic::AtomicU64;
    use crate::util::sync::{explore, thread};

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    /// Each entry lands right in front of the one before: where a reader that looks for that one is just going by. The fifth splits
    /// the leaf, and makes a root above it.
    #[test]
    fn loom_a_published_entry_is_found_while_others_are_inserted_in_front_of_it() {
        explore("memtable", 2, || {
            let tree = Arc::new(Tree::new(&Order::Bytewise));
            for n in 1..=FANOUT as u64 - 1 {
                tree.insert(&[99 - n as u8], seqno(n), Kind::Put, &[n as u8]).unwrap();
            }
            let published = Arc::new(AtomicU64::new(FANOUT as u64 - 1));
            let writer = thread::spawn({
                let (tree, published) = (Arc::clone(&tree), Arc::clone(&published));
                move || {
                    for n in FANOUT as u64..=FANOUT as u64 + 1 {
                        tree.insert(&[99 - n as u8], seqno(n), Kind::Put, &[n as u8]).unwrap();
                        published.store(n, MemoryOrder::Release);
                    }
                }
            });
            let n = published.load(MemoryOrder::Acquire);
            let found = tree.newest(&[99 - n as u8], seqno(n)).expect("it was published");
            assert_eq!(found.value(), [n as u8]);
            let found = tree.newest(&[98], seqno(n)).expect("it was there from the beginning");
            assert_eq!(found.value(), [1]);
            let mut iter = TreeIter::new(&tree);
            iter.go(Tree::first);
            let mut seen = 0;
            while let Some(entry) = iter.entry() {
                seen += 1;
                assert_eq!(entry.key()[0] + entry.value()[0], 99);
                iter.next();
            }
            assert!(seen >= n, "{seen} of {n}");
            writer.join().unwrap();
        });
    }
}
