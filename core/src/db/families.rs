//! Column families as they come and go.
//!
//! ```text
//! create   sync the log → edit (id, name, order, settings) → in the map, open to everybody
//! drop     out of the map and marked, under the commit lock → sync the log → edit → its tables are obsolete
//! ```
//! *Order.* An edit that changes what readers see is durable only after all commits before it are, or a power cut could keep
//! the later and lose the earlier. A drop takes a sequence number of its own: snapshots below it still read the family, later ones
//! do not; its tables and memtables stay until the last such snapshot goes (`db/obsolete.rs`).
//!
//! Thread rule: any thread; `Shared::family_changes` lets one change through at a time, above every other lock.

use crate::db::column_family::ColumnFamily;
use crate::db::family::Family;
use crate::db::info_log::LogLevel;
use crate::db::install;
use crate::db::obsolete;
use crate::db::state::Shared;
use crate::db::write;
use crate::error::{Error, ErrorKind, Result};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::memtable::Memtable;
use crate::merge::MergeOperator;
use crate::options::{FamilyOptions, Options};
use crate::util::sync::Arc;
use crate::version::edit::{FamilySetting, VersionEdit};
use crate::version::state::{FamilyState, new_family};
use crate::version::super_version::SuperVersion;
use crate::version::version::Version;

/// Under which names [`FamilyOptions`] are not on record as settings, because a family is created with them.
const COMPARATOR: &str = "comparator";

/// Creates the family `name`.
pub fn create(shared: &Shared, name: &str, options: &FamilyOptions) -> Result<ColumnFamily> {
    shared.health.check_writable()?;
    options.validate()?;
    let order = order_of(&shared.options, options)?;
    let merge = operator_of(&shared.options, options)?;
    let _one_at_a_time = shared.family_changes.lock();
    shared.health.check_writable()?;
    if find(shared, name).is_some() {
        return Err(Error::invalid(format!("there is a column family \"{}\" already", name.escape_debug())));
    }
    let through = sync_all(shared)?;
    let id = shared.next_family_id()?;
    let edit = VersionEdit {
        families_created: vec![new_family(id, name, &order)],
        family_settings: settings_of(id, options),
        // Nothing of it is in the log up to here, which therefore need not wait for it.
        flushed_seqno: vec![(id, through)],
        synced_through: shared.wal_synced_seqno(),
        ..VersionEdit::default()
    };
    install::apply(shared, edit).map_err(|error| error.remove_if_not_applied(shared, &[]))?;
    let family = Arc::new(Family::new(id, name, order.clone(), options.clone(), merge, empty(shared, &order)));
    shared.families.write().insert(id, Arc::clone(&family));
    shared.health.log().push(LogLevel::Info, "family", format!("family \"{}\" was created", name.escape_debug()));
    Ok(handle(shared, family))
}

/// Drops `family`: its keys are gone for every new read, its files when no snapshot or iterator needs them.
pub fn drop_family(shared: &Shared, family: &ColumnFamily) -> Result<()> {
    shared.health.check_writable()?;
    let family = family.of(&shared.health)?;
    if family.id == FamilyId::DEFAULT {
        return Err(Error::invalid("the default column family cannot be dropped"));
    }
    let _one_at_a_time = shared.family_changes.lock();
    shared.health.check_writable()?;
    family.check_readable(None)?;
    close_to_commits(shared, family)?;
    let dropped = sync_all(shared).and_then(|_| {
        let edit = VersionEdit {
            families_dropped: vec![family.id],
            synced_through: shared.wal_synced_seqno(),
            ..VersionEdit::default()
        };
        install::apply(shared, edit).map_err(|error| error.remove_if_not_applied(shared, &[]))
    });
    if let Err(error) = dropped {
        come_back(shared, family);
        return Err(error);
    }
    shared.dropped.lock().push(Arc::clone(family));
    *shared.leaving.lock() = None;
    let text = format!("family \"{}\" was dropped", family.name.escape_debug());
    shared.health.log().push(LogLevel::Info, "family", text);
    obsolete::remove_unused(shared);
    shared.background.run_inline(shared);
    Ok(())
}

/// The family `name`.
pub fn open(shared: &Shared, name: &str) -> Result<ColumnFamily> {
    shared.health.check_open()?;
    match find(shared, name) {
        Some(family) => Ok(handle(shared, family)),
        None => {
            let message = format!("there is no column family \"{}\"", name.escape_debug());
            Err(Error::new(ErrorKind::NotFound, message))
        }
    }
}

/// The names of all families, the oldest first: the default one leads.
pub fn list(shared: &Shared) -> Result<Vec<String>> {
    shared.health.check_open()?;
    Ok(shared.all_families().iter().map(|family| family.name.clone()).collect())
}

/// The handle of `family`.
pub fn handle(shared: &Shared, family: Arc<Family>) -> ColumnFamily {
    ColumnFamily::new(family, Arc::clone(&shared.health))
}

/// What the MANIFEST records of `options`.
pub fn settings_of(family: FamilyId, options: &FamilyOptions) -> Vec<FamilySetting> {
    let recorded = options.differing().into_iter().filter(|(name, _)| *name != COMPARATOR);
    recorded.map(|(name, value)| FamilySetting { family, name: name.to_owned(), value }).collect()
}

/// The options that the MANIFEST records of a family.
pub fn recorded_options(state: &FamilyState) -> Result<FamilyOptions> {
    let mut options = FamilyOptions::default();
    if !state.version.order().is_bytewise() {
        options.comparator = state.order_name.clone();
    }
    for (name, value) in &state.settings {
        options.set(name, value).map_err(|error| {
            let error = error.context(format!("column family {:?} has a setting from another version", state.name));
            error.with_kind(ErrorKind::Unsupported)
        })?;
    }
    Ok(options)
}

