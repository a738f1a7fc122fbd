//! A full disk: the call that meets it says so, nothing acknowledged is lost, reads go on, and when there is room again writes
//! work without reopening. On a simulated disk of every size, and on a real tmpfs of one mebibyte where root may mount one.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use esker::env::sim_fs::SimFs;
use esker::{Db, ErrorKind, Options};

use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

/// Fills until there is no room; returns how many values were acknowledged.
fn fill(db: &Db, len: usize) -> usize {
    for n in 0..100_000 {
        match db.put(format!("k{n:06}"), vec![n as u8; len]) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
                return n;
            }
        }
    }
    panic!("the disk never filled up");
}

fn check(db: &Db, count: usize, len: usize) {
    for n in 0..count {
        let got = db.get(format!("k{n:06}")).unwrap();
        assert_eq!(got.as_deref(), Some(&vec![n as u8; len][..]), "k{n:06} of {count}");
    }
    assert_eq!(db.get(format!("k{count:06}")).unwrap(), None, "what was refused must not be there");
}

#[test]
fn a_simulated_disk_of_many_sizes_fills_up_and_gets_room_again() {
    for capacity in (300 << 10..1 << 20).step_by(37 << 10) {
        let disk = SimFs::new(capacity);
        disk.set_capacity(Some(capacity));
        let db = Db::open_in(inline(Arc::new(disk.clone())), DIR, &tiny_options()).unwrap();
        let count = fill(&db, 900);
        assert!(db.poisoned().is_none(), "{capacity}: a full disk poisons nothing: {:?}", db.poisoned());
        check(&db, count, 900);
        disk.set_capacity(None);
        db.put("after", "there is room").unwrap_or_else(|error| panic!("{capacity}: {error:?}"));
        db.flush().unwrap();
        check(&db, count, 900);
        db.close().unwrap();
        let db = Db::open_in(inline(Arc::new(disk.clone())), DIR, &tiny_options()).unwrap();
        check(&db, count, 900);
        assert_eq!(db.get("after").unwrap().as_deref(), Some(&b"there is room"[..]));
    }
}

#[test]
fn a_full_disk_at_open_loses_nothing() {
    let disk = SimFs::new(5);
    let options = tiny_options();
    let db = Db::open_in(inline(Arc::new(disk.clone())), DIR, &options).unwrap();
    for n in 0..50 {
        db.put(format!("k{n:06}"), vec![n as u8; 100]).unwrap();
    }
    let disk = disk.crash(esker::env::sim_fs::CrashImage::Everything);
    disk.set_capacity(Some(disk.used_bytes()));
    let error = Db::open_in(inline(Arc::new(disk.clone())), DIR, &options).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
    disk.set_capacity(None);
    check(&Db::open_in(inline(Arc::new(disk.clone())), DIR, &options).unwrap(), 50, 100);
}

/// A tmpfs that goes away with the value.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Tmpfs> {
        let dir = tempfile::tempdir().ok()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .output();
        mounted.ok()?.status.success().then(|| Tmpfs(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn a_tmpfs_of_one_mebibyte_with_a_ballast_file() {
    let Some(tmpfs) = Tmpfs::mount("1m") else {
        println!("SKIPPED: mounting a tmpfs needs root");
        return;
    };
    let ballast = tmpfs.path().join("ballast");
    std::fs::write(&ballast, vec![1; 300 << 10]).unwrap();
    let dir = tmpfs.path().join("db");
    let db = Db::open(&dir, &Options::default()).unwrap();
    let count = fill(&db, 1000);
    assert!(count > 50, "only {count} values fitted");
    check(&db, count, 1000);
    std::fs::remove_file(&ballast).unwrap();
    for n in 0..20 {
        db.put(format!("after{n}"), vec![3; 1000]).unwrap();
    }
    check(&db, count, 1000);
    db.close().unwrap();
    // A read-write open would write what is in the log to a table first, and two of these do not fit here.
    let error = Db::open(&dir, &Options::default()).map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    let db = Db::open(&dir, &Options { read_only: true, ..Options::default() }).unwrap();
    check(&db, count, 1000);
    assert_eq!(db.get("after19").unwrap().as_deref(), Some(&vec![3; 1000][..]));
    db.close().unwrap();
}
