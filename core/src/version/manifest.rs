//! [`Manifest`]: the one writer of the live MANIFEST. An edit is durable before anybody sees it, and a failure says exactly what
//! may be deleted afterwards.
//!
//! The algorithm of [`Manifest::apply`]:
//!
//! 1. if this MANIFEST has grown too long, replace it by a new one (`rotate`);
//! 2. make the next state from the edit and check every invariant; stat the new tables, sync the directory;
//! 3. encode the record and reserve space for it;
//! 4. write the record;
//! 5. sync it; the edit is now applied;
//! 6. store in the slot how far the file is synced.
//!
//! A failure in 1–3 is [`ApplyError::NotApplied`]: nothing changed, the caller may delete what it made. A failure in 4 or 5 is
//! [`ApplyError::Unknown`]: the next open decides, so neither inputs nor outputs nor WAL segments may be deleted, and this
//! writer is poisoned. One failure of 4 is healed: where space could not be reserved and the disk filled up, the state in memory
//! goes to a new MANIFEST, or the half record is cut off and the cut synced; then it is `NotApplied`. A failed sync is never
//! healed, and no file is synced again after one.
//!
//! Invariant: memory and the live MANIFEST hold the same state, or the writer is poisoned. Thread rule: one thread at a time;
//! `db` keeps it under the MANIFEST writer's lock, the only one that is held across I/O.

use std::path::{Path, PathBuf};

use crate::env::atomic_file::AtomicWriteError;
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, FileType};
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::util::planted::planted;
use crate::util::sync::Arc;
use crate::version::current;
use crate::version::edit::{FamilySetting, VersionEdit};
use crate::version::file_meta::FileMeta;
use crate::version::identity::{self, Identity};
use crate::version::manifest_file::ManifestFile;
use crate::version::numbers::FileNumbers;
use crate::version::orders::Orders;
use crate::version::state::{ManifestState, new_family};

/// The name of the family every database has.
pub const DEFAULT_FAMILY: &str = "default";

/// When a MANIFEST is replaced by a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestOptions {
    /// After this many bytes of edits, or as many as its snapshot has if that is more.
    pub rotate_bytes: u64,
    /// After this many edits.
    pub rotate_edits: u64,
}

impl Default for ManifestOptions {
    fn default() -> Self {
        ManifestOptions { rotate_bytes: 1 << 20, rotate_edits: 4096 }
    }
}

/// Why an edit was not applied, and what that allows.
#[derive(Clone, Debug)]
pub enum ApplyError {
    /// Nothing changed: the caller may delete its outputs.
    NotApplied(Error),
    /// After reopening the edit may be there or not: nothing that it names may be deleted.
    Unknown(Error),
}

impl ApplyError {
    /// The failure itself.
    pub fn error(&self) -> &Error {
        match self {
            ApplyError::NotApplied(error) | ApplyError::Unknown(error) => error,
        }
    }
}

/// The writer of the live MANIFEST.
#[derive(Debug)]
pub struct Manifest {
    pub(super) fs: Arc<dyn FileSystem>,
    pub(super) dir: PathBuf,
    pub(super) identity: Identity,
    pub(super) orders: Orders,
    pub(super) options: ManifestOptions,
    pub(super) file: ManifestFile,
    pub(super) state: ManifestState,
    pub(super) numbers: Arc<FileNumbers>,
    /// MANIFESTs besides the live one that CURRENT may name after a crash. No edit is written before CURRENT is switched again.
    pub(super) uncertain: Vec<FileNumber>,
    pub(super) poisoned: Option<Error>,
}

impl Manifest {
    /// Makes a database in `dir`, which must hold none: MANIFEST, then CURRENT, then IDENTITY, each durable before the next.
    pub fn create(
        fs: &Arc<dyn FileSystem>,
        dir: &Path,
        orders: Orders,
        default_order: &Order,
        default_settings: Vec<FamilySetting>,
        options: ManifestOptions,
    ) -> Result<Manifest> {
        let family = new_family(FamilyId::DEFAULT, DEFAULT_FAMILY, default_order);
        let (families_created, family_settings) = (vec![family], default_settings);
        let edit = VersionEdit { families_created, family_settings, ..VersionEdit::default() };
        let state = ManifestState::default().with(&edit, &orders)?;
        Manifest::create_from(fs, dir, Identity::generate(&**fs), state, orders, options)
    }

    /// The same with a state to begin with, whose files are in `dir` and durable: a checkpoint, a restored backup.
    pub fn create_from(
        fs: &Arc<dyn FileSystem>,
        dir: &Path,
        identity: Identity,
        mut state: ManifestState,
        orders: Orders,
        options: ManifestOptions,
    ) -> Result<Manifest> {
        let numbers = FileNumbers::starting_at(state.next_file_number.max(FileNumber::new(1)))?;
        let (number, temp) = (numbers.allocate(), numbers.allocate());
        let temp_identity = numbers.allocate();
        state.next_file_number = numbers.next();
        let file = ManifestFile::create(&**fs, dir, identity.uuid, number, &state.to_snapshot())?;
        // Both names would otherwise be free to reach the disk in either order, and CURRENT might name nothing.
        fs.sync_dir(dir)?;
        current::write(&**fs, dir, number, temp).map_err(|error| match error {
            AtomicWriteError::NotReplaced(error) | AtomicWriteError::Unknown(error) => error,
        })?;
        identity::write(&**fs, dir, temp_identity, &identity)?;
        let (fs, dir, numbers) = (Arc::clone(fs), dir.to_path_buf(), Arc::new(numbers));
        Ok(Manifest { fs, dir, identity, orders, options, file, state, numbers, uncertain: Vec::new(), poisoned: None })
    }

