"""`esker.logger`: what the engine does of its own accord comes there with the next call."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import esker


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    esker.logger.setLevel(logging.INFO)
    yield
    esker.logger.setLevel(logging.NOTSET)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [f"{record.levelname} {record.getMessage()}" for record in caplog.records if record.name == "esker"]
    caplog.clear()
    return lines


def test_a_life_is_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with esker.open(path) as db:
        (line,) = told(caplog)
        assert line.startswith(f"INFO open: Esker {esker.__version__} opened ")
        db[b"k"] = b"v"
        db.flush()
        users = db.column_family("users", create=True)
        users[b"k"] = b"v"
        users.flush()
        db.drop_column_family(users)
        db.compact()
        what = [line.split()[1] for line in told(caplog)]
        assert what.count("flush:") == 2 and what.count("family:") == 2, what
    assert told(caplog)[-1:] == ["INFO close: closed"]


def test_a_record_says_where_and_when(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    esker.open(path).close()
    record = caplog.records[0]
    assert (record.database, record.what) == (path, "open")  # type: ignore[attr-defined]
    assert abs(record.created - path.stat().st_mtime) < 60 and 0 <= record.msecs < 1000


@pytest.mark.parametrize("call", ["get", "put", "multi_get", "batch", "transaction", "items", "snapshot"])
def test_whatever_call_comes_next(path: Path, caplog: pytest.LogCaptureFixture, call: str) -> None:
    with esker.open(path, memtable_size="64KiB", wal_segment_size="256KiB") as db, db.snapshot() as before:
        calls: dict[str, Callable[[], object]] = {
            "get": lambda: db.get(b"k"),
            "put": lambda: db.put(b"k", b"v"),
            "multi_get": lambda: db.multi_get([b"k"]),
            "batch": lambda: db.batch().commit(),
            "transaction": lambda: db.transaction().get(b"k"),
            "items": db.items,
            "snapshot": lambda: before.get(b"k"),
        }
        for _ in range(100):
            esker.logger.setLevel(logging.CRITICAL)  # what these hand over nobody hears
            flushes = int(db.property("flushes_total"))
            db.put(b"large", bytes(100_000))
            db.put(b"k", b"switches the memtable")
            esker.logger.setLevel(logging.INFO)
            deadline = time.monotonic() + 20
            while int(db.property("flushes_total")) == flushes and time.monotonic() < deadline:
                time.sleep(0.001)
            calls[call]()
            # Not there if the flush was over before the second put: then that handed it over.
            if any(line.startswith("INFO flush: ") for line in told(caplog)):
                break
        else:
            pytest.fail("a hundred flushes, and none was told of")


def test_a_handler_may_use_the_database(path: Path) -> None:
    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not db.closed:
                with db.transaction() as t:
                    t.put(b"log/%d" % len(list(db.keys(prefix=b"log/"))), record.getMessage().encode())

    with esker.open(path) as db:
        esker.logger.addHandler(keeper := Keeper())
        try:
            with db.transaction() as t:
                t.put(b"k", b"v")
                db.put(b"l", b"w")
                db.flush()
                assert t.get(b"k") == b"v"
            db.column_family("users", create=True)
            assert any(value.startswith(b"flush: ") for value in db.values(prefix=b"log/"))
        finally:
            esker.logger.removeHandler(keeper)


def test_what_a_handler_raises_fails_no_call(path: Path) -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("broken filter")

    class Interrupted(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise KeyboardInterrupt

    seen: list[BaseException | None] = []
    hook = sys.unraisablehook
    sys.unraisablehook = lambda unraisable: seen.append(unraisable.exc_value)
    try:
        with esker.open(path) as db:
            for filter in (Broken(), Interrupted()):
                esker.logger.addFilter(filter)
                try:
                    if isinstance(filter, Broken):
                        db.column_family("a", create=True)
                        assert str(seen.pop()) == "broken filter" and seen == []
                    else:
                        with pytest.raises(KeyboardInterrupt):
                            db.column_family("b", create=True)
                finally:
                    esker.logger.removeFilter(filter)
            assert db.column_families() == ["default", "a", "b"]
    finally:
        sys.unraisablehook = hook


QUIET = """
import sys, esker
with esker.open(sys.argv[1], stall_timeout_ms=100) as db:
    db[b"k"] = b"v"
    db.flush()
"""


def test_nothing_is_printed_unless_asked_for(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", QUIET, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_nothing_to_tell(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with esker.open(path) as db:
        db[b"k"] = b"v"
        child = os.fork()
        if child == 0:
            try:
                db.get(b"k")
            except esker.ForkedError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
