"""Kills at the N-th system call of the Python package: strace counts the calls of a child and sends SIGKILL in place of one of
them. What it left is held against what it had acknowledged, written to, and held against it again.

The child does the same in every run, so its calls are listed once: from the first that names the database on. The quick
tier kills at the first and the last of every kind and at some that the seed chooses; `ESKER_KILLS=n` asks for n.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import esker
import records
from test_crash_recovery import SEED
from writer_child import OPTIONS

CHILD = Path(__file__).with_name("writer_child.py")
KILLS = int(os.environ.get("ESKER_KILLS", "30"))
RECORDS = 130  # enough for three flushes and a compaction
CALLS = (
    "write,writev,pwrite64,pwritev,fdatasync,fsync,sync_file_range,openat,close,rename,renameat,renameat2,unlink,unlinkat,"
    "ftruncate,fallocate,mkdir,fchmod,fcntl,flock,statx,pread64,getdents64"
)
Call = tuple[str, int]


def why_not() -> str | None:
    """Why strace cannot be used here, if it cannot."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True)
    return f"no process may be traced here: {tried.stderr.strip()}" if tried.returncode else None


@pytest.fixture(autouse=True)
def _traced() -> None:
    if (why := why_not()) is not None:
        print(f"SKIPPED: {why}")
        pytest.skip(why)


def run(path: Path, strace: list[str]) -> subprocess.CompletedProcess[bytes]:
    command = ["strace", "-f", "-qq", *strace, sys.executable, str(CHILD), str(path), "1", str(RECORDS)]
    # The same calls in every run: nothing written beside the sources, the same order of dictionaries.
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    return subprocess.run(command, capture_output=True, env=environment, timeout=240)


def list_calls(path: Path, log: Path, until: str | None = None) -> list[Call]:
    """The calls of a run, each with its number among those of its name in its thread, from the first that names the database
    to the first whose line has `until` in it."""
    done = run(path, ["-e", f"trace={CALLS}", "-o", str(log)])
    assert done.returncode == 0, done.stderr
    counts: Counter[tuple[str, str]] = Counter()
    calls: dict[Call, None] = {}
    begun = False
    for line in log.read_text().splitlines():
        if (called := re.match(r"(\d+) +(\w+)\(", line)) is None:
            continue
        counts[called.group(1), called.group(2)] += 1
        begun = begun or str(path) in line
        if begun and until is not None and until in line:
            return list(calls)
        if begun:
            calls[called.group(2), counts[called.group(1), called.group(2)]] = None
    assert until is None, f"it never came to {until}"
    return list(calls)


def choose(calls: list[Call], count: int) -> list[Call]:
    ends: dict[str, tuple[Call, Call]] = {}
    for call in calls:
        ends[call[0]] = (ends.get(call[0], (call,))[0], call)
    chosen = {call for both in ends.values() for call in both}
    others = [call for call in calls if call not in chosen]
    random.Random(SEED).shuffle(others)
    chosen.update(others[: max(0, count - len(chosen))])
    return [call for call in calls if call in chosen]


def killed_at(path: Path, call: Call, before: int) -> tuple[int, bool]:
    """The last number acknowledged, and whether the run came to that call at all."""
    name, n = call
    done = run(path, ["-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={n}", "-o", "/dev/null"])
    killed = done.returncode == -signal.SIGKILL
    assert killed or done.returncode == 0, (call, done.stderr)
    acknowledged = re.findall(rb"^ack 0 (\d+)\n", done.stdout, re.MULTILINE)
    return int(acknowledged[-1]) if acknowledged else before, killed


def check(path: Path, acknowledged: int) -> None:
    """It is what it was told to be, takes more, and is what it was told to be."""
    with esker.open(path, **OPTIONS) as db:
        (found,) = records.check(db, [acknowledged])
        for number in range(found + 1, found + 6):
            records.write(db, 0, number, "buffered")
    with esker.open(path, **OPTIONS) as db:
        assert records.check(db, [found + 5]) == [found + 5]
    assert esker.verify(path)["ok"]


def kill_at_each(calls: list[Call], path: Path, base: Path | None, before: int) -> None:
    kills = 0
    for call in calls:
        if base is not None:
            shutil.copytree(base, path)
        acknowledged, killed = killed_at(path, call, before)
        print(*call, "killed" if killed else "not reached", acknowledged)
        check(path, acknowledged)
        kills += killed
        shutil.rmtree(path)
    print(f"{kills} kills at system calls: {sorted({name for name, _ in calls})}")
    # A thread may make a few calls more or fewer than in the run that was listed.
    assert kills * 4 >= len(calls) * 3


def test_killed_at_the_nth_call_of_a_new_database(path: Path, tmp_path: Path) -> None:
    print(f"ESKER_SEED={SEED}")
    calls = list_calls(path, tmp_path / "log")
    shutil.rmtree(path)
    assert {"pwrite64", "fdatasync", "fsync", "openat", "rename", "unlink", "close", "mkdir"} <= {
        name for name, _ in calls
    }
    kill_at_each(choose(calls, KILLS), path, None, 0)


def test_killed_at_the_nth_call_of_a_recovery(path: Path, tmp_path: Path) -> None:
    print(f"ESKER_SEED={SEED}")
    base = tmp_path / "base"
    before, killed = killed_at(base, ("write", RECORDS - 5), 0)
    assert killed and before > RECORDS // 2
    shutil.copytree(base, path)
    # The child says so when the recovery is over.
    calls = list_calls(path, tmp_path / "log", until='write(1, "open\\n"')
    shutil.rmtree(path)
    assert len(calls) > 30, "that is no recovery"
    kill_at_each(choose(calls, KILLS), path, base, before)
