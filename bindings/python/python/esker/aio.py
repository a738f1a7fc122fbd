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
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Executor
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

import esker

if TYPE_CHECKING:
    from typing_extensions import Buffer

    _Durability = Literal["sync", "buffered", "none"]

__all__ = ["Batch", "Db", "EntryIterator", "Snapshot", "destroy", "open", "verify"]

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


async def destroy(path: str | PathLike[str]) -> None:
    """`esker.destroy`."""
    await _run(None, lambda: esker.destroy(path))


class EntryIterator(Generic[_T]):
    """An asynchronous iterator that fetches a few hundred entries at a time."""

    def __init__(self, make: Callable[[], Iterator[_T]], executor: Executor | None) -> None:
        self._make = make
        self._executor = executor
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
        return list(itertools.islice(self._entries, _CHUNK))


class _Reader:
    """What a database and a snapshot have in common."""

    def __init__(self, inner: esker.Db | esker.Snapshot, executor: Executor | None) -> None:
        self._reader = inner
        self._executor = executor

    @property
    def closed(self) -> bool:
        return self._reader.closed

    async def get(self, key: Buffer, default: Any = None) -> Any:
        return await _run(self._executor, lambda: self._reader.get(key, default))

    async def get_view(self, key: Buffer) -> memoryview | None:
        return await _run(self._executor, lambda: self._reader.get_view(key))

    async def multi_get(self, keys: Iterable[Buffer]) -> list[bytes | None]:
        return await _run(self._executor, lambda: self._reader.multi_get(keys))

    async def contains(self, key: Buffer) -> bool:
        """``key in db``, which Python cannot await."""
        return await _run(self._executor, lambda: key in self._reader)

    def items(self, **stretch: Any) -> EntryIterator[tuple[bytes, bytes]]:
        return EntryIterator(lambda: self._reader.items(**stretch), self._executor)

    def keys(self, **stretch: Any) -> EntryIterator[bytes]:
        return EntryIterator(lambda: self._reader.keys(**stretch), self._executor)

    def values(self, **stretch: Any) -> EntryIterator[bytes]:
        return EntryIterator(lambda: self._reader.values(**stretch), self._executor)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.keys()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await _run(self._executor, self._reader.close)


class Db(_Reader):
    """`esker.Db`, awaitable; `db.blocking` is the database itself."""

    def __init__(self, db: esker.Db, executor: Executor | None) -> None:
        super().__init__(db, executor)
        self.blocking = db

    @property
    def path(self) -> Path:
        return self.blocking.path

    @property
    def options(self) -> dict[str, str]:
        return self.blocking.options

    @property
    def poisoned(self) -> esker.Error | None:
        return self.blocking.poisoned

    async def put(self, key: Buffer, value: Buffer, *, durability: _Durability | None = None) -> None:
        await _run(self._executor, lambda: self.blocking.put(key, value, durability=durability))

    async def delete(self, key: Buffer, *, durability: _Durability | None = None) -> None:
        await _run(self._executor, lambda: self.blocking.delete(key, durability=durability))

    async def delete_range(self, start: Buffer, stop: Buffer, *, durability: _Durability | None = None) -> None:
        await _run(self._executor, lambda: self.blocking.delete_range(start, stop, durability=durability))

    async def put_many(
        self, pairs: Iterable[tuple[Buffer, Buffer]], *, durability: _Durability | None = None
    ) -> int:
        return await _run(self._executor, lambda: self.blocking.put_many(pairs, durability=durability))

    def batch(self, *, durability: _Durability | None = None) -> Batch:
        return Batch(self.blocking.batch(durability=durability), self._executor)

    async def snapshot(self) -> Snapshot:
        return Snapshot(await _run(self._executor, self.blocking.snapshot), self._executor)

    async def flush(self) -> None:
        await _run(self._executor, self.blocking.flush)

    async def sync(self) -> None:
        await _run(self._executor, self.blocking.sync)

    async def compact(self, start: Buffer | None = None, stop: Buffer | None = None) -> None:
        await _run(self._executor, lambda: self.blocking.compact(start, stop))

    async def stats(self, *, format: Literal["text", "json", "prometheus"] | None = None) -> Any:
        if format is None:
            return await _run(self._executor, self.blocking.stats)
        return await _run(self._executor, lambda: self.blocking.stats(format=format))

    def __repr__(self) -> str:
        return f"<aio of {self.blocking!r}>"


class Snapshot(_Reader):
    """`esker.Snapshot`, awaitable."""

    def __init__(self, snapshot: esker.Snapshot, executor: Executor | None) -> None:
        super().__init__(snapshot, executor)
        self.seqno = snapshot.seqno


class Batch:
    """`esker.Batch`: filling it waits for nothing and is not awaited, committing it is."""

    def __init__(self, batch: esker.Batch, executor: Executor | None) -> None:
        self._batch = batch
        self._executor = executor
        self.put = batch.put
        self.delete = batch.delete
        self.delete_range = batch.delete_range
        self.clear = batch.clear

    def __len__(self) -> int:
        return len(self._batch)

    @property
    def size_bytes(self) -> int:
        return self._batch.size_bytes

    async def commit(self) -> None:
        await _run(self._executor, self._batch.commit)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            await self.commit()
        else:
            self.clear()
