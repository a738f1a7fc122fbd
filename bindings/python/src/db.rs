//! [`Db`]: an open database, and the functions that work on a directory without one.

use std::path::PathBuf;

use esker::{Options, ReadOptions, StatValue, StatsFormat, WriteBatch};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyMemoryView, PyString};

use crate::batch::Batch;
use crate::bytes::Bytes;
use crate::errors::{detached, guarded, raise};
use crate::iterator::{EntryIterator, Show};
use crate::options::{from_keywords, write_options};
use crate::reader::{self, Stretch};
use crate::snapshot::Snapshot;
use crate::waiting::interruptible;

/// `put_many` commits whenever it has gathered this much, so that a generator of any length fits into memory.
const PUT_MANY_BYTES: usize = 1 << 20;

/// Opens the database in the directory `path`.
#[pyfunction]
#[pyo3(signature = (path, **options))]
pub fn open(py: Python<'_>, path: PathBuf, options: Option<&Bound<'_, PyDict>>) -> PyResult<Db> {
    let options = from_keywords(py, options)?;
    let db = interruptible(py, move || esker::Db::open(path, &options))?;
    Ok(Db { db })
}

/// Reads and checks every file of the database in `path`.
#[pyfunction]
pub fn verify(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let report = interruptible(py, move || esker::Db::verify(path))?;
    let dict = PyDict::new(py);
    dict.set_item("ok", report.is_ok())?;
    dict.set_item("tables", report.tables)?;
    dict.set_item("wal_segments", report.wal_segments)?;
    dict.set_item("entries", report.entries)?;
    dict.set_item("bytes", report.bytes)?;
    dict.set_item("problems", report.problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(dict)
}

/// Removes the files of the database in `path`.
#[pyfunction]
pub fn destroy(py: Python<'_>, path: PathBuf) -> PyResult<()> {
    detached(py, || esker::Db::destroy(path))
}

/// The options that `open` takes, with what each does.
#[pyfunction]
pub fn option_names(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    for setting in Options::settings() {
        dict.set_item(setting.name, setting.doc)?;
    }
    Ok(dict)
}

/// An open database.
#[pyclass(frozen, module = "esker", mapping)]
pub struct Db {
    db: esker::Db,
}

impl Db {
    fn iterate(&self, py: Python<'_>, stretch: &Stretch<'_, '_>, show: Show) -> PyResult<EntryIterator> {
        reader::iterate(py, &self.db, &ReadOptions::new(), stretch, show)
    }
}

#[pymethods]
impl Db {
    #[getter]
    fn path(&self) -> PathBuf {
        self.db.path().to_path_buf()
    }

    #[getter]
    fn closed(&self) -> bool {
        self.db.is_closed()
    }

    /// The failure that made the handle read-only, if there was one.
    #[getter]
    fn poisoned<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.db.poisoned().map(|error| raise(py, &error).into_value(py).into_bound(py).into_any())
    }

    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for setting in Options::settings() {
            dict.set_item(setting.name, (setting.get)(self.db.options()))?;
        }
        Ok(dict)
    }

    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        reader::get(&self.db, &ReadOptions::new(), key, default)
    }

    fn get_view<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyMemoryView>>> {
        reader::get_view(&self.db, &ReadOptions::new(), key)
    }

    fn multi_get<'py>(&self, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        reader::multi_get(&self.db, &ReadOptions::new(), keys)
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        reader::get_item(&self.db, &ReadOptions::new(), key)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        reader::contains(&self.db, &ReadOptions::new(), key)
    }

    #[pyo3(signature = (key, value, *, durability = None))]
    fn put(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, durability: Option<&str>) -> PyResult<()> {
        let (py, key, value) = (key.py(), Bytes::of(key)?, Bytes::of(value)?);
        let (key, value, options): (&[u8], &[u8], _) = (&key, &value, write_options(py, durability)?);
        detached(py, || self.db.put_with(key, value, &options))
    }

    #[pyo3(signature = (key, *, durability = None))]
    fn delete(&self, key: &Bound<'_, PyAny>, durability: Option<&str>) -> PyResult<()> {
        let (py, key) = (key.py(), Bytes::of(key)?);
        let (key, options): (&[u8], _) = (&key, write_options(py, durability)?);
        detached(py, || self.db.delete_with(key, &options))
    }

    #[pyo3(signature = (start, stop, *, durability = None))]
    fn delete_range(
        &self,
        start: &Bound<'_, PyAny>,
        stop: &Bound<'_, PyAny>,
        durability: Option<&str>,
    ) -> PyResult<()> {
        let (py, start, stop) = (start.py(), Bytes::of(start)?, Bytes::of(stop)?);
        let (start, stop, options): (&[u8], &[u8], _) = (&start, &stop, write_options(py, durability)?);
        detached(py, || self.db.delete_range_with(start, stop, &options))
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value, None)
    }

    /// As with a dict, a key that is not there is a `KeyError`; `delete` does not mind.
    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        reader::get_item(&self.db, &ReadOptions::new(), key)?;
        self.delete(key, None)
    }

    /// Writes pairs from any iterable, a mebibyte at a time; returns how many.
    #[pyo3(signature = (pairs, *, durability = None))]
    fn put_many(&self, pairs: &Bound<'_, PyAny>, durability: Option<&str>) -> PyResult<u64> {
        let py = pairs.py();
        let options = write_options(py, durability)?;
        let mut batch = WriteBatch::new();
        let mut count = 0;
        for pair in pairs.try_iter()? {
            let (key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = pair?.extract()?;
            let (key, value) = (Bytes::of(&key)?, Bytes::of(&value)?);
            guarded(py, || batch.put(&key, &value))?;
            count += 1;
            if batch.size_bytes() >= PUT_MANY_BYTES {
                detached(py, || self.db.write_with(&batch, &options))?;
                batch.clear();
            }
        }
        detached(py, || self.db.write_with(&batch, &options))?;
        Ok(count)
    }

    #[pyo3(signature = (*, durability = None))]
    fn batch(&self, py: Python<'_>, durability: Option<&str>) -> PyResult<Batch> {
        Ok(Batch::new(&self.db, write_options(py, durability)?))
    }

    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        Ok(Snapshot::new(&self.db, &guarded(py, || self.db.snapshot())?))
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

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let db = self.db.clone();
        interruptible(py, move || db.flush())
    }

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.db.sync())
    }

    #[pyo3(signature = (start = None, stop = None))]
    fn compact(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (db, start, stop) = (self.db.clone(), Bytes::owned(start)?, Bytes::owned(stop)?);
        interruptible(py, move || db.compact_range(start.as_deref(), stop.as_deref()))
    }

    /// Numbers about the database: a dict, or text in the format asked for.
    #[pyo3(signature = (*, format = None))]
    fn stats<'py>(&self, py: Python<'py>, format: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        let stats = guarded(py, || self.db.stats())?;
        if let Some(format) = format {
            let format = guarded(py, || StatsFormat::parse(format))?;
            return Ok(PyString::new(py, &stats.render(format)).into_any());
        }
        Ok(row_dict(py, stats.entries())?.into_any())
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.db.is_closed() {
            return Ok(());
        }
        detached(py, || self.db.close())
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __exit__(&self, kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(kind.py())
    }

    fn as_dict<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("esker._mapping")?.getattr("DictView")?.call1((slf,))
    }

    fn __reduce__(&self) -> PyResult<()> {
        let path = self.db.path().display();
        Err(PyTypeError::new_err(format!(
            "an open database cannot be pickled; pass its path ({path}) and open it there, read-only beside other readers"
        )))
    }

    fn __repr__(&self) -> String {
        let state = if self.db.is_closed() { ", closed" } else { "" };
        format!("<esker.Db at {:?}{state}>", self.db.path())
    }
}

fn row_dict<'py>(py: Python<'py>, row: &[(&'static str, StatValue)]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, value) in row {
        match value {
            StatValue::Number(n) => dict.set_item(name, n)?,
            StatValue::Text(text) => dict.set_item(name, text)?,
            StatValue::List(rows) => {
                let list = PyList::empty(py);
                for row in rows {
                    list.append(row_dict(py, row)?)?;
                }
                dict.set_item(name, list)?;
            }
        }
    }
    Ok(dict)
}
