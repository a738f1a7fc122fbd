"""The `dbm` interface over Esker, so that `shelve` and other users of `dbm` work on it.

>>> import shelve, tempfile
>>> from esker import dbm
>>> shelf = shelve.Shelf(dbm.open(tempfile.mkdtemp() + "/shelf", "c"))
>>> shelf["answer"] = {"is": 42}
>>> shelf["answer"]
{'is': 42}
>>> shelf.close()
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

import esker

__all__ = ["error", "open"]


class error(esker.Error, OSError):
    """What the interface raises for every failure but a key that is not there. The engine's own error is its ``__cause__``."""


@contextmanager
def _as_error() -> Iterator[None]:
    try:
        yield
    except esker.Error as failure:
        raise error(str(failure)) from failure


class _Dbm(MutableMapping[bytes, bytes]):
    def __init__(self, db: esker.Db) -> None:
        self._db = db
        self._read_only = db.options["read_only"] == "true"

    @staticmethod
    def _bytes(text: bytes | bytearray | str) -> bytes:
        return text.encode() if isinstance(text, str) else builtins.bytes(text)

    def __getitem__(self, key: bytes | str) -> bytes:
        with _as_error():
            return self._db[self._bytes(key)]

    def __setitem__(self, key: bytes | str, value: bytes | str) -> None:
        with _as_error():
            self._db[self._bytes(key)] = self._bytes(value)

    def __delitem__(self, key: bytes | str) -> None:
        with _as_error():
            del self._db[self._bytes(key)]

    def __contains__(self, key: object) -> bool:
        with _as_error():
            return isinstance(key, (bytes, bytearray, str)) and self._bytes(key) in self._db

    def __iter__(self) -> Iterator[bytes]:
        with _as_error():
            yield from self._db

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def keys(self) -> list[bytes]:  # type: ignore[override]  # dbm objects give lists
        return list(self)

    def clear(self) -> None:
        """Removes every key, in one write."""
        with _as_error():
            self._db.as_dict().clear()

    def sync(self) -> None:
        # `shelve` syncs whatever it closes.
        if not self._read_only:
            with _as_error():
                self._db.sync()

    def close(self) -> None:
        with _as_error():
            self._db.close()

    def __enter__(self) -> _Dbm:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open(file: str | bytes | os.PathLike[str] | os.PathLike[bytes], flag: str = "r", mode: int = 0o600) -> _Dbm:
    """Opens `file`, a directory: "r" to read, "w" to write, "c" to create if needed, "n" for a new one in its place.

    `mode` is there because the interface has it; the files are for their owner only. As with other modules of this interface, "n"
    replaces whatever file has that name; of a directory it removes the files of a database and nothing else.
    """
    if flag not in ("r", "w", "c", "n"):
        raise esker.InvalidArgumentError(f"flag must be 'r', 'w', 'c' or 'n', not {flag!r}")
    path = os.fsdecode(file)
    with _as_error():
        if flag == "n" and os.path.isfile(path):
            os.remove(path)
        elif flag == "n":
            esker.destroy(path)
        if flag == "r":
            return _Dbm(esker.open(path, read_only=True))
        return _Dbm(esker.open(path, create_if_missing=flag != "w"))
