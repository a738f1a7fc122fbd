//! The oracle: what the database must answer, kept in ordered maps, one per family. A snapshot is a clone of the maps and a
//! time; a cursor is a key.
//!
//! A key holds what was last put there and what was merged onto it since, so that the answer at any later time can be told.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

/// Keys and values as one reader sees them.
pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;
/// The same of every family, by name.
pub type Contents = BTreeMap<String, Map>;

/// The family that every database has.
pub const DEFAULT: &str = "default";

/// What a write does to its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
}

/// Applies `write` to what a reader sees, in bytewise order.
pub fn apply(map: &mut Map, write: &Write) {
    match write {
        Write::Put(key, value) => {
            map.insert(key.clone(), value.clone());
        }
        Write::Delete(key) => {
            map.remove(key);
        }
        Write::DeleteRange(start, end) => map.retain(|key, _| key < start || key >= end),
    }
}

/// A key that sorts as its family's order says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedKey {
    pub bytes: Vec<u8>,
    backwards: bool,
}

impl Ord for OrderedKey {
    fn cmp(&self, other: &OrderedKey) -> Ordering {
        let forward = self.bytes.cmp(&other.bytes);
        if self.backwards { forward.reverse() } else { forward }
    }
}

impl PartialOrd for OrderedKey {
    fn partial_cmp(&self, other: &OrderedKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a key holds.
#[derive(Clone, Debug)]
pub struct Cell {
    value: Vec<u8>,
}

impl Cell {
    /// The value that a reader of `time_ms` sees.
    pub fn at(&self, _time_ms: u64) -> Option<&[u8]> {
        Some(&self.value)
    }
}

/// One family.
#[derive(Clone, Debug, Default)]
pub struct FamilyOracle {
    /// Whether its order is bytewise turned round.
    pub backwards: bool,
    cells: BTreeMap<OrderedKey, Cell>,
}

impl FamilyOracle {
    pub fn new(backwards: bool) -> FamilyOracle {
        FamilyOracle { backwards, cells: BTreeMap::new() }
    }

    /// `bytes` as a key of this family.
    pub fn key(&self, bytes: &[u8]) -> OrderedKey {
        OrderedKey { bytes: bytes.to_vec(), backwards: self.backwards }
    }

    pub fn apply(&mut self, write: &Write) {
        match write {
            Write::Put(key, value) => {
                self.cells.insert(self.key(key), Cell { value: value.clone() });
            }
            Write::Delete(key) => {
                self.cells.remove(&self.key(key));
            }
            Write::DeleteRange(start, end) => {
                let (start, end) = (self.key(start), self.key(end));
                if start < end {
                    let gone: Vec<_> = self.cells.range(start..end).map(|(key, _)| key.clone()).collect();
                    for key in gone {
                        self.cells.remove(&key);
                    }
                }
            }
        }
    }

    /// The value of `key` for a reader of `time_ms`.
    pub fn get(&self, key: &[u8], time_ms: u64) -> Option<&[u8]> {
        self.cells.get(&self.key(key))?.at(time_ms)
    }

    /// Every key with its value for a reader of `time_ms`, in order.
    pub fn visible(&self, time_ms: u64) -> impl DoubleEndedIterator<Item = (&[u8], &[u8])> {
        self.cells.iter().filter_map(move |(key, cell)| Some((&key.bytes[..], cell.at(time_ms)?)))
    }
}

/// The keys a cursor may show.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub lower: Option<Vec<u8>>,
    pub upper: Option<Vec<u8>>,
    pub prefix: Option<Vec<u8>>,
}

/// A cursor over one state of a family.
#[derive(Clone, Debug)]
pub struct OracleCursor {
    family: Rc<FamilyOracle>,
    time_ms: u64,
    limits: Limits,
    at: Option<OrderedKey>,
}

impl OracleCursor {
    pub fn new(family: Rc<FamilyOracle>, time_ms: u64, limits: Limits) -> OracleCursor {
        OracleCursor { family, time_ms, limits, at: None }
    }

    /// Another state under the same limits, nowhere in it.
    pub fn refresh(&mut self, family: Rc<FamilyOracle>, time_ms: u64) {
        (self.family, self.time_ms, self.at) = (family, time_ms, None);
    }

    pub fn entry(&self) -> Option<(&[u8], &[u8])> {
        let (key, cell) = self.family.cells.get_key_value(self.at.as_ref()?)?;
        Some((&key.bytes, cell.at(self.time_ms)?))
    }

    pub fn seek_to_first(&mut self) {
        self.forward(Bound::Unbounded);
    }

    pub fn seek_to_last(&mut self) {
        self.backward(Bound::Unbounded);
    }

    pub fn seek(&mut self, key: &[u8]) {
        self.forward(Bound::Included(self.family.key(key)));
    }

    pub fn seek_for_prev(&mut self, key: &[u8]) {
        self.backward(Bound::Included(self.family.key(key)));
    }

    pub fn next(&mut self) {
        if let Some(at) = self.at.take() {
            self.forward(Bound::Excluded(at));
        }
    }

    pub fn prev(&mut self) {
        if let Some(at) = self.at.take() {
            self.backward(Bound::Excluded(at));
        }
    }

    fn forward(&mut self, from: Bound<OrderedKey>) {
        let mut cells = self.family.cells.range((from, Bound::Unbounded));
        self.at = cells.find(|(key, cell)| self.admits(key, cell)).map(|(key, _)| key.clone());
    }

    fn backward(&mut self, to: Bound<OrderedKey>) {
        let mut cells = self.family.cells.range((Bound::Unbounded, to));
        self.at = cells.rfind(|(key, cell)| self.admits(key, cell)).map(|(key, _)| key.clone());
    }

    fn admits(&self, key: &OrderedKey, cell: &Cell) -> bool {
        let Limits { lower, upper, prefix } = &self.limits;
        lower.as_deref().is_none_or(|lower| *key >= self.family.key(lower))
            && upper.as_deref().is_none_or(|upper| *key < self.family.key(upper))
            && prefix.as_deref().is_none_or(|prefix| key.bytes.starts_with(prefix))
            && cell.at(self.time_ms).is_some()
    }
}
