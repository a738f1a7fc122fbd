//! T5: right answers. Random scripts of every operation against the oracle, under every option set, with tiny memtables,
//! blocks and tables so that a short script crosses all boundaries. Cursor moves and bounds are nearly half of it.
//!
//! A failure prints the option set, the seed and the number of the operation; `ESKER_MODEL_SEED=n` repeats that script alone,
//! `ESKER_MODEL_OPS=n` sets how many operations each set gets.

use std::rc::Rc;

use esker::env::clock::TestClock;
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::{Db, Durability, Environment, Iter, Options, ReadOptions, Snapshot, WriteBatch, WriteOptions};

use crate::support::oracle::{Limits, Map, OracleCursor, Write, apply};
use crate::support::rng::Rng;
use crate::support::sets::option_sets;

/// Operations each option set gets in the quick tier: a million in all.
const QUICK_OPS: u64 = 130_000;
/// Operations of one script: then a fresh database, so that early states are met often.
const SCRIPT_OPS: u64 = 10_000;

const DIR: &str = "/db";

struct World {
    disk: SimFs,
    clock: std::sync::Arc<TestClock>,
    options: Options,
    db: Db,
    rng: Rng,
    map: Rc<Map>,
    snapshots: Vec<(Snapshot, Rc<Map>)>,
    cursors: Vec<(Iter, OracleCursor)>,
    tag: u64,
}

impl World {
    fn new(options: &Options, seed: u64) -> World {
        let disk = SimFs::new(seed);
        let clock = std::sync::Arc::new(TestClock::at(1_000_000));
        let db = open(&disk, &clock, options);
        World {
            disk,
            clock,
            options: options.clone(),
            db,
            rng: Rng::new(seed),
            map: Rc::default(),
            snapshots: Vec::new(),
            cursors: Vec::new(),
            tag: 0,
        }
    }

    fn step(&mut self) {
        match self.rng.below(1000) {
            0..180 => self.write_one(),
            180..250 => self.write_batch(),
            250..310 => self.delete_range(),
            310..440 => self.get(),
            440..480 => self.multi_get(),
            480..500 => self.take_snapshot(),
            500..515 => self.drop_snapshot(),
            515..560 => self.open_cursor(),
            560..570 => self.drop_cursor(),
            570..960 => self.move_cursor(),
            960..972 => self.db.flush().unwrap(),
            972..980 => self.compact(),
            980..985 => self.db.sync().unwrap(),
            985..988 => self.reopen(),
            988..991 => self.kill(),
            991..994 => self.scan_everything(),
            _ => self.look_at_stats(),
        }
    }

    fn write_options(&mut self) -> WriteOptions {
        let durability = match self.rng.below(20) {
            0 => Some(Durability::Sync),
            1..4 => Some(Durability::Buffered),
            _ => None,
        };
        WriteOptions { durability }
    }

    fn commit(&mut self, writes: &[Write]) {
        let map = Rc::make_mut(&mut self.map);
        for write in writes {
            apply(map, write);
        }
    }

    fn random_write(&mut self) -> Write {
        self.tag += 1;
        match self.rng.below(10) {
            0..7 => Write::Put(self.rng.key(), self.rng.value(self.tag)),
            _ => Write::Delete(self.rng.key()),
        }
    }

    fn write_one(&mut self) {
        let (write, options) = (self.random_write(), self.write_options());
        match &write {
            Write::Put(key, value) => self.db.put_with(key, value, &options).unwrap(),
            Write::Delete(key) => self.db.delete_with(key, &options).unwrap(),
            Write::DeleteRange(..) => unreachable!("random_write makes points"),
        }
        self.commit(&[write]);
    }

    fn write_batch(&mut self) {
        let count = self.rng.below(12);
        let mut writes: Vec<Write> = (0..count).map(|_| self.random_write()).collect();
        if self.rng.chance(30) {
            let range = self.range();
            writes.insert(self.rng.below(writes.len() + 1), Write::DeleteRange(range.0, range.1));
        }
        let mut batch = WriteBatch::new();
        for write in &writes {
            match write {
                Write::Put(key, value) => batch.put(key, value).unwrap(),
                Write::Delete(key) => batch.delete(key).unwrap(),
                Write::DeleteRange(start, end) => batch.delete_range(start, end).unwrap(),
            }
        }
        let options = self.write_options();
        self.db.write_with(&batch, &options).unwrap();
        self.commit(&writes);
    }

    /// Two keys in order; now and then the same one twice, or as wide as everything.
    fn range(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (a, b) = (self.rng.key(), self.rng.key());
        if self.rng.chance(2) {
            return (Vec::new(), vec![0xff; 12]);
        }
        if a <= b { (a, b) } else { (b, a) }
    }

