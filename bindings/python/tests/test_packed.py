"""Columns: many keys and values in one piece of memory, with numpy, with `array`, and with neither."""

import os
import subprocess
import sys
import threading
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import esker

Refused = esker.InvalidArgumentError


def as_numpy(packed: esker.Packed) -> list[bytes | None]:
    """The rows, cut out by numpy from what it sees in place."""
    data = np.frombuffer(packed.data, np.uint8)
    offsets = np.frombuffer(packed.offsets, np.int64)
    found = np.frombuffer(packed.found, np.bool_)
    assert len(offsets) == len(found) + 1 == len(packed) + 1
    return [
        data[start:end].tobytes() if is_there else None
        for start, end, is_there in zip(offsets[:-1], offsets[1:], found, strict=True)
    ]


def test_what_comes_out_is_seen_in_place(db: esker.Db) -> None:
    db.put_many([(b"a", b"one"), (b"b", b""), (b"c", b"three")])
    values = db.multi_get_packed([b"c", b"x", b"b", b"a", b"c"])
    assert as_numpy(values) == list(values) == [b"three", None, b"", b"one", b"three"]
    assert [values[i] for i in range(-5, 5)] == 2 * list(values)
    for wrong in (5, -6, 2**62):
        with pytest.raises(IndexError):
            values[wrong]
    for view, format in ((values.data, "B"), (values.offsets, "q"), (values.found, "?")):
        assert (view.format, view.readonly, view.contiguous, view.ndim) == (format, True, True, 1)
        seen = np.asarray(view)
        assert not seen.flags.owndata and not seen.flags.writeable
        assert seen.__array_interface__["data"] == np.asarray(view).__array_interface__["data"]
    assert "5 rows" in repr(values)


def test_what_comes_out_outlives_the_database(path: Path) -> None:
    with esker.open(path) as db:
        db[b"k"] = b"v" * 1000
        offsets, data = (memoryview(x) for x in (lambda p: (p.offsets, p.data))(db.multi_get_packed([b"k"])))
        ((keys, _),) = db.items_packed()
        walk = db.items_packed()
    assert (offsets.tolist(), data.tobytes(), list(keys)) == ([0, 1000], b"v" * 1000, [b"k"])
    with pytest.raises(esker.ClosedError):
        next(walk)


def test_nothing_at_all(db: esker.Db) -> None:
    nothing = db.multi_get_packed([])
    assert (len(nothing), nothing.offsets.tolist(), nothing.found.tolist(), as_numpy(nothing)) == (0, [0], [], [])
    assert list(db.items_packed()) == []
    assert db.put_many_packed(np.empty((0, 8), np.uint8), nothing) == 0
    assert db.put_many_packed((b"", array("q", [0, 0])), [b"of the empty key"]) == 1
    assert list(db.multi_get_packed(np.empty((1, 0), np.uint8))) == [b"of the empty key"]


@pytest.mark.parametrize(
    "column",
    [
        lambda: [b"ab", b"cd", b"ef"],
        lambda: iter((bytearray(b"ab"), memoryview(b"cd"), b"ef")),
        lambda: (b"abcdef", array("q", [0, 2, 4, 6])),
        lambda: (b"--abcdef--", np.array([2, 4, 6, 8], np.int32)),
        lambda: (np.frombuffer(b"abcdef", np.uint8), np.array([0, 2, 4, 6], np.uint64)),
        lambda: (memoryview(b"abcdef"), np.array([0, 2, 4, 6], np.uint32)),
        lambda: (np.frombuffer(b"abcdef", "S1"), np.array([0, 2, 4, 6], "<i8")),
        lambda: np.array([[97, 98], [99, 100], [101, 102]], np.uint8),
        lambda: memoryview(b"abcdef").cast("B", (3, 2)),
        lambda: np.array([b"ab", b"cd", b"ef"], "S5"),
        lambda: np.array([b"ab", b"cd", b"ef"], "V2"),
        lambda: np.array([24930, 25444, 25958], ">u2"),
    ],
)
def test_every_kind_of_column(db: esker.Db, column: Callable[[], Any]) -> None:
    names, rows = [b"1", b"2", b"3"], [b"ab", b"cd", b"ef"]
    assert db.put_many_packed(names, column()) == 3 and list(db.values()) == rows
    assert db.put_many_packed(column(), [b"x", b"y", b"z"]) == 3
    assert list(db.multi_get_packed(column())) == [b"x", b"y", b"z"]
    ((keys, _),) = db.items_packed(start=b"a")
    assert list(keys) == rows and list(db.multi_get_packed(keys)) == [b"x", b"y", b"z"]


