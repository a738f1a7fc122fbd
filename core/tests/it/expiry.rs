//! Time to live: what expires when, for whom, and that no clock brings it back.

use std::sync::Arc;

use esker::env::clock::TestClock;
use esker::env::sim_fs::SimFs;
use esker::{Db, Environment, Executor, FamilyOptions, Options, ReadOptions, WriteBatch, WriteOptions};

use crate::support::script::DIR;
use crate::support::sets::tiny_options;

/// A database with a clock that the test moves.
struct World {
    disk: SimFs,
    clock: Arc<TestClock>,
    options: Options,
    db: Db,
}

const START: u64 = 1_700_000_000_000;

impl World {
    fn new(options: Options) -> World {
        let (disk, clock) = (SimFs::new(1), Arc::new(TestClock::at(START)));
        let db = open(&disk, &clock, &options);
        World { disk, clock, options, db }
    }

    /// So many milliseconds after the start.
    fn at(&self, ms: u64) -> &Db {
        self.clock.set(START + ms);
        &self.db
    }

    fn reopen(self) -> World {
        self.db.close().unwrap();
        let db = open(&self.disk, &self.clock, &self.options);
        World { db, ..self }
    }

    fn get(&self, key: &str) -> Option<String> {
        self.get_with(key, &ReadOptions::default())
    }

    fn get_with(&self, key: &str, options: &ReadOptions) -> Option<String> {
        let value = self.db.get_with(key, options).unwrap();
        let mut iter = self.db.iter_with(options).unwrap();
        iter.seek(key).unwrap();
        let scanned = (iter.valid() && iter.key() == key.as_bytes()).then(|| iter.value().to_vec());
        assert_eq!(value.as_deref(), scanned.as_deref(), "get and scan of {key}");
        scanned.map(|value| String::from_utf8(value).unwrap())
    }
}

fn open(disk: &SimFs, clock: &Arc<TestClock>, options: &Options) -> Db {
    let clock: Arc<TestClock> = Arc::clone(clock);
    Db::open_in(Environment::inline(Arc::new(disk.clone()), clock), DIR, options).unwrap()
}

fn ttl(ms: u64) -> WriteOptions {
    WriteOptions::default().ttl_ms(ms)
}

#[test]
fn a_write_s_time_to_live_goes_before_the_family_s() {
    let world = World::new(tiny_options());
    let cache = world.db.create_family("cache", &FamilyOptions::new().with_ttl_ms(100)).unwrap();
    let put = |key: &str, options: &WriteOptions| world.db.put_in(&cache, key, "v", options).unwrap();
    put("family", &WriteOptions::default());
    put("longer", &ttl(200));
    put("never", &ttl(0));
    put("saturates", &ttl(u64::MAX));
    world.db.put("default", "v").unwrap();
    world.db.put_with("written", "v", &ttl(50)).unwrap();
    let mut batch = WriteBatch::new();
    batch.put_expiring_in(cache.id(), b"own", b"v", START + 10).unwrap();
    batch.put_in(cache.id(), b"batch", b"v").unwrap();
    let before = batch.data().to_vec();
    world.db.write(&batch).unwrap();
    assert_eq!(batch.data(), before, "the caller's batch stays as it is");
    let live = |ms: u64| {
        world.at(ms);
        let all = ["family", "longer", "never", "saturates", "own", "batch"];
        let found = |key: &&str| world.db.get_in(&cache, key, &ReadOptions::default()).unwrap().is_some();
        all.into_iter().filter(found).collect::<Vec<_>>()
    };
    assert_eq!(live(9), ["family", "longer", "never", "saturates", "own", "batch"]);
    assert_eq!(live(10), ["family", "longer", "never", "saturates", "batch"]);
    assert_eq!(world.get("written").as_deref(), Some("v"));
    world.at(50);
    assert_eq!((world.get("written"), world.get("default").as_deref()), (None, Some("v")));
    assert_eq!(live(99), ["family", "longer", "never", "saturates", "batch"]);
    assert_eq!(live(100), ["longer", "never", "saturates"]);
    assert_eq!(live(200), ["never", "saturates"]);
    world.db.compact_range_in(&cache, None, None).unwrap();
    assert_eq!(live(1 << 40), ["never", "saturates"]);
}

