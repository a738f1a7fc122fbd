"""The reference of `esker`. Every example runs as a test; in all of them `db` is a fresh database.

Keys and values are bytes. Wherever they go in, any bytes-like object will do; what comes out is `bytes`, or a `memoryview` where
the name says so. Keys are ordered byte by byte. One handle may be used by any number of threads at once.
"""

import sys
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, TypedDict, TypeVar, final, overload, type_check_only

from typing_extensions import Buffer

from esker._errors import Error
from esker._mapping import DictView

__all__ = [
    "Batch",
    "Db",
    "EntryIterator",
    "Snapshot",
    "Value",
    "__version__",
    "destroy",
    "open",
    "option_names",
    "verify",
]

_T = TypeVar("_T")
_Entry = TypeVar("_Entry", covariant=True)

__version__: str

@type_check_only
class _Report(TypedDict):
    ok: bool
    tables: int
    wal_segments: int
    entries: int
    bytes: int
    problems: list[str]

def open(
    path: str | PathLike[str],
    *,
    create_if_missing: bool | str = True,
    error_if_exists: bool | str = False,
    read_only: bool | str = False,
    durability: Literal["sync", "buffered", "none"] = "buffered",
    memory_budget: int | str = "64MiB",
    compression: Literal["auto", "none", "lz4"] = "auto",
    filter_bits_per_key: int | str = 10,
    stall_timeout_ms: int | str = ...,
    wal_segment_size: int | str = ...,
    wal_io: Literal["auto", "write"] = "auto",
    background_threads: int | str = ...,
    block_size: int | str = ...,
    memtable_size: int | str = ...,
    target_file_size: int | str = ...,
    level_base_size: int | str = ...,
    level_size_multiplier: int | str = ...,
    l0_compaction_trigger: int | str = ...,
    l0_stall_trigger: int | str = ...,
    max_open_files: int | str = ...,
    manifest_rotate_size: int | str = ...,
) -> Db:
    """Opens the database in the directory `path`, and recovers it first if its process died.

    Sizes are numbers of bytes or text as in ``"64MiB"``. `option_names()` says what each option does; an option that does not
    exist is an `InvalidArgumentError` that offers the nearest one. A database that is open elsewhere is a `LockedError`.

    >>> with esker.open(path, memory_budget="32MiB") as other:
    ...     other[b"k"] = b"v"
    >>> esker.open(path, memory_buget=1)
    Traceback (most recent call last):
    esker._errors.InvalidArgumentError: unknown option "memory_buget"; did you mean "memory_budget"?
    """

def verify(path: str | PathLike[str]) -> _Report:
    """Reads and checks every file of the database in `path`, which nobody may have open for writing. Changes nothing.

    >>> db.close()
    >>> esker.verify(db.path)["problems"]
    []
    """

def destroy(path: str | PathLike[str]) -> None:
    """Removes the files of the database in `path`; files that are not of a database stay, as does then the directory.

    >>> esker.destroy(path)
    """

def option_names() -> dict[str, str]:
    """The options that `open` takes, each with what it does.

    >>> esker.option_names()["read_only"]
    'Open without writing anything; every write is refused with READ_ONLY.'
    """

