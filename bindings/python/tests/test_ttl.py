"""Values that expire: by a time of their own, of their write, or of their family; for every way of reading."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import esker

SOON = 0.15


def until(done: Callable[[], bool]) -> None:
    """Waits for something that time brings; a test that waits too long fails."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_has_expired_is_gone_for_every_read(db: esker.Db) -> None:
    db.put(b"a", b"stays")
    db.put(b"b", b"older", ttl=3600)
    started = time.monotonic()
    db.put(b"b", b"goes", ttl=SOON)
    db.put(b"c", b"goes", ttl=timedelta(seconds=SOON), durability="sync")
    assert db.put_many([(b"d", b"goes"), (b"e", b"goes")], ttl=SOON) == 2
    before, items = db.snapshot(), db.items()
    if time.monotonic() - started < SOON / 2:
        assert list(before) == [b"a", b"b", b"c", b"d", b"e"]
    until(lambda: list(db) == [b"a"])
    assert [db.get(key) for key in (b"b", b"c")] == [None, None] and b"d" not in db
    assert db.multi_get([b"a", b"e"]) == [b"stays", None] and db.get_view(b"b") is None
    with pytest.raises(KeyError):
        db[b"b"]
    if time.monotonic() - started < SOON / 2:
        assert before[b"b"] == b"goes" and len(list(items)) == 5
    db.flush()
    db.compact()
    assert dict(db.items()) == {b"a": b"stays"}, "it still hides what is older"


def test_batches_and_transactions(db: esker.Db) -> None:
    users = db.column_family("users", create=True)
    with db.batch() as batch:
        batch.put(b"a", b"goes", ttl=SOON)
        batch.put(b"a", b"goes", ttl=SOON, family=users)
        batch.put(b"b", b"stays")
        kinds = [(entry.kind, entry.value, entry.expires_at) for entry in batch]
        assert [kind[:2] for kind in kinds] == [("put", b"goes"), ("put", b"goes"), ("put", b"stays")]
        assert kinds[0][2] == pytest.approx(time.time() + SOON, abs=5) and kinds[2][2] is None
    with db.batch(ttl=SOON) as batch:
        batch.put(b"c", b"goes")
        batch.put(b"d", b"stays", ttl=3600)
        batch.put(b"e", b"stays", ttl=0)
        copy = esker.Batch.from_bytes(bytes(batch))
    with db.transaction() as t:
        t.put(b"f", b"goes", ttl=SOON)
        t.put(b"g", b"stays")
        t.put(b"h", b"goes", ttl=SOON, family=users)
    until(lambda: list(db) == [b"b", b"d", b"e", b"g"] and list(users) == [])
    db.write(copy, ttl=3600)
    assert b"c" in db
    db.write(copy, ttl=SOON)
    until(lambda: b"c" not in db)


def test_a_family_with_a_time_to_live(path: Path) -> None:
    with esker.open(path) as db:
        sessions = db.column_family("sessions", create=True, ttl=SOON)
        assert sessions.options["ttl_ms"] == "150"
        assert db.column_family("sessions", ttl=timedelta(milliseconds=150)).id == sessions.id
        with pytest.raises(esker.InvalidArgumentError, match="ttl_ms"):
            db.column_family("sessions", ttl=SOON * 2)
        sessions.put(b"a", b"goes")
        sessions[b"b"] = b"goes"
        sessions.put(b"c", b"stays", ttl=3600)
        sessions.put(b"d", b"stays", ttl=0)
        db[b"a"] = b"of another family"
        until(lambda: list(sessions) == [b"c", b"d"])
        assert list(db) == [b"a"]
    with esker.open(path) as db:
        sessions = db.column_family("sessions")
        sessions[b"e"] = b"goes"
        until(lambda: list(sessions) == [b"c", b"d"])


def test_a_default_family_with_a_time_to_live(path: Path) -> None:
    with esker.open(path, ttl=SOON) as db:
        db[b"k"] = b"goes"
        until(lambda: list(db) == [])
        assert db.options["ttl_ms"] == "150"


def test_a_transaction_sees_the_time_of_its_birth(db: esker.Db) -> None:
    db.put(b"k", b"goes", ttl=SOON)
    t = db.transaction()
    seen = t.get(b"k")
    until(lambda: b"k" not in db)
    assert t.get(b"k") == seen, "the same, however late"
    t.rollback()


def test_what_is_no_time(db: esker.Db) -> None:
    for wrong in (-1, -0.001, float("nan"), timedelta(days=-1)):
        with pytest.raises(esker.InvalidArgumentError, match="time"):
            db.put(b"k", b"v", ttl=wrong)
        with pytest.raises(esker.InvalidArgumentError, match="time"):
            db.batch().put(b"k", b"v", ttl=wrong)
    for nonsense in ("1", b"1", object()):
        with pytest.raises(TypeError):
            db.put(b"k", b"v", ttl=nonsense)  # type: ignore[arg-type]
    with pytest.raises(esker.InvalidArgumentError, match="ttl_ms"):
        db.column_family("f", create=True, ttl=1e30)
    assert list(db) == []
    db.put(b"k", b"v", ttl=float("inf"))
    db.batch(ttl=1e300).commit()
    assert db[b"k"] == b"v"