    fn delete_range(&mut self) {
        let (start, end) = self.range();
        let options = self.write_options();
        self.db.delete_range_with(&start, &end, &options).unwrap();
        self.commit(&[Write::DeleteRange(start, end)]);
    }

    /// Options for a read, and the state that it must see.
    fn some_view(&mut self) -> (ReadOptions, Rc<Map>) {
        if !self.snapshots.is_empty() && self.rng.chance(35) {
            let (snapshot, map) = self.rng.pick(&self.snapshots);
            return (ReadOptions::new().with_snapshot(snapshot), Rc::clone(map));
        }
        let fill_cache = self.rng.chance(80);
        (ReadOptions { fill_cache, ..ReadOptions::new() }, Rc::clone(&self.map))
    }

    fn get(&mut self) {
        let key = self.rng.key();
        let (options, map) = self.some_view();
        let got = self.db.get_with(&key, &options).unwrap();
        assert_eq!(got.as_deref(), map.get(&key).map(Vec::as_slice), "get of {key:?} at {:?}", options.snapshot);
    }

    fn multi_get(&mut self) {
        let count = self.rng.below(8);
        let keys: Vec<Vec<u8>> = (0..count).map(|_| self.rng.key()).collect();
        let (options, map) = self.some_view();
        let got = self.db.multi_get(&keys, &options).unwrap();
        assert_eq!(got.len(), keys.len());
        for (key, value) in keys.iter().zip(got) {
            assert_eq!(value.unwrap().as_deref(), map.get(key).map(Vec::as_slice), "multi_get of {key:?}");
        }
    }

    fn take_snapshot(&mut self) {
        if self.snapshots.len() < 6 {
            self.snapshots.push((self.db.snapshot().unwrap(), Rc::clone(&self.map)));
        }
    }

    fn drop_snapshot(&mut self) {
        if !self.snapshots.is_empty() {
            let index = self.rng.below(self.snapshots.len());
            self.snapshots.swap_remove(index);
        }
    }

    fn open_cursor(&mut self) {
        if self.cursors.len() >= 5 {
            self.drop_cursor();
        }
        let (mut options, map) = self.some_view();
        let mut limits = Limits::default();
        if self.rng.chance(40) {
            limits.lower = Some(self.rng.key());
        }
        if self.rng.chance(40) {
            limits.upper = Some(self.rng.key());
        }
        if self.rng.chance(25) {
            let key = self.rng.key();
            limits.prefix = Some(key[..self.rng.below(key.len() + 1)].to_vec());
        }
        options.lower_bound = limits.lower.clone();
        options.upper_bound = limits.upper.clone();
        options.prefix = limits.prefix.clone();
        self.cursors.push((self.db.iter_with(&options).unwrap(), OracleCursor::new(map, limits)));
    }

    fn drop_cursor(&mut self) {
        if !self.cursors.is_empty() {
            let index = self.rng.below(self.cursors.len());
            self.cursors.swap_remove(index);
        }
    }

    fn move_cursor(&mut self) {
        if self.cursors.is_empty() {
            return self.open_cursor();
        }
        let index = self.rng.below(self.cursors.len());
        let key = self.rng.key();
        let what = self.rng.below(20);
        let (iter, oracle) = &mut self.cursors[index];
        match what {
            0 => (iter.seek_to_first().unwrap(), oracle.seek_to_first()).1,
            1 => (iter.seek_to_last().unwrap(), oracle.seek_to_last()).1,
            2..5 => (iter.seek(&key).unwrap(), oracle.seek(&key)).1,
            5..8 => (iter.seek_for_prev(&key).unwrap(), oracle.seek_for_prev(&key)).1,
            8..13 => (iter.next().unwrap(), oracle.next()).1,
            13..18 => (iter.prev().unwrap(), oracle.prev()).1,
            18 => pack(iter, oracle, true),
            _ => pack(iter, oracle, false),
        }
        agree(iter, oracle);
    }

    fn compact(&mut self) {
        if self.rng.chance(30) {
            return self.db.compact_range(None, None).unwrap();
        }
        let (start, end) = self.range();
        self.db.compact_range(Some(&start), Some(&end)).unwrap();
    }

    /// Children go first half of the time, and outlive the database the other half.
    fn reopen(&mut self) {
        if self.rng.chance(50) {
            self.snapshots.clear();
            self.cursors.clear();
        }
        self.db.close().unwrap();
        self.db = open(&self.disk, &self.clock, &self.options);
        self.snapshots.clear();
        self.cursors.clear();
    }

