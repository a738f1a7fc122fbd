//! [`SkipList`]: entries in order of their internal keys, one writer, any number of readers that never wait.
//!
//! Where in the flow: a memtable's point entries. Each entry is one piece of the [`Arena`], written whole and then linked in:
//!
//! ```text
//!   link of level 2 | link of level 1 | link of level 0, key length, value length | internal key | value
//!                                     ^ a node's address
//! ```
//! Higher links lie *before* the node, so that a node of one level takes no room for them and a search needs no height.
//! On average one node in four has a second level, one in sixteen a third.
//!
//! Invariants, on which every `unsafe` block here rests:
//! - a node is never moved, changed (but for its links) or freed before the list;
//! - a link is null or points to a node that was whole before the link was stored (Release), so a reader that loaded it
//!   (Acquire) may read the node's lengths, key and value;
//! - a node that is linked at level `n` has links `0..=n`; links only ever change to a node that lies nearer.
//!
//! Thread rule: [`SkipList::insert`] and [`SkipList::reserve`] one at a time, which a flag enforces: a second writer gets
//! `Busy`, a bug of its caller. Everything else by any thread at any time; a reader sees each entry wholly or not at all.
#![expect(unsafe_code, reason = "nodes are raw memory that one writer links in while readers walk")]

use std::cell::UnsafeCell;
use std::cmp::Ordering;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use crate::error::{Error, ErrorKind, Result};
use crate::key::internal::{self, TRAILER_LEN};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::arena::{ALIGN, Arena};
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::util::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering as MemoryOrder};

/// 4^14 entries: 268 million before searches grow longer than they must.
const MAX_HEIGHT: usize = 14;

/// A pointer to the next node of a level.
type Link = AtomicPtr<Node>;

#[repr(C)]
struct Node {
    /// First, so that the links of higher levels lie before it like the rest of an array.
    next: Link,
    key_len: u32,
    value_len: u32,
}

const _: () = assert!(align_of::<Node>() <= ALIGN && size_of::<Link>().is_multiple_of(align_of::<Node>()));

/// A node, or the head of the list as `None`.
type Place = Option<NonNull<Node>>;

/// A user key and the trailer of an internal key: what searches compare with.
#[derive(Clone, Copy)]
struct Target<'a> {
    user_key: &'a [u8],
    trailer: u64,
}

impl<'a> Target<'a> {
    fn of(key: &'a [u8]) -> Target<'a> {
        // Too short for an internal key: before every entry of the user key it spells, as a target without a number would be.
        let (user_key, trailer) = internal::split(key).unwrap_or((key, u64::MAX));
        Target { user_key, trailer }
    }
}

/// The last place before a key on every level.
type Splice = [Place; MAX_HEIGHT];

/// What only the writer touches.
struct Writer {
    random: u32,
    /// Where the last entry went: entries that come in order need no search.
    splice: Splice,
}

/// Entries in order of their internal keys.
pub struct SkipList {
    order: Order,
    arena: Arena,
    /// Links of the head, the highest level first, as they lie before a node.
    head: [Link; MAX_HEIGHT],
    /// Levels in use. A reader that sees an old number searches longer, or finds null links; neither does harm.
    height: AtomicUsize,
    /// Held while someone writes.
    writing: AtomicBool,
    writer: UnsafeCell<Writer>,
}

// SAFETY: nodes belong to the arena, which the list owns; nothing in it belongs to the thread that made it.
unsafe impl Send for SkipList {}
// SAFETY: `writer` and the arena's allocation are reached only while `writing` is held; nodes are shared by the rules above.
unsafe impl Sync for SkipList {}

/// One entry of a list that is borrowed.
#[derive(Clone, Copy)]
pub struct Entry<'a> {
    node: NonNull<Node>,
    list: PhantomData<&'a SkipList>,
}

impl<'a> Entry<'a> {
    /// Its internal key.
    pub fn key(self) -> &'a [u8] {
        // SAFETY: the node comes from a link of the list (`Entry`s are made of nothing else), which is borrowed for 'a.
        unsafe { key_of(self.node) }
    }

    /// Its value.
    pub fn value(self) -> &'a [u8] {
        // SAFETY: as in `key`.
        unsafe { value_of(self.node) }
    }

    fn new(node: NonNull<Node>) -> Entry<'a> {
        Entry { node, list: PhantomData }
    }
}

/// # Safety
/// `node` was loaded from a link of a list that lives for `'a`.
unsafe fn key_of<'a>(node: NonNull<Node>) -> &'a [u8] {
    // SAFETY: the node was whole before it was linked, its key follows it, and neither changes while the list lives. The
    // pointer may be used for the whole piece, because it descends from the one that the arena gave.
    unsafe { std::slice::from_raw_parts(node.add(1).cast::<u8>().as_ptr(), (*node.as_ptr()).key_len as usize) }
}

