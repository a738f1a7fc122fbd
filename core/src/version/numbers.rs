//! [`FileNumbers`]: the one number space of WAL segments, tables, MANIFESTs and temporary files. A number is given once.
//!
//! Jobs take numbers without any lock while they run; every MANIFEST edit records how far they have got. A crash may lose
//! that record, so an open starts above every number it finds in MANIFEST *and* in the directory, and files are created with
//! O_EXCL besides. Thread rule: any thread.

use crate::env::filename::FileNumber;
use crate::error::{Error, ErrorKind, Result};
use crate::util::sync::atomic::{AtomicU64, Ordering};

/// Above this no database gets by honest means; a directory that claims to be there is damaged. Keeps additions safe.
const LIMIT: u64 = 1 << 62;

/// Gives file numbers.
#[derive(Debug)]
pub struct FileNumbers {
    next: AtomicU64,
}

impl FileNumbers {
    /// Starts at `next`.
    pub fn starting_at(next: FileNumber) -> Result<FileNumbers> {
        if next.get() > LIMIT {
            return Err(Error::new(
                ErrorKind::Corruption,
                format!("file number {next} is beyond any that was ever given"),
            ));
        }
        Ok(FileNumbers { next: AtomicU64::new(next.get()) })
    }

    /// A number nobody had before. Relaxed: that it is unique is all that matters, and the counter alone sees to that.
    pub fn allocate(&self) -> FileNumber {
        FileNumber::new(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Above every number given so far by this thread, and by any other whose work this thread has been handed.
    pub fn next(&self) -> FileNumber {
        FileNumber::new(self.next.load(Ordering::Relaxed))
    }
}

/// The smallest number above all of `numbers`.
pub fn above(numbers: impl IntoIterator<Item = FileNumber>) -> FileNumber {
    FileNumber::new(numbers.into_iter().map(|number| number.get().saturating_add(1)).max().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_once_and_absurd_ones_are_refused() {
        let numbers = FileNumbers::starting_at(above([3, 9, 4].map(FileNumber::new))).unwrap();
        assert_eq!((numbers.allocate().get(), numbers.allocate().get(), numbers.next().get()), (10, 11, 12));
        let absurd = above([FileNumber::new(u64::MAX)]);
        assert_eq!(FileNumbers::starting_at(absurd).unwrap_err().kind(), ErrorKind::Corruption);
    }
}
