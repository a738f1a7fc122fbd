//! `put`, `delete` and `compact`: changes, acknowledged when the command ends well.

use std::io::{self, Read as _};

use esker::{Durability, Options, WriteOptions};

use crate::args;
use crate::database::{Access, with};
use crate::escape::argument;
use crate::failure::Failure;

/// The write options of `--durability`.
pub fn write_options(durability: Option<&str>) -> Result<WriteOptions, Failure> {
    let Some(name) = durability else { return Ok(WriteOptions::new()) };
    let durability = Durability::parse(name)
        .map_err(|expected| Failure::usage(format!("--durability takes {expected}; got \"{name}\"")))?;
    Ok(WriteOptions::new().durability(durability))
}

/// Stores one value.
pub fn put(arguments: &args::Put, options: Options) -> Result<(), Failure> {
    let key = argument(&arguments.key, arguments.escaped)?;
    let value = match &arguments.value {
        Some(value) => argument(value, arguments.escaped)?,
        None => {
            let mut bytes = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|e| Failure::failed(format!("cannot read the value from standard input: {e}")))?;
            bytes
        }
    };
    let writes = write_options(arguments.durability.as_deref())?;
    with(&arguments.directory, Access::Fill, options, |db| Ok(db.put_with(&key, &value, &writes)?))
}

/// Deletes a key or a range.
pub fn delete(arguments: &args::Delete, options: Options) -> Result<(), Failure> {
    let writes = write_options(arguments.durability.as_deref())?;
    let escaped = arguments.escaped;
    with(&arguments.directory, Access::Change, options, |db| match (&arguments.key, &arguments.from, &arguments.to) {
        (Some(key), _, _) => Ok(db.delete_with(argument(key, escaped)?, &writes)?),
        (None, Some(from), Some(to)) => {
            Ok(db.delete_range_with(argument(from, escaped)?, argument(to, escaped)?, &writes)?)
        }
        _ => Err(Failure::usage("give a key, or --from and --to")),
    })
}

/// Merges a range down.
pub fn compact(arguments: &args::Compact, options: Options) -> Result<(), Failure> {
    let bound =
        |text: &Option<std::ffi::OsString>| text.as_deref().map(|key| argument(key, arguments.escaped)).transpose();
    let (from, to) = (bound(&arguments.from)?, bound(&arguments.to)?);
    with(&arguments.directory, Access::Change, options, |db| {
        db.flush()?;
        Ok(db.compact_range(from.as_deref(), to.as_deref())?)
    })
}
