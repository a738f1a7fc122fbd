//! Reading, the same for a tree and a snapshot of it: they differ in their [`Source`] only.

use esker::{ColumnFamily, Db, Iter, Pinned, ReadOptions};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use crate::buffer::Value;
use crate::bytes::Bytes;
use crate::column::{Column, Use};
use crate::errors::{detached, raise};
use crate::iterator::{Chunks, EntryIterator, Show};
use crate::logs::told;
use crate::packed::{Packed, PackedIterator, Values};

/// Where reads go: a column family, seen in some way. Its calls are made without the interpreter's lock.
pub trait Source: Sync {
    /// The result of a read, after what the engine had to tell meanwhile was handed over, if this is the place for it.
    fn told<T>(&self, py: Python<'_>, result: PyResult<T>) -> PyResult<T>;
    fn get(&self, key: &[u8]) -> esker::Result<Option<Pinned>>;
    fn multi_get<K: AsRef<[u8]>>(&self, keys: &[K]) -> esker::Result<Vec<esker::Result<Option<Pinned>>>>;
    /// What an iterator takes besides its bounds.
    fn options(&self) -> ReadOptions;
    fn iter(&self, options: &ReadOptions) -> esker::Result<Iter>;
    /// How far an iterator may look ahead of what was asked for.
    const CHUNKS: Chunks;
}

/// What is committed, as the options see it: now, or as of a snapshot.
pub struct Latest<'a> {
    pub db: &'a Db,
    pub family: &'a ColumnFamily,
    pub options: ReadOptions,
}

impl Source for Latest<'_> {
    fn told<T>(&self, py: Python<'_>, result: PyResult<T>) -> PyResult<T> {
        told(py, self.db, result)
    }

    fn get(&self, key: &[u8]) -> esker::Result<Option<Pinned>> {
        self.db.get_in(self.family, key, &self.options)
    }

    fn multi_get<K: AsRef<[u8]>>(&self, keys: &[K]) -> esker::Result<Vec<esker::Result<Option<Pinned>>>> {
        self.db.multi_get_in(self.family, keys, &self.options)
    }

    fn options(&self) -> ReadOptions {
        self.options.clone()
    }

    fn iter(&self, options: &ReadOptions) -> esker::Result<Iter> {
        self.db.iter_in(self.family, options)
    }

    const CHUNKS: Chunks = Chunks::GROWING;
}

/// The value of `key`, or `default`.
pub fn get<'py>(
    source: &impl Source,
    key: &Bound<'py, PyAny>,
    default: Option<Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(find(source, key)?.map(|value| PyBytes::new(key.py(), &value).into_any()).or(default))
}

/// The value of `key`; `KeyError` if it has none.
pub fn get_item<'py>(source: &impl Source, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    match find(source, key)? {
        Some(value) => Ok(PyBytes::new(key.py(), &value)),
        None => Err(PyKeyError::new_err(key.clone().unbind())),
    }
}

/// A memoryview of the value of `key`, which owns what it shows.
pub fn get_view<'py>(source: &impl Source, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyMemoryView>>> {
    let py = key.py();
    let Some(value) = find(source, key)? else { return Ok(None) };
    let value = Bound::new(py, Value::new(value))?;
    Ok(Some(PyMemoryView::from(value.as_any())?))
}

/// Whether `key` has a value.
pub fn contains(source: &impl Source, key: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(find(source, key)?.is_some())
}

/// The values of `keys` as of one moment, `None` where there is none.
pub fn multi_get<'py>(source: &impl Source, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
    let py = keys.py();
    let keys: Vec<Bound<'_, PyAny>> = keys.try_iter()?.collect::<PyResult<_>>()?;
    let keys: Vec<Bytes<'_>> = keys.iter().map(Bytes::of).collect::<PyResult<_>>()?;
    let keys: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
    let values = source.told(py, detached(py, || source.multi_get(&keys)))?;
    let values: esker::Result<Vec<Option<Pinned>>> = values.into_iter().collect();
    let values = values.map_err(|error| raise(py, &error))?;
    PyList::new(py, values.iter().map(|value| value.as_deref().map(|value| PyBytes::new(py, value))))
}

/// The same as columns.
pub fn multi_get_packed(source: &impl Source, keys: &Bound<'_, PyAny>) -> PyResult<Packed> {
    let (py, keys) = (keys.py(), Column::of(keys, Use::Keys)?);
    let keys = keys.rows(py, 0..keys.len())?;
    let values = detached(py, || Values::of(source.multi_get(&keys.iter().collect::<Vec<_>>())?));
    let values = source.told(py, values)?;
    Packed::new(py, values)
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
pub fn iterate<S: Source>(
    py: Python<'_>,
    source: &S,
    stretch: &Stretch<'_, '_>,
    show: Show,
) -> PyResult<EntryIterator> {
    let options = bounded(source, stretch)?;
    source.told(py, EntryIterator::new(py, || source.iter(&options), stretch.reverse, show, S::CHUNKS))
}

/// An iterator over a stretch in packed chunks of so many entries.
pub fn iterate_packed<S: Source>(
    py: Python<'_>,
    source: &S,
    stretch: &Stretch<'_, '_>,
    chunk_size: usize,
) -> PyResult<PackedIterator> {
    let options = bounded(source, stretch)?;
    source.told(py, PackedIterator::new(py, || source.iter(&options), stretch.reverse, chunk_size))
}

fn bounded(source: &impl Source, stretch: &Stretch<'_, '_>) -> PyResult<ReadOptions> {
    let mut options = source.options();
    options.lower_bound = Bytes::owned(stretch.start)?;
    options.upper_bound = Bytes::owned(stretch.stop)?;
    options.prefix = Bytes::owned(stretch.prefix)?;
    Ok(options)
}

fn find(source: &impl Source, key: &Bound<'_, PyAny>) -> PyResult<Option<Pinned>> {
    let bytes = Bytes::of(key)?;
    let bytes: &[u8] = &bytes;
    source.told(key.py(), detached(key.py(), || source.get(bytes)))
}
