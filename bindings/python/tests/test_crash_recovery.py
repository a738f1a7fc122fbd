"""kill -9: a child writes self-describing records and acknowledges each batch over a pipe; it is killed at random and at
scripted moments, again and again on the same database; what it left is opened and held against the promises. Then the same for
files that were cut off or had bits flipped.

`ESKER_KILLS=1000` makes the random part longer, `ESKER_SEED` repeats one.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import esker
import records
from writer_child import SYNC_EVERY

CHILD = Path(__file__).with_name("writer_child.py")
LONGEST_RECORD = 5000
KILLS = int(os.environ.get("ESKER_KILLS", "12"))
SEED = int(os.environ.get("ESKER_SEED", "0")) or random.randrange(1, 1 << 32)


@dataclass
class Moment:
    """When a child is killed: `delay` seconds after it said `event` for the `count`-th time."""

    event: str
    count: int = 1
    delay: float = 0.0


class Lives:
    """Children on one database, one after the other."""

    def __init__(self, path: Path, writers: int) -> None:
        self.path = path
        self.acknowledged = [0] * writers
        self.kills = 0

    def live(self, moment: Moment) -> None:
        """One life, from start to SIGKILL. Everything it wrote into its pipe before counts as acknowledged."""
        command = [sys.executable, str(CHILD), str(self.path), str(len(self.acknowledged))]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            seen = 0
            for line in child.stdout:
                self.hear(line)
                seen += line.startswith(moment.event.encode())
                if seen == moment.count:
                    time.sleep(moment.delay)
                    child.kill()
                    break
            for line in child.stdout:
                self.hear(line)
            assert child.wait(60) == -signal.SIGKILL, "the child died by itself"
        self.kills += 1

    def hear(self, line: bytes) -> None:
        if line.startswith(b"ack ") and line.endswith(b"\n"):
            _, writer, number = line.split()
            self.acknowledged[int(writer)] = int(number)

    def check(self, read_only: bool = False) -> None:
        """Reopens, checks, and takes what is found as the new state of things. Read-only leaves the recovery to the next."""
        with esker.open(self.path, read_only=read_only) as db:
            self.acknowledged = records.check(db, self.acknowledged)
            assert db.poisoned is None


def test_killed_at_random_again_and_again(path: Path) -> None:
    print(f"ESKER_SEED={SEED}")
    dice = random.Random(SEED)
    lives = Lives(path, 1)
    for n in range(KILLS):
        lives.live(Moment("ack", dice.randint(1, 200), dice.random() * 0.003))
        if n % 3 < 2:  # now and then two crashes follow each other with nobody looking
            lives.check(read_only=n % 3 == 1)
    lives.check()
    print(f"{lives.kills} kills at random")
    assert lives.kills == KILLS and esker.verify(path)["ok"]


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.01])
def test_killed_at_scripted_moments(path: Path, delay: float) -> None:
    lives = Lives(path, 1)
    for moment in (
        Moment("opening", delay=delay),  # while it makes the database
        Moment("open", delay=delay),
        Moment("ack", delay=delay),
        Moment("flushing", delay=delay),
        Moment("done", count=2, delay=delay),
        Moment("compacting", delay=delay),
    ):
        lives.live(moment)
        lives.check()
    assert lives.acknowledged[0] >= 120 and esker.verify(path)["ok"]


def test_killed_during_recovery(path: Path) -> None:
    lives = Lives(path, 1)
    for _ in range(3):
        lives.live(Moment("ack", 150))
        for attempt in range(4):
            lives.live(Moment("opening", delay=attempt * 0.0015))
            if attempt == 2:
                lives.check(read_only=True)
        lives.check()
    assert lives.acknowledged[0] >= 450 and esker.verify(path)["ok"]


def test_killed_with_many_writers(path: Path) -> None:
    dice = random.Random(SEED)
    lives = Lives(path, 4)
    for n in range(6):
        lives.live(Moment("ack", dice.randint(100, 500), dice.random() * 0.003))
        lives.check(read_only=n % 2 == 0)
    lives.check()
    assert sum(lives.acknowledged) >= 600 and esker.verify(path)["ok"]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A database as a killed process left it, with tables and a log, and the number of its last batch."""
    path = tmp_path_factory.mktemp("damage") / "db"
    lives = Lives(path, 1)
    lives.live(Moment("ack", 175))
    with esker.open(path, read_only=True) as db:
        (last,) = records.check(db, lives.acknowledged)
    assert list(path.glob("*.sst")) and any(file.stat().st_size for file in path.glob("*.wal"))
    return path, last


