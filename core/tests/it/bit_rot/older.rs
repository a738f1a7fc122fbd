//! Files that are older than the rest, as a backup tool or a restored disk image leaves them. Of a table, CURRENT, IDENTITY and a log
//! that is closed an older copy is told; of the log in use and of MANIFEST it is where another file contradicts, and then what is
//! read is a moment that was. A file that was removed and is back changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker::env::fs::FileSystem;
use esker::env::sim_fs::{CrashImage, SimFs};
use esker::{Db, ErrorKind, Options, WriteBatch, WriteOptions};

use super::golden::{bytes_of, files_of, open, read_all, replace};
use crate::support::oracle::Contents;
use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

/// Where the first record of a log lies (docs/format/wal.md).
const FIRST_RECORD: usize = 1024;

/// What lay on the disk at a moment when everything was synced, and what a reader saw.
struct Moment {
    disk: SimFs,
    contents: Contents,
}

fn options() -> Options {
    Options { manifest_rotate_size: 1 << 10, ..tiny_options() }
}

/// A life with flushes, compactions, logs that are full, new MANIFESTs and a family that comes, with a look at the disk after each.
fn moments() -> Vec<Moment> {
    let disk = SimFs::new(9);
    let db = Db::open_in(inline(Arc::new(disk.clone())), DIR, &options()).unwrap();
    let mut moments = Vec::new();
    let mut look = |db: &Db| {
        moments.push(Moment { disk: disk.crash(CrashImage::Everything), contents: read_all(db).unwrap() });
    };
    let notes = db.create_family("notes", &esker::FamilyOptions::default()).unwrap();
    for step in 0..12u8 {
        let mut batch = WriteBatch::new();
        for n in 0..20u8 {
            batch.put(format!("key{:02}", (n * 7 + step) % 40).as_bytes(), &[step; 30]).unwrap();
        }
        batch.put_in(notes.id(), &[b'n', step], &[step; 3]).unwrap();
        db.write_with(&batch, &WriteOptions::sync()).unwrap();
        look(&db);
        match step % 4 {
            1 => db.flush().unwrap(),
            // More than a log holds.
            2 => db.put_with("large", vec![step; 70 << 10], &WriteOptions::sync()).unwrap(),
            3 => db.compact_range(None, None).unwrap(),
            _ => {}
        }
        db.put_with([b'm', step], "the last of the step", &WriteOptions::sync()).unwrap();
        look(&db);
    }
    moments
}

fn is_one_of(path: &Path, ends: &[&str]) -> bool {
    ends.iter().any(|end| path.to_string_lossy().ends_with(end))
}

#[test]
fn a_file_that_is_older_than_the_rest() {
    let moments = moments();
    let (last, earlier) = moments.split_last().unwrap();
    let in_use = log_in_use(&last.disk);
    let (mut told, mut right, mut a_moment) = (0, 0, 0);
    for (then, path) in
        copies(earlier, |path, bytes| last.disk.stat(path).unwrap().is_some() && *bytes != bytes_of(&last.disk, path))
    {
        let disk = last.disk.crash(CrashImage::Everything);
        replace(&disk, &path, &bytes_of(&earlier[then].disk, &path));
        let what = format!("{} as it was at moment {then}", path.display());
        match open(&disk, &options()).and_then(|db| read_all(&db)) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corruption, "{what}: {error:?}");
                assert!(error.file().is_some(), "{what}: {error:?} names no file");
                told += 1;
            }
            Ok(found) => {
                let may = path == in_use || path.to_string_lossy().contains("MANIFEST");
                assert!(may, "{what}: went unnoticed");
                right += u32::from(found == last.contents);
                assert!(moments.iter().any(|moment| moment.contents == found), "{what}: nobody ever saw this");
                a_moment += 1;
            }
        }
    }
    println!("{told} told, {a_moment} read as a moment that was, {right} of these as the last");
    assert!(told > 10, "{told}");
}

#[test]
fn a_file_that_was_removed_and_is_back() {
    let moments = moments();
    let (last, earlier) = moments.split_last().unwrap();
    let mut back = [0, 0, 0];
    for (then, path) in copies(earlier, |path, _| last.disk.stat(path).unwrap().is_none()) {
        let disk = last.disk.crash(CrashImage::Everything);
        replace(&disk, &path, &bytes_of(&earlier[then].disk, &path));
        let what = format!("{} of moment {then} is back", path.display());
        let found = open(&disk, &options()).and_then(|db| read_all(&db)).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        assert!(found == last.contents, "{what}: it shows something else");
        for (count, end) in back.iter_mut().zip([".sst", ".wal", "MANIFEST-"]) {
            *count += u32::from(path.to_string_lossy().contains(end));
        }
    }
    println!("tables, logs and MANIFESTs back: {back:?}");
    assert!(back.iter().all(|count| *count > 0), "{back:?}");
}

/// The files of `moments` that are of interest, each copy that differs from the one before it: (moment, path).
fn copies(moments: &[Moment], of_interest: impl Fn(&Path, &Vec<u8>) -> bool) -> Vec<(usize, PathBuf)> {
    let mut copies = Vec::new();
    let mut before = std::collections::HashMap::new();
    for (then, moment) in moments.iter().enumerate() {
        for path in files_of(&moment.disk) {
            let bytes = bytes_of(&moment.disk, &path);
            if of_interest(&path, &bytes) && before.get(&path) != Some(&bytes) {
                copies.push((then, path.clone()));
            }
            before.insert(path, bytes);
        }
    }
    copies
}

/// The log that is written to: the newest that has a record; one without is prepared for the time when it is full.
fn log_in_use(disk: &SimFs) -> PathBuf {
    let mut files = files_of(disk);
    files.retain(|path| {
        is_one_of(path, &[".wal"]) && bytes_of(disk, path)[FIRST_RECORD..].iter().any(|byte| *byte != 0)
    });
    files.pop().unwrap()
}
