//! Options by name, from keyword arguments: the names and values are those of the engine's own table.

use esker::{Options, WriteOptions};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};

use crate::errors::raise;

/// The options that the keyword arguments ask for.
pub fn from_keywords(py: Python<'_>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Options> {
    let mut options = Options::default();
    for (name, value) in keywords.into_iter().flat_map(|keywords| keywords.iter()) {
        let name: String = name.extract()?;
        options.set(&name, &as_text(&name, &value)?).map_err(|error| raise(py, &error))?;
    }
    Ok(options)
}

fn as_text(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    // bool before int: every bool is an int.
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(if flag.is_true() { "true" } else { "false" }.to_owned());
    }
    if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyString>() {
        return Ok(value.str()?.to_str()?.to_owned());
    }
    let got = value.get_type().name()?;
    Err(PyTypeError::new_err(format!("option \"{name}\" takes str, int or bool, not '{got}'")))
}

/// The options of one write.
pub fn write_options(py: Python<'_>, durability: Option<&str>) -> PyResult<WriteOptions> {
    let mut options = WriteOptions::new();
    if let Some(durability) = durability {
        options.set("durability", durability).map_err(|error| raise(py, &error))?;
    }
    Ok(options)
}
