//! The load of the soak: what its threads do, and the models that every answer is compared with.
//!
//! Each writer has keys of its own, and for each of them a version: 0 for a key that is not there, else the number from which
//! its value follows. So a writer knows what every get and scan of its keys must answer, while the others are at work.
//! A reader sees what others write: it checks that values belong to their keys and that a snapshot stays what it was.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use esker::{Db, Durability, FamilyOptions, ReadOptions, TransactionOptions, WriteBatch, WriteOptions};
use hdrhistogram::Histogram;

pub const WRITERS: usize = 3;
const WORKERS: usize = WRITERS + 3;
/// What latencies are kept apart by.
pub const KINDS: [&str; 4] = ["write", "get", "scan", "commit"];
const WRITE: usize = 0;
const GET: usize = 1;
const SCAN: usize = 2;
const COMMIT: usize = 3;

type Done<T = ()> = Result<T, String>;

fn said(what: &'static str) -> impl Fn(esker::Error) -> String {
    move |error| format!("{what}: {error}")
}

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn key(writer: usize, n: usize) -> String {
    format!("writer{writer}/{n:06}")
}

/// How long the value of a version is.
fn value_len(writer: usize, n: usize, version: u32) -> usize {
    40 + (mix((writer * 1_000_003 + n) as u64 ^ u64::from(version) << 32) % 1100) as usize
}

/// The value of a version: it names its key and version, so that anybody can check it. Half of it compresses.
fn value(writer: usize, n: usize, version: u32) -> Vec<u8> {
    let len = value_len(writer, n, version);
    let mut value = format!("{} {version} ", key(writer, n)).into_bytes();
    let mut dice = Dice(u64::from(version) << 20 ^ n as u64);
    while value.len() < len / 2 {
        value.extend(dice.next().to_le_bytes());
    }
    value.resize(len.max(value.len()), b'.');
    value
}

/// What the keys of one writer must hold.
#[derive(Clone, Debug)]
struct Model {
    writer: usize,
    versions: Vec<u32>,
    last: u32,
    live_bytes: u64,
}

impl Model {
    fn set(&mut self, n: usize, version: u32) {
        let size = |version| match version {
            0 => 0,
            _ => (key(self.writer, n).len() + value(self.writer, n, version).len()) as u64,
        };
        self.live_bytes = self.live_bytes + size(version) - size(self.versions[n]);
        self.versions[n] = version;
    }

    fn next_version(&mut self) -> u32 {
        self.last += 1;
        self.last
    }

    fn expected(&self, n: usize) -> Option<Vec<u8>> {
        (self.versions[n] > 0).then(|| value(self.writer, n, self.versions[n]))
    }

    /// Scans `count` keys from number `from` on, and compares.
    fn scan(&self, db: &Db, from: usize, count: usize) -> Done {
        let to = (from + count).min(self.versions.len());
        let bounds = ReadOptions::new().with_lower_bound(key(self.writer, from)).with_upper_bound(key(self.writer, to));
        let mut iter = db.iter_with(&bounds).map_err(said("iterator"))?;
        iter.seek_to_first().map_err(said("seek"))?;
        for n in (from..to).filter(|n| self.versions[*n] > 0) {
            if !iter.valid() || iter.key() != key(self.writer, n).as_bytes() {
                let at = iter.valid().then(|| String::from_utf8_lossy(iter.key()).into_owned());
                return Err(format!("a scan is at {at:?} and not at {}", key(self.writer, n)));
            }
            if Some(iter.value()) != self.expected(n).as_deref() {
                return Err(format!("a scan finds another value of {}", key(self.writer, n)));
            }
            iter.next().map_err(said("next"))?;
        }
        if iter.valid() { Err(format!("a scan finds {:?}, which is deleted", iter.key())) } else { Ok(()) }
    }
}

/// What all writers' keys must hold.
pub struct Models(Vec<Model>);

impl Models {
    pub fn new(keys: usize) -> Models {
        let model = |writer| Model { writer, versions: vec![0; keys], last: 0, live_bytes: 0 };
        Models((0..WRITERS).map(model).collect())
    }

