//! [`RecentWrites`]: which keys commits have written since the oldest live transaction began; and the check of a transaction
//! that wants to commit against them.
//!
//! Where in the flow: part of what the commit lock protects. `db/write` records each commit, transactional or plain, while any
//! transaction lives (otherwise that costs one comparison), and validates a transaction before its record goes to the log.
//!
//! Write sets are memtables without values: sorted by each family's order, range deletes and all. They come in *generations*, in
//! the order of commits, each of a bounded size:
//!
//! ```text
//! generation   1: 101..=340    2: 341..=602    3: 603..        transactions began at 355 and 610
//! ```
//! Generation 1 is older than both and goes as a whole. The transaction of 610 need not look at 2 at all; in 3 every entry above
//! 610 that lies in what it read is a conflict. So a check looks up or walks only a part of one generation that is not at once the
//! answer, however long the oldest transaction has been open. No I/O, no callback but a family's comparator.
//!
//! Invariants: every commit above the start of a live transaction is in a generation, or `dropped_through` is at or above it.
//! The bytes held never exceed the limit by more than the entry that was added last: the oldest generations go first, and the
//! transactions that began before what went are told so.
//!
//! Thread rule: under the commit lock.

use std::collections::{BTreeMap, VecDeque};

use crate::batch::WriteBatch;
use crate::db::read::read_set::{FamilyReads, ReadSet, Span};
use crate::error::{Error, ErrorKind, Result};
use crate::iter::internal::InternalIterator;
use crate::key::family::FamilyId;
use crate::key::internal;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::util::shown_key::shown_key;

/// A generation is closed at this part of the limit, within bounds: a memtable takes a few KiB even for one entry.
const PART_OF_LIMIT: usize = 32;
const SMALLEST_GENERATION: usize = 16 << 10;
const LARGEST_GENERATION: usize = 1 << 20;
/// The share of the memory budget that write sets may take, as a divisor.
const SHARE_OF_BUDGET: u64 = 8;

/// The write sets of recent commits.
#[derive(Debug)]
pub struct RecentWrites {
    /// When the live transactions began, and how many at once.
    live: BTreeMap<SeqNo, usize>,
    /// Oldest first; the last one grows.
    generations: VecDeque<Generation>,
    /// Bytes of all generations but the last.
    closed_bytes: usize,
    /// Write sets through this number may have been dropped to stay inside the limit.
    dropped_through: SeqNo,
    limit: usize,
    /// A generation of this many bytes is closed.
    generation_bytes: usize,
}

/// The write sets of consecutive commits.
#[derive(Debug, Default)]
pub struct Generation {
    families: Vec<(FamilyId, Order, Memtable)>,
    /// Families that were dropped, and when: a write to all of their keys.
    dropped: Vec<(FamilyId, SeqNo)>,
    last: SeqNo,
    bytes: usize,
}

impl RecentWrites {
    /// None, and none to be kept as long as no transaction lives; never more than a share of `memory_budget`.
    pub fn new(memory_budget: u64) -> RecentWrites {
        let limit = usize::try_from(memory_budget / SHARE_OF_BUDGET).unwrap_or(usize::MAX);
        RecentWrites {
            live: BTreeMap::new(),
            generations: VecDeque::new(),
            closed_bytes: 0,
            dropped_through: SeqNo::ZERO,
            limit,
            generation_bytes: (limit / PART_OF_LIMIT).clamp(SMALLEST_GENERATION, LARGEST_GENERATION),
        }
    }

    /// A transaction begins that sees everything through `start`, which no commit has passed yet.
    pub fn register(&mut self, start: SeqNo) {
        *self.live.entry(start).or_insert(0) += 1;
    }

    /// It ended. What nobody needs any more is returned, to be dropped without the lock.
    #[must_use]
    pub fn unregister(&mut self, start: SeqNo) -> Vec<Generation> {
        if let Some(count) = self.live.get_mut(&start) {
            *count -= 1;
            if *count == 0 {
                self.live.remove(&start);
            }
        }
        let oldest = self.live.keys().next().copied();
        let mut gone = Vec::new();
        while self.generations.front().is_some_and(|front| oldest.is_none_or(|oldest| front.last <= oldest)) {
            gone.extend(self.take_oldest());
        }
        gone
    }

    /// How many transactions live.
    pub fn transactions(&self) -> usize {
        self.live.values().sum()
    }

