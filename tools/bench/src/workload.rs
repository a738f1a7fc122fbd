//! [`Bench`]: one database and the workloads that run on it.

use std::fs;
use std::path::{Path, PathBuf};

use esker::{Db, Durability, Options, ReadOptions, WriteOptions};

use crate::data::{Data, Random};
use crate::measure::{Lap, Measured, Watch};
use crate::settings::{Settings, Workload};

/// What is left when all workloads have run.
pub struct After {
    /// Bytes of the database's files.
    pub disk_bytes: u64,
    /// Bytes of keys and values that a scan would give.
    pub live_bytes: u64,
}

/// A database under measurement.
pub struct Bench<'a> {
    settings: &'a Settings,
    options: Options,
    folder: PathBuf,
    db: Db,
    data: Data,
    /// Every workload has random numbers of its own, the same in every run.
    runs: u64,
}

impl<'a> Bench<'a> {
    pub fn new(settings: &'a Settings, folder: PathBuf) -> Result<Bench<'a>, String> {
        let mut options = Options::default();
        for pair in &settings.option {
            let (name, value) = pair.split_once('=').ok_or_else(|| format!("option \"{pair}\": write NAME=VALUE"))?;
            options.set(name, value).map_err(|e| e.to_string())?;
        }
        let db = fresh(&folder, &options)?;
        let (key_size, value_size) = (usize::from(settings.key_size), settings.value_size as usize);
        let data = Data::new(settings.num, key_size, value_size, settings.seed);
        Ok(Bench { settings, options, folder, db, data, runs: 0 })
    }

    /// Runs one workload.
    pub fn run(&mut self, workload: Workload) -> Result<Measured, String> {
        self.runs += 1;
        let writes = |durability| WriteOptions::new().durability(durability);
        let (buffered, sync) = (writes(Durability::Buffered), writes(Durability::Sync));
        match workload {
            Workload::FillSeq | Workload::FillRandom | Workload::FillSync => self.start_over()?,
            _ => {}
        }
        let num = u64::from(self.settings.num);
        let reads = self.settings.reads.map_or(num, u64::from);
        match workload {
            Workload::FillSeq => self.measure(workload, num, |work, at, _| work.put(at, &buffered)),
            Workload::FillRandom | Workload::Overwrite => {
                self.measure(workload, num, |work, _, random| work.put(random, &buffered))
            }
            Workload::FillSync => {
                self.measure(workload, (num / 1000).max(1), |work, _, random| work.put(random, &sync))
            }
            Workload::ReadRandom => self.measure(workload, reads, |work, _, random| work.get(random)),
            Workload::ReadMissing => self.measure(workload, reads, |work, _, random| work.get_missing(random)),
            Workload::SeekRandom => self.measure(workload, reads, |work, _, random| work.seek(random)),
            Workload::ReadSeq | Workload::ReadReverse => self.alone(workload, |work| work.scan(workload)),
            Workload::ReadMany => self.alone(workload, |work| work.scan_packed()),
            Workload::Flush => self.alone(workload, |work| work.db.flush().map_err(|e| e.to_string())),
            Workload::Compact => {
                self.alone(workload, |work| work.db.compact_range(None, None).map_err(|e| e.to_string()))
            }
        }
    }

    /// Closes, and says how much space the files take.
    pub fn finish(self) -> Result<After, String> {
        let live_bytes =
            self.data.present() * (u64::from(self.settings.key_size) + u64::from(self.settings.value_size));
        self.db.close().map_err(|e| e.to_string())?;
        Ok(After { disk_bytes: size_of(&self.folder)?, live_bytes })
    }

    fn start_over(&mut self) -> Result<(), String> {
        self.db.close().map_err(|e| e.to_string())?;
        self.db = fresh(&self.folder, &self.options)?;
        self.data.forget();
        Ok(())
    }

    /// Runs `ops` operations over the threads. Each gets its position in key order and a random key, both its thread's own.
    fn measure(
        &self,
        workload: Workload,
        ops: u64,
        op: impl Fn(&mut Work<'_>, u64, u64) -> Result<usize, String> + Sync,
    ) -> Result<Measured, String> {
        let threads = u64::from(self.settings.threads).min(ops);
        let keys = self.data.keys();
        let one = |thread: u64| -> Result<Lap, String> {
            let mut random = Random::new(self.settings.seed ^ self.runs << 32 ^ thread << 48);
            let mut work = Work::new(&self.db, &self.data)?;
            // Keys of this thread: thread, thread + threads, thread + 2 · threads …
            let own_keys = (keys - thread).div_ceil(threads);
            for at in 0..(ops - thread).div_ceil(threads) {
                let number = random.below(own_keys) * threads + thread;
                let bytes = op(&mut work, (at % own_keys) * threads + thread, number)?;
                work.lap.op(bytes);
            }
            Ok(work.lap.stop())
        };
        let watch = Watch::start();
        let laps: Result<Vec<Lap>, String> = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || one(thread))).collect();
            running.into_iter().map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?).collect()
        });
        watch.stop(workload.name(), laps?)
    }

    /// Runs something on one thread that counts its own operations.
    fn alone(
        &self,
        workload: Workload,
        run: impl FnOnce(&mut Work<'_>) -> Result<(), String>,
    ) -> Result<Measured, String> {
        let watch = Watch::start();
        let mut work = Work::new(&self.db, &self.data)?;
        run(&mut work)?;
        if work.lap.ops == 0 {
            work.lap.op(0);
        }
        watch.stop(workload.name(), vec![work.lap.stop()])
    }
}