    pub fn live_keys(&self) -> usize {
        self.0.iter().flat_map(|model| &model.versions).filter(|version| **version > 0).count()
    }

    /// Everything that is there, by scan; and by get, some.
    pub fn compare(&self, db: &Db) -> Done {
        for model in &self.0 {
            model.scan(db, 0, model.versions.len())?;
            for n in (0..model.versions.len()).step_by(17) {
                let got = db.get(key(model.writer, n)).map_err(said("get"))?;
                if got.as_deref() != model.expected(n).as_deref() {
                    return Err(format!("{} is not what was written", key(model.writer, n)));
                }
            }
        }
        Ok(())
    }
}

/// What the threads share with whoever watches them.
pub struct Load {
    db: Db,
    /// The time between two operations of a writer.
    pace: Duration,
    seed: u64,
    stop: AtomicBool,
    failed: AtomicBool,
    steps: [AtomicU64; WORKERS],
    live_bytes: [AtomicU64; WRITERS],
    latencies: Mutex<[Histogram<u64>; 4]>,
    seen: Mutex<[(u64, Instant); WORKERS]>,
}

impl Load {
    pub fn new(db: Db, rate: u32, seed: u64) -> Load {
        Load {
            db,
            pace: Duration::from_secs(1) * WRITERS as u32 / rate.max(1),
            seed,
            stop: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            steps: Default::default(),
            live_bytes: Default::default(),
            latencies: Mutex::new(empty()),
            seen: Mutex::new([(0, Instant::now()); WORKERS]),
        }
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.failed()
    }

    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// Bytes of keys and values that are there.
    pub fn live_bytes(&self) -> u64 {
        self.live_bytes.iter().map(|bytes| bytes.load(Ordering::Relaxed)).sum()
    }

    /// The latencies since the last call, by kind, in nanoseconds.
    pub fn latencies(&self) -> [Histogram<u64>; 4] {
        std::mem::replace(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner), empty())
    }

    /// A worker that made no step for so long, if there is one.
    pub fn hangs(&self, patience: Duration) -> Option<String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for (worker, (steps, since)) in seen.iter_mut().enumerate() {
            let now = self.steps[worker].load(Ordering::Relaxed);
            if now != *steps {
                (*steps, *since) = (now, Instant::now());
            } else if since.elapsed() > patience {
                return Some(format!("worker {worker} at step {now}"));
            }
        }
        None
    }

    fn step(&self, worker: usize) {
        self.steps[worker].fetch_add(1, Ordering::Relaxed);
    }

    fn timed<T>(&self, kind: usize, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        let took = start.elapsed().as_nanos() as u64;
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)[kind].saturating_record(took.max(1));
        result
    }
}

fn empty() -> [Histogram<u64>; 4] {
    std::array::from_fn(|_| Histogram::new_with_bounds(1, 600_000_000_000, 3).expect("bounds that hold"))
}

/// The threads; `join` gives the models back, or what went wrong first.
pub struct Workers {
    writers: Vec<JoinHandle<Done<Model>>>,
    others: Vec<JoinHandle<Done>>,
}

impl Workers {
    pub fn join(self) -> Done<Models> {
        let panicked = |_| Err("a worker panicked".to_owned());
        let models: Done<Vec<Model>> = self.writers.into_iter().map(|w| w.join().unwrap_or_else(panicked)).collect();
        let others: Done<Vec<()>> =
            self.others.into_iter().map(|o| o.join().unwrap_or_else(|_| Err("a worker panicked".into()))).collect();
        others?;
        models.map(Models)
    }
}

pub fn start(load: &Arc<Load>, models: Models) -> Workers {
    let writers = models.0.into_iter().map(|model| {
        let load = load.clone();
        thread::spawn(move || noted(&load, |load| write(load, model)))
    });
    let works: [fn(&Load) -> Done; 3] = [read, families, maintain];
    let others = works.into_iter().map(|work| {
        let load = load.clone();
        thread::spawn(move || noted(&load, work))
    });
    Workers { writers: writers.collect(), others: others.collect() }
}

