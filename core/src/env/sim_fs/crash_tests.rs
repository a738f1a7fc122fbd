//! T1, names and images: what a crash leaves of directory entries, that recorded states are what they say, and torn
//! writes. Bytes are in `content_tests`.

use std::collections::BTreeSet;

use crate::env::fs::{FileSystem, OpenMode};
use crate::env::op::OpKind;
use crate::env::sim_fs::model_tests::{content, create, dir, disk, durable, exists, images, path};
use crate::env::sim_fs::plain_model::{name_script, script};
use crate::env::sim_fs::{CrashImage, SimFs};

fn names(sim: &SimFs) -> Vec<String> {
    sim.list(dir()).unwrap().into_iter().map(|name| name.into_string().unwrap()).collect()
}

/// The listings that crashes may leave.
fn listings(sim: &SimFs) -> BTreeSet<Vec<String>> {
    images().map(|image| names(&sim.crash(image))).collect()
}

fn set(listings: &[&[&str]]) -> BTreeSet<Vec<String>> {
    listings.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect()
}

// Directory entries.

#[test]
fn a_synced_file_without_a_synced_name_can_be_lost() {
    let sim = disk();
    let file = create(&sim, "f");
    file.write_at(b"x", 0).unwrap();
    file.sync().unwrap();
    assert!(!exists(&sim.crash(CrashImage::NothingUnsynced), "f"));
    assert!(!exists(&sim.crash(CrashImage::DirEntriesLost), "f"));
    assert_eq!(content(&sim.crash(CrashImage::DataLost), "f"), b"x");
}

#[test]
fn a_synced_directory_keeps_the_name_of_a_file_that_was_not_synced() {
    let sim = disk();
    create(&sim, "f").write_at(b"x", 0).unwrap();
    sim.sync_dir(dir()).unwrap();
    assert!(images().all(|image| exists(&sim.crash(image), "f")));
}

#[test]
fn creations_survive_independently() {
    let sim = disk();
    create(&sim, "a");
    create(&sim, "b");
    assert_eq!(listings(&sim), set(&[&[], &["a"], &["b"], &["a", "b"]]));
}

#[test]
fn a_removal_can_be_undone_until_its_directory_is_synced() {
    let sim = disk();
    drop(durable(&sim, "f", b"x"));
    sim.remove(&path("f")).unwrap();
    assert_eq!(listings(&sim), set(&[&[], &["f"]]));
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), b"x", "with its bytes");
    sim.sync_dir(dir()).unwrap();
    assert_eq!(listings(&sim), set(&[&[]]));
}

#[test]
fn a_file_made_and_removed_may_be_there() {
    let sim = disk();
    drop(create(&sim, "f"));
    sim.remove(&path("f")).unwrap();
    assert_eq!(listings(&sim), set(&[&[], &["f"]]));
}

#[test]
fn a_second_name_leads_to_the_same_bytes_and_can_be_lost_alone() {
    let sim = disk();
    drop(durable(&sim, "a", b"x"));
    sim.link(&path("a"), &path("b")).unwrap();
    assert_eq!((content(&sim, "b"), sim.used_bytes()), (b"x".to_vec(), 4096), "one file");
    assert_eq!(sim.link(&path("a"), &path("b")).unwrap_err().io_source().unwrap().raw_os_error(), Some(libc::EEXIST));
    assert_eq!(listings(&sim), set(&[&["a"], &["a", "b"]]));
    sim.sync_dir(dir()).unwrap();
    sim.remove(&path("a")).unwrap();
    assert_eq!(listings(&sim), set(&[&["b"], &["a", "b"]]));
    assert!(images().all(|image| content(&sim.crash(image), "b") == b"x"));
}

#[test]
fn a_rename_is_there_whole_or_not_at_all() {
    let sim = disk();
    durable(&sim, "a", b"x");
    sim.rename(&path("a"), &path("b")).unwrap();
    assert_eq!(listings(&sim), set(&[&["a"], &["b"]]));
    sim.sync_dir(dir()).unwrap();
    assert_eq!(listings(&sim), set(&[&["b"]]));
}

