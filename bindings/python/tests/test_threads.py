"""Threads: the engine works while the interpreter's lock is free, and one handle serves them all."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import esker


def together(*calls: Callable[[], object]) -> None:
    """Runs all calls at once, each in a thread, and raises what they raise. A deadlock is a timeout."""
    with ThreadPoolExecutor(len(calls)) as executor:
        for future in [executor.submit(call) for call in calls]:
            future.result(timeout=60)


def test_every_class_may_be_used_without_the_interpreters_lock() -> None:
    """On a free-threaded interpreter the module does not bring the lock back, and no class has fields to be changed."""
    sources = Path(__file__).parents[1] / "src"
    classes = [line for file in sources.glob("*.rs") for line in file.read_text().splitlines() if "#[pyclass(" in line]
    assert len(classes) > 8 and all("#[pyclass(frozen" in line for line in classes)
    assert "#[pymodule(gil_used = false)]" in (sources / "lib.rs").read_text()


def test_writers_and_readers(path: Path) -> None:
    with esker.open(path, memtable_size="64KiB") as db:

        def write(name: int) -> None:
            for n in range(500):
                with db.batch() as batch:
                    batch.put(b"%d/a/%04d" % (name, n), b"%d" % n)
                    batch.put(b"%d/b/%04d" % (name, n), b"%d" % n)

        def read() -> None:
            for _ in range(20):
                with db.snapshot() as snapshot:
                    first = [key[4:] for key in snapshot.keys(prefix=b"0/a/")]
                    second = [key[4:] for key in snapshot.keys(prefix=b"0/b/")]
                    assert first == second, "half a batch"

        together(*(lambda name=name: write(name) for name in range(4)), read, read, db.flush)
        assert len(db.as_dict()) == 4000


def test_one_iterator_for_many_threads(db: esker.Db) -> None:
    db.put_many((b"%05d" % n, b"") for n in range(10_000))
    items, found, lock = db.keys(), set[bytes](), threading.Lock()

    def take() -> None:
        mine = list(items)
        with lock:
            assert not found.intersection(mine)
            found.update(mine)

    together(*[take] * 4)
    assert len(found) == 10_000


def test_one_batch_for_many_threads(db: esker.Db) -> None:
    batch = db.batch()

    def fill(name: int) -> None:
        for n in range(200):
            batch.put(b"%d/%d" % (name, n), b"v")
            if n % 20 == 0:
                batch.commit()

    together(*(lambda name=name: fill(name) for name in range(4)))
    batch.commit()
    assert len(db.as_dict()) == 800


def test_closing_under_load(path: Path) -> None:
    for _ in range(10):
        db = esker.open(path, memtable_size="64KiB")
        started = threading.Barrier(5)

        def work(name: int, db: esker.Db = db, started: threading.Barrier = started) -> None:
            started.wait(30)
            try:
                for n in range(100_000):
                    db.put(b"%d/%d" % (name, n), b"v" * 100)
                    db.get(b"%d/%d" % (name, n // 2))
                    if n % 50 == 0:
                        next(db.items(), None)
            except (esker.ClosedError, esker.CancelledError):
                pass

        def close(db: esker.Db = db, started: threading.Barrier = started) -> None:
            started.wait(30)
            db.close()

        together(*(lambda name=name: work(name) for name in range(4)), close)
    assert esker.verify(path)["ok"]


def test_a_buffer_that_changes_meanwhile_is_copied(db: esker.Db) -> None:
    value = bytearray(b"a" * 100_000)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for letter in b"abc":
                value[:] = bytes([letter]) * len(value)

    def write() -> None:
        for _ in range(200):
            db.put(b"k", value)
            assert len(set(db[b"k"])) == 1, "torn between two letters"
        stop.set()

    together(change, write)