def test_numbers(db: esker.Db) -> None:
    numbers = np.array([1, 256, 2**40, 3], np.uint64)
    vectors = np.arange(12, dtype=np.float32).reshape(4, 3)
    assert db.put_many_packed(numbers.astype(">u8"), vectors) == 4
    ((keys, values),) = db.items_packed()
    assert np.frombuffer(keys.data, ">u8").tolist() == [1, 3, 256, 2**40]
    assert np.frombuffer(values.data, np.float32).reshape(-1, 3).tolist() == vectors[[0, 3, 1, 2]].tolist()
    for dtype in ("i8", "f4", "?", "c8", "e", "V3", [("count", "<u4"), ("OPTION", "u1")]):
        column = np.zeros(4, dtype)
        assert db.put_many_packed(numbers.astype(">u8"), column) == 4
        assert next(db.values()) == bytes(column.itemsize), dtype


def bad_columns() -> dict[str, tuple[Any, str]]:
    grid = np.zeros((4, 4), np.uint8)
    return {
        "objects": (np.array([b"a", None], object), "objects or text"),
        "text": (np.array(["a", "b"]), "objects or text"),
        "a column": (grid[:, ::2], "in one piece"),
        "transposed": (np.zeros((4, 2), np.uint8).T, "in one piece"),
        "reversed": (np.array([b"ab", b"cd"])[::-1], "in one piece"),
        "no dimension": (np.array(b"ab"), "shows no rows"),
        "one row of bytes": (np.zeros(4, np.uint8), "two dimensions"),
        "bytes": (b"abcd", "two dimensions"),
        "decreasing": ((b"abcd", array("q", [0, 3, 1, 4])), "row 1 ends before it begins"),
        "negative": ((b"abcd", array("q", [0, -1])), r"offsets\[1\] is negative"),
        "beyond": ((b"abcd", array("q", [0, 2, 5])), r"offsets\[2\] is 5, but data has 4 bytes"),
        "far beyond": ((b"abcd", np.array([0, 2**64 - 1], np.uint64)), "5, but data has 4|negative|descend|offsets"),
        "no offsets": ((b"abcd", array("q")), "empty"),
        "offsets of floats": ((b"abcd", array("d", [0, 4])), "offsets are of d"),
        "offsets of bytes": ((b"abcd", b"\0\4"), "offsets are of B"),
        "offsets of bools": ((b"abcd", np.array([0, 1], bool)), r"offsets are of \?"),
        "offsets swapped": ((b"abcd", np.array([0, 4], ">i8")), "offsets are of >q"),
        "offsets of 16 bits": ((b"abcd", np.array([0, 4], np.int16)), "offsets are of h"),
        "offsets scattered": ((b"abcd", np.arange(6)[::2]), "offsets is not in one piece"),
        "offsets square": ((b"abcd", np.zeros((2, 2), np.int64)), "offsets has 2 dimensions"),
        "offsets no array": ((b"abcd", [0, 4]), "offsets is no array, but 'list'"),
        "data no array": ((7, array("q", [0])), "data is no array, but 'int'"),
        "data of numbers": ((array("i", [1]), array("q", [0, 4])), "data is of i"),
        "data scattered": ((np.zeros(9, np.uint8)[::2], array("q", [0, 4])), "data is not in one piece"),
        "three": ((b"a", b"b", b"c"), "a tuple is"),
    }


@pytest.mark.parametrize("name", bad_columns())
def test_what_is_refused_says_why(db: esker.Db, name: str) -> None:
    column, why = bad_columns()[name]
    for what, call in (
        ("keys", lambda: db.multi_get_packed(column)),
        ("keys", lambda: db.put_many_packed(column, [])),
        ("values", lambda: db.put_many_packed([], column)),
    ):
        with pytest.raises(Refused, match=rf"^{what}: .*({why})"):
            call()
    assert list(db) == []


def test_keys_must_sort(db: esker.Db) -> None:
    for dtype in ("u8", "i8", ">i8", "f8", ">f8", "?", "u2", [("a", ">u4")]):
        with pytest.raises(Refused, match=r"^keys: numbers of .* do not sort as keys; .*astype\('>u8'\)"):
            db.multi_get_packed(np.zeros(2, dtype))
    with pytest.raises(Refused, match="^keys: numbers of l"):
        db.multi_get_packed(np.zeros((2, 2), np.int64))


