"""Merge operators: operands that add up without a read, in every way of writing, for good."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import esker
from esker import from_i64, from_u64, i64, u64


@pytest.fixture
def counters(db: esker.Db) -> esker.ColumnFamily:
    return db.column_family("counters", create=True, merge_operator="add_u64")


def test_numbers_there_and_back() -> None:
    for n in (0, 1, 255, 2**63, 2**64 - 1):
        assert from_u64(u64(n)) == n == from_u64(memoryview(u64(n)))
    for n in (0, -1, 2**63 - 1, -(2**63)):
        assert from_i64(i64(n)) == n
    assert from_u64(None) == from_i64(None) == 0
    for convert, n in ((u64, -1), (u64, 2**64), (i64, 2**63)):
        with pytest.raises(OverflowError):
            convert(n)
    for read in (from_u64, from_i64):
        with pytest.raises(ValueError, match="8 bytes"):
            read(b"1234567")


def test_counting(db: esker.Db, counters: esker.ColumnFamily) -> None:
    counters.merge(b"hits", 1)
    counters.merge(b"hits", u64(2), durability="sync")
    with db.batch() as batch:
        batch.merge(b"hits", 3, family=counters)
        batch.merge(b"hits", bytearray(u64(4)), family="counters")
        assert [(entry.kind, entry.value) for entry in batch] == [("merge", u64(3)), ("merge", u64(4))]
    with db.transaction() as t:
        t.merge(b"hits", 5, family=counters)
        assert from_u64(t.get(b"hits", family=counters)) == 15
        t.merge(b"misses", 1, family="counters")
    counters.flush()
    counters.merge(b"hits", 6)
    assert from_u64(counters[b"hits"]) == 21
    assert [(key, from_u64(value)) for key, value in counters.items(reverse=True)] == [(b"misses", 1), (b"hits", 21)]
    counters.compact()
    counters[b"hits"] = u64(100)
    counters.merge(b"hits", 1)
    assert [from_u64(value) for value in counters.multi_get([b"hits", b"none"])] == [101, 0]
    del counters[b"hits"]
    counters.merge(b"hits", 1)
    assert from_u64(counters.get(b"hits")) == 1


def test_numbers_below_zero(db: esker.Db) -> None:
    balances = db.column_family("balances", create=True, merge_operator="add_i64")
    balances.merge(b"ada", 5)
    balances.merge(b"ada", -12)
    assert from_i64(balances[b"ada"]) == -7


def test_what_is_no_operand_is_refused_and_nothing_is_written(db: esker.Db, counters: esker.ColumnFamily) -> None:
    tags = db.column_family("tags", create=True, merge_operator="append")
    with pytest.raises(OverflowError):
        counters.merge(b"k", -1)
    with pytest.raises(OverflowError):
        counters.merge(b"k", 2**64)
    with pytest.raises(esker.InvalidArgumentError, match="8"):
        counters.merge(b"k", b"1")
    with pytest.raises(TypeError, match="append"):
        tags.merge(b"k", 1)
    with pytest.raises(TypeError, match="bytes-like"):
        counters.merge(b"k", "1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes-like"):
        counters.merge(b"k", 1.0)  # type: ignore[arg-type]
    with pytest.raises(esker.InvalidArgumentError, match="merge operator"):
        db.merge(b"k", b"v")
    with pytest.raises(TypeError):
        db.merge(b"k", 1)
    batch = db.batch()
    batch.put(b"k", b"v")
    batch.merge(b"k", b"1", family=counters)
    with pytest.raises(esker.InvalidArgumentError):
        batch.commit()
    loose = esker.Batch.from_bytes(b"")
    with pytest.raises(TypeError, match="int"):
        loose.merge(b"k", 1)
    loose.merge(b"k", 1, family=counters)
    db.write(loose)
    with db.transaction() as t, pytest.raises(esker.InvalidArgumentError):
        t.merge(b"k", b"v")
    assert list(db) == list(tags) == [] and dict(counters.items()) == {b"k": u64(1)}


@pytest.mark.parametrize(
    ("operator", "operands", "expected"),
    [
        ("min", [b"m", b"a", b"z"], b"a"),
        ("max", [b"m", b"a", b"z"], b"z"),
        ("append", [b"a", b"b"], b"ab"),
        ("append(, )", [b"a", b"b"], b"a, b"),
        ("bit_or", [b"\x01", b"\x06"], b"\x07"),
    ],
)
def test_operators(path: Path, operator: str, operands: list[bytes], expected: bytes) -> None:
    with esker.open(path, merge_operator=operator) as db:
        for operand in operands:
            db.merge(b"k", operand)
        assert db[b"k"] == expected
        db.flush()
    with esker.open(path) as db:
        assert db[b"k"] == expected, "the operator is on record"
        assert db.column_family("default").options["merge_operator"] == operator


def test_json(db: esker.Db) -> None:
    profiles = db.column_family("profiles", create=True, merge_operator="json_merge_patch")
    profiles.merge(b"ada", b'{"name": "Ada", "born": 1815}')
    profiles.merge(b"ada", b'{"born": null, "died": 1852}')
    assert json.loads(profiles[b"ada"]) == {"name": "Ada", "died": 1852}


def test_an_operator_that_does_not_exist(db: esker.Db, path: Path) -> None:
    with pytest.raises(esker.InvalidArgumentError, match="add_u64"):
        db.column_family("c", create=True, merge_operator="add_u46")
    with pytest.raises(esker.InvalidArgumentError, match="merge_operator"):
        db.column_family("default", merge_operator="max")


def test_the_default_family_counts_in_ints(path: Path) -> None:
    for round in range(1, 4):
        with esker.open(path, merge_operator="add_u64") as db:
            db.merge(b"opened", 1)
            assert from_u64(db[b"opened"]) == round
            with db.batch() as batch, pytest.raises(ZeroDivisionError), batch.savepoint():
                batch.merge(b"opened", 1)
                raise ZeroDivisionError


def test_threads_count_without_conflicts(counters: esker.ColumnFamily) -> None:
    def count(_: int) -> None:
        for _ in range(500):
            counters.merge(b"n", 1)

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(count, range(4), timeout=60))
    assert from_u64(counters[b"n"]) == 2000
