"""CPython's own test cases for `dbm`, for `shelve` files and for mappings, run on Esker. They come with the interpreter."""

import dbm as standard_dbm
import os
import shelve
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import esker
from esker import dbm

mapping_tests = pytest.importorskip("test.mapping_tests", reason="this interpreter came without its tests")
test_dbm = pytest.importorskip("test.test_dbm", reason="this interpreter came without its tests")


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield
    os.chdir(before)


class TestDbm(test_dbm.AnyDBMTestCase, unittest.TestCase):  # type: ignore[name-defined,misc]
    """The cases that CPython runs on `dbm.gnu`, `dbm.ndbm` and `dbm.dumb`."""

    module = dbm
    dbm = standard_dbm

    def setUp(self) -> None:
        # `dbm.open` guesses from files which module wrote them, and knows only its own.
        for name, value in (("open", dbm.open), ("error", (dbm.error, OSError))):
            patch = mock.patch.object(standard_dbm, name, value)
            patch.start()
            self.addCleanup(patch.stop)
        super().setUp()


class TestShelf(mapping_tests.BasicTestMappingProtocol):  # type: ignore[name-defined,misc]
    """The cases that CPython runs on shelves in files."""

    type2test = shelve.Shelf
    count = 0

    def _reference(self) -> dict[str, Any]:
        return {"key1": "value1", "key2": 2, "key3": (1, 2, 3)}

    def _empty_mapping(self) -> Any:
        self.count += 1
        shelf: shelve.Shelf[Any] = shelve.Shelf(dbm.open(f"shelf{self.count}", "c"))
        self.addCleanup(shelf.close)
        return shelf


class TestDictView(mapping_tests.BasicTestMappingProtocol):  # type: ignore[name-defined,misc]
    """The cases that CPython runs on mappings of every kind."""

    count = 0
    test_update = None  # puts text; the shelf above, which encodes it, passes

    def _reference(self) -> dict[bytes, bytes]:
        return {b"key1": b"value1", b"key2": b"2", b"key3": b""}

    def type2test(self, start: Any = ()) -> Any:
        self.count += 1
        db = esker.open(f"dict{self.count}")
        self.addCleanup(db.close)
        view = db.as_dict()
        view.update(start)
        return view

    def _empty_mapping(self) -> Any:
        return self.type2test()
