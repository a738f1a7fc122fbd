//! [`Picker`]: version + options + what is running → the compaction that should run next, or none.
//!
//! Rules, in the order in which they guard against wrong answers:
//! 1. **An older entry never ends up above a newer one of its key.** A pick from level 0 takes every older table of level 0
//!    that overlaps any it takes. Otherwise a put of `k` in a newer table moves to a deeper level, the older put of `k` stays in
//!    front of it, and reads go back in time.
//! 2. **What moves down meets all that it overlaps.** All tables of the output level in the hull of the inputs are inputs. The
//!    hull includes range tombstones: a table with the one point `b` and a tombstone `[a, z)` reaches from `a` to `z`. An
//!    exclusive end is not part of it: `[a, z)` does not meet a table that starts at `z`.
//! 3. **Nobody else works there**: no table of a running compaction, no stretch that one writes into (see [`Claims`]).
//!
//! What follows is a matter of cost. From level 0, the oldest tables are taken, up to a limit. From any other level that is
//! due, the table whose merge rewrites the fewest bytes of the next level for each byte it moves, tombstones counting extra;
//! more of the same level joins where that costs no further table below. There is no cursor through a level: the cheapest
//! table is picked wherever it is, and one that is dear to merge may stay where it is. If no level is due, tables of the last place for their keys that are full of tombstones are cleaned in place,
//! once no live view needs them.
//!
//! Before all that go tables in which everything has expired, see `expired`.
//!
//! Pure: reads its arguments, changes nothing.

use std::cmp::Ordering;

use crate::compaction::beneath::Beneath;
use crate::compaction::options::{CompactionOptions, Style};
use crate::compaction::plan::{Claims, Compaction};
use crate::compaction::score::{LevelLoad, Loads, Targets};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::version::{Version, total_bytes};

/// All that a pick looks at.
#[derive(Clone, Copy, Debug)]
pub struct Picker<'a> {
    /// The family.
    pub family: FamilyId,
    /// Its tables.
    pub version: &'a Version,
    /// How they should be kept.
    pub options: &'a CompactionOptions,
    /// What running compactions have taken.
    pub claims: &'a Claims,
    /// What the oldest live view sees: the oldest snapshot, or the last published number if there is none.
    pub oldest_view: SeqNo,
    /// The time of the oldest live view.
    pub oldest_time_ms: u64,
    /// When the earliest merge operand in any memtable was committed; `u64::MAX` if there is none.
    pub earliest_operand_ms: u64,
}

