//! [`Iter`]: the user's cursor. It turns the merged stream of internal entries into one entry per live user key, as its view
//! sees them, in either direction and with a change of direction at any step.
//!
//! # How it stands
//! Going forward, the merged iterator stands *on* the entry that is shown. Going backward, it has already passed all entries
//! of the key that is shown and stands before them, because entries of a key come newest first and a backward walk meets the
//! newest last; key and value are therefore kept aside.
//!
//! ```text
//! entries (key, number)      a9  b7  b3  c5          view 8
//! forward, shown b:                  ^ merged on b7 (b3 will be skipped)
//! backward, shown b:         ^ merged on a9, "b" and the value of b7 kept aside
//! ```
//! A key whose newest entry is a merge operand has a value that is made here, of all operands that the view sees, and kept aside;
//! going forward, the merged iterator then stands on the first entry that did not count.
//!
//! A change of direction is a seek of the merged iterator from the shown key: simple, and right also after an end was
//! reached, when children may be exhausted. From "not valid" only a seek leads back.
//!
//! An iterator of a transaction walks over its uncommitted writes too, which are above every view, and says after each move how
//! far it has seen ([`ScanTracker`]).
//!
//! Thread rule: one thread at a time; may move between threads. It owns all it needs and may outlive the database handle:
//! its moves then answer `Closed` while what it holds stays readable.

use std::cmp::Ordering;

use crate::db::health::Health;
use crate::db::read::origin::Origin;
use crate::db::read::read_set::{ScanTracker, Upper};
use crate::error::{Error, Result};
use crate::iter::bounds::Bounds;
use crate::iter::covering::CoveringTombstones;
use crate::iter::internal::InternalIterator;
use crate::iter::operands::{Expiring, Operands};
use crate::iter::resolve::{Verdict, View};
use crate::key::internal::{self, ParsedKey};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::merge::MergeOperator;
use crate::util::pinned::Pinned;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::version::merged::{merged_value, take_all};
use crate::version::super_version::Sources;

/// Which way the last move went, and so where the merged iterator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Forward,
    Backward,
}

/// A cursor over the keys and values of a database as of one moment.
///
/// Not valid until positioned. Running off either end is no error: [`Iter::valid`] turns false, and only a seek leads back.
/// An error (damage, I/O) is returned by the move that met it, keeps the cursor invalid, and stays in [`Iter::status`] until
/// the next seek.
pub struct Iter {
    health: Arc<Health>,
    order: Order,
    view: View,
    bounds: Bounds,
    sources: Sources,
    operator: Option<Arc<dyn MergeOperator>>,
    direction: Direction,
    valid: bool,
    key: Vec<u8>,
    /// Entries of the key that a backward walk is at, from its oldest value on, oldest first. Kept for its capacity.
    met: Vec<(SeqNo, Kind, Pinned)>,
    /// The value shown: where in the merged iterator's value it starts (forward), or a copy or pin of it (backward, or merged).
    value: Shown,
    status: Result<()>,
    /// Where fresh sources come from; a transaction's cursor has no such place.
    origin: Option<Origin>,
    /// Where a seek begins among the entries of a key: at the first one that can be visible.
    newest: SeqNo,
    scan: Option<ScanTracker>,
}

enum Shown {
    /// `merged.value()[skip..]`.
    Here { skip: usize },
    /// Kept aside, with when it expires.
    Aside(Pinned, Option<u64>),
}

impl Iter {
    /// A cursor over `sources` within `bounds`. `operator` is that of the family, if it has one.
    pub(crate) fn new(
        health: Arc<Health>,
        order: Order,
        view: View,
        bounds: Bounds,
        sources: Sources,
        operator: Option<Arc<dyn MergeOperator>>,
    ) -> Iter {
        Iter {
            health,
            order,
            newest: view.seqno,
            scan: None,
            view,
            bounds,
            sources,
            operator,
            direction: Direction::Forward,
            valid: false,
            key: Vec::new(),
            met: Vec::new(),
            value: Shown::Here { skip: 0 },
            status: Ok(()),
            origin: None,
        }
    }

    /// The same with a place that it can be refreshed from.
    pub(crate) fn with_origin(mut self, origin: Origin) -> Iter {
        self.origin = Some(origin);
        self
    }

