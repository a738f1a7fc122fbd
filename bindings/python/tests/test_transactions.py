"""Transactions: what takes effect together, what conflicts, what waits, and how they end."""

import gc
import itertools
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest

import esker


@pytest.fixture
def users(db: esker.Db) -> esker.ColumnFamily:
    return db.column_family("users", create=True)


def test_a_block_commits_when_it_ends(db: esker.Db, users: esker.ColumnFamily) -> None:
    db.put_many([(b"old", b"x"), (b"m1", b"x")])
    with db.transaction() as t:
        t.put(b"a", b"1")
        t[b"b"] = bytearray(b"2")
        t.put(b"k", b"of users", family=users)
        t.put(b"l", b"of users", family="users")
        t.delete(b"old")
        t.delete_range(b"m", b"n")
        assert list(db) == [b"m1", b"old"] and not t.finished
    assert t.finished and "finished" in repr(t)
    assert dict(db.items()) == {b"a": b"1", b"b": b"2"} and list(users) == [b"k", b"l"]


def test_a_block_that_raises_leaves_nothing(db: esker.Db) -> None:
    with pytest.raises(ZeroDivisionError), db.transaction() as t:
        t.put(b"a", b"1")
        raise ZeroDivisionError
    assert t.finished and list(db) == []


def test_a_block_may_end_it_by_itself(db: esker.Db) -> None:
    with db.transaction() as t:
        t.put(b"a", b"1")
        t.commit()
    with db.transaction() as t:
        t.put(b"b", b"2")
        t.rollback()
    with pytest.raises(ZeroDivisionError), db.transaction() as t:
        t.put(b"c", b"3")
        t.commit()
        raise ZeroDivisionError
    assert list(db) == [b"a", b"c"]


def test_what_the_block_raised_is_seen_even_if_the_database_was_closed_in_it(path: Path) -> None:
    db = esker.open(path)
    with pytest.raises(ZeroDivisionError), db.transaction() as t:
        t.put(b"a", b"1")
        db.close()
        raise ZeroDivisionError


