//! [`Db`]: the public face of the engine. Every method here says what it promises and hands over to the flow that does it.
//!
//! Thread rule: any number of threads may call anything at any time, `close` included. A clone is another handle on the same
//! open database; the last one to go closes it.

use std::path::Path;

use crate::batch::WriteBatch;
use crate::db::background::compacting;
use crate::db::background::flushing;
use crate::db::column_family::ColumnFamily;
use crate::db::environment::Environment;
use crate::db::info_log::LogRecord;
use crate::db::inspect::{InspectOptions, Inspection};
use crate::db::iterator::Iter;
use crate::db::read::cursor;
use crate::db::read::options::ReadOptions;
use crate::db::snapshot::Snapshot;
use crate::db::state::Shared;
use crate::db::stats::Stats;
use crate::db::verify::VerifyReport;
use crate::db::write::CommitRequest;
use crate::db::{checkpoint, close, destroy, families, inspect, open, read, stats, verify, write};
use crate::error::{Error, Result};
use crate::key::family::FamilyId;
use crate::options::{FamilyOptions, Options, WriteOptions};
use crate::util::pinned::Pinned;
use crate::util::sync::Arc;

/// An open database.
///
/// ```no_run
/// let db = esker::Db::open("data", &esker::Options::default())?;
/// db.put("k", "v")?;
/// assert_eq!(db.get("k")?.as_deref(), Some(&b"v"[..]));
/// db.close()?;
/// # Ok::<(), esker::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Db {
    owner: Arc<Owner>,
}

/// Closes the database when the last handle goes. Children hold parts of the database, never this.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared>,
}

impl Db {
    /// Opens the database in the directory `path`, which is created if the options allow it.
    ///
    /// # Errors
    /// `Locked` if another process, or another handle of this one, has it open; `Corruption` if what is there is not what
    /// was written, naming the file; `NotFound` if there is none and `create_if_missing` is off; `InvalidArgument` if there
    /// is one and `error_if_exists` is on, for unusable options, and for a directory of another engine.
    pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Db> {
        Db::open_in(Environment::system(), path, options)
    }

    /// The same on files and clocks of the caller's choice.
    pub fn open_in(environment: Environment, path: impl AsRef<Path>, options: &Options) -> Result<Db> {
        let shared = open::open(environment, path.as_ref(), options)?;
        Ok(Db { owner: Arc::new(Owner { shared }) })
    }

    /// Ends the database: new calls get `Closed`, waiting writers return, everything acknowledged is made durable, the
    /// directory is free for another open. Whatever this returns, the database is closed; a second close is `Closed`.
    pub fn close(&self) -> Result<()> {
        close::close(self.shared())
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.shared().health.is_closed()
    }

    /// `Ok` while calls can be made: `Closed` after a close, `Forked` in a forked child.
    pub fn check_open(&self) -> Result<()> {
        self.shared().health.check_open()
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.shared().dir
    }

    /// The options it was opened with.
    pub fn options(&self) -> &Options {
        &self.shared().options
    }

