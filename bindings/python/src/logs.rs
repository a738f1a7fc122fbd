//! What the engine has to tell, on its way to `esker.logger`. The engine calls nobody: it keeps records, and the next call on the
//! database hands them over, when it is done and holds nothing. A call that finds none has paid one relaxed load.

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyList;

/// The result of a call on `db`, after the records that were waiting went to the logger.
///
/// What a handler or filter raises does not become the call's failure: it is reported as unraisable. Only what is no `Exception`,
/// such as Ctrl-C meanwhile, goes through.
pub fn told<T>(py: Python<'_>, db: &esker::Db, result: PyResult<T>) -> PyResult<T> {
    if db.has_log() {
        hand_over(py, db)?;
    }
    result
}

#[cold]
fn hand_over(py: Python<'_>, db: &esker::Db) -> PyResult<()> {
    // A forked child has nothing to tell.
    let Ok(records) = db.drain_log() else { return Ok(()) };
    let handed = || {
        let rows = records.iter().map(|record| (record.time_ms, record.level.name(), record.what, &*record.text));
        let rows = PyList::new(py, rows.collect::<Vec<_>>())?;
        py.import("esker._logging")?.getattr("hand_over")?.call1((db.path(), rows))
    };
    match handed() {
        Err(error) if !error.is_instance_of::<PyException>(py) => Err(error),
        Err(error) => {
            error.write_unraisable(py, None);
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}
