//! T1, while nothing crashes: what processes see of the simulated disk, its space and its list of operations, statement by
//! statement. What crashes leave of bytes is in `content_tests`, of names in `crash_tests`.

use std::path::{Path, PathBuf};

use crate::env::fs::{File, FileSystem, FileType, LockMode, OpenMode, is_not_found, read_exact_at};
use crate::env::op::{Op, OpKind};
use crate::env::sim_fs::{CrashImage, SimFs};
use crate::error::{Error, ErrorKind};
use crate::util::sync::Arc;

pub(super) const IMAGES_PER_TEST: u64 = 40;

pub(super) fn dir() -> &'static Path {
    Path::new("/d")
}

pub(super) fn path(name: &str) -> PathBuf {
    dir().join(name)
}

/// A disk with the directory `/d`.
pub(super) fn disk() -> SimFs {
    let sim = SimFs::new(7);
    assert!(sim.create_dir(dir()).unwrap());
    sim
}

pub(super) fn create(sim: &SimFs, name: &str) -> Arc<dyn File> {
    sim.open(&path(name), OpenMode::CreateNew).unwrap()
}

/// A file that no crash can take.
pub(super) fn durable(sim: &SimFs, name: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = create(sim, name);
    file.write_at(bytes, 0).unwrap();
    file.sync().unwrap();
    sim.sync_dir(dir()).unwrap();
    file
}

pub(super) fn content(sim: &SimFs, name: &str) -> Vec<u8> {
    let file = sim.open(&path(name), OpenMode::Read).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    read_exact_at(&*file, &mut bytes, 0).unwrap();
    bytes
}

pub(super) fn exists(sim: &SimFs, name: &str) -> bool {
    sim.stat(&path(name)).unwrap().is_some()
}

/// Every image of many seeds.
pub(super) fn images() -> impl Iterator<Item = CrashImage> {
    (0..IMAGES_PER_TEST).flat_map(CrashImage::all)
}

fn errno(error: &Error) -> i32 {
    error.io_source().unwrap().raw_os_error().unwrap()
}

// What processes see.

#[test]
fn what_is_written_is_read_at_once() {
    let sim = disk();
    let file = create(&sim, "f");
    file.write_at(b"hello", 0).unwrap();
    assert_eq!(content(&sim, "f"), b"hello");
}

#[test]
fn a_write_behind_the_end_leaves_zeros_between() {
    let sim = disk();
    create(&sim, "f").write_at(b"x", 5000).unwrap();
    let bytes = content(&sim, "f");
    assert_eq!((bytes.len(), bytes[5000]), (5001, b'x'));
    assert!(bytes[..5000].iter().all(|&b| b == 0));
}

#[test]
fn a_write_over_page_boundaries_is_whole() {
    let sim = disk();
    let bytes: Vec<u8> = (0..20_000u32).map(|i| i as u8 ^ (i >> 8) as u8).collect();
    let file = create(&sim, "f");
    file.write_at(&bytes, 0).unwrap();
    file.write_at(&bytes[100..9000], 100).unwrap();
    assert_eq!(content(&sim, "f"), bytes);
}

#[test]
fn reads_are_short_only_at_the_end() {
    let sim = disk();
    let file = durable(&sim, "f", b"hello");
    let mut buf = [0; 4];
    assert_eq!(file.read_at(&mut buf, 3).unwrap(), 2);
    assert_eq!(file.read_at(&mut buf, 5).unwrap(), 0);
    assert_eq!(file.read_at(&mut buf, 1 << 40).unwrap(), 0);
    assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
}

#[test]
fn impossible_offsets_are_errors() {
    let file = create(&disk(), "f");
    assert_eq!(errno(&file.read_at(&mut [0; 4], u64::MAX).unwrap_err()), libc::EINVAL);
    assert_eq!(errno(&file.write_at(&[0; 4], u64::MAX).unwrap_err()), libc::EINVAL);
    assert_eq!(errno(&file.allocate(u64::MAX).unwrap_err()), libc::EFBIG);
    assert_eq!(errno(&file.truncate(u64::MAX).unwrap_err()), libc::EINVAL);
}

