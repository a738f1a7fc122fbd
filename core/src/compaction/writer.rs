//! [`OutputWriter`]: turns a stream of entries that stay into tables, ending each where the [`Cutter`] says.
//!
//! A file is created when the first entry or tombstone for it is there, under a number never used before, and is synced when it
//! is finished. **The directory is not synced here**: whoever applies the edit syncs it before the MANIFEST names the tables.
//! On any error the outputs are abandoned: the numbers of all files created so far are in [`Abandoned`], for the caller to
//! remove; a retry writes under new numbers.
//!
//! Thread rule: one thread.

use std::path::Path;

use crate::compaction::output::Cutter;
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::table::{TableBuilder, TableOptions, TableSummary};
use crate::util::sync::Arc;
use crate::version::file_meta::FileMeta;

/// Where tables are written, and how.
#[derive(Clone, Copy)]
pub struct OutputPlace<'a> {
    /// The files' home.
    pub fs: &'a dyn FileSystem,
    /// The database directory.
    pub dir: &'a Path,
    /// The family all entries belong to.
    pub family: FamilyId,
    /// How tables are written; the order of the keys among it.
    pub table: &'a TableOptions,
    /// Gives a number that no file has had. The caller keeps such a file from being taken for an orphan until the edit that
    /// names it is applied or it is removed.
    pub new_number: &'a dyn Fn() -> FileNumber,
}

/// A flush or compaction that failed or was cancelled. Nothing has changed but that these files lie about.
#[derive(Debug)]
pub struct Abandoned {
    /// Why.
    pub error: Error,
    /// Tables that were created, finished or not. Nothing names them; they may be removed.
    pub files: Vec<FileNumber>,
}

/// Writes output tables one after the other.
pub struct OutputWriter<'a> {
    place: OutputPlace<'a>,
    cutter: Cutter<'a>,
    building: Option<(FileNumber, TableBuilder)>,
    finished: Vec<Arc<FileMeta>>,
    created: Vec<FileNumber>,
}

impl<'a> OutputWriter<'a> {
    /// Writes to `place`, cut by `cutter`, which also has the range tombstones.
    pub fn new(place: OutputPlace<'a>, cutter: Cutter<'a>) -> OutputWriter<'a> {
        OutputWriter { place, cutter, building: None, finished: Vec::new(), created: Vec::new() }
    }

    /// The entries from here on are those of `user_key`. To be called before the first of each key that is written.
    pub fn start_key(&mut self, user_key: &[u8]) -> Result<()> {
        self.cut_up_to(Some(user_key))
    }

    /// Writes an entry of the key that was started.
    pub fn add(&mut self, internal_key: &[u8], value: &[u8]) -> Result<()> {
        self.cutter.note_point();
        self.builder()?.add(internal_key, value)
    }

    /// Writes the tombstones that are left, and ends the last table.
    pub fn finish(&mut self) -> Result<()> {
        self.cut_up_to(None)?;
        let start = self.cutter.start().map(<[u8]>::to_vec);
        self.end_table(start.as_deref(), None)
    }

    /// Bytes of the tables finished so far.
    pub fn written_bytes(&self) -> u64 {
        self.finished.iter().fold(0, |sum, file| sum.saturating_add(file.file_size))
    }

    /// The finished tables, in key order.
    pub fn into_tables(self) -> Vec<Arc<FileMeta>> {
        self.finished
    }

    /// Gives up after `error`.
    pub fn abandon(self, error: Error) -> Abandoned {
        Abandoned { error, files: self.created }
    }

    fn cut_up_to(&mut self, next: Option<&[u8]>) -> Result<()> {
        let mut start = self.cutter.start().map(<[u8]>::to_vec);
        loop {
            let size = self.building.as_ref().map_or(0, |(_, builder)| builder.estimated_size());
            let Some(cut) = self.cutter.cut_before(next, size) else { return Ok(()) };
            self.end_table(start.as_deref(), Some(&cut))?;
            start = Some(cut);
        }
    }

    /// Ends the table that holds `[start, end)`; there is none if nothing is in that stretch.
    fn end_table(&mut self, start: Option<&[u8]>, end: Option<&[u8]>) -> Result<()> {
        let pieces: Vec<_> = self
            .cutter
            .tombstones_within(start, end)
            .map(|piece| (piece.start.to_vec(), piece.end.to_vec(), piece.seqnos.to_vec()))
            .collect();
        for (start, end, seqnos) in pieces {
            let builder = self.builder()?;
            for seqno in seqnos {
                builder.add_tombstone(&start, &end, seqno)?;
            }
        }
        if let Some((number, builder)) = self.building.take() {
            let summary = builder.finish()?;
            self.finished.push(Arc::new(record(number, self.place.family, summary)));
        }
        Ok(())
    }

    /// The builder of the current table, which is created if need be.
    fn builder(&mut self) -> Result<&mut TableBuilder> {
        let building = match self.building.take() {
            Some(building) => building,
            None => self.create()?,
        };
        Ok(&mut self.building.insert(building).1)
    }

    fn create(&mut self) -> Result<(FileNumber, TableBuilder)> {
        let OutputPlace { fs, dir, family, table, new_number } = self.place;
        let number = new_number();
        // Noted first: a failed creation may have left a file all the same.
        self.created.push(number);
        let file = fs.open(&dir.join(FileKind::Table(number).name()), OpenMode::CreateNew)?;
        Ok((number, TableBuilder::new(file, table.clone(), fs.random_u64(), family)))
    }
}

/// What goes on record about a finished table.
pub(super) fn record(number: FileNumber, family: FamilyId, summary: TableSummary) -> FileMeta {
    FileMeta {
        number,
        family,
        file_size: summary.file_size,
        smallest: summary.smallest,
        largest: summary.largest,
        largest_exclusive: summary.largest_exclusive,
        smallest_seqno: summary.smallest_seqno,
        largest_seqno: summary.largest_seqno,
        table_id: summary.table_id,
        checksum: summary.checksum,
        entries: summary.entries,
        deletes: summary.deletes,
        range_tombstones: summary.range_tombstones,
        merges: summary.merges,
        earliest_merge_ms: summary.earliest_merge_ms,
        expiring: summary.expiring,
        latest_expiry_ms: summary.latest_expiry_ms,
    }
}
