//! What core can do in public, C and Python can do: every public call of the engine stands in the table below with its twins, and
//! each twin exists. A new call of core without a row, and a row whose twin is gone, fail.
//!
//! Text is compared, not code: the engine's sources, the header, the Python stub.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// A call of the engine; its twin in C; its twin in Python. A twin in parentheses is the reason why there is none.
type Row = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("Db::open", "esker_open", "open"), ("Db::open_in", "(environments are for tests)", "(environments are for tests)"),
    ("Db::close", "esker_close", "Db.close"), ("Db::is_closed", "esker_is_closed", "Db.closed"),
    ("Db::check_open", "(every call says so)", "(every call says so)"), ("Db::path", "esker_path", "Db.path"),
    ("Db::options", "esker_get_option", "Db.options"), ("Db::poisoned", "esker_poisoned", "Db.poisoned"),
    ("Db::put", "esker_put", "Tree.put"), ("Db::put_with", "esker_put", "Tree.put"), ("Db::put_in", "esker_put", "Tree.put"),
    ("Db::delete", "esker_delete", "Tree.delete"), ("Db::delete_with", "esker_delete", "Tree.delete"),
    ("Db::delete_in", "esker_delete", "Tree.delete"),
    ("Db::delete_range", "esker_delete_range", "Tree.delete_range"),
    ("Db::delete_range_with", "esker_delete_range", "Tree.delete_range"),
    ("Db::delete_range_in", "esker_delete_range", "Tree.delete_range"),
    ("Db::merge", "esker_merge", "Tree.merge"), ("Db::merge_with", "esker_merge", "Tree.merge"),
    ("Db::merge_in", "esker_merge", "Tree.merge"),
    ("Db::write", "esker_write", "Db.write"), ("Db::write_with", "esker_write", "Db.write"),
    ("Db::get", "esker_get", "Tree.get"), ("Db::get_with", "esker_get", "Tree.get"), ("Db::get_in", "esker_get_into", "Tree.get_view"),
    ("Db::multi_get", "esker_multi_get", "Tree.multi_get"), ("Db::multi_get_in", "esker_multi_get_into", "Tree.multi_get"),
    ("Db::snapshot", "esker_snapshot_new", "Tree.snapshot"),
    ("Db::iter", "esker_iter_new", "Tree.items"), ("Db::iter_with", "esker_iter_new", "Tree.keys"),
    ("Db::iter_in", "esker_iter_new", "Tree.values"),
    ("Db::latest_seqno", "esker_latest_seqno", "Db.latest_seqno"),
    ("Db::approximate_size", "esker_approximate_size", "Tree.approximate_size"),
    ("Db::approximate_size_in", "esker_approximate_size", "Tree.approximate_size"),
    ("Db::property", "esker_property", "Db.property"),
    ("Db::flush", "esker_flush", "Db.flush"), ("Db::flush_family", "esker_flush", "ColumnFamily.flush"),
    ("Db::sync", "esker_sync", "Db.sync"), ("Db::checkpoint", "esker_checkpoint", "Db.checkpoint"),
    ("Db::compact_range", "esker_compact_range", "Tree.compact"), ("Db::compact_range_in", "esker_compact_range", "Tree.compact"),
    ("Db::stats", "esker_stats", "Db.stats"),
    ("Db::drain_log", "esker_drain_log", "(every call hands them to esker.logger)"),
    ("Db::has_log", "(esker_drain_log is as cheap)", "(every call looks)"),
    ("Db::default_family", "esker_cf_default", "(a Db is its default family)"),
    ("Db::create_family", "esker_cf_create", "Db.column_family"), ("Db::family", "esker_cf_open", "Db.column_family"),
    ("Db::drop_family", "esker_cf_drop", "Db.drop_column_family"), ("Db::families", "esker_cf_list", "Db.column_families"),
    ("Db::destroy", "esker_destroy", "destroy"), ("Db::verify", "esker_verify", "verify"),
    ("Db::inspect", "esker_inspect", "inspect"),
    ("Db::verify_with", "esker_verify", "(comparators cannot be made in Python)"),
    ("Db::begin", "esker_txn_begin", "Db.transaction"),
    ("Db::transact", "(a loop over esker_txn_begin; esker.hpp has it)", "Db.transact"),
    ("ColumnFamily::id", "esker_cf_id", "ColumnFamily.id"), ("ColumnFamily::name", "esker_cf_name", "ColumnFamily.name"),
    ("ColumnFamily::options", "esker_cf_get_option", "ColumnFamily.options"),
    ("ColumnFamily::is_dropped", "esker_cf_is_dropped", "ColumnFamily.dropped"),
    ("Snapshot::seqno", "esker_snapshot_seqno", "Snapshot.seqno"),
    ("Iter::valid", "esker_iter_valid", "(Python iterates)"), ("Iter::key", "esker_iter_key", "(Python iterates)"),
    ("Iter::value", "esker_iter_value", "(Python iterates)"), ("Iter::pinned_value", "esker_iter_pinned_value", "(Python iterates)"),
    ("Iter::expires_at_ms", "esker_iter_expires_at_ms", "(entries are pairs; a dump by the tool has it)"),
    ("Iter::status", "esker_iter_status", "(errors are raised)"), ("Iter::refresh", "esker_iter_refresh", "(Python iterates)"),
    ("Iter::seek_to_first", "esker_iter_seek_to_first", "(start=, reverse=)"),
    ("Iter::seek_to_last", "esker_iter_seek_to_last", "(start=, reverse=)"),
    ("Iter::seek", "esker_iter_seek", "(start=, reverse=)"), ("Iter::seek_for_prev", "esker_iter_seek_for_prev", "(start=, reverse=)"),
    ("Iter::next", "esker_iter_next", "EntryIterator.__next__"), ("Iter::prev", "esker_iter_prev", "(reverse=)"),
    ("Iter::next_many", "esker_iter_next_many", "EntryIterator.__next__"),
    ("Iter::prev_many", "esker_iter_prev_many", "EntryIterator.__next__"),
    ("WriteBatch::new", "esker_batch_new", "Tree.batch"), ("WriteBatch::from_data", "esker_batch_from_data", "Batch.from_bytes"),
    ("WriteBatch::put", "esker_batch_put", "Batch.put"), ("WriteBatch::put_in", "esker_batch_put", "Batch.put"),
    ("WriteBatch::put_expiring", "esker_batch_put_expiring", "Batch.put"),
    ("WriteBatch::put_expiring_in", "esker_batch_put_expiring", "Batch.put"),
    ("WriteBatch::delete", "esker_batch_delete", "Batch.delete"), ("WriteBatch::delete_in", "esker_batch_delete", "Batch.delete"),
    ("WriteBatch::delete_range", "esker_batch_delete_range", "Batch.delete_range"),
    ("WriteBatch::delete_range_in", "esker_batch_delete_range", "Batch.delete_range"),
    ("WriteBatch::merge", "esker_batch_merge", "Batch.merge"), ("WriteBatch::merge_in", "esker_batch_merge", "Batch.merge"),
    ("WriteBatch::append", "esker_batch_append", "Batch.append"), ("WriteBatch::clear", "esker_batch_clear", "Batch.clear"),
    ("WriteBatch::set_savepoint", "esker_batch_set_savepoint", "Batch.set_savepoint"),
    ("WriteBatch::rollback_to_savepoint", "esker_batch_rollback_to_savepoint", "Batch.rollback_to_savepoint"),
    ("WriteBatch::pop_savepoint", "esker_batch_pop_savepoint", "Batch.pop_savepoint"),
    ("WriteBatch::count", "esker_batch_count", "Batch.__len__"), ("WriteBatch::is_empty", "esker_batch_count", "Batch.__len__"),
    ("WriteBatch::size_bytes", "esker_batch_size_bytes", "Batch.size_bytes"),
    ("WriteBatch::data", "esker_batch_data", "Batch.__bytes__"), ("WriteBatch::iter", "esker_batch_entry", "Batch.__iter__"),
    ("Transaction::get", "esker_txn_get", "Transaction.get"), ("Transaction::get_in", "esker_txn_get_into", "Transaction.get_view"),
    ("Transaction::multi_get", "esker_txn_multi_get", "Transaction.multi_get"),
    ("Transaction::multi_get_in", "esker_txn_multi_get", "Transaction.multi_get"),
    ("Transaction::get_for_update", "esker_txn_get_for_update", "Transaction.get_for_update"),
    ("Transaction::get_for_update_in", "esker_txn_get_for_update", "Transaction.get_for_update"),
    ("Transaction::iter", "esker_txn_iter_new", "Transaction.items"), ("Transaction::iter_in", "esker_txn_iter_new", "Transaction.keys"),
    ("Transaction::put", "esker_txn_put", "Transaction.put"), ("Transaction::put_in", "esker_txn_put", "Transaction.put"),
    ("Transaction::put_expiring_in", "esker_txn_put_expiring", "Transaction.put"),
    ("Transaction::delete", "esker_txn_delete", "Transaction.delete"), ("Transaction::delete_in", "esker_txn_delete", "Transaction.delete"),
    ("Transaction::delete_range", "esker_txn_delete_range", "Transaction.delete_range"),
    ("Transaction::delete_range_in", "esker_txn_delete_range", "Transaction.delete_range"),
    ("Transaction::merge", "esker_txn_merge", "Transaction.merge"), ("Transaction::merge_in", "esker_txn_merge", "Transaction.merge"),
    ("Transaction::set_savepoint", "esker_txn_set_savepoint", "Transaction.set_savepoint"),
    ("Transaction::rollback_to_savepoint", "esker_txn_rollback_to_savepoint", "Transaction.rollback_to_savepoint"),
    ("Transaction::pop_savepoint", "esker_txn_pop_savepoint", "Transaction.pop_savepoint"),
    ("Transaction::commit", "esker_txn_commit", "Transaction.commit"), ("Transaction::rollback", "esker_txn_rollback", "Transaction.rollback"),
];

