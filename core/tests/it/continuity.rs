//! Sequence continuity: what is written after a crash is newer than everything written before it, wherever the older thing
//! lies. Engines have reused numbers after a crash and brought old values back; each case here is one way to notice.

use esker::env::sim_fs::CrashImage;

use crate::support::lives::Life;

#[test]
fn an_overwrite_after_a_crash_shadows_the_old_value() {
    let life = Life::new();
    life.put("k", "old");
    let life = life.kill();
    life.put("k", "new");
    assert_eq!(life.get("k").as_deref(), Some("new"));
    let life = life.kill();
    assert_eq!(life.get("k").as_deref(), Some("new"));
}

#[test]
fn a_delete_after_a_crash_hides_the_old_value() {
    let life = Life::new();
    life.put("k", "old");
    let life = life.kill();
    life.db.delete("k").unwrap();
    assert_eq!(life.get("k"), None);
    assert_eq!(life.kill().get("k"), None);
}

#[test]
fn a_range_delete_after_a_crash_hides_its_range_and_nothing_beside_it() {
    let life = Life::new();
    for key in ["a", "b", "c", "d"] {
        life.put(key, "old");
    }
    let life = life.kill();
    life.db.delete_range("b", "d").unwrap();
    let check = |life: &Life| {
        let keys: Vec<String> = life.scan().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["a", "d"]);
        assert_eq!((life.get("a").as_deref(), life.get("b"), life.get("c")), (Some("old"), None, None));
    };
    check(&life);
    check(&life.kill());
}

#[test]
fn three_crash_cycles_on_one_key() {
    let mut life = Life::new();
    for round in 0..3 {
        life.put("k", &format!("round {round}"));
        life = life.kill();
        assert_eq!(life.get("k"), Some(format!("round {round}")));
    }
    life.db.delete("k").unwrap();
    assert_eq!(life.kill().get("k"), None);
}

#[test]
fn an_overwrite_after_the_crash_shadows_values_in_tables() {
    let life = Life::new();
    life.put("k", "in a table");
    life.db.flush().unwrap();
    let life = life.kill();
    life.put("k", "in the log");
    assert_eq!(life.get("k").as_deref(), Some("in the log"));
    let life = life.kill();
    assert_eq!(life.get("k").as_deref(), Some("in the log"));
}

#[test]
fn an_overwrite_after_the_crash_shadows_values_in_the_log() {
    let life = Life::new();
    life.put("k", "in the first log");
    let life = life.kill();
    life.put("k", "in the second log");
    life.db.flush().unwrap();
    assert_eq!(life.get("k").as_deref(), Some("in the second log"));
    let life = life.kill();
    life.put("k", "in the third log");
    assert_eq!(life.kill().get("k").as_deref(), Some("in the third log"));
}

#[test]
fn untouched_neighbours_keep_their_values() {
    let life = Life::new();
    for n in 0..20 {
        life.put(&format!("k{n:02}"), &format!("v{n}"));
    }
    let life = life.kill();
    life.put("k10", "changed");
    life.db.delete("k05").unwrap();
    let life = life.kill();
    for n in (0..20).filter(|n| ![5, 10].contains(n)) {
        assert_eq!(life.get(&format!("k{n:02}")), Some(format!("v{n}")));
    }
    assert_eq!((life.get("k10").as_deref(), life.get("k05")), (Some("changed"), None));
}

#[test]
fn crash_cycles_with_flushes_in_between() {
    let mut life = Life::new();
    for round in 0..6 {
        life.put("k", &format!("round {round}"));
        if round % 2 == 0 {
            life.db.flush().unwrap();
        }
        life.put(&format!("only {round}"), "x");
        life = life.kill();
        assert_eq!(life.get("k"), Some(format!("round {round}")));
    }
    life.db.compact_range(None, None).unwrap();
    assert_eq!(life.get("k").as_deref(), Some("round 5"));
    assert_eq!(life.scan().len(), 7);
}

#[test]
fn the_first_number_after_a_crash_is_above_every_number_before_it() {
    let mut life = Life::new();
    for image in [CrashImage::Everything, CrashImage::NothingUnsynced, CrashImage::DirEntriesLost, CrashImage::ZeroTail]
    {
        for n in 0..10 {
            life.put(&format!("k{n}"), "v");
        }
        let before = life.db.snapshot().unwrap().seqno();
        life = life.crash(image);
        life.put("first", "after");
        let after = life.db.snapshot().unwrap().seqno();
        assert!(after > before, "{image:?}: {after} does not follow {before}");
    }
}
