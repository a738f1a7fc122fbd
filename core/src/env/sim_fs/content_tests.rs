//! T1, bytes: what a crash leaves of the content of a file, statement by statement.

use std::collections::BTreeSet;

use crate::env::fs::{FileSystem, OpenMode};
use crate::env::sim_fs::CrashImage;
use crate::env::sim_fs::model_tests::{content, create, dir, disk, durable, images, path};

// What a crash leaves of bytes.

#[test]
fn synced_bytes_survive_every_crash() {
    let sim = disk();
    let bytes: Vec<u8> = (0..10_000u32).map(|i| (i % 251) as u8).collect();
    durable(&sim, "f", &bytes);
    assert!(sim.is_clean());
    for image in images() {
        assert_eq!(content(&sim.crash(image), "f"), bytes, "{image:?}");
    }
}

#[test]
fn unsynced_bytes_can_be_lost() {
    let sim = disk();
    durable(&sim, "f", b"old").write_at(b"new", 0).unwrap();
    assert!(!sim.is_clean());
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), b"old");
}

#[test]
fn unsynced_bytes_can_survive() {
    let sim = disk();
    durable(&sim, "f", b"old").write_at(b"new", 0).unwrap();
    assert_eq!(content(&sim.crash(CrashImage::Everything), "f"), b"new");
    assert_eq!(content(&sim.crash(CrashImage::Killed), "f"), b"new");
}

#[test]
fn a_sync_covers_the_writes_of_every_handle() {
    let sim = disk();
    let file = durable(&sim, "f", b"....");
    sim.open(&path("f"), OpenMode::ReadWrite).unwrap().write_at(b"x", 2).unwrap();
    file.sync().unwrap();
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), b"..x.");
}

#[test]
fn a_sync_covers_only_its_own_file() {
    let sim = disk();
    let (a, b) = (durable(&sim, "a", b"1"), durable(&sim, "b", b"1"));
    a.write_at(b"2", 0).unwrap();
    b.write_at(b"2", 0).unwrap();
    b.sync().unwrap();
    let after = sim.crash(CrashImage::NothingUnsynced);
    assert_eq!((content(&after, "a"), content(&after, "b")), (b"1".to_vec(), b"2".to_vec()));
}

#[test]
fn files_are_lost_independently() {
    let sim = disk();
    let (a, b) = (durable(&sim, "a", b"1"), durable(&sim, "b", b"1"));
    a.write_at(b"2", 0).unwrap();
    b.write_at(b"2", 0).unwrap();
    let seen: BTreeSet<_> =
        images().map(|image| sim.crash(image)).map(|after| (content(&after, "a"), content(&after, "b"))).collect();
    assert_eq!(seen.len(), 4, "old and new in all four combinations");
}

#[test]
fn pages_are_lost_independently() {
    let sim = disk();
    let file = durable(&sim, "f", &[b'o'; 8192]);
    file.write_at(&[b'n'; 8192], 0).unwrap();
    let seen: BTreeSet<_> =
        images().map(|image| content(&sim.crash(image), "f")).map(|bytes| (bytes[0], bytes[4096])).collect();
    assert_eq!(seen.len(), 4, "later pages may reach the medium before earlier ones");
}

#[test]
fn sectors_are_lost_independently() {
    let sim = disk();
    let file = durable(&sim, "f", &[b'o'; 1024]);
    file.write_at(&[b'n'; 1024], 0).unwrap();
    let seen: BTreeSet<_> =
        images().map(|image| content(&sim.crash(image), "f")).map(|bytes| (bytes[0], bytes[512])).collect();
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_synced_sector_is_old_or_new_byte_by_byte_and_never_garbage() {
    let sim = disk();
    let file = durable(&sim, "f", &[b'o'; 4096]);
    file.write_at(&[b'n'; 4096], 0).unwrap();
    for image in images() {
        let bytes = content(&sim.crash(image), "f");
        assert!(bytes.iter().all(|b| b"on".contains(b)), "{image:?}");
    }
}

#[test]
fn a_synced_sector_rewritten_with_the_same_bytes_is_never_damaged() {
    let sim = disk();
    let file = durable(&sim, "f", &[b's'; 100]);
    // A log that goes on in the same sector: the synced record is rewritten with its own bytes.
    file.write_at(&[b's'; 100], 0).unwrap();
    file.write_at(&[b'n'; 300], 100).unwrap();
    for image in images() {
        assert_eq!(content(&sim.crash(image), "f")[..100], [b's'; 100], "{image:?}");
    }
}

#[test]
fn states_in_between_may_come_up() {
    let sim = disk();
    let file = durable(&sim, "f", b"1");
    file.write_at(b"2", 0).unwrap();
    file.write_at(b"3", 0).unwrap();
    let seen: BTreeSet<_> = images().map(|image| content(&sim.crash(image), "f")).collect();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn never_synced_sectors_may_hold_anything() {
    let sim = disk();
    durable(&sim, "f", b"x").write_at(&[b'n'; 4096], 4096).unwrap();
    let tail = |image| content(&sim.crash(image), "f")[4096..].to_vec();
    assert_eq!(tail(CrashImage::ZeroTail), [0; 4096]);
    let garbage = tail(CrashImage::GarbageTail { seed: 1 });
    assert!(garbage.iter().any(|&b| b != 0 && b != b'n'));
    assert_ne!(garbage, tail(CrashImage::GarbageTail { seed: 2 }));
}

#[test]
fn never_synced_sectors_may_hold_bytes_of_another_file() {
    let sim = disk();
    durable(&sim, "other", &[b'O'; 4096]);
    durable(&sim, "f", b"").write_at(&[b'n'; 4096], 0).unwrap();
    let is_stale = |image| content(&sim.crash(image), "f").chunks(512).any(|sector| sector == [b'O'; 512]);
    assert!((0..500).any(|seed| is_stale(CrashImage::Random { seed })));
}

#[test]
fn the_length_may_be_any_between_the_synced_one_and_the_current_one() {
    let sim = disk();
    let file = durable(&sim, "f", &[1; 100]);
    file.write_at(&[2; 100], 100).unwrap();
    let lens: BTreeSet<usize> = images().map(|image| content(&sim.crash(image), "f").len()).collect();
    assert!(lens.contains(&100) && lens.contains(&200));
    assert!(lens.iter().any(|len| (101..200).contains(len)), "{lens:?}");
    assert!(lens.iter().all(|len| (100..=200).contains(len)), "{lens:?}");
}

#[test]
fn a_sync_makes_the_length_durable() {
    let sim = disk();
    let file = durable(&sim, "f", b"x");
    file.truncate(10_000).unwrap();
    file.sync().unwrap();
    for image in images() {
        assert_eq!(content(&sim.crash(image), "f").len(), 10_000);
    }
}

#[test]
fn a_file_that_was_never_synced_may_be_empty() {
    let sim = disk();
    create(&sim, "f").write_at(b"x", 0).unwrap();
    sim.sync_dir(dir()).unwrap();
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), b"");
    assert_eq!(content(&sim.crash(CrashImage::DataLost), "f"), b"");
}

