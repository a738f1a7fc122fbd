//! Memory that crosses the border without a copy, or by one: the only file of this crate with unsafe code, because the buffer
//! protocol is a C protocol.
//!
//! - [`Value`]: a value that Python reads in place. `memoryview(value)` keeps the block it lies in alive, past the iterator and the
//!   database it came from.
//! - [`Cells`]: bytes, numbers or flags in a row, which `numpy.frombuffer` takes as they are.
//! - [`Lent`]: what Python lends for a call, and may change meanwhile; it is read by copying only.
#![expect(unsafe_code, reason = "the buffer protocol hands out raw pointers")]

use std::ffi::{CStr, c_int};
use std::ops::Range;

use esker::{Error, ErrorKind, Pinned};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
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

/// What [`Cells`] hold.
pub enum Row {
    Bytes(Vec<u8>),
    Numbers(Vec<i64>),
    /// 0 or 1.
    Flags(Vec<u8>),
}

/// Bytes, numbers or flags in a row; Python reads them by the buffer protocol only.
#[pyclass(frozen, module = "esker")]
pub struct Cells {
    row: Row,
    /// How many, where the protocol wants it: in memory that lives as long as the buffer does.
    shape: [ffi::Py_ssize_t; 1],
}

impl Cells {
    pub fn new(row: Row) -> Cells {
        let len = match &row {
            Row::Bytes(bytes) | Row::Flags(bytes) => bytes.len(),
            Row::Numbers(numbers) => numbers.len(),
        };
        Cells { row, shape: [len as ffi::Py_ssize_t] }
    }

    /// Its bytes or flags; none if it holds numbers.
    pub fn bytes(&self) -> &[u8] {
        match &self.row {
            Row::Bytes(bytes) | Row::Flags(bytes) => bytes,
            Row::Numbers(_) => &[],
        }
    }

    /// Its numbers; none if it holds something else.
    pub fn numbers(&self) -> &[i64] {
        match &self.row {
            Row::Numbers(numbers) => numbers,
            Row::Bytes(_) | Row::Flags(_) => &[],
        }
    }

    /// Where they begin, how many bytes they are, how many bytes one of them is, and what it is.
    fn layout(&self) -> (*const u8, usize, usize, &'static CStr) {
        match &self.row {
            Row::Bytes(bytes) => (bytes.as_ptr(), bytes.len(), 1, c"B"),
            Row::Flags(flags) => (flags.as_ptr(), flags.len(), 1, c"?"),
            Row::Numbers(numbers) => (numbers.as_ptr().cast(), size_of_val(numbers.as_slice()), 8, c"q"),
        }
    }
}

#[pymethods]
impl Cells {
    /// Fills `view` with the place of the cells.
    ///
    /// # Safety
    /// Called by the interpreter only, with a `view` that is its to fill.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        let cells = slf.get();
        let (pointer, len, item_size, format) = cells.layout();
        let (pointer, len) = (pointer.cast_mut().cast(), len as ffi::Py_ssize_t);
        // SAFETY: as for `Value`: the cells never change and live as long as `slf`, to which the view takes a reference.
        if unsafe { ffi::PyBuffer_FillInfo(view, slf.as_ptr(), pointer, len, 1, flags) } != 0 {
            return Err(PyErr::fetch(slf.py()));
        }
        // SAFETY: the interpreter's to fill, and filled in as one row of bytes just now.
        let view = unsafe { &mut *view };
        view.itemsize = item_size as ffi::Py_ssize_t;
        if flags & ffi::PyBUF_FORMAT != 0 {
            view.format = format.as_ptr().cast_mut();
        }
        if flags & ffi::PyBUF_ND != 0 {
            // Frozen, and as alive as `slf`; readers do not write to a shape. The stride, if asked for, points at `itemsize`.
            view.shape = cells.shape.as_ptr().cast_mut();
        }
        Ok(())
    }
}

/// An array that Python lends: one piece of memory, row after row.
pub struct Lent(PyUntypedBuffer);

impl Lent {
    /// The array that `object` is, if it is one. An array whose memory cannot be shown raises what it says about that.
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<Option<Lent>> {
        match PyUntypedBuffer::get(object) {
            Ok(buffer) => Ok(Some(Lent(buffer))),
            Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub fn array(&self) -> &PyUntypedBuffer {
        &self.0
    }

    /// Whether its items lie in more than one piece, or in another order; then it cannot be copied.
    pub fn is_scattered(&self) -> bool {
        !self.0.is_c_contiguous()
    }

    /// A copy of some of its bytes; an error if there is no memory for it.
    pub fn copy(&self, _py: Python<'_>, range: Range<usize>) -> esker::Result<Vec<u8>> {
        if self.is_scattered() || range.start > range.end || range.end > self.0.len_bytes() {
            return Err(Error::invalid("bytes that the array does not have in one piece"));
        }
        let mut copy = room_for(range.len())?;
        // SAFETY: the range lies in the array, which is in one piece and stays where it is as long as `self`; `copy` has room. No
        // reference into the array is made: with the interpreter held, whoever else writes to it meanwhile does so as in C.
        unsafe {
            let start = self.0.buf_ptr().cast::<u8>().cast_const().add(range.start);
            std::ptr::copy_nonoverlapping(start, copy.as_mut_ptr(), range.len());
            copy.set_len(range.len());
        }
        Ok(copy)
    }
}

/// An empty vector with room for `len` elements, if there is so much memory.
pub fn room_for<T>(len: usize) -> esker::Result<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(len).map_err(|_| {
        Error::new(ErrorKind::Busy, format!("no memory for {len} elements of {} bytes", size_of::<T>()))
    })?;
    Ok(room)
}