#[test]
fn all_handles_of_a_file_see_the_same() {
    let sim = disk();
    let file = create(&sim, "f");
    let other = sim.open(&path("f"), OpenMode::ReadWrite).unwrap();
    other.write_at(b"x", 0).unwrap();
    assert_eq!(file.len().unwrap(), 1);
    assert!(!file.is_empty().unwrap());
    assert_eq!(sim.open_files(), 2);
    drop((file, other));
    assert_eq!(sim.open_files(), 0);
}

#[test]
fn a_handle_for_reading_changes_nothing() {
    let sim = disk();
    drop(durable(&sim, "f", b"x"));
    let file = sim.open(&path("f"), OpenMode::Read).unwrap();
    assert_eq!(errno(&file.write_at(b"y", 0).unwrap_err()), libc::EBADF);
    assert_eq!(errno(&file.allocate(10).unwrap_err()), libc::EBADF);
    assert_eq!(errno(&file.truncate(0).unwrap_err()), libc::EBADF);
    file.sync().unwrap();
}

#[test]
fn errors_name_the_file_as_it_was_given() {
    let error = disk().open(Path::new("/d/./none"), OpenMode::Read).unwrap_err();
    assert!(is_not_found(&error));
    assert_eq!(error.file(), Some(Path::new("/d/./none")));
}

#[test]
fn a_new_file_needs_an_unused_name_in_a_directory() {
    let sim = disk();
    create(&sim, "f");
    let open = |name: &str| errno(&sim.open(Path::new(name), OpenMode::CreateNew).unwrap_err());
    assert_eq!(open("/d/f"), libc::EEXIST);
    assert_eq!(open("/d"), libc::EEXIST);
    assert_eq!(open("/none/f"), libc::ENOENT);
    assert_eq!(open("/d/f/g"), libc::ENOENT);
}

#[test]
fn a_directory_is_no_file() {
    let sim = disk();
    assert_eq!(errno(&sim.open(dir(), OpenMode::Read).unwrap_err()), libc::EISDIR);
    assert_eq!(errno(&sim.remove(dir()).unwrap_err()), libc::EISDIR);
    assert_eq!(errno(&sim.rename(dir(), &path("x")).unwrap_err()), libc::EISDIR);
    assert_eq!(sim.stat(dir()).unwrap().unwrap().file_type, FileType::Directory);
    assert_eq!(sim.stat(&path("f")).unwrap(), None);
}

#[test]
fn directories_are_made_once() {
    let sim = disk();
    assert!(!sim.create_dir(dir()).unwrap());
    assert!(sim.create_dir(&path("sub")).unwrap());
    create(&sim, "f");
    assert_eq!(errno(&sim.create_dir(&path("f")).unwrap_err()), libc::EEXIST);
    assert_eq!(errno(&sim.create_dir(&path("none/sub")).unwrap_err()), libc::ENOENT);
}

#[test]
fn a_listing_has_every_name_of_one_directory() {
    let sim = disk();
    create(&sim, "b");
    create(&sim, "a");
    sim.create_dir(&path("sub")).unwrap();
    sim.open(&path("sub/inner"), OpenMode::CreateNew).unwrap();
    assert_eq!(sim.list(dir()).unwrap(), ["a", "b", "sub"]);
    assert_eq!(sim.list(Path::new("/")).unwrap(), ["d"]);
    assert!(is_not_found(&sim.list(Path::new("/none")).unwrap_err()));
}

#[test]
fn relative_paths_have_a_directory_too() {
    let sim = SimFs::new(0);
    sim.create_dir(Path::new("db")).unwrap();
    sim.open(Path::new("db/f"), OpenMode::CreateNew).unwrap();
    assert!(sim.stat(Path::new("./db/f")).unwrap().is_some());
    sim.sync_dir(Path::new(".")).unwrap();
}

#[test]
fn a_rename_replaces_its_target() {
    let sim = disk();
    durable(&sim, "old", b"old");
    durable(&sim, "new", b"new");
    sim.rename(&path("new"), &path("old")).unwrap();
    assert_eq!(content(&sim, "old"), b"new");
    assert!(!exists(&sim, "new"));
    assert!(is_not_found(&sim.rename(&path("new"), &path("x")).unwrap_err()));
    assert_eq!(errno(&sim.rename(&path("old"), dir()).unwrap_err()), libc::EISDIR);
}

#[test]
fn a_rename_to_itself_changes_nothing() {
    let sim = disk();
    durable(&sim, "f", b"x");
    sim.rename(&path("f"), &path("f")).unwrap();
    assert_eq!(content(&sim, "f"), b"x");
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), b"x");
}

