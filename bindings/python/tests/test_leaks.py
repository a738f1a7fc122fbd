"""Nothing is left behind by many cycles: no references, no memory, no threads, no open files."""

import gc
import os
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest

import esker

CYCLES = 10_000
ALLOWED_BYTES = 6 << 20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def read(db: esker.Db) -> None:
    db.get(b"k")
    db.get(b"missing", None)
    db.multi_get([b"k", b"missing"])
    assert b"k" in db
    view = db.get_view(b"k")
    assert view is not None and view[0] == 118


def iterate(db: esker.Db) -> None:
    next(db.items())
    list(db.keys(start=b"a", stop=b"z", reverse=True))


def freeze(db: esker.Db) -> None:
    snapshot = db.snapshot()
    next(snapshot.items())
    snapshot.get_view(b"k")


def write(db: esker.Db) -> None:
    db.put(b"k", b"v" * 100, durability="none")
    with db.batch(durability="none") as batch:
        batch.put(b"k2", bytearray(b"v"))
        batch.delete(b"k3")
    db.batch().put(b"never", b"committed")


def columns(db: esker.Db) -> None:
    values = db.multi_get_packed([b"k", b"missing"])
    assert len(values.data) == values.offsets[1] and not values.found[1]
    next(db.items_packed(chunk_size=1))
    db.put_many_packed((b"k2k3", array("q", [0, 2, 4])), [b"v", values[0] or b""], durability="none")
    try:
        db.put_many_packed((b"k2k3", array("q", [0, 5])), [b"v"])
    except ValueError:
        pass


def fail(db: esker.Db) -> None:
    for call in (lambda: db[b"missing"], lambda: db.put(b"k", 1), lambda: db.batch(durability="x")):  # type: ignore
        try:
            call()
        except (KeyError, TypeError, ValueError):
            pass


def ask(db: esker.Db) -> None:
    db.path, db.closed, repr(db), db.as_dict()
    if id(object()) % 10 == 0:
        db.options, db.stats()


@pytest.mark.parametrize("cycle", [read, iterate, freeze, write, columns, fail, ask])
def test_cycles_leave_nothing_behind(path: Path, cycle: Callable[[esker.Db], None]) -> None:
    with esker.open(path, memory_budget="1MiB") as db:
        db[b"k"] = b"v" * 100
        for _ in range(CYCLES // 4):
            cycle(db)
        gc.collect()
        objects, before, references = len(gc.get_objects()), resident(), sys.getrefcount(db)
        for _ in range(CYCLES):
            cycle(db)
        gc.collect()
        assert len(gc.get_objects()) - objects < 100
        assert resident() - before < ALLOWED_BYTES
        assert sys.getrefcount(db) == references


def test_references_to_what_is_passed_in(db: esker.Db) -> None:
    key, value, default, array = b"a key of its own", b"a value of its own", object(), bytearray(b"array")
    before = [sys.getrefcount(x) for x in (key, value, default, array)]
    for _ in range(1000):
        db.put(key, value)
        db.put(array, array)
        db.get(key, default)
        db.get(b"missing", default)
        db.multi_get([key, array])
        list(db.items(start=key, prefix=array))
        with db.batch() as batch:
            batch.put(key, array)
        db.put_many([(key, value)])
        try:
            db[default]  # type: ignore[index]
        except TypeError:
            pass
    batch = db.batch()
    assert [sys.getrefcount(x) for x in (key, value, default, array)] == before
    array += b"can be resized: nobody holds its buffer"


def test_opening_and_closing(path: Path) -> None:
    def count(what: str) -> int:
        return len(os.listdir(f"/proc/self/{what}"))

    def cycle() -> None:
        with esker.open(path) as db:
            db[b"k"] = b"v"
            db.flush()

    for _ in range(5):
        cycle()
    before = count("fd"), count("task")
    for _ in range(25):
        cycle()
    assert count("fd") <= before[0]
    assert count("task") <= before[1] + 2  # threads that are just ending
