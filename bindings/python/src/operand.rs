//! What `merge` takes: bytes, or an int where the family counts with 8-byte numbers.

use esker::ColumnFamily;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::bytes::Bytes;

/// The operand that `value` is for `family`; `OverflowError` for a number that does not fit.
pub fn of<'a>(value: &'a Bound<'_, PyAny>, family: Option<&ColumnFamily>) -> PyResult<Bytes<'a>> {
    if !value.is_instance_of::<PyInt>() {
        return Bytes::of(value);
    }
    let operator = family.map_or("", |family| &*family.options().merge_operator);
    match operator {
        "add_u64" => Ok(Bytes::Copied(value.extract::<u64>()?.to_le_bytes().to_vec())),
        "add_i64" => Ok(Bytes::Copied(value.extract::<i64>()?.to_le_bytes().to_vec())),
        _ => Err(PyTypeError::new_err(format!(
            "an int is an operand of add_u64 and add_i64; the merge operator here is \"{operator}\", which takes bytes"
        ))),
    }
}
