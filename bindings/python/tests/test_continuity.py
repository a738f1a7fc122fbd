"""Sequence continuity: what is written after a crash is newer than everything written before it, wherever the older thing
lies. Engines have reused numbers after a crash and brought old values back; each case here is one way to notice. Every crash is
a process that is killed with SIGKILL.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lives import Life


class Lives:
    """A line of lives on one database; the last one is killed when the test ends."""

    def __init__(self, path: Path) -> None:
        self.now = Life(path)

    def crash(self) -> Life:
        self.now = self.now.kill()
        return self.now


@pytest.fixture
def lives(path: Path) -> Iterator[Lives]:
    lives = Lives(path)
    yield lives
    if lives.now.process.returncode is None:
        lives.now.end()


def test_an_overwrite_after_a_crash_shadows_the_old_value(lives: Lives) -> None:
    lives.now.put(b"k", b"old")
    life = lives.crash()
    life.put(b"k", b"new")
    assert life.get(b"k") == b"new"
    life = lives.crash()
    assert life.get(b"k") == b"new"
    assert life.scan() == [(b"k", b"new")]


def test_a_delete_after_a_crash_hides_the_old_value(lives: Lives) -> None:
    lives.now.put(b"k", b"old")
    life = lives.crash()
    life.delete(b"k")
    assert life.get(b"k") is None and life.scan() == []
    life = lives.crash()
    assert life.get(b"k") is None and life.scan() == []


def test_a_range_delete_after_a_crash_hides_its_range_and_nothing_beside_it(lives: Lives) -> None:
    for key in (b"a", b"b", b"c", b"d"):
        lives.now.put(key, b"old")
    life = lives.crash()
    life.delete_range(b"b", b"d")
    for _ in range(2):
        assert life.scan() == [(b"a", b"old"), (b"d", b"old")]
        assert [life.get(key) for key in (b"a", b"b", b"c", b"d")] == [b"old", None, None, b"old"]
        life = lives.crash()


def test_a_put_after_a_crash_is_above_a_range_delete_before_it(lives: Lives) -> None:
    lives.now.put(b"b", b"old")
    lives.now.delete_range(b"a", b"d")
    life = lives.crash()
    life.put(b"b", b"new")
    life.flush()
    for _ in range(2):
        assert life.get(b"b") == b"new" and life.scan() == [(b"b", b"new")]
        life = lives.crash()


def test_three_crash_cycles_on_one_key(lives: Lives) -> None:
    for n in range(3):
        lives.now.put(b"k", b"round %d" % n)
        life = lives.crash()
        assert life.get(b"k") == b"round %d" % n
        assert life.scan() == [(b"k", b"round %d" % n)]
    life.delete(b"k")
    assert lives.crash().get(b"k") is None


@pytest.mark.parametrize("compacted", [False, True], ids=["flushed", "compacted"])
def test_an_overwrite_after_the_crash_shadows_values_in_tables(lives: Lives, compacted: bool) -> None:
    lives.now.put(b"k", b"in a table")
    lives.now.flush()
    if compacted:
        lives.now.compact()
    life = lives.crash()
    assert life.get(b"k") == b"in a table"
    life.put(b"k", b"in the log")
    for _ in range(2):
        assert life.get(b"k") == b"in the log"
        assert life.scan() == [(b"k", b"in the log")]
        life = lives.crash()


def test_an_overwrite_after_the_crash_shadows_values_in_the_log(lives: Lives) -> None:
    lives.now.put(b"k", b"in the first log")
    life = lives.crash()
    life.put(b"k", b"in the second log")
    life.flush()
    assert life.get(b"k") == b"in the second log"
    life = lives.crash()
    assert life.get(b"k") == b"in the second log"
    life.put(b"k", b"in the third log")
    life = lives.crash()
    assert life.get(b"k") == b"in the third log"
    assert life.scan() == [(b"k", b"in the third log")]


def test_untouched_neighbours_keep_their_values(lives: Lives) -> None:
    expected = {b"k%02d" % n: b"v%d" % n for n in range(20)}
    for key, value in expected.items():
        lives.now.put(key, value)
    life = lives.crash()
    life.put(b"k10", b"changed")
    life.delete(b"k05")
    expected[b"k10"] = b"changed"
    del expected[b"k05"]
    life = lives.crash()
    assert dict(life.scan()) == expected
    for n in range(20):
        assert life.get(b"k%02d" % n) == expected.get(b"k%02d" % n)


def test_crash_cycles_with_flushes_in_between(lives: Lives) -> None:
    life = lives.now
    for n in range(6):
        life.put(b"k", b"round %d" % n)
        if n % 2 == 0:
            life.flush()
        life.put(b"only %d" % n, b"x")
        life = lives.crash()
        assert life.get(b"k") == b"round %d" % n
        assert len(life.scan()) == n + 2
    life.compact()
    life = lives.crash()
    assert life.get(b"k") == b"round 5"
    assert len(life.scan()) == 7


def test_the_first_number_after_a_crash_is_above_every_number_before_it(lives: Lives) -> None:
    life = lives.now
    for n in range(4):
        for key in range(10):
            life.put(b"k%d" % key, b"v")
        if n == 1:
            life.flush()
        if n == 2:
            life.delete_range(b"", b"z")
            life.compact()  # nothing is left that would show the numbers
        before = life.seqno()
        life = lives.crash()
        assert life.seqno() >= before
        life.put(b"first", b"after")
        assert life.seqno() > before