def test_other_refusals(db: esker.Db) -> None:
    db[b"k"] = b"v"
    with pytest.raises(Refused, match="there are 2 keys and 1 values"):
        db.put_many_packed([b"a", b"b"], [b"1"])
    with pytest.raises(Refused, match="values: row 1 was not found"):
        db.put_many_packed([b"a", b"b"], db.multi_get_packed([b"k", b"x"]))
    with pytest.raises(Refused, match="chunk_size"):
        db.items_packed(chunk_size=0)
    with pytest.raises(OverflowError):
        db.items_packed(chunk_size=-1)
    for wrong in (7, None, object()):
        with pytest.raises(TypeError, match="keys: an array, or an iterable of bytes"):
            db.multi_get_packed(wrong)  # type: ignore[arg-type]
    for wrong in ("text", [b"a", "b"], [1]):
        with pytest.raises(TypeError, match="bytes-like"):
            db.multi_get_packed(wrong)  # type: ignore[arg-type]
    released = memoryview(b"abc")
    released.release()
    for unseen, why in ((np.zeros(2, "M8[s]"), "dtype 'M'"), (released, "released")):
        with pytest.raises(ValueError, match=why):
            db.multi_get_packed(unseen)
    with pytest.raises(Refused, match="key"):
        db.put_many_packed(np.zeros((1, (8 << 20) + 1), np.uint8), [b""])
    assert list(db.items()) == [(b"k", b"v")]


def test_stretches_and_chunks(db: esker.Db) -> None:
    entries = [(b"%03d" % n, b"v" * (n % 7)) for n in range(100)]
    db.put_many(entries)
    for reverse in (False, True):
        for size in (1, 7, 99, 100, 101, 10**9):
            chunks = [
                list(zip(keys, values, strict=True))
                for keys, values in db.items_packed(chunk_size=size, reverse=reverse)
            ]
            assert [len(chunk) for chunk in chunks[:-1]] == [size] * (len(chunks) - 1)
            assert [entry for chunk in chunks for entry in chunk] == (entries[::-1] if reverse else entries)
    ((keys, _),) = db.items_packed(start=b"010", stop=b"025", prefix=b"01")
    assert list(keys) == [b"%03d" % n for n in range(10, 20)]


def test_a_chunk_of_large_values_ends_early(db: esker.Db) -> None:
    db.put_many((b"%d" % n, bytes(3 << 20)) for n in range(4))
    db[b"huge"] = bytes(20 << 20)
    assert [len(keys) for keys, _ in db.items_packed()] == [2, 2, 1]


def test_snapshots_transactions_families(db: esker.Db) -> None:
    users = db.column_family("users", create=True)
    users.put_many_packed([b"a", b"b"], [b"1", b"2"])
    with db.snapshot() as before, db.transaction() as t:
        users.put_many_packed([b"a"], [b"changed"], ttl=3600, durability="sync")
        t.put(b"b", b"own", family=users)
        assert list(before.multi_get_packed([b"a", b"b"], family=users)) == [b"1", b"2"]
        assert [list(values) for _, values in before.items_packed(family="users")] == [[b"1", b"2"]]
        assert list(t.multi_get_packed([b"b"], family=users)) == [b"own"]
        assert [list(keys) for keys, _ in t.items_packed()] == []
    assert list(users.multi_get_packed([b"a", b"b"])) == [b"changed", b"own"]
    with pytest.raises(esker.ConflictError), db.transaction() as t:
        list(t.items_packed(family=users))
        users[b"c"] = b"came meanwhile"
        t.put(b"x", b"y")


def test_many_rows_are_written_in_parts(path: Path) -> None:
    with esker.open(path) as db:
        count = 300_000
        keys = np.arange(count, dtype=">u4")
        assert db.put_many_packed(keys, np.arange(count)) == count
        seen = [np.frombuffer(values.data, np.int64) for _, values in db.items_packed()]
        assert len(seen) > 1 and np.array_equal(np.concatenate(seen), np.arange(count))
        asked = np.random.default_rng(1).permutation(count).astype(">u4")
        values = db.multi_get_packed(asked)
        assert np.array_equal(np.frombuffer(values.data, np.int64), asked) and np.frombuffer(values.found, bool).all()


