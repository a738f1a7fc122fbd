"""Column families: trees of their own in one database, with one log, one commit order and one lifetime."""

import gc
import itertools
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import esker


@pytest.fixture
def users(db: esker.Db) -> esker.ColumnFamily:
    return db.column_family("users", create=True)


def test_families_are_created_opened_listed_and_found_again(path: Path) -> None:
    with esker.open(path) as db:
        with pytest.raises(esker.NotFoundError, match="users"):
            db.column_family("users")
        users = db.column_family("users", create=True, compression="none", filter_bits_per_key=3)
        logs = db.column_family("logs", create=True)
        assert (users.name, users.dropped, users.options["filter_bits_per_key"]) == ("users", False, "3")
        assert 0 < users.id < logs.id
        assert db.column_families() == ["default", "users", "logs"]
        users[b"k"] = b"of users"
        db[b"k"] = b"of default"
    with esker.open(path) as db:
        users = db.column_family("users")
        assert (users[b"k"], db[b"k"]) == (b"of users", b"of default")
        assert users.options["compression"] == "none"
        assert set(users.options) == set(esker.option_names("column_family"))
        default = db.column_family("default")
        assert (default.id, default[b"k"]) == (0, b"of default")
    assert esker.verify(path)["ok"]


def test_create_opens_what_is_there_and_minds_other_options(db: esker.Db) -> None:
    first = db.column_family("users", create=True, filter_bits_per_key=3)
    first[b"k"] = b"v"
    assert db.column_family("users", create=True)[b"k"] == b"v"
    assert db.column_family("users", create=True, filter_bits_per_key="3")[b"k"] == b"v"
    for create in (True, False):
        with pytest.raises(esker.InvalidArgumentError, match="filter_bits_per_key"):
            db.column_family("users", create=create, filter_bits_per_key=4)
    with pytest.raises(esker.InvalidArgumentError, match="compression"):
        db.column_family("other", create=True, compresion="lz4")  # type: ignore[call-arg]
    with pytest.raises(esker.InvalidArgumentError, match="nobody"):
        db.column_family("other", create=True, comparator="nobody knows it")
    for name in ("", "n" * 256):
        with pytest.raises(esker.InvalidArgumentError):
            db.column_family(name, create=True)
    with pytest.raises(TypeError):
        db.column_family(b"users")  # type: ignore[arg-type]
    with pytest.raises(esker.InvalidArgumentError, match="column_family"):
        esker.option_names("family")  # type: ignore[arg-type]
    assert db.column_families() == ["default", "users"]


def test_threads_that_create_the_same_family_get_the_same_family(db: esker.Db) -> None:
    found: list[int] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait(30)
        found.append(db.column_family("users", create=True).id)

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8 and len(set(found)) == 1


def test_a_family_has_the_methods_of_a_database(db: esker.Db, users: esker.ColumnFamily) -> None:
    for tree in (db, users):
        tree.put(b"a", b"1", durability="sync")
        tree[b"b"] = b"2"
        assert tree.put_many([(b"c", b"3"), (b"d", b"4"), (b"e", b"5")]) == 3
        tree.delete(b"a")
        tree.delete_range(b"d", b"e")
        del tree[b"b"]
        with pytest.raises(KeyError):
            del tree[b"b"]
        assert (tree[b"c"], tree.get(b"b"), tree.get(b"b", 7), b"c" in tree, b"b" in tree) == (
            b"3",
            None,
            7,
            True,
            False,
        )
        assert tree.multi_get([b"e", b"a"]) == [b"5", None]
        view = tree.get_view(b"c")
        assert view is not None and view.tobytes() == b"3" and tree.get_view(b"a") is None
        assert list(tree) == list(tree.keys()) == [b"c", b"e"]
        assert list(tree.values(reverse=True)) == [b"5", b"3"]
        assert tree.approximate_size() >= tree.approximate_size(b"x", b"y") == 0
        assert list(tree.items(start=b"d")) == list(tree.items(prefix=b"e")) == [(b"e", b"5")]
        tree.flush()
        tree.compact()
        mapping = tree.as_dict()
        assert mapping == {b"c": b"3", b"e": b"5"}
        mapping.clear()
        assert list(tree) == []
        tree[b"of"] = repr(tree).encode()
    assert b"users" in users[b"of"] and db[b"of"] != users[b"of"]


def test_flushing_one_family_leaves_the_others_in_memory(db: esker.Db, users: esker.ColumnFamily) -> None:
    db[b"k"] = users[b"k"] = b"v"
    users.flush()
    assert sum(level["tables"] for level in db.stats()["levels"]) <= 1
    assert db[b"k"] == users[b"k"] == b"v"
    db.flush()
    assert db[b"k"] == users[b"k"] == b"v"


def test_a_batch_spans_families(db: esker.Db, users: esker.ColumnFamily) -> None:
    logs = db.column_family("logs", create=True)
    users[b"old"] = logs[b"m"] = b"x"
    with db.batch() as batch:
        batch.put(b"k", b"default")
        batch.put(b"k", b"users", family=users)
        batch.put(b"k", b"logs", family="logs")
        batch.delete(b"old", family=users)
        batch.delete_range(b"m", b"n", family=logs)
    assert [dict(tree.items()) for tree in (db, users, logs)] == [{b"k": b"default"}, {b"k": b"users"}, {b"k": b"logs"}]
    with users.batch() as batch:
        batch[b"home"] = b"users"
        batch.put(b"home", b"default", family=db)
    assert (users[b"home"], db[b"home"]) == (b"users", b"default")
    with pytest.raises(ZeroDivisionError), db.batch() as batch:
        batch.put(b"never", b"", family=users)
        raise ZeroDivisionError
    assert b"never" not in users


