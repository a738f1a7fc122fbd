//! Looking into one file of a database, or at what its directory holds, without opening the database.
//!
//! ```text
//! inspect   what kind of file is it (first and last bytes, else its name) → logs | manifests | tables
//!           a directory → directories
//! ```
//! It only reads: it takes no lock and changes nothing, so it also works on a database that is open, whose newest bytes may then
//! be missing. Bytes that are not what was written are no failure: what stands before them is shown, then the problem with
//! file and offset. Key orders and operators are not needed, only names of them are read.
//!
//! Invariants: every checksum on the way is checked; at most as many rows and entries are kept as the caller asked for, the
//! others are read and counted. Thread rule: one call, one thread.

mod directories;
mod logs;
mod manifests;
mod tables;

use std::path::Path;

use crate::batch::BatchEntry;
use crate::db::open::exists;
use crate::db::stats::{Row, StatValue, StatsFormat, json_object, text_lines};
use crate::env::filename::FileKind;
use crate::env::fs::{File, FileSystem, OpenMode, is_not_found, read_exact_at};
use crate::error::{Error, ErrorKind, Result};
use crate::key::kind::Kind;
use crate::table::format;
use crate::version::manifest_file;
use crate::wal;

/// What a file is inspected as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectKind {
    /// A segment of the log.
    Wal,
    /// A MANIFEST.
    Manifest,
    /// A table.
    Table,
}

impl InspectKind {
    /// What the file says it is by its first or last bytes.
    fn of_contents(file: &dyn File) -> Result<Option<InspectKind>> {
        let mut magic = [0; 8];
        let Some(tail) = file.len()?.checked_sub(magic.len() as u64) else { return Ok(None) };
        read_exact_at(file, &mut magic, 0)?;
        match magic {
            wal::SEGMENT_MAGIC => return Ok(Some(InspectKind::Wal)),
            manifest_file::MAGIC => return Ok(Some(InspectKind::Manifest)),
            _ => {}
        }
        read_exact_at(file, &mut magic, tail)?;
        Ok((magic == format::MAGIC).then_some(InspectKind::Table))
    }

    fn of_name(name: Option<FileKind>) -> Option<InspectKind> {
        match name? {
            FileKind::Wal(_) => Some(InspectKind::Wal),
            FileKind::Manifest(_) => Some(InspectKind::Manifest),
            FileKind::Table(_) => Some(InspectKind::Table),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            InspectKind::Wal => "wal",
            InspectKind::Manifest => "manifest",
            InspectKind::Table => "table",
        }
    }
}

/// How much of a file is shown, and how.
#[derive(Clone, Copy, Debug)]
pub struct InspectOptions {
    /// What the file is taken for; `None` asks the file.
    pub kind: Option<InspectKind>,
    /// How many rows are shown: records of a log, edits of a MANIFEST, blocks of a table, files of a directory.
    pub rows: u64,
    /// How many entries are shown, with their keys, below the records or blocks that they are in.
    pub entries: u64,
    /// How keys are written. An error of it ends the inspection.
    pub show: fn(&[u8]) -> Result<String>,
}

impl Default for InspectOptions {
    /// 10 000 rows, no entries, keys as in a string of C: `a\x00\"`.
    fn default() -> InspectOptions {
        InspectOptions { kind: None, rows: 10_000, entries: 0, show: |key| Ok(key.escape_ascii().to_string()) }
    }
}

/// What an inspection found.
#[derive(Clone, Debug)]
pub struct Inspection {
    entries: Row,
    problem: Option<Error>,
}

