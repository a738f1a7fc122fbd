//! [`Compaction`]: a decision, complete: which tables are merged, into which level, what lies below them. Made by `picker`,
//! executed by `job`, kept in [`Claims`] while it runs.
//!
//! Pure values. Whoever runs compactions keeps one `Claims` per database behind its lock: `take` before a compaction starts,
//! `release` when it is installed or given up.

use std::collections::HashSet;

use crate::compaction::beneath::Beneath;
use crate::compaction::retention::LiveViews;
use crate::env::filename::FileNumber;
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::version::total_bytes;

/// A compaction that may start.
#[derive(Clone, Debug)]
pub struct Compaction {
    /// The family whose tables these are.
    pub family: FamilyId,
    /// How its keys compare.
    pub order: Order,
    /// The level that gives tables away.
    pub level: Level,
    /// The level that gets the result: deeper, or the same where tables are only cleaned of what is dead.
    pub output_level: Level,
    /// The tables of `level`, newest first on level 0, sorted elsewhere; and every table of `output_level` in their hull.
    pub inputs: [Vec<Arc<FileMeta>>; 2],
    /// Tables of the level below the output in the hull of the inputs: an output must not overlap too many of them.
    pub grandparents: Vec<Arc<FileMeta>>,
    /// What else of the family may be older than the inputs.
    pub beneath: Beneath,
    /// The tables of `level` change their level as they are; nothing is read or written but the MANIFEST.
    pub trivial_move: bool,
    /// All that is in the tables of `level` has expired and hides nothing: they go, unread, and nothing is written.
    pub drop_unread: bool,
    /// Whether outputs are compressed.
    pub compress: bool,
    /// Nominal size of an output.
    pub target_file_size_bytes: u64,
    /// Most bytes of `grandparents` that one output may overlap.
    pub max_grandparent_bytes: u64,
}

impl Compaction {
    /// All tables that it takes.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<FileMeta>> {
        self.inputs.iter().flatten()
    }

    /// The level of each table that it takes.
    pub fn placed_tables(&self) -> impl Iterator<Item = (Level, &Arc<FileMeta>)> {
        let [from, into] = &self.inputs;
        from.iter().map(|file| (self.level, file)).chain(into.iter().map(|file| (self.output_level, file)))
    }

    /// From the first to the last key of any of its tables.
    pub fn span(&self) -> KeySpan<'_> {
        KeySpan::hull(&self.order, self.tables().map(|file| &**file)).unwrap_or(KeySpan::ALL)
    }

    /// Bytes of all tables that it takes.
    pub fn input_bytes(&self) -> u64 {
        total_bytes(&self.inputs[0]).saturating_add(total_bytes(&self.inputs[1]))
    }

    /// Whether puts that expire may be among its entries or beneath them.
    pub fn may_expire(&self) -> bool {
        self.tables().any(|file| file.expiring > 0) || self.beneath.may_expire()
    }

    /// The edit that puts `outputs` in the place of the inputs.
    pub fn edit(&self, outputs: &[Arc<FileMeta>]) -> VersionEdit {
        let mut edit = VersionEdit::default();
        for (level, file) in self.placed_tables() {
            edit.delete(level, file);
        }
        for file in outputs {
            edit.add(self.output_level, Arc::clone(file));
        }
        edit
    }

    /// Whether its tables, which were picked to go unread, may go in the light of `views`, which are newer than the pick.
    pub fn may_drop(&self, views: &LiveViews) -> bool {
        self.tables().all(|file| file.is_expired(views.oldest_time_ms()) && views.forget_expiry(file.latest_expiry_ms))
    }

    /// The edit of a trivial move. The record of each table is the very one it had, so that its file is never without owner.
    pub fn move_edit(&self) -> VersionEdit {
        self.edit(&self.inputs[0])
    }
}

/// What running compactions have taken. Two of them must neither share an input nor write into one stretch of one level.
#[derive(Debug, Default)]
pub struct Claims {
    tables: HashSet<FileNumber>,
    running: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    family: FamilyId,
    output_level: Level,
    tables: Vec<Arc<FileMeta>>,
}

impl Claims {
    /// Whether a running compaction has the table `number`.
    pub fn holds(&self, number: FileNumber) -> bool {
        self.tables.contains(&number)
    }

