"""The reference of `esker`. Every example runs as a test; in all of them `db` is a fresh database.

Keys and values are bytes. Wherever they go in, any bytes-like object will do; what comes out is `bytes`, or a `memoryview` where
the name says so. Keys are ordered byte by byte. One handle may be used by any number of threads at once.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, TypeAlias, TypedDict, TypeVar, final, overload, type_check_only

from typing_extensions import Buffer, disjoint_base

from esker._entries import BatchEntry
from esker._errors import Error
from esker._mapping import DictView
from esker._savepoint import Savepoint

__all__ = [
    "Batch",
    "ColumnFamily",
    "Db",
    "EntryIterator",
    "Packed",
    "PackedIterator",
    "Snapshot",
    "Transaction",
    "Tree",
    "Value",
    "__version__",
    "destroy",
    "inspect",
    "open",
    "option_names",
    "verify",
]

_T = TypeVar("_T")
_Entry = TypeVar("_Entry", covariant=True)
# An array; those of numpy are a Buffer for type checkers from Python 3.12 on.
_Array: TypeAlias = Buffer | Iterable[Any]
# Many keys or values, as `Packed` explains: itself, data with offsets, an array, or any iterable of bytes.
_Column: TypeAlias = Packed | tuple[_Array, _Array] | Buffer | Iterable[Buffer]

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
    memory_budget: int | str = "256MiB",
    compression: Literal["auto", "none", "lz4"] = "auto",
    compaction_style: Literal["leveled", "tiered"] = "leveled",
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
    merge_operator: str = "",
    ttl_ms: int | str = 0,
    comparator: str = "",
    ttl: float | timedelta = ...,
) -> Db:
    """Opens the database in the directory `path`, and recovers it first if its process died.

    Sizes are numbers of bytes or text as in ``"64MiB"``; `ttl` is `ttl_ms` in seconds or as a timedelta. `option_names()` says
    what each option does; an option that does not exist is an `InvalidArgumentError` that offers the nearest one. A database
    that is open elsewhere is a `LockedError`.

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

def inspect(path: str | PathLike[str], *, entries: int = 0) -> dict[str, Any]:
    """What is in a file of a database (a log segment, a MANIFEST, a table), or in its directory; up to so many entries
    with their keys. Changes nothing and takes no lock: the database may be open. What is damaged stands in "problems",
    behind all that was read before it.

    >>> esker.inspect(db.path)["families"][0]["name"]
    'default'
    """

def destroy(path: str | PathLike[str]) -> None:
    """Removes the files of the database in `path`; files that are not of a database stay, as does then the directory.

    >>> esker.destroy(path)
    """

def option_names(of: Literal["database", "column_family"] = "database") -> dict[str, str]:
    """The options that `open` takes, or `Db.column_family`, each with what it does.

    >>> esker.option_names()["read_only"]
    'Open without writing anything; every write is refused with READ_ONLY.'
    >>> "merge_operator" in esker.option_names("column_family")
    True
    """

