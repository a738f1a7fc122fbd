//! `put`, `merge`, `delete`, `compact` and `checkpoint`: changes, acknowledged when the command ends well.

use std::io::{self, Read as _};

use esker::{Durability, Options, WriteOptions};

use crate::args;
use crate::database::{Access, family, with};
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
    let mut writes = write_options(arguments.durability.as_deref())?;
    writes.ttl_ms = arguments.ttl.ms;
    with(&arguments.directory, Access::Fill, options, |db| {
        Ok(db.put_in(&family(db, arguments.family.name.as_deref())?, &key, &value, &writes)?)
    })
}

/// Merges one operand.
pub fn merge(arguments: &args::Merge, options: Options) -> Result<(), Failure> {
    let key = argument(&arguments.key, arguments.escaped)?;
    let operand = if arguments.number {
        let number = arguments.operand.to_str().and_then(|text| text.parse::<u64>().ok());
        let number =
            number.ok_or_else(|| Failure::usage("--number takes a whole number from 0 to 18446744073709551615"))?;
        number.to_le_bytes().to_vec()
    } else {
        argument(&arguments.operand, arguments.escaped)?
    };
    let writes = write_options(arguments.durability.as_deref())?;
    with(&arguments.directory, Access::Fill, options, |db| {
        Ok(db.merge_in(&family(db, arguments.family.name.as_deref())?, &key, &operand, &writes)?)
    })
}

/// Deletes a key or a range.
pub fn delete(arguments: &args::Delete, options: Options) -> Result<(), Failure> {
    let writes = write_options(arguments.durability.as_deref())?;
    let escaped = arguments.escaped;
    with(&arguments.directory, Access::Change, options, |db| {
        let family = family(db, arguments.family.name.as_deref())?;
        match (&arguments.key, &arguments.from, &arguments.to) {
            (Some(key), _, _) => Ok(db.delete_in(&family, argument(key, escaped)?, &writes)?),
            (None, Some(from), Some(to)) => {
                Ok(db.delete_range_in(&family, argument(from, escaped)?, argument(to, escaped)?, &writes)?)
            }
            _ => Err(Failure::usage("give a key, or --from and --to")),
        }
    })
}

/// Merges a range down.
pub fn compact(arguments: &args::Compact, options: Options) -> Result<(), Failure> {
    let bound =
        |text: &Option<std::ffi::OsString>| text.as_deref().map(|key| argument(key, arguments.escaped)).transpose();
    let (from, to) = (bound(&arguments.from)?, bound(&arguments.to)?);
    with(&arguments.directory, Access::Change, options, |db| {
        let family = family(db, arguments.family.name.as_deref())?;
        db.flush_family(&family)?;
        Ok(db.compact_range_in(&family, from.as_deref(), to.as_deref())?)
    })
}

/// Makes a second database.
pub fn checkpoint(arguments: &args::Checkpoint, options: Options) -> Result<(), Failure> {
    with(&arguments.directory, Access::Change, options, |db| Ok(db.checkpoint(&arguments.target)?))
}