#[test]
fn a_removed_file_stays_readable_while_it_is_open() {
    let sim = disk();
    let file = durable(&sim, "f", b"x");
    sim.remove(&path("f")).unwrap();
    sim.sync_dir(dir()).unwrap();
    assert_eq!(file.read_at(&mut [0; 1], 0).unwrap(), 1);
    assert_eq!(sim.used_bytes(), 4096);
    drop(file);
    assert_eq!(sim.used_bytes(), 0);
    assert!(is_not_found(&sim.remove(&path("f")).unwrap_err()));
}

#[test]
fn a_lock_excludes_by_its_mode_and_a_drop_frees_it() {
    let sim = disk();
    let held = sim.lock(&path("LOCK"), LockMode::Exclusive).unwrap();
    assert!(exists(&sim, "LOCK"));
    let refused = sim.lock(&path("LOCK"), LockMode::Shared).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    assert!(refused.message().contains(&std::process::id().to_string()));
    drop(held);
    let readers =
        (sim.lock(&path("LOCK"), LockMode::Shared).unwrap(), sim.lock(&path("LOCK"), LockMode::Shared).unwrap());
    assert!(sim.lock(&path("LOCK"), LockMode::Exclusive).is_err());
    drop(readers);
    sim.lock(&path("LOCK"), LockMode::Exclusive).unwrap();
}

#[test]
fn a_crash_frees_the_locks_and_leaves_the_old_process_its_own_disk() {
    let sim = disk();
    let _held = sim.lock(&path("LOCK"), LockMode::Exclusive).unwrap();
    let file = create(&sim, "f");
    let after = sim.crash(CrashImage::Killed);
    after.lock(&path("LOCK"), LockMode::Exclusive).unwrap();
    assert_eq!(after.open_files(), 0);
    file.write_at(b"from the grave", 0).unwrap();
    assert_eq!(content(&after, "f"), b"");
}

#[test]
fn random_numbers_repeat_with_the_seed_and_not_within_a_disk() {
    let draw = |sim: &SimFs| [sim.random_u64(), sim.random_u64(), sim.random_u64()];
    let (a, b) = (SimFs::new(1), SimFs::new(1));
    let first = draw(&a);
    assert_eq!(first, draw(&b));
    assert_ne!(first, draw(&SimFs::new(2)));
    let later = draw(&a.crash(CrashImage::Everything));
    assert!(first.iter().all(|n| !later.contains(n)), "the process after the crash draws others");
    assert_eq!(later, draw(&b.crash(CrashImage::NothingUnsynced)));
}

// Space.

#[test]
fn allocated_bytes_read_as_zero_and_take_blocks() {
    let sim = disk();
    let file = durable(&sim, "f", b"x");
    file.allocate(10_000).unwrap();
    assert_eq!(sim.used_bytes(), 3 * 4096);
    let bytes = content(&sim, "f");
    assert_eq!((bytes.len(), bytes[0]), (10_000, b'x'));
    assert!(bytes[1..].iter().all(|&b| b == 0));
    file.allocate(5).unwrap();
    assert_eq!(file.len().unwrap(), 10_000, "allocate never shortens");
}

#[test]
fn synced_allocated_bytes_are_zero_after_any_crash() {
    let sim = disk();
    let file = durable(&sim, "f", b"");
    file.allocate(8192).unwrap();
    file.sync().unwrap();
    for image in images() {
        assert_eq!(content(&sim.crash(image), "f"), [0; 8192]);
    }
    file.write_at(&[1; 8192], 0).unwrap();
    let bytes = content(&sim.crash(CrashImage::GarbageTail { seed: 1 }), "f");
    assert_eq!(bytes, [0; 8192], "they were synced: no garbage");
}

#[test]
fn unsynced_allocated_bytes_may_be_garbage() {
    let sim = disk();
    durable(&sim, "f", b"").allocate(8192).unwrap();
    assert_ne!(content(&sim.crash(CrashImage::GarbageTail { seed: 1 }), "f"), [0; 8192]);
}

