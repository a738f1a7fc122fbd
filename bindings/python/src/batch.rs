//! [`Batch`]: writes that are applied together. As a context manager it commits when the block ends, and discards what it
//! holds when the block raises.

use std::sync::Mutex;

use esker::{Db, WriteBatch, WriteOptions};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;

use crate::bytes::Bytes;
use crate::errors::{detached, guarded};

/// Writes that are applied together.
#[pyclass(frozen, module = "esker")]
pub struct Batch {
    db: Db,
    options: WriteOptions,
    batch: Mutex<WriteBatch>,
}

impl Batch {
    pub fn new(db: &Db, options: WriteOptions) -> Batch {
        Batch { db: db.clone(), options, batch: Mutex::default() }
    }

    fn change<T>(&self, py: Python<'_>, change: impl FnOnce(&mut WriteBatch) -> esker::Result<T>) -> PyResult<T> {
        // Lets go of the interpreter if it has to wait: a commit holds the lock and may be waiting for it.
        let mut batch = self.batch.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner);
        guarded(py, || change(&mut batch))
    }
}

#[pymethods]
impl Batch {
    fn put(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, key, value) = (key.py(), Bytes::of(key)?, Bytes::of(value)?);
        self.change(py, |batch| batch.put(&key, &value))
    }

    fn delete(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, key) = (key.py(), Bytes::of(key)?);
        self.change(py, |batch| batch.delete(&key))
    }

    fn delete_range(&self, start: &Bound<'_, PyAny>, stop: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, start, stop) = (start.py(), Bytes::of(start)?, Bytes::of(stop)?);
        self.change(py, |batch| batch.delete_range(&start, &stop))
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value)
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.delete(key)
    }

    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, |batch| {
            batch.clear();
            Ok(())
        })
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.change(py, |batch| Ok(batch.count() as usize))
    }

    #[getter]
    fn size_bytes(&self, py: Python<'_>) -> PyResult<usize> {
        self.change(py, |batch| Ok(batch.size_bytes()))
    }

    /// Applies everything it holds, and empties it if that succeeded: a caller told BUSY can try again.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        let mut batch = self.batch.lock_py_attached(py).unwrap_or_else(std::sync::PoisonError::into_inner);
        let batch: &mut WriteBatch = &mut batch;
        detached(py, || self.db.write_with(batch, &self.options))?;
        batch.clear();
        Ok(())
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __exit__(&self, kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) -> PyResult<()> {
        if kind.is_none() { self.commit(kind.py()) } else { self.clear(kind.py()) }
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<esker.Batch of {} writes>", self.__len__(py)?))
    }
}
