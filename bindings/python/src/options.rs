//! Options by name, from keyword arguments: the names and values are those of the engine's own tables.

use std::time::{SystemTime, UNIX_EPOCH};

use esker::WriteOptions;
use esker::options::Setting;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString};

use crate::errors::raise;

/// Sets what the keyword arguments ask for; the names of what was set.
pub fn from_keywords(
    py: Python<'_>,
    keywords: Option<&Bound<'_, PyDict>>,
    mut set: impl FnMut(&str, &str) -> esker::Result<()>,
) -> PyResult<Vec<String>> {
    let mut given = Vec::new();
    for (name, value) in keywords.into_iter().flat_map(|keywords| keywords.iter()) {
        let name: String = name.extract()?;
        let (name, text) = match &*name {
            // As it is called where a write takes it.
            "ttl" => ("ttl_ms".to_owned(), milliseconds(&value)?.to_string()),
            _ => (name.clone(), as_text(&name, &value)?),
        };
        set(&name, &text).map_err(|error| raise(py, &error))?;
        given.push(name);
    }
    Ok(given)
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

/// Every option of a table as text.
pub fn settings_dict<'py, T>(py: Python<'py>, settings: &[Setting<T>], options: &T) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for setting in settings {
        dict.set_item(setting.name, (setting.get)(options))?;
    }
    Ok(dict)
}

/// What every option of a table does.
pub fn settings_docs<'py, T>(py: Python<'py>, settings: &[Setting<T>]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for setting in settings {
        dict.set_item(setting.name, setting.doc)?;
    }
    Ok(dict)
}

/// A span of time in milliseconds, from seconds or a timedelta. More than can be counted is for ever.
pub fn milliseconds(span: &Bound<'_, PyAny>) -> PyResult<u64> {
    let seconds: f64 = match span.getattr_opt(intern!(span.py(), "total_seconds"))? {
        Some(total_seconds) => total_seconds.call0()?.extract()?,
        None => span.extract()?,
    };
    if seconds.is_nan() || seconds < 0.0 {
        let message = format!("a span of time cannot be {seconds} seconds");
        return Err(raise(span.py(), &esker::Error::new(esker::ErrorKind::InvalidArgument, message)));
    }
    Ok((seconds * 1000.0).ceil() as u64)
}

/// When a value expires that has so long to live, in milliseconds since 1970; 0 is never.
pub fn expiry(time_to_live: &Bound<'_, PyAny>) -> PyResult<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match milliseconds(time_to_live)? {
        0 => Ok(u64::MAX),
        ms => Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_add(ms)),
    }
}

/// The options of one write.
pub fn write_options(
    py: Python<'_>,
    durability: Option<&str>,
    ttl: Option<&Bound<'_, PyAny>>,
) -> PyResult<WriteOptions> {
    let mut options = WriteOptions::new();
    options.ttl_ms = ttl.map(milliseconds).transpose()?;
    if let Some(durability) = durability {
        options.set("durability", durability).map_err(|error| raise(py, &error))?;
    }
    Ok(options)
}