def test_it_reads_its_own_writes_over_the_moment_it_began(db: esker.Db, users: esker.ColumnFamily) -> None:
    db.put_many([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")])
    users[b"u"] = b"user"
    t = db.transaction(isolation="snapshot")
    t.put(b"a", b"own")
    t.delete(b"b")
    t.put(b"d", b"own")
    db[b"c"] = b"changed meanwhile"
    db[b"e"] = b"born meanwhile"
    assert (t.get(b"a"), t.get(b"b"), t.get(b"b", 7), t[b"c"], t.get(b"e")) == (b"own", None, 7, b"3", None)
    assert b"a" in t and b"b" not in t and b"e" not in t
    assert t.multi_get([b"d", b"b", b"c"]) == [b"own", None, b"3"]
    view = t.get_view(b"d")
    assert view is not None and view.tobytes() == b"own" and t.get_view(b"b") is None
    assert list(t) == list(t.keys()) == [b"a", b"c", b"d"]
    assert list(t.items(start=b"b", reverse=True)) == [(b"d", b"own"), (b"c", b"3")]
    assert list(t.values(prefix=b"a")) == [b"own"]
    assert (t.get(b"u"), t.get(b"u", family=users), t.get(b"z", b"", family="users")) == (None, b"user", b"")
    assert list(t.items(family=users)) == [(b"u", b"user")] and t.multi_get([b"u"], family=users) == [b"user"]
    assert t.get_for_update(b"u", family=users) == b"user" and t.get_for_update(b"z", 7) == 7
    with pytest.raises(KeyError):
        t[b"b"]
    with pytest.raises(KeyError):
        del t[b"b"]
    del t[b"d"]
    t.rollback()
    assert view.tobytes() == b"own", "a view outlives its transaction"
    assert dict(db.items())[b"a"] == b"1"


def test_a_lost_update_is_a_conflict(db: esker.Db) -> None:
    db[b"n"] = b"0"
    isolations: list[Literal["serializable", "snapshot"]] = ["serializable", "snapshot"]
    for isolation in isolations:
        first, second = db.transaction(isolation=isolation), db.transaction(isolation=isolation)
        for t in (first, second):
            t[b"n"] = b"%d" % (int(t[b"n"]) + 1)
        first.commit()
        with pytest.raises(esker.ConflictError):
            second.commit()
        assert second.finished
    assert db[b"n"] == b"2"


def test_write_skew_and_phantoms_are_conflicts_of_serializable_transactions(db: esker.Db) -> None:
    reads: list[Callable[[esker.Transaction], object]] = [
        lambda t: t.get(b"n"),
        lambda t: b"n" in t,
        lambda t: t.multi_get([b"m", b"n"]),
        list,
        lambda t: list(t.keys(prefix=b"n", reverse=True)),
        lambda t: t.get_for_update(b"n"),
    ]
    for read in reads:
        db.delete(b"n")
        t = db.transaction()
        read(t)
        t[b"elsewhere"] = b"1"
        db[b"n"] = b"born meanwhile"
        with pytest.raises(esker.ConflictError):
            t.commit()
    t = db.transaction()
    list(t.keys(prefix=b"a"))
    t[b"elsewhere"] = b"2"
    db[b"n"] = b"outside of what was read"
    t.commit()
    t = db.transaction(isolation="snapshot")
    t.get(b"n")
    t[b"elsewhere"] = b"3"
    db[b"n"] = b"changed, but not by two"
    t.commit()
    assert db[b"elsewhere"] == b"3"


def test_an_iterator_depends_on_what_was_walked_and_not_on_what_lies_behind(db: esker.Db) -> None:
    db.put_many((b"%02d" % n, b"v") for n in range(40))
    for reverse, near, far in ((False, b"00+", b"05"), (True, b"38+", b"34")):
        for change, conflicts in ((near, True), (far, False)):
            t = db.transaction()
            next(t.items(reverse=reverse))
            t[b"elsewhere"] = b"v"
            db[change] = b"changed"
            if conflicts:
                with pytest.raises(esker.ConflictError):
                    t.commit()
            else:
                t.commit()
            db.delete_range(b"a", b"z")


def test_savepoints(db: esker.Db) -> None:
    with db.transaction() as t:
        t[b"a"] = b"1"
        with t.savepoint() as same:
            assert same is t
            t[b"b"] = b"2"
        with pytest.raises(ZeroDivisionError), t.savepoint():
            t[b"a"] = b"changed"
            with t.savepoint():
                t[b"c"] = b"3"
            assert t[b"a"] == b"changed"
            raise ZeroDivisionError
        assert t[b"a"] == b"1"
        t.set_savepoint()
        t[b"d"] = b"4"
        t.rollback_to_savepoint()
        t.set_savepoint()
        t[b"e"] = b"5"
        t.pop_savepoint()
        for call in (t.rollback_to_savepoint, t.pop_savepoint):
            with pytest.raises(esker.NotFoundError, match="savepoint"):
                call()
    assert dict(db.items()) == {b"a": b"1", b"b": b"2", b"e": b"5"}


@pytest.mark.parametrize("end", [esker.Transaction.commit, esker.Transaction.rollback])
def test_a_finished_transaction_is_finished(db: esker.Db, end: Callable[[esker.Transaction], None]) -> None:
    db[b"k"] = b"v"
    t = db.transaction()
    items = t.items()
    end(t)
    calls: list[Callable[[], object]] = [
        lambda: t.get(b"k"),
        lambda: t[b"k"],
        lambda: t.get_for_update(b"k"),
        lambda: t.get_view(b"k"),
        lambda: t.multi_get([b"k"]),
        lambda: b"k" in t,
        t.items,
        t.keys,
        t.values,
        lambda: list(t),
        lambda: t.put(b"k", b"v"),
        lambda: t.delete(b"k"),
        lambda: t.delete_range(b"a", b"z"),
        t.set_savepoint,
        t.commit,
        t.rollback,
    ]
    for call in calls:
        with pytest.raises(esker.InvalidArgumentError, match="finished"):
            call()
    assert list(items) == [(b"k", b"v")], "an iterator keeps its moment by itself"


def test_wrong_arguments(db: esker.Db, tmp_path: Path) -> None:
    with pytest.raises(esker.InvalidArgumentError, match="serializable"):
        db.transaction(isolation="read committed")  # type: ignore[arg-type]
    with pytest.raises(esker.InvalidArgumentError, match="optimistic"):
        db.transaction(mode="locking")  # type: ignore[arg-type]
    for span in (-1, float("nan"), timedelta(seconds=-1)):
        with pytest.raises(esker.InvalidArgumentError, match="time"):
            db.transaction(lock_timeout=span)
    with pytest.raises(TypeError):
        db.transaction(lock_timeout="1s")  # type: ignore[arg-type]
    with esker.open(tmp_path / "other") as other, db.transaction() as t:
        with pytest.raises(esker.InvalidArgumentError, match="another database"):
            t.put(b"k", b"v", family=other)
        with pytest.raises(TypeError):
            t.put(b"k", "v")  # type: ignore[arg-type]
    assert list(db) == []


def test_transact_does_it_again_after_a_conflict(db: esker.Db) -> None:
    calls = 0

    def work(t: esker.Transaction) -> int:
        nonlocal calls
        calls += 1
        n = int(t.get(b"n", b"0"))
        if calls < 3:
            db[b"n"] = b"%d" % (n + 10)
        t[b"n"] = b"%d" % (n + 1)
        return n + 1

    assert db.transact(work) == 21 and calls == 3 and db[b"n"] == b"21"
    calls = 0
    with pytest.raises(esker.ConflictError):
        db.transact(work, retries=1)
    assert calls == 2
    calls = 7

    def fail(t: esker.Transaction) -> None:
        work(t)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.transact(fail, isolation="snapshot", durability="sync")
    assert calls == 8 and db[b"n"] == b"41"
    with pytest.raises(TypeError):
        db.transact(work, mod="optimistic")  # type: ignore[call-arg]


@pytest.mark.parametrize("mode", ["optimistic", "pessimistic"])
def test_counters_of_many_threads_add_up(db: esker.Db, mode: str) -> None:
    def add(t: esker.Transaction) -> None:
        t[b"n"] = b"%d" % (int(t.get_for_update(b"n", b"0")) + 1)

    def work(_: int) -> None:
        for _ in range(100):
            db.transact(add, retries=10_000, mode=mode, lock_timeout=60)  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(work, range(4), timeout=100))
    assert db[b"n"] == b"400"


def test_money_is_neither_made_nor_lost(db: esker.Db, users: esker.ColumnFamily) -> None:
    """Transfers between two families, and an auditor who sees the same sum at every moment."""
    for n in range(10):
        (db if n % 2 else users).put(b"%d" % n, b"100")

    def home(n: int) -> esker.Tree:
        return db if n % 2 else users

    def transfer(name: int) -> None:
        for step in range(60):
            source, target = (name * 7 + step) % 10, (name + step * 3) % 10

            def work(t: esker.Transaction, source: int = source, target: int = target) -> None:
                for n, change in ((source, -1), (target, 1)):
                    balance = int(t.get(b"%d" % n, b"", family=home(n)))
                    t.put(b"%d" % n, b"%d" % (balance + change), family=home(n))

            db.transact(work, retries=1000)

    def audit(_: int) -> None:
        for _ in range(60):
            with db.snapshot() as s:
                assert sum(int(v) for v in itertools.chain(s.values(), s.values(family=users))) == 1000

    with ThreadPoolExecutor(4) as executor:
        futures = [executor.submit(call, n) for n, call in enumerate([transfer, transfer, transfer, audit])]
        for future in futures:
            future.result(100)
    audit(0)


def test_a_locked_key_makes_others_wait(db: esker.Db) -> None:
    holder = db.transaction(mode="pessimistic")
    assert holder.get_for_update(b"k") is None
    other = db.transaction(mode="pessimistic", lock_timeout=timedelta(milliseconds=30))
    with pytest.raises(esker.BusyError, match="30 ms"):
        other.put(b"k", b"other")
    with pytest.raises(esker.BusyError):
        other.get_for_update(b"k")
    other.put(b"elsewhere", b"free")
    done = threading.Event()

    def write() -> None:
        db.put(b"k", b"plain")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert not done.wait(0.1), "a plain write waits, too"
    holder.put(b"k", b"holder")
    holder.commit()
    thread.join(30)
    assert done.is_set() and db[b"k"] == b"plain"
    other.commit()


def test_a_deadlock_is_a_conflict_of_one_of_them(db: esker.Db) -> None:
    ready = threading.Barrier(2)

    def work(keys: tuple[bytes, bytes]) -> int:
        attempts = 0

        def both(t: esker.Transaction) -> None:
            nonlocal attempts
            attempts += 1
            t.put(keys[0], b"v")
            if attempts == 1:
                ready.wait(30)
            t.put(keys[1], b"v")

        db.transact(both, mode="pessimistic", lock_timeout=60)
        return attempts

    with ThreadPoolExecutor(2) as executor:
        attempts = list(executor.map(work, [(b"a", b"b"), (b"b", b"a")], timeout=60))
    assert sorted(attempts) == [1, 2]


def test_waiting_lets_other_threads_run(db: esker.Db) -> None:
    holder = db.transaction(mode="pessimistic")
    holder.put(b"k", b"v")
    with ThreadPoolExecutor(1) as executor, db.transaction(mode="pessimistic", lock_timeout=60) as waiter:
        waiting = executor.submit(waiter.put, b"k", b"w")
        started, count = time.monotonic(), 0
        while time.monotonic() - started < 0.2:
            count += 1
        assert count > 1000 and not waiting.done()
        holder.rollback()
        waiting.result(30)
    assert db[b"k"] == b"w"


def test_one_transaction_handed_from_thread_to_thread(db: esker.Db) -> None:
    with db.transaction(mode="pessimistic") as t, ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda n: t.put(b"%d" % n, b"v"), range(200)))
    assert len(list(db)) == 200


