"""Batches: all or nothing, by hand and as a context manager."""

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
