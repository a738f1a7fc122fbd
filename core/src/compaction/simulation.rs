//! Test only: a tree whose tables are sets of (key, number) pairs lives through random flushes, picked compactions, several at
//! once, and range compactions, without any file. After every change:
//! - the version is valid, so no two compactions wrote into one another's stretch of a level;
//! - of every key, what is on a shallower level, or further in front on level 0, is newer than all that is behind it;
//! - what a compaction was told is not beneath it is nowhere, at the moment it ends, not only when it was picked.
//!
//! A failure prints its seed.

use std::collections::HashMap;

use crate::compaction::manual::{RangeCompaction, Step};
use crate::compaction::options::{CompactionOptions, CompressedLevels, Style};
use crate::compaction::picker::Picker;
use crate::compaction::plan::{Claims, Compaction};
use crate::env::filename::FileNumber;
use crate::iter::vec_iter::Rng;
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::util::sync::Arc;
use crate::version::builder::VersionBuilder;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::testing::meta;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::key_span::KeySpan;
use crate::version::version::Version;

const KEYS: u64 = 40;
const BYTES_PER_ENTRY: u64 = 100;

/// A key of the tree, and the number of something that was written to it: a put, or a range tombstone over it.
type Entry = (u8, u64);

struct Tree {
    rng: Rng,
    options: CompactionOptions,
    version: Version,
    claims: Claims,
    running: Vec<Compaction>,
    range: Option<RangeCompaction>,
    contents: HashMap<FileNumber, Vec<Entry>>,
    next_seqno: u64,
    next_number: u64,
}

impl Tree {
    fn new(seed: u64) -> Tree {
        let mut rng = Rng::new(seed);
        let options = CompactionOptions {
            l0_trigger: 1 + rng.below(4) as usize,
            base_size_bytes: 500 << rng.below(3),
            size_multiplier: 2 + rng.below(3),
            target_file_size_bytes: 200 << rng.below(3),
            compressed: [CompressedLevels::None, CompressedLevels::BelowBase][rng.below(2) as usize],
            style: [Style::Leveled, Style::Tiered][rng.below(2) as usize],
        };
        Tree {
            rng,
            options,
            version: Version::empty(Order::Bytewise),
            claims: Claims::default(),
            running: Vec::new(),
            range: None,
            contents: HashMap::new(),
            next_seqno: 1,
            next_number: 1,
        }
    }

    /// A table of these entries, sorted by key, whose hull ends before the key `end` if that is given.
    fn table(&mut self, entries: Vec<Entry>, end: Option<u8>) -> Arc<FileMeta> {
        let number = self.next_number;
        self.next_number += 1;
        let seqnos = || entries.iter().map(|(_, seqno)| *seqno);
        let seqnos = seqnos().min().unwrap()..=seqnos().max().unwrap();
        let mut file = meta(number, "", "", seqnos);
        file.smallest = vec![entries[0].0];
        file.largest = vec![end.unwrap_or(entries[entries.len() - 1].0)];
        file.largest_exclusive = end.is_some();
        file.range_tombstones = u64::from(end.is_some());
        file.file_size = entries.len() as u64 * BYTES_PER_ENTRY;
        self.contents.insert(file.number, entries);
        Arc::new(file)
    }

    fn flush(&mut self) {
        let lower = self.rng.below(KEYS);
        let upper = lower + 1 + self.rng.below(KEYS - lower);
        let wide = self.rng.below(6) == 0;
        let share = 1 + self.rng.below(4);
        let mut keys: Vec<u8> = (lower..upper).map(|key| key as u8).collect();
        if !wide {
            keys.retain(|_| self.rng.below(share) == 0);
        }
        let entries: Vec<Entry> = keys.iter().map(|key| (*key, self.next_seqno + self.rng.below(5))).collect();
        self.next_seqno += 5;
        if !entries.is_empty() {
            let file = self.table(entries, wide.then_some(upper as u8));
            let mut edit = VersionEdit::default();
            edit.add(Level::ZERO, file);
            self.install(&edit);
        }
    }

