"""Errors: one class per kind, with what a program and a person need to know."""

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import esker
from esker._errors import __all__ as names


def test_the_tree() -> None:
    for name in names:
        assert issubclass(getattr(esker, name), esker.Error)
        assert name in esker.__all__
    assert issubclass(esker.IoError, OSError)
    assert issubclass(esker.NoSpaceError, esker.IoError)
    assert issubclass(esker.InvalidArgumentError, ValueError)
    assert issubclass(esker.BusyError, TimeoutError)
    assert not issubclass(esker.CorruptionError, OSError)


def test_a_missing_database(path: Path) -> None:
    with pytest.raises(esker.NotFoundError, match=re.escape(str(path))):
        esker.open(path, create_if_missing=False)
    assert not path.exists()
    with pytest.raises(esker.NotFoundError):
        esker.open(path, read_only=True)


def test_an_unknown_option_names_the_nearest(path: Path) -> None:
    with pytest.raises(esker.InvalidArgumentError, match="memory_budget"):
        esker.open(path, memory_buget="64MiB")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="64MiB|size"):
        esker.open(path, memory_budget="lots")
    with pytest.raises(TypeError, match="memory_budget.*float"):
        esker.open(path, memory_budget=1.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        esker.open(path, "64MiB")  # type: ignore[call-arg]
    assert not path.exists()


def test_every_option_takes_back_its_own_text(path: Path) -> None:
    with esker.open(path) as db:
        options = db.options
    options["memory_budget"] = "16MiB"
    with esker.open(path, **options) as db:  # type: ignore[arg-type]
        assert db.options == options
    assert all(text.endswith(".") for text in esker.option_names().values())


def test_options_as_numbers_and_booleans(path: Path) -> None:
    with esker.open(path, memory_budget=32 << 20, create_if_missing=True, error_if_exists=True) as db:
        assert db.options["memory_budget"] == "32MiB"
    with pytest.raises(esker.InvalidArgumentError):
        esker.open(path, error_if_exists=True)


def test_locked_says_which_pid(path: Path) -> None:
    with esker.open(path):
        with pytest.raises(esker.LockedError, match=rf"\b{os.getpid()}\b"):
            esker.open(path)
        code = f"""
import esker
try:
    esker.open({str(path)!r})
except esker.LockedError as error:
    print(error)
"""
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        assert re.search(rf"\b{os.getpid()}\b", said), said
    esker.open(path).close()


def test_read_only_refuses_writes(path: Path) -> None:
    with esker.open(path) as db:
        db[b"k"] = b"v"
    with esker.open(path, read_only=True) as db:
        assert db[b"k"] == b"v"
        writes: list[Callable[[], None]] = [
            lambda: db.put(b"k", b"v"),
            lambda: db.delete(b"k"),
            db.flush,
            db.compact,
        ]
        for write in writes:
            with pytest.raises(esker.ReadOnlyError):
                write()


def test_corruption_says_where(path: Path) -> None:
    with esker.open(path, compression="none") as db:
        db.put_many((b"%05d" % n, b"some value") for n in range(2000))
        db.flush()
    table = next(path.glob("*.sst"))
    content = bytearray(table.read_bytes())
    content[content.index(b"some value") + 2] ^= 0x40
    table.write_bytes(content)
    with esker.open(path) as db, pytest.raises(esker.CorruptionError) as caught:
        list(db.items())
    assert caught.value.file == table
    assert isinstance(caught.value.offset, int) and 0 <= caught.value.offset < len(content)
    assert table.name in str(caught.value) and str(caught.value.offset) in str(caught.value)

    report = esker.verify(path)
    assert report["ok"] is False and len(report["problems"]) == 1 and table.name in report["problems"][0]


def test_io_errors_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    with pytest.raises(esker.Error) as caught:
        esker.open(file / "db")
    assert isinstance(caught.value, (esker.IoError, esker.InvalidArgumentError))
    assert str(file) in str(caught.value)


def test_errors_survive_pickling(path: Path) -> None:
    error = esker.CorruptionError("000007.sst: checksum")
    error.file, error.offset = Path("000007.sst"), 4096
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.args, copy.file, copy.offset) == (type(error), error.args, error.file, 4096)
    with esker.open(path), pytest.raises(esker.LockedError) as caught:
        esker.open(path)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is esker.LockedError and str(copy) == str(caught.value)
    for name in names:
        error = getattr(esker, name)("text")
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error) and str(copy) == "text" and copy.file is None


def test_destroy_and_verify(path: Path) -> None:
    with esker.open(path) as db:
        db.put_many((b"%03d" % n, b"v") for n in range(300))
        db.flush()
        with pytest.raises(esker.LockedError):
            esker.destroy(path)
        with pytest.raises(esker.LockedError):
            esker.verify(path)
    report = esker.verify(path)
    assert report["ok"] is True and report["problems"] == [] and report["entries"] == 300 and report["tables"] == 1
    (path / "a stranger").write_text("kept")
    esker.destroy(path)
    assert [file.name for file in path.iterdir()] == ["a stranger"]
    with esker.open(path) as db:
        assert list(db) == []
