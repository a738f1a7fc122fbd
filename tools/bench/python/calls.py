"""What one call of the Python package costs, in nanoseconds; run by scripts/bench-calls-python.sh.

Each workload makes the same calls over the same keys in a plain loop, several rounds long; the median round counts. A dict goes
through the same loops, to show what the loop itself costs. With ``--peers`` other stores do, too, as they are installed: plyvel,
lmdb, rocksdict; all of them set so that a write survives the death of the process and not a power cut, as Esker's default is.

Three figures a call: `wall`, which a busy machine makes longer; `cpu`, what the calling thread computed; `all`, what all threads of
the process did, background work included.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Pairs = list[tuple[bytes, bytes]]
Workload = Callable[[], int]
"""Makes its calls and says how many entries they were about."""

BATCH = 1000
MULTI = 100


def chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def drained(entries: Iterable[Any]) -> int:
    count = 0
    for _ in entries:
        count += 1
    return count


class Subject:
    """A store under test. `workloads` yields names with what to run, in this order, on one database."""

    name = ""

    def __init__(self, path: Path, pairs: Pairs, order: list[bytes]) -> None:
        self.path, self.pairs, self.order = path, pairs, order
        self.missing = [key + b"?" for key in order]

    def workloads(self) -> Iterator[tuple[str, Workload]]:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def setting(self, target: Any) -> int:
        for key, value in self.pairs:
            target[key] = value
        return len(self.pairs)

    def calling(self, get: Callable[[bytes], Any], keys: list[bytes]) -> int:
        for key in keys:
            get(key)
        return len(keys)

    def calling_many(self, multi_get: Callable[[list[bytes]], Any], size: int) -> int:
        for keys in chunks(self.order, size):
            multi_get(keys)
        return len(self.order)


class Dict(Subject):
    name = "dict"

    def workloads(self) -> Iterator[tuple[str, Workload]]:
        target: dict[bytes, bytes] = {}
        yield "put", lambda: self.setting(target)
        yield "get", lambda: self.calling(target.get, self.order)
        yield "get of nothing", lambda: self.calling(target.get, self.missing)
        yield "items", lambda: drained(target.items())


class Esker(Subject):
    name = "esker"

    def workloads(self) -> Iterator[tuple[str, Workload]]:
        esker = importlib.import_module("esker")
        self.db = db = esker.open(self.path)
        yield "put", lambda: self.setting(db)
        yield "put in batches", self.batches
        yield "put_many", lambda: db.put_many(self.pairs)
        yield "get, in memory", lambda: self.calling(db.get, self.order)
        db.flush()
        db.compact()
        yield "get", lambda: self.calling(db.get, self.order)
        yield "get of nothing", lambda: self.calling(db.get, self.missing)
        yield "get_view", lambda: self.calling(db.get_view, self.order)
        yield "multi_get", lambda: self.calling_many(db.multi_get, MULTI)
        yield "multi_get_packed", lambda: self.calling_many(db.multi_get_packed, MULTI)
        yield "items", lambda: drained(db.items())
        yield "keys", lambda: drained(db.keys())
        yield "items_packed", lambda: sum(len(keys) for keys, _ in db.items_packed())
        keys, values = [key for key, _ in self.pairs], [value for _, value in self.pairs]
        yield "put_many_packed", lambda: db.put_many_packed(keys, values)

    def batches(self) -> int:
        for pairs in chunks(self.pairs, BATCH):
            with self.db.batch() as batch:
                for key, value in pairs:
                    batch.put(key, value)
        return len(self.pairs)

    def close(self) -> None:
        self.db.close()


class Plyvel(Subject):
    name = "plyvel"

    def workloads(self) -> Iterator[tuple[str, Workload]]:
        plyvel = importlib.import_module("plyvel")
        # The size of Esker's default memtable, so that both write tables as often.
        self.db = db = plyvel.DB(
            str(self.path), create_if_missing=True, write_buffer_size=32 << 20, lru_cache_size=128 << 20
        )
        yield "put", self.puts
        yield "put in batches", self.batches
        yield "get, in memory", lambda: self.calling(db.get, self.order)
        db.compact_range()
        yield "get", lambda: self.calling(db.get, self.order)
        yield "get of nothing", lambda: self.calling(db.get, self.missing)
        yield "items", lambda: drained(db.iterator())
        yield "keys", lambda: drained(db.iterator(include_value=False))

    def puts(self) -> int:
        put = self.db.put
        for key, value in self.pairs:
            put(key, value)
        return len(self.pairs)

    def batches(self) -> int:
        for pairs in chunks(self.pairs, BATCH):
            with self.db.write_batch() as batch:
                for key, value in pairs:
                    batch.put(key, value)
        return len(self.pairs)

    def close(self) -> None:
        self.db.close()


class Lmdb(Subject):
    name = "lmdb"

    def workloads(self) -> Iterator[tuple[str, Workload]]:
        lmdb = importlib.import_module("lmdb")
        self.env = lmdb.open(str(self.path), map_size=1 << 30, sync=False)
        yield "put", self.puts
        yield "put in batches", self.batches
        yield "get", self.gets
        yield "get of nothing", lambda: self.in_one_view(lambda txn: self.calling(txn.get, self.missing))
        yield "get, one view for all", lambda: self.in_one_view(lambda txn: self.calling(txn.get, self.order))
        yield "items", lambda: self.in_one_view(lambda txn: drained(txn.cursor()))
        yield "keys", lambda: self.in_one_view(lambda txn: drained(txn.cursor().iternext(values=False)))

    def in_one_view(self, work: Callable[[Any], int]) -> int:
        with self.env.begin() as txn:
            return work(txn)

    def puts(self) -> int:
        begin = self.env.begin
        for key, value in self.pairs:
            with begin(write=True) as txn:
                txn.put(key, value)
        return len(self.pairs)

    def gets(self) -> int:
        begin = self.env.begin
        for key in self.order:
            with begin() as txn:
                txn.get(key)
        return len(self.order)

    def batches(self) -> int:
        for pairs in chunks(self.pairs, BATCH):
            with self.env.begin(write=True) as txn:
                for key, value in pairs:
                    txn.put(key, value)
        return len(self.pairs)

    def close(self) -> None:
        self.env.close()


class Rocksdict(Subject):
    name = "rocksdict"

    def workloads(self) -> Iterator[tuple[str, Workload]]:
        self.module = rocksdict = importlib.import_module("rocksdict")
        self.db = db = rocksdict.Rdict(str(self.path), rocksdict.Options(raw_mode=True))
        yield "put", lambda: self.setting(db)
        yield "put in batches", self.batches
        yield "get, in memory", lambda: self.calling(db.get, self.order)
        db.flush()
        db.compact_range(None, None)
        yield "get", lambda: self.calling(db.get, self.order)
        yield "get of nothing", lambda: self.calling(db.get, self.missing)
        yield "multi_get", lambda: self.calling_many(db.get, MULTI)
        yield "items", lambda: drained(db.items())
        yield "keys", lambda: drained(db.keys())

    def batches(self) -> int:
        for pairs in chunks(self.pairs, BATCH):
            batch = self.module.WriteBatch(raw_mode=True)
            for key, value in pairs:
                batch.put(key, value)
            self.db.write(batch)
        return len(self.pairs)

    def close(self) -> None:
        self.db.close()


def measured(work: Workload, rounds: int) -> tuple[float, float, float]:
    """Wall, own and all CPU time an entry, of the median round by own time; a round before does not count."""
    work()
    figures = []
    for _ in range(rounds):
        gc.collect()
        before = time.perf_counter_ns(), time.thread_time_ns(), time.process_time_ns()
        count = work()
        after = time.perf_counter_ns(), time.thread_time_ns(), time.process_time_ns()
        figures.append(tuple((end - start) / count for start, end in zip(before, after, strict=True)))
    wall, cpu, everything = (statistics.median(column) for column in zip(*figures, strict=True))
    return wall, cpu, everything


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=100_000, help="entries (%(default)s)")
    parser.add_argument("--value-size", type=int, default=100, help="bytes of a value (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count (%(default)s)")
    parser.add_argument("--peers", action="store_true", help="plyvel, lmdb and rocksdict too, where they are installed")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    arguments = parser.parse_args()

    dice = random.Random(1)
    pairs = [(b"%016d" % n, dice.randbytes(arguments.value_size)) for n in range(arguments.num)]
    order = [key for key, _ in pairs]
    dice.shuffle(order)
    dice.shuffle(pairs)
    subjects: list[type[Subject]] = [Dict, Esker]
    if arguments.peers:
        peers: list[type[Subject]] = [Plyvel, Lmdb, Rocksdict]
        for subject in peers:
            try:
                importlib.import_module(subject.name)
                subjects.append(subject)
            except ImportError as error:
                print(f"SKIPPED: {subject.name}: {error}", file=sys.stderr)

    table: dict[str, dict[str, tuple[float, float, float]]] = {}
    for subject in subjects:
        directory = Path(tempfile.mkdtemp(prefix="esker-calls-"))
        one = subject(directory / "db", pairs, order)
        try:
            for name, work in one.workloads():
                table.setdefault(name, {})[subject.name] = measured(work, arguments.rounds)
        finally:
            one.close()
            shutil.rmtree(directory)
    names = [subject.name for subject in subjects]
    print(
        f"{arguments.num} entries, keys of 16 bytes, values of {arguments.value_size}; median of {arguments.rounds} rounds"
    )
    print("ns an entry: wall / cpu / all\n")
    print("| call | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * len(names))
    for call, row in table.items():
        cells = [" / ".join(f"{figure:.0f}" for figure in row[name]) if name in row else "" for name in names]
        print(f"| {call} | " + " | ".join(cells) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
