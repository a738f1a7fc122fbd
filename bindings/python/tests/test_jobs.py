"""`examples/python/jobs.py`: a job queue that is killed and started again; no job is lost, and none is finished twice."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import esker

PROGRAM = Path(__file__).parents[3] / "examples" / "python" / "jobs.py"
LEASE = "0.3"


@pytest.fixture
def workers() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are gone when the test ends, however it does."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def call(*arguments: str | Path) -> str:
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def show(path: Path) -> dict[str, Any]:
    return dict(json.loads(call(path, "show")))


def fill(path: Path, count: int) -> dict[bytes, bytes]:
    """Adds jobs through the program's own class; what must come of each."""
    sys.path.insert(0, str(PROGRAM.parent))
    try:
        from jobs import Queue
    finally:
        sys.path.pop(0)
    expected = {}
    with esker.open(path) as db:
        queue = Queue(db)
        for n in range(count):
            task, text = ("upper", "reverse", "flaky", "upper")[n % 4], f"text of job {n}"
            expected[queue.add(task, text)] = (text[::-1] if task == "reverse" else text.upper()).encode()
    return expected


def test_jobs_are_done(path: Path) -> None:
    for task in ("upper", "reverse", "flaky", "broken"):
        call(path, "add", task, "some text")
    assert show(path)["in jobs"] == 4
    call(path, "work", "2", LEASE)
    numbers = show(path)
    assert (numbers["added"], numbers["done"], numbers["failed"], numbers["in jobs"]) == (4, 3, 1, 0)
    assert numbers["attempts"] == 1 + 1 + 3 + 5 and numbers["to be tried again"] == 2 + 4
    with esker.open(path) as db:
        assert list(db.column_family("done").values()) == [b"SOME TEXT", b"txet emos", b"SOME TEXT"]
    wrong = subprocess.run([sys.executable, PROGRAM, path, "add", "unknown", "x"], capture_output=True, timeout=60)
    assert wrong.returncode == 2 and b"jobs.py" in wrong.stderr


def test_killed_again_and_again(path: Path, workers: list[subprocess.Popen[str]]) -> None:
    count, kills, rng = 400, 0, random.Random(0)
    expected = fill(path, count)
    reported: list[bytes] = []
    command = [sys.executable, str(PROGRAM), str(path), "work", "3", LEASE]
    for _ in range(8):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        workers.append(process)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(rng.randint(1, 40))]
        reported += [line.split()[0].encode() for line in lines]
        kills += process.poll() is None
        process.kill()
        # Whole lines only: the last one may be torn.
        reported += [line.split()[0].encode() for line in process.stdout.read().splitlines(True) if line.endswith("\n")]
        process.wait()
        with esker.open(path) as db:
            done, jobs = set(db.column_family("done")), set(db.column_family("jobs"))
            assert not done & jobs and done | jobs == set(expected), "every job is somewhere, and nowhere twice"
            assert set(reported) <= done, "what was said to be done stays done"
    assert kills == 8
    reported += [line.split()[0].encode() for line in call(path, "work", "3", LEASE).splitlines()]
    assert len(reported) == len(set(reported)), "finished twice"
    numbers = show(path)
    assert (numbers["done"], numbers["in done"], numbers["in jobs"], numbers["in leases"]) == (count, count, 0, 0)
    assert numbers["added"] == count and numbers["attempts"] >= count and "failed" not in numbers
    with esker.open(path) as db:
        assert dict(db.column_family("done").items()) == expected
    assert esker.verify(path)["ok"]
