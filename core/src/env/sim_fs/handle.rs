//! [`SimFs`]: the simulated disk as processes use it, and as tests take it apart.
//!
//! Every call that changes anything is an operation: it is counted, listed, and, once [`SimFs::record_states`] is on, the
//! disk as it was before it is kept. A write is kept half done as well. [`SimFs::crash_points`] hands these states out, and
//! [`SimDisk::crash`] makes a new disk of one, with nothing open and nothing locked.
//!
//! Thread rule: any thread; one mutex for the disk, a leaf: nothing is called while it is held.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::env::fs::{File, FileLock, FileSystem, FileType, LockMode, OpenMode, Stat};
use crate::env::op::{Op, OpKind};
use crate::env::sim_fs::content::{Content, PAGE};
use crate::env::sim_fs::disk::DiskState;
use crate::env::sim_fs::image::CrashImage;
use crate::env::sim_fs::names::{Inode, Node, normal};
use crate::error::{Error, ErrorKind, Result};
use crate::util::sync::{Arc, Mutex, MutexGuard};

/// A simulated disk. Clones are the same disk.
#[derive(Clone)]
pub struct SimFs {
    disk: Arc<Mutex<Live>>,
}

/// The state of a disk at one moment of a run. Cheap to clone; never changes.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: DiskState,
}

/// A moment at which the power may fail.
#[derive(Clone, Debug)]
pub struct CrashPoint {
    /// How many operations were done.
    pub op: u64,
    /// Whether the next one, a write, was half done.
    pub inside: bool,
    /// The disk.
    pub disk: SimDisk,
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} operation {}", if self.inside { "inside" } else { "before" }, self.op)
    }
}

struct Recorded {
    before: DiskState,
    inside: Option<DiskState>,
}

struct Live {
    state: DiskState,
    op_count: u64,
    ops: Vec<Op>,
    listing: bool,
    recording: bool,
    /// The states of the operations from `first_recorded` on, without a gap.
    recorded: Vec<Recorded>,
    first_recorded: u64,
    /// How many handles each file has.
    handles: BTreeMap<Inode, usize>,
    locks: Vec<(Inode, LockMode)>,
}

impl SimFs {
    /// An empty disk with the directories `/` and `.`. The seed decides [`FileSystem::random_u64`].
    pub fn new(seed: u64) -> SimFs {
        SimFs::from_state(DiskState::new(seed))
    }

    fn from_state(state: DiskState) -> SimFs {
        let live = Live {
            state,
            op_count: 0,
            ops: Vec::new(),
            listing: true,
            recording: false,
            recorded: Vec::new(),
            first_recorded: 0,
            handles: BTreeMap::new(),
            locks: Vec::new(),
        };
        SimFs { disk: Arc::new(Mutex::new(live)) }
    }

    /// Keeps the state before every operation from here on, and forgets those kept so far.
    pub fn record_states(&self) {
        let mut live = self.live();
        live.recording = true;
        live.recorded.clear();
        live.first_recorded = live.op_count;
    }

    /// Stops keeping the list of operations, for runs that are too long for it, or goes on keeping it.
    pub fn record_ops(&self, on: bool) {
        self.live().listing = on;
    }

    /// How many operations there were. Calls that change nothing (reads, opens of existing files) are none.
    pub fn op_count(&self) -> u64 {
        self.live().op_count
    }

    /// The operations so far, to be compared with those of another run.
    pub fn ops(&self) -> Vec<Op> {
        self.live().ops.clone()
    }

    /// The disk before operation `op` (counted from 0; `op_count()` is now). `None` if that was not recorded.
    pub fn state_before(&self, op: u64) -> Option<SimDisk> {
        let live = self.live();
        if op == live.op_count {
            return Some(SimDisk { state: live.state.clone() });
        }
        let recorded = live.recorded.get(usize::try_from(op.checked_sub(live.first_recorded)?).ok()?)?;
        Some(SimDisk { state: recorded.before.clone() })
    }

    /// The disk with half of operation `op` done, if that is a write of more than one byte and was recorded.
    pub fn state_inside(&self, op: u64) -> Option<SimDisk> {
        let live = self.live();
        let recorded = live.recorded.get(usize::try_from(op.checked_sub(live.first_recorded)?).ok()?)?;
        Some(SimDisk { state: recorded.inside.clone()? })
    }