def test_use_after_close(path: Path) -> None:
    db = esker.open(path)
    db[b"k"] = b"v"
    t, other = db.transaction(), db.transaction(mode="pessimistic")
    other.put(b"k", b"w")
    db.close()
    calls: list[Callable[[], object]] = [
        db.transaction,
        lambda: t.get(b"k"),
        lambda: t.put(b"k", b"v"),
        lambda: list(t),
        other.commit,
        t.rollback,
    ]
    for call in calls:
        with pytest.raises(esker.ClosedError):
            call()
    with esker.open(path) as db:
        assert db[b"k"] == b"v"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::3])
@pytest.mark.parametrize("mode", ["optimistic", "pessimistic"])
def test_letting_go_in_any_order(path: Path, order: tuple[int, ...], mode: str) -> None:
    db = esker.open(path)
    db[b"k"] = b"v"
    t = db.transaction(mode=mode)  # type: ignore[arg-type]
    t.put(b"k", b"w")
    objects: list[object] = [db, t, t.items(), t.get_view(b"k")]
    del db, t
    for index in order:
        objects[index] = None
        gc.collect(0)
    with esker.open(path) as db:
        assert db[b"k"] == b"v"


def test_a_dropped_transaction_gives_its_keys_back(db: esker.Db) -> None:
    t = db.transaction(mode="pessimistic")
    t.put(b"k", b"v")
    del t
    gc.collect()
    with db.transaction(mode="pessimistic", lock_timeout=0) as t:
        t.put(b"k", b"w")
    assert db[b"k"] == b"w"


