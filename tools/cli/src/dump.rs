//! `dump`: every entry as of one moment, as text or JSON lines, to standard output or a file.
//!
//! Flow: [`Form`] writes the lines → `load` reads them back through [`crate::records`] and [`crate::jsonl`]. Both forms are
//! framed, so that a dump cut short is told from a whole one; a dump that fails takes its file away again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};

use esker::{ColumnFamily, Db, FamilyId, Iter, Options, ReadOptions};

use crate::args::{self, DumpFormat};
use crate::database::{Access, family, with};
use crate::encoding::Encoding;
use crate::escape::escape;
use crate::failure::Failure;
use crate::{jsonl, records};

/// How the lines of a dump are written.
#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    JsonLines(Encoding),
}

impl Form {
    fn opening(self, out: &mut String) -> Result<(), String> {
        match self {
            Form::Text => out.push_str(&records::dump_opening()),
            Form::JsonLines(encoding) => jsonl::opening(encoding, out)?,
        }
        Ok(())
    }

    fn family(self, family: &ColumnFamily, out: &mut String) -> Result<(), String> {
        let (name, options) = (family.name(), family.options().differing());
        match self {
            Form::Text => records::dump_family(name, &options, out),
            Form::JsonLines(_) => jsonl::family(name, &options, out)?,
        }
        Ok(())
    }

    fn entry(self, iter: &Iter, out: &mut String) -> Result<(), String> {
        let (key, value, expiry) = (iter.key(), iter.value(), iter.expires_at_ms());
        match self {
            Form::Text => records::dump_line(key, value, expiry, out),
            Form::JsonLines(encoding) => jsonl::entry(encoding, key, value, expiry, out)?,
        }
        Ok(())
    }

    fn closing(self, entries: u64, out: &mut String) -> Result<(), String> {
        match self {
            Form::Text => out.push_str(&records::dump_closing(entries)),
            Form::JsonLines(_) => jsonl::closing(entries, out)?,
        }
        Ok(())
    }
}

/// The form that was asked for. Base64 is what any bytes fit into, and every language reads.
fn form(arguments: &args::Dump) -> Result<Form, Failure> {
    match (arguments.format, arguments.encoded.encoding()) {
        (DumpFormat::Dump, None) => Ok(Form::Text),
        (DumpFormat::Dump, Some(_)) => Err(args::only_jsonl()),
        (DumpFormat::Jsonl, encoding) => Ok(Form::JsonLines(encoding.unwrap_or(Encoding::Base64))),
    }
}

/// Writes every entry as of one moment, framed so that `load` can tell a whole dump from a torn one.
pub fn dump(arguments: &args::Dump, options: Options) -> Result<(), Failure> {
    let form = form(arguments)?;
    with(&arguments.directory, Access::Read, options, |db| {
        let named = arguments.family.name.is_none();
        let families = match arguments.family.name.as_deref() {
            // As one family has no name in a dump, it can be loaded into any.
            Some(name) => vec![family(db, Some(name))?],
            None => db.families()?.iter().map(|name| db.family(name)).collect::<Result<_, _>>()?,
        };
        let Some(path) = &arguments.file else {
            let mut out = BufWriter::new(io::stdout().lock());
            return write_dump(db, form, &families, named, &mut out, &|e| Failure::output(e)).map(|_| ());
        };
        let file = File::create_new(path).map_err(|e| Failure::file("create", path, e))?;
        let mut out = BufWriter::new(file);
        let failed = |e: &io::Error| Failure::file("write", path, e);
        let count = write_dump(db, form, &families, named, &mut out, &failed).inspect_err(|_| {
            // It is ours and of no use; where even this fails, it lacks its last line, and is refused by `load`.
            drop(fs::remove_file(path));
        })?;
        out.get_ref().sync_all().map_err(|e| failed(&e))?;
        eprintln!("wrote {count} entries to {}", path.display());
        Ok(())
    })
}

fn write_dump(
    db: &Db,
    form: Form,
    families: &[ColumnFamily],
    named: bool,
    out: &mut impl Write,
    failed: &dyn Fn(&io::Error) -> Failure,
) -> Result<u64, Failure> {
    let moment = ReadOptions::new().with_snapshot(&db.snapshot()?);
    let mut line = String::new();
    form.opening(&mut line).map_err(Failure::failed)?;
    let mut count = 0u64;
    for family in families {
        // The default family is where entries go before any family is named; so it is, unless it has to be made in some way.
        let is_default = family.id() == FamilyId::DEFAULT;
        if named && !(is_default && family.options().differing().is_empty()) {
            form.family(family, &mut line).map_err(Failure::failed)?;
        }
        count += write_entries(db.iter_in(family, &moment)?, form, &mut line, out, failed)?;
    }
    form.closing(count, &mut line).map_err(Failure::failed)?;
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).map_err(|e| failed(&e))?;
    Ok(count)
}

/// Writes the entries of one family, each together with what `line` holds before it.
fn write_entries(
    mut iter: Iter,
    form: Form,
    line: &mut String,
    out: &mut impl Write,
    failed: &dyn Fn(&io::Error) -> Failure,
) -> Result<u64, Failure> {
    let mut count = 0;
    iter.seek_to_first()?;
    while iter.valid() {
        form.entry(&iter, line).map_err(|why| {
            let mut key = String::new();
            escape(iter.key(), &mut key);
            Failure::failed(format!("entry \"{key}\": {why}"))
        })?;
        out.write_all(line.as_bytes()).map_err(|e| failed(&e))?;
        line.clear();
        count += 1;
        iter.next()?;
    }
    Ok(count)
}