@disjoint_base
class Tree:
    """What a database and a column family have in common: the keys of a tree, read and written through one handle. A function
    that takes a `Tree` takes either.

    >>> def count(tree: esker.Tree) -> int:
    ...     return sum(1 for _ in tree)
    >>> count(db), count(db.column_family("users", create=True))
    (0, 0)
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
    def multi_get_packed(self, keys: _Column) -> Packed:
        """`multi_get` for columns: the keys come, and the values go, many in one piece of memory, as `Packed` explains.

        >>> db.put_many([(b"a", b"one"), (b"b", b"two")])
        2
        >>> values = db.multi_get_packed([b"a", b"x", b"b"])
        >>> values.data.tobytes(), values.offsets.tolist(), values.found.tolist()
        (b'onetwo', [0, 3, 3, 6], [True, False, True])
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
        self,
        key: Buffer,
        value: Buffer,
        *,
        durability: Literal["sync", "buffered", "none"] | None = None,
        ttl: float | timedelta | None = None,
    ) -> None:
        """Gives `key` the value `value`.

        `durability` says what the write has survived when the call returns: ``"sync"`` a power cut; ``"buffered"``, the
        default, the death of the process; ``"none"`` nothing until the next flush. With `ttl`, in seconds or as a timedelta, the
        key is gone again after so long; 0 is never, the default is what the tree was opened with.

        >>> db.put(b"k", b"v", durability="sync")
        >>> db.put(b"session", b"Ada", ttl=3600)
        """
    def merge(
        self, key: Buffer, operand: Buffer | int, *, durability: Literal["sync", "buffered", "none"] | None = None
    ) -> None:
        """Merges `operand` into the value of `key` by the tree's merge operator, without reading it first. Where that is
        ``add_u64`` or ``add_i64``, an int will do, and `from_u64` or `from_i64` reads the value.

        >>> counters = db.column_family("counters", create=True, merge_operator="add_u64")
        >>> for _ in range(3):
        ...     counters.merge(b"hits", 1)
        >>> esker.from_u64(counters.get(b"hits"))
        3
        >>> tags = db.column_family("tags", create=True, merge_operator="append(,)")
        >>> tags.merge(b"post/1", b"news")
        >>> tags.merge(b"post/1", b"science")
        >>> tags[b"post/1"]
        b'news,science'
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
        ttl: float | timedelta | None = None,
    ) -> int:
        """Writes the pairs of any iterable and returns how many. They are committed a mebibyte at a time: a crash keeps a
        first part of them.

        >>> db.put_many((b"%03d" % n, b"v") for n in range(100))
        100
        """
    def put_many_packed(
        self,
        keys: _Column,
        values: _Column,
        *,
        durability: Literal["sync", "buffered", "none"] | None = None,
        ttl: float | timedelta | None = None,
    ) -> int:
        """`put_many` for columns: row by row the keys with the values, each column as `Packed` explains.

        >>> from array import array
        >>> db.put_many_packed((b"abc", array("q", [0, 1, 3])), [b"one", b"two"])
        2
        >>> list(db.items())
        [(b'a', b'one'), (b'bc', b'two')]
        """
    def batch(
        self,
        *,
        durability: Literal["sync", "buffered", "none"] | None = None,
        ttl: float | timedelta | None = None,
    ) -> Batch:
        """A new batch: writes that are applied all together or not at all. They go to this tree unless they say otherwise. With
        `ttl` its puts expire so long after the commit, but for those with a `ttl` of their own.

        >>> with db.batch() as batch:
        ...     batch.put(b"a", b"1")
        ...     batch.delete(b"b")
        >>> list(db)
        [b'a']
        """
    def snapshot(self) -> Snapshot:
        """The database as it is now, whatever happens to it later. It reads from this tree unless told otherwise.

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
    def items_packed(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        chunk_size: int = 65_536,
    ) -> PackedIterator:
        """`items` for columns: chunks of up to `chunk_size` entries and about 4 MiB, each a column of keys and one of values.

        >>> db.put_many((b"%03d" % n, b"v" * n) for n in range(5))
        5
        >>> for keys, values in db.items_packed(chunk_size=3):
        ...     print(keys.data.tobytes(), values.offsets.tolist())
        b'000001002' [0, 0, 1, 3]
        b'003004' [0, 3, 7]
        """
    def compact(self, start: Buffer | None = None, stop: Buffer | None = None) -> None:
        """Rewrites the tables with keys from `start` up to `stop` (all by default), without what is deleted or overwritten.

        Ctrl-C leaves the call; the work then goes on in the background.

        >>> db.compact()
        >>> db.compact(b"user/", b"user0")
        """
    def approximate_size(self, start: Buffer | None = None, stop: Buffer | None = None) -> int:
        """About how many bytes the keys from `start` up to `stop` take in tables; what is still in memory does not count.

        >>> db[b"k"] = b"v"
        >>> db.flush()
        >>> db.approximate_size() > 0
        True
        >>> db.approximate_size(b"zzz")
        0
        """
    def as_dict(self) -> DictView:
        """A `MutableMapping` over the database, for code that wants one. Its ``len()`` walks all keys.

        >>> view = db.as_dict()
        >>> view.update({b"a": b"1", b"b": b"2"})
        >>> len(view), view.pop(b"a"), list(view)
        (2, b'1', [b'b'])
        """

