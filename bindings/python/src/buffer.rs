//! [`Value`]: a value that Python reads in place. `memoryview(value)` keeps the block it lies in alive, past the iterator and
//! the database it came from. The only file of this crate with unsafe code: the buffer protocol is a C protocol.
#![expect(unsafe_code, reason = "the buffer protocol hands out raw pointers")]

use std::ffi::c_int;

use esker::Pinned;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Bytes of the database, read in place.
#[pyclass(frozen, module = "esker")]
pub struct Value {
    pinned: Pinned,
}

impl Value {
    pub fn new(pinned: Pinned) -> Value {
        Value { pinned }
    }
}

#[pymethods]
impl Value {
    fn __len__(&self) -> usize {
        self.pinned.len()
    }

    fn __repr__(&self) -> String {
        format!("<esker.Value of {} bytes>", self.pinned.len())
    }

    /// Fills `view` with the place of the bytes.
    ///
    /// # Safety
    /// Called by the interpreter only, with a `view` that is its to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let bytes: &[u8] = &slf.get().pinned;
        let (pointer, len) = (bytes.as_ptr().cast_mut().cast(), bytes.len() as ffi::Py_ssize_t);
        // SAFETY: `view` is the interpreter's to fill; the bytes live as long as `slf`, to which the view takes a reference,
        // and never change; read-only is set, so that a request for a writable view fails.
        let status = unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), pointer, len, 1, flags) };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(slf.py())) }
    }
}
