"""A job queue that survives anything: no job is lost, and none is finished twice, whenever the program is killed.

    python jobs.py DIRECTORY add upper "some text"      also: reverse TEXT, flaky TEXT (fails twice), broken TEXT (always fails)
    python jobs.py DIRECTORY work 4 30                  4 workers, until nothing is left to do; a lease lasts 30 seconds
    python jobs.py DIRECTORY show

Five column families in one database. `jobs` are waiting or running, `done` holds what came of them, `failed` those that were given
up. A worker takes a job by writing its name into `leases`, where entries expire: if the worker dies, the job is free again when its
lease runs out. `stats` counts by merging, so that two workers who count the same thing never get in each other's way.

Taking and finishing a job are transactions: what they read must be unchanged when they commit, or they are done again.
"""

import json
import sys
import threading
import time
from typing import Any, NamedTuple

import esker

MAX_ATTEMPTS = 5


class Job(NamedTuple):
    id: bytes
    task: str
    text: str
    attempt: int


class Queue:
    def __init__(self, db: esker.Db, lease: float = 30.0) -> None:
        self.db = db
        self.lease = lease
        self.jobs = db.column_family("jobs", create=True)
        self.done = db.column_family("done", create=True)
        self.failed = db.column_family("failed", create=True)
        self.leases = db.column_family("leases", create=True)
        self.stats = db.column_family("stats", create=True, merge_operator="add_u64")

    def add(self, task: str, text: str) -> bytes:
        """Adds a job; it will be done, even if the power fails as soon as this has returned."""

        def add(t: esker.Transaction) -> bytes:
            number = int(t.get(b"next id", b"1"))
            t[b"next id"] = b"%d" % (number + 1)
            key = b"%08d" % number
            t.put(key, json.dumps([task, text, 0]).encode(), family=self.jobs)
            t.merge(b"added", 1, family=self.stats)
            return key

        return self.db.transact(add, retries=1000, durability="sync")

    def take(self, worker: bytes) -> Job | None:
        """The first job that nobody works on, now leased to `worker`."""

        def take(t: esker.Transaction) -> Job | None:
            for key, value in t.items(family=self.jobs):
                if t.get(key, family=self.leases) is None:
                    task, text, attempt = json.loads(value)
                    t.put(key, json.dumps([task, text, attempt + 1]).encode(), family=self.jobs)
                    t.put(key, worker, ttl=self.lease, family=self.leases)
                    t.merge(b"attempts", 1, family=self.stats)
                    return Job(key, task, text, attempt + 1)
            return None

        return self.db.transact(take, retries=1000)

    def finish(self, job: Job, worker: bytes, result: str | None) -> bool:
        """Records what came of a job, no result being a failure. False if the lease had run out: then it is somebody else's."""

        def finish(t: esker.Transaction) -> bool:
            if t.get(job.id, family=self.leases) != worker:
                t.merge(b"too late", 1, family=self.stats)
                return False
            t.delete(job.id, family=self.leases)
            if result is not None:
                t.delete(job.id, family=self.jobs)
                t.put(job.id, result.encode(), family=self.done)
                t.merge(b"done", 1, family=self.stats)
            elif job.attempt >= MAX_ATTEMPTS:
                t.delete(job.id, family=self.jobs)
                t.put(job.id, job.text.encode(), family=self.failed)
                t.merge(b"failed", 1, family=self.stats)
            else:
                t.merge(b"to be tried again", 1, family=self.stats)
            return True

        return self.db.transact(finish, retries=1000)

    def work(self, worker: bytes) -> None:
        """Does jobs until there are none, waiting for those that others have."""
        while next(self.jobs.keys(), None) is not None:
            job = self.take(worker)
            if job is None:
                time.sleep(0.02)
                continue
            try:
                result = perform(job)
            except ValueError:
                result = None
            if self.finish(job, worker, result) and result is not None:
                print(f"{job.id.decode()} is done\n", end="", flush=True)

    def numbers(self) -> dict[str, Any]:
        """Everything as of one moment."""
        with self.db.snapshot() as s:
            counted = {key.decode(): esker.from_u64(value) for key, value in s.items(family=self.stats)}
            for family in (self.jobs, self.done, self.failed, self.leases):
                counted["in " + family.name] = sum(1 for _ in s.keys(family=family))
        return counted


def perform(job: Job) -> str:
    """The work itself. It may be begun more than once, so it should do no harm when it is; only its result counts, once."""
    if job.task == "broken" or (job.task == "flaky" and job.attempt < 3):
        raise ValueError("it did not work out")
    return job.text[::-1] if job.task == "reverse" else job.text.upper()


def main(arguments: list[str]) -> int:
    match arguments:
        case [path, "add", "upper" | "reverse" | "flaky" | "broken" as task, text]:
            with esker.open(path) as db:
                print(Queue(db).add(task, text).decode())
        case [path, "work", workers, lease]:
            with esker.open(path) as db:
                queue, run = Queue(db, float(lease)), time.time_ns()
                names = [b"%d/%d" % (run, n) for n in range(int(workers))]
                threads = [threading.Thread(target=queue.work, args=(name,)) for name in names]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        case [path, "show"]:
            with esker.open(path) as db:
                print(json.dumps(Queue(db).numbers(), indent=2))
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (esker.Error, ValueError) as error:
        sys.exit(f"jobs: {error}")
