//! [`FaultFs`]: any filesystem, with faults at chosen operations.
//!
//! A [`FaultPlan`] names a fault and the number of the operation, among those of its kinds, that it strikes: once, or from there
//! on until [`FaultFs::heal`]. A test runs a script with the plan at operation 0, 1, 2 … until a run ends in which nothing fired.
//! Several plans may be active at once. Over a [`SimFs`] a failed sync also makes the dirty pages clean, as real ones do.
//!
//! Invariant: what is reported as failed before it began left no trace below; what failed half way left the trace that the
//! fault's documentation names. Thread rule: any thread; one leaf mutex, never held while the filesystem below is called.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::env::fs::{File, FileLock, FileSystem, LockMode, OpenMode, Stat};
use crate::env::op::{Op, OpKind, OpKinds};
use crate::env::sim_fs::SimFs;
use crate::error::{Error, Result};
use crate::util::sync::{Arc, Mutex};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The operation fails with EIO and does nothing.
    Eio,
    /// The operation is carried out, and reported as failed with EIO.
    EioAfterwards,
    /// The disk is full; nothing is written.
    Enospc,
    /// The disk is full after half of the write.
    EnospcMidWrite,
    /// There are no file descriptors left.
    Emfile,
    /// Half of the write is done, then EIO.
    ShortWrite,
    /// Half of the bytes are read, then EIO.
    ShortRead,
    /// Half of the bytes are read, as if the file ended there.
    EarlyEnd,
    /// The sync fails, and the dirty pages are clean and lost (over a [`SimFs`]; elsewhere they merely stay unsynced).
    SyncEioPageClean,
    /// The rename fails with EIO and does nothing.
    RenameEio,
    /// One bit of what is read is not what was written.
    BitFlipRead,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 11] = [
        Fault::Eio,
        Fault::EioAfterwards,
        Fault::Enospc,
        Fault::EnospcMidWrite,
        Fault::Emfile,
        Fault::ShortWrite,
        Fault::ShortRead,
        Fault::EarlyEnd,
        Fault::SyncEioPageClean,
        Fault::RenameEio,
        Fault::BitFlipRead,
    ];

    /// The operations that can fail in this way.
    pub const fn natural_kinds(self) -> OpKinds {
        match self {
            Fault::Eio => OpKinds::ALL,
            Fault::EioAfterwards => OpKinds::of(&[
                OpKind::Create,
                OpKind::Write,
                OpKind::Allocate,
                OpKind::Truncate,
                OpKind::Sync,
                OpKind::CreateDir,
                OpKind::Rename,
                OpKind::Link,
                OpKind::Remove,
                OpKind::SyncDir,
            ]),
            Fault::Enospc => {
                OpKinds::of(&[OpKind::Create, OpKind::Write, OpKind::Allocate, OpKind::CreateDir, OpKind::Link])
            }
            Fault::EnospcMidWrite | Fault::ShortWrite => OpKinds::of(&[OpKind::Write]),
            // A directory is opened to be listed or synced.
            Fault::Emfile => OpKinds::of(&[
                OpKind::Open,
                OpKind::Create,
                OpKind::Lock,
                OpKind::List,
                OpKind::SyncDir,
                OpKind::CreateDir,
            ]),
            Fault::ShortRead | Fault::EarlyEnd | Fault::BitFlipRead => OpKinds::of(&[OpKind::Read]),
            Fault::SyncEioPageClean => OpKinds::of(&[OpKind::Sync]),
            Fault::RenameEio => OpKinds::of(&[OpKind::Rename]),
        }
    }

    fn error(self, verb: &str, path: &Path) -> Error {
        let number = match self {
            Fault::Enospc | Fault::EnospcMidWrite => libc::ENOSPC,
            Fault::Emfile => libc::EMFILE,
            _ => libc::EIO,
        };
        Error::io(verb, path, io::Error::from_raw_os_error(number))
    }
}

/// When something goes wrong.
#[derive(Clone, Copy, Debug)]
pub struct FaultPlan {
    /// What goes wrong.
    pub fault: Fault,
    /// At which operation, counted from 0 among those that the plan is about, from the moment it was set.
    pub at_op: u64,
    /// Whether every later one fails too, until [`FaultFs::heal`].
    pub persistent: bool,
    /// The kinds of operation that the plan is about.
    pub kinds: OpKinds,
    /// The paths that the plan is about.
    pub paths: fn(&Path) -> bool,
    /// How many operations must have been struck, by whatever plan, before this one begins to count: 0, or 1 for a fault that
    /// comes so and so long after another.
    pub after: u64,
}

