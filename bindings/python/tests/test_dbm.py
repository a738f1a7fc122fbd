"""`esker.dbm`: the interface of the `dbm` modules, for `shelve` and others."""

import os
import shelve
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

import esker
from esker import dbm


def test_shelve(path: Path) -> None:
    shelf: shelve.Shelf[Any] = shelve.Shelf(dbm.open(path, "c"), writeback=True)
    with shelf:
        shelf["answer"] = {"is": 42}
        shelf["list"] = [1]
        shelf["list"].append(2)
        shelf.sync()
        assert "answer" in shelf and "missing" not in shelf and len(shelf) == 2
    shelf = shelve.Shelf(dbm.open(path, "r"))
    with shelf:
        assert dict(shelf) == {"answer": {"is": 42}, "list": [1, 2]}
        assert shelf.get("missing", "default") == "default"
    shelf = shelve.Shelf(dbm.open(path, "w"))
    with shelf:
        del shelf["answer"]
        assert list(shelf) == ["list"]


def test_the_mapping_protocol(path: Path) -> None:
    db, model = dbm.open(path, "c"), dict[bytes, bytes]()
    assert isinstance(db, MutableMapping)
    mapping: MutableMapping[bytes, bytes]
    for mapping in (db, model):
        mapping[b"a"] = b"1"
        mapping[b"b"] = b"2"
        mapping.update({b"c": b"3"})
        assert mapping.setdefault(b"a", b"x") == b"1"
        assert mapping.pop(b"b") == b"2"
        with pytest.raises(KeyError):
            mapping[b"b"]
    assert dict(db) == model and len(db) == 2
    assert db.keys() == [b"a", b"c"]
    db.clear()
    assert len(db) == 0
    db.close()


def test_text_is_encoded(path: Path) -> None:
    with dbm.open(path, "n") as db:
        db["ключ"] = "värde"
        assert db["ключ"] == db["ключ".encode()] == "värde".encode()
        assert db.__contains__("ключ") and not db.__contains__(1)
        del db["ключ"]
        assert list(db) == []


def test_flags(path: Path) -> None:
    for flag in ("r", "w"):
        with pytest.raises(dbm.error):
            dbm.open(path, flag)
    with dbm.open(path, "c") as db:
        db[b"k"] = b"v"
    with dbm.open(path, "r") as db, pytest.raises(dbm.error):
        db[b"k"] = b"w"
    with dbm.open(path, "w") as db:
        assert db[b"k"] == b"v"
    with dbm.open(path, "n") as db:
        assert list(db) == []
    with pytest.raises(ValueError):
        dbm.open(path, "x")


def test_failures_are_errors_of_the_interface(path: Path) -> None:
    db = dbm.open(path, "n")
    db.close()
    for call in (
        lambda: db[b"k"],
        lambda: db.update({b"k": b"v"}),
        lambda: list(db),
        lambda: b"k" in db,
        db.sync,
        db.clear,
    ):
        with pytest.raises(OSError) as caught:
            call()
        assert isinstance(caught.value, dbm.error) and isinstance(caught.value, esker.Error)
        assert isinstance(caught.value.__cause__, esker.ClosedError)


def test_a_new_one_replaces_a_file_and_spares_what_is_not_of_a_database(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of somebody else")
    dbm.open(tmp_path / "file", "n").close()
    assert (tmp_path / "file" / "CURRENT").is_file()
    (tmp_path / "file" / "letter").write_text("mine")
    dbm.open(os.fsencode(tmp_path / "file"), "n").close()
    assert (tmp_path / "file" / "letter").read_text() == "mine"