def read(path: Path) -> dict[bytes, bytes]:
    """Everything, forwards, backwards and by get; the three must agree."""
    with esker.open(path) as db:
        found = dict(db.items())
        assert found == dict(db.items(reverse=True))
        for key, value in found.items():
            assert db[key] == value
        return found


def expect_truth(path: Path, lowest: int, last: int) -> str:
    """Right data, or an error that names the file. Right is the state after any one batch from `lowest` to `last`."""
    try:
        found = read(path)
    except esker.CorruptionError as error:
        assert error.file is not None and error.file.parent == path, error
        assert error.file.name in str(error)
        return "error"
    head = int(found.get(records.head(0), b"0"))
    assert lowest <= head <= last
    records.compare(found, records.expected(0, head))
    return "data"


@pytest.mark.parametrize("what", ["*.wal", "*.sst", "CURRENT", "MANIFEST*", "IDENTITY"])
@pytest.mark.parametrize("damage", ["torn", "flipped", "zeroed"])
def test_damaged_files(tmp_path: Path, killed: tuple[Path, int], what: str, damage: str) -> None:
    print(f"ESKER_SEED={SEED}")
    dice = random.Random(f"{SEED} {what} {damage}")
    original, last = killed
    files = [file.name for file in sorted(original.glob(what)) if file.stat().st_size]
    assert files
    outcomes = []
    for n in range(10):
        copy = tmp_path / str(n)
        shutil.copytree(original, copy)
        file = copy / dice.choice(files)
        content = bytearray(file.read_bytes())
        used = len(content.rstrip(b"\0"))  # a log has room ahead
        at = dice.randrange(used)
        if damage == "torn":
            del content[at:]
        elif damage == "flipped":
            content[at] ^= 1 << dice.randrange(8)
        else:
            content[at : at + 512] = bytes(len(content[at : at + 512]))
        file.write_bytes(content)
        lowest = last
        if what == "*.wal":
            # A log may end early where nothing vouches for more. What was synced before the last record is vouched for by that
            # record, unless it is damaged itself or cut off.
            witness_lost = damage == "torn" or (damage == "zeroed" and at + 512 + LONGEST_RECORD > used)
            lowest = 0 if witness_lost else (last - 1) // SYNC_EVERY * SYNC_EVERY
        outcomes.append(expect_truth(copy, lowest, last))
    print(what, damage, outcomes)


@pytest.mark.parametrize("what", ["*.sst", "CURRENT", "MANIFEST*"])
def test_lost_files(tmp_path: Path, killed: tuple[Path, int], what: str) -> None:
    original, _ = killed
    for n, name in enumerate(sorted(file.name for file in original.glob(what))[:3]):
        copy = tmp_path / str(n)
        shutil.copytree(original, copy)
        (copy / name).unlink()
        with pytest.raises(esker.CorruptionError, match="|".join([name, "CURRENT"])):
            read(copy)


def test_a_damaged_table_is_a_finding_of_verify(tmp_path: Path, killed: tuple[Path, int]) -> None:
    copy = tmp_path / "db"
    shutil.copytree(killed[0], copy)
    assert esker.verify(copy)["ok"]
    table = sorted(copy.glob("*.sst"))[0]
    content = bytearray(table.read_bytes())
    content[len(content) // 3] ^= 1
    table.write_bytes(content)
    report = esker.verify(copy)
    assert not report["ok"] and any(table.name in problem for problem in report["problems"])
