//! What recovery refuses although each file is beyond reproach: a MANIFEST that says what no open can go on from. Nothing may be
//! changed by such an open.

use std::path::Path;

use crate::db::{Db, Environment};
use crate::env::clock::TestClock;
use crate::env::filename::FileKind;
use crate::env::fs::{FileSystem, OpenMode};
use crate::env::sim_fs::{CrashImage, SimFs};
use crate::error::{Error, ErrorKind};
use crate::key::family::FamilyId;
use crate::key::order::Order;
use crate::key::sequence::SeqNo;
use crate::options::Options;
use crate::record::{Decoded, FileSource, Place, encode_record, file_identity, read_record};
use crate::util::sync::Arc;
use crate::version::edit::{FamilySetting, VersionEdit};
use crate::version::identity;
use crate::version::manifest::{Manifest, ManifestOptions};
use crate::version::orders::Orders;
use crate::wal::FIRST_RECORD;

const DIR: &str = "/db";

/// A database of which nobody wrote more than its MANIFEST, with `edit` in it.
fn with_edit(edit: VersionEdit) -> SimFs {
    let sim = SimFs::new(1);
    let fs: Arc<dyn FileSystem> = Arc::new(sim.clone());
    let dir = Path::new(DIR);
    fs.create_dir(dir).unwrap();
    let options = ManifestOptions::default();
    let mut manifest = Manifest::create(&fs, dir, Orders::new(), &Order::Bytewise, Vec::new(), options).unwrap();
    manifest.apply(edit).unwrap();
    sim
}

fn open(sim: &SimFs, options: &Options) -> Result<Db, Error> {
    Db::open_in(Environment::inline(Arc::new(sim.clone()), Arc::new(TestClock::at(1))), DIR, options)
}

/// Why the database is refused, read-write and read-only; neither open changes anything but the lock.
fn refused(sim: &SimFs) -> Error {
    let (_, lock) = (open(sim, &Options::default()), sim.digest());
    let error = open(sim, &Options::default()).map(drop).unwrap_err();
    assert_eq!(sim.digest(), lock, "{error} and a change");
    let read_only = Options { read_only: true, ..Options::default() };
    assert_eq!(open(sim, &read_only).map(drop).unwrap_err().to_string(), error.to_string());
    error
}

#[test]
fn what_was_synced_in_a_log_that_manifest_does_not_name_is_lost() {
    let sim = with_edit(VersionEdit { synced_through: SeqNo::new(5), ..VersionEdit::default() });
    let error = refused(&sim);
    assert_eq!(error.kind(), ErrorKind::Corruption);
    assert!(error.message().contains("names no WAL segment, but MANIFEST vouches for sequence number 5"), "{error}");
}

#[test]
fn a_logged_batch_that_does_not_decode_is_damage_at_its_place() {
    let made = SimFs::new(1);
    let db = open(&made, &Options::default()).unwrap();
    db.put("k", "v").unwrap();
    let sim = made.crash(CrashImage::Everything);
    drop(db);
    let uuid = identity::read(&sim, Path::new(DIR)).unwrap().unwrap().uuid;
    let names = sim.list(Path::new(DIR)).unwrap();
    let forged = names.iter().filter_map(|name| FileKind::parse(name)).find_map(|kind| {
        let FileKind::Wal(number) = kind else { return None };
        let path = Path::new(DIR).join(kind.name());
        let (file, identity) = (sim.open(&path, OpenMode::ReadWrite).unwrap(), file_identity(uuid, number));
        let mut source = FileSource::new(Arc::clone(&file)).unwrap();
        let Decoded::Record(link) = read_record(&mut source, identity, FIRST_RECORD).unwrap() else { return None };
        let offset = link.next_offset;
        let Decoded::Record(batch) = read_record(&mut source, identity, offset).unwrap() else { return None };
        let mut bytes = Vec::new();
        let payload = vec![0xee; batch.payload.len()];
        encode_record(&mut bytes, Place { identity, offset }, &batch.header, &payload).unwrap();
        file.write_at(&bytes, offset).unwrap();
        Some((path, offset))
    });
    let (path, offset) = forged.unwrap();
    let error = refused(&sim);
    assert_eq!((error.kind(), error.file(), error.offset()), (ErrorKind::Corruption, Some(&*path), Some(offset)));
}

#[test]
fn a_setting_that_this_version_does_not_know_is_unsupported() {
    let setting = FamilySetting { family: FamilyId::DEFAULT, name: "colour".to_owned(), value: "blue".to_owned() };
    let error = refused(&with_edit(VersionEdit { family_settings: vec![setting], ..VersionEdit::default() }));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("\"default\" has a setting from another version"), "{error}");
}

#[test]
fn a_database_whose_numbers_are_used_up_can_still_be_read() {
    let sim = with_edit(VersionEdit { last_seqno: SeqNo::new(SeqNo::MAX.get() - 9), ..VersionEdit::default() });
    let error = open(&sim, &Options::default()).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("used up") && error.file() == Some(Path::new(DIR)), "{error}");
    let read_only = Options { read_only: true, ..Options::default() };
    assert_eq!(open(&sim, &read_only).unwrap().get("k").unwrap().as_deref(), None);
}

#[test]
fn a_database_that_lost_its_default_family_is_damaged() {
    let sim = with_edit(VersionEdit { families_dropped: vec![FamilyId::DEFAULT], ..VersionEdit::default() });
    let error = refused(&sim);
    assert_eq!(error.kind(), ErrorKind::Corruption);
    assert!(error.message().contains("no default column family"), "{error}");
}
