//! [`Snapshot`]: the database as it was at one moment, with the same reading methods as the database itself.

use std::sync::Mutex;

use esker::{Db, ErrorKind, ReadOptions};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use crate::errors::raise;
use crate::iterator::{EntryIterator, Show};
use crate::reader::{self, Stretch};

/// The database at one moment.
#[pyclass(frozen, module = "esker")]
pub struct Snapshot {
    db: Db,
    seqno: u64,
    /// `None` once closed.
    options: Mutex<Option<ReadOptions>>,
}

impl Snapshot {
    pub fn new(db: &Db, snapshot: &esker::Snapshot) -> Snapshot {
        let options = ReadOptions::new().with_snapshot(snapshot);
        Snapshot { db: db.clone(), seqno: snapshot.seqno(), options: Mutex::new(Some(options)) }
    }

    fn options(&self, py: Python<'_>) -> PyResult<ReadOptions> {
        let options = self.options.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        options.ok_or_else(|| raise(py, &esker::Error::new(ErrorKind::Closed, "the snapshot is closed")))
    }

    fn iterate(&self, py: Python<'_>, stretch: &Stretch<'_, '_>, show: Show) -> PyResult<EntryIterator> {
        reader::iterate(py, &self.db, &self.options(py)?, stretch, show)
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

    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        reader::get(&self.db, &self.options(key.py())?, key, default)
    }

    fn get_view<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyMemoryView>>> {
        reader::get_view(&self.db, &self.options(key.py())?, key)
    }

    fn multi_get<'py>(&self, keys: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        reader::multi_get(&self.db, &self.options(keys.py())?, keys)
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        reader::get_item(&self.db, &self.options(key.py())?, key)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        reader::contains(&self.db, &self.options(key.py())?, key)
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
