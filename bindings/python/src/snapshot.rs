//! [`Snapshot`]: the database as it was at one moment, with the same reading methods as the database itself, for every column
//! family.

use std::sync::{Arc, Mutex};

use esker::{ColumnFamily, Db, ErrorKind, ReadOptions};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use crate::errors::raise;
use crate::family::chosen;
use crate::iterator::{EntryIterator, Show};
use crate::packed::{Packed, PackedIterator};
use crate::reader::{self, Latest, Stretch};

/// The database at one moment.
#[pyclass(frozen, module = "esker")]
pub struct Snapshot {
    db: Arc<Db>,
    /// The family that calls without one mean.
    home: ColumnFamily,
    seqno: u64,
    /// `None` once closed.
    options: Mutex<Option<ReadOptions>>,
}

impl Snapshot {
    pub fn new(db: &Arc<Db>, home: &ColumnFamily, snapshot: &esker::Snapshot) -> Snapshot {
        let options = Mutex::new(Some(ReadOptions::new().with_snapshot(snapshot)));
        Snapshot { db: Arc::clone(db), home: home.clone(), seqno: snapshot.seqno(), options }
    }

    /// Reads of one family in the way of this snapshot.
    fn reading<T>(
        &self,
        py: Python<'_>,
        family: Option<&Bound<'_, PyAny>>,
        read: impl FnOnce(&Latest<'_>) -> PyResult<T>,
    ) -> PyResult<T> {
        let options = self.options.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let closed = || raise(py, &esker::Error::new(ErrorKind::Closed, "the snapshot is closed"));
        let options = options.ok_or_else(closed)?;
        let family = chosen(&self.db, &self.home, family)?;
        read(&Latest { db: &self.db, family: &family, options })
    }

    fn iterate(
        &self,
        py: Python<'_>,
        family: Option<&Bound<'_, PyAny>>,
        stretch: &Stretch<'_, '_>,
        show: Show,
    ) -> PyResult<EntryIterator> {
        self.reading(py, family, |source| reader::iterate(py, source, stretch, show))
    }
}

#[pymethods]
impl Snapshot {
    #[getter]
    fn seqno(&self) -> u64 {
        self.seqno
    }

    #[getter]
    fn closed(&self) -> bool {
        self.options.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_none()
    }

    #[pyo3(signature = (key, default = None, *, family = None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        family: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.reading(key.py(), family, |source| reader::get(source, key, default))
    }

    #[pyo3(signature = (key, *, family = None))]
    fn get_view<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        family: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyMemoryView>>> {
        self.reading(key.py(), family, |source| reader::get_view(source, key))
    }

    #[pyo3(signature = (keys, *, family = None))]
    fn multi_get<'py>(
        &self,
        keys: &Bound<'py, PyAny>,
        family: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyList>> {
        self.reading(keys.py(), family, |source| reader::multi_get(source, keys))
    }

    #[pyo3(signature = (keys, *, family = None))]
    fn multi_get_packed(&self, keys: &Bound<'_, PyAny>, family: Option<&Bound<'_, PyAny>>) -> PyResult<Packed> {
        self.reading(keys.py(), family, |source| reader::multi_get_packed(source, keys))
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        self.reading(key.py(), None, |source| reader::get_item(source, key))
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.reading(key.py(), None, |source| reader::contains(source, key))
    }

    fn __iter__(&self, py: Python<'_>) -> PyResult<EntryIterator> {
        self.iterate(py, None, &Stretch::default(), Show::Keys)
    }

    #[pyo3(signature = (*, start = None, stop = None, prefix = None, reverse = false, family = None))]
    fn items(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EntryIterator> {
        self.iterate(py, family, &Stretch { start, stop, prefix, reverse }, Show::Items)
    }

    #[pyo3(signature = (*, start = None, stop = None, prefix = None, reverse = false, family = None))]
    fn keys(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EntryIterator> {
        self.iterate(py, family, &Stretch { start, stop, prefix, reverse }, Show::Keys)
    }

    #[pyo3(signature = (*, start = None, stop = None, prefix = None, reverse = false, family = None))]
    fn values(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<EntryIterator> {
        self.iterate(py, family, &Stretch { start, stop, prefix, reverse }, Show::Values)
    }

    #[pyo3(signature = (
        *, start = None, stop = None, prefix = None, reverse = false, chunk_size = 65_536, family = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of Python")]
    fn items_packed(
        &self,
        py: Python<'_>,
        start: Option<&Bound<'_, PyAny>>,
        stop: Option<&Bound<'_, PyAny>>,
        prefix: Option<&Bound<'_, PyAny>>,
        reverse: bool,
        chunk_size: usize,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PackedIterator> {
        let stretch = Stretch { start, stop, prefix, reverse };
        self.reading(py, family, |source| reader::iterate_packed(py, source, &stretch, chunk_size))
    }

    fn close(&self) {
        *self.options.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __exit__(&self, _kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) {
        self.close();
    }

    fn __repr__(&self) -> String {
        let state = if self.closed() { ", closed" } else { "" };
        format!("<esker.Snapshot at {}{state}>", self.seqno)
    }
}
