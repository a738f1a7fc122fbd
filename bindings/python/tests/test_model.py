"""A state machine of hypothesis: random calls on a database with families and on dicts; every answer must be the same.

The family `counters` adds 8-byte numbers up; the others hold any bytes. Transactions run beside plain writes: the model knows what
each has read and written, and so whether its commit must go through, must conflict, or may do either.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

import esker

KEYS = st.binary(max_size=2) | st.sampled_from([b"a", b"b", b"ab", b"b\0", b"\xff", b"\xff\xff\xff"])
VALUES = st.binary(max_size=8) | st.integers(0, 5000).map(lambda size: b"x" * size)
BOUNDS = st.none() | KEYS
NUMBERS = st.integers(0, 1000) | st.integers(0, 2**64 - 1)

FAMILIES = ["default", "users", "counters"]
PLAIN = st.sampled_from(["default", "users"])
FAMILY = st.sampled_from(FAMILIES)

Entries: TypeAlias = dict[bytes, bytes]
Model: TypeAlias = dict[str, Entries]
# One write: what it does, key, and value, end of the range, or operand; and the family it goes to.
Change: TypeAlias = tuple[str, bytes, Any, str]
PUTS = st.tuples(st.just("put"), KEYS, VALUES, PLAIN) | st.tuples(
    st.just("put"), KEYS, NUMBERS.map(esker.u64), st.just("counters")
)
DELETES = st.tuples(st.just("delete"), KEYS, st.none(), FAMILY)
RANGES = st.tuples(KEYS, KEYS, FAMILY).map(lambda t: ("delete_range", min(t[:2]), max(t[:2]), t[2]))
MERGES = st.tuples(st.just("merge"), KEYS, NUMBERS, st.just("counters"))
CHANGE = PUTS | DELETES | RANGES | MERGES
CHANGES = st.lists(CHANGE, max_size=8)

# A snapshot with what it should hold, an iterator with what it has still to yield; each with its database.
Frozen: TypeAlias = tuple[esker.Db, esker.Snapshot, Model, dict[str, Any]]
Walk: TypeAlias = tuple[esker.Db, Iterator[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]


def entries(
    model: Entries, start: bytes | None, stop: bytes | None, prefix: bytes | None, reverse: bool
) -> list[tuple[bytes, bytes]]:
    return sorted(
        (
            (key, value)
            for key, value in model.items()
            if (start is None or key >= start) and (stop is None or key < stop) and key.startswith(prefix or b"")
        ),
        reverse=reverse,
    )


def copy_of(model: Model) -> Model:
    return {name: dict(entries) for name, entries in model.items()}


def apply(model: Model, change: Change) -> None:
    kind, key, value, family = change
    entries = model[family]
    if kind == "put":
        entries[key] = value
    elif kind == "delete":
        entries.pop(key, None)
    elif kind == "merge":
        entries[key] = esker.u64((esker.from_u64(entries.get(key)) + value) % 2**64)
    else:
        for found in [found for found in entries if key <= found < value]:
            del entries[found]


def write(target: esker.Batch | esker.Transaction, change: Change) -> None:
    kind, key, value, family = change
    if kind == "delete":
        target.delete(key, family=family)
    else:
        getattr(target, kind)(key, value, family=family)


class Session:
    """A transaction with what it sees, and what it depends on."""

    def __init__(self, machine: Machine, isolation: Literal["serializable", "snapshot"]) -> None:
        self.machine = machine
        self.trees = dict(machine.trees)
        self.serializable = isolation == "serializable"
        self.transaction = machine.db.transaction(isolation=isolation)
        self.sees = copy_of(machine.model)
        self.began = len(machine.log)
        self.changes: list[Change] = []
        self.savepoints: list[tuple[int, Model]] = []
        self.keys: set[tuple[str, bytes]] = set()
        self.scanned: set[str] = set()

    def must_not_change(self) -> set[tuple[str, bytes]]:
        """The least that no other commit may have written: not all that it depends on."""
        written = set() if self.serializable else {(c[3], c[1]) for c in self.changes if c[0] in ("put", "delete")}
        return self.keys | written

    def stale(self) -> bool:
        """Whether the database was reopened, or a family dropped, since it began."""
        return self.trees != self.machine.trees

    def may_conflict(self, log: list[Change]) -> bool:
        """Whether any later commit came near anything that it looked at or wrote."""
        near = {family for family, _ in self.keys} | self.scanned | {change[3] for change in self.changes}
        return any(change[3] in near for change in log)

    def must_conflict(self, log: list[Change]) -> bool:
        """Whether a later commit wrote a key that must be unchanged."""
        return bool(self.changes) and any(
            (family, key) == (change[3], change[1]) and change[0] != "delete_range"
            for change in log
            for family, key in self.must_not_change()
        )


class Machine(RuleBasedStateMachine):
    snapshots: Bundle[Frozen] = Bundle("snapshots")
    iterators: Bundle[Walk] = Bundle("iterators")
    sessions: Bundle[Session] = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        # In memory where that is possible: this is not about the disk, and half of the time went there.
        self.folder = tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
        self.model: Model = {name: {} for name in FAMILIES}
        self.log: list[Change] = []
        self.db: esker.Db

    @initialize(memtable=st.sampled_from(["1KiB", "16KiB", "1MiB"]), compression=st.sampled_from(["none", "lz4"]))
    def open(self, memtable: str, compression: str) -> None:
        self.options: dict[str, Any] = {"memtable_size": memtable, "compression": compression, "block_size": "128"}
        self.reopen_it()

    def reopen_it(self) -> None:
        self.db = esker.open(Path(self.folder, "db"), **self.options)
        users = self.db.column_family("users", create=True)
        counters = self.db.column_family("counters", create=True, merge_operator="add_u64")
        self.trees: dict[str, Any] = {"default": self.db, "users": users, "counters": counters}

    def commit(self, *changes: Change) -> None:
        for change in changes:
            apply(self.model, change)
            self.log.append(change)

    @rule(change=CHANGE, ttl=st.sampled_from([None, None, 0, 3600]))
    def change(self, change: Change, ttl: float | None) -> None:
        kind, key, value, family = change
        tree = self.trees[family]
        if kind == "put" and ttl is not None:
            tree.put(key, value, ttl=ttl)
        elif kind == "put":
            tree[key] = value
        elif kind == "delete":
            tree.delete(key)
        else:
            getattr(tree, kind)(key, value)
        self.commit(change)

    @rule(changes=CHANGES, undone=CHANGES, fail=st.booleans(), as_bytes=st.booleans())
    def batch(self, changes: list[Change], undone: list[Change], fail: bool, as_bytes: bool) -> None:
        try:
            with self.db.batch() as batch:
                for change in changes:
                    write(batch, change)
                batch.set_savepoint()
                for change in undone:
                    write(batch, change)
                batch.rollback_to_savepoint()
                empty = [change for change in changes if change[0] == "delete_range" and change[1] == change[2]]
                assert len(batch) == len(changes) - len(empty)
                if as_bytes:
                    self.db.write(esker.Batch.from_bytes(bytes(batch)))
                    batch.clear()
                if fail and not as_bytes:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            return
        self.commit(*changes)

    @rule(key=KEYS, family=FAMILY)
    def get(self, key: bytes, family: str) -> None:
        tree, model = self.trees[family], self.model[family]
        assert tree.get(key) == model.get(key)
        assert (key in tree) == (key in model)

    @rule(keys=st.lists(KEYS, max_size=5), family=FAMILY)
    def multi_get(self, keys: list[bytes], family: str) -> None:
        expected = [self.model[family].get(key) for key in keys]
        assert self.trees[family].multi_get(keys) == expected
        assert list(self.trees[family].multi_get_packed(keys)) == expected

    @rule(start=BOUNDS, stop=BOUNDS, prefix=BOUNDS, reverse=st.booleans(), family=FAMILY)
    def scan(self, start: bytes | None, stop: bytes | None, prefix: bytes | None, reverse: bool, family: str) -> None:
        expected = entries(self.model[family], start, stop, prefix, reverse)
        assert list(self.trees[family].items(start=start, stop=stop, prefix=prefix, reverse=reverse)) == expected
        chunks = self.trees[family].items_packed(start=start, stop=stop, prefix=prefix, reverse=reverse, chunk_size=7)
        assert [entry for keys, values in chunks for entry in zip(keys, values, strict=True)] == expected

    @rule(rows=st.lists(st.tuples(KEYS, VALUES), max_size=20), family=PLAIN)
    def put_many_packed(self, rows: list[tuple[bytes, bytes]], family: str) -> None:
        keys, values = [key for key, _ in rows], [value for _, value in rows]
        assert self.trees[family].put_many_packed(keys, values) == len(rows)
        self.commit(*(("put", key, value, family) for key, value in rows))

    @rule(target=sessions, isolation=st.sampled_from(["serializable", "snapshot"]))
    def begin(self, isolation: Literal["serializable", "snapshot"]) -> Session:
        return Session(self, isolation)

    @rule(session=sessions, changes=CHANGES)
    def write_in(self, session: Session, changes: list[Change]) -> None:
        if session.stale():
            return
        for change in changes:
            write(session.transaction, change)
            apply(session.sees, change)
        session.changes += [change for change in changes if change[0] != "delete_range" or change[1] < change[2]]

    @rule(session=sessions, key=KEYS, family=FAMILY, for_update=st.booleans())
    def read_in(self, session: Session, key: bytes, family: str, for_update: bool) -> None:
        if session.stale():
            return
        own = any(change[3] == family for change in session.changes)
        read = session.transaction.get_for_update if for_update else session.transaction.get
        assert read(key, family=family) == session.sees[family].get(key)
        # What the own writes decide depends on nobody; whether they do is not for the model to know.
        if (session.serializable or for_update) and not own:
            session.keys.add((family, key))
        session.scanned.add(family)

    @rule(session=sessions, reverse=st.booleans(), start=BOUNDS, family=FAMILY)
    def scan_in(self, session: Session, reverse: bool, start: bytes | None, family: str) -> None:
        if not session.stale():
            found = list(session.transaction.items(start=start, reverse=reverse, family=family))
            assert found == entries(session.sees[family], start, None, None, reverse)
            session.scanned.add(family)

    @rule(session=sessions)
    def save(self, session: Session) -> None:
        if not session.stale():
            session.transaction.set_savepoint()
            session.savepoints.append((len(session.changes), copy_of(session.sees)))

    @rule(session=sessions)
    def take_back(self, session: Session) -> None:
        if session.stale():
            return
        if not session.savepoints:
            with pytest.raises(esker.NotFoundError):
                session.transaction.rollback_to_savepoint()
            return
        session.transaction.rollback_to_savepoint()
        count, session.sees = session.savepoints.pop()
        # The keys of what was taken back are no longer written, but a later read may have relied on them.
        del session.changes[count:]

    @rule(session=consumes(sessions), commit=st.booleans())
    def end(self, session: Session, commit: bool) -> None:
        if session.trees["default"].closed:
            with pytest.raises(esker.ClosedError):
                session.transaction.commit()
            return
        if session.stale() or not commit:
            session.transaction.rollback()
            return
        later = self.log[session.began :]
        try:
            session.transaction.commit()
        except esker.ConflictError:
            assert session.may_conflict(later), "nothing it depends on was touched"
        else:
            assert not session.must_conflict(later), "what it depends on had changed"
            self.commit(*session.changes)
        assert session.transaction.finished

    @rule(
        isolation=st.sampled_from(["serializable", "snapshot"]),
        reads=st.lists(st.tuples(KEYS, FAMILY, st.booleans()), max_size=3),
        others=CHANGES,
        changes=CHANGES,
    )
    def race(
        self,
        isolation: Literal["serializable", "snapshot"],
        reads: list[tuple[bytes, str, bool]],
        others: list[Change],
        changes: list[Change],
    ) -> None:
        """The whole life of a transaction at once, beside a batch: what chance seldom puts together from the rules above."""
        session = Session(self, isolation)
        for key, family, for_update in reads:
            self.read_in(session, key, family, for_update)
        self.write_in(session, changes)
        self.batch(others, [], False, False)
        self.end(session, True)

    @rule(target=snapshots)
    def snapshot(self) -> Frozen:
        return self.db, self.db.snapshot(), copy_of(self.model), dict(self.trees)

    @rule(frozen=snapshots, key=KEYS, reverse=st.booleans(), family=FAMILY)
    def read_snapshot(self, frozen: Frozen, key: bytes, reverse: bool, family: str) -> None:
        db, snapshot, model, trees = frozen
        if db.closed:
            with pytest.raises(esker.ClosedError):
                snapshot.get(key)
        else:
            assert snapshot.get(key, family=trees[family]) == model[family].get(key)
            found = list(snapshot.items(reverse=reverse, family=trees[family]))
            assert found == entries(model[family], None, None, None, reverse)

    @rule(frozen=consumes(snapshots))
    def close_snapshot(self, frozen: Frozen) -> None:
        frozen[1].close()

    @rule(target=iterators, reverse=st.booleans(), start=BOUNDS, family=FAMILY)
    def iterate(self, reverse: bool, start: bytes | None, family: str) -> Walk:
        items = self.trees[family].items(start=start, reverse=reverse)
        return self.db, items, entries(self.model[family], start, None, None, reverse)

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

    @rule(family=FAMILY)
    def empty(self, family: str) -> None:
        """Drops a family, which its snapshots and iterators survive, and makes it again; the default one is emptied."""
        if family == "default":
            self.db.delete_range(b"", b"\xff" * 9)
            self.commit(("delete_range", b"", b"\xff" * 9, family))
            return
        self.db.drop_column_family(family)
        with pytest.raises(esker.InvalidArgumentError):
            self.trees[family].get(b"a")
        operator = "add_u64" if family == "counters" else ""
        self.trees[family] = self.db.column_family(family, create=True, merge_operator=operator)
        self.model[family] = {}

    @rule(family=st.none() | FAMILY)
    def flush(self, family: str | None) -> None:
        (self.db if family is None else self.db.column_family(family)).flush()

    @rule(family=FAMILY)
    def compact(self, family: str) -> None:
        self.trees[family].compact()

    @rule()
    def reopen(self) -> None:
        self.db.close()
        self.reopen_it()

    def teardown(self) -> None:
        if hasattr(self, "db"):
            assert {name: dict(tree.items()) for name, tree in self.trees.items()} == self.model
            self.db.close()
        shutil.rmtree(self.folder)


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=40, stateful_step_count=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
