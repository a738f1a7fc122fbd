"""Snapshots: the database at one moment, whatever happens later."""

import pytest

import esker


def test_a_snapshot_sees_what_was_there(db: esker.Db) -> None:
    db.put_many([(b"a", b"1"), (b"b", b"2")])
    with db.snapshot() as before:
        db[b"a"] = b"changed"
        del db[b"b"]
        db[b"c"] = b"3"
        db.flush()
        db.compact()
        assert dict(before.items()) == {b"a": b"1", b"b": b"2"}
        assert before[b"a"] == b"1" and before.get(b"b") == b"2" and b"b" in before
        assert before.get(b"c") is None and before.get(b"c", 7) == 7 and b"c" not in before
        with pytest.raises(KeyError):
            before[b"c"]
        assert before.multi_get([b"c", b"a"]) == [None, b"1"]
        view = before.get_view(b"a")
        assert view is not None and view.tobytes() == b"1"
        assert list(before) == [b"a", b"b"]
        assert list(before.keys(start=b"b")) == [b"b"]
        assert list(before.keys(stop=b"b")) == [b"a"]
        assert list(before.values(reverse=True)) == [b"2", b"1"]
        assert list(before.items(prefix=b"b")) == [(b"b", b"2")]
    assert dict(db.items()) == {b"a": b"changed", b"c": b"3"}


def test_a_range_delete_does_not_reach_into_a_snapshot(db: esker.Db) -> None:
    db.put_many((b"%03d" % n, b"v") for n in range(100))
    before = db.snapshot()
    db.delete_range(b"010", b"090")
    db.compact()
    assert len(list(before)) == 100 and len(list(db)) == 20


def test_many_snapshots_each_keep_their_moment(db: esker.Db) -> None:
    snapshots = []
    for n in range(50):
        db[b"k"] = b"%d" % n
        snapshots.append(db.snapshot())
        if n % 10 == 0:
            db.flush()
    db.compact()
    assert [s[b"k"] for s in snapshots] == [b"%d" % n for n in range(50)]
    numbers = [s.seqno for s in snapshots]
    assert numbers == sorted(set(numbers))


def test_a_closed_snapshot_is_closed(db: esker.Db) -> None:
    db[b"k"] = b"v"
    snapshot = db.snapshot()
    items = snapshot.items()
    assert not snapshot.closed and str(snapshot.seqno) in repr(snapshot)
    snapshot.close()
    snapshot.close()
    assert snapshot.closed and "closed" in repr(snapshot)
    for call in (lambda: snapshot.get(b"k"), snapshot.items, lambda: b"k" in snapshot, lambda: list(snapshot)):
        with pytest.raises(esker.ClosedError):
            call()
    assert list(items) == [(b"k", b"v")], "an iterator keeps its moment by itself"


def test_closing_a_snapshot_lets_go_of_what_it_held(db: esker.Db) -> None:
    snapshot = db.snapshot()
    assert db.stats()["snapshots"] == 1
    snapshot.close()
    assert db.stats()["snapshots"] == 0
    db.snapshot()  # dropped at once
    assert db.stats()["snapshots"] == 0