/// # Safety
/// `node` was loaded from a link of a list that lives for `'a`.
unsafe fn value_of<'a>(node: NonNull<Node>) -> &'a [u8] {
    // SAFETY: as in `key_of`; the value follows the key.
    unsafe {
        let start = node.add(1).cast::<u8>().add((*node.as_ptr()).key_len as usize);
        std::slice::from_raw_parts(start.as_ptr(), (*node.as_ptr()).value_len as usize)
    }
}

/// # Safety
/// `node` belongs to a list that lives for `'a` and has a link of `level`.
unsafe fn link_of<'a>(node: NonNull<Node>, level: usize) -> &'a Link {
    // SAFETY: the links lie before the node, level 0 being its first field; links change only as atomics.
    unsafe { node.cast::<Link>().sub(level).as_ref() }
}

/// The writer's flag; freed also when a comparator panics.
struct Writing<'a>(&'a AtomicBool);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.store(false, MemoryOrder::Release);
    }
}

impl SkipList {
    /// An empty list.
    pub fn new(order: &Order) -> SkipList {
        SkipList {
            order: order.clone(),
            arena: Arena::new(),
            head: std::array::from_fn(|_| Link::new(ptr::null_mut())),
            height: AtomicUsize::new(1),
            writing: AtomicBool::new(false),
            writer: UnsafeCell::new(Writer { random: 0x9e37_79b9, splice: [None; MAX_HEIGHT] }),
        }
    }

    /// Adds an entry. Fails without a change if memory runs out, or if the key is there already, which a caller that numbers
    /// its writes cannot bring about.
    pub fn insert(&self, user_key: &[u8], seqno: SeqNo, kind: Kind, value: &[u8]) -> Result<()> {
        let _writing = self.begin_writing()?;
        // SAFETY: only the holder of the flag comes here, so this is the only reference.
        let writer = unsafe { &mut *self.writer.get() };
        let trailer = internal::trailer(seqno, kind);
        self.find_splice(Target { user_key, trailer }, &mut writer.splice)?;
        let height = writer.random_height();
        // SAFETY: the flag makes this the only writer.
        let node = unsafe { self.make_node(user_key, trailer, value, height) }?;
        if height > self.height.load(MemoryOrder::Relaxed) {
            // Its head links are still null: a reader that uses them too early finds the end of the level and goes down.
            self.height.store(height, MemoryOrder::Relaxed);
        }
        for (level, before) in writer.splice.iter_mut().enumerate().take(height) {
            let link = self.link(*before, level);
            // SAFETY: `make_node` gave the node this many links, and nobody else knows it yet on this level.
            unsafe { link_of(node, level).store(link.load(MemoryOrder::Relaxed), MemoryOrder::Relaxed) };
            // From here on readers find the node on this level: all of it must be visible to them.
            link.store(node.as_ptr(), MemoryOrder::Release);
            *before = Some(node);
        }
        Ok(())
    }

    /// Makes sure that `entries` entries with `bytes` bytes of user keys and values altogether can be added without running
    /// out of memory.
    pub fn reserve(&self, entries: usize, bytes: usize) -> Result<()> {
        let _writing = self.begin_writing()?;
        const WITHOUT_BYTES: usize = size_of::<Node>() + (MAX_HEIGHT - 1) * size_of::<Link>() + TRAILER_LEN + ALIGN;
        let size = entries.saturating_mul(WITHOUT_BYTES).saturating_add(bytes);
        // SAFETY: the flag makes this the only writer.
        unsafe { self.arena.reserve(size) }
    }

