//! Growing: how entries come into a [`Tree`].
//!
//! Where in the flow: the commit leader's adds. The writer is alone, and goes down without looking twice. A full node is split before the
//! way leads through it, so that its parent has room:
//!
//! ```text
//!   parent   … | m | …            parent   … | m | s | …      s: the separator, first key of the new node
//!               \          →                \   \
//!   node         full             node       half  right      right is whole before anything points to it
//! ```
//! Parent and node are both marked as changing until both are right: a reader never finds one without the other. A key that comes right
//! behind the last one goes there without a search, and a full leaf that is appended to stays full.
//!
//! Invariants: whatever can fail comes before the first change; nothing that a caller supplies (a comparator) runs during one. What was
//! reserved cannot fail. Thread rule: one at a time, under the writer's lock, which the functions take.

use crate::error::{Error, ErrorKind, Result};
use crate::key::internal;
use crate::key::kind::Kind;
use crate::key::sequence::SeqNo;
use crate::memtable::arena::{ALIGN, Entry, Record};
use crate::memtable::node::{Changed, FANOUT, Node, Shape, common, head_of};
use crate::memtable::tree::{NodeRef, Target, Tree};
use crate::util::sync::atomic::Ordering as MemoryOrder;

/// What only the writer touches.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Where the last entry went: those that come in order need no search.
    last: Option<(*mut Node, usize)>,
    /// Nodes for splits to come, so that what was reserved cannot fail.
    leaves: Vec<*mut Node>,
    inners: Vec<*mut Node>,
    /// How many are in the tree.
    leaf_count: usize,
    inner_count: usize,
    entries: usize,
}

/// The separators between which a node lies, where there are any.
#[derive(Clone, Copy, Default)]
struct Fences<'a> {
    low: Option<Entry<'a>>,
    high: Option<Entry<'a>>,
}

impl Tree {
    /// Adds an entry. Fails without a change if memory runs out, or if the key is there already, which a caller that numbers
    /// its writes cannot bring about.
    pub fn insert(&self, user_key: &[u8], seqno: SeqNo, kind: Kind, value: &[u8]) -> Result<()> {
        let mut writer = self.writer.lock();
        let trailer = internal::trailer(seqno, kind);
        let entry = self.store(&mut writer, user_key, trailer, value)?;
        self.add(&mut writer, entry, Target { user_key, trailer })?;
        writer.entries += 1;
        Ok(())
    }

    /// Makes sure that `entries` entries with `bytes` bytes of user keys and values altogether can be added without running
    /// out of memory.
    pub fn reserve(&self, entries: usize, bytes: usize) -> Result<()> {
        let mut writer = self.writer.lock();
        let (leaves, inners) = writer.nodes_for(entries);
        let no_room = |_| Error::new(ErrorKind::NoSpace, "no memory for nodes of a memtable");
        writer.leaves.try_reserve(leaves).map_err(no_room)?;
        writer.inners.try_reserve(inners).map_err(no_room)?;
        while writer.leaves.len() < leaves {
            let leaf = self.make(&mut writer, true)?;
            writer.leaves.push(leaf.link());
        }
        while writer.inners.len() < inners {
            let inner = self.make(&mut writer, false)?;
            writer.inners.push(inner.link());
        }
        let without_bytes = Record::size(0, 0).unwrap_or_default() + ALIGN;
        self.reserve_bytes(&mut writer, entries.saturating_mul(without_bytes).saturating_add(bytes))
    }

