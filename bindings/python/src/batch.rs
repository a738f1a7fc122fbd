//! [`Batch`]: writes that are applied together, to any column families. As a context manager it commits when the block ends, and
//! discards what it holds when the block raises. As data it is bytes that can be kept, sent, looked at and applied elsewhere.

use std::sync::Arc;

use esker::{BatchEntry, ColumnFamily, Db, ErrorKind, FamilyId, Kind, WriteBatch, WriteOptions};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyIterator, PyList};

use crate::bytes::Bytes;
use crate::errors::{detached, guarded, raise};
use crate::exclusive::Exclusive;
use crate::family::chosen;
use crate::logs::told;
use crate::operand;
use crate::options::expiry;
use crate::tree::Tree;

/// Writes that are applied together.
#[pyclass(frozen, module = "esker")]
pub struct Batch {
    home: Option<Home>,
    options: WriteOptions,
    batch: Exclusive<WriteBatch>,
}

/// Where a batch commits to. One that was made of bytes belongs to no database.
struct Home {
    db: Arc<Db>,
    /// The family that calls without one mean.
    family: ColumnFamily,
}

impl Batch {
    pub fn new(db: &Arc<Db>, family: &ColumnFamily, options: WriteOptions) -> Batch {
        let home = Home { db: Arc::clone(db), family: family.clone() };
        Batch { home: Some(home), options, batch: Exclusive::default() }
    }

    /// Hands out what it holds; nobody changes it meanwhile.
    pub fn with<T>(&self, py: Python<'_>, work: impl FnOnce(&mut WriteBatch) -> PyResult<T>) -> PyResult<T> {
        work(&mut *self.batch.take(py)?)
    }

    fn change<T>(&self, py: Python<'_>, change: impl FnOnce(&mut WriteBatch) -> esker::Result<T>) -> PyResult<T> {
        self.with(py, |batch| guarded(py, || change(batch)))
    }

    /// The number of the family that `asked` says.
    fn family(&self, py: Python<'_>, asked: Option<&Bound<'_, PyAny>>) -> PyResult<FamilyId> {
        match (&self.home, asked) {
            (Some(home), None) => Ok(home.family.id()),
            _ => Ok(self.handle(py, asked)?.map_or(FamilyId::DEFAULT, |family| family.id())),
        }
    }

    /// The family that `asked` says; none if that is the default one of no database.
    fn handle(&self, py: Python<'_>, asked: Option<&Bound<'_, PyAny>>) -> PyResult<Option<ColumnFamily>> {
        match (&self.home, asked) {
            (Some(home), _) => chosen(&home.db, &home.family, asked).map(Some),
            (None, None) => Ok(None),
            (None, Some(asked)) => match asked.cast::<Tree>() {
                Ok(tree) => Ok(Some(tree.get().family.clone())),
                Err(_) => Err(homeless(py, "give the column family by its handle")),
            },
        }
    }
}

fn homeless(py: Python<'_>, advice: &str) -> PyErr {
    let message = format!("the batch was made of bytes and belongs to no database; {advice}");
    raise(py, &esker::Error::new(ErrorKind::InvalidArgument, message))
}

#[pymethods]
impl Batch {
    /// The batch whose bytes were `data`.
    #[staticmethod]
    fn from_bytes(data: &Bound<'_, PyAny>) -> PyResult<Batch> {
        let (py, data) = (data.py(), Bytes::of(data)?);
        let batch = guarded(py, || WriteBatch::from_data(&data))?;
        Ok(Batch { home: None, options: WriteOptions::new(), batch: Exclusive::new(batch) })
    }

