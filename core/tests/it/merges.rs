//! Merge operators as a caller meets them: what a merged value is in every layer and for every reader, and what is refused.

use std::collections::BTreeMap;

use esker::env::sim_fs::CrashImage;
use esker::{
    Db, ErrorKind, FamilyOptions, Options, ReadOptions, Snapshot, TransactionOptions, WriteBatch, WriteOptions,
};

use crate::support::lives::Life;
use crate::support::rng::Rng;
use crate::support::sets::tiny_options;

type Model = BTreeMap<String, String>;

fn with_operator(name: &str) -> Options {
    Options { merge_operator: name.to_owned(), ..tiny_options() }
}

/// Everything that a reader finds, forward; checked against backward, get and multi_get.
fn read_all(db: &Db, options: &ReadOptions) -> Model {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut iter = db.iter_with(options).unwrap();
    let mut found = Model::new();
    iter.seek_to_first().unwrap();
    while iter.valid() {
        found.insert(text(iter.key()), text(iter.value()));
        iter.next().unwrap();
    }
    let mut backward = Model::new();
    iter.seek_to_last().unwrap();
    while iter.valid() {
        backward.insert(text(iter.key()), text(iter.value()));
        iter.prev().unwrap();
    }
    assert_eq!(found, backward, "forward and backward");
    let keys: Vec<String> = ('a'..='p').map(|c| c.to_string()).collect();
    let several = db.multi_get(&keys, options).unwrap();
    for (key, several) in keys.iter().zip(several) {
        let single = db.get_with(key, options).unwrap().map(|value| text(&value));
        assert_eq!(single.as_ref(), found.get(key), "get and scan of {key}");
        assert_eq!(several.unwrap().map(|value| text(&value)), single, "multi_get and get of {key}");
    }
    found
}

/// One random write to the database and to the model.
fn write(db: &Db, model: &mut Model, rng: &mut Rng, n: usize) {
    let key = |rng: &mut Rng| char::from(b'a' + rng.below(16) as u8).to_string();
    let (at, text) = (key(rng), format!("{n};"));
    match rng.below(12) {
        0 => {
            db.put(&at, &text).unwrap();
            model.insert(at, text);
        }
        1 => {
            db.delete(&at).unwrap();
            model.remove(&at);
        }
        2 => {
            let (start, end) = (at.clone().min(key(rng)), at);
            db.delete_range(&start, &end).unwrap();
            model.retain(|key, _| *key < start || *key >= end);
        }
        3 => {
            let mut batch = WriteBatch::new();
            batch.merge(at.as_bytes(), b"x").unwrap();
            batch.merge(at.as_bytes(), text.as_bytes()).unwrap();
            db.write(&batch).unwrap();
            model.entry(at).or_default().push_str(&format!("x{text}"));
        }
        _ => {
            db.merge(&at, &text).unwrap();
            model.entry(at).or_default().push_str(&text);
        }
    }
}

#[test]
fn every_reader_finds_the_merged_value_in_every_layer() {
    for seed in 0..12 {
        println!("seed {seed}");
        let mut rng = Rng::new(seed);
        let mut life = Life::with(with_operator("append"));
        let mut model = Model::new();
        let mut snapshots: Vec<(Snapshot, Model)> = Vec::new();
        for n in 0..600 {
            write(&life.db, &mut model, &mut rng, n);
            match rng.below(40) {
                0 => life.db.flush().unwrap(),
                1 => life.db.compact_range(None, None).unwrap(),
                2..5 if snapshots.len() < 4 => snapshots.push((life.db.snapshot().unwrap(), model.clone())),
                5 if !snapshots.is_empty() => drop(snapshots.swap_remove(rng.below(snapshots.len()))),
                6 if rng.chance(30) => {
                    snapshots.clear();
                    life = if rng.chance(50) { life.reopen() } else { life.kill() };
                }
                7 => {
                    assert_eq!(read_all(&life.db, &ReadOptions::default()), model, "seed {seed}, write {n}");
                    for (snapshot, then) in &snapshots {
                        let options = ReadOptions::default().with_snapshot(snapshot);
                        assert_eq!(read_all(&life.db, &options), *then, "seed {seed}, write {n}, {snapshot:?}");
                    }
                }
                _ => {}
            }
        }
        life.db.compact_range(None, None).unwrap();
        for (snapshot, then) in &snapshots {
            assert_eq!(read_all(&life.db, &ReadOptions::default().with_snapshot(snapshot)), *then, "seed {seed}");
        }
        assert_eq!(read_all(&life.db, &ReadOptions::default()), model, "seed {seed}");
    }
}

