"""Closing and garbage collection, in any order: nothing crashes, and what is closed says so."""

import gc
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

import esker


def test_closing_twice_and_using_it_afterwards(path: Path) -> None:
    db = esker.open(path)
    db[b"k"] = b"v"
    batch, snapshot, items, chunks = db.batch(), db.snapshot(), db.items(), db.items_packed()
    view, mapping = db.get_view(b"k"), db.as_dict()
    batch.put(b"a", b"1")
    db.close()
    db.close()
    assert db.closed and "closed" in repr(db) and db.path == path
    calls: list[Callable[[], object]] = [
        lambda: db[b"k"],
        lambda: db.get(b"k"),
        lambda: db.get_view(b"k"),
        lambda: db.multi_get([b"k"]),
        lambda: b"k" in db,
        lambda: db.put(b"k", b"v"),
        lambda: db.delete(b"k"),
        lambda: db.delete_range(b"a", b"b"),
        lambda: db.put_many([(b"k", b"v")]),
        lambda: db.put_many([]),
        lambda: db.multi_get_packed([b"k"]),
        lambda: db.put_many_packed([b"k"], [b"v"]),
        lambda: db.put_many_packed([], []),
        lambda: next(chunks),
        db.items_packed,
        lambda: list(db),
        db.items,
        db.keys,
        db.values,
        db.snapshot,
        db.flush,
        db.sync,
        db.compact,
        lambda: mapping[b"k"],
        lambda: len(mapping),
        lambda: snapshot[b"k"],
        snapshot.items,
        batch.commit,
    ]
    for call in calls:
        with pytest.raises(esker.ClosedError):
            call()
    try:
        assert list(items) == [(b"k", b"v")]
    except esker.ClosedError:
        pass  # either is fine, a crash is not
    assert view is not None and view.tobytes() == b"v", "a view outlives the database"
    snapshot.close()
    with esker.open(path) as again:
        assert dict(again.items()) == {b"k": b"v"}


def test_letting_go_in_any_order(path: Path) -> None:
    with esker.open(path) as first:
        first[b"k"] = b"v" * 1000
    for order in list(itertools.permutations(range(7)))[::211]:
        db = esker.open(path)  # nothing holds the lock of the round before
        assert db[b"k"] == b"v" * 1000
        objects: list[object] = [db, db.snapshot(), db.items(), db.batch(), db.get_view(b"k")]
        objects += [db.items_packed(), db.multi_get_packed([b"k"]).data]
        del db
        for index in order:
            objects[index] = None
            gc.collect(0)


@pytest.mark.parametrize("order", list(itertools.permutations(["db", "snapshot", "batch", "view"])))
def test_closing_in_any_order(path: Path, order: tuple[str, ...]) -> None:
    db = esker.open(path)
    db[b"k"] = b"v"
    snapshot, batch, view = db.snapshot(), db.batch(), db.get_view(b"k")
    assert view is not None
    close: dict[str, Callable[[], object]] = {
        "db": db.close,
        "snapshot": snapshot.close,
        "batch": batch.clear,
        "view": view.release,
    }
    for name in order:
        close[name]()
    esker.open(path).close()


def test_views_outlive_their_block_the_database_and_its_files(path: Path) -> None:
    db = esker.open(path, memory_budget="1MiB")
    values = {b"%04d" % n: bytes([n % 256]) * 2000 for n in range(500)}
    db.put_many(values.items())
    db.flush()
    views = {key: db.get_view(key) for key in values}
    db.delete_range(b"", b"z")
    db.compact()
    db.close()
    del db
    gc.collect()
    esker.destroy(path)
    for key, view in views.items():
        assert view is not None and view == values[key]


def test_a_snapshot_keeps_a_dropped_database_open(path: Path) -> None:
    snapshot = esker.open(path).snapshot()
    with pytest.raises(esker.LockedError):
        esker.open(path)
    assert list(snapshot) == []
    del snapshot
    esker.open(path).close()


def test_a_cycle_is_collected(path: Path) -> None:
    class Holder:
        pass

    holder = Holder()
    holder.db = esker.open(path)  # type: ignore[attr-defined]
    holder.itself = holder  # type: ignore[attr-defined]
    del holder
    gc.collect()
    esker.open(path).close()


def test_a_block_that_raises_closes_too(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), esker.open(path) as db:
        db[b"k"] = b"v"
        raise ZeroDivisionError
    assert db.closed
    with esker.open(path) as db:
        assert db[b"k"] == b"v"


def test_a_block_may_close_by_itself(path: Path) -> None:
    with esker.open(path) as db:
        db.close()
    with esker.open(path) as db, db.snapshot() as snapshot:
        snapshot.close()