#[test]
fn a_full_disk_refuses_new_blocks() {
    let sim = disk();
    let file = durable(&sim, "f", &[1; 4096]);
    sim.set_capacity(Some(2 * 4096));
    file.write_at(&[2; 4096], 4096).unwrap();
    assert_eq!(file.write_at(&[3; 1], 8192).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(file.allocate(8193).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(file.len().unwrap(), 8192);
    assert_eq!(sim.open(&path("g"), OpenMode::CreateNew).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(sim.create_dir(&path("sub")).unwrap_err().kind(), ErrorKind::NoSpace);
    assert!(!exists(&sim, "g") && !exists(&sim, "sub"));
}

#[test]
fn a_write_into_a_full_disk_is_done_as_far_as_it_goes() {
    let sim = disk();
    let file = durable(&sim, "f", b"");
    sim.set_capacity(Some(4096));
    assert_eq!(file.write_at(&[7; 10_000], 0).unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(content(&sim, "f"), [7; 4096]);
}

#[test]
fn allocated_blocks_can_be_written_on_a_full_disk() {
    let sim = disk();
    let file = durable(&sim, "f", b"");
    sim.set_capacity(Some(3 * 4096));
    file.allocate(3 * 4096).unwrap();
    assert_eq!(sim.used_bytes(), 3 * 4096);
    file.write_at(&[1; 3 * 4096], 0).unwrap();
    file.write_at(&[2; 3 * 4096], 0).unwrap();
    file.sync().unwrap();
    sim.rename(&path("f"), &path("g")).unwrap();
    sim.sync_dir(dir()).unwrap();
}

#[test]
fn removing_and_cutting_make_room() {
    let sim = disk();
    drop(durable(&sim, "a", &[1; 4096]));
    let b = durable(&sim, "b", &[1; 8192]);
    sim.set_capacity(Some(3 * 4096));
    assert!(sim.open(&path("c"), OpenMode::CreateNew).is_err());
    sim.remove(&path("a")).unwrap();
    create(&sim, "c").write_at(&[1; 4096], 0).unwrap();
    b.truncate(100).unwrap();
    create(&sim, "e").write_at(&[1; 4096], 0).unwrap();
    assert_eq!(sim.used_bytes(), 3 * 4096);
}

#[test]
fn a_replaced_file_makes_room() {
    let sim = disk();
    drop(durable(&sim, "a", &[1; 4096]));
    drop(durable(&sim, "b", &[1; 4096]));
    sim.rename(&path("a"), &path("b")).unwrap();
    assert_eq!(sim.used_bytes(), 4096);
}

#[test]
fn the_capacity_outlives_a_crash_and_can_be_lifted() {
    let sim = disk();
    sim.set_capacity(Some(0));
    let after = sim.crash(CrashImage::Everything);
    assert!(after.open(&path("f"), OpenMode::CreateNew).is_err());
    after.set_capacity(None);
    create(&after, "f").write_at(&[1; 100_000], 0).unwrap();
}

// Operations.

#[test]
fn operations_are_those_that_change_something() {
    let sim = SimFs::new(0);
    sim.create_dir(Path::new("/d")).unwrap();
    let file = create(&sim, "f");
    file.write_at(b"abc", 4).unwrap();
    file.read_at(&mut [0; 3], 0).unwrap();
    file.allocate(100).unwrap();
    file.truncate(7).unwrap();
    file.sync().unwrap();
    sim.list(dir()).unwrap();
    sim.stat(dir()).unwrap();
    sim.rename(&path("f"), &path("g")).unwrap();
    sim.remove(&path("g")).unwrap();
    sim.open(&path("g"), OpenMode::Read).unwrap_err();
    let f = path("f");
    let expected = [
        Op::new(OpKind::CreateDir, dir()),
        Op::new(OpKind::SyncDir, Path::new("/")),
        Op::new(OpKind::Create, &*f),
        Op::new(OpKind::Write, &*f).at(4, 3),
        Op::new(OpKind::Allocate, &*f).at(100, 0),
        Op::new(OpKind::Truncate, &*f).at(7, 0),
        Op::new(OpKind::Sync, &*f),
        Op::new(OpKind::Rename, &*f).to(&path("g")),
        Op::new(OpKind::Remove, &*path("g")),
    ];
    assert_eq!(sim.ops(), expected);
    assert_eq!(sim.op_count(), expected.len() as u64);
}

#[test]
fn a_long_run_need_not_keep_its_list() {
    let sim = disk();
    let before = sim.ops().len();
    sim.record_ops(false);
    durable(&sim, "f", b"x");
    assert_eq!(sim.ops().len(), before);
    assert_eq!(sim.op_count(), before as u64 + 4);
}