    /// Takes in what was committed since, as a new iterator would, with the same bounds; one of a snapshot leaves it. It is not
    /// valid until it is positioned again. `InvalidArgument` for the iterator of a transaction.
    pub fn refresh(&mut self) -> Result<()> {
        self.begin_seek()?;
        let origin =
            self.origin.as_ref().ok_or_else(|| Error::invalid("the iterator of a transaction cannot be refreshed"))?;
        let (view, sources) = match origin.look_again(&self.bounds) {
            Ok(fresh) => fresh,
            Err(error) => return Err(self.fail(error)),
        };
        (self.newest, self.view, self.sources) = (view.seqno, view, sources);
        Ok(())
    }

    /// The same for a transaction, whose own writes are among the sources and whose reads `scan` takes note of.
    pub(crate) fn in_transaction(mut self, scan: Option<ScanTracker>) -> Iter {
        self.newest = SeqNo::MAX;
        self.scan = scan;
        self
    }

    /// Whether it stands on an entry.
    pub fn valid(&self) -> bool {
        self.valid
    }

    /// The key here; empty when not valid. Lives until the next move.
    pub fn key(&self) -> &[u8] {
        if self.valid { &self.key } else { &[] }
    }

    /// The value here; empty when not valid. Lives until the next move.
    pub fn value(&self) -> &[u8] {
        if !self.valid {
            return &[];
        }
        match &self.value {
            Shown::Here { skip } => self.sources.merged.value().get(*skip..).unwrap_or_default(),
            Shown::Aside(value, _) => value,
        }
    }

    /// When the entry here expires, in milliseconds since 1970; `None` if it never does, or when not valid. What a merge made
    /// expires as what it was merged onto does.
    pub fn expires_at_ms(&self) -> Option<u64> {
        match &self.value {
            _ if !self.valid => None,
            Shown::Aside(_, expiry) => *expiry,
            Shown::Here { skip } => expiry_of(self.sources.merged.value(), *skip),
        }
    }

    /// The value here, alive for as long as the caller keeps it.
    pub fn pinned_value(&self) -> Pinned {
        if !self.valid {
            return Pinned::copy(&[]);
        }
        match &self.value {
            Shown::Aside(value, _) => value.clone(),
            Shown::Here { skip } => strip(self.sources.merged.pinned_value(), *skip),
        }
    }

    /// The error that stopped it, if one did.
    pub fn status(&self) -> Result<()> {
        self.status.clone()
    }

    /// To the first entry.
    pub fn seek_to_first(&mut self) -> Result<()> {
        self.begin_seek()?;
        match self.bounds.lower.as_deref() {
            Some(lower) => self.sources.merged.seek(&internal::seek_key(lower, SeqNo::MAX)),
            None => self.sources.merged.seek_to_first(),
        }
        self.find_forward(None)?;
        self.note_sought_forward(None);
        Ok(())
    }

    /// To the last entry.
    pub fn seek_to_last(&mut self) -> Result<()> {
        self.begin_seek()?;
        self.merged_to_last();
        self.find_backward()?;
        self.note_sought_backward(None);
        Ok(())
    }

    /// To the first entry at or after `key`.
    pub fn seek(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        let key = key.as_ref();
        self.begin_seek()?;
        let lower = self.bounds.lower.as_deref().filter(|lower| self.order.cmp(key, lower) == Ordering::Less);
        self.sources.merged.seek(&internal::seek_key(lower.unwrap_or(key), self.newest));
        self.find_forward(None)?;
        self.note_sought_forward(Some(key));
        Ok(())
    }

    /// To the last entry at or before `key`.
    pub fn seek_for_prev(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        let key = key.as_ref();
        self.begin_seek()?;
        if self.bounds.ends_before(&self.order, key) {
            self.merged_to_last();
        } else {
            self.sources.merged.seek_for_prev(&last_entry_of(key));
        }
        self.find_backward()?;
        self.note_sought_backward(Some(key));
        Ok(())
    }

    /// To the following entry. Does nothing when not valid.
    #[expect(clippy::should_implement_trait, reason = "a cursor's next, as in every engine of the field")]
    pub fn next(&mut self) -> Result<()> {
        if !self.begin_step()? {
            return Ok(());
        }
        let from = std::mem::take(&mut self.key);
        if self.direction == Direction::Backward {
            self.sources.merged.seek(&internal::seek_key(&from, SeqNo::MAX));
        }
        self.find_forward(Some(from))?;
        match &self.scan {
            Some(scan) if self.valid => scan.reached_up(&self.key),
            Some(scan) => scan.reached_end(self.end()),
            None => {}
        }
        Ok(())
    }

    /// To the preceding entry. Does nothing when not valid.
    pub fn prev(&mut self) -> Result<()> {
        if !self.begin_step()? {
            return Ok(());
        }
        if self.direction == Direction::Forward && !planted("forget-direction") {
            let from = std::mem::take(&mut self.key);
            self.merged_before(&from);
        }
        self.find_backward()?;
        if let Some(scan) = &self.scan {
            scan.reached_down(self.seen_down_to());
        }
        Ok(())
    }

