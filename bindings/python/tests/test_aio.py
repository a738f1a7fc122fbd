"""`esker.aio`: the same names, awaitable."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import esker
from esker import aio


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def test_reading_and_writing(path: Path) -> None:
    async def main() -> None:
        async with await aio.open(path, memory_budget="16MiB") as db:
            assert (db.path, db.closed, db.poisoned, db.options["memory_budget"]) == (path, False, None, "16MiB")
            await db.put(b"a", b"1", durability="sync")
            assert await db.put_many([(b"b", b"2"), (b"c", b"3")]) == 2
            assert await db.get(b"a") == b"1" and await db.get(b"z", 7) == 7
            assert await db.contains(b"b") and not await db.contains(b"z")
            assert await db.multi_get([b"c", b"z"]) == [b"3", None]
            view = await db.get_view(b"a")
            assert view is not None and view.tobytes() == b"1"
            async with await db.snapshot() as before:
                await db.delete(b"a")
                await db.delete_range(b"b", b"c")
                assert [key async for key in before] == [b"a", b"b", b"c"] and before.seqno > 0
            assert before.closed
            assert [item async for item in db.items()] == [(b"c", b"3")]
            await db.flush()
            await db.compact()
            await db.sync()
            assert (await db.stats())["writes_total"] == 5
            assert "flushes_total" in await db.stats(format="text")
        assert db.closed and "closed" in repr(db)
        with pytest.raises(esker.ClosedError):
            await db.get(b"a")
        assert (await aio.verify(path))["ok"]
        assert (await aio.inspect(path))["kind"] == "directory"
        await aio.destroy(path)

    run(main())


def test_batches(path: Path) -> None:
    async def main() -> None:
        async with await aio.open(path) as db:
            async with db.batch() as batch:
                batch.put(b"a", b"1")
                batch.delete_range(b"x", b"y")
                assert len(batch) == 2 and batch.size_bytes > 0
            with pytest.raises(ZeroDivisionError):
                async with db.batch(durability="sync") as batch:
                    batch.put(b"b", b"2")
                    raise ZeroDivisionError
            assert [key async for key in db] == [b"a"]

    run(main())


def test_iteration_over_many_chunks(path: Path) -> None:
    async def main() -> None:
        async with await aio.open(path) as db:
            await db.put_many((b"%05d" % n, b"%d" % n) for n in range(1000))
            assert [key async for key in db.keys(start=b"00990")] == [b"%05d" % n for n in range(990, 1000)]
            values = [value async for value in db.values(reverse=True)]
            assert values == [b"%d" % n for n in reversed(range(1000))]
            assert [item async for item in db.items(prefix=b"nothing")] == []

    run(main())


def test_calls_run_in_the_given_executor_and_together(path: Path) -> None:
    async def main() -> None:
        with ThreadPoolExecutor(4, "of the test") as executor:
            async with await aio.open(path, executor=executor) as db:
                await asyncio.gather(*(db.put(b"%d" % n, b"v") for n in range(200)))
                assert len([key async for key in db]) == 200
            assert any(thread.name.startswith("of the test") for thread in threading.enumerate())

    run(main())


def test_families(path: Path) -> None:
    async def main() -> None:
        async with await aio.open(path) as db:
            with pytest.raises(esker.NotFoundError):
                await db.column_family("users")
            users = await db.column_family("users", create=True, compression="none")
            assert (users.name, users.id, users.dropped, users.options["compression"]) == ("users", 1, False, "none")
            assert await db.column_families() == ["default", "users"]
            before = db.latest_seqno
            async with db.batch() as batch:
                batch.put(b"k", b"default")
                batch.put(b"k", b"users", family=users)
                batch.put(b"l", b"users", family=users.blocking)
                with pytest.raises(ZeroDivisionError), batch.savepoint():
                    batch.delete(b"k", family="users")
                    raise ZeroDivisionError
                copy = esker.Batch.from_bytes(bytes(batch))
                assert [entry.family for entry in batch] == [0, 1, 1]
            assert db.latest_seqno == before + 3
            async with await db.snapshot() as snapshot:
                await users.delete(b"k")
                assert await snapshot.get(b"k", family=users) == b"users"
                assert await snapshot.multi_get([b"k", b"z"], family=users) == [b"users", None]
                assert [key async for key in snapshot.keys(family=users)] == [b"k", b"l"]
                assert [value async for value in snapshot.values(family=db)] == [b"default"]
                view = await snapshot.get_view(b"l", family=users)
                assert view is not None and view.tobytes() == b"users"
            assert [item async for item in users.items()] == [(b"l", b"users")]
            more = users.batch()
            more.append(batch)
            more.append(copy)
            more.delete_range(b"a", b"b", family=db)
            await db.write(more)
            await db.write(copy)
            assert len(more) == 4 and [key async for key in users] == [b"k", b"l"]
            await users.flush()
            await users.compact()
            assert await users.approximate_size() > 0
            assert await users.approximate_size(b"zzz") == 0
            assert await db.property("latest_seqno") == str(db.latest_seqno)
            await db.drop_column_family(users)
            assert users.dropped and "users" in repr(users)
            await db.column_family("logs", create=True)
            await db.drop_column_family("logs")
            with pytest.raises(esker.InvalidArgumentError):
                await users.get(b"l")

    run(main())


def test_transactions(path: Path) -> None:
    async def main() -> None:
        async with await aio.open(path) as db:
            users = await db.column_family("users", create=True)
            async with await db.transaction() as t:
                await t.put(b"a", b"1")
                await t.put(b"u", b"2", family=users)
                with pytest.raises(ZeroDivisionError), t.savepoint():
                    await t.delete(b"a")
                    await t.delete_range(b"u", b"v", family=users)
                    assert not await t.contains(b"a")
                    raise ZeroDivisionError
                t.set_savepoint()
                t.pop_savepoint()
                assert await t.get(b"u", family=users) == b"2" and await t.get_for_update(b"z", 7) == 7
                assert [key async for key in t] == [b"a"]
                assert [item async for item in t.items(family=users)] == [(b"u", b"2")] and not t.finished
            assert t.finished and "finished" in repr(t) and await db.get(b"a") == b"1"
            with pytest.raises(ZeroDivisionError):
                async with await db.transaction() as t:
                    await t.put(b"a", b"never")
                    raise ZeroDivisionError
            t = await db.transaction(mode="pessimistic", lock_timeout=0)
            await t.put(b"a", b"held")
            other = await db.transaction(mode="pessimistic", lock_timeout=0.02)
            with pytest.raises(esker.BusyError):
                await other.put(b"a", b"waits")
            await other.rollback()
            await t.commit()
            assert await db.get(b"a") == b"held"

    run(main())


def test_merging_and_expiry(path: Path) -> None:
    async def main() -> None:
        async with await aio.open(path) as db:
            counters = await db.column_family("counters", create=True, merge_operator="add_u64")
            await counters.merge(b"n", 1, durability="sync")
            async with db.batch() as batch:
                batch.merge(b"n", 2, family=counters)
                batch.put(b"k", b"goes", ttl=0.05)
            async with counters.batch(ttl=0.05) as batch:
                batch.put(b"m", esker.u64(7))
            async with await db.transaction() as t:
                await t.merge(b"n", 3, family=counters)
                await t.put(b"l", b"goes", ttl=0.05)
            await db.put(b"o", b"goes", ttl=0.05)
            assert await db.put_many([(b"p", b"goes")], ttl=0.05) == 1
            await db.put(b"q", b"stays", ttl=3600)
            deadline = asyncio.get_running_loop().time() + 20
            while [key async for key in db] != [b"q"] or await counters.contains(b"m"):
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.01)
            assert esker.from_u64(await counters.get(b"n")) == 6

    run(main())


def test_columns(path: Path) -> None:
    async def main() -> None:
        async with await aio.open(path) as db:
            users = await db.column_family("users", create=True)
            assert await users.put_many_packed([b"a", b"b", b"c"], [b"1", b"2", b"3"]) == 3
            assert list(await users.multi_get_packed([b"c", b"x"])) == [b"3", None]
            async with await db.snapshot() as before:
                chunks = [list(keys) async for keys, _ in before.items_packed(chunk_size=2, family=users)]
                assert chunks == [[b"a", b"b"], [b"c"]]
            async with await db.transaction() as t:
                assert list(await t.multi_get_packed([b"a"], family=users)) == [b"1"]

    run(main())


def test_transact(path: Path) -> None:
    async def add(t: aio.Transaction) -> int:
        n = int(await t.get(b"n", b"0")) + 1
        await t.put(b"n", b"%d" % n)
        return n

    async def main() -> None:
        async with await aio.open(path) as db:
            results = await asyncio.gather(*(db.transact(add, retries=1000) for _ in range(20)))
            assert sorted(results) == list(range(1, 21)) and await db.get(b"n") == b"20"

            async def conflict(t: aio.Transaction) -> None:
                await add(t)
                await db.put(b"n", b"changed")

            with pytest.raises(esker.ConflictError):
                await db.transact(conflict, retries=0)

    run(main())


def test_the_names_are_the_same() -> None:
    not_awaited = {"as_dict", "from_bytes"}  # one would wait in secret, the other makes a batch for `write`
    from_init = {"seqno", "name", "id", "clear", "set_savepoint", "rollback_to_savepoint", "pop_savepoint"}
    for name in ("Db", "ColumnFamily", "Snapshot", "Transaction", "Batch"):
        theirs = {n for n in dir(getattr(esker, name)) if not n.startswith("_")}
        own = set(dir(getattr(aio, name))) | from_init | not_awaited
        assert theirs <= own, (name, theirs - own)
