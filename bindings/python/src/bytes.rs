//! Keys and values on their way in: `bytes` are borrowed, any other bytes-like object is copied, because its owner may change
//! it while the interpreter's lock is not held.

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Bytes from Python.
pub enum Bytes<'a> {
    /// Those of a `bytes` object, which never change.
    Borrowed(&'a [u8]),
    /// A copy.
    Copied(Vec<u8>),
}

impl<'a> Bytes<'a> {
    /// The bytes of `object`; `TypeError` if it is not bytes-like.
    pub fn of(object: &'a Bound<'_, PyAny>) -> PyResult<Bytes<'a>> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Bytes::Borrowed(bytes.as_bytes()));
        }
        match PyBuffer::<u8>::get(object) {
            Ok(buffer) => Ok(Bytes::Copied(buffer.to_vec(object.py())?)),
            Err(_) => {
                let name = object.get_type().name()?;
                Err(PyTypeError::new_err(format!("a bytes-like object is required, not '{name}'")))
            }
        }
    }

    /// A copy of the bytes of `object`, if there is one.
    pub fn owned(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<Vec<u8>>> {
        object.map(|object| Ok(Bytes::of(object)?.to_vec())).transpose()
    }
}

impl std::ops::Deref for Bytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::Copied(bytes) => bytes,
        }
    }
}
