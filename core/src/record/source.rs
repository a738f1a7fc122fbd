//! Where records are read from: a slice, or a file through a sliding window, so that replaying a log needs memory for its
//! largest record and not for the log.
//!
//! Thread rule: a source belongs to one thread at a time.

use crate::env::fs::{File, read_exact_at};
use crate::error::{Error, ErrorKind, Result};
use crate::util::sync::Arc;

/// How much a [`FileSource`] reads at a time. In unit tests so little that every file is read in many pieces: each of these reads can
/// fail, and in each place a record may lie across two of them.
const WINDOW_LEN: u64 = if cfg!(test) { 96 } else { 256 * 1024 };

/// Bytes by offset.
pub trait RecordSource {
    /// How many there are.
    fn len(&self) -> u64;
    /// The bytes from `offset` on: at least `want` of them, fewer only where the end is nearer. More is welcome.
    fn window(&mut self, offset: u64, want: usize) -> Result<&[u8]>;
}

impl RecordSource for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn window(&mut self, offset: u64, _want: usize) -> Result<&[u8]> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(<[u8]>::len(self));
        Ok(&self[start..])
    }
}

/// A file, read through a window that moves forward.
#[derive(Debug)]
pub struct FileSource {
    file: Arc<dyn File>,
    len: u64,
    window: Vec<u8>,
    start: u64,
}

impl FileSource {
    /// Reads `file`, as long as it is now.
    pub fn new(file: Arc<dyn File>) -> Result<FileSource> {
        let len = file.len()?;
        Ok(FileSource { file, len, window: Vec::new(), start: 0 })
    }

    fn holds(&self, offset: u64, end: u64) -> bool {
        offset >= self.start && end <= self.start + self.window.len() as u64
    }

    fn refill(&mut self, offset: u64, len: u64) -> Result<()> {
        // Nothing is held while the read may fail half-way.
        self.window.clear();
        self.start = offset;
        let out_of_memory = || {
            let message = format!("no memory for {len} bytes of {}", self.file.path().display());
            Error::new(ErrorKind::Io, message).with_offset(offset)
        };
        let wanted = usize::try_from(len).map_err(|_| out_of_memory())?;
        self.window.try_reserve_exact(wanted).map_err(|_| out_of_memory())?;
        self.window.resize(wanted, 0);
        read_exact_at(&*self.file, &mut self.window, offset).inspect_err(|_| self.window.clear())
    }
}

impl RecordSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn window(&mut self, offset: u64, want: usize) -> Result<&[u8]> {
        let offset = offset.min(self.len);
        let room = self.len - offset;
        let want = room.min(want as u64);
        if !self.holds(offset, offset + want) {
            self.refill(offset, want.max(room.min(WINDOW_LEN)))?;
        }
        Ok(&self.window[(offset - self.start) as usize..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A file that says it has `says` bytes, of which `has` are there.
    #[derive(Debug)]
    struct Liar {
        says: u64,
        has: u64,
    }

    impl File for Liar {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
            Ok(buf.len().min(self.has.saturating_sub(offset) as usize))
        }
        fn write_at(&self, _: &[u8], _: u64) -> Result<()> {
            unreachable!("a source only reads")
        }
        fn allocate(&self, _: u64) -> Result<()> {
            unreachable!("a source only reads")
        }
        fn truncate(&self, _: u64) -> Result<()> {
            unreachable!("a source only reads")
        }
        fn sync(&self) -> Result<()> {
            unreachable!("a source only reads")
        }
        fn len(&self) -> Result<u64> {
            Ok(self.says)
        }
        fn path(&self) -> &Path {
            Path::new("liar")
        }
    }

    #[test]
    fn a_window_that_no_memory_holds_is_an_error() {
        let mut source = FileSource::new(Arc::new(Liar { says: u64::MAX, has: 100 })).unwrap();
        let error = source.window(8, usize::MAX).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Io, Some(8)));
        assert!(error.message().contains("no memory"), "{error}");
    }

    #[test]
    fn a_file_that_shrinks_is_damage_and_leaves_no_stale_bytes() {
        let mut source = FileSource::new(Arc::new(Liar { says: WINDOW_LEN * 2, has: WINDOW_LEN })).unwrap();
        assert_eq!(source.window(0, 32).unwrap().len() as u64, WINDOW_LEN);
        let error = source.window(WINDOW_LEN, 32).unwrap_err();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Corruption, Some(WINDOW_LEN)));
        assert!(source.window(WINDOW_LEN, 32).is_err(), "the bytes of the failed read are shown");
        assert_eq!(source.window(0, 32).unwrap().len() as u64, WINDOW_LEN);
    }
}