@final
class Db(Tree):
    """An open database, and the tree of its default column family. Leave it by `close()` or a ``with`` block; a handle that is
    dropped is closed, too, but tells nobody if that failed.

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
    def flush(self) -> None:
        """Writes what is in memory, of all column families, to tables.

        >>> db.flush()
        """
    def sync(self) -> None:
        """Makes every write so far survive a power cut.

        >>> db.put(b"k", b"v")
        >>> db.sync()
        """
    def checkpoint(self, path: str | PathLike[str]) -> None:
        """Makes a second database in `path`, a directory that is empty or not there yet, which holds what this one holds now: every
        column family, as of one write. Tables are shared by hard links where the filesystem can; later writes touch only one of
        the two. When it returns, all of it is durable.

        >>> db.checkpoint(path)
        >>> with esker.open(path) as copy:
        ...     list(copy) == list(db)
        True
        """
    @property
    def latest_seqno(self) -> int:
        """The number of the last write that readers see. Numbers grow with every write; a snapshot has that of its moment.

        >>> db.latest_seqno == db.snapshot().seqno
        True
        """
    def property(self, name: str) -> str:
        """One of the statistics by name, as text; rows, such as `levels`, are JSON. An unknown name is an
        `InvalidArgumentError` that offers the nearest.

        >>> db.property("latest_seqno") == str(db.latest_seqno)
        True
        """
    def column_family(
        self,
        name: str,
        *,
        create: bool = False,
        compression: Literal["default", "auto", "none", "lz4"] = "default",
        compaction_style: Literal["default", "leveled", "tiered"] = "default",
        filter_bits_per_key: int | str = "default",
        block_size: int | str = "default",
        merge_operator: str = "",
        ttl_ms: int | str = 0,
        comparator: str = "",
        ttl: float | timedelta = ...,
    ) -> ColumnFamily:
        """The column family `name`; with `create`, a new one with these options if there is none.

        The options of a family are recorded when it is created: nobody has to repeat them, and asking for others is an
        `InvalidArgumentError`. A family that is not there is a `NotFoundError`. `option_names("column_family")` says what each
        option does; `ttl` is `ttl_ms` in seconds or as a timedelta.

        >>> users = db.column_family("users", create=True, compression="lz4")
        >>> users[b"ada"] = b"Ada Lovelace"
        >>> b"ada" in users, b"ada" in db, db.column_family("users")[b"ada"]
        (True, False, b'Ada Lovelace')
        """
    def column_families(self) -> list[str]:
        """The names of all column families, the oldest first: the default one leads.

        >>> db.column_families()
        ['default']
        """
    def drop_column_family(self, family: ColumnFamily | str) -> None:
        """Drops a column family, given by handle or name, with all its keys. Snapshots and iterators go on seeing them; all other
        uses of its handles are an `InvalidArgumentError`. The default family cannot be dropped.

        >>> users = db.column_family("users", create=True)
        >>> db.drop_column_family(users)
        >>> users.dropped, db.column_families()
        (True, ['default'])
        """
    def transaction(
        self,
        *,
        isolation: Literal["serializable", "snapshot"] | None = None,
        mode: Literal["optimistic", "pessimistic"] | None = None,
        lock_timeout: float | timedelta | None = None,
        durability: Literal["sync", "buffered", "none"] | None = None,
    ) -> Transaction:
        """Begins a transaction: reads and writes that take effect together, as if nothing else had happened meanwhile.

        ``"serializable"``, the default: whatever it read, found or not, keys or stretches of keys, must be unchanged when it
        commits. ``"snapshot"``: only what it wrote. ``"optimistic"``, the default: a conflict is a `ConflictError` of the commit,
        and the transaction should be done again; `transact` does that. ``"pessimistic"``: it locks the keys that it writes or
        reads for update; others wait for them, at most `lock_timeout` seconds (1 by default), then get a `BusyError`.

        >>> db[b"seats"] = b"2"
        >>> with db.transaction() as t:
        ...     t[b"seats"] = b"%d" % (int(t[b"seats"]) - 1)
        >>> db[b"seats"]
        b'1'
        """
    def transact(
        self,
        work: Callable[[Transaction], _T],
        *,
        retries: int = 10,
        isolation: Literal["serializable", "snapshot"] | None = None,
        mode: Literal["optimistic", "pessimistic"] | None = None,
        lock_timeout: float | timedelta | None = None,
        durability: Literal["sync", "buffered", "none"] | None = None,
    ) -> _T:
        """Calls `work` with a transaction, commits it and returns what `work` returned. After a conflict everything is done
        again, up to `retries` times, then `ConflictError` is raised; `work` may run more than once. What it raises goes through,
        rolled back.

        >>> def visit(t: esker.Transaction) -> int:
        ...     visits = int(t.get(b"visits", b"0")) + 1
        ...     t[b"visits"] = b"%d" % visits
        ...     return visits
        >>> db.transact(visit), db.transact(visit)
        (1, 2)
        """
    def write(
        self,
        batch: Batch,
        *,
        durability: Literal["sync", "buffered", "none"] | None = None,
        ttl: float | timedelta | None = None,
    ) -> None:
        """Applies a batch, whoever made it, and leaves it as it is: it may be written again.

        >>> batch = db.batch()
        >>> batch.put(b"k", b"v")
        >>> with esker.open(path) as copy:
        ...     copy.write(esker.Batch.from_bytes(bytes(batch)))
        ...     list(copy)
        [b'k']
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
    def __reduce__(self) -> Any:
        """Handles cannot be pickled: `TypeError`. Pass `path` and open it there."""

