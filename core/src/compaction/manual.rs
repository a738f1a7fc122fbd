//! [`RangeCompaction`]: a caller asks for a range to be compacted. Step by step, level by level, everything in the range is
//! brought to the deepest level that has data, and what was there before is rewritten too, so that at the end the range holds
//! nothing dead: no overwritten value, no tombstone, no expired entry, unless a snapshot still sees it.
//!
//! ```text
//! L0  a--------z  b--d          1. level 0 into the base level: what overlaps the range, and all that is older and
//! L5  a--c d--g h-------p          overlaps that
//! L6  a----e f-------m n--z     2. L5 into L6, some tables at a time
//!                               3. tables of L6 that are older than the request, in place
//! ```
//! It ends under any load: each level is walked once, from the left end of the range to the right, and what arrives behind the
//! walk is left to later compactions. Flushing the memtables first is the caller's business, and is what makes the range's
//! present content visible here.
//!
//! Pure: `next` decides by the version at hand, `note_done` moves on. A step that failed may be asked for again.

use crate::compaction::picker::Picker;
use crate::compaction::plan::Compaction;
use crate::compaction::score::Targets;
use crate::env::filename::FileNumber;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::version::{Version, total_bytes};

/// How far the compaction of a range has come.
#[derive(Clone, Debug)]
pub struct RangeCompaction {
    lower: Option<Vec<u8>>,
    upper: Option<Vec<u8>>,
    created_before: FileNumber,
    /// The level at work.
    level: Level,
    /// How far that level has been walked.
    walked: Option<Vec<u8>>,
}

/// What to do next for a range.
#[derive(Debug)]
pub enum Step {
    /// Run this, then say so with [`RangeCompaction::note_done`] and ask again.
    Run(Box<Compaction>),
    /// Running compactions are in the way: ask again when one has ended.
    Wait,
    /// The range is compacted.
    Done,
}

impl RangeCompaction {
    /// Of the keys from `lower`, inclusive, to `upper`, exclusive; `None` leaves an end open. Files with numbers from
    /// `created_before` on are the work of this request or later, and are not rewritten once they are on the last level.
    pub fn new(lower: Option<Vec<u8>>, upper: Option<Vec<u8>>, created_before: FileNumber) -> RangeCompaction {
        RangeCompaction { walked: lower.clone(), lower, upper, created_before, level: Level::ZERO }
    }

    /// The next step, going by the version and claims of `picker`.
    pub fn next(&mut self, picker: &Picker<'_>) -> Step {
        let targets = Targets::of(&picker.loads(), picker.options);
        loop {
            let version = picker.version;
            let Some(deepest) = version.deepest().filter(|deepest| self.level <= *deepest) else { return Step::Done };
            let (output_level, tables) = if self.level == Level::ZERO {
                (targets.base, closed_l0(version, &self.ahead()))
            } else if self.level < deepest {
                let output_level = self.first_level_below(version, deepest);
                (output_level, self.some_of_level(picker, output_level))
            } else {
                (self.level, self.some_of_last_level(picker))
            };
            if !tables.is_empty() {
                let compaction = picker.plan(self.level, output_level, tables, &targets);
                return compaction.map_or(Step::Wait, |compaction| Step::Run(Box::new(compaction)));
            }
            match self.level.deeper() {
                Some(deeper) => self.start_level(deeper),
                None => return Step::Done,
            }
        }
    }

    /// Notes that the last step has been installed.
    pub fn note_done(&mut self, step: &Compaction) {
        match (self.level, step.inputs[0].last()) {
            (Level::ZERO, _) => self.start_level(Level::ZERO.deeper().unwrap_or(Level::LAST)),
            (_, Some(last)) => self.walked = Some(last.largest.clone()),
            (_, None) => {}
        }
    }

    fn start_level(&mut self, level: Level) {
        self.level = level;
        self.walked.clone_from(&self.lower);
    }

    /// What of the range the walk along this level has before it.
    fn ahead(&self) -> KeySpan<'_> {
        KeySpan::between(self.walked.as_deref(), self.upper.as_deref())
    }

    /// Empty levels are not worth a stop.
    fn first_level_below(&self, version: &Version, deepest: Level) -> Level {
        let mut deeper = Level::all().skip(self.level.index() + 1);
        deeper.find(|level| !version.level(*level).is_empty()).unwrap_or(deepest)
    }

    /// The next tables of a level in the middle, as many as are worth one compaction.
    fn some_of_level(&self, picker: &Picker<'_>, output_level: Level) -> Vec<Arc<FileMeta>> {
        let version = picker.version;
        let cost = |file: &FileMeta| {
            let below = version.overlapping_range(output_level, &KeySpan::of(file));
            file.file_size.saturating_add(total_bytes(&version.level(output_level)[below]))
        };
        take_some(version.overlapping(self.level, &self.ahead()), picker.options.max_input_bytes(), cost)
    }

    /// The next run of neighbours on the last level that have not been rewritten since the request.
    fn some_of_last_level(&self, picker: &Picker<'_>) -> Vec<Arc<FileMeta>> {
        let old = |file: &Arc<FileMeta>| file.number < self.created_before;
        let tables = picker.version.overlapping(self.level, &self.ahead());
        let run: Vec<_> = tables.into_iter().skip_while(|file| !old(file)).take_while(old).collect();
        take_some(run, picker.options.max_input_bytes(), |file| file.file_size)
    }
}

