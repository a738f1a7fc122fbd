//! A table that leaves the version is removed when nobody reads it any more, and then it is removed.
//!
//! Proved of `install::show` (the part of an install that follows its edit), `Family::current` and `obsolete::remove_unused`:
//! whoever holds a state finds on disk every table that it names, for as long as it holds it, while a compaction's outcome replaces
//! the state and the tables of before are removed, by whoever comes first; at the end exactly those of the last state are there.
//!
//! Made up: the tables, which are empty files, and the MANIFEST. Fails with `remove-tables-in-use`.

use crate::db::install;
use crate::db::models::bare::{bare, dir, spawn};
use crate::db::obsolete;
use crate::db::state::Shared;
use crate::env::filename::{FileKind, FileNumber};
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::sim_fs::SimFs;
use crate::key::order::Order;
use crate::util::sync::{Arc, explore};
use crate::version::file_meta::testing::meta;
use crate::version::version::Version;

fn version(tables: &[u64]) -> Arc<Version> {
    let mut levels = crate::version::version::Levels::default();
    levels[1] = tables.iter().map(|n| Arc::new(meta(*n, &format!("{n}a"), &format!("{n}z"), 1..=1))).collect();
    Arc::new(Version::new(Order::Bytewise, levels).expect("tables that do not overlap"))
}

fn is_there(disk: &SimFs, number: FileNumber) -> bool {
    disk.stat(&dir().join(FileKind::Table(number).name())).unwrap().is_some()
}

/// Reads for a while: the state must keep its tables.
fn read(shared: &Shared, disk: &SimFs) {
    let current = shared.default_family.current();
    for (_, file) in current.version().files() {
        assert!(is_there(disk, file.number), "table {} is gone and still read", file.number);
    }
    drop(current);
    obsolete::remove_unused(shared);
}

#[test]
fn loom_a_table_stays_while_somebody_may_read_it_and_then_goes() {
    explore("install and pins", 2, || {
        let (shared, disk) = bare(1 << 20);
        for n in 1..=3 {
            disk.open(&dir().join(FileKind::Table(FileNumber::new(n)).name()), OpenMode::CreateNew).unwrap();
        }
        let before = version(&[1, 2]);
        shared.default_family.replace(|current| current.with_version(Arc::clone(&before), |_| false));
        let readers: Vec<_> = (0..2)
            .map(|_| (shared.clone(), disk.clone()))
            .map(|(shared, disk)| spawn(move || read(&shared, &disk)))
            .collect();
        let removed: Vec<_> =
            before.files().map(|(_, file)| Arc::clone(file)).filter(|f| f.number.get() == 1).collect();
        drop(before);
        install::show(&shared.default_family, version(&[2, 3]), &Vec::new());
        install::note_obsolete(&shared, removed.into_iter());
        obsolete::remove_unused(&shared);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        obsolete::remove_unused(&shared);
        let left = [1, 2, 3].map(|n| is_there(&disk, FileNumber::new(n)));
        assert_eq!(left, [false, true, true]);
    });
}
