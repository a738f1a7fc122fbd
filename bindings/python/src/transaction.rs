//! [`Transaction`]: reads and writes that take effect together, or not at all. As a context manager it commits when the block
//! ends, and rolls back when the block raises.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esker::{ColumnFamily, Db, Iter, Pinned, ReadOptions, TransactionOptions};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyMemoryView};

use crate::bytes::Bytes;
use crate::errors::{detached, raise};
use crate::exclusive::Exclusive;
use crate::family::chosen;
use crate::iterator::{Chunks, EntryIterator, Show};
use crate::logs::told;
use crate::operand;
use crate::options::{expiry, milliseconds};
use crate::packed::{Packed, PackedIterator};
use crate::reader::{self, Source, Stretch};

/// Reads and writes that take effect together.
#[pyclass(frozen, module = "esker")]
pub struct Transaction {
    db: Arc<Db>,
    /// The family that calls without one mean.
    home: ColumnFamily,
    transaction: Exclusive<esker::Transaction>,
    finished: AtomicBool,
}

/// A family as a transaction sees it.
struct Within<'a> {
    transaction: &'a esker::Transaction,
    family: &'a ColumnFamily,
}

impl Source for Within<'_> {
    fn told<T>(&self, _py: Python<'_>, result: PyResult<T>) -> PyResult<T> {
        // Later, when the transaction is free again: a handler may use it.
        result
    }

    fn get(&self, key: &[u8]) -> esker::Result<Option<Pinned>> {
        self.transaction.get_in(self.family, key)
    }

    fn multi_get<K: AsRef<[u8]>>(&self, keys: &[K]) -> esker::Result<Vec<esker::Result<Option<Pinned>>>> {
        self.transaction.multi_get_in(self.family, keys)
    }

    fn options(&self) -> ReadOptions {
        ReadOptions::new()
    }

    fn iter(&self, options: &ReadOptions) -> esker::Result<Iter> {
        self.transaction.iter_in(self.family, options)
    }

    const CHUNKS: Chunks = Chunks::SINGLE;
}

/// What `db.transaction` takes.
pub struct Wanted<'a, 'py> {
    pub isolation: Option<&'a str>,
    pub mode: Option<&'a str>,
    pub lock_timeout: Option<&'a Bound<'py, PyAny>>,
    pub durability: Option<&'a str>,
}

impl Wanted<'_, '_> {
    fn options(&self, py: Python<'_>) -> PyResult<TransactionOptions> {
        let mut options = TransactionOptions::new();
        let lock_timeout = self.lock_timeout.map(milliseconds).transpose()?.map(|ms| ms.to_string());
        let given = [
            ("isolation", self.isolation),
            ("mode", self.mode),
            ("lock_timeout_ms", lock_timeout.as_deref()),
            ("durability", self.durability),
        ];
        for (name, text) in given {
            if let Some(text) = text {
                options.set(name, text).map_err(|error| raise(py, &error))?;
            }
        }
        Ok(options)
    }
}

impl Transaction {
    pub fn begin(py: Python<'_>, db: &Arc<Db>, wanted: &Wanted<'_, '_>) -> PyResult<Transaction> {
        let options = wanted.options(py)?;
        let transaction = told(py, db, detached(py, || db.begin(&options)))?;
        let (home, transaction) = (db.default_family(), Exclusive::new(transaction));
        Ok(Transaction { db: Arc::clone(db), home, transaction, finished: AtomicBool::new(false) })
    }