fn number(life: &Life, key: &str) -> u64 {
    let value = life.db.get(key).unwrap().unwrap();
    u64::from_le_bytes(value[..].try_into().unwrap())
}

#[test]
fn an_increment_counts_once_however_often_recovery_dies() {
    let mut life = Life::with(with_operator("add_u64"));
    for round in 1..=30u64 {
        for _ in 0..20 {
            life.db.merge("hits", 1u64.to_le_bytes()).unwrap();
        }
        if round % 7 == 0 {
            life.db.flush().unwrap();
        }
        life = if round % 2 == 0 { life.kill() } else { life.crash(CrashImage::Killed).kill() };
        assert_eq!(number(&life, "hits"), 20 * round);
    }
    life.db.compact_range(None, None).unwrap();
    assert_eq!(number(&life, "hits"), 600);
}

#[test]
fn what_cannot_be_merged_is_refused_and_nothing_is_written() {
    let life = Life::new();
    let error = life.db.merge("k", "v").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.message(), "column family \"default\" has no merge operator");
    let counters = life.db.create_family("counters", &FamilyOptions::new().with_merge_operator("add_i64")).unwrap();
    let mut batch = WriteBatch::new();
    batch.put(b"k", b"v").unwrap();
    batch.merge_in(counters.id(), b"n", b"1").unwrap();
    let error = life.db.write(&batch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert!(error.message().contains("\"add_i64\"") && error.message().contains("key \"n\""), "{error}");
    assert_eq!(life.get("k"), None);
    let options = WriteOptions::default();
    life.db.merge_in(&counters, "n", (-2i64).to_le_bytes(), &options).unwrap();
    life.db.merge_in(&counters, "n", 1i64.to_le_bytes(), &options).unwrap();
    let value = life.db.get_in(&counters, "n", &ReadOptions::default()).unwrap().unwrap();
    assert_eq!(value[..], (-1i64).to_le_bytes());
}

#[test]
fn a_value_that_the_operator_cannot_take_is_an_error_until_it_is_replaced() {
    let life = Life::with(with_operator("add_u64"));
    life.put("k", "ten");
    life.put("l", "whole");
    life.db.merge("k", 1u64.to_le_bytes()).unwrap();
    for _ in 0..2 {
        let error = life.db.get("k").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("the value has 3 bytes"), "{error}");
        assert_eq!(life.db.get("l").unwrap().as_deref(), Some(&b"whole"[..]));
        // It stops neither a flush nor a compaction.
        life.db.compact_range(None, None).unwrap();
    }
    life.db.put("k", 10u64.to_le_bytes()).unwrap();
    life.db.merge("k", 1u64.to_le_bytes()).unwrap();
    assert_eq!(number(&life, "k"), 11);
    life.db.compact_range(None, None).unwrap();
    assert_eq!(number(&life, "k"), 11);
}

#[test]
fn a_transaction_reads_what_it_merged_and_others_do_when_it_commits() {
    let life = Life::with(with_operator("append(,)"));
    life.put("k", "a");
    life.db.flush().unwrap();
    let mut transaction = life.db.begin(&TransactionOptions::default()).unwrap();
    transaction.merge("k", "b").unwrap();
    transaction.set_savepoint().unwrap();
    transaction.merge("k", "c").unwrap();
    assert_eq!(transaction.get("k").unwrap().as_deref(), Some(&b"a,b,c"[..]));
    transaction.rollback_to_savepoint().unwrap();
    assert_eq!(transaction.get("k").unwrap().as_deref(), Some(&b"a,b"[..]));
    assert_eq!(life.get("k").as_deref(), Some("a"));
    transaction.commit().unwrap();
    assert_eq!(life.get("k").as_deref(), Some("a,b"));
    assert_eq!(life.reopen().get("k").as_deref(), Some("a,b"));
}
