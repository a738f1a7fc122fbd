//! Engine errors as Python exceptions. The classes live in `esker/_errors.py`, where multiple inheritance is one line each;
//! the kind of the error picks one by name.

use esker::{Error, ErrorKind};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::waiting::take_raised;

/// The exception for `error`, with its `file` and `offset`; what a signal handler raised if that ended the call.
pub fn raise(py: Python<'_>, error: &Error) -> PyErr {
    if error.kind() == ErrorKind::Cancelled
        && let Some(raised) = take_raised()
    {
        return raised;
    }
    match exception(py, error) {
        Ok(exception) => exception,
        // The package is broken if its own module cannot be imported; say what happened all the same.
        Err(_) => PyRuntimeError::new_err(error.to_string()),
    }
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let class = py.import("esker._errors")?.getattr(class_name(error.kind()))?;
    let instance = class.call1((error.to_string(),))?;
    instance.setattr("file", error.file().map(|file| file.to_path_buf()))?;
    instance.setattr("offset", error.offset())?;
    Ok(PyErr::from_value(instance))
}

fn class_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "NotFoundError",
        ErrorKind::InvalidArgument => "InvalidArgumentError",
        ErrorKind::Io => "IoError",
        ErrorKind::Corruption => "CorruptionError",
        ErrorKind::Closed => "ClosedError",
        ErrorKind::Locked => "LockedError",
        ErrorKind::Conflict => "ConflictError",
        ErrorKind::ReadOnly => "ReadOnlyError",
        ErrorKind::NoSpace => "NoSpaceError",
        ErrorKind::Poisoned => "PoisonedError",
        ErrorKind::Forked => "ForkedError",
        ErrorKind::Unsupported => "UnsupportedError",
        ErrorKind::Format => "FormatError",
        ErrorKind::Busy => "BusyError",
        ErrorKind::Cancelled => "CancelledError",
        _ => "InternalError",
    }
}

/// Turns the engine's results into Python's, a panic in between into `InternalError`.
pub fn guarded<T>(py: Python<'_>, call: impl FnOnce() -> esker::Result<T>) -> PyResult<T> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call));
    let result =
        caught.unwrap_or_else(|_| Err(Error::new(ErrorKind::Panic, "a panic in the engine; please report it")));
    result.map_err(|error| raise(py, &error))
}

/// The same without the interpreter's lock, for calls that may wait or do I/O.
pub fn detached<T: Send>(py: Python<'_>, call: impl FnOnce() -> esker::Result<T> + Send) -> PyResult<T> {
    let caught = py.detach(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)));
    guarded(py, || {
        caught.unwrap_or_else(|_| Err(Error::new(ErrorKind::Panic, "a panic in the engine; please report it")))
    })
}