    fn add<'a>(&'a self, writer: &mut Writer, entry: Entry<'a>, target: Target<'_>) -> Result<()> {
        let Some(mut node) = self.node(self.root.load(MemoryOrder::Relaxed)) else { return self.plant(writer, entry) };
        if let Some((leaf, slot)) = self.beside_last(writer, target)? {
            self.put(writer, leaf, slot, entry);
            return Ok(());
        }
        let (mut parent, mut fences) = (None, Fences::default());
        loop {
            if node.is_full() {
                if node.is_leaf() && self.rank(node, target, false)? == FANOUT {
                    return self.append(writer, node, parent, entry, fences);
                }
                let (right, separator) = self.split(writer, node, parent, fences)?;
                if self.compare(separator, target).is_gt() {
                    fences.high = Some(separator);
                } else {
                    (node, fences.low) = (right, Some(separator));
                }
            }
            let rank = self.rank(node, target, !node.is_leaf())?;
            let count = node.shape().count;
            if node.is_leaf() {
                if rank < count && self.compare(self.entry(node, rank)?, target).is_eq() {
                    return Err(Error::invalid("this key and sequence number are in the memtable already"));
                }
                self.put(writer, node, rank, entry);
                return Ok(());
            }
            if rank > 0 {
                fences.low = Some(self.entry(node, rank - 1)?);
            }
            if rank < count {
                fences.high = Some(self.entry(node, rank)?);
            }
            (parent, node) = (Some((node, rank)), self.child(node, rank)?);
        }
    }

    /// The first entry.
    fn plant(&self, writer: &mut Writer, entry: Entry<'_>) -> Result<()> {
        let root = self.take(writer, true)?;
        root.set_shape(Shape { count: 0, known: 0, prefix: if self.bytewise { entry.user_key().len() } else { 0 } });
        self.add_slot(root, 0, entry, None);
        self.root.store(root.link(), MemoryOrder::Release);
        writer.last = Some((root.link(), 0));
        Ok(())
    }

    /// Where an entry goes that comes right behind the last one, if its leaf has room.
    fn beside_last<'a>(&'a self, writer: &Writer, target: Target<'_>) -> Result<Option<(NodeRef<'a>, usize)>> {
        let Some((leaf, slot)) = writer.last.and_then(|(leaf, slot)| Some((self.node(leaf)?, slot))) else {
            return Ok(None);
        };
        let count = leaf.shape().count;
        if count == FANOUT || slot >= count || !self.compare(self.entry(leaf, slot)?, target).is_lt() {
            return Ok(None);
        }
        let next = if slot + 1 < count {
            Some(self.entry(leaf, slot + 1)?)
        } else {
            // The first key of a leaf is the separator before it: what lies before that belongs here.
            self.node(leaf.link.load(MemoryOrder::Relaxed)).map(|next| self.entry(next, 0)).transpose()?
        };
        let is_free = next.is_none_or(|next| self.compare(next, target).is_gt());
        Ok(is_free.then_some((leaf, slot + 1)))
    }

    fn put(&self, writer: &mut Writer, leaf: NodeRef<'_>, slot: usize, entry: Entry<'_>) {
        leaf.begin();
        self.add_slot(leaf, slot, entry, None);
        leaf.end();
        writer.last = Some((leaf.link(), slot));
    }

    /// Puts an entry behind the last one of a full leaf: into a leaf of its own, so that keys that come in order fill theirs.
    fn append<'a>(
        &'a self,
        writer: &mut Writer,
        leaf: NodeRef<'a>,
        parent: Option<(NodeRef<'a>, usize)>,
        entry: Entry<'a>,
        fences: Fences<'a>,
    ) -> Result<()> {
        let root = if parent.is_none() { Some(self.take(writer, false)?) } else { None };
        let right = self.take(writer, true)?;
        self.add_slot(right, 0, entry, None);
        self.dress(right, Fences { low: Some(entry), high: fences.high });
        self.hang(leaf, FANOUT, right, entry, parent.or(root.map(|root| (root, 0))), fences);
        writer.last = Some((right.link(), 0));
        Ok(())
    }

    /// Moves the upper half of a full node into a new one, and returns that and the separator between them.
    fn split<'a>(
        &'a self,
        writer: &mut Writer,
        node: NodeRef<'a>,
        parent: Option<(NodeRef<'a>, usize)>,
        fences: Fences<'a>,
    ) -> Result<(NodeRef<'a>, Entry<'a>)> {
        // All that can fail comes first.
        let root = if parent.is_none() { Some(self.take(writer, false)?) } else { None };
        let right = self.take(writer, node.is_leaf())?;
        let keep = FANOUT / 2;
        let separator = self.entry(node, keep)?;
        // The separator of inner nodes goes up, and its child becomes the first one of the new node.
        let from = if node.is_leaf() { keep } else { keep + 1 };
        for slot in from..FANOUT {
            right.copy_slot(slot - from, &node, slot);
        }
        if let (Ok(theirs), Ok(ours)) = (self.children(right), self.children(node)) {
            right.link.store(ours[keep].load(MemoryOrder::Relaxed), MemoryOrder::Relaxed);
            for slot in from..FANOUT {
                theirs[slot - from].store(ours[slot].load(MemoryOrder::Relaxed), MemoryOrder::Relaxed);
            }
        }
        right.set_shape(Shape { count: FANOUT - from, ..node.shape() });
        self.dress(right, Fences { low: Some(separator), high: fences.high });
        self.hang(node, keep, right, separator, parent.or(root.map(|root| (root, 0))), fences);
        Ok((right, separator))
    }

    /// Puts `right`, which nobody knows yet, behind `node`, of which the first `keep` slots stay. A parent without keys is a new root.
    fn hang(
        &self,
        node: NodeRef<'_>,
        keep: usize,
        right: NodeRef<'_>,
        separator: Entry<'_>,
        parent: Option<(NodeRef<'_>, usize)>,
        fences: Fences<'_>,
    ) {
        let Some((parent, slot)) = parent else { return };
        let is_root = parent.shape().count == 0;
        parent.begin();
        node.begin();
        if keep < FANOUT {
            node.set_shape(Shape { count: keep, ..node.shape() });
            self.dress(node, Fences { low: fences.low, high: Some(separator) });
        }
        if node.is_leaf() {
            right.link.store(node.link.load(MemoryOrder::Relaxed), MemoryOrder::Relaxed);
            node.link.store(right.link(), MemoryOrder::Release);
        }
        if is_root {
            parent.link.store(node.link(), MemoryOrder::Relaxed);
            let prefix = if self.bytewise { separator.user_key().len() } else { 0 };
            parent.set_shape(Shape { count: 0, known: 0, prefix });
        }
        self.add_slot(parent, slot, separator, Some(right));
        if is_root {
            self.root.store(parent.link(), MemoryOrder::Release);
        }
        node.end();
        parent.end();
    }

    /// Puts an entry, and what lies behind it if it is a separator, into a slot of a node that is being changed or is not known yet.
    fn add_slot(&self, node: NodeRef<'_>, slot: usize, entry: Entry<'_>, child: Option<NodeRef<'_>>) {
        let mut shape = node.shape();
        let count = shape.count;
        node.open_slot(slot, count);
        if let (Some(child), Ok(children)) = (child, self.children(node)) {
            for to in (slot + 1..=count).rev() {
                children[to].store(children[to - 1].load(MemoryOrder::Relaxed), MemoryOrder::Release);
            }
            children[slot].store(child.link(), MemoryOrder::Release);
        }
        node.set_slot(slot, entry.record(), head_of(entry.user_key(), shape.prefix));
        shape.count += 1;
        let other = self.entry(node, usize::from(slot == 0)).ok().filter(|_| count > 0);
        // At the edge of the tree a key may come that has less in common with the others than they have.
        let shared = other.map_or(shape.prefix, |other| common(other.user_key(), entry.user_key()));
        if shape.prefix > shape.known && shared < shape.prefix {
            shape.prefix = shared;
            self.set_heads(node, shape);
        }
        node.set_shape(shape);
    }

    /// Sets what a node's heads leave out, as the separators around it allow, and the heads.
    fn dress(&self, node: NodeRef<'_>, fences: Fences<'_>) {
        let count = node.shape().count;
        let (Ok(first), Ok(last)) = (self.entry(node, 0), self.entry(node, count - 1)) else { return };
        let shape = match (fences.low, fences.high) {
            _ if !self.bytewise => Shape { count, known: 0, prefix: 0 },
            (Some(low), Some(high)) => {
                let known = common(low.user_key(), high.user_key());
                Shape { count, known, prefix: known }
            }
            _ => Shape { count, known: 0, prefix: common(first.user_key(), last.user_key()) },
        };
        // Otherwise they are as they were, and looking at every record would take longer than all the rest.
        if shape.prefix != node.shape().prefix {
            self.set_heads(node, shape);
        }
        node.set_shape(shape);
    }

    fn set_heads(&self, node: NodeRef<'_>, shape: Shape) {
        for slot in 0..shape.count {
            if let Ok(entry) = self.entry(node, slot) {
                node.set_head(slot, head_of(entry.user_key(), shape.prefix));
            }
        }
    }

    /// A node for a split: one that was reserved, or a new one.
    fn take<'a>(&'a self, writer: &mut Writer, is_leaf: bool) -> Result<NodeRef<'a>> {
        let reserved = if is_leaf { writer.leaves.pop() } else { writer.inners.pop() };
        let node = match reserved.and_then(|link| self.node(link)) {
            Some(node) => node,
            None => self.make(writer, is_leaf)?,
        };
        *(if is_leaf { &mut writer.leaf_count } else { &mut writer.inner_count }) += 1;
        Ok(node)
    }
}

impl Writer {
    /// Most leaves and inner nodes that adding so many entries may take: a node that is full already is split once, and then again
    /// only when half as many keys as it has slots have come.
    fn nodes_for(&self, entries: usize) -> (usize, usize) {
        const HALF: usize = FANOUT / 2;
        if self.leaf_count <= 1 && self.entries.saturating_add(entries) <= FANOUT {
            return (usize::from(self.leaf_count == 0), 0);
        }
        // Levels above the leaves that there can be: each node but the root has half its slots taken.
        let levels = self.leaf_count.checked_ilog(HALF).unwrap_or(0) as usize + 1;
        let leaves = entries.min(self.leaf_count + entries / HALF + 1);
        let inners = entries.saturating_mul(levels + 1).min(self.inner_count + leaves / HALF * 2 + levels + 2);
        (leaves, inners)
    }
}

impl From<Changed> for Error {
    /// For the writer, under whom nothing changes: a bug, if ever.
    fn from(_: Changed) -> Error {
        Error::new(ErrorKind::Panic, "a node of a memtable changed under its only writer")
    }
}
