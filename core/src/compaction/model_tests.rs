//! Random writes, flushes, snapshots and compactions, picked ones and ranges, against the history of all writes: every live
//! view must read of every key what it has always read. At the end, with no snapshot left, a full compaction must leave exactly
//! what can still be read. Once with merge operands that nothing can put together, once with an operator that appends them. A
//! failure prints its seed.

use crate::compaction::collapse::Collapse;
use crate::compaction::flush::flush;
use crate::compaction::lab::{Answer, Lab, Written, answer, appended};
use crate::compaction::manual::{RangeCompaction, Step};
use crate::compaction::options::{CompactionOptions, CompressedLevels, Style};
use crate::compaction::plan::{Claims, Compaction};
use crate::compaction::retention::LiveViews;
use crate::compaction::writer::OutputPlace;
use crate::iter::resolve::View;
use crate::iter::vec_iter::Rng;
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::merge::{MergeOperator, Operators};
use crate::util::sync::Arc;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::{FileMeta, Level};

struct World {
    rng: Rng,
    lab: Lab,
    /// Every write there ever was, oldest first.
    history: Vec<Written>,
    /// Not flushed yet, newest first.
    memtables: Vec<Arc<Memtable>>,
    snapshots: Vec<View>,
    now_ms: u64,
}

impl World {
    fn new(seed: u64, operator: Option<Arc<dyn MergeOperator>>) -> World {
        let mut rng = Rng::new(seed);
        let options = CompactionOptions {
            l0_trigger: 1 + rng.below(4) as usize,
            base_size_bytes: 1000 << rng.below(4),
            size_multiplier: 2 + rng.below(3),
            target_file_size_bytes: 200 << rng.below(4),
            style: [Style::Leveled, Style::Tiered][rng.below(2) as usize],
            compressed: [CompressedLevels::None, CompressedLevels::BelowBase, CompressedLevels::All]
                [rng.below(3) as usize],
        };
        let mut lab = Lab::new(seed, options);
        lab.operator = operator;
        World { rng, lab, history: Vec::new(), memtables: Vec::new(), snapshots: Vec::new(), now_ms: 1000 }
    }

    fn key(n: u64) -> Vec<u8> {
        // The empty key is a key; the others share prefixes.
        [&b""[..], &b"key\0"[..], &b"key\xff"[..]][n as usize % 3]
            .iter()
            .copied()
            .chain((n > 2).then_some(n as u8))
            .collect()
    }

    fn all_keys() -> impl Iterator<Item = Vec<u8>> {
        (0..30).map(World::key)
    }

    fn write(&mut self) {
        let memtable = Arc::new(Memtable::new(&Order::Bytewise));
        for _ in 0..1 + self.rng.below(25) {
            let kind = match self.rng.below(16) {
                0..7 => Kind::Put,
                7..10 => Kind::Delete,
                10..12 => Kind::RangeDelete,
                12..14 => Kind::Merge,
                _ => Kind::PutExpiring,
            };
            let key = World::key(self.rng.below(30));
            let seqno = SeqNo::new(self.history.len() as u64 + 1).unwrap();
            let value = match kind {
                Kind::RangeDelete => World::key(self.rng.below(30)),
                Kind::PutExpiring => (self.now_ms + self.rng.below(20)).to_le_bytes().to_vec(),
                Kind::Delete => Vec::new(),
                Kind::Merge if self.lab.operator.is_some() => {
                    [&self.now_ms.to_le_bytes()[..], format!("{seqno};").as_bytes()].concat()
                }
                _ => vec![seqno.get() as u8; self.rng.below(120) as usize],
            };
            memtable.add(seqno, kind, &key, &value).unwrap();
            self.history.push(Written { seqno, kind, key, value });
        }
        self.memtables.insert(0, memtable);
    }

    fn newest(&self) -> View {
        View { seqno: SeqNo::new(self.history.len() as u64).unwrap(), time_ms: self.now_ms }
    }

    fn views(&self) -> LiveViews {
        let oldest = self.snapshots.iter().map(|view| view.time_ms).min().unwrap_or(self.now_ms);
        LiveViews::new(self.snapshots.iter().map(|view| view.seqno).collect(), self.newest().seqno, oldest)
    }

    /// When the earliest operand was committed that is not in a table.
    fn earliest_pending(&self) -> u64 {
        self.memtables.iter().map(|memtable| memtable.earliest_operand_ms()).min().unwrap_or(u64::MAX)
    }

    fn views_over(&self, compaction: &Compaction) -> LiveViews {
        let elsewhere = |file: &Arc<FileMeta>| compaction.tables().all(|input| input.number != file.number);
        let tables = self.lab.version.files().map(|(_, file)| file).filter(|file| elsewhere(file));
        let earliest = tables.map(|file| file.earliest_operand_ms()).min().unwrap_or(u64::MAX);
        self.views().with_operands_from(earliest.min(self.earliest_pending()))
    }

