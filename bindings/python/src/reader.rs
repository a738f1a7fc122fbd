//! Reading, the same for a database and a snapshot of it: the two differ in their read options only.

use esker::{Db, ReadOptions};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use crate::buffer::Value;
use crate::bytes::Bytes;
use crate::errors::{detached, raise};
use crate::iterator::{EntryIterator, Show};

/// The value of `key`, or `default`.
pub fn get<'py>(
    db: &Db,
    options: &ReadOptions,
    key: &Bound<'py, PyAny>,
    default: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(find(db, options, key)?.map(|value| PyBytes::new(key.py(), &value).into_any()).or(default))
}

/// The value of `key`; `KeyError` if it has none.
pub fn get_item<'py>(db: &Db, options: &ReadOptions, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    match find(db, options, key)? {
        Some(value) => Ok(PyBytes::new(key.py(), &value)),
        None => Err(PyKeyError::new_err(key.clone().unbind())),
    }
}

/// A memoryview of the value of `key`, which owns what it shows.
pub fn get_view<'py>(
    db: &Db,
    options: &ReadOptions,
    key: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyMemoryView>>> {
    let py = key.py();
    let Some(value) = find(db, options, key)? else { return Ok(None) };
    let value = Bound::new(py, Value::new(value))?;
    Ok(Some(PyMemoryView::from(value.as_any())?))
}

/// Whether `key` has a value.
pub fn contains(db: &Db, options: &ReadOptions, key: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(find(db, options, key)?.is_some())
}

/// The values of `keys` as of one moment, `None` where there is none.
pub fn multi_get<'py>(db: &Db, options: &ReadOptions, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = keys.py();
    let mut owned = Vec::new();
    for key in keys.try_iter()? {
        owned.push(Bytes::of(&key?)?.to_vec());
    }
    let values = detached(py, || db.multi_get(&owned, options))?;
    let list = PyList::empty(py);
    for value in values {
        match value.map_err(|error| raise(py, &error))? {
            Some(value) => list.append(PyBytes::new(py, &value))?,
            None => list.append(py.None())?,
        }
    }
    Ok(list)
}

/// The stretch of keys that an iterator is asked for.
#[derive(Default)]
pub struct Stretch<'a, 'py> {
    pub start: Option<&'a Bound<'py, PyAny>>,
    pub stop: Option<&'a Bound<'py, PyAny>>,
    pub prefix: Option<&'a Bound<'py, PyAny>>,
    pub reverse: bool,
}

/// An iterator over a stretch.
pub fn iterate(
    py: Python<'_>,
    db: &Db,
    options: &ReadOptions,
    stretch: &Stretch<'_, '_>,
    show: Show,
) -> PyResult<EntryIterator> {
    let mut options = options.clone();
    options.lower_bound = Bytes::owned(stretch.start)?;
    options.upper_bound = Bytes::owned(stretch.stop)?;
    options.prefix = Bytes::owned(stretch.prefix)?;
    EntryIterator::new(py, db, &options, stretch.reverse, show)
}

fn find(db: &Db, options: &ReadOptions, key: &Bound<'_, PyAny>) -> PyResult<Option<esker::Pinned>> {
    let bytes = Bytes::of(key)?;
    let bytes: &[u8] = &bytes;
    detached(key.py(), || db.get_with(bytes, options))
}
