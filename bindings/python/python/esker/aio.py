"""The same names, awaitable: every call runs in a thread of an executor, so that the event loop never waits.

>>> import asyncio, tempfile
>>> from esker import aio
>>> async def main(path: str) -> None:
...     async with await aio.open(path) as db:
...         await db.put(b"k", b"v")
...         async with db.batch() as batch:  # filling a batch waits for nothing, only its commit is awaited
...             batch.put(b"a", b"1")
...         print([item async for item in db.items()])
>>> asyncio.run(main(tempfile.mkdtemp() + "/db"))
[(b'a', b'1'), (b'k', b'v')]
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor
from datetime import timedelta
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import esker
from esker._savepoint import Savepoint

if TYPE_CHECKING:
    from typing_extensions import Buffer

    _Durability = Literal["sync", "buffered", "none"]
    _Span = float | timedelta

__all__ = [
    "Batch",
    "ColumnFamily",
    "Db",
    "EntryIterator",
    "Snapshot",
    "Transaction",
    "Tree",
    "destroy",
    "inspect",
    "open",
    "verify",
]

_T = TypeVar("_T")
_CHUNK = 256


async def _run(executor: Executor | None, call: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(executor, call)


async def open(path: str | PathLike[str], *, executor: Executor | None = None, **options: Any) -> Db:
    """`esker.open`, in `executor` or else the executor of the event loop; so does every call of the database."""
    return Db(await _run(executor, lambda: esker.open(path, **options)), executor)


async def verify(path: str | PathLike[str]) -> dict[str, Any]:
    """`esker.verify`."""
    return dict(await _run(None, lambda: esker.verify(path)))


async def inspect(path: str | PathLike[str], *, entries: int = 0) -> dict[str, Any]:
    """`esker.inspect`."""
    return await _run(None, lambda: esker.inspect(path, entries=entries))


async def destroy(path: str | PathLike[str]) -> None:
    """`esker.destroy`."""
    await _run(None, lambda: esker.destroy(path))


class EntryIterator(Generic[_T]):
    """An asynchronous iterator that fetches a few hundred entries at a time, of packed chunks one."""

    def __init__(self, make: Callable[[], Iterator[_T]], executor: Executor | None, at_once: int = _CHUNK) -> None:
        self._make = make
        self._executor = executor
        self._at_once = at_once
        self._entries: Iterator[_T] | None = None
        self._chunk: Iterator[_T] = iter(())

    def __aiter__(self) -> AsyncIterator[_T]:
        return self

    async def __anext__(self) -> _T:
        for entry in self._chunk:
            return entry
        chunk = await _run(self._executor, self._fetch)
        if not chunk:
            raise StopAsyncIteration
        self._chunk = iter(chunk)
        return next(self._chunk)

    def _fetch(self) -> list[_T]:
        if self._entries is None:
            self._entries = self._make()
        return list(itertools.islice(self._entries, self._at_once))


class _Reader:
    """What can be read from. `chosen` is what a snapshot and a transaction take besides: `family=`."""

    def __init__(self, inner: esker.Tree | esker.Snapshot | esker.Transaction, executor: Executor | None) -> None:
        self._reader: Any = inner
        self._executor = executor

    async def get(self, key: Buffer, default: Any = None, **chosen: Any) -> Any:
        return await _run(self._executor, lambda: self._reader.get(key, default, **_blocking(chosen)))

    async def get_view(self, key: Buffer, **chosen: Any) -> memoryview | None:
        return await _run(self._executor, lambda: self._reader.get_view(key, **_blocking(chosen)))

    async def multi_get(self, keys: Iterable[Buffer], **chosen: Any) -> list[bytes | None]:
        return await _run(self._executor, lambda: self._reader.multi_get(keys, **_blocking(chosen)))

    async def multi_get_packed(self, keys: Any, **chosen: Any) -> esker.Packed:
        return await _run(self._executor, lambda: self._reader.multi_get_packed(keys, **_blocking(chosen)))

    async def contains(self, key: Buffer) -> bool:
        """``key in db``, which Python cannot await."""
        return await _run(self._executor, lambda: key in self._reader)

    def items(self, **stretch: Any) -> EntryIterator[tuple[bytes, bytes]]:
        return EntryIterator(lambda: self._reader.items(**_blocking(stretch)), self._executor)

    def keys(self, **stretch: Any) -> EntryIterator[bytes]:
        return EntryIterator(lambda: self._reader.keys(**_blocking(stretch)), self._executor)

    def values(self, **stretch: Any) -> EntryIterator[bytes]:
        return EntryIterator(lambda: self._reader.values(**_blocking(stretch)), self._executor)

    def items_packed(self, **stretch: Any) -> EntryIterator[tuple[esker.Packed, esker.Packed]]:
        return EntryIterator(lambda: self._reader.items_packed(**_blocking(stretch)), self._executor, 1)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.keys()


class Tree(_Reader):
    """`esker.Tree`, awaitable: what a database and a column family have in common."""

    def __init__(self, tree: esker.Tree, executor: Executor | None) -> None:
        super().__init__(tree, executor)
        self._tree = tree

    async def put(
        self, key: Buffer, value: Buffer, *, durability: _Durability | None = None, ttl: _Span | None = None
    ) -> None:
        await _run(self._executor, lambda: self._tree.put(key, value, durability=durability, ttl=ttl))

    async def merge(self, key: Buffer, operand: Buffer | int, *, durability: _Durability | None = None) -> None:
        await _run(self._executor, lambda: self._tree.merge(key, operand, durability=durability))

    async def delete(self, key: Buffer, *, durability: _Durability | None = None) -> None:
        await _run(self._executor, lambda: self._tree.delete(key, durability=durability))

    async def delete_range(self, start: Buffer, stop: Buffer, *, durability: _Durability | None = None) -> None:
        await _run(self._executor, lambda: self._tree.delete_range(start, stop, durability=durability))

    async def put_many(
        self,
        pairs: Iterable[tuple[Buffer, Buffer]],
        *,
        durability: _Durability | None = None,
        ttl: _Span | None = None,
    ) -> int:
        return await _run(self._executor, lambda: self._tree.put_many(pairs, durability=durability, ttl=ttl))

    async def put_many_packed(
        self, keys: Any, values: Any, *, durability: _Durability | None = None, ttl: _Span | None = None
    ) -> int:
        return await _run(
            self._executor, lambda: self._tree.put_many_packed(keys, values, durability=durability, ttl=ttl)
        )

    def batch(self, *, durability: _Durability | None = None, ttl: _Span | None = None) -> Batch:
        return Batch(self._tree.batch(durability=durability, ttl=ttl), self._executor)

    async def snapshot(self) -> Snapshot:
        return Snapshot(await _run(self._executor, self._tree.snapshot), self._executor)

    async def approximate_size(self, start: Buffer | None = None, stop: Buffer | None = None) -> int:
        return await _run(self._executor, lambda: self._tree.approximate_size(start, stop))

    async def compact(self, start: Buffer | None = None, stop: Buffer | None = None) -> None:
        await _run(self._executor, lambda: self._tree.compact(start, stop))

    def __repr__(self) -> str:
        return f"<aio of {self._tree!r}>"


class Db(Tree):
    """`esker.Db`, awaitable; `db.blocking` is the database itself."""

    def __init__(self, db: esker.Db, executor: Executor | None) -> None:
        super().__init__(db, executor)
        self.blocking = db

    @property
    def path(self) -> Path:
        return self.blocking.path

    @property
    def closed(self) -> bool:
        return self.blocking.closed

    @property
    def options(self) -> dict[str, str]:
        return self.blocking.options

    @property
    def poisoned(self) -> esker.Error | None:
        return self.blocking.poisoned

    @property
    def latest_seqno(self) -> int:
        return self.blocking.latest_seqno

    async def property(self, name: str) -> str:
        return await _run(self._executor, lambda: self.blocking.property(name))

    async def column_family(self, name: str, *, create: bool = False, **options: Any) -> ColumnFamily:
        call = functools.partial(self.blocking.column_family, name, create=create, **options)
        return ColumnFamily(await _run(self._executor, call), self._executor)

    async def column_families(self) -> list[str]:
        return await _run(self._executor, self.blocking.column_families)

    async def drop_column_family(self, family: ColumnFamily | str) -> None:
        blocking = family.blocking if isinstance(family, ColumnFamily) else family
        await _run(self._executor, lambda: self.blocking.drop_column_family(blocking))

    async def write(
        self, batch: Batch | esker.Batch, *, durability: _Durability | None = None, ttl: _Span | None = None
    ) -> None:
        blocking = batch.blocking if isinstance(batch, Batch) else batch
        await _run(self._executor, lambda: self.blocking.write(blocking, durability=durability, ttl=ttl))

    async def transaction(self, **options: Any) -> Transaction:
        return Transaction(await _run(self._executor, lambda: self.blocking.transaction(**options)), self._executor)

    async def transact(self, work: Callable[[Transaction], Awaitable[_T]], *, retries: int = 10, **options: Any) -> _T:
        """`esker.Db.transact`, with a `work` that is awaited."""
        while True:
            try:
                async with await self.transaction(**options) as transaction:
                    result = await work(transaction)
                return result
            except esker.ConflictError:
                if retries == 0:
                    raise
                retries -= 1

    async def flush(self) -> None:
        await _run(self._executor, self.blocking.flush)

    async def sync(self) -> None:
        await _run(self._executor, self.blocking.sync)

    async def checkpoint(self, path: str | PathLike[str]) -> None:
        await _run(self._executor, lambda: self.blocking.checkpoint(path))

    async def stats(self, *, format: Literal["text", "json", "prometheus"] | None = None) -> Any:
        if format is None:
            return await _run(self._executor, self.blocking.stats)
        return await _run(self._executor, lambda: self.blocking.stats(format=format))

    async def close(self) -> None:
        await _run(self._executor, self.blocking.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class ColumnFamily(Tree):
    """`esker.ColumnFamily`, awaitable; `family.blocking` is the family itself."""

    def __init__(self, family: esker.ColumnFamily, executor: Executor | None) -> None:
        super().__init__(family, executor)
        self.blocking = family
        self.name = family.name
        self.id = family.id

    @property
    def options(self) -> dict[str, str]:
        return self.blocking.options

    @property
    def dropped(self) -> bool:
        return self.blocking.dropped

    async def flush(self) -> None:
        await _run(self._executor, self.blocking.flush)


class Snapshot(_Reader):
    """`esker.Snapshot`, awaitable."""

    def __init__(self, snapshot: esker.Snapshot, executor: Executor | None) -> None:
        super().__init__(snapshot, executor)
        self._snapshot = snapshot
        self.seqno = snapshot.seqno

    @property
    def closed(self) -> bool:
        return self._snapshot.closed

    async def close(self) -> None:
        await _run(self._executor, self._snapshot.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Transaction(_Reader):
    """`esker.Transaction`, awaitable: its writes may wait for keys. One call at a time."""

    def __init__(self, transaction: esker.Transaction, executor: Executor | None) -> None:
        super().__init__(transaction, executor)
        self.blocking = transaction

    @property
    def finished(self) -> bool:
        return self.blocking.finished

    async def get_for_update(self, key: Buffer, default: Any = None, **chosen: Any) -> Any:
        return await _run(self._executor, lambda: self.blocking.get_for_update(key, default, **_blocking(chosen)))

    async def put(self, key: Buffer, value: Buffer, **chosen: Any) -> None:
        await _run(self._executor, lambda: self.blocking.put(key, value, **_blocking(chosen)))

    async def merge(self, key: Buffer, operand: Buffer | int, **chosen: Any) -> None:
        await _run(self._executor, lambda: self.blocking.merge(key, operand, **_blocking(chosen)))

    async def delete(self, key: Buffer, **chosen: Any) -> None:
        await _run(self._executor, lambda: self.blocking.delete(key, **_blocking(chosen)))

    async def delete_range(self, start: Buffer, stop: Buffer, **chosen: Any) -> None:
        await _run(self._executor, lambda: self.blocking.delete_range(start, stop, **_blocking(chosen)))

    def set_savepoint(self) -> None:
        self.blocking.set_savepoint()

    def rollback_to_savepoint(self) -> None:
        self.blocking.rollback_to_savepoint()

    def pop_savepoint(self) -> None:
        self.blocking.pop_savepoint()

    def savepoint(self) -> Savepoint[Transaction]:
        return Savepoint(self)

    async def commit(self) -> None:
        await _run(self._executor, self.blocking.commit)

    async def rollback(self) -> None:
        await _run(self._executor, self.blocking.rollback)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await _run(self._executor, lambda: self.blocking.__exit__(kind, None, None))

    def __repr__(self) -> str:
        return f"<aio of {self.blocking!r}>"


def _blocking(keywords: dict[str, Any]) -> dict[str, Any]:
    """The keywords with the family itself in place of the awaitable one."""
    family = keywords.get("family")
    return {**keywords, "family": family.blocking} if isinstance(family, (Db, ColumnFamily)) else keywords


class Batch:
    """`esker.Batch`: filling it waits for nothing and is not awaited, committing it is."""

    def __init__(self, batch: esker.Batch, executor: Executor | None) -> None:
        self.blocking = batch
        self._executor = executor
        self.clear = batch.clear
        self.set_savepoint = batch.set_savepoint
        self.rollback_to_savepoint = batch.rollback_to_savepoint
        self.pop_savepoint = batch.pop_savepoint

    def put(self, key: Buffer, value: Buffer, **chosen: Any) -> None:
        self.blocking.put(key, value, **_blocking(chosen))

    def merge(self, key: Buffer, operand: Buffer | int, **chosen: Any) -> None:
        self.blocking.merge(key, operand, **_blocking(chosen))

    def delete(self, key: Buffer, **chosen: Any) -> None:
        self.blocking.delete(key, **_blocking(chosen))

    def delete_range(self, start: Buffer, stop: Buffer, **chosen: Any) -> None:
        self.blocking.delete_range(start, stop, **_blocking(chosen))

    def append(self, other: Batch | esker.Batch) -> None:
        self.blocking.append(other.blocking if isinstance(other, Batch) else other)

    def savepoint(self) -> Savepoint[Batch]:
        return Savepoint(self)

    def __len__(self) -> int:
        return len(self.blocking)

    def __iter__(self) -> Iterator[esker.BatchEntry]:
        return iter(self.blocking)

    def __bytes__(self) -> bytes:
        return bytes(self.blocking)

    @property
    def size_bytes(self) -> int:
        return self.blocking.size_bytes

    async def commit(self) -> None:
        await _run(self._executor, self.blocking.commit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.commit()
        else:
            self.clear()