    fn flush(&mut self) {
        let max_table_bytes = [u64::MAX, 600][self.rng.below(2) as usize];
        let views = self.views();
        let may_expire = self.lab.version.files().any(|(_, file)| file.expiring > 0)
            || self.memtables.iter().any(|memtable| memtable.has_expiring());
        let mut collapse = Collapse::new(self.lab.operator.as_deref(), may_expire);
        let write =
            |place: OutputPlace<'_>| flush(&self.memtables, &views, place, max_table_bytes, &mut collapse, &|| false);
        let tables = self.lab.with_place(write).unwrap();
        let mut edit = VersionEdit::default();
        for table in tables {
            edit.add(Level::ZERO, table);
        }
        self.lab.install(&edit);
        self.memtables.clear();
    }

    fn compact(&mut self) {
        let views = self.views();
        let views = views.with_operands_from(self.earliest_pending());
        let Some(compaction) = self.lab.picker(&Claims::default(), &views).pick() else { return };
        let views = self.views_over(&compaction);
        let outcome = self.lab.run(&compaction, &views).unwrap();
        self.lab.install(&outcome.edit);
    }

    fn compact_range(&mut self) {
        let ends = [self.rng.below(30), self.rng.below(30)].map(|n| Some(World::key(n)).filter(|key| !key.is_empty()));
        let [lower, upper] = ends;
        let mut range = RangeCompaction::new(lower, upper, self.lab.new_number());
        for _ in 0..1 + self.rng.below(6) {
            let views = self.views();
            let Step::Run(step) = range.next(&self.lab.picker(&Claims::default(), &views)) else { return };
            let views = self.views_over(&step);
            let outcome = self.lab.run(&step, &views).unwrap();
            self.lab.install(&outcome.edit);
            range.note_done(&step);
            // Snapshots come and go, and time passes, between the steps.
            self.change_views();
        }
    }

    fn change_views(&mut self) {
        self.now_ms += self.rng.below(5);
        match self.rng.below(4) {
            0 if self.snapshots.len() < 5 => self.snapshots.push(self.newest()),
            1 if !self.snapshots.is_empty() => {
                self.snapshots.remove(self.rng.below(self.snapshots.len() as u64) as usize);
            }
            _ => {}
        }
    }

    /// What `view` should read of `key`.
    fn expected(&self, view: View, key: &[u8]) -> Answer {
        let concerns = |write: &&Written| match write.kind {
            Kind::RangeDelete => write.key[..] <= *key && *key < write.value[..],
            _ => write.key == key,
        };
        self.read(view, self.history.iter().rev().filter(concerns))
    }

    fn read<'a>(&self, view: View, writes: impl DoubleEndedIterator<Item = &'a Written>) -> Answer {
        if self.lab.operator.is_some() { appended(view, writes) } else { answer(view, writes) }
    }

    fn check(&self) {
        for key in World::all_keys() {
            let writes = self.lab.writes_of(&key);
            for view in self.snapshots.iter().copied().chain([self.newest()]) {
                let read = self.read(view, writes.iter());
                assert_eq!(read, self.expected(view, &key), "{view:?} of {key:?}: {writes:?}");
            }
        }
    }

    fn step(&mut self) {
        match self.rng.below(10) {
            0..3 => {
                self.write();
                if self.rng.below(3) > 0 {
                    self.flush();
                }
            }
            3..6 => self.change_views(),
            6..9 => self.compact(),
            _ => self.compact_range(),
        }
        if self.memtables.is_empty() {
            self.check();
        }
    }

    /// Nobody looks at the past any more: only what the newest view reads may be left.
    fn end(&mut self) {
        self.flush();
        self.snapshots.clear();
        let views = self.views();
        self.lab.compact_all(&views);
        self.check();
        let needed = |key: Vec<u8>| {
            let (operands, base) = self.expected(self.newest(), &key);
            // An expired value stays under operands that cannot be put together with it.
            let least = operands.len() + usize::from(base.is_some());
            (least, least + usize::from(base.is_none() && !operands.is_empty()))
        };
        let (least, most) = World::all_keys().map(needed).fold((0, 0), |sum, n| (sum.0 + n.0, sum.1 + n.1));
        let (entries, tombstones) = self.lab.totals();
        assert!((least as u64..=most as u64).contains(&entries) && tombstones == 0, "{entries} of {least} to {most}");
        let files: Vec<_> = self.lab.version.files().map(|(_, file)| file.number).collect();
        assert_eq!(self.lab.files_on_disk().len(), files.len(), "files that nobody names");
    }
}

#[test]
fn every_view_reads_what_it_always_read() {
    run_all(|| None);
}

#[test]
fn every_view_reads_the_merged_values_it_always_read() {
    run_all(|| Operators::new().find("append").ok());
}

fn run_all(operator: fn() -> Option<Arc<dyn MergeOperator>>) {
    for seed in 0..50 {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, operator());
            for _ in 0..60 {
                world.step();
            }
            world.end();
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}
