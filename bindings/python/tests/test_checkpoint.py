"""Checkpoints: a second database, as of one commit."""

import threading
from pathlib import Path

import pytest

import esker


def test_it_is_a_database_of_its_own(db: esker.Db, tmp_path: Path) -> None:
    users = db.column_family("users", create=True)
    db[b"k"] = b"v"
    users.put(b"unlogged", b"too", durability="none")
    db.checkpoint(tmp_path / "copy")
    db[b"k"] = b"later"
    with esker.open(tmp_path / "copy", create_if_missing=False) as copy:
        assert copy[b"k"] == b"v"
        assert list(copy.column_family("users").items()) == [(b"unlogged", b"too")]
        copy[b"k"] = b"its own"
    assert db[b"k"] == b"later"
    assert esker.verify(str(tmp_path / "copy"))["problems"] == []


def test_what_is_refused(db: esker.Db, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(esker.InvalidArgumentError, match="notes.txt"):
        db.checkpoint(tmp_path / "full")
    with pytest.raises(esker.LockedError):
        db.checkpoint(db.path)
    with pytest.raises(esker.IoError, match="no such parent"):
        db.checkpoint(tmp_path / "no such parent" / "copy")
    db.close()
    with pytest.raises(esker.ClosedError):
        db.checkpoint(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_writers_go_on_meanwhile(db: esker.Db, tmp_path: Path) -> None:
    small = db.column_family("small", create=True)
    done = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not done.is_set():
            with db.batch() as batch:
                batch.put(b"%08d" % written, b"v" * 300)
                batch.put(b"%08d" % written, b"", family=small)
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(4):
            acknowledged = written
            db.checkpoint(tmp_path / f"copy {n}")
            with esker.open(tmp_path / f"copy {n}") as copy:
                keys = list(copy)
                assert list(copy.column_family("small")) == keys and len(keys) >= acknowledged
    finally:
        done.set()
        writer.join()
