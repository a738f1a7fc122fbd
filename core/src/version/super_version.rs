//! [`SuperVersion`]: all that a family holds at one moment: the memtable that takes writes, those that wait for their flush,
//! and the tables. Readers take one and need no lock from there on; every change makes a new one.
//!
//! Sources are ordered: what the memtable has of a key is newer than what the first immutable has of it, and so on through level 0,
//! newest table first, down to the last level. So a lookup is a walk:
//!
//! ```text
//! memtable → immutables, newest first → level 0, newest first → the one table of each deeper level
//!   each: covering = max(covering, its tombstone over the key);  entry = its newest entry for the view
//!         resolve(entry, covering) → value | absent: done;  keep looking: next source;  operand: see `merged`
//! ```
//! Example: a delete of `[a, z)` at 9 in a memtable, `k` put at 7 in a table. The memtable has no entry of `k`, but its tombstone
//! says that nothing older matters: no table is asked.
//!
//! Thread rule: immutable but for the memtable, which one writer adds to while any thread reads.

use std::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::iter::bounds::Bounds;
use crate::iter::covering::{CoveringTombstones, TombstoneSource};
use crate::iter::internal::InternalIterator;
use crate::iter::merging::MergingIterator;
use crate::iter::resolve::{Verdict, View};
use crate::key::kind::Kind;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::merge::MergeOperator;
use crate::util::hash::key_hash;
use crate::util::pinned::Pinned;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::level_iter::LevelIter;
use crate::version::level_tombstones::LevelTombstones;
use crate::version::table_cache::TableCache;
use crate::version::version::Version;

/// What a family holds at one moment.
pub struct SuperVersion {
    memtable: Arc<Memtable>,
    /// Newest first.
    immutables: Vec<Arc<Memtable>>,
    version: Arc<Version>,
    /// Opens the tables. Here, so that a close lets go of the caches by the same swap that lets go of everything else.
    tables: Arc<TableCache>,
}

/// What an iterator walks over: every entry in order, and the tombstones over them.
pub struct Sources {
    /// All point entries of all sources.
    pub merged: MergingIterator,
    /// The range tombstones of all sources.
    pub tombstones: CoveringTombstones,
}

impl SuperVersion {
    /// Of these parts; immutables newest first.
    pub fn new(
        memtable: Arc<Memtable>,
        immutables: Vec<Arc<Memtable>>,
        version: Arc<Version>,
        tables: Arc<TableCache>,
    ) -> SuperVersion {
        SuperVersion { memtable, immutables, version, tables }
    }

    /// The memtable that takes writes.
    pub fn memtable(&self) -> &Arc<Memtable> {
        &self.memtable
    }

    /// The memtables that wait for their flush, newest first.
    pub fn immutables(&self) -> &[Arc<Memtable>] {
        &self.immutables
    }

    /// The tables.
    pub fn version(&self) -> &Arc<Version> {
        &self.version
    }

    /// What opens the tables, and the cache of their blocks.
    pub fn tables(&self) -> &Arc<TableCache> {
        &self.tables
    }

    /// The same with `memtable` for writes, and the old one waiting for its flush.
    pub fn with_new_memtable(&self, memtable: Arc<Memtable>) -> SuperVersion {
        let mut immutables = vec![Arc::clone(&self.memtable)];
        immutables.extend_from_slice(&self.immutables);
        SuperVersion { memtable, immutables, version: Arc::clone(&self.version), tables: Arc::clone(&self.tables) }
    }

    /// The same with the tables of `version`, which hold what is in the immutables that `flushed` names.
    pub fn with_version(&self, version: Arc<Version>, flushed: impl Fn(&Arc<Memtable>) -> bool) -> SuperVersion {
        let immutables = self.immutables.iter().filter(|memtable| !flushed(memtable)).cloned().collect();
        SuperVersion { memtable: Arc::clone(&self.memtable), immutables, version, tables: Arc::clone(&self.tables) }
    }

    /// The value of `user_key` for `view`; `operator` is that of the family, if it has one.
    pub fn get(
        &self,
        user_key: &[u8],
        view: &View,
        operator: Option<&dyn MergeOperator>,
        fill_cache: bool,
    ) -> Result<Option<Pinned>> {
        let mut covering = SeqNo::ZERO;
        for memtable in self.memtables() {
            covering = covering.max(memtable.covering_tombstone(user_key, view.seqno));
            let entry = memtable.get(user_key, view.seqno);
            match view.resolve(user_key, entry, covering)? {
                // Copied: a pin would keep a whole memtable alive for one value.
                Verdict::Value { skip } => {
                    let value = entry.and_then(|(_, _, value)| value.get(skip..));
                    return value.map(|value| Some(Pinned::copy(value))).ok_or_else(no_value);
                }
                Verdict::Operand => return self.get_merged(user_key, view, operator, fill_cache),
                Verdict::Absent => return Ok(None),
                Verdict::KeepLooking => {}
            }
        }
        self.get_from_tables(user_key, view, covering, operator, fill_cache)
    }