    fn picker(&self) -> Picker<'_> {
        let oldest_view = SeqNo::new(self.next_seqno).unwrap();
        let (version, options, claims) = (&self.version, &self.options, &self.claims);
        Picker {
            family: FamilyId::DEFAULT,
            version,
            options,
            claims,
            oldest_view,
            oldest_time_ms: 0,
            earliest_operand_ms: u64::MAX,
        }
    }

    fn start(&mut self) {
        let compaction = if self.rng.below(3) == 0 { self.range_step() } else { self.picker().pick() };
        if let Some(compaction) = compaction {
            self.check_pick(&compaction);
            self.claims.take(&compaction);
            self.running.push(compaction);
        }
    }

    fn range_step(&mut self) -> Option<Compaction> {
        let mut range = match self.range.take() {
            Some(range) => range,
            None => {
                let ends = [self.rng.below(KEYS + 1) as u8, self.rng.below(KEYS + 1) as u8];
                let end = |key: u8| Some(vec![key]).filter(|_| key != 0);
                RangeCompaction::new(end(ends[0]), end(ends[1]), FileNumber::new(self.next_number))
            }
        };
        match range.next(&self.picker()) {
            Step::Done => None,
            Step::Wait => {
                self.range = Some(range);
                None
            }
            Step::Run(step) => {
                // As if it were installed at once: the walk goes on while the step is still running, which is the harder case.
                range.note_done(&step);
                self.range = Some(range);
                Some(*step)
            }
        }
    }

    fn check_pick(&self, compaction: &Compaction) {
        let order = self.version.order();
        let [from, into] = &compaction.inputs;
        let taken = |file: &Arc<FileMeta>| compaction.tables().any(|input| input.number == file.number);
        assert!(!self.claims.hold_any(from) && !self.claims.hold_any(into));
        if compaction.level == Level::ZERO {
            for (i, newer) in self.version.l0().iter().enumerate().filter(|(_, file)| taken(file)) {
                let left_behind =
                    self.version.l0()[i..].iter().find(|older| newer.overlaps(order, older) && !taken(older));
                assert!(left_behind.is_none(), "{newer:?} passes {left_behind:?}");
            }
        }
        if compaction.level != compaction.output_level {
            let met = self.version.overlapping(compaction.output_level, &compaction.span());
            assert!(met.iter().all(taken));
        }
    }

    fn finish(&mut self) {
        if self.running.is_empty() {
            return;
        }
        let compaction = self.running.swap_remove(self.rng.below(self.running.len() as u64) as usize);
        self.check_beneath(&compaction);
        let edit = if compaction.trivial_move {
            compaction.move_edit()
        } else {
            let outputs = self.outputs_of(&compaction);
            compaction.edit(&outputs)
        };
        self.claims.release(&compaction);
        self.install(&edit);
    }

    /// All entries of the inputs, cut into tables at random keys. Some lose entries, as if they had been shadowed.
    fn outputs_of(&mut self, compaction: &Compaction) -> Vec<Arc<FileMeta>> {
        let mut entries: Vec<Entry> =
            compaction.tables().flat_map(|file| self.contents[&file.number].clone()).collect();
        entries.sort_unstable();
        if self.rng.below(2) == 0 {
            let newest = |i: usize| entries.get(i + 1).is_none_or(|next| next.0 != entries[i].0);
            entries = (0..entries.len()).filter(|i| newest(*i)).map(|i| entries[i]).collect();
        }
        let per_table = 1 + self.options.target_file_size_bytes / BYTES_PER_ENTRY;
        let mut outputs = Vec::new();
        let mut table = Vec::new();
        for entry in entries {
            if table.len() as u64 >= per_table && table.last().is_some_and(|last: &Entry| last.0 != entry.0) {
                // Half of the cuts are through a range tombstone, whose piece ends where the next table begins.
                let end = (self.rng.below(2) == 0).then_some(entry.0);
                outputs.push(self.table(std::mem::take(&mut table), end));
            }
            table.push(entry);
        }
        outputs.push(self.table(table, None));
        outputs
    }

    fn install(&mut self, edit: &VersionEdit) {
        let mut builder = VersionBuilder::new(&self.version);
        let deleted = edit.deleted.iter().map(|(_, level, number)| (*level, *number));
        builder.apply(deleted, edit.added.iter().map(|(level, file)| (*level, file))).unwrap();
        self.version = builder.finish().unwrap();
        self.check_ages();
    }

    fn check_ages(&self) {
        let mut oldest_in_front = HashMap::new();
        for (level, file) in self.version.files() {
            for (key, seqno) in &self.contents[&file.number] {
                let in_front = oldest_in_front.get(key).copied().unwrap_or(u64::MAX);
                assert!(*seqno < in_front, "key {key}: {seqno} on {level} in {} lies behind {in_front}", file.number);
            }
            for (key, seqno) in &self.contents[&file.number] {
                let oldest = oldest_in_front.entry(*key).or_insert(u64::MAX);
                *oldest = (*oldest).min(*seqno);
            }
        }
    }

    fn check_beneath(&self, compaction: &Compaction) {
        let order = self.version.order();
        let mut newest = HashMap::new();
        for (key, seqno) in compaction.tables().flat_map(|file| &self.contents[&file.number]) {
            let newest = newest.entry(*key).or_insert(0);
            *newest = (*newest).max(*seqno);
        }
        newest.retain(|key, _| !compaction.beneath.may_hold(order, &KeySpan::at(&[*key])));
        let inputs: Vec<_> = compaction.tables().map(|file| file.number).collect();
        for (level, file) in self.version.files().filter(|(_, file)| !inputs.contains(&file.number)) {
            for (key, seqno) in &self.contents[&file.number] {
                let older = newest.get(key).is_some_and(|newest| seqno < newest);
                assert!(!older, "key {key}: {seqno} on {level} is beneath {:?}", newest.get(key));
            }
        }
    }
}

#[test]
fn no_order_of_compactions_turns_back_time() {
    for seed in 0..150 {
        let run = std::panic::catch_unwind(|| {
            let mut tree = Tree::new(seed);
            for _ in 0..300 {
                match tree.rng.below(8) {
                    0..3 => tree.flush(),
                    3..6 if tree.running.len() < 4 => tree.start(),
                    _ => tree.finish(),
                }
            }
            while !tree.running.is_empty() {
                tree.finish();
            }
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}

#[test]
fn a_tree_at_rest_comes_into_shape_and_a_full_range_to_one_level() {
    for seed in 0..80 {
        let mut tree = Tree::new(seed);
        for _ in 0..60 {
            tree.flush();
        }
        let mut steps = 0;
        while let Some(compaction) = tree.picker().pick() {
            tree.claims.take(&compaction);
            tree.running.push(compaction);
            tree.finish();
            steps += 1;
            assert!(steps < 2000, "seed {seed}: compactions never end");
        }
        assert_eq!(tree.picker().debt_bytes(), 0, "seed {seed}");
        let mut range = RangeCompaction::new(None, None, FileNumber::new(tree.next_number));
        while let Step::Run(step) = range.next(&tree.picker()) {
            range.note_done(&step);
            tree.claims.take(&step);
            tree.running.push(*step);
            tree.finish();
        }
        let used = tree.version.levels().filter(|(_, files)| !files.is_empty()).count();
        assert_eq!(used, 1, "seed {seed}");
    }
}