    fn note_sought_forward(&self, from: Option<&[u8]>) {
        if let Some(scan) = &self.scan {
            let inside = from.filter(|from| !self.bounds.starts_after(&self.order, from));
            scan.sought(inside.or(self.bounds.lower.as_deref()).map(<[u8]>::to_vec), self.seen_up_to());
        }
    }

    fn note_sought_backward(&self, from: Option<&[u8]>) {
        if let Some(scan) = &self.scan {
            let inside = from.filter(|from| !self.bounds.ends_before(&self.order, from));
            let upper = inside.map_or_else(|| self.end(), |from| Upper::Through(from.to_vec()));
            scan.sought(self.seen_down_to().map(<[u8]>::to_vec), upper);
        }
    }

    /// How far a walk forward has seen: to the key shown, or to the end.
    fn seen_up_to(&self) -> Upper {
        if self.valid { Upper::Through(self.key.clone()) } else { self.end() }
    }

    fn seen_down_to(&self) -> Option<&[u8]> {
        if self.valid { Some(&self.key) } else { self.bounds.lower.as_deref() }
    }

    fn end(&self) -> Upper {
        self.bounds.upper.clone().map_or(Upper::End, Upper::Before)
    }

    fn begin_seek(&mut self) -> Result<()> {
        self.valid = false;
        self.status = self.health.check_open();
        self.status.clone()
    }

    /// The error that stopped it, or that of a database which is closed or belongs to the parent process.
    pub(crate) fn check(&mut self) -> Result<()> {
        self.status.clone()?;
        self.health.check_open().map_err(|error| self.fail(error))
    }

    /// False if there is nowhere to step from.
    fn begin_step(&mut self) -> Result<bool> {
        self.check()?;
        Ok(std::mem::replace(&mut self.valid, false))
    }

    fn fail(&mut self, error: Error) -> Error {
        let error = self.health.explain(error);
        self.valid = false;
        self.status = Err(error.clone());
        error
    }

    /// The merged iterator on the last entry within bounds.
    fn merged_to_last(&mut self) {
        match self.bounds.upper.clone() {
            Some(upper) => self.merged_before(&upper),
            None => self.sources.merged.seek_to_last(),
        }
    }

    /// The merged iterator on the last entry of the last key before `key`.
    fn merged_before(&mut self, key: &[u8]) {
        let merged = &mut self.sources.merged;
        merged.seek(&internal::seek_key(key, SeqNo::MAX));
        if merged.valid() {
            merged.prev();
        } else if merged.status().is_ok() {
            merged.seek_to_last();
        }
    }

    /// Walks forward from where the merged iterator stands to the first key, other than `skip`, that has a value.
    fn find_forward(&mut self, mut skip: Option<Vec<u8>>) -> Result<()> {
        self.direction = Direction::Forward;
        while self.sources.merged.valid() {
            let entry = match parse(self.sources.merged.key()) {
                Ok(entry) => entry,
                Err(error) => return Err(self.fail(error)),
            };
            if self.bounds.ends_before(&self.order, entry.user_key) {
                return Ok(());
            }
            let invisible = !self.view.sees(entry.seqno);
            if invisible || skip.as_deref().is_some_and(|skip| skip == entry.user_key) {
                self.sources.merged.next();
                continue;
            }
            match judge(&mut self.sources.tombstones, &self.view, entry, self.sources.merged.value()) {
                Err(error) => return Err(self.fail(error)),
                Ok(verdict) => {
                    let key = skip.get_or_insert_default();
                    key.clear();
                    key.extend_from_slice(entry.user_key);
                    match verdict {
                        Verdict::Value { skip: strip } => {
                            self.show(skip.take().unwrap_or_default(), Shown::Here { skip: strip });
                            return Ok(());
                        }
                        Verdict::Operand => match self.merge_forward(key) {
                            Err(error) => return Err(self.fail(error)),
                            Ok(Some((value, expiry))) => {
                                self.show(skip.take().unwrap_or_default(), Shown::Aside(value, expiry));
                                return Ok(());
                            }
                            Ok(None) => {}
                        },
                        Verdict::Absent | Verdict::KeepLooking => self.sources.merged.next(),
                    }
                }
            }
        }
        self.end_of_merged()
    }

    fn show(&mut self, key: Vec<u8>, value: Shown) {
        self.key = key;
        self.value = value;
        self.valid = true;
    }

