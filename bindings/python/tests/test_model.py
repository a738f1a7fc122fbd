"""A state machine of hypothesis: random calls on a database and on a dict; every answer must be the same."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

import esker

KEYS = st.binary(max_size=2) | st.sampled_from([b"a", b"b", b"ab", b"b\0", b"\xff", b"\xff\xff\xff"])
VALUES = st.binary(max_size=8) | st.integers(0, 5000).map(lambda size: b"x" * size)
BOUNDS = st.none() | KEYS

# A snapshot with what it should hold, an iterator with what it has still to yield; each with its database.
Frozen: TypeAlias = tuple[esker.Db, esker.Snapshot, dict[bytes, bytes]]
Walk: TypeAlias = tuple[esker.Db, Iterator[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]


def entries(
    model: dict[bytes, bytes], start: bytes | None, stop: bytes | None, prefix: bytes | None, reverse: bool
) -> list[tuple[bytes, bytes]]:
    return sorted(
        (
            (key, value)
            for key, value in model.items()
            if (start is None or key >= start) and (stop is None or key < stop) and key.startswith(prefix or b"")
        ),
        reverse=reverse,
    )


class Machine(RuleBasedStateMachine):
    snapshots: Bundle[Frozen] = Bundle("snapshots")
    iterators: Bundle[Walk] = Bundle("iterators")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp()
        self.model: dict[bytes, bytes] = {}
        self.db: esker.Db

    @initialize(memtable=st.sampled_from(["1KiB", "16KiB", "1MiB"]), compression=st.sampled_from(["none", "lz4"]))
    def open(self, memtable: str, compression: str) -> None:
        self.options: dict[str, Any] = {"memtable_size": memtable, "compression": compression, "block_size": "128"}
        self.db = esker.open(Path(self.folder, "db"), **self.options)

    @rule(key=KEYS, value=VALUES)
    def put(self, key: bytes, value: bytes) -> None:
        self.db[key] = value
        self.model[key] = value

    @rule(key=KEYS)
    def delete(self, key: bytes) -> None:
        self.db.delete(key)
        self.model.pop(key, None)

    @rule(start=KEYS, stop=KEYS)
    def delete_range(self, start: bytes, stop: bytes) -> None:
        start, stop = sorted((start, stop))
        self.db.delete_range(start, stop)
        for key in [key for key in self.model if start <= key < stop]:
            del self.model[key]

    @rule(changes=st.lists(st.tuples(KEYS, st.none() | VALUES), max_size=8), fail=st.booleans())
    def batch(self, changes: list[tuple[bytes, bytes | None]], fail: bool) -> None:
        try:
            with self.db.batch() as batch:
                for key, value in changes:
                    if value is None:
                        batch.delete(key)
                    else:
                        batch.put(key, value)
                if fail:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            return
        for key, value in changes:
            if value is None:
                self.model.pop(key, None)
            else:
                self.model[key] = value

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        assert self.db.get(key) == self.model.get(key)
        assert (key in self.db) == (key in self.model)

    @rule(keys=st.lists(KEYS, max_size=5))
    def multi_get(self, keys: list[bytes]) -> None:
        assert self.db.multi_get(keys) == [self.model.get(key) for key in keys]

    @rule(start=BOUNDS, stop=BOUNDS, prefix=BOUNDS, reverse=st.booleans())
    def scan(self, start: bytes | None, stop: bytes | None, prefix: bytes | None, reverse: bool) -> None:
        found = list(self.db.items(start=start, stop=stop, prefix=prefix, reverse=reverse))
        assert found == entries(self.model, start, stop, prefix, reverse)

    @rule(target=snapshots)
    def snapshot(self) -> Frozen:
        return self.db, self.db.snapshot(), dict(self.model)

    @rule(pair=snapshots, key=KEYS, reverse=st.booleans())
    def read_snapshot(self, pair: Frozen, key: bytes, reverse: bool) -> None:
        db, snapshot, model = pair
        if db.closed:
            with pytest.raises(esker.ClosedError):
                snapshot.get(key)
        else:
            assert snapshot.get(key) == model.get(key)
            assert list(snapshot.items(reverse=reverse)) == entries(model, None, None, None, reverse)

    @rule(pair=consumes(snapshots))
    def close_snapshot(self, pair: Frozen) -> None:
        pair[1].close()

    @rule(target=iterators, reverse=st.booleans(), start=BOUNDS)
    def iterate(self, reverse: bool, start: bytes | None) -> Walk:
        return self.db, self.db.items(start=start, reverse=reverse), entries(self.model, start, None, None, reverse)

    @rule(walk=iterators, steps=st.integers(1, 40))
    def step(self, walk: Walk, steps: int) -> None:
        db, items, rest = walk
        for _ in range(steps):
            try:
                found = next(items, None)
            except esker.ClosedError:
                assert db.closed
                return
            assert found == (rest.pop(0) if rest else None)

    @rule()
    def flush(self) -> None:
        self.db.flush()

    @rule()
    def compact(self) -> None:
        self.db.compact()

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.db = esker.open(Path(self.folder, "db"), **self.options)

    def teardown(self) -> None:
        if hasattr(self, "db"):
            assert dict(self.db.items()) == self.model
            self.db.close()
        shutil.rmtree(self.folder)


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
