//! `get` and `scan`: entries to standard output.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use esker::{Options, ReadOptions};

use crate::args;
use crate::database::{Access, family, with};
use crate::encoding::Encoding;
use crate::escape::{self, argument};
use crate::failure::Failure;

/// Prints the value of one key.
pub fn get(arguments: &args::Get, options: Options) -> Result<(), Failure> {
    let key = argument(&arguments.key, arguments.escaped)?;
    let value = with(&arguments.directory, Access::Read, options, |db| {
        Ok(db.get_in(&family(db, arguments.family.name.as_deref())?, &key, &ReadOptions::new())?)
    })?;
    let Some(value) = value else {
        let mut shown = String::new();
        escape::escape(&key, &mut shown);
        return Err(Failure::negative(format!("no key \"{shown}\" in {}", arguments.directory.display())));
    };
    let mut out = io::stdout().lock();
    let written = if arguments.raw {
        out.write_all(&value)
    } else {
        let mut line = String::new();
        if arguments.number {
            line = number(&value)?;
        } else {
            show("value", &value, arguments.encoded.encoding(), &key, &mut line)?;
        }
        line.push('\n');
        out.write_all(line.as_bytes())
    };
    written.and_then(|()| out.flush()).map_err(|e| Failure::output(&e))
}

fn number(value: &[u8]) -> Result<String, Failure> {
    let bytes = <[u8; 8]>::try_from(value)
        .map_err(|_| Failure::failed(format!("the value has {} bytes; a number has 8", value.len())))?;
    Ok(u64::from_le_bytes(bytes).to_string())
}

/// Prints entries of a range.
pub fn scan(arguments: &args::Scan, options: Options) -> Result<(), Failure> {
    let (reads, encoding) = (read_options(arguments)?, arguments.encoded.encoding());
    with(&arguments.directory, Access::Read, options, |db| {
        let mut iter = db.iter_in(&family(db, arguments.family.name.as_deref())?, &reads)?;
        let mut out = BufWriter::new(io::stdout().lock());
        let mut left = arguments.limit.unwrap_or(u64::MAX);
        let mut line = String::new();
        if arguments.reverse {
            iter.seek_to_last()?
        } else {
            iter.seek_to_first()?
        }
        while left > 0 && iter.valid() {
            line.clear();
            show("key", iter.key(), encoding, iter.key(), &mut line)?;
            if !arguments.keys_only {
                line.push('\t');
                show("value", iter.value(), encoding, iter.key(), &mut line)?;
            }
            line.push('\n');
            out.write_all(line.as_bytes()).map_err(|e| Failure::output(&e))?;
            left -= 1;
            if arguments.reverse { iter.prev()? } else { iter.next()? }
        }
        out.flush().map_err(|e| Failure::output(&e))
    })
}

fn read_options(arguments: &args::Scan) -> Result<ReadOptions, Failure> {
    let bytes = |text: &Option<OsString>| text.as_deref().map(|key| argument(key, arguments.escaped)).transpose();
    let mut reads = ReadOptions::new();
    reads.prefix = bytes(&arguments.prefix)?;
    reads.lower_bound = bytes(&arguments.from)?;
    reads.upper_bound = bytes(&arguments.to)?;
    Ok(reads)
}

/// Appends `bytes` as asked, escaped if nothing was; an error names the key by `key`.
fn show(what: &str, bytes: &[u8], encoding: Option<Encoding>, key: &[u8], out: &mut String) -> Result<(), Failure> {
    let Some(encoding) = encoding else {
        escape::escape(bytes, out);
        return Ok(());
    };
    encoding.encode(bytes, out).map_err(|why| {
        let mut shown = String::new();
        escape::escape(key, &mut shown);
        Failure::failed(format!("the {what} of \"{shown}\": {why}"))
    })
}