    /// Every recorded moment at which the power may fail, in order; the last one is now.
    pub fn crash_points(&self) -> Vec<CrashPoint> {
        let live = self.live();
        let mut points = Vec::new();
        for (op, recorded) in (live.first_recorded..).zip(&live.recorded) {
            points.push(CrashPoint { op, inside: false, disk: SimDisk { state: recorded.before.clone() } });
            if let Some(inside) = &recorded.inside {
                points.push(CrashPoint { op, inside: true, disk: SimDisk { state: inside.clone() } });
            }
        }
        points.push(CrashPoint { op: live.op_count, inside: false, disk: SimDisk { state: live.state.clone() } });
        points
    }

    /// What `image` leaves of the disk as it is now: a new disk. This one goes on as if nothing had happened.
    pub fn crash(&self, image: CrashImage) -> SimFs {
        SimDisk { state: self.live().state.clone() }.crash(image)
    }

    /// From here on the disk has room for so many bytes (whole blocks of 4 KiB); `None`: for any number.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.live().state.set_capacity(bytes.map(|bytes| bytes / PAGE as u64));
    }

    /// Bytes taken by the blocks of all files that have a name or are open.
    pub fn used_bytes(&self) -> u64 {
        let live = self.live();
        live.state.used_pages(live.handles.keys().copied()) * PAGE as u64
    }

    /// How many file handles are open.
    pub fn open_files(&self) -> usize {
        self.live().handles.values().sum()
    }

    /// Whether a crash now would lose nothing.
    pub fn is_clean(&self) -> bool {
        self.live().state.is_clean()
    }

    /// What a failed sync of `path` does on common filesystems: its dirty pages turn clean without being written. Reads still
    /// see the bytes, no later sync writes them, and a crash that is more than a kill takes them.
    pub fn forget_dirty(&self, path: &Path) {
        let mut live = self.live();
        if let Some(Node::File(inode)) = live.state.names.get(&normal(path)) {
            live.state.content_mut(inode).forget_dirty();
        }
    }

    /// A sum over all names, lengths and bytes that processes see: equal disks have equal sums.
    pub fn digest(&self) -> u64 {
        let state = self.live().state.clone();
        state.digest()
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.disk.lock()
    }
}

impl fmt::Debug for SimFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimFs").field("op_count", &self.op_count()).finish_non_exhaustive()
    }
}

impl SimDisk {
    /// What `image` leaves of it: a new disk, on which nothing is open and nothing locked.
    pub fn crash(&self, image: CrashImage) -> SimFs {
        SimFs::from_state(self.state.after_crash(image))
    }

    /// Whether a crash would lose nothing, so that all images are the same.
    pub fn is_clean(&self) -> bool {
        self.state.is_clean()
    }
}