    /// Sets `key` to `value`.
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.put_with(key, value, &WriteOptions::default())
    }

    /// The same with options for this write.
    pub fn put_with(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, options: &WriteOptions) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.put(key.as_ref(), value.as_ref())?;
        self.write_with(&batch, options)
    }

    /// Removes `key`; it need not exist.
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        self.delete_with(key, &WriteOptions::default())
    }

    /// The same with options for this write.
    pub fn delete_with(&self, key: impl AsRef<[u8]>, options: &WriteOptions) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete(key.as_ref())?;
        self.write_with(&batch, options)
    }

    /// Removes every key from `start` up to, not including, `end`. An empty range removes nothing; a reversed one is
    /// `InvalidArgument`.
    pub fn delete_range(&self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        self.delete_range_with(start, end, &WriteOptions::default())
    }

    /// The same with options for this write.
    pub fn delete_range_with(
        &self,
        start: impl AsRef<[u8]>,
        end: impl AsRef<[u8]>,
        options: &WriteOptions,
    ) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete_range(start.as_ref(), end.as_ref())?;
        self.write_with(&batch, options)
    }

    /// Merges `operand` into what `key` has, by the merge operator of the default family, without reading it first.
    ///
    /// # Errors
    /// `InvalidArgument`, and nothing is written, if the family has no merge operator, or if no value could take the operand.
    pub fn merge(&self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        self.merge_with(key, operand, &WriteOptions::default())
    }

    /// The same with options for this write.
    pub fn merge_with(&self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>, options: &WriteOptions) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.merge(key.as_ref(), operand.as_ref())?;
        self.write_with(&batch, options)
    }

    /// Applies all of `batch` or none of it. The batch is unchanged and may be written again.
    pub fn write(&self, batch: &WriteBatch) -> Result<()> {
        self.write_with(batch, &WriteOptions::default())
    }

    /// The same with options for this write.
    pub fn write_with(&self, batch: &WriteBatch, options: &WriteOptions) -> Result<()> {
        let durability = options.durability.unwrap_or(self.shared().options.durability);
        let ttl_ms = options.ttl_ms;
        write::commit(self.shared(), &CommitRequest { batch, durability, ttl_ms, transaction: None })
    }

    /// The value of `key`, `None` if it has none.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<Pinned>> {
        self.get_with(key, &ReadOptions::default())
    }

    /// The same with options for this read.
    pub fn get_with(&self, key: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Option<Pinned>> {
        read::get(self.shared(), &self.shared().default_family, key.as_ref(), options)
    }

    /// The values of `keys`, all as of one moment. The outer error is the call's, an inner one that key's.
    pub fn multi_get<K: AsRef<[u8]>>(&self, keys: &[K], options: &ReadOptions) -> Result<Vec<Result<Option<Pinned>>>> {
        read::multi_get(self.shared(), &self.shared().default_family, keys, options)
    }

    /// The database as it is now, to read from for as long as the snapshot lives.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let shared = self.shared();
        shared.health.check_open()?;
        Ok(shared.snapshots.take(&shared.health, || shared.view_now()))
    }

    /// A cursor over all keys as they are now.
    pub fn iter(&self) -> Result<Iter> {
        self.iter_with(&ReadOptions::default())
    }

    /// A cursor within bounds, over a prefix, or as of a snapshot.
    pub fn iter_with(&self, options: &ReadOptions) -> Result<Iter> {
        cursor::open_cursor(self.shared(), &self.shared().default_family, options)
    }

    /// The sequence number of the latest commit that a new read sees.
    pub fn latest_seqno(&self) -> Result<u64> {
        self.check_open()?;
        Ok(self.shared().visible_seqno().get())
    }

    /// About how many bytes the keys from `start` up to, not including, `end` take in tables (`None`: no end). What is still in
    /// memory does not count. Reads indexes only; off by at most a block per table.
    pub fn approximate_size(&self, start: Option<&[u8]>, end: Option<&[u8]>) -> Result<u64> {
        read::approximate_size(self.shared(), &self.shared().default_family, start, end)
    }

    /// [`Db::approximate_size`] within `family`.
    pub fn approximate_size_in(&self, family: &ColumnFamily, start: Option<&[u8]>, end: Option<&[u8]>) -> Result<u64> {
        read::approximate_size(self.shared(), family.of(&self.shared().health)?, start, end)
    }

    /// One number or text of [`Db::stats`] by name, as in `property("latest_seqno")`; rows, such as `levels`, come as JSON.
    /// `InvalidArgument` for an unknown name, with the nearest as a suggestion.
    pub fn property(&self, name: &str) -> Result<String> {
        self.stats()?.property(name)
    }

    /// Writes everything that is in memory to tables; returns when it is done.
    pub fn flush(&self) -> Result<()> {
        flushing::flush_now(self.shared(), None)
    }

    /// Makes a second database in `path`, which holds what this one holds now: every family as of one commit, none of its
    /// snapshots, nothing unfinished. It shares the tables by hard links where the filesystem can, and costs little then; elsewhere
    /// they are copied. Writes go on meanwhile, and later ones touch only one of the two. When this returns, all of it is durable.
    ///
    /// `path` must be empty or not there; its parent must be. What a crash leaves of an unfinished checkpoint does not open as a
    /// database, or is an empty directory.
    ///
    /// # Errors
    /// `InvalidArgument` if something is in `path` already, `ReadOnly` for a handle that cannot flush, `NoSpace`, `Io`; whatever was
    /// made in `path` is removed then. `Closed` if the database is closed meanwhile.
    pub fn checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        checkpoint::checkpoint(self.shared(), path.as_ref())
    }

    /// Makes everything acknowledged so far durable.
    pub fn sync(&self) -> Result<()> {
        write::sync(self.shared())
    }

    /// Merges all that lies between `start` and `end` (`None`: no end) down to the deepest level that has data there;
    /// deleted and overwritten data in it is gone from disk when this returns, unless a snapshot still sees it.
    pub fn compact_range(&self, start: Option<&[u8]>, end: Option<&[u8]>) -> Result<()> {
        compacting::compact_range(self.shared(), &self.shared().default_family, start, end)
    }

    /// Numbers about the database now.
    pub fn stats(&self) -> Result<Stats> {
        stats::collect(self.shared())
    }

    /// Takes the records of what the engine did of its own accord since the last call, the oldest first; also after a close. It
    /// keeps the latest 1024; when older ones had to give way, the first record says how many.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let db = esker::Db::open(dir.path(), &esker::Options::default())?;
    /// db.put("k", "v")?;
    /// db.flush()?;
    /// for record in db.drain_log()? {
    ///     eprintln!("{record}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn drain_log(&self) -> Result<Vec<LogRecord>> {
        let health = &self.shared().health;
        // A forked child must not touch the lock; it has no engine that would do anything either.
        if health.in_forked_child() {
            health.check_open()?;
        }
        Ok(health.log().drain())
    }

    /// Whether [`Db::drain_log`] may have something to give. One relaxed load, for callers that ask at every call.
    pub fn has_log(&self) -> bool {
        self.shared().health.log().is_waiting()
    }

    /// The failure that made this handle read-only, if there was one.
    pub fn poisoned(&self) -> Option<Error> {
        self.shared().health.poisoned()
    }

    /// The family every database has, which calls without a family mean.
    pub fn default_family(&self) -> ColumnFamily {
        families::handle(self.shared(), Arc::clone(&self.shared().default_family))
    }

    /// Creates the column family `name`, of at most 255 bytes. Its options are recorded: later opens find it as it is.
    /// `InvalidArgument` if the name is taken or unfit.
    pub fn create_family(&self, name: &str, options: &FamilyOptions) -> Result<ColumnFamily> {
        families::create(self.shared(), name, options)
    }

    /// The column family `name`; `NotFound` if there is none.
    pub fn family(&self, name: &str) -> Result<ColumnFamily> {
        families::open(self.shared(), name)
    }

    /// Drops a column family: its keys are gone for every new read, its files as soon as no snapshot or iterator needs them.
    /// The default family cannot be dropped.
    pub fn drop_family(&self, family: &ColumnFamily) -> Result<()> {
        families::drop_family(self.shared(), family)
    }

    /// The names of all column families, the oldest first: the default one leads.
    pub fn families(&self) -> Result<Vec<String>> {
        families::list(self.shared())
    }

    /// Sets `key` of `family` to `value`.
    pub fn put_in(
        &self,
        family: &ColumnFamily,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        options: &WriteOptions,
    ) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.put_in(self.writable(family)?, key.as_ref(), value.as_ref())?;
        self.write_with(&batch, options)
    }

    /// Removes `key` from `family`; it need not exist.
    pub fn delete_in(&self, family: &ColumnFamily, key: impl AsRef<[u8]>, options: &WriteOptions) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete_in(self.writable(family)?, key.as_ref())?;
        self.write_with(&batch, options)
    }

    /// Removes every key of `family` from `start` up to, not including, `end`.
    pub fn delete_range_in(
        &self,
        family: &ColumnFamily,
        start: impl AsRef<[u8]>,
        end: impl AsRef<[u8]>,
        options: &WriteOptions,
    ) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.delete_range_in(self.writable(family)?, start.as_ref(), end.as_ref())?;
        self.write_with(&batch, options)
    }

    /// Merges `operand` into what `key` has in `family`, see [`Db::merge`].
    pub fn merge_in(
        &self,
        family: &ColumnFamily,
        key: impl AsRef<[u8]>,
        operand: impl AsRef<[u8]>,
        options: &WriteOptions,
    ) -> Result<()> {
        let mut batch = WriteBatch::new();
        batch.merge_in(self.writable(family)?, key.as_ref(), operand.as_ref())?;
        self.write_with(&batch, options)
    }

    /// The value of `key` in `family`, `None` if it has none.
    pub fn get_in(
        &self,
        family: &ColumnFamily,
        key: impl AsRef<[u8]>,
        options: &ReadOptions,
    ) -> Result<Option<Pinned>> {
        read::get(self.shared(), family.of(&self.shared().health)?, key.as_ref(), options)
    }

    /// The values of `keys` in `family`, all as of one moment.
    pub fn multi_get_in<K: AsRef<[u8]>>(
        &self,
        family: &ColumnFamily,
        keys: &[K],
        options: &ReadOptions,
    ) -> Result<Vec<Result<Option<Pinned>>>> {
        read::multi_get(self.shared(), family.of(&self.shared().health)?, keys, options)
    }

    /// A cursor over `family`.
    pub fn iter_in(&self, family: &ColumnFamily, options: &ReadOptions) -> Result<Iter> {
        cursor::open_cursor(self.shared(), family.of(&self.shared().health)?, options)
    }

    /// Writes everything of `family` that is in memory to tables; families that share unlogged batches with it are written too.
    pub fn flush_family(&self, family: &ColumnFamily) -> Result<()> {
        flushing::flush_now(self.shared(), Some(family.of(&self.shared().health)?))
    }

    /// [`Db::compact_range`] within `family`.
    pub fn compact_range_in(&self, family: &ColumnFamily, start: Option<&[u8]>, end: Option<&[u8]>) -> Result<()> {
        compacting::compact_range(self.shared(), family.of(&self.shared().health)?, start, end)
    }

    /// Removes the files of the database in `path`. The directory stays, and so do files that are not the database's.
    /// `Locked` if it is open; no error if there is none.
    pub fn destroy(path: impl AsRef<Path>) -> Result<()> {
        destroy::destroy(&Environment::system(), path.as_ref())
    }

    /// Reads and checks every file of the database in `path`; writes nothing. What is damaged is in the report; an error
    /// means that the check could not run.
    pub fn verify(path: impl AsRef<Path>) -> Result<VerifyReport> {
        Db::verify_with(path, &Options::default())
    }

    /// The same for a database with comparators, which the options have to know as for an open. Nothing else in them matters.
    pub fn verify_with(path: impl AsRef<Path>, options: &Options) -> Result<VerifyReport> {
        verify::verify(&Environment::system(), path.as_ref(), options)
    }

    /// Looks into a file of a database, or at what its directory holds, open or not; writes nothing, takes no lock. Damage is in
    /// what is returned, behind all that stands before it; an error means that there was nothing to look into.
    pub fn inspect(path: impl AsRef<Path>, options: &InspectOptions) -> Result<Inspection> {
        inspect::inspect(&*Environment::system().fs, path.as_ref(), options)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.owner.shared
    }

    /// The number under which a batch may name `family`.
    fn writable(&self, family: &ColumnFamily) -> Result<FamilyId> {
        let family = family.of(&self.shared().health)?;
        // A closed database says so, whatever else was done with the family before.
        self.shared().health.check_open()?;
        family.check_readable(None)?;
        Ok(family.id)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Errors have nobody to go to here; whoever wants them calls close. In a forked child nothing is touched.
        let _closed = close::close(&self.shared);
    }
}