def test_transactions_leave_nothing_behind(db: esker.Db) -> None:
    references = sys.getrefcount(db)
    for n in range(3000):
        with db.transaction(mode="pessimistic" if n % 2 else "optimistic", durability="none") as t:
            t.put(b"k", b"v" * 100)
            t.get(b"k")
            next(t.items())
            if n % 3:
                t.rollback()
        db.transaction().put(b"never", b"committed")
    del t
    assert sys.getrefcount(db) == references
    assert db.stats()["snapshots"] == 0 and db.stats()["transactions"] == 0


def test_a_transaction_cannot_be_pickled(db: esker.Db) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(db.transaction())


def test_a_fork_in_the_middle(db: esker.Db) -> None:
    from test_fork import in_child

    t = db.transaction(mode="pessimistic")
    t.put(b"k", b"v")
    spare = [db.transaction(mode="pessimistic")]
    spare[0].put(b"l", b"v")

    def child() -> None:
        calls: list[Callable[[], object]] = [
            db.transaction,
            lambda: t.get(b"k"),
            lambda: t.put(b"k", b"w"),
            lambda: t.get_for_update(b"z"),
            lambda: list(t),
            t.set_savepoint,
            t.commit,
            lambda: db.column_family("users", create=True),
            db.column_families,
        ]
        for call in calls:
            with pytest.raises(esker.ForkedError):
                call()
        spare.clear()

    in_child(child)
    t.commit()
    assert db[b"k"] == b"v"
    with db.transaction(mode="pessimistic", lock_timeout=0) as other, pytest.raises(esker.BusyError):
        other.put(b"l", b"the child's copy gave nothing back")