#[test]
fn a_replaced_file_is_old_or_new() {
    let sim = disk();
    durable(&sim, "current", b"old");
    durable(&sim, "temp", b"new");
    sim.rename(&path("temp"), &path("current")).unwrap();
    let seen: BTreeSet<_> = images().map(|image| content(&sim.crash(image), "current")).collect();
    assert_eq!(seen, BTreeSet::from([b"old".to_vec(), b"new".to_vec()]));
}

#[test]
fn a_rename_may_survive_the_loss_of_the_bytes() {
    let sim = disk();
    durable(&sim, "current", b"old");
    create(&sim, "temp").write_at(b"new", 0).unwrap();
    sim.rename(&path("temp"), &path("current")).unwrap();
    assert_eq!(content(&sim.crash(CrashImage::DataLost), "current"), b"", "the classical empty CURRENT");
}

#[test]
fn a_rename_may_survive_without_the_creation_before_it() {
    let sim = disk();
    create(&sim, "a");
    create(&sim, "b");
    sim.rename(&path("b"), &path("c")).unwrap();
    let seen = listings(&sim);
    assert!(seen.contains(&vec!["c".to_owned()]), "{seen:?}");
}

#[test]
fn a_later_removal_may_survive_an_earlier_rename() {
    let sim = disk();
    durable(&sim, "current", b"old");
    durable(&sim, "manifest-1", b"");
    durable(&sim, "temp", b"new");
    sim.rename(&path("temp"), &path("current")).unwrap();
    sim.remove(&path("manifest-1")).unwrap();
    let lost = images()
        .map(|image| sim.crash(image))
        .any(|after| content(&after, "current") == b"old" && !exists(&after, "manifest-1"));
    assert!(lost, "CURRENT names a file that is gone");
}

#[test]
fn syncing_a_directory_covers_what_happened_in_it_and_nothing_else() {
    let sim = disk();
    sim.create_dir(&path("sub")).unwrap();
    sim.open(&path("sub/inner"), OpenMode::CreateNew).unwrap();
    create(&sim, "f");
    sim.sync_dir(dir()).unwrap();
    let after = sim.crash(CrashImage::NothingUnsynced);
    assert!(exists(&after, "f") && exists(&after, "sub"));
    assert!(!exists(&after, "sub/inner"));
}

#[test]
fn a_rename_between_directories_needs_both_syncs() {
    let sim = disk();
    sim.create_dir(&path("sub")).unwrap();
    durable(&sim, "f", b"x");
    sim.rename(&path("f"), &path("sub/f")).unwrap();
    sim.sync_dir(&path("sub")).unwrap();
    for image in images() {
        let after = sim.crash(image);
        assert!(exists(&after, "sub/f"), "{image:?}");
    }
    assert!(images().any(|image| exists(&sim.crash(image), "f")), "the old name may be there still");
    sim.sync_dir(dir()).unwrap();
    assert!(images().all(|image| !exists(&sim.crash(image), "f")));
}

#[test]
fn a_directory_is_durable_when_create_dir_returns() {
    let sim = disk();
    sim.create_dir(&path("sub")).unwrap();
    assert!(images().all(|image| exists(&sim.crash(image), "sub")));
}

#[test]
fn what_is_in_a_lost_directory_is_lost() {
    let sim = SimFs::new(0);
    sim.record_states();
    sim.create_dir(dir()).unwrap();
    // Between the creation and the sync of the parent that `create_dir` does.
    let between = sim.state_before(1).unwrap();
    assert_eq!(between.crash(CrashImage::NothingUnsynced).stat(dir()).unwrap(), None);
    assert!(between.crash(CrashImage::Everything).stat(dir()).unwrap().is_some());
}

#[test]
fn a_directory_that_is_not_there_cannot_be_synced() {
    let sim = disk();
    create(&sim, "f");
    assert!(sim.sync_dir(&path("none")).is_err());
    assert!(sim.sync_dir(&path("f")).is_err());
}

