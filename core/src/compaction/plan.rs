//! [`Compaction`]: a decision, complete: which tables are merged, into which level, what lies below them. Made by `picker`,
//! executed by `job`, kept in [`Claims`] while it runs.
//!
//! Pure values. Whoever runs compactions keeps one `Claims` per database behind its lock: `take` before a compaction starts,
//! `release` when it is installed or given up.

use std::collections::HashSet;

use crate::compaction::retention::LiveViews;
use crate::env::filename::FileNumber;
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::version::{Version, first_reaching, total_bytes};

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

/// What of a family may hold older data than a set of tables, and so what a tombstone among them may still have to hide.
#[derive(Clone, Debug)]
pub enum Beneath {
    /// Nothing is known: every tombstone is still needed.
    Unknown,
    /// These tables, of older level-0 tables and of each deeper level.
    Tables {
        /// Tables of level 0, in no particular order.
        l0: Vec<Arc<FileMeta>>,
        /// Tables of sorted levels, level by level.
        levels: Vec<Vec<Arc<FileMeta>>>,
    },
}

impl Beneath {
    /// What lies beneath `inputs` of `level` (and of deeper levels) in their hull `span`.
    ///
    /// A table counts wherever it stands as long as it is not newer for certain: on level 0 only those in front of the newest
    /// input are.
    pub fn of(version: &Version, level: Level, inputs: &HashSet<FileNumber>, span: &KeySpan<'_>) -> Beneath {
        let others = |files: Vec<Arc<FileMeta>>| -> Vec<Arc<FileMeta>> {
            files.into_iter().filter(|file| !inputs.contains(&file.number)).collect()
        };
        let mut l0 = Vec::new();
        if level == Level::ZERO {
            let newest = version.l0().iter().position(|file| inputs.contains(&file.number)).unwrap_or(0);
            let older = version.l0()[newest..].iter();
            l0 = others(older.filter(|file| span.overlaps(version.order(), &KeySpan::of(file))).cloned().collect());
        }
        let deeper = Level::all().skip(level.index() + 1);
        let levels = deeper.map(|level| others(version.overlapping(level, span))).filter(|files| !files.is_empty());
        Beneath::Tables { l0, levels: levels.collect() }
    }

    /// Whether puts that expire may be among it.
    pub fn may_expire(&self) -> bool {
        match self {
            Beneath::Unknown => true,
            Beneath::Tables { l0, levels } => has_expiring(l0) || levels.iter().any(|files| has_expiring(files)),
        }
    }

    /// Whether anything older may exist for a key of `span`.
    pub fn may_hold(&self, order: &Order, span: &KeySpan<'_>) -> bool {
        match self {
            Beneath::Unknown => true,
            Beneath::Tables { l0, levels } => {
                l0.iter().any(|file| span.overlaps(order, &KeySpan::of(file)))
                    || levels.iter().any(|files| overlaps_sorted(order, files, span))
            }
        }
    }
}

fn has_expiring(files: &[Arc<FileMeta>]) -> bool {
    files.iter().any(|file| file.expiring > 0)
}

fn overlaps_sorted(order: &Order, files: &[Arc<FileMeta>], span: &KeySpan<'_>) -> bool {
    let at = span.lower.map_or(0, |lower| first_reaching(order, files, lower));
    files.get(at).is_some_and(|file| !span.ends_before(order, &file.smallest))
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
    use crate::version::version::Levels;

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

    #[test]
    fn beneath_are_deeper_levels_and_older_tables_of_level_zero() {
        let mut levels = Levels::default();
        let l0 = [meta(9, "a", "z", 90..=99), meta(8, "c", "f", 80..=89), meta(7, "p", "q", 70..=79)];
        levels[0] = l0.into_iter().map(Arc::new).collect();
        levels[1] = vec![Arc::new(meta(3, "a", "c", 5..=9)), Arc::new(meta(4, "x", "y", 5..=9))];
        let open = FileMeta { largest_exclusive: true, range_tombstones: 1, ..meta(5, "g", "k", 1..=4) };
        levels[3] = vec![Arc::new(open)];
        let version = Version::new(ORDER, levels).unwrap();
        let beneath = |n, inputs: &[u64]| {
            let inputs = inputs.iter().map(|n| FileNumber::new(*n)).collect();
            Beneath::of(&version, level(n), &inputs, &KeySpan::ALL)
        };
        let holds = |beneath: &Beneath, key: &str| beneath.may_hold(&ORDER, &KeySpan::at(key.as_bytes()));
        // Table 9 is newer than the input, 7 is older; 3 and 4 are inputs or not as the set says.
        let under = beneath(0, &[8, 3]);
        let expected = [("a", false), ("f", false), ("g", true), ("j", true), ("k", false), ("p", true), ("x", true)];
        for (key, expected) in expected {
            assert_eq!(holds(&under, key), expected, "{key}");
        }
        // Seen from level 1, level 0 is newer throughout.
        assert!(!holds(&beneath(1, &[3, 4]), "p") && holds(&beneath(1, &[3, 4]), "g"));
        assert!(under.may_hold(&ORDER, &KeySpan::between(Some(b"a"), Some(b"h"))));
        assert!(!under.may_hold(&ORDER, &KeySpan::between(Some(b"a"), Some(b"g"))));
        assert!(holds(&Beneath::Unknown, "a"));
    }
}