    /// What it remembers.
    pub fn state(&self) -> &ManifestState {
        &self.state
    }

    /// Gives numbers to new files. Shared: jobs use it without the writer's lock.
    pub fn numbers(&self) -> &Arc<FileNumbers> {
        &self.numbers
    }

    /// Which database it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The live MANIFEST's number.
    pub fn number(&self) -> FileNumber {
        self.file.number()
    }

    /// Edits since its snapshot.
    pub fn edits(&self) -> u64 {
        self.file.edits()
    }

    /// Why no more edits are taken, if a failure made it so.
    pub fn poisoned(&self) -> Option<&Error> {
        self.poisoned.as_ref()
    }

    /// Every file that must stay for the state as it is on record: the others of our grammar are orphans.
    pub fn live_files(&self) -> impl Iterator<Item = FileKind> {
        let own = [FileKind::Lock, FileKind::Identity, FileKind::Current, FileKind::Options];
        let manifests = self.uncertain.iter().copied().chain([self.file.number()]);
        self.state.live_files().chain(own).chain(manifests.map(FileKind::Manifest))
    }

    /// Applies `edit`: durable, then visible in [`Manifest::state`]. The edit's `next_file_number` is filled in here.
    pub fn apply(&mut self, mut edit: VersionEdit) -> Result<(), ApplyError> {
        self.check_not_poisoned()?;
        if edit.is_empty() {
            return Ok(());
        }
        self.rotate_if_due()?;
        let (record, next) = self.prepare(&mut edit).map_err(ApplyError::NotApplied)?;
        if let Err(error) = self.file.write(&record) {
            return Err(match error.kind() {
                ErrorKind::NoSpace => self.heal(error),
                _ => self.unknown(error),
            });
        }
        if let Err(error) = self.file.sync() {
            return Err(self.unknown(error));
        }
        self.file.commit(record.len() as u64);
        self.state = next;
        self.store_slot();
        Ok(())
    }

    /// Makes the slot durable, so that the next open knows that all of the MANIFEST was synced.
    pub fn close(&mut self) -> Result<()> {
        if self.poisoned.is_some() {
            return Ok(());
        }
        let synced = self.file.sync();
        if let Err(error) = &synced {
            self.poison(error);
        }
        synced
    }

    /// Everything that can fail before a byte of the record is written.
    fn prepare(&mut self, edit: &mut VersionEdit) -> Result<(Vec<u8>, ManifestState)> {
        edit.next_file_number = edit.next_file_number.max(Some(self.numbers.next()));
        let next = self.state.with(edit, &self.orders)?;
        self.check_new_tables(edit)?;
        let record = self.file.encode_edit(edit)?;
        self.file.reserve(record.len() as u64)?;
        Ok((record, next))
    }

    /// New tables must be there, whole, under durable names, before a durable record names them.
    fn check_new_tables(&self, edit: &VersionEdit) -> Result<()> {
        let known = |file: &FileMeta| {
            let family = self.state.families.get(&file.family);
            family.is_some_and(|family| family.version.file(file.number).is_some())
        };
        let mut any = false;
        for (_, file) in edit.added.iter().filter(|(_, file)| !known(file)) {
            check_table_file(&*self.fs, &self.dir, file)?;
            any = true;
        }
        if !any {
            return Ok(());
        }
        if planted("skip-directory-sync") {
            return Ok(());
        }
        self.fs.sync_dir(&self.dir)
    }

    /// The slot is evidence for the next open, not part of the edit: a store that fails leaves the edit applied.
    fn store_slot(&mut self) {
        match self.file.store_slot() {
            // A copy-on-write filesystem without room. The slot stays behind until the next edit; that is always allowed.
            Err(error) if error.kind() == ErrorKind::NoSpace => {}
            Err(error) => self.poison(&error),
            Ok(()) => {}
        }
    }

    pub(super) fn poison(&mut self, error: &Error) {
        if self.poisoned.is_none() {
            self.poisoned = Some(error.clone());
        }
    }

    pub(super) fn unknown(&mut self, error: Error) -> ApplyError {
        self.poison(&error);
        ApplyError::Unknown(error)
    }

    fn check_not_poisoned(&self) -> Result<(), ApplyError> {
        match &self.poisoned {
            None => Ok(()),
            Some(reason) => {
                let error = reason.clone().context("MANIFEST takes no edits after an earlier failure");
                Err(ApplyError::NotApplied(error.with_kind(ErrorKind::Poisoned)))
            }
        }
    }
}

/// Checks that the table's file is there with the size on record: one stat.
pub fn check_table_file(fs: &dyn FileSystem, dir: &Path, file: &FileMeta) -> Result<()> {
    let path = dir.join(FileKind::Table(file.number).name());
    match fs.stat(&path)? {
        Some(stat) if stat.file_type == FileType::Regular && stat.len == file.file_size => Ok(()),
        Some(stat) if stat.file_type == FileType::Regular => {
            let message = format!("table has {} bytes, MANIFEST says {}", stat.len, file.file_size);
            Err(Error::corruption(&path, stat.len.min(file.file_size), message))
        }
        Some(_) => Err(Error::corruption(&path, 0, "table is not a regular file")),
        None => Err(Error::corruption(&path, 0, "table is missing")),
    }
}