/// The types whose calls are the engine's face.
const TYPES: [&str; 6] = ["Db", "ColumnFamily", "Snapshot", "Iter", "WriteBatch", "Transaction"];

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The public functions of [`TYPES`], as `Type::name`, in the text of a source file.
fn public_calls(source: &str, calls: &mut BTreeSet<String>) {
    let mut of = None;
    for line in source.lines() {
        if line.starts_with("#[cfg(test)]") {
            return;
        }
        if let Some(rest) = line.strip_prefix("impl ") {
            of = TYPES.into_iter().find(|name| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(" {")));
        } else if line.starts_with('}') {
            of = None;
        }
        if let (Some(of), Some(rest)) = (of, line.strip_prefix("    pub fn ")) {
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            calls.insert(format!("{of}::{name}"));
        }
    }
}

fn calls_of_core(folder: &Path, calls: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            calls_of_core(&path, calls);
        } else {
            public_calls(&fs::read_to_string(&path).expect("a source file is text"), calls);
        }
    }
}

/// Functions, and methods as `Class.name`, of a stub; a class has what its bases have.
fn calls_of_stub(stub: &str) -> BTreeSet<String> {
    let (mut calls, mut class) = (BTreeSet::new(), String::new());
    for line in stub.lines() {
        if let Some(rest) = line.strip_prefix("class ") {
            class = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
        }
        let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(rest) = line.strip_prefix("def ") {
            calls.insert(name(rest));
        } else if let Some(rest) = line.trim_start().strip_prefix("def ") {
            calls.insert(format!("{class}.{}", name(rest)));
        }
    }
    calls
}

#[test]
fn core_header_and_stub_offer_the_same_calls() {
    let mut core = BTreeSet::new();
    calls_of_core(&repository().join("core/src"), &mut core);
    let rows: BTreeSet<String> = ROWS.iter().map(|(core, _, _)| (*core).to_owned()).collect();
    let missing: Vec<_> = core.symmetric_difference(&rows).collect();
    assert!(missing.is_empty(), "calls without a row, or rows without a call: {missing:?}");

    let exports = fs::read_to_string(repository().join("ffi/exports.txt")).expect("the list of exports");
    let exports: BTreeSet<&str> = exports.lines().map(str::trim).collect();
    let stub = fs::read_to_string(repository().join("bindings/python/python/esker/_esker.pyi")).expect("the stub");
    let stub = calls_of_stub(&stub);
    let mut gone = Vec::new();
    for (call, c, python) in ROWS {
        if !c.starts_with('(') && !exports.contains(c) {
            gone.push(format!("{call}: {c}"));
        }
        if !python.starts_with('(') && !stub.contains(*python) {
            gone.push(format!("{call}: {python}"));
        }
    }
    assert!(gone.is_empty(), "twins that do not exist: {gone:#?}");
}
