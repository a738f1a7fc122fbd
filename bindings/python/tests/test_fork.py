"""Fork: the child's copies of the parent's handles refuse at once, and everybody else goes on."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import esker

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def in_child(work: Callable[[], None]) -> None:
    """Runs `work` in a forked child; what it raises fails the test, and so does a hang."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)
    for _ in range(1200):
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.025)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    pytest.fail("the child hangs")


def test_the_child_is_told_at_once_and_the_parent_goes_on(db: esker.Db) -> None:
    db[b"k"] = b"v"
    snapshot, batch, items, chunks = db.snapshot(), db.batch(), db.items(), db.items_packed()
    batch.put(b"b", b"2")

    def child() -> None:
        calls: list[Callable[[], object]] = [
            lambda: db[b"k"],
            lambda: db.get_view(b"k"),
            lambda: db.put(b"k", b"child"),
            lambda: db.delete(b"k"),
            lambda: db.multi_get([b"k"]),
            lambda: db.multi_get_packed([b"k"]),
            lambda: db.put_many_packed([b"k"], [b"child"]),
            lambda: list(db),
            db.flush,
            db.sync,
            db.compact,
            db.snapshot,
            batch.commit,
            lambda: snapshot[b"k"],
            lambda: list(snapshot),
            lambda: next(items),
            lambda: next(chunks),
        ]
        for call in calls:
            with pytest.raises(esker.ForkedError):
                call()

    in_child(child)
    assert db[b"k"] == b"v" and list(items) == [(b"k", b"v")]
    batch.commit()
    assert db[b"b"] == b"2" and snapshot.get(b"b") is None
    db.flush()


def test_the_child_can_open_another_database(db: esker.Db, tmp_path: Path) -> None:
    def child() -> None:
        with esker.open(tmp_path / "other") as other:
            other[b"k"] = b"of the child"
            other.flush()
            other.compact()
        with pytest.raises(esker.LockedError):
            esker.open(db.path)

    in_child(child)
    with esker.open(tmp_path / "other") as other:
        assert other[b"k"] == b"of the child"


def test_what_the_child_does_with_its_copies_harms_nobody(path: Path) -> None:
    db = esker.open(path)
    db[b"k"] = b"v"
    objects: list[object] = [db, db.snapshot(), db.items(), db.get_view(b"k")]

    def child() -> None:
        try:
            db.close()
        except esker.ForkedError:
            pass
        objects.clear()

    in_child(child)
    with pytest.raises(esker.LockedError):
        esker.open(path)
    db[b"k"] = b"w"
    objects.clear()
    db.close()
    with esker.open(path) as db:
        assert db[b"k"] == b"w"


def test_a_fork_while_threads_write(path: Path) -> None:
    import threading

    with esker.open(path, memtable_size="64KiB") as db:
        stop = threading.Event()

        def write() -> None:
            n = 0
            while not stop.is_set():
                db.put(b"%d" % (n % 1000), b"v" * 200)
                n += 1

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()

        def child() -> None:
            with pytest.raises(esker.ForkedError):
                db.put(b"k", b"child")
            with pytest.raises(esker.ForkedError):
                db.flush()

        try:
            for _ in range(5):
                in_child(child)
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        assert b"k" not in db