def test_arrays_that_change_meanwhile(db: esker.Db) -> None:
    """Whoever writes to an array during the call gets old or new bytes, and nothing worse."""
    keys = np.zeros((5000, 16), np.uint8)
    stop = threading.Event()

    def scribble() -> None:
        while not stop.is_set():
            keys[:] = np.random.default_rng().integers(0, 255, keys.shape, np.uint8)

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        for _ in range(20):
            assert db.put_many_packed(keys, keys) == 5000
            assert len(db.multi_get_packed(keys)) == 5000
    finally:
        stop.set()
        writer.join()
    assert all(len(key) == len(value) == 16 for key, value in db.items())


def test_references(db: esker.Db) -> None:
    keys, data, offsets = np.zeros((3, 2), np.uint8), bytearray(b"abc"), array("q", [0, 1, 2, 3])
    before = [sys.getrefcount(x) for x in (keys, data, offsets)]
    for _ in range(1000):
        db.put_many_packed(keys, (data, offsets))
        values = db.multi_get_packed(keys)
        views = values.data, values.offsets, values.found
        list(db.items_packed())
        with pytest.raises(Refused):
            db.put_many_packed(keys, (data, array("q", [9])))
    del values, views
    assert [sys.getrefcount(x) for x in (keys, data, offsets)] == before
    data += b"can be resized: nobody holds its buffer"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=50))), asked=st.lists(st.binary(max_size=3)))
def test_against_a_dict(db: esker.Db, rows: list[tuple[bytes, bytes]], asked: list[bytes]) -> None:
    db.delete_range(b"", b"\xff" * 30)
    model = dict(rows)
    keys, values = [key for key, _ in rows], [value for _, value in rows]
    offsets = np.cumsum([0, *map(len, keys)], dtype=np.int64)
    assert db.put_many_packed((b"".join(keys), offsets), values) == len(rows)
    asked = asked + keys
    assert list(db.multi_get_packed(asked)) == [model.get(key) for key in asked]
    walked = [pair for chunk in db.items_packed(chunk_size=3) for pair in zip(*chunk, strict=True)]
    assert walked == sorted(model.items())


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=40),
    numbers=st.lists(st.integers(-3, 45) | st.integers(-(2**63), 2**63 - 1), max_size=6),
    code=st.sampled_from("bBhHiIlLqQfd"),
    shape=st.lists(st.integers(0, 3), max_size=4),
    dtype=st.sampled_from(["u1", "i1", "S1", "S3", "V2", ">u2", "<u4", ">u8", "f8", "?", "U1", "O", "c16"]),
    order=st.sampled_from("CF"),
)
def test_any_arrays_at_all(
    db: esker.Db, data: bytes, numbers: list[int], code: str, shape: list[int], dtype: str, order: Any
) -> None:
    """Whatever arrays come in: rows as numpy sees them, or a refusal."""
    try:
        offsets = array(code, numbers)
    except (OverflowError, TypeError):
        offsets = array(code, [abs(n) % 45 for n in numbers])
    column = (data, offsets)
    try:
        found = db.multi_get_packed(column)
        assert list(offsets) == sorted(offsets) and len(found) == len(offsets) - 1
    except Refused as error:
        assert str(error).startswith("keys: ")
    grid = np.zeros(shape, dtype, order=order)
    try:
        assert len(db.multi_get_packed(grid)) == shape[0]
    except Refused as error:
        assert str(error).startswith("keys: ")


WITHOUT = """
import sys
sys.modules["numpy"] = None  # an import of it fails
from array import array
import esker
with esker.open(sys.argv[1]) as db:
    print(db.put_many_packed((b"abc", array("q", [0, 1, 3])), [b"one", b"two"]))
    print(list(db.multi_get_packed([b"bc", b"x"])), [(list(k), list(v)) for k, v in db.items_packed()])
    print(sum(map(len, (k for k, _ in db.items_packed()))), "numpy" in sys.modules and sys.modules["numpy"] is not None)
"""


def test_without_numpy(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, path], capture_output=True, text=True, timeout=60, env={**os.environ}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["2", "[b'two', None] [([b'a', b'bc'], [b'one', b'two'])]", "2 False"]


def test_numpy_is_not_imported() -> None:
    code = "import sys, esker, esker.aio, esker.dbm; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "False\n"
