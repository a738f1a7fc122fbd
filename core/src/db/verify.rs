//! Verifying: every file of a database is read and checked, and nothing is written.
//!
//! It takes the same shared lock as a read-only open, so it runs beside readers and not beside a writer. What is found wrong
//! goes into the report, one entry per file; only what prevents the check from running is an error.

use std::fmt::Write;
use std::path::Path;

use crate::batch::BatchIter;
use crate::db::environment::Environment;
use crate::db::open::{exists, no_database};
use crate::db::recovery::{manifest_options, replay_input};
use crate::env::filename::FileKind;
use crate::env::fs::LockMode;
use crate::error::{Error, ErrorKind, Result};
use crate::options::Options;
use crate::table::BlockCache;
use crate::util::sync::Arc;
use crate::version::directory::{self, Directory};
use crate::version::file_meta::FileMeta;
use crate::version::state::ManifestState;
use crate::version::table_cache::TableCache;
use crate::version::{identity::Identity, manifest_recover};
use crate::wal::{self, LoggedBatch};

/// What a verification found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// Tables that were read.
    pub tables: u64,
    /// Log segments that were read.
    pub wal_segments: u64,
    /// Entries in the tables.
    pub entries: u64,
    /// Bytes of the tables.
    pub bytes: u64,
    /// What is wrong, at most one entry per file.
    pub problems: Vec<Error>,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub fn is_ok(&self) -> bool {
        self.problems.is_empty()
    }

    /// The report for people.
    pub fn render(&self) -> String {
        let VerifyReport { tables, wal_segments, entries, bytes, problems } = self;
        let mut out = format!("{tables} tables with {entries} entries in {bytes} bytes, {wal_segments} log segments\n");
        for problem in problems {
            // Writing to a String cannot fail.
            let _written = writeln!(out, "damaged: {problem}");
        }
        out.push_str(if problems.is_empty() { "ok\n" } else { "DAMAGED\n" });
        out
    }
}

/// Verifies the database in `dir`, whose families are in the key orders that `options` know.
pub fn verify(env: &Environment, dir: &Path, options: &Options) -> Result<VerifyReport> {
    if !exists(&*env.fs, dir)? {
        return Err(no_database(dir));
    }
    let _lock = env.fs.lock(&dir.join(FileKind::Lock.name()), LockMode::Shared)?;
    let mut report = VerifyReport::default();
    let identity = match directory::examine(&*env.fs, dir, &options.comparators) {
        Ok(Directory::Database(identity)) => identity,
        Ok(Directory::Vacant(_)) => return Err(no_database(dir)),
        Err(error) if error.kind() == ErrorKind::Corruption => return Ok(damaged(report, error)),
        Err(error) => return Err(error),
    };
    let (orders, manifest) = (options.comparators.clone(), manifest_options(options));
    match manifest_recover::recover(&env.fs, dir, identity, orders, manifest) {
        Ok(recovered) => check_files(env, dir, &identity, &recovered.state, &mut report),
        // Keys in an unknown order are no damage: the caller has to say how they compare.
        Err(error) if error.kind() == ErrorKind::InvalidArgument => return Err(error),
        Err(error) => report.problems.push(error),
    }
    Ok(report)
}

fn damaged(mut report: VerifyReport, error: Error) -> VerifyReport {
    report.problems.push(error);
    report
}

fn check_files(env: &Environment, dir: &Path, identity: &Identity, state: &ManifestState, report: &mut VerifyReport) {
    let blocks = Arc::new(BlockCache::new(0));
    let tables = TableCache::new(Arc::clone(&env.fs), dir, 16, blocks);
    for family in state.families.values() {
        for (_, file) in family.version.files() {
            match check_table(&tables, file, &family.version) {
                Ok(()) => {
                    report.tables += 1;
                    report.entries += file.entries;
                    report.bytes += file.file_size;
                }
                Err(error) => report.problems.push(error),
            }
        }
    }
    let mut check_batch = |batch: LoggedBatch<'_>| BatchIter::new(batch.payload).try_for_each(|entry| entry.map(drop));
    match wal::replay(&*env.fs, dir, &replay_input(identity, state), &mut check_batch) {
        Ok(_) => report.wal_segments = state.wal_segments.len() as u64,
        Err(error) => report.problems.push(error),
    }
}

fn check_table(tables: &TableCache, file: &Arc<FileMeta>, version: &crate::version::version::Version) -> Result<()> {
    tables.get(file, version.order())?.verify()
}