    /// Reads from one family.
    fn reading<T>(
        &self,
        py: Python<'_>,
        family: Option<&Bound<'_, PyAny>>,
        read: impl FnOnce(&Within<'_>) -> PyResult<T>,
    ) -> PyResult<T> {
        let family = chosen(&self.db, &self.home, family)?;
        let result = {
            let transaction = self.transaction.take(py)?;
            read(&Within { transaction: &transaction, family: &family })
        };
        told(py, &self.db, result)
    }

    /// A call that writes to one family, or may wait for a key of it.
    fn writing<T: Send>(
        &self,
        py: Python<'_>,
        family: Option<&Bound<'_, PyAny>>,
        write: impl FnOnce(&mut esker::Transaction, &ColumnFamily) -> esker::Result<T> + Send,
    ) -> PyResult<T> {
        let family = chosen(&self.db, &self.home, family)?;
        self.with(py, |transaction| write(transaction, &family))
    }

    fn with<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce(&mut esker::Transaction) -> esker::Result<T> + Send,
    ) -> PyResult<T> {
        let result = {
            let mut transaction = self.transaction.take(py)?;
            let transaction: &mut esker::Transaction = &mut transaction;
            detached(py, || call(transaction))
        };
        told(py, &self.db, result)
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
impl Transaction {
    /// Whether it was committed or rolled back.
    #[getter]
    fn finished(&self) -> bool {
        self.finished.load(Ordering::Acquire)
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

    #[pyo3(signature = (key, default = None, *, family = None))]
    fn get_for_update<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        family: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let (py, key) = (key.py(), Bytes::of(key)?);
        let key: &[u8] = &key;
        let value = self.writing(py, family, |t, family| t.get_for_update_in(family, key))?;
        Ok(value.map(|value| PyBytes::new(py, &value).into_any()).or(default))
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

    #[pyo3(signature = (key, value, *, ttl = None, family = None))]
    fn put(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<&Bound<'_, PyAny>>,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, key, value) = (key.py(), Bytes::of(key)?, Bytes::of(value)?);
        let (key, value, expires): (&[u8], &[u8], _) = (&key, &value, ttl.map(expiry).transpose()?);
        self.writing(py, family, |t, family| match expires {
            Some(at_ms) => t.put_expiring_in(family, key, value, at_ms),
            None => t.put_in(family, key, value),
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
        let family = chosen(&self.db, &self.home, family)?;
        let operand = operand::of(operand, Some(&family))?;
        let (key, operand): (&[u8], &[u8]) = (&key, &operand);
        self.with(py, |t| t.merge_in(&family, key, operand))
    }

    #[pyo3(signature = (key, *, family = None))]
    fn delete(&self, key: &Bound<'_, PyAny>, family: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (py, key) = (key.py(), Bytes::of(key)?);
        let key: &[u8] = &key;
        self.writing(py, family, |t, family| t.delete_in(family, key))
    }

    #[pyo3(signature = (start, stop, *, family = None))]
    fn delete_range(
        &self,
        start: &Bound<'_, PyAny>,
        stop: &Bound<'_, PyAny>,
        family: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (py, start, stop) = (start.py(), Bytes::of(start)?, Bytes::of(stop)?);
        let (start, stop): (&[u8], &[u8]) = (&start, &stop);
        self.writing(py, family, |t, family| t.delete_range_in(family, start, stop))
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value, None, None)
    }

    /// As with a dict, a key that is not there is a `KeyError`; `delete` does not mind, and reads nothing.
    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        self.__getitem__(key)?;
        self.delete(key, None)
    }

    fn set_savepoint(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, esker::Transaction::set_savepoint)
    }

    fn rollback_to_savepoint(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, esker::Transaction::rollback_to_savepoint)
    }

    fn pop_savepoint(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, esker::Transaction::pop_savepoint)
    }

    fn savepoint<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("esker._savepoint")?.getattr("Savepoint")?.call1((slf,))
    }

    fn commit(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |transaction| {
            // Whatever comes of it, the transaction has ended.
            self.finished.store(true, Ordering::Release);
            transaction.commit()
        })
    }

    fn rollback(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |transaction| {
            self.finished.store(true, Ordering::Release);
            transaction.rollback()
        })
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// Ends it, unless the block did so itself.
    fn __exit__(&self, kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) -> PyResult<()> {
        match () {
            () if self.finished() => Ok(()),
            () if kind.is_none() => self.commit(kind.py()),
            () => {
                // What the block raised is what its caller should see, not that the database was closed in it.
                let _ended = self.rollback(kind.py());
                Ok(())
            }
        }
    }

    fn __repr__(&self) -> String {
        let state = if self.finished() { ", finished" } else { "" };
        format!("<esker.Transaction on {:?}{state}>", self.db.path())
    }
}
