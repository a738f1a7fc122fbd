"""Batches: all or nothing, by hand and as a context manager."""

from pathlib import Path

import pytest

import esker


def test_a_batch_commits_when_the_block_ends(db: esker.Db) -> None:
    db[b"old"] = b"x"
    db[b"m1"] = b"x"
    with db.batch() as batch:
        batch.put(b"a", b"1")
        batch[b"b"] = b"2"
        batch.delete(b"old")
        batch.delete_range(b"m", b"n")
        del batch[b"missing"]
        assert list(db) == [b"m1", b"old"], "nothing is applied before the end"
        assert len(batch) == 5
    assert dict(db.items()) == {b"a": b"1", b"b": b"2"}
    assert len(batch) == 0


def test_a_batch_is_discarded_when_the_block_raises(db: esker.Db) -> None:
    with pytest.raises(ZeroDivisionError), db.batch() as batch:
        batch.put(b"a", b"1")
        raise ZeroDivisionError
    assert list(db) == []
    assert len(batch) == 0, "a later commit must not apply it after all"
    batch.commit()
    assert list(db) == []


def test_order_within_a_batch_counts(db: esker.Db) -> None:
    with db.batch() as batch:
        batch.put(b"a", b"1")
        batch.delete(b"a")
        batch.put(b"b", b"1")
        batch.put(b"b", b"2")
        batch.put(b"c", b"1")
        batch.delete_range(b"c", b"d")
        batch.put(b"c", b"2")
    assert dict(db.items()) == {b"b": b"2", b"c": b"2"}


def test_a_batch_by_hand_can_be_used_again(db: esker.Db) -> None:
    batch = db.batch()
    batch.put(b"a", b"1")
    assert batch.size_bytes > 0
    batch.commit()
    batch.commit()  # nothing more to apply
    batch.put(b"b", b"2")
    batch.clear()
    batch.put(b"c", b"3")
    assert "1 write" in repr(batch)
    batch.commit()
    assert dict(db.items()) == {b"a": b"1", b"c": b"3"}


def test_a_wrong_argument_leaves_the_batch_as_it_was(db: esker.Db) -> None:
    batch = db.batch()
    batch.put(b"a", b"1")
    with pytest.raises(TypeError):
        batch.put(b"b", 2)  # type: ignore[arg-type]
    with pytest.raises(esker.InvalidArgumentError):
        db.batch(durability="often")  # type: ignore[arg-type]
    assert len(batch) == 1
    batch.commit()
    assert list(db) == [b"a"]


def test_a_commit_that_fails_keeps_the_writes(db: esker.Db) -> None:
    batch = db.batch()
    batch.put(b"a", b"1")
    db.close()
    with pytest.raises(esker.ClosedError):
        batch.commit()
    assert len(batch) == 1


def test_a_batch_is_bytes_and_comes_back(db: esker.Db, tmp_path: Path) -> None:
    users = db.column_family("users", create=True)
    batch = db.batch()
    batch.put(b"k", b"v")
    batch.put(b"k", b"of users", family=users)
    batch.delete(b"old", family=users)
    batch.delete_range(b"a", b"b")
    data = bytes(batch)
    assert len(data) == batch.size_bytes
    copy = esker.Batch.from_bytes(bytearray(data))
    assert bytes(copy) == data and len(copy) == 4
    with esker.open(tmp_path / "copy") as other:
        twin = other.column_family("users", create=True)
        assert twin.id == users.id
        other.write(copy, durability="sync")
        other.write(copy)
        assert (other[b"k"], twin[b"k"]) == (b"v", b"of users")
    assert len(copy) == 4 and list(db) == [], "writing leaves it as it is"
    with pytest.raises(esker.InvalidArgumentError, match="db.write"):
        copy.commit()
    with pytest.raises(esker.InvalidArgumentError, match="handle"):
        copy.put(b"k", b"v", family="users")
    copy.put(b"k2", b"v", family=users)
    copy.put(b"k2", b"v")
    db.write(copy)
    assert list(db) == [b"k", b"k2"] and list(users) == [b"k", b"k2"]


@pytest.mark.parametrize("data", [b"\x09", b"\x01", b"\x01\x00\x05a", b"\x02\x00\x01a\x01a", b"\x00" * 3 + b"\xff"])
def test_bytes_that_are_no_batch_are_refused(data: bytes) -> None:
    with pytest.raises(esker.CorruptionError):
        esker.Batch.from_bytes(data)
    assert len(esker.Batch.from_bytes(b"")) == 0


def test_a_batch_shows_what_it_holds(db: esker.Db) -> None:
    users = db.column_family("users", create=True)
    batch = db.batch()
    assert list(batch) == []
    batch.put(b"k", b"v")
    batch.delete(b"d", family=users)
    batch.delete_range(b"a", b"b")
    entries = iter(batch)
    batch.clear()
    assert list(entries) == [
        esker.BatchEntry("put", b"k", b"v"),
        ("delete", b"d", None, users.id, None),
        ("delete_range", b"a", b"b", 0, None),
    ], "as it was when the iterator was made"


def test_appending(db: esker.Db) -> None:
    first, second = db.batch(), db.batch()
    first.put(b"a", b"1")
    second.put(b"a", b"2")
    second.delete(b"b")
    first.append(second)
    first.append(first)
    assert [(entry.kind, entry.value) for entry in first] == [("put", b"1"), ("put", b"2"), ("delete", None)] * 2
    assert len(second) == 2
    first.commit()
    assert db[b"a"] == b"2"


def test_savepoints_nest(db: esker.Db) -> None:
    batch = db.batch()
    for key in (b"a", b"b", b"c"):
        batch.put(key, b"v")
        batch.set_savepoint()
    batch.put(b"d", b"v")
    batch.rollback_to_savepoint()
    assert [entry.key for entry in batch] == [b"a", b"b", b"c"]
    batch.pop_savepoint()
    batch.rollback_to_savepoint()
    assert [entry.key for entry in batch] == [b"a"]
    for call in (batch.rollback_to_savepoint, batch.pop_savepoint):
        with pytest.raises(esker.NotFoundError, match="savepoint"):
            call()
    batch.commit()
    assert list(db) == [b"a"]


def test_savepoint_blocks(db: esker.Db) -> None:
    with db.batch() as batch:
        with batch.savepoint() as same:
            assert same is batch
            batch.put(b"a", b"1")
        with pytest.raises(ZeroDivisionError), batch.savepoint():
            batch.put(b"b", b"2")
            with batch.savepoint():
                batch.put(b"c", b"3")
            raise ZeroDivisionError
        batch.put(b"d", b"4")
    assert list(db) == [b"a", b"d"]


def test_the_latest_number_grows_with_every_write(db: esker.Db) -> None:
    before = db.latest_seqno
    db[b"k"] = b"v"
    assert db.latest_seqno == before + 1 == db.snapshot().seqno
    with db.batch() as batch:
        batch.put(b"a", b"1")
        batch.put(b"b", b"2")
    assert db.latest_seqno == before + 3