impl FaultPlan {
    /// `fault` once, at operation `at_op` of those that can fail in this way.
    pub fn new(fault: Fault, at_op: u64) -> FaultPlan {
        FaultPlan { fault, at_op, persistent: false, kinds: fault.natural_kinds(), paths: |_| true, after: 0 }
    }

    /// The same, and at every later operation.
    pub fn persistent(self) -> FaultPlan {
        FaultPlan { persistent: true, ..self }
    }

    /// The same, among operations of these kinds.
    pub fn among(self, kinds: OpKinds) -> FaultPlan {
        FaultPlan { kinds, ..self }
    }

    /// The same, counted from the moment on at which `strikes` operations have been struck.
    pub fn after(self, strikes: u64) -> FaultPlan {
        FaultPlan { after: strikes, ..self }
    }

    /// The same, among operations on paths for which `paths` is true.
    pub fn on(self, paths: fn(&Path) -> bool) -> FaultPlan {
        FaultPlan { paths, ..self }
    }
}

#[derive(Debug)]
struct Active {
    plan: FaultPlan,
    /// Operations that the plan is about, so far.
    seen: u64,
}

#[derive(Debug, Default)]
struct State {
    ops: Vec<Op>,
    plans: Vec<Active>,
    fired: Vec<Fault>,
    /// How many operations the simulated disk had seen when the first was struck.
    first_strike: Option<u64>,
}

#[derive(Debug)]
struct Shared {
    inner: Arc<dyn FileSystem>,
    sim: Option<SimFs>,
    state: Mutex<State>,
}

/// A filesystem that fails as planned. Clones are the same filesystem with the same plans.
#[derive(Clone, Debug)]
pub struct FaultFs {
    shared: Arc<Shared>,
}

impl FaultFs {
    /// Over any filesystem; without plans it only counts.
    pub fn new(inner: Arc<dyn FileSystem>) -> FaultFs {
        FaultFs { shared: Arc::new(Shared { inner, sim: None, state: Mutex::default() }) }
    }

    /// Over a simulated disk, which loses what a failed sync drops.
    pub fn over_sim(sim: &SimFs) -> FaultFs {
        let inner = Arc::new(sim.clone());
        FaultFs { shared: Arc::new(Shared { inner, sim: Some(sim.clone()), state: Mutex::default() }) }
    }

    /// Adds a plan.
    pub fn inject(&self, plan: FaultPlan) {
        self.shared.state.lock().plans.push(Active { plan, seen: 0 });
    }

    /// Drops all plans: from here on everything works. The counters stay.
    pub fn heal(&self) {
        self.shared.state.lock().plans.clear();
    }

    /// How many operations were struck.
    pub fn fired(&self) -> u64 {
        self.shared.state.lock().fired.len() as u64
    }

    /// How many operations were struck by `fault`.
    pub fn fired_by(&self, fault: Fault) -> u64 {
        self.shared.state.lock().fired.iter().filter(|&&fired| fired == fault).count() as u64
    }

    /// How many operations the simulated disk had seen, by its own count, when the first one was struck.
    pub fn first_strike(&self) -> Option<u64> {
        self.shared.state.lock().first_strike
    }

    /// How many operations there were, reads included.
    pub fn op_count(&self) -> u64 {
        self.shared.state.lock().ops.len() as u64
    }

    /// The operations so far, reads included, struck or not.
    pub fn ops(&self) -> Vec<Op> {
        self.shared.state.lock().ops.clone()
    }
}

/// A fault that strikes now, and the number of the operation that it strikes.
struct Strike {
    fault: Fault,
    op: u64,
}

impl Shared {
    /// Counts an operation; `Some` if it is to fail. Of several plans that strike at once, the first counts.
    fn begin(&self, op: Op) -> Option<Strike> {
        let below = self.sim.as_ref().map(SimFs::op_count);
        let mut state = self.state.lock();
        let struck = state.fired.len() as u64;
        let mut strike = None;
        for active in &mut state.plans {
            let Active { plan, seen } = active;
            if struck < plan.after || !plan.kinds.contains(op.kind) || !(plan.paths)(&op.path) {
                continue;
            }
            if *seen == plan.at_op || (plan.persistent && *seen > plan.at_op) {
                strike = strike.or(Some(plan.fault));
            }
            *seen += 1;
        }
        let number = state.ops.len() as u64;
        state.ops.push(op);
        state.fired.extend(strike);
        if strike.is_some() && state.first_strike.is_none() {
            state.first_strike = below;
        }
        strike.map(|fault| Strike { fault, op: number })
    }