    /// The first entry at or after `key`, an internal key or seek target.
    pub fn seek(&self, key: &[u8]) -> Option<Entry<'_>> {
        self.neighbours(Target::of(key), false).1
    }

    /// The newest entry of `user_key` with a number up to `view`.
    pub fn newest(&self, user_key: &[u8], view: SeqNo) -> Option<Entry<'_>> {
        let target = Target { user_key, trailer: internal::seek_trailer(view) };
        let entry = self.neighbours(target, false).1?;
        (internal::user_key(entry.key()) == user_key).then_some(entry)
    }

    /// The last entry at or before `key`, an internal key or seek target.
    pub fn seek_for_prev(&self, key: &[u8]) -> Option<Entry<'_>> {
        self.neighbours(Target::of(key), true).0
    }

    /// The last entry before `key`.
    pub fn before(&self, key: &[u8]) -> Option<Entry<'_>> {
        self.neighbours(Target::of(key), false).0
    }

    /// The first entry.
    pub fn first(&self) -> Option<Entry<'_>> {
        self.after(None)
    }

    /// The last entry.
    pub fn last(&self) -> Option<Entry<'_>> {
        let mut place = None;
        for level in (0..self.height.load(MemoryOrder::Relaxed)).rev() {
            while let Some(next) = NonNull::new(self.link(place, level).load(MemoryOrder::Acquire)) {
                place = Some(next);
            }
        }
        place.map(Entry::new)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<SkipList>() + self.arena.memory_bytes()
    }

    fn begin_writing(&self) -> Result<Writing<'_>> {
        if self.writing.swap(true, MemoryOrder::Acquire) {
            debug_assert!(false, "two writers in one memtable");
            return Err(Error::new(ErrorKind::Busy, "another thread is writing to this memtable"));
        }
        Ok(Writing(&self.writing))
    }

    /// The link of `level` of a place that has one. Every place that a search on `level` passes does.
    fn link(&self, place: Place, level: usize) -> &Link {
        match place {
            None => &self.head[MAX_HEIGHT - 1 - level],
            // SAFETY: places are nodes of this list; see the contract of this function for the level.
            Some(node) => unsafe { link_of(node, level) },
        }
    }

    fn after(&self, place: Place) -> Option<Entry<'_>> {
        NonNull::new(self.link(place, 0).load(MemoryOrder::Acquire)).map(Entry::new)
    }

    /// How the entry of `node` compares with `target`.
    fn compare(&self, node: NonNull<Node>, target: Target<'_>) -> Ordering {
        // SAFETY: called with nodes that were loaded from links of this list, which is borrowed.
        let key = unsafe { key_of(node) };
        let (user_key, trailer) = internal::split(key).unwrap_or((key, u64::MAX));
        // Newest first: the greater trailer is the earlier entry.
        self.order.cmp(user_key, target.user_key).then_with(|| target.trailer.cmp(&trailer))
    }

    /// The last place on `level`, starting from `place`, before `target`, or at it if `inclusive`; and the node behind it.
    /// `passed` is a node that is known to lie behind `target`: it was met one level up.
    fn walk(
        &self,
        mut place: Place,
        level: usize,
        target: Target<'_>,
        inclusive: bool,
        passed: *mut Node,
    ) -> (Place, *mut Node) {
        loop {
            let next = self.link(place, level).load(MemoryOrder::Acquire);
            let Some(node) = NonNull::new(next) else { return (place, next) };
            if next == passed {
                return (place, next);
            }
            match self.compare(node, target) {
                Ordering::Less => place = Some(node),
                Ordering::Equal if inclusive => place = Some(node),
                _ => return (place, next),
            }
        }
    }

    /// The last entry before `target`, or at it if `inclusive`, and the first one behind that. The second is the one that was
    /// compared with `target`: to load the first one's link once more would find what was inserted in between since.
    fn neighbours(&self, target: Target<'_>, inclusive: bool) -> (Option<Entry<'_>>, Option<Entry<'_>>) {
        let (mut place, mut behind) = (None, ptr::null_mut());
        for level in (0..self.height.load(MemoryOrder::Relaxed)).rev() {
            (place, behind) = self.walk(place, level, target, inclusive, behind);
        }
        if planted("load-the-link-again") {
            behind = self.link(place, 0).load(MemoryOrder::Acquire);
        }
        (place.map(Entry::new), NonNull::new(behind).map(Entry::new))
    }

    /// Fills `splice`, which holds where the last entry went, with the last places before `target`.
    fn find_splice(&self, target: Target<'_>, splice: &mut Splice) -> Result<()> {
        let is_free = |next: *mut Node| NonNull::new(next).is_none_or(|next| self.compare(next, target).is_gt());
        if let Some(last) = splice[0]
            && self.compare(last, target).is_lt()
            && is_free(self.link(splice[0], 0).load(MemoryOrder::Acquire))
        {
            // Right behind the last entry. Then nothing lies between on any other level either.
            return Ok(());
        }
        // Whole or not at all: a comparator that panics half-way must not leave a mixture behind. Unused levels stay at the head.
        let mut found = [None; MAX_HEIGHT];
        let (mut place, mut passed) = (None, ptr::null_mut());
        for level in (0..self.height.load(MemoryOrder::Relaxed)).rev() {
            (place, passed) = self.walk(place, level, target, false, passed);
            found[level] = place;
        }
        *splice = found;
        if is_free(passed) {
            return Ok(());
        }
        Err(Error::invalid("this key and sequence number are in the memtable already"))
    }

    /// A node with all its bytes, linked nowhere, its links null.
    ///
    /// # Safety
    /// The caller is the only writer.
    unsafe fn make_node(&self, user_key: &[u8], trailer: u64, value: &[u8], height: usize) -> Result<NonNull<Node>> {
        let too_long = || Error::invalid("a key or value of 4 GiB or more");
        let key_len = user_key.len().checked_add(TRAILER_LEN).and_then(|len| u32::try_from(len).ok());
        let key_len = key_len.ok_or_else(too_long)?;
        let value_len = u32::try_from(value.len()).map_err(|_| too_long())?;
        let links = (height - 1) * size_of::<Link>();
        let size = [size_of::<Node>(), key_len as usize, value.len()]
            .iter()
            .try_fold(links, |sum, len| sum.checked_add(*len))
            .ok_or_else(too_long)?;
        // SAFETY: the caller is the only writer.
        let piece = unsafe { self.arena.allocate(size) }?;
        // SAFETY: the piece is `size` bytes, aligned for a node, and nobody else knows it. Links, node, key and value follow
        // each other without gaps (`size_of::<Link>()` is a multiple of a node's alignment) and add up to `size`.
        unsafe {
            let node = piece.add(links).cast::<Node>();
            for level in 1..height {
                node.cast::<Link>().sub(level).write(Link::new(ptr::null_mut()));
            }
            node.write(Node { next: Link::new(ptr::null_mut()), key_len, value_len });
            let bytes = node.add(1).cast::<u8>().as_ptr();
            ptr::copy_nonoverlapping(user_key.as_ptr(), bytes, user_key.len());
            let trailer = trailer.to_le_bytes();
            ptr::copy_nonoverlapping(trailer.as_ptr(), bytes.add(user_key.len()), TRAILER_LEN);
            ptr::copy_nonoverlapping(value.as_ptr(), bytes.add(key_len as usize), value.len());
            Ok(node)
        }
    }
}

