//! [`Memtable`]: recent writes of one family, in order: point entries in a tree, range deletions beside it.
//!
//! Where in the flow: the commit leader adds what the WAL has, then publishes the sequence number; reads ask the memtable
//! before any table; when it is large enough it becomes immutable and a flush writes it out as a table. A read looks like this:
//!
//! ```text
//!   get(k, view)  →  newest(k, view) in the tree  +  covering_tombstone(k, view)  →  iter::resolve
//! ```
//! Invariants: nothing is ever taken out or changed; numbers of range deletions ascend; what is added has a number above every
//! view that is being read, so a reader need not care whether it is there yet.
//!
//! A transaction keeps its uncommitted writes in memtables of its own, under numbers that no commit has. Whatever view reads
//! them sees them all, or all up to a number: [`Memtable::as_of`].
//!
//! Thread rule: `add` and `reserve` by one thread at a time (a second one waits), everything else by anyone, without waiting but
//! for a moment when writes come in between again and again. A writer that published its number with a release store after `add` is
//! seen whole by whoever acquired the number.

use crate::error::Result;
use crate::iter::covering::{Stretch, TombstoneSource};
use crate::iter::internal::InternalIterator;
use crate::iter::operands::stamp_of;
use crate::iter::tombstones::FragmentedTombstones;
use crate::key::internal;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::range_tombstones::RangeTombstones;
use crate::memtable::tree::{Tree, TreeIter};
use crate::util::sync::Arc;
use crate::util::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Recent writes of one family.
pub struct Memtable {
    points: Arc<Tree>,
    ranges: Arc<RangeTombstones>,
    /// Instead of the reader's view, if there is one.
    through: Option<SeqNo>,
    entries: AtomicU64,
    /// `u64::MAX` as long as there is none.
    first_seqno: AtomicU64,
    /// Counts for nothing as long as there is no first.
    last_seqno: AtomicU64,
    /// Whether something in it is not in the log, so that only a flush makes it durable.
    unlogged: AtomicBool,
    /// Whether something in it expires.
    expiring: AtomicBool,
    /// When its earliest merge operand was committed; `u64::MAX` as long as there is none.
    earliest_operand_ms: AtomicU64,
}

impl Memtable {
    /// An empty memtable for keys in `order`.
    pub fn new(order: &Order) -> Memtable {
        Memtable {
            points: Arc::new(Tree::new(order)),
            ranges: Arc::new(RangeTombstones::new(order)),
            through: None,
            entries: AtomicU64::new(0),
            first_seqno: AtomicU64::new(u64::MAX),
            last_seqno: AtomicU64::new(0),
            unlogged: AtomicBool::new(false),
            expiring: AtomicBool::new(false),
            earliest_operand_ms: AtomicU64::new(u64::MAX),
        }
    }

    /// The same entries as a source for reading, which shows to every view what has a number up to `through`, and nothing else.
    pub fn as_of(&self, through: SeqNo) -> Memtable {
        Memtable {
            points: Arc::clone(&self.points),
            ranges: Arc::clone(&self.ranges),
            through: Some(through),
            entries: AtomicU64::new(self.entries()),
            first_seqno: AtomicU64::new(self.first_seqno.load(Ordering::Relaxed)),
            last_seqno: AtomicU64::new(self.last_seqno.load(Ordering::Relaxed)),
            unlogged: AtomicBool::new(false),
            expiring: AtomicBool::new(self.has_expiring()),
            earliest_operand_ms: AtomicU64::new(self.earliest_operand_ms()),
        }
    }

    /// What a reader of `view` sees here.
    fn limit(&self, view: SeqNo) -> SeqNo {
        self.through.unwrap_or(view)
    }

    /// Notes that what is about to be added is not in the log.
    pub fn note_unlogged(&self) {
        self.unlogged.store(true, Ordering::Relaxed);
    }

    /// Whether it holds something that is not in the log.
    pub fn has_unlogged(&self) -> bool {
        self.unlogged.load(Ordering::Relaxed)
    }

    /// Whether it holds puts that expire.
    pub fn has_expiring(&self) -> bool {
        self.expiring.load(Ordering::Relaxed)
    }

    /// When its earliest merge operand was committed; `u64::MAX` if it holds none.
    pub fn earliest_operand_ms(&self) -> u64 {
        self.earliest_operand_ms.load(Ordering::Relaxed)
    }

    /// Makes sure that point entries can be added without running out of memory: `entries` of them, with `bytes` bytes of keys
    /// and values altogether. To be called before a batch goes to the WAL, from where there is no way back.
    pub fn reserve(&self, entries: usize, bytes: usize) -> Result<()> {
        self.points.reserve(entries, bytes)
    }