def test_ctrl_c_while_waiting_for_a_key(db: esker.Db) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    holder = db.transaction(mode="pessimistic")
    holder.put(b"k", b"v")
    waits: list[Callable[[esker.Transaction], object]] = [
        lambda t: t.put(b"k", b"w"),
        lambda t: t.get_for_update(b"k"),
        lambda _: db.put(b"k", b"plain"),
        lambda _: db.delete_range(b"a", b"z"),
        lambda _: db.put_many([(b"k", b"plain")]),
        lambda _: batch.commit(),
        lambda _: optimistic.commit(),
    ]
    batch, optimistic = db.batch(), db.transaction()
    batch.put(b"k", b"batch")
    optimistic.put(b"k", b"optimistic")
    try:
        for wait in waits:
            timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
            started = time.monotonic()
            timer.start()
            with pytest.raises(KeyboardInterrupt), db.transaction(mode="pessimistic", lock_timeout=60) as t:
                t.put(b"own", b"v")
                wait(t)
            timer.join()
            assert t.finished and time.monotonic() - started < 10
    finally:
        signal.signal(signal.SIGINT, before)
    holder.commit()
    with db.transaction(mode="pessimistic", lock_timeout=0) as t:
        t.put(b"own", b"the interrupted ones gave it back")
    assert db[b"k"] == b"v" and optimistic.finished
    assert len(batch) == 1, "it can be committed again"
    batch.commit()
    assert db[b"k"] == b"batch"


def test_a_signal_handler_runs_during_a_wait_and_may_use_the_database(db: esker.Db) -> None:
    holder, waiter = db.transaction(mode="pessimistic"), db.transaction(mode="pessimistic", lock_timeout=60)
    holder.put(b"k", b"v")
    seen: list[object] = []

    def handle(*_: object) -> None:
        db[b"handled"] = b"yes"
        with pytest.raises(esker.InvalidArgumentError, match="signal handler") as caught:
            waiter.get(b"k")
        seen.append(caught.value)
        holder.commit()

    before = signal.signal(signal.SIGUSR1, handle)
    timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        timer.start()
        assert waiter.get_for_update(b"k") == b"v", "the handler ended the wait"
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    waiter.rollback()
    assert len(seen) == 1 and db[b"handled"] == b"yes"
