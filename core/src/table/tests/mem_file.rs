//! [`MemFile`]: a file in memory whose bytes a test may change behind the table's back, and whose operations may fail.

use std::path::Path;

use crate::env::fs::File;
use crate::error::{Error, ErrorKind, Result};
use crate::util::metrics::Counter;
use crate::util::sync::atomic::{AtomicU64, Ordering};
use crate::util::sync::{Arc, Mutex};

/// A file in memory.
#[derive(Debug)]
pub struct MemFile {
    bytes: Mutex<Vec<u8>>,
    reads: Counter,
    writes: Counter,
    syncs: Counter,
    /// How many operations succeed before all fail.
    operations_left: AtomicU64,
}

impl MemFile {
    /// An empty file.
    pub fn new() -> Arc<MemFile> {
        MemFile::with_bytes(Vec::new())
    }

    /// A file of these bytes.
    pub fn with_bytes(bytes: Vec<u8>) -> Arc<MemFile> {
        Arc::new(MemFile {
            bytes: Mutex::new(bytes),
            reads: Counter::default(),
            writes: Counter::default(),
            syncs: Counter::default(),
            operations_left: AtomicU64::new(u64::MAX),
        })
    }

    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().clone()
    }

    /// Changes the bytes.
    pub fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
        change(&mut self.bytes.lock());
    }

    /// Every operation from the `n`-th on fails; `u64::MAX` heals.
    pub fn fail_after(&self, n: u64) {
        self.operations_left.store(n, Ordering::Relaxed);
    }

    /// How many reads there were.
    pub fn reads(&self) -> u64 {
        self.reads.get()
    }

    /// How many writes there were.
    pub fn writes(&self) -> u64 {
        self.writes.get()
    }

    /// How many syncs there were.
    pub fn syncs(&self) -> u64 {
        self.syncs.get()
    }

    fn operation(&self, counter: &Counter) -> Result<()> {
        counter.bump();
        match self.operations_left.load(Ordering::Relaxed) {
            0 => Err(Error::new(ErrorKind::Io, "planted").with_file(self.path())),
            u64::MAX => Ok(()),
            left => {
                self.operations_left.store(left - 1, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

impl File for MemFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        self.operation(&self.reads)?;
        let bytes = self.bytes.lock();
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> Result<()> {
        self.operation(&self.writes)?;
        let mut bytes = self.bytes.lock();
        let end = offset as usize + buf.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset as usize..end].copy_from_slice(buf);
        Ok(())
    }

    fn allocate(&self, _: u64) -> Result<()> {
        Ok(())
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.bytes.lock().truncate(len as usize);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.operation(&self.syncs)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.bytes.lock().len() as u64)
    }

    fn path(&self) -> &Path {
        Path::new("000007.sst")
    }
}
