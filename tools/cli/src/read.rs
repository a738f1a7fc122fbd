//! `get`, `scan` and `dump`: entries to standard output or a file.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use esker::{ColumnFamily, Db, Iter, Options, ReadOptions};

use crate::args;
use crate::database::{Access, family, with};
use crate::escape::{self, argument};
use crate::failure::Failure;
use crate::records;

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
            show(&value, arguments.hex, &mut line);
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
    let reads = read_options(arguments)?;
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
            show(iter.key(), arguments.hex, &mut line);
            if !arguments.keys_only {
                line.push('\t');
                show(iter.value(), arguments.hex, &mut line);
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

fn show(bytes: &[u8], hex: bool, out: &mut String) {
    if hex { escape::hex(bytes, out) } else { escape::escape(bytes, out) }
}

/// Writes every entry as of one moment, framed so that `load` can tell a whole dump from a torn one.
pub fn dump(arguments: &args::Dump, options: Options) -> Result<(), Failure> {
    with(&arguments.directory, Access::Read, options, |db| {
        let families = match arguments.family.name.as_deref() {
            // As one family has no name in a dump, it can be loaded into any.
            Some(name) => vec![family(db, Some(name))?],
            None => db.families()?.iter().map(|name| db.family(name)).collect::<Result<_, _>>()?,
        };
        let Some(path) = &arguments.file else {
            let mut out = BufWriter::new(io::stdout().lock());
            return write_dump(db, &families, &mut out, &|e| Failure::output(e)).map(|_| ());
        };
        let file = File::create_new(path).map_err(|e| Failure::file("create", path, e))?;
        let mut out = BufWriter::new(file);
        let failed = |e: &io::Error| Failure::file("write", path, e);
        let count = write_dump(db, &families, &mut out, &failed)?;
        out.get_ref().sync_all().map_err(|e| failed(&e))?;
        eprintln!("wrote {count} entries to {}", path.display());
        Ok(())
    })
}

fn write_dump(
    db: &Db,
    families: &[ColumnFamily],
    out: &mut impl Write,
    failed: &dyn Fn(&io::Error) -> Failure,
) -> Result<u64, Failure> {
    let moment = ReadOptions::new().with_snapshot(&db.snapshot()?);
    let mut line = format!("{}\n", records::DUMP_OPENING);
    let mut count = 0u64;
    for (n, family) in families.iter().enumerate() {
        if n > 0 {
            records::dump_family(family.name(), &family.options().differing(), &mut line);
        }
        count += write_entries(db.iter_in(family, &moment)?, &mut line, out, failed)?;
    }
    line.push_str(&records::dump_closing(count));
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(|e| failed(&e))?;
    Ok(count)
}

/// Writes the entries of one family, each together with what `line` holds before it.
fn write_entries(
    mut iter: Iter,
    line: &mut String,
    out: &mut impl Write,
    failed: &dyn Fn(&io::Error) -> Failure,
) -> Result<u64, Failure> {
    let mut count = 0;
    iter.seek_to_first()?;
    while iter.valid() {
        records::dump_line(iter.key(), iter.value(), line);
        out.write_all(line.as_bytes()).map_err(|e| failed(&e))?;
        line.clear();
        count += 1;
        iter.next()?;
    }
    Ok(count)
}
