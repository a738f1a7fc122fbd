"""Iterators: bounds, prefixes, direction, and what lies across the border of a chunk."""

import itertools
from pathlib import Path

import pytest

import esker

KEYS = [b"a", b"b", b"b/1", b"b/2", b"b0", b"c", b"\xff", b"\xff\xff"]


@pytest.fixture
def filled(db: esker.Db) -> esker.Db:
    db.put_many((key, b"of " + key) for key in KEYS)
    return db


def test_keys_values_items_and_iter(filled: esker.Db) -> None:
    assert list(filled) == list(filled.keys()) == KEYS
    assert list(filled.values()) == [b"of " + key for key in KEYS]
    assert list(filled.items()) == [(key, b"of " + key) for key in KEYS]


def test_bounds_are_half_open_and_combine(filled: esker.Db) -> None:
    starts = [None, b"", b"a", b"b", b"b/11", b"c", b"zz", b"\xff\xff\xff"]
    stops = [None, b"", b"a", b"b0", b"b/2", b"d", b"\xff\xff"]
    prefixes = [None, b"", b"b", b"b/", b"\xff", b"nothing"]
    for start, stop, prefix in itertools.product(starts, stops, prefixes):
        expected = [
            key
            for key in KEYS
            if (start is None or key >= start) and (stop is None or key < stop) and key.startswith(prefix or b"")
        ]
        assert list(filled.keys(start=start, stop=stop, prefix=prefix)) == expected
        assert list(filled.keys(start=start, stop=stop, prefix=prefix, reverse=True)) == expected[::-1]


def test_arguments_are_keywords(filled: esker.Db) -> None:
    with pytest.raises(TypeError):
        filled.items(b"a")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="bytes-like"):
        filled.items(prefix="user/")  # type: ignore[arg-type]


@pytest.mark.parametrize("reverse", [False, True])
def test_chunks_border_without_a_seam(path: Path, reverse: bool) -> None:
    with esker.open(path, memtable_size="256KiB") as db:
        expected: list[tuple[bytes, bytes]] = []
        for count in [0, 1, 15, 16, 17, 47, 48, 49, 4096, 9000]:
            more = [(b"%08d" % n, b"v%d" % n) for n in range(len(expected), count)]
            db.put_many(more)
            expected += more
            assert list(db.items(reverse=reverse)) == (expected[::-1] if reverse else expected)


def test_entries_larger_than_a_chunk(db: esker.Db) -> None:
    sizes = [0, 1, 65_527, 65_528, 65_529, 200_000, 3, 3_000_000, 10]
    expected = [(b"k%d" % n, bytes([n]) * size) for n, size in enumerate(sizes)]
    db.put_many(expected)
    assert list(db.items()) == expected
    assert list(db.items(reverse=True)) == expected[::-1]
    db.flush()
    assert list(db.values()) == [value for _, value in expected]
    long_key = b"\x01" * 100_000
    db[long_key] = b"long"
    assert next(db.keys()) == long_key


def test_an_iterator_sees_the_moment_it_was_made(db: esker.Db) -> None:
    expected = [(b"%04d" % n, b"old") for n in range(1000)]
    db.put_many(expected)
    items = db.items()
    first = next(items)
    db.put_many((key, b"new") for key, _ in expected)
    db.delete_range(b"0500", b"0600")
    db[b"0000a"] = b"new"
    db.flush()
    db.compact()
    assert [first, *items] == expected


def test_writing_while_iterating(db: esker.Db) -> None:
    db.put_many((b"%03d" % n, b"x") for n in range(200))
    for key in db:
        db[key + b"+"] = b"y"
        del db[key]
    assert [key[-1:] for key in db] == [b"+"] * 200


def test_an_ended_iterator_stays_ended(filled: esker.Db) -> None:
    items = filled.items()
    assert len(list(items)) == len(KEYS)
    filled[b"zzz"] = b"later"
    assert list(items) == [] and next(items, None) is None
    assert iter(items) is items
    assert "EntryIterator" in repr(items)


def test_deleted_ranges_are_skipped(db: esker.Db) -> None:
    db.put_many((b"%05d" % n, b"x") for n in range(20_000))
    db.delete_range(b"00010", b"19990")
    assert len(list(db)) == 20
    assert len(list(db.keys(reverse=True))) == 20