    /// The value of `key`, on whose newest visible entry, an operand, the merged iterator stands. Moves it behind what counts.
    fn merge_forward(&mut self, key: &[u8]) -> Result<Option<Expiring>> {
        let covering = self.sources.tombstones.newest_over(key)?;
        let mut operands = Operands::new(self.view);
        take_all(&mut operands, &mut self.sources.merged, key, covering)?;
        merged_value(self.operator.as_deref(), key, &operands)
    }

    /// Walks backward from where the merged iterator stands to the first key that has a value.
    fn find_backward(&mut self) -> Result<()> {
        self.direction = Direction::Backward;
        while self.sources.merged.valid() {
            let entry = match parse(self.sources.merged.key()) {
                Ok(entry) => entry,
                Err(error) => return Err(self.fail(error)),
            };
            if self.bounds.starts_after(&self.order, entry.user_key) {
                return Ok(());
            }
            let key = entry.user_key.to_vec();
            match self.take_newest(&key).and_then(|()| self.value_backward(&key)) {
                Err(error) => return Err(self.fail(error)),
                Ok(Some((value, expiry))) => {
                    self.show(key, Shown::Aside(value, expiry));
                    return Ok(());
                }
                Ok(None) => {}
            }
        }
        self.end_of_merged()
    }

    /// Walks backward over all entries of `key`, on the last of which the merged iterator stands; keeps the newest that the
    /// view sees, and if that is an operand, all down to the newest value.
    fn take_newest(&mut self, key: &[u8]) -> Result<()> {
        self.met.clear();
        let merged = &mut self.sources.merged;
        while merged.valid() {
            let entry = parse(merged.key())?;
            if entry.user_key != key {
                return Ok(());
            }
            if self.view.sees(entry.seqno) {
                if entry.kind != Kind::Merge {
                    self.met.clear();
                }
                self.met.push((entry.seqno, entry.kind, merged.pinned_value()));
            }
            merged.prev();
        }
        // The merged iterator may have stopped at damage just behind this key's entries: then a newer one may be hidden there.
        merged.status()
    }

    /// What the entries that were met make of `key`.
    fn value_backward(&mut self, key: &[u8]) -> Result<Option<Expiring>> {
        let Some((seqno, kind, value)) = self.met.pop() else { return Ok(None) };
        let covering = self.sources.tombstones.newest_over(key)?;
        match self.view.resolve(key, Some((seqno, kind, &value)), covering)? {
            Verdict::Value { skip } => {
                let expiry = expiry_of(&value, skip);
                Ok(Some((strip(value, skip), expiry)))
            }
            Verdict::Absent | Verdict::KeepLooking => Ok(None),
            Verdict::Operand => {
                let mut operands = Operands::new(self.view);
                let mut older = Some((seqno, kind, value));
                while let Some((seqno, kind, value)) = older {
                    older = if operands.take(key, (seqno, kind), value, covering)? { self.met.pop() } else { None };
                }
                merged_value(self.operator.as_deref(), key, &operands)
            }
        }
    }

    fn end_of_merged(&mut self) -> Result<()> {
        match self.sources.merged.status() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.fail(error)),
        }
    }
}

/// What `entry`, the newest of its key that the view sees, says.
fn judge(tombstones: &mut CoveringTombstones, view: &View, entry: ParsedKey<'_>, value: &[u8]) -> Result<Verdict> {
    let covering = tombstones.newest_over(entry.user_key)?;
    view.resolve(entry.user_key, Some((entry.seqno, entry.kind, value)), covering)
}

fn parse(key: &[u8]) -> Result<ParsedKey<'_>> {
    let damaged = || Error::new(crate::error::ErrorKind::Corruption, "an entry's internal key cannot be read");
    internal::parse(key).ok_or_else(damaged)
}

/// A target at or after every entry of `key`.
fn last_entry_of(key: &[u8]) -> Vec<u8> {
    internal::internal_key(key, SeqNo::ZERO, Kind::Delete)
}

/// The expiry in front of a stored value, if `skip` bytes of one stand there.
fn expiry_of(stored: &[u8], skip: usize) -> Option<u64> {
    stored.get(..skip)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn strip(value: Pinned, skip: usize) -> Pinned {
    if skip == 0 {
        return value;
    }
    value.slice(skip.min(value.len())..value.len()).unwrap_or(value)
}

impl std::fmt::Debug for Iter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Iter {{ valid: {}, key: \"{}\" }}", self.valid, self.key().escape_ascii())
    }
}

#[cfg(test)]
mod tests;