impl Inspection {
    /// Every name with its value, in a fixed order.
    pub fn entries(&self) -> &[(&'static str, StatValue)] {
        &self.entries
    }

    /// The first damage that was met; what stands behind it may not be shown.
    pub fn problem(&self) -> Option<&Error> {
        self.problem.as_ref()
    }

    /// All of it as text, or as one JSON object.
    pub fn render(&self, format: StatsFormat) -> Result<String> {
        match format {
            StatsFormat::Text => Ok(text_lines(&self.entries)),
            StatsFormat::Json => Ok(format!("{}\n", json_object(&self.entries))),
            StatsFormat::Prometheus => Err(Error::invalid("an inspection comes as text or json, not as prometheus")),
        }
    }
}

/// Looks into `path`, a file or a directory.
pub fn inspect(fs: &dyn FileSystem, path: &Path, options: &InspectOptions) -> Result<Inspection> {
    let mut found = Findings::new(options);
    let outcome = match exists(fs, path) {
        Ok(true) if options.kind.is_some() => return Err(Error::invalid("this is a directory").with_file(path)),
        Ok(true) => directories::inspect(fs, path, &mut found),
        _ => inspect_file(fs, path, &mut found),
    };
    match outcome {
        Err(error) if matches!(error.kind(), ErrorKind::Corruption | ErrorKind::Format) => found.problem(error),
        outcome => outcome?,
    }
    Ok(found.finish())
}

fn inspect_file(fs: &dyn FileSystem, path: &Path, found: &mut Findings<'_>) -> Result<()> {
    let file = fs.open(path, OpenMode::Read).map_err(|error| match is_not_found(&error) {
        true => Error::new(ErrorKind::NotFound, "there is no such file").with_file(path),
        false => error,
    })?;
    let name = path.file_name().and_then(FileKind::parse);
    let named = InspectKind::of_name(name);
    let by_contents = InspectKind::of_contents(&*file)?;
    let kind = found.options.kind.or(by_contents).or(named).ok_or_else(|| {
        let message = "this is no log segment, MANIFEST or table: neither its bytes nor its name say so";
        Error::invalid(message).with_file(path)
    })?;
    found.text("kind", kind.name());
    found.text("file", path.display().to_string());
    found.number("bytes", file.len()?);
    if let Some(named) = named.filter(|named| *named != kind && found.options.kind.is_none()) {
        found.problem(Error::corruption(path, 0, format!("a {} under the name of a {}", kind.name(), named.name())));
    }
    let number = name.filter(|_| named == Some(kind)).and_then(FileKind::number);
    match kind {
        InspectKind::Wal => logs::inspect(&file, number, found),
        InspectKind::Manifest => manifests::inspect(&file, number, found),
        InspectKind::Table => tables::inspect(&*file, found),
    }
}

/// What is found, in the order in which it is found.
pub struct Findings<'a> {
    /// What was asked for.
    pub options: &'a InspectOptions,
    facts: Row,
    /// The rows of the file, under what they are called, and how many were left out.
    list: Option<(&'static str, Vec<Row>)>,
    rows_left_out: u64,
    entries_left_out: u64,
    entries_left: u64,
    problem: Option<Error>,
}

impl<'a> Findings<'a> {
    fn new(options: &'a InspectOptions) -> Findings<'a> {
        Findings {
            options,
            facts: Row::new(),
            list: None,
            rows_left_out: 0,
            entries_left_out: 0,
            entries_left: options.entries,
            problem: None,
        }
    }

    /// Adds a number.
    pub fn number(&mut self, name: &'static str, value: u64) {
        self.facts.push((name, StatValue::Number(value)));
    }

    /// Adds a word or sentence.
    pub fn text(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push((name, StatValue::Text(value.into())));
    }

    /// Adds several of them.
    pub fn extend(&mut self, facts: impl IntoIterator<Item = (&'static str, StatValue)>) {
        self.facts.extend(facts);
    }

    /// Rows added from here on are called `name`.
    pub fn begin(&mut self, name: &'static str) {
        self.list = Some((name, Vec::new()));
    }

    /// Adds a row, if it is among those to be shown.
    pub fn row(&mut self, row: Row) {
        match &mut self.list {
            Some((_, rows)) if (rows.len() as u64) < self.options.rows => rows.push(row),
            _ => self.rows_left_out += 1,
        }
    }

    /// Adds an entry to those of a row, if it is among those to be shown.
    pub fn entry(&mut self, entries: &mut Vec<Row>, entry: &BatchEntry<'_>, seqno: Option<u64>) -> Result<()> {
        if self.entries_left == 0 {
            self.entries_left_out += 1;
            return Ok(());
        }
        self.entries_left -= 1;
        entries.push(self.entry_row(entry, seqno)?);
        Ok(())
    }

    fn entry_row(&self, entry: &BatchEntry<'_>, seqno: Option<u64>) -> Result<Row> {
        let mut row = vec![("kind", text(kind_name(entry.kind)))];
        match seqno {
            Some(seqno) => row.push(("seqno", StatValue::Number(seqno))),
            None => row.push(("family", StatValue::Number(u64::from(entry.family.0)))),
        }
        row.push(("key", self.key(entry.key)?));
        let (value, expiry) = entry.value_and_expiry();
        match entry.kind {
            Kind::Delete => {}
            Kind::RangeDelete => row.push(("end", self.key(entry.value)?)),
            _ => row.push(("value_bytes", StatValue::Number(value.len() as u64))),
        }
        if let Some(expiry) = expiry {
            row.push(("expires_at_ms", StatValue::Number(expiry)));
        }
        Ok(row)
    }

    /// A key as it is shown.
    pub fn key(&self, key: &[u8]) -> Result<StatValue> {
        (self.options.show)(key).map(StatValue::Text)
    }

    /// Notes a problem; the first one counts.
    pub fn problem(&mut self, problem: Error) {
        self.problem.get_or_insert(problem);
    }

    fn finish(self) -> Inspection {
        let mut entries = self.facts;
        entries.extend(self.list.map(|(name, rows)| (name, StatValue::List(rows))));
        for (name, count) in [("rows_left_out", self.rows_left_out), ("entries_left_out", self.entries_left_out)] {
            if count > 0 && (name == "rows_left_out" || self.options.entries > 0) {
                entries.push((name, StatValue::Number(count)));
            }
        }
        entries.push(("problems", StatValue::List(self.problem.iter().map(problem_row).collect())));
        Inspection { entries, problem: self.problem }
    }
}

fn problem_row(problem: &Error) -> Row {
    let mut row = vec![("message", text(problem.message()))];
    row.extend(problem.file().map(|file| ("file", text(file.display().to_string()))));
    row.extend(problem.offset().map(|offset| ("offset", StatValue::Number(offset))));
    row
}

/// A value that is text.
pub fn text(text: impl Into<String>) -> StatValue {
    StatValue::Text(text.into())
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Delete => "delete",
        Kind::Put => "put",
        Kind::RangeDelete => "delete_range",
        Kind::Merge => "merge",
        Kind::PutExpiring => "put_expiring",
    }
}