// Recorded states.

#[test]
fn every_operation_has_its_state() {
    let sim = disk();
    sim.record_states();
    let first = sim.op_count();
    durable(&sim, "f", b"x");
    sim.remove(&path("f")).unwrap();
    let seen = |op| sim.state_before(op).unwrap().crash(CrashImage::Everything);
    assert!(!exists(&seen(first), "f"));
    assert_eq!(content(&seen(first + 1), "f"), b"");
    assert_eq!(content(&seen(first + 2), "f"), b"x");
    assert_eq!(content(&seen(first + 4), "f"), b"x");
    assert!(!exists(&seen(sim.op_count()), "f"));
    assert!(sim.state_before(first - 1).is_none() && sim.state_before(sim.op_count() + 1).is_none());
}

#[test]
fn recorded_states_never_change() {
    let sim = disk();
    let file = durable(&sim, "f", b"1");
    sim.record_states();
    file.write_at(b"2", 0).unwrap();
    let before = sim.state_before(sim.op_count() - 1).unwrap();
    let digest = before.crash(CrashImage::Everything).digest();
    file.write_at(b"3", 0).unwrap();
    file.truncate(0).unwrap();
    file.sync().unwrap();
    sim.remove(&path("f")).unwrap();
    sim.sync_dir(dir()).unwrap();
    assert_eq!(before.crash(CrashImage::Everything).digest(), digest);
    assert_eq!(content(&before.crash(CrashImage::NothingUnsynced), "f"), b"1");
}

#[test]
fn a_write_is_kept_half_done_as_well() {
    let sim = disk();
    let file = durable(&sim, "f", b"........");
    sim.record_states();
    file.write_at(b"12345678", 0).unwrap();
    let op = sim.op_count() - 1;
    assert_eq!(content(&sim.state_inside(op).unwrap().crash(CrashImage::Everything), "f"), b"1234....");
    file.sync().unwrap();
    assert!(sim.state_inside(op + 1).is_none(), "only writes have an inside");
    let points: Vec<String> = sim.crash_points().iter().map(ToString::to_string).collect();
    let expected = [
        format!("before operation {op}"),
        format!("inside operation {op}"),
        format!("before operation {}", op + 1),
        format!("before operation {}", op + 2),
    ];
    assert_eq!(points, expected);
}

#[test]
fn recording_again_starts_afresh() {
    let sim = disk();
    sim.record_states();
    durable(&sim, "f", b"x");
    sim.record_states();
    assert_eq!(sim.crash_points().len(), 1);
    create(&sim, "g");
    assert_eq!(sim.crash_points().len(), 2);
}

#[test]
fn two_runs_of_a_script_give_the_same_operations_and_disks() {
    let run = || {
        let sim = disk();
        sim.record_states();
        script(&sim, dir(), 11, 200);
        sim
    };
    let (a, b) = (run(), run());
    assert_eq!(a.ops(), b.ops());
    for (left, right) in a.crash_points().iter().zip(b.crash_points()).step_by(7) {
        for image in CrashImage::all(left.op) {
            assert_eq!(left.disk.crash(image).digest(), right.disk.crash(image).digest(), "{left}, {image:?}");
        }
    }
}

#[test]
fn the_same_image_is_the_same_disk_and_other_seeds_are_others() {
    let sim = disk();
    script(&sim, dir(), 3, 100);
    let digests: BTreeSet<u64> = (0..20).map(|seed| sim.crash(CrashImage::Random { seed }).digest()).collect();
    assert!(digests.len() > 10, "{}", digests.len());
    let again = |seed| sim.crash(CrashImage::Random { seed }).digest();
    assert_eq!(again(5), again(5));
}

#[test]
fn a_crash_leaves_a_clean_disk_except_a_kill() {
    let sim = disk();
    script(&sim, dir(), 4, 100);
    assert!(!sim.is_clean());
    for image in CrashImage::all(1) {
        let after = sim.crash(image);
        assert_eq!(after.is_clean(), image != CrashImage::Killed);
        if after.is_clean() {
            assert_eq!(after.digest(), after.crash(CrashImage::NothingUnsynced).digest());
        }
    }
}

