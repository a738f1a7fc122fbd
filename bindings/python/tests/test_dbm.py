"""`esker.dbm`: the interface of the `dbm` modules, for `shelve` and others."""

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
