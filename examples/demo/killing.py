"""Runs the C loader and kills it with SIGKILL, again and again, until the whole file is in.

What was acknowledged is what the loader wrote into its pipe before it died: the pipe is read to its end after the kill.
"""

import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model import Model


@dataclass
class Run:
    """One life of the loader."""

    first_row: int
    found: int | None = None  # rows it found at its start; None if it died before it could say
    acknowledged: int = 0  # rows acknowledged by the end of this life, earlier lives included
    killed: bool = False
    opening: bool = False  # killed while it was opening the database
    survived: int = 0  # rows found after its death
    entries: int = 0  # entries compared after its death


class Failure(Exception):
    """The demo found something that must not be."""


@dataclass
class Loader:
    """How the loader is started."""

    command: Path
    directory: Path
    file: Path
    rows_per_batch: int
    options: dict[str, str]

    def start(self, first_row: int) -> subprocess.Popen[str]:
        settings = [f"{name}={value}" for name, value in self.options.items()]
        arguments = [self.command, self.directory, self.file, first_row, self.rows_per_batch, *settings]
        return subprocess.Popen([str(argument) for argument in arguments], stdout=subprocess.PIPE, text=True)

    def live(self, first_row: int, kill_at: int | None, opening_seconds: float | None) -> Run:
        """One life: killed at the first acknowledgement of ``kill_at`` rows or more, or so long after its start."""
        run = Run(first_row, acknowledged=first_row)
        process = self.start(first_row)
        if opening_seconds is not None:
            try:
                process.wait(opening_seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                run.killed = True
        assert process.stdout is not None
        done = False
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # the last words of a dying process
            word, _, number = line.strip().partition(" ")
            if word == "found":
                run.found = int(number)
            elif word == "acknowledged":
                run.acknowledged = int(number)
                if kill_at is not None and run.acknowledged >= kill_at and not run.killed:
                    process.kill()  # and read on: what is in the pipe was acknowledged
                    run.killed = True
            done = word == "done"
        code = process.wait()
        if code != (0 if done else -9):
            raise Failure(f"the loader ended with code {code}")
        run.killed = not done
        run.opening = run.killed and run.found is None
        return run


def plan(rows: int, kills: int, seed: int) -> list[int]:
    """Rows at whose acknowledgement to kill: spread over the file, at random within their parts."""
    chance = random.Random(seed)
    part = rows / (kills + 1)
    return [int(part * (n + chance.uniform(0.5, 1.0))) for n in range(kills)]


def judge(run: Run, model: Model, entries: Iterator[tuple[bytes, bytes]], rows: int) -> None:
    """Compares what is there after a kill with the source: every acknowledged row, whole batches, nothing else."""
    found = dict(entries)
    run.survived = int(found.get(b"meta/rows", b"0"))
    if run.survived < run.acknowledged:
        raise Failure(f"{run.acknowledged} rows were acknowledged, {run.survived} are there")
    if run.survived > rows:
        raise Failure(f"{run.survived} rows are there, more than were ever sent")
    model.advance(run.survived)
    if found != model.entries:
        missing = len(model.entries.keys() - found.keys())
        foreign = len(found.keys() - model.entries.keys())
        raise Failure(f"after row {run.survived}: {missing} entries missing, {foreign} too many, or values differ")
    run.entries = len(found)