#[test]
fn bytes_between_the_synced_end_and_the_end_of_its_sector_fall_back_to_zero() {
    let sim = disk();
    let file = durable(&sim, "f", &[1; 100]);
    file.write_at(&[2; 100], 100).unwrap();
    let bytes = content(&sim.crash(CrashImage::GarbageTail { seed: 3 }), "f");
    assert_eq!(bytes, [[1; 100], [0; 100]].concat(), "the sector was synced, so it cannot hold garbage");
}

#[test]
fn the_sector_after_the_synced_one_may_be_garbage_though_it_is_in_the_same_page() {
    let sim = disk();
    let file = durable(&sim, "f", &[1; 512]);
    file.write_at(&[2; 512], 512).unwrap();
    let bytes = content(&sim.crash(CrashImage::GarbageTail { seed: 3 }), "f");
    assert_eq!(bytes[..512], [1; 512]);
    assert_ne!(bytes[512..], [2; 512]);
}

// Cutting.

#[test]
fn a_cut_is_seen_at_once_and_can_be_undone_by_a_crash() {
    let sim = disk();
    let file = durable(&sim, "f", b"0123456789");
    file.truncate(4).unwrap();
    assert_eq!(content(&sim, "f"), b"0123");
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), b"0123456789");
    assert_eq!(content(&sim.crash(CrashImage::Everything), "f"), b"0123");
}

#[test]
fn a_synced_cut_is_final() {
    let sim = disk();
    let file = durable(&sim, "f", &[1; 9000]);
    file.truncate(4).unwrap();
    file.sync().unwrap();
    assert_eq!(sim.used_bytes(), 4096);
    for image in images() {
        assert_eq!(content(&sim.crash(image), "f"), [1; 4]);
    }
}

#[test]
fn bytes_behind_a_cut_do_not_come_back_when_the_file_grows() {
    let sim = disk();
    let file = durable(&sim, "f", &[1; 9000]);
    file.truncate(4).unwrap();
    file.write_at(b"x", 8999).unwrap();
    let bytes = content(&sim, "f");
    assert!(bytes[4..8999].iter().all(|&b| b == 0));
    file.sync().unwrap();
    for image in images() {
        assert_eq!(content(&sim.crash(image), "f"), bytes);
    }
}

#[test]
fn a_lost_regrowth_may_bring_the_length_of_the_cut() {
    let sim = disk();
    let file = durable(&sim, "f", &[1; 100]);
    file.truncate(10).unwrap();
    file.write_at(&[2; 190], 10).unwrap();
    let lens: BTreeSet<usize> = images().map(|image| content(&sim.crash(image), "f").len()).collect();
    assert!([10, 100, 200].iter().all(|len| lens.contains(len)), "{lens:?}");
}

// Failed syncs.

#[test]
fn forgotten_bytes_are_read_but_written_by_no_sync() {
    let sim = disk();
    let file = durable(&sim, "f", b"old");
    file.write_at(b"new", 0).unwrap();
    sim.forget_dirty(&path("f"));
    file.sync().unwrap();
    assert_eq!(content(&sim, "f"), b"new");
    assert_eq!(content(&sim.crash(CrashImage::Killed), "f"), b"new");
    for image in images().filter(|image| !matches!(image, CrashImage::Killed | CrashImage::Everything)) {
        assert_eq!(content(&sim.crash(image), "f"), b"old", "{image:?}");
    }
}

#[test]
fn a_forgotten_page_that_is_written_again_is_dirty_again() {
    let sim = disk();
    let file = durable(&sim, "f", b"old");
    file.write_at(b"new", 0).unwrap();
    sim.forget_dirty(&path("f"));
    file.write_at(b"N", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), b"New");
}

#[test]
fn forgotten_bytes_behind_the_synced_end_leave_a_longer_file_without_them() {
    let sim = disk();
    let file = durable(&sim, "f", b"");
    file.write_at(&[1; 4096], 0).unwrap();
    sim.forget_dirty(&path("f"));
    file.sync().unwrap();
    assert_eq!(content(&sim.crash(CrashImage::NothingUnsynced), "f"), [0; 4096]);
}