/// An error of one worker ends the others.
fn noted<T>(load: &Load, work: impl FnOnce(&Load) -> Done<T>) -> Done<T> {
    let result = work(load);
    load.failed.fetch_or(result.is_err(), Ordering::Relaxed);
    result
}

fn write(load: &Load, mut model: Model) -> Done<Model> {
    let mut dice = Dice(load.seed ^ (model.writer as u64) << 48);
    let mut due = Instant::now();
    while !load.stopped() {
        let n = dice.below(model.versions.len());
        match dice.below(100) {
            0..55 => put(load, &mut model, n, dice.below(200) == 0)?,
            55..65 => batch(load, &mut model, n)?,
            65..75 => {
                load.timed(WRITE, || load.db.delete(key(model.writer, n))).map_err(said("delete"))?;
                model.set(n, 0);
            }
            75..77 => {
                let end = (n + dice.below(50)).min(model.versions.len());
                let (from, to) = (key(model.writer, n), key(model.writer, end));
                load.timed(WRITE, || load.db.delete_range(from, to)).map_err(said("delete_range"))?;
                (n..end).for_each(|n| model.set(n, 0));
            }
            77..82 => commit(load, &mut model, n, dice.next().is_multiple_of(2))?,
            82..97 => {
                let got = load.timed(GET, || load.db.get(key(model.writer, n))).map_err(said("get"))?;
                if got.as_deref() != model.expected(n).as_deref() {
                    return Err(format!("{} is not what was written", key(model.writer, n)));
                }
            }
            _ => load.timed(SCAN, || model.scan(&load.db, n, 50))?,
        }
        load.step(model.writer);
        load.live_bytes[model.writer].store(model.live_bytes, Ordering::Relaxed);
        // Not faster than asked; and what a stall held up is not made up for in a burst.
        due = (due + load.pace).max(Instant::now() - Duration::from_millis(100));
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(model)
}

fn put(load: &Load, model: &mut Model, n: usize, synced: bool) -> Done {
    let version = model.next_version();
    let value = value(model.writer, n, version);
    let options = WriteOptions::new().durability(if synced { Durability::Sync } else { Durability::Buffered });
    load.timed(WRITE, || load.db.put_with(key(model.writer, n), value, &options)).map_err(said("put"))?;
    model.set(n, version);
    Ok(())
}

fn batch(load: &Load, model: &mut Model, n: usize) -> Done {
    let version = model.next_version();
    let keys = n..(n + 10).min(model.versions.len());
    let mut batch = WriteBatch::new();
    for n in keys.clone() {
        let value = value(model.writer, n, version);
        batch.put(key(model.writer, n).as_bytes(), &value).map_err(said("batch"))?;
    }
    load.timed(WRITE, || load.db.write(&batch)).map_err(said("write"))?;
    keys.for_each(|n| model.set(n, version));
    Ok(())
}

/// A transaction that reads two keys and writes them; now and then it is given up.
fn commit(load: &Load, model: &mut Model, n: usize, pessimistic: bool) -> Done {
    let options = if pessimistic { TransactionOptions::pessimistic() } else { TransactionOptions::new() };
    let mut txn = load.db.begin(&options).map_err(said("begin"))?;
    let version = model.next_version();
    let keys = [n, (n + 7) % model.versions.len()];
    for n in keys {
        let got = txn.get_for_update(key(model.writer, n)).map_err(said("get_for_update"))?;
        if got.as_deref() != model.expected(n).as_deref() {
            return Err(format!("{} is not what was written, in a transaction", key(model.writer, n)));
        }
        txn.put(key(model.writer, n), value(model.writer, n, version)).map_err(said("put"))?;
    }
    if version.is_multiple_of(10) {
        return txn.rollback().map_err(said("rollback"));
    }
    // Nobody else writes these keys, so nothing can be in its way.
    load.timed(COMMIT, || txn.commit()).map_err(said("commit"))?;
    keys.into_iter().for_each(|n| model.set(n, version));
    Ok(())
}

/// Reads all of a writer's keys as of one moment, waits, and reads them again.
fn read(load: &Load) -> Done {
    let mut dice = Dice(load.seed ^ 77);
    while !load.stopped() {
        let snapshot = load.db.snapshot().map_err(said("snapshot"))?;
        let prefix = format!("writer{}/", dice.below(WRITERS));
        let options = ReadOptions::new().with_snapshot(&snapshot).with_prefix(prefix);
        let first = digest(load, &options)?;
        wait(load, WRITERS, 1000 + dice.next() % 3000);
        if digest(load, &options)? != first {
            return Err("a snapshot moved".to_owned());
        }
    }
    Ok(())
}

/// A number for all that an iterator finds; each value must belong to its key.
fn digest(load: &Load, options: &ReadOptions) -> Done<(u64, u64)> {
    let mut iter = load.db.iter_with(options).map_err(said("iterator"))?;
    iter.seek_to_first().map_err(said("seek"))?;
    let (mut count, mut sum, mut before) = (0, 0, Vec::new());
    while iter.valid() {
        if !iter.value().starts_with(iter.key()) || iter.key() <= &before[..] {
            return Err(format!("{:?} has a value of another key, or is out of order", iter.key()));
        }
        before = iter.key().to_vec();
        let part = iter.value().iter().take(40).fold(0, |sum: u64, byte| mix(sum ^ u64::from(*byte)));
        sum = mix(sum ^ part ^ iter.value().len() as u64);
        count += 1;
        iter.next().map_err(said("next"))?;
        load.step(WRITERS);
    }
    Ok((count, sum))
}

/// Families that come, are filled, flushed, read, and go under an iterator that reads on.
fn families(load: &Load) -> Done {
    let mut round = 0_usize;
    while !load.stopped() {
        round += 1;
        let name = format!("passing{}", round % 7);
        let family = load.db.create_family(&name, &FamilyOptions::new()).map_err(said("create_family"))?;
        for n in 0..300 {
            let value = value(9, n, round as u32);
            load.db.put_in(&family, key(9, n), value, &WriteOptions::new()).map_err(said("put_in"))?;
            load.step(WRITERS + 1);
        }
        if round.is_multiple_of(2) {
            load.db.flush_family(&family).map_err(said("flush_family"))?;
        }
        let mut iter = load.db.iter_in(&family, &ReadOptions::new()).map_err(said("iter_in"))?;
        iter.seek_to_first().map_err(said("seek"))?;
        for n in 0..300 {
            if n == 150 {
                load.db.drop_family(&family).map_err(said("drop_family"))?;
            }
            if !iter.valid() || iter.value() != value(9, n, round as u32) {
                return Err(format!("entry {n} of a family is not what was written"));
            }
            iter.next().map_err(said("next"))?;
        }
        drop(iter);
        wait(load, WRITERS + 1, 2000);
    }
    Ok(())
}

/// Flushes and compactions that somebody asks for.
fn maintain(load: &Load) -> Done {
    let mut round = 0;
    while !load.stopped() {
        wait(load, WRITERS + 2, 5000);
        round += 1;
        match round % 6 {
            0 => load.db.compact_range(None, None).map_err(said("compact_range"))?,
            1 | 3 => {
                let (from, to) = (key(round % WRITERS, 0), key(round % WRITERS, 999_999));
                load.db.compact_range(Some(from.as_bytes()), Some(to.as_bytes())).map_err(said("compact_range"))?;
            }
            5 => load.db.sync().map_err(said("sync"))?,
            _ => load.db.flush().map_err(said("flush"))?,
        }
    }
    Ok(())
}

/// Waits so many milliseconds, or until the end.
fn wait(load: &Load, worker: usize, milliseconds: u64) {
    let until = Instant::now() + Duration::from_millis(milliseconds);
    while Instant::now() < until && !load.stopped() {
        load.step(worker);
        thread::sleep(Duration::from_millis(20));
    }
}