    /// The process dies; the operating system, and so every written byte, lives on.
    fn kill(&mut self) {
        self.snapshots.clear();
        self.cursors.clear();
        self.disk = self.disk.crash(CrashImage::Killed);
        self.db = open(&self.disk, &self.clock, &self.options);
    }

    fn scan_everything(&mut self) {
        let (options, map) = self.some_view();
        let mut iter = self.db.iter_with(&options).unwrap();
        let mut expected = map.iter();
        iter.seek_to_first().unwrap();
        while iter.valid() {
            assert_eq!(Some((iter.key(), iter.value())), expected.next().map(|(k, v)| (&k[..], &v[..])), "scan");
            iter.next().unwrap();
        }
        assert_eq!(expected.next(), None, "the scan ended early");
        let mut expected = map.iter().rev();
        iter.seek_to_last().unwrap();
        while iter.valid() {
            assert_eq!(Some((iter.key(), iter.value())), expected.next().map(|(k, v)| (&k[..], &v[..])), "reverse");
            iter.prev().unwrap();
        }
        assert_eq!(expected.next(), None, "the reverse scan ended early");
    }

    fn look_at_stats(&mut self) {
        let stats = self.db.stats().unwrap();
        assert_eq!(stats.number("snapshots"), Some(self.snapshots.len() as u64));
        assert!(self.db.poisoned().is_none());
    }
}

fn open(disk: &SimFs, clock: &std::sync::Arc<TestClock>, options: &Options) -> Db {
    let environment = Environment::inline(std::sync::Arc::new(disk.clone()), clock.clone());
    Db::open_in(environment, DIR, options).unwrap()
}

/// The cursor and the oracle stand on the same entry.
fn agree(iter: &Iter, oracle: &OracleCursor) {
    iter.status().unwrap();
    let shown = iter.valid().then(|| (iter.key(), iter.value()));
    assert_eq!(shown, oracle.entry(), "cursor {oracle:?}");
    if iter.valid() {
        assert_eq!(&*iter.pinned_value(), iter.value());
    }
}

/// Packs some entries and lets the oracle walk the same way.
fn pack(iter: &mut Iter, oracle: &mut OracleCursor, forward: bool) {
    let mut buf = [0; 600];
    let packed = if forward { iter.next_many(&mut buf, 7) } else { iter.prev_many(&mut buf, 7) }.unwrap();
    let mut rest = &buf[..packed.bytes];
    for _ in 0..packed.entries {
        let (key, value) = oracle.entry().expect("fewer entries than were packed");
        let (head, tail) = rest.split_at(8);
        assert_eq!(head[..4], (key.len() as u32).to_le_bytes());
        assert_eq!(head[4..], (value.len() as u32).to_le_bytes());
        assert_eq!(&tail[..key.len()], key);
        assert_eq!(&tail[key.len()..key.len() + value.len()], value);
        rest = &tail[key.len() + value.len()..];
        if forward { oracle.next() } else { oracle.prev() }
    }
    assert!(rest.is_empty());
    if let Some(needed) = packed.needed {
        let (key, value) = oracle.entry().expect("an entry was too large");
        assert!(packed.entries == 0 && needed == 8 + key.len() + value.len() && needed > buf.len());
    }
}

fn run(name: &str, options: &Options, seed: u64, ops: u64) {
    let mut world = World::new(options, seed);
    for op in 0..ops {
        let attempt = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.step()));
        if let Err(panic) = attempt {
            eprintln!("option set \"{name}\", ESKER_MODEL_SEED={seed}, operation {op}");
            std::panic::resume_unwind(panic);
        }
    }
    world.scan_everything();
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run_set(index: usize) {
    let sets = option_sets();
    let (name, options) = &sets[index];
    if let Some(seed) = from_environment("ESKER_MODEL_SEED") {
        return run(name, options, seed, SCRIPT_OPS);
    }
    let ops = from_environment("ESKER_MODEL_OPS").unwrap_or(QUICK_OPS);
    for script in 0..ops.div_ceil(SCRIPT_OPS) {
        run(name, options, 1000 * index as u64 + script, SCRIPT_OPS);
    }
}

macro_rules! one_test_per_set {
    ($($test:ident = $index:literal;)*) => {
        $(#[test]
        fn $test() {
            run_set($index);
        })*

        #[test]
        fn every_option_set_has_a_test() {
            assert_eq!([$($index),*].len(), option_sets().len());
        }
    };
}

one_test_per_set! {
    tiny = 0;
    one_kibibyte_memtables = 1;
    small_blocks_and_lz4 = 2;
    no_filters_no_compression = 3;
    lazy_level_zero = 4;
    large_tables = 5;
    memory_only_until_asked = 6;
    defaults = 7;
}
