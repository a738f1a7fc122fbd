//! Target `directory`: the golden database with any of its files changed, cut, swapped or missing, and the sums following, so
//! that layers contradict each other where single files are beyond reproach. Verified, opened, read, written, opened again.

use std::path::Path;

use crate::db::verify::verify;
use crate::db::{ColumnFamily, Db, ReadOptions};
use crate::env::filename::FileKind;
use crate::env::fs::FileSystem;
use crate::env::sim_fs::{CrashImage, SimFs};
use crate::error::{Error, ErrorKind, Result};
use crate::fuzzing::golden::{DIR, disk, environment, files, must, options, write};
use crate::fuzzing::refit;
use crate::util::coding::Reader;
use crate::version::identity::Identity;

/// No file of the golden database grows beyond this.
const MAX_FILE_LEN: usize = 64 << 10;

type Contents = Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)>;

/// One change to one file: `what, which, offset (2 bytes), length, bytes`.
fn change(reader: &mut Reader<'_>, files: &mut Vec<(FileKind, Vec<u8>)>) -> Option<()> {
    let (what, which) = (reader.u8()?, usize::from(reader.u8()?));
    let offset = usize::from(reader.u8()?) | usize::from(reader.u8()?) << 8;
    let len = usize::from(reader.u8()?);
    let taken = reader.bytes(len.min(reader.rest().len()))?;
    if files.is_empty() {
        return None;
    }
    let which = which % files.len();
    let from = usize::from(taken.first().copied().unwrap_or_default()) % files.len();
    let other = files[from].1.clone();
    let bytes = &mut files[which].1;
    let at = offset.min(bytes.len());
    match what % 6 {
        0 => bytes.iter_mut().skip(at).zip(taken).for_each(|(to, from)| *to = *from),
        1 => bytes.truncate(at),
        2 if bytes.len() < MAX_FILE_LEN => drop(bytes.splice(at..at, taken.iter().copied())),
        3 => drop(bytes.drain(at..(at + len).min(bytes.len()))),
        4 => *bytes = other,
        5 => drop(files.remove(which)),
        _ => {}
    }
    Some(())
}

/// `flags, changes`: flag 1 leaves the sums as they are. Whether the database opened and could be read.
pub fn check(data: &[u8]) -> bool {
    let mut reader = Reader::new(data);
    let Some(flags) = reader.u8() else { return false };
    let disk = disk();
    let mut files = files(&disk);
    let identity = files.iter().find(|(kind, _)| *kind == FileKind::Identity);
    let uuid = identity.and_then(|(_, bytes)| Identity::decode(bytes)).map_or(0, |identity| identity.uuid);
    for (kind, _) in &files {
        must(disk.remove(&Path::new(DIR).join(kind.name())));
    }
    while change(&mut reader, &mut files).is_some() {}
    for (kind, bytes) in &mut files {
        if flags & 1 == 0 {
            refit::file(*kind, bytes, uuid);
        }
        write(&disk, *kind, bytes);
    }
    live(&disk.crash(CrashImage::Everything))
}

fn check_error(error: &Error) -> bool {
    let known = [
        ErrorKind::Corruption,
        ErrorKind::Format,
        // An unknown key order, operator or setting; a directory that is no database.
        ErrorKind::InvalidArgument,
        ErrorKind::NotFound,
        // Operands that the family's operator does not take.
        ErrorKind::Unsupported,
        // A background job met one of these.
        ErrorKind::Poisoned,
    ];
    assert!(known.contains(&error.kind()), "{error:?}");
    false
}

/// Verifies, opens, reads, writes and opens again.
fn live(disk: &SimFs) -> bool {
    let before = disk.digest();
    if let Err(error) = verify(&environment(disk), Path::new(DIR), &options()) {
        check_error(&error);
    }
    assert_eq!(disk.digest(), before, "verify changed something");
    let db = match Db::open_in(environment(disk), DIR, &options()) {
        Ok(db) => db,
        Err(error) => return check_error(&error),
    };
    let contents = match read(&db) {
        Ok(contents) => contents,
        Err(error) => {
            db.close().err().map(|error| check_error(&error));
            return check_error(&error);
        }
    };
    let wrote = db.put("zz written later", "1").and_then(|()| db.flush()).and_then(|()| db.close());
    if let Err(error) = wrote {
        return check_error(&error);
    }
    drop(db);
    let again = Db::open_in(environment(disk), DIR, &options()).and_then(|db| read(&db));
    match again {
        Ok(mut again) => {
            // Of whichever family: a forged MANIFEST may call the default one otherwise.
            for (_, entries) in &mut again {
                entries.retain(|(key, _)| key != b"zz written later");
            }
            assert!(again == contents, "the second open shows something else");
            true
        }
        Err(error) => unreachable!("was opened, read, written and closed; the second open says {error:?}"),
    }
}

/// Everything, forwards, backwards and by get.
fn read(db: &Db) -> Result<Contents> {
    let mut contents = Contents::new();
    for name in db.families()? {
        let family = db.family(&name)?;
        let forward = scan(db, &family, true)?;
        let mut backward = scan(db, &family, false)?;
        backward.reverse();
        assert!(forward == backward, "the two directions differ in family {name:?}");
        for (key, value) in &forward {
            let found = db.get_in(&family, key, &ReadOptions::default())?;
            assert_eq!(found.as_deref(), Some(&value[..]), "get of {key:?}, which a scan shows");
        }
        contents.push((name, forward));
    }
    Ok(contents)
}

fn scan(db: &Db, family: &ColumnFamily, forward: bool) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut entries = Vec::new();
    let mut iter = db.iter_in(family, &ReadOptions::default())?;
    if forward { iter.seek_to_first() } else { iter.seek_to_last() }?;
    while iter.valid() {
        assert!(entries.len() < 1 << 20, "a scan does not end");
        entries.push((iter.key().to_vec(), iter.value().to_vec()));
        if forward { iter.next() } else { iter.prev() }?;
    }
    Ok(entries)
}

/// No change at all, and changes behind the end of each file, from which mutations find their way to the front.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![vec![0], vec![1]];
    for which in 0..files(&disk()).len() as u8 {
        seeds.push(vec![0, 0, which, 0xff, 0xff, 3, 1, 2, 3, 0, which, 0xff, 0xff, 1, 0xff]);
    }
    seeds
}
