//! Test only: a family's tables on a simulated disk, without WAL and MANIFEST, and a reader that asks every table, so that what
//! compactions do to answers can be seen.
//!
//! The reader checks more than the answer: of every key, what is in a table in front must be newer than what is in those behind.

use std::cell::Cell;
use std::path::Path;

use crate::compaction::job::{JobContext, Outcome, run};
use crate::compaction::manual::{RangeCompaction, Step};
use crate::compaction::options::CompactionOptions;
use crate::compaction::picker::Picker;
use crate::compaction::plan::{Claims, Compaction};
use crate::compaction::retention::LiveViews;
use crate::compaction::score::Targets;
use crate::compaction::writer::{Abandoned, OutputPlace, record};
use crate::env::fault_fs::FaultFs;
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::sim_fs::SimFs;
use crate::iter::internal::InternalIterator;
use crate::iter::resolve::{View, expiry_ms};
use crate::key::family::FamilyId;
use crate::key::internal::{internal_key, parse, seek_key};
use crate::key::kind::Kind;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::merge::MergeOperator;
use crate::table::{BlockCache, Compression, TableBuilder, TableOptions};
use crate::util::sync::Arc;
use crate::version::builder::VersionBuilder;
use crate::version::edit::VersionEdit;
use crate::version::file_meta::{FileMeta, Level};
use crate::version::table_cache::TableCache;
use crate::version::version::{Levels, Version};

/// A write. For a range delete the value is the end of the range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its number.
    pub seqno: SeqNo,
    /// What it does.
    pub kind: Kind,
    /// To which key.
    pub key: Vec<u8>,
    /// With which value.
    pub value: Vec<u8>,
}

/// A write of `kind` to `key`.
pub fn written(seqno: u64, kind: Kind, key: &str, value: &str) -> Written {
    let (key, value) = (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    Written { seqno: SeqNo::new(seqno).unwrap(), kind, key, value }
}

/// What a view reads of a key: the merge operands, newest first, and the value they apply to.
pub type Answer = (Vec<Vec<u8>>, Option<Vec<u8>>);

/// What `view` reads of `key` from its writes, newest first.
pub fn answer<'a>(view: View, writes: impl Iterator<Item = &'a Written>) -> Answer {
    let mut operands = Vec::new();
    for write in writes.filter(|write| write.seqno <= view.seqno) {
        match write.kind {
            Kind::Put => return (operands, Some(write.value.clone())),
            Kind::PutExpiring if expiry_ms(&write.key, &write.value).unwrap() > view.time_ms => {
                return (operands, Some(write.value.clone()));
            }
            Kind::Merge => operands.push(write.value.clone()),
            Kind::Delete | Kind::RangeDelete | Kind::PutExpiring => break,
        }
    }
    (operands, None)
}

/// The same with operands appended to what they apply to, as the one value that a reader gets.
pub fn appended<'a>(view: View, writes: impl DoubleEndedIterator<Item = &'a Written>) -> Answer {
    let mut state: Option<(Vec<u8>, u64)> = None;
    for write in writes.rev().filter(|write| write.seqno <= view.seqno) {
        let rest = || write.value.get(8..).unwrap_or_default().to_vec();
        let time = write.value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        state = match write.kind {
            Kind::Put => Some((write.value.clone(), u64::MAX)),
            Kind::PutExpiring => Some((rest(), time)),
            Kind::Delete | Kind::RangeDelete => None,
            Kind::Merge => match state.filter(|(_, expiry)| *expiry > time) {
                Some((base, expiry)) => Some(([base, rest()].concat(), expiry)),
                None => Some((rest(), u64::MAX)),
            },
        };
    }
    (Vec::new(), state.filter(|(_, expiry)| *expiry > view.time_ms).map(|(value, _)| value))
}

/// A family's tables and the disk they are on.
pub struct Lab {
    /// The disk, which fails on request.
    pub fs: FaultFs,
    /// How the tree is to be kept.
    pub options: CompactionOptions,
    /// The tables.
    pub version: Version,
    /// Opens them.
    pub tables: Arc<TableCache>,
    /// Makes values of merge operands.
    pub operator: Option<Arc<dyn MergeOperator>>,
    table_options: TableOptions,
    next_number: Cell<u64>,
}

/// The directory of all labs.
const DIR: &str = "/db";