/// The order that `family` asks for, among those the database was opened with.
pub fn order_of(options: &Options, family: &FamilyOptions) -> Result<Order> {
    if family.comparator.is_empty() {
        return Ok(Order::Bytewise);
    }
    options.comparators.find(&family.comparator).ok_or_else(|| {
        let message = format!("no comparator is called \"{}\": add it to the options of open", family.comparator);
        Error::invalid(message)
    })
}

/// The merge operator that `family` asks for, among those the database was opened with.
pub fn operator_of(options: &Options, family: &FamilyOptions) -> Result<Option<Arc<dyn MergeOperator>>> {
    let name = &family.merge_operator;
    if name.is_empty() { Ok(None) } else { options.merge_operators.find(name).map(Some) }
}

/// Takes `family` out of the map, so that no commit can name it any more, and gives its drop a place in the commit order.
fn close_to_commits(shared: &Shared, family: &Arc<Family>) -> Result<()> {
    let mut commit = shared.commit.lock();
    let at = commit.next_seqno;
    let exhausted = || Error::new(ErrorKind::Unsupported, "the sequence numbers of this database are used up");
    commit.next_seqno = at.checked_add(1).ok_or_else(exhausted)?;
    // First: whoever misses it in the map finds it there.
    *shared.leaving.lock() = Some(Arc::clone(family));
    shared.families.write().remove(&family.id);
    family.mark_dropped(at);
    commit.recent.record_drop(family.id, at);
    shared.publish(at);
    Ok(())
}

/// Undoes [`close_to_commits`], after a drop that did not come about.
fn come_back(shared: &Shared, family: &Arc<Family>) {
    shared.families.write().insert(family.id, Arc::clone(family));
    family.unmark_dropped();
    *shared.leaving.lock() = None;
}

/// Makes every commit so far durable; the last number given.
fn sync_all(shared: &Shared) -> Result<SeqNo> {
    let (given, logged) = {
        let commit = shared.commit.lock();
        let logged = commit.wal.as_ref().map_or(SeqNo::ZERO, |wal| wal.last_seqno());
        (commit.next_seqno.saturating_prev(), logged)
    };
    write::sync_through(shared, logged)?;
    Ok(given)
}

fn find(shared: &Shared, name: &str) -> Option<Arc<Family>> {
    shared.families.read().values().find(|family| family.name == name).cloned()
}

/// What a family holds that has nothing.
fn empty(shared: &Shared, order: &Order) -> SuperVersion {
    let (memtable, version) = (Arc::new(Memtable::new(order)), Arc::new(Version::empty(order.clone())));
    SuperVersion::new(memtable, Vec::new(), version, shared.tables())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Db, Environment, ReadOptions};
    use crate::env::clock::TestClock;
    use crate::env::sim_fs::{CrashImage, SimFs};
    use crate::options::WriteOptions;

    const DIR: &str = "/db";

    fn open(disk: &SimFs) -> Db {
        let options = Options { wal_segment_size: 64 << 10, memtable_size: 32 << 10, ..Options::default() };
        let environment = Environment::inline(Arc::new(disk.clone()), Arc::new(TestClock::at(1)));
        Db::open_in(environment, DIR, &options).unwrap()
    }

    /// A family is out of the map while its drop is written. Flushes of others then let go of the log as if nobody needed what
    /// it had there; when the drop failed, and the process died, its writes were gone.
    #[test]
    fn a_family_whose_drop_fails_has_lost_nothing_to_the_flushes_meanwhile() {
        let disk = SimFs::new(1);
        let db = open(&disk);
        let handle = create(db.shared(), "f", &FamilyOptions::default()).unwrap();
        db.put_in(&handle, "k", "v", &WriteOptions::default()).unwrap();
        let family = Arc::clone(handle.of(&db.shared().health).unwrap());
        close_to_commits(db.shared(), &family).unwrap();
        for n in 0..6 {
            db.put(format!("large {n}"), vec![b'x'; 60_000]).unwrap();
        }
        db.flush().unwrap();
        come_back(db.shared(), &family);
        db.put_in(&handle, "l", "w", &WriteOptions::default()).unwrap();
        let left = disk.crash(CrashImage::Killed);
        drop(db);
        let db = open(&left);
        let handle = db.family("f").unwrap();
        for (key, value) in [("k", "v"), ("l", "w")] {
            let found = db.get_in(&handle, key, &ReadOptions::default()).unwrap();
            assert_eq!(found.as_deref(), Some(value.as_bytes()), "{key}");
        }
    }

    /// Between a family's record and its place in the map a flush does not know it.
    #[test]
    fn a_flush_that_does_not_know_a_new_family_leaves_a_log_that_opens() {
        let disk = SimFs::new(1);
        let db = open(&disk);
        let through = sync_all(db.shared()).unwrap();
        let edit = VersionEdit {
            families_created: vec![new_family(FamilyId(1), "f", &Order::Bytewise)],
            flushed_seqno: vec![(FamilyId(1), through)],
            ..VersionEdit::default()
        };
        assert!(install::apply(db.shared(), edit).is_ok());
        for n in 0..6 {
            db.put(format!("large {n}"), vec![b'x'; 60_000]).unwrap();
        }
        db.flush().unwrap();
        let left = disk.crash(CrashImage::Killed);
        drop(db);
        let db = open(&left);
        assert_eq!(db.families().unwrap(), ["default", "f"]);
        assert!(db.get("large 5").unwrap().is_some());
    }
}