impl Picker<'_> {
    /// The compaction that should start now, if any.
    pub fn pick(&self) -> Option<Compaction> {
        let loads = self.loads();
        let targets = Targets::of(&loads, self.options);
        let due = || {
            if self.options.style == Style::Tiered {
                return self.pick_tiered(&targets);
            }
            let due = targets.due(&loads, self.options);
            let from_level = |level| match level {
                Level::ZERO => self.pick_l0(&targets),
                _ => self.pick_level(level, &targets),
            };
            due.into_iter().find_map(|(level, _)| from_level(level))
        };
        let expired = self.pick_expired(&targets);
        expired.or_else(due).or_else(|| self.pick_cleaning(&targets)).or_else(|| self.pick_stale(&targets))
    }

    /// About how many bytes compactions must still write before nothing is due.
    pub fn debt_bytes(&self) -> u64 {
        let loads = self.loads();
        if self.options.style == Style::Tiered {
            let next = self.pick_tiered(&Targets::of(&loads, self.options));
            return next.map_or(0, |compaction| compaction.input_bytes());
        }
        Targets::of(&loads, self.options).debt_bytes(&loads, self.options)
    }

    /// What stands on each level, and how much of it is free to be taken.
    pub fn loads(&self) -> Loads {
        let mut loads = Loads::default();
        for (level, files) in self.version.levels() {
            let idle = || files.iter().filter(|file| !self.claims.holds(file.number));
            loads[level.index()] = LevelLoad {
                bytes: self.version.level_bytes(level),
                idle_bytes: idle().fold(0, |sum, file| sum.saturating_add(file.file_size)),
                idle_tables: idle().count(),
            };
        }
        loads
    }

    /// The oldest tables of level 0, as many as fit the limit. Taking from the old end leaves no older one behind.
    fn pick_l0(&self, targets: &Targets) -> Option<Compaction> {
        let l0 = self.version.l0();
        let mut bytes = 0u64;
        let fits = |file: &&Arc<FileMeta>| {
            bytes = bytes.saturating_add(file.file_size);
            bytes <= self.options.max_input_bytes()
        };
        let count = l0.iter().rev().take_while(fits).count().max(1).min(l0.len());
        self.plan(Level::ZERO, targets.base, l0[l0.len() - count..].to_vec(), targets)
    }

    fn pick_level(&self, level: Level, targets: &Targets) -> Option<Compaction> {
        let output_level = level.deeper()?;
        let mut candidates = Vec::new();
        for file in self.version.level(level).iter().filter(|file| !self.claims.holds(file.number)) {
            let below = self.version.overlapping_range(output_level, &KeySpan::of(file));
            let below = &self.version.level(output_level)[below];
            if !self.claims.hold_any(below) {
                candidates.push((total_bytes(below) as f64 / weight(file), file));
            }
        }
        candidates.sort_by(|a, b| a.0.total_cmp(&b.0));
        candidates.into_iter().find_map(|(_, file)| {
            let grown = self.grown(level, output_level, file);
            self.plan(level, output_level, grown, targets)
        })
    }

    /// `file` and those neighbours on its level that join its merge without another table of the output level.
    fn grown(&self, level: Level, output_level: Level, file: &Arc<FileMeta>) -> Vec<Arc<FileMeta>> {
        let alone = vec![Arc::clone(file)];
        let order = self.version.order();
        let below = self.version.overlapping(output_level, &KeySpan::of(file));
        let Some(span) = KeySpan::hull(order, below.iter().chain(&alone).map(|file| &**file)) else { return alone };
        let more = self.version.overlapping(level, &span);
        let Some(wider) = KeySpan::hull(order, more.iter().map(|file| &**file)) else { return alone };
        let same_below = self.version.overlapping_range(output_level, &wider).len() == below.len();
        let bytes = total_bytes(&more).saturating_add(total_bytes(&below));
        let joins = !below.is_empty() && same_below && bytes <= self.options.max_input_bytes();
        if joins && !self.claims.hold_any(&more) { more } else { alone }
    }

    /// Cleans, in place, a table in the last place for its keys of tombstones that hide nothing any more: they came there by a
    /// trivial move, or were still needed by a snapshot when they were merged.
    ///
    /// It cannot go on for ever: with nothing beneath and no view older than its newest entry, none of the table's tombstones
    /// is written again.
    fn pick_cleaning(&self, targets: &Targets) -> Option<Compaction> {
        let tables = self.version.files().filter(|(level, file)| *level != Level::ZERO && self.is_worth_cleaning(file));
        tables
            .filter(|(_, file)| !self.claims.holds(file.number))
            .filter(|(level, file)| {
                let mut deeper = Level::all().skip(level.index() + 1);
                !deeper.any(|deeper| self.version.overlaps_level(deeper, &KeySpan::of(file)))
            })
            .find_map(|(level, file)| self.plan(level, level, vec![Arc::clone(file)], targets))
    }

    /// Whether rewriting a table in the last place for its keys is worth it: an eighth of it is tombstones, or a range tombstone
    /// hides who knows how much, and no live view needs them.
    fn is_worth_cleaning(&self, file: &FileMeta) -> bool {
        let tombstones = file.range_tombstones > 0 || file.deletes > file.entries / 8;
        tombstones && file.largest_seqno <= self.oldest_view
    }

    /// The compaction of the tables `from` of `level` into `output_level`, unless running ones are in its way. On level 0,
    /// `from` must already hold every older table that overlaps it; levels in between must be empty in its hull; on a level
    /// that is compacted into itself, `from` must be neighbours.
    pub(super) fn plan(
        &self,
        level: Level,
        output_level: Level,
        from: Vec<Arc<FileMeta>>,
        targets: &Targets,
    ) -> Option<Compaction> {
        let order = self.version.order();
        let hull = KeySpan::hull(order, from.iter().map(|file| &**file))?;
        let into = if output_level == level { Vec::new() } else { self.version.overlapping(output_level, &hull) };
        let span = KeySpan::hull(order, from.iter().chain(&into).map(|file| &**file))?;
        let free = !self.claims.hold_any(&from) && !self.claims.hold_any(&into);
        if !free || self.claims.writes_into(self.family, order, output_level, &span) {
            return None;
        }
        let numbers = from.iter().chain(&into).map(|file| file.number).collect();
        let beneath = Beneath::of(self.version, level, &numbers, &span);
        let grandparents =
            output_level.deeper().map(|deeper| self.version.overlapping(deeper, &span)).unwrap_or_default();
        let same_codec =
            self.options.compresses(level, targets.base) == self.options.compresses(output_level, targets.base);
        let cleanable =
            |file: &Arc<FileMeta>| self.is_worth_cleaning(file) && !beneath.may_hold(order, &KeySpan::of(file));
        let trivial_move = level != output_level
            && into.is_empty()
            && same_codec
            && are_disjoint(order, &from)
            && total_bytes(&grandparents) <= self.options.max_grandparent_bytes()
            && !from.iter().any(cleanable);
        Some(Compaction {
            family: self.family,
            order: order.clone(),
            level,
            output_level,
            grandparents,
            beneath,
            trivial_move,
            drop_unread: false,
            compress: self.options.compresses(output_level, targets.base),
            target_file_size_bytes: self.options.target_file_size_bytes,
            max_grandparent_bytes: self.options.max_grandparent_bytes(),
            inputs: [from, into],
        })
    }
}