    /// Bytes that the write sets take.
    pub fn bytes(&self) -> usize {
        self.closed_bytes + self.generations.back().map_or(0, |last| last.bytes)
    }

    /// Bytes that the block cache should give up for them: all but those of the generation that grows.
    pub fn charge(&self) -> u64 {
        self.closed_bytes as u64
    }

    /// Notes the commit of `batch`, whose first entry has the number `first`.
    pub fn record(&mut self, batch: &WriteBatch, first: SeqNo, order_of: impl Fn(FamilyId) -> Option<Order>) {
        if self.live.is_empty() {
            return;
        }
        for (index, entry) in batch.iter().enumerate() {
            let (Ok(entry), Some(seqno)) = (entry, first.checked_add(index as u64)) else { continue };
            let end: &[u8] = if entry.kind == Kind::RangeDelete { entry.value } else { b"" };
            let generation = self.growing();
            let added = generation.family(entry.family, &order_of).map_or(Ok(0), |memtable| {
                let before = memtable.approximate_bytes();
                memtable.add(seqno, entry.kind, entry.key, end)?;
                Ok::<usize, Error>(memtable.approximate_bytes() - before)
            });
            generation.last = seqno;
            match added {
                Ok(bytes) => generation.bytes += bytes,
                // No memory for it. Whatever the transactions of now read, they cannot be told any more.
                Err(_) => self.drop_all(seqno),
            }
            while self.bytes() > self.limit {
                self.drop_oldest();
            }
        }
    }

    /// Notes that `family` was dropped at `seqno`.
    pub fn record_drop(&mut self, family: FamilyId, seqno: SeqNo) {
        if !self.live.is_empty() {
            let generation = self.growing();
            generation.dropped.push((family, seqno));
            generation.last = seqno;
        }
    }

    /// The generation that takes the next entry.
    fn growing(&mut self) -> &mut Generation {
        if let Some(last) = self.generations.back()
            && last.bytes >= self.generation_bytes
        {
            self.closed_bytes += last.bytes;
            self.generations.push_back(Generation::default());
        }
        if self.generations.is_empty() {
            self.generations.push_back(Generation::default());
        }
        let last = self.generations.len() - 1;
        &mut self.generations[last]
    }

    fn take_oldest(&mut self) -> Option<Generation> {
        let oldest = self.generations.pop_front()?;
        if !self.generations.is_empty() {
            self.closed_bytes -= oldest.bytes;
        }
        Some(oldest)
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.take_oldest() {
            self.dropped_through = self.dropped_through.max(oldest.last);
        }
    }

    /// Keeps nothing from now on: the database is closed.
    pub fn clear(&mut self) {
        self.drop_all(SeqNo::MAX);
    }

    fn drop_all(&mut self, through: SeqNo) {
        self.generations.clear();
        self.closed_bytes = 0;
        self.dropped_through = through;
    }

    /// `Conflict` if any commit after `since` wrote to what is in `reads`, or if that cannot be told any more.
    pub fn validate(&self, since: SeqNo, reads: &ReadSet) -> Result<()> {
        if reads.is_empty() {
            return Ok(());
        }
        if since < self.dropped_through {
            let why =
                "the write sets of commits since this transaction began were dropped to stay inside the memory budget";
            return Err(Error::new(ErrorKind::Conflict, why));
        }
        for generation in self.generations.iter().rev().take_while(|generation| generation.last > since) {
            for (family, reads) in reads.families() {
                if generation.dropped.iter().any(|(id, at)| *id == family && *at > since) {
                    let why = format!("column family {family}, which this transaction depends on, was dropped");
                    return Err(Error::new(ErrorKind::Conflict, why));
                }
                if let Some((_, _, memtable)) = generation.families.iter().find(|(id, ..)| *id == family)
                    && let Some(key) = common(memtable, reads, since)
                {
                    return Err(conflict(&key));
                }
            }
        }
        Ok(())
    }
}

impl Generation {
    /// The write set of family `id`; `None` for a family that no longer exists.
    fn family(&mut self, id: FamilyId, order_of: impl Fn(FamilyId) -> Option<Order>) -> Option<&Memtable> {
        let at = match self.families.iter().position(|(family, ..)| *family == id) {
            Some(at) => at,
            None => {
                let order = order_of(id)?;
                let memtable = Memtable::new(&order);
                self.bytes += memtable.approximate_bytes();
                self.families.push((id, order, memtable));
                self.families.len() - 1
            }
        };
        self.families.get(at).map(|(_, _, memtable)| memtable)
    }
}

