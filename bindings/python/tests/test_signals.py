"""Ctrl-C inside calls that last: each of these loops runs in C, so only the package itself can notice the signal."""

import collections
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

import esker


@pytest.fixture(autouse=True)
def interrupts_raise() -> Iterator[None]:
    """A shell that starts the tests in the background has them ignore SIGINT; here it must raise, wherever they run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def consume(endless: Iterable[object]) -> None:
    """Goes through `endless` without running any Python code in between."""
    collections.deque(endless, maxlen=0)


def interrupted(call: Callable[[], object]) -> None:
    """Makes the call, which never ends by itself, and interrupts it."""
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            call()
    finally:
        timer.join()


def test_a_long_iteration(db: esker.Db) -> None:
    db.put_many((b"%05d" % n, b"v") for n in range(5000))
    interrupted(lambda: consume(itertools.chain.from_iterable(iter(db.items, None))))
    interrupted(lambda: consume(itertools.chain.from_iterable(iter(db.items_packed, None))))
    assert len(list(db)) == 5000


@pytest.mark.parametrize("name", ["flush", "compact"])
def test_flush_and_compact(db: esker.Db, name: str) -> None:
    db[b"k"] = b"v"
    interrupted(lambda: consume(iter(getattr(db, name), "never")))
    assert db[b"k"] == b"v"


def test_one_long_compaction_is_left_and_ends_by_itself(path: Path) -> None:
    with esker.open(path, compression="none", background_threads=1) as db:
        for _ in range(2):
            db.put_many((b"%06d" % n, b"v" * 300) for n in range(60_000))
            db.flush()
        seconds = iter([0.1])
        timer = threading.Timer(next(seconds), os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            db.compact()
            timer.join()  # on a very fast machine the signal comes here
        db[b"after"] = b"the handle goes on"
        assert sum(1 for _ in db) == 60_001
    assert esker.verify(path)["ok"]