impl Writer {
    /// One with probability 3/4, two with 3/16, and so on (xorshift32).
    fn random_height(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        (1 + self.random.trailing_zeros() as usize / 2).min(MAX_HEIGHT)
    }
}

/// A cursor that keeps its list alive.
pub struct SkipListIter {
    list: Arc<SkipList>,
    at: Place,
}

// SAFETY: `at` is a node of `list`, which is shared between threads by its own rules.
unsafe impl Send for SkipListIter {}

impl SkipListIter {
    /// Stands nowhere until it is moved.
    pub fn new(list: &Arc<SkipList>) -> SkipListIter {
        SkipListIter { list: Arc::clone(list), at: None }
    }

    /// The entry it stands on.
    pub fn entry(&self) -> Option<Entry<'_>> {
        self.at.map(Entry::new)
    }

    /// Goes where `find` says. It works for a list of any lifetime, so the entry can only be one of the list it is given (or of
    /// one that lives for ever).
    pub fn go(&mut self, find: impl for<'a> FnOnce(&'a SkipList) -> Option<Entry<'a>>) {
        self.at = find(&self.list).map(|entry| entry.node);
    }

    /// To the following entry; from nowhere to nowhere.
    pub fn next(&mut self) {
        self.at = self.at.and_then(|node| self.list.after(Some(node))).map(|entry| entry.node);
    }

    /// To the preceding entry; from nowhere to nowhere.
    pub fn prev(&mut self) {
        self.at = self.entry().and_then(|entry| self.list.before(entry.key())).map(|entry| entry.node);
    }
}

/// Every schedule of one writer and one reader. Fails with `load-the-link-again`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::util::sync::atomic::AtomicU64;
    use crate::util::sync::{explore, thread};

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    /// Each entry lands right in front of the one before: where a reader that looks for that one is just going by.
    #[test]
    fn loom_a_published_entry_is_found_while_others_are_inserted_in_front_of_it() {
        explore("memtable", 3, || {
            let list = Arc::new(SkipList::new(&Order::Bytewise));
            let published = Arc::new(AtomicU64::new(0));
            let writer = thread::spawn({
                let (list, published) = (Arc::clone(&list), Arc::clone(&published));
                move || {
                    for n in 1..=3u64 {
                        list.insert(&[9 - n as u8], seqno(n), Kind::Put, &[n as u8]).unwrap();
                        published.store(n, MemoryOrder::Release);
                    }
                }
            });
            let n = published.load(MemoryOrder::Acquire);
            if n > 0 {
                let found = list.newest(&[9 - n as u8], seqno(n)).expect("it was published");
                assert_eq!(found.value(), [n as u8]);
                let target = internal::seek_key(&[9 - n as u8], seqno(n));
                if let Some(before) = list.before(&target) {
                    assert!(before.value()[0] > n as u8);
                }
            }
            let mut seen = 0;
            let mut iter = SkipListIter::new(&list);
            iter.go(SkipList::first);
            while let Some(entry) = iter.entry() {
                seen += 1;
                assert_eq!(entry.key()[0] + entry.value()[0], 9);
                iter.next();
            }
            assert!(seen >= n, "{seen} of {n}");
            writer.join().unwrap();
        });
    }
}
