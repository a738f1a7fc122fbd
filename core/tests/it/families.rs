//! Column families: what a caller may rely on while they come, hold keys, share one log, and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esker::env::fs::FileSystem;
use esker::env::sim_fs::CrashImage;
use esker::{
    ColumnFamily, Comparator, Db, Durability, ErrorKind, FamilyOptions, MergeOperator, Operators, Options, Orders,
    ReadOptions, WriteBatch, WriteOptions,
};

use crate::support::lives::Life;
use crate::support::script::{DIR, inline};
use crate::support::sets::tiny_options;

fn family(life: &Life, name: &str) -> ColumnFamily {
    life.db.create_family(name, &FamilyOptions::default()).unwrap()
}

fn put(db: &Db, family: &ColumnFamily, key: &str, value: &str) {
    db.put_in(family, key, value, &WriteOptions::default()).unwrap();
}

fn get(db: &Db, family: &ColumnFamily, key: &str) -> Option<String> {
    let value = db.get_in(family, key, &ReadOptions::default()).unwrap();
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

fn keys(db: &Db, family: &ColumnFamily, options: &ReadOptions) -> Vec<String> {
    let mut iter = db.iter_in(family, options).unwrap();
    iter.seek_to_first().unwrap();
    let mut keys = Vec::new();
    while iter.valid() {
        keys.push(String::from_utf8(iter.key().to_vec()).unwrap());
        iter.next().unwrap();
    }
    keys
}

fn table_files(life: &Life) -> usize {
    let names = life.disk.list(DIR.as_ref()).unwrap();
    names.iter().filter(|name| name.to_string_lossy().ends_with(".sst")).count()
}

fn number(db: &Db, name: &str) -> u64 {
    db.stats().unwrap().number(name).unwrap()
}

#[test]
fn families_are_found_again_with_their_options() {
    let life = Life::new();
    let options = FamilyOptions { filter_bits_per_key: Some(3), ..FamilyOptions::default() };
    let users = life.db.create_family("users", &options).unwrap();
    put(&life.db, &users, "k", "user");
    life.put("k", "default");
    for round in 0..3 {
        let users = life.db.family("users").unwrap();
        assert_eq!((users.name(), users.options()), ("users", &options), "round {round}");
    }
    let life = life.kill();
    assert_eq!(life.db.families().unwrap(), ["default", "users"]);
    let users = life.db.family("users").unwrap();
    assert_eq!((get(&life.db, &users, "k"), life.get("k")), (Some("user".into()), Some("default".into())));
    let life = life.reopen();
    let users = life.db.family("users").unwrap();
    assert_eq!((get(&life.db, &users, "k"), users.options()), (Some("user".into()), &options));
    assert_eq!(life.db.family("nobody").unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(life.db.default_family().name(), "default");
}

#[test]
fn names_that_cannot_be_are_refused_and_nothing_is_created() {
    let life = Life::new();
    family(&life, "taken");
    let long = "n".repeat(256);
    for name in ["", "taken", "default", &long] {
        let error = life.db.create_family(name, &FamilyOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{name}");
    }
    let unknown = FamilyOptions::default().with_comparator("nobody knows");
    assert_eq!(life.db.create_family("x", &unknown).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let life = life.reopen();
    assert_eq!(life.db.families().unwrap(), ["default", "taken"]);
    life.put("the log", "goes on");
}

#[test]
fn a_batch_over_families_is_whole_or_refused() {
    let life = Life::new();
    let (a, b) = (family(&life, "a"), family(&life, "b"));
    let mut batch = WriteBatch::new();
    batch.put_in(a.id(), b"k", b"a").unwrap();
    batch.put_in(b.id(), b"k", b"b").unwrap();
    batch.put(b"k", b"default").unwrap();
    life.db.write(&batch).unwrap();
    assert_eq!(get(&life.db, &a, "k").as_deref(), Some("a"));
    assert_eq!(get(&life.db, &b, "k").as_deref(), Some("b"));
    assert_eq!(life.get("k").as_deref(), Some("default"));
    life.db.drop_family(&b).unwrap();
    batch.clear();
    batch.put_in(a.id(), b"k", b"lost?").unwrap();
    batch.delete_in(b.id(), b"k").unwrap();
    assert_eq!(life.db.write(&batch).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(get(&life.db, &a, "k").as_deref(), Some("a"), "a refused batch leaves no trace");
    let life = life.kill();
    let a = life.db.family("a").unwrap();
    assert_eq!(get(&life.db, &a, "k").as_deref(), Some("a"));
}

#[test]
fn a_dropped_family_is_gone_and_its_name_is_free() {
    let life = Life::new();
    let old = family(&life, "f");
    put(&life.db, &old, "k", "old");
    life.db.flush().unwrap();
    put(&life.db, &old, "k2", "old, in the log only");
    assert_eq!(table_files(&life), 1);
    life.db.drop_family(&old).unwrap();
    assert_eq!(table_files(&life), 0, "nothing needs its files");
    let default = life.db.default_family();
    assert_eq!(life.db.drop_family(&default).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let calls = [
        life.db.get_in(&old, "k", &ReadOptions::default()).map(drop),
        life.db.put_in(&old, "k", "v", &WriteOptions::default()),
        life.db.iter_in(&old, &ReadOptions::default()).map(drop),
        life.db.flush_family(&old),
        life.db.compact_range_in(&old, None, None),
        life.db.drop_family(&old),
    ];
    for call in calls {
        let error = call.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains("was dropped"), "{error}");
    }
    let new = family(&life, "f");
    assert_ne!(new.id(), old.id(), "a number is never given again");
    assert_eq!(keys(&life.db, &new, &ReadOptions::default()), [] as [&str; 0]);
    put(&life.db, &new, "k", "new");
    let life = life.kill();
    let new = life.db.family("f").unwrap();
    assert_eq!(keys(&life.db, &new, &ReadOptions::default()), ["k"]);
    assert_eq!(get(&life.db, &new, "k").as_deref(), Some("new"));
}

#[test]
fn snapshots_and_iterators_of_a_dropped_family_keep_what_they_see() {
    let life = Life::new();
    let f = family(&life, "f");
    put(&life.db, &f, "a", "in a table");
    life.db.flush().unwrap();
    put(&life.db, &f, "b", "in memory");
    let before = life.db.snapshot().unwrap();
    let mut iter = life.db.iter_in(&f, &ReadOptions::default()).unwrap();
    life.db.drop_family(&f).unwrap();
    let after = life.db.snapshot().unwrap();
    for _ in 0..3 {
        life.put("x", "other work goes on");
        life.db.flush().unwrap();
        life.db.compact_range(None, None).unwrap();
    }
    let as_of = |snapshot| ReadOptions::default().with_snapshot(snapshot);
    assert_eq!(keys(&life.db, &f, &as_of(&before)), ["a", "b"]);
    assert!(life.db.get_in(&f, "a", &as_of(&before)).unwrap().is_some());
    assert_eq!(life.db.get_in(&f, "a", &as_of(&after)).unwrap_err().kind(), ErrorKind::InvalidArgument);
    let tables = table_files(&life);
    drop(before);
    life.put("x", "again");
    life.db.flush().unwrap();
    assert_eq!(life.db.get_in(&f, "a", &ReadOptions::default()).unwrap_err().kind(), ErrorKind::InvalidArgument);
    iter.seek_to_last().unwrap();
    assert_eq!((iter.key(), iter.value()), (&b"b"[..], &b"in memory"[..]));
    iter.seek_to_first().unwrap();
    assert_eq!((iter.key(), iter.value()), (&b"a"[..], &b"in a table"[..]), "an iterator holds its tables");
    drop(iter);
    life.db.compact_range(None, None).unwrap();
    assert!(table_files(&life) < tables + 1, "the table goes with its last reader");
    assert_eq!(table_files(&life), number(&life.db, "live_tables") as usize);
}

#[test]
fn the_handle_of_another_database_is_refused() {
    let (one, other) = (Life::new(), Life::new());
    let (f, _) = (family(&one, "f"), family(&other, "f"));
    assert_eq!(other.db.put_in(&f, "k", "v", &WriteOptions::default()).unwrap_err().kind(), ErrorKind::InvalidArgument);
    assert_eq!(other.db.drop_family(&f).unwrap_err().kind(), ErrorKind::InvalidArgument);
    one.db.close().unwrap();
    assert_eq!(one.db.get_in(&f, "k", &ReadOptions::default()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(one.db.put_in(&f, "k", "v", &WriteOptions::default()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(one.db.create_family("g", &FamilyOptions::default()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(f.name(), "f");
}

/// A family that got one small write must not hold the log from there on: nor may its flush be forgotten by the next open.
#[test]
fn an_idle_family_does_not_hold_the_log() {
    let options = Options { memtable_size: 16 << 10, ..tiny_options() };
    let life = Life::with(options);
    let (idle, never) = (family(&life, "idle"), family(&life, "never written"));
    put(&life.db, &idle, "k", "v");
    for i in 0..3000 {
        life.db.put(format!("key {i:05}"), [b'x'; 400]).unwrap();
    }
    let segments = || {
        let names = life.disk.list(DIR.as_ref()).unwrap();
        names.iter().filter(|name| name.to_string_lossy().ends_with(".wal")).count()
    };
    assert!(segments() < 9, "{} segments of 64 KiB are kept", segments());
    let life = life.crash(CrashImage::Killed);
    let (idle, never) = (life.db.family("idle").unwrap(), life.db.family(never.name()).unwrap());
    assert_eq!(get(&life.db, &idle, "k").as_deref(), Some("v"));
    assert_eq!(keys(&life.db, &never, &ReadOptions::default()).len(), 0);
    assert_eq!(life.scan().len(), 3000);
}

#[test]
fn an_unlogged_batch_over_two_families_is_kept_whole_by_the_flush_of_one() {
    let life = Life::new();
    let (a, b) = (family(&life, "a"), family(&life, "b"));
    let unlogged = WriteOptions::default().durability(Durability::None);
    let mut batch = WriteBatch::new();
    batch.put_in(a.id(), b"k", b"1").unwrap();
    batch.put_in(b.id(), b"k", b"1").unwrap();
    life.db.write_with(&batch, &unlogged).unwrap();
    life.db.flush_family(&a).unwrap();
    let life = life.crash(CrashImage::NothingUnsynced);
    let (a, b) = (life.db.family("a").unwrap(), life.db.family("b").unwrap());
    assert_eq!((get(&life.db, &a, "k"), get(&life.db, &b, "k")), (Some("1".into()), Some("1".into())));
}

/// The flush of one family makes its last write durable: the writes to the other that came before must be, too.
#[test]
fn the_flush_of_one_family_syncs_what_came_before_in_the_other() {
    let life = Life::new();
    let (a, b) = (family(&life, "a"), family(&life, "b"));
    for i in 0..10 {
        put(&life.db, &b, &format!("{i}"), "b");
        put(&life.db, &a, &format!("{i}"), "a");
    }
    life.db.flush_family(&a).unwrap();
    let life = life.crash(CrashImage::NothingUnsynced);
    let (a, b) = (life.db.family("a").unwrap(), life.db.family("b").unwrap());
    let all = ReadOptions::default();
    assert_eq!((keys(&life.db, &a, &all).len(), keys(&life.db, &b, &all).len()), (10, 10));
}

#[test]
fn many_families_share_the_memory_of_one_memtable() {
    let options = Options { memtable_size: 256 << 10, ..tiny_options() };
    let life = Life::with(options);
    let families: Vec<_> = (0..40).map(|i| family(&life, &format!("f{i}"))).collect();
    for i in 0..8000 {
        put(&life.db, &families[i % 40], &format!("key {i}"), &"v".repeat(100));
    }
    let held = number(&life.db, "memtable_bytes") + number(&life.db, "immutable_memtable_bytes");
    assert!(held < 1 << 20, "{held} bytes in memtables of a quarter of a MiB");
    for (i, family) in families.iter().enumerate() {
        assert_eq!(keys(&life.db, family, &ReadOptions::default()).len(), 200, "family {i}");
    }
}

#[test]
fn a_read_only_open_has_the_families_and_makes_none() {
    let life = Life::new();
    put(&life.db, &family(&life, "f"), "k", "v");
    let (disk, options) = (life.disk.clone(), Options { read_only: true, ..life.options.clone() });
    life.db.close().unwrap();
    let db = Db::open_in(inline(Arc::new(disk)), DIR, &options).unwrap();
    let f = db.family("f").unwrap();
    assert_eq!(get(&db, &f, "k").as_deref(), Some("v"));
    assert_eq!(db.create_family("g", &FamilyOptions::default()).unwrap_err().kind(), ErrorKind::ReadOnly);
    assert_eq!(db.drop_family(&f).unwrap_err().kind(), ErrorKind::ReadOnly);
}

/// A close empties every family; a get that had just passed the check of whether the database is open found the emptied one
/// and said that the key was absent.
#[test]
fn a_get_beside_a_close_finds_the_key_or_says_closed() {
    for _ in 0..60 {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), &Options { memory_budget: 1 << 20, ..Options::default() }).unwrap();
        db.put("k", "v").unwrap();
        let started = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                loop {
                    match db.get("k") {
                        Ok(value) => assert_eq!(value.as_deref(), Some(&b"v"[..])),
                        Err(error) => return error.kind(),
                    }
                    started.store(true, Ordering::Relaxed);
                }
            });
            while !started.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            db.close().unwrap();
            assert_eq!(reader.join().unwrap(), ErrorKind::Closed);
        });
    }
}

/// The database's own rule for counting: adds the lengths of what is merged.
#[derive(Debug)]
struct Lengths;

impl MergeOperator for Lengths {
    fn name(&self) -> &str {
        "lengths"
    }
    fn full_merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]], out: &mut Vec<u8>) -> Result<(), String> {
        let base = base.map_or(Ok(0), |base| {
            std::str::from_utf8(base).map_err(|e| e.to_string())?.parse().map_err(|_| "?".to_owned())
        })?;
        let total: usize = operands.iter().map(|operand| operand.len()).sum::<usize>() + base;
        out.extend_from_slice(total.to_string().as_bytes());
        Ok(())
    }
}

#[test]
fn the_merge_operator_is_on_record_and_another_is_refused() {
    let mut options = tiny_options();
    options.merge_operator = "append(, )".to_owned();
    options.merge_operators.add(Arc::new(Lengths)).unwrap();
    let life = Life::with(options);
    let merge = |life: &Life, family: &ColumnFamily, operand: &str| {
        life.db.merge_in(family, "k", operand, &WriteOptions::default()).unwrap();
    };
    let default = life.db.default_family();
    merge(&life, &default, "a");
    merge(&life, &default, "b");
    assert_eq!(life.get("k").as_deref(), Some("a, b"));
    let own = life.db.create_family("own", &FamilyOptions::default().with_merge_operator("lengths")).unwrap();
    merge(&life, &own, "four");
    life.db.flush().unwrap();
    merge(&life, &own, "three");
    assert_eq!(get(&life.db, &own, "k").as_deref(), Some("9"));
    let unknown = life.db.create_family("x", &FamilyOptions::default().with_merge_operator("add_u46")).unwrap_err();
    assert!(unknown.message().contains("add_u64"), "{unknown}");
    let (disk, options) = (life.disk.clone(), life.options.clone());
    life.db.close().unwrap();
    let open = |options: &Options| Db::open_in(inline(Arc::new(disk.clone())), DIR, options);
    let another = Options { merge_operator: "add_u64".to_owned(), ..options.clone() };
    let refused = open(&another).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(refused.message().contains("append(, )"), "{refused}");
    // One that is not told again is found; one that this handle does not know is not replaced by anything.
    let without = Options { merge_operator: String::new(), merge_operators: Operators::new(), ..options.clone() };
    let refused = open(&without).unwrap_err();
    assert!(refused.message().contains("lengths") && refused.message().contains("own"), "{refused}");
    let db = open(&Options { merge_operator: String::new(), ..options }).unwrap();
    assert_eq!(db.default_family().options().merge_operator, "append(, )");
    assert_eq!(get(&db, &db.family("own").unwrap(), "k").as_deref(), Some("9"));
}

/// The name was put on record before anybody asked whether it means anything: the database was there, and no open could have it.
#[test]
fn an_open_that_names_an_unknown_operator_or_order_creates_nothing() {
    let disk = esker::env::sim_fs::SimFs::new(1);
    let open = |options: &Options| Db::open_in(inline(Arc::new(disk.clone())), DIR, options);
    for (name, value) in [("merge_operator", "add_u46"), ("comparator", "nobody knows it")] {
        let mut options = tiny_options();
        options.set(name, value).unwrap();
        assert_eq!(open(&options).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
    let db = open(&Options { merge_operator: "add_u64".to_owned(), ..tiny_options() }).unwrap();
    assert_eq!(db.default_family().options().merge_operator, "add_u64");
}

#[derive(Debug)]
struct ByLength;

impl Comparator for ByLength {
    fn name(&self) -> &str {
        "by length"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        a.len().cmp(&b.len()).then_with(|| a.cmp(b))
    }
}

#[test]
fn the_key_order_is_on_record_and_must_be_known() {
    let mut options = tiny_options();
    options.comparators.add(Arc::new(ByLength)).unwrap();
    let life = Life::with(options);
    let f = life.db.create_family("f", &FamilyOptions::default().with_comparator("by length")).unwrap();
    for key in ["ccc", "a", "bb", "aaaa", "b"] {
        put(&life.db, &f, key, "v");
    }
    let sorted = ["a", "b", "bb", "ccc", "aaaa"];
    assert_eq!(keys(&life.db, &f, &ReadOptions::default()), sorted);
    life.db.flush().unwrap();
    life.db.compact_range_in(&f, None, None).unwrap();
    assert_eq!(keys(&life.db, &f, &ReadOptions::default().with_lower_bound("bb")), sorted[2..]);
    let backwards = life.db.delete_range_in(&f, "aaaa", "b", &WriteOptions::default()).unwrap_err();
    assert_eq!(backwards.kind(), ErrorKind::InvalidArgument);
    life.db.delete_range_in(&f, "b", "ccc", &WriteOptions::default()).unwrap();
    assert_eq!(keys(&life.db, &f, &ReadOptions::default()), ["a", "ccc", "aaaa"]);
    let life = life.kill();
    assert_eq!(life.db.family("f").unwrap().options().comparator, "by length");
    let (disk, without) = (life.disk.clone(), Options { comparators: Orders::default(), ..life.options.clone() });
    life.db.close().unwrap();
    let refused = Db::open_in(inline(Arc::new(disk)), DIR, &without).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert!(refused.message().contains("by length"), "{refused}");
}

/// Families come and go while others write, flush and compact: nobody sees anything but whole families.
#[test]
fn families_come_and_go_beside_writers_and_compactions() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(dir.path(), &tiny_options()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..6000 {
                db.put(format!("{:04}", i % 1000), vec![b'v'; 64]).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        scope.spawn(|| {
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) || rounds < 3 {
                let f = db.create_family(&format!("f{rounds}"), &FamilyOptions::default()).unwrap();
                for i in 0..300 {
                    put(&db, &f, &format!("{i}"), &"w".repeat(100));
                }
                assert_eq!(keys(&db, &f, &ReadOptions::default()).len(), 300);
                db.drop_family(&f).unwrap();
                rounds += 1;
            }
        });
    });
    assert_eq!(db.families().unwrap(), ["default"]);
    assert!(db.poisoned().is_none(), "{:?}", db.poisoned());
    db.flush().unwrap();
    db.close().unwrap();
    let db = Db::open(dir.path(), &tiny_options()).unwrap();
    assert_eq!(keys(&db, &db.default_family(), &ReadOptions::default()).len(), 1000);
    assert!(Db::verify(dir.path()).is_err(), "locked while open");
    db.close().unwrap();
    assert!(Db::verify(dir.path()).unwrap().is_ok());
}
