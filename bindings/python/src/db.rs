//! [`Db`]: an open database, and the functions that work on a directory without one.

use std::path::PathBuf;
use std::sync::Arc;

use esker::{Environment, FamilyOptions, InspectOptions, Options, StatValue, StatsFormat};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use crate::batch::Batch;
use crate::errors::{detached, guarded, raise};
use crate::family::{self, ColumnFamily};
use crate::logs::told;
use crate::options::{from_keywords, settings_dict, settings_docs, write_options};
use crate::transaction::{Transaction, Wanted};
use crate::tree::Tree;
use crate::waiting::{interruptible, look_for_signals};

/// Opens the database in the directory `path`.
#[pyfunction]
#[pyo3(signature = (path, **options))]
pub fn open(py: Python<'_>, path: PathBuf, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Db>> {
    let mut chosen = Options::default();
    from_keywords(py, options, |name, text| chosen.set(name, text))?;
    let environment = Environment { interrupted: Some(look_for_signals), ..Environment::system() };
    let db = Arc::new(interruptible(py, move || esker::Db::open_in(environment, path, &chosen))?);
    told(py, &db, Ok(()))?;
    let tree = Tree { family: db.default_family(), db: Arc::clone(&db) };
    Py::new(py, PyClassInitializer::from(tree).add_subclass(Db { db }))
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

/// Looks into a file of a database, or at what its directory holds.
#[pyfunction]
#[pyo3(signature = (path, *, entries = 0))]
pub fn inspect(py: Python<'_>, path: PathBuf, entries: u64) -> PyResult<Bound<'_, PyDict>> {
    let found = detached(py, || esker::Db::inspect(path, &InspectOptions { entries, ..InspectOptions::default() }))?;
    row_dict(py, found.entries())
}

/// Removes the files of the database in `path`.
#[pyfunction]
pub fn destroy(py: Python<'_>, path: PathBuf) -> PyResult<()> {
    detached(py, || esker::Db::destroy(path))
}

/// The options that `open` takes, or `column_family`, with what each does.
#[pyfunction]
#[pyo3(signature = (of = "database"))]
pub fn option_names<'py>(py: Python<'py>, of: &str) -> PyResult<Bound<'py, PyDict>> {
    match of {
        "database" => settings_docs(py, Options::settings()),
        "column_family" => settings_docs(py, FamilyOptions::settings()),
        _ => {
            let message = format!("there are options of \"database\" and \"column_family\", not of {of:?}");
            Err(raise(py, &esker::Error::new(esker::ErrorKind::InvalidArgument, message)))
        }
    }
}

/// An open database.
#[pyclass(frozen, extends = Tree, module = "esker")]
pub struct Db {
    db: Arc<esker::Db>,
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
        settings_dict(py, Options::settings(), self.db.options())
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let db = Arc::clone(&self.db);
        told(py, &self.db, interruptible(py, move || db.flush()))
    }

    fn checkpoint(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let db = Arc::clone(&self.db);
        interruptible(py, move || db.checkpoint(path))
    }

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        told(py, &self.db, detached(py, || self.db.sync()))
    }

    /// The column family `name`; with `create`, a new one with these options if there is none.
    #[pyo3(signature = (name, *, create = false, **options))]
    fn column_family(
        &self,
        py: Python<'_>,
        name: &str,
        create: bool,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<ColumnFamily>> {
        told(py, &self.db, family::open(py, &self.db, name, create, options))
    }

    fn column_families(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        guarded(py, || self.db.families())
    }

    fn drop_column_family(&self, family: &Bound<'_, PyAny>) -> PyResult<()> {
        told(family.py(), &self.db, family::drop(&self.db, family))
    }

    /// Begins a transaction, which sees all commits so far.
    #[pyo3(signature = (*, isolation = None, mode = None, lock_timeout = None, durability = None))]
    fn transaction(
        &self,
        py: Python<'_>,
        isolation: Option<&str>,
        mode: Option<&str>,
        lock_timeout: Option<&Bound<'_, PyAny>>,
        durability: Option<&str>,
    ) -> PyResult<Transaction> {
        Transaction::begin(py, &self.db, &Wanted { isolation, mode, lock_timeout, durability })
    }

    /// Runs `work` in a transaction, and again when it conflicts.
    #[pyo3(signature = (work, *, retries = 10, **options))]
    fn transact<'py>(
        slf: Bound<'py, Self>,
        work: Bound<'py, PyAny>,
        retries: u32,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("esker._transact")?.getattr("transact")?.call((slf, work, retries), options)
    }

    /// Applies a batch, which is unchanged and may be written again.
    #[pyo3(signature = (batch, *, durability = None, ttl = None))]
    fn write(
        &self,
        py: Python<'_>,
        batch: &Batch,
        durability: Option<&str>,
        ttl: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let options = write_options(py, durability, ttl)?;
        told(py, &self.db, batch.with(py, |batch| detached(py, || self.db.write_with(batch, &options))))
    }

    /// The number of the last commit that readers see.
    #[getter]
    fn latest_seqno(&self, py: Python<'_>) -> PyResult<u64> {
        guarded(py, || self.db.latest_seqno())
    }

    /// One of the statistics by name, as text.
    fn property(&self, py: Python<'_>, name: &str) -> PyResult<String> {
        guarded(py, || self.db.property(name))
    }

    /// Numbers about the database: a dict, or text in the format asked for.
    #[pyo3(signature = (*, format = None))]
    fn stats<'py>(&self, py: Python<'py>, format: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
        let stats = told(py, &self.db, guarded(py, || self.db.stats()))?;
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
        told(py, &self.db, detached(py, || self.db.close()))
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __exit__(&self, kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(kind.py())
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