#[test]
fn the_default_family_s_time_to_live_comes_from_the_options() {
    let world = World::new(Options { ttl_ms: 100, ..tiny_options() });
    world.db.put("k", "v").unwrap();
    let world = world.reopen();
    world.at(99);
    assert_eq!(world.get("k").as_deref(), Some("v"));
    world.at(100);
    assert_eq!(world.get("k"), None);
}

#[test]
fn a_clock_that_is_set_back_brings_nothing_back() {
    for flushed in [false, true] {
        let world = World::new(tiny_options());
        world.db.put_with("k", "v", &ttl(100)).unwrap();
        world.db.put_with("l", "v", &ttl(1000)).unwrap();
        if flushed {
            world.db.flush().unwrap();
        }
        world.at(100);
        assert_eq!(world.get("k"), None);
        world.at(0);
        assert_eq!(world.get("k"), None, "within one open");
        let snapshot = world.db.snapshot().unwrap();
        assert_eq!(world.get_with("k", &ReadOptions::default().with_snapshot(&snapshot)), None);
        drop(snapshot);
        let world = world.reopen();
        assert_eq!(world.get("k"), None, "across a close, flushed: {flushed}");
        assert_eq!(world.get("l").as_deref(), Some("v"));
        let world = world.reopen();
        assert_eq!(world.get("k"), None, "across another");
        // Expiry is reckoned from the time that readers have reached, not from the clock that was set back.
        world.db.put_with("m", "v", &ttl(1)).unwrap();
        assert_eq!(world.get("m").as_deref(), Some("v"));
    }
}

#[test]
fn a_snapshot_reads_as_of_its_birth_however_late_it_is_asked() {
    let world = World::new(tiny_options());
    world.db.put("k", "old").unwrap();
    world.db.put_with("k", "new", &ttl(100)).unwrap();
    world.at(99);
    let early = world.db.snapshot().unwrap();
    world.at(100);
    let late = world.db.snapshot().unwrap();
    let check = || {
        assert_eq!(world.get_with("k", &ReadOptions::default().with_snapshot(&early)).as_deref(), Some("new"));
        assert_eq!(world.get_with("k", &ReadOptions::default().with_snapshot(&late)), None);
        assert_eq!(world.get("k"), None);
    };
    check();
    world.db.flush().unwrap();
    check();
    world.at(5000);
    world.db.compact_range(None, None).unwrap();
    check();
    drop(early);
    world.db.compact_range(None, None).unwrap();
    assert_eq!(world.get("k"), None);
    assert_eq!(world.get_with("k", &ReadOptions::default().with_snapshot(&late)), None);
}

#[test]
fn a_merge_keeps_its_base_s_expiry_and_an_expired_value_is_no_base() {
    for compacts in [false, true] {
        let world = World::new(Options { merge_operator: "append".to_owned(), ..tiny_options() });
        let settle = || {
            if compacts {
                world.db.compact_range(None, None).unwrap();
            }
        };
        world.db.put_with("k", "a", &ttl(100)).unwrap();
        settle();
        world.at(50).merge("k", "b").unwrap();
        settle();
        assert_eq!(world.get("k").as_deref(), Some("ab"));
        world.at(99).merge("k", "c").unwrap();
        settle();
        assert_eq!(world.get("k").as_deref(), Some("abc"));
        world.at(100);
        assert_eq!(world.get("k"), None, "compacts: {compacts}");
        world.at(150).merge("k", "d").unwrap();
        settle();
        assert_eq!(world.get("k").as_deref(), Some("d"), "compacts: {compacts}");
        world.at(1 << 40);
        settle();
        assert_eq!(world.get("k").as_deref(), Some("d"), "a value begun anew does not expire");
    }
}