    /// Whether any of `files` is taken.
    pub fn hold_any(&self, files: &[Arc<FileMeta>]) -> bool {
        files.iter().any(|file| self.holds(file.number))
    }

    /// Whether a running compaction may put a table into `span` of `level`, which no version shows yet. Whoever else adds
    /// tables to a level below 0 must ask too.
    pub fn writes_into(&self, family: FamilyId, order: &Order, level: Level, span: &KeySpan<'_>) -> bool {
        self.running.iter().filter(|running| running.family == family && running.output_level == level).any(|running| {
            let hull = KeySpan::hull(order, running.tables.iter().map(|file| &**file));
            hull.is_some_and(|hull| hull.overlaps(order, span))
        })
    }

    /// Whether nothing is running.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Notes that `compaction` runs.
    pub fn take(&mut self, compaction: &Compaction) {
        debug_assert!(compaction.tables().all(|file| !self.holds(file.number)), "an input is taken twice");
        let tables: Vec<_> = compaction.tables().cloned().collect();
        self.tables.extend(tables.iter().map(|file| file.number));
        self.running.push(Running { family: compaction.family, output_level: compaction.output_level, tables });
    }

    /// Notes that `compaction` does not run any more.
    pub fn release(&mut self, compaction: &Compaction) {
        let Some(first) = compaction.tables().next() else { return };
        // No table has two claims, so one table tells which claim it is.
        self.running.retain(|running| running.tables.iter().all(|file| file.number != first.number));
        for file in compaction.tables() {
            self.tables.remove(&file.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::file_meta::testing::meta;

    const ORDER: Order = Order::Bytewise;

    fn level(n: usize) -> Level {
        Level::new(n).unwrap()
    }

    fn compaction(inputs: [Vec<FileMeta>; 2]) -> Compaction {
        Compaction {
            family: FamilyId::DEFAULT,
            order: ORDER,
            level: level(1),
            output_level: level(2),
            inputs: inputs.map(|files| files.into_iter().map(Arc::new).collect()),
            grandparents: Vec::new(),
            beneath: Beneath::Unknown,
            trivial_move: false,
            drop_unread: false,
            compress: false,
            target_file_size_bytes: 1000,
            max_grandparent_bytes: 10_000,
        }
    }

    #[test]
    fn an_edit_takes_the_inputs_and_brings_the_outputs() {
        let merge = compaction([vec![meta(1, "a", "c", 5..=9)], vec![meta(2, "b", "d", 1..=4)]]);
        let output = Arc::new(meta(3, "a", "d", 1..=9));
        let edit = merge.edit(&[Arc::clone(&output)]);
        let deleted = [(1, 1), (2, 2)].map(|(n, number)| (FamilyId::DEFAULT, level(n), FileNumber::new(number)));
        assert_eq!(edit.deleted, deleted);
        assert_eq!(edit.added, [(level(2), output)]);
        let moved = merge.move_edit();
        assert!(Arc::ptr_eq(&moved.added[0].1, &merge.inputs[0][0]));
    }

    #[test]
    fn claims_cover_tables_and_the_stretch_that_is_written() {
        let mut claims = Claims::default();
        let merge = compaction([vec![meta(1, "d", "f", 5..=9)], vec![meta(2, "e", "k", 1..=4)]]);
        claims.take(&merge);
        assert!(claims.holds(FileNumber::new(2)) && !claims.holds(FileNumber::new(3)));
        let writes = |claims: &Claims, family, n, key: &str| {
            claims.writes_into(family, &ORDER, level(n), &KeySpan::at(key.as_bytes()))
        };
        // The outputs will lie in [d, k] of level 2, though no version shows any table there at "d".
        assert!(writes(&claims, FamilyId::DEFAULT, 2, "d") && writes(&claims, FamilyId::DEFAULT, 2, "k"));
        assert!(!writes(&claims, FamilyId::DEFAULT, 2, "l") && !writes(&claims, FamilyId::DEFAULT, 1, "d"));
        assert!(!writes(&claims, FamilyId(7), 2, "d"));
        claims.release(&merge);
        assert!(claims.is_empty() && !claims.holds(FileNumber::new(2)) && !writes(&claims, FamilyId::DEFAULT, 2, "d"));
    }
}