fn os_error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl Live {
    /// Counts an operation and keeps the state before it.
    fn begin(&mut self, op: Op) {
        self.op_count += 1;
        if self.listing {
            self.ops.push(op);
        }
        if self.recording {
            self.recorded.push(Recorded { before: self.state.clone(), inside: None });
        }
    }

    /// Blocks that may still be taken.
    fn free_pages(&self) -> u64 {
        self.state.free_pages(self.handles.keys().copied())
    }

    fn file(&self, path: &Path) -> io::Result<Inode> {
        match self.state.names.get(path) {
            Some(Node::File(inode)) => Ok(inode),
            Some(Node::Directory) => Err(os_error(libc::EISDIR)),
            None => Err(os_error(libc::ENOENT)),
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<Inode> {
        if self.state.names.get(path).is_some() {
            return Err(os_error(libc::EEXIST));
        }
        if !path.parent().is_some_and(|parent| self.state.names.is_directory(parent)) {
            return Err(os_error(libc::ENOENT));
        }
        self.begin(Op::new(OpKind::Create, path));
        if self.free_pages() == 0 {
            return Err(os_error(libc::ENOSPC));
        }
        Ok(self.state.create(path))
    }

    fn create_dir(&mut self, path: &Path) -> io::Result<bool> {
        match self.state.names.get(path) {
            Some(Node::Directory) => return Ok(false),
            Some(Node::File(_)) => return Err(os_error(libc::EEXIST)),
            None => {}
        }
        let Some(parent) = path.parent().filter(|parent| self.state.names.is_directory(parent)) else {
            return Err(os_error(libc::ENOENT));
        };
        self.begin(Op::new(OpKind::CreateDir, path));
        if self.free_pages() == 0 {
            return Err(os_error(libc::ENOSPC));
        }
        self.state.names_mut().link(path, Node::Directory);
        self.sync_dir(parent)?;
        Ok(true)
    }

    fn sync_dir(&mut self, dir: &Path) -> io::Result<()> {
        if !self.state.names.is_directory(dir) {
            return Err(os_error(if self.state.names.get(dir).is_some() { libc::ENOTDIR } else { libc::ENOENT }));
        }
        self.begin(Op::new(OpKind::SyncDir, dir));
        self.state.names_mut().sync_dir(dir);
        self.drop_unreachable();
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.file(from)?;
        if self.state.names.is_directory(to) {
            return Err(os_error(libc::EISDIR));
        }
        if !to.parent().is_some_and(|parent| self.state.names.is_directory(parent)) {
            return Err(os_error(libc::ENOENT));
        }
        self.begin(Op::new(OpKind::Rename, from).to(to));
        self.state.names_mut().rename(from, to, Node::File(inode));
        Ok(())
    }

    fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.file(from)?;
        if self.state.names.get(to).is_some() {
            return Err(os_error(libc::EEXIST));
        }
        if !to.parent().is_some_and(|parent| self.state.names.is_directory(parent)) {
            return Err(os_error(libc::ENOENT));
        }
        self.begin(Op::new(OpKind::Link, from).to(to));
        self.state.names_mut().link(to, Node::File(inode));
        Ok(())
    }

    fn write(&mut self, inode: Inode, path: &Arc<Path>, offset: u64, buf: &[u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > i64::MAX as u64) {
            return Err(os_error(libc::EINVAL));
        }
        self.begin(Op::new(OpKind::Write, Arc::clone(path)).at(offset, buf.len() as u64));
        let free = self.free_pages();
        let writable = self.state.content_mut(inode).writable(offset, buf.len(), free);
        if self.recording && writable > 1 {
            let mut half = self.state.clone();
            half.write(inode, offset, &buf[..writable / 2]);
            if let Some(recorded) = self.recorded.last_mut() {
                recorded.inside = Some(half);
            }
        }
        if writable > 0 {
            self.state.write(inode, offset, &buf[..writable]);
        }
        if writable < buf.len() { Err(os_error(libc::ENOSPC)) } else { Ok(()) }
    }

    fn allocate(&mut self, inode: Inode, path: &Arc<Path>, end: u64) -> io::Result<()> {
        if end > i64::MAX as u64 {
            return Err(os_error(libc::EFBIG));
        }
        self.begin(Op::new(OpKind::Allocate, Arc::clone(path)).at(end, 0));
        let free = self.free_pages();
        let content = self.state.content_mut(inode);
        if content.missing_pages(end) > free {
            return Err(os_error(libc::ENOSPC));
        }
        content.allocate(end);
        Ok(())
    }

    fn drop_unreachable(&mut self) {
        let handles = &self.handles;
        self.state.drop_unreachable(|inode| handles.contains_key(&inode));
    }

    fn take_lock(&mut self, inode: Inode, mode: LockMode) -> bool {
        let excludes = |&(held, held_mode): &(Inode, LockMode)| {
            held == inode && (mode == LockMode::Exclusive || held_mode == LockMode::Exclusive)
        };
        let free = !self.locks.iter().any(excludes);
        if free {
            self.locks.push((inode, mode));
        }
        free
    }
}

impl FileSystem for SimFs {
    fn open(&self, path: &Path, mode: OpenMode) -> Result<Arc<dyn File>> {
        let name = normal(path);
        let mut live = self.live();
        let opened = if mode == OpenMode::CreateNew { live.create(&name) } else { live.file(&name) };
        let inode = opened.map_err(|e| Error::io("open", path, e))?;
        *live.handles.entry(inode).or_insert(0) += 1;
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(SimFile { fs: self.clone(), inode, writable, name: name.into(), path: path.to_path_buf() }))
    }

    fn create_dir(&self, path: &Path) -> Result<bool> {
        self.live().create_dir(&normal(path)).map_err(|e| Error::io("create directory", path, e))
    }

    fn list(&self, dir: &Path) -> Result<Vec<OsString>> {
        let (live, name) = (self.live(), normal(dir));
        if !live.state.names.is_directory(&name) {
            return Err(Error::io("list directory", dir, os_error(libc::ENOENT)));
        }
        Ok(live.state.names.list(&name))
    }

    fn stat(&self, path: &Path) -> Result<Option<Stat>> {
        let live = self.live();
        Ok(live.state.names.get(&normal(path)).map(|node| match node {
            Node::Directory => Stat { len: 0, file_type: FileType::Directory },
            Node::File(inode) => {
                Stat { len: live.state.content(inode).map_or(0, Content::len), file_type: FileType::Regular }
            }
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        let renamed = self.live().rename(&normal(from), &normal(to));
        renamed.map_err(|e| Error::io("rename", from, e).context(format!("to {}", to.display())))
    }

    fn link(&self, from: &Path, to: &Path) -> Result<()> {
        let linked = self.live().link(&normal(from), &normal(to));
        linked.map_err(|e| Error::io("link", from, e).context(format!("to {}", to.display())))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let (mut live, name) = (self.live(), normal(path));
        live.file(&name).map_err(|e| Error::io("remove", path, e))?;
        live.begin(Op::new(OpKind::Remove, &*name));
        live.state.names_mut().unlink(&name);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> Result<()> {
        self.live().sync_dir(&normal(dir)).map_err(|e| Error::io("sync directory", dir, e))
    }

    fn lock(&self, path: &Path, mode: LockMode) -> Result<Box<dyn FileLock>> {
        let (mut live, name) = (self.live(), normal(path));
        let inode = match live.file(&name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => live.create(&name),
            other => other,
        };
        let inode = inode.map_err(|e| Error::io("lock", path, e))?;
        if !live.take_lock(inode, mode) {
            let message = format!("already open in this process (pid {})", std::process::id());
            return Err(Error::new(ErrorKind::Locked, message).with_file(path));
        }
        Ok(Box::new(SimLock { fs: self.clone(), inode, mode }))
    }

    fn random_u64(&self) -> u64 {
        self.live().state.random_u64()
    }
}

/// An open file of a simulated disk. Stays readable when its name is removed.
struct SimFile {
    fs: SimFs,
    inode: Inode,
    writable: bool,
    /// The normal form of the path.
    name: Arc<Path>,
    path: PathBuf,
}

impl SimFile {
    fn failed(&self, verb: &str) -> impl Fn(io::Error) -> Error {
        move |e| Error::io(verb, &self.path, e)
    }

    /// The disk, if this handle may change it.
    fn writing(&self, verb: &str) -> Result<MutexGuard<'_, Live>> {
        if self.writable { Ok(self.fs.live()) } else { Err(self.failed(verb)(os_error(libc::EBADF))) }
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let mut live = self.fs.live();
        if let Some(count) = live.handles.get_mut(&self.inode) {
            *count -= 1;
            if *count == 0 {
                live.handles.remove(&self.inode);
                live.drop_unreachable();
            }
        }
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > i64::MAX as u64) {
            return Err(self.failed("read")(os_error(libc::EINVAL)).with_offset(offset));
        }
        Ok(self.fs.live().state.content(self.inode).map_or(0, |content| content.read(offset, buf)))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        let written = self.writing("write")?.write(self.inode, &self.name, offset, buf);
        written.map_err(|e| self.failed("write")(e).with_offset(offset))
    }

    fn allocate(&self, end: u64) -> Result<()> {
        let allocated = self.writing("allocate")?.allocate(self.inode, &self.name, end);
        allocated.map_err(self.failed("allocate"))
    }

    fn truncate(&self, len: u64) -> Result<()> {
        let mut live = self.writing("truncate")?;
        if len > i64::MAX as u64 {
            return Err(self.failed("truncate")(os_error(libc::EINVAL)));
        }
        live.begin(Op::new(OpKind::Truncate, Arc::clone(&self.name)).at(len, 0));
        live.state.content_mut(self.inode).truncate(len);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        let mut live = self.fs.live();
        live.begin(Op::new(OpKind::Sync, Arc::clone(&self.name)));
        live.state.content_mut(self.inode).sync();
        Ok(())
    }

    fn len(&self) -> Result<u64> {
        Ok(self.fs.live().state.content(self.inode).map_or(0, Content::len))
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

/// A held lock of a simulated disk.
#[derive(Debug)]
struct SimLock {
    fs: SimFs,
    inode: Inode,
    mode: LockMode,
}

impl FileLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut live = self.fs.live();
        if let Some(place) = live.locks.iter().position(|&held| held == (self.inode, self.mode)) {
            live.locks.swap_remove(place);
        }
    }
}
