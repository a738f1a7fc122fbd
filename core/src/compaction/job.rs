//! [`run`]: executes a [`Compaction`] and returns the edit that puts its outputs in the place of its inputs.
//!
//! ```text
//! range tombstones of all inputs → retention
//! inputs, but for tables wholly under one of those tombstones → merge → outputs, synced → VersionEdit
//! ```
//! Nothing is changed or deleted here: inputs stay until whoever applies the edit has it durable in the MANIFEST, and the
//! directory entries of the outputs are synced by that application, before the MANIFEST names them.
//!
//! **Damage is never laundered.** A block that fails its check stops the job; so does an input that yields fewer or more entries
//! than were on record when it was written, whatever made it do so. Both leave the inputs as they are and in place.
//!
//! Thread rule: one thread; nothing is locked. `cancelled` is asked every few hundred entries.

use crate::compaction::collapse::Collapse;
use crate::compaction::merge::{as_ranges, merge};
use crate::compaction::output::Cutter;
use crate::compaction::plan::Compaction;
use crate::compaction::retention::{LiveViews, Retention};
use crate::compaction::writer::{Abandoned, OutputPlace, OutputWriter};
use crate::error::{Error, ErrorKind, Result};
use crate::iter::internal::InternalIterator;
use crate::iter::merging::MergingIterator;
use crate::iter::tombstones::RangeTombstone;
use crate::key::order::Order;
use crate::merge::MergeOperator;
use crate::table::{Compression, TableOptions};
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::level_iter::LevelIter;
use crate::version::table_cache::TableCache;

/// What a compaction needs of its surroundings.
#[derive(Clone, Copy)]
pub struct JobContext<'a> {
    /// Where outputs go. Its compression is that of compressed levels; a compaction into another one writes plain tables.
    pub place: OutputPlace<'a>,
    /// Opens the inputs.
    pub tables: &'a Arc<TableCache>,
    /// Who may read while the job runs and after. To be taken after the version that the compaction was picked from.
    pub views: &'a LiveViews,
    /// What makes values of the family's merge operands, if it has any.
    pub operator: Option<&'a dyn MergeOperator>,
    /// Whether to give up.
    pub cancelled: &'a dyn Fn() -> bool,
}

/// A compaction that succeeded.
#[derive(Debug)]
pub struct Outcome {
    /// Removes the inputs and adds the outputs. Nothing else is set.
    pub edit: VersionEdit,
    /// The outputs, in key order. For a trivial move the tables that move.
    pub tables: Vec<Arc<FileMeta>>,
    /// Bytes of the tables that were read.
    pub read_bytes: u64,
    /// Bytes of the tables that were written.
    pub written_bytes: u64,
    /// Expired puts that are gone.
    pub expired: u64,
}

/// Runs `compaction`.
pub fn run(compaction: &Compaction, context: &JobContext<'_>) -> Result<Outcome, Abandoned> {
    if compaction.trivial_move {
        let (edit, tables) = (compaction.move_edit(), compaction.inputs[0].clone());
        return Ok(Outcome { edit, tables, read_bytes: 0, written_bytes: 0, expired: 0 });
    }
    if compaction.drop_unread {
        let expired = compaction.tables().fold(0u64, |sum, file| sum.saturating_add(file.entries));
        return Ok(Outcome {
            edit: compaction.edit(&[]),
            tables: Vec::new(),
            read_bytes: 0,
            written_bytes: 0,
            expired,
        });
    }
    let named =
        |error: Error| error.context(format!("compaction of {} into {}", compaction.level, compaction.output_level));
    let nothing_written = |error| Abandoned { error: named(error), files: Vec::new() };
    let tombstones = range_tombstones(compaction, context).map_err(nothing_written)?;
    let (order, beneath) = (&compaction.order, &compaction.beneath);
    let mut retention = Retention::new(order, context.views, beneath, &tombstones).map_err(nothing_written)?;
    let surviving = retention.surviving_tombstones().map_err(nothing_written)?;
    let inputs = compaction.inputs.each_ref().map(|files| {
        let read = |file: &&Arc<FileMeta>| !retention.hides_table(file);
        files.iter().filter(read).cloned().collect::<Vec<_>>()
    });
    let mut input = input(compaction.level, &inputs, order, context.tables).map_err(nothing_written)?;
    let table = TableOptions {
        compression: if compaction.compress { context.place.table.compression } else { Compression::None },
        ..context.place.table.clone()
    };
    let place = OutputPlace { table: &table, ..context.place };
    let (target, grandparents) = (compaction.target_file_size_bytes, &compaction.grandparents);
    let cutter = Cutter::new(order, target, &surviving, grandparents, compaction.max_grandparent_bytes);
    let mut writer = OutputWriter::new(place, cutter);
    let mut collapse = Collapse::new(context.operator, compaction.may_expire());
    let merged = merge(order, &mut input, &mut retention, &mut collapse, &mut writer, context.cancelled);
    if let Err(error) = merged.and_then(|read| check_count(read, &inputs)) {
        return Err(writer.abandon(named(error)));
    }
    let read_bytes = inputs.iter().flatten().fold(0u64, |sum, file| sum.saturating_add(file.file_size));
    let (written_bytes, tables) = (writer.written_bytes(), writer.into_tables());
    let expired = retention.expired();
    Ok(Outcome { edit: compaction.edit(&tables), tables, read_bytes, written_bytes, expired })
}

/// The range tombstones of all inputs.
fn range_tombstones(compaction: &Compaction, context: &JobContext<'_>) -> Result<Vec<RangeTombstone>> {
    let mut tombstones = Vec::new();
    for file in compaction.tables().filter(|file| file.range_tombstones > 0) {
        let table = context.tables.get(file, &compaction.order)?;
        let own = table.tombstones();
        if own.count() as u64 != file.range_tombstones {
            return Err(miscounted("range tombstones", own.count() as u64, file.range_tombstones));
        }
        tombstones.extend(as_ranges(own));
    }
    Ok(tombstones)
}

/// All entries of `inputs` in order: each table of level 0 by itself, those of a sorted level one after the other.
fn input(
    level: Level,
    inputs: &[Vec<Arc<FileMeta>>; 2],
    order: &Order,
    tables: &Arc<TableCache>,
) -> Result<MergingIterator> {
    let sorted = |files: &Vec<Arc<FileMeta>>| -> Box<dyn InternalIterator> {
        Box::new(LevelIter::new(order, files.clone(), Arc::clone(tables), false))
    };
    let [from, into] = inputs;
    let mut children = Vec::new();
    if level == Level::ZERO {
        children.extend(from.iter().map(|file| sorted(&vec![Arc::clone(file)])));
    } else {
        children.push(sorted(from));
    }
    children.push(sorted(into));
    Ok(MergingIterator::new(order, children))
}

/// What was read must be what was once written.
fn check_count(read: u64, inputs: &[Vec<Arc<FileMeta>>; 2]) -> Result<()> {
    let expected = inputs.iter().flatten().fold(0u64, |sum, file| sum.saturating_add(file.entries));
    if read == expected { Ok(()) } else { Err(miscounted("entries", read, expected)) }
}

fn miscounted(what: &str, got: u64, expected: u64) -> Error {
    Error::new(ErrorKind::Corruption, format!("its inputs have {got} {what}, {expected} are on record"))
}