    #[pyo3(signature = (key, value, *, ttl = None, family = None))]
    fn put(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, key, value) = (key.py(), Bytes::of(key)?, Bytes::of(value)?);
        let (family, expires) = (self.family(py, family)?, ttl.map(expiry).transpose()?);
        self.change(py, |batch| match expires {
            Some(at_ms) => batch.put_expiring_in(family, &key, &value, at_ms),
            None => batch.put_in(family, &key, &value),
        })
    }

    #[pyo3(signature = (key, operand, *, family = None))]
    fn merge(
        &self,
        key: &Bound<'_, PyAny>,
        operand: &Bound<'_, PyAny>,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, key) = (key.py(), Bytes::of(key)?);
        let family = self.handle(py, family)?;
        let operand = operand::of(operand, family.as_ref())?;
        let id = family.map_or(FamilyId::DEFAULT, |family| family.id());
        self.change(py, |batch| batch.merge_in(id, &key, &operand))
    }

    #[pyo3(signature = (key, *, family = None))]
    fn delete(&self, key: &Bound<'_, PyAny>, family: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (py, key) = (key.py(), Bytes::of(key)?);
        let family = self.family(py, family)?;
        self.change(py, |batch| batch.delete_in(family, &key))
    }

    #[pyo3(signature = (start, stop, *, family = None))]
    fn delete_range(
        &self,
        start: &Bound<'_, PyAny>,
        stop: &Bound<'_, PyAny>,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, start, stop) = (start.py(), Bytes::of(start)?, Bytes::of(stop)?);
        let family = self.family(py, family)?;
        self.change(py, |batch| batch.delete_range_in(family, &start, &stop))
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value, None, None)
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.delete(key, None)
    }

    /// Adds everything in `other`, in its order.
    fn append(&self, py: Python<'_>, other: &Batch) -> PyResult<()> {
        // A copy: never two locks at once, and a batch may be appended to itself.
        let more = other.change(py, |other| WriteBatch::from_data(other.data()))?;
        self.change(py, |batch| batch.append(&more))
    }

    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, |batch| {
            batch.clear();
            Ok(())
        })
    }

    fn set_savepoint(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, |batch| {
            batch.set_savepoint();
            Ok(())
        })
    }

    fn rollback_to_savepoint(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, WriteBatch::rollback_to_savepoint)
    }

    fn pop_savepoint(&self, py: Python<'_>) -> PyResult<()> {
        self.change(py, WriteBatch::pop_savepoint)
    }

    fn savepoint<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("esker._savepoint")?.getattr("Savepoint")?.call1((slf,))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.change(py, |batch| Ok(batch.count() as usize))
    }

    /// What it holds, in order.
    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let entry_class = py.import("esker._entries")?.getattr("BatchEntry")?;
        let entries = PyList::empty(py);
        self.with(py, |batch| {
            for entry in batch.iter() {
                let entry = entry.map_err(|error| raise(py, &error))?;
                entries.append(entry_class.call1(parts(py, &entry))?)?;
            }
            Ok(())
        })?;
        entries.try_iter()
    }

    fn __bytes__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(py, |batch| Ok(PyBytes::new(py, batch.data())))
    }

    #[getter]
    fn size_bytes(&self, py: Python<'_>) -> PyResult<usize> {
        self.change(py, |batch| Ok(batch.size_bytes()))
    }

    /// Applies everything it holds, and empties it if that succeeded: a caller told BUSY can try again.
    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        let Some(home) = &self.home else { return Err(homeless(py, "db.write(batch) applies it")) };
        let committed = self.with(py, |batch| {
            detached(py, || home.db.write_with(batch, &self.options))?;
            batch.clear();
            Ok(())
        });
        told(py, &home.db, committed)
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

/// Kind, key, value, family and expiry time in seconds, as `BatchEntry` takes them.
type Parts<'py> = (&'static str, Bound<'py, PyBytes>, Option<Bound<'py, PyBytes>>, u32, Option<f64>);

fn parts<'py>(py: Python<'py>, entry: &BatchEntry<'_>) -> Parts<'py> {
    let (value, expires_at_ms) = entry.value_and_expiry();
    let (kind, value) = match entry.kind {
        Kind::Put | Kind::PutExpiring => ("put", Some(value)),
        Kind::Delete => ("delete", None),
        Kind::RangeDelete => ("delete_range", Some(value)),
        Kind::Merge => ("merge", Some(value)),
    };
    let seconds = expires_at_ms.map(|ms| ms as f64 / 1000.0);
    (kind, PyBytes::new(py, entry.key), value.map(|value| PyBytes::new(py, value)), entry.family.0, seconds)
}