/// One thread at work, with the buffers it uses again and again.
struct Work<'a> {
    db: &'a Db,
    data: &'a Data,
    lap: Lap,
    key: Vec<u8>,
    value: Vec<u8>,
    iter: Option<esker::Iter>,
}

impl<'a> Work<'a> {
    fn new(db: &'a Db, data: &'a Data) -> Result<Work<'a>, String> {
        Ok(Work { db, data, lap: Lap::start()?, key: Vec::new(), value: Vec::new(), iter: None })
    }

    fn put(&mut self, number: u64, options: &WriteOptions) -> Result<usize, String> {
        self.data.key(number, &mut self.key);
        let generation = self.data.next_value(number, &mut self.value);
        self.db.put_with(&self.key, &self.value, options).map_err(|e| e.to_string())?;
        self.data.written(number, generation);
        Ok(self.key.len() + self.value.len())
    }

    fn get(&mut self, number: u64) -> Result<usize, String> {
        self.data.key(number, &mut self.key);
        let value = self.db.get(&self.key).map_err(|e| e.to_string())?;
        self.data.check(number, value.as_deref())?;
        Ok(self.key.len() + value.map_or(0, |value| value.len()))
    }

    fn get_missing(&mut self, number: u64) -> Result<usize, String> {
        self.data.missing_key(number, &mut self.key);
        match self.db.get(&self.key).map_err(|e| e.to_string())? {
            None => Ok(self.key.len()),
            Some(_) => Err(format!("a value for the key behind {number}, which was never written")),
        }
    }

    /// One seek and ten steps; the iterator is opened once for each thread, as in db_bench.
    fn seek(&mut self, number: u64) -> Result<usize, String> {
        self.data.key(number, &mut self.key);
        let mut iter = match self.iter.take() {
            Some(iter) => iter,
            None => self.db.iter().map_err(|e| e.to_string())?,
        };
        iter.seek(&self.key).map_err(|e| e.to_string())?;
        let (mut bytes, mut floor) = (0, number);
        for _ in 0..10 {
            if !iter.valid() {
                break;
            }
            let found = self.data.check_entry(iter.key(), iter.value())?;
            if found < floor {
                return Err(format!("key {found} after a seek to {number}"));
            }
            floor = found + 1;
            bytes += iter.key().len() + iter.value().len();
            iter.next().map_err(|e| e.to_string())?;
        }
        self.iter = Some(iter);
        Ok(bytes)
    }

    fn scan(&mut self, workload: Workload) -> Result<(), String> {
        let mut iter = self.scan_iter()?;
        let reverse = workload == Workload::ReadReverse;
        if reverse { iter.seek_to_last() } else { iter.seek_to_first() }.map_err(|e| e.to_string())?;
        let mut before = None;
        while iter.valid() {
            let number = self.data.check_entry(iter.key(), iter.value())?;
            in_order(&mut before, number, reverse)?;
            self.lap.op(iter.key().len() + iter.value().len());
            if reverse { iter.prev() } else { iter.next() }.map_err(|e| e.to_string())?;
        }
        self.all_seen()
    }

    fn scan_packed(&mut self) -> Result<(), String> {
        let mut iter = self.scan_iter()?;
        iter.seek_to_first().map_err(|e| e.to_string())?;
        let mut buffer = vec![0; 1 << 20];
        let mut before = None;
        loop {
            let packed = iter.next_many(&mut buffer, usize::MAX).map_err(|e| e.to_string())?;
            if packed.entries == 0 {
                return self.all_seen();
            }
            let mut rest = &buffer[..packed.bytes];
            for _ in 0..packed.entries {
                let (key, value, after) = unpack(rest).ok_or("a packed entry is cut short")?;
                let number = self.data.check_entry(key, value)?;
                in_order(&mut before, number, false)?;
                self.lap.op(key.len() + value.len());
                rest = after;
            }
        }
    }

    fn scan_iter(&self) -> Result<esker::Iter, String> {
        let mut reads = ReadOptions::new();
        reads.fill_cache = false;
        self.db.iter_with(&reads).map_err(|e| e.to_string())
    }

    fn all_seen(&self) -> Result<(), String> {
        let (seen, present) = (self.lap.ops, self.data.present());
        if seen == present { Ok(()) } else { Err(format!("the scan gave {seen} of {present} entries")) }
    }
}

fn in_order(before: &mut Option<u64>, number: u64, reverse: bool) -> Result<(), String> {
    let wrong = before.is_some_and(|before| if reverse { number >= before } else { number <= before });
    *before = Some(number);
    if wrong { Err(format!("key {number} is out of order")) } else { Ok(()) }
}

/// Key, value and what follows of entries packed as u32 key length, u32 value length (little-endian), key, value.
fn unpack(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (key_len, rest) = bytes.split_first_chunk::<4>()?;
    let (value_len, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_len) as usize)?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*value_len) as usize)?;
    Some((key, value, rest))
}

fn fresh(folder: &Path, options: &Options) -> Result<Db, String> {
    if folder.exists() {
        Db::destroy(folder).map_err(|e| e.to_string())?;
    }
    Db::open(folder, options).map_err(|e| e.to_string())
}

fn size_of(folder: &Path) -> Result<u64, String> {
    let failed = |e: std::io::Error| format!("cannot read {}: {e}", folder.display());
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(failed)? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(failed)?.len();
    }
    Ok(bytes)
}
