//! [`Op`]: one call to a filesystem, as the crash and fault tests count and compare them. Two runs of one script must give
//! the same list, or "the 17th operation" would not mean the same thing twice. Plain data; any thread.

use std::fmt;
use std::path::Path;

use crate::util::sync::Arc;

/// What kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum OpKind {
    /// Opening an existing file.
    Open,
    /// Opening a new file.
    Create,
    /// Reading from a file.
    Read,
    /// Writing to a file.
    Write,
    /// Reserving space in a file.
    Allocate,
    /// Cutting a file.
    Truncate,
    /// Syncing a file.
    Sync,
    /// Asking for a file's length.
    Len,
    /// Making a directory.
    CreateDir,
    /// Listing a directory.
    List,
    /// Asking what a path is.
    Stat,
    /// Renaming a file.
    Rename,
    /// Removing a file.
    Remove,
    /// Syncing a directory.
    SyncDir,
    /// Taking a lock.
    Lock,
    /// Giving a file a second name.
    Link,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpKinds(u32);

impl OpKinds {
    /// Every kind.
    pub const ALL: OpKinds = OpKinds(u32::MAX);

    /// These kinds.
    pub const fn of(kinds: &[OpKind]) -> OpKinds {
        let (mut bits, mut i) = (0, 0);
        while i < kinds.len() {
            bits |= 1 << kinds[i] as u32;
            i += 1;
        }
        OpKinds(bits)
    }

    /// Whether `kind` is one of them.
    pub fn contains(self, kind: OpKind) -> bool {
        self.0 & (1 << kind as u32) != 0
    }

    /// The kinds that are in both sets.
    pub fn and(self, other: OpKinds) -> OpKinds {
        OpKinds(self.0 & other.0)
    }
}

/// One call.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Op {
    /// What kind of call.
    pub kind: OpKind,
    /// The file or directory.
    pub path: Arc<Path>,
    /// The new name, of a rename or a link.
    pub to: Option<Arc<Path>>,
    /// Where in the file; the new end, of an allocate or truncate.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
}

impl Op {
    /// A call that has no place in a file.
    pub fn new(kind: OpKind, path: impl Into<Arc<Path>>) -> Op {
        Op { kind, path: path.into(), to: None, offset: 0, len: 0 }
    }

    /// The same at `offset`, of `len` bytes.
    pub fn at(self, offset: u64, len: u64) -> Op {
        Op { offset, len, ..self }
    }

    /// The same, with a new name.
    pub fn to(self, to: &Path) -> Op {
        Op { to: Some(Arc::from(to)), ..self }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.path.display())?;
        match (&self.to, self.kind) {
            (Some(to), _) => write!(f, " to {}", to.display()),
            (None, OpKind::Write | OpKind::Read) => write!(f, " at {} of {} bytes", self.offset, self.len),
            (None, OpKind::Allocate | OpKind::Truncate) => write!(f, " to {}", self.offset),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_kinds() {
        let set = OpKinds::of(&[OpKind::Write, OpKind::Lock]);
        assert!(set.contains(OpKind::Write) && set.contains(OpKind::Lock) && !set.contains(OpKind::Read));
        assert!(OpKinds::ALL.contains(OpKind::Lock));
        assert_eq!(OpKinds::ALL.and(set), set);
    }

    #[test]
    fn calls_read_as_sentences() {
        let write = Op::new(OpKind::Write, Path::new("/db/000001.wal")).at(512, 16);
        assert_eq!(write.to_string(), "Write /db/000001.wal at 512 of 16 bytes");
        let rename = Op::new(OpKind::Rename, Path::new("a")).to(Path::new("b"));
        assert_eq!(rename.to_string(), "Rename a to b");
    }
}
