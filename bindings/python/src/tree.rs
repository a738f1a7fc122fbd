//! [`Tree`]: named keys that are read and written through one handle: what a database, which means its default column family,
//! and every other column family have in common. `Db` and `ColumnFamily` are its subclasses and add what is theirs alone.

use std::sync::Arc;

use esker::{ReadOptions, WriteBatch};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use crate::batch::Batch;
use crate::bytes::Bytes;
use crate::column::{Column, Use};
use crate::errors::{detached, guarded, raise};
use crate::iterator::{EntryIterator, Show};
use crate::logs::told;
use crate::operand;
use crate::options::write_options;
use crate::packed::{Packed, PackedIterator};
use crate::reader::{self, Latest, Stretch};
use crate::snapshot::Snapshot;
use crate::waiting::interruptible;

/// `put_many` commits whenever it has gathered this much, so that a generator of any length fits into memory.
const PUT_MANY_BYTES: usize = 1 << 20;

/// About what an entry takes in a batch besides its key and value; empty ones take something, too.
const ROW_BYTES: usize = 8;

/// Keys of an open database: those of one column family.
#[pyclass(frozen, subclass, module = "esker", mapping)]
pub struct Tree {
    /// The same for all handles of one `open`: whether two belong together is a comparison of pointers.
    pub db: Arc<esker::Db>,
    pub family: esker::ColumnFamily,
}

impl Tree {
    fn latest(&self) -> Latest<'_> {
        Latest { db: &self.db, family: &self.family, options: ReadOptions::new() }
    }

    fn iterate(&self, py: Python<'_>, stretch: &Stretch<'_, '_>, show: Show) -> PyResult<EntryIterator> {
        reader::iterate(py, &self.latest(), stretch, show)
    }
}