    fn run<T>(&self, op: Op, verb: &str, call: impl FnOnce() -> Result<T>) -> Result<T> {
        let path = Arc::clone(&op.path);
        match self.begin(op) {
            None => call(),
            Some(Strike { fault: Fault::EioAfterwards, .. }) => {
                call()?;
                Err(Fault::EioAfterwards.error(verb, &path))
            }
            Some(Strike { fault, .. }) => Err(fault.error(verb, &path)),
        }
    }
}

impl FileSystem for FaultFs {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let kind = if mode == OpenMode::CreateNew { OpKind::Create } else { OpKind::Open };
        let file = self.shared.run(Op::new(kind, path), "open", || self.shared.inner.open(path, mode))?;
        Ok(Arc::new(FaultFile { shared: Arc::clone(&self.shared), name: Arc::from(path), file }))
    }

    fn create_dir(&self, path: &Path) -> Result<bool> {
        self.shared.run(Op::new(OpKind::CreateDir, path), "create directory", || self.shared.inner.create_dir(path))
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>> {
        self.shared.run(Op::new(OpKind::List, dir), "list directory", || self.shared.inner.list(dir))
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        self.shared.run(Op::new(OpKind::Stat, path), "stat", || self.shared.inner.stat(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.shared.run(Op::new(OpKind::Rename, from).to(to), "rename", || self.shared.inner.rename(from, to))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        self.shared.run(Op::new(OpKind::Link, from).to(to), "link", || self.shared.inner.link(from, to))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.shared.run(Op::new(OpKind::Remove, path), "remove", || self.shared.inner.remove(path))
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.shared.run(Op::new(OpKind::SyncDir, dir), "sync directory", || self.shared.inner.sync_dir(dir))
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn FileLock>> {
        self.shared.run(Op::new(OpKind::Lock, path), "lock", || self.shared.inner.lock(path, mode))
    }

    fn random_u64(&self) -> u64 {
        self.shared.inner.random_u64()
    }
}

#[derive(Debug)]
struct FaultFile {
    shared: Arc<Shared>,
    name: Arc<Path>,
    file: Arc<dyn File>,
}

impl FaultFile {
    fn op(&self, kind: OpKind) -> Op {
        Op::new(kind, Arc::clone(&self.name))
    }

    fn failed_write(&self, fault: Fault, offset: u64) -> Result<()> {
        Err(fault.error("write", self.file.path()).with_offset(offset))
    }
}

impl File for FaultFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let strike = self.shared.begin(self.op(OpKind::Read).at(offset, buf.len() as u64));
        let Some(Strike { fault, op }) = strike else { return self.file.read_at(buf, offset) };
        let half = buf.len() / 2;
        match fault {
            Fault::EarlyEnd => return self.file.read_at(&mut buf[..half], offset),
            Fault::BitFlipRead => {
                let got = self.file.read_at(buf, offset)?;
                // Another place each time, the same in each run; and not in the blank space that most of a log is, where
                // nobody looks.
                let used = buf[..got].iter().filter(|byte| **byte != 0).count();
                let bit = op.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (used.max(got.min(1)) as u64 * 8).max(1);
                let mut meant = buf[..got].iter_mut().filter(|byte| used == 0 || **byte != 0);
                if let Some(byte) = meant.nth((bit / 8) as usize) {
                    *byte ^= 1 << (bit % 8);
                }
                return Ok(got);
            }
            Fault::ShortRead => _ = self.file.read_at(&mut buf[..half], offset)?,
            _ => {}
        }
        Err(fault.error("read", self.file.path()).with_offset(offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        let strike = self.shared.begin(self.op(OpKind::Write).at(offset, buf.len() as u64));
        let Some(Strike { fault, .. }) = strike else { return self.file.write_at(buf, offset) };
        match fault {
            Fault::ShortWrite | Fault::EnospcMidWrite => self.file.write_at(&buf[..buf.len() / 2], offset)?,
            Fault::EioAfterwards => self.file.write_at(buf, offset)?,
            _ => {}
        }
        self.failed_write(fault, offset)
    }

    fn allocate(&self, end: u64) -> Result<()> {
        self.shared.run(self.op(OpKind::Allocate).at(end, 0), "allocate", || self.file.allocate(end))
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.shared.run(self.op(OpKind::Truncate).at(len, 0), "truncate", || self.file.truncate(len))
    }

    fn sync(&self) -> Result<()> {
        let Some(Strike { fault, .. }) = self.shared.begin(self.op(OpKind::Sync)) else { return self.file.sync() };
        match (fault, &self.shared.sim) {
            (Fault::SyncEioPageClean, Some(sim)) => sim.forget_dirty(self.file.path()),
            (Fault::EioAfterwards, _) => self.file.sync()?,
            _ => {}
        }
        Err(fault.error("sync", self.file.path()))
    }

    fn len(&self) -> Result<u64> {
        self.shared.run(self.op(OpKind::Len), "stat", || self.file.len())
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::fs::read_exact_at;
    use crate::env::sim_fs::CrashImage;
    use crate::error::ErrorKind;

    fn path() -> &'static Path {
        Path::new("/f")
    }

    /// A disk with a synced file of eight bytes `a`, and the faulty way to it.
    fn faulty() -> (SimFs, FaultFs, Arc<dyn File>) {
        let sim = SimFs::new(1);
        let fs = FaultFs::over_sim(&sim);
        let file = fs.open(path(), OpenMode::CreateNew).unwrap();
        file.write_at(b"aaaaaaaa", 0).unwrap();
        file.sync().unwrap();
        fs.sync_dir(Path::new("/")).unwrap();
        (sim, fs, file)
    }

    fn content(fs: &dyn FileSystem) -> Vec<u8> {
        let file = fs.open(path(), OpenMode::Read).unwrap();
        let mut bytes = vec![0; file.len().unwrap() as usize];
        read_exact_at(&*file, &mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn without_a_plan_everything_passes_and_is_counted() {
        let (sim, fs, file) = faulty();
        file.read_at(&mut [0; 8], 0).unwrap();
        assert_eq!(fs.op_count(), 5);
        assert_eq!(fs.ops()[1], Op::new(OpKind::Write, path()).at(0, 8));
        assert_eq!(fs.ops()[4].kind, OpKind::Read);
        assert_eq!(fs.fired(), 0);
        assert_eq!(sim.op_count(), 4, "a read changes nothing");
    }

    #[test]
    fn the_nth_operation_of_its_kinds_fails_once() {
        let (_, fs, file) = faulty();
        fs.inject(FaultPlan::new(Fault::Eio, 1).among(OpKinds::of(&[OpKind::Write])));
        file.write_at(b"b", 0).unwrap();
        file.read_at(&mut [0; 1], 0).unwrap();
        let error = file.write_at(b"c", 0).unwrap_err();
        assert_eq!((error.kind(), error.file()), (ErrorKind::Io, Some(path())));
        file.write_at(b"d", 0).unwrap();
        assert_eq!(content(&fs), b"daaaaaaa");
        assert_eq!((fs.fired(), fs.fired_by(Fault::Eio), fs.fired_by(Fault::Emfile)), (1, 1, 0));
    }

    #[test]
    fn a_persistent_fault_lasts_until_healed() {
        let (_, fs, file) = faulty();
        fs.inject(FaultPlan::new(Fault::Enospc, 1).persistent());
        file.write_at(b"b", 0).unwrap();
        assert_eq!(file.write_at(b"c", 0).unwrap_err().kind(), ErrorKind::NoSpace);
        assert_eq!(file.allocate(100).unwrap_err().kind(), ErrorKind::NoSpace);
        file.read_at(&mut [0; 1], 0).unwrap();
        file.sync().unwrap();
        fs.heal();
        file.write_at(b"d", 0).unwrap();
        assert_eq!(fs.fired(), 2);
    }

    #[test]
    fn a_short_write_leaves_its_first_half() {
        for (fault, kind) in [(Fault::ShortWrite, ErrorKind::Io), (Fault::EnospcMidWrite, ErrorKind::NoSpace)] {
            let (_, fs, file) = faulty();
            fs.inject(FaultPlan::new(fault, 0));
            assert_eq!(file.write_at(b"bbbb", 0).unwrap_err().kind(), kind);
            assert_eq!(content(&fs), b"bbaaaaaa");
        }
    }

    #[test]
    fn reads_fail_end_early_or_lie() {
        let (_, fs, file) = faulty();
        let mut buf = [0; 8];
        fs.inject(FaultPlan::new(Fault::ShortRead, 0));
        assert_eq!(file.read_at(&mut buf, 0).unwrap_err().kind(), ErrorKind::Io);
        fs.inject(FaultPlan::new(Fault::EarlyEnd, 0));
        assert_eq!(file.read_at(&mut buf, 0).unwrap(), 4);
        fs.inject(FaultPlan::new(Fault::BitFlipRead, 0));
        assert_eq!(file.read_at(&mut buf, 0).unwrap(), 8);
        let flipped: u32 = buf.iter().map(|byte| (byte ^ b'a').count_ones()).sum();
        assert_eq!(flipped, 1);
        file.read_at(&mut buf, 0).unwrap();
        assert_eq!(&buf, b"aaaaaaaa", "the file itself is whole");
    }

    #[test]
    fn a_bit_flip_at_the_end_of_the_file_flips_nothing() {
        let (_, fs, file) = faulty();
        fs.inject(FaultPlan::new(Fault::BitFlipRead, 0));
        assert_eq!(file.read_at(&mut [0; 8], 100).unwrap(), 0);
    }

    #[test]
    fn a_failed_sync_makes_the_page_clean_and_its_bytes_lost() {
        let (sim, fs, file) = faulty();
        file.write_at(b"bbbb", 0).unwrap();
        fs.inject(FaultPlan::new(Fault::SyncEioPageClean, 0));
        assert_eq!(file.sync().unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(content(&fs), b"bbbbaaaa", "still to be read");
        file.sync().unwrap();
        assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced)), b"aaaaaaaa", "but no sync wrote it");
    }

    #[test]
    fn an_operation_may_be_done_and_still_be_reported_as_failed() {
        let (sim, fs, _file) = faulty();
        fs.inject(FaultPlan::new(Fault::EioAfterwards, 0).among(OpKinds::of(&[OpKind::Rename])));
        assert!(fs.rename(path(), Path::new("/g")).is_err());
        assert_eq!(sim.list(Path::new("/")).unwrap(), ["g"]);
        fs.inject(FaultPlan::new(Fault::RenameEio, 0));
        assert!(fs.rename(Path::new("/g"), path()).is_err());
        assert_eq!(sim.list(Path::new("/")).unwrap(), ["g"]);
    }

    #[test]
    fn no_descriptors_are_left_for_opening_anything() {
        let (_, fs, file) = faulty();
        fs.inject(FaultPlan::new(Fault::Emfile, 0).persistent());
        let error = fs.open(path(), OpenMode::Read).unwrap_err();
        assert_eq!(error.io_source().unwrap().raw_os_error(), Some(libc::EMFILE));
        assert!(fs.list(Path::new("/")).is_err());
        assert!(fs.sync_dir(Path::new("/")).is_err());
        assert!(fs.lock(Path::new("/LOCK"), LockMode::Exclusive).is_err());
        file.write_at(b"b", 0).unwrap();
    }

    #[test]
    fn plans_are_about_chosen_paths() {
        let (_, fs, file) = faulty();
        fs.inject(FaultPlan::new(Fault::Eio, 0).persistent().on(|path| path.ends_with("g")));
        file.sync().unwrap();
        assert!(fs.open(Path::new("/g"), OpenMode::CreateNew).is_err());
        assert_eq!(fs.fired(), 1);
    }

    #[test]
    fn two_plans_strike_one_after_the_other() {
        let (_, fs, file) = faulty();
        fs.inject(FaultPlan::new(Fault::Eio, 0).among(OpKinds::of(&[OpKind::Write])));
        fs.inject(FaultPlan::new(Fault::Eio, 0).among(OpKinds::of(&[OpKind::Sync])));
        assert!(file.write_at(b"b", 0).is_err());
        assert!(file.sync().is_err());
        file.write_at(b"b", 0).unwrap();
        file.sync().unwrap();
        assert_eq!(fs.fired(), 2);
    }

    #[test]
    fn a_second_plan_counts_from_the_first_strike_on() {
        let (sim, fs, file) = faulty();
        let writes = OpKinds::of(&[OpKind::Write]);
        fs.inject(FaultPlan::new(Fault::Eio, 1).among(writes));
        fs.inject(FaultPlan::new(Fault::Enospc, 1).among(writes).after(1));
        assert_eq!(fs.first_strike(), None);
        let kinds = (0..5).map(|_| file.write_at(b"b", 0).err().map(|error| error.kind())).collect::<Vec<_>>();
        assert_eq!(kinds, [None, Some(ErrorKind::Io), None, Some(ErrorKind::NoSpace), None]);
        // Four of `faulty`, of which the disk below saw all, and one write that passed.
        assert_eq!((fs.first_strike(), sim.op_count()), (Some(5), 7));
    }

    #[test]
    fn every_fault_strikes_somewhere() {
        for fault in Fault::ALL {
            let (_, fs, file) = faulty();
            fs.inject(FaultPlan::new(fault, 0).persistent());
            // Results do not matter here, only that the fault was met.
            file.write_at(b"b", 0).ok();
            file.read_at(&mut [0; 4], 0).ok();
            file.sync().ok();
            fs.rename(path(), Path::new("/g")).ok();
            fs.open(Path::new("/h"), OpenMode::CreateNew).ok();
            assert!(fs.fired_by(fault) > 0, "{fault:?}");
        }
    }
}