@final
class Db:
    """An open database. Leave it by `close()` or a ``with`` block; a handle that is dropped is closed, too, but tells nobody
    if that failed.

    >>> with esker.open(path) as other:
    ...     other[b"k"] = b"v"
    >>> other.closed
    True
    """

    @property
    def path(self) -> Path:
        """The directory.

        >>> db.path.is_dir()
        True
        """
    @property
    def closed(self) -> bool:
        """Whether `close()` was called.

        >>> db.closed
        False
        """
    @property
    def poisoned(self) -> Error | None:
        """The failure that made the handle read-only, if there was one: a failed fsync, for instance.

        >>> db.poisoned is None
        True
        """
    @property
    def options(self) -> dict[str, str]:
        """Every option as text.

        >>> db.options["durability"]
        'buffered'
        """
    @overload
    def get(self, key: Buffer, default: None = None) -> bytes | None: ...
    @overload
    def get(self, key: Buffer, default: _T) -> bytes | _T:
        """The value of `key`, or `default`.

        >>> db.put(b"k", b"v")
        >>> db.get(b"k"), db.get(b"missing"), db.get(b"missing", b"")
        (b'v', None, b'')
        """
    def get_view(self, key: Buffer) -> memoryview | None:
        """The value of `key` without a copy: a read-only view that owns what it shows, and outlives the database.

        >>> db.put(b"k", b"value")
        >>> db.get_view(b"k")[:3].tobytes()
        b'val'
        """
    def multi_get(self, keys: Iterable[Buffer]) -> list[bytes | None]:
        """The values of `keys` in their order, as of one moment.

        >>> db.put(b"a", b"1")
        >>> db.multi_get([b"b", b"a"])
        [None, b'1']
        """
    def __getitem__(self, key: Buffer, /) -> bytes:
        """The value of `key`.

        >>> db[b"missing"]
        Traceback (most recent call last):
        KeyError: b'missing'
        """
    def __contains__(self, key: Buffer, /) -> bool:
        """Whether `key` has a value.

        >>> b"k" in db
        False
        """
    def put(
        self, key: Buffer, value: Buffer, *, durability: Literal["sync", "buffered", "none"] | None = None
    ) -> None:
        """Gives `key` the value `value`.

        `durability` says what the write has survived when the call returns: ``"sync"`` a power cut; ``"buffered"``, the
        default, the death of the process; ``"none"`` nothing until the next flush.

        >>> db.put(b"k", b"v", durability="sync")
        """
    def delete(self, key: Buffer, *, durability: Literal["sync", "buffered", "none"] | None = None) -> None:
        """Removes `key`, which need not be there.

        >>> db.delete(b"missing")
        """
    def delete_range(
        self, start: Buffer, stop: Buffer, *, durability: Literal["sync", "buffered", "none"] | None = None
    ) -> None:
        """Removes every key from `start` up to, not including, `stop`; one small write, however many keys there are.

        >>> db.put_many([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")])
        3
        >>> db.delete_range(b"a", b"c")
        >>> list(db)
        [b'c']
        """
    def __setitem__(self, key: Buffer, value: Buffer, /) -> None:
        """`put` with the durability of the database.

        >>> db[b"k"] = b"v"
        """
    def __delitem__(self, key: Buffer, /) -> None:
        """Removes `key`; `KeyError` if it is not there. `delete` is faster: it does not look.

        >>> db[b"k"] = b"v"
        >>> del db[b"k"]
        """
    def put_many(
        self,
        pairs: Iterable[tuple[Buffer, Buffer]],
        *,
        durability: Literal["sync", "buffered", "none"] | None = None,
    ) -> int:
        """Writes the pairs of any iterable and returns how many. They are committed a mebibyte at a time: a crash keeps a
        first part of them.

        >>> db.put_many((b"%03d" % n, b"v") for n in range(100))
        100
        """
    def batch(self, *, durability: Literal["sync", "buffered", "none"] | None = None) -> Batch:
        """A new batch: writes that are applied all together or not at all.

        >>> with db.batch() as batch:
        ...     batch.put(b"a", b"1")
        ...     batch.delete(b"b")
        >>> list(db)
        [b'a']
        """
    def snapshot(self) -> Snapshot:
        """The database as it is now, whatever happens to it later.

        >>> with db.snapshot() as before:
        ...     db[b"k"] = b"v"
        ...     b"k" in before
        False
        """
    def __iter__(self) -> Iterator[bytes]:
        """The keys, in order.

        >>> db.put_many([(b"b", b"2"), (b"a", b"1")])
        2
        >>> list(db)
        [b'a', b'b']
        """
    def items(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
    ) -> EntryIterator[tuple[bytes, bytes]]:
        """Keys with values, in order: those from `start` up to, not including, `stop` that begin with `prefix`.

        The iterator sees the moment it was made; writing meanwhile does not disturb it.

        >>> db.put_many([(b"user/1", b"Ada"), (b"user/2", b"Grace"), (b"zoo", b"")])
        3
        >>> list(db.items(prefix=b"user/", reverse=True))
        [(b'user/2', b'Grace'), (b'user/1', b'Ada')]
        >>> list(db.items(start=b"user/2"))
        [(b'user/2', b'Grace'), (b'zoo', b'')]
        """
    def keys(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
    ) -> EntryIterator[bytes]:
        """The keys, like `items`.

        >>> db[b"k"] = b"v"
        >>> next(db.keys(reverse=True), None)
        b'k'
        """
    def values(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
    ) -> EntryIterator[bytes]:
        """The values in the order of their keys, like `items`.

        >>> db[b"k"] = b"v"
        >>> list(db.values(stop=b"m"))
        [b'v']
        """
    def flush(self) -> None:
        """Writes what is in memory to tables.

        >>> db.flush()
        """
    def sync(self) -> None:
        """Makes every write so far survive a power cut.

        >>> db.put(b"k", b"v")
        >>> db.sync()
        """
    def compact(self, start: Buffer | None = None, stop: Buffer | None = None) -> None:
        """Rewrites the tables with keys from `start` up to `stop` (all by default), without what is deleted or overwritten.

        Ctrl-C leaves the call; the work then goes on in the background.

        >>> db.compact()
        >>> db.compact(b"user/", b"user0")
        """
    @overload
    def stats(self, *, format: None = None) -> dict[str, Any]: ...
    @overload
    def stats(self, *, format: Literal["text", "json", "prometheus"]) -> str:
        """Numbers about the database: a dict, or text for people, programs or Prometheus.

        >>> db[b"k"] = b"v"
        >>> db.stats()["writes_total"]
        1
        >>> print(db.stats(format="prometheus").splitlines()[0])
        # TYPE esker_latest_seqno gauge
        """
    def close(self) -> None:
        """Flushes, syncs and closes. Whatever uses the handle afterwards gets `ClosedError`; closing again does nothing.

        >>> db.close()
        >>> db[b"k"]
        Traceback (most recent call last):
        esker._errors.ClosedError: the database is closed
        """
    def __enter__(self) -> Db: ...
    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None, /
    ) -> None: ...
    def as_dict(self) -> DictView:
        """A `MutableMapping` over the database, for code that wants one. Its ``len()`` walks all keys.

        >>> view = db.as_dict()
        >>> view.update({b"a": b"1", b"b": b"2"})
        >>> len(view), view.pop(b"a"), list(view)
        (2, b'1', [b'b'])
        """
    def __reduce__(self) -> Any:
        """Handles cannot be pickled: `TypeError`. Pass `path` and open it there."""