/// What moving a table down is worth: its bytes, and more if it carries tombstones, which set space free below.
fn weight(file: &FileMeta) -> f64 {
    let deleting = file.deletes as f64 / file.entries.max(1) as f64;
    let clearing = if file.range_tombstones > 0 { 1.0 } else { 0.0 };
    file.file_size.max(1) as f64 * (1.0 + deleting + clearing)
}

/// Whether no two of `files`, in any order, share a key.
fn are_disjoint(order: &Order, files: &[Arc<FileMeta>]) -> bool {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|a, b| match order.cmp(&a.smallest, &b.smallest) {
        Ordering::Equal => a.number.cmp(&b.number),
        other => other,
    });
    sorted.windows(2).all(|pair| pair[0].ends_before(order, &pair[1].smallest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compaction::options::CompressedLevels;
    use crate::version::file_meta::testing::meta;
    use crate::version::version::Levels;

    fn version(levels: Vec<(usize, Vec<FileMeta>)>) -> Version {
        let mut tables = Levels::default();
        for (level, files) in levels {
            tables[level] = files.into_iter().map(Arc::new).collect();
        }
        Version::new(Order::Bytewise, tables).unwrap()
    }

    fn picked(version: &Version, options: &CompactionOptions, claims: &Claims, oldest_view: u64) -> Option<Compaction> {
        let oldest_view = SeqNo::new(oldest_view).unwrap();
        let (oldest_time_ms, earliest_operand_ms) = (0, u64::MAX);
        let family = FamilyId::DEFAULT;
        Picker { family, version, options, claims, oldest_view, oldest_time_ms, earliest_operand_ms }.pick()
    }

    fn pick(version: &Version) -> Option<Compaction> {
        picked(version, &CompactionOptions::default(), &Claims::default(), 1000)
    }

    fn numbers(files: &[Arc<FileMeta>]) -> Vec<u64> {
        files.iter().map(|file| file.number.get()).collect()
    }

    /// (level, output level, inputs, inputs of the output level, trivial)
    fn shape(compaction: &Compaction) -> (usize, usize, Vec<u64>, Vec<u64>, bool) {
        let [from, into] = &compaction.inputs;
        let (level, output_level) = (compaction.level.index(), compaction.output_level.index());
        (level, output_level, numbers(from), numbers(into), compaction.trivial_move)
    }

    fn sized(bytes: u64, file: FileMeta) -> FileMeta {
        FileMeta { file_size: bytes, ..file }
    }

    /// `[smallest, end)`, the end coming from a range tombstone.
    fn tombstone(number: u64, smallest: &str, end: &str, seqno: u64) -> FileMeta {
        let file = meta(number, smallest, end, seqno..=seqno);
        FileMeta { largest_exclusive: true, range_tombstones: 1, ..file }
    }

    fn four_in_l0(last: FileMeta) -> Vec<FileMeta> {
        vec![meta(14, "c", "f", 41..=49), meta(13, "b", "d", 31..=39), meta(12, "m", "n", 21..=29), last]
    }

    #[test]
    fn nothing_is_picked_from_a_tree_in_shape() {
        assert!(pick(&version(vec![])).is_none());
        assert!(
            pick(&version(vec![(0, vec![meta(1, "a", "z", 1..=9)]), (6, vec![meta(2, "a", "z", 0..=0)])])).is_none()
        );
    }

    #[test]
    fn level_zero_merges_with_all_that_its_hull_meets() {
        // The oldest table has the one point "h" and a range tombstone to "w": everything up to there is met, "w" is not.
        let wide = FileMeta { range_tombstones: 1, largest_exclusive: true, ..meta(11, "h", "w", 11..=19) };
        let below = vec![
            meta(1, "a", "b", 1..=9),
            meta(2, "c", "g", 1..=9),
            meta(3, "u", "v", 1..=9),
            meta(4, "w", "z", 1..=9),
        ];
        let compaction = pick(&version(vec![(0, four_in_l0(wide)), (6, below)])).unwrap();
        assert_eq!(shape(&compaction), (0, 6, vec![14, 13, 12, 11], vec![1, 2, 3], false));
    }

    #[test]
    fn a_newer_table_of_level_zero_never_passes_an_older_overlapping_one() {
        // Each table is as large as a pick may be, so only one is taken: it must be the oldest.
        let big = |file| sized(30_000, file);
        let l0 = vec![big(meta(12, "a", "c", 21..=29)), big(meta(11, "a", "c", 11..=19))];
        assert_eq!(shape(&pick(&version(vec![(0, l0)])).unwrap()), (0, 6, vec![11], vec![], true));
        let options = CompactionOptions::default();
        let l0: Vec<_> = (1..=9).rev().map(|n| sized(9000, meta(n, "a", "z", n * 10..=n * 10 + 9))).collect();
        let compaction = picked(&version(vec![(0, l0)]), &options, &Claims::default(), 1000).unwrap();
        assert_eq!(shape(&compaction), (0, 6, vec![2, 1], vec![], false));
    }

    #[test]
    fn one_compaction_at_a_time_leaves_level_zero() {
        let busy = version(vec![(0, four_in_l0(meta(11, "x", "z", 11..=19)))]);
        let mut claims = Claims::default();
        let first = picked(&busy, &CompactionOptions::default(), &claims, 1000).unwrap();
        claims.take(&first);
        // Four more have arrived in the meantime, none of which overlaps a taken one. The taken ones are older and at work.
        let mut l0: Vec<_> = (15..=18).rev().map(|n| meta(n, "p", "q", n * 10..=n * 10 + 9)).collect();
        l0.extend(four_in_l0(meta(11, "x", "z", 11..=19)));
        let later = version(vec![(0, l0)]);
        assert!(picked(&later, &CompactionOptions::default(), &claims, 1000).is_none());
        claims.release(&first);
        assert!(picked(&later, &CompactionOptions::default(), &claims, 1000).is_some());
    }

    /// L5 is due; of its tables 1 meets 9000 bytes below, 2 meets 1000, 3 meets 2000.
    fn level_five() -> Version {
        let upper = vec![
            sized(2000, meta(1, "a", "c", 50..=59)),
            sized(2000, meta(2, "g", "h", 50..=59)),
            sized(2000, meta(3, "p", "t", 50..=59)),
        ];
        let lower = vec![
            sized(9000, meta(4, "b", "d", 1..=9)),
            meta(5, "g", "k", 1..=9),
            meta(6, "p", "q", 1..=9),
            meta(7, "r", "v", 1..=9),
        ];
        version(vec![(5, upper), (6, lower)])
    }

    #[test]
    fn the_cheapest_merge_is_picked_and_busy_tables_are_not() {
        let options = CompactionOptions::default();
        let tree = level_five();
        let mut claims = Claims::default();
        let mut seen = Vec::new();
        while let Some(compaction) = picked(&tree, &options, &claims, 1000) {
            seen.push(shape(&compaction));
            claims.take(&compaction);
        }
        // The first leaves 4000 bytes idle, which is just due; the next leaves 2000, which is not.
        assert_eq!(seen, [(5, 6, vec![2], vec![5], false), (5, 6, vec![3], vec![6, 7], false)]);
    }

    #[test]
    fn tombstones_make_a_table_worth_moving() {
        let mut upper: Vec<FileMeta> =
            level_five().level(Level::new(5).unwrap()).iter().map(|f| FileMeta::clone(f)).collect();
        upper[2].range_tombstones = 1;
        upper[2].deletes = 10;
        let lower = level_five().level(Level::LAST).iter().map(|f| FileMeta::clone(f)).collect();
        assert_eq!(shape(&pick(&version(vec![(5, upper), (6, lower)])).unwrap()).2, [3]);
    }

    #[test]
    fn neighbours_join_where_they_cost_nothing_below() {
        let upper = vec![
            sized(2000, meta(1, "b", "c", 50..=59)),
            sized(2000, meta(2, "d", "e", 50..=59)),
            sized(2000, meta(3, "f", "p", 50..=59)),
        ];
        let lower = vec![sized(1000, meta(4, "a", "g", 1..=9)), sized(9000, meta(5, "h", "z", 1..=9))];
        let compaction = pick(&version(vec![(5, upper), (6, lower)])).unwrap();
        // 3 reaches into [a, g] as well, but it would bring table 5 in.
        assert_eq!(shape(&compaction), (5, 6, vec![1], vec![4], false));
        let upper = vec![
            sized(2000, meta(1, "b", "c", 50..=59)),
            sized(2000, meta(2, "d", "e", 50..=59)),
            sized(2000, meta(3, "m", "p", 50..=59)),
        ];
        let lower = vec![sized(1000, meta(4, "a", "g", 1..=9)), sized(9000, meta(5, "h", "z", 1..=9))];
        assert_eq!(shape(&pick(&version(vec![(5, upper), (6, lower)])).unwrap()).2, [1, 2]);
    }

    #[test]
    fn tables_that_meet_nothing_move_as_they_are() {
        let l0 = vec![
            meta(14, "d", "d", 41..=49),
            meta(13, "a", "b", 31..=39),
            meta(12, "c", "c", 21..=29),
            meta(11, "e", "f", 11..=19),
        ];
        let below = vec![meta(1, "x", "z", 1..=9)];
        let tree = version(vec![(0, l0.clone()), (6, below.clone())]);
        assert_eq!(shape(&pick(&tree).unwrap()), (0, 6, vec![14, 13, 12, 11], vec![], true));
        // Not if two of them overlap, though none overlaps the level below.
        let mut overlapping = l0.clone();
        overlapping[3].smallest = b"d".to_vec();
        assert!(!pick(&version(vec![(0, overlapping), (6, below.clone())])).unwrap().trivial_move);
        // Not if the level below is compressed and they are not.
        let options = CompactionOptions { compressed: CompressedLevels::BelowBase, ..CompactionOptions::default() };
        assert!(picked(&tree, &options, &Claims::default(), 1000).unwrap().trivial_move);
        let deep = version(vec![
            (5, vec![sized(9000, meta(2, "a", "b", 20..=29))]),
            (6, vec![sized(20_000, below[0].clone())]),
        ]);
        let merge = picked(&deep, &options, &Claims::default(), 1000).unwrap();
        assert_eq!((merge.trivial_move, merge.compress), (false, true));
        // Not if it meets too much two levels down: its next merge would be endless.
        let levels = |bytes| {
            vec![(4, vec![sized(9000, meta(2, "a", "b", 20..=29))]), (6, vec![sized(bytes, meta(1, "a", "z", 1..=9))])]
        };
        assert!(pick(&version(levels(9_000))).unwrap().trivial_move);
        assert!(!pick(&version(levels(90_000))).unwrap().trivial_move);
    }

    #[test]
    fn tombstones_in_the_last_place_for_their_keys_are_cleaned_once() {
        let other = vec![meta(2, "g", "k", 1..=9)];
        let clean = |oldest_view| {
            let tree = version(vec![(5, vec![tombstone(1, "a", "g", 50)]), (6, other.clone())]);
            picked(&tree, &CompactionOptions::default(), &Claims::default(), oldest_view).map(|c| shape(&c))
        };
        assert_eq!(clean(50), Some((5, 5, vec![1], vec![], false)));
        // A snapshot that still sees what the tombstone hides: nothing would be gained.
        assert_eq!(clean(49), None);
        // Something beneath that it hides: only a merge can.
        let tree = version(vec![(5, vec![tombstone(1, "a", "g\0", 50)]), (6, other)]);
        assert!(pick(&tree).is_none());
        // Few point deletes among many entries are not worth a rewrite; many are.
        let deletes = |deletes| version(vec![(6, vec![FileMeta { deletes, ..meta(1, "a", "g", 1..=9) }])]);
        assert!(pick(&deletes(1)).is_none() && pick(&deletes(2)).is_some());
    }

    #[test]
    fn tombstones_that_hide_nothing_are_dropped_rather_than_moved() {
        let l0 = |oldest| {
            vec![meta(14, "d", "d", 41..=49), meta(13, "a", "b", 31..=39), meta(12, "c", "c", 21..=29), oldest]
        };
        let tree = version(vec![(0, l0(tombstone(11, "e", "g", 11)))]);
        assert!(!pick(&tree).unwrap().trivial_move);
        assert!(picked(&tree, &CompactionOptions::default(), &Claims::default(), 10).unwrap().trivial_move);
    }
}
