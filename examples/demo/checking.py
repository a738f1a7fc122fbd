"""Compares the finished database with the source through every face: C, C++, Python, the tool."""

import itertools
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import esker
from killing import Failure
from model import Model


@dataclass
class Check:
    """One face and what it compared."""

    face: str
    what: str
    seconds: float


def by_program(face: str, program: Path, directory: Path, packed: Path) -> Check:
    """The C and C++ programs read the packed file of expected entries themselves."""
    start = time.monotonic()
    done = subprocess.run([program, directory, packed], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"the {face} check ended with code {done.returncode}")
    return Check(face, done.stdout.strip(), time.monotonic() - start)


def by_python(directory: Path, expected: list[tuple[bytes, bytes]]) -> Check:
    """Every key by get, then everything forward and backward."""
    start = time.monotonic()
    with esker.open(str(directory), read_only=True) as db:
        for key, value in expected:
            if db.get(key) != value:
                raise Failure(f"Python: {key!r} holds {db.get(key)!r}, not {value!r}")
        for reverse in (False, True):
            right = reversed(expected) if reverse else iter(expected)
            for got, want in itertools.zip_longest(db.items(reverse=reverse), right):
                if got != want:
                    raise Failure(f"Python: the scan gives {got!r}, not {want!r}")
    what = f"{len(expected)} gets, {len(expected)} entries scanned each way"
    return Check("Python", what, time.monotonic() - start)


def by_tool(tool: Path, directory: Path, expected: list[tuple[bytes, bytes]]) -> Check:
    """``esker verify`` for the files, ``esker scan`` for the entries."""
    start = time.monotonic()
    subprocess.run([tool, "verify", directory], stdout=subprocess.DEVNULL, check=True)
    scan = subprocess.Popen([tool, "scan", "--hex", directory], stdout=subprocess.PIPE)
    assert scan.stdout is not None
    want = (key.hex().encode() + b"\t" + value.hex().encode() + b"\n" for key, value in expected)
    for got_line, want_line in itertools.zip_longest(scan.stdout, want):
        if got_line != want_line:
            raise Failure(f"esker scan gives {got_line!r}, not {want_line!r}")
    if scan.wait() != 0:
        raise Failure(f"esker scan ended with code {scan.returncode}")
    return Check("tool", f"every file verified, {len(expected)} entries scanned", time.monotonic() - start)


def everywhere(programs: Path, tool: Path, directory: Path, model: Model) -> list[Check]:
    """All faces, one after the other."""
    packed = directory.with_suffix(".expected")
    model.write_packed(packed)
    expected = model.sorted()
    checks = [
        by_program("C", programs / "check-c", directory, packed),
        by_program("C++", programs / "check-cpp", directory, packed),
        by_python(directory, expected),
        by_tool(tool, directory, expected),
    ]
    packed.unlink()
    return checks
