//! The one error type of the engine: what kind of failure, a sentence that says what and where, the file and offset
//! when bytes on disk are at fault, and the operating system's own error underneath.
//!
//! Rank 0: this module imports nothing of the engine, so that every layer can fail in the same words.
//! An [`Error`] is cheap to clone: sticky iterator errors and poisoned handles hand out the same one many times.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The result of every fallible call of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure an [`Error`] is. The numbers are those of `esker_status` in the C header and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum ErrorKind {
    /// Something that was named does not exist.
    NotFound = 1,
    /// An argument or option is not acceptable; nothing was changed.
    InvalidArgument = 2,
    /// The operating system failed an operation on a file.
    Io = 3,
    /// Bytes on disk are not what was written there.
    Corruption = 4,
    /// The database handle was closed.
    Closed = 5,
    /// Another handle or process holds the database directory.
    Locked = 6,
    /// A transaction read something that has changed since.
    Conflict = 7,
    /// The database was opened read-only.
    ReadOnly = 8,
    /// The disk or the quota is full; the call can be repeated when there is room.
    NoSpace = 9,
    /// An earlier failure made this handle read-only until it is opened again.
    Poisoned = 10,
    /// The handle belongs to the parent of this forked process.
    Forked = 11,
    /// The operation is not available in this build or for this object.
    Unsupported = 12,
    /// The files were written by a newer version, in a format this one does not know.
    Format = 13,
    /// The call would have waited longer than it may.
    Busy = 14,
    /// The caller's buffer is too small for the result.
    BufferTooSmall = 15,
    /// The call was cancelled, by a close or by its caller.
    Cancelled = 16,
    /// A bug of the engine: a panic was caught.
    Panic = 17,
}

/// A failure: its kind, a message for people, and the file and offset it is about, where there is one.
#[derive(Clone, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Error {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    file: Option<PathBuf>,
    offset: Option<u64>,
    source: Option<Arc<io::Error>>,
}

impl Error {
    /// A failure of `kind`, described by `message` (a clause without a final full stop).
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { inner: Arc::new(Inner { kind, message: message.into(), file: None, offset: None, source: None }) }
    }

    /// Damaged bytes in `file` at `offset`.
    pub fn corruption(file: impl AsRef<Path>, offset: u64, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Corruption, message).with_file(file).with_offset(offset)
    }

    /// An argument that cannot be accepted.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::InvalidArgument, message)
    }

    /// A failed operation on `file`: `verb` says which ("write", "sync" …). A full disk becomes [`ErrorKind::NoSpace`].
    pub fn io(verb: &str, file: impl AsRef<Path>, source: io::Error) -> Error {
        // EDQUOT is a full disk as far as the caller can tell; its number differs between systems, its kind does not.
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
            // Not the operating system's word but std's: the path has a NUL inside.
            io::ErrorKind::InvalidInput if source.raw_os_error().is_none() => ErrorKind::InvalidArgument,
            _ => ErrorKind::Io,
        };
        let mut error = Error::new(kind, format!("{verb} failed: {source}")).with_file(file);
        Arc::make_mut(&mut error.inner).source = Some(Arc::new(source));
        error
    }

    /// The same failure, about `file`.
    pub fn with_file(mut self, file: impl AsRef<Path>) -> Error {
        Arc::make_mut(&mut self.inner).file = Some(file.as_ref().to_path_buf());
        self
    }

    /// The same failure, at `offset` of its file.
    pub fn with_offset(mut self, offset: u64) -> Error {
        Arc::make_mut(&mut self.inner).offset = Some(offset);
        self
    }

    /// The same failure with `context` in front of its message: "flush of table 12: write failed …".
    pub fn context(mut self, context: impl fmt::Display) -> Error {
        let inner = Arc::make_mut(&mut self.inner);
        inner.message = format!("{context}: {}", inner.message);
        self
    }

    /// The same message, file and source under another kind.
    pub fn with_kind(mut self, kind: ErrorKind) -> Error {
        Arc::make_mut(&mut self.inner).kind = kind;
        self
    }

    /// What kind of failure this is.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// The message alone, without file and offset.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The file this is about, if it is about one.
    pub fn file(&self) -> Option<&Path> {
        self.inner.file.as_deref()
    }

    /// The offset in [`Error::file`], if one is known.
    pub fn offset(&self) -> Option<u64> {
        self.inner.offset
    }

    /// The operating system's error underneath, if there is one.
    pub fn io_source(&self) -> Option<&io::Error> {
        self.inner.source.as_deref()
    }

    fn describe(&self) -> String {
        let mut text = self.inner.message.clone();
        if let Some(file) = &self.inner.file {
            text.push_str(&format!(" [{}", file.display()));
            if let Some(offset) = self.inner.offset {
                text.push_str(&format!(" at byte {offset}"));
            }
            text.push(']');
        }
        text
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.inner.kind, self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_what_and_where() {
        let error = Error::corruption("000007.sst", 4096, "block checksum does not match");
        assert_eq!(error.to_string(), "block checksum does not match [000007.sst at byte 4096]");
        assert_eq!(error.kind(), ErrorKind::Corruption);
    }

    #[test]
    fn a_full_disk_is_no_space() {
        let full = io::Error::from_raw_os_error(28);
        assert_eq!(Error::io("write", "x", full).kind(), ErrorKind::NoSpace);
    }
}