impl Lab {
    /// No tables yet. Blocks are tiny, so that a table has several.
    pub fn new(seed: u64, options: CompactionOptions) -> Lab {
        let fs = FaultFs::over_sim(&SimFs::new(seed));
        fs.create_dir(Path::new(DIR)).unwrap();
        let tables = TableCache::new(Arc::new(fs.clone()), Path::new(DIR), 4, Arc::new(BlockCache::new(0)));
        let order = Order::Bytewise;
        let table_options =
            TableOptions { block_size_bytes: 64, compression: Compression::Lz4, filter_bits_per_key: 10, order };
        Lab {
            fs,
            options,
            version: Version::empty(Order::Bytewise),
            tables: Arc::new(tables),
            operator: None,
            table_options,
            next_number: Cell::new(1),
        }
    }

    /// Calls `act` with a place to write tables to.
    pub fn with_place<T>(&self, act: impl FnOnce(OutputPlace<'_>) -> T) -> T {
        let new_number = || self.new_number();
        act(OutputPlace {
            fs: &self.fs,
            dir: Path::new(DIR),
            family: FamilyId::DEFAULT,
            table: &self.table_options,
            new_number: &new_number,
        })
    }

    /// The number of the next file.
    pub fn new_number(&self) -> FileNumber {
        let number = self.next_number.get();
        self.next_number.set(number + 1);
        FileNumber::new(number)
    }

    /// A table of exactly these writes, in any order.
    pub fn table(&self, writes: &[Written]) -> Arc<FileMeta> {
        let number = self.new_number();
        let path = Path::new(DIR).join(FileKind::Table(number).name());
        let file = self.fs.open(&path, OpenMode::CreateNew).unwrap();
        let table_id = self.fs.random_u64();
        let mut builder = TableBuilder::new(file, self.table_options.clone(), table_id, FamilyId::DEFAULT);
        let mut points: Vec<_> = writes.iter().filter(|write| write.kind != Kind::RangeDelete).collect();
        points.sort_by(|a, b| (&a.key, b.seqno).cmp(&(&b.key, a.seqno)));
        for write in points {
            builder.add(&internal_key(&write.key, write.seqno, write.kind), &write.value).unwrap();
        }
        for write in writes.iter().filter(|write| write.kind == Kind::RangeDelete) {
            builder.add_tombstone(&write.key, &write.value, write.seqno).unwrap();
        }
        Arc::new(record(number, FamilyId::DEFAULT, builder.finish().unwrap()))
    }

    /// Puts tables on levels; level 0 newest first.
    pub fn place(&mut self, levels: Vec<(usize, Vec<Arc<FileMeta>>)>) {
        let mut placed = Levels::default();
        for (level, files) in levels {
            placed[level] = files;
        }
        self.version = Version::new(Order::Bytewise, placed).unwrap();
    }

    /// Applies an edit. Files that it drops are removed.
    pub fn install(&mut self, edit: &VersionEdit) {
        let mut builder = VersionBuilder::new(&self.version);
        let deleted = edit.deleted.iter().map(|(_, level, number)| (*level, *number));
        builder.apply(deleted, edit.added.iter().map(|(level, file)| (*level, file))).unwrap();
        self.version = builder.finish().unwrap();
        for (_, _, number) in &edit.deleted {
            if self.version.file(*number).is_none() {
                self.remove(*number);
            }
        }
    }

    /// Removes a table's file, if it is there.
    pub fn remove(&self, number: FileNumber) {
        self.tables.evict(number);
        let path = self.path(number);
        if self.fs.stat(&path).unwrap().is_some() {
            self.fs.remove(&path).unwrap();
        }
    }

    /// The path of a table.
    pub fn path(&self, number: FileNumber) -> std::path::PathBuf {
        Path::new(DIR).join(FileKind::Table(number).name())
    }

    /// The numbers of all tables on the disk.
    pub fn files_on_disk(&self) -> Vec<FileNumber> {
        let names = self.fs.list(Path::new(DIR)).unwrap();
        let mut numbers: Vec<_> = names.iter().filter_map(|name| FileKind::parse(name)?.number()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The compaction of all of the first level that has tables into the next that has.
    pub fn top(&self, views: &LiveViews) -> Compaction {
        let claims = Claims::default();
        let picker = self.picker(&claims, views);
        let targets = Targets::of(&picker.loads(), &self.options);
        let mut used = self.version.levels().filter(|(_, files)| !files.is_empty()).map(|(level, _)| level);
        let level = used.next().unwrap();
        let output_level = used.next().unwrap_or(Level::LAST);
        picker.plan(level, output_level, self.version.level(level).to_vec(), &targets).unwrap()
    }

    /// Brings all keys to the last level and rewrites them there.
    pub fn compact_all(&mut self, views: &LiveViews) {
        let mut range = RangeCompaction::new(None, None, FileNumber::new(self.next_number.get()));
        while let Step::Run(step) = range.next(&self.picker(&Claims::default(), views)) {
            let outcome = self.run(&step, views).unwrap();
            self.install(&outcome.edit);
            range.note_done(&step);
        }
    }

    /// A picker of this tree.
    pub fn picker<'a>(&'a self, claims: &'a Claims, views: &LiveViews) -> Picker<'a> {
        let (version, options) = (&self.version, &self.options);
        Picker {
            family: FamilyId::DEFAULT,
            version,
            options,
            claims,
            oldest_view: views.oldest(),
            oldest_time_ms: views.oldest_time_ms(),
            earliest_operand_ms: views.earliest_operand_ms(),
        }
    }

    /// Runs a compaction, without applying its edit.
    pub fn run(&self, compaction: &Compaction, views: &LiveViews) -> Result<Outcome, Abandoned> {
        self.run_until(compaction, views, &|| false)
    }

    /// The same, unless it is cancelled.
    pub fn run_until(
        &self,
        compaction: &Compaction,
        views: &LiveViews,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Outcome, Abandoned> {
        let operator = self.operator.as_deref();
        self.with_place(|place| {
            run(compaction, &JobContext { place, tables: &self.tables, views, operator, cancelled })
        })
    }

    /// Everything that the tables say about `key`, newest first.
    pub fn writes_of(&self, key: &[u8]) -> Vec<Written> {
        let mut all: Vec<Written> = Vec::new();
        for (level, file) in self.version.files() {
            let inside = file.contains(&Order::Bytewise, key);
            let table = self.tables.get(file, &Order::Bytewise).unwrap();
            let mut own = Vec::new();
            let mut iter = table.iter(false);
            iter.seek(&seek_key(key, SeqNo::MAX));
            while let Some(entry) = iter.valid().then(|| parse(iter.key()).unwrap()).filter(|e| e.user_key == key) {
                let (seqno, kind) = (entry.seqno, entry.kind);
                own.push(Written { seqno, kind, key: key.to_vec(), value: iter.value().to_vec() });
                iter.next();
            }
            iter.status().unwrap();
            for seqno in table.tombstones().fragment_at(key).iter().flat_map(|fragment| fragment.seqnos) {
                own.push(Written { seqno: *seqno, kind: Kind::RangeDelete, key: key.to_vec(), value: vec![] });
            }
            own.sort_by_key(|write| std::cmp::Reverse(write.seqno));
            assert!(inside || own.is_empty(), "table {} has {own:?} outside its bounds", file.number);
            if let (Some(front), Some(behind)) = (all.last(), own.first()) {
                assert!(behind.seqno < front.seqno, "{behind:?} on {level} in {} is behind {front:?}", file.number);
            }
            all.extend(own);
        }
        all
    }

    /// What `view` reads of `key`.
    pub fn read(&self, view: View, key: &[u8]) -> Answer {
        answer(view, self.writes_of(key).iter())
    }

    /// Point entries and range tombstones in all tables.
    pub fn totals(&self) -> (u64, u64) {
        self.version.files().fold((0, 0), |sum, (_, file)| (sum.0 + file.entries, sum.1 + file.range_tombstones))
    }

    /// Changes a byte of a table's file.
    pub fn damage(&self, file: &FileMeta, offset: u64) {
        let handle = self.fs.open(&self.path(file.number), OpenMode::ReadWrite).unwrap();
        let mut byte = [0];
        handle.read_at(&mut byte, offset).unwrap();
        handle.write_at(&[byte[0] ^ 0x40], offset).unwrap();
        self.tables.evict(file.number);
    }
}

/// Level `n`.
pub fn level(n: usize) -> Level {
    Level::new(n).unwrap()
}