@final
class Snapshot:
    """A database at one moment: the reading methods of `Db`. What was deleted since keeps its space until the snapshot is
    closed or dropped.

    >>> db[b"k"] = b"old"
    >>> with db.snapshot() as before:
    ...     db[b"k"] = b"new"
    ...     before[b"k"], db[b"k"]
    (b'old', b'new')
    """

    @property
    def seqno(self) -> int:
        """The number of the last write it sees.

        >>> db.snapshot().seqno < (db.put(b"k", b"v") or db.snapshot().seqno)
        True
        """
    @property
    def closed(self) -> bool:
        """Whether `close()` was called."""
    @overload
    def get(self, key: Buffer, default: None = None) -> bytes | None: ...
    @overload
    def get(self, key: Buffer, default: _T) -> bytes | _T:
        """As in `Db.get`."""
    def get_view(self, key: Buffer) -> memoryview | None:
        """As in `Db.get_view`."""
    def multi_get(self, keys: Iterable[Buffer]) -> list[bytes | None]:
        """As in `Db.multi_get`."""
    def __getitem__(self, key: Buffer, /) -> bytes: ...
    def __contains__(self, key: Buffer, /) -> bool: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def items(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
    ) -> EntryIterator[tuple[bytes, bytes]]:
        """As in `Db.items`."""
    def keys(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
    ) -> EntryIterator[bytes]:
        """As in `Db.keys`."""
    def values(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
    ) -> EntryIterator[bytes]:
        """As in `Db.values`."""
    def close(self) -> None:
        """Lets go of the moment. Iterators that were made from it keep it for themselves.

        >>> before = db.snapshot()
        >>> before.close()
        >>> before.closed
        True
        """
    def __enter__(self) -> Snapshot: ...
    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None, /
    ) -> None: ...

@final
class Batch:
    """Writes that are applied together. Leaving a ``with`` block commits, unless the block raised: then nothing is applied.

    >>> with db.batch() as batch:
    ...     batch[b"a"] = b"1"
    ...     raise ValueError("changed my mind")
    Traceback (most recent call last):
    ValueError: changed my mind
    >>> list(db)
    []
    """

    def put(self, key: Buffer, value: Buffer) -> None:
        """As in `Db.put`, when the batch is committed.

        >>> batch = db.batch()
        >>> batch.put(b"k", b"v")
        >>> b"k" in db
        False
        """
    def delete(self, key: Buffer) -> None:
        """As in `Db.delete`."""
    def delete_range(self, start: Buffer, stop: Buffer) -> None:
        """As in `Db.delete_range`; it does not touch what is put later in the same batch."""
    def __setitem__(self, key: Buffer, value: Buffer, /) -> None: ...
    def __delitem__(self, key: Buffer, /) -> None:
        """The same as `delete`: what is there is not known before the commit."""
    def clear(self) -> None:
        """Forgets what it holds."""
    def __len__(self) -> int:
        """How many writes it holds."""
    @property
    def size_bytes(self) -> int:
        """How large it is in the log."""
    def commit(self) -> None:
        """Applies everything it holds and empties it. If that fails, it keeps what it held.

        >>> batch = db.batch(durability="sync")
        >>> batch.put(b"k", b"v")
        >>> batch.commit()
        >>> len(batch), db[b"k"]
        (0, b'v')
        """
    def __enter__(self) -> Batch: ...
    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None, /
    ) -> None: ...

@final
class EntryIterator(Generic[_Entry]):
    """What `items()`, `keys()` and `values()` return.

    >>> db[b"k"] = b"v"
    >>> next(db.items())
    (b'k', b'v')
    """

    def __iter__(self) -> EntryIterator[_Entry]: ...
    def __next__(self) -> _Entry: ...

@final
class Value:
    """What a view from `get_view` stands on; ``view.obj`` gives it.

    >>> db[b"k"] = b"v"
    >>> db.get_view(b"k").obj
    <esker.Value of 1 bytes>
    """

    def __len__(self) -> int: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...