/// A key that was read and that `written` has above `since`. Looks for the fewer among the more.
fn common(written: &Memtable, reads: &FamilyReads, since: SeqNo) -> Option<Vec<u8>> {
    if (written.entries() as usize) >= reads.spans().len() {
        return reads.spans().iter().find_map(|span| written_since(written, reads.order(), span, since));
    }
    if let Some(start) = deleted_since(written, since, |start, end| reads.overlaps(start, end)) {
        return Some(start);
    }
    let mut iter = written.iter();
    iter.seek_to_first();
    while let Some(entry) = iter.valid().then(|| internal::parse(iter.key())).flatten() {
        if entry.seqno > since && reads.holds(entry.user_key) {
            return Some(entry.user_key.to_vec());
        }
        iter.next();
    }
    None
}

/// The start of a range that was deleted above `since` and `overlaps`.
fn deleted_since(written: &Memtable, since: SeqNo, overlaps: impl Fn(&[u8], &[u8]) -> bool) -> Option<Vec<u8>> {
    let mut found = None;
    written.any_range_deleted_since(since, |start, end| {
        let overlaps = overlaps(start, end);
        found = overlaps.then(|| start.to_vec());
        overlaps
    });
    found
}

/// A key in `span` that `written` has above `since`, or the start of a deleted range.
fn written_since(written: &Memtable, order: &Order, span: &Span, since: SeqNo) -> Option<Vec<u8>> {
    match span {
        Span::Key(key) => {
            let newest = written.get(key, SeqNo::MAX).map_or(SeqNo::ZERO, |(seqno, _, _)| seqno);
            let newest = newest.max(written.covering_tombstone(key, SeqNo::MAX));
            (newest > since).then(|| key.clone())
        }
        Span::Stretch { lower, upper } => {
            let overlaps = |start: &[u8], end: &[u8]| {
                upper.holds(order, start) && lower.as_ref().is_none_or(|lower| order.cmp(lower, end).is_lt())
            };
            if let Some(start) = deleted_since(written, since, overlaps) {
                return Some(start);
            }
            let mut iter = written.iter();
            match lower {
                Some(lower) => iter.seek(&internal::seek_key(lower, SeqNo::MAX)),
                None => iter.seek_to_first(),
            }
            while let Some(entry) = iter.valid().then(|| internal::parse(iter.key())).flatten() {
                if !upper.holds(order, entry.user_key) {
                    return None;
                }
                if entry.seqno > since {
                    return Some(entry.user_key.to_vec());
                }
                iter.next();
            }
            None
        }
    }
}