def test_a_snapshot_spans_families(db: esker.Db, users: esker.ColumnFamily) -> None:
    db[b"k"], users[b"k"] = b"default", b"users"
    with db.snapshot() as before, users.snapshot() as at_home:
        users[b"k"] = db[b"k"] = b"new"
        assert (before.get(b"k"), before.get(b"k", family=users), before.get(b"z", 7, family="users")) == (
            b"default",
            b"users",
            7,
        )
        assert before.multi_get([b"k"], family=users) == [b"users"]
        view = before.get_view(b"k", family=users)
        assert view is not None and view.tobytes() == b"users"
        assert list(before.items(family=users)) == list(at_home.items()) == [(b"k", b"users")]
        assert list(before.keys(family=users, reverse=True)) == [b"k"]
        assert list(before.values(family=users, start=b"l")) == []
        assert (at_home[b"k"], at_home.get(b"k", family=db)) == (b"users", b"default")
        with pytest.raises(esker.NotFoundError):
            before.get(b"k", family="nobody")
        for wrong in (1, b"users"):
            with pytest.raises(TypeError, match="handle or name"):
                before.items(family=wrong)  # type: ignore[arg-type]


def test_the_handle_of_another_database_is_refused(db: esker.Db, tmp_path: Path) -> None:
    with esker.open(tmp_path / "other") as other:
        stranger = other.column_family("users", create=True)
        db.column_family("users", create=True)
        calls: list[Callable[[], object]] = [
            lambda: db.batch().put(b"k", b"v", family=stranger),
            lambda: db.snapshot().get(b"k", family=stranger),
            lambda: db.drop_column_family(stranger),
        ]
        for call in calls:
            with pytest.raises(esker.InvalidArgumentError, match="another database"):
                call()
        assert not stranger.dropped


def test_a_dropped_family_is_gone_for_all_but_snapshots_and_iterators(db: esker.Db, users: esker.ColumnFamily) -> None:
    users.put_many([(b"a", b"1"), (b"b", b"2")])
    users.flush()
    before, items, batch = db.snapshot(), users.items(), db.batch()
    batch.put(b"c", b"3", family=users)
    batch.put(b"c", b"3")
    twin = db.column_family("users")
    db.drop_column_family("users")
    assert users.dropped and twin.dropped and "dropped" in repr(users)
    calls: list[Callable[[], object]] = [
        lambda: users[b"a"],
        lambda: users.get(b"a"),
        lambda: users.get_view(b"a"),
        lambda: users.multi_get([b"a"]),
        lambda: b"a" in twin,
        lambda: users.put(b"k", b"v"),
        lambda: users.delete(b"k"),
        lambda: users.delete_range(b"a", b"b"),
        lambda: users.put_many([(b"k", b"v")]),
        lambda: list(users),
        users.flush,
        users.compact,
        batch.commit,
        lambda: db.drop_column_family(users),
        lambda: db.drop_column_family("default"),
    ]
    for call in calls:
        with pytest.raises(esker.InvalidArgumentError):
            call()
    with pytest.raises(esker.NotFoundError):
        db.drop_column_family("users")
    assert b"c" not in db, "a batch is applied whole or not at all"
    assert list(items) == list(before.items(family=users)) == [(b"a", b"1"), (b"b", b"2")]
    again = db.column_family("users", create=True)
    assert list(again) == [] and again.id != users.id
    again[b"k"] = b"v"
    with pytest.raises(esker.InvalidArgumentError):
        users[b"k"]


def test_use_after_close(path: Path) -> None:
    db = esker.open(path)
    users = db.column_family("users", create=True)
    users[b"k"] = b"v"
    view, items = users.get_view(b"k"), users.items()
    db.close()
    calls: list[Callable[[], object]] = [
        lambda: users[b"k"],
        lambda: users.put(b"k", b"v"),
        lambda: list(users),
        users.flush,
        users.compact,
        users.snapshot,
        db.column_families,
        lambda: db.column_family("users"),
        lambda: db.column_family("users", create=True),
        lambda: db.drop_column_family(users),
        lambda: db.latest_seqno,
        users.batch().commit,
    ]
    for call in calls:
        with pytest.raises(esker.ClosedError):
            call()
    assert (users.name, users.id, users.dropped) == ("users", 1, False) and "closed" in repr(users)
    assert view is not None and view.tobytes() == b"v"
    del items


@pytest.mark.parametrize("order", list(itertools.permutations(range(5)))[::7])
def test_letting_go_in_any_order(path: Path, order: tuple[int, ...]) -> None:
    db = esker.open(path)
    users = db.column_family("users", create=True)
    users[b"k"] = b"v"
    objects: list[object] = [db, users, users.items(), users.snapshot(), users.batch()]
    del db, users
    for index in order:
        objects[index] = None
        gc.collect(0)
    esker.open(path).close()


def test_a_family_keeps_a_dropped_database_open(path: Path) -> None:
    users = esker.open(path).column_family("users", create=True)
    with pytest.raises(esker.LockedError):
        esker.open(path)
    users[b"k"] = b"v"
    del users
    esker.open(path).close()


def test_handles_leave_nothing_behind(db: esker.Db) -> None:
    name, references = "users", sys.getrefcount(db)
    for _ in range(2000):
        users = db.column_family(name, create=True)
        users.batch().put(b"k", b"v", family=users)
        users.snapshot().get(b"k", family=users)
    del users
    assert sys.getrefcount(db) == references and sys.getrefcount(esker.ColumnFamily) < 50


def test_a_handle_cannot_be_pickled(users: esker.ColumnFamily) -> None:
    with pytest.raises(TypeError, match="users"):
        pickle.dumps(users)
