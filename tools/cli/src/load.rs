//! `load`: the rows of a file into the database, in atomic batches, with a progress bar.
//!
//! A row is stored when its batch is; on an error the message says how many rows were, so that nothing has to be guessed.
//! Loading the same file again is harmless: it stores the same entries.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

use esker::{Db, ErrorKind, FamilyId, FamilyOptions, Options, WriteBatch, WriteOptions};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use crate::args::{self, Format};
use crate::database::{Access, family, with};
use crate::failure::Failure;
use crate::jsonl::JsonLines;
use crate::records::{Columns, Entry, FamilyLine, Record, Records, Source, detect};
use crate::write::write_options;

/// What the family is called that every database has.
const DEFAULT_FAMILY: &str = "default";

/// A batch is written when it holds this many bytes, whatever its number of rows.
const BATCH_BYTES: usize = 1 << 20;

/// Loads a file.
pub fn load(arguments: &args::Load, mut options: Options) -> Result<(), Failure> {
    let mut writes = write_options(arguments.durability.as_deref())?;
    writes.ttl_ms = arguments.ttl.ms;
    let path = &arguments.file;
    let (mut input, size): (Box<dyn BufRead>, Option<u64>) = if path.as_os_str() == "-" {
        (Box::new(BufReader::new(io::stdin())), None)
    } else {
        let file = File::open(path).map_err(|e| Failure::file("open", path, e))?;
        let size = file.metadata().map_err(|e| Failure::file("read", path, e))?;
        if size.is_dir() {
            return Err(Failure::file("read", path, "it is a directory"));
        }
        (Box::new(BufReader::with_capacity(1 << 16, file)), Some(size.len()))
    };
    let format = match arguments.format {
        Format::Auto => {
            let opening = input.fill_buf().map_err(|e| Failure::file("read", path, e))?;
            detect(opening, &path.to_string_lossy())
        }
        format => format,
    };
    let named = |why: String| Failure::failed(format!("{}: {why}", path.display()));
    let mut records = source(input, format, arguments, &named)?;
    let first = records.next_record().map_err(|why| named(format!("{why}; 0 rows were stored before that")))?;
    if records.has_expiries() {
        // What has no expiry in the dump has none, whatever the family it goes to says of new entries.
        writes.ttl_ms = writes.ttl_ms.or(Some(0));
    }
    if let Some(Record::Family(line)) = &first {
        as_default_family(line, &arguments.directory, &mut options).map_err(&named)?;
    }
    with(&arguments.directory, Access::Fill, options, |db| {
        let mut loader = Loader::new(db, &writes, arguments.batch, progress_bar(size));
        loader.named = arguments.family.name.is_some();
        loader.family = family(db, arguments.family.name.as_deref())?.id();
        let outcome = loader.run(first, records.as_mut());
        loader.bar.finish_and_clear();
        let rows = loader.stored;
        match outcome {
            Ok(()) => {
                loader.report();
                Ok(())
            }
            Err(why) => Err(named(format!("{why}; {rows} rows were stored before that"))),
        }
    })
}

/// Makes a database that is not there yet with the default family as it was dumped, as far as the caller's `-o` says nothing else.
fn as_default_family(line: &FamilyLine, directory: &Path, options: &mut Options) -> Result<(), String> {
    // IDENTITY is what a database has from the end of its creation on.
    if line.name != DEFAULT_FAMILY || directory.join("IDENTITY").exists() {
        return Ok(());
    }
    let defaults = Options::default();
    for (name, value) in &line.options {
        let wrong = |error: esker::Error| format!("line 2: {error}");
        if options.get(name).map_err(wrong)? == defaults.get(name).map_err(wrong)? {
            options.set(name, value).map_err(wrong)?;
        }
    }
    Ok(())
}