/// Lets background work look around: something unrelated is flushed.
fn let_background_look(world: &World) {
    let other = world.db.family("other").or_else(|_| world.db.create_family("other", &FamilyOptions::default()));
    let other = other.unwrap();
    world.db.put_in(&other, "k", "v", &WriteOptions::default()).unwrap();
    world.db.flush_family(&other).unwrap();
}

fn number(world: &World, name: &str) -> u64 {
    world.db.stats().unwrap().number(name).unwrap()
}

#[test]
fn a_table_of_expired_puts_goes_whole() {
    let world = World::new(tiny_options());
    for n in 0..20 {
        world.db.put_with(format!("k{n:02}"), "v", &ttl(100 + n)).unwrap();
    }
    world.db.compact_range(None, None).unwrap();
    world.at(118);
    let_background_look(&world);
    assert_eq!(number(&world, "expired_tables_total"), 0, "one entry lives");
    assert_eq!(world.get("k19").as_deref(), Some("v"));
    world.at(119);
    let_background_look(&world);
    assert!(number(&world, "expired_tables_total") > 0);
    assert_eq!(number(&world, "expired_entries_total"), 20);
    assert_eq!(world.get("k19"), None);
    let world = world.reopen();
    assert_eq!(world.get("k19"), None);
}

#[test]
fn what_lies_beneath_an_expired_table_stays_hidden() {
    let world = World::new(tiny_options());
    world.db.put("k", "old").unwrap();
    world.db.compact_range(None, None).unwrap();
    world.db.put_with("k", "new", &ttl(100)).unwrap();
    world.db.flush().unwrap();
    world.at(100);
    for round in 0..3 {
        let_background_look(&world);
        assert_eq!(world.get("k"), None, "round {round}");
    }
    world.db.compact_range(None, None).unwrap();
    assert_eq!(world.get("k"), None);
    assert_eq!(world.reopen().get("k"), None);
}

#[test]
fn operands_in_memory_keep_the_expired_value_that_they_went_with() {
    let world = World::new(Options { merge_operator: "append".to_owned(), ..tiny_options() });
    world.db.put_with("k", "a", &ttl(100)).unwrap();
    world.db.compact_range(None, None).unwrap();
    world.at(50).merge("k", "b").unwrap();
    world.at(100);
    for _ in 0..2 {
        let_background_look(&world);
        assert_eq!(world.get("k"), None, "gone with what it was merged into");
    }
    world.db.merge("k", "c").unwrap();
    assert_eq!(world.get("k").as_deref(), Some("c"));
    let_background_look(&world);
    world.db.compact_range(None, None).unwrap();
    assert_eq!(world.get("k").as_deref(), Some("c"));
}

#[test]
fn operands_of_other_keys_hold_no_expired_table() {
    let options = Options { l0_compaction_trigger: 100, l0_stall_trigger: 200, ..tiny_options() };
    let world = World::new(Options { merge_operator: "append".to_owned(), ..options });
    world.db.put_with("k", "v", &ttl(100)).unwrap();
    world.db.flush().unwrap();
    world.db.merge("z", "a").unwrap();
    world.db.flush().unwrap();
    world.at(100);
    let_background_look(&world);
    assert_eq!(number(&world, "expired_tables_total"), 1);
    assert_eq!((world.get("k"), world.get("z").as_deref()), (None, Some("a")));
}

#[test]
fn an_expired_table_is_found_without_any_write() {
    let (disk, clock) = (SimFs::new(1), Arc::new(TestClock::at(START)));
    let environment = Environment { executor: Executor::Threads, ..Environment::inline(Arc::new(disk), clock.clone()) };
    let db = Db::open_in(environment, DIR, &tiny_options()).unwrap();
    db.put_with("k", "v", &ttl(100)).unwrap();
    db.flush().unwrap();
    clock.set(START + 100);
    // Idle threads look around a few times a second; this many questions take longer than that.
    let found = (0..1_000_000).any(|_| {
        std::thread::yield_now();
        db.stats().unwrap().number("expired_tables_total") == Some(1)
    });
    assert!(found, "nobody looked");
    db.close().unwrap();
}
