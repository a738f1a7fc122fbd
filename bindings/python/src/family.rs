//! [`ColumnFamily`]: a named tree of keys within a database; and what `family=` takes wherever a call may go to another one.

use std::sync::Arc;

use esker::FamilyOptions;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::errors::{detached, guarded, raise};
use crate::logs::told;
use crate::options::{from_keywords, settings_dict};
use crate::tree::Tree;
use crate::waiting::interruptible;

/// A column family.
#[pyclass(frozen, extends = Tree, module = "esker")]
pub struct ColumnFamily {
    db: Arc<esker::Db>,
    family: esker::ColumnFamily,
}

impl ColumnFamily {
    fn handle(py: Python<'_>, db: &Arc<esker::Db>, family: esker::ColumnFamily) -> PyResult<Py<ColumnFamily>> {
        let tree = Tree { db: Arc::clone(db), family: family.clone() };
        let own = ColumnFamily { db: Arc::clone(db), family };
        Py::new(py, PyClassInitializer::from(tree).add_subclass(own))
    }
}

#[pymethods]
impl ColumnFamily {
    #[getter]
    fn name(&self) -> &str {
        self.family.name()
    }

    #[getter]
    fn id(&self) -> u32 {
        self.family.id().0
    }

    #[getter]
    fn options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        settings_dict(py, FamilyOptions::settings(), self.family.options())
    }

    #[getter]
    fn dropped(&self) -> bool {
        self.family.is_dropped()
    }

    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        let (db, family) = (Arc::clone(&self.db), self.family.clone());
        told(py, &self.db, interruptible(py, move || db.flush_family(&family)))
    }

    fn __reduce__(&self) -> PyResult<()> {
        let (name, path) = (self.family.name(), self.db.path().display());
        Err(PyTypeError::new_err(format!(
            "a column family cannot be pickled; pass its name ({name:?}) and the path of its database ({path})"
        )))
    }

    fn __repr__(&self) -> String {
        let state = match () {
            () if self.family.is_dropped() => ", dropped",
            () if self.db.is_closed() => ", closed",
            () => "",
        };
        format!("<esker.ColumnFamily {:?} of {:?}{state}>", self.family.name(), self.db.path())
    }
}

/// The family `name`, created with the options of `keywords` if it is not there and may be.
pub fn open(
    py: Python<'_>,
    db: &Arc<esker::Db>,
    name: &str,
    create: bool,
    keywords: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<ColumnFamily>> {
    let mut options = FamilyOptions::default();
    let given = from_keywords(py, keywords, |name, text| options.set(name, text))?;
    let family = detached(py, || match db.family(name) {
        // Somebody else may create it in between; then theirs is the one.
        Err(error) if create && error.kind() == esker::ErrorKind::NotFound => {
            db.create_family(name, &options).or_else(|error| db.family(name).map_err(|_| error))
        }
        found => found,
    })?;
    guarded(py, || agrees(&family, &options, &given))?;
    ColumnFamily::handle(py, db, family)
}

/// What a caller asks for must be what is on record: a counter that is opened as something else would be misread.
fn agrees(family: &esker::ColumnFamily, wanted: &FamilyOptions, given: &[String]) -> esker::Result<()> {
    for name in given {
        let (have, want) = (family.options().get(name)?, wanted.get(name)?);
        if have != want {
            let message = format!(
                "column family {:?} was created with {name} = {have:?}, not {want:?}; its options are fixed",
                family.name()
            );
            return Err(esker::Error::new(esker::ErrorKind::InvalidArgument, message));
        }
    }
    Ok(())
}

/// Drops the family that `which`, a name or a handle, says.
pub fn drop(db: &Arc<esker::Db>, which: &Bound<'_, PyAny>) -> PyResult<()> {
    let family = named(db, which)?;
    detached(which.py(), || db.drop_family(&family))
}

/// The family of `db` that `asked` says, a handle or a name; `home` if it says none.
pub fn chosen(
    db: &Arc<esker::Db>,
    home: &esker::ColumnFamily,
    asked: Option<&Bound<'_, PyAny>>,
) -> PyResult<esker::ColumnFamily> {
    match asked {
        None => Ok(home.clone()),
        Some(asked) => named(db, asked),
    }
}

fn named(db: &Arc<esker::Db>, which: &Bound<'_, PyAny>) -> PyResult<esker::ColumnFamily> {
    if let Ok(tree) = which.cast::<Tree>() {
        let tree = tree.get();
        if Arc::ptr_eq(&tree.db, db) {
            return Ok(tree.family.clone());
        }
        let message = "the column family belongs to another database handle";
        return Err(raise(which.py(), &esker::Error::new(esker::ErrorKind::InvalidArgument, message)));
    }
    let Ok(name) = which.cast::<PyString>() else {
        let got = which.get_type().name()?;
        return Err(PyTypeError::new_err(format!("a column family is given by handle or name, not '{got}'")));
    };
    guarded(which.py(), || db.family(&name.to_string_lossy()))
}