    /// Adds a write. For a [`Kind::RangeDelete`] the key is the start of the range and the value its end; a range whose end
    /// does not follow its start deletes nothing. On failure nothing was added.
    pub fn add(&self, seqno: SeqNo, kind: Kind, user_key: &[u8], value: &[u8]) -> Result<()> {
        match kind {
            Kind::RangeDelete if !self.ranges.is_range(user_key, value) => {}
            Kind::RangeDelete => self.ranges.add(user_key, value, seqno)?,
            _ => self.points.insert(user_key, seqno, kind, value)?,
        }
        match kind {
            Kind::PutExpiring => self.expiring.store(true, Ordering::Relaxed),
            Kind::Merge => {
                let earliest = self.earliest_operand_ms().min(stamp_of(value));
                self.earliest_operand_ms.store(earliest, Ordering::Relaxed);
            }
            Kind::Put | Kind::Delete | Kind::RangeDelete => {}
        }
        // One writer: loads and stores suffice, and readers only want a figure.
        let number = seqno.get();
        self.entries.store(self.entries.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        if number > self.last_seqno.load(Ordering::Relaxed) {
            self.last_seqno.store(number, Ordering::Relaxed);
        }
        if number < self.first_seqno.load(Ordering::Relaxed) {
            self.first_seqno.store(number, Ordering::Relaxed);
        }
        Ok(())
    }

    /// The newest point entry of `user_key` that a view of `view` sees, whether or not a range deletion hides it.
    pub fn get(&self, user_key: &[u8], view: SeqNo) -> Option<(SeqNo, Kind, &[u8])> {
        let entry = self.points.newest(user_key, self.limit(view))?;
        let parsed = internal::parse(entry.key())?;
        Some((parsed.seqno, parsed.kind, entry.value()))
    }

    /// The newest range deletion over `user_key` that a view of `view` sees; zero if there is none. Costs one load as long as
    /// there are no range deletions at all.
    pub fn covering_tombstone(&self, user_key: &[u8], view: SeqNo) -> SeqNo {
        self.ranges.covering(user_key, self.limit(view))
    }

    /// How many range deletions it holds. Readers leave a memtable without any out of their tombstone sources.
    pub fn range_tombstones(&self) -> usize {
        self.ranges.len()
    }

    /// Whether `touches` says so of the start and end of any range deletion above `since`.
    pub fn any_range_deleted_since(&self, since: SeqNo, touches: impl FnMut(&[u8], &[u8]) -> bool) -> bool {
        self.ranges.any_since(since, touches)
    }

    /// The range deletions as a table keeps them, with the numbers that the live `snapshots` and later readers need. For a
    /// flush; a reader asks [`Memtable::covering_tombstone`] or uses the memtable as a [`TombstoneSource`].
    pub fn tombstones(&self, snapshots: &[SeqNo]) -> Result<FragmentedTombstones> {
        self.ranges.fragments(snapshots)
    }

    /// A cursor over the point entries, all versions, which keeps the memtable's entries alive by itself.
    pub fn iter(&self) -> MemtableIter {
        MemtableIter { cursor: TreeIter::new(&self.points), through: self.through }
    }

    /// Bytes of memory it holds.
    pub fn approximate_bytes(&self) -> usize {
        size_of::<Memtable>() + self.points.memory_bytes() + self.ranges.memory_bytes()
    }

    /// Writes added so far, range deletions included.
    pub fn entries(&self) -> u64 {
        self.entries.load(Ordering::Relaxed)
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.entries() == 0
    }

    /// The smallest number added.
    pub fn first_seqno(&self) -> Option<SeqNo> {
        SeqNo::new(self.first_seqno.load(Ordering::Relaxed))
    }

    /// The greatest number added.
    pub fn last_seqno(&self) -> Option<SeqNo> {
        self.first_seqno()?;
        SeqNo::new(self.last_seqno.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Memtable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Memtable({} entries, {} bytes)", self.entries(), self.approximate_bytes())
    }
}

impl TombstoneSource for Memtable {
    fn covering(&self, user_key: &[u8], view: SeqNo) -> Result<SeqNo> {
        Ok(self.ranges.covering(user_key, self.limit(view)))
    }

    fn covering_stretch(&self, user_key: &[u8], view: SeqNo, stretch: &mut Stretch) -> Result<SeqNo> {
        Ok(self.ranges.covering_stretch(user_key, self.limit(view), stretch))
    }
}

/// A cursor over the point entries of a memtable.
pub struct MemtableIter {
    cursor: TreeIter,
    /// Entries above it are passed over.
    through: Option<SeqNo>,
}

impl MemtableIter {
    fn is_hidden(&self) -> bool {
        let Some(through) = self.through else { return false };
        let entry = self.cursor.entry().and_then(|entry| internal::parse(entry.key()));
        entry.is_some_and(|entry| entry.seqno > through)
    }

    fn settle_forward(&mut self) {
        while self.is_hidden() {
            self.cursor.next();
        }
    }

    fn settle_backward(&mut self) {
        while self.is_hidden() {
            self.cursor.prev();
        }
    }
}

impl InternalIterator for MemtableIter {
    fn valid(&self) -> bool {
        self.cursor.entry().is_some()
    }

    fn seek_to_first(&mut self) {
        self.cursor.go(Tree::first);
        self.settle_forward();
    }

    fn seek_to_last(&mut self) {
        self.cursor.go(Tree::last);
        self.settle_backward();
    }

    fn seek(&mut self, target: &[u8]) {
        self.cursor.go(|tree| tree.seek(target));
        self.settle_forward();
    }

    fn seek_for_prev(&mut self, target: &[u8]) {
        self.cursor.go(|tree| tree.seek_for_prev(target));
        self.settle_backward();
    }

    fn next(&mut self) {
        debug_assert!(self.valid());
        self.cursor.next();
        self.settle_forward();
    }

    fn prev(&mut self) {
        debug_assert!(self.valid());
        self.cursor.prev();
        self.settle_backward();
    }

    fn key(&self) -> &[u8] {
        self.cursor.entry().map_or(&[], |entry| entry.key())
    }

    fn value(&self) -> &[u8] {
        self.cursor.entry().map_or(&[], |entry| entry.value())
    }

    fn status(&self) -> Result<()> {
        Ok(())
    }
}