@final
class ColumnFamily(Tree):
    """A named tree of keys within a database, with options of its own. Batches, snapshots and transactions span families.

    A handle needs no closing and keeps the database open as long as it lives, unless that is closed.

    >>> users = db.column_family("users", create=True)
    >>> users.put(b"ada", b"Ada Lovelace")
    >>> with users.batch() as batch:
    ...     batch.put(b"grace", b"Grace Hopper")
    ...     batch.put(b"users", b"2", family=db)
    >>> list(users), db[b"users"]
    ([b'ada', b'grace'], b'2')
    """

    @property
    def name(self) -> str:
        """What it is opened by.

        >>> db.column_family("default").name
        'default'
        """
    @property
    def id(self) -> int:
        """Its number, as `BatchEntry.family` has it. Never given to another family of the database.

        >>> db.column_family("users", create=True).id > db.column_family("default").id
        True
        """
    @property
    def options(self) -> dict[str, str]:
        """Every option as text.

        >>> db.column_family("logs", create=True, compression="none").options["compression"]
        'none'
        """
    @property
    def dropped(self) -> bool:
        """Whether it was dropped.

        >>> db.column_family("default").dropped
        False
        """
    def flush(self) -> None:
        """Writes what is in memory of it to tables.

        >>> db.column_family("users", create=True).flush()
        """
    def __reduce__(self) -> Any:
        """Handles cannot be pickled: `TypeError`. Pass `name` and open it there."""