/// The reader for `format`; `named` makes a failure of what is wrong with the file.
fn source(
    input: Box<dyn BufRead>,
    format: Format,
    arguments: &args::Load,
    named: &dyn Fn(String) -> Failure,
) -> Result<Box<dyn Source>, Failure> {
    let encoding = arguments.encoded.encoding();
    if format == Format::Jsonl {
        return Ok(Box::new(JsonLines::new(input, encoding)));
    }
    if encoding.is_some() {
        return Err(args::only_jsonl());
    }
    let columns =
        Columns { header: arguments.header, key: arguments.key_column.clone(), value: arguments.value_column.clone() };
    Ok(Box::new(Records::new(input, format, &columns).map_err(named)?))
}

fn progress_bar(size: Option<u64>) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "{bar:32} {percent:>3} %  {bytes}/{total_bytes}  {bytes_per_sec}  {msg}  {eta} left",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {bytes_per_sec}  {msg}"),
    };
    // A template that does not parse would be a slip of ours; the default style serves as well.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

struct Loader<'a> {
    db: &'a Db,
    writes: &'a WriteOptions,
    rows_in_batch: u32,
    /// Where entries go, and whether the caller said so.
    family: FamilyId,
    named: bool,
    batch: WriteBatch,
    bar: ProgressBar,
    start: Instant,
    stored: u64,
    bytes: u64,
}

impl<'a> Loader<'a> {
    fn new(db: &'a Db, writes: &'a WriteOptions, rows_in_batch: u32, bar: ProgressBar) -> Loader<'a> {
        let start = Instant::now();
        let (family, batch) = (FamilyId::DEFAULT, WriteBatch::new());
        Loader { db, writes, rows_in_batch, family, named: false, batch, bar, start, stored: 0, bytes: 0 }
    }

    fn run(&mut self, first: Option<Record>, records: &mut dyn Source) -> Result<(), String> {
        let mut next = first;
        while let Some(record) = next {
            let entry = match record {
                Record::Entry(entry) => entry,
                Record::Family(line) => {
                    self.enter(&line).map_err(|why| format!("line {}: {why}", records.line()))?;
                    next = records.next_record()?;
                    continue;
                }
            };
            self.bytes += (entry.key.len() + entry.value.len()) as u64;
            self.add(&entry).map_err(|e| format!("line {}: {e}", records.line()))?;
            if self.batch.count() >= self.rows_in_batch || self.batch.size_bytes() >= BATCH_BYTES {
                self.store()?;
                self.bar.set_position(records.position());
                self.bar.set_message(format!("{} rows", HumanCount(self.stored)));
            }
            next = records.next_record()?;
        }
        self.store()
    }

    fn add(&mut self, entry: &Entry) -> esker::Result<()> {
        match entry.expires_at_ms {
            Some(at) => self.batch.put_expiring_in(self.family, &entry.key, &entry.value, at),
            None => self.batch.put_in(self.family, &entry.key, &entry.value),
        }
    }

    /// Goes on in the family of a dump, which is created if it is not there.
    fn enter(&mut self, line: &FamilyLine) -> Result<(), String> {
        if self.named {
            return Err("the dump has families of its own; load it without --cf".to_owned());
        }
        let found = self.db.family(&line.name).or_else(|error| match error.kind() {
            ErrorKind::NotFound => {
                let mut options = FamilyOptions::default();
                line.options.iter().try_for_each(|(name, value)| options.set(name, value))?;
                self.db.create_family(&line.name, &options)
            }
            _ => Err(error),
        });
        self.family = found.map_err(|error| error.to_string())?.id();
        Ok(())
    }

    fn store(&mut self) -> Result<(), String> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.db.write_with(&self.batch, self.writes).map_err(|e| e.to_string())?;
        self.stored += u64::from(self.batch.count());
        self.batch.clear();
        Ok(())
    }

    fn report(&self) {
        let seconds = self.start.elapsed().as_secs_f64();
        let rate = (self.stored as f64 / seconds.max(1e-9)) as u64;
        let (rows, rate) = (HumanCount(self.stored), HumanCount(rate));
        eprintln!("stored {rows} rows, {} in {seconds:.2} s ({rate} rows/s)", HumanBytes(self.bytes));
    }
}
