//! The oracle: what the database must answer, kept in a `BTreeMap`. A snapshot is a clone of the map; a cursor is a key.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::rc::Rc;

pub type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// One write, as a batch holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    DeleteRange(Vec<u8>, Vec<u8>),
}

/// Applies `write` to `map`.
pub fn apply(map: &mut Map, write: &Write) {
    match write {
        Write::Put(key, value) => {
            map.insert(key.clone(), value.clone());
        }
        Write::Delete(key) => {
            map.remove(key);
        }
        Write::DeleteRange(start, end) => {
            if start < end {
                let gone: Vec<_> = map.range(start.clone()..end.clone()).map(|(key, _)| key.clone()).collect();
                for key in gone {
                    map.remove(&key);
                }
            }
        }
    }
}

/// The keys a cursor may show.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    pub lower: Option<Vec<u8>>,
    pub upper: Option<Vec<u8>>,
    pub prefix: Option<Vec<u8>>,
}

impl Limits {
    fn admit(&self, key: &[u8]) -> bool {
        self.lower.as_deref().is_none_or(|lower| key >= lower)
            && self.upper.as_deref().is_none_or(|upper| key < upper)
            && self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
    }
}

/// A cursor over one state of the map.
#[derive(Clone, Debug)]
pub struct OracleCursor {
    entries: Rc<Map>,
    limits: Limits,
    at: Option<Vec<u8>>,
}

impl OracleCursor {
    pub fn new(entries: Rc<Map>, limits: Limits) -> OracleCursor {
        OracleCursor { entries, limits, at: None }
    }

    pub fn entry(&self) -> Option<(&[u8], &[u8])> {
        let (key, value) = self.entries.get_key_value(self.at.as_ref()?)?;
        Some((key, value))
    }

    pub fn seek_to_first(&mut self) {
        self.forward(Bound::Unbounded);
    }

    pub fn seek_to_last(&mut self) {
        self.backward(Bound::Unbounded);
    }

    pub fn seek(&mut self, key: &[u8]) {
        self.forward(Bound::Included(key.to_vec()));
    }

    pub fn seek_for_prev(&mut self, key: &[u8]) {
        self.backward(Bound::Included(key.to_vec()));
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

    fn forward(&mut self, from: Bound<Vec<u8>>) {
        let mut keys = self.entries.range((from, Bound::Unbounded)).map(|(key, _)| key);
        self.at = keys.find(|key| self.limits.admit(key)).cloned();
    }

    fn backward(&mut self, to: Bound<Vec<u8>>) {
        let mut keys = self.entries.range((Bound::Unbounded, to)).map(|(key, _)| key);
        self.at = keys.rfind(|key| self.limits.admit(key)).cloned();
    }
}
