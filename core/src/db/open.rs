//! Opening: lock first, then look, then create or recover.
//!
//! ```text
//! open
//!   directory        made if it may be, locked before anything in it is read
//!   examine          nothing yet, a database, or somebody else's                  (version/directory)
//!   create           MANIFEST → CURRENT → IDENTITY                                (version/manifest)
//!   recover          MANIFEST → WAL replay → new tables and a new log, one edit   (db/recovery.rs)
//!   orphans          only now, when everything that must be there was seen to be there
//!   threads
//! ```
//! Until the edit of *recover* nothing that was there has changed, so an open that fails, or dies, can be tried again.

use std::path::Path;

use crate::db::background::Background;
use crate::db::environment::Environment;
use crate::db::families;
use crate::db::info_log::LogLevel;
use crate::db::recovery::{self, manifest_options};
use crate::db::state::Shared;
use crate::env::filename::FileKind;
use crate::env::fs::{FileLock, FileSystem, FileType, LockMode};
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::options::Options;
use crate::util::sync::Arc;
use crate::version::directory::{self, Directory};
use crate::version::identity::Identity;
use crate::version::manifest::Manifest;

/// Opens the database in `dir`.
pub fn open(env: Environment, dir: &Path, options: &Options) -> Result<Arc<Shared>> {
    options.validate()?;
    let (clock, started) = (Arc::clone(&env.clock), env.clock.monotonic_ms());
    make_directory(&env, dir, options)?;
    let mode = if options.read_only { LockMode::Shared } else { LockMode::Exclusive };
    let lock = env.fs.lock(&dir.join(FileKind::Lock.name()), mode)?;
    let shared = match directory::examine(&*env.fs, dir, &options.comparators)? {
        Directory::Vacant(leftovers) => create(env, dir, options, lock, &leftovers)?,
        Directory::Database(identity) => existing(env, dir, options, lock, identity)?,
    };
    tell(&shared, clock.monotonic_ms().saturating_sub(started));
    if !options.read_only {
        recovery::remove_orphans(&shared)?;
        write_options_file(&shared);
        Background::start(&shared)?;
        shared.background.schedule();
        shared.background.run_inline(&shared);
    }
    Ok(shared)
}

/// Says what opening found.
fn tell(shared: &Shared, took_ms: u64) {
    let (families, found) = (shared.all_families(), shared.recovery);
    let tables: usize = families.iter().map(|family| family.current().version().files().count()).sum();
    let (count, version, dir) = (families.len(), env!("CARGO_PKG_VERSION"), shared.dir.display());
    let how = if shared.options.read_only { " to read" } else { "" };
    let text = format!(
        "Esker {version} opened {dir:?}{how} in {took_ms} ms: families {count}, tables {tables}, batches replayed from \
         {} log segments {}",
        found.segments, found.batches
    );
    let log = shared.health.log();
    log.push(LogLevel::Info, "open", text);
    if found.discarded_bytes > 0 {
        let text = format!(
            "the log ended in {} bytes that were never synced: they were cut off, {} whole records among them",
            found.discarded_bytes, found.discarded_records
        );
        log.push(LogLevel::Warning, "open", text);
    }
}

fn make_directory(env: &Environment, dir: &Path, options: &Options) -> Result<()> {
    if exists(&*env.fs, dir)? {
        return Ok(());
    }
    if options.read_only || !options.create_if_missing {
        return Err(no_database(dir));
    }
    env.fs.create_dir(dir).map(|_| ())
}

/// Whether `dir` is a directory; an error if it is something else.
pub fn exists(fs: &dyn FileSystem, dir: &Path) -> Result<bool> {
    match fs.stat(dir)? {
        None => Ok(false),
        Some(stat) if stat.file_type == FileType::Directory => Ok(true),
        // The files in it are never reached through a symlink; where it is itself is the caller's choice.
        Some(stat) if stat.file_type == FileType::Other => {
            let beyond = fs.stat(&dir.join("."))?;
            Ok(beyond.is_some_and(|stat| stat.file_type == FileType::Directory))
        }
        Some(_) => Err(Error::invalid("the database path is not a directory").with_file(dir)),
    }
}

/// What an open says that may not create.
pub fn no_database(dir: &Path) -> Error {
    Error::new(ErrorKind::NotFound, "there is no database in this directory").with_file(dir)
}

fn create(
    env: Environment,
    dir: &Path,
    options: &Options,
    lock: Box<dyn FileLock>,
    leftovers: &[FileKind],
) -> Result<Arc<Shared>> {
    if options.read_only || !options.create_if_missing {
        return Err(no_database(dir));
    }
    let default = options.default_family();
    let (order, settings) =
        (families::order_of(options, &default)?, families::settings_of(FamilyId::DEFAULT, &default));
    // Before anything is written: what is on record stays, and a name that nobody knows could never be opened again.
    families::operator_of(options, &default)?;
    directory::clear(&*env.fs, dir, leftovers)?;
    let orders = options.comparators.clone();
    let manifest = Manifest::create(&env.fs, dir, orders, &order, settings, manifest_options(options))?;
    recovery::begin(env, dir, options, lock, manifest)
}

fn existing(
    env: Environment,
    dir: &Path,
    options: &Options,
    lock: Box<dyn FileLock>,
    identity: Identity,
) -> Result<Arc<Shared>> {
    if options.error_if_exists {
        return Err(Error::invalid("there is a database in this directory already").with_file(dir));
    }
    recovery::recover(env, dir, options, lock, identity)
}

/// What the database was last opened with, for people. Nothing reads it back, so a failure to write it fails nothing.
fn write_options_file(shared: &Shared) {
    let lines = Options::settings().iter().map(|s| format!("{} = {}\n", s.name, (s.get)(&shared.options)));
    let text: String = lines.collect();
    let path = shared.path_of(FileKind::Options);
    let same = crate::env::fs::read_small_file(&*shared.env.fs, &path, 1 << 16).is_ok_and(|old| old == text.as_bytes());
    if !same {
        let temp = shared.numbers.allocate();
        let written = crate::env::atomic_file::write_atomically(
            &*shared.env.fs,
            &shared.dir,
            FileKind::Options,
            temp,
            text.as_bytes(),
        );
        if written.is_err() {
            shared.counters.background_failures.bump();
        }
    }
}