fn conflict(key: &[u8]) -> Error {
    let shown = shown_key(key);
    let message = format!("a commit after this transaction began wrote to what it depends on, at key {shown}");
    Error::new(ErrorKind::Conflict, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::read::read_set::Upper;
    use crate::iter::vec_iter::Rng;

    const FAMILY: FamilyId = FamilyId(0);

    fn seqno(n: u64) -> SeqNo {
        SeqNo::new(n).unwrap()
    }

    fn key(n: u64) -> Vec<u8> {
        format!("{n:03}").into_bytes()
    }

    fn order_of(_: FamilyId) -> Option<Order> {
        Some(Order::Bytewise)
    }

    fn reads(spans: &[Span]) -> ReadSet {
        let mut set = ReadSet::new(usize::MAX);
        spans.iter().for_each(|span| set.add(FAMILY, &Order::Bytewise, span.clone()));
        set.settle();
        set
    }

    fn put(recent: &mut RecentWrites, n: u64, key: &[u8]) {
        let mut batch = WriteBatch::new();
        batch.put(key, b"a value that is not kept").unwrap();
        recent.record(&batch, seqno(n), order_of);
    }

    #[test]
    fn nothing_is_kept_while_no_transaction_lives() {
        let mut recent = RecentWrites::new(1 << 20);
        put(&mut recent, 1, b"k");
        assert_eq!(recent.bytes(), 0);
        recent.register(seqno(1));
        put(&mut recent, 2, b"k");
        assert!(recent.bytes() > 0);
        assert!(recent.validate(seqno(1), &reads(&[Span::Key(b"k".to_vec())])).is_err());
        assert!(recent.validate(seqno(2), &reads(&[Span::Key(b"k".to_vec())])).is_ok());
        assert_eq!(recent.unregister(seqno(1)).len(), 1);
        assert_eq!((recent.bytes(), recent.transactions()), (0, 0));
    }

    /// One commit: its first number, the keys it put, the range it deleted.
    type Commit = (u64, Vec<u64>, Option<(u64, u64)>);

    fn random_commit(rng: &mut Rng, first: u64, recent: &mut RecentWrites) -> Commit {
        let mut batch = WriteBatch::new();
        let puts: Vec<u64> = (0..rng.below(4)).map(|_| rng.below(200)).collect();
        puts.iter().for_each(|n| batch.put(&key(*n), b"v").unwrap());
        let range = (rng.below(6) == 0).then(|| (rng.below(200), 1 + rng.below(8)));
        if let Some((start, len)) = range {
            batch.delete_range(&key(start), &key(start + len)).unwrap();
        }
        recent.record(&batch, seqno(first), order_of);
        (first, puts, range)
    }

    fn touches((_, puts, range): &Commit, lower: u64, upper: u64) -> bool {
        let deleted = range.is_some_and(|(start, len)| start <= upper && lower < start + len);
        deleted || puts.iter().any(|n| (lower..=upper).contains(n))
    }

    #[test]
    fn what_later_commits_touch_is_found_and_nothing_else() {
        let (mut conflicts, mut free) = (0, 0);
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            // Generations of a few entries, and room for all of them.
            let mut recent = RecentWrites { generation_bytes: 6 << 10, ..RecentWrites::new(64 << 20) };
            let (mut live, mut commits, mut next) = (Vec::new(), Vec::<Commit>::new(), 1);
            for step in 0..120 {
                match rng.below(6) {
                    0 => {
                        recent.register(seqno(next - 1));
                        live.push(next - 1);
                    }
                    1 if !live.is_empty() => {
                        let start = live.swap_remove(rng.below(live.len() as u64) as usize);
                        drop(recent.unregister(seqno(start)));
                    }
                    _ => {
                        let commit = random_commit(&mut rng, next, &mut recent);
                        next += commit.1.len() as u64 + u64::from(commit.2.is_some());
                        commits.push(commit);
                    }
                }
                for start in &live {
                    // Few reads among many writes, and the other way round.
                    let count = if rng.below(3) == 0 { 1 + rng.below(12) } else { 1 };
                    let (mut spans, mut expected) = (Vec::new(), false);
                    for _ in 0..count {
                        let (lower, len) = (rng.below(200), rng.below(4));
                        spans.push(match len {
                            0 => Span::Key(key(lower)),
                            _ => Span::Stretch { lower: Some(key(lower)), upper: Upper::Through(key(lower + len)) },
                        });
                        expected |= commits.iter().any(|c| c.0 > *start && touches(c, lower, lower + len));
                    }
                    let found = recent.validate(seqno(*start), &reads(&spans)).is_err();
                    assert_eq!(found, expected, "seed {seed} step {step} start {start} {spans:?}");
                    conflicts += usize::from(found);
                    free += usize::from(!found);
                }
            }
        }
        assert!(conflicts > 1000 && free > 1000, "{conflicts} and {free}");
    }

    #[test]
    fn the_oldest_write_sets_go_when_there_are_too_many() {
        let limit = 128 << 10;
        let mut recent = RecentWrites::new(limit as u64 * SHARE_OF_BUDGET);
        recent.register(SeqNo::ZERO);
        recent.register(seqno(5_000));
        let one = reads(&[Span::Key(b"never written".to_vec())]);
        assert!(recent.validate(SeqNo::ZERO, &one).is_ok());
        for n in 1..=5_100 {
            put(&mut recent, n, &key(n));
            assert!(recent.bytes() <= limit, "{} bytes", recent.bytes());
        }
        let error = recent.validate(SeqNo::ZERO, &one).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.message().contains("memory budget"), "{error}");
        assert!(recent.validate(SeqNo::ZERO, &reads(&[])).is_ok(), "who read nothing depends on nothing");
        assert!(recent.validate(seqno(5_000), &one).is_ok(), "the youngest are kept longest");
        assert!(recent.validate(seqno(5_000), &reads(&[Span::Key(key(5_050))])).is_err());
        // One batch that is larger than all of the room.
        let mut batch = WriteBatch::new();
        (0..5_000).for_each(|n| batch.put(&key(n), b"").unwrap());
        recent.record(&batch, seqno(6_000), order_of);
        assert!(recent.bytes() <= limit);
        assert!(recent.validate(seqno(5_100), &one).is_err());
    }
}