@final
class Snapshot:
    """A database at one moment: the reading methods of `Tree`, for every column family. What was deleted since keeps its space
    until the snapshot is closed or dropped.

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
        """Whether `close()` was called.

        >>> db.snapshot().closed
        False
        """
    @overload
    def get(self, key: Buffer, default: None = None, *, family: Tree | str | None = None) -> bytes | None: ...
    @overload
    def get(self, key: Buffer, default: _T, *, family: Tree | str | None = None) -> bytes | _T:
        """As in `Tree.get`, from `family` if one is given, by handle or name.

        >>> users = db.column_family("users", create=True)
        >>> users[b"k"] = b"old"
        >>> with db.snapshot() as before:
        ...     users[b"k"] = b"new"
        ...     before.get(b"k", family=users), before.get(b"k", family="users"), before.get(b"k")
        (b'old', b'old', None)
        """
    def get_view(self, key: Buffer, *, family: Tree | str | None = None) -> memoryview | None:
        """As in `Tree.get_view`."""
    def multi_get(self, keys: Iterable[Buffer], *, family: Tree | str | None = None) -> list[bytes | None]:
        """As in `Tree.multi_get`."""
    def multi_get_packed(self, keys: _Column, *, family: Tree | str | None = None) -> Packed:
        """As in `Tree.multi_get_packed`."""
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
        family: Tree | str | None = None,
    ) -> EntryIterator[tuple[bytes, bytes]]:
        """As in `Tree.items`."""
    def keys(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        family: Tree | str | None = None,
    ) -> EntryIterator[bytes]:
        """As in `Tree.keys`."""
    def values(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        family: Tree | str | None = None,
    ) -> EntryIterator[bytes]:
        """As in `Tree.values`."""
    def items_packed(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        chunk_size: int = 65_536,
        family: Tree | str | None = None,
    ) -> PackedIterator:
        """As in `Tree.items_packed`."""
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
class Transaction:
    """Reads and writes that take effect together. It sees the database as it was when it began, and its own writes. Leaving a
    ``with`` block commits, unless the block raised: then nothing is written. What ends it by hand is `commit` or `rollback`; one
    that is dropped is rolled back. It should be short: while it lives, its keys stay locked and old values keep their space.

    Calls go to the default column family unless `family` says otherwise, by handle or name. Any call in a pessimistic transaction
    may raise `BusyError` after waiting for a key, and `ConflictError` where waiting would never end: roll back, so that the other
    one can go on.

    >>> db[b"alice"], db[b"bob"] = b"10", b"0"
    >>> with db.transaction() as t:
    ...     amount = int(t[b"alice"])
    ...     t[b"alice"] = b"%d" % (amount - 7)
    ...     t[b"bob"] = b"%d" % (int(t[b"bob"]) + 7)
    >>> db.multi_get([b"alice", b"bob"])
    [b'3', b'7']
    >>> first, second = db.transaction(), db.transaction()
    >>> for t in (first, second):
    ...     t[b"bob"] = b"%d" % (int(t[b"bob"]) + 1)
    >>> first.commit()
    >>> second.commit()
    Traceback (most recent call last):
    esker._errors.ConflictError: ...
    """

    @property
    def finished(self) -> bool:
        """Whether it was committed or rolled back; all else it can do then is to raise `InvalidArgumentError`.

        >>> t = db.transaction()
        >>> t.rollback()
        >>> t.finished
        True
        """
    @overload
    def get(self, key: Buffer, default: None = None, *, family: Tree | str | None = None) -> bytes | None: ...
    @overload
    def get(self, key: Buffer, default: _T, *, family: Tree | str | None = None) -> bytes | _T:
        """The value of `key` as the transaction sees it, or `default`.

        >>> db[b"k"] = b"v"
        >>> with db.transaction() as t:
        ...     db[b"k"] = b"changed meanwhile"
        ...     t.get(b"k"), t.get(b"missing", b"")
        ...     t.rollback()
        (b'v', b'')
        """
    @overload
    def get_for_update(
        self, key: Buffer, default: None = None, *, family: Tree | str | None = None
    ) -> bytes | None: ...
    @overload
    def get_for_update(self, key: Buffer, default: _T, *, family: Tree | str | None = None) -> bytes | _T:
        """The value of `key`, for a write that depends on it. Optimistic: it must be unchanged at the commit, whatever the
        isolation. Pessimistic: locks the key and reads what was committed last, which nobody else can change from here on.

        >>> with db.transaction(mode="pessimistic", lock_timeout=5) as t:
        ...     seats = int(t.get_for_update(b"seats", b"3"))
        ...     t.put(b"seats", b"%d" % (seats - 1))
        >>> db[b"seats"]
        b'2'
        """
    def get_view(self, key: Buffer, *, family: Tree | str | None = None) -> memoryview | None:
        """As in `Tree.get_view`."""
    def multi_get(self, keys: Iterable[Buffer], *, family: Tree | str | None = None) -> list[bytes | None]:
        """As in `Tree.multi_get`."""
    def multi_get_packed(self, keys: _Column, *, family: Tree | str | None = None) -> Packed:
        """As in `Tree.multi_get_packed`."""
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
        family: Tree | str | None = None,
    ) -> EntryIterator[tuple[bytes, bytes]]:
        """As in `Tree.items`: what the transaction sees when the iterator is made. Under ``"serializable"`` the stretch that was
        walked must be unchanged at the commit, keys that were not there included.

        >>> with db.transaction() as t:
        ...     t.put(b"user/1", b"Ada")
        ...     list(t.items(prefix=b"user/"))
        [(b'user/1', b'Ada')]
        """
    def keys(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        family: Tree | str | None = None,
    ) -> EntryIterator[bytes]:
        """As in `Tree.keys`."""
    def values(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        family: Tree | str | None = None,
    ) -> EntryIterator[bytes]:
        """As in `Tree.values`."""
    def items_packed(
        self,
        *,
        start: Buffer | None = None,
        stop: Buffer | None = None,
        prefix: Buffer | None = None,
        reverse: bool = False,
        chunk_size: int = 65_536,
        family: Tree | str | None = None,
    ) -> PackedIterator:
        """As in `Tree.items_packed`."""
    def put(
        self, key: Buffer, value: Buffer, *, ttl: float | timedelta | None = None, family: Tree | str | None = None
    ) -> None:
        """As in `Tree.put`, when the transaction commits; it sees its own writes before. A `ttl` begins now."""
    def merge(self, key: Buffer, operand: Buffer | int, *, family: Tree | str | None = None) -> None:
        """As in `Tree.merge`. Not a read: two serializable transactions that count the same thing do not conflict.

        >>> counters = db.column_family("counters", create=True, merge_operator="add_u64")
        >>> first, second = db.transaction(), db.transaction()
        >>> for t in (first, second):
        ...     t.merge(b"hits", 1, family=counters)
        ...     t.commit()
        >>> esker.from_u64(counters[b"hits"])
        2
        """
    def delete(self, key: Buffer, *, family: Tree | str | None = None) -> None:
        """As in `Tree.delete`."""
    def delete_range(self, start: Buffer, stop: Buffer, *, family: Tree | str | None = None) -> None:
        """As in `Tree.delete_range`. A pessimistic transaction takes no locks for it: its commit waits for keys in the range."""
    def __setitem__(self, key: Buffer, value: Buffer, /) -> None: ...
    def __delitem__(self, key: Buffer, /) -> None:
        """Removes `key`; `KeyError` if it is not there. `delete` reads nothing, and so conflicts less."""
    def savepoint(self) -> Savepoint[Transaction]:
        """A block of writes that are taken back if it raises. What it read stays read, what it locked stays locked.

        >>> with db.transaction() as t:
        ...     t.put(b"a", b"1")
        ...     try:
        ...         with t.savepoint():
        ...             t.put(b"b", b"2")
        ...             raise ValueError("changed my mind")
        ...     except ValueError:
        ...         pass
        >>> list(db)
        [b'a']
        """
    def set_savepoint(self) -> None:
        """Remembers what was written so far. Savepoints nest.

        >>> t = db.transaction()
        >>> t.put(b"a", b"1")
        >>> t.set_savepoint()
        >>> t.put(b"b", b"2")
        >>> t.rollback_to_savepoint()
        >>> t.commit()
        >>> list(db)
        [b'a']
        """
    def rollback_to_savepoint(self) -> None:
        """Takes back what was written since the latest savepoint, and forgets that. `NotFoundError` if there is none.

        >>> db.transaction().rollback_to_savepoint()
        Traceback (most recent call last):
        esker._errors.NotFoundError: ...
        """
    def pop_savepoint(self) -> None:
        """Forgets the latest savepoint and keeps what was written. `NotFoundError` if there is none.

        >>> with db.transaction() as t:
        ...     t.set_savepoint()
        ...     t.put(b"k", b"v")
        ...     t.pop_savepoint()
        >>> list(db)
        [b'k']
        """
    def commit(self) -> None:
        """Makes the writes take effect, all at once. Whatever comes of it, the transaction is finished. `ConflictError` if a commit
        since it began touched what it depends on: nothing was written, and it can be done again.

        >>> t = db.transaction()
        >>> t.put(b"k", b"v")
        >>> t.commit()
        >>> t.finished, db[b"k"]
        (True, b'v')
        """
    def rollback(self) -> None:
        """Ends it without a trace.

        >>> t = db.transaction()
        >>> t.put(b"k", b"v")
        >>> t.rollback()
        >>> b"k" in db
        False
        """
    def __enter__(self) -> Transaction: ...
    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None, /
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

    @staticmethod
    def from_bytes(data: Buffer) -> Batch:
        """The batch whose bytes were `data`: ``bytes(batch)`` gives them. It belongs to no database; `Db.write` applies it, and
        column families are meant by their numbers. Bytes that are not of a batch are a `CorruptionError`.

        >>> batch = db.batch()
        >>> batch.put(b"k", b"v")
        >>> [entry.key for entry in esker.Batch.from_bytes(bytes(batch))]
        [b'k']
        """
    def put(
        self, key: Buffer, value: Buffer, *, ttl: float | timedelta | None = None, family: Tree | str | None = None
    ) -> None:
        """As in `Tree.put`, when the batch is committed; in `family` if one is given, by handle or name. A `ttl` begins now.

        >>> batch = db.batch()
        >>> batch.put(b"k", b"v")
        >>> b"k" in db
        False
        """
    def merge(self, key: Buffer, operand: Buffer | int, *, family: Tree | str | None = None) -> None:
        """As in `Tree.merge`.

        >>> counters = db.column_family("counters", create=True, merge_operator="add_i64")
        >>> with counters.batch() as batch:
        ...     batch.merge(b"ada", -5)
        ...     batch.merge(b"grace", 5)
        >>> [esker.from_i64(value) for value in counters.values()]
        [-5, 5]
        """
    def delete(self, key: Buffer, *, family: Tree | str | None = None) -> None:
        """As in `Tree.delete`."""
    def delete_range(self, start: Buffer, stop: Buffer, *, family: Tree | str | None = None) -> None:
        """As in `Tree.delete_range`; it does not touch what is put later in the same batch."""
    def __setitem__(self, key: Buffer, value: Buffer, /) -> None: ...
    def __delitem__(self, key: Buffer, /) -> None:
        """The same as `delete`: what is there is not known before the commit."""
    def append(self, other: Batch) -> None:
        """Adds everything that `other` holds, in its order.

        >>> batch, more = db.batch(), db.batch()
        >>> more.put(b"k", b"v")
        >>> batch.append(more)
        >>> len(batch)
        1
        """
    def clear(self) -> None:
        """Forgets what it holds, and its savepoints.

        >>> batch = db.batch()
        >>> batch.put(b"k", b"v")
        >>> batch.clear()
        >>> len(batch)
        0
        """
    def savepoint(self) -> Savepoint[Batch]:
        """A block of writes that are taken out again if it raises.

        >>> with db.batch() as batch:
        ...     batch.put(b"a", b"1")
        ...     try:
        ...         with batch.savepoint():
        ...             batch.put(b"b", b"2")
        ...             raise ValueError("changed my mind")
        ...     except ValueError:
        ...         pass
        >>> list(db)
        [b'a']
        """
    def set_savepoint(self) -> None:
        """Remembers what it holds now. Savepoints nest.

        >>> batch = db.batch()
        >>> batch.put(b"a", b"1")
        >>> batch.set_savepoint()
        >>> batch.put(b"b", b"2")
        >>> batch.rollback_to_savepoint()
        >>> [entry.key for entry in batch]
        [b'a']
        """
    def rollback_to_savepoint(self) -> None:
        """Takes out what was added since the latest savepoint, and forgets that. `NotFoundError` if there is none.

        >>> db.batch().rollback_to_savepoint()
        Traceback (most recent call last):
        esker._errors.NotFoundError: ...
        """
    def pop_savepoint(self) -> None:
        """Forgets the latest savepoint and keeps what was added. `NotFoundError` if there is none.

        >>> batch = db.batch()
        >>> batch.set_savepoint()
        >>> batch.put(b"k", b"v")
        >>> batch.pop_savepoint()
        >>> len(batch)
        1
        """
    def __len__(self) -> int:
        """How many writes it holds."""
    def __iter__(self) -> Iterator[BatchEntry]:
        """What it holds now, in order.

        >>> batch = db.batch()
        >>> batch.put(b"k", b"v")
        >>> batch.delete_range(b"x", b"z")
        >>> for entry in batch:
        ...     print(entry.kind, entry.key, entry.value)
        put b'k' b'v'
        delete_range b'x' b'z'
        """
    def __bytes__(self) -> bytes:
        """What it holds, as `from_bytes` takes it."""
    @property
    def size_bytes(self) -> int:
        """How large it is in the log.

        >>> batch = db.batch()
        >>> batch.put(b"k", bytes(1000))
        >>> 1000 < batch.size_bytes < 1050
        True
        """
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
class Packed:
    """Many byte strings in one piece of memory: row `i` is ``data[offsets[i]:offsets[i + 1]]``. That is how Arrow keeps them
    (``large_binary``), and ``numpy.frombuffer`` takes `data`, `offsets` and `found` as they are, without a copy.

    Where a call takes a column of keys or values, it takes one of these; or ``(data, offsets)``, two arrays of the same meaning;
    or an array in one piece: of two dimensions, a row of which is a key or value, or of one, whose items are, such as numpy's
    dtypes ``S`` (without the NULs at the end, as numpy itself reads it), ``V`` and, because they sort as numbers, ``>u8`` and
    the other unsigned big-endian ones; or any iterable of bytes. Values may be any plain numbers. What cannot be taken is an
    `InvalidArgumentError` that says why.

    Read without numpy it is a sequence: of bytes, and None where a key was not found.

    >>> db.put_many([(b"a", b"one"), (b"b", b"two")])
    2
    >>> values = db.multi_get_packed([b"b", b"x"])
    >>> len(values), list(values), values[0]
    (2, [b'two', None], b'two')
    """

    @property
    def data(self) -> memoryview:
        """All rows, one after the other: bytes.

        >>> db[b"k"] = b"v"
        >>> db.multi_get_packed([b"k", b"k"]).data.tobytes()
        b'vv'
        """
    @property
    def offsets(self) -> memoryview:
        """Where the rows begin and end in `data`: int64, one more than there are rows.

        >>> db[b"k"] = b"value"
        >>> db.multi_get_packed([b"k", b"k"]).offsets.tolist()
        [0, 5, 10]
        """
    @property
    def found(self) -> memoryview:
        """For each row whether it was found: booleans. A row that was not is empty.

        >>> db[b"k"] = b""
        >>> db.multi_get_packed([b"k", b"x"]).found.tolist()
        [True, False]
        """
    def __len__(self) -> int: ...
    def __getitem__(self, at: int, /) -> bytes | None: ...
    def __iter__(self) -> Iterator[bytes | None]: ...

@final
class PackedIterator:
    """What `items_packed()` returns.

    >>> db[b"k"] = b"v"
    >>> next(db.items_packed())
    (<esker.Packed of 1 rows, 1 bytes>, <esker.Packed of 1 rows, 1 bytes>)
    """

    def __iter__(self) -> PackedIterator: ...
    def __next__(self) -> tuple[Packed, Packed]: ...

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