#[pymethods]
impl Tree {
    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        reader::get(&self.latest(), key, default)
    }

    fn get_view<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyMemoryView>>> {
        reader::get_view(&self.latest(), key)
    }

    fn multi_get<'py>(&self, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        reader::multi_get(&self.latest(), keys)
    }

    fn multi_get_packed(&self, keys: &Bound<'_, PyAny>) -> PyResult<Packed> {
        reader::multi_get_packed(&self.latest(), keys)
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        reader::get_item(&self.latest(), key)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        reader::contains(&self.latest(), key)
    }

    #[pyo3(signature = (key, value, *, durability = None, ttl = None))]
    fn put(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        durability: Option<&str>,
        ttl: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, key, value) = (key.py(), Bytes::of(key)?, Bytes::of(value)?);
        let (key, value, options): (&[u8], &[u8], _) = (&key, &value, write_options(py, durability, ttl)?);
        told(py, &self.db, detached(py, || self.db.put_in(&self.family, key, value, &options)))
    }

    /// Merges an operand, bytes or a number, into what `key` has.
    #[pyo3(signature = (key, operand, *, durability = None))]
    fn merge(&self, key: &Bound<'_, PyAny>, operand: &Bound<'_, PyAny>, durability: Option<&str>) -> PyResult<()> {
        let (py, key, operand) = (key.py(), Bytes::of(key)?, operand::of(operand, Some(&self.family))?);
        let (key, operand, options): (&[u8], &[u8], _) = (&key, &operand, write_options(py, durability, None)?);
        told(py, &self.db, detached(py, || self.db.merge_in(&self.family, key, operand, &options)))
    }

    #[pyo3(signature = (key, *, durability = None))]
    fn delete(&self, key: &Bound<'_, PyAny>, durability: Option<&str>) -> PyResult<()> {
        let (py, key) = (key.py(), Bytes::of(key)?);
        let (key, options): (&[u8], _) = (&key, write_options(py, durability, None)?);
        told(py, &self.db, detached(py, || self.db.delete_in(&self.family, key, &options)))
    }

    #[pyo3(signature = (start, stop, *, durability = None))]
    fn delete_range(
        &self,
        start: &Bound<'_, PyAny>,
        stop: &Bound<'_, PyAny>,
        durability: Option<&str>,
    ) -> PyResult<()> {
        let (py, start, stop) = (start.py(), Bytes::of(start)?, Bytes::of(stop)?);
        let (start, stop, options): (&[u8], &[u8], _) = (&start, &stop, write_options(py, durability, None)?);
        told(py, &self.db, detached(py, || self.db.delete_range_in(&self.family, start, stop, &options)))
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value, None, None)
    }

    /// As with a dict, a key that is not there is a `KeyError`; `delete` does not mind.
    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        reader::get_item(&self.latest(), key)?;
        self.delete(key, None)
    }

    /// Writes pairs from any iterable, a mebibyte at a time; returns how many.
    #[pyo3(signature = (pairs, *, durability = None, ttl = None))]
    fn put_many(
        &self,
        pairs: &Bound<'_, PyAny>,
        durability: Option<&str>,
        ttl: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let (py, family) = (pairs.py(), self.family.id());
        let options = write_options(py, durability, ttl)?;
        let mut batch = WriteBatch::new();
        let mut count = 0;
        for pair in pairs.try_iter()? {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            let (key, value) = (Bytes::of(&key)?, Bytes::of(&value)?);
            guarded(py, || batch.put_in(family, &key, &value))?;
            count += 1;
            if batch.size_bytes() >= PUT_MANY_BYTES {
                told(py, &self.db, detached(py, || self.db.write_with(&batch, &options)))?;
                batch.clear();
            }
        }
        told(py, &self.db, detached(py, || self.db.write_with(&batch, &options)))?;
        Ok(count)
    }

    /// Writes the rows of two columns, a mebibyte at a time; returns how many.
    #[pyo3(signature = (keys, values, *, durability = None, ttl = None))]
    fn put_many_packed(
        &self,
        keys: &Bound<'_, PyAny>,
        values: &Bound<'_, PyAny>,
        durability: Option<&str>,
        ttl: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let (py, family) = (keys.py(), self.family.id());
        let options = write_options(py, durability, ttl)?;
        let (keys, values) = (Column::of(keys, Use::Keys)?, Column::of(values, Use::Values)?);
        let count = keys.len();
        if values.len() != count {
            let message = format!("there are {count} keys and {} values", values.len());
            return Err(raise(py, &esker::Error::invalid(message)));
        }
        let mut batch = WriteBatch::new();
        let mut start = 0;
        // At least one batch, be it empty: a handle that is closed or read-only says so.
        loop {
            py.check_signals()?;
            let (mut end, mut bytes) = (start, 0);
            while end < count && bytes < PUT_MANY_BYTES {
                bytes += keys.width(end) + values.width(end) + ROW_BYTES;
                end += 1;
            }
            let (keys, values) = (keys.rows(py, start..end)?, values.rows(py, start..end)?);
            let written = detached(py, || {
                batch.clear();
                keys.iter().zip(values.iter()).try_for_each(|(key, value)| batch.put_in(family, key, value))?;
                self.db.write_with(&batch, &options)
            });
            told(py, &self.db, written)?;
            start = end;
            if start == count {
                return Ok(count);
            }
        }
    }

    #[pyo3(signature = (*, durability = None, ttl = None))]
    fn batch(&self, py: Python<'_>, durability: Option<&str>, ttl: Option<&Bound<'_, PyAny>>) -> PyResult<Batch> {
        Ok(Batch::new(&self.db, &self.family, write_options(py, durability, ttl)?))
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        let snapshot = guarded(py, || self.db.snapshot())?;
        Ok(Snapshot::new(&self.db, &self.family, &snapshot))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<EntryIterator> {
        self.iterate(py, &Stretch::default(), Show::Keys)
    }

    #[pyo3(signature = (*, start = None, stop = None, prefix = None, reverse = false))]
    fn items(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
    ) -> PyResult<EntryIterator> {
        self.iterate(py, &Stretch { start, stop, prefix, reverse }, Show::Items)
    }

    #[pyo3(signature = (*, start = None, stop = None, prefix = None, reverse = false))]
    fn keys(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
    ) -> PyResult<EntryIterator> {
        self.iterate(py, &Stretch { start, stop, prefix, reverse }, Show::Keys)
    }

    #[pyo3(signature = (*, start = None, stop = None, prefix = None, reverse = false))]
    fn values(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
    ) -> PyResult<EntryIterator> {
        self.iterate(py, &Stretch { start, stop, prefix, reverse }, Show::Values)
    }

    #[pyo3(signature = (*, start = None, stop = None, prefix = None, reverse = false, chunk_size = 65_536))]
    fn items_packed(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        chunk_size: usize,
    ) -> PyResult<PackedIterator> {
        reader::iterate_packed(py, &self.latest(), &Stretch { start, stop, prefix, reverse }, chunk_size)
    }

    #[pyo3(signature = (start = None, stop = None))]
    fn compact(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (start, stop) = (Bytes::owned(start)?, Bytes::owned(stop)?);
        let (db, family) = (Arc::clone(&self.db), self.family.clone());
        told(py, &self.db, interruptible(py, move || db.compact_range_in(&family, start.as_deref(), stop.as_deref())))
    }

    /// About how many bytes of tables the keys from `start` up to `stop` take.
    #[pyo3(signature = (start = None, stop = None))]
    fn approximate_size(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u64> {
        let (start, stop) = (Bytes::owned(start)?, Bytes::owned(stop)?);
        let (db, family) = (Arc::clone(&self.db), self.family.clone());
        interruptible(py, move || db.approximate_size_in(&family, start.as_deref(), stop.as_deref()))
    }

    fn as_dict<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("esker._mapping")?.getattr("DictView")?.call1((slf,))
    }
}
