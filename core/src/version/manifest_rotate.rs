//! Replacing the live MANIFEST by a new one: when it has grown too long, and when a full disk left half a record in it.
//!
//! New file written and synced → its name synced → the old file synced → CURRENT switched (temp, sync, rename, directory sync) →
//! the old file removed. Until the rename the old one is live and whole; after the directory sync the new one is. In between
//! either may be, and both hold the same state, so nothing is lost; but an edit added to one of them might be. So if that
//! directory sync fails, the writer is poisoned; if it was never tried, for want of a file descriptor, no edit is written until
//! a switch to yet another new file has succeeded.

use crate::env::atomic_file::AtomicWriteError;
use crate::env::filename::{FileKind, FileNumber};
use crate::error::{Error, ErrorKind, Result};
use crate::version::current;
use crate::version::manifest::{ApplyError, Manifest};
use crate::version::manifest_file::ManifestFile;

/// What is done to the old MANIFEST before CURRENT leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    /// It ends with a whole record; synced, so that it is as good as the new one should the switch be lost.
    Whole,
    /// It ends with half a record, which must not become durable.
    Torn,
}

/// A switch that failed.
#[derive(Debug)]
enum SwitchError {
    /// The old MANIFEST is live.
    NotSwitched(Error),
    /// Either may be live after a crash.
    Unknown(Error),
}

impl Manifest {
    /// Before an edit is looked at, so that a failure here has nothing to do with it.
    pub(super) fn rotate_if_due(&mut self) -> Result<(), ApplyError> {
        let long = self.file.edit_bytes() >= self.options.rotate_bytes.max(self.file.snapshot_bytes());
        let due = long || self.file.edits() >= self.options.rotate_edits || !self.uncertain.is_empty();
        if !due {
            return Ok(());
        }
        match self.switch(Old::Whole) {
            Ok(()) => Ok(()),
            // A full disk: the old file goes on, with space that was reserved before or not. The edit may be what frees some.
            Err(SwitchError::NotSwitched(error)) if error.kind() == ErrorKind::NoSpace && self.may_go_on() => Ok(()),
            Err(SwitchError::NotSwitched(error) | SwitchError::Unknown(error)) => Err(ApplyError::NotApplied(error)),
        }
    }

    /// Whether the old file may take another edit: not if CURRENT may name a different one after a crash.
    fn may_go_on(&self) -> bool {
        self.poisoned.is_none() && self.uncertain.is_empty()
    }

    /// After a write that ran out of space: part of a record, perhaps all of it, stands at the end of the file, not synced.
    pub(super) fn heal(&mut self, full: Error) -> ApplyError {
        match self.switch(Old::Torn) {
            Ok(()) => ApplyError::NotApplied(full),
            Err(SwitchError::Unknown(_)) => self.unknown(full),
            // No room for a new MANIFEST either. Cutting the file needs none, and once the cut is synced the record is gone.
            Err(SwitchError::NotSwitched(_)) => match self.file.cut_tail().and_then(|()| self.file.sync()) {
                Ok(()) => ApplyError::NotApplied(full),
                Err(_) => self.unknown(full),
            },
        }
    }

    fn switch(&mut self, old: Old) -> Result<(), SwitchError> {
        let (number, temp) = (self.numbers.allocate(), self.numbers.allocate());
        let mut state = self.state.clone();
        state.next_file_number = self.numbers.next();
        let file = ManifestFile::create(&*self.fs, &self.dir, self.identity.uuid, number, &state.to_snapshot())
            .map_err(SwitchError::NotSwitched)?;
        let ready = self.before_switch(old);
        let switched = ready.and_then(|()| {
            current::write(&*self.fs, &self.dir, number, temp).map_err(|error| match error {
                AtomicWriteError::NotReplaced(error) => SwitchError::NotSwitched(error),
                AtomicWriteError::Unknown(error) => SwitchError::Unknown(error),
            })
        });
        match &switched {
            Ok(()) => {
                self.uncertain.push(self.file.number());
                self.file = file;
                self.state = state;
                for old in std::mem::take(&mut self.uncertain) {
                    self.remove_manifest(old);
                }
            }
            Err(SwitchError::NotSwitched(_)) => self.remove_manifest(number),
            Err(SwitchError::Unknown(error)) => {
                self.uncertain.push(number);
                if !is_out_of_descriptors(error) {
                    self.poison(error);
                }
            }
        }
        switched
    }

    fn before_switch(&mut self, old: Old) -> Result<(), SwitchError> {
        // The new name must be durable before CURRENT says it: directory entries reach the disk in any order.
        self.fs.sync_dir(&self.dir).map_err(SwitchError::NotSwitched)?;
        if old == Old::Whole
            && let Err(error) = self.file.sync()
        {
            self.poison(&error);
            return Err(SwitchError::NotSwitched(error));
        }
        Ok(())
    }

    /// Removes a MANIFEST that is not live. If that fails it is an orphan, and the next open tries again.
    fn remove_manifest(&self, number: FileNumber) {
        self.fs.remove(&self.dir.join(FileKind::Manifest(number).name())).ok();
    }
}

/// Whether the operation was not even tried, because the process or the system has no file descriptor left: it may be repeated,
/// which a sync that failed may not.
fn is_out_of_descriptors(error: &Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    error.io_source().and_then(std::io::Error::raw_os_error).is_some_and(|number| number == ENFILE || number == EMFILE)
}