/// The first of `files`, and more until they cost `limit`.
fn take_some(mut files: Vec<Arc<FileMeta>>, limit: u64, cost: impl Fn(&FileMeta) -> u64) -> Vec<Arc<FileMeta>> {
    let mut sum = 0u64;
    let fit = files.iter().take_while(|file| {
        sum = sum.saturating_add(cost(file));
        sum <= limit
    });
    let count = fit.count().max(1);
    files.truncate(count);
    files
}

/// The tables of level 0 that overlap `span`, and with each every older one that overlaps it. Without them an older put of a key
/// would stay in front of a newer one: `span` is `[m, n)`, table 2 holds put(m)@8 and put(x)@9, table 1 holds put(x)@3.
fn closed_l0(version: &Version, span: &KeySpan<'_>) -> Vec<Arc<FileMeta>> {
    let order = version.order();
    let mut taken: Vec<Arc<FileMeta>> = Vec::new();
    // Newest first: what a table brings in comes after it, so one pass closes the set.
    for file in version.l0() {
        let beneath = !planted("leave-older-level-0-tables") && taken.iter().any(|newer| newer.overlaps(order, file));
        if span.overlaps(order, &KeySpan::of(file)) || beneath {
            taken.push(Arc::clone(file));
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compaction::options::CompactionOptions;
    use crate::compaction::plan::Claims;
    use crate::key::family::FamilyId;
    use crate::key::order::Order;
    use crate::key::sequence::SeqNo;
    use crate::version::builder::VersionBuilder;
    use crate::version::file_meta::testing::meta;
    use crate::version::version::Levels;

    fn version(levels: Vec<(usize, Vec<FileMeta>)>) -> Version {
        let mut tables = Levels::default();
        for (level, files) in levels {
            tables[level] = files.into_iter().map(Arc::new).collect();
        }
        Version::new(Order::Bytewise, tables).unwrap()
    }

    fn next(range: &mut RangeCompaction, version: &Version, claims: &Claims) -> Step {
        let options = CompactionOptions::default();
        let oldest_view = SeqNo::new(1000).unwrap();
        range.next(&Picker {
            family: FamilyId::DEFAULT,
            version,
            options: &options,
            claims,
            oldest_view,
            oldest_time_ms: 0,
            earliest_operand_ms: u64::MAX,
        })
    }

    fn numbers(files: &[Arc<FileMeta>]) -> Vec<u64> {
        files.iter().map(|file| file.number.get()).collect()
    }

    /// Runs a range to its end. Every step's inputs become one output. (level, output level, inputs, inputs there)
    fn run(
        mut version: Version,
        lower: &str,
        upper: &str,
        created_before: u64,
    ) -> Vec<(usize, usize, Vec<u64>, Vec<u64>)> {
        let key = |text: &str| Some(text.as_bytes().to_vec()).filter(|key| !key.is_empty());
        let mut range = RangeCompaction::new(key(lower), key(upper), FileNumber::new(created_before));
        let mut steps = Vec::new();
        while let Step::Run(step) = next(&mut range, &version, &Claims::default()) {
            let [from, into] = &step.inputs;
            steps.push((step.level.index(), step.output_level.index(), numbers(from), numbers(into)));
            let mut output =
                FileMeta { number: FileNumber::new(1000 + steps.len() as u64), ..FileMeta::clone(&from[0]) };
            for file in step.tables() {
                output.smallest = output.smallest.min(file.smallest.clone());
                output.largest = output.largest.max(file.largest.clone());
                output.smallest_seqno = output.smallest_seqno.min(file.smallest_seqno);
                output.largest_seqno = output.largest_seqno.max(file.largest_seqno);
            }
            let edit = if step.trivial_move { step.move_edit() } else { step.edit(&[Arc::new(output)]) };
            let mut builder = VersionBuilder::new(&version);
            let deleted = edit.deleted.iter().map(|(_, level, number)| (*level, *number));
            builder.apply(deleted, edit.added.iter().map(|(level, file)| (*level, file))).unwrap();
            version = builder.finish().unwrap();
            range.note_done(&step);
            assert!(steps.len() < 100, "it never ends: {steps:?}");
        }
        steps
    }

    #[test]
    fn everything_ends_on_the_last_level_rewritten_once() {
        let l0 = vec![meta(12, "b", "d", 21..=29), meta(11, "a", "z", 11..=19)];
        let l5 = vec![meta(1, "a", "c", 1..=9), meta(2, "d", "g", 1..=9), meta(3, "h", "p", 1..=9)];
        let l6 = vec![meta(4, "a", "e", 0..=0), meta(5, "f", "m", 0..=0), meta(6, "zz", "zzz", 0..=0)];
        let steps = run(version(vec![(0, l0), (5, l5), (6, l6)]), "", "", 20);
        // 1001 is all of L5, and with it most of L6; table 6 is met by nothing and rewritten at the end.
        assert_eq!(
            steps,
            [(0, 5, vec![12, 11], vec![1, 2, 3]), (5, 6, vec![1001], vec![4, 5]), (6, 6, vec![6], vec![])]
        );
    }

    #[test]
    fn a_range_takes_what_it_meets_and_no_more() {
        let l6 = vec![
            meta(4, "a", "e", 1..=9),
            meta(5, "f", "m", 1..=9),
            meta(6, "n", "p", 1..=9),
            meta(7, "q", "z", 1..=9),
        ];
        assert_eq!(run(version(vec![(6, l6.clone())]), "g", "n", 20), [(6, 6, vec![5], vec![])]);
        assert_eq!(run(version(vec![(6, l6.clone())]), "m\0", "n", 20), []);
        assert_eq!(run(version(vec![(6, l6.clone())]), "e", "o", 20), [(6, 6, vec![4, 5, 6], vec![])]);
        // Younger than the request: the work of the request itself, or of a compaction since.
        assert_eq!(run(version(vec![(6, l6)]), "", "", 6), [(6, 6, vec![4, 5], vec![])]);
    }

    #[test]
    fn a_newer_table_of_level_zero_never_passes_an_older_overlapping_one() {
        // [m, n) meets table 14 only. 13 is older and overlaps 14 at "x", 11 overlaps 13 at "p"; 12 and 15 overlap neither older.
        let l0 = vec![
            meta(15, "x", "z", 51..=59),
            meta(14, "m", "x", 41..=49),
            meta(13, "p", "y", 31..=39),
            meta(12, "a", "c", 21..=29),
            meta(11, "k", "p", 11..=19),
        ];
        let steps = run(version(vec![(0, l0)]), "m", "n", 20);
        assert_eq!(steps[0], (0, 6, vec![14, 13, 11], vec![]));
    }

    #[test]
    fn a_level_is_walked_in_bites() {
        let big = |number, key: &str, seqno| FileMeta { file_size: 10_000, ..meta(number, key, key, seqno..=seqno) };
        let l5 = vec![big(1, "a", 9), big(2, "b", 9), big(3, "c", 9)];
        let l6 = vec![big(4, "a", 1), big(5, "b", 1), big(6, "x", 1)];
        let steps = run(version(vec![(5, l5), (6, l6)]), "", "", 20);
        // 25 000 bytes a bite: 1 with 4 is 20 000. Table 3 meets nothing and moves as it is, then is rewritten with 6.
        let expected =
            [(5, 6, vec![1], vec![4]), (5, 6, vec![2], vec![5]), (5, 6, vec![3], vec![]), (6, 6, vec![3, 6], vec![])];
        assert_eq!(steps, expected);
    }

    #[test]
    fn it_waits_for_running_compactions() {
        let tree = version(vec![(0, vec![meta(11, "a", "z", 11..=19)]), (6, vec![meta(1, "a", "z", 1..=9)])]);
        let mut range = RangeCompaction::new(None, None, FileNumber::new(20));
        let mut claims = Claims::default();
        let Step::Run(step) = next(&mut range, &tree, &claims) else { panic!("nothing is in its way") };
        claims.take(&step);
        assert!(matches!(next(&mut range, &tree, &claims), Step::Wait));
        claims.release(&step);
        assert!(matches!(next(&mut range, &tree, &claims), Step::Run(_)));
        assert!(matches!(next(&mut range, &version(vec![]), &claims), Step::Done));
    }

    #[test]
    fn two_compactions_never_write_into_one_stretch_of_a_level() {
        // Both tables of L6 are rewritten, perhaps into one output from "a" to "z". Table 3 belongs into the gap between them.
        let l5 = vec![FileMeta { file_size: 9000, ..meta(3, "m", "p", 11..=19) }];
        let tree = version(vec![(5, l5.clone()), (6, vec![meta(1, "a", "c", 1..=9), meta(2, "x", "z", 1..=9)])]);
        let before = version(vec![(6, tree.level(Level::LAST).iter().map(|file| FileMeta::clone(file)).collect())]);
        let mut range = RangeCompaction::new(None, None, FileNumber::new(20));
        let mut claims = Claims::default();
        let Step::Run(step) = next(&mut range, &before, &claims) else { panic!("nothing is in its way") };
        assert_eq!(numbers(&step.inputs[0]), [1, 2]);
        let options = CompactionOptions::default();
        let oldest_view = SeqNo::new(1000).unwrap();
        let family = FamilyId::DEFAULT;
        assert!(
            Picker {
                family,
                version: &tree,
                options: &options,
                claims: &claims,
                oldest_view,
                oldest_time_ms: 0,
                earliest_operand_ms: u64::MAX
            }
            .pick()
            .is_some()
        );
        claims.take(&step);
        assert!(
            Picker {
                family,
                version: &tree,
                options: &options,
                claims: &claims,
                oldest_view,
                oldest_time_ms: 0,
                earliest_operand_ms: u64::MAX
            }
            .pick()
            .is_none()
        );
    }
}
