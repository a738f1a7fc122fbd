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
    /// A value that is gone from this time on, in milliseconds.
    PutExpiring(Vec<u8>, Vec<u8>, u64),
    /// An operand for the family's merge operator.
    Merge(Vec<u8>, Vec<u8>),
}

impl Write {
    /// The key, or the first of the range.
    pub fn key(&self) -> &[u8] {
        match self {
            Write::Put(key, _) | Write::Delete(key) | Write::DeleteRange(key, _) => key,
            Write::PutExpiring(key, _, _) | Write::Merge(key, _) => key,
        }
    }
}

/// What merging means in a family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Operator {
    #[default]
    None,
    AddU64,
    /// With a separator of one byte.
    Append(u8),
}

impl Operator {
    /// The name it goes by.
    pub fn name(self) -> String {
        match self {
            Operator::None => String::new(),
            Operator::AddU64 => "add_u64".to_owned(),
            Operator::Append(separator) => format!("append({})", separator as char),
        }
    }

    fn apply(self, base: Option<&[u8]>, operand: &[u8]) -> Vec<u8> {
        let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("counters hold eight bytes"));
        match (self, base) {
            (Operator::None, _) => panic!("a merge without an operator"),
            (_, None) => operand.to_vec(),
            (Operator::AddU64, Some(base)) => number(base).wrapping_add(number(operand)).to_le_bytes().to_vec(),
            (Operator::Append(separator), Some(base)) => [base, &[separator], operand].concat(),
        }
    }
}

/// Applies `write` to what a reader of `now_ms` sees, in bytewise order. Merges add counters up.
pub fn apply(map: &mut Map, write: &Write, now_ms: u64) {
    match write {
        Write::PutExpiring(key, value, at) if *at > now_ms => {
            map.insert(key.clone(), value.clone());
        }
        Write::PutExpiring(key, _, _) => {
            map.remove(key);
        }
        Write::Merge(key, operand) => {
            let sum = Operator::AddU64.apply(map.get(key).map(Vec::as_slice), operand);
            map.insert(key.clone(), sum);
        }
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
    expires_at_ms: Option<u64>,
}

impl Cell {
    /// The value that a reader of `time_ms` sees.
    pub fn at(&self, time_ms: u64) -> Option<&[u8]> {
        let expired = self.expires_at_ms.is_some_and(|at| at <= time_ms);
        (!expired).then_some(&self.value[..])
    }
}

/// One family.
#[derive(Clone, Debug, Default)]
pub struct FamilyOracle {
    /// Whether its order is bytewise turned round.
    pub backwards: bool,
    pub operator: Operator,
    /// What its puts live for, unless they say otherwise; 0 for ever.
    pub ttl_ms: u64,
    cells: BTreeMap<OrderedKey, Cell>,
}

impl FamilyOracle {
    pub fn new(backwards: bool, operator: Operator, ttl_ms: u64) -> FamilyOracle {
        FamilyOracle { backwards, operator, ttl_ms, cells: BTreeMap::new() }
    }

    /// `bytes` as a key of this family.
    pub fn key(&self, bytes: &[u8]) -> OrderedKey {
        OrderedKey { bytes: bytes.to_vec(), backwards: self.backwards }
    }

    /// Commits `write` at `now_ms`. A plain put lives for `ttl_ms`, or as long as the family's puts do; 0 is
    /// for ever.
    pub fn apply(&mut self, write: &Write, now_ms: u64, ttl_ms: Option<u64>) {
        match write {
            Write::Put(key, value) => {
                let ttl = ttl_ms.unwrap_or(self.ttl_ms);
                let expires_at_ms = (ttl > 0).then(|| now_ms.saturating_add(ttl));
                self.cells.insert(self.key(key), Cell { value: value.clone(), expires_at_ms });
            }
            Write::PutExpiring(key, value, at) => {
                self.cells.insert(self.key(key), Cell { value: value.clone(), expires_at_ms: Some(*at) });
            }
            // What it makes lives as long as what it met; a value that had expired it did not meet.
            Write::Merge(key, operand) => {
                let key = self.key(key);
                let met = self.cells.get(&key).filter(|cell| cell.at(now_ms).is_some());
                let value = self.operator.apply(met.map(|cell| &cell.value[..]), operand);
                let expires_at_ms = met.and_then(|cell| cell.expires_at_ms);
                self.cells.insert(key, Cell { value, expires_at_ms });
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