    fn get_from_tables(
        &self,
        user_key: &[u8],
        view: &View,
        mut covering: SeqNo,
        operator: Option<&dyn MergeOperator>,
        fill_cache: bool,
    ) -> Result<Option<Pinned>> {
        let hash = key_hash(user_key);
        for file in self.candidates(user_key, view.seqno) {
            let table = self.tables.get(file, self.version.order())?;
            if file.range_tombstones > 0 && !planted("forget-range-tombstones") {
                covering = covering.max(table.tombstones().covering(user_key, view.seqno));
            }
            let found = table.get(user_key, hash, view.seqno, fill_cache)?;
            let verdict = view.resolve(user_key, found.as_ref().map(borrow), covering);
            match verdict.map_err(|error| error.with_file(self.tables.path_of(file.number)))? {
                Verdict::Value { skip } => {
                    return found.ok_or_else(no_value).and_then(|found| strip(found.2, skip)).map(Some);
                }
                Verdict::Operand => return self.get_merged(user_key, view, operator, fill_cache),
                Verdict::Absent => return Ok(None),
                Verdict::KeepLooking => {}
            }
        }
        Ok(None)
    }

    pub(super) fn memtables(&self) -> impl Iterator<Item = &Arc<Memtable>> {
        std::iter::once(&self.memtable).chain(&self.immutables)
    }

    /// The tables that may hold something of `user_key` for a view of `view`, newest first.
    pub(super) fn candidates(&self, user_key: &[u8], view: SeqNo) -> impl Iterator<Item = &Arc<FileMeta>> {
        let order = self.version.order();
        let l0 = self.version.l0().iter().filter(move |file| file.contains(order, user_key));
        let deeper = Level::all().skip(1).filter_map(move |level| self.version.find(level, user_key));
        l0.chain(deeper).filter(move |file| file.smallest_seqno <= view)
    }

    /// Everything that an iterator of a view of `view` within `bounds` has to look at. Tables of level 0 are opened here, those
    /// below when the iterator gets to them.
    pub fn sources(&self, bounds: &Bounds, view: SeqNo, fill_cache: bool) -> Result<Sources> {
        let order = self.version.order();
        let span = KeySpan::between(bounds.lower.as_deref(), bounds.upper.as_deref());
        let mut children: Vec<Box<dyn InternalIterator>> = Vec::new();
        let mut tombstones: Vec<Arc<dyn TombstoneSource>> = Vec::new();
        for memtable in self.memtables() {
            children.push(Box::new(memtable.iter()));
            // One that gets its first tombstone later gets it above this view.
            if memtable.range_tombstones() > 0 {
                tombstones.push(Arc::clone(memtable) as Arc<dyn TombstoneSource>);
            }
        }
        for file in self.version.overlapping(Level::ZERO, &span) {
            let table = self.tables.get(&file, order)?;
            if file.range_tombstones > 0 {
                tombstones.push(Arc::clone(table.tombstones()) as Arc<dyn TombstoneSource>);
            }
            children.push(Box::new(table.iter(fill_cache)));
        }
        for level in Level::all().skip(1) {
            let range = self.version.overlapping_range(level, &span);
            if range.is_empty() {
                continue;
            }
            if self.version.has_tombstones(level) {
                let files = &self.version.level(level)[range.clone()];
                let source = LevelTombstones::of(&self.tables, order, files);
                tombstones.extend(source.map(|source| Arc::new(source) as Arc<dyn TombstoneSource>));
            }
            children.push(Box::new(LevelIter::of_level(
                &self.version,
                level,
                range,
                Arc::clone(&self.tables),
                fill_cache,
            )));
        }
        let merged = MergingIterator::new(order, children);
        Ok(Sources { merged, tombstones: CoveringTombstones::new(order, view, tombstones) })
    }
}

impl fmt::Debug for SuperVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("SuperVersion");
        out.field("entries", &self.memtable.entries()).field("immutables", &self.immutables.len());
        out.field("tables", &self.version.file_count()).finish_non_exhaustive()
    }
}

fn borrow((seqno, kind, value): &(SeqNo, Kind, Pinned)) -> (SeqNo, Kind, &[u8]) {
    (*seqno, *kind, value)
}

/// The value without the expiry time in front of it.
fn strip(value: Pinned, skip: usize) -> Result<Pinned> {
    if skip == 0 {
        return Ok(value);
    }
    value.slice(skip..value.len()).ok_or_else(no_value)
}

/// Unreachable: the resolver gives a value only for an entry, and skips no more than it has. Never taken for an absent key.
fn no_value() -> Error {
    Error::new(ErrorKind::Panic, "an entry without the value it was found to have")
}