#[test]
fn what_a_killed_process_left_unsynced_can_be_lost_later() {
    let sim = disk();
    durable(&sim, "f", b"old").write_at(b"new", 0).unwrap();
    let reopened = sim.crash(CrashImage::Killed);
    assert_eq!(content(&reopened, "f"), b"new");
    assert_eq!(content(&reopened.crash(CrashImage::NothingUnsynced), "f"), b"old");
}

#[test]
fn a_clean_disk_has_one_image() {
    let sim = disk();
    durable(&sim, "f", &[5; 5000]);
    let digests: BTreeSet<u64> = images().map(|image| sim.crash(image).digest()).collect();
    assert_eq!(digests, BTreeSet::from([sim.digest()]));
}

// Torn writes.

#[test]
fn only_the_last_write_is_torn() {
    let sim = disk();
    let file = durable(&sim, "f", &[b'o'; 4096]);
    file.write_at(&[b'1'; 1000], 0).unwrap();
    file.write_at(&[b'2'; 1000], 1000).unwrap();
    let mut torn = 0;
    for seed in 0..100 {
        let bytes = content(&sim.crash(CrashImage::TornLastWrite { seed }), "f");
        assert_eq!(bytes[..1000], [b'1'; 1000]);
        assert_eq!(bytes[2000..], [b'o'; 2096]);
        assert!(bytes[1000..2000].iter().all(|b| b"o2".contains(b)));
        torn += u32::from(bytes[1000..2000] != [b'2'; 1000]);
    }
    assert!(torn > 50, "{torn}");
}

#[test]
fn a_torn_append_may_end_early_or_in_garbage() {
    let sim = disk();
    let file = durable(&sim, "f", b"");
    file.write_at(&[b'x'; 3000], 0).unwrap();
    let seen: Vec<_> = (0..100).map(|seed| content(&sim.crash(CrashImage::TornLastWrite { seed }), "f")).collect();
    assert!(seen.iter().any(|bytes| bytes.len() < 3000 && bytes.iter().all(|&b| b == b'x')), "short");
    assert!(seen.iter().any(|bytes| bytes.len() == 3000 && bytes.iter().any(|&b| b != b'x' && b != 0)), "garbage");
    assert!(seen.iter().any(|bytes| bytes.len() == 3000 && bytes.last() == Some(&0)), "zeros");
    assert!(seen.iter().any(|bytes| bytes[..].starts_with(&[b'x'; 100]) && bytes[..] != [b'x'; 3000]), "a prefix");
}

#[test]
fn a_synced_last_write_is_not_torn() {
    let sim = disk();
    durable(&sim, "f", &[1; 3000]);
    assert!((0..50).all(|seed| content(&sim.crash(CrashImage::TornLastWrite { seed }), "f") == [1; 3000]));
}

#[test]
fn names_of_a_random_run_are_those_of_some_subset() {
    for seed in 0..100 {
        let sim = disk();
        let plain = name_script(&sim, dir(), seed);
        for image in images().step_by(5) {
            let after = names(&sim.crash(image)).into_iter().collect();
            assert_eq!(plain.objection(&after), None, "seed {seed}, {image:?}");
        }
        let left: BTreeSet<String> = names(&sim.crash(CrashImage::NothingUnsynced)).into_iter().collect();
        assert_eq!(left, plain.synced);
    }
}

#[test]
fn a_thousand_operations_can_be_kept_and_crashed_at_each() {
    let sim = disk();
    sim.record_states();
    script(&sim, dir(), 1, 1000);
    let points = sim.crash_points();
    assert!(points.len() > 1500);
    assert!(sim.ops().iter().any(|op| op.kind == OpKind::Allocate));
    for point in points.iter().step_by(25) {
        for image in CrashImage::all(point.op) {
            assert!(point.disk.crash(image).used_bytes() < 1 << 24);
        }
    }
}
